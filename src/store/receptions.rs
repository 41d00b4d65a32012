//! Steps of receptions: an invoice found at Chorus Pro, downloaded, placed, taken.

use super::columns::{integer, word};
use super::documents::Prepared;
use super::journal::Entry;
use super::writer::Writing;
use super::{
    Decided, Found, FoundInvoice, InvoiceFacts, Lease, ReceptionFacts, StatusRecord, StoreError, deposits, documents,
    flows, queue, statuses,
};
use crate::domain::{FlowId, Realm, Timestamp};
use crate::flow::reception::{Event, State};
use crate::flow::{Decision, FlowKind, Job, reception};

/// *find*: see [`super::Store::find`].
pub fn find(w: &mut Writing<'_>, place: &Realm, found: &FoundInvoice, at: Timestamp) -> Result<Found, StoreError> {
    let realm = queue::numbered(w, place)?;
    let status =
        StatusRecord { status: found.status.clone(), at: found.status_at.clone(), author: None, comment: None };
    let known = w.one(
        "SELECT id FROM flow WHERE realm = ?1 AND chorus_id = ?2 AND kind = 'reception'",
        (realm, found.chorus_id.0),
        |r| word::<FlowId>(r, "id"),
    )?;
    if let Some(known) = known {
        statuses::record(w, &known, 0, &[status], at)?;
        return Ok(Found::Known(known));
    }
    let id = flows::new_id();
    let state = State::Found;
    w.run(
        "INSERT INTO flow (realm, id, kind, account, state, is_final, file, received_at, changed_at, since, chorus_id, search)
         VALUES (?1, ?2, 'reception', ?3, ?4, 0, ?5, ?6, ?6, ?6, ?7, '')",
        (
            realm,
            id.as_str(),
            found.account.as_str(),
            state.as_str(),
            found.number.as_str(),
            at.millis(),
            found.chorus_id.0,
        ),
    )?;
    let facts = InvoiceFacts {
        number: found.number.clone(),
        supplier: found.supplier.clone(),
        supplier_name: found.supplier_name.clone(),
        recipient: found.recipient.clone(),
        recipient_name: found.recipient_name.clone(),
        issued_on: found.issued_on.clone(),
        payable: found.payable.clone(),
        type_code: found.type_code.clone(),
    };
    deposits::enter_invoice(w, realm, &id, 0, &facts, false)?;
    w.run(
        "UPDATE invoice SET chorus_id = ?3 WHERE realm = ?1 AND flow = ?2 AND ordinal = 0",
        (realm, id.as_str(), found.chorus_id.0),
    )?;
    Entry::new("find", at, Some(place))
        .object("flow", &id)
        .object("state", state)
        .object("chorus_id", found.chorus_id)
        .object("account", &found.account)
        .append(w)?;
    statuses::record(w, &id, 0, &[status], at)?;
    flows::load(w, &id)?.refresh_search(w)?;
    queue::add(w, Some(realm), Job::Fetch, &id, at)?;
    Ok(Found::New(id))
}

/// *advance*: see [`super::Store::advance`].
pub fn advance(
    w: &mut Writing<'_>,
    id: &FlowId,
    event: Event,
    facts: &ReceptionFacts,
    document: Option<&Prepared>,
    lease: Option<&Lease>,
    at: Timestamp,
) -> Result<Decided<State>, StoreError> {
    if let Some(lease) = lease {
        queue::check_held(w, lease)?;
        queue::end(w, lease)?;
    }
    let flow = flows::load(w, id)?;
    let from: State = flow.state(FlowKind::Reception)?;
    let Decision::Move { to, work } = reception::decide(from, event, at, w.policy) else {
        flow.impossible(w, event.as_str(), at)?;
        return Ok(Decided::Impossible { state: from });
    };
    if event == Event::Downloaded && document.is_none() {
        return Err(StoreError::Misuse("downloaded without a document"));
    }
    if from != to {
        queue::clear(w, id, None)?;
    }
    let kind = format!("reception.{event}");
    let mut entry = Entry::new(&kind, at, Some(&flow.place))
        .object("flow", id)
        .object("from", from)
        .object("state", to)
        .fault(facts.fault.as_ref());
    if let Some(document) = document {
        documents::enter(w, document, at)?;
        w.run(
            "UPDATE flow SET sha256 = ?3, size = ?4 WHERE realm = ?1 AND id = ?2",
            (flow.realm, id.as_str(), document.sha256.0, integer(document.size)),
        )?;
        entry = entry.hash("document", document.sha256).object("size", document.size);
    }
    if let Some(folder) = &facts.folder {
        w.run("UPDATE flow SET delivered_as = ?3 WHERE realm = ?1 AND id = ?2", (flow.realm, id.as_str(), folder))?;
        entry = entry.private("folder", folder);
    }
    flow.enter_state(w, to.as_str(), to.is_final(), at)?;
    flow.show_fault(w, facts.fault.as_ref(), false)?;
    entry.append(w)?;
    flow.queue_work(w, &work, facts.not_before, at)?;
    Ok(Decided::Moved { from, to })
}
