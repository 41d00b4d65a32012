//! The store's words: what reads give, and steps keep.

use super::AskedChange;
use crate::domain::{
    AccountName, ChorusInvoiceId, DepositNumber, DocumentHash, FlowId, InvoiceNumber, InvoiceStatus, Realm, Role,
    Timestamp, same_moment, siren,
};
use crate::fault::{Code, Fault, Language, Text};
use crate::flow::{FlowKind, Job};

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
    /// `BR-CO-15`, `FLUX-…`: the rule's name.
    pub rule: String,
    /// `fatal` or `warning`.
    pub severity: String,
    /// Line, path or term.
    #[serde(rename = "where")]
    pub place: String,
    /// What is wrong, in the receipts' language.
    pub message: String,
    pub remedy: String,
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

/// A status of an invoice, from its history at Chorus Pro.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StatusRecord {
    pub status: InvoiceStatus,
    /// As Chorus Pro wrote it.
    pub at: String,
    /// Who gave it, as Chorus Pro writes the name.
    pub author: Option<String>,
    pub comment: Option<String>,
    /// What its history says of it in fields that nobody knows, for its event; not kept here.
    #[serde(skip)]
    pub others: serde_json::Map<String, serde_json::Value>,
}

impl StatusRecord {
    /// Whether both tell of one event: Chorus Pro writes a moment in more than one way.
    pub fn is_same(&self, other: &StatusRecord) -> bool {
        self.is_of(&other.status, &other.at)
    }

    /// Whether it is this status, of this moment.
    pub fn is_of(&self, status: &InvoiceStatus, at: &str) -> bool {
        self.status == *status && same_moment(&self.at, at)
    }
}

/// A piece of work in our hands until `until`; then anybody may take it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub id: i64,
    /// Which lease of the row: a late finisher of a lost lease changes nothing.
    pub token: i64,
    /// What is to be done.
    pub job: Job,
    /// The flow; for receipts the arrival.
    pub flow: FlowId,
    /// Of the receipt of a refusal that no route claimed, a stand-in (`unrouted`, practice): the arrival's own realm
    /// is `None`.
    pub realm: Realm,
    /// How often in a row the work was leased before and failed, or its lease was lost.
    pub tries: u32,
    /// When the lease ends.
    pub until: Timestamp,
}

/// A flow as lists and pages show it.
#[derive(Debug, Clone)]
pub struct FlowRecord {
    pub id: FlowId,
    pub kind: FlowKind,
    pub realm: Realm,
    pub account: AccountName,
    /// The machine's state as its text; parse with the kind's `State`.
    pub state: String,
    /// Whether nothing more is expected of it by itself.
    pub is_final: bool,
    /// The dropped file's name; of a reception the invoice's number.
    pub file: String,
    pub sha256: Option<DocumentHash>,
    /// In bytes.
    pub size: Option<u64>,
    pub syntax: Option<String>,
    pub received_at: Timestamp,
    /// When its state or its fault changed last.
    pub changed_at: Timestamp,
    pub deposit_number: Option<DepositNumber>,
    pub fault: Option<Fault>,
    /// When the flow became doubtful, deposited ...: of its present state.
    pub since: Timestamp,
    /// Whether a person must act, or read what ended it.
    pub waits: bool,
    /// Whether one of its invoices waits on, whatever graver fault of another is shown: see [`WAITS_ON`].
    pub waits_on: bool,
    /// Who has read what ended it badly, and when.
    pub seen: Option<(Timestamp, String)>,
    /// The folder under `/recues`, of a delivered reception.
    pub delivered_as: Option<String>,
    /// The split file it is a part of.
    pub parent: Option<FlowId>,
    /// First invoice's number, for lists.
    pub invoice_number: Option<InvoiceNumber>,
    /// The first invoice's status at Chorus Pro.
    pub invoice_status: Option<InvoiceStatus>,
    /// Of a reception: what the establishment has to do with the invoice.
    pub role: Role,
}

/// Faults that wait on though their flow has ended: each goes by itself once somebody has acted, and none by being read.
pub const WAITS_ON: [Code; 4] = [Code::InvoiceSuspended, Code::InvoiceRecalled, Code::WrongValidator, Code::NotTaken];

impl FlowRecord {
    /// Whether it has ended, and waits only for somebody to read how.
    pub fn is_to_be_seen(&self) -> bool {
        let waits_on = |fault: &Fault| self.waits_on || WAITS_ON.contains(&fault.code);
        self.is_final && self.waits && self.fault.as_ref().is_some_and(|fault| !waits_on(fault))
    }
}

/// Flows that the first screen counts together and the list shows together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subset {
    /// Waits for somebody, or is late.
    Stuck,
    /// With a fault, or late.
    Faulty,
    /// Dropped invoices that have not left yet.
    Waiting,
    /// PDFs without their data.
    Incomplete,
    Doubtful,
    Deposited,
    Integrated,
    /// Refused here or by Chorus Pro, or rejected.
    Refused,
    /// Received invoices, by how far they are.
    Found,
    Fetched,
    Delivered,
    Taken,
    /// Received invoices that wait for the establishment's validation.
    ToValidate,
}

impl Subset {
    /// Every subset, in the order of the first screen.
    pub const ALL: [Subset; 13] = [
        Subset::Stuck,
        Subset::Faulty,
        Subset::Waiting,
        Subset::Incomplete,
        Subset::Doubtful,
        Subset::Deposited,
        Subset::Integrated,
        Subset::Refused,
        Subset::ToValidate,
        Subset::Found,
        Subset::Fetched,
        Subset::Delivered,
        Subset::Taken,
    ];

    /// As a word of addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Subset::Stuck => "stuck",
            Subset::Faulty => "faulty",
            Subset::Waiting => "waiting",
            Subset::Incomplete => "incomplete",
            Subset::Doubtful => "doubtful",
            Subset::Deposited => "deposited",
            Subset::Integrated => "integrated",
            Subset::Refused => "refused",
            Subset::Found => "found",
            Subset::Fetched => "fetched",
            Subset::Delivered => "delivered",
            Subset::Taken => "taken",
            Subset::ToValidate => "to_validate",
        }
    }
}

/// Which flows a list shows; what is `None` is not asked for.
#[derive(Debug, Clone, Default)]
pub struct FlowQuery {
    /// Somewhere in the file's name, the numbers, the id or the parties, whatever the case.
    pub text: Option<String>,
    pub kind: Option<FlowKind>,
    pub subset: Option<Subset>,
    /// Only flows that show this fault.
    pub fault: Option<Code>,
    /// Only flows older than this one: the next page.
    pub before: Option<FlowId>,
    /// At most this many; 0 means 50.
    pub most: usize,
}

/// An invoice of a flow, with what Chorus Pro says of it.
#[derive(Debug, Clone)]
pub struct InvoiceRecord {
    /// 0-based place in the file.
    pub ordinal: u32,
    pub facts: InvoiceFacts,
    pub chorus_id: Option<ChorusInvoiceId>,
    pub status: Option<InvoiceStatus>,
    /// Since when it has the status, as Chorus Pro wrote it.
    pub status_at: Option<String>,
    /// Chorus Pro's label when it refused this one of several; or [`InvoiceRecord::NOT_SHOWN`].
    pub refused: Option<String>,
    /// Chorus Pro takes an invoice of this kind more than once: see [`Facts::repeatable`].
    pub repeatable: bool,
    /// Of a received one: the status and its date that a search showed last.
    pub seen: Option<(InvoiceStatus, String)>,
    /// The flow whose refused or rejected invoice this one corrects.
    pub replaces: Option<FlowId>,
    /// Of a sent one: nothing more is expected, since its recipient reports no payment.
    pub told_out: bool,
}

impl InvoiceRecord {
    /// Kept in place of a label where no search shows an invoice of a flux whose other invoices are there.
    pub const NOT_SHOWN: &str = "not_shown";

    /// The same, for people.
    pub fn not_shown() -> Text {
        Text::new("elle ne paraît pas chez Chorus Pro", "it does not show at Chorus Pro")
    }

    /// Whether Chorus Pro itself said that it did not take this one of several.
    pub fn is_named(&self) -> bool {
        self.refused.as_deref().is_some_and(|label| label != Self::NOT_SHOWN)
    }

    /// Of the invoices of a flux that was taken in part, without Chorus Pro's word which: those that no search has shown.
    pub fn unconfirmed(all: &[Self]) -> Vec<&Self> {
        if all.iter().any(Self::is_named) {
            return Vec::new();
        }
        all.iter().filter(|invoice| invoice.refused.is_none() && invoice.chorus_id.is_none()).collect()
    }

    /// Why this one of several was not taken: Chorus Pro's label, or that it does not show.
    pub fn why_refused(&self, language: Language) -> Option<String> {
        let label = self.refused.as_ref()?;
        Some(if label == Self::NOT_SHOWN { Self::not_shown().get(language).to_owned() } else { label.clone() })
    }
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

/// What stands in `/recues` and was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingDelivery {
    pub flow: FlowId,
    /// Which complement of the invoice; 0 is the invoice itself.
    pub complement: u32,
    /// Its name under `/recues`.
    pub folder: String,
    pub since: Timestamp,
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

/// One try to hand a flow in at Chorus Pro.
#[derive(Debug, Clone)]
pub struct AttemptRecord {
    /// Counted from 1.
    pub n: u32,
    /// When the intent became durable, before anything was sent.
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
    /// The leaf's kind: see `src/audit/FORMAT.md`.
    pub kind: String,
    pub state: Option<String>,
    /// `system`, `account:…`, or that it was a person.
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
    /// The folder it was dropped into.
    pub folder: String,
    /// The dropped file's name; of a reception the invoice's number.
    pub file: String,
    pub sha256: Option<DocumentHash>,
    /// In bytes.
    pub size: Option<u64>,
    pub at: Timestamp,
    /// The flow it made, or duplicates; `None` when refused.
    pub flow: Option<FlowId>,
    /// Set for a duplicate or a refusal.
    pub fault: Option<Fault>,
}

/// What the first screen says.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// That there is no flow at all.
    pub is_empty: bool,
    /// What each of the first screen's numbers counts.
    pub counts: Vec<(Subset, u64)>,
    /// Flows that wait for a person: first those that have not ended, the oldest before; then those whose end nobody has
    /// read, the newest before. Not all: see `stuck_total`.
    pub stuck: Vec<FlowRecord>,
    pub stuck_total: u64,
    /// Since when the oldest of them all waits.
    pub stuck_since: Option<Timestamp>,
    /// How many of them all show each fault.
    pub stuck_faults: Vec<(Code, u64)>,
    /// Realms whose calls are stopped, why, and since when.
    pub halts: Vec<(Realm, Fault, Timestamp)>,
    /// Work rows due, by job, and the oldest due date.
    pub work: Vec<(Job, u64, Option<Timestamp>)>,
    /// Leaves in the journal.
    pub leaves: u64,
    pub last_checkpoint: Option<Timestamp>,
    /// Invoices dropped since midnight.
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
    /// Its number, from 0.
    pub seq: u64,
    /// The exact bytes: see `src/audit/FORMAT.md`.
    pub bytes: Vec<u8>,
    /// RFC 9162 leaf hash of the bytes.
    pub hash: [u8; 32],
}

/// A signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRecord {
    /// Leaves it covers.
    pub size: u64,
    /// The tree's root over those leaves.
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
