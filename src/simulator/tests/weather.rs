//! Outages, latencies and shares of faults.

use std::time::Instant;

use super::*;

#[tokio::test]
async fn an_outage_takes_everything_with_it_and_ends() {
    let scenario = Scenario::from_toml("[[outage]]\nafter = \"10min\"\nlasts = \"5min\"").unwrap();
    let simulator = start(scenario).await;
    let client = Client::of(&simulator).await;
    let status = || async { client.call("recuperer/tauxtva", json!({})).await.status };
    let control = simulator.control();
    assert_eq!(status().await, 200);
    control.advance(Duration::from_secs(600));
    assert_eq!(status().await, 503);
    assert_eq!(client.ask_token(None).await.status, 503, "the token service too");
    assert_eq!(client.call("deposer/flux", flux("a.xml", &ubl("A"))).await.status, 503);
    control.advance(Duration::from_secs(300));
    assert_eq!(status().await, 200);
    assert!(simulator.ledger().deposits.is_empty(), "nothing was worked on");
    let marked = simulator.ledger().calls.iter().filter(|call| call.fault.as_deref() == Some("outage")).count();
    assert_eq!(marked, 3);

    for (kind, expected) in [("status_503", Some(503)), ("garbage_200", Some(200)), ("close_before", None)] {
        assert_eq!(client.order(json!({"action": "begin_outage", "kind": kind})).await.status, 200);
        let answer = client.try_call("recuperer/tauxtva", &json!({})).await.ok();
        assert_eq!(answer.as_ref().map(|answer| answer.status), expected, "{kind}");
        assert!(answer.is_none_or(|answer| serde_json::from_slice::<Value>(&answer.body).is_err()));
    }
    client.order(json!({"action": "end_outage"})).await;
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn calls_take_the_time_that_is_asked_for() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let latency = json!({"median": "150ms", "p99": "150ms"});
    assert_eq!(client.order(json!({"action": "set_latency", "latency": latency})).await.status, 200);
    let began = Instant::now();
    client.good("recuperer/tauxtva", json!({})).await;
    assert!(began.elapsed() >= Duration::from_millis(150));
    assert_eq!(
        client.order(json!({"action": "set_latency", "latency": {"median": "2s", "p99": "1s"}})).await.status,
        400
    );
    client.order(json!({"action": "set_latency", "latency": null})).await;
    let began = Instant::now();
    client.good("recuperer/tauxtva", json!({})).await;
    assert!(began.elapsed() < Duration::from_millis(150));
}

/// Five calls in a hundred meet anything; with the same seed, the same calls meet the same.
#[tokio::test]
async fn a_share_of_all_calls_meets_anything_and_replays() {
    async fn play(seed: u64) -> Vec<(u16, Option<String>)> {
        let scenario = Scenario {
            fault: vec![FaultRule::new("*", Effect::Any).probability(0.05).among(&[
                Effect::Status500,
                Effect::Status503,
                Effect::Garbage200,
                Effect::LoseAnswer,
            ])],
            ..Scenario::default()
        };
        let options = Options { plain: true, speed: 0.0, seed, scenario, ..Options::default() };
        let simulator = Simulator::start(options).await.unwrap();
        let client = Client::of(&simulator).await;
        for _ in 0..300 {
            let _ = client.try_call("recuperer/tauxtva", &json!({})).await;
        }
        let calls = simulator.ledger().calls;
        calls.into_iter().filter(|call| call.service != "token").map(|call| (call.http, call.fault)).collect()
    }
    let first = play(42).await;
    assert_eq!(first, play(42).await);
    assert_ne!(first, play(43).await);
    let struck = first.iter().filter(|(_, fault)| fault.is_some()).count();
    assert!((5..=30).contains(&struck), "{struck} of 300");
}
