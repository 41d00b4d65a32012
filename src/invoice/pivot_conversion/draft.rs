//! What of a pivot's invoice can be drawn when UBL cannot be made of it: UBL with holes.
//!
//! Promises that nothing stands in a draft that the pivot does not say: the writer demands figures, and where the pivot
//! gives none what was put there is taken out again, or what it gives instead put in as it is written. Nobody is sent a
//! draft.

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

    /// Takes out what stands there, or puts what is written in its place.
    fn cut(&self, xml: &mut String) {
        let Self { within: (within, nth), element, written } = self;
        let group = match within.is_empty() {
            true => Some(0),
            false => xml.match_indices(&format!("<{within}>")).nth(*nth).map(|(at, _)| at),
        };
        let (open, close) = (format!("<{element}"), format!("</{element}>"));
        let Some(from) = group.and_then(|group| Some(group + xml[group..].find(&open)?)) else { return };
        let Some(to) = xml[from..].find(&close).map(|to| from + to) else { return };
        match (written, xml[from..to].find('>')) {
            (Some(written), Some(head)) => xml.replace_range(from + head + 1..to, &escape(written.as_str())),
            _ => xml.replace_range(from..to + close.len(), ""),
        }
    }
}

impl Conversion<'_, '_> {
    fn draft(mut self) -> Result<Draft, Incomplete> {
        self.holes = Some(Vec::new());
        let invoice = self.invoice();
        let fault = (!self.missing.is_empty()).then(|| self.incomplete().fault);
        let (mut xml, lost) = self.written(&invoice)?;
        for hole in self.holes.iter().flatten() {
            hole.cut(&mut xml);
        }
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
