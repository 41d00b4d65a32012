//! The data of plain PDFs: what is taken, what is said of what is wrong, and that the published schema says the same.

use serde_json::{Value, json};

use crate::fault::Language;
use crate::invoice::pdf_data::{DataOptions, Frame, VatKind, is_sidecar, pdf_named_by, read, read_value};

const SANDBOX: DataOptions = DataOptions { sandbox: true };

fn sample() -> Value {
    json!({
        "file": "facture.pdf", "number": "PDF-1", "date": "2026-11-20",
        "supplier": {"siret": "12345678200051", "service": "COMPTA"}, "bank_details": 7,
        "recipient": {"siret": "11000201100044", "service": null},
        "frame": "A9", "validator": {"structure": "12345678200036", "service": "S1"},
        "type": "invoice", "currency": "EUR", "vat_kind": "on_debit", "payment": "transfer",
        "market": "M-1", "commitment": "EJ-1", "preceding": ["F-2025/0001, trop long", "F-0"],
        "lines": [{"name": "Ramettes", "quantity": 10, "price": "10.00", "unit": "", "vat_rate": "20"}],
        "vat": [{"rate": 20, "base": "100.00", "tax": "20.00"}],
        "totals": {"without_tax": "100.00", "tax": 20.0, "with_tax": "120.00", "payable": "120"},
        "comment": "Œuvre livrée", "attachments": ["bon.pdf", {"file": "plan.png", "designation": "Plan", "kind": "02"}]
    })
}

fn schema() -> jsonschema::Validator {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/schema/pdf-sidecar.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

#[test]
fn good_data_are_read_whole_and_the_schema_takes_them() {
    let schema = schema();
    let invoice = read(sample().to_string().as_bytes(), SANDBOX).unwrap();
    assert_eq!((invoice.number.as_str(), invoice.supplier.service.as_deref()), ("PDF-1", Some("COMPTA")));
    assert!(matches!(&invoice.frame, Frame::A9(party) if party.siret.as_str() == "12345678200036"));
    assert_eq!((invoice.payable_text().as_str(), invoice.type_code(), invoice.lines.len()), ("120 EUR", "380", 1));
    let earlier: Vec<String> = invoice.refers_to().iter().map(ToString::to_string).collect();
    assert_eq!(earlier, ["F-2025/0001, trop long", "F-0"], "whatever Chorus Pro said to their numbers");
    assert_eq!(invoice.attachments[1].designation.as_deref(), Some("Plan"));
    assert!(schema.is_valid(&sample()), "{:?}", schema.iter_errors(&sample()).next());

    let mut least = sample();
    let kept = ["number", "date", "supplier", "recipient", "type", "currency", "payment", "totals"];
    least.as_object_mut().unwrap().retain(|key, _| kept.contains(&key.as_str()));
    least["frame"] = "A1".into();
    least["vat_kind"] = "exempt".into();
    least["exemption"] = "VATEX-EU-132".into();
    least["totals"] = json!({"without_tax": "100", "tax": 0, "with_tax": "100.00", "payable": "100"});
    let invoice = read_value(&least, SANDBOX).unwrap();
    assert_eq!((invoice.frame, invoice.vat_kind), (Frame::A1, VatKind::Exempt("VATEX-EU-132".into())));
    assert!(schema.is_valid(&least), "{:?}", schema.iter_errors(&least).next());
}

/// Each wrong value: what is said of it, in both languages, and whether the schema alone sees it.
#[test]
fn wrong_data_are_told_by_path_with_what_is_found_and_expected() {
    let amount = "un montant tel que \"120.00\" (13 chiffres avant et 6 après le point au plus)";
    let siret = "un SIRET de 14 chiffres, entre guillemets";
    let rate = "un taux en pour cent, de 0 à 100, tel que \"20\" ou \"5.5\"";
    let cases: &[(&str, Value, &str, bool)] = &[
        (
            "/number",
            json!("F-2026/00000000000001"),
            "number : trouvé « F-2026/00000000000001 », attendu : 1 à 20 caractères parmi A-Z a-z 0-9 espace - _ / +",
            true,
        ),
        (
            "/number",
            json!("N°1"),
            "number : trouvé « N°1 », attendu : 1 à 20 caractères parmi A-Z a-z 0-9 espace - _ / +",
            true,
        ),
        ("/number", json!(null), "number : absent, attendu : 1 à 20 caractères parmi A-Z a-z 0-9 espace - _ / +", true),
        (
            "/preceding",
            json!(["F-0", 7]),
            "preceding[1] : trouvé « 7 », attendu : le numéro d'une facture antérieure",
            true,
        ),
        ("/date", json!("20/11/2026"), "date : trouvé « 20/11/2026 », attendu : un jour écrit AAAA-MM-JJ", true),
        ("/date", json!("2026-02-30"), "date : trouvé « 2026-02-30 », attendu : un jour écrit AAAA-MM-JJ", false),
        (
            "/supplier/siret",
            json!(12345678200051_i64),
            &format!("supplier.siret : trouvé « 12345678200051 », attendu : {siret}"),
            true,
        ),
        (
            "/recipient/siret",
            json!("110002011"),
            &format!("recipient.siret : trouvé « 110002011 », attendu : {siret}"),
            true,
        ),
        ("/recipient", json!(null), "recipient : absent, attendu : un objet avec siret, service", true),
        ("/frame", json!("B1"), "frame : trouvé « B1 », attendu : A1 | A2 | A9 | A12", true),
        ("/validator", json!(null), "validator : absent, attendu : un objet avec structure, service", true),
        ("/frame", json!("A2"), "validator : trouvé « {…} », attendu : rien : seuls A9 et A12 ont un valideur", true),
        ("/validator/structure", json!("x"), &format!("validator.structure : trouvé « x », attendu : {siret}"), true),
        ("/type", json!("facture"), "type : trouvé « facture », attendu : invoice | credit_note", true),
        (
            "/currency",
            json!("eur"),
            "currency : trouvé « eur », attendu : trois lettres majuscules, EUR par exemple",
            true,
        ),
        (
            "/vat_kind",
            json!("TVA_SUR_DEBIT"),
            "vat_kind : trouvé « TVA_SUR_DEBIT », attendu : on_debit | on_receipt | exempt | none",
            true,
        ),
        (
            "/exemption",
            json!("X"),
            "exemption : trouvé « X », attendu : rien : seul vat_kind = exempt a un motif d'exonération",
            true,
        ),
        (
            "/payment",
            json!(4),
            "payment : trouvé « 4 », attendu : transfer | direct_debit | cheque | cash | other | carried_over",
            true,
        ),
        ("/bank_details", json!("IBAN"), "bank_details : trouvé « IBAN », attendu : un nombre entier", true),
        (
            "/totals/with_tax",
            json!("120,00"),
            &format!("totals.with_tax : trouvé « 120,00 », attendu : {amount}"),
            true,
        ),
        (
            "/totals/with_tax",
            json!("121.00"),
            "totals.with_tax : trouvé « 121.00 », attendu : 120.00 (without_tax + tax)",
            false,
        ),
        ("/totals/payable", json!("1e3"), &format!("totals.payable : trouvé « 1e3 », attendu : {amount}"), true),
        (
            "/totals/discount",
            json!("5"),
            "totals.discount_reason : absent, attendu : un texte de 1 à 100 caractères",
            false,
        ),
        ("/vat/0/rate", json!("20 %"), &format!("vat[0].rate : trouvé « 20 % », attendu : {rate}"), true),
        ("/vat/0/rate", json!(null), &format!("vat[0].rate : absent, attendu : {rate}"), true),
        ("/vat/0/rate", json!("120"), &format!("vat[0].rate : trouvé « 120 », attendu : {rate}"), false),
        ("/vat/0/rate", json!("0.2"), "vat[0].rate : trouvé « 0.2 », attendu : 20 (en pour cent)", false),
        ("/vat/0/tax", json!("19.99"), "totals.tax : trouvé « 20.0 », attendu : 19.99 (somme de vat[].tax)", false),
        ("/vat", json!([]), "vat : trouvé « […] », attendu : une ligne par taux : rate, base, tax", true),
        ("/vat", json!(null), "vat : absent, attendu : une ligne par taux : rate, base, tax", true),
        ("/lines/0/quantity", json!(null), &format!("lines[0].quantity : absent, attendu : {amount}"), true),
        (
            "/attachments/0",
            json!(3),
            "attachments[0] : trouvé « 3 », attendu : un objet avec file, designation, kind",
            true,
        ),
        ("/sha256", json!("ABC"), "sha256 : trouvé « ABC », attendu : 64 chiffres hexadécimaux minuscules", true),
        ("/signature", json!("oui"), "signature : trouvé « oui », attendu : none | pades | xades", true),
        (
            "/totals/montant",
            json!("1"),
            "totals.montant : trouvé « montant », attendu : une de ces clés : without_tax, tax, with_tax, discount, discount_reason, payable",
            true,
        ),
    ];
    let schema = schema();
    for (place, value, told, seen_by_schema) in cases {
        let mut data = sample();
        put(&mut data, place, value.clone());
        let problems = read_value(&data, SANDBOX).expect_err(told);
        let french: Vec<String> = problems.iter().map(|p| p.text(Language::Fr)).collect();
        assert_eq!(french, [*told], "{place}");
        let english = problems[0].text(Language::En);
        assert!(english.contains(": found \"") || english.contains(": missing, expected: "), "{english}");
        assert_eq!(!schema.is_valid(&data), *seen_by_schema, "{place} {value}: the schema");
    }
}

/// Sets what a JSON pointer names, making the last key.
fn put(data: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match data.pointer_mut(parent).unwrap() {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        other => other[key] = value,
    }
}

#[test]
fn all_problems_are_told_and_what_is_no_json_has_its_place() {
    let mut data = sample();
    data["number"] = json!("");
    data["date"] = json!("hier");
    data["totals"] = json!(null);
    let paths: Vec<String> = read_value(&data, SANDBOX).unwrap_err().into_iter().map(|p| p.path).collect();
    assert_eq!(paths, ["number", "date", "totals"]);
    let problems = read(b"{\"number\": \n", SANDBOX).unwrap_err();
    assert!(
        problems[0].text(Language::Fr).starts_with("JSON : trouvé « 2:0 », attendu : du JSON bien formé"),
        "{problems:?}"
    );
    assert_eq!(read(b"[]", SANDBOX).unwrap_err()[0].path, "JSON");
    // A wrong check digit is a typing error in production only.
    let production = DataOptions { sandbox: false };
    let mut data = sample();
    data["supplier"]["siret"] = "33254021516357".into();
    assert!(read_value(&data, SANDBOX).is_ok());
    let told: Vec<String> = read_value(&data, production).unwrap_err().iter().map(|p| p.text(Language::En)).collect();
    assert_eq!(told[0], "supplier.siret: found \"33254021516357\", expected: a SIRET whose check digit holds");
    // A hostile depth or length ends, and says so.
    assert!(read(&[b'['; 100_000], SANDBOX).is_err());
    assert!(read(&vec![b' '; super::super::pdf_data::DATA_LIMIT + 1], SANDBOX).is_err());
}

#[test]
fn a_sidecar_is_known_by_its_name_or_by_the_pdf_that_it_names() {
    assert_eq!(pdf_named_by("facture.pdf.json"), Some("facture.pdf"));
    assert_eq!(pdf_named_by("mai/Facture.PDF.JSON"), Some("mai/Facture.PDF"));
    for other in ["facture.json", "facture.pdf", ".json", "é.json", "facture.pdfx.json"] {
        assert_eq!(pdf_named_by(other), None, "{other}");
    }
    assert!(is_sidecar("f.pdf.json", b"  {}"));
    assert!(is_sidecar("f.pdf.json", b"not even JSON"), "it is told what is wrong with it");
    assert!(is_sidecar("donnees.json", br#"{"file": "F.PDF"}"#));
    assert!(!is_sidecar("donnees.json", br#"{"file": "f.xml"}"#));
    assert!(!is_sidecar("f.pdf", b"%PDF-1.7"));
    assert!(!is_sidecar("f.pdf.json", b"%PDF-1.7"));
}
