//! Halves that must not meet, members that are on their way already, refusals that decide nothing, and what a PDF's
//! recipient demands.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fluxgate::domain::{FlowId, Timestamp};
use fluxgate::flow::Job;
use fluxgate::flow::deposit::Event;
use fluxgate::simulator::{Effect, FaultRule};
use fluxgate::store::{Facts, Received};
use fluxgate::work::LimitsSection;
use serde_json::{Value, json};

use crate::batch::zip;
use crate::clock::{clock, with_clock};
use crate::directory::{COMMITMENT, SERVICE, UNKNOWN, keeping, one, refreshed, rules};
use crate::gateway::{Gateway, hurried, invoice, quick_limits};
use crate::plain_pdf::{drop_pair, json_of, pdf, states};
use crate::syntaxes::{LINES, STATE, pivot, sent, unit};

const HOUR: i64 = 3_600_000;

fn state(gateway: &Gateway, flow: &FlowId) -> String {
    gateway.store().reader().unwrap().flow(flow).unwrap().unwrap().state
}

fn sha256(gateway: &Gateway, flow: &FlowId) -> String {
    gateway.store().reader().unwrap().flow(flow).unwrap().unwrap().sha256.unwrap().to_string()
}

/// The rule and the place of each thing that refuses, with the flow that its message names.
fn refusals(receipt: &Value) -> BTreeSet<(String, String, String)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let last = |message: String| message.rsplit(' ').next().unwrap_or_default().to_owned();
    let findings = receipt["findings"].as_array().unwrap().iter().filter(|f| f["severity"] == "fatal");
    findings.map(|f| (text(f, "where"), text(f, "rule"), last(text(f, "message")))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn data_do_not_meet_last_years_pdf_of_the_same_name() {
    let ahead = Arc::new(AtomicI64::new(0));
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.crash().await;
    gateway.clock = clock(&ahead);
    gateway.boot();
    let old = gateway.drop_flow("facture.pdf", pdf(&["2025"])).await;
    gateway.await_state(&format!("facture.pdf.{old}.json"), "incomplete").await;
    ahead.store(30 * HOUR, Ordering::SeqCst);

    let data = gateway.drop_flow("facture.pdf.json", json_of("AN-2026", json!({}))).await;
    let waits = gateway.await_state(&format!("facture.pdf.json.{data}.json"), "unmatched").await;
    assert_eq!(waits["fault"]["code"], "FG-220", "{waits:#}");
    assert!(waits["fault"]["remedy"].as_str().unwrap().contains(old.as_str()), "{waits:#}");
    assert_eq!(state(&gateway, &old), "incomplete");
    // The old one is late by now: named, and how its data find it all the same.
    let late = gateway.await_receipt(&format!("facture.pdf.{old}.json"), |r| r["fault"]["code"] == "FG-221").await;
    assert!(late["fault"]["remedy"].as_str().unwrap().contains(&sha256(&gateway, &old)), "{late:#}");
    let late = gateway.store().reader().unwrap().late((gateway.clock)()).unwrap();
    assert_eq!(late.first().map(|(_, count, _)| *count), Some(1), "late, as an invoice without a verdict");

    let page = gateway.drop_flow("facture.pdf", pdf(&["2026"])).await;
    let receipt = gateway.await_final(&format!("facture.pdf.{page}.json")).await;
    assert_eq!((&receipt["state"], &receipt["invoices"][0]["number"]), (&"integrated".into(), &"AN-2026".into()));
    assert_eq!(state(&gateway, &old), "incomplete");
    // By its bytes an old one is meant whenever its data come.
    let named = json!({"sha256": sha256(&gateway, &old)});
    gateway.drop_flow("facture.pdf.json", json_of("AN-2025", named)).await;
    let receipt = gateway.await_final(&format!("facture.pdf.{old}.json")).await;
    assert_eq!((&receipt["state"], &receipt["invoices"][0]["number"]), (&"integrated".into(), &"AN-2025".into()));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_wait_for_their_other_half_count_in_the_quota() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let page = pdf(&["waits"]);
    gateway.drop_flow("a.pdf", page.clone()).await;
    gateway.await_state("a.pdf.json", "incomplete").await;
    let data = json_of("QUOTA-1", json!({}));
    let alone = gateway.drop_flow("b.pdf.json", data.clone()).await;
    gateway.await_state(&format!("b.pdf.json.{alone}.json"), "unmatched").await;
    let pending = gateway.store().reader().unwrap().pending(&"sifac".parse().unwrap()).unwrap();
    assert_eq!(pending, ((page.len() + data.len()) as u64, 2));
    gateway.stop().await;
}

fn direct(unit: &str) -> String {
    unit.replace("<Cadre>A1</Cadre>", "<Cadre>S3</Cadre>")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_on_its_way_already_is_refused_by_name_and_the_archive_goes() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let waiting = gateway.drop_flow("scan.pdf", pdf(&["waits"])).await;
    gateway.await_state("scan.pdf.json", "incomplete").await;
    let paid = pivot(&[direct(&unit("DP-1", STATE, LINES))]);
    let went = gateway.drop_flow("directe.xml", paid.clone()).await;
    gateway.await_state("directe.xml.json", "integrated").await;
    let other = pivot(&[direct(&unit("DP-2", STATE, LINES))]);
    let members = [
        ("scan.pdf", pdf(&["waits"])),
        ("scan.pdf.json", json_of("LOT-1", json!({}))),
        ("bonne.pdf", pdf(&["good"])),
        ("bonne.pdf.json", json_of("LOT-2", json!({}))),
        ("double.pdf", pdf(&["good"])),
        ("double.pdf.json", json_of("LOT-3", json!({}))),
        ("directe.xml", paid),
        ("autre.xml", other.clone()),
        ("encore.xml", pivot(&[direct(&unit("DP-2", STATE, LINES)) + " "])),
        ("u.xml", invoice("LOT-4")),
    ];
    let lot = gateway.drop_flow("lot.zip", zip(&members)).await;
    let receipt = gateway.await_final("lot.zip.json").await;
    assert_eq!(receipt["state"], "partly_integrated", "{receipt:#}");
    let told = |place: &str, flow: &FlowId| (place.to_owned(), "FG-106".to_owned(), flow.to_string());
    let expected = BTreeSet::from([
        told("scan.pdf", &waiting),
        told("double.pdf", &lot),
        told("directe.xml : DP-1", &went),
        told("encore.xml : DP-2", &lot),
    ]);
    assert_eq!(refusals(&receipt), expected, "{receipt:#}");
    let parts = gateway.store().reader().unwrap().parts(&lot).unwrap();
    assert_eq!(parts.iter().map(|part| part.state.as_str()).collect::<Vec<_>>(), ["integrated"; 3]);
    assert_eq!(state(&gateway, &waiting), "incomplete");

    // What an archive's pivot became is known by the bytes of the UBL.
    let part = parts.iter().find(|part| part.file.contains("DP-2")).unwrap().id.clone();
    match gateway.drop_file("seule-ubl.xml", sent(&gateway, &part.as_str().into())).await {
        Received::Duplicate { first, .. } => assert_eq!(first, part),
        taken => panic!("{taken:?}"),
    }
    // Whether it is the same pivot's bytes, or the same invoice as another's.
    let again = pivot(&[direct(&unit("DP-1", STATE, LINES)) + "  "]);
    for (name, bytes, first) in [("seule.xml", other, &part), ("reecrite.xml", again, &went)] {
        gateway.drop_flow(name, bytes).await;
        let receipt = gateway.await_final(&format!("{name}.json")).await;
        assert_eq!(
            (&receipt["state"], &receipt["fault"]["code"]),
            (&"refused".into(), &"FG-106".into()),
            "{receipt:#}"
        );
        assert!(receipt["fault"]["title"].as_str().unwrap().contains(first.as_str()), "{receipt:#}");
    }
    assert_eq!(gateway.simulator.ledger().deposits_of("DP-1").len(), 1);
    assert_eq!(gateway.simulator.ledger().deposits_of("DP-2").len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_refused_after_a_lost_form_is_looked_up_before_anything_is_final() {
    let limits = LimitsSection { integration_delay: fluxgate::domain::Duration::from_millis(600), ..quick_limits() };
    let gateway = Gateway::start(hurried(), limits).await;
    let control = gateway.simulator.control();
    for (name, taken, end) in [("prise", true, "integrated"), ("absente", false, "refused")] {
        // The form's answer is lost; no search is answered until a person has sent it again, too soon.
        control.add_fault(FaultRule::new("soumettre", Effect::LoseAnswer).accepted(taken)).unwrap();
        control
            .add_fault(FaultRule::new("rechercher/fournisseur", Effect::Refuse).refusal(20000, "Non").always())
            .unwrap();
        let page = drop_pair(&gateway, &format!("{name}.pdf"), json_of(name, json!({})), pdf(&[name])).await;
        gateway.await_until("the doubt", || state(&gateway, &page) == "doubtful").await;
        control.add_fault(FaultRule::new("deposer/pdf", Effect::Refuse).refusal(20000, "Non").always()).unwrap();
        let facts = Facts { person: Some("Camille Durand".into()), ..Facts::default() };
        gateway.store().decide(&page, Event::ResendByPerson, facts, None, Timestamp::now()).await.unwrap();
        let steps = || gateway.store().reader().unwrap().steps(&page).unwrap();
        let refused = || steps().iter().any(|step| step.kind == "deposit.refused_in_doubt");
        gateway.await_until("the doubt again", || refused() && state(&gateway, &page) == "doubtful").await;
        control.clear_faults();
        let receipt = gateway.await_final(&format!("{name}.pdf.{page}.json")).await;
        let passed = ["received", "ready", "sending", "doubtful", "ready", "doubtful", end];
        assert_eq!(states(&receipt), passed, "{receipt:#}");
        let fault = if taken { Value::Null } else { "FG-401".into() };
        assert_eq!(receipt["fault"]["code"], fault, "{receipt:#}");
        assert_eq!(gateway.simulator.ledger().invoice(name).is_some(), taken);
    }
    assert_eq!(gateway.simulator.ledger().calls_of("soumettre"), 2);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_search_for_the_supplier_is_told_and_asked_again() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    control
        .add_fault(FaultRule::new("structures/rechercher", Effect::Refuse).refusal(10016, "Droit absent").always())
        .unwrap();
    let page = drop_pair(&gateway, "f.pdf", json_of("CHERCHE-1", json!({})), pdf(&["search"])).await;
    let receipt = format!("f.pdf.{page}.json");
    let waits = gateway.await_receipt(&receipt, |r| !r["fault"].is_null()).await;
    assert_eq!((&waits["state"], &waits["fault"]["code"]), (&"ready".into(), &"FG-310".into()), "{waits:#}");
    control.clear_faults();
    let receipt = gateway.await_final(&receipt).await;
    assert_eq!(states(&receipt), ["received", "ready", "sending", "integrated"], "{receipt:#}");
    gateway.stop().await;
}

/// Each question is put off as long as the form has waited: a day of refusals is a hundred questions, not a thousand.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_search_for_the_supplier_is_asked_less_and_less() {
    let mut limits = quick_limits();
    limits.deposit_retry = fluxgate::domain::Duration::from_secs(60);
    let mut gateway = Gateway::start(hurried(), limits).await;
    let ahead = with_clock(&mut gateway).await;
    let control = gateway.simulator.control();
    control
        .add_fault(FaultRule::new("structures/rechercher", Effect::Refuse).refusal(10016, "Droit absent").always())
        .unwrap();
    let page = drop_pair(&gateway, "f.pdf", json_of("CHERCHE-2", json!({})), pdf(&["less"])).await;
    gateway.await_receipt(&format!("f.pdf.{page}.json"), |r| r["fault"]["code"] == "FG-310").await;
    let asked = || gateway.simulator.ledger().calls_of("structures/rechercher");
    let minute = HOUR / 60;
    // An hour later it is due once; the next one is a quarter of an hour away, not a minute.
    let before = asked();
    ahead.fetch_add(HOUR, Ordering::SeqCst);
    gateway.await_until("the question of the hour", || asked() == before + 1).await;
    let put_off = || {
        let due = gateway.store().reader().unwrap().next_due(&[Job::Deposit]).unwrap();
        due.is_some_and(|due| due.millis() - Timestamp::now().millis() - HOUR > 10 * minute)
    };
    gateway.await_until("it is put off", put_off).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_pdf_names_what_it_replaces() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let bad = json!({"recipient": {"siret": "12345678200028"}});
    let first = drop_pair(&gateway, "f.pdf", json_of("COR-1", bad), pdf(&["wrong"])).await;
    let receipt = gateway.await_final(&format!("f.pdf.{first}.json")).await;
    assert_eq!(receipt["state"], "refused", "{receipt:#}");
    for (number, preceding) in [("COR-2", json!("COR-1")), ("COR-3", json!(["AUTRE-9", "COR-1"]))] {
        let name = format!("{number}.pdf");
        let page = drop_pair(&gateway, &name, json_of(number, json!({"preceding": preceding})), pdf(&[number])).await;
        let receipt = gateway.await_final(&format!("{name}.{page}.json")).await;
        assert_eq!((&receipt["state"], &receipt["replaces"]), (&"integrated".into(), &first.as_str().into()));
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_recipient_demands_is_held_against_the_data_of_a_pdf() {
    let mut gateway = keeping(hurried()).await;
    refreshed(&gateway).await;
    let lacking = json!({"recipient": {"siret": SERVICE}});
    let page = gateway.drop_flow("f.pdf", pdf(&["service"])).await;
    gateway.await_state(&format!("f.pdf.{page}.json"), "incomplete").await;
    let data = gateway.drop_flow("f.pdf.json", json_of("EXIGE-1", lacking.clone())).await;
    let receipt = gateway.await_final(&format!("f.pdf.json.{data}.json")).await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"refused".into(), &"FG-209".into()), "{receipt:#}");
    assert_eq!(rules(&receipt), one("FLUX-DIR-03", "fatal"));
    assert_eq!(receipt["findings"][0]["where"], "recipient.service");
    assert_eq!(state(&gateway, &page), "incomplete", "the PDF waits for better ones");
    // In an archive too; and what is doubtful only warns.
    let members = [
        ("a.pdf", pdf(&["a"])),
        ("a.pdf.json", json_of("EXIGE-2", json!({"recipient": {"siret": COMMITMENT}}))),
        ("b.pdf", pdf(&["b"])),
        ("b.pdf.json", json_of("EXIGE-3", json!({"recipient": {"siret": UNKNOWN}}))),
    ];
    gateway.drop_flow("lot.zip", zip(&members)).await;
    let receipt = gateway.await_final("lot.zip.json").await;
    let told = rules(&receipt);
    assert_eq!(told, &one("FLUX-DIR-06", "fatal") | &one("FLUX-DIR-01", "warning"), "{receipt:#}");
    // Where the route only warns, the data go and say so: Chorus Pro decides.
    gateway.check = "warn";
    gateway.reload();
    let data = gateway.drop_flow("f.pdf.json", json_of("EXIGE-4", lacking)).await;
    let receipt = gateway.await_final(&format!("f.pdf.json.{data}.json")).await;
    assert_eq!((&receipt["state"], rules(&receipt)), (&"joined".into(), one("FLUX-DIR-03", "fatal")), "{receipt:#}");
    let receipt = gateway.await_final(&format!("f.pdf.{page}.json")).await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"refused".into(), &"FG-401".into()), "{receipt:#}");
    gateway.stop().await;
}
