//! How Chorus Pro fares as a whole: outages, and how long a call takes. Knows nothing of sockets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault::Chance;
use super::scenario::{ScenarioError, wrong};
use crate::domain::Duration as TextDuration;

/// The longest latency played, whatever chance says.
const LATENCY_LIMIT: Duration = Duration::from_secs(60);
/// Standard deviations from the median to the 99th percentile.
const DEVIATIONS_P99: f64 = 2.326_347_874;

/// How long calls take, in real time: log-normal, as services behind a network do. From the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Half of the calls are answered faster.
    pub median: TextDuration,
    /// One call of a hundred takes longer.
    pub p99: TextDuration,
}

impl Latency {
    /// What types alone do not say.
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        if self.median.get().is_zero() || self.p99 < self.median || self.p99.get() > LATENCY_LIMIT {
            return Err(wrong("latency", "0 < median <= p99 <= 1min must hold"));
        }
        Ok(())
    }

    /// One call's wait.
    pub(super) fn draw(&self, chance: &mut Chance) -> Duration {
        let (median, p99) = (self.median.get().as_secs_f64(), self.p99.get().as_secs_f64());
        let sigma = (p99 / median).ln() / DEVIATIONS_P99;
        // Box and Muller; the first draw is kept off zero.
        let (first, second) = (1.0 - chance.draw(), chance.draw());
        let normal = (-2.0 * first.ln()).sqrt() * (std::f64::consts::TAU * second).cos();
        let seconds = median * (sigma * normal).exp();
        Duration::from_secs_f64(seconds.min(LATENCY_LIMIT.as_secs_f64()))
    }
}

/// What an outage looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutageKind {
    /// Everything answers 503 with a page for people.
    #[default]
    #[serde(rename = "status_503")]
    Unavailable,
    /// Connections are closed before a byte.
    CloseBefore,
    /// 200 and a page that says that maintenance is under way.
    #[serde(rename = "garbage_200")]
    Maintenance,
}

/// A time in which nothing works, the token service included. Simulated time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutageRule {
    /// From the start.
    pub after: TextDuration,
    pub lasts: TextDuration,
    #[serde(default)]
    pub kind: OutageKind,
}

impl OutageRule {
    /// What types alone do not say.
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        if self.lasts.get().is_zero() { Err(wrong("outage.lasts", "must be longer than nothing")) } else { Ok(()) }
    }

    pub(super) fn holds(&self, now: Duration) -> bool {
        let end = self.after.get().saturating_add(self.lasts.get());
        self.after.get() <= now && now < end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_have_their_median_and_their_tail_and_repeat() {
        let latency = Latency { median: "80ms".parse().unwrap(), p99: "800ms".parse().unwrap() };
        let play = |seed| {
            let mut chance = Chance::new(seed);
            let mut all: Vec<Duration> = (0..4_000).map(|_| latency.draw(&mut chance)).collect();
            all.sort();
            all
        };
        let all = play(3);
        assert_eq!(all, play(3));
        assert_ne!(all, play(4));
        let of = |part: usize| all[all.len() * part / 100].as_millis();
        assert!((72..88).contains(&of(50)), "{}", of(50));
        assert!((600..1_100).contains(&of(99)), "{}", of(99));
        let wrong = Latency { median: "2s".parse().unwrap(), p99: "1s".parse().unwrap() };
        assert!(wrong.check().is_err());
    }

    #[test]
    fn an_outage_has_a_beginning_and_an_end() {
        let rule =
            OutageRule { after: "10s".parse().unwrap(), lasts: "5s".parse().unwrap(), kind: OutageKind::Unavailable };
        let seen: Vec<u64> = (0..20).filter(|second| rule.holds(Duration::from_secs(*second))).collect();
        assert_eq!(seen, [10, 11, 12, 13, 14]);
    }
}
