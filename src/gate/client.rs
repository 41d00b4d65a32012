//! Front's side of the gate: a pool of connections, and one method per question.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use zeroize::Zeroize;

use super::frame::{Frame, FrameError};
use super::message::{Answer, Entry, Grant, LogLine, Pass, Proof, Reply, Request, Stamp, VERSION};
use crate::domain::{AccountName, DocumentHash, FlowId, Timestamp};
use crate::fault::{Code, Fault};
use crate::os::descriptor;
use crate::os::sandbox::Report;

/// Calls at once, each on a connection of its own; more wait their turn.
const CALLS: usize = 48;
/// Log-ins at once: strangers' passwords must not hold up the files of those who are in.
const LOGINS: usize = 8;
/// A call without an answer for this long has failed. Core hashes and copies a large file in it.
const CALL_TIME: Duration = Duration::from_secs(120);

/// Why core did not answer.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    #[error("core cannot be reached: {0}")]
    Unreachable(std::io::Error),
    #[error("core's answer was lost: {0}")]
    Lost(FrameError),
    #[error("core speaks another version of the gate")]
    Version,
    #[error("core could not do it: {0}")]
    Failed(Fault),
    #[error("the log-in is no longer valid")]
    PassRefused,
    #[error("core answered something else: {0}")]
    Unexpected(&'static str),
}

impl GateError {
    /// What a person is told.
    pub fn fault(&self) -> Fault {
        match self {
            GateError::Failed(fault) => fault.clone(),
            _ => Fault::new(Code::CoreUnavailable),
        }
    }
}

/// What became of a file that was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    Taken(FlowId),
    Duplicate {
        arrival: FlowId,
        first: FlowId,
    },
    /// As a release of the appliance.
    Offered,
    Refused(Fault),
}

/// Where a file of an account is meant to go, and where it comes from.
#[derive(Debug, Clone)]
pub struct Dropped {
    pub pass: Pass,
    /// `depot`, a sub-folder, or the folder of releases.
    pub folder: String,
    pub name: String,
    pub peer: IpAddr,
}

/// A whole file on its way to core.
#[derive(Debug)]
pub struct Whole {
    pub sha256: DocumentHash,
    pub size: u64,
    /// At most [`super::INLINE_LIMIT`]; a larger file is in `descriptor`.
    pub body: Vec<u8>,
    pub descriptor: Option<OwnedFd>,
    /// Of a file that was staged under a temporary name.
    pub staged: Option<Stamp>,
}

/// A handle on core; cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    socket: PathBuf,
    idle: Mutex<Vec<UnixStream>>,
    calls: Semaphore,
    logins: Semaphore,
}

impl Client {
    /// Connects when it is first needed, and again after core restarted.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        let inner = Inner {
            socket: socket.into(),
            idle: Mutex::new(Vec::new()),
            calls: Semaphore::new(CALLS),
            logins: Semaphore::new(LOGINS),
        };
        Self { inner: Arc::new(inner) }
    }

    /// `Some` if core lets this log-in in. The secret is wiped.
    pub async fn authenticate(
        &self,
        login: &str,
        proof: Proof,
        secret: Vec<u8>,
        peer: IpAddr,
    ) -> Result<Option<Grant>, GateError> {
        let _turn = self.inner.logins.acquire().await.map_err(|_| GateError::Unexpected("closed"))?;
        let login = login.chars().take(64).collect();
        let request = Request::Authenticate { login, proof, peer: peer.to_string() };
        match self.call(request, secret, None).await?.answer {
            Answer::Granted(grant) => Ok(Some(grant)),
            Answer::Denied => Ok(None),
            other => Err(unexpected(other)),
        }
    }

    /// May this file come? `Some(fault)`: refused and journalled.
    pub async fn admit(&self, file: Dropped) -> Result<Option<Fault>, GateError> {
        let Dropped { pass, folder, name, peer } = file;
        refusal(self.ask(Request::Admit { pass, folder, name, peer: peer.to_string() }).await?)
    }

    /// Hands a whole file over.
    pub async fn receive(&self, file: Dropped, whole: Whole) -> Result<Handed, GateError> {
        let Dropped { pass, folder, name, peer } = file;
        let Whole { sha256, size, body, descriptor, staged } = whole;
        let request = Request::Receive { pass, folder, name, peer: peer.to_string(), sha256, size, staged };
        match self.call(request, body, descriptor).await?.answer {
            Answer::Taken { flow } => Ok(Handed::Taken(flow)),
            Answer::Duplicate { arrival, first } => Ok(Handed::Duplicate { arrival, first }),
            Answer::Offered => Ok(Handed::Offered),
            Answer::Refused { fault, .. } => Ok(Handed::Refused(fault)),
            other => Err(unexpected(other)),
        }
    }

    /// Journals that a file under a temporary name is durable. `Some(fault)`: it must not be kept.
    pub async fn staged(&self, file: Dropped, sha256: DocumentHash, size: u64) -> Result<Option<Fault>, GateError> {
        let Dropped { pass, folder, name, peer } = file;
        refusal(self.ask(Request::Staged { pass, folder, name, peer: peer.to_string(), sha256, size }).await?)
    }

    /// Journals that front refused a file, with a receipt. `happened`: when, if core was away then.
    pub async fn refuse(&self, file: Dropped, fault: Fault, happened: Option<Timestamp>) -> Result<(), GateError> {
        let Dropped { pass, folder, name, peer } = file;
        let request = Request::Refuse { pass, folder, name, peer: peer.to_string(), fault, happened };
        refusal(self.ask(request).await?).map(|_| ())
    }

    /// Journals that a staged file nobody renamed is removed, with a receipt.
    pub async fn swept(
        &self,
        account: AccountName,
        folder: String,
        name: String,
        staged: Stamp,
    ) -> Result<(), GateError> {
        refusal(self.ask(Request::Swept { account, folder, name, staged }).await?).map(|_| ())
    }

    /// Journals that a former front died while it received an upload, with a receipt; unless core has the file.
    pub async fn left(
        &self,
        account: AccountName,
        folder: String,
        name: String,
        (sha256, size): (DocumentHash, u64),
        modified: Timestamp,
    ) -> Result<(), GateError> {
        refusal(self.ask(Request::Left { account, folder, name, sha256, size, modified }).await?).map(|_| ())
    }

    /// The entries of a folder of results: how many, and a file of [`Entry`] records.
    pub async fn list(&self, pass: Pass, path: String) -> Result<Option<(u64, OwnedFd)>, GateError> {
        let reply = self.call(Request::List { pass, path }, Vec::new(), None).await?;
        match (reply.answer, reply.descriptor) {
            (Answer::Listing { count }, Some(descriptor)) => Ok(Some((count, descriptor))),
            (Answer::NotFound, _) => Ok(None),
            (other, _) => Err(unexpected(other)),
        }
    }

    pub async fn stat(&self, pass: Pass, path: String) -> Result<Option<Entry>, GateError> {
        match self.ask(Request::Stat { pass, path }).await? {
            Answer::Found(entry) => Ok(Some(entry)),
            Answer::NotFound => Ok(None),
            other => Err(unexpected(other)),
        }
    }

    /// A result to read.
    pub async fn open(&self, pass: Pass, path: String) -> Result<Option<(Entry, OwnedFd)>, GateError> {
        let reply = self.call(Request::Open { pass, path }, Vec::new(), None).await?;
        match (reply.answer, reply.descriptor) {
            (Answer::Found(entry), Some(descriptor)) => Ok(Some((entry, descriptor))),
            (Answer::NotFound, _) => Ok(None),
            (other, _) => Err(unexpected(other)),
        }
    }

    /// `Done`, `NotFound` or `Forbidden`.
    pub async fn remove(&self, pass: Pass, path: String, folder: bool) -> Result<Answer, GateError> {
        self.ask(Request::Remove { pass, path, folder }).await
    }

    /// `Done`, `NotFound` or `Forbidden`.
    pub async fn rename(&self, pass: Pass, from: String, to: String) -> Result<Answer, GateError> {
        self.ask(Request::Rename { pass, from, to }).await
    }

    /// Core's metrics, in Prometheus' text format.
    pub async fn metrics(&self) -> Result<String, GateError> {
        let reply = self.call(Request::Metrics, Vec::new(), None).await?;
        match reply.answer {
            Answer::Text => String::from_utf8(reply.body).map_err(|_| GateError::Unexpected("metrics are not UTF-8")),
            other => Err(unexpected(other)),
        }
    }

    /// Whether core is well; otherwise what is wrong with it.
    pub async fn health(&self) -> Result<(), GateError> {
        match self.ask(Request::Health).await? {
            Answer::Done => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    /// Tells core which walls stand around front, and what they denied.
    pub async fn walls(&self, report: Report) -> Result<(), GateError> {
        match self.ask(Request::Walls { report }).await? {
            Answer::Done => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    /// Tells core what front's configuration was read from: whether a start would read another one.
    pub async fn is_superseded(&self, sha256: Option<DocumentHash>) -> Result<bool, GateError> {
        match self.ask(Request::Configured { sha256 }).await? {
            Answer::Done => Ok(false),
            Answer::Superseded => Ok(true),
            other => Err(unexpected(other)),
        }
    }

    /// Hands lines of front's log to core: at most [`LOG_LINES_AT_ONCE`].
    pub async fn log(&self, lines: Vec<LogLine>) -> Result<(), GateError> {
        match self.ask(Request::Log { lines }).await? {
            Answer::Done => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    async fn ask(&self, request: Request) -> Result<Answer, GateError> {
        Ok(self.call(request, Vec::new(), None).await?.answer)
    }

    async fn call(&self, request: Request, body: Vec<u8>, file: Option<OwnedFd>) -> Result<Reply, GateError> {
        let _turn = self.inner.calls.acquire().await.map_err(|_| GateError::Unexpected("closed"))?;
        let inner = Arc::clone(&self.inner);
        let reply = tokio::task::spawn_blocking(move || inner.call(request, body, file))
            .await
            .map_err(|_| GateError::Unexpected("the call panicked"))??;
        match reply.answer {
            Answer::Failed { fault } => Err(GateError::Failed(fault)),
            Answer::PassRefused => Err(GateError::PassRefused),
            Answer::Malformed => Err(GateError::Unexpected("malformed request")),
            _ => Ok(reply),
        }
    }
}

fn refusal(answer: Answer) -> Result<Option<Fault>, GateError> {
    match answer {
        Answer::Done => Ok(None),
        Answer::Refused { fault, .. } => Ok(Some(fault)),
        other => Err(unexpected(other)),
    }
}

fn unexpected(answer: Answer) -> GateError {
    GateError::Unexpected(match answer {
        Answer::Welcome { .. } => "welcome",
        Answer::Granted(_) => "granted",
        Answer::Denied => "denied",
        Answer::Taken { .. } => "taken",
        Answer::Duplicate { .. } => "duplicate",
        Answer::Offered => "offered",
        Answer::Refused { .. } => "refused",
        Answer::Done => "done",
        Answer::Superseded => "superseded",
        Answer::Listing { .. } => "listing",
        Answer::Found(_) => "found",
        Answer::NotFound => "not found",
        Answer::Forbidden => "forbidden",
        Answer::PassRefused => "pass refused",
        Answer::Text => "text",
        Answer::Failed { .. } => "failed",
        Answer::Malformed => "malformed",
    })
}

/// The error of a request that core cannot have acted upon.
fn unsent(error: FrameError) -> GateError {
    match error {
        FrameError::Ended | FrameError::Idle => GateError::Unreachable(std::io::Error::other(error)),
        FrameError::Io(error) => GateError::Unreachable(error),
        FrameError::TooLarge { .. } | FrameError::Header(_) => GateError::Lost(error),
    }
}

impl Inner {
    /// One call, blocking. What may be repeated is repeated once on a fresh connection.
    fn call(&self, request: Request, body: Vec<u8>, file: Option<OwnedFd>) -> Result<Reply, GateError> {
        let repeatable = request.is_repeatable();
        let mut frame = Frame { header: request, body, descriptor: file };
        let mut result = self.call_on(self.pooled(), &frame);
        if repeatable && matches!(result, Err(GateError::Lost(_))) {
            result = self.call_on(None, &frame);
        }
        // It may have been a password.
        frame.body.zeroize();
        result
    }

    fn call_on(&self, pooled: Option<UnixStream>, frame: &Frame<Request>) -> Result<Reply, GateError> {
        // What did not go out whole was not acted upon: it may go by a fresh connection, whatever it asks.
        let sent = pooled.filter(|stream| frame.send(stream).is_ok());
        let stream = match sent {
            Some(stream) => stream,
            None => {
                let stream = self.connect()?;
                frame.send(&stream).map_err(unsent)?;
                stream
            }
        };
        let answer: Frame<Answer> = Frame::receive(&stream).map_err(GateError::Lost)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < CALLS {
            idle.push(stream);
        }
        Ok(Reply { answer: answer.header, body: answer.body, descriptor: answer.descriptor })
    }

    /// An idle connection whose peer is still there.
    fn pooled(&self) -> Option<UnixStream> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let stream = idle.pop()?;
            if !descriptor::is_stale(&stream) {
                return Some(stream);
            }
        }
    }

    fn connect(&self) -> Result<UnixStream, GateError> {
        let stream = UnixStream::connect(&self.socket).map_err(GateError::Unreachable)?;
        stream.set_read_timeout(Some(CALL_TIME)).map_err(GateError::Unreachable)?;
        stream.set_write_timeout(Some(CALL_TIME)).map_err(GateError::Unreachable)?;
        let hello = Frame { header: Request::Hello { version: VERSION }, body: Vec::new(), descriptor: None };
        // Who does not answer the greeting has not been asked anything: a core that is just ending.
        hello.send(&stream).map_err(unsent)?;
        let welcome: Frame<Answer> = Frame::receive(&stream).map_err(unsent)?;
        match welcome.header {
            Answer::Welcome { version: VERSION } => Ok(stream),
            Answer::Welcome { .. } => Err(GateError::Version),
            other => Err(unexpected(other)),
        }
    }
}
