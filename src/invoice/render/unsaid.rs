//! Figures that the model must hold and the original does not give: there the model has a zero that nobody wrote, or
//! nothing where something was written that is no amount (`2400,00`, or more decimals than an amount may have).
//!
//! Promises that an image shows what is written, never such a zero. Refuses to judge what is right.

use std::collections::HashMap;

use en16931::Invoice;
use en16931::invoice::{DocumentTotals, InvoiceLine};
use rust_decimal::Decimal;

use super::super::official::number::decimal;
use super::super::outline::{Id, Outline};
use super::lines;

/// What stands where nothing is said.
pub const NOTHING: &str = "non indiqué";
/// Elements of invoice lines in both syntaxes, and of the lines they are made of.
const LINES: [&str; 4] = ["InvoiceLine", "CreditNoteLine", "SubInvoiceLine", "IncludedSupplyChainTradeLineItem"];

/// What is shown instead of a figure: by business term, place of its group from 0 (line, VAT entry), and place within that
/// (a line's allowance).
#[derive(Debug, Clone, Default)]
pub struct Unsaid(HashMap<(&'static str, usize, usize), String>);

type Path = &'static [&'static str];

/// Where a syntax writes the figures of a group.
struct Paths {
    totals: Path,
    /// Term, and its element in the totals.
    total: [(&'static str, &'static str); 8],
    vat_total: Path,
    vat: Path,
    /// BT-116 and BT-117.
    vat_figures: [&'static str; 2],
    quantity: &'static [Path],
    net: Path,
    price: Path,
    change: Path,
    line_change: Path,
    is_charge: Path,
    amount: &'static str,
}

const UBL: Paths = Paths {
    totals: &["LegalMonetaryTotal"],
    total: [
        ("BT-106", "LineExtensionAmount"),
        ("BT-107", "AllowanceTotalAmount"),
        ("BT-108", "ChargeTotalAmount"),
        ("BT-109", "TaxExclusiveAmount"),
        ("BT-112", "TaxInclusiveAmount"),
        ("BT-113", "PrepaidAmount"),
        ("BT-114", "PayableRoundingAmount"),
        ("BT-115", "PayableAmount"),
    ],
    vat_total: &["TaxTotal", "TaxAmount"],
    vat: &["TaxTotal", "TaxSubtotal"],
    vat_figures: ["TaxableAmount", "TaxAmount"],
    quantity: &[&["InvoicedQuantity"], &["CreditedQuantity"]],
    net: &["LineExtensionAmount"],
    price: &["Price", "PriceAmount"],
    change: &["AllowanceCharge"],
    line_change: &["AllowanceCharge"],
    is_charge: &["ChargeIndicator"],
    amount: "Amount",
};

const SETTLEMENT: [&str; 2] = ["SupplyChainTradeTransaction", "ApplicableHeaderTradeSettlement"];
const SUMMATION: &str = "SpecifiedTradeSettlementHeaderMonetarySummation";

const CII: Paths = Paths {
    totals: &[SETTLEMENT[0], SETTLEMENT[1], SUMMATION],
    total: [
        ("BT-106", "LineTotalAmount"),
        ("BT-107", "AllowanceTotalAmount"),
        ("BT-108", "ChargeTotalAmount"),
        ("BT-109", "TaxBasisTotalAmount"),
        ("BT-112", "GrandTotalAmount"),
        ("BT-113", "TotalPrepaidAmount"),
        ("BT-114", "RoundingAmount"),
        ("BT-115", "DuePayableAmount"),
    ],
    vat_total: &[SETTLEMENT[0], SETTLEMENT[1], SUMMATION, "TaxTotalAmount"],
    vat: &[SETTLEMENT[0], SETTLEMENT[1], "ApplicableTradeTax"],
    vat_figures: ["BasisAmount", "CalculatedAmount"],
    quantity: &[&["SpecifiedLineTradeDelivery", "BilledQuantity"]],
    net: &["SpecifiedLineTradeSettlement", "SpecifiedTradeSettlementLineMonetarySummation", "LineTotalAmount"],
    price: &["SpecifiedLineTradeAgreement", "NetPriceProductTradePrice", "ChargeAmount"],
    change: &[SETTLEMENT[0], SETTLEMENT[1], "SpecifiedTradeAllowanceCharge"],
    line_change: &["SpecifiedLineTradeSettlement", "SpecifiedTradeAllowanceCharge"],
    is_charge: &["ChargeIndicator", "Indicator"],
    amount: "ActualAmount",
};

impl Unsaid {
    /// Of an invoice and the document it was read from.
    pub fn of(invoice: &Invoice, outline: &Outline<'_>) -> Self {
        let paths = if outline.name(Id::ROOT) == "CrossIndustryInvoice" { &CII } else { &UBL };
        let mut unsaid = Self::default();
        unsaid.totals(&invoice.totals, outline, paths);
        let entries = outline.each(Id::ROOT, paths.vat);
        // Where the model leaves a group out, which is which is not known.
        if entries.len() == invoice.vat_breakdown.len() {
            for (at, (entry, part)) in entries.into_iter().zip(&invoice.vat_breakdown).enumerate() {
                let held = [part.taxable_amount.into_decimal(), part.tax_amount.into_decimal()];
                for ((term, held), element) in ["BT-116", "BT-117"].into_iter().zip(held).zip(paths.vat_figures) {
                    unsaid.must((term, at, 0), held, outline.text_at(entry, &[element]));
                }
            }
        }
        let changes = outline.each(Id::ROOT, paths.change);
        let amounts = [&invoice.allowances, &invoice.charges]
            .map(|changes| changes.iter().map(|change| change.amount.into_decimal()).collect());
        unsaid.changes(["BT-92", "BT-99"], 0, amounts, (outline, &changes, paths));
        unsaid.lines(invoice, outline, paths);
        unsaid
    }

    /// The figure, or what is shown instead of it.
    pub fn or(&self, place: (&'static str, usize, usize), figure: impl FnOnce() -> String) -> String {
        self.instead(place).map_or_else(figure, str::to_owned)
    }

    /// What is shown instead of a figure.
    pub fn instead(&self, place: (&'static str, usize, usize)) -> Option<&str> {
        self.0.get(&place).map(String::as_str)
    }

    fn totals(&mut self, totals: &DocumentTotals, outline: &Outline<'_>, paths: &Paths) {
        let held = [
            Some(totals.line_total),
            totals.allowance_total,
            totals.charge_total,
            Some(totals.taxable_total),
            Some(totals.gross_total),
            totals.paid,
            totals.rounding,
            Some(totals.due),
        ];
        let group = outline.find(Id::ROOT, paths.totals);
        let written = |element: &str| group.and_then(|group| outline.text_at(group, &[element]));
        for ((term, element), held) in paths.total.into_iter().zip(held) {
            match held {
                Some(held) => self.must((term, 0, 0), held.into_decimal(), written(element)),
                None => self.may((term, 0, 0), written(element)),
            }
        }
        if totals.vat_total.is_none() && totals.vat_total_accounting.is_none() {
            let first = outline.each(Id::ROOT, paths.vat_total).into_iter().next();
            self.may(("BT-110", 0, 0), first.and_then(|first| outline.text(first)));
        }
    }

    fn lines(&mut self, invoice: &Invoice, outline: &Outline<'_>, paths: &Paths) {
        let listed = lines::listed(invoice);
        let elements: Vec<Id> = outline.all().filter(|id| LINES.contains(&outline.name(*id))).collect();
        if elements.len() != listed.len() {
            return;
        }
        for (at, (element, line)) in elements.into_iter().zip(listed.iter().map(|listed| listed.line)).enumerate() {
            let InvoiceLine { quantity, net_amount, price, allowances, charges, .. } = line;
            let counted = paths.quantity.iter().find_map(|path| outline.text_at(element, path));
            self.must(("BT-129", at, 0), quantity.into_decimal(), counted);
            self.must(("BT-131", at, 0), net_amount.into_decimal(), outline.text_at(element, paths.net));
            self.must(("BT-146", at, 0), price.net_price.into_decimal(), outline.text_at(element, paths.price));
            let changes = outline.each(element, paths.line_change);
            let amounts = [allowances, charges]
                .map(|changes| changes.iter().map(|change| change.amount.into_decimal()).collect());
            self.changes(["BT-136", "BT-141"], at, amounts, (outline, &changes, paths));
        }
    }

    /// Allowances and charges, which stand among each other in the document.
    fn changes(
        &mut self,
        terms: [&'static str; 2],
        at: usize,
        held: [Vec<Decimal>; 2],
        (outline, elements, paths): (&Outline<'_>, &[Id], &Paths),
    ) {
        let is_charge =
            |id: &Id| outline.text_at(*id, paths.is_charge).is_some_and(|text| ["true", "1"].contains(&text.as_str()));
        let (charges, allowances): (Vec<Id>, Vec<Id>) = elements.iter().partition(|id| is_charge(id));
        for ((term, held), elements) in terms.into_iter().zip(held).zip([allowances, charges]) {
            if held.len() != elements.len() {
                continue;
            }
            for (nth, (held, element)) in held.into_iter().zip(elements).enumerate() {
                self.must((term, at, nth), held, outline.text_at(element, &[paths.amount]));
            }
        }
    }

    /// A figure that the model cannot be without.
    fn must(&mut self, place: (&'static str, usize, usize), held: Decimal, written: Option<String>) {
        match written {
            _ if !held.is_zero() => {}
            Some(text) if decimal(&text).is_some_and(|number| number.is_zero()) => {}
            None => drop(self.0.insert(place, NOTHING.to_owned())),
            written => self.may(place, written),
        }
    }

    /// A figure that the model leaves out, since it is no amount.
    fn may(&mut self, place: (&'static str, usize, usize), written: Option<String>) {
        const CHARACTERS: usize = 40;
        if let Some(text) = written {
            let text: String = text.chars().take(CHARACTERS).collect();
            self.0.insert(place, format!("{text} (tel qu'écrit)"));
        }
    }
}
