//! What is wrong with a configuration text: where, what, and what to do, in both languages.

use std::fmt;

use crate::fault::Text;

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// The key, with the 1-based place of a table in its list: `route[2].account`. Empty: the file as a whole.
    pub key: String,
    /// What is wrong.
    pub message: Text,
    /// What to do.
    pub remedy: Text,
}

impl Problem {
    /// The whole of it, in both languages.
    pub fn text(&self) -> Text {
        let place = format!("{}:{}", self.line, self.column);
        let key = if self.key.is_empty() { String::new() } else { format!(" {}", self.key) };
        Text::new(
            format!("{place}{key} : {}. {}", self.message.fr, self.remedy.fr),
            format!("{place}{key}: {}. {}", self.message.en, self.remedy.en),
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}. {}", self.message, self.remedy)
    }
}

/// Line and column (both 1-based) of a byte offset.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// The candidate that looks most like `word`, when one is near enough to be a slip of the hand.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let tolerated = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= tolerated)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance. Both words are keys: short, or cut.
fn distance(one: &str, other: &str) -> usize {
    const LONGEST: usize = 64;
    let other: Vec<char> = other.chars().take(LONGEST).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().take(LONGEST).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_key_and_strangers_none() {
        let keys = ["listen", "body_limit", "header_limit", "idle_timeout"];
        assert_eq!(nearest("listne", keys), Some("listen"));
        assert_eq!(nearest("body_limits", keys), Some("body_limit"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn places_count_characters() {
        assert_eq!(line_and_column("a\né = 1", 5), (2, 3));
        assert_eq!(line_and_column("abc", 0), (1, 1));
        assert_eq!(line_and_column("abc\n", 99), (2, 1));
    }
}
