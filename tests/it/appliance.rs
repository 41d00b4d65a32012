//! Do the files that the appliance is built from agree with each other? (`image/`, `buildroot/`: building and booting it is
//! `image/tests`.)

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(house().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines that say something.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Every file below a folder, by its path there.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn buildroot_names_files_that_are_there_and_options_once() {
    let external = "$(BR2_EXTERNAL_FLUXGATE_PATH)";
    let (mut named, mut options) = (0, BTreeSet::new());
    for file in below(&house().join("buildroot")) {
        let text = fs::read_to_string(&file).unwrap();
        let spellings = [external.to_owned(), external.replace(['(', ')'], "")];
        for at in spellings.iter().flat_map(|spelling| text.match_indices(spelling.as_str())) {
            let rest = text[at.0 + at.1.len()..].trim_start_matches('/');
            let path = rest.split(['"', ' ', ')', '\n']).next().unwrap();
            // What cargo and the README's steps make, and what make lists itself.
            if path.contains("target/") || path.contains('*') {
                continue;
            }
            named += 1;
            assert!(house().join("buildroot").join(path).exists(), "{}: no {path}", file.display());
        }
    }
    assert!(named >= 4, "{named} paths were found: the search is wrong");
    for line in read("buildroot/configs/fluxgate_x86_64_defconfig").lines() {
        let off = line.strip_prefix("# ").and_then(|line| line.strip_suffix(" is not set"));
        let option = off.or_else(|| line.split_once('=').map(|(option, _)| option)).unwrap_or_else(|| panic!("{line}"));
        assert!(option.starts_with("BR2_") && options.insert(option.to_owned()), "{line}");
    }
    for script in below(&house().join("buildroot/board")) {
        let text = fs::read_to_string(&script).unwrap();
        assert!(text.starts_with("#!/bin/sh\n"), "{}", script.display());
        run(Command::new("sh").arg("-n").arg(&script));
        // What it names of the house, from its own folder on.
        for (at, start) in text.match_indices("$(dirname \"$0\")/") {
            let path = text[at + start.len()..].split(['"', ' ', ')', '\n']).next().unwrap();
            assert!(script.parent().unwrap().join(path).exists(), "{}: no {path}", script.display());
        }
    }
    // Read by make with the package's file in it, as Buildroot reads it; a target of its own, for the tree has none.
    let path = format!("BR2_EXTERNAL_FLUXGATE_PATH={}", house().join("buildroot").display());
    let mut make = Command::new("make");
    run(make
        .args(["--no-print-directory", "-n", "--eval", "read:", "-f", "external.mk", &path, "read"])
        .current_dir(house().join("buildroot")));
    let desc = read("buildroot/external.desc");
    assert!(desc.lines().next() == Some("name: FLUXGATE") && desc.contains("\ndesc: "), "{desc}");
    for menu in ["buildroot/Config.in", "buildroot/package/fluxgate/Config.in"] {
        let text = read(menu);
        let (known, helped) = text.split_once("\thelp\n").unwrap_or((&text, ""));
        let words = ["source \"", "config BR2_PACKAGE_", "\tbool \""];
        assert!(known.lines().all(|line| words.iter().any(|word| line.starts_with(word))), "{menu}: {known}");
        assert!(helped.lines().all(|line| line.starts_with("\t  ")), "{menu}: {helped}");
    }
}

fn run(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn each_unit_of_ours_is_started_by_something_and_runs_what_is_on_the_root() {
    let keep = read("image/keep.list");
    let kept: BTreeSet<&str> = lines(&keep).collect();
    assert_eq!(kept.len(), lines(&keep).count(), "image/keep.list names something twice");
    let units = house().join("image/rootfs/usr/lib/systemd/system");
    let mut count = 0;
    for unit in below(&units) {
        let (name, text) =
            (unit.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&unit).unwrap());
        count += usize::from(text.contains("\nExecStart="));
        let value = |key: &str| {
            let lines = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            lines.flat_map(str::split_whitespace).collect::<Vec<_>>()
        };
        let by = [value("WantedBy"), value("RequiredBy")].concat();
        let starter = [".timer", ".path"].map(|kind| units.join(name.replace(".service", kind)).exists());
        assert!(!by.is_empty() || name.ends_with(".service") && starter.contains(&true), "{name}: nothing starts it");
        for target in by {
            assert!(kept.contains(target), "{name}: {target} is not in image/keep.list");
        }
        for program in text.lines().filter_map(|line| line.strip_prefix("ExecStart=")) {
            let program = program.split_whitespace().next().unwrap().trim_start_matches('/');
            let on_root = program == "usr/bin/fluxgate"
                || kept.contains(program)
                || kept.contains(&*program.replace("usr/bin/", "usr/sbin/"));
            assert!(on_root, "{name}: {program} is not on the root");
        }
        if !text.contains("\nExecStart=") {
            continue;
        }
        for promise in [
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "MemoryDenyWriteExecute=yes",
            "SystemCallFilter=@system-service",
        ] {
            assert!(text.contains(promise), "{name}: without {promise}");
        }
    }
    assert!(count >= 5, "{count} units that run something were found");
}

#[test]
fn the_firewall_lets_in_what_the_configuration_listens_on_and_nothing_else() {
    let rules = read("image/rootfs/etc/nftables.conf");
    let open = rules.split("tcp dport {").nth(1).and_then(|rest| rest.split('}').next()).unwrap();
    let open: BTreeSet<u16> = open.split(',').map(|port| port.trim().parse().unwrap()).collect();
    assert_eq!(rules.matches("tcp dport").count(), 1, "one list of ports");
    let config = fluxgate::config::Config::default();
    assert_eq!(open, BTreeSet::from([config.door.listen.port(), config.sftp.listen.port()]));
    assert!(config.door.metrics_listen.ip().is_loopback());
    assert!(rules.contains("type filter hook input priority 0; policy drop;"));
}

#[test]
fn the_kernel_s_configuration_says_each_thing_once() {
    let mut options = BTreeSet::new();
    for line in read("image/kernel/appliance.config").lines() {
        let off = line.strip_prefix("# ").and_then(|line| line.strip_suffix(" is not set"));
        let option = off.or_else(|| line.split_once('=').filter(|_| !line.starts_with('#')).map(|(option, _)| option));
        if let Some(option) = option {
            assert!(option.starts_with("CONFIG_") && options.insert(option.to_owned()), "{line}");
        }
    }
    for off in ["CONFIG_MODULES", "CONFIG_USB_STORAGE", "CONFIG_DEVMEM", "CONFIG_KEXEC"] {
        assert!(read("image/kernel/appliance.config").contains(&format!("# {off} is not set\n")), "{off}");
    }
}

/// What a recommendation may be, in the order of the summary's columns.
const STATES: [&str; 4] = ["met", "partly", "not met", "not applicable"];
const LEVELS: [&str; 4] = ["M", "I", "E", "H"];

/// The cells of a line of a table.
fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split('|').map(str::trim).collect()
}

/// Whether what is quoted names something of this repository; else it is a text that stands in something named beside it.
fn is_path(quoted: &str) -> bool {
    let folders = ["image/", "src/", "tests/", "config/", "buildroot/"];
    let at_the_top = ["README.md", "Cargo.lock", "deny.toml"];
    !quoted.contains(' ') && (at_the_top.contains(&quoted) || folders.iter().any(|folder| quoted.starts_with(folder)))
}

#[test]
fn each_recommendation_of_bp_028_has_a_state_and_its_evidence_is_there() {
    let text = read("image/BP-028.md");
    let mut count = [[0_usize; STATES.len()]; LEVELS.len()];
    let mut numbers = Vec::new();
    for line in
        text.lines().filter(|line| line.strip_prefix("| R").is_some_and(|rest| rest.starts_with(char::is_numeric)))
    {
        let row = cells(line);
        let [number, title, level, state, evidence] = row[..] else { panic!("not five cells: {line}") };
        let level =
            LEVELS.iter().position(|known| *known == level).unwrap_or_else(|| panic!("{number}: level {level}"));
        let column = STATES.iter().position(|known| *known == state).unwrap_or_else(|| panic!("{number}: {state}"));
        count[level][column] += 1;
        numbers.push(number.to_owned());
        assert!(!title.is_empty() && !evidence.is_empty(), "{number}: an empty cell");
        assert!(evidence.matches('`').count() % 2 == 0, "{number}: a quotation without its end");
        let quoted = evidence.split('`').skip(1).step_by(2);
        let (paths, words): (Vec<&str>, Vec<&str>) = quoted.partition(|quoted| is_path(quoted));
        assert!(!paths.is_empty() || column > 1, "{number}: {state}, and no file is named");
        for path in &paths {
            assert!(house().join(path).exists(), "{number}: no {path}");
        }
        let said = paths.iter().map(|path| read(path)).collect::<Vec<_>>();
        for word in words {
            assert!(said.iter().any(|text| text.contains(word)), "{number}: {word} is not in {}", paths.join(", "));
        }
    }
    assert_eq!(numbers, (1..=80).map(|number| format!("R{number}")).collect::<Vec<_>>());
    let line = |name: &str, row: &[usize]| {
        let cells: Vec<String> = row.iter().map(usize::to_string).collect();
        format!("| {name} | {} |", cells.join(" | "))
    };
    let all: Vec<usize> = (0..STATES.len()).map(|state| count.iter().map(|level| level[state]).sum()).collect();
    let mut summary = vec![format!("| level | {} |", STATES.join(" | ")), "|---|---|---|---|---|".to_owned()];
    summary.extend(LEVELS.iter().zip(&count).map(|(level, row)| line(level, row)));
    summary.push(line("all", &all));
    let summary = summary.join("\n");
    assert!(text.contains(&summary), "the summary of image/BP-028.md is to be\n{summary}");
}
