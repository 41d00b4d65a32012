//! Does a received invoice arrive once, wherever its delivery breaks off? What a process that died leaves on the disk is
//! made by hand where no signal can hit the instant: between a delivery's mark, its rename and its journal.

use std::path::PathBuf;
use std::time::Duration;

use fluxgate::domain::{ChorusInvoiceId, FlowId, Timestamp};
use fluxgate::fault::Code;
use fluxgate::flow::FlowKind;
use fluxgate::flow::reception::Event;
use fluxgate::simulator::{Attachment, Effect, FaultRule, ReceivedInvoice};
use fluxgate::store::{Content, FlowQuery, FlowRecord, Found, FoundInvoice, ReceptionFacts};
use fluxgate::work::LimitsSection;

use crate::disk::SmallDisk;
use crate::gateway::{Gateway, hurried, quick_limits, realm};

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
        Self::of(ReceivedInvoice { number: NUMBER.to_owned(), ..ReceivedInvoice::default() }, retry_ms).await
    }

    async fn of(invoice: ReceivedInvoice, retry_ms: u64) -> Self {
        let deposit_retry = fluxgate::domain::Duration::from_millis(retry_ms);
        let gateway = Gateway::start(hurried(), LimitsSection { deposit_retry, ..quick_limits() }).await;
        let control = gateway.simulator.control();
        control.add_fault(FaultRule::new("telecharger/groupe", Effect::Status503).always()).unwrap();
        let id = control.send_invoice(invoice);
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

/// An invoice whose pivot holds an XML and nothing that people can read.
fn unreadable(number: &str) -> ReceivedInvoice {
    let principal = Some(Attachment {
        name: format!("{number}.xml"),
        mime: "application/xml".to_owned(),
        content: b"<Invoice>original</Invoice>".to_vec(),
        category: String::new(),
        zipped: false,
    });
    ReceivedInvoice { number: number.to_owned(), principal, ..ReceivedInvoice::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_readable_copy_is_asked_for_once_however_often_its_delivery_breaks_off() {
    let mut blocked = Blocked::of(unreadable(NUMBER), 100).await;
    let downloads = |blocked: &Blocked| blocked.gateway.simulator.ledger().invoice(NUMBER).unwrap().downloads.len();
    for _ in 0..2 {
        blocked.breaks_once_more().await;
        blocked.dies_before_the_rename().await;
        blocked.gateway.boot();
    }
    assert_eq!(downloads(&blocked), 2, "the pivot, and the copy");
    blocked.unblock();
    blocked.gateway.await_until("the delivery", || blocked.record().state == "delivered").await;
    let folder = blocked.gateway.folder("recues").join(&blocked.name);
    assert!(std::fs::read(folder.join("lisible.pdf")).unwrap().starts_with(b"%PDF-"));
    assert_eq!(downloads(&blocked), 2);
    let options = fluxgate::store::verify::Options { documents: true, ..Default::default() };
    let report = fluxgate::store::verify::verify(blocked.gateway.dir.path(), &options).unwrap();
    assert_eq!((report.bad, report.documents), (None, 2));
    blocked.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_readable_copy_that_is_hours_away_is_not_waited_for() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    let busy = FaultRule::new("telecharger/groupe", Effect::Status429).nth(2).retry_after(7_200);
    control.add_fault(busy).unwrap();
    control.send_invoice(unreadable(NUMBER));
    let folders = || std::fs::read_dir(gateway.folder("recues")).unwrap().map(|entry| entry.unwrap().path());
    gateway.await_until("the delivery", || folders().count() == 1).await;
    let folder = folders().next().unwrap();
    let document: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("facture.json")).unwrap()).unwrap();
    crate::gateway::check_document("facture", fluxgate::work::Purpose::Invoice, &document);
    assert!(document["readable"]["remark"].as_str().unwrap().contains("FG-305"), "{document:#}");
    assert!(folder.join("original.xml").is_file() && !folder.join("lisible.pdf").exists());
    gateway.stop().await;
}

/// Deliveries that wait for a slow Chorus Pro must not stand before what was dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_readable_copy_delays_no_dropped_file() {
    const WAITING: i64 = 12;
    let gateway = Gateway::start(hurried(), LimitsSection { jobs: 1, ..quick_limits() }).await;
    let control = gateway.simulator.control();
    control.send_invoice(unreadable("R-0"));
    let query = FlowQuery { kind: Some(FlowKind::Reception), ..FlowQuery::default() };
    let flows = || gateway.store().reader().unwrap().flows(&query).unwrap();
    gateway.await_until("the first", || flows().iter().any(|flow| flow.state == "delivered")).await;
    let folder = gateway.folder("recues").join(flows()[0].delivered_as.as_ref().unwrap());
    let pivot = String::from_utf8(std::fs::read(folder.join("pivot.xml")).unwrap()).unwrap();
    // Each copy takes a second, and there is one job at a time.
    control.add_fault(FaultRule::new("telecharger/groupe", Effect::Slow).ms(1_000).always()).unwrap();
    for n in 1..=WAITING {
        let number = format!("S-{n}");
        let found = FoundInvoice {
            chorus_id: ChorusInvoiceId(80_000 + n),
            number: number.parse().unwrap(),
            supplier: "33254021516357".to_owned(),
            supplier_name: "Fournisseur".to_owned(),
            recipient: "12345678200051".to_owned(),
            recipient_name: String::new(),
            status: "MISE_A_DISPOSITION".parse().unwrap(),
            status_at: "2026-11-20T08:01:02.000+01:00".to_owned(),
            issued_on: None,
            payable: None,
            type_code: "380".to_owned(),
            account: "sifac".parse().unwrap(),
        };
        let now = Timestamp::now();
        let Found::New(flow) = gateway.store().find(&realm(), found, now).await.unwrap() else { panic!("new") };
        let document = Some(Content::Inline(pivot.replace("R-0", &number).into_bytes()));
        let facts = ReceptionFacts { document, ..ReceptionFacts::default() };
        gateway.store().advance(&flow, Event::Downloaded, facts, None, now).await.unwrap();
    }
    gateway.drop_flow("deposee.xml", b"no invoice at all".to_vec()).await;
    let receipt = gateway.await_final("deposee.xml.json").await;
    assert_eq!(receipt["state"], "refused", "{receipt:#}");
    let waiting = flows().iter().filter(|flow| flow.state == "fetched").count();
    assert!(waiting > 0, "the file was read after every delivery");
    gateway.stop().await;
}
