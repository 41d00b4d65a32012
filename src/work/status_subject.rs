//! Which invoice of others a line of a status file means, and in which role of the establishment.

use crate::chorus::{VALIDATOR_TARGETS, decision};
use crate::domain::{ChorusInvoiceId, InvoiceStatus};
use crate::fault::{Code, Fault};
use crate::invoice::status_file::{InvoiceReference, RequestedStatus};
use crate::store::{AskedChange, FlowRecord, InvoiceFacts, Reader};
use crate::work::core::JobError;
use crate::work::doubt::same_supplier;

/// An invoice of others that a line may mean; of one to validate, with the status in which the establishment was asked.
type Meant = (ChorusInvoiceId, InvoiceFacts, Option<InvoiceStatus>);

/// Of the invoices with the number that is meant, those that nothing else in the line speaks against.
fn meant_of(meant: &InvoiceReference, mut found: Vec<Meant>) -> Vec<Meant> {
    if let Some(supplier) = &meant.supplier {
        found.retain(|(_, facts, _)| same_supplier(&facts.supplier, supplier));
    }
    if let (None, Some(issued_on)) = (meant.chorus_id, &meant.issued_on)
        && found.len() > 1
    {
        found.retain(|(_, facts, _)| facts.issued_on.as_ref().is_none_or(|on| on == issued_on));
    }
    found
}

/// The invoice that a line means.
pub(super) fn resolve(
    reader: &Reader,
    flow: &FlowRecord,
    request: &RequestedStatus,
) -> Result<Result<AskedChange, Fault>, JobError> {
    let meant = &request.invoice;
    let shown = || {
        let number = meant.number.as_ref().map(|number| number.to_string());
        number.or_else(|| meant.chorus_id.map(|id| id.to_string())).unwrap_or_else(|| "?".to_owned())
    };
    let received = reader.received(&flow.realm, meant.chorus_id, meant.number.as_ref())?;
    let received = meant_of(meant, received.into_iter().map(|(id, facts)| (id, facts, None)).collect());
    let to_validate = meant_of(meant, reader.to_validate(&flow.realm, meant.chorus_id, meant.number.as_ref())?);
    // Which role is meant, the status tells: no other word is given in both.
    let (found, others, other_role) = match VALIDATOR_TARGETS.contains(&request.status) {
        true => (to_validate, received, Code::NotToValidate),
        false => (received, to_validate, Code::OnlyToValidate),
    };
    let (chorus_id, facts, asked) = match <[_; 1]>::try_from(found) {
        Ok([one]) => one,
        Err(many) if let (true, Some((_, facts, _))) = (many.is_empty(), others.first()) => {
            return Ok(Err(Fault::new(other_role).with("number", &facts.number).with("status", &request.status)));
        }
        Err(many) if many.is_empty() => return Ok(Err(Fault::new(Code::InvoiceNotReceived).with("number", shown()))),
        Err(_) => return Ok(Err(Fault::new(Code::InvoiceAmbiguous).with("number", shown()))),
    };
    Ok(Ok(AskedChange {
        chorus_id,
        number: facts.number,
        supplier: facts.supplier,
        target: decision(request.status.clone(), asked.as_ref()),
        motif: request.reason(),
        mandate: request.mandate.clone(),
    }))
}
