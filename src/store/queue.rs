//! Work rows: what is to be done, when, and in whose hands. A row stands once per job and subject; asked for again it
//! keeps the earlier date, and while it is leased the wish waits for the lease's end.

use std::time::Duration;

use super::columns::{integer, realm as realm_of, word};
use super::writer::Writing;
use super::{Lease, StoreError, changes, deposits, receptions};
use crate::domain::{Environment, FlowId, Realm, Timestamp};
use crate::flow::{FlowKind, Job};

/// Leases given at once, at most.
const LEASES_AT_ONCE: usize = 256;

/// Work due later than this was put off by a clock that was ahead.
const FARTHEST_DUE: Duration = Duration::from_secs(8 * 24 * 3600);

/// The establishment in the lease of a receipt that no realm claims.
const UNROUTED: &str = "unrouted";

fn needs_chorus(job: Job) -> bool {
    match job {
        Job::Reading
        | Job::Deposit
        | Job::Doubt
        | Job::Integration
        | Job::Statuses
        | Job::Fetch
        | Job::Change
        | Job::ChangeDoubt => true,
        Job::Intake | Job::Receipt | Job::Deliver => false,
    }
}

/// Asks for `job` on `subject`, not before `due`.
pub fn add(
    w: &mut Writing<'_>,
    realm: Option<i64>,
    job: Job,
    subject: &FlowId,
    due: Timestamp,
) -> Result<(), StoreError> {
    w.run(
        "INSERT INTO work (realm, job, subject, due) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (subject, job) DO UPDATE SET
             due = iif(token IS NULL, min(due, excluded.due), due),
             again = iif(token IS NULL, NULL, min(coalesce(again, excluded.due), excluded.due))",
        (realm, job.as_str(), subject.as_str(), due.millis()),
    )?;
    w.woke = true;
    Ok(())
}

/// Asks for the receipt of every deposit of a realm that is under way: what they wait for has changed.
pub fn add_receipts(w: &mut Writing<'_>, realm: i64, due: Timestamp) -> Result<(), StoreError> {
    let waiting = w.all(
        "SELECT id FROM flow WHERE kind = 'deposit' AND realm = ?1
         AND state IN ('received', 'ready', 'sending', 'doubtful', 'deposited')",
        [realm],
        |r| word::<FlowId>(r, "id"),
    )?;
    for flow in &waiting {
        add(w, Some(realm), Job::Receipt, flow, due)?;
    }
    Ok(())
}

/// Makes deposits due that were put off.
pub fn hurry(w: &mut Writing<'_>, realm: i64, now: Timestamp) -> Result<(), StoreError> {
    let hurried = w.run(
        "UPDATE work SET due = ?2 WHERE job = 'deposit' AND realm = ?1 AND token IS NULL AND due > ?2",
        (realm, now.millis()),
    )?;
    w.woke |= hurried > 0;
    Ok(())
}

/// Fails unless the lease is still in its holder's hands.
pub fn check_held(w: &Writing<'_>, lease: &Lease) -> Result<(), StoreError> {
    w.one("SELECT 1 FROM work WHERE id = ?1 AND token = ?2", (lease.id, lease.token), |_| Ok(()))?
        .ok_or(StoreError::LeaseLost)
}

/// Ends a lease: the row goes, or is due again when that was asked for meanwhile.
pub fn end(w: &mut Writing<'_>, lease: &Lease) -> Result<(), StoreError> {
    let again = w.run(
        "UPDATE work SET due = again, again = NULL, token = NULL, until = NULL, tries = 0
         WHERE id = ?1 AND token = ?2 AND again IS NOT NULL",
        (lease.id, lease.token),
    )?;
    if again == 1 {
        w.woke = true;
        return Ok(());
    }
    match w.run("DELETE FROM work WHERE id = ?1 AND token = ?2", (lease.id, lease.token))? {
        1 => Ok(()),
        _ => Err(StoreError::LeaseLost),
    }
}

/// What a decision does with the lease it is made under. It is touched only once the decision is known to be possible: an
/// impossible one leaves the lease where it is, and its end, in time or not, sees to the flow.
#[derive(Clone, Copy)]
pub enum Hold<'a> {
    /// Made without a lease: by a person, or by another step.
    Free,
    /// The lease ends with the decision.
    Ends(&'a Lease),
    /// The work goes on under it: an intent.
    Goes(&'a Lease),
}

impl<'a> Hold<'a> {
    /// Of a decision: the lease, if any, is still in its holder's hands.
    pub fn ends(w: &Writing<'_>, lease: Option<&'a Lease>) -> Result<Self, StoreError> {
        let Some(lease) = lease else { return Ok(Hold::Free) };
        check_held(w, lease)?;
        Ok(Hold::Ends(lease))
    }

    /// Of an intent: the lease is that of this very job, and still in its holder's hands.
    pub fn goes(w: &Writing<'_>, lease: &'a Lease, job: Job, flow: &FlowId) -> Result<Self, StoreError> {
        if lease.job != job || lease.flow != *flow {
            return Err(StoreError::Misuse("the lease is not that of this flow's call"));
        }
        check_held(w, lease)?;
        Ok(Hold::Goes(lease))
    }

    /// The decision is possible: ends what ends, and when the flow `moves` to another state, the work of the former one.
    pub fn settle(self, w: &mut Writing<'_>, flow: &FlowId, moves: bool) -> Result<(), StoreError> {
        if let Hold::Ends(lease) = self {
            end(w, lease)?;
        }
        let kept = if let Hold::Goes(lease) = self { Some(lease) } else { None };
        if moves { clear(w, flow, kept) } else { Ok(()) }
    }
}

/// Removes the work of a state that a flow has left, in whoever's hands; receipts and the row `kept` stay.
pub fn clear(w: &Writing<'_>, flow: &FlowId, kept: Option<&Lease>) -> Result<(), StoreError> {
    w.run(
        "DELETE FROM work WHERE subject = ?1 AND job <> 'receipt' AND id IS NOT ?2",
        (flow.as_str(), kept.map(|lease| lease.id)),
    )?;
    Ok(())
}

/// What is lost when the lease of a call that changes something ends without a decision: the call may have been made, so
/// its flow, still `sending`, becomes doubtful.
type Lose = fn(&mut Writing<'_>, &FlowId, &str, Timestamp) -> Result<(), StoreError>;

/// The jobs whose calls change something at Chorus Pro, with the kind of their flows.
const CHANGING: &[(Job, FlowKind, Lose)] =
    &[(Job::Deposit, FlowKind::Deposit, deposits::lose), (Job::Change, FlowKind::StatusChange, changes::lose)];

fn doubt_if_sending(
    w: &mut Writing<'_>,
    job: &str,
    flow: &FlowId,
    why: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let Some((_, kind, lose)) = CHANGING.iter().find(|(changing, ..)| changing.as_str() == job) else {
        return Ok(false);
    };
    let sending = w
        .one(
            "SELECT 1 FROM flow WHERE id = ?1 AND kind = ?2 AND state = 'sending'",
            (flow.as_str(), kind.as_str()),
            |_| Ok(()),
        )?
        .is_some();
    if sending {
        lose(w, flow, why, at)?;
    }
    Ok(sending)
}

/// The work that a state cannot be without: kind, state, job. A flow that loses it would be forgotten.
pub const NEEDED: &[(FlowKind, &str, Job)] = &[
    (FlowKind::Deposit, "received", Job::Intake),
    (FlowKind::Deposit, "unmatched", Job::Intake),
    (FlowKind::Deposit, "ready", Job::Deposit),
    (FlowKind::Deposit, "doubtful", Job::Doubt),
    (FlowKind::Deposit, "deposited", Job::Integration),
    (FlowKind::Reception, "found", Job::Fetch),
    (FlowKind::Reception, "fetched", Job::Deliver),
    (FlowKind::StatusChange, "asked", Job::Change),
    (FlowKind::StatusChange, "doubtful", Job::ChangeDoubt),
];

pub fn finish(w: &mut Writing<'_>, lease: &Lease, at: Timestamp) -> Result<(), StoreError> {
    check_held(w, lease)?;
    if doubt_if_sending(w, lease.job.as_str(), &lease.flow, "the call ended without an answer", at)? {
        return Ok(());
    }
    if is_needed(w, lease)? {
        log::warn!(flow = lease.flow.as_str(), job = lease.job.as_str(); "Work ended and left its flow where it was: it is due again");
        return put_off(w, lease, at.plus(w.policy.deposit_retry));
    }
    end(w, lease)
}

/// Whether the flow still stands where only this work takes it further.
fn is_needed(w: &Writing<'_>, lease: &Lease) -> Result<bool, StoreError> {
    for (kind, state, _) in NEEDED.iter().filter(|(_, _, job)| *job == lease.job) {
        let there = w.one(
            "SELECT 1 FROM flow WHERE id = ?1 AND kind = ?2 AND state = ?3",
            (lease.flow.as_str(), kind.as_str(), state),
            |_| Ok(()),
        )?;
        if there.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Due again at `at`. Work that `failed` counts its tries on; what only waits begins anew.
pub fn postpone(w: &mut Writing<'_>, lease: &Lease, at: Timestamp, failed: bool) -> Result<(), StoreError> {
    check_held(w, lease)?;
    let now = w.now();
    if doubt_if_sending(w, lease.job.as_str(), &lease.flow, "the call was put off without an answer", now)? {
        return Ok(());
    }
    if !failed {
        w.run("UPDATE work SET tries = 0 WHERE id = ?1", [lease.id])?;
    }
    put_off(w, lease, at)
}

fn put_off(w: &mut Writing<'_>, lease: &Lease, at: Timestamp) -> Result<(), StoreError> {
    w.run(
        "UPDATE work SET due = min(?3, coalesce(again, ?3)), again = NULL, token = NULL, until = NULL
         WHERE id = ?1 AND token = ?2",
        (lease.id, lease.token, at.millis()),
    )?;
    w.woke = true;
    Ok(())
}

/// Work that may be leased.
struct Candidate {
    id: i64,
    realm: Option<i64>,
    job: Job,
    flow: FlowId,
    due: i64,
    tries: u32,
}

pub fn lease(
    w: &mut Writing<'_>,
    jobs: &[Job],
    most: usize,
    now: Timestamp,
    length: Duration,
) -> Result<Vec<Lease>, StoreError> {
    release_expired(w, now)?;
    let most = most.min(LEASES_AT_ONCE);
    let until = now.plus(length);
    let mut leases = Vec::new();
    for candidate in candidates(w, jobs, most, now)? {
        let Candidate { id, realm, job, flow, tries, .. } = candidate;
        if doubt_if_sending(w, job.as_str(), &flow, "the call was interrupted", now)? {
            continue;
        }
        *w.token += 1;
        let token = *w.token;
        w.run("UPDATE work SET token = ?2, until = ?3, tries = tries + 1 WHERE id = ?1", (id, token, until.millis()))?;
        let realm = match realm {
            Some(realm) => named(w, realm)?,
            None => Realm {
                establishment: UNROUTED.parse().expect("a lower-case word is an establishment's name"),
                environment: Environment::Practice,
            },
        };
        leases.push(Lease { id, token, job, flow, realm, tries, until });
    }
    Ok(leases)
}

/// Due work of every realm that is not halted, oldest first. Asked realm by realm, so that the backlog of a halted one
/// costs the others nothing.
fn candidates(w: &Writing<'_>, jobs: &[Job], most: usize, now: Timestamp) -> Result<Vec<Candidate>, StoreError> {
    let realms = w.all("SELECT id, EXISTS (SELECT 1 FROM halt WHERE halt.realm = realm.id) FROM realm", [], |r| {
        Ok((Some(r.get::<_, i64>(0)?), r.get::<_, bool>(1)?))
    })?;
    let mut found = Vec::new();
    for &job in jobs {
        for &(realm, halted) in realms.iter().chain([&(None, false)]) {
            if halted && needs_chorus(job) {
                continue;
            }
            found.extend(w.all(
                "SELECT id, subject, due, tries FROM work
                 WHERE job = ?1 AND realm IS ?2 AND token IS NULL AND due <= ?3 ORDER BY due LIMIT ?4",
                (job.as_str(), realm, now.millis(), integer(most as u64)),
                |r| {
                    let (id, due, tries) = (r.get("id")?, r.get("due")?, r.get("tries")?);
                    Ok(Candidate { id, realm, job, flow: word(r, "subject")?, due, tries })
                },
            )?);
        }
    }
    found.sort_by_key(|c| (c.due, c.id));
    found.truncate(most);
    Ok(found)
}

/// Gives back what was leased and not ended in time.
fn release_expired(w: &mut Writing<'_>, now: Timestamp) -> Result<(), StoreError> {
    let expired =
        w.all("SELECT id, job, subject FROM work WHERE token IS NOT NULL AND until <= ?1", [now.millis()], |r| {
            Ok((r.get::<_, i64>("id")?, r.get::<_, String>("job")?, word::<FlowId>(r, "subject")?))
        })?;
    for (id, job, flow) in expired {
        if !doubt_if_sending(w, &job, &flow, "the call took longer than its lease", now)? {
            release(w, id)?;
        }
    }
    Ok(())
}

fn release(w: &Writing<'_>, id: i64) -> Result<(), StoreError> {
    w.run(
        "UPDATE work SET due = min(due, coalesce(again, due)), again = NULL, token = NULL, until = NULL WHERE id = ?1",
        [id],
    )?;
    Ok(())
}

/// The clock was put back by `by`: what was planned with the former clock is planned that much earlier. A wait that
/// began since is cut short: only a look too early.
pub fn put_back(w: &mut Writing<'_>, now: Timestamp, by: Duration) -> Result<(), StoreError> {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    w.run(
        "UPDATE work SET due = iif(due > ?1, max(?1, due - ?2), due), again = iif(again > ?1, max(?1, again - ?2), again),
             until = iif(until > ?1, max(?1, until - ?2), until)",
        (now.millis(), by),
    )?;
    w.woke = true;
    pull_in(w, now)
}

/// The clock was ahead and was put right while nobody looked: what then became due in a future that is not near is due
/// now. A wait that was meant to be that long is only a look too early.
pub fn pull_in(w: &mut Writing<'_>, now: Timestamp) -> Result<(), StoreError> {
    let pulled = w.run("UPDATE work SET due = ?1 WHERE due > ?2", (now.millis(), now.plus(FARTHEST_DUE).millis()))?;
    if pulled > 0 {
        log::warn!(work = pulled; "Work was due in a far future, by a clock that was ahead: it is due now");
        w.woke = true;
    }
    Ok(())
}

/// At open: no lease of a former process counts, a deposit it left in `sending` is doubtful, and no flow is without the
/// work that takes it further.
pub fn recover(w: &mut Writing<'_>, now: Timestamp) -> Result<(), StoreError> {
    pull_in(w, now)?;
    for id in w.all("SELECT id FROM work WHERE token IS NOT NULL", [], |r| r.get(0))? {
        release(w, id)?;
    }
    for (_, kind, lose) in CHANGING {
        let sql = "SELECT id FROM flow WHERE kind = ?1 AND state = 'sending'";
        let sending = w.all(sql, [kind.as_str()], |r| word(r, "id"))?;
        for flow in &sending {
            lose(w, flow, "found unfinished at start", now)?;
        }
        if !sending.is_empty() {
            log::warn!(kind = kind.as_str(), flows = sending.len(); "Calls without an answer were found at start: they are doubtful now");
        }
    }
    for (kind, state, job) in NEEDED {
        let forgotten = w.run(
            "INSERT INTO work (realm, job, subject, due) SELECT realm, ?3, id, ?4 FROM flow
             WHERE kind = ?1 AND state = ?2 AND NOT EXISTS (SELECT 1 FROM work WHERE subject = flow.id AND job = ?3)",
            (kind.as_str(), state, job.as_str(), now.millis()),
        )?;
        if forgotten > 0 {
            log::warn!(flows = forgotten, job = job.as_str(); "Flows without their next work were found at start: it is due again");
        }
    }
    receptions::recover(w, now)
}

/// A realm's number, made when it is new.
pub fn numbered(w: &Writing<'_>, realm: &Realm) -> Result<i64, StoreError> {
    let key = (realm.establishment.as_str(), realm.environment.as_str());
    let known = w.one("SELECT id FROM realm WHERE establishment = ?1 AND environment = ?2", key, |r| r.get(0))?;
    if let Some(known) = known {
        return Ok(known);
    }
    w.run("INSERT INTO realm (establishment, environment) VALUES (?1, ?2)", key)?;
    w.one("SELECT id FROM realm WHERE establishment = ?1 AND environment = ?2", key, |r| r.get(0))?
        .ok_or(StoreError::Misuse("a realm that was just written"))
}

/// The realm of a number.
pub fn named(w: &Writing<'_>, realm: i64) -> Result<Realm, StoreError> {
    w.one("SELECT establishment, environment FROM realm WHERE id = ?1", [realm], realm_of)?
        .ok_or(StoreError::Misuse("a realm's number that no realm has"))
}
