//! What the first start is to take over, put on the new disk's boot partition (`keeper::provisioned`), and read back from it.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::disks::Disk;
use super::error::InstallError;
use super::provisioning::Provisioning;
use crate::domain::Timestamp;
use crate::keeper::provisioned::{Installation, is_left, leave};
use crate::os::{disk as medium, mounts};

/// Where the boot partition is mounted for a moment.
const FOLDER: &str = "esp";
/// The boot partition's place in the table.
const BOOT_PARTITION: &str = "1";
/// The kernel shows the partitions of a new table within this, else never.
const SHOWN_LONGEST: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

/// Hands over; `version` is what was installed.
pub fn hand_over(root: &Path, onto: &Disk, order: &Provisioning, version: &str) -> Result<(), InstallError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause| InstallError::Handover { path, cause }
    };
    let partition = boot_partition(root, onto).map_err(failed(&onto.path))?;
    let installation = Installation {
        version: version.to_owned(),
        at: Timestamp::now(),
        disk: onto.text().en,
        signed_off: order.signed_off.as_str().to_owned(),
    };
    let folder = root.join(FOLDER);
    let network = order.network.as_ref();
    mounts::fat(&partition, &folder, true).map_err(failed(&partition))?;
    let left = leave(&folder, &installation, network);
    mounts::release(&folder).and(left).map_err(failed(&partition))?;
    // As another start would see it.
    forget(&partition).and_then(|()| mounts::fat(&partition, &folder, false)).map_err(failed(&partition))?;
    let same = is_left(&folder, &installation, network);
    mounts::release(&folder).map_err(failed(&partition))?;
    match same.map_err(failed(&partition))? {
        true => Ok(()),
        false => Err(InstallError::ReadBack { path: partition, at: 0 }),
    }
}

fn forget(partition: &Path) -> io::Result<()> {
    let file = File::open(partition)?;
    file.sync_all()?;
    medium::forget_cached(&file)
}

/// The first partition of a disk whose table was just written, once the kernel has it.
fn boot_partition(root: &Path, disk: &Disk) -> io::Result<PathBuf> {
    let begun = Instant::now();
    loop {
        let read = File::open(&disk.path).and_then(|file| medium::reread_table(&file));
        match read.map(|()| partition_of(root, disk)) {
            Ok(Some(partition)) => return Ok(partition),
            Err(error) if begun.elapsed() >= SHOWN_LONGEST => return Err(error),
            Ok(None) if begun.elapsed() >= SHOWN_LONGEST => return Err(ErrorKind::NotFound.into()),
            _ => std::thread::sleep(LOOK),
        }
    }
}

fn partition_of(root: &Path, disk: &Disk) -> Option<PathBuf> {
    let below = fs::read_dir(root.join("sys/block").join(&disk.name)).ok()?;
    let is_first =
        |folder: &Path| fs::read_to_string(folder.join("partition")).is_ok_and(|n| n.trim() == BOOT_PARTITION);
    let found = below.flatten().find(|entry| is_first(&entry.path()))?;
    Some(root.join("dev").join(found.file_name())).filter(|device| device.exists())
}
