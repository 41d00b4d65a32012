//! The listener: TLS, HTTP/1.1, who may call (PROTOCOL §1), and what a scripted fault does to a connection.
//!
//! HTTP/1.1 only: a fault that closes a connection then takes exactly the one call with it.

mod desk;
mod http;
mod work;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONNECTION, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use self::http::{Body, Closed, content_type, form, malformed, raw, read_body, reply};
use self::work::{About, answer_with, close_early, fault_name, instead, note};
use super::Witness;
use super::catalogue::Told;
use super::fault::{Effect, Moment, Subject};
use super::identity;
use super::ledger::Call;
use super::service::{Outcome, Service};
use super::weather::OutageKind;
use super::world::World;

/// Connections at once; further ones wait.
const CONNECTIONS_LIMIT: usize = 512;
/// For a TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// For a request's head; also how long a connection may idle.
const HEAD_LIMIT: Duration = Duration::from_secs(75);
/// Tokens alive at once; the oldest end first.
const TOKENS_LIMIT: usize = 1_000;
/// After a failed accept (no descriptors left), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What all connections share.
pub(super) struct Shared {
    world: Mutex<World>,
    /// What every form of the page carries; new at each start.
    pub csrf: String,
    witness: Option<Witness>,
}

impl Shared {
    pub fn new(world: World, csrf: String, witness: Option<Witness>) -> Self {
        Self { world: Mutex::new(world), csrf, witness }
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
    if path.starts_with("/simulator/") && desk::is_stranger(&request, peer) {
        return Ok(raw(
            403,
            Some("text/plain;charset=utf-8"),
            "for the machine the simulator runs on, by its own name",
        ));
    }
    match (request.method(), path.as_str()) {
        (&Method::GET, "/simulator/ledger") => Ok(desk::ledger(shared)),
        (&Method::GET, "/simulator/catalogue") => Ok(desk::catalogue(shared, false)),
        (&Method::GET, "/simulator/catalogue.txt") => Ok(desk::catalogue(shared, true)),
        (&Method::GET, "/simulator/statuts.xml") => Ok(desk::status_file(shared)),
        // A browser asks for it by itself: not worth a line in the ledger.
        (&Method::GET, "/favicon.ico") => Ok(raw(204, None, "")),
        (&Method::POST, "/simulator/act") => Ok(desk::form(request, peer, shared).await),
        (&Method::POST, "/simulator/control") => Ok(desk::steer(request, shared).await),
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
                if let Some(page) = desk::page(&request, peer, shared) {
                    return Ok(page);
                }
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
        Some(response) => Ok(Some(unread(response))),
        None => Err(Closed),
    }
}

/// An answer given before the request's body was read: its connection ends with it, and says so, or a client would send the next
/// request into a connection that is about to close.
fn unread(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CONNECTION, hyper::header::HeaderValue::from_static("close"));
    response
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
    answer_with(&About { name: NAME, subject: Subject::default() }, fault, work, shared).await
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
    let path = request.uri().path().to_owned();
    let about = About { name, subject: Subject::default() };
    let refusal = refused(&request, &shared.world());
    if let Some(refusal) = refusal {
        about.note(shared, refusal.status().as_u16(), None, None, Told::default());
        return Ok(unread(refusal));
    }
    close_early(name, shared)?;
    if !service.is_health() && !content_type(&request).starts_with("application/json") {
        note(shared, name, 415, None, None);
        let wrong = reply(415, &json!({"error": "Unsupported Media Type", "message": "application/json attendu"}));
        return Ok(unread(wrong));
    }
    let Some(body) = read_body(request, shared).await else {
        note(shared, name, 0, None, None);
        return Err(Closed);
    };
    if let Some(witness) = &shared.witness {
        (witness.calls)(&path, &body);
    }
    let understood = match service.read(&body) {
        Ok(understood) => understood,
        Err(reason) => {
            note(shared, name, 400, None, None);
            return Ok(malformed(&reason));
        }
    };
    drop(body);
    let (about, fault) = {
        let mut world = shared.world();
        world.settle();
        let about = About { name, subject: understood.subject(&world) };
        world.forget_tokens();
        world.disturb(name, &about.subject.invoices);
        let fault = world.faults.strike(name, &about.subject, Moment::BeforeWork);
        (about, fault)
    };
    let work = || {
        let outcome = understood.work(&mut shared.world());
        if let (Some(witness), Outcome::Done(answer) | Outcome::Deposited(answer, _)) = (&shared.witness, &outcome) {
            (witness.answers)(&path, answer);
        }
        outcome
    };
    answer_with(&about, fault, work, shared).await
}
