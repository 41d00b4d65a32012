//! Deposits a checked file at Chorus Pro.
//!
//! Promise: the intent is durable before the first byte leaves, and every end of the call has its event: a number, a
//! refusal, certainly nothing, or *doubt*. A doubt is never answered by sending again; `work/doubt` looks it up.

use std::sync::Arc;
use std::time::Duration;

use crate::chorus::{DeposerFlux, FluxFileName, Service};
use crate::domain::Timestamp;
use crate::fault::{Code, Fault, Language, Retry, Text};
use crate::flow::deposit::{Event, State};
use crate::store::{AttemptRecord, Decided, Facts, FlowRecord, Lease, PDF, StoreError};
use crate::work::announce::syntax_of;
use crate::work::connector::{CallError, Connector};
use crate::work::core::{Core, JobError};
use crate::work::intake;
use crate::work::reach::Setback;
use crate::work::{doubt, split, submission};

/// The longest wait between two tries of a deposit that certainly did not happen.
pub(super) const RETRY_LONGEST: Duration = Duration::from_secs(15 * 60);

/// A rest of the realm that is told on the files that wait.
const REST_TOLD: Duration = Duration::from_secs(2);
/// A wait is told with its cause after.
const CAUSE_TOLD: Duration = Duration::from_secs(120);
/// Under which name a fault keeps since when its flow waits.
const SINCE: &str = "since_ms";

pub(super) async fn run(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    let reader = core.store.reader()?;
    let flow = core.flow(&reader, lease)?;
    if flow.state != State::Ready.as_str() {
        return Ok(core.store.finish(lease).await?);
    }
    if flow.syntax.as_deref() == Some(PDF) {
        return submission::run(core, lease, flow).await;
    }
    let connector = match core.connector(&lease.realm).await {
        Ok(connector) => connector,
        Err(Setback::Later { at, .. }) => return wait(core, lease, &flow, at).await,
        Err(Setback::Refused { .. }) => return Ok(core.store.finish(lease).await?),
    };
    let attempts = reader.attempts(&flow.id)?;
    drop(reader);
    let service = prepare(core, &flow).await?;

    send(core, lease, &flow, (&attempts, false), &connector, &service).await
}

/// What Chorus Pro answers to a deposit of either form.
pub(super) trait Taken {
    /// The event of an answer, and what came with it.
    fn settled(self) -> (Event, Facts);
}

impl Taken for crate::chorus::Deposited {
    fn settled(self) -> (Event, Facts) {
        (Event::DepositAccepted, Facts { deposit_number: Some(self.number), ..Facts::default() })
    }
}

/// How the end of a try begins that Chorus Pro refused perhaps for what it was handed in earlier and no longer has.
pub(super) const RELIED: &str = "relied on earlier uploads";

/// Makes the call that deposits, with its intent durable right before it leaves, and settles what came of it. It `relies` on
/// what an earlier job handed in: a refusal may be about that, and is not final.
pub(super) async fn send<S>(
    core: &Arc<Core>,
    lease: &Lease,
    flow: &FlowRecord,
    (attempts, relies): (&[AttemptRecord], bool),
    connector: &Connector,
    service: &S,
) -> Result<(), JobError>
where
    S: Service,
    S::Answer: Taken,
{
    let mut intended = false;
    let before = async {
        match core.store.intend(&flow.id, lease, core.now()).await? {
            Decided::Moved { to: State::Sending, .. } => {
                intended = true;
                Ok(())
            }
            // Somebody else moved it: what that asks for has its own work.
            Decided::Moved { .. } | Decided::Impossible { .. } => Err(NotIntended::Elsewhere),
        }
    };
    match connector.call_after(service, before).await {
        Ok(answer) if intended => settle(core, lease, flow, (attempts, relies), answer).await,
        Ok(Ok(_)) => unreachable!("an answer without a request"),
        Ok(Err(error)) => put_off(core, lease, flow, error).await,
        Err(NotIntended::Elsewhere) => {
            log::info!(flow = flow.id.as_str(); "A deposit was given up before it was sent");
            Ok(())
        }
        Err(NotIntended::Store(error)) => Err(error.into()),
    }
}

/// Why there is no intent, and so no call.
enum NotIntended {
    /// The flow is no longer ready: nothing is called, and what is left of the lease runs out.
    Elsewhere,
    Store(StoreError),
}

impl From<StoreError> for NotIntended {
    fn from(error: StoreError) -> Self {
        NotIntended::Store(error)
    }
}

/// The realm rests: a file that waits says so once, and not again at each look. A rest of a moment is none.
pub(super) async fn wait(core: &Core, lease: &Lease, flow: &FlowRecord, at: Timestamp) -> Result<(), JobError> {
    let now = core.now();
    if flow.fault.is_none()
        && at.since(now) >= REST_TOLD
        && let Some(since) = core.silent_since(&lease.realm)
    {
        core.store.trouble(&flow.id, Some(waits(since, at)), now).await?;
    }
    Ok(core.store.postpone(lease, at).await?)
}

/// That a flow waits for Chorus Pro. The clock's own words are kept as well, to know how long it lasts.
fn waits(since: Timestamp, next: Timestamp) -> Fault {
    Fault::new(Code::WaitsForChorus)
        .with("since", since.paris_text())
        .with("next", next.paris_text())
        .with(SINCE, since.millis())
}

/// What a flow shows whose deposit certainly did not happen: that it waits, and the cause once that lasts. What somebody can
/// repair, and that Chorus Pro asks to slow down, is told at once.
fn shown(flow: &FlowRecord, cause: Fault, since: Timestamp, next: Timestamp, now: Timestamp) -> Fault {
    if cause.retry() != Retry::Later || cause.code == Code::Throttled {
        return cause;
    }
    match &flow.fault {
        None => waits(since, next),
        Some(told) if told.code == Code::WaitsForChorus => {
            let since = told.details.get(SINCE).and_then(|millis| millis.parse().ok()).map(Timestamp::from_millis);
            if since.is_some_and(|since| now.since(since) < CAUSE_TOLD) { told.clone() } else { cause }
        }
        Some(_) => cause,
    }
}

/// The way to Chorus Pro was closed before anything was intended: the flow stays ready and says why.
pub(super) async fn put_off(core: &Core, lease: &Lease, flow: &FlowRecord, error: CallError) -> Result<(), JobError> {
    log::warn!(flow = flow.id.as_str(), error = error.to_string().as_str(); "A deposit waits: Chorus Pro cannot be called");
    let fault = error.fault().clone();
    let now = core.now();
    let at = match core.setback(&lease.realm, error).await {
        Setback::Later { at, .. } => at,
        Setback::Refused { .. } => now,
    };
    let at = at.max(now.plus(core.options.load().limits.deposit_retry.get()));
    let fault = shown(flow, fault, core.silent_since(&lease.realm).unwrap_or(now), at, now);
    core.store.trouble(&flow.id, Some(fault), now).await?;
    Ok(core.store.postpone(lease, at).await?)
}

/// Reads the document apart from the async workers and names what is sent.
async fn prepare(core: &Arc<Core>, flow: &FlowRecord) -> Result<DeposerFlux, JobError> {
    let announced = core.store.reader()?.announcement(&flow.id)?;
    let syntax = syntax_of(announced.as_ref(), flow.syntax.as_deref()).ok_or(JobError::Missing("the syntax"))?;
    let signed = announced.is_some_and(|announced| announced.signed);
    let content = {
        let flow = flow.clone();
        core.apart(move |core| intake::sent_document(core, &flow)).await?
    };
    let name = split::name_to_send(&flow.file);
    // An invoice is XML or PDF: what is compressed is a flux of many that intake has packed.
    let file_name = match content.starts_with(&[0x1f, 0x8b]) {
        true => FluxFileName::of_archive(name),
        false => FluxFileName::from_dropped(name, syntax),
    };
    Ok(DeposerFlux { content: content.into(), file_name, syntax, signed })
}

/// Turns the call's end into the flow's event and writes it down.
async fn settle(
    core: &Arc<Core>,
    lease: &Lease,
    flow: &FlowRecord,
    (attempts, relies): (&[AttemptRecord], bool),
    answer: Result<impl Taken, CallError>,
) -> Result<(), JobError> {
    let now = core.now();
    let (event, facts) = match answer {
        Ok(taken) => {
            core.pauses.passed(&lease.realm);
            let (event, facts) = taken.settled();
            log::info!(flow = flow.id.as_str(), deposit = number_of(&facts).as_str(); "Deposited at Chorus Pro");
            (event, facts)
        }
        Err(error) => {
            log::warn!(flow = flow.id.as_str(), error = error.to_string().as_str(); "The deposit got no number");
            let (event, fault, detail) = match (event_of(&error), fault_of(&error)) {
                (Event::DepositRefused, fault) if relies => {
                    (Event::NotSent, Refusal::of(&fault).of_uploads(), format!("{RELIED}: {error}"))
                }
                (Event::DepositRefused, fault) => match in_doubt(core, flow, &fault)? {
                    Some((fault, kept)) => (Event::RefusedInDoubt, fault, kept),
                    None => (Event::DepositRefused, fault, error.to_string()),
                },
                (event, fault) => (event, fault, error.to_string()),
            };
            let detail = Some(detail);
            let retry = match core.setback(&lease.realm, error).await {
                Setback::Later { at, .. } => at,
                Setback::Refused { .. } => now,
            };
            let not_before = (event == Event::NotSent).then(|| retry.max(again_at(core, attempts, now)));
            let fault = match not_before {
                Some(next) if fault.code != Code::UploadsRefused => {
                    shown(flow, fault, core.silent_since(&lease.realm).unwrap_or(now), next, now)
                }
                _ => fault,
            };
            (event, Facts { fault: Some(fault), not_before, detail, ..Facts::default() })
        }
    };
    match core.record(|| core.store.decide(&flow.id, event, facts.clone(), Some(lease), now)).await {
        Err(StoreError::LeaseLost) if event == Event::DepositAccepted => {
            late(core, flow, Event::FoundAtChorus, facts).await
        }
        Err(StoreError::LeaseLost) if event == Event::Submitted => late(core, flow, event, facts).await,
        settled => Ok(settled.map(drop)?),
    }
}

/// The lease ran out while the call was under way, so the flow is doubtful: but the answer has come after all. Unless a
/// search or a person has settled the doubt by now: then their word stands.
async fn late(core: &Core, flow: &FlowRecord, event: Event, facts: Facts) -> Result<(), JobError> {
    let number = number_of(&facts);
    let number = number.as_str();
    let now = core.store.reader()?.flow(&flow.id)?.map(|flow| flow.state);
    if now.as_deref() != Some(State::Doubtful.as_str()) {
        log::warn!(flow = flow.id.as_str(), deposit = number, state = now.as_deref().unwrap_or("?");
            "A deposit's answer came after its doubt was settled");
        return Ok(());
    }
    log::info!(flow = flow.id.as_str(), deposit = number; "A deposit's answer came after its lease was lost: it counts");
    core.record(|| core.store.decide(&flow.id, event, facts.clone(), None, core.now())).await?;
    Ok(())
}

/// What Chorus Pro calls what it took: a flux, or an invoice.
fn number_of(facts: &Facts) -> String {
    let flux = facts.deposit_number.as_ref().map(ToString::to_string);
    flux.or_else(|| facts.chorus_id.map(|id| id.to_string())).unwrap_or_else(|| "?".to_owned())
}

/// What a refused flow shows, and what is kept of the refusal, when an earlier try may have been taken, whatever was said
/// since; `None` when the refusal ends the flow.
pub(super) fn in_doubt(core: &Core, flow: &FlowRecord, fault: &Fault) -> Result<Option<(Fault, String)>, JobError> {
    let reader = core.store.reader()?;
    let (attempts, steps) = (reader.attempts(&flow.id)?, reader.steps(&flow.id)?);
    // The try under way is the one that was refused.
    let has_ended = |attempt: &&AttemptRecord| attempt.outcome.is_some();
    let earlier = doubt::unproved(&attempts, &steps).iter().filter(has_ended);
    let Some(last) = earlier.rev().find(|attempt| doubt::may_have_been_taken(attempt)) else { return Ok(None) };
    let invoices = reader.invoices(&flow.id)?;
    let number = invoices.first().map_or("?", |invoice| invoice.facts.number.as_str());
    let until = last.intent_at.plus(core.options.load().limits.integration_delay.get()).max(core.now());
    let refusal = Refusal::of(fault);
    Ok(Some((refusal.in_doubt(number, until), refusal.kept())))
}

/// What Chorus Pro said to a try that it refused, as it is kept with the try and shown again while its flow is doubtful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    code: String,
    label: String,
}

impl Refusal {
    /// Of a refusal's fault: Chorus Pro's own code and label, or ours of what it was refused for before it was sent.
    pub(super) fn of(fault: &Fault) -> Self {
        let own = |name: &str| fault.details.get(name).filter(|_| fault.code == Code::DepositRefused).cloned();
        Self {
            code: own("code").unwrap_or_else(|| fault.code.to_string()),
            label: own("label").unwrap_or_else(|| fault.title(Language::Fr)),
        }
    }

    /// For the try's row and the timeline.
    pub(super) fn kept(&self) -> String {
        format!("{} {}", self.code, self.label)
    }

    /// As it was kept.
    pub(super) fn read(kept: &str) -> Self {
        let (code, label) = kept.split_once(' ').unwrap_or(("?", kept));
        Self { code: code.to_owned(), label: label.to_owned() }
    }

    fn fault(&self, code: Code) -> Fault {
        Fault::new(code).with("code", &self.code).with("label", &self.label)
    }

    /// It may be about files that were handed in earlier: they are handed in anew.
    fn of_uploads(&self) -> Fault {
        self.fault(Code::UploadsRefused)
    }

    /// It is final.
    pub(super) fn ended(&self) -> Fault {
        self.fault(Code::DepositRefused)
    }

    /// An earlier try is being looked up, at least `until` then.
    pub(super) fn in_doubt(&self, number: &str, until: Timestamp) -> Fault {
        self.fault(Code::RefusedInDoubt).with("number", number).with("until", until.paris_text())
    }

    /// Only a person can find out about an earlier try.
    pub(super) fn for_person(&self, number: &str) -> Fault {
        self.fault(Code::RefusedNeedsPerson).with("number", number)
    }
}

/// What a failed deposit call is to its flow. Only what certainly changed nothing may be sent again.
fn event_of(error: &CallError) -> Event {
    match error {
        CallError::NotSent(_) | CallError::Stopped(_) | CallError::SlowDown { .. } => Event::NotSent,
        CallError::Lost(_) => Event::AnswerLost,
        CallError::Refused { .. } => Event::DepositRefused,
    }
}

pub(super) fn fault_of(error: &CallError) -> Fault {
    match error {
        CallError::Lost(fault) => {
            let said = Text::new(fault.title(Language::Fr), fault.title(Language::En));
            Fault::new(Code::AnswerLost).with_text("detail", &said)
        }
        CallError::Refused { code, label, .. } => {
            Fault::new(Code::DepositRefused).with("code", code).with("label", label)
        }
        CallError::NotSent(fault) | CallError::Stopped(fault) | CallError::SlowDown { fault, .. } => fault.clone(),
    }
}

/// When a deposit that certainly did not happen is tried again: later each time in a row.
fn again_at(core: &Core, attempts: &[AttemptRecord], now: Timestamp) -> Timestamp {
    let first = core.options.load().limits.deposit_retry.get();
    now.plus(retry_wait(first, attempts))
}

fn retry_wait(first: Duration, attempts: &[AttemptRecord]) -> Duration {
    let in_a_row = attempts.iter().rev().take_while(|a| a.outcome.as_deref() == Some(Event::NotSent.as_str())).count();
    let doublings = u32::try_from(in_a_row.min(16)).unwrap_or(16);
    first.saturating_mul(1 << doublings).min(RETRY_LONGEST.max(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_certainly_changed_nothing_is_sent_again() {
        let fault = || Fault::new(Code::ChorusFailing);
        assert_eq!(event_of(&CallError::Lost(fault())), Event::AnswerLost);
        assert_eq!(event_of(&CallError::NotSent(fault())), Event::NotSent);
        assert_eq!(event_of(&CallError::Stopped(fault())), Event::NotSent);
        assert_eq!(event_of(&CallError::SlowDown { fault: fault(), until: Timestamp::EPOCH }), Event::NotSent);
        let refused = CallError::Refused { code: 20001, label: "x".to_owned(), fault: fault() };
        assert_eq!(event_of(&refused), Event::DepositRefused);
        assert_eq!(fault_of(&refused).code, Code::DepositRefused);
    }

    #[test]
    fn a_wait_is_told_at_once_and_its_cause_once_it_lasts() {
        let start = Timestamp::from_millis(1_795_428_902_007);
        let after = |seconds| start.plus(Duration::from_secs(seconds));
        let mut flow = crate::work::core::tests::flow_record();
        flow.fault = None;
        let cause = || Fault::new(Code::Unreachable).with("detail", "refused");
        let first = shown(&flow, cause(), start, after(60), start);
        assert_eq!(
            (first.code, first.detail("next", Language::Fr)),
            (Code::WaitsForChorus, Some(&*after(60).paris_text()))
        );
        // Further tries tell nothing new: nothing is written.
        flow.fault = Some(first.clone());
        assert_eq!(shown(&flow, cause(), start, after(180), after(60)), first);
        assert_eq!(shown(&flow, cause(), start, after(400), after(180)), cause());
        flow.fault = Some(cause());
        assert_eq!(shown(&flow, cause(), start, after(900), after(400)), cause());
        // What a person repairs is no wait.
        flow.fault = None;
        for told in [Code::ProxyLogin, Code::Throttled] {
            assert_eq!(shown(&flow, Fault::new(told), start, after(60), start).code, told);
        }
    }

    #[test]
    fn the_wait_doubles_in_a_row_and_is_bounded() {
        let attempt = |outcome: &str| AttemptRecord {
            n: 1,
            intent_at: Timestamp::EPOCH,
            ended_at: None,
            deposit_number: None,
            outcome: Some(outcome.to_owned()),
            detail: None,
        };
        let minute = Duration::from_secs(60);
        assert_eq!(retry_wait(minute, &[]), minute);
        let twice = [attempt("not_sent"), attempt("not_sent")];
        assert_eq!(retry_wait(minute, &twice), minute * 4);
        assert_eq!(retry_wait(minute, &[attempt("not_sent"), attempt("answer_lost")]), minute);
        assert_eq!(retry_wait(minute, &vec![attempt("not_sent"); 50]), RETRY_LONGEST);
        assert_eq!(retry_wait(RETRY_LONGEST * 4, &twice), RETRY_LONGEST * 4, "a configured wait is never shortened");
    }
}
