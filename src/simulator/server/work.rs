//! One call's work and answer, and what a scripted fault makes of them.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};

use super::Shared;
use super::http::{Body, Closed, JSON, malformed_body, raw, reply, status};
use crate::simulator::catalogue::{Note, Told};
use crate::simulator::fault::{Effect, FaultRule, Moment, Subject};
use crate::simulator::ledger::{Answered, Call};
use crate::simulator::service::{self, Outcome};

/// Between the first half of a cut answer and the closing, so that the half has left.
const CUT_PAUSE: Duration = Duration::from_millis(50);

/// Works (unless the fault forbids) and answers (as the fault wants).
pub(super) async fn answer_with(
    about: &About,
    fault: Option<FaultRule>,
    work: impl FnOnce() -> Outcome,
    shared: &Shared,
) -> Result<Response<Body>, Closed> {
    let wait = shared.world().latency();
    let Some(rule) = fault else {
        let done = settle(work(), shared);
        // A client that leaves meanwhile drops this future: the deposit then stays `lost`.
        tokio::time::sleep(wait).await;
        about.note(shared, done.status, done.code, None, done.told());
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
    log::info!(service = about.name, fault = fault_name(rule.effect), accepted = done.is_some(); "Simulated fault strikes");
    match (rule.effect, &done) {
        (Effect::LoseAnswer | Effect::CloseBefore, _) | (Effect::Cut | Effect::Slow, None) => {
            about.note(shared, 0, None, fault, Told::default());
            tell(Answered::Lost);
            Err(Closed)
        }
        (Effect::Cut, Some(whole)) => {
            about.note(shared, whole.status, whole.code, fault, Told::default());
            tell(Answered::Cut);
            Ok(whole.half())
        }
        (Effect::Slow, Some(late)) => {
            tokio::time::sleep(wait + Duration::from_millis(rule.ms.unwrap_or_default())).await;
            about.note(shared, late.status, late.code, fault, late.told());
            tell(Answered::Given);
            Ok(late.response())
        }
        (Effect::Refuse, _) => {
            let code = i64::from(rule.code.unwrap_or(20_000));
            let refusal = json!({"codeRetour": code, "libelle": rule.label.as_deref().unwrap_or("CODE PAR DEFAUT")});
            let status = if service::by_400(&mut shared.world()) { 400 } else { 200 };
            about.note(shared, status, Some(code), fault, Told::default());
            Ok(reply(status, &refusal))
        }
        (effect, _) => {
            let response = instead(effect, rule.retry_after);
            about.note(shared, response.status().as_u16(), None, fault, Told::default());
            tell(Answered::Hidden);
            Ok(response)
        }
    }
}

/// The answers that stand in for the service's own.
pub(super) fn instead(effect: Effect, retry_after: Option<u32>) -> Response<Body> {
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

/// What a call is and is about.
pub(super) struct About {
    /// As in `fault::SERVICES`.
    pub name: &'static str,
    pub subject: Subject,
}

impl About {
    /// Into the ledger, and into the catalogue's notes when it is played.
    pub fn note(&self, shared: &Shared, http: u16, code: Option<i64>, fault: Option<Effect>, told: Told) {
        note(shared, self.name, http, code, fault);
        let mut world = shared.world();
        let Some(notes) = &mut world.notes else { return };
        if self.name == "token" && http == 200 && fault.is_none() {
            notes.tokens_given += 1;
        }
        let (service, subject) = (self.name, self.subject.clone());
        notes.add(Note { at: std::time::Instant::now(), service, subject, http, code, fault, told });
    }
}

/// An answer ready to leave.
struct Done {
    status: u16,
    code: Option<i64>,
    body: Bytes,
    /// For the catalogue; nothing when it is not played.
    told: Value,
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
    let body = Bytes::from(value.to_string());
    let told = if shared.world().notes.is_some() { value } else { Value::Null };
    Done { status, code, body, told, flux }
}

impl Done {
    fn told(&self) -> Told {
        Told::of(&self.told)
    }

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

pub(super) fn close_early(name: &str, shared: &Shared) -> Result<(), Closed> {
    let struck = shared.world().faults.strike(name, &Subject::default(), Moment::BeforeBody);
    match struck {
        None => Ok(()),
        Some(rule) => {
            note(shared, name, 0, None, Some(rule.effect));
            Err(Closed)
        }
    }
}

pub(super) fn note(shared: &Shared, service: &str, http: u16, code: Option<i64>, fault: Option<Effect>) {
    let mut world = shared.world();
    let at = world.clock.today();
    let service = crate::simulator::content::cut(service, 200);
    world.called(Call { at, service, http, code, fault: fault.map(fault_name) });
}

pub(super) fn fault_name(effect: Effect) -> String {
    serde_json::to_value(effect).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
