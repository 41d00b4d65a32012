//! Chorus Pro's directory on the page.

use fluxgate::domain::{Environment, Timestamp};
use fluxgate::domain::{StructureEntry, StructureService};

use super::House;

const PRACTICE: Environment = Environment::Practice;

#[test]
fn a_person_finds_a_recipient_sees_what_it_demands_and_has_the_directory_refreshed() {
    let house = House::open();
    let mut browser = house.inside();
    let (store, now) = (house.store.clone(), Timestamp::now());
    store.directory_downloaded(PRACTICE, now).wait().unwrap();
    let edition = store.begin_edition(PRACTICE).wait().unwrap();
    let service = StructureService {
        code: "SRV<1>".to_owned(),
        name: Some("Acquisitions".to_owned()),
        active: Some(false),
        commitment_required: Some(true),
    };
    let entry = StructureEntry {
        siret: "12345678200028".to_owned(),
        name: Some("UNIVERSITÉ <b>Exemple</b>".to_owned()),
        service_required: Some(true),
        services: vec![service],
        ..StructureEntry::default()
    };
    store.enter_structures(PRACTICE, edition, vec![entry], now).wait().unwrap();
    store.conclude_edition(PRACTICE, 1, now).wait().unwrap();
    for asked in ["123456782", "universit%C3%A9", "1234%205678%20200028"] {
        let page = browser.get(&format!("/annuaire?environnement=practice&q={asked}"));
        page.says("12345678200028");
        page.says("code service");
        page.says("engagement exigé");
        let text = page.text();
        assert!(!text.contains("<b>Exemple") && !text.contains("SRV<1>"), "{asked}: everything shown is escaped");
    }
    let page = browser.get("/annuaire?environnement=practice&q=999");
    page.says("Aucune structure");
    page.says("<h2>entraînement</h2>");
    page.hides(">practice<");
    let done = browser.post("/annuaire/actualiser", &[("environnement", "practice".to_owned())]);
    assert_eq!((done.status, done.header("location")), (303, Some("/annuaire?fait=annuaire")), "{}", done.text());
    let reader = house.store.reader().unwrap();
    assert!(reader.directory().state(PRACTICE).unwrap().unwrap().wanted_at.is_some());
    assert_eq!(browser.post("/annuaire/actualiser", &[("environnement", "elsewhere".to_owned())]).status, 404);
    browser.get("/annuaire").says("Actualisation demandée");
}
