//! Names another validator of a sent invoice, which the one it named refused as not the right one: a person's word.
//!
//! It is a status change to A_VALIDER_1 whose motif is the new validator's SIRET. Promise: the same as of a status that is
//! given to a received invoice (`change`): what cannot be is said before anything is sent, the intent is durable before the
//! call, a lost answer is looked up in the invoice's history and in whom it names, never answered by naming again.

use crate::chorus::CorrigerValideur;
use crate::domain::{InvoiceStatus, Siret};
use crate::fault::{Code, Fault, Text};
use crate::flow::status_change::Event;
use crate::store::AskedChange;
use crate::work::change::Job;
use crate::work::core::JobError;

/// Names `validator` on the invoice of `job`.
pub(super) async fn run(job: &Job<'_>, validator: Siret) -> Result<(), JobError> {
    let asked = job.asked;
    let history = match job.history().await {
        Ok(history) => history,
        Err(setback) => return job.put_off(setback).await,
    };
    if job.has_happened(&history) {
        return job.decide(Event::FoundAtChorus, None).await;
    }
    let names_it = history.validator.as_deref() == Some(validator.as_str());
    match &history.current {
        // Somebody named the same one on the portal: nothing is left to be sent.
        Some(InvoiceStatus::AValider1) if names_it => return job.decide(Event::FoundAtChorus, None).await,
        Some(InvoiceStatus::ErreurFournisseurSurValideur) | None if !job.has_moved(&history) => {}
        // Or it was named by somebody else and refused anew since our try: a person looks at it again.
        current => {
            let current = current.as_ref().map_or("?", InvoiceStatus::as_str);
            let fault = Fault::new(Code::NoValidatorAwaited).with("number", &asked.number).with("current", current);
            return job.decide(Event::NotAllowed, Some(fault)).await;
        }
    }
    if names_it {
        let fault = Fault::new(Code::SameValidator).with("validator", &validator).with("number", &asked.number);
        return job.decide(Event::NotAllowed, Some(fault)).await;
    }
    let had = history.times(&asked.target);
    job.send(&CorrigerValideur { invoice: asked.chorus_id, validator }, had).await
}

/// What Chorus Pro's refusal of a validator means. No code of this service is published: these are those of its neighbours
/// (PROTOCOL §2.2).
pub(super) fn refusal(asked: &AskedChange, validator: &Siret, code: i64, label: &str) -> Fault {
    let (fr, en) = match code {
        20_000 => ("facture ou structure inconnue", "invoice or structure unknown"),
        20_001 => ("ce compte technique n'en a pas le droit", "this technical account is not entitled to it"),
        20_002 => ("la facture n'attend pas d'autre valideur", "the invoice waits for no other validator"),
        _ => ("appel corriger/valideur/facture", "call corriger/valideur/facture"),
    };
    Fault::new(Code::ValidatorRefused)
        .with("validator", validator)
        .with("number", &asked.number)
        .with_text("what", &Text::new(fr, en))
        .with("code", code)
        .with("label", label)
}
