//! After a boot: which version came up and why, the blessing of one that is healthy, and the repair of the boot partition.
//!
//! Called at each boot, in this order: [`Updater::booted`] as soon as the data partition is there; then [`Updater::settle`]
//! once health was proved, or [`Updater::unhealthy`] before the box restarts. Each may be cut anywhere and run again.

use serde::Serialize;

use super::record::{Event, Line, Record, SlotRecord, State};
use super::release::Digest;
use super::slot::Contents;
use super::{Entry, Slot, TRIES, Tries, UpdateError, Updater, Version};
use crate::domain::Timestamp;
use crate::fault::Text;

/// How often a new version whose entry was lost is put back and tried again.
const LOST_LIMIT: u8 = TRIES;

/// What was found and done after a healthy boot: the lines that were appended.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Settled {
    pub lines: Vec<Line>,
}

/// What the next restart boots, after a person went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WentBack {
    /// The former version.
    To(Version),
    /// The version that runs: the one that was to be tried is not.
    Stay(Version),
}

impl Updater {
    /// Notes that the running version came up, where it is being tried. Not yet: healthy.
    pub fn booted(&self, now: Timestamp) -> Result<(), UpdateError> {
        let _held = self.lock()?;
        let slot = self.running.slot;
        match self.memory.record()?.get(slot) {
            Some(of) if self.is_tried(&of) => self.memory.append(self.line_of(Event::Booted, slot, &of, now)).map(drop),
            _ => Ok(()),
        }
    }

    /// Notes why the running version is not well; the box is about to restart.
    pub fn unhealthy(&self, why: &str, now: Timestamp) -> Result<(), UpdateError> {
        /// The longest reason, in characters.
        const REASON: usize = 300;
        let _held = self.lock()?;
        let slot = self.running.slot;
        match self.memory.record()?.get(slot) {
            Some(of) if self.is_tried(&of) => {
                let detail = Some(why.chars().take(REASON).collect());
                self.memory.append(Line { detail, ..self.line_of(Event::Unhealthy, slot, &of, now) }).map(drop)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn is_tried(&self, of: &SlotRecord) -> bool {
        matches!(of.state, State::Trying | State::Writing) && of.version == self.running.version
    }

    /// After a healthy boot: says what became of an attempt, blesses the running version, raises the floor, and puts the
    /// boot partition and the copies in the slots right.
    pub fn settle(&self, now: Timestamp) -> Result<Settled, UpdateError> {
        let _held = self.lock()?;
        let mut settled = Settled::default();
        let mut record = self.memory.record()?;
        self.recognise_other(&mut record, now, &mut settled)?;
        let known = record.get(self.running.slot);
        let own = self.own(&record)?;
        if let Some(own) = own {
            record.set(self.running.slot, Some(own));
        }
        self.esp.sweep()?;
        if let Some(own) = &own {
            self.heal(self.running.slot, own, known.is_none(), now, &mut settled)?;
        }
        let other = self.running.slot.other();
        if let Some(of) = record.get(other)
            && let Err(error) = self.heal(other, &of, false, now, &mut settled)
        {
            // The running version is blessed all the same.
            let line = self.line_of(Event::Unrepairable, other, &of, now);
            self.say(Line { detail: Some(error.to_string()), ..line }, &mut settled)?;
        }
        if let Some(own) = own {
            if own.state == State::Good {
                self.memory.raise_floor(own.floor, self.running.version)?;
            }
            // Told first: cut between the two, it is told twice, and never not at all.
            let was_away = |known: SlotRecord| known.version == own.version && known.noted.is_some();
            if known.is_some_and(|known| self.is_tried(&known) || was_away(known)) {
                self.say(self.line_of(Event::Healthy, self.running.slot, &own, now), &mut settled)?;
            }
            self.memory.keep(&record)?;
        }
        Ok(settled)
    }

    fn say(&self, line: Line, settled: &mut Settled) -> Result<(), UpdateError> {
        settled.lines.push(self.memory.append(line)?);
        Ok(())
    }

    /// What the running slot is to hold: as remembered, or, where nothing is remembered of this version, as it is found.
    /// `None` where its kernel is nowhere to be found.
    fn own(&self, record: &Record) -> Result<Option<SlotRecord>, UpdateError> {
        let (slot, version) = (self.running.slot, self.running.version);
        if let Some(of) = record.get(slot).filter(|of| of.version == version) {
            // One that a person went back from stays so, even when it is booted again.
            let state = if of.state == State::Retired { State::Retired } else { State::Good };
            return Ok(Some(SlotRecord { state, noted: None, ..of }));
        }
        let of = |kernel, root| SlotRecord {
            state: State::Good,
            version,
            kernel,
            root,
            floor: Version::ZERO,
            attempt: None,
            lost: 0,
            noted: None,
        };
        if let Some(kept) = self.partition(slot).kept()?.filter(|kept| kept.slot == slot && kept.version == version) {
            return Ok(Some(of(kept.kernel, kept.root)));
        }
        let entry = self.esp.entries()?.into_iter().find(|entry| entry.slot == slot && entry.version == version);
        entry.map(|entry| self.esp.digest(&entry)).transpose().map(|kernel| kernel.map(|kernel| of(kernel, None)))
    }

    /// What became of the version in the slot that does not run.
    fn recognise_other(&self, record: &mut Record, now: Timestamp, settled: &mut Settled) -> Result<(), UpdateError> {
        let slot = self.running.slot.other();
        let Some(mut of) = record.get(slot) else { return Ok(()) };
        let entries = self.whole(slot, of.version, of.kernel)?;
        if of.state == State::Writing {
            if entries.is_empty() {
                self.interrupted(record, &of, now, settled)?;
                return self.memory.keep(record);
            }
            // Cut between the rename and its record.
            of.state = State::Trying;
            record.former = None;
            self.say(self.line_of(Event::Committed, slot, &of, now), settled)?;
        }
        if of.state == State::Good && of.version > self.running.version && of.noted.is_none() {
            // A person chose the older one, or the entry was lost: told once, and put right below.
            let event = if entries.is_empty() { Event::EntryLost } else { Event::PassedOver };
            self.say(self.line_of(event, slot, &of, now), settled)?;
            of.noted = Some(Tries { left: 0, done: 0 });
        }
        if of.state == State::Trying {
            let found = of;
            let line = |event| self.line_of(event, slot, &found, now);
            let tries = entries.iter().filter_map(|entry| entry.tries).min();
            match tries {
                Some(tries) if tries.left == 0 => {
                    let line = Line { boots: Some(tries.done), ..line(Event::FellBack) };
                    self.say(line, settled)?;
                    of.state = State::Bad;
                }
                Some(tries) if tries.done > 0 && of.noted != Some(tries) => {
                    self.say(Line { boots: Some(tries.done), ..line(Event::PassedOver) }, settled)?;
                    of.noted = Some(tries);
                }
                Some(_) => {}
                // Blessed, and cut before that was remembered; then a person chose the other one.
                None if !entries.is_empty() => of.state = State::Good,
                None => {
                    of.lost = of.lost.saturating_add(1);
                    let event = if of.lost >= LOST_LIMIT { Event::FellBack } else { Event::EntryLost };
                    of.state = if of.lost >= LOST_LIMIT { State::Bad } else { State::Trying };
                    self.say(line(event), settled)?;
                }
            }
        }
        record.set(slot, Some(of));
        self.memory.keep(record)
    }

    /// An update was cut while it was written: what it wrote goes, and what was there before counts again where it is whole.
    fn interrupted(
        &self,
        record: &mut Record,
        of: &SlotRecord,
        now: Timestamp,
        settled: &mut Settled,
    ) -> Result<(), UpdateError> {
        let slot = self.running.slot.other();
        self.say(self.line_of(Event::Interrupted, slot, of, now), settled)?;
        let former = self.former(record)?;
        if former.is_none() {
            let entries: Vec<Entry> = self.esp.entries()?.into_iter().filter(|entry| entry.slot == slot).collect();
            self.esp.remove(&entries)?;
            self.partition(slot).forget()?;
        }
        record.set(slot, former);
        record.former = None;
        Ok(())
    }

    /// What the slot that was being written held before, where nothing of it was overwritten: its header goes first.
    pub(super) fn former(&self, record: &Record) -> Result<Option<SlotRecord>, UpdateError> {
        let kept = self.partition(self.running.slot.other()).kept()?;
        Ok(record
            .former
            .filter(|former| kept.is_some_and(|kept| kept.kernel == former.kernel && kept.version == former.version)))
    }

    /// The entries of a version whose kernel is whole.
    fn whole(&self, slot: Slot, version: Version, kernel: Digest) -> Result<Vec<Entry>, UpdateError> {
        let mut whole = Vec::new();
        for entry in self.esp.entries()? {
            // A file that cannot be read is as good as none: it is written anew.
            if entry.slot == slot
                && entry.version == version
                && self.esp.digest(&entry).is_ok_and(|found| found == kernel)
            {
                whole.push(entry);
            }
        }
        Ok(whole)
    }

    /// One whole entry under the name that its state asks for, no other of its slot, and a whole copy in the slot.
    /// `first`: nothing was remembered yet, so that a missing copy is no damage.
    fn heal(
        &self,
        slot: Slot,
        of: &SlotRecord,
        first: bool,
        now: Timestamp,
        settled: &mut Settled,
    ) -> Result<(), UpdateError> {
        let whole = self.whole(slot, of.version, of.kernel)?;
        let kept = self.partition(slot).kept()?.is_some_and(|kept| kept.kernel == of.kernel);
        let say = |event, detail: &str| Line { detail: Some(detail.to_owned()), ..self.line_of(event, slot, of, now) };
        let wanted = wanted(of, &whole, slot);
        match whole.iter().find(|entry| **entry == wanted).or(whole.first()) {
            Some(entry) if *entry == wanted => {}
            Some(entry) => self.esp.rename(entry, &wanted, of.kernel)?,
            None if kept => {
                self.esp.prepare(slot, &mut self.partition(slot).kernel()?, of.kernel)?;
                self.esp.commit(&wanted)?;
                self.say(say(Event::Repaired, &format!("entry {wanted}")), settled)?;
            }
            None => return self.say(say(Event::Unrepairable, &format!("entry {wanted}")), settled),
        }
        let others: Vec<Entry> =
            self.esp.entries()?.into_iter().filter(|entry| entry.slot == slot && *entry != wanted).collect();
        if !others.is_empty() {
            self.esp.remove(&others)?;
        }
        if !kept {
            let contents = Contents { slot, version: of.version, root: of.root, kernel: of.kernel };
            let alone = slot != self.running.slot;
            let copy = || self.partition(slot).keep_kernel(&contents, &mut self.esp.open(&wanted)?, alone);
            match copy() {
                Ok(()) if first => {}
                Ok(()) => self.say(say(Event::Repaired, "copy of the kernel in its slot"), settled)?,
                // The version is well without it.
                Err(error) => self.say(say(Event::Unrepairable, &format!("copy of the kernel: {error}")), settled)?,
            }
        }
        Ok(())
    }

    /// Makes the former version the next boot; or, where a new one waits to be tried, keeps it from being tried.
    pub fn go_back(&self, now: Timestamp) -> Result<WentBack, UpdateError> {
        let _held = self.lock()?;
        let mut record = self.memory.record()?;
        let (running, other) = (self.running.slot, self.running.slot.other());
        let no_way = |fr: &str, en: &str| UpdateError::NoWayBack(Text::new(fr, en));
        let of = record.get(other).ok_or_else(|| no_way("l'autre emplacement est vide", "the other slot is empty"))?;
        let (slot, leave, went) = match of.state {
            State::Trying => (other, of, WentBack::Stay(self.running.version)),
            State::Good => {
                self.may_go_back(&of)?;
                let own = self.own(&record)?.ok_or_else(|| {
                    no_way(
                        "le noyau de la version en marche est introuvable",
                        "the running version's kernel is nowhere to be found",
                    )
                })?;
                (running, own, WentBack::To(of.version))
            }
            State::Writing | State::Bad | State::Retired => {
                return Err(no_way(
                    "la version de l'autre emplacement n'a pas fait ses preuves",
                    "the version in the other slot did not prove healthy",
                ));
            }
        };
        let leave = SlotRecord { state: State::Retired, ..leave };
        record.set(slot, Some(leave));
        // Told first: what is remembered without being told would step back in silence.
        let line = self.memory.append(self.line_of(Event::WentBack, slot, &leave, now))?;
        self.memory.keep(&record)?;
        let mut settled = Settled { lines: vec![line] };
        // What is to be booted first, then what is not.
        if slot == running {
            self.heal(other, &of, false, now, &mut settled)?;
        }
        self.heal(slot, &leave, false, now, &mut settled)?;
        Ok(went)
    }

    /// Whether the former version may run, and is whole.
    fn may_go_back(&self, of: &SlotRecord) -> Result<(), UpdateError> {
        let floor = self.memory.floor(self.running.version)?;
        if of.version < floor {
            return Err(UpdateError::BelowFloor { offered: of.version, floor });
        }
        let other = self.running.slot.other();
        if let Some(root) = of.root {
            let partition = self.partition(other);
            if partition.root_of(root.bytes)? != root {
                return Err(UpdateError::ReadBack { what: partition.path().display().to_string() });
            }
        }
        let whole = !self.whole(other, of.version, of.kernel)?.is_empty();
        if whole || self.partition(other).kept()?.is_some_and(|kept| kept.kernel == of.kernel) {
            return Ok(());
        }
        let (fr, en) = ("le noyau de l'autre version est abîmé", "the other version's kernel is damaged");
        Err(UpdateError::NoWayBack(Text::new(fr, en)))
    }
}

/// The name a slot's entry is to have.
fn wanted(of: &SlotRecord, whole: &[Entry], slot: Slot) -> Entry {
    let counted = whole.iter().filter_map(|entry| entry.tries).min();
    let tries = match of.state {
        State::Good | State::Writing => None,
        State::Trying => Some(counted.unwrap_or(Tries { left: TRIES.saturating_sub(of.lost).max(1), done: 0 })),
        State::Bad => Some(counted.filter(|tries| tries.left == 0).unwrap_or(Tries { left: 0, done: TRIES })),
        State::Retired => Some(Tries { left: 0, done: 0 }),
    };
    Entry { slot, version: of.version, tries }
}
