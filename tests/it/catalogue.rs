//! The gateway plays the simulator's whole catalogue of tests: what a connection request asks to show, a gateway as it is
//! shows.

use std::time::{Duration, Instant};

use fluxgate::domain;
use fluxgate::flow::deposit::Event;
use fluxgate::simulator::{Judged, Scenario, Standing, Timing};
use fluxgate::store::Facts;
use serde_json::{Value, json};

use crate::batch::zip;
use crate::gateway::{Gateway, hurried, invoice, invoice_to, quick_limits, realm};
use crate::plain_pdf::{json_of, pdf};
use crate::syntaxes::mixed;

/// How long a scenario may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);
const NOBODY: &str = "99999999999999";

fn judged(gateway: &Gateway, id: &str) -> Judged {
    let report = gateway.simulator.catalogue().unwrap();
    report.scenarios.into_iter().find(|one| one.id == id).unwrap_or_else(|| panic!("no scenario {id}"))
}

async fn await_passed(gateway: &Gateway, ids: &[&str]) {
    for id in ids {
        let until = Instant::now() + PATIENCE;
        loop {
            let one = judged(gateway, id);
            assert_ne!(one.standing, Standing::Failed, "{one:#?}");
            if one.standing == Standing::Passed {
                break;
            }
            assert!(Instant::now() < until, "never passed: {one:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What a received invoice's number is at Chorus Pro.
fn chorus_id(gateway: &Gateway, number: &str) -> i64 {
    gateway.simulator.ledger().invoice(number).unwrap().id.0
}

/// Deposits of every form: integrated, partly, rejected, twice, and with answers that are lost.
async fn deposits(gateway: &Gateway) {
    let samples = [
        ("ok.xml", invoice("OK-UBL")),
        ("ok-cii.xml", include_bytes!("../../src/app/samples/facture-cii.xml").to_vec()),
        ("ok.pdf", include_bytes!("../../src/app/samples/facture-facturx.pdf").to_vec()),
        ("mixte.xml", mixed(&["OK-MIXTE"])),
    ];
    for (name, bytes) in samples {
        gateway.drop_flow(name, bytes).await;
    }
    gateway.drop_flow("formulaire.pdf.json", json_of("PDF-CAT", json!({}))).await;
    gateway.drop_flow("formulaire.pdf", pdf(&["Facture PDF-CAT"])).await;
    let batch = [("1.xml", invoice("LOT-1")), ("2.xml", invoice_to("LOT-2", NOBODY))];
    gateway.drop_flow("lot.zip", zip(&batch)).await;
    gateway.drop_flow("rejet.xml", invoice_to("REJET-1", NOBODY)).await;
    gateway.drop_flow("perdue.xml", invoice("CAT-PERDUE-1")).await;
    gateway.drop_flow("coupée.xml", invoice("CAT-COUPEE-1")).await;
    await_passed(gateway, &["token-reused", "deposit-ubl", "deposit-cii", "deposit-facturx", "deposit-mixed"]).await;
    await_passed(gateway, &["deposit-pdf", "archive-partly", "rejection-noticed", "answer-lost", "answer-cut"]).await;

    // The second drop of one invoice never leaves the gateway, which only its tester can tell.
    gateway.drop_flow("double-1.xml", invoice("CAT-DOUBLE-1")).await;
    assert_eq!(gateway.await_receipt("double-1.xml.json", |r| r["state"] == "integrated").await["fault"], Value::Null);
    let again = String::from_utf8(invoice("CAT-DOUBLE-1")).unwrap().replace("Prestation", "Même prestation");
    gateway.drop_flow("double-2.xml", again).await;
    assert_eq!(gateway.await_final("double-2.xml.json").await["fault"]["code"], "FG-110");
    assert_eq!(judged(gateway, "duplicate-stopped").standing, Standing::Waiting);
    assert!(gateway.simulator.control().declare_double_stopped());
    await_passed(gateway, &["duplicate-stopped"]).await;
}

/// What was received: every page, every pivot once, statuses, a suspension that its supplier answers.
async fn received(gateway: &Gateway) {
    await_passed(gateway, &["search-paged", "pivot-once"]).await;
    let id = chorus_id(gateway, "CAT-R-20002");
    gateway.drop_flow("statuts-1.csv", format!("id_facture;statut\n{id};SERVICE_FAIT\n")).await;
    let receipt = gateway.await_final("statuts-1.csv.json").await;
    assert_eq!(receipt["parts"][0]["state"], "refused", "{receipt:#}");
    await_passed(gateway, &["status-refused"]).await;

    let id = chorus_id(gateway, "CAT-R-SUSPENDRE");
    let suspend = format!("id_facture;statut;motif\n{id};SUSPENDUE;Pièce manquante : œuvre n° 1, 12 €\n");
    gateway.drop_flow("statuts-2.csv", suspend).await;
    gateway.await_final("statuts-2.csv.json").await;
    await_passed(gateway, &["status-motif"]).await;
    let completed = || {
        let ledger = gateway.simulator.ledger();
        let invoice = ledger.invoice("CAT-R-SUSPENDRE").unwrap();
        (invoice.status == "COMPLETEE", invoice.downloads.len())
    };
    gateway.await_until("what its supplier added is downloaded", || completed() == (true, 2)).await;
    gateway.drop_flow("statuts-3.csv", format!("id_facture;statut\n{id};SERVICE_FAIT\n")).await;
    assert_eq!(gateway.await_final("statuts-3.csv.json").await["state"], "integrated");
    await_passed(gateway, &["suspension-received", "pivot-once"]).await;
}

/// What was sent is followed, completed, and the establishment's own structure read.
async fn followed(gateway: &Gateway) {
    gateway.drop_flow("inconnu.xml", invoice("CAT-INCONNU-1")).await;
    gateway.drop_flow("suspendue.xml", invoice("CAT-SUSPENDUE-1")).await;
    gateway.await_receipt("suspendue.xml.json", |r| r["invoices"][0]["status"] == "SUSPENDUE").await;
    let sheet = json!({"invoice": "CAT-SUSPENDUE-1", "comment": "Bon de livraison joint",
        "files": [{"name": "bon.pdf", "kind": "02"}]});
    let complement = [("complement.json", sheet.to_string().into_bytes()), ("bon.pdf", pdf(&["Bon de livraison"]))];
    gateway.drop_flow("complement.zip", zip(&complement)).await;
    gateway.await_final("complement.zip.json").await;
    // A box fetches it by itself some minutes after its start; here somebody wants it now.
    gateway.store().want_directory(realm().environment, domain::Timestamp::now()).await.unwrap();
    await_passed(gateway, &["suspension-sent", "status-unknown", "password-read", "directory-read"]).await;
}

/// Refusals of every kind. Those of access last: they halt the queue until a person has it tried again.
async fn refusals(gateway: &Gateway) {
    for name in ["CAT-429-1", "CAT-INCIDENT-1"] {
        gateway.drop_flow(&format!("{name}.xml"), invoice(name)).await;
    }
    // It is answered 500 twice: what is proved absent twice is sent a third time only when a person says so.
    let absent = gateway.drop_flow("CAT-500-1.xml", invoice("CAT-500-1")).await;
    gateway.await_receipt("CAT-500-1.xml.json", |r| r["fault"]["code"] == "FG-505").await;
    let facts = Facts { person: Some("Camille Durand".into()), ..Facts::default() };
    gateway.store().decide(&absent, Event::ResendByPerson, facts, None, domain::Timestamp::now()).await.unwrap();
    for name in ["CAT-429-1", "CAT-500-1", "CAT-INCIDENT-1"] {
        gateway.await_state(&format!("{name}.xml.json"), "integrated").await;
    }
    await_passed(gateway, &["error-429", "error-500", "incident-repeated"]).await;
    for (name, id) in [("CAT-401-1", "error-401"), ("CAT-403-1", "error-403")] {
        let flow = gateway.drop_flow(&format!("{name}.xml"), invoice(name)).await;
        let halted = || !gateway.store().reader().unwrap().halts().unwrap().is_empty();
        gateway.await_until("the halt", halted).await;
        await_passed(gateway, &[id]).await;
        let ready = || gateway.store().reader().unwrap().flow(&flow).unwrap().unwrap().state == "ready";
        gateway.await_until("nothing was sent", ready).await;
        let facts = Facts { person: Some("Camille Durand".into()), ..Facts::default() };
        let now = domain::Timestamp::now();
        gateway.store().decide(&flow, Event::AbandonedByPerson, facts, None, now).await.unwrap();
        gateway.reload();
        gateway.await_until("the queue resumes", || !halted()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_passes_the_whole_catalogue_of_tests() {
    let millis = domain::Duration::from_millis;
    let timing = Timing { status_step: millis(400), ..hurried().timing };
    let scenario = Scenario { catalogue: true, timing, completed_after: Some(millis(500)), ..hurried() };
    let mut limits = quick_limits();
    // A 500 may hide a deposit that was taken: a search that shows none counts after this.
    limits.integration_delay = millis(1_500);
    limits.change_poll = millis(400);
    // The machine that runs the tests may be short of space.
    limits.disk_reserve = domain::ByteSize::from_bytes(1);
    limits.directory_refresh = domain::Duration::from_secs(3600);
    let mut gateway = Gateway::start(scenario, limits).await;
    gateway.watch = crate::watch::options(&gateway, None, None);
    gateway.reload();

    deposits(&gateway).await;
    received(&gateway).await;
    followed(&gateway).await;
    refusals(&gateway).await;
    await_passed(&gateway, &["token-renewed"]).await;

    let report = gateway.simulator.catalogue().unwrap();
    let missing: Vec<&Judged> = report.scenarios.iter().filter(|one| one.standing != Standing::Passed).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(report.passed && report.text().contains("RÉUSSI : "), "{}", report.text());
    let heard = gateway.heard.paths();
    for called in ["consulterCRDetaille", "recuperer/tauxtva", "rechercher/fournisseur", "traiter/recue", "completer"] {
        assert!(
            heard.iter().any(|path| path.ends_with(called)),
            "{called} was compared with its description: {heard:?}"
        );
    }
    gateway.stop().await;
}
