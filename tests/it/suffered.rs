//! What integrators suffer (PROTOCOL §7): each row has a test that is named after it. Those on the wire alone stand in
//! `src/chorus/tests/symptoms.rs`; here are those that take a whole gateway, and the table that leaves no row out.

use std::path::Path;
use std::time::Duration;

use fluxgate::simulator::{self, Effect, FaultRule, OutageKind, ReceivedInvoice, Scenario, Simulator, Whose};
use serde_json::Value;

use crate::gateway::{Gateway, hurried, invoice, quick_limits, write_secret};
use crate::reference::reference;

const SYMPTOMS: &str = "src/chorus/tests/symptoms.rs";
const TOKEN: &str = "src/work/connector/tests/token.rs";
const DOCTOR: &str = "tests/it/doctor.rs";
const HERE: &str = "tests/it/suffered.rs";

/// Each row by the beginning of its first column, and its tests.
const ROWS: &[(&str, &[(&str, &str)])] = &[
    ("Host renames", &[(HERE, "host_renames_are_a_line_of_configuration")]),
    (
        "403 with no text",
        &[
            (SYMPTOMS, "forbidden_with_no_text_is_not_a_refusal"),
            (HERE, "forbidden_with_no_text_stops_the_queue_and_names_what_to_check"),
            (DOCTOR, "each_known_mistake_at_piste_and_chorus_pro_is_told"),
        ],
    ),
    (
        "Password expiry at 424 days",
        &[
            (SYMPTOMS, "password_expiry_at_424_days_is_read_from_the_structure"),
            ("tests/it/watch.rs", "the_end_of_the_password_that_chorus_pro_tells_is_an_alarm_by_how_near_it_is"),
        ],
    ),
    (
        "Wrong PISTE panel",
        &[
            (SYMPTOMS, "the_wrong_piste_panel_is_an_invalid_client"),
            (HERE, "the_wrong_piste_panel_is_named_on_what_waits"),
            (DOCTOR, "each_known_mistake_at_piste_and_chorus_pro_is_told"),
        ],
    ),
    (
        "Polling storms",
        &[
            (HERE, "polling_storms_do_not_happen"),
            ("tests/it/reception.rs", "an_old_invoice_that_nobody_has_downloaded_is_found_at_first_and_once_a_week"),
        ],
    ),
    ("Lists cut short", &[(SYMPTOMS, "lists_cut_short_are_noticed")]),
    ("Two names for one id", &[(SYMPTOMS, "two_names_for_one_id")]),
    ("motif null", &[(SYMPTOMS, "motif_is_always_a_string_and_cut_on_a_character")]),
    ("Accents broken", &[(SYMPTOMS, "accents_survive_comments")]),
    (
        "Accepted, then refused later",
        &[(SYMPTOMS, "accepted_then_refused_later"), (HERE, "accepted_then_refused_later_is_no_success")],
    ),
    (
        "Unknown status stays",
        &[
            (SYMPTOMS, "an_unknown_status_is_told_and_never_final"),
            ("tests/it/deposit.rs", "a_rejection_by_the_recipient_and_an_unknown_status_are_shown"),
        ],
    ),
    ("Qualification down", &[(HERE, "qualification_down_delays_and_loses_nothing")]),
    ("Sandbox gaps", &[(HERE, "sandbox_gaps_are_not_missed")]),
    (
        "Bearer only set on renewal",
        &[
            (TOKEN, "a_call_carries_token_account_and_body_and_the_token_is_kept"),
            (HERE, "the_bearer_is_set_on_every_call_and_asked_for_once"),
            ("tests/e2e/test_logs.py", "test_no_secret_token_or_body_stands_in_any_log_however_much_is_logged"),
        ],
    ),
];

#[test]
fn each_row_of_what_integrators_suffer_has_a_test_named_after_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (row, tests) in ROWS {
        for (file, name) in *tests {
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            let is_there = ["fn", "def"].iter().any(|word| text.contains(&format!("{word} {name}(")));
            assert!(is_there, "{row}: {file} has no {name}");
        }
    }
    let Some(protocol) = reference("chorus-pro/PROTOCOL.md") else { return };
    let text = std::fs::read_to_string(protocol).unwrap();
    let section = text.split("\n## ").find(|part| part.starts_with("7.")).expect("section 7");
    let rows: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter_map(|line| line.split(" | ").next())
        .filter(|row| *row != "Pain")
        .collect();
    assert_eq!(rows.len(), ROWS.len(), "{rows:#?}");
    for row in rows {
        assert!(ROWS.iter().any(|(ours, _)| row.starts_with(ours)), "no test is named after {row:?}");
    }
}

/// Where today's hosts stand in texts for people.
const PROPOSING: &[&str] = &["src/web/guide.rs", "src/work/doctor/finding.rs", "src/work/doctor/finding/way.rs"];

/// A rename of Chorus Pro's hosts is repaired in the configuration; no host stands in the code.
#[tokio::test(flavor = "multi_thread")]
async fn host_renames_are_a_line_of_configuration() {
    for (file, text) in sources() {
        // Texts send people to a portal; the page's guide and the doctor propose today's hosts. A call goes where the
        // configuration says.
        let called =
            |line: &&str| ["://", "api.", "oauth."].iter().any(|s| line.contains(s)) && line.contains("gouv.fr");
        let mut lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let named = if PROPOSING.iter().any(|one| file.ends_with(one)) { None } else { lines.find(called) };
        assert_eq!(named, None, "{file}: a host of Chorus Pro belongs to the configuration");
    }
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.drop_flow("avant.xml", invoice("AVANT")).await;
    gateway.await_state("avant.xml.json", "integrated").await;

    let moved = gateway.dir.path().join("moved");
    std::fs::create_dir(&moved).unwrap();
    let options = simulator::Options { scenario: hurried(), dir: Some(moved), ..simulator::Options::default() };
    let former = std::mem::replace(&mut gateway.simulator, Simulator::start(options).await.unwrap());
    former.stop().await;
    let credentials = gateway.simulator.credentials();
    write_secret(&gateway.dir.path().join("secrets/client"), &credentials.client_secret);
    write_secret(&gateway.dir.path().join("secrets/account"), &credentials.account_password);
    gateway.reload();
    gateway.drop_flow("après.xml", invoice("APRES")).await;
    gateway.await_state("après.xml.json", "integrated").await;
    gateway.stop().await;
}

/// Our sources by their path; the simulator, which plays Chorus Pro, left out.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let shown = path.to_string_lossy().into_owned();
            if path.is_dir() && !shown.ends_with("/simulator") && !shown.ends_with("/tests") {
                folders.push(path);
            } else if shown.ends_with(".rs") && !shown.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
                found.push((shown, code));
            }
        }
    }
    assert!(found.len() > 100, "the sources are there");
    found
}

/// What does not change is looked for, never asked for again: no history, no download, however often the lists are read.
#[tokio::test(flavor = "multi_thread")]
async fn polling_storms_do_not_happen() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    for n in 1..=3 {
        let received = ReceivedInvoice { number: format!("CALME-{n}"), ..ReceivedInvoice::sample(n, "2026-11-20") };
        gateway.simulator.control().send_invoice(received);
    }
    gateway.drop_flow("envoi.xml", invoice("ENVOI-1")).await;
    gateway.await_final("envoi.xml.json").await;
    let calls = |service: &str| gateway.simulator.ledger().calls_of(service);
    let counted = || ["consulter/historique", "telecharger/groupe", "consulter/recipiendaire"].map(calls);
    gateway.await_until("three downloads", || calls("telecharger/groupe") == 3).await;
    let settled = |looks: usize| {
        let aim = calls("rechercher/recipiendaire") + looks;
        gateway.await_until("further looks", move || calls("rechercher/recipiendaire") >= aim)
    };
    settled(6).await;
    let before = counted();
    settled(10).await;
    assert_eq!(counted(), before, "ten looks at lists without news cost the lists alone");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_then_refused_later_is_no_success() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.drop_flow("plus-tard.xml", crate::gateway::invoice_to("PLUS-TARD", "99999999999999")).await;
    let receipt = gateway.await_receipt("plus-tard.xml.json", |r| r["deposit_number"].is_string()).await;
    assert_ne!(receipt["state"], "integrated", "a number proves nothing: {receipt:#}");
    let receipt = gateway.await_final("plus-tard.xml.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"rejected".into(), &"FG-402".into()), "{receipt:#}");
    gateway.stop().await;
}

/// While Chorus Pro is down, files are taken and wait; nothing is lost, nothing goes twice, and it goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn qualification_down_delays_and_loses_nothing() {
    for kind in [OutageKind::Unavailable, OutageKind::CloseBefore] {
        let mut limits = quick_limits();
        // A 503 may hide a deposit that was taken: the search that shows none has to count for something.
        limits.integration_delay = fluxgate::domain::Duration::from_millis(1_500);
        let gateway = Gateway::start(hurried(), limits).await;
        gateway.drop_flow("avant.xml", invoice("AVANT")).await;
        gateway.await_state("avant.xml.json", "integrated").await;
        gateway.simulator.control().begin_outage(kind);
        let names: Vec<String> = (0..5).map(|n| format!("PANNE-{n}")).collect();
        for name in &names {
            gateway.drop_flow(&format!("{name}.xml"), invoice(name)).await;
        }
        tokio::time::sleep(Duration::from_millis(600)).await;
        for name in &names {
            let receipt = gateway.await_receipt(&format!("{name}.xml.json"), |_| true).await;
            assert_eq!(receipt["final"], false, "{kind:?}: {receipt:#}");
        }
        gateway.simulator.control().end_outage();
        gateway.reload();
        for name in &names {
            gateway.await_state(&format!("{name}.xml.json"), "integrated").await;
            assert_eq!(gateway.simulator.ledger().deposits_of(name).len(), 1, "{kind:?}: {name}");
        }
        gateway.stop().await;
    }
}

/// The services that the qualification portal lacks are not needed by anything unattended.
#[tokio::test(flavor = "multi_thread")]
async fn sandbox_gaps_are_not_missed() {
    let scenario = Scenario::from_toml("[readings]\nsandbox_gaps = \"missing\"\n").unwrap();
    let scenario = Scenario { timing: hurried().timing, ..scenario };
    let gateway = Gateway::start(scenario, quick_limits()).await;
    gateway.simulator.control().send_samples(1);
    gateway.drop_flow("bac-à-sable.xml", invoice("BAC-1")).await;
    gateway.await_final("bac-à-sable.xml.json").await;
    let received = || gateway.folder("recues").read_dir().is_ok_and(|mut folder| folder.next().is_some());
    gateway.await_until("the delivery", received).await;
    let ledger = gateway.simulator.ledger();
    assert!(ledger.invoices.iter().any(|one| one.side == Whose::Received && one.downloads.len() == 1));
    let missing: Vec<_> = ledger.calls.iter().filter(|call| call.http == 404).map(|call| &call.service).collect();
    assert!(missing.is_empty(), "{missing:?}");
    gateway.stop().await;
}

/// A receipt that waits for the cure of a halt, and what it says to do.
async fn halted(gateway: &Gateway, name: &str, code: &str) -> String {
    // The halt may show before the check is done: the reception meets it first.
    let waits = |r: &Value| r["fault"]["code"] == code && r["state"] == "ready";
    let receipt = gateway.await_receipt(name, waits).await;
    assert_eq!(receipt["final"], false, "{receipt:#}");
    receipt["fault"]["remedy"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn forbidden_with_no_text_stops_the_queue_and_names_what_to_check() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("*", Effect::Status403Empty).always()).unwrap();
    gateway.drop_flow("interdite.xml", invoice("INTERDITE")).await;
    let remedy = halted(&gateway, "interdite.xml.json", "FG-303").await;
    for step in ["souscrivez l'API", "CGU", "Raccordement EDI et API"] {
        assert!(remedy.contains(step), "{step}: {remedy}");
    }
    let tried = gateway.simulator.ledger().calls_of("deposer/flux");
    assert!(tried <= 1, "a queue that stops does not hammer: {tried}");
    control.clear_faults();
    gateway.reload();
    gateway.await_state("interdite.xml.json", "integrated").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_piste_panel_is_named_on_what_waits() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    let right = gateway.simulator.credentials().client_secret.clone();
    control.set_client_secret("of the panel OAuth Credentials");
    control.expire_tokens();
    gateway.drop_flow("panneau.xml", invoice("PANNEAU")).await;
    let remedy = halted(&gateway, "panneau.xml.json", "FG-301").await;
    assert!(remedy.contains("OAuth Credentials") && remedy.contains("API Keys"), "{remedy}");
    assert_eq!(gateway.simulator.ledger().calls_of("deposer/flux"), 0);
    control.set_client_secret(&right);
    gateway.reload();
    gateway.await_state("panneau.xml.json", "integrated").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bearer_is_set_on_every_call_and_asked_for_once() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    for n in 0..5 {
        gateway.drop_flow(&format!("{n}.xml"), invoice(&format!("JETON-{n}"))).await;
    }
    for n in 0..5 {
        gateway.await_final(&format!("{n}.xml.json")).await;
    }
    let ledger = gateway.simulator.ledger();
    assert_eq!(ledger.tokens_given, 1);
    assert!(ledger.calls.len() > 20 && ledger.calls.iter().all(|call| call.http != 401 && call.http != 400));
    gateway.stop().await;
}
