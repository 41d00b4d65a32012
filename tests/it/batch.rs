//! A dropped archive: every member has its own outcome, invoices of one syntax travel in one flux.

use std::io::Write as _;

use fluxgate::domain::{FlowId, Timestamp};
use fluxgate::fault::{Code, Fault, Language};
use fluxgate::flow::deposit::Event;
use fluxgate::simulator::{Effect, FaultRule, Scenario, VerdictRule};
use fluxgate::store::{Facts, Received};
use serde_json::Value;

use crate::gateway::{Gateway, hurried, invoice, invoice_to, quick_limits};

pub fn zip(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn tar_gz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// `(number, status, refused)` of a receipt's invoice.
fn told<'a>(receipt: &'a Value, number: &str) -> (&'a str, bool) {
    let invoices = receipt["invoices"].as_array().unwrap();
    let found = invoices.iter().find(|i| i["number"] == number).unwrap_or_else(|| panic!("{number}: {receipt:#}"));
    (found["status"].as_str().unwrap_or("-"), found["refused"].is_string())
}

fn integrated_once(gateway: &Gateway, numbers: &[&str]) {
    let ledger = gateway.simulator.ledger();
    for number in numbers {
        assert_eq!(ledger.deposits_of(number).len(), 1, "{number}");
        assert!(ledger.invoice(number).is_some(), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_goes_as_one_flux_of_each_syntax_and_each_invoice_is_followed() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let cii = include_bytes!("../../src/app/samples/facture-cii.xml").to_vec();
    let members =
        [("a/1.xml", invoice("LOT-1")), ("a/2.xml", invoice("LOT-2")), ("3.xml", invoice("LOT-3")), ("cii.xml", cii)];
    gateway.drop_flow("lot.zip", zip(&members)).await;
    let receipt = gateway.await_final("lot.zip.json").await;
    assert_eq!(receipt["state"], "integrated", "{receipt:#}");
    assert_eq!(receipt["invoices"].as_array().unwrap().len(), 4);
    for number in ["LOT-1", "LOT-2", "LOT-3"] {
        assert_eq!(told(&receipt, number), ("MISE_EN_PAIEMENT", false), "{receipt:#}");
    }
    let parts = receipt["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 2, "one flux of UBL, one of CII: {receipt:#}");
    assert!(parts.iter().all(|part| part["deposit_number"].is_string()));
    integrated_once(&gateway, &["LOT-1", "LOT-2", "LOT-3"]);
    assert_eq!(gateway.simulator.ledger().calls_of("deposer/flux"), 2);
    gateway.stop().await;
}

/// Seen: members that the application had taken lay in /rejets again, when their placing could not be noted.
#[tokio::test(flavor = "multi_thread")]
async fn refused_members_that_were_taken_are_not_laid_again_after_a_crash() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    let database = rusqlite::Connection::open(gateway.dir.path().join("fluxgate.db")).unwrap();
    let full = "CREATE TRIGGER full BEFORE UPDATE ON refused_member BEGIN SELECT RAISE(ABORT, 'disk full'); END";
    database.execute_batch(full).unwrap();
    let members = [("bonne.xml", invoice("LOT-RANGE")), ("notes.txt", b"hello".to_vec()), ("b.txt", b"ho".to_vec())];
    gateway.drop_flow("rangee.tar.gz", tar_gz(&members)).await;
    let shelf = gateway.folder("rejets");
    let laid = || std::fs::read_dir(&shelf).map_or(0, |entries| entries.count());
    gateway.await_until("members and receipts", || laid() == 4).await;
    for entry in std::fs::read_dir(&shelf).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    gateway.crash().await;
    database.execute_batch("DROP TRIGGER full").unwrap();
    gateway.boot();
    gateway.await_final("rangee.tar.gz.json").await;
    assert_eq!(laid(), 0, "the application has taken them");
    let bench = shelf.with_file_name(".travail");
    gateway
        .await_until("nothing is left on the bench", || {
            !std::fs::read_dir(&bench).unwrap().any(|e| e.unwrap().file_name().to_str().unwrap().starts_with("rejet"))
        })
        .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_bad_in_an_archive_is_refused_by_name_and_the_rest_goes_on() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.drop_flow("seule.xml", invoice("LOT-DEJA")).await;
    gateway.await_state("seule.xml.json", "integrated").await;
    let members = [
        ("bonne.xml", invoice("LOT-BON")),
        ("longue.xml", invoice("LOT-much-too-long-for-chorus-pro")),
        ("notes.txt", b"hello".to_vec()),
        ("interne.zip", zip(&[("x.xml", invoice("LOT-X"))])),
        ("deja.xml", {
            let mut again = invoice("LOT-DEJA");
            again.push(b'\n');
            again
        }),
        ("jumelle.xml", {
            let mut again = invoice("LOT-BON");
            again.push(b'\n');
            again
        }),
        ("__MACOSX/._bonne.xml", b"clutter".to_vec()),
    ];
    gateway.drop_flow("lot.tar.gz", tar_gz(&members)).await;
    let receipt = gateway.await_final("lot.tar.gz.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"partly_integrated".into(), &"FG-413".into()));
    let paid = |i: &&Value| i["number"] == "LOT-BON" && i["status"] == "MISE_EN_PAIEMENT";
    assert_eq!(receipt["invoices"].as_array().unwrap().iter().filter(paid).count(), 1, "{receipt:#}");
    let findings = receipt["findings"].as_array().unwrap();
    let rule_of = |name: &str| {
        let rules: Vec<&str> = findings
            .iter()
            .filter(|f| f["where"].as_str().is_some_and(|place| place.starts_with(name)))
            .map(|f| f["rule"].as_str().unwrap())
            .collect();
        rules.first().copied().unwrap_or("-").to_owned()
    };
    assert_eq!(rule_of("longue.xml"), "FG-209", "{findings:#?}");
    assert_eq!(rule_of("notes.txt"), "FG-202");
    assert_eq!(rule_of("interne.zip"), "FG-210");
    assert_eq!(rule_of("deja.xml"), "FG-110");
    assert_eq!(rule_of("jumelle.xml"), "FG-110");
    assert_eq!(rule_of("__MACOSX"), "-");
    integrated_once(&gateway, &["LOT-BON", "LOT-DEJA"]);

    // Each refused member stands among the refused files, beside a receipt of its own; the good ones do not.
    let flow = receipt["flow"].as_str().unwrap();
    let shelf = gateway.folder("rejets");
    let mut names: Vec<String> = std::fs::read_dir(&shelf)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(&format!(".{flow}"), ""))
        .filter(|name| name.ends_with(".json"))
        .collect();
    names.sort();
    let refused = ["002-longue.xml", "003-notes.txt", "004-interne.zip", "005-deja.xml", "006-jumelle.xml"];
    assert_eq!(names, refused.map(|name| format!("{name}.json")));
    let notes = shelf.join(format!("003-notes.{flow}.txt"));
    assert_eq!(std::fs::read(&notes).unwrap(), b"hello");
    let beside = std::fs::read(shelf.join(format!("003-notes.txt.{flow}.json"))).unwrap();
    let beside: Value = serde_json::from_slice(&beside).unwrap();
    crate::gateway::check_document("receipt", fluxgate::work::Purpose::Receipt, &beside);
    assert_eq!((&beside["file"], &beside["fault"]["code"]), (&"lot.tar.gz » notes.txt".into(), &"FG-202".into()));
    let longue = std::fs::read(shelf.join(format!("002-longue.xml.{flow}.json"))).unwrap();
    let longue: Value = serde_json::from_slice(&longue).unwrap();
    assert_eq!(longue["findings"][0]["rule"], "CPRO-NUMBER-LENGTH", "{longue:#}");
    // What the application has taken from there does not come back with the receipt's next version.
    std::fs::remove_file(&notes).unwrap();
    let part = receipt["parts"][0]["flow"].as_str().unwrap().parse().unwrap();
    gateway.store().trouble(&part, Some(Fault::new(Code::Throttled)), Timestamp::now()).await.unwrap();
    gateway.await_receipt("lot.tar.gz.json", |r| r["parts"][0]["fault"]["code"] == "FG-305").await;
    assert!(!notes.exists());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flux_that_is_integrated_in_part_tells_of_each_invoice() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    // A recipient that Chorus Pro does not know: refused there, invoice by invoice.
    let members =
        [("1.xml", invoice("PART-1")), ("2.xml", invoice_to("PART-2", "99999999999999")), ("3.xml", invoice("PART-3"))];
    gateway.drop_flow("lot.zip", zip(&members)).await;
    let receipt = gateway.await_final("lot.zip.json").await;
    assert_eq!(receipt["state"], "partly_integrated", "{receipt:#}");
    assert_eq!(told(&receipt, "PART-1"), ("MISE_EN_PAIEMENT", false));
    assert!(told(&receipt, "PART-2").1, "{receipt:#}");
    // Invoices count, not the flux that they went in.
    assert!(receipt["fault"]["title"].as_str().unwrap().ends_with(": 1 sur 3 factures"), "{receipt:#}");
    assert_eq!(told(&receipt, "PART-3"), ("MISE_EN_PAIEMENT", false));
    // Corrected, the refused one alone goes again under its number; the others cannot.
    gateway.drop_flow("2.xml", invoice("PART-2")).await;
    assert_eq!(gateway.await_final("2.xml.json").await["state"], "integrated");
    gateway
        .drop_flow("1.xml", {
            let mut again = invoice("PART-1");
            again.push(b'\n');
            again
        })
        .await;
    assert_eq!(gateway.await_final("1.xml.json").await["fault"]["code"], "FG-110");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flux_whose_answer_is_lost_is_found_by_any_of_its_invoices() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("deposer/flux", Effect::LoseAnswer)).unwrap();
    // The first of the flux is one that Chorus Pro refuses: it alone would look as if nothing had been taken.
    let members = [("1.xml", invoice_to("DOUTE-1", "99999999999999")), ("2.xml", invoice("DOUTE-2"))];
    gateway.drop_flow("lot.zip", zip(&members)).await;
    let receipt = gateway.await_final("lot.zip.json").await;
    assert_eq!(told(&receipt, "DOUTE-2").0, "MISE_EN_PAIEMENT", "{receipt:#}");
    assert_eq!(gateway.simulator.ledger().calls_of("deposer/flux"), 1, "never sent again");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_comes_to_its_end_in_a_long_list_some_pages_of_which_get_no_answer() {
    let gateway = Gateway::start(Scenario { page_limit: 1, ..hurried() }, quick_limits()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("deposer/flux", Effect::LoseAnswer)).unwrap();
    // Eight pages, of which every second one is lost: begun anew at each of them, the list would never be whole.
    control.add_fault(FaultRule::new("rechercher/fournisseur", Effect::Cut).probability(0.5)).unwrap();
    let members: Vec<(String, Vec<u8>)> =
        (1..=8).map(|n| (format!("{n}.xml"), invoice(&format!("LONG-{n}")))).collect();
    let members: Vec<(&str, Vec<u8>)> = members.iter().map(|(name, body)| (name.as_str(), body.clone())).collect();
    gateway.drop_flow("lot.zip", zip(&members)).await;
    let receipt = gateway.await_final("lot.zip.json").await;
    assert_eq!(receipt["state"], "integrated", "{receipt:#}");
    assert_eq!(gateway.simulator.ledger().calls_of("deposer/flux"), 1, "never sent again");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_broken_or_holds_nothing_good_is_refused_whole() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let good = zip(&[("1.xml", invoice("X-1"))]);
    for (name, bytes, code) in [
        ("coupe.zip", good[..good.len() - 30].to_vec(), "FG-210"),
        ("vide.zip", zip(&[]), "FG-210"),
        ("rien.zip", zip(&[("a.txt", b"a".to_vec()), ("b.txt", b"b".to_vec())]), "FG-413"),
        ("bombe.zip", zip(&[("bombe.xml", vec![b' '; 40 << 20])]), "FG-413"),
    ] {
        gateway.drop_flow(name, bytes).await;
        let receipt = gateway.await_final(&format!("{name}.json")).await;
        assert_eq!(
            (&receipt["state"], &receipt["fault"]["code"]),
            (&"refused".into(), &code.into()),
            "{name}: {receipt:#}"
        );
        assert_eq!(receipt["rules"].is_null(), code == "FG-210", "{name} was not held against them: {receipt:#}");
    }
    assert_eq!(gateway.simulator.ledger().calls_of("deposer/flux"), 0);
    // The next one is not delayed.
    gateway.drop_flow("bonne.xml", invoice("X-1")).await;
    assert_eq!(gateway.await_final("bonne.xml.json").await["state"], "integrated");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_archive_may_be_dropped_again() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    let rule: VerdictRule =
        toml::from_str("invoice = \"REJ-*\"\nstate = \"IN_REJETE\"\nlabel = \"Rejet\"\ntimes = 1").unwrap();
    control.add_verdict(rule).unwrap();
    let archive = zip(&[("1.xml", invoice("REJ-1")), ("2.xml", invoice("REJ-2"))]);
    gateway.drop_flow("lot.zip", archive.clone()).await;
    let receipt = gateway.await_final("lot.zip.json").await;
    assert_eq!(receipt["state"], "rejected", "{receipt:#}");
    gateway.drop_flow("lot.zip", archive).await;
    let receipt = gateway.await_receipt("lot.zip.json", |r| r["state"] == "integrated").await;
    assert_eq!(receipt["parts"].as_array().unwrap().len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_very_flux_that_a_rejected_part_was_may_be_dropped_again() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    let rule = "invoice = \"BIS-*\"\nstate = \"IN_REJETE\"\nlabel = \"Rejet\"\ntimes = 1";
    control.add_verdict(toml::from_str::<VerdictRule>(rule).unwrap()).unwrap();
    let file = gateway.drop_flow("lot.zip", zip(&[("1.xml", invoice("BIS-1")), ("2.xml", invoice("BIS-2"))])).await;
    assert_eq!(gateway.await_final("lot.zip.json").await["state"], "rejected");
    // What the page hands out as the rejected part's original, dropped again: its own flux has its own bytes.
    let reader = gateway.store().reader().unwrap();
    let part = &reader.parts(&file).unwrap()[0];
    let packed = reader.document(&part.sha256.unwrap()).unwrap().unwrap();
    let rules = reader.rules(&file).unwrap();
    assert!(rules.is_some() && reader.rules(&part.id).unwrap() == rules, "a part was examined with its file");
    gateway.drop_flow("lot.tar.gz", packed).await;
    let receipt = gateway.await_final("lot.tar.gz.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null), "{receipt:#}");
    gateway.stop().await;
}

/// The part of a dropped archive whose first deposit had no answer, while no search is answered: the rule that silences
/// them is handed out with it.
async fn part_in_doubt(gateway: &Gateway, archive: Vec<u8>) -> (FlowId, u64) {
    let control = gateway.simulator.control();
    let silent = control.add_fault(FaultRule::new("rechercher/fournisseur", Effect::Status503).always()).unwrap();
    control.add_fault(FaultRule::new("deposer/flux", Effect::LoseAnswer).accepted(true)).unwrap();
    let file = gateway.drop_flow("lot.zip", archive).await;
    let parts = || gateway.store().reader().unwrap().parts(&file).unwrap();
    gateway.await_until("the doubt", || parts().iter().any(|part| part.state == "doubtful")).await;
    (parts().remove(0).id, silent)
}

fn person() -> Facts {
    Facts { person: Some("Camille Durand".into()), ..Facts::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_flux_of_many_without_its_report_what_never_shows_is_told_by_name() {
    let mut limits = quick_limits();
    limits.integration_delay = fluxgate::domain::Duration::from_millis(2_500);
    let gateway = Gateway::start(hurried(), limits).await;
    // Chorus Pro does not know the recipient of the second.
    let members =
        [("1.xml", invoice("MUET-1")), ("2.xml", invoice_to("MUET-2", "99999999999999")), ("3.xml", invoice("MUET-3"))];
    let (part, silent) = part_in_doubt(&gateway, zip(&members)).await;
    // Found on the portal, where a person reads no flux number.
    gateway.store().decide(&part, Event::ConfirmedByPerson, person(), None, Timestamp::now()).await.unwrap();
    gateway.simulator.control().remove_fault(silent);
    let receipt = gateway.await_final("lot.zip.json").await;
    assert_eq!(receipt["state"], "partly_integrated", "{receipt:#}");
    assert_eq!(told(&receipt, "MUET-1"), ("MISE_EN_PAIEMENT", false), "{receipt:#}");
    assert_eq!(told(&receipt, "MUET-3"), ("MISE_EN_PAIEMENT", false), "{receipt:#}");
    assert_eq!(told(&receipt, "MUET-2"), ("-", true), "{receipt:#}");
    assert_eq!(receipt["invoices"][1]["refused"], "elle ne paraît pas chez Chorus Pro");
    let fault = &receipt["parts"][0]["fault"];
    assert_eq!(fault["code"], "FG-403", "{receipt:#}");
    assert!(fault["title"].as_str().unwrap().contains("« elle ne paraît pas chez Chorus Pro »"), "{fault}");
    let own = gateway.store().reader().unwrap().flow(&part).unwrap().unwrap().fault.unwrap();
    assert!(own.title(Language::En).contains("\"it does not show at Chorus Pro\""), "the reader's own language");
    assert_eq!(gateway.simulator.ledger().calls_of("deposer/flux"), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_of_a_flux_of_many_one_of_which_was_seen_sends_nothing_again() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let members: Vec<_> = ["1.xml", "2.xml", "3.xml"].into_iter().zip(["VU-1", "VU-2", "VU-3"].map(invoice)).collect();
    let (part, silent) = part_in_doubt(&gateway, zip(&members)).await;
    let seen = || gateway.simulator.ledger().invoice("VU-2").map(|invoice| invoice.id);
    gateway.await_until("its integration", || seen().is_some()).await;
    // Seen by a look whose process died before it could say so; then a person has the whole flux sent again.
    gateway.store().identify(&part, 1, seen().unwrap(), Timestamp::now()).await.unwrap();
    let rule = "invoice = \"VU-*\"\nstate = \"IN_INCIDENTE\"\ntimes = 0";
    let control = gateway.simulator.control();
    control.add_verdict(toml::from_str::<VerdictRule>(rule).unwrap()).unwrap();
    gateway.store().decide(&part, Event::ResendByPerson, person(), None, Timestamp::now()).await.unwrap();
    let state = || gateway.store().reader().unwrap().flow(&part).unwrap().unwrap().state;
    gateway.await_until("the second deposit", || state() == "deposited").await;
    control.remove_fault(silent);
    let receipt = gateway.await_final("lot.zip.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null), "{receipt:#}");
    for number in ["VU-1", "VU-2", "VU-3"] {
        assert_eq!(told(&receipt, number), ("MISE_EN_PAIEMENT", false), "{receipt:#}");
    }
    assert_eq!(gateway.simulator.ledger().calls_of("deposer/flux"), 2, "no third time");
    gateway.stop().await;
}

/// An invoice of direct payment: Chorus Pro takes its number more than once.
pub fn direct(number: &str, city: &str) -> Vec<u8> {
    let text = String::from_utf8(invoice(number)).unwrap();
    text.replace("<cbc:ProfileID>A1<", "<cbc:ProfileID>S3<").replace("Lyon", city).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn invoices_of_direct_payment_repeat_a_number_inside_an_archive_too() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.drop_flow("directe.xml", direct("S3-1", "Lyon")).await;
    gateway.await_state("directe.xml.json", "integrated").await;
    // Other ones of that number; a usual one; and the very bytes that went alone.
    let members = [
        ("a.xml", direct("S3-1", "Brest")),
        ("b.xml", direct("S3-1", "Lille")),
        ("c.xml", invoice("S3-2")),
        ("d.xml", direct("S3-1", "Lyon")),
        ("e.xml", direct("S3-1", "Lille")),
    ];
    let lot = gateway.drop_flow("lot.zip", zip(&members)).await;
    let receipt = gateway.await_final("lot.zip.json").await;
    assert_eq!(receipt["state"], "partly_integrated", "{receipt:#}");
    assert_eq!(receipt["parts"].as_array().unwrap().len(), 3, "of direct payment each travels alone: {receipt:#}");
    let reader = gateway.store().reader().unwrap();
    assert!(reader.parts(&lot).unwrap().iter().all(|part| part.state == "integrated"));
    let refused: Vec<(&str, &str)> = receipt["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["severity"] == "fatal")
        .map(|finding| (finding["where"].as_str().unwrap(), finding["rule"].as_str().unwrap()))
        .collect();
    assert_eq!(refused, [("d.xml", "FG-106"), ("e.xml", "FG-106")]);
    assert_eq!(gateway.simulator.ledger().deposits_of("S3-1").len(), 3);
    // Known by its own bytes: dropped alone after that, one of the archive is the duplicate that it is.
    match gateway.drop_file("seule.xml", direct("S3-1", "Brest")).await {
        Received::Duplicate { first, .. } => {
            assert!(reader.parts(&lot).unwrap().iter().any(|part| part.id == first), "{first}");
        }
        other => panic!("{other:?}"),
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_invoice_alone_and_in_an_archive_is_a_duplicate_whichever_comes_first() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let alone = gateway.drop_flow("seule.xml", invoice("UN-1")).await;
    gateway.await_state("seule.xml.json", "integrated").await;
    gateway.drop_flow("un.zip", zip(&[("1.xml", invoice("UN-1"))])).await;
    let receipt = gateway.await_final("un.zip.json").await;
    assert_eq!(receipt["state"], "refused", "{receipt:#}");
    let finding = &receipt["findings"][0];
    assert_eq!(finding["rule"], "FG-106", "{receipt:#}");
    assert!(finding["message"].as_str().unwrap().contains(alone.as_str()), "{finding}");

    let lot = gateway.drop_flow("deux.zip", zip(&[("2.xml", invoice("UN-2"))])).await;
    gateway.await_state("deux.zip.json", "integrated").await;
    let part = gateway.store().reader().unwrap().parts(&lot).unwrap().remove(0).id;
    match gateway.drop_file("deux.xml", invoice("UN-2")).await {
        Received::Duplicate { first, .. } => assert_eq!(first, part),
        other => panic!("{other:?}"),
    }
    integrated_once(&gateway, &["UN-1", "UN-2"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_invoice_under_a_used_number_waits_for_a_person_and_the_same_one_does_not() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let with =
        |number: &str, from: &str, to: &str| String::from_utf8(invoice(number)).unwrap().replace(from, to).into_bytes();
    // Written anew, it is the same invoice; of another day it is another.
    let same = [("1.xml", invoice("MEME-1")), ("2.xml", with("MEME-1", "Lyon", "Nantes"))];
    let other = [("1.xml", invoice("AUTRE-1")), ("2.xml", with("AUTRE-1", "2026-11-20", "2026-11-19"))];
    let files = [("meme.zip", zip(&same), false), ("autre.zip", zip(&other), true)];
    for (name, archive, waits) in files {
        let file = gateway.drop_flow(name, archive).await;
        let receipt = gateway.await_state(&format!("{name}.json"), "partly_integrated").await;
        let refused = |i: &Value| i["refused"].as_str().is_some_and(|label| label.starts_with("FG-110"));
        assert!(receipt["invoices"].as_array().unwrap().iter().any(refused), "{receipt:#}");
        let own = gateway.store().reader().unwrap().flow(&file).unwrap().unwrap();
        assert_eq!((own.fault.unwrap().code, own.waits), (Code::PartsNotTaken, waits), "{name}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_flux_of_many_without_its_report_a_supplier_of_whom_nothing_shows_is_not_refused() {
    let mut limits = quick_limits();
    limits.integration_delay = fluxgate::domain::Duration::from_millis(2_500);
    let gateway = Gateway::start(hurried(), limits).await;
    let another = String::from_utf8(invoice_to("CACHE-3", "99999999999999")).unwrap();
    let another = another.replace("12345678200051", "33254021516357").replace("123456782", "332540215");
    let sister = String::from_utf8(invoice_to("CACHE-4", "99999999999999")).unwrap();
    // What the technical account does not see shows as little as what Chorus Pro refused.
    let members = [
        ("1.xml", invoice("CACHE-1")),
        ("2.xml", invoice_to("CACHE-2", "99999999999999")),
        ("3.xml", another.into_bytes()),
        ("4.xml", sister.replace("12345678200051", "12345678200036").into_bytes()),
    ];
    let (part, silent) = part_in_doubt(&gateway, zip(&members)).await;
    gateway.store().decide(&part, Event::ConfirmedByPerson, person(), None, Timestamp::now()).await.unwrap();
    gateway.simulator.control().remove_fault(silent);
    let receipt = gateway.await_receipt("lot.zip.json", |r| told(r, "CACHE-2").1).await;
    assert!(!told(&receipt, "CACHE-1").1, "{receipt:#}");
    assert_eq!(told(&receipt, "CACHE-3"), ("-", false), "{receipt:#}");
    assert_eq!(told(&receipt, "CACHE-4"), ("-", false), "the same SIREN is not the same structure: {receipt:#}");
    let own = gateway.store().reader().unwrap().flow(&part).unwrap().unwrap();
    assert_eq!(own.state, "partly_integrated");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_shows_of_an_unseen_supplier_is_not_told_as_integrated_and_waits_for_a_person() {
    let mut limits = quick_limits();
    limits.integration_delay = fluxgate::domain::Duration::from_millis(2_500);
    let gateway = Gateway::start(hurried(), limits).await;
    let another = String::from_utf8(invoice_to("OMBRE-2", "99999999999999")).unwrap();
    let another = another.replace("12345678200051", "33254021516357").replace("123456782", "332540215");
    let members = [("1.xml", invoice("OMBRE-1")), ("2.xml", another.clone().into_bytes())];
    let (part, silent) = part_in_doubt(&gateway, zip(&members)).await;
    gateway.store().decide(&part, Event::ConfirmedByPerson, person(), None, Timestamp::now()).await.unwrap();
    gateway.simulator.control().remove_fault(silent);
    let flow = || gateway.store().reader().unwrap().flow(&part).unwrap().unwrap();
    gateway.await_until("its end", || !["doubtful", "deposited"].contains(&flow().state.as_str())).await;
    assert_eq!(flow().state, "partly_integrated");
    // Once the other has had its last status, too.
    gateway.await_receipt("lot.zip.json", |r| told(r, "OMBRE-1").0 == "MISE_EN_PAIEMENT").await;
    let (own, receipt) = (flow(), gateway.receipt("lot.zip.json").unwrap());
    assert!(own.waits, "{:?}", own.fault);
    let fault = own.fault.unwrap();
    assert_eq!(fault.code, Code::NotConfirmed);
    assert!(fault.title(Language::Fr).contains("OMBRE-2"), "{fault:?}");
    assert_eq!(told(&receipt, "OMBRE-2"), ("-", false), "nobody knows that it was refused: {receipt:#}");
    assert_eq!(receipt["fault"]["code"], "FG-452", "nothing of the file is known to be missing: {receipt:#}");
    // A person looks on the portal: it is not there. Then it may be dropped again.
    let word = Some(("Camille Durand".to_owned(), None));
    assert_eq!(gateway.store().not_taken(&part, vec![0, 1], word, Timestamp::now()).await.unwrap(), 1);
    let own = flow();
    assert!(own.waits && own.fault.as_ref().is_some_and(|f| f.code == Code::PartlyIntegrated), "{:?}", own.fault);
    let receipt = gateway.await_receipt("lot.zip.json", |r| told(r, "OMBRE-2").1).await;
    assert!(receipt["fault"]["title"].as_str().unwrap().contains("1 sur 2"), "{receipt:#}");
    let again = gateway.drop_flow("encore.xml", another.into_bytes()).await;
    let sent = || gateway.simulator.ledger().calls_of("deposer/flux") == 2;
    gateway.await_until("it goes again", sent).await;
    assert_ne!(gateway.store().reader().unwrap().flow(&again).unwrap().unwrap().state, "refused");
    assert!(!flow().waits, "what was dropped again waits no longer: {:?}", flow().fault);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_confirmed_and_shows_after_all_makes_its_flow_and_its_file_integrated() {
    let mut limits = quick_limits();
    limits.integration_delay = fluxgate::domain::Duration::from_millis(2_500);
    let gateway = Gateway::start(hurried(), limits).await;
    let another = String::from_utf8(invoice_to("TARD-2", "99999999999999")).unwrap();
    let another = another.replace("12345678200051", "33254021516357").replace("123456782", "332540215");
    let (part, silent) =
        part_in_doubt(&gateway, zip(&[("1.xml", invoice("TARD-1")), ("2.xml", another.into_bytes())])).await;
    gateway.store().decide(&part, Event::ConfirmedByPerson, person(), None, Timestamp::now()).await.unwrap();
    gateway.simulator.control().remove_fault(silent);
    let flow = |id: &FlowId| gateway.store().reader().unwrap().flow(id).unwrap().unwrap();
    gateway.await_until("its end", || flow(&part).state == "partly_integrated").await;
    let file = flow(&part).parent.unwrap();
    assert_eq!(
        (flow(&file).state.as_str(), flow(&file).fault.unwrap().code),
        ("partly_integrated", Code::NotConfirmed)
    );
    // A search shows it.
    gateway.store().identify(&part, 1, fluxgate::domain::ChorusInvoiceId(987_654), Timestamp::now()).await.unwrap();
    for id in [&part, &file] {
        let told = flow(id);
        assert_eq!((told.state.as_str(), told.waits), ("integrated", false), "{:?}", told.fault);
        assert!(told.fault.is_none_or(|fault| fault.code != Code::NotConfirmed));
    }
    gateway.await_receipt("lot.zip.json", |r| r["state"] == "integrated").await;
    gateway.stop().await;
}
