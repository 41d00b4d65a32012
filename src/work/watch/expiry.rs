//! When the technical account's password ends: Chorus Pro tells it of one's own structure (`structures/consulter`). Asked
//! for once a day, each hour when the end is near, and at once when the password's file has changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::chorus::{ConsulterStructure, IdName, Page, RechercherStructure, StructureId, WireDate};
use crate::domain::{Realm, Siret, Timestamp};
use crate::work::connector::{CallError, Connector};
use crate::work::core::Core;

/// The named value that holds what is known in a realm.
pub(super) const MEMORY: &str = "watch.password";
/// Between two questions.
const ASK_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Between two questions when the end is near: a renewal is seen soon.
const ASK_NEAR_EVERY: Duration = Duration::from_secs(3600);
const NEAR_DAYS: i64 = 15;
/// Before a question that was not answered is asked again; doubled each time, up to a day's quarter.
const RETRY: Duration = Duration::from_secs(5 * 60);
const RETRY_LONGEST: Duration = Duration::from_secs(6 * 3600);

/// What is known of a realm's password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Remembered {
    /// Chorus Pro's number of the establishment, found by its SIRET.
    structure: i64,
    siret: Siret,
    /// As Chorus Pro wrote it; `None`: it answered without one.
    expires: Option<String>,
    read_at: Timestamp,
}

impl Remembered {
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn ends(&self) -> Option<Timestamp> {
        self.expires.as_ref().and_then(|text| WireDate::new(text.as_str()).instant())
    }

    /// Whether it is time to ask again.
    fn is_old(&self, now: Timestamp) -> bool {
        let near = self.ends().is_none_or(|ends| now.paris_days_until(ends) <= NEAR_DAYS);
        let every = if near { ASK_NEAR_EVERY } else { ASK_EVERY };
        self.read_at > now || now.since(self.read_at) >= every
    }
}

/// What has been tried of a realm.
struct Tried {
    secrets: u64,
    /// Questions in a row without an answer, and not before when to ask again.
    failures: u32,
    not_before: Instant,
}

/// Asks until `stop` is set.
pub(in crate::work) async fn ask_over(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let mut tried: HashMap<Realm, Tried> = HashMap::new();
    loop {
        let pace = core.options.load().watch.pace.look;
        tokio::select! {
            _ = stop.changed() => return,
            () = ask_all(&core, &mut tried) => {}
        }
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(pace) => {}
        }
    }
}

async fn ask_all(core: &Core, tried: &mut HashMap<Realm, Tried>) {
    let options = core.options.load_full();
    let connectors = core.connectors.load_full();
    let Ok(halts) = core.store.reader().and_then(|reader| reader.halts()) else { return };
    for connector in connectors.iter() {
        let realm = connector.realm();
        let Some(own) = options.watch.establishments.iter().find(|e| e.id == realm.establishment) else { continue };
        if halts.iter().any(|(halted, ..)| halted == realm) || core.pauses.until(realm, Instant::now()).is_some() {
            continue;
        }
        let secrets = connector.secrets_version();
        let known = core.store.reader().and_then(|reader| reader.remembered(realm, MEMORY));
        let known = known.ok().flatten().and_then(|text| Remembered::read(&text)).filter(|k| k.siret == own.siret);
        let entry = tried.entry(realm.clone()).or_insert(Tried { secrets, failures: 0, not_before: Instant::now() });
        let changed = entry.secrets != secrets;
        let due = known.as_ref().is_none_or(|known| known.is_old(core.now())) && Instant::now() >= entry.not_before;
        if !changed && !due {
            continue;
        }
        entry.secrets = secrets;
        let asked = ask(connector, &own.siret, known.as_ref().map(|k| StructureId(k.structure))).await;
        let done = match asked {
            Ok((structure, expires)) => {
                let read_at = core.now();
                let now_known = Remembered { structure: structure.0, siret: own.siret.clone(), expires, read_at };
                let text = serde_json::to_string(&now_known).expect("texts and numbers always serialise");
                core.store.remember(realm, MEMORY, &text).await.map_err(|error| format!("not written down: {error}"))
            }
            Err(reason) => Err(reason),
        };
        match done {
            Ok(()) => entry.failures = 0,
            // An answer that cannot be written down would be asked for again at the next look.
            Err(reason) => {
                let wait = RETRY.saturating_mul(1 << entry.failures.min(16)).min(RETRY_LONGEST);
                entry.failures = entry.failures.saturating_add(1);
                entry.not_before = Instant::now() + wait;
                log::info!(realm = realm.to_string().as_str(), reason = reason.as_str(), wait_s = wait.as_secs();
                    "When the technical account's password ends is not known anew");
            }
        }
    }
}

/// The establishment's number at Chorus Pro, and the end as it is written there.
async fn ask(
    connector: &Connector,
    siret: &Siret,
    known: Option<StructureId>,
) -> Result<(StructureId, Option<String>), String> {
    let structure = match known {
        Some(structure) => structure,
        None => {
            let search = RechercherStructure { siret: siret.to_string(), page: Page::FIRST };
            let found = connector.call(&search).await.map_err(|e| e.to_string())?;
            let own = found.rows.iter().find(|row| row.siret.as_deref().is_none_or(|s| s == siret.as_str()));
            own.map(|row| row.id).ok_or_else(|| format!("no structure has the SIRET {siret}"))?
        }
    };
    let mut id_name = IdName::default();
    loop {
        match connector.call(&ConsulterStructure { structure, id_name }).await {
            Ok(found) => return Ok((structure, found.technical_account_expires.map(|d| d.as_str().to_owned()))),
            Err(error @ CallError::Refused { .. }) => match id_name.fallback() {
                Some(other) => id_name = other,
                None => return Err(error.to_string()),
            },
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_end_is_asked_for_more_often_and_a_clock_put_back_does_not_silence_it() {
        let at: Timestamp = "2026-11-26T08:00:00Z".parse().unwrap();
        let known = |expires: Option<&str>| Remembered {
            structure: 1,
            siret: "12345678200051".parse().unwrap(),
            expires: expires.map(str::to_owned),
            read_at: at,
        };
        let hours = |n: u64| at.plus(Duration::from_secs(3600 * n));
        let far = known(Some("2027-06-01"));
        assert_eq!((far.is_old(hours(2)), far.is_old(hours(24))), (false, true));
        let near = known(Some("2026-12-10"));
        assert_eq!((near.is_old(at), near.is_old(hours(1))), (false, true));
        assert!(known(None).is_old(hours(1)));
        assert!(far.is_old(at.minus(Duration::from_secs(60))));
        assert_eq!(Remembered::read(&serde_json::to_string(&near).unwrap()), Some(near));
    }
}
