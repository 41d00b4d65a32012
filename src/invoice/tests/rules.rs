//! Chorus Pro's limits, each at its edge, and the words people read.

use super::sample;
use crate::fault::{Language, Text};
use crate::invoice::texts::{rows, said, words};
use crate::invoice::{
    Finding, Listed, Listing, Options, Profile, ServiceListing, Severity, Tables, Verdict, examine, examine_with,
    reworded,
};

fn chorus() -> Options {
    Options { sandbox: true, ..Options::default() }
}

/// The UBL sample with `from` replaced, and its findings.
fn changed(from: &str, to: &str, options: &Options) -> Vec<Finding> {
    let text = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    assert!(text.contains(from), "{from}");
    examine(text.replace(from, to).as_bytes(), options).findings
}

fn severity(findings: &[Finding], rule: &str) -> Option<Severity> {
    findings.iter().find(|f| f.rule == rule).map(|f| f.severity)
}

const NUMBER: &str = "FA-2026-0101";
const BUYER_SIRET: &str = "11000201100044";
const AFTER_NOTE: &str = "  <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>\n";

fn order(engagement: &str) -> String {
    format!("{AFTER_NOTE}  <cac:OrderReference><cbc:ID>{engagement}</cbc:ID></cac:OrderReference>\n")
}

fn attachment(name: &str, bytes: usize) -> String {
    let content = "QUJD".repeat(bytes / 3);
    format!(
        "{AFTER_NOTE}  <cac:AdditionalDocumentReference><cbc:ID>PJ</cbc:ID><cac:Attachment>\
         <cbc:EmbeddedDocumentBinaryObject mimeCode=\"application/pdf\" filename=\"{name}\">{content}\
         </cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>\n"
    )
}

#[test]
fn numbers_at_their_limits() {
    let options = chorus();
    assert_eq!(changed(NUMBER, "ABCabc123-_/+ 567890", &options), []);
    let findings = changed(NUMBER, "ABCabc123-_/+ 5678901", &options);
    assert_eq!(severity(&findings, "CPRO-NUMBER-LENGTH"), Some(Severity::Fatal));
    for bad in ["FA.1", "FA:1", "FÀ1", "FA\u{00a0}1", "FA#1"] {
        let findings = changed(NUMBER, bad, &options);
        assert_eq!(severity(&findings, "CPRO-NUMBER-CHARACTERS"), Some(Severity::Fatal), "{bad}");
    }
}

#[test]
fn what_chorus_pro_would_refuse_is_told_with_its_element_its_line_and_what_is_written() {
    let options = Options { sandbox: false, ..chorus() };
    let line_of = |text: &str| {
        let whole = std::str::from_utf8(sample("facture-ubl.xml")).unwrap();
        whole.lines().position(|line| line.contains(text)).map(|at| at + 1)
    };
    for (from, to, rule, term, path, value) in [
        (NUMBER, "FA-2026-0101-AVENANT-1", "CPRO-NUMBER-LENGTH", "BT-1", "Invoice/ID", "FA-2026-0101-AVENANT-1"),
        (NUMBER, "FA#1", "CPRO-NUMBER-CHARACTERS", "BT-1", "Invoice/ID", "FA#1"),
        (
            &*format!("\"0009\">{BUYER_SIRET}"),
            "\"0009\">11000201100045",
            "CPRO-BUYER-SIRET-KEY",
            "BT-46",
            "Invoice/AccountingCustomerParty/Party/PartyIdentification/ID",
            "11000201100045",
        ),
    ] {
        let findings = changed(from, to, &options);
        let finding = findings.iter().find(|f| f.rule == rule).unwrap_or_else(|| panic!("{rule}: {findings:?}"));
        let site = &finding.site;
        assert_eq!((site.path.as_deref(), site.line), (Some(path), line_of(from)), "{rule}");
        assert_eq!((site.terms.as_slice(), site.value.as_deref()), (&[term.to_owned()][..], Some(value)), "{rule}");
        assert!(finding.place.starts_with(&format!("{term} {path} (ligne ")), "{}", finding.place);
    }
    // The whole has no place among its attachments, not even one without a name.
    let nameless = attachment("plan.pdf", 30).replace(" filename=\"plan.pdf\"", "");
    let whole = "form = 1\nversion = \"2099-01-01.1\"\n[limits]\ntotal_bytes = 100\n";
    let small = Options { tables: Tables::read(whole).unwrap(), ..chorus() };
    let findings = changed(AFTER_NOTE, &nameless, &small);
    let finding = findings.iter().find(|f| f.rule == "CPRO-TOTAL-SIZE").unwrap();
    assert_eq!((finding.place.as_str(), finding.site.line), ("BG-24", None), "{finding:?}");
    // What is attached is named by its file, never quoted.
    let attached = attachment("plan.exe", 30);
    let findings =
        changed(AFTER_NOTE, &format!("{}{}", attachment("bon.pdf", 30), &attached[AFTER_NOTE.len()..]), &options);
    let finding = findings.iter().find(|f| f.rule == "CPRO-ATTACHMENT-EXTENSION").unwrap();
    let (path, first) = (finding.site.path.as_deref().unwrap(), line_of("DocumentCurrencyCode").unwrap());
    assert!(path.ends_with("/EmbeddedDocumentBinaryObject") && finding.site.value.is_none(), "{finding:?}");
    assert!(finding.site.line > Some(first + 1), "the second of two: {finding:?}");
}

/// What a finding about a term quotes is what stands at that term, whatever else it is filled with.
#[test]
fn what_the_recipient_demands_stands_where_the_invoice_says_it_or_nowhere() {
    let listed = |service| Listed {
        name: None,
        active: Some(true),
        service_required: Some(true),
        commitment_required: None,
        commitment_or_service: None,
        service,
        commitment_known: None,
        as_of: Text::same("hier"),
        recent: true,
    };
    let text = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    let found = |text: &str, service, rule: &str| {
        let examined = examine_with(text.as_bytes(), &chorus(), &|_| Listing::Listed(Box::new(listed(service))));
        examined.findings.into_iter().find(|finding| finding.rule == rule).unwrap()
    };
    assert!(!text.contains("BuyerReference"));
    let none = found(&text, ServiceListing::Silent, "FLUX-DIR-03");
    assert_eq!((none.place.as_str(), none.site.path, none.site.value), ("BT-10", None, None));
    let buyer = format!("{BUYER_SIRET}</cbc:ID>\n      </cac:PartyIdentification>");
    assert!(text.contains(&buyer));
    let service = "<cac:PartyIdentification><cbc:ID schemeID=\"0224\">SRV9</cbc:ID></cac:PartyIdentification>";
    let named = found(&text.replace(&buyer, &format!("{buyer}{service}")), ServiceListing::Absent, "FLUX-DIR-04");
    assert_eq!(named.site.value.as_deref(), Some("SRV9"), "{named:?}");
    // A limit is no number of an invoice.
    let preceding = |number: &str| {
        format!(
            "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>{number}</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference>"
        )
    };
    let long = "FA-2026-0099-AVENANT-1";
    let two = text.replace(AFTER_NOTE, &format!("{AFTER_NOTE}{}\n{}", preceding("20"), preceding(long)));
    let findings = examine(two.as_bytes(), &chorus()).findings;
    let finding = findings.iter().find(|finding| finding.rule == "CPRO-PRECEDING-LENGTH").unwrap();
    assert_eq!(finding.site.value.as_deref(), Some(long), "{finding:?}");
}

#[test]
fn a_file_has_ten_megabytes_at_most_with_what_is_attached_inside() {
    let findings =
        |bytes: usize, profile| changed(AFTER_NOTE, &attachment("plan.pdf", bytes), &Options { profile, ..chorus() });
    // Base64 makes four bytes of three: below the limit of an attachment, above that of the file.
    let large = findings(9_000_000, Profile::Chorus);
    assert_eq!(severity(&large, "CPRO-FILE-SIZE"), Some(Severity::Fatal));
    assert_eq!(severity(&large, "CPRO-ATTACHMENT-SIZE"), None);
    assert_eq!(severity(&findings(7_000_000, Profile::Chorus), "CPRO-FILE-SIZE"), None);
    // Towards firms a flux has thirty.
    assert_eq!(severity(&findings(9_000_000, Profile::G2b), "CPRO-FILE-SIZE"), None);
}

#[test]
fn recipients_need_a_siret() {
    let options = chorus();
    let rule = |to: &str| changed(BUYER_SIRET, to, &options).first().map(|f| (f.rule.clone(), f.severity));
    assert_eq!(rule("1100020110004"), Some(("CPRO-BUYER-SIRET-FORM".to_owned(), Severity::Fatal)));
    assert_eq!(rule("1100020110004X"), Some(("CPRO-BUYER-SIRET-FORM".to_owned(), Severity::Fatal)));
    assert_eq!(rule("11000201100045"), Some(("CPRO-BUYER-SIRET-KEY".to_owned(), Severity::Warning)));
    let production = changed(BUYER_SIRET, "11000201100045", &Options { sandbox: false, ..options });
    assert_eq!(severity(&production, "CPRO-BUYER-SIRET-KEY"), Some(Severity::Fatal));
    // How the historic channel writes it.
    let historic = changed(&format!("\"0009\">{BUYER_SIRET}"), &format!("\"1\">{BUYER_SIRET}"), &options);
    assert!(historic.iter().all(|f| f.severity == Severity::Warning && !f.rule.starts_with("CPRO")), "{historic:?}");
}

#[test]
fn references_at_their_limits() {
    let options = chorus();
    assert_eq!(changed(AFTER_NOTE, &order(&"9".repeat(50)), &options), []);
    let findings = changed(AFTER_NOTE, &order(&"é".repeat(51)), &options);
    assert_eq!(severity(&findings, "CPRO-ENGAGEMENT-LENGTH"), Some(Severity::Fatal));
    assert!(findings[0].message.contains("51"), "{}", findings[0].message);
    let service = |length| format!("{AFTER_NOTE}  <cbc:BuyerReference>{}</cbc:BuyerReference>\n", "S".repeat(length));
    assert_eq!(changed(AFTER_NOTE, &service(100), &options), []);
    let findings = changed(AFTER_NOTE, &service(101), &options);
    assert_eq!(severity(&findings, "CPRO-SERVICE-LENGTH"), Some(Severity::Fatal));
}

#[test]
fn frameworks_are_known() {
    let options = chorus();
    for good in ["A1", "A2", "A25", "B1", "S3", "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"] {
        assert_eq!(changed(">A1<", &format!(">{good}<"), &options), [], "{good}");
    }
    for bad in ["A0", "A26", "A99", "A01", "A4294967297"] {
        let findings = changed(">A1<", &format!(">{bad}<"), &options);
        assert_eq!(severity(&findings, "CPRO-FRAME"), Some(Severity::Fatal), "{bad}");
    }
}

#[test]
fn attachments_at_their_limits() {
    let options = chorus();
    let name_of = |length: usize| format!("{}.pdf", "n".repeat(length - 4));
    assert_eq!(changed(AFTER_NOTE, &attachment(&name_of(50), 300), &options), []);
    let cases = [
        (name_of(51), "CPRO-ATTACHMENT-NAME-LENGTH"),
        ("a/b.pdf".to_owned(), "CPRO-ATTACHMENT-NAME"),
        ("a&amp;b.pdf".to_owned(), "CPRO-ATTACHMENT-NAME"),
        ("virus.exe".to_owned(), "CPRO-ATTACHMENT-EXTENSION"),
        ("sans-extension".to_owned(), "CPRO-ATTACHMENT-EXTENSION"),
    ];
    for (name, rule) in cases {
        let findings = changed(AFTER_NOTE, &attachment(&name, 300), &options);
        assert_eq!(severity(&findings, rule), Some(Severity::Fatal), "{name}: {findings:?}");
    }
    // Inside an XML, whose own limit is the same, only what is too large for both meets this one.
    let ten_megabytes = 9_999_999;
    let findings = changed(AFTER_NOTE, &attachment("a.pdf", ten_megabytes), &options);
    assert_eq!(severity(&findings, "CPRO-ATTACHMENT-SIZE"), None);
    let findings = changed(AFTER_NOTE, &attachment("a.pdf", ten_megabytes + 3), &options);
    assert_eq!(severity(&findings, "CPRO-ATTACHMENT-SIZE"), Some(Severity::Fatal));
}

#[test]
fn the_standard_blocks_where_the_profile_says_so() {
    let wrong = |profile| {
        let text = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap().replace(">3420.00<", ">3420.01<");
        examine(text.as_bytes(), &Options { profile, sandbox: true, ..Options::default() })
    };
    for (profile, verdict, wanted) in [
        (Profile::En16931, Verdict::Reject, Severity::Fatal),
        (Profile::G2b, Verdict::Reject, Severity::Fatal),
        (Profile::Chorus, Verdict::Accept, Severity::Warning),
    ] {
        let examined = wrong(profile);
        assert_eq!(examined.verdict, verdict, "{profile}");
        assert_eq!(severity(&examined.findings, "BR-CO-15"), Some(wanted), "{profile}: {:?}", examined.findings);
    }
    let english = Options { profile: Profile::En16931, language: Language::En, ..Options::default() };
    let findings = changed(">3420.00<", ">3420.01<", &english);
    let finding = findings.iter().find(|f| f.rule == "BR-CO-15").unwrap();
    assert!(
        finding.message.starts_with("The total with VAT (BT-112)") && finding.message.contains("3420.00"),
        "{}",
        finding.message
    );
    let fr = wrong(Profile::En16931).findings;
    let finding = fr.iter().find(|f| f.rule == "BR-CO-15").unwrap();
    assert!(finding.message.starts_with("Le total TTC (BT-112)"), "{}", finding.message);
    assert!(finding.message.contains("attendu : 3\u{A0}420,00 ; écrit : 3\u{A0}420,01"), "{}", finding.message);
}

#[test]
fn an_invoice_line_is_named_by_its_number_and_line() {
    let findings =
        changed("unitCode=\"C62\"", "unitCode=\"PIECE\"", &Options { profile: Profile::En16931, ..chorus() });
    let finding = findings.iter().find(|f| f.rule == "BR-CL-23").unwrap_or_else(|| panic!("{findings:?}"));
    assert!(
        finding.place.starts_with("BG-25[2] BT-130") && finding.place.ends_with("(ligne 103)"),
        "{}",
        finding.place
    );
}

#[test]
fn words_are_complete_and_found() {
    let mut seen = std::collections::BTreeSet::new();
    for row in rows() {
        assert!(seen.insert(row.rule), "{} twice", row.rule);
        let values: Vec<(&str, &str)> = [
            "value",
            "length",
            "limit",
            "name",
            "count",
            "detail",
            "encoding",
            "siret",
            "date",
            "service",
            "commitment",
            "scheme",
            "extension",
            "expected",
        ]
        .map(|n| (n, "x"))
        .to_vec();
        let (message, remedy) = (row.message(&values), row.remedy(&values));
        for text in [&message.fr, &message.en, &remedy.fr, &remedy.en] {
            assert!(text.len() > 15 && !text.contains(['?', '{']), "{}: {text}", row.rule);
            assert!(text.ends_with('.'), "{}: {text}", row.rule);
        }
        assert!(message.fr != message.en && remedy.fr != remedy.en, "{}", row.rule);
    }
    assert_eq!(words("BR-CL-23").unwrap().rule, "BR-CL-23");
    assert_eq!(words("BR-DEC-11").unwrap().rule, "BR-DEC-*");
    assert!(words("BR-99").is_none());
}

/// Every rule that the profiles in use may report has a sentence of ours: no library's English stands in a French line.
#[test]
fn every_rule_of_the_standard_is_said_in_both_languages() {
    let profiles =
        [&en16931::profiles::EN16931, &en16931::profiles::ZUGFERD_MINIMUM, &en16931::profiles::ZUGFERD_BASIC_WL];
    let ids: std::collections::BTreeSet<&str> = profiles.iter().flat_map(|p| p.check_ids()).collect();
    assert!(ids.len() > 150, "{}", ids.len());
    let without: Vec<&str> = ids
        .into_iter()
        .filter(|id| {
            let (message, remedy) = said(Tables::built_in(), id, &[], "The library's own words.");
            message.fr.contains("library")
                || message.fr == message.en
                || remedy.fr == said(Tables::built_in(), "", &[], "").1.fr
        })
        .collect();
    assert_eq!(without, Vec::<&str>::new());
    let (message, remedy) = said(Tables::built_in(), "XX-1", &[], "The library's own words.");
    assert_eq!(message.fr, "La règle XX-1 n'est pas respectée (détail technique : The library's own words)");
    assert_eq!(message.en, "Rule XX-1 is not met (technical detail: The library's own words)");
    assert!(remedy.fr.starts_with("Corrigez") && remedy.en.starts_with("Correct"));
}

/// The page shows stored findings to a reader of the other language.
#[test]
fn stored_findings_read_in_the_other_language() {
    let ubl = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    let documents = [
        ubl.replace(">3420.00<", ">3420.01<").replace(NUMBER, "FÀ-2026-0101-0101-0101").replace("UTF-8", "US-ASCII"),
        ubl.replace("unitCode=\"C62\"", "unitCode=\"PIECE\"").replace(">S<", ">AE<").replace(BUYER_SIRET, "12"),
        ubl.replace(AFTER_NOTE, &attachment("a:b.exe", 300)).replace(">570.00<", ">570,00<").replace(">A1<", ">A99<"),
        String::from_utf8(sample("facture-totaux-faux.xml").to_vec()).unwrap(),
        ubl.replace("\"0002\">1100", "\"XX\">1100").replace(" currencyID=\"EUR\">12.50", ">12.501"),
        ubl.replace(">EUR<", "><").replace(">2026-11-16<", "><").replace(">570.00<", ">600.001<"),
        ubl.replace(AFTER_NOTE, &attachment(&"n".repeat(300), 300))
            .replace(">Prestation", "> #PMT# #PMT#")
            .replace("  <cac:PaymentMeans>", "  <cac:Delivery/><cac:Delivery/><cac:PaymentMeans>"),
    ];
    let mut rules = std::collections::BTreeSet::new();
    for (text, profile) in documents.iter().flat_map(|d| Profile::ALL.map(|profile| (d, profile))) {
        let of = |language| examine(text.as_bytes(), &Options { profile, language, ..chorus() }).findings;
        let (french, english) = (of(Language::Fr), of(Language::En));
        assert_eq!(french.len(), english.len());
        for (fr, en) in french.iter().zip(&english) {
            let texts = |f: &Finding| [f.message.clone(), f.remedy.clone(), f.place.clone()];
            let stored = |f: &Finding, language| reworded(&f.rule, [&f.message, &f.remedy, &f.place], language);
            assert_eq!(stored(fr, Language::En), texts(en), "{}", fr.rule);
            assert_eq!(stored(en, Language::Fr), texts(fr), "{}", fr.rule);
            assert_eq!(stored(fr, Language::Fr), texts(fr), "{}", fr.rule);
            rules.insert(fr.rule.clone());
        }
    }
    assert!(rules.len() > 25, "{rules:?}");
    let strange = ["La facture parle.", "Rien.", "BG-22"];
    assert_eq!(reworded("BR-CO-10", strange, Language::En), strange, "what no row says stays as it is");
}

#[test]
fn the_ten_rules_of_a_vat_category_read_as_what_is_wrong() {
    let said = |rule: &str| said(Tables::built_in(), rule, &[("expected", "exactly one group"), ("actual", "2")], "").0;
    assert_eq!(
        said("BR-AE-01").fr,
        "TVA, autoliquidation (AE) : la ventilation (BG-23) n'a pas de groupe pour cette catégorie, ou en a trop. \
         (attendu : un seul groupe ; écrit : 2)"
    );
    assert!(said("BR-AE-02").en.starts_with("VAT, reverse charge (AE): for a line, the VAT or tax numbers must be"));
    assert!(said("BR-O-05").fr.contains("le taux d'une ligne (BT-152) doit être absent"));
    assert!(said("BR-S-09").fr.contains("n'est pas la base (BT-116) multipliée par le taux (BT-119)"));
    assert!(said("BR-Z-09").en.contains("the VAT amount (BT-117) is not zero"));
}
