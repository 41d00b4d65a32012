//! What of a pivot's invoice can be drawn when UBL cannot be made of it: UBL with holes.
//!
//! Promises that nothing stands in a draft that the pivot does not say: the writer demands figures, and where the pivot
//! gives none what was put there is taken out again, or what it gives instead put in as it is written. Nobody is sent a
//! draft.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use quick_xml::escape::escape;

use crate::fault::{Fault, Text};

use super::super::Limits;
use super::super::outline::Id;
use super::super::semantic::Lost;
use super::{Conversion, Incomplete, each};

/// An invoice to be drawn, whole or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The supplier's number.
    pub number: String,
    pub ubl: Vec<u8>,
    /// What could not be carried, as of what is whole.
    pub lost: Vec<Lost>,
    /// What the pivot does not say in so many words, and how it was read.
    pub readings: Vec<Text>,
    /// What keeps it from being an invoice in UBL.
    pub fault: Option<Fault>,
}

/// Drafts every invoice of a pivot. The fault is the file's own: it cannot be read.
pub fn drafts(bytes: &[u8], limits: &Limits) -> Result<Vec<Result<Draft, Incomplete>>, Fault> {
    each(bytes, limits, |conversion| conversion.draft())
}

/// A place of the UBL for which the pivot gives nothing that UBL could hold.
#[derive(Debug, Clone)]
pub(super) struct Hole {
    /// The element it is in, and which of that name; none is the document.
    pub within: (&'static str, usize),
    pub element: &'static str,
    /// What the pivot has there instead.
    pub written: Option<String>,
}

impl Hole {
    pub(super) fn of_document(element: &'static str, written: Option<String>) -> Self {
        Self { within: ("", 0), element, written }
    }

    pub(super) fn of_totals(element: &'static str, written: Option<String>) -> Self {
        Self { within: ("cac:LegalMonetaryTotal", 0), element, written }
    }

    /// What is to go, and what takes its place: all that stands there, or what stands between its tags.
    fn edit<'h>(&'h self, xml: &str, group: Range<usize>) -> Option<(Range<usize>, Cow<'h, str>)> {
        let Self { element, written, .. } = self;
        let (open, close) = (format!("<{element}"), format!("</{element}>"));
        let from = group.start + xml[group.clone()].find(&open)?;
        let to = from + xml[from..group.end].find(&close)?;
        match (written, xml[from..to].find('>')) {
            (Some(written), Some(head)) => Some((from + head + 1..to, escape(written.as_str()))),
            _ => Some((from..to + close.len(), Cow::Borrowed(""))),
        }
    }
}

/// Makes the holes, in time in proportion to the text and their number.
fn cut(xml: &str, holes: &[Hole]) -> String {
    let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut edits = Vec::with_capacity(holes.len());
    for hole in holes {
        let (within, nth) = hole.within;
        let starts = groups.entry(within).or_insert_with(|| match within {
            "" => vec![0],
            within => xml.match_indices(&format!("<{within}>")).map(|(at, _)| at).collect(),
        });
        // Up to the next of its kind: no element of it lies behind.
        let Some(start) = starts.get(nth) else { continue };
        let end = starts.get(nth + 1).copied().unwrap_or(xml.len());
        edits.extend(hole.edit(xml, *start..end));
    }
    edits.sort_by_key(|(range, _)| range.start);
    let (mut cut, mut at) = (String::with_capacity(xml.len()), 0);
    for (range, instead) in edits {
        // What lies in a hole is gone already.
        if range.start >= at {
            cut.push_str(&xml[at..range.start]);
            cut.push_str(&instead);
            at = range.end;
        }
    }
    cut + &xml[at..]
}

impl Conversion<'_, '_> {
    fn draft(mut self) -> Result<Draft, Incomplete> {
        self.holes = Some(Vec::new());
        let invoice = self.invoice();
        let fault = (!self.missing.is_empty()).then(|| self.incomplete().fault);
        let (xml, lost) = self.written(&invoice)?;
        let xml = cut(&xml, self.holes.as_deref().unwrap_or_default());
        let number = self.pivot.number.clone();
        Ok(Draft { number, ubl: xml.into_bytes(), lost, readings: self.readings, fault })
    }

    /// The value; in a draft that lacks it what stands there until the hole is made.
    pub(super) fn or_hole<T>(&mut self, value: Option<T>, until: T, hole: Hole) -> Option<T> {
        if value.is_some() || self.holes.is_none() {
            return value;
        }
        self.leave(hole);
        Some(until)
    }

    /// Makes a hole, in a draft.
    pub(super) fn leave(&mut self, hole: Hole) {
        if let Some(holes) = &mut self.holes {
            holes.push(hole);
        }
    }

    /// Of the `nth` line of the UBL, for what the pivot's line `id` should say as `name`.
    pub(super) fn line_hole(&self, nth: usize, id: Id, element: &'static str, name: &str) -> Hole {
        Hole { within: (self.line_element(), nth), element, written: self.outline.text_at(id, &[name]) }
    }
}
