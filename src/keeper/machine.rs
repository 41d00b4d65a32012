//! What the machine says of itself: read anew each time, from the kernel's and systemd's own files.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::sealer;
use crate::domain::Timestamp;
use crate::gate::{Clock, Interface, Memory, NetworkStatus, Sealing, Status};
use crate::os::{interfaces, process};
use crate::update::{self, UpdateError, Updater};

/// Bytes that are read of one such file, at most.
const FILE_LIMIT: u64 = 64 * 1024;
/// Interfaces that are told, at most, and addresses of each.
const INTERFACES_LIMIT: usize = 16;
const ADDRESSES_LIMIT: usize = 8;

/// The firmware's variable of Secure Boot (UEFI specification, §3.3).
const SECURE_BOOT: &str = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Touched by systemd-timesyncd.
const SYNCHRONISED: &str = "run/systemd/timesync/synchronized";
/// It asks its server at least every 35 minutes: after so long it has none.
const CLOCK_LONGEST: Duration = Duration::from_secs(2 * 3600);

/// The machine, as seen from its root folder.
#[derive(Debug, Clone)]
pub struct Machine {
    root: PathBuf,
}

/// Whether one of the gateway's units runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    Yes,
    No,
    /// Nobody tells: the machine has no such unit.
    Unknown,
}

impl Machine {
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    fn text(&self, below: &str) -> Option<String> {
        text(&self.path(below))
    }

    pub fn status(&self, reset_asked: bool, network: NetworkStatus) -> Status {
        Status {
            version: self.version(),
            slot: self.slot(),
            sealing: self.sealing(),
            seal: sealer::found(self),
            interfaces: self.interfaces(),
            reset_asked,
            network,
            clock: self.clock(SystemTime::now()),
            memory: self.memory(),
        }
    }

    fn memory(&self) -> Option<Memory> {
        let text = self.text("proc/meminfo")?;
        // `MemTotal:         481012 kB`
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
        };
        Some(Memory { total: of("MemTotal")?, available: of("MemAvailable")? })
    }

    /// Of the image; of this program where there is none.
    pub fn version(&self) -> String {
        let release = self.text("etc/os-release").unwrap_or_default();
        let version = release.lines().find_map(|line| line.strip_prefix("IMAGE_VERSION="));
        let version = version.map(|version| version.trim_matches('"')).unwrap_or(env!("CARGO_PKG_VERSION"));
        version.chars().take(40).collect()
    }

    /// A value on the signed command line.
    pub fn word(&self, key: &str) -> Option<String> {
        let words = self.text("proc/cmdline")?;
        words.split_whitespace().find_map(|word| word.strip_prefix(key)).map(str::to_owned)
    }

    /// The slot that was booted.
    pub fn slot(&self) -> Option<char> {
        self.word("fluxgate.slot=")?.parse().ok().filter(char::is_ascii_lowercase)
    }

    /// The updates of this machine, if it is one that is updated: seen from its root folder, so that another one never is.
    pub fn updates(&self) -> Result<(update::Machine, Updater), UpdateError> {
        let machine = update::Machine::find(&self.root)?;
        let updater = machine.updater();
        Ok((machine, updater))
    }

    /// Whether there is a TPM 2, and its driver found it.
    pub fn has_tpm(&self) -> bool {
        let version = self.text("sys/class/tpm/tpm0/tpm_version_major").unwrap_or_default();
        version.trim() == "2" && self.path("dev/tpmrm0").exists()
    }

    /// Whether the firmware starts only what is signed: the last byte of its variable, behind four of attributes.
    pub fn has_secure_boot(&self) -> bool {
        fs::read(self.path(SECURE_BOOT)).is_ok_and(|bytes| bytes.len() == 5 && bytes[4] == 1)
    }

    /// Whether `/var` is on an encrypted device, by what the kernel's device mapper says of it.
    pub fn sealing(&self) -> Sealing {
        let device = |below| fs::metadata(self.path(below)).map(|found| found.dev());
        let (Ok(var), Ok(root)) = (device("var"), device("")) else { return Sealing::Missing };
        if var == root {
            return Sealing::Missing;
        }
        match text(&self.device(var).join("dm/uuid")) {
            Some(uuid) if uuid.starts_with("CRYPT-") => Sealing::Sealed,
            _ => Sealing::Unsealed,
        }
    }

    /// A block device's folder in sysfs.
    fn device(&self, number: u64) -> PathBuf {
        let (major, minor) = (nix::sys::stat::major(number), nix::sys::stat::minor(number));
        self.path(&format!("sys/dev/block/{major}:{minor}"))
    }

    /// The partition that the root is on, as a folder of sysfs.
    fn slot_partition(&self) -> io::Result<PathBuf> {
        let root = self.device(fs::metadata(self.path(""))?.dev());
        // The root is a dm-verity device; below it is its slot.
        match fs::read_dir(root.join("slaves")).ok().and_then(|mut slaves| slaves.next()) {
            Some(slave) => fs::canonicalize(slave?.path()),
            None => fs::canonicalize(root),
        }
    }

    /// The device of the slot that the root is on.
    pub fn slot_device(&self) -> io::Result<PathBuf> {
        let said = fs::read_to_string(self.slot_partition()?.join("uevent"))?;
        let name = said.lines().find_map(|line| line.strip_prefix("DEVNAME="));
        Ok(self.path("dev").join(name.ok_or(ErrorKind::NotFound)?))
    }

    /// Whether a partition, by its kernel name (`vda4`), is on the disk that the root is on: two disks may have partitions of one
    /// name.
    pub fn is_on_own_disk(&self, partition: &str) -> io::Result<bool> {
        let slot = self.slot_partition()?;
        let found = fs::canonicalize(self.path("sys/class/block").join(partition))?;
        Ok(found.parent().is_some_and(|disk| slot.parent() == Some(disk)))
    }

    /// The partition of what is kept, on the disk that the root is on. `None` only where that disk's partitions were seen, the root's
    /// own among them, and none is it.
    pub fn data_partition(&self) -> io::Result<Option<PathBuf>> {
        let slot = self.slot_partition()?;
        let disk = slot.parent().ok_or(io::ErrorKind::NotFound)?;
        let mut own = false;
        for entry in fs::read_dir(disk)? {
            let partition = entry?.path();
            own |= partition == slot;
            let uevent = partition.join("uevent");
            let said = match text(&uevent) {
                Some(said) => said,
                None if uevent.exists() => {
                    return Err(io::Error::other(format!("{} cannot be read", uevent.display())));
                }
                None => continue,
            };
            let value = |key: &str| said.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            if value("PARTNAME") == Some("data")
                && let Some(name) = value("DEVNAME")
            {
                return Ok(Some(self.path("dev").join(name)));
            }
        }
        if own {
            Ok(None)
        } else {
            Err(io::Error::other(format!("{} does not list {}", disk.display(), slot.display())))
        }
    }

    /// What can be plugged in, and VLANs on it.
    pub fn interfaces(&self) -> Vec<Interface> {
        let addresses = interfaces::addresses().unwrap_or_default();
        let folder = self.path("sys/class/net");
        let names = fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.retain(|name| is_of_a_wire(&folder.join(name)));
        names.sort();
        names.truncate(INTERFACES_LIMIT);
        let interface = |name: String| {
            let mut own: Vec<_> = addresses.iter().filter(|one| one.interface == name).collect();
            own.sort_by_key(|one| (is_link_local(one.ip), one.ip.is_ipv6()));
            let carrier = text(&folder.join(&name).join("carrier")).map(|said| said.trim() == "1");
            let addresses = own.iter().take(ADDRESSES_LIMIT).map(|one| format!("{}/{}", one.ip, one.prefix)).collect();
            Interface { mac: mac(&folder.join(&name)), name, carrier, addresses }
        };
        names.into_iter().map(interface).collect()
    }

    /// What can be plugged in, VLANs left out, with its MAC address.
    pub fn cards(&self) -> Vec<(String, Option<String>)> {
        let folder = self.path("sys/class/net");
        let is_card = |one: &Interface| folder.join(&one.name).join("device").exists();
        self.interfaces().into_iter().filter(is_card).map(|one| (one.name, one.mac)).collect()
    }

    /// Whether the clock follows a server: systemd-timesyncd touches a file each time it does.
    pub fn clock(&self, now: SystemTime) -> Clock {
        let touched = fs::metadata(self.path(SYNCHRONISED)).and_then(|found| found.modified());
        let Ok(touched) = touched else { return Clock::Never };
        let millis = touched.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let at = Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX));
        match now.duration_since(touched) {
            Ok(age) if age > CLOCK_LONGEST => Clock::Lost { at },
            _ => Clock::Synchronised { at },
        }
    }

    /// Whether a unit has processes.
    pub fn runs(&self, unit: &str) -> Running {
        let Some(said) = self.text(&format!("sys/fs/cgroup/system.slice/{unit}.service/cgroup.events")) else {
            // systemd removes the group of a unit that does not run.
            let systemd = self.path("sys/fs/cgroup/system.slice").is_dir();
            return if systemd { Running::No } else { Running::Unknown };
        };
        if said.lines().any(|line| line == "populated 1") { Running::Yes } else { Running::No }
    }

    /// The processes of a unit.
    pub fn processes(&self, unit: &str) -> Vec<u32> {
        let said = self.text(&format!("sys/fs/cgroup/system.slice/{unit}.service/cgroup.procs")).unwrap_or_default();
        said.lines().filter_map(|line| line.trim().parse().ok()).filter(|pid| *pid > 0).collect()
    }

    /// The devices on which the kernel has a console: `ttyS0`, `tty0`.
    pub fn consoles(&self) -> Vec<String> {
        let said = self.text("sys/class/tty/console/active").unwrap_or_default();
        let is_name = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric());
        said.split_whitespace().filter(is_name).map(str::to_owned).collect()
    }

    /// Since power-on.
    pub fn uptime(&self) -> Duration {
        let said = self.text("proc/uptime").unwrap_or_default();
        let seconds = said.split(['.', ' ']).next().and_then(|whole| whole.parse().ok());
        Duration::from_secs(seconds.unwrap_or(0))
    }

    /// Refused where systemd does not run: nobody else knows the signal.
    pub fn can_restart(&self) -> io::Result<()> {
        if self.path("run/systemd/system").is_dir() {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::Unsupported, "systemd is not process 1"))
    }

    /// Asks for an orderly restart.
    pub fn restart(&self) -> io::Result<()> {
        self.can_restart()?;
        process::restart_machine()
    }
}

/// Whether an interface is a card, or a VLAN on one: the loopback and tunnels that the kernel makes unasked are neither.
fn is_of_a_wire(interface: &Path) -> bool {
    let entries = || fs::read_dir(interface).into_iter().flatten().flatten();
    interface.join("device").exists()
        || entries().any(|entry| entry.file_name().as_encoded_bytes().starts_with(b"lower_"))
}

fn mac(interface: &Path) -> Option<String> {
    let said = text(&interface.join("address"))?;
    Some(said.trim().to_ascii_lowercase()).filter(|mac| mac.len() == 17)
}

pub fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// A file of the kernel's or systemd's.
fn text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(FILE_LIMIT).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let machine = Machine::at(dir.path());
        (dir, machine)
    }

    #[test]
    fn version_and_slot_are_those_of_the_image() {
        let (_dir, here) = machine(&[
            ("etc/os-release", "ID=fluxgate\nIMAGE_VERSION=1.4.0\nVERSION_ID=1.4.0\n"),
            ("proc/cmdline", "quiet ro fluxgate.slot=b panic=5\n"),
            ("proc/uptime", "181.25 300.00\n"),
        ]);
        assert_eq!((here.version().as_str(), here.slot()), ("1.4.0", Some('b')));
        assert_eq!(here.uptime(), Duration::from_secs(181));
        let (_dir, elsewhere) = machine(&[("proc/cmdline", "fluxgate.slot=../x")]);
        assert_eq!((elsewhere.version().as_str(), elsewhere.slot()), (env!("CARGO_PKG_VERSION"), None));
        assert_eq!(elsewhere.sealing(), Sealing::Missing);
    }

    #[test]
    fn a_tpm_counts_once_its_device_is_there() {
        let version = ("sys/class/tpm/tpm0/tpm_version_major", "2\n");
        assert!(machine(&[version, ("dev/tpmrm0", "")]).1.has_tpm());
        assert!(!machine(&[version]).1.has_tpm());
        assert!(!machine(&[("sys/class/tpm/tpm0/tpm_version_major", "1\n"), ("dev/tpmrm0", "")]).1.has_tpm());
        assert!(machine(&[(SECURE_BOOT, "\x06\0\0\0\x01")]).1.has_secure_boot());
        assert!(!machine(&[(SECURE_BOOT, "\x06\0\0\0\0")]).1.has_secure_boot());
        assert!(!machine(&[]).1.has_secure_boot());
    }

    #[test]
    fn a_unit_runs_while_it_has_processes() {
        let group = "sys/fs/cgroup/system.slice/fluxgate-core.service/cgroup.events";
        let (_dir, here) = machine(&[(group, "populated 1\nfrozen 0\n")]);
        assert_eq!(here.runs("fluxgate-core"), Running::Yes);
        assert_eq!(here.runs("fluxgate-front"), Running::No);
        let (_dir, here) = machine(&[(group, "populated 0\nfrozen 0\n")]);
        assert_eq!(here.runs("fluxgate-core"), Running::No);
        let (_dir, elsewhere) = machine(&[]);
        assert_eq!(elsewhere.runs("fluxgate-core"), Running::Unknown);
        assert_eq!(elsewhere.restart().unwrap_err().kind(), io::ErrorKind::Unsupported);
    }

    /// Two disks may have partitions of one name: the one beside the slot that runs counts.
    #[test]
    fn the_data_partition_is_that_of_the_root_s_own_disk() {
        let (dir, here) = machine(&[
            ("sys/devices/vda/vda2/uevent", "DEVNAME=vda2\nPARTNAME=root-a\n"),
            ("sys/devices/vda/vda4/uevent", "DEVNAME=vda4\nPARTNAME=data\n"),
            ("sys/devices/vdb/vdb4/uevent", "DEVNAME=vdb4\nPARTNAME=data\n"),
            ("sys/devices/dm-0/dm/uuid", "CRYPT-VERITY-x"),
        ]);
        let link = |from: &str, to: &str| {
            let from = dir.path().join(from);
            fs::create_dir_all(from.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(dir.path().join(to), from).unwrap();
        };
        link("sys/devices/dm-0/slaves/vda2", "sys/devices/vda/vda2");
        let number = fs::metadata(dir.path()).unwrap().dev();
        let device = here.device(number);
        link(device.strip_prefix(dir.path()).unwrap().to_str().unwrap(), "sys/devices/dm-0");
        assert_eq!(here.data_partition().unwrap(), Some(dir.path().join("dev/vda4")));
        link("sys/class/block/vda4", "sys/devices/vda/vda4");
        link("sys/class/block/vdb4", "sys/devices/vdb/vdb4");
        assert!(here.is_on_own_disk("vda4").unwrap() && !here.is_on_own_disk("vdb4").unwrap());
        assert!(here.is_on_own_disk("vdc4").is_err());
        assert_eq!(here.slot_device().unwrap(), dir.path().join("dev/vda2"));
        fs::remove_dir_all(dir.path().join("sys/devices/vda/vda4")).unwrap();
        assert_eq!(here.data_partition().unwrap(), None);
        // What is not seen is not taken for gone.
        fs::remove_file(dir.path().join("sys/devices/dm-0/slaves/vda2")).unwrap();
        std::os::unix::fs::symlink("/nowhere/vda2", dir.path().join("sys/devices/dm-0/slaves/vda2")).unwrap();
        assert!(here.data_partition().is_err());
    }

    #[test]
    fn memory_is_told_in_bytes() {
        let (_dir, here) =
            machine(&[("proc/meminfo", "MemTotal:         481012 kB\nMemFree: 1 kB\nMemAvailable:     400000 kB\n")]);
        let told = here.memory().unwrap();
        assert_eq!((told.total, told.available, told.used()), (481_012 << 10, 400_000 << 10, 81_012 << 10));
        for other in ["", "MemTotal: 481012 kB\n", "MemTotal: x kB\nMemAvailable: 1 kB\n"] {
            assert_eq!(machine(&[("proc/meminfo", other)]).1.memory(), None, "{other}");
        }
    }

    #[test]
    fn cards_and_vlans_are_told_with_what_is_plugged_in() {
        let (_dir, here) = machine(&[
            ("sys/class/net/lo/carrier", "1\n"),
            ("sys/class/net/sit0/carrier", "0\n"),
            ("sys/class/net/eth1/device/vendor", "0x8086\n"),
            ("sys/class/net/eth0/device/vendor", "0x8086\n"),
            ("sys/class/net/eth0/carrier", "0\n"),
            ("sys/class/net/eth0.7/lower_eth0/carrier", "0\n"),
            ("sys/class/net/eth0.7/carrier", "1\n"),
        ]);
        let told: Vec<_> = here.interfaces().into_iter().map(|one| (one.name, one.carrier)).collect();
        let wanted = [("eth0", Some(false)), ("eth0.7", Some(true)), ("eth1", None)];
        assert_eq!(told, wanted.map(|(name, carrier)| (name.to_owned(), carrier)));
    }
}
