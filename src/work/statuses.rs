//! Follows the invoices of an integrated flow to their final status.
//!
//! Promise: Chorus Pro's status is recorded, never decided here; each new one is a leaf, a line of the receipt and one JSON
//! file in `/statuts/`, written before the leaf so that a crash cannot lose it. The history is asked for only when the
//! search shows a change. Unknown codes and rejections are shown.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::chorus::{ConsulterHistorique, HistoryStatus, Page, RechercherFournisseur, SentInvoice, WireDate};
use crate::domain::{ChorusInvoiceId, DepositNumber, InvoiceStatus, Timestamp};
use crate::fault::{Code, Fault, Language};
use crate::flow::deposit::State;
use crate::os::durable;
use crate::store::{FlowRecord, InvoiceRecord, Lease, StatusRecord};
use crate::work::core::{Core, JobError};
use crate::work::doubt::same_supplier;
use crate::work::folders::{Shelf, slug};
use crate::work::reach::{PAGES_LIMIT, Setback};
use crate::work::seal::{self, Purpose};

/// An integrated invoice that a search does not show is looked for this often at first.
const FIND_AGAIN: Duration = Duration::from_secs(60);
/// How long an integrated invoice may be missing from searches before it is a fault.
const FIND_GRACE: Duration = Duration::from_secs(3600);
/// Bytes of an invoice's number in a file's name.
const NUMBER_BYTES: usize = 60;
/// Statuses kept of one invoice.
const STATUSES_LIMIT: usize = 10_000;

pub(super) async fn run(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    let reader = core.store.reader()?;
    let flow = core.flow(&reader, lease)?;
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
        let row = match self.find(invoice).await {
            Ok(Some(row)) => row,
            Ok(None) => {
                round.missing = true;
                if self.core.now().since(self.flow.since) >= FIND_GRACE {
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
            let history = match self.history(row.id).await {
                Ok(history) => history,
                Err(setback) => return Ok(Err(setback)),
            };
            let statuses = if history.is_empty() { vec![of_row(&row)] } else { history };
            if let Some(last) = statuses.last() {
                current = last.clone();
            }
            note(&current, invoice, round);
            // Before the statuses: a receipt that becomes final by them already says what is wrong.
            self.show(round).await?;
            self.keep(invoice, row.id, statuses, known).await?;
        } else {
            note(&current, invoice, round);
        }
        Ok(Ok(()))
    }

    /// The invoice's row in the search, over every page.
    async fn find(&self, invoice: &InvoiceRecord) -> Result<Option<SentInvoice>, Setback> {
        let mut question = RechercherFournisseur {
            number: Some(invoice.facts.number.clone()),
            deposit: self.flow.deposit_number.clone(),
            deposited: None,
            state_changed: None,
            page: Page::FIRST,
        };
        for _ in 0..PAGES_LIMIT {
            let page = self.core.ask(&self.lease.realm, &question).await?;
            let more = page.has_more();
            let ours = page.rows.into_iter().find(|row| match invoice.chorus_id {
                Some(id) => row.id == id,
                // A search within our own flux: the supplier may be written otherwise there than in the file.
                None => is_row_of(row, invoice, question.deposit.is_some()),
            });
            if ours.is_some() || !more {
                return Ok(ours);
            }
            question.page = question.page.next();
        }
        Ok(None)
    }

    /// Every status the invoice has had, oldest first.
    async fn history(&self, id: ChorusInvoiceId) -> Result<Vec<StatusRecord>, Setback> {
        let mut statuses = Vec::new();
        for page in 1..=PAGES_LIMIT {
            let history = self.core.ask(&self.lease.realm, &ConsulterHistorique { invoice: id, page }).await?;
            let more = history.has_more();
            statuses.extend(history.statuses.into_iter().map(of_history));
            if !more || statuses.len() >= STATUSES_LIMIT {
                break;
            }
        }
        // By date, when all are dates. The sort is stable: the answer's order decides equal ones.
        if statuses.iter().all(|status| WireDate::new(status.at.as_str()).instant().is_some()) {
            statuses.sort_by_key(|status| WireDate::new(status.at.as_str()).instant());
        }
        Ok(statuses)
    }

    /// Files first, then the journal: a crash in between writes the same files once more, under the same names.
    async fn keep(
        &self,
        invoice: &InvoiceRecord,
        id: ChorusInvoiceId,
        statuses: Vec<StatusRecord>,
        known: &[&StatusRecord],
    ) -> Result<(), JobError> {
        let events: Vec<(usize, StatusRecord)> = statuses
            .iter()
            .enumerate()
            .filter(|(_, status)| !known.iter().any(|k| k.status == status.status && k.at == status.at))
            .map(|(place, status)| (place, status.clone()))
            .collect();
        if events.is_empty() {
            return Ok(());
        }
        let (flow, invoice_) = (self.flow.clone(), invoice.clone());
        self.core.apart(move |core| write_events(core, &flow, &invoice_, id, &events)).await?;
        let now = self.core.now();
        self.core.store.record_statuses(&self.flow.id, invoice.ordinal, statuses, now).await?;
        Ok(())
    }

    /// Shows the round's fault; once every invoice was looked at, clears one that is over.
    async fn show(&self, round: &Round) -> Result<(), JobError> {
        let (core, now) = (self.core, self.core.now());
        match &round.fault {
            Some(fault) if self.flow.fault.as_ref() != Some(fault) => {
                log::warn!(flow = self.flow.id.as_str(), fault = fault.code.as_str(); "{}", fault.title(Language::En));
                core.store.trouble(&self.flow.id, Some(fault.clone()), now).await?;
            }
            None if round.left == 0 && self.flow.fault.as_ref().is_some_and(|fault| passes(fault.code)) => {
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
        if round.ended == open {
            return Ok(core.store.finish(self.lease).await?);
        }
        let poll = core.options.load().limits.status_poll.get();
        let wait = if round.missing { poll.min(FIND_AGAIN) } else { poll };
        Ok(core.store.postpone(self.lease, now.plus(wait)).await?)
    }
}

/// Faults of following that are over once an ordinary answer has come.
fn passes(code: Code) -> bool {
    matches!(code, Code::NotFoundAfterIntegration | Code::UnknownInvoiceStatus | Code::CallRefused | Code::JobFails)
}

fn is_row_of(row: &SentInvoice, invoice: &InvoiceRecord, in_our_flux: bool) -> bool {
    row.number.as_str().trim() == invoice.facts.number.as_str().trim() && (in_our_flux || is_supplier_of(row, invoice))
}

fn is_supplier_of(row: &SentInvoice, invoice: &InvoiceRecord) -> bool {
    row.supplier.as_deref().is_none_or(|supplier| same_supplier(supplier, &invoice.facts.supplier))
}

/// Whether the search shows something that is not recorded yet.
fn is_news(row: &SentInvoice, invoice: &InvoiceRecord, known: &[&StatusRecord]) -> bool {
    let at = row.status_at.as_ref().map(WireDate::as_str);
    invoice.status.as_ref() != Some(&row.status)
        || known.is_empty()
        || at.is_some_and(|at| !known.iter().any(|k| k.status == row.status && same_instant(&k.at, at)))
}

/// Two ways to write one moment.
fn same_instant(a: &str, b: &str) -> bool {
    a == b || matches!((WireDate::new(a).instant(), WireDate::new(b).instant()), (Some(a), Some(b)) if a == b)
}

fn of_history(status: HistoryStatus) -> StatusRecord {
    StatusRecord {
        status: status.status,
        at: status.at.as_str().to_owned(),
        author: status.author,
        comment: status.comment,
    }
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

/// Counts what the current status means; a rejection is graver than an unknown code.
fn note(current: &StatusRecord, invoice: &InvoiceRecord, round: &mut Round) {
    let (status, comment) = (&current.status, &current.comment);
    if status.is_final() {
        round.ended += 1;
    }
    if *status == InvoiceStatus::Rejetee {
        let comment = comment.as_deref().unwrap_or("-");
        let fault = Fault::new(Code::InvoiceRejected).with("number", &invoice.facts.number).with("comment", comment);
        round.fault = Some(fault);
    } else if !status.is_known() && round.fault.as_ref().is_none_or(|f| f.code != Code::InvoiceRejected) {
        let fault = Fault::new(Code::UnknownInvoiceStatus).with("status", status).with("number", &invoice.facts.number);
        round.fault = Some(fault);
    }
}

/// One file per event in `/statuts/`.
fn write_events(
    core: &Core,
    flow: &FlowRecord,
    invoice: &InvoiceRecord,
    id: ChorusInvoiceId,
    events: &[(usize, StatusRecord)],
) -> Result<(), JobError> {
    const WHAT: &str = "the folder of statuses";
    let folder = core.folders.shelf(&flow.account, Shelf::Statuses).map_err(JobError::files(WHAT))?;
    let bench = core.folders.bench(&flow.account).map_err(JobError::files(WHAT))?;
    for (place, status) in events {
        let name = event_name(*place, invoice, id, status);
        let mut document = event_document(flow, invoice, id, status);
        seal::seal(&core.signer, Purpose::Status, &mut document)?;
        let bytes = serde_json::to_vec_pretty(&document).unwrap_or_default();
        let draft = bench.join(format!("status-{}-{}", flow.id, name));
        crate::work::folders::remove_whatever(&draft).map_err(JobError::files(WHAT))?;
        durable::write_synced(&draft, &bytes).map_err(JobError::files(WHAT))?;
        std::fs::rename(&draft, folder.join(&name)).map_err(JobError::files(WHAT))?;
    }
    durable::sync_dir(&folder).map_err(JobError::files(WHAT))
}

/// `<date>_<place in the history>_<Chorus id>_<number>_<STATUS>.json`: sorted by name, events are in their order; written
/// again, an event has the same name.
fn event_name(place: usize, invoice: &InvoiceRecord, id: ChorusInvoiceId, status: &StatusRecord) -> String {
    let at = WireDate::new(status.at.as_str()).instant().unwrap_or(Timestamp::EPOCH);
    let date: String = at.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let number = slug(invoice.facts.number.as_str(), NUMBER_BYTES);
    format!("{date}_{place:03}_{id}_{number}_{}.json", slug(status.status.as_str(), NUMBER_BYTES))
}

fn event_document(
    flow: &FlowRecord,
    invoice: &InvoiceRecord,
    id: ChorusInvoiceId,
    status: &StatusRecord,
) -> Map<String, Value> {
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    let mut document = Map::new();
    let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
    put("flow", flow.id.as_str().into());
    put("file", flow.file.as_str().into());
    put("account", flow.account.as_str().into());
    put("establishment", flow.realm.establishment.as_str().into());
    put("environment", flow.realm.environment.as_str().into());
    put("deposit_number", text(flow.deposit_number.as_ref().map(DepositNumber::as_str)));
    put("number", invoice.facts.number.as_str().into());
    put("supplier", invoice.facts.supplier.as_str().into());
    put("recipient", invoice.facts.recipient.as_str().into());
    put("chorus_id", id.0.into());
    put("status", status.status.as_str().into());
    put("status_at", status.at.as_str().into());
    put("final", status.status.is_final().into());
    put("author", text(status.author.as_deref()));
    put("comment", text(status.comment.as_deref()));
    document
}
