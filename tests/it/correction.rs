//! What an establishment corrects: an invoice that was rejected and comes again, and one that is suspended.

use fluxgate::audit::{Leaf, LeafRead};
use fluxgate::domain::{FlowId, Timestamp};
use fluxgate::simulator::{Effect, FaultRule, Timing};
use serde_json::Value;

use crate::gateway::{Gateway, hurried, invoice, invoice_to, quick_limits};

/// A gateway whose integrated invoices stay where they are until a test moves them.
async fn still() -> Gateway {
    let mut scenario = hurried();
    scenario.timing = Timing { status_step: fluxgate::domain::Duration::from_secs(3600), ..scenario.timing };
    Gateway::start(scenario, quick_limits()).await
}

/// The invoice with a reference to an earlier one (BT-25).
fn referring(number: &str, to: &str) -> Vec<u8> {
    let reference = format!(
        "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>{to}</cbc:ID></cac:InvoiceDocumentReference>\
         </cac:BillingReference><cac:AccountingSupplierParty>"
    );
    String::from_utf8(invoice(number)).unwrap().replacen("<cac:AccountingSupplierParty>", &reference, 1).into_bytes()
}

fn waits(gateway: &Gateway, flow: &FlowId) -> bool {
    let overview = gateway.store().reader().unwrap().overview(Timestamp::now()).unwrap();
    overview.stuck.iter().any(|stuck| stuck.id == *flow)
}

/// What the journal says that a flow replaces.
fn journalled(gateway: &Gateway, flow: &FlowId) -> Option<String> {
    let leaves = gateway.store().reader().unwrap().journal(0..10_000).unwrap();
    let of = |bytes: &[u8]| match Leaf::read(bytes).unwrap() {
        LeafRead::V1(leaf) if leaf.objects.get("flow").is_some_and(|of| of == flow.as_str()) => {
            leaf.objects.get("replaces").cloned()
        }
        _ => None,
    };
    leaves.iter().find_map(|leaf| of(&leaf.bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_names_the_flow_it_replaces() {
    let gateway = still().await;
    // Rejected by its recipient: a new number, which refers to the old one.
    let first = gateway.drop_flow("une.xml", invoice("FA-REJ-1")).await;
    gateway.await_receipt("une.xml.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    assert!(gateway.simulator.control().move_invoice("FA-REJ-1", "REJETEE", "engagement inconnu"));
    let receipt = gateway.await_receipt("une.xml.json", |r| r["fault"]["code"] == "FG-409").await;
    assert_eq!(receipt["replaces"], Value::Null);
    assert!(waits(&gateway, &first));
    let second = gateway.drop_flow("deux.xml", referring("FA-REJ-2", "FA-REJ-1")).await;
    let receipt = gateway.await_state("deux.xml.json", "integrated").await;
    assert_eq!(receipt["replaces"], first.as_str(), "{receipt:#}");
    assert_eq!(receipt["invoices"][0]["replaces"], first.as_str());
    assert_eq!(journalled(&gateway, &second).as_deref(), Some(first.as_str()));
    assert_eq!(gateway.store().reader().unwrap().replaced_by(&first).unwrap(), [second]);
    assert!(!waits(&gateway, &first), "nobody waits for what was corrected");

    // Rejected by Chorus Pro: the same number again; and once more, each replaces the one before.
    let mut former = None::<FlowId>;
    for (name, recipient) in [("a.xml", "99999999999999"), ("b.xml", "88888888888888"), ("c.xml", "11000201100044")] {
        let flow = gateway.drop_flow(name, invoice_to("FA-REJ-3", recipient)).await;
        let ended = |r: &Value| r["state"] == "rejected" || r["state"] == "refused" || r["state"] == "integrated";
        let receipt = gateway.await_receipt(&format!("{name}.json"), ended).await;
        assert_eq!(receipt["state"] == "integrated", name == "c.xml", "{receipt:#}");
        assert_eq!(receipt["replaces"].as_str(), former.as_ref().map(FlowId::as_str), "{name}");
        former = Some(flow);
    }

    // What is alive is replaced by nothing, whoever refers to it.
    gateway.drop_flow("d.xml", referring("FA-REJ-4", "FA-REJ-3")).await;
    let receipt = gateway.await_state("d.xml.json", "integrated").await;
    assert_eq!(receipt["replaces"], Value::Null);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sent_invoice_that_is_suspended_waits_for_a_person_until_it_is_completed() {
    let gateway = still().await;
    let flow = gateway.drop_flow("une.xml", invoice("FA-SUS-1")).await;
    gateway.await_receipt("une.xml.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    let control = gateway.simulator.control();
    assert!(control.move_invoice("FA-SUS-1", "SUSPENDUE", "Il manque le bon de livraison"));
    let receipt = gateway.await_receipt("une.xml.json", |r| r["fault"]["code"] == "FG-421").await;
    assert_eq!((&receipt["final"], &receipt["fault"]["actor"]), (&false.into(), &"Establishment".into()));
    assert!(receipt["fault"]["title"].as_str().unwrap().contains("« Il manque le bon de livraison »"), "{receipt:#}");
    assert!(waits(&gateway, &flow));
    // The same number dropped again is no answer to a suspension.
    gateway.drop_flow("encore.xml", referring("FA-SUS-1", "FA-SUS-1")).await;
    gateway.await_receipt("encore.xml.json", |r| r["fault"]["code"] == "FG-110" && r["replaces"].is_null()).await;
    assert!(waits(&gateway, &flow));
    // A search without a row is no news.
    let nothing = FaultRule::new("rechercher/fournisseur", Effect::Refuse).refusal(20000, "Aucun résultat").always();
    control.add_fault(nothing).unwrap();
    let searches = || gateway.simulator.ledger().calls_of("rechercher/fournisseur");
    let before = searches();
    gateway.await_until("some searches", || searches() > before + 3).await;
    assert_eq!(gateway.receipt("une.xml.json").unwrap()["fault"]["code"], "FG-421");
    control.clear_faults();
    assert!(control.move_invoice("FA-SUS-1", "COMPLETEE", "ci-joint"));
    let completed = |r: &Value| r["fault"].is_null() && r["invoices"][0]["status"] == "COMPLETEE";
    gateway.await_receipt("une.xml.json", completed).await;
    assert!(!waits(&gateway, &flow));
    gateway.stop().await;
}
