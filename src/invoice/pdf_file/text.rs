//! Text strings (ISO 32000-1 §7.9.2.2): UTF-16, UTF-8, or PDF's own coding.

/// PDFDocEncoding where it is not Latin-1 (ISO 32000-1 Annex D.2): from 0x18, and from 0x80.
const LOW: [char; 8] = ['˘', 'ˇ', 'ˆ', '˙', '˝', '˛', '˚', '˜'];
const HIGH: [char; 31] = [
    '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚', '™', 'ﬁ', 'ﬂ', 'Ł', 'Œ',
    'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž',
];

/// The text, if the bytes are one: nothing is guessed or left out.
pub fn text_string(raw: &[u8]) -> Option<String> {
    if let Some(units) = raw.strip_prefix(b"\xFE\xFF") {
        if units.len() % 2 != 0 {
            return None;
        }
        let units: Vec<u16> = units.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        return String::from_utf16(&units).ok();
    }
    if let Some(utf8) = raw.strip_prefix(b"\xEF\xBB\xBF") {
        return String::from_utf8(utf8.to_vec()).ok();
    }
    raw.iter().map(|byte| of_pdf(*byte)).collect()
}

fn of_pdf(byte: u8) -> Option<char> {
    match byte {
        b'\t' | b'\n' | b'\r' | 0x20..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF => Some(char::from(byte)),
        0x18..=0x1F => LOW.get(usize::from(byte - 0x18)).copied(),
        0x80..=0x9E => HIGH.get(usize::from(byte - 0x80)).copied(),
        0xA0 => Some('€'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::text_string;

    #[test]
    fn a_name_is_read_in_each_coding_and_never_guessed() {
        for (raw, text) in [
            (&b"\xFE\xFF\0f\0\xE9"[..], Some("fé")),
            (b"\xFE\xFF\0f\0", None),
            (b"\xFE\xFF\xD8\0", None),
            (b"\xEF\xBB\xBFf\xC3\xA9", Some("fé")),
            (b"f\xE9\xA0\x80\x9E\x18", Some("fé€•ž˘")),
            (b"f\x7F", None),
            (b"f\x9F", None),
        ] {
            assert_eq!(text_string(raw).as_deref(), text, "{raw:?}");
        }
    }
}
