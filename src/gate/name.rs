//! The name of a dropped file: what is allowed, and what is written of one that is not.

use crate::fault::Text;

/// Bytes of a file name, at most (DESIGN §4; leaves room for the receipt's suffix).
pub const NAME_LIMIT: usize = 200;

/// Why a name is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    #[error("empty")]
    Empty,
    #[error("longer than 200 bytes")]
    TooLong,
    #[error("not UTF-8")]
    NotUtf8,
    #[error("control character or line break")]
    Control,
    #[error("slash")]
    Slash,
    #[error("not a file name")]
    Dots,
}

impl NameProblem {
    /// For people.
    pub fn text(self) -> Text {
        let french = match self {
            NameProblem::Empty => "vide",
            NameProblem::TooLong => "plus de 200 octets",
            NameProblem::NotUtf8 => "pas en UTF-8",
            NameProblem::Control => "caractère de contrôle ou saut de ligne",
            NameProblem::Slash => "barre oblique",
            NameProblem::Dots => "pas un nom de fichier",
        };
        Text::new(french, self.to_string())
    }
}

/// The name as text if it is allowed: 1 to [`NAME_LIMIT`] bytes of UTF-8, no slash, no control character, no line or
/// paragraph separator, not `.` or `..`.
pub fn check_name(name: &[u8]) -> Result<&str, NameProblem> {
    if name.is_empty() {
        return Err(NameProblem::Empty);
    }
    if name.len() > NAME_LIMIT {
        return Err(NameProblem::TooLong);
    }
    let text = std::str::from_utf8(name).map_err(|_| NameProblem::NotUtf8)?;
    if text.contains('/') {
        return Err(NameProblem::Slash);
    }
    if text.chars().any(is_unwelcome) {
        return Err(NameProblem::Control);
    }
    if text == "." || text == ".." {
        return Err(NameProblem::Dots);
    }
    Ok(text)
}

/// Control characters, and what breaks or turns a line where a name is shown.
fn is_unwelcome(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A name that may be anything, made fit for a receipt's name: each unwelcome character becomes `_`, and what is
/// longer than [`NAME_LIMIT`] bytes is cut at a character.
pub fn printable_name(name: &str) -> String {
    let mut fit = String::with_capacity(name.len().min(NAME_LIMIT));
    for c in name.chars().map(|c| if is_unwelcome(c) || c == '/' { '_' } else { c }) {
        if fit.len() + c.len_utf8() > NAME_LIMIT {
            break;
        }
        fit.push(c);
    }
    if matches!(fit.as_str(), "" | "." | "..") { "_".to_owned() } else { fit }
}

/// Whether a name says that its file is not finished: `*.tmp`, `*.part`, `*.filepart`, `.name` (DESIGN §4).
pub fn is_temporary(name: &str) -> bool {
    let ends = |suffix: &str| {
        name.len() > suffix.len()
            && name.as_bytes()[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix.as_bytes())
    };
    name.starts_with('.') || ends(".tmp") || ends(".part") || ends(".filepart")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_allowed_or_say_why_not() {
        assert_eq!(check_name("Facture n° 12 été.xml".as_bytes()), Ok("Facture n° 12 été.xml"));
        assert_eq!(check_name(b""), Err(NameProblem::Empty));
        assert_eq!(check_name(&[b'a'; 200]).map(str::len), Ok(200));
        assert_eq!(check_name(&[b'a'; 201]), Err(NameProblem::TooLong));
        assert_eq!(check_name(b"a\nb"), Err(NameProblem::Control));
        assert_eq!(check_name("a\u{2028}b".as_bytes()), Err(NameProblem::Control));
        assert_eq!(check_name("a\u{202e}lmx.exe".as_bytes()), Err(NameProblem::Control));
        assert_eq!(check_name(b"a/b"), Err(NameProblem::Slash));
        assert_eq!(check_name(b"\xff\xfe"), Err(NameProblem::NotUtf8));
        assert_eq!(check_name(b".."), Err(NameProblem::Dots));
    }

    #[test]
    fn temporary_names() {
        for name in ["a.tmp", "a.PART", "a.xml.filepart", ".a.xml", ".in.a.xml."] {
            assert!(is_temporary(name), "{name}");
        }
        for name in ["a.xml", "tmp", "a.tmp.xml", "a.particle"] {
            assert!(!is_temporary(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_made_printable_is_allowed(name in "\\PC*|(?s).{0,400}") {
            prop_assert!(check_name(printable_name(&name).as_bytes()).is_ok());
        }

        #[test]
        fn an_allowed_name_stays_as_it_is(name in "[a-zé€ .]{1,60}") {
            if check_name(name.as_bytes()).is_ok() {
                prop_assert_eq!(printable_name(&name), name);
            }
        }
    }
}
