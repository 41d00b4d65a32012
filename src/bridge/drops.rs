//! Dropping files: from the open of a name in `/depot` to the close (or rename) that core answers for.
//!
//! Promises that OK on a close or a rename means: durable and journalled by core. Whatever is refused is refused
//! before that, with a message and a receipt.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::desk::{Desk, Outcome, Problem, blocking};
use super::sftp_codec::{Attributes, OpenFlags, StatusCode};
use super::staging::{Identity, STAGED_FILES, Staged};
use super::tree::Place;
use super::upload::{Bounds, Sealed, SealedContent, Upload, WriteError, disk_fault, hash_file};
use crate::fault::{Code, Fault};
use crate::gate::{Entry, EntryKind, GateError, Handed, INLINE_LIMIT, Whole, is_temporary, size_text};

/// A handle opened for writing.
pub struct Incoming {
    place: Staged,
    temporary: bool,
    append: bool,
    state: State,
}

enum State {
    Open(Box<Upload>),
    /// In the hands of a blocking task that died; its content is gone.
    Lost,
    /// Refused, with its receipt; what comes now is answered the same.
    Refused(Problem),
}

impl Incoming {
    pub fn entry(&self) -> Entry {
        let size = if let State::Open(upload) = &self.state { upload.size() } else { 0 };
        Entry { name: self.place.name.clone(), kind: EntryKind::File, size, modified: now() }
    }

    /// Reads back what was written.
    pub fn read(&self, offset: u64, length: usize) -> Outcome<Vec<u8>> {
        match &self.state {
            State::Open(upload) => Ok(upload.read(offset, length)?),
            State::Lost => Err(lost()),
            State::Refused(problem) => Err(problem.clone()),
        }
    }
}

fn lost() -> Problem {
    Problem::new(StatusCode::Failure, "Erreur interne, renvoyez-le / Internal error, send it again")
}

fn now() -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u32::try_from(d.as_secs()).unwrap_or(u32::MAX))
}

/// Staged names whose rename is under way: two clients that rename one file hand it over once.
#[derive(Debug, Default)]
pub struct Claims(Mutex<HashSet<Staged>>);

pub struct Claim<'a> {
    claims: &'a Claims,
    name: Staged,
}

impl Claims {
    fn claim(&self, name: &Staged) -> Option<Claim<'_>> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.clone()).then(|| Claim { claims: self, name: name.clone() })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.claims.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

impl Desk {
    fn bounds(&self) -> Bounds {
        Bounds { file_limit: self.grant.file_limit, disk_reserve: self.grant.disk_reserve }
    }

    /// A name is opened for writing: known folder, allowed name, core has room?
    pub(super) async fn begin_drop(
        &mut self,
        path: &[u8],
        flags: OpenFlags,
        attributes: &Attributes,
    ) -> Outcome<Incoming> {
        let place = match self.tree.resolve(path) {
            Place::Drop { folder, name: Ok(name), .. } => self.staged(folder, name),
            Place::Root | Place::Depot { .. } => {
                return Err(Problem::new(StatusCode::Failure, "Un dossier / A folder"));
            }
            elsewhere => return Err(self.refuse_place(elsewhere).await),
        };
        let temporary = is_temporary(&place.name);
        let existing = if temporary {
            let (bridge, place) = (Arc::clone(&self.bridge), place.clone());
            blocking(move || bridge.staging.stat(&place)).await??
        } else {
            None
        };
        if !flags.has(OpenFlags::CREATE) && existing.is_none() {
            return Err(Problem::missing());
        }
        if flags.has(OpenFlags::EXCLUSIVE) && existing.is_some() {
            return Err(Problem::new(StatusCode::Failure, "Il existe déjà / It exists"));
        }
        let admitted = self.bridge.gate.admit(self.dropped(place.folder.clone(), place.name.clone())).await;
        if let Some(fault) = self.through(admitted)? {
            self.bridge.counters.refused.add(1);
            return Err(Problem::fault(StatusCode::Failure, &fault));
        }
        let upload = if existing.is_some() && !flags.has(OpenFlags::TRUNCATE) {
            self.resume(&place).await?
        } else {
            Upload::new(&place, self.bounds())
        };
        if let Some(size) = attributes.size
            && let Err(WriteError::Refused(fault)) = upload.check_size(size)
        {
            return Err(self.refuse(&place, fault).await);
        }
        let state = State::Open(Box::new(upload));
        Ok(Incoming { place, temporary, append: flags.has(OpenFlags::APPEND), state })
    }

    async fn resume(&mut self, place: &Staged) -> Outcome<Upload> {
        let (bridge, bounds, own) = (Arc::clone(&self.bridge), self.bounds(), place.clone());
        let resumed = blocking(move || match bridge.staging.read(&own)? {
            Some(file) => Upload::resume(&own, bounds, file, &bridge.staging),
            None => Ok(Ok(Upload::new(&own, bounds))),
        })
        .await??;
        match resumed {
            Ok(upload) => Ok(upload),
            Err(WriteError::Refused(fault)) => Err(self.refuse(place, fault).await),
            Err(WriteError::Unsupported(_)) => Err(lost()),
        }
    }

    /// Writes, and says how many pieces passed and why the next did not.
    pub(super) async fn write_drop(
        &mut self,
        incoming: &mut Incoming,
        mut pieces: Vec<(u64, Bytes)>,
    ) -> (usize, Option<Problem>) {
        let mut upload = match std::mem::replace(&mut incoming.state, State::Lost) {
            State::Open(upload) => upload,
            State::Lost => return (0, Some(lost())),
            State::Refused(problem) => {
                incoming.state = State::Refused(problem.clone());
                return (0, Some(problem));
            }
        };
        if incoming.append {
            let mut end = upload.size();
            for (offset, data) in &mut pieces {
                *offset = end;
                end += data.len() as u64;
            }
        }
        let bytes: u64 = pieces.iter().map(|(_, data)| data.len() as u64).sum();
        self.bridge.counters.bytes_in.add(bytes);
        let (upload, (passed, error)) = if upload.touches_disk(&pieces) {
            let bridge = Arc::clone(&self.bridge);
            let done = blocking(move || {
                let result = upload.write_all(&pieces, &bridge.staging);
                (upload, result)
            })
            .await;
            match done {
                Ok(done) => done,
                Err(e) => return (0, Some(e.into())),
            }
        } else {
            let result = upload.write_all(&pieces, &self.bridge.staging);
            (upload, result)
        };
        match error {
            None => {
                incoming.state = State::Open(upload);
                (passed, None)
            }
            Some(WriteError::Unsupported(why)) => {
                incoming.state = State::Open(upload);
                (passed, Some(Problem::new(StatusCode::Failure, why)))
            }
            Some(WriteError::Refused(fault)) => {
                // What came so far is worth nothing now: its space is given back at once.
                drop(upload);
                let problem = self.refuse(&incoming.place, fault).await;
                incoming.state = State::Refused(problem.clone());
                (passed, Some(problem))
            }
        }
    }

    /// A client sets the size: smaller cuts, larger is an announcement.
    pub(super) async fn resize_drop(&mut self, incoming: &mut Incoming, size: u64) -> Outcome<()> {
        let mut upload = match std::mem::replace(&mut incoming.state, State::Lost) {
            State::Open(upload) => upload,
            State::Lost => return Err(lost()),
            State::Refused(problem) => {
                incoming.state = State::Refused(problem.clone());
                return Err(problem);
            }
        };
        if let Err(WriteError::Refused(fault)) = upload.check_size(size) {
            drop(upload);
            let problem = self.refuse(&incoming.place, fault).await;
            incoming.state = State::Refused(problem.clone());
            return Err(problem);
        }
        let (upload, cut) = blocking(move || {
            let cut = upload.truncate(size);
            (upload, cut)
        })
        .await?;
        incoming.state = State::Open(upload);
        Ok(cut?)
    }

    pub(super) async fn sync_drop(&mut self, incoming: &mut Incoming) -> Outcome<()> {
        let State::Open(mut upload) = std::mem::replace(&mut incoming.state, State::Lost) else {
            return Err(lost());
        };
        let bridge = Arc::clone(&self.bridge);
        let (upload, synced) = blocking(move || {
            let synced = upload.sync(&bridge.staging);
            (upload, synced)
        })
        .await?;
        incoming.state = State::Open(upload);
        Ok(synced?)
    }

    /// The close: only what core has taken (or, under a temporary name, journalled as staged) is answered with OK.
    pub(super) async fn finish_drop(&mut self, incoming: Incoming) -> Outcome<()> {
        let Incoming { place, temporary, state, .. } = incoming;
        let upload = match state {
            State::Open(upload) => upload,
            State::Lost => return Err(lost()),
            State::Refused(problem) => return Err(problem),
        };
        let (size, received) = (upload.size(), upload.received());
        let sealed = match blocking(move || upload.seal()).await? {
            Ok(Some(sealed)) => sealed,
            Ok(None) => {
                log::info!(account = self.grant.account.as_str(), bytes = size, received; "A closed upload has holes");
                let fault = Fault::new(Code::UploadInterrupted).with("received", size_text(received));
                return Err(self.refuse(&place, fault).await);
            }
            Err(e) => {
                let fault = disk_fault(&e, &self.bridge.staging, &self.bounds());
                return Err(self.refuse(&place, fault).await);
            }
        };
        if temporary { self.stage(place, sealed).await } else { self.hand_over(&place, sealed).await }
    }

    /// A direct upload goes to core.
    async fn hand_over(&mut self, place: &Staged, sealed: Sealed) -> Outcome<()> {
        let Sealed { sha256, size, content } = sealed;
        // The staging file lives until core has answered.
        let (body, spill) = match content {
            SealedContent::Memory(bytes) => (bytes, None),
            SealedContent::File(spill) => (Vec::new(), Some(spill)),
        };
        let descriptor = match &spill {
            Some(spill) => Some(OwnedFd::from(spill.file.try_clone()?)),
            None => None,
        };
        let taken = self.pass_on(place, Whole { sha256, size, body, descriptor, staged: None }).await;
        if let Some(spill) = spill {
            blocking(move || drop(spill)).await?;
        }
        taken
    }

    async fn pass_on(&mut self, place: &Staged, whole: Whole) -> Outcome<()> {
        let dropped = self.dropped(place.folder.clone(), place.name.clone());
        let (size, is_staged) = (whole.size, whole.staged.is_some());
        let handed = self.bridge.gate.receive(dropped, whole).await;
        if !is_staged {
            self.tell_if_away(place, &handed);
        }
        match self.through(handed)? {
            Handed::Taken(flow) => {
                self.bridge.counters.taken.add(1);
                log::info!(account = self.grant.account.as_str(), flow = flow.as_str(), bytes = size; "File taken");
            }
            Handed::Duplicate { arrival, first } => {
                self.bridge.counters.duplicates.add(1);
                log::info!(account = self.grant.account.as_str(), arrival = arrival.as_str(), first = first.as_str(); "Duplicate file received");
            }
            Handed::Offered => {
                self.bridge.counters.taken.add(1);
                log::info!(account = self.grant.account.as_str(), bytes = size; "Release of the appliance taken");
            }
            Handed::Refused(fault) => {
                self.bridge.counters.refused.add(1);
                return Err(Problem::fault(StatusCode::Failure, &fault));
            }
        }
        let entry = Entry { name: place.name.clone(), kind: EntryKind::File, size, modified: now() };
        self.bridge.taken.remember(place.clone(), entry, Instant::now());
        Ok(())
    }

    /// An upload under a temporary name becomes durable in front's own folder, and journalled.
    async fn stage(&mut self, place: Staged, sealed: Sealed) -> Outcome<()> {
        let Sealed { sha256, size, content } = sealed;
        let (bridge, own) = (Arc::clone(&self.bridge), place.clone());
        let kept = blocking(move || -> std::io::Result<Option<Identity>> {
            let staging = &bridge.staging;
            if staging.stat(&own)?.is_none() && staging.count(&own.account, &own.folder)? >= STAGED_FILES {
                return Ok(None);
            }
            let spill = match content {
                SealedContent::File(spill) => spill,
                SealedContent::Memory(bytes) => {
                    let spill = staging.spill(&own)?;
                    std::os::unix::fs::FileExt::write_all_at(&spill.file, &bytes, 0)?;
                    spill
                }
            };
            staging.keep(spill, &own).map(Some)
        })
        .await?;
        let identity = match kept {
            Ok(Some(identity)) => identity,
            Ok(None) => {
                let fault = Fault::new(Code::QuotaExceeded)
                    .with("account", &self.grant.account)
                    .with("used", STAGED_FILES)
                    .with("limit", STAGED_FILES);
                return Err(self.refuse(&place, fault).await);
            }
            Err(e) => {
                let fault = disk_fault(&e, &self.bridge.staging, &self.bounds());
                return Err(self.refuse(&place, fault).await);
            }
        };
        let staged = self.bridge.gate.staged(self.dropped(place.folder.clone(), place.name.clone()), sha256, size);
        let answer = match staged.await {
            Ok(None) => return Ok(()),
            Ok(Some(fault)) => Problem::fault(StatusCode::Failure, &fault),
            Err(error) => {
                let failed = Err(error);
                self.tell_if_away(&place, &failed);
                match self.through::<()>(failed) {
                    Ok(()) => return Ok(()),
                    Err(problem) => problem,
                }
            }
        };
        let bridge = Arc::clone(&self.bridge);
        blocking(move || bridge.staging.remove_if(&place, identity)).await??;
        Err(answer)
    }

    /// A staged file gets another name: a temporary one, or its own, and then it is taken.
    pub(super) async fn rename_drop(&mut self, from: Staged, to: Place, replace: bool) -> Outcome<()> {
        let bridge = Arc::clone(&self.bridge);
        let Some(_claim) = bridge.claims.claim(&from) else {
            return Err(Problem::new(StatusCode::Failure, "Renommage en cours / Rename under way"));
        };
        let (own, look) = (Arc::clone(&bridge), from.clone());
        let Some(file) = blocking(move || own.staging.read(&look)).await?? else {
            return Err(Problem::missing());
        };
        let to = match to {
            Place::Drop { folder, name: Ok(name), .. } => self.staged(folder, name),
            Place::Root | Place::Depot { .. } => return Err(Problem::forbidden()),
            elsewhere => return Err(self.refuse_place(elsewhere).await),
        };
        if is_temporary(&to.name) {
            let own = Arc::clone(&bridge);
            let renamed = blocking(move || -> std::io::Result<Outcome<bool>> {
                if !replace && from != to && own.staging.stat(&to)?.is_some() {
                    return Ok(Err(Problem::new(StatusCode::Failure, "Il existe déjà / It exists")));
                }
                Ok(Ok(own.staging.rename(&from, &to)?))
            })
            .await???;
            return if renamed { Ok(()) } else { Err(Problem::missing()) };
        }
        self.hand_over_staged(from, to, file).await
    }

    async fn hand_over_staged(&mut self, from: Staged, to: Staged, file: std::fs::File) -> Outcome<()> {
        let (sha256, size, body, file, identity) = blocking(move || -> std::io::Result<_> {
            let metadata = file.metadata()?;
            let (size, identity) = (metadata.len(), Identity::of(&metadata));
            let sha256 = hash_file(&file)?;
            let mut body = Vec::new();
            if size <= INLINE_LIMIT as u64 {
                body = vec![0; usize::try_from(size).unwrap_or(0)];
                std::os::unix::fs::FileExt::read_exact_at(&file, &mut body, 0)?;
            }
            Ok((sha256, size, body, file, identity))
        })
        .await??;
        let descriptor = (size > INLINE_LIMIT as u64).then(|| OwnedFd::from(file));
        let staged = Some(identity.stamp());
        self.pass_on(&to, Whole { sha256, size, body, descriptor, staged }).await?;
        // Core has it: what stays behind from here on is known by its stamp, renamed once more or swept.
        let bridge = Arc::clone(&self.bridge);
        let removed = blocking(move || bridge.staging.remove_if(&from, identity)).await;
        if let Ok(Err(e)) | Err(e) = removed {
            log::warn!(error = e.to_string().as_str(); "A staged file that core has taken could not be removed");
        }
        Ok(())
    }

    /// The connection ended before the close: discarded, with a receipt.
    pub(super) async fn interrupt_drop(&mut self, incoming: Incoming) {
        let State::Open(upload) = incoming.state else { return };
        let received = upload.received();
        if let Err(e) = blocking(move || drop(upload)).await {
            log::warn!(error = e.to_string().as_str(); "An interrupted upload's content was not discarded");
        }
        let fault = Fault::new(Code::UploadInterrupted).with("received", size_text(received));
        self.refuse(&incoming.place, fault).await;
    }

    /// A file that was whole is discarded because core cannot be reached: its receipt comes once it can.
    fn tell_if_away<T>(&self, place: &Staged, answer: &Result<T, GateError>) {
        if let Err(GateError::Unreachable(_)) = answer {
            let dropped = self.dropped(place.folder.clone(), place.name.clone());
            self.bridge.caretaker.tell_later(dropped, Fault::new(Code::CoreUnavailable));
        }
    }

    /// Refuses a path that is no place to drop into.
    async fn refuse_place(&mut self, place: Place) -> Problem {
        match place {
            Place::Drop { folder, name: Err(reason), shown } => {
                let fault = Fault::new(Code::NameNotAllowed).with("name", &shown).with_text("reason", &reason.text());
                let place = self.staged(folder, shown);
                self.refuse(&place, fault).await
            }
            Place::Results { path } => {
                let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
                let fault = Fault::new(Code::UnknownFolder).with("folder", format_args!("/{folder}"));
                let place = self.staged(folder.to_owned(), name.to_owned());
                let problem = self.refuse(&place, fault).await;
                Problem { code: StatusCode::PermissionDenied, ..problem }
            }
            Place::Nowhere { folder, name } => {
                let fault = Fault::new(Code::UnknownFolder).with("folder", &folder);
                let place = self.staged(folder, name);
                let problem = self.refuse(&place, fault).await;
                Problem { code: StatusCode::NoSuchFile, ..problem }
            }
            Place::Drop { name: Ok(_), .. } | Place::Root | Place::Depot { .. } => Problem::forbidden(),
        }
    }

    /// Journals the refusal with its receipt, and makes the client's message of it.
    async fn refuse(&mut self, place: &Staged, fault: Fault) -> Problem {
        self.bridge.counters.refused.add(1);
        let problem = Problem::fault(StatusCode::Failure, &fault);
        log::info!(account = self.grant.account.as_str(), fault = fault.code.as_str(); "File refused");
        let dropped = self.dropped(place.folder.clone(), place.name.clone());
        match self.bridge.gate.refuse(dropped.clone(), fault.clone(), None).await {
            Ok(()) => {}
            Err(GateError::Unreachable(_)) => self.bridge.caretaker.tell_later(dropped, fault),
            Err(e) => {
                log::error!(account = self.grant.account.as_str(), error = e.to_string().as_str(); "A refusal could not be journalled");
            }
        }
        problem
    }
}
