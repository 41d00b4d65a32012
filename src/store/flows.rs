//! What all kinds of flow share in a step: loading one, moving it, its fault, what a search finds it by.

use std::str::FromStr;

use super::columns::{fault_text, maybe_fault, maybe_word};
use super::journal::Entry;
use super::writer::Writing;
use super::{Passing, StoreError, WAITS_ON, queue, standing};
use crate::domain::{FlowId, Realm, Timestamp};
use crate::fault::{Fault, Retry};
use crate::flow::deposit::State;
use crate::flow::{Due, FlowKind, Job};

/// Characters kept for the search of one flow.
const SEARCH_LIMIT_CHARS: usize = 4000;

/// A flow as a step needs it.
pub struct Loaded {
    pub id: FlowId,
    /// The realm's number.
    pub realm: i64,
    pub place: Realm,
    pub kind: String,
    pub state: String,
    pub is_final: bool,
    pub fault_code: Option<String>,
    /// The split file it is a part of.
    pub parent: Option<FlowId>,
}

pub fn load(w: &Writing<'_>, id: &FlowId) -> Result<Loaded, StoreError> {
    w.one(
        "SELECT realm, establishment, environment, kind, state, is_final, fault_code, parent
         FROM flow JOIN realm ON realm.id = flow.realm WHERE flow.id = ?1",
        [id.as_str()],
        |r| {
            Ok(Loaded {
                id: id.clone(),
                realm: r.get("realm")?,
                place: super::columns::realm(r)?,
                kind: r.get("kind")?,
                state: r.get("state")?,
                is_final: r.get("is_final")?,
                fault_code: r.get("fault_code")?,
                parent: maybe_word(r, "parent")?,
            })
        },
    )?
    .ok_or_else(|| StoreError::UnknownFlow(id.clone()))
}

impl Loaded {
    /// The state in its own machine.
    pub fn state<S: FromStr>(&self, kind: FlowKind) -> Result<S, StoreError> {
        if self.kind != kind.as_str() {
            return Err(StoreError::Misuse("an event of another kind of flow"));
        }
        self.state.parse().map_err(|_| StoreError::Misuse("a state this version does not know"))
    }

    /// Asks for the receipt's next version. Only dropped files have one; a part's is that of its file.
    pub fn queue_receipt(&self, w: &mut Writing<'_>, at: Timestamp) -> Result<(), StoreError> {
        match &self.parent {
            Some(file) => queue::add(w, Some(self.realm), Job::Receipt, file, at),
            None if self.kind == FlowKind::Deposit.as_str() => {
                queue::add(w, Some(self.realm), Job::Receipt, &self.id, at)
            }
            None => Ok(()),
        }
    }

    /// Asks for the work of a decision. `not_before` overrides the wait of what needs Chorus Pro.
    pub fn queue_work(
        &self,
        w: &mut Writing<'_>,
        work: &[Due],
        not_before: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        for due in work {
            match due.job {
                Job::Receipt => self.queue_receipt(w, at)?,
                Job::Intake | Job::Deliver => queue::add(w, Some(self.realm), due.job, &self.id, due.at)?,
                Job::Reading
                | Job::Deposit
                | Job::Doubt
                | Job::Integration
                | Job::Statuses
                | Job::Fetch
                | Job::Change
                | Job::ChangeDoubt => {
                    queue::add(w, Some(self.realm), due.job, &self.id, not_before.unwrap_or(due.at))?;
                }
            }
        }
        Ok(())
    }

    /// Writes the state a decision led to.
    pub fn enter_state(&self, w: &Writing<'_>, to: &str, is_final: bool, at: Timestamp) -> Result<(), StoreError> {
        w.run(
            "UPDATE flow SET state = ?3, is_final = ?4, changed_at = ?5, since = iif(state = ?3, since, ?5)
             WHERE realm = ?1 AND id = ?2",
            (self.realm, self.id.as_str(), to, is_final, at.millis()),
        )?;
        Ok(())
    }

    /// The fault to show from now on. `given_up`: nobody waits for anything any more.
    pub fn show_fault(&self, w: &Writing<'_>, fault: Option<&Fault>, given_up: bool) -> Result<(), StoreError> {
        let waits = !given_up && fault.is_some_and(|f| f.retry() != Retry::Later);
        w.run(
            "UPDATE flow SET fault_code = ?3, fault = ?4, waits = iif(fault IS ?4 AND seen_at IS NOT NULL, 0, ?5),
                 seen_at = iif(fault IS ?4, seen_at, NULL), seen_by = iif(fault IS ?4, seen_by, NULL)
             WHERE realm = ?1 AND id = ?2",
            (self.realm, self.id.as_str(), fault.map(|f| f.code.as_str()), fault.map(fault_text), waits),
        )?;
        Ok(())
    }

    /// The row of a call that changes something, before its first byte leaves.
    pub fn begin_attempt(&self, w: &Writing<'_>, at: Timestamp) -> Result<(), StoreError> {
        w.run(
            "INSERT INTO attempt (realm, flow, n, intent_at)
             SELECT ?1, ?2, coalesce(max(n), 0) + 1, ?3 FROM attempt WHERE realm = ?1 AND flow = ?2",
            (self.realm, self.id.as_str(), at.millis()),
        )?;
        Ok(())
    }

    /// What came of the call.
    pub fn close_attempt(
        &self,
        w: &Writing<'_>,
        outcome: &str,
        number: Option<&str>,
        detail: Option<&str>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        w.run(
            "UPDATE attempt SET ended_at = ?3, outcome = ?4, deposit_number = ?5, detail = ?6
             WHERE realm = ?1 AND flow = ?2 AND outcome IS NULL",
            (self.realm, self.id.as_str(), at.millis(), outcome, number, detail),
        )?;
        Ok(())
    }

    /// An event that must never meet this state: journalled and shown, and nothing else changes.
    pub fn impossible(&self, w: &mut Writing<'_>, event: &str, at: Timestamp) -> Result<(), StoreError> {
        let fault = Fault::new(crate::fault::Code::Impossible).with("event", event).with("state", &self.state);
        Entry::new("impossible", at, Some(&self.place))
            .object("flow", &self.id)
            .object("state", &self.state)
            .object("event", event)
            .append(w)?;
        log::error!(flow = self.id.as_str(), event = event, state = self.state.as_str(); "An impossible event was refused");
        // What ended a flow stays on show.
        if !(self.is_final && self.fault_code.is_some()) {
            self.show_fault(w, Some(&fault), false)?;
            w.run(
                "UPDATE flow SET changed_at = ?3 WHERE realm = ?1 AND id = ?2",
                (self.realm, self.id.as_str(), at.millis()),
            )?;
        }
        self.queue_receipt(w, at)
    }

    /// Gathers anew what a search finds the flow by.
    pub fn refresh_search(&self, w: &Writing<'_>) -> Result<(), StoreError> {
        let mut text: String = w
            .one(
                "SELECT concat_ws(' ', id, file, deposit_number) FROM flow WHERE realm = ?1 AND id = ?2",
                (self.realm, self.id.as_str()),
                |r| r.get(0),
            )?
            .unwrap_or_default();
        let invoices = w.all(
            "SELECT concat_ws(' ', number, supplier, supplier_name, recipient, recipient_name) FROM invoice
             WHERE realm = ?1 AND flow = ?2 ORDER BY ordinal LIMIT 100",
            (self.realm, self.id.as_str()),
            |r| r.get::<_, String>(0),
        )?;
        for invoice in invoices {
            text.push(' ');
            text.push_str(&invoice);
        }
        w.run(
            "UPDATE flow SET search = ?3 WHERE realm = ?1 AND id = ?2",
            (self.realm, self.id.as_str(), searchable(&text)),
        )?;
        Ok(())
    }
}

/// As the search column holds it.
pub fn searchable(text: &str) -> String {
    text.to_lowercase().chars().take(SEARCH_LIMIT_CHARS).collect()
}

/// A new name: a UUID of version 7, rising within this process.
pub fn new_id() -> FlowId {
    FlowId::from_u128(uuid::Uuid::now_v7().as_u128())
}

/// A new name for what happened a while ago: before all that came since.
pub fn id_of(at: Timestamp) -> FlowId {
    let (seconds, millis) = (at.millis().div_euclid(1000), at.millis().rem_euclid(1000));
    let nanos = u32::try_from(millis * 1_000_000).unwrap_or(0);
    let at = uuid::Timestamp::from_unix(uuid::NoContext, u64::try_from(seconds).unwrap_or(0), nanos);
    FlowId::from_u128(uuid::Uuid::new_v7(at).as_u128())
}

/// *see*: see [`super::Store::see`].
pub fn see(
    w: &mut Writing<'_>,
    id: &FlowId,
    as_of: Timestamp,
    person: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let flow = load(w, id)?;
    let key = (flow.realm, id.as_str(), as_of.millis());
    let sql = "SELECT waits, seen_at FROM flow WHERE realm = ?1 AND id = ?2 AND changed_at = ?3";
    let now = w.one(sql, key, |r| Ok((r.get::<_, bool>("waits")?, r.get::<_, Option<i64>>("seen_at")?)))?;
    let waits_on = WAITS_ON.iter().any(|code| flow.fault_code.as_deref() == Some(code.as_str()))
        || standing::has_waiting(w, flow.realm, id)?;
    match now {
        Some((_, Some(_))) => return Ok(true),
        Some((true, None)) if flow.is_final && flow.fault_code.is_some() && !waits_on => {}
        _ => return Ok(false),
    }
    w.run(
        "UPDATE flow SET waits = 0, seen_at = ?3, seen_by = ?4 WHERE realm = ?1 AND id = ?2",
        (flow.realm, id.as_str(), at.millis(), person),
    )?;
    Entry::new("seen", at, Some(&flow.place))
        .actor(person)
        .object("flow", id)
        .maybe("fault", flow.fault_code.as_deref())
        .append(w)?;
    Ok(true)
}

/// *trouble*: see [`super::Store::trouble`].
pub fn trouble(w: &mut Writing<'_>, id: &FlowId, fault: Option<&Fault>, at: Timestamp) -> Result<(), StoreError> {
    let flow = load(w, id)?;
    if flow.kind == FlowKind::Deposit.as_str() && flow.state.parse::<State>().is_ok_and(State::is_followed) {
        return standing::stand(w, id, Passing::Now(fault.cloned().into_iter().collect()), at);
    }
    let shown = w.one("SELECT fault FROM flow WHERE realm = ?1 AND id = ?2", (flow.realm, id.as_str()), |r| {
        maybe_fault(r, "fault")
    })?;
    if shown.flatten().as_ref() == fault {
        return Ok(());
    }
    Entry::new("trouble", at, Some(&flow.place))
        .object("flow", id)
        .object("fault", fault.map_or("none", |f| f.code.as_str()))
        .fault(fault)
        .append(w)?;
    flow.show_fault(w, fault, false)?;
    w.run("UPDATE flow SET changed_at = ?3 WHERE realm = ?1 AND id = ?2", (flow.realm, id.as_str(), at.millis()))?;
    flow.queue_receipt(w, at)
}
