//! Statuses of received invoices: every one told once, in order, with its date, author and comment; and what a supplier
//! adds to an invoice that was suspended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use fluxgate::domain::{ChorusInvoiceId, Timestamp};
use fluxgate::fault::{Code, Fault};
use fluxgate::flow::FlowKind;
use fluxgate::flow::reception::Event;
use fluxgate::simulator::{Attachment, Effect, FaultRule, Readings, ReceivedInvoice, StatusDates};
use fluxgate::store::{ComplementRecord, FlowQuery, FlowRecord, FoundInvoice, ReceptionFacts, StatusRecord};
use fluxgate::work::{LimitsSection, Purpose};
use serde_json::Value;

use crate::gateway::{Gateway, check_document, hurried, invoice, quick_limits, realm};

/// The names in an account's folder, sorted.
fn names(gateway: &Gateway, shelf: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(gateway.folder(shelf))
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

/// The events of `/statuts`, in the order of their names, each checked against its schema and signature.
fn events(gateway: &Gateway) -> Vec<Value> {
    let folder = gateway.folder("statuts");
    let json = names(gateway, "statuts").into_iter().filter(|name| name.ends_with(".json"));
    json.map(|name| {
        let event: Value = serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        check_document("status", Purpose::Status, &event);
        event
    })
    .collect()
}

fn told(gateway: &Gateway) -> Vec<String> {
    events(gateway).iter().map(|event| event["status"].as_str().unwrap().to_owned()).collect()
}

fn named(number: &str) -> ReceivedInvoice {
    ReceivedInvoice { number: number.to_owned(), ..ReceivedInvoice::sample(1, "2026-11-20") }
}

fn piece(name: &str, content: &[u8]) -> Attachment {
    Attachment {
        name: name.to_owned(),
        mime: "application/octet-stream".to_owned(),
        content: content.to_vec(),
        category: String::new(),
        zipped: true,
    }
}

fn recorded(gateway: &Gateway, id: ChorusInvoiceId) -> Vec<StatusRecord> {
    let reader = gateway.store().reader().unwrap();
    let flows = reader.flows(&Default::default()).unwrap();
    let of = |flow: &&fluxgate::store::FlowRecord| {
        flow.kind == fluxgate::flow::FlowKind::Reception && reader.invoices(&flow.id).unwrap()[0].chorus_id == Some(id)
    };
    let flow = flows.iter().find(of).unwrap();
    reader.statuses(&flow.id).unwrap().into_iter().map(|(_, status)| status).collect()
}

fn asked(gateway: &Gateway) -> usize {
    gateway.simulator.ledger().calls_of("consulter/historique")
}

/// A delivered folder: its description, checked, and its files.
fn open(folder: &Path) -> (Value, BTreeMap<String, Vec<u8>>) {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut files: BTreeMap<String, Vec<u8>> = files.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect();
    let document: Value = serde_json::from_slice(&files.remove("facture.json").unwrap()).unwrap();
    check_document("facture", Purpose::Invoice, &document);
    (document, files)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_status_of_a_received_invoice_is_told_once_in_order_and_its_history_asked_for_on_change_only() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    let id = control.send_invoice(named("REC-S1"));
    let first = ["DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION"];
    gateway
        .await_until("the history of an invoice that is old already", || {
            told(&gateway).ends_with(&["MISE_A_DISPOSITION".to_owned()])
        })
        .await;
    let history = told(&gateway);
    assert!(history.iter().all(|status| first.contains(&status.as_str())), "{history:?}");
    // Another desk goes on with it.
    for (status, comment) in [("SERVICE_FAIT", "reçu le 20, œuvre complète"), ("MANDATEE", ""), ("COMPTABILISEE", "")]
    {
        let before = told(&gateway).len();
        assert!(control.move_invoice("REC-S1", status, comment));
        gateway.await_until(status, || told(&gateway).len() > before).await;
    }
    let after = [&history[..], &["SERVICE_FAIT", "MANDATEE", "COMPTABILISEE"].map(str::to_owned)].concat();
    assert_eq!(told(&gateway), after);
    let event = &events(&gateway)[history.len()];
    assert_eq!((&event["side"], &event["file"], &event["chorus_id"]), (&"received".into(), &Value::Null, &id.0.into()));
    assert_eq!(event["comment"], "reçu le 20, œuvre complète");
    assert!(event["folder"].as_str().unwrap().ends_with(&format!("_REC-S1_{id}")), "{event:#}");
    // An event's file stands before its record.
    gateway.await_until("the last record", || recorded(&gateway, id).len() >= after.len()).await;
    let kept = recorded(&gateway, id);
    assert_eq!(kept.iter().map(|s| s.status.as_str()).collect::<Vec<_>>(), after);
    // Looks that show nothing new ask nothing; neither do those after a restart.
    let (calls, files) = (asked(&gateway), names(&gateway, "statuts"));
    tokio::time::sleep(Duration::from_millis(700)).await;
    gateway.crash().await;
    gateway.boot();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!((asked(&gateway), names(&gateway, "statuts")), (calls, files));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_change_comes_back_as_an_event_and_a_lost_history_is_asked_for_again() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    for effect in [Effect::LoseAnswer, Effect::Status500] {
        control.add_fault(FaultRule::new("consulter/historique", effect)).unwrap();
    }
    let id = control.send_invoice(named("REC-S2"));
    gateway.await_until("its history", || !told(&gateway).is_empty()).await;
    let table = format!("id_facture;statut;motif\n{id};SUSPENDUE;Il manque le bon de livraison n° 7\n");
    gateway.drop_flow("statuts.csv", table).await;
    assert_eq!(gateway.await_final("statuts.csv.json").await["state"], "integrated");
    gateway.await_until("the suspension", || told(&gateway).ends_with(&["SUSPENDUE".to_owned()])).await;
    let event = events(&gateway).pop().unwrap();
    assert_eq!(event["comment"], "Il manque le bon de livraison n° 7");
    assert!(event["author"].is_string(), "who set it: {event:#}");
    let suspended = || recorded(&gateway, id).last().is_some_and(|last| last.status.as_str() == "SUSPENDUE");
    gateway.await_until("the record", suspended).await;
    let kept = recorded(&gateway, id);
    assert_eq!(kept.last().unwrap().author.as_deref(), event["author"].as_str());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_completes_a_suspended_invoice_is_delivered_once_and_only_what_is_new() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    let note = b"bon de commande";
    let id = control.send_invoice(ReceivedInvoice { attachments: vec![piece("bon.txt", note)], ..named("REC-C1") });
    gateway.await_until("the delivery", || names(&gateway, "recues").len() == 1).await;
    let folder = names(&gateway, "recues").remove(0);
    assert_eq!(open(&gateway.folder("recues").join(&folder)).0["complement"], Value::Null);
    // The application takes the invoice, suspends it, and its supplier answers with a document.
    std::fs::remove_dir_all(gateway.folder("recues").join(&folder)).unwrap();
    assert!(control.move_invoice("REC-C1", "SUSPENDUE", "Bon de livraison ?"));
    gateway.await_until("the suspension", || told(&gateway).ends_with(&["SUSPENDUE".to_owned()])).await;
    let answer = "bon de livraison signé à l'accueil".as_bytes();
    // Its download fails at first, and the box dies in the middle of it.
    for effect in [Effect::Cut, Effect::Status500] {
        control.add_fault(FaultRule::new("telecharger/groupe", effect)).unwrap();
    }
    assert!(control.complete_invoice("REC-C1", "ci-joint", vec![piece("livraison.txt", answer)]));
    gateway.await_until("the completion", || told(&gateway).ends_with(&["COMPLETEE".to_owned()])).await;
    gateway.crash().await;
    gateway.boot();
    gateway.await_until("the complement", || names(&gateway, "recues").len() == 1).await;
    assert_eq!(names(&gateway, "recues"), [format!("{folder}-complement-1")]);
    let (document, files) = open(&gateway.folder("recues").join(format!("{folder}-complement-1")));
    assert_eq!((&document["complement"]["of"], &document["complement"]["n"]), (&folder.as_str().into(), &1.into()));
    assert_eq!((&document["chorus_id"], &document["status"]), (&id.0.into(), &"COMPLETEE".into()));
    assert_eq!(files.into_values().collect::<Vec<_>>(), [answer], "the new piece alone");
    // Taken, it does not come again; a second completion brings its own piece, one with a word only brings no folder.
    std::fs::remove_dir_all(gateway.folder("recues").join(format!("{folder}-complement-1"))).unwrap();
    for (round, pieces) in [(2, vec![]), (3, vec![piece("plan.txt", b"plan")])] {
        assert!(control.move_invoice("REC-C1", "SUSPENDUE", "encore"));
        gateway
            .await_until("another suspension", || told(&gateway).iter().filter(|s| *s == "SUSPENDUE").count() == round)
            .await;
        assert!(control.complete_invoice("REC-C1", "voilà", pieces));
        let complements = || {
            let reader = gateway.store().reader().unwrap();
            let flow = reader.flows(&Default::default()).unwrap().remove(0);
            reader.complements(&flow.id).unwrap()
        };
        gateway.await_until("the next complement", || complements().iter().filter(|c| c.placed).count() == round).await;
    }
    assert_eq!(names(&gateway, "recues"), [format!("{folder}-complement-3")]);
    let (_, files) = open(&gateway.folder("recues").join(format!("{folder}-complement-3")));
    assert_eq!(files.into_values().collect::<Vec<_>>(), [b"plan"]);
    let options = fluxgate::store::verify::Options { documents: true, ..Default::default() };
    let report = fluxgate::store::verify::verify(gateway.dir.path(), &options).unwrap();
    assert_eq!((report.bad, report.documents), (None, 4), "the invoice and three complements");
    gateway.stop().await;
}

/// The one reception.
fn reception(gateway: &Gateway) -> FlowRecord {
    let query = FlowQuery { kind: Some(FlowKind::Reception), ..FlowQuery::default() };
    gateway.store().reader().unwrap().flows(&query).unwrap().remove(0)
}

fn complements(gateway: &Gateway) -> Vec<ComplementRecord> {
    gateway.store().reader().unwrap().complements(&reception(gateway).id).unwrap()
}

/// A delivered invoice that is suspended, and so is told.
async fn suspended(number: &str, limits: LimitsSection) -> Gateway {
    let gateway = Gateway::start(hurried(), limits).await;
    let control = gateway.simulator.control();
    control.send_invoice(named(number));
    gateway.await_until("the delivery", || names(&gateway, "recues").len() == 1).await;
    assert!(control.move_invoice(number, "SUSPENDUE", "Bon de livraison ?"));
    gateway.await_until("the suspension", || told(&gateway).ends_with(&["SUSPENDUE".to_owned()])).await;
    gateway
}

fn count(gateway: &Gateway, status: &str) -> usize {
    told(gateway).iter().filter(|told| *told == status).count()
}

async fn completed_once_more(gateway: &Gateway, number: &str, pieces: Vec<Attachment>) {
    let control = gateway.simulator.control();
    let (suspended, completed) = (count(gateway, "SUSPENDUE"), count(gateway, "COMPLETEE"));
    if completed >= suspended {
        assert!(control.move_invoice(number, "SUSPENDUE", "encore"));
        gateway.await_until("another suspension", || count(gateway, "SUSPENDUE") > suspended).await;
    }
    assert!(control.complete_invoice(number, "voilà", pieces));
    gateway.await_until("the completion", || count(gateway, "COMPLETEE") > completed).await;
}

fn content_of(gateway: &Gateway, folders: &[String]) -> Vec<Vec<u8>> {
    let pieces = folders.iter().map(|folder| open(&gateway.folder("recues").join(folder)).1);
    pieces.flat_map(BTreeMap::into_values).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_completion_adds_while_the_download_for_another_is_under_way_arrives_too() {
    let gateway = suspended("REC-C2", quick_limits()).await;
    let folder = names(&gateway, "recues").remove(0);
    // The first download holds what there was when it was asked for, and takes its time.
    let rule = FaultRule::new("telecharger/groupe", Effect::Slow).ms(1_800);
    gateway.simulator.control().add_fault(rule).unwrap();
    let downloads = || gateway.simulator.ledger().invoice("REC-C2").unwrap().downloads.len();
    let before = downloads();
    completed_once_more(&gateway, "REC-C2", vec![piece("un.txt", b"un")]).await;
    gateway.await_until("its download", || downloads() > before).await;
    let control = gateway.simulator.control();
    assert!(control.move_invoice("REC-C2", "SUSPENDUE", "encore"));
    assert!(control.complete_invoice("REC-C2", "voilà", vec![piece("deux.txt", b"deux")]));
    let arrived = || names(&gateway, "recues").into_iter().filter(|name| *name != folder).collect::<Vec<_>>();
    gateway.await_until("both", || content_of(&gateway, &arrived()).len() == 2).await;
    assert_eq!(content_of(&gateway, &arrived()), [b"un".to_vec(), b"deux".to_vec()]);
    gateway.stop().await;
}

/// Work stands once for each flow: the second complement must not be forgotten when both wait for the same delivery.
#[tokio::test(flavor = "multi_thread")]
async fn two_complements_that_wait_for_one_delivery_are_both_placed() {
    let gateway = suspended("REC-C3", quick_limits()).await;
    let folder = names(&gateway, "recues").remove(0);
    let blocker = gateway.folder("recues").join(format!("{folder}-complement-1"));
    std::fs::write(&blocker, "in the way").unwrap();
    for (name, content) in [("un.txt", b"un"), ("bis.txt", b"to")] {
        completed_once_more(&gateway, "REC-C3", vec![piece(name, content)]).await;
        let fetched = || complements(&gateway).iter().all(|complement| complement.document.is_some());
        gateway.await_until("its download", fetched).await;
    }
    let shown = || reception(&gateway).fault.is_some_and(|fault| fault.code == Code::DeliveryFailed);
    gateway.await_until("a broken try", shown).await;
    std::fs::remove_file(&blocker).unwrap();
    gateway.await_until("both", || complements(&gateway).iter().all(|complement| complement.placed)).await;
    let placed = [1, 2].map(|n| format!("{folder}-complement-{n}"));
    assert_eq!(names(&gateway, "recues")[1..], placed);
    assert_eq!(content_of(&gateway, &placed), [b"un", b"to"]);
    gateway.await_until("an end of the fault", || reception(&gateway).fault.is_none()).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_invoice_stays_on_show_when_its_complement_is_placed_and_when_it_is_taken() {
    let gateway = suspended("REC-C4", quick_limits()).await;
    let flow = reception(&gateway).id;
    let fault = Fault::new(Code::PivotUnreadable).with("chorus_id", 1).with("detail", "essai");
    gateway.store().trouble(&flow, Some(fault), Timestamp::now()).await.unwrap();
    completed_once_more(&gateway, "REC-C4", vec![piece("un.txt", b"un")]).await;
    gateway.await_until("the complement", || complements(&gateway).iter().any(|complement| complement.placed)).await;
    let code = || reception(&gateway).fault.map(|fault| fault.code);
    assert_eq!(code(), Some(Code::PivotUnreadable));
    gateway.store().advance(&flow, Event::Taken, ReceptionFacts::default(), None, Timestamp::now()).await.unwrap();
    assert_eq!((code(), reception(&gateway).state.as_str()), (Some(Code::PivotUnreadable), "taken"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_told_once_however_its_date_is_written() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    let readings = Readings { status_dates: StatusDates::Utc, ..control.readings() };
    control.set_readings(readings).unwrap();
    let id = control.send_invoice(named("REC-D1"));
    gateway.await_until("its history", || told(&gateway).ends_with(&["MISE_A_DISPOSITION".to_owned()])).await;
    gateway.await_until("its record", || !recorded(&gateway, id).is_empty()).await;
    // A search showed it before the history did, so it was told as the search wrote it: in UTC, to the second.
    gateway.crash().await;
    assert!(control.move_invoice("REC-D1", "SERVICE_FAIT", ""));
    let at = {
        let ledger = gateway.simulator.ledger();
        let history = &ledger.invoice("REC-D1").unwrap().history;
        history.iter().find(|moment| moment.name == "SERVICE_FAIT").unwrap().at
    };
    let limits = std::mem::take(&mut gateway.limits);
    gateway.limits = LimitsSection { reception_poll: fluxgate::domain::Duration::from_secs(3600), ..limits.clone() };
    gateway.connected = false;
    gateway.boot();
    let sighting = StatusRecord {
        status: "SERVICE_FAIT".parse().unwrap(),
        at: format!("{}Z", at.to_string().split('.').next().unwrap()),
        author: None,
        comment: None,
        others: serde_json::Map::new(),
    };
    let flow = reception(&gateway).id;
    gateway.store().record_statuses(&flow, 0, vec![sighting.clone()], Timestamp::now()).await.unwrap();
    // As the history writes it: it is the same one.
    let told_again = StatusRecord { at: at.paris_iso(), ..sighting };
    let new = gateway.store().record_statuses(&flow, 0, vec![told_again], Timestamp::now()).await.unwrap();
    assert_eq!(new, 0);
    gateway.crash().await;
    (gateway.limits, gateway.connected) = (limits, true);
    gateway.boot();
    assert!(control.move_invoice("REC-D1", "MANDATEE", ""));
    gateway.await_until("the next one", || told(&gateway).ends_with(&["MANDATEE".to_owned()])).await;
    assert_eq!(count(&gateway, "SERVICE_FAIT"), 0, "its event is not written once more");
    gateway.await_until("its record", || recorded(&gateway, id).last().unwrap().status.as_str() == "MANDATEE").await;
    let kept = recorded(&gateway, id);
    assert_eq!(kept.iter().filter(|kept| kept.status.as_str() == "SERVICE_FAIT").count(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_not_asked_for_because_a_date_is_written_otherwise() {
    let mut scenario = hurried();
    scenario.timing.status_step = fluxgate::domain::Duration::from_secs(3600);
    scenario.readings.status_dates = StatusDates::Utc;
    let gateway = Gateway::start(scenario, quick_limits()).await;
    gateway.drop_flow("envoyee.xml", invoice("FA-DATE-1")).await;
    gateway.await_receipt("envoyee.xml.json", |receipt| receipt["invoices"][0]["status"] == "DEPOSEE").await;
    let looks = |gateway: &Gateway| gateway.simulator.ledger().calls_of("rechercher/fournisseur");
    let (calls, before) = (asked(&gateway), looks(&gateway));
    gateway.await_until("more looks", || looks(&gateway) > before + 4).await;
    assert_eq!(asked(&gateway), calls);
    gateway.stop().await;
}

/// The history lags behind the search, which tells no date: the event waits for the one that has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_a_search_shows_without_a_date_is_told_once_when_its_history_has_it() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    let readings = Readings { status_dates: StatusDates::Missing, ..control.readings() };
    control.set_readings(readings).unwrap();
    let id = control.send_invoice(named("REC-D2"));
    gateway.await_until("its history", || told(&gateway).ends_with(&["MISE_A_DISPOSITION".to_owned()])).await;
    gateway.await_until("its record", || !recorded(&gateway, id).is_empty()).await;
    let before = told(&gateway);
    gateway.crash().await;
    // Its own looks would show what the simulator has.
    let limits = std::mem::take(&mut gateway.limits);
    gateway.limits = LimitsSection { reception_poll: fluxgate::domain::Duration::from_secs(3600), ..limits.clone() };
    let ahead = Arc::new(AtomicI64::new(0));
    let by = Arc::clone(&ahead);
    gateway.clock = Arc::new(move || Timestamp::from_millis(Timestamp::now().millis() + by.load(Ordering::SeqCst)));
    let looks = |gateway: &Gateway| gateway.simulator.ledger().calls_of("rechercher/recipiendaire");
    let seen = looks(&gateway);
    gateway.boot();
    // One question for each kind: the rows of the first are written down before the second.
    gateway.await_until("the first look", || looks(&gateway) >= seen + 2).await;
    let found = FoundInvoice {
        chorus_id: id,
        number: "REC-D2".parse().unwrap(),
        supplier: "33254021516357".to_owned(),
        supplier_name: String::new(),
        recipient: "12345678200051".to_owned(),
        recipient_name: String::new(),
        status: "SERVICE_FAIT".parse().unwrap(),
        status_at: String::new(),
        issued_on: None,
        payable: None,
        type_code: "380".to_owned(),
        account: "sifac".parse().unwrap(),
    };
    let calls = asked(&gateway);
    gateway.store().find(&realm(), found, Timestamp::now()).await.unwrap();
    // Hours pass at each glance: what is put off becomes due.
    let hours_later = |done: bool| {
        ahead.fetch_add(2 * 3_600_000, Ordering::SeqCst);
        done
    };
    gateway.await_until("many readings of the history", || hours_later(asked(&gateway) > calls + 7)).await;
    assert_eq!(told(&gateway), before, "nothing is told without its date");
    assert!(control.move_invoice("REC-D2", "SERVICE_FAIT", "reçu"));
    gateway.await_until("the event", || hours_later(count(&gateway, "SERVICE_FAIT") == 1)).await;
    assert_eq!(events(&gateway).last().unwrap()["comment"], "reçu");
    gateway.crash().await;
    gateway.limits = limits;
    gateway.boot();
    let calls = looks(&gateway);
    gateway.await_until("more looks", || looks(&gateway) > calls + 4).await;
    assert_eq!(count(&gateway, "SERVICE_FAIT"), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_may_want_its_statuses_as_cpp_statut() {
    let schema = crate::reference::reference("chorus-pro/xsd/CPPStatutPivot_V1_19.xsd");
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    for (form, number) in [("statuses = \"both\"", "REC-X1"), ("statuses = \"cppstatut\"", "REC-X2")] {
        gateway.route_keys = form.to_owned();
        gateway.reload();
        let control = gateway.simulator.control();
        control.send_invoice(named(number));
        let of = |ending: &str| {
            let names = names(&gateway, "statuts").into_iter();
            names.filter(|name| name.contains(number) && name.ends_with(ending)).collect::<Vec<_>>()
        };
        gateway.await_until("its history", || !of("MISE_A_DISPOSITION_recue.xml").is_empty()).await;
        assert!(control.move_invoice(number, "SUSPENDUE", "pièce « manquante » & <urgente>"));
        gateway.await_until("the suspension", || !of("SUSPENDUE_recue.xml").is_empty()).await;
        // No number of CPPStatut stands for this one: it is told as JSON.
        assert!(control.move_invoice(number, "STATUT_DE_DEMAIN", ""));
        gateway.await_until("the unknown one", || !of("STATUT_DE_DEMAIN_recue.json").is_empty()).await;
        let (xml, json) = (of(".xml"), of(".json"));
        assert_eq!(json.len(), if form.contains("both") { xml.len() + 1 } else { 1 }, "{json:?}");
        for name in &xml {
            let path = gateway.folder("statuts").join(name);
            let read =
                fluxgate::invoice::status_file::read_xml(&std::fs::read(&path).unwrap(), Default::default()).unwrap();
            assert_eq!((read.invoices.len(), read.invoices[0].invoice.as_str()), (1, number));
            if let Some(schema) = &schema {
                let lint = std::process::Command::new("xmllint")
                    .args(["--noout", "--nonet", "--schema"])
                    .arg(schema)
                    .arg(&path)
                    .output()
                    .unwrap();
                assert!(lint.status.success(), "{name}: {}", String::from_utf8_lossy(&lint.stderr));
            }
        }
        let last = gateway.folder("statuts").join(xml.last().unwrap());
        let read = fluxgate::invoice::status_file::read_xml(&std::fs::read(last).unwrap(), Default::default()).unwrap();
        assert_eq!(read.invoices[0].status.number(), 6);
        assert_eq!(read.invoices[0].comment.as_deref(), Some("pièce « manquante » & <urgente>"));
    }
    let flows = || gateway.store().reader().unwrap().flows(&Default::default()).unwrap();
    let alarmed = || flows().iter().all(|flow| flow.fault.as_ref().is_some_and(|f| f.code.as_str() == "FG-410"));
    gateway.await_until("an alarm for the unknown status", alarmed).await;
    assert_eq!(flows().iter().map(|flow| &flow.realm).collect::<Vec<_>>(), [&realm(), &realm()]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_received_payment_order_whose_number_makes_no_sense_is_told_without_after_an_hour() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    let ahead = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));
    gateway.crash().await;
    gateway.clock = crate::clock::clock(&ahead);
    gateway.boot();
    let control = gateway.simulator.control();
    control.send_invoice(named("REC-M1"));
    gateway.await_until("its history", || told(&gateway).ends_with(&["MISE_A_DISPOSITION".to_owned()])).await;
    control.add_fault(FaultRule::new("consulter/recipiendaire", Effect::Garbage200).always()).unwrap();
    assert!(control.move_invoice("REC-M1", "MANDATEE", ""));
    let asked = || gateway.simulator.ledger().calls_of("consulter/recipiendaire");
    gateway.await_until("its number is asked for", || asked() >= 1).await;
    // Not before the answer was read: what is put off after the clock has jumped would not be due by that jump.
    let put_off = || {
        let due = gateway.store().reader().unwrap().next_due(&[fluxgate::flow::Job::Statuses]).unwrap();
        due.is_some_and(|due| due.since(Timestamp::now()) > Duration::from_secs(30))
    };
    gateway.await_until("it is put off", put_off).await;
    ahead.fetch_add(61_000, std::sync::atomic::Ordering::SeqCst);
    gateway.await_until("it is asked for again", || asked() >= 2).await;
    assert!(!told(&gateway).ends_with(&["MANDATEE".to_owned()]), "it waits for its number");
    ahead.fetch_add(2 * 3_600_000, std::sync::atomic::Ordering::SeqCst);
    gateway.await_until("the order", || told(&gateway).ends_with(&["MANDATEE".to_owned()])).await;
    assert_eq!(events(&gateway).pop().unwrap()["mandate"], Value::Null);
    gateway.stop().await;
}
