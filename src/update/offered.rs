//! A file that somebody handed over, copied to the data partition: from then on nobody can change it under the hands of who
//! examines and installs it. One at a time.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::archive::{Piece, RELEASE_BYTES_LIMIT};
use super::release::{Digest, copied};
use super::{UpdateError, Updater};
use crate::os::{disk, durable};

/// Bytes that stay free on the data partition beside it.
const RESERVE: u64 = 64 << 20;

impl Updater {
    /// Where the copy is.
    pub fn offered(&self) -> PathBuf {
        self.memory.path("offered")
    }

    /// Where the copy is of one that nobody has examined yet.
    pub fn candidate(&self) -> PathBuf {
        self.memory.path("candidate")
    }

    /// Copies `bytes` of a file from `from` on, durably, beside the one that is offered. Blocks while it copies.
    pub fn take_in(&self, file: &File, from: u64, bytes: u64) -> Result<Digest, UpdateError> {
        let _held = self.lock()?;
        let path = self.candidate();
        let taken = take_in(file, from, bytes, &path);
        if taken.is_err() {
            // Nothing of it may lie there and take up room.
            let _ = fs::remove_file(&path);
        }
        taken
    }

    /// The candidate is what is offered, in place of the former one.
    pub fn accept_candidate(&self) -> Result<(), UpdateError> {
        let path = self.offered();
        let renamed = fs::rename(self.candidate(), &path).and_then(|()| durable::sync_dir(durable::folder_of(&path)));
        renamed.map_err(UpdateError::io(path.display()))
    }

    /// What is there from before, with its hash. `None`: nothing.
    pub fn found_offered(&self) -> Result<Option<Digest>, UpdateError> {
        let path = self.offered();
        match File::open(&path) {
            Ok(mut file) => copied(&mut file, &mut io::sink()).map(Some).map_err(UpdateError::io(path.display())),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(UpdateError::io(path.display())(cause)),
        }
    }

    /// Removes the copy of what is offered.
    pub fn drop_offered(&self) -> Result<(), UpdateError> {
        removed(&self.offered())
    }

    /// Removes the copy of what was not found good.
    pub fn drop_candidate(&self) -> Result<(), UpdateError> {
        removed(&self.candidate())
    }
}

fn removed(path: &Path) -> Result<(), UpdateError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(UpdateError::io(path.display())(cause)),
        _ => Ok(()),
    }
}

fn take_in(file: &File, from: u64, bytes: u64, path: &Path) -> Result<Digest, UpdateError> {
    // A device or a pipe would hold up who reads it.
    if !file.metadata().map_err(UpdateError::io("metadata"))?.is_file() {
        return Err(UpdateError::not_a_release("ce n'est pas un fichier ordinaire", "it is no ordinary file"));
    }
    if bytes > RELEASE_BYTES_LIMIT {
        return Err(UpdateError::TooLarge { what: "tar".into(), bytes, limit: RELEASE_BYTES_LIMIT });
    }
    check_room(bytes, disk::free_bytes(durable::folder_of(path)).map_err(UpdateError::io(path.display()))?)?;
    let mut copy = File::create(path).map_err(UpdateError::io(path.display()))?;
    let digest = copied(&mut Piece::of(file, from, bytes), &mut copy).map_err(|cause| match cause.kind() {
        ErrorKind::UnexpectedEof => UpdateError::Truncated { missing: missing(file, from, bytes) },
        _ => UpdateError::Io { what: path.display().to_string(), cause },
    })?;
    let synced = copy.sync_all().and_then(|()| durable::sync_dir(durable::folder_of(path)));
    synced.map_err(UpdateError::io(path.display()))?;
    Ok(digest)
}

/// Refuses a file for which the data partition has no room.
fn check_room(bytes: u64, free: u64) -> Result<(), UpdateError> {
    let needed = bytes.saturating_add(RESERVE);
    if free < needed { Err(UpdateError::DataFull { needed, free }) } else { Ok(()) }
}

/// Bytes that a file lacks of the part that was asked for.
fn missing(file: &File, from: u64, bytes: u64) -> u64 {
    let length = file.metadata().map(|data| data.len()).unwrap_or(0);
    from.saturating_add(bytes).saturating_sub(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DocumentHash;
    use crate::update::{Places, Running, Slot, Version};

    #[test]
    fn a_file_without_room_is_refused_and_says_how_much_it_needs() {
        assert!(check_room(40 << 20, 104 << 20).is_ok());
        let fault = check_room(40 << 20, (104 << 20) - 1).unwrap_err().fault();
        assert_eq!(fault.code.as_str(), "FG-938");
        assert!(check_room(u64::MAX, u64::MAX - 1).is_err());
    }

    #[test]
    fn a_part_of_a_file_is_copied_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("update");
        let nowhere = PathBuf::from("/nowhere");
        let [anchor, esp, slot_a, slot_b, tpm] = [(); 5].map(|()| nowhere.clone());
        let places = Places { anchor, esp, slot_a, slot_b, state, tpm };
        let updater = Updater::new(places, Running { slot: Slot::A, version: Version::ZERO });
        let path = dir.path().join("upload");
        fs::write(&path, b"--head--content--tail--").unwrap();
        let file = File::open(&path).unwrap();
        let taken = updater.take_in(&file, 8, 7).unwrap();
        assert_eq!(fs::read(updater.candidate()).unwrap(), b"content");
        let sha256 =
            "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73".parse::<DocumentHash>().unwrap();
        assert_eq!(taken, Digest { bytes: 7, sha256 });
        assert_eq!(updater.found_offered().unwrap(), None);
        updater.accept_candidate().unwrap();
        assert_eq!(updater.found_offered().unwrap(), Some(taken));
        // What is offered stays, whatever comes of the next one.
        assert!(matches!(updater.take_in(&file, 8, 90), Err(UpdateError::Truncated { missing: 75 })));
        assert!(!updater.candidate().exists());
        assert_eq!(updater.found_offered().unwrap(), Some(taken));
        let huge = updater.take_in(&file, 0, RELEASE_BYTES_LIMIT + 1);
        assert!(matches!(huge, Err(UpdateError::TooLarge { .. })));
        let device = File::open("/dev/zero").unwrap();
        assert!(matches!(updater.take_in(&device, 0, 1), Err(UpdateError::NotARelease(_))));
        updater.drop_offered().unwrap();
        updater.drop_offered().unwrap();
    }
}
