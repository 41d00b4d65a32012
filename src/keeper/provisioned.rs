//! What an installation that nobody watched left on the boot partition for the first start: who agreed to it, and the network.
//!
//! The installer writes it; keeper takes it over and removes it. Settings that keeper has already are never replaced.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::events::Events;
use super::machine::Machine;
use super::network::Network;
use super::{RUN_DIR, STATE_DIR};
use crate::domain::Timestamp;
use crate::gate::{Happening, NetworkSettings, Refusal};
use crate::os::durable;

/// Its folder on the boot partition, and its files.
const FOLDER: &str = "fluxgate";
const INSTALLATION: &str = "installation.json";
const NETWORK: &str = "network.json";
/// There in keeper's folder once the first start has taken over what was left, or found nothing.
const OVER: &str = "provisioned";
/// Bytes of one of them, at most.
const FILE_LIMIT: u64 = 64 * 1024;

/// How the box was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installation {
    pub version: String,
    pub at: Timestamp,
    /// The disk that was wiped.
    pub disk: String,
    /// Who agreed.
    pub signed_off: String,
}

/// Puts it on a boot partition that is mounted at `esp`, durably.
pub fn leave(esp: &Path, installation: &Installation, network: Option<&NetworkSettings>) -> io::Result<()> {
    let folder = esp.join(FOLDER);
    durable::make_dir_durably(&folder)?;
    durable::write_synced(&folder.join(INSTALLATION), &serde_json::to_vec_pretty(installation)?)?;
    if let Some(network) = network {
        durable::write_synced(&folder.join(NETWORK), &serde_json::to_vec_pretty(network)?)?;
    }
    durable::sync_dir(&folder)
}

/// Whether just that stands on a boot partition.
pub fn is_left(esp: &Path, installation: &Installation, network: Option<&NetworkSettings>) -> io::Result<bool> {
    let folder = esp.join(FOLDER);
    let same = read::<Installation>(&folder.join(INSTALLATION))?.as_ref() == Some(installation);
    Ok(same && read::<NetworkSettings>(&folder.join(NETWORK))?.as_ref() == network)
}

/// A file's content; `None` where there is none.
fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let mut bytes = Vec::new();
    match fs::File::open(path).and_then(|file| file.take(FILE_LIMIT).read_to_end(&mut bytes)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(_) => Ok(Some(serde_json::from_slice(&bytes)?)),
    }
}

/// Takes over what was left, once; what cannot be kept now stays for the next start.
pub(super) fn take(machine: &Machine, network: &mut Network, events: &mut Events) {
    let esp = machine.path(RUN_DIR).join("esp");
    let files = [INSTALLATION, NETWORK].map(|name| esp.join(FOLDER).join(name));
    let over = machine.path(STATE_DIR).join(OVER);
    if over.exists() {
        // Whoever can write to the boot partition is not who installed the box.
        for late in files.iter().filter(|file| file.exists()) {
            log::warn!(path:display = late.display(); "What stands there came after the first start, and counts for nothing");
            remove(late);
        }
        return;
    }
    take_installation(&files[0], events);
    take_network(&files[1], network, events);
    // Where the boot partition is not mounted, nothing is known of it yet.
    let is_over = esp.join("EFI").is_dir() && !files.iter().any(|file| file.exists());
    if let Err(error) = is_over.then(|| durable::write_atomically(&over, b"")).transpose() {
        say(&over, &error);
    }
}

fn take_installation(path: &Path, events: &mut Events) {
    match read::<Installation>(path) {
        Ok(None) => return,
        Ok(Some(one)) => {
            let (version, disk, at) = (one.version.as_str(), one.disk.as_str(), one.at.to_string());
            log::warn!(version, disk, at = at.as_str(); "Installed by a provisioning file");
            if !events.note(Happening::Provisioned, Timestamp::now()) {
                return;
            }
        }
        Err(error) => say(path, &error),
    }
    remove(path);
}

fn take_network(path: &Path, network: &mut Network, events: &mut Events) {
    let what = match read::<NetworkSettings>(path) {
        Ok(None) => return,
        // Kept before the box was cut.
        Ok(Some(settings)) if network.has_settings() && settings == *network.in_force() => {
            Happening::NetworkProvisioned
        }
        Ok(Some(_)) if network.has_settings() => {
            log::warn!("The provisioning file's network settings do not count: the box has settings of its own");
            return remove(path);
        }
        Ok(Some(settings)) => match network.adopt(settings) {
            Ok(()) => Happening::NetworkProvisioned,
            Err(refusal @ Refusal::Network(_)) => {
                log::error!(error = refusal.text().en.as_str(); "The provisioning file's network settings do not fit: every card asks DHCP");
                Happening::NetworkProvisionRefused
            }
            Err(refusal) => {
                log::error!(error = refusal.text().en.as_str(); "The provisioning file's network settings cannot be kept now");
                return;
            }
        },
        Err(error) => {
            say(path, &error);
            Happening::NetworkProvisionRefused
        }
    };
    if events.note(what, Timestamp::now()) {
        remove(path);
    }
}

fn say(path: &Path, error: &io::Error) {
    let (path, error) = (path.display(), error.to_string());
    log::error!(path:display = path, error = error.as_str(); "What the installer left cannot be read");
}

fn remove(path: &Path) {
    if let Err(error) = durable::remove_durably(path) {
        say(path, &error);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::gate::{Draft, SideDraft};

    struct Box {
        dir: tempfile::TempDir,
    }

    impl Box {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            for folder in [
                "run/systemd/network",
                "var/lib/fluxgate-keeper",
                "run/fluxgate-keeper/esp",
                "sys/class/net/eth0/device",
            ] {
                fs::create_dir_all(dir.path().join(folder)).unwrap();
            }
            Self { dir }
        }

        fn esp(&self) -> PathBuf {
            self.dir.path().join("run/fluxgate-keeper/esp")
        }

        /// A start of keeper: what happened, and the network's file.
        fn start(&self) -> (Vec<Happening>, String) {
            let machine = Machine::at(self.dir.path());
            let mut events = Events::open(&self.dir.path().join("var/lib/fluxgate-keeper"));
            let (mut network, _) = Network::open(&machine);
            take(&machine, &mut network, &mut events);
            let happened = events.waiting().0.iter().map(|event| event.what).collect();
            events.recorded(u64::MAX);
            let file = fs::read_to_string(self.dir.path().join("run/systemd/network/10-fluxgate-0.network"));
            (happened, file.unwrap_or_default())
        }

        fn left(&self) -> usize {
            fs::read_dir(self.esp().join(FOLDER)).unwrap().count()
        }
    }

    fn installation() -> Installation {
        let [version, disk, signed_off] = ["1.4.0", "nvme0n1 (S4EVNX0R)", "C. Durand"].map(str::to_owned);
        Installation { version, at: Timestamp::from_millis(1_000), disk, signed_off }
    }

    fn fixed(card: &str) -> NetworkSettings {
        let [card, ipv4, address4] = [card, "static", "192.0.2.7/24"].map(str::to_owned);
        Draft { inside: SideDraft { card, ipv4, address4, ..SideDraft::default() }, ..Draft::default() }.read().unwrap()
    }

    #[test]
    fn the_first_start_takes_over_what_was_left_and_no_other_does() {
        let here = Box::new();
        assert_eq!(here.start().0, []);
        leave(&here.esp(), &installation(), Some(&fixed("eth0"))).unwrap();
        assert!(is_left(&here.esp(), &installation(), Some(&fixed("eth0"))).unwrap());
        assert!(!is_left(&here.esp(), &installation(), None).unwrap());
        let (happened, file) = here.start();
        assert_eq!(happened, [Happening::Provisioned, Happening::NetworkProvisioned]);
        assert!(file.contains("Address=192.0.2.7/24"), "{file}");
        assert_eq!((here.left(), here.start().0), (0, vec![]));
        let (network, _) = Network::open(&Machine::at(here.dir.path()));
        assert_eq!((network.in_force(), network.has_settings()), (&fixed("eth0"), true));
        // What is set counts more than what somebody puts there later.
        leave(&here.esp(), &installation(), Some(&NetworkSettings::default())).unwrap();
        assert_eq!(here.start().0, [Happening::Provisioned]);
        assert_eq!(here.left(), 0);
        assert_eq!(Network::open(&Machine::at(here.dir.path())).0.in_force(), &fixed("eth0"));
    }

    #[test]
    fn what_comes_after_the_first_start_counts_for_nothing() {
        let here = Box::new();
        // As on a box: there is a boot loader beside it.
        fs::create_dir(here.esp().join("EFI")).unwrap();
        assert_eq!(here.start().0, []);
        leave(&here.esp(), &installation(), Some(&fixed("eth0"))).unwrap();
        assert_eq!((here.start().0, here.left()), (vec![], 0));
        assert!(!Network::open(&Machine::at(here.dir.path())).0.has_settings());
    }

    #[test]
    fn settings_that_cannot_be_are_told_and_gone() {
        let here = Box::new();
        leave(&here.esp(), &installation(), Some(&fixed("eth7"))).unwrap();
        assert_eq!(here.start().0, [Happening::Provisioned, Happening::NetworkProvisionRefused]);
        for damage in ["", "{", "{\"inside\":{\"card\":\"\",\"ipv4\":\"dhcp\",\"ipv6\":\"off\"},\"more\":1}"] {
            fs::write(here.esp().join(FOLDER).join(NETWORK), damage).unwrap();
            fs::write(here.esp().join(FOLDER).join(INSTALLATION), damage).unwrap();
            assert_eq!(here.start().0, [Happening::NetworkProvisionRefused], "{damage}");
            assert_eq!(here.left(), 0);
        }
    }

    #[test]
    fn what_cannot_be_kept_yet_stays_for_the_next_start() {
        let here = Box::new();
        leave(&here.esp(), &installation(), Some(&fixed("eth0"))).unwrap();
        let state = here.dir.path().join("var/lib/fluxgate-keeper");
        fs::remove_dir(&state).unwrap();
        here.start();
        assert_eq!(here.left(), 2);
        fs::create_dir(&state).unwrap();
        assert_eq!(here.start().0, [Happening::Provisioned, Happening::NetworkProvisioned]);
    }
}
