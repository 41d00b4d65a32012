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
mod lists;
pub mod names;
pub mod number;
mod ubl_codes;
mod ubl_model;
mod ubl_syntax;
mod ubl_vat;

use document::{Answer, Document, Node, Stop};

use super::Severity;
use super::outline::Id;

/// A rule that a document breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    pub rule: &'static str,
    /// As the standard has it; what blocks is decided elsewhere.
    pub severity: Severity,
    pub at: Id,
}

/// What the rules say of a document.
#[derive(Debug, Default)]
pub struct Sheet {
    pub broken: Vec<Broken>,
    /// Where the official engine stops, each element once.
    pub stops: Vec<Stop>,
}

impl Sheet {
    /// Holds an element against a rule.
    fn rule<'d>(&mut self, rule: &'static str, node: Node<'d>, test: impl FnOnce(Node<'d>) -> Answer) {
        self.put(rule, Severity::Fatal, node, test(node));
    }

    /// A rule whose answer is known, and cannot stop.
    fn keep(&mut self, rule: &'static str, node: Node<'_>, kept: bool) {
        self.put(rule, Severity::Fatal, node, Ok(kept));
    }

    /// A rule that only warns.
    fn warn(&mut self, rule: &'static str, node: Node<'_>, kept: bool) {
        self.put(rule, Severity::Warning, node, Ok(kept));
    }

    fn put(&mut self, rule: &'static str, severity: Severity, node: Node<'_>, answer: Answer) {
        match answer {
            Ok(true) => {}
            Ok(false) => self.broken.push(Broken { rule, severity, at: node.id }),
            Err(stop) if self.stops.iter().any(|s| s.at == stop.at) => {}
            Err(stop) => self.stops.push(stop),
        }
    }
}

/// Holds a document against the European standard; one that is neither UBL nor CII breaks nothing.
pub fn judge(document: &Document<'_>) -> Sheet {
    if document.root().spelling() == "CrossIndustryInvoice" { cii(document) } else { ubl(document) }
}

/// Holds a document against the French rules (BR-FR).
pub fn french(document: &Document<'_>) -> Sheet {
    let mut sheet = Sheet::default();
    let root = document.root();
    if root.spelling() == "CrossIndustryInvoice" {
        let context = french_cii::Context::of(root);
        for node in document.nodes() {
            french_cii::check(node, &context, &mut sheet);
        }
        return sheet;
    }
    let context = french_ubl::Context::of(root);
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
