//! What passes: requests and answers, whole, streamed, to the right upstream.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::{Request, StatusCode, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use super::client::{PATIENCE, door, get, get2, site, text};
use super::upstream::{self, FRAME};

const BIG: usize = 100 << 20;
/// What may be under way between two ends: socket buffers, windows, one frame in each hand.
const UNDER_WAY: u64 = 24 << 20;

type Upload = BoxBody<Bytes, Infallible>;

/// A body of `bytes`, without a length, that counts what was taken from it.
fn upload(bytes: usize, taken: Arc<AtomicU64>) -> Upload {
    let frame = Bytes::from(vec![b'u'; FRAME]);
    let frames = stream::unfold(bytes, move |left| {
        let next = (left > 0).then(|| {
            let frame = frame.slice(..left.min(FRAME));
            taken.fetch_add(frame.len() as u64, Ordering::SeqCst);
            let left = left - frame.len();
            (Ok(Frame::data(frame)), left)
        });
        std::future::ready(next)
    });
    BodyExt::boxed(StreamBody::new(frames))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_hears_who_asks_and_nothing_a_client_invents() {
    let upstream = upstream::start("a").await;
    let door = door(vec![site("a.fr", "/", upstream.address)], |_| {}).await;
    let request = Request::get("/x/echo?q=1&r=%2F")
        .header("host", "a.fr:8443")
        .header("x-forwarded-for", "6.6.6.6")
        .header("forwarded", "for=6.6.6.6")
        .header("connection", "x-mine")
        .header("x-mine", "1")
        .header("x-kept", "2")
        .body(Full::<Bytes>::default())
        .unwrap();
    let seen = text(door.h1().await.send_request(request).await.unwrap()).await;
    let mut lines: Vec<&str> = seen.lines().collect();
    assert_eq!(lines.remove(0), "GET /x/echo?q=1&r=%2F HTTP/1.1");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "forwarded: for=127.0.0.1;host=\"a.fr:8443\";proto=https",
            "host: a.fr:8443",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: a.fr:8443",
            "x-forwarded-proto: https",
            "x-kept: 2",
        ]
    );

    let answer = door.h2().await.send_request(get2("a.fr", "/echo")).await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    let seen = text(answer).await;
    assert!(seen.starts_with("GET /echo HTTP/1.1\n") && seen.contains("\nhost: a.fr\n"), "{seen}");

    let answer = door.h1().await.send_request(get("a.fr", "/hops")).await.unwrap();
    for gone in ["x-hop", "keep-alive", "proxy-authenticate"] {
        assert!(!answer.headers().contains_key(gone), "{gone}");
    }
    assert_eq!(answer.headers()["x-kept"], "1");
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_prefix_of_the_host_is_served_and_everything_else_is_the_page() {
    let (root, app) = (upstream::start("root").await, upstream::start("app").await);
    let sites = vec![site("a.fr", "/", root.address), site("a.fr", "/app", app.address)];
    let door = door(sites, |_| {}).await;
    let page = UnixListener::bind(door.dir.path().join("web.sock")).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = page.accept().await.unwrap();
            let mut head = vec![0; 8192];
            let n = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..n]).to_lowercase();
            let body = format!("page; closed={}; {}", head.contains("connection: close"), head.lines().next().unwrap());
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    for (host, path, wanted) in [
        ("a.fr", "/x", "root"),
        ("A.fr:443", "/app", "app"),
        ("a.fr", "/app/x", "app"),
        ("a.fr", "/apple", "root"),
        ("b.fr", "/app", "page; closed=true; get /app http/1.1"),
        ("localhost", "/", "page; closed=true; get / http/1.1"),
    ] {
        let (status, body) = door.get(host, path).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, wanted), "{host}{path}");
    }
    let (status, _) = door.get("a.fr", "/app/%2e%2e/x").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_stream_up_and_down_over_both_versions() {
    let upstream = upstream::start("a").await;
    let door = door(vec![site("a.fr", "/", upstream.address)], |section| {
        section.body_limit = "0B".parse().unwrap();
    })
    .await;
    let taken = Arc::new(AtomicU64::new(0));
    let post = |uri: &str| Request::post(uri).header("host", "a.fr").body(upload(BIG, taken.clone())).unwrap();
    let up1 = door.h1().await.send_request(post("/sink")).await.unwrap();
    assert_eq!(text(up1).await, BIG.to_string());
    let up2 = door.h2().await.send_request(post("https://a.fr/sink")).await.unwrap();
    assert_eq!(text(up2).await, BIG.to_string());

    let drain = |answer: hyper::Response<hyper::body::Incoming>| async {
        let mut body = answer.into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame.unwrap().data_ref().map_or(0, Bytes::len);
        }
        bytes
    };
    let path = format!("/source?{BIG}");
    assert_eq!(drain(door.h1().await.send_request(get("a.fr", &path)).await.unwrap()).await, BIG);
    assert_eq!(drain(door.h2().await.send_request(get2("a.fr", &path)).await.unwrap()).await, BIG);
    door.stop().await;
}

/// Waits until a number no longer grows.
async fn settled(number: &AtomicU64) -> u64 {
    let mut before = u64::MAX;
    loop {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let now = number.load(Ordering::SeqCst);
        if now == before {
            return now;
        }
        before = now;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_holds_nothing_for_a_side_that_does_not_read() {
    let upstream = upstream::start("a").await;
    let door = door(vec![site("a.fr", "/", upstream.address)], |section| {
        section.body_limit = "0B".parse().unwrap();
    })
    .await;
    for version in [1, 2] {
        let before = upstream.seen.produced.load(Ordering::SeqCst);
        let path = format!("/source?{BIG}");
        // The answer's head is read, its body is not.
        let unread = match version {
            1 => door.h1().await.send_request(get("a.fr", &path)).await.unwrap(),
            _ => door.h2().await.send_request(get2("a.fr", &path)).await.unwrap(),
        };
        let produced = settled(&upstream.seen.produced).await - before;
        assert!(produced < UNDER_WAY, "HTTP/{version}: {produced} bytes left the upstream for a client that sleeps");
        drop(unread);
    }

    let taken = Arc::new(AtomicU64::new(0));
    let request = Request::post("/never").header("host", "a.fr").body(upload(BIG, taken.clone())).unwrap();
    let mut sender = door.h1().await;
    let asking = tokio::spawn(async move { sender.send_request(request).await.map(drop) });
    let sent = settled(&taken).await;
    assert!(sent < UNDER_WAY, "{sent} bytes left the client for an upstream that sleeps");
    asking.abort();
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_an_upstream_are_kept_and_shared() {
    let upstream = upstream::start("a").await;
    let door = door(vec![site("a.fr", "/", upstream.address)], |_| {}).await;
    let mut client = door.h1().await;
    for _ in 0..50 {
        client.ready().await.unwrap();
        let answer = client.send_request(get("a.fr", "/name")).await.unwrap();
        assert_eq!(text(answer).await, "a");
    }
    for _ in 0..5 {
        assert_eq!(door.get("a.fr", "/name").await.1, "a");
    }
    let connections = upstream.seen.connections.load(Ordering::SeqCst);
    assert!(connections <= 3, "{connections} connections for 55 requests, one after the other");
    assert_eq!(upstream.seen.requests.load(Ordering::SeqCst), 55);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_share_one_http2_connection() {
    let upstream = upstream::start("a").await;
    let door = door(vec![site("a.fr", "/", upstream.address)], |_| {}).await;
    let client = door.h2().await;
    let began = std::time::Instant::now();
    let answers = join_all((0..400).map(|_| {
        let mut client = client.clone();
        async move { text(client.send_request(get2("a.fr", "/slow")).await.unwrap()).await }
    }))
    .await;
    assert_eq!(answers.len(), 400);
    assert!(answers.iter().all(|answer| answer == "a"));
    assert!(began.elapsed() < Duration::from_secs(15), "one after the other they would take 40 s");
    assert_eq!(door.counters.connections.get(), 1);
    door.stop().await;
}

/// An upstream that answers one request on each connection and then hangs up in silence; then one that hangs up
/// without an answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_may_change_something_is_never_sent_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let posts = Arc::new(AtomicU64::new(0));
    let counted = posts.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let counted = counted.clone();
            tokio::spawn(async move {
                let mut first = true;
                let mut buffer = vec![0; 65536];
                while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                    if buffer[..n].starts_with(b"POST") {
                        counted.fetch_add(1, Ordering::SeqCst);
                    }
                    if !first {
                        // The second request on a kept connection is read, and not answered.
                        return;
                    }
                    first = false;
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
                }
            });
        }
    });
    let door = door(vec![site("a.fr", "/", address)], |_| {}).await;
    let post = || Request::post("/").header("host", "a.fr").body(Full::<Bytes>::from("pay")).unwrap();
    let ask = |request| async { door.h1().await.send_request(request).await.unwrap() };
    assert_eq!(ask(get("a.fr", "/")).await.status(), StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let lost = ask(post()).await;
    assert_eq!(lost.status(), StatusCode::BAD_GATEWAY, "sent, no answer: only the client may decide to try again");
    assert_eq!(posts.load(Ordering::SeqCst), 1);
    assert_eq!(ask(get("a.fr", "/")).await.status(), StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(ask(get("a.fr", "/")).await.status(), StatusCode::OK, "a GET is sent again on a new connection");
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_under_way_are_finished_when_the_door_stops() {
    let upstream = upstream::start("a").await;
    let door = door(vec![site("a.fr", "/", upstream.address)], |_| {}).await;
    let (mut one, mut two) = (door.h1().await, door.h2().await);
    let under_way = tokio::spawn(async move {
        let (first, second) =
            tokio::join!(one.send_request(get("a.fr", "/slow")), two.send_request(get2("a.fr", "/slow")));
        (text(first.unwrap()).await, text(second.unwrap()).await)
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    door.stop().await;
    let answers = tokio::time::timeout(PATIENCE, under_way).await.unwrap().unwrap();
    assert_eq!(answers, ("a".to_owned(), "a".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_without_bodies_and_early_answers_pass() {
    let upstream = upstream::start("a").await;
    let door = door(vec![site("a.fr", "/", upstream.address)], |_| {}).await;
    let head = Request::head("/name").header("host", "a.fr").body(Full::<Bytes>::default()).unwrap();
    let answer = door.h1().await.send_request(head).await.unwrap();
    assert_eq!((answer.status(), answer.headers()["content-length"].to_str().unwrap()), (StatusCode::OK, "1"));
    assert_eq!(text(answer).await, "");

    door.stop().await;

    // An upstream that answers at the head, and goes on reading.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut chunk = vec![0; FRAME];
        let _ = stream.read(&mut chunk).await.unwrap();
        stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
        while let Ok(1..) = stream.read(&mut chunk).await {}
    });
    let door = super::client::door(vec![site("a.fr", "/", address)], |_| {}).await;
    let taken = Arc::new(AtomicU64::new(0));
    let request = Request::post("/").header("host", "a.fr").body(upload(4 << 20, taken)).unwrap();
    let answer = door.h1().await.send_request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "the upstream's word counts before the body is through");
    assert_eq!(text(answer).await, "no");
    door.stop().await;
}
