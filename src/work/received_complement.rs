//! Places what a supplier added to a received invoice that was suspended: a folder of its own in `/recues/`, named after
//! the delivery it completes, with the new pieces only.
//!
//! Promise: the same as of a delivery (built apart, whole, once, whatever crashes). A piece is new when no earlier download of
//! the invoice has the same name and bytes; a download without one leaves no folder: the status event tells of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::domain::DocumentHash;
use crate::fault::Fault;
use crate::flow::reception::Event;
use crate::os::durable;
use crate::store::{ComplementRecord, FlowRecord, InvoiceRecord, Lease, Reader, ReceptionFacts};
use crate::work::core::{Core, JobError};
use crate::work::deliver::{is_taken, not_placed};
use crate::work::delivery::{Complement, Delivery, WHAT};
use crate::work::delivery_files::{Part, parts, raw, read, unreadable};
use crate::work::fetch::chorus_id;
use crate::work::folders::DeliveryId;

pub(super) async fn run(core: &Arc<Core>, lease: &Lease, flow: FlowRecord) -> Result<(), JobError> {
    let all = core.store.reader()?.complements(&flow.id)?;
    let Some(complement) = all.iter().find(|c| c.document.is_some() && !c.placed).cloned() else {
        return Ok(core.store.finish(lease).await?);
    };
    let placed = {
        let (flow, complement) = (flow.clone(), complement.clone());
        core.apart(move |core| place(core, &flow, &complement)).await
    };
    let (event, facts) = match placed {
        Ok((folder, fault)) => {
            log::info!(flow = flow.id.as_str(), complement = complement.n, folder = folder.as_deref().unwrap_or("-"); "A received invoice's complement is delivered");
            (Event::ComplementPlaced, ReceptionFacts { folder, fault, ..ReceptionFacts::default() })
        }
        Err(JobError::Files { what, error }) => {
            log::error!(flow = flow.id.as_str(), error = error.to_string().as_str(); "A complement cannot be placed into {what}");
            (Event::PlacingFailed, not_placed(core, &flow, error)?)
        }
        Err(other) => return Err(other),
    };
    let now = core.now();
    core.record(|| core.store.advance(&flow.id, event, facts.clone(), Some(lease), now)).await?;
    if event == Event::ComplementPlaced {
        settle(core, &flow, &DeliveryId { flow: flow.id.clone(), complement: complement.n }).await?;
    }
    Ok(())
}

/// The complement is journalled as placed: an application that was faster than the journal has taken it, and its mark goes.
/// One that is not journalled needs its mark.
pub(super) async fn settle(core: &Arc<Core>, flow: &FlowRecord, delivery: &DeliveryId) -> Result<(), JobError> {
    let all = core.store.reader()?.complements(&flow.id)?;
    let Some(placed) = all.into_iter().find(|c| c.n == delivery.complement && c.placed) else { return Ok(()) };
    if let Some(folder) = placed.delivered_as {
        let (own, name) = (flow.clone(), folder.clone());
        if core.apart(move |core| is_taken(core, &own, &name)).await? {
            let facts = ReceptionFacts { folder: Some(folder), ..ReceptionFacts::default() };
            core.store.advance(&flow.id, Event::ComplementTaken, facts, None, core.now()).await?;
        }
    }
    let mark = core.folders.delivery_mark(&flow.account, delivery).map_err(JobError::files(WHAT))?;
    core.apart(move |_| durable::remove_durably(&mark).map_err(JobError::files(WHAT))).await
}

/// The folder's name, if there is something new, and what is wrong with the download.
fn place(
    core: &Core,
    flow: &FlowRecord,
    complement: &ComplementRecord,
) -> Result<(Option<String>, Option<Fault>), JobError> {
    let reader = core.store.reader()?;
    let id = chorus_id(&reader, &flow.id)?;
    let invoice = reader.invoices(&flow.id)?.into_iter().next().ok_or(JobError::Missing("the invoice"))?;
    let hash = complement.document.ok_or(JobError::Missing("the complement's hash"))?;
    let bytes = reader.document(&hash)?.ok_or(JobError::Missing("the complement"))?;
    let of = flow.delivered_as.as_deref().ok_or(JobError::Missing("the folder that is completed"))?;
    let (xml, read) = read(&bytes, &invoice);
    let fault = read.as_ref().err().map(|detail| unreadable(flow, id, detail));
    let parts = match (&read, &xml) {
        (Ok((_, pivot)), Some(xml)) => {
            let had = earlier(&reader, flow, complement, &invoice)?;
            let is_new = |part: &Part<'_>| part.role != "pivot" && !had.contains(&piece(part));
            parts(xml, pivot).into_iter().filter(is_new).collect()
        }
        _ => vec![raw(&bytes)],
    };
    drop(reader);
    if parts.is_empty() {
        return Ok((None, fault));
    }
    let completed = Some(Complement { of, record: complement });
    let layout = core.options.load().layout(&flow.realm, &flow.account);
    let (fault_, copy) = (fault.as_ref(), None);
    let delivery =
        Delivery { core, flow, invoice: &invoice, id, hash, fault: fault_, layout, copy, complement: completed };
    Ok((Some(delivery.put(parts, read.as_ref().ok())?), fault))
}

/// What tells one piece from another: the name it was given and its bytes.
type Piece = (String, [u8; 32]);

fn piece(part: &Part<'_>) -> Piece {
    (part.given.unwrap_or_default().to_owned(), Sha256::digest(part.content).into())
}

/// The pieces that earlier downloads of the invoice have. One that cannot be read was delivered as it came, and has none.
fn earlier(
    reader: &Reader,
    flow: &FlowRecord,
    complement: &ComplementRecord,
    invoice: &InvoiceRecord,
) -> Result<BTreeSet<Piece>, JobError> {
    let before = reader.complements(&flow.id)?.into_iter().filter(|c| c.n < complement.n);
    let downloads: Vec<DocumentHash> = flow.sha256.into_iter().chain(before.filter_map(|c| c.document)).collect();
    let mut pieces = BTreeSet::new();
    for hash in downloads {
        let bytes = reader.document(&hash)?.ok_or(JobError::Missing("an earlier download"))?;
        if let (Some(xml), Ok((_, pivot))) = read(&bytes, invoice) {
            pieces.extend(parts(&xml, &pivot).iter().map(piece));
        }
    }
    Ok(pieces)
}
