//! The listener: TLS, HTTP/1.1, who may call (PROTOCOL §1), and what a scripted fault does to a connection.
//!
//! HTTP/1.1 only: a fault that closes a connection then takes exactly the one call with it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::control;
use super::fault::{Effect, FaultRule, Moment, Subject};
use super::identity;
use super::ledger::{Answered, Call};
use super::readings::FluxLimit;
use super::service::{self, Outcome, Service};
use super::weather::OutageKind;
use super::world::World;

/// Connections at once; further ones wait.
const CONNECTIONS_LIMIT: usize = 512;
/// Bytes of a request's body beside the flux in it.
const BODY_ROOM_BYTES: usize = 8 << 20;
/// For a TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// For a request's head; also how long a connection may idle.
const HEAD_LIMIT: Duration = Duration::from_secs(75);
/// For a request's body.
const BODY_LIMIT: Duration = Duration::from_secs(60);
/// Between the first half of a cut answer and the closing, so that the half has left.
const CUT_PAUSE: Duration = Duration::from_millis(50);
/// Tokens alive at once; the oldest end first.
const TOKENS_LIMIT: usize = 1_000;
/// After a failed accept (no descriptors left), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const JSON: &str = "application/json;charset=utf-8";

type Body = UnsyncBoxBody<Bytes, Closed>;

/// Ends the connection; never an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection closed by script")]
pub(super) struct Closed;

/// What all connections share.
pub(super) struct Shared {
    world: Mutex<World>,
}

impl Shared {
    pub fn new(world: World) -> Self {
        Self { world: Mutex::new(world) }
    }

    /// The world. A panic of another holder leaves it as it was: a snapshot for practice, no promise is kept here.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Accepts until aborted.
pub(super) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_LIMIT));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                log::warn!(error:% = error; "Simulator could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let closed = shared.world().faults.strike("connect", &Subject::default(), Moment::BeforeBody).is_some();
        if closed {
            let (at, fault) = (shared.world().clock.today(), Some(fault_name(Effect::CloseBefore)));
            shared.world().called(Call { at, service: "connect".to_owned(), http: 0, code: None, fault });
            continue;
        }
        let (tls, shared) = (tls.clone(), shared.clone());
        connections.spawn(async move {
            connection(stream, peer, tls, shared).await;
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // A small answer must not wait for the acknowledgement of the one before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    match tls {
        None => exchange(stream, peer, shared).await,
        Some(tls) => match tokio::time::timeout(HANDSHAKE_LIMIT, tls.accept(stream)).await {
            Ok(Ok(stream)) => exchange(stream, peer, shared).await,
            Ok(Err(error)) => log::debug!(error:% = error; "Simulator: TLS handshake failed"),
            Err(_) => log::debug!("Simulator: TLS handshake took too long"),
        },
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(stream: S, peer: SocketAddr, shared: Arc<Shared>) {
    let service = hyper::service::service_fn(move |request| {
        let shared = shared.clone();
        async move { handle(request, peer, &shared).await }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        log::debug!(error:% = error; "Simulator: connection ended");
    }
}

async fn handle(request: Request<Incoming>, peer: SocketAddr, shared: &Arc<Shared>) -> Result<Response<Body>, Closed> {
    let path = request.uri().path().to_owned();
    match (request.method(), path.as_str()) {
        (&Method::GET, "/simulator/ledger") => Ok(ledger(peer, shared)),
        (&Method::GET, "/simulator/statuts.xml") => Ok(status_file(peer, shared)),
        (&Method::POST, "/simulator/control") => Ok(steer(request, peer, shared).await),
        (method, path) => match (Service::at(method, path), method == Method::POST && path == "/api/oauth/token") {
            (Some(service), _) => match out(service.name, shared)? {
                Some(instead) => Ok(instead),
                None => call(service, request, shared).await,
            },
            (None, true) => match out("token", shared)? {
                Some(instead) => Ok(instead),
                None => token(request, shared).await,
            },
            (None, false) => {
                note(shared, path, 404, None, None);
                Ok(reply(404, &json!({"error": "Not Found", "message": "API non trouvée"})))
            }
        },
    }
}

/// What is answered during an outage; `None`: there is none.
fn out(name: &str, shared: &Shared) -> Result<Option<Response<Body>>, Closed> {
    let outage = shared.world().outage();
    let Some(kind) = outage else { return Ok(None) };
    let (status, instead) = match kind {
        OutageKind::Unavailable => (503, Some(instead(Effect::Status503, None))),
        OutageKind::Maintenance => (200, Some(instead(Effect::Garbage200, None))),
        OutageKind::CloseBefore => (0, None),
    };
    let mut world = shared.world();
    let at = world.clock.today();
    world.called(Call { at, service: name.to_owned(), http: status, code: None, fault: Some("outage".to_owned()) });
    match instead {
        Some(response) => Ok(Some(response)),
        None => Err(Closed),
    }
}

// ── Who may call ────────────────────────────────────────────────────────────────────────────────────────────

async fn token(request: Request<Incoming>, shared: &Shared) -> Result<Response<Body>, Closed> {
    const NAME: &str = "token";
    close_early(NAME, shared)?;
    let is_form = content_type(&request).starts_with("application/x-www-form-urlencoded");
    let Some(body) = read_body(request, shared).await else { return Err(Closed) };
    let form = form(&body);
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let answer = {
        let mut world = shared.world();
        let doors = &world.doors;
        if !is_form || field("grant_type") != Some("client_credentials") {
            Err(
                json!({"error": "unsupported_grant_type", "error_description": "grant_type must be client_credentials"}),
            )
        } else if field("client_id") != Some(&doors.client_id) || field("client_secret") != Some(&doors.client_secret) {
            // The same for an unknown id and a wrong secret (PROTOCOL §1).
            Err(json!({"error": "invalid_client", "error_description": "The given client credentials were not valid"}))
        } else {
            Ok(world.faults.strike(NAME, &Subject::default(), Moment::BeforeWork))
        }
    };
    let fault = match answer {
        Ok(fault) => fault,
        Err(refusal) => {
            note(shared, NAME, 400, None, None);
            return Ok(reply(400, &refusal));
        }
    };
    let work = || match issue(&mut shared.world(), field("scope")) {
        Ok(answer) => Outcome::Done(answer),
        Err(error) => {
            log::error!(error:% = error; "Simulator: no randomness for a token");
            Outcome::Status(500)
        }
    };
    answer_with(NAME, fault, work, shared).await
}

fn issue(world: &mut World, scope: Option<&str>) -> Result<Value, super::SimulatorError> {
    let token = identity::token()?;
    let lifetime = world.scenario.token_lifetime.get();
    let now = std::time::Instant::now();
    world.doors.tokens.retain(|(_, end)| *end > now);
    if world.doors.tokens.len() >= TOKENS_LIMIT {
        world.doors.tokens.remove(0);
    }
    world.doors.tokens.push((token.clone(), now + lifetime));
    world.tokens_given += 1;
    Ok(json!({
        "access_token": token, "token_type": "Bearer", "expires_in": lifetime.as_secs(), "scope": scope.unwrap_or("openid"),
    }))
}

/// The three layers in PISTE's order: token, (subscription: by script), technical account.
fn refused(request: &Request<Incoming>, world: &World) -> Option<Response<Body>> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let challenge = |mut response: Response<Body>, value: &'static str| {
        response.headers_mut().insert(WWW_AUTHENTICATE, hyper::header::HeaderValue::from_static(value));
        Some(response)
    };
    let Some(token) = header(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer ")) else {
        let body = json!({"error": "invalid_request", "error_description": "Unable to find token in the message"});
        return challenge(reply(400, &body), "Bearer realm=\"PISTE\"");
    };
    let now = std::time::Instant::now();
    if !world.doors.tokens.iter().any(|(known, end)| known == token.trim() && *end > now) {
        let body = json!({"error": "invalid_token", "error_description": "The access token is unknown or expired"});
        return challenge(reply(401, &body), "Bearer realm=\"PISTE\", error=\"invalid_token\"");
    }
    let account = format!("{}:{}", world.doors.account_login, world.doors.account_password);
    if header("cpro-account").map(str::trim) != Some(STANDARD.encode(account).as_str()) {
        return Some(reply(401, &json!({"error": "unauthorized", "message": "Compte technique refusé"})));
    }
    None
}

// ── One call ────────────────────────────────────────────────────────────────────────────────────────────────

async fn call(
    service: &'static Service,
    request: Request<Incoming>,
    shared: &Shared,
) -> Result<Response<Body>, Closed> {
    let name = service.name;
    let refusal = refused(&request, &shared.world());
    if let Some(refusal) = refusal {
        note(shared, name, refusal.status().as_u16(), None, None);
        return Ok(refusal);
    }
    close_early(name, shared)?;
    if !service.is_health() && !content_type(&request).starts_with("application/json") {
        note(shared, name, 415, None, None);
        return Ok(reply(415, &json!({"error": "Unsupported Media Type", "message": "application/json attendu"})));
    }
    let Some(body) = read_body(request, shared).await else {
        note(shared, name, 0, None, None);
        return Err(Closed);
    };
    let understood = match service.read(&body) {
        Ok(understood) => understood,
        Err(reason) => {
            note(shared, name, 400, None, None);
            return Ok(malformed(&reason));
        }
    };
    drop(body);
    let fault = {
        let mut world = shared.world();
        world.settle();
        let subject = understood.subject(&world);
        world.faults.strike(name, &subject, Moment::BeforeWork)
    };
    let work = || understood.work(&mut shared.world());
    answer_with(name, fault, work, shared).await
}

/// Works (unless the fault forbids) and answers (as the fault wants).
async fn answer_with(
    name: &str,
    fault: Option<FaultRule>,
    work: impl FnOnce() -> Outcome,
    shared: &Shared,
) -> Result<Response<Body>, Closed> {
    let wait = shared.world().latency();
    let Some(rule) = fault else {
        let done = settle(work(), shared);
        // A client that leaves meanwhile drops this future: the deposit then stays `lost`.
        tokio::time::sleep(wait).await;
        note(shared, name, done.status, done.code, None);
        done.tell(shared, Answered::Given);
        return Ok(done.response());
    };
    let done = rule.is_accepted().then(|| settle(work(), shared));
    let fault = Some(rule.effect);
    let tell = |how| {
        if let Some(done) = &done {
            done.tell(shared, how);
        }
    };
    log::info!(service = name, fault = fault_name(rule.effect), accepted = done.is_some(); "Simulated fault strikes");
    match (rule.effect, &done) {
        (Effect::LoseAnswer | Effect::CloseBefore, _) | (Effect::Cut | Effect::Slow, None) => {
            note(shared, name, 0, None, fault);
            tell(Answered::Lost);
            Err(Closed)
        }
        (Effect::Cut, Some(whole)) => {
            note(shared, name, whole.status, whole.code, fault);
            tell(Answered::Cut);
            Ok(whole.half())
        }
        (Effect::Slow, Some(late)) => {
            tokio::time::sleep(wait + Duration::from_millis(rule.ms.unwrap_or_default())).await;
            note(shared, name, late.status, late.code, fault);
            tell(Answered::Given);
            Ok(late.response())
        }
        (Effect::Refuse, _) => {
            let code = i64::from(rule.code.unwrap_or(20_000));
            let refusal = json!({"codeRetour": code, "libelle": rule.label.as_deref().unwrap_or("CODE PAR DEFAUT")});
            let status = if service::by_400(&mut shared.world()) { 400 } else { 200 };
            note(shared, name, status, Some(code), fault);
            Ok(reply(status, &refusal))
        }
        (effect, _) => {
            let response = instead(effect, rule.retry_after);
            note(shared, name, response.status().as_u16(), None, fault);
            tell(Answered::Hidden);
            Ok(response)
        }
    }
}

/// The answers that stand in for the service's own.
fn instead(effect: Effect, retry_after: Option<u32>) -> Response<Body> {
    match effect {
        Effect::Status401 => reply(401, &json!({"error": "unauthorized", "message": "Accès refusé"})),
        Effect::Status403Empty => raw(403, None, ""),
        Effect::Status429 => {
            let mut response = reply(429, &json!({"error": "Too Many Requests"}));
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            response
        }
        Effect::Status503 => raw(503, Some("text/html"), "<html><body><h1>Service indisponible</h1></body></html>"),
        Effect::Garbage200 => raw(200, Some("text/html"), "<html><body>Maintenance en cours…</body></html>"),
        Effect::Empty200 => raw(200, Some(JSON), ""),
        Effect::LoseAnswer
        | Effect::Status500
        | Effect::Slow
        | Effect::Cut
        | Effect::CloseBefore
        | Effect::Refuse
        | Effect::Any => reply(500, &json!({"error": "Internal Server Error", "message": "Erreur interne du serveur"})),
    }
}

/// An answer ready to leave.
struct Done {
    status: u16,
    code: Option<i64>,
    body: Bytes,
    flux: Option<usize>,
}

fn settle(outcome: Outcome, shared: &Shared) -> Done {
    let (mut status, value, flux) = match outcome {
        Outcome::Done(value) => (200, value, None),
        Outcome::Deposited(value, flux) => (200, value, Some(flux)),
        Outcome::Refused(refusal) => (200, json!({"codeRetour": refusal.code, "libelle": refusal.label}), None),
        Outcome::Malformed(reason) => (400, malformed_body(&reason), None),
        Outcome::Status(status) => (status, json!({"error": status.to_string()}), None),
    };
    let code = value.get("codeRetour").and_then(Value::as_i64);
    if status == 200 && code.is_some_and(|code| code != 0) && service::by_400(&mut shared.world()) {
        status = 400;
    }
    Done { status, code, body: Bytes::from(value.to_string()), flux }
}

impl Done {
    fn tell(&self, shared: &Shared, how: Answered) {
        if let Some(flux) = self.flux {
            shared.world().answered(flux, how);
        }
    }

    fn response(&self) -> Response<Body> {
        raw(self.status, Some(JSON), self.body.clone())
    }

    /// The head and half of the body, then the end of the connection.
    fn half(&self) -> Response<Body> {
        let first = self.body.slice(..self.body.len() / 2);
        let frames = futures_util::stream::unfold(Some(first), |first| async move {
            match first {
                Some(half) => Some((Ok(Frame::data(half)), None)),
                None => {
                    tokio::time::sleep(CUT_PAUSE).await;
                    Some((Err(Closed), None))
                }
            }
        });
        let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
        *response.status_mut() = status(self.status);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(JSON));
        headers.insert(CONTENT_LENGTH, self.body.len().into());
        response
    }
}

fn close_early(name: &str, shared: &Shared) -> Result<(), Closed> {
    let struck = shared.world().faults.strike(name, &Subject::default(), Moment::BeforeBody);
    match struck {
        None => Ok(()),
        Some(rule) => {
            note(shared, name, 0, None, Some(rule.effect));
            Err(Closed)
        }
    }
}

fn note(shared: &Shared, service: &str, http: u16, code: Option<i64>, fault: Option<Effect>) {
    let mut world = shared.world();
    let at = world.clock.today();
    let service = super::content::cut(service, 200);
    world.called(Call { at, service, http, code, fault: fault.map(fault_name) });
}

fn fault_name(effect: Effect) -> String {
    serde_json::to_value(effect).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

// ── For tests and people ────────────────────────────────────────────────────────────────────────────────────

fn ledger(peer: SocketAddr, shared: &Shared) -> Response<Body> {
    if !peer.ip().to_canonical().is_loopback() {
        return raw(403, None, "");
    }
    let ledger = shared.world().ledger();
    match serde_json::to_vec(&ledger) {
        Ok(body) => raw(200, Some(JSON), body),
        Err(error) => reply(500, &json!({"error": error.to_string()})),
    }
}

fn status_file(peer: SocketAddr, shared: &Shared) -> Response<Body> {
    if !peer.ip().to_canonical().is_loopback() {
        return raw(403, None, "");
    }
    match shared.world().status_file() {
        Some(xml) => raw(200, Some("application/xml"), xml),
        None => raw(404, None, ""),
    }
}

async fn steer(request: Request<Incoming>, peer: SocketAddr, shared: &Arc<Shared>) -> Response<Body> {
    // A JSON content type cannot be sent across sites by a browser without asking first.
    if !peer.ip().to_canonical().is_loopback() || !content_type(&request).starts_with("application/json") {
        return raw(403, None, "");
    }
    let Some(body) = read_body(request, shared).await else { return raw(413, None, "") };
    match control::obey(&body, shared) {
        Ok(answer) => reply(200, &answer),
        Err(reason) => reply(400, &json!({"error": reason})),
    }
}

// ── HTTP ────────────────────────────────────────────────────────────────────────────────────────────────────

fn content_type(request: &Request<Incoming>) -> String {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().trim().to_ascii_lowercase()
}

/// The whole body; `None`: cut, too slow or too big.
async fn read_body(request: Request<Incoming>, shared: &Shared) -> Option<Bytes> {
    let flux = match shared.world().scenario.readings.flux_limit {
        FluxLimit::Api => service::ARCHIVE_LIMIT_BYTES,
        FluxLimit::Edi => service::EDI_FLUX_LIMIT_BYTES,
    };
    // In base64.
    let body = Limited::new(request.into_body(), flux / 3 * 4 + BODY_ROOM_BYTES);
    match tokio::time::timeout(BODY_LIMIT, body.collect()).await {
        Ok(Ok(whole)) => Some(whole.to_bytes()),
        Ok(Err(_)) | Err(_) => None,
    }
}

/// `a=b&c=d`, percent-decoded.
fn form(body: &[u8]) -> Vec<(String, String)> {
    const FIELDS_LIMIT: usize = 20;
    let decode = |part: &[u8]| {
        let mut text = Vec::with_capacity(part.len());
        let mut rest = part.iter().copied();
        while let Some(byte) = rest.next() {
            let hex = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
            match byte {
                b'+' => text.push(b' '),
                b'%' => match (rest.next().and_then(hex), rest.next().and_then(hex)) {
                    (Some(high), Some(low)) => text.push(high << 4 | low),
                    _ => text.push(b'%'),
                },
                other => text.push(other),
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    };
    body.split(|byte| *byte == b'&')
        .take(FIELDS_LIMIT)
        .map(|field| {
            let at = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
            (decode(&field[..at]), decode(field.get(at + 1..).unwrap_or_default()))
        })
        .collect()
}

fn malformed_body(reason: &str) -> Value {
    json!({"error": "Bad Request", "message": format!("Requête mal formulée : {reason}")})
}

fn malformed(reason: &str) -> Response<Body> {
    reply(400, &malformed_body(reason))
}

fn reply(status: u16, value: &Value) -> Response<Body> {
    raw(status, Some(JSON), value.to_string())
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn raw(code: u16, content_type: Option<&'static str>, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never: Infallible| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status(code);
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    }
    response
}
