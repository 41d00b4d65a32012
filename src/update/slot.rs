//! What a slot's partition holds: the root image from its first byte on, and a copy of the slot's kernel in the last
//! [`KERNEL_REGION_BYTES`], found again by a header with length and hash.
//!
//! Promises: what was written was synced, dropped from memory, read back and compared before anyone is told so; the copy's header is
//! written last and taken away first, so that a header that holds speaks for a whole kernel.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::release::{Digest, KERNEL_BYTES_LIMIT, ROOT_IMAGE_BYTES_LIMIT, copied};
use super::{Slot, UpdateError, Version};
use crate::os::disk;

/// Kept for the kernel's copy at the end of a slot, in bytes.
pub const KERNEL_REGION_BYTES: u64 = 64 * 1024 * 1024;

/// The header before the copy, in bytes: a page.
const HEADER_BYTES: usize = 4096;

/// What begins a header: its name, and the number of its form.
const MAGIC: &[u8; 16] = b"fluxgate-kernel1";

/// The hash that ends a header, in bytes.
const HASH_BYTES: usize = 32;

/// What a slot holds, as its own header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    pub slot: Slot,
    pub version: Version,
    /// Not known of what the factory wrote.
    pub root: Option<Digest>,
    pub kernel: Digest,
}

/// The partition of a slot, or a file in its place.
#[derive(Debug, Clone)]
pub struct Partition {
    path: PathBuf,
}

impl Partition {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn io(&self) -> impl FnOnce(io::Error) -> UpdateError + use<> {
        let what = self.path.display().to_string();
        move |cause| UpdateError::Io { what, cause }
    }

    /// Open for writing; a device only when nobody else holds it, where `alone`.
    fn writable(&self, alone: bool) -> Result<File, UpdateError> {
        let device = std::fs::metadata(&self.path).map_err(self.io())?.file_type().is_block_device();
        let exclusive = if alone && device { nix::libc::O_EXCL } else { 0 };
        OpenOptions::new().read(true).write(true).custom_flags(exclusive).open(&self.path).map_err(self.io())
    }

    /// Its length in bytes.
    fn length(&self, file: &mut File) -> Result<u64, UpdateError> {
        file.seek(SeekFrom::End(0)).map_err(self.io())
    }

    /// Where the kernel's region begins.
    fn region(&self, file: &mut File) -> Result<u64, UpdateError> {
        let length = self.length(file)?;
        let what = || self.path.display().to_string();
        length.checked_sub(KERNEL_REGION_BYTES).ok_or_else(|| UpdateError::TooLarge {
            what: what(),
            bytes: KERNEL_REGION_BYTES,
            limit: length,
        })
    }

    /// Whether a root image fits.
    pub fn fits(&self, root: Digest) -> Result<(), UpdateError> {
        let limit = self.region(&mut self.writable(true)?)?.min(ROOT_IMAGE_BYTES_LIMIT);
        if root.bytes <= limit {
            return Ok(());
        }
        Err(UpdateError::TooLarge { what: super::release::ROOT_IMAGE.into(), bytes: root.bytes, limit })
    }

    /// Takes the header away: from now on the slot holds nothing that counts.
    pub fn forget(&self) -> Result<(), UpdateError> {
        let mut file = self.writable(true)?;
        let at = self.region(&mut file)?;
        file.write_all_at(&[0; HEADER_BYTES], at).and_then(|()| file.sync_all()).map_err(self.io())
    }

    /// Writes the root image with `fill`, syncs it, and compares what the disk gives back.
    pub fn write_root(
        &self,
        fill: &mut dyn FnMut(&mut dyn Write) -> Result<Digest, UpdateError>,
    ) -> Result<Digest, UpdateError> {
        let mut file = self.writable(true)?;
        file.rewind().map_err(self.io())?;
        let written = fill(&mut file)?;
        file.sync_all().and_then(|()| disk::forget_cached(&file)).map_err(self.io())?;
        if self.root_of(written.bytes)? == written { Ok(written) } else { Err(self.read_back()) }
    }

    fn read_back(&self) -> UpdateError {
        UpdateError::ReadBack { what: self.path.display().to_string() }
    }

    /// The hash of the first bytes, as the disk has them.
    pub fn root_of(&self, bytes: u64) -> Result<Digest, UpdateError> {
        let file = File::open(&self.path).map_err(self.io())?;
        copied(&mut file.take(bytes), &mut io::sink()).map_err(self.io())
    }

    /// Keeps a copy of the slot's kernel behind its root image. `alone`: a slot that runs is held by its root.
    pub fn keep_kernel(&self, contents: &Contents, kernel: &mut dyn Read, alone: bool) -> Result<(), UpdateError> {
        let mut file = self.writable(alone)?;
        let at = self.region(&mut file)?;
        let whole = contents.kernel.bytes;
        if whole > KERNEL_BYTES_LIMIT {
            return Err(UpdateError::TooLarge { what: "kernel".into(), bytes: whole, limit: KERNEL_BYTES_LIMIT });
        }
        if let Some(root) = contents.root.filter(|root| root.bytes > at) {
            let what = super::release::ROOT_IMAGE.into();
            return Err(UpdateError::TooLarge { what, bytes: root.bytes, limit: at });
        }
        file.write_all_at(&[0; HEADER_BYTES], at).and_then(|()| file.sync_all()).map_err(self.io())?;
        file.seek(SeekFrom::Start(at + HEADER_BYTES as u64)).map_err(self.io())?;
        let written = copied(&mut kernel.take(whole), &mut file).map_err(self.io())?;
        if written != contents.kernel {
            return Err(self.read_back());
        }
        file.sync_all().map_err(self.io())?;
        let header = header(contents).map_err(self.io())?;
        file.write_all_at(&header, at).and_then(|()| file.sync_all()).map_err(self.io())?;
        disk::forget_cached(&file).map_err(self.io())?;
        match self.kept()? {
            Some(kept) if kept == *contents => Ok(()),
            _ => Err(self.read_back()),
        }
    }

    /// What the header says, where it holds and the kernel behind it is whole.
    pub fn kept(&self) -> Result<Option<Contents>, UpdateError> {
        let Some(contents) = self.header()? else { return Ok(None) };
        let found = copied(&mut self.kernel()?.take(contents.kernel.bytes), &mut io::sink()).map_err(self.io())?;
        Ok((found == contents.kernel).then_some(contents))
    }

    /// The region behind the header.
    pub fn kernel(&self) -> Result<impl Read, UpdateError> {
        let mut file = File::open(&self.path).map_err(self.io())?;
        let at = self.region(&mut file)?;
        file.seek(SeekFrom::Start(at + HEADER_BYTES as u64)).map_err(self.io())?;
        Ok(file)
    }

    fn header(&self) -> Result<Option<Contents>, UpdateError> {
        let mut file = File::open(&self.path).map_err(self.io())?;
        let at = self.region(&mut file)?;
        let mut header = vec![0; HEADER_BYTES];
        file.read_exact_at(&mut header, at).map_err(self.io())?;
        Ok(read_header(&header))
    }
}

fn header(contents: &Contents) -> io::Result<Vec<u8>> {
    let told = serde_json::to_vec(contents)?;
    let mut header = MAGIC.to_vec();
    header.extend(u32::try_from(told.len()).unwrap_or(u32::MAX).to_le_bytes());
    header.extend(told);
    header.resize(HEADER_BYTES - HASH_BYTES, 0);
    header.extend(&Sha256::digest(&header)[..]);
    Ok(header)
}

fn read_header(header: &[u8]) -> Option<Contents> {
    let (told, hash) = header.split_at_checked(HEADER_BYTES - HASH_BYTES)?;
    if Sha256::digest(told)[..] != *hash {
        return None;
    }
    let (length, told) = told.strip_prefix(MAGIC)?.split_at_checked(4)?;
    let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
    let contents: Contents = serde_json::from_slice(told.get(..length)?).ok()?;
    (contents.kernel.bytes <= KERNEL_BYTES_LIMIT).then_some(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(bytes: &[u8]) -> Digest {
        copied(&mut &bytes[..], &mut io::sink()).unwrap()
    }

    #[test]
    fn a_kernel_is_kept_found_again_and_missed_when_a_byte_of_it_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root-b");
        File::create(&path).unwrap().set_len(KERNEL_REGION_BYTES + 1024 * 1024).unwrap();
        let slot = Partition::new(&path);
        assert_eq!(slot.kept().unwrap(), None);
        let (root, kernel) = (vec![1; 70_000], vec![2; 9_000]);
        let version = "1.4.0".parse().unwrap();
        let contents = Contents { slot: Slot::B, version, root: Some(digest(&root)), kernel: digest(&kernel) };
        let root_digest = digest(&root);
        slot.fits(root_digest).unwrap();
        let written = slot.write_root(&mut |to| copied(&mut &root[..], to).map_err(UpdateError::io("root"))).unwrap();
        assert_eq!(written, root_digest);
        slot.keep_kernel(&contents, &mut &kernel[..], true).unwrap();
        assert_eq!(slot.kept().unwrap(), Some(contents));
        assert_eq!(slot.root_of(root.len() as u64).unwrap(), root_digest, "the copy lies behind the root");
        let mut copy = Vec::new();
        slot.kernel().unwrap().take(contents.kernel.bytes).read_to_end(&mut copy).unwrap();
        assert_eq!(copy, kernel);

        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(b"x", 1024 * 1024 + HEADER_BYTES as u64 + 5).unwrap();
        assert_eq!(slot.kept().unwrap(), None, "a byte of the kernel");
        slot.keep_kernel(&contents, &mut &kernel[..], false).unwrap();
        file.write_all_at(b"x", 1024 * 1024 + 30).unwrap();
        assert_eq!(slot.kept().unwrap(), None, "a byte of the header");
        slot.keep_kernel(&contents, &mut &kernel[..], false).unwrap();
        slot.forget().unwrap();
        assert_eq!(slot.kept().unwrap(), None);
        assert!(matches!(slot.keep_kernel(&contents, &mut &kernel[1..], true), Err(UpdateError::ReadBack { .. })));
        let large = Digest { bytes: 1024 * 1024 + 1, ..root_digest };
        assert!(matches!(slot.fits(large), Err(UpdateError::TooLarge { .. })));
        File::create(&path).unwrap().set_len(KERNEL_REGION_BYTES - 1).unwrap();
        assert!(matches!(slot.fits(root_digest), Err(UpdateError::TooLarge { .. })));
    }
}
