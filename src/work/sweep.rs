//! The two lists that are read once a week beside what is new, so that nothing missed stays missed: everything open, and
//! everything by date since the first day.
//!
//! Promise: each is read again for what a realm is owed (`others`), once; one that did not come to its end rests before it is
//! read again, so that fifty thousand invoices are not listed with every look. What is kept here a start forgets: it reads
//! once more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::domain::{Realm, Timestamp};
use crate::work::others::Owed;

/// Between two readings of a list.
const EVERY: Duration = Duration::from_secs(7 * 24 * 3600);
/// After a reading that did not come to its end, before the next one, doubled each time in a row up to a week: our own
/// downloads take invoices off the list of what is open while it is read, and a page that Chorus Pro fails to give is as long
/// in coming; a row that cannot be read stays.
const REST: Duration = Duration::from_secs(3600);
/// How far back the reading by date goes at most.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum List {
    /// Whatever has had a state since the first day, whoever downloaded it and whatever became of it.
    Past,
    /// Whatever is open and was downloaded by nobody, however old.
    Open,
}

impl List {
    pub const ALL: [List; 2] = [List::Past, List::Open];

    /// The named value that holds when a realm's list was last read throughout.
    pub fn name(self) -> &'static str {
        match self {
            List::Past => "reception.reread",
            List::Open => "reception.swept",
        }
    }
}

/// How much of a list was read; of two, the later says what came of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Came {
    Whole,
    /// Every row was there, and some cannot be read.
    Unreadable,
    /// Chorus Pro announced more than it listed.
    Cut,
    /// It gave no answer, or refused one.
    Unanswered,
}

/// What came of the readings of each realm's lists.
#[derive(Debug, Default)]
pub(super) struct Readings(BTreeMap<(Realm, List), Reading>);

#[derive(Debug, Default)]
struct Reading {
    /// When it last ended before its end.
    broken: Option<Instant>,
    /// How often in a row.
    times: u32,
    /// What the realm was owed when it was last whole: whose account showed which structure.
    had: BTreeSet<(Realm, String)>,
}

impl Readings {
    /// Whether a list, `whole` at, is to be read: each week, and for what is owed.
    pub fn is_due(&self, realm: &Realm, list: List, whole: Option<Timestamp>, owed: &Owed, now: Timestamp) -> bool {
        is_week_over(whole, now) || !self.has(realm, list, owed)
    }

    pub fn rests(&self, realm: &Realm, list: List) -> bool {
        let reading = self.0.get(&(realm.clone(), list));
        reading.is_some_and(|reading| reading.broken.is_some_and(|at| at.elapsed() < rest(reading.times)))
    }

    /// Whether a list was whole since the realm is owed this.
    pub fn has(&self, realm: &Realm, list: List, owed: &Owed) -> bool {
        let reading = self.0.get(&(realm.clone(), list));
        owed.entries().all(|entry| reading.is_some_and(|reading| reading.had.contains(&entry)))
    }

    /// What came of a reading of so many pages, for what is `owed` if the configuration is still the one by which it was read.
    /// Rows that nobody can read are not owed: asking again gives the same. A question that was not answered at all costs
    /// little: it does not rest.
    pub fn came(&mut self, realm: &Realm, list: List, came: Came, pages: u32, owed: Option<&Owed>) {
        let reading = self.0.entry((realm.clone(), list)).or_default();
        if came <= Came::Unreadable {
            reading.had = owed.map(|owed| owed.entries().collect()).unwrap_or_default();
        }
        let rests = came != Came::Whole && (came < Came::Unanswered || pages > 1);
        reading.broken = rests.then(Instant::now);
        reading.times = if rests { reading.times.saturating_add(1) } else { 0 };
    }

    /// What is owed no more was read, or is somebody else's by now: should it be owed again, it is read again.
    pub fn forget_all_but(&mut self, realm: &Realm, owed: &Owed) {
        for list in List::ALL {
            if let Some(reading) = self.0.get_mut(&(realm.clone(), list)) {
                reading.had.retain(|had| owed.entries().any(|entry| entry == *had));
            }
        }
    }
}

/// How long a list rests that broke off so many times in a row.
fn rest(times: u32) -> Duration {
    REST.saturating_mul(1 << times.saturating_sub(1).min(8)).min(EVERY)
}

/// A clock that went back counts for nothing.
fn is_week_over(whole: Option<Timestamp>, now: Timestamp) -> bool {
    whole.is_none_or(|at| at > now || now.since(at) >= EVERY)
}

/// Where the reading by date begins: on the day that the route wishes; else on the `first` day that the establishment received
/// here, or since what it is `owed` was passed over.
pub(super) fn past_begin(
    wished: Option<Timestamp>,
    first: Timestamp,
    owed: Option<Timestamp>,
    now: Timestamp,
) -> Timestamp {
    let from = wished.unwrap_or_else(|| owed.map_or(first, |since| first.min(since)));
    from.max(now.minus(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Environment;

    #[test]
    fn a_list_that_breaks_off_rests_ever_longer_and_rows_that_cannot_be_read_are_not_owed() {
        assert_eq!([1, 2, 3, 4].map(rest), [1, 2, 4, 8].map(|hours| Duration::from_secs(3600) * hours));
        assert_eq!((rest(9), rest(u32::MAX)), (EVERY, EVERY));
        let realm: Realm = Realm { establishment: "u".parse().unwrap(), environment: Environment::Practice };
        let mut readings = Readings::default();
        let owed = Owed::default();
        readings.came(&realm, List::Past, Came::Cut, 250, Some(&owed));
        assert!(readings.rests(&realm, List::Past) && !readings.rests(&realm, List::Open));
        readings.came(&realm, List::Past, Came::Unanswered, 1, Some(&owed));
        assert!(!readings.rests(&realm, List::Past), "one question that got no answer");
        readings.came(&realm, List::Past, Came::Unreadable, 250, Some(&owed));
        assert!(readings.rests(&realm, List::Past), "the row will not be readable with the next look");
        readings.came(&realm, List::Past, Came::Whole, 250, Some(&owed));
        assert!(!readings.rests(&realm, List::Past));
    }

    #[test]
    fn the_lists_are_read_at_first_and_once_a_week() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let day = |days: u32| now.minus(Duration::from_secs(86_400) * days);
        let due = |days| is_week_over(Some(day(days)), now);
        assert!(is_week_over(None, now) && due(7) && due(60) && !due(6) && !due(0));
        assert!(is_week_over(Some(now.plus(EVERY)), now), "a clock that went back");
        assert_eq!(past_begin(None, day(35), None, now), day(35));
        assert_eq!(past_begin(None, day(35), Some(day(60)), now), day(60), "passed over before the first day");
        assert_eq!(past_begin(None, day(90), Some(day(60)), now), day(90));
        assert_eq!(past_begin(Some(day(20)), day(35), Some(day(60)), now), day(20), "as it is wished");
        assert_eq!(past_begin(None, day(800), None, now), day(400));
    }
}
