//! The business rules in UBL: the schematron's pattern `UBL-model`, an element against the first context it matches.

use super::document::{Answer, Node, Stop, Why, any_double, is_not_negative};
use super::lists;
use super::names::Name::{self, *};
use super::number::{Decimal, cents, whole};
use super::ubl_vat::{self, Family, Vat, indicates, is_breakdown, is_vat, is_vat_alone};
use super::{Compared, Sheet};

/// Holds an element against the rules of its context.
pub fn check(node: Node<'_>, vat: &Vat, sheet: &mut Sheet) {
    match node.name() {
        Invoice | CreditNote if node.is_root() => document(node, vat, sheet),
        AdditionalDocumentReference => sheet.rule("BR-52", node, |n| n.filled(&[ID])),
        EndpointID if node.under(&[Party, AccountingCustomerParty]) => {
            sheet.keep("BR-63", node, node.has_attribute("schemeID"));
        }
        EndpointID if node.under(&[Party, AccountingSupplierParty]) => {
            sheet.keep("BR-62", node, node.has_attribute("schemeID"));
        }
        PostalAddress => postal_address(node, sheet),
        PrimaryAccountNumberID if node.under(&[CardAccount, PaymentMeans]) => {
            sheet.warn("BR-51", node, node.plain().chars().count() <= 10);
        }
        Address if node.under(&[DeliveryLocation, Delivery]) => {
            sheet.keep("BR-57", node, node.exists(&[Country, IdentificationCode]));
        }
        AllowanceCharge => allowance_or_charge(node, sheet),
        LegalMonetaryTotal => totals(node, sheet),
        InvoiceLine | CreditNoteLine => line(node, sheet),
        InvoicePeriod => period(node, sheet),
        AdditionalItemProperty => sheet.keep("BR-54", node, node.has(Name::Name) && node.has(Value)),
        ItemClassificationCode if on_line(node, &[CommodityClassification, Item]) => {
            sheet.keep("BR-65", node, node.has_attribute("listID"));
        }
        ID if on_line(node, &[StandardItemIdentification, Item]) => {
            sheet.keep("BR-64", node, node.has_attribute("schemeID"));
        }
        Note if node.parent().is_some_and(Node::is_root) => sheet.keep("BR-CL-08", node, note(node)),
        PayeeParty => payee(node, sheet),
        PayeeFinancialAccount if is_transfer_account(node) => sheet.rule("BR-50", node, |n| n.filled(&[ID])),
        PaymentMeans => payment(node, sheet),
        BillingReference => sheet.keep("BR-55", node, node.exists(&[InvoiceDocumentReference, ID])),
        AccountingSupplierParty => sheet.rule("BR-CO-26", node, is_identified),
        TaxRepresentativeParty => {
            sheet.rule("BR-18", node, |n| n.filled(&[PartyName, Name::Name]));
            sheet.keep("BR-19", node, node.has(PostalAddress));
            sheet.rule("BR-56", node, |n| {
                for scheme in n.kids(PartyTaxScheme) {
                    if is_vat_alone(scheme)? && scheme.has(CompanyID) {
                        return Ok(true);
                    }
                }
                Ok(false)
            });
        }
        TaxTotal if node.parent().is_some_and(Node::is_root) => tax_total(node, sheet),
        TaxSubtotal if node.above() == TaxTotal => subtotal(node, sheet),
        PartyTaxScheme if is_vat(node).unwrap_or(false) => sheet.rule("BR-CO-09", node, |node| {
            let number = node.one(&[CompanyID])?.map(Node::text).unwrap_or_default();
            let prefix: String = number.chars().take(2).collect();
            Ok(node.list(lists::VAT_PREFIXES).spells(&prefix))
        }),
        TaxCategory | ClassifiedTaxCategory => category(node, vat, sheet),
        _ => {}
    }
}

fn on_line(node: Node<'_>, names: &[Name]) -> bool {
    let mut at = node;
    for name in names {
        match at.parent().filter(|parent| parent.name() == *name) {
            Some(parent) => at = parent,
            None => return false,
        }
    }
    matches!(at.above(), InvoiceLine | CreditNoteLine)
}

fn postal_address(node: Node<'_>, sheet: &mut Sheet) {
    let rule = if node.under(&[Party, AccountingCustomerParty]) {
        "BR-11"
    } else if node.under(&[Party, AccountingSupplierParty]) {
        "BR-09"
    } else if node.above() == TaxRepresentativeParty {
        "BR-20"
    } else {
        return;
    };
    sheet.rule(rule, node, |n| n.filled(&[Country, IdentificationCode]));
}

fn has_reason(node: Node<'_>) -> bool {
    node.has(AllowanceChargeReason) || node.has(AllowanceChargeReasonCode)
}

/// Document-level and line-level allowances and charges.
fn allowance_or_charge(node: Node<'_>, sheet: &mut Sheet) {
    let head = node.parent().is_some_and(Node::is_root);
    if !head && !matches!(node.above(), InvoiceLine | CreditNoteLine) {
        return;
    }
    // An indicator that is neither matches no context.
    let rules = if indicates(node, false).unwrap_or(false) {
        if head {
            ["BR-31", "BR-33", "BR-CO-21", "BR-DEC-01", "BR-DEC-02"]
        } else {
            ["BR-41", "BR-42", "BR-CO-23", "BR-DEC-24", "BR-DEC-25"]
        }
    } else if indicates(node, true).unwrap_or(false) {
        if head {
            ["BR-36", "BR-38", "BR-CO-22", "BR-DEC-05", "BR-DEC-06"]
        } else {
            ["BR-43", "BR-44", "BR-CO-24", "BR-DEC-27", "BR-DEC-28"]
        }
    } else {
        return;
    };
    sheet.keep(rules[0], node, node.has(Amount));
    if head {
        let rule = if rules[0] == "BR-31" { "BR-32" } else { "BR-37" };
        sheet.rule(rule, node, |n| any_vat(n, TaxCategory, |category| category.has(ID)));
    }
    sheet.keep(rules[1], node, has_reason(node));
    sheet.keep(rules[2], node, has_reason(node));
    sheet.two_decimals(rules[3], node, &[Amount]);
    sheet.two_decimals(rules[4], node, &[BaseAmount]);
}

/// `name[… = 'VAT'][test]`.
fn any_vat(node: Node<'_>, name: Name, test: impl Fn(Node<'_>) -> bool) -> Answer {
    for child in node.kids(name) {
        if is_vat(child)? && test(child) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_vat_number(node: Node<'_>) -> Answer {
    any_vat(node, PartyTaxScheme, |scheme| scheme.has(CompanyID))
}

fn totals(node: Node<'_>, sheet: &mut Sheet) {
    sheet.keep("BR-12", node, node.has(LineExtensionAmount));
    sheet.keep("BR-13", node, node.has(TaxExclusiveAmount));
    sheet.keep("BR-14", node, node.has(TaxInclusiveAmount));
    sheet.keep("BR-15", node, node.has(PayableAmount));
    sheet.compare("BR-CO-10", node.shown(&[LineExtensionAmount]), |_| {
        let document = node.document();
        let mut sum = Decimal::ZERO;
        for line in document.all(InvoiceLine).chain(document.all(CreditNoteLine)) {
            sum += line.decimal_of(&[LineExtensionAmount])?.unwrap_or_default();
        }
        Ok(Compared::same(Some(cents(sum)), node.decimal_of(&[LineExtensionAmount])?))
    });
    for (rule, charge, total) in [("BR-CO-11", false, AllowanceTotalAmount), ("BR-CO-12", true, ChargeTotalAmount)] {
        sheet.compare(rule, node.shown(&[total]), |_| allowances(node, charge, total));
    }
    sheet.compare("BR-CO-13", node.shown(&[TaxExclusiveAmount]), |_| without_tax(node));
    sheet.compare("BR-CO-16", node.shown(&[PayableAmount]), |_| payable(node));
    for (rule, name) in [
        ("BR-DEC-09", LineExtensionAmount),
        ("BR-DEC-10", AllowanceTotalAmount),
        ("BR-DEC-11", ChargeTotalAmount),
        ("BR-DEC-12", TaxExclusiveAmount),
        ("BR-DEC-14", TaxInclusiveAmount),
        ("BR-DEC-16", PrepaidAmount),
        ("BR-DEC-17", PayableRoundingAmount),
        ("BR-DEC-18", PayableAmount),
    ] {
        sheet.two_decimals(rule, node, &[name]);
    }
}

/// The total of allowances or of charges is their sum, or neither is there.
fn allowances(node: Node<'_>, charge: bool, total: Name) -> Result<Compared, Stop> {
    let (mut sum, mut any) = (Decimal::ZERO, false);
    for allowance in node.parent().into_iter().flat_map(|root| root.kids(AllowanceCharge)) {
        if indicates(allowance, charge)? {
            any = true;
            sum += allowance.decimal_of(&[Amount])?.unwrap_or_default();
        }
    }
    Ok(match node.decimal_of(&[total])? {
        Some(total) => Compared::same(Some(cents(sum)), Some(total)),
        None => Compared::kept(!any),
    })
}

fn without_tax(node: Node<'_>) -> Result<Compared, Stop> {
    let amount = |name| node.decimal_of(&[name]);
    let (charges, allowances) = (amount(ChargeTotalAmount)?, amount(AllowanceTotalAmount)?);
    let (Some(total), Some(lines)) = (amount(TaxExclusiveAmount)?, amount(LineExtensionAmount)?) else {
        return Ok(Compared::kept(false));
    };
    let sum = match (charges, allowances) {
        (None, None) => lines,
        _ => cents(lines + charges.unwrap_or_default() - allowances.unwrap_or_default()),
    };
    Ok(Compared::same(Some(sum), Some(total)))
}

fn payable(node: Node<'_>) -> Result<Compared, Stop> {
    let amount = |name| node.decimal_of(&[name]);
    let (prepaid, rounding) = (amount(PrepaidAmount)?, amount(PayableRoundingAmount)?);
    let (Some(payable), Some(total)) = (amount(PayableAmount)?, amount(TaxInclusiveAmount)?) else {
        return Ok(Compared::kept(false));
    };
    let kept = match (prepaid, rounding) {
        (None, None) => payable == total,
        (Some(prepaid), None) => payable == cents(total - prepaid),
        (None, Some(rounding)) => cents(payable - rounding) == total,
        (Some(prepaid), Some(rounding)) => cents(payable - rounding) == cents(total - prepaid),
    };
    let expected = total - prepaid.unwrap_or_default() + rounding.unwrap_or_default();
    Ok(Compared { kept, expected: Some(expected), written: Some(payable) })
}

/// The rules on the document as a whole.
fn document(root: Node<'_>, vat: &Vat, sheet: &mut Sheet) {
    let supplier: [Name; 2] = [AccountingSupplierParty, Party];
    let customer: [Name; 2] = [AccountingCustomerParty, Party];
    let name = |[party, inner]: [Name; 2]| [party, inner, PartyLegalEntity, RegistrationName];
    sheet.rule("BR-01", root, |r| r.filled(&[CustomizationID]));
    sheet.rule("BR-02", root, |r| r.filled(&[ID]));
    sheet.rule("BR-03", root, |r| r.filled(&[IssueDate]));
    sheet.rule("BR-04", root, |r| Ok(r.filled(&[InvoiceTypeCode])? || r.filled(&[CreditNoteTypeCode])?));
    sheet.rule("BR-05", root, |r| r.filled(&[DocumentCurrencyCode]));
    sheet.rule("BR-06", root, |r| r.filled(&name(supplier)));
    sheet.rule("BR-07", root, |r| r.filled(&name(customer)));
    sheet.keep("BR-08", root, root.exists(&[supplier[0], supplier[1], PostalAddress]));
    sheet.keep("BR-10", root, root.exists(&[customer[0], customer[1], PostalAddress]));
    sheet.keep("BR-16", root, root.has(InvoiceLine) || root.has(CreditNoteLine));
    let in_tax_currency = root.kids(TaxCurrencyCode).all(|currency| {
        let currency = currency.text();
        let mut amounts = root.document().all(TaxTotal).flat_map(|total| total.kids(TaxAmount));
        amounts.any(|amount| amount.attribute("currencyID").is_some_and(|c| c == currency))
    });
    sheet.keep("BR-53", root, in_tax_currency);
    let (point, period) = (root.has(TaxPointDate), root.exists(&[InvoicePeriod, DescriptionCode]));
    sheet.keep("BR-CO-03", root, !(point && period));
    sheet.compare("BR-CO-15", root.shown(&[LegalMonetaryTotal, TaxInclusiveAmount]), |_| with_tax(root));
    sheet.keep("BR-CO-18", root, root.exists(&[TaxTotal, TaxSubtotal]));
    vat.check_document(root, sheet);
}

/// One total of VAT in the invoice's currency, and the total with VAT is what the two come to.
fn with_tax(root: Node<'_>) -> Result<Compared, Stop> {
    for currency in root.kids(DocumentCurrencyCode) {
        let currency = currency.text();
        let mut taxes = Vec::new();
        for total in root.kids(TaxTotal) {
            let mut own = None;
            for amount in total.kids(TaxAmount).filter(|a| a.attribute("currencyID").is_some_and(|c| c == currency)) {
                if own.replace(amount).is_some() {
                    return Err(amount.stop(Why::Several));
                }
            }
            taxes.extend(own.map(Node::decimal).transpose()?);
        }
        let [tax] = taxes[..] else { return Ok(Compared::kept(false)) };
        let amounts = |name| -> Result<Vec<Decimal>, Stop> {
            root.kids(LegalMonetaryTotal).filter_map(|t| t.decimal_of(&[name]).transpose()).collect()
        };
        let exclusive = amounts(TaxExclusiveAmount)?;
        if exclusive.len() > 1 {
            return Err(root.stop(Why::Several));
        }
        let Some(exclusive) = exclusive.first() else { return Ok(Compared::kept(false)) };
        let computed = cents(*exclusive + tax);
        let written = amounts(TaxInclusiveAmount)?;
        if !written.contains(&computed) {
            return Ok(Compared::same(Some(computed), written.first().copied()));
        }
    }
    Ok(Compared::kept(true))
}

fn line(node: Node<'_>, sheet: &mut Sheet) {
    sheet.rule("BR-21", node, |n| n.filled(&[ID]));
    let quantities = || node.kids(InvoicedQuantity).chain(node.kids(CreditedQuantity));
    sheet.keep("BR-22", node, quantities().next().is_some());
    sheet.keep("BR-23", node, quantities().any(|quantity| quantity.has_attribute("unitCode")));
    sheet.keep("BR-24", node, node.has(LineExtensionAmount));
    sheet.rule("BR-25", node, |n| n.filled(&[Item, Name::Name]));
    sheet.keep("BR-26", node, node.exists(&[Price, PriceAmount]));
    sheet.rule("BR-27", node, |n| any_double(&n.path(&[Price, PriceAmount]), is_not_negative));
    sheet.rule("BR-28", node, |n| {
        let gross = n.path(&[Price, AllowanceCharge, BaseAmount]);
        Ok(gross.is_empty() || any_double(&gross, is_not_negative)?)
    });
    sheet.rule("BR-CO-04", node, |n| {
        for item in n.kids(Item) {
            for category in item.kids(ClassifiedTaxCategory) {
                if is_vat_alone(category)? && category.has(ID) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    });
    sheet.two_decimals("BR-DEC-23", node, &[LineExtensionAmount]);
}

fn period(node: Node<'_>, sheet: &mut Sheet) {
    let on_line = matches!(node.above(), InvoiceLine | CreditNoteLine);
    let ordered = |n: Node<'_>| {
        let (start, end) = (n.one(&[StartDate]), n.one(&[EndDate]));
        if !n.has(StartDate) || !n.has(EndDate) {
            return Ok(true);
        }
        let (Some(start), Some(end)) = (start?, end?) else { return Ok(true) };
        Ok(end.date()? >= start.date()?)
    };
    let dated = node.has(StartDate) || node.has(EndDate);
    if on_line {
        sheet.rule("BR-30", node, ordered);
        sheet.keep("BR-CO-20", node, dated);
    } else {
        sheet.rule("BR-29", node, ordered);
        sheet.keep("BR-CO-19", node, dated || node.has(DescriptionCode));
    }
}

/// A note's subject code, where it has one: `#AAB#text` (BT-21 within BT-22).
fn note(node: Node<'_>) -> bool {
    let text = node.text();
    let Some((_, after)) = text.split_once('#') else { return true };
    match after.split_once('#') {
        Some((code, _)) if code.chars().count() == 3 => node.list(lists::UBL_NOTE_SUBJECTS).spells(code),
        _ => true,
    }
}

fn payee(node: Node<'_>, sheet: &mut Sheet) {
    let supplier = node.parent().map(|p| p.path(&[AccountingSupplierParty, Party])).unwrap_or_default();
    let shares = |path: &[Name]| {
        let own = node.path(path);
        supplier.iter().any(|party| party.walk(path, &mut |theirs| own.iter().any(|mine| mine.text() == theirs.text())))
    };
    let named = node.exists(&[PartyName, Name::Name]);
    sheet.keep("BR-17", node, named && !shares(&[PartyName, Name::Name]) && !shares(&[PartyIdentification, ID]));
}

fn is_transfer_account(node: Node<'_>) -> bool {
    node.parent().is_some_and(|means| {
        means.name() == PaymentMeans && means.kids(PaymentMeansCode).any(|code| matches!(&*code.text(), "30" | "58"))
    })
}

fn payment(node: Node<'_>, sheet: &mut Sheet) {
    sheet.keep("BR-49", node, node.has(PaymentMeansCode));
    sheet.rule("BR-61", node, |n| {
        let code = n.plain_of(&[PaymentMeansCode])?;
        Ok(!matches!(&*code, "30" | "58") || n.exists(&[PayeeFinancialAccount, ID]))
    });
}

/// The seller has a VAT number, an identifier that is not its creditor's, or a registration.
fn is_identified(node: Node<'_>) -> Answer {
    for party in node.kids(Party) {
        let creditor = |id: Node<'_>| id.attribute("schemeID").is_some_and(|scheme| scheme == "SEPA");
        if party.walk(&[PartyIdentification, ID], &mut |id| !creditor(id))
            || party.exists(&[PartyLegalEntity, CompanyID])
            || has_vat_number(party)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn tax_total(node: Node<'_>, sheet: &mut Sheet) {
    sheet.compare("BR-CO-14", node.shown(&[TaxAmount]), |_| {
        if !node.has(TaxSubtotal) {
            return Ok(Compared::kept(true));
        }
        let mut sum = Decimal::ZERO;
        for subtotal in node.kids(TaxSubtotal) {
            sum += subtotal.decimal_of(&[TaxAmount])?.unwrap_or_default();
        }
        Ok(Compared::same(Some(cents(sum)), node.decimal_of(&[TaxAmount])?))
    });
}

fn subtotal(node: Node<'_>, sheet: &mut Sheet) {
    sheet.keep("BR-45", node, node.has(TaxableAmount));
    sheet.keep("BR-46", node, node.has(TaxAmount));
    sheet.rule("BR-47", node, |n| any_vat(n, TaxCategory, |category| category.has(ID)));
    sheet.rule("BR-48", node, |n| {
        any_vat(n, TaxCategory, |category| category.has(Percent) || category.kids(ID).any(|id| id.plain() == "O"))
    });
    sheet.compare("BR-CO-17", node.shown(&[TaxAmount]), |_| computed_tax(node));
    sheet.two_decimals("BR-DEC-19", node, &[TaxableAmount]);
    sheet.two_decimals("BR-DEC-20", node, &[TaxAmount]);
}

/// The tax of an entry is its amount times its rate, within one unit.
fn computed_tax(node: Node<'_>) -> Result<Compared, Stop> {
    let mut rate = None;
    for category in node.kids(TaxCategory) {
        if !is_vat(category)? {
            continue;
        }
        if let Some(percent) = category.decimal_of(&[Percent])?
            && rate.replace(percent).is_some()
        {
            return Err(category.stop(Why::Several));
        }
    }
    let tax = node.decimal_of(&[TaxAmount])?;
    let Some(rate) = rate.filter(|rate| !whole(*rate).is_zero()) else {
        let kept = tax.is_some_and(|tax| whole(tax).is_zero());
        return Ok(Compared { kept, expected: Some(Decimal::ZERO), written: tax });
    };
    let (Some(tax), Some(taxable)) = (tax, node.decimal_of(&[TaxableAmount])?) else {
        return Ok(Compared::kept(false));
    };
    let kept = ubl_vat::near(tax, taxable, rate).ok_or_else(|| node.stop(Why::Number))?;
    Ok(Compared { kept, expected: ubl_vat::tax_of(taxable, rate), written: Some(tax) })
}

/// A VAT category: in the breakdown, on an allowance or charge, on a line.
fn category(node: Node<'_>, vat: &Vat, sheet: &mut Sheet) {
    if !is_vat(node).unwrap_or(false) {
        return;
    }
    let Ok(code) = node.plain_of(&[ID]) else { return };
    let Some(family) = Family::of(&code) else { return };
    let [.., fifth, sixth, seventh, _, _, _] = family.rules;
    if node.name() == ClassifiedTaxCategory {
        if on_line(node, &[Item]) {
            ubl_vat::check_rate(fifth, node, family.code, sheet);
        }
    } else if is_breakdown(node) {
        vat.check_breakdown(node, family, sheet);
    } else if let Some(parent) = node.parent().filter(|parent| parent.name() == AllowanceCharge) {
        if indicates(parent, false).unwrap_or(false) {
            ubl_vat::check_rate(sixth, node, family.code, sheet);
        } else if indicates(parent, true).unwrap_or(false) {
            ubl_vat::check_rate(seventh, node, family.code, sheet);
        }
    }
}
