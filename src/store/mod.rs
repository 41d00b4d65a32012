//! The database: every state this box keeps, changed only through steps with names. The only SQL of the house.
//!
//! A *step* is one transaction: state, journal leaf and next work together. Steps of many callers are committed in
//! groups by one writer thread (`synchronous=FULL`); a step is answered only after its group is durable. Reads go
//! through [`Reader`]s, apart from the writer.
//!
//! Leaves are named for what happened: `receive`, `duplicate`, `refuse`, `stage`, `find`, `identify`, `status`,
//! `copy`, `told_out`, `not_taken`, `trouble`, `seen`, `halt`, `resume`, `alarm`, `alarm_acknowledged`, `alarm_over`, `notice`, `enrol`, `password`, `journal_key`,
//! `impossible`, `part`, `ask`, `propose`,
//! `deposit.EVENT`,
//! `reception.EVENT`, `status_change.EVENT` (EVENT is the text of the event), and the kinds of notes.
//!
//! Refuses to know: sockets, Chorus Pro's wire, folders that users see.

mod alarms;
mod arrivals;
mod beside;
mod changes;
mod columns;
mod deliveries;
mod deposits;
mod directory;
mod directory_reader;
mod documents;
mod facts;
mod flows;
mod journal;
mod lists;
mod looks;
mod pairs;
mod parts;
mod people;
mod queue;
mod reader;
mod receptions;
mod record;
mod schema;
mod sending;
mod standing;
mod statuses;
#[cfg(test)]
pub mod tests;
pub mod verify;
mod writer;

use std::future::{Future, IntoFuture};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use alarms::{Alarm, AlarmChange, AlarmRecord, Notice, NoticeItem, Telling, Told, halt_subject};
pub use beside::{accepted_tables_in, people_in};
pub use changes::FOLLOWING;
pub use deposits::UPLOADED;
pub use directory::{DirectoryState, Enquiry, EnquiryRecord, FoundStructure, Pruned, StructureRecord, StructureSource};
pub use directory_reader::{Directory, DirectoryBook};
pub use facts::*;
pub use pairs::{PDF, PDF_DATA};
pub use parts::not_taken;
pub use reader::{IN_MEMORY_LIMIT_BYTES, Reader};
pub use record::*;
pub use standing::{Passing, not_confirmed};
use writer::{Ticket, Writer, Writing};

use crate::audit::Signer;
use crate::domain::{AccountName, ChorusInvoiceId, Clock, DocumentHash, FlowId, Realm, Role, Timestamp};
use crate::fault::{Fault, Text};
use crate::flow::{Job, Policy, deposit, reception, status_change};
use crate::os::lock::LockError;

/// The database's file in the data folder.
pub const DATABASE_FILE: &str = "fluxgate.db";

/// How a store is opened.
#[derive(Clone)]
pub struct Settings {
    /// The data folder (`/var/lib/fluxgate`): `fluxgate.db` and `documents/` are made in it.
    pub dir: PathBuf,
    /// Documents up to this size, in bytes, live inside the database; larger ones are files under `documents/`.
    pub inline_limit: usize,
    /// The waits of the life cycle.
    pub policy: Policy,
    /// A checkpoint is signed at the latest this long after a leaf was added.
    pub checkpoint_every: Duration,
    /// What the store's own steps (what it puts right when it opens, a checkpoint) take for now.
    pub clock: Clock,
}

impl Settings {
    /// The defaults of production, in `dir`.
    pub fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            inline_limit: 64 * 1024,
            policy: Policy::default(),
            checkpoint_every: Duration::from_secs(60),
            clock: Arc::new(Timestamp::now),
        }
    }
}

/// Why a step or a read did not happen. (One variant per place it breaks.)
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the writer has stopped")]
    WriterGone,
    /// Nothing was changed; the step may be tried again once there is space.
    #[error("the data disk is full")]
    DiskFull,
    /// The step's group did not become durable: nothing of it counts.
    #[error("the group of steps was not committed: {0}")]
    NotCommitted(String),
    /// Somebody else may have the work by now; nothing was changed.
    #[error("the lease of this work was lost")]
    LeaseLost,
    #[error("no flow {0}")]
    UnknownFlow(FlowId),
    #[error("flow {flow} has no invoice {ordinal}")]
    UnknownInvoice { flow: FlowId, ordinal: u32 },
    /// Never twice: another flow that is on its way, or done, is this content or holds this invoice.
    #[error("{what} is already in flow {flow}")]
    AlreadyOnItsWay { what: String, flow: FlowId },
    #[error("document {0} was announced as kept but is not there")]
    DocumentMissing(DocumentHash),
    #[error("a document of more than {limit} bytes")]
    DocumentTooLarge { limit: u64 },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("another process has the store open: {0}")]
    InUse(LockError),
    /// Written by a newer version, which says that this one cannot read it.
    #[error(
        "the database has schema {schema}, readable from version {oldest_reader} on; this program is version {ours}"
    )]
    TooNew { schema: i64, oldest_reader: i64, ours: i64 },
    /// The stored journal contradicts itself: `fluxgate audit verify` names the record.
    #[error("the journal is damaged: {0}")]
    JournalDamaged(String),
    /// A step was asked for that its contract does not allow.
    #[error("not a valid step: {0}")]
    Misuse(&'static str),
    #[error("a step broke off; nothing of it counts")]
    Panicked,
}

impl StoreError {
    /// An input or output error at a path; a full disk has its own variant.
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
        let path = path.to_owned();
        move |source| match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::DiskFull,
            _ => StoreError::Io { path, source },
        }
    }
}

/// A handle on the one store of this process; cheap to clone. Dropping the last one stops the writer after what is
/// queued; [`Store::close`] also signs a last checkpoint.
#[derive(Clone)]
pub struct Store {
    writer: Arc<Writer>,
}

/// The answer to a step, which comes when the step is durable. Await it, or [`Step::wait`] on a plain thread.
/// The step is queued when it is made, unless the queue is full: then when it is awaited.
#[must_use = "a step may fail, and one that met a full queue happens only when it is awaited"]
pub struct Step<T>(Ticket<T>);

impl<T> Step<T> {
    /// Blocks until the step is durable or has failed. Not on an async worker.
    pub fn wait(self) -> Result<T, StoreError> {
        self.0.wait()
    }
}

impl<T: Send + 'static> IntoFuture for Step<T> {
    type Output = Result<T, StoreError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;
    fn into_future(self) -> Self::IntoFuture {
        let answer = self.0.answer();
        #[cfg(test)]
        let answer = tests::awaited(answer);
        Box::pin(answer)
    }
}

impl Store {
    /// Opens or makes the database, upgrades its schema, starts the writer. What a former process left unfinished is
    /// put right first: its leases end, and a deposit whose answer it never noted becomes doubtful.
    pub fn open(settings: Settings, signer: Signer) -> Result<Self, StoreError> {
        Ok(Self { writer: Arc::new(Writer::open(settings, signer)?) })
    }

    /// Stores a large document's bytes durably (file and folder synced) before any step names it.
    pub fn keep_document(&self, content: &mut dyn std::io::Read) -> Result<Kept, StoreError> {
        documents::keep(&self.writer.settings().dir, content)
    }

    /// *receive*: document, flow, leaf and intake work; or a journalled duplicate with its receipt work. A staged file that
    /// is handed over again under the same name is answered as the first time, and nothing is done. An inline content beyond the inline limit is first kept as a file, on the caller's thread.
    pub fn receive(&self, mut arrival: Arrival) -> Step<Received> {
        let content = std::mem::replace(&mut arrival.content, Content::Inline(Vec::new()));
        match self.prepared(content) {
            Ok(document) => self.step(move |w| arrivals::receive(w, &arrival, &document)),
            Err(error) => self.failed(error),
        }
    }

    /// *refuse*: a file that was not taken is journalled and gets a refusal receipt. Answers the receipt's id.
    pub fn refuse(&self, refusal: Refusal) -> Step<FlowId> {
        self.step(move |w| arrivals::refuse(w, &refusal))
    }

    /// *stage*: journals that a file under a temporary name is durable (its name is committed, not written).
    pub fn stage(&self, account: &AccountName, name: &str, sha256: DocumentHash, size: u64, at: Timestamp) -> Step<()> {
        let (account, name) = (account.clone(), name.to_owned());
        self.step(move |w| arrivals::stage(w, &account, &name, sha256, size, at))
    }

    /// *decide*: applies `event` to a deposit through [`deposit::decide`]; ends `lease` in the same transaction.
    /// Events of an attempt (NotSent, DepositAccepted, DepositRefused, AnswerLost) close the open attempt.
    /// `InHand` without a fault of its own changes nothing that is shown: it keeps the fault and adds no leaf.
    /// A move to another state ends every other work of the flow except its receipt.
    pub fn decide(
        &self,
        flow: &FlowId,
        event: deposit::Event,
        facts: Facts,
        lease: Option<&Lease>,
        at: Timestamp,
    ) -> Step<Decided<deposit::State>> {
        let (flow, lease) = (flow.clone(), lease.cloned());
        if let Some(Err(error)) = facts.conversion.as_ref().map(|c| self.prepared(Content::Kept(c.content))) {
            return self.failed(error);
        }
        self.step(move |w| deposits::decide(w, &flow, event, &facts, lease.as_ref(), at))
    }

    /// *intend*: ready -> sending with a new attempt whose intent is durable. Keeps the lease.
    pub fn intend(&self, flow: &FlowId, lease: &Lease, at: Timestamp) -> Step<Decided<deposit::State>> {
        let (flow, lease) = (flow.clone(), lease.clone());
        self.step(move |w| deposits::intend(w, &flow, &lease, at))
    }

    /// *split*: a received file becomes its parts: each is a flow with its work, in the same transaction. `facts` are the
    /// file's own: what of it is refused. With a part that another live flow already is, or holds an invoice of, nothing
    /// happens ([`StoreError::AlreadyOnItsWay`]).
    pub fn split(
        &self,
        flow: &FlowId,
        parts: Parts,
        facts: Facts,
        lease: &Lease,
        at: Timestamp,
    ) -> Step<Decided<deposit::State>> {
        let (flow, lease) = (flow.clone(), lease.clone());
        let parts = match parts {
            Parts::Changes(changes) => Ok(parts::Prepared::Changes(changes)),
            Parts::Complement(asked, pieces) => pieces
                .iter()
                .try_for_each(|piece| self.prepared(Content::Kept(piece.content)).map(drop))
                .map(|()| parts::Prepared::Complement(asked, pieces)),
            Parts::Fluxes(fluxes) => fluxes
                .into_iter()
                .map(|mut flux| {
                    let content = std::mem::replace(&mut flux.content, Content::Inline(Vec::new()));
                    let enclosures = flux.pdf.iter_mut().flat_map(|pdf| std::mem::take(&mut pdf.enclosures));
                    let enclosures = enclosures
                        .map(|(name, content)| Ok((name, self.prepared(content)?)))
                        .collect::<Result<Vec<_>, StoreError>>()?;
                    Ok(parts::PreparedFlux { content: self.prepared(content)?, enclosures, flux })
                })
                .collect::<Result<Vec<_>, StoreError>>()
                .map(parts::Prepared::Fluxes),
        };
        match parts {
            Ok(parts) => self.step(move |w| parts::split(w, &flow, &parts, &facts, &lease, at)),
            Err(error) => self.failed(error),
        }
    }

    /// *await data*: a received plain PDF meets data that wait for it, and is ready; or becomes *incomplete*, with the
    /// fault of `facts`, and waits for them.
    pub fn await_data(&self, flow: &FlowId, facts: Facts, lease: &Lease, at: Timestamp) -> Step<Paired> {
        let (flow, lease) = (flow.clone(), lease.clone());
        self.step(move |w| pairs::await_data(w, &flow, &facts, &lease, at))
    }

    /// *offer data*: received data of a PDF meet it; or wait for it with the fault of `facts`; or are refused.
    pub fn offer_data(
        &self,
        flow: &FlowId,
        offered: PdfData,
        facts: Facts,
        lease: &Lease,
        at: Timestamp,
    ) -> Step<Paired> {
        let (flow, lease) = (flow.clone(), lease.clone());
        self.step(move |w| pairs::offer_data(w, &flow, &offered, &facts, &lease, at))
    }

    /// *complete*: a person gives a PDF that waits its data. A refusal leaves it waiting.
    pub fn complete_pdf(&self, flow: &FlowId, offered: PdfData, person: &str, at: Timestamp) -> Step<Paired> {
        let (flow, person) = (flow.clone(), person.to_owned());
        self.step(move |w| pairs::complete_by_person(w, &flow, &offered, &person, at))
    }

    /// *data overdue*: a PDF that still waits for its data shows `fault` from now on; ends the lease.
    pub fn data_overdue(&self, flow: &FlowId, fault: Fault, lease: &Lease, at: Timestamp) -> Step<()> {
        let (flow, lease) = (flow.clone(), lease.clone());
        self.step(move |w| pairs::data_overdue(w, &flow, &fault, &lease, at))
    }

    /// *propose*: what Chorus Pro read of a PDF that waits for its data; ends the lease.
    pub fn propose(&self, flow: &FlowId, proposal: &str, lease: &Lease, at: Timestamp) -> Step<()> {
        let (flow, proposal, lease) = (flow.clone(), proposal.to_owned(), lease.clone());
        self.step(move |w| pairs::propose(w, &flow, &proposal, &lease, at))
    }

    /// *members placed*: the archive's refused members stand among the refused files; not journalled.
    pub fn members_placed(&self, flow: &FlowId) -> Step<()> {
        let flow = flow.clone();
        self.step(move |w| sending::members_placed(w, &flow))
    }

    /// *handed in*: Chorus Pro has a file of a complement, under this number; not journalled.
    pub fn handed_in(&self, flow: &FlowId, ordinal: usize, attachment: i64) -> Step<()> {
        let flow = flow.clone();
        self.step(move |w| sending::handed_in(w, &flow, ordinal, attachment))
    }

    /// *ask*: a person asks for a status of a received invoice; answers the status change's flow. What is asked for already,
    /// and under way, is not asked for twice: a form may be sent twice at once.
    pub fn ask_change(
        &self,
        realm: &Realm,
        account: &AccountName,
        asked: AskedChange,
        person: &str,
        at: Timestamp,
    ) -> Step<Asked> {
        let (realm, account, person) = (realm.clone(), account.clone(), person.to_owned());
        self.step(move |w| changes::ask_by_person(w, &realm, &account, &asked, &person, at))
    }

    /// *decide change*: applies `event` to a status change; ends `lease` in the same transaction. Its end is the turn of
    /// the invoice's next one.
    pub fn decide_change(
        &self,
        flow: &FlowId,
        event: status_change::Event,
        facts: ChangeFacts,
        lease: Option<&Lease>,
        at: Timestamp,
    ) -> Step<Decided<status_change::State>> {
        let (flow, lease) = (flow.clone(), lease.cloned());
        self.step(move |w| changes::decide(w, &flow, event, &facts, lease.as_ref(), at))
    }

    /// *intend change*: asked -> sending with a new attempt whose intent is durable. Keeps the lease. `had`: how often
    /// the invoice has had the status so far; that of the first intent counts.
    pub fn intend_change(
        &self,
        flow: &FlowId,
        lease: &Lease,
        had: u32,
        at: Timestamp,
    ) -> Step<Decided<status_change::State>> {
        let (flow, lease) = (flow.clone(), lease.clone());
        self.step(move |w| changes::intend(w, &flow, &lease, had, at))
    }

    /// *find*: an invoice seen in a search becomes a reception with fetch work, once per Chorus invoice id and realm.
    /// Of a known one that shows something new, the history is to be read.
    pub fn find(&self, realm: &Realm, found: FoundInvoice, at: Timestamp) -> Step<Found> {
        let realm = realm.clone();
        self.step(move |w| receptions::find(w, &realm, Role::Recipient, &found, at))
    }

    /// *advance*: applies `event` to a reception; ends `lease` in the same transaction.
    pub fn advance(
        &self,
        flow: &FlowId,
        event: reception::Event,
        mut facts: ReceptionFacts,
        lease: Option<&Lease>,
        at: Timestamp,
    ) -> Step<Decided<reception::State>> {
        let (flow, lease) = (flow.clone(), lease.cloned());
        let document = match facts.document.take().map(|content| self.prepared(content)).transpose() {
            Ok(document) => document,
            Err(error) => return self.failed(error),
        };
        self.step(move |w| receptions::advance(w, &flow, event, &facts, document.as_ref(), lease.as_ref(), at))
    }

    /// *keep copy*: what came of asking for the readable copy of a received invoice: the PDF, or why there is none. The
    /// first outcome counts. Keeps the lease.
    pub fn keep_copy(&self, flow: &FlowId, copy: Result<Content, Text>, lease: &Lease, at: Timestamp) -> Step<()> {
        let (flow, lease) = (flow.clone(), lease.clone());
        match copy.map(|content| self.prepared(content)) {
            Ok(Err(error)) => self.failed(error),
            Ok(Ok(document)) => self.step(move |w| receptions::keep_copy(w, &flow, &Ok(document), &lease, at)),
            Err(missing) => self.step(move |w| receptions::keep_copy(w, &flow, &Err(missing), &lease, at)),
        }
    }

    /// *identify*: Chorus Pro's number of a deposited invoice becomes known.
    pub fn identify(&self, flow: &FlowId, ordinal: u32, id: ChorusInvoiceId, at: Timestamp) -> Step<()> {
        let flow = flow.clone();
        self.step(move |w| statuses::identify(w, &flow, (ordinal, id), journal::SYSTEM, at))
    }

    /// *look*: what a search for a flow's invoices showed takes the place of what the one before did. Not journalled: the
    /// event that follows is.
    pub fn looked(&self, flow: &FlowId, look: LookRecord) -> Step<()> {
        let flow = flow.clone();
        self.step(move |w| looks::keep(w, &flow, &look))
    }

    /// *record statuses*: new ones of an invoice, each with its leaf, once per (status, date); answers how many were
    /// new. Receipt work follows when any was; the download of a complement when a received invoice became COMPLETEE.
    pub fn record_statuses(
        &self,
        flow: &FlowId,
        ordinal: u32,
        statuses: Vec<StatusRecord>,
        at: Timestamp,
    ) -> Step<usize> {
        let flow = flow.clone();
        self.step(move |w| statuses::record(w, &flow, ordinal, &statuses, at))
    }

    /// *trouble*: notes a fault on a flow whose state stays (late verdict, unknown code), with receipt work; once as long
    /// as it is the same. `None` clears. Of a followed deposit it passes: see [`Store::stand`].
    pub fn trouble(&self, flow: &FlowId, fault: Option<Fault>, at: Timestamp) -> Step<()> {
        let flow = flow.clone();
        self.step(move |w| flows::trouble(w, &flow, fault.as_ref(), at))
    }

    /// *see*: a person has read what ended a flow badly, as it was at `as_of`, when it changed last: nobody waits for it any
    /// more. `false`: it is another one by now, or waits for more than a reader.
    pub fn see(&self, flow: &FlowId, as_of: Timestamp, person: &str, at: Timestamp) -> Step<bool> {
        let (flow, person) = (flow.clone(), person.to_owned());
        self.step(move |w| flows::see(w, &flow, as_of, &person, at))
    }

    /// *stand*: shows of a followed deposit what its invoices' rows and this round say, the gravest first; a leaf when that
    /// is another fault than before. For any other flow it does nothing.
    pub fn stand(&self, flow: &FlowId, passing: Passing, at: Timestamp) -> Step<()> {
        let flow = flow.clone();
        self.step(move |w| standing::stand(w, &flow, passing.clone(), at))
    }

    /// *told out*: no further status is expected of an invoice, since its recipient reports no payment.
    pub fn told_out(&self, flow: &FlowId, ordinal: u32, at: Timestamp) -> Step<()> {
        let flow = flow.clone();
        self.step(move |w| statuses::told_out(w, &flow, ordinal, at))
    }

    /// *not taken*: of a flux that Chorus Pro took in part without saying which, these are not there: they may be dropped again.
    /// `word`: as a person says, with a remark. Answers how many that is news of.
    pub fn not_taken(
        &self,
        flow: &FlowId,
        ordinals: Vec<u32>,
        word: Option<(String, Option<String>)>,
        at: Timestamp,
    ) -> Step<usize> {
        let flow = flow.clone();
        self.step(move |w| statuses::not_taken(w, &flow, &ordinals, word.as_ref(), at))
    }

    /// *published*: a receipt's version stands in the folder; ends the lease unless a newer version is already due.
    pub fn published(&self, lease: &Lease, at: Timestamp) -> Step<()> {
        let lease = lease.clone();
        self.step(move |w| queue::finish(w, &lease, at))
    }

    /// Leases due work of the given kinds, oldest first. Work that needs Chorus Pro is skipped while its realm is halted.
    /// A deposit whose former lease ran out while it was sending is not leased: it becomes doubtful.
    pub fn lease(&self, jobs: &[Job], most: usize, now: Timestamp, length: Duration) -> Step<Vec<Lease>> {
        let jobs = jobs.to_vec();
        self.step(move |w| queue::lease(w, &jobs, most, now, length))
    }

    /// Ends a lease: the work is done. A deposit still sending becomes doubtful; work that its flow still needs (its state
    /// did not change) is due again after `Policy::deposit_retry`, so that no flow is forgotten.
    pub fn finish(&self, lease: &Lease) -> Step<()> {
        let lease = lease.clone();
        self.step(move |w| {
            let now = w.now();
            queue::finish(w, &lease, now)
        })
    }

    /// *put back*: the clock was put back by `by`, and with it what is due, however far.
    pub fn put_back(&self, now: Timestamp, by: Duration) -> Step<()> {
        self.step(move |w| queue::put_back(w, now, by))
    }

    /// *hurry*: a realm's deposits that were put off are due now.
    pub fn hurry(&self, realm: &Realm, at: Timestamp) -> Step<()> {
        let realm = realm.clone();
        self.step(move |w| people::hurry(w, &realm, at))
    }

    /// Ends a lease: nothing went wrong, and the work is due again at `at`. A deposit still sending becomes doubtful.
    pub fn postpone(&self, lease: &Lease, at: Timestamp) -> Step<()> {
        let lease = lease.clone();
        self.step(move |w| queue::postpone(w, &lease, at, false))
    }

    /// As [`Store::postpone`], of work that failed: its tries count on.
    pub fn retry(&self, lease: &Lease, at: Timestamp) -> Step<()> {
        let lease = lease.clone();
        self.step(move |w| queue::postpone(w, &lease, at, true))
    }

    /// *halt*: stops a realm's calls with one fault; `true` when it was not halted for this code before. Receipts of what
    /// waits follow.
    pub fn halt(&self, realm: &Realm, fault: Fault, at: Timestamp) -> Step<bool> {
        let realm = realm.clone();
        self.step(move |w| people::halt(w, &realm, &fault, at))
    }

    /// *resume*: the realm's calls go on, deposits that were put off too; `true` when it was halted. Receipts follow.
    pub fn resume(&self, realm: &Realm, at: Timestamp) -> Step<bool> {
        let realm = realm.clone();
        self.step(move |w| people::resume(w, &realm, at))
    }

    /// *watch*: alarms that are raised, changed or over; each is journalled, figures in a text aside.
    pub fn watch(&self, changes: Vec<AlarmChange>, at: Timestamp) -> Step<()> {
        self.step(move |w| alarms::watch(w, &changes, at))
    }

    /// *acknowledge*: a person has taken note of an alarm as it was at `seen`, when it changed last; `false`: it is over, or
    /// another one by now.
    pub fn acknowledge(&self, subject: &str, seen: Timestamp, person: &str, at: Timestamp) -> Step<bool> {
        let (subject, person) = (subject.to_owned(), person.to_owned());
        self.step(move |w| alarms::acknowledge(w, &subject, seen, &person, at))
    }

    /// *tell*: notices are made for their channels, and what they tell counts as told.
    pub fn tell(&self, telling: Telling, at: Timestamp) -> Step<()> {
        self.step(move |w| alarms::tell(w, &telling, at))
    }

    /// *notice left*: its channel took it; journalled.
    pub fn notice_left(&self, notice: Notice, at: Timestamp) -> Step<()> {
        self.step(move |w| alarms::left(w, &notice, at))
    }

    /// *notice stays*: it did not leave, and is due again at `due`.
    pub fn notice_stays(&self, notice: &Notice, due: Timestamp) -> Step<()> {
        let id = notice.id;
        self.step(move |w| alarms::stays(w, id, due))
    }

    /// Forgets what waits for a channel that is not there any more.
    pub fn unaddressed(&self, channel: &'static str) -> Step<()> {
        self.step(move |w| alarms::unaddressed(w, channel))
    }

    /// *note*: journals something that is no flow's step (start, stop, log-in, configuration changed, download ...).
    pub fn note(&self, note: Note) -> Step<()> {
        self.step(move |w| people::note(w, &note))
    }

    /// *tables*: other tables of the rules came into force, journalled as `note`. `accepted` is the file they are of, none
    /// of the program's own.
    pub fn tables_in_force(&self, accepted: Option<AcceptedTables>, note: Note) -> Step<()> {
        self.step(move |w| people::tables_in_force(w, accepted.as_ref(), &note))
    }

    /// *remember*: a named value of a realm (a cursor of the watch), not journalled.
    pub fn remember(&self, realm: &Realm, name: &str, value: &str) -> Step<()> {
        let (realm, name, value) = (realm.clone(), name.to_owned(), value.to_owned());
        self.step(move |w| people::remember(w, &realm, &name, &value))
    }

    /// *forget*: the named values of a realm whose names begin so.
    pub fn forget(&self, realm: &Realm, names: Vec<String>) -> Step<()> {
        let realm = realm.clone();
        self.step(move |w| people::forget(w, &realm, &names))
    }

    /// *enrol* / *set password*: a person of the page; journalled. The hash is an argon2id PHC string.
    pub fn enrol(&self, name: &str, password_hash: &str, actor: &str, at: Timestamp) -> Step<()> {
        let (name, hash, actor) = (name.to_owned(), password_hash.to_owned(), actor.to_owned());
        self.step(move |w| people::enrol(w, &name, &hash, &actor, at))
    }

    /// Signs a checkpoint over everything durable so far, or answers the one that already does.
    pub fn checkpoint(&self, at: Timestamp) -> Step<String> {
        self.step(move |w| journal::checkpoint(w, at))
    }

    /// A reader on its own connection, from a small pool.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::take(&self.writer)
    }

    /// Resolves when work may have become due (a step added some), for the driver's sleep. For one driver: a wake-up
    /// is kept until somebody waits, and wakes one.
    pub async fn work_added(&self) {
        self.writer.work_added().await;
    }

    /// What the writer has done since it was opened.
    pub fn metrics(&self) -> Metrics {
        self.writer.metrics()
    }

    /// Commits what is queued, signs a last checkpoint and stops the writer. Blocks until that is done; steps of other
    /// handles fail from then on.
    pub fn close(self) -> Result<(), StoreError> {
        self.writer.close()
    }

    fn step<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Step<T> {
        Step(self.writer.queue(work))
    }

    fn failed<T: Send + 'static>(&self, error: StoreError) -> Step<T> {
        Step(Ticket::failed(error))
    }

    /// The content hashed, or seen to be kept; too large ones are kept now.
    fn prepared(&self, content: Content) -> Result<documents::Prepared, StoreError> {
        let settings = self.writer.settings();
        documents::prepare(&settings.dir, settings.inline_limit, content)
    }
}
