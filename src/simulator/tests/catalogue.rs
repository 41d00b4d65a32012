//! The catalogue of tests watches; `tests/e2e/test_catalogue.py` plays it whole from outside.

use super::*;

fn played() -> Scenario {
    Scenario { catalogue: true, ..Scenario::default() }
}

fn standing(simulator: &Simulator, id: &str) -> Standing {
    let report = simulator.catalogue().unwrap();
    report.scenarios.iter().find(|one| one.id == id).unwrap().standing
}

#[tokio::test]
async fn a_lost_answer_is_passed_by_looking_and_failed_by_sending_again() {
    let simulator = start(played()).await;
    let client = Client::of(&simulator).await;
    assert_eq!(standing(&simulator, "answer-lost"), Standing::NotPlayed);
    assert!(client.try_call("deposer/flux", &flux("a.xml", &ubl("CAT-PERDUE-1"))).await.is_err());
    assert_eq!(standing(&simulator, "answer-lost"), Standing::Waiting);
    let look = || client.code("rechercher/fournisseur", json!({"numeroFacture": "CAT-PERDUE-1"}));
    assert_eq!(look().await, 20000, "not integrated yet");
    assert_eq!(standing(&simulator, "answer-lost"), Standing::Waiting, "nothing was found");
    simulator.control().advance(VERDICT);
    // Business errors come by HTTP 200 and 400 in turn, successes by 200.
    assert_eq!(look().await, 0);
    assert_eq!(standing(&simulator, "answer-lost"), Standing::Passed);
    client.deposit("a.xml", &ubl("CAT-PERDUE-1")).await;
    assert_eq!(standing(&simulator, "answer-lost"), Standing::Failed);
}

#[tokio::test]
async fn tokens_are_forgotten_once_and_the_report_is_for_machines_and_people() {
    let simulator = start(played()).await;
    let mut client = Client::of(&simulator).await;
    let mut refused = 0;
    for _ in 0..20 {
        if client.call("recuperer/tauxtva", json!({})).await.status == 401 {
            refused += 1;
            client.token = client.ask_token(None).await.json()["access_token"].as_str().unwrap().to_owned();
        }
    }
    assert_eq!(refused, 1);
    assert_eq!(standing(&simulator, "token-renewed"), Standing::Passed);
    assert_eq!(standing(&simulator, "token-reused"), Standing::Passed);
    let get = |path: &str| super::answer(client.http.get(format!("{}/simulator/{path}", client.credentials.url)));
    let told: CatalogueReport = serde_json::from_slice(&get("catalogue").await.unwrap().body).unwrap();
    assert!(!told.passed && told.scenarios.len() > 20);
    let text = String::from_utf8(get("catalogue.txt").await.unwrap().body).unwrap();
    assert!(text.contains("réussi    token-renewed") && text.contains("NON RÉUSSI"), "{text}");
    assert_eq!(simulator.ledger().invoices.len(), 25, "what the scenarios need is there");
}

#[tokio::test]
async fn without_it_nothing_is_watched_nor_disturbed() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    for _ in 0..20 {
        assert_eq!(client.call("recuperer/tauxtva", json!({})).await.status, 200);
    }
    assert!(simulator.catalogue().is_none());
    let url = format!("{}/simulator/catalogue", client.credentials.url);
    assert_eq!(super::answer(client.http.get(url)).await.unwrap().status, 404);
}
