//! Conversions over the mini corpus, whose bases are twins: the same invoice in UBL and in CII, made by others.

use std::collections::{BTreeMap, BTreeSet};

use super::corpus::{Official, mini};
use super::sample;
use super::status_file::xmllint;
use crate::fault::{Code, Fault, Language};
use crate::invoice::conversion::{Converted, Source, Target, convert};
use crate::invoice::semantic::{self, Lost};
use crate::invoice::{Limits, Options, Profile, Verdict, container, encoding, examine, guard, pivot};
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

/// What only says which kind of thing stands beside it, and of which others' tools and the library each have a word.
const SAME: [(&str, &str, &str); 3] = [
    ("PartyTaxScheme/TaxScheme/ID", "FC", "TAX"),
    ("CardAccount/NetworkID", "NA", "mapped-from-cii"),
    // The library names a project by its reference.
    ("SpecifiedProcuringProject/Name", "PROJET-ANR-42", "Project reference"),
];

/// Path and value of everything a document says.
fn said(bytes: &[u8]) -> BTreeMap<(String, String), usize> {
    let decoded = encoding::decode(bytes).unwrap();
    let outline = guard::outline(&decoded.text, &Limits::default()).unwrap();
    let mut said = BTreeMap::new();
    for (_, path, value) in semantic::values(&outline) {
        let same = SAME.iter().find(|(end, ours, _)| path.ends_with(end) && value == *ours);
        let value = same.map_or(value, |(.., theirs)| (*theirs).to_owned());
        *said.entry((path, value)).or_default() += 1;
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
                let (mut there, mut meant) = (meaning(&converted.bytes), meaning(&files[&official.file]));
                if !converted.readings.is_empty() {
                    // Told so: UBL wants a discount beside a gross price.
                    for line in there.lines.iter_mut().chain(&mut meant.lines) {
                        line.price.price_discount.get_or_insert_default();
                    }
                }
                assert_eq!(there, meant, "{}", official.file);
                whole += 1;
            }
            Ok(converted) => lossy.extend(converted.lost.into_iter().map(|lost| lost.place)),
            Err(fault) => {
                let rejected = !official.european.fatal.is_empty() || official.european.error.is_some();
                assert!(rejected || fault.code == Code::ConversionImpossible, "{}: {fault:?}", official.file);
                if !rejected {
                    faults.insert(official.file, fault.title(Language::En));
                }
            }
        }
    }
    println!("whole: {whole}; places that were lost: {lossy:?}; not possible: {faults:?}");
    assert!(whole > 56, "{whole}");
    assert!(faults.len() < 10, "{faults:?}");
    // What can be said in the other syntax, if in other words.
    for name in ["en-0059-cii.xml", "fr-348-ubl-invoice.xml"] {
        assert!(!faults.contains_key(name), "{faults:?}");
    }
}

/// One form as the other, with one text of it changed.
fn changed(target: Target, text: &str, from: &str, with: &str) -> Converted {
    let changed = text.replacen(from, with, 1);
    assert_ne!(text, changed, "{from} is there");
    to(target, changed.as_bytes()).unwrap_or_else(|fault| panic!("{with}: {fault:?}"))
}

#[test]
fn a_word_of_ones_own_is_no_word_of_the_standard() {
    let Some(files) = mini() else { return };
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    let named = |made: &Converted| made.lost.iter().map(|l| (l.place.clone(), l.value.clone())).collect::<Vec<_>>();
    for (target, name, from, with, element) in [
        (
            Target::Ubl,
            "S-380-3r.cii.xml",
            ">Project reference<",
            ">Rénovation du bâtiment 7<",
            "SpecifiedProcuringProject/Name",
        ),
        (Target::Cii, "S-380-3r.ubl.xml", ">TAX<", ">GST<", "PartyTaxScheme/TaxScheme/ID"),
        (Target::Cii, "S-380-2m-p48.ubl.xml", ">mapped-from-cii<", ">VISA<", "CardAccount/NetworkID"),
    ] {
        let lost = named(&changed(target, &text(name), from, with));
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert!(lost[0].0.ends_with(element) && lost[0].1 == with.trim_matches(['<', '>']), "{lost:?}");
    }
    // A price that is gross without a discount, and a reference that is a date only.
    let gross = to(Target::Ubl, &files["en-0059-cii.xml"]).unwrap();
    assert!(gross.lost.is_empty() && gross.readings.iter().any(|read| read.en.contains("BT-147")), "{gross:?}");
    let dated = to(Target::Cii, &files["fr-348-ubl-invoice.xml"]).unwrap();
    assert_eq!(
        named(&dated),
        [("BT-26 BillingReference/InvoiceDocumentReference/IssueDate".to_owned(), "2026-08-01".to_owned())]
    );
}

#[test]
fn what_belongs_to_the_transport_is_left_out_without_loss() {
    let ubl = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    let named = |made: &Converted| made.left_out.iter().map(|l| (l.place.clone(), l.value.clone())).collect::<Vec<_>>();
    let of = |place: &str, value: &str| (place.to_owned(), value.to_owned());
    let with = "<cbc:UBLVersionID>2.1</cbc:UBLVersionID><cbc:CustomizationID>";
    let cii = changed(Target::Cii, &ubl, "<cbc:CustomizationID>", with);
    assert_eq!((named(&cii), cii.lost.len()), (vec![of("Invoice/UBLVersionID", "2.1")], 0));

    let pivot = to(Target::Pivot, ubl.as_bytes()).unwrap();
    let pivot = String::from_utf8(pivot.bytes).unwrap();
    let back = changed(Target::Ubl, &pivot, "<Renvoi>", "<IdCPRO>12</IdCPRO><Renvoi>");
    assert_eq!(
        named(&back),
        [
            of("Fournisseur/ModeEmission", "flux"),
            of("DonneesFacture/IdCPRO", "12"),
            of("DonneesFacture/Renvoi", "Non"),
            of("DonneesFacture/DateReception", "2026-11-26"),
        ]
    );
    assert!(back.lost.is_empty(), "{:?}", back.lost);

    // Our own Factur-X holds what it was made of.
    let pdf = to(Target::FacturX, ubl.as_bytes()).unwrap();
    let again = to(Target::Ubl, &pdf.bytes).unwrap();
    assert_eq!((named(&again), again.lost), (vec![of("PDF/EmbeddedFiles", "facture.xml")], vec![]));
    let pdf = to(Target::FacturX, pivot.as_bytes()).unwrap();
    let (_, container) = container::open(&pdf.bytes, &Limits::default()).unwrap();
    assert_eq!((container.attachments.len(), container.originals), (1, vec![0]), "a pivot is an original too");
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
    let needless = to(Target::Ubl, text.as_bytes()).unwrap_err();
    assert_eq!(needless.code, Code::ConversionNeedless, "UBL to UBL");
    assert!(!needless.remedy(Language::Fr).contains("Complétez"), "{needless:?}");
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
        // Places of several terms are named by all of them.
        for carried in ["BT-1", "BT-2", "BT-27", "BT-29,", "BT-44", "BT-109", "BT-110,", "BT-112", "BT-131"] {
            assert!(!lost.contains(&carried), "{carried}: {:?}", converted.lost);
        }
        let unit = converted.lost.iter().find(|lost| lost.place.starts_with("BT-130 ")).map(|lost| &*lost.value);
        // A pivot has no unit; the PDF's is the one that it is read with.
        assert_eq!(unit, (!name.ends_with("pdf")).then_some("DAY"), "{name}: {:?}", converted.lost);
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
    assert_eq!(again.code, Code::ConversionNeedless);
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
    let told = fault.title(Language::En);
    assert!(told.contains("BT-29") && told.contains("BT-46"), "{told}");
}

#[test]
fn a_pivot_that_is_written_is_an_invoice_again_and_one_that_would_be_none_is_not_written() {
    let Some(files) = mini() else { return };
    let (mut written, mut refused, mut bases) = (0, 0, 0);
    for line in String::from_utf8(files["verdicts.jsonl"].clone()).unwrap().lines() {
        let official: Official = serde_json::from_str(line).unwrap();
        if official.kind != "base" {
            continue;
        }
        bases += 1;
        let invoice = meaning(&files[&official.file]);
        let has_changes = !invoice.allowances.is_empty() || !invoice.charges.is_empty();
        match to(Target::Pivot, &files[&official.file]) {
            Ok(pivot) => {
                let again =
                    to(Target::Ubl, &pivot.bytes).unwrap_or_else(|fault| panic!("{}: {fault:?}", official.file));
                let options = Options { profile: Profile::Chorus, block: true, sandbox: true, ..Options::default() };
                let examined = examine(&again.bytes, &options);
                assert_eq!(examined.verdict, Verdict::Accept, "{}: {examined:?}", official.file);
                let again = meaning(&again.bytes);
                assert_eq!((again.totals.due, again.number), (invoice.totals.due, invoice.number), "{}", official.file);
                assert_eq!(again.totals.gross_total, invoice.totals.gross_total, "{}", official.file);
                written += 1;
            }
            Err(fault) => {
                let told = fault.title(Language::En);
                assert_eq!(fault.code, Code::ConversionImpossible, "{}: {told}", official.file);
                assert!(
                    has_changes && told.contains("allowances or charges of the whole"),
                    "{}: {told}",
                    official.file
                );
                refused += 1;
            }
        }
    }
    println!("of {bases} bases {written} have a pivot, and {refused} have none");
    assert!(written >= 10 && written + refused == bases, "{written} of {bases}");
}
