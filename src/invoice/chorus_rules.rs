//! What Chorus Pro checks itself and needs no directory for, told before it is sent (PROTOCOL §2.2, BR-FR-CPRO).
//!
//! Ids are ours. Limits are named with their unit, and a file of tables may move them; which of them block is said in [`super::rules`].

use crate::domain::{Siret, SiretForm};

use super::facts::{has_payment, is_siret, preceding};
use super::official::lists;
use super::outline::{Id, Outline};
use super::rules::Findings;
use super::{AttachmentFacts, Facts, Options, Profile, Severity, Syntax};

/// A limit: which of [`LIMITS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    pub fn index(self) -> usize {
        self.0
    }
}

/// A limit as a file of tables names it.
pub struct Named {
    /// In capitals; the unit ends it.
    constant: &'static str,
    /// What it bounds, and whence.
    pub about: &'static str,
    pub built_in: usize,
    /// More than this the gateway itself does not read.
    pub largest: usize,
}

impl Named {
    pub fn key(&self) -> String {
        self.constant.to_ascii_lowercase()
    }
}

macro_rules! limits {
    ($(#[doc = $about:literal] $name:ident = $built_in:literal, at most $largest:expr;)*) => {
        #[expect(non_camel_case_types, reason = "counts the constants below")]
        enum Place { $($name,)* }
        $(#[doc = $about] pub const $name: Limit = Limit(Place::$name as usize);)*
        /// Every limit with its built-in value; a file of tables may bring others ([`super::tables`]).
        pub const LIMITS: &[Named] = &[$(
            Named { constant: stringify!($name), about: $about, built_in: $built_in, largest: $largest },
        )*];
    };
}

/// Of a text in an invoice, in characters.
const TEXT_LARGEST: usize = 10_000;
/// Of a file, in bytes: what [`super::Limits`] reads of one.
const FILE_LARGEST: usize = 120 * 1024 * 1024;

limits! {
    #[doc = "BT-1, BT-25 (chorus), and a line's preceding invoice (BR-FR-CPRO-02)"]
    NUMBER_CHARACTERS = 20, at most TEXT_LARGEST;
    #[doc = "BT-1 (g2b, since 2026-09-01, DSE-CP §3.2)"]
    G2B_NUMBER_CHARACTERS = 35, at most TEXT_LARGEST;
    #[doc = "BT-12, BT-13 (BR-FR-CPRO-14, -15)"]
    REFERENCE_CHARACTERS = 50, at most TEXT_LARGEST;
    #[doc = "BT-10"]
    SERVICE_CHARACTERS = 100, at most TEXT_LARGEST;
    #[doc = "CPRO-ATTACHMENT-SIZE"]
    ATTACHMENT_BYTES = 10_000_000, at most FILE_LARGEST;
    #[doc = "CPRO-ATTACHMENT-NAME-LENGTH (BR-FR-CPRO-41)"]
    ATTACHMENT_NAME_CHARACTERS = 50, at most TEXT_LARGEST;
    #[doc = "CPRO-FILE-SIZE (chorus): one file of a flux, with what is attached inside it"]
    FILE_BYTES = 10_000_000, at most FILE_LARGEST;
    #[doc = "CPRO-FILE-SIZE (g2b, DSE-CP §5.4.1)"]
    G2B_FILE_BYTES = 30_000_000, at most FILE_LARGEST;
    #[doc = "CPRO-TOTAL-SIZE: the whole, attachments included"]
    TOTAL_BYTES = 120_000_000, at most FILE_LARGEST;
    #[doc = "BT-122 (BR-FR-CPRO-30)"]
    SUPPORTING_DOCUMENT_CHARACTERS = 50, at most TEXT_LARGEST;
    #[doc = "BT-154 (BR-FR-CPRO-31)"]
    ITEM_DESCRIPTION_CHARACTERS = 1024, at most TEXT_LARGEST;
    #[doc = "BT-35, BT-37 (BR-FR-CPRO-32, -33)"]
    SELLER_ADDRESS_CHARACTERS = 400, at most TEXT_LARGEST;
    #[doc = "BT-27, BT-28, BT-44, BT-45, BT-59 (BR-FR-CPRO-34, -36, -37, -43, -44)"]
    NAME_CHARACTERS = 99, at most TEXT_LARGEST;
    #[doc = "BT-20 (BR-FR-CPRO-35)"]
    PAYMENT_TERMS_CHARACTERS = 1024, at most TEXT_LARGEST;
    #[doc = "BT-71, and where a line is delivered (BR-FR-CPRO-38, -40)"]
    DELIVERY_LOCATION_CHARACTERS = 20, at most TEXT_LARGEST;
    #[doc = "BT-84 (BR-FR-CPRO-39)"]
    ACCOUNT_CHARACTERS = 27, at most TEXT_LARGEST;
    #[doc = "BT-22 (BR-FR-CPRO-42)"]
    NOTE_CHARACTERS = 1024, at most TEXT_LARGEST;
}

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
    let limit = findings.limit(if profile == Profile::G2b { G2B_FILE_BYTES } else { FILE_BYTES });
    if size > limit {
        let (length, limit) = (size.to_string(), limit.to_string());
        let values = [("length", length.as_str()), ("limit", limit.as_str())];
        let place = findings.root().to_owned();
        findings.own("CPRO-FILE-SIZE", Severity::Fatal, place, &values);
    }
}

/// The whole, attachments included, in bytes.
pub fn check_size(total: usize, findings: &mut Findings<'_, '_>) {
    let limit = findings.limit(TOTAL_BYTES);
    if total > limit {
        let (length, limit) = (total.to_string(), limit.to_string());
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
    let digits = frame.strip_prefix('A').filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()));
    if digits.is_some() && !findings.list(lists::CHORUS_FRAMES).has(frame) {
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
    let limit = findings.limit(ATTACHMENT_BYTES);
    if attachment.size > limit {
        let (length, limit) = (attachment.size.to_string(), limit.to_string());
        let values = [("name", name), ("length", length.as_str()), ("limit", limit.as_str())];
        findings.own("CPRO-ATTACHMENT-SIZE", Severity::Fatal, place(), &values);
    }
    let characters = name.chars().count();
    let limit = findings.limit(ATTACHMENT_NAME_CHARACTERS);
    if characters > limit {
        let (length, limit) = (characters.to_string(), limit.to_string());
        let values = [("name", name), ("length", length.as_str()), ("limit", limit.as_str())];
        findings.own("CPRO-ATTACHMENT-NAME-LENGTH", Severity::Fatal, place(), &values);
    }
    let forbidden = findings.list(lists::CHORUS_FORBIDDEN_IN_NAMES);
    if let Some(bad) = name.chars().find(|c| forbidden.has(c.encode_utf8(&mut [0; 4])) || c.is_control()) {
        let bad = bad.escape_default().to_string();
        findings.own("CPRO-ATTACHMENT-NAME", Severity::Fatal, place(), &[("name", name), ("value", &bad)]);
    }
    let extension = name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default();
    if !findings.list(lists::CHORUS_EXTENSIONS).has(&extension) {
        findings.own("CPRO-ATTACHMENT-EXTENSION", Severity::Fatal, place(), &[("name", name)]);
    }
}

fn longer(rule: &str, severity: Severity, term: &str, value: &str, limit: Limit, findings: &mut Findings<'_, '_>) {
    let (length, limit) = (value.chars().count(), findings.limit(limit));
    if length > limit {
        let (length, limit) = (length.to_string(), limit.to_string());
        let values = [("length", length.as_str()), ("limit", &limit), ("value", value)];
        findings.own(rule, severity, term.to_owned(), &values);
    }
}
