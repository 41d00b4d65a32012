//! What a received invoice's download holds for people: the pivot, and the copy that they read.

use std::borrow::Cow;

use crate::chorus::{DownloadedFile, downloaded_files};
use crate::domain::Role;
use crate::invoice::pivot::PivotInvoice;
use crate::store::{FlowRecord, InvoiceRecord, Reader, StoreError};
use crate::work::delivery_files::read;
use crate::work::readable::COPY_LIMIT;

#[derive(Debug, Default)]
pub struct ReceivedDocument {
    /// The pivot's XML, where it could be read.
    pub pivot: Option<Vec<u8>>,
    /// A PDF: the pivot's, the one that came in its place, or the one that was asked for.
    pub readable: Option<Vec<u8>>,
    /// What the pivot says of the invoice.
    pub told: Option<PivotInvoice>,
}

impl ReceivedDocument {
    /// Of a received invoice; of one that is not downloaded yet nothing.
    pub fn of(reader: &Reader, flow: &FlowRecord, invoice: &InvoiceRecord) -> Result<Self, StoreError> {
        let bytes = match &flow.sha256 {
            Some(hash) => reader.document(hash)?,
            None => None,
        };
        let Some(bytes) = bytes else { return Ok(Self::default()) };
        let (xml, told) = read(&bytes, invoice);
        let told = told.ok().map(|(_, told)| told);
        let pivot = xml.map(Cow::into_owned).filter(|_| told.is_some());
        let own = told.as_ref().and_then(|told| told.readable()).and_then(|copy| copy.content.clone());
        let instead = || copy_instead(&bytes).filter(|_| flow.role == Role::Validator && told.is_none());
        let readable = match own.or_else(|| instead().map(|(copy, _)| copy)) {
            Some(copy) => Some(copy),
            None => match reader.readable_copy(&flow.id)? {
                Some(Ok(hash)) => reader.document(&hash)?,
                Some(Err(_)) | None => None,
            },
        };
        Ok(Self { pivot, readable, told })
    }
}

/// A download that is no pivot but the readable copy, and the files beside it.
pub(super) fn copy_instead(bytes: &[u8]) -> Option<(Vec<u8>, Vec<DownloadedFile>)> {
    let mut files = downloaded_files(bytes, COPY_LIMIT).ok()?;
    let at = files.iter().position(|file| file.content.starts_with(b"%PDF-"))?;
    Some((files.remove(at).content, files))
}
