//! Steps of dropped files: taken, found to be a duplicate, refused, staged under a temporary name.

use rusqlite::Row;

use super::columns::{fault_text, integer, word};
use super::documents::Prepared;
use super::journal::Entry;
use super::writer::Writing;
use super::{Arrival, Received, Refusal, StoreError, documents, flows, parts, queue};
use crate::domain::{AccountName, DocumentHash, FlowId, Timestamp};
use crate::fault::{Code, Fault};
use crate::flow::{Job, deposit};

/// What became of a drop of a staged file, when it was taken (or found to be a duplicate) before.
pub const KNOWN_STAGED: &str = "SELECT id, flow, outcome FROM arrival
     WHERE staged = ?1 AND account = ?2 AND folder = ?3 AND file = ?4 AND sha256 = ?5 AND flow IS NOT NULL";

/// A row of [`KNOWN_STAGED`].
pub fn known(r: &Row<'_>) -> rusqlite::Result<Received> {
    let (arrival, flow) = (word(r, "id")?, word(r, "flow")?);
    let taken = r.get_ref("outcome")?.as_str()? == "taken";
    Ok(if taken { Received::Flow(flow) } else { Received::Duplicate { arrival, first: flow } })
}

pub fn receive(w: &mut Writing<'_>, arrival: &Arrival, document: &Prepared) -> Result<Received, StoreError> {
    if let Some(staged) = &arrival.staged {
        let key = (staged, arrival.account.as_str(), &arrival.folder, &arrival.name, document.sha256.0);
        if let Some(known) = w.one(KNOWN_STAGED, key, known)? {
            return Ok(known);
        }
    }
    let realm = queue::numbered(w, &arrival.realm)?;
    match parts::twin(w, realm, document.sha256, "")? {
        Some(first) => duplicate(w, arrival, document, realm, first),
        None => taken(w, arrival, document, realm),
    }
}

fn taken(w: &mut Writing<'_>, arrival: &Arrival, document: &Prepared, realm: i64) -> Result<Received, StoreError> {
    let id = flows::new_id();
    let state = deposit::State::Received;
    documents::enter(w, document, arrival.at)?;
    w.run(
        "INSERT INTO flow (realm, id, kind, account, state, is_final, file, sha256, size, received_at, changed_at, since, search)
         VALUES (?1, ?2, 'deposit', ?3, ?4, 0, ?5, ?6, ?7, ?8, ?8, ?8, ?9)",
        (
            realm,
            id.as_str(),
            arrival.account.as_str(),
            state.as_str(),
            &arrival.name,
            document.sha256.0,
            integer(document.size),
            arrival.at.millis(),
            flows::searchable(&format!("{id} {}", arrival.name)),
        ),
    )?;
    enter(w, &id, arrival, document, realm, "taken", &id, None)?;
    Entry::new("receive", arrival.at, Some(&arrival.realm))
        .account(&arrival.account)
        .object("flow", &id)
        .object("state", state)
        .object("size", document.size)
        .hash("document", document.sha256)
        .private("file", &arrival.name)
        .private("peer", &arrival.peer)
        .append(w)?;
    queue::add(w, Some(realm), Job::Intake, &id, arrival.at)?;
    Ok(Received::Flow(id))
}

fn duplicate(
    w: &mut Writing<'_>,
    arrival: &Arrival,
    document: &Prepared,
    realm: i64,
    first: FlowId,
) -> Result<Received, StoreError> {
    let id = flows::new_id();
    let fault = Fault::new(Code::Duplicate).with("first", &first);
    enter(w, &id, arrival, document, realm, "duplicate", &first, Some(&fault))?;
    Entry::new("duplicate", arrival.at, Some(&arrival.realm))
        .account(&arrival.account)
        .object("flow", &first)
        .object("arrival", &id)
        .object("size", document.size)
        .hash("document", document.sha256)
        .private("file", &arrival.name)
        .private("peer", &arrival.peer)
        .append(w)?;
    queue::add(w, Some(realm), Job::Receipt, &id, arrival.at)?;
    Ok(Received::Duplicate { arrival: id, first })
}

#[expect(clippy::too_many_arguments, reason = "one row's columns")]
fn enter(
    w: &Writing<'_>,
    id: &FlowId,
    arrival: &Arrival,
    document: &Prepared,
    realm: i64,
    outcome: &str,
    flow: &FlowId,
    fault: Option<&Fault>,
) -> Result<(), StoreError> {
    w.run(
        "INSERT INTO arrival (id, realm, account, folder, file, sha256, size, at, outcome, flow, fault, staged)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        (
            id.as_str(),
            realm,
            arrival.account.as_str(),
            &arrival.folder,
            &arrival.name,
            document.sha256.0,
            integer(document.size),
            arrival.at.millis(),
            outcome,
            flow.as_str(),
            fault.map(fault_text),
            &arrival.staged,
        ),
    )?;
    Ok(())
}

pub fn refuse(w: &mut Writing<'_>, refusal: &Refusal) -> Result<FlowId, StoreError> {
    let id = refusal.happened.map_or_else(flows::new_id, flows::id_of);
    let realm = refusal.realm.as_ref().map(|realm| queue::numbered(w, realm)).transpose()?;
    w.run(
        "INSERT INTO arrival (id, realm, account, folder, file, at, outcome, fault)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'refused', ?7)",
        (
            id.as_str(),
            realm,
            refusal.account.as_str(),
            &refusal.folder,
            &refusal.name,
            refusal.happened.unwrap_or(refusal.at).millis(),
            fault_text(&refusal.fault),
        ),
    )?;
    Entry::new("refuse", refusal.at, refusal.realm.as_ref())
        .account(&refusal.account)
        .object("arrival", &id)
        .fault(Some(&refusal.fault))
        .private("file", &refusal.name)
        .private("peer", &refusal.peer)
        .append(w)?;
    queue::add(w, realm, Job::Receipt, &id, refusal.at)?;
    Ok(id)
}

pub fn stage(
    w: &mut Writing<'_>,
    account: &AccountName,
    name: &str,
    sha256: DocumentHash,
    size: u64,
    at: Timestamp,
) -> Result<(), StoreError> {
    Entry::new("stage", at, None)
        .account(account)
        .object("size", size)
        .hash("staged", sha256)
        .private("file", name)
        .append(w)?;
    Ok(())
}
