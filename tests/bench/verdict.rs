//! The verdict's speed and memory beside a bare parse and the crate en16931, in one run on one core; `tests/bench/check`
//! starts it. Arguments: XML files. Output: a line a file.
//!
//! What is timed is what a drop goes through: bytes to verdict (`examine`, profile g2b: EN 16931 and BR-FR, and Chorus Pro's
//! own limits besides), and the two sets of official rules with nothing else (profile en16931 has the first).

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};
use std::time::Instant;

use fluxgate::invoice::{Options, Profile, examine};

/// Counts what is held, and the most that was, while it is asked to: counting costs time.
struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static HELD: AtomicIsize = AtomicIsize::new(0);
static MOST: AtomicIsize = AtomicIsize::new(0);

/// Bytes more, or less, are held.
fn count(bytes: usize, sign: isize) {
    if ON.load(Relaxed) {
        let bytes = sign * isize::try_from(bytes).unwrap_or(isize::MAX);
        MOST.fetch_max(HELD.fetch_add(bytes, Relaxed) + bytes, Relaxed);
    }
}

#[allow(unsafe_code, reason = "an allocator cannot be written without; it only counts and passes on")]
// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs of one file in a round: enough for about this much input.
const ROUND_BYTES: usize = 8_000_000;
const ROUNDS: usize = 5;

/// Seconds a call takes, the best round of several: the machine's other work only ever adds.
fn seconds(bytes: usize, mut call: impl FnMut()) -> f64 {
    let runs = (ROUND_BYTES / bytes.max(1)).clamp(1, 1000);
    call();
    let round = |_| {
        let begun = Instant::now();
        (0..runs).for_each(|_| call());
        begun.elapsed().as_secs_f64() / runs as f64
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

fn bare_parse(bytes: &[u8]) {
    let mut reader = quick_xml::Reader::from_reader(bytes);
    while !matches!(black_box(reader.read_event()), Ok(quick_xml::events::Event::Eof) | Err(_)) {}
}

fn main() {
    println!(
        "{:<28} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9}",
        "file", "KB", "bare ms", "EN ms", "g2b ms", "crate ms", "EN/bare", "g2b/bare", "crate/us", "mem/file"
    );
    // The harness' own flags are cargo's.
    for path in std::env::args().skip(1).filter(|word| !word.starts_with("--")) {
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let options = |profile| Options { profile, sandbox: true, ..Options::default() };
        let bare = seconds(bytes.len(), || bare_parse(&bytes));
        let european = seconds(bytes.len(), || drop(black_box(examine(&bytes, &options(Profile::En16931)))));
        let both = seconds(bytes.len(), || drop(black_box(examine(&bytes, &options(Profile::G2b)))));
        let policy = en16931_formats::Policy::default();
        let theirs = seconds(bytes.len(), || drop(black_box(en16931_formats::receive(&bytes, &policy))));
        HELD.store(0, Relaxed);
        MOST.store(0, Relaxed);
        ON.store(true, Relaxed);
        let examined = examine(&bytes, &options(Profile::G2b));
        ON.store(false, Relaxed);
        let memory = MOST.load(Relaxed);
        println!(
            "{:<28} {:>9.1} {:>9.4} {:>9.4} {:>9.4} {:>9.4} {:>8.1} {:>8.1} {:>8.1} {:>9.1}  {} ({} findings), {:.1} MB at most",
            path.rsplit('/').next().unwrap_or(&path),
            bytes.len() as f64 / 1e3,
            bare * 1e3,
            european * 1e3,
            both * 1e3,
            theirs * 1e3,
            european / bare,
            both / bare,
            theirs / both,
            memory as f64 / bytes.len() as f64,
            examined.verdict,
            examined.findings.len(),
            memory as f64 / 1e6,
        );
    }
}
