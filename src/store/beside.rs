//! The store read by a command beside whoever may have it open. Makes nothing, not even a file of SQLite's.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use super::reader::{ACCEPTED_TABLES, PEOPLE, accepted_tables};
use super::{AcceptedTables, DATABASE_FILE, StoreError, schema};

/// The database of a folder, with the number of its schema. `None`: there is none.
pub fn open(dir: &Path) -> Result<Option<(Connection, i64)>, StoreError> {
    let path = dir.join(DATABASE_FILE);
    if !path.try_exists().map_err(StoreError::io(&path))? {
        return Ok(None);
    }
    // A log is there while somebody works, and after a crash; it holds what is newest.
    let log = dir.join(format!("{DATABASE_FILE}-wal"));
    let db = if log.exists() { schema::open_reader(&path)? } else { schema::open_at_rest(&path)? };
    let number = schema::check_readable(&db)?;
    Ok(Some((db, number)))
}

/// The people of the page. `None`: there is no database.
pub fn people_in(dir: &Path) -> Result<Option<Vec<String>>, StoreError> {
    let Some((db, number)) = open(dir)? else { return Ok(None) };
    if number == 0 {
        return Ok(Some(Vec::new()));
    }
    let mut names = db.prepare(PEOPLE)?;
    let names = names.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(names))
}

/// The last file of tables that came into force; `None` also where there is no database, or one from before there were tables.
pub fn accepted_tables_in(dir: &Path) -> Result<Option<AcceptedTables>, StoreError> {
    let Some((db, _)) = open(dir)? else { return Ok(None) };
    if !has_table(&db, "tables_accepted")? {
        return Ok(None);
    }
    Ok(db.query_row(ACCEPTED_TABLES, [], accepted_tables).optional()?)
}

/// Whether a database has a table of this name: one of an earlier schema may not.
pub fn has_table(db: &Connection, name: &str) -> Result<bool, StoreError> {
    Ok(db.query_row("SELECT count(*) > 0 FROM sqlite_schema WHERE name = ?1", [name], |r| r.get(0))?)
}
