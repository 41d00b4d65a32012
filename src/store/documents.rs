//! Documents by their hash: small ones are rows, large ones files `documents/ab/abcd...`, durable before they are named.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::writer::Writing;
use super::{Content, Kept, StoreError};
use crate::domain::{DocumentHash, Timestamp};

/// Larger documents are refused, whoever brings them. Drops have a lower limit of their own (`limits.file`).
const DOCUMENT_LIMIT_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Bytes copied at a time.
const CHUNK_BYTES: usize = 128 * 1024;

/// What begins the name of a file that is still being written.
const UNFINISHED: &str = ".unfinished-";

/// A document on its way into a step: hashed, and its file durable when it has one.
pub struct Prepared {
    pub sha256: DocumentHash,
    pub size: u64,
    inline: Option<Vec<u8>>,
}

impl Prepared {
    /// One that was kept before, and seen to be there: see [`prepare`].
    pub fn kept(kept: Kept) -> Self {
        Self { sha256: kept.sha256, size: kept.size, inline: None }
    }
}

fn folder(dir: &Path) -> PathBuf {
    dir.join("documents")
}

/// Where a document's file stands, when it has one.
pub fn path(dir: &Path, hash: &DocumentHash) -> PathBuf {
    let name = hash.to_string();
    folder(dir).join(&name[..2]).join(name)
}

fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|f| f.sync_all()).map_err(StoreError::io(path))
}

/// Makes `documents/` and removes what a former process left half-written.
pub fn open(dir: &Path) -> Result<(), StoreError> {
    let folder = folder(dir);
    fs::create_dir_all(&folder).map_err(StoreError::io(&folder))?;
    for entry in fs::read_dir(&folder).map_err(StoreError::io(&folder))? {
        let entry = entry.map_err(StoreError::io(&folder))?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_file(entry.path()).map_err(StoreError::io(&entry.path()))?;
        }
    }
    sync_folder(&folder)?;
    sync_folder(dir)
}

/// Copies `content` into the file of its hash; answers when file and folders are synced.
pub fn keep(dir: &Path, content: &mut dyn Read) -> Result<Kept, StoreError> {
    let folder = folder(dir);
    let unfinished = folder.join(format!("{UNFINISHED}{}", uuid::Uuid::now_v7().simple()));
    let kept = write(&unfinished, content).and_then(|kept| place(&folder, &unfinished, dir, kept));
    if kept.is_err() {
        // Best effort: what stays is removed when the store is opened.
        let _ = fs::remove_file(&unfinished);
    }
    kept
}

fn write(unfinished: &Path, content: &mut dyn Read) -> Result<Kept, StoreError> {
    let mut file = File::create_new(unfinished).map_err(StoreError::io(unfinished))?;
    let mut hasher = Sha256::new();
    let mut size = 0u64;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let n = match content.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(StoreError::io(unfinished)(error)),
        };
        size += n as u64;
        if size > DOCUMENT_LIMIT_BYTES {
            return Err(StoreError::DocumentTooLarge { limit: DOCUMENT_LIMIT_BYTES });
        }
        hasher.update(&chunk[..n]);
        file.write_all(&chunk[..n]).map_err(StoreError::io(unfinished))?;
    }
    file.sync_all().map_err(StoreError::io(unfinished))?;
    Ok(Kept { sha256: DocumentHash(hasher.finalize().into()), size })
}

fn place(folder: &Path, unfinished: &Path, dir: &Path, kept: Kept) -> Result<Kept, StoreError> {
    let place = path(dir, &kept.sha256);
    let shelf = place.parent().expect("a document's path has a folder");
    match fs::create_dir(shelf) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(StoreError::io(shelf)(error)),
    }
    // Synced even when another call made the shelf: that call may not have come to its own sync yet.
    sync_folder(folder)?;
    fs::rename(unfinished, &place).map_err(StoreError::io(&place))?;
    sync_folder(shelf)?;
    Ok(kept)
}

/// Hashes a content for a step, or sees that it is kept.
pub fn prepare(dir: &Path, inline_limit: usize, content: Content) -> Result<Prepared, StoreError> {
    match content {
        Content::Inline(bytes) if bytes.len() <= inline_limit => Ok(Prepared {
            sha256: DocumentHash(Sha256::digest(&bytes).into()),
            size: bytes.len() as u64,
            inline: Some(bytes),
        }),
        Content::Inline(bytes) => {
            let kept = keep(dir, &mut &bytes[..])?;
            Ok(Prepared { sha256: kept.sha256, size: kept.size, inline: None })
        }
        Content::Kept(kept) => {
            let there = fs::metadata(path(dir, &kept.sha256)).is_ok_and(|m| m.is_file() && m.len() == kept.size);
            if there {
                Ok(Prepared { sha256: kept.sha256, size: kept.size, inline: None })
            } else {
                Err(StoreError::DocumentMissing(kept.sha256))
            }
        }
    }
}

/// The document's row, once.
pub fn enter(w: &Writing<'_>, document: &Prepared, at: Timestamp) -> Result<(), StoreError> {
    w.run(
        "INSERT INTO document (sha256, size, content, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        (document.sha256.0, super::columns::integer(document.size), &document.inline, at.millis()),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_document_stands_under_its_hash_and_nothing_half_written_stays() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).unwrap();
        let bytes = vec![7u8; CHUNK_BYTES * 2 + 3];
        let kept = keep(dir.path(), &mut &bytes[..]).unwrap();
        assert_eq!(kept.size, bytes.len() as u64);
        assert_eq!(fs::read(path(dir.path(), &kept.sha256)).unwrap(), bytes);
        assert_eq!(keep(dir.path(), &mut &bytes[..]).unwrap(), kept, "the same again is the same");

        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("cut"))
            }
        }
        assert!(keep(dir.path(), &mut (&b"begun"[..]).chain(Broken)).is_err());
        fs::write(folder(dir.path()).join(format!("{UNFINISHED}x")), "left by a crash").unwrap();
        open(dir.path()).unwrap();
        let names: Vec<_> = fs::read_dir(folder(dir.path())).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}
