//! A real upstream: an HTTP/1.1 server that says what it saw.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// What an upstream has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub connections: AtomicU64,
    pub requests: AtomicU64,
    /// Bytes of `/source` that were asked for so far.
    pub produced: AtomicU64,
    /// Bytes of `/sink` that arrived so far.
    pub consumed: AtomicU64,
}

pub struct Upstream {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
}

/// One frame of `/source`.
pub const FRAME: usize = 64 * 1024;

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// Serves until the test's runtime ends. `name` is what `/name` answers.
pub async fn start(name: &'static str) -> Upstream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Seen::default());
    let shared = seen.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            shared.connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream, name, shared.clone()));
        }
    });
    Upstream { address, seen }
}

async fn serve(stream: TcpStream, name: &'static str, seen: Arc<Seen>) {
    let service = service_fn(|request| answer(request, name, seen.clone()));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, name: &'static str, seen: Arc<Seen>) -> Result<Answer, Infallible> {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let path = request.uri().path().to_owned();
    Ok(match path.rsplit('/').next().unwrap() {
        "echo" => echo(&request),
        "sink" => {
            let mut body = request.into_body();
            let mut bytes = 0;
            while let Some(Ok(frame)) = body.frame().await {
                bytes += frame.data_ref().map_or(0, Bytes::len);
                seen.consumed.store(bytes as u64, Ordering::SeqCst);
            }
            text(&bytes.to_string())
        }
        "source" => source(request.uri().query().unwrap().parse().unwrap(), seen),
        "never" => std::future::pending().await,
        "stuck" => {
            let frames = stream::once(async { Ok(Frame::data(Bytes::from_static(b"begun"))) });
            let frames = futures_util::StreamExt::chain(frames, stream::pending());
            Response::new(BodyExt::boxed(StreamBody::new(frames)))
        }
        "hops" => Response::builder()
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("keep-alive", "timeout=5")
            .header("proxy-authenticate", "Basic")
            .header("x-kept", "1")
            .body(BodyExt::boxed(Full::from("hops")))
            .unwrap(),
        "slow" => {
            tokio::time::sleep(Duration::from_millis(100)).await;
            text(name)
        }
        _ => text(name),
    })
}

fn text(text: &str) -> Answer {
    Response::new(BodyExt::boxed(Full::from(text.to_owned())))
}

fn echo(request: &Request<Incoming>) -> Answer {
    let mut lines = vec![format!("{} {} {:?}", request.method(), request.uri(), request.version())];
    lines.extend(request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())));
    text(&lines.join("\n"))
}

/// So many bytes, made as they are asked for.
fn source(bytes: usize, seen: Arc<Seen>) -> Answer {
    let frame = Bytes::from(vec![b'x'; FRAME]);
    let frames = stream::unfold(bytes, move |left| {
        let next = (left > 0).then(|| {
            let frame = frame.slice(..left.min(FRAME));
            seen.produced.fetch_add(frame.len() as u64, Ordering::SeqCst);
            let left = left - frame.len();
            (Ok(Frame::data(frame)), left)
        });
        std::future::ready(next)
    });
    Response::new(BodyExt::boxed(StreamBody::new(frames)))
}
