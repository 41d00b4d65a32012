//! Dropped files: may they come, and taking them.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{DropLimits, DropRoute, Gatehouse, Rules, failed};
use crate::domain::{AccountName, DocumentHash, Realm, Timestamp};
use crate::fault::{Code, Fault, Text};
use crate::gate::{Answer, INLINE_LIMIT, check_name, printable_name, size_text};
use crate::os::disk;
use crate::store::{Arrival, Content, Received, Refusal, StagedDrop, Store, StoreError};

/// Bytes of a folder's text in a refusal.
const FOLDER_TEXT: usize = 255;

/// A whole file as front hands it over.
pub struct Sent<'a> {
    pub sha256: DocumentHash,
    pub size: u64,
    pub body: &'a [u8],
    pub descriptor: Option<OwnedFd>,
    /// The stamp of a file that was staged under a temporary name.
    pub staged: Option<String>,
}

/// How far the clock may have been put back between an upload's last bytes and its taking.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// Why a content is not ready to be received.
enum NotTaken {
    Answer(Answer),
    Store(StoreError),
}

impl DropLimits {
    /// The fault of a disk that has come to its reserve.
    pub fn disk_nearly_full(&self, free: u64) -> Fault {
        Fault::new(Code::DiskNearlyFull)
            .with("free", size_text(free))
            .with("reserve", size_text(self.disk_reserve.bytes()))
    }

    /// What stands against a file of `size` bytes of an account, on a disk with so much free space. `pending`: bytes and
    /// files of it that wait already.
    pub fn objection(&self, account: &AccountName, size: u64, free: u64, pending: (u64, u64)) -> Option<Fault> {
        if size > self.file.bytes() {
            let fault = Fault::new(Code::FileTooLarge).with("size", size_text(size));
            return Some(fault.with("limit", size_text(self.file.bytes())));
        }
        if free < self.disk_reserve.bytes().saturating_add(size) {
            return Some(self.disk_nearly_full(free));
        }
        let (bytes, files) = pending;
        let quota = |used: Text, limit: Text| {
            let fault = Fault::new(Code::QuotaExceeded).with("account", account);
            Some(fault.with_text("used", &used).with_text("limit", &limit))
        };
        if files >= self.pending_files {
            let count = |n: u64| Text::new(format!("{n} fichiers"), format!("{n} files"));
            return quota(count(files), count(self.pending_files));
        }
        if bytes.saturating_add(size.max(1)) > self.pending_bytes.bytes() {
            let shown = |bytes| Text::same(size_text(bytes));
            return quota(shown(bytes.saturating_add(size)), shown(self.pending_bytes.bytes()));
        }
        None
    }
}

/// Whose file it is, and where it was dropped.
#[derive(Clone)]
pub(super) struct Origin {
    pub account: AccountName,
    pub folder: String,
    pub name: String,
    pub peer: String,
}

impl Origin {
    /// Everything made fit for the journal; `peer` must be an address.
    fn new(account: AccountName, folder: &str, name: &str, peer: &str) -> Option<Self> {
        let peer = peer.parse::<IpAddr>().ok()?.to_string();
        let folder: String = folder.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
        let folder = folder.trim_matches('/');
        let folder = folder[..folder.floor_char_boundary(FOLDER_TEXT)].to_owned();
        Some(Self { account, folder, name: name.to_owned(), peer })
    }

    /// What stands against the file's name.
    pub fn name_objection(&self) -> Option<Fault> {
        let problem = check_name(self.name.as_bytes()).err()?;
        let fault = Fault::new(Code::NameNotAllowed).with("name", printable_name(&self.name));
        Some(fault.with_text("reason", &problem.text()))
    }
}

impl Gatehouse {
    /// May this file come? Before its first byte.
    pub(super) fn admit(&self, account: AccountName, folder: String, name: String, peer: String) -> Answer {
        let Some(origin) = Origin::new(account, &folder, &name, &peer) else { return Answer::Malformed };
        let rules = self.rules.load();
        match self.any_objection(&rules, &origin, 0) {
            Ok(None) => Answer::Done,
            Ok(Some(fault)) => self.refuse(&rules, origin, fault, None),
            Err(answer) => answer,
        }
    }

    /// A whole file.
    pub(super) fn receive(
        &self,
        account: AccountName,
        folder: String,
        name: String,
        peer: String,
        sent: Sent<'_>,
    ) -> Answer {
        let Some(origin) = Origin::new(account, &folder, &name, &peer) else { return Answer::Malformed };
        let rules = self.rules.load();
        if rules.takes_release(&origin) {
            return self.receive_release(&rules, origin, sent);
        }
        // Taken before, and only the answer was lost: nothing can stand against it any more.
        match self.known(&origin, &sent) {
            Ok(None) => {}
            Ok(Some(received)) => return answer_of(received),
            Err(e) => return failed(&e),
        }
        let realm = match self.objection(&rules, &origin, sent.size) {
            Ok(Ok(route)) => route.realm.clone(),
            Ok(Err(fault)) => return self.refuse(&rules, origin, fault, None),
            Err(answer) => return answer,
        };
        let staged = sent.staged.clone();
        let content = match self.content(sent) {
            Ok(content) => content,
            Err(NotTaken::Answer(answer)) => return answer,
            Err(NotTaken::Store(e)) => return self.not_kept(&rules, origin, &e),
        };
        let Origin { account, folder, name, peer } = origin.clone();
        let arrival = Arrival { account, realm, folder, name, peer, at: Timestamp::now(), content, staged };
        match self.store.receive(arrival).wait() {
            Ok(received) => answer_of(received),
            Err(e) => self.not_kept(&rules, origin, &e),
        }
    }

    /// What became of a staged file that was handed over before.
    fn known(&self, origin: &Origin, sent: &Sent<'_>) -> Result<Option<Received>, StoreError> {
        let Some(staged) = &sent.staged else { return Ok(None) };
        let Origin { account, folder, name: file, .. } = origin;
        let known =
            self.store.reader()?.known_drop(&StagedDrop { account, folder, file, sha256: sent.sha256, staged })?;
        if known.is_some() {
            log::info!(account = account.as_str(); "A staged file is handed over once more: answered as the first time");
        }
        Ok(known)
    }

    /// The store could not keep a file. A full disk is told as such, and journalled if that little still fits.
    fn not_kept(&self, rules: &Rules, origin: Origin, error: &StoreError) -> Answer {
        if !matches!(error, StoreError::DiskFull) {
            return failed(error);
        }
        let free = disk::free_bytes(&self.dir).unwrap_or(0);
        self.refuse(rules, origin, rules.limits.disk_nearly_full(free), None)
    }

    /// The content, once it is what front says it is; a large one is durable when this returns.
    fn content(&self, sent: Sent<'_>) -> Result<Content, NotTaken> {
        let Sent { sha256, size, body, descriptor, .. } = sent;
        let Some(descriptor) = descriptor else {
            let same = body.len() as u64 == size && DocumentHash(Sha256::digest(body).into()) == sha256;
            return if same { Ok(Content::Inline(body.to_vec())) } else { Err(NotTaken::Answer(Answer::Malformed)) };
        };
        let file = File::from(descriptor);
        let regular = file.metadata().is_ok_and(|found| found.is_file() && found.len() == size);
        if !regular || size <= INLINE_LIMIT as u64 || !body.is_empty() {
            return Err(NotTaken::Answer(Answer::Malformed));
        }
        let mut bytes = FromStart { file: &file, offset: 0, left: size + 1 };
        let kept = self.store.keep_document(&mut bytes).map_err(NotTaken::Store)?;
        if kept.size == size && kept.sha256 == sha256 {
            Ok(Content::Kept(kept))
        } else {
            log::error!("A staged file is not what front said it is");
            Err(NotTaken::Answer(Answer::Malformed))
        }
    }

    /// A file under a temporary name is durable in front's folder.
    pub(super) fn staged(
        &self,
        account: AccountName,
        folder: String,
        name: String,
        peer: String,
        sha256: DocumentHash,
        size: u64,
    ) -> Answer {
        let Some(origin) = Origin::new(account, &folder, &name, &peer) else { return Answer::Malformed };
        let rules = self.rules.load();
        match self.any_objection(&rules, &origin, size) {
            Ok(None) => {}
            Ok(Some(fault)) => return self.refuse(&rules, origin, fault, None),
            Err(answer) => return answer,
        }
        match self.store.stage(&origin.account, &origin.name, sha256, size, Timestamp::now()).wait() {
            Ok(()) => Answer::Done,
            Err(e) => failed(&e),
        }
    }

    /// Front refused a file for one of the reasons that are front's to find.
    pub(super) fn refuse_for_front(
        &self,
        account: AccountName,
        folder: String,
        name: String,
        peer: String,
        fault: Fault,
        happened: Option<Timestamp>,
    ) -> Answer {
        let fronts = [
            Code::FileTooLarge,
            Code::QuotaExceeded,
            Code::DiskNearlyFull,
            Code::UnknownFolder,
            Code::NameNotAllowed,
            Code::UploadInterrupted,
            Code::CoreUnavailable,
        ];
        match Origin::new(account, &folder, &name, &peer) {
            Some(origin) if fronts.contains(&fault.code) => self.refuse(&self.rules.load(), origin, fault, happened),
            _ => Answer::Malformed,
        }
    }

    /// A staged file is to be removed because nobody renamed it, as far as front knows.
    pub(super) fn swept(&self, account: AccountName, folder: String, name: String, staged: &str) -> Answer {
        match self.store.reader().and_then(|reader| reader.is_handed_over(&account, staged)) {
            Ok(false) => {}
            Ok(true) => return Answer::Done,
            Err(e) => return failed(&e),
        }
        let fault = Fault::new(Code::NeverRenamed).with("name", printable_name(&name));
        match Origin::new(account, &folder, &name, "::") {
            Some(origin) => self.refuse(&self.rules.load(), origin, fault, None),
            None => Answer::Malformed,
        }
    }

    /// A former front died while it received an upload. It may have died after core took the file.
    pub(super) fn left(
        &self,
        account: AccountName,
        folder: String,
        name: String,
        (sha256, size): (DocumentHash, u64),
        modified: Timestamp,
    ) -> Answer {
        let Some(origin) = Origin::new(account, &folder, &name, "::") else { return Answer::Malformed };
        if self.is_offered(&self.rules.load(), &origin, sha256) {
            return Answer::Done;
        }
        let Origin { account, folder, name, .. } = &origin;
        let since = modified.minus(CLOCK_SLACK);
        match self.store.reader().and_then(|reader| reader.is_taken(account, folder, name, sha256, since)) {
            Ok(false) => {}
            Ok(true) => return Answer::Done,
            Err(e) => return failed(&e),
        }
        let fault = Fault::new(Code::UploadInterrupted).with("received", size_text(size));
        self.refuse(&self.rules.load(), origin, fault, Some(modified))
    }

    /// Journals a refusal with its receipt; `happened` a while ago, or now.
    pub(super) fn refuse(&self, rules: &Rules, origin: Origin, fault: Fault, happened: Option<Timestamp>) -> Answer {
        let realm: Option<Realm> = rules.route(&origin.account, &origin.folder).map(|route| route.realm.clone());
        refuse(&self.store, realm, origin, fault, happened)
    }

    pub(super) fn free_bytes(&self) -> Result<u64, Answer> {
        disk::free_bytes(&self.dir).map_err(|e| {
            log::error!(error = e.to_string().as_str(); "The data disk's free space cannot be read");
            Answer::Failed { fault: Fault::new(Code::StoreFailed).with("detail", e) }
        })
    }

    /// What stands against a file from here, a release or any other.
    fn any_objection(&self, rules: &Rules, origin: &Origin, size: u64) -> Result<Option<Fault>, Answer> {
        if rules.takes_release(origin) {
            return self.release_objection(rules, origin, size);
        }
        Ok(self.objection(rules, origin, size)?.err())
    }

    /// What stands against a file of `size` bytes from here: the route if nothing does.
    fn objection<'a>(
        &self,
        rules: &'a Rules,
        origin: &Origin,
        size: u64,
    ) -> Result<Result<&'a DropRoute, Fault>, Answer> {
        if let Some(fault) = origin.name_objection() {
            return Ok(Err(fault));
        }
        let Some(route) = rules.route(&origin.account, &origin.folder) else {
            let fault = Fault::new(Code::NoRoute).with("account", &origin.account);
            return Ok(Err(fault.with("folder", format_args!("/{}", origin.folder))));
        };
        let free = self.free_bytes()?;
        let pending = self.store.reader().and_then(|reader| reader.pending(&origin.account));
        let pending = pending.map_err(|e| failed(&e))?;
        if let Some(fault) = rules.limits.objection(&origin.account, size, free, pending) {
            return Ok(Err(fault));
        }
        Ok(Ok(route))
    }
}

/// Journals a refusal with its receipt.
pub(super) fn refuse(
    store: &Store,
    realm: Option<Realm>,
    origin: Origin,
    fault: Fault,
    happened: Option<Timestamp>,
) -> Answer {
    let Origin { account, folder, name, peer } = origin;
    let name = printable_name(&name);
    let at = Timestamp::now();
    let happened = happened.filter(|happened| *happened < at);
    let refusal = Refusal { account, realm, folder, name, peer, at, happened, fault: fault.clone() };
    match store.refuse(refusal).wait() {
        Ok(receipt) => Answer::Refused { fault, receipt: Some(receipt) },
        Err(e) => {
            log::error!(error = e.to_string().as_str(), fault = fault.code.as_str(); "A refusal could not be journalled");
            Answer::Refused { fault, receipt: None }
        }
    }
}

fn answer_of(received: Received) -> Answer {
    match received {
        Received::Flow(flow) => Answer::Taken { flow },
        Received::Duplicate { arrival, first } => Answer::Duplicate { arrival, first },
    }
}

/// Reads a file from its beginning without touching the position that front shares with us, and at most one byte
/// beyond the size that was announced: a file that grew shows it there.
pub(super) struct FromStart<'a> {
    pub file: &'a File,
    pub offset: u64,
    /// Bytes that may still be read.
    pub left: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = self.file.read_at(&mut buffer[..most], self.offset)?;
        self.offset += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}
