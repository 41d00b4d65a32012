//! One request through the door.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode, Version};

use super::body::{Answer, Arriving, Upload};
use super::counters::Counters;
use super::excuse::Excuse;
use super::forward::{self, Target};
use super::page::{self, Page};
use super::pool::{Pool, Refusal};
use super::site::Sites;
use super::stream::Pulse;
use crate::fault::{Code, Fault};

/// What stands behind the door.
pub struct Proxy {
    pub sites: Sites<Pool>,
    pub page: Page,
    pub counters: Arc<Counters>,
    /// A request's body, in bytes.
    pub body_limit: Option<u64>,
    /// For an upstream's first byte, and between two frames of its body.
    pub upstream_patience: Duration,
}

impl Proxy {
    /// Answers one request of `client`; always with something.
    pub async fn serve(
        &self,
        request: Request<Incoming>,
        client: IpAddr,
        pulse: &Arc<Pulse>,
    ) -> Result<Response<Answer>, Infallible> {
        let turn = pulse.turn();
        let (parts, body) = request.into_parts();
        let body = Arriving::new(body, parts.version);
        let mut response = match self.relay(&parts, body, client, pulse).await {
            Ok(response) => response,
            Err(excuse) => {
                let mut response = excuse.answer(&parts.headers);
                if parts.version < Version::HTTP_2 && excuse.status.is_client_error() {
                    // What is left of the request is not worth reading.
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                response
            }
        };
        if parts.version < Version::HTTP_2 && pulse.is_last() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        self.counters.note_status(response.status());
        Ok(response.map(|body| body.with_turn(turn)))
    }

    async fn relay(
        &self,
        parts: &Parts,
        body: Arriving,
        client: IpAddr,
        pulse: &Pulse,
    ) -> Result<Response<Answer>, Excuse> {
        let target = if pulse.is_ambiguous() {
            Err(forward::malformed("deux longueurs de corps", "two lengths for one body"))
        } else {
            forward::target(parts)
        };
        let target = target.inspect_err(|_| self.counters.requests_malformed.up())?;
        match self.sites.find(&target.host, target.path.path()) {
            Some(pool) => {
                self.counters.requests_site.up();
                self.to_site(pool, parts, body, &target, client).await
            }
            None => {
                self.counters.requests_page.up();
                self.page.serve(parts, client, body, |upload| forward::outgoing(parts, &target, client, upload)).await
            }
        }
    }

    async fn to_site(
        &self,
        pool: &Arc<Pool>,
        parts: &Parts,
        body: Arriving,
        target: &Target,
        client: IpAddr,
    ) -> Result<Response<Answer>, Excuse> {
        if self.body_limit.is_some_and(|limit| body.size_hint().lower() > limit) {
            return Err(page::too_large());
        }
        let empty = body.is_end_stream();
        let make_anew = || forward::outgoing(parts, target, client, Upload::whole(bytes::Bytes::new()));
        let repeatable = forward::may_repeat(parts, !empty);
        let again: Option<&(dyn Fn() -> Request<Upload> + Sync)> = if repeatable { Some(&make_anew) } else { None };
        let upload = Upload::stream(body, self.body_limit);
        let request = forward::outgoing(parts, target, client, upload);
        let response = match pool.send(request, again, self.upstream_patience).await {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                return Err(self.failed(
                    target,
                    "answered with another protocol",
                    StatusCode::BAD_GATEWAY,
                    "protocole",
                ));
            }
            Ok(response) => response,
            Err(refusal) => return Err(self.refused(target, &refusal)),
        };
        let (mut head, body) = response.into_parts();
        forward::strip_hop_by_hop(&mut head.headers);
        head.version = Version::default();
        Ok(Response::from_parts(head, Answer::upstream(body, self.upstream_patience)))
    }

    /// What the client is told; the log alone names the upstream's own words.
    fn refused(&self, target: &Target, refusal: &Refusal) -> Excuse {
        let (status, detail) = match refusal {
            Refusal::TooLarge => return page::too_large(),
            Refusal::ClientLate => return page::late(),
            Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, "503"),
            Refusal::NoConnection(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                (StatusCode::GATEWAY_TIMEOUT, "504")
            }
            Refusal::NoConnection(_) | Refusal::Broken(_) => (StatusCode::BAD_GATEWAY, "502"),
            Refusal::Late => (StatusCode::GATEWAY_TIMEOUT, "504"),
        };
        self.failed(target, &refusal.to_string(), status, detail)
    }

    fn failed(&self, target: &Target, reason: &str, status: StatusCode, detail: &str) -> Excuse {
        self.counters.upstream_failures.up();
        log::warn!(host = target.host.as_str(), reason = reason; "An upstream did not answer a request");
        let fault = Fault::new(Code::UpstreamUnavailable).with("upstream", &target.host).with("detail", detail);
        Excuse::fault(status, &fault)
    }
}
