//! A copy of each log line, for who sends them on: bounded, and never waited for. What does not fit is counted.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use log::Level;
use tokio::sync::mpsc;

/// Lines that wait, at most; a line has at most a few kilobytes (see `logging`).
const WAITING: usize = 4_000;

/// Where copies go, once somebody wants them.
static COPIES: OnceLock<mpsc::Sender<Line>> = OnceLock::new();
/// Lines that found no place, until somebody asks.
static LOST: AtomicU64 = AtomicU64::new(0);

/// A log line, with its fields, on one line and without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub at: jiff::Timestamp,
    pub level: Level,
    /// `fluxgate-core`
    pub identifier: String,
    pub text: String,
}

/// From now on every line is copied. `None` when somebody has them already.
pub fn take() -> Option<mpsc::Receiver<Line>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    COPIES.set(sender).is_ok().then_some(receiver)
}

/// Whether copies are wanted: making one costs something.
pub fn is_wanted() -> bool {
    COPIES.get().is_some()
}

/// Hands a copy over; nothing waits for it.
pub fn put(line: Line) {
    if let Some(copies) = COPIES.get()
        && copies.try_send(line).is_err()
    {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
}

/// Lines lost since this was asked last.
pub fn lost() -> u64 {
    LOST.swap(0, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one test of this process that takes the copies: they are one for all.
    #[test]
    fn what_does_not_fit_is_counted_and_nothing_waits() {
        let line = || Line { at: jiff::Timestamp::now(), level: Level::Info, identifier: "x".into(), text: "y".into() };
        put(line());
        assert_eq!(lost(), 0, "nobody wants it");
        let mut copies = take().unwrap();
        assert!(is_wanted() && take().is_none());
        for _ in 0..WAITING + 3 {
            put(line());
        }
        assert!(lost() >= 3);
        assert_eq!(lost(), 0);
        assert_eq!(copies.try_recv().unwrap().text, "y");
    }
}
