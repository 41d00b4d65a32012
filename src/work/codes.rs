//! Codes Chorus Pro uses that this version does not know: which, and on how many invoices or fluxes. The watch makes an
//! alarm of them (FG-619), so that somebody hears of them unattended.
//!
//! Unknown statuses and states stand in the store. What is only seen in passing (the kind of a received invoice, the version
//! of a pivot) is remembered here until it is known, or was seen no more for a month.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::domain::{ChorusInvoiceId, Realm, Timestamp};
use crate::fault::{Code, Text};
use crate::invoice::pivot;
use crate::store::{Reader, StoreError};
use crate::work::core::Core;

/// The named value that holds what was seen in passing.
const SEEN: &str = "codes.seen";
/// What was not seen for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);
/// Seen again on a known invoice within this time, it is not written down again.
const WRITTEN_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Codes that are remembered of a realm, and invoices of each: a count that reaches it says "and more".
const CODES_LIMIT: usize = 20;
const INVOICES_LIMIT: usize = 100;
/// Characters of a code that are kept, and that are told.
const CODE_CHARACTERS: usize = 80;
const CODE_CHARACTERS_TOLD: usize = 30;

/// The typeFacture that is known of the swagger.
const KINDS: [&str; 3] = ["FACTURE", "AVOIR", "ACOMPTE"];

/// Two jobs that saw a code at once do not overwrite each other.
static WRITING: Mutex<()> = Mutex::const_new(());

/// Where a code stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    Status,
    FluxState,
    Kind,
    PivotVersion,
}

/// A code that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnknownCode {
    pub place: Place,
    pub code: String,
    /// Invoices it stands on; fluxes for a flux's state.
    pub count: u64,
}

impl UnknownCode {
    /// As a part of a sentence.
    pub fn text(&self) -> Text {
        let Self { place, code, count } = self;
        let code: String = code.chars().take(CODE_CHARACTERS_TOLD).collect();
        let (what_fr, what_en) = match place {
            Place::Status => ("statut de facture", "invoice status"),
            Place::FluxState => ("état de flux", "flux state"),
            Place::Kind => ("typeFacture", "typeFacture"),
            Place::PivotVersion => ("@Version du pivot", "@Version of the pivot"),
        };
        let is_capped = matches!(place, Place::Kind | Place::PivotVersion) && *count >= INVOICES_LIMIT as u64;
        let (more_fr, more_en) = if is_capped { (" ou plus", " or more") } else { ("", "") };
        let (of_fr, of_en) = match (place, count) {
            (Place::FluxState, 1) => ("flux", "flux"),
            (Place::FluxState, _) => ("flux", "fluxes"),
            (_, 1) => ("facture", "invoice"),
            _ => ("factures", "invoices"),
        };
        Text::new(
            format!("{what_fr} « {code} » ({count} {of_fr}{more_fr})"),
            format!("{what_en} \"{code}\" ({count} {of_en}{more_en})"),
        )
    }
}

/// What was seen of a code in passing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sight {
    place: Place,
    code: String,
    at: Timestamp,
    invoices: Vec<ChorusInvoiceId>,
}

/// The unknown codes of every realm that has some.
pub(super) fn unknown(reader: &Reader, now: Timestamp) -> Result<Vec<(Realm, Vec<UnknownCode>)>, StoreError> {
    let mut codes: BTreeMap<Realm, Vec<UnknownCode>> = BTreeMap::new();
    for (realm, code, count) in reader.unknown_statuses()? {
        codes.entry(realm).or_default().push(UnknownCode { place: Place::Status, code, count });
    }
    for (realm, code, count) in reader.unknown_flux_states(Code::UnknownFluxState)? {
        codes.entry(realm).or_default().push(UnknownCode { place: Place::FluxState, code, count });
    }
    for (realm, text) in reader.remembered_everywhere(SEEN)? {
        let seen = read(&text).into_iter().filter(|sight| is_shown(sight, now));
        let seen =
            seen.map(|Sight { place, code, invoices, .. }| UnknownCode { place, code, count: invoices.len() as u64 });
        codes.entry(realm).or_default().extend(seen);
    }
    codes.retain(|_, codes| !codes.is_empty());
    for codes in codes.values_mut() {
        codes.sort();
    }
    Ok(codes.into_iter().collect())
}

/// A received invoice shows this typeFacture.
pub(super) async fn saw_kind(
    core: &Core,
    realm: &Realm,
    invoice: ChorusInvoiceId,
    kind: Option<&str>,
) -> Result<(), StoreError> {
    saw(core, realm, Place::Kind, invoice, kind).await
}

/// An invoice's pivot says that it is of this version.
pub(super) async fn saw_version(
    core: &Core,
    realm: &Realm,
    invoice: ChorusInvoiceId,
    version: Option<&str>,
) -> Result<(), StoreError> {
    saw(core, realm, Place::PivotVersion, invoice, version).await
}

fn is_unknown(place: Place, code: &str) -> bool {
    match place {
        Place::Kind => !code.trim().is_empty() && !KINDS.contains(&code),
        Place::PivotVersion => pivot::is_new_version(code),
        // Of the store.
        Place::Status | Place::FluxState => false,
    }
}

/// Whether it is still unknown, after an update, and was seen lately.
fn is_shown(sight: &Sight, now: Timestamp) -> bool {
    is_unknown(sight.place, &sight.code) && now.since(sight.at) < FORGOTTEN_AFTER
}

async fn saw(
    core: &Core,
    realm: &Realm,
    place: Place,
    invoice: ChorusInvoiceId,
    code: Option<&str>,
) -> Result<(), StoreError> {
    let Some(code) = code.filter(|code| is_unknown(place, code)) else { return Ok(()) };
    let now = core.now();
    let _alone = WRITING.lock().await;
    let mut seen = core.store.reader()?.remembered(realm, SEEN)?.map(|text| read(&text)).unwrap_or_default();
    if note(&mut seen, place, code, invoice, now) {
        let text = serde_json::to_string(&seen).expect("words and numbers always serialise");
        core.store.remember(realm, SEEN, &text).await?;
    }
    Ok(())
}

/// What a later version wrote otherwise is seen again.
fn read(text: &str) -> Vec<Sight> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Whether there is something new to write down.
fn note(seen: &mut Vec<Sight>, place: Place, code: &str, invoice: ChorusInvoiceId, now: Timestamp) -> bool {
    let code: String = code.chars().take(CODE_CHARACTERS).collect();
    if let Some(sight) = seen.iter_mut().find(|sight| sight.place == place && sight.code == code) {
        let is_new = !sight.invoices.contains(&invoice) && sight.invoices.len() < INVOICES_LIMIT;
        if !is_new && now.since(sight.at) < WRITTEN_EVERY {
            return false;
        }
        sight.at = now;
        if is_new {
            sight.invoices.push(invoice);
        }
        return true;
    }
    log::warn!(code = code.as_str(), chorus_id = invoice.0; "Chorus Pro uses a code that this version does not know ({place:?})");
    seen.retain(|sight| is_shown(sight, now));
    if seen.len() >= CODES_LIMIT {
        return false;
    }
    seen.push(Sight { place, code, at: now, invoices: vec![invoice] });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_counts_its_invoices_once_each_until_it_is_known_or_gone() {
        let now: Timestamp = "2026-11-26T10:00:00Z".parse().unwrap();
        let mut seen = Vec::new();
        let mut saw = |code: &str, id, hours: u64| {
            note(&mut seen, Place::Kind, code, ChorusInvoiceId(id), now.plus(Duration::from_secs(3600 * hours)))
        };
        assert!(saw("NOTE_DE_DEBIT", 1, 0) && saw("NOTE_DE_DEBIT", 2, 1));
        assert!(!saw("NOTE_DE_DEBIT", 1, 2), "within the day");
        assert!(saw("NOTE_DE_DEBIT", 1, 30));
        assert_eq!((seen.len(), seen[0].invoices.len()), (1, 2));
        assert_eq!(read(&serde_json::to_string(&seen).unwrap()), seen);
        let late = now.plus(FORGOTTEN_AFTER + Duration::from_secs(31 * 3600));
        assert!(is_shown(&seen[0], now.plus(FORGOTTEN_AFTER)) && !is_shown(&seen[0], late));
        // Whatever Chorus Pro makes of its codes, what is kept has a limit that the store takes.
        for code in 0..1000 {
            for id in 0..INVOICES_LIMIT + 1 {
                note(&mut seen, Place::Kind, &format!("{code:0>80}"), ChorusInvoiceId(i64::MAX - id as i64), now);
            }
        }
        assert!(serde_json::to_string(&seen).unwrap().len() < 64 << 10);
    }

    #[test]
    fn only_what_is_new_is_unknown() {
        for kind in ["FACTURE", "AVOIR", "ACOMPTE", ""] {
            assert!(!is_unknown(Place::Kind, kind), "{kind}");
        }
        assert!(is_unknown(Place::Kind, "FACTURE_RECTIFICATIVE"));
        for version in pivot::VERSIONS.into_iter().chain(["V1_04", "V2_01", ""]) {
            assert!(!is_unknown(Place::PivotVersion, version), "{version}");
        }
        for version in ["V2_03", "V3_00", "2026"] {
            assert!(is_unknown(Place::PivotVersion, version), "{version}");
        }
    }
}
