//! Tells a business application of each status that an invoice gets at Chorus Pro: one event in `/statuts/`, in order.
//!
//! Promise: the invoice's history is the source, never a guess; a status is told once, however its date is written, and not
//! before it has one, unless it gets none; an event's file stands before its leaf, so that a crash
//! cannot lose it, and has the same name when it is written once more. As JSON, as CPPStatut, or both: as the route says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::chorus::{
    ConsulterFournisseur, ConsulterHistorique, ConsulterRecipiendaire, ConsulterValideur, HistoryStatus, MotiveCode,
    Service, WireDate,
};
use crate::domain::{ChorusInvoiceId, DepositNumber, InvoiceStatus, Realm, Role, Timestamp};
use crate::fault::{Code, Fault};
use crate::flow::FlowKind;
use crate::invoice::status_code::{Reading, edi_of};
use crate::invoice::status_file::{self, Envelope, InvoiceFileStatus, StatusParty};
use crate::os::durable;
use crate::store::{FlowRecord, InvoiceRecord, StatusRecord};
use crate::work::core::{Core, JobError};
use crate::work::folders::{Shelf, remove_whatever, slug};
use crate::work::reach::{PAGES_LIMIT, Setback, UNREADABLE_WAIT};
use crate::work::seal::{self, Purpose};
use crate::work::settings::StatusForm;

/// Bytes of an invoice's number in a file's name.
const NUMBER_BYTES: usize = 60;
/// Statuses read of one invoice.
const STATUSES_LIMIT: usize = 10_000;
/// How long a payment order may wait for its number.
const NUMBER_GRACE: Duration = Duration::from_secs(3600);
/// What the file work is about, for errors.
const WHAT: &str = "the folder of statuses";
/// How Chorus Pro names itself in status files (the code of its names of fluxes, PROTOCOL §4).
const CHORUS_PARTNER: &str = "CPP001";
/// Characters of a partner's code in a status file: least and most.
const PARTNER_CHARS: (usize, usize) = (3, 8);

/// Every status the invoice has had, oldest first.
pub(super) async fn history(core: &Core, realm: &Realm, id: ChorusInvoiceId) -> Result<Vec<StatusRecord>, Setback> {
    let (entries, _) = past(core, realm, id).await?;
    let mut statuses: Vec<StatusRecord> = entries.into_iter().map(of_history).collect();
    // By date, when all are dates. The sort is stable: the answer's order decides equal ones.
    if statuses.iter().all(|status| WireDate::new(status.at.as_str()).instant().is_some()) {
        statuses.sort_by_key(|status| WireDate::new(status.at.as_str()).instant());
    }
    Ok(statuses)
}

/// Every entry of the invoice's history, as they came, and the status that it has now. A page that comes again makes nothing
/// happen twice: a history that tells nothing new before its last page is no answer.
pub(super) async fn past(
    core: &Core,
    realm: &Realm,
    id: ChorusInvoiceId,
) -> Result<(Vec<HistoryStatus>, Option<InvoiceStatus>), Setback> {
    let mut entries: Vec<HistoryStatus> = Vec::new();
    let mut current = None;
    for page in 1..=PAGES_LIMIT {
        let history = core.ask(realm, &ConsulterHistorique { invoice: id, page }).await?;
        let more = history.has_more(page);
        current = history.current.or(current);
        let (known, before) = (page > 1, entries.len());
        for entry in history.statuses {
            if !(known && entries[..before].contains(&entry)) {
                entries.push(entry);
            }
        }
        if !more || entries.len() >= STATUSES_LIMIT {
            break;
        }
        if entries.len() == before {
            let fault = Fault::new(Code::AnswerUnreadable).with("service", ConsulterHistorique::NAME);
            let at = core.now().plus(UNREADABLE_WAIT);
            return Err(Setback::Later { fault: fault.with("detail", "a page comes again"), at });
        }
    }
    Ok((entries, current))
}

fn of_history(status: HistoryStatus) -> StatusRecord {
    StatusRecord {
        others: status.others(),
        status: status.status,
        at: status.at.as_str().to_owned(),
        author: status.author,
        comment: status.comment,
    }
}

/// What an event says that its history does not.
#[derive(Debug, Clone, Default)]
pub(super) struct Beside {
    /// The payment order's number, of the newest MANDATEE.
    pub mandate: Option<String>,
    /// Nothing more will be told after the last status, though it is not final in itself.
    pub is_last: bool,
}

/// The number of the payment order, when one of these statuses is a new MANDATEE: the history does not tell it, the invoice
/// itself does (`numeroDpMandat`). It is an ornament: where it may not be read the event goes without. A setback is answered
/// only while no answer can be used, and for a while: an event is told once, and a number that it lacks never comes.
pub(super) async fn mandate(
    core: &Core,
    flow: &FlowRecord,
    id: ChorusInvoiceId,
    statuses: &[StatusRecord],
    known: &[&StatusRecord],
) -> Result<Result<Option<String>, Setback>, JobError> {
    let is_new = |status: &&StatusRecord| !known.iter().any(|k| k.is_same(status));
    if !statuses.iter().filter(is_new).any(|status| status.status == InvoiceStatus::Mandatee) {
        return Ok(Ok(None));
    }
    // An account that may not ask this goes on with everything else.
    let consulted = match (flow.kind, flow.role) {
        (FlowKind::Reception, Role::Recipient) => {
            core.ask_optional(&flow.realm, &ConsulterRecipiendaire { invoice: id, page: 1 }).await
        }
        (FlowKind::Reception, Role::Validator) => {
            core.ask_optional(&flow.realm, &ConsulterValideur { invoice: id, page: 1 }).await
        }
        _ => core.ask_optional(&flow.realm, &ConsulterFournisseur { invoice: id, page: 1 }).await,
    };
    let fault = match consulted {
        Ok(invoice) => return Ok(Ok(invoice.mandate)),
        Err(Setback::Later { fault, at }) if may_be_numbered(core, flow, id).await? => {
            return Ok(Err(Setback::Later { fault, at }));
        }
        Err(Setback::Later { fault, .. } | Setback::Refused { fault }) => fault,
    };
    log::warn!(flow = flow.id.as_str(), fault = fault.code.as_str();
        "The number of a payment order cannot be read; its status is told without");
    Ok(Ok(None))
}

/// Whether the number of a payment order may yet be read: for a while from when it was first asked for in vain.
async fn may_be_numbered(core: &Core, flow: &FlowRecord, id: ChorusInvoiceId) -> Result<bool, JobError> {
    let (now, name) = (core.now(), numbering(flow, id));
    let since = core.store.reader()?.remembered(&flow.realm, &name)?.and_then(|since| since.parse().ok());
    let Some(since) = since.map(Timestamp::from_millis) else {
        core.store.remember(&flow.realm, &name, &now.millis().to_string()).await?;
        return Ok(true);
    };
    Ok(now.since(since) < NUMBER_GRACE)
}

/// Under which name it is remembered since when a payment order's number is asked for in vain. Its end keeps it apart from an
/// id that begins alike.
fn numbering(flow: &FlowRecord, id: ChorusInvoiceId) -> String {
    format!("mandate:{}:{id}:", flow.id)
}

/// Files first, then the journal: a crash in between writes the same files once more, under the same names.
pub(super) async fn keep(
    core: &Arc<Core>,
    flow: &FlowRecord,
    invoice: &InvoiceRecord,
    id: ChorusInvoiceId,
    statuses: Vec<StatusRecord>,
    known: &[&StatusRecord],
    beside: Beside,
) -> Result<(), JobError> {
    let (last, ordered) =
        (statuses.len().saturating_sub(1), statuses.iter().rposition(|s| s.status == InvoiceStatus::Mandatee));
    let events: Vec<(usize, StatusRecord)> = statuses
        .iter()
        .enumerate()
        .filter(|(_, status)| !known.iter().any(|k| k.is_same(status)))
        .map(|(place, status)| (place, status.clone()))
        .collect();
    if events.is_empty() {
        return Ok(());
    }
    let is_ordered = events.iter().any(|(_, status)| status.status == InvoiceStatus::Mandatee);
    let (own, invoice_) = (flow.clone(), invoice.clone());
    let told = move |place: usize, status: &StatusRecord| Told {
        mandate: beside.mandate.clone().filter(|_| ordered == Some(place)),
        is_final: status.status.is_final() || (beside.is_last && place == last),
    };
    core.apart(move |core| write_events(core, &own, &invoice_, id, &events, told)).await?;
    core.store.record_statuses(&flow.id, invoice.ordinal, statuses, core.now()).await?;
    // Told, with its number or without: the next order waits for its own.
    let name = numbering(flow, id);
    if is_ordered && core.store.reader()?.remembered(&flow.realm, &name)?.is_some() {
        core.store.forget(&flow.realm, vec![name]).await?;
    }
    Ok(())
}

/// The files of each event in `/statuts/`.
fn write_events(
    core: &Core,
    flow: &FlowRecord,
    invoice: &InvoiceRecord,
    id: ChorusInvoiceId,
    events: &[(usize, StatusRecord)],
    told: impl Fn(usize, &StatusRecord) -> Told,
) -> Result<(), JobError> {
    let form = core.options.load().status_form(flow);
    let folder = core.folders.shelf(&flow.account, Shelf::Statuses).map_err(JobError::files(WHAT))?;
    let bench = core.folders.bench(&flow.account).map_err(JobError::files(WHAT))?;
    for (place, status) in events {
        let event = Event { flow, invoice, id, place: *place, status, told: told(*place, status) };
        let stem = event.stem();
        let put = |name: String, bytes: &[u8]| {
            let draft = bench.join(format!("status-{}-{name}", flow.id));
            lay(&draft, bytes, &folder.join(name)).map_err(JobError::files(WHAT))
        };
        let xml = if form == StatusForm::Json { None } else { event.cpp_statut() };
        if let Some(xml) = &xml {
            put(format!("{stem}.xml"), xml.as_bytes())?;
        }
        // What CPPStatut has no number for is told all the same.
        if form != StatusForm::Cppstatut || xml.is_none() {
            let mut document = event.document();
            seal::seal(&core.signer, Purpose::Status, &mut document)?;
            put(format!("{stem}.json"), &serde_json::to_vec_pretty(&document).unwrap_or_default())?;
        }
    }
    durable::sync_dir(&folder).map_err(JobError::files(WHAT))
}

/// Writes a new file apart, synced, and renames it over `target`.
fn lay(draft: &Path, bytes: &[u8], target: &Path) -> std::io::Result<()> {
    remove_whatever(draft)?;
    durable::write_synced(draft, bytes)?;
    std::fs::rename(draft, target)
}

/// What is said of one event beside its status.
struct Told {
    mandate: Option<String>,
    is_final: bool,
}

/// A status that an invoice got, on its way to the application.
struct Event<'a> {
    flow: &'a FlowRecord,
    invoice: &'a InvoiceRecord,
    id: ChorusInvoiceId,
    /// In the history, from 0.
    place: usize,
    status: &'a StatusRecord,
    told: Told,
}

impl Event<'_> {
    /// Which side the establishment is on, as the document says it and as the name ends.
    fn side(&self) -> (&'static str, &'static str) {
        match (self.flow.kind, self.flow.role) {
            (FlowKind::Reception, Role::Recipient) => ("received", "_recue"),
            (FlowKind::Reception, Role::Validator) => ("to_validate", "_a-valider"),
            _ => ("sent", ""),
        }
    }

    fn instant(&self) -> Option<Timestamp> {
        WireDate::new(self.status.at.as_str()).instant()
    }

    /// `<date>_<place in the history>_<Chorus id>_<number>_<STATUS>`: sorted by name, events are in their order; written
    /// again, an event has the same name. A received invoice's says so: an account that serves supplier and recipient gets both.
    fn stem(&self) -> String {
        let at = self.instant().unwrap_or(Timestamp::EPOCH);
        let date: String = at.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        let number = slug(self.invoice.facts.number.as_str(), NUMBER_BYTES);
        let status = slug(self.status.status.as_str(), NUMBER_BYTES);
        format!("{date}_{:03}_{}_{number}_{status}{}", self.place, self.id, self.side().1)
    }

    fn document(&self) -> Map<String, Value> {
        let (flow, invoice, status) = (self.flow, self.invoice, self.status);
        let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
        let mut document = Map::new();
        let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
        put("flow", flow.id.as_str().into());
        put("side", self.side().0.into());
        put("file", if flow.kind == FlowKind::Reception { Value::Null } else { flow.file.as_str().into() });
        put("folder", text(flow.delivered_as.as_deref()));
        put("account", flow.account.as_str().into());
        put("establishment", flow.realm.establishment.as_str().into());
        put("environment", flow.realm.environment.as_str().into());
        put("deposit_number", text(flow.deposit_number.as_ref().map(DepositNumber::as_str)));
        put("number", invoice.facts.number.as_str().into());
        put("supplier", invoice.facts.supplier.as_str().into());
        put("recipient", invoice.facts.recipient.as_str().into());
        put("chorus_id", self.id.0.into());
        put("status", status.status.as_str().into());
        put("status_at", status.at.as_str().into());
        put("mandate", text(self.told.mandate.as_deref()));
        put("final", self.told.is_final.into());
        put("author", text(status.author.as_deref()));
        put("comment", text(status.comment.as_deref()));
        put("others", status.others.clone().into());
        let motive = status.comment.as_deref().and_then(MotiveCode::leading);
        put("motive", text(motive.map(MotiveCode::label)));
        document
    }

    /// The event as `CPPStatut`; `None` when the schema has no place for it.
    fn cpp_statut(&self) -> Option<String> {
        let number = edi_of(&self.status.status, Reading::default())?;
        let facts = &self.invoice.facts;
        let at = self.instant()?;
        let envelope = Envelope {
            sender: CHORUS_PARTNER.to_owned(),
            receiver: partner(self.flow.account.as_str()),
            flux_id: self.stem(),
            produced: at.paris_date(),
        };
        let status = InvoiceFileStatus {
            line: 1,
            supplier: party(&facts.supplier, &facts.supplier_name),
            recipient: party(&facts.recipient, &facts.recipient_name),
            status: number,
            complement: None,
            comment: self.status.comment.clone(),
            stamped: Some(at.paris_iso()),
            producer: None,
            invoice: facts.number.clone(),
            issued_on: facts.issued_on.clone(),
            mandate: self.told.mandate.clone(),
            unknown: Vec::new(),
        };
        match status_file::write_invoice_statuses(&envelope, &[status]) {
            Ok(xml) => Some(xml),
            Err(error) => {
                log::warn!(flow = self.flow.id.as_str(), error = error.to_string().as_str();
                    "A status has no place in a CPPStatut; it is told as JSON");
                None
            }
        }
    }
}

/// An account as the code of a partner.
fn partner(account: &str) -> String {
    let (least, most) = PARTNER_CHARS;
    let code: String = account.to_ascii_uppercase().chars().take(most).collect();
    format!("{code:0<least$}")
}

/// A party by what identifies it: a SIRET, a European VAT number, or something else.
fn party(id: &str, name: &str) -> StatusParty {
    let id = id.trim();
    let kind = if id.len() == 14 && id.bytes().all(|b| b.is_ascii_digit()) {
        "1"
    } else if id.len() > 2 && id.bytes().take(2).all(|b| b.is_ascii_uppercase()) {
        "2"
    } else {
        "3"
    };
    let name = Some(name.trim()).filter(|name| !name.is_empty()).map(str::to_owned);
    StatusParty { kind: kind.to_owned(), id: id.to_owned(), name, ..StatusParty::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_a_partner_of_three_to_eight_characters() {
        assert_eq!(["a", "sifac", "compte-tres-long"].map(partner), ["A00", "SIFAC", "COMPTE-T"]);
        assert_eq!(party("12345678200051", " ").kind, "1");
        assert_eq!((party("DE123456789", "Müller").kind, party("123", "").kind), ("2".to_owned(), "3".to_owned()));
    }
}
