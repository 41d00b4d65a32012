//! Whoever has the database's file may change anything in it: verification finds and names it.

use rusqlite::Connection;

use super::verify::{Bad, Options, Report, Which, Wrong, verify};
use super::*;
use crate::audit::{Checkpoint, Frontier, Leaf, LeafRead, Verifier, leaf_hash};

/// Leaves of [`written`].
const LEAVES: u64 = 17;

/// A store with three checkpoints, over 6, 11 and all 17 leaves, and a reception whose document is a file.
fn written() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let flow = integrated(&store, "F1");
    store.checkpoint(at(0)).wait().unwrap();
    drop_file(&store, "F2");
    store.receive(arrival("autre.xml", b"F2")).wait().unwrap();
    store.record_statuses(&flow, 0, vec![status(InvoiceStatus::Mandatee, "2026-10-25")], at(0)).wait().unwrap();
    let big = Arrival { realm: realm("lycee"), ..arrival("gros.pdf", &vec![b'%'; 100_000]) };
    store.receive(big).wait().unwrap();
    store.enrol("marie", "$argon2id$", "console", at(0)).wait().unwrap();
    store.checkpoint(at(0)).wait().unwrap();
    for content in ["F3", "F4", "F5", "F6", "F7", "F8"] {
        drop_file(&store, content);
    }
    assert_eq!(store.metrics().leaves, LEAVES);
    store.close().unwrap();
    dir
}

fn database(dir: &tempfile::TempDir) -> Connection {
    let db = Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
    db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").unwrap();
    db
}

fn all() -> Options {
    Options { documents: true, ..Options::default() }
}

fn report_of(dir: &tempfile::TempDir) -> Report {
    verify(dir.path(), &all()).unwrap()
}

/// What is found after `edit`.
fn after(edit: impl FnOnce(&Connection)) -> Bad {
    let dir = written();
    edit(&database(&dir));
    report_of(&dir).bad.expect("the change is found")
}

fn after_sql(sql: &str) -> Bad {
    after(|db| db.execute_batch(sql).unwrap())
}

fn leaf_at(db: &Connection, seq: u64) -> Leaf {
    let bytes: Vec<u8> = db.query_row("SELECT bytes FROM leaf WHERE seq = ?1", [seq as i64], |r| r.get(0)).unwrap();
    let LeafRead::V1(leaf) = Leaf::read(&bytes).unwrap() else { panic!() };
    leaf
}

fn put(db: &Connection, seq: u64, leaf: &Leaf) {
    let bytes = leaf.encode();
    db.execute("UPDATE leaf SET bytes = ?2, hash = ?3 WHERE seq = ?1", (seq as i64, &bytes, leaf_hash(&bytes)))
        .unwrap();
}

/// Builds every subtree anew from the leaves' hashes, as a forger would; answers the tree.
fn rebuild(db: &Connection) -> Frontier {
    db.execute("DELETE FROM node", []).unwrap();
    let mut tree = Frontier::default();
    let mut statement = db.prepare("SELECT hash FROM leaf ORDER BY seq").unwrap();
    let hashes: Vec<[u8; 32]> = statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
    for hash in hashes {
        tree.append(hash, |node| {
            db.execute(
                "INSERT INTO node (level, place, hash) VALUES (?1, ?2, ?3)",
                (node.level, node.index as i64, node.hash),
            )
            .unwrap();
        });
    }
    tree
}

#[test]
fn an_untouched_journal_is_whole_while_and_after_it_is_written() {
    let dir = written();
    let report = report_of(&dir);
    assert_eq!(report.bad, None);
    assert_eq!((report.leaves, report.checkpoints, report.unsigned, report.opaque), (LEAVES, 3, 0, 0));
    assert_eq!((report.flows, report.documents), (9, 9));
    assert_eq!(report.keys, [signer().verifier().text()]);
    let store = open(dir.path());
    drop_file(&store, "F9");
    let report = report_of(&dir);
    assert_eq!((report.bad, report.leaves, report.unsigned), (None, LEAVES + 1, 1));
}

#[test]
fn erased_salts_and_values_leave_the_journal_whole() {
    let dir = written();
    database(&dir).execute("DELETE FROM salt WHERE field = 'file'", []).unwrap();
    assert_eq!(report_of(&dir).bad, None);
    let bad = after_sql("UPDATE salt SET value = 'autre' WHERE seq = 6 AND field = 'file'");
    assert_eq!(bad, Bad { seq: Some(6), wrong: Wrong::Commitment("file".into()) });
    let bad = after_sql("INSERT INTO salt VALUES (99, 'file', randomblob(32), 'x')");
    assert_eq!(bad.wrong, Wrong::CommitmentBeyond);
}

#[test]
fn one_changed_byte_is_found_in_every_leaf() {
    let dir = written();
    let db = database(&dir);
    for seq in 0..LEAVES {
        let bytes: Vec<u8> = db.query_row("SELECT bytes FROM leaf WHERE seq = ?1", [seq as i64], |r| r.get(0)).unwrap();
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        db.execute("UPDATE leaf SET bytes = ?2 WHERE seq = ?1", (seq as i64, changed)).unwrap();
        assert_eq!(report_of(&dir).bad, Some(Bad { seq: Some(seq), wrong: Wrong::LeafChanged }));
        db.execute("UPDATE leaf SET bytes = ?2 WHERE seq = ?1", (seq as i64, bytes)).unwrap();
    }
    assert_eq!(report_of(&dir).bad, None);
}

#[test]
fn a_leaf_changed_with_its_hash_is_found_by_the_subtree() {
    let bad = after(|db| {
        let mut leaf = leaf_at(db, 8);
        leaf.time += 1;
        put(db, 8, &leaf);
    });
    assert_eq!(bad, Bad { seq: Some(8), wrong: Wrong::Subtree { first: 8, last: 9 } });
}

#[test]
fn a_leaf_changed_with_every_hash_is_found_by_the_signature() {
    let bad = after(|db| {
        let mut leaf = leaf_at(db, 8);
        leaf.time += 1;
        put(db, 8, &leaf);
        rebuild(db);
    });
    assert_eq!(bad, Bad { seq: Some(6), wrong: Wrong::CheckpointRoot { which: Which::Stored(2), first: 6, last: 10 } });
}

/// Without a checkpoint over it, the last leaf is only protected by what is stored beside it; a checkpoint that
/// somebody else has kept protects it all the same.
#[test]
fn a_forger_with_another_key_is_found() {
    let stranger = Signer::from_seed("fluxgate/test", &[66; 32]).unwrap();
    let dir = written();
    let db = database(&dir);
    let kept: String = db.query_row("SELECT note FROM checkpoint WHERE n = 3", [], |r| r.get(0)).unwrap();
    let mut leaf = leaf_at(&db, 12);
    leaf.time += 1;
    put(&db, 12, &leaf);
    let tree = rebuild(&db);
    let note = Checkpoint::sign(&tree, &stranger);
    db.execute("UPDATE checkpoint SET note = ?1, root = ?2 WHERE n = 3", (&note, tree.root())).unwrap();
    let invalid = |bad: &Bad| matches!(bad.wrong, Wrong::CheckpointInvalid { which: Which::Stored(3), .. });
    assert!(invalid(&report_of(&dir).bad.unwrap()));
    // The database may name the forger's key: the journal does not.
    db.execute("INSERT INTO journal_key (vkey, at) VALUES (?1, 0)", [stranger.verifier().text()]).unwrap();
    assert_eq!(report_of(&dir).bad.unwrap().wrong, Wrong::Key(stranger.verifier().text()));
    // With the right key in hand nothing of this helps.
    let keys = vec![Verifier::parse(&signer().verifier().text()).unwrap()];
    let report = verify(dir.path(), &Options { keys: keys.clone(), ..all() }).unwrap();
    assert!(invalid(&report.bad.unwrap()));
    // Nor does leaving the checkpoint away, when it was seen.
    db.execute_batch("DELETE FROM checkpoint WHERE n = 3; UPDATE journal SET checkpoints = 2").unwrap();
    assert_eq!(verify(dir.path(), &Options { keys: keys.clone(), ..all() }).unwrap().bad, None, "unsigned tail");
    let report = verify(dir.path(), &Options { keys, seen: vec![kept], ..all() }).unwrap();
    assert_eq!(
        report.bad.unwrap(),
        Bad { seq: Some(11), wrong: Wrong::CheckpointRoot { which: Which::Seen(0), first: 11, last: 16 } }
    );
}

#[test]
fn deleted_inserted_and_reordered_leaves_are_named() {
    let missing = after_sql("DELETE FROM leaf WHERE seq = 7");
    assert_eq!(missing, Bad { seq: Some(7), wrong: Wrong::LeafMissing });
    let closed_up = after_sql(
        "DELETE FROM leaf WHERE seq = 7;
         UPDATE leaf SET seq = seq + 1000 WHERE seq > 7; UPDATE leaf SET seq = seq - 1001 WHERE seq > 1000",
    );
    assert_eq!(closed_up, Bad { seq: Some(7), wrong: Wrong::LeafElsewhere { says: 8 } });
    let inserted = after(|db| {
        db.execute_batch(
            "UPDATE leaf SET seq = seq + 1000, establishment_seq = establishment_seq + 1000 WHERE seq >= 7",
        )
        .unwrap();
        db.execute_batch(
            "UPDATE leaf SET seq = seq - 999, establishment_seq = establishment_seq - 999 WHERE seq > 1000",
        )
        .unwrap();
        let forged = Leaf { seq: 7, establishment_seq: 90, establishment: "univ".into(), ..leaf_at(db, 8) };
        db.execute(
            "INSERT INTO leaf VALUES (7, ?1, ?2, 'univ', 90, NULL)",
            (forged.encode(), leaf_hash(&forged.encode())),
        )
        .unwrap();
    });
    assert_eq!(
        inserted,
        Bad { seq: Some(7), wrong: Wrong::EstablishmentCount { establishment: "univ".into(), says: 90, expected: 6 } }
    );
    let swapped = after_sql(
        "UPDATE leaf SET seq = -1 WHERE seq = 12; UPDATE leaf SET seq = 12 WHERE seq = 13; UPDATE leaf SET seq = 13 WHERE seq = -1",
    );
    assert_eq!(swapped, Bad { seq: Some(12), wrong: Wrong::LeafElsewhere { says: 13 } });
}

#[test]
fn a_cut_end_is_found() {
    let sloppy = after_sql("DELETE FROM leaf WHERE seq = 16");
    assert!(matches!(
        sloppy,
        Bad { seq: Some(16), wrong: Wrong::CheckpointBeyond { which: Which::Stored(3), size: 17, present: 16 } }
    ));
    let without_checkpoint = after_sql("DELETE FROM leaf WHERE seq = 16; DELETE FROM checkpoint WHERE n = 3");
    assert_eq!(without_checkpoint.wrong, Wrong::EndMissing { present: 16, written: 17 });
    let counted = after_sql(
        "DELETE FROM leaf WHERE seq = 16; DELETE FROM salt WHERE seq = 16; DELETE FROM checkpoint WHERE n = 3;
         UPDATE journal SET leaves = 16, checkpoints = 2",
    );
    assert!(matches!(counted.wrong, Wrong::FlowUnknown(_)), "{counted}");
    let nodes = after_sql(
        "DELETE FROM leaf WHERE seq > 14; UPDATE journal SET leaves = 15, checkpoints = 2; DELETE FROM salt WHERE seq > 14; DELETE FROM checkpoint WHERE n = 3",
    );
    assert_eq!(nodes.wrong, Wrong::SubtreeBeyond);
}

#[test]
fn missing_and_changed_checkpoints_are_named() {
    assert_eq!(
        after_sql("DELETE FROM checkpoint WHERE n = 3").wrong,
        Wrong::CheckpointsMissing { present: 2, written: 3 }
    );
    assert_eq!(after_sql("DELETE FROM checkpoint WHERE n = 1").wrong, Wrong::CheckpointMissing(1));
    assert_eq!(after_sql("DELETE FROM checkpoint").wrong, Wrong::CheckpointsMissing { present: 0, written: 3 });
    let stored = Which::Stored(2);
    assert_eq!(after_sql("UPDATE checkpoint SET size = 10 WHERE n = 2").wrong, Wrong::CheckpointColumns(stored));
    assert_eq!(
        after_sql("UPDATE checkpoint SET root = randomblob(32) WHERE n = 2").wrong,
        Wrong::CheckpointColumns(stored)
    );
    for edit in
        ["substr(note, 1, 60)", "replace(note, char(10) || '11' || char(10), char(10) || '10' || char(10))", "''"]
    {
        let bad = after_sql(&format!("UPDATE checkpoint SET note = {edit} WHERE n = 2"));
        assert!(matches!(bad.wrong, Wrong::CheckpointInvalid { which, .. } if which == stored), "{edit}: {bad}");
    }
}

#[test]
fn rows_that_contradict_the_journal_are_named() {
    let bad = after_sql("UPDATE flow SET state = 'refused' WHERE file = 'facture.xml' AND state = 'integrated'");
    assert!(
        matches!(&bad, Bad { seq: Some(5), wrong: Wrong::Flow { what: "state", shown, journalled, .. } } if shown == "refused" && journalled == "integrated"),
        "{bad}"
    );
    let bad = after_sql("UPDATE flow SET deposit_number = 'CPP2' WHERE deposit_number IS NOT NULL");
    assert!(matches!(&bad.wrong, Wrong::Flow { what: "deposit number", .. }), "{bad}");
    let bad = after_sql("UPDATE realm SET environment = 'production' WHERE establishment = 'lycee'");
    assert!(matches!(&bad.wrong, Wrong::Flow { what: "environment", .. }), "{bad}");
    let bad = after_sql("DELETE FROM flow WHERE file = 'gros.pdf'");
    assert!(matches!(&bad, Bad { seq: Some(9), wrong: Wrong::FlowMissing(_) }), "{bad}");
    let bad = after_sql("UPDATE leaf SET flow = NULL WHERE seq = 9");
    assert_eq!(bad, Bad { seq: Some(9), wrong: Wrong::Column("flow") });
    let bad = after_sql("DELETE FROM node WHERE level = 2 AND place = 1");
    assert_eq!(bad, Bad { seq: Some(4), wrong: Wrong::SubtreeMissing { first: 4, last: 7 } });
}

#[test]
fn changed_and_missing_documents_are_named() {
    let bad = after_sql("UPDATE document SET content = x'4632' WHERE content = x'4631'");
    assert!(matches!(bad, Bad { seq: Some(1), wrong: Wrong::DocumentChanged(_) }), "{bad}");
    let bad = after_sql("DELETE FROM document WHERE content = x'4631'");
    assert!(matches!(bad, Bad { seq: Some(1), wrong: Wrong::DocumentMissing(_) }), "{bad}");
    let dir = written();
    let hash: [u8; 32] =
        database(&dir).query_row("SELECT sha256 FROM document WHERE content IS NULL", [], |r| r.get(0)).unwrap();
    let path = documents::path(dir.path(), &DocumentHash(hash));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[50_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(report_of(&dir).bad, Some(Bad { seq: Some(9), wrong: Wrong::DocumentChanged(DocumentHash(hash)) }));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(report_of(&dir).bad, Some(Bad { seq: Some(9), wrong: Wrong::DocumentMissing(DocumentHash(hash)) }));
    assert_eq!(verify(dir.path(), &Options::default()).unwrap().bad, None, "documents are read when asked for");
}

/// A leaf that a newer program wrote counts in the tree and says nothing to us.
#[test]
fn an_unknown_version_is_opaque_and_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.close().unwrap();
    let db = database(&dir);
    let bytes = [0xa2, 0x00, 0x02, 0x01, 0x01];
    db.execute("INSERT INTO leaf VALUES (1, ?1, ?2, 'univ', 0, NULL)", (bytes, leaf_hash(&bytes))).unwrap();
    rebuild(&db);
    db.execute("UPDATE journal SET leaves = 2", []).unwrap();
    let store = open(dir.path());
    drop_file(&store, "F1");
    store.close().unwrap();
    let report = report_of(&dir);
    assert_eq!((report.bad, report.leaves, report.opaque), (None, 3, 1));
}
