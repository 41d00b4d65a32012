//! Where the objects of a PDF stand: its cross-reference sections from the newest back (ISO 32000-1 §7.5.4, §7.5.8).
//!
//! Promises that each section is read once, and that no number in it is believed before it is held against the file.

use std::collections::{BTreeMap, HashSet};

use super::filters::Want;
use super::syntax::{Dictionary, Object, Parser, Value, is_blank, is_regular};
use super::{Budget, Trouble, decoded_in_place, parsed};

/// Sections of one file: each time it is saved anew makes one or two.
const SECTIONS: usize = 1_000;
/// How far from the end the place of the newest section is looked for: what others put behind a file is not its.
const TAIL_BYTES: usize = 64 << 10;

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
    let (trailer, is_stream) = reading.section(start)?.ok_or(Trouble::Broken)?;
    let mut previous = earlier(&trailer)?;
    while let Some(at) = previous {
        // A circle ends where it began: all is read.
        let Some((trailer, _)) = reading.section(at)? else { break };
        previous = earlier(&trailer)?;
    }
    Ok(Sections { entries: reading.entries, trailer, start, is_stream })
}

fn start(pdf: &[u8]) -> Option<usize> {
    const START: &[u8] = b"startxref";
    let length = pdf.iter().rposition(|byte| !is_blank(*byte))? + 1;
    let tail = &pdf[length.saturating_sub(TAIL_BYTES)..length];
    let at = tail.windows(START.len()).rposition(|window| window == START)? + START.len();
    let mut parser = Parser::new(tail, at, 1);
    let start = parser.natural()?;
    let rest = &tail[parser.at()..];
    let end = rest.windows(5).position(|window| window == b"%%EOF")?;
    usize::try_from(start).ok().filter(|_| !is_begun(&rest[end + 5..]))
}

/// Whether what follows a file's end is a revision that was begun and never ended: `12 0 obj` stands in it, or as much of
/// that as was written. No object has the number 0.
fn is_begun(behind: &[u8]) -> bool {
    let behind = behind.trim_ascii_start();
    let starts =
        (0..behind.len()).filter(|at| matches!(behind[*at], b'1'..=b'9') && (*at == 0 || !is_regular(behind[at - 1])));
    starts.into_iter().any(|at| is_head(&behind[at..], at == 0))
}

/// `12 0 obj`; or all there is, if it is the beginning of that.
fn is_head(bytes: &[u8], may_be_cut: bool) -> bool {
    const DIGITS: usize = 10;
    let mut rest = bytes;
    for _ in 0..2 {
        let digits = rest.iter().take(DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
        let behind = &rest[digits..];
        let blanks = behind.iter().take(DIGITS).take_while(|byte| is_blank(**byte)).count();
        if behind.is_empty() || (blanks == behind.len() && digits > 0) {
            return may_be_cut;
        }
        if digits == 0 || blanks == 0 {
            return false;
        }
        rest = &behind[blanks..];
    }
    match rest.strip_prefix(b"obj") {
        Some(rest) => !rest.first().is_some_and(|byte| is_regular(*byte)),
        None => may_be_cut && b"obj".starts_with(rest),
    }
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
    /// One section with the stream that may belong to it: its trailer, and whether it is a stream itself. `None`: it was read
    /// before.
    fn section(&mut self, at: usize) -> Result<Option<(Dictionary, bool)>, Trouble> {
        let mut parser = Parser::new(self.pdf, at, 1);
        parser.blanks();
        self.budget.work(parser.at().saturating_sub(at))?;
        let at = parser.at();
        if at >= self.pdf.len() || self.seen.len() > SECTIONS {
            return Err(Trouble::Broken);
        }
        if !self.seen.insert(at) {
            return Ok(None);
        }
        if !parser.word("xref") {
            return Ok(Some((self.stream(at)?, true)));
        }
        let free = self.table(&mut parser)?;
        let from = parser.at();
        let mut parser = Parser::new(self.pdf, from, self.budget.allowance());
        let trailer = parser.value();
        self.budget.read(&parser, from)?;
        let Some(Value::Dictionary(trailer)) = trailer else { return Err(Trouble::Broken) };
        // What only newer readers are to see is marked as free in the table, and stands in a stream (§7.5.8.4).
        // A later trailer may have kept an earlier one's.
        if let Some(at) = trailer.natural("XRefStm")
            && self.seen.insert(at)
        {
            self.stream(at)?;
        }
        for number in free {
            self.add(number, Entry::Free)?;
        }
        Ok(Some((trailer, false)))
    }

    /// The rows of a table up to its trailer; those that are free, apart. How many rows a subsection has, its rows tell: what
    /// it says of itself is not always true.
    fn table(&mut self, parser: &mut Parser<'_>) -> Result<Vec<u32>, Trouble> {
        const NO_GENERATION: u64 = 65_535;
        let mut free = Vec::new();
        // The next row's number, and whether it is its subsection's first.
        let mut next: Option<(u32, bool)> = None;
        loop {
            let from = parser.at();
            if parser.word("trailer") {
                return Ok(free);
            }
            let (one, two) = parser.natural().zip(parser.natural()).ok_or(Trouble::Broken)?;
            let in_use = parser.word("n");
            if in_use || parser.word("f") {
                let (number, is_first) = next.ok_or(Trouble::Broken)?;
                // The head of the list of free objects is object 0, though some begin to count at 1.
                let is_head = !in_use && is_first && number == 1 && (one, two) == (0, NO_GENERATION);
                let number = if is_head { 0 } else { number };
                match usize::try_from(one) {
                    Ok(offset) if in_use => self.add(number, Entry::At(offset))?,
                    _ => free.push(number),
                }
                next = number.checked_add(1).map(|next| (next, false));
            } else {
                next = Some((u32::try_from(one).map_err(|_| Trouble::Broken)?, true));
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
