//! The official rules: the European standard's (EN 16931 validation artefacts 1.3.16), written anew over [`Document`].
//!
//! Promises the verdict of the official schematron on every document: which rule is broken, at which element, and where
//! the official engine would have stopped without a verdict. Refuses to know which of them block, and what to say of them.
//!
//! The schematron's order matters and is kept: in each of its patterns an element is held against the first context it
//! matches and no other.

mod cii_codes;
mod cii_model;
mod cii_syntax;
mod cii_vat;
pub mod document;
mod french;
mod french_cii;
mod french_cii_groups;
mod french_ubl;
mod french_ubl_groups;
pub mod ids;
pub mod lists;
pub mod names;
pub mod number;
pub mod terms;
mod ubl_codes;
mod ubl_model;
mod ubl_syntax;
mod ubl_vat;

use std::collections::BTreeSet;

use document::{Answer, Document, Node, Stop, decimals, normalized};
use lists::Which;
use names::Name;
use number::Decimal;

use super::Severity;
use super::outline::Id;

/// The validation artefacts of the European standard that the rules follow.
pub const EUROPEAN_VERSION: &str = "1.3.16";
/// Those of the French rules (AFNOR XP Z12-012).
pub const FRENCH_VERSION: &str = "1.4.0.03";

/// A rule that a document breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub rule: &'static str,
    /// As the standard has it; what blocks is decided elsewhere.
    pub severity: Severity,
    /// The element that breaks it, or what is wrong in that element, where one thing is.
    pub at: Id,
    /// The attribute it is about, instead of the element's text.
    pub attribute: Option<&'static str>,
    /// Of a rule that computes: what it comes to, and what is written.
    pub compared: Option<[String; 2]>,
}

/// What a rule that computes comes to, against what is written.
#[derive(Debug, Clone, Copy)]
pub struct Compared {
    pub kept: bool,
    pub expected: Option<Decimal>,
    pub written: Option<Decimal>,
}

impl Compared {
    /// Whether the two are the same.
    pub fn same(expected: Option<Decimal>, written: Option<Decimal>) -> Self {
        Self { kept: expected.is_some() && expected == written, expected, written }
    }

    /// What has nothing to compare.
    pub fn kept(kept: bool) -> Self {
        Self { kept, expected: None, written: None }
    }
}

/// What the rules say of a document.
#[derive(Debug, Default)]
pub struct Sheet {
    pub broken: Vec<Broken>,
    /// Where the official engine stops, each element once.
    pub stops: Vec<Stop>,
    /// The elements of those.
    stopped: BTreeSet<Id>,
}

impl Sheet {
    /// Holds an element against a rule.
    fn rule<'d>(&mut self, rule: &'static str, node: Node<'d>, test: impl FnOnce(Node<'d>) -> Answer) {
        self.put(rule, Severity::Fatal, node, test(node));
    }

    /// Holds an element against a rule that computes.
    fn compare<'d>(
        &mut self,
        rule: &'static str,
        node: Node<'d>,
        test: impl FnOnce(Node<'d>) -> Result<Compared, Stop>,
    ) {
        match test(node) {
            Ok(compared) if compared.kept => {}
            Ok(Compared { expected, written, .. }) => {
                let compared = expected.zip(written).map(|(expected, written)| [money(expected), money(written)]);
                self.broken.push(Broken { rule, severity: Severity::Fatal, at: node.id, attribute: None, compared });
            }
            Err(stop) => self.put(rule, Severity::Fatal, node, Err(stop)),
        }
    }

    /// A rule whose answer is known, and cannot stop.
    fn keep(&mut self, rule: &'static str, node: Node<'_>, kept: bool) {
        self.put(rule, Severity::Fatal, node, Ok(kept));
    }

    /// An element whose value is a code of a list.
    fn coded(&mut self, rule: &'static str, node: Node<'_>, list: Which) {
        self.keep(rule, node, node.list(list).has(&node.plain()));
    }

    /// An attribute's code, where there is one.
    fn coded_attribute(&mut self, rule: &'static str, node: Node<'_>, name: &'static str, list: Which) {
        if let Some(value) = node.attribute(name) {
            self.attribute(rule, node, name, node.list(list).has(&normalized(value)));
        }
    }

    /// A rule about an attribute, whose answer is known.
    fn attribute(&mut self, rule: &'static str, node: Node<'_>, name: &'static str, kept: bool) {
        if !kept {
            let attribute = Some(name);
            self.broken.push(Broken { rule, severity: Severity::Fatal, at: node.id, attribute, compared: None });
        }
    }

    /// An amount down the path, with two decimals at most; what breaks the rule is the amount.
    fn two_decimals(&mut self, rule: &'static str, node: Node<'_>, path: &[Name]) {
        match node.one(path) {
            Ok(Some(amount)) => self.keep(rule, amount, decimals(&amount.text()) <= 2),
            Ok(None) => {}
            Err(stop) => self.stop(stop),
        }
    }

    /// A rule that only warns.
    fn warn(&mut self, rule: &'static str, node: Node<'_>, kept: bool) {
        self.put(rule, Severity::Warning, node, Ok(kept));
    }

    fn put(&mut self, rule: &'static str, severity: Severity, node: Node<'_>, answer: Answer) {
        match answer {
            Ok(true) => {}
            Ok(false) => self.broken.push(Broken { rule, severity, at: node.id, attribute: None, compared: None }),
            Err(stop) => self.stop(stop),
        }
    }

    /// Each element once, however many there are.
    fn stop(&mut self, stop: Stop) {
        if self.stopped.insert(stop.at) {
            self.stops.push(stop);
        }
    }
}

/// An amount as people read it: two decimals at least.
fn money(value: Decimal) -> String {
    let mut value = value.normalize();
    if value.scale() < 2 {
        value.rescale(2);
    }
    value.to_string()
}

/// Holds a document against the European standard.
pub fn european(document: &Document<'_>) -> Sheet {
    let cii_root = document.root().spelling() == "CrossIndustryInvoice";
    let mut sheet = if cii_root { cii(document) } else { ubl(document) };
    sheet.stops.sort_by_key(|stop| stop.at);
    sheet
}

/// Holds a document against the French rules (BR-FR).
pub fn french(document: &Document<'_>) -> Sheet {
    let mut sheet = Sheet::default();
    let root = document.root();
    if root.spelling() == "CrossIndustryInvoice" {
        let context = french_cii::Context::of(root);
        sheet.stops.extend(context.stop);
        for node in document.nodes() {
            french_cii::check(node, &context, &mut sheet);
        }
        return sheet;
    }
    let context = french_ubl::Context::of(root);
    sheet.stops.extend(context.stop);
    for node in document.nodes() {
        french_ubl::check(node, &context, &mut sheet);
    }
    sheet
}

/// Holds a UBL invoice or credit note against the European standard.
fn ubl(document: &Document<'_>) -> Sheet {
    let mut sheet = Sheet::default();
    let vat = ubl_vat::Vat::of(document);
    for node in document.nodes() {
        ubl_model::check(node, &vat, &mut sheet);
        ubl_syntax::check(node, &mut sheet);
        ubl_codes::check(node, &mut sheet);
    }
    sheet
}

/// Holds a CII invoice or credit note against the European standard.
fn cii(document: &Document<'_>) -> Sheet {
    let mut sheet = Sheet::default();
    let vat = cii_vat::Vat::of(document);
    for node in document.nodes() {
        cii_model::check(node, &vat, &mut sheet);
        cii_syntax::check(node, &mut sheet);
        cii_codes::check(node, &mut sheet);
    }
    sheet
}
