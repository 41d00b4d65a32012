//! Reads the pivot, the form in which Chorus Pro hands over a received invoice (`CPPFacturePivot`, V1_20 to V2_02).
//!
//! Promise: bounded in depth, text, members and inflated bytes whatever comes in; elements it does not know are passed
//! over, for newer versions than the public ones exist (PROTOCOL §4, §9). Amounts and dates stay as they were written.
//! Refuses to know: where the bytes came from, where the attachments go.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use quick_xml::events::Event;

/// Elements inside each other; the schema needs nine.
const DEPTH_LIMIT: usize = 32;
/// Bytes of one text other than an attachment's content.
const TEXT_LIMIT_BYTES: usize = 64 * 1024;
/// Attachments of one invoice.
const ATTACHMENTS_LIMIT: usize = 1000;
/// Invoices of one pivot; one is asked for per call.
const INVOICES_LIMIT: usize = 500;
/// Members of an archive that is looked through.
const MEMBERS_LIMIT: usize = 1000;

/// Members of an attached archive that are listed, and the characters of each name.
const MEMBERS_LISTED: usize = 200;
const MEMBER_NAME_CHARACTERS: usize = 200;

/// How many bytes reading may produce.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of the pivot itself, once inflated.
    pub pivot_bytes: usize,
    /// Of one attachment, and of all that are taken out of archives, together.
    pub attachment_bytes: usize,
}

impl Default for Limits {
    /// Chorus Pro's own: 120 MiB for a whole dossier; base64 makes it a third longer.
    fn default() -> Self {
        Self { pivot_bytes: 192 * 1024 * 1024, attachment_bytes: 120 * 1024 * 1024 }
    }
}

/// Why bytes are no pivot we can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PivotError {
    #[error("the archive is damaged: {0}")]
    Archive(String),
    #[error("the archive holds no pivot XML")]
    NoMember,
    #[error("more than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("not UTF-8 at byte {0}")]
    Encoding(usize),
    #[error("malformed XML at byte {at}: {reason}")]
    Xml { at: u64, reason: String },
    #[error("a document type or an entity is declared or used")]
    Forbidden,
    #[error("too many {0}")]
    TooMany(&'static str),
    #[error("the root element is {0:?}, not CPPFacturePivot")]
    OtherRoot(String),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("attachment {ordinal}: {reason}")]
    Attachment { ordinal: usize, reason: String },
}

/// A pivot as read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pivot {
    /// `@Version` of the root, when it says one (older files do not).
    pub version: Option<String>,
    pub invoices: Vec<PivotInvoice>,
}

/// One invoice of a pivot. Texts are trimmed; what the file does not give is empty or `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PivotInvoice {
    /// DonneesFacture/Id: the supplier's number.
    pub number: String,
    /// DonneesFacture/IdCPRO, new in V2_02.
    pub chorus_id: Option<i64>,
    pub supplier: Party,
    pub recipient: Party,
    /// Debiteur/CodeService.
    pub service_code: Option<String>,
    /// 380 or 381.
    pub type_code: String,
    /// A1 to A25.
    pub frame: String,
    /// `yyyy-mm-dd`.
    pub issued_on: String,
    /// `yyyy-mm-dd`: when Chorus Pro received it.
    pub received_on: String,
    pub currency: String,
    pub without_tax: String,
    pub with_tax: String,
    pub payable: String,
    /// Engagement/NumeroEngagement.
    pub engagement: Option<String>,
    /// Engagement/NumeroMarche.
    pub market: Option<String>,
    pub attachments: Vec<Attachment>,
}

/// Who sends or owes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// TypeIdentifiant: 1 SIRET, 2 European VAT number, ...
    pub kind: String,
    pub id: String,
    pub name: String,
    pub country: Option<String>,
}

/// What an attachment is to the invoice (TypePJ).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AttachmentKind {
    /// 01: the invoice as it was deposited.
    Principal,
    /// 02, or anything else.
    #[default]
    Complementary,
}

/// An attachment (PJ).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachment {
    /// NomPJ, as written by whoever deposited it: never a path to trust.
    pub name: String,
    pub kind: AttachmentKind,
    /// CategoriePJ, as written.
    pub category: Option<String>,
    pub mime: String,
    /// The decoded bytes, out of the archive Chorus Pro may have put them in; `None` when the pivot gives none.
    pub content: Option<Vec<u8>>,
    /// The name it had in the archive it was taken out of, when that differs.
    pub inner_name: Option<String>,
    /// What it holds, when it is an archive.
    pub members: Vec<Member>,
    /// Why it was left in the archive Chorus Pro put it in.
    pub unopened: Option<String>,
}

/// A member of an archive, as the archive tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    pub size: u64,
}

impl PivotInvoice {
    /// The invoice as it was deposited.
    pub fn principal(&self) -> Option<&Attachment> {
        self.attachments.iter().find(|a| a.kind == AttachmentKind::Principal && a.content.is_some())
    }

    /// A form that people read: a PDF that says so, or else the invoice itself when it is one.
    pub fn readable(&self) -> Option<&Attachment> {
        let is_pdf = |a: &&Attachment| a.content.as_ref().is_some_and(|c| c.starts_with(b"%PDF-"));
        let labelled = |a: &&Attachment| a.category.as_deref().is_some_and(|c| c.trim() == "Facture PDF");
        let pdfs = || self.attachments.iter().filter(is_pdf);
        pdfs().find(labelled).or_else(|| pdfs().find(|a| a.kind == AttachmentKind::Principal))
    }
}

/// The pivot's XML in a download, which is either the XML itself or a ZIP that holds it (found by its first bytes).
pub fn unwrap_download<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, PivotError> {
    if !bytes.starts_with(b"PK") {
        return if bytes.len() > limits.pivot_bytes {
            Err(PivotError::TooLarge { limit: limits.pivot_bytes })
        } else {
            Ok(Cow::Borrowed(bytes))
        };
    }
    let mut archive = open_archive(bytes)?;
    for place in 0..archive.len() {
        let member = archive.by_index(place).map_err(|e| PivotError::Archive(e.to_string()))?;
        let is_xml = member.name().is_ok_and(|name| name.to_ascii_lowercase().ends_with(".xml"));
        if member.is_dir() || !is_xml {
            continue;
        }
        let content = inflate(member, limits.pivot_bytes)?;
        let head = String::from_utf8_lossy(&content[..content.len().min(1024)]).into_owned();
        if head.contains("CPPFacturePivot") {
            return Ok(Cow::Owned(content));
        }
    }
    Err(PivotError::NoMember)
}

/// Reads a pivot's XML.
pub fn read(xml: &[u8], limits: &Limits) -> Result<Pivot, PivotError> {
    let text = std::str::from_utf8(xml).map_err(|e| PivotError::Encoding(e.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut events = quick_xml::Reader::from_str(text);
    let mut reading = Reading { limits: *limits, path: Vec::new(), text: String::new(), pivot: Pivot::default() };
    loop {
        let event =
            events.read_event().map_err(|e| PivotError::Xml { at: events.buffer_position(), reason: e.to_string() })?;
        match event {
            Event::Start(start) => reading.open(&start)?,
            Event::Empty(start) => {
                reading.open(&start)?;
                reading.close()?;
            }
            Event::End(_) => reading.close()?,
            Event::Text(text) => reading.append(&text.xml10_content())?,
            Event::CData(text) => reading.append(&text.xml10_content())?,
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) => reading.append(character.encode_utf8(&mut [0; 4]))?,
                Ok(None) => reading.append(predefined(&reference.xml10_content())?)?,
                Err(e) => return Err(PivotError::Xml { at: events.buffer_position(), reason: e.to_string() }),
            },
            Event::DocType(_) => return Err(PivotError::Forbidden),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if !reading.path.is_empty() {
        return Err(PivotError::Xml { at: events.buffer_position(), reason: "it ends too early".to_owned() });
    }
    reading.finish()
}

/// The five entities XML itself declares.
fn predefined(name: &str) -> Result<&'static str, PivotError> {
    match name {
        "amp" => Ok("&"),
        "lt" => Ok("<"),
        "gt" => Ok(">"),
        "quot" => Ok("\""),
        "apos" => Ok("'"),
        _ => Err(PivotError::Forbidden),
    }
}

/// The versions of the schema that are known; those seen in the field mostly name none (PROTOCOL §4).
pub const VERSIONS: [&str; 4] = ["V1_20", "V1_21", "V1_22", "V2_02"];

/// Whether what a pivot says of its version is news: a schema of a later series may say more than is read here. What is
/// older was read then as it is now.
pub fn is_new_version(version: &str) -> bool {
    let parts = |text: &str| {
        let (major, minor) = text.trim().strip_prefix(['V', 'v'])?.split_once(['_', '.'])?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    let newest = VERSIONS.iter().filter_map(|known| parts(known)).max();
    !version.trim().is_empty() && (parts(version).is_none() || parts(version) > newest)
}

/// Where reading stands: the path of open elements, the text of the innermost one, what was read so far.
struct Reading {
    limits: Limits,
    path: Vec<String>,
    text: String,
    pivot: Pivot,
}

impl Reading {
    fn open(&mut self, start: &quick_xml::events::BytesStart<'_>) -> Result<(), PivotError> {
        let name = start.local_name().into_inner().to_owned();
        if self.path.is_empty() {
            if name != "CPPFacturePivot" {
                return Err(PivotError::OtherRoot(name.chars().take(80).collect()));
            }
            self.pivot.version =
                start.try_get_attribute("Version").ok().flatten().map(|a| a.value.chars().take(20).collect());
        }
        if self.path.len() >= DEPTH_LIMIT {
            return Err(PivotError::TooMany("elements inside each other"));
        }
        match name.as_str() {
            "CPPFacturePivotUnitaire" => {
                if self.pivot.invoices.len() >= INVOICES_LIMIT {
                    return Err(PivotError::TooMany("invoices"));
                }
                self.pivot.invoices.push(PivotInvoice::default());
            }
            "PJ" => {
                if let Some(invoice) = self.pivot.invoices.last_mut() {
                    if invoice.attachments.len() >= ATTACHMENTS_LIMIT {
                        return Err(PivotError::TooMany("attachments"));
                    }
                    invoice.attachments.push(Attachment::default());
                }
            }
            _ => {}
        }
        self.path.push(name);
        self.text.clear();
        Ok(())
    }

    fn append(&mut self, text: &str) -> Result<(), PivotError> {
        let limit = match self.path.last().map(String::as_str) {
            Some("Contenu") => self.limits.pivot_bytes,
            _ => TEXT_LIMIT_BYTES,
        };
        if self.text.len() + text.len() > limit {
            return Err(PivotError::TooLarge { limit });
        }
        self.text.push_str(text);
        Ok(())
    }

    fn close(&mut self) -> Result<(), PivotError> {
        let Some(name) = self.path.pop() else { return Ok(()) };
        let above = self.path.last().map(String::as_str).unwrap_or_default();
        let text = std::mem::take(&mut self.text);
        let Some(invoice) = self.pivot.invoices.last_mut() else { return Ok(()) };
        if above == "PJ" && name == "Contenu" {
            let ordinal = invoice.attachments.len();
            let Some(attachment) = invoice.attachments.last_mut() else { return Ok(()) };
            attachment.content = Some(decode(&text, ordinal, self.limits.attachment_bytes)?);
            return Ok(());
        }
        store_text(invoice, above, &name, text.trim().to_owned());
        Ok(())
    }

    fn finish(self) -> Result<Pivot, PivotError> {
        let mut pivot = self.pivot;
        if pivot.invoices.is_empty() {
            return Err(PivotError::Missing("CPPFacturePivotUnitaire"));
        }
        for invoice in &mut pivot.invoices {
            if invoice.number.is_empty() {
                return Err(PivotError::Missing("DonneesFacture/Id"));
            }
            let mut room = self.limits.attachment_bytes;
            for attachment in &mut invoice.attachments {
                unzip_attachment(attachment, &mut room);
            }
        }
        Ok(pivot)
    }
}

/// Puts a text where it belongs; a text this reader has no place for is passed over.
fn store_text(invoice: &mut PivotInvoice, above: &str, name: &str, text: String) {
    let some = |text: String| if text.is_empty() { None } else { Some(text) };
    match (above, name) {
        ("Fournisseur", "TypeIdentifiant") => invoice.supplier.kind = text,
        ("Fournisseur", "Identifiant") => invoice.supplier.id = text,
        ("Fournisseur", "RaisonSociale") => invoice.supplier.name = text,
        ("Fournisseur", "CodePays") => invoice.supplier.country = some(text),
        ("Debiteur", "TypeIdentifiant") => invoice.recipient.kind = text,
        ("Debiteur", "Identifiant") => invoice.recipient.id = text,
        ("Debiteur", "Nom") => invoice.recipient.name = text,
        ("Debiteur", "CodeService") => invoice.service_code = some(text),
        ("DonneesFacture", "Id") => invoice.number = text,
        ("DonneesFacture", "IdCPRO") => invoice.chorus_id = text.parse().ok(),
        ("DonneesFacture", "Type") => invoice.type_code = text,
        ("DonneesFacture", "Cadre") => invoice.frame = text,
        ("DonneesFacture", "DateEmissionFacture") => invoice.issued_on = text,
        ("DonneesFacture", "DateReception") => invoice.received_on = text,
        ("DonneesFacture", "Devise") => invoice.currency = text,
        ("Montants", "MontantHT") => invoice.without_tax = text,
        ("Montants", "MontantTTC") => invoice.with_tax = text,
        ("Montants", "MontantNetAPayer") => invoice.payable = text,
        ("Engagement", "NumeroEngagement") => invoice.engagement = some(text),
        ("Engagement", "NumeroMarche") => invoice.market = some(text),
        ("PJ", "NomPJ" | "CategoriePJ" | "TypePJ" | "MimeTypePJ") => {
            if let Some(attachment) = invoice.attachments.last_mut() {
                match name {
                    "NomPJ" => attachment.name = text,
                    "CategoriePJ" => attachment.category = some(text),
                    "MimeTypePJ" => attachment.mime = text,
                    _ if text == "01" || text == "1" => attachment.kind = AttachmentKind::Principal,
                    _ => attachment.kind = AttachmentKind::Complementary,
                }
            }
        }
        _ => {}
    }
}

/// Base64 with line breaks and with or without padding.
fn decode(text: &str, ordinal: usize, limit: usize) -> Result<Vec<u8>, PivotError> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    if text.len() / 4 * 3 > limit.saturating_add(3) {
        return Err(PivotError::TooLarge { limit });
    }
    let compact: Cow<'_, str> = if text.bytes().any(|b| b.is_ascii_whitespace()) {
        Cow::Owned(text.chars().filter(|c| !c.is_ascii_whitespace()).collect())
    } else {
        Cow::Borrowed(text)
    };
    LENIENT
        .decode(compact.as_bytes())
        .map_err(|e| PivotError::Attachment { ordinal, reason: format!("not base64: {e}") })
}

/// Chorus Pro often sends an attachment inside a ZIP of its own, under another name (PROTOCOL §4). It is taken out when
/// the attachment's own name is no archive's and the ZIP holds one file only. What stays a ZIP tells what it holds, unless
/// it is an office document; one that cannot be opened, or inflates to more than `room`, stays as it came and says so.
fn unzip_attachment(attachment: &mut Attachment, room: &mut usize) {
    let Some(content) = &attachment.content else { return };
    if !content.starts_with(b"PK\x03\x04") {
        return;
    }
    // Something that only begins like a ZIP stays as it came.
    let Ok(mut archive) = open_archive(content) else { return };
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    if names.iter().any(|name| name == "[Content_Types].xml" || name == "mimetype") {
        return;
    }
    let is_archive = attachment.name.to_ascii_lowercase().ends_with(".zip");
    if is_archive || archive.len() != 1 {
        attachment.members = members(&mut archive);
        return;
    }
    let inner = archive.by_index(0).map_err(|e| PivotError::Archive(e.to_string())).and_then(|member| {
        let name = member.name().map(|name| base_name(&name)).unwrap_or_default();
        if member.is_dir() { Ok(None) } else { inflate(member, *room).map(|inner| Some((name, inner))) }
    });
    match inner {
        Ok(None) => attachment.members = members(&mut archive),
        Ok(Some((name, inner))) => {
            *room -= inner.len();
            attachment.inner_name = (name != attachment.name).then_some(name);
            attachment.content = Some(inner);
        }
        Err(reason) => {
            attachment.members = members(&mut archive);
            attachment.unopened = Some(reason.to_string());
        }
    }
}

fn members(archive: &mut zip::ZipArchive<Cursor<&[u8]>>) -> Vec<Member> {
    let listed = (0..archive.len().min(MEMBERS_LISTED)).filter_map(|place| {
        let member = archive.by_index_raw(place).ok()?;
        let name = member.name().ok()?.chars().filter(|c| !c.is_control()).take(MEMBER_NAME_CHARACTERS).collect();
        Some(Member { name, size: member.size() })
    });
    listed.collect()
}

/// A member's name without folders.
fn base_name(name: &str) -> String {
    name.rsplit(['/', '\\']).next().unwrap_or(name).chars().take(MEMBER_NAME_CHARACTERS).collect()
}

fn open_archive(bytes: &[u8]) -> Result<zip::ZipArchive<Cursor<&[u8]>>, PivotError> {
    let archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| PivotError::Archive(e.to_string()))?;
    if archive.len() > MEMBERS_LIMIT { Err(PivotError::TooMany("archive members")) } else { Ok(archive) }
}

fn inflate(member: impl Read, limit: usize) -> Result<Vec<u8>, PivotError> {
    let mut content = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    member.take(bound).read_to_end(&mut content).map_err(|e| PivotError::Archive(e.to_string()))?;
    if content.len() > limit { Err(PivotError::TooLarge { limit }) } else { Ok(content) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn pivot(attachments: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<CPPFacturePivot Version="V2_02"><Enveloppe/><CPPFactures Compteur="1"><CPPFacturePivotUnitaire NumOrdre="1">
<Fournisseur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>33254021516357</Identifiant>
<RaisonSociale>Caf&#233; &amp; C&#xB0;</RaisonSociale><CodePays>FR</CodePays><ModeEmission>flux</ModeEmission></Fournisseur>
<Debiteur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>12345678200051</Identifiant><Nom>Université œ</Nom>
<CodeService>COMPTA</CodeService></Debiteur>
<DonneesFacture><Id> F2026-0001 </Id><IdCPRO>9001</IdCPRO><NouvelElement><Id>not this one</Id></NouvelElement>
<Type>380</Type><Cadre>A1</Cadre><DateEmissionFacture>2026-11-19</DateEmissionFacture>
<DateReception>2026-11-20</DateReception><Devise>EUR</Devise>
<Montants><MontantHT>100.00</MontantHT><MontantTTC>120.00</MontantTTC><MontantNetAPayer>120.00</MontantNetAPayer></Montants>
<Engagement><NumeroMarche>M1</NumeroMarche><NumeroEngagement>4500001</NumeroEngagement></Engagement>
</DonneesFacture>{attachments}</CPPFacturePivotUnitaire></CPPFactures></CPPFacturePivot>"#
        )
    }

    fn attachment(name: &str, kind: &str, category: &str, content: &[u8]) -> String {
        format!(
            "<PJ NumOrdre=\"1\"><Contenu>{}</Contenu><NomPJ>{name}</NomPJ><CategoriePJ>{category}</CategoriePJ>\
             <TypePJ>{kind}</TypePJ><MimeTypePJ>application/octet-stream</MimeTypePJ></PJ>",
            BASE64_STANDARD.encode(content)
        )
    }

    #[test]
    fn reads_the_facts_and_the_attachments_out_of_their_archives() {
        let office = zipped(&[("[Content_Types].xml", b"<a/>"), ("word/document.xml", b"<b/>")]);
        let archive = zipped(&[("inner.txt", b"kept zipped")]);
        let text = pivot(
            &[
                attachment("F2026-0001.xml", "01", "Facture XML", b"<Invoice/>"),
                attachment("bon.txt", "02", "Autre", &zipped(&[("other name.txt", "reçu".as_bytes())])),
                attachment("annexe.docx", "02", "Autre", &office),
                attachment("lot.zip", "02", "Autre", &archive),
                attachment("F2026-0001.pdf", "02", "Facture PDF", b"%PDF-1.7 readable"),
            ]
            .concat(),
        );
        let read = read(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(read.version.as_deref(), Some("V2_02"));
        let invoice = &read.invoices[0];
        assert_eq!((invoice.number.as_str(), invoice.chorus_id), ("F2026-0001", Some(9001)));
        assert_eq!(invoice.supplier.name, "Café & C°");
        assert_eq!(invoice.recipient.name, "Université œ");
        assert_eq!(invoice.service_code.as_deref(), Some("COMPTA"));
        assert_eq!((invoice.payable.as_str(), invoice.currency.as_str()), ("120.00", "EUR"));
        assert_eq!(invoice.engagement.as_deref(), Some("4500001"));
        let contents: Vec<_> = invoice.attachments.iter().map(|a| a.content.as_deref().unwrap()).collect();
        assert_eq!(contents[1], "reçu".as_bytes(), "taken out of the ZIP that Chorus Pro made");
        assert_eq!(contents[2], office, "an office document is not an archive");
        assert_eq!(contents[3], archive, "an archive that is an attachment stays one");
        let told = |place: usize| {
            let one = &invoice.attachments[place];
            (one.inner_name.as_deref(), one.members.iter().map(|m| (m.name.as_str(), m.size)).collect::<Vec<_>>())
        };
        assert_eq!(told(1), (Some("other name.txt"), vec![]));
        assert_eq!(told(2), (None, vec![]));
        assert_eq!(told(3), (None, vec![("inner.txt", 11)]));
        assert_eq!(invoice.principal().unwrap().name, "F2026-0001.xml");
        assert_eq!(invoice.readable().unwrap().name, "F2026-0001.pdf");
    }

    #[test]
    fn finds_the_pivot_in_a_zip_and_refuses_a_bomb() {
        let xml = pivot("");
        let zip = zipped(&[("lisezmoi.txt", b"no"), ("autre.xml", b"<a/>"), ("pivot.XML", xml.as_bytes())]);
        let limits = Limits::default();
        assert_eq!(&unwrap_download(&zip, &limits).unwrap()[..], xml.as_bytes());
        assert_eq!(&unwrap_download(xml.as_bytes(), &limits).unwrap()[..], xml.as_bytes());
        assert_eq!(unwrap_download(&zipped(&[("a.txt", b"x")]), &limits), Err(PivotError::NoMember));
        assert!(matches!(unwrap_download(b"PK not a zip", &limits), Err(PivotError::Archive(_))));

        let bomb = zipped(&[("pivot.xml", &vec![b' '; 4 << 20])]);
        let small = Limits { pivot_bytes: 1 << 20, attachment_bytes: 1 << 20 };
        assert_eq!(unwrap_download(&bomb, &small), Err(PivotError::TooLarge { limit: 1 << 20 }));
        let nested = pivot(&attachment("a.bin", "02", "x", &zipped(&[("a.bin", &vec![0; 4 << 20])])));
        let read = read(nested.as_bytes(), &small).unwrap();
        let bomb = &read.invoices[0].attachments[0];
        assert!(bomb.content.as_ref().unwrap().starts_with(b"PK"), "it stays as it came");
        assert_eq!(bomb.unopened.as_deref(), Some("more than 1048576 bytes"));
        assert_eq!(bomb.members, [Member { name: "a.bin".to_owned(), size: 4 << 20 }]);
    }

    #[test]
    fn many_small_archives_inflate_to_no_more_than_one_large() {
        let one = |n: usize| attachment(&format!("{n}.bin"), "02", "x", &zipped(&[("a.bin", &vec![0; 400 << 10])]));
        let text = pivot(&(0..3).map(one).collect::<String>());
        let small = Limits { pivot_bytes: 1 << 20, attachment_bytes: 1 << 20 };
        let read = read(text.as_bytes(), &small).unwrap();
        let opened: Vec<bool> = read.invoices[0].attachments.iter().map(|a| a.unopened.is_none()).collect();
        assert_eq!(opened, [true, true, false]);
    }

    #[test]
    fn what_is_no_pivot_says_why() {
        let limits = Limits::default();
        let error = |text: &str| read(text.as_bytes(), &limits).unwrap_err();
        assert_eq!(error("<Invoice/>"), PivotError::OtherRoot("Invoice".to_owned()));
        assert_eq!(error("<CPPFacturePivot/>"), PivotError::Missing("CPPFacturePivotUnitaire"));
        assert_eq!(error("<!DOCTYPE a [<!ENTITY b \"c\">]><CPPFacturePivot/>"), PivotError::Forbidden);
        assert_eq!(error("<CPPFacturePivot>&b;</CPPFacturePivot>"), PivotError::Forbidden);
        assert!(matches!(error("<CPPFacturePivot><a>"), PivotError::Xml { .. }));
        assert!(matches!(error("<CPPFacturePivot><a></b>"), PivotError::Xml { .. }));
        assert_eq!(read(b"<a>\xe9</a>", &limits), Err(PivotError::Encoding(3)));
        assert!(matches!(error(""), PivotError::Missing(_)));
        let deep = format!("<CPPFacturePivot>{}", "<a>".repeat(10_000));
        assert_eq!(error(&deep), PivotError::TooMany("elements inside each other"));
        let broken = pivot("<PJ><Contenu>****</Contenu></PJ>");
        assert!(matches!(error(&broken), PivotError::Attachment { ordinal: 1, .. }));
        assert_eq!(
            error("<CPPFacturePivot><CPPFacturePivotUnitaire/></CPPFacturePivot>"),
            PivotError::Missing("DonneesFacture/Id")
        );
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..1500, byte in any::<u8>()) {
            let limits = Limits { pivot_bytes: 1 << 16, attachment_bytes: 1 << 16 };
            let _ = read(&bytes, &limits);
            let _ = unwrap_download(&[b"PK\x03\x04", &bytes[..]].concat(), &limits);
            let mut changed = pivot(&attachment("a", "01", "b", b"c")).into_bytes();
            let at = at % changed.len();
            changed[at] = byte;
            let _ = read(&changed, &limits);
        }
    }
}
