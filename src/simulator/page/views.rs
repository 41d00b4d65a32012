//! What each page shows.

use std::time::Duration;

use askama::Template;
use serde_json::Value;

use super::{ROWS, Tongue};
use crate::simulator::catalogue::Standing;
use crate::simulator::fault::{Effect, SERVICES};
use crate::simulator::invoice::{Invoice, Side};
use crate::simulator::ledger::Answered;
use crate::simulator::readings::Readings;
use crate::simulator::server::Shared;
use crate::simulator::status::WAY_TO_PAYMENT;
use crate::simulator::world::World;

/// A line said once at the top.
pub(super) struct Told {
    /// Whether it was done.
    pub well: bool,
    pub text: String,
}

/// The frame of a page.
struct Chrome {
    t: Tongue,
    title: String,
    here: &'static str,
    csrf: String,
    told: Option<Told>,
    clock: String,
    refresh: bool,
}

impl Chrome {
    fn tabs(&self) -> Vec<(&'static str, &'static str)> {
        vec![
            ("", self.t.say("Registre", "Ledger")),
            ("supplier", self.t.say("Fournisseur", "Supplier")),
            ("chorus", "Chorus Pro"),
            ("accountant", self.t.say("Comptable", "Accountant")),
            ("tests", self.t.say("Catalogue de tests", "Catalogue of tests")),
        ]
    }
}

/// Renders the page of this name.
pub(super) fn render(page: &str, t: Tongue, told: Option<Told>, shared: &Shared) -> Result<String, askama::Error> {
    let mut world = shared.world();
    let now = world.settle();
    let (here, title) = match page {
        "supplier" => ("supplier", t.say("Fournisseur", "Supplier")),
        "chorus" => ("chorus", "Chorus Pro"),
        "accountant" => ("accountant", t.say("Comptable", "Accountant")),
        "tests" => ("tests", t.say("Catalogue de tests", "Catalogue of tests")),
        _ => ("", t.say("Registre", "Ledger")),
    };
    let c = Chrome {
        t,
        title: title.to_owned(),
        here,
        csrf: shared.csrf.clone(),
        refresh: matches!(here, "" | "tests") && told.is_none(),
        told,
        clock: clock(t, &world, now),
    };
    match here {
        "supplier" => supplier(c, &world, now).render(),
        "chorus" => chorus(c, &world).render(),
        "accountant" => accountant(c, &world, now).render(),
        "tests" => tests(c, &mut world).render(),
        _ => overview(c, &world, now).render(),
    }
}

fn clock(t: Tongue, world: &World, now: Duration) -> String {
    let (seconds, speed) = (now.as_secs(), world.clock.speed());
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let passed = match t {
        Tongue::French => format!("{days} j {hours} h {minutes} min simulés depuis le démarrage"),
        Tongue::English => format!("{days} d {hours} h {minutes} min simulated since the start"),
    };
    if speed == 0.0 {
        format!("{passed}, {}", t.say("horloge arrêtée", "clock stopped"))
    } else {
        format!("{passed}, × {speed}")
    }
}

struct DepositRow {
    file: String,
    at: String,
    syntax: String,
    number: String,
    invoices: String,
    answer: &'static str,
    answer_tone: &'static str,
    state: String,
    tone: &'static str,
    error: String,
}

struct InvoiceRow {
    number: String,
    id: i64,
    side: &'static str,
    supplier: String,
    recipient: String,
    gross: String,
    status: String,
    tone: &'static str,
    comment: String,
    downloads: usize,
}

struct CallRow {
    at: String,
    service: String,
    http: String,
    code: String,
    fault: String,
}

#[derive(Template)]
#[template(path = "overview.html", config = "src/simulator/askama.toml")]
struct Overview {
    c: Chrome,
    deposits_total: usize,
    sent_total: usize,
    received_total: usize,
    calls_total: u64,
    tokens: u64,
    deposits: Vec<DepositRow>,
    invoices: Vec<InvoiceRow>,
    calls: Vec<CallRow>,
}

fn overview(c: Chrome, world: &World, now: Duration) -> Overview {
    let t = c.t;
    Overview {
        deposits_total: world.fluxes.len(),
        sent_total: world.invoices.iter().filter(|one| one.is_sent()).count(),
        received_total: world.invoices.iter().filter(|one| one.is_received()).count(),
        calls_total: world.calls_total,
        tokens: world.tokens_given,
        deposits: world.fluxes.iter().rev().take(ROWS).map(|flux| deposit_row(t, world, flux, now)).collect(),
        invoices: world.invoices.iter().rev().take(ROWS).map(|one| invoice_row(t, one, now)).collect(),
        calls: world
            .calls
            .iter()
            .rev()
            .take(ROWS)
            .map(|call| CallRow {
                at: call.at.paris_text(),
                service: call.service.clone(),
                http: if call.http == 0 { "—".to_owned() } else { call.http.to_string() },
                code: call.code.map(|code| code.to_string()).unwrap_or_default(),
                fault: call.fault.clone().unwrap_or_default(),
            })
            .collect(),
        c,
    }
}

fn deposit_row(t: Tongue, world: &World, flux: &crate::simulator::world::Flux, now: Duration) -> DepositRow {
    let state = flux.state(now, &world.scenario).to_owned();
    let judged = now >= flux.at + world.scenario.timing.verdict_after.get();
    let numbers: Vec<&str> = flux.numbers().take(5).collect();
    let (answer, answer_tone) = match flux.answer {
        Answered::Given => (t.say("reçue", "given"), "good"),
        Answered::Lost => (t.say("perdue", "lost"), "bad"),
        Answered::Cut => (t.say("tronquée", "cut"), "bad"),
        Answered::Hidden => (t.say("masquée", "hidden"), "bad"),
    };
    DepositRow {
        file: flux.file_name.clone(),
        at: world.told(flux.at).paris_text(),
        syntax: flux.syntax.clone(),
        number: flux.number.clone(),
        invoices: numbers.join(", "),
        answer,
        answer_tone,
        tone: match state.as_str() {
            "IN_INTEGRE" => "good",
            "IN_REJETE" | "QP_IRRECEVABLE" | "IN_INCIDENTE" => "bad",
            "IN_INTEGRE_PARTIEL" => "warn",
            _ => "",
        },
        state,
        error: flux.errors.first().filter(|_| judged).map(|error| error.label.clone()).unwrap_or_default(),
    }
}

fn invoice_row(t: Tongue, invoice: &Invoice, now: Duration) -> InvoiceRow {
    let status = invoice.status(now);
    let (side, downloads) = match &invoice.side {
        Side::Sent { .. } => (t.say("émise", "sent"), 0),
        Side::Received { downloads, .. } => (t.say("reçue", "received"), downloads.len()),
        Side::ToValidate { .. } => (t.say("à valider", "to validate"), 0),
    };
    InvoiceRow {
        number: invoice.number.clone(),
        id: invoice.id,
        side,
        supplier: named(&invoice.supplier.name, &invoice.supplier.identifier),
        recipient: named(&invoice.recipient.name, &invoice.recipient.identifier),
        gross: t.amount(invoice.gross),
        tone: match status.status.as_str() {
            "MISE_EN_PAIEMENT" => "good",
            "REJETEE" | "REFUSEE_1" => "bad",
            "SUSPENDUE" | "A_RECYCLER" | "COMPLETEE" => "warn",
            _ => "",
        },
        status: status.status.clone(),
        comment: status.comment.clone(),
        downloads,
    }
}

fn named(name: &str, identifier: &str) -> String {
    if name.is_empty() { identifier.to_owned() } else { name.to_owned() }
}

#[derive(Template)]
#[template(path = "supplier.html", config = "src/simulator/askama.toml")]
struct Supplier {
    c: Chrome,
    next: String,
    today: String,
    suspended: Vec<InvoiceRow>,
}

fn supplier(c: Chrome, world: &World, now: Duration) -> Supplier {
    let received = world.invoices.iter().filter(|one| one.is_received());
    let suspended = received.clone().filter(|one| one.status(now).status == "SUSPENDUE");
    Supplier {
        next: format!("F-{:04}", received.count() + 1),
        today: world.clock.today().paris_date(),
        suspended: suspended.rev().take(ROWS).map(|one| invoice_row(c.t, one, now)).collect(),
        c,
    }
}

struct FaultRow {
    id: u64,
    service: String,
    effect: String,
    which: String,
}

struct ReadingRow {
    key: &'static str,
    values: Vec<(&'static str, bool)>,
}

#[derive(Template)]
#[template(path = "chorus.html", config = "src/simulator/askama.toml")]
struct Chorus {
    c: Chrome,
    speed_now: String,
    states: &'static [&'static str],
    outage: Option<&'static str>,
    faults: Vec<FaultRow>,
    services: Vec<&'static str>,
    effects: Vec<String>,
    readings: Vec<ReadingRow>,
    recycling_until: String,
    password_end: String,
    password_days: i64,
}

/// The final states of a flux, and one that nobody knows.
const STATES: &[&str] =
    &["IN_REJETE", "IN_INCIDENTE", "QP_IRRECEVABLE", "IN_INTEGRE", "IN_EN_ATTENTE_RETRAITEMENT_CPP", "ETAT_DE_DEMAIN"];

/// Every reading with two sides or more, and its values; the default first.
const READINGS: &[(&str, &[&str])] = &[
    ("status_order", &["strict", "loose"]),
    ("completed_code", &["12", "32"]),
    ("rejected_code", &["05", "17"]),
    ("withdrawn_motif", &["as_is", "other"]),
    ("structure_id", &["either", "idStructureCPP", "idStructure"]),
    ("flux_limit", &["api", "edi"]),
    ("unreadable", &["IN_REJETE", "QP_IRRECEVABLE"]),
    ("structure_list", &["array", "object"]),
    ("commitments", &["presence", "known"]),
    ("directory_form", &["csv", "xml"]),
    ("pivot_version", &["V2_02", "V1_22", "V1_21", "V1_20"]),
    ("pivot_version_told", &["yes", "no", "newer"]),
    ("group_pivot", &["one_file", "one_each"]),
    ("sandbox_gaps", &["served", "missing"]),
    ("status_dates", &["offset", "utc", "missing", "nowhere"]),
];

pub(super) fn reading_keys() -> Vec<&'static str> {
    READINGS.iter().map(|reading| reading.0).collect()
}

fn chosen(readings: &Readings) -> Vec<ReadingRow> {
    let now = serde_json::to_value(readings).unwrap_or_default();
    let row = |(key, values): &(&'static str, &'static [&'static str])| ReadingRow {
        key,
        values: values.iter().map(|value| (*value, now[key] == **value)).collect(),
    };
    READINGS.iter().map(row).collect()
}

fn chorus(c: Chrome, world: &World) -> Chorus {
    let faults = world.faults.rules().map(|(id, rule)| {
        let mut which = Vec::new();
        which.extend(rule.invoice.as_ref().map(|pattern| format!("{} {pattern}", c.t.say("facture", "invoice"))));
        which.extend(rule.file.as_ref().map(|pattern| format!("{} {pattern}", c.t.say("fichier", "file"))));
        which.extend(rule.nth.map(|nth| format!("n° {nth}")));
        which.extend(rule.probability.map(|share| format!("{} %", share * 100.0)));
        FaultRow { id, service: rule.service.clone(), effect: name_of(rule.effect), which: which.join(", ") }
    });
    let outage = world.outage().is_some().then(|| c.t.say("Panne générale en cours", "Outage under way"));
    Chorus {
        speed_now: c.clock.clone(),
        states: STATES,
        outage,
        faults: faults.take(ROWS).collect(),
        services: SERVICES.iter().copied().filter(|name| *name != "connect").collect(),
        effects: Effect::ALL.into_iter().map(name_of).collect(),
        readings: chosen(&world.scenario.readings),
        recycling_until: world.scenario.readings.recycling_until.clone().unwrap_or_default(),
        password_end: world.password_end(),
        password_days: world.scenario.password_days,
        c,
    }
}

fn name_of(effect: Effect) -> String {
    match serde_json::to_value(effect) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}

#[derive(Template)]
#[template(path = "accountant.html", config = "src/simulator/askama.toml")]
struct Accountant {
    c: Chrome,
    sent: Vec<InvoiceRow>,
    statuses: Vec<&'static str>,
}

fn accountant(c: Chrome, world: &World, now: Duration) -> Accountant {
    let mut statuses: Vec<&'static str> = WAY_TO_PAYMENT.iter().map(|step| step.0).collect();
    statuses.extend(["SUSPENDUE", "REJETEE", "A_RECYCLER", "REFUSEE_1", "STATUT_DE_DEMAIN"]);
    let sent = world.invoices.iter().rev().filter(|one| one.is_sent()).take(ROWS);
    Accountant { sent: sent.map(|one| invoice_row(c.t, one, now)).collect(), statuses, c }
}

struct TestRow {
    id: String,
    required: bool,
    title: String,
    play: String,
    expected: String,
    seen: String,
    standing: &'static str,
    tone: &'static str,
    /// Only the tester can tell what is missing.
    declarable: bool,
}

#[derive(Template)]
#[template(path = "tests.html", config = "src/simulator/askama.toml")]
struct Tests {
    c: Chrome,
    report: Option<Vec<TestRow>>,
    counts: Vec<(usize, &'static str)>,
}

fn tests(c: Chrome, world: &mut World) -> Tests {
    let t = c.t;
    let Some(report) = world.catalogue() else { return Tests { c, report: None, counts: Vec::new() } };
    let all = [Standing::Passed, Standing::Failed, Standing::Waiting, Standing::NotPlayed];
    let word = |standing: Standing| t.say(standing.words().0, standing.words().1);
    let counts = all
        .into_iter()
        .map(|standing| {
            let label = match standing {
                Standing::Passed => t.say("réussis", "passed"),
                Standing::Failed => t.say("échoués", "failed"),
                Standing::Waiting => t.say("en cours", "begun"),
                Standing::NotPlayed => t.say("non joués", "not played"),
            };
            (report.scenarios.iter().filter(|one| one.standing == standing).count(), label)
        })
        .collect();
    let declared = world.notes.as_ref().is_some_and(|notes| notes.double_stopped);
    let rows = report.scenarios.into_iter().map(|one| {
        let say = |said: &crate::simulator::catalogue::Said| t.set(t.say(&said.fr, &said.en));
        TestRow {
            title: say(&one.title),
            play: say(&one.play),
            expected: say(&one.expected),
            seen: say(&one.seen),
            standing: word(one.standing),
            tone: match one.standing {
                Standing::Passed => "good",
                Standing::Failed => "bad",
                Standing::Waiting => "warn",
                Standing::NotPlayed => "",
            },
            declarable: one.id == "duplicate-stopped" && one.standing == Standing::Waiting && !declared,
            id: one.id,
            required: one.required,
        }
    });
    Tests { report: Some(rows.collect()), counts, c }
}
