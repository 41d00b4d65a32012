//! Official rules about what stands where, for the cases that leave no trace in the semantic model: an element that is
//! missing where the model has a default, present but empty, repeated, or qualified by another tax than VAT.
//!
//! One pass over the elements; each function answers for one kind of element. Ids are the standard's.

use std::borrow::Cow;

use en16931::codes::generated::{COUNTRY_CODES, CURRENCY_CODES};

use super::Severity::Fatal;
use super::outline::{Id, Outline};
use super::rules::Findings;
use super::syntax_rules::is_charge;

/// Adds the findings of UBL or of CII.
pub fn check(outline: &Outline<'_>, findings: &mut Findings<'_, '_>) {
    if outline.name(Id::ROOT) == "CrossIndustryInvoice" {
        for id in outline.all() {
            cii(outline, id, findings);
        }
        cii_currency(outline, findings);
    } else {
        for id in outline.all() {
            ubl(outline, id, findings);
        }
        ubl_document(outline, findings);
    }
}

fn ubl(outline: &Outline<'_>, id: Id, findings: &mut Findings<'_, '_>) {
    let parent = outline.parent(id).map_or("", |p| outline.name(p));
    match outline.name(id) {
        "InvoiceLine" | "CreditNoteLine" => ubl_line(outline, id, findings),
        "AllowanceCharge" if parent != "Price" => ubl_allowance(outline, id, findings),
        "TaxSubtotal" if lacks(outline, id, &["TaxAmount"]) => findings.at("BR-46", Fatal, id, &[]),
        "IdentificationCode" => country(outline, id, parent, findings),
        "TaxExemptionReasonCode" if is_blank(outline, id) => findings.at("BR-CL-22", Fatal, id, &[]),
        "InvoicePeriod"
            if ["StartDate", "EndDate", "DescriptionCode"].iter().all(|name| lacks(outline, id, &[name])) =>
        {
            let rule = if outline.parent(id) == Some(Id::ROOT) { "BR-CO-19" } else { "BR-CO-20" };
            findings.at(rule, Fatal, id, &[]);
        }
        "BillingReference" if lacks(outline, id, &["InvoiceDocumentReference"]) => {
            findings.at("UBL-SR-07", Fatal, id, &[]);
        }
        "AdditionalDocumentReference" if parent == "Invoice" || parent == "CreditNote" => {
            let schemed = outline.named(id, "ID").any(|i| outline.attribute(i, "schemeID").is_some());
            if schemed && outline.text_at(id, &["DocumentTypeCode"]).as_deref() != Some("130") {
                findings.at("UBL-SR-43", Fatal, id, &[]);
            }
        }
        "PayeeParty" => {
            let identifiers = outline.named(id, "PartyIdentification").filter_map(|p| outline.find(p, &["ID"]));
            let sepa = |i: &Id| outline.attribute(*i, "schemeID").is_some_and(|s| s.eq_ignore_ascii_case("SEPA"));
            if identifiers.filter(|i| !sepa(i)).count() > 1 {
                findings.at("UBL-SR-20", Fatal, id, &[]);
            }
        }
        "Address" | "PostalAddress" if outline.named(id, "AddressLine").count() > 1 => {
            findings.at("UBL-SR-51", Fatal, id, &[]);
        }
        name if name.ends_with("Date") && is_blank(outline, id) => {
            findings.at("FG-VALUE", Fatal, id, &[("value", "")]);
        }
        name if name.ends_with("Amount") && outline.is_leaf(id) => currency_of(outline, id, findings),
        _ => {}
    }
}

fn ubl_line(outline: &Outline<'_>, id: Id, findings: &mut Findings<'_, '_>) {
    if lacks(outline, id, &["Price", "PriceAmount"]) {
        findings.at("BR-26", Fatal, id, &[]);
    }
    let Some(item) = outline.find(id, &["Item"]) else { return };
    if outline.named(item, "ClassifiedTaxCategory").count() > 1 {
        findings.at("UBL-SR-48", Fatal, item, &[]);
    }
    not_vat("BR-CO-04", outline, item, ["ClassifiedTaxCategory", "ID"], &["TaxScheme", "ID"], findings);
}

fn ubl_allowance(outline: &Outline<'_>, id: Id, findings: &mut Findings<'_, '_>) {
    let charge = is_charge(outline, id);
    for reason in outline.named(id, "AllowanceChargeReasonCode").filter(|r| is_blank(outline, *r)) {
        findings.at(if charge { "BR-CL-20" } else { "BR-CL-19" }, Fatal, reason, &[]);
    }
    if outline.parent(id) != Some(Id::ROOT) {
        if lacks(outline, id, &["Amount"]) {
            findings.at(if charge { "BR-43" } else { "BR-41" }, Fatal, id, &[]);
        }
        return;
    }
    if outline.named(id, "AllowanceChargeReason").count() > 1 {
        findings.at(if charge { "UBL-SR-31" } else { "UBL-SR-30" }, Fatal, id, &[]);
    }
    let rule = if charge { "BR-37" } else { "BR-32" };
    not_vat(rule, outline, id, ["TaxCategory", "ID"], &["TaxScheme", "ID"], findings);
}

/// What holds for the document as a whole.
fn ubl_document(outline: &Outline<'_>, findings: &mut Findings<'_, '_>) {
    let means = outline.named(Id::ROOT, "PaymentMeans").filter_map(|m| outline.find(m, &["PaymentMeansCode"]));
    if means.filter(|code| outline.attribute(*code, "name").is_some()).count() > 1 {
        findings.own("UBL-SR-46", Fatal, "BT-82".to_owned(), &[]);
    }
    if let Some(currency) = outline.find(Id::ROOT, &["DocumentCurrencyCode"]) {
        let currency = outline.value(currency);
        let totals = outline.named(Id::ROOT, "TaxTotal").filter_map(|t| outline.find(t, &["TaxAmount"]));
        if totals.filter(|t| outline.attribute(*t, "currencyID") == Some(Cow::clone(&currency))).count() != 1 {
            findings.own("BR-CO-15", Fatal, "BT-110".to_owned(), &[]);
        }
    }
}

fn country(outline: &Outline<'_>, id: Id, parent: &str, findings: &mut Findings<'_, '_>) {
    let delivery = || outline.path(id).contains("/DeliveryLocation/");
    // The model drops an empty code and does not check the delivery's.
    let wrong = match outline.text(id) {
        None => true,
        Some(code) => delivery() && !COUNTRY_CODES.contains(&code.as_str()),
    };
    if wrong {
        findings.at(if parent == "OriginCountry" { "BR-CL-15" } else { "BR-CL-14" }, Fatal, id, &[]);
    }
}

fn currency_of(outline: &Outline<'_>, id: Id, findings: &mut Findings<'_, '_>) {
    let currency = outline.attribute(id, "currencyID");
    if !currency.is_some_and(|c| CURRENCY_CODES.contains(&c.trim())) {
        findings.at("BR-CL-03", Fatal, id, &[]);
    }
}

fn cii(outline: &Outline<'_>, id: Id, findings: &mut Findings<'_, '_>) {
    let parent = outline.parent(id).map_or("", |p| outline.name(p));
    let in_header = parent == "ApplicableHeaderTradeSettlement";
    match outline.name(id) {
        "IncludedSupplyChainTradeLineItem"
            if lacks(outline, id, &["SpecifiedLineTradeAgreement", "NetPriceProductTradePrice", "ChargeAmount"]) =>
        {
            findings.at("BR-26", Fatal, id, &[]);
        }
        "SpecifiedLineTradeSettlement" => {
            not_vat("BR-CO-04", outline, id, ["ApplicableTradeTax", "CategoryCode"], &["TypeCode"], findings);
        }
        "BillingSpecifiedPeriod" => {
            let dated = |name: &str| outline.find(id, &[name]).map(|d| !lacks(outline, d, &["DateTimeString"]));
            if let (Some(start), Some(end)) = (dated("StartDateTime"), dated("EndDateTime"))
                && !(start && end)
            {
                findings.at(if in_header { "BR-29" } else { "BR-30" }, Fatal, id, &[]);
            }
        }
        "SpecifiedTradeAllowanceCharge" => {
            let charge = is_charge(outline, id);
            if in_header {
                let rule = if charge { "BR-37" } else { "BR-32" };
                not_vat(rule, outline, id, ["CategoryTradeTax", "CategoryCode"], &["TypeCode"], findings);
            } else if lacks(outline, id, &["ActualAmount"]) {
                findings.at(if charge { "BR-43" } else { "BR-41" }, Fatal, id, &[]);
            }
        }
        "ApplicableTradeTax" if in_header => {
            if lacks(outline, id, &["CalculatedAmount"]) {
                findings.at("BR-46", Fatal, id, &[]);
            }
            if !lacks(outline, id, &["TaxPointDate"]) && !lacks(outline, id, &["DueDateTypeCode"]) {
                findings.at("BR-CO-03", Fatal, id, &[]);
            }
        }
        "ExemptionReasonCode" if is_blank(outline, id) => findings.at("BR-CL-22", Fatal, id, &[]),
        "URIUniversalCommunication" => {
            let schemed = outline.named(id, "URIID").any(|u| outline.attribute(u, "schemeID").is_some());
            let rule = match parent {
                "SellerTradeParty" => "BR-62",
                "BuyerTradeParty" => "BR-63",
                _ => return,
            };
            if !schemed {
                findings.at(rule, Fatal, id, &[]);
            }
        }
        "TaxTotalAmount" => currency_of(outline, id, findings),
        "ApplicableProductCharacteristic" => {
            for (name, rule) in [("Description", "CII-SR-069"), ("Value", "CII-SR-072")] {
                if outline.named(id, name).count() > 1 {
                    findings.at(rule, Fatal, id, &[]);
                }
            }
        }
        "AdditionalReferencedDocument" => {
            let code = outline.text_at(id, &["TypeCode"]);
            match parent {
                "ApplicableHeaderTradeAgreement" if code.is_none() => findings.at("CII-DT-021", Fatal, id, &[]),
                "SpecifiedLineTradeSettlement" if code.as_deref() != Some("130") => {
                    findings.at("CII-DT-024", Fatal, id, &[]);
                }
                _ => {}
            }
        }
        _ => {}
    }
}

/// The total of VAT must be in the invoice's currency, compared as it is written.
fn cii_currency(outline: &Outline<'_>, findings: &mut Findings<'_, '_>) {
    let settlement = ["SupplyChainTradeTransaction", "ApplicableHeaderTradeSettlement"];
    let Some(settlement) = outline.find(Id::ROOT, &settlement) else { return };
    let Some(currency) = outline.find(settlement, &["InvoiceCurrencyCode"]) else { return };
    let Some(totals) = outline.find(settlement, &["SpecifiedTradeSettlementHeaderMonetarySummation"]) else { return };
    let currency = outline.value(currency);
    let mut amounts = outline.named(totals, "TaxTotalAmount").peekable();
    let amount = |name: &str| outline.text_at(totals, &[name]).and_then(|t| t.parse::<rust_decimal::Decimal>().ok());
    // Without VAT there is nothing to add, in whatever currency.
    if amount("GrandTotalAmount") == amount("TaxBasisTotalAmount") {
        return;
    }
    if amounts.peek().is_some() && !amounts.any(|a| outline.attribute(a, "currencyID").as_deref() == Some(&*currency)) {
        findings.own("BR-CO-15", Fatal, "BT-110".to_owned(), &[]);
    }
}

/// A category `[group, code]` is there, but no such group says that its tax is VAT.
fn not_vat(
    rule: &str,
    outline: &Outline<'_>,
    id: Id,
    [group, code]: [&str; 2],
    tax: &[&str],
    findings: &mut Findings<'_, '_>,
) {
    let mut groups = outline.named(id, group).filter(|g| !lacks(outline, *g, &[code])).peekable();
    let is_vat = |g: Id| outline.text_at(g, tax).is_some_and(|t| t.eq_ignore_ascii_case("VAT"));
    if groups.peek().is_some() && !groups.any(is_vat) {
        findings.at(rule, Fatal, id, &[]);
    }
}

fn lacks(outline: &Outline<'_>, id: Id, path: &[&str]) -> bool {
    outline.find(id, path).is_none()
}

fn is_blank(outline: &Outline<'_>, id: Id) -> bool {
    outline.is_leaf(id) && outline.text(id).is_none()
}
