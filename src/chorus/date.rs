//! Dates of the wire. Four forms were seen (PROTOCOL §2.2); the text is kept as it came, its meaning is read on demand.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
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

    /// The instant it names. Without an offset it is read in Paris time; a date alone is its midnight in Paris;
    /// a bare number of 12 or 13 digits is milliseconds since 1970. `None` for any other text.
    pub fn instant(&self) -> Option<Timestamp> {
        let text = self.0.as_str();
        if (12..=13).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().map(Timestamp::from_millis);
        }
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Some(Timestamp::from_millis(at.as_millisecond()));
        }
        let local = text
            .parse::<DateTime>()
            .ok()
            .or_else(|| Some(text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight())))?;
        let paris = TimeZone::get("Europe/Paris").ok()?;
        let at = local.to_zoned(paris).ok()?.timestamp();
        Some(Timestamp::from_millis(at.as_millisecond()))
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
