//! A CII invoice into the PDF/A-3 that shows it: Factur-X.
//!
//! The PDF stays as it is; one incremental update (ISO 32000-1 §7.5.6) is written behind it: the invoice as an associated
//! file, and the metadata that announce it. Promises that the result, read again as anybody's Factur-X, gives the same
//! invoice and contradicts itself in nothing; and that the same arguments make the same bytes. Refuses to know where the
//! pages come from, and whether what they show is the invoice: no reader can tell.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use en16931::Date;
use en16931_formats::zugferd::{FILENAMES, Profile};
use lopdf::{
    Dictionary, Document, IncrementalDocument, LoadOptions, Object, ObjectId, Stream, StringFormat, dictionary,
};
use sha2::{Digest as _, Sha256};

use crate::fault::{Code, Language, Text};

use super::announcement::METADATA_BYTES;
use super::enclosed::ORDER;
use super::outline::Id;
use super::pdf_file::Attached;
use super::{Limits, container, encoding, guard, signature, xmp};

/// A CII invoice as a PDF carries it.
#[derive(Debug)]
pub struct Payload<'a> {
    xml: &'a [u8],
    profile: Profile,
}

impl<'a> Payload<'a> {
    /// The profile is what the invoice says (BT-24); one that is none of Factur-X is refused.
    pub fn of(xml: &'a [u8], limits: &Limits) -> Result<Self, Text> {
        const SPECIFICATION: [&str; 3] =
            ["ExchangedDocumentContext", "GuidelineSpecifiedDocumentContextParameter", "ID"];
        let read = |fault: crate::fault::Fault| Text::new(fault.title(Language::Fr), fault.title(Language::En));
        let decoded = encoding::decode(xml).map_err(read)?;
        let outline = guard::outline(&decoded.text, limits).map_err(read)?;
        let specification = outline.text_at(Id::ROOT, &SPECIFICATION).unwrap_or_default();
        match Profile::parse(&specification) {
            Profile::Unknown => Err(Text::new(
                format!("sa spécification « {specification} » (BT-24) n'est d'aucun profil de Factur-X"),
                format!("its specification \"{specification}\" (BT-24) is of no profile of Factur-X"),
            )),
            profile => Ok(Self { xml, profile }),
        }
    }

    /// The name it has in the PDF.
    pub fn file_name(&self) -> &'static str {
        match self.profile {
            Profile::XRechnung => "xrechnung.xml",
            _ => "factur-x.xml",
        }
    }

    /// What it is to the pages: without lines it only accompanies them.
    fn relationship(&self) -> &'static str {
        match self.profile {
            Profile::Minimum | Profile::BasicWl => "Data",
            _ => "Alternative",
        }
    }
}

/// Whether readers take an attached file of this name for the invoice.
pub fn is_taken_for_the_invoice(name: &str) -> bool {
    FILENAMES.iter().any(|taken| taken.eq_ignore_ascii_case(name))
}

/// The invoice in the PDF. The error says why these pages cannot carry it.
pub fn embed(pages: &[u8], payload: &Payload<'_>, day: Date, limits: &Limits) -> Result<Vec<u8>, Text> {
    if !pages[..pages.len().min(1024)].windows(5).any(|window| window == b"%PDF-") {
        return Err(Text::new("ce n'est pas un PDF", "it is no PDF"));
    }
    if container::is_encrypted(pages) {
        return Err(Text::new(
            "il est chiffré ou protégé par mot de passe",
            "it is encrypted or protected by a password",
        ));
    }
    if signature::in_pdf(pages) {
        return Err(Text::new(
            "il est signé, et y joindre la facture changerait ce qui est signé : signez le résultat",
            "it is signed, and to attach the invoice would change what is signed: sign the result",
        ));
    }
    let broken = || Text::new("il est endommagé ou coupé", "it is damaged or cut");
    // First: what passes here may be loaded whole.
    let files = container::attached(pages, limits).map_err(|fault| match fault.code {
        Code::ContentOverLimit => Text::new(fault.title(Language::Fr), fault.title(Language::En)),
        _ => broken(),
    })?;
    if let Some(Attached { name, .. }) = files.iter().find(|file| is_taken_for_the_invoice(&file.name)) {
        let (fr, en) = match name.eq_ignore_ascii_case(ORDER) {
            true => ("une commande Order-X", "an Order-X order"),
            false => ("une facture", "an invoice"),
        };
        return Err(Text::new(
            format!("il porte déjà {fr}, « {name} »"),
            format!("it carries {en} already, \"{name}\""),
        ));
    }
    let pages = container::trimmed(pages);
    let updated = catch_unwind(AssertUnwindSafe(|| update(pages, payload, day, limits)));
    let pdf = updated.unwrap_or_else(|_| Err(broken()))?;
    read_again(&pdf, payload, limits)?;
    Ok(pdf)
}

/// As anybody reads it who gets it.
fn read_again(pdf: &[u8], payload: &Payload<'_>, limits: &Limits) -> Result<(), Text> {
    let (fr, en) = ("relu, le PDF écrit ne va pas", "read again, the PDF that was written will not do");
    let (xml, container) = container::open(pdf, limits).map_err(|fault| {
        Text::new(format!("{fr} : {}", fault.title(Language::Fr)), format!("{en}: {}", fault.title(Language::En)))
    })?;
    match container.doubts.iter().chain(&container.divergences).next() {
        Some(divergence) => Err(Text::new(format!("{fr} : {}", divergence.fr), format!("{en}: {}", divergence.en))),
        None if xml == payload.xml => Ok(()),
        None => Err(Text::new(
            format!("{fr} : un autre fichier joint passe pour la facture"),
            format!("{en}: another attached file is taken for the invoice"),
        )),
    }
}

/// The PDF with one revision more.
fn update(pdf: &[u8], payload: &Payload<'_>, day: Date, limits: &Limits) -> Result<Vec<u8>, Text> {
    let options = LoadOptions::with_max_decompressed_size(limits.pdf_object_stream_bytes);
    let before = Document::load_mem_with_options(pdf, options).map_err(unfit)?;
    let root = before.trailer.get(b"Root").and_then(Object::as_reference).map_err(unfit)?;
    let mut catalog = before.get_dictionary(root).map_err(unfit)?.clone();
    let (metadata, announcement) = announcement(&before, &catalog, payload, limits)?;
    let mut names = match resolved(&before, &catalog, b"Names") {
        Some(Object::Dictionary(names)) => names.clone(),
        _ => Dictionary::new(),
    };
    let mut entries = name_tree(&before, &names);
    let mut associated = match resolved(&before, &catalog, b"AF") {
        Some(Object::Array(files)) => files.clone(),
        _ => Vec::new(),
    };
    let trailer = trailer(&before, pdf, payload);
    let size = before.trailer.get(b"Size").and_then(Object::as_i64).ok().and_then(|size| u32::try_from(size).ok());
    let taken = before.max_id.max(size.unwrap_or_default().saturating_sub(1));
    let version = before.version.clone();

    let mut after = IncrementalDocument::create_from(pdf.to_vec(), before);
    let revision = &mut after.new_document;
    revision.version = version;
    revision.max_id = taken;
    revision.trailer = trailer;
    let specification = file_specification(revision, payload, day);
    entries.push((text(payload.file_name()), Object::Reference(specification)));
    // By the bytes of their keys (ISO 32000-1 §7.9.6).
    entries.sort_by(|(one, _), (other, _)| one.as_str().unwrap_or_default().cmp(other.as_str().unwrap_or_default()));
    let leaf: Vec<Object> = entries.into_iter().flat_map(|(key, file)| [key, file]).collect();
    names.set("EmbeddedFiles", Object::Reference(revision.add_object(dictionary! { "Names" => leaf })));
    associated.push(Object::Reference(specification));
    catalog.set("Names", names);
    catalog.set("AF", associated);
    revision.set_object(root, catalog);
    revision.set_object(metadata, announcement);
    let mut out = Vec::with_capacity(pdf.len() + payload.xml.len());
    after.save_to(&mut out).map_err(unfit)?;
    out.push(b'\n');
    Ok(out)
}

fn unfit(detail: impl std::fmt::Display) -> Text {
    Text::technical("sa structure ne se lit pas", "its structure cannot be read", detail)
}

fn resolved<'d>(document: &'d Document, dictionary: &'d Dictionary, key: &[u8]) -> Option<&'d Object> {
    dictionary.get(key).and_then(|value| document.dereference(value)).ok().map(|(_, value)| value)
}

/// The metadata stream with the announcement in it, plain as PDF/A wants it, and the object that it replaces.
fn announcement(
    document: &Document,
    catalog: &Dictionary,
    payload: &Payload<'_>,
    limits: &Limits,
) -> Result<(ObjectId, Stream), Text> {
    let id = catalog.get(b"Metadata").and_then(Object::as_reference).map_err(|_| xmp::not_pdfa())?;
    let stream = document.get_object(id).and_then(Object::as_stream).map_err(|_| xmp::not_pdfa())?;
    let packet = stream.decompressed_content_with_limit(METADATA_BYTES).map_err(|detail| {
        Text::technical("ses métadonnées XMP ne se lisent pas", "its XMP metadata cannot be read", detail)
    })?;
    let packet = xmp::announcing(&packet, payload.file_name(), payload.profile.as_str(), limits)?;
    let mut dictionary = stream.dict.clone();
    for of_the_filter in [&b"Filter"[..], b"DecodeParms"] {
        dictionary.remove(of_the_filter);
    }
    Ok((id, Stream::new(dictionary, packet.into_bytes())))
}

/// The files that are attached already, from whatever tree they stand in. It was walked under the limits before; here each
/// node counts once.
fn name_tree(document: &Document, names: &Dictionary) -> Vec<(Object, Object)> {
    let mut entries = Vec::new();
    let mut seen = HashSet::new();
    let mut open: Vec<&Object> = names.get(b"EmbeddedFiles").into_iter().collect();
    while let Some(node) = open.pop() {
        let Ok((id, Object::Dictionary(node))) = document.dereference(node) else { continue };
        if id.is_some_and(|id| !seen.insert(id)) {
            continue;
        }
        if let Some(Object::Array(kids)) = resolved(document, node, b"Kids") {
            open.extend(kids);
        }
        if let Some(Object::Array(leaf)) = resolved(document, node, b"Names") {
            entries.extend(leaf.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())));
        }
    }
    entries
}

/// Root, information and names of the file; the rest belongs to the section it stands in.
fn trailer(before: &Document, pdf: &[u8], payload: &Payload<'_>) -> Dictionary {
    let mut trailer = Dictionary::new();
    for key in [&b"Root"[..], b"Info"] {
        if let Ok(value) = before.trailer.get(key) {
            trailer.set(key, value.clone());
        }
    }
    // The first stays, the second is the revision's (ISO 32000-1 §14.4): made of what it is, not of a clock.
    let hash = Sha256::new().chain_update(pdf).chain_update(payload.xml).finalize();
    let own = Object::String(hash[..16].to_vec(), StringFormat::Hexadecimal);
    let first = match resolved(before, &before.trailer, b"ID") {
        Some(Object::Array(ids)) => ids.first().cloned(),
        _ => None,
    };
    trailer.set("ID", vec![first.unwrap_or_else(|| own.clone()), own]);
    trailer.set("Prev", i64::try_from(before.xref_start).unwrap_or_default());
    trailer
}

/// The invoice as an embedded file, and what says so.
fn file_specification(revision: &mut Document, payload: &Payload<'_>, day: Date) -> ObjectId {
    let name = payload.file_name();
    let (year, month, date) = (day.year(), day.month(), day.day());
    let mut file = Stream::new(
        dictionary! {
            "Type" => "EmbeddedFile",
            "Subtype" => "text/xml",
            "Params" => dictionary! {
                "Size" => i64::try_from(payload.xml.len()).unwrap_or(i64::MAX),
                "ModDate" => text(&format!("D:{year:04}{month:02}{date:02}000000Z")),
            },
        },
        payload.xml.to_vec(),
    );
    // What does not grow smaller stays as it is.
    let _ = file.compress();
    let file = revision.add_object(file);
    revision.add_object(dictionary! {
        "Type" => "Filespec",
        "F" => text(name),
        "UF" => text(name),
        "Desc" => text(&format!("Factur-X ({})", payload.profile.as_str())),
        "AFRelationship" => payload.relationship(),
        "EF" => dictionary! { "F" => file, "UF" => file },
    })
}

/// Words of ours, which are plain letters.
fn text(words: &str) -> Object {
    Object::string_literal(words)
}
