//! VAT by category in CII (EN 16931-1 §6.4.3): the same ten families as in UBL, with the details of this syntax.

use std::collections::HashMap;

use super::cii_model::{SETTLEMENT, has_tax_number, indicates};
use super::document::{Answer, Document, Node, Stop, Why, any_double, is_not_negative, is_positive};
use super::names::Name::{self, *};
use super::number::{Decimal, as_double, cents, same, whole_double};
use super::ubl_vat::{FAMILIES, Family, tax_of};
use super::{Compared, Sheet};

/// Where a category occurs in the document.
#[derive(Default)]
struct Uses {
    /// `//SpecifiedLineTradeSettlement/ApplicableTradeTax`.
    lines: usize,
    /// `//CategoryTradeTax`.
    allowances: usize,
    /// `//ApplicableHeaderTradeSettlement/ApplicableTradeTax`.
    breakdown: usize,
    sum: Sum,
    by_rate: HashMap<Decimal, Sum>,
}

/// The amounts of a category.
#[derive(Clone, Copy, Default)]
struct Sum {
    lines: Decimal,
    charges: Decimal,
    allowances: Decimal,
}

impl Sum {
    /// Each part to the cent, as the rules add them.
    fn total(&self) -> Decimal {
        cents(self.lines) + cents(self.charges) - cents(self.allowances)
    }
}

/// What the rules ask of the whole document, gathered once.
pub struct Vat {
    uses: HashMap<String, Uses>,
    /// The seller for VAT, and for VAT or other taxes.
    seller_vat: bool,
    seller_any: bool,
    representative_vat: bool,
    buyer_vat: bool,
    buyer_legal: bool,
    /// An allowance or charge without an indicator, which two families cannot do without.
    indicator: Option<Stop>,
    stop: Option<Stop>,
}

/// `[upper-case(ram:TypeCode) = 'VAT']`.
pub fn is_vat(group: Node<'_>) -> Answer {
    Ok(group.one(&[TypeCode])?.is_some_and(|code| code.text().eq_ignore_ascii_case("VAT")))
}

impl Vat {
    pub fn of(document: &Document<'_>) -> Self {
        let root = document.root();
        let anywhere = |party: Name, schemes: &[&str]| document.all(party).any(|p| has_tax_number(p, schemes));
        let mut vat = Self {
            uses: HashMap::new(),
            seller_vat: anywhere(SellerTradeParty, &["VA"]),
            seller_any: anywhere(SellerTradeParty, &["VA", "FC"]),
            representative_vat: anywhere(SellerTaxRepresentativeTradeParty, &["VA"]),
            buyer_vat: anywhere(BuyerTradeParty, &["VA"]),
            buyer_legal: document.all(BuyerTradeParty).any(|p| p.exists(&[SpecifiedLegalOrganization, ID])),
            indicator: None,
            stop: None,
        };
        vat.stop = vat.gather(document, root).err();
        vat
    }

    fn gather(&mut self, document: &Document<'_>, root: Node<'_>) -> Result<(), Stop> {
        for tax in document.all(ApplicableTradeTax) {
            let above = tax.above();
            for code in codes(tax) {
                let uses = self.uses.entry(code).or_default();
                match above {
                    SpecifiedLineTradeSettlement => uses.lines += 1,
                    ApplicableHeaderTradeSettlement => uses.breakdown += 1,
                    _ => {}
                }
            }
        }
        for tax in document.all(CategoryTradeTax) {
            for code in codes(tax) {
                self.uses.entry(code).or_default().allowances += 1;
            }
        }
        let lines = [SupplyChainTradeTransaction, IncludedSupplyChainTradeLineItem, SpecifiedLineTradeSettlement];
        for line in root.path(&lines) {
            let mut amount = Decimal::ZERO;
            for totals in line.kids(SpecifiedTradeSettlementLineMonetarySummation) {
                amount += totals.decimal_of(&[LineTotalAmount])?.unwrap_or_default();
            }
            self.add(line, ApplicableTradeTax, |sum| sum.lines += amount)?;
        }
        let head = [SETTLEMENT[0], SETTLEMENT[1], SpecifiedTradeAllowanceCharge];
        for allowance in root.path(&head) {
            let amount = allowance.kid(ActualAmount).map(Node::decimal).transpose()?.unwrap_or_default();
            if !allowance.exists(&[ChargeIndicator, Indicator]) {
                self.indicator.get_or_insert(allowance.stop(Why::Missing));
            }
            // Both, where an indicator stands twice.
            if indicates(allowance, true)? {
                self.add(allowance, CategoryTradeTax, |sum| sum.charges += amount)?;
            }
            if indicates(allowance, false)? {
                self.add(allowance, CategoryTradeTax, |sum| sum.allowances += amount)?;
            }
        }
        Ok(())
    }

    /// Adds an amount under each of its categories, and under each of its rates.
    fn add(&mut self, carrier: Node<'_>, name: Name, put: impl Fn(&mut Sum)) -> Result<(), Stop> {
        let mut codes: Vec<String> = Vec::new();
        for code in carrier.path(&[name, CategoryCode]) {
            let code = code.text().into_owned();
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        let mut rates: Vec<Decimal> = Vec::new();
        // Rates are read only where the rule by rate would read them.
        if codes.iter().any(|code| code == "S") {
            for tax in carrier.kids(name) {
                if let Some(rate) = tax.decimal_of(&[RateApplicablePercent])?
                    && !rates.contains(&rate)
                {
                    rates.push(rate);
                }
            }
        }
        for code in codes {
            let uses = self.uses.entry(code).or_default();
            put(&mut uses.sum);
            for rate in &rates {
                put(uses.by_rate.entry(rate.normalize()).or_default());
            }
        }
        Ok(())
    }

    /// The rules that look at the document as a whole.
    pub fn check_document(&self, root: Node<'_>, sheet: &mut Sheet) {
        let none = Uses::default();
        for family in &FAMILIES {
            let uses = self.uses.get(family.code).unwrap_or(&none);
            let kept = match family.code {
                "S" | "L" | "M" => {
                    (uses.lines == 0 || uses.lines + uses.breakdown >= 2)
                        && (uses.allowances == 0 || uses.allowances + uses.breakdown >= 2)
                }
                "O" => uses.breakdown == 0 || (uses.breakdown == 1 && uses.lines + uses.allowances > 0),
                _ if uses.breakdown + uses.lines + uses.allowances == 0 => true,
                _ => uses.breakdown == 1 && uses.lines + uses.allowances > 0,
            };
            sheet.keep(family.rules[0], root, kept);
        }
        let document = root.document();
        let any = |code: &str| document.all(CategoryCode).any(|category| category.text() == code);
        if any("B") {
            sheet.keep("BR-B-01", root, !document.all(CountryID).any(|country| country.text() != "IT"));
            sheet.keep("BR-B-02", root, !any("S"));
        }
    }

    /// Whether the parties are registered as a category wants.
    fn parties(&self, code: &str) -> bool {
        let registered = self.seller_any || self.representative_vat;
        let for_vat = self.seller_vat || self.representative_vat;
        match code {
            "AE" => registered && (self.buyer_vat || self.buyer_legal),
            "G" => for_vat,
            "K" => for_vat && self.buyer_vat,
            "O" => !for_vat && !self.buyer_vat,
            _ => registered,
        }
    }

    /// A category code in the breakdown: the context of the families AE, E, G, K, S and Z.
    pub fn check_code(&self, node: Node<'_>, sheet: &mut Sheet) {
        let Some(tax) = node.parent().filter(|tax| tax.name() == ApplicableTradeTax) else { return };
        if tax.above() != ApplicableHeaderTradeSettlement {
            return;
        }
        let code = node.text();
        let Some(family) = Family::of(&code).filter(|f| !matches!(f.code, "L" | "M" | "O")) else { return };
        let untyped = matches!(family.code, "S" | "Z");
        let in_context = untyped || (is_vat(tax).unwrap_or(false) && tax.parent().is_some_and(is_in_transaction));
        if !in_context {
            return;
        }
        let [.., eighth, ninth, tenth] = family.rules;
        sheet.compare(eighth, tax.shown(&[BasisAmount]), |_| self.basis(node, tax, family.code));
        sheet.compare(ninth, tax.shown(&[CalculatedAmount]), |_| match family.code {
            "S" => standard_tax(tax),
            _ => no_tax(tax),
        });
        let exempt = tax.has(ExemptionReason) || tax.has(ExemptionReasonCode);
        sheet.keep(tenth, node, exempt != untyped);
        if family.code == "K" {
            let root = node.document().root();
            let delivery = [SupplyChainTradeTransaction, ApplicableHeaderTradeDelivery];
            let occurred = [ActualDeliverySupplyChainEvent, OccurrenceDateTime, DateTimeString];
            let delivered = root.exists(&[&delivery[..], &occurred[..]].concat());
            let periods = tax.parent().map(|s| s.path(&[BillingSpecifiedPeriod])).unwrap_or_default();
            let period = periods.iter().any(|p| p.has(StartDateTime) || p.has(EndDateTime));
            sheet.keep("BR-IC-11", node, delivered || period);
            let country = [ShipToTradeParty, PostalTradeAddress, CountryID];
            sheet.keep("BR-IC-12", node, root.exists(&[&delivery[..], &country[..]].concat()));
        }
    }

    /// The taxable amount is what the lines, charges and allowances of the category come to.
    fn basis(&self, node: Node<'_>, tax: Node<'_>, code: &str) -> Result<Compared, Stop> {
        if let Some(stop) = self.stop.or(self.indicator.filter(|_| matches!(code, "Z" | "O"))) {
            return Err(stop);
        }
        let uses = self.uses.get(code);
        let basis = tax.path(&[BasisAmount]);
        let written = basis.first().and_then(|basis| basis.decimal().ok());
        let compared = |kept, sum| Compared { kept, expected: Some(sum), written };
        if code == "S" {
            for rate in tax.kids(RateApplicablePercent) {
                let rate = rate.decimal()?.normalize();
                let sum = uses.and_then(|uses| uses.by_rate.get(&rate).copied()).unwrap_or_default().total();
                if !equals(&basis, sum)? {
                    return Ok(compared(false, sum));
                }
            }
            return Ok(Compared::kept(true));
        }
        let sum = uses.map(|uses| uses.sum).unwrap_or_default().total();
        if code == "O" {
            return Ok(compared(equals(&basis, sum)?, sum));
        }
        let basis = match basis[..] {
            [] => return Ok(Compared::kept(false)),
            [basis] => basis.double()?,
            _ => return Err(node.stop(Why::Several)),
        };
        Ok(compared(basis - 1.0 < as_double(sum) && basis + 1.0 > as_double(sum), sum))
    }

    /// The category of an allowance or charge, of the document or of a line.
    pub fn check_allowance(&self, node: Node<'_>, sheet: &mut Sheet) {
        let Some(group) = node.parent().filter(|group| group.name() == SpecifiedTradeAllowanceCharge) else { return };
        let Some(family) = family(node) else { return };
        let [_, _, third, fourth, _, sixth, seventh, ..] = family.rules;
        let rules = if indicates(group, false).unwrap_or(false) {
            [third, sixth]
        } else if indicates(group, true).unwrap_or(false) {
            [fourth, seventh]
        } else {
            return;
        };
        sheet.keep(rules[0], node, self.parties(family.code));
        sheet.rule(rules[1], node, |node| rate(node, family.code));
    }

    /// A tax group of a line, or of the breakdown where its family stands on the group; whether it had such a context.
    pub fn check_group(&self, node: Node<'_>, sheet: &mut Sheet) -> bool {
        let Some(family) = family(node) else { return false };
        let Some(settlement) = node.parent() else { return false };
        match settlement.name() {
            SpecifiedLineTradeSettlement
                if settlement.above() == IncludedSupplyChainTradeLineItem
                    && settlement.parent().is_some_and(is_in_transaction) =>
            {
                let [_, second, _, _, fifth, ..] = family.rules;
                sheet.keep(second, node, self.parties(family.code));
                sheet.rule(fifth, node, |node| rate(node, family.code));
                true
            }
            ApplicableHeaderTradeSettlement
                if matches!(family.code, "L" | "M" | "O") && is_in_transaction(settlement) =>
            {
                self.check_whole(node, family, sheet);
                true
            }
            _ => false,
        }
    }

    /// The families L, M and O in the breakdown.
    fn check_whole(&self, node: Node<'_>, family: &Family, sheet: &mut Sheet) {
        let [.., eighth, ninth, tenth] = family.rules;
        let exempt = node.has(ExemptionReason) || node.has(ExemptionReasonCode);
        // The other two look for a rate where there is none, and never fail.
        if family.code != "O" {
            sheet.keep(tenth, node, !exempt);
            return;
        }
        sheet.compare(eighth, node.shown(&[BasisAmount]), |_| self.basis(node, node, "O"));
        sheet.compare(ninth, node.shown(&[CalculatedAmount]), |_| no_tax(node));
        sheet.keep(tenth, node, exempt);
        let document = node.document();
        let alone =
            |name: Name| !document.all(name).any(|tax| tax.kids(CategoryCode).any(|category| category.text() != "O"));
        for rule in ["BR-O-11", "BR-O-12"] {
            sheet.keep(rule, node, alone(ApplicableTradeTax));
        }
        for rule in ["BR-O-13", "BR-O-14"] {
            sheet.keep(rule, node, alone(CategoryTradeTax));
        }
    }
}

/// The categories of a group, each once.
fn codes(group: Node<'_>) -> Vec<String> {
    let mut codes: Vec<String> = Vec::new();
    for code in group.kids(CategoryCode).map(Node::text) {
        if !codes.iter().any(|known| *known == *code) {
            codes.push(code.into_owned());
        }
    }
    codes
}

/// The family of a group whose tax is VAT, in the schematron's order.
fn family(group: Node<'_>) -> Option<&'static Family> {
    if !is_vat(group).unwrap_or(false) {
        return None;
    }
    FAMILIES.iter().find(|family| group.any_is(&[CategoryCode], family.code))
}

fn is_in_transaction(node: Node<'_>) -> bool {
    let parent = node.parent();
    parent.is_some_and(|p| p.name() == SupplyChainTradeTransaction) || node.above() == IncludedSupplyChainTradeLineItem
}

/// A tax of zero.
fn no_tax(tax: Node<'_>) -> Result<Compared, Stop> {
    let amounts = tax.path(&[CalculatedAmount]);
    let kept = any_double(&amounts, |value| value == 0.0)?;
    let written = amounts.first().and_then(|amount| amount.decimal().ok());
    Ok(Compared { kept, expected: Some(Decimal::ZERO), written })
}

/// `a = decimal`, a taken as a double.
fn equals(nodes: &[Node<'_>], value: Decimal) -> Answer {
    let value = as_double(value);
    any_double(nodes, |double| same(double, value))
}

/// The rate a family allows (BR-…-05 to -07).
fn rate(node: Node<'_>, code: &str) -> Answer {
    let rates = node.path(&[RateApplicablePercent]);
    match code {
        "O" => Ok(rates.is_empty()),
        "S" | "L" => any_double(&rates, is_positive),
        "M" => any_double(&rates, is_not_negative),
        _ => any_double(&rates, |rate| rate == 0.0),
    }
}

/// BR-S-09: in doubles, and to whole units of the product.
fn standard_tax(tax: Node<'_>) -> Result<Compared, Stop> {
    let (calculated, basis) = (tax.decimal_of(&[CalculatedAmount])?, tax.decimal_of(&[BasisAmount])?);
    let percent = tax.one(&[RateApplicablePercent])?;
    let rate = percent.map(Node::double).transpose()?;
    let (Some(calculated), Some(basis), Some(rate)) = (calculated, basis, rate) else {
        return Ok(Compared::kept(false));
    };
    let computed = whole_double(as_double(basis.abs()) * rate) / 100.0;
    let (low, high) = (calculated.abs() - Decimal::ONE, calculated.abs() + Decimal::ONE);
    let kept = as_double(low) < computed && as_double(high) > computed;
    let expected = percent.and_then(|percent| tax_of(basis, percent.decimal().ok()?));
    Ok(Compared { kept, expected, written: Some(calculated) })
}
