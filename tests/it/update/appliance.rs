//! A box of folders and files: a boot partition, two slots, a state folder; and a firmware that boots it as systemd-boot does.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use fluxgate::domain::Timestamp;
use fluxgate::update::record::{Event, Line, attempts};
use fluxgate::update::{Entry, KERNEL_REGION_BYTES, Places, Running, Slot, Tries, Updater, Version, next_boot};
use sha2::Digest as _;
use tempfile::TempDir;

use super::publisher::{Publisher, kernel, root_image, version};

/// Room for a root image, in bytes; a real slot has 448 MiB.
pub const ROOM: u64 = 8 * 1024 * 1024;

pub struct Appliance {
    pub dir: TempDir,
    pub now: Timestamp,
}

impl Appliance {
    /// As it leaves the factory: slot a is filled, with three tries.
    pub fn new(publisher: &Publisher, of: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let appliance = Self { dir, now: publisher.now };
        fs::create_dir_all(appliance.linux()).unwrap();
        fs::copy(publisher.anchor(), appliance.places().anchor).unwrap();
        for slot in Slot::BOTH {
            fs::File::create(appliance.slot(slot)).unwrap().set_len(ROOM + KERNEL_REGION_BYTES).unwrap();
        }
        let root = root_image(version(of), 200_000);
        let mut file = fs::OpenOptions::new().write(true).open(appliance.slot(Slot::A)).unwrap();
        std::io::Write::write_all(&mut file, &root).unwrap();
        fs::write(appliance.linux().join(format!("fluxgate-a_{of}+3.efi")), kernel("a", version(of), &root)).unwrap();
        appliance
    }

    pub fn places(&self) -> Places {
        let at = |name: &str| self.dir.path().join(name);
        Places {
            anchor: at("root.json"),
            esp: at("esp"),
            slot_a: at("root-a"),
            slot_b: at("root-b"),
            state: at("state"),
            tpm: at("tpm"),
        }
    }

    pub fn slot(&self, slot: Slot) -> PathBuf {
        let Places { slot_a, slot_b, .. } = self.places();
        if slot == Slot::A { slot_a } else { slot_b }
    }

    pub fn linux(&self) -> PathBuf {
        self.dir.path().join("esp/EFI/Linux")
    }

    /// The names on the boot partition.
    pub fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.linux()).unwrap();
        let mut names: Vec<String> = names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Restarts: the boot loader takes an entry and counts it down, and the kernel checks its root. Panics when there is
    /// nothing to boot, or when what is booted is not whole.
    pub fn boot(&self) -> Updater {
        let entries: Vec<Entry> = self.names().iter().filter_map(|name| name.parse().ok()).collect();
        let entry = next_boot(&entries).unwrap_or_else(|| panic!("nothing to boot: {:?}", self.names()));
        let mut path = self.linux().join(entry.to_string());
        if let Some(Tries { left: left @ 1.., done }) = entry.tries {
            let counted = Entry { tries: Some(Tries { left: left - 1, done: done + 1 }), ..entry };
            let to = self.linux().join(counted.to_string());
            fs::rename(&path, &to).unwrap();
            path = to;
        }
        let kernel = fs::read(&path).unwrap();
        let told = String::from_utf8_lossy(kernel.split(|byte| *byte == b'\n').next().unwrap()).into_owned();
        let [slot, of, bytes, hash] = told.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{}: no kernel", path.display())
        };
        assert_eq!((slot, of), (entry.slot.as_str(), entry.version.to_string().as_str()), "{}", path.display());
        assert_eq!(kernel.len(), 50_000, "{} is whole", path.display());
        let mut root = vec![0; bytes.parse().unwrap()];
        fs::File::open(self.slot(entry.slot)).unwrap().read_exact(&mut root).unwrap();
        let found: String = sha2::Sha256::digest(&root).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, hash, "verity: the root of {} is not whole", path.display());
        self.running(entry.slot, entry.version)
    }

    pub fn running(&self, slot: Slot, version: Version) -> Updater {
        Updater::new(self.places(), Running { slot, version })
    }

    /// Restarts into a version that proves healthy.
    pub fn healthy_boot(&self) -> (Running, Vec<Line>) {
        let updater = self.boot();
        updater.booted(self.now).unwrap();
        let settled = updater.settle(self.now).unwrap();
        (updater.running(), settled.lines)
    }

    /// The last attempt, as a person reads it.
    pub fn told(&self) -> String {
        let lines = self.running(Slot::A, version("1.3.2")).lines().unwrap();
        attempts(&lines).last().unwrap().text().en
    }

    pub fn apply(&self, updater: &Updater, file: &Path) {
        updater.apply(file, self.now, &mut |_| {}).unwrap();
    }
}

pub fn events(lines: &[Line]) -> Vec<Event> {
    lines.iter().map(|line| line.event).collect()
}
