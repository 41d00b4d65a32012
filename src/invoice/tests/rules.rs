//! Chorus Pro's limits, each at its edge, and the words people read.

use super::sample;
use crate::fault::Language;
use crate::invoice::texts::{WORDS, words};
use crate::invoice::{Finding, Options, Profile, Severity, Verdict, examine};

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
    let ten_megabytes = 9_999_999;
    assert_eq!(changed(AFTER_NOTE, &attachment("a.pdf", ten_megabytes), &options), []);
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
    assert!(finding.message.contains("attendu : 3420.00 ; écrit : 3420.01"), "{}", finding.message);
}

#[test]
fn an_invoice_line_is_named_by_its_number_and_line() {
    let findings =
        changed("unitCode=\"C62\"", "unitCode=\"PIECE\"", &Options { profile: Profile::En16931, ..chorus() });
    let finding = findings.iter().find(|f| f.rule == "BR-CL-23").unwrap_or_else(|| panic!("{findings:?}"));
    assert!(finding.place.starts_with("BG-25[2]") && finding.place.ends_with("(ligne 101)"), "{}", finding.place);
}

#[test]
fn words_are_complete_and_found() {
    let mut seen = std::collections::BTreeSet::new();
    for row in WORDS {
        assert!(seen.insert(row.rule), "{} twice", row.rule);
        for language in [Language::Fr, Language::En] {
            let values: Vec<(&str, &str)> =
                ["value", "length", "limit", "name", "count", "detail", "encoding"].map(|n| (n, "x")).to_vec();
            let (message, remedy) = (row.message(language, &values), row.remedy(language, &values));
            assert!(message.len() > 15 && remedy.len() > 15, "{}", row.rule);
            assert!(
                !message.contains('?') && !remedy.contains('?') && !message.contains('{'),
                "{}: {message}",
                row.rule
            );
        }
        assert_ne!(row.message(Language::Fr, &[]), row.message(Language::En, &[]), "{}", row.rule);
    }
    let standard = WORDS.iter().filter(|w| w.rule.starts_with("BR-")).count();
    assert!(standard >= 20, "the twenty most common rules have a remedy of their own; there are {standard}");
    assert_eq!(words("BR-CL-23").unwrap().rule, "BR-CL-23");
    assert_eq!(words("BR-CL-11").unwrap().rule, "BR-CL-*");
    assert!(words("BR-99").is_none());
}
