//! How much room a file system has left, and what a disk really holds.

use std::fs::File;
use std::io;
use std::path::Path;

/// Bytes an unprivileged process may still write on the file system that holds `path`.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let figures = nix::sys::statvfs::statvfs(path)?;
    Ok(figures.blocks_available().saturating_mul(figures.fragment_size()))
}

/// Lets go of what memory keeps of a file or partition that was synced, so that the next read comes from the disk.
pub fn forget_cached(file: &File) -> io::Result<()> {
    use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
    Ok(posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_folder_has_figures_and_a_missing_one_an_error() {
        assert!(forget_cached(&File::open("/proc/self/exe").unwrap()).is_ok());
        assert!(free_bytes(Path::new("/")).unwrap() < u64::MAX / 2);
        assert_eq!(free_bytes(Path::new("/nowhere/at/all")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
