//! Another validator is named on the page, to the very end at the simulator; and what cannot be one is told.

use fluxgate::domain::{Environment, InvoiceStatus, StructureEntry, Timestamp};

use super::{House, PERSON};
use crate::validator::{RIGHT, naming, refused};

fn form(place: &str, siret: &str, confirmed: &str) -> Vec<(&'static str, String)> {
    vec![("facture", place.to_owned()), ("siret", siret.to_owned()), ("confirme", confirmed.to_owned())]
}

#[tokio::test(flavor = "multi_thread")]
async fn another_validator_is_named_on_the_page_validates_and_the_invoice_goes_on() {
    let gateway = naming().await;
    let flow = refused(&gateway, "N-PAGE").await;
    let house = House::over(tempfile::tempdir().unwrap(), gateway.store().clone());
    let path = format!("/flux/{flow}/valideur");
    let mut change = String::new();
    let mut browser = tokio::task::block_in_place(|| house.inside());
    tokio::task::block_in_place(|| {
        let page = browser.get(&format!("/flux/{flow}"));
        page.says("Nommer un autre valideur");
        page.says("FG-441");
        page.says("nous ne tenons pas ce marché");
        browser.get(&path).says("N-PAGE");
        // Whom it names is shown first; only what is confirmed is sent.
        let shown = browser.post(&path, &form("0", "123 456 782 00036", ""));
        assert_eq!(shown.status, 200, "{}", shown.text());
        shown.says("Nommer ce valideur");
        shown.says(RIGHT);
        assert!(!house.kinds().contains(&"validator".to_owned()), "nothing is asked for yet");
        let done = browser.post(&path, &form("0", RIGHT, RIGHT));
        let location = done.header("location").unwrap_or_else(|| panic!("{}", done.text())).to_owned();
        change = location.strip_prefix("/flux/").unwrap().strip_suffix("?fait=valideur").unwrap().to_owned();
        let page = browser.get(&location);
        page.says("Valideur nommé et journalisé");
        page.says(&format!("<dt>Valideur</dt><dd class=\"lines\">{RIGHT}</dd>"));
        page.says(&format!("<dt>Demandé par</dt><dd>{PERSON}</dd>"));
        page.says(&format!("<a href=\"/flux/{flow}\">N-PAGE</a>"));
    });
    let over =
        |receipt: &serde_json::Value| receipt["fault"].is_null() && receipt["invoices"][0]["status"] == "A_VALIDER_1";
    gateway.await_receipt("N-PAGE.xml.json", over).await;
    let held = gateway.simulator.ledger().invoice("N-PAGE").unwrap().clone();
    assert_eq!(held.validator.as_deref(), Some(RIGHT));
    assert_eq!(gateway.simulator.ledger().calls_of("corriger/valideur/facture"), 1);
    tokio::task::block_in_place(|| {
        let page = browser.get(&format!("/flux/{flow}"));
        page.says(&format!("<a href=\"/flux/{change}\">"));
        page.says("Autre valideur nommé sur la page");
        page.says(PERSON);
        page.hides("Nommer un autre valideur");
        page.hides("<h2 id=\"complement\">");
        // The form that was sent twice, or read from a page of before, changes nothing.
        let again = browser.post(&path, &form("0", RIGHT, RIGHT));
        assert_eq!(again.header("location"), Some(format!("/flux/{flow}?fait=impossible").as_str()));
    });
    for kind in ["validator", "ask"] {
        let leaves = house.leaves();
        let leaf = leaves.iter().rfind(|leaf| leaf.kind == kind).unwrap_or_else(|| panic!("{kind}"));
        assert_eq!(leaf.actor, "person", "{kind}");
    }
    let control = gateway.simulator.control();
    for status in ["VALIDEE_1", "MISE_A_DISPOSITION", "MISE_EN_PAIEMENT"] {
        assert!(control.move_invoice("N-PAGE", status, "c'est bien nous"));
    }
    let receipt = gateway.await_final("N-PAGE.xml.json").await;
    assert_eq!((&receipt["invoices"][0]["status"], receipt["fault"].is_null()), (&"MISE_EN_PAIEMENT".into(), true));
    drop(house);
    gateway.stop().await;
}

/// A flow whose sent invoice was refused by a validator who is not the right one.
fn misnamed(house: &House) -> String {
    house.sent("V-1", InvoiceStatus::ErreurFournisseurSurValideur).to_string()
}

#[test]
fn what_cannot_be_a_validator_is_told_and_nothing_is_asked_for() {
    let house = House::open();
    let flow = misnamed(&house);
    let path = format!("/flux/{flow}/valideur");
    let mut browser = house.inside();
    let page = browser.get(&path);
    page.hides("<script>alert");
    page.says("V-1");
    let before = house.kinds().len();
    for (siret, said) in [
        ("", "Indiquez le SIRET du valideur."),
        ("1234567820003", "Un SIRET a 14 chiffres ; celui-ci en a 13."),
        ("FR345678200036", "Un SIRET est fait de 14 chiffres, sans lettre ni signe."),
        ("12345678200051", "C’est le SIRET du fournisseur de cette facture"),
        ("110 002 011 00044", "C’est le SIRET du destinataire de cette facture"),
    ] {
        let refused = browser.post(&path, &form("0", siret, &siret.replace(' ', "")));
        assert_eq!(refused.status, 422, "{siret}: {}", refused.text());
        assert!(refused.text().replace(['\u{a0}', '\u{202f}'], " ").contains(said), "{siret}: {}", refused.text());
        refused.says("Rien n’a été envoyé");
    }
    let gone = browser.post(&path, &form("3", RIGHT, RIGHT));
    assert_eq!(gone.header("location"), Some(format!("/flux/{flow}?fait=impossible").as_str()));
    assert_eq!(house.kinds().len(), before, "nothing is journalled");
    // Nobody knows it offline: said so, and it may be named all the same.
    browser.post(&path, &form("0", RIGHT, "")).says("n’est pas dans la copie locale de l’annuaire");
    let structure = |siret: &str, name: &str, active| StructureEntry {
        siret: siret.to_owned(),
        name: Some(name.to_owned()),
        active,
        ..StructureEntry::default()
    };
    let listed = vec![
        structure(RIGHT, "Terrassements <b>Œuvre</b>", None),
        structure("12345678200044", "Ancienne entreprise", Some(false)),
    ];
    let (practice, now) = (Environment::Practice, Timestamp::now());
    house.store.directory_downloaded(practice, now).wait().unwrap();
    let edition = house.store.begin_edition(practice).wait().unwrap();
    house.store.enter_structures(practice, edition, listed, now).wait().unwrap();
    house.store.conclude_edition(practice, 1, now).wait().unwrap();
    let shown = browser.post(&path, &form("0", RIGHT, ""));
    shown.says("Terrassements ");
    shown.says("annuaire du");
    for hidden in ["<b>Œuvre", "copie locale", "inactive"] {
        shown.hides(hidden);
    }
    browser.post(&path, &form("0", "12345678200044", "")).says("L’annuaire dit cette structure inactive");
    let done = browser.post(&path, &form("0", RIGHT, RIGHT));
    let first = done.header("location").unwrap().strip_suffix("?fait=valideur").unwrap().to_owned();
    let again = browser.post(&path, &form("0", RIGHT, RIGHT));
    assert_eq!(again.header("location"), Some(format!("{first}?fait=deja-valideur").as_str()), "twice is once");
    let other = browser.post(&path, &form("0", "12345678200028", "12345678200028"));
    assert_eq!(other.status, 422, "one at a time");
    other.says("Un autre valideur vient d’être nommé");
    assert_eq!(house.kinds().iter().filter(|kind| *kind == "validator").count(), 1);
}
