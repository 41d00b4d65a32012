//! Forms that are not ours, answers that must leave no door open, clients that are slow or broken.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;

use fluxgate::web;

use super::{Browser, House, configuration};

#[test]
fn a_form_that_is_not_ours_changes_nothing() {
    let house = House::open();
    let mut browser = house.inside();
    browser.get("/configuration");
    let csrf = browser.csrf.clone();
    let fields = [("text", "version = 1\n".to_owned()), ("base", String::new())];
    for (token, headers) in [
        ("", vec![]),
        ("wrong", vec![("Origin", "https://box.example")]),
        (csrf.as_str(), vec![("Origin", "https://evil.example")]),
        (csrf.as_str(), vec![("Origin", "null")]),
        (csrf.as_str(), vec![("Sec-Fetch-Site", "cross-site")]),
        (csrf.as_str(), vec![("Origin", "https://box.example"), ("Sec-Fetch-Site", "same-site")]),
    ] {
        let reply = browser.post_raw("/configuration", &fields, token, &headers);
        assert_eq!(reply.status, 403, "{token} {headers:?}");
    }
    // Another session's token is not this one's.
    let mut visitor = house.browser();
    visitor.get("/login");
    let theirs = visitor.csrf.clone();
    assert_eq!(browser.post_raw("/logout", &[], &theirs, &[]).status, 403);
    assert_eq!(browser.send("POST", "/logout", &[("Content-Type", "text/plain")], b"csrf").status, 400);
    let big = vec![b'a'; 1024 * 1024 + 1];
    assert_eq!(
        browser.send("POST", "/configuration", &[("Content-Type", "application/x-www-form-urlencoded")], &big).status,
        413
    );
    assert_eq!(browser.send("DELETE", "/", &[], b"").status, 405);
    assert_eq!(browser.get("/nothing").status, 404);
    assert_eq!(browser.get("/flux/00000000000000000000000001").status, 404);
    assert_eq!(browser.get("/flux/..%2f..%2fetc").status, 404);
    assert_eq!(std::fs::read_to_string(house.path("config/fluxgate.toml")).unwrap(), configuration());
    assert_eq!(house.reloads.load(Ordering::SeqCst), 0);
}

#[test]
fn every_answer_closes_the_doors_it_does_not_use() {
    let house = House::open();
    let mut browser = house.inside();
    for path in [
        "/",
        "/flux",
        "/annuaire",
        "/aide",
        "/journal",
        "/configuration",
        "/configuration/assistant",
        "/personnes",
        "/x",
        "/assets/style.css",
    ] {
        let reply = browser.get(path);
        assert_eq!(reply.header("content-security-policy"), Some(web::CONTENT_SECURITY_POLICY), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(reply.header("server"), Some("fluxgate"), "{path}");
        let cache = if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-store" };
        assert_eq!(reply.header("cache-control"), Some(cache), "{path}");
        let text = reply.text();
        assert!(!text.contains("style=\"") && !text.contains("onclick"), "{path}");
        assert!(!text.contains("=\"http") && !text.contains("=\"//"), "{path} loads from elsewhere");
        if !path.starts_with("/assets/") {
            assert!(text.contains("<html lang=\"fr\">") && text.matches("<h1").count() == 1, "{path}");
        }
    }
    let head = browser.send("HEAD", "/aide", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    browser.get("/aide").says("FG-406");
    let english = browser.get("/langue?vers=en&retour=/aide");
    assert_eq!(english.header("location"), Some("/aide"));
    browser.get("/aide").says("<html lang=\"en\">");
    assert_eq!(browser.get("/langue?vers=fr&retour=//evil.example").header("location"), Some("/"));
}

#[test]
fn slow_and_broken_clients_do_not_stop_the_page() {
    let house = House::open();
    let mut browser = house.inside();
    let mut idle = Vec::new();
    for half in ["", "GET / HT", "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nab"].repeat(30) {
        let mut socket = UnixStream::connect(house.path("web.sock")).unwrap();
        socket.write_all(half.as_bytes()).unwrap();
        idle.push(socket);
    }
    assert_eq!(browser.get("/flux").status, 200);
    let threads: Vec<_> = (0..64)
        .map(|_| {
            let mut browser = Browser { cookies: browser.cookies.clone(), ..house.browser() };
            std::thread::spawn(move || browser.get("/").status)
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 200));
    drop(idle);
    let mut garbage = UnixStream::connect(house.path("web.sock")).unwrap();
    garbage.write_all(b"\x00\xff\r\n\r\n").unwrap();
    assert_eq!(browser.get("/flux").status, 200);
}

#[test]
fn a_machine_that_is_no_appliance_has_no_page_of_one() {
    let house = House::open();
    let mut browser = house.inside();
    assert_eq!(browser.get("/appliance").status, 404);
    browser.get("/configuration").hides("/appliance");
    let restart = browser.post("/appliance/redemarrer", &[("confirmation", "restart".into())]);
    assert_eq!(restart.status, 404);
}
