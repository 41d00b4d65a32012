//! What the data partition remembers of updates: what each slot is to hold, and every attempt, line by line.
//!
//! Promise: a line that was appended stays; one that was cut while it was written is passed over. Both files are for finding
//! out and telling: what boots is decided by the boot partition alone.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::entry::Tries;
use super::release::Digest;
use super::{Slot, UpdateError, Version};
use crate::domain::Timestamp;
use crate::fault::{Fault, Language, Text};
use crate::os::durable;
use crate::os::tpm::Tpm;

/// The longest record, in bytes.
const RECORD_BYTES_LIMIT: u64 = 64 * 1024;

/// Beyond this the file of attempts is shortened, in bytes.
const ATTEMPTS_BYTES_LIMIT: u64 = 512 * 1024;

/// Lines kept when it is.
const LINES_KEPT: usize = 500;

/// How a slot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Being written: whatever it holds does not count.
    Writing,
    /// Written, and not yet proved healthy.
    Trying,
    /// Proved healthy.
    Good,
    /// Every try failed.
    Bad,
    /// A person went back from it.
    Retired,
}

/// What a slot is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRecord {
    pub state: State,
    pub version: Version,
    pub kernel: Digest,
    /// Not known of what the factory wrote.
    pub root: Option<Digest>,
    /// To become the floor once this version is healthy.
    pub floor: Version,
    /// The number of its attempt; none for what the factory wrote.
    pub attempt: Option<u64>,
    /// How often its entry was found missing while it was tried.
    pub lost: u8,
    /// The counter when it was last found passed over.
    pub noted: Option<Tries>,
}

/// What both slots are to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub a: Option<SlotRecord>,
    pub b: Option<SlotRecord>,
    /// What the slot that is being written held before.
    pub former: Option<SlotRecord>,
}

impl Record {
    pub fn get(&self, slot: Slot) -> Option<SlotRecord> {
        match slot {
            Slot::A => self.a,
            Slot::B => self.b,
        }
    }

    pub fn set(&mut self, slot: Slot, record: Option<SlotRecord>) {
        match slot {
            Slot::A => self.a = record,
            Slot::B => self.b = record,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A file was refused: nothing was written.
    Refused,
    /// The other slot is being written.
    Begun,
    /// It could not be written.
    Failed,
    /// It is written and will be booted.
    Committed,
    /// Cut while it was written: the box runs what it ran.
    Interrupted,
    /// The new version came up.
    Booted,
    /// The new version came up and is not well.
    Unhealthy,
    /// The new version proved healthy.
    Healthy,
    /// Tries are left, and yet the former version was booted.
    PassedOver,
    /// Every try failed: the former version runs.
    FellBack,
    /// The entry of the new version was lost on the boot partition.
    EntryLost,
    /// A person went back.
    WentBack,
    /// An entry or the copy of a kernel was put right.
    Repaired,
    /// An entry or the copy of a kernel is damaged and nothing is left to put it right from.
    Unrepairable,
}

/// A line of the file of attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Counts up, without gaps as long as nothing was shortened.
    pub n: u64,
    /// The number of the line that began its attempt.
    pub attempt: u64,
    pub at: Timestamp,
    pub event: Event,
    /// The version that ran then.
    pub running: Version,
    /// The version it is about; unknown of a file that is no release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// Boots tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boots: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// What is not well (see [`unwell_text`]), or what was put right, in the words of who found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How an attempt ended, or where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Refused,
    Writing,
    Failed,
    Interrupted,
    /// Written; a restart tries it.
    Waiting,
    /// The former version was started in its place; a restart starts it.
    PassedOver,
    /// Its entry was lost on the boot partition, so that the former version was started; a restart starts it.
    EntryLost,
    /// It came up; whether it is well is not known yet.
    Trying,
    Healthy,
    FellBack,
    WentBack,
    /// Another one took its slot before it had, or could again, prove healthy.
    Superseded,
}

/// An attempt as a person reads it: "tried 1.4.0 in slot b, 3 boots, running 1.3.2".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub number: u64,
    pub begun: Timestamp,
    pub changed: Timestamp,
    pub version: Option<Version>,
    pub slot: Option<Slot>,
    pub outcome: Outcome,
    pub boots: u8,
    pub running: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Attempt {
    /// What became of it, for people.
    pub fn text(&self) -> Text {
        let version = self.version.map_or_else(|| "?".to_owned(), |version| version.to_string());
        let slot = self.slot.map_or_else(|| "?".to_owned(), |slot| slot.to_string());
        let (running, boots) = (self.running, self.boots);
        let text = match self.outcome {
            Outcome::Refused => Text::new("refusée", "refused"),
            Outcome::Writing => Text::new(
                format!("{version} s'écrit dans l'emplacement {slot}"),
                format!("{version} is being written to slot {slot}"),
            ),
            Outcome::Failed => Text::new(format!("{version} non écrite"), format!("{version} not written")),
            Outcome::Interrupted => Text::new(
                format!("{version} coupée pendant l'écriture ; {running} fonctionne"),
                format!("{version} cut while it was written; running {running}"),
            ),
            Outcome::Waiting => {
                Text::new(format!("{version} attend un redémarrage"), format!("{version} waits for a restart"))
            }
            Outcome::PassedOver => Text::new(
                format!(
                    "{version} n'a pas été choisie au dernier démarrage ; {running} fonctionne, un redémarrage la lance"
                ),
                format!("{version} was passed over at the last start; running {running}, a restart starts it"),
            ),
            Outcome::EntryLost => Text::new(
                format!(
                    "{version} avait disparu de la partition de démarrage ; {running} fonctionne, un redémarrage lance {version}"
                ),
                format!("{version} was gone from the boot partition; running {running}, a restart starts {version}"),
            ),
            Outcome::Trying => Text::new(
                format!("{version} à l'essai, démarrages : {boots}"),
                format!("{version} being tried, boots: {boots}"),
            ),
            Outcome::Healthy => Text::new(format!("{version} a fait ses preuves"), format!("{version} proved healthy")),
            Outcome::FellBack => Text::new(
                format!("{version} essayée dans l'emplacement {slot}, démarrages : {boots} ; {running} fonctionne"),
                format!("tried {version} in slot {slot}, boots: {boots}; running {running}"),
            ),
            Outcome::WentBack => Text::new(format!("{version} quittée à la main"), format!("{version} left by hand")),
            Outcome::Superseded => {
                Text::new(format!("{version} remplacée par une autre"), format!("{version} replaced by another one"))
            }
        };
        let fault = self.fault.as_ref().map(|fault| Text::new(fault.title(Language::Fr), fault.title(Language::En)));
        let why = fault.or_else(|| self.detail.as_deref().map(unwell_text));
        match why {
            Some(why) => Text::new(format!("{} ({})", text.fr, why.fr), format!("{} ({})", text.en, why.en)),
            None => text,
        }
    }
}

/// The TPM's index that the floor is kept in: three numbers of two bytes each, big-endian.
const FLOOR_INDEX: u32 = 0x0180_f106;

/// The folder on the data partition; and the TPM, which keeps the floor when that is wiped or replaced.
#[derive(Debug, Clone)]
pub struct Memory {
    folder: PathBuf,
    tpm: PathBuf,
}

impl Memory {
    /// `tpm`: a device that need not be there.
    pub fn new(folder: impl Into<PathBuf>, tpm: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), tpm: tpm.into() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes the folder where it is missing.
    pub fn prepare(&self) -> Result<(), UpdateError> {
        durable::make_dir_durably(&self.folder).map_err(UpdateError::io(self.folder.display()))
    }

    /// The record; an empty one where there is none or where it is damaged: it is made anew of what runs.
    pub fn record(&self) -> Result<Record, UpdateError> {
        let path = self.path("slots.json");
        let bytes = match bounded(&path, RECORD_BYTES_LIMIT) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Record::default()),
            Err(cause) => return Err(UpdateError::Io { what: path.display().to_string(), cause }),
        };
        Ok(serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            log::warn!("The record of the slots is damaged and is made anew: {error}");
            Record::default()
        }))
    }

    pub fn keep(&self, record: &Record) -> Result<(), UpdateError> {
        let path = self.path("slots.json");
        let bytes = serde_json::to_vec_pretty(record)
            .map_err(|cause| UpdateError::Io { what: path.display().to_string(), cause: cause.into() })?;
        durable::write_atomically(&path, &bytes).map_err(UpdateError::io(path.display()))
    }

    /// The floor: no version below it may be installed or gone back to. A damaged file counts as `running`.
    pub fn floor(&self, running: Version) -> Result<Version, UpdateError> {
        let kept = self.floor_on_disk(running)?;
        Ok(self.floor_in_tpm().map_or(kept, |floor| kept.max(floor)))
    }

    /// What the TPM keeps of it: `None` where there is none, or where it does not tell.
    fn floor_in_tpm(&self) -> Option<Version> {
        let floor = self.tpm.exists().then(|| Tpm::open(&self.tpm).and_then(|mut tpm| tpm.read(FLOOR_INDEX)))?;
        match floor {
            Ok(floor) => Some(floor.map_or(Version::ZERO, Version::from_bytes)),
            Err(error) => {
                log::warn!("The TPM does not tell the floor; what is on the disk counts: {error}");
                None
            }
        }
    }

    /// What the disk keeps of it.
    pub fn floor_on_disk(&self, running: Version) -> Result<Version, UpdateError> {
        let path = self.path("floor");
        match bounded(&path, RECORD_BYTES_LIMIT) {
            Ok(bytes) => {
                let read = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
                Ok(read.unwrap_or_else(|| {
                    log::warn!("The file of the floor is damaged: the running version counts");
                    running
                }))
            }
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(Version::ZERO),
            Err(cause) => Err(UpdateError::Io { what: path.display().to_string(), cause }),
        }
    }

    /// Raises the floor; it never sinks. What is in one place only is put into the other one, too.
    pub fn raise_floor(&self, to: Version, running: Version) -> Result<(), UpdateError> {
        let to = to.max(self.floor(running)?);
        if to > self.floor_on_disk(running)? {
            let path = self.path("floor");
            let written = durable::write_atomically(&path, format!("{to}\n").as_bytes());
            written.map_err(UpdateError::io(path.display()))?;
        }
        if self.floor_in_tpm().is_some_and(|floor| floor < to) {
            let written = Tpm::open(&self.tpm).and_then(|mut tpm| tpm.write(FLOOR_INDEX, &to.to_bytes()));
            // The disk has it; what is missing is tried after the next healthy boot.
            if let Err(error) = written {
                log::warn!("The TPM does not keep the floor: {error}");
            }
        }
        Ok(())
    }

    /// Every line that can be read, oldest first.
    pub fn lines(&self) -> Result<Vec<Line>, UpdateError> {
        let path = self.path("attempts.jsonl");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == ErrorKind::NotFound => Vec::new(),
            Err(cause) => return Err(UpdateError::Io { what: path.display().to_string(), cause }),
        };
        Ok(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }

    /// Appends a line, durably; its number, and that of its attempt where it begins one, are given here.
    pub fn append(&self, mut line: Line) -> Result<Line, UpdateError> {
        let path = self.path("attempts.jsonl");
        let lines = self.lines()?;
        line.n = lines.last().map_or(1, |last| last.n + 1);
        if line.attempt == 0 {
            line.attempt = line.n;
        }
        let written = serde_json::to_vec(&line).map_err(std::io::Error::from).and_then(|mut bytes| {
            bytes.push(b'\n');
            if fs::metadata(&path).is_ok_and(|data| data.len() > ATTEMPTS_BYTES_LIMIT) {
                let kept = &lines[lines.len().saturating_sub(LINES_KEPT)..];
                let mut whole = Vec::new();
                for line in kept {
                    serde_json::to_writer(&mut whole, line)?;
                    whole.push(b'\n');
                }
                whole.extend(bytes);
                return durable::write_atomically(&path, &whole);
            }
            append(&path, &bytes)
        });
        written.map(|()| line).map_err(UpdateError::io(path.display()))
    }
}

fn append(path: &Path, line: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    // What was cut while it was written stays a line of its own.
    let mut whole = if fs::read(path)?.last().is_some_and(|byte| *byte != b'\n') { vec![b'\n'] } else { Vec::new() };
    whole.extend(line);
    file.write_all(&whole)?;
    file.sync_all()?;
    durable::sync_dir(durable::folder_of(path))
}

fn bounded(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What of a version was not well, for people: words that are not known stay as they are.
pub fn unwell_text(detail: &str) -> Text {
    let said = detail.split(',').map(|word| match word {
        "core" => Text::new("le cœur du service n'a pas répondu", "the service's core did not answer"),
        "database" => {
            Text::new("la base n'a pas pu être ouverte et relue", "the database could not be opened and read through")
        }
        "front" => Text::new("la page et SFTP n'ont pas répondu", "the page and SFTP did not answer"),
        "connector" => Text::new("la configuration n'a pas été acceptée", "the configuration was not accepted"),
        "blessing" => Text::new(
            "la partition de démarrage n'a pas pu être mise à jour",
            "the boot partition could not be brought up to date",
        ),
        other => Text::same(other),
    });
    let (fr, en): (Vec<_>, Vec<_>) = said.map(|text| (text.fr, text.en)).unzip();
    Text::new(fr.join(" ; "), en.join("; "))
}

/// The attempts that lines tell of, oldest first.
pub fn attempts(lines: &[Line]) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for line in lines {
        let outcome = match line.event {
            Event::Refused => Some(Outcome::Refused),
            Event::Begun => Some(Outcome::Writing),
            Event::Failed => Some(Outcome::Failed),
            Event::Committed => Some(Outcome::Waiting),
            Event::Interrupted => Some(Outcome::Interrupted),
            Event::Booted | Event::Unhealthy => Some(Outcome::Trying),
            Event::Healthy => Some(Outcome::Healthy),
            Event::FellBack => Some(Outcome::FellBack),
            Event::WentBack => Some(Outcome::WentBack),
            Event::PassedOver => Some(Outcome::PassedOver),
            Event::EntryLost => Some(Outcome::EntryLost),
            Event::Repaired | Event::Unrepairable => None,
        };
        let Some(outcome) = outcome else { continue };
        if line.n == line.attempt {
            for former in attempts.iter_mut().filter(|former| former.slot == line.slot && line.slot.is_some()) {
                former.outcome = match former.outcome {
                    Outcome::Waiting | Outcome::PassedOver | Outcome::EntryLost => Outcome::Superseded,
                    Outcome::Writing => Outcome::Interrupted,
                    other => other,
                };
            }
            attempts.push(Attempt {
                number: line.attempt,
                begun: line.at,
                changed: line.at,
                version: line.version,
                slot: line.slot,
                outcome,
                boots: 0,
                running: line.running,
                fault: None,
                detail: None,
            });
        }
        let Some(attempt) = attempts.iter_mut().rev().find(|attempt| attempt.number == line.attempt) else { continue };
        (attempt.outcome, attempt.changed, attempt.running) = (outcome, line.at, line.running);
        let counted = if line.event == Event::Booted { attempt.boots.saturating_add(1) } else { attempt.boots };
        attempt.boots = line.boots.unwrap_or(0).max(counted);
        attempt.fault = line.fault.clone().or(attempt.fault.take());
        attempt.detail = line.detail.clone().or(attempt.detail.take());
    }
    attempts
}
