//! Steps of invoices at Chorus Pro: their number there becomes known, and their statuses as their history tells them.

use super::columns::{integer, word};
use super::flows::{self, Loaded};
use super::journal::Entry;
use super::writer::Writing;
use super::{InvoiceRecord, Passing, StatusRecord, StoreError, deposits, parts, receptions, standing};
use crate::domain::{ChorusInvoiceId, FlowId, InvoiceStatus, Timestamp, same_moment};
use crate::flow::FlowKind;
use crate::flow::deposit::State;

/// Statuses kept of one invoice; a longer history is cut.
const STATUSES_LIMIT: usize = 500;

fn chorus_id(w: &Writing<'_>, flow: &Loaded, ordinal: u32) -> Result<Option<i64>, StoreError> {
    w.one(
        "SELECT chorus_id FROM invoice WHERE realm = ?1 AND flow = ?2 AND ordinal = ?3",
        (flow.realm, flow.id.as_str(), ordinal),
        |r| r.get(0),
    )?
    .ok_or_else(|| StoreError::UnknownInvoice { flow: flow.id.clone(), ordinal })
}

/// *identify*: see [`super::Store::identify`].
pub fn identify(
    w: &mut Writing<'_>,
    id: &FlowId,
    (ordinal, number): (u32, ChorusInvoiceId),
    actor: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let flow = flows::load(w, id)?;
    if chorus_id(w, &flow, ordinal)? == Some(number.0) {
        return Ok(());
    }
    w.run(
        "UPDATE invoice SET chorus_id = ?4 WHERE realm = ?1 AND flow = ?2 AND ordinal = ?3",
        (flow.realm, id.as_str(), ordinal, number.0),
    )?;
    Entry::new("identify", at, Some(&flow.place))
        .actor(actor)
        .object("flow", id)
        .object("invoice", ordinal)
        .object("chorus_id", number)
        .append(w)?;
    changed(w, &flow, at)?;
    deposits::confirm(w, &flow, at)
}

/// *record statuses*: see [`super::Store::record_statuses`].
pub fn record(
    w: &mut Writing<'_>,
    id: &FlowId,
    ordinal: u32,
    statuses: &[StatusRecord],
    at: Timestamp,
) -> Result<usize, StoreError> {
    let flow = flows::load(w, id)?;
    let number = chorus_id(w, &flow, ordinal)?;
    let mut known = history(w, &flow, ordinal)?;
    let before = known.len();
    let mut completed = None;
    for status in statuses {
        if known.len() >= STATUSES_LIMIT {
            log::warn!(flow = id.as_str(), limit = STATUSES_LIMIT; "An invoice has more statuses than are kept");
            break;
        }
        if known.iter().any(|(had, at)| status.is_of(had, at)) {
            continue;
        }
        w.run(
            "INSERT INTO status (realm, flow, ordinal, n, status, at, author, comment)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                flow.realm,
                id.as_str(),
                ordinal,
                integer(known.len() as u64),
                status.status.as_str(),
                &status.at,
                &status.author,
                &status.comment,
            ),
        )?;
        let mut entry = Entry::new("status", at, Some(&flow.place))
            .object("flow", id)
            .object("invoice", ordinal)
            .object("status", &status.status)
            .object("status_at", &status.at)
            .maybe("chorus_id", number);
        if let Some(author) = &status.author {
            entry = entry.private("author", author);
        }
        if let Some(comment) = &status.comment {
            entry = entry.private("comment", comment);
        }
        entry.append(w)?;
        known.push((status.status.clone(), status.at.clone()));
        if status.status == InvoiceStatus::Completee {
            completed = Some(&status.at);
        }
    }
    let new = known.len() - before;
    if new > 0 {
        // Of equal or unreadable dates the last that became known counts.
        let latest = known.into_iter().max_by_key(|(_, at)| Timestamp::written(at));
        let (status, status_at) = latest.map(|(s, at)| (s.as_str().to_owned(), at)).unzip();
        w.run(
            "UPDATE invoice SET status = ?4, status_at = ?5 WHERE realm = ?1 AND flow = ?2 AND ordinal = ?3",
            (flow.realm, id.as_str(), ordinal, status, status_at),
        )?;
        changed(w, &flow, at)?;
        // With the status: a receipt that becomes final by it says what is wrong.
        standing::stand(w, id, Passing::Kept, at)?;
    }
    if let Some(completed_at) = completed
        && flow.kind == FlowKind::Reception.as_str()
    {
        receptions::completed(w, id, completed_at, at)?;
    }
    Ok(new)
}

/// *told out*: see [`super::Store::told_out`].
pub fn told_out(w: &mut Writing<'_>, id: &FlowId, ordinal: u32, at: Timestamp) -> Result<(), StoreError> {
    let flow = flows::load(w, id)?;
    let key = (flow.realm, id.as_str(), ordinal);
    if w.run("UPDATE invoice SET told_out = 1 WHERE realm = ?1 AND flow = ?2 AND ordinal = ?3 AND told_out = 0", key)?
        == 0
    {
        return Ok(());
    }
    let status: Option<String> = w
        .one("SELECT status FROM invoice WHERE realm = ?1 AND flow = ?2 AND ordinal = ?3", key, |r| r.get(0))?
        .flatten();
    Entry::new("told_out", at, Some(&flow.place))
        .object("flow", id)
        .object("invoice", ordinal)
        .maybe("status", status)
        .append(w)?;
    changed(w, &flow, at)
}

/// *not taken*: see [`super::Store::not_taken`].
pub fn not_taken(
    w: &mut Writing<'_>,
    id: &FlowId,
    ordinals: &[u32],
    word: Option<&(String, Option<String>)>,
    at: Timestamp,
) -> Result<usize, StoreError> {
    let flow = flows::load(w, id)?;
    if flow.kind != FlowKind::Deposit.as_str() || flow.state != State::PartlyIntegrated.as_str() {
        return Ok(0);
    }
    let mut news = 0;
    for ordinal in ordinals {
        let refused = w.run(
            "UPDATE invoice SET refused = ?4 WHERE realm = ?1 AND flow = ?2 AND ordinal = ?3
             AND refused IS NULL AND chorus_id IS NULL",
            (flow.realm, id.as_str(), ordinal, InvoiceRecord::NOT_SHOWN),
        )?;
        if refused > 0 {
            let mut entry =
                Entry::new("not_taken", at, Some(&flow.place)).object("flow", id).object("invoice", ordinal);
            if let Some((person, remark)) = word {
                entry = entry.actor(person);
                if let Some(remark) = remark {
                    entry = entry.private("detail", remark);
                }
            }
            entry.append(w)?;
            news += 1;
        }
    }
    if news > 0 {
        changed(w, &flow, at)?;
        standing::stand(w, id, Passing::Kept, at)?;
        parts::settle(w, &flow, at)?;
    }
    Ok(news)
}

/// Whether the history that is kept has this status of this moment; without a date, whether it is the last one's.
pub fn is_known(
    w: &Writing<'_>,
    flow: &Loaded,
    ordinal: u32,
    status: &InvoiceStatus,
    status_at: &str,
) -> Result<bool, StoreError> {
    let known = history(w, flow, ordinal)?;
    if status_at.is_empty() {
        let latest = known.iter().max_by_key(|(_, at)| Timestamp::written(at));
        return Ok(latest.is_some_and(|(had, _)| had == status));
    }
    Ok(known.iter().any(|(had, at)| had == status && same_moment(at, status_at)))
}

/// What is known of an invoice, in the order it became known.
fn history(w: &Writing<'_>, flow: &Loaded, ordinal: u32) -> Result<Vec<(InvoiceStatus, String)>, StoreError> {
    w.all(
        "SELECT status, at FROM status WHERE realm = ?1 AND flow = ?2 AND ordinal = ?3 ORDER BY n",
        (flow.realm, flow.id.as_str(), ordinal),
        |r| Ok((word(r, "status")?, r.get("at")?)),
    )
}

fn changed(w: &mut Writing<'_>, flow: &Loaded, at: Timestamp) -> Result<(), StoreError> {
    w.run("UPDATE flow SET changed_at = ?3 WHERE realm = ?1 AND id = ?2", (flow.realm, flow.id.as_str(), at.millis()))?;
    flow.queue_receipt(w, at)
}
