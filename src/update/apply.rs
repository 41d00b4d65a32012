//! A release takes the other slot, step by step; the slot that runs is never touched.
//!
//! Order: everything is checked, the file read to its end; the other slot's entries go; its image is written, synced and read
//! back; a copy of its kernel behind it; the kernel on the boot partition; one rename makes it the next boot. Cut before
//! that, the box boots what it ran; after it, the new version, with three tries.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::record::{Event, Line, Record, SlotRecord, State};
use super::release::{ROOT_IMAGE, kernel_of};
use super::slot::Contents;
use super::trust::Trust;
use super::{Archive, Entry, Release, Tries, UpdateError, Updater};
use crate::domain::Timestamp;
use crate::fault::Text;

/// How far an update has come. What each names has been done, durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Signatures, time, version, board, room and every hash are right.
    Checked,
    /// The attempt is remembered.
    Begun,
    /// Nothing boots the other slot any more.
    EntriesRemoved,
    /// The other slot holds nothing that counts.
    Cleared,
    RootWritten,
    /// The kernel's copy is in the slot.
    KernelKept,
    /// The kernel is on the boot partition, under a name that does not count.
    KernelWritten,
    /// The next restart boots the new version.
    Committed,
    /// That is remembered.
    Remembered,
}

impl Step {
    /// For people.
    pub fn text(self) -> Text {
        let (fr, en) = match self {
            Step::Checked => ("contrôlée", "checked"),
            Step::Begun => ("commencée", "begun"),
            Step::EntriesRemoved => ("ancienne entrée retirée", "former entry removed"),
            Step::Cleared => ("emplacement libéré", "slot cleared"),
            Step::RootWritten => ("système écrit et relu", "system written and read back"),
            Step::KernelKept => ("copie du noyau écrite et relue", "copy of the kernel written and read back"),
            Step::KernelWritten => ("noyau écrit et relu", "kernel written and read back"),
            Step::Committed => ("prochain démarrage choisi", "next boot chosen"),
            Step::Remembered => ("notée", "remembered"),
        };
        Text::new(fr, en)
    }
}

/// A release that this box would take.
#[derive(Debug)]
pub struct Offer {
    pub release: Release,
    pub archive: Archive,
}

impl Updater {
    /// Would this box take a file? Nothing is written, and nothing is remembered. Reads the whole file.
    pub fn examine(&self, file: &Path, now: Timestamp) -> Result<Offer, UpdateError> {
        let (release, archive) = self.verified(file, now)?;
        self.admitted(&release, &archive)?;
        Ok(Offer { release, archive })
    }

    /// A release that the publisher made.
    fn verified(&self, file: &Path, now: Timestamp) -> Result<(Release, Archive), UpdateError> {
        let trust = self.trust()?;
        let archive = Archive::open(file)?;
        Ok((Release::verify(&archive, &trust, now)?, archive))
    }

    /// One for this box, and whole.
    fn admitted(&self, release: &Release, archive: &Archive) -> Result<(), UpdateError> {
        release.admit(&self.terms()?)?;
        release.check_files(archive)
    }

    /// Remembers a file that was refused, as [`Updater::apply`] does by itself.
    pub fn refused(&self, error: &UpdateError, now: Timestamp) -> Result<Line, UpdateError> {
        let _held = self.lock()?;
        self.memory.append(Line { fault: Some(error.fault()), ..self.line(Event::Refused, now) })
    }

    /// Makes a release the next boot. `tell` hears of each step. A refusal or failure is remembered, too.
    pub fn apply(&self, file: &Path, now: Timestamp, tell: &mut dyn FnMut(Step)) -> Result<Release, UpdateError> {
        let _held = self.lock()?;
        let mut record = self.memory.record()?;
        let refused = |error: UpdateError, version| {
            let line = Line { fault: Some(error.fault()), version, ..self.line(Event::Refused, now) };
            self.memory.append(line).map_or_else(|broken| broken, |_| error)
        };
        let verified = self.verified(file, now);
        let (release, archive) = verified.map_err(|error| refused(error, None))?;
        let checked = self.admitted(&release, &archive).and_then(|()| self.may_begin(&record, &release));
        checked.map_err(|error| refused(error, Some(release.about.version)))?;
        tell(Step::Checked);
        let target = self.begun(&release, now)?;
        let written = self.expect(&mut record, &target, &release).and_then(|()| {
            tell(Step::Begun);
            self.write(&release, &archive, &mut |step| tell(step))
        });
        if let Err(error) = written {
            self.give_up(&mut record, &target, &error, now);
            return Err(error);
        }
        match self.remember(&mut record, &target, now) {
            Ok(()) => tell(Step::Remembered),
            // The new version is the next boot all the same; what is missing is put right after it.
            Err(error) => log::error!("An update was written, and that could not be remembered: {error}"),
        }
        Ok(release)
    }

    fn remember(&self, record: &mut Record, target: &SlotRecord, now: Timestamp) -> Result<(), UpdateError> {
        let slot = self.running.slot.other();
        let target = SlotRecord { state: State::Trying, ..*target };
        record.set(slot, Some(target));
        record.former = None;
        self.memory.keep(record)?;
        self.memory.append(self.line_of(Event::Committed, slot, &target, now)).map(drop)
    }

    /// Whether there is room, and a version to come back to.
    fn may_begin(&self, record: &Record, release: &Release) -> Result<(), UpdateError> {
        let (running, slot) = (self.running, self.running.slot.other());
        // After three failed boots of the new one it would not come back.
        if !self.is_proved(record)? {
            return Err(UpdateError::NoWayBack(Text::new(
                format!("la version {} n'a pas fait ses preuves, ou elle a été quittée", running.version),
                format!("version {} has not proved healthy, or was left", running.version),
            )));
        }
        let (root, kernel) = required(release, kernel_of(slot))?;
        self.partition(slot).fits(root)?;
        let gone: Vec<Entry> = self.esp.entries()?.into_iter().filter(|entry| entry.slot == slot).collect();
        self.esp.sweep()?;
        self.esp.fits(kernel.bytes, &gone)
    }

    /// What the other slot is to hold, under the number of the attempt that begins here.
    fn begun(&self, release: &Release, now: Timestamp) -> Result<SlotRecord, UpdateError> {
        let slot = self.running.slot.other();
        let (root, kernel) = required(release, kernel_of(slot))?;
        let target = SlotRecord {
            state: State::Writing,
            version: release.about.version,
            kernel,
            root: Some(root),
            floor: release.about.floor,
            attempt: None,
            lost: 0,
            noted: None,
        };
        let line = self.memory.append(self.line_of(Event::Begun, slot, &target, now))?;
        Ok(SlotRecord { attempt: Some(line.n), ..target })
    }

    fn expect(&self, record: &mut Record, target: &SlotRecord, release: &Release) -> Result<(), UpdateError> {
        let slot = self.running.slot.other();
        // An update that was cut had put aside what is still there.
        if record.get(slot).is_none_or(|of| of.state != State::Writing) {
            record.former = record.get(slot);
        }
        record.set(slot, Some(*target));
        self.memory.keep(record)?;
        let trust: Trust = self.trust()?;
        trust.keep(&release.new_roots)
    }

    fn write(&self, release: &Release, archive: &Archive, tell: &mut dyn FnMut(Step)) -> Result<(), UpdateError> {
        let slot = self.running.slot.other();
        let partition = self.partition(slot);
        let gone: Vec<Entry> = self.esp.entries()?.into_iter().filter(|entry| entry.slot == slot).collect();
        self.esp.remove(&gone)?;
        tell(Step::EntriesRemoved);
        partition.forget()?;
        tell(Step::Cleared);
        let root = partition.write_root(&mut |to| release.copy(archive, ROOT_IMAGE, to))?;
        tell(Step::RootWritten);
        let (_, kernel) = required(release, kernel_of(slot))?;
        let version = release.about.version;
        let contents = Contents { slot, version, root: Some(root), kernel };
        let entry = format!("targets/{}", kernel_of(slot));
        let missing = || UpdateError::not_a_release("le noyau manque", "the kernel is missing");
        // Compared with its signed hash as it is written, and again as it is read back.
        partition.keep_kernel(&contents, &mut archive.reader(&entry).ok_or_else(missing)?, true)?;
        tell(Step::KernelKept);
        self.esp.prepare(slot, &mut archive.reader(&entry).ok_or_else(missing)?, kernel)?;
        tell(Step::KernelWritten);
        self.esp.commit(&Entry { slot, version, tries: Some(Tries::FRESH) })?;
        tell(Step::Committed);
        Ok(())
    }

    /// As far as that still works: the failure is remembered, nothing boots what was written, and the other slot counts as empty.
    fn give_up(&self, record: &mut Record, target: &SlotRecord, error: &UpdateError, now: Timestamp) {
        let slot = self.running.slot.other();
        let line = Line { fault: Some(error.fault()), ..self.line_of(Event::Failed, slot, target, now) };
        if let Err(second) = self.memory.append(line) {
            log::error!("The failure of an update could not be remembered: {second}");
        }
        if let Err(second) = self.withdraw(record, target) {
            // It counts as cut then: the next healthy boot looks at what there is.
            log::error!("What an update that failed had written could not be taken back: {second}");
        }
    }

    fn withdraw(&self, record: &mut Record, target: &SlotRecord) -> Result<(), UpdateError> {
        let slot = self.running.slot.other();
        let is_its = |entry: &Entry| entry.slot == slot && entry.version == target.version;
        let its: Vec<Entry> = self.esp.entries()?.into_iter().filter(is_its).collect();
        if !its.is_empty() {
            self.esp.remove(&its)?;
        }
        self.esp.sweep()?;
        // Where nothing of the former version was overwritten, it counts again; its entry is put back after the next boot.
        let former = self.former(record)?;
        record.set(slot, former);
        record.former = None;
        self.memory.keep(record)
    }
}

/// The files that go into a slot.
fn required(
    release: &Release,
    kernel: &'static str,
) -> Result<(super::release::Digest, super::release::Digest), UpdateError> {
    let find = |name: &str| {
        release
            .file(name)
            .ok_or_else(|| UpdateError::not_a_release(format!("{name} manque"), format!("{name} is missing")))
    };
    Ok((find(ROOT_IMAGE)?, find(kernel)?))
}
