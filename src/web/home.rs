//! The first screen: is anything stuck, since when, who must act.

use askama::Template;

use crate::domain::{Realm, Timestamp};
use crate::fault::{Code, Fault, Gravity};
use crate::store::{AlarmRecord, FlowRecord, Overview, Reader, StoreError, Subset};
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::headline::{Situation, alarm_of};
use crate::web::page::{Chrome, REFRESH_SECONDS, Visit};
use crate::web::site::Site;
use crate::web::words::{Tone, Tongue};

/// A fault in words.
pub struct FaultView {
    pub code: &'static str,
    pub who: &'static str,
    pub title: String,
    pub remedy: String,
    pub retry: &'static str,
}

impl FaultView {
    pub fn new(fault: &Fault, t: Tongue) -> Self {
        Self {
            code: fault.code.as_str(),
            who: t.actor(fault.actor()),
            title: t.typeset(&fault.title(t.0)),
            remedy: t.typeset(&fault.remedy(t.0)),
            retry: t.retry(fault.retry()),
        }
    }
}

/// A flow in a list.
pub struct FlowLine {
    pub id: String,
    pub file: String,
    pub number: String,
    pub kind: &'static str,
    pub state: String,
    pub tone: &'static str,
    pub status: Option<(String, &'static str)>,
    pub deposit: String,
    pub fault: Option<FaultView>,
    pub account: String,
    pub realm: String,
    pub received: String,
    pub since: String,
    pub ago: String,
    /// Who has read what ended it, and when.
    pub seen: Option<String>,
    /// Where nobody has yet: the flow as it changed last.
    pub to_see: Option<i64>,
}

impl FlowLine {
    pub fn new(flow: &FlowRecord, t: Tongue, now: Timestamp) -> Self {
        let (state, tone) = t.state(flow.kind, &flow.state);
        Self {
            id: flow.id.to_string(),
            file: flow.file.clone(),
            number: flow.invoice_number.as_ref().map(ToString::to_string).unwrap_or_default(),
            kind: t.kind_in(flow.kind, flow.role),
            state,
            tone: tone.class(),
            status: flow.invoice_status.as_ref().map(|s| t.status(s)).map(|(label, tone)| (label, tone.class())),
            deposit: flow.deposit_number.as_ref().map(ToString::to_string).unwrap_or_default(),
            fault: flow.fault.as_ref().map(|f| FaultView::new(f, t)),
            account: flow.account.to_string(),
            realm: format!("{} · {}", flow.realm.establishment, t.environment(flow.realm.environment)),
            received: flow.received_at.paris_text(),
            since: waiting_since(flow).paris_text(),
            ago: t.ago(waiting_since(flow), now),
            seen: flow.seen.as_ref().map(|(at, person)| {
                format!("{} {person}, {} {}", t.say("Vu par", "Seen by"), t.say("le", "on"), at.paris_text())
            }),
            to_see: flow.is_to_be_seen().then(|| flow.changed_at.millis()),
        }
    }

    /// What the flow is called in a list: its file, or its invoice when no file has a name.
    pub fn name(&self) -> &str {
        if self.file.is_empty() { &self.number } else { &self.file }
    }
}

struct HaltView {
    realm: String,
    fault: FaultView,
    since: String,
    ago: String,
    /// What may be acknowledged: the halt's alarm, as it changed last.
    open: Option<(String, i64)>,
    /// Who has taken note of it, and when.
    acknowledged: Option<String>,
}

impl HaltView {
    fn new((realm, fault, at): &(Realm, Fault, Timestamp), alarms: &[AlarmRecord], t: Tongue, now: Timestamp) -> Self {
        let alarm = alarm_of(realm, fault, alarms);
        Self {
            realm: format!("{} · {}", realm.establishment, t.environment(realm.environment)),
            fault: FaultView::new(fault, t),
            since: at.paris_text(),
            ago: t.ago(*at, now),
            open: alarm.filter(|a| !a.is_seen(now)).map(|a| (a.alarm.subject.clone(), a.changed_at.millis())),
            acknowledged: alarm.and_then(|alarm| acknowledged(alarm, t, now)),
        }
    }
}

/// Who has taken note of an alarm, as long as that counts.
fn acknowledged(record: &AlarmRecord, t: Tongue, now: Timestamp) -> Option<String> {
    record.acknowledged.as_ref().filter(|_| record.is_seen(now)).map(|(at, person)| {
        let (by, on) = (t.say("Pris en compte par", "Acknowledged by"), t.say("le", "on"));
        format!("{by} {person}, {on} {}", at.paris_text())
    })
}

/// An alarm of the watch.
struct AlarmView {
    gravity: &'static str,
    tone: &'static str,
    /// Red, for the card's edge.
    critical: bool,
    fault: FaultView,
    realm: Option<String>,
    since: String,
    ago: String,
    /// The flows that it counts.
    flows: Option<&'static str>,
    subject: String,
    /// What is acknowledged: the alarm as it changed last.
    seen: i64,
    /// Who has taken note of it, and when.
    acknowledged: Option<String>,
}

impl AlarmView {
    fn new(record: &AlarmRecord, t: Tongue, now: Timestamp) -> Self {
        let seen = record.is_seen(now);
        let tone = match record.alarm.gravity {
            _ if seen => Tone::Quiet,
            Gravity::Critical => Tone::Bad,
            Gravity::Warning => Tone::Warn,
            Gravity::Info => Tone::Quiet,
        };
        let realm = record.alarm.realm.as_ref();
        Self {
            gravity: record.alarm.gravity.label(t.0),
            tone: tone.class(),
            critical: record.alarm.gravity == Gravity::Critical && !seen,
            fault: FaultView::new(&record.alarm.fault, t),
            realm: realm.map(|realm| format!("{} · {}", realm.establishment, t.environment(realm.environment))),
            since: record.raised_at.paris_text(),
            ago: t.ago(record.raised_at, now),
            flows: match record.alarm.fault.code {
                Code::DeliveriesUntaken => Some("/flux?faute=FG-507"),
                Code::FlowsLate => Some("/flux?etat=stuck"),
                _ => None,
            },
            subject: record.alarm.subject.clone(),
            seen: record.changed_at.millis(),
            acknowledged: acknowledged(record, t, now),
        }
    }
}

/// The alarms: those that nobody has taken note of lately before the others, the gravest first.
fn open_alarms(reader: &Reader, now: Timestamp) -> Result<Vec<AlarmRecord>, StoreError> {
    let mut alarms = reader.alarms()?;
    alarms.retain(|a| a.cleared_at.is_none());
    alarms.sort_by_key(|a| a.is_seen(now));
    Ok(alarms)
}

struct Tile {
    label: &'static str,
    count: String,
    tone: &'static str,
    link: String,
}

struct WorkView {
    job: &'static str,
    count: String,
    due: String,
}

#[derive(Template)]
#[template(path = "home.html", config = "src/web/askama.toml")]
struct HomePage<'a> {
    c: &'a Chrome,
    headline: String,
    tone: &'static str,
    /// Who must act, and in how many cases.
    actors: Vec<(&'static str, String)>,
    oldest: Option<String>,
    boot: Option<FaultView>,
    halts: Vec<HaltView>,
    alarms: Vec<AlarmView>,
    stuck: Vec<FlowLine>,
    stuck_total: u64,
    drops: String,
    received: String,
    sent_tiles: Vec<Tile>,
    received_tiles: Vec<Tile>,
    work: Vec<WorkView>,
    checkpoint: Option<(String, String)>,
    leaves: String,
    now: String,
    empty: bool,
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let now = Timestamp::now();
    let reader = site.reader()?;
    let overview = reader.overview(now)?;
    let alarms = open_alarms(&reader, now)?;
    let boot = site.fault();
    let situation = Situation { overview: &overview, alarms: &alarms, boot: boot.as_ref(), now };
    let t = visit.t;
    let mut c = visit.chrome(site, ask, "home", t.say("Accueil", "Home"));
    c.refresh = Some(REFRESH_SECONDS);
    let (headline, tone) = situation.headline(t);
    let page = HomePage {
        c: &c,
        headline,
        tone: tone.class(),
        actors: situation.actors(t),
        oldest: situation.since().map(|at| format!("{} ({})", t.ago(at, now), at.paris_text())),
        boot: boot.as_ref().map(|f| FaultView::new(f, t)),
        halts: overview.halts.iter().map(|halt| HaltView::new(halt, &alarms, t, now)).collect(),
        alarms: alarms
            .iter()
            .filter(|alarm| !alarm.alarm.is_of_halt())
            .map(|alarm| AlarmView::new(alarm, t, now))
            .collect(),
        stuck: overview.stuck.iter().map(|f| FlowLine::new(f, t, now)).collect(),
        stuck_total: overview.stuck_total,
        drops: t.number(overview.drops_today),
        received: t.number(overview.received_today),
        sent_tiles: tiles(t, &overview, &SENT),
        received_tiles: tiles(t, &overview, &RECEIVED),
        work: overview
            .work
            .iter()
            .filter(|(_, count, _)| *count > 0)
            .map(|(job, count, due)| WorkView {
                job: t.job(*job),
                count: t.number(*count),
                due: due.map(|at| due_text(t, at, now)).unwrap_or_default(),
            })
            .collect(),
        checkpoint: overview.last_checkpoint.map(|at| (at.paris_text(), t.ago(at, now))),
        leaves: t.number(overview.leaves),
        now: now.paris_text(),
        empty: overview.is_empty,
    };
    Ok(Answer::html(page.render()?))
}

/// A person has taken note of an alarm: as it was when the page was made.
pub fn acknowledge(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let seen = ask.form.get("seen").parse().map(Timestamp::from_millis).map_err(|_| Trouble::NotFound)?;
    let (subject, now) = (ask.form.get("subject"), Timestamp::now());
    let done = site.store.acknowledge(subject, seen, visit.person(), now).wait()?;
    Ok(Answer::see_other(if done { "/?fait=alarme-vue" } else { "/?fait=alarme-changee" }))
}

fn due_text(t: Tongue, at: Timestamp, now: Timestamp) -> String {
    if at > now { format!("{} {}", t.say("dans", "in"), t.span(at.since(now))) } else { t.ago(at, now) }
}

/// Since when a flow waits for somebody: of one that has ended, since what became of its invoice was seen.
fn waiting_since(flow: &FlowRecord) -> Timestamp {
    if flow.is_final && flow.fault.is_some() { flow.changed_at } else { flow.since }
}

/// The numbers of sent invoices, and how each looks.
const SENT: [(Subset, Tone); 6] = [
    (Subset::Waiting, Tone::Busy),
    (Subset::Incomplete, Tone::Warn),
    (Subset::Doubtful, Tone::Warn),
    (Subset::Deposited, Tone::Busy),
    (Subset::Integrated, Tone::Good),
    (Subset::Refused, Tone::Bad),
];

/// Those of received ones.
const RECEIVED: [(Subset, Tone); 5] = [
    (Subset::ToValidate, Tone::Warn),
    (Subset::Found, Tone::Busy),
    (Subset::Fetched, Tone::Busy),
    (Subset::Delivered, Tone::Good),
    (Subset::Taken, Tone::Good),
];

/// Each leads to the list of exactly what it counts. Who never validates sees nothing of it.
fn tiles(t: Tongue, overview: &Overview, of: &[(Subset, Tone)]) -> Vec<Tile> {
    let count = |subset| overview.counts.iter().find(|(counted, _)| *counted == subset).map_or(0, |(_, count)| *count);
    of.iter()
        .map(|&(subset, tone)| (subset, count(subset), tone))
        .filter(|&(subset, count, _)| subset != Subset::ToValidate || count > 0)
        .map(|(subset, count, tone)| Tile {
            label: t.subset(subset),
            count: t.number(count),
            tone: if count == 0 { Tone::Quiet } else { tone }.class(),
            link: format!("/flux?etat={}", subset.as_str()),
        })
        .collect()
}
