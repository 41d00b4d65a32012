//! A CII invoice into the PDF/A-3 that shows it: Factur-X.
//!
//! The PDF stays as it is; one incremental update (ISO 32000-1 §7.5.6) is written behind it: the invoice as an associated
//! file, and the metadata that announce it. Promises that the result, read again as anybody's Factur-X, gives the same
//! invoice and contradicts itself in nothing; and that the same arguments make the same bytes. Refuses to know where the
//! pages come from, and whether what they show is the invoice: no reader can tell.

use std::io::Write as _;

use en16931::Date;
use en16931_formats::zugferd::{FILENAMES, Profile};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha2::{Digest as _, Sha256};

use crate::fault::{Code, Fault, Language, Text};

use super::announcement::METADATA_BYTES;
use super::enclosed::ORDER;
use super::outline::Id;
use super::pdf_file::{Attached, Dictionary, PdfFile, Revision, Trouble, Value, Want};
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
        let read = |fault: Fault| within(&fault);
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
    let mut pages = container::file(pages, limits).map_err(|fault| unfit(&fault))?;
    let files = pages.attachments(limits.pdf_attachments).map_err(|trouble| unfit(&trouble.fault()))?.files;
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
    let pdf = update(&mut pages, payload, day, limits).map_err(Stop::text)?;
    read_again(&pdf, payload, limits)?;
    Ok(pdf)
}

/// A fault's title inside a sentence.
fn within(fault: &Fault) -> Text {
    let lower = |title: String| {
        let mut letters = title.chars();
        letters.next().map(|first| first.to_lowercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    Text::new(lower(fault.title(Language::Fr)), lower(fault.title(Language::En)))
}

/// As anybody reads it who gets it.
fn read_again(pdf: &[u8], payload: &Payload<'_>, limits: &Limits) -> Result<(), Text> {
    let (fr, en) = ("relu, le PDF écrit ne va pas", "read again, the PDF that was written will not do");
    let (xml, container) = container::open(pdf, limits).map_err(|fault| {
        let why = within(&fault);
        Text::new(format!("{fr} : {}", why.fr), format!("{en}: {}", why.en))
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
fn update(pages: &mut PdfFile<'_>, payload: &Payload<'_>, day: Date, limits: &Limits) -> Result<Vec<u8>, Stop> {
    let Some(Value::Reference(number, generation)) = pages.trailer("Root").cloned() else {
        return Err(Trouble::Broken.into());
    };
    let mut catalog = pages.catalog()?.dictionary().cloned().unwrap_or_default();
    let metadata = announcement(pages, &catalog, payload, limits)?;
    let names = pages.entry(&catalog, "Names")?;
    let mut names = names.and_then(|names| names.dictionary().cloned()).unwrap_or_default();
    let mut entries = Vec::new();
    for (key, file) in pages.listed(&catalog)? {
        if let Some(key) = pages.referred(&key)?
            && let Value::String(key) = pages.copied(&key)?
        {
            entries.push((key, file));
        }
    }
    let mut associated = match pages.entry(&catalog, "AF")?.as_deref() {
        Some(Value::Array(files)) => files.clone(),
        _ => Vec::new(),
    };
    let trailer = trailer(pages, payload)?;

    let mut revision = Revision::behind(pages)?;
    let specification = file_specification(&mut revision, payload, day);
    entries.push((payload.file_name().as_bytes().to_vec(), specification.clone()));
    // By the bytes of their keys (ISO 32000-1 §7.9.6).
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    let leaf = entries.into_iter().flat_map(|(key, file)| [Value::String(key), file]).collect();
    let tree = revision.add(&dictionary([("Names", Value::Array(leaf))]));
    names.set("EmbeddedFiles", tree);
    associated.push(specification);
    catalog.set("Names", Value::Dictionary(names));
    catalog.set("AF", Value::Array(associated));
    revision.replace((number, generation), &Value::Dictionary(catalog));
    revision.replace_stream(metadata.id, metadata.dictionary, metadata.packet.as_bytes());
    Ok(revision.finish(trailer))
}

/// Why the revision is not written.
enum Stop {
    Pages(Trouble),
    Said(Text),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Pages(trouble)
    }
}

impl From<Text> for Stop {
    fn from(text: Text) -> Self {
        Self::Said(text)
    }
}

impl Stop {
    fn text(self) -> Text {
        match self {
            Stop::Said(text) => text,
            Stop::Pages(trouble) => unfit(&trouble.fault()),
        }
    }
}

/// Why these pages are not read.
fn unfit(fault: &Fault) -> Text {
    match fault.code {
        Code::ContentOverLimit => within(fault),
        _ => Text::new("il est endommagé ou coupé", "it is damaged or cut"),
    }
}

/// The metadata with the announcement in them, and the object that they replace.
struct Metadata {
    id: (u32, u32),
    dictionary: Dictionary,
    packet: String,
}

/// The metadata, plain as PDF/A wants them.
fn announcement(
    pages: &mut PdfFile<'_>,
    catalog: &Dictionary,
    payload: &Payload<'_>,
    limits: &Limits,
) -> Result<Metadata, Stop> {
    let Some(Value::Reference(number, generation)) = catalog.get("Metadata") else {
        return Err(xmp::not_pdfa().into());
    };
    let stream = pages.object(*number)?.filter(|stream| stream.data.is_some()).ok_or_else(xmp::not_pdfa)?;
    let packet = pages.content(&stream, Want::Whole(METADATA_BYTES))?.map_err(|_| {
        Text::new(
            "ses métadonnées XMP ne se lisent pas : elles sont endommagées, trop grosses ou codées autrement",
            "its XMP metadata cannot be read: they are damaged, too large or in another coding",
        )
    })?;
    let packet = xmp::announcing(&packet, payload.file_name(), payload.profile.as_str(), limits)?;
    let mut dictionary = stream.dictionary().cloned().unwrap_or_default();
    for of_the_filter in ["Filter", "DecodeParms"] {
        dictionary.remove(of_the_filter);
    }
    Ok(Metadata { id: (*number, *generation), dictionary, packet })
}

/// Root, information and names of the file; the rest belongs to the section it stands in.
fn trailer(pages: &mut PdfFile<'_>, payload: &Payload<'_>) -> Result<Dictionary, Trouble> {
    let mut trailer = Dictionary::default();
    for key in ["Root", "Info"] {
        if let Some(value) = pages.trailer(key) {
            trailer.set(key, value.clone());
        }
    }
    // The first stays, the second is the revision's (ISO 32000-1 §14.4): made of what it is, not of a clock.
    let hash = Sha256::new().chain_update(pages.bytes()).chain_update(payload.xml).finalize();
    let own = Value::String(hash[..16].to_vec());
    let ids = pages.trailer("ID").cloned().unwrap_or(Value::Null);
    let first = match pages.referred(&ids)?.as_deref() {
        Some(Value::Array(ids)) => ids.first().cloned(),
        _ => None,
    };
    trailer.set("ID", Value::Array(vec![first.unwrap_or_else(|| own.clone()), own]));
    Ok(trailer)
}

/// The invoice as an embedded file, and what says so.
fn file_specification(revision: &mut Revision, payload: &Payload<'_>, day: Date) -> Value {
    let name = payload.file_name();
    let (year, month, date) = (day.year(), day.month(), day.day());
    let size = i64::try_from(payload.xml.len()).unwrap_or(i64::MAX);
    let parameters =
        [("Size", Value::Integer(size)), ("ModDate", text(&format!("D:{year:04}{month:02}{date:02}000000Z")))];
    let mut file = Dictionary::default();
    file.set("Type", word("EmbeddedFile"));
    file.set("Subtype", word("text/xml"));
    file.set("Params", dictionary(parameters));
    // What does not grow smaller stays as it is.
    let deflated = deflated(payload.xml).filter(|deflated| deflated.len() < payload.xml.len());
    if deflated.is_some() {
        file.set("Filter", word("FlateDecode"));
    }
    let file = revision.add_stream(file, deflated.as_deref().unwrap_or(payload.xml));
    revision.add(&dictionary([
        ("Type", word("Filespec")),
        ("F", text(name)),
        ("UF", text(name)),
        ("Desc", text(&format!("Factur-X ({})", payload.profile.as_str()))),
        ("AFRelationship", word(payload.relationship())),
        ("EF", dictionary([("F", file.clone()), ("UF", file)])),
    ]))
}

fn deflated(content: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).ok()?;
    encoder.finish().ok()
}

fn dictionary<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Dictionary(Dictionary(entries.map(|(key, value)| (key.as_bytes().to_vec(), value)).to_vec()))
}

/// Words of ours, which are plain letters.
fn text(words: &str) -> Value {
    Value::String(words.as_bytes().to_vec())
}

fn word(word: &str) -> Value {
    Value::Name(word.as_bytes().to_vec())
}
