//! The fuzzer: the target that `FLUXGATE_FUZZ` names, under libFuzzer, with what it holds in memory counted.

#![no_main]

mod targets;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex};

use targets::{TARGETS, Target};

/// Counts the bytes that are held, and the most that were.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

impl Counting {
    fn more(bytes: usize) {
        PEAK.fetch_max(HELD.fetch_add(bytes, Relaxed) + bytes, Relaxed);
    }

    fn less(bytes: usize) {
        HELD.fetch_sub(bytes, Relaxed);
    }
}

// SAFETY: everything is the system's allocator, called as it was called; counting touches no memory of its own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::more(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::more(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        Self::less(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::more(size);
        Self::less(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("FLUXGATE_FUZZ").expect("FLUXGATE_FUZZ names the target");
    TARGETS.iter().find(|target| target.name == name).expect("one of the targets")
});

/// The most that one input held so far, in bytes.
static MOST: AtomicUsize = AtomicUsize::new(0);

/// What the last panic said: many are caught on purpose, and only one that leaves the target is told.
static SAID: Mutex<String> = Mutex::new(String::new());

fn broken(why: &str) -> ! {
    eprintln!("BROKEN {why}");
    std::process::abort()
}

libfuzzer_sys::fuzz_target!(
    init: {
        // The engine's own hook ends the process at any panic; those of the libraries that are caught are none of ours.
        std::panic::set_hook(Box::new(|panic| {
            if let Ok(mut said) = SAID.lock() {
                *said = panic.to_string().replace('\n', ": ");
            }
        }));
    },
    |bytes: &[u8]| {
        let target = *TARGET;
        let before = HELD.load(Relaxed);
        PEAK.store(before, Relaxed);
        if std::panic::catch_unwind(|| (target.run)(bytes)).is_err() {
            broken(&SAID.lock().map_or_else(|_| String::new(), |said| said.clone()));
        }
        let held = PEAK.load(Relaxed).saturating_sub(before);
        let (base, times) = target.memory;
        let allowed = (base << 20) + times * bytes.len();
        if held > allowed {
            broken(&format!("an input of {} bytes held {held} bytes of memory; {allowed} are allowed", bytes.len()));
        }
        let most = MOST.fetch_max(held, Relaxed);
        if held > most + most / 4 {
            eprintln!("HELD {held} bytes for an input of {}", bytes.len());
        }
    }
);
