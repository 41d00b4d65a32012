//! What a dropped archive holds: `.zip`, `.tar`, `.tar.gz`, and a single file compressed with gzip.
//!
//! Promises: members come in the archive's order, one at a time, each within its limit; a member that cannot be taken out
//! says why and the others go on; nothing is ever written under a member's name. An archive within an archive is not
//! opened. Refuses to know what a member is.

use std::io::{Cursor, Read};

use crate::fault::{Code, Fault, Text};

use super::complaint;
use super::limits::Limits;
use super::sniff::{self, Kind};

/// Characters of a member's name that are shown.
const NAME_LIMIT_CHARS: usize = 200;
/// What a computer's own file manager puts into archives beside what people meant.
const CLUTTER: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];

/// A member, or why it could not be taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path in the archive, fit for people: no control characters, not too long.
    pub name: String,
    pub content: Result<Vec<u8>, Fault>,
}

/// Whether the bytes are an archive (a document that merely is a ZIP inside, as an office file is, is none).
pub fn is_archive(bytes: &[u8]) -> bool {
    matches!(sniff::sniff(bytes), sniff::Content::Other(Kind::Zip | Kind::Gzip | Kind::Tar))
}

/// Whether the archive has a member of that name at its root. Nothing is inflated that need not be.
pub fn holds(bytes: &[u8], name: &str, limits: &Limits) -> bool {
    let bound = limits.archive_bytes.saturating_add(limits.archive_members * 4096) as u64;
    let in_tar = |reader: &mut dyn Read| {
        let mut archive = tar::Archive::new(reader.take(bound));
        let Ok(entries) = archive.entries() else { return false };
        let paths = entries.take(limits.archive_members + 1).map_while(Result::ok);
        paths
            .map(|entry| entry.path_bytes().into_owned())
            .any(|path| path.strip_prefix(b"./".as_slice()).unwrap_or(&path) == name.as_bytes())
    };
    match sniff::sniff(bytes) {
        sniff::Content::Other(Kind::Zip) => {
            zip::ZipArchive::new(Cursor::new(bytes)).is_ok_and(|archive| archive.index_for_name(name).is_some())
        }
        sniff::Content::Other(Kind::Tar) => in_tar(&mut &bytes[..]),
        sniff::Content::Other(Kind::Gzip) => in_tar(&mut flate2::read::MultiGzDecoder::new(bytes)),
        _ => false,
    }
}

/// Hands each member to `visit`. The fault is the archive's own: nothing of it could be read, or the rest of it.
pub fn read(bytes: &[u8], limits: &Limits, visit: &mut dyn FnMut(Member)) -> Result<(), Fault> {
    let mut opening = Opening { limits, members: 0, inflated: 0, visit };
    match sniff::sniff(bytes) {
        sniff::Content::Other(Kind::Zip) => opening.zip(bytes),
        sniff::Content::Other(Kind::Tar) => opening.tar(bytes),
        sniff::Content::Other(Kind::Gzip) => opening.gzip(bytes),
        _ => Err(broken("no archive")),
    }
}

/// Why an archive without any member is of no use.
pub fn empty() -> Fault {
    let empty = Text::new("elle ne contient aucun fichier", "it holds no file");
    Fault::new(Code::ArchiveUnreadable).with_text("detail", &empty)
}

struct Opening<'a> {
    limits: &'a Limits,
    members: usize,
    /// Bytes inflated so far, of all members.
    inflated: usize,
    visit: &'a mut dyn FnMut(Member),
}

impl Opening<'_> {
    fn zip(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
        for place in 0..archive.len() {
            let mut member = match archive.by_index(place) {
                Ok(member) => member,
                // Encrypted, or compressed in a way that is not read: the others may be fine.
                Err(error) => {
                    let fault = broken(error);
                    self.count()?;
                    (self.visit)(Member { name: format!("n° {}", place + 1), content: Err(fault) });
                    continue;
                }
            };
            let name = member.name().map_or_else(|_| format!("n° {}", place + 1), |name| name.to_string());
            if member.is_dir() || is_clutter(&name) {
                continue;
            }
            self.member(&name, &mut member)?;
        }
        Ok(())
    }

    fn gzip(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut head = Vec::new();
        let decoder = || flate2::read::MultiGzDecoder::new(bytes);
        decoder().take(1024).read_to_end(&mut head).map_err(broken)?;
        if matches!(sniff::sniff(&head), sniff::Content::Other(Kind::Tar)) {
            return self.tar(decoder());
        }
        let named = flate2::read::GzDecoder::new(bytes);
        let name = named.header().and_then(|h| h.filename()).map(|n| String::from_utf8_lossy(n).into_owned());
        self.member(name.as_deref().unwrap_or("n° 1"), &mut decoder())
    }

    fn tar(&mut self, reader: impl Read) -> Result<(), Fault> {
        // Everything between the members is bounded with them.
        let bound = self.limits.archive_bytes.saturating_add(self.limits.archive_members * 4096) as u64;
        let mut archive = tar::Archive::new(reader.take(bound));
        let entries = archive.entries().map_err(broken)?;
        for entry in entries {
            let mut entry = entry.map_err(broken)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if !entry.header().entry_type().is_file() || is_clutter(&name) {
                continue;
            }
            self.member(&name, &mut entry)?;
        }
        Ok(())
    }

    /// Inflates one member within the limits.
    fn member(&mut self, name: &str, content: &mut dyn Read) -> Result<(), Fault> {
        self.count()?;
        let limit = self.limits.archive_member_bytes;
        let mut bytes = Vec::new();
        let read = content.take(limit as u64 + 1).read_to_end(&mut bytes);
        self.inflated = self.inflated.saturating_add(bytes.len());
        if self.inflated > self.limits.archive_bytes {
            return Err(complaint::over("contenu de l'archive", "content of the archive", self.limits.archive_bytes));
        }
        let content = match read {
            Err(error) => Err(broken(error)),
            Ok(_) if bytes.len() > limit => Err(complaint::over("fichier de l'archive", "file in the archive", limit)),
            Ok(_) => Ok(bytes),
        };
        (self.visit)(Member { name: printable(name), content });
        Ok(())
    }

    fn count(&mut self) -> Result<(), Fault> {
        self.members += 1;
        if self.members > self.limits.archive_members {
            return Err(complaint::over(
                "fichiers dans l'archive",
                "files in the archive",
                self.limits.archive_members,
            ));
        }
        Ok(())
    }
}

fn broken(error: impl std::fmt::Display) -> Fault {
    Fault::new(Code::ArchiveUnreadable).with_text("detail", &Text::technical("illisible", "unreadable", error))
}

fn is_clutter(name: &str) -> bool {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    name.starts_with("__MACOSX/") || CLUTTER.contains(&file)
}

fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '_' } else { c }).take(NAME_LIMIT_CHARS).collect()
}
