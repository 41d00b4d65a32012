//! The copy of a received invoice that people read, where its pivot brings none: asked for once it is known to be missing.
//!
//! Promise: asked for once, before anything is placed, and kept: no later try of the delivery asks again. An invoice is never
//! kept back for it beyond a few tries and minutes: then it is delivered without, and says so.

use std::sync::Arc;
use std::time::Duration;

use crate::chorus::{DownloadFormat, TelechargerGroupe, downloaded_files};
use crate::domain::{ChorusInvoiceId, Timestamp};
use crate::fault::{Fault, Text};
use crate::store::{FlowRecord, Lease};
use crate::work::core::{Core, JobError};
use crate::work::fetch;
use crate::work::reach::Setback;

/// Tries of a delivery that wait for the copy.
const TRIES_LIMIT: u32 = 3;
/// How long after its download an invoice waits for the copy at most.
const WAITS_LONGEST: Duration = Duration::from_secs(10 * 60);
/// Bytes that a download may inflate to: Chorus Pro's 120 MB for a whole dossier.
pub(super) const COPY_LIMIT: usize = 120 << 20;

/// What came of asking.
pub(super) enum Copy {
    /// The PDF, or why there is none: durable.
    Settled(Result<Vec<u8>, Text>),
    /// The delivery is put off: asked for again then.
    Later(Timestamp),
}

/// Asks for the copy of an invoice of which nothing is placed yet, and keeps what came of it.
pub(super) async fn fetch(
    core: &Arc<Core>,
    lease: &Lease,
    flow: &FlowRecord,
    invoice: ChorusInvoiceId,
) -> Result<Copy, JobError> {
    let halted = core.store.reader()?.halts()?.into_iter().any(|(realm, ..)| realm == lease.realm);
    let copy = if halted {
        Err(Text::new("les appels à Chorus Pro sont arrêtés", "the calls to Chorus Pro are halted"))
    } else {
        let service = TelechargerGroupe { invoice, format: DownloadFormat::ReadablePdf };
        match core.ask(&lease.realm, &service).await {
            Ok(bytes) => read(&bytes),
            Err(Setback::Later { at, .. }) if lease.tries < TRIES_LIMIT && at <= flow.since.plus(WAITS_LONGEST) => {
                return Ok(Copy::Later(at));
            }
            Err(Setback::Later { fault, .. } | Setback::Refused { fault }) => Err(told(&fault)),
        }
    };
    let content = match &copy {
        Ok(pdf) => Ok(fetch::content(core, pdf.clone()).await?),
        Err(why) => {
            log::warn!(flow = flow.id.as_str(), chorus_id = invoice.0, reason = why.en.as_str(); "A received invoice has no readable copy");
            Err(why.clone())
        }
    };
    let now = core.now();
    core.record(|| core.store.keep_copy(&flow.id, content.clone(), lease, now)).await?;
    Ok(Copy::Settled(copy))
}

fn told(fault: &Fault) -> Text {
    use crate::fault::Language::{En, Fr};
    Text::new(format!("{} {}", fault.code, fault.title(Fr)), format!("{} {}", fault.code, fault.title(En)))
}

/// The PDF in a download, which may be a ZIP with a folder for the invoice.
fn read(bytes: &[u8]) -> Result<Vec<u8>, Text> {
    let files = downloaded_files(bytes, COPY_LIMIT)
        .map_err(|error| Text::technical("sa réponse est illisible", "its answer cannot be read", error))?;
    let pdf = files.into_iter().find(|file| file.content.starts_with(b"%PDF-"));
    pdf.map(|pdf| pdf.content).ok_or_else(|| Text::new("sa réponse ne contient pas de PDF", "its answer holds no PDF"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Language;

    #[test]
    fn what_is_no_pdf_is_missing_and_says_why() {
        assert!(read(b"%PDF-1.4 x").is_ok());
        for (bytes, why) in [(&b"<html>"[..], "pas de PDF"), (b"PK\x03\x04 cut", "illisible")] {
            let text = read(bytes).expect_err(why);
            assert!(text.get(Language::Fr).contains(why), "{text:?}");
        }
    }
}
