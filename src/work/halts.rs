//! A realm whose calls must stop: for a moment (in memory) or until somebody has acted (a *halt*, in the store).
//!
//! Promise: a halted realm is called by nobody but the probe here, further and further apart, and at once when a secret
//! was replaced; the halt is shown once and ends by itself. Nobody ever hammers Chorus Pro.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::{Realm, Timestamp};
use crate::fault::{Fault, Language};
use crate::work::core::Core;

/// Between two looks at the halts and at the secrets' files.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Before a halted realm is probed for the first time; doubled each time.
const PROBE_FIRST: Duration = Duration::from_secs(15);
/// Between two probes of a realm that stays halted.
const PROBE_LONGEST: Duration = Duration::from_secs(15 * 60);
/// A realm that was resumed and is halted again within this time is probed no more often than before.
const RELAPSE_WITHIN: Duration = Duration::from_secs(30 * 60);
/// The pause after the first call that did not get through; doubled with each further one.
const PAUSE_FIRST: Duration = Duration::from_secs(2);
/// The longest pause after calls that did not get through.
const PAUSE_LONGEST: Duration = Duration::from_secs(5 * 60);

/// Realms that are not to be called for a moment: the network is down, or Chorus Pro asked to slow down.
#[derive(Default)]
pub(super) struct Pauses {
    realms: Mutex<HashMap<Realm, Pause>>,
}

struct Pause {
    until: Timestamp,
    /// Calls in a row that did not get through.
    failures: u32,
}

impl Pauses {
    /// Until when the realm is not to be called, if it is paused.
    pub fn until(&self, realm: &Realm, now: Timestamp) -> Option<Timestamp> {
        let realms = self.realms.lock().unwrap_or_else(PoisonError::into_inner);
        realms.get(realm).map(|pause| pause.until).filter(|until| *until > now)
    }

    /// A call did not get through: the realm rests, longer each time. Calls that were under way together count once.
    pub fn failed(&self, realm: &Realm, at_least: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let mut realms = self.realms.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = realms.entry(realm.clone()).or_insert(Pause { until: now, failures: 0 });
        if pause.until <= now {
            let wait = PAUSE_FIRST.saturating_mul(1 << pause.failures.min(16)).min(PAUSE_LONGEST);
            pause.failures = pause.failures.saturating_add(1);
            pause.until = now.plus(wait);
        }
        if let Some(at_least) = at_least {
            pause.until = pause.until.max(at_least);
        }
        pause.until
    }

    /// A call got through.
    pub fn passed(&self, realm: &Realm) {
        self.realms.lock().unwrap_or_else(PoisonError::into_inner).remove(realm);
    }
}

/// How the probing of one halted realm stands.
struct Probing {
    next: Timestamp,
    wait: Duration,
    /// Set when it was resumed, to know a relapse.
    resumed: Option<Timestamp>,
    /// What the secrets looked like at the last probe.
    secrets: Option<u64>,
}

/// Probes halted realms until `stop` is set.
pub(super) async fn watch_over(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let mut probing: HashMap<Realm, Probing> = HashMap::new();
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let halts = match core.store.reader().and_then(|reader| reader.halts()) {
            Ok(halts) => halts,
            Err(error) => {
                log::error!(error = error.to_string().as_str(); "Halted realms cannot be read");
                continue;
            }
        };
        let now = core.now();
        probing.retain(|realm, p| {
            halts.iter().any(|(halted, ..)| halted == realm)
                || p.resumed.is_some_and(|at| now.since(at) < RELAPSE_WITHIN)
        });
        for (realm, ..) in halts {
            let entry = probing.entry(realm.clone()).or_insert_with(|| Probing {
                next: now.plus(PROBE_FIRST),
                wait: PROBE_FIRST,
                resumed: None,
                secrets: core.connectors.load().get(&realm).ok().map(|c| c.secrets_version()),
            });
            if entry.resumed.take().is_some() {
                entry.wait = (entry.wait * 2).min(PROBE_LONGEST);
                entry.next = now.plus(entry.wait);
            }
            let Ok(connector) = core.connectors.load().get(&realm) else { continue };
            let secrets = Some(connector.secrets_version());
            if now < entry.next && secrets == entry.secrets {
                continue;
            }
            entry.secrets = secrets;
            match connector.probe().await {
                Ok(()) => {
                    entry.resumed = Some(core.now());
                    resume(&core, &realm).await;
                }
                Err(error) => {
                    entry.wait = (entry.wait * 2).min(PROBE_LONGEST);
                    entry.next = core.now().plus(entry.wait);
                    log::debug!(realm = realm.to_string().as_str(), error = error.to_string().as_str();
                        "A halted realm still does not answer");
                }
            }
        }
    }
}

async fn resume(core: &Core, realm: &Realm) {
    core.pauses.passed(realm);
    match core.store.resume(realm, core.now()).await {
        Ok(true) => log::info!(realm = realm.to_string().as_str(); "Chorus Pro answers again; the queue goes on"),
        Ok(false) => {}
        Err(error) => log::error!(realm = realm.to_string().as_str(), error = error.to_string().as_str();
            "A halted realm cannot be resumed"),
    }
}

/// Stops a realm's calls; one line and one fault, however many calls met it.
pub(super) async fn halt(core: &Core, realm: &Realm, fault: &Fault) {
    match core.store.halt(realm, fault.clone(), core.now()).await {
        Ok(true) => log::error!(realm = realm.to_string().as_str(), fault = fault.code.as_str();
            "The queue stops: {}", fault.title(Language::En)),
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
        let start = Timestamp::from_millis(1_000_000);
        assert_eq!(pauses.until(&realm(), start), None);
        let first = pauses.failed(&realm(), None, start);
        assert_eq!(first, start.plus(PAUSE_FIRST));
        assert_eq!(pauses.failed(&realm(), None, start), first, "a call that was under way as well");
        assert_eq!(pauses.until(&realm(), start), Some(first));
        let second = pauses.failed(&realm(), None, first);
        assert_eq!(second, first.plus(PAUSE_FIRST * 2));
        let mut now = second;
        for _ in 0..40 {
            now = pauses.failed(&realm(), None, now);
        }
        assert!(pauses.failed(&realm(), None, now).since(now) <= PAUSE_LONGEST);
        let asked = now.plus(Duration::from_secs(3600));
        assert_eq!(pauses.failed(&realm(), Some(asked), now), asked, "Retry-After counts");
        pauses.passed(&realm());
        assert_eq!(pauses.until(&realm(), now), None);
    }
}
