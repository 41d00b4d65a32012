//! A realm whose calls must stop: for a moment (in memory) or until somebody has acted (a *halt*, in the store).
//!
//! Promise: a halted realm is called by nobody but the probe here, further and further apart, and at once when a secret or
//! the configuration was changed and when core starts; the halt is shown once and ends by itself. Nobody ever hammers
//! Chorus Pro.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::domain::{Realm, Timestamp};
use crate::fault::{Fault, Language};
use crate::work::connector::Connector;
use crate::work::core::Core;

/// Between two looks at the halts and at the secrets' files.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Before a halted realm is probed for the first time; doubled each time.
const PROBE_FIRST: Duration = Duration::from_secs(15);
/// Between two probes of a realm that stays halted.
const PROBE_LONGEST: Duration = Duration::from_secs(15 * 60);
/// A realm that was resumed and is halted again within this time is probed no more often than before.
const RELAPSE_WITHIN: Duration = Duration::from_secs(30 * 60);
/// The pause after the first call that did not get through; doubled with each further one in a row. Short: one lost answer
/// in a busy hour says little; several in a row soon make it minutes.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// The longest pause after calls that did not get through.
const PAUSE_LONGEST: Duration = Duration::from_secs(5 * 60);

/// Realms that are not to be called for a moment: the network is down, or Chorus Pro asked to slow down. Counted by the
/// steady clock: the machine's may be put back while a pause lasts.
#[derive(Default)]
pub(super) struct Pauses {
    realms: Mutex<HashMap<Realm, Pause>>,
}

struct Pause {
    /// Of the first call in a row that did not get through.
    since: Instant,
    until: Instant,
    /// What Chorus Pro itself asked for: nobody but it ends that.
    asked: Option<Instant>,
    /// Calls in a row that did not get through.
    failures: u32,
}

impl Pauses {
    /// Until when the realm is not to be called, if it is paused.
    pub fn until(&self, realm: &Realm, now: Instant) -> Option<Instant> {
        let realms = self.realms.lock().unwrap_or_else(PoisonError::into_inner);
        realms.get(realm).map(|pause| pause.until).filter(|until| *until > now)
    }

    /// Since when the realm's calls do not get through; `None` as well when Chorus Pro only asked to slow down.
    pub fn silent_since(&self, realm: &Realm, now: Instant) -> Option<Instant> {
        let realms = self.realms.lock().unwrap_or_else(PoisonError::into_inner);
        realms.get(realm).filter(|pause| pause.asked.is_none_or(|asked| asked <= now)).map(|pause| pause.since)
    }

    /// A call did not get through: the realm rests, longer each time. Calls that were under way together count once.
    /// `asked`: Chorus Pro said how long.
    pub fn failed(&self, realm: &Realm, asked: Option<Instant>, now: Instant) -> Instant {
        let mut realms = self.realms.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = realms.entry(realm.clone()).or_insert(Pause { since: now, until: now, asked: None, failures: 0 });
        if pause.until <= now {
            let wait = PAUSE_FIRST.saturating_mul(1 << pause.failures.min(16)).min(PAUSE_LONGEST);
            pause.failures = pause.failures.saturating_add(1);
            pause.until = now + wait;
        }
        pause.asked = pause.asked.max(asked);
        pause.until = pause.until.max(pause.asked.unwrap_or(now));
        pause.until
    }

    /// A call got through.
    pub fn passed(&self, realm: &Realm) {
        self.realms.lock().unwrap_or_else(PoisonError::into_inner).remove(realm);
    }

    /// Somebody changed something that may help: pauses of our own end, those that Chorus Pro asked for do not.
    fn ease(&self, now: Instant) {
        let mut realms = self.realms.lock().unwrap_or_else(PoisonError::into_inner);
        realms.retain(|_, pause| pause.asked.is_some_and(|asked| asked > now));
        for pause in realms.values_mut() {
            pause.until = pause.asked.unwrap_or(now);
        }
    }
}

/// How the probing of one halted realm stands.
struct Probing {
    next: Instant,
    wait: Duration,
    /// Set when it was resumed, to know a relapse.
    resumed: Option<Instant>,
    /// What the last probe was made with.
    with: Means,
}

/// What somebody who repairs a halt changes: since when the configuration is in force, and what its secrets look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Means {
    configured: Timestamp,
    secrets: Option<u64>,
}

/// Probes halted realms until `stop` is set. At the start and after a change of the configuration everything that waits
/// is tried at once.
pub(super) async fn watch_over(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let (mut configured, mut halted) = (core.configured.subscribe(), core.halted.subscribe());
    let mut probing: HashMap<Realm, Probing> = HashMap::new();
    let mut is_new = true;
    loop {
        if std::mem::take(&mut is_new) {
            begin_anew(&core).await;
        }
        tokio::select! {
            _ = stop.changed() => return,
            () = look(&core, &mut probing) => {}
        }
        tokio::select! {
            _ = stop.changed() => return,
            _ = configured.changed() => is_new = true,
            // Seen at once, so that a repair a moment later is seen as one.
            _ = halted.changed() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Pauses of our own end, and deposits that were put off are due.
async fn begin_anew(core: &Core) {
    core.pauses.ease(Instant::now());
    let connectors = core.connectors.load_full();
    for realm in connectors.iter().map(Connector::realm) {
        if let Err(error) = core.store.hurry(realm, core.now()).await {
            log::error!(realm = realm.to_string().as_str(), error = error.to_string().as_str();
                "Deposits that were put off wait for their time");
        }
    }
}

/// Probes each halted realm whose turn it is.
async fn look(core: &Core, probing: &mut HashMap<Realm, Probing>) {
    let halts = match core.store.reader().and_then(|reader| reader.halts()) {
        Ok(halts) => halts,
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "Halted realms cannot be read");
            return;
        }
    };
    let configured = *core.configured.borrow();
    let now = Instant::now();
    probing.retain(|realm, p| {
        halts.iter().any(|(halted, ..)| halted == realm)
            || p.resumed.is_some_and(|at| now.duration_since(at) < RELAPSE_WITHIN)
    });
    for (realm, _, halted_at) in halts {
        let connector = core.connectors.load().get(&realm).ok();
        let with = Means { configured, secrets: connector.as_ref().map(Connector::secrets_version) };
        let entry = probing.entry(realm.clone()).or_insert_with(|| {
            // A halt from before this configuration, or this start, may be repaired already.
            let wait = if halted_at < configured { Duration::ZERO } else { PROBE_FIRST };
            Probing { next: now + wait, wait: PROBE_FIRST, resumed: None, with }
        });
        if entry.resumed.take().is_some() {
            entry.wait = (entry.wait * 2).min(PROBE_LONGEST);
            entry.next = now + entry.wait;
        }
        let Some(connector) = connector else {
            end_unused(core, &realm).await;
            continue;
        };
        if with != entry.with {
            (entry.next, entry.wait, entry.with) = (now, PROBE_FIRST, with);
        }
        if now < entry.next {
            continue;
        }
        match connector.probe().await {
            Ok(()) => {
                entry.resumed = Some(Instant::now());
                resume(core, &realm, "Chorus Pro answers").await;
            }
            Err(error) => {
                entry.wait = (entry.wait * 2).min(PROBE_LONGEST);
                entry.next = Instant::now() + entry.wait;
                log::debug!(realm = realm.to_string().as_str(), error = error.to_string().as_str();
                    "A halted realm still does not answer");
            }
        }
    }
}

/// A realm that the configuration neither connects nor routes to any more, and whose flows are all at their end, waits
/// for nobody.
async fn end_unused(core: &Core, realm: &Realm) {
    if core.options.load().routes.iter().any(|route| route.realm() == *realm) {
        return;
    }
    let waits = core.store.reader().and_then(|reader| reader.waits_for_chorus(realm));
    if waits.is_ok_and(|waits| !waits) {
        resume(core, realm, "nothing waits for this realm any more").await;
    }
}

async fn resume(core: &Core, realm: &Realm, why: &str) {
    core.pauses.passed(realm);
    match core.store.resume(realm, core.now()).await {
        Ok(true) => {
            core.resumed.send_replace(());
            log::info!(realm = realm.to_string().as_str(); "The queue resumes: {why}");
        }
        Ok(false) => {}
        Err(error) => log::error!(realm = realm.to_string().as_str(), error = error.to_string().as_str();
            "A halted realm cannot be resumed"),
    }
}

/// Stops a realm's calls; one line and one fault, however many calls met it.
pub(super) async fn halt(core: &Core, realm: &Realm, fault: &Fault) {
    match core.store.halt(realm, fault.clone(), core.now()).await {
        Ok(true) => {
            log::error!(realm = realm.to_string().as_str(), fault = fault.code.as_str();
                "The queue stops: {}", fault.title(Language::En));
            core.halted.send_replace(());
        }
        Ok(false) => {}
        Err(error) => log::error!(realm = realm.to_string().as_str(), error = error.to_string().as_str();
            "A realm cannot be halted"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn realm() -> Realm {
        Realm { establishment: "e".parse().unwrap(), environment: crate::domain::Environment::Practice }
    }

    #[test]
    fn a_pause_grows_counts_calls_together_once_and_ends_with_the_first_answer() {
        let pauses = Pauses::default();
        let start = Instant::now();
        assert_eq!(pauses.until(&realm(), start), None);
        let first = pauses.failed(&realm(), None, start);
        assert_eq!(first, start + PAUSE_FIRST);
        assert_eq!(pauses.failed(&realm(), None, start), first, "a call that was under way as well");
        assert_eq!(pauses.until(&realm(), start), Some(first));
        let second = pauses.failed(&realm(), None, first);
        assert_eq!(second, first + PAUSE_FIRST * 2);
        let mut now = second;
        for _ in 0..40 {
            now = pauses.failed(&realm(), None, now);
        }
        assert!(pauses.failed(&realm(), None, now) - now <= PAUSE_LONGEST);
        let asked = now + Duration::from_secs(3600);
        assert_eq!(pauses.failed(&realm(), Some(asked), now), asked, "Retry-After counts");
        pauses.passed(&realm());
        assert_eq!(pauses.until(&realm(), now), None);
    }

    #[test]
    fn a_repair_ends_our_own_pauses_and_none_that_chorus_pro_asked_for() {
        let pauses = Pauses::default();
        let now = Instant::now();
        let other = Realm { environment: crate::domain::Environment::Production, ..realm() };
        pauses.failed(&realm(), None, now);
        let asked = now + Duration::from_secs(60);
        pauses.failed(&other, Some(asked), now);
        pauses.ease(now);
        assert_eq!((pauses.until(&realm(), now), pauses.until(&other, now)), (None, Some(asked)));
    }
}
