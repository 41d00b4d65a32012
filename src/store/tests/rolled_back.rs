//! An update that was rolled back leaves a database that the next version has upgraded: this program goes on with it, and the
//! next version finds what it wrote.

use rusqlite::Connection;

use super::*;

/// What the next version adds, as an upgrade may: columns with a default or empty, a table, an index.
const NEXT: &str = "
    ALTER TABLE flow ADD COLUMN next_note TEXT;
    ALTER TABLE work ADD COLUMN next_rank INTEGER NOT NULL DEFAULT 7;
    CREATE TABLE next_thing (flow TEXT PRIMARY KEY, thing TEXT NOT NULL) STRICT;
    CREATE INDEX next_flow ON flow (next_note) WHERE next_note IS NOT NULL;
    UPDATE flow SET next_note = 'written by the next version';
    INSERT INTO next_thing SELECT id, 'kept' FROM flow;
    UPDATE schema_version SET number = number + 1;";

fn sql(dir: &Path, sql: &str) -> Connection {
    let db = Connection::open(dir.join(DATABASE_FILE)).unwrap();
    db.execute_batch(sql).unwrap();
    db
}

#[test]
fn the_version_before_works_on_a_database_of_the_next_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (flow, _) = sending(&store, "avant");
    let waiting = drop_file(&store, "en attente");
    drop(store);
    drop(sql(dir.path(), NEXT));

    // Back on the version before: what was under way goes on, and new files come.
    let store = open(dir.path());
    assert_eq!(state(&store, &flow), "doubtful", "its intent was found unfinished at start");
    let intake = lease(&store, Job::Intake, at(10));
    let facts = Facts { invoices: Some(vec![invoice("W-1")]), syntax: Some("ubl-invoice".into()), ..Facts::default() };
    store.decide(&waiting, Event::CheckPassed, facts, Some(&intake), at(11)).wait().unwrap();
    let deposit = lease(&store, Job::Deposit, at(12));
    store.intend(&waiting, &deposit, at(13)).wait().unwrap();
    let number: DepositNumber = "CPP000000002".parse().unwrap();
    let facts = Facts { deposit_number: Some(number), ..Facts::default() };
    store.decide(&waiting, Event::DepositAccepted, facts, Some(&deposit), at(14)).wait().unwrap();
    assert_eq!(state(&store, &waiting), "deposited");
    let new = drop_file(&store, "après");
    drop(store);
    let report = verify::verify(dir.path(), &verify::Options::default()).unwrap();
    assert_eq!(report.bad, None);

    // The next version again: nothing of its own was lost, and new rows have its defaults.
    let db = sql(dir.path(), "");
    let one = |query: &str| db.query_row(query, [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!(one("SELECT count(*) FROM flow WHERE next_note IS NOT NULL"), 2);
    assert_eq!(one("SELECT count(*) FROM next_thing"), 2);
    assert_eq!(one("SELECT count(*) FROM work WHERE next_rank <> 7"), 0);
    let note: Option<String> =
        db.query_row("SELECT next_note FROM flow WHERE id = ?1", [new.to_string()], |r| r.get(0)).unwrap();
    assert_eq!(note, None);
}
