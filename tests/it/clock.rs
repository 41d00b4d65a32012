//! Is work that became due by a clock that was ahead taken up again once the clock is put right, while core runs?

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use fluxgate::domain::Timestamp;
use fluxgate::flow::Job;
use fluxgate::simulator::{Effect, FaultRule};
use serde_json::Value;

use crate::gateway::{Gateway, hurried, invoice, quick_limits};

/// Starts the gateway anew under a clock of ours; how far it is ahead is to be set, in milliseconds.
pub async fn with_clock(gateway: &mut Gateway) -> Arc<AtomicI64> {
    let ahead = Arc::new(AtomicI64::new(0));
    gateway.crash().await;
    gateway.clock = clock(&ahead);
    gateway.boot();
    ahead
}

/// The machine's clock, ahead by what somebody has set.
pub fn clock(ahead: &Arc<AtomicI64>) -> fluxgate::work::Clock {
    let ahead = Arc::clone(ahead);
    Arc::new(move || Timestamp::from_millis(Timestamp::now().millis() + ahead.load(Ordering::SeqCst)))
}

/// Two hours ahead is a clock set to local time: the wait stays within what is planned anyway, so only whoever noticed
/// the step can tell. A year ahead is a dead battery.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_put_back_while_core_runs_leaves_no_work_in_the_future() {
    tokio::join!(put_back(2), put_back(24 * 365));
}

async fn put_back(hours: i64) {
    let ahead = Arc::new(AtomicI64::new(hours * 3_600_000));
    let mut limits = quick_limits();
    limits.deposit_retry = fluxgate::domain::Duration::from_secs(2);
    let mut gateway = Gateway::start(hurried(), limits).await;
    gateway.crash().await;
    gateway.clock = clock(&ahead);
    gateway.boot();
    // Asked to slow down, the flow and its whole realm wait: the one in the store, the other in memory.
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("deposer/flux", Effect::Status429).retry_after(2)).unwrap();
    gateway.drop_flow("horloge.xml", invoice("FA-HORLOGE-1")).await;
    gateway.await_receipt("horloge.xml.json", |r| r["fault"]["code"] == "FG-305").await;
    ahead.store(0, Ordering::SeqCst);
    let put_right = Instant::now();
    let due = gateway.store().reader().unwrap().next_due(&[Job::Deposit]).unwrap();
    assert!(due.is_some_and(|due| due.since(Timestamp::now()) > Duration::from_secs(3_600)), "{due:?}");
    let receipt = gateway.await_final("horloge.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null));
    assert!(put_right.elapsed() < Duration::from_secs(25), "{:?}", put_right.elapsed());
    gateway.stop().await;
}
