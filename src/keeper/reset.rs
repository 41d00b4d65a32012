//! The factory reset: asked for now, done at the next start, before anything of what is kept is opened.
//!
//! The wish is a variable of the firmware's, so that it outlives the restart and does not depend on a disk that may be
//! damaged. At the start a unit of its own wipes the partition of what is kept from end to end; then systemd-repart removes it,
//! takes the wish back, and makes it anew. Cut before the wish is taken back, all of it is done again; cut after it, the next
//! start makes what is missing, as a first start does.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::events::Events;
use super::machine::Machine;
use crate::domain::Timestamp;
use crate::gate::{Happening, Refusal};
use crate::os::{disk, durable, firmware};

/// systemd's own name for the wish (FactoryReset, vendor systemd).
const WISH: &str = "sys/firmware/efi/efivars/FactoryReset-8cf2644b-4b0b-428f-9387-6d876050dc67";
/// Left by a reset that was done at this start, until keeper has noted it.
const DONE: &str = "run/fluxgate-keeper/reset-done";

/// Why a reset could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    #[error("the root's disk cannot be looked through for the partition data: {0}")]
    NoPartition(io::Error),
    #[error("{path} could not be wiped: {cause}")]
    Wipe { path: String, cause: io::Error },
    #[error("the firmware's variable could not be removed: {0}")]
    Wish(io::Error),
    #[error("{path}: {cause}")]
    Mark { path: String, cause: io::Error },
}

/// Whether a reset comes with the next start.
pub(super) fn is_asked(machine: &Machine) -> bool {
    machine.path(WISH).exists()
}

/// Asks for a reset at the next start; asking twice is asking once.
pub(super) fn ask(machine: &Machine) -> Result<(), Refusal> {
    let path = machine.path(WISH);
    if !path.parent().is_some_and(Path::is_dir) {
        return Err(Refusal::NoFirmwareVariables);
    }
    match firmware::make(&path, "yes") {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(Refusal::System { what: "firmware variable".to_owned(), error: error.to_string() })
        }
        _ => {
            log::info!("A factory reset was asked for: it comes with the next start");
            Ok(())
        }
    }
}

/// Takes the wish back.
pub(super) fn withdraw(machine: &Machine) {
    if let Err(error) = firmware::remove(&machine.path(WISH)) {
        log::error!(error = error.to_string().as_str(); "A factory reset could not be withdrawn: it comes with the next start");
    }
}

/// Wipes what is kept, and tells how far it is in percent. A partition that is missing has been wiped: a reset that was cut
/// had come so far.
pub fn wipe(root: &Path, mut told: impl FnMut(u64)) -> Result<(), ResetError> {
    let Some(partition) = Machine::at(root).data_partition().map_err(ResetError::NoPartition)? else { return Ok(()) };
    let percent = |done: u64, all: u64| done.saturating_mul(100).checked_div(all).unwrap_or(100);
    disk::wipe(&partition, |done, all| told(percent(done, all)))
        .map_err(|cause| ResetError::Wipe { path: partition.display().to_string(), cause })
}

/// What is kept has been made anew: keeper will note it. The wish goes if it still stands: nobody takes it back where there was
/// no partition to remove.
pub fn finish(root: &Path) -> Result<(), ResetError> {
    let done = root.join(DONE);
    // The folder may not have been made yet, so early; whoever makes it sets whose it is.
    let marked =
        durable::make_dir_durably(durable::folder_of(&done)).and_then(|()| durable::write_atomically(&done, b""));
    marked.map_err(|cause| ResetError::Mark { path: done.display().to_string(), cause })?;
    firmware::remove(&root.join(WISH)).map_err(ResetError::Wish)
}

/// Notes a reset that was done at this start, once.
pub(super) fn note(machine: &Machine, events: &mut Events) {
    note_mark(machine, DONE, Happening::FactoryResetDone, events);
}

/// Notes what a unit did before keeper ran and left a mark of, once.
pub(super) fn note_mark(machine: &Machine, mark: &str, what: Happening, events: &mut Events) {
    let done = machine.path(mark);
    if done.exists() {
        if !events.note(what, Timestamp::now()) {
            // The mark stays until it is kept.
            return;
        }
        if let Err(error) = std::fs::remove_file(&done) {
            log::warn!(mark, error = error.to_string().as_str(); "The mark of what was done before stays, and is noted again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_stands_until_it_is_done_and_is_noted_once() {
        let dir = tempfile::tempdir().unwrap();
        let machine = Machine::at(dir.path());
        assert_eq!(ask(&machine), Err(Refusal::NoFirmwareVariables));
        std::fs::create_dir_all(machine.path(WISH).parent().unwrap()).unwrap();
        ask(&machine).unwrap();
        ask(&machine).unwrap();
        assert!(is_asked(&machine));
        finish(dir.path()).unwrap();
        finish(dir.path()).unwrap();
        assert!(!is_asked(&machine));
        let mut events = Events::open(dir.path());
        note(&machine, &mut events);
        note(&machine, &mut events);
        let (waiting, _) = events.waiting();
        assert_eq!(waiting.iter().map(|event| event.what).collect::<Vec<_>>(), [Happening::FactoryResetDone]);
    }
}
