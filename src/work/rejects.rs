//! Lays the refused members of an archive into `/rejets/`, each beside a receipt of its own that says why.
//!
//! Promise: once, whenever the process ends. The application may take or delete what stands there; it is not laid there
//! again, neither with the next version of the archive's receipt nor after a restart: all of it stands on the bench first,
//! and each file is moved out of there.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::domain::{AccountName, DocumentHash};
use crate::fault::Language;
use crate::flow::deposit::State;
use crate::invoice::{Limits, archive};
use crate::os::durable;
use crate::store::{ArrivalRecord, RefusedMember};
use crate::work::core::{Core, JobError};
use crate::work::folders::{Shelf, receipt_name, refused_name, remove_whatever};
use crate::work::receipts::fault_json;
use crate::work::seal::{self, Purpose};

/// What the file work is about, for errors.
const WHAT: &str = "the folder of refused files";

/// Before a file's name on the bench: the members are moved first, so that each is there when its receipt says so.
const MEMBER: &str = "1-";
const RECEIPT: &str = "2-";

/// Lays the members there and notes that they are. `checkpoint` covers the archive's split.
pub(super) fn lay_members(
    core: &Core,
    arrival: &ArrivalRecord,
    members: &[RefusedMember],
    checkpoint: &str,
) -> Result<(), JobError> {
    let shelf = core.folders.shelf(&arrival.account, Shelf::Refused).map_err(JobError::files(WHAT))?;
    let batch = core.folders.refused_batch(&arrival.account, &arrival.id).map_err(JobError::files(WHAT))?;
    if !batch.is_dir() {
        let draft = batch.with_file_name(format!("rejet-{}", arrival.id));
        remove_whatever(&draft).and_then(|()| fs::create_dir(&draft)).map_err(JobError::files(WHAT))?;
        gather(core, arrival, members, checkpoint, &draft)?;
        let whole = durable::sync_dir(&draft).and_then(|()| durable::rename_durably(&draft, &batch));
        whole.map_err(JobError::files(WHAT))?;
    }
    lay_out(&batch, &shelf).map_err(JobError::files(WHAT))?;
    core.store.members_placed(&arrival.id).wait()?;
    remove_whatever(&batch).map_err(JobError::files(WHAT))
}

/// What a former process laid out and noted, and had no time to clear away.
pub(super) fn settle_former(core: &Core, account: &AccountName) -> Result<(), JobError> {
    for flow in core.folders.refused_batches(account).map_err(JobError::files(WHAT))? {
        if core.store.reader()?.unplaced_members(&flow)?.is_empty() {
            let batch = core.folders.refused_batch(account, &flow).map_err(JobError::files(WHAT))?;
            remove_whatever(&batch).map_err(JobError::files(WHAT))?;
        }
    }
    Ok(())
}

/// Moves what is still on the bench.
fn lay_out(batch: &Path, shelf: &Path) -> io::Result<()> {
    let mut names = fs::read_dir(batch)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort();
    for name in names {
        let target = name.to_str().and_then(|name| name.strip_prefix(MEMBER).or_else(|| name.strip_prefix(RECEIPT)));
        let Some(target) = target else { continue };
        fs::rename(batch.join(&name), shelf.join(target))?;
    }
    durable::sync_dir(shelf)?;
    durable::sync_dir(batch)
}

/// Writes the members and their receipts into `draft`. A member that could not be taken out has a receipt only.
fn gather(
    core: &Core,
    arrival: &ArrivalRecord,
    members: &[RefusedMember],
    checkpoint: &str,
    draft: &Path,
) -> Result<(), JobError> {
    let hash = arrival.sha256.ok_or(JobError::Missing("the document's hash"))?;
    let bytes = core.store.reader()?.document(&hash)?.ok_or(JobError::Missing("the document"))?;
    let wanted: BTreeMap<usize, &RefusedMember> = members.iter().map(|member| (member.place, member)).collect();
    let language = core.options.load().language;
    let (mut place, mut failed) = (0, None);
    // An archive that could be gone through once can be again; how it ends was told then.
    let _ = archive::read(&bytes, &Limits::default(), &mut |member| {
        if let (Some(refused), None) = (wanted.get(&place), &failed) {
            let content = member.content.ok();
            let written = receipt(core, arrival, refused, content.as_deref(), checkpoint, language)
                .and_then(|receipt| write_one(draft, arrival, refused, content.as_deref(), &receipt));
            failed = written.err();
        }
        place += 1;
    });
    failed.map_or(Ok(()), Err)
}

fn write_one(
    draft: &Path,
    arrival: &ArrivalRecord,
    member: &RefusedMember,
    content: Option<&[u8]>,
    receipt: &[u8],
) -> Result<(), JobError> {
    let name = shelf_name(member);
    let write = |kind: &str, name: String, bytes: &[u8]| {
        durable::write_synced(&draft.join(format!("{kind}{name}")), bytes).map_err(JobError::files(WHAT))
    };
    if let Some(content) = content {
        write(MEMBER, refused_name(&name, &arrival.id), content)?;
    }
    write(RECEIPT, receipt_name(&name, &arrival.id), receipt)
}

/// Its place makes the name unlike those of the archive's other members: `003-notes.txt`.
fn shelf_name(member: &RefusedMember) -> String {
    let name = member.name.replace(['/', '\\'], "_");
    format!("{:03}-{name}", member.place + 1)
}

/// A receipt like that of a file that was dropped by itself; its flow is the archive's.
fn receipt(
    core: &Core,
    arrival: &ArrivalRecord,
    member: &RefusedMember,
    content: Option<&[u8]>,
    checkpoint: &str,
    language: Language,
) -> Result<Vec<u8>, JobError> {
    let realm = arrival.realm.as_ref();
    let state = State::Refused.as_str();
    // The archive's members were examined together.
    let rules = core.store.reader()?.rules(&arrival.id)?;
    let keys = json!({
        "flow": arrival.id.as_str(),
        "file": format!("{} » {}", arrival.file, member.name),
        "sha256": content.map(|content| DocumentHash(Sha256::digest(content).into()).to_string()),
        "account": arrival.account.as_str(),
        "establishment": realm.map(|realm| realm.establishment.as_str()),
        "environment": realm.map(|realm| realm.environment.as_str()),
        "received_at": arrival.at.to_string(),
        "state": state,
        "final": true,
        "duplicate_of": null,
        "replaces": null,
        "joined_to": null,
        "deposit_number": null,
        "announced": null,
        "converted": null,
        "invoices": [],
        "parts": [],
        "fault": fault_json(&member.fault, language),
        "findings": serde_json::to_value(&member.findings).unwrap_or_default(),
        "rules": serde_json::to_value(&rules).unwrap_or_default(),
        "history": [{"at": arrival.at.to_string(), "state": state}],
        "checkpoint": checkpoint,
    });
    let mut document: Map<String, Value> = keys.as_object().cloned().unwrap_or_default();
    seal::seal(&core.signer, Purpose::Receipt, &mut document)?;
    Ok(serde_json::to_vec_pretty(&document).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Code, Fault};

    #[test]
    fn names_on_the_shelf_differ_though_members_share_theirs() {
        let member = |place, name: &str| RefusedMember {
            place,
            name: name.to_owned(),
            fault: Fault::new(Code::EmptyFile),
            findings: Vec::new(),
        };
        assert_eq!(shelf_name(&member(0, "a/../b.xml")), "001-a_.._b.xml");
        assert_ne!(shelf_name(&member(0, "a.xml")), shelf_name(&member(1, "a.xml")));
    }
}
