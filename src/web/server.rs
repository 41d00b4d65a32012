//! The page's socket: `tiny_http` on a Unix socket that only this user can open, and a bounded crew of workers.
//!
//! The door in front bounds, parses and buffers requests and closes after each: `tiny_http` starves on connections
//! that stay open, and its heads are unbounded. That is why it never listens on anything else.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use tiny_http::{Request, Server};

use crate::web::answer::Answer;

/// Requests answered at once. The door's semaphore has the same number.
pub const WORKERS: usize = 32;
/// How long a stop waits for requests under way.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries to listen anew after the listener broke (no descriptors left, say).
const LISTEN_RETRY: Duration = Duration::from_secs(1);
/// Stack of a worker, in bytes.
const WORKER_STACK: usize = 1024 * 1024;

/// Answers a request. A panic in it is caught: the client gets the excuse, the page goes on.
pub type Handler = dyn Fn(&mut Request) -> Answer + Send + Sync;

/// The page could not begin to listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("page socket {path}: {source}")]
    Listen { path: PathBuf, source: std::io::Error },
    #[error("page threads: {0}")]
    Thread(std::io::Error),
    #[error("no random bits: {0}")]
    Random(#[from] getrandom::Error),
}

struct Shared {
    path: PathBuf,
    handler: Box<Handler>,
    excuse: fn() -> Answer,
    stopping: AtomicBool,
    broken: AtomicBool,
}

/// A page that is being served. Dropping it leaves it running; see [`Running::stop`].
pub struct Running {
    shared: Arc<Shared>,
    supervisor: JoinHandle<()>,
}

/// Listens on `path` (mode 0600; a dead socket of a former process is replaced) and answers until stopped.
pub fn listen(path: &Path, handler: Box<Handler>, excuse: fn() -> Answer) -> Result<Running, ServeError> {
    let listener = bind(path).map_err(|source| ServeError::Listen { path: path.to_owned(), source })?;
    let shared = Arc::new(Shared {
        path: path.to_owned(),
        handler,
        excuse,
        stopping: AtomicBool::new(false),
        broken: AtomicBool::new(false),
    });
    let mine = shared.clone();
    let supervisor = std::thread::Builder::new()
        .name("web".to_owned())
        .spawn(move || supervise(&mine, listener))
        .map_err(ServeError::Thread)?;
    Ok(Running { shared, supervisor })
}

impl Running {
    /// Takes no more requests and waits for those under way, at most five seconds. Blocks: not on an async worker.
    pub fn stop(self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let deadline = Instant::now() + STOP_PATIENCE;
        while !self.supervisor.is_finished() && Instant::now() < deadline {
            sleep(Duration::from_millis(10));
        }
        if self.supervisor.is_finished() {
            drop(self.supervisor.join());
        } else {
            log::warn!(patience_s = STOP_PATIENCE.as_secs(); "The page stopped while requests were still under way");
        }
    }
}

fn bind(path: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// One server after the other: `tiny_http` gives up listening at the first error of `accept`.
fn supervise(shared: &Shared, first: UnixListener) {
    let mut listener = Some(first);
    while !shared.stopping.load(Ordering::SeqCst) {
        match listener.take().map_or_else(|| bind(&shared.path), Ok) {
            Ok(listener) => run(shared, listener),
            Err(error) => log::error!(error = error.to_string().as_str(); "The page cannot listen on its socket"),
        }
        if !shared.stopping.load(Ordering::SeqCst) {
            sleep(LISTEN_RETRY);
        }
    }
}

/// Serves one listener until it breaks or the page stops.
fn run(shared: &Shared, listener: UnixListener) {
    let server = match Server::from_listener(listener, None) {
        Ok(server) => server,
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "The page's server did not start");
            return;
        }
    };
    shared.broken.store(false, Ordering::SeqCst);
    let over = || shared.stopping.load(Ordering::SeqCst) || shared.broken.load(Ordering::SeqCst);
    std::thread::scope(|scope| {
        for n in 0..WORKERS {
            let worker = std::thread::Builder::new().name(format!("web-{n}")).stack_size(WORKER_STACK);
            let begun = worker.spawn_scoped(scope, || {
                while !over() {
                    match server.recv() {
                        Ok(request) => answer(shared, request),
                        Err(_) if over() => {}
                        Err(error) => {
                            log::error!(error = error.to_string().as_str(); "The page's listener broke; it is opened anew");
                            shared.broken.store(true, Ordering::SeqCst);
                        }
                    }
                }
            });
            if let Err(error) = begun {
                log::error!(error = error.to_string().as_str(); "A page worker did not start");
            }
        }
        while !over() {
            sleep(Duration::from_millis(20));
        }
        for _ in 0..WORKERS {
            server.unblock();
        }
    });
}

fn answer(shared: &Shared, mut request: Request) {
    let answer = catch_unwind(AssertUnwindSafe(|| (shared.handler)(&mut request))).unwrap_or_else(|_| {
        log::error!("Answering a page request panicked; the page goes on");
        (shared.excuse)()
    });
    if let Err(error) = answer.send(request) {
        log::debug!(error = error.to_string().as_str(); "A page's client went away before its answer");
    }
}
