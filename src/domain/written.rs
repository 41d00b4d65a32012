//! A moment as somebody else wrote it. One moment is written in many ways (PROTOCOL §2.2): with an offset or with `Z`, to
//! the millisecond, the second, the minute or the day. The text is kept as it came; what it means is read here.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::Timestamp;

/// How finely a moment is written, in milliseconds; a day is one of Paris.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grain {
    Millisecond,
    Second,
    Minute,
    Day,
}

impl Timestamp {
    /// The instant that a text names. Without an offset it is read in Paris time; a date alone is its midnight in Paris; a
    /// bare number of 12 or 13 digits is milliseconds since 1970. `None` for any other text.
    pub fn written(text: &str) -> Option<Self> {
        read(text).map(|(at, _)| at)
    }
}

/// Whether two texts name one moment, as far as the coarser of them tells; texts that are no moment, only when equal.
pub fn same_moment(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (Some((one, fine)), Some((other, coarse))) = (read(one), read(other)) else { return false };
    match fine.max(coarse) {
        Grain::Millisecond => one == other,
        Grain::Second => one.millis().div_euclid(1_000) == other.millis().div_euclid(1_000),
        Grain::Minute => one.millis().div_euclid(60_000) == other.millis().div_euclid(60_000),
        Grain::Day => one.paris_date() == other.paris_date(),
    }
}

fn read(text: &str) -> Option<(Timestamp, Grain)> {
    let text = text.trim();
    if (12..=13).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().map(|millis| (Timestamp::from_millis(millis), Grain::Millisecond));
    }
    let at = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at,
        Err(_) => {
            let midnight = || Some(text.parse::<Date>().ok()?.to_datetime(Time::midnight()));
            let local = text.parse::<DateTime>().ok().or_else(midnight)?;
            local.to_zoned(TimeZone::get("Europe/Paris").ok()?).ok()?.timestamp()
        }
    };
    Some((Timestamp::from_millis(at.as_millisecond()), grain(text)))
}

/// Of a text that is a moment: `date[T| ]hh:mm[:ss[.fff]][offset]`.
fn grain(text: &str) -> Grain {
    let Some((_, time)) = text.split_once(['T', 't', ' ']) else { return Grain::Day };
    let time = time.split(['Z', 'z', '+', '-']).next().unwrap_or_default();
    match time.matches(':').count() {
        _ if time.contains(['.', ',']) => Grain::Millisecond,
        0 | 1 => Grain::Minute,
        _ => Grain::Second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_is_known_however_it_is_written() {
        let same = [
            ("2026-11-26T10:00:00Z", "2026-11-26T11:00:00.000+01:00"),
            ("2026-11-26T10:00:00Z", "2026-11-26T11:00:00"),
            ("2026-11-26T10:00:00.417Z", "2026-11-26T11:00:00+01:00"),
            ("2026-11-26 11:00", "2026-11-26T10:00:59.999Z"),
            ("2026-11-26", "2026-11-26T00:30:00+01:00"),
            ("1795687200417", "2026-11-26T10:00:00.417Z"),
            ("hier", "hier"),
            ("", ""),
        ];
        let apart = [
            ("2026-11-26T10:00:00.417Z", "2026-11-26T10:00:00.418Z"),
            ("2026-11-26T10:00:00Z", "2026-11-26T10:00:01.000Z"),
            ("2026-11-26T10:00:00Z", "2026-11-26T10:00:00+01:00"),
            ("2026-11-26 11:00", "2026-11-26T10:01:00Z"),
            ("2026-11-26", "2026-11-26T23:30:00Z"),
            ("2026-11-26", ""),
            ("hier", "demain"),
        ];
        for (one, other) in same {
            assert!(same_moment(one, other) && same_moment(other, one), "{one} and {other} are one");
        }
        for (one, other) in apart {
            assert!(!same_moment(one, other) && !same_moment(other, one), "{one} and {other} are two");
        }
    }
}
