//! Follows the invoices of an integrated flow to their final status.
//!
//! Promise: Chorus Pro's status is recorded, never decided here; each new one is a leaf, a line of the receipt and an event
//! in `/statuts/`. A flux is searched as a whole, and the history is asked for only when the search shows a change. What a
//! round has read is kept, and the next goes on where it was broken off: a lost answer costs that answer alone. Unknown codes,
//! rejections, recalls, refusals by a validator and suspensions are shown, of each invoice (`store/standing`).

mod rows;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chorus::{SentInvoice, WireDate};
use crate::domain::{InvoiceStatus, Timestamp};
use crate::fault::{Code, Fault, Text};
use crate::flow::FlowKind;
use crate::flow::deposit::State;
use crate::store::{FlowRecord, InvoiceRecord, Lease, Passing, StatusRecord};
use crate::work::core::{Core, JobError};
use crate::work::reach::Setback;
use crate::work::received_statuses;
use crate::work::rejection::{self, Word};
use crate::work::status_events::{self, Beside};
use rows::Flux;

/// An integrated invoice that no search shows is looked for this often at first, less often the longer it is missing.
const FIND_AGAIN: Duration = Duration::from_secs(60);
/// How long an integrated invoice may be missing from searches before it is a fault, and a status may wait for its date.
const FIND_GRACE: Duration = Duration::from_secs(3600);
/// A flow of which nothing changed is asked for after this part of the time that it has rested: so many times less often than
/// is configured, at most (a day, of four hours).
const REST_PART: u32 = 24;
const REST_FACTOR: u32 = 6;
/// A round ends in time to keep its place: before the job's own limit.
const ROUND_LIMIT: Duration = Duration::from_secs(8 * 60);
/// Of a recipient that reports no payment, a payment order that nothing followed for so long is the last word.
const ORDER_RESTS: Duration = Duration::from_secs(30 * 24 * 3600);
/// Missing invoices named in a fault.
const NAMED: usize = 5;

pub(super) async fn run(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    let reader = core.store.reader()?;
    let flow = core.flow(&reader, lease)?;
    if flow.kind == FlowKind::Reception {
        drop(reader);
        return received_statuses::run(core, lease, &flow).await;
    }
    let followed = flow.state.parse::<State>().is_ok_and(State::is_followed);
    let invoices = reader.invoices(&flow.id)?;
    if !followed || !invoices.iter().any(is_open) {
        drop(reader);
        return Ok(core.store.finish(lease).await?);
    }
    let mut known: HashMap<u32, Vec<StatusRecord>> = HashMap::new();
    for (ordinal, status) in reader.statuses(&flow.id)? {
        known.entry(ordinal).or_default().push(status);
    }
    let place = Place::read(reader.remembered(&lease.realm, &Place::name(&flow))?.as_deref());
    let is_sought = invoices.iter().any(|invoice| is_open(invoice) && invoice.chorus_id.is_none());
    let taken_before = is_sought && rejection::word_of(&reader.steps(&flow.id)?) == Some(Word::There);
    drop(reader);
    let follower = Follower { core, lease, flow: &flow, invoices: &invoices, known, place, taken_before };
    follower.round().await
}

/// Whether more is expected of an invoice.
pub(super) fn is_open(invoice: &InvoiceRecord) -> bool {
    invoice.refused.is_none() && !invoice.told_out && !invoice.status.as_ref().is_some_and(InvoiceStatus::is_final)
}

/// Where the rounds over a flow are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// Before this only invoices that no search has shown yet are looked for.
    full_at: Timestamp,
    /// The invoice at which a round was broken off; those before it were looked at.
    next: u32,
}

impl Place {
    fn name(flow: &FlowRecord) -> String {
        format!("following:{}", flow.id)
    }

    fn read(text: Option<&str>) -> Self {
        let mut numbers = text.unwrap_or_default().split(' ');
        let full_at = numbers.next().and_then(|n| n.parse().ok()).map(Timestamp::from_millis);
        let next = numbers.next().and_then(|n| n.parse().ok());
        Self { full_at: full_at.unwrap_or(Timestamp::EPOCH), next: next.unwrap_or(0) }
    }
}

/// What a round over a flow's invoices found.
#[derive(Default)]
struct Round {
    /// Chorus Pro's refusal of a question.
    fault: Option<Fault>,
    /// Invoices known there that no search shows any more, by their place in the file.
    unseen: Vec<u32>,
    /// Whether a status waits for its date.
    undated: bool,
}

struct Follower<'a> {
    core: &'a Arc<Core>,
    lease: &'a Lease,
    flow: &'a FlowRecord,
    /// Every one of the flow.
    invoices: &'a [InvoiceRecord],
    /// By the invoice's place in the file.
    known: HashMap<u32, Vec<StatusRecord>>,
    place: Place,
    /// By an earlier try, as a person says: that flux has no number we know, and ours was rejected.
    taken_before: bool,
}

impl Follower<'_> {
    /// Whether this is a look at every invoice, or only for those that are missing. A date that only a clock gone astray can
    /// have written counts for nothing.
    fn is_full(&self) -> bool {
        let now = self.core.now();
        now >= self.place.full_at || self.place.full_at.since(now) > self.poll().saturating_mul(REST_FACTOR)
    }

    fn poll(&self) -> Duration {
        self.core.options.load().limits.status_poll.get()
    }

    async fn round(&self) -> Result<(), JobError> {
        let full = self.is_full();
        let wanted: Vec<&InvoiceRecord> = self
            .invoices
            .iter()
            .filter(|invoice| is_open(invoice) && (full || invoice.chorus_id.is_none()))
            .filter(|invoice| invoice.ordinal >= self.place.next)
            .collect();
        // One alone is asked for by its own number, unless the whole list has to say that it is not there.
        let as_a_whole = wanted.len() > 1 || full && self.is_unnamed();
        let flux = match &self.flow.deposit_number {
            Some(deposit) if as_a_whole => match Flux::search(self.core, &self.lease.realm, deposit).await {
                Ok(flux) => Some(flux),
                Err(Setback::Later { at, .. }) => return Ok(self.core.store.postpone(self.lease, at).await?),
                Err(Setback::Refused { fault }) => {
                    log::info!(flow = self.flow.id.as_str(), fault = fault.code.as_str();
                        "A flux cannot be searched as a whole; its invoices are asked for one by one");
                    None
                }
            },
            _ => None,
        };
        if let Some(flux) = flux.as_ref().filter(|flux| flux.is_whole) {
            self.settle_unnamed(flux).await?;
        }
        let begun = Instant::now();
        let mut round = Round::default();
        for invoice in wanted {
            if begun.elapsed() >= ROUND_LIMIT {
                return self.break_off(invoice, self.core.now()).await;
            }
            match self.look(invoice, flux.as_ref(), &mut round).await? {
                Ok(()) => {}
                Err(Setback::Later { at, .. }) => return self.break_off(invoice, at).await,
                Err(Setback::Refused { fault }) => round.fault = Some(fault),
            }
        }
        self.end(round, full).await
    }

    /// Whether Chorus Pro took the flux in part, without saying which of its invoices it refused.
    fn is_unnamed(&self) -> bool {
        self.flow.state == State::PartlyIntegrated.as_str()
            && self.invoices.iter().all(|invoice| invoice.refused.is_none())
            && self.invoices.iter().any(|invoice| invoice.chorus_id.is_none())
    }

    /// Of such a flux, what its whole list does not show once searches cannot lag any more was not taken.
    async fn settle_unnamed(&self, flux: &Flux) -> Result<(), JobError> {
        let now = self.core.now();
        let delay = self.core.options.load().limits.integration_delay.get();
        if !self.is_unnamed() || now.since(self.flow.since) < delay {
            return Ok(());
        }
        // A list that lacks what was there before says nothing: no row is no news.
        let (there, sought): (Vec<_>, Vec<_>) = self.invoices.iter().partition(|invoice| invoice.chorus_id.is_some());
        if there.is_empty() || there.iter().any(|invoice| flux.row_of(invoice, false).is_none()) {
            return Ok(());
        }
        let is_gone = |i: &&&InvoiceRecord| flux.row_of(i, self.has_number_alone(i)).is_none();
        let gone: Vec<u32> = sought.iter().filter(is_gone).map(|invoice| invoice.ordinal).collect();
        if !gone.is_empty() {
            self.core.store.not_taken(&self.flow.id, gone, now).await?;
        }
        Ok(())
    }

    /// The next round begins at this invoice: what was read before it is kept.
    async fn break_off(&self, invoice: &InvoiceRecord, at: Timestamp) -> Result<(), JobError> {
        self.keep_place(Place { next: invoice.ordinal, ..self.place }).await?;
        Ok(self.core.store.postpone(self.lease, at).await?)
    }

    async fn keep_place(&self, place: Place) -> Result<(), JobError> {
        if place != self.place {
            let text = format!("{} {}", place.full_at.millis(), place.next);
            self.core.store.remember(&self.lease.realm, &Place::name(self.flow), &text).await?;
        }
        Ok(())
    }

    /// One invoice: its row, then its history if something changed. The inner error is Chorus Pro's.
    async fn look(
        &self,
        invoice: &InvoiceRecord,
        flux: Option<&Flux>,
        round: &mut Round,
    ) -> Result<Result<(), Setback>, JobError> {
        let row = match self.find(invoice, flux).await {
            Ok(Some(row)) => row,
            Ok(None) => {
                round.unseen.push(invoice.ordinal);
                return Ok(Ok(()));
            }
            Err(setback) => return Ok(Err(setback)),
        };
        if invoice.chorus_id != Some(row.id) {
            self.core.store.identify(&self.flow.id, invoice.ordinal, row.id, self.core.now()).await?;
        }
        let known: Vec<&StatusRecord> = self.known.get(&invoice.ordinal).into_iter().flatten().collect();
        let mut current = of_row(&row);
        if is_news(&row, invoice, &known) {
            let history = match status_events::history(self.core, &self.lease.realm, row.id).await {
                Ok(history) => history,
                Err(setback) => return Ok(Err(setback)),
            };
            let is_dated = !history.is_empty() || !current.at.is_empty();
            let statuses = if history.is_empty() { vec![current.clone()] } else { told_once(history, &known) };
            if let Some(last) = statuses.last() {
                current = last.clone();
            }
            // Told once, when its date is known; of one that gets none, without it.
            if !is_dated && self.may_be_dated(invoice, &current).await? {
                round.undated = true;
                return Ok(Ok(()));
            }
            let mandate = status_events::mandate(self.core, self.flow, row.id, &statuses, &known).await;
            let mandate = match mandate {
                Ok(mandate) => mandate,
                Err(setback) => return Ok(Err(setback)),
            };
            let beside = Beside { mandate, is_last: self.is_last_word(invoice, &current)? };
            status_events::keep(self.core, self.flow, invoice, row.id, statuses, &known, beside).await?;
        }
        if self.is_last_word(invoice, &current)? {
            self.core.store.told_out(&self.flow.id, invoice.ordinal, self.core.now()).await?;
        }
        Ok(Ok(()))
    }

    /// Whether nothing more will be told of an invoice that is not at a final status: its recipient does not report payments.
    /// Once it is booked; a payment order may yet be taken back, so it must have rested.
    fn is_last_word(&self, invoice: &InvoiceRecord, current: &StatusRecord) -> Result<bool, JobError> {
        let rest = match current.status {
            InvoiceStatus::Comptabilisee => Duration::ZERO,
            InvoiceStatus::Mandatee | InvoiceStatus::MiseADispositionComptable => ORDER_RESTS,
            _ => return Ok(false),
        };
        let rested = WireDate::new(current.at.as_str()).instant().is_some_and(|at| self.core.now().since(at) >= rest);
        if !rested {
            return Ok(false);
        }
        let reader = self.core.store.reader()?;
        let recipient = invoice.facts.recipient.trim();
        let structure = reader.directory().structure(self.lease.realm.environment, recipient)?;
        Ok(structure.is_some_and(|structure| structure.payment_reported == Some(false)))
    }

    /// Whether a date may yet be shown of a status that has none: for a while from when it was first seen.
    async fn may_be_dated(&self, invoice: &InvoiceRecord, status: &StatusRecord) -> Result<bool, JobError> {
        let (core, realm, now) = (self.core, &self.lease.realm, self.core.now());
        let name = format!("undated:{}:{}:{}", self.flow.id, invoice.ordinal, status.status);
        let seen = core.store.reader()?.remembered(realm, &name)?.and_then(|seen| seen.parse().ok());
        let Some(seen) = seen.map(Timestamp::from_millis) else {
            core.store.remember(realm, &name, &now.millis().to_string()).await?;
            return Ok(true);
        };
        Ok(now.since(seen) < FIND_GRACE)
    }

    /// The invoice's row: of the flux, or in a search for it alone.
    async fn find(&self, invoice: &InvoiceRecord, flux: Option<&Flux>) -> Result<Option<SentInvoice>, Setback> {
        let (core, realm) = (self.core, &self.lease.realm);
        let alone = invoice.chorus_id.is_none() && self.has_number_alone(invoice);
        if let Some(row) = flux.and_then(|flux| flux.row_of(invoice, alone)) {
            return Ok(Some(row.clone()));
        }
        // Once it is known by its number there, whichever flux it came by: it may be an earlier try's.
        let Some(deposit) = self.flow.deposit_number.clone().filter(|_| invoice.chorus_id.is_none()) else {
            return rows::search_one(core, realm, invoice, None, |row| rows::is_row_of(row, invoice, false)).await;
        };
        if flux.is_none_or(|flux| !flux.is_whole) {
            let is_it = |row: &SentInvoice| rows::is_row_of(row, invoice, alone);
            let found = rows::search_one(core, realm, invoice, Some(deposit), is_it).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        if !self.taken_before {
            return Ok(None);
        }
        rows::search_one(core, realm, invoice, None, |row| rejection::is_same_invoice(row, &invoice.facts)).await
    }

    /// Whether no other invoice of the flow has its number.
    fn has_number_alone(&self, invoice: &InvoiceRecord) -> bool {
        self.invoices.iter().filter(|other| other.facts.number == invoice.facts.number).count() < 2
    }

    /// Shows what the round met and settles when to look again.
    async fn end(&self, round: Round, full: bool) -> Result<(), JobError> {
        let (core, now) = (self.core, self.core.now());
        let invoices = core.store.reader()?.invoices(&self.flow.id)?;
        let open: Vec<&InvoiceRecord> = invoices.iter().filter(|invoice| is_open(invoice)).collect();
        let is_missing =
            |invoice: &InvoiceRecord| invoice.chorus_id.is_none() || round.unseen.contains(&invoice.ordinal);
        let missing: Vec<&InvoiceRecord> = open.iter().copied().filter(|invoice| is_missing(invoice)).collect();
        let integrated_for = now.since(self.flow.since);
        let shown = self.flow.fault.as_ref().map(|fault| fault.code);
        let passing = match round.fault {
            Some(fault) => Passing::Now(Some(fault)),
            None if !missing.is_empty() && integrated_for >= FIND_GRACE => Passing::Now(Some(not_found(&missing))),
            None if full || shown == Some(Code::NotFoundAfterIntegration) => Passing::Now(None),
            None => Passing::Kept,
        };
        core.store.stand(&self.flow.id, passing, now).await?;
        if open.is_empty() && !round.undated {
            return Ok(core.store.finish(self.lease).await?);
        }
        let poll = self.poll();
        let full_at = match full {
            true => now.plus(rest(poll, now.since(self.flow.changed_at))),
            false => self.place.full_at,
        };
        let never_shown = open.iter().any(|invoice| invoice.chorus_id.is_none());
        let at = if never_shown { full_at.min(now.plus(find_wait(poll, integrated_for))) } else { full_at };
        // Only a look for what is missing must know when the next at all of them is due.
        self.keep_place(Place { full_at: if never_shown { full_at } else { Timestamp::EPOCH }, next: 0 }).await?;
        Ok(core.store.postpone(self.lease, at).await?)
    }
}

/// Until the next look at every invoice: the longer nothing changed, the longer.
fn rest(poll: Duration, unchanged: Duration) -> Duration {
    (unchanged / REST_PART).clamp(poll, poll.saturating_mul(REST_FACTOR))
}

/// Until the next look for what is missing: as long as it has been missing, within bounds; so it doubles.
fn find_wait(poll: Duration, missing: Duration) -> Duration {
    missing.clamp(FIND_AGAIN.min(poll), poll)
}

fn not_found(missing: &[&InvoiceRecord]) -> Fault {
    let named: Vec<&str> = missing.iter().take(NAMED).map(|invoice| invoice.facts.number.as_str()).collect();
    let (named, rest) = (named.join(", "), missing.len().saturating_sub(NAMED));
    let text = match rest {
        0 => Text::same(named),
        rest => Text::new(format!("{named} et {rest} autres"), format!("{named} and {rest} more")),
    };
    Fault::new(Code::NotFoundAfterIntegration).with_text("number", &text)
}

/// Whether the search shows something that is not recorded yet.
fn is_news(row: &SentInvoice, invoice: &InvoiceRecord, known: &[&StatusRecord]) -> bool {
    let at = row.status_at.as_ref().map(WireDate::as_str);
    let is_told = |at: &str| known.iter().any(|k| k.is_of(&row.status, at) || k.is_of(&row.status, ""));
    invoice.status.as_ref() != Some(&row.status) || known.is_empty() || at.is_some_and(|at| !is_told(at))
}

/// The history without what was told already before it had a date. Its last is what is new.
fn told_once(mut history: Vec<StatusRecord>, known: &[&StatusRecord]) -> Vec<StatusRecord> {
    for told in known.iter().filter(|told| told.at.is_empty()) {
        let is_it = |status: &StatusRecord| status.status == told.status && !known.iter().any(|k| k.is_same(status));
        let earlier = &history[..history.len().saturating_sub(1)];
        if let Some(place) = earlier.iter().position(is_it) {
            history.remove(place);
        }
    }
    history
}

/// When the history says nothing, the search's own words.
fn of_row(row: &SentInvoice) -> StatusRecord {
    StatusRecord {
        status: row.status.clone(),
        at: row.status_at.as_ref().map(|at| at.as_str().to_owned()).unwrap_or_default(),
        author: None,
        comment: row.comment.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_is_asked_for_less_often_within_bounds() {
        let hour = Duration::from_secs(3600);
        assert_eq!(rest(hour * 4, Duration::ZERO), hour * 4);
        assert_eq!(rest(hour * 4, hour * 24 * 10), hour * 10);
        assert_eq!(rest(hour * 4, hour * 24 * 400), hour * 24);
        assert_eq!(rest(Duration::from_secs(1), hour * 24), Duration::from_secs(6));
    }

    #[test]
    fn what_is_missing_is_looked_for_ever_less_often_and_no_more_than_all_the_rest() {
        let (minute, poll) = (Duration::from_secs(60), Duration::from_secs(4 * 3600));
        let mut looks = 0;
        let mut age = Duration::ZERO;
        while age < Duration::from_secs(24 * 3600) {
            age += find_wait(poll, age);
            looks += 1;
        }
        assert_eq!(find_wait(poll, minute), minute);
        assert!(looks < 16, "{looks} looks in the first day, not 1440");
        assert_eq!(find_wait(Duration::from_millis(100), minute), Duration::from_millis(100));
    }

    #[test]
    fn a_place_reads_back_and_none_is_the_beginning() {
        let place = Place { full_at: Timestamp::from_millis(12), next: 7 };
        assert_eq!(Place::read(Some("12 7")), place);
        assert_eq!(Place::read(None), Place { full_at: Timestamp::EPOCH, next: 0 });
    }
}
