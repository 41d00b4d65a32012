//! Processes that end at the wrong moment, and disks that are full.

use std::process::Command;

use super::verify::{Options, verify};
use super::*;

fn whole(dir: &Path) {
    let report = verify(dir, &Options { documents: true, ..Options::default() }).unwrap();
    assert_eq!(report.bad, None);
}

#[test]
fn what_a_process_left_unfinished_is_put_right_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (lost, _deposit) = sending(&store, "F1");
    let leased = ready(&store, "F2");
    lease(&store, Job::Deposit, at(5));
    let root = store.metrics().leaves;
    drop(store);

    let store = open(dir.path());
    assert_eq!(store.metrics().leaves, root + 1, "one leaf: the doubt");
    assert_eq!(state(&store, &lost), "doubtful");
    let reader = store.reader().unwrap();
    let attempts = reader.attempts(&lost).unwrap();
    assert_eq!((attempts.len(), attempts[0].outcome.as_deref()), (1, Some("answer_lost")));
    assert_eq!(reader.flow(&lost).unwrap().unwrap().fault.unwrap().code, Code::AnswerLost);
    assert_eq!(lease(&store, Job::Deposit, at(6)).flow, leased, "its lease was of the former process");
    // Recovery is dated by the machine's clock.
    assert_eq!(lease(&store, Job::Doubt, Timestamp::now()).flow, lost);
    whole(dir.path());
    drop(reader);
    store.close().unwrap();
    let store = open(dir.path());
    assert_eq!(store.metrics().leaves, root + 1, "put right once");
}

/// Whatever a worker does, a flow that is not at its end has work.
#[test]
fn no_flow_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let flow = ready(&store, "F1");
    let deposit = lease(&store, Job::Deposit, at(5));
    store.finish(&deposit).wait().unwrap();
    let wait = Policy::default().deposit_retry;
    let deposit = lease(&store, Job::Deposit, Timestamp::now().plus(wait));
    assert_eq!(deposit.flow, flow);
    store.close().unwrap();
    let db = rusqlite::Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
    db.execute("DELETE FROM work WHERE job = 'deposit'", []).unwrap();
    let store = open(dir.path());
    assert_eq!(lease(&store, Job::Deposit, Timestamp::now()).flow, flow);
}

/// The table of needed work is made of states that exist, and names every state a flow can be stuck in.
#[test]
fn every_state_that_is_not_final_has_its_work() {
    use crate::flow::{FlowKind, reception, status_change};
    let needed = |kind, state: &str| queue::NEEDED.iter().any(|(k, s, _)| *k == kind && *s == state);
    for state in State::ALL {
        // A split file waits for its parts, a plain PDF for its data.
        let alone = state.is_final() || matches!(state, State::Sending | State::Split | State::Incomplete);
        assert_eq!(needed(FlowKind::Deposit, state.as_str()), !alone, "{state}");
    }
    for state in reception::State::ALL {
        // A delivered invoice waits for the application.
        let alone = state.is_final() || *state == reception::State::Delivered;
        assert_eq!(needed(FlowKind::Reception, state.as_str()), !alone, "{state}");
    }
    for state in status_change::State::ALL {
        let alone = state.is_final() || *state == status_change::State::Sending;
        assert_eq!(needed(FlowKind::StatusChange, state.as_str()), !alone, "{state}");
    }
}

#[test]
fn a_second_process_is_refused_while_the_first_has_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let second = Store::open(Settings::new(dir.path()), signer());
    assert!(matches!(second, Err(StoreError::InUse(_))));
    let other = store.clone();
    store.close().unwrap();
    let late = other.note(Note {
        kind: "late",
        actor: "system".into(),
        realm: None,
        objects: BTreeMap::new(),
        hashes: BTreeMap::new(),
        private: BTreeMap::new(),
        at: at(0),
    });
    assert!(matches!(late.wait(), Err(StoreError::WriterGone)));
    drop(other);
    open(dir.path());
}

/// A step that fails, or breaks off, leaves its group's other steps alone, and no leaf of its own.
#[test]
fn a_failing_step_spoils_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let steps: Vec<_> = (0..50)
        .map(|n| {
            store.step(move |w| {
                journal::Entry::new("test", at(n), None).append(w)?;
                assert!(n % 10 != 3, "a step that panics");
                if n % 10 == 7 { Err(StoreError::Misuse("a step that fails")) } else { Ok(n) }
            })
        })
        .collect();
    for (n, step) in (0..).zip(steps) {
        match (n % 10, step.wait()) {
            (3, Err(StoreError::Panicked)) | (7, Err(StoreError::Misuse(_))) => {}
            (_, Ok(answer)) => assert_eq!(answer, n),
            (_, other) => panic!("{n}: {other:?}"),
        }
    }
    assert_eq!(kinds(&store).len(), 41);
    let metrics = store.metrics();
    assert_eq!((metrics.leaves, metrics.steps, metrics.steps_failed), (41, 50, 10));
    store.close().unwrap();
    whole(dir.path());
}

#[test]
fn checkpoints_come_by_themselves_and_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { checkpoint_every: Duration::from_millis(50), ..Settings::new(dir.path()) };
    let store = Store::open(settings, signer()).unwrap();
    drop_file(&store, "F1");
    let begun = std::time::Instant::now();
    let signed = || store.reader().unwrap().checkpoint().unwrap().map(|c| c.size);
    while signed() != Some(2) {
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", signed());
        std::thread::sleep(Duration::from_millis(5));
    }
    let groups = store.metrics().groups;
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(store.metrics().groups, groups, "a quiet journal is not signed again");
    drop_file(&store, "F2");
    let note = store.checkpoint(at(9)).wait().unwrap();
    assert_eq!(store.checkpoint(at(10)).wait().unwrap(), note);
    assert!(note.starts_with("fluxgate/test\n3\n"), "{note}");
    drop_file(&store, "F3");
    store.close().unwrap();
    let report = verify(dir.path(), &Options::default()).unwrap();
    assert_eq!((report.bad, report.unsigned, report.leaves), (None, 0, 4));
}

#[test]
fn a_new_key_is_journalled_and_old_checkpoints_still_verify() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    drop_file(&store, "F1");
    store.close().unwrap();
    let other = Signer::from_seed("fluxgate/test", &[4; 32]).unwrap();
    let store = Store::open(Settings::new(dir.path()), other.clone()).unwrap();
    assert_eq!(leaves(&store).pop().unwrap().objects["vkey"], other.verifier().text());
    store.close().unwrap();
    whole(dir.path());
    let only_new = Options { keys: vec![other.verifier()], ..Options::default() };
    assert!(verify(dir.path(), &only_new).unwrap().bad.is_some());
    let both = Options { keys: vec![signer().verifier(), other.verifier()], ..Options::default() };
    assert_eq!(verify(dir.path(), &both).unwrap().bad, None);
}

/// A small file system of its own, gone when dropped.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir.path()).output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(dir)),
            other => {
                eprintln!("SKIPPED: no tmpfs can be mounted here ({other:?})");
                None
            }
        }
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn a_full_disk_refuses_steps_and_loses_none_and_frees_itself() {
    let Some(disk) = Tmpfs::mount("12m") else { return };
    let dir = disk.0.path();
    let ballast = dir.join("ballast");
    let store = open(dir);
    let mut kept = vec![drop_file(&store, "the first")];
    let mut refused = 0;
    std::fs::write(&ballast, vec![0; 8 * 1024 * 1024]).unwrap();
    for n in 0..400u32 {
        // Four at once, so that groups of more than one step meet the full disk.
        let steps: Vec<_> = (0..4u8)
            .map(|k| {
                let content = [&n.to_le_bytes()[..], &[k; 20_000]].concat();
                store.receive(arrival("facture.xml", &content))
            })
            .collect();
        for step in steps {
            match step.wait() {
                Ok(Received::Flow(flow)) => kept.push(flow),
                Ok(other) => panic!("{other:?}"),
                Err(StoreError::DiskFull) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        if refused > 40 {
            break;
        }
    }
    assert!(refused > 40 && kept.len() > 10, "kept {}, refused {refused}", kept.len());
    let full = store.keep_document(&mut &vec![7; 5 * 1024 * 1024][..]);
    assert!(matches!(full, Err(StoreError::DiskFull)), "{full:?}");
    std::fs::remove_file(&ballast).unwrap();
    for n in 0..5 {
        kept.push(drop_file(&store, &format!("after {n}")));
    }
    let reader = store.reader().unwrap();
    for flow in &kept {
        assert!(reader.flow(flow).unwrap().is_some(), "{flow} was acknowledged and is gone");
    }
    assert_eq!(store.metrics().leaves, kept.len() as u64 + 1, "refused steps left no leaf");
    drop(reader);
    store.close().unwrap();
    whole(dir);
    let store = open(dir);
    drop_file(&store, "the last");
}
