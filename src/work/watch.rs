//! The watch: what will stop the box in a month, what keeps it from its work now, and who is told of it.
//!
//! Promises: each thing that is wrong is one alarm, raised and ended in the journal; people hear of it once, at each further
//! stage of a date, daily while it is critical, and when it is over, whatever restarts meanwhile. Telling blocks nothing: a
//! notice is durable before it leaves, and one that cannot leave is itself an alarm on the page.
//!
//! Refuses to know: how a flow is decided. It only looks, and calls Chorus Pro for one date a day.

mod calls;
mod channel;
mod expiry;
mod judgement;
mod look;
mod notice;
mod settings;
mod telling;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

pub(in crate::work) use self::calls::recall;
pub use self::calls::{ServiceSight, last_answers};
pub use self::channel::ChannelError;
use self::channel::Outgoing;
pub(in crate::work) use self::expiry::ask_over;
pub use self::settings::{
    CertificateFile, CertificateRole, MailSection, MailSecurity, NotifySection, Pace, WatchOptions, Watched,
    WebhookSection,
};
use crate::domain::{Environment, Realm, Timestamp};
use crate::fault::{Language, Text};
use crate::net::resolver::Resolver;
use crate::os::random;
use crate::store::{Notice, NoticeItem, StoreError};
use crate::work::core::Core;

/// Between two looks for notices that are due.
const NOTICES_LOOK: Duration = Duration::from_secs(1);
/// A notice that nobody could be given for so long is given up: what it tells is on the page, or over.
const NOTICE_LASTS: Duration = Duration::from_secs(7 * 24 * 3600);

/// Numbers for `/metrics`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    /// When the technical account's password ends.
    pub passwords: Vec<(Realm, Timestamp)>,
    /// When each certificate ends.
    pub certificates: Vec<(CertificateRole, Timestamp)>,
    /// By how many milliseconds this machine is ahead of Chorus Pro.
    pub clocks: Vec<(Environment, i64)>,
}

impl CertificateRole {
    /// As a label of metrics.
    pub fn word(self) -> String {
        judgement::role_word(self)
    }
}

/// How each channel fared last: failures in a row, whether a person must act, what was said; `None`: it works.
type Channels = BTreeMap<&'static str, Option<(u32, bool, Text)>>;

/// What the lanes of the watch share.
#[derive(Default)]
pub(super) struct WatchState {
    channels: Mutex<Channels>,
    /// Rings when notices were made.
    made: tokio::sync::Notify,
    pub readings: Arc<arc_swap::ArcSwap<Readings>>,
}

impl WatchState {
    fn channels(&self) -> Channels {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, channel: &'static str, trouble: Option<(u32, bool, Text)>) {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).insert(channel, trouble);
    }
}

/// What the looks remember from one to the next.
struct Memory {
    /// When this process began to watch.
    begun: Timestamp,
    clock: (Timestamp, Instant),
    jumped: Option<(i64, Timestamp)>,
    space: Vec<(Timestamp, u64)>,
    groups_lost: u64,
    database_failed: Option<Instant>,
    /// How much was sealed when leaves were first seen without a seal, and when.
    unsealed: Option<(u64, Instant)>,
    channels: Channels,
    /// By channel: not before when people are told again past the database, and how often that failed in a row.
    told_directly: BTreeMap<&'static str, (Instant, u32)>,
}

impl Memory {
    fn new(now: Timestamp, groups_lost: u64) -> Self {
        Self {
            begun: now,
            clock: (now, Instant::now()),
            jumped: None,
            space: Vec::new(),
            groups_lost,
            database_failed: None,
            unsealed: None,
            channels: Channels::new(),
            told_directly: BTreeMap::new(),
        }
    }

    /// The last jump of the clock: seconds, forward above zero, and when it was seen.
    fn jump(&mut self, now: Timestamp, least: Duration) -> Option<(i64, Timestamp)> {
        let steady = Instant::now();
        let expected = self.clock.0.plus(steady - self.clock.1);
        let by = now.millis().saturating_sub(expected.millis());
        if by.unsigned_abs() > u64::try_from(least.as_millis()).unwrap_or(u64::MAX) {
            log::warn!(seconds = by / 1000; "The clock jumped");
            self.jumped = Some((by / 1000, now));
            // What is counted from the start is counted by the clock in force.
            self.begun = self.begun.min(now);
        }
        self.clock = (now, steady);
        self.jumped
    }
}

/// Looks until `stop` is set.
pub(super) async fn look_over(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let mut memory = Memory::new(core.now(), core.store.metrics().groups_failed);
    let (mut configured, mut halted) = (core.configured.subscribe(), core.halted.subscribe());
    loop {
        memory.channels = core.watch.channels();
        memory = one_look(&core, memory).await;
        let pace = core.options.load().watch.pace.look;
        tokio::select! {
            _ = stop.changed() => return,
            _ = configured.changed() => {}
            // So that who sees the halt on the page can take note of it there.
            _ = halted.changed() => {}
            () = tokio::time::sleep(pace) => {}
        }
    }
}

/// One look, and what follows from it.
async fn one_look(core: &Arc<Core>, mut memory: Memory) -> Memory {
    let looking = Arc::clone(core);
    // Files and reads: apart from the async workers.
    let looked = tokio::task::spawn_blocking(move || {
        let seen = look::look(&looking, &mut memory);
        (seen, memory)
    });
    let (seen, mut memory) = match looked.await {
        Ok(looked) => looked,
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "A look of the watch broke off");
            return Memory::new(core.now(), core.store.metrics().groups_failed);
        }
    };
    let done = match seen {
        Ok(seen) => {
            core.watch.readings.store(Arc::new(seen.readings.clone()));
            match calls::keep(core).await {
                Ok(()) => follow(core, seen).await,
                failed => failed,
            }
        }
        Err(error) => Err(error),
    };
    // A disk at its edge fails now and then: people are told once a day all the same.
    if let Err(error) = done {
        log::error!(error = error.to_string().as_str(); "The watch cannot write down what it sees");
        tell_directly(core, &mut memory, &error.to_string()).await;
    }
    memory
}

/// Raises, ends and tells.
async fn follow(core: &Core, seen: look::Look) -> Result<(), StoreError> {
    let now = core.now();
    let options = core.options.load();
    let present = judgement::alarms(&seen.facts, now);
    let known = core.store.reader()?.alarms()?;
    let changes = judgement::changes(&known, &present, &seen.unsure);
    if !changes.is_empty() {
        core.store.watch(changes, now).await?;
    }
    let known = core.store.reader()?.alarms()?;
    let notify = &options.watch.notify;
    let channels = channel::names(notify);
    if let Some(telling) = telling::telling(&known, &channels, notify.level, now, &options.watch.pace) {
        let tells = !telling.notices.is_empty();
        core.store.tell(telling, now).await?;
        if tells {
            core.watch.made.notify_one();
        }
    }
    Ok(())
}

/// The database, which keeps alarms and notices, is what fails: people are told past it, once a day by each channel; one
/// that fails as well is tried further and further apart.
async fn tell_directly(core: &Core, memory: &mut Memory, detail: &str) {
    let options = core.options.load_full();
    let pace = &options.watch.pace;
    let now = core.now();
    let alarm = judgement::of_database(detail);
    let item = NoticeItem {
        subject: alarm.subject,
        realm: None,
        fault: alarm.fault,
        gravity: alarm.gravity,
        since: now,
        over: None,
    };
    let resolver = Resolver::system();
    for name in channel::names(&options.watch.notify) {
        let (not_before, failures) = memory.told_directly.get(name).copied().unzip();
        if not_before.is_some_and(|at| Instant::now() < at) {
            continue;
        }
        let mark = random::hex::<13>();
        let outgoing = Outgoing { mark: &mark, items: std::slice::from_ref(&item), now };
        let (wait, failures) = match channel::send(&options.watch, name, outgoing, &resolver).await {
            Ok(_) => (pace.repeat, 0),
            Err(error) => {
                log::error!(channel = name, error = error.to_string().as_str(); "People could not be told that the database fails");
                (pace.retry_after(failures.unwrap_or(0)), failures.unwrap_or(0).saturating_add(1))
            }
        };
        memory.told_directly.insert(name, (Instant::now() + wait, failures));
    }
}

/// What became of a channel's notices and could not be written down: it would happen again each second.
#[derive(Default)]
struct Unwritten {
    /// Notices that left.
    left: BTreeSet<String>,
    /// Steps in a row that could not be written, and not before when there is another.
    failures: u32,
    not_before: Option<Instant>,
}

impl Unwritten {
    /// Whether the step was written; if not, nothing is tried for a while.
    fn is_written(&mut self, channel: &str, step: Result<(), StoreError>, pace: &Pace) -> bool {
        let Err(error) = step else {
            (self.failures, self.not_before) = (0, None);
            return true;
        };
        let wait = pace.retry_after(self.failures);
        log::error!(channel = channel, error = error.to_string().as_str(), wait_s = wait.as_secs();
            "What became of a notice cannot be written down");
        (self.failures, self.not_before) = (self.failures.saturating_add(1), Some(Instant::now() + wait));
        false
    }
}

/// Lets notices leave until `stop` is set: each channel by itself.
pub(super) async fn send_over(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let resolver = Resolver::system();
    let mut configured = core.configured.subscribe();
    let mut at_once = false;
    let (mut mail, mut webhook) = (Unwritten::default(), Unwritten::default());
    loop {
        let both = async {
            tokio::join!(
                send_due(&core, channel::MAIL, at_once, &mut mail, &resolver),
                send_due(&core, channel::WEBHOOK, at_once, &mut webhook, &resolver)
            )
        };
        tokio::select! {
            _ = stop.changed() => return,
            _ = both => {}
        }
        at_once = false;
        tokio::select! {
            _ = stop.changed() => return,
            // Somebody may have repaired it.
            _ = configured.changed() => at_once = true,
            () = core.watch.made.notified() => {}
            () = tokio::time::sleep(NOTICES_LOOK) => {}
        }
    }
}

/// Sends what is due by one channel, in its order; the first that does not leave ends the round.
async fn send_due(core: &Core, channel: &'static str, at_once: bool, unwritten: &mut Unwritten, resolver: &Resolver) {
    if unwritten.not_before.is_some_and(|at| Instant::now() < at) {
        return;
    }
    let options = core.options.load_full();
    let now = core.now();
    let until = if at_once { now.plus(options.watch.pace.retry_longest) } else { now };
    let notices = match core.store.reader().and_then(|reader| reader.due_notices(channel, until)) {
        Ok(notices) => notices,
        // The look says so.
        Err(_) => return,
    };
    if notices.is_empty() {
        return;
    }
    let is_there = channel::names(&options.watch.notify).contains(&channel);
    if !is_there {
        let _ = core.store.unaddressed(channel).await;
        return;
    }
    for notice in notices {
        let is_old = now.since(notice.made_at) > NOTICE_LASTS;
        if is_old {
            log::warn!(channel = channel, notice = notice.mark.as_str(); "A notice that could not leave for a week is given up");
        }
        if is_old || unwritten.left.contains(&notice.mark) {
            let mark = notice.mark.clone();
            let left = core.store.notice_left(notice, now).await;
            if !unwritten.is_written(channel, left, &options.watch.pace) {
                return;
            }
            unwritten.left.remove(&mark);
        } else if !send_one(core, &options.watch, channel, notice, unwritten, resolver).await {
            return;
        }
    }
}

async fn send_one(
    core: &Core,
    options: &WatchOptions,
    channel: &'static str,
    notice: Notice,
    unwritten: &mut Unwritten,
    resolver: &Resolver,
) -> bool {
    let pace = &options.pace;
    let outgoing = Outgoing { mark: &notice.mark, items: &notice.items, now: core.now() };
    let sent = channel::send(options, channel, outgoing, resolver).await;
    let gravity = notice::gravity(&notice.items).as_str();
    let written = match sent {
        Ok(refused) => {
            log::info!(channel = channel, notice = notice.mark.as_str(), gravity = gravity, alarms = notice.items.len(); "A notice left");
            // Some got it and some did not: a person must correct the list, and the notice is not sent twice.
            core.watch.note(channel, (!refused.is_empty()).then(|| (1, true, joined(&refused))));
            let mark = notice.mark.clone();
            let left = core.store.notice_left(notice, core.now()).await;
            let is_written = unwritten.is_written(channel, left, pace);
            if !is_written {
                unwritten.left.insert(mark);
            }
            return is_written;
        }
        Err(error) => {
            let tries = notice.tries.saturating_add(1);
            log::warn!(
                channel = channel, notice = notice.mark.as_str(), gravity = gravity, tries = tries,
                error = error.to_string().as_str(); "A notice did not leave; it is tried again"
            );
            let lasting = matches!(error, ChannelError::Lasting(_));
            core.watch.note(channel, Some((tries, lasting, error.text().clone())));
            core.store.notice_stays(&notice, core.now().plus(pace.retry_after(notice.tries))).await
        }
    };
    unwritten.is_written(channel, written, pace);
    false
}

/// Each in a row.
fn joined(all: &[Text]) -> Text {
    let each = |language| all.iter().map(|text| text.get(language)).collect::<Vec<_>>().join("; ");
    Text::new(each(Language::Fr), each(Language::En))
}

/// Sends a test by each channel that is configured; what became of each: whom it did not reach, or why it did not leave.
pub async fn test(options: &WatchOptions) -> Vec<(&'static str, Result<Vec<Text>, ChannelError>)> {
    let resolver = Resolver::system();
    let mut outcomes = Vec::new();
    for name in channel::names(&options.notify) {
        let mark = random::hex::<13>();
        let outgoing = Outgoing { mark: &mark, items: &[], now: Timestamp::now() };
        outcomes.push((name, channel::send(options, name, outgoing, &resolver).await));
    }
    outcomes
}
