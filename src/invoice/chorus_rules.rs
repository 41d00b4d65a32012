//! What Chorus Pro checks itself and needs no directory for, told before it is sent (PROTOCOL §2.2, BR-FR-CPRO).
//!
//! Ids are ours. Limits are named with their unit; which of them block is said in [`super::rules`].

use crate::domain::{Siret, SiretForm};

use super::facts::{has_payment, is_siret, preceding};
use super::outline::{Id, Outline};
use super::rules::Findings;
use super::{AttachmentFacts, Facts, Options, Profile, Severity, Syntax};

/// BT-1 and BT-25 towards public bodies, in characters.
const NUMBER_CHARACTERS: usize = 20;
/// BT-1 towards firms since 2026-09-01, in characters (DSE-CP §3.2).
const G2B_NUMBER_CHARACTERS: usize = 35;
/// BT-12 and BT-13, in characters (BR-FR-CPRO-14, -15).
const REFERENCE_CHARACTERS: usize = 50;
/// The service code, in characters.
const SERVICE_CHARACTERS: usize = 100;
/// One attachment, in bytes: 10 MB.
const ATTACHMENT_BYTES: usize = 10_000_000;
/// An attachment's name, in characters (BR-FR-CPRO-41).
const ATTACHMENT_NAME_CHARACTERS: usize = 50;
/// One file of a flux, in bytes: 10 MB, what is attached inside it included (PROTOCOL §2.2).
const FILE_BYTES: usize = 10_000_000;
/// The same towards firms, where a flux has 30 MB (DSE-CP §5.4.1).
const G2B_FILE_BYTES: usize = 30_000_000;
/// The whole, attachments included, in bytes: 120 MB.
const TOTAL_BYTES: usize = 120_000_000;
/// What a file's name must not hold (DSE-CP §3.2.1.4.1).
const FORBIDDEN_IN_NAMES: &[char] = &['%', '$', '!', '&', '/', '\\', ':', ';', '«', '»', '#', '@'];
/// Extensions that Chorus Pro takes, in lower case.
const EXTENSIONS: &[&str] = &[
    "bmp", "bz2", "csv", "doc", "docx", "fax", "gif", "gz", "gzip", "htm", "html", "jpeg", "jpg", "odp", "ods", "odt",
    "p7s", "pdf", "png", "ppt", "pptx", "rtf", "svg", "tgz", "tif", "tiff", "txt", "xhtml", "xlc", "xls", "xlsx",
    "xml", "zip",
];
/// The last framework of Chorus Pro's own list: A1 to A25.
const LAST_FRAMEWORK: u32 = 25;

/// Adds what Chorus Pro would refuse. `size` is the dropped file's, in bytes.
pub fn check(facts: &Facts, outline: &Outline<'_>, size: usize, options: &Options, findings: &mut Findings<'_, '_>) {
    check_numbers(facts, options.profile, findings);
    if options.profile == Profile::Chorus {
        for number in preceding(outline) {
            longer("CPRO-PRECEDING-LENGTH", Severity::Warning, "BT-25", &number, NUMBER_CHARACTERS, findings);
        }
    }
    if facts.supplier.is_empty() {
        findings.own("CPRO-SUPPLIER-ID", Severity::Fatal, "BG-4".to_owned(), &[]);
    } else {
        check_digit("CPRO-SUPPLIER-SIRET-KEY", "BT-29", &facts.supplier, options, findings);
    }
    if options.profile == Profile::Chorus {
        recipient(facts, options, findings);
        framework(facts, findings);
        payment(facts, outline, findings);
    }
    let references = [
        ("CPRO-ENGAGEMENT-LENGTH", "BT-13", &facts.engagement, REFERENCE_CHARACTERS),
        ("CPRO-MARKET-LENGTH", "BT-12", &facts.contract, REFERENCE_CHARACTERS),
        ("CPRO-SERVICE-LENGTH", "BT-10", &facts.service_code, SERVICE_CHARACTERS),
    ];
    for (rule, term, value, limit) in references {
        if let Some(value) = value {
            longer(rule, Severity::Fatal, term, value, limit, findings);
        }
    }
    for attachment in &facts.attachments {
        self::attachment(attachment, findings);
    }
    check_file_size(size, options.profile, findings);
    check_size(facts.attachments.iter().fold(size, |sum, a| sum.saturating_add(a.size)), findings);
}

/// The file as it goes to Chorus Pro, in bytes.
pub fn check_file_size(size: usize, profile: Profile, findings: &mut Findings<'_, '_>) {
    let limit = if profile == Profile::G2b { G2B_FILE_BYTES } else { FILE_BYTES };
    if size > limit {
        let (length, limit) = (size.to_string(), limit.to_string());
        let values = [("length", length.as_str()), ("limit", limit.as_str())];
        let place = findings.root().to_owned();
        findings.own("CPRO-FILE-SIZE", Severity::Fatal, place, &values);
    }
}

/// The whole, attachments included, in bytes.
pub fn check_size(total: usize, findings: &mut Findings<'_, '_>) {
    if total > TOTAL_BYTES {
        let (length, limit) = (total.to_string(), TOTAL_BYTES.to_string());
        let values = [("length", length.as_str()), ("limit", limit.as_str())];
        findings.own("CPRO-TOTAL-SIZE", Severity::Fatal, "BG-24".to_owned(), &values);
    }
}

/// What only the syntax decides.
pub fn check_syntax(syntax: Syntax, options: &Options, findings: &mut Findings<'_, '_>) {
    let taken = matches!(syntax, Syntax::UblInvoice | Syntax::UblCreditNote | Syntax::FacturX);
    if options.profile == Profile::G2b && !taken {
        findings.own("G2B-SYNTAX", Severity::Fatal, findings.root().to_owned(), &[]);
    }
}

/// Length and characters of the number.
pub fn check_numbers(facts: &Facts, profile: Profile, findings: &mut Findings<'_, '_>) {
    // Missing altogether is BR-02.
    let Some(number) = facts.number.as_ref().map(|number| number.as_str()) else { return };
    match profile {
        Profile::G2b => longer("G2B-NUMBER-LENGTH", Severity::Fatal, "BT-1", number, G2B_NUMBER_CHARACTERS, findings),
        _ => longer("CPRO-NUMBER-LENGTH", Severity::Fatal, "BT-1", number, NUMBER_CHARACTERS, findings),
    }
    if let Some(bad) = number.chars().find(|c| !(c.is_ascii_alphanumeric() || " -_/+".contains(*c))) {
        let severity = if profile == Profile::Chorus { Severity::Fatal } else { Severity::Warning };
        findings.own("CPRO-NUMBER-CHARACTERS", severity, "BT-1".to_owned(), &[("value", &bad.to_string())]);
    }
}

fn recipient(facts: &Facts, options: &Options, findings: &mut Findings<'_, '_>) {
    let place = || "BT-46".to_owned();
    if facts.recipient.is_empty() {
        findings.own("CPRO-BUYER-SIRET", Severity::Fatal, place(), &[]);
    } else if is_siret(&facts.recipient) {
        check_digit("CPRO-BUYER-SIRET-KEY", "BT-46", &facts.recipient, options, findings);
    } else {
        findings.own("CPRO-BUYER-SIRET-FORM", Severity::Fatal, place(), &[("value", &facts.recipient)]);
    }
}

/// A wrong check digit blocks in production; the qualification data set fails it on purpose (PROTOCOL §1).
fn check_digit(rule: &str, term: &str, value: &str, options: &Options, findings: &mut Findings<'_, '_>) {
    let wrong = value.parse::<Siret>().is_ok_and(|s| s.form() == SiretForm::CheckDigitWrong);
    if wrong {
        let severity = if options.sandbox { Severity::Warning } else { Severity::Fatal };
        findings.own(rule, severity, term.to_owned(), &[("value", value)]);
    }
}

fn framework(facts: &Facts, findings: &mut Findings<'_, '_>) {
    let Some(frame) = facts.frame.as_deref().map(str::trim) else { return };
    if frame == "S5" {
        findings.own("CPRO-FRAME-S5", Severity::Warning, "BT-23".to_owned(), &[]);
    }
    // The reform's own frameworks (B1, S3, M2 ...) and foreign process names are not Chorus Pro's list.
    let Some(digits) = frame.strip_prefix('A').filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    else {
        return;
    };
    let known = !digits.starts_with('0') && digits.parse::<u32>().is_ok_and(|n| (1..=LAST_FRAMEWORK).contains(&n));
    if !known {
        findings.own("CPRO-FRAME", Severity::Fatal, "BT-23".to_owned(), &[("value", frame)]);
    }
}

fn payment(facts: &Facts, outline: &Outline<'_>, findings: &mut Findings<'_, '_>) {
    let credit = outline.name(Id::ROOT) == "CreditNote" || facts.type_code == "381";
    match (credit, has_payment(outline)) {
        (true, true) => findings.own("CPRO-CREDIT-PAYMENT", Severity::Warning, "BG-16".to_owned(), &[]),
        (false, false) => findings.own("CPRO-PAYMENT-MEANS", Severity::Warning, "BG-16".to_owned(), &[]),
        _ => {}
    }
}

fn attachment(attachment: &AttachmentFacts, findings: &mut Findings<'_, '_>) {
    let name = attachment.name.as_str();
    let place = || "BG-24".to_owned();
    if attachment.size > ATTACHMENT_BYTES {
        let (length, limit) = (attachment.size.to_string(), ATTACHMENT_BYTES.to_string());
        let values = [("name", name), ("length", length.as_str()), ("limit", limit.as_str())];
        findings.own("CPRO-ATTACHMENT-SIZE", Severity::Fatal, place(), &values);
    }
    let characters = name.chars().count();
    if characters > ATTACHMENT_NAME_CHARACTERS {
        let (length, limit) = (characters.to_string(), ATTACHMENT_NAME_CHARACTERS.to_string());
        let values = [("name", name), ("length", length.as_str()), ("limit", limit.as_str())];
        findings.own("CPRO-ATTACHMENT-NAME-LENGTH", Severity::Fatal, place(), &values);
    }
    if let Some(bad) = name.chars().find(|c| FORBIDDEN_IN_NAMES.contains(c) || c.is_control()) {
        let bad = bad.escape_default().to_string();
        findings.own("CPRO-ATTACHMENT-NAME", Severity::Fatal, place(), &[("name", name), ("value", &bad)]);
    }
    let extension = name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default();
    if !EXTENSIONS.contains(&extension.as_str()) {
        findings.own("CPRO-ATTACHMENT-EXTENSION", Severity::Fatal, place(), &[("name", name)]);
    }
}

fn longer(rule: &str, severity: Severity, term: &str, value: &str, limit: usize, findings: &mut Findings<'_, '_>) {
    let length = value.chars().count();
    if length > limit {
        let (length, limit) = (length.to_string(), limit.to_string());
        findings.own(rule, severity, term.to_owned(), &[("length", &length), ("limit", &limit)]);
    }
}
