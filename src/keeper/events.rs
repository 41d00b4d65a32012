//! What happened without core, durable until core has it in the journal.
//!
//! One small file, replaced as a whole. An event that is handed over twice, because core ended between journalling and
//! acknowledging it, has the same number both times.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;
use crate::gate::{EVENTS_AT_ONCE, Event, Happening};
use crate::os::durable;

/// Events that wait, at most: more are counted as lost. Nobody restarts a box so often before core looks.
const WAITING: usize = 128;
/// Bytes of the file, at most: many times what [`WAITING`] events are.
const FILE_LIMIT: u64 = 64 * 1024;

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The number of the last event, acknowledged or not.
    last: u64,
    lost: u64,
    waiting: Vec<Event>,
}

/// The events that core has not acknowledged.
#[derive(Debug)]
pub struct Events {
    path: PathBuf,
    kept: Kept,
}

impl Events {
    /// Reads what an earlier life left in `dir`. A file that makes no sense is put aside and said in the log.
    pub fn open(dir: &Path) -> Self {
        let path = dir.join("events.json");
        let kept = match read(&path) {
            Ok(kept) => kept,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::default(),
            Err(error) => {
                log::error!(error = error.to_string().as_str(); "What happened at the console before cannot be read; the file is put aside");
                let _ = std::fs::rename(&path, path.with_extension("damaged"));
                Kept { lost: 1, ..Kept::default() }
            }
        };
        Self { path, kept }
    }

    /// Notes an event; whether durably. One that cannot be written is still handed over while this process lives.
    pub fn note(&mut self, what: Happening, at: Timestamp) -> bool {
        if self.kept.waiting.len() < WAITING {
            // Beyond every number of a file that was lost.
            let now = u64::try_from(at.millis()).unwrap_or(0);
            self.kept.last = self.kept.last.saturating_add(1).max(now);
            self.kept.waiting.push(Event { number: self.kept.last, at, what });
        } else {
            self.kept.lost = self.kept.lost.saturating_add(1);
        }
        log::info!(what = what.as_str(); "Something happened without core");
        self.write()
    }

    /// The oldest events, as many as fit an answer, and how many were lost.
    pub fn waiting(&self) -> (Vec<Event>, u64) {
        (self.kept.waiting.iter().take(EVENTS_AT_ONCE).cloned().collect(), self.kept.lost)
    }

    /// Core has journalled these: they are forgotten, and with them the number of lost ones.
    pub fn recorded(&mut self, through: u64) {
        let before = self.kept.clone();
        self.kept.waiting.retain(|event| event.number > through);
        self.kept.lost = 0;
        if self.kept != before {
            self.write();
        }
    }

    fn write(&self) -> bool {
        let written = serde_json::to_vec(&self.kept).map_err(io::Error::from);
        let kept = written.and_then(|bytes| durable::write_atomically(&self.path, &bytes));
        if let Err(error) = &kept {
            let (path, error) = (self.path.display(), error.to_string());
            log::error!(path:display = path, error = error.as_str(); "What happened at the console could not be kept");
        }
        kept.is_ok()
    }
}

fn read(path: &Path) -> io::Result<Kept> {
    if std::fs::metadata(path)?.len() > FILE_LIMIT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn an_event_waits_across_lives_until_it_is_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let mut events = Events::open(dir.path());
        events.note(Happening::ConsoleRestart, at(5_000));
        // A clock that jumps back gives no number twice.
        events.note(Happening::ConsoleRestart, at(0));
        let mut events = Events::open(dir.path());
        let (waiting, lost) = events.waiting();
        assert_eq!((waiting.iter().map(|event| event.number).collect::<Vec<_>>(), lost), (vec![5_000, 5_001], 0));
        events.recorded(5_000);
        let mut events = Events::open(dir.path());
        assert_eq!(events.waiting().0.len(), 1);
        events.recorded(5_001);
        events.note(Happening::ConsoleFactoryReset, at(1));
        assert_eq!(Events::open(dir.path()).waiting().0[0].number, 5_002);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let mut events = Events::open(dir.path());
        for _ in 0..WAITING + 3 {
            events.note(Happening::ConsoleRestart, at(1));
        }
        let (waiting, lost) = Events::open(dir.path()).waiting();
        assert_eq!((waiting.len(), lost), (EVENTS_AT_ONCE, 3));
        assert!(std::fs::metadata(dir.path().join("events.json")).unwrap().len() < FILE_LIMIT);
        events.recorded(u64::MAX);
        assert_eq!(events.waiting(), (Vec::new(), 0));
    }

    #[test]
    fn a_damaged_file_is_put_aside_and_told_as_a_loss() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.json");
        for damage in ["", "{", r#"{"last":0,"lost":0,"waiting":[],"more":1}"#, "\0\0\0"] {
            std::fs::write(&path, damage).unwrap();
            let mut events = Events::open(dir.path());
            assert_eq!(events.waiting(), (Vec::new(), 1), "{damage:?}");
            assert!(dir.path().join("events.damaged").exists() && !path.exists());
            events.note(Happening::ConsoleRestart, at(1));
            assert_eq!(Events::open(dir.path()).waiting().0.len(), 1);
        }
    }

    #[test]
    fn without_its_folder_an_event_lives_as_long_as_the_process() {
        let mut events = Events::open(Path::new("/nowhere/at/all"));
        events.note(Happening::ConsoleRestart, at(1));
        assert_eq!(events.waiting().0.len(), 1);
    }
}
