//! A suspended sent invoice is completed on the page: to the very end, at the simulator.

use std::time::Duration;

use fluxgate::domain::{FlowId, InvoiceStatus, Timestamp};
use fluxgate::flow::Job;
use fluxgate::flow::deposit;
use fluxgate::flow::status_change::Event;
use fluxgate::store::{ChangeFacts, Facts, StatusRecord};

use super::{House, PERSON};
use crate::complement::{completed, with_sent};

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_invoice_is_completed_on_the_page_with_files_and_goes_on() {
    let gateway = with_sent("COMP-P", "SUSPENDUE").await;
    let suspended = |receipt: &serde_json::Value| receipt["invoices"][0]["status"] == "SUSPENDUE";
    let receipt = gateway.await_receipt("facture.xml.json", suspended).await;
    let flow = receipt["flow"].as_str().unwrap().to_owned();
    let house = House::over(tempfile::tempdir().unwrap(), gateway.store().clone());
    let path = format!("/flux/{flow}/completer");
    tokio::task::block_in_place(|| {
        let mut browser = house.inside();
        let page = browser.get(&format!("/flux/{flow}"));
        page.says("Donner une pièce ou une explication");
        page.says("Bon de livraison manquant");
        browser.get(&path).says("COMP-P");
        let done = browser.upload(
            &path,
            &[("facture", "0"), ("comment", "Voici le bon signé (œ, €).\r\nMerci.")],
            &[("C:\\bons\\bon de livraison.pdf", b"%PDF-1.4 bon \r\n--b\r\n"), ("plan.png", b"\x89PNG"), ("", b"")],
        );
        let location = done.header("location").unwrap_or_else(|| panic!("{}", done.text())).to_owned();
        assert!(location.ends_with("?fait=complement"), "{location}");
        let page = browser.get(&location);
        page.says("Complément pris et journalisé");
        // It is the person's, not the application's; and the way to the invoice and back stands on both pages.
        page.says(&format!("<dt>Demandé par</dt><dd>{PERSON}</dd>"));
        page.says(&format!("<a href=\"/flux/{flow}\">COMP-P</a>"));
        page.says("<p class=\"hint\">Complétée</p>");
        for hidden in ["compte sifac", "COMPLETEE", "<dt>Compte</dt>", "/depot", "complement.json", "Accusé"] {
            page.hides(hidden);
        }
        let change = location.strip_prefix("/flux/").unwrap().strip_suffix("?fait=complement").unwrap();
        let page = browser.get(&format!("/flux/{flow}"));
        page.says(&format!("<a href=\"/flux/{change}\">"));
        page.says("Complément donné sur la page");
        page.says(PERSON);
        let piece = browser.get(&format!("/flux/{change}/piece/1"));
        assert_eq!((piece.status, &piece.body[..]), (200, &b"\x89PNG"[..]));
        assert_eq!(browser.get(&format!("/flux/{change}/piece/2")).status, 404);
    });
    let kinds = house.kinds();
    let place = |kind: &str| kinds.iter().rposition(|k| k == kind).unwrap_or_else(|| panic!("{kind}: {kinds:?}"));
    for kind in ["complement", "ask"] {
        assert_eq!(house.leaves()[place(kind)].actor, "person", "{kind}");
    }
    assert_eq!(house.leaves()[place("ask")].hashes.len(), 2, "both files");
    assert_eq!(kinds.iter().filter(|kind| *kind == "receive").count(), 1, "nothing was dropped");
    gateway.await_until("the invoice is completed", || completed(&gateway, "COMP-P") == 1).await;
    let ledger = gateway.simulator.ledger();
    let invoice = ledger.invoices.iter().find(|invoice| invoice.number == "COMP-P").unwrap();
    assert_eq!(invoice.attachments, ["bon de livraison.pdf", "plan.png"]);
    let moment = invoice.history.iter().find(|moment| moment.name == "COMPLETEE").unwrap();
    assert_eq!(moment.comment, "Voici le bon signé (œ, €).\nMerci.");
    gateway.await_receipt("facture.xml.json", |receipt| receipt["invoices"][0]["status"] == "MISE_EN_PAIEMENT").await;
    let receipts = std::fs::read_dir(gateway.folder("accuses")).unwrap();
    let names: Vec<_> = receipts.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| name.starts_with("facture.xml.")), "only what was dropped has one: {names:?}");
    drop(house);
    gateway.stop().await;
}

/// Names and contents.
type Files<'a> = &'a [(&'a str, &'a [u8])];

/// A flow whose sent invoice is suspended.
fn suspended(house: &House) -> String {
    house.sent("S-1", InvoiceStatus::Suspendue).to_string()
}

#[test]
fn what_cannot_complete_an_invoice_is_told_and_nothing_is_taken() {
    let house = House::open();
    let flow = suspended(&house);
    let path = format!("/flux/{flow}/completer");
    let mut browser = house.inside();
    let page = browser.get(&path);
    page.hides("<script>alert");
    page.says("S-1");
    let before = house.kinds().len();
    let large = vec![7; 10_000_001];
    let cases: [(&str, Files<'_>, &str); 6] = [
        ("", &[("vide.pdf", b"")], "« vide.pdf » est vide"),
        (" \r\n", &[], "Rien à envoyer : écrivez un commentaire ou joignez au moins un fichier."),
        ("", &[("virus.exe", b"MZ")], "virus.exe"),
        ("", &[("gros.pdf", &large)], "gros.pdf"),
        ("", &[("a.pdf", b"1"), ("a.pdf", b"2")], "a.pdf"),
        (&"x".repeat(2001), &[], "Le commentaire a 2001 caractères"),
    ];
    for (comment, files, said) in cases {
        let refused = browser.upload(&path, &[("facture", "0"), ("comment", comment)], files);
        assert_eq!(refused.status, 422, "{said}");
        let text = refused.text().replace('\u{a0}', " ");
        assert!(text.contains(said), "{said}: {text}");
        refused.says("Rien n’a été pris");
        assert_eq!(text.contains("Choisissez de nouveau les fichiers"), !files.is_empty(), "{said}");
        for foreign in ["complement.json", "FG-425"] {
            assert!(!text.contains(foreign), "{foreign}");
        }
    }
    let gone = browser.upload(&path, &[("facture", "3"), ("comment", "x")], &[]);
    assert_eq!(gone.header("location"), Some(format!("/flux/{flow}?fait=impossible").as_str()));
    assert_eq!(house.kinds().len(), before, "nothing is journalled, nothing received");
    let taken = browser.upload(&path, &[("facture", "0"), ("comment", "Voici.")], &[]);
    let first = taken.header("location").unwrap().strip_suffix("?fait=complement").unwrap().to_owned();
    let again = browser.upload(&path, &[("facture", "0"), ("comment", "Voici.")], &[]);
    let again = again.header("location").unwrap().to_owned();
    assert_eq!(again, format!("{first}?fait=deja-complete"), "the same complement twice is one");
    browser.get(&again).says("a déjà été donné pour cette suspension");
    let other = browser.upload(&path, &[("facture", "0"), ("comment", "Autre chose.")], &[]);
    assert_eq!(other.status, 422, "one at a time");
    other.says("Un autre complément de cette facture est déjà en route");
    other.says("Autre chose.");
    // It was taken, and the invoice's history does not tell so yet: it is not given twice.
    let now = Timestamp::now();
    let change: FlowId = first.strip_prefix("/flux/").unwrap().parse().unwrap();
    let lease = house.store.lease(&[Job::Change], 1, now, Duration::from_secs(60)).wait().unwrap().remove(0);
    house.store.intend_change(&change, &lease, 0, now).wait().unwrap();
    let accepted = house.store.decide_change(&change, Event::Accepted, ChangeFacts::default(), Some(&lease), now);
    accepted.wait().unwrap();
    let again = browser.upload(&path, &[("facture", "0"), ("comment", "Voici.")], &[]);
    assert_eq!(again.header("location"), Some(format!("{first}?fait=deja-complete").as_str()));
    // The recipient suspends it once more: the same words are another complement.
    let status = |status, at: &str| StatusRecord {
        status,
        at: at.into(),
        author: None,
        comment: None,
        others: serde_json::Map::new(),
    };
    let anew = vec![
        status(InvoiceStatus::Completee, "2026-11-21T09:00:00.000+01:00"),
        status(InvoiceStatus::Suspendue, "2026-11-22T10:00:00.000+01:00"),
    ];
    house.store.record_statuses(&flow.parse().unwrap(), 0, anew, now).wait().unwrap();
    let second = browser.upload(&path, &[("facture", "0"), ("comment", "Voici.")], &[]);
    let second = second.header("location").unwrap().to_owned();
    assert!(second.ends_with("?fait=complement") && !second.starts_with(&first), "{first} {second}");
    assert!(PERSON.len() > 3 && house.kinds().contains(&"complement".to_owned()));
}

#[test]
fn a_sent_invoice_is_read_again_as_soon_as_its_complement_is_taken() {
    let house = House::open();
    let store = house.store.clone();
    let flow = house.sent("S-1", InvoiceStatus::Suspendue);
    let now = Timestamp::now();
    let lease = |job| store.lease(&[job], 1, Timestamp::now(), Duration::from_secs(60)).wait().unwrap().remove(0);
    let deposit = lease(Job::Deposit);
    store.intend(&flow, &deposit, now).wait().unwrap();
    let number = Some("CPP1".parse().unwrap());
    let facts = Facts { deposit_number: number, ..Facts::default() };
    store.decide(&flow, deposit::Event::DepositAccepted, facts, Some(&deposit), now).wait().unwrap();
    store.decide(&flow, deposit::Event::Integrated, Facts::default(), None, now).wait().unwrap();
    store.postpone(&lease(Job::Statuses), now.plus(Duration::from_secs(3600))).wait().unwrap();
    let mut browser = house.inside();
    let path = format!("/flux/{flow}/completer");
    browser.get(&path);
    assert_eq!(browser.upload(&path, &[("facture", "0"), ("comment", "Voici.")], &[]).status, 303);
    let due = || store.reader().unwrap().next_due(&[Job::Statuses]).unwrap().unwrap();
    assert!(due() > now.plus(Duration::from_secs(1800)));
    let change = lease(Job::Change);
    store.intend_change(&change.flow, &change, 0, now).wait().unwrap();
    store.decide_change(&change.flow, Event::Accepted, ChangeFacts::default(), Some(&change), now).wait().unwrap();
    assert!(due() < now.plus(Duration::from_secs(1800)), "nobody waits for the next round");
}

#[test]
fn a_form_with_files_is_taken_where_one_is_awaited_of_somebody_known_and_within_its_bound() {
    let house = House::open();
    let flow = suspended(&house);
    let path = format!("/flux/{flow}/completer");
    let mut browser = house.inside();
    browser.get(&path);
    assert_eq!(browser.upload("/configuration", &[("text", "x")], &[]).status, 400, "no files there");
    let csrf = std::mem::take(&mut browser.csrf);
    assert_eq!(browser.upload(&path, &[("facture", "0"), ("comment", "x")], &[]).status, 403, "not a form of ours");
    browser.csrf = csrf;
    let kind = [("Content-Type", "multipart/form-data; boundary=b0"), ("Origin", "https://box.example")];
    for hostile in
        [&b""[..], b"--b0--", b"--b0\r\n\r\n", b"--b0\r\nContent-Disposition: form-data; name=\"a", &[0xff; 99]]
    {
        let status = browser.send("POST", &path, &kind, hostile).status;
        assert!(matches!(status, 400 | 403), "{status} {hostile:?}");
    }
    let large = vec![b'x'; 41 << 20];
    assert_eq!(browser.send("POST", &path, &kind, &large).status, 413);
    let foreign = [kind[0], ("Origin", "https://evil.example")];
    assert_eq!(browser.send("POST", &path, &foreign, &large).status, 403, "its body is not looked at");
    let mut stranger = house.browser();
    stranger.get("/login");
    assert_eq!(stranger.upload(&path, &[("facture", "0"), ("comment", "x")], &[]).status, 400, "not read at all");
}

#[test]
fn a_complement_of_the_page_is_bounded_like_what_is_dropped() {
    let house = House::open();
    let flow = suspended(&house);
    let path = format!("/flux/{flow}/completer");
    let mut browser = house.inside();
    browser.get(&path);
    let waiting = house.receive("attend.xml", b"attend");
    assert_eq!(house.store.reader().unwrap().flow(&waiting).unwrap().unwrap().state, "received");
    let before = house.kinds().len();
    let sample = super::configuration();
    for (key, value, code) in [
        ("pending_files = 100000", "pending_files = 1", "FG-102"),
        ("disk_reserve = \"512MiB\"", "disk_reserve = \"9000000GiB\"", "FG-103"),
    ] {
        assert!(sample.contains(key), "{key}");
        std::fs::write(house.path("config/fluxgate.toml"), sample.replace(key, value)).unwrap();
        let refused = browser.upload(&path, &[("facture", "0"), ("comment", "Voici.")], &[]);
        assert_eq!(refused.status, 422, "{code}");
        refused.says(code);
        refused.says("Rien n’a été pris");
    }
    assert_eq!(house.kinds().len(), before, "nothing is journalled, nothing received");
    std::fs::write(house.path("config/fluxgate.toml"), sample).unwrap();
    assert_eq!(browser.upload(&path, &[("facture", "0"), ("comment", "Voici.")], &[]).status, 303);
}
