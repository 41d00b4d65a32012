//! What a folder shows, piece by piece: `READDIR` answers.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::sftp_codec::{Attributes, Name};
use crate::domain::Timestamp;
use crate::gate::{Entry, EntryKind};

/// Entries of one answer, at most.
const ANSWER_ENTRIES: usize = 256;
/// Bytes read from core's listing at a time; an answer stays far below a packet.
const ANSWER_BYTES: usize = 32 * 1024;

/// An open folder.
pub enum Listing {
    /// Few entries, all known.
    Few(std::vec::IntoIter<Entry>),
    /// A file of records from core, read from `offset` on.
    Records { file: File, offset: u64 },
}

impl Listing {
    pub fn few(entries: Vec<Entry>) -> Self {
        Listing::Few(entries.into_iter())
    }

    /// The next entries; none: the end. Blocks (on memory).
    pub fn next_entries(&mut self) -> io::Result<Vec<Entry>> {
        match self {
            Listing::Few(entries) => Ok(entries.by_ref().take(ANSWER_ENTRIES).collect()),
            Listing::Records { file, offset } => {
                let mut bytes = vec![0; ANSWER_BYTES];
                let filled = file.read_at(&mut bytes, *offset)?;
                let mut rest = &bytes[..filled];
                let mut entries = Vec::new();
                while entries.len() < ANSWER_ENTRIES
                    && let Some((entry, length)) = Entry::read(rest).map_err(io::Error::other)?
                {
                    entries.push(entry);
                    rest = &rest[length..];
                    *offset += length as u64;
                }
                if entries.is_empty() && filled > 0 {
                    return Err(io::Error::other("a listing ends within a record"));
                }
                Ok(entries)
            }
        }
    }
}

const FOLDER_MODE: u32 = 0o040_750;
const FILE_MODE: u32 = 0o100_640;

/// A folder that exists only for the client.
pub fn folder(name: &str) -> Entry {
    Entry { name: name.to_owned(), kind: EntryKind::Folder, size: 0, modified: 0 }
}

/// An entry's attributes.
pub fn attributes(entry: &Entry) -> Attributes {
    let permissions = match entry.kind {
        EntryKind::File => FILE_MODE,
        EntryKind::Folder => FOLDER_MODE,
    };
    Attributes {
        size: Some(entry.size),
        owner: Some((0, 0)),
        permissions: Some(permissions),
        times: Some((entry.modified, entry.modified)),
    }
}

/// A line of a listing, with the form `ls -l` has (clients show it, none should read it).
pub fn line(entry: &Entry) -> Name {
    let mode = match entry.kind {
        EntryKind::File => "-rw-r-----",
        EntryKind::Folder => "drwxr-x---",
    };
    let at = Timestamp::from_millis(i64::from(entry.modified) * 1000).to_string();
    let long = format!("{mode} 1 fluxgate fluxgate {:>10} {} {}", entry.size, &at[..10], entry.name);
    Name { name: entry.name.clone().into(), long_name: long.into(), attributes: attributes(entry) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::os::descriptor::memory_file;

    #[test]
    fn records_come_in_bounded_pieces_and_all_of_them() {
        let mut bytes = Vec::new();
        for n in 0..1000u32 {
            Entry { name: format!("{n:0>200}"), kind: EntryKind::File, size: u64::from(n), modified: n }
                .write(&mut bytes);
        }
        let mut file = memory_file(c"listing").unwrap();
        file.write_all(&bytes).unwrap();
        let mut listing = Listing::Records { file, offset: 0 };
        let mut sizes = Vec::new();
        loop {
            let entries = listing.next_entries().unwrap();
            assert!(entries.len() <= ANSWER_ENTRIES);
            if entries.is_empty() {
                break;
            }
            sizes.extend(entries.into_iter().map(|e| e.size));
        }
        assert_eq!(sizes, (0..1000).collect::<Vec<u64>>());
    }
}
