//! Status files: both forms, read leniently and written strictly.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use crate::domain::{ChorusInvoiceId, InvoiceStatus};
use crate::fault::{Code, Language};
use crate::invoice::status_code::{CompletedAs, Reading, RejectedAs};
use crate::invoice::status_file::*;

const FR: Language = Language::Fr;

fn shared(path: &str) -> Option<PathBuf> {
    crate::reference::reference(&format!("chorus-pro/{path}"))
}

fn requests(text: &[u8]) -> Requests {
    read_requests(text, Reading::default(), FR).unwrap()
}

fn problems(read: &Requests) -> Vec<String> {
    read.problems.iter().map(|p| p.text(FR)).collect()
}

fn refused(text: &[u8]) -> String {
    read_requests(text, Reading::default(), FR).unwrap_err().text(FR)
}

/// A file with these units, as an application would write it.
fn file(units: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CPPStatut Version=\"V1_18\"><Enveloppe><EnveloppeUnitaire><Parametres>\
         <ParametreIndiv><Code>DtPrd</Code><Valeurparametre>2026-11-23</Valeurparametre></ParametreIndiv><ParametreIndiv>\
         <Code>IdFlx</Code><Valeurparametre>AAA1</Valeurparametre></ParametreIndiv></Parametres><Partenaires><Recepteur>\
         <Id>CPP001</Id></Recepteur><Emetteur><Id>AAA001</Id></Emetteur></Partenaires></EnveloppeUnitaire></Enveloppe>\n{units}</CPPStatut>"
    )
}

fn unit(status: &str, number: &str, more: &str) -> String {
    format!(
        "<CPPFactureStatutUnitaire><Fournisseur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>33254021516357</Identifiant>\
         <RaisonSociale>Café &amp; C°</RaisonSociale></Fournisseur><Debiteur><TypeIdentifiant>1</TypeIdentifiant>\
         <Identifiant>12345678200051</Identifiant></Debiteur><DonneesStatut><IdStatut>{status}</IdStatut>{more}\
         <Horodatage>2026-11-23T10:00:00+01:00</Horodatage><IdFacture>{number}</IdFacture></DonneesStatut></CPPFactureStatutUnitaire>\n"
    )
}

fn invoices(units: &str) -> String {
    file(&format!("<CPPFactureStatuts compteur=\"1\">\n{units}</CPPFactureStatuts>"))
}

#[test]
fn the_example_status_file_reads_and_one_digit_is_a_number_too() {
    let Some(path) = shared("examples/statut_min.xml") else { return };
    let bytes = std::fs::read(path).unwrap();
    let read = read_xml(&bytes, FR).unwrap();
    assert_eq!((read.version.as_deref(), read.sender.as_deref()), (Some("V1_19"), Some("AAA001")));
    assert_eq!(read.flux_id.as_deref(), Some("AAA0010000000000000000001"));
    let asked = requests(&bytes);
    assert_eq!(asked.problems, []);
    let one = &asked.statuses[0];
    assert_eq!((one.status.clone(), one.line), (InvoiceStatus::ServiceFait, 2));
    assert_eq!(one.invoice.number.as_ref().unwrap().as_str(), "F2026-0001");
    assert_eq!(one.invoice.supplier.as_deref(), Some("33254021516357"));
    assert_eq!(one.invoice.issued_on.as_deref(), Some("2026-11-19"));
}

#[test]
fn a_status_file_keeps_unknown_elements_and_takes_any_order_and_both_kinds() {
    let invoice =
        unit("07", "F-1", "<NouvelElement><Dedans>é</Dedans></NouvelElement><Commentaire>œuvre à 10 €</Commentaire>");
    let flux = "<CPPFluxStatuts compteur=\"1\"><CPPFluxStatutUnitaire><DonneesStatut><IdFlux>CPP1</IdFlux><IdStatut>93</IdStatut>\
        <Horodatage>2026-11-23T10:00:00Z</Horodatage><Details NbLignesErreur=\"1\"><LigneErreurDetail><NatureErreur>T</NatureErreur>\
        <CodeErreur>IRR_TAILLE</CodeErreur><LibelleErreur>trop gros</LibelleErreur></LigneErreurDetail></Details></DonneesStatut>\
        </CPPFluxStatutUnitaire></CPPFluxStatuts>";
    let text = file(&format!("<CPPFactureStatuts>{invoice}</CPPFactureStatuts>{flux}"));
    let read = read_xml(text.as_bytes(), FR).unwrap();
    assert_eq!(read.invoices[0].unknown, [("DonneesStatut/NouvelElement/Dedans".to_owned(), "é".to_owned())]);
    assert_eq!(read.invoices[0].comment.as_deref(), Some("œuvre à 10 €"));
    assert_eq!((read.fluxes[0].status, read.fluxes[0].flux.as_str()), (93, "CPP1"));
    assert_eq!(read.fluxes[0].errors[0].code, "IRR_TAILLE");
    let asked = read.requests(Reading::default(), FR);
    assert_eq!((asked.statuses.len(), asked.problems.len()), (1, 1), "a flux's status asks for nothing, and is told");
}

#[test]
fn bad_units_are_told_with_their_line_and_the_good_ones_count() {
    let text =
        invoices(&[unit("99", "F-1", ""), unit("06", "F-2", ""), unit("19", "F-3", ""), unit("05", "", "")].concat());
    let read = requests(text.as_bytes());
    assert_eq!(read.statuses.len(), 1);
    assert_eq!(read.statuses[0].invoice.number.as_ref().unwrap().as_str(), "F-2");
    assert_eq!(
        problems(&read),
        [
            "ligne 4, colonne IdStatut : valeur « 99 » impossible",
            "ligne 6, colonne IdStatut : le code 19 n'a pas de sens documenté pour une facture",
            "ligne 7, colonne IdFacture : <IdFacture> manque",
        ]
    );
}

#[test]
fn the_contradicting_codes_are_read_as_the_caller_says() {
    let text = invoices(&[unit("17", "F-1", ""), unit("32", "F-2", "")].concat());
    let status = |reading| {
        let read = read_requests(text.as_bytes(), reading, FR).unwrap();
        (read.statuses.iter().map(|s| s.status.clone()).collect::<Vec<_>>(), read.problems.len())
    };
    assert_eq!(status(Reading::default()), (vec![InvoiceStatus::Refusee2], 1));
    let later = Reading { completed: CompletedAs::ThirtyTwo, rejected: RejectedAs::Seventeen };
    assert_eq!(status(later), (vec![InvoiceStatus::Rejetee, InvoiceStatus::Completee], 0));
}

#[test]
fn hostile_status_files_are_refused() {
    let code = |text: &str| match read_xml(text.as_bytes(), FR) {
        Err(StatusFileError::Unreadable(fault)) => fault.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code("<!DOCTYPE a [<!ENTITY b \"c\">]><CPPStatut>&b;</CPPStatut>"), Code::XmlForbidden);
    assert_eq!(code(&format!("<CPPStatut>{}", "<a>".repeat(1_000))), Code::ContentOverLimit);
    assert_eq!(code(&format!("<CPPStatut><a>{}</a></CPPStatut>", "x".repeat(70_000))), Code::ContentOverLimit);
    assert_eq!(code("<CPPStatut><a></CPPStatut>"), Code::XmlMalformed);
    assert_eq!(code("  "), Code::EmptyFile);
    assert_eq!(code(&" ".repeat(FILE_LIMIT + 1).replacen(' ', "<", 1)), Code::ContentOverLimit);
    assert!(matches!(read_xml(b"<Invoice/>", FR), Err(StatusFileError::OtherRoot(root)) if root == "Invoice"));
    assert!(refused(b"bonjour").contains("colonnes"));
    assert!(refused(b"PK\x03\x04\0\0").contains("Ni un fichier CPPStatut"));
    let many = invoices(&unit("07", "F", "").repeat(STATUSES_LIMIT + 1));
    assert!(read_xml(many.as_bytes(), FR).is_err(), "too many, or too large");
    let empty = requests(file("<CPPFactureStatuts/>").as_bytes());
    assert!(problems(&empty)[0].contains("aucun statut"), "an empty file is not silently fine");
}

#[test]
fn a_few_thousand_statuses_in_one_file_are_read() {
    let text = invoices(&(0..6_000).map(|n| unit("07", &format!("F-{n}"), "")).collect::<String>());
    assert_eq!(requests(text.as_bytes()).statuses.len(), 6_000);
}

pub(super) fn xmllint(xml: &str, schema: &PathBuf) -> Result<(), String> {
    let mut lint = Command::new("xmllint");
    lint.args(["--noout", "--nonet", "--schema"]).arg(schema).arg("-");
    let mut child = lint.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    child.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
}

fn envelope() -> Envelope {
    Envelope {
        sender: "AAA001".into(),
        receiver: "CPP001".into(),
        flux_id: "AAA0010000000000000000001".into(),
        produced: "2026-11-23".into(),
    }
}

fn written() -> InvoiceFileStatus {
    let party = |kind: &str, id: &str, name: &str| StatusParty {
        kind: kind.into(),
        id: id.into(),
        name: Some(name.into()),
        ..StatusParty::default()
    };
    InvoiceFileStatus {
        line: 0,
        supplier: StatusParty { country: Some("FR".into()), ..party("1", "33254021516357", "Café & <C°>") },
        recipient: StatusParty {
            service: Some("COMPTA".into()),
            service_name: Some("Comptabilité".into()),
            ..party("1", "12345678200051", "Université")
        },
        status: "7".parse().unwrap(),
        complement: Some("LIVR_INCOMP".into()),
        comment: Some("œuvre à 10 €\u{1}\r\nsuite".into()),
        stamped: Some("2026-11-23T10:00:00.000+01:00".into()),
        producer: Some("AAA\"001".into()),
        invoice: "F2026-0001".parse().unwrap(),
        issued_on: Some("2026-11-19".into()),
        mandate: Some("M-1".into()),
        unknown: Vec::new(),
    }
}

#[test]
fn what_is_written_validates_against_the_schema_and_reads_back() {
    let bare = InvoiceFileStatus {
        supplier: StatusParty { kind: "1".into(), id: "1".into(), ..StatusParty::default() },
        recipient: StatusParty { id: "12345678200051".into(), ..StatusParty::default() },
        complement: None,
        comment: None,
        producer: None,
        issued_on: None,
        mandate: None,
        ..written()
    };
    let xml = write_invoice_statuses(&envelope(), &[written(), bare]).unwrap();
    let flux = FluxStatus {
        line: 0,
        status: 96,
        complement: Some("PARTIEL".into()),
        comment: Some("un & deux".into()),
        note: Some("n".into()),
        stamped: Some("2026-11-23T10:00:00Z".into()),
        producer: Some("CPP00001".into()),
        flux: "FSO1117A".into(),
        errors: vec![FluxError {
            nature: "F".into(),
            code: "C".into(),
            label: "L".into(),
            description: Some("D".into()),
        }],
        unknown: Vec::new(),
    };
    let flux_xml = write_flux_statuses(&envelope(), std::slice::from_ref(&flux)).unwrap();
    if let Some(schema) = shared("xsd/CPPStatutPivot_V1_19.xsd") {
        for text in [&xml, &flux_xml] {
            xmllint(text, &schema).unwrap_or_else(|e| panic!("{e}\n{text}"));
        }
        let broken = xml.replace("<IdStatut>07</IdStatut>", "<IdStatut>77</IdStatut>");
        assert!(xmllint(&broken, &schema).is_err(), "the schema does find a wrong status");
    }
    assert!(xml.contains("<IdStatut>07</IdStatut>") && xml.contains("compteur=\"2\""));
    let read = read_xml(xml.as_bytes(), FR).unwrap();
    let expected = InvoiceFileStatus { comment: Some("œuvre à 10 € \r\nsuite".into()), ..written() };
    assert_eq!(InvoiceFileStatus { line: 0, ..read.invoices[0].clone() }, expected);
    let read = read_xml(flux_xml.as_bytes(), FR).unwrap();
    assert_eq!(FluxStatus { line: 0, ..read.fluxes[0].clone() }, flux);
}

#[test]
fn what_does_not_fit_the_schema_is_not_written() {
    type Change = fn(&mut InvoiceFileStatus);
    let cases: [(&str, Change); 7] = [
        ("Debiteur/Identifiant", |s| s.recipient.id = "123".into()),
        ("Debiteur/CodeService", |s| s.recipient.service = Some("x".repeat(101))),
        ("Fournisseur/TypeIdentifiant", |s| s.supplier.kind = "8".into()),
        ("Fournisseur/CodePays", |s| s.supplier.country = Some("FRA".into())),
        ("Horodatage", |s| s.stamped = Some("2026-11-23 10:00".into())),
        ("Horodatage", |s| s.stamped = None),
        ("DateFacture", |s| s.issued_on = Some("19/11/2026".into())),
    ];
    for (wanted, change) in cases {
        let mut status = written();
        change(&mut status);
        match write_invoice_statuses(&envelope(), &[status]) {
            Err(WritingError::Status { ordinal: 1, field, .. }) => assert_eq!(field, wanted),
            other => panic!("{wanted}: {other:?}"),
        }
    }
    for envelope in [Envelope { sender: "AB".into(), ..envelope() }, Envelope { produced: "hier".into(), ..envelope() }]
    {
        assert!(matches!(write_invoice_statuses(&envelope, &[written()]), Err(WritingError::Envelope { .. })));
    }
    assert_eq!(write_invoice_statuses(&envelope(), &[]), Err(WritingError::Count));
}

#[test]
fn the_table_reads_in_every_encoding_separator_and_order() {
    let rows = "numéro_facture;Fournisseur;STATUT;motif;commentaire;id_facture;numero_mandat\n\
        ;;SUSPENDUE;LIVR_INCOMP;\"2 cartons ; œuvre à 10 €\";9001;\n\n;;08;;;9003;M-1\nF/1;33254021516357;mise à disposition;;;;\n";
    let cp1252 = encoding_rs::WINDOWS_1252.encode(rows).0.into_owned();
    let comma = rows.replace(';', ",").replace("cartons ,", "cartons ;");
    for bytes in [rows.as_bytes(), &cp1252, format!("\u{feff}{rows}").as_bytes(), comma.as_bytes()] {
        let read = requests(bytes);
        assert_eq!(problems(&read), Vec::<String>::new());
        let [first, second, third] = &read.statuses[..] else { panic!("{read:?}") };
        assert_eq!((first.status.clone(), first.line), (InvoiceStatus::Suspendue, 2));
        assert_eq!(first.reason(), "LIVR_INCOMP - 2 cartons ; œuvre à 10 €");
        assert_eq!(first.invoice.chorus_id, Some(ChorusInvoiceId(9001)));
        assert_eq!((second.status.clone(), second.mandate.as_deref()), (InvoiceStatus::Mandatee, Some("M-1")));
        assert_eq!((third.status.clone(), third.line), (InvoiceStatus::MiseADisposition, 5));
        assert_eq!(third.invoice.number.as_ref().unwrap().as_str(), "F/1");
    }
}

#[test]
fn bad_lines_of_a_table_are_told_by_line_and_column_and_the_good_ones_count() {
    let text = "id_facture;numero_facture;fournisseur;statut;motif;numero_mandat\n9,001E+3;;;REJETEE;x;\n;F-1;;SERVICE_FAIT;;\n\
        9002;;;PAYEE;;\n9003;;;;;\n9004;;;SERVICE_FAIT;;;extra\n9005;;;SERVICE_FAIT;;\n9006;;;SERVICE_FAIT;\"ouvert;\n9007;;;07;;\n";
    let read = requests(text.as_bytes());
    assert_eq!(
        problems(&read),
        [
            "ligne 2, colonne id_facture : « 9,001E+3 » n'est pas un nombre entier (un tableur l'a-t-il transformé ?)",
            "ligne 3 : quelle facture ? Remplissez id_facture, ou numero_facture et fournisseur",
            "ligne 4, colonne statut : statut « PAYEE » inconnu",
            "ligne 5, colonne statut : statut manquant",
            "ligne 6 : 7 champs pour 6 colonnes : un séparateur de trop, ou un texte sans guillemets",
            "ligne 8 : champ n° 5 : guillemet jamais fermé",
        ]
    );
    let taken: Vec<_> = read.statuses.iter().map(|s| s.line).collect();
    assert_eq!(taken, [7, 9]);
}

#[test]
fn a_header_that_is_wrong_is_refused_with_its_column() {
    assert!(
        refused(b"id_facture;statut;numero_mandta\n1;REJETEE;x").contains("colonne n° 3 inconnue « numero_mandta »")
    );
    assert!(refused(b"id_facture;id_facture;statut\n").contains("colonne en double"));
    assert!(refused(b"id_facture;motif\n1;x").contains("colonne statut : cette colonne manque"));
    assert!(refused(b"numero_facture;statut\n1;x").contains("numero_facture avec fournisseur"));
    assert!(refused(b"a;b;c\n1;2;3").contains("Ni un fichier CPPStatut"));
    assert_eq!(requests(b"id_facture;statut;\n1;07;\n").statuses.len(), 1, "a trailing separator is no column");
}

#[test]
fn the_manual_of_the_table_lists_every_column_and_its_example_is_taken() {
    let manual = include_str!("../../../config/schema/statuts.csv.md");
    let table: String = COLUMNS
        .iter()
        .map(|c| format!("| `{}` | {} | {} characters | {} |\n", c.name, c.needed, c.longest, c.meaning))
        .collect();
    assert!(manual.contains(&table), "config/schema/statuts.csv.md must hold exactly:\n{table}");
    let example = manual.split("```csv\n").nth(1).unwrap().split("```").next().unwrap();
    let read = requests(example.as_bytes());
    assert_eq!((read.statuses.len(), read.problems.len()), (3, 0));
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..3000, byte in any::<u8>()) {
        let _ = read_requests(&bytes, Reading::default(), FR);
        let _ = read_requests(&[b"id_facture;statut\n", &bytes[..]].concat(), Reading::default(), FR);
        let mut changed = invoices(&unit("07", "F-1", "<Commentaire>x</Commentaire>")).into_bytes();
        let at = at % changed.len();
        changed[at] = byte;
        let _ = read_requests(&changed, Reading::default(), FR);
    }

    #[test]
    fn whatever_text_is_written_reads_back(comment in "[ -~éœ€\\n&<>\"]{1,60}", number in "[A-Za-z0-9/+ -]{1,20}") {
        prop_assume!(!comment.trim().is_empty() && !number.trim().is_empty());
        let status = InvoiceFileStatus { comment: Some(comment.clone()), invoice: number.parse().unwrap(), ..written() };
        let read = read_xml(write_invoice_statuses(&envelope(), &[status]).unwrap().as_bytes(), FR).unwrap();
        prop_assert_eq!(read.invoices[0].comment.as_deref(), Some(comment.trim()));
        prop_assert_eq!(read.invoices[0].invoice.as_str(), number.trim());
    }
}
