//! Chorus Pro's wire, pure: what each service of the API is sent and how its answer reads, the token, the account
//! header, and what every HTTP answer means. Wire words (`numeroFluxDepot`, `IN_INTEGRE` ...) live here.
//!
//! Promises: what is sent has the shape of the official swagger; what comes back is read leniently (one object
//! where a list was promised, numbers as text, every date form kept as it came; fields that the swagger does not have are
//! kept as they came of a received invoice's row and of a history's statuses, ignored elsewhere) but never guessed: a missing field that matters is [`Unreadable`] and named. HTTP 200 alone proves nothing.
//!
//! Refuses to know: sockets, clocks, files, what a flow does with an answer.

mod attachment;
mod batch;
mod consultation;
mod date;
mod deposit;
mod directory;
mod directory_source;
mod download;
mod field;
mod history;
mod listing;
mod motive;
mod probe;
mod recipient;
mod refusal;
mod reply;
mod report;
mod search;
mod structure;
mod submission;
mod syntax;
mod token;
mod treatment;
mod worklist;

#[cfg(test)]
mod tests;

pub use attachment::{
    ATTACHMENT_LIMIT, AjouterFichier, AttachmentError, AttachmentId, AttachmentReference, Completed, Completer,
};
pub use batch::{BATCH_BYTES_LIMIT, BATCH_FILE_LIMIT, BATCH_LIMIT, Batch, BatchError, BatchFile, split as split_batch};
pub use consultation::{
    Consulted, ConsulterFournisseur, ConsulterRecipiendaire, ConsulterValideur, ListedAttachment, NamedParty,
};
pub use date::{Period, WireDate};
pub use deposit::{DeposerFlux, Deposited};
pub use directory::{DirectoryError, DirectoryReader, TelechargerAnnuaire};
pub use download::{DownloadFormat, DownloadedFile, TelechargerGroupe, downloaded_files};
pub use history::{ConsulterHistorique, History, HistoryAction, HistoryEvent, HistoryStatus};
pub use listing::{Page, ResultPage};
pub use motive::{MOTIVE_LIMIT, Motive, MotiveCode, explained};
pub use probe::RecupererTauxTva;
pub use recipient::{Commitment, RechercherEngagement};
pub use refusal::{Refusal, refusal, refusal_fault, refusal_meaning};
pub use reply::{Reply, read_reply, retry_after};
pub use report::{ConsulterCrDetaille, FluxState, Report, ReportedError, ReportedInvoice, Verdict};
pub use search::{PaymentRequest, ReceivedInvoice, RechercherFournisseur, RechercherRecipiendaire, SentInvoice};
pub use structure::{
    AttachedService, Attachment, ConsulterStructure, FoundService, FoundStructure, IdName, RechercherServices,
    RechercherStructure, RecupererRattachements, Structure, StructureId,
};
pub use submission::{
    DeposerPdf, PDF_LIMIT, PdfSignature, PrincipalShape, ReadPdf, References, Soumettre, Submission, SubmissionError,
    Submitted,
};
pub use syntax::{Announced, FluxContent, FluxFileName, FluxSyntax, SyntaxError, announce};
pub use token::{TOKEN_LIFETIME_DEFAULT, Token, TokenReply, account_header, read_token, token_form};
pub use treatment::{
    CorrigerValideur, RECIPIENT_TARGETS, RecupererEtatsTraitement, TraiterFactureAValider, TraiterRecue, Treated,
    TreatmentError, VALIDATOR_TARGETS, ValidatorAction, awaited, decision, demands_mandate, demands_motive, outcomes,
};
pub use worklist::{RechercherATraiterValideur, WaitingInvoice};

/// One service of the API: a request that knows its path, its body and how its answer reads.
pub trait Service: Send + Sync {
    /// For logs, metrics and faults: `deposer/flux`.
    const NAME: &'static str;
    /// Below the API base: `/cpro/factures/v1/deposer/flux`.
    const PATH: &'static str;
    /// Whether the call changes something at Chorus Pro that must not happen twice. Such a call is sent on a
    /// connection of its own and never repeated by any layer; its lost answer is a doubt.
    const CHANGES: bool = false;
    /// Codes other than 0 that this service takes for success (PROTOCOL §2.2: 20000 is a search without rows).
    const SUCCESS_CODES: &'static [i64] = &[];
    /// Whether the answer may come without a `codeRetour`: two services promise none. It then counts as 0, and what the
    /// answer must hold decides.
    const CODE_MAY_LACK: bool = false;
    /// The longest answer that is read, in bytes.
    const ANSWER_LIMIT: usize = 16 << 20;
    type Answer: Send;
    /// The JSON body.
    fn body(&self) -> serde_json::Value;
    /// Reads the JSON of an answer whose `codeRetour` is 0 (or is one this service takes for success).
    fn read(answer: &serde_json::Value) -> Result<Self::Answer, Unreadable>;
}

/// An answer that does not have the shape the service promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Unreadable {
    /// The field as a path: `listeFactures[3].idFacture`; `body` for the whole.
    pub field: String,
    pub reason: String,
}

impl Unreadable {
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}
