//! Updates on the running box: a file is taken in, examined and installed in the background, and after each boot the version
//! that came up is blessed once it proved healthy, or left for the former one.
//!
//! Promises: a version on trial that is not well within [`TRIAL_LONGEST`] restarts, so that its tries are used up and the former
//! one comes back; each line that `update` remembers is handed to core until core has it in its journal. What a file is worth is
//! `update`'s business alone.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::machine::Running;
use super::{Keeper, verbs};
use crate::domain::{DocumentHash, Timestamp};
use crate::fault::{Fault, Language};
use crate::gate::{
    BODY_LIMIT, CHANGELOG_LIMIT, Offered, Refusal, SIGHT_LIFE, UPDATES_AT_ONCE, UPDATES_BYTES, Updates as Told, Work,
};
use crate::os::durable;
use crate::update::record::{Line, Outcome};
use crate::update::{Digest, Machine, UpdateError, Updater, Version};

/// Since power-on; then a version on trial that is not well restarts. A large database is read whole within it.
const TRIAL_LONGEST: Duration = Duration::from_secs(10 * 60);
/// On the signed command line: another such time, in seconds.
const TRIAL_WORD: &str = "fluxgate.trial=";
/// There once it is noted that the running version came up.
const BOOTED: &str = "run/fluxgate-keeper/booted";
/// There once the running version proved healthy.
const PROVED: &str = "run/fluxgate-keeper/proved";
/// So long everything must be well before a version counts as healthy.
const WELL_FOR: Duration = Duration::from_secs(5);
/// Between two looks whether it is.
const LOOK: Duration = Duration::from_secs(1);
/// So long somebody waits for the versions to be put in order; between two looks.
const SETTLING_WAIT: Duration = Duration::from_secs(3);
const SETTLING_LOOK: Duration = Duration::from_millis(100);
/// Before a blessing that failed is tried again.
const AGAIN: Duration = Duration::from_secs(30);
/// What a version lacks that is healthy and could not be blessed, in the words of `update`.
const UNBLESSED: &str = "blessing";
/// Attempts that are told, at most.
const ATTEMPTS_TOLD: usize = 20;

/// What is under way, and what waits for a person.
#[derive(Debug)]
pub struct Updates {
    state: Mutex<State>,
    /// Keeps how far core's journal has the lines.
    recorded: PathBuf,
}

#[derive(Debug)]
struct State {
    work: Work,
    failed: Option<Fault>,
    offered: Option<Offered>,
    /// Whether the running version may still be one on trial.
    on_trial: bool,
    /// It is healthy, and that could not be written down.
    unblessed: bool,
    /// How far core's journal has the lines, where that could not be kept.
    recorded: u64,
}

impl Updates {
    pub fn new(state_dir: &Path) -> Self {
        let state =
            State { work: Work::Idle, failed: None, offered: None, on_trial: true, unblessed: false, recorded: 0 };
        Self { state: Mutex::new(state), recorded: state_dir.join("updates-recorded") }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_on_trial(&self) -> bool {
        self.state().on_trial
    }

    /// The version that waits to be installed.
    pub fn offered(&self) -> Option<Version> {
        self.state().offered.as_ref().map(|offered| offered.version)
    }

    /// Begins some work, unless other work is under way.
    fn begin(&self, work: Work) -> Result<(), Refusal> {
        let mut state = self.state();
        if state.work != Work::Idle {
            return Err(Refusal::Busy);
        }
        state.work = work;
        Ok(())
    }

    /// The same of work that a person asked for: what failed before is over, and the versions' own settling, which is short, is
    /// waited for.
    fn begin_asked(&self, work: Work) -> Result<(), Refusal> {
        let asked = Instant::now();
        while self.begin(work).is_err() {
            if self.state().work != Work::Settling || asked.elapsed() > SETTLING_WAIT {
                return Err(Refusal::Busy);
            }
            thread::sleep(SETTLING_LOOK);
        }
        self.state().failed = None;
        Ok(())
    }

    fn end(&self, failed: Option<Fault>) {
        let mut state = self.state();
        (state.work, state.failed) = (Work::Idle, failed);
    }

    fn recorded(&self) -> u64 {
        let kept = std::fs::read_to_string(&self.recorded).ok().and_then(|text| text.trim().parse().ok());
        kept.unwrap_or(0).max(self.state().recorded)
    }
}

/// What core's journal does not have yet, oldest first, at most [`UPDATES_AT_ONCE`].
pub fn unrecorded(keeper: &Keeper) -> Vec<Line> {
    let Ok(lines) = keeper.machine.updates().and_then(|(_, updater)| updater.lines()) else { return Vec::new() };
    let recorded = keeper.updates.recorded();
    // Beyond the last one: they began anew, and nothing of them is known.
    let recorded = if lines.last().is_some_and(|last| last.n < recorded) { 0 } else { recorded };
    fitting(lines.into_iter().filter(|line| line.n > recorded))
}

/// As many lines as one answer takes, the first in any case.
fn fitting(lines: impl Iterator<Item = Line>) -> Vec<Line> {
    let mut bytes = 0;
    let fits = |line: &Line| {
        let first = bytes == 0;
        bytes += serde_json::to_vec(line).map_or(UPDATES_BYTES, |written| written.len());
        first || bytes <= UPDATES_BYTES
    };
    lines.take(UPDATES_AT_ONCE).take_while(fits).collect()
}

/// Core has journalled the lines up to this one.
pub fn record(keeper: &Keeper, through: u64) {
    let updates = &keeper.updates;
    if through == 0 || through == updates.recorded() {
        return;
    }
    updates.state().recorded = through;
    // Where it cannot be kept, the same lines are journalled again after a restart: told twice is told.
    if let Err(error) = durable::write_atomically(&updates.recorded, format!("{through}\n").as_bytes()) {
        log::warn!(error = error.to_string().as_str(); "How far updates are journalled could not be kept");
    }
}

/// How updates stand, as JSON that a frame's body takes: the oldest attempts go where it would not.
pub fn told_as_json(keeper: &Keeper) -> serde_json::Result<Vec<u8>> {
    let mut told = told(keeper);
    loop {
        let body = serde_json::to_vec(&told)?;
        match &mut told.status {
            Ok(status) if body.len() > BODY_LIMIT && !status.attempts.is_empty() => drop(status.attempts.remove(0)),
            _ => return Ok(body),
        }
    }
}

fn told(keeper: &Keeper) -> Told {
    let status = keeper.machine.updates().and_then(|(machine, _)| machine.ready()?.status());
    let mut lacks: Vec<String> = lacks(keeper).into_iter().map(str::to_owned).collect();
    let state = keeper.updates.state();
    if state.unblessed {
        lacks.push(UNBLESSED.to_owned());
    }
    let status = status.map_err(|error| error.fault()).map(|mut status| {
        status.attempts.drain(..status.attempts.len().saturating_sub(ATTEMPTS_TOLD));
        // Nobody writes: it was cut, which is remembered once the running version has proved healthy.
        let cut = status.attempts.iter_mut().filter(|attempt| attempt.outcome == Outcome::Writing);
        cut.filter(|_| !matches!(state.work, Work::Installing(_))).for_each(|cut| cut.outcome = Outcome::Interrupted);
        status
    });
    Told { status, lacks, work: state.work, failed: state.failed.clone(), offered: state.offered.clone() }
}

/// Runs on a thread of its own and then ends the work, whatever became of it.
fn in_background(
    keeper: &Arc<Keeper>,
    name: &str,
    work: impl FnOnce(&Keeper) -> Result<(), UpdateError> + Send + 'static,
) -> Result<(), Refusal> {
    let mine = Arc::clone(keeper);
    let work = move || {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&mine)));
        let broken =
            || UpdateError::Io { what: "update".to_owned(), cause: io::Error::other("broken off by a defect") };
        let failed = done.unwrap_or_else(|_| Err(broken())).err();
        if let Some(error) = &failed {
            log::warn!(error = error.to_string().as_str(); "An update did not come to its end");
        }
        mine.updates.end(failed.map(|error| error.fault()));
    };
    match thread::Builder::new().name(name.to_owned()).spawn(work) {
        Ok(_) => Ok(()),
        Err(error) => {
            keeper.updates.end(None);
            Err(Refusal::System { what: name.to_owned(), error: error.to_string() })
        }
    }
}

/// Takes a file in and examines it afterwards; what is offered is replaced by a good one only.
pub fn offer(keeper: &Arc<Keeper>, file: OwnedFd, from: u64, bytes: u64, known: Timestamp) -> Result<(), Refusal> {
    keeper.updates.begin_asked(Work::Examining)?;
    let taken = keeper.machine.updates().and_then(|(_, updater)| updater.take_in(&File::from(file), from, bytes));
    match taken {
        Ok(taken) => in_background(keeper, "examine", move |keeper| examine(keeper, taken, known)),
        Err(error) => {
            // The file's own fault, or for want of room; whatever else goes wrong is no refusal.
            let is_refused = matches!(
                error,
                UpdateError::NotARelease(_)
                    | UpdateError::Truncated { .. }
                    | UpdateError::TooLarge { .. }
                    | UpdateError::DataFull { .. }
            );
            if is_refused {
                let told = keeper.machine.updates().and_then(|(machine, updater)| remember(&machine, &updater, &error));
                if let Err(lost) = told {
                    log::error!(error = lost.to_string().as_str(); "A refused file is not remembered");
                }
            }
            let fault = error.fault();
            keeper.updates.end(Some(fault.clone()));
            Err(Refusal::Update(fault))
        }
    }
}

/// That a file was refused, and why. The line's own time: what core says of the time is held against nothing but a file.
fn remember(machine: &Machine, updater: &Updater, error: &UpdateError) -> Result<(), UpdateError> {
    machine.now(updater, None).and_then(|at| updater.refused(error, at)).map(drop)
}

fn examine(keeper: &Keeper, file: Digest, known: Timestamp) -> Result<(), UpdateError> {
    let (machine, updater) = keeper.machine.updates()?;
    let now = machine.now(&updater, Some(known))?;
    let found = examined(&machine, &updater.candidate(), file, now);
    match found.and_then(|offered| updater.accept_candidate().map(|()| offered)) {
        Ok(offered) => {
            log::info!(version = offered.version.to_string().as_str(); "A release is offered");
            keeper.updates.state().offered = Some(offered);
            Ok(())
        }
        Err(error) => {
            let told = remember(&machine, &updater, &error);
            // Whatever becomes of these two, the person hears why.
            for lost in [updater.drop_candidate().err(), told.err()].into_iter().flatten() {
                log::error!(error = lost.to_string().as_str(); "A refused file is not remembered, or still there");
            }
            Err(error)
        }
    }
}

/// What an offered file is, if this box would take it.
fn examined(machine: &Machine, path: &Path, file: Digest, now: Timestamp) -> Result<Offered, UpdateError> {
    let updater = machine.ready()?;
    let offer = updater.examine(path, now)?;
    let changes = |language| offer.release.changelog(&offer.archive, language);
    let changelog = [changes(Language::Fr)?, changes(Language::En)?];
    let shown = |letter: &char| !letter.is_control() || *letter == '\n';
    let cut = |text: String| text.chars().filter(shown).take(CHANGELOG_LIMIT).collect();
    let (version, expires) = (offer.release.about.version, offer.release.expires);
    Ok(Offered { sha256: file.sha256, bytes: file.bytes, version, expires, changelog: changelog.map(cut) })
}

/// What was offered before a restart still is, unless it was installed since.
fn offer_again(keeper: &Keeper, machine: &Machine, now: Timestamp) -> Result<(), UpdateError> {
    let updater = machine.updater();
    // Cut while it was examined: whoever brought it brings it again.
    updater.drop_candidate()?;
    if keeper.updates.state().offered.is_some() {
        return Ok(());
    }
    let Some(found) = updater.found_offered()? else { return Ok(()) };
    match examined(machine, &updater.offered(), found, now) {
        Ok(offered) => {
            keeper.updates.state().offered = Some(offered);
            Ok(())
        }
        Err(_) => updater.drop_offered(),
    }
}

/// Writes what was offered to the other slot.
pub fn install(keeper: &Arc<Keeper>, sha256: &DocumentHash) -> Result<(), Refusal> {
    let is_offered = keeper.updates.state().offered.as_ref().is_some_and(|offered| offered.sha256 == *sha256);
    if !is_offered {
        return Err(Refusal::NotOffered);
    }
    keeper.updates.begin_asked(Work::Installing(None))?;
    in_background(keeper, "install", |keeper| {
        let (machine, _) = keeper.machine.updates()?;
        let updater = machine.ready()?;
        let now = machine.now(&updater, None)?;
        let mut tell = |step| {
            log::info!(step:? = step; "An update is written");
            keeper.updates.state().work = Work::Installing(Some(step));
        };
        // What could not be installed stays offered: the person may try again, or withdraw it.
        updater.apply(&updater.offered(), now, &mut tell)?;
        keeper.updates.state().offered = None;
        updater.drop_offered()
    })
}

/// Throws what was offered away.
pub fn withdraw(keeper: &Keeper) -> Result<(), Refusal> {
    keeper.updates.begin_asked(Work::Settling)?;
    keeper.updates.state().offered = None;
    let dropped = keeper.machine.updates().and_then(|(_, updater)| updater.drop_offered());
    keeper.updates.end(None);
    dropped.map_err(|error| Refusal::Update(error.fault()))
}

/// Makes the former version the next boot, in the background: what is in the other slot is read whole.
pub fn go_back(keeper: &Arc<Keeper>) -> Result<(), Refusal> {
    keeper.updates.begin_asked(Work::Settling)?;
    in_background(keeper, "go back", |keeper| {
        let (machine, _) = keeper.machine.updates()?;
        let updater = machine.ready()?;
        updater.go_back(machine.now(&updater, None)?).map(drop)
    })
}

/// Watches over what came up, on a thread of its own, until it is blessed or left.
pub fn watch(keeper: &Arc<Keeper>) -> io::Result<()> {
    let keeper = Arc::clone(keeper);
    thread::Builder::new().name("health".to_owned()).spawn(move || judge(&keeper)).map(drop)
}

fn judge(keeper: &Keeper) {
    let (machine, updater) = match keeper.machine.updates() {
        Ok(found) => found,
        Err(error) => {
            log::warn!(error = error.to_string().as_str(); "This machine is not updated");
            keeper.updates.state().on_trial = false;
            return;
        }
    };
    let say = |what: &str, error: UpdateError| {
        log::error!(error = error.to_string().as_str(); "{what}");
    };
    let now = || machine.now(&updater, None).unwrap_or_else(|_| Timestamp::now());
    note_boot(keeper, || updater.booted(now()));
    let on_trial = updater.is_on_trial().unwrap_or_else(|error| {
        say("Whether this version is on trial cannot be told", error);
        false
    });
    keeper.updates.state().on_trial = on_trial;
    let longest = keeper.machine.word(TRIAL_WORD).and_then(|word| word.parse().ok());
    let mut longest = longest.map_or(TRIAL_LONGEST, Duration::from_secs);
    let (mut well_since, mut not_before): (Option<Instant>, Option<Instant>) = (None, None);
    loop {
        thread::sleep(LOOK);
        let lacks = lacks(keeper);
        well_since = lacks.is_empty().then(|| well_since.unwrap_or_else(Instant::now));
        let is_well = well_since.is_some_and(|since| since.elapsed() >= WELL_FOR);
        let is_due = not_before.is_none_or(|at| Instant::now() >= at);
        // A person's work goes first; then nobody's comes between.
        if is_well && is_due && keeper.updates.begin(Work::Settling).is_ok() {
            let blessed = bless(&machine, now());
            let offered = blessed.as_ref().map_or(Ok(()), |()| offer_again(keeper, &machine, now()));
            {
                let mut state = keeper.updates.state();
                (state.work, state.unblessed) = (Work::Idle, blessed.is_err());
            }
            if let Err(error) = offered {
                say("What was offered before the restart is not any more", error);
            }
            match blessed {
                Ok(()) => {
                    keeper.updates.state().on_trial = false;
                    mark_proved(keeper);
                    log::info!("This version is healthy");
                    return;
                }
                Err(error) => {
                    not_before = Some(Instant::now() + AGAIN);
                    say("A healthy version could not be blessed; tried again", error);
                }
            }
        }
        if on_trial && keeper.machine.uptime() >= longest && !updater.may_be_left() {
            log::error!("This version does not prove healthy, and there is no other: it stays");
            // A restart would lead nowhere; it may become well yet.
            mark_proved(keeper);
            longest = Duration::MAX;
        } else if on_trial && keeper.machine.uptime() >= longest {
            let why = if lacks.is_empty() { UNBLESSED.to_owned() } else { lacks.join(",") };
            log::error!(why = why.as_str(); "This version on trial is not well: the machine restarts");
            if let Err(error) = updater.unhealthy(&why, now()) {
                say("Why a version is left could not be noted", error);
            }
            match verbs::restart(keeper) {
                Ok(()) => return,
                Err(refusal) => log::error!(error = refusal.text().en.as_str(); "The machine could not be restarted"),
            }
        }
    }
}

/// Once a boot, however often keeper starts.
fn note_boot(keeper: &Keeper, booted: impl FnOnce() -> Result<(), UpdateError>) {
    let mark = keeper.machine.path(BOOTED);
    if mark.exists() {
        return;
    }
    if let Err(error) = booted() {
        log::error!(error = error.to_string().as_str(); "That this version came up could not be noted");
    }
    if let Err(error) = durable::write_atomically(&mark, b"") {
        log::warn!(error = error.to_string().as_str(); "That this version came up is noted again when keeper starts again");
    }
}

/// Nobody restarts this version any more for want of proof (unit fluxgate-trial).
fn mark_proved(keeper: &Keeper) {
    if let Err(error) = durable::write_atomically(&keeper.machine.path(PROVED), b"") {
        log::warn!(error = error.to_string().as_str(); "That this version proved healthy could not be marked");
    }
}

fn bless(machine: &Machine, now: Timestamp) -> Result<(), UpdateError> {
    let settled = machine.ready()?.settle(now)?;
    for line in settled.lines {
        log::info!(event:? = line.event, detail = line.detail.unwrap_or_default().as_str(); "After a healthy boot");
    }
    Ok(())
}

/// What is not well.
fn lacks(keeper: &Keeper) -> Vec<&'static str> {
    let told = keeper.told();
    match &told.sight {
        Some((at, sight)) if at.elapsed() <= SIGHT_LIFE => {
            let mut lacks = sight.health.lacks();
            if keeper.machine.runs("fluxgate-front") == Running::No {
                lacks.push("front");
                lacks.dedup();
            }
            lacks
        }
        _ => vec!["core"],
    }
}
