//! Has Chorus Pro read a plain PDF that waits for its data: a proposal for the form on the page.
//!
//! Promise: it makes no invoice and costs nothing when it fails: the form is empty then. (What Chorus Pro keeps of it is a
//! file that nothing refers to; the deposit hands its own in, since nobody documents how long such a file is kept.)

use std::sync::Arc;

use serde_json::{Value, json};

use crate::chorus::{DeposerPdf, PdfSignature, ReadPdf};
use crate::flow::deposit::State;
use crate::store::Lease;
use crate::work::connector::CallError;
use crate::work::core::{Core, JobError};
use crate::work::reach::Setback;

/// A reading that failed so often is given up.
const TRIES: u32 = 5;

pub(super) async fn run(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    let flow = core.flow(&core.store.reader()?, lease)?;
    if flow.state != State::Incomplete.as_str() {
        return Ok(core.store.finish(lease).await?);
    }
    let connector = match core.connector(&lease.realm).await {
        Ok(connector) => connector,
        Err(Setback::Later { at, .. }) => return Ok(core.store.postpone(lease, at).await?),
        Err(Setback::Refused { .. }) => return Ok(core.store.finish(lease).await?),
    };
    let hash = flow.sha256.ok_or(JobError::Missing("the document's hash"))?;
    let content =
        core.apart(move |core| core.store.reader()?.document(&hash)?.ok_or(JobError::Missing("the document"))).await?;
    let signed = crate::invoice::is_signed(&content);
    let signature = if signed { PdfSignature::Pades } else { PdfSignature::None };
    let upload = DeposerPdf { content: content.into(), file_name: DeposerPdf::file_name(&flow.file), signature };
    match connector.call(&upload).await {
        Ok(read) => {
            core.pauses.passed(&lease.realm);
            core.store.propose(&flow.id, &proposal(&read).to_string(), lease, core.now()).await?;
        }
        Err(error @ CallError::Refused { .. }) => {
            log::info!(flow = flow.id.as_str(), error = error.to_string().as_str(); "Chorus Pro does not read a PDF");
            core.store.finish(lease).await?;
        }
        Err(error) => {
            log::info!(flow = flow.id.as_str(), error = error.to_string().as_str(); "Chorus Pro could not be asked to read a PDF");
            match core.setback(&lease.realm, error).await {
                Setback::Later { at, .. } if lease.tries < TRIES => core.store.retry(lease, at).await?,
                _ => core.store.finish(lease).await?,
            }
        }
    }
    Ok(())
}

/// What was read, in the shape of the data: guesses, each as it came.
fn proposal(read: &ReadPdf) -> Value {
    json!({
        "number": read.number,
        "date": read.issued_on.as_ref().map(|on| on.as_str().chars().take(10).collect::<String>()),
        "supplier": {"siret": read.supplier},
        "recipient": {"siret": read.recipient, "service": read.service},
        "commitment": read.order,
        "currency": read.currency,
        "totals": {
            "without_tax": read.without_tax,
            "tax": read.tax,
            "with_tax": read.payable,
            "payable": read.payable,
        },
    })
}
