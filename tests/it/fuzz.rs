//! The fuzzer's targets without the fuzzer: over what it begins with, what it found once, and mutants of both that are the
//! same at each run. The search for more is `tests/fuzz/run`.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::io::Read as _;
use std::path::Path;

use crate::reference::reference;
use targets::TARGETS;

/// The files a target begins with, and how many mutants of them are tried.
struct Replay {
    target: &'static str,
    /// Every so many-th file of the corpus; 0: none.
    corpus: usize,
    /// Folders beside the target's own seeds.
    folders: &'static [&'static str],
    mutants: usize,
}

fn files_of(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn corpus(step: usize) -> Vec<Vec<u8>> {
    let Some(path) = (step > 0).then(|| reference("invoices/mini.tgz")).flatten() else { return Vec::new() };
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()));
    let mut files = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().extension().is_some_and(|ending| ending == "xml") {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.push(bytes);
        }
    }
    files.into_iter().step_by(step).collect()
}

/// xorshift64: the same sequence everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    /// A copy of one file, changed in a few places: as damage does it, as an editor does it, with parts of another.
    fn mutant(&mut self, files: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
        let mut bytes = files[self.below(files.len())].clone();
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len());
            let length = self.below(40).min(bytes.len() - at);
            match self.below(8) {
                0 if !bytes.is_empty() => bytes[at] = u8::try_from(self.below(256)).unwrap(),
                1 => bytes.insert(at, b"<>&\"'/;#-0,. \n"[self.below(14)]),
                2 => drop(bytes.drain(at..at + length)),
                3 => {
                    let copy = bytes[at..at + length].to_vec();
                    bytes.splice(at..at, copy.repeat(1 + self.below(20)));
                }
                4 => {
                    let other = &files[self.below(files.len())];
                    let from = self.below(other.len());
                    let part = other[from..(from + self.below(600)).min(other.len())].to_vec();
                    bytes.splice(at..at + length, part);
                }
                5 => {
                    bytes.splice(at..at + length, words[self.below(words.len())].iter().copied());
                }
                6 => self.text(&mut bytes, words),
                _ => bytes.truncate(bytes.len() - length),
            }
        }
        bytes
    }

    /// Replaces the text of some element: the document stays well-formed, and what it says is another thing.
    fn text(&mut self, bytes: &mut Vec<u8>, words: &[&[u8]]) {
        let starts: Vec<usize> = (1..bytes.len()).filter(|at| bytes[at - 1] == b'>' && bytes[*at] != b'<').collect();
        if starts.is_empty() {
            return;
        }
        let start = starts[self.below(starts.len())];
        let end = start + bytes[start..].iter().position(|byte| *byte == b'<').unwrap_or(0);
        bytes.splice(start..end, words[self.below(words.len())].iter().copied());
    }
}

/// What stands in for a value.
const WORDS: &[&[u8]] = &[
    b"2400,00",
    b"-1",
    b"0",
    b"0.00",
    b"1E+100",
    b"99999999999999999999999999.99",
    b"NaN",
    b"",
    b" ",
    b"2026-02-30",
    b"20260230",
    b"381",
    b"380",
    b"EUR",
    b"XXX",
    b"\xC5\x93uvre",
    b"\xFF",
    b"&amp;",
    b"&#0;",
    b"&x;",
    b"]]>",
    b"<!--",
    b"S",
    b"AE",
    b"E",
    b"VATEX-EU-132",
    b"12345678200051",
    b"#ABC#",
    b"</a>",
    b"<a>",
    b"<!DOCTYPE a>",
    b"xmlns=\"\"",
    b"{",
    b"[",
    b"null",
    b"PK\x03\x04",
    b"%PDF-",
    b"endstream",
    b";",
    b"\"",
];

/// What the test itself holds, beside what the target may.
const TEST_BYTES: usize = 300 << 20;

fn replay(replay: &Replay) {
    let target = TARGETS.iter().find(|target| target.name == replay.target).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = files_of(&root.join("tests/fuzz/seeds").join(target.name));
    assert!(!files.is_empty() || !replay.folders.is_empty(), "nothing to begin with");
    files.extend(replay.folders.iter().flat_map(|folder| files_of(&root.join(folder))));
    files.extend(corpus(replay.corpus));
    files.iter().for_each(|bytes| (target.run)(bytes));
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    // `tests/run --long` tries others as well.
    let mutants = if std::env::var_os("FLUXGATE_LONG").is_some() { 50 * replay.mutants } else { replay.mutants };
    for _ in 0..mutants {
        let mutant = dice.mutant(&files, WORDS);
        let ran = std::panic::catch_unwind(|| (target.run)(&mutant));
        if ran.is_err() {
            let kept = std::env::temp_dir().join(format!("fluxgate-fuzz-{}-{}", target.name, std::process::id()));
            std::fs::write(&kept, &mutant).unwrap();
            panic!("{}: a promise is broken by {}", target.name, kept.display());
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    let peak: usize = peak.unwrap();
    let largest = files.iter().map(Vec::len).max().unwrap_or_default();
    let allowed = TEST_BYTES + (target.memory.0 << 20) + target.memory.1 * largest;
    println!("{}: {} files, {} mutants, {peak} KiB at most", target.name, files.len(), mutants);
    assert!(peak << 10 < allowed, "{peak} KiB were held");
}

const BAD: &str = "tests/fixtures/bad";
const SAMPLES: &str = "src/app/samples";

macro_rules! replays {
    ($($name:ident $target:literal every $corpus:literal of $folders:expr, $mutants:literal mutants;)*) => {
        $(#[test]
        fn $name() {
            replay(&Replay { target: $target, corpus: $corpus, folders: $folders, mutants: $mutants });
        })*

        /// A target that nobody replays would rot.
        #[test]
        fn every_target_is_replayed() {
            let replayed = [$($target),*];
            let missing: Vec<&str> = TARGETS.iter().map(|t| t.name).filter(|name| !replayed.contains(name)).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    };
}

replays! {
    verdicts_hold_for_mutants "verdict" every 5 of &[BAD, SAMPLES], 1200 mutants;
    pdfs_hold_for_mutants "pdf" every 50 of &[SAMPLES], 400 mutants;
    pivots_hold_for_mutants "pivot" every 0 of &[], 1000 mutants;
    conversions_hold_for_mutants "conversion" every 40 of &[SAMPLES], 200 mutants;
    pages_hold_for_mutants "pages" every 0 of &[SAMPLES], 100 mutants;
    images_hold_for_mutants "image" every 60 of &[SAMPLES], 60 mutants;
    status_files_hold_for_mutants "statuses" every 0 of &[BAD], 1500 mutants;
    sidecars_hold_for_mutants "sidecar" every 0 of &[], 1500 mutants;
    archives_hold_for_mutants "archive" every 0 of &[], 600 mutants;
    tables_hold_for_mutants "table" every 0 of &[], 1500 mutants;
    directories_hold_for_mutants "directory" every 0 of &[], 1000 mutants;
    answers_hold_for_mutants "answers" every 0 of &[], 1000 mutants;
    configurations_hold_for_mutants "configuration" every 0 of &["config"], 300 mutants;
    doors_hold_for_mutants "doors" every 0 of &[], 2000 mutants;
    journals_hold_for_mutants "journal" every 0 of &[], 1000 mutants;
}

/// The PDF that the targets put invoices into is one that is read: else they would try nothing.
#[test]
fn the_pdf_around_an_invoice_is_read() {
    let invoice = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/app/samples/facture-cii.xml")).unwrap();
    let options = fluxgate::invoice::Options { sandbox: true, ..Default::default() };
    let examined = fluxgate::invoice::examine(&targets::pdf_around(&[("factur-x.xml", &invoice)]), &options);
    assert_eq!(examined.syntax, Some(fluxgate::invoice::Syntax::FacturX), "{:?}", examined.fault);
}
