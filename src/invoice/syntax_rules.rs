//! Rules on how a document is written, which the semantic model can no longer see: numbers, decimals, attributes.
//!
//! Ids of the standard where it has one; `FG-DECIMAL` for a number that is none, which stops the official engine without an id.

use super::Severity;
use super::outline::{Id, Outline};
use super::rules::Findings;

/// Digits before the decimal point that an amount may have (Chorus Pro holds (19,6), PROTOCOL §2.2).
const INTEGER_DIGITS: usize = 15;

/// Whether an element of this name holds a number, in UBL or CII.
pub fn is_number(name: &str) -> bool {
    name.ends_with("Amount")
        || name.ends_with("Quantity")
        || name.ends_with("Percent")
        || name.ends_with("Numeric")
        || name == "TotalAmount"
}

/// Unit prices: as many decimals as wanted.
fn is_price(outline: &Outline<'_>, id: Id) -> bool {
    let name = outline.name(id);
    name == "PriceAmount"
        || name == "ChargeAmount"
        || outline.parent(id).is_some_and(|p| {
            matches!(outline.name(p), "AllowanceCharge" | "AppliedTradeAllowanceCharge")
                && outline.parent(p).is_some_and(|g| {
                    matches!(outline.name(g), "Price" | "GrossPriceProductTradePrice" | "NetPriceProductTradePrice")
                })
        })
}

pub fn check(outline: &Outline<'_>, findings: &mut Findings<'_, '_>) {
    let ubl = matches!(outline.name(Id::ROOT), "Invoice" | "CreditNote");
    for id in outline.all() {
        let name = outline.name(id);
        if !outline.is_leaf(id) || !is_number(name) {
            continue;
        }
        let raw = outline.value(id);
        let value = raw.trim();
        // The official rules count what follows the point as it is written: a trailing space is a third decimal.
        let excess = decimals(&raw) > 2;
        if !is_decimal(value) {
            findings.at("FG-DECIMAL", Severity::Fatal, id, &[("value", value)]);
        } else if excess && let Some(rule) = two_decimals(outline, id) {
            findings.at(rule, Severity::Fatal, id, &[("value", &raw)]);
        } else if excess && ubl && name.ends_with("Amount") && !is_price(outline, id) {
            findings.at("UBL-DT-01", Severity::Fatal, id, &[("value", &raw)]);
        }
    }
}

/// The rule that allows an amount two decimals, by its place in UBL or CII.
fn two_decimals(outline: &Outline<'_>, id: Id) -> Option<&'static str> {
    let parent = outline.parent(id)?;
    let above = outline.parent(parent).map_or("", |p| outline.name(p));
    let line = matches!(above, "InvoiceLine" | "CreditNoteLine" | "SpecifiedLineTradeSettlement");
    let charge = || is_charge(outline, parent);
    Some(match (outline.name(parent), outline.name(id)) {
        ("LegalMonetaryTotal", "LineExtensionAmount") => "BR-DEC-09",
        ("LegalMonetaryTotal", "AllowanceTotalAmount") => "BR-DEC-10",
        ("LegalMonetaryTotal", "ChargeTotalAmount") => "BR-DEC-11",
        ("LegalMonetaryTotal", "TaxExclusiveAmount") => "BR-DEC-12",
        ("LegalMonetaryTotal", "TaxInclusiveAmount") => "BR-DEC-14",
        ("LegalMonetaryTotal", "PrepaidAmount") => "BR-DEC-16",
        ("LegalMonetaryTotal", "PayableRoundingAmount") => "BR-DEC-17",
        ("LegalMonetaryTotal", "PayableAmount") => "BR-DEC-18",
        ("SpecifiedTradeSettlementHeaderMonetarySummation", name) => match name {
            "LineTotalAmount" => "BR-DEC-09",
            "AllowanceTotalAmount" => "BR-DEC-10",
            "ChargeTotalAmount" => "BR-DEC-11",
            "TaxBasisTotalAmount" => "BR-DEC-12",
            "TaxTotalAmount" => "BR-DEC-13",
            "GrandTotalAmount" => "BR-DEC-14",
            "TotalPrepaidAmount" => "BR-DEC-16",
            "RoundingAmount" => "BR-DEC-17",
            "DuePayableAmount" => "BR-DEC-18",
            _ => return None,
        },
        ("TaxSubtotal", "TaxableAmount") => "BR-DEC-19",
        ("TaxSubtotal", "TaxAmount") => "BR-DEC-20",
        ("ApplicableTradeTax", "BasisAmount") if !line => "BR-DEC-19",
        ("ApplicableTradeTax", "CalculatedAmount") if !line => "BR-DEC-20",
        ("InvoiceLine" | "CreditNoteLine", "LineExtensionAmount")
        | ("SpecifiedTradeSettlementLineMonetarySummation", "LineTotalAmount") => "BR-DEC-23",
        ("AllowanceCharge" | "SpecifiedTradeAllowanceCharge", name) if above != "Price" => {
            match (name, line, charge()) {
                ("Amount" | "ActualAmount", false, false) => "BR-DEC-01",
                ("BaseAmount" | "BasisAmount", false, false) => "BR-DEC-02",
                ("Amount" | "ActualAmount", false, true) => "BR-DEC-05",
                ("BaseAmount" | "BasisAmount", false, true) => "BR-DEC-06",
                ("Amount" | "ActualAmount", true, false) => "BR-DEC-24",
                ("BaseAmount" | "BasisAmount", true, false) => "BR-DEC-25",
                ("Amount" | "ActualAmount", true, true) => "BR-DEC-27",
                ("BaseAmount" | "BasisAmount", true, true) => "BR-DEC-28",
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// Whether an allowance or charge, in UBL or CII, is a charge.
pub fn is_charge(outline: &Outline<'_>, id: Id) -> bool {
    let indicator =
        outline.text_at(id, &["ChargeIndicator"]).or_else(|| outline.text_at(id, &["ChargeIndicator", "Indicator"]));
    matches!(indicator.as_deref(), Some("true" | "1"))
}

/// The lexical form of `xs:decimal`, with no more digits before the point than an amount may have.
pub fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    !(integer.is_empty() && fraction.is_empty())
        && integer.trim_start_matches('0').len() <= INTEGER_DIGITS
        && integer.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
}

fn decimals(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, fraction)| fraction.len())
}
