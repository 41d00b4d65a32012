//! The two forms a directory's file may have: a table, one line per structure or per service, and XML, in which structures
//! hold their services. Both are found by names, as streams.

use std::io::{self, BufRead, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::chorus::directory::DirectoryError;
use crate::domain::{StructureEntry, StructureService};
use crate::invoice::csv_table::{Record, RecordError, Records, plain_name};

/// The longest text kept of one field, in characters.
const TEXT_LIMIT: usize = 400;
/// Services kept of one structure.
const SERVICES_LIMIT: usize = 20_000;
/// Elements inside each other.
const DEPTH_LIMIT: usize = 32;
/// Fields kept of one element.
const FIELDS_LIMIT: usize = 100;
/// Bytes of one piece of XML: a tag, or a text.
const PIECE_BYTES: usize = 256 * 1024;

/// What a column or an element means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Siret,
    Name,
    Active,
    ServiceRequired,
    CommitmentRequired,
    Either,
    PaymentReported,
    PaymentNotReported,
    ServiceCode,
    ServiceName,
    ServiceActive,
    ServiceCommitment,
}

/// What a name stands for, as it is compared ([`plain_name`]).
const PLACES: &[(&str, Place)] = &[
    ("identifiant", Place::Siret),
    ("siret", Place::Siret),
    ("identifiantstructure", Place::Siret),
    ("numerosiret", Place::Siret),
    ("raisonsociale", Place::Name),
    ("raisonsocialestructure", Place::Name),
    ("designation", Place::Name),
    ("designationstructure", Place::Name),
    ("nomdestinataire", Place::Name),
    ("nom", Place::Name),
    ("structureactive", Place::Active),
    ("active", Place::Active),
    ("actif", Place::Active),
    ("estactif", Place::Active),
    ("statut", Place::Active),
    ("gestionservice", Place::ServiceRequired),
    ("codeservicedoitetrerenseigne", Place::ServiceRequired),
    ("serviceobligatoire", Place::ServiceRequired),
    ("gestionengagement", Place::CommitmentRequired),
    ("numeroejdoitetrerenseigne", Place::CommitmentRequired),
    ("engagementobligatoire", Place::CommitmentRequired),
    ("gestionserviceengagement", Place::Either),
    ("gestionnumeroejoucodeservice", Place::Either),
    ("serviceouengagement", Place::Either),
    ("gestionstatutmiseenpaiement", Place::PaymentReported),
    ("statutmiseenpaiementnestpasremonte", Place::PaymentNotReported),
    ("codeservice", Place::ServiceCode),
    ("nomservice", Place::ServiceName),
    ("libelleservice", Place::ServiceName),
    ("serviceactif", Place::ServiceActive),
    ("servicegestionengagement", Place::ServiceCommitment),
    ("gestionengagementservice", Place::ServiceCommitment),
];

/// Names inside an element that is a service.
const SERVICE_PLACES: &[(&str, Place)] = &[
    ("code", Place::ServiceCode),
    ("codeservice", Place::ServiceCode),
    ("identifiant", Place::ServiceCode),
    ("nom", Place::ServiceName),
    ("nomservice", Place::ServiceName),
    ("libelle", Place::ServiceName),
    ("libelleservice", Place::ServiceName),
    ("actif", Place::ServiceActive),
    ("estactif", Place::ServiceActive),
    ("serviceactif", Place::ServiceActive),
    ("statut", Place::ServiceActive),
    ("gestionengagement", Place::ServiceCommitment),
    ("numeroengagement", Place::ServiceCommitment),
    ("engagementobligatoire", Place::ServiceCommitment),
];

fn place(name: &str, places: &[(&str, Place)]) -> Option<Place> {
    places.iter().find(|(known, _)| *known == name).map(|(_, place)| *place)
}

/// Whether a table's header is that of a file of services alone: it has their code and nothing that a structure has. What
/// it says of commitments, activity and names is then theirs.
fn is_services(names: &[String]) -> bool {
    let has = |wanted: &[&str]| names.iter().any(|name| wanted.contains(&name.as_str()));
    has(&["code", "codeservice"])
        && !has(&["raisonsociale", "raisonsocialestructure", "structureactive", "designation"])
}

/// `true`, `oui`, `1`, `actif` ...; `None` for anything else.
fn truth(text: &str) -> Option<bool> {
    match plain_name(text).as_str() {
        "true" | "vrai" | "oui" | "o" | "1" | "actif" | "active" | "x" => Some(true),
        "false" | "faux" | "non" | "n" | "0" | "inactif" | "inactive" => Some(false),
        _ => None,
    }
}

/// A structure and a service being put together.
#[derive(Default)]
struct Draft {
    entry: StructureEntry,
    service: StructureService,
}

impl Draft {
    fn set(&mut self, place: Place, text: &str) {
        let kept = || text.chars().take(TEXT_LIMIT).collect::<String>();
        if text.is_empty() {
            return;
        }
        let (entry, service) = (&mut self.entry, &mut self.service);
        match place {
            Place::Siret => entry.siret = kept(),
            Place::Name => entry.name = entry.name.take().or_else(|| Some(kept())),
            Place::Active => entry.active = truth(text),
            Place::ServiceRequired => entry.service_required = truth(text),
            Place::CommitmentRequired => entry.commitment_required = truth(text),
            Place::Either => entry.commitment_or_service = truth(text),
            Place::PaymentReported => entry.payment_reported = truth(text),
            Place::PaymentNotReported => entry.payment_reported = truth(text).map(|not| !not),
            Place::ServiceCode => service.code = kept(),
            Place::ServiceName => service.name = Some(kept()),
            Place::ServiceActive => service.active = truth(text),
            Place::ServiceCommitment => service.commitment_required = truth(text),
        }
    }

    fn finish(mut self) -> StructureEntry {
        if !self.service.code.is_empty() {
            self.entry.services.push(self.service);
        }
        self.entry
    }
}

/// A table as a source of structures; lines of one structure that follow each other are one entry.
pub(super) struct CsvSource<R> {
    member: String,
    records: Records<R>,
    places: Vec<Option<Place>>,
    waiting: Option<StructureEntry>,
}

impl<R: BufRead> CsvSource<R> {
    pub(super) fn new(member: String, stream: R) -> Result<Self, DirectoryError> {
        let mut records = Records::new(stream);
        let header = match records.next() {
            Some(Ok(header)) => header,
            Some(Err(error)) => return Err(DirectoryError::Member { member, reason: error.to_string() }),
            None => return Err(DirectoryError::NoIdentifier { member }),
        };
        let names: Vec<String> = header.fields.iter().map(|name| plain_name(name)).collect();
        let services = is_services(&names);
        let meaning = |name: &String| match place(name, PLACES) {
            Some(Place::Siret) => Some(Place::Siret),
            _ if services => place(name, SERVICE_PLACES),
            other => other,
        };
        let places: Vec<Option<Place>> = names.iter().map(meaning).collect();
        if !places.contains(&Some(Place::Siret)) {
            return Err(DirectoryError::NoIdentifier { member });
        }
        Ok(Self { member, records, places, waiting: None })
    }

    fn entry(&self, record: &Record) -> Result<StructureEntry, DirectoryError> {
        let mut draft = Draft::default();
        for (place, text) in self.places.iter().zip(&record.fields) {
            if let Some(place) = place {
                draft.set(*place, text);
            }
        }
        if draft.entry.siret.is_empty() {
            let reason = "no SIRET".to_owned();
            return Err(DirectoryError::Line { member: self.member.clone(), line: record.line, reason });
        }
        Ok(draft.finish())
    }

    /// Joins a line to the structure that waits; what is given back is whole.
    fn join(&mut self, entry: StructureEntry) -> Option<StructureEntry> {
        match &mut self.waiting {
            Some(waiting) if waiting.siret == entry.siret && waiting.services.len() < SERVICES_LIMIT => {
                waiting.services.extend(entry.services);
                None
            }
            _ => self.waiting.replace(entry),
        }
    }
}

impl<R: BufRead> Iterator for CsvSource<R> {
    type Item = Result<StructureEntry, DirectoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let record = match self.records.next() {
                Some(Ok(record)) if record.is_blank() => continue,
                Some(Ok(record)) => record,
                // Not a line that is wrong: there is no reading on.
                Some(Err(error @ RecordError::Source { .. })) => {
                    self.waiting = None;
                    return Some(Err(DirectoryError::Member {
                        member: self.member.clone(),
                        reason: error.to_string(),
                    }));
                }
                Some(Err(error)) => {
                    let (line, reason) = (error.line(), error.to_string());
                    return Some(Err(DirectoryError::Line { member: self.member.clone(), line, reason }));
                }
                None => return self.waiting.take().map(Ok),
            };
            match self.entry(&record) {
                Ok(entry) => {
                    if let Some(whole) = self.join(entry) {
                        return Some(Ok(whole));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Gives no more than [`PIECE_BYTES`] between two resets, so that no tag and no text grows without end.
struct Pieces<R> {
    inner: R,
    left: usize,
}

impl<R: BufRead> Read for Pieces<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.fill_buf()?;
        let count = ready.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Pieces<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = self.left;
        let ready = self.inner.fill_buf()?;
        if left == 0 && !ready.is_empty() {
            return Err(io::Error::other(format!("a tag or a text of more than {PIECE_BYTES} bytes")));
        }
        Ok(&ready[..ready.len().min(left)])
    }

    fn consume(&mut self, count: usize) {
        self.left -= count.min(self.left);
        self.inner.consume(count);
    }
}

/// A stream as UTF-8: by its byte order mark, else by its XML declaration, else UTF-8. Bytes that are none become U+FFFD: one
/// bad name must not hide a hundred thousand structures.
struct Decoded<R> {
    inner: R,
    decoder: Option<encoding_rs::Decoder>,
    out: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: BufRead> Decoded<R> {
    fn new(inner: R) -> Self {
        Self { inner, decoder: None, out: Vec::new(), at: 0, ended: false }
    }
}

/// The encoding that the first bytes of an XML document name.
fn encoding(head: &[u8]) -> &'static encoding_rs::Encoding {
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(head) {
        return encoding;
    }
    let head = String::from_utf8_lossy(&head[..head.len().min(200)]).into_owned();
    let declared = head.split("?>").next().and_then(|declaration| {
        let (_, after) = declaration.strip_prefix("<?xml")?.split_once("encoding")?;
        after.split(['"', '\'']).nth(1).map(str::to_owned)
    });
    declared.and_then(|name| encoding_rs::Encoding::for_label(name.as_bytes())).unwrap_or(encoding_rs::UTF_8)
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.fill_buf()?;
        let count = ready.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Decoded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at >= self.out.len() && !self.ended {
            let source = self.inner.fill_buf()?;
            let decoder = self.decoder.get_or_insert_with(|| encoding(source).new_decoder_with_bom_removal());
            let last = source.is_empty();
            // A few bytes may wait in the decoder from before, hence room for more than the source.
            self.out.resize(4 * source.len() + 64, 0);
            let (_, read, written, _) = decoder.decode_to_utf8(source, &mut self.out, last);
            self.out.truncate(written);
            self.at = 0;
            self.ended = last;
            self.inner.consume(read);
        }
        Ok(&self.out[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at = (self.at + count).min(self.out.len());
    }
}

/// An open element: what its leaves and attributes said, and the services below it.
#[derive(Default)]
struct Frame {
    name: String,
    text: String,
    leaf: bool,
    fields: Vec<(String, String)>,
    services: Vec<StructureService>,
}

impl Frame {
    fn add(&mut self, name: String, text: String) {
        if self.fields.len() < FIELDS_LIMIT && !text.is_empty() {
            self.fields.push((name, text));
        }
    }

    fn is_service(&self) -> bool {
        self.name.contains("service")
            && self.fields.iter().any(|(name, _)| place(name, SERVICE_PLACES) == Some(Place::ServiceCode))
    }

    fn is_structure(&self) -> bool {
        self.fields.iter().any(|(name, _)| place(name, PLACES) == Some(Place::Siret))
    }

    fn draft(&self, places: &[(&str, Place)]) -> Draft {
        let mut draft = Draft::default();
        for (name, text) in &self.fields {
            if let Some(place) = place(name, places) {
                draft.set(place, text);
            }
        }
        draft
    }
}

/// XML as a source of structures: an element is a structure when it holds its identifier.
pub(super) struct XmlSource<R> {
    member: String,
    reader: Reader<Pieces<Decoded<R>>>,
    open: Vec<Frame>,
    buffer: Vec<u8>,
    found: bool,
    ended: bool,
}

impl<R: BufRead> XmlSource<R> {
    pub(super) fn new(member: String, stream: R) -> Self {
        let reader = Reader::from_reader(Pieces { inner: Decoded::new(stream), left: PIECE_BYTES });
        Self { member, reader, open: Vec::new(), buffer: Vec::new(), found: false, ended: false }
    }

    fn fail(&mut self, reason: impl Into<String>) -> DirectoryError {
        self.ended = true;
        DirectoryError::Member { member: self.member.clone(), reason: reason.into() }
    }

    /// Reads one piece; `Some` when it ends a structure.
    fn step(&mut self) -> Result<Option<StructureEntry>, DirectoryError> {
        self.buffer.clear();
        self.reader.get_mut().left = PIECE_BYTES;
        let mut buffer = std::mem::take(&mut self.buffer);
        let stepped = match self.reader.read_event_into(&mut buffer) {
            Ok(event) => Self::take(&mut self.open, &event, &mut self.ended),
            Err(error) => Err(error.to_string()),
        };
        self.buffer = buffer;
        stepped.map_err(|reason| self.fail(reason))
    }

    fn take(open: &mut Vec<Frame>, event: &Event<'_>, ended: &mut bool) -> Result<Option<StructureEntry>, String> {
        match event {
            Event::Start(tag) => start(open, tag)?,
            Event::Empty(tag) => {
                start(open, tag)?;
                return Ok(end(open));
            }
            Event::End(_) => return Ok(end(open)),
            Event::Text(text) => append(open, &text.xml10_content()),
            Event::CData(text) => append(open, &text.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                Ok(Some(character)) => append(open, character.encode_utf8(&mut [0; 4])),
                Ok(None) => {
                    let name = reference.xml10_content();
                    let known = quick_xml::escape::resolve_xml_entity(&name).ok_or("an entity is used")?;
                    append(open, known);
                }
                Err(error) => return Err(error.to_string()),
            },
            Event::DocType(_) => return Err("a document type is declared".to_owned()),
            Event::Eof if open.is_empty() => *ended = true,
            Event::Eof => return Err("it ends too early".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        Ok(None)
    }
}

fn start(open: &mut Vec<Frame>, tag: &BytesStart<'_>) -> Result<(), String> {
    if open.len() >= DEPTH_LIMIT {
        return Err(format!("more than {DEPTH_LIMIT} elements inside each other"));
    }
    if let Some(parent) = open.last_mut() {
        parent.leaf = false;
    }
    let mut frame = Frame { name: plain_name(tag.local_name().into_inner()), leaf: true, ..Frame::default() };
    for attribute in tag.attributes().with_checks(false).take(FIELDS_LIMIT).flatten() {
        let value: String = attribute.value.trim().chars().take(TEXT_LIMIT).collect();
        frame.add(plain_name(attribute.key.local_name().into_inner()), value);
    }
    open.push(frame);
    Ok(())
}

fn append(open: &mut [Frame], text: &str) {
    let Some(frame) = open.last_mut() else { return };
    let room = (4 * TEXT_LIMIT).saturating_sub(frame.text.len());
    frame.text.extend(text.chars().take(room));
}

/// Closes the innermost element: a value for its parent, a service, a structure, or a group whose content is its parent's.
fn end(open: &mut Vec<Frame>) -> Option<StructureEntry> {
    let frame = open.pop()?;
    let Some(parent) = open.last_mut() else {
        return frame.is_structure().then(|| structure(frame));
    };
    if frame.is_service() {
        let service = frame.draft(SERVICE_PLACES).service;
        if parent.services.len() < SERVICES_LIMIT {
            parent.services.push(service);
        }
    } else if frame.is_structure() {
        return Some(structure(frame));
    } else {
        if frame.leaf {
            let text = frame.text.trim().chars().take(TEXT_LIMIT).collect();
            parent.add(frame.name, text);
        }
        for (name, text) in frame.fields {
            if !parent.fields.iter().any(|(known, _)| *known == name) {
                parent.add(name, text);
            }
        }
        let room = SERVICES_LIMIT.saturating_sub(parent.services.len());
        parent.services.extend(frame.services.into_iter().take(room));
    }
    None
}

fn structure(frame: Frame) -> StructureEntry {
    let mut entry = frame.draft(PLACES).finish();
    entry.services.extend(frame.services);
    entry
}

impl<R: BufRead> Iterator for XmlSource<R> {
    type Item = Result<StructureEntry, DirectoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.step() {
                Ok(Some(entry)) => {
                    self.found = true;
                    return Some(Ok(entry));
                }
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
        if self.found {
            return None;
        }
        self.found = true;
        // Failures have been told; a file that ends well without a structure is none of ours.
        self.open.is_empty().then(|| Err(DirectoryError::NoIdentifier { member: self.member.clone() }))
    }
}
