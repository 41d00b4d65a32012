use super::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::EPOCH.plus(Duration::from_secs(seconds))
}

fn failed(why: &str) -> Result<Outcome, Failure> {
    Err(Failure::Address(Text::same(why)))
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn a_look_is_due_once_a_day_and_sooner_after_a_failure() {
    let mut memory = Memory::default();
    assert!(memory.is_due(at(5), DAY), "it never looked");
    memory.enter(Ok(Outcome::Unchanged), at(1_000_000));
    assert!(!memory.is_due(at(1_000_000 + 86_399), DAY) && memory.is_due(at(1_000_000 + 86_400), DAY));
    assert!(memory.is_due(at(900_000), DAY), "the clock was put back");
    let mut now = 2_000_000;
    for wait in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
        memory.enter(failed("x"), at(now));
        assert!(!memory.is_due(at(now + wait - 1), DAY) && memory.is_due(at(now + wait), DAY), "{wait}");
        now += wait;
    }
    // What this box refuses is not fetched again before its time.
    memory.enter(Err(Failure::Box(Text::same("full"))), at(now));
    assert!(!memory.is_due(at(now + 3600), DAY));
    memory.enter(Ok(Outcome::Waits), at(now));
    assert!(memory.is_due(at(now + 60), DAY));
}

#[test]
fn a_failure_counts_from_the_first_and_is_over_with_an_answer() {
    let mut memory = Memory::default();
    memory.enter(failed("first"), at(100));
    memory.enter(Ok(Outcome::Waits), at(200));
    memory.enter(failed("second"), at(300));
    let failing = memory.failing.clone().unwrap();
    assert_eq!((failing.since, failing.times, failing.en.as_str()), (at(100), 2, "second"));
    // Whether the address does not answer or the box cannot take what comes: no release is found.
    memory.enter(Err(Failure::Box(Text::same("full"))), at(400));
    let failing = memory.failing.clone().unwrap();
    assert_eq!((failing.since, failing.times, failing.en.as_str()), (at(100), 3, "full"));
    let (sha256, validators) = (DocumentHash([7; 32]), Validators::default());
    memory.enter(Ok(Outcome::Bad { sha256, validators, why: Text::same("foreign") }), at(500));
    assert_eq!((memory.failing.is_none(), memory.offered), (true, Some(sha256)));
}

#[test]
fn what_was_handed_over_is_remembered_of_every_address_and_the_rest_of_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(MEMORY);
    let mut memory = Memory::read(&path, "https://a/x");
    let validators = Validators { etag: Some("\"1\"".to_owned()), modified: None };
    let sha256 = DocumentHash([7; 32]);
    memory.enter(Ok(Outcome::Offered { sha256, validators: validators.clone() }), at(100));
    memory.keep(&path);
    assert_eq!(Memory::read(&path, "https://a/x"), memory);
    assert_eq!(memory.validators, validators);
    let other = Memory::read(&path, "https://b/x");
    assert_eq!((other.offered, other.looked_at, other.validators), (Some(sha256), None, Validators::default()));
    std::fs::write(&path, "noise").unwrap();
    assert_eq!(Memory::read(&path, "https://a/x").offered, None);
}
