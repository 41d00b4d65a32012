//! Files of statuses: Chorus Pro's `CPPStatut` (XML) and our own table `statuts*.csv` (`config/schema/statuts.csv.md`).
//!
//! Promises: bounded like an invoice (size, depth, DOCTYPE and entities refused); each line that cannot be understood is
//! reported with its place and **the good lines still count**; nothing that the file says is lost (unknown elements are
//! kept). Refuses to know: whether Chorus Pro takes the status, and which invoice a number belongs to.

use crate::domain::{ChorusInvoiceId, InvoiceNumber, InvoiceStatus};
use crate::fault::{Fault, Language};

use super::limits::Limits;
use super::status_code::{EdiStatus, Reading, status_of};
use super::texts::pick;
use super::{status_file_csv, status_file_xml};

pub use super::status_file_csv::{COLUMNS, Column};
pub use super::status_file_writing::{Envelope, WritingError, write_flux_statuses, write_invoice_statuses};

/// Statuses of one file, at most.
pub const STATUSES_LIMIT: usize = 20_000;
/// A file, in bytes.
pub const FILE_LIMIT: usize = 10 * 1024 * 1024;
/// Problems kept of one file; the rest is counted.
pub const PROBLEMS_LIMIT: usize = 300;

/// What a file asks for: one invoice, one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedStatus {
    /// Where it stands, from 1.
    pub line: usize,
    pub invoice: InvoiceReference,
    pub status: InvoiceStatus,
    /// A motif code or a free text.
    pub motive: Option<String>,
    pub comment: Option<String>,
    /// Number of the payment order (MANDATEE).
    pub mandate: Option<String>,
}

impl RequestedStatus {
    /// Motif and comment as one text.
    pub fn reason(&self) -> String {
        match (&self.motive, &self.comment) {
            (Some(motive), Some(comment)) if motive != comment => format!("{motive} - {comment}"),
            (Some(text), _) | (None, Some(text)) => text.clone(),
            (None, None) => String::new(),
        }
    }
}

/// Which invoice is meant: Chorus Pro's own number, or the supplier's number with the supplier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvoiceReference {
    pub chorus_id: Option<ChorusInvoiceId>,
    pub number: Option<InvoiceNumber>,
    /// SIRET, or what else identifies the supplier.
    pub supplier: Option<String>,
    /// The debtor's SIRET, where the file names it.
    pub recipient: Option<String>,
    /// `yyyy-mm-dd`, where the file names it.
    pub issued_on: Option<String>,
}

/// Something in a file that cannot be understood, in the language that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineProblem {
    /// From 1.
    pub line: usize,
    /// The column or element, when it is one.
    pub column: Option<String>,
    pub message: String,
}

impl LineProblem {
    /// What is wrong with the line, after its number.
    pub fn reason(&self, language: Language) -> String {
        match (language, self.column.as_deref()) {
            (Language::Fr, Some(column)) => format!("colonne {column} : {}", self.message),
            (Language::En, Some(column)) => format!("column {column}: {}", self.message),
            (_, None) => self.message.clone(),
        }
    }

    /// `ligne 3, colonne statut : …`
    pub fn text(&self, language: Language) -> String {
        let (line, column) = (self.line, self.column.as_deref());
        match (language, column) {
            (Language::Fr, Some(column)) => format!("ligne {line}, colonne {column} : {}", self.message),
            (Language::Fr, None) => format!("ligne {line} : {}", self.message),
            (Language::En, Some(column)) => format!("line {line}, column {column}: {}", self.message),
            (Language::En, None) => format!("line {line}: {}", self.message),
        }
    }
}

/// What was read of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    /// In the order of the file.
    pub statuses: Vec<RequestedStatus>,
    pub problems: Vec<LineProblem>,
    /// Problems beyond [`PROBLEMS_LIMIT`].
    pub further_problems: usize,
}

impl Requests {
    pub(super) fn problem(&mut self, line: usize, column: Option<&str>, message: String) {
        if self.problems.len() < PROBLEMS_LIMIT {
            self.problems.push(LineProblem { line, column: column.map(str::to_owned), message });
        } else {
            self.further_problems += 1;
        }
    }
}

/// Why nothing of a file was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusFileError {
    /// No text, no XML, too large, dangerous.
    Unreadable(Fault),
    /// XML of another kind: its root element.
    OtherRoot(String),
    /// The table's first line is not the expected header.
    Header(Vec<LineProblem>),
    TooMany,
    /// Neither XML nor a table.
    NoStatusFile,
}

impl StatusFileError {
    /// What is wrong and what to do, for a person.
    pub fn text(&self, language: Language) -> String {
        let fr = language == Language::Fr;
        match self {
            StatusFileError::Unreadable(fault) => format!("{}. {}", fault.title(language), fault.remedy(language)),
            StatusFileError::OtherRoot(root) if fr => {
                format!(
                    "XML d'une autre sorte (élément racine <{root}>) : un fichier de statuts commence par <CPPStatut>."
                )
            }
            StatusFileError::OtherRoot(root) => {
                format!("XML of another kind (root element <{root}>): a status file begins with <CPPStatut>.")
            }
            StatusFileError::Header(problems) => {
                problems.iter().map(|p| p.text(language)).collect::<Vec<_>>().join(" ; ")
            }
            StatusFileError::TooMany if fr => format!("Plus de {STATUSES_LIMIT} statuts : partagez le fichier."),
            StatusFileError::TooMany => format!("More than {STATUSES_LIMIT} statuses: split the file."),
            StatusFileError::NoStatusFile => pick(
                language,
                "Ni un fichier CPPStatut, ni un tableau de statuts : voyez les colonnes attendues dans le manuel.",
                "Neither a CPPStatut file nor a table of statuses: the manual lists the columns.",
            )
            .to_owned(),
        }
    }
}

/// Reads what a file asks for, whichever of the two forms it has.
pub fn read_requests(bytes: &[u8], reading: Reading, language: Language) -> Result<Requests, StatusFileError> {
    let head = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let is_xml = head.trim_ascii_start().starts_with(b"<")
        || bytes.starts_with(b"\xFF\xFE<")
        || bytes.starts_with(b"\xFE\xFF\0<");
    if is_xml {
        return Ok(status_file_xml::read(bytes, language)?.requests(reading, language));
    }
    status_file_csv::read(bytes, reading, language)
}

/// Reads a `CPPStatut` as it is: what Chorus Pro sends, or what an application drops.
pub fn read_xml(bytes: &[u8], language: Language) -> Result<StatusFile, StatusFileError> {
    status_file_xml::read(bytes, language)
}

/// The limits of a status file: like an invoice's, but many short records instead of few long ones.
pub(super) fn limits() -> Limits {
    Limits {
        file_bytes: FILE_LIMIT,
        xml_bytes: 2 * FILE_LIMIT,
        xml_depth: 16,
        xml_text_bytes: 64 * 1024,
        xml_repeats: 8 * STATUSES_LIMIT,
        ..Limits::default()
    }
}

/// A `CPPStatut` as read. The schema wants statuses of fluxes *or* of invoices; a file with both is read whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusFile {
    /// `@Version`: free text (the schema V1_19 itself says V1_18).
    pub version: Option<String>,
    /// Emetteur/Id of the first envelope.
    pub sender: Option<String>,
    /// Recepteur/Id
    pub receiver: Option<String>,
    /// The parameter IdFlx.
    pub flux_id: Option<String>,
    /// The parameter DtPrd, as written.
    pub produced: Option<String>,
    pub fluxes: Vec<FluxStatus>,
    pub invoices: Vec<InvoiceFileStatus>,
    pub problems: Vec<LineProblem>,
    pub further_problems: usize,
}

/// A party of a status file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusParty {
    /// 1 SIRET, 2 European VAT number, 3 outside the Union, 4 RIDET, 5 Tahiti, 6 being registered, 7 a person.
    pub kind: String,
    pub id: String,
    pub name: Option<String>,
    pub country: Option<String>,
    pub service: Option<String>,
    pub service_name: Option<String>,
}

/// A status of one invoice, as a file writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceFileStatus {
    pub line: usize,
    pub supplier: StatusParty,
    pub recipient: StatusParty,
    pub status: EdiStatus,
    pub complement: Option<String>,
    pub comment: Option<String>,
    /// As written (xs:dateTime).
    pub stamped: Option<String>,
    /// Producteur/@Id
    pub producer: Option<String>,
    /// IdFacture: the supplier's number.
    pub invoice: InvoiceNumber,
    pub issued_on: Option<String>,
    /// IdMandatDP
    pub mandate: Option<String>,
    /// Elements that the schema does not have: path below the unit, and text.
    pub unknown: Vec<(String, String)>,
}

/// A status of a flux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FluxStatus {
    pub line: usize,
    /// 90 received, 91 in transit, 92 received by the final recipient, 93 reception error, 94 final recipient error,
    /// 95 transmission error, 96 partly received.
    pub status: u8,
    pub complement: Option<String>,
    pub comment: Option<String>,
    pub note: Option<String>,
    pub stamped: Option<String>,
    /// IdProducteur
    pub producer: Option<String>,
    pub flux: String,
    pub errors: Vec<FluxError>,
    pub unknown: Vec<(String, String)>,
}

/// An error line of a flux's status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FluxError {
    pub nature: String,
    pub code: String,
    pub label: String,
    pub description: Option<String>,
}

impl StatusFile {
    /// What it asks for under a reading of the contradictions; a number without a documented meaning is a problem.
    pub fn requests(self, reading: Reading, language: Language) -> Requests {
        let mut requests =
            Requests { statuses: Vec::new(), problems: self.problems, further_problems: self.further_problems };
        for unit in self.invoices {
            let Some(status) = status_of(unit.status, reading) else {
                let message = match language {
                    Language::Fr => format!("le code {} n'a pas de sens documenté pour une facture", unit.status),
                    Language::En => format!("code {} has no documented meaning for an invoice", unit.status),
                };
                requests.problem(unit.line, Some("IdStatut"), message);
                continue;
            };
            requests.statuses.push(RequestedStatus {
                line: unit.line,
                invoice: InvoiceReference {
                    chorus_id: None,
                    number: Some(unit.invoice),
                    supplier: Some(unit.supplier.id).filter(|id| !id.is_empty()),
                    recipient: Some(unit.recipient.id).filter(|id| !id.is_empty()),
                    issued_on: unit.issued_on,
                },
                status,
                motive: unit.complement,
                comment: unit.comment,
                mandate: unit.mandate,
            });
        }
        for flux in &self.fluxes {
            let message = pick(
                language,
                "un statut de flux ne se demande pas : seuls les statuts de factures sont transmis",
                "a flux's status cannot be asked for: only statuses of invoices are passed on",
            );
            requests.problem(flux.line, Some("CPPFluxStatuts"), message.to_owned());
        }
        requests.problems.sort_by_key(|p| p.line);
        requests
    }
}
