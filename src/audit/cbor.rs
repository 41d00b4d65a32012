//! The little of CBOR that a leaf needs, in its one deterministic form (RFC 8949 §4.2.1): shortest heads, definite
//! lengths, map keys in the order of their encoded bytes.

use std::collections::BTreeMap;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const MAP: u8 = 5;

/// Writes values one behind the other.
#[derive(Default)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    pub fn map(&mut self, pairs: usize) {
        self.head(MAP, pairs as u64);
    }

    pub fn unsigned(&mut self, value: u64) {
        self.head(UNSIGNED, value);
    }

    pub fn signed(&mut self, value: i64) {
        match u64::try_from(value) {
            Ok(value) => self.head(UNSIGNED, value),
            Err(_) => self.head(NEGATIVE, !value.cast_unsigned()),
        }
    }

    pub fn text(&mut self, value: &str) {
        self.head(TEXT, value.len() as u64);
        self.0.extend_from_slice(value.as_bytes());
    }

    pub fn bytes(&mut self, value: &[u8]) {
        self.head(BYTES, value.len() as u64);
        self.0.extend_from_slice(value);
    }

    /// A map with text keys, in deterministic order: shorter keys first, then by their bytes.
    pub fn text_map<V>(&mut self, pairs: &BTreeMap<String, V>, mut value: impl FnMut(&mut Self, &V)) {
        let mut sorted: Vec<_> = pairs.iter().collect();
        sorted.sort_by(|(a, _), (b, _)| (a.len(), a.as_bytes()).cmp(&(b.len(), b.as_bytes())));
        self.map(sorted.len());
        for (key, v) in sorted {
            self.text(key);
            value(self, v);
        }
    }

    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    fn head(&mut self, major: u8, value: u64) {
        let major = major << 5;
        let bytes = value.to_be_bytes();
        match value {
            0..=23 => self.0.push(major | bytes[7]),
            24..=0xff => self.0.extend_from_slice(&[major | 24, bytes[7]]),
            0x100..=0xffff => {
                self.0.push(major | 25);
                self.0.extend_from_slice(&bytes[6..]);
            }
            0x1_0000..=0xffff_ffff => {
                self.0.push(major | 26);
                self.0.extend_from_slice(&bytes[4..]);
            }
            _ => {
                self.0.push(major | 27);
                self.0.extend_from_slice(&bytes);
            }
        }
    }
}

/// Reads what [`Encoder`] writes. `None` on anything else; whether heads were the shortest is for the caller, who
/// encodes again and compares.
pub struct Decoder<'a>(pub &'a [u8]);

impl<'a> Decoder<'a> {
    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of pairs.
    pub fn map(&mut self) -> Option<u64> {
        self.head_of(MAP)
    }

    pub fn unsigned(&mut self) -> Option<u64> {
        self.head_of(UNSIGNED)
    }

    pub fn signed(&mut self) -> Option<i64> {
        match self.head()? {
            (UNSIGNED, value) => i64::try_from(value).ok(),
            (NEGATIVE, value) => i64::try_from(value).ok().map(|v| !v),
            _ => None,
        }
    }

    pub fn text(&mut self) -> Option<String> {
        let length = self.head_of(TEXT)?;
        std::str::from_utf8(self.take(length)?).ok().map(str::to_owned)
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.head_of(BYTES)?;
        self.take(length)
    }

    pub fn text_map<V>(&mut self, mut value: impl FnMut(&mut Self) -> Option<V>) -> Option<BTreeMap<String, V>> {
        let pairs = self.map()?;
        let mut map = BTreeMap::new();
        for _ in 0..pairs {
            let key = self.text()?;
            map.insert(key, value(self)?);
        }
        Some(map)
    }

    fn head_of(&mut self, wanted: u8) -> Option<u64> {
        let (major, value) = self.head()?;
        (major == wanted).then_some(value)
    }

    fn head(&mut self) -> Option<(u8, u64)> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        let value = match first & 31 {
            short @ 0..=23 => u64::from(short),
            24 => self.big_endian(1)?,
            25 => self.big_endian(2)?,
            26 => self.big_endian(4)?,
            27 => self.big_endian(8)?,
            _ => return None,
        };
        Some((first >> 5, value))
    }

    fn big_endian(&mut self, length: u64) -> Option<u64> {
        Some(self.take(length)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8949, appendix A.
    #[test]
    fn published_encodings() {
        let number = |value: i64| {
            let mut encoder = Encoder::default();
            encoder.signed(value);
            encoder.finish()
        };
        for (value, bytes) in [
            (0i64, &[0x00u8][..]),
            (23, &[0x17]),
            (24, &[0x18, 0x18]),
            (1000, &[0x19, 0x03, 0xe8]),
            (1_000_000, &[0x1a, 0x00, 0x0f, 0x42, 0x40]),
            (1_000_000_000_000, &[0x1b, 0x00, 0x00, 0x00, 0xe8, 0xd4, 0xa5, 0x10, 0x00]),
            (-1, &[0x20]),
            (-1000, &[0x39, 0x03, 0xe7]),
            (i64::MIN, &[0x3b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ] {
            assert_eq!(number(value), bytes, "{value}");
            assert_eq!(Decoder(bytes).signed(), Some(value));
        }
        let mut encoder = Encoder::default();
        encoder.text("IETF");
        encoder.bytes(&[1, 2, 3, 4]);
        assert_eq!(encoder.finish(), [0x64, 0x49, 0x45, 0x54, 0x46, 0x44, 1, 2, 3, 4]);
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused() {
        assert_eq!(Decoder(&[0x64, b'a']).text(), None);
        assert_eq!(Decoder(&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).bytes(), None);
        assert_eq!(Decoder(&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).text_map(|d| d.text()), None);
        assert_eq!(Decoder(&[]).unsigned(), None);
    }
}
