//! Counters of calls, for metrics.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

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

/// How a service has fared lately. By the steady clock: the machine's may be the very thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceHealth {
    pub service: Cow<'static, str>,
    /// Since it last answered, be it with a refusal of its own; `None`: never.
    pub answered: Option<Duration>,
    /// Since the first of the failures that have followed each other, and how many; `None`: the last call was answered.
    pub failing: Option<(Duration, u64)>,
    /// Since the last failure.
    pub failed: Option<Duration>,
}

#[derive(Default)]
struct Health {
    answered: Option<Since>,
    failing: Option<(Since, u64)>,
    failed: Option<Since>,
}

/// A moment that may lie before this process, and even before the machine's start.
#[derive(Debug, Clone, Copy)]
struct Since {
    at: Instant,
    before: Duration,
}

impl Since {
    fn ago(before: Duration) -> Self {
        Self { at: Instant::now(), before }
    }

    fn elapsed(self) -> Duration {
        self.at.elapsed().saturating_add(self.before)
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
    health: Mutex<BTreeMap<Cow<'static, str>, Health>>,
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
        let now = Since::ago(Duration::ZERO);
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let health = health.entry(service.into()).or_default();
        if matches!(outcome, CallOutcome::Answered | CallOutcome::Refused) {
            *health = Health { answered: Some(now), ..Health::default() };
        } else {
            health.failing = Some(health.failing.map_or((now, 1), |(since, n)| (since, n.saturating_add(1))));
            health.failed = Some(now);
        }
    }

    /// What is known of services from before this process; what was counted since stays.
    pub(super) fn recall(&self, past: Vec<ServiceHealth>) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        for ServiceHealth { service, answered, failing, failed } in past {
            health.entry(service).or_insert_with(|| Health {
                answered: answered.map(Since::ago),
                failing: failing.map(|(since, n)| (Since::ago(since), n)),
                failed: failed.map(Since::ago),
            });
        }
    }

    /// Of every service that was called, how it fares.
    pub(super) fn health(&self) -> Vec<ServiceHealth> {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let fared = |(service, health): (&Cow<'static, str>, &Health)| ServiceHealth {
            service: service.clone(),
            answered: health.answered.map(|at| at.elapsed()),
            failing: health.failing.map(|(since, n)| (since.elapsed(), n)),
            failed: health.failed.map(|at| at.elapsed()),
        };
        health.iter().map(fared).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_from_before_a_start_goes_on_and_hides_nothing_newer() {
        let (hour, tally) = (Duration::from_secs(3600), Tally::default());
        let past = |service: &'static str| ServiceHealth {
            service: service.into(),
            answered: Some(hour * 3),
            failing: Some((hour, 4)),
            failed: Some(hour / 60),
        };
        tally.count("deposer/flux", CallOutcome::Answered);
        tally.recall(vec![past("deposer/flux"), past("telecharger/groupe")]);
        let known = tally.health();
        assert!(known[0].answered.unwrap() < hour && known[0].failing.is_none());
        assert!(known[1].answered.unwrap() >= hour * 3);
        tally.count("telecharger/groupe", CallOutcome::Lost);
        let (since, failures) = tally.health()[1].failing.unwrap();
        assert!(since >= hour && failures == 5, "it has failed for longer than this process lives");
    }

    #[test]
    fn failures_in_a_row_are_counted_until_the_service_answers() {
        let tally = Tally::default();
        let one = || tally.health().into_iter().find(|h| h.service == "deposer/flux").unwrap();
        tally.count("deposer/flux", CallOutcome::Lost);
        tally.count("deposer/flux", CallOutcome::NotSent);
        assert_eq!((one().answered, one().failing.map(|(_, n)| n)), (None, Some(2)));
        // A refusal is the service's own word: the way to it is sound.
        tally.count("deposer/flux", CallOutcome::Refused);
        assert!(one().answered.is_some() && one().failing.is_none() && one().failed.is_none());
        tally.count("deposer/flux", CallOutcome::Stopped);
        assert_eq!(one().failing.map(|(_, n)| n), Some(1));
        assert!(one().answered.is_some(), "the last answer is still known");
    }
}
