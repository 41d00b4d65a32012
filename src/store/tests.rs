//! The steps against a real database in a folder of its own.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::task::Poll;
use std::time::Duration;

use super::*;
use crate::domain::{DepositNumber, Environment, InvoiceStatus};
use crate::fault::Code;
use crate::flow::deposit::{Event, State};

mod crashes;
mod deposits;
mod load;
mod others;
mod parts;
mod rolled_back;
mod tampering;

const LEASE: Duration = Duration::from_secs(60);

thread_local! {
    static STEP: Cell<bool> = const { Cell::new(false) };
}

/// A step's answer that is never there at once: whoever polls a job sees each of its steps, however fast the disk is.
pub async fn awaited<T>(answer: impl Future<Output = T>) -> T {
    let mut is_seen = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut is_seen, true) {
            return Poll::Ready(());
        }
        STEP.set(true);
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    answer.await
}

/// Whether a step was awaited on this thread since this was last asked.
pub fn was_step() -> bool {
    STEP.take()
}

fn signer() -> Signer {
    Signer::from_seed("fluxgate/test", &[3; 32]).unwrap()
}

fn open(dir: &Path) -> Store {
    Store::open(Settings::new(dir), signer()).unwrap()
}

fn realm(establishment: &str) -> Realm {
    Realm { establishment: establishment.parse().unwrap(), environment: Environment::Practice }
}

/// Instants of the tests: milliseconds after a day in 2026.
fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_795_428_000_000 + millis)
}

fn arrival(name: &str, content: &[u8]) -> Arrival {
    Arrival {
        account: "sifac".parse().unwrap(),
        realm: realm("univ"),
        folder: "depot".to_owned(),
        name: name.to_owned(),
        peer: "127.0.0.1".to_owned(),
        at: at(0),
        content: Content::Inline(content.to_vec()),
        staged: None,
    }
}

fn drop_file(store: &Store, content: &str) -> FlowId {
    match store.receive(arrival("facture.xml", content.as_bytes())).wait().unwrap() {
        Received::Flow(flow) => flow,
        other => panic!("{other:?}"),
    }
}

/// The one due lease of `job`.
fn lease(store: &Store, job: Job, now: Timestamp) -> Lease {
    let mut leases = store.lease(&[job], 10, now, LEASE).wait().unwrap();
    assert_eq!(leases.len(), 1, "{job:?}: {leases:?}");
    leases.remove(0)
}

fn no_lease(store: &Store, job: Job, now: Timestamp) {
    assert_eq!(store.lease(&[job], 10, now, LEASE).wait().unwrap(), []);
}

fn state(store: &Store, flow: &FlowId) -> String {
    store.reader().unwrap().flow(flow).unwrap().unwrap().state
}

/// A file that passed its check and waits for its deposit.
fn ready(store: &Store, content: &str) -> FlowId {
    let flow = drop_file(store, content);
    let intake = lease(store, Job::Intake, at(0));
    let facts =
        Facts { invoices: Some(vec![invoice(content)]), syntax: Some("ubl-invoice".into()), ..Facts::default() };
    store.decide(&flow, Event::CheckPassed, facts, Some(&intake), at(1)).wait().unwrap();
    flow
}

/// A file whose deposit may be under way, with the lease on it.
fn sending(store: &Store, content: &str) -> (FlowId, Lease) {
    let flow = ready(store, content);
    let deposit = lease(store, Job::Deposit, at(2));
    store.intend(&flow, &deposit, at(3)).wait().unwrap();
    (flow, deposit)
}

/// A file that Chorus Pro took.
fn integrated(store: &Store, content: &str) -> FlowId {
    let (flow, deposit) = sending(store, content);
    let number: DepositNumber = "CPP000000001".parse().unwrap();
    let facts = Facts { deposit_number: Some(number), ..Facts::default() };
    store.decide(&flow, Event::DepositAccepted, facts, Some(&deposit), at(4)).wait().unwrap();
    let integration = lease(store, Job::Integration, at(5));
    store.decide(&flow, Event::Integrated, Facts::default(), Some(&integration), at(6)).wait().unwrap();
    flow
}

fn invoice(number: &str) -> InvoiceFacts {
    InvoiceFacts {
        number: number.parse().unwrap(),
        supplier: "12345678200051".into(),
        supplier_name: "Librairie Générale".into(),
        recipient: "11000201100044".into(),
        recipient_name: "Université Exemple".into(),
        issued_on: Some("2026-11-20".into()),
        payable: Some("120.00 EUR".into()),
        type_code: "380".into(),
        preceding: Vec::new(),
    }
}

fn status(status: InvoiceStatus, at: &str) -> StatusRecord {
    StatusRecord {
        status,
        at: at.into(),
        author: Some("Marie Durand".into()),
        comment: None,
        others: serde_json::Map::new(),
    }
}

/// Every leaf, read.
fn leaves(store: &Store) -> Vec<crate::audit::Leaf> {
    let reader = store.reader().unwrap();
    reader
        .journal(0..10_000)
        .unwrap()
        .into_iter()
        .map(|leaf| match crate::audit::Leaf::read(&leaf.bytes).unwrap() {
            crate::audit::LeafRead::V1(leaf) => leaf,
            crate::audit::LeafRead::Unknown(version) => panic!("version {version}"),
        })
        .collect()
}

fn kinds(store: &Store) -> Vec<String> {
    leaves(store).into_iter().map(|leaf| leaf.kind).collect()
}
