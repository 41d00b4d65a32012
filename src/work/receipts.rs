//! Writes the accusé of every dropped file: what became of it, why, who must act, how, and the proof.
//!
//! Promise: a receipt is replaced whole and durable at each change (`NAME.<flow>.json`), with `NAME.json` a copy of the
//! newest of that name in the drop folders; `final` is true when nothing more will change by itself. A refused file stands in `/rejets/` beside
//! its receipt. The state shown is covered by the checkpoint shown. Many receipts are written together, with one
//! checkpoint and one sync of each folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::domain::{DocumentHash, FlowId, Realm, Timestamp};
use crate::fault::{Code, Fault, Language};
use crate::flow::deposit::State;
use crate::invoice::tables::Versions;
use crate::os::durable;
use crate::store::{
    Announcement, ArrivalRecord, ChangeRecord, Conversion, FlowRecord, InvoiceRecord, Lease, Reader, RefusedMember,
    StepRecord,
};
use crate::work::core::{Core, JobError};
use crate::work::folders::{Shelf, newest_receipt_name, receipt_name, refused_name, remove_whatever};
use crate::work::rejects;
use crate::work::seal::{self, Purpose};
use crate::work::statuses::is_open;

/// The longest receipt that is read back to see whose it is.
const RECEIPT_LIMIT_BYTES: u64 = 16 << 20;
/// What the file work is about, for errors.
const WHAT: &str = "the folder of receipts";
/// Before a receipt that could not be written is tried again; doubled each time.
const RETRY_FIRST: std::time::Duration = std::time::Duration::from_secs(1);
const RETRY_LONGEST: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// Writes the receipts of these leases and ends each of them.
pub(super) async fn run(core: Arc<Core>, leases: Vec<Lease>) {
    let batch = leases.clone();
    let written = core.apart(move |core| Ok(write_all(core, &batch))).await;
    let written = written.unwrap_or_else(|_| leases.iter().map(|_| Err(JobError::Panicked)).collect());
    let mut steps = Vec::with_capacity(leases.len());
    for (lease, written) in leases.iter().zip(written) {
        let now = core.now();
        steps.push(match written {
            Ok(()) => core.store.published(lease, now),
            Err(error) => {
                log::error!(arrival = lease.flow.as_str(), error = error.to_string().as_str(); "A receipt cannot be written; it is tried again");
                let wait = RETRY_FIRST.saturating_mul(1 << lease.tries.min(16)).min(RETRY_LONGEST);
                core.store.retry(lease, now.plus(wait))
            }
        });
    }
    for (lease, step) in leases.iter().zip(steps) {
        if let Err(error) = step.await {
            log::warn!(arrival = lease.flow.as_str(), error = error.to_string().as_str(); "A receipt's work cannot be ended; it is written once more");
        }
    }
}

/// What a receipt is written from.
struct Case {
    arrival: ArrivalRecord,
    /// The flow the arrival made; `None` for a duplicate and for a refusal.
    own: Option<Own>,
}

struct Own {
    flow: FlowRecord,
    sending: Sending,
    invoices: Vec<InvoiceRecord>,
    findings: Vec<crate::store::FindingRecord>,
    /// What the file was held against.
    rules: Option<Versions>,
    steps: Vec<StepRecord>,
    /// Why its realm's queue stands still, when it waits in it.
    halt: Option<Fault>,
    /// Of a split file.
    parts: Vec<Part>,
    /// Of data that went to their PDF: its flow.
    joined: Option<FlowId>,
    /// Of an archive: what goes nowhere and does not stand among the refused files yet.
    refused_members: Vec<RefusedMember>,
}

/// A part of a split file: a flux, or a status change.
struct Part {
    flow: FlowRecord,
    sending: Sending,
    invoices: Vec<InvoiceRecord>,
    change: Option<ChangeRecord>,
}

/// What a flow's file is sent as.
struct Sending {
    announced: Option<Announcement>,
    conversion: Option<Conversion>,
}

impl Sending {
    fn of(reader: &Reader, flow: &FlowId) -> Result<Self, JobError> {
        Ok(Self { announced: reader.announcement(flow)?, conversion: reader.conversion(flow)? })
    }

    fn announced(&self) -> Value {
        let told = self.announced.as_ref();
        told.map_or(Value::Null, |told| json!({"syntax": told.syntax, "signed": told.signed}))
    }

    fn converted(&self) -> Value {
        self.conversion.as_ref().map_or(Value::Null, |conversion| {
            json!({
                "from": conversion.from,
                "to": conversion.to,
                "source_sha256": conversion.source.to_string(),
                "sha256": conversion.content.sha256.to_string(),
                "lost": conversion.lost,
            })
        })
    }
}

impl Own {
    /// The file's invoices: those that are its own, then those of its parts.
    fn all_invoices(&self) -> impl Iterator<Item = &InvoiceRecord> {
        self.invoices.iter().chain(self.parts.iter().flat_map(|part| &part.invoices))
    }

    /// Whether nothing more will change by itself: everything deposited is over, and so is every invoice that is followed.
    fn is_final(&self) -> bool {
        is_final(&self.flow, &self.invoices) && self.parts.iter().all(|part| is_final(&part.flow, &part.invoices))
    }

    /// The fault to show: the flow's own, or what it waits for; what stops its realm is more than that it waits.
    fn fault(&self) -> Option<&Fault> {
        let own = self.flow.fault.as_ref();
        let waits = own.is_none_or(|fault| fault.code == Code::WaitsForChorus);
        self.halt.as_ref().filter(|_| waits).or(own)
    }
}

fn write_all(core: &Core, leases: &[Lease]) -> Vec<Result<(), JobError>> {
    let cases: Vec<Result<Case, JobError>> = match core.store.reader().and_then(|r| Ok((r.halts()?, r))) {
        Ok((halts, reader)) => leases.iter().map(|lease| gather(&reader, &lease.flow, &halts)).collect(),
        Err(error) => {
            let error = error.to_string();
            return leases.iter().map(|_| Err(files_error(&error))).collect();
        }
    };
    // After the reads: so the checkpoint covers every state that is shown.
    let checkpoint = match core.store.checkpoint(core.now()).wait() {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            let error = error.to_string();
            return leases.iter().map(|_| Err(files_error(&error))).collect();
        }
    };
    let mut touched = BTreeSet::new();
    let written: Vec<Result<(), JobError>> =
        cases.into_iter().map(|case| case.and_then(|case| publish(core, &case, &checkpoint, &mut touched))).collect();
    for folder in touched {
        if let Err(error) = durable::sync_dir(&folder) {
            let error = error.to_string();
            return leases.iter().map(|_| Err(files_error(&error))).collect();
        }
    }
    written
}

fn files_error(error: &str) -> JobError {
    JobError::Files { what: WHAT, error: std::io::Error::other(error.to_owned()) }
}

fn gather(reader: &Reader, id: &FlowId, halts: &[(Realm, Fault, Timestamp)]) -> Result<Case, JobError> {
    let arrival = reader.arrival(id)?.ok_or(JobError::Missing("the arrival"))?;
    let own = match &arrival.flow {
        Some(flow) if *flow == arrival.id => {
            let flow = reader.flow(flow)?.ok_or(JobError::Missing("the flow"))?;
            let halt = halts.iter().find(|(realm, ..)| !flow.is_final && *realm == flow.realm);
            Some(Own {
                sending: Sending::of(reader, &flow.id)?,
                invoices: reader.invoices(&flow.id)?,
                findings: reader.findings(&flow.id)?,
                rules: reader.rules(&flow.id)?,
                steps: reader.steps(&flow.id)?,
                parts: parts(reader, &flow.id)?,
                joined: reader.pdf_data(&flow.id)?.and_then(|data| data.joined),
                refused_members: reader.unplaced_members(&flow.id)?,
                halt: halt.map(|(_, fault, _)| fault.clone()),
                flow,
            })
        }
        _ => None,
    };
    Ok(Case { arrival, own })
}

fn parts(reader: &Reader, file: &FlowId) -> Result<Vec<Part>, JobError> {
    let part = |flow: FlowRecord| {
        let sending = Sending::of(reader, &flow.id)?;
        Ok(Part { sending, invoices: reader.invoices(&flow.id)?, change: reader.change(&flow.id)?, flow })
    };
    reader.parts(file)?.into_iter().map(part).collect()
}

/// Writes the files of one receipt; the caller syncs the folders `touched`.
fn publish(core: &Core, case: &Case, checkpoint: &str, touched: &mut BTreeSet<PathBuf>) -> Result<(), JobError> {
    let arrival = &case.arrival;
    let mut document = receipt(case, core.options.load().language);
    document.insert("checkpoint".to_owned(), checkpoint.into());
    seal::seal(&core.signer, Purpose::Receipt, &mut document)?;
    let bytes = serde_json::to_vec_pretty(&document).unwrap_or_default();

    let name = receipt_name(&arrival.file, &arrival.id);
    // First the refused file, so that it is there when the receipt says so.
    if let Some(own) = &case.own
        && own.flow.state.parse::<State>().is_ok_and(|state| matches!(state, State::Refused | State::Rejected))
    {
        touched.insert(reject(core, arrival, &bytes, &name)?);
    }
    if let Some(own) = &case.own
        && !own.refused_members.is_empty()
    {
        rejects::lay_members(core, arrival, &own.refused_members, checkpoint)?;
    }
    let shelf = core.folders.shelf(&arrival.account, Shelf::Receipts).map_err(JobError::files(WHAT))?;
    let bench = core.folders.bench(&arrival.account).map_err(JobError::files(WHAT))?;
    let draft = bench.join(format!("receipt-{}", arrival.id));
    lay(&draft, &bytes, &shelf.join(&name)).map_err(JobError::files(WHAT))?;
    let newest = shelf.join(newest_receipt_name(&arrival.file));
    if is_word_on_its_name(arrival) && !is_newer(&newest, &arrival.id) {
        point(&shelf.join(&name), &draft, &newest).map_err(JobError::files(WHAT))?;
    }
    touched.insert(shelf);
    Ok(())
}

/// Writes a new file apart, synced, and renames it over `target`.
fn lay(draft: &Path, bytes: &[u8], target: &Path) -> std::io::Result<()> {
    remove_whatever(draft)?;
    durable::write_synced(draft, bytes)?;
    fs::rename(draft, target)
}

/// Makes `newest` the same file as `receipt`: receipts are only ever replaced by rename, never written into, so a second
/// name is as good as a copy and needs no second sync of the bytes.
fn point(receipt: &Path, draft: &Path, newest: &Path) -> std::io::Result<()> {
    remove_whatever(draft)?;
    if fs::hard_link(receipt, draft).is_err() {
        durable::write_synced(draft, &fs::read(receipt)?)?;
    }
    fs::rename(draft, newest)?;
    // Renaming between two names of one file does nothing and leaves the first.
    remove_whatever(draft)
}

/// Whether the receipt tells what became of the file of that name. A file that missed the drop folders is none of theirs,
/// and one whose name was refused bears another name here: neither hides what became of a good one. Every other refusal
/// is the newest word about its name, as a duplicate is.
fn is_word_on_its_name(arrival: &ArrivalRecord) -> bool {
    let code = arrival.fault.as_ref().map(|fault| fault.code);
    !matches!(code, Some(Code::UnknownFolder | Code::NoRoute | Code::NameNotAllowed))
}

/// Whether the copy there is belongs to a later drop of that name: flow ids are ordered by time.
fn is_newer(copy: &Path, ours: &FlowId) -> bool {
    let small = fs::metadata(copy).is_ok_and(|m| m.len() <= RECEIPT_LIMIT_BYTES);
    let document: Option<Value> =
        small.then(|| fs::read(copy).ok()).flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    document.is_some_and(|receipt| receipt["flow"].as_str().is_some_and(|flow| flow > ours.as_str()))
}

/// The refused file and a copy of its receipt in `/rejets/`; answers that folder.
fn reject(core: &Core, arrival: &ArrivalRecord, receipt: &[u8], receipt_name: &str) -> Result<PathBuf, JobError> {
    const WHAT: &str = "the folder of refused files";
    let shelf = core.folders.shelf(&arrival.account, Shelf::Refused).map_err(JobError::files(WHAT))?;
    let bench = core.folders.bench(&arrival.account).map_err(JobError::files(WHAT))?;
    let file = shelf.join(refused_name(&arrival.file, &arrival.id));
    if !file.exists()
        && let Some(hash) = &arrival.sha256
        && let Some(mut content) = core.store.reader()?.open_document(hash)?
    {
        let draft = bench.join(format!("rejet-{}", arrival.id));
        remove_whatever(&draft).map_err(JobError::files(WHAT))?;
        durable::copy_durably(&mut content, &draft).map_err(JobError::files(WHAT))?;
        fs::rename(&draft, &file).map_err(JobError::files(WHAT))?;
    }
    let draft = bench.join(format!("receipt-{}", arrival.id));
    lay(&draft, receipt, &shelf.join(receipt_name)).map_err(JobError::files(WHAT))?;
    Ok(shelf)
}

/// The receipt without checkpoint and signature: DESIGN §4's keys, in their order.
fn receipt(case: &Case, language: Language) -> Map<String, Value> {
    let arrival = &case.arrival;
    let mut document = Map::new();
    let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
    put("flow", arrival.id.as_str().into());
    put("file", arrival.file.as_str().into());
    put("sha256", arrival.sha256.as_ref().map(DocumentHash::to_string).into());
    put("account", arrival.account.as_str().into());
    put("establishment", arrival.realm.as_ref().map(|realm| realm.establishment.as_str()).into());
    put("environment", arrival.realm.as_ref().map(|realm| realm.environment.as_str()).into());
    put("received_at", arrival.at.to_string().into());
    match &case.own {
        Some(own) => {
            put("state", own.flow.state.as_str().into());
            put("final", own.is_final().into());
            put("duplicate_of", Value::Null);
            put("replaces", own.all_invoices().find_map(|i| i.replaces.as_ref()).map(FlowId::as_str).into());
            put("joined_to", own.joined.as_ref().map(FlowId::as_str).into());
            put("deposit_number", own.flow.deposit_number.as_ref().map(|number| number.as_str()).into());
            put("announced", own.sending.announced());
            put("converted", own.sending.converted());
            put("invoices", own.all_invoices().map(|invoice| invoice_json(invoice, language)).collect());
            put("parts", own.parts.iter().map(|part| part_json(part, language)).collect());
            put("fault", own.fault().map_or(Value::Null, |fault| fault_json(fault, language)));
            put("findings", own.findings.iter().map(|f| serde_json::to_value(f).unwrap_or_default()).collect());
            put("rules", serde_json::to_value(&own.rules).unwrap_or_default());
            put("history", history(&own.steps, &own.flow));
        }
        None => {
            let duplicate = arrival.fault.as_ref().is_some_and(|fault| fault.code == Code::Duplicate);
            let state = if duplicate { "duplicate" } else { State::Refused.as_str() };
            put("state", state.into());
            put("final", true.into());
            put("duplicate_of", arrival.flow.as_ref().map(FlowId::as_str).into());
            put("replaces", Value::Null);
            put("joined_to", Value::Null);
            put("deposit_number", Value::Null);
            put("announced", Value::Null);
            put("converted", Value::Null);
            put("invoices", json!([]));
            put("parts", json!([]));
            put("fault", arrival.fault.as_ref().map_or(Value::Null, |fault| fault_json(fault, language)));
            put("findings", json!([]));
            put("rules", Value::Null);
            put("history", json!([{"at": arrival.at.to_string(), "state": state}]));
        }
    }
    document
}

/// Whether nothing more will change by itself: the flow is over, and so is every invoice that is followed.
fn is_final(flow: &FlowRecord, invoices: &[InvoiceRecord]) -> bool {
    let followed = flow.state.parse::<State>().is_ok_and(State::is_followed);
    flow.is_final && (!followed || !invoices.iter().any(is_open))
}

/// A part: a flux with its deposit number, or a status change with what was asked for.
fn part_json(part: &Part, language: Language) -> Value {
    json!({
        "flow": part.flow.id.as_str(),
        "kind": part.flow.kind.as_str(),
        "state": part.flow.state.as_str(),
        "deposit_number": part.flow.deposit_number.as_ref().map(|number| number.as_str()),
        "announced": part.sending.announced(),
        "converted": part.sending.converted(),
        "invoices": part.invoices.iter().map(|invoice| invoice.facts.number.as_str()).collect::<Vec<_>>(),
        "change": part.change.as_ref().map(|change| json!({
            "number": change.asked.number.as_str(),
            "supplier": change.asked.supplier.as_str(),
            "chorus_id": change.asked.chorus_id.0,
            "status": change.asked.target.as_str(),
        })),
        "fault": part.flow.fault.as_ref().map_or(Value::Null, |fault| fault_json(fault, language)),
    })
}

fn invoice_json(invoice: &InvoiceRecord, language: Language) -> Value {
    let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    json!({
        "number": invoice.facts.number.as_str(),
        "supplier": text(&invoice.facts.supplier),
        "recipient": text(&invoice.facts.recipient),
        "chorus_id": invoice.chorus_id.map(|id| id.0),
        "status": invoice.status.as_ref().map(|status| status.as_str()),
        "status_at": invoice.status_at,
        "refused": invoice.why_refused(language),
        "replaces": invoice.replaces.as_ref().map(FlowId::as_str),
    })
}

/// A fault as receipts and `facture.json` show it.
pub(super) fn fault_json(fault: &Fault, language: Language) -> Value {
    json!({
        "code": fault.code.as_str(),
        "actor": fault.actor(),
        "retry": fault.retry(),
        "title": fault.title(language),
        "remedy": fault.remedy(language),
    })
}

/// The states in the order they were entered, each once in a row.
fn history(steps: &[StepRecord], flow: &FlowRecord) -> Value {
    let mut lines: Vec<(Timestamp, &str)> = Vec::new();
    for step in steps {
        if let Some(state) = step.state.as_deref()
            && lines.last().is_none_or(|(_, last)| *last != state)
        {
            lines.push((step.at, state));
        }
    }
    if lines.is_empty() {
        lines.push((flow.received_at, flow.state.as_str()));
    }
    lines.into_iter().map(|(at, state)| json!({"at": at.to_string(), "state": state})).collect()
}
