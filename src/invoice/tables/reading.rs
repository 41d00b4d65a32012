//! Reading a file of tables: everything that is not understood is refused, with its place.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::{BLOCKING, Data, LIMITS, LISTS, List, VERSION};
use crate::fault::{Code, Fault, Text};
use crate::invoice::Severity;
use crate::invoice::official::lists::Named;
use crate::invoice::texts;

/// The version of the file's form that this program reads.
pub(super) const FORM: i64 = 1;
/// A longer file is refused unread, in bytes. All tables together are a fifth of it.
pub const TEXT_LIMIT: usize = 2 * 1024 * 1024;
/// Of a list.
const CODES_LIMIT: usize = 20_000;
/// Of a code, in characters.
const CODE_CHARACTERS: usize = 100;
/// Of a message or a remedy, in characters.
const MESSAGE_CHARACTERS: usize = 1_000;

/// How the rules begin that a route's `preflight` switches.
const PREFLIGHT: &str = "BR-FR-CPRO";

/// The tables of the file.
const SECTIONS: [&str; 8] = ["form", "version", "lists", "rates", "limits", "severities", "blocking", "messages"];

/// What is wrong, and where.
struct Wrong {
    place: String,
    what: Text,
}

impl Wrong {
    fn at(place: impl Into<String>, fr: impl Into<String>, en: impl Into<String>) -> Self {
        Self { place: place.into(), what: Text::new(fr, en) }
    }

    /// An entry that there is none of.
    fn unknown<'k>(place: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let known = known.join(", ");
        Self::at(place, format!("inconnu ; connus : {known}"), format!("unknown; known are: {known}"))
    }

    fn fault(self) -> Fault {
        let detail = if self.place.is_empty() { self.what } else { self.what.about(self.place) };
        Fault::new(Code::TablesWrong).with_text("why", &detail)
    }
}

pub(super) fn read(text: &str) -> Result<Data, Fault> {
    let mut data = Data::built_in();
    lay_over(text, &mut data).map_err(Wrong::fault)?;
    if is_older(&data.version, VERSION) {
        return Err(Fault::new(Code::TablesOlder).with("version", &data.version).with("in_force", VERSION));
    }
    // Two contents of one version: reports could not tell them apart.
    if data.version == VERSION && data != Data::built_in() {
        let wrong = Wrong::at(
            "version",
            format!(
                "{VERSION} est celle des tables du programme, et ce fichier en diffère : donnez-lui une version plus \
                 récente, celle du jour suivie d'un numéro (AAAA-MM-JJ.N)"
            ),
            format!(
                "{VERSION} is that of the program's own tables, and this file differs from them: give it a newer \
                 version, today's date and a number (YYYY-MM-DD.N)"
            ),
        );
        return Err(wrong.fault());
    }
    Ok(data)
}

fn lay_over(text: &str, data: &mut Data) -> Result<(), Wrong> {
    if text.len() > TEXT_LIMIT {
        let (fr, en) = (format!("plus de {TEXT_LIMIT} octets"), format!("larger than {TEXT_LIMIT} bytes"));
        return Err(Wrong::at("", fr, en));
    }
    let file: Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let what = Text::technical("ce n'est pas du TOML", "this is not TOML", error.message());
        let place = if line == 0 { String::new() } else { format!("{line}") };
        Wrong { place, what }
    })?;
    if let Some(strange) = file.keys().find(|key| !SECTIONS.contains(&key.as_str())) {
        return Err(Wrong::unknown(strange, SECTIONS));
    }
    if file.get("form").and_then(Value::as_integer) != Some(FORM) {
        let (fr, en) = (
            format!("ce programme lit la forme {FORM} : form = {FORM}"),
            format!("this program reads form {FORM}: form = {FORM}"),
        );
        return Err(Wrong::at("form", fr, en));
    }
    let version = file.get("version").and_then(Value::as_str).filter(|version| is_version(version));
    let Some(version) = version else {
        return Err(Wrong::at(
            "version",
            "une version s'écrit \"AAAA-MM-JJ.N\", par exemple \"2027-01-15.1\"",
            "a version reads \"YYYY-MM-DD.N\", such as \"2027-01-15.1\"",
        ));
    };
    version.clone_into(&mut data.version);
    read_lists(&file, "lists", data)?;
    read_lists(&file, "rates", data)?;
    read_limits(&file, data)?;
    read_severities(&file, data)?;
    read_blocking(&file, data)?;
    read_messages(&file, data)
}

/// `2026-11-26.1`: a day and a number from 1.
pub fn is_version(text: &str) -> bool {
    let Some((day, number)) = text.split_once('.') else { return false };
    let digits = |part: &str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
    let mut parts = day.split('-');
    let mut number_of = |length: usize| {
        parts.next().filter(|part| part.len() == length && digits(part)).and_then(|part| part.parse::<u32>().ok())
    };
    let (year, month, day) = (number_of(4), number_of(2), number_of(2));
    let is_day =
        year.is_some() && month.is_some_and(|m| (1..=12).contains(&m)) && day.is_some_and(|d| (1..=31).contains(&d));
    is_day && parts.next().is_none() && digits(number) && !number.starts_with('0')
}

/// Whether tables of this version are older than those of another.
pub fn is_older(version: &str, other: &str) -> bool {
    order(version) < order(other)
}

/// How versions follow each other.
fn order(version: &str) -> (&str, u32) {
    let (day, number) = version.split_once('.').unwrap_or((version, "0"));
    (day, number.parse().unwrap_or_default())
}

/// A table of the file; empty where there is none.
fn section<'f>(file: &'f Table, name: &str) -> Result<impl Iterator<Item = (&'f str, String, &'f Value)>, Wrong> {
    let table = match file.get(name) {
        None => None,
        Some(Value::Table(table)) => Some(table),
        Some(_) => {
            return Err(Wrong::at(name, format!("écrivez une table [{name}]"), format!("write a table [{name}]")));
        }
    };
    let name = name.to_owned();
    Ok(table.into_iter().flatten().map(move |(key, value)| (key.as_str(), format!("{name}.{key}"), value)))
}

/// The texts of a list: at least one, none of them twice.
fn texts_of<'f>(place: &str, value: &'f Value) -> Result<Vec<&'f str>, Wrong> {
    let texts: Option<Vec<&str>> = value.as_array().and_then(|all| all.iter().map(Value::as_str).collect());
    let Some(texts) = texts else {
        return Err(Wrong::at(place, "écrivez une liste de textes entre guillemets", "write a list of quoted texts"));
    };
    if texts.is_empty() || texts.len() > CODES_LIMIT {
        let (fr, en) = (format!("de 1 à {CODES_LIMIT} valeurs"), format!("1 to {CODES_LIMIT} values"));
        return Err(Wrong::at(
            place,
            format!("liste vide ou trop longue : {fr}"),
            format!("empty or too long a list: {en}"),
        ));
    }
    let mut seen = BTreeSet::new();
    for text in &texts {
        if text.is_empty()
            || text.chars().count() > CODE_CHARACTERS
            || text.chars().any(|c| c.is_whitespace() || c.is_control())
        {
            return Err(Wrong::at(
                place,
                format!(
                    "« {} » n'est pas un code : ni vide, ni espace, {CODE_CHARACTERS} caractères au plus",
                    shown(text)
                ),
                format!("\"{}\" is no code: not empty, no space, at most {CODE_CHARACTERS} characters", shown(text)),
            ));
        }
        if !seen.insert(*text) {
            return Err(Wrong::at(place, format!("« {text} » y est deux fois"), format!("\"{text}\" is there twice")));
        }
    }
    Ok(texts)
}

/// A value of the file in a message.
fn shown(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

fn read_lists(file: &Table, name: &str, data: &mut Data) -> Result<(), Wrong> {
    for (key, place, value) in section(file, name)? {
        let at = LISTS.iter().position(|list| list.section() == name && list.key() == key);
        let Some(at) = at else {
            let known: Vec<String> = LISTS.iter().filter(|list| list.section() == name).map(Named::key).collect();
            return Err(Wrong::unknown(&place, known.iter().map(String::as_str)));
        };
        let codes = texts_of(&place, value)?;
        // Compared with what stands behind a name's last point, in lower case.
        let extension = |code: &&str| key == "chorus_extensions" && code.chars().any(|c| c.is_uppercase() || c == '.');
        let character = |code: &&str| key == "chorus_forbidden_in_names" && code.chars().count() != 1;
        let figure = |code: &&str| name == "rates" && !is_rate(code);
        if let Some(bad) = codes.iter().copied().find(|code| extension(code) || character(code) || figure(code)) {
            return Err(Wrong::at(
                &place,
                format!(
                    "« {bad} » ne peut pas être écrit ainsi : un taux comme 5.5, une extension en minuscules et sans point, un \
                     caractère interdit à la fois"
                ),
                format!(
                    "\"{bad}\" cannot be written so: a rate like 5.5, an extension in lower case and without a point, one \
                     forbidden character at a time"
                ),
            ));
        }
        data.lists[at] = List::new(codes.into_iter().map(str::to_owned));
    }
    Ok(())
}

/// Digits, and perhaps a point among them.
fn is_rate(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text),
    }
}

fn read_limits(file: &Table, data: &mut Data) -> Result<(), Wrong> {
    for (key, place, value) in section(file, "limits")? {
        let Some(at) = LIMITS.iter().position(|limit| limit.key() == key) else {
            let known: Vec<String> = LIMITS.iter().map(crate::invoice::chorus_rules::Named::key).collect();
            return Err(Wrong::unknown(&place, known.iter().map(String::as_str)));
        };
        let largest = LIMITS[at].largest;
        let number = value.as_integer().and_then(|number| usize::try_from(number).ok());
        let Some(number) = number.filter(|number| (1..=largest).contains(number)) else {
            let (fr, en) =
                (format!("un nombre entier de 1 à {largest}"), format!("a whole number from 1 to {largest}"));
            return Err(Wrong::at(&place, fr, en));
        };
        data.limits[at] = number;
    }
    Ok(())
}

fn unknown_rule(place: &str) -> Wrong {
    Wrong::at(place, "aucune règle de ce programme ne s'appelle ainsi", "no rule of this program has this name")
}

fn read_severities(file: &Table, data: &mut Data) -> Result<(), Wrong> {
    for (rule, place, value) in section(file, "severities")? {
        if rule.contains('*') || !texts::is_rule(rule) {
            return Err(unknown_rule(&place));
        }
        // What cannot be read has no verdict to soften.
        if rule.starts_with("FG-") {
            return Err(Wrong::at(
                &place,
                "la lecture elle-même (FG-…) n'a pas de sévérité à changer",
                "reading itself (FG-…) has no severity to change",
            ));
        }
        let known = [Severity::Fatal, Severity::Warning];
        let severity = known.into_iter().find(|known| value.as_str() == Some(known.as_str()));
        let severity = severity.ok_or_else(|| Wrong::unknown(&place, known.map(Severity::as_str)))?;
        data.severities.insert(rule.to_owned(), severity);
    }
    Ok(())
}

fn read_blocking(file: &Table, data: &mut Data) -> Result<(), Wrong> {
    for (profile, place, value) in section(file, "blocking")? {
        let Some(at) = BLOCKING.iter().position(|(of, _)| of.as_str() == profile) else {
            return Err(Wrong::unknown(&place, BLOCKING.map(|(of, _)| of.as_str())));
        };
        let patterns = texts_of(&place, value)?;
        if let Some(strange) = patterns.iter().find(|pattern| !texts::is_pattern(pattern)) {
            return Err(unknown_rule(&format!("{place} {strange}")));
        }
        if let Some(asked) = patterns.iter().find(|pattern| pattern.starts_with(PREFLIGHT)) {
            return Err(Wrong::at(
                format!("{place} {asked}"),
                "ce que font ces règles, la clé preflight de la route le dit (off, warn ou block)",
                "what these rules do is said by the route's key preflight (off, warn or block)",
            ));
        }
        // What reading itself refuses is no matter of choice: it goes on blocking whatever the row names.
        let kept = BLOCKING[at].1.iter().filter(|pattern| pattern.starts_with("FG-") && !patterns.contains(pattern));
        data.blocking[at] = patterns.iter().chain(kept).map(|pattern| (*pattern).to_owned()).collect();
    }
    Ok(())
}

fn read_messages(file: &Table, data: &mut Data) -> Result<(), Wrong> {
    for (rule, place, value) in section(file, "messages")? {
        let known = rule.ends_with('*') || texts::is_rule(rule);
        let Some(built_in) = texts::template(rule).filter(|_| known) else { return Err(unknown_rule(&place)) };
        let Value::Table(table) = value else {
            return Err(Wrong::unknown(&place, texts::TEMPLATE_KEYS));
        };
        let mut words = built_in.clone();
        for (key, value) in table {
            let place = format!("{place}.{key}");
            let Some(at) = texts::TEMPLATE_KEYS.iter().position(|known| known == key) else {
                return Err(Wrong::unknown(&place, texts::TEMPLATE_KEYS));
            };
            words[at] = sentence(&place, value, &built_in[at])?;
        }
        if words != built_in {
            data.messages.insert(rule.to_owned(), words);
        }
    }
    Ok(())
}

/// A text with the same blanks as the one it replaces.
fn sentence(place: &str, value: &Value, built_in: &str) -> Result<String, Wrong> {
    let text = value.as_str().filter(|text| !text.trim().is_empty() && !text.chars().any(char::is_control));
    let Some(text) = text.filter(|text| text.chars().count() <= MESSAGE_CHARACTERS) else {
        return Err(Wrong::at(
            place,
            format!("un texte sur une ligne, de 1 à {MESSAGE_CHARACTERS} caractères"),
            format!("a text of one line, 1 to {MESSAGE_CHARACTERS} characters"),
        ));
    };
    let wanted = texts::blanks(built_in).unwrap_or_default();
    if texts::blanks(text).as_ref() != Some(&wanted) {
        let wanted: Vec<String> = wanted.into_iter().map(|blank| format!("{{{blank}}}")).collect();
        if wanted.is_empty() {
            return Err(Wrong::at(place, "n'écrivez aucun champ entre accolades", "write no blank between braces"));
        }
        let wanted = wanted.join(", ");
        return Err(Wrong::at(
            place,
            format!("les champs entre accolades ne sont pas ceux du programme : {wanted}"),
            format!("the blanks between braces are not the program's: {wanted}"),
        ));
    }
    Ok(text.to_owned())
}
