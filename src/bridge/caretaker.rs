//! What is told to core without a client that waits: uploads that a former process was receiving when it died, refusals
//! that came while core was away, staged files that nobody renamed.
//!
//! Promises that none of it is lost while this process lives: core is asked again until it answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::desk::blocking;
use super::server::Bridge;
use super::staging::{Left, Staged};
use super::upload::hash_file;
use crate::domain::Timestamp;
use crate::fault::Fault;
use crate::gate::{Dropped, GateError};

/// How often forgotten staged files are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// Refusals that may wait for core; the log has those beyond.
const REFUSALS: usize = 4096;
/// Before core is asked again; doubled each time.
const AGAIN_FIRST: Duration = Duration::from_millis(500);
const AGAIN_LONGEST: Duration = Duration::from_secs(60);

/// What was refused, why, and when.
type Refusal = (Dropped, Fault, Timestamp);

/// What is still to be told.
pub struct Caretaker {
    left: Mutex<Vec<Left>>,
    refusals: mpsc::Sender<Refusal>,
    /// Taken by the task that tells them.
    waiting: Mutex<Option<mpsc::Receiver<Refusal>>>,
}

impl Caretaker {
    /// `left`: what stood in the staging folder before this process received anything.
    pub fn new(left: Vec<Left>) -> Self {
        let (refusals, waiting) = mpsc::channel(REFUSALS);
        Self { left: Mutex::new(left), refusals, waiting: Mutex::new(Some(waiting)) }
    }

    /// Core could not be reached: it is told once it can.
    pub fn tell_later(&self, dropped: Dropped, fault: Fault) {
        if let Err(e) = self.refusals.try_send((dropped, fault, Timestamp::now())) {
            log::error!(error = e.to_string().as_str(); "A refusal could not be journalled: core is away, and too many wait for it");
        }
    }

    /// Starts what is done once and what is done again and again.
    pub fn begin(&self, bridge: &Arc<Bridge>) -> Vec<JoinHandle<()>> {
        let left = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut chores = vec![tokio::spawn(own_up(Arc::clone(bridge), left)), tokio::spawn(sweep(Arc::clone(bridge)))];
        chores.extend(waiting.map(|waiting| tokio::spawn(tell(Arc::clone(bridge), waiting))));
        chores
    }
}

/// Asks core again until it was reached and has answered.
async fn until_told<F>(what: &str, mut ask: impl FnMut() -> F)
where
    F: Future<Output = Result<(), GateError>>,
{
    let mut wait = AGAIN_FIRST;
    while let Err(error) = ask().await {
        if !matches!(error, GateError::Unreachable(_) | GateError::Lost(_) | GateError::Failed(_)) {
            log::error!(error = error.to_string().as_str(); "{what} could not be journalled");
            return;
        }
        log::warn!(error = error.to_string().as_str(); "{what} cannot be journalled now; core is asked again");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(AGAIN_LONGEST);
    }
}

/// Uploads that a former process was receiving: each ends in a receipt, unless core had taken it.
async fn own_up(bridge: Arc<Bridge>, left: Vec<Left>) {
    for upload in left {
        let path = upload.path.clone();
        let hashed = blocking(move || hash_file(&std::fs::File::open(path)?)).await.flatten();
        let sha256 = match hashed {
            Ok(sha256) => sha256,
            Err(e) => {
                log::error!(error = e.to_string().as_str(); "What a former process had received of an upload cannot be read");
                continue;
            }
        };
        let Staged { account, folder, name } = &upload.staged;
        log::info!(account = account.as_str(), bytes = upload.size; "An upload was under way when front died");
        until_told("An upload that front's death interrupted", || {
            bridge.gate.left(account.clone(), folder.clone(), name.clone(), (sha256, upload.size), upload.modified)
        })
        .await;
        if let Err(e) = blocking(move || std::fs::remove_file(upload.path)).await.flatten() {
            log::warn!(error = e.to_string().as_str(); "What a former process had received of an upload could not be removed");
        }
    }
}

/// Refusals that came while core was away.
async fn tell(bridge: Arc<Bridge>, mut waiting: mpsc::Receiver<Refusal>) {
    while let Some((dropped, fault, at)) = waiting.recv().await {
        until_told("A refusal", || bridge.gate.refuse(dropped.clone(), fault.clone(), Some(at))).await;
    }
}

/// Removes staged files that nobody renamed in time, each with a receipt.
async fn sweep(bridge: Arc<Bridge>) {
    loop {
        let own = Arc::clone(&bridge);
        match blocking(move || own.staging.forgotten(SystemTime::now())).await.flatten() {
            Ok(forgotten) => {
                for (staged, identity) in forgotten {
                    let Staged { account, folder, name } = staged.clone();
                    if let Err(e) = bridge.gate.swept(account, folder, name, identity.stamp()).await {
                        log::warn!(error = e.to_string().as_str(); "A forgotten staged file stays: it could not be journalled");
                        continue;
                    }
                    let own = Arc::clone(&bridge);
                    let removed = blocking(move || own.staging.remove_if(&staged, identity)).await;
                    if !matches!(removed, Ok(Ok(_))) {
                        log::warn!("A forgotten staged file could not be removed");
                    }
                }
            }
            Err(e) => {
                log::warn!(error = e.to_string().as_str(); "The staging folder could not be swept");
            }
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}
