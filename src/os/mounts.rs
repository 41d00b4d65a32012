//! What a first process has to mount by itself: the kernel's own file systems, and a FAT partition for a moment.

use std::fs;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// What every mount here forbids.
const CLOSED: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// Devices, processes, and what the kernel says of the machine, below `root`; the firmware's variables where it keeps some. What is
/// mounted already is fine.
pub fn kernel_views(root: &Path) -> io::Result<()> {
    let devices = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    for (kind, below, flags) in [("devtmpfs", "dev", devices), ("proc", "proc", CLOSED), ("sysfs", "sys", CLOSED)] {
        attach(kind, kind, &root.join(below), flags, None)?;
    }
    let variables = root.join("sys/firmware/efi/efivars");
    if variables.is_dir() {
        attach("efivarfs", "efivarfs", &variables, CLOSED, None)?;
    }
    Ok(())
}

/// A FAT partition at a folder, which is made where it is missing. For root alone; `writable` or not.
pub fn fat(device: &Path, folder: &Path, writable: bool) -> io::Result<()> {
    let flags = if writable { CLOSED | MsFlags::MS_SYNCHRONOUS } else { CLOSED | MsFlags::MS_RDONLY };
    attach("vfat", device, folder, flags, Some("umask=0077"))
}

fn attach(kind: &str, source: impl AsRef<Path>, folder: &Path, flags: MsFlags, words: Option<&str>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    match mount(Some(source.as_ref()), folder, Some(kind), flags, words) {
        Err(Errno::EBUSY) if words.is_none() => Ok(()),
        other => Ok(other?),
    }
}

/// Takes a mount away; its file system is on the disk when this answers.
pub fn release(folder: &Path) -> io::Result<()> {
    Ok(umount2(folder, MntFlags::empty())?)
}
