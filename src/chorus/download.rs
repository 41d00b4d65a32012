//! `telecharger/groupe`: the bytes of a received invoice. The call flips `factureTelechargeeParDestinataire` at Chorus
//! Pro, so the bytes must be durable before anything reads them; the call itself may be made again.

use std::io::{Cursor, Read};

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};

use crate::chorus::{Service, Unreadable};
use crate::domain::ChorusInvoiceId;

/// In which form an invoice is downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownloadFormat {
    /// The pivot: XML, or a ZIP that holds it (sniff `PK`).
    Pivot,
    /// A readable PDF, or a ZIP with a folder per invoice.
    Pdf,
    /// The readable PDF without the attachments.
    ReadablePdf,
}

/// Downloads one invoice. One per call: whether PIVOT with several gives one XML or several is not known (PROTOCOL §9).
#[derive(Debug, Clone, Copy)]
pub struct TelechargerGroupe {
    pub invoice: ChorusInvoiceId,
    pub format: DownloadFormat,
}

/// A file of a PDF download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadedFile {
    /// Without folders; never a path to trust.
    pub name: String,
    pub content: Vec<u8>,
}

/// Files of one download, at most.
const FILES_LIMIT: usize = 1_000;

/// The files of a download in [`DownloadFormat::Pdf`], as they came: one PDF, or a ZIP with a folder per invoice in which the
/// readable PDF stands beside its attachments. `limit`: bytes they may inflate to, together.
pub fn downloaded_files(bytes: &[u8], limit: usize) -> Result<Vec<DownloadedFile>, Unreadable> {
    let damaged = |e: &dyn std::fmt::Display| Unreadable::new("fichierResultat", format!("is a damaged ZIP: {e}"));
    if !bytes.starts_with(b"PK") {
        return Ok(vec![DownloadedFile { name: "lisible.pdf".to_owned(), content: bytes.to_vec() }]);
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| damaged(&e))?;
    if archive.len() > FILES_LIMIT {
        return Err(Unreadable::new("fichierResultat", format!("holds more than {FILES_LIMIT} files")));
    }
    let mut files = Vec::new();
    let mut room = limit;
    for place in 0..archive.len() {
        let mut member = archive.by_index(place).map_err(|e| damaged(&e))?;
        if member.is_dir() {
            continue;
        }
        let path = member.name().map_or_else(|_| format!("fichier-{}", place + 1), |name| name.into_owned());
        let name = path.rsplit(['/', '\\']).next().unwrap_or(&path).chars().take(200).collect();
        let mut content = Vec::new();
        let bound = u64::try_from(room).unwrap_or(u64::MAX).saturating_add(1);
        member.by_ref().take(bound).read_to_end(&mut content).map_err(|e| damaged(&e))?;
        room = room
            .checked_sub(content.len())
            .ok_or_else(|| Unreadable::new("fichierResultat", format!("inflates to more than {limit} bytes")))?;
        files.push(DownloadedFile { name, content });
    }
    Ok(files)
}

/// Padding may be missing; line breaks are taken out before.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Service for TelechargerGroupe {
    const NAME: &'static str = "telecharger/groupe";
    const PATH: &'static str = "/cpro/factures/v1/telecharger/groupe";
    /// 120 MB of documents in base64 (PROTOCOL §2), and some room.
    const ANSWER_LIMIT: usize = 176 << 20;
    /// The bytes as they came: nothing here looks into them.
    type Answer = Vec<u8>;

    fn body(&self) -> Value {
        let (format, attachments) = match self.format {
            DownloadFormat::Pivot => ("PIVOT", "NON"),
            DownloadFormat::Pdf => ("PDF", "OUI"),
            DownloadFormat::ReadablePdf => ("PDF", "NON"),
        };
        json!({
            "listeFacture": [{"idFacture": self.invoice.0}],
            "format": format,
            "avecPiecesJointesComplementaires": attachments,
        })
    }

    fn read(answer: &Value) -> Result<Vec<u8>, Unreadable> {
        decoded(answer, &["fichierResultat"])
    }
}

/// The bytes of the first of these fields that is filled; the first names it in an error.
pub(super) fn decoded(answer: &Value, fields: &[&str]) -> Result<Vec<u8>, Unreadable> {
    let filled = fields.iter().find_map(|name| {
        let text = answer.get(name).and_then(Value::as_str)?;
        (!text.trim().is_empty()).then_some((*name, text))
    });
    let Some((name, text)) = filled else {
        return Err(Unreadable::new(fields.first().copied().unwrap_or("body"), "is missing"));
    };
    let decoded = if text.bytes().any(|b| b.is_ascii_whitespace()) {
        LENIENT.decode(text.bytes().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<u8>>())
    } else {
        LENIENT.decode(text)
    };
    decoded.map_err(|e| Unreadable::new(name, format!("is no base64: {e}")))
}
