//! A client's connection with its time limits: for a head, and without a byte in either direction.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::head::{HeadWatch, Verdict};

/// What a connection's stream and its requests know of each other.
#[derive(Debug)]
pub struct Pulse {
    began: Instant,
    /// Requests whose answer is not out yet.
    in_flight: AtomicUsize,
    /// When the last of them ended, in milliseconds since `began`.
    rested_ms: AtomicU64,
    ambiguous: AtomicBool,
    last: AtomicBool,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            in_flight: AtomicUsize::new(0),
            rested_ms: AtomicU64::new(0),
            ambiguous: AtomicBool::new(false),
            last: AtomicBool::new(false),
        }
    }
}

impl Pulse {
    /// A request began; it ends when the value is dropped.
    pub fn turn(self: &Arc<Self>) -> Turn {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Turn(self.clone())
    }

    /// Whether nothing was asked for so long.
    pub fn is_idle(&self, longer_than: Duration) -> bool {
        let rested = self.began + Duration::from_millis(self.rested_ms.load(Ordering::Relaxed));
        self.in_flight.load(Ordering::Relaxed) == 0 && rested.elapsed() > longer_than
    }

    /// Whether a head on this connection had two framings.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous.load(Ordering::Relaxed)
    }

    /// Whether the connection takes no further request.
    pub fn is_last(&self) -> bool {
        self.last.load(Ordering::Relaxed)
    }
}

/// A request under way on a connection.
#[derive(Debug)]
pub struct Turn(Arc<Pulse>);

impl Drop for Turn {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.rested_ms.store(now, Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The waits of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// For a request's head from its first byte (HTTP/1; HTTP/2 bounds its own).
    pub head: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
    /// Without a byte in either direction while an answer is awaited.
    pub busy: Duration,
}

/// A stream that fails with `TimedOut` when its client takes too long.
#[derive(Debug)]
pub struct Guarded<S> {
    inner: S,
    waits: Waits,
    pulse: Arc<Pulse>,
    /// Only on HTTP/1.
    watch: Option<HeadWatch>,
    moved: Instant,
    timer: Pin<Box<Sleep>>,
}

impl<S> Guarded<S> {
    /// `http1`: heads are watched.
    pub fn new(inner: S, waits: Waits, pulse: Arc<Pulse>, http1: bool) -> Self {
        let now = Instant::now();
        let timer = Box::pin(tokio::time::sleep_until((now + waits.head.min(waits.idle)).into()));
        Self { inner, waits, pulse, watch: http1.then(HeadWatch::default), moved: now, timer }
    }

    fn deadline(&self) -> Instant {
        if let Some(began) = self.watch.as_ref().and_then(HeadWatch::began) {
            return began + self.waits.head;
        }
        let busy = self.pulse.in_flight.load(Ordering::Relaxed) > 0;
        self.moved + if busy { self.waits.busy } else { self.waits.idle }
    }

    /// Asks to be woken at the deadline; an error when it has passed.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Result<(), io::Error> {
        loop {
            let deadline = self.deadline();
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let armed = self.timer.deadline().into_std();
            if deadline < armed {
                self.timer.as_mut().reset(deadline.into());
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
            // It was armed for an earlier deadline; bytes have moved since.
            self.timer.as_mut().reset(deadline.into());
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Pending => match self.poll_deadline(cx) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
            Poll::Ready(read) => {
                let now = Instant::now();
                self.moved = now;
                let came = &buf.filled()[before..];
                if let Some(watch) = &mut self.watch {
                    let verdict = watch.feed(came, now);
                    if verdict != Verdict::Fine {
                        self.pulse.last.store(true, Ordering::Relaxed);
                    }
                    if verdict == Verdict::Ambiguous {
                        self.pulse.ambiguous.store(true, Ordering::Relaxed);
                    }
                }
                // A head that trickles in is never pending for long: it is judged here.
                if self.watch.as_ref().and_then(HeadWatch::began).is_some() && now >= self.deadline() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                Poll::Ready(read)
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write(cx, buf) {
            Poll::Pending => self.poll_deadline(cx).map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending),
            Poll::Ready(written) => {
                self.moved = Instant::now();
                Poll::Ready(written)
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write_vectored(cx, bufs) {
            Poll::Pending => self.poll_deadline(cx).map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending),
            Poll::Ready(written) => {
                self.moved = Instant::now();
                Poll::Ready(written)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_flush(cx) {
            Poll::Pending => self.poll_deadline(cx).map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending),
            ready => ready,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_shutdown(cx) {
            Poll::Pending => self.poll_deadline(cx).map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending),
            ready => ready,
        }
    }
}
