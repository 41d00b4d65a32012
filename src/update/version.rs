//! A product version: three numbers, compared as numbers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Three numbers, as `1.4.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    pub major: u16,
    pub minor: u16,
    pub patch: u16,
}

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a version (three numbers, as 1.4.0): {0:?}")]
pub struct InvalidVersion(pub String);

impl Version {
    /// The largest of each number: what the metadata's own version number has room for.
    pub const LARGEST: u16 = 9_999;

    /// Below every release.
    pub const ZERO: Version = Version { major: 0, minor: 0, patch: 0 };

    /// Its three numbers, two bytes each, big-endian.
    pub fn to_bytes(self) -> [u8; 6] {
        let [[a, b], [c, d], [e, f]] = [self.major, self.minor, self.patch].map(u16::to_be_bytes);
        [a, b, c, d, e, f]
    }

    pub fn from_bytes([a, b, c, d, e, f]: [u8; 6]) -> Self {
        let [major, minor, patch] = [[a, b], [c, d], [e, f]].map(u16::from_be_bytes);
        Self { major, minor, patch }
    }

    /// The version of the release's metadata, which rises with the product's and is never zero.
    pub fn serial(self) -> std::num::NonZeroU64 {
        let [major, minor, patch] = [self.major, self.minor, self.patch].map(u64::from);
        let step = u64::from(Self::LARGEST) + 1;
        std::num::NonZeroU64::MIN.saturating_add((major * step + minor) * step + patch)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;
    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let number = |part: &str| {
            // Written in one way only, since file names are made of it.
            let plain =
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
            part.parse().ok().filter(|number| plain && *number <= Self::LARGEST)
        };
        let parts: Option<Vec<u16>> = text.split('.').map(number).collect();
        match parts.as_deref() {
            Some(&[major, minor, patch]) => Ok(Self { major, minor, patch }),
            _ => Err(InvalidVersion(text.chars().take(40).collect())),
        }
    }
}

impl TryFrom<String> for Version {
    type Error = InvalidVersion;
    fn try_from(text: String) -> Result<Self, InvalidVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_three_numbers_in_their_order() {
        let of = |text: &str| text.parse::<Version>().unwrap();
        assert!(of("1.10.0") > of("1.9.9") && of("2.0.0") > of("1.9999.9999") && of("0.0.0") == Version::ZERO);
        assert!(of("1.10.0").serial() > of("1.9.9999").serial() && of("0.0.0").serial().get() == 1);
        assert_eq!(of("1.4.0").to_string(), "1.4.0");
        for wrong in
            ["", "1", "1.4", "1.4.0.0", "1.04.0", "1.4.-1", "1.4.0-rc1", "1.4.10000", "v1.4.0", " 1.4.0", "1..0"]
        {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }
}
