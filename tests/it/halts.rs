//! Does the queue resume the moment its halt is repaired? With waits so long that only the repair itself can wake it.

use std::time::{Duration, Instant};

use fluxgate::simulator::{Effect, FaultRule};
use fluxgate::work::LimitsSection;
use serde_json::Value;

use crate::gateway::{Gateway, hurried, invoice, quick_limits};

/// What would be waited for without a repair: nothing happens by its own time within a test.
fn patient() -> LimitsSection {
    let hour = fluxgate::domain::Duration::from_secs(3600);
    LimitsSection { deposit_retry: hour, reception_poll: hour, ..quick_limits() }
}

/// Well below the first probe of a halted realm, which is after fifteen seconds.
const AT_ONCE: Duration = Duration::from_secs(12);

fn halted(gateway: &Gateway) -> Vec<String> {
    let halts = gateway.store().reader().unwrap().halts().unwrap();
    halts.iter().map(|(_, fault, _)| fault.code.to_string()).collect()
}

/// A dropped invoice is integrated and a received one delivered, both since the repair.
async fn resumes(gateway: &Gateway, name: &str, repaired: Instant) {
    let receipt = gateway.await_final(name).await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null));
    let delivered = || std::fs::read_dir(gateway.folder("recues")).unwrap().count() > 0;
    gateway.await_until("the reception", delivered).await;
    assert!(repaired.elapsed() < AT_ONCE, "only after {:?}", repaired.elapsed());
    assert_eq!(halted(gateway), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_establishment_that_becomes_connected_is_served_at_once() {
    let mut gateway = Gateway::start(hurried(), patient()).await;
    gateway.crash().await;
    gateway.connected = false;
    gateway.boot();
    gateway.simulator.control().send_samples(1);
    gateway.drop_flow("attend.xml", invoice("FA-LIEN-1")).await;
    // The halt may show before the check is done: the reception meets it first.
    let waits = |r: &Value| r["fault"]["code"] == "FG-311" && r["state"] == "ready";
    gateway.await_receipt("attend.xml.json", waits).await;
    // Longer than a look at the halts: nothing is left that a look would still find out by itself.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    gateway.connected = true;
    gateway.reload();
    resumes(&gateway, "attend.xml.json", Instant::now()).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_that_was_repaired_while_core_was_down_ends_at_its_start() {
    let mut gateway = Gateway::start(hurried(), patient()).await;
    gateway.crash().await;
    gateway.connected = false;
    gateway.boot();
    gateway.drop_flow("attend.xml", invoice("FA-LIEN-2")).await;
    gateway.await_receipt("attend.xml.json", |r| r["fault"]["code"] == "FG-311").await;
    gateway.crash().await;
    gateway.simulator.control().send_samples(1);
    gateway.connected = true;
    let repaired = Instant::now();
    gateway.boot();
    resumes(&gateway, "attend.xml.json", repaired).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_configuration_is_tried_at_once_whatever_the_halt_was() {
    let gateway = Gateway::start(hurried(), patient()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("*", Effect::Status403Empty).always()).unwrap();
    gateway.drop_flow("interdite.xml", invoice("FA-LIEN-3")).await;
    gateway.await_receipt("interdite.xml.json", |r| r["fault"]["code"] == "FG-303").await;
    gateway.await_until("the halt", || halted(&gateway) == ["FG-303"]).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    control.clear_faults();
    control.send_samples(1);
    // The same configuration once more: what was wrong may be elsewhere, and the person says "try now".
    gateway.reload();
    resumes(&gateway, "interdite.xml.json", Instant::now()).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_shows_on_what_waited_before_it_and_goes_with_it() {
    let gateway = Gateway::start(hurried(), patient()).await;
    let control = gateway.simulator.control();
    control.freeze();
    gateway.drop_flow("deposee.xml", invoice("FA-LIEN-4")).await;
    gateway.await_state("deposee.xml.json", "deposited").await;
    control.add_fault(FaultRule::new("*", Effect::Status403Empty).always()).unwrap();
    gateway.await_receipt("deposee.xml.json", |r| r["fault"]["code"] == "FG-303").await;
    control.clear_faults();
    gateway.reload();
    // Still without a verdict, so nothing else would have written its receipt anew.
    gateway.await_receipt("deposee.xml.json", |r| r["state"] == "deposited" && r["fault"].is_null()).await;
    control.resume();
    gateway.await_final("deposee.xml.json").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_halt_of_a_realm_that_nobody_uses_any_more_ends() {
    let mut gateway = Gateway::start(hurried(), patient()).await;
    gateway.crash().await;
    gateway.connected = false;
    gateway.boot();
    gateway.await_until("the halt", || halted(&gateway) == ["FG-311"]).await;
    gateway.routed = false;
    gateway.reload();
    gateway.await_until("the end of the halt", || halted(&gateway).is_empty()).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sees_a_halt_may_take_note_of_it_at_once() {
    let mut gateway = Gateway::start(hurried(), patient()).await;
    gateway.crash().await;
    // The watch looks at its start, and not again within this test.
    gateway.watch.pace.look = Duration::from_secs(3600);
    gateway.boot();
    gateway.drop_flow("bonne.xml", invoice("FA-LIEN-5")).await;
    gateway.await_final("bonne.xml.json").await;
    gateway.simulator.control().add_fault(FaultRule::new("*", Effect::Status403Empty).always()).unwrap();
    gateway.drop_flow("interdite.xml", invoice("FA-LIEN-6")).await;
    gateway.await_until("the halt", || halted(&gateway) == ["FG-303"]).await;
    let alarms = || gateway.store().reader().unwrap().alarms().unwrap();
    gateway.await_until("its alarm", || alarms().iter().any(|a| a.alarm.is_of_halt())).await;
    gateway.stop().await;
}
