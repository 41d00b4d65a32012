//! What an encrypted partition says of itself (LUKS2, on-disk format, §2): read, never written.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;

const MAGIC: &[u8; 6] = b"LUKS\xba\xbe";
/// Bytes of the binary header; the JSON area follows.
const BINARY: u64 = 4096;
/// Bytes of both, at most.
const HEADER_LIMIT: u64 = 4 * 1024 * 1024;
/// systemd's name for the token of a recovery key.
const RECOVERY: &str = "systemd-recovery";

/// The second header's begin, and where it can stand, in bytes.
const SECOND_MAGIC: &[u8; 6] = b"SKUL\xba\xbe";
const SECOND: std::ops::RangeInclusive<u32> = 14..=22;
/// Where ext4 says that it is one (ext4 data structures, "The Super Block": s_magic).
const EXT4: u64 = 1024 + 0x38;
const EXT4_MAGIC: [u8; 2] = [0x53, 0xef];

/// What a partition begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    Sealed(Luks),
    /// The file system itself.
    Plain,
    /// Neither.
    Unknown,
}

/// The head of an encrypted partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Luks {
    pub has_recovery_key: bool,
}

#[derive(Deserialize)]
struct Area {
    tokens: std::collections::BTreeMap<String, Token>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(rename = "type")]
    kind: String,
}

/// What a partition begins with. Where its first header is damaged the second one counts. A header that cannot be read through is
/// that of a sealed partition without a recovery key: what opens it looks closer.
pub fn read(partition: &Path) -> io::Result<Head> {
    let mut file = File::open(partition)?;
    let seconds = SECOND.map(|power| (1 << power, SECOND_MAGIC));
    for (place, magic) in std::iter::once((0, MAGIC)).chain(seconds) {
        if let Some(luks) = header(&mut file, place, magic)? {
            return Ok(Head::Sealed(luks));
        }
    }
    let is_plain = bytes::<2>(&mut file, EXT4)? == Some(EXT4_MAGIC);
    Ok(if is_plain { Head::Plain } else { Head::Unknown })
}

/// What stands there; `None` beyond the end.
fn bytes<const N: usize>(file: &mut File, place: u64) -> io::Result<Option<[u8; N]>> {
    let mut found = [0; N];
    file.seek(SeekFrom::Start(place))?;
    match file.read_exact(&mut found) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        read => read.map(|()| Some(found)),
    }
}

fn header(file: &mut File, place: u64, magic: &[u8; 6]) -> io::Result<Option<Luks>> {
    let Some(head) = bytes::<16>(file, place)?.filter(|head| head[..6] == *magic) else { return Ok(None) };
    let size = head[8..].iter().fold(0, |size: u64, byte| size << 8 | u64::from(*byte));
    let has_recovery_key = match size.checked_sub(BINARY) {
        Some(area) if size <= HEADER_LIMIT => {
            file.seek(SeekFrom::Start(place + BINARY))?;
            let mut json = Vec::new();
            file.take(area).read_to_end(&mut json)?;
            let end = json.iter().position(|byte| *byte == 0).unwrap_or(json.len());
            let area: Option<Area> = serde_json::from_slice(&json[..end]).ok();
            area.is_some_and(|area| area.tokens.values().any(|token| token.kind == RECOVERY))
        }
        _ => false,
    };
    Ok(Some(Luks { has_recovery_key }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(json: &str, size: u64) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([0, 2]);
        bytes.extend(size.to_be_bytes());
        bytes.resize(4096, 0);
        bytes.extend(json.as_bytes());
        bytes.resize(64 * 1024, 0);
        bytes
    }

    #[test]
    fn a_partition_says_whether_it_is_encrypted_and_has_a_recovery_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let with = r#"{"keyslots":{},"tokens":{"0":{"type":"systemd-tpm2","keyslots":["0"]},"1":{"type":"systemd-recovery","keyslots":["1"]}}}"#;
        let without = r#"{"tokens":{"0":{"type":"systemd-tpm2","keyslots":["0"]}}}"#;
        let told = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read(&path).unwrap()
        };
        let sealed = |has_recovery_key| Head::Sealed(Luks { has_recovery_key });
        assert_eq!(told(&header(with, 16384)), sealed(true));
        assert_eq!(told(&header(without, 16384)), sealed(false));
        // The first header is gone: the second one, as cryptsetup writes it.
        let mut second = header(with, 16384);
        second[..6].copy_from_slice(SECOND_MAGIC);
        assert_eq!(told(&[vec![0; 16384], second.clone()].concat()), sealed(true));
        assert_eq!(told(&[vec![0; 16384 + 512], second].concat()), Head::Unknown);
        let mut plain = vec![0; 4096];
        plain[0x438..0x43a].copy_from_slice(&EXT4_MAGIC);
        assert_eq!(told(&plain), Head::Plain);
        // What is damaged stays what it is: sealed.
        for (json, size) in [("{", 16384), (with, 7), (with, u64::MAX), (with, 0)] {
            assert_eq!(told(&header(json, size)), sealed(false), "{json} {size}");
        }
        assert_eq!(told(&[0; 4096]), Head::Unknown);
        assert_eq!(told(b"LUK"), Head::Unknown);
        assert!(read(&dir.path().join("none")).is_err());
    }
}
