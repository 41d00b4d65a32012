//! Core's side of the gate: one plain thread per connection, a bounded number of them.

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::frame::{Frame, FrameError};
use super::message::{Answer, Reply, Request};

/// Connections at once: a front's pool, and room for a second front that replaces a dying one.
const CONNECTIONS: usize = 128;
/// A frame that has begun must be whole, and an answer be read, within this time.
const FRAME_TIME: Duration = Duration::from_secs(30);
/// How long a stop waits for the requests under way.
const STOP_TIME: Duration = Duration::from_secs(20);
/// Pause after a failed accept (no descriptor left): not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who answers: `work::gatehouse`.
pub trait Core: Send + Sync + 'static {
    /// Answers one request; on a plain thread, may block. `body` may hold a secret: it is the callee's to wipe.
    fn answer(&self, request: Request, body: Vec<u8>, descriptor: Option<OwnedFd>) -> Reply;
}

/// The running server; [`Server::stop`] ends it.
pub struct Server {
    shared: Arc<Shared>,
    acceptor: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    listener: UnixListener,
    stopping: AtomicBool,
    /// Open connections by number, so that a stop can wake their readers.
    open: Mutex<HashMap<u64, UnixStream>>,
    closed: Condvar,
}

impl Shared {
    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<u64, UnixStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers requests on `listener` until the returned server is stopped (or dropped).
pub fn serve(listener: UnixListener, core: Arc<dyn Core>) -> io::Result<Server> {
    listener.set_nonblocking(false)?;
    let shared = Arc::new(Shared {
        listener,
        stopping: AtomicBool::new(false),
        open: Mutex::new(HashMap::new()),
        closed: Condvar::new(),
    });
    let acceptor = std::thread::Builder::new().name("gate-accept".into()).spawn({
        let shared = Arc::clone(&shared);
        move || accept(&shared, &core)
    })?;
    Ok(Server { shared, acceptor: Some(acceptor) })
}

impl Server {
    /// Takes no new request, lets those under way be answered, and waits for them for a bounded time.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the acceptor: shutting down a listening Unix socket makes its accept fail.
        if let Err(e) = nix::sys::socket::shutdown(
            std::os::fd::AsRawFd::as_raw_fd(&self.shared.listener),
            nix::sys::socket::Shutdown::Both,
        ) {
            log::warn!(error = e.to_string().as_str(); "Gate listener did not shut down");
        }
        let _ = acceptor.join();
        let deadline = Instant::now() + STOP_TIME;
        let mut open = self.shared.open();
        for stream in open.values() {
            // Only the reading half: an answer under way still goes out.
            let _ = stream.shutdown(Shutdown::Read);
        }
        while !open.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                log::warn!(connections = open.len(); "Gate stops with requests under way");
                break;
            }
            open = self.shared.closed.wait_timeout(open, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn accept(shared: &Arc<Shared>, core: &Arc<dyn Core>) {
    let mut number = 0u64;
    while !shared.stopping.load(Ordering::SeqCst) {
        let stream = match shared.listener.accept() {
            Ok((stream, _)) => stream,
            Err(_) if shared.stopping.load(Ordering::SeqCst) => return,
            Err(e) => {
                log::warn!(error = e.to_string().as_str(); "Gate could not accept a connection");
                std::thread::sleep(ACCEPT_PAUSE);
                continue;
            }
        };
        number += 1;
        if let Err(e) = begin(shared, core, stream, number) {
            log::warn!(error = e.to_string().as_str(); "Gate connection not served");
        }
    }
}

fn begin(shared: &Arc<Shared>, core: &Arc<dyn Core>, stream: UnixStream, number: u64) -> io::Result<()> {
    stream.set_read_timeout(Some(FRAME_TIME))?;
    stream.set_write_timeout(Some(FRAME_TIME))?;
    {
        let mut open = shared.open();
        if open.len() >= CONNECTIONS {
            return Err(io::Error::other("too many connections"));
        }
        open.insert(number, stream.try_clone()?);
    }
    let own = Arc::clone(shared);
    let core = Arc::clone(core);
    let spawned = std::thread::Builder::new().name("gate".into()).spawn(move || {
        converse(&own, &*core, &stream);
        own.open().remove(&number);
        own.closed.notify_all();
    });
    if spawned.is_err() {
        shared.open().remove(&number);
    }
    spawned.map(drop)
}

/// Request, answer, request, answer ... until the peer ends, breaks the rules, or the server stops.
fn converse(shared: &Shared, core: &dyn Core, stream: &UnixStream) {
    while !shared.stopping.load(Ordering::SeqCst) {
        let frame: Frame<Request> = match Frame::receive(stream) {
            Ok(frame) => frame,
            Err(FrameError::Idle) => continue,
            Err(FrameError::Ended) => return,
            Err(e) => {
                log::warn!(error = e.to_string().as_str(); "Gate connection closed: front sent a bad frame");
                let _ = send(stream, Answer::Malformed.into());
                return;
            }
        };
        let reply = if frame.header.is_bounded() {
            let answer = || core.answer(frame.header, frame.body, frame.descriptor);
            match catch_unwind(AssertUnwindSafe(answer)) {
                Ok(reply) => reply,
                Err(_) => {
                    log::error!("A gate request made core panic; its connection is closed");
                    return;
                }
            }
        } else {
            Answer::Malformed.into()
        };
        if let Err(e) = send(stream, reply) {
            log::warn!(error = e.to_string().as_str(); "Gate answer not delivered");
            return;
        }
    }
}

fn send(stream: &UnixStream, reply: Reply) -> Result<(), FrameError> {
    Frame { header: reply.answer, body: reply.body, descriptor: reply.descriptor }.send(stream)
}
