//! One delivery in an account's `/recues`: built apart, whole, and renamed into place.
//!
//! Promise: every file is synced before the one rename that makes the delivery; a crash leaves all of it or nothing, and the
//! same delivery made twice is one. Where a route wants files side by side, `NUMBER_ID_facture.json` is what is renamed
//! last: with it a delivery is whole, and taken once it goes.

use std::path::Path;

use serde_json::Value;

use crate::domain::{ChorusInvoiceId, DocumentHash, Role};
use crate::fault::{Fault, Text};
use crate::invoice::pivot::PivotInvoice;
use crate::os::durable;
use crate::store::{ComplementRecord, FlowRecord, InvoiceRecord};
use crate::work::core::{Core, JobError};
use crate::work::delivery_files::Part;
use crate::work::folders::{DeliveryId, Shelf, remove_whatever, slug};
use crate::work::settings::Layout;

/// Bytes of the invoice's number in the folder's name.
const NUMBER_BYTES: usize = 60;
/// Behind the name of what is to be validated, and never to be paid.
const TO_VALIDATE: &str = "_a-valider";
/// The document that describes a delivery.
const DESCRIPTION: &str = "facture.json";
/// The longest `facture.json` that is read back.
const DESCRIPTION_LIMIT_BYTES: u64 = 4 << 20;
/// What the file work is about, for errors.
pub(super) const WHAT: &str = "the folder of received invoices";

pub(super) struct Delivery<'a> {
    pub core: &'a Core,
    pub flow: &'a FlowRecord,
    pub invoice: &'a InvoiceRecord,
    pub id: ChorusInvoiceId,
    /// Of the download.
    pub hash: DocumentHash,
    pub fault: Option<&'a Fault>,
    pub layout: Layout,
    /// The readable copy that was asked for, or why there is none; `None`: none was asked for.
    pub copy: Option<&'a Result<Vec<u8>, Text>>,
    /// What it completes; `None`: it is the invoice itself.
    pub complement: Option<Complement<'a>>,
}

/// Which delivery is completed, by which complement.
pub(super) struct Complement<'a> {
    pub of: &'a str,
    pub record: &'a ComplementRecord,
}

fn build(draft: &Path, parts: &[Part<'_>], document: &[u8]) -> std::io::Result<()> {
    remove_whatever(draft)?;
    std::fs::create_dir(draft)?;
    for part in parts {
        durable::write_synced(&draft.join(&part.name), part.content)?;
    }
    durable::write_synced(&draft.join(DESCRIPTION), document)?;
    durable::sync_dir(draft)
}

impl Delivery<'_> {
    /// Builds the delivery apart and renames it into place; answers the name that stands for it.
    pub fn put(
        &self,
        mut parts: Vec<Part<'_>>,
        read: Option<&(Option<String>, PivotInvoice)>,
    ) -> Result<String, JobError> {
        let shelf = self.core.folders.shelf(&self.flow.account, Shelf::Received).map_err(JobError::files(WHAT))?;
        let base = self.base_name(&shelf);
        let name = self.placed_name(&base);
        let target = shelf.join(&name);
        let whole = match self.layout {
            Layout::Folder => target.is_dir(),
            Layout::Flat => target.is_file(),
        };
        if whole {
            // Ours and complete, from before a crash: it was renamed into place as a whole.
            durable::sync_dir(&shelf).map_err(JobError::files(WHAT))?;
            return Ok(name);
        }
        let (account, folders) = (&self.flow.account, &self.core.folders);
        let complement = self.complement.as_ref().map_or(0, |complement| complement.record.n);
        let delivery = DeliveryId { flow: self.flow.id.clone(), complement };
        let draft = folders.delivery_draft(account, &delivery).map_err(JobError::files(WHAT))?;
        let mark = folders.delivery_mark(account, &delivery).map_err(JobError::files(WHAT))?;
        if mark.exists() && !draft.exists() {
            // Placed before a crash, and taken since, wholly or in part: never delivered twice.
            return std::fs::read_to_string(&mark).map_err(JobError::files(WHAT));
        }
        // The former try's rename did not happen. Its mark goes before its draft does: a mark without a draft means taken.
        durable::remove_durably(&mark).map_err(JobError::files(WHAT))?;
        if self.layout == Layout::Flat {
            parts.iter_mut().for_each(|part| part.name = format!("{base}_{}", part.name));
        }
        let document = self.description(&parts, read)?;
        match self.layout {
            Layout::Folder => build(&draft, &parts, &document),
            Layout::Flat => self.lay_out(&draft, &shelf, &parts, &document),
        }
        .map_err(JobError::files(WHAT))?;
        durable::write_atomically(&mark, name.as_bytes()).map_err(JobError::files(WHAT))?;
        durable::rename_durably(&draft, &target).map_err(JobError::files(WHAT))?;
        Ok(name)
    }

    /// Everything but the description goes to its place; the draft is the description alone, so that the rename which
    /// makes the delivery is one, as with a folder. What a broken try has laid out is replaced by the next one.
    fn lay_out(&self, draft: &Path, shelf: &Path, parts: &[Part<'_>], document: &[u8]) -> std::io::Result<()> {
        let bench = self.core.folders.delivery_parts(&self.flow.account, &self.flow.id)?;
        remove_whatever(&bench)?;
        remove_whatever(draft)?;
        std::fs::create_dir(&bench)?;
        for part in parts {
            durable::write_synced(&bench.join(&part.name), part.content)?;
        }
        for part in parts {
            std::fs::rename(bench.join(&part.name), shelf.join(&part.name))?;
        }
        durable::sync_dir(shelf)?;
        remove_whatever(&bench)?;
        durable::write_synced(draft, document)?;
        durable::sync_dir(draft.parent().unwrap_or(shelf))
    }

    /// `<date>_<number>_<chorusid>`; the date is that of our sighting, so that folders sort as they came. Of files side by
    /// side `<number>_<chorusid>`. What is to be validated says so behind it. With the flow behind it when another environment's invoice has the same. A complement's
    /// is named after what it completes.
    fn base_name(&self, shelf: &Path) -> String {
        if let Some(Complement { of, record }) = &self.complement {
            let of = of.strip_suffix(DESCRIPTION).and_then(|of| of.strip_suffix('_')).unwrap_or(of);
            return format!("{of}-complement-{}", record.n);
        }
        let number = slug(self.invoice.facts.number.as_str(), NUMBER_BYTES);
        let purpose = if self.flow.role == Role::Validator { TO_VALIDATE } else { "" };
        let base = match self.layout {
            Layout::Folder => format!("{}_{number}_{}{purpose}", self.flow.received_at.paris_date(), self.id),
            Layout::Flat => format!("{number}_{}{purpose}", self.id),
        };
        if self.is_free_or_ours(&shelf.join(self.placed_name(&base))) {
            return base;
        }
        format!("{base}_{}", self.flow.id)
    }

    /// What stands for the delivery in `/recues`, and is taken.
    fn placed_name(&self, base: &str) -> String {
        match self.layout {
            Layout::Folder => base.to_owned(),
            Layout::Flat => format!("{base}_{DESCRIPTION}"),
        }
    }

    fn is_free_or_ours(&self, placed: &Path) -> bool {
        if !placed.exists() {
            return true;
        }
        let path = match self.layout {
            Layout::Folder => placed.join(DESCRIPTION),
            Layout::Flat => placed.to_owned(),
        };
        let small = std::fs::metadata(&path).is_ok_and(|m| m.len() <= DESCRIPTION_LIMIT_BYTES);
        let document: Option<Value> =
            small.then(|| std::fs::read(&path).ok()).flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        document.is_some_and(|d| d["flow"] == self.flow.id.as_str())
    }
}
