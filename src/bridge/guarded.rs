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

/// The stream under an SSH connection.
pub struct Guarded {
    stream: TcpStream,
    /// Set once the client has logged in.
    known: Arc<AtomicBool>,
    deadline: Pin<Box<Sleep>>,
    stranger_bytes: usize,
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Guarded {
    /// `stop` becoming `true` (or being dropped) cuts the connection.
    pub fn new(stream: TcpStream, known: Arc<AtomicBool>, deadline: Instant, mut stop: watch::Receiver<bool>) -> Self {
        let stop = async move {
            let _ = stop.wait_for(|stopped| *stopped).await;
        };
        let deadline = Box::pin(tokio::time::sleep_until(deadline));
        Self { stream, known, deadline, stranger_bytes: 0, stop: Box::pin(stop) }
    }

    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.stop.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the server stops"));
        }
        if self.known.load(Ordering::Acquire) {
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
        if !self.known.load(Ordering::Acquire) {
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
