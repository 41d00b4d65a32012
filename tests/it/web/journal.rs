//! Is the journal whole, as the page tells it?

use std::time::Duration;

use fluxgate::domain::Timestamp;

use super::House;

#[test]
fn the_journal_is_verified_from_the_page() {
    let house = House::open();
    let mut browser = house.inside();
    house.receive("une.xml", b"une");
    house.store.checkpoint(Timestamp::now()).wait().unwrap();
    let page = browser.get("/journal");
    page.says("fluxgate/test+");
    page.says("Vérifier maintenant");
    assert_eq!(browser.post("/journal/verifier", &[]).status, 303);
    let sound = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        browser.get("/journal").text().contains("Journal intact")
    });
    assert!(sound, "{}", browser.get("/journal").text());
    assert!(house.kinds().contains(&"verify".to_owned()));
}
