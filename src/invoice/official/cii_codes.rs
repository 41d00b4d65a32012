//! The code lists in CII: the schematron's pattern `EN16931-Codes`.

use super::Sheet;
use super::cii_model::indicates;
use super::document::{Node, normalized};
use super::lists::{self, List};
use super::names::Name::*;

/// Holds an element's code against its list.
pub fn check(node: Node<'_>, sheet: &mut Sheet) {
    match node.name() {
        TypeCode if node.above() == ExchangedDocument => text("BR-CL-01", node, &lists::CII_TYPES, sheet),
        TypeCode if node.above() == SpecifiedTradeSettlementPaymentMeans => {
            text("BR-CL-16", node, &lists::PAYMENT_MEANS, sheet);
        }
        TaxTotalAmount => attribute("BR-CL-03", node, "currencyID", &lists::CURRENCIES, sheet),
        InvoiceCurrencyCode => text("BR-CL-04", node, &lists::CURRENCIES, sheet),
        TaxCurrencyCode => text("BR-CL-05", node, &lists::CURRENCIES, sheet),
        DueDateTypeCode => text("BR-CL-06", node, &lists::CII_VAT_POINT_DATES, sheet),
        ReferenceTypeCode => text("BR-CL-07", node, &lists::REFERENCE_QUALIFIERS, sheet),
        SubjectCode => text("BR-CL-08", node, &lists::NOTE_SUBJECTS, sheet),
        GlobalID => {
            if !node.is_inside(SpecifiedTradeProduct) && !node.is_inside(ShipToTradeParty) {
                attribute("BR-CL-10", node, "schemeID", &lists::SCHEMES, sheet);
            } else if node.above() == SpecifiedTradeProduct {
                attribute("BR-CL-21", node, "schemeID", &lists::SCHEMES, sheet);
            } else if node.under(&[ShipToTradeParty, ApplicableHeaderTradeDelivery]) {
                attribute("BR-CL-26", node, "schemeID", &lists::SCHEMES, sheet);
            }
        }
        ID => {
            if node.has_attribute("schemeID") && !node.is_inside(SpecifiedTaxRegistration) {
                attribute("BR-CL-11", node, "schemeID", &lists::SCHEMES, sheet);
            } else if node.above() == OriginTradeCountry {
                text("BR-CL-15", node, &lists::CII_COUNTRIES, sheet);
            }
        }
        ClassCode => attribute("BR-CL-13", node, "listID", &lists::ITEM_CLASSES, sheet),
        CountryID => text("BR-CL-14", node, &lists::CII_COUNTRIES, sheet),
        CategoryCode if node.above() == CategoryTradeTax => text("BR-CL-17", node, &lists::VAT_CATEGORIES, sheet),
        CategoryCode if node.above() == ApplicableTradeTax => text("BR-CL-18", node, &lists::VAT_CATEGORIES, sheet),
        ReasonCode => {
            let Some(group) = node.parent().filter(|g| g.name() == SpecifiedTradeAllowanceCharge) else { return };
            if indicates(group, false).unwrap_or(false) {
                text("BR-CL-19", node, &lists::ALLOWANCE_REASONS, sheet);
            } else if indicates(group, true).unwrap_or(false) {
                text("BR-CL-20", node, &lists::CHARGE_REASONS, sheet);
            }
        }
        ExemptionReasonCode => text("BR-CL-22", node, &lists::EXEMPTIONS, sheet),
        BasisQuantity | BilledQuantity => attribute("BR-CL-23", node, "unitCode", &lists::UNITS, sheet),
        AttachmentBinaryObject => {
            if let Some(mime) = node.attribute("mimeCode") {
                sheet.keep("BR-CL-24", node, lists::MIME_TYPES.has(&mime));
            }
        }
        URIID if node.above() == URIUniversalCommunication => {
            attribute("BR-CL-25", node, "schemeID", &lists::ADDRESS_SCHEMES, sheet);
        }
        _ => {}
    }
}

fn text(rule: &'static str, node: Node<'_>, list: &List, sheet: &mut Sheet) {
    sheet.keep(rule, node, list.has(&node.plain()));
}

/// An attribute's code, where there is one.
fn attribute(rule: &'static str, node: Node<'_>, name: &str, list: &List, sheet: &mut Sheet) {
    if let Some(value) = node.attribute(name) {
        sheet.keep(rule, node, list.has(&normalized(value)));
    }
}
