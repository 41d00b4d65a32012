//! Where the rounds over a flow's invoices are, and what they have found of each so far: kept from one to the next.

use std::collections::BTreeSet;

use crate::domain::Timestamp;
use crate::store::{FOLLOWING, FlowRecord};

/// Invoices of each kind that are kept: more than a flux of the API holds, within what may be remembered.
const KEPT: usize = 2_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Before this only invoices that no search has shown yet are looked for.
    pub full_at: Timestamp,
    /// The invoice at which a round was broken off; those before it were looked at.
    pub next: u32,
    /// How often that one got no answer.
    pub tries: u32,
    /// Whether that round looked at every invoice.
    pub is_full: bool,
    /// Known there, and no search shows them any more.
    pub unseen: BTreeSet<u32>,
    /// About which Chorus Pro gives no answer that can be used.
    pub unanswered: BTreeSet<u32>,
    /// How often in a row the flux as a whole got no answer that can be used.
    pub searches: u32,
    /// When that was counted last.
    pub counted_at: Timestamp,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            full_at: Timestamp::EPOCH,
            next: 0,
            tries: 0,
            is_full: false,
            unseen: BTreeSet::new(),
            unanswered: BTreeSet::new(),
            searches: 0,
            counted_at: Timestamp::EPOCH,
        }
    }
}

impl Place {
    pub fn name(flow: &FlowRecord) -> String {
        format!("{FOLLOWING}{}", flow.id)
    }

    /// What cannot be read is the beginning.
    pub fn read(text: Option<&str>) -> Self {
        let mut words = text.unwrap_or_default().split(' ');
        let full_at = words.next().and_then(|n| n.parse().ok()).map(Timestamp::from_millis);
        let mut number = || words.next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let (next, tries, full) = (number(), number(), number());
        let mut list = || words.next().unwrap_or_default().split(',').filter_map(|n| n.parse().ok()).collect();
        let (unseen, unanswered) = (list(), list());
        let searches = words.next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let counted_at = words.next().and_then(|n| n.parse().ok()).map_or(Timestamp::EPOCH, Timestamp::from_millis);
        let full_at = full_at.unwrap_or(Timestamp::EPOCH);
        Self { full_at, next, tries, is_full: full != 0, unseen, unanswered, searches, counted_at }
    }

    pub fn text(&self) -> String {
        let Self { next, tries, searches, .. } = self;
        let (unseen, unanswered) = (list(&self.unseen), list(&self.unanswered));
        let (full_at, is_full, counted_at) = (self.full_at.millis(), u8::from(self.is_full), self.counted_at.millis());
        format!("{full_at} {next} {tries} {is_full} {unseen} {unanswered} {searches} {counted_at}")
    }
}

fn list(all: &BTreeSet<u32>) -> String {
    let words: Vec<String> = all.iter().take(KEPT).map(u32::to_string).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_none_is_the_beginning() {
        let place = Place {
            full_at: Timestamp::from_millis(12),
            next: 7,
            tries: 1,
            is_full: true,
            unseen: BTreeSet::from([1, 4]),
            unanswered: BTreeSet::from([3]),
            searches: 5,
            counted_at: Timestamp::from_millis(34),
        };
        assert_eq!(Place::read(Some(&place.text())), place);
        assert_eq!(Place::read(Some(&Place::default().text())), Place::default());
        assert_eq!(Place::read(None), Place::default());
        // As an earlier version wrote it, and as a change of ours does.
        assert_eq!(
            Place::read(Some("12 7")),
            Place { full_at: Timestamp::from_millis(12), next: 7, ..Place::default() }
        );
        assert_eq!(Place::read(Some("0 0 0 0 - - flow")), Place::default());
    }
}
