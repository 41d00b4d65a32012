//! What is refused, each by a release that is really made so; nothing of the box changes but the line that says so.

use std::fs;
use std::path::{Path, PathBuf};

use fluxgate::domain::Timestamp;
use fluxgate::fault::{Code, Language};
use fluxgate::update::make::SecretKey;
use fluxgate::update::record::{Event, Outcome};
use fluxgate::update::{Archive, UpdateError, now};

use super::appliance::Appliance;
use super::publisher::{DAY, Publisher, Wish, packed, version};
use crate::commands::listing;

/// Everything that an update could change, except what is remembered.
fn disk(appliance: &Appliance) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let places = appliance.places();
    let mut files: Vec<PathBuf> = listing(&places.esp).into_iter().collect();
    files.extend([
        places.slot_a,
        places.slot_b,
        places.state.join("slots.json"),
        places.state.join("roots"),
        places.state.join("floor"),
    ]);
    files.into_iter().map(|path| (path.clone(), hashed(&path))).collect()
}

/// A large file by its hash.
fn hashed(path: &Path) -> Option<Vec<u8>> {
    use sha2::Digest as _;
    fs::read(path).ok().map(|bytes| sha2::Sha256::digest(&bytes).to_vec())
}

struct Bench {
    publisher: Publisher,
    appliance: Appliance,
}

impl Bench {
    fn new() -> Self {
        let publisher = Publisher::new();
        let appliance = Appliance::new(&publisher, "1.3.2");
        appliance.healthy_boot();
        Self { publisher, appliance }
    }

    fn refused_at(&self, file: &Path, now: Timestamp) -> UpdateError {
        let updater = self.appliance.boot();
        let before = disk(&self.appliance);
        let error = updater.apply(file, now, &mut |step| panic!("{step:?} was done")).unwrap_err();
        assert!(before == disk(&self.appliance), "{error}: something changed");
        let last = updater.lines().unwrap().pop().unwrap();
        assert_eq!((last.event, last.fault), (Event::Refused, Some(error.fault())));
        let status = updater.status().unwrap();
        assert_eq!(status.attempts.last().unwrap().outcome, Outcome::Refused);
        let fault = error.fault();
        for text in [fault.title(Language::Fr), fault.title(Language::En), fault.remedy(Language::En)] {
            assert!(!text.contains('?') && !text.contains('{'), "a blank is not filled: {text}");
        }
        error
    }

    fn refused(&self, file: &Path) -> UpdateError {
        self.refused_at(file, self.publisher.now)
    }

    fn refused_wish(&self, change: impl FnOnce(&mut Wish)) -> UpdateError {
        let mut wish = self.publisher.wish("1.4.0");
        change(&mut wish);
        self.refused(&self.publisher.release(&wish))
    }
}

fn code(error: &UpdateError) -> Code {
    error.fault().code
}

#[test]
fn a_good_release_is_taken_where_each_bad_one_is_refused() {
    let bench = Bench::new();
    let foreign = bench.refused_wish(|wish| wish.foreign = true);
    assert_eq!(code(&foreign), Code::UpdateForeign);
    let under = bench.refused_wish(|wish| wish.signers = 1);
    assert!(matches!(under, UpdateError::UnderSigned { role: "snapshot", valid: 1, threshold: 2 }), "{under:?}");
    assert_eq!(code(&bench.refused_wish(|wish| wish.signers = 0)), Code::UpdateForeign);
    let board = bench.refused_wish(|wish| wish.about.board = "aarch64-uefi".into());
    assert_eq!(code(&board), Code::UpdateWrongBoard);
    for older in ["1.3.1", "1.3.2", "0.9.9"] {
        let error = bench.refused_wish(|wish| wish.about.version = version(older));
        assert_eq!(code(&error), Code::UpdateNotNewer, "{older}");
    }
    let ahead = bench.refused_wish(|wish| wish.about.upgrades_from = version("1.3.3"));
    assert_eq!(code(&ahead), Code::UpdateTooFarAhead);
    let large = bench.refused_wish(|wish| wish.root_bytes = 8 * 1024 * 1024 + 1);
    assert_eq!(code(&large), Code::UpdateTooLarge);

    let good = bench.publisher.good("1.4.0");
    bench.appliance.apply(&bench.appliance.boot(), &good);
    assert_eq!(bench.appliance.boot().running().version, version("1.4.0"));
}

#[test]
fn expiry_counts_from_the_latest_instant_that_is_known() {
    let bench = Bench::new();
    let now_ = bench.publisher.now;
    for (role, change) in [
        ("timestamp", (&|wish: &mut Wish, at| wish.fresh_until = at) as &dyn Fn(&mut Wish, Timestamp)),
        ("snapshot", &|wish, at| wish.expires = at),
    ] {
        let mut wish = bench.publisher.wish("1.4.0");
        change(&mut wish, now_.minus(DAY));
        match bench.refused(&bench.publisher.release(&wish)) {
            UpdateError::Expired { role: found, .. } => assert_eq!(found, role),
            other => panic!("{other:?}"),
        }
    }
    // A clock in 1970 does not bring an expired release back: the journal and the image know better.
    let release = bench.publisher.good("1.4.0");
    let later = now_.plus(31 * DAY);
    for at in [later, now(Timestamp::EPOCH, &[later, now_]), now(Timestamp::EPOCH, &[Timestamp::EPOCH, later])] {
        assert!(matches!(bench.refused_at(&release, at), UpdateError::Expired { role: "timestamp", .. }));
    }
    assert!(bench.appliance.boot().examine(&release, now(Timestamp::EPOCH, &[now_])).is_ok());

    let mut publisher = Publisher::new();
    publisher.roots.clear();
    let root = publisher.root_until(1, &publisher.root_keys, &publisher.keys, now_.minus(DAY));
    let root = publisher.sign(root, &publisher.root_keys[..3]);
    publisher.add_root(&root);
    let appliance = Appliance::new(&publisher, "1.3.2");
    let error = appliance.boot().examine(&publisher.good("1.4.0"), now_).unwrap_err();
    assert!(matches!(error, UpdateError::Expired { role: "root", .. }), "{error:?}");
}

#[test]
fn what_asks_for_a_version_newer_than_itself_is_no_release() {
    let bench = Bench::new();
    for (floor, upgrades_from) in [("14.0.0", "0.0.0"), ("0.0.0", "1.4.1")] {
        let mut wish = bench.publisher.wish("1.4.0");
        (wish.about.floor, wish.about.upgrades_from) = (version(floor), version(upgrades_from));
        assert_eq!(code(&bench.refused(&bench.publisher.release(&wish))), Code::UpdateNotARelease);
    }
}

#[test]
fn a_fifo_in_a_release_s_place_holds_nobody_up() {
    let bench = Bench::new();
    let fifo = bench.appliance.dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(code(&bench.refused(&fifo)), Code::UpdateNotARelease);
}

#[test]
fn below_the_floor_is_refused_even_when_it_is_newer_than_what_runs() {
    let bench = Bench::new();
    fs::write(bench.appliance.places().state.join("floor"), "1.5.0\n").unwrap();
    assert_eq!(code(&bench.refused(&bench.publisher.good("1.4.9"))), Code::UpdateBelowFloor);
    bench.appliance.apply(&bench.appliance.boot(), &bench.publisher.good("1.5.0"));
}

#[test]
fn what_is_cut_or_flipped_anywhere_is_refused() {
    let bench = Bench::new();
    let mut wish = bench.publisher.wish("1.4.0");
    wish.root_bytes = 3_000;
    let file = bench.publisher.release(&wish);
    let whole = fs::read(&file).unwrap();
    let updater = bench.appliance.boot();
    let spoilt = bench.publisher.dir.path().join("spoilt");
    let examine = |bytes: &[u8]| {
        fs::write(&spoilt, bytes).unwrap();
        updater.examine(&spoilt, bench.publisher.now)
    };
    assert!(examine(&whole).is_ok());
    for cut in (0..whole.len()).step_by(331) {
        match examine(&whole[..cut]).unwrap_err() {
            UpdateError::Truncated { .. } => {}
            UpdateError::NotARelease(_) => assert!(cut < 512, "{cut}"),
            other => panic!("{cut}: {other:?}"),
        }
    }
    // One that is accepted all the same changed nothing that is signed: a signature beyond those that are needed, the root
    // that the box has itself.
    let (flips, expected) = ((0..whole.len()).step_by(97), spoken_for(&file));
    let mut harmless = 0;
    for at in flips.clone() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        if examine(&flipped).is_ok() {
            harmless += 1;
            assert!(spoken_for(&spoilt) == expected, "the flip at {at} was not noticed");
        }
    }
    assert!(harmless < flips.len() / 5, "{harmless} of {} flips change nothing that counts", flips.len());
    // In the middle of the root image and of a signature: named as what they are.
    let at = whole.windows(8).position(|bytes| *bytes == super::publisher::root_image(version("1.4.0"), 8)).unwrap();
    let mut flipped = whole.clone();
    flipped[at + 100] ^= 4;
    fs::write(&spoilt, &flipped).unwrap();
    assert_eq!(code(&bench.refused(&spoilt)), Code::UpdateAltered);
    // The first of the snapshot's, behind the three of the root.
    let signature = |at: &usize| whole[*at..].starts_with(b"\"sig\": ");
    let at = (0..whole.len()).filter(signature).nth(3).unwrap() + 20;
    let mut flipped = whole.clone();
    flipped[at] = if flipped[at] == b'0' { b'1' } else { b'0' };
    fs::write(&spoilt, &flipped).unwrap();
    let error = bench.refused(&spoilt);
    assert!(matches!(error, UpdateError::Altered { ref what, .. } if what == "snapshot"), "{error:?}");
}

/// What signatures speak for: the signed part of the metadata, and every file.
fn spoken_for(file: &Path) -> Vec<(String, Vec<u8>)> {
    let archive = Archive::open(file).unwrap();
    let mut parts = Vec::new();
    for role in ["timestamp", "snapshot", "targets"] {
        let bytes = archive.read(&format!("metadata/{role}.json"), 300_000).unwrap().unwrap();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        parts.push((role.to_owned(), value["signed"].to_string().into_bytes()));
    }
    for (name, _) in archive.names("targets") {
        parts.push((name.to_owned(), archive.read(&format!("targets/{name}"), 300_000).unwrap().unwrap()));
    }
    parts
}

#[test]
fn what_is_added_or_exchanged_is_refused() {
    let bench = Bench::new();
    let spoil = |change: &dyn Fn(&Path)| {
        let folder = bench.publisher.draft(&bench.publisher.wish("1.4.0"));
        change(&folder);
        bench.refused(&packed(&folder))
    };
    let stray = spoil(&|folder| fs::write(folder.join("targets/extra"), b"x").unwrap());
    assert_eq!(code(&stray), Code::UpdateAltered);
    let missing = spoil(&|folder| fs::remove_file(folder.join("targets/kernel-b.efi")).unwrap());
    assert_eq!(code(&missing), Code::UpdateAltered);
    let exchanged = spoil(&|folder| {
        fs::copy(folder.join("targets/kernel-a.efi"), folder.join("targets/kernel-b.efi")).map(drop).unwrap()
    });
    assert_eq!(code(&exchanged), Code::UpdateAltered);
    let headless = spoil(&|folder| fs::remove_file(folder.join("metadata/timestamp.json")).unwrap());
    assert_eq!(code(&headless), Code::UpdateNotARelease);
    let garbled = spoil(&|folder| fs::write(folder.join("metadata/targets.json"), b"{").unwrap());
    assert_eq!(code(&garbled), Code::UpdateAltered);
    let long = spoil(&|folder| fs::write(folder.join("metadata/targets.json"), vec![b' '; 300_000]).unwrap());
    assert_eq!(code(&long), Code::UpdateTooLarge);
    // The signed metadata of another release: signed well, but not what the one above names.
    let other = bench.publisher.draft(&bench.publisher.wish("1.5.0"));
    let mixed = spoil(&|folder| {
        fs::copy(other.join("metadata/targets.json"), folder.join("metadata/targets.json")).map(drop).unwrap()
    });
    assert_eq!(code(&mixed), Code::UpdateAltered);
    // A signature of one key under another's name, and one signature twice.
    let forged = spoil(&|folder| {
        let path = folder.join("metadata/targets.json");
        let text = fs::read_to_string(&path).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["signatures"][1]["sig"] = value["signatures"][0]["sig"].clone();
        fs::write(&path, value.to_string()).unwrap();
    });
    assert_eq!(code(&forged), Code::UpdateAltered);
    let twice = spoil(&|folder| {
        let path = folder.join("metadata/targets.json");
        let mut value: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        value["signatures"][1] = value["signatures"][0].clone();
        fs::write(&path, value.to_string()).unwrap();
    });
    assert_eq!(code(&twice), Code::UpdateAltered);
    for nothing in [&b""[..], b"PK\x03\x04\x14", &[0x1f, 0x8b, 8, 0]] {
        let path = bench.publisher.dir.path().join("nothing");
        fs::write(&path, nothing).unwrap();
        assert_eq!(code(&bench.refused(&path)), Code::UpdateNotARelease);
    }
}

#[test]
fn keys_are_changed_by_roots_that_follow_and_a_revoked_key_stays_revoked() {
    let mut publisher = Publisher::new();
    let appliance = Appliance::new(&publisher, "1.3.2");
    appliance.healthy_boot();
    let old = publisher.good("1.4.0");
    let key = || SecretKey::from_seed(&fluxgate::os::random::bytes());
    // A second root by other keys for releases, two of the root's holders new.
    let mut root_keys: Vec<SecretKey> = publisher.root_keys.drain(..).collect();
    let leaving: Vec<SecretKey> = root_keys.drain(3..).collect();
    root_keys.extend([key(), key()]);
    let keys: Vec<SecretKey> = (0..3).map(|_| key()).collect();
    let second = publisher.root(2, &root_keys, &keys);

    // Signed by too few of the former holders, or by too few of its own: followed by nobody.
    let by_new = publisher.sign(second.clone(), &root_keys[2..]);
    let by_old = publisher.sign(second.clone(), leaving.iter().chain(&root_keys[..1]));
    let former = std::mem::replace(&mut publisher.keys, keys);
    for wrong in [by_new, by_old] {
        publisher.add_root(&wrong);
        let error = appliance.boot().examine(&publisher.good("1.5.0"), publisher.now).unwrap_err();
        assert!(matches!(error, UpdateError::UnderSigned { role: "root", valid: 1 | 2, threshold: 3 }), "{error:?}");
        publisher.roots.pop();
    }
    let right = publisher.sign(second, &root_keys[..3]);
    publisher.add_root(&right);
    let release = publisher.good("1.5.0");
    assert_eq!(appliance.boot().trust().unwrap().root().version.get(), 1);
    appliance.apply(&appliance.boot(), &release);
    let (running, _) = appliance.healthy_boot();
    assert_eq!(running.version, version("1.5.0"));
    assert_eq!(appliance.boot().trust().unwrap().root().version.get(), 2, "kept on the data partition");

    // The former keys: a release of theirs counts no more, with the first root alone or under the new one.
    let mut wish = publisher.wish("1.6.0");
    publisher.keys = former;
    let with_new_root = publisher.release(&wish);
    let second = publisher.roots.pop().unwrap();
    wish.about.version = version("1.6.0");
    let with_old_root = publisher.release(&wish);
    for file in [&old, &with_new_root, &with_old_root] {
        let error = appliance.boot().examine(file, publisher.now).unwrap_err();
        assert_eq!(code(&error), Code::UpdateForeign, "{error:?}");
    }
    // A kept root that was damaged or forged counts as none: the image's is in force again, and nothing worse.
    let kept = appliance.places().state.join("roots/2.root.json");
    fs::write(&kept, b"{}").unwrap();
    assert_eq!(appliance.boot().trust().unwrap().root().version.get(), 1);
    fs::copy(&second, &kept).unwrap();
    assert_eq!(appliance.boot().trust().unwrap().root().version.get(), 2);
    fs::write(appliance.places().anchor, b"{}").unwrap();
    assert!(matches!(appliance.boot().trust(), Err(UpdateError::Untrusted { .. })));
}
