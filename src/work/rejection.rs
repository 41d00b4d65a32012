//! Reads a rejection: is the invoice at Chorus Pro already, and was it us who sent it?
//!
//! Chorus Pro takes an invoice once (PROTOCOL §5: year, SIREN and number). A flux that was sent once more, because its
//! first answer was lost or a proxy sent it twice, is therefore rejected, and the invoice is taken all the same: that is
//! success. Another invoice under the same number is not; then both are shown.

use rust_decimal::Decimal;

use crate::chorus::{Report, ReportedInvoice, SentInvoice, WireDate};
use crate::domain::{DepositNumber, Timestamp};
use crate::fault::{Code, Fault, Text};
use crate::flow::deposit::Event;
use crate::store::{AttemptRecord, FlowRecord, InvoiceFacts, InvoiceRecord, Lease, StepRecord};
use crate::work::core::{Core, JobError};
use crate::work::doubt::{self, Range, Sent};
use crate::work::reach::Setback;

/// Detail of a rejection that cannot be looked up: how many invoices it is about.
pub const IN_QUESTION: &str = "in_question";

/// What a look at Chorus Pro says about rejected invoices.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Taken by an earlier try of this flow: the invoice's place among those asked about, and its row.
    pub ours: Vec<(usize, SentInvoice)>,
    /// Another invoice of the same number, supplier and year.
    pub others: Vec<(usize, SentInvoice)>,
}

/// Looks up the rejected invoices of a flow.
pub(super) async fn look_up(
    core: &Core,
    lease: &Lease,
    flow: &FlowRecord,
    rejected: &[InvoiceRecord],
    attempts: &[AttemptRecord],
) -> Result<Result<Found, Setback>, JobError> {
    let (false, Some(tries)) = (rejected.is_empty(), Tries::of(attempts, flow)) else {
        return Ok(Ok(Found::default()));
    };
    let rows = match doubt::search(core, lease, rejected, tries.sent, Range::Ever).await {
        Ok(seen) => seen.rows,
        Err(setback) => return Ok(Err(setback)),
    };
    let mut found = Found::default();
    for (place, invoice) in rejected.iter().enumerate() {
        for row in rows.iter().filter(|row| is_same_invoice(row, &invoice.facts)) {
            let reader = core.store.reader()?;
            let is_others = match &row.deposit {
                Some(deposit) if tries.numbers.contains(&deposit) => false,
                Some(deposit) if reader.is_deposit_of_another(&flow.realm, &flow.id, deposit)? => true,
                _ => reader.was_sent_by_another(&flow.realm, &flow.id, &invoice.facts)?,
            };
            drop(reader);
            if !is_others && tries.made(row, invoice) {
                found.ours.push((place, row.clone()));
                break;
            } else if !invoice.repeatable && found.others.last().is_none_or(|(other, _)| *other != place) {
                found.others.push((place, row.clone()));
            }
        }
    }
    let mut others = std::mem::take(&mut found.others);
    let is_ours = |place: usize| found.ours.iter().any(|(ours, _)| *ours == place);
    others.retain(|(place, _)| !is_ours(*place));
    found.others = others;
    Ok(Ok(found))
}

/// The tries of one flow.
struct Tries<'a> {
    numbers: Vec<&'a DepositNumber>,
    sent: Sent,
    /// When the last one had ended.
    ended: Timestamp,
}

impl<'a> Tries<'a> {
    fn of(attempts: &'a [AttemptRecord], flow: &FlowRecord) -> Option<Self> {
        let last = attempts.last()?;
        Some(Self {
            numbers: attempts.iter().filter_map(|attempt| attempt.deposit_number.as_ref()).collect(),
            sent: Sent::of(attempts, flow)?,
            ended: last.ended_at.unwrap_or(last.intent_at).max(last.intent_at),
        })
    }

    /// Whether the row is what one of the tries left: by its deposit number, or it came while we tried and says the same.
    fn made(&self, row: &SentInvoice, invoice: &InvoiceRecord) -> bool {
        if row.deposit.as_ref().is_some_and(|deposit| self.numbers.contains(&deposit)) {
            return true;
        }
        let came = row.deposited_on.as_ref();
        let meanwhile = came.is_some_and(|at| self.sent.is_before(at) && is_until(at, self.ended));
        // Of a kind that repeats its numbers, what looks the same may be another one.
        !invoice.repeatable && meanwhile && agrees(row, &invoice.facts)
    }
}

/// Same number, same firm, same year: Chorus Pro takes only one of these.
pub(super) fn is_same_invoice(row: &SentInvoice, facts: &InvoiceFacts) -> bool {
    let year = |date: &str| date.get(..4).map(str::to_owned);
    let theirs = row.issued_on.as_ref().and_then(|on| year(&day(on)));
    let ours = facts.issued_on.as_deref().and_then(year);
    row.number.as_str().trim() == facts.number.as_str().trim()
        && row.supplier.as_deref().is_none_or(|supplier| doubt::same_supplier(supplier, &facts.supplier))
        && (theirs.is_none() || ours.is_none() || theirs == ours)
}

/// Whether date and amount are the same wherever both are known, and at least one of them is.
fn agrees(row: &SentInvoice, facts: &InvoiceFacts) -> bool {
    let dates = row.issued_on.as_ref().map(day).zip(facts.issued_on.clone()).map(|(theirs, ours)| theirs == ours);
    let amount = |text: &str| text.split_whitespace().next()?.parse::<Decimal>().ok().map(|amount| amount.abs());
    let theirs = row.payable.as_deref().and_then(amount);
    let ours = facts.payable.as_deref().and_then(amount);
    let amounts = theirs.zip(ours).map(|(theirs, ours)| theirs == ours);
    dates != Some(false) && amounts != Some(false) && (dates.is_some() || amounts.is_some())
}

/// The day of a date, `yyyy-mm-dd`.
fn day(date: &WireDate) -> String {
    let text = date.as_str().trim();
    match date.instant() {
        Some(at) if text.len() > 10 => at.paris_date(),
        _ => text.to_owned(),
    }
}

/// Whether Chorus Pro's date is not after `end`: to the day when it gives a day only.
fn is_until(date: &WireDate, end: Timestamp) -> bool {
    let end = end.plus(doubt::CLOCK_SLACK);
    match date.instant() {
        Some(at) if date.as_str().trim().len() > 10 && !at.paris_text().ends_with("00:00:00") => at <= end,
        _ => day(date) <= end.paris_date(),
    }
}

/// The fault of a rejected invoice that another one stands in the way of: both, for a person to compare.
pub(super) fn both_facts(invoice: &InvoiceRecord, row: &SentInvoice, label: &str) -> Fault {
    let facts = &invoice.facts;
    let ours = told(facts.payable.as_deref(), facts.issued_on.as_deref());
    let theirs = told(row.payable.as_deref(), row.issued_on.as_ref().map(day).as_deref());
    let deposited = row.deposited_on.as_ref().map_or_else(|| "?".to_owned(), day);
    let (status, id) = (row.status.as_str(), row.id);
    let theirs = Text::new(
        format!("{}, déposée le {deposited}, statut {status}, identifiant {id}", theirs.fr),
        format!("{}, deposited on {deposited}, status {status}, number {id}", theirs.en),
    );
    Fault::new(Code::DuplicateElsewhere)
        .with("number", &facts.number)
        .with_text("ours", &ours)
        .with_text("theirs", &theirs)
        .with("label", label)
}

fn told(payable: Option<&str>, issued_on: Option<&str>) -> Text {
    let (payable, on) = (payable.unwrap_or("?"), issued_on.unwrap_or("?"));
    Text::new(format!("{payable}, datée du {on}"), format!("{payable}, dated {on}"))
}

/// Words of a rejection for a duplicate: the code of DSE-CP §3.2.3.3, and how a label says it.
const DUPLICATE_WORDS: [&str; 4] = ["rej_uni", "existe déjà", "doublon", "unicité"];

/// Whether the report says that something is there already.
pub(super) fn says_duplicate(report: &Report) -> bool {
    let said = report.summary().unwrap_or_default().to_lowercase();
    DUPLICATE_WORDS.iter().any(|word| said.contains(word))
}

/// Whether an earlier try than the last may have been taken.
pub(super) fn was_sent_before(attempts: &[AttemptRecord], steps: &[StepRecord]) -> bool {
    let earlier = doubt::unproved(attempts, steps).split_last().map_or(&[][..], |(_, earlier)| earlier);
    earlier.iter().any(doubt::may_have_been_taken)
}

/// What a person found out about a rejection that Chorus Pro does not let us look up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The invoice is there, by an earlier try.
    There,
    /// It is not: the rejection counts.
    Stands,
}

/// The newest word about the last try.
pub(super) fn word_of(steps: &[StepRecord]) -> Option<Word> {
    for step in steps.iter().rev() {
        match step.kind.strip_prefix("deposit.").map(str::parse) {
            Some(Ok(Event::TakenBefore)) => return Some(Word::There),
            Some(Ok(Event::RejectionStands)) => return Some(Word::Stands),
            Some(Ok(Event::Sending)) => return None,
            _ => {}
        }
    }
    None
}

/// Whether a row of the report is about this one of the flux's invoices. Chorus Pro may write the supplier otherwise than the
/// file does, or leave it out: it counts where two suppliers have the number.
pub(super) fn names(row: &ReportedInvoice, invoice: &InvoiceRecord, all: &[InvoiceRecord]) -> bool {
    let is_of_number =
        |of: &InvoiceRecord| row.number.as_deref().map(str::trim) == Some(of.facts.number.as_str().trim());
    is_of_number(invoice)
        && (all.iter().filter(|other| is_of_number(other)).count() < 2
            || row.supplier.as_deref().is_some_and(|s| doubt::same_supplier(s, &invoice.facts.supplier)))
}

/// What the report says of each invoice; of one it does not name, what it says of the flux.
pub(super) fn label_of(report: &Report, invoice: &InvoiceRecord, all: &[InvoiceRecord], otherwise: &str) -> String {
    let named = report.invoices.iter().find(|row| names(row, invoice, all));
    named.map_or_else(|| otherwise.to_owned(), |row| row.label.clone())
}
