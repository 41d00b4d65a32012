//! Received invoices: from the simulator over HTTPS into the account's folder, exactly as they were sent.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fluxgate::domain::{ChorusInvoiceId, Timestamp};
use fluxgate::flow::reception::Event;
use fluxgate::simulator::{
    Attachment, Effect, FaultRule, PivotForm, PivotVersion, Readings, ReceivedInvoice, VersionTold,
};
use fluxgate::store::{Content, Found, FoundInvoice, ReceptionFacts};
use fluxgate::work::{LimitsSection, Purpose};
use serde_json::Value;

use crate::gateway::{Gateway, check_document, hurried, invoice, quick_limits, realm, second_realm};

fn delivered(gateway: &Gateway) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(gateway.folder("recues"))
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    folders.sort();
    folders
}

async fn await_delivered(gateway: &Gateway, count: usize) -> Vec<PathBuf> {
    gateway.await_until("the delivery", || delivered(gateway).len() >= count).await;
    let folders = delivered(gateway);
    assert_eq!(folders.len(), count);
    folders
}

/// A delivered folder: its description, checked, and its files, whose hashes are those described.
fn open(folder: &PathBuf) -> (Value, BTreeMap<String, Vec<u8>>) {
    let mut files: BTreeMap<String, Vec<u8>> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect();
    let document: Value = serde_json::from_slice(&files.remove("facture.json").unwrap()).unwrap();
    check_document("facture", Purpose::Invoice, &document);
    let described: Vec<&str> =
        document["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    let mut sorted = described.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, files.keys().map(String::as_str).collect::<Vec<_>>(), "nothing more, nothing less");
    (document, files)
}

fn sent(number: &str, attachments: Vec<Attachment>) -> ReceivedInvoice {
    ReceivedInvoice {
        number: number.to_owned(),
        principal: Some(Attachment {
            name: format!("{number}.xml"),
            mime: "application/xml".to_owned(),
            content: b"<Invoice>original</Invoice>".to_vec(),
            category: String::new(),
            zipped: false,
        }),
        attachments,
        ..ReceivedInvoice::default()
    }
}

fn attachment(name: &str, content: &[u8], zipped: bool) -> Attachment {
    Attachment {
        name: name.to_owned(),
        mime: "application/octet-stream".to_owned(),
        content: content.to_vec(),
        category: String::new(),
        zipped,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn received_invoices_arrive_whole_in_their_folder() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    let note = "bon de livraison signé à l'accueil".as_bytes();
    for form in [PivotForm::Xml, PivotForm::Zip] {
        control.set_pivot(form);
        let number = format!("R-{form:?}");
        let before = delivered(&gateway).len();
        let id = control.send_invoice(sent(
            &number,
            vec![attachment("bon.txt", note, true), attachment("plan.bin", &[0, 1, 2, 255], false)],
        ));
        let folders = await_delivered(&gateway, before + 1).await;
        let folder = folders.iter().find(|f| f.to_str().unwrap().ends_with(&format!("_{number}_{id}"))).unwrap();
        let (document, files) = open(folder);
        assert_eq!((&document["number"], &document["chorus_id"]), (&number.as_str().into(), &id.0.into()));
        assert_eq!(document["fault"], Value::Null);
        assert_eq!(document["amounts"]["payable"], document["amounts"]["with_tax"]);
        assert_eq!(files["original.xml"], b"<Invoice>original</Invoice>");
        assert_eq!(files["piece-01_bon.txt"], note, "out of the ZIP that Chorus Pro made");
        assert_eq!(files["piece-02_plan.bin"], [0, 1, 2, 255]);
        assert!(files["pivot.xml"].starts_with(b"<?xml"));
        assert!(files["lisible.pdf"].starts_with(b"%PDF-"), "asked of Chorus Pro: this pivot has none");
        assert_eq!(document["readable"]["source"], "chorus_pro");
        let bon = document["files"].as_array().unwrap().iter().find(|f| f["name"] == "piece-01_bon.txt").unwrap();
        assert_eq!(
            (&bon["given_name"], &bon["members"], &bon["remark"]),
            (&"bon.txt".into(), &Value::Null, &Value::Null)
        );
        assert_eq!(gateway.simulator.ledger().invoice(&number).unwrap().downloads.len(), 2, "the pivot, and the copy");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pages_are_followed_and_nothing_arrives_twice() {
    let mut scenario = hurried();
    scenario.received = 130;
    let mut gateway = Gateway::start(scenario, quick_limits()).await;
    gateway.await_until("all deliveries", || delivered(&gateway).len() == 130).await;
    let ledger = gateway.simulator.ledger();
    assert!(ledger.invoices.iter().all(|invoice| invoice.downloads.len() == 1));
    for folder in delivered(&gateway) {
        let (document, files) = open(&folder);
        assert_eq!(document["fault"], Value::Null);
        assert!(files.contains_key("lisible.pdf"), "{:?}", files.keys());
        assert_eq!(document["readable"]["source"], "pivot");
    }
    // Taken by the application, it does not come again: neither by the next looks nor after a restart.
    std::fs::remove_dir_all(&delivered(&gateway)[0]).unwrap();
    gateway.crash().await;
    gateway.boot();
    gateway.simulator.control().send_samples(1);
    gateway.await_until("one more", || delivered(&gateway).len() == 130).await;
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert_eq!(delivered(&gateway).len(), 130);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_is_refused_does_not_hide_the_other_kind_of_invoice() {
    let limits = LimitsSection { reception_poll: fluxgate::domain::Duration::from_secs(3600), ..quick_limits() };
    let mut gateway = Gateway::start(hurried(), limits).await;
    let looks = |gateway: &Gateway| gateway.simulator.ledger().calls_of("rechercher/recipiendaire");
    // Twice: what is new, and what is open.
    gateway.await_until("a look: two questions for each kind", || looks(&gateway) == 4).await;
    gateway.crash().await;
    gateway
        .simulator
        .control()
        .add_fault(FaultRule::new("rechercher/recipiendaire", Effect::Refuse).refusal(20_001, "non"))
        .unwrap();
    gateway.boot();
    gateway.await_until("the second question after the first was refused", || looks(&gateway) == 6).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_old_invoices_that_are_followed_do_not_delay_a_new_one() {
    let mut scenario = hurried();
    scenario.timing.status_step = fluxgate::domain::Duration::from_secs(3600);
    let gateway = Gateway::start(scenario, LimitsSection { jobs: 1, ..quick_limits() }).await;
    for n in 0..12 {
        gateway.drop_flow(&format!("suivie-{n}.xml"), invoice(&format!("FA-SUIVIE-{n}"))).await;
    }
    for n in 0..12 {
        let shown = |r: &Value| r["invoices"][0]["status"] == "DEPOSEE";
        gateway.await_receipt(&format!("suivie-{n}.xml.json"), shown).await;
    }
    // A dozen looks, always due, that take a second each.
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("rechercher/fournisseur", Effect::Slow).ms(1_000).always()).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    let begun = std::time::Instant::now();
    control.send_invoice(sent("R-1", Vec::new()));
    await_delivered(&gateway, 1).await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(6), "{:?}", begun.elapsed());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_without_a_good_answer_is_asked_for_again_and_a_crash_loses_none() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    for effect in [Effect::LoseAnswer, Effect::Cut, Effect::Status500] {
        control.add_fault(FaultRule::new("telecharger/groupe", effect)).unwrap();
    }
    control.send_samples(4);
    for pause in [30, 100, 200, 400] {
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        gateway.crash().await;
        gateway.boot();
    }
    for folder in await_delivered(&gateway, 4).await {
        assert_eq!(open(&folder).0["fault"], Value::Null);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_no_pivot_is_delivered_as_it_came_with_its_fault() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let store = gateway.store();
    let downloads =
        [b"\x00\x01 no pivot at all".to_vec(), b"PK\x03\x04 cut off".to_vec(), b"<CPPFacturePivot>".to_vec()];
    for (id, bytes) in (70_001..).zip(&downloads) {
        let found = FoundInvoice {
            chorus_id: ChorusInvoiceId(id),
            number: "../../R 1".parse().unwrap(),
            supplier: "33254021516357".to_owned(),
            supplier_name: "Fournisseur".to_owned(),
            recipient: "12345678200051".to_owned(),
            recipient_name: String::new(),
            status: "MISE_A_DISPOSITION".parse().unwrap(),
            status_at: "2026-11-20T08:01:02.000+01:00".to_owned(),
            issued_on: Some("2026-11-19".to_owned()),
            payable: Some("120.00 EUR".to_owned()),
            type_code: "380".to_owned(),
            account: "sifac".parse().unwrap(),
        };
        let Found::New(flow) = store.find(&realm(), found, Timestamp::now()).await.unwrap() else { panic!("new") };
        let facts = ReceptionFacts { document: Some(Content::Inline(bytes.clone())), ..ReceptionFacts::default() };
        store.advance(&flow, Event::Downloaded, facts, None, Timestamp::now()).await.unwrap();
    }
    let folders = await_delivered(&gateway, 3).await;
    for ((folder, bytes), name) in folders.iter().zip(&downloads).zip(["pivot.bin", "pivot.zip", "pivot.xml"]) {
        assert!(folder.file_name().unwrap().to_str().unwrap().contains("_-..-R-1_7000"), "{folder:?}");
        let (document, files) = open(folder);
        assert_eq!(document["fault"]["code"], "FG-501");
        assert_eq!(
            (&document["supplier"]["id"], &document["amounts"]["payable"]),
            (&"33254021516357".into(), &"120.00".into())
        );
        assert_eq!(files.into_iter().collect::<Vec<_>>(), [(name.to_owned(), bytes.clone())]);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_without_a_readable_copy_is_delivered_all_the_same_and_says_so() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("telecharger/groupe", Effect::Refuse).nth(2).refusal(20_001, "non")).unwrap();
    control.send_invoice(sent("R-REFUSE", Vec::new()));
    let folder = await_delivered(&gateway, 1).await.remove(0);
    let (document, files) = open(&folder);
    assert!(!files.contains_key("lisible.pdf") && files.contains_key("original.xml"), "{:?}", files.keys());
    assert_eq!((&document["readable"]["source"], &document["fault"]), (&Value::Null, &Value::Null));
    let remark = document["readable"]["remark"].as_str().unwrap();
    assert!(remark.contains("copie lisible") && remark.contains("FG-310"), "{remark}");

    // What comes late is waited for: one answer lost, then the copy.
    control.clear_faults();
    control.add_fault(FaultRule::new("telecharger/groupe", Effect::Status503).nth(2)).unwrap();
    control.send_invoice(sent("R-TARD", Vec::new()));
    let folders = await_delivered(&gateway, 2).await;
    let (document, files) = open(folders.iter().find(|f| f.to_str().unwrap().contains("R-TARD")).unwrap());
    assert_eq!(document["readable"]["source"], "chorus_pro");
    assert!(files["lisible.pdf"].starts_with(b"%PDF-"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_of_the_pivot_is_read_in_both_forms_whether_or_not_it_is_told() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    let mut sent_so_far = 0;
    for pivot_version in [PivotVersion::V2_02, PivotVersion::V1_22, PivotVersion::V1_21, PivotVersion::V1_20] {
        for pivot_version_told in [VersionTold::Yes, VersionTold::No] {
            for form in [PivotForm::Xml, PivotForm::Zip] {
                control.set_readings(Readings { pivot_version, pivot_version_told, ..Readings::default() }).unwrap();
                control.set_pivot(form);
                let number = format!("R-{sent_so_far}");
                sent_so_far += 1;
                control.send_invoice(sent(&number, vec![attachment("bon.txt", b"signe", true)]));
                let folders = await_delivered(&gateway, sent_so_far).await;
                let folder = folders.iter().find(|f| f.to_str().unwrap().contains(&format!("_{number}_"))).unwrap();
                let (document, files) = open(folder);
                let case = format!("{pivot_version:?} {pivot_version_told:?} {form:?}");
                assert_eq!(document["fault"], Value::Null, "{case}");
                assert_eq!(document["number"], number.as_str(), "{case}");
                assert!(
                    document["supplier"]["name"].is_string() && document["amounts"]["payable"].is_string(),
                    "{case}"
                );
                assert_eq!(document["pivot"]["version"].is_null(), pivot_version_told == VersionTold::No, "{case}");
                assert_eq!(files["piece-01_bon.txt"], b"signe", "{case}");
            }
        }
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_side_by_side_are_whole_when_their_description_is_there() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.route_keys = "layout = \"flat\"".to_owned();
    gateway.reload();
    let id = gateway.simulator.control().send_invoice(sent("R/1", vec![attachment("bon.txt", b"signe", true)]));
    let description = gateway.folder("recues").join(format!("R-1_{id}_facture.json"));
    gateway.await_until("the description", || description.exists()).await;
    let names: Vec<String> =
        delivered(&gateway).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let expected = ["facture.json", "lisible.pdf", "original.xml", "piece-01_bon.txt", "pivot.xml"];
    assert_eq!(names, expected.map(|name| format!("R-1_{id}_{name}")));
    let document: Value = serde_json::from_slice(&std::fs::read(&description).unwrap()).unwrap();
    check_document("facture", Purpose::Invoice, &document);
    for file in document["files"].as_array().unwrap() {
        let bytes = std::fs::read(gateway.folder("recues").join(file["name"].as_str().unwrap())).unwrap();
        assert_eq!(bytes.len() as u64, file["size"].as_u64().unwrap(), "named as it lies there: {file}");
    }
    let state = |gateway: &Gateway| {
        let query = fluxgate::store::FlowQuery::default();
        gateway.store().reader().unwrap().flows(&query).unwrap().pop().unwrap().state
    };
    gateway.await_until("the journal", || state(&gateway) == "delivered").await;
    let bench = gateway.dir.path().join("folders/sifac/.travail");
    gateway.await_until("a clean bench", || std::fs::read_dir(&bench).unwrap().count() == 0).await;
    assert_eq!(state(&gateway), "delivered", "nobody has taken it");
    gateway.crash().await;
    gateway.boot();
    gateway.simulator.control().send_samples(1);
    gateway.await_until("the next one", || delivered(&gateway).len() > 5 + 3).await;
    assert!(delivered(&gateway).iter().all(|path| path.is_file()), "all of them side by side");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_nobody_fetches_is_a_fault_until_it_is_taken() {
    let delivery_deadline = fluxgate::domain::Duration::from_millis(600);
    let gateway = Gateway::start(hurried(), LimitsSection { delivery_deadline, ..quick_limits() }).await;
    gateway.simulator.control().send_invoice(sent("R-1", Vec::new()));
    await_delivered(&gateway, 1).await;
    let flow =
        || gateway.store().reader().unwrap().flows(&fluxgate::store::FlowQuery::default()).unwrap().pop().unwrap();
    gateway.await_until("its journal", || flow().state == "delivered").await;
    assert_eq!(flow().fault, None, "not yet");
    gateway.await_until("the fault", || flow().fault.is_some()).await;
    let fault = flow().fault.unwrap();
    assert_eq!(fault.code.as_str(), "FG-507");
    let title = fault.title(fluxgate::fault::Language::Fr);
    assert!(title.contains("R-1") && title.contains("sifac") && !title.contains('?'), "{title}");
    let overview = gateway.store().reader().unwrap().overview(Timestamp::now()).unwrap();
    assert_eq!(overview.stuck_total, 1, "the first screen shows it");
    let troubles =
        || gateway.store().reader().unwrap().steps(&flow().id).unwrap().iter().filter(|s| s.kind == "trouble").count();
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!(troubles(), 1, "told once");
    let id = flow().id;
    gateway.store().advance(&id, Event::Taken, ReceptionFacts::default(), None, Timestamp::now()).await.unwrap();
    assert_eq!((flow().fault, flow().state.as_str()), (None, "taken"));
    assert_eq!(gateway.store().reader().unwrap().overview(Timestamp::now()).unwrap().stuck_total, 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complement_that_nobody_fetches_is_a_fault_too_and_one_alarm_counts_what_is_left() {
    let delivery_deadline = fluxgate::domain::Duration::from_millis(600);
    let mut gateway = Gateway::start(hurried(), LimitsSection { delivery_deadline, ..quick_limits() }).await;
    gateway.crash().await;
    gateway.watch.pace.look = std::time::Duration::from_millis(50);
    gateway.boot();
    let control = gateway.simulator.control();
    control.send_invoice(sent("R-1", Vec::new()));
    let flow =
        || gateway.store().reader().unwrap().flows(&fluxgate::store::FlowQuery::default()).unwrap().pop().unwrap();
    gateway.await_until("its delivery", || !delivered(&gateway).is_empty() && flow().state == "delivered").await;
    let id = flow().id;
    let shown = |flow: &fluxgate::store::FlowRecord| flow.fault.as_ref().map(|fault| fault.code.as_str());
    let alarm = || {
        let alarms = gateway.store().reader().unwrap().alarms().unwrap();
        let open = alarms.into_iter().find(|a| a.cleared_at.is_none() && a.alarm.fault.code.as_str() == "FG-613");
        open.map(|open| open.alarm.fault.details["count"].to_string())
    };
    gateway.await_until("the fault and its alarm", || shown(&flow()) == Some("FG-507") && alarm().is_some()).await;
    assert_eq!(alarm().unwrap(), "1");
    let take = |event, folder: Option<String>| {
        let facts = ReceptionFacts { folder, ..ReceptionFacts::default() };
        gateway.store().advance(&id, event, facts, None, Timestamp::now())
    };
    take(Event::Taken, None).await.unwrap();
    gateway.await_until("the end of both", || shown(&flow()).is_none() && alarm().is_none()).await;

    assert!(control.move_invoice("R-1", "SUSPENDUE", "Bon ?"));
    let last = || gateway.store().reader().unwrap().statuses(&id).unwrap().pop().unwrap().1.status.to_string();
    gateway.await_until("the suspension", || last() == "SUSPENDUE").await;
    assert!(control.complete_invoice("R-1", "voilà", vec![attachment("bon.txt", b"signe", true)]));
    gateway.await_until("the fault of the complement", || shown(&flow()) == Some("FG-507")).await;
    let title = flow().fault.unwrap().title(fluxgate::fault::Language::Fr);
    assert!(title.contains("-complement-1") && !title.contains('?'), "{title}");
    assert_eq!(flow().state, "taken");
    let overview = gateway.store().reader().unwrap().overview(Timestamp::now()).unwrap();
    assert_eq!(overview.stuck_total, 1, "the first screen shows it, though the flow has ended");
    gateway.await_until("its alarm", || alarm().is_some()).await;
    let query = fluxgate::store::FlowQuery { fault: flow().fault.map(|fault| fault.code), ..Default::default() };
    assert_eq!(gateway.store().reader().unwrap().flows(&query).unwrap().len(), 1, "the alarm's link lists it");
    let standing = gateway.store().reader().unwrap().delivered(&"sifac".parse().unwrap()).unwrap();
    take(Event::ComplementTaken, Some(standing[0].folder.clone())).await.unwrap();
    gateway.await_until("the end of both", || shown(&flow()).is_none() && alarm().is_none()).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_fetching_it_hides_no_other_fault_of_a_delivery() {
    let delivery_deadline = fluxgate::domain::Duration::from_millis(300);
    let gateway = Gateway::start(hurried(), LimitsSection { delivery_deadline, ..quick_limits() }).await;
    let control = gateway.simulator.control();
    for number in ["R-1", "R-2"] {
        control.send_invoice(sent(number, Vec::new()));
    }
    await_delivered(&gateway, 2).await;
    let flows = || gateway.store().reader().unwrap().flows(&fluxgate::store::FlowQuery::default()).unwrap();
    let code = |number: &str| {
        let flow = flows().into_iter().find(|flow| flow.file == number).unwrap();
        flow.fault.map(|fault| fault.code.to_string())
    };
    gateway.await_until("the fault", || code("R-1").is_some_and(|code| code == "FG-507")).await;
    // One that a person must act on comes later, and stays.
    assert!(control.move_invoice("R-1", "STATUT_DE_DEMAIN", ""));
    gateway.await_until("the graver one", || code("R-1").is_some_and(|code| code == "FG-410")).await;
    control.send_invoice(sent("R-3", Vec::new()));
    gateway
        .await_until("a look later", || flows().len() == 3 && code("R-3").is_some_and(|code| code == "FG-507"))
        .await;
    assert_eq!((code("R-1").as_deref(), code("R-2").as_deref()), (Some("FG-410"), Some("FG-507")));
    assert!(control.move_invoice("R-1", "SERVICE_FAIT", ""));
    gateway.await_until("the lesser one again", || code("R-1").is_some_and(|code| code == "FG-507")).await;
    gateway.stop().await;
}

/// A gateway whose store is new, at a later time than Chorus Pro's.
async fn anew(gateway: &mut Gateway, days: u64) {
    gateway.crash().await;
    for entry in std::fs::read_dir(gateway.dir.path()).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.file_name().unwrap().to_str().unwrap().starts_with("fluxgate.db") {
            std::fs::remove_file(entry).unwrap();
        }
    }
    later(gateway, days);
}

fn later(gateway: &mut Gateway, days: u64) {
    let by = std::time::Duration::from_secs(days * 86_400);
    gateway.clock = std::sync::Arc::new(move || Timestamp::now().plus(by));
}

fn is_delivered(gateway: &Gateway, number: &str) -> bool {
    delivered(gateway).iter().any(|folder| folder.to_str().unwrap().contains(&format!("_{number}_")))
}

/// PROTOCOL §7: "30-day window misses old invoices".
#[tokio::test(flavor = "multi_thread")]
async fn an_old_invoice_that_nobody_has_downloaded_is_found_at_first_and_once_a_week() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    let remembered = |gateway: &Gateway, name| gateway.store().reader().unwrap().remembered(&realm(), name).unwrap();
    gateway.await_until("its look at everything open", || remembered(&gateway, "reception.swept").is_some()).await;
    // The box is new: sixty days old is far beyond any look by date.
    anew(&mut gateway, 60).await;
    let control = gateway.simulator.control();
    control.send_invoice(sent("R-VIEILLE", Vec::new()));
    control.send_invoice(sent("R-PAYEE", Vec::new()));
    assert!(control.move_invoice("R-PAYEE", "MISE_EN_PAIEMENT", ""));
    gateway.boot();
    gateway.await_until("the old one", || is_delivered(&gateway, "R-VIEILLE")).await;
    gateway.await_until("the end of the look", || remembered(&gateway, "reception.swept").is_some()).await;

    // A hole: this one's state lies long before the cursor.
    gateway.crash().await;
    gateway.simulator.control().send_invoice(sent("R-MANQUEE", Vec::new()));
    later(&mut gateway, 66);
    gateway.boot();
    let cursor = remembered(&gateway, "reception.until");
    gateway.await_until("another look", || remembered(&gateway, "reception.until") != cursor).await;
    assert!(!is_delivered(&gateway, "R-MANQUEE"), "a look by date does not see it, and the week is not over");
    gateway.crash().await;
    later(&mut gateway, 68);
    gateway.boot();
    gateway.await_until("the missed one", || is_delivered(&gateway, "R-MANQUEE")).await;
    assert!(!is_delivered(&gateway, "R-PAYEE"), "paid long ago");
    assert_eq!(delivered(&gateway).len(), 2);
    gateway.stop().await;
}

/// Seen: a missed invoice that somebody had downloaded on the portal, or that was paid already, was never found.
#[tokio::test(flavor = "multi_thread")]
async fn a_missed_invoice_that_is_paid_already_is_found_once_a_week_and_what_is_known_costs_nothing_more() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.simulator.control().send_invoice(sent("R-CONNUE", Vec::new()));
    await_delivered(&gateway, 1).await;
    let remembered = |gateway: &Gateway, name| gateway.store().reader().unwrap().remembered(&realm(), name).unwrap();
    gateway.await_until("both lists", || remembered(&gateway, "reception.swept").is_some()).await;
    assert!(remembered(&gateway, "reception.reread").is_some(), "the first look by date is the whole past");
    let look = async |gateway: &mut Gateway, days| {
        later(gateway, days);
        gateway.boot();
        let cursor = remembered(gateway, "reception.until");
        gateway.await_until("a look", || remembered(gateway, "reception.until") != cursor).await;
    };
    gateway.crash().await;
    look(&mut gateway, 3).await;
    gateway.crash().await;
    // It comes late, with a date that no look by date goes back to, and it is paid already.
    let control = gateway.simulator.control();
    control.send_invoice(sent("R-TARDIVE", Vec::new()));
    assert!(control.move_invoice("R-TARDIVE", "MISE_EN_PAIEMENT", ""));
    look(&mut gateway, 6).await;
    gateway.crash().await;
    assert!(!is_delivered(&gateway, "R-TARDIVE"), "the week is not over");
    let histories = gateway.simulator.ledger().calls_of("consulter/historique");
    look(&mut gateway, 9).await;
    gateway.await_until("the late one", || is_delivered(&gateway, "R-TARDIVE")).await;
    let told = || gateway.simulator.ledger().calls_of("consulter/historique");
    gateway.await_until("its history", || told() > histories).await;
    let week = Timestamp::now().plus(std::time::Duration::from_secs(8 * 86_400)).to_string();
    let is_read = |name| remembered(&gateway, name).is_some_and(|at| at > week);
    gateway.await_until("both lists", || is_read("reception.reread") && is_read("reception.swept")).await;
    assert_eq!((told() - histories, delivered(&gateway).len()), (1, 2), "of the known one nothing is asked");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_says_no_row_in_the_middle_is_not_read_throughout() {
    let mut scenario = hurried();
    scenario.received = 130;
    let mut gateway = Gateway::start(scenario, quick_limits()).await;
    gateway.await_until("all of them", || delivered(&gateway).len() == 130).await;
    anew(&mut gateway, 0).await;
    gateway.limits.reception_poll = fluxgate::domain::Duration::from_secs(3);
    let rule = FaultRule::new("rechercher/recipiendaire", Effect::Refuse).refusal(20_000, "TRA_MSG_00.015");
    gateway.simulator.control().add_fault(rule.nth(2)).unwrap();
    let asked = gateway.simulator.ledger().calls_of("rechercher/recipiendaire");
    gateway.boot();
    let remembered =
        |gateway: &Gateway| gateway.store().reader().unwrap().remembered(&realm(), "reception.until").unwrap();
    let calls = |gateway: &Gateway| gateway.simulator.ledger().calls_of("rechercher/recipiendaire") - asked;
    gateway.await_until("a whole look", || remembered(&gateway).is_some()).await;
    // Five questions of a first look, and three more: a hundred of a hundred and thirty rows are no whole look.
    assert!(calls(&gateway) >= 8, "{}", calls(&gateway));
    gateway.stop().await;
}

/// One technical account, two structures.
#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_of_another_structure_is_delivered_to_nobody_until_an_establishment_receives_for_it() {
    const IUT: &str = "12345678200036";
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.crash().await;
    gateway.watch.pace.look = std::time::Duration::from_millis(50);
    gateway.boot();
    let control = gateway.simulator.control();
    control.send_invoice(ReceivedInvoice { recipient: Some(IUT.parse().unwrap()), ..sent("R-IUT", Vec::new()) });
    control.send_invoice(sent("R-UNIV", Vec::new()));
    let alarm = |gateway: &Gateway| {
        let alarms = gateway.store().reader().unwrap().alarms().unwrap();
        alarms.into_iter().find(|a| a.cleared_at.is_none() && a.alarm.fault.code.as_str() == "FG-617")
    };
    gateway
        .await_until("the alarm, and the own one", || alarm(&gateway).is_some() && is_delivered(&gateway, "R-UNIV"))
        .await;
    let title = alarm(&gateway).unwrap().alarm.fault.title(fluxgate::fault::Language::Fr);
    assert!(title.contains(IUT) && title.contains("R-IUT") && !title.contains('?'), "{title}");
    let downloads = |gateway: &Gateway, number: &str| {
        gateway
            .simulator
            .ledger()
            .invoices
            .iter()
            .filter(|i| i.number == number)
            .map(|i| i.downloads.len())
            .sum::<usize>()
    };
    assert_eq!((delivered(&gateway).len(), downloads(&gateway, "R-IUT")), (1, 0), "untouched at Chorus Pro");

    // The configuration names it, with the same technical account: each gets its own, once.
    gateway.second = Some(IUT);
    gateway.reload();
    let theirs = gateway.dir.path().join("folders/iut/recues");
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(&theirs).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    gateway.await_until("its delivery", || names().len() == 1).await;
    control.send_invoice(sent("R-UNIV-2", Vec::new()));
    control.send_invoice(ReceivedInvoice { recipient: Some(IUT.parse().unwrap()), ..sent("R-IUT-2", Vec::new()) });
    gateway.await_until("the next ones", || names().len() == 2 && is_delivered(&gateway, "R-UNIV-2")).await;
    gateway.await_until("the end of the alarm", || alarm(&gateway).is_none()).await;
    assert!(names().iter().all(|name| name.contains("_R-IUT")), "{:?}", names());
    assert_eq!(delivered(&gateway).len(), 2);
    let flows = gateway.store().reader().unwrap().flows(&fluxgate::store::FlowQuery::default()).unwrap();
    assert_eq!(flows.iter().filter(|flow| flow.realm == second_realm()).count(), 2);
    gateway.stop().await;
}

/// Seen: a wrong SIRET in the configuration; once it was put right the alarm cleared, and what had come meanwhile stayed.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_passed_over_for_a_wrong_siret_is_fetched_once_it_is_put_right_and_the_alarm_stays_until_then() {
    const IUT: &str = "12345678200036";
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.crash().await;
    gateway.watch.pace.look = std::time::Duration::from_millis(50);
    gateway.second = Some("12345678200028");
    gateway.boot();
    let control = gateway.simulator.control();
    for number in ["R-PAYEE", "R-OUVERTE"] {
        control.send_invoice(ReceivedInvoice { recipient: Some(IUT.parse().unwrap()), ..sent(number, Vec::new()) });
    }
    // No look at what is open shows it.
    assert!(control.move_invoice("R-PAYEE", "MISE_EN_PAIEMENT", ""));
    let alarms = |gateway: &Gateway| (open_alarms(gateway, "FG-617"), open_alarms(gateway, "FG-618"));
    gateway.await_until("an alarm of each establishment", || alarms(&gateway) == (2, 0)).await;
    let remembered =
        |gateway: &Gateway, name| gateway.store().reader().unwrap().remembered(&second_realm(), name).unwrap();
    gateway.await_until("its look at everything open", || remembered(&gateway, "reception.swept").is_some()).await;

    // Days later both lie before the cursor, and the week is not over.
    gateway.crash().await;
    later(&mut gateway, 3);
    gateway.boot();
    let (cursor, swept) = (remembered(&gateway, "reception.until"), remembered(&gateway, "reception.swept"));
    gateway.await_until("a later look", || remembered(&gateway, "reception.until") != cursor).await;
    let refused = FaultRule::new("rechercher/recipiendaire", Effect::Refuse).refusal(20_001, "non").always();
    let control = gateway.simulator.control();
    control.add_fault(refused).unwrap();
    gateway.second = Some(IUT);
    gateway.reload();
    let asked = || gateway.simulator.ledger().calls_of("rechercher/recipiendaire");
    let before = asked();
    gateway.await_until("looks that are not whole", || asked() > before + 12).await;
    // Nobody is told to add what is there by now; nothing is fetched yet, and that is told.
    gateway.await_until("the other alarm", || alarms(&gateway) == (0, 1)).await;
    control.clear_faults();
    let theirs = gateway.dir.path().join("folders/iut/recues");
    let names = || std::fs::read_dir(&theirs).map_or(0, |entries| entries.count());
    gateway.await_until("both deliveries", || names() == 2).await;
    gateway.await_until("the end of the alarms", || alarms(&gateway) == (0, 0)).await;
    assert!(remembered(&gateway, "reception.swept") > swept, "everything open was read again");
    assert_eq!((names(), delivered(&gateway).len()), (2, 0));
    gateway.stop().await;
}

/// How many alarms of a code are open.
fn open_alarms(gateway: &Gateway, code: &str) -> usize {
    let alarms = gateway.store().reader().unwrap().alarms().unwrap();
    alarms.into_iter().filter(|a| a.cleared_at.is_none() && a.alarm.fault.code.as_str() == code).count()
}

/// Seen: what the alarm told of was forgotten when the establishment that it demands was added.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_passed_over_and_closed_long_ago_is_fetched_by_the_establishment_that_is_added_for_it() {
    const IUT: &str = "12345678200036";
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.crash().await;
    gateway.watch.pace.look = std::time::Duration::from_millis(50);
    gateway.boot();
    let control = gateway.simulator.control();
    control.send_invoice(ReceivedInvoice { recipient: Some(IUT.parse().unwrap()), ..sent("R-PAYEE", Vec::new()) });
    assert!(control.move_invoice("R-PAYEE", "MISE_EN_PAIEMENT", ""));
    gateway.await_until("its alarm", || open_alarms(&gateway, "FG-617") == 1).await;

    // Two months later: it is not forgotten while no list can be read, though nothing shows it any more.
    gateway.crash().await;
    later(&mut gateway, 60);
    let control = gateway.simulator.control();
    let refused = FaultRule::new("rechercher/recipiendaire", Effect::Refuse).refusal(20_001, "non").always();
    control.add_fault(refused).unwrap();
    let asked = |gateway: &Gateway| gateway.simulator.ledger().calls_of("rechercher/recipiendaire");
    let before = asked(&gateway);
    gateway.boot();
    gateway.await_until("two looks in vain", || asked(&gateway) > before + 6).await;
    assert_eq!(open_alarms(&gateway, "FG-617"), 1);
    // The remedy is followed, and Chorus Pro answers again.
    gateway.second = Some(IUT);
    gateway.reload();
    gateway.await_until("what is to be read", || open_alarms(&gateway, "FG-618") == 1).await;
    control.clear_faults();
    let theirs = gateway.dir.path().join("folders/iut/recues");
    let names = || std::fs::read_dir(&theirs).map_or(0, |entries| entries.count());
    gateway.await_until("its delivery", || names() == 1).await;
    let alarms = || open_alarms(&gateway, "FG-617") + open_alarms(&gateway, "FG-618");
    gateway.await_until("the end of the alarms", || alarms() == 0).await;
    assert_eq!((names(), delivered(&gateway).len()), (1, 0));
    gateway.stop().await;
}

/// Seen: what was owed had both lists read again with every look for as long as one of them was not whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_was_whole_is_not_read_again_because_the_other_one_was_not() {
    const IUT: &str = "12345678200036";
    let limits = LimitsSection { reception_poll: fluxgate::domain::Duration::from_secs(3600), ..quick_limits() };
    let mut gateway = Gateway::start(hurried(), limits).await;
    let remembered =
        |gateway: &Gateway, realm, name| gateway.store().reader().unwrap().remembered(&realm, name).unwrap();
    gateway.await_until("its lists", || remembered(&gateway, realm(), "reception.swept").is_some()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("telecharger/groupe", Effect::Refuse).refusal(20_001, "non").always()).unwrap();
    for n in 0..210 {
        let invoice = sent(&format!("R-{n}"), Vec::new());
        control.send_invoice(ReceivedInvoice { recipient: Some(IUT.parse().unwrap()), ..invoice });
    }
    let asked = |gateway: &Gateway| gateway.simulator.ledger().calls_of("rechercher/recipiendaire");
    let look = async |gateway: &Gateway, of: fn() -> fluxgate::domain::Realm| {
        let (cursor, before) = (remembered(gateway, of(), "reception.until"), asked(gateway));
        gateway.reload();
        gateway.await_until("a look", || remembered(gateway, of(), "reception.until") != cursor).await;
        before
    };
    // Three pages and one.
    let before = look(&gateway, realm).await;
    assert_eq!(asked(&gateway) - before, 4, "passed over");
    // Each of the two four, and the second page of what is open is refused to the second.
    gateway.second = Some(IUT);
    let rule = FaultRule::new("rechercher/recipiendaire", Effect::Refuse).refusal(20_001, "non");
    control.add_fault(rule.nth(10)).unwrap();
    let before = look(&gateway, second_realm).await;
    gateway.await_until("the list of what is open", || asked(&gateway) - before == 11).await;
    for _ in 0..2 {
        look(&gateway, second_realm).await;
    }
    // Nothing but what is new, of both, twice.
    assert_eq!(asked(&gateway) - before, 11 + 16);
    assert_eq!(remembered(&gateway, second_realm(), "reception.swept"), None);
    assert!(remembered(&gateway, second_realm(), "reception.reread").is_some());
    gateway.stop().await;
}

/// Seen: fifty thousand open invoices were read again every quarter of an hour, while their downloads shortened the list.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_everything_open_that_was_cut_is_not_made_again_with_every_look() {
    broken_list(20_000, "TRA_MSG_00.015").await;
}

/// Seen: nor was it let rest when one of its pages was never answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_everything_open_whose_second_page_is_refused_is_not_made_again_with_every_look() {
    broken_list(20_001, "non").await;
}

async fn broken_list(code: i32, label: &str) {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    anew(&mut gateway, 0).await;
    let control = gateway.simulator.control();
    control.send_samples(250);
    // Nothing is downloaded: all of them are open throughout.
    control.add_fault(FaultRule::new("telecharger/groupe", Effect::Refuse).refusal(20_001, "non").always()).unwrap();
    // By date three pages and one; then the second page of what is open.
    let rule = FaultRule::new("rechercher/recipiendaire", Effect::Refuse).refusal(code, label);
    control.add_fault(rule.nth(6)).unwrap();
    let asked = |gateway: &Gateway| gateway.simulator.ledger().calls_of("rechercher/recipiendaire");
    let before = asked(&gateway);
    let remembered = |gateway: &Gateway, name| gateway.store().reader().unwrap().remembered(&realm(), name).unwrap();
    gateway.boot();
    gateway.await_until("four looks", || asked(&gateway) >= before + 19).await;
    assert!(remembered(&gateway, "reception.until").is_some());
    assert_eq!(remembered(&gateway, "reception.swept"), None, "only after an hour");

    // A start reads it once more: two hundred rows a page.
    gateway.crash().await;
    gateway.limits.reception_poll = fluxgate::domain::Duration::from_secs(3600);
    let before = asked(&gateway);
    gateway.boot();
    gateway.await_until("its look at everything open", || remembered(&gateway, "reception.swept").is_some()).await;
    assert_eq!(asked(&gateway) - before, 7);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_no_description_has_is_kept_in_the_delivery_and_in_the_events() {
    let mut scenario = hurried();
    scenario.new_fields = true;
    let gateway = Gateway::start(scenario, quick_limits()).await;
    gateway.simulator.control().send_invoice(sent("R-NOUVEAU", Vec::new()));
    let (document, _) = open(&await_delivered(&gateway, 1).await.remove(0));
    let kept = serde_json::json!({"nouveauChamp": {"code": "N1", "libelle": "R-NOUVEAU"}});
    assert_eq!(document["others"], kept, "that one, and none that is known");
    let event = || std::fs::read_dir(gateway.folder("statuts")).ok()?.next()?.ok().map(|entry| entry.path());
    gateway.await_until("its event", || event().is_some()).await;
    let event: Value = serde_json::from_slice(&std::fs::read(event().unwrap()).unwrap()).unwrap();
    check_document("status", Purpose::Status, &event);
    assert_eq!(event["others"], serde_json::json!({"nouveauChamp": "H1"}));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_never_comes_to_its_end_says_so_and_what_to_do() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("telecharger/groupe", Effect::Cut).always()).unwrap();
    control.send_invoice(sent("R-LOURDE", Vec::new()));
    let flow = || gateway.store().reader().unwrap().flows(&fluxgate::store::FlowQuery::default()).unwrap().pop();
    let fault = || flow().and_then(|flow| flow.fault);
    gateway.await_until("the fault", || fault().is_some_and(|fault| fault.code.as_str() == "FG-506")).await;
    let title = fault().unwrap().title(fluxgate::fault::Language::Fr);
    assert!(title.contains("4 essais") && title.contains("broke off") && !title.contains('?'), "{title}");
    control.clear_faults();
    await_delivered(&gateway, 1).await;
    gateway.await_until("no fault", || flow().unwrap().state == "delivered" && fault().is_none()).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pivot_that_a_person_must_enter_stays_on_show_when_its_history_is_refused() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("consulter/historique", Effect::Refuse).refusal(20_001, "non").always()).unwrap();
    // The gateway's own download waits meanwhile.
    control.add_fault(FaultRule::new("telecharger/groupe", Effect::Slow).ms(10_000).always()).unwrap();
    let found = FoundInvoice {
        chorus_id: control.send_invoice(sent("R-1", Vec::new())),
        number: "R-1".parse().unwrap(),
        supplier: "33254021516357".to_owned(),
        supplier_name: "Fournisseur".to_owned(),
        recipient: "12345678200051".to_owned(),
        recipient_name: String::new(),
        status: "MISE_A_DISPOSITION".parse().unwrap(),
        status_at: "2026-11-20T08:01:02.000+01:00".to_owned(),
        issued_on: None,
        payable: None,
        type_code: "380".to_owned(),
        account: "sifac".parse().unwrap(),
    };
    let store = gateway.store();
    let flow = match store.find(&realm(), found, Timestamp::now()).await.unwrap() {
        Found::New(flow) | Found::Known(flow) => flow,
    };
    let facts =
        ReceptionFacts { document: Some(Content::Inline(b"<CPPFacturePivot>".to_vec())), ..ReceptionFacts::default() };
    store.advance(&flow, Event::Downloaded, facts, None, Timestamp::now()).await.unwrap();
    control.clear_faults();
    control.add_fault(FaultRule::new("consulter/historique", Effect::Refuse).refusal(20_001, "non").always()).unwrap();
    let code = || store.reader().unwrap().flow(&flow).unwrap().unwrap().fault.map(|fault| fault.code.to_string());
    gateway.await_until("the fault of the pivot", || code().as_deref() == Some("FG-501")).await;
    let asked = || gateway.simulator.ledger().calls_of("consulter/historique");
    gateway.await_until("the question that is refused", || asked() > 0).await;
    control.clear_faults();
    // Something new at Chorus Pro has the history read again, this time with an answer.
    assert!(control.move_invoice("R-1", "SERVICE_FAIT", ""));
    let told = || {
        store.reader().unwrap().statuses(&flow).unwrap().into_iter().any(|(_, s)| s.status.as_str() == "SERVICE_FAIT")
    };
    gateway.await_until("the status", told).await;
    assert_eq!(code().as_deref(), Some("FG-501"), "somebody still has to enter it by hand");
    gateway.stop().await;
}
