//! Follows the invoices of an integrated flow to their final status.
//!
//! Promise: Chorus Pro's status is recorded, never decided here; each new one is a leaf, a line of the receipt and an event
//! in `/statuts/`. A flux is searched as a whole, and the history is asked for only when the search shows a change. What a
//! round has read is kept, and the next goes on where it was broken off: a lost answer costs that answer alone, and an invoice
//! about which no answer can be used holds up no other: it is named, and asked for again. Nor does a search for the flux as a
//! whole hold them up that never gets one. Unknown codes, rejections, recalls, refusals by a validator and suspensions are shown, of each invoice (`store/standing`).

mod place;
mod rows;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chorus::{SentInvoice, WireDate};
use crate::domain::{DepositNumber, InvoiceStatus, Timestamp};
use crate::fault::{Code, Fault, Language, Text};
use crate::flow::FlowKind;
use crate::flow::deposit::State;
use crate::store::{FlowRecord, InvoiceRecord, Lease, Passing, StatusRecord};
use crate::work::core::{Core, JobError};
use crate::work::reach::{NOT_SENT, Setback};
use crate::work::received_statuses;
use crate::work::rejection::{self, Word};
use crate::work::status_events::{self, Beside};
use place::Place;
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
/// An invoice that gets no answer while others do has trouble of its own after so many tries; if nothing is answered, after more.
const OWN_TRIES: u32 = 2;
const LAST_TRY: u32 = 6;
/// The tries of a search for a flux as a whole count this far apart at least: an outage is nobody's own trouble.
const COUNT_EVERY: Duration = Duration::from_secs(60);
/// That search was given up, and tried once more when a question about one invoice was answered.
const GIVEN_UP: u32 = LAST_TRY + 1;
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
        return end_of(core, lease, &flow).await;
    }
    let mut known: HashMap<u32, Vec<StatusRecord>> = HashMap::new();
    for (ordinal, status) in reader.statuses(&flow.id)? {
        known.entry(ordinal).or_default().push(status);
    }
    let kept = reader.remembered(&lease.realm, &Place::name(&flow))?;
    let is_sought = invoices.iter().any(|invoice| is_open(invoice) && invoice.chorus_id.is_none());
    let taken_before = is_sought && rejection::word_of(&reader.steps(&flow.id)?) == Some(Word::There);
    drop(reader);
    let place = Place::read(kept.as_deref());
    let follower = Follower { core, lease, flow: &flow, invoices: &invoices, known, kept, place, taken_before };
    follower.round().await
}

/// Nothing more is expected of the flow: nothing is kept of where its rounds were.
async fn end_of(core: &Core, lease: &Lease, flow: &FlowRecord) -> Result<(), JobError> {
    let kept = ["undated", "mandate"].map(|what| format!("{what}:{}:", flow.id));
    core.store.forget(&lease.realm, kept.into_iter().chain([Place::name(flow)]).collect()).await?;
    Ok(core.store.finish(lease).await?)
}

/// Whether more is expected of an invoice.
pub(super) fn is_open(invoice: &InvoiceRecord) -> bool {
    invoice.refused.is_none() && !invoice.told_out && !invoice.status.as_ref().is_some_and(InvoiceStatus::is_final)
}

/// What a round over a flow's invoices found.
struct Round {
    /// Chorus Pro's refusal of a question.
    refusal: Option<Fault>,
    /// That the flux as a whole gets no answer.
    unsearched: Option<Fault>,
    /// How often in a row it got none, and when that was counted last.
    searches: u32,
    counted_at: Timestamp,
    /// Of each invoice, by its place in the file, when it was last looked at: known there, and no search shows it any more.
    unseen: BTreeSet<u32>,
    /// The same: Chorus Pro gives no answer about it that can be used.
    unanswered: BTreeSet<u32>,
    /// Whether a status waits for its date.
    undated: bool,
    /// Whether Chorus Pro answered anything.
    answered: bool,
}

impl Round {
    /// As far as the one before it came.
    fn begin(place: &Place) -> Self {
        Self {
            refusal: None,
            unsearched: None,
            searches: place.searches,
            counted_at: place.counted_at,
            unseen: place.unseen.clone(),
            unanswered: place.unanswered.clone(),
            undated: false,
            answered: false,
        }
    }

    /// Where the next one begins: at the invoice `next`, about which there was no answer `tries` times.
    fn place(self, begun_at: &Place, next: u32, tries: u32) -> Place {
        let Self { unseen, unanswered, searches, counted_at, .. } = self;
        Place { next, tries, unseen, unanswered, searches, counted_at, ..begun_at.clone() }
    }
}

struct Follower<'a> {
    core: &'a Arc<Core>,
    lease: &'a Lease,
    flow: &'a FlowRecord,
    /// Every one of the flow.
    invoices: &'a [InvoiceRecord],
    /// By the invoice's place in the file.
    known: HashMap<u32, Vec<StatusRecord>>,
    /// The place as it is kept.
    kept: Option<String>,
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
        // A look for what is missing says nothing about the others.
        let begun_at = match self.place.is_full == full {
            true => self.place.clone(),
            false => Place { is_full: full, next: 0, tries: 0, ..self.place.clone() },
        };
        let wanted: Vec<&InvoiceRecord> = self
            .invoices
            .iter()
            .filter(|invoice| is_open(invoice) && (full || invoice.chorus_id.is_none()))
            .filter(|invoice| invoice.ordinal >= begun_at.next)
            .collect();
        let mut round = Round::begin(&begun_at);
        // One alone is asked for by its own number, unless the whole list has to say that it is not there.
        let as_a_whole = wanted.len() > 1 || full && self.is_unnamed();
        let deposit = self.flow.deposit_number.as_ref();
        if let Some(deposit) = deposit.filter(|_| round.searches >= GIVEN_UP) {
            round.unsearched = Some(Fault::new(Code::FluxNotSearched).with("deposit", deposit).with("tries", LAST_TRY));
        }
        let deposit = deposit.filter(|_| as_a_whole);
        let mut flux = match deposit.filter(|_| round.searches < LAST_TRY) {
            None => None,
            Some(deposit) => match self.search(deposit, &mut round).await? {
                Ok(flux) => flux,
                Err(at) => {
                    let place = round.place(&begun_at, begun_at.next, begun_at.tries);
                    return self.break_off(place, at).await;
                }
            },
        };
        let begun = Instant::now();
        for invoice in wanted {
            let place = |tries: u32, round: Round| round.place(&begun_at, invoice.ordinal, tries);
            if begun.elapsed() >= ROUND_LIMIT {
                return self.break_off(place(0, round), self.core.now()).await;
            }
            // Chorus Pro answers a question about one: what kept it from listing the flux may be over.
            if let Some(deposit) = deposit.filter(|_| round.searches == LAST_TRY && round.answered) {
                match self.search(deposit, &mut round).await? {
                    Ok(searched) => flux = searched,
                    Err(at) => return self.break_off(place(0, round), at).await,
                }
            }
            round.unseen.remove(&invoice.ordinal);
            round.unanswered.remove(&invoice.ordinal);
            match self.look(invoice, flux.as_ref(), &mut round).await? {
                Ok(()) => {}
                // Named as well: the refusal's own words are gone when the round is broken off.
                Err(Setback::Refused { fault }) => {
                    round.refusal = Some(fault);
                    round.unanswered.insert(invoice.ordinal);
                }
                Err(Setback::Later { at, fault }) => {
                    let before = if begun_at.next == invoice.ordinal { begun_at.tries } else { 0 };
                    let tries = before + u32::from(may_be_its_own(&fault));
                    if !is_its_own(&fault, tries, round.answered) {
                        return self.break_off(place(tries, round), at).await;
                    }
                    log::warn!(flow = self.flow.id.as_str(), invoice = invoice.facts.number.as_str(),
                        fault = fault.code.as_str(), detail = fault.detail("detail", Language::En).unwrap_or_default();
                        "Chorus Pro gives no answer about an invoice that can be used; it is asked for again");
                    round.unanswered.insert(invoice.ordinal);
                }
            }
        }
        self.end(round, full).await
    }

    /// The flux as a whole; none where Chorus Pro refuses that: then its invoices are asked for one by one. So they are after
    /// many tries in a row without an answer that can be used. The inner error is when to go on.
    async fn search(
        &self,
        deposit: &DepositNumber,
        round: &mut Round,
    ) -> Result<Result<Option<Flux>, Timestamp>, JobError> {
        let searched = match Flux::search(self.core, &self.lease.realm, deposit).await {
            Ok(flux) => Some(flux),
            Err(Setback::Refused { fault }) => {
                log::info!(flow = self.flow.id.as_str(), fault = fault.code.as_str();
                    "A flux cannot be searched as a whole; its invoices are asked for one by one");
                None
            }
            Err(Setback::Later { at, fault }) => {
                let (now, last) = (self.core.now(), round.counted_at);
                // After an answer about one invoice it counts at once: that is no outage.
                let is_apart = round.answered || now < last || now.since(last) >= COUNT_EVERY;
                if may_be_its_own(&fault) && is_apart {
                    (round.searches, round.counted_at) = (round.searches + 1, now);
                }
                if round.searches >= GIVEN_UP {
                    log::warn!(flow = self.flow.id.as_str(), fault = fault.code.as_str(),
                        detail = fault.detail("detail", Language::En).unwrap_or_default();
                        "The search for a flux as a whole gets no answer that can be used; its invoices are asked for one by one");
                }
                return Ok(Err(at));
            }
        };
        (round.searches, round.counted_at, round.answered) = (0, Timestamp::EPOCH, true);
        if let Some(flux) = searched.as_ref().filter(|flux| flux.is_whole) {
            self.settle_unnamed(flux).await?;
        }
        Ok(Ok(searched))
    }

    /// Whether Chorus Pro took the flux in part, without saying which of its invoices it refused.
    fn is_unnamed(&self) -> bool {
        self.flow.state == State::PartlyIntegrated.as_str() && !InvoiceRecord::unconfirmed(self.invoices).is_empty()
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
        // Of a structure whose invoices this account may not see, no row is no news either. A SIRET is one, a SIREN is many.
        let is_shown = |i: &InvoiceRecord| flux.row_of(i, self.has_number_alone(i)).is_some();
        let seen: Vec<&str> = self.invoices.iter().filter(|i| is_shown(i)).map(|i| i.facts.supplier.trim()).collect();
        let is_seen = |i: &InvoiceRecord| seen.contains(&i.facts.supplier.trim());
        let is_gone = |i: &&&InvoiceRecord| i.refused.is_none() && !is_shown(i) && is_seen(i);
        let gone: Vec<u32> = sought.iter().filter(is_gone).map(|invoice| invoice.ordinal).collect();
        if !gone.is_empty() {
            self.core.store.not_taken(&self.flow.id, gone, None, now).await?;
        }
        Ok(())
    }

    /// The next round begins at this place: what was read before it is kept.
    async fn break_off(&self, place: Place, at: Timestamp) -> Result<(), JobError> {
        self.keep_place(place).await?;
        Ok(self.core.store.postpone(self.lease, at).await?)
    }

    async fn keep_place(&self, place: Place) -> Result<(), JobError> {
        let (store, realm, name) = (&self.core.store, &self.lease.realm, Place::name(self.flow));
        // Whoever wrote another one meanwhile wants everything looked at anew.
        if place != self.place && store.reader()?.remembered(realm, &name)? == self.kept {
            store.remember(realm, &name, &place.text()).await?;
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
                round.answered = true;
                round.unseen.insert(invoice.ordinal);
                return Ok(Ok(()));
            }
            Err(setback) => return Ok(Err(setback)),
        };
        round.answered = true;
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
            let mandate = status_events::mandate(self.core, self.flow, row.id, &statuses, &known).await?;
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
            let is_it = |row: &SentInvoice| rows::is_of(row, &deposit) && rows::is_row_of(row, invoice, alone);
            let found = rows::search_one(core, realm, invoice, Some(deposit.clone()), is_it).await?;
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
        let integrated_for = now.since(self.flow.since);
        let is_late = integrated_for >= FIND_GRACE;
        let is_missing =
            |invoice: &InvoiceRecord| invoice.chorus_id.is_none() || round.unseen.contains(&invoice.ordinal);
        let is_unanswered = |invoice: &InvoiceRecord| round.unanswered.contains(&invoice.ordinal);
        let shown = self.flow.fault.as_ref().map(|fault| fault.code);
        // What is shown as not confirmed, and may have been read, is not told a second time.
        let is_told = |i: &InvoiceRecord| shown == Some(Code::NotConfirmed) && i.chorus_id.is_none();
        let untold = |i: &&InvoiceRecord| is_unanswered(i) || is_late && is_missing(i) && !is_told(i);
        let untold: Vec<&InvoiceRecord> = open.iter().copied().filter(untold).collect();
        let missing = (!untold.is_empty()).then(|| not_told(&untold));
        // The next round tries once.
        let searches = round.searches.min(LAST_TRY - 1);
        let met: Vec<Fault> = round.refusal.into_iter().chain(missing).chain(round.unsearched).collect();
        let is_all = full || !met.is_empty() || shown == Some(Code::NotFoundAfterIntegration);
        let passing = if is_all { Passing::Now(met) } else { Passing::Kept };
        core.store.stand(&self.flow.id, passing, now).await?;
        if open.is_empty() && !round.undated {
            return end_of(core, self.lease, self.flow).await;
        }
        let poll = self.poll();
        let unchanged = now.since(self.flow.changed_at);
        let full_at = match full {
            // Soon, and less often the longer it lasts.
            true if open.iter().any(|invoice| is_unanswered(invoice)) => {
                let lasts = if shown.is_some() { unchanged } else { Duration::ZERO };
                now.plus(find_wait(poll, lasts))
            }
            true => now.plus(rest(poll, unchanged)),
            false => self.place.full_at,
        };
        let never_shown = open.iter().any(|invoice| invoice.chorus_id.is_none());
        let at = if never_shown { full_at.min(now.plus(find_wait(poll, integrated_for))) } else { full_at };
        // Only a look for what is missing must know when the next at all of them is due.
        let full_at = if never_shown { full_at } else { Timestamp::EPOCH };
        let (unseen, unanswered, counted_at) = (round.unseen, round.unanswered, round.counted_at);
        self.keep_place(Place { full_at, unseen, unanswered, searches, counted_at, ..Place::default() }).await?;
        Ok(core.store.postpone(self.lease, at).await?)
    }
}

/// Whether a missing answer may be about what was asked for: what came made no sense, or broke off. Nothing comes to what
/// never left.
fn may_be_its_own(fault: &Fault) -> bool {
    matches!(fault.code, Code::AnswerUnreadable | Code::ChorusFailing) && !fault.details.contains_key(NOT_SENT)
}

/// Whether it is. What makes no sense while the rest does is; a failure first has a second try. Where nothing at all is
/// answered, Chorus Pro itself is in trouble, for a while.
fn is_its_own(fault: &Fault, tries: u32, answered: bool) -> bool {
    let least = if fault.code == Code::AnswerUnreadable { 1 } else { OWN_TRIES };
    may_be_its_own(fault) && tries >= if answered { least } else { LAST_TRY }
}

/// Until the next look at every invoice: the longer nothing changed, the longer.
fn rest(poll: Duration, unchanged: Duration) -> Duration {
    (unchanged / REST_PART).clamp(poll, poll.saturating_mul(REST_FACTOR))
}

/// Until the next look for what is missing: as long as it has been missing, within bounds; so it doubles.
fn find_wait(poll: Duration, missing: Duration) -> Duration {
    missing.clamp(FIND_AGAIN.min(poll), poll)
}

fn not_told(missing: &[&InvoiceRecord]) -> Fault {
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
        others: serde_json::Map::new(),
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
    fn a_missing_answer_is_about_one_invoice_only_where_others_get_theirs() {
        let (unreadable, failing) = (Fault::new(Code::AnswerUnreadable), Fault::new(Code::ChorusFailing));
        assert!(is_its_own(&unreadable, 1, true) && !is_its_own(&unreadable, 1, false));
        assert!(!is_its_own(&failing, 1, true) && is_its_own(&failing, 2, true));
        assert!(!is_its_own(&failing, 5, false) && is_its_own(&failing, 6, false));
        assert!(!is_its_own(&Fault::new(Code::Throttled), 9, true), "a pause is nobody's fault");
        assert!(!is_its_own(&failing.with(NOT_SENT, "1"), 9, true), "nor is a token that was not given");
    }
}
