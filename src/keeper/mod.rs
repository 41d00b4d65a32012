//! The appliance's root process: no network, a closed list of verbs, and the console.
//!
//! Promises: core alone (and root) can ask it for something (front, whose group it shares, does not see the folder), and only for what `verbs` lists; what somebody does at the
//! console is noted durably until core has it in the journal; the console shows what it is told as printable
//! characters only, and needs no log-in, because it can do nothing that the power switch cannot do or that isn't typed
//! off the screen. It reads neither the configuration nor anything else that core owns.
//!
//! Refuses to know: invoices, accounts, the store, what is fetched or sent, what a release is worth (`update`).

pub mod console;
mod events;
mod luks;
mod machine;
mod measured;
pub mod network;
pub mod provisioned;
mod recovery;
pub mod reset;
pub mod sealer;
mod server;
mod updates;
mod verbs;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::domain::Timestamp;
use crate::gate::{Happening, Sight, Status};
use crate::os::lock::{Lock, LockError};
use crate::os::service;
use events::Events;
use machine::Machine;
use network::Network;
use recovery::Recovery;
use updates::Updates;

/// Keeper's folder of the socket, below the root folder.
const RUN_DIR: &str = "run/fluxgate-keeper";
/// What must outlive a restart.
const STATE_DIR: &str = "var/lib/fluxgate-keeper";

/// Why keeper could not start.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    #[error("another keeper runs: {0}")]
    Running(LockError),
    #[error("keeper's socket {}: {cause}", path.display())]
    Socket { path: PathBuf, cause: std::io::Error },
    #[error("keeper's threads could not start: {0}")]
    Threads(std::io::Error),
}

/// What the verbs and the console share.
struct Keeper {
    machine: Machine,
    events: Mutex<Events>,
    network: Mutex<Network>,
    told: Mutex<Told>,
    recovery: Mutex<Recovery>,
    updates: Updates,
}

/// What core told last.
#[derive(Debug, Default)]
struct Told {
    sight: Option<(Instant, Sight)>,
    /// The machine is about to restart.
    restarting: bool,
}

impl Keeper {
    fn new(root: &Path) -> Self {
        let machine = Machine::at(root);
        let mut events = Events::open(&root.join(STATE_DIR));
        let (mut network, happened) = Network::open(&machine);
        if let Some(happened) = happened {
            events.note(happened, Timestamp::now());
        }
        provisioned::take(&machine, &mut network, &mut events);
        Self {
            machine,
            events: Mutex::new(events),
            network: Mutex::new(network),
            told: Mutex::new(Told::default()),
            recovery: Mutex::default(),
            updates: Updates::new(&root.join(STATE_DIR)),
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recovery(&self) -> MutexGuard<'_, Recovery> {
        self.recovery.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn network(&self) -> MutexGuard<'_, Network> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the machine.
    fn status(&self) -> Status {
        let network = self.network().status(Instant::now());
        self.machine.status(reset::is_asked(&self.machine), network)
    }

    /// Ends a trial that nobody confirmed.
    fn tick(&self) {
        let happened = self.network().tick(Instant::now());
        if let Some(happened) = happened {
            self.events().note(happened, Timestamp::now());
        }
    }

    fn events(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a partition, by its kernel name, is on the disk that the root is on.
pub fn is_on_own_disk(root: &Path, partition: &str) -> std::io::Result<bool> {
    Machine::at(root).is_on_own_disk(partition)
}

/// The devices on which a machine's kernel has a console: `ttyS0`, `tty0`.
pub fn consoles(root: &Path) -> Vec<String> {
    Machine::at(root).consoles()
}

/// Runs keeper until the process ends. `root` is `/`, and another folder for who tries it out.
pub fn serve(root: &Path) -> Result<(), KeeperError> {
    let run_dir = root.join(RUN_DIR);
    let _alone = Lock::take(&run_dir.join("keeper.lock")).map_err(KeeperError::Running)?;
    let keeper = Arc::new(Keeper::new(root));
    reset::note(&keeper.machine, &mut keeper.events());
    reset::note_mark(&keeper.machine, sealer::RECOVERED, Happening::RecoveryKeyUsed, &mut keeper.events());
    server::start(&run_dir, Arc::clone(&keeper))?;
    updates::watch(&keeper).map_err(KeeperError::Threads)?;
    log::info!("Keeper runs");
    service::ready("keeper runs");
    console::run(&keeper)
}
