//! How much room a file system has left, wiping a whole disk or partition, what a disk really holds, and its table of partitions.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

/// Bytes wiped at a time: between two a watcher can be told, and a stop be heard.
const WIPED_AT_ONCE: u64 = 64 << 20;

/// Bytes an unprivileged process may still write on the file system that holds `path`.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let figures = nix::sys::statvfs::statvfs(path)?;
    Ok(figures.blocks_available().saturating_mul(figures.fragment_size()))
}

/// Makes a block device (or a file) read as zeros from end to end, durably, and tells how far it is: bytes done, of all. The
/// device may forget the blocks instead of writing them, where it promises that they then read as zeros.
pub fn wipe(path: &Path, mut told: impl FnMut(u64, u64)) -> io::Result<()> {
    let mut device = File::options().read(true).write(true).open(path)?;
    let all = device.seek(SeekFrom::End(0))?;
    let mut done = 0;
    while done < all {
        told(done, all);
        let part = (all - done).min(WIPED_AT_ONCE);
        wipe_part(&device, done, part)?;
        done += part;
    }
    device.sync_all()?;
    told(all, all);
    Ok(())
}

fn wipe_part(device: &File, from: u64, length: u64) -> io::Result<()> {
    let number = |bytes: u64| i64::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge));
    let (from, length) = (number(from)?, number(length)?);
    let keep = FallocateFlags::FALLOC_FL_KEEP_SIZE;
    match fallocate(device, FallocateFlags::FALLOC_FL_PUNCH_HOLE | keep, from, length) {
        // The device cannot forget, or does not promise zeros: then they are written.
        Err(Errno::EOPNOTSUPP | Errno::EINVAL) => {
            fallocate(device, FallocateFlags::FALLOC_FL_ZERO_RANGE | keep, from, length)?;
            Ok(())
        }
        other => Ok(other?),
    }
}

/// Lets go of what memory keeps of a file or partition that was synced, so that the next read comes from the disk.
pub fn forget_cached(file: &File) -> io::Result<()> {
    use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
    Ok(posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?)
}

/// Has the kernel read the table of a disk's partitions anew. Fails while one of them is in use.
pub fn reread_table(disk: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: this ioctl takes no argument and touches no memory of ours.
    #[expect(unsafe_code, reason = "ioctl(2) has no safe form")]
    let result = unsafe { reread(disk.as_raw_fd()) };
    result?;
    Ok(())
}

// BLKRRPART of <linux/fs.h>.
nix::ioctl_none!(reread, 0x12, 95);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wiped_file_is_zeros_from_end_to_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk");
        let size = usize::try_from(WIPED_AT_ONCE).unwrap() + 12_345;
        std::fs::write(&path, vec![b'x'; size]).unwrap();
        let mut steps = Vec::new();
        wipe(&path, |done, all| steps.push((done, all))).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() == size && bytes.iter().all(|byte| *byte == 0));
        let all = u64::try_from(size).unwrap();
        assert_eq!(steps, [(0, all), (WIPED_AT_ONCE, all), (all, all)]);
        assert_eq!(wipe(Path::new("/nowhere/at/all"), |_, _| ()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_real_folder_has_figures_and_a_missing_one_an_error() {
        assert!(reread_table(&File::open("/proc/self/exe").unwrap()).is_err(), "no disk");
        assert!(forget_cached(&File::open("/proc/self/exe").unwrap()).is_ok());
        assert!(free_bytes(Path::new("/")).unwrap() < u64::MAX / 2);
        assert_eq!(free_bytes(Path::new("/nowhere/at/all")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
