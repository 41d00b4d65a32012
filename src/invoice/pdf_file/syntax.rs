//! The tokens of a PDF (ISO 32000-1 §7.2, §7.3): values and indirect objects at a place in some bytes.
//!
//! Every nesting and count is bounded, and nothing is read twice. Refuses to know where objects stand.

/// Nesting of arrays and dictionaries. Those of real files nest less than ten deep.
const DEPTH: usize = 64;

/// A value as it is written; references are not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    /// As it is written: nobody here calculates with it.
    Real(Vec<u8>),
    Name(Vec<u8>),
    String(Vec<u8>),
    Array(Vec<Value>),
    Dictionary(Dictionary),
    /// Object number and generation.
    Reference(u32, u32),
}

/// The entries of a dictionary, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dictionary(pub Vec<(Vec<u8>, Value)>);

impl Dictionary {
    /// Of two of one key the later counts.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(name, _)| name == key.as_bytes()).map(|(_, value)| value)
    }

    pub fn set(&mut self, key: &str, value: Value) {
        self.remove(key);
        self.0.push((key.as_bytes().to_vec(), value));
    }

    pub fn remove(&mut self, key: &str) {
        self.0.retain(|(name, _)| name != key.as_bytes());
    }

    pub fn name(&self, key: &str) -> Option<&[u8]> {
        match self.get(key) {
            Some(Value::Name(name)) => Some(name),
            _ => None,
        }
    }

    /// A number that counts or measures something.
    pub fn natural(&self, key: &str) -> Option<usize> {
        self.get(key).and_then(Value::natural)
    }
}

impl Value {
    /// About the bytes that it takes in memory, and so does a copy.
    pub fn weight(&self) -> usize {
        const OWN: usize = size_of::<Value>();
        const KEY: usize = size_of::<Vec<u8>>();
        OWN + match self {
            Value::Real(bytes) | Value::Name(bytes) | Value::String(bytes) => bytes.len(),
            Value::Array(values) => values.iter().map(Value::weight).sum(),
            Value::Dictionary(Dictionary(entries)) => {
                entries.iter().map(|(key, value)| KEY + key.len() + value.weight()).sum()
            }
            Value::Null | Value::Boolean(_) | Value::Integer(_) | Value::Reference(..) => 0,
        }
    }

    pub fn dictionary(&self) -> Option<&Dictionary> {
        match self {
            Value::Dictionary(dictionary) => Some(dictionary),
            _ => None,
        }
    }

    pub fn natural(&self) -> Option<usize> {
        match self {
            Value::Integer(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }
}

/// An indirect object.
#[derive(Debug)]
pub struct Object {
    pub value: Value,
    /// Where the data of a stream begin.
    pub data: Option<usize>,
}

impl Object {
    pub fn dictionary(&self) -> Option<&Dictionary> {
        self.value.dictionary()
    }
}

/// PDF's six blanks.
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0C | b'\r' | b' ')
}

/// What words and names are made of.
pub fn is_regular(byte: u8) -> bool {
    !is_blank(byte) && !b"()<>[]{}/%".contains(&byte)
}

/// Reads from a place onwards.
pub struct Parser<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Where it has looked at last, though it went back.
    furthest: usize,
    /// Values that may still be made.
    left: usize,
}

impl<'b> Parser<'b> {
    pub fn new(bytes: &'b [u8], at: usize, values: usize) -> Self {
        let at = at.min(bytes.len());
        Self { bytes, at, furthest: at, left: values }
    }

    /// The place up to which it has looked: what reading has cost.
    pub fn furthest(&self) -> usize {
        self.furthest.max(self.at)
    }

    pub fn at(&self) -> usize {
        self.at
    }

    /// How many of the values remain. None remain: what was to be read is too large.
    pub fn left(&self) -> usize {
        self.left
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Blanks and comments.
    pub fn blanks(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self.peek().is_some_and(|byte| !matches!(byte, b'\r' | b'\n')) {
                    self.at += 1;
                }
            } else if is_blank(byte) {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    /// Takes a word that stands next.
    pub fn word(&mut self, word: &str) -> bool {
        self.blanks();
        let is_there = self.bytes[self.at..].starts_with(word.as_bytes());
        if is_there {
            self.at += word.len();
        }
        is_there
    }

    /// A number without sign and point.
    pub fn natural(&mut self) -> Option<u64> {
        self.blanks();
        let start = self.at;
        let mut number = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            self.at += 1;
        }
        (self.at > start).then_some(number)
    }

    /// `12 0 obj …`: its number, and what it is.
    pub fn object(&mut self) -> Option<(u32, Object)> {
        let number = u32::try_from(self.natural()?).ok()?;
        self.natural()?;
        if !self.word("obj") {
            return None;
        }
        let value = self.value()?;
        if !matches!(value, Value::Dictionary(_)) || !self.word("stream") {
            return Some((number, Object { value, data: None }));
        }
        // Some write a blank before the end of the line.
        let rest = &self.bytes[self.at..];
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.furthest = self.at + blanks;
        if rest.get(blanks).is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
            self.at += blanks;
        }
        if self.peek() == Some(b'\r') {
            self.at += 1;
        }
        if self.peek() == Some(b'\n') {
            self.at += 1;
        }
        Some((number, Object { value, data: Some(self.at) }))
    }

    pub fn value(&mut self) -> Option<Value> {
        self.nested(DEPTH)
    }

    fn nested(&mut self, depth: usize) -> Option<Value> {
        self.left = self.left.checked_sub(1)?;
        self.blanks();
        match self.peek()? {
            b'/' => Some(Value::Name(self.name())),
            b'(' => self.literal().map(Value::String),
            b'<' if self.bytes.get(self.at + 1) == Some(&b'<') => self.dictionary(depth.checked_sub(1)?),
            b'<' => self.hexadecimal().map(Value::String),
            b'[' => self.array(depth.checked_sub(1)?),
            b'0'..=b'9' | b'+' | b'-' | b'.' => Some(self.number()),
            _ => self.keyword(),
        }
    }

    fn keyword(&mut self) -> Option<Value> {
        let start = self.at;
        while self.peek().is_some_and(is_regular) {
            self.at += 1;
        }
        match &self.bytes[start..self.at] {
            b"null" => Some(Value::Null),
            b"true" => Some(Value::Boolean(true)),
            b"false" => Some(Value::Boolean(false)),
            _ => None,
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut values = Vec::new();
        loop {
            self.blanks();
            if self.peek()? == b']' {
                self.at += 1;
                return Some(Value::Array(values));
            }
            values.push(self.nested(depth)?);
        }
    }

    fn dictionary(&mut self, depth: usize) -> Option<Value> {
        self.at += 2;
        let mut entries = Vec::new();
        loop {
            self.blanks();
            match self.peek()? {
                b'>' if self.bytes.get(self.at + 1) == Some(&b'>') => {
                    self.at += 2;
                    return Some(Value::Dictionary(Dictionary(entries)));
                }
                b'/' => {
                    let key = self.name();
                    entries.push((key, self.nested(depth)?));
                }
                _ => return None,
            }
        }
    }

    /// A number, or the first of `12 0 R`.
    fn number(&mut self) -> Value {
        let start = self.at;
        while self.peek().is_some_and(is_regular) {
            self.at += 1;
        }
        let written = &self.bytes[start..self.at];
        let Some(number) = std::str::from_utf8(written).ok().and_then(|text| text.parse::<i64>().ok()) else {
            return Value::Real(written.to_vec());
        };
        let after = self.at;
        if let Ok(number) = u32::try_from(number)
            && let Some(generation) = self.natural().and_then(|generation| u32::try_from(generation).ok())
            && self.word("R")
            && !self.peek().is_some_and(is_regular)
        {
            return Value::Reference(number, generation);
        }
        self.furthest = self.furthest();
        self.at = after;
        Value::Integer(number)
    }

    /// A name, its `#hh` escapes decoded.
    fn name(&mut self) -> Vec<u8> {
        self.at += 1;
        let mut name = Vec::new();
        while let Some(byte) = self.peek().filter(|byte| is_regular(*byte)) {
            let escaped = self.bytes.get(self.at + 1..self.at + 3).filter(|_| byte == b'#').and_then(hex_pair);
            name.push(escaped.unwrap_or(byte));
            self.at += if escaped.is_some() { 3 } else { 1 };
        }
        name
    }

    fn literal(&mut self) -> Option<Vec<u8>> {
        let (mut text, mut open) = (Vec::new(), 0_usize);
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'(' => {
                    open += 1;
                    if open == 1 {
                        continue;
                    }
                }
                b')' => {
                    open -= 1;
                    if open == 0 {
                        return Some(text);
                    }
                }
                b'\\' => {
                    text.extend(self.escape()?);
                    continue;
                }
                _ => {}
            }
            text.push(byte);
        }
    }

    /// What a backslash in a string stands for. A line that is broken for its length only stands for nothing.
    fn escape(&mut self) -> Option<Option<u8>> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'n' => Some(b'\n'),
            b'r' => Some(b'\r'),
            b't' => Some(b'\t'),
            b'b' => Some(8),
            b'f' => Some(0x0C),
            b'\n' => None,
            b'\r' => {
                if self.peek() == Some(b'\n') {
                    self.at += 1;
                }
                None
            }
            b'0'..=b'7' => {
                let mut code = u16::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                    code = code * 8 + u16::from(digit - b'0');
                    self.at += 1;
                }
                // High-order overflow is ignored (ISO 32000-1 §7.3.4.2).
                Some(code.to_le_bytes()[0])
            }
            other => Some(other),
        })
    }

    fn hexadecimal(&mut self) -> Option<Vec<u8>> {
        self.at += 1;
        let start = self.at;
        while self.peek()? != b'>' {
            self.at += 1;
        }
        let digits = &self.bytes[start..self.at];
        self.at += 1;
        unhexed(digits)
    }
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?)
}

/// Bytes in hexadecimal with blanks between; a last single digit counts sixteen times.
pub fn unhexed(digits: &[u8]) -> Option<Vec<u8>> {
    let mut digits: Vec<u8> = digits.iter().copied().filter(|byte| !is_blank(*byte)).collect();
    if digits.len() % 2 == 1 {
        digits.push(b'0');
    }
    digits.chunks_exact(2).map(hex_pair).collect()
}
