//! Who comes in: claim, log-in, sessions, people.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use fluxgate::domain::Timestamp;
use fluxgate::fault::{Code, Fault};

use super::{House, PASSWORD, PERSON, claim_form, configuration, edit};

#[test]
fn an_unclaimed_box_lets_nobody_in_but_who_reads_its_console() {
    let house = House::open();
    let mut browser = house.browser();
    for path in ["/", "/flux", "/configuration", "/login", "/nothing"] {
        let reply = browser.get(path);
        assert_eq!((reply.status, reply.header("location")), (303, Some("/claim")), "{path}");
    }
    assert_eq!(std::fs::metadata(house.path("web.sock")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(house.path("claim")).unwrap().permissions().mode() & 0o777, 0o600);
    browser.get("/claim").says("Code affiché sur la console");

    let wrong = browser.post("/claim", &claim_form("0000-0000-0000-0000"));
    assert_eq!(wrong.status, 422);
    wrong.says("Ce code n’est pas le bon");
    wrong.says("value=\"Camille Durand\"");
    wrong.hides(PASSWORD);
    let code = house.claim_code();
    let mut short = claim_form(&code);
    short[2].1 = "court".into();
    browser.post("/claim", &short).says("au moins 12 caractères");
    assert!(house.store.reader().unwrap().people().unwrap().is_empty());

    let done = browser.post("/claim", &claim_form(&code));
    assert_eq!(done.status, 303, "{}", done.text());
    assert!(!house.path("claim").exists(), "the code died with its file");
    assert_eq!(house.store.reader().unwrap().people().unwrap(), [PERSON]);
    let stored = house.store.reader().unwrap().person(PERSON).unwrap().unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    browser.get("/").says("en attente du premier fichier");

    let mut other = house.browser();
    assert_eq!(other.get("/claim").header("location"), Some("/"), "a box is claimed once");
    other.get("/login");
    assert_eq!(other.post("/claim", &claim_form(&code)).header("location"), Some("/"));
    let kinds = house.kinds();
    assert!(kinds.contains(&"claim_refused".to_owned()) && kinds.contains(&"claim".to_owned()), "{kinds:?}");
    let journal = house.journal_bytes();
    assert!(!journal.windows(PERSON.len()).any(|w| w == PERSON.as_bytes()), "names enter leaves as commitments only");
}

#[test]
fn somebody_enrolled_on_the_console_ends_the_claim() {
    let house = House::open();
    let mut browser = house.browser();
    browser.get("/claim");
    let code = house.claim_code();
    house.store.enrol("Dominique", "$argon2id$x", "console", Timestamp::now()).wait().unwrap();
    assert_eq!(browser.post("/claim", &claim_form(&code)).header("location"), Some("/"));
    assert_eq!(browser.get("/").header("location"), Some("/login?vers=%2F"));
    assert!(!house.path("claim").exists());
    assert_eq!(house.store.reader().unwrap().people().unwrap(), ["Dominique"]);
}

#[test]
fn log_in_needs_the_right_password_and_patience_after_wrong_ones() {
    let house = House::open();
    drop(house.inside());
    let mut browser = house.browser();
    assert_eq!(browser.get("/flux?q=a").header("location"), Some("/login?vers=%2Fflux"));
    let page = browser.get("/login?vers=/flux");
    page.says("name=\"vers\" value=\"/flux\"");
    let form = |name: &str, password: &str| {
        vec![("name", name.to_owned()), ("password", password.to_owned()), ("vers", "/flux".to_owned())]
    };
    assert_eq!(browser.post("/login", &form(PERSON, "not the password")).status, 422);
    assert_eq!(browser.post("/login", &form("nobody", PASSWORD)).status, 422);
    let elsewhere = [("vers", "https://evil.example".to_owned())];
    assert_eq!(browser.post("/login", &[&form("x", "y")[..2], &elsewhere].concat()).status, 422);

    let done = browser.post("/login", &form(PERSON, PASSWORD));
    assert_eq!((done.status, done.header("location")), (303, Some("/flux")));
    let cookie = done.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-session=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    browser.get("/flux").says("Aucun flux pour l’instant");
    assert_eq!(browser.post("/logout", &[]).header("location"), Some("/login?fait=sorti"));
    assert_eq!(browser.get("/flux").status, 303);

    // The eleventh try for a name waits, whoever asks, even with the right password.
    browser.get("/login");
    for n in 0..10 {
        browser.peer = format!("10.9.0.{n}");
        assert_eq!(browser.post("/login", &form(PERSON, "wrong wrong wrong")).status, 422);
    }
    let wait = browser.post("/login", &form(PERSON, PASSWORD));
    assert_eq!(wait.status, 429);
    assert!(wait.header("retry-after").unwrap().parse::<u64>().unwrap() > 200);
    let kinds = house.kinds();
    assert_eq!(kinds.iter().filter(|k| *k == "login_refused").count(), 13);
    assert_eq!(kinds.iter().filter(|k| *k == "login").count(), 1);
    let journal = house.journal_bytes();
    for secret in ["nobody", "10.1.2.3", PASSWORD] {
        assert!(!journal.windows(secret.len()).any(|w| w == secret.as_bytes()), "{secret} is in the journal");
    }
}

#[test]
fn people_change_their_password_and_enrol_others() {
    let house = House::open();
    let mut browser = house.inside();
    browser.get("/personnes").says(PERSON);
    let add = |name: &str| {
        let second = "une autre phrase secrète";
        let present = ("present", PASSWORD.to_owned());
        vec![("name", name.to_owned()), ("password", second.to_owned()), ("repeat", second.to_owned()), present]
    };
    let unasked = browser.post("/personnes", &add("Dominique")[..3]);
    assert_eq!(unasked.status, 422, "a browser left open enrols nobody");
    assert_eq!(browser.post("/personnes", &add("Dominique")).header("location"), Some("/personnes?fait=personne"));
    assert_eq!(browser.post("/personnes", &add("Dominique")).status, 422, "the name is taken");
    assert_eq!(browser.post("/personnes", &add("system")).status, 422, "the journal would not hide it");
    let mut elsewhere = house.browser();
    elsewhere.get("/login");
    elsewhere.post("/login", &[("name", PERSON.to_owned()), ("password", PASSWORD.to_owned())]);
    assert_eq!(elsewhere.get("/flux").status, 200);
    let change = |present: &str| {
        let new = "encore une phrase bien longue";
        vec![("present", present.to_owned()), ("password", new.to_owned()), ("repeat", new.to_owned())]
    };
    assert_eq!(browser.post("/personnes/mot-de-passe", &change("wrong")).status, 422);
    let done = browser.post("/personnes/mot-de-passe", &change(PASSWORD));
    assert_eq!(done.header("location"), Some("/personnes?fait=mot-de-passe"));
    assert_eq!(browser.get("/flux").status, 200, "this session stays");
    assert_eq!(elsewhere.get("/flux").status, 303, "the others end");
}

#[test]
fn a_restart_keeps_people_logged_in_and_an_idle_one_is_out() {
    let mut house = House::open();
    let mut browser = house.inside();
    house.stop();
    assert!(!house.path("web.sock").exists(), "nothing is left to connect to");
    let fault = Fault::new(Code::ConfigurationRestored).with("detail", "ligne 3");
    house.serve(Some(fault), Duration::from_secs(1800));
    let page = browser.get("/");
    assert_eq!(page.status, 200);
    page.says("La configuration doit être corrigée");
    page.says("FG-902");
    let good = configuration().replace("Université Exemple", "Université Nouvelle");
    edit(&mut browser, &good).leads_to("/configuration?fait=enregistre");
    browser.get("/").hides("FG-902");
    house.stop();
    house.serve(None, Duration::from_millis(300));
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(browser.get("/").status, 303);
}
