//! What is an alarm, and when people hear of it, by a clock that the test sets.

use std::time::Duration;

use super::judgement::{Certificate, Channel, Disk, Facts, Foreign, Password, Service, ToValidate, alarms, changes};
use super::notice::Voice;
use super::settings::{CertificateRole, NotifySection, Pace, Watched};
use super::telling::telling;
use crate::domain::{Environment, Realm, Timestamp};
use crate::fault::{CATALOGUE, Code, Fault, Gravity, Language, Text};
use crate::os::sandbox::{Report, Standing};
use crate::store::{Alarm, AlarmChange, AlarmRecord, NoticeItem, Told};
use crate::work::codes::{Place, UnknownCode};
use crate::work::releases::Unreached;
use crate::work::remote_log::Silence;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

fn now() -> Timestamp {
    "2026-11-26T08:00:00Z".parse().unwrap()
}

fn realm() -> Realm {
    Realm { establishment: "univ".parse().unwrap(), environment: Environment::Production }
}

#[test]
fn a_denied_call_is_told_and_a_kernel_without_walls_is_shown() {
    let of = |landlock, calls, denied: &[(u16, u64)]| {
        let report = Report { standing: Standing { landlock, calls }, denied: denied.iter().copied().collect() };
        Facts { walls: vec![("front", report)], ..Facts::default() }
    };
    assert_eq!(only(&of(1, true, &[]), now()), None);
    assert_eq!(only(&of(0, true, &[]), now()), Some((Code::WallsMissing, Gravity::Info, 0)));
    let denied = alarms(&of(6, true, &[(511, 3)]), now());
    assert_eq!((denied[0].fault.code, denied[0].gravity), (Code::CallsDenied, Gravity::Warning));
    assert!(
        denied[0].fault.title(Language::En).contains("front")
            && denied[0].fault.title(Language::Fr).contains("511 × 3")
    );
    let both = alarms(&of(0, false, &[(511, 1)]), now());
    assert_eq!(both.iter().map(|alarm| alarm.subject.as_str()).collect::<Vec<_>>(), ["walls:front", "denied:front"]);
}

#[test]
fn log_lines_that_do_not_leave_are_told_after_a_quarter_of_an_hour() {
    let of = |minutes: u64| {
        let why = Text::new("pas de réponse", "no answer");
        let silence = Silence { span: Duration::from_secs(minutes * 60), why, lost: 7 };
        Facts { remote_log: Some(silence), ..Facts::default() }
    };
    assert_eq!(only(&of(14), now()), None);
    assert_eq!(only(&of(15), now()), Some((Code::RemoteLogFails, Gravity::Warning, 0)));
    let told = alarms(&of(20), now()).remove(0).fault.title(Language::Fr);
    assert!(told.contains("7 perdues") && told.contains("pas de réponse"), "{told}");
}

#[test]
fn an_address_of_releases_that_does_not_answer_is_told_after_a_week() {
    let of = |hours: u32| {
        let unreached = Unreached { span: HOUR * hours, why: Text::new("pas de réponse", "no answer") };
        Facts { releases: Some(unreached), ..Facts::default() }
    };
    assert_eq!(only(&of(7 * 24 - 1), now()), None);
    assert_eq!(only(&of(7 * 24), now()), Some((Code::ReleasesUnreached, Gravity::Warning, 0)));
    let told = alarms(&of(9 * 24), now()).remove(0).fault.title(Language::Fr);
    assert!(told.contains("9 jours") && told.contains("pas de réponse"), "{told}");
}

#[test]
fn a_release_that_waits_is_told() {
    let facts = Facts { waiting: Some("1.4.0".parse().unwrap()), ..Facts::default() };
    assert_eq!(only(&facts, now()), Some((Code::ReleaseWaits, Gravity::Warning, 0)));
    assert!(alarms(&facts, now()).remove(0).fault.title(Language::Fr).contains("1.4.0"));
}

/// The one alarm of facts, by code, gravity and stage.
fn only(facts: &Facts, at: Timestamp) -> Option<(Code, Gravity, u32)> {
    let found = alarms(facts, at);
    assert!(found.len() <= 1, "{found:?}");
    found.first().map(|a| (a.fault.code, a.gravity, a.stage))
}

#[test]
fn dated_things_cross_sixty_thirty_fifteen_seven_and_one_days_and_their_end() {
    let ends: Timestamp = "2027-03-01T00:00:00+01:00".parse().unwrap();
    let password = |ends| Password { realm: realm(), login: "TECH_1_00000@cpro.fr".into(), ends };
    let password = Facts { passwords: vec![password(Some(ends))], ..Facts::default() };
    let file = |ends| Certificate { role: CertificateRole::Door, file: "door.pem".into(), ends };
    let certificate = Facts { certificates: vec![file(Ok(ends))], ..Facts::default() };
    for (days, stage, gravity) in [
        (61, 0, Gravity::Info),
        (60, 1, Gravity::Warning),
        (31, 1, Gravity::Warning),
        (30, 2, Gravity::Warning),
        (15, 3, Gravity::Warning),
        (7, 4, Gravity::Critical),
        (2, 4, Gravity::Critical),
        (1, 5, Gravity::Critical),
    ] {
        let at = ends.minus(DAY * days);
        let of = |code| (stage > 0).then_some((code, gravity, stage));
        assert_eq!(only(&password, at), of(Code::PasswordExpires), "{days}");
        assert_eq!(only(&certificate, at), of(Code::CertificateExpires), "{days}");
    }
    // A password is told by its day, a certificate by its second.
    assert_eq!(only(&password, ends.plus(HOUR)), Some((Code::PasswordExpires, Gravity::Critical, 5)));
    assert_eq!(only(&certificate, ends), Some((Code::CertificateExpired, Gravity::Critical, 6)));
    assert_eq!(only(&password, ends.plus(DAY)), Some((Code::PasswordExpired, Gravity::Critical, 6)));
    let unsaid = Facts {
        passwords: vec![Password { realm: realm(), login: "x".into(), ends: None }],
        certificates: Vec::new(),
        ..Facts::default()
    };
    assert_eq!(only(&unsaid, now()), Some((Code::PasswordEndUnknown, Gravity::Info, 0)));
    let unread = Facts { certificates: vec![file(Err("no certificate in it".into()))], ..Facts::default() };
    assert_eq!(only(&unread, now()), Some((Code::CertificateUnreadable, Gravity::Warning, 0)));
}

#[test]
fn clocks_disks_services_and_flows_are_alarms_from_their_limits_on() {
    let clock = |ahead| only(&Facts { clocks: vec![(Environment::Production, ahead)], ..Facts::default() }, now());
    assert_eq!(clock(30_000), None);
    assert_eq!(clock(-30_001), Some((Code::ClockWrong, Gravity::Warning, 0)));
    assert_eq!(clock(300_001), Some((Code::ClockWrong, Gravity::Critical, 0)));
    let disk = |free, days_left| {
        only(&Facts { disk: Some(Disk { free, reserve: 100, days_left }), ..Facts::default() }, now())
    };
    assert_eq!(disk(200, None), None);
    assert_eq!(disk(199, None), Some((Code::DiskFilling, Gravity::Warning, 1)));
    assert_eq!(disk(1000, Some(7)), Some((Code::DiskFilling, Gravity::Warning, 1)));
    assert_eq!(disk(1000, Some(1)), Some((Code::DiskFilling, Gravity::Critical, 2)));
    assert_eq!(disk(99, None), Some((Code::DiskFilling, Gravity::Critical, 3)), "it has come");
    let service = |since: Duration, n, failed| Service {
        realm: realm(),
        service: "deposer/flux".into(),
        failing: Some((since, n)),
        failed: Some(failed),
    };
    let failing = |since, n, failed| Facts { services: vec![service(since, n, failed)], ..Facts::default() };
    assert_eq!(only(&failing(HOUR, 3, HOUR / 2), now()), Some((Code::ServiceFailing, Gravity::Warning, 0)));
    assert_eq!(only(&failing(HOUR * 4, 3, HOUR / 2), now()), Some((Code::ServiceFailing, Gravity::Critical, 0)));
    assert_eq!(only(&failing(HOUR / 2, 9, HOUR / 3), now()), None, "a hiccup");
    assert_eq!(only(&failing(HOUR * 9, 2, HOUR), now()), None);
    assert_eq!(only(&failing(HOUR * 9, 9, HOUR * 3), now()), None, "not tried any more");
    // A halt says it all.
    let halt = Fault::new(Code::AccountRefused).with("login", "TECH_1_00000@cpro.fr");
    let halted = Facts { halts: vec![(realm(), halt)], ..failing(HOUR, 3, HOUR / 2) };
    assert_eq!(only(&halted, now()), Some((Code::AccountRefused, Gravity::Critical, 0)));
    let stale = |age| Facts { receptions: vec![(realm(), age)], reception_poll: HOUR / 4, ..Facts::default() };
    assert_eq!(only(&stale(HOUR - DAY / 86_400), now()), None);
    assert_eq!(only(&stale(HOUR), now()), Some((Code::ReceptionStale, Gravity::Warning, 0)));
    let list = |age, refused: Option<&str>, has_some| {
        let refused = refused.map(Text::same);
        let to_validate = vec![ToValidate { realm: realm(), age, refused, has_some }];
        only(&Facts { to_validate, ..Facts::default() }, now())
    };
    assert_eq!(list(DAY - DAY / 86_400, None, true), None);
    assert_eq!(list(DAY, None, false), Some((Code::ToValidateStale, Gravity::Warning, 0)));
    assert_eq!(list(DAY * 2, Some("20001"), false), Some((Code::ToValidateRefused, Gravity::Info, 0)));
    assert_eq!(list(HOUR, Some("20001"), true), Some((Code::ToValidateRefused, Gravity::Warning, 0)));
    let late = Facts { late: vec![(realm(), 3, now().minus(HOUR * 25))], ..Facts::default() };
    assert_eq!(only(&late, now()), Some((Code::FlowsLate, Gravity::Critical, 0)));
    let code = |code: &str| UnknownCode { place: Place::Status, code: code.repeat(80), count: 3 };
    let unknown = |codes| Facts { codes: vec![(realm(), codes)], ..Facts::default() };
    assert_eq!(only(&unknown(Vec::new()), now()), None);
    let many = unknown(vec![code("A"), code("B"), code("C"), code("D"), code("E")]);
    assert_eq!(only(&many, now()), Some((Code::UnknownCodes, Gravity::Warning, 5)));
    let title = alarms(&many, now())[0].fault.title(Language::Fr);
    assert!(title.contains("DDD » (3 factures), … (univ, production)"), "{title}");
    let untaken = Facts { untaken: vec![(realm(), "sifac".into(), 2, now().minus(DAY * 9))], ..Facts::default() };
    assert_eq!(only(&untaken, now()), Some((Code::DeliveriesUntaken, Gravity::Warning, 0)));
    // Ten times as many are another event for who took note of the few.
    for (count, stage) in [(1, 0), (9, 0), (10, 1), (99, 1), (100, 2), (12_000, 4)] {
        let late = Facts { late: vec![(realm(), count, now())], ..Facts::default() };
        assert_eq!(only(&late, now()), Some((Code::FlowsLate, Gravity::Warning, stage)), "{count}");
        let untaken = Facts { untaken: vec![(realm(), "sifac".into(), count, now())], ..Facts::default() };
        assert_eq!(only(&untaken, now()), Some((Code::DeliveriesUntaken, Gravity::Warning, stage)), "{count}");
    }
    let unsealed = |after| Facts { unsealed: Some(after), checkpoint_every: HOUR, ..Facts::default() };
    assert_eq!(only(&unsealed(HOUR), now()), None);
    assert_eq!(only(&unsealed(HOUR * 2), now()), Some((Code::CheckpointLate, Gravity::Critical, 0)));
    let directory = |age, refresh| Facts {
        directories: vec![(Environment::Production, age)],
        directory_refresh: refresh,
        ..Facts::default()
    };
    assert_eq!(only(&directory(DAY * 15, DAY * 7), now()), None, "missed once: the check still trusts it");
    assert_eq!(only(&directory(DAY * 16, DAY * 7), now()), Some((Code::DirectoryOld, Gravity::Warning, 0)));
    assert_eq!(only(&directory(DAY * 16, DAY), now()), Some((Code::DirectoryOld, Gravity::Warning, 0)));
    assert_eq!(only(&directory(DAY * 59, DAY * 30), now()), None, "refreshed monthly, by the configuration");
    assert_eq!(only(&directory(DAY * 61, DAY * 30), now()), Some((Code::DirectoryOld, Gravity::Warning, 0)));
    let channel = |tries, lasting| Facts {
        channels: vec![Channel { name: "mail", trouble: Some((tries, lasting, Text::same("451"))) }],
        ..Facts::default()
    };
    assert_eq!(only(&channel(2, false), now()), None);
    assert_eq!(only(&channel(3, false), now()), Some((Code::NoticeFailed, Gravity::Warning, 0)));
    assert_eq!(only(&channel(1, true), now()), Some((Code::NoticeFailed, Gravity::Warning, 0)));
    let sweep = |days| Facts { sweeps: vec![(realm(), DAY * days)], ..Facts::default() };
    assert_eq!(
        (only(&sweep(9), now()), only(&sweep(10), now())),
        (None, Some((Code::SweepStale, Gravity::Warning, 0)))
    );
}

/// Every blank of a text is filled by whoever raises it: a person never reads a question mark in its place.
#[test]
fn no_alarm_leaves_a_blank_open() {
    let facts = Facts {
        passwords: [Some(now().plus(DAY * 3)), Some(now().minus(DAY * 3)), None]
            .map(|ends| Password { realm: realm(), login: "TECH".into(), ends })
            .to_vec(),
        certificates: [Ok(now().plus(DAY)), Ok(now()), Err("x".to_owned())]
            .map(|ends| Certificate { role: CertificateRole::Mail, file: "f".into(), ends })
            .to_vec(),
        clocks: vec![(Environment::Practice, 90_000)],
        jump: Some((-90, now())),
        disk: Some(Disk { free: 1, reserve: 2, days_left: None }),
        services: vec![Service {
            realm: realm(),
            service: "oauth/token".into(),
            failing: Some((HOUR * 2, 9)),
            failed: Some(HOUR),
        }],
        receptions: vec![(realm(), DAY)],
        reception_poll: HOUR,
        sweeps: vec![(realm(), DAY * 10)],
        foreign: vec![Foreign {
            realm: realm(),
            login: "TECH".into(),
            structures: (0..6).map(|n| (format!("1234567820004{n}"), "F 1".to_owned())).collect(),
        }],
        unread: vec![(realm(), vec![("12345678200040".to_owned(), "F 1".to_owned())])],
        to_validate: [Some(Text::same("x")), None]
            .map(|refused| ToValidate { realm: realm(), age: DAY, refused, has_some: true })
            .to_vec(),
        codes: vec![(
            realm(),
            [Place::Status, Place::FluxState, Place::Kind, Place::PivotVersion]
                .map(|place| UnknownCode { place, code: "X".into(), count: 1 })
                .to_vec(),
        )],
        late: vec![(realm(), 1, now())],
        untaken: vec![(realm(), "sifac".into(), 1, now())],
        database: Some("x".into()),
        unsealed: Some(DAY),
        channels: vec![Channel { name: "webhook", trouble: Some((1, true, Text::same("x"))) }],
        directories: vec![(Environment::Practice, DAY * 30)],
        remote_log: Some(Silence { span: HOUR, why: Text::same("x"), lost: 1 }),
        ..Facts::default()
    };
    let raised = alarms(&facts, now());
    let ours = CATALOGUE.iter().filter(|entry| entry.text.starts_with("FG-6"));
    for entry in ours {
        assert!(raised.iter().any(|a| a.fault.code == entry.code), "{} is never raised", entry.text);
    }
    for alarm in &raised {
        for language in [Language::Fr, Language::En] {
            let text = format!("{} {}", alarm.fault.title(language), alarm.fault.remedy(language));
            assert!(!text.contains('?') && !text.contains('{'), "{text}");
        }
    }
}

fn record(gravity: Gravity, stage: u32, changed: Timestamp) -> AlarmRecord {
    let alarm = Alarm {
        subject: "password:univ/production".into(),
        realm: Some(realm()),
        fault: Fault::new(Code::PasswordExpires).with("login", "TECH").with("date", "01/03/2027"),
        gravity,
        stage,
    };
    AlarmRecord { alarm, raised_at: changed, changed_at: changed, cleared_at: None, told: None, acknowledged: None }
}

#[test]
fn people_hear_once_at_each_stage_daily_while_critical_and_when_it_is_over() {
    let pace = Pace::default();
    let tell = |records: &[AlarmRecord], at| telling(records, &["mail"], Gravity::Warning, at, &pace);
    let told = |at, gravity, stage| Some(Told { at, gravity, stage });
    let fresh = record(Gravity::Warning, 1, now());
    assert_eq!(tell(std::slice::from_ref(&fresh), now().plus(Duration::from_secs(59))), None, "others may follow");
    let telling_ = tell(std::slice::from_ref(&fresh), now().plus(Duration::from_secs(60))).unwrap();
    assert_eq!((telling_.notices.len(), telling_.told.len()), (1, 1));
    let known = AlarmRecord { told: told(now(), Gravity::Warning, 1), ..fresh.clone() };
    assert_eq!(tell(std::slice::from_ref(&known), now().plus(DAY * 40)), None, "a warning is not repeated");
    let further = AlarmRecord { told: told(now(), Gravity::Warning, 1), ..record(Gravity::Warning, 2, now()) };
    assert!(tell(std::slice::from_ref(&further), now().plus(HOUR)).is_some());
    let critical = AlarmRecord { told: told(now(), Gravity::Critical, 4), ..record(Gravity::Critical, 4, now()) };
    assert_eq!(tell(std::slice::from_ref(&critical), now().plus(HOUR * 23)), None);
    assert!(tell(std::slice::from_ref(&critical), now().plus(DAY)).is_some());
    let seen = AlarmRecord { acknowledged: Some((now(), "Camille".into())), ..critical };
    assert_eq!(tell(std::slice::from_ref(&seen), now().plus(DAY * 6)), None, "somebody knows");
    assert!(tell(std::slice::from_ref(&seen), now().plus(DAY * 7)).is_some(), "and has done nothing for a week");
    let unheard = AlarmRecord { acknowledged: Some((now(), "Camille".into())), ..fresh.clone() };
    assert_eq!(tell(std::slice::from_ref(&unheard), now().plus(HOUR)), None, "taken note of before anybody was told");
    // Two raised within a minute are one notice; one below the level is none.
    let two = [fresh.clone(), record(Gravity::Info, 0, now()), record(Gravity::Critical, 4, now().plus(HOUR / 120))];
    let at = now().plus(Duration::from_secs(60));
    assert_eq!(tell(&two, at).unwrap().notices[0].1.len(), 2);
    // Over: told after it has stayed so, and not at all when nobody heard of it.
    let over = AlarmRecord { cleared_at: Some(now()), ..known };
    assert_eq!(tell(std::slice::from_ref(&over), now().plus(HOUR / 12)), None, "it may come back");
    let ended = tell(std::slice::from_ref(&over), now().plus(HOUR)).unwrap();
    assert!(ended.notices[0].1[0].over.is_some() && ended.forgotten.len() == 1 && ended.told.is_empty());
    let silent = AlarmRecord { cleared_at: Some(now()), ..fresh.clone() };
    let ended = tell(std::slice::from_ref(&silent), now().plus(HOUR)).unwrap();
    assert!(ended.notices.is_empty() && ended.forgotten.len() == 1);
    // A clock that was a year ahead when it was raised does not silence it for a year.
    let ahead = record(Gravity::Warning, 1, now().plus(DAY * 365));
    assert!(tell(std::slice::from_ref(&ahead), now()).is_some());
    // Without a channel nothing counts as told; a channel does not tell of itself.
    assert_eq!(telling(std::slice::from_ref(&fresh), &[], Gravity::Info, at, &pace), None);
    let mut own = fresh;
    own.alarm.subject = "notice:mail".into();
    let both = telling(std::slice::from_ref(&own), &["mail", "webhook"], Gravity::Info, at, &pace).unwrap();
    assert_eq!(both.notices.iter().map(|(channel, _)| *channel).collect::<Vec<_>>(), ["webhook"]);
}

#[test]
fn what_a_look_cannot_tell_stays_as_it_is() {
    let known = [record(Gravity::Warning, 1, now())];
    assert_eq!(changes(&known, &[known[0].alarm.clone()], &[]), []);
    assert_eq!(changes(&known, &[], &[]), [AlarmChange::Clear("password:univ/production".into())]);
    assert_eq!(changes(&known, &[], &["password:univ/production".into()]), []);
    let graver = Alarm { gravity: Gravity::Critical, stage: 4, ..known[0].alarm.clone() };
    assert_eq!(changes(&known, std::slice::from_ref(&graver), &[]), [AlarmChange::Raise(graver)]);
}

#[test]
fn a_notice_says_the_box_the_place_the_gravest_thing_and_what_to_do() {
    let notify = NotifySection { page: Some("https://boite.univ.fr/".into()), ..NotifySection::default() };
    let own = [Watched {
        id: "univ".parse().unwrap(),
        name: "Université Exemple".into(),
        siret: "12345678200051".parse().unwrap(),
    }];
    let voice = Voice { notify: &notify, establishments: &own, machine: "boite" };
    let item = |gravity, over| {
        let AlarmRecord { alarm, raised_at, .. } = record(gravity, 1, now());
        let Alarm { subject, realm, fault, .. } = alarm;
        NoticeItem { subject, realm, fault, gravity, since: raised_at, over }
    };
    let items = [item(Gravity::Critical, Some(now())), item(Gravity::Warning, None), item(Gravity::Critical, None)];
    let subject = voice.subject(&items);
    assert!(subject.starts_with("[Fluxgate univ, boite] Critique : Le mot de passe"), "{subject}");
    let whole = voice.subject(&items[1..2]);
    assert!(whole.starts_with("[Fluxgate univ, boite] Avertissement : "), "{whole}");
    let text = voice.text(&items, now());
    let order = ["CRITIQUE FG-601", "AVERTISSEMENT FG-601", "TERMINÉ FG-601", "La page : https://boite.univ.fr/"];
    let places: Vec<usize> =
        order.iter().map(|words| text.find(words).unwrap_or_else(|| panic!("{words}: {text}"))).collect();
    assert!(places.is_sorted(), "{text}");
    assert!(text.contains("Où : Université Exemple (univ), production") && text.contains("Qui agit : l'établissement"));
    let json = voice.json("m", &items, now());
    assert_eq!((json["alarms"].as_array().unwrap().len(), &json["test"]), (3, &false.into()));
    assert!(voice.subject(&[]).contains("Essai"));
}
