//! The simulated clock: how long things take, hurried or frozen, while every instant told to a client stays on the
//! client's calendar.
//!
//! Simulated time is a [`Duration`] since the start. It decides *what* has happened. The instant *told* for something
//! is the real one at which the simulated clock passed it, so a client that asks "changed since yesterday, until now"
//! finds what a hurried clock made happen a second ago.

use std::time::{Duration, Instant};

use crate::domain::Timestamp;

/// Changes of speed remembered; what happened before the oldest is told with its date.
const SEGMENTS_KEPT: usize = 4_096;

#[derive(Debug, Clone, Copy)]
struct Segment {
    /// Real time since the start.
    real: Duration,
    /// Simulated time since the start.
    simulated: Duration,
    speed: f64,
}

/// Real time in, simulated time out; and back.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    started_at: Timestamp,
    segments: Vec<Segment>,
    /// The speed to go on with after a freeze.
    cruising: f64,
}

impl Clock {
    /// `speed`: simulated seconds per real second, already checked.
    pub fn new(speed: f64) -> Self {
        Self::starting(Instant::now(), Timestamp::now(), speed)
    }

    fn starting(started: Instant, started_at: Timestamp, speed: f64) -> Self {
        let first = Segment { real: Duration::ZERO, simulated: Duration::ZERO, speed };
        Self { started, started_at, segments: vec![first], cruising: speed }
    }

    /// Simulated time since the start.
    pub fn now(&self) -> Duration {
        self.at(self.started.elapsed())
    }

    /// The real instant, for dates told to clients.
    pub fn today(&self) -> Timestamp {
        self.started_at.plus(self.started.elapsed())
    }

    /// Simulated seconds in a real one, now.
    pub fn speed(&self) -> f64 {
        self.last().speed
    }

    fn at(&self, real: Duration) -> Duration {
        let last = self.last();
        last.simulated + real.saturating_sub(last.real).mul_f64(last.speed)
    }

    fn last(&self) -> &Segment {
        self.segments.last().expect("the first segment is never removed without another")
    }

    /// The real instant at which the clock passed `simulated`.
    pub fn told(&self, simulated: Duration) -> Timestamp {
        let next = self.segments.partition_point(|segment| segment.simulated <= simulated).max(1);
        let segment = self.segments[next - 1];
        let mut real = segment.real;
        if segment.speed > 0.0 {
            real += simulated.saturating_sub(segment.simulated).div_f64(segment.speed);
        }
        if let Some(following) = self.segments.get(next) {
            real = real.min(following.real);
        }
        self.started_at.plus(real)
    }

    /// Goes on at another speed; 0 freezes.
    pub fn set_speed(&mut self, speed: f64) {
        self.turn(self.started.elapsed(), Duration::ZERO, speed);
        if speed > 0.0 {
            self.cruising = speed;
        }
    }

    /// Goes on at the last speed that was not 0.
    pub fn resume(&mut self) {
        self.set_speed(self.cruising);
    }

    /// Leaps ahead at once.
    pub fn advance(&mut self, by: Duration) {
        let speed = self.last().speed;
        self.turn(self.started.elapsed(), by, speed);
    }

    fn turn(&mut self, real: Duration, leap: Duration, speed: f64) {
        let simulated = self.at(real).saturating_add(leap);
        self.segments.push(Segment { real, simulated, speed });
        if self.segments.len() > SEGMENTS_KEPT {
            self.segments.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn hurrying_leaping_and_freezing_keep_told_instants_on_the_real_calendar() {
        let start: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let mut clock = Clock::starting(Instant::now(), start, 60.0);
        assert_eq!(clock.at(seconds(10)), seconds(600));
        assert_eq!(clock.told(seconds(300)), start.plus(seconds(5)));
        clock.turn(seconds(10), seconds(86_400), 60.0); // a day ahead after ten seconds
        assert_eq!(clock.at(seconds(10)), seconds(87_000));
        assert_eq!(clock.told(seconds(50_000)), start.plus(seconds(10)), "within the leap: when it was made");
        assert_eq!(clock.told(seconds(87_060)), start.plus(seconds(11)));
        clock.turn(seconds(20), Duration::ZERO, 0.0);
        assert_eq!(clock.at(seconds(20)), clock.at(seconds(2000)), "frozen");
        clock.turn(seconds(30), Duration::ZERO, 1.0);
        assert_eq!(clock.at(seconds(31)), seconds(87_601));
        assert_eq!(clock.told(seconds(87_601)), start.plus(seconds(31)));
    }

    #[test]
    fn freeze_and_resume_come_back_to_the_speed_there_was() {
        let mut clock = Clock::new(5_000.0);
        clock.set_speed(0.0);
        let frozen = clock.now();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(clock.now(), frozen);
        clock.resume();
        std::thread::sleep(Duration::from_millis(5));
        assert!(clock.now() >= frozen + seconds(25));
    }
}
