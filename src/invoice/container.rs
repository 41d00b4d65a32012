//! The PDF around a Factur-X invoice: the invoice's bytes out of it, and what else it carries.
//!
//! Every inflation, count and nesting is bounded *before* the PDF library may follow it: a survey walks the file first and
//! gives up at the first limit. Refuses to know what the invoice says.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use en16931_formats::zugferd::{self, Divergence, Error as PdfError};
use lopdf::{Dictionary, Object, ObjectId};

use crate::fault::{Fault, Text};

use super::complaint::over;
use super::enclosed::{self, Enclosed};
use super::facts::AttachmentFacts;
use super::limits::Limits;
use super::sniff::Kind;

/// What a PDF carries beside its invoice.
#[derive(Debug)]
pub struct Container {
    pub attachments: Vec<AttachmentFacts>,
    /// Which other attached files could have been meant.
    doubts: Vec<Text>,
}

impl Container {
    /// Where the PDF's own words about the invoice disagree with it.
    pub fn divergences(&self, pdf: &[u8], limits: &Limits) -> Vec<Text> {
        let extracted = catch_unwind(AssertUnwindSafe(|| zugferd::extract(trimmed(pdf), &pdf_limits(limits))));
        let told: Vec<Text> = match extracted {
            Ok(Ok(extracted)) => extracted.divergence.iter().map(divergence).collect(),
            Ok(Err(error)) => vec![Text::technical(UNREADABLE[0], UNREADABLE[1], error)],
            Err(_) => vec![Text::new(UNREADABLE[0], UNREADABLE[1])],
        };
        self.doubts.iter().cloned().chain(told).collect()
    }
}

const UNREADABLE: [&str; 2] = ["ses métadonnées ne peuvent pas être lues", "its metadata cannot be read"];

/// What the PDF says of its invoice, and the invoice says otherwise.
fn divergence(divergence: &Divergence) -> Text {
    let (fr, en) = match divergence {
        Divergence::Profile { xmp, payload } => {
            return Text::new(
                format!("le profil est « {xmp} » dans les métadonnées XMP et « {payload} » dans la facture (BT-24)"),
                format!("the profile is \"{xmp}\" in the XMP metadata and \"{payload}\" in the invoice (BT-24)"),
            );
        }
        Divergence::Filename { xmp, actual } => {
            return Text::new(
                format!("les métadonnées XMP nomment « {xmp} » et le fichier joint s'appelle « {actual} »"),
                format!("the XMP metadata name \"{xmp}\" and the attached file is called \"{actual}\""),
            );
        }
        Divergence::Relationship { found, .. } => {
            return Text::new(
                format!("la facture est jointe comme /{found} (AFRelationship), ce que son profil n'admet pas"),
                format!("the invoice is attached as /{found} (AFRelationship), which its profile does not allow"),
            );
        }
        Divergence::NotPdfA3 { part: Some(part) } => {
            return Text::new(
                format!("le PDF se dit PDF/A-{part}, et Factur-X demande PDF/A-3"),
                format!("the PDF claims PDF/A-{part}, and Factur-X demands PDF/A-3"),
            );
        }
        Divergence::NotPdfA3 { part: None } => (
            "le PDF ne se dit pas PDF/A-3, que Factur-X demande",
            "the PDF does not claim PDF/A-3, which Factur-X demands",
        ),
        Divergence::NoXmp => (
            "les métadonnées XMP qui annoncent une facture manquent",
            "the XMP metadata that announce an invoice are missing",
        ),
        Divergence::NotAssociated => (
            "la facture n'est pas un fichier associé du document (tableau /AF)",
            "the invoice is no associated file of the document (array /AF)",
        ),
        Divergence::NotInEmbeddedFiles => (
            "la facture n'est pas dans la liste des fichiers joints (/Names/EmbeddedFiles)",
            "the invoice is not in the list of embedded files (/Names/EmbeddedFiles)",
        ),
        Divergence::NoRelationship => (
            "le lien entre la facture et le PDF n'est pas précisé (/AFRelationship manque)",
            "the relation of the invoice to the PDF is not stated (/AFRelationship is missing)",
        ),
        other => return Text::technical("leurs indications diffèrent", "what they state differs", other),
    };
    Text::new(fr, en)
}

/// Opens a PDF: the bytes of the invoice inside it, and what it carries besides.
pub fn open(pdf: &[u8], limits: &Limits) -> Result<(Vec<u8>, Container), Fault> {
    let files = attached(pdf, limits)?;
    let Enclosed { xml, others, doubts } = enclosed::choose(files, limits)?;
    let attachments = others
        .into_iter()
        .map(|(name, content)| AttachmentFacts { name, mime: String::new(), size: content.len() })
        .collect();
    Ok((xml, Container { attachments, doubts }))
}

/// The files attached to a PDF, by name. What passes here is within the limits, and may be loaded whole.
pub fn attached(pdf: &[u8], limits: &Limits) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
    if pdf.len() > limits.pdf_bytes {
        return Err(over("taille du PDF", "PDF size", limits.pdf_bytes));
    }
    let pdf = trimmed(pdf);
    let lexical = scan(pdf);
    if lexical.encrypted {
        return Err(Kind::EncryptedPdf.fault());
    }
    if lexical.structure_bytes > limits.pdf_structure_bytes {
        return Err(over("structure du PDF", "PDF structure", limits.pdf_structure_bytes));
    }
    survey(pdf, limits)?;
    let files = catch_unwind(AssertUnwindSafe(|| zugferd::embedded_files(pdf, &pdf_limits(limits))));
    let files = match files {
        Ok(Ok(files)) => files,
        Ok(Err(PdfError::LimitExceeded { .. } | PdfError::EmbeddedFilesTree(_))) => {
            return Err(over("pièces jointes du PDF", "attachments of the PDF", limits.pdf_attachment_bytes));
        }
        Ok(Err(_)) | Err(_) => return Err(Kind::BrokenPdf.fault()),
    };
    if files.len() > limits.pdf_attachments {
        return Err(over("pièces jointes du PDF", "attachments of the PDF", limits.pdf_attachments));
    }
    Ok(files)
}

/// Whether the file's trailer names a key to it.
pub fn is_encrypted(pdf: &[u8]) -> bool {
    scan(trimmed(pdf)).encrypted
}

fn pdf_limits(limits: &Limits) -> zugferd::Limits {
    zugferd::Limits::new()
        .with_max_stream_bytes(limits.pdf_attachment_bytes)
        .with_max_total_bytes(limits.pdf_attachments_bytes)
        .with_max_objects(limits.pdf_objects)
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

/// What is left to spend on reading one PDF.
struct Budget {
    objects: usize,
    /// Bytes of stream content copied while the file is loaded: streams may overlap.
    copied_bytes: usize,
    object_stream_bytes: usize,
}

/// Why a survey gave up.
#[derive(Debug, Clone, Copy)]
enum Overrun {
    Objects,
    Copies,
    ObjectStreams,
    Overlap,
}

thread_local! {
    /// The running survey's budget: the library takes a plain function, which can carry no state.
    static BUDGET: RefCell<Option<Budget>> = const { RefCell::new(None) };
}

/// Loads the file once, keeping nothing, so that the real load cannot be a surprise: the library trusts cross-reference
/// tables (many entries may name one object), stream lengths (streams may lie inside each other) and the offsets in object
/// streams (all may name the same array).
fn survey(pdf: &[u8], limits: &Limits) -> Result<(), Fault> {
    let budget = Budget {
        objects: limits.pdf_objects,
        copied_bytes: pdf.len().saturating_mul(4),
        object_stream_bytes: limits.pdf_object_stream_bytes,
    };
    BUDGET.with(|b| *b.borrow_mut() = Some(budget));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let options = lopdf::LoadOptions {
            filter: Some(visit),
            max_decompressed_size: Some(limits.pdf_object_stream_bytes),
            ..lopdf::LoadOptions::default()
        };
        lopdf::Document::load_mem_with_options(pdf, options).map(drop)
    }));
    BUDGET.with(|b| *b.borrow_mut() = None);
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Kind::BrokenPdf.fault()),
        Err(payload) => Err(match payload.downcast_ref::<Overrun>() {
            Some(Overrun::Objects) => over("objets du PDF", "objects of the PDF", limits.pdf_objects),
            Some(Overrun::Copies | Overrun::Overlap) => {
                over("objets du PDF qui se recouvrent", "overlapping objects of the PDF", 0)
            }
            Some(Overrun::ObjectStreams) => {
                let limit = limits.pdf_object_stream_bytes;
                over("flux d'objets du PDF", "object streams of the PDF", limit)
            }
            None => Kind::BrokenPdf.fault(),
        }),
    }
}

/// Sees each object while the file is loaded, and drops it. Unwinds (without a message) past the library at an overrun:
/// there is no other way to stop it.
fn visit(_: ObjectId, object: &mut Object) -> Option<(ObjectId, Object)> {
    let overrun = BUDGET.with(|budget| budget.borrow_mut().as_mut().and_then(|b| spend(b, object).err()));
    match overrun {
        Some(overrun) => resume_unwind(Box::new(overrun)),
        None => None,
    }
}

fn spend(budget: &mut Budget, object: &Object) -> Result<(), Overrun> {
    budget.objects = budget.objects.checked_sub(1).ok_or(Overrun::Objects)?;
    let Ok(stream) = object.as_stream() else { return Ok(()) };
    budget.copied_bytes = budget.copied_bytes.checked_sub(stream.content.len()).ok_or(Overrun::Copies)?;
    if !stream.dict.has_type(b"ObjStm") {
        return Ok(());
    }
    let limit = budget.object_stream_bytes;
    let content = if stream.dict.has(b"Filter") {
        stream.decompressed_content_with_limit(limit).map_err(|_| Overrun::ObjectStreams)?
    } else {
        stream.content.clone()
    };
    budget.object_stream_bytes = limit.checked_sub(content.len()).ok_or(Overrun::ObjectStreams)?;
    let objects = apart(&stream.dict, &content).ok_or(Overrun::Overlap)?;
    budget.objects = budget.objects.checked_sub(objects).ok_or(Overrun::Objects)?;
    Ok(())
}

/// How many objects an object stream lists, if none of them lies inside another.
fn apart(dict: &Dictionary, content: &[u8]) -> Option<usize> {
    let first = usize::try_from(dict.get(b"First").and_then(Object::as_i64).ok()?).ok()?;
    let index = std::str::from_utf8(content.get(..first)?).ok()?;
    let numbers = index.split_ascii_whitespace().map(|n| n.parse::<usize>().ok());
    let offsets: Vec<usize> = numbers.skip(1).step_by(2).collect::<Option<_>>()?;
    let body = &content[first..];
    let (mut at, mut depth) = (0, 0usize);
    for (position, offset) in offsets.iter().enumerate() {
        if position > 0 && offsets[position - 1] >= *offset {
            return None;
        }
        while at < *offset && at < body.len() {
            match body[at] {
                b'(' => {
                    at = after_string(body, at);
                    continue;
                }
                b'[' | b'<' => depth += 1,
                b']' | b'>' => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        if depth > 0 || at > *offset {
            return None;
        }
    }
    Some(offsets.len())
}
