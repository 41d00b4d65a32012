//! Attachments: handed in (`ajouter/fichier`), put on a suspended invoice (`completer`), fetched
//! (`telecharger/pieceJointe`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::chorus::{Service, Unreadable, WireDate, field};
use crate::domain::{ChorusInvoiceId, InvoiceNumber};

/// The largest attachment, in bytes (PROTOCOL §2.2: 10 MB).
pub const ATTACHMENT_LIMIT: usize = 10 * 1024 * 1024;
/// The longest `pieceJointeNom`, in characters.
const NAME_LIMIT: usize = 50;

/// Chorus Pro's number of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttachmentId(pub i64);

/// (extension, media type). What the portal takes (PROTOCOL §2.2).
const EXTENSIONS: &[(&str, &str)] = &[
    ("BMP", "image/bmp"),
    ("BZ2", "application/x-bzip2"),
    ("CSV", "text/csv"),
    ("DOC", "application/msword"),
    ("DOCX", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("FAX", "image/fax"),
    ("GIF", "image/gif"),
    ("GZ", "application/gzip"),
    ("GZIP", "application/gzip"),
    ("HTM", "text/html"),
    ("HTML", "text/html"),
    ("JPEG", "image/jpeg"),
    ("JPG", "image/jpeg"),
    ("ODP", "application/vnd.oasis.opendocument.presentation"),
    ("ODS", "application/vnd.oasis.opendocument.spreadsheet"),
    ("ODT", "application/vnd.oasis.opendocument.text"),
    ("P7S", "application/pkcs7-signature"),
    ("PDF", "application/pdf"),
    ("PNG", "image/png"),
    ("PPT", "application/vnd.ms-powerpoint"),
    ("PPTX", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("RTF", "application/rtf"),
    ("SVG", "image/svg+xml"),
    ("TGZ", "application/gzip"),
    ("TIF", "image/tiff"),
    ("TIFF", "image/tiff"),
    ("TXT", "text/plain"),
    ("XHTML", "application/xhtml+xml"),
    ("XLC", "application/vnd.ms-excel"),
    ("XLS", "application/vnd.ms-excel"),
    ("XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("XML", "application/xml"),
    ("ZIP", "application/zip"),
];

/// Why a file cannot be an attachment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentError {
    #[error("the file is empty")]
    Empty,
    #[error("the file has {size} bytes, Chorus Pro takes at most {ATTACHMENT_LIMIT}")]
    TooLarge { size: usize },
    #[error("Chorus Pro takes no files of extension {0:?}")]
    Extension(String),
}

impl AttachmentError {
    /// What to do, in French.
    pub fn remedy(&self) -> String {
        match self {
            AttachmentError::Empty => "La pièce jointe est vide : vérifiez l’application qui l’écrit.".to_owned(),
            AttachmentError::TooLarge { .. } => {
                "La pièce jointe dépasse 10 Mo, la limite de Chorus Pro : allégez-la ou partagez-la.".to_owned()
            }
            AttachmentError::Extension(extension) => {
                let known: Vec<&str> = EXTENSIONS.iter().map(|(e, _)| *e).collect();
                format!("Chorus Pro n’accepte pas l’extension « {extension} ». Acceptées : {}.", known.join(", "))
            }
        }
    }
}

/// Hands in an attachment, which nothing refers to yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AjouterFichier {
    content: Bytes,
    name: String,
    extension: &'static str,
    media_type: &'static str,
}

impl AjouterFichier {
    /// The request for a file of this name, or why Chorus Pro would not take it.
    pub fn new(name: &str, content: Bytes) -> Result<Self, AttachmentError> {
        if content.is_empty() {
            return Err(AttachmentError::Empty);
        }
        if content.len() > ATTACHMENT_LIMIT {
            return Err(AttachmentError::TooLarge { size: content.len() });
        }
        let (stem, extension) = name.trim().rsplit_once('.').unwrap_or((name.trim(), ""));
        let listed = EXTENSIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
        let Some((extension, media_type)) = listed else {
            return Err(AttachmentError::Extension(extension.chars().take(40).collect()));
        };
        Ok(Self { content, name: attachment_name(stem, extension), extension, media_type })
    }

    /// The name it is handed in under.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// At most 50 characters with its extension, none of those Chorus Pro forbids in names.
fn attachment_name(stem: &str, extension: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || "-_. ()".contains(c);
    let room = NAME_LIMIT - extension.len() - 1;
    let cleaned: String = stem.chars().map(|c| if allowed(c) { c } else { '_' }).take(room).collect();
    let cleaned = cleaned.trim_matches(['.', ' ']);
    let stem = if cleaned.is_empty() { "piece" } else { cleaned };
    format!("{stem}.{}", extension.to_ascii_lowercase())
}

impl Service for AjouterFichier {
    const NAME: &'static str = "ajouter/fichier";
    const PATH: &'static str = "/cpro/transverses/v1/ajouter/fichier";
    const CHANGES: bool = true;
    const ANSWER_LIMIT: usize = 1 << 20;
    type Answer = AttachmentId;

    fn body(&self) -> Value {
        json!({
            "pieceJointeFichier": STANDARD.encode(&self.content),
            "pieceJointeNom": self.name,
            "pieceJointeTypeMime": self.media_type,
            "pieceJointeExtension": self.extension,
        })
    }

    fn read(answer: &Value) -> Result<AttachmentId, Unreadable> {
        field::needed_integer(answer, "", "pieceJointeId").map(AttachmentId)
    }
}

/// An attachment handed in before, as an invoice refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentReference {
    pub id: AttachmentId,
    /// What it is called on the invoice.
    pub designation: String,
    /// Its type's code (`recuperer/typespj`), when it has one.
    pub kind: Option<String>,
    /// The invoice line it belongs to.
    pub line: Option<u32>,
}

impl AttachmentReference {
    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "pieceJointeComplementaireDesignation": self.designation,
            "pieceJointeComplementaireId": self.id.0,
        });
        if let Some(kind) = &self.kind {
            body["pieceJointeComplementaireType"] = kind.as_str().into();
        }
        if let Some(line) = self.line {
            body["pieceJointeComplementaireNumeroLigneFacture"] = line.into();
        }
        body
    }
}

/// Completes an invoice that its recipient suspended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completer {
    pub invoice: ChorusInvoiceId,
    pub attachments: Vec<AttachmentReference>,
    /// Sent whole: no limit of it is documented.
    pub comment: String,
}

/// Chorus Pro has taken the complement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    pub invoice: Option<ChorusInvoiceId>,
    pub number: Option<InvoiceNumber>,
    pub at: Option<WireDate>,
}

impl Service for Completer {
    const NAME: &'static str = "completer";
    const PATH: &'static str = "/cpro/factures/v1/completer";
    const CHANGES: bool = true;
    const ANSWER_LIMIT: usize = 1 << 20;
    type Answer = Completed;

    fn body(&self) -> Value {
        let attachments: Vec<Value> = self.attachments.iter().map(AttachmentReference::body).collect();
        json!({
            "identifiantFactureCPP": self.invoice.0,
            "pieceJointeComplementaire": attachments,
            "commentaire": self.comment,
        })
    }

    fn read(answer: &Value) -> Result<Completed, Unreadable> {
        Ok(Completed {
            invoice: field::integer(answer, "identifiantFactureCPP").map(ChorusInvoiceId),
            number: field::text(answer, "numeroFacture").and_then(|n| n.parse().ok()),
            at: field::date(answer, "dateTraitement"),
        })
    }
}
