//! How sent invoices are followed once their flux was taken: whole fluxes at a bounded cost, each invoice's trouble for itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fluxgate::domain::{Environment, FlowId, Timestamp};
use fluxgate::flow::Job;
use fluxgate::simulator::{Effect, ErrorList, FaultRule, Scenario, Timing};
use serde_json::Value;

use crate::batch::zip;
use crate::clock::with_clock;
use crate::gateway::{Gateway, check_document, hurried, invoice, invoice_to, quick_limits, realm};

const UNKNOWN: &str = "99999999999999";

/// Integrated invoices stay where they are until a test moves them.
fn still() -> Scenario {
    let scenario = hurried();
    Scenario {
        timing: Timing { status_step: fluxgate::domain::Duration::from_secs(3600), ..scenario.timing },
        ..scenario
    }
}

/// Dropped as one archive, which goes as one flux; its part's flow.
async fn dropped(gateway: &Gateway, name: &str, numbers: &[&str]) -> FlowId {
    let members: Vec<(String, Vec<u8>)> = numbers.iter().map(|n| (format!("{n}.xml"), invoice(n))).collect();
    let members: Vec<(&str, Vec<u8>)> = members.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    gateway.drop_flow(name, zip(&members)).await;
    let deposited = |r: &Value| {
        let invoices = r["invoices"].as_array().unwrap();
        invoices.len() == numbers.len() && invoices.iter().all(|i| i["status"] == "DEPOSEE")
    };
    let receipt = gateway.await_receipt(&format!("{name}.json"), deposited).await;
    assert_eq!(receipt["parts"].as_array().unwrap().len(), 1, "{receipt:#}");
    receipt["parts"][0]["flow"].as_str().unwrap().parse().unwrap()
}

fn waits(gateway: &Gateway, flow: &FlowId) -> bool {
    let overview = gateway.store().reader().unwrap().overview(Timestamp::now()).unwrap();
    overview.stuck.iter().any(|stuck| stuck.id == *flow)
}

/// The fault that a flow shows: its code and title.
fn fault(gateway: &Gateway, flow: &FlowId) -> (String, String) {
    let flow = gateway.store().reader().unwrap().flow(flow).unwrap().unwrap();
    let told = |fault: fluxgate::fault::Fault| (fault.code.to_string(), fault.title(fluxgate::fault::Language::Fr));
    flow.fault.map(told).unwrap_or_default()
}

async fn shows(gateway: &Gateway, flow: &FlowId, code: &str, words: &[&str]) {
    let what = format!("{code} about {words:?}");
    gateway
        .await_until(&what, || {
            let (shown, title) = fault(gateway, flow);
            shown == code && words.iter().all(|word| title.contains(word))
        })
        .await;
}

fn all_are(receipt: &Value, status: &str) -> bool {
    receipt["invoices"].as_array().unwrap().iter().all(|invoice| invoice["status"] == status)
}

fn referring(number: &str, to: &str) -> Vec<u8> {
    let reference = format!(
        "<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>{to}</cbc:ID></cac:InvoiceDocumentReference>\
         </cac:BillingReference><cac:AccountingSupplierParty>"
    );
    String::from_utf8(invoice(number)).unwrap().replacen("<cac:AccountingSupplierParty>", &reference, 1).into_bytes()
}

fn searches(gateway: &Gateway) -> usize {
    gateway.simulator.ledger().calls_of("rechercher/fournisseur")
}

/// Waits until the look that was due was made: the flow's work is there again, and not yet due.
async fn idle(gateway: &Gateway) {
    let idle = || {
        let due = gateway.store().reader().unwrap().next_due(&[Job::Statuses]).unwrap();
        due.is_some_and(|due| due > (gateway.clock)())
    };
    gateway.await_until("an end of what is due", idle).await;
}

/// A gateway that follows its invoices every four hours, and how far its clock is put ahead, in milliseconds.
async fn seldom_followed(scenario: Scenario) -> (Gateway, Arc<AtomicI64>) {
    let mut limits = quick_limits();
    limits.status_poll = fluxgate::domain::Duration::from_secs(4 * 3600);
    let mut gateway = Gateway::start(scenario, limits).await;
    let ahead = with_clock(&mut gateway).await;
    (gateway, ahead)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_flux_is_followed_to_its_end_though_answers_are_lost() {
    let gateway = Gateway::start(still(), quick_limits()).await;
    let numbers: Vec<String> = (0..40).map(|n| format!("GRAND-{n}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    dropped(&gateway, "grand.zip", &numbers).await;
    let control = gateway.simulator.control();
    // Every call of forty in a row is answered once in thirty thousand times.
    for service in ["rechercher/fournisseur", "consulter/historique"] {
        control.add_fault(FaultRule::new(service, Effect::LoseAnswer).probability(0.23)).unwrap();
    }
    for number in &numbers {
        assert!(control.move_invoice(number, "SERVICE_FAIT", ""));
    }
    gateway.await_receipt("grand.zip.json", |r| all_are(r, "SERVICE_FAIT")).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flux_is_searched_as_a_whole_on_every_page() {
    let mut scenario = still();
    scenario.page_limit = 10;
    let mut limits = quick_limits();
    limits.status_poll = fluxgate::domain::Duration::from_secs(3600);
    let mut gateway = Gateway::start(scenario, limits).await;
    let ahead = with_clock(&mut gateway).await;
    let numbers: Vec<String> = (0..25).map(|n| format!("PAGES-{n}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    dropped(&gateway, "pages.zip", &numbers).await;
    idle(&gateway).await;
    let before = searches(&gateway);
    ahead.fetch_add(3_700_000, Ordering::SeqCst);
    gateway.await_until("a look", || searches(&gateway) >= before + 3).await;
    idle(&gateway).await;
    assert_eq!(searches(&gateway), before + 3, "three pages, not twenty-five searches");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flux_that_cannot_be_searched_as_a_whole_is_followed_one_by_one_from_where_it_was() {
    let gateway = Gateway::start(still(), quick_limits()).await;
    let numbers: Vec<String> = (0..30).map(|n| format!("UNE-{n}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    dropped(&gateway, "un.zip", &numbers).await;
    let control = gateway.simulator.control();
    // Of those by a number some are lost; the others pass, and the third rule is for a search without one.
    let search = |effect| FaultRule::new("rechercher/fournisseur", effect);
    control.add_fault(search(Effect::LoseAnswer).invoice("UNE-*").probability(0.25)).unwrap();
    control.add_fault(search(Effect::Slow).ms(1).invoice("UNE-*").always()).unwrap();
    control.add_fault(search(Effect::Refuse).refusal(20099, "non").always()).unwrap();
    for number in &numbers {
        assert!(control.move_invoice(number, "SERVICE_FAIT", ""));
    }
    gateway.await_receipt("un.zip.json", |r| all_are(r, "SERVICE_FAIT")).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_shows_is_looked_for_ever_less_often_and_alone() {
    let mut scenario = still();
    scenario.error_list = ErrorList::Unnamed;
    let (gateway, ahead) = seldom_followed(scenario).await;
    let members =
        [("1.xml", invoice("VUE-1")), ("2.xml", invoice_to("PERDUE-2", UNKNOWN)), ("3.xml", invoice("VUE-3"))];
    gateway.drop_flow("lot.zip", zip(&members)).await;
    let seen = |r: &Value| r["invoices"].as_array().unwrap().iter().filter(|i| i["status"] == "DEPOSEE").count() == 2;
    let receipt = gateway.await_receipt("lot.zip.json", seen).await;
    let part: FlowId = receipt["parts"][0]["flow"].as_str().unwrap().parse().unwrap();
    idle(&gateway).await;
    // Changes nothing: the ledger then shows which searches were for it alone.
    let alone = FaultRule::new("rechercher/fournisseur", Effect::Refuse).refusal(20000, "Aucun résultat");
    gateway.simulator.control().add_fault(alone.invoice("PERDUE-2").always()).unwrap();
    let (before, calls) = (searches(&gateway), gateway.simulator.ledger().calls.len());
    // Two hours, minute by minute.
    for _ in 0..120 {
        ahead.fetch_add(60_000, Ordering::SeqCst);
        idle(&gateway).await;
    }
    let looked = searches(&gateway) - before;
    assert!((4..=12).contains(&looked), "{looked} looks in two hours");
    shows(&gateway, &part, "FG-403", &["PERDUE-2"]).await;
    let ledger = gateway.simulator.ledger();
    let mut asked = ledger.calls[calls..].iter().filter(|call| call.service == "rechercher/fournisseur");
    assert!(asked.all(|call| call.fault.is_some()), "only what is missing is asked for");
    // A day later searches cannot lag any more: it was not taken, and may be dropped again.
    assert!(waits(&gateway, &part));
    ahead.fetch_add(25 * 3_600_000, Ordering::SeqCst);
    let refused =
        |r: &Value| r["invoices"].as_array().unwrap().iter().filter(|i| i["refused"].is_string()).count() == 1;
    gateway.await_receipt("lot.zip.json", refused).await;
    gateway.simulator.control().clear_faults();
    gateway.drop_flow("2.xml", invoice("PERDUE-2")).await;
    gateway.await_state("2.xml.json", "integrated").await;
    assert!(!waits(&gateway, &part), "it was dropped again");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_rejection_in_a_flux_waits_for_a_person_though_the_first_was_corrected() {
    let gateway = Gateway::start(still(), quick_limits()).await;
    let part = dropped(&gateway, "deux.zip", &["REJ-X", "REJ-Y", "REJ-Z"]).await;
    let control = gateway.simulator.control();
    assert!(control.move_invoice("REJ-X", "REJETEE", "engagement inconnu"));
    shows(&gateway, &part, "FG-409", &["REJ-X", "engagement inconnu"]).await;
    assert!(waits(&gateway, &part));
    gateway.drop_flow("corrigee.xml", referring("REJ-X2", "REJ-X")).await;
    gateway.await_until("its correction", || !waits(&gateway, &part)).await;
    shows(&gateway, &part, "FG-409", &["REJ-X"]).await;
    assert!(control.move_invoice("REJ-Y", "REJETEE", "doublon"));
    shows(&gateway, &part, "FG-409", &["REJ-Y", "doublon"]).await;
    assert!(waits(&gateway, &part), "the second is on the first screen");
    let steps = gateway.store().reader().unwrap().steps(&part).unwrap();
    let told = steps.iter().filter(|s| s.kind == "trouble" && s.detail.as_deref() == Some("FG-409")).count();
    assert_eq!(told, 2, "each has its leaf");
    // Two at once are both named.
    assert!(control.move_invoice("REJ-Z", "REJETEE", "doublon"));
    shows(&gateway, &part, "FG-409", &["REJ-Y, REJ-Z"]).await;
    // Once somebody has read them they stay away, however often the flux is looked at, until it is about another.
    let flow = gateway.store().reader().unwrap().flow(&part).unwrap().unwrap();
    assert!(gateway.store().see(&part, flow.changed_at, "claire", (gateway.clock)()).await.unwrap());
    let asked = searches(&gateway);
    gateway.await_until("two more rounds", || searches(&gateway) >= asked + 2).await;
    assert!(!waits(&gateway, &part), "read is read");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_invoice_shows_hides_no_other_and_comes_back() {
    let gateway = Gateway::start(still(), quick_limits()).await;
    let part = dropped(&gateway, "trois.zip", &["UN-X", "UN-Y", "UN-Z"]).await;
    let control = gateway.simulator.control();
    assert!(control.move_invoice("UN-X", "REJETEE", "à refaire"));
    assert!(control.move_invoice("UN-Y", "SUSPENDUE", "bon de livraison"));
    shows(&gateway, &part, "FG-409", &["UN-X", "UN-Y FG-421"]).await;
    // To have read of the rejection is no answer to the suspension beside it.
    let flow = gateway.store().reader().unwrap().flow(&part).unwrap().unwrap();
    assert!(!flow.is_to_be_seen(), "no button");
    assert!(!gateway.store().see(&part, flow.changed_at, "claire", (gateway.clock)()).await.unwrap());
    assert!(waits(&gateway, &part));
    gateway.drop_flow("corrigee.xml", referring("UN-X2", "UN-X")).await;
    shows(&gateway, &part, "FG-421", &["UN-Y", "bon de livraison"]).await;
    assert!(waits(&gateway, &part));
    // One is completed, another suspended meanwhile.
    assert!(control.move_invoice("UN-Z", "SUSPENDUE", "relevé d'heures"));
    shows(&gateway, &part, "FG-421", &["UN-Y, UN-Z", "relevé d'heures"]).await;
    assert!(control.move_invoice("UN-Y", "COMPLETEE", "ci-joint"));
    shows(&gateway, &part, "FG-421", &["UN-Z", "relevé d'heures"]).await;
    assert!(control.move_invoice("UN-Z", "COMPLETEE", "ci-joint"));
    shows(&gateway, &part, "FG-409", &["UN-X"]).await;
    assert!(!waits(&gateway, &part), "what was corrected is told and waits for nobody");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_part_was_refused_is_shown_until_it_is_corrected_whatever_comes_between() {
    let gateway = Gateway::start(still(), quick_limits()).await;
    let members = [("1.xml", invoice("PRISE-1")), ("2.xml", invoice_to("REFUS-2", UNKNOWN))];
    gateway.drop_flow("lot.zip", zip(&members)).await;
    let receipt = gateway.await_receipt("lot.zip.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    let part: FlowId = receipt["parts"][0]["flow"].as_str().unwrap().parse().unwrap();
    shows(&gateway, &part, "FG-403", &[UNKNOWN]).await;
    let control = gateway.simulator.control();
    assert!(control.move_invoice("PRISE-1", "SUSPENDUE", "bon de livraison"));
    shows(&gateway, &part, "FG-403", &["PRISE-1 FG-421"]).await;
    // An invoice of no weight fails meanwhile, and an unknown status passes.
    assert!(control.move_invoice("PRISE-1", "STATUT_DE_DEMAIN", ""));
    shows(&gateway, &part, "FG-403", &["PRISE-1 FG-410"]).await;
    assert!(control.move_invoice("PRISE-1", "MISE_A_DISPOSITION", ""));
    gateway.await_until("its end", || !fault(&gateway, &part).1.contains("PRISE-1")).await;
    assert_eq!(fault(&gateway, &part).0, "FG-403");
    assert!(waits(&gateway, &part));
    gateway.drop_flow("2.xml", invoice("REFUS-2")).await;
    gateway.await_until("its correction", || !waits(&gateway, &part)).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_waits_until_each_of_its_refused_invoices_is_dropped_again() {
    let gateway = Gateway::start(still(), quick_limits()).await;
    // Rejected whole by Chorus Pro, and refused by us before it leaves.
    let rejected = |n: u32| (format!("{n}.xml"), invoice_to(&format!("TOUT-{n}"), UNKNOWN));
    let faulty = |n: u32| (format!("{n}.xml"), invoice(&format!("FAUX-{n}-trop-long-pour-chorus")));
    let archive = |members: Vec<(String, Vec<u8>)>| {
        zip(&members.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect::<Vec<_>>())
    };
    gateway.drop_flow("tout.zip", archive((1..=3).map(rejected).collect())).await;
    let receipt = gateway.await_receipt("tout.zip.json", |r| r["state"] == "rejected").await;
    let part: FlowId = receipt["parts"][0]["flow"].as_str().unwrap().parse().unwrap();
    let mut members: Vec<_> = (1..=3).map(faulty).collect();
    members.push(("bonne.xml".to_owned(), invoice("FAUX-0")));
    let file = gateway.drop_flow("faux.zip", archive(members)).await;
    gateway.await_receipt("faux.zip.json", |r| r["state"] == "partly_integrated").await;
    for (numbers, flow) in [("TOUT", &part), ("FAUX", &file)] {
        assert!(waits(&gateway, flow), "{numbers}");
        for n in 1..=3 {
            assert!(waits(&gateway, flow), "{numbers}-{n} is still to be corrected");
            let name = format!("{numbers}-{n}.xml");
            let number = format!("{numbers}-{n}");
            let corrected = match numbers {
                "TOUT" => invoice(&number),
                _ => referring(&number, &format!("{number}-trop-long-pour-chorus")),
            };
            gateway.drop_flow(&name, corrected).await;
            gateway.await_receipt(&format!("{name}.json"), |r| r["state"] == "integrated").await;
        }
        assert!(!waits(&gateway, flow), "{numbers}: each is corrected");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sent_invoice_that_is_to_be_recycled_waits_for_a_person() {
    let gateway = Gateway::start(still(), quick_limits()).await;
    let flow = gateway.drop_flow("une.xml", invoice("RECYCLE-1")).await;
    gateway.await_receipt("une.xml.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    let control = gateway.simulator.control();
    assert!(control.move_invoice("RECYCLE-1", "A_RECYCLER", "autre service"));
    let receipt = gateway.await_receipt("une.xml.json", |r| r["fault"]["code"] == "FG-449").await;
    assert!(receipt["fault"]["title"].as_str().unwrap().contains("autre service"), "{receipt:#}");
    assert_eq!(receipt["final"], false);
    assert!(waits(&gateway, &flow));
    // Recycled on the portal, it goes on.
    assert!(control.move_invoice("RECYCLE-1", "MISE_A_DISPOSITION", ""));
    gateway.await_receipt("une.xml.json", |r| r["fault"].is_null()).await;
    assert!(!waits(&gateway, &flow));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_suppliers_with_one_number_in_a_flux_are_told_apart() {
    let gateway = Gateway::start(still(), quick_limits()).await;
    let other = |bytes: Vec<u8>| {
        let xml = String::from_utf8(bytes).unwrap();
        xml.replace("12345678200051", "33254021516357").replace("123456782", "332540215").into_bytes()
    };
    let members = [("1.xml", invoice("MEME-1")), ("2.xml", other(invoice_to("MEME-1", UNKNOWN)))];
    gateway.drop_flow("deux.zip", zip(&members)).await;
    let receipt = gateway.await_receipt("deux.zip.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    let of = |supplier: &str| {
        receipt["invoices"].as_array().unwrap().iter().find(|i| i["supplier"] == supplier).unwrap().clone()
    };
    let (taken, refused) = (of("12345678200051"), of("33254021516357"));
    assert!(taken["refused"].is_null() && taken["status"] == "DEPOSEE", "{receipt:#}");
    assert!(refused["refused"].is_string() && refused["status"].is_null(), "{receipt:#}");
    gateway.stop().await;
}

/// A recipient that does not tell suppliers of payments.
async fn without_payment(gateway: &Gateway, siret: &str) {
    let entry = fluxgate::domain::StructureEntry {
        siret: siret.to_owned(),
        payment_reported: Some(false),
        ..fluxgate::domain::StructureEntry::default()
    };
    gateway.store().directory_downloaded(Environment::Practice, Timestamp::now()).await.unwrap();
    let edition = gateway.store().begin_edition(Environment::Practice).await.unwrap();
    gateway.store().enter_structures(Environment::Practice, edition, vec![entry], Timestamp::now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_whose_recipient_reports_no_payment_ends_when_it_is_booked_or_its_order_rests() {
    let mut gateway = Gateway::start(still(), quick_limits()).await;
    let ahead = with_clock(&mut gateway).await;
    let control = gateway.simulator.control();
    for (number, name) in [("PAYEE-1", "une.xml"), ("PAYEE-2", "deux.xml"), ("PAYEE-3", "trois.xml")] {
        let recipient = if number == "PAYEE-3" { "12345678200051" } else { "11000201100044" };
        gateway.drop_flow(name, invoice_to(number, recipient)).await;
        gateway.await_receipt(&format!("{name}.json"), |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    }
    without_payment(&gateway, "11000201100044").await;
    assert!(control.move_invoice("PAYEE-1", "COMPTABILISEE", ""));
    assert!(control.move_invoice("PAYEE-2", "MANDATEE", ""));
    assert!(control.move_invoice("PAYEE-3", "COMPTABILISEE", ""));
    let receipt = gateway.await_final("une.xml.json").await;
    assert_eq!(receipt["invoices"][0]["status"], "COMPTABILISEE");
    gateway.await_receipt("deux.xml.json", |r| r["invoices"][0]["status"] == "MANDATEE" && r["final"] == false).await;
    ahead.fetch_add(31 * 24 * 3_600_000, Ordering::SeqCst);
    gateway.await_final("deux.xml.json").await;
    gateway.await_receipt("trois.xml.json", |r| r["invoices"][0]["status"] == "COMPTABILISEE").await;
    assert_eq!(gateway.receipt("trois.xml.json").unwrap()["final"], false, "its recipient reports payments");
    let told = statuses(&gateway, "PAYEE-1_COMPTABILISEE.json");
    assert_eq!(told["final"], true, "{told:#}");
    gateway.stop().await;
}

/// The event whose name ends so, checked.
fn statuses(gateway: &Gateway, ending: &str) -> Value {
    let folder = std::fs::read_dir(gateway.folder("statuts")).unwrap();
    let path = folder.map(|e| e.unwrap().path()).find(|p| p.to_str().unwrap().ends_with(ending)).expect(ending);
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    check_document("status", fluxgate::work::Purpose::Status, &document);
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_order_is_told_with_its_number() {
    let mut gateway = Gateway::start(still(), quick_limits()).await;
    gateway.route_keys = "statuses = \"both\"".to_owned();
    gateway.reload();
    gateway.drop_flow("une.xml", invoice("MANDAT-1")).await;
    let receipt = gateway.await_receipt("une.xml.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    let id = receipt["invoices"][0]["chorus_id"].as_i64().unwrap();
    assert!(gateway.simulator.control().move_invoice("MANDAT-1", "MANDATEE", ""));
    gateway.await_receipt("une.xml.json", |r| r["invoices"][0]["status"] == "MANDATEE").await;
    let (ordered, deposited) = (statuses(&gateway, "_MANDATEE.json"), statuses(&gateway, "_DEPOSEE.json"));
    assert_eq!((&ordered["mandate"], &deposited["mandate"]), (&format!("DP-{id}").into(), &Value::Null));
    let folder = std::fs::read_dir(gateway.folder("statuts")).unwrap();
    let path = folder.map(|e| e.unwrap().path()).find(|p| p.to_str().unwrap().ends_with("_MANDATEE.xml")).unwrap();
    let read = fluxgate::invoice::status_file::read_xml(&std::fs::read(path).unwrap(), Default::default()).unwrap();
    assert_eq!(read.invoices[0].mandate.as_deref(), Some(format!("DP-{id}").as_str()));
    gateway.stop().await;
}

fn status_of<'a>(receipt: &'a Value, number: &str) -> &'a str {
    let invoices = receipt["invoices"].as_array().unwrap();
    invoices.iter().find(|i| i["number"] == number).and_then(|i| i["status"].as_str()).unwrap_or("-")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_that_gets_no_answer_holds_up_no_other_and_is_named() {
    let gateway = Gateway::start(still(), quick_limits()).await;
    let numbers = ["GEL-0", "GEL-1", "GEL-2", "GEL-3"];
    let part = dropped(&gateway, "gel.zip", &numbers).await;
    let control = gateway.simulator.control();
    let history = |effect| FaultRule::new("consulter/historique", effect).always();
    control.add_fault(history(Effect::Garbage200).invoice("GEL-1")).unwrap();
    control.add_fault(history(Effect::Status500).invoice("GEL-2")).unwrap();
    for number in numbers {
        assert!(control.move_invoice(number, "SERVICE_FAIT", ""));
    }
    let others = |r: &Value| ["GEL-0", "GEL-3"].iter().all(|number| status_of(r, number) == "SERVICE_FAIT");
    gateway.await_receipt("gel.zip.json", others).await;
    shows(&gateway, &part, "FG-412", &["GEL-1, GEL-2"]).await;
    // Asked for again, and again in vain: what is said of them stands still, and waits for nobody.
    let told = || {
        let steps = gateway.store().reader().unwrap().steps(&part).unwrap();
        steps.iter().filter(|s| s.kind == "trouble").count()
    };
    let (before, asked) = (told(), searches(&gateway));
    gateway.await_until("more rounds", || searches(&gateway) >= asked + 6).await;
    assert_eq!(told(), before);
    assert!(!waits(&gateway, &part));
    control.clear_faults();
    gateway.await_receipt("gel.zip.json", |r| all_are(r, "SERVICE_FAIT")).await;
    gateway.await_until("its end", || fault(&gateway, &part).0.is_empty()).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flux_whose_search_never_gets_an_answer_is_followed_one_by_one_and_that_is_told() {
    let mut gateway = Gateway::start(still(), quick_limits()).await;
    let ahead = with_clock(&mut gateway).await;
    let numbers = ["SOURD-0", "SOURD-1", "SOURD-2"];
    let part = dropped(&gateway, "sourd.zip", &numbers).await;
    let control = gateway.simulator.control();
    // Those by a number pass; the second rule is for a search without one.
    let search = |effect| FaultRule::new("rechercher/fournisseur", effect).always();
    control.add_fault(search(Effect::Slow).ms(1).invoice("SOURD-*")).unwrap();
    control.add_fault(search(Effect::Status500)).unwrap();
    for number in numbers {
        assert!(control.move_invoice(number, "SERVICE_FAIT", ""));
    }
    // Its tries count a minute apart.
    let told = || {
        ahead.fetch_add(61_000, Ordering::SeqCst);
        fault(&gateway, &part).0 == "FG-450"
    };
    gateway.await_until("that its search is given up", told).await;
    gateway.await_receipt("sourd.zip.json", |r| all_are(r, "SERVICE_FAIT")).await;
    shows(&gateway, &part, "FG-450", &["6 essais"]).await;
    assert!(!waits(&gateway, &part));
    // Given up once, each round tries once, and goes on all the same.
    for number in numbers {
        assert!(control.move_invoice(number, "MANDATEE", ""));
    }
    let told = || {
        ahead.fetch_add(61_000, Ordering::SeqCst);
        all_are(&gateway.receipt("sourd.zip.json").unwrap(), "MANDATEE")
    };
    gateway.await_until("the next status", told).await;
    control.clear_faults();
    gateway.await_until("its end", || fault(&gateway, &part).0.is_empty()).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_while_a_flux_is_searched_is_no_trouble_of_its_own_and_asks_for_none_of_it_one_by_one() {
    let mut limits = quick_limits();
    limits.status_poll = fluxgate::domain::Duration::from_secs(3600);
    let mut gateway = Gateway::start(still(), limits).await;
    let ahead = with_clock(&mut gateway).await;
    let numbers: Vec<String> = (0..20).map(|n| format!("PANNE-{n}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let part = dropped(&gateway, "panne.zip", &numbers).await;
    let control = gateway.simulator.control();
    // Long enough by the clock that the search is given up.
    control.add_fault(FaultRule::new("rechercher/fournisseur", Effect::Status500).always()).unwrap();
    for number in &numbers {
        assert!(control.move_invoice(number, "SERVICE_FAIT", ""));
    }
    let before = searches(&gateway);
    ahead.fetch_add(3_700_000, Ordering::SeqCst);
    let given_up = || {
        ahead.fetch_add(61_000, Ordering::SeqCst);
        let name = format!("{}{part}", fluxgate::store::FOLLOWING);
        let place = gateway.store().reader().unwrap().remembered(&realm(), &name).unwrap().unwrap_or_default();
        place.split(' ').nth(6) == Some("6")
    };
    gateway.await_until("that its search is given up", given_up).await;
    let lost = searches(&gateway) - before;
    control.clear_faults();
    gateway.await_receipt("panne.zip.json", |r| all_are(r, "SERVICE_FAIT")).await;
    let asked = searches(&gateway) - before - lost;
    assert!(asked < 15, "{asked} searches, not one for each invoice");
    assert_ne!(fault(&gateway, &part).0, "FG-450");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_of_which_a_question_is_refused_is_named_though_its_round_is_broken_off() {
    let gateway = Gateway::start(still(), quick_limits()).await;
    let numbers = ["NON-0", "NON-1", "NON-2"];
    let part = dropped(&gateway, "non.zip", &numbers).await;
    let control = gateway.simulator.control();
    let history = |effect| FaultRule::new("consulter/historique", effect).always();
    control.add_fault(history(Effect::Refuse).refusal(20099, "pas vous").invoice("NON-0")).unwrap();
    let failing = control.add_fault(history(Effect::Status500).invoice("NON-1")).unwrap();
    for number in numbers {
        assert!(control.move_invoice(number, "SERVICE_FAIT", ""));
    }
    // Each round breaks off at the second, and goes on there.
    gateway.await_receipt("non.zip.json", |r| status_of(r, "NON-2") == "SERVICE_FAIT").await;
    shows(&gateway, &part, "FG-412", &["NON-0, NON-1"]).await;
    control.remove_fault(failing);
    shows(&gateway, &part, "FG-310", &["consulter/historique (voir aussi NON-0 FG-412)", "pas vous"]).await;
    assert!(waits(&gateway, &part), "a right that is missing is somebody's to give");
    control.clear_faults();
    gateway.await_until("its end", || fault(&gateway, &part).0.is_empty()).await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_order_whose_number_may_not_be_read_is_told_without_and_halts_nobody() {
    let gateway = Gateway::start(still(), quick_limits()).await;
    gateway.drop_flow("une.xml", invoice("MANDAT-2")).await;
    gateway.await_receipt("une.xml.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("consulter/fournisseur", Effect::Status403Empty).always()).unwrap();
    assert!(control.move_invoice("MANDAT-2", "MANDATEE", ""));
    gateway.await_receipt("une.xml.json", |r| r["invoices"][0]["status"] == "MANDATEE").await;
    assert_eq!(statuses(&gateway, "_MANDATEE.json")["mandate"], Value::Null);
    assert!(gateway.store().reader().unwrap().halts().unwrap().is_empty());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_order_waits_for_its_number_no_longer_than_an_hour() {
    let mut gateway = Gateway::start(still(), quick_limits()).await;
    let ahead = with_clock(&mut gateway).await;
    gateway.drop_flow("une.xml", invoice("MANDAT-3")).await;
    gateway.await_receipt("une.xml.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("consulter/fournisseur", Effect::Status503).always()).unwrap();
    assert!(control.move_invoice("MANDAT-3", "MANDATEE", ""));
    let asked = || gateway.simulator.ledger().calls_of("consulter/fournisseur");
    gateway.await_until("it was asked for", || asked() >= 3).await;
    assert_eq!(gateway.receipt("une.xml.json").unwrap()["invoices"][0]["status"], "DEPOSEE");
    ahead.fetch_add(2 * 3_600_000, Ordering::SeqCst);
    gateway.await_receipt("une.xml.json", |r| r["invoices"][0]["status"] == "MANDATEE").await;
    assert_eq!(statuses(&gateway, "_MANDATEE.json")["mandate"], Value::Null);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_order_does_not_lose_its_number_by_an_answer_that_makes_no_sense() {
    let mut gateway = Gateway::start(still(), quick_limits()).await;
    let ahead = with_clock(&mut gateway).await;
    let flow = gateway.drop_flow("une.xml", invoice("MANDAT-4")).await;
    let receipt = gateway.await_receipt("une.xml.json", |r| r["invoices"][0]["status"] == "DEPOSEE").await;
    let id = receipt["invoices"][0]["chorus_id"].as_i64().unwrap();
    let control = gateway.simulator.control();
    let garbage = control.add_fault(FaultRule::new("consulter/fournisseur", Effect::Garbage200).always()).unwrap();
    assert!(control.move_invoice("MANDAT-4", "MANDATEE", ""));
    let waiting = || {
        let name = format!("mandate:{flow}:{id}:");
        gateway.store().reader().unwrap().remembered(&realm(), &name).unwrap().is_some()
    };
    gateway.await_until("a wait for its number", waiting).await;
    assert_eq!(gateway.receipt("une.xml.json").unwrap()["invoices"][0]["status"], "DEPOSEE");
    assert!(control.remove_fault(garbage));
    ahead.fetch_add(120_000, Ordering::SeqCst);
    gateway.await_receipt("une.xml.json", |r| r["invoices"][0]["status"] == "MANDATEE").await;
    assert_eq!(statuses(&gateway, "_MANDATEE.json")["mandate"], format!("DP-{id}"));
    gateway.await_until("nothing more is remembered of it", || !waiting()).await;
    gateway.stop().await;
}

/// The same invoice of another supplier, whose invoices the technical account does not see.
fn of_another(bytes: Vec<u8>) -> Vec<u8> {
    let xml = String::from_utf8(bytes).unwrap();
    xml.replace("12345678200051", "33254021516357").replace("123456782", "332540215").into_bytes()
}

/// The same invoice of another structure of the same firm: its SIREN is ours, its SIRET is not.
fn of_sister(bytes: Vec<u8>) -> Vec<u8> {
    String::from_utf8(bytes).unwrap().replace("12345678200051", "12345678200036").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supplier_of_whom_the_list_shows_nothing_is_not_taken_for_refused() {
    let mut scenario = still();
    scenario.error_list = ErrorList::Unnamed;
    let mut gateway = Gateway::start(scenario, quick_limits()).await;
    let ahead = with_clock(&mut gateway).await;
    let members = [
        ("1.xml", invoice("SIEN-1")),
        ("2.xml", invoice_to("SIEN-2", UNKNOWN)),
        ("3.xml", of_another(invoice_to("AUTRUI-3", UNKNOWN))),
        ("4.xml", of_sister(invoice_to("SOEUR-4", UNKNOWN))),
    ];
    gateway.drop_flow("lot.zip", zip(&members)).await;
    gateway.await_receipt("lot.zip.json", |r| status_of(r, "SIEN-1") == "DEPOSEE").await;
    ahead.fetch_add(25 * 3_600_000, Ordering::SeqCst);
    let refused = |r: &Value, number: &str| {
        r["invoices"].as_array().unwrap().iter().any(|i| i["number"] == number && i["refused"].is_string())
    };
    let receipt = gateway.await_receipt("lot.zip.json", |r| refused(r, "SIEN-2")).await;
    let is_either = |r: &Value| ["AUTRUI-3", "SOEUR-4"].iter().any(|number| refused(r, number));
    assert!(!is_either(&receipt), "{receipt:#}");
    let part: FlowId = receipt["parts"][0]["flow"].as_str().unwrap().parse().unwrap();
    shows(&gateway, &part, "FG-403", &["FG-412"]).await;
    let asked = searches(&gateway);
    gateway.await_until("two more rounds", || searches(&gateway) >= asked + 2).await;
    assert!(!is_either(&gateway.receipt("lot.zip.json").unwrap()));
    // The refused one is dropped again: of those that nobody can see a person finds out all the same.
    gateway.drop_flow("encore.xml", invoice("SIEN-2")).await;
    gateway.await_receipt("encore.xml.json", |r| status_of(r, "SIEN-2") == "DEPOSEE").await;
    let asked = searches(&gateway);
    gateway.await_until("two more rounds", || searches(&gateway) >= asked + 2).await;
    shows(&gateway, &part, "FG-452", &["AUTRUI-3", "SOEUR-4"]).await;
    assert!(waits(&gateway, &part));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_change_is_read_at_once_though_another_invoice_was_never_shown() {
    let mut scenario = still();
    scenario.error_list = ErrorList::Unnamed;
    let (gateway, ahead) = seldom_followed(scenario).await;
    let members = [("1.xml", invoice("LUE-1")), ("2.xml", invoice_to("LUE-2", UNKNOWN))];
    gateway.drop_flow("lot.zip", zip(&members)).await;
    let receipt = gateway.await_receipt("lot.zip.json", |r| status_of(r, "LUE-1") == "DEPOSEE").await;
    let part: FlowId = receipt["parts"][0]["flow"].as_str().unwrap().parse().unwrap();
    assert!(gateway.simulator.control().move_invoice("LUE-1", "SUSPENDUE", "bon de livraison"));
    ahead.fetch_add(5 * 3_600_000, Ordering::SeqCst);
    gateway.await_receipt("lot.zip.json", |r| status_of(r, "LUE-1") == "SUSPENDUE").await;
    idle(&gateway).await;
    let held = gateway.store().reader().unwrap().invoices(&part).unwrap().remove(0);
    let asked = fluxgate::store::AskedChange {
        chorus_id: held.chorus_id.unwrap(),
        number: held.facts.number.clone(),
        supplier: held.facts.supplier.clone(),
        target: "COMPLETEE".parse().unwrap(),
        motif: "ci-joint".to_owned(),
        mandate: None,
    };
    gateway.store().complete_sent((&part, held.ordinal), asked, Vec::new(), "claire", (gateway.clock)()).await.unwrap();
    gateway.await_receipt("lot.zip.json", |r| status_of(r, "LUE-1") == "COMPLETEE").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_rounds_were_is_forgotten_once_a_flow_is_told_out() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let flow = gateway.drop_flow("une.xml", invoice("FINIE-1")).await;
    gateway.store().remember(&realm(), &format!("following:{flow}"), "0 0").await.unwrap();
    gateway.await_final("une.xml.json").await;
    let kept = || gateway.store().reader().unwrap().remembered(&realm(), &format!("following:{flow}")).unwrap();
    gateway.await_until("nothing is kept", || kept().is_none()).await;
    gateway.stop().await;
}
