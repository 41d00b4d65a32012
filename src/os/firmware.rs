//! Variables of the machine's firmware (UEFI), which outlive a restart and every disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

/// Non-volatile, for the firmware and for the system alike.
const ATTRIBUTES: u32 = 0x7;
/// `FS_IMMUTABLE_FL` of the kernel's inode flags.
const IMMUTABLE: nix::libc::c_long = 0x10;

/// Makes a variable that holds a text. `path` stands in the kernel's file system of variables (efivarfs), which is missing where
/// the firmware keeps none. Fails when the variable exists.
pub fn make(path: &Path, text: &str) -> io::Result<()> {
    let mut bytes = ATTRIBUTES.to_le_bytes().to_vec();
    bytes.extend(text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    // One write is one call of the firmware.
    file.write_all(&bytes)
}

/// Removes a variable; one that is not there is fine. Needs CAP_LINUX_IMMUTABLE: the kernel guards what it does not know.
pub fn remove(path: &Path) -> io::Result<()> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut flags: nix::libc::c_long = 0;
    // SAFETY: both calls read or write the one long that they are given, which lives on this stack frame.
    #[expect(unsafe_code, reason = "ioctl(2) has no safe form for a file's flags")]
    let result = unsafe {
        match nix::libc::ioctl(file.as_raw_fd(), nix::libc::FS_IOC_GETFLAGS, &raw mut flags) {
            0 if flags & IMMUTABLE != 0 => {
                flags &= !IMMUTABLE;
                nix::libc::ioctl(file.as_raw_fd(), nix::libc::FS_IOC_SETFLAGS, &raw const flags)
            }
            result => result,
        }
    };
    // A plain file system has no such flags.
    if let Err(error) = nix::errno::Errno::result(result)
        && error != nix::errno::Errno::ENOTTY
    {
        return Err(error.into());
    }
    drop(file);
    std::fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_made_once_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("Wish-8cf2644b-4b0b-428f-9387-6d876050dc67");
        make(&path, "yes").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"\x07\0\0\0y\0e\0s\0\0\0");
        assert_eq!(make(&path, "yes").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        remove(&path).unwrap();
        assert!(!path.exists());
        remove(&path).unwrap();
    }
}
