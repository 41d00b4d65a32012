//! The standard's rules through the crates that implement them, and the list of findings everybody adds to.
//!
//! What blocks is data: [`BLOCKING`], one row a profile.

use std::panic::{AssertUnwindSafe, catch_unwind};

use en16931::profiles::{self, classify};
use en16931::validation::Check;
use en16931::{Invoice, Severity as Official};
use en16931_formats::report::{Entry, Kind};

use crate::fault::{Code, Fault, Language};

use super::container::Container;
use super::outline::{Id, Outline};
use super::texts::{self, pick};
use super::{Examined, Facts, Finding, Options, Profile, Severity, Syntax, Verdict};

/// What refuses a file under each profile, where the rule itself is fatal: exact ids, or prefixes ending with `*`.
///
/// The historic B2G channel is not known to apply the EN 16931 schematron, so there only what Chorus Pro itself cannot
/// do without blocks: its own limits, a number, a date, readable values.
const BLOCKING: [(Profile, &[&str]); 3] = [
    (Profile::En16931, &["BR-*", "UBL-*", "CII-*", "FG-*"]),
    (Profile::Chorus, &["CPRO-*", "FG-DECIMAL", "FG-VALUE", "FG-DUPLICATE", "BR-02", "BR-03", "BR-05"]),
    (Profile::G2b, &["BR-*", "UBL-*", "CII-*", "FG-*", "G2B-*"]),
];

fn blocks(profile: Profile, rule: &str) -> bool {
    let row = BLOCKING.iter().find(|(p, _)| *p == profile).map_or(&[][..], |(_, rules)| rules);
    row.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => rule.starts_with(prefix),
        None => rule == *pattern,
    })
}

/// A document as the standard's semantic model, with what reading had to say.
pub struct Read {
    pub invoice: Invoice,
    pub entries: Vec<Entry>,
}

/// Reads a document that passed the guard.
pub fn read(text: &str, language: Language) -> Result<Read, Fault> {
    // The declaration may name the encoding the file had before it became UTF-8: the reader starts behind it.
    let start = if text.starts_with("<?xml") { text.find("?>").map_or(0, |at| at + 2) } else { 0 };
    let (skipped, body) = text.split_at(start);
    let outcome = catch_unwind(AssertUnwindSafe(|| en16931_formats::read(body.as_bytes())));
    match outcome {
        Ok(Ok(read)) => Ok(Read { invoice: read.invoice, entries: read.entries }),
        Ok(Err(en16931_formats::Error::Xml { message, line, column })) => {
            let line = line as usize + skipped.matches('\n').count();
            let column = column as usize + if line == 1 { skipped.len() } else { 0 };
            let place = match language {
                Language::Fr => format!("ligne {line}, colonne {column}"),
                Language::En => format!("line {line}, column {column}"),
            };
            Err(Fault::new(Code::XmlMalformed).with("detail", message).with("place", place))
        }
        Ok(Err(error)) => Err(unreadable(&error.to_string(), language)),
        Err(_) => Err(unreadable(pick(language, "lecture impossible", "cannot be read"), language)),
    }
}

fn unreadable(detail: &str, language: Language) -> Fault {
    let place = pick(language, "endroit inconnu", "unknown place");
    Fault::new(Code::XmlMalformed).with("detail", detail).with("place", place)
}

/// The findings of one examination.
pub struct Findings<'o, 't> {
    outline: &'o Outline<'t>,
    options: &'o Options,
    list: Vec<Finding>,
    /// Whether one of them blocks.
    fatal: bool,
    omitted: usize,
}

impl<'o, 't> Findings<'o, 't> {
    pub fn new(outline: &'o Outline<'t>, options: &'o Options) -> Self {
        Self { outline, options, list: Vec::new(), fatal: false, omitted: 0 }
    }

    /// A finding of a rule that has words of its own, its blanks filled with `values`.
    pub fn own(&mut self, rule: &str, severity: Severity, place: String, values: &[(&str, &str)]) {
        self.add(rule, severity, place, rule, values);
    }

    /// A finding at an element: its path and line are the place.
    pub fn at(&mut self, rule: &str, severity: Severity, id: Id, values: &[(&str, &str)]) {
        if !self.has_room(rule, severity) {
            self.omitted += 1;
            return;
        }
        let place = self.place_of(id);
        self.add(rule, severity, place, rule, values);
    }

    /// Whether a finding would be kept: the list is not full, or this is the first that blocks (the verdict's reason must
    /// be in the list). Asked before a place is looked for, which costs a walk.
    fn has_room(&self, rule: &str, severity: Severity) -> bool {
        self.list.len() < self.options.limits.findings || (!self.fatal && self.is_blocking(rule, severity))
    }

    fn is_blocking(&self, rule: &str, severity: Severity) -> bool {
        severity == Severity::Fatal && blocks(self.options.profile, rule)
    }

    fn place_of(&self, id: Id) -> String {
        let (path, line) = (self.outline.path(id), self.outline.line(id));
        match self.options.language {
            Language::Fr => format!("{path} (ligne {line})"),
            Language::En => format!("{path} (line {line})"),
        }
    }

    fn add(&mut self, rule: &str, severity: Severity, place: String, fallback: &str, values: &[(&str, &str)]) {
        if !self.has_room(rule, severity) {
            self.omitted += 1;
            return;
        }
        let language = self.options.language;
        let words = texts::words(rule);
        let mut message = words.map_or_else(|| fallback.to_owned(), |w| w.message(language, values));
        let value = |name: &str| values.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        if let (Some(expected), Some(actual)) = (value("expected"), value("actual")) {
            message.push_str(&texts::expected_actual(language, expected, actual));
        }
        let remedy = words.map_or_else(|| texts::general_remedy(language).to_owned(), |w| w.remedy(language, values));
        let blocking = self.is_blocking(rule, severity);
        let severity = if blocking { Severity::Fatal } else { Severity::Warning };
        if self.list.len() >= self.options.limits.findings {
            self.list.pop();
            self.omitted += 1;
        }
        self.fatal |= blocking;
        self.list.push(Finding { rule: rule.to_owned(), severity, place, message, remedy });
    }

    /// What reading had to say: values that cannot be held, elements that occur too often.
    pub fn entries(&mut self, entries: &[Entry]) {
        for entry in entries {
            let (rule, severity) = match entry.kind {
                Kind::Malformed if is_number(&entry.path) => continue, // said by syntax_rules, with its line
                Kind::Malformed => ("FG-VALUE", Severity::Fatal),
                Kind::Duplicate => (entry.rule.as_deref().unwrap_or("FG-DUPLICATE"), Severity::Fatal),
                Kind::Repeated => (entry.rule.as_deref().unwrap_or("FG-DUPLICATE"), Severity::Warning),
                Kind::Schema => ("FG-SCHEMA", Severity::Fatal),
                Kind::Unreadable | Kind::Ambiguous | Kind::Container => ("FG-PDF", Severity::Warning),
                _ => continue,
            };
            let place = match &entry.term {
                Some(term) => format!("{} ({term})", entry.path),
                None => entry.path.clone(),
            };
            let value = entry.value.as_deref().unwrap_or_default();
            self.add(rule, severity, place, &entry.message, &[("value", value), ("detail", &entry.message)]);
        }
    }

    /// Where the PDF around the invoice disagrees with it.
    pub fn container(&mut self, container: &Container, pdf: &[u8]) {
        for divergence in container.divergences(pdf, &self.options.limits) {
            let detail = divergence.trim_end_matches('.').to_owned();
            self.add("FG-PDF", Severity::Warning, "PDF".to_owned(), "", &[("detail", &detail)]);
        }
    }

    /// The standard's business rules.
    pub fn standard(&mut self, invoice: &Invoice) {
        let profile = match (self.options.profile, classify(invoice.specification_id.as_deref()).profile()) {
            // Chorus Pro's E2 family takes Factur-X profiles that are no full invoices (MINIMUM, BASIC WL).
            (Profile::Chorus, Some(declared)) if !declared.is_en16931_invoice() => declared,
            _ => &profiles::EN16931,
        };
        // Sums of absurd numbers overflow inside the crate: that is the document's fault, not ours.
        let outcome = catch_unwind(AssertUnwindSafe(|| Check::new(profile).run(invoice)));
        let Ok(report) = outcome else {
            let value = pick(self.options.language, "montants hors de toute mesure", "amounts beyond all measure");
            return self.own("FG-DECIMAL", Severity::Fatal, "BG-22".to_owned(), &[("value", value)]);
        };
        for finding in report.findings() {
            let severity = match finding.severity {
                Official::Fatal => Severity::Fatal,
                // The official rules differ here by syntax: a warning in UBL only.
                Official::Warning
                    if finding.rule == "BR-51" && self.outline.name(Id::ROOT) == "CrossIndustryInvoice" =>
                {
                    Severity::Fatal
                }
                Official::Warning => Severity::Warning,
                Official::Info => continue,
            };
            if !self.has_room(&finding.rule, severity) {
                self.omitted += 1;
                continue;
            }
            let place = self.term_place(&finding.path);
            let mut values = Vec::new();
            if let Some(detail) = &finding.detail {
                values.extend([("expected", detail.expected.as_str()), ("actual", detail.actual.as_str())]);
            }
            self.add(&finding.rule, severity, place, &finding.message, &values);
        }
    }

    /// A business term's path, counted from 1 as people do, with the line of the invoice line it is about.
    fn term_place(&self, path: &en16931::Path) -> String {
        let Some(index) = path.index else { return path.to_string() };
        let text = path.to_string().replacen(&format!("[{index}]"), &format!("[{}]", index + 1), 1);
        let Some(id) = text.starts_with("BG-25[").then(|| self.invoice_line(index)).flatten() else { return text };
        let line = self.outline.line(id);
        match self.options.language {
            Language::Fr => format!("{text} (ligne {line})"),
            Language::En => format!("{text} (line {line})"),
        }
    }

    fn invoice_line(&self, index: usize) -> Option<Id> {
        let (parent, name) = match self.outline.name(Id::ROOT) {
            "Invoice" => (Id::ROOT, "InvoiceLine"),
            "CreditNote" => (Id::ROOT, "CreditNoteLine"),
            _ => (self.outline.find(Id::ROOT, &["SupplyChainTradeTransaction"])?, "IncludedSupplyChainTradeLineItem"),
        };
        self.outline.named(parent, name).nth(index)
    }

    /// The verdict, and the fault that goes with a rejection.
    pub fn conclude(mut self, syntax: Syntax, facts: Facts) -> Examined {
        if self.omitted > 0 {
            let count = self.omitted.to_string();
            let words = texts::words("FG-MORE");
            let language = self.options.language;
            self.list.push(Finding {
                rule: "FG-MORE".to_owned(),
                severity: Severity::Warning,
                place: String::new(),
                message: words.map(|w| w.message(language, &[("count", &count)])).unwrap_or_default(),
                remedy: words.map(|w| w.remedy(language, &[])).unwrap_or_default(),
            });
        }
        self.list.sort_by_key(|f| f.severity);
        let fatal = self.list.iter().filter(|f| f.severity == Severity::Fatal).count();
        let (verdict, fault) = match self.list.first() {
            Some(first) if self.options.block && fatal > 0 => {
                let text = format!("{} {} [{}]", first.rule, first.message, first.place);
                (Verdict::Reject, Some(Fault::new(Code::RulesFailed).with("count", fatal).with("first", text)))
            }
            _ => (Verdict::Accept, None),
        };
        Examined { syntax: Some(syntax), facts: Some(facts), verdict, findings: self.list, fault }
    }
}

/// Whether the last name of a path is one of a number.
fn is_number(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(super::syntax_rules::is_number)
}
