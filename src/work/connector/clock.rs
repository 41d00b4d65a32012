//! What Chorus Pro's answers say about the time: their `Date` beside this machine's clock.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::Timestamp;

/// The last comparison of the two clocks.
#[derive(Default)]
pub(super) struct Comparison(Mutex<Option<(i64, Instant)>>);

impl Comparison {
    /// An answer with this `Date` came in at `now`. The header has whole seconds, cut off: half a second is added. The
    /// way of the answer counts as this clock being ahead, which is little beside what matters here.
    pub(super) fn told(&self, date: Option<&str>, now: Timestamp) {
        let Some(theirs) = date.and_then(Timestamp::from_http_date) else { return };
        let ahead = now.millis().saturating_sub(theirs.millis().saturating_add(500));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((ahead, Instant::now()));
    }

    /// Milliseconds that this machine is ahead, and how long ago that was learnt.
    pub(super) fn ahead(&self) -> Option<(i64, Duration)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(|(ahead, at)| (ahead, at.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_ours_less_theirs_and_unreadable_dates_change_nothing() {
        let clock = Comparison::default();
        assert_eq!(clock.ahead(), None);
        let now: Timestamp = "2026-11-23T10:15:02.500Z".parse().unwrap();
        clock.told(Some("Mon, 23 Nov 2026 10:10:02 GMT"), now);
        assert_eq!(clock.ahead().unwrap().0, 300_000);
        clock.told(Some("soon"), now);
        clock.told(None, now);
        assert_eq!(clock.ahead().unwrap().0, 300_000);
        clock.told(Some("Mon, 23 Nov 2026 10:16:02 GMT"), now);
        assert_eq!(clock.ahead().unwrap().0, -60_000);
    }
}
