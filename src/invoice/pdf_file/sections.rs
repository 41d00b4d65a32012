//! Where the objects of a PDF stand: its cross-reference sections from the newest back (ISO 32000-1 §7.5.4, §7.5.8).
//!
//! Promises that each section is read once, and that no number in it is believed before it is held against the file.

use std::collections::{BTreeMap, HashSet};

use super::filters::Want;
use super::syntax::{Dictionary, Object, Parser, Value};
use super::{Budget, Trouble, decoded_in_place, parsed};

/// Sections of one file: each time it is saved anew makes one or two.
const SECTIONS: usize = 1_000;
/// How far from the end the place of the newest section is looked for.
const TAIL_BYTES: usize = 2048;

/// Where an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Nowhere: it was deleted.
    Free,
    /// At this place of the file.
    At(usize),
    /// In this object stream.
    In(u32),
}

/// All sections together.
#[derive(Debug)]
pub struct Sections {
    pub entries: BTreeMap<u32, Entry>,
    /// The newest section's.
    pub trailer: Dictionary,
    /// Where the newest section begins.
    pub start: usize,
    /// The newest section is a stream.
    pub is_stream: bool,
}

/// Reads all sections. A file without its end is cut, whatever an older end in it says.
pub fn read(pdf: &[u8], objects: usize, budget: &mut Budget) -> Result<Sections, Trouble> {
    let start = start(pdf).ok_or(Trouble::Broken)?;
    let mut reading = Reading { pdf, objects, budget, entries: BTreeMap::new(), seen: HashSet::new() };
    let (trailer, is_stream) = reading.section(start)?;
    let mut previous = earlier(&trailer)?;
    while let Some(at) = previous {
        previous = earlier(&reading.section(at)?.0)?;
    }
    Ok(Sections { entries: reading.entries, trailer, start, is_stream })
}

fn start(pdf: &[u8]) -> Option<usize> {
    const START: &[u8] = b"startxref";
    let tail = &pdf[pdf.len().saturating_sub(TAIL_BYTES)..];
    let at = tail.windows(START.len()).rposition(|window| window == START)? + START.len();
    let mut parser = Parser::new(tail, at, 1);
    let start = parser.natural()?;
    let rest = &tail[parser.at()..];
    let end = rest.windows(5).position(|window| window == b"%%EOF")?;
    // What follows was begun and never ended: an object begins with its number.
    let behind = rest[end + 5..].trim_ascii_start();
    let is_cut = behind.first().is_some_and(u8::is_ascii_digit) || behind.windows(4).any(|window| window == b" obj");
    usize::try_from(start).ok().filter(|_| !is_cut)
}

fn earlier(trailer: &Dictionary) -> Result<Option<usize>, Trouble> {
    match trailer.get("Prev") {
        // Some write 0 where there is none.
        None | Some(Value::Null | Value::Integer(0)) => Ok(None),
        Some(value) => value.natural().map(Some).ok_or(Trouble::Broken),
    }
}

struct Reading<'b, 'u> {
    pdf: &'b [u8],
    /// How many objects there may be.
    objects: usize,
    budget: &'u mut Budget,
    entries: BTreeMap<u32, Entry>,
    seen: HashSet<usize>,
}

impl Reading<'_, '_> {
    /// One section with the stream that may belong to it: its trailer, and whether it is a stream itself.
    fn section(&mut self, at: usize) -> Result<(Dictionary, bool), Trouble> {
        let mut parser = Parser::new(self.pdf, at, 1);
        parser.blanks();
        self.budget.work(parser.at().saturating_sub(at))?;
        let at = parser.at();
        if at >= self.pdf.len() || !self.seen.insert(at) || self.seen.len() > SECTIONS {
            return Err(Trouble::Broken);
        }
        if !parser.word("xref") {
            return Ok((self.stream(at)?, true));
        }
        let free = self.table(&mut parser)?;
        let from = parser.at();
        let mut parser = Parser::new(self.pdf, from, self.budget.allowance());
        let trailer = parser.value();
        self.budget.read(&parser, from)?;
        let Some(Value::Dictionary(trailer)) = trailer else { return Err(Trouble::Broken) };
        // What only newer readers are to see is marked as free in the table, and stands in a stream (§7.5.8.4).
        if let Some(at) = trailer.natural("XRefStm") {
            if !self.seen.insert(at) {
                return Err(Trouble::Broken);
            }
            self.stream(at)?;
        }
        for number in free {
            self.add(number, Entry::Free)?;
        }
        Ok((trailer, false))
    }

    /// The rows of a table up to its trailer; those that are free, apart.
    fn table(&mut self, parser: &mut Parser<'_>) -> Result<Vec<u32>, Trouble> {
        let mut free = Vec::new();
        loop {
            let from = parser.at();
            if parser.word("trailer") {
                return Ok(free);
            }
            let (first, count) = parser.natural().zip(parser.natural()).ok_or(Trouble::Broken)?;
            for row in 0..count {
                let from = parser.at();
                let number = first.checked_add(row).and_then(|number| u32::try_from(number).ok());
                let offset = parser.natural().and_then(|offset| usize::try_from(offset).ok());
                let (Some(number), Some(offset), Some(_)) = (number, offset, parser.natural()) else {
                    return Err(Trouble::Broken);
                };
                if parser.word("n") {
                    self.add(number, Entry::At(offset))?;
                } else if parser.word("f") {
                    free.push(number);
                } else {
                    return Err(Trouble::Broken);
                }
                self.budget.work(parser.at() - from)?;
            }
            self.budget.work(parser.at() - from)?;
        }
    }

    /// A cross-reference stream: its dictionary, which is its trailer.
    fn stream(&mut self, at: usize) -> Result<Dictionary, Trouble> {
        let Some((_, Object { value: Value::Dictionary(trailer), data: Some(data) })) =
            parsed(self.pdf, at, self.budget)?
        else {
            return Err(Trouble::Broken);
        };
        let widths = naturals(&trailer, "W").ok_or(Trouble::Broken)?;
        let [kind, place, ..] = widths[..] else { return Err(Trouble::Broken) };
        let width: usize = widths.iter().map(|width| (*width).min(self.pdf.len())).sum();
        if widths.iter().any(|width| *width > 8) || width == 0 || widths.len() > 8 {
            return Err(Trouble::Broken);
        }
        let subsections = match trailer.get("Index") {
            Some(_) => naturals(&trailer, "Index").ok_or(Trouble::Broken)?,
            None => vec![0, trailer.natural("Size").ok_or(Trouble::Broken)?],
        };
        let cap = self.budget.rows;
        let content = decoded_in_place(self.pdf, &trailer, data, Want::Whole(cap), self.budget)?;
        let content = content.map_err(|undecoded| Trouble::of_rows(undecoded, self.objects))?;
        self.budget.rows -= content.len();
        let mut rows = content.chunks_exact(width);
        for pair in subsections.chunks_exact(2) {
            for nth in 0..pair[1] {
                let row = rows.next().ok_or(Trouble::Broken)?;
                let number = pair[0].checked_add(nth).and_then(|number| u32::try_from(number).ok());
                let number = number.ok_or(Trouble::Broken)?;
                let field = |from: usize, width: usize| {
                    row[from..from + width].iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte))
                };
                let entry = match if kind == 0 { 1 } else { field(0, kind) } {
                    0 => Entry::Free,
                    1 => Entry::At(usize::try_from(field(kind, place)).unwrap_or(usize::MAX)),
                    2 => Entry::In(u32::try_from(field(kind, place)).unwrap_or(u32::MAX)),
                    // Of kinds to come (§7.5.8.3).
                    _ => Entry::Free,
                };
                self.add(number, entry)?;
            }
        }
        Ok(trailer)
    }

    /// The newest word on an object counts.
    fn add(&mut self, number: u32, entry: Entry) -> Result<(), Trouble> {
        self.entries.entry(number).or_insert(entry);
        if self.entries.len() > self.objects {
            return Err(Trouble::Over(["objets du PDF", "objects of the PDF"], self.objects));
        }
        Ok(())
    }
}

fn naturals(dictionary: &Dictionary, key: &str) -> Option<Vec<usize>> {
    match dictionary.get(key) {
        Some(Value::Array(values)) => values.iter().map(Value::natural).collect(),
        _ => None,
    }
}
