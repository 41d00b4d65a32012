//! Does the page find out why it does not connect, and whether people would be told? Against the simulator and a real
//! webhook receiver.

use std::time::{Duration, Instant};

use super::{Browser, House, Reply};
use crate::doctor::Bench;
use crate::gateway::{Gateway, hurried, quick_limits};
use crate::watch::mailbox::Hook;

/// The page once nothing is under way.
fn settled(browser: &mut Browser) -> Reply {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let page = browser.get("/diagnostic");
        if !page.text().contains("En cours depuis") {
            return page;
        }
        assert!(Instant::now() < end, "{}", page.text());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_why_it_does_not_connect_and_begins_one_examination_at_a_time() {
    let bench = Bench::start().await;
    let house = House::open();
    std::fs::write(house.path("config/fluxgate.toml"), &bench.sound).unwrap();
    let password = bench.simulator.credentials().account_password.clone();
    tokio::task::block_in_place(|| {
        let mut browser = house.inside();
        browser.get("/diagnostic").says("Lancer le diagnostic");
        browser.get("/diagnostic").says("celles de ce programme");
        for _ in 0..2 {
            assert_eq!(browser.post("/diagnostic/lancer", &[]).header("location"), Some("/diagnostic"));
        }
        let page = settled(&mut browser);
        for said in ["Tout est en ordre", "jeton PISTE", "compte technique", "Université (univ)"] {
            page.says(said);
        }
        bench.simulator.control().set_account_password("autre");
        browser.post("/diagnostic/lancer", &[]);
        let page = settled(&mut browser);
        for said in ["À quoi cela ressemble", "refuse le compte technique", "non essayé", "rompu"] {
            page.says(said);
        }
        page.hides(&password);
        browser.get("/langue?vers=en&retour=/diagnostic");
        browser.get("/diagnostic").says("What it looks like");
        std::fs::write(house.path("config/fluxgate.toml"), "broken").unwrap();
        browser.get("/langue?vers=fr&retour=/diagnostic");
        browser.post("/diagnostic/lancer", &[]);
        settled(&mut browser).says("La configuration n&#39;est pas utilisable");
    });
    let begun = house.kinds().iter().filter(|kind| *kind == "diagnosis").count();
    assert!((3..=4).contains(&begun), "{begun}: one was under way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_notice_leaves_from_the_page_and_what_became_of_it_is_said() {
    let mut hook = Hook::start([200, 500]).await;
    let house = House::open();
    let config = std::fs::read_to_string(house.path("config/fluxgate.toml")).unwrap();
    let section = format!("[notify.webhook]\nurl = \"http://127.0.0.1:{}/x\"\n\n[log]", hook.port);
    tokio::task::block_in_place(|| {
        let mut browser = house.inside();
        browser.get("/diagnostic");
        browser.post("/diagnostic/essai", &[]);
        settled(&mut browser).says("personne n’est prévenu");
        std::fs::write(house.path("config/fluxgate.toml"), config.replacen("[log]", &section, 1)).unwrap();
        browser.post("/diagnostic/essai", &[]);
        settled(&mut browser).says(">parti</span> Webhook");
        browser.post("/diagnostic/essai", &[]);
        settled(&mut browser).says("HTTP 500");
    });
    assert_eq!(hook.next().await.json()["test"], true);
    assert_eq!(house.kinds().iter().filter(|kind| *kind == "notice_test").count(), 3);
}

/// Only the metrics said when a service last answered.
#[tokio::test(flavor = "multi_thread")]
async fn the_diagnostic_shows_when_each_service_last_answered() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.crash().await;
    gateway.watch.pace.look = Duration::from_millis(50);
    gateway.boot();
    let house = House::over(tempfile::tempdir().unwrap(), gateway.store().clone());
    let mut browser = tokio::task::block_in_place(|| house.inside());
    let mut shown = |words: &[&str]| {
        let page = tokio::task::block_in_place(|| browser.get("/diagnostic").text());
        words.iter().all(|words| page.contains(words))
    };
    let good = ["Dernière réponse de chaque service", "rechercher/recipiendaire", ">répond</span>", "univ"];
    gateway.await_until("a service that answers", || shown(&good)).await;
    gateway.simulator.control().begin_outage(fluxgate::simulator::OutageKind::Unavailable);
    gateway.await_until("services that fail", || shown(&["échecs de suite", "depuis le"])).await;
    drop(browser);
    drop(house);
    gateway.stop().await;
}
