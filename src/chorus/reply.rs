//! What an HTTP answer of a service means: the one place where status, `codeRetour` and body are weighed.

use std::time::Duration;

use serde_json::Value;

use crate::chorus::{Service, Unreadable, field};
use crate::domain::Timestamp;

/// What came back from a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<A> {
    Answer(A),
    /// Chorus Pro's own refusal, by either transport (HTTP 200 or 400, PROTOCOL §2); also a 4xx without a code, whose
    /// `code` is then the HTTP status. Nothing was changed.
    Refused {
        code: i64,
        label: String,
    },
    /// 401, or the gateway's 400 about the token: token or technical account refused. Nothing was changed.
    Unauthorised,
    /// 403, often with an empty body: API not subscribed, terms not accepted, connection not declared.
    Forbidden,
    /// 404 or 405 without a code: no such service at this address.
    NotThere {
        status: u16,
    },
    /// 429: nothing was changed.
    TooFast,
    /// 5xx, 408, or a redirection: whether the call was taken is not known.
    Failing {
        status: u16,
    },
    /// A success status whose body is not what the service promises: whether the call was taken is not known.
    Unreadable(Unreadable),
}

/// OAuth errors by which the gateway refuses the token instead of the call (RFC 6750 §3.1, PROTOCOL §1).
const TOKEN_ERRORS: &[&str] = &["invalid_request", "invalid_token", "invalid_client", "unauthorized_client"];

/// Reads an answer: `status` is the HTTP status, `body` the whole body.
pub fn read_reply<S: Service>(status: u16, body: &[u8]) -> Reply<S::Answer> {
    match status {
        200..=299 => match parse(body) {
            Ok(answer) => read_coded::<S>(&answer),
            Err(unreadable) => Reply::Unreadable(unreadable),
        },
        401 => Reply::Unauthorised,
        403 => Reply::Forbidden,
        429 => Reply::TooFast,
        400 | 402 | 404..=407 | 409..=428 | 430..=499 => read_client_error::<S>(status, body),
        _ => Reply::Failing { status },
    }
}

fn read_coded<S: Service>(answer: &Value) -> Reply<S::Answer> {
    let Some(code) = field::integer(answer, "codeRetour") else {
        if S::CODE_MAY_LACK && answer.get("codeRetour").is_none_or(Value::is_null) {
            return S::read(answer).map_or_else(Reply::Unreadable, Reply::Answer);
        }
        return Reply::Unreadable(Unreadable::new("codeRetour", "is missing"));
    };
    if code == 0 || S::SUCCESS_CODES.contains(&code) {
        return S::read(answer).map_or_else(Reply::Unreadable, Reply::Answer);
    }
    Reply::Refused { code, label: label(answer) }
}

fn read_client_error<S: Service>(status: u16, body: &[u8]) -> Reply<S::Answer> {
    let answer = parse(body).unwrap_or(Value::Null);
    if field::integer(&answer, "codeRetour").is_some_and(|code| code != 0) {
        return read_coded::<S>(&answer);
    }
    if status == 400 && field::text(&answer, "error").is_some_and(|e| TOKEN_ERRORS.contains(&e.as_str())) {
        return Reply::Unauthorised;
    }
    if matches!(status, 404 | 405) {
        return Reply::NotThere { status };
    }
    let label = field::text(&answer, "libelle").unwrap_or_else(|| format!("HTTP {status}"));
    Reply::Refused { code: i64::from(status), label }
}

fn label(answer: &Value) -> String {
    field::text(answer, "libelle").unwrap_or_else(|| "(sans libellé)".to_owned())
}

/// How long a `Retry-After` header asks to wait: seconds, or a date (RFC 9110 §10.2.3). `None` when it is neither.
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Timestamp::from_millis(at.as_millisecond()).since(now))
}

/// The body as a JSON object; an error says what it looks like, never what it holds.
pub(super) fn parse(body: &[u8]) -> Result<Value, Unreadable> {
    match serde_json::from_slice::<Value>(body) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err(Unreadable::new("body", "is JSON but no object")),
        Err(_) => Err(Unreadable::new("body", looks_like(body))),
    }
}

fn looks_like(body: &[u8]) -> String {
    let start = body.iter().find(|b| !b.is_ascii_whitespace());
    match start {
        None => "is empty".to_owned(),
        Some(b'<') => format!("is a page or XML of {} bytes, no JSON", body.len()),
        Some(b'{' | b'[') => format!("is JSON cut or damaged ({} bytes)", body.len()),
        Some(_) => format!("is {} bytes that are no JSON", body.len()),
    }
}
