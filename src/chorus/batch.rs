//! Many invoices as one flux: a `.tar.gz` that has the same bytes whenever it is made of the same files.

use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;
use flate2::{Compression, GzBuilder};

use crate::chorus::{FluxFileName, FluxSyntax};
use crate::fault::Text;

/// Invoices of one flux (DSE-CP §3.2.3.1 advises no more).
pub const BATCH_LIMIT: usize = 500;
/// One file of it, in bytes (PROTOCOL §2.2).
pub const BATCH_FILE_LIMIT: usize = 10 * 1024 * 1024;
/// The archive, compressed, in bytes.
pub const BATCH_BYTES_LIMIT: usize = 30 * 1024 * 1024;
/// A name inside, in characters: Chorus Pro takes 256, a plain ustar header holds 100.
const NAME_LIMIT: usize = 100;
/// What a file costs in the archive beside its content: header and padding.
const OVERHEAD: usize = 1024;

/// A file to put in.
#[derive(Debug, Clone, Copy)]
pub struct BatchFile<'a> {
    /// As it was dropped.
    pub name: &'a str,
    pub content: &'a [u8],
}

/// An archive for `deposer/flux`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub content: Bytes,
    /// What each file is called inside, in the order they were given: for an outcome per invoice.
    pub names: Vec<String>,
}

/// Why files cannot be one flux.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    #[error("an archive needs at least one file")]
    Empty,
    #[error("{count} files, a flux takes at most {BATCH_LIMIT}")]
    TooMany { count: usize },
    #[error("{name}: {size} bytes, a file of a flux has at most {BATCH_FILE_LIMIT}")]
    FileTooLarge { name: String, size: usize },
    #[error("{size} bytes compressed, a flux has at most {BATCH_BYTES_LIMIT}")]
    TooLarge { size: usize },
    #[error("the archive cannot be written: {0}")]
    Writing(String),
}

impl BatchError {
    /// For people: what is wrong, and what to do.
    pub fn text(&self) -> Text {
        match self {
            BatchError::Empty => Text::new("elle ne contient aucune facture", "it holds no invoice"),
            BatchError::TooMany { count } => Text::new(
                format!("{count} factures : un flux en prend {BATCH_LIMIT} au plus, partagez-la"),
                format!("{count} invoices: a flux takes {BATCH_LIMIT} at most, split it"),
            ),
            BatchError::FileTooLarge { name, .. } => Text::new(
                format!("« {name} » dépasse 10 Mo, la limite de Chorus Pro par fichier : allégez ses pièces jointes"),
                format!("\"{name}\" is over 10 MB, Chorus Pro's limit of a file: make its attachments lighter"),
            ),
            BatchError::TooLarge { .. } => {
                Text::new("compressée, elle dépasse 30 Mo : partagez-la", "compressed it is over 30 MB: split it")
            }
            BatchError::Writing(error) => Text::technical(
                "elle n'a pas pu être écrite : signalez-le à l'éditeur",
                "it could not be written: tell the publisher",
                error,
            ),
        }
    }
}

impl Batch {
    /// Packs files of one syntax (a flux holds one kind only) in the order given.
    pub fn pack(files: &[BatchFile<'_>], syntax: FluxSyntax) -> Result<Self, BatchError> {
        if files.is_empty() {
            return Err(BatchError::Empty);
        }
        if files.len() > BATCH_LIMIT {
            return Err(BatchError::TooMany { count: files.len() });
        }
        if let Some(file) = files.iter().find(|f| f.content.len() > BATCH_FILE_LIMIT) {
            let name = file.name.chars().take(120).collect();
            return Err(BatchError::FileTooLarge { name, size: file.content.len() });
        }
        let names = unique_names(files, syntax);
        let content = archive(files, &names).map_err(|e| BatchError::Writing(e.to_string()))?;
        if content.len() > BATCH_BYTES_LIMIT {
            return Err(BatchError::TooLarge { size: content.len() });
        }
        Ok(Self { content: content.into(), names })
    }
}

/// How many files go into each flux so that none is too large even if nothing compresses: ranges over `sizes`, in order.
/// A file that is too large by itself stands alone, for [`Batch::pack`] to refuse by name.
pub fn split(sizes: &[usize]) -> Vec<Range<usize>> {
    // Incompressible content grows a little (deflate: 5 bytes in 16 KiB).
    let room = BATCH_BYTES_LIMIT - BATCH_BYTES_LIMIT / 1000 - 2 * OVERHEAD;
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut used = 0;
    for (place, size) in sizes.iter().enumerate() {
        let cost = size.saturating_add(OVERHEAD);
        match ranges.last_mut() {
            Some(last) if last.len() < BATCH_LIMIT && used + cost <= room => {
                last.end = place + 1;
                used += cost;
            }
            _ => {
                ranges.push(place..place + 1);
                used = cost;
            }
        }
    }
    ranges
}

/// Names that Chorus Pro takes, no two alike even where case does not count.
fn unique_names(files: &[BatchFile<'_>], syntax: FluxSyntax) -> Vec<String> {
    let extension = syntax.extension();
    let mut seen: HashSet<String> = HashSet::new();
    let mut names = Vec::with_capacity(files.len());
    for file in files {
        // Folders of the dropped archive are no part of the name.
        let base = file.name.rsplit(['/', '\\']).next().unwrap_or(file.name);
        let mut name = FluxFileName::cleaned(base, extension, NAME_LIMIT).as_str().to_owned();
        let mut n = 1;
        while !seen.insert(name.to_ascii_lowercase()) {
            n += 1;
            let ending = format!("-{n}{extension}");
            name =
                FluxFileName::cleaned(base, extension, NAME_LIMIT - ending.len() + extension.len()).as_str().to_owned();
            name.truncate(name.len() - extension.len());
            name.push_str(&ending);
        }
        names.push(name);
    }
    names
}

/// The same bytes for the same files: no time, no owner, one mode.
fn archive(files: &[BatchFile<'_>], names: &[String]) -> std::io::Result<Vec<u8>> {
    // 255: no operating system is named.
    let gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::default());
    let mut tar = tar::Builder::new(gzip);
    tar.mode(tar::HeaderMode::Deterministic);
    for (file, name) in files.iter().zip(names) {
        let mut header = tar::Header::new_ustar();
        header.set_path(name)?;
        header.set_size(file.content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        tar.append(&header, file.content)?;
    }
    tar.into_inner()?.finish()
}
