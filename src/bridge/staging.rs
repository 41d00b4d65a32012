//! Front's own folder for what is not handed over yet.
//!
//! `staging/.uploads/<account>/<folder>/<random>.<name>`: the content of a handle that is being written. After a restart
//! it tells only what was under way.
//! `staging/<account>/<folder>/<name>`: uploads under a temporary name, whole and durable, that wait for their rename.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::domain::{AccountName, Timestamp};
use crate::gate::{Entry, EntryKind, Stamp};
use crate::os::{disk, random};

/// Files under temporary names that an account may have in one drop folder at once.
pub const STAGED_FILES: usize = 10_000;
/// A staged file that nobody renames is removed after this.
pub const STAGED_TIME: Duration = Duration::from_secs(24 * 3600);

const UPLOADS: &str = ".uploads";

/// The staging folder.
#[derive(Debug)]
pub struct Staging {
    dir: PathBuf,
    /// Held while a name changes its content, so that looking and removing are one.
    changing: Mutex<()>,
}

/// A file that vanishes when it is dropped, unless it was kept.
#[derive(Debug)]
pub struct Spill {
    pub file: File,
    path: PathBuf,
    kept: bool,
}

impl Drop for Spill {
    fn drop(&mut self) {
        if !self.kept
            && let Err(e) = fs::remove_file(&self.path)
        {
            log::warn!(error = e.to_string().as_str(); "A discarded upload's file could not be removed");
        }
    }
}

/// Where a staged file stands, and as what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Staged {
    pub account: AccountName,
    /// `depot` or a sub-folder of it.
    pub folder: String,
    /// Checked: no slash, not `.` or `..`.
    pub name: String,
}

/// Which content stands under a staged name: a later upload of the same name is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    inode: u64,
    modified: (i64, i64),
}

impl Identity {
    pub fn of(file: &fs::Metadata) -> Self {
        Self { inode: file.ino(), modified: (file.mtime(), file.mtime_nsec()) }
    }

    /// For core: the same before and after a restart.
    pub fn stamp(&self) -> Stamp {
        Stamp(format!("{}.{}.{}", self.inode, self.modified.0, self.modified.1))
    }
}

/// An upload that a former process was receiving when it died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub staged: Staged,
    pub path: PathBuf,
    /// Bytes of it on the disk.
    pub size: u64,
    pub modified: Timestamp,
}

impl Staging {
    /// Makes the folder if it is missing.
    pub fn open(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        private_folder(&dir.join(UPLOADS))?;
        Ok(Self { dir, changing: Mutex::default() })
    }

    /// The unfinished uploads of a former process: asked before this one receives any.
    pub fn left(&self) -> io::Result<Vec<Left>> {
        let mut left = Vec::new();
        for account in fs::read_dir(self.dir.join(UPLOADS))? {
            let account = account?;
            let Some(name) = account.file_name().to_str().and_then(|n| n.parse::<AccountName>().ok()) else { continue };
            for folder in fs::read_dir(account.path())? {
                let folder = folder?;
                let Some(place) = folder.file_name().to_str().map(decoded) else { continue };
                for file in fs::read_dir(folder.path())? {
                    let file = file?;
                    let found = file.metadata()?;
                    let own = file.file_name();
                    let Some((_, dropped)) = own.to_str().and_then(|own| own.split_once('.')) else { continue };
                    let modified = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
                    left.push(Left {
                        staged: Staged { account: name.clone(), folder: place.clone(), name: dropped.to_owned() },
                        path: file.path(),
                        size: found.len(),
                        modified: Timestamp::EPOCH.plus(modified),
                    });
                }
            }
        }
        Ok(left)
    }

    /// A new file of its own for the content of an upload to `place`. Its name is not synced: it is only worth something
    /// when this process dies and the machine does not.
    pub fn spill(&self, place: &Staged) -> io::Result<Spill> {
        let folder = self.dir.join(UPLOADS).join(place.account.as_str()).join(encoded(&place.folder));
        private_folder(&folder)?;
        let path = folder.join(format!("{}.{}", random::hex::<16>(), place.name));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Spill { file, path, kept: false })
    }

    /// Bytes that may still be written before the file system is full.
    pub fn free_space(&self) -> io::Result<u64> {
        disk::free_bytes(&self.dir)
    }

    /// Makes the spilled content durable under its temporary name, replacing what was there whole or not at all.
    pub fn keep(&self, mut spill: Spill, staged: &Staged) -> io::Result<Identity> {
        let folder = self.folder(&staged.account, &staged.folder);
        let account = self.dir.join(staged.account.as_str());
        for (folder, above) in [(&account, &self.dir), (&folder, &account)] {
            if private_folder(folder)? {
                File::open(above)?.sync_all()?;
            }
        }
        spill.file.sync_all()?;
        let identity = Identity::of(&spill.file.metadata()?);
        let changing = self.changing();
        fs::rename(&spill.path, folder.join(&staged.name))?;
        spill.kept = true;
        drop(changing);
        File::open(&folder)?.sync_all()?;
        Ok(identity)
    }

    /// The staged file for reading, if there is one.
    pub fn read(&self, staged: &Staged) -> io::Result<Option<File>> {
        match File::open(self.path(staged)) {
            Ok(file) => Ok(Some(file)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    pub fn stat(&self, staged: &Staged) -> io::Result<Option<Entry>> {
        match fs::metadata(self.path(staged)) {
            Ok(found) => Ok(Some(entry(staged.name.clone(), &found))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Durably renames; replaces a staged file of the new name. `false`: there is nothing to rename.
    pub fn rename(&self, from: &Staged, to: &Staged) -> io::Result<bool> {
        let (old, new) = (self.folder(&from.account, &from.folder), self.folder(&to.account, &to.folder));
        if private_folder(&new)? {
            File::open(self.dir.join(to.account.as_str()))?.sync_all()?;
        }
        let changing = self.changing();
        match fs::rename(old.join(&from.name), new.join(&to.name)) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(e),
        }
        drop(changing);
        File::open(&new)?.sync_all()?;
        if old != new {
            File::open(&old)?.sync_all()?;
        }
        Ok(true)
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Durably removes, if it is still this content: what was uploaded under the name since then stays.
    pub fn remove_if(&self, staged: &Staged, identity: Identity) -> io::Result<bool> {
        let _changing = self.changing();
        match fs::metadata(self.path(staged)) {
            Ok(found) if Identity::of(&found) == identity => self.remove_now(staged),
            Ok(_) => Ok(false),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Durably removes, whatever stands there: the client's own wish. `false`: it was not there.
    pub fn remove(&self, staged: &Staged) -> io::Result<bool> {
        let _changing = self.changing();
        self.remove_now(staged)
    }

    fn remove_now(&self, staged: &Staged) -> io::Result<bool> {
        match fs::remove_file(self.path(staged)) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(e),
        }
        File::open(self.folder(&staged.account, &staged.folder))?.sync_all()?;
        Ok(true)
    }

    /// What is staged in a drop folder, at most [`STAGED_FILES`].
    pub fn list(&self, account: &AccountName, folder: &str) -> io::Result<Vec<Entry>> {
        let listing = match fs::read_dir(self.folder(account, folder)) {
            Ok(listing) => listing,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        let mut entries = Vec::new();
        for file in listing.take(STAGED_FILES) {
            let file = file?;
            // Gone between the listing and the look: simply not there.
            if let (Ok(name), Ok(found)) = (file.file_name().into_string(), file.metadata()) {
                entries.push(entry(name, &found));
            }
        }
        Ok(entries)
    }

    /// How many files are staged in a drop folder, counted up to [`STAGED_FILES`].
    pub fn count(&self, account: &AccountName, folder: &str) -> io::Result<usize> {
        match fs::read_dir(self.folder(account, folder)) {
            Ok(listing) => Ok(listing.take(STAGED_FILES).count()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(e) => Err(e),
        }
    }

    /// Staged files not touched for longer than [`STAGED_TIME`].
    pub fn forgotten(&self, now: SystemTime) -> io::Result<Vec<(Staged, Identity)>> {
        let mut found = Vec::new();
        for account in fs::read_dir(&self.dir)? {
            let account = account?;
            let Some(name) = account.file_name().to_str().and_then(|n| n.parse::<AccountName>().ok()) else { continue };
            for folder in fs::read_dir(account.path())? {
                let folder = folder?;
                for file in fs::read_dir(folder.path())? {
                    let file = file?;
                    // Gone meanwhile: renamed or removed, so not forgotten.
                    let Ok(metadata) = file.metadata() else { continue };
                    let age = metadata.modified().ok().and_then(|at| now.duration_since(at).ok());
                    if let (Some(age), Ok(file), Ok(folder)) =
                        (age, file.file_name().into_string(), folder.file_name().into_string())
                        && age > STAGED_TIME
                    {
                        let staged = Staged { account: name.clone(), folder: decoded(&folder), name: file };
                        found.push((staged, Identity::of(&metadata)));
                    }
                }
            }
        }
        Ok(found)
    }

    fn path(&self, staged: &Staged) -> PathBuf {
        self.folder(&staged.account, &staged.folder).join(&staged.name)
    }

    fn folder(&self, account: &AccountName, folder: &str) -> PathBuf {
        self.dir.join(account.as_str()).join(encoded(folder))
    }
}

/// A folder's path as one name: `/` becomes `%2F`.
fn encoded(folder: &str) -> String {
    folder.replace('%', "%25").replace('/', "%2F")
}

fn decoded(name: &str) -> String {
    name.replace("%2F", "/").replace("%25", "%")
}

/// Makes the folder, entered by its owner only; `true` if it was missing.
fn private_folder(path: &Path) -> io::Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    Ok(true)
}

fn entry(name: String, found: &fs::Metadata) -> Entry {
    let modified = u32::try_from(found.mtime()).unwrap_or(0);
    Entry { name, kind: EntryKind::File, size: found.len(), modified }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn staged(name: &str) -> Staged {
        Staged { account: "sifac".parse().unwrap(), folder: "depot/qualif".into(), name: name.into() }
    }

    #[test]
    fn what_is_kept_survives_and_what_is_not_vanishes() {
        let dir = tempfile::tempdir().unwrap();
        let staging = Staging::open(dir.path().join("staging")).unwrap();
        let discarded = staging.spill(&staged("z.xml")).unwrap();
        let path = discarded.path.clone();
        assert!(path.exists());
        drop(discarded);
        assert!(!path.exists());

        let mut spill = staging.spill(&staged("x.tmp")).unwrap();
        spill.file.write_all(b"abc").unwrap();
        staging.keep(spill, &staged("x.tmp")).unwrap();
        // What a process leaves that dies: under the longest name, which is still one of a file system.
        let long = staged(&"é".repeat(100));
        let mut lost = staging.spill(&long).unwrap();
        lost.file.write_all(b"half").unwrap();
        std::mem::forget(lost);

        let again = Staging::open(dir.path().join("staging")).unwrap();
        let left = again.left().unwrap();
        assert_eq!(left.iter().map(|l| (l.staged.clone(), l.size)).collect::<Vec<_>>(), [(long, 4)]);
        fs::remove_file(&left[0].path).unwrap();
        assert!(again.left().unwrap().is_empty());
        assert_eq!(again.stat(&staged("x.tmp")).unwrap().unwrap().size, 3);
        assert_eq!(again.list(&"sifac".parse().unwrap(), "depot/qualif").unwrap().len(), 1);
        assert!(again.rename(&staged("x.tmp"), &staged("y.tmp")).unwrap());
        assert!(!again.rename(&staged("x.tmp"), &staged("z.tmp")).unwrap());
        assert!(again.forgotten(SystemTime::now()).unwrap().is_empty());
        let later = SystemTime::now() + STAGED_TIME + Duration::from_secs(60);
        let forgotten = again.forgotten(later).unwrap();
        assert_eq!(forgotten.iter().map(|(staged, _)| staged.clone()).collect::<Vec<_>>(), vec![staged("y.tmp")]);
        // Uploaded anew since it was looked at: another content, which stays.
        let spill = again.spill(&staged("y.tmp")).unwrap();
        io::Write::write_all(&mut &spill.file, b"newer").unwrap();
        again.keep(spill, &staged("y.tmp")).unwrap();
        assert!(!again.remove_if(&staged("y.tmp"), forgotten[0].1).unwrap());
        assert!(again.stat(&staged("y.tmp")).unwrap().is_some());
        assert!(again.remove(&staged("y.tmp")).unwrap());
        assert!(!again.remove(&staged("y.tmp")).unwrap());
    }

    #[test]
    fn folders_read_as_they_were_encoded() {
        for folder in ["depot", "depot/a", "depot/%2F", "depot/50%", "depot/%25"] {
            assert!(!encoded(folder).contains('/'));
            assert_eq!(decoded(&encoded(folder)), folder);
        }
    }
}
