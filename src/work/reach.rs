//! How a job asks Chorus Pro something that changes nothing there: under the realm's halts and pauses, with every failure
//! turned into "when again".

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::chorus::{Page, ResultPage, Service};
use crate::domain::{ChorusInvoiceId, Realm, Timestamp};
use crate::fault::{Code, Fault};
use crate::work::connector::{CallError, Connector};
use crate::work::core::Core;
use crate::work::halts;

/// Pages of one search or history that are followed.
pub(super) const PAGES_LIMIT: u32 = 1_000;
/// When work of a halted realm looks again whether it may go on; the store does not lease it before the halt ends.
const HALTED_WAIT: Duration = Duration::from_secs(5);

/// Before a question whose answer made no sense is asked again.
pub(super) const UNREADABLE_WAIT: Duration = Duration::from_secs(60);

/// How often a page of a list is asked for before the list is given up for now.
const PAGE_TRIES: u32 = 4;
/// A detail of the fault of a call that never left, for want of a token say: it says nothing of what would have been asked.
pub(super) const NOT_SENT: &str = "not_sent";

/// Why there is no answer now.
#[derive(Debug)]
pub(super) enum Setback {
    /// The way to Chorus Pro, or Chorus Pro itself, does not answer: again at `at`.
    Later { fault: Fault, at: Timestamp },
    /// Chorus Pro refuses this very question.
    Refused { fault: Fault },
}

/// What the pages of one list have shown: a list counts only when every row that any of its pages announced was there and
/// could be read. What a page says of itself counts for nothing: neither its number, nor, after the first, that there is
/// no row (code 20000).
pub(super) struct Tally<'a> {
    realm: &'a Realm,
    /// The list, for the log.
    list: &'static str,
    seen: HashSet<ChorusInvoiceId>,
    unreadable: u64,
    /// The most that any page announced.
    pages: u32,
    total: Option<u64>,
    /// Rows that were announced did not come.
    broken_off: bool,
}

/// What a page says about the rest of its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// A further page is to be asked for.
    More,
    /// It was the last one, and nothing is missing.
    Whole,
    /// The list ends here and is not whole.
    Cut,
}

impl<'a> Tally<'a> {
    pub fn new(realm: &'a Realm, list: &'static str) -> Self {
        Self { realm, list, seen: HashSet::new(), unreadable: 0, pages: 0, total: None, broken_off: false }
    }

    /// Counts the page that was `asked` for; a row is known by its `id`.
    pub fn count<R>(&mut self, asked: Page, page: &ResultPage<R>, id: impl Fn(&R) -> ChorusInvoiceId) -> Rest {
        for unreadable in &page.unreadable {
            log::warn!(realm = self.realm.to_string().as_str(), list = self.list, reason = unreadable.to_string().as_str();
                "A row of a list cannot be read; it is asked for again");
        }
        let new = page.rows.iter().filter(|row| self.seen.insert(id(row))).count();
        self.unreadable += all(page.unreadable.len());
        self.pages = self.pages.max(page.pages);
        self.total = self.total.max(page.total);
        // A page without anything new, before the last: it is another one once more, or the list broke off.
        let stands_still = new == 0 && page.unreadable.is_empty();
        if asked.number < self.pages && !stands_still && asked.number < PAGES_LIMIT {
            return Rest::More;
        }
        let (rows, announced) = (all(self.seen.len()).saturating_add(self.unreadable), self.total.unwrap_or(0));
        let broken_off = asked.number < self.pages || announced > rows || (stands_still && asked.number > 1);
        if broken_off {
            log::warn!(realm = self.realm.to_string().as_str(), list = self.list, rows, total = announced,
                page = asked.number, pages = self.pages;
                "Chorus Pro announced more rows than it listed; they are asked for again");
        }
        self.broken_off = broken_off;
        if broken_off || self.unreadable > 0 { Rest::Cut } else { Rest::Whole }
    }

    /// Of a list that is cut: every row was there, and some cannot be read.
    pub fn lacks_unreadable_only(&self) -> bool {
        !self.broken_off && self.unreadable > 0
    }
}

fn all(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

impl Core {
    /// The realm's connector, unless it is paused, or not connected (which halts it).
    pub async fn connector(&self, realm: &Realm) -> Result<Connector, Setback> {
        let now = self.now();
        let connector = match self.connectors.load().get(realm) {
            Ok(connector) => connector,
            Err(fault) => {
                halts::halt(self, realm, &fault).await;
                return Err(Setback::Later { fault, at: now.plus(HALTED_WAIT) });
            }
        };
        match self.pauses.until(realm, (self.steady)()) {
            Some(until) => Err(Setback::Later { fault: Fault::new(Code::Throttled), at: self.at(until) }),
            None => Ok(connector),
        }
    }

    /// One question. A read may be asked again freely, so a lost answer is only "later".
    pub async fn ask<S: Service>(&self, realm: &Realm, service: &S) -> Result<S::Answer, Setback> {
        let connector = self.connector(realm).await?;
        match connector.call(service).await {
            Ok(answer) => {
                self.pauses.passed(realm);
                Ok(answer)
            }
            Err(error) => {
                log::info!(realm = realm.to_string().as_str(), service = S::NAME,
                    error = error.to_string().as_str(); "Chorus Pro gave no answer");
                Err(self.setback(realm, error).await)
            }
        }
    }

    /// A page of a list. Behind the first, one whose answer is lost is asked for again at once, a few times: otherwise a list
    /// of a hundred pages would begin anew for each of them, and never come to its end.
    pub async fn ask_page<S: Service>(&self, realm: &Realm, service: &S, page: Page) -> Result<S::Answer, Setback> {
        if page.number > 1 {
            let connector = self.connector(realm).await?;
            for _ in 1..PAGE_TRIES {
                match connector.call(service).await {
                    Ok(answer) => {
                        self.pauses.passed(realm);
                        return Ok(answer);
                    }
                    Err(CallError::Lost(fault)) if fault.code != Code::AnswerUnreadable => {
                        log::info!(realm = realm.to_string().as_str(), service = S::NAME, page = page.number,
                            fault = fault.code.as_str(); "A page got no answer; it is asked for again");
                    }
                    Err(error) => return Err(self.setback(realm, error).await),
                }
            }
        }
        self.ask(realm, service).await
    }

    /// A question of an API that the establishment can do without (Structures, say): where Chorus Pro forbids it or does
    /// not know it, that is a refusal of this question alone, and nobody else stops.
    pub async fn ask_optional<S: Service>(&self, realm: &Realm, service: &S) -> Result<S::Answer, Setback> {
        match self.connector(realm).await?.call(service).await {
            Ok(answer) => {
                self.pauses.passed(realm);
                Ok(answer)
            }
            Err(CallError::Stopped(fault)) if matches!(fault.code, Code::AccessForbidden | Code::ServiceMissing) => {
                log::info!(realm = realm.to_string().as_str(), service = S::NAME, fault = fault.code.as_str();
                    "Chorus Pro does not let this account ask this");
                Err(Setback::Refused { fault })
            }
            Err(error) => Err(self.setback(realm, error).await),
        }
    }

    /// What a failed call means for the realm: a halt, a pause, or nothing.
    pub async fn setback(&self, realm: &Realm, error: CallError) -> Setback {
        let now = self.now();
        match error {
            CallError::NotSent(fault) => {
                Setback::Later { at: self.pause(realm, None), fault: fault.with(NOT_SENT, "1") }
            }
            // One answer that makes no sense says nothing about the next call.
            CallError::Lost(fault) if fault.code == Code::AnswerUnreadable => {
                Setback::Later { at: now.plus(UNREADABLE_WAIT), fault }
            }
            CallError::Lost(fault) => Setback::Later { at: self.pause(realm, None), fault },
            CallError::SlowDown { fault, until } => {
                // In whole seconds, as it was asked for.
                let left = until.since(Timestamp::now());
                let asked = Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0));
                Setback::Later { at: self.pause(realm, Some(asked)), fault }
            }
            CallError::Stopped(fault) => {
                halts::halt(self, realm, &fault).await;
                Setback::Later { fault, at: now.plus(HALTED_WAIT) }
            }
            CallError::Refused { fault, .. } => {
                self.pauses.passed(realm);
                Setback::Refused { fault }
            }
        }
    }

    /// Since when Chorus Pro does not answer for the realm, by the machine's clock.
    pub fn silent_since(&self, realm: &Realm) -> Option<Timestamp> {
        let now = (self.steady)();
        let since = self.pauses.silent_since(realm, now)?;
        Some(self.now().minus(now.saturating_duration_since(since)))
    }

    /// Lets the realm rest, at least for what Chorus Pro `asked`; answers until when.
    fn pause(&self, realm: &Realm, asked: Option<Duration>) -> Timestamp {
        let now = (self.steady)();
        self.at(self.pauses.failed(realm, asked.map(|asked| now + asked), now))
    }

    /// A moment of the steady clock, as the machine's clock is now.
    fn at(&self, moment: Instant) -> Timestamp {
        self.now().plus(moment.saturating_duration_since((self.steady)()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "a list";

    fn realm() -> Realm {
        Realm { establishment: "univ".parse().unwrap(), environment: crate::domain::Environment::Practice }
    }

    fn page(ids: &[i64], pages: u32, total: Option<u64>) -> ResultPage<i64> {
        ResultPage { pages, total, rows: ids.to_vec(), unreadable: Vec::new() }
    }

    /// What the pages of a list lead to, one after the other.
    fn read(pages: &[ResultPage<i64>]) -> Vec<Rest> {
        let realm = realm();
        let mut tally = Tally::new(&realm, LIST);
        let mut asked = Page::FIRST;
        let mut rests = Vec::new();
        for page in pages {
            rests.push(tally.count(asked, page, |id| ChorusInvoiceId(*id)));
            asked = asked.next();
        }
        rests
    }

    #[test]
    fn a_list_that_breaks_off_after_its_first_page_is_cut() {
        let first = page(&[1, 2], 3, Some(5));
        let no_row = page(&[], 0, Some(0));
        assert_eq!(read(std::slice::from_ref(&no_row)), [Rest::Whole], "nothing at all");
        assert_eq!(read(&[first.clone(), no_row.clone()]), [Rest::More, Rest::Cut], "20000 in the middle");
        assert_eq!(read(&[first.clone(), page(&[3, 4], 3, Some(5)), no_row.clone()])[2], Rest::Cut, "and at the end");
        assert_eq!(read(&[first.clone(), page(&[3, 4], 3, None), page(&[], 3, None)])[2], Rest::Cut, "without a total");
        assert_eq!(read(&[first.clone(), page(&[3, 4], 2, Some(4))])[1], Rest::More, "the greatest number counts");
        let whole = [first.clone(), page(&[3, 4], 3, Some(5)), page(&[5], 3, Some(5))];
        assert_eq!(read(&whole), [Rest::More, Rest::More, Rest::Whole]);
        assert_eq!(
            read(&[first, page(&[3, 4], 3, None), page(&[5], 3, None)])[2],
            Rest::Whole,
            "the first one's total"
        );
    }

    #[test]
    fn a_page_that_comes_again_ends_its_list_as_cut() {
        let again = page(&[1, 2], 900, None);
        assert_eq!(read(&[again.clone(), again.clone(), again]), [Rest::More, Rest::Cut, Rest::Cut]);
        let clamped = [page(&[1, 2], 2, Some(4)), page(&[1, 2], 2, Some(4))];
        assert_eq!(read(&clamped), [Rest::More, Rest::Cut], "four rows, but two of them twice");
    }
}
