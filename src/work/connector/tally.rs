//! Counters of calls, for metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::domain::Realm;
use crate::work::connector::CallError;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallOutcome {
    Answered,
    NotSent,
    Stopped,
    SlowDown,
    Lost,
    Refused,
}

impl CallOutcome {
    /// As a label of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            CallOutcome::Answered => "answered",
            CallOutcome::NotSent => "not_sent",
            CallOutcome::Stopped => "stopped",
            CallOutcome::SlowDown => "slow_down",
            CallOutcome::Lost => "lost",
            CallOutcome::Refused => "refused",
        }
    }

    pub(super) fn of<T>(result: &Result<T, CallError>) -> Self {
        match result {
            Ok(_) => CallOutcome::Answered,
            Err(CallError::NotSent(_)) => CallOutcome::NotSent,
            Err(CallError::Stopped(_)) => CallOutcome::Stopped,
            Err(CallError::SlowDown { .. }) => CallOutcome::SlowDown,
            Err(CallError::Lost(_)) => CallOutcome::Lost,
            Err(CallError::Refused { .. }) => CallOutcome::Refused,
        }
    }
}

/// The counters of one realm at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallTally {
    pub realm: Realm,
    /// Finished calls by service and outcome since the start; `oauth/token` counts token requests.
    pub calls: Vec<(&'static str, CallOutcome, u64)>,
    /// Calls that have their turn.
    pub in_flight: u64,
    /// Calls that wait for their turn.
    pub waiting: u64,
}

#[derive(Default)]
pub(super) struct Tally {
    calls: Mutex<BTreeMap<(&'static str, CallOutcome), u64>>,
    in_flight: AtomicU64,
    waiting: AtomicU64,
}

/// Counts as long as it lives, however its call ends.
pub(super) struct Gauge<'a>(&'a AtomicU64);

impl<'a> Gauge<'a> {
    fn on(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Tally {
    pub(super) fn count(&self, service: &'static str, outcome: CallOutcome) {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry((service, outcome)).or_default() += 1;
    }

    pub(super) fn in_flight(&self) -> Gauge<'_> {
        Gauge::on(&self.in_flight)
    }

    pub(super) fn waiting(&self) -> Gauge<'_> {
        Gauge::on(&self.waiting)
    }

    pub(super) fn snapshot(&self, realm: &Realm) -> CallTally {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        CallTally {
            realm: realm.clone(),
            calls: calls.iter().map(|((service, outcome), count)| (*service, *outcome, *count)).collect(),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}
