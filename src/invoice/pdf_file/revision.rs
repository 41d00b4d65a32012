//! One more revision behind a PDF (ISO 32000-1 §7.5.6): its objects, and where they stand.
//!
//! Promises that the bytes before stay as they are, and that a table follows tables and a stream streams.

use std::fmt::Write as _;

use super::syntax::{Dictionary, Value, is_regular};
use super::{PdfFile, Trouble};

/// The objects of a revision, with their places once they are written.
#[derive(Debug)]
pub struct Revision {
    out: Vec<u8>,
    places: Vec<(u32, u32, usize)>,
    next: u32,
    /// Where the revision before begins its own list.
    previous: usize,
    is_stream: bool,
}

impl Revision {
    /// Begins behind the last byte.
    pub fn behind(pdf: &PdfFile<'_>) -> Result<Self, Trouble> {
        let sections = &pdf.sections;
        let size = sections.trailer.natural("Size").and_then(|size| u32::try_from(size).ok()).unwrap_or_default();
        let highest = sections.entries.keys().next_back().copied().unwrap_or_default();
        let next = size.max(highest.checked_add(1).ok_or(Trouble::Broken)?);
        // Room for the few that a revision adds.
        next.checked_add(1 << 16).ok_or(Trouble::Broken)?;
        let mut out = pdf.bytes.to_vec();
        if out.last() != Some(&b'\n') {
            out.push(b'\n');
        }
        let (previous, is_stream) = (sections.start, sections.is_stream);
        Ok(Self { out, places: Vec::new(), next, previous, is_stream })
    }

    /// A new object: the reference to it.
    pub fn add(&mut self, value: &Value) -> Value {
        let number = self.number();
        self.put((number, 0), value, None);
        Value::Reference(number, 0)
    }

    /// A new stream: the reference to it.
    pub fn add_stream(&mut self, dictionary: Dictionary, content: &[u8]) -> Value {
        let number = self.number();
        self.replace_stream((number, 0), dictionary, content);
        Value::Reference(number, 0)
    }

    /// An object (number, generation) in its new state.
    pub fn replace(&mut self, id: (u32, u32), value: &Value) {
        self.put(id, value, None);
    }

    pub fn replace_stream(&mut self, id: (u32, u32), mut dictionary: Dictionary, content: &[u8]) {
        dictionary.set("Length", Value::Integer(i64::try_from(content.len()).unwrap_or(i64::MAX)));
        self.put(id, &Value::Dictionary(dictionary), Some(content));
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    fn put(&mut self, (number, generation): (u32, u32), value: &Value, content: Option<&[u8]>) {
        self.places.push((number, generation, self.out.len()));
        self.out.extend(format!("{number} {generation} obj\n").into_bytes());
        write(value, &mut self.out);
        if let Some(content) = content {
            self.out.extend(b"\nstream\n");
            self.out.extend(content);
            self.out.extend(b"\nendstream");
        }
        self.out.extend(b"\nendobj\n");
    }

    /// The whole file. The trailer says what is not about the sections themselves.
    pub fn finish(mut self, mut trailer: Dictionary) -> Vec<u8> {
        let integer = |number: usize| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        let start = self.out.len();
        trailer.set("Prev", integer(self.previous));
        self.places.sort_unstable();
        if self.is_stream {
            let number = self.number();
            self.places.push((number, 0, start));
            trailer.set("Type", Value::Name(b"XRef".to_vec()));
            trailer.set("W", Value::Array([1, 4, 2].map(Value::Integer).to_vec()));
            let index =
                self.places.iter().flat_map(|(number, ..)| [Value::Integer(i64::from(*number)), Value::Integer(1)]);
            trailer.set("Index", Value::Array(index.collect()));
            trailer.set("Size", Value::Integer(i64::from(self.next)));
            let mut rows = Vec::new();
            for (_, generation, place) in &self.places {
                rows.push(1);
                rows.extend(u32::try_from(*place).unwrap_or(u32::MAX).to_be_bytes());
                rows.extend(u16::try_from(*generation).unwrap_or(u16::MAX).to_be_bytes());
            }
            self.replace_stream((number, 0), trailer, &rows);
        } else {
            trailer.set("Size", Value::Integer(i64::from(self.next)));
            let mut table = String::from("xref\n");
            for (number, generation, place) in &self.places {
                // Writing to a string does not fail.
                let _ = write!(table, "{number} 1\n{place:010} {generation:05} n \n");
            }
            self.out.extend(table.into_bytes());
            self.out.extend(b"trailer\n");
            write(&Value::Dictionary(trailer), &mut self.out);
            self.out.push(b'\n');
        }
        self.out.extend(format!("startxref\n{start}\n%%EOF\n").into_bytes());
        self.out
    }
}

/// A value in PDF's words.
fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => word("null", out),
        Value::Boolean(true) => word("true", out),
        Value::Boolean(false) => word("false", out),
        Value::Integer(number) => word(&number.to_string(), out),
        Value::Real(written) => {
            apart(out);
            out.extend(written);
        }
        Value::Reference(number, generation) => word(&format!("{number} {generation} R"), out),
        Value::Name(name) => write_name(name, out),
        Value::String(text) => write_string(text, out),
        Value::Array(values) => {
            out.push(b'[');
            values.iter().for_each(|value| write(value, out));
            out.push(b']');
        }
        Value::Dictionary(dictionary) => {
            out.extend(b"<<");
            for (key, value) in &dictionary.0 {
                write_name(key, out);
                write(value, out);
            }
            out.extend(b">>");
        }
    }
}

/// A blank where two words would become one.
fn apart(out: &mut Vec<u8>) {
    if out.last().is_some_and(|byte| is_regular(*byte)) {
        out.push(b' ');
    }
}

fn word(word: &str, out: &mut Vec<u8>) {
    apart(out);
    out.extend(word.as_bytes());
}

fn write_name(name: &[u8], out: &mut Vec<u8>) {
    out.push(b'/');
    for byte in name {
        if is_regular(*byte) && byte.is_ascii_graphic() && *byte != b'#' {
            out.push(*byte);
        } else {
            out.extend(format!("#{byte:02X}").into_bytes());
        }
    }
}

/// Plain letters as they are, all else in hexadecimal.
fn write_string(text: &[u8], out: &mut Vec<u8>) {
    if text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        out.push(b'(');
        for byte in text {
            if matches!(byte, b'(' | b')' | b'\\') {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out.push(b')');
    } else {
        out.push(b'<');
        text.iter().for_each(|byte| out.extend(format!("{byte:02X}").into_bytes()));
        out.push(b'>');
    }
}

#[cfg(test)]
mod tests {
    use super::super::syntax::Parser;
    use super::write;

    #[test]
    fn what_is_written_reads_the_same() {
        let words =
            b"<</A#2F#20b [1 -2 3.5 +.5 true null (a\\(b\\)\\\\) <00FF0A>(\r\n)]/B 12 0 R/C<</D/E/F false>>/G()>>";
        let value = Parser::new(words, 0, 100).value().unwrap();
        let mut out = Vec::new();
        write(&value, &mut out);
        assert_eq!(Parser::new(&out, 0, 100).value(), Some(value), "{}", String::from_utf8_lossy(&out));
        assert!(out.starts_with(b"<</A#2F#20b[1 -2 3.5 +.5 true null(a\\(b\\)\\\\)<00FF0A><"));
    }
}
