//! Validates or refuses an invoice that a sub- or co-contractor sends to somebody else: the decision of its validator.
//!
//! Promise: the same as of a status that is given to a received invoice (`change`): what cannot be is said before anything
//! is sent, the intent is durable before the call, a lost answer is looked up. Refuses to know: what the recipient does.

use crate::chorus::{Motive, TraiterFactureAValider, awaited, outcomes};
use crate::domain::InvoiceStatus;
use crate::fault::{Code, Fault};
use crate::flow::status_change::Event;
use crate::work::change::{Job, incomplete};
use crate::work::core::JobError;

/// Sends the decision of `job`, a change to one of [`crate::chorus::VALIDATOR_TARGETS`].
pub(super) async fn run(job: &Job<'_>) -> Result<(), JobError> {
    let asked = job.asked;
    let service = match TraiterFactureAValider::new(asked.chorus_id, &asked.target, &Motive::new(&asked.motif)) {
        Ok(service) => service,
        Err(error) => return job.decide(Event::NotAllowed, Some(incomplete(asked, &error))).await,
    };
    let history = match job.history().await {
        Ok(history) => history,
        Err(setback) => return job.put_off(setback).await,
    };
    if job.has_happened(&history) {
        return job.decide(Event::FoundAtChorus, None).await;
    }
    let had = history.times(&asked.target);
    match &history.current {
        Some(current) if Some(current) != awaited(&asked.target).as_ref() => {
            // Whose history is not shown, only the present status tells that our lost try was taken.
            let taken = outcomes(&asked.target).contains(current)
                || (job.was_tried() && is_validation(&asked.target) && is_past(&asked.target, current));
            if taken {
                return job.decide(Event::FoundAtChorus, None).await;
            }
            let fault = Fault::new(Code::NotAwaitingValidation).with("number", &asked.number).with("current", current);
            job.decide(Event::NotAllowed, Some(fault)).await
        }
        _ => job.send(&service, had).await,
    }
}

fn is_validation(target: &InvoiceStatus) -> bool {
    matches!(target, InvoiceStatus::Validee1 | InvoiceStatus::Validee2)
}

/// Whether an invoice in this status is further than the validation `target`, and not refused. Whatever a new version of
/// Chorus Pro may call a status is not.
fn is_past(target: &InvoiceStatus, current: &InvoiceStatus) -> bool {
    use InvoiceStatus as S;
    match current {
        S::Validee2 | S::AValider2 => *target == S::Validee1,
        S::Deposee
        | S::EnCoursAcheminement
        | S::MiseADisposition
        | S::Suspendue
        | S::Completee
        | S::ServiceFait
        | S::Mandatee
        | S::MiseADispositionComptable
        | S::Comptabilisee
        | S::MiseEnPaiement => true,
        _ => false,
    }
}
