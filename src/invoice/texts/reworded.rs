//! A finding's words as they were stored, in the other language: a receipt has one language, the page has its reader's.
//!
//! The stored sentence is taken apart by the row it was made from; what does not fit its row exactly stays as it is.

use super::{COUNTED, EMPTY, Tables, from_french, made, said, words};
use crate::fault::{Language, Text};

/// Message, remedy and place of a finding in `language`; as stored, where they are in it or cannot be taken apart.
pub fn reworded(rule: &str, stored: [&str; 3], language: Language) -> [String; 3] {
    let [message, remedy, place] = stored;
    let from = match language {
        Language::Fr => Language::En,
        Language::En => Language::Fr,
    };
    let (body, compared) = split_comparison(message, from);
    let (body, quoted) = split_quote(body, from);
    let [open, close, empty] = EMPTY[from as usize];
    let body = body.replace(empty, &[open, close].concat());
    let Some(mut values) = values(rule, &body, from) else { return stored.map(str::to_owned) };
    if let Some((expected, actual)) = &compared {
        values.extend([("expected", expected.as_str()), ("actual", actual.as_str())]);
    }
    values.extend(quoted);
    // Words that a file of tables replaced were stored in the language of receipts, and stay in it.
    let (made, cure) = said(Tables::built_in(), rule, &values, "");
    if made.get(from) != message {
        return stored.map(str::to_owned);
    }
    let cure = if cure.get(from) == remedy { cure.get(language) } else { remedy };
    [made.get(language).to_owned(), cure.to_owned(), placed(place, language)]
}

/// The values that the rule's row was filled with to read `body`.
fn values<'t>(rule: &str, body: &'t str, from: Language) -> Option<Vec<(&'static str, &'t str)>> {
    match words(rule) {
        // Its detail is a sentence of its own.
        Some(row) if row.rule == "FG-PDF" => None,
        Some(row) => filled_with(row.message[from as usize], body),
        None => (made(rule)?.0.get(from) == body).then(Vec::new),
    }
}

fn filled_with<'t>(template: &'static str, text: &'t str) -> Option<Vec<(&'static str, &'t str)>> {
    let mut values = Vec::new();
    let (first, mut blanks) = template.split_once('{').map_or((template, None), |(first, rest)| (first, Some(rest)));
    let mut rest = text.strip_prefix(first)?;
    while let Some(blank) = blanks {
        let (name, after) = blank.split_once('}')?;
        let (literal, next) = after.split_once('{').map_or((after, None), |(literal, next)| (literal, Some(next)));
        let at = if next.is_some() { rest.find(literal)? } else { rest.strip_suffix(literal)?.len() };
        values.push((name, &rest[..at]));
        rest = &rest[at + literal.len()..];
        blanks = next;
    }
    rest.is_empty().then_some(values)
}

/// The message, and what it compares at its end.
fn split_comparison(message: &str, language: Language) -> (&str, Option<(String, String)>) {
    let (begin, middle) = match language {
        Language::Fr => (" (attendu : ", " ; écrit : "),
        Language::En => (" (expected: ", "; written: "),
    };
    let parts = || {
        let (body, compared) = message.strip_suffix(')')?.rsplit_once(begin)?;
        let (expected, actual) = compared.split_once(middle)?;
        let counted = COUNTED.iter().find(|(_, fr)| *fr == expected).map(|(en, _)| (*en).to_owned());
        let figure = |text: &str| if language == Language::Fr { from_french(text) } else { text.to_owned() };
        Some((body, Some((counted.unwrap_or_else(|| figure(expected)), figure(actual)))))
    };
    parts().unwrap_or((message, None))
}

/// The message, and the values that are quoted behind it.
fn split_quote(message: &str, language: Language) -> (&str, Vec<(&'static str, &str)>) {
    let (begin, empty, none) = match language {
        Language::Fr => (" (écrit : ", "vide", "pas de "),
        Language::En => (" (written: ", "empty", "no "),
    };
    let [open, close, _] = EMPTY[language as usize];
    let parts = message.strip_suffix(')').and_then(|rest| rest.rsplit_once(begin));
    let Some((body, quoted)) = parts else { return (message, Vec::new()) };
    let values = if quoted == empty {
        vec![("value", "")]
    } else if let Some(found) = quoted.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
        vec![("value", found)]
    } else if let Some((name, found)) = quoted.strip_suffix('"').and_then(|rest| rest.split_once("=\"")) {
        vec![("attribute", name), ("value", found)]
    } else if let Some(name) = quoted.strip_prefix(none) {
        vec![("attribute", name)]
    } else {
        return (message, Vec::new());
    };
    (body, values)
}

/// `… (ligne 12)` and `… (line 12)`.
fn placed(place: &str, language: Language) -> String {
    let words = Text::new(" (ligne ", " (line ");
    let line = |number: &str| number.strip_suffix(')').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    for other in [&words.fr, &words.en] {
        if let Some((path, number)) = place.rsplit_once(other.as_str()).filter(|(_, number)| line(number)) {
            return format!("{path}{}{number}", words.get(language));
        }
    }
    place.to_owned()
}
