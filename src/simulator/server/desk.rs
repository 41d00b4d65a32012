//! For tests and people: the ledger, the catalogue's report, orders, the page. Loopback only.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue, LOCATION};
use hyper::{Method, Request, Response};
use serde_json::json;

use super::Shared;
use super::http::{Body, JSON, content_type, raw, read_body, reply};
use crate::simulator::control;
use crate::simulator::page::{self, Answer};

/// From another machine, or by a name that is not this machine's.
pub(super) fn is_stranger(request: &Request<Incoming>, peer: SocketAddr) -> bool {
    !peer.ip().to_canonical().is_loopback() || !page::is_called_by_its_name(request.headers())
}

pub(super) fn ledger(shared: &Shared) -> Response<Body> {
    let ledger = shared.world().ledger();
    match serde_json::to_vec(&ledger) {
        Ok(body) => raw(200, Some(JSON), body),
        Err(error) => reply(500, &json!({"error": error.to_string()})),
    }
}

pub(super) fn catalogue(shared: &Shared, as_text: bool) -> Response<Body> {
    let report = shared.world().catalogue();
    match (report, as_text) {
        (None, _) => raw(404, Some("text/plain;charset=utf-8"), "the catalogue is not played: --catalogue run\n"),
        (Some(report), true) => raw(200, Some("text/plain;charset=utf-8"), report.text()),
        (Some(report), false) => match serde_json::to_vec(&report) {
            Ok(body) => raw(200, Some(JSON), body),
            Err(error) => reply(500, &json!({"error": error.to_string()})),
        },
    }
}

pub(super) fn status_file(shared: &Shared) -> Response<Body> {
    match shared.world().status_file() {
        Some(xml) => raw(200, Some("application/xml"), xml),
        None => raw(404, None, ""),
    }
}

pub(super) async fn steer(request: Request<Incoming>, shared: &Arc<Shared>) -> Response<Body> {
    // A JSON content type cannot be sent across sites by a browser without asking first.
    if !content_type(&request).starts_with("application/json") {
        return raw(403, None, "");
    }
    let Some(body) = read_body(request, shared).await else { return raw(413, None, "") };
    match control::obey(&body, shared) {
        Ok(answer) => reply(200, &answer),
        Err(reason) => reply(400, &json!({"error": reason})),
    }
}

/// The page, where it is asked for.
pub(super) fn page(request: &Request<Incoming>, peer: SocketAddr, shared: &Shared) -> Option<Response<Body>> {
    if request.method() != Method::GET {
        return None;
    }
    let uri = request.uri();
    let answer = page::show(uri.path(), uri.query().unwrap_or_default(), request.headers(), peer, shared)?;
    Some(dressed(answer))
}

/// A form of the page.
pub(super) async fn form(request: Request<Incoming>, peer: SocketAddr, shared: &Arc<Shared>) -> Response<Body> {
    let headers = request.headers().clone();
    if !content_type(&request).starts_with("application/x-www-form-urlencoded") {
        return raw(403, None, "");
    }
    let Some(body) = read_body(request, shared).await else { return raw(413, None, "") };
    dressed(page::obey(&body, &headers, peer, shared))
}

/// Nothing from elsewhere, in no frame, kept by no cache.
fn dressed(answer: Answer) -> Response<Body> {
    let text = Some("text/plain;charset=utf-8");
    let mut response = match answer {
        Answer::Html(html) => raw(200, Some("text/html;charset=utf-8"), html),
        Answer::Style(style) => raw(200, Some("text/css;charset=utf-8"), style),
        Answer::Refused(status, why) => raw(status, text, why),
        Answer::Go(place) => {
            let mut response = raw(303, text, "");
            if let Ok(place) = HeaderValue::from_str(&place) {
                response.headers_mut().insert(LOCATION, place);
            }
            response
        }
    };
    let headers = response.headers_mut();
    let policy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    for (name, value) in [
        (HeaderName::from_static("content-security-policy"), policy),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        // The page's own forms must still say where they are.
        (HeaderName::from_static("referrer-policy"), "same-origin"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
