//! Asks for Chorus Pro's verdict on a deposited flux until it is final.
//!
//! Promise: "deposited" proves nothing, so the flow moves only on a final state of the compte rendu (PROTOCOL §0.5); an
//! unknown state and a missed deadline are alarms, and both are still followed. A rejection counts only when no earlier try
//! of this flow can have been taken: until a search has shown that, or a person says so, it is told that it is not final.

use std::sync::Arc;
use std::time::Duration;

use crate::chorus::{ConsulterCrDetaille, Report, SentInvoice, Verdict};
use crate::domain::{DepositNumber, Timestamp};
use crate::fault::{Code, Fault, Language, Text};
use crate::flow::deposit::{Event, State};
use crate::store::{AttemptRecord, Facts, FlowRecord, InvoiceRecord, Lease, not_confirmed};
use crate::work::announce::syntax_of;
use crate::work::core::{Core, JobError};
use crate::work::doubt::{self, Range, Sent, Sighting};
use crate::work::reach::Setback;
use crate::work::rejection::{self, Found, IN_QUESTION, Word};

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
        Some(deposit) => job.by_report(deposit, &invoices, &attempts).await,
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
    async fn by_report(
        &self,
        deposit: &DepositNumber,
        invoices: &[InvoiceRecord],
        attempts: &[AttemptRecord],
    ) -> Result<(), JobError> {
        let announced = self.core.store.reader()?.announcement(&self.flow.id)?;
        let syntax = syntax_of(announced.as_ref(), self.flow.syntax.as_deref());
        let report =
            match self.core.ask(&self.lease.realm, &ConsulterCrDetaille { deposit: deposit.clone(), syntax }).await {
                Ok(report) => report,
                Err(Setback::Later { at, .. }) => {
                    self.alarm(None).await?;
                    return Ok(self.core.store.postpone(self.lease, at.max(self.again_at())).await?);
                }
                Err(Setback::Refused { fault }) if fault.code == Code::FluxUnknown => {
                    return self.unknown(deposit, &fault, invoices, attempts).await;
                }
                Err(Setback::Refused { fault }) => {
                    self.alarm(Some(self.unsettled().unwrap_or(fault))).await?;
                    return Ok(self.core.store.postpone(self.lease, self.again_at()).await?);
                }
            };
        let named = |code: Code| Fault::new(code).with("deposit", deposit);
        let detail = Some(report.state.as_str().to_owned());
        match report.state.verdict() {
            Verdict::InHand => self.in_hand(None, detail).await,
            Verdict::Unknown => {
                let fault = named(Code::UnknownFluxState).with("state", report.state.as_str());
                self.in_hand(Some(fault), detail).await
            }
            Verdict::Integrated => self.decide(Event::Integrated, Facts { detail, ..Facts::default() }).await,
            Verdict::PartlyIntegrated | Verdict::Rejected => self.rejected(deposit, &report, invoices, attempts).await,
            // What was seen at Chorus Pro is there, whatever this flux's report says of it: nothing is sent again.
            Verdict::Incident if invoices.iter().any(|invoice| invoice.chorus_id.is_some()) => {
                self.by_search(invoices, Sent::of(attempts, self.flow)).await
            }
            Verdict::Incident => {
                let fault = Some(named(Code::FluxIncident));
                self.decide(Event::Incident, Facts { fault, detail, ..Facts::default() }).await
            }
        }
    }

    /// Chorus Pro does not know the number that it gave. It may need a while; then a person finds out, unless the invoices
    /// themselves have been seen there.
    async fn unknown(
        &self,
        deposit: &DepositNumber,
        refusal: &Fault,
        invoices: &[InvoiceRecord],
        attempts: &[AttemptRecord],
    ) -> Result<(), JobError> {
        let deadline = self.core.options.load().limits.integration_deadline.get();
        let until = self.deposited_at.plus(deadline);
        if self.core.now() < until {
            let label = refusal.detail("label", Language::Fr).unwrap_or(NO_LABEL);
            let fault = Fault::new(Code::FluxUnknown).with("deposit", deposit).with("label", label);
            self.alarm(Some(self.unsettled().unwrap_or(fault.with("until", until.paris_text())))).await?;
            return Ok(self.core.store.postpone(self.lease, self.again_at()).await?);
        }
        let steps = self.core.store.reader()?.steps(&self.flow.id)?;
        if invoices.iter().any(|invoice| invoice.chorus_id.is_some()) || doubt::is_of_unknown_flux(&steps) {
            return self.by_search(invoices, Sent::of(attempts, self.flow)).await;
        }
        log::warn!(flow = self.flow.id.as_str(), deposit = deposit.as_str(); "Chorus Pro does not know a flux that it took");
        let fault = Fault::new(Code::FluxUnknownDecide)
            .with("deposit", deposit)
            .with("hours", deadline.as_secs() / 3600)
            .with("number", invoices.first().map_or("?", |invoice| invoice.facts.number.as_str()));
        self.decide(Event::FluxUnknown, Facts { fault: Some(fault), ..Facts::default() }).await
    }

    /// Chorus Pro took nothing, or not all: what it says is there already, and came by an earlier try of ours, is taken.
    async fn rejected(
        &self,
        deposit: &DepositNumber,
        report: &Report,
        invoices: &[InvoiceRecord],
        attempts: &[AttemptRecord],
    ) -> Result<(), JobError> {
        let whole = report.state.verdict() == Verdict::Rejected;
        let refused: Vec<InvoiceRecord> = match whole {
            true => invoices.to_vec(),
            false => invoices
                .iter()
                .filter(|invoice| report.invoices.iter().any(|row| rejection::names(row, invoice, invoices)))
                .cloned()
                .collect(),
        };
        let (state, label) = (report.state.as_str(), report.summary().unwrap_or_else(|| NO_LABEL.to_owned()));
        let steps = self.core.store.reader()?.steps(&self.flow.id)?;
        let may_be_ours = rejection::says_duplicate(report) || rejection::was_sent_before(attempts, &steps);
        let in_doubt = |code: Code| Fault::new(code).with("deposit", deposit).with("label", &label);
        // A search shows what is integrated only after a while: before that, nothing found says nothing.
        let until = self.deposited_at.plus(self.core.options.load().limits.integration_delay.get());
        let early = self.core.now() < until;
        let found = match rejection::look_up(self.core, self.lease, self.flow, &refused, attempts).await? {
            Ok(found) => {
                let settled = found.ours.len() + found.others.len() == refused.len();
                if !settled && may_be_ours && early {
                    let fault = in_doubt(Code::RejectionNotFinal).with("until", until.paris_text());
                    return self.in_hand(Some(fault), Some(state.to_owned())).await;
                }
                found
            }
            // The verdict can be read again when Chorus Pro answers; an answer that never makes sense is none.
            Err(Setback::Later { at, fault }) if early || fault.code != Code::AnswerUnreadable => {
                self.alarm(None).await?;
                return Ok(self.core.store.postpone(self.lease, at.max(self.again_at())).await?);
            }
            // No search says whether an earlier try was taken: a person may, of one invoice. One word is not several.
            Err(Setback::Later { fault, .. } | Setback::Refused { fault }) => {
                match rejection::word_of(&steps).filter(|_| may_be_ours && refused.len() == 1) {
                    Some(Word::There) => {
                        let detail = Some(format!("{state}: {label}; at Chorus Pro, as a person says"));
                        let facts = Facts { rejected_number: Some(deposit.clone()), detail, ..Facts::default() };
                        return self.decide(Event::DuplicateOfOurs, facts).await;
                    }
                    None if may_be_ours => {
                        let why = Text::new(fault.title(Language::Fr), fault.title(Language::En));
                        let fault = in_doubt(Code::RejectionNotLookedUp).with_text("detail", &why);
                        let fault = fault.with(IN_QUESTION, refused.len());
                        return self.in_hand(Some(fault), Some(state.to_owned())).await;
                    }
                    Some(Word::Stands) | None => {
                        log::warn!(flow = self.flow.id.as_str(), fault = fault.code.as_str();
                            "A rejected flux cannot be looked up at Chorus Pro; the rejection stands");
                        Found::default()
                    }
                }
            }
        };
        self.settle_rejection(report, (&refused, invoices), &found, &label).await
    }

    /// What a look at Chorus Pro makes of a rejection: of those it names, and all that the flux holds.
    async fn settle_rejection(
        &self,
        report: &Report,
        (refused, all): (&[InvoiceRecord], &[InvoiceRecord]),
        found: &Found,
        label: &str,
    ) -> Result<(), JobError> {
        let whole = report.state.verdict() == Verdict::Rejected;
        let (state, Some(deposit)) = (report.state.as_str(), &self.flow.deposit_number) else {
            return Err(JobError::Missing("the flux's number"));
        };
        for (place, row) in &found.ours {
            let invoice = &refused[*place];
            if invoice.chorus_id.is_none() {
                self.core.store.identify(&self.flow.id, invoice.ordinal, row.id, self.core.now()).await?;
            }
        }
        // A flux that was taken in part may refuse something that is none of its invoices: it stays in part.
        if !refused.is_empty() && found.ours.len() == refused.len() {
            let ids: Vec<String> = found.ours.iter().take(10).map(|(_, row)| row.id.to_string()).collect();
            log::info!(flow = self.flow.id.as_str(), rejected = deposit.as_str(); "A flux was rejected as a duplicate of our own try: it is taken");
            let facts = Facts {
                deposit_number: found.ours[0].1.deposit.clone().filter(|_| whole),
                rejected_number: Some(deposit.clone()),
                detail: Some(format!("{state}: {label}; at Chorus Pro as {}", ids.join(", "))),
                ..Facts::default()
            };
            return self.decide(Event::DuplicateOfOurs, facts).await;
        }
        let is_ours = |place: usize| found.ours.iter().any(|(ours, _)| *ours == place);
        let missing = refused.iter().enumerate().filter(|(place, _)| !is_ours(*place));
        let refused_invoices = missing.map(|(_, i)| (i.ordinal, rejection::label_of(report, i, all, label))).collect();
        let event = if whole && found.ours.is_empty() { Event::Rejected } else { Event::PartlyIntegrated };
        let fault = match (event, found.others.first()) {
            (_, Some((place, row))) => {
                let invoice = &refused[*place];
                rejection::both_facts(invoice, row, &rejection::label_of(report, invoice, all, label))
            }
            (Event::Rejected, None) => Fault::new(Code::FluxRejected).with("deposit", deposit).with("label", label),
            (_, None) => Fault::new(Code::PartlyIntegrated).with("deposit", deposit).with("label", label),
        };
        let refused_invoices = if event == Event::Rejected { Vec::new() } else { refused_invoices };
        let facts = Facts { fault: Some(fault), detail: Some(state.to_owned()), refused_invoices, ..Facts::default() };
        self.decide(event, facts).await
    }

    /// A doubtful deposit that was found, or confirmed, without its flux number: searches show only what was integrated,
    /// so the invoice itself is the proof, found as a doubt finds it.
    async fn by_search(&self, invoices: &[InvoiceRecord], sent: Option<Sent>) -> Result<(), JobError> {
        let (false, Some(sent)) = (invoices.is_empty(), sent) else {
            return Err(JobError::Missing("the invoice's number"));
        };
        let seen = match doubt::search(self.core, self.lease, invoices, sent, Range::Ever).await {
            Ok(seen) => seen,
            Err(Setback::Later { at, .. }) => {
                self.alarm(None).await?;
                return Ok(self.core.store.postpone(self.lease, at.max(self.again_at())).await?);
            }
            Err(Setback::Refused { fault }) => {
                self.alarm(Some(fault)).await?;
                return Ok(self.core.store.postpone(self.lease, self.again_at()).await?);
            }
        };
        if invoices.len() > 1 {
            return self.many_by_search(invoices, &seen.rows, sent).await;
        }
        // What a person chose counts, however Chorus Pro writes its supplier.
        let chosen = invoices.iter().find_map(|i| i.chorus_id).filter(|id| seen.rows.iter().any(|row| row.id == *id));
        let id = match (chosen, seen.sighting) {
            (Some(id), _) => id,
            (None, Sighting::Ours { place, row }) if invoices[place].chorus_id.is_none() => {
                self.core.store.identify(&self.flow.id, invoices[place].ordinal, row.id, self.core.now()).await?;
                row.id
            }
            (None, _) => return self.in_hand(None, None).await,
        };
        let detail = Some(format!("found at Chorus Pro as {id}"));
        self.decide(Event::Integrated, Facts { detail, ..Facts::default() }).await
    }

    /// Of a flux of many each invoice is its own proof: what no search shows once searches cannot lag any more was not taken,
    /// unless the account may not see its structure's invoices: of those none shows. They are followed, and a person finds out.
    async fn many_by_search(
        &self,
        invoices: &[InvoiceRecord],
        rows: &[SentInvoice],
        sent: Sent,
    ) -> Result<(), JobError> {
        let (mut missing, mut seen): (Vec<&InvoiceRecord>, Vec<&str>) = (Vec::new(), Vec::new());
        for invoice in invoices {
            let row = rows.iter().find(|row| match invoice.chorus_id {
                Some(id) => row.id == id,
                None => doubt::is_ours(row, &invoice.facts, sent),
            });
            match row {
                None => missing.push(invoice),
                Some(row) => {
                    seen.push(invoice.facts.supplier.trim());
                    if invoice.chorus_id.is_none() {
                        self.core.store.identify(&self.flow.id, invoice.ordinal, row.id, self.core.now()).await?;
                    }
                }
            }
        }
        let delay = self.core.options.load().limits.integration_delay.get();
        let early = self.core.now().since(self.deposited_at) < delay;
        if missing.len() == invoices.len() || (early && !missing.is_empty()) {
            return self.in_hand(None, None).await;
        }
        let detail = Some(format!("found at Chorus Pro: {} of {}", invoices.len() - missing.len(), invoices.len()));
        if missing.is_empty() {
            return self.decide(Event::Integrated, Facts { detail, ..Facts::default() }).await;
        }
        let deposit = self.flow.deposit_number.as_ref().map_or("?", DepositNumber::as_str);
        // What is seen is a structure (SIRET); a SIREN has many.
        let is_seen = |invoice: &&InvoiceRecord| seen.contains(&invoice.facts.supplier.trim());
        let (gone, hidden): (Vec<_>, Vec<_>) = missing.into_iter().partition(is_seen);
        // Of the hidden ones nobody but a person can say; the others were not taken.
        let numbers: Vec<&str> = hidden.iter().map(|invoice| invoice.facts.number.as_str()).collect();
        let fault = match numbers.is_empty() {
            true => Fault::new(Code::PartlyIntegrated).with_text("label", &InvoiceRecord::not_shown()),
            false => not_confirmed(&numbers),
        };
        let fault = fault.with("deposit", deposit);
        let refused = gone.iter().map(|invoice| (invoice.ordinal, InvoiceRecord::NOT_SHOWN.to_owned())).collect();
        let facts = Facts { fault: Some(fault), detail, refused_invoices: refused, ..Facts::default() };
        self.decide(Event::PartlyIntegrated, facts).await
    }

    /// No verdict yet: asked again later, with an alarm when there is reason for one.
    async fn in_hand(&self, fault: Option<Fault>, detail: Option<String>) -> Result<(), JobError> {
        self.alarm(fault).await?;
        // Without a fault of its own the event keeps the one shown, and is no step of its own.
        let facts = Facts { detail, not_before: Some(self.again_at()), ..Facts::default() };
        self.decide(Event::InHand, facts).await
    }

    /// Shows the fault, or the missed deadline when there is no other, or that there is none any more. A rejection that is
    /// not settled stays shown until it is: what warns of dropping the file again does not come and go.
    async fn alarm(&self, fault: Option<Fault>) -> Result<(), JobError> {
        let age = self.core.now().since(self.deposited_at);
        let deadline = self.core.options.load().limits.integration_deadline.get();
        let late = age >= deadline;
        let deposit = self.flow.deposit_number.as_ref().map_or("?", DepositNumber::as_str);
        let fault = fault.or_else(|| self.unsettled()).or_else(|| {
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

    /// The rejection that is shown and not settled.
    fn unsettled(&self) -> Option<Fault> {
        let unsettled = [Code::RejectionNotFinal, Code::RejectionNotLookedUp];
        self.flow.fault.clone().filter(|fault| unsettled.contains(&fault.code))
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
