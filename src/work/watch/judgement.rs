//! What is an alarm, and how grave: pure, from what was seen and the time.

use std::borrow::Cow;
use std::time::Duration;

use crate::domain::{Environment, Realm, Timestamp};
use crate::fault::{Code, Fault, Gravity, Text};
use crate::os::sandbox::{Report, name_of};
use crate::store::{Alarm, AlarmChange, AlarmRecord, halt_subject};
use crate::update::Version;
use crate::work::codes::UnknownCode;
use crate::work::recipients::RECENT;
use crate::work::releases::Unreached;
use crate::work::remote_log::Silence;
use crate::work::watch::settings::CertificateRole;

/// Days before the end of a password or a certificate at which people are told; the stage is the place here, from 1.
const THRESHOLDS: [i64; 5] = [60, 30, 15, 7, 1];
/// The stage of what has ended.
const ENDED: u32 = 6;
/// From this stage on (7 days) the end is critical.
const CRITICAL_STAGE: u32 = 4;
/// The clock's difference to Chorus Pro's.
const CLOCK_WARNING: Duration = Duration::from_secs(30);
const CLOCK_CRITICAL: Duration = Duration::from_secs(5 * 60);
/// Below so many reserves the disk is told.
const RESERVES_WARNING: u64 = 2;
/// Days until the reserve is reached, at the pace of the last days.
const DISK_WARNING_DAYS: u64 = 7;
const DISK_CRITICAL_DAYS: u64 = 1;
/// A service that has failed for so long, so many times in a row, and was tried lately.
const SERVICE_WARNING: Duration = Duration::from_secs(3600);
const SERVICE_CRITICAL: Duration = Duration::from_secs(4 * 3600);
const SERVICE_FAILURES: u64 = 3;
const SERVICE_TRIED_WITHIN: Duration = Duration::from_secs(2 * 3600);
/// Received invoices that could not be looked for throughout: so many polls, but not less than an hour.
const RECEPTION_POLLS: u32 = 4;
const RECEPTION_LEAST: Duration = Duration::from_secs(3600);
const RECEPTION_CRITICAL: Duration = Duration::from_secs(24 * 3600);
/// Everything open is read once a week; three days later it is missed.
const SWEEP_WARNING: Duration = Duration::from_secs(10 * 24 * 3600);
/// Structures that an alarm names.
const STRUCTURES_TOLD: usize = 5;
/// Denied calls of the kernel that an alarm names.
const CALLS_TOLD: usize = 8;
/// Codes that an alarm names.
const CODES_TOLD: usize = 4;
/// A list of invoices to validate that was not read throughout for so long.
const TO_VALIDATE_WARNING: Duration = Duration::from_secs(24 * 3600);
/// Flows that are late become critical a day after.
const LATE_CRITICAL: Duration = Duration::from_secs(24 * 3600);
/// A journal without a seal for so long beyond its own interval.
const SEAL_GRACE: Duration = Duration::from_secs(10 * 60);
/// A local directory that is older only warns where it would refuse (see `recipients`); one that is refreshed seldom by
/// the configuration is old when it was missed twice.
const DIRECTORY_OLD: Duration = RECENT;
const DIRECTORY_MISSED: u32 = 2;
/// Log lines that have not left for so long.
const REMOTE_LOG_WARNING: Duration = Duration::from_secs(15 * 60);
/// Releases that could not be looked for for so long.
const RELEASES_WARNING: Duration = Duration::from_secs(7 * 24 * 3600);
/// A channel that failed so often in a row has more than a hiccup.
const CHANNEL_TRIES: u32 = 3;

/// Everything that was seen in one look.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Facts {
    pub passwords: Vec<Password>,
    pub certificates: Vec<Certificate>,
    /// By how many milliseconds this machine is ahead of each Chorus Pro.
    pub clocks: Vec<(Environment, i64)>,
    /// The last jump of the clock, in seconds, and when.
    pub jump: Option<(i64, Timestamp)>,
    pub disk: Option<Disk>,
    pub services: Vec<Service>,
    /// Since when received invoices are known throughout.
    pub receptions: Vec<(Realm, Duration)>,
    pub reception_poll: Duration,
    /// Since the lists that are read once a week were read throughout.
    pub sweeps: Vec<(Realm, Duration)>,
    pub foreign: Vec<Foreign>,
    /// What a realm receives for only by now, and has not read: each SIRET, and an invoice's number.
    pub unread: Vec<(Realm, Vec<(String, String)>)>,
    pub to_validate: Vec<ToValidate>,
    /// Codes that this version does not know, of realms that have some.
    pub codes: Vec<(Realm, Vec<UnknownCode>)>,
    /// Flows past their deadline: how many, and since when the oldest.
    pub late: Vec<(Realm, u64, Timestamp)>,
    /// Deliveries not taken: account, how many, since when the oldest.
    pub untaken: Vec<(Realm, String, u64, Timestamp)>,
    pub halts: Vec<(Realm, Fault)>,
    /// Why the database cannot write, or be read.
    pub database: Option<String>,
    /// How long leaves have waited for a seal.
    pub unsealed: Option<Duration>,
    pub checkpoint_every: Duration,
    pub channels: Vec<Channel>,
    /// Why the configured file of tables is not in force.
    pub tables: Option<Fault>,
    /// What the processes tell of the walls around them.
    pub walls: Vec<(&'static str, Report)>,
    /// How old each local directory is; how often it is to be refreshed.
    pub directories: Vec<(Environment, Duration)>,
    pub directory_refresh: Duration,
    /// Log lines that do not reach their server.
    pub remote_log: Option<Silence>,
    /// Where releases are looked for, when it does not answer.
    pub releases: Option<Unreached>,
    /// A release that nobody has installed yet.
    pub waiting: Option<Version>,
}

/// The technical account's password in a realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Password {
    pub realm: Realm,
    pub login: String,
    /// `None`: Chorus Pro answered without a date.
    pub ends: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    pub role: CertificateRole,
    pub file: String,
    pub ends: Result<Timestamp, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disk {
    pub free: u64,
    pub reserve: u64,
    /// Until the reserve is reached, at the pace of the last days; `None`: it does not shrink.
    pub days_left: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    pub realm: Realm,
    pub service: Cow<'static, str>,
    pub failing: Option<(Duration, u64)>,
    pub failed: Option<Duration>,
}

/// An account that shows invoices of other structures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Foreign {
    pub realm: Realm,
    pub login: String,
    /// Each SIRET, and an invoice's number.
    pub structures: Vec<(String, String)>,
}

/// A realm's list of invoices to validate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToValidate {
    pub realm: Realm,
    /// Since it was read throughout.
    pub age: Duration,
    /// Why Chorus Pro refused it last.
    pub refused: Option<Text>,
    /// Whether it ever held an invoice: this establishment does validate.
    pub has_some: bool,
}

/// How a channel fares; one that was not tried since the start is not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Channel {
    pub name: &'static str,
    /// Failures in a row, whether trying again can help, and what was said.
    pub trouble: Option<(u32, bool, Text)>,
}

/// Every alarm there is reason for.
pub(super) fn alarms(facts: &Facts, now: Timestamp) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    alarms.extend(facts.passwords.iter().filter_map(|password| of_password(password, now)));
    alarms.extend(facts.certificates.iter().filter_map(|certificate| of_certificate(certificate, now)));
    alarms.extend(facts.clocks.iter().filter_map(|(environment, ahead)| of_clock(*environment, *ahead)));
    alarms.extend(facts.jump.map(of_jump));
    alarms.extend(facts.disk.and_then(of_disk));
    let halted = |realm: &Realm| facts.halts.iter().any(|(of, _)| of == realm);
    // A halt says all there is to say about its realm's calls.
    alarms.extend(facts.services.iter().filter(|s| !halted(&s.realm)).filter_map(of_service));
    let receptions = facts.receptions.iter().filter(|(realm, _)| !halted(realm));
    alarms.extend(receptions.filter_map(|(realm, age)| of_reception(realm, *age, facts.reception_poll)));
    alarms.extend(
        facts.sweeps.iter().filter(|(realm, _)| !halted(realm)).filter_map(|(realm, age)| of_sweep(realm, *age)),
    );
    alarms.extend(facts.foreign.iter().map(of_foreign));
    alarms.extend(facts.unread.iter().map(|(realm, structures)| of_unread(realm, structures)));
    alarms.extend(facts.to_validate.iter().filter(|list| !halted(&list.realm)).filter_map(of_to_validate));
    alarms.extend(facts.codes.iter().filter_map(|(realm, codes)| of_codes(realm, codes)));
    alarms.extend(facts.late.iter().map(|late| of_late(late, now)));
    alarms.extend(facts.untaken.iter().map(|untaken| of_untaken(untaken, now)));
    alarms.extend(facts.halts.iter().map(|(realm, fault)| Alarm {
        subject: halt_subject(realm),
        realm: Some(realm.clone()),
        fault: fault.clone(),
        gravity: Gravity::Critical,
        stage: 0,
    }));
    alarms.extend(facts.database.as_ref().map(|detail| of_database(detail)));
    alarms.extend(facts.unsealed.and_then(|unsealed| of_seal(unsealed, facts.checkpoint_every)));
    alarms.extend(facts.channels.iter().filter_map(of_channel));
    alarms.extend(facts.tables.iter().map(|fault| plain("tables", fault.clone(), Gravity::Critical)));
    alarms.extend(facts.walls.iter().flat_map(|(process, report)| of_walls(process, report)));
    alarms.extend(facts.remote_log.as_ref().and_then(of_remote_log));
    alarms.extend(facts.releases.as_ref().and_then(of_releases));
    alarms.extend(
        facts
            .waiting
            .map(|version| plain("release", Fault::new(Code::ReleaseWaits).with("version", version), Gravity::Warning)),
    );
    let directories = facts.directories.iter();
    alarms.extend(directories.filter_map(|(of, age)| of_directory(*of, *age, facts.directory_refresh)));
    alarms
}

fn plain(subject: impl Into<String>, fault: Fault, gravity: Gravity) -> Alarm {
    Alarm { subject: subject.into(), realm: None, fault, gravity, stage: 0 }
}

fn in_realm(subject: &str, realm: &Realm, fault: Fault, gravity: Gravity) -> Alarm {
    let fault = fault.with("establishment", &realm.establishment).with("environment", realm.environment);
    Alarm { subject: format!("{subject}:{realm}"), realm: Some(realm.clone()), fault, gravity, stage: 0 }
}

/// How near an end is: the stage, its gravity and the days left; `None`: far away.
fn nearness(ended: bool, days: i64) -> Option<(u32, Gravity)> {
    let stage = if ended {
        ENDED
    } else {
        let crossed = THRESHOLDS.iter().filter(|threshold| days <= **threshold).count();
        u32::try_from(crossed).unwrap_or(ENDED)
    };
    let gravity = if stage >= CRITICAL_STAGE { Gravity::Critical } else { Gravity::Warning };
    (stage > 0).then_some((stage, gravity))
}

fn in_days(days: i64) -> Text {
    match days {
        ..=0 => Text::new("aujourd'hui", "today"),
        1 => Text::new("demain", "tomorrow"),
        _ => Text::new(format!("dans {days} jours"), format!("in {days} days")),
    }
}

fn of_password(password: &Password, now: Timestamp) -> Option<Alarm> {
    let Password { realm, login, ends } = password;
    let Some(ends) = ends else {
        let fault = Fault::new(Code::PasswordEndUnknown).with("login", login);
        return Some(in_realm("password", realm, fault, Gravity::Info));
    };
    // Chorus Pro tells a day: on that day it may still be taken.
    let days = now.paris_days_until(*ends);
    let (stage, gravity) = nearness(days < 0, days)?;
    let fault = match stage {
        ENDED => Fault::new(Code::PasswordExpired),
        _ => Fault::new(Code::PasswordExpires).with_text("when", &in_days(days)),
    };
    let fault = fault.with("login", login).with("date", ends.paris_day_text());
    Some(Alarm { stage, ..in_realm("password", realm, fault, gravity) })
}

fn role(role: CertificateRole) -> (String, Text) {
    match role {
        CertificateRole::Door => ("door".to_owned(), Text::new("la porte HTTPS", "the HTTPS door")),
        CertificateRole::Chorus(environment) => {
            let of = Text::from(environment);
            let fr = format!("l'autorité de confiance pour Chorus Pro, {}", of.fr);
            (format!("chorus.{environment}"), Text::new(fr, format!("the trusted authority for Chorus Pro, {}", of.en)))
        }
        CertificateRole::Mail => (
            "mail".to_owned(),
            Text::new("l'autorité de confiance du serveur de courriel", "the mail server's trusted authority"),
        ),
        CertificateRole::Webhook => {
            ("webhook".to_owned(), Text::new("l'autorité de confiance du webhook", "the webhook's trusted authority"))
        }
    }
}

/// A role as a word of subjects and metrics.
pub(super) fn role_word(of: CertificateRole) -> String {
    role(of).0
}

fn of_certificate(certificate: &Certificate, now: Timestamp) -> Option<Alarm> {
    let (word, what) = role(certificate.role);
    let subject = format!("certificate:{word}");
    let named = |code| Fault::new(code).with_text("what", &what).with("file", &certificate.file);
    let ends = match &certificate.ends {
        Ok(ends) => *ends,
        Err(detail) => {
            let fault = named(Code::CertificateUnreadable).with("detail", detail);
            return Some(plain(subject, fault, Gravity::Warning));
        }
    };
    let days = now.paris_days_until(ends);
    let (stage, gravity) = nearness(ends <= now, days)?;
    let fault = match stage {
        ENDED => named(Code::CertificateExpired),
        _ => named(Code::CertificateExpires).with_text("when", &in_days(days)),
    };
    let fault = fault.with("date", ends.paris_day_text());
    Some(Alarm { stage, ..plain(subject, fault, gravity) })
}

fn of_clock(environment: Environment, ahead: i64) -> Option<Alarm> {
    let off = Duration::from_millis(ahead.unsigned_abs());
    if off <= CLOCK_WARNING {
        return None;
    }
    let gravity = if off > CLOCK_CRITICAL { Gravity::Critical } else { Gravity::Warning };
    let how = if ahead > 0 { Text::new("avance", "ahead of") } else { Text::new("retarde", "behind") };
    let fault = Fault::new(Code::ClockWrong).with_text("how", &how).with_text("span", &span(off));
    Some(plain(format!("clock:{environment}"), fault.with("environment", environment), gravity))
}

fn of_jump((seconds, at): (i64, Timestamp)) -> Alarm {
    let direction = if seconds > 0 { Text::new("en avant", "forward") } else { Text::new("en arrière", "back") };
    let fault = Fault::new(Code::ClockStepped)
        .with_text("span", &span(Duration::from_secs(seconds.unsigned_abs())))
        .with_text("direction", &direction)
        .with("at", at.paris_text());
    plain("clock:jump", fault, Gravity::Warning)
}

fn of_disk(disk: Disk) -> Option<Alarm> {
    let Disk { free, reserve, days_left } = disk;
    // What is feared and what has come are two things: who took note of the one has not seen the other.
    let (stage, gravity) = if free < reserve {
        (3, Gravity::Critical)
    } else if days_left.is_some_and(|days| days <= DISK_CRITICAL_DAYS) {
        (2, Gravity::Critical)
    } else if free < reserve.saturating_mul(RESERVES_WARNING) || days_left.is_some_and(|days| days <= DISK_WARNING_DAYS)
    {
        (1, Gravity::Warning)
    } else {
        return None;
    };
    let trend = match days_left {
        _ if free < reserve => Text::new("plus aucun fichier n'est pris", "no file is taken any more"),
        None => Text::new("stable", "steady"),
        Some(0) => Text::new("réserve atteinte aujourd'hui à ce rythme", "reserve reached today at this pace"),
        Some(1) => Text::new("réserve atteinte demain à ce rythme", "reserve reached tomorrow at this pace"),
        Some(days) => Text::new(
            format!("réserve atteinte dans {days} jours à ce rythme"),
            format!("reserve reached in {days} days at this pace"),
        ),
    };
    let fault = Fault::new(Code::DiskFilling).with_text("free", &size(free)).with_text("reserve", &size(reserve));
    Some(Alarm { stage, ..plain("disk", fault.with_text("trend", &trend), gravity) })
}

fn of_service(service: &Service) -> Option<Alarm> {
    let (since, failures) = service.failing?;
    let tried = service.failed.is_some_and(|failed| failed < SERVICE_TRIED_WITHIN);
    if since < SERVICE_WARNING || failures < SERVICE_FAILURES || !tried {
        return None;
    }
    let gravity = if since >= SERVICE_CRITICAL { Gravity::Critical } else { Gravity::Warning };
    let fault = Fault::new(Code::ServiceFailing).with("service", &service.service).with_text("span", &span(since));
    let subject = format!("service:{}", service.service);
    Some(in_realm(&subject, &service.realm, fault, gravity))
}

fn of_reception(realm: &Realm, age: Duration, poll: Duration) -> Option<Alarm> {
    if age < poll.saturating_mul(RECEPTION_POLLS).max(RECEPTION_LEAST) {
        return None;
    }
    let gravity = if age >= RECEPTION_CRITICAL { Gravity::Critical } else { Gravity::Warning };
    Some(in_realm("reception", realm, Fault::new(Code::ReceptionStale).with_text("span", &span(age)), gravity))
}

fn of_sweep(realm: &Realm, age: Duration) -> Option<Alarm> {
    let fault = || Fault::new(Code::SweepStale).with_text("span", &span(age));
    (age >= SWEEP_WARNING).then(|| in_realm("sweep", realm, fault(), Gravity::Warning))
}

fn of_foreign(foreign: &Foreign) -> Alarm {
    let Foreign { realm, login, structures } = foreign;
    let fault = Fault::new(Code::ForeignInvoices).with("login", login).with("structures", named(structures));
    // One structure more is news.
    let stage = u32::try_from(structures.len()).unwrap_or(u32::MAX);
    Alarm { stage, ..in_realm("foreign", realm, fault, Gravity::Warning) }
}

fn of_unread(realm: &Realm, structures: &[(String, String)]) -> Alarm {
    let fault = Fault::new(Code::PassedOverUnread).with("structures", named(structures));
    in_realm("unread", realm, fault, Gravity::Info)
}

/// Structures by their SIRETs, each with an invoice's number.
fn named(structures: &[(String, String)]) -> String {
    let named = structures.iter().take(STRUCTURES_TOLD).map(|(siret, number)| format!("{siret} ({number})"));
    let mut told: Vec<String> = named.collect();
    if structures.len() > STRUCTURES_TOLD {
        told.push("…".to_owned());
    }
    told.join(", ")
}

fn of_to_validate(list: &ToValidate) -> Option<Alarm> {
    if let Some(refusal) = &list.refused {
        let gravity = if list.has_some { Gravity::Warning } else { Gravity::Info };
        let fault = Fault::new(Code::ToValidateRefused).with_text("detail", refusal);
        return Some(in_realm("to_validate", &list.realm, fault, gravity));
    }
    (list.age >= TO_VALIDATE_WARNING).then(|| {
        let fault = Fault::new(Code::ToValidateStale).with_text("span", &span(list.age));
        in_realm("to_validate", &list.realm, fault, Gravity::Warning)
    })
}

fn of_codes(realm: &Realm, codes: &[UnknownCode]) -> Option<Alarm> {
    let mut told: Vec<Text> = codes.iter().take(CODES_TOLD).map(UnknownCode::text).collect();
    if codes.len() > CODES_TOLD {
        told.push(Text::same("…"));
    }
    let joined = |of: fn(&Text) -> &str| told.iter().map(of).collect::<Vec<_>>().join(", ");
    let fault = Fault::new(Code::UnknownCodes)
        .with_text("codes", &Text::new(joined(|text| text.fr.as_str()), joined(|text| text.en.as_str())));
    // One code more is news.
    let stage = u32::try_from(codes.len()).unwrap_or(u32::MAX);
    (stage > 0).then(|| Alarm { stage, ..in_realm("codes", realm, fault, Gravity::Warning) })
}

fn of_late((realm, count, oldest): &(Realm, u64, Timestamp), now: Timestamp) -> Alarm {
    let age = now.since(*oldest);
    let gravity = if age >= LATE_CRITICAL { Gravity::Critical } else { Gravity::Warning };
    let fault = Fault::new(Code::FlowsLate).with("count", count).with_text("span", &span(age));
    Alarm { stage: magnitude(*count), ..in_realm("late", realm, fault, gravity) }
}

/// The stage of a count: ten times as many are another event than these few.
fn magnitude(count: u64) -> u32 {
    count.max(1).ilog10()
}

fn of_untaken((realm, account, count, oldest): &(Realm, String, u64, Timestamp), now: Timestamp) -> Alarm {
    let fault = Fault::new(Code::DeliveriesUntaken).with("account", account).with("count", count);
    let fault = fault.with_text("span", &span(now.since(*oldest)));
    Alarm { stage: magnitude(*count), ..in_realm(&format!("untaken:{account}"), realm, fault, Gravity::Warning) }
}

pub(super) fn of_database(detail: &str) -> Alarm {
    plain("database", Fault::new(Code::StoreFailed).with("detail", detail), Gravity::Critical)
}

fn of_seal(unsealed: Duration, every: Duration) -> Option<Alarm> {
    (unsealed > every + SEAL_GRACE).then(|| {
        let fault = Fault::new(Code::CheckpointLate).with_text("span", &span(unsealed));
        plain("seal", fault, Gravity::Critical)
    })
}

/// The subject of the alarm about a channel.
pub(super) fn channel_subject(channel: &str) -> String {
    format!("notice:{channel}")
}

fn of_channel(channel: &Channel) -> Option<Alarm> {
    let (tries, lasting, detail) = channel.trouble.as_ref()?;
    if !lasting && *tries < CHANNEL_TRIES {
        return None;
    }
    let name = match channel.name {
        "mail" => Text::new("courriel", "e-mail"),
        other => Text::same(other),
    };
    let fault = Fault::new(Code::NoticeFailed).with_text("channel", &name).with_text("detail", detail);
    Some(plain(channel_subject(channel.name), fault, Gravity::Warning))
}

fn of_remote_log(silence: &Silence) -> Option<Alarm> {
    let Silence { span: age, why, lost } = silence;
    let fault = || Fault::new(Code::RemoteLogFails).with_text("span", &span(*age)).with("lost", lost);
    let told = || plain("syslog", fault().with_text("detail", why), Gravity::Warning);
    (*age >= REMOTE_LOG_WARNING).then(told)
}

fn of_releases(unreached: &Unreached) -> Option<Alarm> {
    let Unreached { span: age, why } = unreached;
    let fault = || Fault::new(Code::ReleasesUnreached).with_text("span", &span(*age)).with_text("why", why);
    (*age >= RELEASES_WARNING).then(|| plain("releases", fault(), Gravity::Warning))
}

/// A kernel that cannot do more is told on the page alone; a call that was denied, to everybody who is told of warnings.
fn of_walls(process: &str, report: &Report) -> Vec<Alarm> {
    let Report { standing, denied } = report;
    let missing = match (standing.landlock > 0, standing.calls) {
        (true, true) => None,
        (false, true) => Some("landlock"),
        (true, false) => Some("seccomp"),
        (false, false) => Some("landlock, seccomp"),
    };
    let missing = missing.map(|missing| {
        let fault = Fault::new(Code::WallsMissing).with("process", process).with("missing", missing);
        plain(format!("walls:{process}"), fault, Gravity::Info)
    });
    let denied = (!denied.is_empty()).then(|| {
        let named: Vec<String> =
            denied.iter().take(CALLS_TOLD).map(|(number, times)| format!("{} × {times}", name_of(*number))).collect();
        let fault = Fault::new(Code::CallsDenied).with("process", process).with("calls", named.join(", "));
        plain(format!("denied:{process}"), fault, Gravity::Warning)
    });
    missing.into_iter().chain(denied).collect()
}

fn of_directory(environment: Environment, age: Duration, refresh: Duration) -> Option<Alarm> {
    (age > refresh.saturating_mul(DIRECTORY_MISSED).max(DIRECTORY_OLD)).then(|| {
        let fault = Fault::new(Code::DirectoryOld).with("environment", environment).with_text("span", &span(age));
        plain(format!("directory:{environment}"), fault, Gravity::Warning)
    })
}

/// What differs from what is known. `unsure`: subjects (or, ending with `:`, their beginnings) that this look cannot tell
/// anything about, so that they stay as they are.
pub(super) fn changes(known: &[AlarmRecord], present: &[Alarm], unsure: &[String]) -> Vec<AlarmChange> {
    let mut changes = Vec::new();
    for alarm in present {
        let same = known.iter().any(|record| record.cleared_at.is_none() && record.alarm == *alarm);
        if !same {
            changes.push(AlarmChange::Raise(alarm.clone()));
        }
    }
    let is_unsure = |subject: &str| unsure.iter().any(|u| subject == u || (u.ends_with(':') && subject.starts_with(u)));
    for record in known.iter().filter(|record| record.cleared_at.is_none()) {
        let subject = &record.alarm.subject;
        if !present.iter().any(|alarm| alarm.subject == *subject) && !is_unsure(subject) {
            changes.push(AlarmChange::Clear(subject.clone()));
        }
    }
    changes
}

/// A span in its largest unit, so that its text changes seldom.
pub(super) fn span(span: Duration) -> Text {
    match span.as_secs() {
        s @ 0..120 => Text::same(format!("{s} s")),
        s @ 120..7200 => Text::same(format!("{} min", s / 60)),
        s @ 7200..172_800 => Text::same(format!("{} h", s / 3600)),
        s => Text::new(format!("{} jours", s / 86_400), format!("{} days", s / 86_400)),
    }
}

fn size(bytes: u64) -> Text {
    let mebibytes = bytes >> 20;
    if mebibytes >= 10 << 10 {
        Text::new(format!("{} Gio", mebibytes >> 10), format!("{} GiB", mebibytes >> 10))
    } else {
        Text::new(format!("{mebibytes} Mio"), format!("{mebibytes} MiB"))
    }
}
