//! The readable image of an invoice: one tagged PDF/A-3 in French, made of what the semantic model says, with the original
//! attached, which alone is proof.
//!
//! Promises an image of every invoice that was read, valid or not: what is missing is left out or said to be missing, what is
//! too long goes on below, and nothing of the model is dropped in silence. Pure: the day is an argument, and the same
//! arguments make the same bytes. Refuses to judge.

mod closing;
mod figures;
mod head;
mod labels;
mod letters;
mod lines;
mod pdf;
mod phrases;
mod sheet;
mod sums;
mod unsaid;

use en16931::{Date, Invoice};
use sha2::{Digest, Sha256};

use crate::fault::Text;

use super::Severity;

use sheet::{MAX_PAGES, Sheet};

pub use unsaid::Unsaid;

/// Invoice lines (BG-25), with those they are made of, that an image may have.
pub const MAX_LINES: usize = 20_000;

/// The file that the invoice was read from.
#[derive(Debug, Clone, Copy)]
pub struct Original<'a> {
    pub name: &'a str,
    pub bytes: &'a [u8],
    pub mime: &'a str,
    /// The name of the file by which it is in the PDF as the invoice: then it is not attached once more.
    pub carried_as: Option<&'a str>,
}

impl Original<'_> {
    fn sha256(&self) -> String {
        Sha256::digest(self.bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The name without folders and characters that a file system may refuse.
    fn file_name(&self) -> String {
        const BYTES: usize = 150;
        let last = self.name.rsplit(['/', '\\']).next().unwrap_or_default();
        let (name, _) = letters::clean(last);
        let mut name: String =
            name.chars().map(|character| if "<>:\"|?*\n".contains(character) { '_' } else { character }).collect();
        while name.len() > BYTES {
            name.pop();
        }
        if name.trim_matches('.').is_empty() { "original".to_owned() } else { name }
    }
}

/// What the check found, in French.
#[derive(Debug, Clone, Copy)]
pub struct Remark<'a> {
    pub rule: &'a str,
    pub severity: Severity,
    pub place: &'a str,
    pub message: &'a str,
    pub remedy: &'a str,
}

/// A value of the original that the semantic model has no place for.
#[derive(Debug, Clone, Copy)]
pub struct Outside<'a> {
    pub path: &'a str,
    pub value: &'a str,
}

/// What the image tells beside the invoice.
#[derive(Debug, Clone, Copy)]
pub struct Extra<'a> {
    pub original: Original<'a>,
    pub remarks: &'a [Remark<'a>],
    pub outside: &'a [Outside<'a>],
    /// Where a zero of the model is not the original's.
    pub unsaid: &'a Unsaid,
    /// What was checked, if not the original itself: what it was converted to.
    pub checked: Option<&'a str>,
    /// The versions of the rules it was held against.
    pub rules: &'a str,
    pub made_on: Date,
    /// Who made it: name and version.
    pub maker: &'a str,
}

/// Why there is no image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenderError {
    /// More than [`MAX_LINES`].
    TooManyLines { lines: usize },
    /// The text fills more than 5,000 pages.
    TooManyPages,
    /// A PDF cannot hold it.
    OriginalTooLarge { bytes: usize },
    /// The library refused to write the file: a fault of ours.
    Pdf(String),
}

impl RenderError {
    /// For people.
    pub fn told(&self) -> Text {
        match self {
            Self::TooManyLines { lines } => Text::new(
                format!("elle a {lines} lignes, et une image en a {MAX_LINES} au plus"),
                format!("it has {lines} lines, and an image has at most {MAX_LINES}"),
            ),
            Self::TooManyPages => Text::new(
                format!("elle remplirait plus de {MAX_PAGES} pages"),
                format!("it would fill more than {MAX_PAGES} pages"),
            ),
            Self::OriginalTooLarge { bytes } => Text::new(
                format!("l'original a {bytes} octets, et un PDF en contient {} au plus", i32::MAX),
                format!("the original has {bytes} bytes, and a PDF holds at most {}", i32::MAX),
            ),
            Self::Pdf(detail) => Text::technical(
                "le PDF ne s'écrit pas, ce qui est un défaut de Fluxgate : signalez-le",
                "the PDF cannot be written, which is a defect of Fluxgate: report it",
                detail,
            ),
        }
    }
}

/// Makes the image.
pub fn render(invoice: &Invoice, extra: &Extra<'_>) -> Result<Vec<u8>, RenderError> {
    let lines = lines::count(invoice);
    if lines > MAX_LINES {
        return Err(RenderError::TooManyLines { lines });
    }
    let mut sheet = Sheet::new();
    head::lay(&mut sheet, invoice, extra);
    lines::lay(&mut sheet, invoice, extra.unsaid);
    sums::lay(&mut sheet, invoice, extra.unsaid);
    closing::lay(&mut sheet, invoice, extra);
    let sheet = sheet.finish().map_err(|_| RenderError::TooManyPages)?;
    pdf::write(sheet, &head::titles(invoice, extra), extra)
}

#[cfg(test)]
mod tests;
