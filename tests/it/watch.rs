//! Do people hear of what will stop the box? A real SMTP server and a real webhook receiver, the simulator's own date for the
//! technical account's password, and a clock that the test sets.

pub mod mailbox;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use fluxgate::domain::Timestamp;
use fluxgate::fault::{Gravity, Text};
use fluxgate::simulator::Scenario;
use fluxgate::store::AlarmRecord;
use fluxgate::work::LimitsSection;
use fluxgate::work::watch::{self, MailSection, NotifySection, Pace, WatchOptions, Watched, WebhookSection};

use self::mailbox::{Hook, Mail, Postbox, Say};
use crate::gateway::{Gateway, hurried, quick_limits, write_secret};
use crate::proxy::{Manner, Proxy};

/// Waits of a test: everything within a second.
fn quick() -> Pace {
    let millis = Duration::from_millis;
    Pace {
        look: millis(50),
        gather: millis(300),
        over_after: millis(200),
        repeat: Duration::from_secs(24 * 3600),
        retry: millis(200),
        retry_longest: Duration::from_secs(3600),
    }
}

fn mail_to(postbox: &Postbox, more: &str) -> MailSection {
    let text = format!(
        "server = \"localhost:{}\"\nfrom = \"Fluxgate <fluxgate@univ.fr>\"\nto = [\"dsi@univ.fr\"]\nca_file = \"smtp-ca.pem\"\n{more}",
        postbox.port
    );
    toml::from_str(&text).unwrap()
}

pub fn options(gateway: &Gateway, mail: Option<MailSection>, webhook: Option<WebhookSection>) -> WatchOptions {
    WatchOptions {
        notify: NotifySection { mail, webhook, ..NotifySection::default() },
        proxy: fluxgate::net::proxy::ProxySection::default(),
        dir: gateway.dir.path().to_owned(),
        establishments: vec![Watched {
            id: "univ-exemple".parse().unwrap(),
            name: "Université Exemple".to_owned(),
            siret: "12345678200051".parse().unwrap(),
        }],
        certificates: Vec::new(),
        checkpoint_every: Duration::from_secs(60),
        pace: quick(),
        remote_log: None,
        releases: None,
        waiting: Default::default(),
    }
}

fn limits() -> LimitsSection {
    // The machine that runs the tests may be short of space.
    LimitsSection { disk_reserve: fluxgate::domain::ByteSize::from_bytes(1), ..quick_limits() }
}

/// A gateway that watches, over a Chorus Pro whose password ends in so many days.
pub async fn watching(days: i64, mail: Option<&Postbox>, clock: Option<&Arc<AtomicI64>>) -> Gateway {
    let scenario = Scenario { password_days: days, ..hurried() };
    let mut gateway = Gateway::start(scenario, limits()).await;
    gateway.crash().await;
    if let Some(postbox) = mail {
        std::fs::write(gateway.dir.path().join("smtp-ca.pem"), &postbox.ca_pem).unwrap();
    }
    gateway.watch = options(&gateway, mail.map(|postbox| mail_to(postbox, "")), None);
    if let Some(clock) = clock {
        let ahead = Arc::clone(clock);
        gateway.clock =
            Arc::new(move || Timestamp::from_millis(Timestamp::now().millis() + ahead.load(Ordering::SeqCst)));
    }
    gateway.boot();
    gateway
}

fn alarm(gateway: &Gateway, subject: &str) -> Option<AlarmRecord> {
    let alarms = gateway.store().reader().unwrap().alarms().unwrap();
    alarms.into_iter().find(|a| a.alarm.subject == subject && a.cleared_at.is_none())
}

/// Notices that have not left by mail.
fn notices(gateway: &Gateway) -> usize {
    let later = Timestamp::now().plus(Duration::from_secs(3600));
    gateway.store().reader().unwrap().due_notices("mail", later).unwrap().len()
}

const PASSWORD: &str = "password:univ-exemple/practice";

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_password_that_chorus_pro_tells_is_an_alarm_by_how_near_it_is() {
    for (days, expected) in [
        (61, None),
        (59, Some(("FG-601", Gravity::Warning, 1, "dans 59 jours"))),
        (14, Some(("FG-601", Gravity::Warning, 3, "dans 14 jours"))),
        (0, Some(("FG-601", Gravity::Critical, 5, "aujourd'hui"))),
        (-2, Some(("FG-602", Gravity::Critical, 6, "a expiré le"))),
    ] {
        let gateway = watching(days, None, None).await;
        gateway
            .await_until("Chorus Pro was asked", || {
                let reader = gateway.store().reader().unwrap();
                !reader.remembered_everywhere("watch.password").unwrap().is_empty()
            })
            .await;
        match expected {
            None => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                assert_eq!(alarm(&gateway, PASSWORD), None);
            }
            Some((code, gravity, stage, words)) => {
                gateway.await_until("the alarm", || alarm(&gateway, PASSWORD).is_some()).await;
                let alarm = alarm(&gateway, PASSWORD).unwrap().alarm;
                let title = alarm.fault.title(fluxgate::fault::Language::Fr);
                assert_eq!((alarm.fault.code.as_str(), alarm.gravity, alarm.stage), (code, gravity, stage), "{days}");
                assert!(title.contains(words) && title.contains("TECH_"), "{title}");
            }
        }
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_threshold_is_told_once_by_mail_whatever_restarts_and_a_renewal_ends_it() {
    let mut postbox = Postbox::start(Say::default()).await;
    let clock = Arc::new(AtomicI64::new(0));
    let mut gateway = watching(40, Some(&postbox), Some(&clock)).await;
    let first = postbox.next().await;
    assert!(first.subject().contains("Avertissement : Le mot de passe du compte technique"), "{}", first.subject());
    assert!(first.subject().contains("univ-exemple"), "{}", first.subject());
    let text = first.text();
    for words in [
        "FG-601",
        "dans 40 jours",
        "Où : Université Exemple (univ-exemple), entraînement",
        "Que faire : Le gestionnaire principal",
    ] {
        assert!(text.contains(words), "{words} is missing in {text}");
    }
    gateway.await_until("it is written down that it left", || notices(&gateway) == 0).await;
    // Killed and begun anew: nothing is told twice.
    gateway.crash().await;
    gateway.boot();
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(postbox.waiting(), 0);
    // Eleven days later 30 days are crossed; the jump of the clock itself is told as well, in the same notice or another.
    clock.store(11 * 86_400_000, Ordering::SeqCst);
    let second = postbox.matching("dans 29 jours").await;
    assert!(second.text().contains("FG-601"));
    // 28 days left: no threshold, no notice of it.
    clock.store(12 * 86_400_000, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert!(postbox.drain().iter().all(|mail| !mail.text().contains("FG-601 -")), "told between two thresholds");
    // The manager renews it; the date is asked for again within a day.
    gateway.simulator.control().set_password_days(424).unwrap();
    clock.store(14 * 86_400_000, Ordering::SeqCst);
    let over = postbox.matching("TERMINÉ FG-601").await;
    assert!(over.text().contains("Terminé :"), "{}", over.text());
    assert_eq!(alarm(&gateway, PASSWORD), None);
    gateway.await_until("it is written down that the last one left", || notices(&gateway) == 0).await;
    let leaves = gateway.store().reader().unwrap().journal(0..1000).unwrap();
    let kind = |bytes: &[u8]| match fluxgate::audit::Leaf::read(bytes) {
        Ok(fluxgate::audit::LeafRead::V1(leaf)) => leaf.kind,
        other => panic!("{other:?}"),
    };
    let kinds: Vec<String> = leaves.iter().map(|leaf| kind(&leaf.bytes)).collect();
    for (kind, least) in [("alarm", 2), ("alarm_over", 1), ("notice", 3)] {
        assert!(kinds.iter().filter(|k| *k == kind).count() >= least, "{kind}: {kinds:?}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_later_gets_the_notice_later_and_one_that_refuses_is_an_alarm_itself() {
    let mut postbox = Postbox::start(Say { later: 2, ..Say::default() }).await;
    let gateway = watching(5, Some(&postbox), None).await;
    let mail = postbox.next().await;
    assert!(mail.subject().contains("Critique"), "{}", mail.subject());
    assert_eq!(postbox.refused(), 2);
    gateway.stop().await;

    let postbox = Postbox::start(Say { refuse_all: true, ..Say::default() }).await;
    let gateway = watching(5, Some(&postbox), None).await;
    gateway.await_until("the failing channel is an alarm", || alarm(&gateway, "notice:mail").is_some()).await;
    let fault = alarm(&gateway, "notice:mail").unwrap().alarm.fault;
    assert_eq!(fault.code.as_str(), "FG-614");
    assert!(fault.title(fluxgate::fault::Language::Fr).contains("550"), "{fault}");
    gateway.stop().await;
}

/// One test notice: what the channel said.
async fn tried(gateway: &Gateway, mail: MailSection) -> Result<Vec<String>, String> {
    let mut outcomes = watch::test(&options(gateway, Some(mail), None)).await;
    assert_eq!((outcomes.len(), outcomes[0].0), (1, "mail"));
    let english = |refused: Vec<Text>| refused.iter().map(ToString::to_string).collect();
    outcomes.remove(0).1.map(english).map_err(|error| format!("{error:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_by_starttls_or_tls_with_a_log_in_and_never_past_a_wrong_certificate() {
    let gateway = Gateway::start(hurried(), limits()).await;
    let ca = gateway.dir.path().join("smtp-ca.pem");
    write_secret(&gateway.dir.path().join("smtp.password"), "s3cret-word\n");
    let login = "login = \"fluxgate\"\npassword_file = \"smtp.password\"\n";
    for (say, security) in [
        (Say { password: Some("s3cret-word"), ..Say::default() }, "starttls"),
        (Say { tls: true, password: Some("s3cret-word"), ..Say::default() }, "tls"),
    ] {
        let mut postbox = Postbox::start(say).await;
        std::fs::write(&ca, &postbox.ca_pem).unwrap();
        let own = format!("{login}security = \"{security}\"\n");
        assert_eq!(tried(&gateway, mail_to(&postbox, &own)).await, Ok(Vec::new()), "{security}");
        let mail = postbox.next().await;
        assert!(mail.encrypted && mail.subject().contains("Essai des alarmes"), "{}", mail.subject());
        assert!(!mail.data.contains("s3cret-word"));
        // The wrong password: told, and not in the words of the secret.
        write_secret(&gateway.dir.path().join("smtp.password"), "autre-mot\n");
        let said = tried(&gateway, mail_to(&postbox, &own)).await.unwrap_err();
        assert!(said.starts_with("Lasting") && said.contains("535") && !said.contains("autre-mot"), "{said}");
        write_secret(&gateway.dir.path().join("smtp.password"), "s3cret-word\n");
        // Another authority: nothing but greetings has crossed.
        std::fs::write(&ca, Postbox::other_ca()).unwrap();
        let said = tried(&gateway, mail_to(&postbox, &own)).await.unwrap_err();
        assert!(said.starts_with("Lasting") && said.to_lowercase().contains("certificate"), "{said}");
        assert_eq!(postbox.waiting(), 0);
    }
    let postbox = Postbox::start(Say { no_starttls: true, ..Say::default() }).await;
    let said = tried(&gateway, mail_to(&postbox, "")).await.unwrap_err();
    assert!(said.contains("STARTTLS"), "{said}");
    assert!(!postbox.heard("MAIL FROM"), "not a word of the message in the clear");
    // One recipient of two is refused: the other has it, and the refusal is told.
    let mut postbox = Postbox::start(Say { unknown: Some("parti@univ.fr"), ..Say::default() }).await;
    std::fs::write(&ca, &postbox.ca_pem).unwrap();
    let mut mail = mail_to(&postbox, "");
    mail.to.push("parti@univ.fr".to_owned());
    let refused = tried(&gateway, mail).await.unwrap();
    // The server quotes the address; the alarm, the journal and the logs do not. The list says who it is.
    assert_eq!(refused, ["recipient 2 of 2: permanent error (550): 5.1.1 <…>: no such person as …"]);
    let taken: Mail = postbox.next().await;
    assert_eq!(taken.to, ["dsi@univ.fr"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_carries_a_signature_that_its_receiver_can_check() {
    let mut hook = Hook::start([500, 200, 200]).await;
    let mut gateway = watching(5, None, None).await;
    gateway.crash().await;
    write_secret(&gateway.dir.path().join("hook.secret"), "cle-partagee\n");
    let section = WebhookSection {
        url: format!("http://127.0.0.1:{}/hooks/x?token=jeton", hook.port),
        secret_file: Some("hook.secret".into()),
        ca_file: None,
    };
    gateway.watch = options(&gateway, None, Some(section));
    gateway.boot();
    // Broken over there at first: the same notice comes again.
    let (first, second) = (hook.next().await, hook.next().await);
    let (one, two) = (first.json(), second.json());
    assert_eq!(one["id"], two["id"]);
    for call in [&first, &second] {
        assert_eq!(call.header("fluxgate-signature"), mailbox::signature("cle-partagee", &call.body));
        assert_eq!(call.target, "/hooks/x?token=jeton");
    }
    assert_eq!(two["alarms"][0]["code"], "FG-601");
    assert_eq!((two["alarms"][0]["gravity"].as_str(), two["test"].as_bool()), (Some("critical"), Some(false)));
    gateway
        .await_until("nothing waits any more", || {
            gateway.store().reader().unwrap().due_notices("webhook", Timestamp::now()).unwrap().is_empty()
        })
        .await;
    gateway.stop().await;
}

/// From now on the database refuses these changes, as a full disk would, and goes on taking others.
fn unwritable(gateway: &Gateway, change: &str) {
    database(gateway, &format!("CREATE TRIGGER full BEFORE {change} BEGIN SELECT RAISE(ABORT, 'disk full'); END"));
}

fn database(gateway: &Gateway, sql: &str) {
    rusqlite::Connection::open(gateway.dir.path().join("fluxgate.db")).unwrap().execute_batch(sql).unwrap();
}

/// Something else happens meanwhile: many looks and rounds of the watch.
async fn a_while(gateway: &Gateway, name: &str) {
    gateway.drop_flow(name, crate::gateway::invoice(name.trim_end_matches(".xml"))).await;
    gateway.await_final(&format!("{name}.json")).await;
}

/// Seen: a letter that left, and could not be noted as such, left again each second.
#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_left_and_cannot_be_written_down_does_not_leave_again() {
    let mut postbox = Postbox::start(Say::default()).await;
    let mut gateway = watching(5, None, None).await;
    gateway.crash().await;
    std::fs::write(gateway.dir.path().join("smtp-ca.pem"), &postbox.ca_pem).unwrap();
    gateway.watch = options(&gateway, Some(mail_to(&postbox, "")), None);
    gateway.boot();
    unwritable(&gateway, "DELETE ON notice");
    let first = postbox.next().await;
    assert!(first.text().contains("FG-601"), "{}", first.text());
    a_while(&gateway, "PENDANT-1.xml").await;
    a_while(&gateway, "PENDANT-2.xml").await;
    assert!(notices(&gateway) > 0, "it is not written down that it left");
    database(&gateway, "DROP TRIGGER full");
    gateway.await_until("it is written down that it left", || notices(&gateway) == 0).await;
    assert_eq!(postbox.drain().iter().filter(|mail| mail.text().contains("FG-601")).count(), 0, "it came once");
    gateway.stop().await;
}

/// Seen: the end of the password, told and not written down, was asked for again at each look.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_written_down_is_not_asked_for_at_each_look() {
    let mut gateway = Gateway::start(hurried(), limits()).await;
    gateway.crash().await;
    gateway.watch = options(&gateway, None, None);
    unwritable(&gateway, "INSERT ON memory WHEN NEW.name = 'watch.password'");
    gateway.boot();
    let asked = || gateway.simulator.ledger().calls_of("structures/consulter");
    gateway.await_until("Chorus Pro was asked", || asked() > 0).await;
    a_while(&gateway, "PENDANT-3.xml").await;
    assert_eq!(asked(), 1, "many looks later");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_refuses_the_webhook_is_told_at_once_as_what_it_is() {
    let gateway = Gateway::start(hurried(), limits()).await;
    let webhook = WebhookSection { url: "https://chat.univ.test/x".into(), secret_file: None, ca_file: None };
    let ntlm = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: NTLM\r\n\r\n";
    for (answer, words) in [(ntlm, "log-in (407)"), ("HTTP/1.1 403 Forbidden\r\n\r\n", "does not open")] {
        let proxy = Proxy::start(Manner::Refuse(answer)).await;
        let own = WatchOptions {
            proxy: crate::proxy::section(proxy.address, gateway.dir.path(), None),
            ..options(&gateway, None, Some(webhook.clone()))
        };
        let outcome = watch::test(&own).await.remove(0).1;
        let Err(watch::ChannelError::Lasting(said)) = outcome else { panic!("{outcome:?}") };
        assert!(said.en.contains("proxy of [proxy]") && said.en.contains(words), "{said}");
        assert!(said.fr.contains("le proxy de [proxy]"), "{said:?}");
        assert_eq!(proxy.targets(), 1);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_is_as_late_after_a_restart_as_before() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.crash().await;
    gateway.watch.pace.look = std::time::Duration::from_millis(50);
    gateway.boot();
    let remembered = |gateway: &Gateway| {
        gateway
            .store()
            .reader()
            .unwrap()
            .remembered(&crate::gateway::realm(), "watch.calls")
            .unwrap()
            .unwrap_or_default()
    };
    gateway.await_until("an answer", || remembered(&gateway).contains("rechercher/recipiendaire")).await;
    gateway.simulator.control().begin_outage(fluxgate::simulator::OutageKind::Unavailable);
    let failures = |gateway: &Gateway| {
        let kept: serde_json::Value = serde_json::from_str(&remembered(gateway)).unwrap_or_default();
        let services = kept.as_array().cloned().unwrap_or_default();
        services.iter().filter_map(|service| service["failing"][1].as_u64()).max().unwrap_or(0)
    };
    gateway.await_until("failures in a row", || failures(&gateway) >= 3).await;
    gateway.crash().await;
    let by = std::time::Duration::from_secs(2 * 3600);
    gateway.clock = std::sync::Arc::new(move || fluxgate::domain::Timestamp::now().plus(by));
    gateway.boot();
    let alarmed = || {
        let alarms = gateway.store().reader().unwrap().alarms().unwrap();
        alarms.iter().any(|a| a.cleared_at.is_none() && a.alarm.fault.code.as_str() == "FG-610")
    };
    gateway.await_until("the alarm: two hours are two hours", alarmed).await;
    gateway.stop().await;
}
