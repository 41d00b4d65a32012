//! Text for a terminal: only characters that it has, in rows of a width. Pure.

/// The characters that a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letters {
    /// The kernel's own font (code page 437) has the small accented letters.
    Font,
    Ascii,
}

/// Parts of at most `width` characters, ended at a space where there is one, or behind a colon that is not far from the end.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let letters: Vec<char> = text.chars().collect();
    let mut parts = Vec::new();
    let mut rest = letters.as_slice();
    while rest.len() > width {
        let end = (1..=width)
            .rev()
            .find(|&end| rest[end] == ' ' || (rest[end - 1] == ':' && 2 * end > width))
            .unwrap_or(width);
        parts.push(rest[..end].iter().collect());
        rest = &rest[end..];
        while let Some((' ', after)) = rest.split_first() {
            rest = after;
        }
    }
    if !rest.is_empty() {
        parts.push(rest.iter().collect());
    }
    parts
}

pub fn cut(text: &str, width: usize) -> String {
    text.chars().take(width).collect()
}

pub fn padded(text: &str, width: usize) -> String {
    let text = cut(text, width);
    format!("{text:<width$}")
}

/// The character that a terminal shows for this one: itself, its letter without the accent, or a question mark.
pub fn shown(letter: char, letters: Letters) -> char {
    const IN_FONT: &str = "éâàçêëèïîôûùüöäÉÇ«»°";
    const BASE: [(&str, char); 17] = [
        ("éèêë", 'e'),
        ("ÉÈÊË", 'E'),
        ("àâä", 'a'),
        ("ÀÂÄ", 'A'),
        ("îï", 'i'),
        ("ÎÏ", 'I'),
        ("ôö", 'o'),
        ("ÔÖ", 'O'),
        ("ûùü", 'u'),
        ("ÛÙÜ", 'U'),
        ("ç", 'c'),
        ("Ç", 'C'),
        ("’‘", '\''),
        ("«»“”", '"'),
        ("°", 'o'),
        ("–—…", '-'),
        ("\u{a0}\u{202f}", ' '),
    ];
    if matches!(letter, ' '..='~') || (letters == Letters::Font && IN_FONT.contains(letter)) {
        return letter;
    }
    BASE.iter().find(|(from, _)| from.contains(letter)).map_or('?', |(_, to)| *to)
}
