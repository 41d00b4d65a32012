//! What a search at Chorus Pro shows of invoices that may have been sent: which rows are ours, by number, firm and day.
//!
//! Promise: nothing is proved absent by a list that is cut, or of which more rows bear our numbers than are kept. Refuses to
//! know what becomes of the flow.

use std::time::Duration;

use super::Sent;
use crate::chorus::{Page, Period, RechercherFournisseur, SentInvoice, WireDate};
use crate::domain::{Timestamp, siren};
use crate::fault::{Code, Fault};
use crate::store::{InvoiceFacts, InvoiceRecord, Lease};
use crate::work::core::Core;
use crate::work::reach::{Rest, Setback, Tally};

/// Rows kept of one search. Chorus Pro's own limit of a flux is 500 invoices.
const ROWS_LIMIT: usize = 1_000;
/// How far Chorus Pro's clock may be behind ours.
pub const CLOCK_SLACK: Duration = Duration::from_secs(5 * 60);
/// How far ahead a search looks, for a clock at Chorus Pro that is ahead of ours.
const SEARCH_AHEAD: Duration = Duration::from_secs(48 * 3600);

/// Which days a search for one invoice covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// From the day before it was first sent.
    SinceSent,
    /// All of them, for a person to see what else has the number.
    Ever,
}

/// What a search showed.
#[derive(Debug)]
pub struct Seen {
    pub sighting: Sighting,
    /// Every row with a number that was sought, whoever its supplier and whenever it came.
    pub rows: Vec<SentInvoice>,
    /// Nothing that was announced is missing, and all of [`Self::rows`] are kept.
    pub is_whole: bool,
}

/// What a search for an invoice shows.
#[derive(Debug)]
pub enum Sighting {
    /// The row of the invoice at `place` of those that were sought.
    Ours {
        place: usize,
        row: Box<SentInvoice>,
    },
    /// Our number, sent when we may have sent it, under a supplier's identifier that cannot be compared with ours.
    Unclear,
    Nothing,
}

/// Whether what we know of an invoice is enough to recognise it at Chorus Pro: a SIREN or a SIRET, as it writes them.
pub fn is_searchable(facts: &InvoiceFacts) -> bool {
    siren(&facts.supplier).is_some()
}

/// Every page of the search; a row that is ours, if any. One invoice is searched by its number. Of a flux of many, any
/// one proves it: a single search over the days in question shows them all, and those that Chorus Pro refused never show.
pub async fn search(
    core: &Core,
    lease: &Lease,
    sought: &[InvoiceRecord],
    sent: Sent,
    range: Range,
) -> Result<Seen, Setback> {
    let mut question = RechercherFournisseur {
        number: match sought {
            [one] => Some(one.facts.number.clone()),
            _ => None,
        },
        deposit: None,
        // From the day before, for a deposit close to midnight; the rows are compared exactly.
        deposited: (range == Range::SinceSent || sought.len() > 1).then(|| Period {
            from: sent.first.minus(Duration::from_secs(24 * 3600)),
            to: core.now().plus(SEARCH_AHEAD),
        }),
        state_changed: None,
        page: Page::WIDE,
    };
    let mut sighting = Sighting::Nothing;
    let (mut rows, mut is_whole) = (Vec::new(), true);
    let mut tally = Tally::new(&lease.realm, "sent invoices");
    loop {
        let page = core.ask_page(&lease.realm, &question, question.page).await?;
        if let Some(unreadable) = page.unreadable.first() {
            // A row that cannot be read might be ours: nothing is proved.
            let fault = Fault::new(Code::AnswerUnreadable).with("service", "rechercher/fournisseur");
            return Err(Setback::Later { fault: fault.with("detail", unreadable), at: core.now() });
        }
        let rest = tally.count(question.page, &page, |row| row.id);
        for row in page.rows {
            if sought.iter().any(|invoice| has_number(&row, &invoice.facts)) {
                match rows.len() < ROWS_LIMIT {
                    true => rows.push(row.clone()),
                    false => is_whole = false,
                }
            }
            let place = sought.iter().position(|invoice| may_be_ours(&row, &invoice.facts, sent.first));
            let Some(place) = place else { continue };
            let ours = &sought[place].facts.supplier;
            // The newest counts: an older one of the same number would have been rejected by Chorus Pro.
            if row.supplier.as_deref().is_none_or(|supplier| same_supplier(supplier, ours)) {
                sighting = Sighting::Ours { place, row: Box::new(row) };
            } else if row.supplier.as_deref().is_some_and(|supplier| siren(supplier).is_none())
                && matches!(sighting, Sighting::Nothing)
            {
                sighting = Sighting::Unclear;
            }
        }
        // What else has the number, a person or a rejection asks for as a whole.
        let partial_will_do = range == Range::SinceSent && !matches!(sighting, Sighting::Nothing);
        match rest {
            Rest::More => question.page = question.page.next(),
            Rest::Cut if !partial_will_do => return Err(rows_are_missing(core)),
            // Each of many is its own proof.
            Rest::Whole if !is_whole && sought.len() > 1 && range == Range::Ever => return Err(rows_are_missing(core)),
            Rest::Whole | Rest::Cut => return Ok(Seen { sighting, rows, is_whole: is_whole && rest == Rest::Whole }),
        }
    }
}

/// A list that is cut proves nothing absent.
pub fn rows_are_missing(core: &Core) -> Setback {
    let fault = Fault::new(Code::AnswerUnreadable).with("service", "rechercher/fournisseur");
    Setback::Later { fault: fault.with("detail", "rows are missing"), at: core.now() }
}

/// Whether the row is this invoice, of this firm, sent when we may have sent it.
pub fn is_ours(row: &SentInvoice, facts: &InvoiceFacts, sent: Sent) -> bool {
    may_be_ours(row, facts, sent.first)
        && row.supplier.as_deref().is_none_or(|supplier| same_supplier(supplier, &facts.supplier))
}

/// Same number, deposited when we may have sent it.
fn may_be_ours(row: &SentInvoice, facts: &InvoiceFacts, first_sent: Timestamp) -> bool {
    has_number(row, facts) && row.deposited_on.as_ref().is_none_or(|at| is_since(at, first_sent))
}

fn has_number(row: &SentInvoice, facts: &InvoiceFacts) -> bool {
    row.number.as_str().trim() == facts.number.as_str().trim()
}

/// One firm is one SIREN: Chorus Pro's key of an invoice is its year, the supplier's SIREN and its number (PROTOCOL §5).
pub fn same_supplier(a: &str, b: &str) -> bool {
    a.trim() == b.trim() || siren(a).is_some_and(|a| siren(b) == Some(a))
}

/// Whether Chorus Pro's date is not before `sent`: to the day when it gives a day only.
pub fn is_since(date: &WireDate, sent: Timestamp) -> bool {
    if date.as_str().trim().len() <= 10 {
        return date.as_str().trim() >= sent.minus(CLOCK_SLACK).paris_date().as_str();
    }
    match date.instant() {
        // Midnight sharp is a day written as an instant.
        Some(at) if at.paris_text().ends_with("00:00:00") => at.paris_date() >= sent.minus(CLOCK_SLACK).paris_date(),
        Some(at) => at >= sent.minus(CLOCK_SLACK),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoice_is_ours_by_number_supplier_and_date() {
        let facts = InvoiceFacts {
            number: "FA-1".parse().unwrap(),
            supplier: "12345678200051".to_owned(),
            supplier_name: String::new(),
            recipient: String::new(),
            recipient_name: String::new(),
            issued_on: None,
            payable: None,
            type_code: "380".to_owned(),
            preceding: Vec::new(),
        };
        let row = |number: &str, supplier: &str, deposited: &str| SentInvoice {
            id: crate::domain::ChorusInvoiceId(1),
            number: number.parse().unwrap(),
            deposit: None,
            status: crate::domain::InvoiceStatus::Deposee,
            status_at: None,
            comment: None,
            supplier: Some(supplier.to_owned()),
            supplier_name: None,
            recipient: None,
            recipient_name: None,
            issued_on: None,
            deposited_on: Some(WireDate::new(deposited)),
            kind: None,
            payable: None,
        };
        let sent: Timestamp = "2026-11-23T22:30:00Z".parse().unwrap();
        let ours = |r: SentInvoice| {
            may_be_ours(&r, &facts, sent) && r.supplier.as_deref().is_some_and(|s| same_supplier(s, &facts.supplier))
        };
        assert!(ours(row("FA-1", "12345678200051", "2026-11-23")));
        assert!(ours(row("FA-1", "123456782", "2026-11-23T23:31:00.000+01:00")), "the SIREN of the same firm");
        assert!(ours(row("FA-1", "12345678200036", "2026-11-23")), "another SIRET: Chorus Pro's key is the SIREN");
        assert!(!ours(row("FA-1", "98765432100036", "2026-11-23")), "another firm");
        assert!(!ours(row("FA-10", "12345678200051", "2026-11-23")));
        assert!(!ours(row("FA-1", "12345678200051", "2026-11-22")), "the same number, a day before");
        assert!(!ours(row("FA-1", "12345678200051", "2026-11-23T21:00:00Z")), "an hour and a half before");
        assert!(ours(row("FA-1", "12345678200051", "2026-11-24 00:10")));
        for unusable in ["", "FR32123456782", "3012345678901", "12345678"] {
            assert!(!is_searchable(&InvoiceFacts { supplier: unusable.to_owned(), ..facts.clone() }), "{unusable}");
        }
        assert!(is_searchable(&facts));
    }
}
