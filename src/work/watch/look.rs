//! One look at everything the watch looks at. Nothing here waits for a network.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::{Duration, Instant};

use x509_parser::pem::Pem;

use crate::domain::{Environment, Timestamp};
use crate::fault::Code;
use crate::os::disk;
use crate::store::StoreError;
use crate::work::core::Core;
use crate::work::others::{Others, Owed};
use crate::work::remote_log::RemoteLog;
use crate::work::sweep::List;
use crate::work::watch::channel;
use crate::work::watch::expiry::{self, Remembered};
use crate::work::watch::judgement::{
    Certificate, Channel, Disk, Facts, Foreign, Password, Service, ToValidate, channel_subject,
};
use crate::work::watch::settings::{CertificateFile, CertificateRole};
use crate::work::watch::{Memory, Readings};
use crate::work::{codes, reception, worklist};

/// The longest certificate file that is read, in bytes.
const PEM_LIMIT: u64 = 1 << 20;
/// What an answer said about the time counts for so long.
const CLOCK_READING_LASTS: Duration = Duration::from_secs(24 * 3600);
/// A jump of the clock stays on the page for so long.
const JUMP_SHOWN: Duration = Duration::from_secs(24 * 3600);
/// The clock jumped when it and the steady one disagree by more.
const JUMP_LEAST: Duration = Duration::from_secs(60);
/// Between two notes of the free space, and how many are kept: a week.
const DISK_NOTE_EVERY: Duration = Duration::from_secs(3600);
const DISK_NOTES: usize = 7 * 24;
/// A trend needs notes over so long.
const DISK_TREND_LEAST: Duration = Duration::from_secs(6 * 3600);
/// After a start everything open has so long to be read.
const SWEEP_FIRST: Duration = Duration::from_secs(6 * 3600);
/// A database that failed counts as failing until it has not for so long.
const DATABASE_HEALS: Duration = Duration::from_secs(5 * 60);

/// What a look saw, and what it could not tell anything about.
pub(super) struct Look {
    pub facts: Facts,
    pub unsure: Vec<String>,
    pub readings: Readings,
}

pub(super) fn look(core: &Core, memory: &mut Memory) -> Result<Look, StoreError> {
    let now = core.now();
    let options = core.options.load();
    let connectors = core.connectors.load();
    let reader = core.store.reader()?;
    let mut facts = Facts {
        reception_poll: options.limits.reception_wait(),
        checkpoint_every: options.watch.checkpoint_every,
        tables: options.tables_refused.clone(),
        walls: core.front.everybodys(),
        remote_log: options.watch.remote_log.as_ref().and_then(RemoteLog::silence),
        releases: options.watch.releases.as_ref().and_then(|releases| releases.unreached(now)),
        waiting: options.watch.waiting.version(),
        ..Facts::default()
    };
    let mut unsure = Vec::new();

    let remembered = reader.remembered_everywhere(expiry::MEMORY)?;
    for connector in connectors.iter() {
        let realm = connector.realm();
        let known = remembered.iter().find(|(of, _)| of == realm).and_then(|(_, text)| Remembered::read(text));
        if let Some(known) = known {
            facts.passwords.push(Password {
                realm: realm.clone(),
                login: connector.login().to_owned(),
                ends: known.ends(),
            });
        }
        for health in connector.health() {
            facts.services.push(Service {
                realm: realm.clone(),
                service: health.service,
                failing: health.failing,
                failed: health.failed,
            });
        }
        if let Some((ahead, age)) = connector.clock_ahead()
            && age < CLOCK_READING_LASTS
            && facts.clocks.iter().all(|(known, _)| *known != realm.environment)
        {
            facts.clocks.push((realm.environment, ahead));
        }
    }
    untried(core, &facts, &mut unsure)?;
    let until = reader.remembered_everywhere(reception::CURSOR)?;
    for (realm, _) in options.receivers() {
        let known = until.iter().find(|(of, _)| *of == realm).and_then(|(_, text)| text.parse::<Timestamp>().ok());
        // A box that was off looks first before it complains.
        let since = known.unwrap_or(memory.begun).max(memory.begun);
        facts.receptions.push((realm, now.since(since)));
    }
    received(core, memory, now, &mut facts)?;
    facts.to_validate = to_validate(core, memory, now)?;
    facts.certificates = options.watch.certificates.iter().filter_map(certificate).collect();
    facts.jump = memory.jump(now, JUMP_LEAST).filter(|(_, at)| now.since(*at) < JUMP_SHOWN);
    facts.disk = space(core, memory, now);
    facts.codes = codes::unknown(&reader, now)?;
    facts.late = reader.late(now)?;
    facts.untaken = reader.untaken(Code::NotTaken)?;
    facts.halts = reader.halts()?.into_iter().map(|(realm, fault, _)| (realm, fault)).collect();
    facts.database = database(core, memory);
    facts.unsealed = unsealed(core, memory, reader.checkpoint()?.map_or(0, |c| c.size));
    for name in channel::names(&options.watch.notify) {
        match memory.channels.get(name) {
            Some(trouble) => facts.channels.push(Channel { name, trouble: trouble.clone() }),
            None => unsure.push(channel_subject(name)),
        }
    }
    facts.directories = directories(core, memory, now)?;
    facts.directory_refresh = options.limits.directory_refresh.get();
    let readings = Readings {
        passwords: facts.passwords.iter().filter_map(|p| Some((p.realm.clone(), p.ends?))).collect(),
        certificates: facts.certificates.iter().filter_map(|c| Some((c.role, c.ends.clone().ok()?))).collect(),
        clocks: facts.clocks.clone(),
    };
    Ok(Look { facts, unsure, readings })
}

/// Since when each realm that receives has had its lists read throughout, whose invoices else its account shows, and what it
/// has still to read because it receives for it only by now.
fn received(core: &Core, memory: &Memory, now: Timestamp, facts: &mut Facts) -> Result<(), StoreError> {
    let (options, connectors) = (core.options.load(), core.connectors.load());
    let reader = core.store.reader()?;
    // A box that was off for weeks reads first before it complains.
    let is_new = now.since(memory.begun) < SWEEP_FIRST;
    for (realm, _) in options.receivers() {
        let mut since = None::<Timestamp>;
        for list in List::ALL {
            let whole = reader.remembered(&realm, list.name())?.and_then(|text| text.parse::<Timestamp>().ok());
            let whole = whole.unwrap_or(memory.begun);
            since = Some(since.map_or(whole, |since| since.min(whole)));
        }
        facts.sweeps.extend(since.filter(|_| !is_new).map(|at| (realm.clone(), now.since(at))));
        let unread = Owed::to(&reader, &options, &realm)?.list();
        if !unread.is_empty() {
            facts.unread.push((realm.clone(), unread));
        }
        let structures = Others::kept(&reader, &realm)?.list(&options, &realm);
        if let Ok(connector) = connectors.get(&realm)
            && !structures.is_empty()
        {
            facts.foreign.push(Foreign { realm, login: connector.login().to_owned(), structures });
        }
    }
    Ok(())
}

/// How the lists of invoices to validate fared, of the realms that want them.
fn to_validate(core: &Core, memory: &Memory, now: Timestamp) -> Result<Vec<ToValidate>, StoreError> {
    let options = core.options.load();
    let reader = core.store.reader()?;
    let mut lists = Vec::new();
    for (realm, _) in options.receivers().into_iter().filter(|(realm, _)| options.validates(realm)) {
        let whole = reader.remembered(&realm, worklist::WHOLE)?.and_then(|text| text.parse::<Timestamp>().ok());
        let since = whole.unwrap_or(memory.begun).max(memory.begun);
        let refused = reader.remembered(&realm, worklist::REFUSED)?.and_then(|kept| worklist::refusal(&kept));
        let has_some = refused.is_some() && reader.has_to_validate(&realm)?;
        lists.push(ToValidate { realm, age: now.since(since), refused, has_some });
    }
    Ok(lists)
}

/// After a start nothing is known of services that were not called yet: what was said of them before stays.
fn untried(core: &Core, facts: &Facts, unsure: &mut Vec<String>) -> Result<(), StoreError> {
    let connectors = core.connectors.load();
    for record in core.store.reader()?.alarms()? {
        let Some(realm) = &record.alarm.realm else {
            let clock = record.alarm.subject.strip_prefix("clock:");
            if clock.is_some_and(|of| connectors.iter().any(|c| c.realm().environment.as_str() == of))
                && !facts.clocks.iter().any(|(environment, _)| Some(environment.as_str()) == clock)
            {
                unsure.push(record.alarm.subject);
            }
            continue;
        };
        let service = record.alarm.fault.details.get("service").map(ToString::to_string);
        let is_about_service = record.alarm.subject.starts_with("service:");
        let tried = facts.services.iter().any(|s| s.realm == *realm && Some(s.service.as_ref()) == service.as_deref());
        if is_about_service && !tried && connectors.get(realm).is_ok() {
            unsure.push(record.alarm.subject);
        }
    }
    Ok(())
}

/// How old the local directory is of each environment that is connected; none where it is switched off. One that never
/// came is as old as this process: the first is fetched within minutes.
fn directories(core: &Core, memory: &Memory, now: Timestamp) -> Result<Vec<(Environment, Duration)>, StoreError> {
    if core.options.load().limits.directory_refresh.get().is_zero() {
        return Ok(Vec::new());
    }
    let connectors = core.connectors.load();
    let connected = |environment| connectors.iter().any(|connector| connector.realm().environment == environment);
    let reader = core.store.reader()?;
    let mut ages = Vec::new();
    for environment in Environment::ALL.into_iter().filter(|environment| connected(*environment)) {
        let fetched = reader.directory().state(environment)?.and_then(|state| state.fetched_at);
        ages.push((environment, now.since(fetched.unwrap_or(memory.begun))));
    }
    Ok(ages)
}

/// When a certificate's file ends; `None`: this box has not made it yet.
fn certificate(file: &CertificateFile) -> Option<Certificate> {
    let ends = match ends(&file.path, file.role) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !file.named => return None,
        ends => ends.map_err(|error| error.to_string()),
    };
    Some(Certificate { role: file.role, file: file.path.display().to_string(), ends })
}

/// A chain ends with its first certificate that does. A file of authorities ends with its last: the others may be there
/// for a change that is over, or to come.
fn ends(path: &Path, role: CertificateRole) -> io::Result<Timestamp> {
    let mut text = Vec::new();
    File::open(path)?.take(PEM_LIMIT).read_to_end(&mut text)?;
    let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut all = Vec::new();
    for pem in Pem::iter_from_buffer(&text) {
        let pem = pem.map_err(|e| wrong(e.to_string()))?;
        if pem.label != "CERTIFICATE" {
            continue;
        }
        let certificate = pem.parse_x509().map_err(|e| wrong(e.to_string()))?;
        let seconds = certificate.validity().not_after.timestamp();
        all.push(Timestamp::from_millis(seconds.saturating_mul(1000)));
    }
    let end = if role == CertificateRole::Door { all.iter().min() } else { all.iter().max() };
    end.copied().ok_or_else(|| wrong("no certificate in it".to_owned()))
}

fn space(core: &Core, memory: &mut Memory, now: Timestamp) -> Option<Disk> {
    let options = core.options.load();
    let free = disk::free_bytes(&options.watch.dir).ok()?;
    let reserve = options.limits.disk_reserve.bytes();
    if memory.space.last().is_none_or(|(at, _)| now < *at || now.since(*at) >= DISK_NOTE_EVERY) {
        memory.space.push((now, free));
        let surplus = memory.space.len().saturating_sub(DISK_NOTES);
        memory.space.drain(..surplus);
    }
    Some(Disk { free, reserve, days_left: days_left(&memory.space, free, reserve, now) })
}

/// Days until the reserve is reached when the space goes on shrinking as it has since the oldest note.
fn days_left(notes: &[(Timestamp, u64)], free: u64, reserve: u64, now: Timestamp) -> Option<u64> {
    let (since, before) = notes.first()?;
    let span = now.since(*since);
    let lost = before.checked_sub(free).filter(|lost| *lost > 0)?;
    if span < DISK_TREND_LEAST {
        return None;
    }
    let left = u128::from(free.saturating_sub(reserve));
    let seconds = left * u128::from(span.as_secs()) / u128::from(lost);
    u64::try_from(seconds / 86_400).ok()
}

/// Whether groups of steps were lost lately.
fn database(core: &Core, memory: &mut Memory) -> Option<String> {
    let lost = core.store.metrics().groups_failed;
    if lost > memory.groups_lost {
        memory.groups_lost = lost;
        memory.database_failed = Some(Instant::now());
    }
    let failed = memory.database_failed.is_some_and(|at| at.elapsed() < DATABASE_HEALS);
    failed.then(|| format!("groups of steps lost since the start: {lost}"))
}

/// How long leaves have waited for a seal while none was signed.
fn unsealed(core: &Core, memory: &mut Memory, sealed: u64) -> Option<Duration> {
    if core.store.metrics().leaves <= sealed {
        memory.unsealed = None;
        return None;
    }
    match memory.unsealed {
        Some((at, since)) if at == sealed => Some(since.elapsed()),
        _ => {
            memory.unsealed = Some((sealed, Instant::now()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(n: u64) -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_secs(3600 * n))
    }

    #[test]
    fn a_shrinking_disk_is_told_by_its_pace_and_a_steady_one_is_not() {
        let notes = [(hours(0), 100 << 30), (hours(12), 90 << 30)];
        // 20 GiB a day, 60 GiB to the reserve.
        assert_eq!(days_left(&notes, 80 << 30, 20 << 30, hours(24)), Some(3));
        assert_eq!(days_left(&notes, 10 << 30, 20 << 30, hours(24)), Some(0));
        assert_eq!(days_left(&notes, 100 << 30, 20 << 30, hours(24)), None);
        assert_eq!(days_left(&notes, 80 << 30, 20 << 30, hours(3)), None, "a burst is no trend");
        assert_eq!(days_left(&[], 1, 1, hours(1)), None);
    }

    #[test]
    fn a_chain_ends_with_its_first_and_authorities_with_their_last() {
        let made = |year: i32| {
            let mut params = rcgen::CertificateParams::new(vec!["a.fr".to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 5, 2);
            params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chain.pem");
        std::fs::write(&path, made(2031) + &made(2030)).unwrap();
        let day = |role| ends(&path, role).unwrap().paris_date();
        assert_eq!(
            (day(CertificateRole::Door), day(CertificateRole::Mail)),
            ("2030-05-02".into(), "2031-05-02".into())
        );
        std::fs::write(&path, "no certificate").unwrap();
        let file = |named| CertificateFile { role: CertificateRole::Door, path: path.clone(), named };
        assert!(certificate(&file(true)).unwrap().ends.unwrap_err().contains("no certificate"));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(certificate(&file(false)), None, "the door's own is made at first start");
        assert!(certificate(&file(true)).unwrap().ends.is_err());
    }
}
