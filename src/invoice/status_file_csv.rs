//! Our own table of statuses, `statuts*.csv`: the columns are described in `config/schema/statuts.csv.md`, and a test
//! compares.

use crate::domain::{ChorusInvoiceId, InvoiceStatus};
use crate::fault::{Code, Fault, Language};

use super::complaint;
use super::csv_table::{Record, RecordError, Records, plain_name};
use super::status_code::{EdiStatus, Reading, status_of};
use super::status_file::{
    FILE_LIMIT, InvoiceReference, LineProblem, RequestedStatus, Requests, STATUSES_LIMIT, StatusFileError,
};

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    /// When a line must fill it.
    pub needed: &'static str,
    /// Its longest value, in characters.
    pub longest: usize,
    pub meaning: &'static str,
}

/// Every column; the header names those that are there, in any order.
pub const COLUMNS: &[Column] = &[
    Column {
        name: "id_facture",
        needed: "or `numero_facture` with `fournisseur`",
        longest: 19,
        meaning: "Chorus Pro's own number of the invoice (idFacture): digits",
    },
    Column {
        name: "numero_facture",
        needed: "when `id_facture` is empty",
        longest: 1024,
        meaning: "the supplier's number of the invoice",
    },
    Column {
        name: "fournisseur",
        needed: "when `id_facture` is empty",
        longest: 80,
        meaning: "the supplier's SIRET, or what else identifies it",
    },
    Column {
        name: "statut",
        needed: "always",
        longest: 80,
        meaning: "the API's code (`SUSPENDUE`), the status files' number (`06`), or the French name (`Suspendue`); of an invoice to validate `VALIDER` or `REFUSER`",
    },
    Column {
        name: "motif",
        needed: "for `REJETEE`, `SUSPENDUE` and `REFUSER`, or `commentaire`",
        longest: 4000,
        meaning: "a motif code (`LIVR_INCOMP`) or free text; Chorus Pro takes 255 characters, the journal keeps all",
    },
    Column { name: "commentaire", needed: "never", longest: 4000, meaning: "free text that follows the motif" },
    Column {
        name: "numero_mandat",
        needed: "for `MANDATEE`",
        longest: 100,
        meaning: "number of the payment order (numeroDPMandat)",
    },
];

/// Reads a table.
pub(super) fn read(bytes: &[u8], reading: Reading, language: Language) -> Result<Requests, StatusFileError> {
    if bytes.trim_ascii().is_empty() {
        return Err(StatusFileError::Unreadable(Fault::new(Code::EmptyFile)));
    }
    if bytes.len() > FILE_LIMIT {
        let fault = complaint::over("taille du fichier", "file size", FILE_LIMIT);
        return Err(StatusFileError::Unreadable(fault));
    }
    if bytes.contains(&0) {
        return Err(StatusFileError::NoStatusFile);
    }
    let mut records = Records::new(bytes);
    let header = loop {
        match records.next() {
            Some(Ok(record)) if record.is_blank() => {}
            Some(Ok(record)) => break record,
            Some(Err(_)) | None => return Err(StatusFileError::NoStatusFile),
        }
    };
    let mut table = Table {
        places: places(&header, language)?,
        width: header.fields.len(),
        reading,
        language,
        read: Requests::default(),
    };
    for record in records {
        match record {
            Ok(record) if record.is_blank() => {}
            Ok(record) => table.line(&record),
            Err(error) => table.unreadable(&error),
        }
        if table.read.statuses.len() > STATUSES_LIMIT {
            return Err(StatusFileError::TooMany);
        }
    }
    Ok(table.read)
}

/// Where each column of [`COLUMNS`] stands in the records.
fn places(header: &Record, language: Language) -> Result<Vec<Option<usize>>, StatusFileError> {
    let fr = language == Language::Fr;
    let mut places = vec![None; COLUMNS.len()];
    let mut problems = Vec::new();
    let mut problem = |column: Option<&str>, message: String| {
        problems.push(LineProblem { line: header.line, column: column.map(str::to_owned), message });
    };
    let known = |name: &str| COLUMNS.iter().position(|c| plain_name(c.name) == plain_name(name));
    // No name at all is known: this is no table of ours.
    if header.fields.iter().all(|name| known(name).is_none()) {
        return Err(StatusFileError::NoStatusFile);
    }
    for (place, name) in header.fields.iter().enumerate() {
        let shown: String = name.chars().take(40).collect();
        match known(name) {
            // A trailing separator.
            None if name.is_empty() && place + 1 == header.fields.len() => {}
            None => {
                let names: Vec<&str> = COLUMNS.iter().map(|c| c.name).collect();
                let names = names.join(", ");
                let message = if fr {
                    format!("colonne n° {} inconnue « {shown} » ; colonnes possibles : {names}", place + 1)
                } else {
                    format!("column {} \"{shown}\" is unknown; possible columns: {names}", place + 1)
                };
                problem(Some(&shown), message);
            }
            Some(column) if places[column].is_some() => {
                let message = if fr { "colonne en double" } else { "the column is there twice" };
                problem(Some(&shown), message.to_owned());
            }
            Some(column) => places[column] = Some(place),
        }
    }
    if places[STATUS].is_none() {
        let message = if fr { "cette colonne manque dans l'en-tête" } else { "the header lacks this column" };
        problem(Some(COLUMNS[STATUS].name), message.to_owned());
    }
    if places[CHORUS_ID].is_none() && (places[NUMBER].is_none() || places[SUPPLIER].is_none()) {
        let message = if fr {
            "l'en-tête doit avoir id_facture, ou numero_facture avec fournisseur"
        } else {
            "the header must have id_facture, or numero_facture with fournisseur"
        };
        problem(None, message.to_owned());
    }
    if problems.is_empty() { Ok(places) } else { Err(StatusFileError::Header(problems)) }
}

const CHORUS_ID: usize = 0;
const NUMBER: usize = 1;
const SUPPLIER: usize = 2;
const STATUS: usize = 3;
const MOTIVE: usize = 4;
const COMMENT: usize = 5;
const MANDATE: usize = 6;

struct Table {
    places: Vec<Option<usize>>,
    width: usize,
    reading: Reading,
    language: Language,
    read: Requests,
}

impl Table {
    fn unreadable(&mut self, error: &RecordError) {
        let fr = self.language == Language::Fr;
        let message = match error {
            RecordError::TooLong { .. } if fr => "ligne trop longue".to_owned(),
            RecordError::TooManyFields { .. } if fr => "trop de champs".to_owned(),
            RecordError::QuoteOpen { field, .. } if fr => format!("champ n° {field} : guillemet jamais fermé"),
            RecordError::AfterQuote { field, .. } if fr => {
                format!("champ n° {field} : texte après le guillemet fermant (un guillemet s'écrit deux fois)")
            }
            other => other.to_string(),
        };
        self.read.problem(error.line(), None, message);
    }

    fn line(&mut self, record: &Record) {
        let before = self.problems();
        if record.fields.len() > self.width && record.fields[self.width..].iter().any(|f| !f.is_empty()) {
            let (found, wanted) = (record.fields.len(), self.width);
            let message = match self.language {
                Language::Fr => format!(
                    "{found} champs pour {wanted} colonnes : un séparateur de trop, ou un texte sans guillemets"
                ),
                Language::En => {
                    format!("{found} fields for {wanted} columns: one separator too many, or a text without quotes")
                }
            };
            self.read.problem(record.line, None, message);
            return;
        }
        let chorus_id = self.value(record, CHORUS_ID).and_then(|text| self.chorus_id(record, text));
        let number = self.value(record, NUMBER);
        let supplier = self.value(record, SUPPLIER);
        let status = self.status(record);
        let (motive, comment) = (self.value(record, MOTIVE), self.value(record, COMMENT));
        let mandate = self.value(record, MANDATE);
        if chorus_id.is_none() && (number.is_none() || supplier.is_none()) && self.problems() == before {
            let message = match self.language {
                Language::Fr => "quelle facture ? Remplissez id_facture, ou numero_facture et fournisseur",
                Language::En => "which invoice? Fill in id_facture, or numero_facture and fournisseur",
            };
            self.read.problem(record.line, None, message.to_owned());
        }
        let number = number.and_then(|text| match text.parse() {
            Ok(number) => Some(number),
            Err(_) => {
                self.wrong(record, NUMBER, "caractère de contrôle dans le numéro", "control character in the number");
                None
            }
        });
        let Some(status) = status else { return };
        if self.problems() > before {
            return;
        }
        let invoice = InvoiceReference { chorus_id, number, supplier, recipient: None, issued_on: None };
        self.read.statuses.push(RequestedStatus { line: record.line, invoice, status, motive, comment, mandate });
    }

    fn problems(&self) -> usize {
        self.read.problems.len() + self.read.further_problems
    }

    /// A filled field; one that is too long is a problem.
    fn value(&mut self, record: &Record, column: usize) -> Option<String> {
        let text = record.fields.get(self.places[column]?)?;
        let longest = COLUMNS[column].longest;
        if text.chars().count() > longest {
            let (fr, en) = (format!("plus de {longest} caractères"), format!("more than {longest} characters"));
            self.wrong(record, column, &fr, &en);
            return None;
        }
        (!text.is_empty()).then(|| text.clone())
    }

    fn chorus_id(&mut self, record: &Record, text: String) -> Option<ChorusInvoiceId> {
        match text.parse::<i64>() {
            Ok(id) if id > 0 && text.bytes().all(|b| b.is_ascii_digit()) => Some(ChorusInvoiceId(id)),
            _ => {
                let shown: String = text.chars().take(40).collect();
                let fr = format!("« {shown} » n'est pas un nombre entier (un tableur l'a-t-il transformé ?)");
                let en = format!("\"{shown}\" is no whole number (did a spreadsheet change it?)");
                self.wrong(record, CHORUS_ID, &fr, &en);
                None
            }
        }
    }

    fn status(&mut self, record: &Record) -> Option<InvoiceStatus> {
        let Some(text) = self.value(record, STATUS) else {
            self.wrong(record, STATUS, "statut manquant", "the status is missing");
            return None;
        };
        let status = status_named(&text, self.reading);
        if status.is_none() {
            let shown: String = text.chars().take(40).collect();
            let (fr, en) = (format!("statut « {shown} » inconnu"), format!("unknown status \"{shown}\""));
            self.wrong(record, STATUS, &fr, &en);
        }
        status
    }

    fn wrong(&mut self, record: &Record, column: usize, fr: &str, en: &str) {
        let message = super::texts::pick(self.language, fr, en).to_owned();
        self.read.problem(record.line, Some(COLUMNS[column].name), message);
    }
}

/// Words for a validator's decision, beside the statuses' own names.
const VALIDATE: [&str; 3] = ["VALIDER", "VALIDEE", "VALIDATION"];
const REFUSE: [&str; 3] = ["REFUSER", "REFUSEE", "REFUS"];

/// A status by its API code, its number in status files, or its French name; case and accents do not matter.
fn status_named(text: &str, reading: Reading) -> Option<InvoiceStatus> {
    if let Ok(edi) = text.parse::<EdiStatus>() {
        return status_of(edi, reading);
    }
    let wanted = plain_name(text);
    // What validators say: whether they are the invoice's first or second one is not theirs to know.
    for (words, status) in [(VALIDATE, InvoiceStatus::Validee1), (REFUSE, InvoiceStatus::Refusee1)] {
        if words.iter().any(|word| plain_name(word) == wanted) {
            return Some(status);
        }
    }
    let same = |status: &&InvoiceStatus| {
        plain_name(status.as_str()) == wanted || status.labels().is_some_and(|(french, _)| plain_name(french) == wanted)
    };
    InvoiceStatus::KNOWN.iter().find(same).cloned()
}
