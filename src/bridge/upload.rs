//! A file on its way in: in memory while it is small, then in a staging file. Writes may come in any order and
//! overlap; what was never written is known, so that a file with a hole is not taken for whole.

use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::staging::{Spill, Staged, Staging};
use crate::domain::DocumentHash;
use crate::fault::{Code, Fault};
use crate::gate::{INLINE_LIMIT, size_text};

/// A write may begin this far beyond the end of what is there, at most.
const GAP_LIMIT: u64 = 16 << 20;
/// Separate written pieces of one upload, at most.
const PIECES: usize = 512;
/// The disk's free space is looked at each time this many bytes came.
const SPACE_STEP: u64 = 4 << 20;

/// What bounds an upload.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of the file, at most.
    pub file_limit: u64,
    /// Bytes of the file system that must stay free.
    pub disk_reserve: u64,
}

/// Why a write was not accepted.
#[derive(Debug)]
pub enum WriteError {
    /// The file cannot be taken any more: refused for this.
    Refused(Fault),
    /// This write makes no sense to us; the file may still become whole.
    Unsupported(&'static str),
}

enum Content {
    Memory(Vec<u8>),
    File(Spill),
}

/// The content of a handle opened for writing.
pub struct Upload {
    /// Where it is meant to go: a file of its content bears it.
    place: Staged,
    content: Content,
    bounds: Bounds,
    written: Pieces,
    /// Hash of the first `hashed` bytes, as long as they came in order.
    hash: Sha256,
    hashed: u64,
    in_order: bool,
    /// Bytes that came since the disk's free space was looked at.
    since_look: u64,
}

/// A whole file, ready to be handed over.
pub struct Sealed {
    pub sha256: DocumentHash,
    pub size: u64,
    pub content: SealedContent,
}

pub enum SealedContent {
    /// At most [`INLINE_LIMIT`] bytes.
    Memory(Vec<u8>),
    /// Synced.
    File(Spill),
}

impl Upload {
    pub fn new(place: &Staged, bounds: Bounds) -> Self {
        Self {
            place: place.clone(),
            content: Content::Memory(Vec::new()),
            bounds,
            written: Pieces::default(),
            hash: Sha256::new(),
            hashed: 0,
            in_order: true,
            since_look: 0,
        }
    }

    /// Begins with a copy of what `file` holds (a client that resumes).
    pub fn resume(
        place: &Staged,
        bounds: Bounds,
        mut file: impl Read,
        staging: &Staging,
    ) -> io::Result<Result<Self, WriteError>> {
        let mut upload = Self::new(place, bounds);
        let mut buffer = vec![0; 256 * 1024];
        let mut offset = 0;
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                return Ok(Ok(upload));
            }
            if let Err(e) = upload.write(offset, &buffer[..n], staging) {
                return Ok(Err(e));
            }
            offset += n as u64;
        }
    }

    /// Where the file ends, as far as it came.
    pub fn size(&self) -> u64 {
        self.written.end()
    }

    /// Bytes that came, each counted once.
    pub fn received(&self) -> u64 {
        self.written.total()
    }

    /// Writes several pieces in turn; stops at the first that fails, and says how many passed.
    pub fn write_all(&mut self, pieces: &[(u64, Bytes)], staging: &Staging) -> (usize, Option<WriteError>) {
        for (at, (offset, data)) in pieces.iter().enumerate() {
            if let Err(e) = self.write(*offset, data, staging) {
                return (at, Some(e));
            }
        }
        (pieces.len(), None)
    }

    /// Whether writing `pieces` may touch the disk.
    pub fn touches_disk(&self, pieces: &[(u64, Bytes)]) -> bool {
        let fits = |(offset, data): &(u64, Bytes)| offset.saturating_add(data.len() as u64) <= INLINE_LIMIT as u64;
        !matches!(self.content, Content::Memory(_)) || !pieces.iter().all(fits)
    }

    /// Writes `data` at `offset`. Blocks.
    pub fn write(&mut self, offset: u64, data: &[u8], staging: &Staging) -> Result<(), WriteError> {
        let end = offset.checked_add(data.len() as u64).ok_or(WriteError::Unsupported("offset too large"))?;
        self.check_size(end)?;
        if offset > self.size() + GAP_LIMIT {
            return Err(WriteError::Unsupported("write too far beyond the end"));
        }
        if data.is_empty() {
            return Ok(());
        }
        if !self.written.may_add(offset) {
            return Err(WriteError::Unsupported("too many separate pieces"));
        }
        self.look_at_space(data.len() as u64, staging)?;
        self.store(offset, end, data, staging)
            .map_err(|e| WriteError::Refused(disk_fault(&e, staging, &self.bounds)))?;
        if self.in_order && offset == self.hashed {
            self.hash.update(data);
            self.hashed = end;
        } else {
            self.in_order = false;
        }
        self.written.add(offset, end);
        Ok(())
    }

    /// Refuses a size over the limit: what is written, or what a client announces.
    pub fn check_size(&self, size: u64) -> Result<(), WriteError> {
        if size <= self.bounds.file_limit {
            return Ok(());
        }
        let fault = Fault::new(Code::FileTooLarge)
            .with("size", format_args!("{} …", size_text(size)))
            .with("limit", size_text(self.bounds.file_limit));
        Err(WriteError::Refused(fault))
    }

    fn look_at_space(&mut self, coming: u64, staging: &Staging) -> Result<(), WriteError> {
        self.since_look += coming;
        if self.since_look < SPACE_STEP {
            return Ok(());
        }
        self.since_look = 0;
        match staging.free_space() {
            Ok(free) if free < self.bounds.disk_reserve => Err(WriteError::Refused(disk_full(free, &self.bounds))),
            _ => Ok(()),
        }
    }

    fn store(&mut self, offset: u64, end: u64, data: &[u8], staging: &Staging) -> io::Result<()> {
        if end > INLINE_LIMIT as u64 {
            self.spill(staging)?;
        }
        match &mut self.content {
            Content::File(spill) => spill.file.write_all_at(data, offset),
            Content::Memory(bytes) => {
                let (from, to) = (in_memory(offset), in_memory(end));
                if bytes.len() < to {
                    bytes.resize(to, 0);
                }
                bytes[from..to].copy_from_slice(data);
                Ok(())
            }
        }
    }

    fn spill(&mut self, staging: &Staging) -> io::Result<()> {
        if let Content::Memory(bytes) = &self.content {
            let spill = staging.spill(&self.place)?;
            spill.file.write_all_at(bytes, 0)?;
            self.content = Content::File(spill);
        }
        Ok(())
    }

    /// Reads back what was written (a handle opened to read and write). Blocks.
    pub fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = length.min(left);
        let mut data = vec![0; length];
        match &self.content {
            Content::File(spill) => spill.file.read_exact_at(&mut data, offset)?,
            Content::Memory(bytes) if length > 0 => {
                let from = in_memory(offset);
                data.copy_from_slice(&bytes[from..from + length]);
            }
            Content::Memory(_) => {}
        }
        Ok(data)
    }

    /// Cuts to `size`; a larger size is only an announcement. Blocks.
    pub fn truncate(&mut self, size: u64) -> io::Result<()> {
        if size >= self.size() {
            return Ok(());
        }
        let mut left = self.written.clone();
        left.cut(size);
        // Earlier than `size` where a hole was cut.
        let end = left.end();
        match &mut self.content {
            Content::File(spill) => spill.file.set_len(end)?,
            Content::Memory(bytes) => bytes.truncate(in_memory(end)),
        }
        self.written = left;
        if self.hashed > end {
            self.in_order = end == 0;
            self.hash = Sha256::new();
            self.hashed = 0;
        }
        Ok(())
    }

    /// Makes what came so far durable. Blocks.
    pub fn sync(&mut self, staging: &Staging) -> io::Result<()> {
        self.spill(staging)?;
        match &self.content {
            Content::File(spill) => spill.file.sync_all(),
            Content::Memory(_) => Ok(()),
        }
    }

    /// The whole file, hashed and, if it is on disk, synced; `None` if a part of it never came. Blocks.
    pub fn seal(self) -> io::Result<Option<Sealed>> {
        if !self.written.is_whole() {
            return Ok(None);
        }
        let size = self.written.end();
        let known = (self.in_order && self.hashed == size).then(|| self.hash.finalize());
        let content = match self.content {
            Content::File(spill) if size <= INLINE_LIMIT as u64 => {
                let mut bytes = vec![0; in_memory(size)];
                spill.file.read_exact_at(&mut bytes, 0)?;
                SealedContent::Memory(bytes)
            }
            Content::File(spill) => {
                spill.file.sync_all()?;
                SealedContent::File(spill)
            }
            Content::Memory(bytes) => SealedContent::Memory(bytes),
        };
        let sha256 = match (known, &content) {
            (Some(hash), _) => DocumentHash(hash.into()),
            (None, SealedContent::Memory(bytes)) => DocumentHash(Sha256::digest(bytes).into()),
            (None, SealedContent::File(spill)) => hash_file(&spill.file)?,
        };
        Ok(Some(Sealed { sha256, size, content }))
    }
}

/// An offset below [`INLINE_LIMIT`] as an index.
fn in_memory(offset: u64) -> usize {
    usize::try_from(offset).expect("offsets in memory are below 64 KiB")
}

/// The hash of a whole file. Blocks.
pub fn hash_file(mut file: &std::fs::File) -> io::Result<DocumentHash> {
    file.seek(SeekFrom::Start(0))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(DocumentHash(hash.finalize().into())),
            n => hash.update(&buffer[..n]),
        }
    }
}

fn disk_full(free: u64, bounds: &Bounds) -> Fault {
    Fault::new(Code::DiskNearlyFull).with("free", size_text(free)).with("reserve", size_text(bounds.disk_reserve))
}

/// What a failed write to staging means to a person.
pub fn disk_fault(error: &io::Error, staging: &Staging, bounds: &Bounds) -> Fault {
    log::error!(error = error.to_string().as_str(); "An upload could not be written to the staging folder");
    disk_full(staging.free_space().unwrap_or(0), bounds)
}

/// Which bytes were written: separate pieces in order, none touching another.
#[derive(Debug, Clone, Default)]
struct Pieces(Vec<(u64, u64)>);

impl Pieces {
    fn end(&self) -> u64 {
        self.0.last().map_or(0, |piece| piece.1)
    }

    fn total(&self) -> u64 {
        self.0.iter().map(|(from, to)| to - from).sum()
    }

    fn is_whole(&self) -> bool {
        matches!(self.0.as_slice(), [] | [(0, _)])
    }

    /// Whether a piece at `from` stays within [`PIECES`].
    fn may_add(&self, from: u64) -> bool {
        self.0.len() < PIECES || self.0.iter().any(|piece| piece.0 <= from && from <= piece.1)
    }

    fn add(&mut self, mut from: u64, mut to: u64) {
        let first = self.0.partition_point(|piece| piece.1 < from);
        let after = self.0.partition_point(|piece| piece.0 <= to);
        if first < after {
            from = from.min(self.0[first].0);
            to = to.max(self.0[after - 1].1);
        }
        self.0.splice(first..after, [(from, to)]);
    }

    fn cut(&mut self, size: u64) {
        self.0.retain(|piece| piece.0 < size);
        if let Some(last) = self.0.last_mut() {
            last.1 = last.1.min(size);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { file_limit: 1 << 20, disk_reserve: 0 };

    fn place() -> Staged {
        Staged { account: "sifac".parse().unwrap(), folder: "depot".into(), name: "a.xml".into() }
    }

    fn content(sealed: &Sealed) -> Vec<u8> {
        match &sealed.content {
            SealedContent::Memory(bytes) => bytes.clone(),
            SealedContent::File(spill) => {
                let mut bytes = vec![0; usize::try_from(sealed.size).unwrap()];
                spill.file.read_exact_at(&mut bytes, 0).unwrap();
                bytes
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn writes_in_any_order_make_the_file_they_describe(
            writes in proptest::collection::vec((0u64..150_000, 0usize..40_000, any::<u8>()), 0..12),
            cuts in proptest::collection::vec(proptest::option::weighted(0.1, 0u64..150_000), 12)
        ) {
            let dir = tempfile::tempdir().unwrap();
            let staging = Staging::open(dir.path()).unwrap();
            let mut upload = Upload::new(&place(), BOUNDS);
            let mut model: Vec<Option<u8>> = Vec::new();
            for ((offset, length, value), cut) in writes.into_iter().zip(cuts) {
                let at = usize::try_from(offset).unwrap();
                upload.write(offset, &vec![value; length], &staging).unwrap();
                if length > 0 {
                    if model.len() < at + length { model.resize(at + length, None); }
                    model[at..at + length].fill(Some(value));
                }
                if let Some(cut) = cut {
                    upload.truncate(cut).unwrap();
                    model.truncate(usize::try_from(cut).unwrap());
                    while model.last() == Some(&None) { model.pop(); }
                }
            }
            prop_assert_eq!(upload.size(), model.len() as u64);
            prop_assert_eq!(upload.received(), model.iter().flatten().count() as u64);
            let expected: Option<Vec<u8>> = model.into_iter().collect();
            let sealed = upload.seal().unwrap();
            prop_assert_eq!(sealed.as_ref().map(content), expected.clone());
            if let (Some(sealed), Some(expected)) = (sealed, expected) {
                prop_assert_eq!(sealed.sha256, DocumentHash(Sha256::digest(&expected).into()));
                prop_assert_eq!(matches!(sealed.content, SealedContent::Memory(_)), expected.len() <= INLINE_LIMIT);
            }
        }
    }

    #[test]
    fn limits_hold() {
        let dir = tempfile::tempdir().unwrap();
        let staging = Staging::open(dir.path()).unwrap();
        let mut upload = Upload::new(&place(), BOUNDS);
        assert!(upload.write((1 << 20) - 1, b"x", &staging).is_ok());
        let refused = upload.write(1 << 20, b"x", &staging);
        assert!(matches!(refused, Err(WriteError::Refused(f)) if f.code == Code::FileTooLarge));
        assert!(matches!(upload.write(u64::MAX, b"x", &staging), Err(WriteError::Unsupported(_))));
        assert!(upload.seal().unwrap().is_none(), "a file with a hole is not whole");

        let mut upload = Upload::new(&place(), BOUNDS);
        let refused = (0..PIECES as u64 + 1).map(|n| upload.write(n * 2, b"x", &staging)).find_map(Result::err);
        assert!(matches!(refused, Some(WriteError::Unsupported(_))));

        let mut upload = Upload::new(&place(), Bounds { file_limit: 1 << 40, disk_reserve: u64::MAX });
        let refused = (0..100u64).map(|n| upload.write(n << 16, &[0; 1 << 16], &staging)).find_map(Result::err);
        assert!(matches!(refused, Some(WriteError::Refused(f)) if f.code == Code::DiskNearlyFull));
    }

    #[test]
    fn what_is_cut_in_a_hole_ends_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let staging = Staging::open(dir.path()).unwrap();
        // In memory, and on the disk; nothing before the hole, and something.
        for (far, before) in [(1474, ""), (150_000, ""), (1474, "abc"), (150_000, "abc")] {
            let mut upload = Upload::new(&place(), BOUNDS);
            upload.write(far, b"x", &staging).unwrap();
            upload.write(0, before.as_bytes(), &staging).unwrap();
            upload.truncate(far - 1).unwrap();
            assert_eq!(upload.size(), before.len() as u64);
            let sealed = upload.seal().unwrap().unwrap();
            assert_eq!((content(&sealed), sealed.size), (before.as_bytes().to_vec(), before.len() as u64));
            assert_eq!(sealed.sha256, DocumentHash(Sha256::digest(before).into()));
        }
    }

    #[test]
    fn a_resumed_upload_begins_with_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let staging = Staging::open(dir.path()).unwrap();
        let mut upload = Upload::resume(&place(), BOUNDS, &b"hello "[..], &staging).unwrap().ok().unwrap();
        upload.write(6, b"world", &staging).ok().unwrap();
        assert_eq!(content(&upload.seal().unwrap().unwrap()), b"hello world");
    }
}
