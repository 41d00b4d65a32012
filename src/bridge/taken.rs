//! Names taken a moment ago: for a minute a client that looks at the file it just sent still finds it (DESIGN §4).

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::staging::Staged;
use crate::gate::Entry;

/// How long a taken name is remembered.
pub const TAKEN_TIME: Duration = Duration::from_secs(60);
/// Names remembered at once; the oldest is forgotten first.
const TAKEN_NAMES: usize = 16_384;

/// The memory; shared by all connections, so that a client that reconnects finds its file too.
#[derive(Debug, Default)]
pub struct Taken {
    names: Mutex<Names>,
}

#[derive(Debug, Default)]
struct Names {
    entries: HashMap<Staged, (Entry, Instant)>,
    /// In the order of their coming; a name taken again stands twice, and only its newest time counts.
    order: VecDeque<(Staged, Instant)>,
}

impl Taken {
    pub fn remember(&self, name: Staged, entry: Entry, now: Instant) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((oldest, at)) = names.order.front() {
            if names.order.len() < TAKEN_NAMES && now.duration_since(*at) < TAKEN_TIME {
                break;
            }
            let (oldest, at) = (oldest.clone(), *at);
            names.order.pop_front();
            if names.entries.get(&oldest).is_some_and(|(_, newest)| *newest == at) {
                names.entries.remove(&oldest);
            }
        }
        names.order.push_back((name.clone(), now));
        names.entries.insert(name, (entry, now));
    }

    pub fn find(&self, name: &Staged, now: Instant) -> Option<Entry> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let (entry, at) = names.entries.get(name)?;
        (now.duration_since(*at) < TAKEN_TIME).then(|| entry.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::EntryKind;

    fn name(n: usize) -> Staged {
        Staged { account: "a".parse().unwrap(), folder: "depot".into(), name: n.to_string() }
    }

    fn entry(size: u64) -> Entry {
        Entry { name: "x".into(), kind: EntryKind::File, size, modified: 0 }
    }

    #[test]
    fn a_name_is_remembered_for_a_minute_and_memory_is_bounded() {
        let taken = Taken::default();
        let start = Instant::now();
        taken.remember(name(1), entry(1), start);
        taken.remember(name(1), entry(2), start + Duration::from_secs(30));
        assert_eq!(taken.find(&name(1), start + Duration::from_secs(80)).unwrap().size, 2);
        assert!(taken.find(&name(1), start + Duration::from_secs(91)).is_none());
        assert!(taken.find(&name(2), start).is_none());
        for n in 0..TAKEN_NAMES + 10 {
            taken.remember(name(n), entry(0), start + Duration::from_secs(31));
        }
        let names = taken.names.lock().unwrap();
        assert!(names.order.len() <= TAKEN_NAMES && names.entries.len() <= TAKEN_NAMES);
    }
}
