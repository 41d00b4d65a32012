//! Lenient reading of JSON fields: Chorus Pro writes numbers as text, one object for a list of one, null for absent.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::chorus::{Unreadable, WireDate};

/// The longest text kept of a field, in characters; labels and comments of the wire stay below it.
const TEXT_LIMIT: usize = 2_000;

/// The most that is kept of the fields of an object that this reader does not know, in bytes of JSON.
const OTHERS_LIMIT: usize = 16 << 10;

/// A text, or a number or boolean as text. Null, absent, empty and blank are `None`.
pub(super) fn text(object: &Value, field: &str) -> Option<String> {
    let text = match object.get(field)? {
        Value::String(text) => text.trim().chars().take(TEXT_LIMIT).collect(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(text).filter(|t: &String| !t.is_empty())
}

/// A whole number, or a text that is one.
pub(super) fn integer(object: &Value, field: &str) -> Option<i64> {
    match object.get(field)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A boolean, or a text that is one (`true`, `OUI`, `O`, `1`).
pub(super) fn truth(object: &Value, field: &str) -> Option<bool> {
    match object.get(field)? {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => match text.trim() {
            "true" | "OUI" | "O" | "1" => Some(true),
            "false" | "NON" | "N" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn date(object: &Value, field: &str) -> Option<WireDate> {
    text(object, field).map(WireDate::new)
}

/// A text that must be there and read as `T`; `place` names the object in the error.
pub(super) fn needed<T: FromStr>(object: &Value, place: &str, field: &str) -> Result<T, Unreadable>
where
    T::Err: std::fmt::Display,
{
    let value = text(object, field).ok_or_else(|| missing(place, field))?;
    value.parse().map_err(|e: T::Err| Unreadable::new(path(place, field), e.to_string()))
}

/// The fields of an object that are none of the `known` ones, as they came; what exceeds the limit is named in the log.
pub(super) fn others(object: &Value, known: &[&str]) -> Map<String, Value> {
    let mut left = OTHERS_LIMIT;
    let mut others = Map::new();
    let fields = object.as_object().into_iter().flatten();
    for (name, value) in fields.filter(|(name, value)| !value.is_null() && !known.contains(&name.as_str())) {
        match left.checked_sub(name.len() + value.to_string().len()) {
            Some(rest) => {
                left = rest;
                others.insert(name.clone(), value.clone());
            }
            None => {
                log::warn!(field = name.chars().take(TEXT_LIMIT).collect::<String>().as_str();
                    "An answer of Chorus Pro holds a new field that is too long to be kept");
            }
        }
    }
    others
}

/// A whole number that must be there.
pub(super) fn needed_integer(object: &Value, place: &str, field: &str) -> Result<i64, Unreadable> {
    integer(object, field).ok_or_else(|| match object.get(field) {
        None | Some(Value::Null) => missing(place, field),
        Some(_) => Unreadable::new(path(place, field), "is not a whole number"),
    })
}

/// A list; one object stands for a list of one (listeErreurDP, PROTOCOL §2.2); null and absent are empty.
pub(super) fn list<'a>(object: &'a Value, field: &str) -> Vec<&'a Value> {
    match object.get(field) {
        Some(Value::Array(items)) => items.iter().filter(|item| !item.is_null()).collect(),
        Some(single @ Value::Object(_)) => vec![single],
        _ => Vec::new(),
    }
}

pub(super) fn path(place: &str, field: &str) -> String {
    if place.is_empty() { field.to_owned() } else { format!("{place}.{field}") }
}

fn missing(place: &str, field: &str) -> Unreadable {
    Unreadable::new(path(place, field), "is missing")
}
