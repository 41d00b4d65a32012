//! The code lists in UBL: the schematron's pattern `Codesmodel`.

use super::Sheet;
use super::document::{Node, normalized};
use super::lists;
use super::names::Name::*;
use super::ubl_vat::indicates;

/// Holds an element's code against its list.
pub fn check(node: Node<'_>, sheet: &mut Sheet) {
    match node.name() {
        InvoiceTypeCode => sheet.coded("BR-CL-01", node, lists::INVOICE_TYPES),
        CreditNoteTypeCode => sheet.coded("BR-CL-01", node, lists::CREDIT_NOTE_TYPES),
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
            let currency =
                node.attribute("currencyID").is_some_and(|c| node.list(lists::CURRENCIES).has(&normalized(c)));
            sheet.attribute("BR-CL-03", node, "currencyID", currency);
        }
        DocumentCurrencyCode => sheet.coded("BR-CL-04", node, lists::CURRENCIES),
        TaxCurrencyCode => sheet.coded("BR-CL-05", node, lists::CURRENCIES),
        DescriptionCode if node.above() == InvoicePeriod => sheet.coded("BR-CL-06", node, lists::VAT_POINT_DATES),
        ID => identifier(node, sheet),
        CompanyID if node.above() == PartyLegalEntity => {
            sheet.coded_attribute("BR-CL-11", node, "schemeID", lists::SCHEMES);
        }
        ItemClassificationCode if node.above() == CommodityClassification => {
            sheet.coded_attribute("BR-CL-13", node, "listID", lists::ITEM_CLASSES);
        }
        IdentificationCode if node.above() == Country => sheet.coded("BR-CL-14", node, lists::COUNTRIES),
        IdentificationCode if node.above() == OriginCountry => sheet.coded("BR-CL-15", node, lists::COUNTRIES),
        PaymentMeansCode if node.above() == PaymentMeans => sheet.coded("BR-CL-16", node, lists::PAYMENT_MEANS),
        AllowanceChargeReasonCode => {
            let Some(parent) = node.parent().filter(|parent| parent.name() == AllowanceCharge) else { return };
            if indicates(parent, false).unwrap_or(false) {
                sheet.coded("BR-CL-19", node, lists::ALLOWANCE_REASONS);
            } else if indicates(parent, true).unwrap_or(false) {
                sheet.coded("BR-CL-20", node, lists::CHARGE_REASONS);
            }
        }
        TaxExemptionReasonCode => sheet.coded("BR-CL-22", node, lists::EXEMPTIONS),
        InvoicedQuantity | BaseQuantity | CreditedQuantity => {
            sheet.coded_attribute("BR-CL-23", node, "unitCode", lists::UNITS);
        }
        EmbeddedDocumentBinaryObject => {
            if let Some(mime) = node.attribute("mimeCode") {
                sheet.attribute("BR-CL-24", node, "mimeCode", node.list(lists::MIME_TYPES).has(&mime));
            }
        }
        EndpointID => sheet.coded_attribute("BR-CL-25", node, "schemeID", lists::ADDRESS_SCHEMES),
        _ => {}
    }
}

fn identifier(node: Node<'_>, sheet: &mut Sheet) {
    let Some(parent) = node.parent() else { return };
    match parent.name() {
        // A line's or the document's object, whose scheme is a reference qualifier.
        AdditionalDocumentReference | DocumentReference if parent.any_is(&[DocumentTypeCode], "130") => {
            sheet.coded_attribute("BR-CL-07", node, "schemeID", lists::REFERENCE_QUALIFIERS);
        }
        PartyIdentification => {
            if let Some(scheme) = node.attribute("schemeID") {
                let scheme = normalized(scheme);
                let paid = || node.is_inside(AccountingSupplierParty) || node.is_inside(PayeeParty);
                let known = node.list(lists::SCHEMES).has(&scheme) || (scheme == "SEPA" && paid());
                sheet.attribute("BR-CL-10", node, "schemeID", known);
            }
        }
        TaxCategory => sheet.coded("BR-CL-17", node, lists::VAT_CATEGORIES),
        ClassifiedTaxCategory => sheet.coded("BR-CL-18", node, lists::VAT_CATEGORIES),
        StandardItemIdentification => sheet.coded_attribute("BR-CL-21", node, "schemeID", lists::SCHEMES),
        DeliveryLocation => sheet.coded_attribute("BR-CL-26", node, "schemeID", lists::SCHEMES),
        _ => {}
    }
}
