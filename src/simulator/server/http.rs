//! Bodies in, answers out.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::Shared;
use crate::simulator::readings::FluxLimit;
use crate::simulator::service;

/// Bytes of a request's body beside the flux in it.
const BODY_ROOM_BYTES: usize = 8 << 20;
/// For a request's body.
const BODY_LIMIT: Duration = Duration::from_secs(60);

pub(super) const JSON: &str = "application/json;charset=utf-8";

pub(super) type Body = UnsyncBoxBody<Bytes, Closed>;

/// Ends the connection; never an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection closed by script")]
pub(super) struct Closed;

pub(super) fn content_type(request: &Request<Incoming>) -> String {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().trim().to_ascii_lowercase()
}

/// The whole body; `None`: cut, too slow or too big.
pub(super) async fn read_body(request: Request<Incoming>, shared: &Shared) -> Option<Bytes> {
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
pub(super) fn form(body: &[u8]) -> Vec<(String, String)> {
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

pub(super) fn malformed_body(reason: &str) -> Value {
    json!({"error": "Bad Request", "message": format!("Requête mal formulée : {reason}")})
}

pub(super) fn malformed(reason: &str) -> Response<Body> {
    reply(400, &malformed_body(reason))
}

pub(super) fn reply(status: u16, value: &Value) -> Response<Body> {
    raw(status, Some(JSON), value.to_string())
}

pub(super) fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

pub(super) fn raw(code: u16, content_type: Option<&'static str>, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never: Infallible| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status(code);
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    }
    response
}
