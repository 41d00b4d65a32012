//! What a box does with its slots: tried, blessed, fallen back, gone back, repaired. Each boot is checked as verity checks it.

use std::fs;
use std::os::unix::fs::FileExt as _;

use fluxgate::fault::Code;
use fluxgate::update::record::{Event, Outcome, State};
use fluxgate::update::{Slot, Step, Tries, UpdateError, WentBack};

use super::appliance::{Appliance, ROOM, events};
use super::publisher::{Publisher, version};

fn updated(from: &str, to: &str) -> (Publisher, Appliance) {
    let publisher = Publisher::new();
    let appliance = Appliance::new(&publisher, from);
    appliance.healthy_boot();
    let updater = appliance.boot();
    appliance.apply(&updater, &publisher.good(to));
    (publisher, appliance)
}

#[test]
fn an_update_is_tried_blessed_and_the_next_one_takes_the_other_slot() {
    let (publisher, appliance) = updated("1.3.2", "1.4.0");
    assert_eq!(appliance.names(), ["fluxgate-a_1.3.2.efi", "fluxgate-b_1.4.0+3.efi"]);
    let updater = appliance.boot();
    assert_eq!(updater.running().version, version("1.4.0"));
    assert_eq!(appliance.names(), ["fluxgate-a_1.3.2.efi", "fluxgate-b_1.4.0+2-1.efi"]);
    updater.booted(appliance.now).unwrap();
    assert_eq!(updater.status().unwrap().attempts[0].outcome, Outcome::Trying);
    let unproved = updater.apply(&publisher.good("1.5.0"), appliance.now, &mut |_| {}).unwrap_err();
    assert_eq!(unproved.fault().code, Code::UpdateNoWayBack, "the other slot is all there is to come back to");
    let settled = updater.settle(appliance.now).unwrap();
    assert_eq!(events(&settled.lines), [Event::Healthy]);
    assert_eq!(appliance.names(), ["fluxgate-a_1.3.2.efi", "fluxgate-b_1.4.0.efi"]);
    assert_eq!(updater.settle(appliance.now).unwrap().lines, [], "nothing is left to do");

    appliance.apply(&updater, &publisher.good("1.5.0"));
    let (running, lines) = appliance.healthy_boot();
    assert_eq!((running.slot, running.version), (Slot::A, version("1.5.0")));
    assert_eq!(events(&lines), [Event::Healthy]);
    assert_eq!(appliance.names(), ["fluxgate-a_1.5.0.efi", "fluxgate-b_1.4.0.efi"]);
    let status = appliance.boot().status().unwrap();
    let told: Vec<_> =
        status.attempts.iter().map(|one| (one.version.unwrap().to_string(), one.outcome, one.boots)).collect();
    let expected = [("1.4.0", Outcome::Healthy, 1), ("1.5.0", Outcome::Refused, 0), ("1.5.0", Outcome::Healthy, 1)];
    assert_eq!(told, expected.map(|(version, outcome, boots)| (version.to_owned(), outcome, boots)));
}

#[test]
fn a_version_that_never_gets_well_is_left_after_three_boots_and_that_is_told() {
    let (publisher, appliance) = updated("1.3.2", "1.4.0");
    for boot in 1..=3 {
        let updater = appliance.boot();
        assert_eq!(updater.running().version, version("1.4.0"), "boot {boot}");
        updater.booted(appliance.now).unwrap();
        updater.unhealthy("the database does not open", appliance.now).unwrap();
    }
    let (running, lines) = appliance.healthy_boot();
    assert_eq!(running.version, version("1.3.2"));
    assert_eq!(events(&lines), [Event::FellBack]);
    let updater = appliance.boot();
    assert_eq!(updater.running().version, version("1.3.2"), "and it stays so");
    assert_eq!(updater.settle(appliance.now).unwrap().lines, [], "told once");
    let attempt = updater.status().unwrap().attempts.pop().unwrap();
    assert_eq!((attempt.version, attempt.slot, attempt.boots), (Some(version("1.4.0")), Some(Slot::B), 3));
    assert_eq!((attempt.outcome, attempt.running), (Outcome::FellBack, version("1.3.2")));
    assert_eq!(attempt.detail.as_deref(), Some("the database does not open"));
    // The same version may be tried again, and another one.
    appliance.apply(&updater, &publisher.good("1.4.1"));
    assert_eq!(appliance.healthy_boot().0.version, version("1.4.1"));
}

#[test]
fn a_version_that_never_reaches_our_program_is_told_from_the_counter_alone() {
    let (_publisher, appliance) = updated("1.3.2", "1.4.0");
    for _ in 0..3 {
        appliance.boot();
    }
    let (_, lines) = appliance.healthy_boot();
    assert_eq!((events(&lines), lines[0].boots), (vec![Event::FellBack], Some(3)));
}

#[test]
fn an_older_version_chosen_by_hand_is_told_and_the_new_one_is_tried_again() {
    let (_publisher, appliance) = updated("1.3.2", "1.4.0");
    appliance.boot();
    let former = appliance.running(Slot::A, version("1.3.2"));
    assert_eq!(events(&former.settle(appliance.now).unwrap().lines), [Event::PassedOver]);
    assert_eq!(former.settle(appliance.now).unwrap().lines, [], "told once");
    let told = appliance.told();
    assert!(told.contains("1.4.0 was passed over at the last start; running 1.3.2"), "{told}");
    assert_eq!(appliance.healthy_boot().0.version, version("1.4.0"));
}

#[test]
fn a_healthy_version_whose_entry_is_lost_never_steps_back_in_silence() {
    let (_publisher, appliance) = updated("1.3.2", "1.4.0");
    appliance.healthy_boot();
    fs::remove_file(appliance.linux().join("fluxgate-b_1.4.0.efi")).unwrap();
    let (running, lines) = appliance.healthy_boot();
    assert_eq!((running.version, events(&lines)), (version("1.3.2"), vec![Event::EntryLost, Event::Repaired]));
    let told = appliance.told();
    assert!(told.contains("1.4.0 was gone from the boot partition; running 1.3.2"), "{told}");
    let (running, lines) = appliance.healthy_boot();
    assert_eq!((running.version, events(&lines)), (version("1.4.0"), vec![Event::Healthy]));
    // By hand, in the boot loader's menu.
    let former = appliance.running(Slot::A, version("1.3.2"));
    assert_eq!(events(&former.settle(appliance.now).unwrap().lines), [Event::PassedOver]);
    assert_eq!(former.settle(appliance.now).unwrap().lines, [], "told once");
    assert_eq!(appliance.healthy_boot().0.version, version("1.4.0"));
}

#[test]
fn a_slot_that_cannot_be_read_does_not_keep_the_other_from_its_blessing() {
    let (_publisher, appliance) = updated("1.3.2", "1.4.0");
    let updater = appliance.boot();
    fs::remove_file(appliance.slot(Slot::A)).unwrap();
    let lines = updater.settle(appliance.now).unwrap().lines;
    assert_eq!(events(&lines), [Event::Unrepairable, Event::Healthy]);
    assert!(appliance.names().contains(&"fluxgate-b_1.4.0.efi".to_owned()), "{:?}", appliance.names());
}

#[test]
fn an_entry_lost_while_it_is_tried_is_put_back_and_told() {
    let (_publisher, appliance) = updated("1.3.2", "1.4.0");
    // The boot loader's rename on FAT, cut: neither name is there.
    fs::remove_file(appliance.linux().join("fluxgate-b_1.4.0+3.efi")).unwrap();
    let (running, lines) = appliance.healthy_boot();
    assert_eq!(running.version, version("1.3.2"));
    assert_eq!(events(&lines), [Event::EntryLost, Event::Repaired]);
    assert_eq!(appliance.names(), ["fluxgate-a_1.3.2.efi", "fluxgate-b_1.4.0+2.efi"]);
    let (running, lines) = appliance.healthy_boot();
    assert_eq!((running.version, events(&lines)), (version("1.4.0"), vec![Event::Healthy]));
}

#[test]
fn an_entry_that_is_lost_again_and_again_is_given_up() {
    let (_publisher, appliance) = updated("1.3.2", "1.4.0");
    for last in [Event::EntryLost, Event::EntryLost, Event::FellBack] {
        for name in appliance.names().iter().filter(|name| name.starts_with("fluxgate-b")) {
            fs::remove_file(appliance.linux().join(name)).unwrap();
        }
        let former = appliance.running(Slot::A, version("1.3.2"));
        assert_eq!(former.settle(appliance.now).unwrap().lines[0].event, last);
    }
    assert_eq!(appliance.healthy_boot().0.version, version("1.3.2"));
}

#[test]
fn the_boot_partition_is_repaired_from_the_slots_and_the_slots_from_it() {
    let (_publisher, appliance) = updated("1.3.2", "1.4.0");
    appliance.healthy_boot();
    let both = ["fluxgate-a_1.3.2.efi", "fluxgate-b_1.4.0.efi"];
    let damage: [(&str, &dyn Fn(), usize); 7] = [
        ("an entry lost", &|| fs::remove_file(appliance.linux().join(both[0])).unwrap(), 1),
        ("an entry damaged", &|| fs::write(appliance.linux().join(both[1]), b"torn").unwrap(), 1),
        ("both lost", &|| both.iter().for_each(|name| fs::remove_file(appliance.linux().join(name)).unwrap()), 2),
        ("the folder lost", &|| fs::remove_dir_all(appliance.linux()).unwrap(), 2),
        (
            "twice, under a counter",
            &|| {
                fs::copy(appliance.linux().join(both[1]), appliance.linux().join("fluxgate-b_1.4.0+1-2.efi"))
                    .map(drop)
                    .unwrap();
                fs::copy(appliance.linux().join(both[0]), appliance.linux().join("fluxgate-a_1.2.0.efi"))
                    .map(drop)
                    .unwrap();
                fs::write(appliance.linux().join("fluxgate-a.part"), b"left").unwrap();
            },
            0,
        ),
        (
            "a copy damaged",
            &|| {
                let file = fs::OpenOptions::new().write(true).open(appliance.slot(Slot::B)).unwrap();
                file.write_all_at(b"torn", ROOM + 5_000).unwrap();
            },
            1,
        ),
        (
            "a copy's header lost",
            &|| {
                let file = fs::OpenOptions::new().write(true).open(appliance.slot(Slot::A)).unwrap();
                file.write_all_at(&[0; 64], ROOM).unwrap();
            },
            1,
        ),
    ];
    for (what, spoil, repairs) in damage {
        spoil();
        let updater = appliance.running(Slot::B, version("1.4.0"));
        let lines = updater.settle(appliance.now).unwrap().lines;
        assert_eq!(events(&lines), vec![Event::Repaired; repairs], "{what}");
        assert_eq!(appliance.names(), both, "{what}");
        assert_eq!(updater.settle(appliance.now).unwrap().lines, [], "{what}: nothing is left");
        assert_eq!(appliance.boot().running().version, version("1.4.0"), "{what}");
    }
    // Entry and copy: nothing is left to repair it from, and that is told.
    fs::remove_file(appliance.linux().join(both[0])).unwrap();
    fs::OpenOptions::new().write(true).open(appliance.slot(Slot::A)).unwrap().write_all_at(&[0; 64], ROOM).unwrap();
    let lines = appliance.boot().settle(appliance.now).unwrap().lines;
    assert_eq!(events(&lines), [Event::Unrepairable]);
}

#[test]
fn a_person_goes_back_and_forth() {
    let (publisher, appliance) = updated("1.3.2", "1.4.0");
    let waiting = appliance.running(Slot::A, version("1.3.2"));
    assert_eq!(waiting.go_back(appliance.now).unwrap(), WentBack::Stay(version("1.3.2")), "not tried after all");
    assert_eq!(appliance.healthy_boot().0.version, version("1.3.2"));
    appliance.apply(&appliance.boot(), &publisher.good("1.4.1"));
    appliance.healthy_boot();

    let updater = appliance.boot();
    assert_eq!(updater.go_back(appliance.now).unwrap(), WentBack::To(version("1.3.2")));
    assert_eq!(appliance.names(), ["fluxgate-a_1.3.2.efi", "fluxgate-b_1.4.1+0.efi"]);
    // The version that runs was left: over the one to come no other is written.
    let left = updater.apply(&publisher.good("1.5.0"), appliance.now, &mut |_| {}).unwrap_err();
    assert_eq!(left.fault().code, Code::UpdateNoWayBack);
    assert_eq!(appliance.names(), ["fluxgate-a_1.3.2.efi", "fluxgate-b_1.4.1+0.efi"]);
    let (running, lines) = appliance.healthy_boot();
    assert_eq!((running.version, lines), (version("1.3.2"), vec![]));
    let status = appliance.boot().status().unwrap();
    let went = status.attempts.iter().rfind(|attempt| attempt.outcome == Outcome::WentBack).unwrap();
    assert_eq!(went.version, Some(version("1.4.1")));
    assert_eq!(status.b.unwrap().state, State::Retired);
    assert_eq!(status.next.unwrap().version, version("1.3.2"));
    let twice = appliance.boot().go_back(appliance.now).unwrap_err();
    assert_eq!(twice.fault().code, Code::UpdateNoWayBack);
    appliance.apply(&appliance.boot(), &publisher.good("1.4.2"));
    assert_eq!(appliance.healthy_boot().0.version, version("1.4.2"));
}

#[test]
fn a_version_that_still_counts_its_tries_is_not_the_one_to_fall_back_to() {
    let publisher = Publisher::new();
    let appliance = Appliance::new(&publisher, "1.3.2");
    let unproved = appliance.boot().apply(&publisher.good("1.4.0"), appliance.now, &mut |_| {}).unwrap_err();
    assert_eq!(unproved.fault().code, Code::UpdateNoWayBack);
    assert_eq!(appliance.names(), ["fluxgate-a_1.3.2+2-1.efi"]);
}

#[test]
fn an_update_that_was_written_and_not_remembered_is_the_next_boot_and_told_then() {
    let publisher = Publisher::new();
    let appliance = Appliance::new(&publisher, "1.3.2");
    appliance.healthy_boot();
    let (record, aside) = (appliance.places().state.join("slots.json"), appliance.dir.path().join("aside"));
    let mut full = |step| {
        if step == Step::Committed {
            fs::rename(&record, &aside).unwrap();
            fs::create_dir_all(record.join("in the way")).unwrap();
        }
    };
    appliance.boot().apply(&publisher.good("1.4.0"), appliance.now, &mut full).unwrap();
    fs::remove_dir_all(&record).unwrap();
    fs::rename(&aside, &record).unwrap();
    let (running, lines) = appliance.healthy_boot();
    assert_eq!((running.version, events(&lines)), (version("1.4.0"), vec![Event::Healthy]));
}

#[test]
fn there_is_no_way_back_to_what_is_damaged_or_below_the_floor() {
    let (publisher, appliance) = updated("1.3.2", "1.4.0");
    appliance.healthy_boot();
    // The root of what was installed by a release is known, and read before anybody goes back to it.
    appliance.apply(&appliance.boot(), &publisher.good("1.5.0"));
    appliance.healthy_boot();
    let file = fs::OpenOptions::new().write(true).open(appliance.slot(Slot::B)).unwrap();
    file.write_all_at(b"torn", 200_000).unwrap();
    let damaged = appliance.boot().go_back(appliance.now).unwrap_err();
    assert!(matches!(damaged, UpdateError::ReadBack { .. }), "{damaged:?}");
    assert_eq!(appliance.boot().running().version, version("1.5.0"));

    let mut wish = publisher.wish("1.6.0");
    wish.about.floor = version("1.5.1");
    appliance.apply(&appliance.boot(), &publisher.release(&wish));
    assert_eq!(appliance.boot().status().unwrap().floor.to_string(), "0.0.0", "not before it proved healthy");
    appliance.healthy_boot();
    let updater = appliance.boot();
    assert_eq!(updater.status().unwrap().floor, version("1.5.1"));
    assert_eq!(updater.go_back(appliance.now).unwrap_err().fault().code, Code::UpdateBelowFloor);
    // A floor never sinks, and a damaged one closes what is below the running version.
    appliance.apply(&updater, &publisher.good("1.7.0"));
    appliance.healthy_boot();
    assert_eq!(appliance.boot().status().unwrap().floor, version("1.5.1"));
    fs::write(appliance.places().state.join("floor"), b"\xff").unwrap();
    assert_eq!(appliance.boot().go_back(appliance.now).unwrap_err().fault().code, Code::UpdateBelowFloor);
}

#[test]
fn without_its_memory_a_box_goes_on() {
    let (publisher, appliance) = updated("1.3.2", "1.4.0");
    appliance.healthy_boot();
    for wipe in [true, false] {
        let state = appliance.places().state;
        if wipe {
            fs::remove_dir_all(&state).unwrap()
        } else {
            fs::write(state.join("slots.json"), b"{\"a\":").unwrap()
        }
        let (running, lines) = appliance.healthy_boot();
        assert_eq!((running.version, events(&lines)), (version("1.4.0"), vec![]));
        let status = appliance.boot().status().unwrap();
        let own = status.b.unwrap();
        assert_eq!((own.state, own.version, own.root.is_some()), (State::Good, version("1.4.0"), true));
    }
    fs::write(appliance.places().state.join("attempts.jsonl"), b"{\"n\":1,\"att").unwrap();
    appliance.apply(&appliance.boot(), &publisher.good("1.5.0"));
    let (running, _) = appliance.healthy_boot();
    assert_eq!(running.version, version("1.5.0"));
    assert_eq!(appliance.boot().status().unwrap().attempts.len(), 1, "the torn line is passed over");
}

#[test]
fn a_full_boot_partition_is_refused_before_anything_is_touched() {
    let (publisher, appliance) = updated("1.3.2", "1.4.0");
    appliance.healthy_boot();
    // A real file system of its own, small and full.
    let esp = appliance.places().esp;
    let kept: Vec<(String, Vec<u8>)> = appliance
        .names()
        .into_iter()
        .map(|name| (name.clone(), fs::read(appliance.linux().join(name)).unwrap()))
        .collect();
    let Some(_mounted) = Small::mount(&esp) else {
        eprintln!("left out: a small file system can only be mounted by root");
        return;
    };
    fs::create_dir_all(appliance.linux()).unwrap();
    for (name, bytes) in &kept {
        fs::write(appliance.linux().join(name), bytes).unwrap();
    }
    fs::write(esp.join("other"), vec![0; 600_000]).unwrap();
    let before = appliance.names();
    let error =
        appliance.boot().apply(&publisher.good("1.5.0"), appliance.now, &mut |step| panic!("{step:?}")).unwrap_err();
    assert_eq!(error.fault().code, Code::UpdateNoRoom, "{error}");
    assert_eq!(appliance.names(), before);
    fs::remove_file(esp.join("other")).unwrap();
    appliance.apply(&appliance.boot(), &publisher.good("1.5.0"));
    assert_eq!(appliance.boot().running().version, version("1.5.0"));
}

/// A file system of 1.6 MB in memory.
struct Small(std::path::PathBuf);

impl Small {
    fn mount(at: &std::path::Path) -> Option<Self> {
        let mounted =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=1600k", "small"]).arg(at).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn one_update_at_a_time() {
    let (publisher, appliance) = updated("1.3.2", "1.4.0");
    appliance.healthy_boot();
    let updater = appliance.boot();
    let file = publisher.good("1.5.0");
    let mut busy = None;
    updater
        .apply(&file, appliance.now, &mut |_| {
            busy.get_or_insert_with(|| updater.apply(&file, appliance.now, &mut |_| {}).unwrap_err().fault().code);
        })
        .unwrap();
    assert_eq!(busy, Some(Code::UpdateBusy));
    assert_eq!(appliance.boot().status().unwrap().next.unwrap().tries, Some(Tries { left: 2, done: 1 }));
}
