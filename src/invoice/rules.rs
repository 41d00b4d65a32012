//! The standard's rules through the crates that implement them, and the list of findings everybody adds to.
//!
//! What blocks is data: [`super::tables::BLOCKING`], one row a profile.

use std::borrow::Cow;

use en16931::profiles::classify;

use crate::fault::{Code, Fault, Text};

use super::chorus_rules::Limit;
use super::container::Container;
use super::official::Sheet;
use super::official::document::Why;
use super::official::lists::{List, Which};
use super::official::terms;
use super::outline::{Id, Outline};
use super::{Examined, Facts, Finding, Options, Preflight, Profile, Severity, Site, Syntax, Verdict};
use super::{facts, texts};

/// The elements of invoice lines, in UBL and CII.
const LINES: [&str; 3] = ["InvoiceLine", "CreditNoteLine", "IncludedSupplyChainTradeLineItem"];

/// A finding in both languages.
struct Noted {
    rule: String,
    severity: Severity,
    place: Text,
    message: Text,
    remedy: Text,
    site: Site,
}

/// An element, or an attribute of it.
type Where = (Id, Option<&'static str>);

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

    /// A code list in force.
    pub fn list(&self, list: Which) -> &'static List {
        self.options.tables.list(list)
    }

    /// A limit in force.
    pub fn limit(&self, limit: Limit) -> usize {
        self.options.tables.limit(limit)
    }

    /// The document's root element.
    pub fn root(&self) -> &'t str {
        self.outline.name(Id::ROOT)
    }

    /// A finding of a rule that has words of its own, its blanks filled with `values`; of a business term with the place where
    /// the document says it, if it does.
    pub fn own(&mut self, rule: &str, severity: Severity, place: String, values: &[(&str, &str)]) {
        if !self.has_room(rule, severity) {
            self.omitted += 1;
            return;
        }
        let terms = terms_in(&place);
        let place = match facts::element(self.outline, &place, values) {
            Some(id) => {
                let value = self.written(id, None).map(|value| texts::cut(value.trim()).into_owned());
                let (path, line) = (self.outline.path(id), self.outline.line(id));
                let shown = on_line(&format!("{place} {path}"), line);
                (shown, Site { terms, path: Some(path), line: Some(line), value })
            }
            None => (Text::same(place), Site { terms, ..Site::default() }),
        };
        self.add(rule, severity, place, values);
    }

    /// A finding at an element: its path and line are the place.
    pub fn at(&mut self, rule: &str, severity: Severity, id: Id, values: &[(&str, &str)]) {
        self.about(rule, severity, (id, None), values);
    }

    /// A finding at an element, or at an attribute of it.
    fn about(&mut self, rule: &str, severity: Severity, (id, attribute): Where, values: &[(&str, &str)]) {
        if !self.has_room(rule, severity) {
            self.omitted += 1;
            return;
        }
        let place = self.place_of(rule, id, attribute);
        self.add(rule, severity, place, values);
    }

    /// What is written at an element is wrong, unless that was said already.
    pub fn once(&mut self, rule: &str, severity: Severity, id: Id) {
        if !self.has_room(rule, severity) {
            self.omitted += 1;
            return;
        }
        let (place, _) = self.place_of(rule, id, None);
        if !self.list.iter().any(|noted| noted.rule == rule && noted.place.fr == place.fr) {
            let value = self.written(id, None);
            let values: Vec<(&str, &str)> = value.iter().map(|value| ("value", value.trim())).collect();
            self.at(rule, severity, id, &values);
        }
    }

    /// Whether a finding would be kept: the list is not full, or this is the first that blocks (the verdict's reason must
    /// be in the list). Asked before a place is looked for, which costs a walk.
    fn has_room(&self, rule: &str, severity: Severity) -> bool {
        self.list.len() < self.options.limits.findings || (!self.fatal && self.is_blocking(rule, severity))
    }

    fn is_blocking(&self, rule: &str, severity: Severity) -> bool {
        let Options { preflight, profile, tables, .. } = *self.options;
        match rule.starts_with("BR-FR-CPRO-") {
            true => preflight == Preflight::Block && tables.severity(rule, severity) == Severity::Fatal,
            false => tables.blocks(profile, rule, severity),
        }
    }

    /// An element's place: the line it is in, its business term or those the rule is about, its path and its line of text.
    fn place_of(&self, rule: &str, id: Id, attribute: Option<&str>) -> (Text, Site) {
        let mut path = self.outline.path(id);
        let cii = self.outline.name(Id::ROOT) == "CrossIndustryInvoice";
        let below = path.split_once('/').map_or("", |(_, below)| below).replace("CreditNoteLine", "InvoiceLine");
        let number = self.line_of(id).map(|number| format!("BG-25[{number}]"));
        let term = terms::at(cii, &below, attribute, rule).map(str::to_owned);
        if let Some(attribute) = attribute {
            path.push_str("/@");
            path.push_str(attribute);
        }
        let known: Vec<String> = number.into_iter().chain(term).collect();
        let line = self.outline.line(id);
        let terms = known.iter().flat_map(|term| terms_in(term)).collect();
        let site = Site { terms, path: Some(path.clone()), line: Some(line), value: None };
        (on_line(&[known, vec![path]].concat().join(" "), line), site)
    }

    /// The number of the invoice line that an element is in or is, counted from 1 as people do.
    fn line_of(&self, id: Id) -> Option<usize> {
        let is_line = |id: Id| LINES.contains(&self.outline.name(id));
        let line = std::iter::successors(Some(id), |id| self.outline.parent(*id)).find(|id| is_line(*id))?;
        let lines = self.outline.children(self.outline.parent(line)?).filter(|id| is_line(*id));
        lines.take_while(|id| *id <= line).count().into()
    }

    fn add(&mut self, rule: &str, severity: Severity, (place, mut site): (Text, Site), values: &[(&str, &str)]) {
        if !self.has_room(rule, severity) {
            self.omitted += 1;
            return;
        }
        let (message, remedy) = texts::said(self.options.tables, rule, values, rule);
        let value = values.iter().find(|(name, _)| *name == "value");
        site.value = site.value.or_else(|| value.map(|(_, value)| texts::cut(value).into_owned()));
        let blocking = self.is_blocking(rule, severity);
        let severity = if blocking { Severity::Fatal } else { Severity::Warning };
        if self.list.len() >= self.options.limits.findings {
            self.list.pop();
            self.omitted += 1;
        }
        self.fatal |= blocking;
        self.list.push(Noted { rule: rule.to_owned(), severity, place, message, remedy, site });
    }

    /// Where the PDF around the invoice disagrees with it.
    pub fn container(&mut self, container: &Container) {
        for Text { fr, en } in container.doubts.iter().chain(&container.divergences) {
            self.own("FG-PDF", Severity::Warning, "PDF".to_owned(), &[("detail", fr), ("detail.en", en)]);
        }
    }

    /// What the official rules say, in the order of the document.
    pub fn official(&mut self, sheet: &Sheet) {
        for stop in &sheet.stops {
            let rule = match stop.why {
                Why::Number => "FG-DECIMAL",
                Why::Date | Why::Boolean => "FG-VALUE",
                Why::Several => "FG-DUPLICATE",
                Why::Missing => "FG-MISSING",
            };
            // Said once, whoever stumbles over it.
            self.once(rule, Severity::Fatal, stop.at);
        }
        let partial = self.options.profile == Profile::Chorus && self.is_no_whole_invoice();
        for broken in &sheet.broken {
            // Chorus Pro's E2 family takes Factur-X profiles that are no full invoices (MINIMUM, BASIC WL).
            if partial && !self.is_blocking(broken.rule, broken.severity) {
                continue;
            }
            let value = self.written(broken.at, broken.attribute);
            let mut values: Vec<(&str, &str)> = value.iter().map(|value| ("value", value.trim())).collect();
            values.extend(broken.attribute.map(|name| ("attribute", name)));
            if let Some([expected, written]) = &broken.compared {
                values.extend([("expected", expected.as_str()), ("actual", written.as_str())]);
            }
            self.about(broken.rule, broken.severity, (broken.at, broken.attribute), &values);
        }
    }

    /// What an element or its attribute says: a group has no value of its own, and what is attached is not to be shown.
    fn written(&self, id: Id, attribute: Option<&str>) -> Option<Cow<'t, str>> {
        match attribute {
            Some(attribute) => self.outline.attribute(id, attribute),
            None if self.outline.is_leaf(id) && !self.outline.name(id).ends_with("BinaryObject") => {
                Some(self.outline.value(id))
            }
            None => None,
        }
    }

    /// BT-24.
    fn declared(&self) -> Option<String> {
        let context = ["ExchangedDocumentContext", "GuidelineSpecifiedDocumentContextParameter", "ID"];
        let declared = self.outline.text_at(Id::ROOT, &context);
        declared
            .or_else(|| self.outline.text_at(Id::ROOT, &["CustomizationID"]))
            .map(|declared| declared.trim().to_owned())
    }

    /// Says so where the invoice follows a specification whose own rules nobody here asks.
    pub fn specification(&mut self) {
        const ASKED: [&str; 3] = ["factur-x", "zugferd", "cpro.gouv.fr"];
        let Some(declared) = self.declared() else { return };
        let plain = declared.is_empty() || declared == "urn:cen.eu:en16931:2017";
        if !plain && !ASKED.iter().any(|asked| declared.to_ascii_lowercase().contains(asked)) {
            self.own("FG-PROFILE", Severity::Warning, "BT-24".to_owned(), &[("value", &declared)]);
        }
    }

    /// Whether it declares a profile that the standard's rules are not for.
    pub fn is_no_whole_invoice(&self) -> bool {
        let declared = self.declared();
        classify(declared.as_deref()).profile().is_some_and(|declared| !declared.is_en16931_invoice())
    }

    /// The verdict, and the fault that goes with a rejection.
    pub fn conclude(mut self, syntax: Option<Syntax>, facts: Facts) -> Examined {
        if self.omitted > 0 {
            let (message, remedy) =
                texts::said(self.options.tables, "FG-MORE", &[("count", &self.omitted.to_string())], "");
            let (rule, severity) = ("FG-MORE".to_owned(), Severity::Warning);
            self.list.push(Noted { rule, severity, place: Text::same(""), message, remedy, site: Site::default() });
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
            site: noted.site,
        });
        let findings = findings.collect();
        let (others, signed) = (Vec::new(), false);
        Examined { syntax, facts: Some(facts), others, signed, verdict, findings, fault }
    }
}

/// The business terms and groups that a place names.
fn terms_in(place: &str) -> Vec<String> {
    let words = place.split([' ', ',', '[']).filter(|word| word.starts_with("BT-") || word.starts_with("BG-"));
    words.map(str::to_owned).collect()
}

/// A path with the line its element begins on.
fn on_line(path: &str, line: usize) -> Text {
    Text::new(format!("{path} (ligne {line})"), format!("{path} (line {line})"))
}
