//! How a job asks Chorus Pro something that changes nothing there: under the realm's halts and pauses, with every failure
//! turned into "when again".

use std::time::{Duration, Instant};

use crate::chorus::{ResultPage, Service};
use crate::domain::{Realm, Timestamp};
use crate::fault::{Code, Fault};
use crate::work::connector::{CallError, Connector};
use crate::work::core::Core;
use crate::work::halts;

/// Pages of one search or history that are followed.
pub(super) const PAGES_LIMIT: u32 = 1_000;
/// When work of a halted realm looks again whether it may go on; the store does not lease it before the halt ends.
const HALTED_WAIT: Duration = Duration::from_secs(5);

/// Before a question whose answer made no sense is asked again.
const UNREADABLE_WAIT: Duration = Duration::from_secs(60);

/// Why there is no answer now.
#[derive(Debug)]
pub(super) enum Setback {
    /// The way to Chorus Pro, or Chorus Pro itself, does not answer: again at `at`.
    Later { fault: Fault, at: Timestamp },
    /// Chorus Pro refuses this very question.
    Refused { fault: Fault },
}

/// What the pages of one list have shown: a list counts only when every row was there and could be read.
pub(super) struct Tally<'a> {
    realm: &'a Realm,
    /// The list, for the log.
    list: &'static str,
    rows: u64,
    unreadable: u64,
}

impl<'a> Tally<'a> {
    pub fn new(realm: &'a Realm, list: &'static str) -> Self {
        Self { realm, list, rows: 0, unreadable: 0 }
    }

    pub fn count<R>(&mut self, page: &ResultPage<R>) {
        for unreadable in &page.unreadable {
            log::warn!(realm = self.realm.to_string().as_str(), list = self.list, reason = unreadable.to_string().as_str();
                "A row of a list cannot be read; it is asked for again");
        }
        let all = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        self.unreadable += all(page.unreadable.len());
        self.rows += all(page.rows.len() + page.unreadable.len());
    }

    /// After the last page, which announced `total`.
    pub fn is_whole(&self, total: Option<u64>) -> bool {
        let announced = total.unwrap_or(0);
        if announced > self.rows {
            log::warn!(realm = self.realm.to_string().as_str(), list = self.list, rows = self.rows, total = announced;
                "Chorus Pro announced more rows than it listed; they are asked for again");
        }
        self.unreadable == 0 && announced <= self.rows
    }
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

    /// What a failed call means for the realm: a halt, a pause, or nothing.
    pub async fn setback(&self, realm: &Realm, error: CallError) -> Setback {
        let now = self.now();
        match error {
            CallError::NotSent(fault) => Setback::Later { at: self.pause(realm, None), fault },
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
