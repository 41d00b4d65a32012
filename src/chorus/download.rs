//! `telecharger/groupe`: the bytes of a received invoice. The call flips `factureTelechargeeParDestinataire` at Chorus
//! Pro, so the bytes must be durable before anything reads them; the call itself may be made again.

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
}

/// Downloads one invoice. One per call: whether PIVOT with several gives one XML or several is not known (PROTOCOL §9).
#[derive(Debug, Clone, Copy)]
pub struct TelechargerGroupe {
    pub invoice: ChorusInvoiceId,
    pub format: DownloadFormat,
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
