//! What `check` prints: one JSON object a line for machines (DESIGN §4), a short page for people.

use std::fmt::Write as _;

use serde::Serialize;

use super::tables::Versions;
use super::texts::{cut, pick};
use super::{Examined, Finding, Options, Profile, Severity, Site, Verdict};
use crate::domain::Environment;
use crate::fault::Language;

/// One line of `check --json`.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    pub file: &'a str,
    /// `null` when the file is not an invoice we read.
    pub syntax: Option<&'static str>,
    pub profile: &'static str,
    pub verdict: &'static str,
    pub findings: Vec<LineFinding<'a>>,
    /// The invoice's number (BT-1), where one was read.
    pub number: Option<&'a str>,
    /// The fault's code of a rejected file.
    pub fault: Option<&'static str>,
    /// What it was read as: see [`Read::as_str`]; `null` when it was not opened.
    pub kind: Option<&'static str>,
    /// The versions of the rules and tables it was held against; `null` when it was not.
    pub rules: Option<Versions>,
}

/// What a file was read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// An invoice, or what is none.
    Invoice,
    /// What a plain PDF says.
    PdfData,
    /// So many statuses of received invoices, its good lines.
    Statuses(usize),
    /// The complement of a sent invoice.
    Complement,
}

impl Read {
    pub fn as_str(self) -> &'static str {
        match self {
            Read::Invoice => "invoice",
            Read::PdfData => "pdf-data",
            Read::Statuses(_) => "statuses",
            Read::Complement => "complement",
        }
    }

    /// What people are told beside the verdict, and what only the gateway can judge.
    fn note(self, language: Language) -> Option<(&'static str, String)> {
        match self {
            Read::Invoice => None,
            Read::PdfData => Some((pick(language, "données d'un PDF", "data of a PDF"), String::new())),
            Read::Statuses(good) => {
                let (fr, en) = (
                    format!(
                        "Demandes de statut lisibles : {good}. La passerelle vérifie à l'arrivée que les factures sont reçues et que Chorus Pro permet ces statuts."
                    ),
                    format!(
                        "Requests that can be read: {good}. The gateway checks on arrival that the invoices were received and that Chorus Pro allows these statuses."
                    ),
                );
                let note = match language {
                    Language::Fr => fr,
                    Language::En => en,
                };
                Some((pick(language, "fichier de statuts", "status file"), note))
            }
            Read::Complement => Some((
                pick(language, "complément", "complement"),
                pick(
                    language,
                    "La passerelle vérifie à l'arrivée que la facture a été envoyée d'ici et qu'elle est suspendue.",
                    "The gateway checks on arrival that the invoice was sent from here and is suspended.",
                )
                .to_owned(),
            )),
        }
    }
}

/// A finding in that line.
#[derive(Debug, Serialize)]
pub struct LineFinding<'a> {
    pub rule: &'a str,
    pub severity: &'static str,
    #[serde(rename = "where")]
    pub place: &'a str,
    pub message: String,
    pub remedy: String,
    #[serde(flatten)]
    pub site: Site,
}

/// The rule named when a file's content cannot be read at all.
pub const UNREADABLE: &str = "SYNTAX";
/// The rule named when no content was seen: the file is not there, or may not be opened.
pub const UNOPENED: &str = "OPEN";

/// The object for one file; `where` of an unreadable file is the fault's place, if it has one.
pub fn line<'a>(file: &'a str, read: Read, examined: &'a Examined, options: &Options) -> Line<'a> {
    let findings = match &examined.fault {
        Some(fault) if examined.facts.is_none() && examined.findings.is_empty() => vec![LineFinding {
            rule: UNREADABLE,
            severity: Severity::Fatal.as_str(),
            place: fault.detail("place", options.language).unwrap_or_default(),
            message: format!("{} {}", fault.code, fault.title(options.language)),
            remedy: fault.remedy(options.language),
            site: Site { line: fault.detail("place", options.language).and_then(line_in), ..Site::default() },
        }],
        _ => examined.findings.iter().map(LineFinding::of).collect(),
    };
    Line {
        file,
        syntax: examined.syntax.map(super::Syntax::as_str),
        profile: options.profile.as_str(),
        verdict: examined.verdict.as_str(),
        findings,
        number: examined.facts.as_ref().and_then(|facts| facts.number.as_ref()).map(|number| number.as_str()),
        fault: examined.fault.as_ref().map(|fault| fault.code.as_str()),
        kind: Some(read.as_str()),
        rules: examined.rules(options),
    }
}

impl<'a> LineFinding<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            rule: &finding.rule,
            severity: finding.severity.as_str(),
            place: &finding.place,
            message: finding.message.clone(),
            remedy: finding.remedy.clone(),
            site: finding.site.clone(),
        }
    }
}

/// [`line`] as JSON without a line feed.
pub fn json(file: &str, read: Read, examined: &Examined, options: &Options) -> String {
    serde_json::to_string(&line(file, read, examined, options)).expect("strings and lists always serialise")
}

/// The line for a file that could not even be opened: same shape, a rule that no invoice breaks.
pub fn unopened_json(file: &str, why: &str, options: &Options) -> String {
    let finding = LineFinding {
        rule: UNOPENED,
        severity: Severity::Fatal.as_str(),
        place: "",
        message: format!("{}{why}", pick(options.language, "fichier non lu : ", "file not read: ")),
        remedy: open_remedy(options.language).to_owned(),
        site: Site::default(),
    };
    let line = Line {
        file,
        syntax: None,
        profile: options.profile.as_str(),
        verdict: Verdict::Reject.as_str(),
        findings: vec![finding],
        number: None,
        fault: None,
        kind: None,
        rules: None,
    };
    serde_json::to_string(&line).expect("strings and lists always serialise")
}

/// For people: a file that could not even be opened.
pub fn unopened(file: &str, why: &str, language: Language) -> String {
    let not_read = pick(language, "NON LUE", "NOT READ");
    format!("{}: {not_read} ({why})\n    -> {}\n", printable(file), open_remedy(language))
}

fn open_remedy(language: Language) -> &'static str {
    pick(language, "Vérifiez le chemin et les droits.", "Check the path and its permissions.")
}

/// For people, once: as what the files are examined.
pub fn assumption(profile: Profile, environment: Environment, language: Language) -> String {
    let environment = language.environment(environment);
    match language {
        Language::Fr => format!("Contrôle avec le profil {profile}, pour l'environnement {environment}."),
        Language::En => format!("Checked with profile {profile}, for environment {environment}."),
    }
}

/// For people, once: the versions of what the files are held against. `draft`: nobody asked whose signature the tables bear.
pub fn rules(options: &Options, draft: bool) -> String {
    let versions = options.versions().told(options.language);
    let draft =
        if draft { pick(options.language, " (signature non contrôlée)", " (signature not checked)") } else { "" };
    match options.language {
        Language::Fr => format!("Règles : {versions}{draft}."),
        Language::En => format!("Rules: {versions}{draft}."),
    }
}

/// A short page for people.
pub fn human(file: &str, read: Read, examined: &Examined, options: &Options) -> String {
    let language = options.language;
    let verdict = match examined.verdict {
        Verdict::Accept => pick(language, "ACCEPTÉE", "ACCEPTED"),
        Verdict::Reject => pick(language, "REFUSÉE", "REJECTED"),
    };
    let mut page = format!("{}: {verdict}", printable(file));
    if let Some(fault) = &examined.fault {
        let _ = write!(page, " {}", fault.code);
    }
    let note = read.note(language);
    if let Some(syntax) = examined.syntax.map(super::Syntax::as_str).or(note.as_ref().map(|(kind, _)| *kind)) {
        let _ = write!(page, " ({syntax})");
    }
    page.push('\n');
    // Of what is refused as a whole there is nothing more to say.
    let is_read = examined.verdict == Verdict::Accept || !examined.findings.is_empty();
    if let Some((_, told)) = note.filter(|(_, told)| is_read && !told.is_empty()) {
        let _ = writeln!(page, "  {told}");
    }
    if let Some(facts) = examined.facts.as_ref().filter(|facts| **facts != super::Facts::default()) {
        let number = facts.number.as_ref().map_or("?", |n| n.as_str());
        let payable = cut(&facts.payable_text().unwrap_or_else(|| "?".to_owned())).into_owned();
        // Data of a PDF give SIRETs only.
        let party = |name: &'_ str, id: &'_ str| if name.is_empty() { id.to_owned() } else { name.to_owned() };
        let supplier = party(&facts.supplier_name, &facts.supplier);
        let recipient = party(&facts.recipient_name, &facts.recipient);
        let _ = writeln!(
            page,
            "  {} | {} -> {} | {}",
            printable(number),
            printable(&supplier),
            printable(&recipient),
            printable(&payable)
        );
    }
    if let Some(fault) = examined.fault.as_ref().filter(|_| examined.facts.is_none() && examined.findings.is_empty()) {
        let _ = writeln!(page, "  {}", printable(&fault.title(language)));
        let _ = writeln!(page, "    -> {}", printable(&fault.remedy(language)));
    }
    for finding in &examined.findings {
        let severity = match finding.severity {
            Severity::Fatal => pick(language, "bloquant", "fatal"),
            Severity::Warning => pick(language, "avertissement", "warning"),
        };
        let _ = writeln!(page, "  {} [{severity}] {}", finding.rule, printable(&finding.place));
        let _ = writeln!(page, "    {}", printable(&finding.message));
        let _ = writeln!(page, "    -> {}", printable(&finding.remedy));
    }
    page
}

/// The line that a fault's place begins with.
fn line_in(place: &str) -> Option<usize> {
    let number = place.strip_prefix("ligne ").or_else(|| place.strip_prefix("line "))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Bytes from outside never drive the terminal, nor turn the direction of what it shows.
fn printable(text: &str) -> String {
    let drives = |c: char| c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if drives(c) { '\u{FFFD}' } else { c }).collect()
}
