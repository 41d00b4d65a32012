//! How the house's words stand in columns, both ways.

use std::error::Error;
use std::str::FromStr;

use rusqlite::Row;
use rusqlite::types::Type;

use crate::domain::{DocumentHash, Realm, Timestamp};
use crate::fault::Fault;

fn unreadable<E: Error + Send + Sync + 'static>(column: &str) -> impl FnOnce(E) -> rusqlite::Error {
    let column = column.to_owned();
    move |error| {
        let said = format!("column {column}: {error}");
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, said.into())
    }
}

/// A text column that a word of the house is parsed from.
pub fn word<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    row.get_ref(column)?.as_str()?.parse().map_err(unreadable(column))
}

/// The same of a column that may be NULL.
pub fn maybe_word<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    row.get_ref(column)?.as_str_or_null()?.map(|text| text.parse().map_err(unreadable(column))).transpose()
}

pub fn instant(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

pub fn maybe_instant(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

pub fn maybe_hash(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<DocumentHash>> {
    Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(DocumentHash))
}

/// From the columns `establishment` and `environment`.
pub fn realm(row: &Row<'_>) -> rusqlite::Result<Realm> {
    let environment = row.get_ref("environment")?.as_str()?;
    let environment = crate::domain::Environment::ALL
        .into_iter()
        .find(|e| e.as_str() == environment)
        .ok_or_else(|| unreadable::<std::fmt::Error>("environment")(std::fmt::Error))?;
    Ok(Realm { establishment: word(row, "establishment")?, environment })
}

pub fn maybe_fault(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Fault>> {
    maybe_read(row, column)
}

/// What a column holds as JSON.
pub fn maybe_read<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(unreadable(column))
}

/// A fault as its column holds it.
pub fn fault_text(fault: &Fault) -> String {
    serde_json::to_string(fault).expect("a code and texts always serialise")
}

/// A count, size or number as SQLite's integer.
pub fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// SQLite's integer where only counts and sizes stand.
pub fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
