//! Bodies on their way through: nothing is held but the frame in hand.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Version;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

use super::stream::Turn;

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the body is larger than the limit")]
    TooLarge,
    #[error("the body stood still for too long")]
    Stalled,
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

/// What is known of an upload while its answer is awaited.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    /// Milliseconds since `began` when a byte last came, or the body ended.
    moved_ms: AtomicU64,
    /// The client owes us bytes; otherwise the upstream owes us its answer.
    awaits_client: AtomicBool,
    too_large: AtomicBool,
}

impl Progress {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            moved_ms: AtomicU64::new(0),
            awaits_client: AtomicBool::new(false),
            too_large: AtomicBool::new(false),
        })
    }

    /// When something last moved.
    pub fn moved(&self) -> Instant {
        self.began + Duration::from_millis(self.moved_ms.load(Ordering::Relaxed))
    }

    pub fn awaits_client(&self) -> bool {
        self.awaits_client.load(Ordering::Relaxed)
    }

    pub fn is_too_large(&self) -> bool {
        self.too_large.load(Ordering::Relaxed)
    }

    fn touch(&self, awaits_client: bool) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_ms.store(now, Ordering::Relaxed);
        self.awaits_client.store(awaits_client, Ordering::Relaxed);
    }
}

/// What is read of a body that nobody wants any more, in bytes and in time: a client that is still sending when its
/// connection closes never reads why.
const DRAIN_LIMIT: usize = 32 * 1024 * 1024;
const DRAIN_LONGEST: Duration = Duration::from_secs(10);

/// A client's body. One that is dropped before its end is read to its end, within bounds, where the answer would
/// otherwise be lost with the connection (HTTP/1).
#[derive(Debug)]
pub struct Arriving {
    inner: Option<Incoming>,
    drains: bool,
}

impl Arriving {
    pub fn new(inner: Incoming, version: Version) -> Self {
        Self { inner: Some(inner), drains: version < Version::HTTP_2 }
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let unread = self.inner.take().filter(|inner| self.drains && !inner.is_end_stream());
        if let (Some(mut inner), Ok(runtime)) = (unread, tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(DRAIN_LONGEST, async move {
                let mut drained = 0;
                while let Some(Ok(frame)) = inner.frame().await {
                    drained += frame.data_ref().map_or(0, Bytes::len);
                    if drained > DRAIN_LIMIT {
                        break;
                    }
                }
            }));
        }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        self.inner.as_mut().map_or(Poll::Ready(None), |inner| Pin::new(inner).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or(SizeHint::with_exact(0), Incoming::size_hint)
    }
}

/// A request's body on its way to an upstream.
#[derive(Debug)]
pub enum Upload {
    /// As it comes; bytes that are still allowed.
    Stream { inner: Arriving, left: Option<u64>, progress: Arc<Progress> },
    /// Known whole.
    Whole { inner: Full<Bytes>, progress: Arc<Progress> },
}

impl Upload {
    /// `limit` in bytes.
    pub fn stream(inner: Arriving, limit: Option<u64>) -> Self {
        Self::Stream { inner, left: limit, progress: Progress::new() }
    }

    pub fn whole(bytes: Bytes) -> Self {
        Self::Whole { inner: Full::new(bytes), progress: Progress::new() }
    }

    pub fn progress(&self) -> Arc<Progress> {
        match self {
            Self::Stream { progress, .. } | Self::Whole { progress, .. } => progress.clone(),
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Whole { inner, .. } => match Pin::new(inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
                Poll::Ready(Some(Err(never))) => match never {},
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            },
            Self::Stream { inner, left, progress } => match Pin::new(inner).poll_frame(cx) {
                Poll::Pending => {
                    progress.awaits_client.store(true, Ordering::Relaxed);
                    Poll::Pending
                }
                Poll::Ready(None) => {
                    progress.touch(false);
                    Poll::Ready(None)
                }
                Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(Some(Ok(frame))) => {
                    progress.touch(false);
                    let came = frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
                    match left.map(|left| left.checked_sub(came)) {
                        Some(None) => {
                            progress.too_large.store(true, Ordering::Relaxed);
                            Poll::Ready(Some(Err(BodyError::TooLarge)))
                        }
                        still => {
                            *left = still.flatten();
                            Poll::Ready(Some(Ok(frame)))
                        }
                    }
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Stream { inner, .. } => inner.is_end_stream(),
            Self::Whole { inner, .. } => inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Stream { inner, .. } => inner.size_hint(),
            Self::Whole { inner, .. } => inner.size_hint(),
        }
    }
}

/// An answer's body on its way to a client, and what is given back when it is out.
#[derive(Debug)]
pub struct Answer {
    kind: Kind,
    _turn: Option<Turn>,
    _permit: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum Kind {
    Whole(Full<Bytes>),
    Upstream { inner: Incoming, stall: Duration, timer: Option<Pin<Box<Sleep>>>, armed: bool },
}

impl Answer {
    /// A text of our own.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Whole(Full::new(bytes.into())), _turn: None, _permit: None }
    }

    /// An upstream's body, which may stand still for `stall` at most.
    pub fn upstream(inner: Incoming, stall: Duration) -> Self {
        Self { kind: Kind::Upstream { inner, stall, timer: None, armed: false }, _turn: None, _permit: None }
    }

    #[must_use]
    pub fn with_turn(mut self, turn: Turn) -> Self {
        self._turn = Some(turn);
        self
    }

    #[must_use]
    pub fn with_permit(mut self, permit: OwnedSemaphorePermit) -> Self {
        self._permit = Some(permit);
        self
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().kind {
            Kind::Whole(inner) => match Pin::new(inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
                Poll::Ready(Some(Err(never))) => match never {},
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            },
            Kind::Upstream { inner, stall, timer, armed } => match Pin::new(inner).poll_frame(cx) {
                Poll::Ready(frame) => {
                    *armed = false;
                    Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Http)))
                }
                Poll::Pending => {
                    let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(*stall)));
                    if !*armed {
                        *armed = true;
                        timer.as_mut().reset(tokio::time::Instant::now() + *stall);
                    }
                    match timer.as_mut().poll(cx) {
                        Poll::Ready(()) => Poll::Ready(Some(Err(BodyError::Stalled))),
                        Poll::Pending => Poll::Pending,
                    }
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(inner) => inner.is_end_stream(),
            Kind::Upstream { inner, .. } => inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(inner) => inner.size_hint(),
            Kind::Upstream { inner, .. } => inner.size_hint(),
        }
    }
}
