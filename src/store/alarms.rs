//! Alarms of the watch, and the notices that tell people of them. An alarm is a row for each thing it is about; a notice is
//! made in the same transaction that writes down who was told what, so that neither a restart nor a crash tells twice what
//! was told once.

use std::time::Duration;

use rusqlite::Row;

use super::columns::{count, fault_text, instant, maybe_instant};
use super::journal::Entry;
use super::reader::Reader;
use super::writer::Writing;
use super::{StoreError, queue};
use crate::domain::{InvoiceStatus, Realm, Timestamp};
use crate::fault::{Code, Fault, Gravity};
use crate::os::random;

/// Notices of one channel that wait to leave: a channel that never works must not fill the disk. The oldest go first.
const NOTICES_WAITING: i64 = 50;

/// No notice is put off for longer than this.
const NOTICE_DUE_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// What somebody has taken note of is theirs for so long; then it calls everybody again.
const ACKNOWLEDGED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// What it is about: there is one alarm for each.
    pub subject: String,
    pub realm: Option<Realm>,
    pub fault: Fault,
    pub gravity: Gravity,
    /// How far it has come: each further stage is told anew.
    pub stage: u32,
}

/// The subject of the alarm about a halted realm.
pub fn halt_subject(realm: &Realm) -> String {
    format!("{HALT}{realm}")
}

/// How the subjects of halts begin.
const HALT: &str = "halt:";

impl Alarm {
    /// Whether it tells of a halt.
    pub fn is_of_halt(&self) -> bool {
        self.subject.starts_with(HALT)
    }
}

/// What people were told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub at: Timestamp,
    pub gravity: Gravity,
    pub stage: u32,
}

/// An alarm as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmRecord {
    pub alarm: Alarm,
    pub raised_at: Timestamp,
    /// When code, gravity or stage changed last.
    pub changed_at: Timestamp,
    /// Set when it is over; kept until that was told.
    pub cleared_at: Option<Timestamp>,
    pub told: Option<Told>,
    /// Who has taken note of it as it is now, and when.
    pub acknowledged: Option<(Timestamp, String)>,
}

impl AlarmRecord {
    /// Whether somebody has taken note of it, not too long ago.
    pub fn is_seen(&self, now: Timestamp) -> bool {
        // In the future: by a clock that was ahead, and not for ever either.
        let lasts = |at: Timestamp| now.since(at).max(at.since(now)) < ACKNOWLEDGED_FOR;
        self.acknowledged.as_ref().is_some_and(|(at, _)| lasts(*at))
    }
}

/// A change of the alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmChange {
    /// It is there, or is no longer what it was.
    Raise(Alarm),
    /// It is over.
    Clear(String),
}

/// One alarm in a notice.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NoticeItem {
    pub subject: String,
    pub realm: Option<Realm>,
    pub fault: Fault,
    pub gravity: Gravity,
    pub since: Timestamp,
    /// When it was over, if it is.
    pub over: Option<Timestamp>,
}

/// A notice that waits to leave by its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub id: i64,
    /// Its name outside: the receiver knows one that comes twice.
    pub mark: String,
    pub channel: String,
    pub items: Vec<NoticeItem>,
    pub made_at: Timestamp,
    /// How often it has failed to leave.
    pub tries: u32,
}

/// What is to be told now, by which channels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Telling {
    /// (channel, what it carries)
    pub notices: Vec<(&'static str, Vec<NoticeItem>)>,
    /// Alarms that count as told as they are now.
    pub told: Vec<String>,
    /// Alarms that are over, and whose end is told or need not be.
    pub forgotten: Vec<String>,
}

/// *watch*: see [`super::Store::watch`].
pub fn watch(w: &mut Writing<'_>, changes: &[AlarmChange], at: Timestamp) -> Result<(), StoreError> {
    for change in changes {
        match change {
            AlarmChange::Raise(alarm) => raise(w, alarm, at)?,
            AlarmChange::Clear(subject) => clear(w, subject, at)?,
        }
    }
    Ok(())
}

fn raise(w: &mut Writing<'_>, alarm: &Alarm, at: Timestamp) -> Result<(), StoreError> {
    let realm = alarm.realm.as_ref().map(|realm| queue::numbered(w, realm)).transpose()?;
    let same = w.one(
        "SELECT 1 FROM alarm WHERE subject = ?1 AND cleared_at IS NULL AND code = ?2 AND gravity = ?3 AND stage = ?4",
        (&alarm.subject, alarm.fault.code.as_str(), alarm.gravity.as_str(), alarm.stage),
        |_| Ok(()),
    )?;
    if same.is_some() {
        // Only figures in its text changed: nothing to journal.
        w.run("UPDATE alarm SET fault = ?2 WHERE subject = ?1", (&alarm.subject, fault_text(&alarm.fault)))?;
        return Ok(());
    }
    let known = w.one(&format!("{ALARM} WHERE subject = ?1"), [&alarm.subject], self::alarm)?;
    // What somebody has taken note of was less grave, or was over meanwhile.
    let still = known.is_some_and(|known| {
        let before = &known.alarm;
        known.cleared_at.is_none()
            && before.fault.code == alarm.fault.code
            && before.gravity >= alarm.gravity
            && before.stage >= alarm.stage
    });
    // One that comes back before its end was told goes on, as if it had never been over.
    w.run(
        "INSERT INTO alarm (subject, realm, code, fault, gravity, stage, raised_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
         ON CONFLICT (subject) DO UPDATE SET realm = excluded.realm, code = excluded.code, fault = excluded.fault,
             gravity = excluded.gravity, stage = excluded.stage, changed_at = excluded.changed_at, cleared_at = NULL,
             acknowledged_at = iif(?8, acknowledged_at, NULL), acknowledged_by = iif(?8, acknowledged_by, NULL)",
        (
            &alarm.subject,
            realm,
            alarm.fault.code.as_str(),
            fault_text(&alarm.fault),
            alarm.gravity.as_str(),
            alarm.stage,
            at.millis(),
            still,
        ),
    )?;
    Entry::new("alarm", at, alarm.realm.as_ref())
        .object("subject", &alarm.subject)
        .object("gravity", alarm.gravity.as_str())
        .object("stage", alarm.stage)
        .fault(Some(&alarm.fault))
        .append(w)?;
    Ok(())
}

fn clear(w: &mut Writing<'_>, subject: &str, at: Timestamp) -> Result<(), StoreError> {
    let open = w.one(&format!("{ALARM} WHERE subject = ?1 AND cleared_at IS NULL"), [subject], alarm)?;
    let Some(open) = open else { return Ok(()) };
    w.run("UPDATE alarm SET cleared_at = ?2 WHERE subject = ?1", (subject, at.millis()))?;
    Entry::new("alarm_over", at, open.alarm.realm.as_ref())
        .object("subject", subject)
        .object("fault", open.alarm.fault.code)
        .append(w)?;
    Ok(())
}

/// *acknowledge*: see [`super::Store::acknowledge`].
pub fn acknowledge(
    w: &mut Writing<'_>,
    subject: &str,
    seen: Timestamp,
    person: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let open = w.one(&format!("{ALARM} WHERE subject = ?1 AND cleared_at IS NULL"), [subject], alarm)?;
    let Some(open) = open.filter(|open| open.changed_at == seen) else { return Ok(false) };
    if open.is_seen(at) {
        return Ok(true);
    }
    w.run(
        "UPDATE alarm SET acknowledged_at = ?2, acknowledged_by = ?3 WHERE subject = ?1",
        (subject, at.millis(), person),
    )?;
    Entry::new("alarm_acknowledged", at, open.alarm.realm.as_ref())
        .actor(person)
        .object("subject", subject)
        .object("fault", open.alarm.fault.code)
        .object("stage", open.alarm.stage)
        .append(w)?;
    Ok(true)
}

/// *tell*: see [`super::Store::tell`].
pub fn tell(w: &mut Writing<'_>, telling: &Telling, at: Timestamp) -> Result<(), StoreError> {
    for (channel, items) in &telling.notices {
        let items = serde_json::to_string(items).expect("codes and texts always serialise");
        w.run(
            "INSERT INTO notice (mark, channel, items, made_at, due) VALUES (?1, ?2, ?3, ?4, ?4)",
            (random::hex::<13>(), channel, items, at.millis()),
        )?;
        let dropped = w.run(
            "DELETE FROM notice WHERE channel = ?1 AND id NOT IN
             (SELECT id FROM notice WHERE channel = ?1 ORDER BY id DESC LIMIT ?2)",
            (channel, NOTICES_WAITING),
        )?;
        if dropped > 0 {
            log::warn!(channel = channel; "A notice was given up: too many wait for their channel");
        }
    }
    for subject in &telling.told {
        w.run(
            "UPDATE alarm SET noticed_at = ?2, noticed_gravity = gravity, noticed_stage = stage WHERE subject = ?1",
            (subject, at.millis()),
        )?;
    }
    for subject in &telling.forgotten {
        w.run("DELETE FROM alarm WHERE subject = ?1 AND cleared_at IS NOT NULL", [subject])?;
    }
    Ok(())
}

/// *notice left*: see [`super::Store::notice_left`].
pub fn left(w: &mut Writing<'_>, notice: &Notice, at: Timestamp) -> Result<(), StoreError> {
    if w.run("DELETE FROM notice WHERE id = ?1", [notice.id])? > 0 {
        Entry::new("notice", at, None)
            .object("channel", &notice.channel)
            .object("mark", &notice.mark)
            .object("alarms", notice.items.len())
            .append(w)?;
    }
    Ok(())
}

/// *notice stays*: see [`super::Store::notice_stays`].
pub fn stays(w: &mut Writing<'_>, id: i64, due: Timestamp) -> Result<(), StoreError> {
    w.run("UPDATE notice SET due = ?2, tries = tries + 1 WHERE id = ?1", (id, due.millis()))?;
    Ok(())
}

/// Notices of a channel that the configuration no longer has.
pub fn unaddressed(w: &mut Writing<'_>, channel: &str) -> Result<(), StoreError> {
    w.run("DELETE FROM notice WHERE channel = ?1", [channel])?;
    Ok(())
}

const ALARM: &str = "SELECT alarm.*, establishment, environment FROM alarm LEFT JOIN realm ON realm.id = alarm.realm";

fn alarm(r: &Row<'_>) -> rusqlite::Result<AlarmRecord> {
    let gravity = |column: &str| -> rusqlite::Result<Option<Gravity>> {
        let text = r.get_ref(column)?.as_str_or_null()?;
        Ok(text.and_then(|text| Gravity::ALL.into_iter().find(|g| g.as_str() == text)))
    };
    let realm = match r.get::<_, Option<i64>>("realm")? {
        Some(_) => Some(super::columns::realm(r)?),
        None => None,
    };
    let fault = super::columns::maybe_fault(r, "fault")?.ok_or(rusqlite::Error::InvalidQuery)?;
    let told = match (maybe_instant(r, "noticed_at")?, gravity("noticed_gravity")?) {
        (Some(at), Some(gravity)) => Some(Told { at, gravity, stage: r.get("noticed_stage")? }),
        _ => None,
    };
    Ok(AlarmRecord {
        alarm: Alarm {
            subject: r.get("subject")?,
            realm,
            fault,
            gravity: gravity("gravity")?.unwrap_or_default(),
            stage: r.get("stage")?,
        },
        raised_at: instant(r, "raised_at")?,
        changed_at: instant(r, "changed_at")?,
        cleared_at: maybe_instant(r, "cleared_at")?,
        told,
        acknowledged: maybe_instant(r, "acknowledged_at")?.zip(r.get("acknowledged_by")?),
    })
}

impl Reader {
    /// Every alarm, those that are over but not told as such included: the gravest first, then the oldest. One whose code
    /// this version does not know (an update was rolled back) is left out.
    pub fn alarms(&self) -> Result<Vec<AlarmRecord>, StoreError> {
        let mut alarms = self.all(&format!("{ALARM} ORDER BY raised_at, subject"), [], |r| Ok(alarm(r).ok()))?;
        alarms.sort_by_key(|a| std::cmp::Reverse(a.as_ref().map(|a| a.alarm.gravity)));
        Ok(alarms.into_iter().flatten().collect())
    }

    /// The notices of a channel that are due, oldest first; also what is due so late that the clock must have been ahead.
    pub fn due_notices(&self, channel: &str, now: Timestamp) -> Result<Vec<Notice>, StoreError> {
        let sql = "SELECT * FROM notice WHERE channel = ?1 AND (due <= ?2 OR due > ?3) ORDER BY id";
        let never = now.plus(NOTICE_DUE_WITHIN).millis();
        self.all(sql, (channel, now.millis(), never), |r| {
            Ok(Notice {
                id: r.get("id")?,
                mark: r.get("mark")?,
                channel: r.get("channel")?,
                items: serde_json::from_str(r.get_ref("items")?.as_str()?).unwrap_or_default(),
                made_at: instant(r, "made_at")?,
                tries: r.get("tries")?,
            })
        })
    }

    /// Flows without a final state that are late, by realm: how many, and since when the oldest.
    pub fn late(&self, now: Timestamp) -> Result<Vec<(Realm, u64, Timestamp)>, StoreError> {
        self.late_since(now.minus(self.deadline()))
    }

    /// Statuses of invoices that this version does not know: on how many invoices of each realm. Such an invoice's flow
    /// always shows a fault, be it a graver one.
    pub fn unknown_statuses(&self) -> Result<Vec<(Realm, String, u64)>, StoreError> {
        let known: Vec<&str> = InvoiceStatus::KNOWN.iter().map(InvoiceStatus::as_str).collect();
        let known = serde_json::to_string(&known).expect("words always serialise");
        self.codes(
            "SELECT establishment, environment, invoice.status AS code, count(*) AS n
             FROM flow INDEXED BY flow_stuck JOIN realm ON realm.id = flow.realm
             JOIN invoice ON invoice.realm = flow.realm AND invoice.flow = flow.id
             WHERE fault IS NOT NULL AND invoice.status NOT IN (SELECT value FROM json_each(?1))
             GROUP BY flow.realm, invoice.status",
            &known,
        )
    }

    /// States of fluxes that this version does not know, as the fault `code` names them: on how many fluxes of each realm.
    pub fn unknown_flux_states(&self, code: Code) -> Result<Vec<(Realm, String, u64)>, StoreError> {
        self.codes(
            "SELECT establishment, environment, json_extract(fault, '$.details.state') AS code, count(*) AS n
             FROM flow INDEXED BY flow_stuck JOIN realm ON realm.id = flow.realm
             WHERE fault IS NOT NULL AND fault_code = ?1 GROUP BY flow.realm, code",
            code.as_str(),
        )
    }

    fn codes(&self, sql: &str, key: &str) -> Result<Vec<(Realm, String, u64)>, StoreError> {
        self.all(sql, [key], |r| {
            let code = r.get::<_, Option<String>>("code")?.unwrap_or_else(|| "?".to_owned());
            Ok((super::columns::realm(r)?, code, count(r.get("n")?)))
        })
    }
}
