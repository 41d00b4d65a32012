//! For tests and people: the ledger, the catalogue's report, orders. Loopback only.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::json;

use super::Shared;
use super::http::{Body, JSON, content_type, raw, read_body, reply};
use crate::simulator::control;

pub(super) fn ledger(peer: SocketAddr, shared: &Shared) -> Response<Body> {
    if !peer.ip().to_canonical().is_loopback() {
        return raw(403, None, "");
    }
    let ledger = shared.world().ledger();
    match serde_json::to_vec(&ledger) {
        Ok(body) => raw(200, Some(JSON), body),
        Err(error) => reply(500, &json!({"error": error.to_string()})),
    }
}

pub(super) fn catalogue(peer: SocketAddr, shared: &Shared, as_text: bool) -> Response<Body> {
    if !peer.ip().to_canonical().is_loopback() {
        return raw(403, None, "");
    }
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

pub(super) fn status_file(peer: SocketAddr, shared: &Shared) -> Response<Body> {
    if !peer.ip().to_canonical().is_loopback() {
        return raw(403, None, "");
    }
    match shared.world().status_file() {
        Some(xml) => raw(200, Some("application/xml"), xml),
        None => raw(404, None, ""),
    }
}

pub(super) async fn steer(request: Request<Incoming>, peer: SocketAddr, shared: &Arc<Shared>) -> Response<Body> {
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
