//! The factory disk as the installer carries it: its table of partitions, and every piece of it that is not zeros, each with its
//! hash. All of it stands in the one file that the firmware verified.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::InstallError;
use super::table::{HEAD_BYTES, SECTOR, Table};
use crate::domain::DocumentHash;
use crate::fault::Text;
use crate::update::Digest;
use crate::update::release::copied;

/// Bytes of the list, at most.
const LIST_LIMIT: u64 = 1024 * 1024;
/// Where the first piece may begin: what is before it is the table's, and the mark's ([`super::disk_writer`]).
pub const FIRST_PIECE: u64 = 1024 * 1024;

/// The carried disk.
#[derive(Debug)]
pub struct Factory {
    pub version: String,
    /// How long the disk was that it was made on: the shortest that it fits.
    pub bytes: u64,
    pub table: Table,
    pub pieces: Vec<Piece>,
    content: PathBuf,
}

/// A run of bytes of the disk. What no piece covers is zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its first byte on the disk.
    pub at: u64,
    pub digest: Digest,
}

/// `disk.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    version: String,
    bytes: u64,
    table: Digest,
    pieces: Vec<PieceLine>,
}

/// A line of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PieceLine {
    at: u64,
    bytes: u64,
    sha256: DocumentHash,
}

impl Factory {
    /// Reads what is carried in `folder`; its bytes are looked at by [`Self::verify`].
    pub fn open(folder: &Path) -> Result<Self, InstallError> {
        let list = folder.join("disk.json");
        let read = |path: &Path, limit: u64| {
            let mut bytes = Vec::new();
            let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
            read.map(|_| bytes).map_err(|error| InstallError::damaged(path.display())(Text::from(&error)))
        };
        let of_list = || InstallError::damaged(list.display());
        let told: List = serde_json::from_slice(&read(&list, LIST_LIMIT)?)
            .map_err(|error| of_list()(Text::technical("illisible", "unreadable", error)))?;
        let path = folder.join("table");
        let bytes = read(&path, LIST_LIMIT)?;
        let of_table = || InstallError::damaged(path.display());
        let digest = copied(&mut bytes.as_slice(), &mut io::sink());
        if digest.ok() != Some(told.table) || bytes.len() != HEAD_BYTES {
            return Err(of_table()(altered()));
        }
        let table = Table::read(&bytes).map_err(|error| of_table()(error.text()))?;
        let pieces = told
            .pieces
            .into_iter()
            .map(|line| Piece { at: line.at, digest: Digest { bytes: line.bytes, sha256: line.sha256 } });
        let factory = Self {
            version: told.version,
            bytes: told.bytes,
            table,
            pieces: pieces.collect(),
            content: folder.join("content"),
        };
        factory.check().map_err(of_list())?;
        Ok(factory)
    }

    /// Whether the pieces follow one another, within the disk, and are as long as the content.
    fn check(&self) -> Result<(), Text> {
        let mut end = FIRST_PIECE;
        for piece in &self.pieces {
            let length = piece.digest.bytes;
            if piece.at < end || piece.at % SECTOR != 0 || length % SECTOR != 0 || length == 0 {
                return Err(Text::new("des morceaux se chevauchent", "pieces overlap"));
            }
            end = piece.at.saturating_add(length);
        }
        if end > self.bytes || self.table.fitted(self.bytes).is_err() {
            return Err(Text::new("un morceau dépasse le disque", "a piece is beyond the disk"));
        }
        let length = fs::metadata(&self.content).map_err(|error| Text::from(&error))?.len();
        if length != self.content_bytes() { Err(altered()) } else { Ok(()) }
    }

    /// Bytes of all pieces.
    pub fn content_bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.digest.bytes).sum()
    }

    /// Where on the disk the last piece ends.
    pub fn end(&self) -> u64 {
        self.pieces.last().map_or(FIRST_PIECE, |piece| piece.at + piece.digest.bytes)
    }

    /// Compares every piece with its hash: memory may be bad, and nothing is erased for a damaged installer.
    pub fn verify(&self) -> Result<(), InstallError> {
        for piece in &self.pieces {
            let read = self.piece(piece).and_then(|mut content| copied(&mut content, &mut io::sink()));
            let what = || InstallError::damaged(format!("{} {}", self.content.display(), piece.at));
            let found = read.map_err(|error| what()(Text::from(&error)))?;
            if found != piece.digest {
                return Err(what()(altered()));
            }
        }
        Ok(())
    }

    /// The content of one piece.
    pub fn piece(&self, piece: &Piece) -> io::Result<impl Read + use<>> {
        let before = self.pieces.iter().take_while(|one| one.at < piece.at).map(|one| one.digest.bytes).sum();
        let mut file = File::open(&self.content)?;
        file.seek(SeekFrom::Start(before))?;
        Ok(file.take(piece.digest.bytes))
    }
}

fn altered() -> Text {
    Text::new("autre chose que ce que l'installateur annonce", "something else than the installer announces")
}
