//! Bytes of a terminal, as keys. Whatever comes, each byte is a key or nothing; sequences that move a cursor are nothing.

/// What counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A printable ASCII character.
    Char(char),
    Enter,
    Backspace,
    Escape,
}

/// Where in a sequence of bytes the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Outside,
    /// After ESC.
    Escape,
    /// After `ESC [` or `ESC O`: until a letter or `~`.
    Sequence,
}

/// Reads keys.
#[derive(Debug, Default)]
pub struct Keys {
    place: Place,
    /// The keyboard is read as the kernel does without a map, as an American one: on it the digits of a French keyboard come
    /// without Shift, and these characters with it.
    shifted_digits: bool,
}

const SHIFTED: &str = ")!@#$%^&*(";

impl Keys {
    pub fn of_keyboard() -> Self {
        Self { shifted_digits: true, ..Self::default() }
    }

    /// The keys in what was read at once. An ESC at its end is the key of that name: the rest of a sequence comes with it.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut keys: Vec<Key> = bytes.iter().filter_map(|byte| self.byte(*byte)).collect();
        if self.place == Place::Escape {
            self.place = Place::Outside;
            keys.push(Key::Escape);
        }
        keys
    }

    fn byte(&mut self, byte: u8) -> Option<Key> {
        match (self.place, byte) {
            (_, 0x1b) => {
                self.place = Place::Escape;
                None
            }
            (Place::Escape, b'[' | b'O') => {
                self.place = Place::Sequence;
                None
            }
            (Place::Sequence, b'0'..=b'9' | b';' | b'[') => None,
            (Place::Escape | Place::Sequence, _) => {
                self.place = Place::Outside;
                None
            }
            (Place::Outside, b'\r' | b'\n') => Some(Key::Enter),
            (Place::Outside, 0x08 | 0x7f) => Some(Key::Backspace),
            (Place::Outside, b' '..=b'~') => Some(Key::Char(self.meant(char::from(byte)))),
            (Place::Outside, _) => None,
        }
    }

    fn meant(&self, typed: char) -> char {
        let digit = SHIFTED.find(typed).filter(|_| self.shifted_digits).and_then(|digit| u32::try_from(digit).ok());
        digit.and_then(|digit| char::from_digit(digit, 10)).unwrap_or(typed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequences_are_nothing_and_escape_is_a_key() {
        let mut keys = Keys::default();
        assert_eq!(keys.read(b"2\x1b[A\x1b[15~\x1bOP3"), [Key::Char('2'), Key::Char('3')]);
        assert_eq!(keys.read(b"\x1b"), [Key::Escape]);
        assert_eq!(keys.read(b"\x1b[[A\x7f\r"), [Key::Backspace, Key::Enter], "a function key of the Linux console");
        assert_eq!(keys.read("é\0\u{9b}".as_bytes()), []);
    }

    #[test]
    fn digits_come_with_shift_and_without() {
        assert_eq!(Keys::of_keyboard().read(b"1!0)(&"), "110097".chars().map(Key::Char).collect::<Vec<_>>());
        assert_eq!(Keys::default().read(b"!"), [Key::Char('!')]);
    }

    proptest! {
        #[test]
        fn noise_is_at_most_a_key_a_byte(bytes: Vec<u8>, rest: Vec<u8>) {
            let mut keys = Keys::of_keyboard();
            let read = keys.read(&bytes);
            prop_assert!(read.len() <= bytes.len() + 1);
            prop_assert!(read.iter().all(|key| !matches!(key, Key::Char(c) if c.is_ascii_control())));
            keys.read(&rest);
            // However it was left, a letter and a digit get through.
            keys.read(b"~a");
            prop_assert_eq!(keys.read(b"2"), [Key::Char('2')]);
        }
    }
}
