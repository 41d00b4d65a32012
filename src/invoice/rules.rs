//! The standard's rules through the crates that implement them, and the list of findings everybody adds to.
//!
//! What blocks is data: [`BLOCKING`], one row a profile.

use std::panic::{AssertUnwindSafe, catch_unwind};

use en16931::profiles::{self, classify};
use en16931::validation::Check;
use en16931::{Invoice, Severity as Official};
use en16931_formats::report::{Entry, Kind};

use crate::fault::{Code, Fault, Text};

use super::complaint;
use super::container::Container;
use super::outline::{Id, Outline};
use super::texts;
use super::{Examined, Facts, Finding, Options, Profile, Severity, Syntax, Verdict};

/// What refuses a file under each profile, where the rule itself is fatal: exact ids, or prefixes ending with `*`.
///
/// The historic B2G channel is not known to apply the EN 16931 schematron, so there only what Chorus Pro itself cannot
/// do without blocks: its own limits, a number, a date, readable values.
const BLOCKING: [(Profile, &[&str]); 3] = [
    (Profile::En16931, &["BR-*", "UBL-*", "CII-*", "FG-*"]),
    (Profile::Chorus, &["CPRO-*", "FLUX-DIR-*", "FG-DECIMAL", "FG-VALUE", "FG-DUPLICATE", "BR-02", "BR-03", "BR-05"]),
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
pub fn read(text: &str) -> Result<Read, Fault> {
    // The declaration may name the encoding the file had before it became UTF-8: the reader starts behind it.
    let start = if text.starts_with("<?xml") { text.find("?>").map_or(0, |at| at + 2) } else { 0 };
    let (skipped, body) = text.split_at(start);
    let outcome = catch_unwind(AssertUnwindSafe(|| en16931_formats::read(body.as_bytes())));
    match outcome {
        Ok(Ok(read)) => Ok(Read { invoice: read.invoice, entries: read.entries }),
        Ok(Err(en16931_formats::Error::Xml { message, line, column })) => {
            let line = line as usize + skipped.matches('\n').count();
            let column = column as usize + if line == 1 { skipped.chars().count() } else { 0 };
            let detail = Text::technical("structure que XML n'admet pas", "structure that XML does not allow", message);
            Err(complaint::malformed(&detail, &complaint::place(line, column)))
        }
        Ok(Err(error)) => Err(unreadable(&Text::technical("lecture impossible", "cannot be read", error))),
        Err(_) => Err(unreadable(&Text::new("lecture impossible", "cannot be read"))),
    }
}

fn unreadable(detail: &Text) -> Fault {
    complaint::malformed(detail, &Text::new("endroit inconnu", "unknown place"))
}

/// A finding in both languages.
struct Noted {
    rule: String,
    severity: Severity,
    place: Text,
    message: Text,
    remedy: Text,
}

/// The findings of one examination.
pub struct Findings<'o, 't> {
    outline: &'o Outline<'t>,
    options: &'o Options,
    list: Vec<Noted>,
    /// Whether one of them blocks.
    fatal: bool,
    omitted: usize,
}

impl<'o, 't> Findings<'o, 't> {
    pub fn new(outline: &'o Outline<'t>, options: &'o Options) -> Self {
        Self { outline, options, list: Vec::new(), fatal: false, omitted: 0 }
    }

    /// The document's root element.
    pub fn root(&self) -> &'t str {
        self.outline.name(Id::ROOT)
    }

    /// A finding of a rule that has words of its own, its blanks filled with `values`.
    pub fn own(&mut self, rule: &str, severity: Severity, place: String, values: &[(&str, &str)]) {
        self.add(rule, severity, Text::same(place), rule, values);
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

    fn place_of(&self, id: Id) -> Text {
        let (path, line) = (self.outline.path(id), self.outline.line(id));
        on_line(&path, line)
    }

    /// `library` is what the rule's library says of it.
    fn add(&mut self, rule: &str, severity: Severity, place: Text, library: &str, values: &[(&str, &str)]) {
        if !self.has_room(rule, severity) {
            self.omitted += 1;
            return;
        }
        let (message, remedy) = texts::said(rule, values, library);
        let blocking = self.is_blocking(rule, severity);
        let severity = if blocking { Severity::Fatal } else { Severity::Warning };
        if self.list.len() >= self.options.limits.findings {
            self.list.pop();
            self.omitted += 1;
        }
        self.fatal |= blocking;
        self.list.push(Noted { rule: rule.to_owned(), severity, place, message, remedy });
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
            let detail = Text::technical("leurs indications diffèrent", "what they state differs", &entry.message);
            let values = [("value", value), ("detail", detail.fr.as_str()), ("detail.en", detail.en.as_str())];
            self.add(rule, severity, Text::same(place), &entry.message, &values);
        }
    }

    /// Where the PDF around the invoice disagrees with it.
    pub fn container(&mut self, container: &Container, pdf: &[u8]) {
        for Text { fr, en } in container.divergences(pdf, &self.options.limits) {
            self.own("FG-PDF", Severity::Warning, "PDF".to_owned(), &[("detail", &fr), ("detail.en", &en)]);
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
            let values = [("value", "montants hors de toute mesure"), ("value.en", "amounts beyond all measure")];
            return self.own("FG-DECIMAL", Severity::Fatal, "BG-22".to_owned(), &values);
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
    fn term_place(&self, path: &en16931::Path) -> Text {
        let Some(index) = path.index else { return Text::same(path.to_string()) };
        let text = path.to_string().replacen(&format!("[{index}]"), &format!("[{}]", index + 1), 1);
        match text.starts_with("BG-25[").then(|| self.invoice_line(index)).flatten() {
            Some(id) => on_line(&text, self.outline.line(id)),
            None => Text::same(text),
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
    pub fn conclude(mut self, syntax: Option<Syntax>, facts: Facts) -> Examined {
        if self.omitted > 0 {
            let (message, remedy) = texts::said("FG-MORE", &[("count", &self.omitted.to_string())], "");
            let (rule, severity) = ("FG-MORE".to_owned(), Severity::Warning);
            self.list.push(Noted { rule, severity, place: Text::same(""), message, remedy });
        }
        self.list.sort_by_key(|f| f.severity);
        let fatal = self.list.iter().filter(|f| f.severity == Severity::Fatal).count();
        let (verdict, fault) = match self.list.first() {
            Some(first) if self.options.block && fatal > 0 => {
                let Noted { rule, place, message, .. } = first;
                let first = Text::new(
                    format!("{rule} {} [{}]", message.fr, place.fr),
                    format!("{rule} {} [{}]", message.en, place.en),
                );
                let fault = Fault::new(Code::RulesFailed).with("count", fatal).with_text("first", &first);
                (Verdict::Reject, Some(fault))
            }
            _ => (Verdict::Accept, None),
        };
        let language = self.options.language;
        let findings = self.list.into_iter().map(|noted| Finding {
            rule: noted.rule,
            severity: noted.severity,
            place: noted.place.get(language).to_owned(),
            message: noted.message.get(language).to_owned(),
            remedy: noted.remedy.get(language).to_owned(),
        });
        let findings = findings.collect();
        let (others, signed) = (Vec::new(), false);
        Examined { syntax, facts: Some(facts), others, signed, verdict, findings, fault }
    }
}

/// A path with the line its element begins on.
fn on_line(path: &str, line: usize) -> Text {
    Text::new(format!("{path} (ligne {line})"), format!("{path} (line {line})"))
}

/// Whether the last name of a path is one of a number.
fn is_number(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(super::syntax_rules::is_number)
}
