//! The rows of Chorus Pro's searches in which a flow's invoices show: all of a flux at once, page by page, by its number; one
//! invoice at a time where there is no such number, where the invoice came by another flux, or where that list is not whole.

use std::collections::HashMap;

use crate::chorus::{Page, RechercherFournisseur, SentInvoice};
use crate::domain::{ChorusInvoiceId, DepositNumber, Realm};
use crate::store::InvoiceRecord;
use crate::work::core::Core;
use crate::work::doubt::same_supplier;
use crate::work::reach::{PAGES_LIMIT, Rest, Setback, Tally};

/// Every row of a flux.
pub(super) struct Flux {
    deposit: DepositNumber,
    rows: HashMap<ChorusInvoiceId, SentInvoice>,
    numbers: HashMap<String, Vec<ChorusInvoiceId>>,
    /// Whether each row there is was shown and could be read: only then what is missing is not there.
    pub is_whole: bool,
}

impl Flux {
    pub async fn search(core: &Core, realm: &Realm, deposit: &DepositNumber) -> Result<Self, Setback> {
        let mut question = RechercherFournisseur {
            number: None,
            deposit: Some(deposit.clone()),
            deposited: None,
            state_changed: None,
            page: Page::WIDE,
        };
        let mut tally = Tally::new(realm, "rechercher/fournisseur");
        let mut flux =
            Self { deposit: deposit.clone(), rows: HashMap::new(), numbers: HashMap::new(), is_whole: false };
        loop {
            let page = core.ask_page(realm, &question, question.page).await?;
            let rest = tally.count(question.page, &page, |row| row.id);
            for row in page.rows {
                flux.enter(row);
            }
            if rest != Rest::More {
                flux.is_whole = rest == Rest::Whole;
                break;
            }
            question.page = question.page.next();
        }
        Ok(flux)
    }

    fn enter(&mut self, row: SentInvoice) {
        let id = row.id;
        let number = row.number.as_str().trim().to_owned();
        if self.rows.insert(id, row).is_none() {
            self.numbers.entry(number).or_default().push(id);
        }
    }

    /// The invoice's row. In its own flux the supplier may be written otherwise than in the file; where two suppliers of the
    /// flux have the number (it is not `alone`), it counts.
    pub fn row_of(&self, invoice: &InvoiceRecord, alone: bool) -> Option<&SentInvoice> {
        if let Some(id) = invoice.chorus_id {
            return self.rows.get(&id);
        }
        let of_number = self.numbers.get(invoice.facts.number.as_str().trim())?;
        let mut rows = of_number.iter().filter_map(|id| self.rows.get(id));
        rows.find(|row| is_of(row, &self.deposit) && is_row_of(row, invoice, alone))
    }
}

/// The first row that is the invoice's in a search for its number, over every page: within a flux, or whichever it came by.
pub(super) async fn search_one(
    core: &Core,
    realm: &Realm,
    invoice: &InvoiceRecord,
    deposit: Option<DepositNumber>,
    is_it: impl Fn(&SentInvoice) -> bool,
) -> Result<Option<SentInvoice>, Setback> {
    let mut question = RechercherFournisseur {
        number: Some(invoice.facts.number.clone()),
        deposit,
        deposited: None,
        state_changed: None,
        page: Page::FIRST,
    };
    for _ in 0..PAGES_LIMIT {
        let page = core.ask(realm, &question).await?;
        let more = page.has_more(question.page);
        let ours = page.rows.into_iter().find(|row| match invoice.chorus_id {
            Some(id) => row.id == id,
            None => is_it(row),
        });
        if ours.is_some() || !more {
            return Ok(ours);
        }
        question.page = question.page.next();
    }
    Ok(None)
}

/// Whether a row may have come by the flux, as far as it says: that a search heeds the flux's number is not taken on trust.
pub(super) fn is_of(row: &SentInvoice, deposit: &DepositNumber) -> bool {
    row.deposit.as_ref().is_none_or(|of| of == deposit)
}

/// Whether a row is the invoice's, by number and supplier; the supplier does not count where the number is enough.
pub(super) fn is_row_of(row: &SentInvoice, invoice: &InvoiceRecord, number_is_enough: bool) -> bool {
    row.number.as_str().trim() == invoice.facts.number.as_str().trim()
        && (number_is_enough || row.supplier.as_deref().is_none_or(|s| same_supplier(s, &invoice.facts.supplier)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::InvoiceStatus;
    use crate::store::InvoiceFacts;

    fn row(deposit: Option<&str>) -> SentInvoice {
        SentInvoice {
            id: ChorusInvoiceId(1),
            number: "FA-1".parse().unwrap(),
            deposit: deposit.map(|deposit| deposit.parse().unwrap()),
            status: InvoiceStatus::Deposee,
            status_at: None,
            comment: None,
            supplier: Some("other".to_owned()),
            supplier_name: None,
            recipient: None,
            recipient_name: None,
            issued_on: None,
            deposited_on: None,
            kind: None,
            payable: None,
        }
    }

    #[test]
    fn a_row_of_another_flux_is_none_of_this_one_though_its_number_is_alone_here() {
        let text = String::new;
        let facts = InvoiceFacts {
            number: "FA-1".parse().unwrap(),
            supplier: "12345678200051".to_owned(),
            supplier_name: text(),
            recipient: text(),
            recipient_name: text(),
            issued_on: None,
            payable: None,
            type_code: text(),
            preceding: Vec::new(),
        };
        let invoice = InvoiceRecord {
            ordinal: 0,
            facts,
            chorus_id: None,
            status: None,
            status_at: None,
            refused: None,
            repeatable: false,
            seen: None,
            replaces: None,
            told_out: false,
        };
        for (deposit, is_ours) in [(None, true), (Some("FX-1"), true), (Some("FX-2"), false)] {
            let (rows, numbers) = (HashMap::new(), HashMap::new());
            let mut flux = Flux { deposit: "FX-1".parse().unwrap(), rows, numbers, is_whole: true };
            flux.enter(row(deposit));
            assert_eq!(flux.row_of(&invoice, true).is_some(), is_ours, "{deposit:?}");
        }
    }
}
