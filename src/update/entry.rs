//! The two slots, and the names of their entries on the boot partition: whose kernel, which version, how many tries are left.
//!
//! The names are systemd-boot's (Boot Loader Specification, "Boot counting"): `fluxgate-b_1.4.0+2-1.efi` has two tries left
//! and one behind it, `+0-3` is passed over, without a counter a boot has proved healthy.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Version;

/// How often a new version is tried.
pub const TRIES: u8 = 3;

/// A place for a root image, with the kernel that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    A,
    B,
}

impl Slot {
    pub const BOTH: [Slot; 2] = [Slot::A, Slot::B];

    pub fn other(self) -> Self {
        match self {
            Slot::A => Slot::B,
            Slot::B => Slot::A,
        }
    }

    /// As names have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Slot::A => "a",
            Slot::B => "b",
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Slot {
    type Err = NoEntry;
    fn from_str(text: &str) -> Result<Self, NoEntry> {
        Self::BOTH.into_iter().find(|slot| slot.as_str() == text).ok_or(NoEntry)
    }
}

/// A counter of boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tries {
    pub left: u8,
    pub done: u8,
}

impl Tries {
    /// As a new version begins.
    pub const FRESH: Tries = Tries { left: TRIES, done: 0 };
}

/// The name of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub slot: Slot,
    pub version: Version,
    /// `None`: proved healthy, or never counted.
    pub tries: Option<Tries>,
}

/// A name that is none of an entry of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an entry")]
pub struct NoEntry;

impl Entry {
    /// Whether the boot loader passes it over.
    pub fn exhausted(&self) -> bool {
        self.tries.is_some_and(|tries| tries.left == 0)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, version, tries } = self;
        write!(f, "fluxgate-{slot}_{version}")?;
        match tries {
            None => {}
            Some(Tries { left, done: 0 }) => write!(f, "+{left}")?,
            Some(Tries { left, done }) => write!(f, "+{left}-{done}")?,
        }
        f.write_str(".efi")
    }
}

impl FromStr for Entry {
    type Err = NoEntry;
    fn from_str(name: &str) -> Result<Self, NoEntry> {
        // FAT keeps the case of a name, and does not mind it.
        let name = name.to_ascii_lowercase();
        let stem = name.strip_prefix("fluxgate-").and_then(|rest| rest.strip_suffix(".efi")).ok_or(NoEntry)?;
        let (slot, rest) = stem.split_once('_').ok_or(NoEntry)?;
        let (version, tries) = match rest.split_once('+') {
            None => (rest, None),
            Some((version, counter)) => {
                let (left, done) = counter.split_once('-').unwrap_or((counter, "0"));
                (version, Some(Tries { left: number(left)?, done: number(done)? }))
            }
        };
        let entry = Self { slot: slot.parse()?, version: version.parse().map_err(|_| NoEntry)?, tries };
        // One name for one entry: files are found again by it.
        if entry.to_string() == name { Ok(entry) } else { Err(NoEntry) }
    }
}

fn number(text: &str) -> Result<u8, NoEntry> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or(NoEntry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_as_the_boot_loader_counts_them() {
        let of = |name: &str| name.parse::<Entry>();
        for name in [
            "fluxgate-a_0.1.0.efi",
            "fluxgate-b_1.4.0+3.efi",
            "fluxgate-b_1.4.0+2-1.efi",
            "fluxgate-b_1.4.0+0-3.efi",
            "fluxgate-a_1.4.0+0.efi",
        ] {
            assert_eq!(of(name).unwrap().to_string(), name);
        }
        assert_eq!(of("FLUXGATE-B_1.4.0+2-1.EFI").unwrap().tries, Some(Tries { left: 2, done: 1 }));
        assert!(
            of("fluxgate-b_1.4.0+0-3.efi").unwrap().exhausted() && !of("fluxgate-b_1.4.0+1-2.efi").unwrap().exhausted()
        );
        for name in [
            "fluxgate-c_1.4.0.efi",
            "fluxgate-a_1.4.efi",
            "fluxgate-a_1.4.0+.efi",
            "fluxgate-a_1.4.0+-1.efi",
            "fluxgate-a_1.4.0+999.efi",
            "fluxgate-b.part",
            "other.efi",
            "fluxgate-a_1.4.0+3-1-1.efi",
            "fluxgate-b_1.4.0+3-0.efi",
            "fluxgate-b_1.4.0+03.efi",
        ] {
            assert!(of(name).is_err(), "{name}");
        }
    }
}
