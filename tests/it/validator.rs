//! Co- and sub-contracting: invoices that the establishment validates for others, and its own that wait for another's
//! validation.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fluxgate::domain::{ChorusInvoiceId, FlowId, InvoiceStatus, Timestamp};
use fluxgate::fault::{Code, Language};
use fluxgate::simulator::{Attachment, Control, Effect, FaultRule, PathRule, ReceivedInvoice, Scenario};
use fluxgate::store::{Asked, AskedChange, FlowQuery, FlowRecord};
use fluxgate::work::{LimitsSection, Purpose};
use serde_json::Value;

use crate::gateway::{Gateway, check_document, hurried, invoice, quick_limits, realm};

const LIST: &str = "rechercher/aTraiter/valideur";
const DECIDE: &str = "traiter/factureAValider";

fn subcontracted(number: &str) -> ReceivedInvoice {
    ReceivedInvoice { number: number.to_owned(), ..ReceivedInvoice::sample(1, "2026-11-20").as_subcontracted() }
}

/// Waits of a gateway that settles doubts of status changes at once.
fn limits() -> LimitsSection {
    LimitsSection { change_poll: fluxgate::domain::Duration::from_millis(400), ..quick_limits() }
}

/// The deliveries in `/recues`, sorted.
fn delivered(gateway: &Gateway) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(gateway.folder("recues"))
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    folders.sort();
    folders
}

fn name(path: &std::path::Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// A delivered folder: its description, checked, and its files.
fn open(folder: &std::path::Path) -> (Value, BTreeMap<String, Vec<u8>>) {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: BTreeMap<String, Vec<u8>> =
        files.map(|path| (name(&path).to_owned(), std::fs::read(&path).unwrap())).collect();
    let document: Value = serde_json::from_slice(&files.remove("facture.json").unwrap()).unwrap();
    check_document("facture", Purpose::Invoice, &document);
    (document, files)
}

/// The status events that were told, each checked: side and status.
fn told(gateway: &Gateway) -> Vec<(String, String)> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(gateway.folder("statuts"))
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    names.sort();
    let event = |path: &PathBuf| {
        let event: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        check_document("status", Purpose::Status, &event);
        assert_eq!(name(path).ends_with("_a-valider.json"), event["side"] == "to_validate", "{path:?}");
        (event["side"].as_str().unwrap().to_owned(), event["status"].as_str().unwrap().to_owned())
    };
    names.iter().map(event).collect()
}

fn last_told(gateway: &Gateway) -> Option<(String, String)> {
    told(gateway).pop()
}

fn to_validate(status: &str) -> Option<(String, String)> {
    Some(("to_validate".to_owned(), status.to_owned()))
}

fn flows(gateway: &Gateway) -> Vec<FlowRecord> {
    gateway.store().reader().unwrap().flows(&FlowQuery::default()).unwrap()
}

fn calls(gateway: &Gateway, service: &str) -> usize {
    gateway.simulator.ledger().calls_of(service)
}

fn status(gateway: &Gateway, number: &str) -> (String, String) {
    let ledger = gateway.simulator.ledger();
    let last = ledger.invoice(number).unwrap().history.last().unwrap().clone();
    (last.name, last.comment)
}

/// How often the invoice has had a status at Chorus Pro.
fn times(gateway: &Gateway, number: &str, status: &str) -> usize {
    let ledger = gateway.simulator.ledger();
    ledger.invoice(number).unwrap().history.iter().filter(|moment| moment.name == status).count()
}

/// A gateway whose route wants the invoices to validate.
async fn start(scenario: Scenario, limits: LimitsSection) -> Gateway {
    let mut gateway = Gateway::start(scenario, limits).await;
    gateway.route_keys = "to_validate = true".to_owned();
    gateway.reload();
    gateway
}

/// A gateway whose establishment is asked to validate this invoice, once it is delivered.
async fn asked(number: &str, scenario: Scenario) -> (Gateway, ChorusInvoiceId) {
    let gateway = start(scenario, limits()).await;
    let id = gateway.simulator.control().ask_validation(subcontracted(number));
    gateway.await_until("the invoice to validate", || last_told(&gateway) == to_validate("A_VALIDER_1")).await;
    (gateway, id)
}

/// A scenario in which what was validated stays where it is for the time of a test.
fn slow_ways() -> Scenario {
    let mut scenario = hurried();
    scenario.timing.status_step = fluxgate::domain::Duration::from_secs(3_600);
    scenario
}

/// Drops a table of one status and waits for its receipt's end.
async fn decide(gateway: &Gateway, file: &str, id: ChorusInvoiceId, line: &str) -> Value {
    gateway.drop_flow(file, format!("id_facture;statut;motif;commentaire\n{id};{line};{file}\n")).await;
    gateway.await_final(&format!("{file}.json")).await
}

/// The outcome of a receipt's first part: its state and its fault's code.
fn outcome(receipt: &Value) -> (&str, &str) {
    let part = &receipt["parts"][0];
    (part["state"].as_str().unwrap(), part["fault"]["code"].as_str().unwrap_or("-"))
}

#[tokio::test(flavor = "multi_thread")]
async fn invoices_to_validate_are_found_on_every_page_and_delivered_once_for_what_they_are() {
    let mut gateway = start(Scenario { page_limit: 2, ..slow_ways() }, quick_limits()).await;
    let control = gateway.simulator.control();
    control.send_invoice(ReceivedInvoice { number: "R-1".to_owned(), ..ReceivedInvoice::sample(1, "2026-11-20") });
    let piece = Attachment {
        name: "attachement.txt".to_owned(),
        mime: "text/plain".to_owned(),
        content: b"travaux de mai".to_vec(),
        category: String::new(),
        zipped: true,
    };
    for n in 1..=5 {
        control
            .ask_validation(ReceivedInvoice { attachments: vec![piece.clone()], ..subcontracted(&format!("V-{n}")) });
    }
    gateway.await_until("the deliveries", || delivered(&gateway).len() >= 6).await;
    gateway.crash().await;
    gateway.boot();
    let rounds = calls(&gateway, LIST);
    gateway.await_until("another round", || calls(&gateway, LIST) > rounds + 4).await;
    let folders = delivered(&gateway);
    assert_eq!(folders.len(), 6);
    for folder in &folders {
        let (document, files) = open(folder);
        let validates = name(folder).contains("_V-");
        assert_eq!(name(folder).ends_with("_a-valider"), validates, "{folder:?}");
        assert_eq!(document["role"], if validates { "validator" } else { "recipient" });
        assert_eq!(document["fault"], Value::Null);
        assert!(files.contains_key("pivot.xml") && files.contains_key("lisible.pdf"), "{:?}", files.keys());
        if validates {
            assert_eq!(
                (&document["status"], &document["status_at"], &document["frame"], &document["recipient"]["id"]),
                (&"A_VALIDER_1".into(), &Value::Null, &"A9".into(), &"11000201100044".into())
            );
            assert_eq!(files["piece-01_attachement.txt"], b"travaux de mai");
        }
    }
    // Taken by the application, it does not come again.
    let first = folders.iter().find(|folder| name(folder).contains("_V-1_")).unwrap();
    std::fs::remove_dir_all(first).unwrap();
    let rounds = calls(&gateway, LIST);
    gateway.await_until("two more rounds", || calls(&gateway, LIST) > rounds + 5).await;
    assert_eq!((delivered(&gateway).len(), flows(&gateway).len()), (5, 6));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_side_by_side_say_in_their_names_that_they_are_to_be_validated() {
    let mut gateway = Gateway::start(slow_ways(), quick_limits()).await;
    gateway.route_keys = "to_validate = true\nlayout = \"flat\"".to_owned();
    gateway.reload();
    let id = gateway.simulator.control().ask_validation(subcontracted("V-PLAT"));
    let description = gateway.folder("recues").join(format!("V-PLAT_{id}_a-valider_facture.json"));
    gateway.await_until("the description", || description.exists()).await;
    let document: Value = serde_json::from_slice(&std::fs::read(&description).unwrap()).unwrap();
    check_document("facture", Purpose::Invoice, &document);
    assert_eq!(document["role"], "validator");
    assert!(delivered(&gateway).iter().all(|path| name(path).starts_with(&format!("V-PLAT_{id}_a-valider_"))));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_in_a_table_validates_once_and_the_history_tells_so() {
    let (gateway, id) = asked("V-OUI", slow_ways()).await;
    let receipt = decide(&gateway, "statuts-1.csv", id, "VALIDER;").await;
    assert_eq!(receipt["state"], "integrated", "{receipt:#}");
    assert_eq!(receipt["parts"][0]["change"]["status"], "VALIDEE_1");
    assert_eq!(status(&gateway, "V-OUI").0, "VALIDEE_1");
    gateway.await_until("the event", || last_told(&gateway) == to_validate("VALIDEE_1")).await;
    assert_eq!((calls(&gateway, DECIDE), calls(&gateway, "traiter/recue")), (1, 0));
    assert_eq!(gateway.store().reader().unwrap().changes_of(&realm(), id).unwrap().len(), 1);
    // It waits for nobody any more: a refusal that comes too late is told, and not sent.
    let receipt = decide(&gateway, "statuts-2.csv", id, "REFUSER;trop tard").await;
    assert_eq!(outcome(&receipt), ("refused", "FG-439"), "{receipt:#}");
    let title = receipt["parts"][0]["fault"]["title"].as_str().unwrap();
    assert!(title.contains("V-OUI") && title.contains("VALIDEE_1"), "{title}");
    // Validated it is, whoever asks again.
    let receipt = decide(&gateway, "statuts-3.csv", id, "Validée par le premier valideur;").await;
    assert_eq!(outcome(&receipt), ("done", "-"), "{receipt:#}");
    assert_eq!(calls(&gateway, DECIDE), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_needs_its_reason_and_arrives_with_its_code() {
    let (gateway, id) = asked("V-NON", slow_ways()).await;
    gateway.drop_flow("statuts.csv", format!("id_facture;statut;motif\n{id};REFUSER;\n")).await;
    let receipt = gateway.await_final("statuts.csv.json").await;
    assert_eq!(outcome(&receipt), ("refused", "FG-417"), "{receipt:#}");
    assert_eq!(calls(&gateway, DECIDE), 0);
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><CPPStatut><CPPFactureStatuts compteur=\"1\"><CPPFactureStatutUnitaire NumOrdre=\"1\">\
         <DonneesStatut><IdStatut>14</IdStatut><ComplementStatut>ERR_VALIDEUR</ComplementStatut>\
         <Commentaire>Le titulaire est l'entreprise Œuvre &amp; Cie</Commentaire><Horodatage>2026-11-23T10:00:00</Horodatage>\
         <IdFacture>V-NON</IdFacture></DonneesStatut></CPPFactureStatutUnitaire></CPPFactureStatuts></CPPStatut>";
    gateway.drop_flow("CPPStatut.xml", xml).await;
    let receipt = gateway.await_final("CPPStatut.xml.json").await;
    assert_eq!(outcome(&receipt), ("done", "-"), "{receipt:#}");
    let told = status(&gateway, "V-NON");
    assert_eq!(told, ("REFUSEE_1".to_owned(), "ERR_VALIDEUR : Le titulaire est l'entreprise Œuvre & Cie".to_owned()));
    gateway.await_until("the event", || last_told(&gateway) == to_validate("REFUSEE_1")).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_validation_is_looked_up_and_it_is_never_decided_twice() {
    for (accepted, line, wanted) in
        [(true, "VALIDER;", "VALIDEE_1"), (false, "VALIDER;", "VALIDEE_1"), (true, "REFUSER;montant faux", "REFUSEE_1")]
    {
        let (gateway, id) = asked("V-PERDU", slow_ways()).await;
        let rule = FaultRule::new(DECIDE, Effect::LoseAnswer).accepted(accepted);
        gateway.simulator.control().add_fault(rule).unwrap();
        let receipt = decide(&gateway, "statuts.csv", id, line).await;
        assert_eq!(outcome(&receipt), ("done", "-"), "accepted: {accepted}: {receipt:#}");
        assert_eq!(times(&gateway, "V-PERDU", wanted), 1, "accepted: {accepted}");
        assert_eq!(calls(&gateway, DECIDE), if accepted { 1 } else { 2 });
        let flow = receipt["parts"][0]["flow"].as_str().unwrap().parse().unwrap();
        let steps = gateway.store().reader().unwrap().steps(&flow).unwrap();
        assert!(steps.iter().any(|step| step.kind == "status_change.answer_lost"), "it was doubtful");
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_of_the_other_role_is_refused_and_says_which_role_it_is() {
    let (gateway, id) = asked("V-ROLE", slow_ways()).await;
    let sample = ReceivedInvoice { number: "R-ROLE".to_owned(), ..ReceivedInvoice::sample(1, "2026-11-20") };
    let received = gateway.simulator.control().send_invoice(sample);
    let known =
        || gateway.store().reader().unwrap().received(&realm(), Some(received), None).is_ok_and(|all| all.len() == 1);
    gateway.await_until("the received invoice", known).await;
    let table = format!(
        "id_facture;numero_facture;fournisseur;statut;motif;numero_mandat\n{id};;;MANDATEE;;M-1\n;V-ROLE;{};SERVICE_FAIT;;\n\
         {received};;;VALIDER;;\n{id};;;VALIDER;;\n",
        subcontracted("V-ROLE").supplier
    );
    gateway.drop_flow("statuts.csv", table).await;
    let receipt = gateway.await_final("statuts.csv.json").await;
    let findings = receipt["findings"].as_array().unwrap();
    let rules: Vec<(&str, &str)> =
        findings.iter().map(|f| (f["where"].as_str().unwrap(), f["rule"].as_str().unwrap())).collect();
    assert_eq!(rules, [("ligne 2", "FG-437"), ("ligne 3", "FG-437"), ("ligne 4", "FG-438")], "{receipt:#}");
    let message = findings[0]["message"].as_str().unwrap();
    assert!(["valideur", "MANDATEE", "V-ROLE"].iter().all(|said| message.contains(said)), "{message}");
    assert!(findings[0]["remedy"].as_str().unwrap().contains("REFUSER"));
    assert_eq!(outcome(&receipt), ("done", "-"), "the good line goes on");
    assert_eq!((calls(&gateway, DECIDE), calls(&gateway, "traiter/recue")), (1, 0));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_elsewhere_is_told_and_read_once() {
    let (gateway, _) = asked("V-PORTAIL", slow_ways()).await;
    assert!(gateway.simulator.control().move_invoice("V-PORTAIL", "VALIDEE_1", "au portail"));
    gateway.await_until("the event", || last_told(&gateway) == to_validate("VALIDEE_1")).await;
    let (rounds, read) = (calls(&gateway, LIST), calls(&gateway, "consulter/historique"));
    gateway.await_until("further rounds", || calls(&gateway, LIST) > rounds + 3).await;
    assert_eq!(calls(&gateway, "consulter/historique"), read, "nothing new, nothing asked");
    // Its supplier names this establishment once more: it waits again.
    assert!(gateway.simulator.control().move_invoice("V-PORTAIL", "A_VALIDER_1", "valideur corrigé"));
    gateway.await_until("the event", || last_told(&gateway) == to_validate("A_VALIDER_1")).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_validator_says_the_same_word() {
    let (gateway, id) = asked("V-SECOND", slow_ways()).await;
    assert!(gateway.simulator.control().move_invoice("V-SECOND", "A_VALIDER_2", ""));
    gateway.await_until("its turn", || last_told(&gateway) == to_validate("A_VALIDER_2")).await;
    let receipt = decide(&gateway, "statuts.csv", id, "VALIDER;").await;
    assert_eq!(receipt["parts"][0]["change"]["status"], "VALIDEE_2", "{receipt:#}");
    assert_eq!((outcome(&receipt), status(&gateway, "V-SECOND").0.as_str()), (("done", "-"), "VALIDEE_2"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_who_is_refused_pivot_and_history_has_the_copy_and_decides_all_the_same() {
    let gateway = start(slow_ways(), limits()).await;
    let control = gateway.simulator.control();
    refuse(&control, FaultRule::new("telecharger/groupe", Effect::Refuse).nth(1));
    refuse(&control, FaultRule::new("consulter/historique", Effect::Refuse).always());
    let id = control.ask_validation(subcontracted("V-COPIE"));
    gateway.await_until("the delivery", || delivered(&gateway).len() == 1).await;
    let (document, files) = open(&delivered(&gateway)[0]);
    assert!(files["lisible.pdf"].starts_with(b"%PDF-") && !files.contains_key("pivot.xml"), "{:?}", files.keys());
    assert_eq!((&document["fault"], &document["readable"]["source"]), (&Value::Null, &"chorus_pro".into()));
    assert_eq!((&document["role"], &document["number"]), (&"validator".into(), &"V-COPIE".into()));
    // Whose history is not shown, the present status is told, and nothing is wrong.
    gateway.await_until("the present status", || last_told(&gateway) == to_validate("A_VALIDER_1")).await;
    let rule = FaultRule::new(DECIDE, Effect::LoseAnswer).accepted(true);
    control.add_fault(rule).unwrap();
    let receipt = decide(&gateway, "statuts.csv", id, "VALIDER;").await;
    assert_eq!(outcome(&receipt), ("done", "-"), "{receipt:#}");
    assert_eq!((calls(&gateway, DECIDE), times(&gateway, "V-COPIE", "VALIDEE_1")), (1, 1));
    gateway.await_until("the event", || last_told(&gateway) == to_validate("VALIDEE_1")).await;
    let rounds = calls(&gateway, LIST);
    gateway.await_until("further rounds", || calls(&gateway, LIST) > rounds + 3).await;
    assert_eq!(told(&gateway).len(), 2, "each once: {:?}", told(&gateway));
    let received = flows(&gateway).into_iter().find(|flow| flow.role == fluxgate::domain::Role::Validator).unwrap();
    assert!(received.fault.is_none(), "{:?}", received.fault);
    // Shown at last, the history tells what is new in it.
    control.clear_faults();
    assert!(control.move_invoice("V-COPIE", "A_VALIDER_1", "valideur corrigé"));
    gateway.await_until("its next turn", || last_told(&gateway) == to_validate("A_VALIDER_1")).await;
    let asked = |(_, status): &(String, String)| status == "A_VALIDER_1";
    assert_eq!(told(&gateway).iter().filter(|event| asked(event)).count(), 2, "{:?}", told(&gateway));
    gateway.stop().await;
}

/// Seen: a validator whose account may not consult halted the whole realm, deposits included.
#[tokio::test(flavor = "multi_thread")]
async fn a_validator_who_may_not_consult_the_invoice_halts_nobody() {
    let gateway = start(hurried(), limits()).await;
    let control = gateway.simulator.control();
    refuse(&control, FaultRule::new("consulter/historique", Effect::Refuse).always());
    control.add_fault(FaultRule::new("consulter/valideur", Effect::Status403Empty).always()).unwrap();
    control.ask_validation(subcontracted("V-FERMEE"));
    let fault = || flows(&gateway).into_iter().find_map(|flow| flow.fault).map(|fault| fault.code);
    gateway.await_until("its fault on the invoice alone", || fault() == Some(Code::AccessForbidden)).await;
    assert_eq!(gateway.store().reader().unwrap().halts().unwrap(), []);
    gateway.drop_flow("envoyee.xml", invoice("FA-ENVOYEE")).await;
    gateway.await_receipt("envoyee.xml.json", |receipt| receipt["deposit_number"].is_string()).await;
    gateway.stop().await;
}

fn refuse(control: &Control, rule: FaultRule) {
    control.add_fault(rule.refusal(20_001, "GDP_MSG_11.005")).unwrap();
}

/// The list drops an invoice that was validated on the portal before its history tells so.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_lags_behind_a_decision_made_elsewhere_is_read_again() {
    let (mut gateway, _) = asked("V-RETARD", slow_ways()).await;
    gateway.crash().await;
    // Its own looks would show what the simulator has.
    gateway.limits.reception_poll = fluxgate::domain::Duration::from_secs(3600);
    let ahead = Arc::new(AtomicI64::new(0));
    let by = Arc::clone(&ahead);
    gateway.clock = Arc::new(move || Timestamp::from_millis(Timestamp::now().millis() + by.load(Ordering::SeqCst)));
    let began = Timestamp::now().to_string();
    gateway.boot();
    // Written down: a row that comes later would be news again.
    let whole = || gateway.store().reader().unwrap().remembered(&realm(), "to_validate.whole").unwrap();
    gateway.await_until("the first look", || whole().is_some_and(|at| at > began)).await;
    let read = calls(&gateway, "consulter/historique");
    let missed = || gateway.store().miss_to_validate(&realm(), HashSet::new(), Timestamp::now());
    assert_eq!(missed().await.unwrap(), 1);
    gateway.await_until("its late history", || calls(&gateway, "consulter/historique") > read).await;
    assert!(gateway.simulator.control().move_invoice("V-RETARD", "VALIDEE_1", "au portail"));
    // Minutes pass at each glance: what is put off becomes due.
    let told_later = || {
        ahead.fetch_add(60_000, Ordering::SeqCst);
        last_told(&gateway) == to_validate("VALIDEE_1")
    };
    gateway.await_until("the event", told_later).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_establishment_that_validates_nothing_receives_all_the_same() {
    let mut gateway = start(hurried(), quick_limits()).await;
    gateway.watch.pace.look = std::time::Duration::from_millis(50);
    gateway.reload();
    let control = gateway.simulator.control();
    refuse(&control, FaultRule::new(LIST, Effect::Refuse).always());
    control.send_invoice(ReceivedInvoice { number: "R-SEULE".to_owned(), ..ReceivedInvoice::sample(1, "2026-11-20") });
    gateway.await_until("the delivery", || delivered(&gateway).len() == 1).await;
    let refused = || gateway.store().reader().unwrap().remembered(&realm(), "to_validate.refused").unwrap();
    gateway.await_until("a refusal that is kept", || refused().is_some_and(|text| text.contains("20001"))).await;
    let before = cursor(&gateway);
    gateway.await_until("rounds that go on", || cursor(&gateway) != before).await;
    gateway.await_until("its alarm", || list_alarm(&gateway).is_some()).await;
    let (gravity, title) = list_alarm(&gateway).unwrap();
    assert!(gravity == "info" && title.contains("20001") && title.contains("univ-exemple"), "{gravity}: {title}");
    assert!(
        title.contains("Chorus Pro refuse l'appel") && !title.contains("refuses"),
        "each language is whole: {title}"
    );
    // Forbidden or broken, it stops and delays nothing else.
    for effect in [Effect::Status403Empty, Effect::Status500] {
        control.clear_faults();
        control.add_fault(FaultRule::new(LIST, effect).always()).unwrap();
        let asked = calls(&gateway, LIST);
        gateway.await_until("refused questions", || calls(&gateway, LIST) > asked + 3).await;
        assert_eq!(gateway.store().reader().unwrap().halts().unwrap(), [], "{effect:?}");
    }
    // Answered throughout, nothing is wrong with it any more.
    control.clear_faults();
    gateway.await_until("the alarm's end", || list_alarm(&gateway).is_none()).await;
    // Whose route does not say so is not asked.
    gateway.route_keys = String::new();
    gateway.reload();
    let before = cursor(&gateway);
    gateway.await_until("the round of the change", || cursor(&gateway) != before).await;
    let (asked, before) = (calls(&gateway, LIST), cursor(&gateway));
    gateway.await_until("a further round", || cursor(&gateway) != before).await;
    assert_eq!(calls(&gateway, LIST), asked);
    gateway.stop().await;
}

/// The open alarm about the list of invoices to validate: its gravity and title.
fn list_alarm(gateway: &Gateway) -> Option<(&'static str, String)> {
    let alarms = gateway.store().reader().unwrap().alarms().unwrap();
    let open = alarms.into_iter().find(|a| a.cleared_at.is_none() && a.alarm.fault.code.as_str() == "FG-443")?;
    Some((open.alarm.gravity.as_str(), open.alarm.fault.title(fluxgate::fault::Language::Fr)))
}

/// Until when received invoices are known: every round moves it.
fn cursor(gateway: &Gateway) -> Option<String> {
    gateway.store().reader().unwrap().remembered(&realm(), "reception.until").unwrap()
}

/// A sub-contractor's invoice of the establishment itself.
fn own_subcontract(number: &str) -> Vec<u8> {
    String::from_utf8(invoice(number)).unwrap().replace(">A1</cbc:ProfileID>", ">A9</cbc:ProfileID>").into_bytes()
}

fn way(number: &str, statuses: &[&str], comment: &str) -> PathRule {
    PathRule {
        invoice: number.to_owned(),
        statuses: statuses.iter().map(|status| (*status).to_owned()).collect(),
        comment: comment.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_by_the_validator_of_a_sent_invoice_shows_as_a_rejection_does_and_a_correction_names_it() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    control.add_path(way("F-REFUS", &["DEPOSEE", "A_VALIDER_1", "REFUSEE_1"], "prestation non faite")).unwrap();
    let flow = gateway.drop_flow("f.xml", own_subcontract("F-REFUS")).await;
    // The fault is told before the status: a receipt that has both is wanted.
    let refused = |r: &Value| r["fault"]["code"] == "FG-440" && r["invoices"][0]["status"] == "REFUSEE_1";
    let receipt = gateway.await_receipt("f.xml.json", refused).await;
    assert_eq!(receipt["fault"]["actor"], "Supplier");
    let title = receipt["fault"]["title"].as_str().unwrap();
    assert!(title.contains("F-REFUS") && title.contains("prestation non faite"), "{title}");
    assert!(told(&gateway).contains(&("sent".to_owned(), "A_VALIDER_1".to_owned())), "its wait was told");
    // The first screen shows it until a correction is dropped, which names it.
    let stuck = || gateway.store().reader().unwrap().overview(fluxgate::domain::Timestamp::now()).unwrap().stuck_total;
    assert_eq!(stuck(), 1);
    let corrected = String::from_utf8(invoice("F-NEUF")).unwrap().replace(
        "<cac:AccountingSupplierParty>",
        "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>F-REFUS</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference>\
         <cac:AccountingSupplierParty>",
    );
    gateway.drop_flow("neuf.xml", corrected).await;
    let receipt = gateway.await_receipt("neuf.xml.json", |receipt| receipt["replaces"] != Value::Null).await;
    assert_eq!(receipt["replaces"], flow.as_str());
    assert_eq!(stuck(), 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_validator_is_shown_until_another_one_is_named() {
    let gateway = Gateway::start(slow_ways(), quick_limits()).await;
    let control = gateway.simulator.control();
    gateway.drop_flow("f.xml", own_subcontract("F-VALIDEUR")).await;
    gateway.await_until("its integration", || gateway.simulator.ledger().invoice("F-VALIDEUR").is_some()).await;
    assert!(control.move_invoice("F-VALIDEUR", "ERREUR_FOURNISSEUR_SUR_VALIDEUR", "nous ne tenons pas ce marché"));
    let receipt = gateway.await_receipt("f.xml.json", |receipt| receipt["fault"]["code"] == "FG-441").await;
    let fault = &receipt["fault"];
    assert_eq!((&fault["actor"], &fault["retry"]), (&"Establishment".into(), &"AfterAction".into()));
    assert!(fault["title"].as_str().unwrap().contains("ne tenons pas ce marché"));
    assert!(control.move_invoice("F-VALIDEUR", "A_VALIDER_1", "valideur corrigé"));
    let over = |r: &Value| r["fault"] == Value::Null && r["invoices"][0]["status"] == "A_VALIDER_1";
    let receipt = gateway.await_receipt("f.xml.json", over).await;
    assert_eq!(receipt["final"], false);
    gateway.stop().await;
}

/// Whom the tests name: a structure that Chorus Pro knows.
pub const RIGHT: &str = "12345678200036";
/// Another one.
const OTHER: &str = "12345678200028";
const NAME: &str = "corriger/valideur/facture";

/// A gateway on which another validator is named.
pub async fn naming() -> Gateway {
    Gateway::start(slow_ways(), limits()).await
}

/// A sent invoice that the validator it names has refused as not the right one; answers its flow.
pub async fn refused(gateway: &Gateway, number: &str) -> FlowId {
    let file = format!("{number}.xml");
    let flow = gateway.drop_flow(&file, own_subcontract(number)).await;
    gateway.await_until("its integration", || gateway.simulator.ledger().invoice(number).is_some()).await;
    misname(gateway, number);
    gateway.await_receipt(&format!("{file}.json"), |receipt| receipt["fault"]["code"] == "FG-441").await;
    flow
}

fn misname(gateway: &Gateway, number: &str) {
    let control = gateway.simulator.control();
    assert!(control.move_invoice(number, "A_VALIDER_1", ""));
    assert!(control.move_invoice(number, "ERREUR_FOURNISSEUR_SUR_VALIDEUR", "nous ne tenons pas ce marché"));
}

/// What the page asks of the store once a person has named a validator of the flow's invoice of that number.
async fn named(gateway: &Gateway, flow: &FlowId, number: &str, siret: &str) -> FlowId {
    let invoices = gateway.store().reader().unwrap().invoices(flow).unwrap();
    let invoice = invoices.into_iter().find(|invoice| invoice.facts.number.as_str() == number).unwrap();
    let asked = AskedChange {
        chorus_id: invoice.chorus_id.unwrap(),
        number: invoice.facts.number,
        supplier: invoice.facts.supplier,
        target: InvoiceStatus::AValider1,
        motif: siret.to_owned(),
        mandate: None,
    };
    let step = gateway.store().name_validator((flow, invoice.ordinal), asked, "claire", (gateway.clock)());
    match step.await.unwrap() {
        Asked::New(change) => change,
        Asked::UnderWay(change) => panic!("{change} is under way"),
    }
}

/// Waits until the change has this state, with this fault.
async fn ends(gateway: &Gateway, change: &FlowId, state: &str, code: &str) {
    let is_so = || {
        let flow = gateway.store().reader().unwrap().flow(change).unwrap().unwrap();
        flow.state == state && flow.fault.map_or("-", |fault| fault.code.as_str()) == code
    };
    gateway.await_until(&format!("{state} {code}"), is_so).await;
}

/// Whom the invoice names at Chorus Pro, its status there, and how often it came to wait for a validator.
fn at_chorus(gateway: &Gateway, number: &str) -> (Option<String>, String, usize) {
    let held = gateway.simulator.ledger().invoice(number).unwrap().clone();
    (held.validator, held.status, times(gateway, number, "A_VALIDER_1"))
}

fn waits_for(siret: &str) -> (Option<String>, String, usize) {
    (Some(siret.to_owned()), "A_VALIDER_1".to_owned(), 2)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_validator_is_looked_up_and_it_is_never_named_twice() {
    let gateway = naming().await;
    for (number, accepted) in [("N-PRISE", true), ("N-PERDUE", false)] {
        let flow = refused(&gateway, number).await;
        let before = calls(&gateway, NAME);
        let rule = FaultRule::new(NAME, Effect::LoseAnswer).accepted(accepted);
        gateway.simulator.control().add_fault(rule).unwrap();
        let change = named(&gateway, &flow, number, RIGHT).await;
        ends(&gateway, &change, "done", "-").await;
        assert_eq!(at_chorus(&gateway, number), waits_for(RIGHT), "accepted: {accepted}");
        assert_eq!(calls(&gateway, NAME) - before, if accepted { 1 } else { 2 }, "accepted: {accepted}");
        let attempts = gateway.store().reader().unwrap().attempts(&change).unwrap();
        let outcomes: Vec<_> = attempts.into_iter().filter_map(|attempt| attempt.outcome).collect();
        let wanted: &[&str] = if accepted { &["answer_lost"] } else { &["answer_lost", "accepted"] };
        assert_eq!(outcomes, wanted, "accepted: {accepted}");
        gateway.await_receipt(&format!("{number}.xml.json"), |receipt| receipt["fault"] == Value::Null).await;
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_before_the_answer_to_a_validator_names_it_once() {
    let mut gateway = naming().await;
    let flow = refused(&gateway, "N-COUPURE").await;
    gateway.simulator.control().add_fault(FaultRule::new(NAME, Effect::Slow).ms(1_500)).unwrap();
    let change = named(&gateway, &flow, "N-COUPURE", RIGHT).await;
    ends(&gateway, &change, "sending", "-").await;
    gateway.await_until("the call", || calls(&gateway, NAME) == 1).await;
    gateway.crash().await;
    gateway.boot();
    ends(&gateway, &change, "done", "-").await;
    assert_eq!(at_chorus(&gateway, "N-COUPURE"), waits_for(RIGHT));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_chorus_pro_refuses_is_told_with_its_label_and_another_may_be_named() {
    let gateway = naming().await;
    let flow = refused(&gateway, "N-REFUS").await;
    let change = named(&gateway, &flow, "N-REFUS", "99999999999999").await;
    ends(&gateway, &change, "refused", "FG-455").await;
    let fault = gateway.store().reader().unwrap().flow(&change).unwrap().unwrap().fault.unwrap();
    let title = fault.title(Language::Fr);
    for said in ["99999999999999", "N-REFUS", "structure inconnue", "20000 «"] {
        assert!(title.contains(said), "{said}: {title}");
    }
    assert_eq!(at_chorus(&gateway, "N-REFUS").1, "ERREUR_FOURNISSEUR_SUR_VALIDEUR");
    let receipt = gateway.receipt("N-REFUS.xml.json").unwrap();
    assert_eq!(receipt["fault"]["code"], "FG-441", "the invoice still waits for another one");
    let change = named(&gateway, &flow, "N-REFUS", RIGHT).await;
    ends(&gateway, &change, "done", "-").await;
    assert_eq!(at_chorus(&gateway, "N-REFUS"), waits_for(RIGHT));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_invoices_in_a_flux_each_is_given_its_own_validator() {
    let gateway = naming().await;
    let numbers = ["N-LOT-1", "N-LOT-2"];
    let members = [("1.xml", own_subcontract(numbers[0])), ("2.xml", own_subcontract(numbers[1]))];
    let file = gateway.drop_flow("lot.zip", crate::batch::zip(&members)).await;
    let both = || numbers.iter().all(|number| gateway.simulator.ledger().invoice(number).is_some());
    gateway.await_until("both", both).await;
    numbers.iter().for_each(|number| misname(&gateway, number));
    let wrong = |receipt: &Value| {
        let statuses = receipt["invoices"].as_array().into_iter().flatten().map(|invoice| &invoice["status"]);
        statuses.filter(|status| **status == "ERREUR_FOURNISSEUR_SUR_VALIDEUR").count()
    };
    gateway.await_receipt("lot.zip.json", |receipt| wrong(receipt) == 2).await;
    let fault = || {
        let flux = gateway.store().reader().unwrap().parts(&file).unwrap().remove(0);
        (flux.id, flux.fault.map_or("-", |fault| fault.code.as_str()))
    };
    let flux = fault().0;
    let change = named(&gateway, &flux, numbers[1], RIGHT).await;
    ends(&gateway, &change, "done", "-").await;
    assert_eq!(at_chorus(&gateway, numbers[1]), waits_for(RIGHT));
    assert_eq!(at_chorus(&gateway, numbers[0]).1, "ERREUR_FOURNISSEUR_SUR_VALIDEUR");
    gateway.await_receipt("lot.zip.json", |receipt| wrong(receipt) == 1).await;
    assert_eq!(fault().1, "FG-441", "the other one still waits");
    let change = named(&gateway, &flux, numbers[0], OTHER).await;
    ends(&gateway, &change, "done", "-").await;
    assert_eq!(at_chorus(&gateway, numbers[0]), waits_for(OTHER));
    gateway.await_until("no fault", || fault().1 == "-").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_pdf_is_not_sent_again_to_whom_it_names_and_what_the_portal_says_meanwhile_counts() {
    let mut gateway = naming().await;
    let frame = serde_json::json!({"frame": "A9", "validator": {"structure": RIGHT}});
    let data = crate::plain_pdf::json_of("N-PDF", frame);
    let flow = crate::plain_pdf::drop_pair(&gateway, "n.pdf", data, crate::plain_pdf::pdf(&["N-PDF"])).await;
    let file = format!("n.pdf.{flow}.json");
    gateway.await_state(&file, "integrated").await;
    misname(&gateway, "N-PDF");
    gateway.await_receipt(&file, |receipt| receipt["fault"]["code"] == "FG-441").await;
    let change = named(&gateway, &flow, "N-PDF", RIGHT).await;
    ends(&gateway, &change, "refused", "FG-454").await;
    assert_eq!(calls(&gateway, NAME), 0, "nothing was sent");
    // Our call is lost and was not taken; the invoice waits for somebody else when it is looked up.
    let lost = FaultRule::new(NAME, Effect::LoseAnswer).accepted(false);
    gateway.simulator.control().add_fault(lost).unwrap();
    let change = named(&gateway, &flow, "N-PDF", OTHER).await;
    gateway.await_until("the call", || calls(&gateway, NAME) == 1).await;
    gateway.crash().await;
    assert!(gateway.simulator.control().move_invoice("N-PDF", "A_VALIDER_1", "nommé sur le portail"));
    gateway.boot();
    ends(&gateway, &change, "refused", "FG-453").await;
    assert_eq!(at_chorus(&gateway, "N-PDF"), waits_for(RIGHT));
    assert_eq!(calls(&gateway, NAME), 1, "what the portal says is not overwritten");
    // Refused once more, another one is named after all.
    misname(&gateway, "N-PDF");
    gateway.await_receipt(&file, |receipt| receipt["fault"]["code"] == "FG-441").await;
    let change = named(&gateway, &flow, "N-PDF", OTHER).await;
    ends(&gateway, &change, "done", "-").await;
    assert_eq!(at_chorus(&gateway, "N-PDF").0.as_deref(), Some(OTHER));
    gateway.await_receipt(&file, |receipt| receipt["fault"] == Value::Null).await;
    gateway.stop().await;
}
