//! Connections to one upstream: kept alive, bounded, and never used to send anything twice that may not be.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::body::{Progress, Upload};
use super::site::Upstream;
use crate::net::resolver::Resolver;

/// Connections to one upstream at once.
pub const UPSTREAM_CONNECTIONS: usize = 256;
/// An unused connection is not used again after this: Apache closes after 5 s, and a request must not meet that.
const UNUSED_LONGEST: Duration = Duration::from_secs(4);
/// To open a connection, for each address of the upstream.
const CONNECT_LONGEST: Duration = Duration::from_secs(5);
/// For a free place among [`UPSTREAM_CONNECTIONS`].
const PLACE_LONGEST: Duration = Duration::from_secs(5);
/// An upstream's head, in bytes.
const ANSWER_HEAD_LIMIT: usize = 128 * 1024;
/// Headers of an upstream's answer.
const ANSWER_HEADERS_LIMIT: usize = 200;
/// Kept connections that turn out dead before a new one is opened.
const TRIES: usize = 3;

/// Why an upstream gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("all connections are in use")]
    Busy,
    #[error("no connection: {0}")]
    NoConnection(io::Error),
    #[error("the connection broke: {0}")]
    Broken(hyper::Error),
    #[error("no answer in time")]
    Late,
    #[error("the client sent nothing for too long")]
    ClientLate,
    #[error("the request's body is larger than the limit")]
    TooLarge,
}

/// A way to send one request.
pub type Sender = SendRequest<Upload>;

/// The kept connections of an upstream.
pub struct Pool {
    upstream: Upstream,
    resolver: Resolver,
    unused: Mutex<Vec<(Sender, Instant)>>,
    places: Arc<Semaphore>,
}

impl Pool {
    pub fn new(upstream: Upstream, resolver: Resolver) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(UPSTREAM_CONNECTIONS));
        Arc::new(Self { upstream, resolver, unused: Mutex::new(Vec::new()), places })
    }

    /// Sends a request and answers the head of its response; waits `patience` for it, counted from the last byte of
    /// the request that moved.
    ///
    /// A request that provably never left is sent on another connection. One that may have left is sent again only
    /// when `again` can make it anew: when it changes nothing (RFC 9110 §9.2.2) and has no body.
    pub async fn send(
        self: &Arc<Self>,
        mut request: Request<Upload>,
        again: Option<&(dyn Fn() -> Request<Upload> + Sync)>,
        patience: Duration,
    ) -> Result<Response<Incoming>, Refusal> {
        let place = tokio::time::timeout(PLACE_LONGEST, self.places.clone().acquire_owned()).await;
        let place = place.map_err(|_| Refusal::Busy)?.map_err(|_| Refusal::Busy)?;
        for _ in 0..TRIES {
            let Some(mut sender) = self.unused() else { break };
            match ask(&mut sender, request, patience).await {
                Ok(response) => return Ok(self.keep_after(sender, place, response)),
                Err(Unsent { refusal, request: Some(unsent) }) => {
                    log::debug!(upstream = self.upstream.to_string().as_str(), reason = refusal.to_string().as_str(); "A kept connection was dead");
                    request = *unsent;
                }
                Err(Unsent { refusal: Refusal::Broken(error), request: None }) => match again {
                    Some(again) => request = again(),
                    None => return Err(Refusal::Broken(error)),
                },
                Err(Unsent { refusal, request: None }) => return Err(refusal),
            }
        }
        let stream = self
            .resolver
            .connect(self.upstream.host(), self.upstream.port(), CONNECT_LONGEST)
            .await
            .map_err(Refusal::NoConnection)?;
        stream.set_nodelay(true).map_err(Refusal::NoConnection)?;
        let mut sender = handshake(stream).await.map_err(Refusal::Broken)?;
        match ask(&mut sender, request, patience).await {
            Ok(response) => Ok(self.keep_after(sender, place, response)),
            Err(unsent) => Err(unsent.refusal),
        }
    }

    /// Closes what nobody used for long.
    pub fn sweep(&self) {
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        unused.retain(|(sender, since)| since.elapsed() <= UNUSED_LONGEST && !sender.is_closed());
    }

    /// A kept connection that seems alive.
    fn unused(&self) -> Option<Sender> {
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((sender, since)) = unused.pop() {
            if since.elapsed() > UNUSED_LONGEST {
                // The newest is at the end: what lies below is older still.
                unused.clear();
                return None;
            }
            if sender.is_ready() && !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps the connection once the response's body has been read to its end; the place is free only then.
    fn keep_after(
        self: &Arc<Self>,
        mut sender: Sender,
        place: OwnedSemaphorePermit,
        response: Response<Incoming>,
    ) -> Response<Incoming> {
        let pool = self.clone();
        tokio::spawn(async move {
            let _place = place;
            if sender.ready().await.is_ok() {
                let mut unused = pool.unused.lock().unwrap_or_else(PoisonError::into_inner);
                unused.push((sender, Instant::now()));
            }
        });
        response
    }
}

/// Opens HTTP/1 on a stream. The connection lives in a task of its own until both sides are done with it.
pub async fn handshake<S>(stream: S) -> Result<Sender, hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new();
    builder.max_headers(ANSWER_HEADERS_LIMIT).max_header_size(ANSWER_HEAD_LIMIT);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            log::debug!(error = error.to_string().as_str(); "A connection to an upstream ended with an error");
        }
    });
    Ok(sender)
}

/// A request without its answer; with the request when it provably never left.
pub struct Unsent {
    pub refusal: Refusal,
    request: Option<Box<Request<Upload>>>,
}

/// Sends on one connection and waits for the head of the answer.
pub async fn ask(
    sender: &mut Sender,
    request: Request<Upload>,
    patience: Duration,
) -> Result<Response<Incoming>, Unsent> {
    let progress = request.body().progress();
    let mut answer = std::pin::pin!(sender.try_send_request(request));
    loop {
        let deadline = progress.moved() + patience;
        tokio::select! {
            answer = &mut answer => return answer.map_err(|mut error| {
                let request = error.take_message().map(Box::new);
                let refusal = if progress.is_too_large() { Refusal::TooLarge } else { Refusal::Broken(error.into_error()) };
                Unsent { refusal, request }
            }),
            () = tokio::time::sleep_until(deadline.into()) => {
                if let Some(refusal) = overdue(&progress, patience) {
                    return Err(Unsent { refusal, request: None });
                }
            }
        }
    }
}

fn overdue(progress: &Progress, patience: Duration) -> Option<Refusal> {
    let late = progress.moved().elapsed() >= patience;
    late.then(|| if progress.awaits_client() { Refusal::ClientLate } else { Refusal::Late })
}
