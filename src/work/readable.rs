//! The copy of a received invoice that people read, where its pivot brings none: asked for once it is known to be missing.
//!
//! Promise: an invoice is never kept back for it. What does not come within a few tries is delivered without, and says so.

use std::sync::Arc;

use crate::chorus::{DownloadFormat, TelechargerGroupe, downloaded_files};
use crate::domain::ChorusInvoiceId;
use crate::fault::{Fault, Text};
use crate::store::Lease;
use crate::work::core::{Core, JobError};
use crate::work::reach::Setback;

/// Tries of a delivery that wait for the copy.
const TRIES_LIMIT: u32 = 3;
/// Bytes that a download may inflate to: Chorus Pro's 120 MB for a whole dossier.
pub(super) const COPY_LIMIT: usize = 120 << 20;

/// What came of asking.
pub(super) enum Copy {
    Pdf(Vec<u8>),
    /// Why there is none.
    Missing(Text),
    /// The delivery is put off: asked for again then.
    Later(crate::domain::Timestamp),
}

pub(super) async fn fetch(core: &Arc<Core>, lease: &Lease, invoice: ChorusInvoiceId) -> Result<Copy, JobError> {
    let halted = core.store.reader()?.halts()?.into_iter().any(|(realm, ..)| realm == lease.realm);
    if halted {
        return Ok(Copy::Missing(Text::new(
            "les appels à Chorus Pro sont arrêtés",
            "the calls to Chorus Pro are halted",
        )));
    }
    let service = TelechargerGroupe { invoice, format: DownloadFormat::ReadablePdf };
    match core.ask(&lease.realm, &service).await {
        Ok(bytes) => Ok(read(&bytes)),
        Err(Setback::Later { at, .. }) if lease.tries < TRIES_LIMIT => Ok(Copy::Later(at)),
        Err(Setback::Later { fault, .. } | Setback::Refused { fault }) => Ok(Copy::Missing(told(&fault))),
    }
}

fn told(fault: &Fault) -> Text {
    use crate::fault::Language::{En, Fr};
    Text::new(format!("{} {}", fault.code, fault.title(Fr)), format!("{} {}", fault.code, fault.title(En)))
}

/// The PDF in a download, which may be a ZIP with a folder for the invoice.
fn read(bytes: &[u8]) -> Copy {
    let files = match downloaded_files(bytes, COPY_LIMIT) {
        Ok(files) => files,
        Err(error) => {
            return Copy::Missing(Text::technical("sa réponse est illisible", "its answer cannot be read", error));
        }
    };
    match files.into_iter().find(|file| file.content.starts_with(b"%PDF-")) {
        Some(pdf) => Copy::Pdf(pdf.content),
        None => Copy::Missing(Text::new("sa réponse ne contient pas de PDF", "its answer holds no PDF")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Language;

    #[test]
    fn what_is_no_pdf_is_missing_and_says_why() {
        assert!(matches!(read(b"%PDF-1.4 x"), Copy::Pdf(_)));
        for (bytes, why) in [(&b"<html>"[..], "pas de PDF"), (b"PK\x03\x04 cut", "illisible")] {
            let Copy::Missing(text) = read(bytes) else { panic!("{why}") };
            assert!(text.get(Language::Fr).contains(why), "{text:?}");
        }
    }
}
