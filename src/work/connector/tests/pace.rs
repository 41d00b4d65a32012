//! How many calls leave, and when: the ceiling, a call that is dropped, a 429.

use super::*;

#[tokio::test]
async fn after_a_429_nothing_leaves_before_its_time() {
    for (header, least, most) in [("retry-after: 7\r\n", 5, 7), ("", 58, 60)] {
        let server = Server::start(move |_| Act::Answer(429, header, String::new())).await;
        let client = client(&server);
        for _ in 0..5 {
            let error = error(client.connector.call(&deposit()).await);
            let CallError::SlowDown { fault, until } = error else { panic!("{error:?}") };
            let wait = until.since(Timestamp::now()).as_secs();
            assert!((least..=most).contains(&wait), "{header:?}: {wait} s");
            assert_eq!(fault.code, Code::Throttled);
        }
        assert_eq!(server.count(DeposerFlux::PATH), 1, "only the first call left");
    }
    let server = Server::start(|_| Act::Answer(429, "retry-after: 1\r\n", String::new())).await;
    let client = client(&server);
    error(client.connector.call(&HISTORY).await);
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    error(client.connector.call(&HISTORY).await);
    assert_eq!(server.count(ConsulterHistorique::PATH), 2, "then calls leave again");
}

#[tokio::test]
async fn the_ceiling_holds_under_a_crowd() {
    let server = Server::start(|_| Act::Late(Duration::from_millis(30), json!({"codeRetour": 0}).to_string())).await;
    let mut section = section(server.address);
    (section.calls_per_second, section.calls_in_flight) = (50, 2);
    let client = client_with(&section, &server.ca_pem);
    client.connector.call(&HISTORY).await.unwrap();
    let begun = Instant::now();
    let calls = (0..20).map(|_| client.connector.call(&HISTORY));
    assert!(futures_util::future::join_all(calls).await.iter().all(Result::is_ok));
    assert!(server.crowd.load(Ordering::SeqCst) <= 2);
    assert!(begun.elapsed() >= Duration::from_millis(19 * 20), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_call_that_is_dropped_frees_its_turn() {
    let server = Server::start(|_| Act::Late(Duration::from_millis(500), json!({"codeRetour": 0}).to_string())).await;
    let mut section = section(server.address);
    section.calls_in_flight = 1;
    let client = client_with(&section, &server.ca_pem);
    for _ in 0..3 {
        let dropped = tokio::time::timeout(Duration::from_millis(100), client.connector.call(&HISTORY)).await;
        assert!(dropped.is_err());
    }
    assert_eq!((client.connector.tally().in_flight, client.connector.tally().waiting), (0, 0));
    client.connector.call(&HISTORY).await.unwrap();
}
