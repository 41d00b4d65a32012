//! What becomes of a dropped file: from the store through core's jobs to the simulator over HTTPS, and back into receipts.

use std::sync::atomic::Ordering;
use std::time::Duration;

use fluxgate::domain::{FlowId, Timestamp};
use fluxgate::fault::Code;
use fluxgate::flow::deposit::Event;
use fluxgate::simulator::{Effect, FaultRule, Readings, StatusDates, VerdictRule};
use fluxgate::store::{Facts, Received};
use fluxgate::work::Purpose;
use serde_json::Value;

use crate::batch::zip;
use crate::clock::with_clock;
use crate::gateway::{Gateway, check_document, hurried, invoice, invoice_to, quick_limits, write_secret};

fn states(receipt: &Value) -> Vec<&str> {
    receipt["history"].as_array().unwrap().iter().map(|line| line["state"].as_str().unwrap()).collect()
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// How often the simulator took an invoice of this number, and how often it was asked to.
fn taken(gateway: &Gateway, number: &str) -> usize {
    gateway.simulator.ledger().deposits_of(number).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valid_invoice_is_deposited_integrated_paid_and_proved() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let flow = gateway.drop_flow("facture 1.xml", invoice("FA-2026-0001")).await;
    let receipt = gateway.await_final("facture 1.xml.json").await;
    assert_eq!(receipt["flow"], flow.as_str());
    assert_eq!(states(&receipt), ["received", "ready", "sending", "deposited", "integrated"]);
    assert_eq!(receipt["fault"], Value::Null);
    let sent = &receipt["invoices"][0];
    assert_eq!((&sent["number"], &sent["status"]), (&"FA-2026-0001".into(), &"MISE_EN_PAIEMENT".into()));
    assert_eq!(sent["supplier"], "12345678200051");
    let ledger = gateway.simulator.ledger();
    let deposits = ledger.deposits_of("FA-2026-0001");
    assert_eq!(deposits.len(), 1);
    assert_eq!(receipt["deposit_number"], deposits[0].deposit_number.as_str());
    assert_eq!(receipt["sha256"], deposits[0].sha256.to_string());
    let held = ledger.invoice("FA-2026-0001").unwrap();
    assert_eq!(sent["chorus_id"], held.id.0);

    // The copy under its own name, and one file for each status in its order.
    assert_eq!(gateway.receipt(&format!("facture 1.xml.{flow}.json")).unwrap(), receipt);
    let events: Vec<Value> = names(&gateway.folder("statuts"))
        .iter()
        .map(|name| serde_json::from_slice(&std::fs::read(gateway.folder("statuts").join(name)).unwrap()).unwrap())
        .collect();
    let told: Vec<&str> = events.iter().map(|event| event["status"].as_str().unwrap()).collect();
    let happened: Vec<&str> = held.history.iter().map(|moment| moment.name.as_str()).collect();
    assert_eq!(told, happened);
    for (event, moment) in events.iter().zip(&held.history) {
        check_document("status", Purpose::Status, event);
        assert_eq!(event["comment"].as_str().unwrap_or_default(), moment.comment);
    }
    assert_eq!(names(&gateway.dir.path().join("folders/sifac/.travail")), Vec::<String>::new());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_file_is_refused_and_stands_beside_its_receipt_while_the_next_goes_on() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let broken = invoice("FA-2026-0002-much-too-long-for-chorus-pro");
    let refused = gateway.drop_flow("mauvaise.xml", broken.clone()).await;
    let noise = gateway.drop_flow("bruit.bin", vec![0x9f; 300]).await;
    gateway.drop_flow("bonne.xml", invoice("FA-2026-0003")).await;
    let receipt = gateway.await_final("mauvaise.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"refused".into(), &"FG-209".into()));
    assert!(receipt["findings"].as_array().unwrap().iter().any(|finding| finding["severity"] == "fatal"));
    assert_eq!(std::fs::read(gateway.folder("rejets").join(format!("mauvaise.{refused}.xml"))).unwrap(), broken);
    let copy = std::fs::read(gateway.folder("rejets").join(format!("mauvaise.xml.{refused}.json"))).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&copy).unwrap(), receipt);
    let receipt = gateway.await_final(&format!("bruit.bin.{noise}.json")).await;
    assert_eq!(receipt["fault"]["code"], "FG-202");
    gateway.await_final("bonne.xml.json").await;
    let ledger = gateway.simulator.ledger();
    assert_eq!(ledger.deposits.len(), 1, "only the good one was sent");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_twice_are_one_flow_and_a_duplicate_with_its_receipt() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let first = gateway.drop_flow("a.xml", invoice("FA-2026-0004")).await;
    let Received::Duplicate { arrival, first: named } = gateway.drop_file("a.xml", invoice("FA-2026-0004")).await
    else {
        panic!("identical bytes made two flows");
    };
    assert_eq!(named, first);
    let receipt = gateway.await_final(&format!("a.xml.{arrival}.json")).await;
    assert_eq!((&receipt["state"], &receipt["duplicate_of"]), (&"duplicate".into(), &first.as_str().into()));
    assert!(receipt["fault"]["title"].as_str().unwrap().contains(first.as_str()));
    let receipt = gateway.await_final(&format!("a.xml.{first}.json")).await;
    assert_eq!(receipt["state"], "integrated");
    // The newest of that name is the duplicate's, though the first one changed later.
    assert_eq!(gateway.receipt("a.xml.json").unwrap()["flow"], arrival.as_str());
    assert_eq!(taken(&gateway, "FA-2026-0004"), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flux_that_chorus_rejects_says_why_and_frees_its_content() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let bytes = invoice_to("FA-2026-0005", "99999999999999");
    let flow = gateway.drop_flow("inconnu.xml", bytes.clone()).await;
    let receipt = gateway.await_final("inconnu.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"rejected".into(), &"FG-402".into()));
    let ledger = gateway.simulator.ledger();
    let title = receipt["fault"]["title"].as_str().unwrap();
    assert!(title.contains(&ledger.deposits[0].errors[0]), "{title} says {:?}", ledger.deposits[0].errors);
    assert!(gateway.folder("rejets").join(format!("inconnu.{flow}.xml")).is_file());
    let again = gateway.drop_flow("inconnu.xml", bytes).await;
    assert_ne!(again, flow, "what was rejected may be dropped again");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flux_rejected_because_an_earlier_try_of_ours_was_taken_is_integrated() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    let rule = FaultRule::new("deposer/flux", Effect::LoseAnswer).invoice("FA-DOUBLE-2").accepted(true);
    control.add_fault(rule).unwrap();
    let flow = gateway.drop_flow("double.xml", invoice("FA-DOUBLE-2")).await;
    gateway
        .await_until("the doubt", || {
            gateway.store().reader().unwrap().flow(&flow).unwrap().unwrap().state == "doubtful"
        })
        .await;
    // A person says too soon that it is not there.
    let facts = Facts { person: Some("Camille Durand".into()), ..Facts::default() };
    gateway.store().decide(&flow, Event::ResendByPerson, facts, None, Timestamp::now()).await.unwrap();
    let receipt = gateway.await_final("double.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null), "{receipt:#}");
    let ledger = gateway.simulator.ledger();
    let deposits = ledger.deposits_of("FA-DOUBLE-2");
    assert_eq!(deposits.len(), 2, "sent twice, on a person's word");
    assert_eq!(
        receipt["deposit_number"],
        deposits[0].deposit_number.as_str(),
        "under the number of the one that was taken"
    );
    assert_eq!(receipt["invoices"][0]["chorus_id"], ledger.invoice("FA-DOUBLE-2").unwrap().id.0);
    let steps = gateway.store().reader().unwrap().steps(&flow).unwrap();
    let step = steps.iter().find(|step| step.kind == "deposit.duplicate_of_ours").expect("an event of its own");
    assert!(step.detail.as_deref().unwrap().contains("IN_REJETE"), "{step:?}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_of_somebody_elses_invoice_is_rejected_with_both_facts() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.drop_flow("une.xml", invoice("FA-AUTRE-1")).await;
    gateway.await_state("une.xml.json", "integrated").await;
    // Chorus Pro knows it from another box: this one's memory of it is gone.
    let other = String::from_utf8(invoice("FA-AUTRE-1")).unwrap().replace("2026-11-20", "2026-11-21");
    let store = gateway.store();
    let first = store.reader().unwrap().flows(&Default::default()).unwrap().remove(0).id;
    let db = rusqlite::Connection::open(gateway.dir.path().join("fluxgate.db")).unwrap();
    db.execute("UPDATE invoice SET refused = 'elsewhere' WHERE flow = ?1", [first.as_str()]).unwrap();
    db.execute("UPDATE attempt SET deposit_number = NULL WHERE flow = ?1", [first.as_str()]).unwrap();
    gateway.drop_flow("autre.xml", other).await;
    let receipt = gateway.await_final("autre.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"rejected".into(), &"FG-431".into()), "{receipt:#}");
    let title = receipt["fault"]["title"].as_str().unwrap();
    for fact in ["2026-11-21", "2026-11-20", "120.00 EUR", "existe déjà"] {
        assert!(title.contains(fact), "{fact}: {title}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_that_lasts_waits_for_a_person_who_sees_both_facts() {
    let mut limits = quick_limits();
    limits.doubt_deadline = fluxgate::domain::Duration::from_millis(900);
    let gateway = Gateway::start(hurried(), limits).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("deposer/flux", Effect::Status500)).unwrap();
    let flow = gateway.drop_flow("douteuse.xml", invoice("FA-DOUTE-1")).await;
    let receipt = gateway.await_receipt("douteuse.xml.json", |r| r["fault"]["code"] == "FG-432").await;
    assert_eq!(receipt["state"], "doubtful");
    let reader = || gateway.store().reader().unwrap();
    let overview = reader().overview(Timestamp::now()).unwrap();
    assert!(overview.stuck.iter().any(|stuck| stuck.id == flow), "it waits for a person");
    let look = reader().look(&flow).unwrap().expect("what the last look showed is kept");
    assert!(look.answered_since.is_some() && look.rows.is_empty(), "{look:?}");
    let looks = gateway.simulator.ledger().calls_of("rechercher/fournisseur");
    let goes_on = || gateway.simulator.ledger().calls_of("rechercher/fournisseur") > looks + 1;
    gateway.await_until("further looks", goes_on).await;
    // A silent Chorus Pro is told as such.
    control.add_fault(FaultRule::new("rechercher/fournisseur", Effect::Status503).always()).unwrap();
    let silent = || reader().look(&flow).unwrap().unwrap().answered_since.is_none();
    gateway.await_until("a look without an answer", silent).await;
    control.clear_faults();
    let facts = Facts { person: Some("Camille Durand".into()), ..Facts::default() };
    gateway.store().decide(&flow, Event::ResendByPerson, facts, None, Timestamp::now()).await.unwrap();
    let receipt = gateway.await_final("douteuse.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null));
    gateway.stop().await;
}

/// Ways to lose the answer to a deposit that was taken.
const LOSSES: [Effect; 5] = [Effect::LoseAnswer, Effect::Cut, Effect::Status500, Effect::Garbage200, Effect::Empty200];

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_a_doubt_that_a_search_resolves_without_a_second_deposit() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    for (n, effect) in LOSSES.into_iter().enumerate() {
        let number = format!("FA-PERDUE-{n}");
        let fault = FaultRule::new("deposer/flux", effect).invoice(&number).accepted(true);
        gateway.simulator.control().add_fault(fault).unwrap();
        gateway.drop_flow(&format!("perdue-{n}.xml"), invoice(&number)).await;
    }
    for (n, effect) in LOSSES.into_iter().enumerate() {
        let receipt = gateway.await_final(&format!("perdue-{n}.xml.json")).await;
        assert!(states(&receipt).contains(&"doubtful"), "{effect:?}: {:?}", states(&receipt));
        assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null), "{effect:?}");
        assert_eq!(taken(&gateway, &format!("FA-PERDUE-{n}")), 1, "{effect:?}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_a_doubt_too() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.simulator.control().add_fault(FaultRule::new("deposer/flux", Effect::Slow).ms(5_000)).unwrap();
    gateway.drop_flow("lente.xml", invoice("FA-LENTE-1")).await;
    let receipt = gateway.await_final("lente.xml.json").await;
    assert!(states(&receipt).contains(&"doubtful"));
    assert_eq!(taken(&gateway, "FA-LENTE-1"), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_after_its_lease_was_lost_is_kept() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("deposer/flux", Effect::Slow).ms(700)).unwrap();
    // No search is answered: only the answer itself can settle the doubt.
    control.add_fault(FaultRule::new("rechercher/fournisseur", Effect::Status503).always()).unwrap();
    // No verdict before we have looked.
    control.freeze();
    let flow = gateway.drop_flow("tard.xml", invoice("FA-TARD-1")).await;
    let state = || gateway.store().reader().unwrap().flow(&flow).unwrap().unwrap().state;
    gateway.await_until("the call", || state() == "sending").await;
    // An hour passes by the clock that leases are counted by (it was put right), and a second for the call.
    let later = Timestamp::now().plus(Duration::from_secs(3600));
    gateway.store().lease(&[], 1, later, Duration::from_secs(60)).await.unwrap();
    assert_eq!(state(), "doubtful");
    let receipt = gateway.await_state("tard.xml.json", "deposited").await;
    assert_eq!(receipt["deposit_number"], gateway.simulator.ledger().deposits[0].deposit_number.as_str());
    assert_eq!(states(&receipt), ["received", "ready", "sending", "doubtful", "deposited"]);
    control.clear_faults();
    control.resume();
    let receipt = gateway.await_final("tard.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null));
    assert_eq!(gateway.simulator.ledger().calls_of("deposer/flux"), 1, "sent once");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_after_a_person_decided_changes_nothing() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("deposer/flux", Effect::Slow).ms(700)).unwrap();
    let flow = gateway.drop_flow("trop-tard.xml", invoice("FA-TARD-2")).await;
    let record = || gateway.store().reader().unwrap().flow(&flow).unwrap().unwrap();
    gateway.await_until("the call", || record().state == "sending").await;
    let later = Timestamp::now().plus(Duration::from_secs(3600));
    gateway.store().lease(&[], 1, later, Duration::from_secs(60)).await.unwrap();
    let facts = Facts { person: Some("Camille Durand".into()), ..Facts::default() };
    gateway.store().decide(&flow, Event::AbandonedByPerson, facts, None, Timestamp::now()).await.unwrap();
    gateway.await_until("the answer", || gateway.simulator.ledger().deposits.len() == 1).await;
    tokio::time::sleep(Duration::from_millis(2_000)).await;
    let record = record();
    assert_eq!((record.state.as_str(), record.fault), ("abandoned", None), "no alarm about an impossible event");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_absent_over_the_whole_delay_is_sent_once_more() {
    let mut limits = quick_limits();
    limits.integration_delay = fluxgate::domain::Duration::from_millis(1_500);
    let gateway = Gateway::start(hurried(), limits).await;
    // An error before anything was taken: we cannot know that.
    gateway.simulator.control().add_fault(FaultRule::new("deposer/flux", Effect::Status500)).unwrap();
    let begun = std::time::Instant::now();
    gateway.drop_flow("absente.xml", invoice("FA-ABSENTE-1")).await;
    let receipt = gateway.await_final("absente.xml.json").await;
    assert!(begun.elapsed() >= Duration::from_millis(1_500), "not before the delay");
    let expected = ["received", "ready", "sending", "doubtful", "ready", "sending", "deposited", "integrated"];
    assert_eq!(states(&receipt), expected);
    assert_eq!(taken(&gateway, "FA-ABSENTE-1"), 1);
    assert_eq!(gateway.simulator.ledger().calls_of("deposer/flux"), 2);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_without_an_answer_prove_nothing() {
    let mut limits = quick_limits();
    limits.integration_delay = fluxgate::domain::Duration::from_millis(1_000);
    let gateway = Gateway::start(hurried(), limits).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("deposer/flux", Effect::Status500)).unwrap();
    control.add_fault(FaultRule::new("rechercher/fournisseur", Effect::Status503).always()).unwrap();
    gateway.drop_flow("muette.xml", invoice("FA-MUETTE-1")).await;
    gateway.await_state("muette.xml.json", "doubtful").await;
    tokio::time::sleep(Duration::from_millis(3_000)).await;
    assert_eq!(gateway.receipt("muette.xml.json").unwrap()["state"], "doubtful");
    assert_eq!(gateway.simulator.ledger().calls_of("deposer/flux"), 1, "never sent again meanwhile");
    control.clear_faults();
    let receipt = gateway.await_final("muette.xml.json").await;
    assert_eq!(receipt["state"], "integrated");
    assert_eq!(taken(&gateway, "FA-MUETTE-1"), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_account_stops_the_queue_once_and_its_repair_resumes_it() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.simulator.control().set_account_password("changed at Chorus Pro");
    for n in 0..6 {
        gateway.drop_flow(&format!("file-{n}.xml"), invoice(&format!("FA-FILE-{n}"))).await;
    }
    gateway.await_until("the halt", || !gateway.store().reader().unwrap().halts().unwrap().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let halts = gateway.store().reader().unwrap().halts().unwrap();
    assert_eq!((halts.len(), halts[0].1.code.as_str()), (1, "FG-304"));
    let calls = gateway.simulator.ledger().calls.len();
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(gateway.simulator.ledger().calls.len(), calls, "nobody knocks meanwhile");
    assert_eq!(gateway.simulator.ledger().deposits.len(), 0);

    // Repaired on our side: the new password is uploaded, which is noticed at once.
    write_secret(&gateway.dir.path().join("secrets/account"), "changed at Chorus Pro");
    for n in 0..6 {
        let receipt = gateway.await_final(&format!("file-{n}.xml.json")).await;
        assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null));
        assert_eq!(taken(&gateway, &format!("FA-FILE-{n}")), 1);
    }
    assert!(gateway.store().reader().unwrap().halts().unwrap().is_empty());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_authority_stops_the_queue_and_its_file_is_named() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let file = gateway.dir.path().join("ca/ca.pem");
    let pem = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    gateway.drop_flow("autorite.xml", invoice("FA-AUTORITE-1")).await;
    let receipt = gateway.await_receipt("autorite.xml.json", |r| r["fault"]["code"] == "FG-313").await;
    let fault = &receipt["fault"];
    assert!(fault["title"].as_str().unwrap().contains("ca/ca.pem"), "{fault}");
    assert!(fault["remedy"].as_str().unwrap().contains("ca_file de [chorus.api.practice]"), "{fault}");
    // The halt has been looked at; the file's return is then noticed at once.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    std::fs::write(&file, pem).unwrap();
    assert_eq!(gateway.await_final("autorite.xml.json").await["state"], "integrated");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_api_stops_the_queue_with_its_remedy() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("*", Effect::Status403Empty).always()).unwrap();
    gateway.await_until("the halt", || !gateway.store().reader().unwrap().halts().unwrap().is_empty()).await;
    gateway.drop_flow("interdite.xml", invoice("FA-INTERDITE-1")).await;
    let receipt = gateway.await_receipt("interdite.xml.json", |r| r["fault"]["code"] == "FG-303").await;
    assert_eq!(receipt["fault"]["retry"], "AfterAction");
    control.clear_faults();
    // Seen by the probe only after its wait; a secret uploaded anew brings it forward.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let password = gateway.simulator.credentials().account_password.clone();
    write_secret(&gateway.dir.path().join("secrets/account"), &password);
    assert_eq!(gateway.await_final("interdite.xml.json").await["state"], "integrated");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_slow_down_it_waits_and_loses_nothing() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("deposer/flux", Effect::Status429).retry_after(1)).unwrap();
    control.add_fault(FaultRule::new("consulterCRDetaille", Effect::Status429).retry_after(1)).unwrap();
    gateway.drop_flow("presse.xml", invoice("FA-PRESSE-1")).await;
    let receipt = gateway.await_final("presse.xml.json").await;
    assert_eq!(receipt["state"], "integrated");
    assert!(!states(&receipt).contains(&"doubtful"), "a 429 changed nothing: {:?}", states(&receipt));
    assert_eq!(taken(&gateway, "FA-PRESSE-1"), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_deposit_is_final_with_chorus_words() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let rule = FaultRule::new("deposer/flux", Effect::Refuse).refusal(20001, "GDP_MSG_11.022 : flux trop volumineux");
    gateway.simulator.control().add_fault(rule).unwrap();
    gateway.drop_flow("grosse.xml", invoice("FA-GROSSE-1")).await;
    let receipt = gateway.await_final("grosse.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"refused".into(), &"FG-401".into()));
    assert!(receipt["fault"]["title"].as_str().unwrap().contains("GDP_MSG_11.022"));
    gateway.stop().await;
}

/// A flow whose first try had no answer, and which a person has sent again; the second try is refused.
async fn refused_in_doubt(gateway: &Gateway, name: &str, bytes: Vec<u8>, first: FaultRule) -> FlowId {
    let control = gateway.simulator.control();
    let silent = control.add_fault(FaultRule::new("rechercher/fournisseur", Effect::Status503).always()).unwrap();
    control.add_fault(first).unwrap();
    let rule = FaultRule::new("deposer/flux", Effect::Refuse).refusal(20001, "GDP_MSG_11.022 : flux trop volumineux");
    let flow = gateway.drop_flow(name, bytes).await;
    let state = || gateway.store().reader().unwrap().flow(&flow).unwrap().unwrap().state;
    gateway.await_until("the doubt", || state() == "doubtful").await;
    control.add_fault(rule).unwrap();
    let facts = Facts { person: Some("Camille Durand".into()), ..Facts::default() };
    gateway.store().decide(&flow, Event::ResendByPerson, facts, None, Timestamp::now()).await.unwrap();
    let outcomes = || gateway.store().reader().unwrap().attempts(&flow).unwrap();
    gateway
        .await_until("the refusal", || outcomes().iter().any(|a| a.outcome.as_deref() == Some("deposit_refused")))
        .await;
    control.remove_fault(silent);
    flow
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_a_try_that_was_taken_says_not_to_drop_it_again_and_the_try_is_found() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    // Not found before the warning was read.
    gateway.simulator.control().freeze();
    let first = FaultRule::new("deposer/flux", Effect::LoseAnswer).accepted(true);
    let flow = refused_in_doubt(&gateway, "encore.xml", invoice("FA-ENCORE-1"), first).await;
    let receipt = gateway.await_receipt("encore.xml.json", |r| r["fault"]["code"] == "FG-433").await;
    assert_eq!((&receipt["state"], &receipt["final"]), (&"doubtful".into(), &false.into()));
    let fault = &receipt["fault"];
    for told in ["FA-ENCORE-1", "20001", "GDP_MSG_11.022 : flux trop volumineux", "Un essai précédent a pu être pris"]
    {
        assert!(fault["title"].as_str().unwrap().contains(told), "{told}: {fault}");
    }
    let until = Timestamp::now().plus(Duration::from_secs(24 * 3600)).paris_text();
    let remedy = fault["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("Ne déposez pas de nouveau") && remedy.contains(&until[..10]), "{until}: {fault}");
    let attempts = gateway.store().reader().unwrap().attempts(&flow).unwrap();
    assert!(attempts[1].detail.as_deref().unwrap().contains("flux trop volumineux"), "{attempts:?}");
    gateway.simulator.control().resume();
    let receipt = gateway.await_final("encore.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null), "{receipt:#}");
    assert_eq!(taken(&gateway, "FA-ENCORE-1"), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_doubt_is_final_with_its_own_words_once_absence_is_proved() {
    let mut limits = quick_limits();
    limits.integration_delay = fluxgate::domain::Duration::from_millis(2_500);
    let gateway = Gateway::start(hurried(), limits).await;
    let first = FaultRule::new("deposer/flux", Effect::Status500);
    refused_in_doubt(&gateway, "finale.xml", invoice("FA-FINALE-1"), first).await;
    let receipt = gateway.await_final("finale.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"refused".into(), &"FG-401".into()), "{receipt:#}");
    let title = receipt["fault"]["title"].as_str().unwrap();
    assert!(title.contains("20001 « GDP_MSG_11.022 : flux trop volumineux »"), "{title}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_a_proved_absence_is_final_at_once() {
    let mut limits = quick_limits();
    limits.integration_delay = fluxgate::domain::Duration::from_millis(1_500);
    let gateway = Gateway::start(hurried(), limits).await;
    let control = gateway.simulator.control();
    let silent = control.add_fault(FaultRule::new("rechercher/fournisseur", Effect::Status503).always()).unwrap();
    control.add_fault(FaultRule::new("deposer/flux", Effect::Status500)).unwrap();
    gateway.drop_flow("prouvee.xml", invoice("FA-PROUVEE-1")).await;
    gateway.await_state("prouvee.xml.json", "doubtful").await;
    control.add_fault(FaultRule::new("deposer/flux", Effect::Refuse).refusal(20001, "trop gros")).unwrap();
    control.remove_fault(silent);
    let receipt = gateway.await_final("prouvee.xml.json").await;
    assert_eq!(receipt["fault"]["code"], "FG-401", "{receipt:#}");
    assert_eq!(states(&receipt), ["received", "ready", "sending", "doubtful", "ready", "sending", "refused"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_a_doubt_that_only_a_person_can_settle_shows_both_facts() {
    let mut limits = quick_limits();
    limits.integration_delay = fluxgate::domain::Duration::from_millis(1_000);
    let gateway = Gateway::start(hurried(), limits).await;
    let direct =
        String::from_utf8(invoice("FA-DIRECTE-1")).unwrap().replace("ID>A1</cbc:ProfileID", "ID>S3</cbc:ProfileID");
    let first = FaultRule::new("deposer/flux", Effect::Status500);
    let flow = refused_in_doubt(&gateway, "directe.xml", direct.into_bytes(), first).await;
    let receipt = gateway.await_receipt("directe.xml.json", |r| r["fault"]["code"] == "FG-434").await;
    assert_eq!(receipt["state"], "doubtful");
    let title = receipt["fault"]["title"].as_str().unwrap();
    for told in ["FA-DIRECTE-1", "20001 « GDP_MSG_11.022 : flux trop volumineux »", "rien ne dit si un essai"] {
        assert!(title.contains(told), "{told}: {title}");
    }
    let overview = gateway.store().reader().unwrap().overview(Timestamp::now()).unwrap();
    assert!(overview.stuck.iter().any(|stuck| stuck.id == flow), "it waits for a person");
    gateway.stop().await;
}

/// A flow that Chorus Pro rejects as a duplicate of its own first try, whose search it refuses.
async fn rejected_and_not_looked_up(gateway: &Gateway, name: &str, number: &str) -> (FlowId, u64) {
    let control = gateway.simulator.control();
    let refusal = FaultRule::new("rechercher/fournisseur", Effect::Refuse).refusal(20003, "droits insuffisants");
    let refusal = control.add_fault(refusal.always()).unwrap();
    control.add_fault(FaultRule::new("deposer/flux", Effect::LoseAnswer).accepted(true)).unwrap();
    let flow = gateway.drop_flow(name, invoice(number)).await;
    let state = || gateway.store().reader().unwrap().flow(&flow).unwrap().unwrap().state;
    gateway.await_until("the doubt", || state() == "doubtful").await;
    let facts = Facts { person: Some("Camille Durand".into()), ..Facts::default() };
    gateway.store().decide(&flow, Event::ResendByPerson, facts, None, Timestamp::now()).await.unwrap();
    let receipt = gateway.await_receipt(&format!("{name}.json"), |r| r["fault"]["code"] == "FG-435").await;
    assert_eq!((&receipt["state"], &receipt["final"]), (&"deposited".into(), &false.into()), "{receipt:#}");
    let title = receipt["fault"]["title"].as_str().unwrap();
    assert!(title.contains("existe déjà") && title.contains("droits insuffisants"), "{title}");
    (flow, refusal)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_whose_look_up_is_refused_waits_for_it_and_is_told() {
    let mut limits = quick_limits();
    // However long ago: no search, no verdict.
    limits.integration_delay = fluxgate::domain::Duration::from_millis(300);
    let gateway = Gateway::start(hurried(), limits).await;
    let (flow, refusal) = rejected_and_not_looked_up(&gateway, "cherchee.xml", "FA-CHERCHEE-1").await;
    let overview = gateway.store().reader().unwrap().overview(Timestamp::now()).unwrap();
    assert!(overview.stuck.iter().any(|stuck| stuck.id == flow), "it waits for a person");
    let looks = gateway.simulator.ledger().calls_of("rechercher/fournisseur");
    let goes_on = || gateway.simulator.ledger().calls_of("rechercher/fournisseur") > looks + 2;
    gateway.await_until("further looks", goes_on).await;
    assert_eq!(gateway.receipt("cherchee.xml.json").unwrap()["fault"]["code"], "FG-435");
    assert!(gateway.simulator.control().remove_fault(refusal));
    let receipt = gateway.await_final("cherchee.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null), "{receipt:#}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_settles_a_rejection_that_cannot_be_looked_up() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let words = [(Event::TakenBefore, "integrated"), (Event::RejectionStands, "rejected")];
    for (n, (word, state)) in words.into_iter().enumerate() {
        let name = format!("tranchee-{n}.xml");
        let (flow, refusal) = rejected_and_not_looked_up(&gateway, &name, &format!("FA-TRANCHEE-{n}")).await;
        let facts = Facts { person: Some("Camille Durand".into()), ..Facts::default() };
        gateway.store().decide(&flow, word, facts, None, Timestamp::now()).await.unwrap();
        let receipt = gateway.await_state(&format!("{name}.json"), state).await;
        if state == "rejected" {
            assert_eq!(receipt["fault"]["code"], "FG-402", "{receipt:#}");
        }
        let steps = gateway.store().reader().unwrap().steps(&flow).unwrap();
        let told = steps.iter().find(|step| step.kind == format!("deposit.{word}")).expect("the word is journalled");
        assert_eq!(told.actor, "Camille Durand");
        assert!(gateway.simulator.control().remove_fault(refusal));
        // The flux that was rejected holds nothing: what is followed is the earlier try's.
        if state == "integrated" {
            // A look that was refused before is told until the next one.
            let is_paid = |r: &Value| r["invoices"][0]["status"] == "MISE_EN_PAIEMENT" && r["fault"].is_null();
            let receipt = gateway.await_receipt(&format!("{name}.json"), is_paid).await;
            assert_eq!(receipt["final"], true);
            let ledger = gateway.simulator.ledger();
            let id = ledger.invoice(&format!("FA-TRANCHEE-{n}")).unwrap().id.0;
            assert_eq!(receipt["invoices"][0]["chorus_id"], id, "{receipt:#}");
        }
    }
    gateway.stop().await;
}

/// A flux of two, rejected whole as a duplicate of its own first try.
#[tokio::test(flavor = "multi_thread")]
async fn no_single_word_settles_a_rejection_of_several_invoices() {
    let mut limits = quick_limits();
    limits.integration_delay = fluxgate::domain::Duration::from_millis(300);
    let gateway = Gateway::start(hurried(), limits).await;
    let control = gateway.simulator.control();
    let refusal = FaultRule::new("rechercher/fournisseur", Effect::Refuse).refusal(20003, "droits insuffisants");
    let refusal = control.add_fault(refusal.always()).unwrap();
    control.add_fault(FaultRule::new("deposer/flux", Effect::LoseAnswer).accepted(true)).unwrap();
    let lot = zip(&[("a.xml", invoice("FA-LOT-1")), ("b.xml", invoice("FA-LOT-2"))]);
    let lot = gateway.drop_flow("lot.zip", lot).await;
    let reader = || gateway.store().reader().unwrap();
    gateway.await_until("the doubt", || reader().parts(&lot).unwrap().iter().any(|p| p.state == "doubtful")).await;
    let flow = reader().parts(&lot).unwrap()[0].id.clone();
    assert_eq!(reader().invoices(&flow).unwrap().len(), 2, "one flux");
    let person = || Facts { person: Some("Camille Durand".into()), ..Facts::default() };
    gateway.store().decide(&flow, Event::ResendByPerson, person(), None, Timestamp::now()).await.unwrap();
    let fault = || reader().flow(&flow).unwrap().unwrap().fault.filter(|f| f.code == Code::RejectionNotLookedUp);
    gateway.await_until("the rejection", || fault().is_some()).await;
    assert_eq!(fault().unwrap().details["in_question"], "2");
    // A word that is given all the same settles nothing.
    gateway.store().decide(&flow, Event::TakenBefore, person(), None, Timestamp::now()).await.unwrap();
    let looks = gateway.simulator.ledger().calls_of("rechercher/fournisseur");
    let goes_on = || gateway.simulator.ledger().calls_of("rechercher/fournisseur") > looks + 2;
    gateway.await_until("further looks", goes_on).await;
    assert_eq!(reader().flow(&flow).unwrap().unwrap().state, "deposited");
    assert!(control.remove_fault(refusal));
    gateway.await_until("the search's word", || reader().flow(&flow).unwrap().unwrap().state == "integrated").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_whose_look_up_never_makes_sense_is_a_persons_once_searches_cannot_lag() {
    let mut limits = quick_limits();
    limits.integration_delay = fluxgate::domain::Duration::from_millis(1);
    let gateway = Gateway::start(hurried(), limits).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("rechercher/fournisseur", Effect::Garbage200).always()).unwrap();
    let rule = "invoice = \"FA-ILLISIBLE-1\"\nstate = \"IN_REJETE\"\nlabel = \"REJ_UNI : la facture existe déjà\"";
    control.add_verdict(toml::from_str::<VerdictRule>(rule).unwrap()).unwrap();
    let flow = gateway.drop_flow("illisible.xml", invoice("FA-ILLISIBLE-1")).await;
    let receipt = gateway.await_receipt("illisible.xml.json", |r| r["fault"]["code"] == "FG-435").await;
    assert_eq!(receipt["state"], "deposited", "{receipt:#}");
    // A report that is refused hides nothing of it.
    let refused = FaultRule::new("consulterCRDetaille", Effect::Refuse).refusal(20003, "droits insuffisants");
    let refused = control.add_fault(refused.always()).unwrap();
    let asked = gateway.simulator.ledger().calls_of("consulterCRDetaille");
    let looked = || gateway.simulator.ledger().calls_of("consulterCRDetaille") > asked + 2;
    gateway.await_until("looks", looked).await;
    let shown = gateway.store().reader().unwrap().flow(&flow).unwrap().unwrap().fault.unwrap();
    assert_eq!(shown.code, Code::RejectionNotLookedUp);
    assert!(control.remove_fault(refused));
    let facts = Facts { person: Some("Camille Durand".into()), ..Facts::default() };
    gateway.store().decide(&flow, Event::RejectionStands, facts, None, Timestamp::now()).await.unwrap();
    let receipt = gateway.await_final("illisible.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"rejected".into(), &"FG-402".into()), "{receipt:#}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_for_a_duplicate_that_no_search_shows_says_that_it_is_not_final_until_it_is() {
    let mut limits = quick_limits();
    limits.integration_delay = fluxgate::domain::Duration::from_millis(4_000);
    let gateway = Gateway::start(hurried(), limits).await;
    let rule = "invoice = \"FA-INVISIBLE-1\"\nstate = \"IN_REJETE\"\nlabel = \"REJ_UNI : la facture existe déjà\"";
    gateway.simulator.control().add_verdict(toml::from_str::<VerdictRule>(rule).unwrap()).unwrap();
    let flow = gateway.drop_flow("invisible.xml", invoice("FA-INVISIBLE-1")).await;
    let receipt = gateway.await_receipt("invisible.xml.json", |r| r["fault"]["code"] == "FG-436").await;
    assert_eq!((&receipt["state"], &receipt["final"]), (&"deposited".into(), &false.into()));
    let fault = &receipt["fault"];
    assert!(fault["title"].as_str().unwrap().contains("REJ_UNI : la facture existe déjà"), "{fault}");
    let deposit = gateway.simulator.ledger().deposits[0].deposit_number.clone();
    assert!(fault["title"].as_str().unwrap().contains(&deposit), "{fault}");
    let today = Timestamp::now().paris_text();
    assert!(fault["remedy"].as_str().unwrap().contains(&format!("jusqu'au {}", &today[..10])), "{fault}");
    // A report that is not to be had for a moment hides nothing of it.
    let control = gateway.simulator.control();
    let silent = control.add_fault(FaultRule::new("consulterCRDetaille", Effect::Status503).always()).unwrap();
    let asked = gateway.simulator.ledger().calls_of("consulterCRDetaille");
    // On a machine in no hurry the delay may be over by now.
    let ended = || gateway.store().reader().unwrap().flow(&flow).unwrap().unwrap().is_final;
    let looked = || gateway.simulator.ledger().calls_of("consulterCRDetaille") > asked;
    gateway.await_until("a look", || looked() || ended()).await;
    control.remove_fault(silent);
    let receipt = gateway.await_final("invisible.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"rejected".into(), &"FG-402".into()), "{receipt:#}");
    let steps = gateway.store().reader().unwrap().steps(&flow).unwrap();
    let troubles: Vec<_> =
        steps.iter().filter(|step| step.kind == "trouble").map(|step| step.detail.as_deref()).collect();
    assert_eq!(troubles, [Some("FG-436")], "told once, and never taken back meanwhile");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_sends_the_whole_flux_again_and_an_unknown_state_is_an_alarm() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    let verdict = |text: &str| toml::from_str::<VerdictRule>(text).unwrap();
    control.add_verdict(verdict("invoice = \"FA-INCIDENT-1\"\nstate = \"IN_INCIDENTE\"\ntimes = 1")).unwrap();
    gateway.drop_flow("incident.xml", invoice("FA-INCIDENT-1")).await;
    let receipt = gateway.await_final("incident.xml.json").await;
    let expected = ["received", "ready", "sending", "deposited", "ready", "sending", "deposited", "integrated"];
    assert_eq!(states(&receipt), expected);
    assert_eq!(receipt["fault"], Value::Null);

    control.add_verdict(verdict("invoice = \"FA-INCONNU-1\"\nstate = \"IN_ETAT_NOUVEAU\"")).unwrap();
    gateway.drop_flow("inconnu.xml", invoice("FA-INCONNU-1")).await;
    let receipt = gateway.await_receipt("inconnu.xml.json", |r| r["fault"]["code"] == "FG-408").await;
    assert_eq!((&receipt["state"], &receipt["final"]), (&"deposited".into(), &false.into()), "never taken for success");
    assert!(receipt["fault"]["title"].as_str().unwrap().contains("IN_ETAT_NOUVEAU"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_that_does_not_come_is_an_alarm_and_is_still_followed() {
    let mut limits = quick_limits();
    limits.integration_deadline = fluxgate::domain::Duration::from_millis(400);
    let gateway = Gateway::start(hurried(), limits).await;
    gateway.simulator.control().freeze();
    gateway.drop_flow("tardive.xml", invoice("FA-TARDIVE-1")).await;
    let receipt = gateway.await_receipt("tardive.xml.json", |r| r["fault"]["code"] == "FG-407").await;
    assert_eq!((&receipt["state"], &receipt["final"]), (&"deposited".into(), &false.into()));
    gateway.simulator.control().resume();
    let receipt = gateway.await_final("tardive.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null));
    gateway.stop().await;
}

/// Seen: nothing was said on files that waited, until the rests between two tries had grown to minutes.
#[tokio::test(flavor = "multi_thread")]
async fn while_chorus_pro_is_down_each_file_says_at_once_that_it_waits_and_once_only() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("token", Effect::Status503).always()).unwrap();
    // Whoever still has a token is sent for another one, of which there is none.
    control.add_fault(FaultRule::new("deposer/flux", Effect::Status401).always()).unwrap();
    let mut flows = Vec::new();
    for n in 1..=3 {
        flows.push(gateway.drop_flow(&format!("attend-{n}.xml"), invoice(&format!("FA-ATTEND-{n}"))).await);
    }
    for n in 1..=3 {
        let receipt = gateway.await_receipt(&format!("attend-{n}.xml.json"), |r| r["fault"]["code"] == "FG-319").await;
        assert_eq!((&receipt["state"], &receipt["fault"]["retry"]), (&"ready".into(), &"Later".into()), "{receipt:#}");
        let (title, remedy) =
            (receipt["fault"]["title"].as_str().unwrap(), receipt["fault"]["remedy"].as_str().unwrap());
        assert!(
            title.contains("En attente de Chorus Pro") && title.contains("2026") && remedy.contains("Prochain essai"),
            "{receipt:#}"
        );
    }
    let asked = || gateway.simulator.ledger().calls_of("token");
    let before = asked();
    gateway.await_until("further tries", || asked() > before + 1).await;
    let reader = gateway.store().reader().unwrap();
    for flow in &flows {
        let told = reader.steps(flow).unwrap().iter().filter(|step| step.detail.as_deref() == Some("FG-319")).count();
        assert!(told <= 1, "{told} times");
    }
    drop(reader);
    control.clear_faults();
    for n in 1..=3 {
        let receipt = gateway.await_final(&format!("attend-{n}.xml.json")).await;
        assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null), "{receipt:#}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flux_whose_number_chorus_pro_does_not_know_comes_before_a_person_and_is_not_sent_again() {
    let mut limits = quick_limits();
    limits.integration_deadline = fluxgate::domain::Duration::from_secs(3);
    // Long over when the person is asked: absence is proved, and sends nothing.
    limits.integration_delay = fluxgate::domain::Duration::from_millis(300);
    let gateway = Gateway::start(hurried(), limits).await;
    let control = gateway.simulator.control();
    let unknown = |service: &str, label: &str| FaultRule::new(service, Effect::Refuse).refusal(20_000, label).always();
    control.add_fault(unknown("consulterCRDetaille", "GDP_MSG_11.008")).unwrap();
    control.add_fault(unknown("rechercher/fournisseur", "TRA_MSG_00.015")).unwrap();
    let flow = gateway.drop_flow("perdu.xml", invoice("FA-PERDU-1")).await;
    let receipt = gateway.await_receipt("perdu.xml.json", |r| r["fault"]["code"] == "FG-447").await;
    let number = receipt["deposit_number"].as_str().unwrap().to_owned();
    assert!(receipt["fault"]["title"].as_str().unwrap().contains(&number), "{receipt:#}");
    let receipt = gateway.await_receipt("perdu.xml.json", |r| r["fault"]["code"] == "FG-448").await;
    assert_eq!(
        (&receipt["state"], &receipt["fault"]["retry"]),
        (&"doubtful".into(), &"AfterAction".into()),
        "{receipt:#}"
    );
    assert!(receipt["fault"]["title"].as_str().unwrap().contains(&number), "{receipt:#}");
    let looks = || gateway.simulator.ledger().calls_of("rechercher/fournisseur");
    let before = looks();
    gateway.await_until("looks that prove it absent", || looks() > before + 4).await;
    let shown = gateway.store().reader().unwrap().flow(&flow).unwrap().unwrap();
    assert_eq!((shown.state.as_str(), shown.fault.unwrap().code.as_str()), ("doubtful", "FG-448"));
    control.clear_faults();
    let receipt = gateway.await_final("perdu.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null), "{receipt:#}");
    assert_eq!(gateway.simulator.ledger().deposits_of("FA-PERDU-1").len(), 1);
    gateway.stop().await;
}

/// Seen: FG-505 said that it could be sent once more, though Chorus Pro had accepted it.
#[tokio::test(flavor = "multi_thread")]
async fn a_flux_that_was_accepted_and_is_not_known_says_so_though_an_earlier_try_was_proved_absent() {
    let mut limits = quick_limits();
    limits.integration_deadline = fluxgate::domain::Duration::from_secs(3);
    limits.integration_delay = fluxgate::domain::Duration::from_millis(300);
    let gateway = Gateway::start(hurried(), limits).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("deposer/flux", Effect::LoseAnswer).accepted(false).nth(1)).unwrap();
    let unknown = |service: &str, label: &str| FaultRule::new(service, Effect::Refuse).refusal(20_000, label).always();
    control.add_fault(unknown("consulterCRDetaille", "GDP_MSG_11.008")).unwrap();
    control.add_fault(unknown("rechercher/fournisseur", "TRA_MSG_00.015")).unwrap();
    let flow = gateway.drop_flow("perdu.xml", invoice("FA-PERDU-2")).await;
    gateway.await_receipt("perdu.xml.json", |r| r["fault"]["code"] == "FG-448").await;
    assert_eq!(gateway.store().reader().unwrap().attempts(&flow).unwrap().len(), 2);
    let looks = || gateway.simulator.ledger().calls_of("rechercher/fournisseur");
    let before = looks();
    gateway.await_until("looks that prove it absent", || looks() > before + 20).await;
    let shown = gateway.store().reader().unwrap().flow(&flow).unwrap().unwrap();
    assert_eq!((shown.state.as_str(), shown.fault.unwrap().code.as_str()), ("doubtful", "FG-448"));
    control.clear_faults();
    let receipt = gateway.await_final("perdu.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null), "{receipt:#}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_that_lasts_is_shown_on_every_file_that_waits_for_its_end() {
    let mut limits = quick_limits();
    limits.integration_deadline = fluxgate::domain::Duration::from_millis(600);
    // What is sent before the outage is noticed is a doubt, which ends within the test.
    limits.integration_delay = fluxgate::domain::Duration::from_millis(1_500);
    let gateway = Gateway::start(hurried(), limits).await;
    gateway.simulator.control().add_fault(FaultRule::new("*", Effect::Status503).always()).unwrap();
    gateway.simulator.control().expire_tokens();
    for n in 0..3 {
        gateway.drop_flow(&format!("panne-{n}.xml"), invoice(&format!("FA-PANNE-{n}"))).await;
    }
    let stuck = || gateway.store().reader().unwrap().overview(Timestamp::now()).unwrap().stuck_total;
    gateway.await_until("all three on the first screen", || stuck() == 3).await;
    gateway.simulator.control().clear_faults();
    gateway.reload();
    for n in 0..3 {
        gateway.await_final(&format!("panne-{n}.xml.json")).await;
    }
    assert_eq!(stuck(), 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_after_many_that_did_not_is_shown_and_clears_itself() {
    let mut scenario = hurried();
    scenario.timing.status_step = fluxgate::domain::Duration::from_secs(3600);
    let gateway = Gateway::start(scenario, quick_limits()).await;
    gateway.drop_flow("suivie.xml", invoice("FA-SUIVIE-1")).await;
    gateway.await_receipt("suivie.xml.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    // Followed for a while: many looks, none of them a failure.
    let looks = gateway.simulator.ledger().calls_of("rechercher/fournisseur");
    let many = || gateway.simulator.ledger().calls_of("rechercher/fournisseur") > looks + 6;
    gateway.await_until("many looks", many).await;
    let shelf = gateway.folder("statuts");
    std::fs::rename(&shelf, gateway.dir.path().join("aside")).unwrap();
    std::fs::write(&shelf, "no folder").unwrap();
    assert!(gateway.simulator.control().move_invoice("FA-SUIVIE-1", "MISE_EN_PAIEMENT", ""));
    let receipt = gateway.await_receipt("suivie.xml.json", |r| r["fault"]["code"] == "FG-908").await;
    assert_eq!(receipt["final"], false);
    std::fs::remove_file(&shelf).unwrap();
    let receipt = gateway.await_final("suivie.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_by_the_recipient_and_an_unknown_status_are_shown() {
    let mut scenario = hurried();
    scenario.timing.status_step = fluxgate::domain::Duration::from_secs(3600);
    let gateway = Gateway::start(scenario, quick_limits()).await;
    gateway.drop_flow("rejetee.xml", invoice("FA-REJETEE-1")).await;
    gateway.drop_flow("nouvelle.xml", invoice("FA-NOUVELLE-1")).await;
    gateway.await_receipt("rejetee.xml.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    gateway.await_receipt("nouvelle.xml.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    let control = gateway.simulator.control();
    let comment = "Numéro d'engagement erroné : œuvre non commandée, 1 250,00 €";
    assert!(control.move_invoice("FA-REJETEE-1", "REJETEE", comment));
    let receipt = gateway.await_final("rejetee.xml.json").await;
    assert_eq!(receipt["state"], "integrated", "the status is recorded, the flow's state is ours");
    assert_eq!((&receipt["invoices"][0]["status"], &receipt["fault"]["code"]), (&"REJETEE".into(), &"FG-409".into()));
    assert!(receipt["fault"]["title"].as_str().unwrap().contains(comment));
    // A motif code is told with its words.
    gateway.drop_flow("codee.xml", invoice("FA-CODEE-1")).await;
    gateway.await_receipt("codee.xml.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    assert!(control.move_invoice("FA-CODEE-1", "REJETEE", "DOUBLE_FACT - déjà payée"));
    let receipt = gateway.await_final("codee.xml.json").await;
    let title = receipt["fault"]["title"].as_str().unwrap();
    assert!(title.contains("DOUBLE_FACT (Double facturation) - déjà payée"), "{title}");
    let event = || {
        let all = std::fs::read_dir(gateway.folder("statuts")).unwrap().map(|entry| entry.unwrap().path());
        let event = all.into_iter().find(|path| path.to_string_lossy().contains("FA-CODEE-1_REJETEE"));
        event.map(|path| serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap())
    };
    gateway.await_until("its event", || event().is_some()).await;
    let event = event().unwrap();
    assert_eq!(
        (&event["comment"], &event["motive"]),
        (&"DOUBLE_FACT - déjà payée".into(), &"Double facturation".into())
    );
    assert!(control.move_invoice("FA-NOUVELLE-1", "ENCAISSEE", ""));
    let wanted = |r: &Value| r["fault"]["code"] == "FG-410" && r["invoices"][0]["status"] == "ENCAISSEE";
    let receipt = gateway.await_receipt("nouvelle.xml.json", wanted).await;
    assert_eq!(receipt["final"], false);
    assert!(control.move_invoice("FA-NOUVELLE-1", "MISE_EN_PAIEMENT", ""));
    let receipt = gateway.await_final("nouvelle.xml.json").await;
    assert_eq!(receipt["fault"], Value::Null);
    gateway.stop().await;
}

/// Neither the search nor the history gives a date: told after a while without one, and not again when it has one.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_never_gets_a_date_is_told_without_it_after_a_while_and_once() {
    let mut scenario = hurried();
    scenario.timing.status_step = fluxgate::domain::Duration::from_secs(3600);
    scenario.readings.status_dates = StatusDates::Nowhere;
    let mut gateway = Gateway::start(scenario, quick_limits()).await;
    let ahead = with_clock(&mut gateway).await;
    let flow = gateway.drop_flow("sans-date.xml", invoice("FA-SANS-DATE-1")).await;
    let asked = || gateway.simulator.ledger().calls_of("consulter/historique");
    gateway.await_until("some looks", || asked() > 3).await;
    let told = || -> Vec<String> {
        let statuses = gateway.store().reader().unwrap().statuses(&flow).unwrap();
        statuses.iter().map(|(_, status)| status.status.to_string()).collect()
    };
    assert!(told().is_empty(), "it may have a date yet");
    ahead.fetch_add(3_700_000, Ordering::SeqCst);
    gateway.await_receipt("sans-date.xml.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    let control = gateway.simulator.control();
    control.set_readings(Readings { status_dates: StatusDates::Offset, ..control.readings() }).unwrap();
    let looks = || gateway.simulator.ledger().calls_of("rechercher/fournisseur");
    let (seen, before) = (looks(), asked());
    gateway.await_until("further looks", || looks() > seen + 2).await;
    assert_eq!(asked(), before, "its date is no news");
    assert!(control.move_invoice("FA-SANS-DATE-1", "MISE_EN_PAIEMENT", ""));
    gateway.await_final("sans-date.xml.json").await;
    assert_eq!(told(), ["DEPOSEE", "MISE_EN_PAIEMENT"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_anywhere_it_resumes_and_deposits_once() {
    let mut limits = quick_limits();
    // A crash between intent and request leaves a doubt that only absence resolves.
    limits.integration_delay = fluxgate::domain::Duration::from_millis(2_000);
    let mut gateway = Gateway::start(hurried(), limits).await;
    const FILES: usize = 12;
    for n in 0..FILES {
        gateway.drop_flow(&format!("crash-{n}.xml"), invoice(&format!("FA-CRASH-{n}"))).await;
    }
    // Later each time: in the middle of the checks, the deposits, the follow-up.
    for pause in [5, 30, 60, 120, 250, 400] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        gateway.crash().await;
        gateway.boot();
    }
    for n in 0..FILES {
        let receipt = gateway.await_final(&format!("crash-{n}.xml.json")).await;
        assert_eq!(receipt["state"], "integrated", "{:?}", states(&receipt));
        assert_eq!(taken(&gateway, &format!("FA-CRASH-{n}")), 1, "{:?}", states(&receipt));
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measured, not judged: prints how long a thousand files take"]
async fn a_thousand_files_measured() {
    const FILES: usize = 1000;
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let begun = std::time::Instant::now();
    for n in 0..FILES {
        gateway.drop_flow(&format!("m-{n}.xml"), invoice(&format!("FA-M-{n}"))).await;
    }
    println!("{FILES} files dropped in {:?}", begun.elapsed());
    gateway.await_until("every deposit", || gateway.simulator.ledger().deposits.len() == FILES).await;
    println!("{FILES} files deposited after {:?}", begun.elapsed());
    for n in 0..FILES {
        gateway.await_final(&format!("m-{n}.xml.json")).await;
    }
    println!("{FILES} files final after {:?}", begun.elapsed());
    let metrics = gateway.store().metrics();
    println!("{metrics:?}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_proved_absent_twice_is_not_sent_a_third_time_before_a_person_decides() {
    let millis = fluxgate::domain::Duration::from_millis;
    let limits =
        fluxgate::work::LimitsSection { integration_delay: millis(600), doubt_poll: millis(100), ..quick_limits() };
    let gateway = Gateway::start(hurried(), limits).await;
    let never = FaultRule::new("deposer/flux", Effect::LoseAnswer).accepted(false).always();
    gateway.simulator.control().add_fault(never).unwrap();
    let flow = gateway.drop_flow("perdue.xml", invoice("PERDUE")).await;
    let receipt = gateway.await_receipt("perdue.xml.json", |r| r["fault"]["code"] == "FG-505").await;
    assert_eq!((&receipt["state"], &receipt["final"]), (&"doubtful".into(), &false.into()), "{receipt:#}");
    let tries = || gateway.store().reader().unwrap().attempts(&flow).unwrap().len();
    let looks = || gateway.simulator.ledger().calls_of("rechercher/fournisseur");
    let seen = looks();
    gateway.await_until("more looks than a third proof takes", || looks() > seen + 20).await;
    assert_eq!(tries(), 2);
    let kept = gateway.receipt("perdue.xml.json").unwrap();
    assert_eq!(kept["fault"]["code"], "FG-505", "{kept:#}");

    gateway.simulator.control().clear_faults();
    let facts = fluxgate::store::Facts { person: Some("P".to_owned()), ..Default::default() };
    let resend = fluxgate::flow::deposit::Event::ResendByPerson;
    gateway.store().decide(&flow, resend, facts, None, Timestamp::now()).await.unwrap();
    let receipt = gateway.await_final("perdue.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null), "{receipt:#}");
    gateway.stop().await;
}
