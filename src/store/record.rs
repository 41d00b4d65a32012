//! The store's words: what steps take and what reads give.

use std::collections::BTreeMap;

use crate::domain::{
    AccountName, ChorusInvoiceId, DepositNumber, DocumentHash, FlowId, InvoiceNumber, InvoiceStatus, Realm, Role,
    Timestamp, siren,
};
use crate::fault::Fault;
use crate::flow::{FlowKind, Job};

/// A document made durable outside a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub sha256: DocumentHash,
    /// Bytes.
    pub size: u64,
}

/// A document's bytes on their way into a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Stored inside the step's transaction. At most the store's inline limit.
    Inline(Vec<u8>),
    /// Already durable: see [`crate::store::Store::keep_document`].
    Kept(Kept),
}

/// A file that an account dropped and that is to be taken.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub account: AccountName,
    pub realm: Realm,
    /// The folder it was dropped into: `depot`, or a sub-folder that a route names.
    pub folder: String,
    /// The name the client gave, already checked: UTF-8, at most 200 bytes, no slash, no control character.
    pub name: String,
    /// Where the client came from, as text.
    pub peer: String,
    pub at: Timestamp,
    pub content: Content,
    /// Which file under a temporary name it was, when it was one: the same handed over again is the same drop.
    pub staged: Option<String>,
}

/// Names a drop of a file under a temporary name, whatever became of it.
#[derive(Debug, Clone, Copy)]
pub struct StagedDrop<'a> {
    pub account: &'a AccountName,
    pub folder: &'a str,
    pub file: &'a str,
    pub sha256: DocumentHash,
    pub staged: &'a str,
}

/// What became of an arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    Flow(FlowId),
    /// The same bytes are already on their way (or done) in `first`; `arrival` is the duplicate's own receipt id.
    Duplicate {
        arrival: FlowId,
        first: FlowId,
    },
}

/// A file that was refused before it was taken.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub account: AccountName,
    /// `None` when no route tells whose it would have been.
    pub realm: Option<Realm>,
    pub folder: String,
    pub name: String,
    pub peer: String,
    pub at: Timestamp,
    /// When it happened, if core could be told only later: its receipt is older than what came since.
    pub happened: Option<Timestamp>,
    pub fault: Fault,
}

/// What comes with a deposit's event.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The fault to show from now on; `None` clears a former one.
    pub fault: Option<Fault>,
    /// Replaces the flow's findings.
    pub findings: Option<Vec<FindingRecord>>,
    /// Replaces the flow's invoices (at the check).
    pub invoices: Option<Vec<InvoiceFacts>>,
    /// What the content is: `ubl-invoice`, `ubl-creditnote`, `cii`, `facturx` ...
    pub syntax: Option<String>,
    pub deposit_number: Option<DepositNumber>,
    /// Overrides the wait of the decision's Chorus Pro work (429, back-off).
    pub not_before: Option<Timestamp>,
    /// For the attempt's row and the timeline: what happened, without secrets.
    pub detail: Option<String>,
    /// Who, when a person decided.
    pub person: Option<String>,
    /// Outcome per invoice, at a partial integration: number and label of those refused.
    pub refused_invoices: Vec<(InvoiceNumber, String)>,
    /// Of a split file: how many of its parts are refused outright, and so are no flows.
    pub refused_parts: u32,
    /// Chorus Pro's number of the flow's one invoice, when its answer gave it (`soumettre`).
    pub chorus_id: Option<ChorusInvoiceId>,
    /// The flow of the other half of a pair: of a PDF its data's, of data their PDF's.
    pub companion: Option<FlowId>,
    /// The hash of a plain PDF's data, as they are kept.
    pub data: Option<DocumentHash>,
    /// Chorus Pro takes an invoice of this kind more than once (direct payment, DSE-CP §6.13): its number may be that of
    /// another flow.
    pub repeatable: bool,
    /// The flux that Chorus Pro rejected because an earlier try of ours was taken; `deposit_number` is then that one's.
    pub rejected_number: Option<DepositNumber>,
    /// How the file will be announced (at the check).
    pub announced: Option<Announcement>,
    /// What is sent in its place (at the check).
    pub conversion: Option<Conversion>,
    /// Of an archive: the members that go nowhere.
    pub refused_members: Vec<RefusedMember>,
}

/// How a flux is announced to Chorus Pro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// `syntaxeFlux`.
    pub syntax: String,
    /// `avecSignature`.
    pub signed: bool,
}

/// A document made of a dropped one, which is sent in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// Of the file that was dropped.
    pub source: DocumentHash,
    /// What is sent.
    pub content: Kept,
    pub from: String,
    pub to: String,
    /// What could not be carried: paths in the source.
    pub lost: Vec<String>,
}

/// A member of an archive that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedMember {
    /// Its place among the archive's members, from 0.
    pub place: usize,
    pub name: String,
    pub fault: Fault,
    pub findings: Vec<FindingRecord>,
}

/// A file that completes a suspended invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub name: String,
    /// Its type's code at Chorus Pro, where one is given.
    pub kind: Option<String>,
    pub content: Kept,
}

/// What the check read of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceFacts {
    pub number: InvoiceNumber,
    /// Seller's SIRET, or whatever identifier the file gives.
    pub supplier: String,
    pub supplier_name: String,
    pub recipient: String,
    pub recipient_name: String,
    /// Issue date, `yyyy-mm-dd`.
    pub issued_on: Option<String>,
    /// Payable amount and currency as written: `120.00 EUR`.
    pub payable: Option<String>,
    /// 380, 381 ...
    pub type_code: String,
    /// The numbers of the invoices that it refers to (BT-25).
    pub preceding: Vec<InvoiceNumber>,
}

/// Credit notes (UNTDID 1001): they refer to the invoice that they lower, and correct none.
const CREDIT_NOTES: [&str; 8] = ["81", "83", "261", "262", "296", "308", "381", "396"];

impl InvoiceFacts {
    /// The numbers that an earlier invoice which this one corrects may have: its own, and those it refers to.
    pub fn corrects(&self) -> impl Iterator<Item = &InvoiceNumber> {
        let is_credit = CREDIT_NOTES.contains(&self.type_code.as_str());
        std::iter::once(&self.number).chain(self.preceding.iter().filter(move |_| !is_credit))
    }

    /// Whether both are of one supplier.
    pub fn is_of(&self, supplier: &str) -> bool {
        let firm = |supplier: &str| siren(supplier).unwrap_or(supplier.trim()).to_owned();
        firm(&self.supplier) == firm(supplier)
    }

    /// Whether Chorus Pro takes both for one: its key is the invoice's year, the supplier's SIREN and the number
    /// (PROTOCOL §5).
    pub fn is_same_invoice(&self, other: &InvoiceFacts) -> bool {
        fn firm(supplier: &str) -> &str {
            siren(supplier).unwrap_or(supplier.trim())
        }
        fn year(issued_on: &Option<String>) -> Option<&str> {
            issued_on.as_deref().and_then(|on| on.get(..4))
        }
        self.number == other.number
            && firm(&self.supplier) == firm(&other.supplier)
            && year(&self.issued_on) == year(&other.issued_on)
    }
}

/// A finding of the check, as stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FindingRecord {
    pub rule: String,
    /// `fatal` or `warning`.
    pub severity: String,
    /// Line, path or term.
    #[serde(rename = "where")]
    pub place: String,
    pub message: String,
    pub remedy: String,
}

/// What a split file holds: each becomes a flow of its own.
#[derive(Debug, Clone)]
pub enum Parts {
    /// Fluxes for Chorus Pro, checked and ready.
    Fluxes(Vec<FluxPart>),
    /// Status changes of received invoices.
    Changes(Vec<AskedChange>),
    /// The complement of a sent invoice that its recipient suspended: a change to COMPLETEE with its files.
    Complement(AskedChange, Vec<Piece>),
}

/// A flux of a split file: what is deposited in one call.
#[derive(Debug, Clone)]
pub struct FluxPart {
    /// What people see: the archive's name and the part's.
    pub file: String,
    /// The very bytes that are deposited.
    pub content: Content,
    pub syntax: String,
    pub announced: Option<Announcement>,
    /// Where its bytes come from, when they are not those of a dropped file.
    pub conversion: Option<Conversion>,
    pub invoices: Vec<InvoiceFacts>,
    /// Its invoices are of a kind that Chorus Pro takes more than once: see [`Facts::repeatable`].
    pub repeatable: bool,
    /// Of a plain PDF: what it is submitted with.
    pub pdf: Option<PdfPart>,
}

/// What a plain PDF in an archive is submitted with.
#[derive(Debug, Clone, Default)]
pub struct PdfPart {
    /// The data as JSON.
    pub data: String,
    /// Further files by the names the data give them.
    pub enclosures: Vec<(String, Content)>,
}

/// Data that a sidecar file or a person brings for a plain PDF, checked.
#[derive(Debug, Clone)]
pub struct PdfData {
    /// The PDF's name.
    pub pdf: String,
    /// The PDF's bytes, where the data name them: then the name does not count.
    pub sha256: Option<DocumentHash>,
    /// As JSON.
    pub json: String,
    pub invoice: InvoiceFacts,
}

/// What became of a half of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paired {
    /// Both halves are there: the PDF, of this flow, is ready.
    Completed(FlowId),
    /// The other half is awaited.
    Waits,
    /// The data are refused for this; they came in a file, which is refused, or from a person, whose PDF goes on waiting.
    Refused(Fault),
    /// The flow is no longer where it could be completed.
    Impossible,
}

/// What is kept of a plain PDF's data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PdfDataRecord {
    /// Of data: the name of their PDF.
    pub pdf: Option<String>,
    /// As JSON; `None` while a PDF waits for them.
    pub data: Option<String>,
    /// What Chorus Pro read of the PDF, as JSON.
    pub proposal: Option<String>,
    /// Of data that went to their PDF: its flow.
    pub joined: Option<FlowId>,
    /// Names and documents of the files that go with it.
    pub enclosures: Vec<(String, DocumentHash)>,
}

/// A status that the establishment asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedChange {
    pub chorus_id: ChorusInvoiceId,
    pub number: InvoiceNumber,
    pub supplier: String,
    pub target: InvoiceStatus,
    /// In full; `""` when there is none.
    pub motif: String,
    /// Number of the payment order, with MANDATEE.
    pub mandate: Option<String>,
}

/// What comes with a status change's event.
#[derive(Debug, Clone, Default)]
pub struct ChangeFacts {
    /// The fault to show from now on; `None` clears a former one.
    pub fault: Option<Fault>,
    /// Overrides the wait of the decision's work.
    pub not_before: Option<Timestamp>,
    /// For the attempt's row and the timeline, without secrets.
    pub detail: Option<String>,
    /// Who, when a person decided.
    pub person: Option<String>,
}

/// What a decision did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided<S> {
    Moved {
        from: S,
        to: S,
    },
    /// The pair was impossible: journalled, shown on the flow; nothing else changed.
    Impossible {
        state: S,
    },
}

/// A row of `rechercher/recipiendaire` that may be new to us.
#[derive(Debug, Clone)]
pub struct FoundInvoice {
    pub chorus_id: ChorusInvoiceId,
    pub number: InvoiceNumber,
    pub supplier: String,
    pub supplier_name: String,
    pub recipient: String,
    pub recipient_name: String,
    pub status: InvoiceStatus,
    /// As Chorus Pro wrote it.
    pub status_at: String,
    pub issued_on: Option<String>,
    pub payable: Option<String>,
    pub type_code: String,
    /// The account that receives it.
    pub account: AccountName,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    New(FlowId),
    Known(FlowId),
}

/// What comes with a reception's event.
#[derive(Debug, Clone, Default)]
pub struct ReceptionFacts {
    /// The downloaded bytes, at `Downloaded` and `ComplementDownloaded`.
    pub document: Option<Content>,
    /// The folder's name under `/recues`, at `Placed`; at `ComplementPlaced` that of the new pieces, when there are any.
    pub folder: Option<String>,
    pub fault: Option<Fault>,
    pub not_before: Option<Timestamp>,
}

/// A status of an invoice, from its history at Chorus Pro.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StatusRecord {
    pub status: InvoiceStatus,
    /// As Chorus Pro wrote it.
    pub at: String,
    pub author: Option<String>,
    pub comment: Option<String>,
}

/// A piece of work in our hands until `until`; then anybody may take it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub id: i64,
    /// Which lease of the row: a late finisher of a lost lease changes nothing.
    pub token: i64,
    pub job: Job,
    /// The flow; for receipts the arrival.
    pub flow: FlowId,
    /// Of the receipt of a refusal that no route claimed, a stand-in (`unrouted`, practice): the arrival's own realm
    /// is `None`.
    pub realm: Realm,
    /// How often in a row the work was leased before and failed, or its lease was lost.
    pub tries: u32,
    pub until: Timestamp,
}

/// Something journalled that is no flow's step.
#[derive(Debug, Clone)]
pub struct Note {
    /// A stable kind: `start`, `stop`, `login`, `login_refused`, `configuration`, `claim`, `download` ...
    pub kind: &'static str,
    /// `system`, `front`, or a person (written as a commitment).
    pub actor: String,
    pub realm: Option<Realm>,
    /// Ids of things touched: flow, account ...
    pub objects: BTreeMap<String, String>,
    /// Hashes of documents touched.
    pub hashes: BTreeMap<String, DocumentHash>,
    /// Names, comments, log-ins: only a salted commitment enters the leaf.
    pub private: BTreeMap<String, String>,
    pub at: Timestamp,
}

#[derive(Debug, Clone)]
pub struct FlowRecord {
    pub id: FlowId,
    pub kind: FlowKind,
    pub realm: Realm,
    pub account: AccountName,
    /// The machine's state as its text; parse with the kind's `State`.
    pub state: String,
    pub is_final: bool,
    pub file: String,
    pub sha256: Option<DocumentHash>,
    pub size: Option<u64>,
    pub syntax: Option<String>,
    pub received_at: Timestamp,
    pub changed_at: Timestamp,
    pub deposit_number: Option<DepositNumber>,
    pub fault: Option<Fault>,
    /// When the flow became doubtful, deposited ...: of its present state.
    pub since: Timestamp,
    /// The folder under `/recues`, of a delivered reception.
    pub delivered_as: Option<String>,
    /// The split file it is a part of.
    pub parent: Option<FlowId>,
    /// First invoice's number, for lists.
    pub invoice_number: Option<InvoiceNumber>,
    pub invoice_status: Option<InvoiceStatus>,
    /// Of a reception: what the establishment has to do with the invoice.
    pub role: Role,
}

#[derive(Debug, Clone, Default)]
pub struct FlowQuery {
    pub text: Option<String>,
    pub kind: Option<FlowKind>,
    /// Only flows with a fault or overdue.
    pub stuck: bool,
    pub before: Option<FlowId>,
    /// At most this many; 0 means 50.
    pub most: usize,
}

#[derive(Debug, Clone)]
pub struct InvoiceRecord {
    /// 0-based place in the file.
    pub ordinal: u32,
    pub facts: InvoiceFacts,
    pub chorus_id: Option<ChorusInvoiceId>,
    pub status: Option<InvoiceStatus>,
    pub status_at: Option<String>,
    /// Chorus Pro's label when it refused this one of several.
    pub refused: Option<String>,
    /// Chorus Pro takes an invoice of this kind more than once: see [`Facts::repeatable`].
    pub repeatable: bool,
    /// Of a received one: the status and its date that a search showed last.
    pub seen: Option<(InvoiceStatus, String)>,
    /// The flow whose refused or rejected invoice this one corrects.
    pub replaces: Option<FlowId>,
}

/// What Chorus Pro showed when it was last asked about a flow's invoices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookRecord {
    pub asked_at: Timestamp,
    /// Since when every look was answered; `None` when this one was not.
    pub answered_since: Option<Timestamp>,
    /// Of the last look that was answered.
    pub rows: Vec<SightedInvoice>,
}

/// An invoice at Chorus Pro with one of the flow's numbers, whoever its supplier. Dates and amounts as Chorus Pro wrote
/// them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SightedInvoice {
    pub chorus_id: ChorusInvoiceId,
    pub number: InvoiceNumber,
    pub supplier: Option<String>,
    pub supplier_name: Option<String>,
    pub recipient: Option<String>,
    pub deposit_number: Option<DepositNumber>,
    pub deposited_on: Option<String>,
    pub issued_on: Option<String>,
    pub payable: Option<String>,
    pub status: InvoiceStatus,
}

/// What a supplier added to a received invoice that was suspended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComplementRecord {
    /// 1 is the invoice's first.
    pub n: u32,
    /// When the invoice became COMPLETEE, as Chorus Pro wrote it.
    pub completed_at: String,
    /// The pivot as it is since then; `None` until it is downloaded.
    pub document: Option<DocumentHash>,
    /// Whether its new pieces are placed, or it has none.
    pub placed: bool,
    /// The folder's name under `/recues`.
    pub delivered_as: Option<String>,
}

/// What a status change is about.
#[derive(Debug, Clone)]
pub struct ChangeRecord {
    pub asked: AskedChange,
    /// Whether an earlier change of the same invoice is still on its way: changes of one invoice go in their order.
    pub waits_for_earlier: bool,
    /// How often the invoice had had the status before the change was first sent; `None` before that.
    pub had: Option<u32>,
}

#[derive(Debug, Clone)]
pub struct AttemptRecord {
    pub n: u32,
    pub intent_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub deposit_number: Option<DepositNumber>,
    /// The closing event's text; `None` while open.
    pub outcome: Option<String>,
    pub detail: Option<String>,
}

/// A line of a timeline.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// The leaf's number in the journal.
    pub seq: u64,
    pub at: Timestamp,
    pub kind: String,
    pub state: Option<String>,
    pub actor: String,
    pub detail: Option<String>,
}

/// A dropped file: what its receipt is about.
#[derive(Debug, Clone)]
pub struct ArrivalRecord {
    /// Names the receipt; the flow's id when this arrival made the flow.
    pub id: FlowId,
    pub account: AccountName,
    pub realm: Option<Realm>,
    pub folder: String,
    pub file: String,
    pub sha256: Option<DocumentHash>,
    pub size: Option<u64>,
    pub at: Timestamp,
    /// The flow it made, or duplicates; `None` when refused.
    pub flow: Option<FlowId>,
    /// Set for a duplicate or a refusal.
    pub fault: Option<Fault>,
}

#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// (kind, state, count) of every flow.
    pub counts: Vec<(FlowKind, String, u64)>,
    /// Flows that wait for a person, oldest first.
    pub stuck: Vec<FlowRecord>,
    pub stuck_total: u64,
    pub halts: Vec<(Realm, Fault, Timestamp)>,
    /// Work rows due, by job, and the oldest due date.
    pub work: Vec<(Job, u64, Option<Timestamp>)>,
    /// Leaves in the journal.
    pub leaves: u64,
    pub last_checkpoint: Option<Timestamp>,
    pub drops_today: u64,
    pub received_today: u64,
}

/// How many there are of each, by realm.
#[derive(Debug, Clone, Default)]
pub struct Census {
    /// (realm, kind, state, count) of every flow.
    pub flows: Vec<(Realm, FlowKind, String, u64)>,
    /// Flows that wait for a person, or for a verdict that is late.
    pub stuck: Vec<(Realm, u64)>,
    /// (realm, job, count, oldest due date) of the work that is due.
    pub work: Vec<(Realm, String, u64, Option<Timestamp>)>,
}

/// A record of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafRecord {
    pub seq: u64,
    /// The exact bytes: see `src/audit/FORMAT.md`.
    pub bytes: Vec<u8>,
    pub hash: [u8; 32],
}

/// A signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRecord {
    /// Leaves it covers.
    pub size: u64,
    pub root: [u8; 32],
    /// The signed note.
    pub note: String,
    pub at: Timestamp,
}

/// What the writer has done since the store was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Steps answered after a commit.
    pub steps: u64,
    /// Steps that failed, by themselves or with their group.
    pub steps_failed: u64,
    /// Transactions committed.
    pub groups: u64,
    /// Transactions that did not become durable.
    pub groups_failed: u64,
    /// Leaves in the journal.
    pub leaves: u64,
    /// Steps that wait for the writer.
    pub queued: u64,
}
