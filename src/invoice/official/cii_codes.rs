//! The code lists in CII: the schematron's pattern `EN16931-Codes`.

use super::Sheet;
use super::cii_model::indicates;
use super::document::Node;
use super::lists;
use super::names::Name::*;

/// Holds an element's code against its list.
pub fn check(node: Node<'_>, sheet: &mut Sheet) {
    match node.name() {
        TypeCode if node.above() == ExchangedDocument => sheet.coded("BR-CL-01", node, lists::CII_TYPES),
        TypeCode if node.above() == SpecifiedTradeSettlementPaymentMeans => {
            sheet.coded("BR-CL-16", node, lists::PAYMENT_MEANS);
        }
        TaxTotalAmount => sheet.coded_attribute("BR-CL-03", node, "currencyID", lists::CURRENCIES),
        InvoiceCurrencyCode => sheet.coded("BR-CL-04", node, lists::CURRENCIES),
        TaxCurrencyCode => sheet.coded("BR-CL-05", node, lists::CURRENCIES),
        DueDateTypeCode => sheet.coded("BR-CL-06", node, lists::CII_VAT_POINT_DATES),
        ReferenceTypeCode => sheet.coded("BR-CL-07", node, lists::REFERENCE_QUALIFIERS),
        SubjectCode => sheet.coded("BR-CL-08", node, lists::NOTE_SUBJECTS),
        GlobalID => {
            if !node.is_inside(SpecifiedTradeProduct) && !node.is_inside(ShipToTradeParty) {
                sheet.coded_attribute("BR-CL-10", node, "schemeID", lists::SCHEMES);
            } else if node.above() == SpecifiedTradeProduct {
                sheet.coded_attribute("BR-CL-21", node, "schemeID", lists::SCHEMES);
            } else if node.under(&[ShipToTradeParty, ApplicableHeaderTradeDelivery]) {
                sheet.coded_attribute("BR-CL-26", node, "schemeID", lists::SCHEMES);
            }
        }
        ID => {
            if node.has_attribute("schemeID") && !node.is_inside(SpecifiedTaxRegistration) {
                sheet.coded_attribute("BR-CL-11", node, "schemeID", lists::SCHEMES);
            } else if node.above() == OriginTradeCountry {
                sheet.coded("BR-CL-15", node, lists::CII_COUNTRIES);
            }
        }
        ClassCode => sheet.coded_attribute("BR-CL-13", node, "listID", lists::ITEM_CLASSES),
        CountryID => sheet.coded("BR-CL-14", node, lists::CII_COUNTRIES),
        CategoryCode if node.above() == CategoryTradeTax => sheet.coded("BR-CL-17", node, lists::VAT_CATEGORIES),
        CategoryCode if node.above() == ApplicableTradeTax => sheet.coded("BR-CL-18", node, lists::VAT_CATEGORIES),
        ReasonCode => {
            let Some(group) = node.parent().filter(|g| g.name() == SpecifiedTradeAllowanceCharge) else { return };
            if indicates(group, false).unwrap_or(false) {
                sheet.coded("BR-CL-19", node, lists::ALLOWANCE_REASONS);
            } else if indicates(group, true).unwrap_or(false) {
                sheet.coded("BR-CL-20", node, lists::CHARGE_REASONS);
            }
        }
        ExemptionReasonCode => sheet.coded("BR-CL-22", node, lists::EXEMPTIONS),
        BasisQuantity | BilledQuantity => sheet.coded_attribute("BR-CL-23", node, "unitCode", lists::UNITS),
        AttachmentBinaryObject => {
            if let Some(mime) = node.attribute("mimeCode") {
                sheet.attribute("BR-CL-24", node, "mimeCode", node.list(lists::MIME_TYPES).has(&mime));
            }
        }
        URIID if node.above() == URIUniversalCommunication => {
            sheet.coded_attribute("BR-CL-25", node, "schemeID", lists::ADDRESS_SCHEMES);
        }
        _ => {}
    }
}
