//! The HTTP client of outgoing calls. It answers one question that a usual client blurs: *can this request have
//! left?* Only what failed before the first byte of the request (name, connection, TLS, or a request that could not
//! be built) is [`SendError::NotSent`]; everything later is [`SendError::Lost`].
//!
//! **A request leaves at most once.** Four things guarantee it:
//! - `retry::never()` turns off reqwest's own repeats (by default it repeats HTTP/2 requests that were refused);
//! - redirects are not followed (a 307 or 308 would send the body again);
//! - HTTP/1.1 only: no request shares its connection's fate with another, and TLS early data stays off;
//! - a request with [`Request::alone`] goes over a client without a pool (`pool_max_idle_per_host(0)`), so on a
//!   connection of its own. What remains in the layer below, hyper-util's `retry_canceled_requests`, repeats only a
//!   request that found a *reused* connection closed before any of it was written; without a pool no connection is
//!   ever reused.
//!
//! The tests keep a server that closes stale connections and count what arrives.

mod download;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, Url};

pub use self::download::{Download, DownloadError, Validators, Wanted};
use crate::fault::Text;
use crate::net::proxy::Proxy;
use crate::net::resolver::Resolver;
use crate::net::tls::{self, TlsError};

/// Connections kept open and idle, per host.
const IDLE_CONNECTIONS: usize = 4;
/// How long an idle connection is kept: shorter than gateways usually do, so that few go stale in our hands.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// A bulky exchange takes no longer as a whole, however its bytes pass: 160 MB at 2.5 Mbit/s. Below the time that a job has.
pub const BULK_LIMIT: Duration = Duration::from_secs(10 * 60);
/// A body leaves in pieces of so many bytes.
const PIECE: usize = 64 << 10;
/// The longest text of an error's detail, in characters.
const DETAIL_LIMIT: usize = 200;

/// How a client is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Authorities beside the public ones, PEM.
    pub extra_ca: Option<Vec<u8>>,
    /// Name, connection and TLS together.
    pub connect_timeout: Duration,
    /// The whole exchange, from the name to the answer's last byte; of a bulky one, the time in which not a byte passes.
    pub timeout: Duration,
    /// What stands between this box and the Internet.
    pub proxy: Option<Proxy>,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("HTTP client: {0}")]
    Build(#[from] reqwest::Error),
}

impl ClientError {
    /// For people.
    pub fn text(&self) -> Text {
        match self {
            ClientError::Tls(error) => error.text(),
            ClientError::Build(error) => Text::technical("client HTTP inutilisable", "unusable HTTP client", error),
        }
    }
}

/// Sends requests. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    pooled: reqwest::Client,
    alone: reqwest::Client,
    proxy: Option<Proxy>,
    timeout: Duration,
}

/// One POST.
#[derive(Debug)]
pub struct Request<'a> {
    pub url: &'a Url,
    /// Secret values are to be marked sensitive.
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The longest answer body that is read, in bytes.
    pub answer_limit: usize,
    /// On a connection of its own, for a request that must never arrive twice.
    pub alone: bool,
    /// Much goes or comes: it may take long, as long as bytes pass.
    pub bulky: bool,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// `Retry-After` as it came.
    pub retry_after: Option<String>,
    /// `Date` as it came: the other side's clock.
    pub date: Option<String>,
    /// Why the body could not be read to its end, otherwise the body.
    pub body: Result<Vec<u8>, String>,
}

/// Where a request that could not leave got stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The host's name has no address.
    Name,
    /// No connection, or not in time.
    Connect,
    /// The TLS handshake: certificate, version, or no TLS at all on the other side.
    Tls,
    /// The request could not be built.
    Request,
    /// The proxy has no address, takes no connection, or does not answer in time.
    Proxy,
    /// The proxy wants a log-in, or another one (407).
    ProxyLogin,
    /// The proxy does not let the connection through, or could not open it.
    ProxyRefusal,
}

impl Stage {
    /// For people; `detail` is a library's.
    pub fn text(self, detail: &str) -> Text {
        let (fr, en) = match self {
            Stage::Name => ("le nom de la machine n'a pas d'adresse", "the host's name has no address"),
            Stage::Connect => ("la connexion ne s'ouvre pas", "the connection does not open"),
            Stage::Tls => {
                ("la connexion n'est pas sûre : certificat, ou TLS", "the connection is not safe: certificate, or TLS")
            }
            Stage::Request => ("la demande n'a pas pu être faite", "the request could not be made"),
            Stage::Proxy => ("le proxy de [proxy] ne répond pas", "the proxy of [proxy] does not answer"),
            Stage::ProxyLogin => (
                "le proxy de [proxy] refuse l'identification de cette machine",
                "the proxy of [proxy] refuses this machine's log-in",
            ),
            Stage::ProxyRefusal => {
                ("le proxy de [proxy] n'ouvre pas la connexion", "the proxy of [proxy] does not open the connection")
            }
        };
        Text::technical(fr, en, detail)
    }
}

/// A request without an answer. Details hold no secret and no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Not a byte of the request has left.
    #[error("not sent ({stage:?}): {detail}")]
    NotSent { stage: Stage, detail: String },
    /// Some of the request may have arrived.
    #[error("sent, no answer: {detail}")]
    Lost { detail: String },
}

impl Client {
    pub fn new(settings: &Settings, resolver: &Resolver) -> Result<Self, ClientError> {
        let tls = tls::client_config(settings.extra_ca.as_deref())?;
        let build = |idle: usize| {
            // Never the environment's proxy: one configuration, one place.
            let builder = reqwest::Client::builder().no_proxy();
            let builder = match &settings.proxy {
                Some(proxy) => builder.proxy(proxy.for_client()),
                None => builder,
            };
            builder
                .tls_backend_preconfigured(tls.clone())
                .dns_resolver(resolver.clone())
                .retry(reqwest::retry::never())
                .redirect(Policy::none())
                .referer(false)
                .http1_only()
                .tcp_nodelay(true)
                .pool_max_idle_per_host(idle)
                .pool_idle_timeout(IDLE_TIMEOUT)
                .connect_timeout(settings.connect_timeout.min(settings.timeout))
                .user_agent(concat!("fluxgate/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        Ok(Self {
            pooled: build(IDLE_CONNECTIONS)?,
            alone: build(0)?,
            proxy: settings.proxy.clone(),
            timeout: settings.timeout,
        })
    }

    /// Sends one POST, once, and reads its answer within its limit. An answer whose head came is an answer, even when
    /// its body broke off.
    pub async fn post(&self, request: Request<'_>) -> Result<Answer, SendError> {
        let client = if request.alone { &self.alone } else { &self.pooled };
        let idle = self.timeout;
        let whole = if request.bulky { idle.max(BULK_LIMIT) } else { idle };
        let passing = Passing::default();
        let body = passing.watch(request.body);
        let sending =
            client.request(Method::POST, request.url.clone()).headers(request.headers).timeout(whole).body(body);
        let through = self.proxy.as_ref().is_some_and(|p| p.covers(request.url.host_str().unwrap_or_default()));
        let response = tokio::select! {
            sent = sending.send() => sent.map_err(|e| classify(&e, through, whole))?,
            () = passing.stands_still(idle), if request.bulky => {
                return Err(SendError::Lost { detail: format!("not a byte passed for {} s", idle.as_secs_f32()) });
            }
        };
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let (retry_after, date) = (header(RETRY_AFTER), header(DATE));
        let body = read_body(response, request.answer_limit, idle).await;
        Ok(Answer { status, retry_after, date, body })
    }
}

/// When bytes of a request's body last left.
#[derive(Clone)]
struct Passing(Arc<Mutex<Instant>>);

impl Default for Passing {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Passing {
    /// The body, in pieces that tell when they leave; its length stays known.
    fn watch(&self, bytes: Bytes) -> reqwest::Body {
        reqwest::Body::wrap(Pieces { left: bytes, passing: self.clone() })
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when nothing has left for so long.
    async fn stands_still(&self, idle: Duration) {
        loop {
            let until = self.last() + idle;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until.into()).await;
        }
    }
}

struct Pieces {
    left: Bytes,
    passing: Passing,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        *self.passing.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let piece = self.left.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

async fn read_body(mut response: reqwest::Response, limit: usize, idle: Duration) -> Result<Vec<u8>, String> {
    let too_long = || format!("the answer is longer than {limit} bytes");
    if response.content_length().is_some_and(|length| usize::try_from(length).map_or(true, |l| l > limit)) {
        return Err(too_long());
    }
    let mut body = Vec::new();
    let late = || "the answer did not come to its end in time".to_owned();
    loop {
        let chunk = tokio::time::timeout(idle, response.chunk()).await;
        match chunk.map_err(|_| format!("{}: not a byte for {} s", late(), idle.as_secs_f32()))? {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Err(too_long()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => return Err(late()),
            Err(error) => return Err(format!("the answer broke off: {}", root_cause(&error))),
        }
    }
}

/// `is_connect` holds for errors of name, TCP and TLS, including the connect time-out, all of which come before the
/// first byte of the request; the time-out of the whole exchange is not one of them, even if it struck early. `through`: by
/// way of the proxy, whose name and connection are then the only ones that are ours to open.
fn classify(error: &reqwest::Error, through: bool, whole: Duration) -> SendError {
    let detail = root_cause(error);
    if error.is_connect() {
        let stage = if is_tls(error) {
            Stage::Tls
        } else if through {
            proxy_stage(error)
        } else if error.is_dns() {
            Stage::Name
        } else {
            Stage::Connect
        };
        return SendError::NotSent { stage, detail };
    }
    if error.is_builder() {
        return SendError::NotSent { stage: Stage::Request, detail };
    }
    match error.is_timeout() {
        true => SendError::Lost { detail: format!("no answer within {} s", whole.as_secs_f32()) },
        false => SendError::Lost { detail },
    }
}

/// What the proxy did. hyper-util does not name the type of a tunnel's errors, only their words; a test has a proxy answer
/// each of them.
fn proxy_stage(error: &reqwest::Error) -> Stage {
    let said = chain(error).map(ToString::to_string).find(|said| said.starts_with("tunnel error: "));
    match said.as_deref().map(|said| said.trim_start_matches("tunnel error: ")) {
        Some("proxy authorization required") => Stage::ProxyLogin,
        Some("unsuccessful" | "proxy response headers too long") => Stage::ProxyRefusal,
        _ => Stage::Proxy,
    }
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |e: &&'a (dyn StdError + 'static)| (*e).source())
}

/// rustls' errors travel inside `io::Error`, more than once, and its `source` skips what it holds.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|e| std::iter::successors(Some(e), held).any(|e| e.is::<rustls::Error>()))
}

/// What an `io::Error` was made from.
fn held<'a>(error: &&'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    (*error).downcast_ref::<std::io::Error>()?.get_ref().map(|held| held as _)
}

/// The innermost message: outer ones repeat the URL and say nothing.
fn root_cause(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map_or_else(String::new, |e| e.to_string().chars().take(DETAIL_LIMIT).collect())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Bytes that the server takes, or gives, before each of its pauses, and how often.
    const GULP: usize = 4 << 20;
    const PAUSES: usize = 4;
    /// Less than the pauses together, and far more than one: a busy machine is not a silent one.
    const TIMEOUT: Duration = Duration::from_secs(10);
    const PAUSE: Duration = Duration::from_secs(3);

    /// A server that takes the request in gulps and answers in pieces, with pauses.
    async fn slow(read_pause: Duration, write_pause: Duration) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap().to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let mut left: usize = length.parse().unwrap();
            let mut gulp = vec![0; GULP];
            while left > 0 {
                let now = left.min(GULP);
                if stream.read_exact(&mut gulp[..now]).await.is_err() {
                    return;
                }
                left -= now;
                tokio::time::sleep(read_pause).await;
            }
            let _ = stream.write_all(format!("HTTP/1.1 200 X\r\ncontent-length: {PAUSES}\r\n\r\n").as_bytes()).await;
            for _ in 0..PAUSES {
                tokio::time::sleep(write_pause).await;
                let _ = stream.write_all(b"x").await;
            }
        });
        format!("http://{address}/").parse().unwrap()
    }

    async fn post(url: &Url, body: usize, bulky: bool) -> Result<Answer, SendError> {
        let settings = Settings { extra_ca: None, connect_timeout: TIMEOUT, timeout: TIMEOUT, proxy: None };
        let client = Client::new(&settings, &Resolver::system()).unwrap();
        let body = Bytes::from(vec![b'x'; body]);
        let request = Request { url, headers: HeaderMap::new(), body, answer_limit: 1 << 10, alone: true, bulky };
        client.post(request).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_bulky_exchange_takes_its_time_as_long_as_bytes_pass() {
        // What the kernel holds between the two, some ten megabytes, is taken within the time-out as well.
        let (down, up) = (slow(Duration::ZERO, PAUSE).await, slow(PAUSE / 4, Duration::ZERO).await);
        let downloaded = async { post(&down, 10, true).await.unwrap().body };
        let uploaded = async { post(&up, GULP * 18, true).await.unwrap().body };
        let (downloaded, uploaded) = tokio::join!(downloaded, uploaded);
        assert_eq!((downloaded, uploaded), (Ok(b"xxxx".to_vec()), Ok(b"xxxx".to_vec())));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_exchange_has_its_time_as_a_whole_and_one_that_stands_still_ends() {
        let (small, stuck, mute) = (
            slow(Duration::ZERO, PAUSE).await,
            slow(Duration::from_secs(3600), Duration::ZERO).await,
            slow(Duration::ZERO, Duration::from_secs(3600)).await,
        );
        let (small, stuck, mute) =
            tokio::join!(post(&small, 10, false), post(&stuck, GULP * 16, true), post(&mute, 10, true));
        assert!(small.unwrap().body.unwrap_err().contains("in time"));
        assert!(matches!(stuck, Err(SendError::Lost { detail }) if detail.contains("not a byte passed for 10 s")));
        assert!(mute.unwrap().body.unwrap_err().contains("not a byte for 10 s"));
    }
}
