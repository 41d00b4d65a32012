//! A person gives a received invoice a status on the page.

use std::sync::Barrier;

use fluxgate::domain::{ChorusInvoiceId, FlowId, InvoiceStatus, Timestamp};
use fluxgate::flow::FlowKind;
use fluxgate::simulator::{ReceivedInvoice, Scenario};
use fluxgate::store::{FlowQuery, Found, FoundInvoice};

use super::{House, PERSON, realm};
use crate::gateway::{Gateway, hurried, quick_limits};

fn received(house: &House, number: &str) -> FlowId {
    received_as(house, number, 9001)
}

fn received_as(house: &House, number: &str, id: i64) -> FlowId {
    let found = FoundInvoice {
        chorus_id: ChorusInvoiceId(id),
        number: number.parse().unwrap(),
        supplier: "33254021516357".into(),
        supplier_name: "Papeterie <du> Port".into(),
        recipient: "12345678200051".into(),
        recipient_name: "Université Exemple".into(),
        status: InvoiceStatus::MiseADisposition,
        status_at: "2026-11-20T08:01:02.000+01:00".into(),
        issued_on: Some("2026-11-19".into()),
        payable: Some("120.00 EUR".into()),
        type_code: "380".into(),
        account: "sifac".parse().unwrap(),
    };
    let Found::New(flow) = house.store.find(&realm(), found, Timestamp::now()).wait().unwrap() else { panic!("new") };
    flow
}

fn form(status: &str, code: &str, motif: &str, mandate: &str) -> Vec<(&'static str, String)> {
    vec![("statut", status.into()), ("code", code.into()), ("motif", motif.into()), ("mandat", mandate.into())]
}

fn asked(house: &House) -> Vec<(FlowId, String, String, Option<String>)> {
    let reader = house.store.reader().unwrap();
    let flows = reader.changes_of(&realm(), ChorusInvoiceId(9001)).unwrap().into_iter();
    flows
        .map(|flow| {
            let asked = reader.change(&flow).unwrap().unwrap().asked;
            (flow, asked.target.to_string(), asked.motif, asked.mandate)
        })
        .collect()
}

#[test]
fn a_person_gives_a_status_that_chorus_pro_allows_and_hears_what_is_missing() {
    let house = House::open();
    let flow = received(&house, "REC-1");
    let mut browser = house.inside();
    browser.get(&format!("/flux/{flow}")).says("Donner un statut…");
    let path = format!("/flux/{flow}/statut");
    // Nobody has asked Chorus Pro yet: all are offered, with a word; but what has ended is not.
    let page = browser.get(&path);
    for said in ["n’a pas encore dit", "SERVICE_FAIT", "MISE_EN_PAIEMENT", "Demande au fournisseur de compléter"] {
        page.says(said);
    }
    page.hides("value=\"A_RECYCLER\"");
    let known = format!("{} SERVICE_FAIT SUSPENDUE REJETEE MANDATEE A_RECYCLER", Timestamp::now().millis());
    house.store.remember(&realm(), "transitions.MISE_A_DISPOSITION", &known).wait().unwrap();
    let page = browser.get(&path);
    for said in ["Statuts que Chorus Pro permet maintenant", "LIVR_INCOMP", "(AFNOR CMD_ERR)", "AFNOR 208 Suspendue"] {
        page.says(said);
    }
    page.hides("value=\"COMPTABILISEE\"");
    page.hides("value=\"A_RECYCLER\"");
    // Each refusal says what is missing, and keeps what was written.
    for (fields, said) in [
        (form("", "", "", ""), "Choisissez un statut"),
        (form("SUSPENDUE", "", "  ", ""), "exige un motif"),
        (form("REJETEE", "", "", ""), "exige un motif"),
        (form("MANDATEE", "", "", " "), "numéro du mandat"),
        (form("COMPTABILISEE", "", "", ""), "Permis maintenant"),
        (form("A_RECYCLER", "", "à recycler", ""), "FG-418"),
        (form("SUSPENDUE", "LIVR_INCOMP", &"é".repeat(240), ""), "255"),
    ] {
        let page = browser.post(&path, &fields);
        assert_eq!(page.status, 422, "{fields:?}");
        page.says(said);
        assert!(page.text().contains("role=\"alert\""));
    }
    assert_eq!(asked(&house), [], "nothing was asked for");
    let page = browser.post(&path, &form("MANDATEE", "", "<b>gardé</b>", ""));
    page.says("&#60;b&#62;gardé");
    page.says("value=\"MANDATEE\" required checked");

    let done = browser.post(&path, &form("SUSPENDUE", "LIVR_INCOMP", "il manque 2 cartons, œuvre n° 7", "M-1"));
    let [(change, target, motif, mandate)] = &asked(&house)[..] else { panic!("one change") };
    assert_eq!(done.header("location"), Some(format!("/flux/{change}?fait=demande").as_str()), "{}", done.text());
    assert_eq!((target.as_str(), mandate), ("SUSPENDUE", &None));
    assert_eq!(motif, "Livraison incomplète ou non effectuée : il manque 2 cartons, œuvre n° 7");
    assert!(house.kinds().contains(&"ask".to_owned()));
    let page = browser.get(&format!("/flux/{change}?fait=demande"));
    for said in ["Statut demandé et journalisé", PERSON, "il manque 2 cartons", "Abandonner"] {
        page.says(said);
    }
    browser.get(&format!("/flux/{flow}")).says(&format!("/flux/{change}"));
    // Sent twice by a double click, it is asked for once.
    browser.get(&path);
    let twice = browser.post(&path, &form("SUSPENDUE", "LIVR_INCOMP", "il manque 2 cartons", ""));
    assert_eq!(twice.status, 422);
    twice.says("déjà demandé");
    assert_eq!(asked(&house).len(), 1);
    // The next one, with its number.
    browser.post(&path, &form("MANDATEE", "", "", "M-2026-118"));
    assert_eq!(asked(&house)[1].3.as_deref(), Some("M-2026-118"));
    assert!(house.journal_bytes().windows(10).any(|bytes| bytes == b"M-2026-118"));
    // No other page has the form.
    let dropped = house.receive("facture.xml", b"facture");
    assert_eq!(browser.get(&format!("/flux/{dropped}/statut")).status, 404);
    browser.cookies.clear();
    assert_eq!(browser.get(&path).status, 303);
}

#[test]
fn a_form_that_is_sent_twice_at_once_asks_once() {
    let house = House::open();
    let mut browser = house.inside();
    for id in 9100..9115 {
        let flow = received_as(&house, &format!("REC-{id}"), id);
        let path = format!("/flux/{flow}/statut");
        browser.get(&path);
        let start = Barrier::new(2);
        let post = || {
            let mut own = browser.clone();
            start.wait();
            let reply = own.post(&path, &form("SERVICE_FAIT", "", "", ""));
            if reply.status == 422 {
                reply.says("déjà demandé");
            }
            reply.status
        };
        let mut answers = std::thread::scope(|scope| {
            let both = [scope.spawn(post), scope.spawn(post)];
            both.map(|one| one.join().unwrap())
        });
        answers.sort_unstable();
        assert_eq!(answers, [303, 422]);
        assert_eq!(house.store.reader().unwrap().changes_of(&realm(), ChorusInvoiceId(id)).unwrap().len(), 1);
    }
}

#[test]
fn a_person_abandons_a_status_that_was_asked_for_once() {
    let house = House::open();
    let flow = received(&house, "REC-2");
    let mut browser = house.inside();
    let path = format!("/flux/{flow}/statut");
    browser.get(&path);
    browser.post(&path, &form("SERVICE_FAIT", "", "", ""));
    let change = asked(&house)[0].0.clone();
    let decision = format!("/flux/{change}/decision");
    browser.get(&format!("{decision}?choix=abandonner")).says("ne sera pas transmis");
    let fields = vec![("choix", "abandonner".to_owned()), ("remark", "erreur de saisie".to_owned())];
    let done = browser.post(&decision, &fields);
    assert_eq!(done.header("location"), Some(format!("/flux/{change}?fait=decide").as_str()), "{}", done.text());
    let record = house.store.reader().unwrap().flow(&change).unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.fault.unwrap().code.as_str()), ("refused", "FG-411"));
    let page = browser.get(&format!("/flux/{change}"));
    for said in ["Abandonné par une personne", PERSON, "erreur de saisie"] {
        page.says(said);
    }
    page.hides("/decision");
    let again = browser.post(&decision, &fields);
    assert_eq!(again.header("location"), Some(format!("/flux/{change}?fait=impossible").as_str()));
}

#[test]
fn recycling_is_offered_until_its_day() {
    let house = House::open();
    let flow = received(&house, "REC-3");
    let mut browser = house.inside();
    let path = format!("/flux/{flow}/statut");
    let file = house.path("config/fluxgate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    for (day, offered) in [("2000-12-31", false), ("2999-12-31", true)] {
        let dated = text.replace("# recycling_until = \"2027-08-31\"", &format!("recycling_until = \"{day}\""));
        assert_ne!(dated, text);
        std::fs::write(&file, dated).unwrap();
        assert_eq!(browser.get(&path).text().contains("value=\"A_RECYCLER\""), offered, "{day}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_treats_or_validates_an_invoice_sees_from_whom_over_how_much_and_can_read_it() {
    let mut scenario: Scenario = hurried();
    scenario.timing.status_step = fluxgate::domain::Duration::from_secs(3_600);
    let mut gateway = Gateway::start(scenario, quick_limits()).await;
    gateway.route_keys = "to_validate = true".to_owned();
    gateway.reload();
    let sent = |number: &str| ReceivedInvoice {
        number: number.to_owned(),
        supplier_name: "Maçonnerie & Cie".to_owned(),
        net: "1028.75".parse().unwrap(),
        vat_rate: "20".parse().unwrap(),
        ..ReceivedInvoice::sample(1, "2026-11-20")
    };
    gateway.simulator.control().send_invoice(sent("LIRE-1"));
    gateway.simulator.control().ask_validation(sent("VALIDER-1").as_subcontracted());
    let delivered = || {
        let flows = gateway.store().reader().unwrap().flows(&FlowQuery::default()).unwrap();
        flows.into_iter().filter(|f| f.kind == FlowKind::Reception && f.state == "delivered").collect::<Vec<_>>()
    };
    gateway.await_until("both are delivered", || delivered().len() == 2).await;
    let house = House::over(tempfile::tempdir().unwrap(), gateway.store().clone());
    tokio::task::block_in_place(|| {
        let mut browser = house.inside();
        for flow in delivered() {
            let form = browser.get(&format!("/flux/{}/statut", flow.id));
            for said in [flow.file.as_str(), "Maçonnerie &#38; Cie", "20/11/2026", "1\u{202f}234,50\u{a0}€"] {
                form.says(said);
            }
            assert_eq!(form.text().contains("Destinataire, qui paie"), flow.file == "VALIDER-1");
            for (document, begin) in [("lisible", &b"%PDF-"[..]), ("pivot", b"<?xml")] {
                let path = format!("/flux/{}/{document}", flow.id);
                form.says(&format!("href=\"{path}\""));
                browser.get(&format!("/flux/{}", flow.id)).says(&format!("href=\"{path}\""));
                let file = browser.get(&path);
                assert!(file.body.starts_with(begin), "{path}");
                assert_eq!(file.header("content-type"), Some("application/octet-stream"), "kept, never shown");
            }
        }
    });
    let downloads = house.leaves().iter().filter(|leaf| leaf.kind == "download").count();
    assert_eq!(downloads, 4, "each is journalled");
    drop(house);
    gateway.stop().await;
}

#[test]
fn what_is_not_downloaded_yet_has_no_document_and_says_what_is_not_known() {
    let house = House::open();
    let flow = received(&house, "REC-9");
    let mut browser = house.inside();
    let form = browser.get(&format!("/flux/{flow}/statut"));
    form.says("Papeterie &#60;du&#62; Port");
    form.says("120,00\u{a0}€");
    form.hides("/lisible");
    assert_eq!(browser.get(&format!("/flux/{flow}/lisible")).status, 404);
    assert_eq!(browser.get(&format!("/flux/{flow}/pivot")).status, 404);
}

#[test]
fn a_person_validates_or_refuses_what_is_only_to_be_validated() {
    let house = House::open();
    let found = FoundInvoice {
        chorus_id: ChorusInvoiceId(9001),
        number: "V-1".parse().unwrap(),
        supplier: "33254021516357".into(),
        supplier_name: "Maçonnerie <du> Port".into(),
        recipient: "11000201100044".into(),
        recipient_name: "État".into(),
        status: InvoiceStatus::AValider2,
        status_at: String::new(),
        issued_on: None,
        payable: None,
        type_code: "380".into(),
        account: "sifac".parse().unwrap(),
    };
    let Found::New(flow) = house.store.find_to_validate(&realm(), found.clone(), Timestamp::now()).wait().unwrap()
    else {
        panic!("new")
    };
    let mut browser = house.inside();
    browser.get("/flux").says("À valider");
    let page = browser.get(&format!("/flux/{flow}"));
    for said in ["jamais à payer ici", "Valider ou refuser…", "À valider par le second valideur"] {
        page.says(said);
    }
    let path = format!("/flux/{flow}/statut");
    let page = browser.get(&path);
    page.says("Maçonnerie &#60;du&#62; Port");
    page.says("non connu");
    for said in
        ["Validée par le second valideur", "Refusée par le second valideur", "ERR_VALIDEUR", "n’est pas à payer ici"]
    {
        page.says(said);
    }
    for hidden in ["MANDATEE", "VALIDEE_1", "LIVR_INCOMP", "mandat"] {
        page.hides(&format!("value=\"{hidden}\""));
    }
    page.hides("name=\"mandat\"");
    for (fields, said) in [
        (form("MANDATEE", "", "", "M-1"), "Choisissez un statut"),
        (form("REFUSEE_2", "", " ", ""), "exige un motif"),
        (form("VALIDEE_1", "", "", ""), "Permis maintenant"),
    ] {
        let page = browser.post(&path, &fields);
        assert_eq!(page.status, 422, "{fields:?}");
        page.says(said);
    }
    assert_eq!(asked(&house), [], "nothing was asked for");
    browser.post(&path, &form("REFUSEE_2", "ERR_VALIDEUR", "ce marché n’est pas le nôtre", ""));
    let [(_, target, motif, _)] = &asked(&house)[..] else { panic!("one change") };
    assert_eq!((target.as_str(), motif.as_str()), ("REFUSEE_2", "ERR_VALIDEUR ce marché n’est pas le nôtre"));
    // Decided meanwhile, nothing is offered.
    let moved = FoundInvoice { status: InvoiceStatus::Validee2, ..found };
    house.store.find_to_validate(&realm(), moved, Timestamp::now()).wait().unwrap();
    browser.get(&path).says("n’attend plus de validation");
    let page = browser.post(&path, &form("VALIDEE_2", "", "", ""));
    assert_eq!(page.status, 422);
    page.says("n’attend plus de validation");
}
