//! Watches Chorus Pro for received invoices and makes each one a flow.
//!
//! Promise: every page is followed and counted against the total; the cursor moves only after a whole look, and the next
//! look begins a day before it, because the date of a state is not the order of the pages (PROTOCOL §2.2, §7). A look that
//! was cut short is made again from the same place. Once a week, and at first, every invoice is asked for that is open and
//! that nobody has downloaded, however old its state is: what a look by date has missed is found. Where that list was cut, it
//! is read again after an hour only.
//!
//! An account may be attached to several structures: what is for another one is not this establishment's (`others`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::chorus::{Page, PaymentRequest, Period, ReceivedInvoice, RechercherRecipiendaire, WireDate};
use crate::domain::{AccountName, InvoiceStatus, Realm, Timestamp};
use crate::store::{Found, FoundInvoice, StoreError};
use crate::work::codes;
use crate::work::core::Core;
use crate::work::others::{Others, Owed, Whose, whose};
use crate::work::reach::{Rest, Setback, Tally};
use crate::work::worklist;

/// The named value that holds a realm's cursor: until when its received invoices are known.
pub const CURSOR: &str = "reception.until";
/// The named value that holds when a realm was last asked for everything that is open.
pub const SWEPT: &str = "reception.swept";
/// Every look begins this long before the cursor.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);
/// How far back by the date of the state the first look goes, unless the route says since when.
const FIRST_LOOK: Duration = Duration::from_secs(35 * 24 * 3600);
/// Between two looks at everything that is open.
const SWEEP_EVERY: Duration = Duration::from_secs(7 * 24 * 3600);
/// After a look at everything open whose list was cut, before the next one: our own downloads take invoices off that list
/// while it is read, and it is long only while they go on.
const AFTER_CUT: Duration = Duration::from_secs(3600);
/// Rows on a page of everything that is open: as many as Chorus Pro gives.
const OPEN_ROWS: u32 = 200;
/// Invoices that are written down at once.
const NOTED_AT_ONCE: usize = 500;
/// How far ahead a look goes, for a clock at Chorus Pro that is ahead of ours.
const LOOK_AHEAD: Duration = Duration::from_secs(48 * 3600);
/// After a look that was cut short, before the next one (unless the configured wait is shorter).
const AFTER_SETBACK: Duration = Duration::from_secs(60);

/// Looks until `stop` is set: again and again, and at once when the configuration changed or a halt ended.
pub(super) async fn watch_over(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let (mut configured, mut resumed) = (core.configured.subscribe(), core.resumed.subscribe());
    let mut cuts = Cuts::new();
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
            if !look(&core, &realm, &account, &mut cuts).await {
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

/// When a realm's list of everything open was last cut.
type Cuts = BTreeMap<Realm, Instant>;

/// One look for one realm; whether what is new was read throughout.
async fn look(core: &Core, realm: &Realm, account: &AccountName, cuts: &mut Cuts) -> bool {
    let mut looking = Looking { core, realm, account, others: Others::default(), since: core.now(), new: 0 };
    let looked = looking.look(cuts).await;
    if looking.new > 0 {
        log::info!(realm = realm.to_string().as_str(), new = looking.new; "Received invoices were found at Chorus Pro");
    }
    looked.unwrap_or_else(|error| {
        log::error!(realm = realm.to_string().as_str(), error = error.to_string().as_str();
            "Received invoices cannot be written down");
        false
    })
}

/// Where a look begins by the date of the state: a day before the cursor; at first as far back as it is wished.
fn begin(cursor: Option<Timestamp>, wished: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let first = || wished.unwrap_or_else(|| now.minus(FIRST_LOOK));
    cursor.map_or_else(first, |cursor| cursor.min(now).minus(OVERLAP))
}

/// Whether everything that is open is to be asked for. A clock that went back counts for nothing.
fn is_sweep_due(swept: Option<Timestamp>, now: Timestamp) -> bool {
    swept.is_none_or(|at| at > now || now.since(at) >= SWEEP_EVERY)
}

/// Which invoices are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sought {
    /// Whatever has had a state since, whoever downloaded it.
    ChangedSince(Timestamp),
    /// Whatever is open and was downloaded by nobody; deposited since, where the route says so.
    Open { since: Option<Timestamp> },
}

impl Sought {
    fn question(self, kind: PaymentRequest, now: Timestamp) -> RechercherRecipiendaire {
        let period = |from| Period { from, to: now.plus(LOOK_AHEAD) };
        let question = RechercherRecipiendaire {
            kind,
            number: None,
            deposited: None,
            state_changed: None,
            downloaded: None,
            statuses: Vec::new(),
            page: Page::FIRST,
        };
        match self {
            Sought::ChangedSince(from) => RechercherRecipiendaire { state_changed: Some(period(from)), ..question },
            Sought::Open { since } => RechercherRecipiendaire {
                page: Page { rows: OPEN_ROWS, ..Page::FIRST },
                deposited: since.map(period),
                downloaded: Some(false),
                statuses: InvoiceStatus::KNOWN.iter().filter(|status| !status.is_final()).cloned().collect(),
                ..question
            },
        }
    }

    /// Whether a row is meant, should Chorus Pro not heed the question.
    fn means(self, row: &ReceivedInvoice) -> bool {
        match self {
            Sought::ChangedSince(_) => true,
            Sought::Open { .. } => row.downloaded != Some(true) && !row.status.is_final(),
        }
    }
}

/// How much of a list was read; of two, the later says what came of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    Whole,
    /// Chorus Pro announced more than it listed.
    Cut,
    /// It gave no answer, or refused one.
    Unanswered,
}

/// A look at a realm's received invoices.
struct Looking<'a> {
    core: &'a Core,
    realm: &'a Realm,
    account: &'a AccountName,
    others: Others,
    /// From when on it reads by the date of the state.
    since: Timestamp,
    new: usize,
}

impl Looking<'_> {
    async fn look(&mut self, cuts: &mut Cuts) -> Result<bool, StoreError> {
        let (core, now) = (self.core, self.core.now());
        let options = core.options.load_full();
        let (cursor, swept) = self.remembered()?;
        // What was passed over is read as if no look since had been, until one was whole.
        let owed = Owed::to(&core.store.reader()?, &options, self.realm)?;
        let cursor = cursor.map(|cursor| owed.since.map_or(cursor, |since| cursor.min(since)));
        let wished = options.received_since(self.realm);
        self.since = begin(cursor, wished, now);
        let whole = self.read(Sought::ChangedSince(self.since)).await? == Came::Whole;
        if whole {
            core.store.remember(self.realm, CURSOR, &now.to_string()).await?;
        }
        let is_cut = cuts.get(self.realm).is_some_and(|at| at.elapsed() < AFTER_CUT);
        let is_due = owed.since.is_some() || is_sweep_due(swept, now);
        let mut is_swept = false;
        if is_due && !is_cut {
            let came = self.read(Sought::Open { since: wished }).await?;
            cuts.remove(self.realm);
            match came {
                Came::Whole => {
                    core.store.remember(self.realm, SWEPT, &now.to_string()).await?;
                    is_swept = true;
                }
                Came::Cut => drop(cuts.insert(self.realm.clone(), Instant::now())),
                Came::Unanswered => {}
            }
        }
        self.others.keep(core, self.realm, now).await?;
        // A configuration that came meanwhile is looked by at once.
        if whole && is_swept && Arc::ptr_eq(&options, &core.options.load_full()) {
            owed.settle(core).await?;
        }
        Ok(whole)
    }

    /// The cursor, and when everything open was last read; whose invoices else were seen is taken up again.
    fn remembered(&mut self) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
        let reader = self.core.store.reader()?;
        let at = |name| Ok::<_, StoreError>(reader.remembered(self.realm, name)?.and_then(|text| text.parse().ok()));
        self.others = Others::kept(&reader, self.realm)?;
        Ok((at(CURSOR)?, at(SWEPT)?))
    }

    /// Both kinds. What one cannot be read for does not hide the other.
    async fn read(&mut self, sought: Sought) -> Result<Came, StoreError> {
        let mut came = Came::Whole;
        for kind in PaymentRequest::ALL {
            came = came.max(self.read_kind(sought, kind).await?);
        }
        Ok(came)
    }

    /// Every page of one kind.
    async fn read_kind(&mut self, sought: Sought, kind: PaymentRequest) -> Result<Came, StoreError> {
        let (core, realm) = (self.core, self.realm);
        let mut question = sought.question(kind, core.now());
        let mut tally = Tally::new(realm, "received invoices");
        // Each download takes an invoice off the list of what nobody has downloaded: it is read to its end first.
        let mut later = Vec::new();
        let came = loop {
            let page = match core.ask(realm, &question).await {
                Ok(page) => page,
                Err(Setback::Later { .. }) => break Came::Unanswered,
                Err(Setback::Refused { fault }) => {
                    log::warn!(realm = realm.to_string().as_str(), fault = fault.code.as_str();
                        "Chorus Pro refuses the search for received invoices: {}", fault.title(crate::fault::Language::En));
                    break Came::Unanswered;
                }
            };
            let rest = tally.count(question.page, &page, |row| row.id);
            let rows = page.rows.into_iter().filter(|row| sought.means(row));
            match sought {
                Sought::Open { .. } => later.extend(rows),
                Sought::ChangedSince(_) => self.note(rows.collect()).await?,
            }
            match rest {
                Rest::More => question.page = question.page.next(),
                Rest::Whole => break Came::Whole,
                Rest::Cut => break Came::Cut,
            }
        };
        while !later.is_empty() {
            let chunk = later.split_off(later.len().saturating_sub(NOTED_AT_ONCE));
            self.note(chunk).await?;
        }
        Ok(came)
    }

    /// Makes flows of what is this establishment's.
    async fn note(&mut self, rows: Vec<ReceivedInvoice>) -> Result<(), StoreError> {
        let options = self.core.options.load_full();
        let mut steps = Vec::new();
        for row in rows {
            let whose = whose(&options, self.realm, row.recipient.as_deref());
            // What was delivered before somebody looked at the recipient is followed to its end.
            let ours =
                whose == Whose::Ours || !self.core.store.reader()?.received(self.realm, Some(row.id), None)?.is_empty();
            if ours {
                codes::saw_kind(self.core, self.realm, row.id, row.kind.as_deref()).await?;
                steps.push(self.core.store.find(self.realm, found(row, self.account), self.core.now()));
            } else if let Whose::Nobodys(siret) = whose {
                self.others.saw(siret, &row.number, self.since, self.core.now());
            }
        }
        for step in steps {
            if let Found::New(_) = step.await? {
                self.new += 1;
            }
        }
        Ok(())
    }
}

/// Chorus Pro's kind of an invoice as the code of UNTDID 1001, which invoices that are sent bear as well. One that this
/// version does not know counts as an invoice, and is told (`codes`).
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

    fn day(days: u32) -> Timestamp {
        now().minus(Duration::from_secs(86_400) * days)
    }

    fn now() -> Timestamp {
        "2026-11-23T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_look_begins_a_day_before_the_cursor_and_the_first_one_where_it_is_wished() {
        assert_eq!(begin(None, None, now()), day(35));
        assert_eq!(begin(None, Some(day(100)), now()), day(100));
        assert_eq!(begin(Some(now()), Some(day(100)), now()), day(1));
        assert_eq!(begin(Some(day(3)), None, now()), day(4), "after three days off");
        assert_eq!(begin(Some(day(60)), None, now()), day(61), "after two months off");
        assert_eq!(begin(Some(now().plus(SWEEP_EVERY)), None, now()), day(1), "a clock that went back");
    }

    #[test]
    fn everything_open_is_asked_for_at_first_and_once_a_week() {
        let due = |days| is_sweep_due(Some(day(days)), now());
        assert!(is_sweep_due(None, now()) && due(7) && due(60) && !due(6) && !due(0));
        assert!(is_sweep_due(Some(now().plus(SWEEP_EVERY)), now()), "a clock that went back");
        let question = Sought::Open { since: None }.question(PaymentRequest::Invoice, now());
        assert_eq!((question.deposited, question.state_changed, question.downloaded), (None, None, Some(false)));
        assert_eq!(question.page, Page { number: 1, rows: 200 });
        assert!(question.statuses.contains(&InvoiceStatus::Suspendue));
        assert!(!question.statuses.contains(&InvoiceStatus::MiseEnPaiement));
        let since = Sought::Open { since: Some(day(400)) }.question(PaymentRequest::Invoice, now());
        assert_eq!(since.deposited.map(|period| period.from), Some(day(400)));
    }
}
