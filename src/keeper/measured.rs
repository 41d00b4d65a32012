//! What a TPM's PCR 11 has of the kernel that runs, as the maker of the image signed it: what is sealed opens for every kernel
//! whose measure that key signed.
//!
//! It stands behind the verified root image in its slot, where the signed command line says (`fluxgate.measured=`): the image cannot
//! hold it, because the kernel that is measured names the image's hash. Nobody need trust it: the TPM checks the signature against
//! the key that the seal was made with.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::machine::Machine;

/// The word of the command line: bytes from the begin of the slot.
const WORD: &str = "fluxgate.measured=";
/// Bytes of it, at most.
const MEASURED_LIMIT: u64 = 64 * 1024;
/// Where systemd looks for it.
pub const SIGNATURES: &str = "run/systemd/tpm2-pcr-signature.json";

/// systemd's form: signatures by the name of the TPM's bank.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signatures {
    #[expect(dead_code, reason = "systemd reads the file; here it must only be one")]
    sha256: Vec<IgnoredAny>,
}

/// The signatures of the slot that runs, in systemd's form; `None` for a kernel that nobody signed a measure of.
pub fn read(machine: &Machine) -> io::Result<Option<Vec<u8>>> {
    let Some(place) = machine.word(WORD) else { return Ok(None) };
    let place = place.parse().map_err(|_| io::Error::other(format!("{WORD}{place} is no place")))?;
    read_at(&machine.slot_device()?, place).map(Some)
}

fn read_at(slot: &Path, place: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(slot)?;
    file.seek(SeekFrom::Start(place))?;
    let mut bytes = Vec::new();
    file.take(MEASURED_LIMIT).read_to_end(&mut bytes)?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    serde_json::from_slice::<Signatures>(&bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signatures_stand_where_the_command_line_says() {
        let dir = tempfile::tempdir().unwrap();
        let slot = dir.path().join("slot");
        let signed = br#"{"sha256": [{"pcrs": [11], "pkfp": "00", "pol": "11", "sig": "AA=="}]}"#;
        let mut bytes = vec![7; 8192];
        bytes.extend(signed);
        bytes.resize(12_288, 0);
        bytes.extend([9; 4096]);
        std::fs::write(&slot, &bytes).unwrap();
        assert_eq!(read_at(&slot, 8192).unwrap(), signed);
        for elsewhere in [0, 4096, 8193, 12_288, 1 << 40] {
            assert!(read_at(&slot, elsewhere).is_err(), "{elsewhere}");
        }
    }
}
