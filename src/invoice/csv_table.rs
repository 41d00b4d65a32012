//! Records of a table as text: semicolon, comma or tab, quotes, line ends inside quotes, UTF-8 or Windows-1252.
//!
//! Promises: bounded whatever the bytes are (one record, one line at a time); a record that cannot be read is told with its
//! line and does not swallow those after it. Refuses to know what the columns mean.

use std::collections::VecDeque;
use std::io::{BufRead, Read};

/// One record, in bytes, with everything its quotes hold.
const RECORD_BYTES: usize = 64 * 1024;
/// Lines that the quotes of one record may span.
const RECORD_LINES: usize = 50;
/// Fields of one record.
const FIELDS_LIMIT: usize = 200;

/// A record that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it begins, from 1.
    pub line: usize,
    /// Trimmed, out of their quotes.
    pub fields: Vec<String>,
}

impl Record {
    /// Whether it says nothing at all: an empty line, or separators only.
    pub fn is_blank(&self) -> bool {
        self.fields.iter().all(String::is_empty)
    }
}

/// A record that cannot be read, or a source that ends badly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("line {line}: more than {RECORD_BYTES} bytes")]
    TooLong { line: usize },
    #[error("line {line}: more than {FIELDS_LIMIT} fields")]
    TooManyFields { line: usize },
    #[error("line {line}, field {field}: a quote is opened and never closed")]
    QuoteOpen { line: usize, field: usize },
    #[error("line {line}, field {field}: text follows a closing quote")]
    AfterQuote { line: usize, field: usize },
    /// The source itself failed: nothing comes after.
    #[error("line {line}: {reason}")]
    Source { line: usize, reason: String },
}

impl RecordError {
    pub fn line(&self) -> usize {
        match self {
            RecordError::TooLong { line }
            | RecordError::TooManyFields { line }
            | RecordError::QuoteOpen { line, .. }
            | RecordError::AfterQuote { line, .. }
            | RecordError::Source { line, .. } => *line,
        }
    }
}

/// The records of a source, its first record included.
pub struct Records<R> {
    source: R,
    separator: Option<u8>,
    /// Lines read too far, each with its number.
    ahead: VecDeque<(usize, Vec<u8>)>,
    line: usize,
    ended: bool,
}

impl<R: BufRead> Records<R> {
    pub fn new(source: R) -> Self {
        Self { source, separator: None, ahead: VecDeque::new(), line: 0, ended: false }
    }

    /// The next line without its end; `None` at the end of the source.
    fn next_line(&mut self) -> Option<Result<(usize, Vec<u8>), RecordError>> {
        if let Some(line) = self.ahead.pop_front() {
            return Some(Ok(line));
        }
        if self.ended {
            return None;
        }
        let mut bytes = Vec::new();
        let bound = RECORD_BYTES as u64 + 1;
        self.line += 1;
        let line = self.line;
        match self.source.by_ref().take(bound).read_until(b'\n', &mut bytes) {
            Ok(0) => {
                self.ended = true;
                return None;
            }
            Ok(_) => {}
            Err(error) => {
                self.ended = true;
                return Some(Err(RecordError::Source { line, reason: error.to_string() }));
            }
        }
        if bytes.len() > RECORD_BYTES && bytes.last() != Some(&b'\n') {
            return Some(Err(self.skip_line(line)));
        }
        if line == 1 && bytes.starts_with(b"\xEF\xBB\xBF") {
            bytes.drain(..3);
        }
        while matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        Some(Ok((line, bytes)))
    }

    /// Passes over the rest of a line that is too long, holding no more than a piece of it.
    fn skip_line(&mut self, line: usize) -> RecordError {
        loop {
            let mut piece = Vec::new();
            match self.source.by_ref().take(RECORD_BYTES as u64).read_until(b'\n', &mut piece) {
                Ok(0) => break,
                Ok(_) if piece.last() == Some(&b'\n') => break,
                Ok(_) => {}
                Err(error) => {
                    self.ended = true;
                    return RecordError::Source { line, reason: error.to_string() };
                }
            }
        }
        RecordError::TooLong { line }
    }

    /// The separator: told by a first line `sep=;` as spreadsheets write it, or counted in the first line.
    fn separator(&mut self, first: &[u8]) -> u8 {
        *self.separator.get_or_insert_with(|| {
            let count = |separator: u8| first.iter().filter(|b| **b == separator).count();
            // Semicolon before tab before comma where they are as many: the French custom.
            [b',', b'\t', b';'].into_iter().max_by_key(|s| count(*s)).unwrap_or(b';')
        })
    }

    fn record(&mut self, line: usize, first: Vec<u8>) -> Result<Record, RecordError> {
        let separator = self.separator(&first);
        let mut bytes = first;
        let mut taken: Vec<(usize, Vec<u8>)> = Vec::new();
        let mut open = None;
        let mut split = Split::default();
        loop {
            let failed = match split.go_on(&bytes, separator, line) {
                Ok(()) => return Ok(Record { line, fields: split.fields }),
                Err(quote @ RecordError::QuoteOpen { .. }) => quote,
                // What went wrong in lines that an open quote has swallowed is that quote's fault.
                Err(error) => {
                    self.give_back(taken);
                    return Err(open.unwrap_or(error));
                }
            };
            open = Some(failed.clone());
            match self.next_line() {
                Some(Ok((number, more))) if taken.len() < RECORD_LINES && bytes.len() + more.len() < RECORD_BYTES => {
                    bytes.push(b'\n');
                    bytes.extend_from_slice(&more);
                    taken.push((number, more));
                }
                Some(Ok(one_more)) => {
                    taken.push(one_more);
                    self.give_back(taken);
                    return Err(failed);
                }
                Some(Err(_)) | None => {
                    self.give_back(taken);
                    return Err(failed);
                }
            }
        }
    }

    /// Lines that a quote has swallowed are read again, each for itself.
    fn give_back(&mut self, taken: Vec<(usize, Vec<u8>)>) {
        for line in taken.into_iter().rev() {
            self.ahead.push_front(line);
        }
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, bytes) = match self.next_line()? {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        let told = match bytes.as_slice() {
            [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator @ (b';' | b',' | b'\t')] => Some(*separator),
            _ => None,
        };
        if line == 1 && told.is_some() {
            self.separator = told;
            return self.next();
        }
        Some(self.record(line, bytes))
    }
}

/// How far a record's bytes are split: a quote that is open at their end goes on in the next line, and nothing before it
/// is read again.
#[derive(Default)]
struct Split {
    fields: Vec<String>,
    /// Where reading goes on.
    at: usize,
    /// What the open quote holds so far.
    open: Option<Vec<u8>>,
}

impl Split {
    /// Reads on in `bytes`, which are those of the last time and more.
    fn go_on(&mut self, bytes: &[u8], separator: u8, line: usize) -> Result<(), RecordError> {
        loop {
            let field = self.fields.len() + 1;
            if field > FIELDS_LIMIT {
                return Err(RecordError::TooManyFields { line });
            }
            let blank = |b: &&u8| matches!(**b, b' ') || (**b == b'\t' && separator != b'\t');
            let start = self.at + bytes[self.at..].iter().take_while(blank).count();
            if self.open.is_none() && bytes.get(start) == Some(&b'"') {
                self.open = Some(Vec::new());
                self.at = start + 1;
            }
            let end;
            if let Some(held) = &mut self.open {
                match quoted(bytes, self.at, held) {
                    Ok(after) => self.at = after,
                    Err(ended) => {
                        self.at = ended;
                        return Err(RecordError::QuoteOpen { line, field });
                    }
                }
                self.fields.push(text(held));
                self.open = None;
                end = self.at + bytes[self.at..].iter().take_while(blank).count();
                if end < bytes.len() && bytes[end] != separator {
                    return Err(RecordError::AfterQuote { line, field });
                }
            } else {
                end = bytes[self.at..].iter().position(|b| *b == separator).map_or(bytes.len(), |n| self.at + n);
                self.fields.push(text(&bytes[self.at..end]));
            }
            if end >= bytes.len() {
                return Ok(());
            }
            self.at = end + 1;
        }
    }
}

/// Adds to `held` what the quotes hold, and says where reading goes on behind them; the error: they are never closed, and
/// where the bytes end.
fn quoted(bytes: &[u8], from: usize, held: &mut Vec<u8>) -> Result<usize, usize> {
    let mut at = from;
    loop {
        match (bytes.get(at), bytes.get(at + 1)) {
            (None, _) => return Err(at),
            (Some(b'"'), Some(b'"')) => {
                held.push(b'"');
                at += 2;
            }
            (Some(b'"'), _) => return Ok(at + 1),
            (Some(other), _) => {
                held.push(*other);
                at += 1;
            }
        }
    }
}

/// UTF-8, or Windows-1252 for bytes that are none.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.trim().to_owned(),
    }
}

/// A column's name as names are compared: lower case, letters and digits only, accents off.
pub fn plain_name(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).filter_map(plain_letter).collect()
}

fn plain_letter(c: char) -> Option<char> {
    Some(match c {
        'a'..='z' | '0'..='9' => c,
        'à' | 'â' | 'ä' => 'a',
        'ç' => 'c',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' | 'ö' => 'o',
        'ù' | 'û' | 'ü' => 'u',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Vec<Result<Record, RecordError>> {
        Records::new(text).collect()
    }

    fn fields(text: &[u8]) -> Vec<Vec<String>> {
        read(text).into_iter().map(|r| r.unwrap().fields).collect()
    }

    #[test]
    fn separators_quotes_and_encodings() {
        for text in [
            "a;b;c\n1;;\"x;\"\"y\"\"\n z\"\n",
            "a,b,c\r\n1,,\"x;\"\"y\"\"\n z\"",
            "\u{feff}sep=\t\na\tb\tc\n1\t\t\"x;\"\"y\"\"\n z\"\n",
        ] {
            let read = fields(text.as_bytes());
            assert_eq!(read, [vec!["a", "b", "c"], vec!["1", "", "x;\"y\"\n z"]], "{text:?}");
        }
        assert_eq!(fields(b"motif;n\nre\xE7u \x80;1")[1], ["reçu €", "1"]);
        assert_eq!(
            fields("un;12\" de tuyau".as_bytes())[0][1],
            "12\" de tuyau",
            "a quote inside a field is a character"
        );
        assert_eq!(fields(b""), Vec::<Vec<String>>::new());
        assert!(Record { line: 1, fields: vec![String::new(), String::new()] }.is_blank());
    }

    #[test]
    fn a_bad_record_is_told_and_the_next_ones_still_count() {
        let read = read(b"a;b\n1;\"open\n2;fine\n3;\"x\"y\n4;ok\n");
        assert_eq!(read[1], Err(RecordError::QuoteOpen { line: 2, field: 2 }));
        assert_eq!(read[2], Ok(Record { line: 3, fields: vec!["2".into(), "fine".into()] }));
        assert_eq!(read[3], Err(RecordError::AfterQuote { line: 4, field: 2 }));
        assert_eq!(read[4].as_ref().unwrap().line, 5);
    }

    #[test]
    fn long_lines_many_fields_and_endless_quotes_are_bounded() {
        let long = format!("a;b\n{}\n2;c\n", "x".repeat(300_000));
        let read = read(long.as_bytes());
        assert_eq!(read[1], Err(RecordError::TooLong { line: 2 }));
        assert_eq!(read[2].as_ref().unwrap().fields, ["2", "c"]);
        let wide = ";".repeat(300);
        assert_eq!(Records::new(wide.as_bytes()).next(), Some(Err(RecordError::TooManyFields { line: 1 })));
        let endless = format!("a;b\n\"{}", "y\n".repeat(5_000));
        let read: Vec<_> = Records::new(endless.as_bytes()).collect();
        assert_eq!(read[1], Err(RecordError::QuoteOpen { line: 2, field: 1 }));
        assert_eq!(read.len(), 5_001, "every line after it is read for itself");
    }

    #[test]
    fn quotes_that_close_and_open_again_from_line_to_line_are_one_record() {
        let text = format!("a;\"{}end\"\nb\n", "b\nx\";\"".repeat(40));
        let read = fields(text.as_bytes());
        assert_eq!((read.len(), read[0].len(), read[0][41].as_str()), (2, 42, "end"));
        assert!(read[0][1..41].iter().all(|field| field == "b\nx"), "{:?}", read[0]);
    }

    #[test]
    fn names_are_compared_without_case_accents_and_signs() {
        assert_eq!(plain_name(" Numéro_Facture "), "numerofacture");
        assert_eq!(plain_name("N° Mandat"), "nmandat");
    }

    proptest! {
        #[test]
        fn never_panics_and_ends(bytes in proptest::collection::vec(any::<u8>(), 0..600), text in "[a;\"\\n,\\t ]{0,200}") {
            prop_assert!(read(&bytes).len() <= bytes.len() + 1);
            let lines = text.lines().count();
            prop_assert!(read(text.as_bytes()).len() <= lines + 1);
        }
    }
}
