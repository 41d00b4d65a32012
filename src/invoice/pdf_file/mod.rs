//! A PDF as bytes that may mean harm: its objects, each read where it stands and when it is asked for.
//!
//! Promises work and memory in proportion to the file: every step charges a budget, no number in the file is believed, and
//! no reference is followed but by the one who asks. What cannot be read is absent; what is too much is an error. Refuses to
//! know what an invoice is.

mod attached;
mod filters;
mod revision;
mod sections;
mod syntax;
mod text;

use std::collections::HashMap;
use std::ops::{Deref, Range};
use std::rc::Rc;

use crate::fault::Fault;

use super::complaint::over;
use super::limits::Limits;
use super::sniff::Kind;

pub use attached::{Attached, Attachments};
pub use filters::{Undecoded, Want, at_most};
pub use revision::Revision;
pub use syntax::{Dictionary, Object, Value};
pub use text::text_string;

use filters::Filter;
use sections::{Entry, Sections};
use syntax::Parser;

/// Values (numbers, names, entries …) that are read of one PDF.
const VALUES: usize = 4_000_000;
/// Values of one object.
const OBJECT_VALUES: usize = 300_000;
/// Bytes in memory of the objects that are kept, should they be asked for again; others are read again.
const KEPT_BYTES: usize = 16 << 20;
/// Nodes of trees and entries of lists that are visited: a page with its links has some dozens.
const STEPS: usize = 1_000_000;
/// Bytes of the rows of cross-reference streams, for each object that there may be: a row has seven, and each time that a
/// file is saved may repeat some.
const ROW_BYTES: usize = 24;
/// How often, on the whole, the bytes of a file may be looked at; and how many more, of small files.
const PASSES: usize = 8;
const ANYWAY: usize = 1 << 20;
/// A reference to a reference to …
const INDIRECTIONS: usize = 8;

/// Why a PDF is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Damaged or cut.
    Broken,
    /// More than there may be: of what, in French and English, and how much there may be.
    Over([&'static str; 2], usize),
}

impl Trouble {
    pub fn fault(self) -> Fault {
        match self {
            Trouble::Broken => Kind::BrokenPdf.fault(),
            Trouble::Over([fr, en], limit) => over(fr, en, limit),
        }
    }

    fn of_rows(undecoded: Undecoded, objects: usize) -> Self {
        match undecoded {
            Undecoded::TooLarge => Trouble::Over(["objets du PDF", "objects of the PDF"], objects),
            Undecoded::Broken => Trouble::Broken,
        }
    }
}

/// What may still be spent on one PDF.
#[derive(Debug)]
pub struct Budget {
    /// Bytes to look at.
    work: usize,
    values: usize,
    /// Bytes of cross-reference streams, inflated.
    rows: usize,
    /// Bytes of object streams, inflated.
    packed: usize,
    /// Bytes inflated on the way from one filter to the next.
    between: usize,
    /// Nodes and entries to visit.
    steps: usize,
    limits: Limits,
}

impl Budget {
    fn new(pdf: &[u8], limits: &Limits) -> Self {
        Self {
            work: pdf.len().saturating_mul(PASSES).saturating_add(ANYWAY),
            values: VALUES,
            rows: limits.pdf_objects.saturating_mul(ROW_BYTES),
            packed: limits.pdf_object_stream_bytes,
            between: limits.pdf_attachments_bytes,
            steps: STEPS,
            limits: *limits,
        }
    }

    fn work(&mut self, bytes: usize) -> Result<(), Trouble> {
        const AGAIN: [&str; 2] = ["passages sur les octets du PDF", "passes over the bytes of the PDF"];
        self.work = self.work.checked_sub(bytes).ok_or(Trouble::Over(AGAIN, PASSES))?;
        Ok(())
    }

    /// How many values the next object may have.
    fn allowance(&self) -> usize {
        self.values.min(OBJECT_VALUES)
    }

    /// What a parser, given its allowance, has read since a place.
    fn read(&mut self, parser: &Parser<'_>, from: usize) -> Result<(), Trouble> {
        let allowance = self.allowance();
        if parser.left() == 0 {
            return Err(Trouble::Over(["valeurs du PDF", "values of the PDF"], allowance));
        }
        self.values -= allowance - parser.left();
        self.work(parser.furthest().saturating_sub(from))
    }

    /// A value to keep beside the one that it is taken from: what is shared may be taken very often.
    fn copy(&mut self, value: &Value) -> Result<Value, Trouble> {
        self.work(value.weight())?;
        Ok(value.clone())
    }

    fn step(&mut self) -> Result<(), Trouble> {
        const NODES: [&str; 2] = ["nœuds et entrées du PDF", "nodes and entries of the PDF"];
        self.steps = self.steps.checked_sub(1).ok_or(Trouble::Over(NODES, STEPS))?;
        Ok(())
    }
}

/// The object at a place, if there is one.
fn parsed(bytes: &[u8], at: usize, budget: &mut Budget) -> Result<Option<(u32, Object)>, Trouble> {
    let mut parser = Parser::new(bytes, at, budget.allowance());
    let object = parser.object();
    budget.read(&parser, at)?;
    Ok(object)
}

/// The data of a stream that begins at `start`. A length that does not lead to the word `endstream` is not believed.
fn data(pdf: &[u8], start: usize, length: Option<usize>, budget: &mut Budget) -> Result<Option<Range<usize>>, Trouble> {
    const END: &[u8] = b"endstream";
    if let Some(end) = length.and_then(|length| start.checked_add(length)).filter(|end| *end <= pdf.len()) {
        let rest = &pdf[end..];
        let blanks = rest.iter().take(2).take_while(|byte| syntax::is_blank(**byte)).count();
        if rest[blanks..].starts_with(END) {
            return Ok(Some(start..end));
        }
    }
    let rest = pdf.get(start..).unwrap_or_default();
    let found = rest.windows(END.len()).position(|window| window == END);
    budget.work(found.unwrap_or(rest.len()))?;
    Ok(found.map(|length| {
        let data = &rest[..length];
        // One end of a line; another byte like it may be the content's last.
        let ends: [&[u8]; 3] = [b"\r\n", b"\n", b"\r"];
        let data = ends.iter().find_map(|end| data.strip_suffix(*end)).unwrap_or(data);
        start..start + data.len()
    }))
}

/// The content of a stream whose dictionary refers to nothing: that of a cross-reference stream.
fn decoded_in_place(
    pdf: &[u8],
    dictionary: &Dictionary,
    start: usize,
    want: Want,
    budget: &mut Budget,
) -> Result<Result<Vec<u8>, Undecoded>, Trouble> {
    let Some(range) = data(pdf, start, dictionary.natural("Length"), budget)? else {
        return Ok(Err(Undecoded::Broken));
    };
    budget.work(range.len())?;
    let filters = filters_of(dictionary, &mut |value| Ok(Some(value.clone())))?;
    let between = &mut budget.between;
    Ok(filters.ok_or(Undecoded::Broken).and_then(|filters| filters::decoded(&pdf[range], &filters, want, between)))
}

/// The filters that a stream's dictionary names, in their order; `None`: it does not say so in the form it must.
fn filters_of(
    dictionary: &Dictionary,
    resolve: &mut dyn FnMut(&Value) -> Result<Option<Value>, Trouble>,
) -> Result<Option<Vec<Filter>>, Trouble> {
    let mut listed = |key: &str| -> Result<Vec<Value>, Trouble> {
        let Some(value) = dictionary.get(key) else { return Ok(Vec::new()) };
        let values = match resolve(value)? {
            Some(Value::Array(values)) => values,
            Some(Value::Null) | None => Vec::new(),
            Some(one) => vec![one],
        };
        values.iter().take(filters::CHAIN + 1).map(|value| Ok(resolve(value)?.unwrap_or(Value::Null))).collect()
    };
    let names = listed("Filter")?;
    let mut parameters = listed("DecodeParms")?.into_iter();
    let filters = names.into_iter().map(|name| match (name, parameters.next()) {
        (Value::Name(name), Some(Value::Dictionary(parameters))) => Some(Filter { name, parameters }),
        (Value::Name(name), None | Some(Value::Null)) => Some(Filter { name, parameters: Dictionary::default() }),
        _ => None,
    });
    Ok(filters.collect())
}

/// What a value is or refers to.
#[derive(Debug)]
pub enum Found<'v> {
    Here(&'v Value),
    There(Rc<Object>),
}

impl Deref for Found<'_> {
    type Target = Value;

    fn deref(&self) -> &Value {
        match self {
            Found::Here(value) => value,
            Found::There(object) => &object.value,
        }
    }
}

/// An object stream, inflated.
#[derive(Debug)]
struct Packed {
    content: Vec<u8>,
    /// Where each object begins.
    places: HashMap<u32, usize>,
}

/// A PDF whose sections were read.
#[derive(Debug)]
pub struct PdfFile<'b> {
    bytes: &'b [u8],
    sections: Sections,
    budget: Budget,
    objects: HashMap<u32, Option<Rc<Object>>>,
    /// What the kept objects take, in bytes.
    kept: usize,
    packed: HashMap<u32, Option<Rc<Packed>>>,
}

impl<'b> PdfFile<'b> {
    /// Reads where the objects are. The bytes begin with the file's signature.
    pub fn open(bytes: &'b [u8], limits: &Limits) -> Result<Self, Trouble> {
        let mut budget = Budget::new(bytes, limits);
        let sections = sections::read(bytes, limits.pdf_objects, &mut budget)?;
        Ok(Self { bytes, sections, budget, objects: HashMap::new(), kept: 0, packed: HashMap::new() })
    }

    /// The whole file, as it is.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// An entry of the newest trailer.
    pub fn trailer(&self, key: &str) -> Option<&Value> {
        self.sections.trailer.get(key)
    }

    /// The document's catalogue.
    pub fn catalog(&mut self) -> Result<Rc<Object>, Trouble> {
        let root = match self.trailer("Root") {
            Some(Value::Reference(number, _)) => *number,
            _ => return Err(Trouble::Broken),
        };
        let catalog = self.behind(root)?.ok_or(Trouble::Broken)?;
        if catalog.dictionary().is_none() {
            return Err(Trouble::Broken);
        }
        Ok(catalog)
    }

    /// An object by its number; `None`: there is none that can be read.
    pub fn object(&mut self, number: u32) -> Result<Option<Rc<Object>>, Trouble> {
        if let Some(known) = self.objects.get(&number) {
            return Ok(known.clone());
        }
        let read = match self.sections.entries.get(&number).copied() {
            None | Some(Entry::Free) => None,
            Some(Entry::At(at)) => parsed(self.bytes, at, &mut self.budget)?
                .filter(|(found, _)| *found == number)
                .map(|(_, object)| object),
            Some(Entry::In(stream)) => self.unpacked(stream, number)?,
        };
        let read = read.map(Rc::new);
        let weight = read.as_ref().map_or(0, |object| object.value.weight());
        if self.kept.saturating_add(weight) <= KEPT_BYTES {
            self.kept += weight;
            self.objects.insert(number, read.clone());
        }
        Ok(read)
    }

    fn unpacked(&mut self, stream: u32, number: u32) -> Result<Option<Object>, Trouble> {
        let Some(packed) = self.object_stream(stream)? else { return Ok(None) };
        let Some(place) = packed.places.get(&number) else { return Ok(None) };
        let mut parser = Parser::new(&packed.content, *place, self.budget.allowance());
        let value = parser.value();
        self.budget.read(&parser, *place)?;
        Ok(value.map(|value| Object { value, data: None }))
    }

    /// An object stream, inflated once. It lies in the file itself, and so does its length: nothing here can come back.
    fn object_stream(&mut self, number: u32) -> Result<Option<Rc<Packed>>, Trouble> {
        if let Some(known) = self.packed.get(&number) {
            return Ok(known.clone());
        }
        self.packed.insert(number, None);
        let Some(Entry::At(at)) = self.sections.entries.get(&number).copied() else { return Ok(None) };
        let Some((found, Object { value: Value::Dictionary(dictionary), data: Some(start) })) =
            parsed(self.bytes, at, &mut self.budget)?
        else {
            return Ok(None);
        };
        let (Some(count), Some(first)) = (dictionary.natural("N"), dictionary.natural("First")) else {
            return Ok(None);
        };
        if found != number || dictionary.name("Type") != Some(b"ObjStm") {
            return Ok(None);
        }
        let length = self.length(&dictionary, false)?;
        let Some(range) = data(self.bytes, start, length, &mut self.budget)? else { return Ok(None) };
        let filters = filters_of(&dictionary, &mut |value| Ok(Some(value.clone())))?;
        self.budget.work(range.len())?;
        let Some(filters) = filters else { return Ok(None) };
        let (stored, cap) = (range.len(), self.budget.packed);
        let between = &mut self.budget.between;
        let content = match filters::decoded(&self.bytes[range], &filters, Want::Whole(cap), between) {
            Ok(content) => content,
            Err(Undecoded::Broken) => {
                self.budget.packed -= filters::at_most(stored, cap);
                return Ok(None);
            }
            Err(Undecoded::TooLarge) => {
                let limit = self.budget.limits.pdf_object_stream_bytes;
                return Err(Trouble::Over(["flux d'objets du PDF", "object streams of the PDF"], limit));
            }
        };
        self.budget.packed -= content.len();
        self.budget.work = self.budget.work.saturating_add(content.len().saturating_mul(PASSES));
        let mut places = HashMap::new();
        let mut index = Parser::new(&content[..first.min(content.len())], 0, 1);
        for _ in 0..count {
            let Some((number, offset)) = index.natural().zip(index.natural()) else { break };
            self.budget.step()?;
            let place = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(first));
            if let (Ok(number), Some(place)) = (u32::try_from(number), place) {
                places.entry(number).or_insert(place);
            }
        }
        let packed = Rc::new(Packed { content, places });
        self.packed.insert(number, Some(packed.clone()));
        Ok(Some(packed))
    }

    /// How long a stream says it is: a number, or a reference to one. `packed`: which may stand in an object stream.
    fn length(&mut self, dictionary: &Dictionary, packed: bool) -> Result<Option<usize>, Trouble> {
        let number = match dictionary.get("Length") {
            Some(Value::Reference(number, _)) => *number,
            other => return Ok(other.and_then(Value::natural)),
        };
        if !packed && !matches!(self.sections.entries.get(&number), Some(Entry::At(_))) {
            return Ok(None);
        }
        Ok(self.object(number)?.and_then(|object| object.value.natural()))
    }

    /// The object of this number, or the one that it refers to in turn.
    fn behind(&mut self, number: u32) -> Result<Option<Rc<Object>>, Trouble> {
        let mut object = self.object(number)?;
        for _ in 0..INDIRECTIONS {
            let Some(Value::Reference(number, _)) = object.as_deref().map(|object| &object.value) else {
                return Ok(object);
            };
            object = self.object(*number)?;
        }
        Ok(None)
    }

    /// What a value is or refers to.
    pub fn referred<'v>(&mut self, value: &'v Value) -> Result<Option<Found<'v>>, Trouble> {
        match value {
            Value::Reference(number, _) => Ok(self.behind(*number)?.map(Found::There)),
            value => Ok(Some(Found::Here(value))),
        }
    }

    /// An entry of a dictionary, its reference followed.
    pub fn entry<'v>(&mut self, dictionary: &'v Dictionary, key: &str) -> Result<Option<Found<'v>>, Trouble> {
        self.budget.work(dictionary.0.len())?;
        match dictionary.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => self.referred(value),
        }
    }

    /// A value to keep.
    pub fn copied(&mut self, value: &Value) -> Result<Value, Trouble> {
        self.budget.copy(value)
    }

    /// The data of a stream as they lie in the file.
    pub fn raw(&mut self, stream: &Object) -> Result<Option<Range<usize>>, Trouble> {
        let (Some(dictionary), Some(start)) = (stream.dictionary(), stream.data) else { return Ok(None) };
        let length = self.length(dictionary, true)?;
        data(self.bytes, start, length, &mut self.budget)
    }

    /// The content of a stream.
    pub fn content(&mut self, stream: &Object, want: Want) -> Result<Result<Vec<u8>, Undecoded>, Trouble> {
        let (Some(range), Some(dictionary)) = (self.raw(stream)?, stream.dictionary()) else {
            return Ok(Err(Undecoded::Broken));
        };
        let mut resolve = |value: &Value| match self.referred(value)? {
            Some(found) => self.budget.copy(&found).map(Some),
            None => Ok(None),
        };
        let Some(filters) = filters_of(dictionary, &mut resolve)? else { return Ok(Err(Undecoded::Broken)) };
        // Of the rest nothing is looked at, but by codings in ASCII.
        let is_flate = filters.iter().all(|filter| filter.name == b"FlateDecode") && filters.len() < 2;
        let looked_at = match want {
            Want::Head(bytes) if is_flate => range.len().min(bytes),
            Want::Head(_) | Want::Whole(_) => range.len(),
        };
        self.budget.work(looked_at)?;
        Ok(filters::decoded(&self.bytes[range], &filters, want, &mut self.budget.between))
    }
}
