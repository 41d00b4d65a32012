//! Conversions over the mini corpus, whose bases are twins: the same invoice in UBL and in CII, made by others.

use std::collections::{BTreeMap, BTreeSet};

use super::corpus::{Official, mini};
use super::sample;
use super::status_file::xmllint;
use crate::fault::{Code, Fault};
use crate::invoice::conversion::{Converted, Source, Target, convert};
use crate::invoice::semantic::{self, Lost, WORDED_ANEW};
use crate::invoice::{Limits, Options, container, encoding, guard, pivot};
use crate::reference::reference;

fn to(target: Target, bytes: &[u8]) -> Result<Converted, Fault> {
    let source = Source { name: "facture.xml", bytes };
    convert(source, target, "2026-11-26", &Options::default()).map(|mut all| all.remove(0))
}

fn other(syntax: &str) -> (Target, &'static str, &'static str) {
    match syntax {
        "cii" => (Target::Ubl, ".cii.xml", ".ubl.xml"),
        _ => (Target::Cii, ".ubl.xml", ".cii.xml"),
    }
}

fn meaning(bytes: &[u8]) -> en16931::Invoice {
    let decoded = encoding::decode(bytes).unwrap();
    let outline = guard::outline(&decoded.text, &Limits::default()).unwrap();
    semantic::read(&outline, &decoded.text, &Limits::default()).unwrap().invoice
}

/// Path and value of everything a document says.
fn said(bytes: &[u8]) -> BTreeMap<(String, String), usize> {
    let decoded = encoding::decode(bytes).unwrap();
    let outline = guard::outline(&decoded.text, &Limits::default()).unwrap();
    let mut said = BTreeMap::new();
    for (_, path, value) in semantic::values(&outline) {
        if !WORDED_ANEW.iter().any(|end| path.ends_with(end)) {
            *said.entry((path, value)).or_default() += 1;
        }
    }
    said
}

#[test]
fn the_bases_say_the_same_in_the_other_syntax_and_back() {
    let Some(files) = mini() else { return };
    let bases: Vec<Official> = String::from_utf8(files["verdicts.jsonl"].clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Official>(line).unwrap())
        .filter(|official| official.kind == "base")
        .collect();
    assert!(bases.len() >= 56, "{}", bases.len());
    for base in &bases {
        let bytes = &files[&base.file];
        let (target, from, ending) = other(&base.syntax);
        let there = to(target, bytes).unwrap_or_else(|fault| panic!("{}: {fault:?}", base.file));
        assert_eq!((&there.lost, &there.readings), (&vec![], &vec![]), "{}", base.file);
        // Term by term, as the model has them, and element by element, as others wrote the same invoice.
        assert_eq!(meaning(&there.bytes), meaning(bytes), "{}", base.file);
        let twin = &files[&base.file.replace(from, ending)];
        assert_eq!(said(&there.bytes), said(twin), "{} beside its twin", base.file);
        let (back, ..) = other(if target == Target::Ubl { "ubl" } else { "cii" });
        let again = to(if back == Target::Ubl { Target::Ubl } else { Target::Cii }, &there.bytes).unwrap();
        assert_eq!(said(&again.bytes), said(bytes), "{} and back", base.file);
    }
}

#[test]
fn whatever_is_accepted_is_converted_or_said_to_lose_something() {
    let Some(files) = mini() else { return };
    let (mut whole, mut lossy, mut faults) = (0, BTreeSet::new(), BTreeMap::new());
    for line in String::from_utf8(files["verdicts.jsonl"].clone()).unwrap().lines() {
        let official: Official = serde_json::from_str(line).unwrap();
        let (target, ..) = other(&official.syntax);
        match to(target, &files[&official.file]) {
            Ok(converted) if converted.lost.is_empty() => {
                assert_eq!(meaning(&converted.bytes), meaning(&files[&official.file]), "{}", official.file);
                whole += 1;
            }
            Ok(converted) => lossy.extend(converted.lost.into_iter().map(|lost| lost.place)),
            Err(fault) => {
                let rejected = !official.european.fatal.is_empty() || official.european.error.is_some();
                assert!(rejected || fault.code == Code::ConversionImpossible, "{}: {fault:?}", official.file);
                if !rejected {
                    faults.insert(official.file, fault.title(crate::fault::Language::En));
                }
            }
        }
    }
    println!("whole: {whole}; places that were lost: {lossy:?}; not possible: {faults:?}");
    assert!(whole > 56, "{whole}");
    assert!(faults.len() < 10, "{faults:?}");
}

#[test]
fn what_has_no_place_is_named() {
    let text = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    let with = text.replacen(
        "<cac:AccountingSupplierParty>",
        "<cac:Signature><cbc:ID>signature &amp; cachet</cbc:ID></cac:Signature><cac:AccountingSupplierParty>",
        1,
    );
    assert_ne!(text, with);
    let converted = to(Target::Cii, with.as_bytes()).unwrap();
    let named = Lost { place: "Invoice/Signature/ID".to_owned(), value: "signature & cachet".to_owned() };
    assert_eq!(converted.lost, [named]);
    assert_eq!(to(Target::Ubl, text.as_bytes()).unwrap_err().code, Code::ConversionImpossible, "UBL to UBL");
    let wrong = to(Target::Cii, sample("facture-totaux-faux.xml")).unwrap_err();
    assert_eq!(wrong.code, Code::RulesFailed, "what is refused is not converted: {wrong:?}");
}

#[test]
fn what_a_pdf_carries_is_taken_out_and_converted() {
    let pdf = sample("facture-facturx.pdf");
    let cii = to(Target::Cii, pdf).unwrap();
    let (payload, _) = container::open(pdf, &Limits::default()).unwrap();
    assert!(cii.bytes == payload && cii.lost.is_empty(), "taken out as it is");
    let ubl = to(Target::Ubl, pdf).unwrap();
    assert_eq!(meaning(&ubl.bytes), meaning(&cii.bytes));
    assert_eq!((&ubl.number, ubl.lost.len()), (&cii.number, 0));
}

#[test]
fn a_pivot_is_valid_carries_the_original_and_names_what_it_cannot_say() {
    let limits = pivot::Limits { pivot_bytes: 10_000_000, attachment_bytes: 10_000_000 };
    let mut pivots = Vec::new();
    for name in ["facture-ubl.xml", "facture-cii.xml", "facture-facturx.pdf"] {
        let bytes = sample(name);
        let converted = to(Target::Pivot, bytes).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        let read = pivot::read(&converted.bytes, &limits).unwrap();
        let invoice = &read.invoices[0];
        let meant = meaning(&match name.ends_with("pdf") {
            true => to(Target::Cii, bytes).unwrap().bytes,
            false => bytes.to_vec(),
        });
        assert_eq!((&invoice.number, Some(&invoice.number)), (&converted.number, meant.number.as_ref()));
        assert_eq!(invoice.principal().unwrap().content.as_deref(), Some(bytes), "{name}");
        assert_eq!(invoice.engagement, meant.purchase_order_reference.as_ref().map(|r| r.as_str().to_owned()));
        let lost: Vec<&str> = converted.lost.iter().map(|lost| lost.place.split(' ').next().unwrap()).collect();
        assert!(lost.contains(&"BT-37"), "a pivot has no address: {lost:?}");
        for carried in ["BT-1", "BT-2", "BT-27", "BT-44", "BT-109", "BT-112", "BT-131"] {
            assert!(!lost.contains(&carried), "{carried}: {:?}", converted.lost);
        }
        pivots.push(String::from_utf8(converted.bytes).unwrap());
    }
    assert!(pivots[0].contains("<ReferenceBancaire Type=\"IBAN\">"), "{}", pivots[0]);
    let text = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    let elsewhere = to(Target::Pivot, text.replace("FR7630001007941234567890185", "0012-4455").as_bytes()).unwrap();
    let elsewhere = String::from_utf8(elsewhere.bytes).unwrap();
    assert!(
        elsewhere.contains("<ReferenceBancaire><Compte>0012-4455<"),
        "what is no IBAN is not called one: {elsewhere}"
    );
    pivots.push(elsewhere);
    // Once a pivot, it is no pivot again; and its own way back to UBL knows what was carried.
    let again = to(Target::Pivot, pivots[0].as_bytes()).unwrap_err();
    assert_eq!(again.code, Code::ConversionImpossible);
    let Some(schema) = reference("chorus-pro/xsd/CPPFacturePivot_V2_02.xsd") else { return };
    for text in &pivots {
        xmllint(text, &schema).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}

#[test]
fn a_pivot_of_an_invoice_without_siret_says_what_it_lacks() {
    let text = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    let without = text.replace("schemeID=\"0009\"", "schemeID=\"0060\"");
    assert_ne!(text, without);
    let fault = to(Target::Pivot, without.as_bytes()).unwrap_err();
    let told = fault.title(crate::fault::Language::En);
    assert!(told.contains("BT-29") && told.contains("BT-46"), "{told}");
}
