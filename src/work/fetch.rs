//! Downloads a received invoice, and once more each time its supplier has completed it.
//!
//! Promise: the download flips a flag at Chorus Pro, so its bytes are durable before anything looks into them
//! (PROTOCOL §0.6); one invoice per call. Whether a validator is given the pivot is not documented: where it is refused,
//! the readable copy with its attachments comes instead.

use std::sync::Arc;
use std::time::Duration;

use crate::chorus::{DownloadFormat, TelechargerGroupe};
use crate::domain::{ChorusInvoiceId, Role};
use crate::fault::{Code, Fault, Language};
use crate::flow::reception::{Event, State};
use crate::store::{Content, Lease, ReceptionFacts};
use crate::work::core::{Core, JobError};
use crate::work::reach::Setback;

/// Documents up to this size go into the step itself; larger ones are made durable before it.
const INLINE_BYTES: usize = 64 * 1024;
/// Before a download that broke off is asked for again: each try goes over the line from its first byte. Doubled each time.
const BROKEN_WAIT: Duration = Duration::from_millis(500);
const BROKEN_LONGEST: Duration = Duration::from_secs(3600);
/// A download that broke off so often is told.
const TRIES_BEFORE_FAULT: u32 = 4;
/// Before a download that Chorus Pro refused is asked for again; doubled each time.
const REFUSED_WAIT: Duration = Duration::from_secs(15 * 60);
/// The longest wait between two tries of a download that Chorus Pro refuses.
const REFUSED_LONGEST: Duration = Duration::from_secs(24 * 3600);

pub(super) async fn run(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    let reader = core.store.reader()?;
    let flow = core.flow(&reader, lease)?;
    let event = if flow.state == State::Found.as_str() {
        Event::Downloaded
    } else if reader.complements(&flow.id)?.iter().any(|complement| complement.document.is_none()) {
        Event::ComplementDownloaded
    } else {
        return Ok(core.store.finish(lease).await?);
    };
    let invoice = chorus_id(&reader, &flow.id)?;
    drop(reader);
    let mut answer = core.ask(&lease.realm, &TelechargerGroupe { invoice, format: DownloadFormat::Pivot }).await;
    if flow.role == Role::Validator && matches!(answer, Err(Setback::Refused { .. })) {
        log::info!(flow = flow.id.as_str(), chorus_id = invoice.0; "The pivot of an invoice to validate is refused; its readable copy is asked for");
        answer = core.ask(&lease.realm, &TelechargerGroupe { invoice, format: DownloadFormat::Pdf }).await;
    }
    let bytes = match answer {
        Ok(bytes) => bytes,
        // Only a download that was under way and did not come to its end counts.
        Err(Setback::Later { at, fault }) if !is_broken_off(&fault) => {
            return Ok(core.store.postpone(lease, at).await?);
        }
        Err(Setback::Later { at, fault }) => {
            let tries = lease.tries.saturating_add(1);
            if tries >= TRIES_BEFORE_FAULT {
                let shown = Fault::new(Code::DownloadFails).with("chorus_id", invoice).with("tries", tries);
                core.hindered(&flow.id, shown.with("detail", fault.title(Language::En))).await?;
            }
            let wait = BROKEN_WAIT.saturating_mul(1 << lease.tries.min(10)).min(BROKEN_LONGEST);
            return Ok(core.store.retry(lease, at.max(core.now().plus(wait))).await?);
        }
        Err(Setback::Refused { fault }) => {
            let wait = REFUSED_WAIT.saturating_mul(1 << lease.tries.min(10)).min(REFUSED_LONGEST);
            core.hindered(&flow.id, fault).await?;
            return Ok(core.store.retry(lease, core.now().plus(wait)).await?);
        }
    };
    let size = bytes.len();
    let facts = ReceptionFacts { document: Some(content(core, bytes).await?), ..ReceptionFacts::default() };
    let now = core.now();
    core.record(|| core.store.advance(&flow.id, event, facts.clone(), Some(lease), now)).await?;
    log::info!(flow = flow.id.as_str(), event = event.as_str(), chorus_id = invoice.0, bytes = size; "A received invoice is downloaded and durable");
    Ok(())
}

/// Whether the download itself failed, and not the way to it.
fn is_broken_off(fault: &Fault) -> bool {
    matches!(fault.code, Code::ChorusFailing | Code::AnswerUnreadable)
}

/// What was downloaded on its way into a step.
pub(super) async fn content(core: &Arc<Core>, bytes: Vec<u8>) -> Result<Content, JobError> {
    if bytes.len() <= INLINE_BYTES {
        return Ok(Content::Inline(bytes));
    }
    core.apart(move |core| Ok(Content::Kept(core.store.keep_document(&mut bytes.as_slice())?))).await
}

/// Chorus Pro's number of a reception's invoice.
pub(super) fn chorus_id(
    reader: &crate::store::Reader,
    flow: &crate::domain::FlowId,
) -> Result<ChorusInvoiceId, JobError> {
    let invoices = reader.invoices(flow)?;
    invoices.first().and_then(|invoice| invoice.chorus_id).ok_or(JobError::Missing("the invoice's id at Chorus Pro"))
}
