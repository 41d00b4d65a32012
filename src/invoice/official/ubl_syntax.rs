//! How UBL may be written: the schematron's pattern `UBL-syntax`, its rules that refuse.

use std::collections::HashSet;

use super::Sheet;
use super::document::{Answer, Node, decimals};
use super::names::Name::{self, *};
use super::ubl_vat::indicates;

/// Holds an element against the rules of its context.
pub fn check(node: Node<'_>, sheet: &mut Sheet) {
    match node.name() {
        PostalAddress | Address => sheet.keep("UBL-SR-51", node, node.count(AddressLine) <= 1),
        Party if node.above() == AccountingSupplierParty => {
            sheet.keep("UBL-SR-42", node, node.count(PartyTaxScheme) <= 2);
        }
        AdditionalDocumentReference => {
            sheet.keep("UBL-SR-33", node, node.count(DocumentDescription) <= 1);
            sheet.keep("UBL-SR-43", node, is_typed(node));
        }
        Delivery => sheet.keep("UBL-SR-25", node, node.count_of(&[DeliveryParty, PartyName, Name::Name]) <= 1),
        AllowanceCharge => {
            let one = node.count(AllowanceChargeReason) <= 1;
            if indicates(node, false).unwrap_or(false) {
                sheet.keep("UBL-SR-30", node, one);
            } else if indicates(node, true).unwrap_or(false) {
                sheet.keep("UBL-SR-31", node, one);
            }
        }
        PartyTaxScheme => {
            sheet.keep("UBL-SR-53", node, node.exists(&[TaxScheme, ID]) && node.has(CompanyID));
        }
        Invoice | CreditNote if node.is_root() => document(node, sheet),
        InvoiceLine | CreditNoteLine => {
            let at_most: [(&'static str, &[Name]); 6] = [
                ("UBL-SR-34", &[Note]),
                ("UBL-SR-35", &[OrderLineReference, LineID]),
                ("UBL-SR-36", &[InvoicePeriod]),
                ("UBL-SR-37", &[Price, AllowanceCharge, Amount]),
                ("UBL-SR-50", &[Item, Description]),
                ("UBL-SR-52", &[DocumentReference]),
            ];
            once(node, &at_most, sheet);
            sheet.keep("UBL-SR-48", node, node.count_of(&[Item, ClassifiedTaxCategory]) == 1);
        }
        PayeeParty => payee(node, sheet),
        PaymentMeans => {
            let at_most: [(&'static str, &[Name]); 3] =
                [("UBL-SR-26", &[PaymentID]), ("UBL-SR-27", &[PaymentMeansCode]), ("UBL-SR-28", &[PaymentMandate, ID])];
            once(node, &at_most, sheet);
        }
        BillingReference => {
            sheet.keep("UBL-SR-06", node, node.count(InvoiceDocumentReference) <= 1);
            sheet.keep("UBL-SR-07", node, node.exists(&[InvoiceDocumentReference, ID]));
        }
        TaxRepresentativeParty => {
            let at_most: [(&'static str, &[Name]); 2] =
                [("UBL-SR-22", &[PartyName, Name::Name]), ("UBL-SR-23", &[PartyTaxScheme, CompanyID])];
            once(node, &at_most, sheet);
        }
        TaxSubtotal => sheet.keep("UBL-SR-32", node, node.count_of(&[TaxCategory, TaxExemptionReason]) <= 1),
        _ => amount_or_file(node, sheet),
    }
}

/// Elements known by the end of their name.
fn amount_or_file(node: Node<'_>, sheet: &mut Sheet) {
    let name = node.spelling();
    if name.ends_with("Amount") && !name.ends_with("PriceAmount") && !is_in_price_allowance(node) {
        sheet.keep("UBL-DT-01", node, decimals(&node.text()) <= 2);
    } else if name.ends_with("BinaryObject") {
        sheet.attribute("UBL-DT-06", node, "mimeCode", node.has_attribute("mimeCode"));
        sheet.attribute("UBL-DT-07", node, "filename", node.has_attribute("filename"));
    }
}

fn is_in_price_allowance(node: Node<'_>) -> bool {
    let mut at = node;
    while let Some(parent) = at.parent() {
        if parent.name() == AllowanceCharge && parent.above() == Price {
            return true;
        }
        at = parent;
    }
    false
}

fn once(node: Node<'_>, rules: &[(&'static str, &[Name])], sheet: &mut Sheet) {
    for (rule, path) in rules {
        sheet.keep(rule, node, node.count_of(path) <= 1);
    }
}

/// A supporting document is one of three kinds, and only an invoiced object has a scheme.
fn is_typed(node: Node<'_>) -> bool {
    let credit = node.document().root().spelling() == "CreditNote";
    let schemed = node.kids(ID).any(|id| id.has_attribute("schemeID"));
    node.any_is(&[DocumentTypeCode], "130")
        || (credit && node.any_is(&[DocumentTypeCode], "50"))
        || (!schemed && !node.has(DocumentTypeCode))
}

/// The payee differs from the seller, and each of its names stands once.
fn payee(node: Node<'_>, sheet: &mut Sheet) {
    let names: Vec<_> = node.path(&[PartyName, Name::Name]).into_iter().map(Node::text).collect();
    let supplier = [AccountingSupplierParty, Party, PartyLegalEntity, RegistrationName];
    let other = node
        .parent()
        .is_some_and(|root| root.walk(&supplier, &mut |seller| names.iter().any(|name| *name != seller.text())));
    let identifiers = node
        .path(&[PartyIdentification, ID])
        .into_iter()
        .filter(|id| id.attribute("schemeID").is_some_and(|scheme| !scheme.eq_ignore_ascii_case("SEPA")));
    sheet.keep("UBL-SR-19", node, names.len() <= 1 && other);
    sheet.keep("UBL-SR-20", node, identifiers.count() <= 1 && other);
    sheet.keep("UBL-SR-21", node, node.count_of(&[PartyLegalEntity, CompanyID]) <= 1 && other);
}

fn document(root: Node<'_>, sheet: &mut Sheet) {
    let object = |reference: &Node<'_>| reference.any_is(&[DocumentTypeCode], "130");
    let document = root.document();
    let objects = || document.all(AdditionalDocumentReference).filter(object);
    sheet.keep("UBL-CR-666", root, !objects().any(|o| o.has(Attachment)));
    sheet.keep("UBL-CR-673", root, !objects().any(|o| o.has(DocumentDescription)));
    let supplier = [AccountingSupplierParty, Party];
    let customer = [AccountingCustomerParty, Party];
    let at_most: [(&'static str, &[Name]); 20] = [
        ("UBL-SR-01", &[ContractDocumentReference, ID]),
        ("UBL-SR-02", &[ReceiptDocumentReference, ID]),
        ("UBL-SR-03", &[DespatchDocumentReference, ID]),
        ("UBL-SR-05", &[PaymentTerms, Note]),
        ("UBL-SR-08", &[InvoicePeriod]),
        ("UBL-SR-09", &[supplier[0], supplier[1], PartyLegalEntity, RegistrationName]),
        ("UBL-SR-10", &[supplier[0], supplier[1], PartyName, Name::Name]),
        ("UBL-SR-11", &[supplier[0], supplier[1], PartyLegalEntity, CompanyID]),
        ("UBL-SR-14", &[supplier[0], supplier[1], PartyLegalEntity, CompanyLegalForm]),
        ("UBL-SR-15", &[customer[0], customer[1], PartyLegalEntity, RegistrationName]),
        ("UBL-SR-16", &[customer[0], customer[1], PartyIdentification, ID]),
        ("UBL-SR-17", &[customer[0], customer[1], PartyLegalEntity, CompanyID]),
        ("UBL-SR-24", &[Delivery]),
        ("UBL-SR-39", &[ProjectReference, ID]),
        ("UBL-SR-40", &[customer[0], customer[1], PartyName, Name::Name]),
        ("UBL-SR-45", &[PaymentMeans, PaymentDueDate]),
        ("UBL-SR-49", &[InvoicePeriod, DescriptionCode]),
        ("UBL-SR-54", &[PaymentMeans, CardAccount]),
        ("UBL-SR-55", &[PaymentMeans, PaymentMandate]),
        ("UBL-SR-56", &[OriginatorDocumentReference, ID]),
    ];
    once(root, &at_most, sheet);
    let own_objects = root.kids(AdditionalDocumentReference).filter(object);
    sheet.keep("UBL-SR-04", root, own_objects.map(|o| o.count(ID)).sum::<usize>() <= 1);
    sheet.rule("UBL-SR-12", root, |r| tax_numbers(r, &supplier, true));
    sheet.rule("UBL-SR-13", root, |r| tax_numbers(r, &supplier, false));
    sheet.rule("UBL-SR-18", root, |r| tax_numbers(r, &customer, true));
    let sepa = document
        .all(PartyIdentification)
        .flat_map(|p| p.kids(ID))
        .filter(|id| id.attribute("schemeID").is_some_and(|scheme| scheme.eq_ignore_ascii_case("SEPA")));
    sheet.keep("UBL-SR-29", root, sepa.count() <= 1);
    sheet.keep("UBL-SR-44", root, document.all(PaymentID).map(|id| id.text()).collect::<HashSet<_>>().len() <= 1);
    let codes = document.all(PaymentMeansCode).map(|code| code.text());
    sheet.keep("UBL-SR-47", root, codes.collect::<HashSet<_>>().len() <= 1);
    let named = root.path(&[PaymentMeans, PaymentMeansCode]).into_iter().filter(|code| code.has_attribute("name"));
    sheet.keep("UBL-SR-46", root, named.count() <= 1);
}

/// At most one tax number of a party for VAT, or for other taxes.
fn tax_numbers(root: Node<'_>, party: &[Name; 2], vat: bool) -> Answer {
    let mut count = 0;
    for scheme in root.path(&[party[0], party[1], PartyTaxScheme]) {
        for tax in scheme.kids(TaxScheme) {
            let Some(id) = tax.one(&[ID])? else {
                // `upper-case(())` is empty text, which is another tax.
                if !vat {
                    count += scheme.count(CompanyID);
                    break;
                }
                continue;
            };
            if (id.text().to_uppercase() == "VAT") == vat {
                count += scheme.count(CompanyID);
                break;
            }
        }
    }
    Ok(count <= 1)
}
