//! What every job works with: the store, the connectors, the folders, the signing key, the configuration in force.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::audit::Signer;
pub use crate::domain::Clock;
use crate::domain::{FlowId, Timestamp};
use crate::fault::{Code, Fault, Language, Retry};
use crate::store::{FlowRecord, Lease, Reader, Store, StoreError};
use crate::work::connector::Connectors;
use crate::work::folders::Folders;
use crate::work::front_walls::FrontWalls;
use crate::work::halts::Pauses;
use crate::work::settings::Options;
use crate::work::watch::WatchState;

/// What a [`crate::work::Workshop`] is made of.
pub struct Parts {
    pub store: Store,
    pub connectors: Connectors,
    /// `<store>/folders`.
    pub folders: PathBuf,
    /// The journal's key: it also signs receipts.
    pub signer: Signer,
    pub options: Options,
    /// What front tells of its walls.
    pub front: FrontWalls,
    /// What the jobs take for now: in production the machine's clock.
    pub clock: Clock,
}

/// Shared by all jobs.
pub(super) struct Core {
    pub store: Store,
    pub connectors: ArcSwap<Connectors>,
    pub folders: Folders,
    pub signer: Signer,
    pub options: ArcSwap<Options>,
    pub pauses: Pauses,
    /// Since when the configuration is in force: whoever waits for a repair listens here.
    pub configured: watch::Sender<Timestamp>,
    /// Rings when a realm's calls stop.
    pub halted: watch::Sender<()>,
    /// Rings when a halted realm's calls go on.
    pub resumed: watch::Sender<()>,
    pub watch: WatchState,
    pub front: FrontWalls,
    clock: Clock,
    /// The steady clock, by which pauses are counted.
    pub steady: Box<dyn Fn() -> Instant + Send + Sync>,
}

/// Why a job ended without having done its work. It is tried again later; the chain is printed where it is run.
#[derive(Debug, thiserror::Error)]
pub(super) enum JobError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{what}: {error}")]
    Files { what: &'static str, error: std::io::Error },
    #[error("{0}")]
    Seal(#[from] crate::work::seal::SealError),
    #[error("{0} is not in the store")]
    Missing(&'static str),
    #[error("a blocking part of the job ended without an answer")]
    Panicked,
}

impl JobError {
    /// For `map_err` on file operations.
    pub fn files(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |error| JobError::Files { what, error }
    }
}

/// Tries at writing down what Chorus Pro answered to a deposit, before the answer is given up and looked up later.
const RECORD_TRIES: u32 = 8;
/// Before the second try; doubled each time.
const RECORD_WAIT: Duration = Duration::from_millis(100);

impl Core {
    pub fn new(parts: Parts) -> Self {
        Self {
            store: parts.store,
            connectors: ArcSwap::from_pointee(parts.connectors),
            folders: Folders::new(parts.folders),
            signer: parts.signer,
            options: ArcSwap::from_pointee(parts.options),
            pauses: Pauses::default(),
            configured: watch::Sender::new((parts.clock)()),
            halted: watch::Sender::new(()),
            resumed: watch::Sender::new(()),
            watch: WatchState::default(),
            front: parts.front,
            clock: parts.clock,
            steady: Box::new(Instant::now),
        }
    }

    /// The lease's flow; `None` when it is no longer there (the lease is then of no use).
    pub fn flow(&self, reader: &Reader, lease: &Lease) -> Result<FlowRecord, JobError> {
        reader.flow(&lease.flow)?.ok_or(JobError::Missing("the flow"))
    }

    /// Runs reading and checking of documents, and file work, apart from the async workers.
    pub async fn apart<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Core) -> Result<T, JobError> + Send + 'static,
    ) -> Result<T, JobError> {
        let core = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&core)).await.unwrap_or(Err(JobError::Panicked))
    }

    /// Makes a step that must not be lost durable: tried again while the database cannot write.
    pub async fn record<T>(&self, mut step: impl FnMut() -> crate::store::Step<T>) -> Result<T, StoreError>
    where
        T: Send + 'static,
    {
        let mut wait = RECORD_WAIT;
        for _ in 1..RECORD_TRIES {
            match step().await {
                Ok(done) => return Ok(done),
                Err(error) if is_passing(&error) => {
                    log::error!(error = error.to_string().as_str(); "What Chorus Pro answered cannot be written down; trying again");
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                Err(error) => return Err(error),
            }
        }
        step().await
    }

    /// Shows what keeps a job from its work, unless the flow shows what a person must act on: that would be gone with it.
    pub async fn hindered(&self, flow: &FlowId, fault: Fault) -> Result<(), StoreError> {
        let shown = self.store.reader()?.flow(flow)?.and_then(|flow| flow.fault);
        match shown.filter(|shown| !gives_way(shown, &fault)) {
            None => self.store.trouble(flow, Some(fault), self.now()).await,
            Some(shown) => {
                log::warn!(flow = flow.as_str(), fault = fault.code.as_str(), shown = shown.code.as_str();
                    "{}", fault.title(Language::En));
                Ok(())
            }
        }
    }

    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// Whether what is shown is over by itself, or by the next answer of Chorus Pro.
fn gives_way(shown: &Fault, to: &Fault) -> bool {
    shown.code == to.code || shown.retry() == Retry::Later || shown.code == Code::CallRefused
}

/// Whether the same step may succeed a moment later.
fn is_passing(error: &StoreError) -> bool {
    matches!(error, StoreError::Sqlite(_) | StoreError::DiskFull | StoreError::NotCommitted(_) | StoreError::Io { .. })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A doubtful flow of no importance.
    pub fn flow_record() -> FlowRecord {
        FlowRecord {
            id: crate::domain::FlowId::from_u128(1),
            kind: crate::flow::FlowKind::Deposit,
            realm: crate::domain::Realm {
                establishment: "univ-exemple".parse().unwrap(),
                environment: crate::domain::Environment::Practice,
            },
            account: "sifac".parse().unwrap(),
            state: "doubtful".to_owned(),
            is_final: false,
            file: "facture.xml".to_owned(),
            sha256: None,
            size: None,
            syntax: None,
            received_at: Timestamp::EPOCH,
            changed_at: Timestamp::EPOCH,
            deposit_number: None,
            fault: None,
            since: Timestamp::EPOCH,
            waits: false,
            waits_on: false,
            seen: None,
            delivered_as: None,
            parent: None,
            invoice_number: None,
            invoice_status: None,
            role: crate::domain::Role::Recipient,
        }
    }
}
