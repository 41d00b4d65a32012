//! One instant type for the whole house: milliseconds since 1970 UTC, handed in by drivers, never read here.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// An instant, to the millisecond, UTC. Written as RFC 3339 with `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// Tells what time it is: in production the machine's clock.
pub type Clock = std::sync::Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A text that is no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a date and time: {0:?}")]
pub struct InvalidTimestamp(pub String);

impl Timestamp {
    /// The first instant that is told apart from "never".
    pub const EPOCH: Timestamp = Timestamp(0);

    /// The machine's clock. Only drivers call this; pure code is handed `now`.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn millis(self) -> i64 {
        self.0
    }

    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time passed since `earlier`; zero when the clock went backwards.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The `Date` of an HTTP answer (RFC 9110 §5.6.7, its preferred form).
    pub fn from_http_date(text: &str) -> Option<Self> {
        let parsed = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
        Some(Self(parsed.timestamp().as_millisecond()))
    }

    /// The calendar date in Paris, `yyyy-mm-dd`: what Chorus Pro means by a day.
    pub fn paris_date(self) -> String {
        self.in_paris().strftime("%Y-%m-%d").to_string()
    }

    /// For people: `23/11/2026`, Paris time.
    pub fn paris_day_text(self) -> String {
        self.in_paris().strftime("%d/%m/%Y").to_string()
    }

    /// Days on the calendar in Paris from this instant's to `other`'s; below zero when that was before.
    pub fn paris_days_until(self, other: Timestamp) -> i64 {
        let (from, to) = (self.in_paris().date(), other.in_paris().date());
        from.until((jiff::Unit::Day, to)).map_or(0, |span| i64::from(span.get_days()))
    }

    /// For people: `23/11/2026 10:15:02`, Paris time.
    pub fn paris_text(self) -> String {
        self.in_paris().strftime("%d/%m/%Y %H:%M:%S").to_string()
    }

    /// For Chorus Pro: ISO 8601 with the Paris offset, `2026-11-23T10:15:00.000+01:00`.
    pub fn paris_iso(self) -> String {
        self.in_paris().strftime("%Y-%m-%dT%H:%M:%S.%3f%:z").to_string()
    }

    fn in_paris(self) -> jiff::Zoned {
        let paris = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
        self.to_jiff().to_zoned(paris)
    }

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_jiff().strftime("%Y-%m-%dT%H:%M:%S.%3fZ"))
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;
    fn from_str(value: &str) -> Result<Self, InvalidTimestamp> {
        let parsed: jiff::Timestamp = value.parse().map_err(|_| InvalidTimestamp(value.chars().take(80).collect()))?;
        Ok(Self(parsed.as_millisecond()))
    }
}

written_as_text!(Timestamp, InvalidTimestamp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_knows_paris() {
        let at = Timestamp::from_millis(1_795_428_902_007);
        assert_eq!(at.to_string(), "2026-11-23T10:15:02.007Z");
        assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
        assert_eq!(at.paris_iso(), "2026-11-23T11:15:02.007+01:00");
        assert_eq!(at.paris_text(), "23/11/2026 11:15:02");
        assert_eq!(
            Timestamp::from_http_date("Mon, 23 Nov 2026 10:15:02 GMT").unwrap().to_string(),
            "2026-11-23T10:15:02.000Z"
        );
        assert_eq!(Timestamp::from_http_date("yesterday"), None);
        // 23:15 and 00:15 of the next day in Paris, and over a change of the clock.
        let (evening, night) =
            ("2026-10-20T21:15:00Z".parse::<Timestamp>().unwrap(), "2026-11-05T23:15:00Z".parse().unwrap());
        assert_eq!((evening.paris_days_until(night), night.paris_days_until(evening)), (17, -17));
        assert_eq!(night.paris_day_text(), "06/11/2026");
        let summer: Timestamp = "2026-06-30T22:30:00Z".parse().unwrap();
        assert_eq!(summer.paris_date(), "2026-07-01");
    }
}
