//! The first screen: is anything stuck, since when, who must act.

use askama::Template;

use crate::domain::Timestamp;
use crate::fault::{Actor, Code, Fault, Gravity};
use crate::flow::FlowKind;
use crate::store::{AlarmRecord, FlowRecord, Overview, Reader, StoreError};
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
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
                Code::FlowsLate => Some("/flux?bloque=1"),
                _ => None,
            },
            subject: record.alarm.subject.clone(),
            seen: record.changed_at.millis(),
            acknowledged: record.acknowledged.as_ref().filter(|_| seen).map(|(at, person)| {
                let (by, on) = (t.say("Pris en compte par", "Acknowledged by"), t.say("le", "on"));
                format!("{by} {person}, {on} {}", at.paris_text())
            }),
        }
    }
}

/// The alarms that no other part of the screen shows already: those that nobody has taken note of lately, the gravest first.
fn open_alarms(reader: &Reader, now: Timestamp) -> Result<Vec<AlarmRecord>, StoreError> {
    let mut alarms = reader.alarms()?;
    alarms.retain(|a| a.cleared_at.is_none() && !a.alarm.subject.starts_with("halt:"));
    alarms.sort_by_key(|a| a.is_seen(now));
    Ok(alarms)
}

struct Tile {
    label: &'static str,
    count: String,
    tone: &'static str,
    link: &'static str,
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
    let t = visit.t;
    let mut c = visit.chrome(site, ask, "home", t.say("Accueil", "Home"));
    c.refresh = Some(REFRESH_SECONDS);
    let fault = site.fault();
    let fault = fault.as_ref();
    let (headline, tone) = headline(t, &overview, &alarms, fault, now);
    let page = HomePage {
        c: &c,
        headline,
        tone: tone.class(),
        actors: actors(t, &overview, &alarms, fault, now),
        oldest: oldest(&overview, &alarms, now).map(|at| format!("{} ({})", t.ago(at, now), at.paris_text())),
        boot: fault.map(|f| FaultView::new(f, t)),
        halts: overview
            .halts
            .iter()
            .map(|(realm, fault, at)| HaltView {
                realm: format!("{} · {}", realm.establishment, t.environment(realm.environment)),
                fault: FaultView::new(fault, t),
                since: at.paris_text(),
                ago: t.ago(*at, now),
            })
            .collect(),
        alarms: alarms.iter().map(|alarm| AlarmView::new(alarm, t, now)).collect(),
        stuck: overview.stuck.iter().map(|f| FlowLine::new(f, t, now)).collect(),
        stuck_total: overview.stuck_total,
        drops: t.number(overview.drops_today),
        received: t.number(overview.received_today),
        sent_tiles: sent_tiles(t, &overview),
        received_tiles: received_tiles(t, &overview),
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
        empty: overview.counts.is_empty(),
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

/// What the first screen says in large letters.
fn headline(
    t: Tongue,
    overview: &Overview,
    alarms: &[AlarmRecord],
    fault: Option<&Fault>,
    now: Timestamp,
) -> (String, Tone) {
    let stuck = overview.stuck_total;
    let of =
        |gravity| u64::try_from(urgent(alarms, now).filter(|a| a.alarm.gravity == gravity).count()).unwrap_or(u64::MAX);
    let (critical, warnings) = (of(Gravity::Critical), of(Gravity::Warning));
    if fault.is_some() {
        return (
            t.say("La configuration doit être corrigée", "The configuration must be corrected").to_owned(),
            Tone::Bad,
        );
    }
    if !overview.halts.is_empty() {
        return (
            t.say("La liaison avec Chorus Pro est arrêtée", "The link to Chorus Pro is halted").to_owned(),
            Tone::Bad,
        );
    }
    if critical > 0 {
        let what = t.plural(critical, ["alarme critique", "critical alarm"], ["alarmes critiques", "critical alarms"]);
        return (format!("{} {what}", t.number(critical)), Tone::Bad);
    }
    if stuck > 0 {
        let what = t.plural(
            stuck,
            ["flux attend une action", "flow waits for action"],
            ["flux attendent une action", "flows wait for action"],
        );
        return (format!("{} {what}", t.number(stuck)), Tone::Bad);
    }
    if warnings > 0 {
        let what = t.plural(
            warnings,
            ["avertissement : rien n’est bloqué", "warning: nothing is stuck"],
            ["avertissements : rien n’est bloqué", "warnings: nothing is stuck"],
        );
        return (t.typeset(&format!("{} {what}", t.number(warnings))), Tone::Warn);
    }
    if overview.counts.is_empty() {
        return (
            t.say("Prêt : en attente du premier fichier", "Ready: waiting for the first file").to_owned(),
            Tone::Good,
        );
    }
    (t.say("Tout va bien : rien n’est bloqué", "All is well: nothing is stuck").to_owned(), Tone::Good)
}

/// Alarms for whose sake somebody must act, and that nobody has taken note of lately.
fn urgent(alarms: &[AlarmRecord], now: Timestamp) -> impl Iterator<Item = &AlarmRecord> {
    alarms.iter().filter(move |record| record.alarm.gravity > Gravity::Info && !record.is_seen(now))
}

/// Since when it is as the headline says.
fn oldest(overview: &Overview, alarms: &[AlarmRecord], now: Timestamp) -> Option<Timestamp> {
    let halted = overview.halts.iter().map(|(_, _, at)| *at).min();
    let of = |gravity| urgent(alarms, now).filter(move |a| a.alarm.gravity == gravity).map(|a| a.raised_at).min();
    let stuck = overview.stuck.iter().map(waiting_since).min();
    halted.or_else(|| of(Gravity::Critical)).or(stuck).or_else(|| of(Gravity::Warning))
}

/// Since when a flow waits for somebody: of one that has ended, since what became of its invoice was seen.
fn waiting_since(flow: &FlowRecord) -> Timestamp {
    if flow.is_final && flow.fault.is_some() { flow.changed_at } else { flow.since }
}

fn actors(
    t: Tongue,
    overview: &Overview,
    alarms: &[AlarmRecord],
    fault: Option<&Fault>,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let faults = || {
        let stuck = overview.stuck.iter().filter_map(|f| f.fault.as_ref());
        let alarms = urgent(alarms, now).map(|record| &record.alarm.fault);
        stuck.chain(overview.halts.iter().map(|(_, f, _)| f)).chain(alarms).chain(fault)
    };
    [Actor::Establishment, Actor::Supplier, Actor::Network, Actor::Chorus, Actor::Appliance]
        .into_iter()
        .filter_map(|actor| {
            let cases = u64::try_from(faults().filter(|f| f.actor() == actor).count()).unwrap_or(u64::MAX);
            (cases > 0).then(|| (t.actor(actor), t.number(cases)))
        })
        .collect()
}

fn sum(overview: &Overview, kind: FlowKind, states: &[&str]) -> u64 {
    let of = |(k, state, count): &(FlowKind, String, u64)| {
        (*k == kind && states.contains(&state.as_str())).then_some(*count)
    };
    overview.counts.iter().filter_map(of).fold(0, u64::saturating_add)
}

fn tile(t: Tongue, label: &'static str, count: u64, tone: Tone, link: &'static str) -> Tile {
    Tile { label, count: t.number(count), tone: if count == 0 { Tone::Quiet } else { tone }.class(), link }
}

fn sent_tiles(t: Tongue, overview: &Overview) -> Vec<Tile> {
    let sent = |states: &[&str]| sum(overview, FlowKind::Deposit, states);
    let link = "/flux?sorte=deposit";
    vec![
        tile(t, t.say("En attente", "Waiting"), sent(&["received", "unmatched", "ready", "sending"]), Tone::Busy, link),
        tile(
            t,
            t.say("PDF sans leurs données", "PDFs without their data"),
            sent(&["incomplete"]),
            Tone::Warn,
            "/flux?sorte=deposit&etat=incomplete",
        ),
        tile(t, t.say("Douteux", "Doubtful"), sent(&["doubtful"]), Tone::Warn, link),
        tile(t, t.say("Déposés", "Deposited"), sent(&["deposited"]), Tone::Busy, link),
        tile(t, t.say("Intégrés", "Integrated"), sent(&["integrated", "partly_integrated"]), Tone::Good, link),
        tile(t, t.say("Refusés ou rejetés", "Refused or rejected"), sent(&["refused", "rejected"]), Tone::Bad, link),
    ]
}

fn received_tiles(t: Tongue, overview: &Overview) -> Vec<Tile> {
    let received = |states: &[&str]| sum(overview, FlowKind::Reception, states);
    let link = "/flux?sorte=reception";
    let mut tiles = vec![
        tile(t, t.say("À télécharger", "To download"), received(&["found"]), Tone::Busy, link),
        tile(t, t.say("À livrer", "To deliver"), received(&["fetched"]), Tone::Busy, link),
        tile(t, t.say("Livrées", "Delivered"), received(&["delivered"]), Tone::Good, link),
        tile(t, t.say("Prises par l’application", "Taken by the application"), received(&["taken"]), Tone::Good, link),
    ];
    if overview.to_validate > 0 {
        let label = t.say("À valider", "To validate");
        tiles.insert(0, tile(t, label, overview.to_validate, Tone::Warn, link));
    }
    tiles
}
