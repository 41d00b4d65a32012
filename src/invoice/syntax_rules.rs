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
        let value = outline.value(id);
        let value = value.trim();
        if value.is_empty() {
            continue;
        }
        if !is_decimal(value) {
            findings.at("FG-DECIMAL", Severity::Fatal, id, &[("value", value)]);
        } else if ubl && name.ends_with("Amount") && !is_price(outline, id) && decimals(value) > 2 {
            findings.at("UBL-DT-01", Severity::Fatal, id, &[("value", value)]);
        }
    }
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
