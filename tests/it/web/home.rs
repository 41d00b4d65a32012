//! The first screen: what leaves it and what stays, and what its numbers count.

use std::time::Duration;

use fluxgate::domain::{FlowId, Timestamp};
use fluxgate::fault::{Code, Fault};
use fluxgate::flow::deposit;
use fluxgate::store::{Facts, FlowQuery, Subset};
use serde_json::json;

use super::{Browser, House};
use crate::batch::zip;
use crate::gateway::{Gateway, hurried, invoice, invoice_to, quick_limits};
use crate::plain_pdf::{drop_pair, json_of, pdf};

/// A file that was refused so many days ago.
pub fn refused(house: &House, name: &str, days: u64) -> FlowId {
    let flow = house.receive(name, name.as_bytes());
    let fault = Fault::new(Code::NotAnInvoice).with("looks_like", "du texte");
    let facts = Facts { fault: Some(fault), ..Facts::default() };
    let at = Timestamp::now().minus(Duration::from_secs(days * 86_400));
    house.store.decide(&flow, deposit::Event::CheckFailed, facts, None, at).wait().unwrap();
    flow
}

/// What the button beside a refusal sends.
fn button(page: &str, flow: &FlowId) -> Vec<(&'static str, String)> {
    let rest = page.split(&format!("action=\"/flux/{flow}/vu\"")).nth(1).expect("there is a button");
    let form = rest.split("</form>").next().unwrap();
    let field = |name: &str| {
        let value = form.split(&format!("name=\"{name}\" value=\"")).nth(1)?;
        Some(value.split('"').next().unwrap().replace("&#38;", "&"))
    };
    ["seen", "retour"].into_iter().filter_map(|name| Some((name, field(name)?))).collect()
}

fn stuck(house: &House) -> u64 {
    house.store.reader().unwrap().overview(Timestamp::now()).unwrap().stuck_total
}

#[test]
fn a_refusal_stays_on_the_first_screen_until_somebody_says_that_they_have_read_it() {
    let house = House::open();
    let mut browser = house.inside();
    let flow = refused(&house, "mauvaise.xml", 400);
    let page = browser.get("/");
    for said in ["1 flux attend une action", "mauvaise.xml", "FG-202"] {
        page.says(said);
    }
    let form = button(&page.text(), &flow);
    let path = format!("/flux/{flow}/vu");
    assert_eq!(browser.post(&path, &form).header("location"), Some("/?fait=vu"));
    browser.get("/?fait=vu").says("Marqué comme vu");
    assert_eq!(browser.post(&path, &form).header("location"), Some("/?fait=vu"), "twice is once");
    let page = browser.get("/");
    page.says("Tout va bien");
    page.hides("mauvaise.xml");
    // Not lost: the list and its own page say who has read it.
    browser.get("/flux?etat=stuck").says("Aucun flux ne correspond");
    for path in ["/flux".to_owned(), "/flux?etat=refused".to_owned(), format!("/flux/{flow}")] {
        let page = browser.get(&path);
        page.says("Vu par Camille Durand, le ");
        page.hides("/vu\"");
    }
    let page = browser.get(&format!("/flux/{flow}"));
    page.says("Vu par une personne");
    let leaves = house.leaves();
    let seen: Vec<_> = leaves.iter().filter(|leaf| leaf.kind == "seen").collect();
    assert_eq!((seen.len(), seen[0].actor.as_str()), (1, "person"));
    assert_eq!((seen[0].objects["flow"].as_str(), seen[0].objects["fault"].as_str()), (flow.as_str(), "FG-202"));
    let census = house.store.reader().unwrap().census(Timestamp::now()).unwrap();
    assert_eq!(census.stuck, [], "the metrics count it no more");
    // Something else is wrong with it by now: nobody has read that.
    house.store.trouble(&flow, Some(Fault::new(Code::EmptyFile)), Timestamp::now()).wait().unwrap();
    assert_eq!(browser.post(&path, &form).header("location"), Some("/?fait=vu-change"));
    browser.get("/").says("mauvaise.xml");
    browser.get("/flux").hides("Vu par");
}

#[test]
fn what_somebody_must_act_on_does_not_go_by_being_read() {
    let house = House::open();
    let mut browser = house.inside();
    let flow = house.doubtful("douteuse.xml", "D-1");
    browser.get("/").hides("/vu\"");
    browser.get(&format!("/flux/{flow}")).hides("/vu\"");
    let changed = house.store.reader().unwrap().flow(&flow).unwrap().unwrap().changed_at;
    let form = [("seen", changed.millis().to_string()), ("retour", "//evil.example".to_owned())];
    let done = browser.post(&format!("/flux/{flow}/vu"), &form);
    assert_eq!(done.header("location"), Some("/?fait=vu-change"), "and back to nowhere else");
    assert_eq!(stuck(&house), 1);
    let nobody = FlowId::from_u128(7);
    assert_eq!(browser.post(&format!("/flux/{nobody}/vu"), &form).status, 404);
}

#[test]
fn the_first_screen_shows_so_many_and_leads_to_all_of_them() {
    let house = House::open();
    let mut browser = house.inside();
    let doubtful = house.doubtful("douteuse.xml", "D-1");
    for days in 1..=40 {
        refused(&house, &format!("refusee-{days}.xml"), days);
    }
    let page = browser.get("/");
    page.says("41 flux attendent une action");
    page.says("href=\"/flux?etat=stuck\"");
    page.says("(41)");
    let text = page.text();
    assert_eq!(text.matches("class=\"case\"").count(), 30);
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
    assert!(place(doubtful.as_str()) < place("refusee-1.xml"), "what may still go on stands before what has ended");
    assert!(place("refusee-1.xml") < place("refusee-2.xml"), "and of that the newest");
    page.says("il y a 40\u{a0}jours");
    page.hides("refusee-40.xml");
    page.says("<b>40</b>");
    // Read there, page by page, and back to where it was read.
    let list = browser.get("/flux?etat=stuck");
    let older = list.text().split("rel=\"next\"").next().unwrap().rsplit("href=\"").next().unwrap().to_owned();
    assert!(!older.contains("avant"), "one page: {older}");
    let flow = house.store.reader().unwrap().flows(&FlowQuery { subset: Some(Subset::Stuck), ..FlowQuery::default() });
    let newest = flow.unwrap().remove(0).id;
    let form = button(&list.text(), &newest);
    let done = browser.post(&format!("/flux/{newest}/vu"), &form);
    assert_eq!(done.header("location"), Some("/flux?etat=stuck&fait=vu"));
    let page = browser.get("/flux?etat=stuck&fait=vu");
    page.says("Marqué comme vu");
    page.hides(newest.as_str());
}

/// The first screen's numbers: label, number, address.
fn tiles(browser: &mut Browser) -> Vec<(String, u64, String)> {
    let page = browser.get("/").text();
    let between = |text: &str, from: &str, to: &str| {
        text.split(from).nth(1).unwrap_or_else(|| panic!("{from}: {text}")).split(to).next().unwrap().to_owned()
    };
    let tile = |text: &str| {
        let number = between(text, "<b>", "</b>").parse().unwrap();
        (between(text, "<span>", "</span>"), number, between(text, "href=\"", "\"").replace("&#38;", "&"))
    };
    page.split("<a class=\"tile ").skip(1).map(tile).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_number_counts_invoices_and_leads_to_exactly_the_rows_it_counts() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.drop_flow("une.xml", invoice("NB-1")).await;
    gateway.drop_flow("rejetee.xml", invoice_to("NB-2", "99999999999999")).await;
    gateway.drop_flow("note.txt", b"bonjour".to_vec()).await;
    // Two of three members of an archive go; the third is no flow, and its archive stands for it.
    let archive = [("1.xml", invoice("NB-3")), ("2.xml", invoice("NB-4")), ("3.txt", b"rien".to_vec())];
    gateway.drop_flow("lot.zip", zip(&archive)).await;
    gateway.drop_flow("tout.zip", zip(&archive[2..])).await;
    gateway.drop_flow("bon.zip", zip(&[("1.xml", invoice("NB-5")), ("2.xml", invoice("NB-6"))])).await;
    drop_pair(&gateway, "paire.pdf", json_of("NB-7", json!({})), pdf(&["paire"])).await;
    gateway.drop_flow("seul.pdf", pdf(&["seul"])).await;
    gateway.drop_flow("autre.pdf.json", json_of("NB-8", json!({}))).await;
    gateway.drop_flow("faux.pdf.json", b"{\"number\": 3}".to_vec()).await;
    gateway.drop_flow("statuts.csv", b"id_facture;statut\n9001;MANDATEE\n".to_vec()).await;
    gateway.simulator.control().send_samples(2);
    let finals = [
        "une.xml",
        "rejetee.xml",
        "note.txt",
        "lot.zip",
        "tout.zip",
        "bon.zip",
        "paire.pdf",
        "faux.pdf.json",
        "statuts.csv",
    ];
    for name in finals {
        gateway.await_receipt(&format!("{name}.json"), |r| r["state"] != "received" && r["state"] != "ready").await;
        gateway
            .await_until(name, || {
                let query = FlowQuery { text: Some(name.to_owned()), ..FlowQuery::default() };
                gateway.store().reader().unwrap().flows(&query).unwrap().iter().all(|flow| flow.is_final)
            })
            .await;
    }
    gateway.await_state("seul.pdf.json", "incomplete").await;
    gateway.await_state("autre.pdf.json.json", "unmatched").await;
    gateway
        .await_until("both are delivered", || {
            let flows = gateway.store().reader().unwrap().flows(&FlowQuery::default()).unwrap();
            flows.iter().filter(|flow| flow.state == "delivered").count() == 2
        })
        .await;
    let house = House::over(tempfile::tempdir().unwrap(), gateway.store().clone());
    tokio::task::block_in_place(|| {
        let mut browser = house.inside();
        let tiles = tiles(&mut browser);
        for (label, number, address) in &tiles {
            let rows = browser.get(address).text().matches("<tr>").count();
            assert_eq!(rows.saturating_sub(1) as u64, *number, "{label}: {address}");
        }
        let number = |label: &str| tiles.iter().find(|(of, ..)| of == label).unwrap_or_else(|| panic!("{label}")).1;
        // A flux of the archive each, for the ones that went together.
        assert_eq!(number("Intégrées"), 4, "NB-1, the flux of NB-3 and NB-4, that of NB-5 and NB-6, NB-7: {tiles:?}");
        assert_eq!(number("PDF sans leurs données"), 1);
        assert_eq!(number("En attente d’envoi"), 0, "data that wait for their PDF are no invoice");
        assert_eq!(
            number("Refusées ou rejetées"),
            4,
            "NB-2, the note, and the archives with refused members: {tiles:?}"
        );
        let page = browser.get("/flux?etat=refused");
        for name in ["rejetee.xml", "note.txt", "lot.zip", "tout.zip"] {
            page.says(name);
        }
    });
    drop(house);
    gateway.stop().await;
}

#[test]
fn a_flow_that_does_not_exist_leads_on() {
    let house = House::open();
    let mut browser = house.inside();
    let nobody = FlowId::from_u128(7);
    for asked in [nobody.as_str(), "F-2026-17", "%3Cscript%3Ealert(1)"] {
        for page in ["", "/original", "/decision?choix=confirme"] {
            let page = browser.get(&format!("/flux/{asked}{page}"));
            assert_eq!(page.status, 404);
            for said in ["Aucun flux ne porte ce numéro", "action=\"/flux\"", "Retour à l’accueil", asked] {
                page.says(said);
            }
        }
    }
    // What is meant may be an invoice's number: one click further.
    let flow = house.receive("facture.xml", b"facture");
    house.checked(&flow, "F-2026-17");
    browser.get("/flux?q=F-2026-17").says(flow.as_str());
    for page in ["decision?choix=prise", "nulle-part", "envoye"] {
        let page = browser.get(&format!("/flux/{flow}/{page}"));
        assert_eq!(page.status, 404);
        page.says(&format!("href=\"/flux/{flow}\">Retour au flux"));
    }
    let elsewhere = browser.get("/nulle-part");
    elsewhere.says("Cette adresse n’existe pas");
    elsewhere.hides("Aucun flux");
}
