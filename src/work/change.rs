//! Gives an invoice of others the status that was asked for, and finds out what became of a doubtful one.
//!
//! Promise: the intent is durable before the call; what Chorus Pro would not allow is said before anything is sent, in
//! words; a lost answer is looked up in the invoice's history, never answered by sending again; changes of one invoice go
//! in the order they were asked for. "HTTP 200" proves nothing, and neither does 20002: the invoice itself is read.

use std::sync::Arc;
use std::time::Duration;

use crate::chorus::{
    ConsulterFournisseur, ConsulterValideur, Motive, Service, TraiterRecue, Treated, TreatmentError, awaited, outcomes,
};
use crate::domain::{InvoiceStatus, Siret};
use crate::fault::{Code, Fault, Language, Text};
use crate::flow::status_change::{Event, State};
use crate::store::{AskedChange, AttemptRecord, ChangeFacts, ChangeRecord, Decided, FlowRecord, Lease, StoreError};
use crate::work::complement;
use crate::work::connector::CallError;
use crate::work::core::{Core, JobError};
use crate::work::reach::Setback;
use crate::work::{naming, status_events, transitions, validation};

/// A change that waits for an earlier one of its invoice looks again this often; that one's end wakes it at once.
const TURN_WAIT: Duration = Duration::from_secs(60);
/// The longest wait between two tries of a change that certainly did not happen.
const RETRY_LONGEST: Duration = Duration::from_secs(15 * 60);
/// `traiter/recue`: the transition is not one that the present status allows (PROTOCOL §2.2).
const NOT_ALLOWED: i64 = 20_002;

pub(super) async fn run(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    let reader = core.store.reader()?;
    let flow = core.flow(&reader, lease)?;
    if flow.state != State::Asked.as_str() {
        return Ok(core.store.finish(lease).await?);
    }
    let change = reader.change(&flow.id)?.ok_or(JobError::Missing("the status asked for"))?;
    let attempts = reader.attempts(&flow.id)?;
    drop(reader);
    if change.waits_for_earlier {
        return Ok(core.store.postpone(lease, core.now().plus(TURN_WAIT)).await?);
    }
    let job = Job { core, lease, flow: &flow, change: &change, asked: &change.asked, attempts: &attempts };
    if change.asked.target == InvoiceStatus::Completee {
        return complement::run(&job).await;
    }
    if job.is_validators() {
        return validation::run(&job).await;
    }
    if let Some(validator) = job.named() {
        return naming::run(&job, validator).await;
    }
    let service = match job.service() {
        Ok(service) => service,
        Err(fault) => return job.decide(Event::NotAllowed, Some(fault)).await,
    };
    match job.objection().await {
        Ok(Objection::None { had }) => job.send(&service, had).await,
        Ok(Objection::Some(event, fault)) => job.decide(event, fault).await,
        Err(setback) => job.put_off(setback).await,
    }
}

/// Looks a doubtful change up.
pub(super) async fn doubt(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    let reader = core.store.reader()?;
    let flow = core.flow(&reader, lease)?;
    if flow.state != State::Doubtful.as_str() {
        return Ok(core.store.finish(lease).await?);
    }
    let change = reader.change(&flow.id)?.ok_or(JobError::Missing("the status asked for"))?;
    let attempts = reader.attempts(&flow.id)?;
    drop(reader);
    let job = Job { core, lease, flow: &flow, change: &change, asked: &change.asked, attempts: &attempts };
    let now = core.now();
    match job.history().await {
        Ok(history) if job.has_happened(&history) => job.decide(Event::FoundAtChorus, None).await,
        Ok(_) => {
            let sent = attempts.last().map_or(flow.since, |attempt| attempt.intent_at);
            let proved = now.since(sent) >= core.options.load().limits.policy().change_poll;
            let event = if proved { Event::AbsentAtChorus } else { Event::StillDoubtful };
            job.decide(event, flow.fault.clone().filter(|_| !proved)).await
        }
        Err(Setback::Later { at, .. }) => {
            let facts = ChangeFacts { fault: flow.fault.clone(), not_before: Some(at), ..ChangeFacts::default() };
            core.store.decide_change(&flow.id, Event::StillDoubtful, facts, Some(lease), now).await?;
            Ok(())
        }
        Err(Setback::Refused { fault }) => job.decide(Event::StillDoubtful, Some(fault)).await,
    }
}

/// Whether a change is to be sent.
enum Objection {
    /// It is: the invoice has had the status that often already.
    None { had: u32 },
    /// It is not, and this is the event.
    Some(Event, Option<Fault>),
}

/// A change in hand.
pub(super) struct Job<'a> {
    pub(super) core: &'a Arc<Core>,
    pub(super) lease: &'a Lease,
    pub(super) flow: &'a FlowRecord,
    change: &'a ChangeRecord,
    pub(super) asked: &'a AskedChange,
    attempts: &'a [AttemptRecord],
}

impl Job<'_> {
    /// The request, or what is missing in what was asked for.
    fn service(&self) -> Result<TraiterRecue, Fault> {
        let AskedChange { chorus_id, target, motif, mandate, number, .. } = self.asked;
        if *target == InvoiceStatus::ARecycler && !self.core.options.load().recycling(self.core.now()) {
            return Err(Fault::new(Code::RecyclingEnded).with("number", number));
        }
        let motive = Motive::coded(motif, self.core.options.load().motive_codes);
        let service = TraiterRecue::new(*chorus_id, target.clone(), motive, mandate.as_deref());
        service.map_err(|error| incomplete(self.asked, &error))
    }

    /// Why the status is not to be sent now, if it is not: the invoice has it already, or may not get it.
    async fn objection(&self) -> Result<Objection, Setback> {
        let history = self.history().await?;
        // Asked for again after a try whose answer was lost: that try may have been taken after all.
        if self.has_happened(&history) {
            return Ok(Objection::Some(Event::FoundAtChorus, None));
        }
        let had = history.times(&self.asked.target);
        let Some(current) = history.current.clone() else { return Ok(Objection::None { had }) };
        let allowed = transitions::allowed(self.core, &self.lease.realm, &current).await?;
        // An empty list is no rule that could be obeyed: Chorus Pro is asked itself (PROTOCOL §8, status order).
        if allowed.is_empty() || allowed.contains(&self.asked.target) {
            return Ok(Objection::None { had });
        }
        if current == self.asked.target {
            return Ok(Objection::Some(Event::FoundAtChorus, None));
        }
        let names: Vec<&str> = allowed.iter().map(InvoiceStatus::as_str).collect();
        let fault = Fault::new(Code::ChangeNotAllowed)
            .with("status", &self.asked.target)
            .with("number", &self.asked.number)
            .with("current", &current)
            .with("allowed", names.join(", "));
        Ok(Objection::Some(Event::NotAllowed, Some(fault)))
    }

    /// Whether it is a validator's decision, about an invoice of somebody else.
    fn is_validators(&self) -> bool {
        awaited(&self.asked.target).is_some()
    }

    /// The validator that the supplier names anew, of a change that does.
    fn named(&self) -> Option<Siret> {
        let names = self.asked.target == InvoiceStatus::AValider1;
        names.then(|| self.asked.motif.parse().ok()).flatten()
    }

    /// Whether a try of it may have been taken.
    pub(super) fn was_tried(&self) -> bool {
        let nothing = [Event::NotSent.as_str(), Event::Refused.as_str()];
        self.attempts.iter().any(|attempt| attempt.outcome.as_deref().is_none_or(|outcome| !nothing.contains(&outcome)))
    }

    /// The invoice's whole history. Whether a validator may read it is not documented: the present status at least.
    pub(super) async fn history(&self) -> Result<Seen, Setback> {
        match status_events::past(self.core, &self.lease.realm, self.asked.chorus_id).await {
            Err(Setback::Refused { .. }) if self.is_validators() => self.present().await,
            Err(setback) => Err(setback),
            Ok((statuses, current)) => {
                let validator = if self.named().is_some() { self.validator().await? } else { None };
                let statuses = statuses.into_iter().map(|entry| entry.status).collect();
                Ok(Seen { current, statuses, validator })
            }
        }
    }

    /// The SIRET of the validator that the sent invoice names now; an account that may not ask goes by the history alone.
    async fn validator(&self) -> Result<Option<String>, Setback> {
        let question = ConsulterFournisseur { invoice: self.asked.chorus_id, page: 1 };
        match self.core.ask_optional(&self.lease.realm, &question).await {
            Ok(shown) => {
                let [first, _] = shown.validators;
                let first = first.filter(|one| one.kind.as_deref().is_none_or(|kind| kind == "SIRET"));
                Ok(first.and_then(|one| one.id))
            }
            Err(Setback::Refused { .. }) => Ok(None),
            Err(later) => Err(later),
        }
    }

    async fn present(&self) -> Result<Seen, Setback> {
        let question = ConsulterValideur { invoice: self.asked.chorus_id, page: 1 };
        let shown = self.core.ask(&self.lease.realm, &question).await?;
        Ok(Seen { statuses: vec![shown.status.clone()], current: Some(shown.status), validator: None })
    }

    /// Whether the invoice has got the status since it may have been sent: it has had it more often than before. (No
    /// clocks are compared.)
    pub(super) fn has_happened(&self, history: &Seen) -> bool {
        self.change.had.is_some_and(|had| self.is_more_than(history, had))
    }

    /// Whether anybody has given the invoice the status since the first try.
    pub(super) fn has_moved(&self, history: &Seen) -> bool {
        self.change.had.is_some_and(|had| history.times(&self.asked.target) > had)
    }

    /// Whether the invoice has had the status more than `had` times; and, of a validator that is named, names this one: on
    /// the portal somebody may have named another.
    fn is_more_than(&self, history: &Seen, had: u32) -> bool {
        let of_another = |named: Siret| history.validator.as_deref().is_some_and(|shown| shown != named.as_str());
        history.times(&self.asked.target) > had && !self.named().is_some_and(of_another)
    }

    pub(super) async fn send(&self, service: &impl Service<Answer = Treated>, had: u32) -> Result<(), JobError> {
        let (core, lease, flow) = (self.core, self.lease, self.flow);
        let connector = match core.connector(&lease.realm).await {
            Ok(connector) => connector,
            Err(setback) => return self.put_off(setback).await,
        };
        let mut intended = false;
        let before = async {
            match core.store.intend_change(&flow.id, lease, had, core.now()).await {
                Ok(Decided::Moved { to: State::Sending, .. }) => {
                    intended = true;
                    Ok(())
                }
                // Somebody gave it up meanwhile: nothing is called, and what is left of the lease runs out.
                Ok(_) => Err(None),
                Err(error) => Err(Some(error)),
            }
        };
        match connector.call_after(service, before).await {
            Ok(answer) if intended => self.settle(answer.map(|treated| treated.status), had).await,
            Ok(Ok(_)) => unreachable!("an answer without a request"),
            Ok(Err(error)) => {
                let setback = core.setback(&lease.realm, error).await;
                self.put_off(setback).await
            }
            Err(None) => Ok(()),
            Err(Some(error)) => Err(error.into()),
        }
    }

    /// Turns the call's end into the flow's event.
    pub(super) async fn settle(
        &self,
        answer: Result<Option<InvoiceStatus>, CallError>,
        had: u32,
    ) -> Result<(), JobError> {
        let (core, now) = (self.core, self.core.now());
        let (event, facts) = match answer {
            Ok(status) if status.as_ref().is_none_or(|status| outcomes(&self.asked.target).contains(status)) => {
                core.pauses.passed(&self.lease.realm);
                log::info!(flow = self.flow.id.as_str(), status = self.asked.target.as_str(); "Chorus Pro took a status change");
                (Event::Accepted, ChangeFacts::default())
            }
            // Taken, but as another status than was asked for: only the invoice itself tells.
            Ok(status) => {
                let detail = format!("answered {}", status.map_or_else(String::new, |s| s.to_string()));
                let fault = Fault::new(Code::ChangeLost).with("detail", &detail);
                (Event::AnswerLost, ChangeFacts { fault: Some(fault), detail: Some(detail), ..ChangeFacts::default() })
            }
            Err(error) => {
                let detail = Some(error.to_string());
                log::warn!(flow = self.flow.id.as_str(), error = error.to_string().as_str(); "A status change was not taken");
                let (event, fault) = match &error {
                    CallError::Refused { code: NOT_ALLOWED, label, .. } => self.contradicted(label, had).await,
                    error => {
                        let (event, fault) = self.verdict(error);
                        (event, Some(fault))
                    }
                };
                let retry = match core.setback(&self.lease.realm, error).await {
                    Setback::Later { at, .. } => at,
                    Setback::Refused { .. } => now,
                };
                let not_before = (event == Event::NotSent).then(|| retry.max(now.plus(self.retry_wait())));
                (event, ChangeFacts { fault, not_before, detail, ..ChangeFacts::default() })
            }
        };
        let settled =
            core.record(|| core.store.decide_change(&self.flow.id, event, facts.clone(), Some(self.lease), now)).await;
        match settled {
            // The lease ran out while the call was under way, so the flow is doubtful: but the answer has come after all.
            Err(StoreError::LeaseLost) if event == Event::Accepted => {
                core.record(|| core.store.decide_change(&self.flow.id, Event::FoundAtChorus, facts.clone(), None, now))
                    .await?;
            }
            settled => {
                settled?;
            }
        }
        Ok(())
    }

    /// 20002: the status does not fit the invoice's present one. It may have got the status all the same, by our own lost
    /// try or from somebody else: the invoice itself tells.
    async fn contradicted(&self, label: &str, had: u32) -> (Event, Option<Fault>) {
        match self.history().await {
            Ok(history) if self.is_more_than(&history, had) => (Event::Accepted, None),
            Ok(_) => (Event::Refused, Some(self.refusal(NOT_ALLOWED, label))),
            Err(_) => {
                let detail = format!("{NOT_ALLOWED} {label}");
                (Event::AnswerLost, Some(Fault::new(Code::ChangeLost).with("detail", detail)))
            }
        }
    }

    fn refusal(&self, code: i64, label: &str) -> Fault {
        if self.asked.target == InvoiceStatus::Completee {
            return complement::refusal(self.asked, code, label);
        }
        if let Some(validator) = self.named() {
            return naming::refusal(self.asked, &validator, code, label);
        }
        Fault::new(Code::ChangeRefused)
            .with("status", &self.asked.target)
            .with("number", &self.asked.number)
            .with("code", code)
            .with("label", label)
    }

    /// What a failed call is to the change. Only what certainly changed nothing may be sent again.
    fn verdict(&self, error: &CallError) -> (Event, Fault) {
        match error {
            CallError::NotSent(fault) | CallError::Stopped(fault) | CallError::SlowDown { fault, .. } => {
                (Event::NotSent, fault.clone())
            }
            CallError::Lost(fault) => {
                let said = Text::new(fault.title(Language::Fr), fault.title(Language::En));
                (Event::AnswerLost, Fault::new(Code::ChangeLost).with_text("detail", &said))
            }
            CallError::Refused { code, label, .. } => (Event::Refused, self.refusal(*code, label)),
        }
    }

    pub(super) fn retry_wait(&self) -> Duration {
        let first = self.core.options.load().limits.deposit_retry.get();
        let tries = u32::try_from(self.attempts.len().min(16)).unwrap_or(16);
        first.saturating_mul(1 << tries).min(RETRY_LONGEST.max(first))
    }

    /// Chorus Pro cannot be asked now: the change stays asked for and says why.
    pub(super) async fn put_off(&self, setback: Setback) -> Result<(), JobError> {
        let (core, now) = (self.core, self.core.now());
        let (at, fault) = match setback {
            Setback::Later { at, fault } => (at, fault),
            Setback::Refused { fault } => (now.plus(self.retry_wait()), fault),
        };
        core.store.trouble(&self.flow.id, Some(fault), now).await?;
        Ok(core.store.postpone(self.lease, at).await?)
    }

    pub(super) async fn decide(&self, event: Event, fault: Option<Fault>) -> Result<(), JobError> {
        let now = self.core.now();
        let facts = ChangeFacts { fault, ..ChangeFacts::default() };
        self.core
            .record(|| self.core.store.decide_change(&self.flow.id, event, facts.clone(), Some(self.lease), now))
            .await?;
        Ok(())
    }
}

/// What the history shows.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) current: Option<InvoiceStatus>,
    statuses: Vec<InvoiceStatus>,
    /// Of a validator that is named anew: whom the invoice names now, where it is told.
    pub(super) validator: Option<String>,
}

impl Seen {
    /// How often the invoice has been given a status.
    pub(super) fn times(&self, status: &InvoiceStatus) -> u32 {
        let given = outcomes(status);
        u32::try_from(self.statuses.iter().filter(|had| given.contains(had)).count()).unwrap_or(u32::MAX)
    }
}

pub(super) fn incomplete(asked: &AskedChange, error: &TreatmentError) -> Fault {
    let fault = Fault::new(Code::ChangeIncomplete).with("status", &asked.target).with("number", &asked.number);
    fault.with("missing", error.remedy())
}
