//! Places a downloaded invoice into its account's `/recues/`, complete from the first instant it is seen.
//!
//! Promise: delivered once, wherever it breaks off; a pivot that cannot be read is delivered as it came, with the fault. May
//! ask Chorus Pro for the readable copy, so it stands in a lane of its own: what came of that is durable before anything is
//! placed, and is not asked for again.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::chorus::DownloadedFile;
use crate::domain::{AccountName, ChorusInvoiceId, DocumentHash, Role};
use crate::fault::{Code, Fault, Text};
use crate::flow::reception::{Event, State};
use crate::os::durable;
use crate::store::{FlowRecord, InvoiceRecord, Lease, ReceptionFacts};
use crate::work::codes;
use crate::work::core::{Core, JobError};
use crate::work::delivery::{Delivery, WHAT};
use crate::work::delivery_files::{Part, Read, parts, pieces, raw, read, unreadable};
use crate::work::fetch::chorus_id;
use crate::work::folders::{DeliveryId, Shelf};
use crate::work::readable::{self, Copy};
use crate::work::received_complement;
use crate::work::received_document::copy_instead;
use crate::work::rejects;

pub(super) async fn run(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    let reader = core.store.reader()?;
    let flow = core.flow(&reader, lease)?;
    drop(reader);
    if flow.state != State::Fetched.as_str() {
        return received_complement::run(core, lease, flow).await;
    }
    let mut opened = {
        let flow = flow.clone();
        core.apart(move |core| open(core, &flow)).await?
    };
    if opened.copy.is_none() && opened.read.as_ref().is_ok_and(|(_, pivot)| pivot.readable().is_none()) {
        match readable::fetch(core, lease, &flow, opened.id).await? {
            Copy::Settled(copy) => opened.copy = Some(copy),
            Copy::Later(at) => return Ok(core.store.retry(lease, at).await?),
        }
    }
    if let Ok((version, _)) = &opened.read {
        codes::saw_version(core, &flow.realm, opened.id, version.as_deref()).await?;
    }
    let placed = {
        let flow = flow.clone();
        core.apart(move |core| place(core, &flow, &opened)).await
    };
    let now = core.now();
    let (event, facts) = match placed {
        Ok(Placed { folder, fault }) => {
            log::info!(flow = flow.id.as_str(), folder = folder.as_str(); "A received invoice is delivered");
            (Event::Placed, ReceptionFacts { folder: Some(folder), fault, ..ReceptionFacts::default() })
        }
        Err(JobError::Files { what, error }) => {
            log::error!(flow = flow.id.as_str(), error = error.to_string().as_str(); "A received invoice cannot be placed into {what}");
            (Event::PlacingFailed, not_placed(core, &flow, error)?)
        }
        Err(other) => return Err(other),
    };
    let placed = facts.folder.clone();
    core.record(|| core.store.advance(&flow.id, event, facts.clone(), Some(lease), now)).await?;
    if let Some(folder) = placed {
        settle(core, &flow, &folder).await?;
    }
    Ok(())
}

/// What a delivery that came to nothing shows.
pub(super) fn not_placed(core: &Core, flow: &FlowRecord, error: std::io::Error) -> Result<ReceptionFacts, JobError> {
    let id = chorus_id(&core.store.reader()?, &flow.id)?;
    let fault = Fault::new(Code::DeliveryFailed).with("chorus_id", id).with("detail", error);
    Ok(ReceptionFacts { fault: Some(fault), ..ReceptionFacts::default() })
}

/// The delivery is journalled: an application that was faster than the journal has taken it, and its mark goes.
async fn settle(core: &Arc<Core>, flow: &FlowRecord, folder: &str) -> Result<(), JobError> {
    let delivery = DeliveryId { flow: flow.id.clone(), complement: 0 };
    let mark = core.folders.delivery_mark(&flow.account, &delivery).map_err(JobError::files(WHAT))?;
    let (own, folder) = (flow.clone(), folder.to_owned());
    let taken = core.apart(move |core| is_taken(core, &own, &folder)).await?;
    let still_delivered =
        core.store.reader()?.flow(&flow.id)?.is_some_and(|flow| flow.state == State::Delivered.as_str());
    if taken && still_delivered {
        core.store.advance(&flow.id, Event::Taken, ReceptionFacts::default(), None, core.now()).await?;
    }
    core.apart(move |_| durable::remove_durably(&mark).map_err(JobError::files(WHAT))).await
}

/// Whether nothing of a delivery stands in `/recues` any more.
pub(super) fn is_taken(core: &Core, flow: &FlowRecord, folder: &str) -> Result<bool, JobError> {
    let placed = core.folders.shelf(&flow.account, Shelf::Received).map_err(JobError::files(WHAT))?.join(folder);
    // The description of files that lie side by side stands for them.
    Ok(!placed.is_file() && std::fs::read_dir(placed).map_or(true, |mut files| files.next().is_none()))
}

/// What a former process journalled as delivered and did not settle any more. Before any delivery of this one.
pub(super) async fn settle_former(core: &Arc<Core>) {
    if let Err(error) = settle_marked(core).await {
        log::error!(error = error.to_string().as_str(); "Deliveries of a former process cannot be settled");
    }
}

async fn settle_marked(core: &Arc<Core>) -> Result<(), JobError> {
    let accounts: BTreeSet<AccountName> = core.options.load().routes.iter().map(|r| r.account.clone()).collect();
    for account in accounts {
        rejects::settle_former(core, &account)?;
        for delivery in core.folders.marked(&account).map_err(JobError::files(WHAT))? {
            let Some(flow) = core.store.reader()?.flow(&delivery.flow)? else { continue };
            if delivery.complement > 0 {
                received_complement::settle(core, &flow, &delivery).await?;
                continue;
            }
            // Without a folder it was placed and not journalled: its job is due, and needs the mark.
            if let Some(folder) = flow.delivered_as.clone() {
                settle(core, &flow, &folder).await?;
            }
        }
    }
    Ok(())
}

/// A download as it was read.
struct Opened {
    id: ChorusInvoiceId,
    invoice: InvoiceRecord,
    hash: DocumentHash,
    bytes: Vec<u8>,
    /// The pivot's XML, where it could be found.
    xml: Option<Vec<u8>>,
    /// The pivot's version and the invoice, or why it cannot be read.
    read: Read,
    /// The readable copy that was asked for because the pivot has none, or why there is none.
    copy: Option<Result<Vec<u8>, Text>>,
    /// What came beside the readable copy in place of a pivot.
    beside: Option<Vec<DownloadedFile>>,
}

struct Placed {
    /// The name under `/recues`: of the folder, or of the description of files that lie side by side.
    folder: String,
    fault: Option<Fault>,
}

fn open(core: &Core, flow: &FlowRecord) -> Result<Opened, JobError> {
    let reader = core.store.reader()?;
    let id = chorus_id(&reader, &flow.id)?;
    let invoice = reader.invoices(&flow.id)?.into_iter().next().ok_or(JobError::Missing("the invoice"))?;
    let hash = flow.sha256.ok_or(JobError::Missing("the download's hash"))?;
    let bytes = reader.document(&hash)?.ok_or(JobError::Missing("the download"))?;
    let copy = match reader.readable_copy(&flow.id)? {
        Some(Ok(hash)) => Some(Ok(reader.document(&hash)?.ok_or(JobError::Missing("the readable copy"))?)),
        Some(Err(missing)) => Some(Err(missing)),
        None => None,
    };
    drop(reader);

    let (xml, read) = read(&bytes, &invoice);
    let xml = xml.map(Cow::into_owned);
    let instead = if flow.role == Role::Validator && read.is_err() { copy_instead(&bytes) } else { None };
    let (came, beside) = instead.map(|(copy, beside)| (Ok(copy), beside)).unzip();
    Ok(Opened { id, invoice, hash, bytes, xml, read, copy: came.or(copy), beside })
}

fn place(core: &Core, flow: &FlowRecord, opened: &Opened) -> Result<Placed, JobError> {
    let Opened { id, invoice, hash, bytes, xml, read, copy, beside } = opened;
    let (id, hash) = (*id, *hash);
    let fault = read.as_ref().err().filter(|_| beside.is_none()).map(|detail| unreadable(flow, id, detail));
    let mut parts = match (read, xml, beside) {
        (Ok((_, pivot)), Some(xml), _) => parts(xml, pivot),
        (_, _, Some(beside)) => pieces(beside),
        _ => vec![raw(bytes)],
    };
    if let Some(Ok(pdf)) = copy {
        parts.push(Part::readable(pdf));
    }
    let layout = core.options.load().layout(&flow.realm, &flow.account);
    let copy = copy.as_ref();
    let delivery = Delivery { core, flow, invoice, id, hash, fault: fault.as_ref(), layout, copy, complement: None };
    let folder = delivery.put(parts, read.as_ref().ok())?;
    Ok(Placed { folder, fault })
}
