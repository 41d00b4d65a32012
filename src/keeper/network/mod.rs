//! The network as it is set, and a change on trial: it counts once somebody who reached the box by it, or stands before it, says
//! so; else the former settings come back by themselves, after a power cut too.
//!
//! Kept as one file in keeper's own folder. What is in force is written for systemd-networkd into the run folder, and a unit
//! that watches a mark there has it read anew: keeper itself can change no interface.

pub mod files;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::STATE_DIR;
use super::machine::Machine;
use crate::gate::{
    Card, Happening, NetworkProblem, NetworkSettings, NetworkStatus, NetworkTrial, Refusal, SettingsField, Wrong,
};
use crate::os::{durable, process};

/// Within this somebody has to confirm a change.
pub const TRIAL: Duration = Duration::from_secs(300);
/// Where systemd-networkd reads.
const FILES_DIR: &str = "run/systemd/network";
/// Touched when they were written: a unit waits for it.
const MARK: &str = "run/fluxgate-keeper/network";
/// Bytes of the file, at most: many times what the longest settings are.
const FILE_LIMIT: u64 = 64 * 1024;

/// Why the network's files could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
pub struct NetworkError {
    path: PathBuf,
    cause: io::Error,
}

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Confirmed.
    settings: NetworkSettings,
    /// In force, and not confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trial: Option<NetworkSettings>,
}

/// The settings in this life of the process.
#[derive(Debug)]
pub struct Network {
    machine: Machine,
    kept: Kept,
    /// When the trial began.
    begun: Option<Instant>,
}

impl Network {
    /// Reads what is kept. A change that nobody confirmed in an earlier life is over; that, and a file that makes no sense,
    /// is something to be told.
    pub fn open(machine: &Machine) -> (Self, Option<Happening>) {
        let (kept, damaged) = read(machine);
        let mut network = Self { machine: machine.clone(), kept, begun: None };
        if damaged {
            let path = path(machine);
            let _ = fs::rename(&path, path.with_extension("damaged"));
            return (network, Some(Happening::NetworkDamaged));
        }
        let reverted = network.kept.trial.is_some().then(|| network.revert());
        (network, reverted)
    }

    /// Takes settings into force, on trial. Nothing changes where they are those in force already.
    pub fn propose(&mut self, settings: NetworkSettings, now: Instant) -> Result<(), Refusal> {
        check(&self.machine, &settings).map_err(Refusal::Network)?;
        if settings == *self.in_force() {
            return Ok(());
        }
        // Back to what is confirmed needs nobody's word.
        let trial = (settings != self.kept.settings).then_some(settings);
        let kept = Kept { trial, ..self.kept.clone() };
        self.keep(kept).map_err(|error| refused("network settings", &error))?;
        self.begun = self.kept.trial.is_some().then_some(now);
        log::info!("Changed network settings are in force");
        if let Err(error) = self.apply() {
            // What was refused is not on trial: nobody may confirm it.
            if self.kept.trial.is_some() {
                self.revert();
            }
            return Err(refused("network files", &error.cause));
        }
        Ok(())
    }

    /// Whether anything was ever set.
    pub fn has_settings(&self) -> bool {
        path(&self.machine).exists()
    }

    /// Takes over settings that somebody signed for before the box was there: they need no trial.
    pub fn adopt(&mut self, settings: NetworkSettings) -> Result<(), Refusal> {
        check(&self.machine, &settings).map_err(Refusal::Network)?;
        self.keep(Kept { settings, trial: None }).map_err(|error| refused("network settings", &error))?;
        log::info!("The provisioning file's network settings are in force");
        if let Err(error) = self.apply() {
            // The next start writes them.
            log::error!(error = error.to_string().as_str(); "The provisioning file's network settings could not be written");
        }
        Ok(())
    }

    /// Somebody reached the box by the change.
    pub fn confirm(&mut self) -> Result<(), Refusal> {
        let Some(settings) = self.kept.trial.clone() else { return Err(Refusal::NothingToConfirm) };
        self.keep(Kept { settings, trial: None }).map_err(|error| refused("network settings", &error))?;
        self.begun = None;
        log::info!("The changed network settings are confirmed");
        Ok(())
    }

    /// Time passes: what happened of itself.
    pub fn tick(&mut self, now: Instant) -> Option<Happening> {
        let over = self.begun.is_some_and(|begun| now.saturating_duration_since(begun) >= TRIAL);
        over.then(|| self.revert())
    }

    pub fn status(&self, now: Instant) -> NetworkStatus {
        let left = self.begun.map_or(TRIAL, |begun| TRIAL.saturating_sub(now.saturating_duration_since(begun)));
        NetworkStatus {
            settings: self.kept.settings.clone(),
            trial: self.kept.trial.clone().map(|settings| NetworkTrial { settings, seconds_left: left.as_secs() }),
        }
    }

    /// Those in force.
    pub fn in_force(&self) -> &NetworkSettings {
        self.kept.trial.as_ref().unwrap_or(&self.kept.settings)
    }

    /// Back to what was confirmed. Where it can't be kept it is in force all the same, and the next start does it again.
    fn revert(&mut self) -> Happening {
        let kept = Kept { trial: None, ..self.kept.clone() };
        if let Err(error) = self.keep(kept.clone()) {
            log::error!(error = error.to_string().as_str(); "That the former network settings are back could not be kept");
            self.kept = kept;
        }
        self.begun = None;
        if let Err(error) = self.apply() {
            log::error!(error = error.to_string().as_str(); "The former network settings could not be written");
        }
        log::warn!("Nobody confirmed the changed network settings: the former ones are back");
        Happening::NetworkReverted
    }

    fn keep(&mut self, kept: Kept) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(&kept)?;
        durable::write_atomically(&path(&self.machine), &bytes)?;
        self.kept = kept;
        Ok(())
    }

    /// Has systemd-networkd read what is in force.
    fn apply(&self) -> Result<(), NetworkError> {
        write(&self.machine, self.in_force())?;
        let mark = self.machine.path(MARK);
        fs::write(&mark, b"").map_err(|cause| NetworkError { path: mark, cause })
    }
}

/// Before systemd-networkd starts: what was confirmed is written for it. A trial that a power cut ended does not count.
pub fn write_confirmed(root: &Path) -> Result<(), NetworkError> {
    let machine = Machine::at(root);
    write(&machine, &read(&machine).0.settings)
}

/// Has systemd-networkd read its files anew: SIGHUP, which nobody but its own user and who may signal anybody can send. How many
/// processes were told.
pub fn reload(root: &Path) -> Result<usize, NetworkError> {
    let machine = Machine::at(root);
    let processes = machine.processes("systemd-networkd");
    for process in &processes {
        let told = process::ask_to_reload(*process);
        told.map_err(|cause| NetworkError { path: PathBuf::from(format!("process {process}")), cause })?;
    }
    Ok(processes.len())
}

/// Whether settings are right, for the machine below a root folder.
pub fn check_for(root: &Path, settings: &NetworkSettings) -> Result<(), NetworkProblem> {
    check(&Machine::at(root), settings)
}

fn check(machine: &Machine, settings: &NetworkSettings) -> Result<(), NetworkProblem> {
    settings.check()?;
    check_cards(settings, &machine.cards())
}

fn refused(what: &str, error: &io::Error) -> Refusal {
    Refusal::System { what: what.to_owned(), error: error.to_string() }
}

fn path(machine: &Machine) -> PathBuf {
    machine.path(STATE_DIR).join("network.json")
}

/// What is kept, and whether it made no sense: then the box is as it left the factory.
fn read(machine: &Machine) -> (Kept, bool) {
    let path = path(machine);
    let text = || -> io::Result<Kept> {
        if fs::metadata(&path)?.len() > FILE_LIMIT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let kept: Kept = serde_json::from_slice(&fs::read(&path)?)?;
        let checked = std::iter::once(&kept.settings).chain(&kept.trial).try_for_each(NetworkSettings::check);
        checked.map_err(|problem| io::Error::other(problem.text().en))?;
        Ok(kept)
    };
    match text() {
        Ok(kept) => (kept, false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (Kept::default(), false),
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "The network settings cannot be read; until others are set every card asks DHCP");
            (Kept::default(), true)
        }
    }
}

/// Replaces every file of ours.
fn write(machine: &Machine, settings: &NetworkSettings) -> Result<(), NetworkError> {
    let folder = machine.path(FILES_DIR);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause| NetworkError { path, cause }
    };
    let wanted = files::files(settings);
    for entry in fs::read_dir(&folder).map_err(failed(&folder))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(files::OURS) && !wanted.iter().any(|(file, _)| *file == name) {
            fs::remove_file(entry.path()).map_err(failed(&entry.path()))?;
        }
    }
    for (name, text) in wanted {
        let path = folder.join(name);
        durable::write_atomically(&path, text.as_bytes()).map_err(failed(&path))?;
        // systemd-networkd is not root.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).map_err(failed(&path))?;
    }
    Ok(())
}

/// Whether the machine has the cards; two ways to name one card are one.
fn check_cards(settings: &NetworkSettings, cards: &[(String, Option<String>)]) -> Result<(), NetworkProblem> {
    let mut wires = Vec::new();
    for (side, one, _) in settings.sides() {
        let wrong = |wrong| NetworkProblem { side, field: SettingsField::Card, wrong };
        let found = match &one.card {
            Card::Any => continue,
            Card::Name(wanted) => cards.iter().find(|(name, _)| name == wanted),
            Card::Mac(wanted) => cards.iter().find(|(_, mac)| mac.as_ref() == Some(wanted)),
        };
        let (name, _) = found.ok_or(wrong(Wrong::NoSuchCard))?;
        if wires.contains(&(name, one.vlan)) {
            return Err(wrong(Wrong::SameWire));
        }
        wires.push((name, one.vlan));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
