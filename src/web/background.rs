//! Something that a person begins on the page and that takes longer than a page may: one at a time, its outcome kept until
//! the next.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::Timestamp;

/// How far it is.
#[derive(Debug, Clone)]
pub enum Stage<T> {
    Never,
    Running(Timestamp),
    /// When it began, how long it took, and what came of it; `None`: it broke off.
    Done(Timestamp, Duration, Option<T>),
}

/// The one that is under way or was last.
#[derive(Debug)]
pub struct Background<T>(Mutex<Stage<T>>);

impl<T> Default for Background<T> {
    fn default() -> Self {
        Self(Mutex::new(Stage::Never))
    }
}

impl<T: Clone + Send + 'static> Background<T> {
    pub fn stage(&self) -> Stage<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins, in a thread of its own; `false`: one is under way.
    pub fn begin(self: &Arc<Self>, name: &str, work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<bool> {
        let begun = Timestamp::now();
        {
            let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(*stage, Stage::Running(_)) {
                return Ok(false);
            }
            *stage = Stage::Running(begun);
        }
        let mine = Running { of: self.clone(), begun, clock: Instant::now(), outcome: None };
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // All of it, so that it is dropped here.
            let mut mine = mine;
            mine.outcome = Some(work());
        })?;
        Ok(true)
    }
}

/// Whatever happens to it, the next one may begin.
struct Running<T> {
    of: Arc<Background<T>>,
    begun: Timestamp,
    clock: Instant,
    outcome: Option<T>,
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        let mut stage = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        *stage = Stage::Done(self.begun, self.clock.elapsed(), self.outcome.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_one_that_panics_keeps_no_other_from_beginning() {
        let background = Arc::new(Background::<u32>::default());
        let until = |done: fn(&Stage<u32>) -> bool| {
            let end = Instant::now() + Duration::from_secs(30);
            while !done(&background.stage()) {
                assert!(Instant::now() < end, "{:?}", background.stage());
                std::thread::yield_now();
            }
        };
        let (go, gone) = std::sync::mpsc::channel::<()>();
        assert!(background.begin("test", move || gone.recv().map_or(0, |()| 7)).unwrap());
        assert!(!background.begin("test", || 8).unwrap(), "one is under way");
        go.send(()).unwrap();
        until(|stage| matches!(stage, Stage::Done(_, _, Some(7))));
        assert!(background.begin("test", || panic!("broken")).unwrap());
        until(|stage| matches!(stage, Stage::Done(_, _, None)));
        assert!(background.begin("test", || 9).unwrap());
        until(|stage| matches!(stage, Stage::Done(_, _, Some(9))));
    }
}
