//! Core's numbers in Prometheus' text form.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::domain::{Environment, Realm, Timestamp};
use crate::os::disk;
use crate::os::sandbox::name_of;
use crate::store::{Store, StoreError};
use crate::work::connector::{Connector, Connectors};
use crate::work::gatehouse::MetricsText;
use crate::work::watch::Readings;
use crate::work::{FrontWalls, RECEPTION_CURSOR};

/// Where core's numbers come from.
pub struct Numbers {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    connectors: ArcSwap<Connectors>,
    /// Realms whose received invoices are looked for.
    receivers: ArcSwap<Vec<Realm>>,
    since: Timestamp,
    dir: PathBuf,
    /// What the watch read last.
    readings: Arc<ArcSwap<Readings>>,
    /// What front tells of its walls.
    front: FrontWalls,
}

/// Reads them anew at each question.
pub fn source(
    store: Store,
    connectors: Connectors,
    receivers: Vec<Realm>,
    dir: PathBuf,
    readings: Arc<ArcSwap<Readings>>,
    front: FrontWalls,
) -> Numbers {
    Numbers {
        inner: Arc::new(Inner {
            store,
            connectors: ArcSwap::from_pointee(connectors),
            receivers: ArcSwap::from_pointee(receivers),
            since: Timestamp::now(),
            dir,
            readings,
            front,
        }),
    }
}

impl Numbers {
    /// The configuration changed.
    pub fn replace(&self, connectors: Connectors, receivers: Vec<Realm>) {
        self.inner.connectors.store(Arc::new(connectors));
        self.inner.receivers.store(Arc::new(receivers));
    }

    /// As the gatehouse asks for them.
    pub fn text(&self) -> MetricsText {
        let inner = self.inner.clone();
        Box::new(move || {
            let mut text = String::new();
            inner.write_store(&mut text);
            inner.write_calls(&mut text);
            inner.write_readings(&mut text);
            inner.write_walls(&mut text);
            if let Err(error) = inner
                .write_flows(&mut text)
                .and_then(|()| inner.write_reception(&mut text))
                .and_then(|()| inner.write_directory(&mut text))
                .and_then(|()| inner.write_alarms(&mut text))
            {
                log::warn!(error = error.to_string().as_str(); "The numbers of flows could not be read");
            }
            text
        })
    }
}

fn family<N: Display>(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    rows: impl IntoIterator<Item = (String, N)>,
) {
    let _ = writeln!(text, "# HELP fluxgate_{name} {help}\n# TYPE fluxgate_{name} {kind}");
    for (labels, value) in rows {
        let _ = writeln!(text, "fluxgate_{name}{labels} {value}");
    }
}

fn one(value: u64) -> [(String, u64); 1] {
    [(String::new(), value)]
}

/// Establishment and environment: part of every metric that is about somebody's traffic.
fn labels(realm: &Realm) -> String {
    format!("establishment=\"{}\",environment=\"{}\"", realm.establishment, realm.environment)
}

fn job_labels(realm: &Realm, job: &str) -> String {
    format!("{{{},job=\"{job}\"}}", labels(realm))
}

impl Inner {
    fn write_store(&self, text: &mut String) {
        let store = self.store.metrics();
        family(text, "store_steps_total", "counter", "Steps that became durable.", one(store.steps));
        family(text, "store_steps_failed_total", "counter", "Steps that failed.", one(store.steps_failed));
        family(text, "store_groups_total", "counter", "Transactions committed.", one(store.groups));
        let failed = one(store.groups_failed);
        family(text, "store_groups_failed_total", "counter", "Transactions that did not become durable.", failed);
        family(text, "store_steps_queued", "gauge", "Steps that wait for the writer.", one(store.queued));
        family(text, "journal_leaves", "gauge", "Leaves in the journal.", one(store.leaves));
        if let Ok(free) = disk::free_bytes(&self.dir) {
            family(text, "disk_free_bytes", "gauge", "Free space under the data folder.", one(free));
        }
    }

    fn write_calls(&self, text: &mut String) {
        let tallies = self.connectors.load().tallies();
        let calls = tallies.iter().flat_map(|tally| {
            tally.calls.iter().map(|(service, outcome, count)| {
                let labels =
                    format!("{{{},service=\"{service}\",outcome=\"{}\"}}", labels(&tally.realm), outcome.as_str());
                (labels, *count)
            })
        });
        family(text, "chorus_calls_total", "counter", "Finished calls to Chorus Pro.", calls);
        let in_flight = tallies.iter().map(|tally| (format!("{{{}}}", labels(&tally.realm)), tally.in_flight));
        family(text, "chorus_calls_in_flight", "gauge", "Calls that have their turn.", in_flight);
        let waiting = tallies.iter().map(|tally| (format!("{{{}}}", labels(&tally.realm)), tally.waiting));
        family(text, "chorus_calls_waiting", "gauge", "Calls that wait for their turn.", waiting);
    }

    /// What will end, whose clock differs, and when each service last answered.
    fn write_readings(&self, text: &mut String) {
        let now = Timestamp::now();
        let readings = self.readings.load();
        let passwords = readings.passwords.iter();
        let days = passwords.map(|(realm, ends)| (format!("{{{}}}", labels(realm)), now.paris_days_until(*ends)));
        let help = "Days until the technical account's password ends; below 0: it has.";
        family(text, "password_days", "gauge", help, days);
        let certificates = readings.certificates.iter();
        let days = certificates.map(|(of, ends)| (format!("{{of=\"{}\"}}", of.word()), now.paris_days_until(*ends)));
        family(text, "certificate_days", "gauge", "Days until a certificate ends; below 0: it has.", days);
        let clocks = readings.clocks.iter().map(|(environment, ahead)| {
            let (sign, millis) = (if *ahead < 0 { "-" } else { "" }, ahead.unsigned_abs());
            (format!("{{environment=\"{environment}\"}}"), format!("{sign}{}.{:03}", millis / 1000, millis % 1000))
        });
        let help = "Seconds by which this machine's clock is ahead of Chorus Pro's.";
        family(text, "clock_ahead_seconds", "gauge", help, clocks);
        let connectors = self.connectors.load();
        let answered = connectors.iter().flat_map(|connector: &Connector| {
            let row =
                |service: &str, since: u64| (format!("{{{},service=\"{service}\"}}", labels(connector.realm())), since);
            connector.health().into_iter().filter_map(move |h| Some(row(&h.service, h.answered?.as_secs())))
        });
        let help = "Since a service of Chorus Pro last answered, restarts included; absent: never.";
        family(text, "chorus_answer_age_seconds", "gauge", help, answered);
    }

    fn write_walls(&self, text: &mut String) {
        let walls = self.front.everybodys();
        let standing = walls.iter().flat_map(|(process, report)| {
            let row = |wall: &str, value: u32| (format!("{{process=\"{process}\",wall=\"{wall}\"}}"), value);
            [row("landlock", report.standing.landlock), row("seccomp", u32::from(report.standing.calls))]
        });
        let help = "Walls around each process: landlock's version in force, and whether calls are filtered; 0: none.";
        family(text, "walls", "gauge", help, standing);
        let denied = walls.iter().flat_map(|(process, report)| {
            let rows = report.denied.iter();
            rows.map(move |(number, times)| {
                (format!("{{process=\"{process}\",call=\"{}\"}}", name_of(*number)), *times)
            })
        });
        family(text, "denied_calls_total", "counter", "Forbidden calls of the kernel that were denied.", denied);
    }

    fn write_alarms(&self, text: &mut String) -> Result<(), StoreError> {
        let mut open: BTreeMap<String, u64> = BTreeMap::new();
        for record in self.store.reader()?.alarms()?.into_iter().filter(|record| record.cleared_at.is_none()) {
            let (code, gravity) = (record.alarm.fault.code, record.alarm.gravity.as_str());
            *open.entry(format!("{{fault=\"{code}\",gravity=\"{gravity}\"}}")).or_default() += 1;
        }
        family(text, "alarms", "gauge", "Alarms that are not over, by fault and gravity.", open);
        Ok(())
    }

    fn write_reception(&self, text: &mut String) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let known = self.store.reader()?.remembered_everywhere(RECEPTION_CURSOR)?;
        let receivers = self.receivers.load();
        let ages = receivers.iter().map(|realm| {
            let until = known.iter().find(|(of, _)| of == realm).and_then(|(_, until)| until.parse().ok());
            (format!("{{{}}}", labels(realm)), now.since(until.unwrap_or(self.since)).as_secs())
        });
        let help = "Since when Chorus Pro was last asked for received invoices and answered throughout.";
        family(text, "reception_age_seconds", "gauge", help, ages);
        Ok(())
    }

    fn write_directory(&self, text: &mut String) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let reader = self.store.reader()?;
        let connectors = self.connectors.load();
        let environments: BTreeSet<Environment> = connectors.iter().map(|c| c.realm().environment).collect();
        let (mut ages, mut structures, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for environment in environments {
            let labels = format!("{{environment=\"{environment}\"}}");
            let state = reader.directory().state(environment)?;
            let (fetched_at, known, tries) =
                state.map_or((None, 0, 0), |state| (state.fetched_at, state.structures, state.tries));
            ages.push((labels.clone(), now.since(fetched_at.unwrap_or(self.since)).as_secs()));
            structures.push((labels.clone(), known));
            failed.push((labels, u64::from(tries)));
        }
        let help =
            "Since when the local copy of Chorus Pro's directory is as it is (since the start, if there is none).";
        family(text, "directory_age_seconds", "gauge", help, ages);
        family(text, "directory_structures", "gauge", "Structures in the local copy of the directory.", structures);
        let help = "Tries in a row that brought no new directory.";
        family(text, "directory_failed_tries", "gauge", help, failed);
        Ok(())
    }

    fn write_flows(&self, text: &mut String) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let reader = self.store.reader()?;
        let overview = reader.overview(now)?;
        let census = reader.census(now)?;
        let flows = census.flows.iter().map(|(realm, kind, state, count)| {
            (format!("{{{},kind=\"{}\",state=\"{state}\"}}", labels(realm), kind.as_str()), *count)
        });
        family(text, "flows", "gauge", "Flows by realm, kind and state.", flows);
        let stuck = census.stuck.iter().map(|(realm, count)| (format!("{{{}}}", labels(realm)), *count));
        family(text, "flows_stuck", "gauge", "Flows that wait for a person, by realm.", stuck);
        let halts = overview
            .halts
            .iter()
            .map(|(realm, fault, _)| (format!("{{{},fault=\"{}\"}}", labels(realm), fault.code.as_str()), 1));
        family(text, "realm_halted", "gauge", "Realms whose calls are stopped, with the fault.", halts);
        let due = census.work.iter().map(|(realm, job, count, _)| (job_labels(realm, job), *count));
        family(text, "work_due", "gauge", "Pieces of work that are due, by realm and job.", due);
        let late = census
            .work
            .iter()
            .filter_map(|(realm, job, _, oldest)| Some((job_labels(realm, job), now.since((*oldest)?).as_secs())));
        family(text, "work_late_seconds", "gauge", "How long the oldest due work has waited.", late);
        let checkpoint = overview.last_checkpoint.map(|at| (String::new(), now.since(at).as_secs()));
        family(text, "journal_checkpoint_age_seconds", "gauge", "Age of the last signed checkpoint.", checkpoint);
        Ok(())
    }
}
