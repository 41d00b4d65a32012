//! The database: every state this box keeps, changed only through steps with names. The only SQL of the house.
//!
//! A *step* is one transaction: state, journal leaf and next work together. Steps of many callers are committed in
//! groups by one writer thread (`synchronous=FULL`); a step is answered only after its group is durable. Reads go
//! through [`Reader`]s, apart from the writer.
//!
//! Refuses to know: sockets, Chorus Pro's wire, folders that users see.

mod record;

use std::future::{Future, IntoFuture};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

pub use record::*;

use crate::domain::{AccountName, ChorusInvoiceId, DocumentHash, FlowId, Realm, Timestamp};
use crate::fault::Fault;
use crate::flow::{Job, Policy, deposit, reception};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data folder (`/var/lib/fluxgate`): `fluxgate.db` and `documents/` are made in it.
    pub dir: PathBuf,
    /// Documents up to this size live inside the database; larger ones are files under `documents/`.
    pub inline_limit: usize,
    /// The waits of the life cycle.
    pub policy: Policy,
}

/// Why a step or a read did not happen. (One variant per place it breaks.)
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the writer has stopped")]
    WriterGone,
}

/// A handle on the one store of this process; cheap to clone.
#[derive(Clone)]
pub struct Store;

/// The answer to a step, which comes when the step is durable. Await it, or [`Step::wait`] on a plain thread.
pub struct Step<T>(std::marker::PhantomData<T>);

impl<T> Step<T> {
    /// Blocks until the step is durable or has failed. Not on an async worker.
    pub fn wait(self) -> Result<T, StoreError> {
        todo!()
    }
}

impl<T: Send + 'static> IntoFuture for Step<T> {
    type Output = Result<T, StoreError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;
    fn into_future(self) -> Self::IntoFuture {
        todo!()
    }
}

impl Store {
    /// Opens or makes the database, upgrades its schema, starts the writer.
    pub fn open(settings: Settings, signer: crate::audit::Signer) -> Result<Self, StoreError> {
        let _ = (settings, signer);
        todo!()
    }

    /// Stores a large document's bytes durably (file and folder synced) before any step names it.
    pub fn keep_document(&self, content: &mut dyn std::io::Read) -> Result<Kept, StoreError> {
        let _ = content;
        todo!()
    }

    /// *receive*: document, flow, leaf and intake work; or a journalled duplicate with its receipt work.
    pub fn receive(&self, arrival: Arrival) -> Step<Received> {
        let _ = arrival;
        todo!()
    }

    /// *refuse*: a file that was not taken is journalled and gets a refusal receipt. Answers the receipt's id.
    pub fn refuse(&self, refusal: Refusal) -> Step<FlowId> {
        let _ = refusal;
        todo!()
    }

    /// *stage*: journals that a file under a temporary name is durable (its name is committed, not written).
    pub fn stage(&self, account: &AccountName, name: &str, sha256: DocumentHash, size: u64, at: Timestamp) -> Step<()> {
        let _ = (account, name, sha256, size, at);
        todo!()
    }

    /// *decide*: applies `event` to a deposit through [`deposit::decide`]; ends `lease` in the same transaction.
    /// Events of an attempt (NotSent, DepositAccepted, DepositRefused, AnswerLost) close the open attempt.
    pub fn decide(
        &self,
        flow: &FlowId,
        event: deposit::Event,
        facts: Facts,
        lease: Option<&Lease>,
        at: Timestamp,
    ) -> Step<Decided<deposit::State>> {
        let _ = (flow, event, facts, lease, at);
        todo!()
    }

    /// *intend*: ready -> sending with a new attempt whose intent is durable. Keeps the lease.
    pub fn intend(&self, flow: &FlowId, lease: &Lease, at: Timestamp) -> Step<Decided<deposit::State>> {
        let _ = (flow, lease, at);
        todo!()
    }

    /// *find*: an invoice seen in a search becomes a reception with fetch work, once per Chorus invoice id and realm.
    pub fn find(&self, realm: &Realm, found: FoundInvoice, at: Timestamp) -> Step<Found> {
        let _ = (realm, found, at);
        todo!()
    }

    /// *advance*: applies `event` to a reception; ends `lease` in the same transaction.
    pub fn advance(
        &self,
        flow: &FlowId,
        event: reception::Event,
        facts: ReceptionFacts,
        lease: Option<&Lease>,
        at: Timestamp,
    ) -> Step<Decided<reception::State>> {
        let _ = (flow, event, facts, lease, at);
        todo!()
    }

    /// *identify*: Chorus Pro's number of a deposited invoice becomes known.
    pub fn identify(&self, flow: &FlowId, ordinal: u32, id: ChorusInvoiceId, at: Timestamp) -> Step<()> {
        let _ = (flow, ordinal, id, at);
        todo!()
    }

    /// *record statuses*: new ones of an invoice, each with its leaf, once per (status, date); answers how many were
    /// new. Receipt work follows when any was.
    pub fn record_statuses(
        &self,
        flow: &FlowId,
        ordinal: u32,
        statuses: Vec<StatusRecord>,
        at: Timestamp,
    ) -> Step<usize> {
        let _ = (flow, ordinal, statuses, at);
        todo!()
    }

    /// *trouble*: notes a fault on a flow whose state stays (late verdict, unknown code), with receipt work; once per
    /// code and flow. `None` clears.
    pub fn trouble(&self, flow: &FlowId, fault: Option<Fault>, at: Timestamp) -> Step<()> {
        let _ = (flow, fault, at);
        todo!()
    }

    /// *published*: a receipt's version stands in the folder; ends the lease unless a newer version is already due.
    pub fn published(&self, lease: &Lease, at: Timestamp) -> Step<()> {
        let _ = (lease, at);
        todo!()
    }

    /// Leases due work of the given kinds, oldest first. Work that needs Chorus Pro is skipped while its realm is halted.
    pub fn lease(&self, jobs: &[Job], most: usize, now: Timestamp, length: Duration) -> Step<Vec<Lease>> {
        let _ = (jobs, most, now, length);
        todo!()
    }

    /// Ends a lease: the work is done.
    pub fn finish(&self, lease: &Lease) -> Step<()> {
        let _ = lease;
        todo!()
    }

    /// Ends a lease: the work is due again at `at`.
    pub fn postpone(&self, lease: &Lease, at: Timestamp) -> Step<()> {
        let _ = (lease, at);
        todo!()
    }

    /// *halt*: stops a realm's calls with one fault; `true` when it was not halted for this code before.
    pub fn halt(&self, realm: &Realm, fault: Fault, at: Timestamp) -> Step<bool> {
        let _ = (realm, fault, at);
        todo!()
    }

    /// *resume*: the realm's calls go on; `true` when it was halted.
    pub fn resume(&self, realm: &Realm, at: Timestamp) -> Step<bool> {
        let _ = (realm, at);
        todo!()
    }

    /// *note*: journals something that is no flow's step (start, stop, log-in, configuration changed, download ...).
    pub fn note(&self, note: Note) -> Step<()> {
        let _ = note;
        todo!()
    }

    /// *remember*: a named value of a realm (a cursor of the watch), not journalled.
    pub fn remember(&self, realm: &Realm, name: &str, value: &str) -> Step<()> {
        let _ = (realm, name, value);
        todo!()
    }

    /// *enrol* / *set password*: a person of the page; journalled. The hash is an argon2id PHC string.
    pub fn enrol(&self, name: &str, password_hash: &str, actor: &str, at: Timestamp) -> Step<()> {
        let _ = (name, password_hash, actor, at);
        todo!()
    }

    /// Signs a checkpoint over everything durable so far, or answers the one that already does.
    pub fn checkpoint(&self, at: Timestamp) -> Step<String> {
        let _ = at;
        todo!()
    }

    /// A reader on its own connection, from a small pool.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        todo!()
    }

    /// Resolves when work may have become due (a step added some), for the driver's sleep.
    pub async fn work_added(&self) {
        todo!()
    }

    /// Commits what is queued, signs a last checkpoint and stops the writer.
    pub fn close(self) -> Result<(), StoreError> {
        todo!()
    }
}

/// Reads, on a snapshot per call.
pub struct Reader;

impl Reader {
    pub fn flow(&self, id: &FlowId) -> Result<Option<FlowRecord>, StoreError> {
        let _ = id;
        todo!()
    }

    /// Newest first. `text` searches file name, invoice number, deposit number, flow id, supplier and recipient.
    pub fn flows(&self, query: &FlowQuery) -> Result<Vec<FlowRecord>, StoreError> {
        let _ = query;
        todo!()
    }

    pub fn invoices(&self, flow: &FlowId) -> Result<Vec<InvoiceRecord>, StoreError> {
        let _ = flow;
        todo!()
    }

    pub fn findings(&self, flow: &FlowId) -> Result<Vec<FindingRecord>, StoreError> {
        let _ = flow;
        todo!()
    }

    pub fn attempts(&self, flow: &FlowId) -> Result<Vec<AttemptRecord>, StoreError> {
        let _ = flow;
        todo!()
    }

    pub fn statuses(&self, flow: &FlowId) -> Result<Vec<(u32, StatusRecord)>, StoreError> {
        let _ = flow;
        todo!()
    }

    /// A flow's steps in order: its timeline.
    pub fn steps(&self, flow: &FlowId) -> Result<Vec<StepRecord>, StoreError> {
        let _ = flow;
        todo!()
    }

    /// What a receipt is written from: the arrival, and its flow when it became one.
    pub fn arrival(&self, id: &FlowId) -> Result<Option<ArrivalRecord>, StoreError> {
        let _ = id;
        todo!()
    }

    /// A document's bytes. Only for documents that may be held in memory; see [`Reader::open_document`].
    pub fn document(&self, hash: &DocumentHash) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = hash;
        todo!()
    }

    /// A document as a stream, whatever its size.
    pub fn open_document(&self, hash: &DocumentHash) -> Result<Option<Box<dyn std::io::Read + Send>>, StoreError> {
        let _ = hash;
        todo!()
    }

    /// The first screen: counts by kind and state, what waits for whom, halts, oldest undone work.
    pub fn overview(&self, now: Timestamp) -> Result<Overview, StoreError> {
        let _ = now;
        todo!()
    }

    pub fn halts(&self) -> Result<Vec<(Realm, Fault, Timestamp)>, StoreError> {
        todo!()
    }

    /// Bytes and files of an account that wait to be processed (its quota).
    pub fn pending(&self, account: &AccountName) -> Result<(u64, u64), StoreError> {
        let _ = account;
        todo!()
    }

    pub fn remembered(&self, realm: &Realm, name: &str) -> Result<Option<String>, StoreError> {
        let _ = (realm, name);
        todo!()
    }

    /// The password hash of a person of the page.
    pub fn person(&self, name: &str) -> Result<Option<String>, StoreError> {
        let _ = name;
        todo!()
    }

    pub fn people(&self) -> Result<Vec<String>, StoreError> {
        todo!()
    }

    /// Deliveries the application has not taken yet: flow, realm and folder name under `/recues`.
    pub fn delivered(&self, account: &AccountName) -> Result<Vec<(FlowId, String)>, StoreError> {
        let _ = account;
        todo!()
    }
}
