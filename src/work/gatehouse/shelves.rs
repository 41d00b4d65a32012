//! An account's results on disk: `folders/<account>/{accuses,recues,statuts,rejets}`. Everything is opened *beneath*
//! the account's folder by the kernel's own rule: no symbolic link, no way out.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use nix::dir::Dir;
use nix::fcntl::AtFlags;
use nix::sys::stat::{FileStat, SFlag, fstatat};

use super::{Gatehouse, failed};
use crate::domain::{AccountName, Timestamp};
use crate::fault::{Code, Fault};
use crate::flow::reception;
use crate::gate::{Answer, Entry, EntryKind, RESULT_FOLDERS, Reply, check_name};
use crate::os::descriptor::{self, Beneath};
use crate::store::{Note, ReceptionFacts};

/// Entries of one listing, at most; a folder with more shows these, and the log says so.
const LISTING_ENTRIES: u64 = 500_000;
/// Folders below each other.
const DEPTH: usize = 8;

const RECEIVED: &str = "recues";
const STATUSES: &str = "statuts";

/// A path below an account's folder whose every part is a plain, visible name.
struct ShelfPath<'a>(Vec<&'a str>);

impl<'a> ShelfPath<'a> {
    fn parse(path: &'a str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').collect();
        let shelf = RESULT_FOLDERS.contains(parts.first()?);
        (shelf && parts.len() <= DEPTH && parts.iter().all(|part| is_visible(part))).then_some(Self(parts))
    }

    fn shelf(&self) -> &'a str {
        self.0[0]
    }

    fn parent(&self) -> String {
        self.0[..self.0.len() - 1].join("/")
    }

    fn name(&self) -> &'a str {
        self.0[self.0.len() - 1]
    }

    /// Whether it lies inside a shelf and not on its edge: the shelves themselves stay.
    fn is_inside(&self) -> bool {
        self.0.len() > 1
    }
}

/// Hidden names are things being written. Names of our own making may be longer than a client's: receipts carry the
/// flow's id behind the name.
fn is_visible(name: &str) -> bool {
    !name.starts_with('.') && !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control)
}

impl Gatehouse {
    /// Makes the shelves of every account.
    pub(super) fn make_shelves(&self) -> io::Result<()> {
        for account in &self.rules.load().accounts {
            for shelf in RESULT_FOLDERS {
                let path = self.folders.join(account.name.as_str()).join(shelf);
                DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            }
        }
        Ok(())
    }

    fn beneath(&self, account: &AccountName, path: &str, what: Beneath) -> Result<OwnedFd, Answer> {
        let root = File::open(self.folders.join(account.as_str())).map_err(|e| answer_of(&e))?;
        descriptor::open_beneath(&root, Path::new(path), what).map_err(|e| answer_of(&e))
    }

    pub(super) fn list(&self, account: &AccountName, path: &str) -> Result<Reply, Answer> {
        ShelfPath::parse(path).ok_or(Answer::NotFound)?;
        let folder = self.beneath(account, path, Beneath::Folder)?;
        let (count, file) = records(folder).map_err(|e| answer_of(&e))?;
        if count == LISTING_ENTRIES {
            log::warn!(account = account.as_str(); "A folder has more entries than a listing shows");
        }
        Ok(Reply { answer: Answer::Listing { count }, body: Vec::new(), descriptor: Some(file.into()) })
    }

    pub(super) fn stat(&self, account: &AccountName, path: &str) -> Result<Reply, Answer> {
        self.found(account, path).map(|(entry, _)| Answer::Found(entry).into())
    }

    pub(super) fn open(&self, account: &AccountName, path: &str) -> Result<Reply, Answer> {
        let (entry, descriptor) = self.found(account, path)?;
        if entry.kind == EntryKind::Folder {
            return Err(Answer::NotFound);
        }
        Ok(Reply { answer: Answer::Found(entry), body: Vec::new(), descriptor: Some(descriptor) })
    }

    fn found(&self, account: &AccountName, path: &str) -> Result<(Entry, OwnedFd), Answer> {
        let parsed = ShelfPath::parse(path).ok_or(Answer::NotFound)?;
        let file = File::from(self.beneath(account, path, Beneath::File)?);
        let found = file.metadata().map_err(|e| answer_of(&e))?;
        let entry = entry(parsed.name(), &found).ok_or(Answer::NotFound)?;
        Ok((entry, file.into()))
    }

    /// The application has done with a result.
    pub(super) fn remove(&self, account: &AccountName, path: &str, folder: bool) -> Result<Answer, Answer> {
        let parsed = ShelfPath::parse(path).ok_or(Answer::NotFound)?;
        if !parsed.is_inside() {
            return Err(Answer::Forbidden);
        }
        // What is no file and no folder (a link) does not exist for the application.
        self.found(account, path)?;
        let parent = self.beneath(account, &parsed.parent(), Beneath::Folder)?;
        descriptor::remove_at(&parent, parsed.name(), folder).map_err(|e| answer_of(&e))?;
        self.taken(account, &parsed, &parent)
    }

    /// The application puts a result aside under another name, within the same shelf.
    pub(super) fn rename(&self, account: &AccountName, from: &str, to: &str) -> Result<Answer, Answer> {
        let old = ShelfPath::parse(from).ok_or(Answer::NotFound)?;
        let new = ShelfPath::parse(to).ok_or(Answer::Forbidden)?;
        let fits = check_name(new.name().as_bytes()).is_ok();
        if !old.is_inside() || !new.is_inside() || old.shelf() != new.shelf() || !fits {
            return Err(Answer::Forbidden);
        }
        self.found(account, from)?;
        let parent = self.beneath(account, &old.parent(), Beneath::Folder)?;
        let target = self.beneath(account, &new.parent(), Beneath::Folder)?;
        descriptor::rename_at(&parent, old.name(), &target, new.name()).map_err(|e| answer_of(&e))?;
        self.taken(account, &old, &parent)
    }

    /// A received invoice is taken once its folder is gone, renamed or empty; a status event once it is gone.
    fn taken(&self, account: &AccountName, path: &ShelfPath<'_>, parent: &OwnedFd) -> Result<Answer, Answer> {
        match path.shelf() {
            RECEIVED => {
                let top = path.0[1];
                let gone = match self.beneath(account, &format!("{RECEIVED}/{top}"), Beneath::Folder) {
                    Ok(folder) => is_empty(folder).map_err(|e| answer_of(&e))?,
                    Err(_) => true,
                };
                if gone {
                    sync(parent).map_err(|e| answer_of(&e))?;
                    self.advance(account, top)?;
                }
            }
            STATUSES => self.note_status(account, path.name())?,
            _ => {}
        }
        Ok(Answer::Done)
    }

    fn advance(&self, account: &AccountName, folder: &str) -> Result<(), Answer> {
        let delivered = self.store.reader().and_then(|reader| reader.delivered(account)).map_err(|e| failed(&e))?;
        let Some(taken) = delivered.into_iter().find(|standing| standing.folder == folder) else { return Ok(()) };
        let (event, facts) = match taken.complement {
            0 => (reception::Event::Taken, ReceptionFacts::default()),
            _ => {
                let facts = ReceptionFacts { folder: Some(taken.folder), ..ReceptionFacts::default() };
                (reception::Event::ComplementTaken, facts)
            }
        };
        let step = self.store.advance(&taken.flow, event, facts, None, Timestamp::now());
        step.wait().map_err(|e| failed(&e))?;
        log::info!(account = account.as_str(), flow = taken.flow.as_str(), complement = taken.complement; "Received invoice taken by the application");
        Ok(())
    }

    fn note_status(&self, account: &AccountName, name: &str) -> Result<(), Answer> {
        let note = Note {
            kind: "status_taken",
            actor: "front".to_owned(),
            realm: None,
            objects: BTreeMap::from([("account".to_owned(), account.to_string())]),
            hashes: BTreeMap::new(),
            private: BTreeMap::from([("file".to_owned(), name.to_owned())]),
            at: Timestamp::now(),
        };
        self.store.note(note).wait().map_err(|e| failed(&e))
    }
}

fn sync(folder: &OwnedFd) -> io::Result<()> {
    File::from(folder.try_clone()?).sync_all()
}

/// Whether nothing visible is left in a folder.
fn is_empty(folder: OwnedFd) -> io::Result<bool> {
    let mut dir = Dir::from_fd(folder)?;
    for found in dir.iter() {
        if found?.file_name().to_str().is_ok_and(is_visible) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A folder's visible entries as records in a memory file, and their number.
fn records(folder: OwnedFd) -> io::Result<(u64, File)> {
    let names = folder.try_clone()?;
    let mut out = BufWriter::new(descriptor::memory_file(c"listing")?);
    let mut dir = Dir::from_fd(folder)?;
    let mut record = Vec::new();
    let mut count = 0;
    for found in dir.iter() {
        let found = found?;
        let Ok(name) = found.file_name().to_str() else { continue };
        if !is_visible(name) {
            continue;
        }
        // Gone between the listing and the look: simply not there.
        let Ok(stat) = fstatat(names.as_fd(), found.file_name(), AtFlags::AT_SYMLINK_NOFOLLOW) else { continue };
        let Some(entry) = entry_of_stat(name, &stat) else { continue };
        record.clear();
        entry.write(&mut record);
        out.write_all(&record)?;
        count += 1;
        if count == LISTING_ENTRIES {
            break;
        }
    }
    Ok((count, out.into_inner().map_err(io::IntoInnerError::into_error)?))
}

fn entry_of_stat(name: &str, stat: &FileStat) -> Option<Entry> {
    let kind = match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => EntryKind::File,
        SFlag::S_IFDIR => EntryKind::Folder,
        _ => return None,
    };
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    Some(Entry { name: name.to_owned(), kind, size, modified: u32::try_from(stat.st_mtime).unwrap_or(0) })
}

fn entry(name: &str, found: &Metadata) -> Option<Entry> {
    let kind = match found.file_type() {
        kind if kind.is_file() => EntryKind::File,
        kind if kind.is_dir() => EntryKind::Folder,
        _ => return None,
    };
    let modified = u32::try_from(found.mtime()).unwrap_or(0);
    Some(Entry { name: name.to_owned(), kind, size: found.len(), modified })
}

fn answer_of(error: &io::Error) -> Answer {
    use io::ErrorKind as K;
    match error.kind() {
        K::NotFound | K::NotADirectory => Answer::NotFound,
        // Folders that are not empty, targets that exist, folders where files are meant, links and ways out.
        K::DirectoryNotEmpty
        | K::AlreadyExists
        | K::IsADirectory
        | K::PermissionDenied
        | K::CrossesDevices
        | K::InvalidInput => Answer::Forbidden,
        _ if error.raw_os_error() == Some(nix::libc::ELOOP) => Answer::Forbidden,
        _ => {
            log::error!(error = error.to_string().as_str(); "A folder of results could not be read or changed");
            Answer::Failed { fault: Fault::new(Code::StoreFailed).with("detail", error) }
        }
    }
}
