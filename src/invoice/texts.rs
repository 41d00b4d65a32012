//! What a person reads about a rule: our own wording, French and English, as tables.
//!
//! `{name}` is filled from the case. A rule without a row keeps its library's wording as a technical detail behind ours,
//! and gets the general remedy.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::official::ids;
use super::tables::Tables;
use crate::fault::{Language, Text};

/// The words of a rule; `rule` ends with `*` when it stands for all that begin so.
pub struct Words {
    pub rule: &'static str,
    message: [&'static str; 2],
    remedy: [&'static str; 2],
}

macro_rules! table {
    ($($rule:literal { $mfr:literal $rfr:literal $men:literal $ren:literal })*) => {
        /// The table. Exact ids win over prefixes.
        pub const WORDS: &[Words] = &[$(Words { rule: $rule, message: [$mfr, $men], remedy: [$rfr, $ren] },)*];
    };
}

mod codes;
mod elements;
mod french;
mod notices;
mod own;
mod preflight;
mod reworded;
mod standard;
mod vat;

pub use reworded::reworded;

/// The longest value quoted in a text, in characters.
const VALUE_CHARACTERS: usize = 100;

/// The longest sentence filled into another, in characters: it quotes values of its own.
const DETAIL_CHARACTERS: usize = 200;

/// A value as it is quoted: `…` stands for what is left out of a long one.
pub fn cut(value: &str) -> Cow<'_, str> {
    shortened(value, VALUE_CHARACTERS)
}

fn shortened(text: &str, characters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// One of two texts.
pub fn pick<'a>(language: Language, fr: &'a str, en: &'a str) -> &'a str {
    match language {
        Language::Fr => fr,
        Language::En => en,
    }
}

/// Every row.
pub fn rows() -> impl Iterator<Item = &'static Words> {
    standard::WORDS.iter().chain(codes::WORDS).chain(own::WORDS).chain(french::WORDS).chain(preflight::WORDS)
}

/// The row for a rule, if it has one.
pub fn words(rule: &str) -> Option<&'static Words> {
    let prefixed = |w: &&Words| w.rule.strip_suffix('*').is_some_and(|prefix| rule.starts_with(prefix));
    rows().find(|w| w.rule == rule).or_else(|| rows().find(prefixed))
}

/// Rules whose words are made.
fn made_rules() -> impl Iterator<Item = String> {
    vat::rules().chain(elements::rules()).chain(notices::rules())
}

/// The words that are made for a rule.
fn made(rule: &str) -> Option<(Text, Text)> {
    vat::words(rule).or_else(|| elements::words(rule)).or_else(|| notices::words(rule))
}

/// The texts of a row in a file of tables, in the order of a template.
pub const TEMPLATE_KEYS: [&str; 4] = ["message_fr", "remedy_fr", "message_en", "remedy_en"];

/// Every row and every rule whose words are made, with its texts before the blanks are filled: what a file of tables may
/// replace.
pub fn templates() -> impl Iterator<Item = (String, [String; 4])> {
    let made = made_rules().filter(|rule| words(rule).is_none());
    let made = made.filter_map(|rule| template(&rule).map(|texts| (rule, texts)));
    rows().map(|row| (row.rule.to_owned(), row.template())).chain(made)
}

/// The texts of a row, or of a rule that a row stands for.
pub fn template(rule: &str) -> Option<[String; 4]> {
    if rule.ends_with('*') {
        return rows().find(|row| row.rule == rule).map(Words::template);
    }
    let made = || made(rule).map(|(message, remedy)| [message.fr, remedy.fr, message.en, remedy.en]);
    words(rule).map(Words::template).or_else(made)
}

/// Whether this program can report such a rule.
pub fn is_rule(rule: &str) -> bool {
    ids::is_rule(rule) || rows().any(|row| row.rule == rule) || made_rules().any(|made| made == rule)
}

/// Whether a rule is meant, or by `BR-*` the rules that begin so.
pub fn is_pattern(pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => {
            rows().any(|row| row.rule.starts_with(prefix))
                || made_rules().any(|rule| rule.starts_with(prefix))
                || ids::IDS.iter().any(|rule| rule.starts_with(prefix))
        }
        None => is_rule(pattern),
    }
}

/// The names of a text's blanks; `None` where a brace is left open or closes nothing.
pub fn blanks(text: &str) -> Option<BTreeSet<&str>> {
    let mut names = BTreeSet::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').filter(|_| !before.contains('}'))?;
        names.insert(name);
        rest = after;
    }
    (!rest.contains('}')).then_some(names)
}

/// A file's words for a rule: of the rule itself, or of the row that stands for it.
fn replaced(tables: Tables, rule: &str) -> Option<&'static [String; 4]> {
    tables.words(rule).or_else(|| tables.words(words(rule)?.rule))
}

/// Message and remedy for a case of a rule, in the words in force. `values` fill the blanks; a value whose words differ in English stands twice,
/// as `name` and `name.en`. `library` is what the rule's library says, for a rule that has no words of ours.
pub fn said(tables: Tables, rule: &str, values: &[(&str, &str)], library: &str) -> (Text, Text) {
    let mut quotes = false;
    let (mut message, remedy) = if let Some([message_fr, remedy_fr, message_en, remedy_en]) = replaced(tables, rule) {
        quotes = message_fr.contains("{value}");
        (fill([message_fr, message_en], values), fill([remedy_fr, remedy_en], values))
    } else if let Some(words) = words(rule) {
        quotes = words.message[0].contains("{value}");
        (words.message(values), words.remedy(values))
    } else if let Some(made) = made(rule) {
        made
    } else {
        (strange(rule, library), general_remedy())
    };
    let value = |name: &str| values.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
    if let (Some(expected), Some(actual)) = (value("expected"), value("actual")) {
        compare(&mut message, expected, actual);
    } else if let Some(name) = value("attribute") {
        quote_attribute(&mut message, name, value("value"));
    } else if let Some(found) = value("value").filter(|_| !quotes) {
        quote(&mut message, found);
    }
    (message, remedy)
}

impl Words {
    /// The texts in the order of [`TEMPLATE_KEYS`], their blanks as they stand.
    pub fn template(&self) -> [String; 4] {
        [self.message[0], self.remedy[0], self.message[1], self.remedy[1]].map(str::to_owned)
    }

    /// The message, its blanks filled.
    pub fn message(&self, values: &[(&str, &str)]) -> Text {
        fill(self.message, values)
    }

    /// The remedy, its blanks filled.
    pub fn remedy(&self, values: &[(&str, &str)]) -> Text {
        fill(self.remedy, values)
    }
}

/// A rule that has no words of its own.
fn strange(rule: &str, library: &str) -> Text {
    let detail: String = library.trim_end_matches('.').chars().take(VALUE_CHARACTERS).collect();
    Text::technical(&format!("La règle {rule} n'est pas respectée"), &format!("Rule {rule} is not met"), detail)
}

fn general_remedy() -> Text {
    Text::new(
        "Corrigez cette donnée dans l'application qui produit la facture, puis déposez la facture corrigée.",
        "Correct this in the application that makes the invoice, then drop the corrected invoice.",
    )
}

/// What the rules' library says instead of a figure, and how French says it.
const COUNTED: [(&str, &str); 2] =
    [("at least one group", "au moins un groupe"), ("exactly one group", "un seul groupe")];

/// Between thousands: no line breaks there.
const APART: char = '\u{A0}';

/// Adds what the document states against what the rule computed.
fn compare(message: &mut Text, expected: &str, actual: &str) {
    let counted = COUNTED.iter().find(|(en, _)| *en == expected).map(|(_, fr)| (*fr).to_owned());
    let (french, written) = (counted.unwrap_or_else(|| in_french(expected)), in_french(actual));
    message.fr.push_str(&format!(" (attendu : {french} ; écrit : {written})"));
    message.en.push_str(&format!(" (expected: {expected}; written: {actual})"));
}

/// A computed figure as French writes it: `3420.00` is `3 420,00`. Anything else as it is.
fn in_french(figure: &str) -> String {
    let (sign, digits) = figure.strip_prefix('-').map_or(("", figure), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !fraction.is_none_or(is_number) {
        return figure.to_owned();
    }
    let mut text = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(APART);
        }
        text.push(digit);
    }
    fraction.into_iter().for_each(|fraction| text.extend([",", fraction]));
    text
}

/// The figure that [`in_french`] made this of.
fn from_french(text: &str) -> String {
    let figure = text.replace(APART, "").replace(',', ".");
    if in_french(&figure) == text { figure } else { text.to_owned() }
}

/// Adds what is written at the place, where the words do not quote it themselves.
fn quote(message: &mut Text, found: &str) {
    let short = cut(found);
    let [fr, en] = match found {
        "" => ["vide".to_owned(), "empty".to_owned()],
        _ => [format!("« {short} »"), format!("\"{short}\"")],
    };
    message.fr.push_str(&format!(" (écrit : {fr})"));
    message.en.push_str(&format!(" (written: {en})"));
}

/// The same of an attribute, which may not be there.
fn quote_attribute(message: &mut Text, name: &str, found: Option<&str>) {
    let [fr, en] = match found {
        Some(found) => [(); 2].map(|()| format!("{name}=\"{}\"", cut(found))),
        None => [format!("pas de {name}"), format!("no {name}")],
    };
    message.fr.push_str(&format!(" (écrit : {fr})"));
    message.en.push_str(&format!(" (written: {en})"));
}

fn fill([fr, en]: [&str; 2], values: &[(&str, &str)]) -> Text {
    let named = |name: &str| values.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
    let in_english = |name: &str| named(&format!("{name}.en")).or_else(|| named(name));
    Text::new(filled(fr, &EMPTY[0], named), filled(en, &EMPTY[1], in_english))
}

/// How a blank is quoted, and what stands there instead of one that is empty: in French, in English.
const EMPTY: [[&str; 3]; 2] = [["« ", " »", "(vide)"], ["\"", "\"", "(empty)"]];

fn filled<'v>(text: &str, [open, close, empty]: &[&str; 3], value: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else { break };
        let longest = if name.starts_with("detail") { DETAIL_CHARACTERS } else { VALUE_CHARACTERS };
        rest = after;
        match (value(name).unwrap_or("?"), filled.strip_suffix(open), after.strip_prefix(close)) {
            ("", Some(before), Some(after)) => {
                filled.truncate(before.len());
                filled.push_str(empty);
                rest = after;
            }
            (value, ..) => filled.push_str(&shortened(value, longest)),
        }
    }
    filled.push_str(rest);
    filled
}
