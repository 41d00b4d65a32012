//! What a download of a received invoice holds, and the files that a delivery of it is made of.
//!
//! Promise: names are predictable, and those from outside never leave their folder. What cannot be read is one file, as
//! it came.

use std::borrow::Cow;

use crate::chorus::DownloadedFile;
use crate::domain::ChorusInvoiceId;
use crate::fault::{Code, Fault};
use crate::invoice::pivot::{self, AttachmentKind, Limits, PivotInvoice};
use crate::store::{FlowRecord, InvoiceRecord};
use crate::work::folders::safe_file_name;

/// Bytes of an attachment's name.
const ATTACHMENT_NAME_BYTES: usize = 120;
/// The copy that people read.
const READABLE: &str = "lisible.pdf";

/// A file of the delivery.
pub(super) struct Part<'a> {
    pub role: &'static str,
    pub name: String,
    /// The name it had, when that differs.
    pub given: Option<&'a str>,
    pub mime: &'a str,
    pub content: &'a [u8],
    /// The attachment it is.
    pub attachment: Option<&'a pivot::Attachment>,
}

/// What a download holds of an invoice, with the pivot's version.
pub(super) type Read = Result<(Option<String>, PivotInvoice), String>;

/// The pivot inside a download, and what it says of the invoice.
pub(super) fn read<'a>(bytes: &'a [u8], invoice: &InvoiceRecord) -> (Option<Cow<'a, [u8]>>, Read) {
    let limits = Limits::default();
    let xml = pivot::unwrap_download(bytes, &limits);
    let read = xml.as_ref().map_err(Clone::clone).and_then(|xml| pivot::read(xml, &limits)).map_err(|e| e.to_string());
    let read = read.and_then(|pivot| ours(pivot, invoice));
    (xml.ok(), read)
}

pub(super) fn unreadable(flow: &FlowRecord, id: ChorusInvoiceId, detail: &str) -> Fault {
    log::warn!(flow = flow.id.as_str(), chorus_id = id.0, detail = detail; "A received invoice's pivot cannot be read; it is delivered as it came");
    Fault::new(Code::PivotUnreadable).with("chorus_id", id).with("detail", detail)
}

/// A download that nobody understood, as it came.
pub(super) fn raw(bytes: &[u8]) -> Part<'_> {
    Part::new("pivot", raw_name(bytes).to_owned(), bytes)
}

/// The pivot's invoice that was asked for, with the pivot's version.
fn ours(pivot: pivot::Pivot, invoice: &InvoiceRecord) -> Result<(Option<String>, PivotInvoice), String> {
    let number = invoice.facts.number.as_str().trim();
    let version = pivot.version;
    let found = pivot.invoices.into_iter().find(|read| read.number == number);
    found.map(|read| (version, read)).ok_or_else(|| "it holds another invoice".to_owned())
}

/// A name for bytes nobody understood.
fn raw_name(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(b"PK") {
        "pivot.zip"
    } else if bytes.trim_ascii_start().starts_with(b"<") {
        "pivot.xml"
    } else {
        "pivot.bin"
    }
}

impl<'a> Part<'a> {
    /// The readable copy that Chorus Pro made.
    pub fn readable(pdf: &'a [u8]) -> Self {
        Part { mime: "application/pdf", ..Part::new("readable", READABLE.to_owned(), pdf) }
    }

    fn new(role: &'static str, name: String, content: &'a [u8]) -> Self {
        Self { role, name, given: None, mime: "", content, attachment: None }
    }

    fn attached(role: &'static str, name: String, attachment: &'a pivot::Attachment, content: &'a [u8]) -> Self {
        let (given, mime) = (Some(attachment.name.as_str()), attachment.mime.as_str());
        Self { role, name, given, mime, content, attachment: Some(attachment) }
    }
}

/// The files beside a readable copy that came in place of a pivot.
pub(super) fn pieces(files: &[DownloadedFile]) -> Vec<Part<'_>> {
    let piece = |(place, file): (usize, &'_ DownloadedFile)| {
        format!("piece-{:02}_{}", place + 1, safe_file_name(&file.name, ATTACHMENT_NAME_BYTES))
    };
    let named = files.iter().enumerate().map(|at| (piece(at), at.1));
    named.map(|(name, file)| Part { given: Some(&file.name), ..Part::new("attachment", name, &file.content) }).collect()
}

/// The files of a delivery whose pivot was read.
pub(super) fn parts<'a>(xml: &'a [u8], pivot: &'a PivotInvoice) -> Vec<Part<'a>> {
    let mut parts = vec![Part { mime: "application/xml", ..Part::new("pivot", "pivot.xml".to_owned(), xml) }];
    let principal = pivot.principal();
    if let Some(original) = principal
        && let Some(content) = &original.content
    {
        let name = format!("original{}", extension(&original.name, content));
        parts.push(Part::attached("original", name, original, content));
    }
    if let Some(readable) = pivot.readable()
        && let Some(content) = &readable.content
    {
        let part = Part::attached("readable", READABLE.to_owned(), readable, content);
        parts.push(Part { mime: "application/pdf", ..part });
    }
    let readable = pivot.readable();
    let others = pivot.attachments.iter().filter(|attachment| {
        let is = |other: Option<&pivot::Attachment>| other.is_some_and(|o| std::ptr::eq(o, *attachment));
        !is(principal) && (!is(readable) || attachment.kind == AttachmentKind::Principal)
    });
    for (place, attachment) in others.enumerate() {
        if let Some(content) = &attachment.content {
            let safe = safe_file_name(told_name(attachment), ATTACHMENT_NAME_BYTES);
            let name = format!("piece-{:02}_{safe}", place + 1);
            parts.push(Part::attached("attachment", name, attachment, content));
        }
    }
    parts
}

/// The name the supplier gave, which says more than the one in Chorus Pro's archive; unless only that one has an extension.
fn told_name(attachment: &pivot::Attachment) -> &str {
    match &attachment.inner_name {
        Some(inner) if !attachment.name.contains('.') && inner.contains('.') => inner,
        _ => &attachment.name,
    }
}

/// The extension of the name it was given, or one that its first bytes tell.
fn extension(name: &str, content: &[u8]) -> String {
    let safe = safe_file_name(name, ATTACHMENT_NAME_BYTES);
    match safe.rfind('.') {
        Some(dot)
            if dot > 0
                && (2..=6).contains(&(safe.len() - dot))
                && safe[dot + 1..].bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            safe[dot..].to_ascii_lowercase()
        }
        _ if content.starts_with(b"%PDF-") => ".pdf".to_owned(),
        _ if content.trim_ascii_start().starts_with(b"<") => ".xml".to_owned(),
        _ => ".bin".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::invoice::pivot::Attachment;

    fn attachment(name: &str, kind: AttachmentKind, content: &[u8]) -> Attachment {
        Attachment { name: name.to_owned(), kind, content: Some(content.to_vec()), ..Attachment::default() }
    }

    #[test]
    fn files_have_predictable_names_that_stay_in_their_folder() {
        let pivot = PivotInvoice {
            attachments: vec![
                attachment("FA/../1.PDF", AttachmentKind::Principal, b"%PDF-1.4"),
                attachment("../../etc/cron.d/x", AttachmentKind::Complementary, b"a"),
                attachment("bon.txt", AttachmentKind::Complementary, b"b"),
                attachment("bon.txt", AttachmentKind::Complementary, b"c"),
            ],
            ..PivotInvoice::default()
        };
        let names: Vec<String> = parts(b"<x/>", &pivot).into_iter().map(|p| p.name).collect();
        assert_eq!(names[..3], ["pivot.xml", "original.pdf", "lisible.pdf"]);
        assert_eq!(names[4..], ["piece-02_bon.txt", "piece-03_bon.txt"]);
        assert!(names.iter().all(|name| !name.contains('/')), "{names:?}");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert_eq!(extension("facture", b"<Invoice/>"), ".xml");
        assert_eq!(extension("x.é", b"?"), ".bin");
        assert_eq!(raw_name(b"PK.."), "pivot.zip");
    }
}
