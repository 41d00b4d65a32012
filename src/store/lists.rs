//! Reads of many things: the list of flows with its search, the first screen, what is due.

use std::time::Duration;

use rusqlite::Row;

use super::columns::{count, integer, maybe_fault, maybe_hash, maybe_instant, maybe_word, realm, word};
use super::reader::Reader;
use super::{Census, FlowQuery, FlowRecord, Overview, StoreError, Subset};
use crate::domain::{FlowId, Realm, Timestamp};
use crate::fault::Code;
use crate::flow::{FlowKind, Job};

/// Flows in one answer when the question does not say.
const FLOWS_BY_DEFAULT: usize = 50;

/// Flows in one answer at most.
const FLOWS_AT_MOST: usize = 1000;

/// Flows that the first screen shows as waiting for somebody.
const STUCK_SHOWN: usize = 30;

/// Flows that should be further by now. Tries that come to nothing begin a state anew, so what has not left this box yet
/// counts from its arrival. A PDF that waits for its data is late once they had their time (FG-221). `?1`: before then.
macro_rules! late {
    () => {
        "SELECT id FROM flow INDEXED BY flow_deposited
         WHERE kind = 'deposit' AND state IN ('sending', 'doubtful', 'deposited') AND since < ?1 UNION
         SELECT id FROM flow INDEXED BY flow_state
         WHERE kind = 'deposit' AND state IN ('received', 'ready') AND received_at < ?1 UNION
         SELECT id FROM flow INDEXED BY flow_state
         WHERE kind = 'deposit' AND state = 'incomplete' AND fault_code = 'FG-221' AND received_at < ?1 UNION
         SELECT id FROM flow INDEXED BY flow_state
         WHERE kind = 'reception' AND state IN ('found', 'fetched') AND received_at < ?1"
    };
}

const FLOW: &str = "SELECT flow.*, establishment, environment, number AS invoice_number, status AS invoice_status
     FROM flow JOIN realm ON realm.id = flow.realm
     LEFT JOIN invoice ON invoice.realm = flow.realm AND invoice.flow = flow.id AND invoice.ordinal = 0";

/// Waits for a person (to act, or to read what ended it), or for what is late: a verdict, or its way to Chorus Pro or from
/// there, whatever the reason. `?1`: since before then.
const STUCK: &str = concat!("flow.id IN (SELECT id FROM flow WHERE waits = 1 UNION ", late!(), ")");

/// With a fault, or late. `?1`: since before then.
const FAULTY: &str =
    concat!("flow.id IN (SELECT id FROM flow INDEXED BY flow_stuck WHERE fault IS NOT NULL UNION ", late!(), ")");

/// A kind of flow that counts as one of these states.
macro_rules! counted {
    ($kind:literal, $states:literal) => {
        concat!("flow.kind = '", $kind, "' AND flow.counts_as IN (", $states, ")")
    };
}

impl Subset {
    /// Which flows are in it. `?1`: late is what should have been further before then.
    fn condition(self) -> &'static str {
        match self {
            Subset::Stuck => STUCK,
            Subset::Faulty => FAULTY,
            Subset::Waiting => counted!("deposit", "'received', 'ready', 'sending'"),
            Subset::Incomplete => counted!("deposit", "'incomplete'"),
            Subset::Doubtful => counted!("deposit", "'doubtful'"),
            Subset::Deposited => counted!("deposit", "'deposited'"),
            Subset::Integrated => counted!("deposit", "'integrated', 'partly_integrated'"),
            Subset::Refused => counted!("deposit", "'refused', 'rejected'"),
            Subset::Found => counted!("reception", "'found'"),
            Subset::Fetched => counted!("reception", "'fetched'"),
            Subset::Delivered => counted!("reception", "'delivered'"),
            Subset::Taken => counted!("reception", "'taken'"),
            Subset::ToValidate => {
                "flow.kind = 'reception' AND role = 'validator' AND EXISTS (SELECT 1 FROM invoice AS own
                 WHERE own.realm = flow.realm AND own.flow = flow.id AND own.ordinal = 0
                 AND own.status IN ('A_VALIDER_1', 'A_VALIDER_2'))"
            }
        }
    }

    /// Whether the first screen has a number of it beside its list of what waits.
    fn is_counted(self) -> bool {
        !matches!(self, Subset::Stuck | Subset::Faulty)
    }
}

fn flow(r: &Row<'_>) -> rusqlite::Result<FlowRecord> {
    Ok(FlowRecord {
        id: word(r, "id")?,
        kind: kind(r)?,
        realm: realm(r)?,
        account: word(r, "account")?,
        state: r.get("state")?,
        is_final: r.get("is_final")?,
        file: r.get("file")?,
        sha256: maybe_hash(r, "sha256")?,
        size: r.get::<_, Option<i64>>("size")?.map(count),
        syntax: r.get("syntax")?,
        received_at: super::columns::instant(r, "received_at")?,
        changed_at: super::columns::instant(r, "changed_at")?,
        deposit_number: maybe_word(r, "deposit_number")?,
        fault: maybe_fault(r, "fault")?,
        since: super::columns::instant(r, "since")?,
        waits: r.get("waits")?,
        seen: maybe_instant(r, "seen_at")?.zip(r.get("seen_by")?),
        delivered_as: r.get("delivered_as")?,
        parent: maybe_word(r, "parent")?,
        invoice_number: maybe_word(r, "invoice_number")?,
        invoice_status: maybe_word(r, "invoice_status")?,
        role: word(r, "role")?,
    })
}

fn kind(r: &Row<'_>) -> rusqlite::Result<FlowKind> {
    let text = r.get_ref("kind")?.as_str()?;
    FlowKind::ALL.into_iter().find(|k| k.as_str() == text).ok_or(rusqlite::Error::InvalidQuery)
}

impl Reader {
    pub fn flow(&self, id: &FlowId) -> Result<Option<FlowRecord>, StoreError> {
        self.one(&format!("{FLOW} WHERE flow.id = ?1"), [id.as_str()], flow)
    }

    /// The parts of a split file, in their order.
    pub fn parts(&self, file: &FlowId) -> Result<Vec<FlowRecord>, StoreError> {
        let sql = format!(
            "{FLOW} WHERE flow.parent = ?1 AND flow.realm = (SELECT realm FROM flow WHERE id = ?1) ORDER BY flow.id"
        );
        self.all(&sql, [file.as_str()], flow)
    }

    /// Newest first. `text` searches file name, invoice number, deposit number, flow id, supplier and recipient.
    pub fn flows(&self, query: &FlowQuery) -> Result<Vec<FlowRecord>, StoreError> {
        let most = if query.most == 0 { FLOWS_BY_DEFAULT } else { query.most.min(FLOWS_AT_MOST) };
        let text = query.text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_lowercase);
        let late = Timestamp::now().minus(self.deadline());
        let subset = query.subset.map_or("TRUE", Subset::condition);
        let sql = format!(
            "{FLOW} WHERE ?1 IS NOT NULL AND {subset} AND (?2 IS NULL OR instr(search, ?2) > 0) AND (?3 IS NULL OR flow.kind = ?3)
             AND flow.id < ?4 AND (?6 IS NULL OR fault_code = ?6)
             ORDER BY flow.id DESC LIMIT ?5"
        );
        // Behind every id.
        let before = query.before.as_ref().map_or("~", FlowId::as_str);
        let (kind, fault) = (query.kind.map(FlowKind::as_str), query.fault.map(Code::as_str));
        let key = (late.millis(), text, kind, before, integer(most as u64), fault);
        self.all(&sql, key, flow)
    }

    /// The first screen: what there is of each, what waits for whom, halts, oldest undone work.
    pub fn overview(&self, now: Timestamp) -> Result<Overview, StoreError> {
        // One snapshot for the whole screen; ended without a change.
        let snapshot = self.db().unchecked_transaction()?;
        let late = [now.minus(self.deadline()).millis()];
        let mut counts = Vec::new();
        for subset in Subset::ALL.into_iter().filter(|subset| subset.is_counted()) {
            let sql = format!("SELECT count(*) FROM flow WHERE ?1 IS NOT NULL AND {}", subset.condition());
            counts.push((subset, self.one(&sql, late, |r| r.get(0))?.map_or(0, count)));
        }
        let order = "flow.is_final, iif(flow.is_final, -flow.changed_at, 0), flow.id";
        let stuck = self.all(&format!("{FLOW} WHERE {STUCK} ORDER BY {order} LIMIT {STUCK_SHOWN}"), late, flow)?;
        // Of one that has ended: since it did.
        let sql = format!(
            "SELECT count(*) AS n, min(iif(is_final AND fault IS NOT NULL, changed_at, since)) AS oldest
             FROM flow WHERE {STUCK}"
        );
        let all_stuck = self.one(&sql, late, |r| Ok((count(r.get("n")?), maybe_instant(r, "oldest")?)))?;
        let (stuck_total, stuck_since) = all_stuck.unwrap_or_default();
        let sql = format!(
            "SELECT fault_code, count(*) AS n FROM flow WHERE {STUCK} AND fault IS NOT NULL GROUP BY fault_code"
        );
        // A code that this version does not know (an update was rolled back) is nobody's.
        let stuck_faults = self
            .all(&sql, late, |r| Ok(r.get_ref("fault_code")?.as_str()?.parse().ok().zip(Some(count(r.get("n")?)))))?;
        let work = self.work(now)?;
        let leaves = self.one("SELECT leaves FROM journal", [], |r| r.get(0))?.map_or(0, count);
        let midnight = midnight(now).millis();
        let today = |sql: &str| Ok::<_, StoreError>(self.one(sql, [midnight], |r| r.get(0))?.map_or(0, count));
        let overview = Overview {
            is_empty: self.one("SELECT 1 FROM flow LIMIT 1", [], |_| Ok(()))?.is_none(),
            counts,
            stuck,
            stuck_total,
            stuck_since,
            stuck_faults: stuck_faults.into_iter().flatten().collect(),
            halts: self.halts()?,
            work,
            leaves,
            last_checkpoint: self.checkpoint()?.map(|c| c.at),
            drops_today: today(
                "SELECT count(*) FROM flow WHERE kind = 'deposit' AND received_at >= ?1 AND counts_as IS NOT NULL",
            )?,
            received_today: today("SELECT count(*) FROM flow WHERE kind = 'reception' AND received_at >= ?1")?,
        };
        drop(snapshot);
        Ok(overview)
    }

    /// For the metrics: flows by realm, kind and state, flows that wait for somebody by realm, due work by realm and job.
    pub fn census(&self, now: Timestamp) -> Result<Census, StoreError> {
        let snapshot = self.db().unchecked_transaction()?;
        let flows = self.all(
            "SELECT establishment, environment, kind, state, count(*) AS n FROM flow
             JOIN realm ON realm.id = flow.realm GROUP BY flow.realm, kind, state",
            [],
            |r| Ok((realm(r)?, kind(r)?, r.get("state")?, count(r.get("n")?))),
        )?;
        let stuck = self.all(
            &format!(
                "SELECT establishment, environment, count(*) AS n FROM flow
                 JOIN realm ON realm.id = flow.realm WHERE {STUCK} GROUP BY flow.realm"
            ),
            [now.minus(self.deadline()).millis()],
            |r| Ok((realm(r)?, count(r.get("n")?))),
        )?;
        let work = self.all(
            "SELECT establishment, environment, job, count(*) AS n, min(due) AS oldest FROM work
             JOIN realm ON realm.id = work.realm WHERE token IS NULL AND due <= ?1 GROUP BY work.realm, job",
            [now.millis()],
            |r| Ok((realm(r)?, r.get("job")?, count(r.get("n")?), maybe_instant(r, "oldest")?)),
        )?;
        drop(snapshot);
        Ok(Census { flows, stuck, work })
    }

    /// See [`Reader::late`].
    pub(super) fn late_since(&self, before: Timestamp) -> Result<Vec<(Realm, u64, Timestamp)>, StoreError> {
        let sql = format!(
            "SELECT establishment, environment, count(*) AS n, min(CASE WHEN state IN ('sending', 'doubtful', 'deposited')
                 THEN since ELSE received_at END) AS oldest
             FROM flow JOIN realm ON realm.id = flow.realm WHERE flow.id IN ({}) GROUP BY flow.realm",
            late!()
        );
        self.all(&sql, [before.millis()], |r| {
            Ok((realm(r)?, count(r.get("n")?), super::columns::instant(r, "oldest")?))
        })
    }

    fn work(&self, now: Timestamp) -> Result<Vec<(Job, u64, Option<Timestamp>)>, StoreError> {
        let mut work = Vec::new();
        for job in Job::ALL {
            let due = self.one(
                "SELECT count(*) AS n, min(due) AS oldest FROM work WHERE job = ?1 AND token IS NULL AND due <= ?2",
                (job.as_str(), now.millis()),
                |r| Ok((count(r.get("n")?), maybe_instant(r, "oldest")?)),
            )?;
            if let Some((n, oldest)) = due
                && n > 0
            {
                work.push((job, n, oldest));
            }
        }
        Ok(work)
    }

    /// When the next work of any of `jobs` may begin, leased work aside; `None` when there is none. (Halts are not
    /// looked at.)
    pub fn next_due(&self, jobs: &[Job]) -> Result<Option<Timestamp>, StoreError> {
        let mut next = None;
        for job in jobs {
            // A lease that runs out is due again.
            let due = self
                .one("SELECT min(due) AS due FROM work WHERE job = ?1 AND token IS NULL", [job.as_str()], |r| {
                    maybe_instant(r, "due")
                })?
                .flatten();
            next = match (next, due) {
                (Some(a), Some(b)) => Some(std::cmp::min(a, b)),
                (a, b) => a.or(b),
            };
        }
        Ok(next)
    }
}

/// The last midnight in Paris, by the clock's face (an hour off on the two days when the clock changes).
fn midnight(now: Timestamp) -> Timestamp {
    let face = now.paris_iso();
    let number = |range: std::ops::Range<usize>| face.get(range).and_then(|d| d.parse::<u64>().ok()).unwrap_or(0);
    let passed = (number(11..13) * 60 + number(14..16)) * 60 + number(17..19);
    Timestamp::from_millis(now.minus(Duration::from_secs(passed)).millis() / 1000 * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_in_paris() {
        let at: Timestamp = "2026-11-23T10:15:02.007Z".parse().unwrap();
        assert_eq!(midnight(at).to_string(), "2026-11-22T23:00:00.000Z");
        let at: Timestamp = "2026-07-01T22:30:00Z".parse().unwrap();
        assert_eq!(midnight(at).to_string(), "2026-07-01T22:00:00.000Z");
    }
}
