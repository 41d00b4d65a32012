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

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, Url};

use crate::fault::Text;
use crate::net::proxy::Proxy;
use crate::net::resolver::Resolver;
use crate::net::tls::{self, TlsError};

/// Connections kept open and idle, per host.
const IDLE_CONNECTIONS: usize = 4;
/// How long an idle connection is kept: shorter than gateways usually do, so that few go stale in our hands.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest text of an error's detail, in characters.
const DETAIL_LIMIT: usize = 200;

/// How a client is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Authorities beside the public ones, PEM.
    pub extra_ca: Option<Vec<u8>>,
    /// Name, connection and TLS together.
    pub connect_timeout: Duration,
    /// The whole exchange, from the name to the answer's last byte.
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

/// A request without an answer. Details hold no secret and no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Not a byte of the request has left.
    #[error("not sent ({stage:?}): {detail}")]
    NotSent { stage: Stage, detail: String },
    /// Some of the request may have arrived.
    #[error("sent, no answer: {detail}")]
    Lost { timed_out: bool, detail: String },
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
                .timeout(settings.timeout)
                .user_agent(concat!("fluxgate/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        Ok(Self { pooled: build(IDLE_CONNECTIONS)?, alone: build(0)?, proxy: settings.proxy.clone() })
    }

    /// Sends one POST, once, and reads its answer within its limit. An answer whose head came is an answer, even when
    /// its body broke off.
    pub async fn post(&self, request: Request<'_>) -> Result<Answer, SendError> {
        let client = if request.alone { &self.alone } else { &self.pooled };
        let sending =
            client.request(Method::POST, request.url.clone()).headers(request.headers).body(request.body).send();
        let through = self.proxy.as_ref().is_some_and(|p| p.covers(request.url.host_str().unwrap_or_default()));
        let response = sending.await.map_err(|e| classify(&e, through))?;
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let (retry_after, date) = (header(RETRY_AFTER), header(DATE));
        let body = read_body(response, request.answer_limit).await;
        Ok(Answer { status, retry_after, date, body })
    }
}

async fn read_body(mut response: reqwest::Response, limit: usize) -> Result<Vec<u8>, String> {
    let too_long = || format!("the answer is longer than {limit} bytes");
    if response.content_length().is_some_and(|length| usize::try_from(length).map_or(true, |l| l > limit)) {
        return Err(too_long());
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Err(too_long()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => return Err("the answer did not come to its end in time".to_owned()),
            Err(error) => return Err(format!("the answer broke off: {}", root_cause(&error))),
        }
    }
}

/// `is_connect` holds for errors of name, TCP and TLS, including the connect time-out, all of which come before the
/// first byte of the request; the time-out of the whole exchange is not one of them, even if it struck early. `through`: by
/// way of the proxy, whose name and connection are then the only ones that are ours to open.
fn classify(error: &reqwest::Error, through: bool) -> SendError {
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
    SendError::Lost { timed_out: error.is_timeout(), detail }
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
