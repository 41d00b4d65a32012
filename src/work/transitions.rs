//! Which statuses may follow one: Chorus Pro's own list (`recuperer/etats/traitement`), asked once a day per status.
//!
//! Refuses to know: what is done with the list. An empty one is no rule that could be obeyed (PROTOCOL §8, status order).

use std::time::Duration;

use crate::chorus::RecupererEtatsTraitement;
use crate::domain::{InvoiceStatus, Realm, Timestamp};
use crate::store::{Reader, StoreError};
use crate::work::core::Core;
use crate::work::reach::Setback;

/// How long a list is believed (PROTOCOL §2.2: "ask it, cache one day").
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// What may follow `current`, and when Chorus Pro said so; `None` when it was never asked. For who only shows it, however
/// old it is.
pub fn kept_transitions(
    reader: &Reader,
    realm: &Realm,
    current: &InvoiceStatus,
) -> Result<Option<(Timestamp, Vec<InvoiceStatus>)>, StoreError> {
    let Some(value) = reader.remembered(realm, &name(current))? else { return Ok(None) };
    let mut words = value.split(' ').filter(|word| !word.is_empty());
    let Some(at) = words.next().and_then(|millis| millis.parse().ok()).map(Timestamp::from_millis) else {
        return Ok(None);
    };
    Ok(Some((at, words.map(|code| InvoiceStatus::from(code.to_owned())).collect())))
}

fn name(current: &InvoiceStatus) -> String {
    format!("transitions.{current}")
}

/// What may follow `current`; empty when Chorus Pro lists nothing or refuses to say.
pub(super) async fn allowed(
    core: &Core,
    realm: &Realm,
    current: &InvoiceStatus,
) -> Result<Vec<InvoiceStatus>, Setback> {
    let now = core.now();
    let kept = core.store.reader().and_then(|reader| kept_transitions(&reader, realm, current)).ok().flatten();
    if let Some((at, kept)) = kept
        && at <= now
        && now.since(at) < KEPT
    {
        return Ok(kept);
    }
    let allowed = match core.ask_optional(realm, &RecupererEtatsTraitement { current: current.clone() }).await {
        Ok(allowed) => allowed,
        // A rule that cannot be had forbids nothing; who may not ask for it does not try at every status.
        Err(Setback::Refused { .. }) => Vec::new(),
        Err(later) => return Err(later),
    };
    let codes: Vec<&str> = allowed.iter().map(InvoiceStatus::as_str).collect();
    let value = format!("{} {}", now.millis(), codes.join(" "));
    if let Err(error) = core.store.remember(realm, &name(current), &value).await {
        log::warn!(error = error.to_string().as_str(); "The statuses that may follow could not be kept");
    }
    Ok(allowed)
}

/// Has the list kept, for whoever asks later; without it they do with none.
pub(super) async fn learn(core: &Core, realm: &Realm, current: &InvoiceStatus) {
    // Why there is none now is told where it matters.
    let _ = allowed(core, realm, current).await;
}
