//! A TOML text -> typed sections, with every problem found and not only the first.
//!
//! serde stops at the first error of a section. So the offending entry is taken out and the section is read again,
//! until it reads or nothing can be taken out any more.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::problem::{Problem, line_and_column, nearest};
use crate::fault::Text;

/// The longest configuration that is read, in bytes.
pub const TEXT_LIMIT: usize = 1024 * 1024;

/// Problems after which reading stops: nobody reads more.
pub const PROBLEM_LIMIT: usize = 100;

/// A parsed text with the places of its keys and the problems found so far.
pub(super) struct Document<'t> {
    text: &'t str,
    root: DeTable<'t>,
    /// Byte offset of each key's value, by [`Problem::key`].
    places: BTreeMap<String, usize>,
    pub(super) problems: Vec<Problem>,
}

impl<'t> Document<'t> {
    /// Reads the syntax; syntax errors are problems, what could be read around them stays.
    pub(super) fn parse(text: &'t str) -> Self {
        let mut document = Self { text, root: DeTable::new(), places: BTreeMap::new(), problems: Vec::new() };
        if text.len() > TEXT_LIMIT {
            document.complain(
                0,
                "",
                Text::new("fichier trop long", "the file is too long"),
                Text::new(format!("{TEXT_LIMIT} octets au plus"), format!("At most {TEXT_LIMIT} bytes")),
            );
            return document;
        }
        let (root, errors) = DeTable::parse_recoverable(text);
        document.root = root.into_inner();
        for error in errors {
            let place = error.span().map_or(0, |span| span.start);
            document.complain(
                place,
                "",
                Text::new(format!("syntaxe TOML : {}", error.message()), format!("TOML syntax: {}", error.message())),
                Text::new(
                    "Corrigez la ligne (guillemets, crochets, signe égal)",
                    "Correct the line (quotes, brackets, equals sign)",
                ),
            );
        }
        let mut places = BTreeMap::new();
        index_table(&document.root, "", &mut places);
        document.places = places;
        document
    }

    /// Notes a problem at a byte offset, unless there are [`PROBLEM_LIMIT`] already.
    fn complain(&mut self, offset: usize, key: &str, message: Text, remedy: Text) {
        if self.problems.len() < PROBLEM_LIMIT {
            let (line, column) = line_and_column(self.text, offset);
            self.problems.push(Problem { line, column, key: key.to_owned(), message, remedy });
        }
    }

    /// Notes a problem with a key's value (or, when the key is absent, with the nearest table above it). A key that has
    /// a problem already gets no second one: it would be a consequence.
    pub(super) fn object(&mut self, key: &str, message: Text, remedy: Text) {
        if self.is_doubted(key) {
            return;
        }
        let mut place = key;
        let offset = loop {
            if let Some(offset) = self.places.get(place) {
                break *offset;
            }
            match place.rfind(['.', '[']) {
                Some(end) => place = &place[..end],
                None => break 0,
            }
        };
        self.complain(offset, key, message, remedy);
    }

    /// Whether a key has a problem.
    pub(super) fn is_doubted(&self, key: &str) -> bool {
        self.problems.iter().any(|problem| problem.key == key)
    }

    /// Complains of every top-level key that is not in `known`.
    pub(super) fn only_keys(&mut self, known: &[&str]) {
        let strangers: Vec<(String, usize)> = self
            .root
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .map(|key| (key.get_ref().to_string(), key.span().start))
            .collect();
        for (key, offset) in strangers {
            let remedy = did_you_mean(&key, known);
            self.complain(offset, &key, Text::new("clé inconnue", "unknown key"), remedy);
        }
    }

    /// Reads a top-level section, its entries with problems left out; `None` when it is absent, or nothing without them.
    pub(super) fn section<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        let value = self.root.get(key)?.clone();
        self.read(value, key)
    }

    /// Reads a section below another: `chorus.api.qualification`.
    pub(super) fn nested<T: DeserializeOwned>(&mut self, path: &[&str]) -> Option<T> {
        let (first, rest) = path.split_first()?;
        let mut value = self.root.get(*first)?;
        for key in rest {
            value = value.get_ref().as_table()?.get(*key)?;
        }
        let value = value.clone();
        self.read(value, &path.join("."))
    }

    /// The keys of a table, with their places; complains when `path` is something else than a table.
    pub(super) fn keys_of(&mut self, path: &[&str]) -> Vec<String> {
        let mut table = &self.root;
        for (depth, key) in path.iter().enumerate() {
            match table.get(*key).map(Spanned::get_ref) {
                Some(DeValue::Table(inner)) => table = inner,
                Some(_) => {
                    let name = path[..=depth].join(".");
                    self.object(
                        &name,
                        Text::new("une table est attendue", "a table is expected"),
                        Text::new(format!("Écrivez [{name}]"), format!("Write [{name}]")),
                    );
                    return Vec::new();
                }
                None => return Vec::new(),
            }
        }
        table.keys().map(|key| key.get_ref().to_string()).collect()
    }

    /// Reads a list of tables (`[[key]]`), each as [`Document::section`] does. The numbers are 1-based places.
    pub(super) fn list<T: DeserializeOwned>(&mut self, key: &str) -> Vec<(usize, T)> {
        let elements = match self.root.get(key).map(Spanned::get_ref) {
            None => return Vec::new(),
            Some(DeValue::Array(elements)) => elements.clone(),
            Some(_) => {
                self.object(
                    key,
                    Text::new("une liste de tables est attendue", "a list of tables is expected"),
                    Text::new(format!("Écrivez [[{key}]]"), format!("Write [[{key}]]")),
                );
                return Vec::new();
            }
        };
        (1..).zip(elements).filter_map(|(n, element)| Some((n, self.read(element, &format!("{key}[{n}]"))?))).collect()
    }

    /// The texts that the tables of a list give a key, with the tables' 1-based places; also of tables with problems.
    /// The list may be one of a table of another: `establishment[2].technical_account`.
    pub(super) fn listed(&self, list: &str, key: &str) -> Vec<(usize, String)> {
        let text = |n| Some((n, self.text_at(&format!("{list}[{n}].{key}"))?.to_owned()));
        (1..=self.count(list)).filter_map(text).collect()
    }

    /// The number of tables in a list.
    pub(super) fn count(&self, list: &str) -> usize {
        match self.value(list) {
            Some(DeValue::Array(elements)) => elements.len(),
            _ => 0,
        }
    }

    /// The text of a key, whatever its section is worth.
    pub(super) fn text_at(&self, key: &str) -> Option<&str> {
        self.value(key)?.as_str()
    }

    /// The truth of a key, whatever its section is worth.
    pub(super) fn flag_at(&self, key: &str) -> Option<bool> {
        self.value(key)?.as_bool()
    }

    /// Whether a key is there, with whatever value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Reads a value if it has no problem; says nothing if it has.
    pub(super) fn peek<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let value = Spanned::new(0..0, self.value(key)?.clone());
        T::deserialize(ValueDeserializer::from(value)).ok()
    }

    /// The value at a key as [`Problem::key`] writes it.
    fn value(&self, key: &str) -> Option<&DeValue<'t>> {
        let mut steps = key.split('.').map(|step| match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((name, place)) => (name, place.parse::<usize>().ok()),
            None => (step, None),
        });
        let (name, place) = steps.next()?;
        let mut value = element(self.root.get(name)?.get_ref(), place)?;
        for (name, place) in steps {
            value = element(value.as_table()?.get(name)?.get_ref(), place)?;
        }
        Some(value)
    }

    /// Reads one value; every problem of it is noted. What comes out where there are some lacks what had them: good for
    /// further checks, and for a box that must come up all the same.
    fn read<T: DeserializeOwned>(&mut self, mut value: Spanned<DeValue<'t>>, name: &str) -> Option<T> {
        let mut removed: Vec<String> = Vec::new();
        while self.problems.len() < PROBLEM_LIMIT {
            let error = match T::deserialize(ValueDeserializer::from(value.clone())) {
                Ok(section) => return Some(section),
                Err(error) => error,
            };
            let span = error.span().unwrap_or_else(|| value.span());
            let steps = path_to(&value, &span);
            let at = spell(name, &steps);
            match Complaint::of(error.message()) {
                // The consequence of what was taken out, already told.
                Complaint::Missing(field) if removed.contains(&format!("{at}.{field}")) => {}
                complaint => {
                    let (message, remedy) = complaint.texts();
                    let key = match &complaint {
                        Complaint::Missing(field) => format!("{at}.{field}"),
                        _ => at.clone(),
                    };
                    self.complain(span.start, &key, message, remedy);
                }
            }
            if steps.is_empty() || !remove(&mut value, &steps) {
                break;
            }
            removed.push(
                at.strip_suffix(']').and_then(|at| at.rsplit_once('[')).map_or(at.clone(), |(list, _)| list.into()),
            );
        }
        None
    }
}

/// A value, or the element at a 1-based place of it.
fn element<'v, 't>(value: &'v DeValue<'t>, place: Option<usize>) -> Option<&'v DeValue<'t>> {
    match place {
        None => Some(value),
        Some(place) => value.as_array()?.get(place.checked_sub(1)?).map(Spanned::get_ref),
    }
}

/// A step into a value: a key of a table or a place in an array.
#[derive(Debug, Clone)]
enum Step {
    Key(String),
    Place(usize),
}

fn spell(name: &str, steps: &[Step]) -> String {
    steps.iter().fold(name.to_owned(), |path, step| match step {
        Step::Key(key) => format!("{path}.{key}"),
        Step::Place(n) => format!("{path}[{}]", n + 1),
    })
}

/// The way to the smallest entry that holds `span`; empty when that is the value itself.
fn path_to(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Vec<Step> {
    let holds = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    match value.get_ref() {
        DeValue::Table(table) => {
            for (key, inner) in table.iter() {
                let step = Step::Key(key.get_ref().to_string());
                let deeper = path_to(inner, span);
                if !deeper.is_empty() || holds(inner.span()) || holds(key.span()) {
                    return [vec![step], deeper].concat();
                }
            }
            Vec::new()
        }
        DeValue::Array(elements) => {
            for (n, inner) in elements.iter().enumerate() {
                let deeper = path_to(inner, span);
                if !deeper.is_empty() || holds(inner.span()) {
                    return [vec![Step::Place(n)], deeper].concat();
                }
            }
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Takes an entry out of its table. An array loses all its elements with one of them: the places of the others must
/// not shift.
fn remove(value: &mut Spanned<DeValue<'_>>, steps: &[Step]) -> bool {
    let Some((first, rest)) = steps.split_first() else { return false };
    match (value.get_mut(), first) {
        (DeValue::Table(table), Step::Key(key)) if matches!(rest, [] | [Step::Place(_)]) => {
            table.remove(key.as_str()).is_some()
        }
        (DeValue::Table(table), Step::Key(key)) => table.get_mut(key.as_str()).is_some_and(|inner| remove(inner, rest)),
        (DeValue::Array(elements), Step::Place(n)) => elements.get_mut(*n).is_some_and(|inner| remove(inner, rest)),
        _ => false,
    }
}

fn index_table(table: &DeTable<'_>, prefix: &str, places: &mut BTreeMap<String, usize>) {
    for (key, value) in table.iter() {
        let name = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        index_value(value, &name, places);
    }
}

fn index_value(value: &Spanned<DeValue<'_>>, name: &str, places: &mut BTreeMap<String, usize>) {
    places.insert(name.to_owned(), value.span().start);
    match value.get_ref() {
        DeValue::Table(table) => index_table(table, name, places),
        DeValue::Array(elements) => {
            for (n, element) in (1..).zip(elements.iter()) {
                index_value(element, &format!("{name}[{n}]"), places);
            }
        }
        _ => {}
    }
}

/// What serde objected to, told apart by the wording its `Error` trait fixes.
enum Complaint<'m> {
    Unknown { key: &'m str, known: Vec<&'m str> },
    Missing(&'m str),
    Other(&'m str),
}

impl<'m> Complaint<'m> {
    fn of(message: &'m str) -> Self {
        let quoted = |text: &'m str| text.split('`').skip(1).step_by(2).collect::<Vec<_>>();
        if let Some(rest) = message.strip_prefix("unknown field ") {
            let words = quoted(rest);
            if let Some((key, known)) = words.split_first() {
                return Self::Unknown { key, known: known.to_vec() };
            }
        }
        match message.strip_prefix("missing field ") {
            Some(rest) => Self::Missing(rest.trim_matches('`')),
            None => Self::Other(message),
        }
    }

    fn texts(&self) -> (Text, Text) {
        match self {
            Self::Unknown { key, known } => (Text::new("clé inconnue", "unknown key"), did_you_mean(key, known)),
            Self::Missing(_) => (
                Text::new("cette clé est obligatoire", "this key is required"),
                Text::new("Ajoutez-la : voyez config/fluxgate.toml", "Add it: see config/fluxgate.toml"),
            ),
            Self::Other(message) => (
                Text::new(format!("valeur refusée : {message}"), format!("value refused: {message}")),
                correct_the_value(),
            ),
        }
    }
}

/// What to do about a value that cannot be.
pub(super) fn correct_the_value() -> Text {
    Text::new("Corrigez la valeur : voyez config/fluxgate.toml", "Correct the value: see config/fluxgate.toml")
}

fn did_you_mean(key: &str, known: &[&str]) -> Text {
    match nearest(key, known.iter().copied()) {
        Some(near) => Text::new(format!("Vouliez-vous dire « {near} » ?"), format!("Did you mean `{near}`?")),
        None => Text::new(
            format!("Les clés possibles sont : {}", known.join(", ")),
            format!("The keys are: {}", known.join(", ")),
        ),
    }
}
