//! Many callers at once.

use std::time::Instant;

use super::verify::{Options, verify};
use super::*;

const PRODUCERS: usize = 64;

/// Prints rates; asserts nothing about time.
#[test]
fn many_producers_share_a_group() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let rate = |name: &str, each: usize, step: &(dyn Fn(usize, usize) + Sync)| {
        let (begun, before) = (Instant::now(), store.metrics());
        std::thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                scope.spawn(move || (0..each).for_each(|n| step(producer, n)));
            }
        });
        let (steps, seconds) = (PRODUCERS * each, begun.elapsed().as_secs_f64());
        let groups = store.metrics().groups - before.groups;
        println!("{name}: {:.0} steps/s, {:.1} steps a group", steps as f64 / seconds, steps as f64 / groups as f64);
    };
    rate("receive", 100, &|producer, n| {
        let content = format!("{producer}/{n} {}", "x".repeat(5000));
        let received = store.receive(arrival("facture.xml", content.as_bytes())).wait().unwrap();
        assert!(matches!(received, Received::Flow(_)));
    });
    rate("note", 100, &|producer, n| {
        let note = Note {
            kind: "test",
            actor: "system".into(),
            realm: Some(realm("univ")),
            objects: BTreeMap::from([("n".into(), format!("{producer}/{n}"))]),
            hashes: BTreeMap::new(),
            private: BTreeMap::new(),
            at: at(0),
        };
        store.note(note).wait().unwrap();
    });
    let begun = Instant::now();
    let mut leased = 0;
    loop {
        let leases = store.lease(&[Job::Intake], 64, at(0), LEASE).wait().unwrap();
        if leases.is_empty() {
            break;
        }
        leased += leases.len();
        let done: Vec<_> = leases
            .iter()
            .map(|l| {
                let facts = Facts { invoices: Some(vec![invoice(l.flow.as_str())]), ..Facts::default() };
                store.decide(&l.flow, Event::CheckPassed, facts, Some(l), at(1))
            })
            .collect();
        for step in done {
            assert!(matches!(step.wait().unwrap(), Decided::Moved { .. }));
        }
    }
    println!(
        "lease and decide: {:.0} flows/s",
        f64::from(u32::try_from(leased).unwrap()) / begun.elapsed().as_secs_f64()
    );
    assert_eq!(leased, PRODUCERS * 100);
    let begun = Instant::now();
    let pending = store.reader().unwrap().pending(&"sifac".parse().unwrap()).unwrap();
    println!("pending of {} files: {:?}", pending.1, begun.elapsed());
    assert_eq!(pending.1, 6400);
    store.close().unwrap();
    let begun = Instant::now();
    let report = verify(dir.path(), &Options { documents: true, ..Options::default() }).unwrap();
    println!("verify of {} leaves: {:?}", report.leaves, begun.elapsed());
    assert_eq!((report.bad, report.leaves), (None, 3 * 6400 + 1));
}

/// More steps than the queue holds: the rest waits its turn and none is lost.
#[test]
fn a_full_queue_makes_callers_wait() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let slow = store.step(|_| {
        std::thread::sleep(Duration::from_millis(300));
        Ok(())
    });
    let steps: Vec<_> =
        (0..6000).map(|n| store.step(move |w| journal::Entry::new("test", at(n), None).append(w))).collect();
    assert!(store.metrics().queued >= 4000, "{:?}", store.metrics());
    slow.wait().unwrap();
    let mut seqs: Vec<_> = steps.into_iter().map(|step| step.wait().unwrap()).collect();
    seqs.sort_unstable();
    assert!(seqs.into_iter().eq(1..=6000));
}
