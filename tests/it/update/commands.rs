//! A release from keys to file, as its publisher types it; and what a machine that is no appliance says of updates.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::commands::{code, program, stderr, stdout};

fn run(dir: &Path, line: &str) -> Output {
    program().current_dir(dir).args(line.split(' ')).output().unwrap()
}

fn done(dir: &Path, line: &str) -> String {
    let output = run(dir, line);
    assert_eq!(code(&output), 0, "{line}: {}", stderr(&output));
    stdout(&output).trim().to_owned()
}

/// Keys of five and three holders, a signed root, and what a release is made of.
fn prepared(dir: &Path) {
    let keys = |kind: &str, count: usize| -> Vec<String> {
        (1..=count).map(|n| done(dir, &format!("release key -o {kind}{n}.pem"))).collect()
    };
    let (root, release) = (keys("root", 5), keys("release", 3));
    let named = |flag: &str, keys: &[String]| keys.iter().map(|key| format!(" --{flag}-key {key}")).collect::<String>();
    done(
        dir,
        &format!(
            "release root --expires 2099-01-01{}{} -o 1.root.json",
            named("root", &root),
            named("release", &release)
        ),
    );
    for n in [1, 3, 5] {
        done(dir, &format!("release sign 1.root.json --key root{n}.pem"));
    }
    fs::create_dir(dir.join("parts")).unwrap();
    for name in ["root.img", "kernel-a.efi", "kernel-b.efi", "changelog.fr.md", "changelog.en.md", "packages.lock"] {
        fs::write(dir.join("parts").join(name), name.repeat(500)).unwrap();
    }
}

#[test]
fn a_release_goes_from_holder_to_holder_and_becomes_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    prepared(dir);
    assert_eq!(fs::metadata(dir.join("root1.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    let again = run(dir, "release key -o root1.pem");
    assert_eq!((code(&again), stderr(&again).contains("never overwritten")), (71, true));
    done(
        dir,
        "release draft parts --root 1.root.json --release 1.4.0 --floor 1.2.0 --expires 2098-01-01 --fresh-until 2097-06-01 -o v140",
    );

    let unsigned = run(dir, "release pack v140 -o v140.fluxgate");
    assert_eq!((code(&unsigned), dir.join("v140.fluxgate").exists()), (65, false), "{}", stderr(&unsigned));
    done(dir, "release sign v140 --key release1.pem");
    let half = run(dir, "release pack v140 -o v140.fluxgate");
    assert!(
        code(&half) == 65 && stderr(&half).contains("1 valid signatures (snapshot), 2 are needed"),
        "{}",
        stderr(&half)
    );
    let stranger = run(dir, "release sign v140 --key root1.pem");
    assert_eq!((code(&stranger), stderr(&stranger).contains("no part")), (65, true));
    done(dir, "release sign v140 --key release3.pem");
    // Twice by the same holder is once.
    done(dir, "release sign v140 --key release3.pem");
    done(dir, "release pack v140 -o v140.fluxgate");
    let first = fs::read(dir.join("v140.fluxgate")).unwrap();
    done(dir, "release pack v140 -o again");
    assert!(first == fs::read(dir.join("again")).unwrap(), "the same bytes each time");
    // What is there stays: a name of a key's is typed easily.
    let key = fs::read(dir.join("release1.pem")).unwrap();
    let in_the_way = run(dir, "release pack v140 -o release1.pem");
    assert_eq!((code(&in_the_way), stderr(&in_the_way).contains("release1.pem")), (71, true));
    assert!(key == fs::read(dir.join("release1.pem")).unwrap() && !dir.join("release1.pem.part").exists());

    let verdict: Value =
        serde_json::from_str(&done(dir, "update verify v140.fluxgate --root 1.root.json --json")).unwrap();
    assert_eq!(
        (&verdict["verdict"], &verdict["version"], &verdict["floor"]),
        (&"accept".into(), &"1.4.0".into(), &"1.2.0".into())
    );
    assert_eq!(verdict["expires"], "2097-06-01T00:00:00.000Z");
    assert_eq!(verdict["files"]["packages.lock"]["bytes"], 13 * 500);
    assert!(done(dir, "update verify v140.fluxgate --root 1.root.json").contains("version 1.4.0 for x86_64-uefi"));

    let mut cut = first.clone();
    cut.truncate(9_000);
    fs::write(dir.join("cut"), cut).unwrap();
    let cut = run(dir, "update verify cut --root 1.root.json --json");
    let verdict: Value = serde_json::from_str(stdout(&cut).trim()).unwrap();
    assert_eq!((code(&cut), &verdict["verdict"], &verdict["fault"]["code"]), (65, &"reject".into(), &"FG-921".into()));
    assert!(stderr(&cut).contains("FG-921"));
    assert_eq!(code(&run(dir, "update verify nowhere --root 1.root.json")), 66);
    assert_eq!(code(&run(dir, "update verify v140.fluxgate --root cut")), 78);
    let no_root = run(dir, "update verify v140.fluxgate");
    assert!(
        code(&no_root) == 78 && stderr(&no_root).contains("/usr/share/fluxgate/update/root.json"),
        "{}",
        stderr(&no_root)
    );
    fs::write(dir.join("parts/changelog.fr.md"), "").unwrap();
    assert_eq!(
        code(&run(dir, "release draft parts --root 1.root.json --release 1.4.0 --expires 2098-01-01 -o v140")),
        71
    );
    fs::remove_file(dir.join("parts/changelog.fr.md")).unwrap();
    assert_eq!(
        code(&run(dir, "release draft parts --root 1.root.json --release 1.4.0 --expires 2098-01-01 -o other")),
        66
    );
    assert_eq!(
        code(&run(dir, "release draft parts --root 1.root.json --release 1.4 --expires 2098-01-01 -o other")),
        64
    );
    assert_eq!(
        code(&run(dir, "release draft parts --root 1.root.json --release 1.4.0 --expires tomorrow -o other")),
        64
    );
    fs::write(dir.join("parts/changelog.fr.md"), "").unwrap();
    fs::write(dir.join("parts/kernel-b.efi"), "MZ\0ID=fluxgate\nIMAGE_VERSION=1.3.9\nVERSION_ID=1.3.9\n\0").unwrap();
    let draft = |release: &str| {
        run(
            dir,
            &format!("release draft parts --root 1.root.json --release {release} --expires 2098-01-01 -o of-{release}"),
        )
    };
    let other = draft("1.4.0");
    assert!(code(&other) == 65 && stderr(&other).contains("kernel-b.efi is of version 1.3.9"), "{}", stderr(&other));
    assert_eq!(code(&draft("1.3.9")), 0);
}

#[test]
fn a_machine_that_is_no_appliance_says_so() {
    let dir = tempfile::tempdir().unwrap();
    for line in ["update status", "update status --json", "update rollback", "update apply file"] {
        let output = run(dir.path(), line);
        assert_eq!(code(&output), 69, "{line}");
        assert!(
            stderr(&output).contains("FG-936") && stderr(&output).contains("does not run Fluxgate's image"),
            "{}",
            stderr(&output)
        );
    }
}
