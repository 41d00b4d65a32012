//! Watches Chorus Pro for received invoices and makes each one a flow.
//!
//! Promise: every page is followed and counted against the total; the cursor moves only after a whole look, and the next
//! look begins a day before it, because the date of a state is not the order of the pages (PROTOCOL §2.2, §7). A look that
//! was cut short is made again from the same place. Once a week it looks back further.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::chorus::{Page, PaymentRequest, Period, ReceivedInvoice, RechercherRecipiendaire, WireDate};
use crate::domain::{AccountName, ChorusInvoiceId, Realm, Timestamp};
use crate::store::{Found, FoundInvoice, StoreError};
use crate::work::core::Core;
use crate::work::reach::{PAGES_LIMIT, Setback, Tally};
use crate::work::worklist;

/// The named value that holds a realm's cursor: until when its received invoices are known.
pub const CURSOR: &str = "reception.until";
/// The named value that holds when a realm was last looked at further back.
const SWEPT: &str = "reception.swept";
/// Every look begins this long before the cursor.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);
/// How far back the first look goes, and one each week.
const LOOK_BACK: Duration = Duration::from_secs(35 * 24 * 3600);
/// Between two looks that far back.
const SWEEP_EVERY: Duration = Duration::from_secs(7 * 24 * 3600);
/// How far ahead a look goes, for a clock at Chorus Pro that is ahead of ours.
const LOOK_AHEAD: Duration = Duration::from_secs(48 * 3600);
/// After a look that was cut short, before the next one (unless the configured wait is shorter).
const AFTER_SETBACK: Duration = Duration::from_secs(60);

/// Looks until `stop` is set: again and again, and at once when the configuration changed or a halt ended.
pub(super) async fn watch_over(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let (mut configured, mut resumed) = (core.configured.subscribe(), core.resumed.subscribe());
    loop {
        configured.mark_unchanged();
        resumed.mark_unchanged();
        let wait = core.options.load().limits.reception_wait();
        let mut next = wait;
        for (realm, account) in core.options.load().receivers() {
            let halted =
                || core.store.reader().and_then(|r| r.halts()).is_ok_and(|h| h.iter().any(|(r, ..)| *r == realm));
            if halted() || *stop.borrow() {
                continue;
            }
            if !look(&core, &realm, &account).await {
                next = next.min(AFTER_SETBACK);
            }
            // The look may have met what halts the realm.
            if core.options.load().validates(&realm) && !halted() {
                worklist::look(&core, &realm, &account).await;
            }
        }
        tokio::select! {
            _ = stop.changed() => return,
            _ = configured.changed() => {}
            _ = resumed.changed() => {}
            () = tokio::time::sleep(next) => {}
        }
    }
}

/// One look for one realm; whether it was whole.
async fn look(core: &Core, realm: &Realm, account: &AccountName) -> bool {
    let now = core.now();
    let (from, sweep) = match core.store.reader().and_then(|reader| {
        let at = |name| Ok::<_, StoreError>(reader.remembered(realm, name)?.and_then(|t| t.parse::<Timestamp>().ok()));
        Ok((at(CURSOR)?, at(SWEPT)?))
    }) {
        Ok((cursor, swept)) => begin(cursor, swept, now),
        Err(error) => {
            log::error!(realm = realm.to_string().as_str(), error = error.to_string().as_str();
                "The reception's cursor cannot be read");
            return false;
        }
    };
    let mut sighted = Sighted::default();
    let mut whole = true;
    // What one kind cannot be read for does not hide the other.
    for kind in PaymentRequest::ALL {
        match sight(core, realm, account, kind, Period { from, to: now.plus(LOOK_AHEAD) }, &mut sighted).await {
            Ok(seen) => whole &= seen,
            Err(error) => {
                log::error!(realm = realm.to_string().as_str(), error = error.to_string().as_str();
                    "Received invoices cannot be written down");
                return false;
            }
        }
    }
    if sighted.new > 0 {
        log::info!(realm = realm.to_string().as_str(), new = sighted.new, seen = sighted.ids.len();
            "Received invoices were found at Chorus Pro");
    }
    if !whole {
        return false;
    }
    let written = async {
        core.store.remember(realm, CURSOR, &now.to_string()).await?;
        if sweep {
            core.store.remember(realm, SWEPT, &now.to_string()).await?;
        }
        Ok::<_, StoreError>(())
    };
    written.await.is_ok()
}

/// Where a look begins, and whether it is one of those further back.
fn begin(cursor: Option<Timestamp>, swept: Option<Timestamp>, now: Timestamp) -> (Timestamp, bool) {
    let sweep = swept.is_none_or(|at| now.since(at) >= SWEEP_EVERY);
    let usual = cursor.unwrap_or(now).min(now).minus(OVERLAP);
    let back = now.minus(LOOK_BACK);
    if sweep || cursor.is_none() { (usual.min(back), true) } else { (usual, false) }
}

/// What a look has seen.
#[derive(Default)]
struct Sighted {
    ids: HashSet<ChorusInvoiceId>,
    new: usize,
}

/// Every page of one kind; `false` when it was cut short.
async fn sight(
    core: &Core,
    realm: &Realm,
    account: &AccountName,
    kind: PaymentRequest,
    period: Period,
    sighted: &mut Sighted,
) -> Result<bool, StoreError> {
    let mut question = RechercherRecipiendaire {
        kind,
        number: None,
        deposited: None,
        state_changed: Some(period),
        downloaded: None,
        statuses: Vec::new(),
        page: Page::FIRST,
    };
    let mut tally = Tally::new(realm, "received invoices");
    for _ in 0..PAGES_LIMIT {
        let page = match core.ask(realm, &question).await {
            Ok(page) => page,
            Err(Setback::Later { .. }) => return Ok(false),
            Err(Setback::Refused { fault }) => {
                log::warn!(realm = realm.to_string().as_str(), fault = fault.code.as_str();
                    "Chorus Pro refuses the search for received invoices: {}", fault.title(crate::fault::Language::En));
                return Ok(false);
            }
        };
        tally.count(&page);
        let (more, total) = (page.has_more(), page.total);
        let steps: Vec<_> = page
            .rows
            .into_iter()
            .filter(|row| sighted.ids.insert(row.id))
            .map(|row| core.store.find(realm, found(row, account), core.now()))
            .collect();
        for step in steps {
            if let Found::New(_) = step.await? {
                sighted.new += 1;
            }
        }
        if !more {
            return Ok(tally.is_whole(total));
        }
        question.page = question.page.next();
    }
    log::warn!(realm = realm.to_string().as_str(), pages = PAGES_LIMIT; "The list of received invoices is longer than is followed");
    Ok(false)
}

/// Chorus Pro's kind of an invoice as the code of UNTDID 1001, which invoices that are sent bear as well.
pub(super) fn type_code(kind: Option<&str>) -> String {
    match kind {
        Some("AVOIR") => "381",
        Some("ACOMPTE") => "386",
        _ => "380",
    }
    .to_owned()
}

fn found(row: ReceivedInvoice, account: &AccountName) -> FoundInvoice {
    let type_code = type_code(row.kind.as_deref());
    FoundInvoice {
        chorus_id: row.id,
        number: row.number,
        supplier: row.supplier.unwrap_or_default(),
        supplier_name: row.supplier_name.unwrap_or_default(),
        recipient: row.recipient.unwrap_or_default(),
        recipient_name: row.recipient_name.unwrap_or_default(),
        status: row.status,
        status_at: row.status_at.as_ref().map(|at| at.as_str().to_owned()).unwrap_or_default(),
        issued_on: row.issued_on.as_ref().map(|on| on.paris_day().unwrap_or_else(|| WireDate::as_str(on).to_owned())),
        payable: row.payable,
        type_code,
        account: account.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_begins_a_day_before_the_cursor_and_further_back_once_a_week() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let day = |days: u32| now.minus(Duration::from_secs(86_400) * days);
        assert_eq!(begin(None, None, now), (day(35), true));
        assert_eq!(begin(Some(now), Some(day(1)), now), (day(1), false));
        assert_eq!(begin(Some(day(3)), Some(day(3)), now), (day(4), false), "after three days off");
        assert_eq!(begin(Some(now), Some(day(7)), now), (day(35), true));
        assert_eq!(begin(Some(day(60)), Some(day(60)), now), (day(61), true), "after two months off");
        assert_eq!(begin(Some(now.plus(SWEEP_EVERY)), Some(day(1)), now), (day(1), false), "a clock that went back");
    }
}
