//! The PDF around a Factur-X invoice: the invoice's bytes out of it, and what else it carries.
//!
//! Every inflation, count and nesting is bounded *before* anything is followed ([`super::pdf_file`]). Refuses to know what
//! the invoice says.

use crate::fault::{Fault, Text};

use super::announcement;
use super::complaint::over;
use super::enclosed::{self, Enclosed};
use super::facts::AttachmentFacts;
use super::limits::Limits;
use super::pdf_file::{PdfFile, Trouble, Value};
use super::sniff::Kind;

/// What a PDF carries beside its invoice.
#[derive(Debug)]
pub struct Container {
    pub attachments: Vec<AttachmentFacts>,
    /// Places in `attachments` of what the invoice was made of: its source, which says the same.
    pub originals: Vec<usize>,
    /// Which other attached files could have been meant.
    pub doubts: Vec<Text>,
    /// Where the PDF's own words about the invoice disagree with it.
    pub divergences: Vec<Text>,
}

/// Opens a PDF: the bytes of the invoice inside it, and what it carries besides.
pub fn open(pdf: &[u8], limits: &Limits) -> Result<(Vec<u8>, Container), Fault> {
    let mut pdf = file(pdf, limits)?;
    let carried = pdf.attachments(limits.pdf_attachments).map_err(Trouble::fault)?;
    let Enclosed { xml, chosen, originals, doubts } = enclosed::choose(&mut pdf, &carried, limits)?;
    let divergences = announcement::divergences(&mut pdf, &carried.files[chosen], &xml, limits)?;
    let others = carried.files.into_iter().enumerate().filter(|(at, _)| *at != chosen);
    let attachments =
        others.map(|(_, file)| AttachmentFacts { name: file.name, mime: String::new(), size: file.size }).collect();
    // The chosen one is not among the attachments.
    let originals = originals.into_iter().map(|at| if at > chosen { at - 1 } else { at }).collect();
    Ok((xml, Container { attachments, originals, doubts, divergences }))
}

/// The objects of a PDF that is neither encrypted nor beyond measure.
pub fn file<'b>(pdf: &'b [u8], limits: &Limits) -> Result<PdfFile<'b>, Fault> {
    if pdf.len() > limits.pdf_bytes {
        return Err(over("taille du PDF", "PDF size", limits.pdf_bytes));
    }
    let whole = pdf;
    let pdf = trimmed(pdf);
    let lexical = scan(pdf);
    if lexical.structure_bytes > limits.pdf_structure_bytes {
        return Err(over("structure du PDF", "PDF structure", limits.pdf_structure_bytes));
    }
    let opened = match PdfFile::open(pdf, limits) {
        // Some count from the bytes before the signature.
        Err(Trouble::Broken) if pdf.len() < whole.len() => PdfFile::open(whole, limits),
        opened => opened,
    };
    let file = opened.map_err(|trouble| match trouble {
        Trouble::Broken if lexical.encrypted => Kind::EncryptedPdf.fault(),
        trouble => trouble.fault(),
    })?;
    match file.trailer("Encrypt") {
        None | Some(Value::Null) => Ok(file),
        Some(_) => Err(Kind::EncryptedPdf.fault()),
    }
}

/// Whether the file's trailer names a key to it.
pub fn is_encrypted(pdf: &[u8]) -> bool {
    scan(trimmed(pdf)).encrypted
}

/// Without the bytes before the signature: offsets in the file count from it.
pub fn trimmed(pdf: &[u8]) -> &[u8] {
    let start = pdf.windows(5).take(1024).position(|w| w == b"%PDF-").unwrap_or(0);
    &pdf[start..]
}

struct Lexical {
    encrypted: bool,
    /// Bytes outside `stream … endstream`.
    structure_bytes: usize,
}

/// A linear look at the file's tokens: no recursion, nothing kept.
fn scan(pdf: &[u8]) -> Lexical {
    let mut lexical = Lexical { encrypted: false, structure_bytes: pdf.len() };
    let mut at = 0;
    while at < pdf.len() {
        match pdf[at] {
            b'%' => at += pdf[at..].iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(pdf.len() - at),
            b'(' => at = after_string(pdf, at),
            b'/' => {
                let end = name_end(pdf, at + 1);
                lexical.encrypted |= is_name(&pdf[at + 1..end], b"Encrypt");
                at = end;
            }
            b'>' if pdf[at..].starts_with(b">>") => {
                at += 2;
                let gap = pdf[at..].iter().take_while(|b| b.is_ascii_whitespace()).count();
                if pdf[at + gap..].starts_with(b"stream") {
                    let start = at + gap + b"stream".len();
                    let Some(length) = find(&pdf[start..], b"endstream") else { break };
                    lexical.structure_bytes -= length;
                    at = start + length + b"endstream".len();
                }
            }
            _ => at += 1,
        }
    }
    lexical
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|w| w == needle)
}

fn after_string(pdf: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    while at < pdf.len() {
        match pdf[at] {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    pdf.len()
}

fn name_end(pdf: &[u8], start: usize) -> usize {
    let stops = |b: &u8| b.is_ascii_whitespace() || b"()<>[]{}/%\0".contains(b);
    start + pdf[start..].iter().position(stops).unwrap_or(pdf.len() - start)
}

/// Whether a name, its `#hh` escapes decoded, is the wanted one.
fn is_name(raw: &[u8], wanted: &[u8]) -> bool {
    let (mut at, mut matched) = (0, 0);
    while at < raw.len() {
        let escape = raw.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        let (byte, step) = match (raw[at], escape.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (b'#', Some(byte)) => (byte, 3),
            (byte, _) => (byte, 1),
        };
        if wanted.get(matched) != Some(&byte) {
            return false;
        }
        matched += 1;
        at += step;
    }
    matched == wanted.len()
}
