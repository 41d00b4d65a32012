//! The business rules in CII: the schematron's pattern `EN16931-CII-Model`, an element against the first context it matches.
//!
//! Amounts without a type in a rule are doubles there (XPath 2.0 §3.5.2), and stay doubles here.

use super::cii_vat::{self, Vat};
use super::document::{Answer, Node, Stop, Why, any_double, is_not_negative};
use super::lists;
use super::names::Name::{self, *};
use super::number::same;
use super::number::{self, Decimal, cents, whole, whole_double};
use super::{Compared, Sheet, ubl_vat};

/// From the root down to the header's settlement and agreement.
pub const SETTLEMENT: [Name; 2] = [SupplyChainTradeTransaction, ApplicableHeaderTradeSettlement];
pub const AGREEMENT: [Name; 2] = [SupplyChainTradeTransaction, ApplicableHeaderTradeAgreement];

/// Holds an element against the rules of its context.
pub fn check(node: Node<'_>, vat: &Vat, sheet: &mut Sheet) {
    match node.name() {
        CrossIndustryInvoice if node.is_root() => document(node, vat, sheet),
        DesignatedProductClassification => {
            sheet.rule("BR-65", node, |n| Ok(!n.has(ClassCode) || filled_attribute(n, &[ClassCode], "listID")?))
        }
        AdditionalReferencedDocument => sheet.rule("BR-52", node, |n| n.filled(&[IssuerAssignedID])),
        ApplicableTradeSettlementFinancialCard => {
            sheet.rule("BR-51", node, |n| Ok(n.plain_of(&[ID])?.chars().count() <= 10));
        }
        PayeePartyCreditorFinancialAccount if is_transfer(node) => {
            sheet.rule("BR-50", node, |n| Ok(n.filled(&[IBANID])? || n.filled(&[ProprietaryID])?));
            sheet.keep("BR-61", node, node.has(IBANID) || node.has(ProprietaryID));
        }
        ApplicableHeaderTradeDelivery if is_header(node) => sheet.rule("BR-57", node, |n| {
            let address = [ShipToTradeParty, PostalTradeAddress];
            Ok(!n.exists(&address) || n.filled(&[address[0], address[1], CountryID])?)
        }),
        ChargeIndicator => allowance_or_charge(node, sheet),
        SpecifiedTradeSettlementHeaderMonetarySummation => totals(node, sheet),
        IncludedSupplyChainTradeLineItem => line(node, sheet),
        BillingSpecifiedPeriod => period(node, sheet),
        ApplicableProductCharacteristic => sheet.keep("BR-54", node, node.has(Description) && node.has(Value)),
        PayeeTradeParty => sheet.keep("BR-17", node, is_other_party(node)),
        SpecifiedTradeSettlementPaymentMeans => sheet.keep("BR-49", node, node.has(TypeCode)),
        InvoiceReferencedDocument if node.above() == ApplicableHeaderTradeSettlement && in_settlement(node) => {
            sheet.rule("BR-55", node, |n| n.filled(&[IssuerAssignedID]));
        }
        SellerTradeParty => {
            let identified = node.has(ID)
                || node.has(GlobalID)
                || node.exists(&[SpecifiedLegalOrganization, ID])
                || has_tax_number(node, &["VA"]);
            sheet.keep("BR-CO-26", node, identified);
        }
        SellerTaxRepresentativeTradeParty => representative(node, sheet),
        TaxTotalAmount if is_total_in_currency(node) => sheet.compare("BR-CO-14", node, |node| {
            let mut sum = 0.0;
            for entry in settlement(node).flat_map(|s| s.kids(ApplicableTradeTax)) {
                for amount in entry.kids(CalculatedAmount) {
                    sum += amount.double()?;
                }
            }
            comes_to(&[node], sum)
        }),
        ID if node.above() == SpecifiedTaxRegistration && is_scheme(node, "VA") => {
            let prefix: String = node.text().chars().take(2).collect();
            sheet.keep("BR-CO-09", node, node.list(lists::CII_VAT_PREFIXES).spells(&format!(" {prefix} ")));
        }
        CategoryCode => vat.check_code(node, sheet),
        CategoryTradeTax => vat.check_allowance(node, sheet),
        ApplicableTradeTax if !vat.check_group(node, sheet) && node.above() == ApplicableHeaderTradeSettlement => {
            breakdown(node, sheet);
        }
        _ => {}
    }
}

/// `round(x * 10 * 10) div 100` of doubles.
fn cents_of(value: f64) -> f64 {
    whole_double(value * 10.0 * 10.0) / 100.0
}

pub fn settlement(node: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    node.document().root().path(&SETTLEMENT).into_iter()
}

fn in_settlement(node: Node<'_>) -> bool {
    node.parent().is_some_and(is_header)
}

/// A group of the document's header.
fn is_header(node: Node<'_>) -> bool {
    node.parent().is_some_and(|t| t.name() == SupplyChainTradeTransaction && t.parent().is_some_and(Node::is_root))
}

fn is_scheme(node: Node<'_>, scheme: &str) -> bool {
    node.attribute("schemeID").is_some_and(|s| s == scheme)
}

/// Whether a party has a tax identifier of one of these schemes.
pub fn has_tax_number(party: Node<'_>, schemes: &[&str]) -> bool {
    party.walk(&[SpecifiedTaxRegistration, ID], &mut |id| schemes.iter().any(|scheme| is_scheme(id, scheme)))
}

/// `normalize-space(a/b/@name) != ''`.
fn filled_attribute(node: Node<'_>, path: &[Name], name: &str) -> Answer {
    let mut found = None;
    for element in node.path(path) {
        if let Some(value) = element.attribute(name)
            && found.replace(super::document::normalized(value)).is_some()
        {
            return Err(element.stop(Why::Several));
        }
    }
    Ok(found.is_some_and(|value| !value.is_empty()))
}

fn is_transfer(node: Node<'_>) -> bool {
    node.parent().is_some_and(|means| {
        means.name() == SpecifiedTradeSettlementPaymentMeans
            && means.kids(TypeCode).any(|code| matches!(&*code.text(), "30" | "58"))
    })
}

/// `[ram:ChargeIndicator/udt:Indicator = true()]` or `false()`.
pub fn indicates(node: Node<'_>, charge: bool) -> Answer {
    for indicator in node.path(&[ChargeIndicator, Indicator]) {
        if indicator.boolean()? == charge {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An allowance's or charge's indicator, of the document or of a line; the rules look beside it.
fn allowance_or_charge(node: Node<'_>, sheet: &mut Sheet) {
    let Some(group) = node.parent().filter(|group| group.name() == SpecifiedTradeAllowanceCharge) else { return };
    let head = match group.above() {
        ApplicableHeaderTradeSettlement => true,
        SpecifiedLineTradeSettlement => false,
        _ => return,
    };
    let rules = if node.any_is(&[Indicator], "false") {
        if head {
            ["BR-31", "BR-33", "BR-CO-21", "BR-DEC-01", "BR-DEC-02"]
        } else {
            ["BR-41", "BR-42", "BR-CO-23", "BR-DEC-24", "BR-DEC-25"]
        }
    } else if node.any_is(&[Indicator], "true") {
        if head {
            ["BR-36", "BR-38", "BR-CO-22", "BR-DEC-05", "BR-DEC-06"]
        } else {
            ["BR-43", "BR-44", "BR-CO-24", "BR-DEC-27", "BR-DEC-28"]
        }
    } else {
        return;
    };
    let reason = group.has(Reason) || group.has(ReasonCode);
    sheet.keep(rules[0], node, group.has(ActualAmount));
    if head {
        let rule = if rules[0] == "BR-31" { "BR-32" } else { "BR-37" };
        sheet.rule(rule, node, |_| vat_group(group, CategoryTradeTax, |tax| tax.has(CategoryCode)));
    }
    sheet.keep(rules[1], node, reason);
    sheet.keep(rules[2], node, reason);
    if let Some(amount) = group.kid(ActualAmount) {
        sheet.keep(rules[3], amount, super::document::decimals(&amount.text()) <= 2);
    }
    sheet.two_decimals(rules[4], group, &[BasisAmount]);
}

/// `name[upper-case(ram:TypeCode) = 'VAT'][test]`.
fn vat_group(node: Node<'_>, name: Name, test: impl Fn(Node<'_>) -> bool) -> Answer {
    for group in node.kids(name) {
        if cii_vat::is_vat(group)? && test(group) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn totals(node: Node<'_>, sheet: &mut Sheet) {
    sheet.keep("BR-12", node, node.has(LineTotalAmount));
    sheet.keep("BR-13", node, node.has(TaxBasisTotalAmount));
    sheet.keep("BR-14", node, node.has(GrandTotalAmount));
    sheet.keep("BR-15", node, node.has(DuePayableAmount));
    sheet.keep("BR-53", node, has_tax_in_its_currency(node));
    sheet.compare("BR-CO-10", node.shown(&[LineTotalAmount]), |_| {
        let transaction = node.parent().and_then(Node::parent);
        let path = [SpecifiedLineTradeSettlement, SpecifiedTradeSettlementLineMonetarySummation, LineTotalAmount];
        let mut sum = 0.0;
        for line in transaction.into_iter().flat_map(|t| t.kids(IncludedSupplyChainTradeLineItem)) {
            for amount in line.path(&path) {
                sum += amount.double()?;
            }
        }
        let total = node.decimal_of(&[LineTotalAmount])?;
        let sum = number::exact_cents(sum).ok_or_else(|| node.stop(Why::Number))?;
        Ok(Compared::same(Some(sum), total))
    });
    for (rule, charge, total) in [("BR-CO-11", false, AllowanceTotalAmount), ("BR-CO-12", true, ChargeTotalAmount)] {
        sheet.compare(rule, node.shown(&[total]), |_| allowances(node, charge, total));
    }
    sheet.compare("BR-CO-13", node.shown(&[TaxBasisTotalAmount]), |_| {
        let (charges, allowances) = (first(node, ChargeTotalAmount)?, first(node, AllowanceTotalAmount)?);
        let (basis, lines) = (first(node, TaxBasisTotalAmount)?, first(node, LineTotalAmount)?);
        let (Some(basis), Some(lines)) = (basis, lines) else { return Ok(Compared::kept(false)) };
        let sum = cents(lines + charges.unwrap_or_default() - allowances.unwrap_or_default());
        Ok(Compared::same(Some(sum), Some(basis)))
    });
    sheet.compare("BR-CO-16", node.shown(&[DuePayableAmount]), |_| {
        let (prepaid, rounding) = (first(node, TotalPrepaidAmount)?, first(node, RoundingAmount)?);
        let (due, total) = (first(node, DuePayableAmount)?, first(node, GrandTotalAmount)?);
        let (Some(due), Some(total)) = (due, total) else { return Ok(Compared::kept(false)) };
        let sum = total - prepaid.unwrap_or_default() + rounding.unwrap_or_default();
        Ok(Compared::same(Some(sum), Some(due)))
    });
    for (rule, name) in [
        ("BR-DEC-09", LineTotalAmount),
        ("BR-DEC-10", AllowanceTotalAmount),
        ("BR-DEC-11", ChargeTotalAmount),
        ("BR-DEC-12", TaxBasisTotalAmount),
        ("BR-DEC-14", GrandTotalAmount),
        ("BR-DEC-16", TotalPrepaidAmount),
        ("BR-DEC-17", RoundingAmount),
        ("BR-DEC-18", DuePayableAmount),
    ] {
        sheet.two_decimals(rule, node, &[name]);
    }
    for (rule, currency) in [("BR-DEC-13", InvoiceCurrencyCode), ("BR-DEC-15", TaxCurrencyCode)] {
        let amount = node.kids(TaxTotalAmount).find(|amount| is_in(*amount, currency)).unwrap_or(node);
        sheet.rule(rule, amount, |_| tax_decimals(node, currency));
    }
}

/// `xs:decimal(name[1])`.
fn first(node: Node<'_>, name: Name) -> Result<Option<Decimal>, Stop> {
    node.kid(name).map(Node::decimal).transpose()
}

/// Whether an amount's currency is one of the header's.
fn is_in(amount: Node<'_>, currency: Name) -> bool {
    let Some(own) = amount.attribute("currencyID") else { return false };
    settlement(amount).any(|s| s.any_is(&[currency], &own))
}

fn is_total_in_currency(node: Node<'_>) -> bool {
    node.above() == SpecifiedTradeSettlementHeaderMonetarySummation && is_in(node, InvoiceCurrencyCode)
}

/// Where VAT is accounted for in another currency, its total in that currency is there.
fn has_tax_in_its_currency(node: Node<'_>) -> bool {
    let codes: Vec<_> = settlement(node).flat_map(|s| s.path(&[TaxCurrencyCode])).collect();
    if codes.is_empty() {
        return true;
    }
    let own: Vec<_> = settlement(node).flat_map(|s| s.path(&[InvoiceCurrencyCode])).map(Node::text).collect();
    node.kids(TaxTotalAmount).any(|amount| is_in(amount, TaxCurrencyCode))
        && !codes.iter().any(|code| own.contains(&code.text()))
}

/// A total of VAT in that currency, or in another, with two decimals at most.
fn tax_decimals(node: Node<'_>, currency: Name) -> Answer {
    let mut amounts = node.kids(TaxTotalAmount).peekable();
    if amounts.peek().is_none() {
        return Ok(true);
    }
    for amount in amounts {
        let is_in = is_in(amount, currency);
        if is_in && any_double(&[amount], |value| same(value, whole_double(value * 100.0) / 100.0))? {
            return Ok(true);
        }
        let other = match currency {
            TaxCurrencyCode => !settlement(node).any(|s| s.has(TaxCurrencyCode)),
            _ => !is_in,
        };
        if other {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The total of allowances or of charges is their sum, or neither is there.
fn allowances(node: Node<'_>, charge: bool, total: Name) -> Result<Compared, Stop> {
    let (mut sum, mut any) = (0.0, false);
    for allowance in settlement(node).flat_map(|s| s.kids(SpecifiedTradeAllowanceCharge)) {
        if indicates(allowance, charge)? {
            any = true;
            if let Some(amount) = allowance.kid(ActualAmount) {
                sum += amount.double()?;
            }
        }
    }
    if !any && !node.has(total) {
        return Ok(Compared::kept(true));
    }
    comes_to(&node.path(&[total]), sum)
}

/// One of the written totals is the sum, to the cent: both as doubles, as the rules compare them.
fn comes_to(totals: &[Node<'_>], sum: f64) -> Result<Compared, Stop> {
    let kept = any_double(totals, |total| same(total, cents_of(sum)))?;
    let written = totals.first().and_then(|total| number::decimal(&total.text()));
    Ok(Compared { kept, expected: number::exact_cents(sum), written })
}

/// The rules on the document as a whole.
fn document(root: Node<'_>, vat: &Vat, sheet: &mut Sheet) {
    let [transaction, agreement] = AGREEMENT;
    let of_seller = |rest: &'static [Name]| [&[transaction, agreement, SellerTradeParty], rest].concat();
    let of_buyer = |rest: &'static [Name]| [&[transaction, agreement, BuyerTradeParty], rest].concat();
    let filled: [(&'static str, Vec<Name>); 8] = [
        ("BR-01", vec![ExchangedDocumentContext, GuidelineSpecifiedDocumentContextParameter, ID]),
        ("BR-02", vec![ExchangedDocument, ID]),
        ("BR-04", vec![ExchangedDocument, TypeCode]),
        ("BR-05", vec![SETTLEMENT[0], SETTLEMENT[1], InvoiceCurrencyCode]),
        ("BR-06", of_seller(&[Name::Name])),
        ("BR-07", of_buyer(&[Name::Name])),
        ("BR-09", of_seller(&[PostalTradeAddress, CountryID])),
        ("BR-11", of_buyer(&[PostalTradeAddress, CountryID])),
    ];
    for (rule, path) in filled {
        sheet.rule(rule, root, |r| r.filled(&path));
    }
    sheet.rule("BR-03", root, |r| {
        let mut found = None;
        for date in r.path(&[ExchangedDocument, IssueDateTime, DateTimeString]) {
            let is_day = date.attribute("format").is_some_and(|format| format == "102");
            if is_day && found.replace(date).is_some() {
                return Err(date.stop(Why::Several));
            }
        }
        Ok(found.is_some_and(|date| !date.plain().is_empty()))
    });
    sheet.keep("BR-08", root, root.exists(&of_seller(&[PostalTradeAddress])));
    sheet.keep("BR-10", root, root.exists(&of_buyer(&[PostalTradeAddress])));
    sheet.keep("BR-16", root, root.document().has(IncludedSupplyChainTradeLineItem));
    for (rule, party) in [("BR-62", of_seller(&[])), ("BR-63", of_buyer(&[]))] {
        sheet.rule(rule, root, |r| has_schemed_address(r, &party));
    }
    let totals = [SETTLEMENT[0], SETTLEMENT[1], SpecifiedTradeSettlementHeaderMonetarySummation, GrandTotalAmount];
    sheet.compare("BR-CO-15", root.shown(&totals), |_| with_tax(root));
    vat.check_document(root, sheet);
}

/// A party's electronic address says its scheme, where there is one.
fn has_schemed_address(root: Node<'_>, party: &[Name]) -> Answer {
    let (mut found, mut any) = (None, false);
    for address in root.path(party).into_iter().filter_map(|p| p.kid(URIUniversalCommunication)) {
        any = true;
        for uri in address.kids(URIID) {
            if let Some(scheme) = uri.attribute("schemeID")
                && found.replace(super::document::normalized(scheme)).is_some()
            {
                return Err(uri.stop(Why::Several));
            }
        }
    }
    Ok(!any || found.is_some_and(|scheme| !scheme.is_empty()))
}

/// The total with VAT is what the two come to, or there is no VAT to add.
fn with_tax(root: Node<'_>) -> Result<Compared, Stop> {
    let totals = [SETTLEMENT[0], SETTLEMENT[1], SpecifiedTradeSettlementHeaderMonetarySummation];
    let amounts = |name| root.path(&[totals[0], totals[1], totals[2], name]);
    let first = |name| amounts(name).first().copied().map(Node::decimal).transpose();
    for currency in root.path(&[SETTLEMENT[0], SETTLEMENT[1], InvoiceCurrencyCode]) {
        let currency = currency.text();
        let taxes: Vec<_> = amounts(TaxTotalAmount)
            .into_iter()
            .filter(|amount| amount.attribute("currencyID").is_some_and(|c| c == currency))
            .collect();
        let (total, basis) = (first(GrandTotalAmount)?, first(TaxBasisTotalAmount)?);
        let (Some(total), Some(basis)) = (total, basis) else { return Ok(Compared::kept(false)) };
        let sum = match taxes[..] {
            [tax] => Some(cents(basis + tax.decimal()?)),
            _ => None,
        };
        if sum != Some(total) && total != basis {
            return Ok(Compared::same(sum, Some(total)));
        }
    }
    Ok(Compared::kept(true))
}

fn line(node: Node<'_>, sheet: &mut Sheet) {
    let quantity = [SpecifiedLineTradeDelivery, BilledQuantity];
    let net = [SpecifiedLineTradeAgreement, NetPriceProductTradePrice, ChargeAmount];
    let gross = [SpecifiedLineTradeAgreement, GrossPriceProductTradePrice, ChargeAmount];
    let total = [SpecifiedLineTradeSettlement, SpecifiedTradeSettlementLineMonetarySummation, LineTotalAmount];
    sheet.rule("BR-21", node, |n| n.filled(&[AssociatedDocumentLineDocument, LineID]));
    sheet.keep("BR-22", node, node.exists(&quantity));
    sheet.keep("BR-23", node, node.walk(&quantity, &mut |q| q.has_attribute("unitCode")));
    sheet.keep("BR-24", node, node.exists(&total));
    sheet.rule("BR-25", node, |n| n.filled(&[SpecifiedTradeProduct, Name::Name]));
    sheet.keep("BR-26", node, node.exists(&net));
    sheet.rule("BR-27", node, |n| any_double(&n.path(&net), is_not_negative));
    sheet.rule("BR-28", node, |n| {
        let prices = n.path(&gross);
        Ok(prices.is_empty() || any_double(&prices, is_not_negative)?)
    });
    let product = [SpecifiedTradeProduct, GlobalID];
    sheet.rule("BR-64", node, |n| Ok(!n.exists(&product) || filled_attribute(n, &product, "schemeID")?));
    sheet.rule("BR-CO-04", node, |n| {
        for settlement in n.kids(SpecifiedLineTradeSettlement) {
            if vat_group(settlement, ApplicableTradeTax, |tax| tax.has(CategoryCode))? {
                return Ok(true);
            }
        }
        Ok(false)
    });
    // The same of every line: told of the first.
    let first = node.parent().and_then(|transaction| transaction.kid(IncludedSupplyChainTradeLineItem));
    if first.is_some_and(|first| first.id == node.id) {
        let root = node.document().root();
        sheet.keep("BR-CO-18", node, root.exists(&[SETTLEMENT[0], SETTLEMENT[1], ApplicableTradeTax]));
    }
    sheet.two_decimals("BR-DEC-23", node, &total);
}

fn period(node: Node<'_>, sheet: &mut Sheet) {
    let [ordered, dated] = match node.above() {
        SpecifiedLineTradeSettlement => ["BR-30", "BR-CO-20"],
        ApplicableHeaderTradeSettlement => ["BR-29", "BR-CO-19"],
        _ => return,
    };
    let days = |name| {
        let dates = node.path(&[name, DateTimeString]).into_iter();
        let days = dates.filter(|date| date.attribute("format").is_some_and(|format| format == "102"));
        days.map(Node::text).collect::<Vec<_>>()
    };
    let both = node.has(StartDateTime) && node.has(EndDateTime);
    // Text against text: the rules compare the days as they are written.
    let kept = !both || days(EndDateTime).iter().any(|end| days(StartDateTime).iter().any(|start| end >= start));
    sheet.keep(ordered, node, kept);
    sheet.keep(dated, node, node.has(StartDateTime) || node.has(EndDateTime));
}

/// The payee has a name, and shares neither that nor an identifier with the seller.
fn is_other_party(node: Node<'_>) -> bool {
    let transaction = node.parent().and_then(Node::parent);
    let sellers: Vec<_> =
        transaction.map(|t| t.path(&[ApplicableHeaderTradeAgreement, SellerTradeParty])).unwrap_or_default();
    let shares = |path: &[Name]| {
        let own = node.path(path);
        sellers.iter().any(|s| s.walk(path, &mut |theirs| own.iter().any(|mine| mine.text() == theirs.text())))
    };
    node.has(Name::Name) && !shares(&[Name::Name]) && !shares(&[ID]) && !shares(&[SpecifiedLegalOrganization, ID])
}

fn representative(node: Node<'_>, sheet: &mut Sheet) {
    sheet.rule("BR-18", node, |n| n.filled(&[Name::Name]));
    sheet.keep("BR-19", node, node.has(PostalTradeAddress));
    sheet.rule("BR-20", node, |n| n.filled(&[PostalTradeAddress, CountryID]));
    sheet.rule("BR-56", node, |n| {
        let numbers = n.path(&[SpecifiedTaxRegistration, ID]).into_iter().filter(|id| is_scheme(*id, "VA"));
        let numbers: Vec<_> = numbers.collect();
        match numbers[..] {
            [] => Ok(false),
            [number] => Ok(!number.plain().is_empty()),
            [_, second, ..] => Err(second.stop(Why::Several)),
        }
    });
}

/// An entry of the VAT breakdown whose category has no rules of its own on it.
fn breakdown(node: Node<'_>, sheet: &mut Sheet) {
    sheet.keep("BR-45", node, node.has(BasisAmount));
    sheet.keep("BR-46", node, node.has(CalculatedAmount));
    sheet.rule("BR-47", node, |n| Ok(cii_vat::is_vat(n)? && n.has(CategoryCode)));
    sheet.rule("BR-48", node, |n| {
        Ok(cii_vat::is_vat(n)? && (n.has(RateApplicablePercent) || n.any_is(&[CategoryCode], "O")))
    });
    let document = node.document();
    sheet.keep("BR-CO-03", node, !(document.has(TaxPointDate) && document.has(DueDateTypeCode)));
    sheet.compare("BR-CO-17", node.shown(&[CalculatedAmount]), |_| computed_tax(node));
    sheet.two_decimals("BR-DEC-19", node, &[BasisAmount]);
    sheet.two_decimals("BR-DEC-20", node, &[CalculatedAmount]);
}

/// The tax of an entry is its amount times its rate, within one unit, that unit included.
fn computed_tax(node: Node<'_>) -> Result<Compared, Stop> {
    let is_vat = node
        .one(&[TypeCode])?
        .is_some_and(|code| super::document::normalized(code.text().to_uppercase().into()) == "VAT");
    let rate = if is_vat { node.decimal_of(&[RateApplicablePercent])? } else { None };
    let tax = node.decimal_of(&[CalculatedAmount])?;
    let Some(rate) = rate.filter(|rate| !whole(*rate).is_zero()) else {
        let kept = tax.is_some_and(|tax| whole(tax).is_zero());
        return Ok(Compared { kept, expected: Some(Decimal::ZERO), written: tax });
    };
    let (Some(tax), Some(basis)) = (tax, node.decimal_of(&[BasisAmount])?) else { return Ok(Compared::kept(false)) };
    let computed = ubl_vat::tax_of(basis.abs(), rate).ok_or_else(|| node.stop(Why::Number))?;
    let kept = tax.abs() - Decimal::ONE <= computed && tax.abs() + Decimal::ONE >= computed;
    Ok(Compared { kept, expected: ubl_vat::tax_of(basis, rate), written: Some(tax) })
}
