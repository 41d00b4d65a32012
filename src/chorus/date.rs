//! Dates of the wire. Four forms were seen (PROTOCOL §2.2); the text is kept as it came, its meaning is read on demand.

use std::fmt;

use serde_json::{Map, Value};

use crate::domain::Timestamp;

/// A date, or a date and time, as Chorus Pro wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WireDate(String);

impl WireDate {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The instant it names: see [`Timestamp::written`].
    pub fn instant(&self) -> Option<Timestamp> {
        Timestamp::written(&self.0)
    }

    /// The calendar day in Paris, `yyyy-mm-dd`.
    pub fn paris_day(&self) -> Option<String> {
        self.instant().map(Timestamp::paris_date)
    }
}

impl fmt::Display for WireDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A period of a search, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Period {
    /// Writes the two fields `<name>Du` and `<name>Au` in the form requests accept: `2026-11-23T23:59:59`, Paris time.
    pub(super) fn write(&self, body: &mut Map<String, Value>, name: &str) {
        body.insert(format!("{name}Du"), wire(self.from).into());
        body.insert(format!("{name}Au"), wire(self.to).into());
    }
}

/// The first 19 characters of the ISO form: to the second, without the offset.
fn wire(at: Timestamp) -> String {
    at.paris_iso().chars().take(19).collect()
}
