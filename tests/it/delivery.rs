//! Does a received invoice arrive once, wherever its delivery breaks off? What a process that died leaves on the disk is
//! made by hand where no signal can hit the instant: between a delivery's mark, its rename and its journal.

use std::path::PathBuf;
use std::time::Duration;

use fluxgate::domain::FlowId;
use fluxgate::fault::Code;
use fluxgate::flow::FlowKind;
use fluxgate::simulator::{Effect, FaultRule, ReceivedInvoice};
use fluxgate::store::{FlowQuery, FlowRecord};
use fluxgate::work::LimitsSection;

use crate::disk::SmallDisk;
use crate::gateway::{Gateway, hurried, quick_limits};

const NUMBER: &str = "R-1";

/// A delivery that cannot be renamed into place: files stand where its folder would.
struct Blocked {
    gateway: Gateway,
    flow: FlowId,
    /// Its folder's name under `/recues`.
    name: String,
}

impl Blocked {
    /// Tried again after `retry_ms`.
    async fn open(retry_ms: u64) -> Self {
        let deposit_retry = fluxgate::domain::Duration::from_millis(retry_ms);
        let gateway = Gateway::start(hurried(), LimitsSection { deposit_retry, ..quick_limits() }).await;
        let control = gateway.simulator.control();
        control.add_fault(FaultRule::new("telecharger/groupe", Effect::Status503).always()).unwrap();
        let id = control.send_invoice(ReceivedInvoice { number: NUMBER.to_owned(), ..ReceivedInvoice::default() });
        let query = FlowQuery { kind: Some(FlowKind::Reception), ..FlowQuery::default() };
        let found = || gateway.store().reader().unwrap().flows(&query).unwrap().pop();
        gateway.await_until("the sighting", || found().is_some()).await;
        let flow = found().unwrap();
        let name = format!("{}_{NUMBER}_{id}", flow.received_at.paris_date());
        let blocked = Self { gateway, flow: flow.id, name };
        blocked.blockers().iter().for_each(|path| std::fs::write(path, "in the way").unwrap());
        control.clear_faults();
        blocked
    }

    fn blockers(&self) -> [PathBuf; 2] {
        let shelf = self.gateway.folder("recues");
        [shelf.join(&self.name), shelf.join(format!("{}_{}", self.name, self.flow))]
    }

    fn unblock(&self) {
        self.blockers().iter().for_each(|path| std::fs::remove_file(path).unwrap());
    }

    fn bench(&self, name: &str) -> PathBuf {
        self.gateway.dir.path().join("folders/sifac/.travail").join(format!("{name}-{}", self.flow))
    }

    fn record(&self) -> FlowRecord {
        self.gateway.store().reader().unwrap().flow(&self.flow).unwrap().unwrap()
    }

    fn broken_tries(&self) -> usize {
        let steps = self.gateway.store().reader().unwrap().steps(&self.flow).unwrap();
        steps.iter().filter(|step| step.kind == "reception.placing_failed").count()
    }

    async fn breaks_once_more(&self) {
        let tries = self.broken_tries();
        self.gateway.await_until("a broken try", || self.broken_tries() > tries).await;
    }

    /// The marked delivery whose rename never happened, as a process leaves it that dies between the two.
    async fn dies_before_the_rename(&mut self) {
        self.breaks_once_more().await;
        self.gateway
            .await_until("mark and draft", || self.bench("placed").exists() && self.bench("recue").exists())
            .await;
        self.gateway.crash().await;
        assert!(self.bench("placed").exists() && self.bench("recue").exists());
    }

    fn folders(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.gateway.folder("recues")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_broken_tries_in_a_row_deliver_once() {
    let mut blocked = Blocked::open(100).await;
    for _ in 0..2 {
        blocked.dies_before_the_rename().await;
        blocked.gateway.boot();
    }
    let fault = blocked.record().fault.unwrap();
    assert_eq!((fault.code, blocked.record().state.as_str()), (Code::DeliveryFailed, "fetched"));
    assert!(!fault.details["chorus_id"].contains(NUMBER), "Chorus Pro's number, as the fault's text says");
    blocked.unblock();
    blocked.gateway.await_until("the delivery", || blocked.record().state == "delivered").await;
    let folder = blocked.gateway.folder("recues").join(&blocked.name);
    assert_eq!(blocked.folders(), std::slice::from_ref(&folder));
    assert!(folder.join("facture.json").is_file() && folder.join("pivot.xml").is_file());
    blocked.gateway.await_until("a clean bench", || !blocked.bench("placed").exists()).await;
    assert!(!blocked.bench("recue").exists());
    assert_eq!(blocked.gateway.simulator.ledger().invoice(NUMBER).unwrap().downloads.len(), 1);
    blocked.gateway.stop().await;
}

/// A mark without a draft means "placed": the second try must not leave that behind when it dies between the former draft
/// and its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_try_that_dies_while_it_clears_a_broken_one_is_not_taken_for_a_delivery() {
    let mut blocked = Blocked::open(1_500).await;
    blocked.breaks_once_more().await;
    assert!(blocked.bench("placed").exists() && blocked.bench("recue").exists());
    // The former draft cannot be removed, so the second try gets no further than that.
    let Some(disk) = SmallDisk::mount(&blocked.bench("recue"), 1) else { return };
    blocked.breaks_once_more().await;
    blocked.gateway.crash().await;
    drop(disk);
    // One instruction later: the former draft is gone, and the process is dead before it made its own.
    std::fs::remove_dir_all(blocked.bench("recue")).unwrap();
    blocked.unblock();
    blocked.gateway.boot();
    blocked.gateway.await_until("the delivery", || blocked.record().state == "delivered").await;
    assert_eq!(blocked.folders(), [blocked.gateway.folder("recues").join(&blocked.name)]);
    blocked.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_before_its_delivery_was_journalled_is_not_delivered_again() {
    for whole in [true, false] {
        let mut blocked = Blocked::open(100).await;
        blocked.dies_before_the_rename().await;
        blocked.unblock();
        // One instruction later: renamed, and dead before the journal. The application takes all of it, or begins to.
        let name = std::fs::read_to_string(blocked.bench("placed")).unwrap();
        let folder = blocked.gateway.folder("recues").join(&name);
        std::fs::rename(blocked.bench("recue"), &folder).unwrap();
        if whole {
            std::fs::remove_dir_all(&folder).unwrap();
        } else {
            std::fs::remove_file(folder.join("facture.json")).unwrap();
        }
        blocked.gateway.boot();
        let state = if whole { "taken" } else { "delivered" };
        blocked.gateway.await_until("the journal", || blocked.record().state == state).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(blocked.folders(), if whole { Vec::new() } else { vec![folder] }, "not a second time");
        assert_eq!(blocked.record().delivered_as, Some(name), "so that the rest of it is known when it goes");
        assert!(!blocked.bench("placed").exists(), "its mark is done with");
        blocked.gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_between_its_journal_and_its_mark_is_taken() {
    let mut blocked = Blocked::open(100).await;
    blocked.unblock();
    blocked.gateway.await_until("the delivery", || blocked.record().state == "delivered").await;
    blocked.gateway.await_until("a clean bench", || !blocked.bench("placed").exists()).await;
    blocked.gateway.crash().await;
    // Journalled, and dead before the mark went; meanwhile the application took it, and core did not know it yet.
    std::fs::write(blocked.bench("placed"), &blocked.name).unwrap();
    std::fs::remove_dir_all(blocked.gateway.folder("recues").join(&blocked.name)).unwrap();
    blocked.gateway.boot();
    blocked.gateway.await_until("the journal", || blocked.record().state == "taken").await;
    blocked.gateway.await_until("a clean bench", || !blocked.bench("placed").exists()).await;
    blocked.gateway.stop().await;
}
