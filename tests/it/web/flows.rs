//! What the page says of flows, and what a person decides there.

use std::time::Duration;

use fluxgate::domain::{ChorusInvoiceId, InvoiceStatus, Timestamp};
use fluxgate::fault::{Code, Fault};
use fluxgate::flow::{Job, deposit};
use fluxgate::store::{
    Announcement, AskedChange, Conversion, Facts, FindingRecord, LookRecord, Parts, Refusal, SightedInvoice,
};

use super::{House, PERSON, XSS, realm};

#[test]
fn flows_are_listed_found_and_told_whole() {
    let house = House::open();
    let content = b"<Invoice>\xff binary \x00 too</Invoice>".repeat(5000);
    let flow = house.receive(XSS, &content);
    house.checked(&flow, "F-2026-001");
    let bad = house.receive("mauvaise.xml", b"mauvaise");
    let finding = FindingRecord {
        rule: "BR-CO-15".into(),
        severity: "fatal".into(),
        place: "ligne 12".into(),
        message: "Le total <b>ne tombe pas juste</b>".into(),
        remedy: "Corrigez le total".into(),
    };
    let fault = Fault::new(Code::NotAnInvoice).with("looks_like", "<i>du texte</i>");
    let facts = Facts { findings: Some(vec![finding]), fault: Some(fault), ..Facts::default() };
    house.store.decide(&bad, deposit::Event::CheckFailed, facts, None, Timestamp::now()).wait().unwrap();
    for n in 0..60 {
        house.receive(&format!("autre-{n}.xml"), format!("autre {n}").as_bytes());
    }
    let mut browser = house.inside();

    let page = browser.get("/flux");
    assert_eq!(page.text().matches("<tr>").count(), 51, "fifty and a heading");
    page.hides("mauvaise.xml");
    let text = page.text();
    let older = text.split("class=\"button quiet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    browser.get(&older.replace("&#38;", "&").replace("&amp;", "&")).says("mauvaise.xml");

    for query in ["F-2026-001", "alert", "papeterie", flow.as_str(), "%3Cscript%3E"] {
        let found = browser.get(&format!("/flux?q={query}"));
        found.says(&format!("/flux/{flow}"));
        found.hides("autre-");
        found.hides("<script>alert");
    }
    browser.get("/flux?q=%22%3E%3Cscript%3Ealert(2)").hides("<script>alert");
    let stuck = browser.get("/flux?etat=faulty");
    stuck.says("mauvaise.xml");
    stuck.hides("autre-");
    browser.get("/flux?sorte=reception").says("Aucun flux ne correspond");

    let page = browser.get(&format!("/flux/{flow}"));
    page.says("&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;");
    page.hides("<script>alert");
    for said in
        ["F-2026-001", "Papeterie du Port", "1234.50 EUR", "Prêt à déposer", "Fichier reçu", "compte sifac", "n° "]
    {
        page.says(said);
    }
    let page = browser.get(&format!("/flux/{bad}"));
    for said in ["FG-202", "Le fournisseur", "BR-CO-15", "Corrigez le total", "Refusé"] {
        page.says(said);
    }
    page.hides("<b>ne tombe");
    page.hides("<i>du texte");

    let original = browser.get(&format!("/flux/{flow}/original"));
    assert_eq!(original.body, content, "the bytes as they came");
    assert_eq!(original.header("content-type"), Some("application/octet-stream"));
    let disposition = original.header("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment; filename=\"_script_alert"), "{disposition}");
    assert!(disposition.contains("filename*=UTF-8''%3Cscript%3E"), "{disposition}");
    assert!(house.kinds().contains(&"download".to_owned()));
    browser.cookies.clear();
    assert_eq!(browser.get(&format!("/flux/{flow}/original")).status, 303, "nobody downloads without a session");
}

#[test]
fn the_first_screen_says_what_is_stuck_and_who_must_act() {
    let house = House::open();
    let mut browser = house.inside();
    house.receive("bonne.xml", b"bonne");
    let page = browser.get("/");
    page.says("Tout va bien");
    page.says("data-refresh");
    house.doubtful("douteuse.xml", "D-1");
    let page = browser.get("/");
    for said in ["1 flux attend une action", "FG-406", "L’établissement", "douteuse.xml", "portail Chorus Pro"] {
        page.says(said);
    }
    // PDFs that wait for their data have a number of their own, which leads to them.
    super::pdf_form::waiting(&house, "scan.pdf", None);
    let page = browser.get("/");
    page.says("<b>1</b> <span>PDF sans leurs données</span>");
    page.says("href=\"/flux?etat=incomplete\"");
    let page = browser.get("/flux?etat=incomplete");
    page.says("scan.pdf");
    page.says("Données attendues");
    page.hides("bonne.xml");
    let fault = Fault::new(Code::AccountRefused).with("login", "TECH_1@cpro.fr");
    house.store.halt(&realm(), fault, Timestamp::now()).wait().unwrap();
    let page = browser.get("/");
    page.says("La liaison avec Chorus Pro est arrêtée");
    page.says("424 jours");
}

#[test]
fn a_doubtful_flow_is_decided_by_a_person_once() {
    let house = House::open();
    let mut browser = house.inside();
    let flow = house.doubtful("douteuse.xml", "D-1");
    let page = browser.get(&format!("/flux/{flow}"));
    for said in ["Elle y est", "La renvoyer", "Abandonner"] {
        page.says(said);
    }
    let asked = browser.get(&format!("/flux/{flow}/decision?choix=confirme"));
    asked.says("Numéro de flux lu sur le portail");
    let form = |choice: &str, number: &str| {
        vec![("choix", choice.to_owned()), ("number", number.to_owned()), ("remark", "vu à 9 h".to_owned())]
    };
    let path = format!("/flux/{flow}/decision");
    assert_eq!(browser.post(&path, &form("confirme", "pas un numéro")).status, 422);
    let done = browser.post(&path, &form("confirme", "CPP2600012345"));
    assert_eq!(done.header("location"), Some(format!("/flux/{flow}?fait=decide").as_str()));
    let record = house.store.reader().unwrap().flow(&flow).unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.fault), ("deposited", None));
    assert_eq!(record.deposit_number.unwrap().as_str(), "CPP2600012345");
    let page = browser.get(&format!("/flux/{flow}?fait=decide"));
    for said in ["Décision enregistrée", "Confirmé par une personne", PERSON, "vu à 9 h", "CPP2600012345"] {
        page.says(said);
    }
    page.hides("La renvoyer");
    let again = browser.post(&path, &form("renvoyer", ""));
    assert_eq!(again.header("location"), Some(format!("/flux/{flow}?fait=impossible").as_str()));
    assert_eq!(browser.get(&format!("/flux/{flow}/decision?choix=renvoyer")).status, 404);

    let waiting = house.receive("attente.xml", b"attente");
    let page = browser.get(&format!("/flux/{waiting}"));
    page.says("Abandonner");
    page.hides("Elle y est");
    browser.get(&format!("/flux/{waiting}/decision?choix=abandonner"));
    browser.post(&format!("/flux/{waiting}/decision"), &form("abandonner", ""));
    let record = house.store.reader().unwrap().flow(&waiting).unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.fault.unwrap().code), ("abandoned", Code::Abandoned));
}

#[test]
fn a_person_says_which_invoices_of_a_part_are_not_there_and_they_may_be_dropped_again() {
    let house = House::open();
    let mut browser = house.inside();
    let flow = house.doubtful("lot.xml", "ICI-1");
    let now = Timestamp::now();
    let decide = |event, facts: Facts| house.store.decide(&flow, event, facts, None, now).wait().unwrap();
    decide(deposit::Event::ConfirmedByPerson, Facts::default());
    browser.get(&format!("/flux/{flow}")).hides("Ce qui n’y est pas");
    let fault = Some(Fault::new(Code::NotConfirmed).with("number", "ICI-1"));
    decide(deposit::Event::PartlyIntegrated, Facts { fault, ..Facts::default() });
    browser.get(&format!("/flux/{flow}")).says("Ce qui n’y est pas");
    browser.get(&format!("/flux/{flow}/decision?choix=absentes")).says("ICI-1");
    let path = format!("/flux/{flow}/decision");
    let none = [("choix", "absentes".to_owned()), ("facture_7", "1".to_owned())];
    assert_eq!(browser.post(&path, &none).status, 422, "nothing of it was ticked");
    let ticked = [("choix", "absentes".to_owned()), ("facture_0", "1".to_owned()), ("remark", "vu à 9 h".to_owned())];
    let done = browser.post(&path, &ticked);
    assert_eq!(done.header("location"), Some(format!("/flux/{flow}?fait=decide").as_str()));
    let invoices = house.store.reader().unwrap().invoices(&flow).unwrap();
    assert!(invoices[0].refused.is_some());
    let page = browser.get(&format!("/flux/{flow}"));
    for said in ["FG-403", "Facture absente de Chorus Pro", PERSON, "vu à 9 h"] {
        page.says(said);
    }
    page.hides("Ce qui n’y est pas…");
}

#[test]
fn who_abandons_a_doubt_is_told_to_look_on_the_portal_before_anything_is_dropped() {
    let house = House::open();
    let mut browser = house.inside();
    let flow = house.doubtful("douteuse.xml", "D-9");
    let asked = browser.get(&format!("/flux/{flow}/decision?choix=abandonner"));
    asked.says("Cherchez-la d’abord sur le portail");
    asked.hides("Si la facture est encore due, déposez-en");
    browser.post(&format!("/flux/{flow}/decision"), &[("choix", "abandonner".to_owned())]);
    let record = house.store.reader().unwrap().flow(&flow).unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.fault.unwrap().code), ("abandoned", Code::AbandonedInDoubt));
    browser.get(&format!("/flux/{flow}")).says("Ne déposez rien avant d");
}

#[test]
fn both_facts_of_a_doubt_stand_side_by_side_and_the_row_chosen_is_the_one() {
    let house = House::open();
    let mut browser = house.inside();
    let flow = house.doubtful("douteuse.xml", "D-2");
    // Seen: what was never answered was shown as "no invoice of this number".
    let page = browser.get(&format!("/flux/{flow}"));
    page.says("Chorus Pro n’a pas encore été interrogé");
    page.says("On ne sait pas si Chorus Pro a une facture de ce numéro");
    let silent = LookRecord { asked_at: Timestamp::now(), answered_since: None, rows: Vec::new() };
    house.store.looked(&flow, silent).wait().unwrap();
    let page = browser.get(&format!("/flux/{flow}"));
    page.says(": pas de réponse.");
    page.says("On ne sait pas si Chorus Pro a une facture de ce numéro");
    page.hides("Aucune facture de ce numéro");
    let row = |id: i64, supplier: &str, deposit: &str| SightedInvoice {
        chorus_id: ChorusInvoiceId(id),
        number: "D-2".parse().unwrap(),
        supplier: Some(supplier.to_owned()),
        supplier_name: None,
        recipient: Some("11000201100044".to_owned()),
        deposit_number: Some(deposit.parse().unwrap()),
        deposited_on: Some("2026-11-24".to_owned()),
        issued_on: Some("2026-11-20".to_owned()),
        payable: Some("1234.50 EUR".to_owned()),
        status: InvoiceStatus::Deposee,
    };
    let asked_at: Timestamp = "2026-11-25T10:00:00Z".parse().unwrap();
    let look = LookRecord {
        asked_at,
        answered_since: Some(asked_at.minus(Duration::from_secs(3600))),
        rows: vec![row(41, "98765432100036", "CPP41"), row(42, XSS, "CPP42")],
    };
    house.store.looked(&flow, look.clone()).wait().unwrap();
    for path in [format!("/flux/{flow}"), format!("/flux/{flow}/decision?choix=confirme")] {
        let page = browser.get(&path);
        for said in [
            "Ce que nous avons envoyé",
            "Ce que montre Chorus Pro",
            "sans interruption",
            "98765432100036",
            "CPP41",
            "24/11/2026",
        ] {
            page.says(said);
        }
        page.hides("<script>alert");
    }
    // A look without an answer says so, and what was seen before stays.
    house.store.looked(&flow, LookRecord { answered_since: None, rows: Vec::new(), ..look }).wait().unwrap();
    let page = browser.get(&format!("/flux/{flow}"));
    page.says("pas de réponse");
    page.says("CPP42");
    let form = vec![("choix", "confirme".to_owned()), ("chorus", "42".to_owned())];
    browser.post(&format!("/flux/{flow}/decision"), &form);
    let reader = house.store.reader().unwrap();
    let record = reader.flow(&flow).unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.deposit_number.unwrap().as_str()), ("deposited", "CPP42"));
    assert_eq!(reader.invoices(&flow).unwrap()[0].chorus_id, Some(ChorusInvoiceId(42)));
}

/// Seen: the choice of a row and the decision were two steps (a power cut between them lost the second), and a row of
/// another supplier was taken for ours.
#[test]
fn a_chosen_row_and_its_decision_are_one_step_of_one_person_and_another_suppliers_row_is_refused() {
    let house = House::open();
    let mut browser = house.inside();
    let flow = house.doubtful("douteuse.xml", "D-3");
    let row = |id: i64, number: &str, supplier: &str| SightedInvoice {
        chorus_id: ChorusInvoiceId(id),
        number: number.parse().unwrap(),
        supplier: Some(supplier.to_owned()),
        supplier_name: None,
        recipient: None,
        deposit_number: Some(format!("CPP{id}").parse().unwrap()),
        deposited_on: None,
        issued_on: None,
        payable: None,
        status: InvoiceStatus::Deposee,
    };
    let rows = vec![row(51, "D-3", "98765432100036"), row(52, " D-3", "12345678200036"), row(53, "D-33", "123456782")];
    let look = LookRecord { asked_at: Timestamp::now(), answered_since: None, rows };
    house.store.looked(&flow, LookRecord { answered_since: Some(look.asked_at), ..look }).wait().unwrap();
    let path = format!("/flux/{flow}/decision");
    browser.get(&format!("{path}?choix=confirme"));
    let mut choose = |row: &str, number: &str| {
        let form = [("choix", "confirme".to_owned()), ("chorus", row.to_owned()), ("number", number.to_owned())];
        browser.post(&path, &form)
    };
    let told = [
        ("51", "", "autre fournisseur (98765432100036) que la nôtre (12345678200051)"),
        ("53", "", "Aucune facture de ce fichier"),
        ("54", "", "ne montre plus cette facture"),
        ("52", "CPP99", "n’est pas celui de la ligne choisie (CPP52)"),
    ];
    for (row, number, said) in told {
        let refused = choose(row, number);
        assert_eq!(refused.status, 422, "{row}");
        refused.says(said);
        let chosen = format!("name=\"chorus\" value=\"{row}\" checked");
        assert_eq!(refused.text().matches("\" checked").count(), usize::from(row != "54"), "{row}");
        assert!(row == "54" || refused.text().contains(&chosen), "{row} stays chosen");
    }
    let reader = house.store.reader().unwrap();
    assert_eq!(reader.flow(&flow).unwrap().unwrap().state, "doubtful");
    assert_eq!(reader.invoices(&flow).unwrap()[0].chorus_id, None, "nothing of a refused choice is kept");
    let before = house.store.metrics().leaves;
    assert_eq!(choose("52", "CPP52").status, 303);
    let leaves = house.leaves();
    let made = &leaves[usize::try_from(before).unwrap()..];
    let kinds: Vec<_> = made.iter().map(|leaf| (leaf.kind.as_str(), leaf.actor.as_str())).collect();
    assert_eq!(kinds, [("deposit.confirmed_by_person", "person"), ("identify", "person")]);
    assert_eq!(made[0].time, made[1].time, "one step");
    assert_eq!(reader.invoices(&flow).unwrap()[0].chorus_id, Some(ChorusInvoiceId(52)));
}

#[test]
fn a_rejection_that_cannot_be_looked_up_is_decided_by_a_person_and_no_other_verdict_is() {
    let house = House::open();
    let mut browser = house.inside();
    let flow = house.doubtful("rejetee.xml", "R-1");
    let now = Timestamp::now();
    let facts = Facts { deposit_number: Some("CPP77".parse().unwrap()), ..Facts::default() };
    house.store.decide(&flow, deposit::Event::FoundAtChorus, facts, None, now).wait().unwrap();
    browser.get(&format!("/flux/{flow}")).hides("id=\"choices\"");
    assert_eq!(browser.get(&format!("/flux/{flow}/decision?choix=rejetee")).status, 404, "its verdict is awaited");
    let fault = Fault::new(Code::RejectionNotLookedUp).with("deposit", "CPP77").with("label", "existe déjà");
    let fault = fault.with("detail", "droits insuffisants");
    // One word would count for both.
    house.store.trouble(&flow, Some(fault.clone().with("in_question", 2)), now).wait().unwrap();
    let page = browser.get(&format!("/flux/{flow}"));
    page.says("proposé que pour une seule facture");
    page.hides("id=\"choices\"");
    assert_eq!(browser.get(&format!("/flux/{flow}/decision?choix=prise")).status, 404);
    house.store.trouble(&flow, None, now).wait().unwrap();
    house.store.trouble(&flow, Some(fault.with("in_question", 1)), now).wait().unwrap();
    let page = browser.get(&format!("/flux/{flow}"));
    for said in ["FG-435", "Elle y est", "Le rejet est définitif"] {
        page.says(said);
    }
    page.hides("Abandonner…");
    browser.get(&format!("/flux/{flow}/decision?choix=rejetee")).says("aucun essai précédent n’a été pris");
    let form = vec![("choix", "rejetee".to_owned()), ("remark", "vu à 9 h".to_owned())];
    let done = browser.post(&format!("/flux/{flow}/decision"), &form);
    assert_eq!(done.header("location"), Some(format!("/flux/{flow}?fait=decide").as_str()));
    let page = browser.get(&format!("/flux/{flow}"));
    for said in ["Rejet confirmé définitif par une personne", PERSON, "Remarque\u{a0}: vu à 9 h"] {
        page.says(said);
    }
    page.hides("id=\"choices\"");
}

#[test]
fn a_refused_file_and_a_double_one_have_their_page_and_receipt() {
    let house = House::open();
    let mut browser = house.inside();
    let refusal = Refusal {
        account: "sifac".parse().unwrap(),
        realm: Some(realm()),
        folder: "ailleurs".into(),
        name: "perdue.xml".into(),
        peer: "127.0.0.1".into(),
        at: Timestamp::now(),
        happened: None,
        fault: Fault::new(Code::UnknownFolder).with("folder", "ailleurs"),
    };
    let refused = house.store.refuse(refusal).wait().unwrap();
    browser.get(&format!("/flux/{refused}")).says("FG-104");
    let first = house.receive("une.xml", b"une");
    let second = house.receive("deux.xml", b"une");
    assert_ne!(first, second);
    let page = browser.get(&format!("/flux/{second}"));
    page.says("FG-106");
    page.says(&format!("/flux/{first}"));
    assert_eq!(browser.get(&format!("/flux/{second}/accuse")).status, 404, "not written yet");
    let folder = house.path("folders/sifac/accuses");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("deux.xml.{second}.json")), "{\"file\": \"deux.xml <b>\"}\n").unwrap();
    browser.get(&format!("/flux/{second}")).says("deux.xml &#60;b&#62;");
    assert_eq!(browser.get(&format!("/flux/{second}/accuse")).body, b"{\"file\": \"deux.xml <b>\"}\n");
}

#[test]
fn a_split_file_shows_its_parts_and_each_part_its_file_and_what_was_asked() {
    let house = House::open();
    let file = house.receive("statuts.csv", b"id_facture;statut");
    let lease =
        house.store.lease(&[Job::Intake], 1, Timestamp::now(), Duration::from_secs(60)).wait().unwrap().remove(0);
    let asked = AskedChange {
        chorus_id: ChorusInvoiceId(9001),
        number: "REC-1".parse().unwrap(),
        supplier: "33254021516357".into(),
        target: InvoiceStatus::Suspendue,
        motif: "<b>Il manque</b> 2 cartons".into(),
        mandate: None,
    };
    let parts = Parts::Changes(vec![asked]);
    house.store.split(&file, parts, Facts::default(), &lease, Timestamp::now()).wait().unwrap();
    let part = house.store.reader().unwrap().parts(&file).unwrap().remove(0).id;
    let mut browser = house.inside();
    let page = browser.get(&format!("/flux/{file}"));
    for said in ["Parties du fichier", &format!("/flux/{part}"), "REC-1 (1)", "Demandé", "Ventilé"] {
        page.says(said);
    }
    let page = browser.get(&format!("/flux/{part}"));
    for said in ["Partie de", &format!("/flux/{file}"), "statuts.csv", "Suspendue", "9001", "Statut demandé"] {
        page.says(said);
    }
    page.hides("<b>Il manque");
    page.says("Il manque");
    browser.get("/flux?q=rec-1").says(&format!("/flux/{part}"));
}

#[test]
fn a_converted_file_shows_what_is_sent_in_its_place_and_hands_it_out() {
    let house = House::open();
    let file = house.receive("pivot.xml", b"<CPPFacturePivot/>");
    let lease =
        house.store.lease(&[Job::Intake], 1, Timestamp::now(), Duration::from_secs(60)).wait().unwrap().remove(0);
    let reader = house.store.reader().unwrap();
    let source = reader.flow(&file).unwrap().unwrap().sha256.unwrap();
    drop(reader);
    let content = house.store.keep_document(&mut &b"<Invoice>made</Invoice>"[..]).unwrap();
    let lost = vec!["DonneesFacture/<DateReception>".to_owned()];
    let (from, to) = ("pivot".to_owned(), "ubl-invoice".to_owned());
    let facts = Facts {
        syntax: Some("pivot".to_owned()),
        announced: Some(Announcement { syntax: "IN_DP_E1_UBL_INVOICE".to_owned(), signed: true }),
        conversion: Some(Conversion { source, content, from, to, lost }),
        ..Facts::default()
    };
    house.store.decide(&file, deposit::Event::CheckPassed, facts, Some(&lease), Timestamp::now()).wait().unwrap();
    let mut browser = house.inside();
    let page = browser.get(&format!("/flux/{file}"));
    let hash = content.sha256.to_string();
    for said in
        ["Converti avant l’envoi", &hash, "Facture UBL", "IN_DP_E1_UBL_INVOICE (signé)", "&#60;DateReception&#62;"]
    {
        page.says(said);
    }
    assert_eq!(browser.get(&format!("/flux/{file}/envoye")).body, b"<Invoice>made</Invoice>");
    assert_eq!(browser.get(&format!("/flux/{file}/original")).body, b"<CPPFacturePivot/>");
    let plain = house.receive("a.xml", b"<Invoice/>");
    assert_eq!(browser.get(&format!("/flux/{plain}/envoye")).status, 404);
}

#[test]
fn a_trouble_that_is_over_is_told_as_such() {
    let house = House::open();
    let flow = house.receive("facture.xml", b"<Invoice/>");
    let fault = Fault::new(Code::Throttled);
    for fault in [Some(fault), None] {
        house.store.trouble(&flow, fault, Timestamp::now()).wait().unwrap();
    }
    let page = house.inside().get(&format!("/flux/{flow}"));
    page.says("Difficulté signalée");
    page.says("Difficulté levée");
    page.hides("Détail technique\u{a0}: none");
}
