//! Our own ceiling on calls, and the waits that a 429 asks for. Chorus Pro publishes no figure (PROTOCOL §9).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::chorus;
use crate::domain::Timestamp;
use crate::fault::{Code, Fault};
use crate::work::connector::CallError;

/// Calls that may wait for their turn at once, per environment.
const WAITING_LIMIT: usize = 10_000;
/// The first wait after a 429 that names none; doubled each time until [`SLOW_DOWN_CAP`].
const SLOW_DOWN_FIRST: Duration = Duration::from_secs(60);
/// The longest wait we choose ourselves.
const SLOW_DOWN_CAP: Duration = Duration::from_secs(3600);
/// The longest `Retry-After` that is honoured.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(24 * 3600);

/// Turns in the order of asking: at most so many in flight, and no two closer than the interval.
pub(super) struct Turns {
    in_flight: Semaphore,
    waiting: Semaphore,
    interval: Duration,
    /// When the next call may leave.
    next: Mutex<Instant>,
}

/// A turn in hand; its place is free again when it is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    _place: SemaphorePermit<'a>,
}

impl Turns {
    pub(super) fn new(per_second: u32, in_flight: u32) -> Self {
        Self {
            in_flight: Semaphore::new(usize::try_from(in_flight.max(1)).unwrap_or(1)),
            waiting: Semaphore::new(WAITING_LIMIT),
            interval: Duration::from_secs(1) / per_second.max(1),
            next: Mutex::new(Instant::now()),
        }
    }

    /// Waits for a turn; first come, first served (tokio's semaphore is fair).
    pub(super) async fn take(&self) -> Result<Turn<'_>, CallError> {
        let crowded = |_| CallError::NotSent(Fault::new(Code::Throttled).with("detail", "too many calls wait"));
        let _queued = self.waiting.try_acquire().map_err(crowded)?;
        let place = self.in_flight.acquire().await.expect("the semaphore is never closed");
        self.slot().await;
        Ok(Turn { turns: self, _place: place })
    }

    async fn slot(&self) {
        let slot = {
            let mut next = lock(&self.next);
            let slot = (*next).max(Instant::now());
            *next = slot + self.interval;
            slot
        };
        tokio::time::sleep_until(slot.into()).await;
    }
}

impl Turn<'_> {
    /// A second request within the same turn waits for its own slot too.
    pub(super) async fn again(&self) {
        self.turns.slot().await;
    }
}

/// Whether Chorus Pro asked to slow down, and until when.
pub(super) struct SlowDown {
    state: Mutex<SlowState>,
    first: Duration,
}

struct SlowState {
    until: Option<Instant>,
    /// The wait of the next 429 that names none.
    wait: Duration,
}

impl Default for SlowDown {
    fn default() -> Self {
        Self::starting_at(SLOW_DOWN_FIRST)
    }
}

impl SlowDown {
    pub(super) fn starting_at(first: Duration) -> Self {
        Self { state: Mutex::new(SlowState { until: None, wait: first }), first }
    }

    /// Nothing leaves while a wait lasts.
    pub(super) fn check(&self) -> Result<(), CallError> {
        match lock(&self.state).until {
            Some(until) if until > Instant::now() => Err(slow_down(until)),
            _ => Ok(()),
        }
    }

    /// A 429 came. Of several calls that were under way together only the first doubles the wait.
    pub(super) fn down(&self, retry_after: Option<&str>) -> CallError {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let named = retry_after.and_then(|text| chorus::retry_after(text, Timestamp::now()));
        let running = state.until.filter(|until| *until > now);
        let until = match (named, running) {
            (Some(wait), running) => {
                let until = now + wait.clamp(Duration::from_secs(1), RETRY_AFTER_CAP);
                running.map_or(until, |r| r.max(until))
            }
            (None, Some(running)) => running,
            (None, None) => {
                let wait = state.wait;
                state.wait = (wait * 2).min(SLOW_DOWN_CAP);
                now + wait
            }
        };
        state.until = Some(until);
        slow_down(until)
    }

    /// An answer with `status` came: unless it says nothing about load, the next wait begins small again.
    pub(super) fn recovered(&self, status: u16) {
        if status < 500 {
            let mut state = lock(&self.state);
            if state.until.is_none_or(|until| until <= Instant::now()) {
                *state = SlowState { until: None, wait: self.first };
            }
        }
    }
}

fn slow_down(until: Instant) -> CallError {
    let left = until.saturating_duration_since(Instant::now());
    CallError::SlowDown { fault: Fault::new(Code::Throttled), until: Timestamp::now().plus(left) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_of(error: &CallError) -> Duration {
        match error {
            CallError::SlowDown { until, .. } => until.since(Timestamp::now()),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn turns_keep_their_order_their_distance_and_their_number() {
        let turns = std::sync::Arc::new(Turns::new(200, 2));
        let (left, mut leaving) = tokio::sync::mpsc::unbounded_channel();
        let begun = Instant::now();
        let mut calls = tokio::task::JoinSet::new();
        for n in 0..20 {
            let (turns, left) = (turns.clone(), left.clone());
            calls.spawn(async move {
                let _turn = turns.take().await.unwrap();
                assert!(turns.in_flight.available_permits() < 2);
                left.send(n).unwrap();
                tokio::time::sleep(Duration::from_millis(2)).await;
            });
            tokio::task::yield_now().await;
        }
        drop(left);
        let mut order = Vec::new();
        while let Some(n) = leaving.recv().await {
            order.push(n);
        }
        while let Some(done) = calls.join_next().await {
            done.unwrap();
        }
        assert_eq!(order, (0..20).collect::<Vec<_>>());
        assert!(begun.elapsed() >= Duration::from_millis(19 * 5), "{:?}", begun.elapsed());
        assert_eq!(turns.in_flight.available_permits(), 2);
    }

    #[test]
    fn waits_double_up_to_the_cap_and_begin_small_after_an_answer() {
        let slow = SlowDown::starting_at(Duration::from_secs(60));
        let over = |slow: &SlowDown| lock(&slow.state).until = Some(Instant::now() - Duration::from_millis(1));
        for expected in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
            let wait = wait_of(&slow.down(None));
            assert!(wait.as_secs().abs_diff(expected) <= 1, "{wait:?} for {expected} s");
            let again = wait_of(&slow.down(None));
            assert!(again.abs_diff(wait) < Duration::from_secs(1), "a second 429 of the same moment doubles nothing");
            assert!(slow.check().is_err());
            over(&slow);
            assert!(slow.check().is_ok());
        }
        slow.recovered(503);
        assert!(wait_of(&slow.down(None)).as_secs() > 3500, "a 503 is no sign of recovery");
        over(&slow);
        slow.recovered(200);
        assert!(wait_of(&slow.down(None)).as_secs() <= 60);
    }

    #[test]
    fn a_named_wait_is_honoured_within_reason() {
        for (named, expected) in [("7", 7), ("0", 1), ("999999999", 86_400), ("soon", 60)] {
            let wait = wait_of(&SlowDown::starting_at(Duration::from_secs(60)).down(Some(named)));
            assert!(wait.as_secs().abs_diff(expected) <= 1, "{named}: {wait:?}");
        }
    }
}
