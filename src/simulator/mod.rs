//! A practice Chorus Pro: a server of its own with a ledger, a clock and scripted faults.
//!
//! It promises to judge a client by the published facts (PROTOCOL §1-3, swagger, pivot schema): token, technical
//! account, JSON and limits are checked; a deposit is accepted first and judged later; what was accepted is in the
//! [`Ledger`] whether or not its answer arrived. It refuses to know how the gateway writes or reads the wire: nothing
//! of `chorus` or `invoice` is used here, so that a mistake there is found here.
//!
//! What it does not play: EDI over SFTP, AS/2 and AS/4. An invoice deposited *for* the simulated establishment is
//! followed as a sent one, and does not show up among the received ones.
//!
//! For whoever uses it without our gateway: `PRACTICE.md` beside this file.

mod attachment;
mod catalogue;
mod clock;
mod content;
mod control;
mod directory;
mod fault;
mod folder;
mod identity;
mod invoice;
mod judge;
mod ledger;
mod page;
mod pivot;
mod readings;
mod recognition;
mod scenario;
mod search;
mod server;
mod service;
mod status;
mod status_file;
mod structure;
#[cfg(test)]
mod tests;
mod weather;
mod world;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub use catalogue::{CatalogueReport, Judged, Said, Standing, list as catalogue_list};
pub use control::Control;
pub use fault::{Effect, FaultRule, SERVICES};
pub use folder::{ACCOUNT_PASSWORD_FILE, CA_FILE, CLIENT_SECRET_FILE};
pub use identity::KEPT_CLIENT_ID;
pub use ledger::{Answered, Call, Deposit, Invoice, InvoiceKey, Ledger, Moment, Whose};
pub use pivot::{Attachment, ReceivedInvoice, Resent};
pub use readings::{
    CommitmentCheck, CompletedCode, DirectoryForm, FluxLimit, Gaps, GroupPivot, ListShape, PivotVersion, Readings,
    RejectedCode, StatusDates, StatusOrder, StructureId, Unreadable, VersionTold, WithdrawnMotif,
};
pub use scenario::{
    Directory, ErrorList, ErrorTransport, FixedCredentials, PathRule, PivotForm, Recipient, SCENARIO_LIMIT_BYTES,
    Scenario, ScenarioError, Timing, VerdictRule,
};
use server::Shared;
pub use status::MOTIFS;
pub use structure::ServiceUnit;
pub use weather::{Latency, OutageKind, OutageRule};
use world::World;

/// How a simulator starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port 0: a free one.
    pub listen: SocketAddr,
    /// HTTP instead of HTTPS; on loopback only.
    pub plain: bool,
    /// Where authority, certificate and secrets are kept over restarts; without it they are new, and `ca.pem` is in a
    /// new folder under the system's temporary one, removed at the end.
    pub dir: Option<PathBuf>,
    /// Simulated seconds per real second; 0 is a frozen clock.
    pub speed: f64,
    pub scenario: Scenario,
    /// Of the faults that strike by chance.
    pub seed: u64,
    /// For tests of what a client really sends.
    pub witness: Option<Witness>,
}

type Hearing = dyn Fn(&str, &[u8]) + Send + Sync;

type HearingAnswers = dyn Fn(&str, &serde_json::Value) + Send + Sync;

/// Hears the path and the body of every call that was let in, as they came, and what the service itself answered.
#[derive(Clone)]
pub struct Witness {
    calls: Arc<Hearing>,
    answers: Arc<HearingAnswers>,
}

impl Witness {
    /// `hear` is called before the call is worked on, `answered` with each answer as the service means it, before a scripted
    /// fault makes something else of it. Neither may wait.
    pub fn new(
        hear: impl Fn(&str, &[u8]) + Send + Sync + 'static,
        answered: impl Fn(&str, &serde_json::Value) + Send + Sync + 'static,
    ) -> Self {
        Self { calls: Arc::new(hear), answers: Arc::new(answered) }
    }
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Witness")
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            plain: false,
            dir: None,
            speed: 1.0,
            scenario: Scenario::default(),
            seed: 0,
            witness: None,
        }
    }
}

/// What a client needs; the first line of `fluxgate simulate`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Token at `{url}/api/oauth/token`, services at `{url}/cpro/…`.
    pub url: String,
    /// PEM of the authority to trust; empty with `plain`.
    pub ca_file: String,
    pub client_id: String,
    pub client_secret: String,
    pub account_login: String,
    pub account_password: String,
}

/// Why a simulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    #[error("without TLS the simulator listens on loopback only, not on {0}")]
    PlainBeyondLoopback(SocketAddr),
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot write {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("cannot make or use a certificate: {0}")]
    Certificate(String),
    #[error(
        "{path}: {reason}; remove the folder to have everything in it made anew (clients must then trust the new ca.pem)",
        path = path.display()
    )]
    Kept { path: PathBuf, reason: String },
    #[error("no randomness: {0}")]
    Random(String),
}

/// A running simulator. Dropped, it ends at once.
pub struct Simulator {
    credentials: Credentials,
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
    /// Removed at the end, when it was made here.
    own_dir: Option<PathBuf>,
}

impl Simulator {
    /// Listens; ready for calls when it returns. Runs on the runtime it is started on.
    pub async fn start(options: Options) -> Result<Simulator, SimulatorError> {
        options.scenario.check()?;
        scenario::check_speed(options.speed)?;
        if options.plain && !options.listen.ip().is_loopback() {
            return Err(SimulatorError::PlainBeyondLoopback(options.listen));
        }
        let listen_error = |source| SimulatorError::Listen { address: options.listen, source };
        let listener = tokio::net::TcpListener::bind(options.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let doors = identity::doors(options.scenario.credentials.as_ref(), options.dir.as_deref())?;
        let mut own_dir = None;
        let (acceptor, ca_file) = if options.plain {
            (None, String::new())
        } else {
            let tls = identity::tls(options.listen, options.dir.as_deref())?;
            let path = match &options.dir {
                Some(dir) => dir.join(folder::CA_FILE),
                None => write_ca(own_dir.insert(new_dir()?), &tls.ca_pem)?,
            };
            (Some(TlsAcceptor::from(tls.config)), path.canonicalize().unwrap_or(path).display().to_string())
        };
        let credentials = Credentials {
            url: url_of(address, options.plain),
            ca_file,
            client_id: doors.client_id.clone(),
            client_secret: doors.client_secret.clone(),
            account_login: doors.account_login.clone(),
            account_password: doors.account_password.clone(),
        };
        let world = World::new(options.scenario, options.speed, options.seed, doors);
        let shared = Arc::new(Shared::new(world, identity::random(16)?, options.witness));
        let serving = tokio::spawn(server::serve(listener, acceptor, shared.clone()));
        log::info!(address:% = address, plain = options.plain; "Simulated Chorus Pro listens");
        Ok(Simulator { credentials, address, shared, serving, own_dir })
    }

    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The address listened on, port 0 replaced.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has reached it and what became of it, now.
    pub fn ledger(&self) -> Ledger {
        self.shared.world().ledger()
    }

    /// How the scenarios of the catalogue stand; `None`: it is not played.
    pub fn catalogue(&self) -> Option<CatalogueReport> {
        self.shared.world().catalogue()
    }

    pub fn control(&self) -> Control {
        Control { shared: self.shared.clone() }
    }

    /// Ends it: no further connections, those open are closed.
    pub async fn stop(mut self) {
        self.serving.abort();
        // Aborted or not, it is over afterwards.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.serving.abort();
        if let Some(dir) = &self.own_dir
            && let Err(error) = std::fs::remove_dir_all(dir)
        {
            log::debug!(error:% = error; "Simulator could not remove its folder");
        }
    }
}

fn url_of(address: SocketAddr, plain: bool) -> String {
    let scheme = if plain { "http" } else { "https" };
    let mut reachable = address;
    if address.ip().is_unspecified() {
        reachable.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    format!("{scheme}://{reachable}")
}

fn new_dir() -> Result<PathBuf, SimulatorError> {
    let path = std::env::temp_dir().join(format!("fluxgate-simulator-{}", identity::random(8)?));
    std::fs::create_dir(&path).map_err(|source| SimulatorError::Write { path: path.clone(), source })?;
    Ok(path)
}

fn write_ca(dir: &Path, pem: &str) -> Result<PathBuf, SimulatorError> {
    let path = dir.join(folder::CA_FILE);
    std::fs::write(&path, pem).map_err(|source| SimulatorError::Write { path: path.clone(), source })?;
    Ok(path)
}
