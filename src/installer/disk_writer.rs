//! The factory disk onto another disk: wiped from end to end, written, read back and compared; the table, without which it starts
//! nothing, comes last, its second copy first.
//!
//! Promise: `Ok` means that what a disk gives back, asked anew, is byte for byte what the installer carries, and zeros between.
//! Cut or failed before that, the disk has no table, and no second copy of which a firmware could make one.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::error::{Doing, InstallError};
use super::factory::Factory;
use super::table::{Fitted, HEAD_BYTES, SECTOR, TAIL_BYTES};
use crate::domain::DocumentHash;
use crate::fault::Text;
use crate::os::disk;

/// Bytes moved at a time.
const CHUNK: usize = 1024 * 1024;
/// Where the mark of an unattended installation stands: behind the table, before the first partition.
const MARK_AT: u64 = 512 * 1024;
/// What begins it.
const MARK: &[u8; 16] = b"fluxgate-install";
/// A mark's bytes: its beginning, and which installation it was.
const MARK_BYTES: usize = 512;

/// Which installation it was: the hash of the file that ordered it.
pub type Mark = DocumentHash;

/// Installs onto the disk at `path`, and tells how far it is in percent of each step.
pub fn install(factory: &Factory, path: &Path, told: &mut dyn FnMut(Doing, u64)) -> Result<(), InstallError> {
    let mut file = open(path)?;
    let bytes = file.seek(SeekFrom::End(0)).map_err(InstallError::disk(Doing::Opening, path, 0))?;
    if bytes < factory.bytes {
        return Err(InstallError::Unfit { path: path.to_owned(), why: too_small(factory.bytes) });
    }
    let fitted = factory.table.fitted(bytes).map_err(InstallError::table(path))?;
    let writer = Writer { factory, path, file, bytes, fitted };
    writer.wipe(told)?;
    writer.write(told)?;
    writer.compare(told)?;
    writer.finish(told)
}

/// The mark that an earlier installation left.
pub fn mark_of(path: &Path) -> Option<Mark> {
    let mut sector = [0; MARK_BYTES];
    File::open(path).and_then(|file| file.read_exact_at(&mut sector, MARK_AT)).ok()?;
    let hash = sector.strip_prefix(MARK)?.get(..32)?;
    Some(DocumentHash(hash.try_into().ok()?))
}

/// Leaves the mark of an installation that came to its end, with all that the file ordered.
pub fn leave_mark(path: &Path, mark: Mark) -> Result<(), InstallError> {
    let failed = || InstallError::disk(Doing::Writing, path, MARK_AT);
    let file = File::options().write(true).open(path).map_err(failed())?;
    file.write_all_at(&mark_sector(mark), MARK_AT).and_then(|()| file.sync_all()).map_err(failed())?;
    match mark_of(path) {
        Some(left) if left == mark => Ok(()),
        _ => Err(InstallError::ReadBack { path: path.to_owned(), at: MARK_AT }),
    }
}

/// Takes the table away again: the disk starts nothing.
pub fn take_back(path: &Path) -> Result<(), InstallError> {
    let failed = || InstallError::disk(Doing::Writing, path, 0);
    let mut file = open(path)?;
    let bytes = file.seek(SeekFrom::End(0)).map_err(failed())?;
    without_table(&file, bytes).map_err(failed())
}

/// Zeros where the two tables are.
fn without_table(file: &File, bytes: u64) -> io::Result<()> {
    let first = file.write_all_at(&[0; HEAD_BYTES], 0);
    let second = file.write_all_at(&[0; TAIL_BYTES], tail_at(bytes));
    first.and(second).and(file.sync_all())
}

/// Where the second table begins on a disk of `bytes`.
fn tail_at(bytes: u64) -> u64 {
    (bytes / SECTOR * SECTOR).saturating_sub(TAIL_BYTES as u64)
}

/// What is said of a disk that is shorter than `needed` bytes.
pub fn too_small(needed: u64) -> Text {
    let mib = needed / (1024 * 1024);
    Text::new(format!("trop petit, il faut {mib} Mio"), format!("too small, {mib} MiB are needed"))
}

/// A device is opened only when nobody else holds it.
fn open(path: &Path) -> Result<File, InstallError> {
    let failed = || InstallError::disk(Doing::Opening, path, 0);
    let is_device = fs::metadata(path).map_err(failed())?.file_type().is_block_device();
    let alone = if is_device { nix::libc::O_EXCL } else { 0 };
    File::options().read(true).write(true).custom_flags(alone).open(path).map_err(failed())
}

struct Writer<'w> {
    factory: &'w Factory,
    path: &'w Path,
    file: File,
    bytes: u64,
    fitted: Fitted,
}

impl Writer<'_> {
    fn failed(&self, doing: Doing, at: u64) -> impl FnOnce(io::Error) -> InstallError {
        InstallError::disk(doing, self.path, at)
    }

    fn wipe(&self, told: &mut dyn FnMut(Doing, u64)) -> Result<(), InstallError> {
        let mut reached = 0;
        let wiped = disk::wipe(self.path, |done, all| {
            reached = done;
            told(Doing::Wiping, percent(done, all));
        });
        wiped.map_err(self.failed(Doing::Wiping, reached))
    }

    /// Everything but the tables.
    fn write(&self, told: &mut dyn FnMut(Doing, u64)) -> Result<(), InstallError> {
        let all = self.factory.content_bytes();
        let (mut done, mut chunk) = (0, vec![0; CHUNK]);
        for piece in &self.factory.pieces {
            let damaged = |cause| InstallError::Lost { path: self.path.to_owned(), cause };
            let mut content = self.factory.piece(piece).map_err(damaged)?;
            let (mut at, end) = (piece.at, piece.at + piece.digest.bytes);
            while at < end {
                let length = length(end - at);
                content.read_exact(&mut chunk[..length]).map_err(damaged)?;
                self.put(&chunk[..length], at)?;
                (at, done) = (at + length as u64, done + length as u64);
                told(Doing::Writing, percent(done, all));
            }
        }
        self.sync(self.bytes)
    }

    fn put(&self, bytes: &[u8], at: u64) -> Result<(), InstallError> {
        self.file.write_all_at(bytes, at).map_err(self.failed(Doing::Writing, at))
    }

    /// On the disk, and out of memory.
    fn sync(&self, at: u64) -> Result<(), InstallError> {
        let synced = self.file.sync_all().and_then(|()| disk::forget_cached(&self.file));
        synced.map_err(self.failed(Doing::Writing, at))
    }

    /// Every byte up to the last piece's end.
    fn compare(&self, told: &mut dyn FnMut(Doing, u64)) -> Result<(), InstallError> {
        let all = self.factory.end();
        let mut at = 0;
        for piece in &self.factory.pieces {
            self.compare_gap(at, piece.at, &mut |at| told(Doing::Reading, percent(at, all)))?;
            let (mut hash, begun, end) = (Sha256::new(), piece.at, piece.at + piece.digest.bytes);
            at = begun;
            while at < end {
                let read = self.get(at, length(end - at))?;
                hash.update(&read);
                at += read.len() as u64;
                told(Doing::Reading, percent(at, all));
            }
            if DocumentHash(hash.finalize().into()) != piece.digest.sha256 {
                return Err(InstallError::ReadBack { path: self.path.to_owned(), at: begun });
            }
        }
        Ok(())
    }

    fn compare_gap(&self, mut from: u64, to: u64, told: &mut dyn FnMut(u64)) -> Result<(), InstallError> {
        let zeros = vec![0; CHUNK];
        while from < to {
            let read = self.get(from, length(to - from))?;
            if read != zeros[..read.len()] {
                let wrong = read.iter().take_while(|byte| **byte == 0).count();
                return Err(InstallError::ReadBack { path: self.path.to_owned(), at: from + wrong as u64 });
            }
            from += read.len() as u64;
            told(from);
        }
        Ok(())
    }

    fn compare_bytes(&self, bytes: &[u8], at: u64) -> Result<(), InstallError> {
        if self.get(at, bytes.len())? == bytes {
            return Ok(());
        }
        Err(InstallError::ReadBack { path: self.path.to_owned(), at })
    }

    fn get(&self, at: u64, length: usize) -> Result<Vec<u8>, InstallError> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, at).map_err(self.failed(Doing::Reading, at))?;
        Ok(bytes)
    }

    /// The second table, then the first: from here on the disk starts.
    fn finish(self, told: &mut dyn FnMut(Doing, u64)) -> Result<(), InstallError> {
        let tables = [(&self.fitted.tail, tail_at(self.bytes)), (&self.fitted.head, 0)];
        let written = tables.into_iter().try_for_each(|(table, at)| {
            self.put(table, at).and_then(|()| self.sync(at))?;
            told(Doing::Reading, 100);
            self.compare_bytes(table, at)
        });
        written.inspect_err(|_| {
            // As far as such a disk still takes anything.
            let _ = without_table(&self.file, self.bytes);
        })
    }
}

fn length(left: u64) -> usize {
    usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK))
}

fn percent(done: u64, all: u64) -> u64 {
    done.saturating_mul(100).checked_div(all).unwrap_or(100).min(100)
}

fn mark_sector(mark: Mark) -> Vec<u8> {
    let mut sector = MARK.to_vec();
    sector.extend(mark.0);
    sector.resize(MARK_BYTES, 0);
    sector
}
