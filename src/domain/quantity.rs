//! Durations and sizes as people write them in the configuration: `"60s"`, `"64KiB"`. A number and one unit,
//! nothing else: no fraction, no sum, no number without its unit.
//!
//! Both read what they write, and write the largest unit that divides the value: `"90s"` stays `90s`, `"60s"` is
//! written `1min`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is no duration or size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a {kind}: {reason}")]
pub struct InvalidQuantity {
    /// `duration` or `size`.
    pub kind: &'static str,
    /// What is wrong, and how it is written.
    pub reason: &'static str,
    /// The value, cut to 40 characters.
    pub value: String,
}

/// A duration with its unit: ms, s, min, h or d (of 24 hours). At most [`Duration::LONGEST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration(std::time::Duration);

/// A number of bytes with its unit: B, KiB, MiB or GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(u64);

/// Milliseconds in each unit, the largest first.
const DURATION_UNITS: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];
/// Bytes in each unit, the largest first.
const SIZE_UNITS: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Duration {
    pub const ZERO: Duration = Duration(std::time::Duration::ZERO);
    /// Ten years: a longer wait is a typing error, and this much can be added to any clock.
    pub const LONGEST: Duration = Duration(std::time::Duration::from_millis(LONGEST_MILLIS));

    pub const fn from_millis(millis: u64) -> Self {
        Self(std::time::Duration::from_millis(if millis > LONGEST_MILLIS { LONGEST_MILLIS } else { millis }))
    }

    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1_000))
    }

    /// As the standard library's type, for timers and arithmetic.
    pub const fn get(self) -> std::time::Duration {
        self.0
    }

    fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(LONGEST_MILLIS)
    }
}

const LONGEST_MILLIS: u64 = 3_650 * 86_400_000;

impl ByteSize {
    pub const ZERO: ByteSize = ByteSize(0);

    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// In bytes, for what is held in memory; the largest `usize` where that is smaller.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Number and unit, multiplied.
fn parse(kind: &'static str, form: &'static str, units: &[(&str, u64)], value: &str) -> Result<u64, InvalidQuantity> {
    let wrong = |reason| InvalidQuantity { kind, reason, value: value.chars().take(40).collect() };
    let split = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (number, unit) = value.split_at(split);
    let &(_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or_else(|| wrong(form))?;
    if number.is_empty() {
        return Err(wrong(form));
    }
    let number: u64 = number.parse().map_err(|_| wrong("the number is too large"))?;
    number.checked_mul(factor).ok_or_else(|| wrong("the number is too large"))
}

/// With the largest unit that divides the value; zero in the smallest.
fn write(units: &[(&str, u64)], value: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let largest = units.iter().find(|(_, factor)| value != 0 && value.is_multiple_of(*factor));
    let (unit, factor) = largest.or(units.last()).expect("the unit tables are not empty");
    write!(f, "{}{unit}", value / factor)
}

impl FromStr for Duration {
    type Err = InvalidQuantity;
    fn from_str(value: &str) -> Result<Self, InvalidQuantity> {
        let form = "write a whole number and one unit of ms, s, min, h, d, such as \"60s\"";
        let millis = parse("duration", form, DURATION_UNITS, value)?;
        if millis > LONGEST_MILLIS {
            let value = value.chars().take(40).collect();
            return Err(InvalidQuantity { kind: "duration", reason: "the longest is 3650d", value });
        }
        Ok(Self(std::time::Duration::from_millis(millis)))
    }
}

impl FromStr for ByteSize {
    type Err = InvalidQuantity;
    fn from_str(value: &str) -> Result<Self, InvalidQuantity> {
        let form = "write a whole number and one unit of B, KiB, MiB, GiB, such as \"64KiB\"";
        parse("size", form, SIZE_UNITS, value).map(Self)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(DURATION_UNITS, self.millis(), f)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(SIZE_UNITS, self.0, f)
    }
}

impl From<Duration> for std::time::Duration {
    fn from(value: Duration) -> Self {
        value.0
    }
}

written_as_text!(Duration, InvalidQuantity);

written_as_text!(ByteSize, InvalidQuantity);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_every_unit_and_write_the_largest_that_divides() {
        for (text, millis, written) in [
            ("0s", 0, "0ms"),
            ("250ms", 250, "250ms"),
            ("60s", 60_000, "1min"),
            ("90s", 90_000, "90s"),
            ("15min", 900_000, "15min"),
            ("4h", 14_400_000, "4h"),
            ("24h", 86_400_000, "1d"),
            ("3650d", LONGEST_MILLIS, "3650d"),
        ] {
            let value: Duration = text.parse().unwrap();
            assert_eq!(value.get(), std::time::Duration::from_millis(millis), "{text}");
            assert_eq!(value.to_string(), written);
            assert_eq!(value.to_string().parse::<Duration>().unwrap(), value);
        }
    }

    #[test]
    fn sizes_read_every_unit_and_write_the_largest_that_divides() {
        for (text, bytes, written) in [
            ("0B", 0, "0B"),
            ("1023B", 1023, "1023B"),
            ("64KiB", 65_536, "64KiB"),
            ("1024KiB", 1 << 20, "1MiB"),
            ("120MiB", 120 << 20, "120MiB"),
            ("2GiB", 2 << 30, "2GiB"),
        ] {
            let value: ByteSize = text.parse().unwrap();
            assert_eq!((value.bytes(), value.to_string().as_str()), (bytes, written), "{text}");
        }
    }

    #[test]
    fn anything_but_one_whole_number_and_one_unit_is_refused() {
        for bad in
            ["", "60", "s", "-1s", "1.5h", "60 s", " 60s", "60S", "1h30min", "1m", "3651d", "99999999999999999999s"]
        {
            assert!(bad.parse::<Duration>().is_err(), "{bad:?}");
        }
        for bad in ["", "64", "KiB", "64KB", "64kib", "64K", "1.5MiB", "64 KiB", "18446744073709551615GiB"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad:?}");
        }
        let said = "64KB".parse::<ByteSize>().unwrap_err().to_string();
        assert!(said.contains("\"64KB\"") && said.contains("KiB"), "{said}");
    }

    #[test]
    fn both_are_texts_in_toml() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Section {
            timeout: Duration,
            file: ByteSize,
        }
        let section: Section = toml::from_str("timeout = \"90s\"\nfile = \"120MiB\"").unwrap();
        assert_eq!(section, Section { timeout: Duration::from_secs(90), file: ByteSize::from_bytes(120 << 20) });
        assert_eq!(toml::to_string(&section).unwrap(), "timeout = \"90s\"\nfile = \"120MiB\"\n");
        assert!(toml::from_str::<Section>("timeout = 90\nfile = \"120MiB\"").is_err());
    }
}
