//! Asks for Chorus Pro's verdict on a deposited flux until it is final.
//!
//! Promise: "deposited" proves nothing, so the flow moves only on a final state of the compte rendu (PROTOCOL §0.5); an
//! unknown state and a missed deadline are alarms, and both are still followed.

use std::sync::Arc;
use std::time::Duration;

use crate::chorus::{ConsulterCrDetaille, Report, Verdict};
use crate::domain::{DepositNumber, InvoiceNumber, Timestamp};
use crate::fault::{Code, Fault, Language};
use crate::flow::deposit::{Event, State};
use crate::store::{Facts, FlowRecord, InvoiceRecord, Lease};
use crate::work::announce::syntax_of;
use crate::work::core::{Core, JobError};
use crate::work::doubt::{self, Sent, Sighting};
use crate::work::reach::Setback;

/// The longest wait between two looks at a flux that stays in hand, unless the configuration wants a longer one.
const POLL_LONGEST: Duration = Duration::from_secs(15 * 60);
/// The wait is this part of the flux's age.
const AGE_PART: u32 = 4;
/// Label shown when Chorus Pro gives none.
const NO_LABEL: &str = "?";

pub(super) async fn run(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    let reader = core.store.reader()?;
    let flow = core.flow(&reader, lease)?;
    if flow.state != State::Deposited.as_str() {
        return Ok(core.store.finish(lease).await?);
    }
    let invoices = reader.invoices(&flow.id)?;
    let attempts = reader.attempts(&flow.id)?;
    let deposited_at = attempts.last().map_or(flow.since, |attempt| attempt.ended_at.unwrap_or(attempt.intent_at));
    drop(reader);
    let job = Job { core, lease, flow: &flow, deposited_at };
    match &flow.deposit_number {
        Some(deposit) => job.by_report(deposit, &invoices).await,
        None => job.by_search(&invoices, Sent::of(&attempts, &flow)).await,
    }
}

struct Job<'a> {
    core: &'a Arc<Core>,
    lease: &'a Lease,
    flow: &'a FlowRecord,
    deposited_at: Timestamp,
}

impl Job<'_> {
    /// The way there is a deposit number for: the compte rendu.
    async fn by_report(&self, deposit: &DepositNumber, invoices: &[InvoiceRecord]) -> Result<(), JobError> {
        let announced = self.core.store.reader()?.announcement(&self.flow.id)?;
        let syntax = syntax_of(announced.as_ref(), self.flow.syntax.as_deref());
        let report =
            match self.core.ask(&self.lease.realm, &ConsulterCrDetaille { deposit: deposit.clone(), syntax }).await {
                Ok(report) => report,
                Err(Setback::Later { at, .. }) => {
                    self.alarm(None).await?;
                    return Ok(self.core.store.postpone(self.lease, at.max(self.again_at())).await?);
                }
                Err(Setback::Refused { fault }) => {
                    self.alarm(Some(fault)).await?;
                    return Ok(self.core.store.postpone(self.lease, self.again_at()).await?);
                }
            };
        let label = report.summary().unwrap_or_else(|| NO_LABEL.to_owned());
        let named = |code: Code| Fault::new(code).with("deposit", deposit);
        let detail = Some(report.state.as_str().to_owned());
        match report.state.verdict() {
            Verdict::InHand => self.in_hand(None, detail).await,
            Verdict::Unknown => {
                let fault = named(Code::UnknownFluxState).with("state", report.state.as_str());
                self.in_hand(Some(fault), detail).await
            }
            Verdict::Integrated => self.decide(Event::Integrated, Facts { detail, ..Facts::default() }).await,
            Verdict::PartlyIntegrated => {
                let refused_invoices = refused(&report, invoices);
                let fault = Some(named(Code::PartlyIntegrated).with("label", &label));
                self.decide(Event::PartlyIntegrated, Facts { fault, detail, refused_invoices, ..Facts::default() })
                    .await
            }
            Verdict::Rejected => {
                let fault = Some(named(Code::FluxRejected).with("label", &label));
                self.decide(Event::Rejected, Facts { fault, detail, ..Facts::default() }).await
            }
            Verdict::Incident => {
                let fault = Some(named(Code::FluxIncident));
                self.decide(Event::Incident, Facts { fault, detail, ..Facts::default() }).await
            }
        }
    }

    /// A doubtful deposit that was found, or confirmed, without its flux number: searches show only what was integrated,
    /// so the invoice itself is the proof, found as a doubt finds it.
    async fn by_search(&self, invoices: &[InvoiceRecord], sent: Option<Sent>) -> Result<(), JobError> {
        let (false, Some(sent)) = (invoices.is_empty(), sent) else {
            return Err(JobError::Missing("the invoice's number"));
        };
        let (invoice, row) = match doubt::search(self.core, self.lease, invoices, sent).await {
            Ok(Sighting::Ours { place, row }) if invoices[place].chorus_id.is_none_or(|id| id == row.id) => {
                (&invoices[place], row)
            }
            Ok(_) => return self.in_hand(None, None).await,
            Err(Setback::Later { at, .. }) => {
                self.alarm(None).await?;
                return Ok(self.core.store.postpone(self.lease, at.max(self.again_at())).await?);
            }
            Err(Setback::Refused { fault }) => {
                self.alarm(Some(fault)).await?;
                return Ok(self.core.store.postpone(self.lease, self.again_at()).await?);
            }
        };
        if invoice.chorus_id.is_none() {
            self.core.store.identify(&self.flow.id, invoice.ordinal, row.id, self.core.now()).await?;
        }
        let detail = Some(format!("found at Chorus Pro as {}", row.id));
        self.decide(Event::Integrated, Facts { detail, ..Facts::default() }).await
    }

    /// No verdict yet: asked again later, with an alarm when there is reason for one.
    async fn in_hand(&self, fault: Option<Fault>, detail: Option<String>) -> Result<(), JobError> {
        self.alarm(fault).await?;
        // Without a fault of its own the event keeps the one shown, and is no step of its own.
        let facts = Facts { detail, not_before: Some(self.again_at()), ..Facts::default() };
        self.decide(Event::InHand, facts).await
    }

    /// Shows the fault, or the missed deadline when there is no other, or that there is none any more.
    async fn alarm(&self, fault: Option<Fault>) -> Result<(), JobError> {
        let age = self.core.now().since(self.deposited_at);
        let deadline = self.core.options.load().limits.integration_deadline.get();
        let late = age >= deadline;
        let deposit = self.flow.deposit_number.as_ref().map_or("?", DepositNumber::as_str);
        let fault = fault.or_else(|| {
            let hours = deadline.as_secs() / 3600;
            late.then(|| Fault::new(Code::IntegrationLate).with("deposit", deposit).with("hours", hours))
        });
        if self.flow.fault == fault {
            return Ok(());
        }
        if let Some(fault) = &fault {
            log::warn!(flow = self.flow.id.as_str(), fault = fault.code.as_str(); "{}", fault.title(Language::En));
        }
        Ok(self.core.store.trouble(&self.flow.id, fault, self.core.now()).await?)
    }

    async fn decide(&self, event: Event, facts: Facts) -> Result<(), JobError> {
        let now = self.core.now();
        self.core.record(|| self.core.store.decide(&self.flow.id, event, facts.clone(), Some(self.lease), now)).await?;
        Ok(())
    }

    fn again_at(&self) -> Timestamp {
        let now = self.core.now();
        let first = self.core.options.load().limits.integration_poll.get();
        now.plus(poll_wait(first, now.since(self.deposited_at)))
    }
}

/// Longer the older the flux is: soon after the deposit a verdict is near, hours later it is not.
fn poll_wait(first: Duration, age: Duration) -> Duration {
    (age / AGE_PART).clamp(first, POLL_LONGEST.max(first))
}

/// Which of the file's invoices Chorus Pro refused, with its label.
fn refused(report: &Report, invoices: &[InvoiceRecord]) -> Vec<(InvoiceNumber, String)> {
    report
        .invoices
        .iter()
        .filter_map(|refused| {
            let number = refused.number.as_deref()?.trim();
            let ours = invoices.iter().find(|invoice| invoice.facts.number.as_str().trim() == number)?;
            Some((ours.facts.number.clone(), refused.label.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_grow_apart_with_age_within_bounds() {
        let minute = Duration::from_secs(60);
        assert_eq!(poll_wait(minute, Duration::ZERO), minute);
        assert_eq!(poll_wait(minute, minute * 20), minute * 5);
        assert_eq!(poll_wait(minute, minute * 60 * 24), POLL_LONGEST);
        assert_eq!(poll_wait(POLL_LONGEST * 2, minute), POLL_LONGEST * 2);
    }
}
