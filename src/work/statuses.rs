//! Follows the invoices of an integrated flow to their final status.
//!
//! Promise: Chorus Pro's status is recorded, never decided here; each new one is a leaf, a line of the receipt and an event
//! in `/statuts/`. The history is asked for only when the search shows a change. Unknown codes, rejections, refusals by a
//! validator and suspensions are shown.

use std::sync::Arc;
use std::time::Duration;

use crate::chorus::{Page, RechercherFournisseur, SentInvoice, WireDate};
use crate::domain::{DepositNumber, InvoiceStatus, Timestamp};
use crate::fault::{Code, Fault, Language};
use crate::flow::FlowKind;
use crate::flow::deposit::State;
use crate::store::{FlowRecord, InvoiceRecord, Lease, StatusRecord};
use crate::work::core::{Core, JobError};
use crate::work::doubt::same_supplier;
use crate::work::reach::{PAGES_LIMIT, Setback};
use crate::work::rejection::{self, Word};
use crate::work::{received_statuses, status_events};

/// An integrated invoice that a search does not show is looked for this often at first.
const FIND_AGAIN: Duration = Duration::from_secs(60);
/// How long an integrated invoice may be missing from searches before it is a fault, and a status may wait for its date.
const FIND_GRACE: Duration = Duration::from_secs(3600);

pub(super) async fn run(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    let reader = core.store.reader()?;
    let flow = core.flow(&reader, lease)?;
    if flow.kind == FlowKind::Reception {
        drop(reader);
        return received_statuses::run(core, lease, &flow).await;
    }
    let followed = flow.state.parse::<State>().is_ok_and(State::is_followed);
    let open: Vec<InvoiceRecord> = reader.invoices(&flow.id)?.into_iter().filter(is_open).collect();
    let known = reader.statuses(&flow.id)?;
    drop(reader);
    if !followed || open.is_empty() {
        return Ok(core.store.finish(lease).await?);
    }
    let follower = Follower { core, lease, flow: &flow };
    let mut round = Round::default();
    for (place, invoice) in open.iter().enumerate() {
        round.left = open.len() - place - 1;
        let known: Vec<&StatusRecord> =
            known.iter().filter(|(ordinal, _)| *ordinal == invoice.ordinal).map(|(_, status)| status).collect();
        match follower.look(invoice, &known, &mut round).await? {
            Ok(()) => {}
            Err(Setback::Later { at, .. }) => return Ok(core.store.postpone(lease, at).await?),
            Err(Setback::Refused { fault }) => round.fault = Some(fault),
        }
    }
    follower.end(round, open.len()).await
}

/// Whether more is expected of an invoice.
pub(super) fn is_open(invoice: &InvoiceRecord) -> bool {
    invoice.refused.is_none() && !invoice.status.as_ref().is_some_and(InvoiceStatus::is_final)
}

/// What a round over a flow's invoices found.
#[derive(Default)]
struct Round {
    /// The gravest fault met.
    fault: Option<Fault>,
    /// Invoices that reached their final status.
    ended: usize,
    /// Whether an invoice is still missing from searches.
    missing: bool,
    /// Whether a status waits for its date.
    undated: bool,
    /// Invoices still to be looked at.
    left: usize,
}

struct Follower<'a> {
    core: &'a Arc<Core>,
    lease: &'a Lease,
    flow: &'a FlowRecord,
}

impl Follower<'_> {
    /// One invoice: search, then history if something changed. The inner error is Chorus Pro's.
    async fn look(
        &self,
        invoice: &InvoiceRecord,
        known: &[&StatusRecord],
        round: &mut Round,
    ) -> Result<Result<(), Setback>, JobError> {
        let row = match self.find(invoice).await? {
            Ok(Some(row)) => row,
            Ok(None) => {
                round.missing = true;
                // What is shown of the invoice's own status stands until another one is read.
                let shown = self.flow.fault.as_ref().map_or(0, |fault| gravity(fault.code));
                if shown == 0 && self.core.now().since(self.flow.since) >= FIND_GRACE {
                    round.fault =
                        Some(Fault::new(Code::NotFoundAfterIntegration).with("number", &invoice.facts.number));
                }
                return Ok(Ok(()));
            }
            Err(setback) => return Ok(Err(setback)),
        };
        if invoice.chorus_id != Some(row.id) {
            self.core.store.identify(&self.flow.id, invoice.ordinal, row.id, self.core.now()).await?;
        }
        let mut current = of_row(&row);
        if is_news(&row, invoice, known) {
            let history = match status_events::history(self.core, &self.lease.realm, row.id).await {
                Ok(history) => history,
                Err(setback) => return Ok(Err(setback)),
            };
            let is_dated = !history.is_empty() || !current.at.is_empty();
            let statuses = if history.is_empty() { vec![current.clone()] } else { told_once(history, known) };
            if let Some(last) = statuses.last() {
                current = last.clone();
            }
            note(&current, invoice, round);
            // Told once, when its date is known; of one that gets none, without it.
            if !is_dated && self.may_be_dated(invoice, &current).await? {
                round.undated = true;
                return Ok(Ok(()));
            }
            // Before the statuses: a receipt that becomes final by them already says what is wrong.
            self.show(round).await?;
            status_events::keep(self.core, self.flow, invoice, row.id, statuses, known).await?;
        } else {
            note(&current, invoice, round);
        }
        Ok(Ok(()))
    }

    /// Whether a date may yet be shown of a status that has none: for a while from when it was first seen.
    async fn may_be_dated(&self, invoice: &InvoiceRecord, status: &StatusRecord) -> Result<bool, JobError> {
        let (core, realm, now) = (self.core, &self.lease.realm, self.core.now());
        let name = format!("undated:{}:{}:{}", self.flow.id, invoice.ordinal, status.status);
        let seen = core.store.reader()?.remembered(realm, &name)?.and_then(|seen| seen.parse().ok());
        let Some(seen) = seen.map(Timestamp::from_millis) else {
            core.store.remember(realm, &name, &now.millis().to_string()).await?;
            return Ok(true);
        };
        Ok(now.since(seen) < FIND_GRACE)
    }

    /// The invoice's row in the search.
    async fn find(&self, invoice: &InvoiceRecord) -> Result<Result<Option<SentInvoice>, Setback>, JobError> {
        // Once it is known by its number there, whichever flux it came by: it may be an earlier try's.
        let deposit = self.flow.deposit_number.clone().filter(|_| invoice.chorus_id.is_none());
        let in_our_flux = deposit.is_some();
        let found = self.search(invoice, deposit, |row| is_row_of(row, invoice, in_our_flux)).await;
        if !in_our_flux || !matches!(found, Ok(None)) {
            return Ok(found);
        }
        // Taken by an earlier try, as a person says: that flux has no number we know, and ours was rejected.
        let steps = self.core.store.reader()?.steps(&self.flow.id)?;
        if rejection::word_of(&steps) != Some(Word::There) {
            return Ok(found);
        }
        Ok(self.search(invoice, None, |row| rejection::is_same_invoice(row, &invoice.facts)).await)
    }

    /// The first row that is the invoice's, over every page: `is_it` while it is not known by its number there.
    async fn search(
        &self,
        invoice: &InvoiceRecord,
        deposit: Option<DepositNumber>,
        is_it: impl Fn(&SentInvoice) -> bool,
    ) -> Result<Option<SentInvoice>, Setback> {
        let mut question = RechercherFournisseur {
            number: Some(invoice.facts.number.clone()),
            deposit,
            deposited: None,
            state_changed: None,
            page: Page::FIRST,
        };
        for _ in 0..PAGES_LIMIT {
            let page = self.core.ask(&self.lease.realm, &question).await?;
            let more = page.has_more(question.page);
            let ours = page.rows.into_iter().find(|row| match invoice.chorus_id {
                Some(id) => row.id == id,
                None => is_it(row),
            });
            if ours.is_some() || !more {
                return Ok(ours);
            }
            question.page = question.page.next();
        }
        Ok(None)
    }

    /// Shows the round's fault; once every invoice was looked at, clears one that is over.
    async fn show(&self, round: &Round) -> Result<(), JobError> {
        let (core, now) = (self.core, self.core.now());
        match &round.fault {
            // A rejection stays on show whatever becomes of the flow's other invoices.
            Some(fault)
                if self
                    .flow
                    .fault
                    .as_ref()
                    .is_some_and(|f| f.code == Code::InvoiceRejected && f.code != fault.code) => {}
            Some(fault) if self.flow.fault.as_ref() != Some(fault) => {
                log::warn!(flow = self.flow.id.as_str(), fault = fault.code.as_str(); "{}", fault.title(Language::En));
                core.store.trouble(&self.flow.id, Some(fault.clone()), now).await?;
            }
            // No row is no news.
            None if round.left == 0
                && !round.missing
                && self.flow.fault.as_ref().is_some_and(|fault| passes(fault.code)) =>
            {
                core.store.trouble(&self.flow.id, None, now).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Settles the fault and when to look again.
    async fn end(&self, round: Round, open: usize) -> Result<(), JobError> {
        self.show(&round).await?;
        let (core, now) = (self.core, self.core.now());
        if round.ended == open && !round.missing && !round.undated {
            return Ok(core.store.finish(self.lease).await?);
        }
        let poll = core.options.load().limits.status_poll.get();
        let wait = if round.missing { poll.min(FIND_AGAIN) } else { poll };
        Ok(core.store.postpone(self.lease, now.plus(wait)).await?)
    }
}

/// Faults of following that are over once an ordinary answer has come.
fn passes(code: Code) -> bool {
    matches!(
        code,
        Code::NotFoundAfterIntegration
            | Code::UnknownInvoiceStatus
            | Code::InvoiceSuspended
            | Code::RefusedByValidator
            | Code::WrongValidator
            | Code::CallRefused
            | Code::JobFails
    )
}

/// In a search within our own flux the supplier may be written otherwise than in the file.
fn is_row_of(row: &SentInvoice, invoice: &InvoiceRecord, in_our_flux: bool) -> bool {
    row.number.as_str().trim() == invoice.facts.number.as_str().trim() && (in_our_flux || is_supplier_of(row, invoice))
}

fn is_supplier_of(row: &SentInvoice, invoice: &InvoiceRecord) -> bool {
    row.supplier.as_deref().is_none_or(|supplier| same_supplier(supplier, &invoice.facts.supplier))
}

/// Whether the search shows something that is not recorded yet.
fn is_news(row: &SentInvoice, invoice: &InvoiceRecord, known: &[&StatusRecord]) -> bool {
    let at = row.status_at.as_ref().map(WireDate::as_str);
    let is_told = |at: &str| known.iter().any(|k| k.is_of(&row.status, at) || k.is_of(&row.status, ""));
    invoice.status.as_ref() != Some(&row.status) || known.is_empty() || at.is_some_and(|at| !is_told(at))
}

/// The history without what was told already before it had a date. Its last is what is new.
fn told_once(mut history: Vec<StatusRecord>, known: &[&StatusRecord]) -> Vec<StatusRecord> {
    for told in known.iter().filter(|told| told.at.is_empty()) {
        let is_it = |status: &StatusRecord| status.status == told.status && !known.iter().any(|k| k.is_same(status));
        let earlier = &history[..history.len().saturating_sub(1)];
        if let Some(place) = earlier.iter().position(is_it) {
            history.remove(place);
        }
    }
    history
}

/// When the history says nothing, the search's own words.
fn of_row(row: &SentInvoice) -> StatusRecord {
    StatusRecord {
        status: row.status.clone(),
        at: row.status_at.as_ref().map(|at| at.as_str().to_owned()).unwrap_or_default(),
        author: None,
        comment: row.comment.clone(),
    }
}

/// Counts what the current status means; a rejection is graver than a validator's refusal (another validator may be named),
/// that than a suspension, and that than an unknown code.
fn note(current: &StatusRecord, invoice: &InvoiceRecord, round: &mut Round) {
    let (status, comment) = (&current.status, &current.comment);
    if status.is_final() {
        round.ended += 1;
    }
    let comment = comment.as_deref().unwrap_or("-");
    let number = &invoice.facts.number;
    let fault = match status {
        InvoiceStatus::Rejetee => Fault::new(Code::InvoiceRejected).with("number", number).with("comment", comment),
        InvoiceStatus::Suspendue => Fault::new(Code::InvoiceSuspended).with("number", number).with("comment", comment),
        InvoiceStatus::Refusee1 | InvoiceStatus::Refusee2 => {
            Fault::new(Code::RefusedByValidator).with("number", number).with("comment", comment)
        }
        InvoiceStatus::ErreurFournisseurSurValideur | InvoiceStatus::ErreurCotraitantSurValideur => {
            Fault::new(Code::WrongValidator).with("number", number).with("comment", comment)
        }
        status if !status.is_known() => {
            Fault::new(Code::UnknownInvoiceStatus).with("status", status).with("number", number)
        }
        _ => return,
    };
    if round.fault.as_ref().is_none_or(|met| gravity(met.code) <= gravity(fault.code)) {
        round.fault = Some(fault);
    }
}

fn gravity(code: Code) -> u8 {
    match code {
        Code::InvoiceRejected => 3,
        Code::RefusedByValidator => 2,
        Code::InvoiceSuspended | Code::WrongValidator => 1,
        _ => 0,
    }
}
