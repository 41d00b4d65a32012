//! How each service of Chorus Pro has fared, kept across restarts: when it last answered, and since when it fails.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{Realm, Timestamp};
use crate::store::{Reader, StoreError};
use crate::work::connector::{Connector, ServiceHealth};
use crate::work::core::Core;

/// The named value that holds it for a realm.
const MEMORY: &str = "watch.calls";
/// Moments are kept to the minute: what goes on is not written down at every look.
const MINUTE: i64 = 60_000;

/// A service as it is kept.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    service: String,
    answered: Option<Timestamp>,
    failing: Option<(Timestamp, u64)>,
    failed: Option<Timestamp>,
}

/// A service of Chorus Pro as it fared last, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSight {
    pub service: String,
    /// When it last answered, to the minute; `None`: never.
    pub answered: Option<Timestamp>,
    /// Since when it fails, and how many times in a row.
    pub failing: Option<(Timestamp, u64)>,
}

/// Every service that was ever called of each realm, as the last look wrote it down.
pub fn last_answers(reader: &Reader) -> Result<Vec<(Realm, Vec<ServiceSight>)>, StoreError> {
    let kept = reader.remembered_everywhere(MEMORY)?.into_iter();
    let sights = |text: &str| -> Vec<ServiceSight> {
        let kept = serde_json::from_str::<Vec<Kept>>(text).unwrap_or_default().into_iter();
        let mut sights: Vec<ServiceSight> =
            kept.map(|Kept { service, answered, failing, .. }| ServiceSight { service, answered, failing }).collect();
        sights.sort_by(|a, b| a.service.cmp(&b.service));
        sights
    };
    Ok(kept.map(|(realm, text)| (realm, sights(&text))).filter(|(_, sights)| !sights.is_empty()).collect())
}

/// Writes down what has changed since the last look.
pub(super) async fn keep(core: &Core) -> Result<(), StoreError> {
    let connectors = core.connectors.load_full();
    for connector in connectors.iter() {
        let text = written(connector, core.now());
        if core.store.reader()?.remembered(connector.realm(), MEMORY)?.as_deref() != Some(text.as_str()) {
            core.store.remember(connector.realm(), MEMORY, &text).await?;
        }
    }
    Ok(())
}

fn written(connector: &Connector, now: Timestamp) -> String {
    let at = |ago: Duration| {
        let millis = now.minus(ago).millis();
        Timestamp::from_millis(millis - millis.rem_euclid(MINUTE))
    };
    let kept = |health: ServiceHealth| Kept {
        service: health.service.into_owned(),
        answered: health.answered.map(at),
        failing: health.failing.map(|(since, n)| (at(since), n)),
        failed: health.failed.map(at),
    };
    let services: Vec<Kept> = connector.health().into_iter().map(kept).collect();
    serde_json::to_string(&services).unwrap_or_default()
}

/// Tells the connectors of this configuration what was known before it.
pub(in crate::work) fn recall(core: &Core) {
    let connectors = core.connectors.load_full();
    for connector in connectors.iter() {
        let text = core.store.reader().and_then(|reader| reader.remembered(connector.realm(), MEMORY));
        let kept = match text {
            Ok(text) => text.and_then(|text| serde_json::from_str::<Vec<Kept>>(&text).ok()).unwrap_or_default(),
            Err(error) => {
                log::error!(realm = connector.realm().to_string().as_str(), error = error.to_string().as_str();
                    "How the services have fared cannot be read");
                continue;
            }
        };
        let ago = |at: Timestamp| core.now().since(at);
        let health = |kept: Kept| ServiceHealth {
            service: kept.service.into(),
            answered: kept.answered.map(ago),
            failing: kept.failing.map(|(since, n)| (ago(since), n)),
            failed: kept.failed.map(ago),
        };
        connector.recall(kept.into_iter().map(health).collect());
    }
}
