//! When people are told of an alarm: pure. One notice for what is raised within a minute, one at each further stage, one a
//! day for what stays critical and nobody has taken note of lately, one when it is over, and none twice.

use std::time::Duration;

use crate::domain::Timestamp;
use crate::fault::Gravity;
use crate::store::{AlarmRecord, NoticeItem, Telling};
use crate::work::watch::judgement::channel_subject;
use crate::work::watch::settings::Pace;

/// What is to be told now; `None`: nothing, or nobody to tell.
pub(super) fn telling(
    known: &[AlarmRecord],
    channels: &[&'static str],
    level: Gravity,
    now: Timestamp,
    pace: &Pace,
) -> Option<Telling> {
    let mut telling = Telling::default();
    let mut items = Vec::new();
    let mut due = false;
    for record in known {
        let Some(cleared) = record.cleared_at else {
            // Who has taken note of it knows, told or not.
            let seen = record.is_seen(now);
            let fresh = record.alarm.gravity >= level && is_news(record) && !seen;
            let again = record.alarm.gravity == Gravity::Critical
                && !seen
                && record.told.is_some_and(|told| has_passed(told.at, now, pace.repeat));
            if !channels.is_empty() && (fresh || again) {
                due |= again || has_passed(record.changed_at, now, pace.gather);
                items.push(item(record));
                telling.told.push(record.alarm.subject.clone());
            }
            continue;
        };
        let wait = if record.told.is_some() { pace.over_after } else { pace.gather };
        if has_passed(cleared, now, wait) {
            if record.told.is_some() && !channels.is_empty() {
                due = true;
                items.push(item(record));
            }
            telling.forgotten.push(record.alarm.subject.clone());
        }
    }
    if !due {
        items.clear();
        telling.told.clear();
    }
    for channel in channels {
        // A channel cannot tell of its own failing.
        let own = channel_subject(channel);
        let items: Vec<NoticeItem> = items.iter().filter(|item| item.subject != own).cloned().collect();
        if !items.is_empty() {
            telling.notices.push((channel, items));
        }
    }
    (telling != Telling::default()).then_some(telling)
}

/// Whether people know less than what is.
fn is_news(record: &AlarmRecord) -> bool {
    record.told.is_none_or(|told| record.alarm.gravity > told.gravity || record.alarm.stage > told.stage)
}

/// Whether the wait is over. What is noted in the future is from a clock that was ahead: it has waited long enough.
fn has_passed(since: Timestamp, now: Timestamp, wait: Duration) -> bool {
    since > now || now.since(since) >= wait
}

fn item(record: &AlarmRecord) -> NoticeItem {
    NoticeItem {
        subject: record.alarm.subject.clone(),
        realm: record.alarm.realm.clone(),
        fault: record.alarm.fault.clone(),
        gravity: record.alarm.gravity,
        since: record.raised_at,
        over: record.cleared_at,
    }
}
