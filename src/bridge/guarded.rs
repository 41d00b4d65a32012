//! A connection that can be cut from outside: strangers have a time and a number of bytes to log in, and a stop ends
//! everything. The SSH library's own limits do not reach into a key exchange that stalls.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

/// Bytes a client may send before it has logged in.
const STRANGER_BYTES: usize = 512 * 1024;

/// What others hold of a connection: whether its client is known, and the means to cut it.
pub struct Leash {
    known: AtomicBool,
    cut: watch::Sender<bool>,
}

impl Leash {
    pub fn new() -> Self {
        Self { known: AtomicBool::new(false), cut: watch::Sender::new(false) }
    }

    /// The client has logged in: a stranger's limits no longer count.
    pub fn welcome(&self) {
        self.known.store(true, Ordering::Release);
    }

    /// Ends the connection, whatever it is doing.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }
}

/// The stream under an SSH connection.
pub struct Guarded {
    stream: TcpStream,
    leash: Arc<Leash>,
    deadline: Pin<Box<Sleep>>,
    stranger_bytes: usize,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Guarded {
    pub fn new(stream: TcpStream, leash: Arc<Leash>, deadline: Instant) -> Self {
        let mut signal = leash.cut.subscribe();
        let cut = async move {
            let _ = signal.wait_for(|cut| *cut).await;
        };
        let deadline = Box::pin(tokio::time::sleep_until(deadline));
        Self { stream, leash, deadline, stranger_bytes: 0, cut: Box::pin(cut) }
    }

    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if *self.leash.cut.borrow() || self.cut.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut by the server"));
        }
        if self.leash.is_known() {
            return Ok(());
        }
        if self.stranger_bytes > STRANGER_BYTES {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "too many bytes before the log-in"));
        }
        match self.deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::TimedOut, "not logged in in time")),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if !self.leash.is_known() {
            self.stranger_bytes += buf.filled().len() - before;
        }
        polled
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
