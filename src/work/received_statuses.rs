//! Reads the history of a received invoice: once it is delivered, and each time a search shows that something changed.
//!
//! Promise: every status once, in order, with its date, author and comment. The history is not polled: a change is seen by
//! the reception's searches (PROTOCOL §7). A history that is behind the search is read again; if it stays behind, what the
//! search showed is recorded, unless that has no date: it would be told again once it has one. A validator to whom
//! Chorus Pro shows no history is told the present status, dated when it was seen.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;

use crate::chorus::{ConsulterValideur, WireDate};
use crate::domain::{ChorusInvoiceId, InvoiceStatus, Realm, Role, Timestamp};
use crate::fault::{Code, Fault, Language};
use crate::flow::reception::State;
use crate::store::{FlowRecord, InvoiceRecord, Lease, StatusRecord};
use crate::work::core::{Core, JobError};
use crate::work::reach::Setback;
use crate::work::status_events::{self, Beside};
use crate::work::transitions;

/// Before a history that Chorus Pro refuses, or that is behind the search, is read again; doubled each time.
const AGAIN_FIRST: Duration = Duration::from_secs(60);
const AGAIN_LONGEST: Duration = Duration::from_secs(24 * 3600);
/// So often a history that is behind the search is read again.
const BEHIND_TRIES: u32 = 4;

pub(super) async fn run(core: &Arc<Core>, lease: &Lease, flow: &FlowRecord) -> Result<(), JobError> {
    let reader = core.store.reader()?;
    let invoice = reader.invoices(&flow.id)?.into_iter().next().ok_or(JobError::Missing("the invoice"))?;
    let known: Vec<StatusRecord> = reader.statuses(&flow.id)?.into_iter().map(|(_, status)| status).collect();
    drop(reader);
    let id = invoice.chorus_id.ok_or(JobError::Missing("the invoice's id at Chorus Pro"))?;
    // An application hears of statuses once it has the invoice; the delivery asks for this work.
    if !matches!(flow.state.parse(), Ok(State::Delivered | State::Taken)) {
        return Ok(core.store.finish(lease).await?);
    }
    let mut statuses = match read(core, &lease.realm, flow.role, id, &known).await {
        Ok(statuses) => statuses,
        Err(Setback::Later { at, .. }) => return Ok(core.store.postpone(lease, at).await?),
        Err(Setback::Refused { fault }) => {
            core.hindered(&flow.id, fault).await?;
            return again(core, lease).await;
        }
    };
    let behind = !is_caught_up(flow.role, &invoice, &statuses);
    if behind && (statuses.is_empty() || lease.tries >= BEHIND_TRIES) {
        statuses.extend(sighted(&invoice));
    }
    let current = statuses.last().map(|status| status.status.clone());
    let known: Vec<&StatusRecord> = known.iter().collect();
    let mandate = match status_events::mandate(core, flow, id, &statuses, &known).await? {
        Ok(mandate) => mandate,
        Err(Setback::Later { at, .. }) => return Ok(core.store.postpone(lease, at).await?),
        Err(Setback::Refused { .. }) => None,
    };
    let beside = Beside { mandate, is_last: false };
    status_events::keep(core, flow, &invoice, id, statuses, &known, beside).await?;
    if let Some(current) = &current {
        show(core, flow, &invoice, current).await?;
        // For whoever gives it the next one: which ones Chorus Pro allows.
        transitions::learn(core, &lease.realm, current).await;
    }
    let undated = behind && invoice.seen.as_ref().is_some_and(|(_, at)| at.is_empty());
    if undated && lease.tries == BEHIND_TRIES {
        log::warn!(flow = flow.id.as_str(); "A search shows a status without a date, and the history does not tell it: it is read again until it does");
    }
    if undated || behind && lease.tries < BEHIND_TRIES {
        return again(core, lease).await;
    }
    Ok(core.store.finish(lease).await?)
}

/// The history; of an invoice to validate whose history is refused, what is known and the status that it has now.
async fn read(
    core: &Core,
    realm: &Realm,
    role: Role,
    id: ChorusInvoiceId,
    known: &[StatusRecord],
) -> Result<Vec<StatusRecord>, Setback> {
    match status_events::history(core, realm, id).await {
        Ok(statuses) if role == Role::Validator => {
            Ok(statuses.into_iter().map(|status| as_seen(&status, known).cloned().unwrap_or(status)).collect())
        }
        Err(Setback::Refused { .. }) if role == Role::Validator => {
            let present = core.ask_optional(realm, &ConsulterValideur { invoice: id, page: 1 }).await?.status;
            let mut statuses = known.to_vec();
            if statuses.last().is_none_or(|last| last.status != present) {
                let at = core.now().to_string();
                statuses.push(StatusRecord { status: present, at, author: None, comment: None, others: Map::new() });
            }
            Ok(statuses)
        }
        read => read,
    }
}

/// What a status of the history was told as before, under the date at which it was seen: that is later, and nobody signs it.
fn as_seen<'a>(status: &StatusRecord, known: &'a [StatusRecord]) -> Option<&'a StatusRecord> {
    let instant = |at: &str| -> Option<Timestamp> { WireDate::new(at).instant() };
    let stands_for = |had: &&StatusRecord| {
        had.status == status.status
            && had.author.is_none()
            && had.comment.is_none()
            && instant(&had.at).zip(instant(&status.at)).is_some_and(|(seen, at)| at <= seen)
    };
    if known.iter().any(|had| had.is_same(status)) { None } else { known.iter().find(stands_for) }
}

async fn again(core: &Core, lease: &Lease) -> Result<(), JobError> {
    let wait = AGAIN_FIRST.saturating_mul(1 << lease.tries.min(16)).min(AGAIN_LONGEST);
    Ok(core.store.retry(lease, core.now().plus(wait)).await?)
}

/// Whether the history holds what the search showed last. An invoice to validate that is not listed any more was decided:
/// a history that still has it wait does not hold that.
fn is_caught_up(role: Role, invoice: &InvoiceRecord, statuses: &[StatusRecord]) -> bool {
    use InvoiceStatus::{AValider1, AValider2};
    let Some((status, at)) = &invoice.seen else {
        let waits = |last: &StatusRecord| role == Role::Validator && matches!(last.status, AValider1 | AValider2);
        return statuses.last().is_some_and(|last| !waits(last));
    };
    statuses.last().is_some_and(|last| last.status == *status) || statuses.iter().any(|had| had.is_of(status, at))
}

/// What the search showed last, when the history does not tell.
fn sighted(invoice: &InvoiceRecord) -> Option<StatusRecord> {
    let (status, at) = invoice.seen.clone().filter(|(_, at)| !at.is_empty())?;
    Some(StatusRecord { status, at, author: None, comment: None, others: Map::new() })
}

/// A status nobody knows is an alarm, until another one follows.
async fn show(
    core: &Core,
    flow: &FlowRecord,
    invoice: &InvoiceRecord,
    current: &InvoiceStatus,
) -> Result<(), JobError> {
    let unknown = (!current.is_known())
        .then(|| Fault::new(Code::UnknownInvoiceStatus).with("status", current).with("number", &invoice.facts.number));
    let passes = |code| matches!(code, Code::UnknownInvoiceStatus | Code::CallRefused | Code::JobFails);
    match &unknown {
        Some(fault) => {
            log::warn!(flow = flow.id.as_str(), fault = fault.code.as_str(); "{}", fault.title(Language::En));
        }
        // What is wrong with the delivery stays on show.
        None if !flow.fault.as_ref().is_some_and(|fault| passes(fault.code)) => return Ok(()),
        None => {}
    }
    Ok(core.store.trouble(&flow.id, unknown, core.now()).await?)
}
