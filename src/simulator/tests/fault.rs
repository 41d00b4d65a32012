//! Each fault, seen from the socket.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// A simulator without TLS, so that bytes can be counted.
async fn plain() -> (Simulator, Client) {
    let options = Options { plain: true, speed: 0.0, ..Options::default() };
    let simulator = Simulator::start(options).await.unwrap();
    let client = Client::of(&simulator).await;
    (simulator, client)
}

/// A loaded machine may be this slow to close a connection.
const PATIENCE: Duration = Duration::from_secs(15);
/// A connection still open after this stays.
const STAYS: Duration = Duration::from_secs(1);

/// Sends a deposit by hand; everything that comes back until the connection closes. `None`: it stayed open.
async fn by_hand(simulator: &Simulator, client: &Client, number: &str, patience: Duration) -> Option<Vec<u8>> {
    let body = flux("a.xml", &ubl(number)).to_string();
    let head = format!(
        "POST /cpro/factures/v1/deposer/flux HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncpro-account: {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        client.token,
        client.account(),
        body.len()
    );
    let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut back = Vec::new();
    match tokio::time::timeout(patience, stream.read_to_end(&mut back)).await {
        // A reset may follow the end when the request was not read to its end.
        Ok(_) => Some(back),
        Err(_) => None,
    }
}

async fn strike(simulator: &Simulator, client: &Client, rule: FaultRule) -> Option<Vec<u8>> {
    simulator.control().clear_faults();
    simulator.control().add_fault(rule).unwrap();
    let number = format!("N-{}", simulator.ledger().calls_total);
    by_hand(simulator, client, &number, PATIENCE).await
}

fn deposits(simulator: &Simulator) -> Vec<Answered> {
    simulator.ledger().deposits.iter().map(|deposit| deposit.answer).collect()
}

#[tokio::test]
async fn an_answer_is_lost_without_a_byte_after_acceptance_or_before() {
    let (simulator, client) = plain().await;
    let lose = || FaultRule::new("deposer/flux", Effect::LoseAnswer);
    assert_eq!(strike(&simulator, &client, lose()).await, Some(Vec::new()));
    assert_eq!(deposits(&simulator), [Answered::Lost], "accepted all the same");
    assert_eq!(strike(&simulator, &client, lose().accepted(false)).await, Some(Vec::new()));
    assert_eq!(deposits(&simulator), [Answered::Lost], "not accepted this time");
    assert_eq!(by_hand(&simulator, &client, "X", STAYS).await, None, "without fault the connection stays");
    assert_eq!(deposits(&simulator), [Answered::Lost, Answered::Given]);
    let ledger = simulator.ledger();
    assert_eq!(ledger.calls_of("deposer/flux"), 3);
    let faults: Vec<_> = ledger.calls.iter().filter_map(|call| call.fault.as_deref()).collect();
    assert_eq!(faults, ["lose_answer", "lose_answer"]);
}

#[tokio::test]
async fn a_cut_answer_stops_half_way() {
    let (simulator, client) = plain().await;
    let back = strike(&simulator, &client, FaultRule::new("deposer/flux", Effect::Cut)).await.unwrap();
    let text = String::from_utf8(back).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let promised = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"));
    assert_eq!(body.len(), promised.parse::<usize>().unwrap() / 2);
    assert_eq!(deposits(&simulator), [Answered::Cut]);
}

#[tokio::test]
async fn a_connection_is_closed_before_the_body_or_before_anything() {
    let (simulator, client) = plain().await;
    let back = strike(&simulator, &client, FaultRule::new("deposer/flux", Effect::CloseBefore)).await;
    assert_eq!(back, Some(Vec::new()));
    simulator.control().add_fault(FaultRule::new("connect", Effect::CloseBefore)).unwrap();
    let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
    let closed = tokio::time::timeout(PATIENCE, stream.read_u8()).await;
    assert!(closed.unwrap().is_err(), "closed before a byte was sent");
    assert!(simulator.ledger().deposits.is_empty());
    assert_eq!(simulator.ledger().calls_of("connect"), 1);
    assert_eq!(by_hand(&simulator, &client, "X", STAYS).await, None, "once only");
}

#[tokio::test]
async fn statuses_and_bodies_are_as_named() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let rule = |effect| FaultRule::new("deposer/flux", effect);
    let cases = [
        (rule(Effect::Status401), 401, false),
        (rule(Effect::Status403Empty), 403, false),
        (rule(Effect::Status429), 429, false),
        (rule(Effect::Status429).retry_after(7), 429, false),
        (rule(Effect::Status500), 500, false),
        (rule(Effect::Status500).accepted(true), 500, true),
        (rule(Effect::Status503), 503, false),
        (rule(Effect::Garbage200), 200, false),
        (rule(Effect::Garbage200).accepted(true), 200, true),
        (rule(Effect::Empty200), 200, false),
        (rule(Effect::Refuse).refusal(20001, "GDP_MSG_11.022"), 200, false),
    ];
    for (at, (rule, status, accepted)) in cases.into_iter().enumerate() {
        let before = simulator.ledger().deposits.len();
        simulator.control().add_fault(rule.clone()).unwrap();
        let answer = client.call("deposer/flux", flux("a.xml", &ubl(&format!("F-{at}")))).await;
        assert_eq!(answer.status, status, "{rule:?}");
        let deposits = simulator.ledger().deposits;
        assert_eq!(deposits.len() - before, usize::from(accepted), "{rule:?}");
        if accepted {
            assert_eq!(deposits[before].answer, Answered::Hidden);
        }
        let retry = answer.headers.get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(retry, rule.retry_after.map(|seconds| seconds.to_string()));
        match rule.effect {
            Effect::Status403Empty | Effect::Empty200 => assert!(answer.body.is_empty()),
            Effect::Garbage200 => assert!(serde_json::from_slice::<Value>(&answer.body).is_err()),
            Effect::Refuse => assert_eq!(answer.json(), json!({"codeRetour": 20001, "libelle": "GDP_MSG_11.022"})),
            _ => {}
        }
    }
    assert_eq!(client.call("deposer/flux", flux("a.xml", &ubl("F-99"))).await.json()["codeRetour"], 0);
}

#[tokio::test]
async fn a_slow_answer_is_late_and_a_client_that_leaves_is_noticed() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let slow = |ms| FaultRule::new("deposer/flux", Effect::Slow).ms(ms);
    simulator.control().add_fault(slow(300)).unwrap();
    let began = Instant::now();
    client.deposit("a.xml", &ubl("L-1")).await;
    assert!(began.elapsed() >= Duration::from_millis(300));

    simulator.control().add_fault(slow(800)).unwrap();
    let impatient =
        client.request("deposer/flux").timeout(Duration::from_millis(200)).json(&flux("b.xml", &ubl("L-2")));
    assert!(answer(impatient).await.unwrap_err().is_timeout());
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(deposits(&simulator), [Answered::Given, Answered::Lost], "past the time it would have been answered");
}

#[tokio::test]
async fn the_token_service_fails_too() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    for effect in [Effect::Empty200, Effect::Garbage200, Effect::Status500] {
        simulator.control().add_fault(FaultRule::new("token", effect)).unwrap();
        let answer = client.ask_token(None).await;
        assert!(serde_json::from_slice::<Value>(&answer.body).ok().is_none_or(|v| v.get("access_token").is_none()));
    }
    assert_eq!(simulator.ledger().tokens_given, 1);
    assert_eq!(client.ask_token(None).await.status, 200);
}

#[tokio::test]
async fn rules_match_by_number_and_file_over_the_wire() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let control = simulator.control();
    control.add_fault(FaultRule::new("deposer/flux", Effect::LoseAnswer).invoice("FA-PERDUE-01")).unwrap();
    control.add_fault(FaultRule::new("*", Effect::Status500).file("lent*").always()).unwrap();
    client.deposit("a.xml", &ubl("FA-1")).await;
    assert!(client.try_call("deposer/flux", &flux("a.xml", &ubl("FA-PERDUE-01"))).await.is_err());
    assert_eq!(client.call("deposer/flux", flux("lent.xml", &ubl("FA-2"))).await.status, 500);
    let ledger = simulator.ledger();
    assert_eq!(ledger.deposits_of("FA-PERDUE-01")[0].answer, Answered::Lost);
    assert_eq!(ledger.deposits_of("FA-2").len(), 0);
    simulator.control().advance(VERDICT);
    let found = client.good("rechercher/fournisseur", json!({"numeroFacture": "FA-PERDUE-01"})).await;
    assert_eq!(found["parametresRetour"]["total"], 1, "accepted, and found");
}
