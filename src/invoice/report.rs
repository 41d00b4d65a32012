//! What `check` prints: one JSON object a line for machines (DESIGN §4), a short page for people.

use std::fmt::Write as _;

use serde::Serialize;

use super::texts::pick;
use super::{Examined, Finding, Options, Profile, Severity, Verdict};
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
}

/// The rule named when a file's content cannot be read at all.
pub const UNREADABLE: &str = "SYNTAX";
/// The rule named when no content was seen: the file is not there, or may not be opened.
pub const UNOPENED: &str = "OPEN";

/// The object for one file; `where` of an unreadable file is the fault's place, if it has one.
pub fn line<'a>(file: &'a str, examined: &'a Examined, options: &Options) -> Line<'a> {
    let findings = match &examined.fault {
        Some(fault) if examined.facts.is_none() => vec![LineFinding {
            rule: UNREADABLE,
            severity: Severity::Fatal.as_str(),
            place: fault.detail("place", options.language).unwrap_or_default(),
            message: format!("{} {}", fault.code, fault.title(options.language)),
            remedy: fault.remedy(options.language),
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
        }
    }
}

/// [`line`] as JSON without a line feed.
pub fn json(file: &str, examined: &Examined, options: &Options) -> String {
    serde_json::to_string(&line(file, examined, options)).expect("strings and lists always serialise")
}

/// The line for a file that could not even be opened: same shape, a rule that no invoice breaks.
pub fn unopened_json(file: &str, why: &str, options: &Options) -> String {
    let finding = LineFinding {
        rule: UNOPENED,
        severity: Severity::Fatal.as_str(),
        place: "",
        message: format!("{}{why}", pick(options.language, "fichier non lu : ", "file not read: ")),
        remedy: open_remedy(options.language).to_owned(),
    };
    let line = Line {
        file,
        syntax: None,
        profile: options.profile.as_str(),
        verdict: Verdict::Reject.as_str(),
        findings: vec![finding],
        number: None,
        fault: None,
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

/// A short page for people.
pub fn human(file: &str, examined: &Examined, options: &Options) -> String {
    let language = options.language;
    let verdict = match examined.verdict {
        Verdict::Accept => pick(language, "ACCEPTÉE", "ACCEPTED"),
        Verdict::Reject => pick(language, "REFUSÉE", "REJECTED"),
    };
    let mut page = format!("{}: {verdict}", printable(file));
    if let Some(fault) = &examined.fault {
        let _ = write!(page, " {}", fault.code);
    }
    if let Some(syntax) = examined.syntax {
        let _ = write!(page, " ({syntax})");
    }
    page.push('\n');
    if let Some(facts) = &examined.facts {
        let number = facts.number.as_ref().map_or("?", |n| n.as_str());
        let payable = facts.payable_text().unwrap_or_else(|| "?".to_owned());
        let (supplier, recipient) = (&facts.supplier_name, &facts.recipient_name);
        let _ = writeln!(
            page,
            "  {} | {} -> {} | {}",
            printable(number),
            printable(supplier),
            printable(recipient),
            printable(&payable)
        );
    }
    if let Some(fault) = examined.fault.as_ref().filter(|_| examined.facts.is_none()) {
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

/// Bytes from outside never drive the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}
