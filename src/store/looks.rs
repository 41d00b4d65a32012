//! What Chorus Pro showed when it was last asked about a flow's invoices: kept for the person who decides, so that the
//! page needs no call. Not journalled; the events that a look leads to are.

use super::columns::{maybe_instant, maybe_word, word};
use super::flows;
use super::writer::Writing;
use super::{LookRecord, Reader, SightedInvoice, StoreError};
use crate::domain::{ChorusInvoiceId, FlowId};

/// Rows kept of one look: a person compares a few.
const ROWS_KEPT: usize = 50;

/// *look*: see [`super::Store::looked`].
pub fn keep(w: &mut Writing<'_>, id: &FlowId, look: &LookRecord) -> Result<(), StoreError> {
    let flow = flows::load(w, id)?;
    let key = (flow.realm, flow.id.as_str());
    w.run(
        "INSERT INTO look (realm, flow, asked_at, answered_since) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (realm, flow) DO UPDATE SET asked_at = excluded.asked_at, answered_since = excluded.answered_since",
        (key.0, key.1, look.asked_at.millis(), look.answered_since.map(|at| at.millis())),
    )?;
    // A look without an answer says nothing about what an earlier one showed.
    if look.answered_since.is_none() {
        return Ok(());
    }
    w.run("DELETE FROM sighting WHERE realm = ?1 AND flow = ?2", key)?;
    for row in look.rows.iter().take(ROWS_KEPT) {
        w.run(
            "INSERT OR REPLACE INTO sighting (realm, flow, chorus_id, number, supplier, supplier_name, recipient,
                 deposit_number, deposited_on, issued_on, payable, status)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            (
                key.0,
                key.1,
                row.chorus_id.0,
                row.number.as_str(),
                &row.supplier,
                &row.supplier_name,
                &row.recipient,
                row.deposit_number.as_ref().map(|number| number.as_str()),
                &row.deposited_on,
                &row.issued_on,
                &row.payable,
                row.status.as_str(),
            ),
        )?;
    }
    Ok(())
}

impl Reader {
    /// The last look for a flow's invoices; `None` while nobody has looked.
    pub fn look(&self, flow: &FlowId) -> Result<Option<LookRecord>, StoreError> {
        let look = self.one(
            "SELECT look.* FROM flow JOIN look ON look.realm = flow.realm AND look.flow = flow.id WHERE flow.id = ?1",
            [flow.as_str()],
            |r| {
                Ok(LookRecord {
                    asked_at: super::columns::instant(r, "asked_at")?,
                    answered_since: maybe_instant(r, "answered_since")?,
                    rows: Vec::new(),
                })
            },
        )?;
        let Some(look) = look else { return Ok(None) };
        let rows = self.all(
            "SELECT sighting.* FROM flow JOIN sighting ON sighting.realm = flow.realm AND sighting.flow = flow.id
             WHERE flow.id = ?1 ORDER BY sighting.chorus_id",
            [flow.as_str()],
            |r| {
                Ok(SightedInvoice {
                    chorus_id: ChorusInvoiceId(r.get("chorus_id")?),
                    number: word(r, "number")?,
                    supplier: r.get("supplier")?,
                    supplier_name: r.get("supplier_name")?,
                    recipient: r.get("recipient")?,
                    deposit_number: maybe_word(r, "deposit_number")?,
                    deposited_on: r.get("deposited_on")?,
                    issued_on: r.get("issued_on")?,
                    payable: r.get("payable")?,
                    status: word(r, "status")?,
                })
            },
        )?;
        Ok(Some(LookRecord { rows, ..look }))
    }
}
