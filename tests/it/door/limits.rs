//! What is cut or refused: too slow, too large, too many, ambiguous; and what is said instead of an upstream.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fluxgate::door::{Certificate, CertificateFiles};
use http_body_util::Full;
use hyper::{Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};

use super::client::{PATIENCE, door, files, get, get2, names, read_out, site, text};
use super::upstream;

fn nowhere() -> SocketAddr {
    // Bound and dropped: nobody listens there.
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_trickles_in_is_cut_in_time_and_others_are_served_meanwhile() {
    let upstream = upstream::start("a").await;
    let door = door(vec![site("a.fr", "/", upstream.address)], |section| {
        section.header_timeout = "700ms".parse().unwrap();
    })
    .await;
    let mut slow = door.tls("http/1.1").await;
    let began = Instant::now();
    let trickle = async {
        for byte in b"GET /name HTTP/1.1\r\nHost: a.fr\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
            if slow.write_all(&[*byte]).await.is_err() || slow.flush().await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        let _ = read_out(&mut slow).await;
    };
    let served = async { door.get("a.fr", "/name").await };
    let ((), (status, _)) = tokio::join!(trickle, served);
    assert_eq!(status, StatusCode::OK);
    let lasted = began.elapsed();
    assert!(lasted >= Duration::from_millis(600), "{lasted:?}");
    assert_eq!(upstream.seen.requests.load(Ordering::SeqCst), 1, "the slow one never reached an upstream");

    // Nothing at all, not even a handshake.
    let mut silent = TcpStream::connect(door.address).await.unwrap();
    let mut byte = [0];
    let ended = tokio::time::timeout(PATIENCE, silent.read(&mut byte)).await.expect("cut");
    assert!(matches!(ended, Ok(0) | Err(_)));
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_outlives_the_head_time_and_ends_after_the_idle_time() {
    let upstream = upstream::start("a").await;
    let door = door(vec![site("a.fr", "/", upstream.address)], |section| {
        section.header_timeout = "200ms".parse().unwrap();
        section.idle_timeout = "1s".parse().unwrap();
    })
    .await;
    let mut client = door.h1().await;
    let mut client2 = door.h2().await;
    for _ in 0..3 {
        let answer = client.send_request(get("a.fr", "/name")).await.unwrap();
        assert_eq!(text(answer).await, "a");
        assert_eq!(text(client2.send_request(get2("a.fr", "/name")).await.unwrap()).await, "a");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    tokio::time::sleep(Duration::from_millis(2200)).await;
    assert!(client.is_closed() && client2.is_closed());
    assert_eq!(door.counters.connections_open.get(), 0);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_heads_beyond_their_limits_are_refused() {
    let upstream = upstream::start("a").await;
    let door = door(vec![site("a.fr", "/", upstream.address)], |section| {
        section.body_limit = "100KiB".parse().unwrap();
        section.header_limit = "8KiB".parse().unwrap();
    })
    .await;
    let post = |bytes: usize| {
        Request::post("/sink").header("host", "a.fr").body(Full::<Bytes>::from(vec![b'x'; bytes])).unwrap()
    };
    let answer = door.h1().await.send_request(post(100 << 10)).await.unwrap();
    assert_eq!(text(answer).await, (100 << 10).to_string(), "exactly the limit passes");
    let answer = door.h1().await.send_request(post((100 << 10) + 1)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let asked = upstream.seen.requests.load(Ordering::SeqCst);
    assert_eq!(asked, 1, "an announced length is refused before an upstream hears of it");

    // No length announced: refused as soon as the limit is passed.
    let mut chunked = String::from("POST /sink HTTP/1.1\r\nHost: a.fr\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..110 {
        chunked.push_str("400\r\n");
        chunked.push_str(&"x".repeat(1024));
        chunked.push_str("\r\n");
    }
    let answer = door.raw(chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let mut h2 = door.h2().await;
    let request = Request::post("https://a.fr/sink").body(Full::<Bytes>::from(vec![b'x'; 200 << 10])).unwrap();
    assert_eq!(h2.send_request(request).await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);

    let fat = format!("GET / HTTP/1.1\r\nHost: a.fr\r\nX-Fat: {}\r\n\r\n", "x".repeat(9 << 10));
    let answer = door.raw(fat.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let answer = door.raw(format!("GET / HTTP/1.1\r\nHost: a.fr\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 ") || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let request = Request::get("https://a.fr/").header("x-fat", "x".repeat(9 << 10)).body(Full::<Bytes>::default());
    let refused = door.h2().await.send_request(request.unwrap()).await;
    assert!(refused.is_err() || refused.unwrap().status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_lengths_for_one_body_are_refused_and_nothing_behind_them_is_read() {
    let upstream = upstream::start("a").await;
    let door = door(vec![site("a.fr", "/", upstream.address)], |_| {}).await;
    for framing in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: gzip, chunked\r\nContent-Length: 5",
    ] {
        let smuggled = "GET /echo HTTP/1.1\r\nHost: a.fr\r\n\r\n";
        let raw = format!("POST /sink HTTP/1.1\r\nHost: a.fr\r\n{framing}\r\n\r\n0\r\n\r\n{smuggled}");
        let answer = door.raw(raw.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{framing:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    for malformed in [
        "POST /sink HTTP/1.1\r\nHost: a.fr\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST /sink HTTP/1.1\r\nHost: a.fr\r\nContent-Length: +5\r\n\r\nhello",
        "POST /sink HTTP/1.1\r\nHost: a.fr\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.fr\r\nHost: b.fr\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a.fr\r\n\r\n",
        "GET /a/../../b HTTP/1.1\r\nHost: a.fr\r\n\r\n",
        "CONNECT a.fr:443 HTTP/1.1\r\nHost: a.fr\r\n\r\n",
    ] {
        let answer = door.raw(malformed.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.1 405 "), "{malformed:?}: {answer}");
    }
    assert_eq!(upstream.seen.requests.load(Ordering::SeqCst), 0);
    // A body whose text looks like a head with both is a body.
    let body = "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let honest = format!("POST /sink HTTP/1.1\r\nHost: a.fr\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let two = format!("{honest}GET /name HTTP/1.1\r\nHost: a.fr\r\nConnection: close\r\n\r\n");
    let answer = door.raw(two.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 ").count(), 2, "{answer}");
    // A chunked request is answered, and its connection closed.
    let chunked = "POST /sink HTTP/1.1\r\nHost: a.fr\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let answer = door.raw(chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with('3'), "{answer}");
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instead_of_a_silent_upstream_the_client_reads_what_happened() {
    let upstream = upstream::start("a").await;
    let dead = nowhere();
    let sites = vec![site("dead.fr", "/", dead), site("a.fr", "/", upstream.address)];
    let door = door(sites, |section| section.upstream_timeout = "400ms".parse().unwrap()).await;
    let request = Request::get("/secret?token=1")
        .header("host", "dead.fr")
        .header("accept", "text/html,*/*")
        .body(Full::<Bytes>::default())
        .unwrap();
    let answer = door.h1().await.send_request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert!(answer.headers().contains_key("content-security-policy"));
    let page = text(answer).await;
    for wanted in ["FG-905", "dead.fr", "ne répond pas", "does not answer", "<html lang=fr>"] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    for leak in [dead.to_string(), dead.port().to_string(), "token".to_owned(), "refused (os".to_owned()] {
        assert!(!page.contains(&leak), "{leak}: {page}");
    }
    let (status, plain) = door.get("a.fr", "/never").await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    assert!(plain.starts_with("504 FG-905\n"), "{plain}");
    let began = Instant::now();
    let answer = door.h1().await.send_request(get("a.fr", "/stuck")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(http_body_util::BodyExt::collect(answer.into_body()).await.is_err(), "a body that stands still is cut");
    assert!(began.elapsed() < Duration::from_secs(5));
    // The page's own process is away.
    let (status, text) = door.get("localhost", "/").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("FG-904"), "{text}");
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_upload_does_not_count_against_the_upstream() {
    let upstream = upstream::start("a").await;
    let door = door(vec![site("a.fr", "/", upstream.address)], |section| {
        section.upstream_timeout = "300ms".parse().unwrap();
        section.idle_timeout = "5s".parse().unwrap();
    })
    .await;
    let mut stream = door.tls("http/1.1").await;
    stream
        .write_all(b"POST /sink HTTP/1.1\r\nHost: a.fr\r\nContent-Length: 8\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        stream.write_all(b"x").await.unwrap();
    }
    let answer = read_out(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with('8'), "{answer}");

    let mut stalled = door.tls("http/1.1").await;
    stalled.write_all(b"POST /sink HTTP/1.1\r\nHost: a.fr\r\nContent-Length: 8\r\n\r\nxx").await.unwrap();
    let answer = read_out(&mut stalled).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "the client is to blame: {answer}");
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_every_place() {
    let upstream = upstream::start("a").await;
    let door = door(vec![site("a.fr", "/", upstream.address)], |section| section.connections_per_address = 3).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(door.tls("http/1.1").await);
    }
    let mut fourth = TcpStream::connect(door.address).await.unwrap();
    let mut byte = [0];
    let ended = tokio::time::timeout(PATIENCE, fourth.read(&mut byte)).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)), "closed at once");
    assert_eq!(door.counters.connections_refused.get(), 1);
    held.pop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(door.get("a.fr", "/name").await.0, StatusCode::OK, "a place was given back");
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_told_to_use_https_and_tls_1_1_is_refused() {
    let door = door(Vec::new(), |_| {}).await;
    let mut plain = TcpStream::connect(door.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: a.fr\r\n\r\n").await.unwrap();
    plain.shutdown().await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, plain.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{answer}");

    // A ClientHello whose highest version is TLS 1.1 (RFC 4346), with two of its cipher suites.
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend([0, 4, 0x00, 0x2f, 0xc0, 0x13, 1, 0]);
    // Extensions: supported_groups (P-256) and signature_algorithms (RSA with SHA-256).
    hello.extend([0, 16, 0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 1]);
    let mut record = vec![0x16, 0x03, 0x01, 0, u8::try_from(hello.len() + 4).unwrap(), 1, 0, 0];
    record.push(u8::try_from(hello.len()).unwrap());
    record.extend(hello);
    let mut old = TcpStream::connect(door.address).await.unwrap();
    old.write_all(&record).await.unwrap();
    let mut alert = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, old.read_to_end(&mut alert)).await.unwrap();
    assert_eq!(alert.first(), Some(&0x15), "an alert: {alert:?}");
    assert_eq!(alert.get(6), Some(&70), "protocol_version (RFC 8446 §6.2): {alert:?}");
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_made_at_first_start_used_again_and_replaced_when_its_files_change() {
    let dir = tempfile::tempdir().unwrap();
    let first = Certificate::load(files(dir.path()), &names()).unwrap().fingerprint;
    assert_eq!(Certificate::load(files(dir.path()), &names()).unwrap().fingerprint, first);
    for file in [files(dir.path()).certificate, files(dir.path()).key] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    std::fs::remove_file(files(dir.path()).certificate).unwrap();
    let anew = Certificate::load(files(dir.path()), &names()).unwrap().fingerprint;
    assert_ne!(anew, first, "half a pair is no pair");
    let foreign = CertificateFiles { own: false, ..files(&dir.path().join("elsewhere")) };
    assert!(Certificate::load(foreign, &names()).is_err(), "a certificate that was named is never invented");

    let door = door(Vec::new(), |_| {}).await;
    let served = |stream: &tokio_rustls::client::TlsStream<TcpStream>| {
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let before = served(&door.tls("h2").await);
    // Garbage changes nothing; a good pair is taken.
    let own = files(door.dir.path());
    let good = std::fs::read(&own.certificate).unwrap();
    std::fs::write(&own.certificate, "garbage").unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(served(&door.tls("h2").await), before);
    std::fs::write(&own.certificate, [good, b"\n".to_vec()].concat()).unwrap();
    let until = Instant::now() + PATIENCE;
    while door.counters.certificate_reloads.get() == 0 {
        assert!(Instant::now() < until, "the changed file was never taken into use");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_gets_whole_requests_and_never_too_many_at_once() {
    let door = door(Vec::new(), |_| {}).await;
    let page = UnixListener::bind(door.dir.path().join("web.sock")).unwrap();
    let (now, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (counted, highest) = (now.clone(), most.clone());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = page.accept().await.unwrap();
            let (counted, highest) = (counted.clone(), highest.clone());
            tokio::spawn(async move {
                highest.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let mut head = vec![0; 65536];
                let n = stream.read(&mut head).await.unwrap();
                let seen = String::from_utf8_lossy(&head[..n]).to_lowercase();
                tokio::time::sleep(Duration::from_millis(50)).await;
                let body = seen.lines().find(|line| line.starts_with("content-length")).unwrap_or("none").to_owned();
                counted.fetch_sub(1, Ordering::SeqCst);
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
            });
        }
    });
    let client = door.h2().await;
    let answers = futures_util::future::join_all((0..100).map(|_| {
        let mut client = client.clone();
        async move { client.send_request(get2("box", "/")).await.unwrap().status() }
    }))
    .await;
    assert!(answers.iter().all(|status| *status == StatusCode::OK));
    let most = most.load(Ordering::SeqCst);
    assert!((2..=32).contains(&most), "{most} at once");

    // A body without a length arrives with one.
    let chunked = "POST / HTTP/1.1\r\nHost: box\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let answer = door.raw(chunked.as_bytes()).await;
    assert!(answer.ends_with("content-length: 3"), "{answer}");
    let huge = Request::post("/").header("host", "box").body(Full::<Bytes>::from(vec![0u8; 3 << 20])).unwrap();
    let answer = door.h1().await.send_request(huge).await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    // A form with files may be larger, where the page takes one, and is bounded too.
    let upload = |path: &'static str, mebibytes: usize| {
        let request =
            Request::post(path).header("host", "box").header("content-type", "multipart/form-data; boundary=x");
        let request = request.header("cookie", "langue=fr; __Host-session=x");
        request.body(Full::<Bytes>::from(vec![0u8; mebibytes << 20])).unwrap()
    };
    for (path, mebibytes, status) in [
        ("/flux/X/completer", 3, StatusCode::OK),
        ("/flux/X/completer", 42, StatusCode::PAYLOAD_TOO_LARGE),
        ("/flux/X/decision", 3, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let answer = door.h1().await.send_request(upload(path, mebibytes)).await.unwrap();
        assert_eq!(answer.status(), status, "{path} {mebibytes}");
    }
    // Seen: two strangers who sent slowly held every place. Without a session none is held, an address holds one, and
    // one that hardly sends gives it back.
    let slow = |cookie: &str| {
        let head = "POST /flux/X/completer HTTP/1.1\r\nHost: box\r\nContent-Type: multipart/form-data; boundary=x\r\n";
        format!("{head}Content-Length: 1000000\r\n{cookie}Connection: close\r\n\r\n12345")
    };
    let (one, other) = (slow("Cookie: __Host-session=x\r\n"), slow("Cookie: __Host-session=y\r\n"));
    let stranger = slow("");
    let status = async |request: String| {
        let mut stream = door.tls("http/1.1").await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read_exact(&mut status)).await;
        read.expect("an answer").unwrap();
        String::from_utf8(status.to_vec()).unwrap()
    };
    let (stranger, one, other) = tokio::join!(status(stranger), status(one), status(other));
    assert_eq!(stranger, "HTTP/1.1 403");
    let mut answers = [one, other];
    answers.sort();
    assert_eq!(answers, ["HTTP/1.1 408", "HTTP/1.1 503"]);
    let answer = door.h1().await.send_request(upload("/flux/X/completer", 3)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "its place is free again");
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_ask_for_health_and_numbers() {
    use fluxgate::door::metrics::{self, Source};
    use fluxgate::os::signals::Shutdown;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ill = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let asked = ill.clone();
    let source = Source {
        health: Box::new(move || {
            let ill = asked.load(Ordering::SeqCst);
            Box::pin(async move { if ill { Err("core is away".to_owned()) } else { Ok(()) } })
        }),
        metrics: Box::new(|| Box::pin(async { "x 1\n".to_owned() })),
    };
    let (trigger, shutdown) = Shutdown::pair();
    let serving = tokio::spawn(metrics::serve(listener, Arc::new(source), shutdown));
    let ask = |path: &'static str| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    assert!(ask("/healthz").await.starts_with("HTTP/1.1 200 "));
    ill.store(true, Ordering::SeqCst);
    let answer = ask("/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("core is away\n"), "{answer}");
    assert!(ask("/metrics").await.ends_with("x 1\n"));
    assert!(ask("/").await.starts_with("HTTP/1.1 404 "));
    trigger.tell();
    tokio::time::timeout(PATIENCE, serving).await.unwrap().unwrap();
}
