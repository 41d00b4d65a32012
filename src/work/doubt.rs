//! Finds out whether a doubtful deposit was taken, by looking; never by sending.
//!
//! Promise (DESIGN §3): *absent* is said only when number and supplier are known, the invoice is of a kind that Chorus
//! Pro itself takes once only, the integration delay has passed since the last send, and over a span of that length every
//! search was answered and showed nothing. Everything less leaves the doubt; what can never be searched waits for a
//! person, and so does a doubt older than `limits.doubt_deadline` (from its first try), or proved absent for the second
//! time, which is looked at all the same. What each look showed is kept for that person.

mod sightings;

use std::sync::Arc;
use std::time::Duration;

use sightings::{is_searchable, is_since, rows_are_missing};

use crate::chorus::{SentInvoice, WireDate};
use crate::domain::Timestamp;
use crate::fault::{Code, Fault};
use crate::flow::deposit::{Event, State};
use crate::store::{
    AttemptRecord, Facts, FlowRecord, InvoiceRecord, Lease, LookRecord, PDF, SightedInvoice, StepRecord,
};
use crate::work::core::{Core, JobError};
use crate::work::deposit::Refusal;
use crate::work::intake;
use crate::work::reach::Setback;

pub(super) use sightings::{CLOCK_SLACK, Range, Seen, Sighting, is_ours, same_supplier, search};

/// How a search that was answered and showed nothing is written into the timeline: the proof is read back from there.
const SEARCHED: &str = "searched: not there";
/// How a search without a trustworthy answer is written into the timeline: it breaks the proof.
const UNANSWERED: &str = "searched: no answer";
/// A flow only a person can settle is looked at this often.
const PERSON_WAIT: Duration = Duration::from_secs(24 * 3600);
/// Two answered searches further apart than this many polls (and [`GAP_SLACK`]) prove nothing about the time between.
const GAP_POLLS: u32 = 4;
const GAP_SLACK: Duration = Duration::from_secs(60);

pub(super) async fn run(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    let reader = core.store.reader()?;
    let flow = core.flow(&reader, lease)?;
    if flow.state != State::Doubtful.as_str() {
        return Ok(core.store.finish(lease).await?);
    }
    let invoices = reader.invoices(&flow.id)?;
    let attempts = reader.attempts(&flow.id)?;
    let steps = reader.steps(&flow.id)?;
    drop(reader);
    let known = Sent::of(&attempts, &flow);
    // Without a try there is nothing to look up: a person finds out.
    let sent = known.unwrap_or(Sent { first: flow.since, last: flow.since });
    let doubt = Doubt { core, lease, flow: &flow, invoices: &invoices, attempts: &attempts, steps: &steps, sent };
    let searchable: Vec<InvoiceRecord> = invoices.iter().filter(|i| is_searchable(&i.facts)).cloned().collect();
    if searchable.is_empty() || known.is_none() {
        return doubt.wait_for_person().await;
    }
    // A realm that is halted or paused is not asked: that is no search without an answer.
    if let Err(Setback::Later { at, .. }) = core.connector(&lease.realm).await {
        if doubt.is_overdue() {
            core.store.trouble(&flow.id, doubt.shown(), core.now()).await?;
        }
        return Ok(core.store.postpone(lease, at).await?);
    }
    let range = if doubt.is_overdue() { Range::Ever } else { Range::SinceSent };
    let seen = search(core, lease, &searchable, sent, range).await;
    doubt.keep(&seen).await?;
    let sighting = match seen {
        Ok(seen) => doubt.own(seen, &searchable)?,
        Err(setback) => Err(setback),
    };
    match sighting {
        Ok(Sighting::Ours { place, row }) if doubt.may_be_anothers(&searchable[place], &row)? => {
            doubt.wait_for_person().await
        }
        Ok(Sighting::Ours { place, row }) => found(core, lease, &flow, &searchable[place], &row).await,
        Ok(Sighting::Unclear) => doubt.wait_for_person().await,
        Ok(Sighting::Nothing) => doubt.absent().await,
        Err(Setback::Later { at, fault }) => {
            let facts = Facts {
                fault: doubt.shown(),
                not_before: Some(at.max(core.now().plus(core.options.load().limits.doubt_poll.get()))),
                detail: Some(format!("{UNANSWERED} ({})", fault.code)),
                ..Facts::default()
            };
            core.store.decide(&flow.id, Event::StillDoubtful, facts, Some(lease), core.now()).await?;
            Ok(())
        }
        Err(Setback::Refused { fault }) => {
            let detail = Some(format!("{UNANSWERED} ({})", fault.code));
            // What warns of dropping it again is not hidden by why the search says nothing.
            let shown = doubt.is_overdue() || doubt.refusal().is_some() || is_of_unknown_flux(&steps);
            let fault = if shown { doubt.shown() } else { Some(fault) };
            let facts = Facts { fault, detail, ..Facts::default() };
            core.store.decide(&flow.id, Event::StillDoubtful, facts, Some(lease), core.now()).await?;
            Ok(())
        }
    }
}

/// When the doubtful deposit can have left this box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    /// The first try that may have been taken.
    first: Timestamp,
    /// The last one.
    last: Timestamp,
}

impl Sent {
    /// Whether Chorus Pro's date is not before the first send.
    pub(super) fn is_before(self, date: &WireDate) -> bool {
        is_since(date, self.first)
    }

    /// Tries that certainly changed nothing do not count.
    pub(super) fn of(attempts: &[AttemptRecord], flow: &FlowRecord) -> Option<Self> {
        let mut doubtful = attempts.iter().filter(|attempt| may_have_been_taken(attempt)).map(|a| a.intent_at);
        let first = doubtful.next().or_else(|| (!attempts.is_empty()).then_some(flow.since))?;
        Some(Self { first, last: doubtful.next_back().unwrap_or(first) })
    }
}

/// Whether a try can have reached Chorus Pro: it may have been taken all the same, whatever was said since.
pub(super) fn may_have_been_taken(attempt: &AttemptRecord) -> bool {
    let certain = [Event::NotSent.as_str(), Event::DepositRefused.as_str()];
    !attempt.outcome.as_deref().is_some_and(|outcome| certain.contains(&outcome))
}

/// The tries that no search has proved absent since. Counted in the order of the journal: clocks may be put back.
pub(super) fn unproved<'a>(attempts: &'a [AttemptRecord], steps: &[StepRecord]) -> &'a [AttemptRecord] {
    let Some(proof) = steps.iter().rposition(|step| is(step, Event::AbsentAtChorus)) else { return attempts };
    let since = steps[proof..].iter().filter(|step| is(step, Event::Sending)).count();
    &attempts[attempts.len().saturating_sub(since)..]
}

async fn found(
    core: &Core,
    lease: &Lease,
    flow: &FlowRecord,
    sought: &InvoiceRecord,
    row: &SentInvoice,
) -> Result<(), JobError> {
    log::info!(flow = flow.id.as_str(), chorus_id = row.id.0; "A doubtful deposit was found at Chorus Pro");
    let facts = Facts {
        deposit_number: row.deposit.clone(),
        detail: Some(format!("found at Chorus Pro as {}", row.id)),
        ..Facts::default()
    };
    // A form that was submitted is an invoice at once, without a flux whose verdict would be awaited.
    let event = if flow.syntax.as_deref() == Some(PDF) { Event::Submitted } else { Event::FoundAtChorus };
    if sought.chorus_id.is_none() {
        core.store.identify(&flow.id, sought.ordinal, row.id, core.now()).await?;
    }
    core.record(|| core.store.decide(&flow.id, event, facts.clone(), Some(lease), core.now())).await?;
    Ok(())
}

/// A doubtful flow and all that is known about it here.
struct Doubt<'a> {
    core: &'a Arc<Core>,
    lease: &'a Lease,
    flow: &'a FlowRecord,
    invoices: &'a [InvoiceRecord],
    attempts: &'a [AttemptRecord],
    steps: &'a [StepRecord],
    sent: Sent,
}

impl Doubt<'_> {
    /// What of a search is about this flow: a row that came by another flow's deposit is not, and may stand before ours, for
    /// a number may be there twice. Where such a row is all that a list shows that is cut, nothing is proved.
    fn own(&self, seen: Seen, searched: &[InvoiceRecord]) -> Result<Result<Sighting, Setback>, JobError> {
        match &seen.sighting {
            Sighting::Ours { row, .. } if self.is_anothers(row)? => {}
            _ => return Ok(Ok(seen.sighting)),
        }
        for row in seen.rows.into_iter().rev() {
            let place = searched.iter().position(|invoice| is_ours(&row, &invoice.facts, self.sent));
            if let Some(place) = place
                && !self.is_anothers(&row)?
            {
                return Ok(Ok(Sighting::Ours { place, row: Box::new(row) }));
            }
        }
        Ok(if seen.is_whole { Ok(Sighting::Nothing) } else { Err(rows_are_missing(self.core)) })
    }

    /// Whether the row came by a deposit that another flow of this box made: the same number sent twice the same day.
    fn is_anothers(&self, row: &SentInvoice) -> Result<bool, JobError> {
        let Some(deposit) = &row.deposit else { return Ok(false) };
        Ok(self.core.store.reader()?.is_deposit_of_another(&self.flow.realm, &self.flow.id, deposit)?)
    }

    /// Chorus Pro was asked throughout and showed nothing of ours: proved, or not yet.
    async fn absent(&self) -> Result<(), JobError> {
        let (core, flow, now) = (self.core, self.flow, self.core.now());
        let delay = core.options.load().limits.integration_delay.get();
        let proved = is_proved_absent(self.answered_since(now), self.sent.last, now, delay);
        // Flows from before the store knew which kind an invoice is of are read once more.
        let exempt = self.invoices.iter().any(|invoice| invoice.repeatable);
        if proved && (exempt || intake::is_exempt_from_uniqueness(core, flow).await?) {
            return self.wait_for_person().await;
        }
        let (event, fault) = match (proved, self.refusal()) {
            (false, _) => (Event::StillDoubtful, self.shown()),
            // It was accepted: whoever does not know its number may not see its invoices either. It says so, however often
            // earlier tries were proved absent.
            (true, None) if is_of_unknown_flux(self.steps) => (Event::StillDoubtful, self.shown()),
            // What was sent twice and arrived neither time does not arrive by being sent a third time.
            (true, None) if self.was_proved_absent() => {
                log::warn!(flow = flow.id.as_str(); "A deposit is proved absent for the second time; a person decides");
                (Event::StillDoubtful, Some(Fault::new(Code::AbsentTwice).with("number", self.number())))
            }
            (true, Some(refusal)) => {
                log::warn!(flow = flow.id.as_str(); "A refused deposit is not at Chorus Pro by an earlier try either");
                (Event::DepositRefused, Some(refusal.ended()))
            }
            (true, None) => {
                log::warn!(flow = flow.id.as_str(); "A doubtful deposit is not at Chorus Pro; it is sent again");
                (Event::AbsentAtChorus, None)
            }
        };
        let facts = Facts { fault, detail: Some(SEARCHED.to_owned()), ..Facts::default() };
        core.store.decide(&flow.id, event, facts, Some(self.lease), now).await?;
        Ok(())
    }

    /// What Chorus Pro said to the last try, when that was refused and the doubt is about an earlier one.
    fn refusal(&self) -> Option<Refusal> {
        refusal(self.attempts, self.steps)
    }

    /// Whether the row may as well have come by another flow of ours under the same number.
    fn may_be_anothers(&self, invoice: &InvoiceRecord, row: &SentInvoice) -> Result<bool, JobError> {
        let is_ours =
            |attempt: &AttemptRecord| attempt.deposit_number.is_some() && attempt.deposit_number == row.deposit;
        if self.attempts.iter().any(is_ours) {
            return Ok(false);
        }
        Ok(self.core.store.reader()?.was_sent_by_another(&self.flow.realm, &self.flow.id, &invoice.facts)?)
    }

    /// Keeps what a look showed, for whoever decides.
    async fn keep(&self, seen: &Result<Seen, Setback>) -> Result<(), JobError> {
        let now = self.core.now();
        let look = match seen {
            Ok(seen) => LookRecord {
                asked_at: now,
                answered_since: Some(self.answered_since(now)),
                rows: seen.rows.iter().map(sighted).collect(),
            },
            Err(_) => LookRecord { asked_at: now, answered_since: None, rows: Vec::new() },
        };
        Ok(self.core.store.looked(&self.flow.id, look).await?)
    }

    /// Since when the searches after the last send, one at `now` included, were answered without a gap.
    fn answered_since(&self, now: Timestamp) -> Timestamp {
        let poll = self.core.options.load().limits.doubt_poll.get();
        answered_since(self.steps, self.sent.last, now, poll)
    }

    /// Whether the doubt is older than a person should have to find out by himself.
    fn is_overdue(&self) -> bool {
        let deadline = self.core.options.load().limits.doubt_deadline.get();
        let since = doubted_since(self.attempts, self.steps).unwrap_or(self.flow.since);
        self.core.now().since(since.min(self.flow.since)) >= deadline
    }

    /// Whether it was sent again because a search had proved it absent, and nobody has decided since.
    fn was_proved_absent(&self) -> bool {
        undecided(self.steps).any(|step| is(step, Event::AbsentAtChorus))
    }

    /// The fault of a flow that stays doubtful.
    fn shown(&self) -> Option<Fault> {
        let person = [Code::DoubtNeedsPerson, Code::RefusedNeedsPerson, Code::FluxUnknownDecide, Code::AbsentTwice];
        let waits = self.flow.fault.as_ref().is_some_and(|fault| person.contains(&fault.code));
        if let Some(refusal) = self.refusal() {
            return Some(match waits || self.is_overdue() {
                true => refusal.for_person(self.number()),
                false => refusal.in_doubt(self.number(), self.provable_at()),
            });
        }
        let shown = still_doubted(self.flow, self.attempts);
        if waits || !self.is_overdue() {
            return shown;
        }
        let hours = self.core.options.load().limits.doubt_deadline.get().as_secs() / 3600;
        Some(Fault::new(Code::DoubtOverdue).with("number", self.number()).with("hours", hours))
    }

    /// When absence is proved at the earliest.
    fn provable_at(&self) -> Timestamp {
        let now = self.core.now();
        let from = self.answered_since(now).max(self.sent.last);
        from.plus(self.core.options.load().limits.integration_delay.get()).max(now)
    }

    /// The number that a person looks for.
    fn number(&self) -> &str {
        self.invoices.first().map_or("?", |invoice| invoice.facts.number.as_str())
    }

    /// Nothing here can settle it: the fault says what a person does, and the flow waits.
    async fn wait_for_person(&self) -> Result<(), JobError> {
        let fault = match self.refusal() {
            Some(refusal) => refusal.for_person(self.number()),
            None if is_of_unknown_flux(self.steps)
                && self.shown().is_some_and(|f| f.code == Code::FluxUnknownDecide) =>
            {
                return Ok(self.core.store.postpone(self.lease, self.core.now().plus(PERSON_WAIT)).await?);
            }
            None => Fault::new(Code::DoubtNeedsPerson).with("number", self.number()),
        };
        self.core.store.trouble(&self.flow.id, Some(fault), self.core.now()).await?;
        Ok(self.core.store.postpone(self.lease, self.core.now().plus(PERSON_WAIT)).await?)
    }
}

/// Whether the doubt is about a flux that Chorus Pro took and does not know any more; a later try is another flux.
pub(super) fn is_of_unknown_flux(steps: &[StepRecord]) -> bool {
    let mut since = steps.iter().rev().take_while(|step| !is(step, Event::Sending));
    since.any(|step| is(step, Event::FluxUnknown))
}

fn is(step: &StepRecord, event: Event) -> bool {
    step.kind.strip_prefix("deposit.") == Some(event.as_str())
}

/// The steps, newest first, since a person had it sent again, or Chorus Pro lost a flux that it had taken: from there on its
/// doubts are counted anew.
fn undecided(steps: &[StepRecord]) -> impl Iterator<Item = &StepRecord> {
    steps.iter().rev().take_while(|step| !is(step, Event::ResendByPerson) && !is(step, Event::Incident))
}

/// When the first of the tries was made that may have been taken, however often it was sent again by itself since.
fn doubted_since(attempts: &[AttemptRecord], steps: &[StepRecord]) -> Option<Timestamp> {
    let tries = undecided(steps).filter(|step| is(step, Event::Sending)).count();
    let attempts = &attempts[attempts.len().saturating_sub(tries)..];
    attempts.iter().find(|attempt| may_have_been_taken(attempt)).map(|attempt| attempt.intent_at)
}

/// What Chorus Pro said to the last try, where it refused it: as the journal has it, or else the try's own row.
fn refusal(attempts: &[AttemptRecord], steps: &[StepRecord]) -> Option<Refusal> {
    let since = steps.iter().rev().take_while(|step| !is(step, Event::Sending));
    let step = since.filter(|step| is(step, Event::RefusedInDoubt)).find_map(|step| step.detail.as_deref());
    let refused = attempts.last().filter(|last| last.outcome.as_deref() == Some(Event::DepositRefused.as_str()));
    step.or_else(|| refused.map(|last| last.detail.as_deref().unwrap_or("?"))).map(Refusal::read)
}

/// A row as it is kept.
fn sighted(row: &SentInvoice) -> SightedInvoice {
    let date = |date: &Option<WireDate>| date.as_ref().map(|date| date.as_str().to_owned());
    SightedInvoice {
        chorus_id: row.id,
        number: row.number.clone(),
        supplier: row.supplier.clone(),
        supplier_name: row.supplier_name.clone(),
        recipient: row.recipient.clone(),
        deposit_number: row.deposit.clone(),
        deposited_on: date(&row.deposited_on),
        issued_on: date(&row.issued_on),
        payable: row.payable.clone(),
        status: row.status.clone(),
    }
}

/// What a flow shows that stays doubtful: what it showed, unless that was a step of ours that failed and is over.
fn still_doubted(flow: &FlowRecord, attempts: &[AttemptRecord]) -> Option<Fault> {
    let shown = flow.fault.clone().filter(|fault| fault.code != Code::JobFails);
    shown.or_else(|| {
        let detail = attempts.last().and_then(|attempt| attempt.detail.as_deref()).unwrap_or("?");
        Some(Fault::new(Code::AnswerLost).with("detail", detail))
    })
}

/// Since when the searches after `sent`, one at `now` included, were answered without a gap.
fn answered_since(steps: &[StepRecord], sent: Timestamp, now: Timestamp, poll: Duration) -> Timestamp {
    let gap = poll.saturating_mul(GAP_POLLS).saturating_add(GAP_SLACK);
    let mut from = now;
    let searches = steps.iter().rev().take_while(|step| step.at >= sent).filter_map(|step| {
        let detail = step.detail.as_deref()?;
        let answered = detail.starts_with(SEARCHED);
        (answered || detail.starts_with(UNANSWERED)).then_some((step.at, answered))
    });
    for (at, answered) in searches {
        if !answered || from.since(at) > gap {
            break;
        }
        from = at;
    }
    from
}

/// Whether searches that were answered since `answered` prove that what was sent at `sent` did not arrive.
fn is_proved_absent(answered: Timestamp, sent: Timestamp, now: Timestamp, delay: Duration) -> bool {
    now.since(answered) >= delay && now.since(sent) >= delay
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_millis(1_795_428_902_007).plus(MINUTE * u32::try_from(minutes).unwrap())
    }

    fn step(minutes: u64, detail: &str) -> StepRecord {
        StepRecord {
            seq: minutes,
            at: at(minutes),
            kind: "decide".to_owned(),
            state: Some("doubtful".to_owned()),
            actor: "system".to_owned(),
            detail: Some(detail.to_owned()),
        }
    }

    fn proved(steps: &[StepRecord], now: u64) -> bool {
        let since = answered_since(steps, at(0), at(now), MINUTE * 15);
        is_proved_absent(since, at(0), at(now), HOUR * 2)
    }

    #[test]
    fn absence_needs_the_whole_delay_answered_without_a_gap() {
        let every_quarter: Vec<StepRecord> = (1..8).map(|n| step(n * 15, SEARCHED)).collect();
        assert!(!proved(&every_quarter, 120), "two hours after the send, but only since 15 minutes after it");
        assert!(proved(&every_quarter, 135));
        assert!(!proved(&[], 100_000), "one answer long after proves nothing about the time between");

        let mut broken = every_quarter.clone();
        broken[3] = step(60, &format!("{UNANSWERED} (FG-306)"));
        assert!(!proved(&broken, 135), "an outage in between");
        assert!(!proved(&broken, 180));
        broken.extend((9..14).map(|n| step(n * 15, SEARCHED)));
        assert!(proved(&broken, 75 + 120), "two hours after the outage");

        let asleep: Vec<StepRecord> = [15, 30, 120].into_iter().map(|n| step(n, SEARCHED)).collect();
        assert!(!proved(&asleep, 150), "the box was off for an hour and a half");
        let former = [step(0, SEARCHED)];
        assert_eq!(answered_since(&former, at(5), at(10), MINUTE), at(10), "a search before the send");
    }

    #[test]
    fn tries_that_changed_nothing_do_not_count() {
        let attempt = |minutes: u64, outcome: Option<&str>| AttemptRecord {
            n: 1,
            intent_at: at(minutes),
            ended_at: None,
            deposit_number: None,
            outcome: outcome.map(str::to_owned),
            detail: None,
        };
        let attempts = [
            attempt(1, Some("not_sent")),
            attempt(2, Some("answer_lost")),
            attempt(3, Some("not_sent")),
            attempt(4, Some("answer_lost")),
        ];
        let certain = [Event::NotSent.as_str()];
        assert!(certain.contains(&attempts[0].outcome.as_deref().unwrap()));
        let flow = crate::work::core::tests::flow_record();
        assert_eq!(Sent::of(&attempts, &flow), Some(Sent { first: at(2), last: at(4) }));
        assert_eq!(Sent::of(&[], &flow), None);
    }

    #[test]
    fn what_a_search_proved_absent_counts_no_more_however_clocks_were_put_back() {
        let attempt = |n: u32, minutes: u64, outcome: &str| AttemptRecord {
            n,
            intent_at: at(minutes),
            ended_at: Some(at(minutes)),
            deposit_number: None,
            outcome: Some(outcome.to_owned()),
            detail: None,
        };
        let kinds = |kinds: &[&str]| -> Vec<StepRecord> {
            let step = |kind: &&str| StepRecord { kind: (*kind).to_owned(), ..step(0, "") };
            kinds.iter().map(step).collect()
        };
        let (sending, absent) = ("deposit.sending", "deposit.absent_at_chorus");
        // The third was sent by a clock that had been put back behind the proof.
        let tries = [attempt(1, 10, "answer_lost"), attempt(2, 20, "not_sent"), attempt(3, 5, "answer_lost")];
        let unproved = |steps: &[&str]| unproved(&tries, &kinds(steps)).iter().map(|a| a.n).collect::<Vec<_>>();
        assert_eq!(unproved(&[sending, sending, sending]), [1, 2, 3]);
        assert_eq!(unproved(&[sending, absent, sending, sending]), [2, 3]);
        assert_eq!(unproved(&[sending, absent, sending, absent, sending]), [3]);
        assert_eq!(unproved(&[sending, sending, sending, absent]), [0; 0]);
        // Only the end of the timeline is read.
        assert_eq!(unproved(&[absent, sending, sending]), [2, 3]);
        assert_eq!(unproved(&[sending]), [1, 2, 3]);
    }

    #[test]
    fn a_doubt_is_as_old_as_its_first_try_until_a_person_decides() {
        let attempt = |n: u32, minutes: u64, outcome: &str| AttemptRecord {
            n,
            intent_at: at(minutes),
            ended_at: None,
            deposit_number: None,
            outcome: Some(outcome.to_owned()),
            detail: None,
        };
        let tries = [attempt(1, 1, "not_sent"), attempt(2, 2, "answer_lost"), attempt(3, 1_500, "answer_lost")];
        let kinds = |kinds: &[&str]| -> Vec<StepRecord> {
            let step = |kind: &&str| StepRecord { kind: format!("deposit.{kind}"), ..step(0, "") };
            kinds.iter().map(step).collect()
        };
        let automatic = kinds(&["sending", "sending", "answer_lost", "absent_at_chorus", "sending", "answer_lost"]);
        assert_eq!(doubted_since(&tries, &automatic), Some(at(2)), "sent again by itself it is no new doubt");
        let by_person = kinds(&["sending", "sending", "answer_lost", "resend_by_person", "sending", "answer_lost"]);
        assert_eq!(doubted_since(&tries, &by_person), Some(at(1_500)));
        assert_eq!(doubted_since(&[], &[]), None);
        assert!(undecided(&automatic).any(|step| is(step, Event::AbsentAtChorus)));
        assert!(!undecided(&by_person).any(|step| is(step, Event::AbsentAtChorus)));
    }

    #[test]
    fn a_refusal_is_read_from_the_journal_or_from_its_try() {
        let attempt = |outcome: Event, detail: &str| AttemptRecord {
            n: 1,
            intent_at: at(1),
            ended_at: Some(at(2)),
            deposit_number: None,
            outcome: Some(outcome.as_str().to_owned()),
            detail: Some(detail.to_owned()),
        };
        let of_kind = |kind: &str, detail: &str| StepRecord { kind: kind.to_owned(), ..step(1, detail) };
        let refused = attempt(Event::DepositRefused, "20001 trop gros");
        let read = Some(Refusal::read("20001 trop gros"));
        assert_eq!(refusal(std::slice::from_ref(&refused), &[]), read);
        let journal = [of_kind("deposit.sending", ""), of_kind("deposit.refused_in_doubt", "20001 trop gros")];
        assert_eq!(refusal(&[attempt(Event::AnswerLost, "cut")], &journal), read, "refused before its try");
        let later = [journal[1].clone(), of_kind("deposit.sending", "")];
        assert_eq!(refusal(&[attempt(Event::AnswerLost, "cut")], &later), None, "a later try had no answer");
        let fault = Refusal::read("20001 trop gros").ended();
        assert_eq!(fault, Fault::new(Code::DepositRefused).with("code", "20001").with("label", "trop gros"));
        assert_eq!(Refusal::of(&fault).kept(), "20001 trop gros");
    }

    #[test]
    fn a_step_of_ours_that_failed_and_is_over_is_no_longer_what_a_doubt_shows() {
        let mut flow = crate::work::core::tests::flow_record();
        flow.fault = Some(Fault::new(Code::DoubtNeedsPerson).with("number", "F1"));
        assert_eq!(still_doubted(&flow, &[]), flow.fault);
        flow.fault = Some(Fault::new(Code::JobFails).with("detail", "disk"));
        let attempt = AttemptRecord {
            n: 1,
            intent_at: at(1),
            ended_at: Some(at(2)),
            deposit_number: None,
            outcome: Some("answer_lost".to_owned()),
            detail: Some("cut".to_owned()),
        };
        assert_eq!(still_doubted(&flow, &[attempt]), Some(Fault::new(Code::AnswerLost).with("detail", "cut")));
    }
}
