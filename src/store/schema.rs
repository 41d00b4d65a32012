//! The database's shape: numbered upgrades, and who may open what.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::StoreError;

/// The upgrades in order: number `n` stands at `n - 1`. `oldest_reader` is the lowest schema number a program must
/// know to read (and write) a database so upgraded: it rises only when an older program would do harm.
const UPGRADES: &[Upgrade] = &[
    Upgrade { sql: include_str!("schema/001.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/002.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/003.sql"), oldest_reader: 1 },
    // A program that knows nothing of conversions finds no syntax for such a flow, and sends nothing.
    Upgrade { sql: include_str!("schema/004.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/005.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/006.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/007.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/008.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/009.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/010.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/011.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/012.sql"), oldest_reader: 1 },
    // A program that knows nothing of roles takes an invoice to validate for a received one; Chorus Pro refuses it what
    // only a recipient does.
    Upgrade { sql: include_str!("schema/013.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/014.sql"), oldest_reader: 1 },
    // A program that knows nothing of split files as such lets the first screen count them beside their parts.
    Upgrade { sql: include_str!("schema/015.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/016.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/017.sql"), oldest_reader: 1 },
    Upgrade { sql: include_str!("schema/018.sql"), oldest_reader: 1 },
    // A program that knows nothing of accepted tables takes an older file of them, as it always did.
    Upgrade { sql: include_str!("schema/019.sql"), oldest_reader: 1 },
];

struct Upgrade {
    sql: &'static str,
    oldest_reader: i64,
}

/// How long a connection waits for another's lock.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// Prepared statements kept per connection.
const STATEMENTS_KEPT: usize = 256;

/// Pages of log after which the writer copies it into the database (4 KiB each).
const LOG_PAGES: i64 = 4000;

/// Bytes the log keeps on disk after it was copied.
const LOG_BYTES_KEPT: i64 = 64 * 1024 * 1024;

/// KiB of pages the writer keeps in memory, so that a large group is not written out twice.
const WRITER_CACHE_KIB: i64 = 32 * 1024;

fn number() -> i64 {
    i64::try_from(UPGRADES.len()).unwrap_or(i64::MAX)
}

/// The writer's connection, its schema brought up to date.
pub fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let mut db = Connection::open(path)?;
    prepare(&db)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    db.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    db.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
    upgrade(&mut db)?;
    Ok(db)
}

/// A connection that only reads.
pub fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    prepare(&db)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

/// A connection that only reads a database which nobody has open, and leaves no log beside it as SQLite does otherwise.
pub fn open_at_rest(path: &Path) -> Result<Connection, StoreError> {
    let bytes = path.as_os_str().as_bytes();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
    let escaped: String =
        bytes.iter().map(|b| if plain(*b) { char::from(*b).to_string() } else { format!("%{b:02X}") }).collect();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?;
    prepare(&db)?;
    Ok(db)
}

fn prepare(db: &Connection) -> Result<(), StoreError> {
    db.busy_timeout(BUSY_WAIT)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}

/// Refuses a database that a newer program has made unreadable for us.
pub fn check_readable(db: &Connection) -> Result<i64, StoreError> {
    let known: bool =
        db.query_row("SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'schema_version'", [], |r| r.get(0))?;
    if !known {
        return Ok(0);
    }
    let (schema, oldest_reader) =
        db.query_row("SELECT number, oldest_reader FROM schema_version", [], |r| Ok((r.get(0)?, r.get(1)?)))?;
    if oldest_reader > number() {
        Err(StoreError::TooNew { schema, oldest_reader, ours: number() })
    } else {
        Ok(schema)
    }
}

/// Foreign keys are off meanwhile, so that a table may be made anew, and every one is checked before it counts (the way
/// that SQLite's manual describes, lang_altertable §7).
fn upgrade(db: &mut Connection) -> Result<(), StoreError> {
    db.pragma_update(None, "foreign_keys", false)?;
    let upgraded = upgrade_unchecked(db);
    db.pragma_update(None, "foreign_keys", true)?;
    upgraded
}

fn upgrade_unchecked(db: &mut Connection) -> Result<(), StoreError> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let present = check_readable(&tx)?;
    if present == 0 {
        tx.execute_batch(
            "CREATE TABLE schema_version (
                 only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
                 number INTEGER NOT NULL,
                 oldest_reader INTEGER NOT NULL CHECK (oldest_reader <= number)
             ) STRICT;
             INSERT INTO schema_version VALUES (1, 0, 0);",
        )?;
    }
    for (missing, upgrade) in (1..).zip(UPGRADES).skip_while(|(n, _)| *n <= present) {
        tx.execute_batch(upgrade.sql)?;
        tx.execute("UPDATE schema_version SET number = ?1, oldest_reader = ?2", [missing, upgrade.oldest_reader])?;
        if tx.prepare("PRAGMA foreign_key_check")?.exists([])? {
            return Err(StoreError::Misuse("an upgrade of the schema that leaves a reference to nothing"));
        }
        log::info!(schema = missing; "Database schema upgraded");
    }
    tx.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;

    use super::*;

    /// A database as a program knew it whose last upgrade was the `number`th.
    fn of_number(path: &Path, number: usize) -> Connection {
        let db = Connection::open(path).unwrap();
        db.execute_batch(
            "CREATE TABLE schema_version (only_row INTEGER PRIMARY KEY, number INTEGER, oldest_reader INTEGER)",
        )
        .unwrap();
        db.pragma_update(None, "foreign_keys", false).unwrap();
        for upgrade in &UPGRADES[..number] {
            db.execute_batch(upgrade.sql).unwrap();
        }
        db.pragma_update(None, "foreign_keys", true).unwrap();
        db.execute("INSERT INTO schema_version VALUES (1, ?1, 1)", [i64::try_from(number).unwrap()]).unwrap();
        db
    }

    #[test]
    fn a_newer_schema_opens_unless_it_says_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fluxgate.db");
        drop(open_writer(&path).unwrap());
        let db = Connection::open(&path).unwrap();
        db.execute("UPDATE schema_version SET number = 99, oldest_reader = 1", []).unwrap();
        drop(open_writer(&path).unwrap());
        let kept: i64 = db.query_row("SELECT number FROM schema_version", [], |r| r.get(0)).unwrap();
        assert_eq!(kept, 99, "an older program leaves the newer number");
        db.execute("UPDATE schema_version SET oldest_reader = 99", []).unwrap();
        let error = open_writer(&path).unwrap_err();
        assert!(matches!(error, StoreError::TooNew { schema: 99, oldest_reader: 99, .. }), "{error}");
    }

    /// Every column: its table, name, type, and whether a row may be written without it.
    fn columns(db: &Connection) -> BTreeMap<(String, String), (String, bool)> {
        let sql = "SELECT t.name, c.name, c.type, c.\"notnull\" = 0 OR c.dflt_value IS NOT NULL OR c.pk > 0
                   FROM pragma_table_list t JOIN pragma_table_info(t.name) c WHERE t.schema = 'main' AND t.type = 'table'";
        let mut columns = db.prepare(sql).unwrap();
        let column = |r: &rusqlite::Row<'_>| Ok(((r.get(0)?, r.get(1)?), (r.get(2)?, r.get(3)?)));
        columns.query_map([], column).unwrap().map(Result::unwrap).collect()
    }

    /// What would stop a program that knows the schema `before` on one that was upgraded: it names its columns in what it reads
    /// and writes.
    fn contracted(before: &Connection, after: &Connection) -> Vec<String> {
        let (before, after) = (columns(before), columns(after));
        let tables: BTreeSet<&String> = before.keys().map(|(table, _)| table).collect();
        let gone = before.iter().filter(|(name, column)| after.get(*name).is_none_or(|now| now.0 != column.0));
        let gone = gone.map(|((table, name), _)| format!("{table}.{name} is gone, or of another type"));
        let added =
            after.iter().filter(|(name, column)| tables.contains(&name.0) && !before.contains_key(*name) && !column.1);
        gone.chain(added.map(|((table, name), _)| format!("{table}.{name} must be written"))).collect()
    }

    /// The next upgrade of an update must be one that the version before it survives: an update may be rolled back, and its
    /// database stays.
    #[test]
    fn each_upgrade_that_lets_the_program_before_it_open_takes_nothing_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |number: usize| of_number(&dir.path().join(number.to_string()), number);
        for (number, upgrade) in (2..).zip(&UPGRADES[1..]) {
            if usize::try_from(upgrade.oldest_reader).unwrap() < number {
                let why = contracted(&at(number - 1), &at(number));
                assert!(why.is_empty(), "upgrade {number} must raise oldest_reader: {why:?}");
            }
            fs::remove_file(dir.path().join((number - 1).to_string())).unwrap();
            let _ = fs::remove_file(dir.path().join(number.to_string()));
        }
        let (before, after) = (Connection::open_in_memory().unwrap(), Connection::open_in_memory().unwrap());
        before.execute_batch("CREATE TABLE t (a INTEGER, b TEXT) STRICT; CREATE TABLE u (a INTEGER) STRICT").unwrap();
        after
            .execute_batch("CREATE TABLE t (a TEXT, c TEXT NOT NULL, d TEXT, e TEXT NOT NULL DEFAULT '') STRICT")
            .unwrap();
        assert_eq!(contracted(&before, &after).len(), 4, "another type, two gone, one to be written");
    }

    #[test]
    fn a_database_of_the_first_schema_is_upgraded_and_keeps_what_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fluxgate.db");
        let db = of_number(&path, 1);
        db.execute_batch(
            "INSERT INTO realm VALUES (1, 'univ', 'practice');
             INSERT INTO document VALUES (zeroblob(32), 1, x'41', 0);
             INSERT INTO flow (realm, id, kind, account, state, is_final, file, sha256, size, received_at, changed_at, since, search)
             VALUES (1, '00000000000000000000000001', 'deposit', 'sifac', 'sending', 0, 'a.xml', zeroblob(32), 1, 0, 0, 0, '');
             INSERT INTO arrival VALUES ('00000000000000000000000001', 1, 'sifac', 'depot', 'a.xml', zeroblob(32), 1, 0,
                 'taken', '00000000000000000000000001', NULL);
             INSERT INTO attempt (realm, flow, n, intent_at) VALUES (1, '00000000000000000000000001', 1, 5);
             INSERT INTO work (realm, job, subject, due) VALUES (1, 'deposit', '00000000000000000000000001', 7);",
        )
        .unwrap();
        drop(db);
        let db = open_writer(&path).unwrap();
        let kept: (String, Option<String>) =
            db.query_row("SELECT file, staged FROM arrival", [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
        assert_eq!(kept, ("a.xml".to_owned(), None));
        let one = |sql: &str| db.query_row(sql, [], |r| r.get::<_, String>(0)).unwrap();
        assert_eq!(one("SELECT state || file || refused_parts FROM flow WHERE parent IS NULL"), "sendinga.xml0");
        assert_eq!(one("SELECT n || ' ' || intent_at FROM attempt"), "1 5");
        assert_eq!(one("SELECT job || due FROM work"), "deposit7");
        let keys: bool = db.query_row("SELECT foreign_keys FROM pragma_foreign_keys", [], |r| r.get(0)).unwrap();
        assert!(keys, "references are checked again");
        let orphan = "INSERT INTO attempt (realm, flow, n, intent_at) VALUES (1, '00000000000000000000000009', 1, 0)";
        assert!(db.execute(orphan, []).is_err());
        assert_eq!(check_readable(&db).unwrap(), number());
    }

    #[test]
    fn a_pdf_that_waits_when_its_database_is_upgraded_will_be_told_as_late() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fluxgate.db");
        let db = of_number(&path, 10);
        db.execute_batch(
            "INSERT INTO realm VALUES (1, 'univ', 'practice');
             INSERT INTO document VALUES (zeroblob(32), 1, x'41', 0);
             INSERT INTO flow (realm, id, kind, account, state, is_final, file, sha256, size, received_at, changed_at, since, search)
             VALUES (1, '00000000000000000000000001', 'deposit', 'sifac', 'incomplete', 0, 'a.pdf', zeroblob(32), 1, 5, 5, 5, '');",
        )
        .unwrap();
        drop(db);
        let db = open_writer(&path).unwrap();
        let work = "SELECT job || ' ' || subject || ' ' || due FROM work";
        let work: String = db.query_row(work, [], |r| r.get(0)).unwrap();
        assert_eq!(work, "intake 00000000000000000000000001 5");
    }

    #[test]
    fn a_file_that_was_split_before_counts_as_its_parts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fluxgate.db");
        let db = of_number(&path, 13);
        db.execute_batch(
            "INSERT INTO realm VALUES (1, 'univ', 'practice');
             INSERT INTO document VALUES (zeroblob(32), 1, x'41', 0);
             INSERT INTO flow (realm, id, kind, account, state, is_final, file, sha256, size, syntax, received_at, changed_at, since, parent, search)
             VALUES (1, '00000000000000000000000001', 'deposit', 'sifac', 'integrated', 1, 'a.zip', zeroblob(32), 1, 'archive', 5, 5, 5, NULL, ''),
                    (1, '00000000000000000000000002', 'deposit', 'sifac', 'integrated', 1, 'a', zeroblob(32), 1, 'cii', 5, 5, 5, '00000000000000000000000001', '');",
        )
        .unwrap();
        drop(db);
        let db = open_writer(&path).unwrap();
        let counted = "SELECT group_concat(id || counts_as) FROM flow WHERE counts_as IS NOT NULL";
        let counted: String = db.query_row(counted, [], |r| r.get(0)).unwrap();
        assert_eq!(counted, "00000000000000000000000002integrated");
    }

    #[test]
    fn what_was_corrected_before_is_found_by_the_index_of_corrections() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fluxgate.db");
        let db = of_number(&path, 15);
        db.execute_batch(
            "INSERT INTO realm VALUES (1, 'univ', 'practice');
             INSERT INTO document VALUES (zeroblob(32), 1, x'41', 0);
             INSERT INTO flow (realm, id, kind, account, state, is_final, file, sha256, size, received_at, changed_at, since, search)
             VALUES (1, '00000000000000000000000001', 'deposit', 'sifac', 'rejected', 1, 'a.xml', zeroblob(32), 1, 5, 5, 5, ''),
                    (1, '00000000000000000000000002', 'deposit', 'sifac', 'integrated', 1, 'b.xml', zeroblob(32), 1, 5, 5, 5, '');
             INSERT INTO invoice (realm, flow, ordinal, number, supplier, supplier_name, recipient, recipient_name, type_code, replaces)
             VALUES (1, '00000000000000000000000001', 0, 'A', 'S', '', 'R', '', '380', NULL),
                    (1, '00000000000000000000000001', 1, 'B', 'S', '', 'R', '', '380', NULL),
                    (1, '00000000000000000000000002', 0, 'A', 'S', '', 'R', '', '380', '00000000000000000000000001');",
        )
        .unwrap();
        drop(db);
        let db = open_writer(&path).unwrap();
        let corrected = "SELECT group_concat(number || corrected_by) FROM invoice WHERE corrected_by IS NOT NULL";
        let corrected: String = db.query_row(corrected, [], |r| r.get(0)).unwrap();
        assert_eq!(corrected, "A00000000000000000000000002");
        // Not every later invoice for every invoice: with many of them the start would last for minutes.
        let upgrade = UPGRADES[15].sql;
        let update = &upgrade[upgrade.find("UPDATE invoice SET corrected_by").unwrap()..];
        let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {update}")).unwrap();
        let steps = plan.query_map([], |r| r.get::<_, String>("detail")).unwrap().map(Result::unwrap);
        let later: Vec<String> = steps.filter(|step| step.contains("later")).collect();
        let indexed = |step: &String| step.contains("invoice_replaces (realm=? AND replaces=?)");
        assert!(later.len() == 2 && later.iter().all(indexed), "{later:?}");
    }

    #[test]
    fn every_table_is_strict() {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("fluxgate.db")).unwrap();
        let mut names = db
            .prepare(
                "SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite_%'",
            )
            .unwrap();
        let loose: Vec<String> = names.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(loose.is_empty(), "{loose:?}");
    }
}
