//! The code lists in UBL: the schematron's pattern `Codesmodel`.

use super::Sheet;
use super::document::{Node, normalized};
use super::lists::{self, List};
use super::names::Name::*;
use super::ubl_vat::indicates;

/// Holds an element's code against its list.
pub fn check(node: Node<'_>, sheet: &mut Sheet) {
    match node.name() {
        InvoiceTypeCode => text("BR-CL-01", node, &lists::INVOICE_TYPES, sheet),
        CreditNoteTypeCode => text("BR-CL-01", node, &lists::CREDIT_NOTE_TYPES, sheet),
        Amount
        | BaseAmount
        | PriceAmount
        | TaxAmount
        | TaxableAmount
        | LineExtensionAmount
        | TaxExclusiveAmount
        | TaxInclusiveAmount
        | AllowanceTotalAmount
        | ChargeTotalAmount
        | PrepaidAmount
        | PayableRoundingAmount
        | PayableAmount => {
            let currency = node.attribute("currencyID").is_some_and(|c| lists::CURRENCIES.has(&normalized(c)));
            sheet.keep("BR-CL-03", node, currency);
        }
        DocumentCurrencyCode => text("BR-CL-04", node, &lists::CURRENCIES, sheet),
        TaxCurrencyCode => text("BR-CL-05", node, &lists::CURRENCIES, sheet),
        DescriptionCode if node.above() == InvoicePeriod => text("BR-CL-06", node, &lists::VAT_POINT_DATES, sheet),
        ID => identifier(node, sheet),
        CompanyID if node.above() == PartyLegalEntity => {
            attribute("BR-CL-11", node, "schemeID", &lists::SCHEMES, sheet);
        }
        ItemClassificationCode if node.above() == CommodityClassification => {
            attribute("BR-CL-13", node, "listID", &lists::ITEM_CLASSES, sheet);
        }
        IdentificationCode if node.above() == Country => text("BR-CL-14", node, &lists::COUNTRIES, sheet),
        IdentificationCode if node.above() == OriginCountry => text("BR-CL-15", node, &lists::COUNTRIES, sheet),
        PaymentMeansCode if node.above() == PaymentMeans => text("BR-CL-16", node, &lists::PAYMENT_MEANS, sheet),
        AllowanceChargeReasonCode => {
            let Some(parent) = node.parent().filter(|parent| parent.name() == AllowanceCharge) else { return };
            if indicates(parent, false).unwrap_or(false) {
                text("BR-CL-19", node, &lists::ALLOWANCE_REASONS, sheet);
            } else if indicates(parent, true).unwrap_or(false) {
                text("BR-CL-20", node, &lists::CHARGE_REASONS, sheet);
            }
        }
        TaxExemptionReasonCode => text("BR-CL-22", node, &lists::EXEMPTIONS, sheet),
        InvoicedQuantity | BaseQuantity | CreditedQuantity => {
            attribute("BR-CL-23", node, "unitCode", &lists::UNITS, sheet);
        }
        EmbeddedDocumentBinaryObject => {
            if let Some(mime) = node.attribute("mimeCode") {
                sheet.keep("BR-CL-24", node, lists::MIME_TYPES.has(&mime));
            }
        }
        EndpointID => attribute("BR-CL-25", node, "schemeID", &lists::ADDRESS_SCHEMES, sheet),
        _ => {}
    }
}

fn identifier(node: Node<'_>, sheet: &mut Sheet) {
    let Some(parent) = node.parent() else { return };
    match parent.name() {
        // A line's or the document's object, whose scheme is a reference qualifier.
        AdditionalDocumentReference | DocumentReference if parent.any_is(&[DocumentTypeCode], "130") => {
            attribute("BR-CL-07", node, "schemeID", &lists::REFERENCE_QUALIFIERS, sheet);
        }
        PartyIdentification => {
            if let Some(scheme) = node.attribute("schemeID") {
                let scheme = normalized(scheme);
                let paid = || node.is_inside(AccountingSupplierParty) || node.is_inside(PayeeParty);
                sheet.keep("BR-CL-10", node, lists::SCHEMES.has(&scheme) || (scheme == "SEPA" && paid()));
            }
        }
        TaxCategory => text("BR-CL-17", node, &lists::VAT_CATEGORIES, sheet),
        ClassifiedTaxCategory => text("BR-CL-18", node, &lists::VAT_CATEGORIES, sheet),
        StandardItemIdentification => attribute("BR-CL-21", node, "schemeID", &lists::SCHEMES, sheet),
        DeliveryLocation => attribute("BR-CL-26", node, "schemeID", &lists::SCHEMES, sheet),
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
