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

#[tokio::test]
async fn a_client_that_stops_the_second_deposit_itself_passes_once_its_tester_says_so() {
    let simulator = start(played()).await;
    let client = Client::of(&simulator).await;
    let number = client.deposit("a.xml", &ubl("CAT-DOUBLE-1")).await;
    simulator.control().advance(VERDICT);
    let report = json!({"numeroFluxDepot": number});
    assert_eq!(client.good("consulterCRDetaille", report).await["etatCourantDepotFlux"], "IN_INTEGRE");
    assert_eq!(standing(&simulator, "duplicate-stopped"), Standing::Waiting);
    let seen = |lang: &str| {
        let url = format!("{}/simulator/tests?lang={lang}", client.credentials.url);
        let asked = super::answer(client.http.get(url));
        async { String::from_utf8(asked.await.unwrap().body).unwrap() }
    };
    assert!(seen("en").await.contains("The client stopped the second"), "the page offers to declare it");
    let url = format!("{}/simulator/control", client.credentials.url);
    let order = client.http.post(url).json(&json!({"action": "declare_double_stopped"}));
    assert_eq!(super::answer(order).await.unwrap().json(), json!({"ok": true}));
    assert_eq!(standing(&simulator, "duplicate-stopped"), Standing::Passed);
    assert!(!seen("en").await.contains("The client stopped the second"));
    // A declaration does not hide deposits that came all the same.
    for _ in 0..2 {
        client.deposit("a.xml", &ubl("CAT-DOUBLE-1")).await;
    }
    assert_eq!(standing(&simulator, "duplicate-stopped"), Standing::Failed);
}

#[tokio::test]
async fn a_pivot_may_be_downloaded_once_more_after_each_completion_that_was_read_and_no_more() {
    let simulator = start(played()).await;
    let client = Client::of(&simulator).await;
    let id = simulator.ledger().invoice("CAT-R-SUSPENDRE").unwrap().id.0;
    let download =
        || client.good("telecharger/groupe", json!({"listeFacture": [{"idFacture": id}], "format": "PIVOT"}));
    let suspend = || {
        client.good("traiter/recue", json!({"idFacture": id, "nouveauStatut": "SUSPENDUE", "motif": "Bon manquant"}))
    };
    let read = || client.good("consulter/historique", json!({"idFacture": id}));
    download().await;
    suspend().await;
    simulator.control().advance(Duration::from_secs(5));
    read().await;
    download().await;
    assert_eq!(standing(&simulator, "pivot-once"), Standing::Waiting, "the others are not downloaded yet");
    suspend().await;
    simulator.control().advance(Duration::from_secs(5));
    read().await;
    download().await;
    assert_eq!(standing(&simulator, "pivot-once"), Standing::Waiting, "two completions");
    read().await;
    download().await;
    assert_eq!(standing(&simulator, "pivot-once"), Standing::Failed, "nothing new had been added");
}
