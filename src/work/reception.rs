//! Watches Chorus Pro for received invoices and makes each one a flow.
//!
//! Promise: every page is followed and counted against the total; the cursor moves only after a whole look, and the next
//! look begins a day before it, because the date of a state is not the order of the pages (PROTOCOL §2.2, §7). A look that
//! was cut short is made again from the same place. Once a week, and at first, two lists are read besides (`sweep`): every
//! invoice that is open and that nobody has downloaded, however old its state is, and every invoice by date since the first
//! day, whatever became of it: what a look has missed is found. Where one did not come to its end, it is read again later,
//! ever less often; while it is read, no other look waits for it.
//!
//! An account may be attached to several structures: what is for another one is not this establishment's (`others`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;

use crate::chorus::{Page, PaymentRequest, Period, ReceivedInvoice, RechercherRecipiendaire, WireDate};
use crate::domain::{AccountName, ChorusInvoiceId, InvoiceStatus, Realm, Timestamp};
use crate::store::{Found, FoundInvoice, StoreError};
use crate::work::codes;
use crate::work::core::Core;
use crate::work::others::{Others, Owed, Whose, whose};
use crate::work::reach::{Rest, Setback, Tally};
use crate::work::settings::Options;
use crate::work::sweep::{Came, List, Readings, past_begin};
use crate::work::worklist;

/// The named value that holds a realm's cursor: until when its received invoices are known.
pub const CURSOR: &str = "reception.until";
/// The named value that holds from when on a realm's received invoices are taken here.
const FIRST: &str = "reception.first";
/// Every look begins this long before the cursor.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);
/// How far back by the date of the state the first look goes, unless the route says since when.
const FIRST_LOOK: Duration = Duration::from_secs(35 * 24 * 3600);
/// Invoices that are written down at once.
const NOTED_AT_ONCE: usize = 500;
/// How far ahead a look goes, for a clock at Chorus Pro that is ahead of ours.
const LOOK_AHEAD: Duration = Duration::from_secs(48 * 3600);
/// After a look that was cut short, before the next one (unless the configured wait is shorter).
const AFTER_SETBACK: Duration = Duration::from_secs(60);

/// Looks until `stop` is set: again and again, and at once when the configuration changed or a halt ended.
pub(super) async fn watch_over(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let (mut configured, mut resumed) = (core.configured.subscribe(), core.resumed.subscribe());
    let stopped = stop.clone();
    let mut readings = Readings::default();
    let mut pass = Pass { core: &core, stop: &stopped, ended: Instant::now(), next: Duration::ZERO };
    loop {
        configured.mark_unchanged();
        resumed.mark_unchanged();
        for (realm, account, fresh) in pass.over_all().await {
            if !pass.may_look(&realm) {
                continue;
            }
            let mut looking = Looking::of(&core, &realm, &account, fresh.since);
            let read = looking.lists(fresh, &mut readings, &mut pass).await;
            looking.told(read);
        }
        let rest = pass.next.saturating_sub(pass.ended.elapsed());
        tokio::select! {
            _ = stop.changed() => return,
            _ = configured.changed() => {}
            _ = resumed.changed() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// The looks for what is new, one realm after the other. A long list of one realm keeps none of them waiting.
struct Pass<'a> {
    core: &'a Arc<Core>,
    stop: &'a watch::Receiver<bool>,
    ended: Instant,
    /// How long after it the next one is due.
    next: Duration,
}

impl Pass<'_> {
    fn may_look(&self, realm: &Realm) -> bool {
        let halts = self.core.store.reader().and_then(|reader| reader.halts());
        !*self.stop.borrow() && !halts.is_ok_and(|halts| halts.iter().any(|(halted, ..)| halted == realm))
    }

    /// Looks for what is new in every realm; what was learned of each.
    async fn over_all(&mut self) -> Vec<(Realm, AccountName, Fresh)> {
        let options = self.core.options.load_full();
        let mut next = options.limits.reception_wait();
        let mut learned = Vec::new();
        for (realm, account) in options.receivers() {
            if !self.may_look(&realm) {
                continue;
            }
            let mut looking = Looking::of(self.core, &realm, &account, self.core.now());
            let looked = looking.fresh().await;
            let fresh = looking.told(looked);
            if !fresh.as_ref().is_some_and(|fresh| fresh.whole) {
                next = next.min(AFTER_SETBACK);
            }
            // The look may have met what halts the realm.
            if options.validates(&realm) && self.may_look(&realm) {
                worklist::look(self.core, &realm, &account).await;
            }
            learned.extend(fresh.map(|fresh| (realm, account, fresh)));
        }
        (self.ended, self.next) = (Instant::now(), next);
        learned
    }

    /// Whether the next looks are due.
    fn is_due(&self) -> bool {
        self.ended.elapsed() >= self.next
    }
}

/// What a look for what is new has learned, for the lists that are read besides.
struct Fresh {
    /// It was read throughout.
    whole: bool,
    /// From when on.
    since: Timestamp,
    /// From when on everything is listed by date.
    past: Timestamp,
    wished: Option<Timestamp>,
    owed: Owed,
    /// The configuration it was made by.
    options: Arc<Options>,
}

/// Where a look begins by the date of the state: a day before the cursor; at first as far back as it is wished, else so far
/// that what the realm is `owed` is in it.
fn begin(cursor: Option<Timestamp>, wished: Option<Timestamp>, owed: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let usual = now.minus(FIRST_LOOK);
    let first = || wished.unwrap_or_else(|| owed.map_or(usual, |since| usual.min(since)));
    cursor.map_or_else(first, |cursor| cursor.min(now).minus(OVERLAP))
}

/// Which invoices are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sought {
    /// Whatever has had a state since, whoever downloaded it.
    ChangedSince(Timestamp),
    /// The same, on the long pages of a list that is read once a week.
    Past(Timestamp),
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
            Sought::Past(from) => {
                RechercherRecipiendaire { page: Page::WIDE, state_changed: Some(period(from)), ..question }
            }
            Sought::Open { since } => RechercherRecipiendaire {
                page: Page::WIDE,
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
            Sought::ChangedSince(_) | Sought::Past(_) => true,
            Sought::Open { .. } => row.downloaded != Some(true) && !row.status.is_final(),
        }
    }
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

impl<'a> Looking<'a> {
    fn of(core: &'a Core, realm: &'a Realm, account: &'a AccountName, since: Timestamp) -> Self {
        Self { core, realm, account, others: Others::default(), since, new: 0 }
    }

    /// Tells how many were found, and what went wrong here.
    fn told<T>(&mut self, done: Result<T, StoreError>) -> Option<T> {
        if self.new > 0 {
            log::info!(realm = self.realm.to_string().as_str(), new = self.new;
                "Received invoices were found at Chorus Pro");
        }
        let failed = |error: &StoreError| {
            log::error!(realm = self.realm.to_string().as_str(), error = error.to_string().as_str();
                "Received invoices cannot be written down");
        };
        done.inspect_err(failed).ok()
    }

    /// What is new.
    async fn fresh(&mut self) -> Result<Fresh, StoreError> {
        let (core, now) = (self.core, self.core.now());
        let options = core.options.load_full();
        self.others = Others::kept(&core.store.reader()?, self.realm)?;
        let owed = Owed::to(&core.store.reader()?, &options, self.realm)?;
        let (cursor, wished) = (self.remembered(CURSOR)?, options.received_since(self.realm));
        self.since = begin(cursor, wished, owed.since, now);
        let past = past_begin(wished, self.first(cursor).await?, owed.since, now);
        let whole = self.read(Sought::ChangedSince(self.since), None).await?.0 == Came::Whole;
        if whole {
            core.store.remember(self.realm, CURSOR, &now.to_string()).await?;
        }
        self.keep_others().await?;
        Ok(Fresh { whole, since: self.since, past, wished, owed, options })
    }

    /// The lists that are read once a week, where they are due.
    async fn lists(&mut self, fresh: Fresh, readings: &mut Readings, pass: &mut Pass<'_>) -> Result<(), StoreError> {
        let (core, now) = (self.core, self.core.now());
        let Fresh { whole, since, past, wished, owed, options } = fresh;
        self.others = Others::kept(&core.store.reader()?, self.realm)?;
        readings.forget_all_but(self.realm, &owed);
        for list in List::ALL {
            // What is new began there as well: it is the same list.
            let is_new = list == List::Past && since <= past;
            let is_due = readings.is_due(self.realm, list, self.remembered(list.name())?, &owed, now);
            if !is_due || (is_new && !whole) || (!is_new && readings.rests(self.realm, list)) {
                continue;
            }
            let (came, pages) = match list {
                List::Past if is_new => (Came::Whole, 0),
                List::Past => self.read(Sought::Past(past), Some(&mut *pass)).await?,
                List::Open => self.read(Sought::Open { since: wished }, Some(&mut *pass)).await?,
            };
            if came == Came::Whole {
                core.store.remember(self.realm, list.name(), &now.to_string()).await?;
            }
            // A configuration that came meanwhile is looked by at once.
            let is_same = Arc::ptr_eq(&options, &core.options.load_full());
            readings.came(self.realm, list, came, pages, Some(&owed).filter(|_| is_same));
        }
        self.keep_others().await?;
        if whole && List::ALL.iter().all(|list| readings.has(self.realm, *list, &owed)) {
            owed.settle(core).await?;
        }
        Ok(())
    }

    /// Writes down what was seen of other structures.
    async fn keep_others(&mut self) -> Result<(), StoreError> {
        let read = self.remembered(List::Past.name())?.min(self.remembered(List::Open.name())?);
        self.others.keep(self.core, self.realm, self.core.now(), read).await
    }

    /// Between two pages of a long list: the looks whose time has come, this realm's own among them.
    async fn let_pass(&mut self, pass: &mut Pass<'_>) -> Result<(), StoreError> {
        if pass.is_due() {
            self.keep_others().await?;
            // Boxed: those looks read lists too, though never with a pass of their own.
            Box::pin(pass.over_all()).await;
            self.others = Others::kept(&self.core.store.reader()?, self.realm)?;
        }
        Ok(())
    }

    fn remembered(&self, name: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.core.store.reader()?.remembered(self.realm, name)?.and_then(|text| text.parse().ok()))
    }

    /// From when on this establishment's invoices are taken here: where its first look began. A box of an earlier version did
    /// not write that down, but received its first invoice after it.
    async fn first(&self, cursor: Option<Timestamp>) -> Result<Timestamp, StoreError> {
        if let Some(first) = self.remembered(FIRST)? {
            return Ok(first);
        }
        let first = match cursor {
            None => self.since,
            Some(_) => self.core.store.reader()?.first_received(self.realm)?.unwrap_or(self.since),
        };
        self.core.store.remember(self.realm, FIRST, &first.to_string()).await?;
        Ok(first)
    }

    /// Both kinds, and how many pages they had. What one cannot be read for does not hide the other.
    async fn read(&mut self, sought: Sought, mut pass: Option<&mut Pass<'_>>) -> Result<(Came, u32), StoreError> {
        let (mut came, mut pages) = (Came::Whole, 0);
        for kind in PaymentRequest::ALL {
            let (of, answered) = self.read_kind(sought, kind, pass.as_deref_mut()).await?;
            (came, pages) = (came.max(of), pages + answered);
        }
        Ok((came, pages))
    }

    /// Every page of one kind.
    async fn read_kind(
        &mut self,
        sought: Sought,
        kind: PaymentRequest,
        mut pass: Option<&mut Pass<'_>>,
    ) -> Result<(Came, u32), StoreError> {
        let (core, realm) = (self.core, self.realm);
        let mut question = sought.question(kind, core.now());
        let mut tally = Tally::new(realm, "received invoices");
        // Each download takes an invoice off the list of what nobody has downloaded: it is read to its end first.
        let mut later = Vec::new();
        // What is passed over is passed over since the look for what is new: an old list does not draw that back.
        let since = self.since;
        let mut answered = 0;
        let came = loop {
            let page = match core.ask_page(realm, &question, question.page).await {
                Ok(page) => page,
                Err(Setback::Later { .. }) => break Came::Unanswered,
                Err(Setback::Refused { fault }) => {
                    log::warn!(realm = realm.to_string().as_str(), fault = fault.code.as_str();
                        "Chorus Pro refuses the search for received invoices: {}", fault.title(crate::fault::Language::En));
                    break Came::Unanswered;
                }
            };
            answered = question.page.number;
            let rest = tally.count(question.page, &page, |row| row.id);
            let rows = page.rows.into_iter().filter(|row| sought.means(row));
            match sought {
                Sought::Open { .. } => later.extend(rows),
                Sought::ChangedSince(_) | Sought::Past(_) => self.note(rows.collect(), since).await?,
            }
            match rest {
                Rest::More => question.page = question.page.next(),
                Rest::Whole => break Came::Whole,
                Rest::Cut if tally.lacks_unreadable_only() => break Came::Unreadable,
                Rest::Cut => break Came::Cut,
            }
            if let Some(pass) = pass.as_deref_mut() {
                self.let_pass(pass).await?;
                if *pass.stop.borrow() {
                    break Came::Unanswered;
                }
            }
        };
        while !later.is_empty() {
            let chunk = later.split_off(later.len().saturating_sub(NOTED_AT_ONCE));
            self.note(chunk, since).await?;
        }
        Ok((came, answered))
    }

    /// Keeps what Chorus Pro says of an invoice in fields that nobody knows yet, for `facture.json`: before there is a flow.
    async fn keep_fields(&self, row: &ReceivedInvoice) -> Result<(), StoreError> {
        if row.others.is_empty() {
            return Ok(());
        }
        let (name, others) = (others_name(row.id), Value::Object(row.others.clone()).to_string());
        if self.core.store.reader()?.remembered(self.realm, &name)?.as_ref() != Some(&others) {
            self.core.store.remember(self.realm, &name, &others).await?;
        }
        Ok(())
    }

    /// Makes flows of what is this establishment's, of a list that is read since then.
    async fn note(&mut self, rows: Vec<ReceivedInvoice>, since: Timestamp) -> Result<(), StoreError> {
        let options = self.core.options.load_full();
        let mut steps = Vec::new();
        for row in rows {
            let whose = whose(&options, self.realm, row.recipient.as_deref());
            // What was delivered before somebody looked at the recipient is followed to its end.
            let ours =
                whose == Whose::Ours || !self.core.store.reader()?.received(self.realm, Some(row.id), None)?.is_empty();
            if ours {
                self.keep_fields(&row).await?;
                codes::saw_kind(self.core, self.realm, row.id, row.kind.as_deref()).await?;
                steps.push(self.core.store.find(self.realm, found(row, self.account), self.core.now()));
            } else if let Whose::Nobodys(siret) = whose {
                self.others.saw(siret, &row.number, since, self.core.now());
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

/// The named value that holds what the row of a received invoice says in fields that nobody knows.
pub(super) fn others_name(id: ChorusInvoiceId) -> String {
    format!("others:{id}")
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
        assert_eq!(begin(None, None, None, now()), day(35));
        assert_eq!(begin(None, None, Some(day(60)), now()), day(60), "what was passed over before");
        assert_eq!(begin(None, None, Some(day(3)), now()), day(35));
        assert_eq!(begin(None, Some(day(100)), Some(day(200)), now()), day(100));
        assert_eq!(begin(Some(now()), Some(day(100)), Some(day(50)), now()), day(1));
        assert_eq!(begin(Some(day(3)), None, None, now()), day(4), "after three days off");
        assert_eq!(begin(Some(day(60)), None, None, now()), day(61), "after two months off");
        assert_eq!(begin(Some(now().plus(FIRST_LOOK)), None, None, now()), day(1), "a clock that went back");
    }

    #[test]
    fn what_is_open_is_asked_for_without_a_date_and_the_past_without_a_filter() {
        let past = Sought::Past(day(90)).question(PaymentRequest::Invoice, now());
        assert_eq!((past.deposited, past.downloaded, past.statuses.len(), past.page.rows), (None, None, 0, 200));
        assert_eq!(past.state_changed.map(|period| period.from), Some(day(90)));
        let question = Sought::Open { since: None }.question(PaymentRequest::Invoice, now());
        assert_eq!((question.deposited, question.state_changed, question.downloaded), (None, None, Some(false)));
        assert_eq!(question.page, Page { number: 1, rows: 200 });
        assert!(question.statuses.contains(&InvoiceStatus::Suspendue));
        assert!(!question.statuses.contains(&InvoiceStatus::MiseEnPaiement));
        let since = Sought::Open { since: Some(day(400)) }.question(PaymentRequest::Invoice, now());
        assert_eq!(since.deposited.map(|period| period.from), Some(day(400)));
    }
}
