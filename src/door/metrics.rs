//! `/healthz` and `/metrics`, for machines: plain HTTP on a listener of its own.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::os::signals::Shutdown;

/// Connections at once.
const CONNECTIONS: usize = 32;
/// For a request's head, and between two requests.
const HEAD_LONGEST: Duration = Duration::from_secs(10);
/// For a whole answer.
const ANSWER_LONGEST: Duration = Duration::from_secs(10);

/// What is asked of a source: a text, later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Where health and numbers come from.
pub struct Source {
    /// Fine, or why not.
    pub health: Box<dyn Fn() -> Later<Result<(), String>> + Send + Sync>,
    /// In Prometheus' text form.
    pub metrics: Box<dyn Fn() -> Later<String> + Send + Sync>,
}

/// Serves until told to stop.
pub async fn serve(listener: TcpListener, source: Arc<Source>, shutdown: Shutdown) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = places.clone().acquire_owned().await.expect("this semaphore is never closed");
        let accepted = tokio::select! {
            () = shutdown.told() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let source = source.clone();
        tokio::spawn(async move {
            let _place = place;
            let service = service_fn(|request| answer(request, source.clone()));
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_LONGEST)
                .half_close(false)
                .max_buf_size(16 * 1024);
            // Whoever measures may go away at any time.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, source: Arc<Source>) -> Result<Response<Full<Bytes>>, Infallible> {
    let asked = (request.method(), request.uri().path());
    let late = || (StatusCode::SERVICE_UNAVAILABLE, "no answer in time\n".to_owned());
    let (status, text) = match asked {
        (&Method::GET | &Method::HEAD, "/healthz") => {
            match tokio::time::timeout(ANSWER_LONGEST, (source.health)()).await {
                Ok(Ok(())) => (StatusCode::OK, "ok\n".to_owned()),
                Ok(Err(reason)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
                Err(_) => late(),
            }
        }
        (&Method::GET | &Method::HEAD, "/metrics") => {
            match tokio::time::timeout(ANSWER_LONGEST, (source.metrics)()).await {
                Ok(text) => (StatusCode::OK, text),
                Err(_) => late(),
            }
        }
        (_, "/healthz" | "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, "/healthz or /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
