//! Cut after each step, then resumed: the old version or the new one boots, never neither, and never in silence.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fluxgate::update::record::{Event, Outcome};
use fluxgate::update::{Step, UpdateError};

use super::appliance::{Appliance, events};
use super::publisher::{Publisher, version};

const STEPS: [Step; 9] = [
    Step::Checked,
    Step::Begun,
    Step::EntriesRemoved,
    Step::Cleared,
    Step::RootWritten,
    Step::KernelKept,
    Step::KernelWritten,
    Step::Committed,
    Step::Remembered,
];

/// The update stops dead at a step, as a process does whose power goes.
fn cut_at(appliance: &Appliance, file: &std::path::Path, at: Step) {
    let updater = appliance.boot();
    let cut = catch_unwind(AssertUnwindSafe(|| {
        updater.apply(file, appliance.now, &mut |step| {
            if step == at {
                std::panic::resume_unwind(Box::new("the power went"));
            }
        })
    }));
    assert!(cut.is_err(), "{at:?} was never reached");
}

#[test]
fn cut_after_any_step_a_box_boots_the_old_version_or_the_new_one() {
    for at in STEPS {
        let publisher = Publisher::new();
        let appliance = Appliance::new(&publisher, "1.2.0");
        appliance.healthy_boot();
        // The slot to be overwritten holds a version that is worth keeping.
        appliance.apply(&appliance.boot(), &publisher.good("1.3.2"));
        appliance.healthy_boot();
        let file = publisher.good("1.4.0");
        cut_at(&appliance, &file, at);
        let (running, lines) = appliance.healthy_boot();
        let status = appliance.boot().status().unwrap();
        if at >= Step::Committed {
            assert_eq!((running.version, events(&lines)), (version("1.4.0"), vec![Event::Healthy]), "{at:?}");
        } else {
            assert_eq!(running.version, version("1.3.2"), "{at:?}");
            let told = status.attempts.last().unwrap();
            if at == Step::Checked {
                assert_eq!((told.version, lines.len()), (Some(version("1.3.2")), 0), "nothing had begun");
            } else {
                assert_eq!((told.version, told.outcome), (Some(version("1.4.0")), Outcome::Interrupted), "{at:?}");
            }
            // Until the slot itself was cleared, the version before is still one to go back to.
            let kept = status.a.map(|slot| slot.version);
            assert_eq!(kept, (at < Step::Cleared).then(|| version("1.2.0")), "{at:?}");
            assert_eq!(
                appliance.names().iter().any(|name| name.starts_with("fluxgate-a")),
                at < Step::Cleared,
                "{at:?}"
            );
            // And the same update goes through.
            appliance.apply(&appliance.boot(), &file);
            assert_eq!(appliance.healthy_boot().0.version, version("1.4.0"), "{at:?}");
        }
        assert_eq!(appliance.boot().settle(appliance.now).unwrap().lines, [], "{at:?}: nothing is left to do");
    }
}

#[test]
fn cut_twice_and_resumed_without_a_boot_in_between() {
    for (first, second) in
        [(Step::Begun, Step::EntriesRemoved), (Step::RootWritten, Step::Cleared), (Step::KernelWritten, Step::Begun)]
    {
        let publisher = Publisher::new();
        let appliance = Appliance::new(&publisher, "1.3.2");
        appliance.healthy_boot();
        let file = publisher.good("1.4.0");
        cut_at(&appliance, &file, first);
        cut_at(&appliance, &file, second);
        assert_eq!(appliance.boot().running().version, version("1.3.2"));
        appliance.apply(&appliance.boot(), &file);
        assert_eq!(appliance.healthy_boot().0.version, version("1.4.0"), "{first:?} {second:?}");
        let outcomes: Vec<Outcome> =
            appliance.boot().status().unwrap().attempts.iter().map(|one| one.outcome).collect();
        assert_eq!(outcomes, [Outcome::Interrupted, Outcome::Interrupted, Outcome::Healthy]);
    }
}

#[test]
fn a_rename_that_the_disk_forgot_leaves_the_old_version() {
    let publisher = Publisher::new();
    let appliance = Appliance::new(&publisher, "1.3.2");
    appliance.healthy_boot();
    cut_at(&appliance, &publisher.good("1.4.0"), Step::Committed);
    fs::remove_file(appliance.linux().join("fluxgate-b_1.4.0+3.efi")).unwrap();
    let (running, lines) = appliance.healthy_boot();
    assert_eq!((running.version, events(&lines)), (version("1.3.2"), vec![Event::Interrupted]));
}

#[test]
fn cut_while_it_is_blessed_a_version_stays() {
    // What each order of the changes may leave on the boot partition: the new name beside the old one, a torn new
    // one, neither.
    for left in ["both", "torn", "neither", "only the old"] {
        let publisher = Publisher::new();
        let appliance = Appliance::new(&publisher, "1.3.2");
        appliance.healthy_boot();
        appliance.apply(&appliance.boot(), &publisher.good("1.4.0"));
        appliance.boot();
        let (counted, plain) =
            (appliance.linux().join("fluxgate-b_1.4.0+2-1.efi"), appliance.linux().join("fluxgate-b_1.4.0.efi"));
        match left {
            "both" => fs::copy(&counted, &plain).map(drop).unwrap(),
            "torn" => fs::write(&plain, &fs::read(&counted).unwrap()[..700]).unwrap(),
            "neither" => fs::remove_file(&counted).unwrap(),
            _ => {}
        }
        let expected = match left {
            // The box comes up on the former version; that is told, and the new one is tried again.
            "neither" => vec![Event::EntryLost, Event::Repaired],
            _ => vec![Event::Healthy],
        };
        let version_ = if left == "neither" { "1.3.2" } else { "1.4.0" };
        let slot = if left == "neither" { fluxgate::update::Slot::A } else { fluxgate::update::Slot::B };
        let lines = appliance.running(slot, version(version_)).settle(appliance.now).unwrap().lines;
        assert_eq!(events(&lines), expected, "{left}");
        assert_eq!(appliance.healthy_boot().0.version, version("1.4.0"), "{left}");
        assert_eq!(appliance.names(), ["fluxgate-a_1.3.2.efi", "fluxgate-b_1.4.0.efi"], "{left}");
    }
}

#[test]
fn a_disk_that_keeps_something_else_is_found_out_and_the_old_version_stays() {
    let publisher = Publisher::new();
    let appliance = Appliance::new(&publisher, "1.3.2");
    appliance.healthy_boot();
    let updater = appliance.boot();
    // The file changes under the update's hands, after it was checked.
    let file = publisher.good("1.4.0");
    let error = updater
        .apply(&file, appliance.now, &mut |step| {
            if step == Step::Checked {
                let mut bytes = fs::read(&file).unwrap();
                let at = bytes.len() - 200_000;
                bytes[at] ^= 1;
                fs::write(&file, bytes).unwrap();
            }
        })
        .unwrap_err();
    assert!(matches!(error, UpdateError::Altered { .. }), "{error:?}");
    let status = updater.status().unwrap();
    assert_eq!(status.attempts.last().unwrap().outcome, Outcome::Failed);
    assert_eq!(status.attempts.last().unwrap().fault.as_ref().unwrap().code, error.fault().code);
    assert_eq!(appliance.healthy_boot().0.version, version("1.3.2"));
    appliance.apply(&appliance.boot(), &publisher.good("1.4.0"));
    assert_eq!(appliance.healthy_boot().0.version, version("1.4.0"));
}
