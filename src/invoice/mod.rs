//! Bytes -> examined invoice: what it is, what it says, what is wrong with it. Pure.
//!
//! [`examine`] promises to end, never to panic, and to use memory in proportion to the file whatever the bytes are; to
//! report every finding, not the first; to say of a file that is no invoice what it looks like. Refuses to know files,
//! sockets, the store and what becomes of the invoice afterwards; what the directory of Chorus Pro says of a recipient is
//! handed in ([`Lookup`]).

mod announcement;
pub mod archive;
mod chorus_rules;
mod complaint;
mod container;
pub mod conversion;
pub mod csv_table;
mod enclosed;
mod encoding;
mod facts;
mod facturx;
mod file_name;
mod foreign;
mod guard;
pub mod image;
mod limits;
mod official;
mod outline;
pub mod pdf_data;
mod pdf_data_problem;
mod pdf_data_reading;
mod pdf_file;
pub mod pivot;
pub mod pivot_conversion;
mod pivot_writing;
mod preflight;
mod recipient_rules;
mod render;
pub mod report;
mod rules;
pub mod semantic;
mod signature;
mod sniff;
pub mod status_code;
pub mod status_file;
mod status_file_csv;
mod status_file_writing;
mod status_file_xml;
pub mod tables;
mod texts;
mod written_rules;
mod xmp;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use crate::fault::{Code, Fault, Language};

pub use facts::{AttachmentFacts, Facts};
pub use limits::Limits;
pub use official::{EUROPEAN_VERSION, FRENCH_VERSION};
pub use recipient_rules::{Listed, Listing, ServiceListing};
pub use signature::in_pdf as is_signed;
pub use tables::Tables;
pub use texts::reworded;

/// Which rules are applied, and which of them block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// The European standard alone.
    En16931,
    /// Chorus Pro's historic channel to public bodies: its own limits block, the standard's rules warn.
    #[default]
    Chorus,
    /// A public body's invoice to a firm, through Chorus Pro, since 2026-09-01: the standard's rules block.
    G2b,
}

impl Profile {
    /// As written in the configuration and on the command line.
    pub const ALL: [Profile; 3] = [Profile::En16931, Profile::Chorus, Profile::G2b];

    pub fn as_str(self) -> &'static str {
        match self {
            Profile::En16931 => "en16931",
            Profile::Chorus => "chorus",
            Profile::G2b => "g2b",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A profile's name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown profile {0:?}: must be en16931, chorus or g2b")]
pub struct UnknownProfile(pub String);

impl FromStr for Profile {
    type Err = UnknownProfile;
    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        let unknown = || UnknownProfile(text.chars().take(40).collect());
        Profile::ALL.into_iter().find(|p| p.as_str() == text).ok_or_else(unknown)
    }
}

/// Whether a finding refuses the file where the route says `check = block`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    Fatal,
    Warning,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Fatal => "fatal",
            Severity::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What becomes of what AFNOR's rules of invoices to public bodies say (BR-FR-CPRO), whose text is not published as rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preflight {
    /// They are not asked.
    Off,
    /// They warn.
    #[default]
    Warn,
    /// They block like Chorus Pro's own limits.
    Block,
}

impl Preflight {
    /// As written in the configuration and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Block => "block",
        }
    }
}

impl FromStr for Preflight {
    type Err = UnknownPreflight;
    fn from_str(text: &str) -> Result<Self, UnknownPreflight> {
        match text {
            "off" => Ok(Self::Off),
            "warn" => Ok(Self::Warn),
            "block" => Ok(Self::Block),
            _ => Err(UnknownPreflight),
        }
    }
}

/// What is no [`Preflight`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be off, warn or block")]
pub struct UnknownPreflight;

/// One thing that is wrong or doubtful with an invoice; its texts are in the language that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The official id (`BR-CO-10`, `UBL-SR-07`), or ours: `CPRO-…` (Chorus Pro's limits), `FLUX-DIR-…` (what the recipient
    /// demands), `FG-…` (reading).
    pub rule: String,
    pub severity: Severity,
    /// Business term, path or line: whatever is known.
    pub place: String,
    pub message: String,
    pub remedy: String,
    pub site: Site,
}

impl Finding {
    /// Leaves out the line of text: of what was made of a pivot, which nobody has.
    pub(crate) fn forget_line(&mut self) {
        if let Some(line) = self.site.line.take() {
            for words in [format!(" (ligne {line})"), format!(" (line {line})")] {
                let without = self.place.strip_suffix(&words).map_or(self.place.len(), str::len);
                self.place.truncate(without);
            }
        }
    }
}

/// A finding's place, each thing by itself as far as it is known, and what is written there.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Site {
    /// Business terms and groups (`BT-131`, `BG-25`).
    pub terms: Vec<String>,
    /// The local names from the root down: `Invoice/InvoiceLine/ID`, of an attribute `…/ID/@schemeID`.
    pub path: Option<String>,
    /// The line of text, from 1.
    pub line: Option<usize>,
    /// Cut where it is long.
    pub value: Option<String>,
}

/// What an invoice is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Syntax {
    UblInvoice,
    UblCreditNote,
    Cii,
    /// A PDF that carries a CII invoice.
    FacturX,
    /// UBL without lines and with its PDF inside: Chorus Pro's mixed kind (E2).
    UblMin,
    /// CII without lines and with its PDF inside.
    CiiMin,
    /// A PDF that carries a UBL invoice.
    PdfUbl,
    Xcbl,
    /// PES V2, which Chorus Pro lists and has not taken since 2021.
    Pes,
    /// Chorus Pro's own CPPFactureMixte.
    CppMixed,
}

impl Syntax {
    pub const ALL: [Syntax; 10] = [
        Syntax::UblInvoice,
        Syntax::UblCreditNote,
        Syntax::Cii,
        Syntax::FacturX,
        Syntax::UblMin,
        Syntax::CiiMin,
        Syntax::PdfUbl,
        Syntax::Xcbl,
        Syntax::Pes,
        Syntax::CppMixed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Syntax::UblInvoice => "ubl-invoice",
            Syntax::UblCreditNote => "ubl-creditnote",
            Syntax::Cii => "cii",
            Syntax::FacturX => "facturx",
            Syntax::UblMin => "ubl-min",
            Syntax::CiiMin => "cii-min",
            Syntax::PdfUbl => "pdf-ubl",
            Syntax::Xcbl => "xcbl",
            Syntax::Pes => "pes",
            Syntax::CppMixed => "cpp-mixed",
        }
    }

    /// Whether the European standard says nothing about it.
    fn is_foreign(self) -> bool {
        matches!(self, Syntax::Xcbl | Syntax::Pes | Syntax::CppMixed)
    }
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Accept,
    Reject,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Accept => "accept",
            Verdict::Reject => "reject",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How to examine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub profile: Profile,
    /// The route's `check = block`: a fatal finding rejects. What cannot be read at all is rejected either way.
    pub block: bool,
    /// The BR-FR-CPRO rules, of profile `chorus` only.
    pub preflight: Preflight,
    /// Qualification or practice, whose SIRETs fail the check digit on purpose: there it only warns (PROTOCOL §1).
    pub sandbox: bool,
    pub language: Language,
    pub limits: Limits,
    /// Code lists, limits, severities and messages in force.
    pub tables: Tables,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            block: true,
            preflight: Preflight::default(),
            sandbox: false,
            language: Language::default(),
            limits: Limits::default(),
            tables: Tables::default(),
        }
    }
}

/// What was found out about some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// `None`: not an invoice we read; [`Self::fault`] says what it is.
    pub syntax: Option<Syntax>,
    /// What the invoice says; `None` when it could not be read.
    pub facts: Option<Facts>,
    /// The further invoices of a file that may hold several (CPPFactureMixte).
    pub others: Vec<Facts>,
    /// It carries an electronic signature.
    pub signed: bool,
    pub verdict: Verdict,
    /// Fatal ones first, otherwise in the order of the document.
    pub findings: Vec<Finding>,
    /// Why the file is rejected; always there when the verdict is [`Verdict::Reject`], never otherwise.
    pub fault: Option<Fault>,
}

impl Examined {
    /// Of a file that is no invoice and read all the same.
    pub(crate) fn other(findings: Vec<Finding>, fault: Option<Fault>) -> Self {
        let verdict = if fault.is_some() { Verdict::Reject } else { Verdict::Accept };
        Self { syntax: None, facts: None, others: Vec::new(), signed: false, verdict, findings, fault }
    }

    /// With what else is to be known of it, ahead of the warnings.
    #[must_use]
    pub(crate) fn with_told(mut self, faults: &[Fault], place: &str, language: Language) -> Self {
        let told = faults.iter().map(|fault| Finding {
            rule: fault.code.to_string(),
            severity: Severity::Warning,
            place: place.to_owned(),
            message: fault.title(language),
            remedy: fault.remedy(language),
            site: Site::default(),
        });
        let at = self.findings.iter().take_while(|finding| finding.severity == Severity::Fatal).count();
        self.findings.splice(at..at, told);
        self
    }

    pub(crate) fn unread(syntax: Option<Syntax>, fault: Fault) -> Self {
        Self {
            syntax,
            facts: None,
            others: Vec::new(),
            signed: false,
            verdict: Verdict::Reject,
            findings: Vec::new(),
            fault: Some(fault),
        }
    }
}

/// Says what is known of an invoice's recipient. Asked at most once for an invoice, and only where that counts.
pub type Lookup<'l> = &'l dyn Fn(&Facts) -> Listing;

/// Examines a file by what it says alone. Never panics, never unbounded: see [`Limits`].
pub fn examine(bytes: &[u8], options: &Options) -> Examined {
    examine_with(bytes, options, &|_| Listing::Silent)
}

/// As [`examine`], and holds the invoice against what its recipient demands, where `lookup` knows that.
pub fn examine_with(bytes: &[u8], options: &Options, lookup: Lookup<'_>) -> Examined {
    if bytes.is_empty() {
        return Examined::unread(None, Fault::new(Code::EmptyFile));
    }
    if bytes.len() > options.limits.file_bytes {
        let fault = complaint::over("taille du fichier", "file size", options.limits.file_bytes);
        return Examined::unread(None, fault);
    }
    match sniff::sniff(bytes) {
        sniff::Content::Xml => xml(bytes, None, options, lookup),
        sniff::Content::Pdf => pdf(bytes, options, lookup),
        sniff::Content::Other(kind) => Examined::unread(None, kind.fault()),
    }
}

fn pdf(bytes: &[u8], options: &Options, lookup: Lookup<'_>) -> Examined {
    match container::open(bytes, &options.limits) {
        Ok((payload, container)) => xml(&payload, Some((&container, bytes)), options, lookup),
        Err(fault) => Examined::unread(None, fault),
    }
}

fn xml(
    bytes: &[u8],
    container: Option<(&container::Container, &[u8])>,
    options: &Options,
    lookup: Lookup<'_>,
) -> Examined {
    let in_pdf = container.map(|_| Syntax::FacturX);
    let decoded = match encoding::decode(bytes) {
        Ok(decoded) => decoded,
        Err(fault) => return Examined::unread(in_pdf, fault),
    };
    if sniff::is_html(&decoded.text) {
        return Examined::unread(in_pdf, sniff::Kind::Html.fault());
    }
    let outline = match guard::outline(&decoded.text, &options.limits) {
        Ok(outline) => outline,
        Err(fault) => return Examined::unread(in_pdf, fault),
    };
    let signed = match container {
        Some((_, pdf)) => signature::in_pdf(pdf) || signature::in_xml(&outline),
        None => signature::in_xml(&outline),
    };
    let syntax = match sniff::vocabulary(&outline) {
        Ok(Syntax::Cii) if container.is_some() => Syntax::FacturX,
        Ok(Syntax::UblInvoice | Syntax::UblCreditNote) if container.is_some() => Syntax::PdfUbl,
        Ok(syntax) if syntax.is_foreign() => {
            // Only Chorus Pro's historic channel has ever taken them, and never inside a PDF.
            if container.is_some() || options.profile != Profile::Chorus {
                return Examined::unread(in_pdf, sniff::Kind::other_xml(&outline).fault());
            }
            return foreign::examine(syntax, &outline, bytes.len(), signed, options);
        }
        Ok(syntax) => syntax,
        Err(kind) => return Examined::unread(in_pdf, kind.fault()),
    };
    let facts = facts::gather(&outline, container.map(|(c, _)| c));
    let syntax = mixed_or(syntax, &outline, &facts);
    let mut findings = rules::Findings::new(&outline, options);
    if let Some(written_in) = decoded.transcoded {
        findings.own("FG-ENCODING", Severity::Warning, written_in.to_owned(), &[("encoding", written_in)]);
    }
    findings.specification();
    if let Some((container, _)) = container {
        findings.container(container);
    }
    let document = official::document::Document::new(&outline, options.tables);
    findings.official(&official::european(&document));
    if options.profile == Profile::G2b {
        findings.official(&official::french(&document));
    }
    written_rules::check(&outline, options.profile, &mut findings);
    if options.profile != Profile::En16931 {
        let size = container.map_or(bytes.len(), |(_, pdf)| pdf.len());
        chorus_rules::check(&facts, &outline, size, options, &mut findings);
        chorus_rules::check_syntax(syntax, options, &mut findings);
    }
    // Both are about public bodies; towards firms and by the standard alone there is nothing to say.
    if options.profile == Profile::Chorus {
        preflight::check(&outline, options.preflight, &mut findings);
        recipient_rules::check(&facts, &lookup(&facts), recipient_rules::TERMS, &mut findings);
    }
    Examined { signed, ..findings.conclude(Some(syntax), facts) }
}

/// Chorus Pro's mixed kind (E2, "MIN"): an XML that has only the head of the invoice, and the invoice itself as a PDF
/// inside it. Its schema is not public; that it is what has no lines and carries a PDF is our reading.
fn mixed_or(syntax: Syntax, outline: &outline::Outline<'_>, facts: &Facts) -> Syntax {
    let is_pdf = |attachment: &AttachmentFacts| {
        attachment.mime.eq_ignore_ascii_case("application/pdf")
            || attachment.name.to_ascii_lowercase().ends_with(".pdf")
    };
    if facts::has_lines(outline) || !facts.attachments.iter().any(is_pdf) {
        return syntax;
    }
    match syntax {
        Syntax::UblInvoice => Syntax::UblMin,
        Syntax::Cii => Syntax::CiiMin,
        other => other,
    }
}
