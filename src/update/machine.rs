//! The appliance this program runs on: which slot, which version, and where its partitions are.
//!
//! Promise: the partitions are those of the disk that runs, followed from its root device; a second disk with the same
//! labels is never touched.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{IMAGE_ROOT, Places, Running, Slot, UpdateError, Updater, Version};
use crate::domain::Timestamp;
use crate::fault::Text;

/// Where updates are remembered: the keeper's own folder on the data partition.
pub const STATE_FOLDER: &str = "/var/lib/fluxgate-keeper/update";

/// Where the image mounts its boot partition.
pub const ESP_FOLDER: &str = "/run/fluxgate-keeper/esp";

/// The TPM 2, by the kernel's resource manager.
const TPM: &str = "/dev/tpmrm0";

/// The labels of the partitions.
const ESP: &str = "esp";

/// The device the kernel sets up for the root, before anything else.
const ROOT_DEVICE: &str = "sys/block/dm-0/slaves";

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub running: Running,
    /// When its image was built (`BUILD_ID`, RFC 3339), where it says so.
    pub built: Option<Timestamp>,
    /// The devices, as `/dev/vda1`.
    pub esp: PathBuf,
    pub slot_a: PathBuf,
    pub slot_b: PathBuf,
}

impl Machine {
    /// Looks at the system below a folder: `/`.
    pub fn find(system: &Path) -> Result<Self, UpdateError> {
        let os_release = read(system, "etc/os-release")?;
        let version = version(&os_release)?;
        let built = value(&os_release, "BUILD_ID").and_then(|built| built.parse().ok());
        let slot = slot(&read(system, "proc/cmdline")?)?;
        let (own, disk) = root_partition(system)?;
        let expected = format!("root-{slot}");
        if label(&own).as_deref() != Some(&expected) {
            return Err(none(
                &format!("sa racine n'est pas sur la partition {expected}"),
                &format!("its root is not on the partition {expected}"),
            ));
        }
        let device = |name: &str| device_of(&disk, name);
        Ok(Self {
            running: Running { slot, version },
            built,
            esp: device(ESP)?,
            slot_a: device("root-a")?,
            slot_b: device("root-b")?,
        })
    }

    /// Whether the system below a folder is an image of ours, whatever else is wrong with it.
    pub fn is_image(system: &Path) -> bool {
        read(system, "etc/os-release").is_ok_and(|os_release| version(&os_release).is_ok())
    }

    /// Refuses a folder on which the boot partition is not mounted: what is written there would boot nothing.
    pub fn has_mounted(&self, folder: &Path) -> Result<(), UpdateError> {
        let mounted = fs::metadata(folder).map(|found| found.dev());
        match (mounted, fs::metadata(&self.esp).map(|device| device.rdev())) {
            (Ok(mounted), Ok(device)) if mounted == device => Ok(()),
            _ => Err(UpdateError::NoBootPartition { folder: folder.to_owned() }),
        }
    }

    /// The updates of this machine. What they read is sound wherever the boot partition is; before they write,
    /// [`Machine::has_mounted`] is to be asked.
    pub fn updater(&self) -> Updater {
        let places = Places {
            anchor: IMAGE_ROOT.into(),
            esp: ESP_FOLDER.into(),
            slot_a: self.slot_a.clone(),
            slot_b: self.slot_b.clone(),
            state: STATE_FOLDER.into(),
            tpm: TPM.into(),
        };
        Updater::new(places, self.running)
    }

    /// The same, where its boot partition is mounted.
    pub fn ready(&self) -> Result<Updater, UpdateError> {
        self.has_mounted(Path::new(ESP_FOLDER)).map(|()| self.updater())
    }

    /// The instant that expiry is judged at: see [`super::now`]. `known`: the latest that the journal knows of.
    pub fn now(&self, updater: &Updater, known: Option<Timestamp>) -> Result<Timestamp, UpdateError> {
        let lines = updater.lines()?;
        let known = lines.iter().map(|line| line.at).chain(known).chain(self.built);
        Ok(super::now(Timestamp::now(), &known.collect::<Vec<_>>()))
    }
}

fn none(fr: &str, en: &str) -> UpdateError {
    UpdateError::NoAppliance(Text::new(fr, en))
}

fn read(system: &Path, path: &str) -> Result<String, UpdateError> {
    fs::read_to_string(system.join(path))
        .map_err(|error| UpdateError::NoAppliance(Text::from(&error).about(format!("/{path}"))))
}

fn value(os_release: &str, key: &str) -> Option<String> {
    let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(line.trim_matches('"').to_owned())
}

fn version(os_release: &str) -> Result<Version, UpdateError> {
    let image =
        value(os_release, "IMAGE_ID").filter(|id| id == "fluxgate").and_then(|_| value(os_release, "IMAGE_VERSION"));
    image
        .and_then(|version| version.parse().ok())
        .ok_or_else(|| none("son système n'est pas l'image de Fluxgate", "its system is not Fluxgate's image"))
}

fn slot(cmdline: &str) -> Result<Slot, UpdateError> {
    let word = cmdline.split_ascii_whitespace().find_map(|word| word.strip_prefix("fluxgate.slot="));
    word.and_then(|slot| slot.parse().ok())
        .ok_or_else(|| none("son noyau ne dit pas son emplacement", "its kernel does not tell its slot"))
}

/// The partition below the verified root, and the disk it is on, both as folders of the kernel's.
fn root_partition(system: &Path) -> Result<(PathBuf, PathBuf), UpdateError> {
    let lacks = || none("sa racine n'est pas vérifiée par le noyau", "its root is not verified by the kernel");
    let slaves = fs::read_dir(system.join(ROOT_DEVICE)).map_err(|_| lacks())?;
    let slave = slaves.flatten().next().ok_or_else(lacks)?;
    let partition = fs::canonicalize(slave.path()).map_err(|_| lacks())?;
    let disk = partition.parent().map(Path::to_owned).ok_or_else(lacks)?;
    Ok((partition, disk))
}

/// A value of a device's folder.
fn told(device: &Path, key: &str) -> Option<String> {
    let uevent = fs::read_to_string(device.join("uevent")).ok()?;
    uevent.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=').map(str::to_owned))
}

fn label(device: &Path) -> Option<String> {
    told(device, "PARTNAME")
}

fn device_of(disk: &Path, name: &str) -> Result<PathBuf, UpdateError> {
    let mut found: Vec<String> = fs::read_dir(disk)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| label(&entry.path()).as_deref() == Some(name))
        .filter_map(|entry| told(&entry.path(), "DEVNAME"))
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(device), true) if !device.contains("..") => Ok(Path::new("/dev").join(device)),
        (Some(_), _) => {
            Err(none(&format!("son disque a deux partitions {name}"), &format!("its disk has two partitions {name}")))
        }
        (None, _) => {
            Err(none(&format!("son disque n'a pas de partition {name}"), &format!("its disk has no partition {name}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A system as the kernel shows it, with two disks of the same labels.
    fn system(dir: &Path) {
        let put = |path: &str, text: &str| {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("etc/os-release", "ID=fluxgate\nIMAGE_ID=fluxgate\nIMAGE_VERSION=1.3.2\nBUILD_ID=2026-11-27T08:00:00Z\n");
        put("proc/cmdline", "quiet dm-mod.create=\"root,,0,ro\" fluxgate.slot=b panic=5\n");
        for disk in ["vda", "vdb"] {
            for (n, name) in ["esp", "root-a", "root-b", "data"].iter().enumerate() {
                let part = format!("{disk}{}", n + 1);
                put(
                    &format!("sys/devices/{disk}/{part}/uevent"),
                    &format!("DEVNAME={part}\nDEVTYPE=partition\nPARTNAME={name}\n"),
                );
            }
        }
        fs::create_dir_all(dir.join(ROOT_DEVICE)).unwrap();
        symlink(dir.join("sys/devices/vdb/vdb3"), dir.join(ROOT_DEVICE).join("vdb3")).unwrap();
    }

    fn refused(dir: &Path) -> String {
        match Machine::find(dir).unwrap_err() {
            UpdateError::NoAppliance(why) => why.en,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_partitions_of_the_disk_that_runs_are_found_beside_a_twin() {
        let dir = tempfile::tempdir().unwrap();
        assert!(refused(dir.path()).starts_with("/etc/os-release"));
        system(dir.path());
        let machine = Machine::find(dir.path()).unwrap();
        let dev = |name: &str| PathBuf::from(format!("/dev/{name}"));
        assert_eq!(machine.built.unwrap().to_string(), "2026-11-27T08:00:00.000Z");
        assert_eq!(machine.running, Running { slot: Slot::B, version: "1.3.2".parse().unwrap() });
        // Sound on the disk, and not mounted where it is to be: what is written there would start nothing.
        let fault = machine.has_mounted(dir.path()).unwrap_err().fault();
        assert_eq!(fault.code.as_str(), "FG-937");
        assert!(machine.ready().is_err());
        assert_eq!((machine.esp, machine.slot_a, machine.slot_b), (dev("vdb1"), dev("vdb2"), dev("vdb3")));
        // Its root is another slot's than its kernel says.
        fs::write(dir.path().join("proc/cmdline"), "fluxgate.slot=a").unwrap();
        assert!(refused(dir.path()).contains("root-a"));
        fs::write(dir.path().join("proc/cmdline"), "quiet").unwrap();
        assert!(refused(dir.path()).contains("slot"));
        fs::write(dir.path().join("proc/cmdline"), "fluxgate.slot=b").unwrap();
        let twin = dir.path().join("sys/devices/vdb/vdb4/uevent");
        fs::write(&twin, "DEVNAME=vdb4\nPARTNAME=root-a\n").unwrap();
        assert!(refused(dir.path()).contains("two partitions root-a"));
        fs::remove_file(dir.path().join("sys/devices/vdb/vdb1/uevent")).unwrap();
        assert!(refused(dir.path()).contains("no partition esp"));
        fs::write(dir.path().join("etc/os-release"), "ID=debian\n").unwrap();
        assert!(refused(dir.path()).contains("image"));
    }
}
