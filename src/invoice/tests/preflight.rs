//! AFNOR's rules of invoices to public bodies, each at its edge, in both syntaxes.

use super::corpus::mini;
use super::sample;
use crate::invoice::{Finding, Options, Preflight, Profile, Severity, Verdict, examine};

const RULES: &str = "BR-FR-CPRO-";

fn options(preflight: Preflight) -> Options {
    Options { sandbox: true, preflight, ..Options::default() }
}

fn told(xml: &str, preflight: Preflight) -> Vec<Finding> {
    let mut findings = examine(xml.as_bytes(), &options(preflight)).findings;
    findings.retain(|finding| finding.rule.starts_with(RULES));
    findings
}

fn rules(xml: &str) -> Vec<String> {
    told(xml, Preflight::Warn).into_iter().map(|finding| finding.rule).collect()
}

/// The richest invoice of the corpus in UBL and in CII.
fn twins() -> Option<[String; 2]> {
    let files = mini()?;
    Some(["AE-380-3r.ubl.xml", "AE-380-3r.cii.xml"].map(|name| String::from_utf8(files[name].clone()).unwrap()))
}

fn replaced(xml: &str, from: &str, to: &str) -> String {
    assert!(xml.contains(from), "{from}");
    xml.replacen(from, to, 1)
}

#[test]
fn each_length_counts_from_one_character_beyond() {
    let Some(twins) = twins() else { return };
    let rows = [
        ("BR-FR-CPRO-30", ">PJ-1<", 50),
        ("BR-FR-CPRO-31", ">Ramette A4 80 g<", 1024),
        ("BR-FR-CPRO-32", ">12 quai des Essais<", 400),
        ("BR-FR-CPRO-33", ">Annecy<", 400),
        ("BR-FR-CPRO-34", ">UEX<", 99),
        ("BR-FR-CPRO-35", ">30 jours net<", 1024),
        ("BR-FR-CPRO-36", ">Le Lac Papiers<", 99),
        ("BR-FR-CPRO-37", ">Affacturage Test SA<", 99),
        ("BR-FR-CPRO-38", ">19999999900025<", 20),
        ("BR-FR-CPRO-39", ">FR7630006000011234567890189<", 27),
        ("BR-FR-CPRO-42", "Pas d'escompte pour paiement anticipé.<", 1024),
        ("BR-FR-CPRO-43", ">Papeterie du Lac SARL<", 99),
        ("BR-FR-CPRO-44", ">Université Exemple<", 99),
    ];
    for xml in &twins {
        assert_eq!(rules(xml), [""; 0]);
        for (rule, text, limit) in rows {
            let of =
                |length| replaced(xml, text, &format!("{}{}<", text.find('>').map_or("", |_| ">"), "é".repeat(length)));
            assert_eq!(rules(&of(limit)), [""; 0], "{rule}");
            let beyond = of(limit + 1);
            let findings = told(&beyond, Preflight::Warn);
            assert_eq!(findings.len(), 1, "{rule}: {findings:?}");
            assert_eq!((findings[0].rule.as_str(), findings[0].severity), (rule, Severity::Warning));
            for said in [&findings[0].message, &findings[0].place] {
                assert!(!said.contains('{'), "{said}");
            }
            assert!(findings[0].message.contains(&format!("{} caractères", limit + 1)), "{}", findings[0].message);
            assert!(findings[0].place.contains("(ligne "), "{}", findings[0].place);
        }
    }
}

#[test]
fn what_stands_once_at_most_is_told_at_the_second() {
    let Some([ubl, cii]) = twins() else { return };
    let block = |xml: &str, name: &str| {
        let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
        let from = xml.find(&begin).unwrap();
        xml[from..from + xml[from..].find(&end).unwrap() + end.len()].to_owned()
    };
    let twice = |xml: &str, name: &str| {
        let block = block(xml, name);
        replaced(xml, &block, &format!("{block}{block}"))
    };
    for (rule, in_ubl, in_cii) in [
        ("BR-FR-CPRO-20", "cac:BillingReference", "ram:InvoiceReferencedDocument"),
        ("BR-FR-CPRO-26", "cac:Contact", "ram:DefinedTradeContact"),
    ] {
        assert_eq!(rules(&twice(&ubl, in_ubl)), [rule]);
        assert_eq!(rules(&twice(&cii, in_cii)), [rule]);
    }
    // The text counts, not its group: due dates may be several.
    for (xml, text, tag) in [(&ubl, ">30 jours net<", "cbc:Note"), (&cii, ">30 jours net<", "ram:Description")] {
        let again = format!("{text}/{tag}><{tag}>30 jours net<");
        assert_eq!(rules(&replaced(xml, text, &again)), ["BR-FR-CPRO-25"]);
    }
    let dates =
        block(&cii, "ram:SpecifiedTradePaymentTerms").replace("<ram:Description>30 jours net</ram:Description>", "");
    let twice_due =
        replaced(&cii, "<ram:SpecifiedTradePaymentTerms>", &format!("{dates}<ram:SpecifiedTradePaymentTerms>"));
    assert_eq!(rules(&twice_due), [""; 0]);
    // The buyer's contact is the second of them.
    for (xml, party, contact) in
        [(&ubl, "cac:AccountingCustomerParty", "cac:Contact"), (&cii, "ram:BuyerTradeParty", "ram:DefinedTradeContact")]
    {
        let buyer = block(xml, party);
        assert_eq!(rules(&replaced(xml, &buyer, &twice(&buyer, contact))), ["BR-FR-CPRO-27"]);
    }
}

#[test]
fn a_seller_is_named_as_chorus_pro_names_him() {
    let Some(twins) = twins() else { return };
    for xml in &twins {
        let seller =
            |scheme: &str, value: &str| replaced(xml, "\"0009\">91234567800019<", &format!("\"{scheme}\">{value}<"));
        assert_eq!(rules(&seller("0088", "4012345000009")), ["BR-FR-CPRO-03", "BR-FR-CPRO-09"]);
        let without_siren = |scheme: &str, value: &str| {
            let xml = seller(scheme, value);
            rules(&replaced(&xml, "\"0002\">912345678<", "\"0060\">912345678<"))
        };
        for (scheme, good, bad) in [
            ("0223", "DE123456789012345", "DE1234567890123456"),
            ("0226", "1234567890DURAND", "123456789XDURAND"),
            ("0227", "CH12345678901234", "CH1234567890123456"),
            ("0228", "1234567890", "12345678901"),
            ("0229", "123456789", "12345678"),
        ] {
            assert_eq!(without_siren(scheme, good), [""; 0], "{scheme}");
            assert_eq!(without_siren(scheme, bad), ["BR-FR-CPRO-04-08"], "{scheme}");
        }
        // As the historic channel has always taken it.
        for (scheme, value) in [("1", "91234567800019"), ("SIRET", "91234567800019"), ("0088", "91234567800019")] {
            assert_eq!(rules(&seller(scheme, value)), [""; 0], "{scheme}");
        }
        let legal = replaced(&seller("0088", "4012345000009"), "\"0002\">912345678<", "\"0002\">91234567800019<");
        assert_eq!(rules(&legal), [""; 0]);
        let payee = replaced(xml, "\"0009\">55200000000018<", "\"0088\">4012345000009<");
        assert_eq!(rules(&payee), ["BR-FR-CPRO-17"]);
    }
}

#[test]
fn lines_name_what_they_correct_and_where_they_went_in_few_characters() {
    let ubl = std::str::from_utf8(sample("facture-ubl.xml")).unwrap();
    let line = |inside: &str| replaced(ubl, "    <cac:Item>\n", &format!("    {inside}<cac:Item>\n"));
    let preceding = |n| {
        let id = "1".repeat(n);
        line(&format!(
            "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>{id}</cbc:ID></cac:InvoiceDocumentReference>\
             </cac:BillingReference>"
        ))
    };
    assert_eq!(rules(&preceding(20)), [""; 0]);
    assert_eq!(rules(&preceding(21)), ["BR-FR-CPRO-02"]);
    let delivered = |n| {
        let id = "1".repeat(n);
        line(&format!(
            "<cac:Delivery><cac:DeliveryLocation><cbc:ID>{id}</cbc:ID></cac:DeliveryLocation></cac:Delivery>"
        ))
    };
    assert_eq!(rules(&delivered(20)), [""; 0]);
    assert_eq!(rules(&delivered(21)), ["BR-FR-CPRO-40"]);
    let cii = std::str::from_utf8(sample("facture-cii.xml")).unwrap();
    let preceding = |n| {
        let id = "1".repeat(n);
        replaced(
            cii,
            "      </ram:SpecifiedLineTradeSettlement>",
            &format!(
                "<ram:InvoiceReferencedDocument><ram:IssuerAssignedID>{id}</ram:IssuerAssignedID>\
                 </ram:InvoiceReferencedDocument></ram:SpecifiedLineTradeSettlement>"
            ),
        )
    };
    assert_eq!(rules(&preceding(20)), [""; 0]);
    assert_eq!(rules(&preceding(21)), ["BR-FR-CPRO-02"]);
    for name in ["ID", "GlobalID"] {
        let delivered = |n| {
            let party =
                format!("<ram:ShipToTradeParty><ram:{name}>{}</ram:{name}></ram:ShipToTradeParty>", "1".repeat(n));
            replaced(cii, "</ram:SpecifiedLineTradeDelivery>", &format!("{party}</ram:SpecifiedLineTradeDelivery>"))
        };
        assert_eq!(rules(&delivered(20)), [""; 0]);
        assert_eq!(rules(&delivered(21)), ["BR-FR-CPRO-40"]);
    }
    let account = |n| {
        replaced(
            cii,
            "<ram:IBANID>FR7630001007941234567890185</ram:IBANID>",
            &format!("<ram:ProprietaryID>{}</ram:ProprietaryID>", "1".repeat(n)),
        )
    };
    assert_eq!(rules(&account(27)), [""; 0]);
    assert_eq!(rules(&account(28)), ["BR-FR-CPRO-39"]);
    // The lines of a credit note have another name.
    let credit = std::str::from_utf8(sample("avoir-ubl.xml")).unwrap();
    let described =
        |n| replaced(credit, "<cac:Item>", &format!("<cac:Item><cbc:Description>{}</cbc:Description>", "x".repeat(n)));
    assert_eq!(rules(&described(1024)), [""; 0]);
    assert_eq!(rules(&described(1025)), ["BR-FR-CPRO-31"]);
}

#[test]
fn the_route_says_whether_they_are_asked_and_what_they_do() {
    let ubl = std::str::from_utf8(sample("facture-ubl.xml")).unwrap();
    let long = replaced(ubl, "Université Exemple", &"U".repeat(100));
    let examined = |preflight| examine(long.as_bytes(), &options(preflight));
    assert_eq!(examined(Preflight::Warn).verdict, Verdict::Accept);
    assert_eq!(examined(Preflight::Off).findings, []);
    let blocked = examined(Preflight::Block);
    assert_eq!((blocked.verdict, blocked.findings[0].severity), (Verdict::Reject, Severity::Fatal));
    // Only Chorus Pro's channel to public bodies has them.
    for profile in [Profile::En16931, Profile::G2b] {
        let examined = examine(long.as_bytes(), &Options { profile, ..options(Preflight::Block) });
        assert!(examined.findings.iter().all(|finding| !finding.rule.starts_with(RULES)));
    }
}
