//! The one file a release is: a plain tar of `metadata/` and `targets/`, read as a stranger's.
//!
//! Promises: whatever the bytes are, an entry's name is short and of a plain folder, it lies wholly inside the file, and
//! nothing is read into memory beyond a named limit. Links, folders, sparse files, long names and extensions of the format
//! are refused, and nothing is compressed. Refuses to know: what the entries mean, who signed them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::UpdateError;
use crate::fault::Text;

/// The longest release, in bytes: a slot's worth, and what comes with it.
pub const RELEASE_BYTES_LIMIT: u64 = 640 * 1024 * 1024;

/// The most entries of a release: its roots are one each.
pub const ENTRIES_LIMIT: usize = 128;

/// The longest name, in bytes: what a header has room for.
const NAME_BYTES: usize = 100;

/// A header, and what contents are filled up to, in bytes.
const BLOCK: usize = 512;

/// Zeros behind the last entry, in bytes: two blocks end a tar, which is filled up to a record of twenty.
const END_BYTES_LIMIT: u64 = 2 * BLOCK as u64 + 20 * BLOCK as u64;

/// Where an entry's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    offset: u64,
    bytes: u64,
}

/// An opened release, its entries found and nothing of them believed.
#[derive(Debug)]
pub struct Archive {
    file: File,
    entries: BTreeMap<String, Entry>,
}

impl Archive {
    /// Opens a file and finds its entries. Reads headers only.
    pub fn open(path: &Path) -> Result<Self, UpdateError> {
        // A FIFO in a release's place does not hold up who opens it.
        let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW;
        let open = File::options().read(true).custom_flags(flags).open(path);
        Self::of(open.map_err(UpdateError::io(path.display()))?)
    }

    /// As [`Archive::open`], of a file that is open.
    pub fn of(file: File) -> Result<Self, UpdateError> {
        let data = file.metadata().map_err(UpdateError::io("metadata"))?;
        if !data.is_file() {
            return Err(UpdateError::not_a_release("ce n'est pas un fichier ordinaire", "it is no ordinary file"));
        }
        let length = data.len();
        if length > RELEASE_BYTES_LIMIT {
            return Err(UpdateError::TooLarge { what: "tar".into(), bytes: length, limit: RELEASE_BYTES_LIMIT });
        }
        let entries = entries(&file, length)?;
        Ok(Self { file, entries })
    }

    /// The names of the entries in a folder (`metadata`, `targets`), without it, with their lengths in bytes.
    pub fn names<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.entries.iter().filter_map(move |(name, entry)| {
            let (of, name) = name.split_once('/')?;
            (of == folder).then_some((name, entry.bytes))
        })
    }

    /// The length of an entry in bytes.
    pub fn bytes_of(&self, name: &str) -> Option<u64> {
        self.entries.get(name).map(|entry| entry.bytes)
    }

    /// An entry, whole. `None` where there is none; an error where it is longer than `limit` bytes.
    pub fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, UpdateError> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        if entry.bytes > limit {
            return Err(UpdateError::TooLarge { what: name.to_owned(), bytes: entry.bytes, limit });
        }
        let mut bytes = Vec::new();
        self.reader(name)
            .map(|mut reader| reader.read_to_end(&mut bytes))
            .transpose()
            .map_err(UpdateError::io(name))?;
        Ok(Some(bytes))
    }

    /// An entry as a stream.
    pub fn reader(&self, name: &str) -> Option<impl Read + '_> {
        let entry = self.entries.get(name)?;
        Some(Piece::of(&self.file, entry.offset, entry.bytes))
    }
}

/// A part of a file, read without moving anybody's place in it.
pub(super) struct Piece<'f> {
    file: &'f File,
    at: u64,
    left: u64,
}

impl<'f> Piece<'f> {
    pub fn of(file: &'f File, at: u64, bytes: u64) -> Self {
        Self { file, at, left: bytes }
    }
}

impl Read for Piece<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        match self.file.read_at(&mut buffer[..most], self.at)? {
            // It is not as long as it was, or as was said.
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                let step = u64::try_from(read).unwrap_or(0);
                self.at += step;
                self.left -= step;
                Ok(read)
            }
        }
    }
}

fn entries(file: &File, length: u64) -> Result<BTreeMap<String, Entry>, UpdateError> {
    let mut entries = BTreeMap::new();
    let mut at = 0;
    loop {
        let first = entries.is_empty();
        let left = length - at;
        let block = match block(file, at, left)? {
            Some(block) => block,
            None if first => return Err(no_tar()),
            None => return Err(UpdateError::Truncated { missing: 2 * BLOCK as u64 - left }),
        };
        at += BLOCK as u64;
        if block.iter().all(|byte| *byte == 0) {
            if first {
                return Err(no_tar());
            }
            return end(file, at, length).map(|()| entries);
        }
        let (name, bytes) = header(&block, at - BLOCK as u64, first)?;
        let filled = bytes.div_ceil(BLOCK as u64) * BLOCK as u64;
        // The end's two blocks come behind every entry.
        let needed = filled + 2 * BLOCK as u64;
        if needed > length - at {
            return Err(UpdateError::Truncated { missing: needed - (length - at) });
        }
        if entries.len() >= ENTRIES_LIMIT {
            let limit = ENTRIES_LIMIT;
            return Err(UpdateError::not_a_release(
                format!("il a plus de {limit} entrées"),
                format!("it has more than {limit} entries"),
            ));
        }
        if entries.insert(name.clone(), Entry { offset: at, bytes }).is_some() {
            return Err(UpdateError::not_a_release(
                format!("il a deux fois l'entrée {name}"),
                format!("it has the entry {name} twice"),
            ));
        }
        let mut filling = Vec::new();
        Piece { file, at: at + bytes, left: filled - bytes }
            .read_to_end(&mut filling)
            .map_err(UpdateError::io("tar"))?;
        if filling.iter().any(|byte| *byte != 0) {
            return Err(broken(at + bytes));
        }
        at += filled;
    }
}

fn no_tar() -> UpdateError {
    UpdateError::not_a_release("ce n'est pas une archive tar", "it is no tar archive")
}

/// The block at a place, where the file holds one.
fn block(file: &File, at: u64, left: u64) -> Result<Option<[u8; BLOCK]>, UpdateError> {
    if left < BLOCK as u64 {
        return Ok(None);
    }
    let mut block = [0; BLOCK];
    file.read_exact_at(&mut block, at).map_err(UpdateError::io("tar"))?;
    Ok(Some(block))
}

/// Behind the first of the end's blocks is nothing but zeros, and few of them.
fn end(file: &File, at: u64, length: u64) -> Result<(), UpdateError> {
    let left = length - at;
    if left < BLOCK as u64 {
        return Err(UpdateError::Truncated { missing: BLOCK as u64 - left });
    }
    let mut rest = Vec::new();
    Piece { file, at, left: left.min(END_BYTES_LIMIT) }.read_to_end(&mut rest).map_err(UpdateError::io("tar"))?;
    if left > END_BYTES_LIMIT || rest.iter().any(|byte| *byte != 0) {
        return Err(UpdateError::altered("tar", "il y a autre chose derrière sa fin", "there is more behind its end"));
    }
    Ok(())
}

/// Name and length of an entry.
fn header(block: &[u8; BLOCK], at: u64, first: bool) -> Result<(String, u64), UpdateError> {
    if block[257..265] != *b"ustar\x0000" {
        return Err(if first { no_tar() } else { broken(at) });
    }
    let told = octal(&block[148..156]);
    let counted: u64 =
        block.iter().enumerate().map(|(n, b)| if (148..156).contains(&n) { 32 } else { u64::from(*b) }).sum();
    if told != Some(counted) {
        return Err(broken(at));
    }
    if !matches!(block[156], b'0' | 0) {
        let kind = Text::new(
            "il n'a que des fichiers ordinaires : ni lien, ni dossier, ni fichier à trous, ni extension",
            "it has ordinary files only: no link, no folder, no sparse file, no extension",
        );
        return Err(UpdateError::NotARelease(kind));
    }
    let name = name(block).ok_or_else(|| {
        let shown = String::from_utf8_lossy(&block[..NAME_BYTES]).trim_end_matches('\0').escape_debug().to_string();
        UpdateError::not_a_release(format!("il a une entrée « {shown} »"), format!("it has an entry \"{shown}\""))
    })?;
    Ok((name, octal(&block[124..136]).ok_or_else(|| broken(at))?))
}

fn broken(at: u64) -> UpdateError {
    UpdateError::altered("tar", &format!("il est abîmé à l'octet {at}"), &format!("it is broken at byte {at}"))
}

/// `metadata/NAME` or `targets/NAME`, of plain characters.
fn name(block: &[u8; BLOCK]) -> Option<String> {
    let field = &block[..NAME_BYTES];
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(NAME_BYTES);
    // The prefix of longer names is not used.
    let empty = block[345..500].iter().all(|byte| *byte == 0);
    let name = std::str::from_utf8(&field[..end]).ok().filter(|_| empty)?;
    let (folder, file) = name.split_once('/')?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let sound = matches!(folder, "metadata" | "targets")
        && !file.is_empty()
        && !file.starts_with('.')
        && file.chars().all(plain);
    sound.then(|| name.to_owned())
}

/// A number in octal digits, ended by a blank or a zero byte. Other ways to write one are extensions.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_end_matches(['\0', ' ']);
    let digits = text.trim_start_matches(' ');
    let plain = !digits.is_empty() && digits.bytes().all(|b| (b'0'..=b'7').contains(&b));
    u64::from_str_radix(digits, 8).ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tar::{Builder, EntryType, Header};

    use super::*;

    fn of(bytes: &[u8]) -> Result<Archive, UpdateError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("release");
        fs::write(&path, bytes).unwrap();
        Archive::open(&path)
    }

    fn header(name: &str, size: usize, kind: EntryType) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(size.try_into().unwrap());
        header.set_mode(0o644);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        header
    }

    fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        for (name, bytes) in entries {
            tar.append(&header(name, bytes.len(), EntryType::Regular), *bytes).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn entries_are_found_and_read_within_their_limits() {
        let archive =
            of(&tar(&[("metadata/a.json", b"{}"), ("targets/root.img", &[7; 1500]), ("targets/empty", b"")])).unwrap();
        assert_eq!(archive.names("targets").collect::<Vec<_>>(), [("empty", 0), ("root.img", 1500)]);
        assert_eq!(archive.read("metadata/a.json", 2).unwrap().unwrap(), b"{}");
        assert!(matches!(archive.read("metadata/a.json", 1), Err(UpdateError::TooLarge { bytes: 2, limit: 1, .. })));
        assert_eq!(archive.read("metadata/b.json", 9).unwrap(), None);
        assert_eq!(archive.read("targets/root.img", 4096).unwrap().unwrap(), [7; 1500]);
        assert_eq!(archive.bytes_of("targets/empty"), Some(0));
    }

    #[test]
    fn what_is_cut_anywhere_is_truncated_or_no_release() {
        let whole = tar(&[("metadata/a.json", b"{}"), ("targets/root.img", &[7; 1500])]);
        assert!(of(&whole).is_ok());
        // The tar crate ends with two blocks.
        for cut in 0..whole.len() {
            match of(&whole[..cut]) {
                Err(UpdateError::NotARelease(_)) => assert!(cut < BLOCK, "{cut}"),
                Err(UpdateError::Truncated { missing }) => assert!(missing > 0, "{cut}"),
                other => panic!("{cut}: {other:?}"),
            }
        }
        let mut longer = whole.clone();
        longer.extend([0; 9 * BLOCK]);
        assert!(of(&longer).is_ok(), "filled up to a record");
        longer.push(1);
        assert!(matches!(of(&longer), Err(UpdateError::Altered { .. })));
        longer.truncate(whole.len());
        longer.extend(vec![0; 40 * BLOCK]);
        assert!(matches!(of(&longer), Err(UpdateError::Altered { .. })), "an endless tail");
    }

    #[test]
    fn links_folders_extensions_and_strange_names_are_refused() {
        for kind in [
            EntryType::Symlink,
            EntryType::Link,
            EntryType::Directory,
            EntryType::GNUSparse,
            EntryType::GNULongName,
            EntryType::XHeader,
            EntryType::XGlobalHeader,
            EntryType::Char,
            EntryType::Continuous,
        ] {
            let mut tar = Builder::new(Vec::new());
            tar.append(&header("targets/x", 0, kind), &b""[..]).unwrap();
            assert!(matches!(of(&tar.into_inner().unwrap()), Err(UpdateError::NotARelease(_))), "{kind:?}");
        }
        for name in [
            "x",
            "/targets/x",
            "targets/../x",
            "targets/a/b",
            "targets/",
            "targets/.x",
            "targets/X",
            "metadata/\u{e9}",
            "else/x",
        ] {
            assert!(matches!(of(&tar(&[(name, b"")])), Err(UpdateError::NotARelease(_))), "{name}");
        }
        let twice = tar(&[("targets/x", b"1"), ("targets/x", b"2")]);
        assert!(matches!(of(&twice), Err(UpdateError::NotARelease(_))));
        let names: Vec<String> = (0..=ENTRIES_LIMIT).map(|n| format!("targets/{n}")).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        assert!(of(&tar(&many[1..])).is_ok());
        assert!(matches!(of(&tar(&many)), Err(UpdateError::NotARelease(_))));
    }

    #[test]
    fn a_header_that_lies_is_refused() {
        let mut lies = tar(&[("targets/x", b"1"), ("targets/y", b"2")]);
        lies[2 * BLOCK + 3] ^= 1;
        assert!(matches!(of(&lies), Err(UpdateError::Altered { .. })), "the second header's sum");
        // A length beyond every file, with a right sum; and one in the binary form of an extension.
        let mut far = header("targets/x", 0, EntryType::Regular);
        far.set_size(0o777_7777_7777);
        far.set_cksum();
        let mut bytes = far.as_bytes().to_vec();
        bytes.extend([0; 2 * BLOCK]);
        assert!(matches!(of(&bytes), Err(UpdateError::Truncated { .. })));
        far.as_mut_bytes()[124] = 0x80;
        far.set_cksum();
        let mut bytes = far.as_bytes().to_vec();
        bytes.extend([0; 2 * BLOCK]);
        assert!(matches!(of(&bytes), Err(UpdateError::Altered { .. })));
        for nothing in [&b""[..], b"PK\x03\x04", &[0; 4096], &[b'x'; 2048]] {
            assert!(matches!(of(nothing), Err(UpdateError::NotARelease(_))));
        }
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Archive::open(dir.path()), Err(UpdateError::NotARelease(_))));
        assert!(matches!(Archive::open(&dir.path().join("missing")), Err(UpdateError::Io { .. })));
        let huge = File::create(dir.path().join("huge")).unwrap();
        huge.set_len(RELEASE_BYTES_LIMIT + 1).unwrap();
        assert!(matches!(Archive::open(&dir.path().join("huge")), Err(UpdateError::TooLarge { .. })));
    }
}
