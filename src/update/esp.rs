//! The boot partition, a mounted FAT folder: entries listed, written, removed.
//!
//! FAT knows no atomic rename and `syncfs` does not reach the disk's cache: a file is synced before it is named, its folder
//! after each change, and a new name is there before the old one goes.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::release::{Digest, copied};
use super::{Slot, UpdateError};
use crate::os::{disk, durable};

/// Kept free beside a kernel, in bytes: folders grow, and a kernel is written before its former name goes.
const ROOM_BYTES: u64 = 1024 * 1024;

/// The mounted boot partition.
#[derive(Debug, Clone)]
pub struct Esp {
    root: PathBuf,
}

impl Esp {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn folder(&self) -> PathBuf {
        self.root.join("EFI/Linux")
    }

    fn io(&self) -> impl FnOnce(io::Error) -> UpdateError + use<> {
        let what = self.folder().display().to_string();
        move |cause| UpdateError::Io { what, cause }
    }

    /// Where a kernel stands before it has its name; the boot loader reads no such name.
    fn temporary(&self, slot: Slot) -> PathBuf {
        self.folder().join(format!("fluxgate-{slot}.part"))
    }

    /// The entries there are, in the order of their names. Other files are none of ours.
    pub fn entries(&self) -> Result<Vec<Entry>, UpdateError> {
        let names = match fs::read_dir(self.folder()) {
            Ok(names) => names,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(self.io()(cause)),
        };
        let mut entries = Vec::new();
        for name in names {
            let name = name.map_err(self.io())?.file_name();
            entries.extend(name.to_str().and_then(|name| name.parse::<Entry>().ok()));
        }
        entries.sort();
        Ok(entries)
    }

    /// The entry's file, whose name may be written in other letters.
    fn path(&self, entry: &Entry) -> PathBuf {
        self.folder().join(entry.to_string())
    }

    /// Length and hash of an entry's kernel, as the disk has it.
    pub fn digest(&self, entry: &Entry) -> Result<Digest, UpdateError> {
        copied(&mut self.open(entry)?, &mut io::sink()).map_err(self.io())
    }

    /// An entry's kernel.
    pub fn open(&self, entry: &Entry) -> Result<File, UpdateError> {
        File::open(self.path(entry)).map_err(self.io())
    }

    /// Whether a kernel fits, once these entries are gone.
    pub fn fits(&self, kernel: u64, gone: &[Entry]) -> Result<(), UpdateError> {
        durable::make_dir_durably(&self.folder()).map_err(self.io())?;
        let mut free = disk::free_bytes(&self.folder()).map_err(self.io())?;
        for entry in gone {
            free = free.saturating_add(fs::metadata(self.path(entry)).map_err(self.io())?.len());
        }
        let needed = kernel.saturating_add(ROOM_BYTES);
        if needed <= free { Ok(()) } else { Err(UpdateError::NoRoom { needed, free }) }
    }

    /// Removes entries, durably.
    pub fn remove(&self, entries: &[Entry]) -> Result<(), UpdateError> {
        for entry in entries {
            match fs::remove_file(self.path(entry)) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(self.io()(cause)),
                _ => {}
            }
        }
        self.sync()
    }

    /// Writes a kernel under a name that does not count, synced and read back.
    pub fn prepare(&self, slot: Slot, kernel: &mut dyn Read, expected: Digest) -> Result<(), UpdateError> {
        durable::make_dir_durably(&self.folder()).map_err(self.io())?;
        let path = self.temporary(slot);
        let mut file = File::create(&path).map_err(self.io())?;
        let written = copied(&mut kernel.take(expected.bytes), &mut file);
        let synced = written.and_then(|written| file.sync_all().map(|()| written));
        let written = synced.inspect_err(|_| drop(fs::remove_file(&path))).map_err(self.io())?;
        disk::forget_cached(&file).map_err(self.io())?;
        self.sync()?;
        let found = copied(&mut File::open(&path).map_err(self.io())?, &mut io::sink()).map_err(self.io())?;
        if written == expected && found == expected {
            return Ok(());
        }
        drop(fs::remove_file(&path));
        Err(UpdateError::ReadBack { what: path.display().to_string() })
    }

    /// Gives what was prepared its name: from here on it is booted.
    pub fn commit(&self, entry: &Entry) -> Result<(), UpdateError> {
        self.give(&self.temporary(entry.slot), entry)
    }

    /// A rename that is whole on the disk. FAT keeps a file's place and length in its name's entry, and writes those into the new one
    /// with the file, not with the folder: with the folder alone a cut would leave an empty file.
    fn give(&self, from: &Path, entry: &Entry) -> Result<(), UpdateError> {
        let to = self.path(entry);
        fs::rename(from, &to).map_err(self.io())?;
        File::open(&to).and_then(|file| file.sync_all()).map_err(self.io())?;
        self.sync()
    }

    /// Renames an entry: where there is room the new name is there before the old one goes.
    pub fn rename(&self, from: &Entry, to: &Entry, kernel: Digest) -> Result<(), UpdateError> {
        match self.fits(kernel.bytes, &[]) {
            Ok(()) => {
                self.prepare(from.slot, &mut self.open(from)?, kernel)?;
                self.commit(to)?;
                self.remove(&[*from])
            }
            Err(UpdateError::NoRoom { .. }) => self.give(&self.path(from), to),
            Err(other) => Err(other),
        }
    }

    /// Removes what an update that was cut left.
    pub fn sweep(&self) -> Result<(), UpdateError> {
        let mut swept = false;
        for slot in Slot::BOTH {
            match fs::remove_file(self.temporary(slot)) {
                Ok(()) => swept = true,
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                Err(cause) => return Err(self.io()(cause)),
            }
        }
        if swept { self.sync() } else { Ok(()) }
    }

    fn sync(&self) -> Result<(), UpdateError> {
        durable::sync_dir(&self.folder()).map_err(self.io())
    }
}

/// Which entry the boot loader takes: one with tries left or proved healthy before those without, then the newest.
pub fn next_boot(entries: &[Entry]) -> Option<Entry> {
    entries.iter().max_by_key(|entry| (!entry.exhausted(), entry.version, entry.tries.is_none())).copied()
}
