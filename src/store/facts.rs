//! The store's words: what steps take, and what they answer.

use std::collections::BTreeMap;

use super::{FindingRecord, InvoiceFacts};
use crate::domain::{
    AccountName, ChorusInvoiceId, DepositNumber, DocumentHash, FlowId, InvoiceNumber, InvoiceStatus, Realm, Timestamp,
};
use crate::fault::Fault;
use crate::invoice::tables::Versions;

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
    /// What it was held against (at the check).
    pub rules: Option<Versions>,
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
    /// Outcome per invoice, at a partial integration: place in the file, from 0, and label of those refused.
    pub refused_invoices: Vec<(u32, String)>,
    /// Of a split file: how many of its parts are refused outright, and so are no flows.
    pub refused_parts: u32,
    /// Chorus Pro's number of the flow's one invoice, when its answer gave it (`soumettre`).
    pub chorus_id: Option<ChorusInvoiceId>,
    /// Which of the flow's invoices a person found at Chorus Pro, and its number there.
    pub chosen: Option<(u32, ChorusInvoiceId)>,
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
    /// What the check had to say without refusing them, where they have no flow of their own that tells it.
    pub findings: Vec<FindingRecord>,
    /// What they were held against, there too.
    pub rules: Option<Versions>,
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

/// A status that the establishment asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedChange {
    pub chorus_id: ChorusInvoiceId,
    pub number: InvoiceNumber,
    pub supplier: String,
    pub target: InvoiceStatus,
    /// In full; `""` when there is none. With COMPLETEE the comment, with A_VALIDER_1 the SIRET of the validator that is named.
    pub motif: String,
    /// Number of the payment order, with MANDATEE.
    pub mandate: Option<String>,
}

/// What became of a person's asking for a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// As this flow.
    New(FlowId),
    /// The same status of the same invoice was asked for by this flow, which has not ended yet, or whose success is not
    /// known everywhere yet: nothing was done.
    UnderWay(FlowId),
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

/// A signed file of tables that came into force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedTables {
    pub version: String,
    /// Of its text without the signatures.
    pub sha256: DocumentHash,
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
