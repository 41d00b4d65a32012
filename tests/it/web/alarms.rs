//! What the first screen says of the watch's alarms.

use fluxgate::domain::Timestamp;
use fluxgate::fault::{Code, Fault, Gravity};
use fluxgate::store::{Alarm, AlarmChange};

use super::{House, XSS, realm};

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
