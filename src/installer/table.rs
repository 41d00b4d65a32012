//! A disk's table of partitions (GPT; UEFI specification, §5): read, checked, and fitted to the end of another disk. Pure.

use crate::fault::Text;

/// Bytes of a sector. A disk with others is no place for the factory's table.
pub const SECTOR: u64 = 512;
/// Bytes of a header's sector, and of one entry.
const HEADER: usize = 512;
const ENTRY: usize = 128;
/// Entries of a table, and their bytes.
const ENTRIES: usize = 128;
const ENTRIES_BYTES: usize = ENTRIES * ENTRY;
/// Bytes at a disk's beginning: the protective MBR, the header, the entries.
pub const HEAD_BYTES: usize = 2 * HEADER + ENTRIES_BYTES;
/// Bytes at its end: the entries and the header again.
pub const TAIL_BYTES: usize = HEADER + ENTRIES_BYTES;

const SIGNATURE: &[u8; 8] = b"EFI PART";
/// Bytes of the header that its sum covers.
const HEADER_SIZE: usize = 92;

/// Places in the header.
const SUM: usize = 16;
const OWN: usize = 24;
const OTHER: usize = 32;
const LAST_USABLE: usize = 48;
const ENTRIES_AT: usize = 72;
const COUNT: usize = 80;
const ENTRY_SIZE: usize = 84;
const ENTRIES_SUM: usize = 88;

/// Of the protective MBR: its one partition's begin and length, in sectors, and its end mark.
const MBR_LENGTH: usize = 446 + 12;
const MBR_END: [u8; 2] = [0x55, 0xaa];

/// What a disk's first bytes say of its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    head: Vec<u8>,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its own identifier, as text in small letters.
    pub id: String,
    pub name: String,
    /// First and last sector.
    pub first: u64,
    pub last: u64,
}

/// A table as it stands on a disk of a certain length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// From the first byte on: [`HEAD_BYTES`].
    pub head: Vec<u8>,
    /// Up to the last byte: [`TAIL_BYTES`].
    pub tail: Vec<u8>,
}

/// Why bytes are no table, or not one for this disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("too short for a table of partitions")]
    Short,
    #[error("no GPT")]
    NoGpt,
    #[error("a GPT of another form")]
    Form,
    #[error("a sum of the GPT does not fit")]
    Sum,
    #[error("the partitions need more room than the disk has")]
    Room,
}

impl TableError {
    pub fn text(self) -> Text {
        match self {
            Self::Short => Text::new("trop court pour une table de partitions", "too short for a table of partitions"),
            Self::NoGpt => Text::new("pas de table GPT", "no GPT"),
            Self::Form => Text::new("une table GPT d'une autre forme", "a GPT of another form"),
            Self::Sum => Text::new("une somme de contrôle de la table GPT est fausse", "a sum of the GPT does not fit"),
            Self::Room => Text::new(
                "les partitions demandent plus de place que le disque n'en a",
                "the partitions need more room than the disk has",
            ),
        }
    }
}

impl Table {
    /// Reads what a disk begins with: [`HEAD_BYTES`], more are ignored.
    pub fn read(bytes: &[u8]) -> Result<Self, TableError> {
        let head = bytes.get(..HEAD_BYTES).ok_or(TableError::Short)?;
        let table = Self { head: head.to_vec() };
        let header = table.header();
        if !header.starts_with(SIGNATURE) {
            return Err(TableError::NoGpt);
        }
        let form = [(12, HEADER_SIZE), (COUNT, ENTRIES), (ENTRY_SIZE, ENTRY)];
        let is_ours = form.iter().all(|(at, wanted)| usize::try_from(small(header, *at)) == Ok(*wanted));
        if !is_ours || large(header, OWN) != 1 || large(header, ENTRIES_AT) != 2 {
            return Err(TableError::Form);
        }
        if header_sum(header) != small(header, SUM) || sum(table.entries()) != small(header, ENTRIES_SUM) {
            return Err(TableError::Sum);
        }
        Ok(table)
    }

    fn header(&self) -> &[u8] {
        &self.head[HEADER..2 * HEADER]
    }

    fn entries(&self) -> &[u8] {
        &self.head[2 * HEADER..]
    }

    /// The partitions, in the order of the table.
    pub fn partitions(&self) -> Vec<Partition> {
        let used = |entry: &&[u8]| entry[..16].iter().any(|byte| *byte != 0);
        self.entries().chunks_exact(ENTRY).filter(used).map(partition).collect()
    }

    /// The table for a disk of `bytes`: the same partitions, its second copy at that disk's end.
    pub fn fitted(&self, bytes: u64) -> Result<Fitted, TableError> {
        let last = (bytes / SECTOR).checked_sub(1).ok_or(TableError::Room)?;
        let tail_sectors = u64::try_from(TAIL_BYTES / HEADER).unwrap_or(u64::MAX);
        let usable = last.checked_sub(tail_sectors).ok_or(TableError::Room)?;
        if self.partitions().iter().any(|part| part.first > part.last || part.last > usable) {
            return Err(TableError::Room);
        }
        let mut head = self.head.clone();
        let length = u32::try_from(last).unwrap_or(u32::MAX);
        head[MBR_LENGTH..MBR_LENGTH + 4].copy_from_slice(&length.to_le_bytes());
        let mut first = self.header().to_vec();
        put(&mut first, OTHER, last);
        put(&mut first, LAST_USABLE, usable);
        let mut second = first.clone();
        put(&mut second, OWN, last);
        put(&mut second, OTHER, 1);
        put(&mut second, ENTRIES_AT, usable + 1);
        for header in [&mut first, &mut second] {
            let sum = header_sum(header);
            header[SUM..SUM + 4].copy_from_slice(&sum.to_le_bytes());
        }
        head[HEADER..2 * HEADER].copy_from_slice(&first);
        let tail = [self.entries(), &second].concat();
        Ok(Fitted { head, tail })
    }
}

/// Whether a disk's first bytes are those of one with any table of partitions: GPT, or the older MBR.
pub fn has_any(bytes: &[u8]) -> bool {
    let mark = bytes.get(HEADER - 2..HEADER).is_some_and(|end| end == MBR_END);
    mark || bytes.get(HEADER..).is_some_and(|rest| rest.starts_with(SIGNATURE))
}

fn partition(entry: &[u8]) -> Partition {
    let units: Vec<u16> = entry[56..ENTRY].chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
    let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
    Partition {
        id: guid(&entry[16..32]),
        name: String::from_utf16_lossy(&units[..end]),
        first: large(entry, 32),
        last: large(entry, 40),
    }
}

/// The first three parts of a GUID stand in the order of a little machine, the others as they are read.
fn guid(bytes: &[u8]) -> String {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::new();
    for (at, place) in ORDER.iter().enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            text.push('-');
        }
        text.push_str(&format!("{:02x}", bytes[*place]));
    }
    text
}

fn small(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

fn large(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

fn put(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

/// The header's sum: its own place counts as zeros.
fn header_sum(header: &[u8]) -> u32 {
    let mut covered = header[..HEADER_SIZE].to_vec();
    covered[SUM..SUM + 4].fill(0);
    sum(&covered)
}

fn sum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
