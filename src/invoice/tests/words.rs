//! What people and machines are told of a broken rule: which value, where, and in words of ours.

use std::collections::BTreeSet;

use super::sample;
use crate::fault::Language;
use crate::invoice::official::ids::IDS;
use crate::invoice::report::{self, Read};
use crate::invoice::texts::said;
use crate::invoice::{Finding, Options, Profile, Tables, examine};

fn english() -> Options {
    Options { profile: Profile::En16931, sandbox: true, language: Language::En, ..Options::default() }
}

/// A sample with `from` replaced once, from the back.
fn changed(name: &str, from: &str, to: &str) -> String {
    let text = String::from_utf8(sample(name).to_vec()).unwrap();
    let (before, after) = text.rsplit_once(from).unwrap_or_else(|| panic!("{from}"));
    format!("{before}{to}{after}")
}

fn of(text: &str, rule: &str, options: &Options) -> Finding {
    let findings = examine(text.as_bytes(), options).findings;
    findings.iter().find(|f| f.rule == rule).cloned().unwrap_or_else(|| panic!("{rule}: {findings:?}"))
}

fn joined(object: &str) -> String {
    let currency = "<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>";
    let reference = format!(
        "{currency}<cac:AdditionalDocumentReference><cbc:ID>PJ</cbc:ID><cac:Attachment>{object}</cac:Attachment>\
         </cac:AdditionalDocumentReference>"
    );
    changed("facture-ubl.xml", currency, &reference)
}

#[test]
fn a_wrong_code_in_an_attribute_is_quoted_and_not_the_value_beside_it() {
    let (ubl, cii) = ("facture-ubl.xml", "facture-cii.xml");
    let item = "<cac:ClassifiedTaxCategory>";
    let standard = "<cac:StandardItemIdentification><cbc:ID schemeID=\"XX\">4006381333931</cbc:ID>\
                    </cac:StandardItemIdentification><cac:ClassifiedTaxCategory>";
    let class = "<cac:CommodityClassification><cbc:ItemClassificationCode listID=\"XX\">9348</cbc:ItemClassificationCode>\
                 </cac:CommodityClassification><cac:ClassifiedTaxCategory>";
    let place = "<cac:Delivery><cac:DeliveryLocation><cbc:ID schemeID=\"XX\">7300010000001</cbc:ID></cac:DeliveryLocation>\
                 </cac:Delivery><cac:PaymentMeans>";
    let address = "<cac:Party><cbc:EndpointID schemeID=\"XX\">110002011</cbc:EndpointID>";
    for (file, from, to, rule, attribute) in [
        (ubl, "currencyID=\"EUR\">12.50", "currencyID=\"XX\">12.50", "BR-CL-03", "currencyID"),
        (ubl, "\"0009\">11000201100044", "\"XX\">11000201100044", "BR-CL-10", "schemeID"),
        (ubl, "\"0002\">110002011", "\"XX\">110002011", "BR-CL-11", "schemeID"),
        (ubl, item, class, "BR-CL-13", "listID"),
        (ubl, item, standard, "BR-CL-21", "schemeID"),
        (ubl, "unitCode=\"C62\"", "unitCode=\"XX\"", "BR-CL-23", "unitCode"),
        (ubl, "<cac:Party>", address, "BR-CL-25", "schemeID"),
        (ubl, "<cac:PaymentMeans>", place, "BR-CL-26", "schemeID"),
        (cii, "currencyID=\"EUR\"", "currencyID=\"XX\"", "BR-CL-03", "currencyID"),
        (cii, "\"0009\"", "\"XX\"", "BR-CL-10", "schemeID"),
        (cii, "\"0002\"", "\"XX\"", "BR-CL-11", "schemeID"),
        (cii, "unitCode=\"DAY\"", "unitCode=\"XX\"", "BR-CL-23", "unitCode"),
        (cii, "<ram:DuePayableAmount>", "<ram:DuePayableAmount currencyID=\"XX\">", "CII-DT-031", "currencyID"),
    ] {
        let finding = of(&changed(file, from, to), rule, &english());
        assert!(finding.message.ends_with(&format!("(written: {attribute}=\"XX\")")), "{rule}: {}", finding.message);
        assert_eq!(finding.site.value.as_deref(), Some("XX"), "{rule}");
        assert!(finding.place.contains(&format!("/@{attribute} (line ")), "{rule}: {}", finding.place);
        let french = of(&changed(file, from, to), rule, &Options { language: Language::Fr, ..english() });
        assert!(french.message.ends_with(&format!("(écrit : {attribute}=\"XX\")")), "{rule}: {}", french.message);
    }
    let unit = of(&changed(ubl, "unitCode=\"C62\"", "unitCode=\"XX\""), "BR-CL-23", &english());
    assert_eq!(unit.site.terms, ["BG-25", "BT-130"]);
    assert_eq!(unit.site.line, Some(103));
    assert_eq!(unit.site.path.as_deref(), Some("Invoice/InvoiceLine/InvoicedQuantity/@unitCode"));
    let none = of(&changed(ubl, " currencyID=\"EUR\">12.50", ">12.50"), "BR-CL-03", &english());
    assert!(none.message.ends_with("(written: no currencyID)") && none.site.value.is_none(), "{none:?}");
    // A code of one letter, which the words hold too.
    let category = changed(ubl, "<cbc:ID>S</cbc:ID>", "<cbc:ID>a</cbc:ID>");
    assert!(of(&category, "BR-CL-18", &english()).message.ends_with("(written: \"a\")"));
    let nothing = of(&changed(ubl, ">EUR</cbc:Doc", "></cbc:Doc"), "BR-CL-04", &english());
    assert!(nothing.message.ends_with("(written: empty)"), "{}", nothing.message);
}

#[test]
fn what_is_attached_is_never_quoted() {
    let content = "SECRETSECRETSECR";
    let object = |attributes: &str, content: &str| {
        joined(&format!("<cbc:EmbeddedDocumentBinaryObject{attributes}>{content}</cbc:EmbeddedDocumentBinaryObject>"))
    };
    for profile in Profile::ALL {
        for attributes in [" mimeCode=\"application/zip\" filename=\"a.zip\"", ""] {
            for content in [content, "SECRET$$"] {
                let text = object(attributes, content);
                let examined = examine(text.as_bytes(), &Options { profile, ..english() });
                assert!(!examined.findings.is_empty(), "{profile}: {attributes}");
                for finding in examined.findings {
                    assert!(!format!("{finding:?}").contains("SECRET"), "{finding:?}");
                }
            }
        }
    }
    let typed = of(&object(" mimeCode=\"application/zip\" filename=\"a.zip\"", content), "BR-CL-24", &english());
    assert!(typed.message.ends_with("(written: mimeCode=\"application/zip\")"), "{}", typed.message);
    let named = of(&object(" mimeCode=\"application/pdf\"", content), "UBL-DT-07", &english());
    assert!(named.message.starts_with("Missing: the attribute filename"), "{}", named.message);
}

#[test]
fn a_sum_that_is_wrong_says_what_it_comes_to_on_the_line_where_it_is_written() {
    let (ubl, cii) = ("facture-ubl.xml", "facture-cii.xml");
    let (tax, base) = ("<cbc:TaxAmount currencyID=\"EUR\">", "<cbc:TaxableAmount currencyID=\"EUR\">");
    for (file, from, to, rule, expected, line, term) in [
        (ubl, "<cbc:TaxInclusiveAmount currencyID=\"EUR\">3420", "3421", "BR-CO-15", "3420.00", 80, "BT-112"),
        (ubl, &*format!("{tax}570"), "575", "BR-CO-17", "570.00", 67, "BT-117"),
        (ubl, &*format!("{tax}570"), "575", "BR-S-09", "570.00", 67, "BT-117"),
        (ubl, &*format!("{base}2850"), "2855", "BR-S-08", "2850.00", 66, "BT-116"),
        (cii, "<ram:GrandTotalAmount>1536", "1537", "BR-CO-15", "1536.00", 109, "BT-112"),
        (cii, "<ram:CalculatedAmount>256", "259", "BR-CO-17", "256.00", 94, "BT-117"),
        (cii, "<ram:CalculatedAmount>256", "259", "BR-S-09", "256.00", 94, "BT-117"),
        (cii, "<ram:BasisAmount>1280", "1285", "BR-S-08", "1280.00", 96, "BT-116"),
        (cii, "<ram:TaxTotalAmount currencyID=\"EUR\">256", "257", "BR-CO-14", "256.00", 108, "BT-110"),
    ] {
        let wrong = format!("{}{to}", from.trim_end_matches(|c: char| c.is_ascii_digit()));
        let finding = of(&changed(file, from, &wrong), rule, &english());
        let told = format!("(expected: {expected}; written: {to}.00)");
        assert!(finding.message.ends_with(&told), "{file} {rule}: {}", finding.message);
        assert_eq!(finding.site.line, Some(line), "{file} {rule}: {finding:?}");
        assert_eq!(finding.site.terms, [term], "{file} {rule}");
    }
    let precise = of(&changed(ubl, ">300.00<", ">300.001<"), "BR-DEC-23", &english());
    assert!(precise.message.ends_with("(written: \"300.001\")"), "{}", precise.message);
    assert_eq!((precise.site.line, precise.site.value.as_deref()), (Some(104), Some("300.001")));
}

#[test]
fn long_values_are_cut_and_none_turns_the_terminal_s_text() {
    let long = "9".repeat(3_000_000);
    let text = changed("facture-ubl.xml", "<cbc:PayableAmount currencyID=\"EUR\">3420.00", &{
        format!("<cbc:PayableAmount currencyID=\"EUR\">{long}")
    });
    for profile in Profile::ALL {
        let options = Options { profile, ..english() };
        let examined = examine(text.as_bytes(), &options);
        let page = report::human("long.xml", Read::Invoice, &examined, &options);
        assert!(page.len() < 20_000 && page.contains('…'), "{profile}: {}", page.len());
        assert!(report::json("long.xml", Read::Invoice, &examined, &options).len() < 20_000, "{profile}");
    }
    let name = changed("facture-ubl.xml", "Université Exemple", "Uni\u{202E}vers\u{2066}ité\u{2069}");
    let examined = examine(name.as_bytes(), &english());
    assert!(examined.facts.as_ref().is_some_and(|facts| facts.supplier_name.contains('\u{202E}')));
    let page = report::human("a\u{202A}.xml", Read::Invoice, &examined, &english());
    assert!(!page.contains(['\u{202A}', '\u{202E}', '\u{2066}', '\u{2069}']), "{page}");
    assert!(page.contains("Uni\u{FFFD}vers"), "{page}");
}

#[test]
fn an_element_too_many_or_missing_is_named() {
    let currency = "<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>";
    let order = "<cac:ContractDocumentReference><cbc:ID>M-1</cbc:ID></cac:ContractDocumentReference>";
    let twice = changed("facture-ubl.xml", currency, &format!("{currency}{order}{order}"));
    let finding = of(&twice, "UBL-SR-01", &english());
    let named = "the contract reference (ContractDocumentReference, BT-12)";
    assert_eq!(finding.message, format!("Too many: {named} stands several times, and the standard allows it once."));
    assert_eq!(finding.remedy, format!("Write {named} once only."));
    for (rule, begin) in [
        ("UBL-SR-48", "Manquant ou en trop : la catégorie de TVA d'une ligne"),
        ("UBL-SR-44", "Valeurs différentes : la référence de paiement"),
        ("CII-SR-463", "Manquant : l'indicateur (ChargeIndicator)"),
        ("CII-SR-482", "En trop : le total TTC (GrandTotalAmount, BT-112)"),
        ("CII-DT-088", "Interdit à cet endroit : l'élément StreetName dans une adresse postale"),
        ("BR-FR-05_BT-22-1", "La mention légale sur les frais de recouvrement (PMT) manque"),
        ("BR-FR-05_BT-22_PMD", "La mention légale sur les pénalités de retard (PMD) manque"),
        ("BR-FR-05_BT-22-3", "La mention légale sur l'escompte (AAB) manque"),
        ("BR-FR-06_BT-21-4", "La mention légale sur l'assujetti unique (TXD) se trouve plus d'une fois"),
    ] {
        let (message, _) = said(Tables::built_in(), rule, &[], "");
        assert!(message.fr.starts_with(begin), "{rule}: {}", message.fr);
    }
    let (empty, _) = said(Tables::built_in(), "BR-FR-03_BT-2", &[("value", "")], "");
    assert_eq!(empty.fr, "La date (vide) n'est pas un jour du calendrier entre 2000 et 2099.");
    assert!(empty.en.starts_with("The date (empty) is"), "{}", empty.en);
}

/// Every id that this program can report, the official ones and ours: no library's words, both languages, a remedy.
#[test]
fn every_rule_that_can_be_reported_has_words_of_ours() {
    let sources = [
        include_str!("../chorus_rules.rs"),
        include_str!("../foreign.rs"),
        include_str!("../mod.rs"),
        include_str!("../preflight.rs"),
        include_str!("../recipient_rules.rs"),
        include_str!("../rules.rs"),
        include_str!("../written_rules.rs"),
    ];
    let begins = ["BR-FR-CPRO-", "CPRO-", "FLUX-DIR-", "G2B-", "FG-"];
    let is_id = |text: &&str| {
        begins.iter().any(|begin| text.len() > begin.len() && text.starts_with(begin))
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
    };
    let ours: BTreeSet<&str> = sources.iter().flat_map(|text| text.split('"')).filter(is_id).collect();
    for family in begins {
        assert!(ours.iter().any(|id| id.starts_with(family)), "{family}: {ours:?}");
    }
    let general = said(Tables::built_in(), "XX-1", &[], "").1;
    let without = |id: &&str| {
        let (message, remedy) = said(Tables::built_in(), id, &[], "The library's own words.");
        message.fr.contains("library")
            || message.fr == message.en
            || remedy.fr == remedy.en
            || remedy == general
            || [&message.fr, &message.en, &remedy.fr, &remedy.en].iter().any(|text| !text.ends_with('.'))
    };
    let without: Vec<&str> = IDS.iter().copied().chain(ours).filter(without).collect();
    assert_eq!(without, Vec::<&str>::new());
}
