//! Core on the appliance: tells keeper what the console may show, and takes what happened there into the journal. On any
//! other machine there is no keeper, and nothing of this runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::core::note;
use super::front;
use crate::config::Source;
use crate::fault::{Fault, Language};
use crate::gate::{Event, Happening, Health, KeeperClient, KeeperError, KeeperRequest, SIGHT_LIFE, Sight, Trouble};
use crate::os::signals::Shutdown;
use crate::store::{Note, Store, StoreError};
use crate::update::Version;
use crate::update::record::Line;
use crate::web::Claim;
use crate::work::FrontWalls;
use crate::work::releases::Waiting;

/// Between two looks at what the console has to show.
const LOOK: Duration = Duration::from_secs(2);

/// Why an exchange with keeper did not come to its end.
#[derive(Debug, thiserror::Error)]
enum ExchangeError {
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    #[error("what happened at the console could not be journalled: {0}")]
    Store(#[from] StoreError),
}

/// What core knows that the console shows.
pub struct Shown {
    pub run_dir: PathBuf,
    pub claim: Arc<Claim>,
    /// Of a configuration that could not be used.
    pub fault: Option<Fault>,
    /// Which configuration is in force.
    pub source: Source,
    /// Whether there is a file of it at all.
    pub is_configured: bool,
    /// What front tells: it speaks with core.
    pub front: FrontWalls,
    /// Which release waits, for who is told of alarms.
    pub waiting: Waiting,
}

/// What keeper said of the version that runs, and what was found of the database for it.
#[derive(Debug, Default)]
struct Trial {
    /// Until keeper says otherwise, a version proves itself.
    is_over: bool,
    /// Every page of the database was read, and none is damaged.
    is_store_whole: Arc<AtomicBool>,
    is_reading: bool,
}

impl Trial {
    /// Whether the database is well enough: one that opened, and of a version on trial every page of it.
    fn store(&self) -> bool {
        self.is_over || self.is_store_whole.load(Ordering::Relaxed)
    }

    /// Reads every page, once, beside everything else.
    fn read_store(&mut self, store: &Store) {
        if std::mem::replace(&mut self.is_reading, true) {
            return;
        }
        let (store, whole) = (store.clone(), self.is_store_whole.clone());
        let read = move || match store.reader().and_then(|reader| reader.damage()) {
            Ok(None) => whole.store(true, Ordering::Relaxed),
            Ok(Some(damage)) => log::error!(damage = damage.as_str(); "The database is damaged"),
            Err(error) => log::error!(error = error.to_string().as_str(); "The database could not be read through"),
        };
        if let Err(error) = std::thread::Builder::new().name("read through".to_owned()).spawn(read) {
            log::error!(error = error.to_string().as_str(); "The database is not read through");
        }
    }
}

impl Shown {
    /// A new version that does not take the configuration as it is, is not well: the former one takes it.
    fn connector(&self, trial: &Trial) -> bool {
        match self.source {
            Source::File => true,
            Source::Version(_) => trial.is_over,
            Source::Nothing => !self.is_configured,
        }
    }

    fn sight(&self, trial: &Trial) -> Sight {
        let addresses = front::read_addresses(&self.run_dir);
        let claim = self.claim.code();
        // A box that nobody has claimed has no configuration yet: that is no trouble.
        let trouble = self.fault.as_ref().filter(|_| claim.is_none()).map(|fault| Trouble {
            fr: format!("{} ({})", fault.title(Language::Fr), fault.code),
            en: format!("{} ({})", fault.title(Language::En), fault.code),
        });
        let front = addresses.is_some() && self.front.has_spoken();
        Sight {
            health: Health { store: trial.store(), front, connector: self.connector(trial) },
            door_port: addresses.as_ref().map(|addresses| addresses.door.port()),
            door_fingerprint: addresses.as_ref().map(|addresses| addresses.door_fingerprint.clone()),
            sftp_fingerprint: addresses.map(|addresses| addresses.sftp_fingerprint),
            claim,
            trouble,
        }
    }
}

/// Whether this machine is an appliance: it has a console of ours.
pub fn has_console(run_dir: &Path) -> bool {
    KeeperClient::beside(run_dir).is_some()
}

/// Keeps the console up to date until told to stop. Nothing happens where there is no keeper.
pub fn attend(shown: Shown, store: Store, shutdown: Shutdown) {
    let Some(keeper) = KeeperClient::beside(&shown.run_dir) else { return };
    let attend = move || {
        let mut told: Option<(Sight, Instant)> = None;
        let mut complained = false;
        let mut trial = Trial::default();
        while !shutdown.is_told() {
            let sight = shown.sight(&trial);
            let is_current = |(before, at): &(Sight, Instant)| *before == sight && at.elapsed() < SIGHT_LIFE / 3;
            if !told.as_ref().is_some_and(is_current) {
                match exchange(&keeper, sight.clone(), &store) {
                    Ok((on_trial, offered)) => {
                        shown.waiting.told(offered);
                        told = Some((sight, Instant::now()));
                        complained = false;
                        trial.is_over = !on_trial;
                        if on_trial {
                            trial.read_store(&store);
                        }
                    }
                    Err(error) if !complained => {
                        complained = true;
                        log::warn!(error = error.to_string().as_str(); "The console is not up to date; tried again");
                    }
                    Err(_) => {}
                }
            }
            std::thread::sleep(LOOK);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("console".to_owned()).spawn(attend) {
        log::error!(error = error.to_string().as_str(); "The console is not kept up to date");
    }
}

/// Tells what to show; what happened meanwhile is journalled, and only then acknowledged. Whether the running version has yet to
/// prove healthy, and which one waits to be installed.
fn exchange(keeper: &KeeperClient, sight: Sight, store: &Store) -> Result<(bool, Option<Version>), ExchangeError> {
    let told = keeper.show(sight)?;
    for event in &told.events {
        store.note(happened(event)).wait()?;
        log::info!(what = event.what.as_str(), at:display = event.at; "Something happened without core");
    }
    for line in &told.updates {
        store.note(updated(line)).wait()?;
    }
    if told.lost > 0 {
        let mut note = note("console_lost");
        note.objects.insert("count".to_owned(), told.lost.to_string());
        store.note(note).wait()?;
    }
    let through = told.events.last().map_or(0, |event| event.number);
    let updates = told.updates.last().map_or(0, |line| line.n);
    if through > 0 || updates > 0 || told.lost > 0 {
        keeper.order(KeeperRequest::Recorded { through, updates })?;
    }
    Ok((told.on_trial, told.offered))
}

/// A step of an attempt at an update.
fn updated(line: &Line) -> Note {
    let mut note = note("update");
    note.actor = "keeper".to_owned();
    let word = |value: Option<String>| value.filter(|value| !value.is_empty());
    let event = serde_json::to_value(line.event).ok().and_then(|event| event.as_str().map(str::to_owned));
    let said = [
        // The same number twice is the same line: core ended before keeper knew that it was journalled.
        ("line", Some(line.n.to_string())),
        ("attempt", Some(line.attempt.to_string())),
        ("at", Some(line.at.to_string())),
        ("step", event),
        ("running", Some(line.running.to_string())),
        ("version", line.version.map(|version| version.to_string())),
        ("slot", line.slot.map(|slot| slot.to_string())),
        ("boots", line.boots.map(|boots| boots.to_string())),
        ("fault", line.fault.as_ref().map(|fault| fault.code.to_string())),
        ("detail", line.detail.clone()),
    ];
    let said = said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), word(value)?)));
    note.objects.extend(said);
    note
}

fn happened(event: &Event) -> Note {
    let mut note = note(event.what.as_str());
    let by_file = [Happening::Provisioned, Happening::NetworkProvisioned, Happening::NetworkProvisionRefused];
    note.actor = if by_file.contains(&event.what) { "system" } else { "console" }.to_owned();
    // The same number twice is the same event: core ended before keeper knew that it was journalled.
    note.objects.insert("event".to_owned(), event.number.to_string());
    note.objects.insert("at".to_owned(), event.at.to_string());
    note
}
