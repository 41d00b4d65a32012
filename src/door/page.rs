//! The way to the page: core's Unix socket. Its server is simple (one request per connection, no time limits of its
//! own), so a request is bounded and whole here before the page hears of it.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use super::body::{Answer, Arriving, Upload};
use super::excuse::Excuse;
use super::listener::household;
use super::pool::{self, Refusal};
use crate::fault::{Code, Fault};
use crate::gate::{RELEASE_PATH, SESSION_COOKIE};

/// Requests to the page at once: its crew of workers has the same number.
const PAGE_AT_ONCE: usize = 32;
/// For one of these places.
const PLACE_LONGEST: Duration = Duration::from_secs(5);
/// A request's body, in bytes: an uploaded secret or configuration.
const PAGE_BODY_LIMIT: usize = 2 * 1024 * 1024;
/// For a request's body to arrive whole.
const PAGE_BODY_LONGEST: Duration = Duration::from_secs(30);

/// A form with files (the complement of an invoice), in bytes; what the page itself takes of one is a little less.
const UPLOAD_BODY_LIMIT: usize = 41 * 1024 * 1024;
/// An update of the appliance, in bytes; the same.
const RELEASE_BODY_LIMIT: usize = 97 * 1024 * 1024;
const UPLOAD_BODY_LONGEST: Duration = Duration::from_secs(180);
/// Of those at once, each whole in memory here: nobody is known yet, so each address has one place at most.
const UPLOADS_AT_ONCE: usize = 2;
/// One that is slower than this after its beginning gives its place to others, in bytes a second.
const UPLOAD_LEAST_RATE: u64 = 32 * 1024;
const UPLOAD_BEGINNING: Duration = Duration::from_secs(10);

/// The page behind the door.
pub struct Page {
    socket: PathBuf,
    places: Arc<Semaphore>,
    uploads: Semaphore,
    /// Whose uploads are under way.
    uploading: Mutex<HashSet<IpAddr>>,
    /// For the head of an answer, and between two frames of its body.
    patience: Duration,
    /// Sent with HTTPS answers when browsers can trust the certificate.
    strict_transport: bool,
}

impl Page {
    pub fn new(socket: PathBuf, patience: Duration, strict_transport: bool) -> Self {
        Self {
            socket,
            places: Arc::new(Semaphore::new(PAGE_AT_ONCE)),
            uploads: Semaphore::new(UPLOADS_AT_ONCE),
            uploading: Mutex::default(),
            patience,
            strict_transport,
        }
    }

    /// Passes a request on. `prepare` makes the upstream's request from the whole body.
    pub async fn serve(
        &self,
        parts: &Parts,
        client: IpAddr,
        body: Arriving,
        prepare: impl FnOnce(Upload) -> Request<Upload>,
    ) -> Result<Response<Answer>, Excuse> {
        let (_upload, body) = if let Some(limit) = upload_limit(parts) {
            if !has_session(parts) {
                return Err(unknown());
            }
            let own = Uploading::begin(&self.uploading, household(client)).ok_or_else(busy)?;
            // What is larger than half of it takes the room of all.
            let places = if limit > UPLOAD_BODY_LIMIT { UPLOADS_AT_ONCE } else { 1 };
            let places = u32::try_from(places).unwrap_or(u32::MAX);
            let upload = tokio::time::timeout(PLACE_LONGEST, self.uploads.acquire_many(places)).await;
            let Ok(Ok(upload)) = upload else { return Err(busy()) };
            let whole = tokio::time::timeout(UPLOAD_BODY_LONGEST, whole_at_a_pace(body, limit)).await;
            (Some((own, upload)), whole.map_err(|_| late())??)
        } else {
            (None, whole(body, PAGE_BODY_LIMIT, PAGE_BODY_LONGEST).await?)
        };
        let place = tokio::time::timeout(PLACE_LONGEST, self.places.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(unavailable()) };
        let mut request = prepare(Upload::whole(body));
        request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        let response = self.ask(request).await.map_err(|error| {
            log::warn!(error = error.to_string().as_str(), method = parts.method.as_str(); "The page does not answer");
            unavailable()
        })?;
        let (mut head, body) = response.into_parts();
        super::forward::strip_hop_by_hop(&mut head.headers);
        if self.strict_transport {
            let year = HeaderValue::from_static("max-age=31536000");
            head.headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
        }
        Ok(Response::from_parts(head, Answer::upstream(body, self.patience).with_permit(place)))
    }

    async fn ask(&self, request: Request<Upload>) -> Result<Response<Incoming>, Refusal> {
        let stream = UnixStream::connect(&self.socket).await.map_err(Refusal::NoConnection)?;
        let mut sender = pool::handshake(stream).await.map_err(Refusal::Broken)?;
        pool::ask(&mut sender, request, self.patience).await.map_err(|unsent| unsent.refusal)
    }
}

/// An address's upload under way; the address may begin another when it is dropped.
struct Uploading<'a> {
    all: &'a Mutex<HashSet<IpAddr>>,
    own: IpAddr,
}

impl<'a> Uploading<'a> {
    /// `None`: one of this address is under way.
    fn begin(all: &'a Mutex<HashSet<IpAddr>>, own: IpAddr) -> Option<Self> {
        let begun = all.lock().unwrap_or_else(PoisonError::into_inner).insert(own);
        begun.then_some(Self { all, own })
    }
}

impl Drop for Uploading<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.own);
    }
}

/// Whether it comes with the cookie of a session; whether that lives, only the page knows.
fn has_session(parts: &Parts) -> bool {
    let lines = parts.headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.any(|(name, value)| name == SESSION_COOKIE && !value.is_empty())
}

/// 403.
fn unknown() -> Excuse {
    Excuse::request(
        StatusCode::FORBIDDEN,
        ("Connexion nécessaire", "Rien n'a été pris : connectez-vous à la page, puis recommencez."),
        ("Log-in needed", "Nothing was taken: log in to the page, then try again."),
    )
}

/// 503, when others upload.
fn busy() -> Excuse {
    Excuse::request(
        StatusCode::SERVICE_UNAVAILABLE,
        ("Un autre envoi est en cours", "Rien n'a été pris : recommencez dans un instant."),
        ("Another upload is under way", "Nothing was taken: try again in a moment."),
    )
}

fn unavailable() -> Excuse {
    Excuse::fault(StatusCode::SERVICE_UNAVAILABLE, &Fault::new(Code::CoreUnavailable))
}

/// How large a form with files may be, where the page takes one.
fn upload_limit(parts: &Parts) -> Option<usize> {
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let form = kind.get(..19).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/form-data"));
    match parts.uri.path() {
        _ if parts.method != Method::POST || !form => None,
        RELEASE_PATH => Some(RELEASE_BODY_LIMIT),
        path if path.starts_with("/flux/") && path.ends_with("/completer") => Some(UPLOAD_BODY_LIMIT),
        _ => None,
    }
}

/// A large body, as long as it comes at least at [`UPLOAD_LEAST_RATE`].
async fn whole_at_a_pace(mut body: Arriving, limit: usize) -> Result<Bytes, Excuse> {
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let began = tokio::time::Instant::now();
    // As much as is announced, once: growing by doubling would hold it twice.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(limit);
    let mut came = BytesMut::with_capacity(announced.min(limit));
    loop {
        let paid = u64::try_from(came.len()).unwrap_or(u64::MAX) / UPLOAD_LEAST_RATE;
        let until = began + UPLOAD_BEGINNING + Duration::from_secs(paid);
        let frame = match tokio::time::timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return Ok(came.freeze()),
            Ok(Some(Err(_))) => {
                return Err(super::forward::malformed("le corps est illisible", "the body is unreadable"));
            }
            Err(_) => return Err(late()),
        };
        let Some(data) = frame.data_ref() else { continue };
        if came.len() + data.len() > limit {
            return Err(too_large());
        }
        came.extend_from_slice(data);
    }
}

async fn whole(mut body: Arriving, limit: usize, longest: Duration) -> Result<Bytes, Excuse> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    match tokio::time::timeout(longest, Limited::new(&mut body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(super::forward::malformed("le corps est illisible", "the body is unreadable")),
        Err(_) => Err(late()),
    }
}

/// 413.
pub fn too_large() -> Excuse {
    Excuse::request(
        StatusCode::PAYLOAD_TOO_LARGE,
        ("Envoi trop volumineux", "Réduisez le fichier, ou faites relever la limite (door.body_limit)."),
        ("Upload too large", "Make the file smaller, or have the limit raised (door.body_limit)."),
    )
}

/// 408.
pub fn late() -> Excuse {
    Excuse::request(
        StatusCode::REQUEST_TIMEOUT,
        ("Envoi trop lent", "La requête n'est pas arrivée à temps : recommencez."),
        ("Request too slow", "The request did not arrive in time: try again."),
    )
}
