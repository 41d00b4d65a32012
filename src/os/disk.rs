//! How much room a file system has left.

use std::io;
use std::path::Path;

/// Bytes an unprivileged process may still write on the file system that holds `path`.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let figures = nix::sys::statvfs::statvfs(path)?;
    Ok(figures.blocks_available().saturating_mul(figures.fragment_size()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_folder_has_figures_and_a_missing_one_an_error() {
        assert!(free_bytes(Path::new("/")).unwrap() < u64::MAX / 2);
        assert_eq!(free_bytes(Path::new("/nowhere/at/all")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
