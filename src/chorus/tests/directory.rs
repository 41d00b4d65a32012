//! The directory, in every form its archive may have.

use std::io::{Cursor, Write};

use proptest::prelude::*;

use super::super::*;
use crate::domain::{StructureEntry, StructureService};

const HEADER: &str = "TypeIdentifiant;Identifiant;RaisonSociale;EmetteurEdi;RecepteurEdi;GestionStatutMiseEnPaiement;GestionEngagement;GestionService;GestionServiceEngagement;EstMOA;EstMOAUniquement;StructureActive;Adresse";

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn all(bytes: &[u8]) -> Vec<Result<StructureEntry, DirectoryError>> {
    DirectoryReader::open(bytes).unwrap().collect()
}

fn entries(bytes: &[u8]) -> Vec<StructureEntry> {
    all(bytes).into_iter().map(Result::unwrap).collect()
}

#[test]
fn the_directory_reads_as_csv_bare_zipped_or_gzipped() {
    let text = format!(
        "{HEADER}\n1;12345678200036;Université de l'Œuvre;true;false;1;oui;non;false;0;0;O;1 rue\n1;12345678200028;\"Lycée ; n° 2\";;;0;0;1;;;;false;\n"
    );
    let (cp1252, _, _) = encoding_rs::WINDOWS_1252.encode(&text);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    let zip = zipped(&[("lisezmoi.txt", b"bonjour"), ("annuaire.csv", text.as_bytes())]);
    for bytes in [text.clone().into_bytes(), cp1252.into_owned(), gzip.finish().unwrap(), zip] {
        let read = entries(&bytes);
        assert_eq!(
            read[0],
            StructureEntry {
                siret: "12345678200036".into(),
                name: Some("Université de l'Œuvre".into()),
                active: Some(true),
                service_required: Some(false),
                commitment_required: Some(true),
                commitment_or_service: Some(false),
                payment_reported: Some(true),
                services: Vec::new(),
            }
        );
        assert_eq!((read[1].name.as_deref(), read[1].active), (Some("Lycée ; n° 2"), Some(false)));
        assert_eq!((read[1].service_required, read[1].commitment_or_service), (Some(true), None), "silence is not no");
        assert_eq!(read.len(), 2);
    }
}

#[test]
fn lines_of_services_join_their_structure_and_a_file_of_services_adds_to_it() {
    let table = "SIRET;RaisonSociale;CodeService;NomService;ServiceActif\n1;A;S1;Un;1\n1;A;S2;Deux;0\n2;B;;;\n";
    let services = "TypeIdentifiant;Identifiant;Code;Nom;GestionEngagement;ServiceActif\n1;2;S9;Neuf;true;false\n";
    let read = entries(&zipped(&[("structures.csv", table.as_bytes()), ("services.csv", services.as_bytes())]));
    assert_eq!(read.len(), 3);
    let codes: Vec<_> = read[0].services.iter().map(|s| (s.code.as_str(), s.active)).collect();
    assert_eq!(codes, [("S1", Some(true)), ("S2", Some(false))]);
    assert!(read[1].services.is_empty());
    assert_eq!((read[2].siret.as_str(), read[2].commitment_required), ("2", None));
    let service = StructureService {
        code: "S9".into(),
        name: Some("Neuf".into()),
        active: Some(false),
        commitment_required: Some(true),
    };
    assert_eq!((&read[2].services[0], read[2].name.as_deref()), (&service, None));
}

#[test]
fn the_directory_reads_as_xml_with_its_services() {
    let text = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><Annuaire><Entete><Nom>x</Nom></Entete>\
        <Structures><Structure><TypeIdentifiant>1</TypeIdentifiant><Identifiant>12345678200044</Identifiant>\
        <RaisonSociale>Universit\u{e9} &amp; C&#176;</RaisonSociale><Parametres><GestionEngagement>true</GestionEngagement>\
        <GestionService>true</GestionService></Parametres><StructureActive>true</StructureActive>\
        <Services><Service><Code>COMPTA</Code><Nom>Comptabilit\u{e9}</Nom><GestionEngagement>false</GestionEngagement></Service>\
        <Service><Code>ACHATS</Code></Service></Services></Structure>\
        <Structure siret=\"12345678200051\" active=\"non\"/></Structures></Annuaire>";
    let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(text);
    let read = entries(&latin);
    assert_eq!(read.len(), 2);
    assert_eq!((read[0].siret.as_str(), read[0].name.as_deref()), ("12345678200044", Some("Université & C°")));
    assert_eq!((read[0].commitment_required, read[0].service_required), (Some(true), Some(true)));
    assert_eq!(read[0].services.len(), 2);
    assert_eq!(
        read[0].services[0],
        StructureService {
            code: "COMPTA".into(),
            name: Some("Comptabilité".into()),
            active: None,
            commitment_required: Some(false),
        }
    );
    assert_eq!((read[1].siret.as_str(), read[1].active), ("12345678200051", Some(false)));
}

#[test]
fn a_bad_line_of_the_directory_does_not_hide_the_others() {
    let text = "Identifiant;RaisonSociale\n1;A\n;sans numéro\n2;\"ouvert\n3;C\n";
    let read = all(text.as_bytes());
    let good: Vec<_> = read.iter().flatten().map(|e| e.siret.as_str()).collect();
    assert_eq!(good, ["1", "3"]);
    let bad: Vec<_> = read.iter().filter_map(|e| e.as_ref().err()).map(ToString::to_string).collect();
    assert_eq!(bad[0], "annuaire, line 3: no SIRET");
    assert!(bad[1].contains("line 4") && bad.len() == 2, "{bad:?}");
}

#[test]
fn what_is_no_directory_says_so() {
    let first = |bytes: &[u8]| all(bytes).into_iter().next().unwrap().unwrap_err();
    assert_eq!(first(b"bonjour"), DirectoryError::NoMember);
    assert_eq!(first(&zipped(&[("a.txt", b"x"), ("b.bin", b"\0;")])), DirectoryError::NoMember);
    assert!(matches!(first(b"a;b\n1;2"), DirectoryError::NoIdentifier { .. }));
    assert!(matches!(first(b"<a><b>1</b></a>"), DirectoryError::NoIdentifier { .. }));
    assert!(matches!(first(b"<!DOCTYPE a><a/>"), DirectoryError::Member { .. }));
    assert!(matches!(first(b"<a>&x;</a>"), DirectoryError::Member { .. }));
    assert!(matches!(first(b"<a><Structure>"), DirectoryError::Member { .. }));
    assert!(matches!(DirectoryReader::open(b"PK\x03\x04rubbish"), Err(DirectoryError::Archive(_))));
    assert_eq!(all(b"<a>".repeat(5_000).as_slice()).len(), 1, "depth is bounded and reading ends");
    let endless = format!("<a><RaisonSociale>{}</RaisonSociale></a>", "x".repeat(1 << 20));
    assert!(matches!(first(endless.as_bytes()), DirectoryError::Member { .. }), "a text without end is not held");
}

/// Fifty thousand structures in an archive of a few hundred kilobytes: what is held does not grow with them.
#[test]
fn a_large_directory_is_read_as_a_stream() {
    let mut text = format!("{HEADER}\n");
    for n in 0..50_000 {
        text.push_str(&format!("1;{n:014};Structure {n};0;0;1;0;0;0;0;0;1;\n"));
    }
    let zip = zipped(&[("annuaire.csv", text.as_bytes())]);
    let reader = DirectoryReader::open(&zip).unwrap();
    assert_eq!(reader.map(Result::unwrap).filter(|e| e.active == Some(true)).count(), 50_000);
}

proptest! {
    #[test]
    fn no_archive_makes_it_panic_or_run_for_ever(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..2000, byte in any::<u8>()) {
        for head in [&b""[..], b"PK\x03\x04", b"\x1f\x8b\x08", b"<", b"Identifiant;CodeService\n"] {
            if let Ok(reader) = DirectoryReader::open(&[head, &bytes[..]].concat()) {
                prop_assert!(reader.take(2_000).count() < 2_000);
            }
        }
        let mut zip = zipped(&[("a.csv", b"Identifiant;RaisonSociale\n1;A\n2;B\n"), ("b.xml", b"<a><s siret=\"1\"/></a>")]);
        let at = at % zip.len();
        zip[at] = byte;
        if let Ok(reader) = DirectoryReader::open(&zip) {
            prop_assert!(reader.take(2_000).count() < 2_000);
        }
    }
}
