//! Core on the appliance: tells keeper what the console may show, and takes what happened there into the journal. On any
//! other machine there is no keeper, and nothing of this runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::note;
use super::front;
use crate::fault::{Fault, Language};
use crate::gate::{Event, KeeperClient, KeeperError, SIGHT_LIFE, Sight, Trouble};
use crate::os::signals::Shutdown;
use crate::store::{Note, Store, StoreError};
use crate::web::Claim;

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
}

impl Shown {
    fn sight(&self) -> Sight {
        let addresses = front::read_addresses(&self.run_dir);
        let claim = self.claim.code();
        // A box that nobody has claimed has no configuration yet: that is no trouble.
        let trouble = self.fault.as_ref().filter(|_| claim.is_none()).map(|fault| Trouble {
            fr: format!("{} ({})", fault.title(Language::Fr), fault.code),
            en: format!("{} ({})", fault.title(Language::En), fault.code),
        });
        Sight {
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
        while !shutdown.is_told() {
            let sight = shown.sight();
            let is_current = |(before, at): &(Sight, Instant)| *before == sight && at.elapsed() < SIGHT_LIFE / 3;
            if !told.as_ref().is_some_and(is_current) {
                match exchange(&keeper, sight.clone(), &store) {
                    Ok(()) => {
                        told = Some((sight, Instant::now()));
                        complained = false;
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

/// Tells what to show; what happened meanwhile is journalled, and only then acknowledged.
fn exchange(keeper: &KeeperClient, sight: Sight, store: &Store) -> Result<(), ExchangeError> {
    let (events, lost) = keeper.show(sight)?;
    for event in &events {
        store.note(happened(event)).wait()?;
    }
    if lost > 0 {
        let mut note = note("console_lost");
        note.objects.insert("count".to_owned(), lost.to_string());
        store.note(note).wait()?;
    }
    match events.last() {
        None if lost == 0 => {}
        last => keeper.order(crate::gate::KeeperRequest::Recorded { through: last.map_or(0, |event| event.number) })?,
    }
    Ok(())
}

fn happened(event: &Event) -> Note {
    let mut note = note(event.what.as_str());
    note.actor = "console".to_owned();
    // The same number twice is the same event: core ended before keeper knew that it was journalled.
    note.objects.insert("event".to_owned(), event.number.to_string());
    note.objects.insert("at".to_owned(), event.at.to_string());
    note
}
