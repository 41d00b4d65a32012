//! Releases of the appliance that an account drops into its folder `/mise-a-jour`: no flows and no documents. Keeper copies and
//! examines them; the account gets a receipt as of any other file.
//!
//! Promise: a file is answered `Offered` only once keeper's copy of it is durable and it is journalled.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::drops::{FromStart, Origin, Sent, refuse};
use super::{Gatehouse, Rules, failed};
use crate::audit::Signer;
use crate::domain::{DocumentHash, Timestamp};
use crate::fault::{Code, Fault, Text};
use crate::gate::{Answer, KeeperClient, KeeperError, Offered, RELEASES, Refusal, Work};
use crate::os::durable;
use crate::store::Store;
use crate::work::folders::{Folders, Shelf, newest_receipt_name, receipt_stem};
use crate::work::releases::{OfferError, Offering, offer};
use crate::work::seal::{self, Purpose};

/// So long the answer waits for keeper's verdict, so that who drops the file hears it; well below what front waits.
const VERDICT_AWAITED: Duration = Duration::from_secs(45);
/// And so long the receipt does.
const VERDICT_LONGEST: Duration = Duration::from_secs(15 * 60);
/// Between two questions whether there is one.
const LOOK: Duration = Duration::from_millis(250);
/// Letters of a release's hash in the name of its own receipt.
const OWN_LETTERS: usize = 16;
/// A small file's name for an instant, in the data folder.
const PASSING: &str = "release-dropped";

/// What the gate needs to take releases: there is one on the appliance only.
#[derive(Debug, Clone)]
pub struct ReleaseDesk {
    pub keeper: KeeperClient,
    /// Receipts are signed with it.
    pub signer: Signer,
}

/// What keeper made of a file.
enum Verdict {
    Offered(Box<Offered>),
    Refused(Fault),
    /// It is not there any more: somebody threw it away, or handed in another one.
    Gone,
    /// Not within [`VERDICT_LONGEST`].
    Late,
}

impl Rules {
    /// Whether it is a release that this account may drop there.
    pub(super) fn takes_release(&self, origin: &Origin) -> bool {
        origin.folder == RELEASES && self.releases.as_ref() == Some(&origin.account)
    }
}

impl Gatehouse {
    /// What stands against a release of `size` bytes.
    pub(super) fn release_objection(&self, rules: &Rules, origin: &Origin, size: u64) -> Result<Option<Fault>, Answer> {
        if let Some(fault) = origin.name_objection() {
            return Ok(Some(fault));
        }
        if self.releases.is_none() {
            let why = Text::new("elle n'a pas de gardien (keeper)", "it has no keeper");
            return Ok(Some(Fault::new(Code::UpdateNoAppliance).with_text("why", &why)));
        }
        // Keeper's copy lies on the same disk, beside what came.
        let free = self.free_bytes()?;
        Ok(rules.limits.objection(&origin.account, size, free, (0, 0)))
    }

    /// A whole file that may be a release.
    pub(super) fn receive_release(&self, rules: &Rules, origin: Origin, sent: Sent<'_>) -> Answer {
        let (size, sha256) = (sent.size, sent.sha256);
        match self.release_objection(rules, &origin, size) {
            Ok(None) => {}
            Ok(Some(fault)) => return self.refuse(rules, origin, fault, None),
            Err(answer) => return answer,
        }
        let Some(desk) = self.releases.clone() else { return Answer::Malformed };
        let file = match self.release_file(sent) {
            Ok(Some(file)) => file,
            Ok(None) => return Answer::Malformed,
            Err(error) => {
                log::error!(error = error.to_string().as_str(); "A dropped release could not be read or kept");
                return Answer::Failed { fault: Fault::new(Code::StoreFailed).with("detail", error) };
            }
        };
        let (actor, from) = (format!("account:{}", origin.account), origin.name.clone());
        let offering = Offering { file: OwnedFd::from(file), bytes: size, sha256, actor, from };
        match offer(&self.store, &desk.keeper, offering) {
            Ok(()) => {}
            Err(OfferError::Store(error)) => return failed(&error),
            Err(OfferError::Keeper(KeeperError::Refused(refusal))) => {
                return self.refuse(rules, origin, refused(&refusal), None);
            }
            Err(OfferError::Keeper(error)) => {
                log::error!(error = error.to_string().as_str(); "Keeper could not be handed a release");
                return Answer::Failed { fault: Fault::new(Code::UpdateBusy).with("detail", error) };
            }
        }
        let awaited = Awaited {
            desk,
            store: self.store.clone(),
            folders: Folders::new(&self.folders),
            origin,
            bytes: size,
            sha256,
            at: Timestamp::now(),
        };
        match awaited.verdict(VERDICT_AWAITED) {
            Verdict::Refused(fault) => return awaited.refuse(fault),
            Verdict::Late => {
                awaited.tell(&Verdict::Late);
                ask_on(awaited);
            }
            told => awaited.tell(&told),
        }
        Answer::Offered
    }

    /// A file of its own that is what front says it is; `None`: it is not.
    fn release_file(&self, sent: Sent<'_>) -> io::Result<Option<File>> {
        let Sent { sha256, size, body, descriptor, .. } = sent;
        let file = match descriptor {
            Some(descriptor) => File::from(descriptor),
            None => {
                let mut file = durable::nameless(&self.dir, PASSING)?;
                file.write_all(body)?;
                file
            }
        };
        if !file.metadata().is_ok_and(|found| found.is_file() && found.len() == size) {
            return Ok(None);
        }
        Ok((hash(FromStart { file: &file, offset: 0, left: size })? == sha256).then_some(file))
    }

    /// Whether keeper has this file: what its last drop came to was not heard.
    pub(super) fn is_offered(&self, rules: &Rules, origin: &Origin, sha256: DocumentHash) -> bool {
        let Some(desk) = self.releases.as_ref().filter(|_| rules.takes_release(origin)) else { return false };
        let offered = desk.keeper.updates().ok().and_then(|updates| updates.offered);
        offered.is_some_and(|offered| offered.sha256 == sha256)
    }
}

fn hash(mut file: FromStart<'_>) -> io::Result<DocumentHash> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(DocumentHash(hash.finalize().into())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// A dropped file that keeper has taken to examine it.
struct Awaited {
    desk: ReleaseDesk,
    store: Store,
    folders: Folders,
    origin: Origin,
    bytes: u64,
    sha256: DocumentHash,
    at: Timestamp,
}

impl Awaited {
    /// What keeper makes of it, waited for so long. Blocks.
    fn verdict(&self, longest: Duration) -> Verdict {
        let end = Instant::now() + longest;
        loop {
            match self.desk.keeper.updates() {
                Ok(updates) if updates.work != Work::Examining => {
                    let offered = updates.offered.filter(|offered| offered.sha256 == self.sha256);
                    return match (offered, updates.failed) {
                        (Some(offered), _) => Verdict::Offered(Box::new(offered)),
                        (None, Some(fault)) => Verdict::Refused(fault),
                        (None, None) => Verdict::Gone,
                    };
                }
                Ok(_) => {}
                Err(error) => {
                    log::warn!(error = error.to_string().as_str(); "Keeper does not tell what it makes of a release")
                }
            }
            if Instant::now() >= end {
                return Verdict::Late;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Journals that it was refused, with a receipt like that of any refused file.
    fn refuse(&self, fault: Fault) -> Answer {
        refuse(&self.store, None, self.origin.clone(), fault, None)
    }

    /// Writes the receipt. Without it the file is offered all the same: that is on the page.
    fn tell(&self, verdict: &Verdict) {
        let Some(mut receipt) = self.receipt(verdict) else { return };
        let written = seal::seal(&self.desk.signer, Purpose::Receipt, &mut receipt)
            .map_err(io::Error::other)
            .and_then(|()| serde_json::to_vec_pretty(&receipt).map_err(io::Error::other))
            .and_then(|bytes| {
                let shelf = self.folders.shelf(&self.origin.account, Shelf::Receipts)?;
                // Under a name that is this file's alone, and the newest of its name beside it, as for every dropped file.
                let own =
                    format!("{}.{}.json", receipt_stem(&self.origin.name), &self.sha256.to_string()[..OWN_LETTERS]);
                durable::write_atomically(&shelf.join(own), &bytes)?;
                durable::write_atomically(&shelf.join(newest_receipt_name(&self.origin.name)), &bytes)
            });
        if let Err(error) = written {
            log::error!(account = self.origin.account.as_str(), error = error.to_string().as_str(); "The receipt of a dropped release could not be written");
        }
    }

    /// `None`: a refused file has another one.
    fn receipt(&self, verdict: &Verdict) -> Option<Map<String, Value>> {
        let (state, offered) = match verdict {
            Verdict::Offered(offered) => ("offered", Some(offered)),
            Verdict::Late => ("received", None),
            Verdict::Gone => ("withdrawn", None),
            Verdict::Refused(_) => return None,
        };
        let receipt = json!({
            "file": self.origin.name,
            "sha256": self.sha256.to_string(),
            "size": self.bytes,
            "account": self.origin.account.as_str(),
            "received_at": self.at.to_string(),
            "state": state,
            "final": state != "received",
            "version": offered.map(|offered| offered.version.to_string()),
            "install_before": offered.map(|offered| offered.expires.to_string()),
        });
        receipt.as_object().cloned()
    }
}

/// Waits on, on a thread of its own, for who was answered already.
fn ask_on(awaited: Awaited) {
    let wait = move || match awaited.verdict(VERDICT_LONGEST) {
        Verdict::Refused(fault) => drop(awaited.refuse(fault)),
        Verdict::Late => log::warn!("Keeper has not told what it makes of a dropped release: see the page"),
        told => awaited.tell(&told),
    };
    if let Err(error) = std::thread::Builder::new().name("verdict".to_owned()).spawn(wait) {
        log::error!(error = error.to_string().as_str(); "What becomes of a dropped release is on the page only");
    }
}

/// Why keeper took no file, as a fault.
fn refused(refusal: &Refusal) -> Fault {
    match refusal {
        Refusal::Update(fault) => fault.clone(),
        other => Fault::new(Code::UpdateBusy).with_text("detail", &other.text()),
    }
}
