//! What the first screen says of the watch's alarms.

use std::sync::Arc;

use fluxgate::app::metrics;
use fluxgate::domain::Timestamp;
use fluxgate::fault::{Code, Fault, Gravity};
use fluxgate::simulator::{PivotVersion, Readings, ReceivedInvoice, VerdictRule, VersionTold};
use fluxgate::store::{Alarm, AlarmChange};
use fluxgate::work::connector::Connectors;

use super::{House, XSS, realm};
use crate::watch::mailbox::{Postbox, Say};

#[test]
fn alarms_stand_first_the_gravest_before_the_others_and_go_when_they_are_over() {
    let house = House::open();
    let alarm = |subject: &str, fault: Fault, gravity| {
        AlarmChange::Raise(Alarm { subject: subject.into(), realm: Some(realm()), fault, gravity, stage: 1 })
    };
    let disk = Fault::new(Code::DiskFilling).with("free", "600 Mio").with("reserve", "512 Mio").with("trend", XSS);
    let password = Fault::new(Code::PasswordExpires).with("login", "TECH_1_00000@cpro.fr").with("when", "demain");
    let mut browser = house.inside();
    browser.get("/").hides("Alarmes");
    let warning = alarm("disk", disk, Gravity::Warning);
    house.store.watch(vec![warning], Timestamp::now()).wait().unwrap();
    let page = browser.get("/");
    page.says("1 avertissement");
    page.says("600 Mio libres");
    page.says("administrateur de la machine");
    page.hides("<script>alert");
    let critical = alarm("password:univ/practice", password, Gravity::Critical);
    house.store.watch(vec![critical], Timestamp::now()).wait().unwrap();
    let page = browser.get("/");
    page.says("1 alarme critique");
    let text = page.text();
    let place = |code: &str| text.find(&format!("#{code}")).unwrap_or_else(|| panic!("{code}: {text}"));
    assert!(place("FG-601") < place("FG-609"), "red first");
    let untaken = Fault::new(Code::DeliveriesUntaken).with("account", "sifac").with("count", 1).with("span", "8 jours");
    house.store.watch(vec![alarm("untaken:sifac", untaken, Gravity::Warning)], Timestamp::now()).wait().unwrap();
    browser.get("/").says("href=\"/flux?faute=FG-507\"");
    browser.get("/flux?faute=FG-507").says("name=\"faute\" value=\"FG-507\" checked");
    house.store.watch(vec![AlarmChange::Clear("untaken:sifac".into())], Timestamp::now()).wait().unwrap();
    let over = ["disk", "password:univ/practice"].map(|subject| AlarmChange::Clear(subject.into()));
    house.store.watch(over.into(), Timestamp::now()).wait().unwrap();
    browser.get("/").hides("Alarmes");
}

/// The fields of an alarm's button, as the page has them.
fn button(page: &str, subject: &str) -> Vec<(&'static str, String)> {
    let (_, after) =
        page.split_once(&format!("name=\"subject\" value=\"{subject}\"")).unwrap_or_else(|| panic!("{page}"));
    let seen = after.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    vec![("subject", subject.to_owned()), ("seen", seen.to_owned())]
}

#[test]
fn an_alarm_that_somebody_took_note_of_stays_grey_until_it_gets_graver_or_comes_anew() {
    let house = House::open();
    let mut browser = house.inside();
    let raise = |gravity, stage, when: &str| {
        let fault =
            Fault::new(Code::PasswordExpires).with("login", "TECH").with("when", when).with("date", "01/03/2027");
        let alarm = Alarm { subject: "password:x".into(), realm: Some(realm()), fault, gravity, stage };
        house.store.watch(vec![AlarmChange::Raise(alarm)], Timestamp::now()).wait().unwrap();
    };
    raise(Gravity::Critical, 4, "dans 7 jours");
    let page = browser.get("/");
    page.says("1 alarme critique");
    let fields = button(&page.text(), "password:x");
    assert_eq!(browser.post("/alarmes/vue", &fields).header("location"), Some("/?fait=alarme-vue"));
    assert_eq!(browser.post("/alarmes/vue", &fields).header("location"), Some("/?fait=alarme-vue"), "twice is once");
    let leaves = house.leaves();
    let noted: Vec<_> = leaves.iter().filter(|leaf| leaf.kind == "alarm_acknowledged").collect();
    assert_eq!((noted.len(), noted[0].actor.as_str()), (1, "person"));
    // Figures in its text change nothing.
    raise(Gravity::Critical, 4, "dans 6 jours");
    let page = browser.get("/");
    for said in ["Prêt\u{a0}: en attente", "dans 6 jours", "Pris en compte par Camille Durand, le", "case quiet seen"]
    {
        page.says(said);
    }
    page.hides("alarme critique");
    page.hides("Qui doit agir");
    page.hides("Prendre en compte</button>");
    // Graver: everybody is told again, and who had the former one in sight has not seen this one.
    raise(Gravity::Critical, 5, "demain");
    let page = browser.get("/");
    page.says("1 alarme critique");
    page.hides("Pris en compte par");
    assert_eq!(browser.post("/alarmes/vue", &fields).header("location"), Some("/?fait=alarme-changee"));
    browser.get("/").says("1 alarme critique");
    // Over and come anew: the same.
    let fields = button(&browser.get("/").text(), "password:x");
    browser.post("/alarmes/vue", &fields);
    browser.get("/").hides("alarme critique");
    house.store.watch(vec![AlarmChange::Clear("password:x".into())], Timestamp::now()).wait().unwrap();
    browser.get("/").hides("TECH");
    raise(Gravity::Critical, 5, "demain");
    browser.get("/").says("1 alarme critique");
    assert_eq!(browser.post("/alarmes/vue", &[("subject", "x".into())]).status, 404);
}

#[test]
fn what_somebody_took_note_of_a_week_ago_calls_everybody_again() {
    let house = House::open();
    let mut browser = house.inside();
    let ago = |days: u64| Timestamp::now().minus(std::time::Duration::from_secs(days * 86_400));
    let fault = Fault::new(Code::FlowsLate).with("count", 3).with("span", "9 jours");
    let alarm = Alarm { subject: "late:x".into(), realm: Some(realm()), fault, gravity: Gravity::Critical, stage: 0 };
    house.store.watch(vec![AlarmChange::Raise(alarm)], ago(9)).wait().unwrap();
    let seen = house.store.reader().unwrap().alarms().unwrap()[0].changed_at;
    assert!(house.store.acknowledge("late:x", seen, "Dominique", ago(8)).wait().unwrap());
    let page = browser.get("/");
    page.says("1 alarme critique");
    page.hides("Pris en compte par");
    let fields = button(&page.text(), "late:x");
    assert_eq!(browser.post("/alarmes/vue", &fields).header("location"), Some("/?fait=alarme-vue"));
    let page = browser.get("/");
    page.hides("alarme critique");
    page.says("Pris en compte par Camille Durand");
}

/// A halt's alarm is shown beside the halt, and nowhere else.
#[test]
fn a_halt_is_acknowledged_by_a_person_stays_in_sight_and_calls_again_when_it_is_another() {
    let house = House::open();
    let mut browser = house.inside();
    let halt = |fault: Fault| {
        house.store.halt(&realm(), fault.clone(), Timestamp::now()).wait().unwrap();
        let subject = format!("halt:{}", realm());
        let alarm = Alarm { subject, realm: Some(realm()), fault, gravity: Gravity::Critical, stage: 0 };
        house.store.watch(vec![AlarmChange::Raise(alarm)], Timestamp::now()).wait().unwrap();
    };
    halt(Fault::new(Code::ClientRefused).with("environment", "practice"));
    let page = browser.get("/");
    for said in ["La liaison avec Chorus Pro est arrêtée", "FG-301", "Qui agit", "Que faire", "Qui doit agir"] {
        page.says(said);
    }
    assert_eq!(page.text().matches("FG-301</a>").count(), 1, "told once");
    let fields = button(&page.text(), &format!("halt:{}", realm()));
    assert_eq!(browser.post("/alarmes/vue", &fields).header("location"), Some("/?fait=alarme-vue"));
    let page = browser.get("/");
    for said in
        ["est arrêtée\u{a0}: pris en compte", "Pris en compte par Camille Durand, le", "FG-301", "Faire le diagnostic"]
    {
        page.says(said);
    }
    for hidden in ["Prendre en compte</button>", "Qui doit agir", "Tout va bien"] {
        page.hides(hidden);
    }
    let alarms = house.store.reader().unwrap().alarms().unwrap();
    assert!(alarms[0].is_seen(Timestamp::now()), "so that nobody is told of it again");
    // What waits for somebody is not hidden behind a halt that somebody has taken note of.
    super::home::refused(&house, "mauvaise.xml", 0);
    browser.get("/").says("1 flux attend une action");
    // Another reason: another halt.
    halt(Fault::new(Code::AccessForbidden).with("environment", "practice").with("service", "deposer/flux"));
    let page = browser.get("/");
    page.says("La liaison avec Chorus Pro est arrêtée</h1>");
    page.hides("Pris en compte par");
    page.says("Prendre en compte</button>");
    assert_eq!(browser.post("/alarmes/vue", &fields).header("location"), Some("/?fait=alarme-changee"));
}

/// Seen: an invoice whose status nobody knew said so in its own flow alone, where nobody looks who is not called.
#[tokio::test(flavor = "multi_thread")]
async fn codes_that_this_version_does_not_know_call_somebody_until_they_are_gone() {
    let mut postbox = Postbox::start(Say::default()).await;
    let gateway = crate::watch::watching(424, Some(&postbox), None).await;
    let control = gateway.simulator.control();
    let verdict = "invoice = \"FA-ETAT-1\"\nstate = \"IN_ETAT_NOUVEAU\"";
    control.add_verdict(toml::from_str::<VerdictRule>(verdict).unwrap()).unwrap();
    gateway.drop_flow("etat.xml", crate::gateway::invoice("FA-ETAT-1")).await;
    let sent = |number: &str| ReceivedInvoice { number: number.into(), ..ReceivedInvoice::default() };
    control.send_invoice(ReceivedInvoice { kind: Some("NOTE_DE_DEBIT".into()), ..sent("R-SORTE") });
    let version =
        Readings { pivot_version: PivotVersion::V2_02, pivot_version_told: VersionTold::Newer, ..Readings::default() };
    control.set_readings(version).unwrap();
    for number in ["R-1", "R-2"] {
        control.send_invoice(sent(number));
    }
    let alarm = || {
        let alarms = gateway.store().reader().unwrap().alarms().unwrap();
        alarms.into_iter().find(|a| a.cleared_at.is_none() && a.alarm.fault.code == Code::UnknownCodes)
    };
    let title = || alarm().map(|a| a.alarm.fault.title(fluxgate::fault::Language::Fr)).unwrap_or_default();
    let parts = [
        "état de flux « IN_ETAT_NOUVEAU » (1 flux)",
        "typeFacture « NOTE_DE_DEBIT » (1 facture)",
        "@Version du pivot « V3_00 » (3 factures)",
    ];
    gateway.await_until("the codes that came", || parts.iter().all(|part| title().contains(part))).await;
    for number in ["R-1", "R-2"] {
        assert!(control.move_invoice(number, "STATUT_DE_DEMAIN", ""));
    }
    let status = "statut de facture « STATUT_DE_DEMAIN » (2 factures)";
    gateway.await_until("the statuses too", || title().contains(status)).await;
    let title = title();
    assert!(parts.iter().all(|part| title.contains(part)) && !title.contains('?'), "{title}");
    let mail = postbox.matching("STATUT_DE_DEMAIN").await.text();
    assert!(mail.contains("FG-619") && mail.contains("Que faire : Mettez Fluxgate à jour"), "{mail}");
    let house = House::over(tempfile::tempdir().unwrap(), gateway.store().clone());
    tokio::task::block_in_place(|| {
        let page = house.inside().get("/");
        page.says("STATUT_DE_DEMAIN");
        page.says("administrateur de la machine");
    });
    let nobody = Connectors::new(gateway.dir.path(), &Default::default(), std::iter::empty());
    let numbers = metrics::source(
        gateway.store().clone(),
        nobody,
        Vec::new(),
        gateway.dir.path().into(),
        Arc::default(),
        Default::default(),
    );
    let text = numbers.text()();
    assert!(text.contains("fluxgate_alarms{fault=\"FG-619\",gravity=\"warning\"} 1\n"), "{text}");
    // The invoices go on like others: delivered all the same, and followed to statuses that are known.
    for number in ["R-1", "R-2"] {
        assert!(control.move_invoice(number, "MISE_EN_PAIEMENT", ""));
    }
    let gone = || alarm().is_some_and(|a| !a.alarm.fault.to_string().contains("STATUT_DE_DEMAIN"));
    gateway.await_until("what is left", gone).await;
    drop(house);
    gateway.stop().await;
}
