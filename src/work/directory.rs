//! Keeps the local directory: the whole of it from time to time, single recipients when an invoice for them comes by.
//!
//! Promises: it delays no flow and stops none (whatever Chorus Pro answers here halts no realm, and its failures pause
//! nobody but itself); it calls nobody while the realm is halted; an archive is durable before it is read, and is read
//! on after a crash; what cannot be read leaves what was known; the writer is held for milliseconds at a time.

mod enquiries;
mod reading;

pub(super) use enquiries::note;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::chorus::{Service, TelechargerAnnuaire};
use crate::domain::{DocumentHash, Environment, Realm, Timestamp};
use crate::fault::{Code, Fault, Language};
use crate::store::{DirectoryState, Note, StoreError};
use crate::work::connector::{CallError, Connector};
use crate::work::core::{Core, JobError};
use crate::work::recipients::ASKED_EVERY;

/// Between two looks at what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The first download of a box begins within this time, so that boxes switched on together do not call together ...
const FIRST_LONGEST: Duration = Duration::from_secs(10 * 60);
/// ... and not before, so that what was dropped while it was off goes first.
const FIRST_SHORTEST: Duration = Duration::from_secs(60);
/// Later ones come earlier than configured by up to a tenth of the time, for the same reason.
const JITTER_PART: u32 = 10;
/// After a round that our own disk or database broke off; doubled each time.
const BROKEN_FIRST: Duration = Duration::from_secs(10);
const BROKEN_LONGEST: Duration = Duration::from_secs(3600);
/// After a try that came to nothing; doubled each time.
const RETRY_FIRST: Duration = Duration::from_secs(5 * 60);
/// Between two tries that come to nothing.
const RETRY_LONGEST: Duration = Duration::from_secs(12 * 3600);

/// Refreshes until `stop` is set.
pub(super) async fn watch_over(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let begun = core.now();
    let mut own_asked: HashMap<Realm, Timestamp> = HashMap::new();
    let mut broken: u32 = 0;
    while !*stop.borrow() {
        if is_on(&core) {
            let round = async {
                own(&core, &mut own_asked).await?;
                enquiries::answer_due(&core, &stop).await?;
                refresh_due(&core, begun, &stop).await
            };
            match round.await {
                Ok(()) => broken = 0,
                // What cannot be written down would be asked for again at once.
                Err(error) => {
                    broken = broken.saturating_add(1);
                    log::error!(error = error.to_string().as_str(); "The local directory could not be kept up");
                }
            }
        }
        let rest = match broken {
            0 => LOOK_EVERY.min(wait(&core)),
            times => BROKEN_FIRST.saturating_mul(1 << (times - 1).min(16)).min(BROKEN_LONGEST),
        };
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// How often the whole directory is fetched; zero: there is none.
fn wait(core: &Core) -> Duration {
    core.options.load().limits.directory_refresh.get()
}

/// Whether there is a local directory at all.
pub(super) fn is_on(core: &Core) -> bool {
    wait(core) > Duration::ZERO
}

/// Why there is no answer.
struct Silence {
    fault: Fault,
    why: Why,
}

/// What that means for the next time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Chorus Pro refuses this very question.
    Refused,
    /// The service is not subscribed to, or the account is refused: it takes somebody to change that.
    Stopped,
    /// Chorus Pro, or the way to it, does not answer now.
    Passing,
}

/// Asks with the realm's connector, and lets nobody else feel what comes of it. A realm that is halted, paused or not
/// connected is not asked.
async fn ask<S: Service>(core: &Core, connector: &Connector, service: &S) -> Result<S::Answer, Silence> {
    connector
        .call(service)
        .await
        .map_err(|error| {
            log::info!(realm = connector.realm().to_string().as_str(), service = S::NAME,
            error = error.to_string().as_str(); "Chorus Pro says nothing of its directory now");
            let why = match error {
                CallError::Refused { .. } => Why::Refused,
                CallError::Stopped(_) => Why::Stopped,
                CallError::NotSent(_) | CallError::SlowDown { .. } | CallError::Lost(_) => Why::Passing,
            };
            Silence { fault: error.fault().clone(), why }
        })
        .inspect(|_| core.pauses.passed(connector.realm()))
}

/// The realm's connector, when it may be called now.
fn callable(core: &Core, halted: &[Realm], realm: &Realm) -> Option<Connector> {
    let paused = core.pauses.until(realm, std::time::Instant::now()).is_some();
    if paused || halted.contains(realm) { None } else { core.connectors.load().get(realm).ok() }
}

fn halted(core: &Core) -> Result<Vec<Realm>, StoreError> {
    Ok(core.store.reader()?.halts()?.into_iter().map(|(realm, ..)| realm).collect())
}

/// Asks about the establishments themselves, once a day.
async fn own(core: &Core, asked: &mut HashMap<Realm, Timestamp>) -> Result<(), StoreError> {
    let now = core.now();
    let options = core.options.load_full();
    for connector in core.connectors.load_full().iter() {
        let realm = connector.realm();
        let Some((_, siret)) = options.sirets.iter().find(|(id, _)| *id == realm.establishment) else { continue };
        if asked.get(realm).is_some_and(|at| now.since(*at) < ASKED_EVERY && *at <= now) {
            continue;
        }
        core.store.enquire(realm, siret.as_str(), None, ASKED_EVERY, now).await?;
        asked.insert(realm.clone(), now);
    }
    Ok(())
}

/// Fetches each environment's directory whose time it is.
async fn refresh_due(core: &Arc<Core>, begun: Timestamp, stop: &watch::Receiver<bool>) -> Result<(), JobError> {
    let connectors = core.connectors.load_full();
    for environment in Environment::ALL {
        let realms: Vec<&Realm> =
            connectors.iter().map(Connector::realm).filter(|realm| realm.environment == environment).collect();
        if *stop.borrow() || realms.is_empty() {
            continue;
        }
        let state = core.store.reader()?.directory().state(environment)?;
        let spread = spread(core.signer.origin(), environment);
        if !is_due(state.as_ref(), wait(core), spread, begun, core.now()) {
            continue;
        }
        if state.as_ref().is_some_and(|state| state.unread_at.is_some()) {
            reading::read_kept(core, environment, stop).await?;
            continue;
        }
        let halted = halted(core)?;
        let Some(connector) = realms.into_iter().find_map(|realm| callable(core, &halted, realm)) else { continue };
        fetch(core, &connector, state.as_ref(), stop).await?;
    }
    Ok(())
}

/// Where between 0 and 1 this box stands among the others.
fn spread(origin: &str, environment: Environment) -> f64 {
    let mut hasher = DefaultHasher::new();
    (origin, environment.as_str()).hash(&mut hasher);
    f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

fn is_due(state: Option<&DirectoryState>, every: Duration, spread: f64, begun: Timestamp, now: Timestamp) -> bool {
    let first = begun.plus(FIRST_SHORTEST + (FIRST_LONGEST - FIRST_SHORTEST).mul_f64(spread)).min(begun.plus(every));
    let Some(state) = state else { return now >= first };
    // A clock that was put back must not put a refresh off for years.
    let waits = state.retry_at.is_some_and(|at| at > now && at.since(now) <= RETRY_LONGEST);
    if waits {
        return false;
    }
    if state.wanted_at.is_some() || state.unread_at.is_some() {
        return true;
    }
    match state.fetched_at {
        Some(at) => at > now || now.since(at) >= every - (every / JITTER_PART).mul_f64(spread),
        None => now >= first || state.tries > 0,
    }
}

/// Downloads the directory and reads it.
async fn fetch(
    core: &Arc<Core>,
    connector: &Connector,
    state: Option<&DirectoryState>,
    stop: &watch::Receiver<bool>,
) -> Result<(), JobError> {
    let environment = connector.realm().environment;
    let now = core.now();
    let archive = match ask(core, connector, &TelechargerAnnuaire).await {
        Ok(archive) => archive,
        Err(Silence { fault, .. }) => return failed(core, environment, state, fault).await,
    };
    let bytes = archive.len();
    core.apart(move |core| Ok(core.store.keep_directory(environment, &archive)?)).await?;
    core.store.directory_downloaded(environment, now).await?;
    log::info!(environment = environment.as_str(), bytes = bytes; "Chorus Pro's directory is downloaded and durable");
    reading::read_kept(core, environment, stop).await
}

/// Notes why there is no new directory; the former one stays.
async fn failed(
    core: &Core,
    environment: Environment,
    state: Option<&DirectoryState>,
    fault: Fault,
) -> Result<(), JobError> {
    let tries = state.map_or(0, |state| state.tries);
    let wait = RETRY_FIRST.saturating_mul(1 << tries.min(16)).min(RETRY_LONGEST);
    log::warn!(environment = environment.as_str(), fault = fault.code.as_str(), tries = tries + 1;
        "There is no new directory: {}", fault.title(Language::En));
    core.store.directory_failed(environment, fault, core.now().plus(wait)).await?;
    Ok(())
}

/// Which archive is the directory from now on, for the journal: what the check said is judged by it.
fn taken(environment: Environment, structures: u64, sha256: DocumentHash, at: Timestamp) -> Note {
    Note {
        kind: "directory",
        actor: "system".to_owned(),
        realm: None,
        objects: [
            ("environment".to_owned(), environment.to_string()),
            ("structures".to_owned(), structures.to_string()),
        ]
        .into(),
        hashes: [("archive".to_owned(), sha256)].into(),
        private: Default::default(),
        at,
    }
}

/// The fault of an archive that cannot be read.
fn unreadable(environment: Environment, detail: impl std::fmt::Display) -> Fault {
    Fault::new(Code::DirectoryUnreadable).with("environment", environment).with("detail", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

    fn state() -> DirectoryState {
        DirectoryState {
            environment: Environment::Practice,
            edition: 1,
            fetched_at: None,
            structures: 0,
            unread_at: None,
            tries: 0,
            fault: None,
            retry_at: None,
            wanted_at: None,
        }
    }

    #[test]
    fn a_directory_is_due_by_its_age_a_wish_or_an_archive_that_waits_and_never_before_its_time() {
        let begun: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let hour = Duration::from_secs(3600);
        let due = |state: Option<&DirectoryState>, now| is_due(state, WEEK, 0.5, begun, now);
        assert!(!due(None, begun) && !due(None, begun.plus(FIRST_SHORTEST)), "boxes do not call together");
        assert!(due(None, begun.plus(FIRST_LONGEST)));
        assert!(is_due(None, Duration::from_secs(2), 0.5, begun, begun.plus(Duration::from_secs(2))), "hurried");
        let fetched = DirectoryState { fetched_at: Some(begun), ..state() };
        assert!(!due(Some(&fetched), begun.plus(WEEK - WEEK / 10)));
        assert!(due(Some(&fetched), begun.plus(WEEK)));
        assert!(due(Some(&fetched), begun.minus(hour)), "a clock that was put back");
        let wanted = DirectoryState { wanted_at: Some(begun), ..fetched.clone() };
        assert!(due(Some(&wanted), begun));
        let failed = DirectoryState { tries: 2, retry_at: Some(begun.plus(hour)), unread_at: Some(begun), ..fetched };
        assert!(!due(Some(&failed), begun) && due(Some(&failed), begun.plus(hour)));
        let never = DirectoryState { tries: 1, retry_at: Some(begun), ..state() };
        assert!(due(Some(&never), begun));
    }

    #[test]
    fn boxes_are_spread_and_each_keeps_its_place() {
        let of = |origin: &str| spread(origin, Environment::Production);
        assert!((0.0..=1.0).contains(&of("univ-a/journal")));
        assert!((of("univ-a/journal") - of("univ-b/journal")).abs() > 1e-6);
        assert!((of("univ-a/journal") - of("univ-a/journal")).abs() < f64::EPSILON);
    }
}
