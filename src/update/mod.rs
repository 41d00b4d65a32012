//! Signed update: is a file a release for this box, and how it takes the place of the version that runs.
//!
//! A *release* is a repository of The Update Framework in one tar ([`archive`]), held against the root of trust that the image
//! brought ([`trust`], [`release`]). It is written to the *slot* that does not run ([`apply`]), tried up to three times, and
//! blessed once it proved healthy, or left for the former version ([`boot`]). Every attempt is remembered ([`record`]).
//!
//! Promises: nothing is believed unsigned; what runs stays bootable whatever is cut or refused; the box never steps back in
//! silence. Refuses to know: sockets, the database, who asked; verifying is pure, `now` and the folders are arguments.

pub mod archive;
pub mod make;
pub mod record;
pub mod release;
pub mod trust;

mod apply;
mod boot;
mod entry;
mod error;
mod esp;
mod machine;
mod metadata;
mod offered;
mod slot;
mod version;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::apply::{Offer, Step};
pub use self::archive::Archive;
pub use self::boot::{Settled, WentBack};
pub use self::entry::{Entry, Slot, TRIES, Tries};
pub use self::error::UpdateError;
use self::esp::Esp;
pub use self::esp::next_boot;
pub use self::machine::{ESP_FOLDER, Machine, STATE_FOLDER};
use self::record::{Attempt, Event, Line, Memory, Record, SlotRecord, State};
pub use self::release::{Digest, Release, Terms};
pub use self::slot::KERNEL_REGION_BYTES;
use self::slot::Partition;
pub use self::trust::Trust;
pub use self::version::{InvalidVersion, Version};
use crate::domain::Timestamp;
use crate::os::lock::{Lock, LockError};

/// What this program's image runs on.
pub const BOARD: &str = "x86_64-uefi";

/// Where the image keeps its root of trust.
pub const IMAGE_ROOT: &str = "/usr/share/fluxgate/update/root.json";

/// Where an update finds what it works on. Slots are block devices, or files in their place.
#[derive(Debug, Clone)]
pub struct Places {
    /// The root of trust that the image brought.
    pub anchor: PathBuf,
    /// The boot partition, mounted.
    pub esp: PathBuf,
    pub slot_a: PathBuf,
    pub slot_b: PathBuf,
    /// A folder on the data partition, this module's own.
    pub state: PathBuf,
    /// The TPM, where there is one.
    pub tpm: PathBuf,
}

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    pub slot: Slot,
    pub version: Version,
}

/// Updates of one box. Each call that changes something holds the state folder's lock.
#[derive(Debug, Clone)]
pub struct Updater {
    anchor: PathBuf,
    esp: Esp,
    slots: [Partition; 2],
    memory: Memory,
    running: Running,
}

/// How things stand, for people and for monitoring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub running: Running,
    /// Whether the running version has proved healthy and was not left since: before, none is written beside it.
    pub is_proved: bool,
    pub floor: Version,
    /// What the next restart boots, where the boot partition says so.
    pub next: Option<Booted>,
    pub a: Option<SlotRecord>,
    pub b: Option<SlotRecord>,
    /// The version of the root of trust in force.
    pub root: u64,
    /// Oldest first.
    pub attempts: Vec<Attempt>,
}

/// What an entry boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booted {
    pub slot: Slot,
    pub version: Version,
    /// Tries left, while they are counted.
    pub tries: Option<Tries>,
}

/// The instant that expiry is judged at: the latest that is known to have passed, since a clock may stand in 1970.
/// `known`: the last record of the journal, when the image was built.
pub fn now(clock: Timestamp, known: &[Timestamp]) -> Timestamp {
    known.iter().copied().fold(clock, Timestamp::max)
}

impl Updater {
    pub fn new(places: Places, running: Running) -> Self {
        let Places { anchor, esp, slot_a, slot_b, state, tpm } = places;
        Self {
            anchor,
            esp: Esp::new(esp),
            slots: [Partition::new(slot_a), Partition::new(slot_b)],
            memory: Memory::new(state, tpm),
            running,
        }
    }

    pub fn running(&self) -> Running {
        self.running
    }

    /// Whom this box trusts now.
    pub fn trust(&self) -> Result<Trust, UpdateError> {
        Trust::read(&self.anchor, Some(&self.memory.path("roots")))
    }

    /// What a release is held against.
    pub fn terms(&self) -> Result<Terms<'static>, UpdateError> {
        let running = self.running.version;
        Ok(Terms { board: BOARD, running, floor: self.memory.floor(running)? })
    }

    pub fn status(&self) -> Result<Status, UpdateError> {
        let record = self.memory.record()?;
        let next = next_boot(&self.esp.entries()?);
        let is_proved = self.is_proved(&record)?;
        let Record { a, b, .. } = record;
        Ok(Status {
            running: self.running,
            is_proved,
            // The TPM's is the same after a healthy boot, and is not asked each time somebody looks.
            floor: self.memory.floor_on_disk(self.running.version)?,
            next: next.map(|Entry { slot, version, tries }| Booted { slot, version, tries }),
            a,
            b,
            root: self.trust()?.root().version.get(),
            attempts: record::attempts(&self.memory.lines()?),
        })
    }

    /// Whether the running version is one to come back to: nobody left it, and its entry counts no tries.
    fn is_proved(&self, record: &Record) -> Result<bool, UpdateError> {
        let Running { slot, version } = self.running;
        let is_left = record.get(slot).is_some_and(|of| self.is_tried(&of) || of.state == State::Retired);
        Ok(!is_left && self.esp.entries()?.contains(&Entry { slot, version, tries: None }))
    }

    /// Whether the running version has yet to prove healthy, or the boot partition still counts its tries.
    pub fn is_on_trial(&self) -> Result<bool, UpdateError> {
        let Running { slot, version } = self.running;
        if self.memory.record()?.get(slot).is_some_and(|of| self.is_tried(&of)) {
            return Ok(true);
        }
        let is_counted = |entry: &Entry| {
            entry.slot == slot && entry.version == version && entry.tries.is_some_and(|tries| tries.done > 0)
        };
        Ok(self.esp.entries()?.iter().any(is_counted))
    }

    /// Whether leaving the running version leads anywhere: tries of it are left, or another one is to be booted.
    pub fn may_be_left(&self) -> bool {
        let Running { slot, version } = self.running;
        let Ok(entries) = self.esp.entries() else { return true };
        let is_own = |entry: &&Entry| entry.slot == slot && entry.version == version;
        let has_tries = entries.iter().filter(is_own).any(|entry| entry.tries.is_some_and(|tries| tries.left > 0));
        has_tries || next_boot(&entries).is_some_and(|next| next.slot != slot)
    }

    /// What was remembered, line by line, oldest first: the journal gets a leaf for each.
    pub fn lines(&self) -> Result<Vec<Line>, UpdateError> {
        self.memory.lines()
    }

    fn partition(&self, slot: Slot) -> &Partition {
        match slot {
            Slot::A => &self.slots[0],
            Slot::B => &self.slots[1],
        }
    }

    fn lock(&self) -> Result<Lock, UpdateError> {
        self.memory.prepare()?;
        Lock::take(&self.memory.path("lock")).map_err(|error| match error {
            LockError::Io { path, cause } => UpdateError::Io { what: path.display().to_string(), cause },
            held => UpdateError::Busy(held),
        })
    }

    /// A line about an attempt, not yet appended.
    fn line(&self, event: Event, now: Timestamp) -> Line {
        Line {
            n: 0,
            attempt: 0,
            at: now,
            event,
            running: self.running.version,
            version: None,
            slot: None,
            boots: None,
            fault: None,
            detail: None,
        }
    }

    /// A line about what a slot is to hold.
    fn line_of(&self, event: Event, slot: Slot, of: &SlotRecord, now: Timestamp) -> Line {
        let attempt = of.attempt.unwrap_or(0);
        Line { attempt, version: Some(of.version), slot: Some(slot), ..self.line(event, now) }
    }
}
