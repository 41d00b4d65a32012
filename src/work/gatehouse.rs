//! Core's side of the gate: who may come in, which files are taken, which results are shown.
//!
//! Promises that a file is answered `Taken` only once it is durable and journalled, that every refusal is journalled
//! with a receipt, and that an account reaches its own results only. Parses everything front says as hostile: front
//! is what strangers reach.
//!
//! Refuses to know: SFTP, what is in a file.

mod drops;
mod login;
mod pass;
mod releases;
mod shelves;

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use zeroize::Zeroize;

use self::login::Logins;
use self::pass::PassKey;
pub use self::releases::ReleaseDesk;
use crate::domain::{AccountName, ByteSize, DocumentHash, Realm, Timestamp};
use crate::fault::{Code, Fault};
use crate::gate::{AccountSection, Answer, BODY_LIMIT, Core, DEPOT, Grant, Pass, RELEASES, Reply, Request, VERSION};
use crate::os::log_copy;
use crate::store::{Store, StoreError};
use crate::work::{FrontWalls, LimitsSection};

/// Where a file dropped by an account into a folder goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropRoute {
    pub account: AccountName,
    /// `depot`, or a sub-folder: `depot/qualif`.
    pub folder: String,
    pub realm: Realm,
}

/// What bounds what is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropLimits {
    /// One file.
    pub file: ByteSize,
    /// Dropped and not yet processed, per account.
    pub pending_bytes: ByteSize,
    /// Dropped and not yet processed, per account.
    pub pending_files: u64,
    /// Below this much free space nothing is accepted.
    pub disk_reserve: ByteSize,
}

impl From<&LimitsSection> for DropLimits {
    fn from(limits: &LimitsSection) -> Self {
        Self {
            file: limits.file,
            pending_bytes: limits.pending_bytes,
            pending_files: limits.pending_files,
            disk_reserve: limits.disk_reserve,
        }
    }
}

/// The part of the configuration that the gate needs; replaced as a whole.
#[derive(Debug, Clone)]
pub struct Rules {
    pub accounts: Vec<AccountSection>,
    pub routes: Vec<DropRoute>,
    /// Who may drop releases of the appliance.
    pub releases: Option<AccountName>,
    pub limits: DropLimits,
}

impl Rules {
    fn account(&self, name: &AccountName) -> Option<&AccountSection> {
        self.accounts.iter().find(|account| account.name == *name)
    }

    fn route(&self, account: &AccountName, folder: &str) -> Option<&DropRoute> {
        self.routes.iter().find(|route| route.account == *account && route.folder.trim_matches('/') == folder)
    }
}

/// Writes core's metrics in Prometheus' text format.
pub type MetricsText = Box<dyn Fn() -> String + Send + Sync>;

/// Whether a start would read another configuration than the one of this text, where it is none that is in force.
pub type Superseded = Box<dyn Fn(Option<DocumentHash>) -> bool + Send + Sync>;

/// Answers front. One for the process, shared by the gate's threads.
pub struct Gatehouse {
    store: Store,
    /// The store's folder, whose file system's free space counts.
    dir: PathBuf,
    folders: PathBuf,
    rules: ArcSwap<Rules>,
    passes: PassKey,
    logins: Logins,
    metrics: MetricsText,
    superseded: Superseded,
    front: FrontWalls,
    releases: Option<ReleaseDesk>,
}

impl Gatehouse {
    /// `dir` is the store's folder: results are read from its `folders/`, the key of passes is made in its `secrets/`.
    /// What front tells of its walls goes into `front`.
    pub fn new(
        store: Store,
        dir: &Path,
        rules: Rules,
        metrics: MetricsText,
        superseded: Superseded,
        front: FrontWalls,
    ) -> io::Result<Self> {
        let gatehouse = Self {
            passes: PassKey::load_or_make(&dir.join("secrets/gate.key"))?,
            logins: Logins::new(store.clone()),
            store,
            dir: dir.to_owned(),
            folders: dir.join("folders"),
            rules: ArcSwap::from_pointee(rules),
            metrics,
            superseded,
            front,
            releases: None,
        };
        gatehouse.make_shelves()?;
        Ok(gatehouse)
    }

    /// On the appliance: takes releases too.
    #[must_use]
    pub fn with_releases(self, releases: Option<ReleaseDesk>) -> Self {
        Self { releases, ..self }
    }

    /// The configuration changed: the next request sees it. Accounts that are gone are out at once.
    pub fn replace(&self, rules: Rules) -> io::Result<()> {
        self.rules.store(Arc::new(rules));
        self.make_shelves()
    }

    fn authenticate(&self, login: &str, proof: crate::gate::Proof, secret: &[u8], peer: &str) -> Answer {
        let Ok(peer) = peer.parse::<IpAddr>() else { return Answer::Malformed };
        let rules = self.rules.load();
        let now = Timestamp::now();
        let Some(account) = self.logins.check(&rules, login, proof, secret, peer, now) else {
            return Answer::Denied;
        };
        let routed =
            rules.routes.iter().filter(|r| r.account == account).map(|r| r.folder.trim_matches('/').to_owned());
        let releases = rules.releases.as_ref().filter(|of| **of == account).map(|_| RELEASES.to_owned());
        // An offer proves nothing yet: it opens no door.
        let pass = if proof == crate::gate::Proof::OfferedKey {
            Pass(String::new())
        } else {
            self.passes.issue(&account, now)
        };
        Answer::Granted(Grant {
            pass,
            folders: routed.filter(|f| f == DEPOT || f.starts_with("depot/")).chain(releases).collect(),
            account,
            file_limit: rules.limits.file.bytes(),
            disk_reserve: rules.limits.disk_reserve.bytes(),
        })
    }

    /// The account a pass stands for, if it still exists.
    fn holder(&self, pass: &Pass) -> Result<AccountName, Answer> {
        let account = self.passes.holder(pass, Timestamp::now()).ok_or(Answer::PassRefused)?;
        if self.rules.load().account(&account).is_some() { Ok(account) } else { Err(Answer::PassRefused) }
    }

    fn health(&self) -> Answer {
        match self.store.reader().and_then(|reader| reader.halts()) {
            Ok(_) => Answer::Done,
            Err(e) => failed(&e),
        }
    }

    fn metrics(&self) -> Reply {
        let mut text = (self.metrics)().into_bytes();
        if text.len() > BODY_LIMIT {
            // Whole lines only: half a line would be read as another number.
            let end = text[..BODY_LIMIT].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            text.truncate(end);
            log::warn!("Core's metrics do not fit the gate and were cut");
        }
        Reply { answer: Answer::Text, body: text, descriptor: None }
    }

    fn perform(&self, request: Request, body: &[u8], descriptor: Option<OwnedFd>) -> Result<Reply, Answer> {
        Ok(match request {
            Request::Hello { .. } => Answer::Welcome { version: VERSION }.into(),
            Request::Authenticate { login, proof, peer } => self.authenticate(&login, proof, body, &peer).into(),
            Request::Admit { pass, folder, name, peer } => {
                let account = self.holder(&pass)?;
                self.admit(account, folder, name, peer).into()
            }
            Request::Receive { pass, folder, name, peer, sha256, size, staged } => {
                let account = self.holder(&pass)?;
                let staged = staged.map(|stamp| stamp.0);
                self.receive(account, folder, name, peer, drops::Sent { sha256, size, body, descriptor, staged }).into()
            }
            Request::Staged { pass, folder, name, peer, sha256, size } => {
                let account = self.holder(&pass)?;
                self.staged(account, folder, name, peer, sha256, size).into()
            }
            Request::Refuse { pass, folder, name, peer, fault, happened } => {
                let account = self.holder(&pass)?;
                self.refuse_for_front(account, folder, name, peer, fault, happened).into()
            }
            Request::Swept { account, folder, name, staged } => self.swept(account, folder, name, &staged.0).into(),
            Request::Left { account, folder, name, sha256, size, modified } => {
                self.left(account, folder, name, (sha256, size), modified).into()
            }
            Request::List { pass, path } => self.list(&self.holder(&pass)?, &path)?,
            Request::Stat { pass, path } => self.stat(&self.holder(&pass)?, &path)?,
            Request::Open { pass, path } => self.open(&self.holder(&pass)?, &path)?,
            Request::Remove { pass, path, folder } => self.remove(&self.holder(&pass)?, &path, folder)?.into(),
            Request::Rename { pass, from, to } => self.rename(&self.holder(&pass)?, &from, &to)?.into(),
            Request::Metrics => self.metrics(),
            Request::Health => self.health().into(),
            Request::Log { lines } => {
                lines.into_iter().for_each(|line| log_copy::put(line.of("fluxgate-front")));
                Answer::Done.into()
            }
            Request::Walls { report } => {
                self.front.told(report);
                Answer::Done.into()
            }
            Request::Configured { sha256 } => {
                if (self.superseded)(sha256) { Answer::Superseded } else { Answer::Done }.into()
            }
        })
    }
}

impl Core for Gatehouse {
    fn answer(&self, request: Request, mut body: Vec<u8>, descriptor: Option<OwnedFd>) -> Reply {
        let secret = matches!(request, Request::Authenticate { .. });
        let reply = self.perform(request, &body, descriptor).unwrap_or_else(Reply::from);
        if secret {
            body.zeroize();
        }
        reply
    }
}

/// A step that did not happen, for front.
fn failed(error: &StoreError) -> Answer {
    log::error!(error = error.to_string().as_str(); "The store could not do what the gate asked");
    Answer::Failed { fault: Fault::new(Code::StoreFailed).with("detail", error) }
}
