//! Releases of the appliance that nobody brought to the page: looked for at an address, or dropped into a folder.
//!
//! Promises: whatever comes is journalled and handed to keeper, which judges it; nothing is installed by itself. What was handed
//! over once is not handed over again, so that a release that was installed or refused makes no attempt a day. A file that a person
//! handed in is not replaced by one that was only looked for.
//!
//! Refuses to know: what a release is.

mod fetch;
mod offer;
mod settings;

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde::{Deserialize, Serialize};

pub use self::fetch::Source;
use self::fetch::{Failure, Outcome};
pub use self::offer::latest_known;
pub(super) use self::offer::{OfferError, Offering, offer};
pub use self::settings::UpdateSection;
use crate::domain::{DocumentHash, Timestamp};
use crate::fault::Text;
use crate::net::http::Validators;
use crate::os::durable;
use crate::os::signals::Shutdown;
use crate::update::Version;

/// What is remembered of the address, in the data folder.
const MEMORY: &str = "releases.json";
/// Bytes of that file, at most.
const MEMORY_LIMIT: u64 = 64 << 10;
/// After a failure the address is tried again: the first time, and at the longest. Between, the wait doubles.
const RETRY_FIRST: Duration = Duration::from_secs(60);
const RETRY_LONGEST: Duration = Duration::from_secs(3600);
/// Between two looks at the clock and at whether this process stops.
const LOOK: Duration = Duration::from_secs(1);

/// What is known of the address, as the page and the watch see it. Clones share it.
#[derive(Debug, Clone)]
pub struct Releases(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    url: String,
    state: Mutex<State>,
    wishes: Mutex<Sender<()>>,
}

#[derive(Debug)]
struct State {
    memory: Memory,
    is_looking: bool,
}

/// What outlives the process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Memory {
    /// Of what the rest is told.
    url: String,
    /// Of the file that was read last.
    validators: Validators,
    /// The last file that was handed over.
    offered: Option<DocumentHash>,
    looked_at: Option<Timestamp>,
    found: Option<Found>,
    /// Of the looks since the address last answered.
    failing: Option<Failing>,
}

/// Looks that failed, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Failing {
    since: Timestamp,
    times: u32,
    /// Why the last one did.
    fr: String,
    en: String,
}

/// What the last look came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Found {
    /// What was handed over before.
    Same,
    /// A file that keeper took to examine it.
    Offered,
    /// Nothing was read: keeper is at work, or a file that a person handed in waits.
    Waiting,
    /// The box did not take the file, and why.
    Refused { fr: String, en: String },
    /// The address could not be read, and why.
    Failed { fr: String, en: String },
}

/// How it stands, for the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub url: String,
    pub is_looking: bool,
    /// When it was looked for last, and what came of it.
    pub last: Option<(Timestamp, Found)>,
}

/// Which release waits for a person to install it, as keeper told last. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Waiting(Arc<ArcSwapOption<Version>>);

impl Waiting {
    pub fn told(&self, version: Option<Version>) {
        self.0.store(version.map(Arc::new));
    }

    pub fn version(&self) -> Option<Version> {
        self.0.load().as_deref().copied()
    }
}

/// For the watch: how long the address has failed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    pub span: Duration,
    pub why: Text,
}

impl Memory {
    /// What is there of this address. A file that cannot be read is one that is not there: the next look is as the first.
    fn read(path: &Path, url: &str) -> Self {
        let text = std::fs::metadata(path).ok().filter(|data| data.len() <= MEMORY_LIMIT);
        let text = text.and_then(|_| std::fs::read(path).ok());
        let kept: Memory = text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        if kept.url == url {
            return kept;
        }
        // Of another address only what was handed over counts.
        Self { url: url.to_owned(), offered: kept.offered, ..Self::default() }
    }

    fn keep(&self, path: &Path) {
        let kept = serde_json::to_vec(self).map_err(std::io::Error::other);
        if let Err(error) = kept.and_then(|bytes| durable::write_atomically(path, &bytes)) {
            log::warn!(error = error.to_string().as_str(); "What is known of the releases' address could not be kept");
        }
    }

    /// Whether it is time to look. A clock that was put back does not put it off.
    fn is_due(&self, now: Timestamp, every: Duration) -> bool {
        let wait = match &self.found {
            Some(Found::Waiting) => RETRY_FIRST.min(every),
            Some(Found::Failed { .. }) => {
                let before = self.failing.as_ref().map_or(0, |failing| failing.times.saturating_sub(1));
                let doubled = RETRY_FIRST.saturating_mul(1 << before.min(16));
                doubled.min(RETRY_LONGEST).min(every)
            }
            _ => every,
        };
        self.looked_at.is_none_or(|at| now < at || now.since(at) >= wait)
    }

    /// One more look that came to nothing, by the address's fault or the box's.
    fn fail(&mut self, now: Timestamp, fr: &str, en: &str) {
        let (since, times) = self.failing.take().map_or((now, 0), |failing| (failing.since, failing.times));
        self.failing = Some(Failing { since, times: times.saturating_add(1), fr: fr.to_owned(), en: en.to_owned() });
    }

    /// Enters what a look came to.
    fn enter(&mut self, outcome: Result<Outcome, Failure>, now: Timestamp) {
        self.looked_at = Some(now);
        let is_failure = outcome.is_err();
        let found = match outcome {
            Ok(Outcome::Unchanged) => Found::Same,
            Ok(Outcome::Known(validators)) => {
                self.validators = validators;
                Found::Same
            }
            Ok(Outcome::Offered { sha256, validators }) => {
                (self.offered, self.validators) = (Some(sha256), validators);
                Found::Offered
            }
            Ok(Outcome::Old { sha256, validators }) => {
                (self.offered, self.validators) = (Some(sha256), validators);
                Found::Same
            }
            Ok(Outcome::Bad { sha256, validators, why: Text { fr, en } }) => {
                (self.offered, self.validators) = (Some(sha256), validators);
                Found::Refused { fr, en }
            }
            Ok(Outcome::Waits) => Found::Waiting,
            Err(Failure::Box(Text { fr, en })) => {
                self.fail(now, &fr, &en);
                Found::Refused { fr, en }
            }
            Err(Failure::Address(Text { fr, en })) => {
                self.fail(now, &fr, &en);
                Found::Failed { fr, en }
            }
        };
        // Nothing is asked of the address while another file waits.
        if !is_failure && !matches!(found, Found::Waiting) {
            self.failing = None;
        }
        self.found = Some(found);
    }
}

impl Releases {
    /// Begins to look, on a thread of its own until told to stop. Must be called inside the runtime.
    pub fn begin(source: Source, shutdown: Shutdown) -> std::io::Result<Self> {
        let (sender, wishes) = channel();
        let url = source.url.to_string();
        let path = source.dir.join(MEMORY);
        let state = Mutex::new(State { memory: Memory::read(&path, &url), is_looking: false });
        let releases = Self(Arc::new(Shared { url, state, wishes: Mutex::new(sender) }));
        let (mine, runtime) = (releases.clone(), tokio::runtime::Handle::current());
        let attend = move || attend(&mine, &source, &path, &wishes, &runtime, &shutdown);
        std::thread::Builder::new().name("releases".to_owned()).spawn(attend)?;
        Ok(releases)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks soon, whatever the clock says.
    pub fn look_now(&self) {
        self.state().is_looking = true;
        // The thread is gone only when this process stops.
        let _ = self.0.wishes.lock().unwrap_or_else(PoisonError::into_inner).send(());
    }

    pub fn standing(&self) -> Standing {
        let state = self.state();
        let Memory { looked_at, found, .. } = state.memory.clone();
        Standing { url: self.0.url.clone(), is_looking: state.is_looking, last: looked_at.zip(found) }
    }

    /// `None` while the address answers.
    pub fn unreached(&self, now: Timestamp) -> Option<Unreached> {
        let Failing { since, fr, en, .. } = self.state().memory.failing.clone()?;
        Some(Unreached { span: now.since(since), why: Text { fr, en } })
    }
}

fn attend(
    releases: &Releases,
    source: &Source,
    path: &Path,
    wishes: &Receiver<()>,
    runtime: &tokio::runtime::Handle,
    shutdown: &Shutdown,
) {
    while !shutdown.is_told() {
        let is_wished = wishes.recv_timeout(LOOK).is_ok();
        let memory = releases.state().memory.clone();
        if !is_wished && !memory.is_due(Timestamp::now(), source.every) {
            continue;
        }
        while wishes.try_recv().is_ok() {}
        releases.state().is_looking = true;
        let known = fetch::Known { validators: &memory.validators, offered: memory.offered };
        // `None`: this process stops.
        let looked = fetch::look(source, &known, runtime, shutdown);
        let mut state = releases.state();
        if let Some(outcome) = looked {
            tell(&outcome);
            state.memory.enter(outcome, Timestamp::now());
            state.memory.keep(path);
        }
        state.is_looking = false;
    }
}

fn tell(outcome: &Result<Outcome, Failure>) {
    match outcome {
        Ok(Outcome::Offered { sha256, .. }) => {
            log::info!(sha256 = sha256.to_string().as_str(); "A release was fetched, and is offered");
        }
        Ok(Outcome::Bad { why, .. }) => log::warn!(error = why.en.as_str(); "A release was fetched, and refused"),
        Ok(_) => {}
        Err(Failure::Box(why)) => log::warn!(error = why.en.as_str(); "A release was fetched, and not taken"),
        Err(Failure::Address(why)) => {
            log::warn!(error = why.en.as_str(); "The releases' address could not be read; tried again");
        }
    }
}

#[cfg(test)]
mod tests;
