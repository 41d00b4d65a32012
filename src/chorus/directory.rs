//! `telecharger/annuaire/destinataire`: every public structure, and what it demands of those who invoice it.
//!
//! The inside of the archive is not documented (PROTOCOL §2.2). A ZIP, a gzip or a bare file is taken, holding CSV or XML,
//! and columns and elements are found by their names. Promise: read as a stream, one structure in memory at a time, whatever
//! the archive inflates to; a line that cannot be read is told and the next ones still count.

use std::io::{BufRead, BufReader, Cursor, Read};

use serde_json::{Value, json};

use crate::chorus::directory_source::{CsvSource, XmlSource};
use crate::chorus::{Service, Unreadable, download};
use crate::domain::StructureEntry;

/// Bytes that an archive may inflate to, all its members together.
const INFLATED_LIMIT: u64 = 2 << 30;
/// Members of an archive that are looked at.
const MEMBERS_LIMIT: usize = 100;

/// Downloads the directory.
#[derive(Debug, Clone, Copy, Default)]
pub struct TelechargerAnnuaire;

impl Service for TelechargerAnnuaire {
    const NAME: &'static str = "telecharger/annuaire/destinataire";
    const PATH: &'static str = "/cpro/transverses/v1/telecharger/annuaire/destinataire";
    const ANSWER_LIMIT: usize = 176 << 20;
    /// The archive's bytes: read them with [`DirectoryReader`].
    type Answer = Vec<u8>;

    fn body(&self) -> Value {
        json!({})
    }

    fn read(answer: &Value) -> Result<Vec<u8>, Unreadable> {
        download::decoded(answer, &["fichierResultat", "fichier"])
    }
}

/// Why an archive, or a line of it, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    #[error("the archive is damaged: {0}")]
    Archive(String),
    #[error("the archive holds neither CSV nor XML")]
    NoMember,
    #[error("{member}: no column or element names a SIRET")]
    NoIdentifier { member: String },
    #[error("{member}, line {line}: {reason}")]
    Line { member: String, line: usize, reason: String },
    #[error("{member}: {reason}")]
    Member { member: String, reason: String },
}

impl DirectoryError {
    /// Whether only one line is lost and reading goes on.
    pub fn is_one_line(&self) -> bool {
        matches!(self, DirectoryError::Line { .. })
    }
}

type Stream<'a> = BufReader<Box<dyn Read + Send + 'a>>;

/// A file of the archive, not yet opened.
struct Member<'a> {
    name: String,
    bytes: &'a [u8],
    packed: Packed,
    /// What the archive says of the inflated bytes: their CRC-32 and their number.
    told: Option<(u32, u64)>,
}

#[derive(Clone, Copy)]
enum Packed {
    Stored,
    Deflated,
    Gzip,
}

impl<'a> Member<'a> {
    fn open(&self) -> Stream<'a> {
        let inflated: Box<dyn Read + Send + 'a> = match self.packed {
            Packed::Stored => Box::new(self.bytes),
            Packed::Deflated => Box::new(flate2::read::DeflateDecoder::new(self.bytes)),
            Packed::Gzip => Box::new(flate2::read::GzDecoder::new(self.bytes)),
        };
        BufReader::with_capacity(64 * 1024, Box::new(inflated.take(INFLATED_LIMIT)))
    }

    /// Reads everything once, within `left` bytes; answers how many there are. Damage in packed bytes need not keep them
    /// from inflating: it would show as structures that are missing, or are none.
    fn verify(&self, left: u64) -> Result<u64, DirectoryError> {
        let damaged = |reason: &str| DirectoryError::Archive(format!("{}: {reason}", self.name));
        let (mut stream, mut crc, mut size) = (self.open(), flate2::Crc::new(), 0u64);
        loop {
            let ready = stream.fill_buf().map_err(|error| damaged(&error.to_string()))?;
            if ready.is_empty() {
                break;
            }
            crc.update(ready);
            let count = ready.len();
            size += count as u64;
            if size >= left {
                return Err(damaged(&format!("more than {INFLATED_LIMIT} bytes in all")));
            }
            stream.consume(count);
        }
        match self.told {
            Some(told) if told != (crc.sum(), size) => Err(damaged("its bytes are not those that were packed")),
            _ => Ok(size),
        }
    }
}

enum Source<'a> {
    Csv(Box<CsvSource<Stream<'a>>>),
    Xml(Box<XmlSource<Stream<'a>>>),
}

/// The structures of a downloaded directory, one after the other.
pub struct DirectoryReader<'a> {
    members: std::vec::IntoIter<Member<'a>>,
    source: Option<Source<'a>>,
    /// Whether a member was CSV or XML.
    any: bool,
}

impl<'a> DirectoryReader<'a> {
    /// Opens what [`TelechargerAnnuaire`] brought, once all of it has proved to be whole.
    pub fn open(bytes: &'a [u8]) -> Result<Self, DirectoryError> {
        let members = match bytes {
            [b'P', b'K', ..] => zip_members(bytes)?,
            [0x1F, 0x8B, ..] => vec![Member { name: "annuaire".to_owned(), bytes, packed: Packed::Gzip, told: None }],
            _ => vec![Member { name: "annuaire".to_owned(), bytes, packed: Packed::Stored, told: None }],
        };
        members.iter().try_fold(INFLATED_LIMIT, |left, member| Ok(left - member.verify(left)?))?;
        Ok(Self { members: members.into_iter(), source: None, any: false })
    }

    /// The next member that is CSV or XML.
    fn next_source(&mut self) -> Option<Result<Source<'a>, DirectoryError>> {
        for member in self.members.by_ref() {
            let mut stream = member.open();
            let head = match stream.fill_buf() {
                Ok(head) => head,
                Err(error) => {
                    return Some(Err(DirectoryError::Member { member: member.name, reason: error.to_string() }));
                }
            };
            match look(head) {
                Form::Xml => {
                    self.any = true;
                    return Some(Ok(Source::Xml(Box::new(XmlSource::new(member.name, stream)))));
                }
                Form::Table => {
                    self.any = true;
                    return Some(CsvSource::new(member.name, stream).map(|source| Source::Csv(Box::new(source))));
                }
                Form::Other => {}
            }
        }
        (!self.any).then(|| {
            self.any = true;
            Err(DirectoryError::NoMember)
        })
    }
}

impl Iterator for DirectoryReader<'_> {
    type Item = Result<StructureEntry, DirectoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.source.is_none() {
                match self.next_source()? {
                    Ok(source) => self.source = Some(source),
                    Err(error) => return Some(Err(error)),
                }
            }
            let entry = match self.source.as_mut() {
                Some(Source::Csv(source)) => source.next(),
                Some(Source::Xml(source)) => source.next(),
                None => None,
            };
            match entry {
                Some(Err(error)) if !error.is_one_line() => {
                    self.source = None;
                    return Some(Err(error));
                }
                Some(entry) => return Some(entry),
                None => self.source = None,
            }
        }
    }
}

enum Form {
    Xml,
    Table,
    Other,
}

/// What a member is, from its first bytes: a text file that is no table is passed over.
fn look(head: &[u8]) -> Form {
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return Form::Xml;
    }
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    match head {
        [b'<', ..] => Form::Xml,
        _ if head.contains(&0) => Form::Other,
        _ => {
            let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
            if line.iter().any(|b| matches!(b, b';' | b',' | b'\t')) { Form::Table } else { Form::Other }
        }
    }
}

fn zip_members(bytes: &[u8]) -> Result<Vec<Member<'_>>, DirectoryError> {
    let damaged = |e: &dyn std::fmt::Display| DirectoryError::Archive(e.to_string());
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| damaged(&e))?;
    let mut members = Vec::new();
    for place in 0..archive.len().min(MEMBERS_LIMIT) {
        let member = archive.by_index_raw(place).map_err(|e| damaged(&e))?;
        let packed = match member.compression() {
            zip::CompressionMethod::Stored => Packed::Stored,
            zip::CompressionMethod::Deflated => Packed::Deflated,
            other => return Err(DirectoryError::Archive(format!("compressed as {other}"))),
        };
        if member.is_dir() || member.encrypted() {
            continue;
        }
        let name =
            member.name().map_or_else(|_| format!("member {}", place + 1), |name| name.chars().take(120).collect());
        let start = member.data_start().and_then(|at| usize::try_from(at).ok());
        let size = usize::try_from(member.compressed_size()).ok();
        let range = start.zip(size).and_then(|(start, size)| bytes.get(start..start.checked_add(size)?));
        let bytes = range.ok_or_else(|| DirectoryError::Archive(format!("{name} is cut")))?;
        let told = Some((member.crc32(), member.size()));
        members.push(Member { name, bytes, packed, told });
    }
    Ok(members)
}
