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

/// `None` where the partition is not encrypted. A header that cannot be read through is that of a sealed partition without a
/// recovery key: what opens it looks closer.
pub fn read(partition: &Path) -> io::Result<Option<Luks>> {
    let mut file = File::open(partition)?;
    let mut head = [0; 16];
    match file.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    if head[..6] != *MAGIC {
        return Ok(None);
    }
    let size = head[8..].iter().fold(0, |size: u64, byte| size << 8 | u64::from(*byte));
    let has_recovery_key = match size.checked_sub(BINARY) {
        Some(area) if size <= HEADER_LIMIT => {
            file.seek(SeekFrom::Start(BINARY))?;
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
            read(&path).unwrap().map(|luks| luks.has_recovery_key)
        };
        assert_eq!(told(&header(with, 16384)), Some(true));
        assert_eq!(told(&header(without, 16384)), Some(false));
        // What is damaged stays what it is: sealed.
        for (json, size) in [("{", 16384), (with, 7), (with, u64::MAX), (with, 0)] {
            assert_eq!(told(&header(json, size)), Some(false), "{json} {size}");
        }
        assert_eq!(told(&[0; 4096]), None);
        assert_eq!(told(b"LUK"), None);
        assert!(read(&dir.path().join("none")).is_err());
    }
}
