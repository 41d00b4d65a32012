//! The ledger: what reached the simulator and what became of it, as a snapshot that tests and people read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::invoice::{self, Side, Step};
use super::judge::key_of;
use super::world::{Flux, World};
use crate::domain::{ChorusInvoiceId, DocumentHash, Timestamp};

/// Everything, at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    pub at: Timestamp,
    /// Accepted deposits, in order.
    pub deposits: Vec<Deposit>,
    /// Invoices of integrated deposits, and received ones, in order of their id.
    pub invoices: Vec<Invoice>,
    /// The latest calls, oldest first; refused ones too.
    pub calls: Vec<Call>,
    /// All calls, those no longer kept included.
    pub calls_total: u64,
    /// Answers of the token service that gave a token.
    pub tokens_given: u64,
}

/// What the client learnt of an accepted deposit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// The acceptance was handed to the connection.
    Given,
    /// Not a byte: the connection was closed, by a fault or by a client that would not wait.
    Lost,
    /// The acceptance broke off half-way.
    Cut,
    /// Something else was answered: an error, garbage, nothing.
    Hidden,
}

/// An accepted deposit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deposit {
    pub at: Timestamp,
    /// numeroFluxDepot.
    pub deposit_number: String,
    /// nomFichier.
    pub file_name: String,
    /// syntaxeFlux.
    pub syntax: String,
    /// Of the decoded file.
    pub sha256: DocumentHash,
    /// Bytes of the decoded file.
    pub size: u64,
    /// avecSignature.
    #[serde(default)]
    pub signed: bool,
    /// Invoices the simulator could read in it.
    pub invoices: Vec<InvoiceKey>,
    /// What the client learnt of its acceptance.
    pub answer: Answered,
    /// etatCourantDepotFlux.
    pub state: String,
    /// Every state so far with the instant it began.
    pub states: Vec<Moment>,
    /// Why it was refused, once it is.
    pub errors: Vec<String>,
}

/// What identifies an invoice in a deposited file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InvoiceKey {
    pub number: String,
    /// SIRET where there is one, else what identifies.
    pub supplier: String,
    /// SIRET where there is one, else what identifies.
    pub recipient: String,
}

/// A state or a status, and when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    pub at: Timestamp,
    /// The code of the state or status.
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// An invoice that Chorus Pro holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// idFacture.
    pub id: ChorusInvoiceId,
    pub number: String,
    /// SIRET where there is one, else what identifies.
    pub supplier: String,
    /// SIRET where there is one, else what identifies.
    pub recipient: String,
    /// Whose it is, from the client's side.
    #[serde(default)]
    pub side: Whose,
    /// The flux it came in; absent for a received one, and for one submitted by `soumettre`.
    pub deposit_number: Option<String>,
    /// The present status's code.
    pub status: String,
    /// Every status so far, the present one last.
    pub history: Vec<Moment>,
    /// Downloads by the recipient.
    pub downloads: Vec<Timestamp>,
    /// numeroDPMandat, once mandated.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mandate: String,
    /// modeDepot.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mode: String,
    /// Its cadre de facturation: A1, A9 ...
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub framework: String,
    /// Who validates it, with A9 and A12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<String>,
    /// Names of the files handed over with it or added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<String>,
}

/// Whose an invoice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    #[default]
    Sent,
    Received,
    ToValidate,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub at: Timestamp,
    /// As in `fault::SERVICES`; else the path.
    pub service: String,
    /// The HTTP status answered; 0 where none was.
    pub http: u16,
    /// codeRetour, where there was one.
    pub code: Option<i64>,
    /// The fault that struck it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Ledger {
    /// Accepted deposits that hold this invoice number.
    pub fn deposits_of(&self, number: &str) -> Vec<&Deposit> {
        self.deposits.iter().filter(|deposit| deposit.invoices.iter().any(|key| key.number == number)).collect()
    }

    /// The invoice of this number, if Chorus Pro holds one.
    pub fn invoice(&self, number: &str) -> Option<&Invoice> {
        self.invoices.iter().find(|invoice| invoice.number == number)
    }

    /// How many calls of a service there were, among those kept.
    pub fn calls_of(&self, service: &str) -> usize {
        self.calls.iter().filter(|call| call.service == service).count()
    }
}

impl World {
    /// Everything, now.
    pub fn ledger(&mut self) -> Ledger {
        let now = self.settle();
        Ledger {
            at: self.clock.today(),
            deposits: self.fluxes.iter().map(|flux| self.deposit_entry(flux, now)).collect(),
            invoices: self.invoices.iter().map(|invoice| self.invoice_entry(invoice, now)).collect(),
            calls: self.calls.iter().cloned().collect(),
            calls_total: self.calls_total,
            tokens_given: self.tokens_given,
        }
    }

    fn deposit_entry(&self, flux: &Flux, now: Duration) -> Deposit {
        let state = flux.state(now, &self.scenario).to_owned();
        let judged = now >= flux.at + self.scenario.timing.verdict_after.get();
        Deposit {
            at: self.told(flux.at),
            deposit_number: flux.number.clone(),
            file_name: flux.file_name.clone(),
            syntax: flux.syntax.clone(),
            sha256: flux.sha256,
            size: flux.size,
            signed: flux.signed,
            invoices: flux.content.iter().flatten().map(key_of).collect(),
            answer: flux.answer,
            state,
            states: flux
                .states(now, &self.scenario)
                .into_iter()
                .map(|(at, name)| Moment { at: self.told(at), name: name.to_owned(), comment: String::new() })
                .collect(),
            errors: if judged { flux.errors.iter().map(|error| error.label.clone()).collect() } else { Vec::new() },
        }
    }

    fn invoice_entry(&self, invoice: &invoice::Invoice, now: Duration) -> Invoice {
        let (deposit_number, downloads) = match &invoice.side {
            Side::Sent { flux } => (flux.map(|flux| self.fluxes[flux].number.clone()), Vec::new()),
            Side::ToValidate { .. } => (None, Vec::new()),
            Side::Received { downloads, .. } => (None, downloads.iter().map(|at| self.told(*at)).collect()),
        };
        let moment =
            |step: &Step| Moment { at: self.told(step.at), name: step.status.clone(), comment: step.comment.clone() };
        Invoice {
            id: ChorusInvoiceId(invoice.id),
            number: invoice.number.clone(),
            supplier: invoice.supplier.identifier.clone(),
            recipient: invoice.recipient.identifier.clone(),
            deposit_number,
            status: invoice.status(now).status.clone(),
            history: invoice.history(now).iter().map(moment).collect(),
            downloads,
            side: match invoice.side {
                Side::Sent { .. } => Whose::Sent,
                Side::Received { .. } => Whose::Received,
                Side::ToValidate { .. } => Whose::ToValidate,
            },
            mandate: invoice.mandate.clone(),
            mode: invoice.mode.to_owned(),
            framework: invoice.framework.clone(),
            validator: invoice.validator.as_ref().map(|validator| validator.identifier.clone()),
            attachments: self.attachment_names(invoice),
        }
    }

    fn attachment_names(&self, invoice: &invoice::Invoice) -> Vec<String> {
        let added = invoice.attachments.iter().filter_map(|id| self.files.get(*id)).map(|file| file.name.clone());
        let brought = invoice.document().into_iter().flat_map(|document| &document.attachments);
        brought.map(|file| file.name.clone()).chain(added).collect()
    }
}
