//! VAT by category in UBL (EN 16931-1 §6.4.3, BR-S-01 … BR-B-02): ten families of rules that differ in details.

use std::collections::HashMap;

use super::document::{Answer, Document, Node, Stop, Why, any_double, is_not_negative, is_positive};
use super::names::Name::{self, *};
use super::number::Decimal;
use super::{Compared, Sheet};

/// The categories with a family of their own, in the schematron's order: code, and the family's rules.
pub const FAMILIES: [Family; 9] = [
    Family::new(
        "AE",
        [
            "BR-AE-01", "BR-AE-02", "BR-AE-03", "BR-AE-04", "BR-AE-05", "BR-AE-06", "BR-AE-07", "BR-AE-08", "BR-AE-09",
            "BR-AE-10",
        ],
    ),
    Family::new(
        "E",
        ["BR-E-01", "BR-E-02", "BR-E-03", "BR-E-04", "BR-E-05", "BR-E-06", "BR-E-07", "BR-E-08", "BR-E-09", "BR-E-10"],
    ),
    Family::new(
        "G",
        ["BR-G-01", "BR-G-02", "BR-G-03", "BR-G-04", "BR-G-05", "BR-G-06", "BR-G-07", "BR-G-08", "BR-G-09", "BR-G-10"],
    ),
    Family::new(
        "K",
        [
            "BR-IC-01", "BR-IC-02", "BR-IC-03", "BR-IC-04", "BR-IC-05", "BR-IC-06", "BR-IC-07", "BR-IC-08", "BR-IC-09",
            "BR-IC-10",
        ],
    ),
    Family::new(
        "L",
        [
            "BR-AF-01", "BR-AF-02", "BR-AF-03", "BR-AF-04", "BR-AF-05", "BR-AF-06", "BR-AF-07", "BR-AF-08", "BR-AF-09",
            "BR-AF-10",
        ],
    ),
    Family::new(
        "M",
        [
            "BR-AG-01", "BR-AG-02", "BR-AG-03", "BR-AG-04", "BR-AG-05", "BR-AG-06", "BR-AG-07", "BR-AG-08", "BR-AG-09",
            "BR-AG-10",
        ],
    ),
    Family::new(
        "O",
        ["BR-O-01", "BR-O-02", "BR-O-03", "BR-O-04", "BR-O-05", "BR-O-06", "BR-O-07", "BR-O-08", "BR-O-09", "BR-O-10"],
    ),
    Family::new(
        "S",
        ["BR-S-01", "BR-S-02", "BR-S-03", "BR-S-04", "BR-S-05", "BR-S-06", "BR-S-07", "BR-S-08", "BR-S-09", "BR-S-10"],
    ),
    Family::new(
        "Z",
        ["BR-Z-01", "BR-Z-02", "BR-Z-03", "BR-Z-04", "BR-Z-05", "BR-Z-06", "BR-Z-07", "BR-Z-08", "BR-Z-09", "BR-Z-10"],
    ),
];

/// A VAT category and the ids of its ten rules.
pub struct Family {
    pub code: &'static str,
    pub rules: [&'static str; 10],
}

impl Family {
    const fn new(code: &'static str, rules: [&'static str; 10]) -> Self {
        Self { code, rules }
    }

    pub fn of(code: &str) -> Option<&'static Family> {
        FAMILIES.iter().find(|family| family.code == code)
    }
}

/// How many amounts carry a category, and whether their tax is said to be VAT.
#[derive(Clone, Copy, Default)]
struct Carried {
    /// With any tax, and with VAT.
    any: usize,
    vat: usize,
}

impl Carried {
    fn add(&mut self, vat: bool) {
        self.any += 1;
        self.vat += usize::from(vat);
    }
}

/// Where a category occurs in the document.
#[derive(Default)]
struct Uses {
    /// `//ClassifiedTaxCategory`.
    lines: Carried,
    /// `//AllowanceCharge/TaxCategory`, allowances and charges.
    allowances: Carried,
    charges: Carried,
    /// The same of the document level alone.
    head_allowances: Carried,
    head_charges: Carried,
    /// `//TaxCategory`.
    categories: Carried,
    /// `TaxTotal/TaxSubtotal/TaxCategory` of the document.
    breakdown: Carried,
    /// The same where the code is written without white space around it.
    breakdown_exact: Carried,
    charges_exact: Carried,
    /// The amounts, and the amounts by rate.
    sum: Sum,
    by_rate: HashMap<Decimal, Sum>,
}

/// The amounts of one category, or of one category at one rate.
#[derive(Clone, Copy, Default)]
struct Sum {
    invoice_lines: Decimal,
    credit_lines: Decimal,
    charges: Decimal,
    allowances: Decimal,
    /// Whether such a line is there, and such an allowance or charge at any level.
    on_invoice_line: bool,
    on_credit_line: bool,
    on_allowance_or_charge: bool,
}

impl Sum {
    /// What they come to; a document has lines of one kind.
    fn total(&self) -> Decimal {
        self.invoice_lines + self.credit_lines + self.charges - self.allowances
    }
}

/// What the rules ask of the whole document, gathered once.
pub struct Vat {
    uses: HashMap<String, Uses>,
    /// Categories other than `O`, with VAT, by where they occur.
    seller: Registered,
    representative: Registered,
    buyer: Registered,
    buyer_legal: bool,
    invoice_lines: bool,
    credit_lines: bool,
    stop: Option<Stop>,
}

/// Whether a party has a tax identifier, and one for VAT; two tax schemes in one stop whoever asks for the latter.
#[derive(Clone, Copy, Default)]
struct Registered {
    any: bool,
    vat: bool,
    stop: Option<Stop>,
}

impl Registered {
    fn add(&mut self, scheme: Node<'_>) -> Result<(), Stop> {
        self.any = true;
        self.vat |= is_vat(scheme)?;
        self.stop = self.stop.or(is_vat_alone(scheme).err());
        Ok(())
    }

    fn for_vat(&self) -> Answer {
        self.stop.map_or(Ok(self.vat), Err)
    }
}

impl Vat {
    pub fn of(document: &Document<'_>) -> Self {
        let mut vat = Self {
            uses: HashMap::new(),
            seller: Registered::default(),
            representative: Registered::default(),
            buyer: Registered::default(),
            buyer_legal: false,
            invoice_lines: document.has(InvoiceLine),
            credit_lines: document.has(CreditNoteLine),
            stop: None,
        };
        vat.stop = vat.gather(document).err();
        vat
    }

    fn gather(&mut self, document: &Document<'_>) -> Result<(), Stop> {
        for scheme in document.all(PartyTaxScheme).filter(|scheme| scheme.has(CompanyID)) {
            if scheme.under(&[Party, AccountingSupplierParty]) {
                self.seller.add(scheme)?;
            } else if scheme.under(&[Party, AccountingCustomerParty]) {
                self.buyer.add(scheme)?;
            } else if scheme.under(&[TaxRepresentativeParty]) {
                self.representative.add(scheme)?;
            }
        }
        let mut legal = document.all(PartyLegalEntity).filter(|entity| entity.under(&[Party, AccountingCustomerParty]));
        self.buyer_legal = legal.any(|entity| entity.has(CompanyID));
        for category in document.all(ClassifiedTaxCategory) {
            let vat = is_vat(category)?;
            self.uses(&code(category)?).lines.add(vat);
        }
        for category in document.all(TaxCategory) {
            self.category(category)?;
        }
        let root = document.root();
        for line in root.children().filter(|child| matches!(child.name(), InvoiceLine | CreditNoteLine)) {
            self.line(line)?;
        }
        for allowance in document.all(AllowanceCharge) {
            self.allowance(allowance)?;
        }
        Ok(())
    }

    fn uses(&mut self, code: &str) -> &mut Uses {
        if !self.uses.contains_key(code) {
            self.uses.insert(code.to_owned(), Uses::default());
        }
        self.uses.get_mut(code).expect("inserted above")
    }

    fn category(&mut self, category: Node<'_>) -> Result<(), Stop> {
        let vat = is_vat(category)?;
        let exact = category.one(&[ID])?.map(Node::text).unwrap_or_default();
        let uses = self.uses(&code(category)?);
        uses.categories.add(vat);
        let Some(parent) = category.parent() else { return Ok(()) };
        let is_exact = exact.len() <= 2;
        if parent.name() == AllowanceCharge {
            let head = parent.parent().is_some_and(Node::is_root);
            if indicates(parent, false)? {
                uses.allowances.add(vat);
                if head {
                    uses.head_allowances.add(vat);
                }
            }
            if indicates(parent, true)? {
                uses.charges.add(vat);
                if head {
                    uses.head_charges.add(vat);
                }
                if is_exact {
                    uses.charges_exact.add(vat);
                }
            }
        } else if is_breakdown(category) {
            uses.breakdown.add(vat);
            if is_exact {
                uses.breakdown_exact.add(vat);
            }
        }
        Ok(())
    }

    /// A line's net amount under each of its categories, and under each of its rates.
    fn line(&mut self, line: Node<'_>) -> Result<(), Stop> {
        let categories = line.path(&[Item, ClassifiedTaxCategory]);
        let amount = line.decimal_of(&[LineExtensionAmount])?.unwrap_or_default();
        let invoice = line.name() == InvoiceLine;
        self.add(&categories, |sum| {
            if invoice {
                sum.invoice_lines += amount;
                sum.on_invoice_line = true;
            } else {
                sum.credit_lines += amount;
                sum.on_credit_line = true;
            }
        })
    }

    fn allowance(&mut self, allowance: Node<'_>) -> Result<(), Stop> {
        // An indicator that is neither stops the official engine wherever it stands.
        let (charge, reduction) = (indicates(allowance, true)?, indicates(allowance, false)?);
        let categories: Vec<Node<'_>> = allowance.kids(TaxCategory).collect();
        if categories.is_empty() {
            return Ok(());
        }
        let head = allowance.parent().is_some_and(Node::is_root);
        let amount = if head { allowance.decimal_of(&[Amount])?.unwrap_or_default() } else { Decimal::ZERO };
        self.add(&categories, |sum| {
            sum.on_allowance_or_charge = true;
            if charge {
                sum.charges += amount;
            }
            if reduction {
                sum.allowances += amount;
            }
        })
    }

    fn add(&mut self, categories: &[Node<'_>], put: impl Fn(&mut Sum)) -> Result<(), Stop> {
        let mut codes: Vec<String> = Vec::new();
        for category in categories {
            let code = code(*category)?;
            if !codes.iter().any(|known| *known == *code) {
                codes.push(code.into_owned());
            }
        }
        // Rates are read only where a rule by rate would read them.
        let rated = codes.iter().any(|code| matches!(code.as_str(), "S" | "L" | "M"));
        let mut rates: Vec<Decimal> = Vec::new();
        for category in categories.iter().filter(|_| rated) {
            if let Some(rate) = category.decimal_of(&[Percent])?
                && !rates.contains(&rate)
            {
                rates.push(rate);
            }
        }
        for code in codes {
            let uses = self.uses(&code);
            put(&mut uses.sum);
            for rate in &rates {
                put(uses.by_rate.entry(rate.normalize()).or_default());
            }
        }
        Ok(())
    }

    /// The rules of all families that look at the document as a whole.
    pub fn check_document(&self, root: Node<'_>, sheet: &mut Sheet) {
        let none = Uses::default();
        for family in &FAMILIES {
            let uses = self.uses.get(family.code).unwrap_or(&none);
            let [first, lines, allowances, charges, ..] = family.rules;
            sheet.rule(first, root, |_| self.answer(is_broken_down(family.code, uses)));
            let parties = || self.parties(family.code);
            let carried = if family.code == "S" { uses.lines.any } else { uses.lines.vat };
            sheet.rule(lines, root, |_| self.answer(carried == 0 || (uses.lines.vat > 0 && parties()?)));
            let (on_allowances, on_charges) = match family.code {
                "O" => (uses.head_allowances.vat, uses.head_charges.vat),
                "L" => (uses.allowances.vat, uses.charges_exact.vat),
                _ => (uses.allowances.vat, uses.charges.vat),
            };
            sheet.rule(allowances, root, |_| self.answer(on_allowances == 0 || parties()?));
            sheet.rule(charges, root, |_| self.answer(on_charges == 0 || parties()?));
        }
        self.check_exports(root, sheet);
        self.check_outside_scope(root, sheet);
        self.check_split_payment(root, sheet);
    }

    fn answer(&self, kept: bool) -> Answer {
        match self.stop {
            Some(stop) => Err(stop),
            None => Ok(kept),
        }
    }

    /// Whether the parties are registered as a category wants.
    fn parties(&self, code: &str) -> Answer {
        // One that answers yes is enough, whatever stops the other.
        let either = |one: Answer, other: Answer| match (one, other) {
            (Ok(true), _) | (_, Ok(true)) => Ok(true),
            (Err(stop), _) | (_, Err(stop)) => Err(stop),
            _ => Ok(false),
        };
        let registered = || either(Ok(self.seller.any), self.representative.for_vat());
        let for_vat = || either(self.seller.for_vat(), self.representative.for_vat());
        Ok(match code {
            "AE" => registered()? && either(self.buyer.for_vat(), Ok(self.buyer_legal))?,
            "G" => for_vat()?,
            "K" => for_vat()? && self.buyer.for_vat()?,
            "O" => !either(for_vat(), self.buyer.for_vat())?,
            _ => registered()?,
        })
    }

    fn breakdown(&self, code: &str) -> usize {
        self.uses.get(code).map_or(0, |uses| uses.breakdown.vat)
    }

    /// Deliveries within the Union say when and where (BR-IC-11, -12).
    fn check_exports(&self, root: Node<'_>, sheet: &mut Sheet) {
        let within = self.breakdown("K") > 0;
        sheet.rule("BR-IC-11", root, |root| {
            self.answer(true)?;
            if !within {
                return Ok(true);
            }
            let date = root.one(&[Delivery, ActualDeliveryDate])?;
            Ok(date.is_some_and(|d| d.text().chars().count() > 1)
                || root.kids(InvoicePeriod).any(|period| period.children().next().is_some()))
        });
        sheet.rule("BR-IC-12", root, |root| {
            if !within {
                return Ok(true);
            }
            let country = root.one(&[Delivery, DeliveryLocation, Address, Country, IdentificationCode])?;
            Ok(country.is_some_and(|c| c.text().chars().count() > 1))
        });
    }

    /// What is outside the scope of VAT stands alone (BR-O-11 to -14).
    fn check_outside_scope(&self, root: Node<'_>, sheet: &mut Sheet) {
        let outside = self.breakdown("O") > 0;
        let others = |pick: fn(&Uses) -> usize| self.uses.iter().any(|(code, uses)| code != "O" && pick(uses) > 0);
        let rules: [(&'static str, Pick); 4] = [
            ("BR-O-11", |uses| uses.breakdown.vat),
            ("BR-O-12", |uses| uses.lines.vat),
            ("BR-O-13", |uses| uses.allowances.vat),
            ("BR-O-14", |uses| uses.charges.vat),
        ];
        for (rule, pick) in rules {
            sheet.rule(rule, root, |_| self.answer(!outside || !others(pick)));
        }
    }

    /// Split payment is Italian, and never beside the standard rate (BR-B-01, -02).
    fn check_split_payment(&self, root: Node<'_>, sheet: &mut Sheet) {
        let document = root.document();
        let anywhere = |names: &[Name], code: &str| {
            names.iter().any(|name| document.all(*name).any(|category| category.any_is(&[ID], code)))
        };
        if anywhere(&[TaxCategory, ClassifiedTaxCategory], "B") {
            let italian = !document.all(IdentificationCode).any(|country| country.text() != "IT");
            sheet.keep("BR-B-01", root, italian);
        }
        let head = |code: &str| {
            root.any_is(&[TaxTotal, TaxSubtotal, TaxCategory, ID], code)
                || root.any_is(&[AllowanceCharge, TaxCategory, ID], code)
                || anywhere(&[ClassifiedTaxCategory], code)
        };
        if head("B") {
            sheet.keep("BR-B-02", root, !head("S"));
        }
    }

    /// The rules on an entry of the VAT breakdown (`/*/TaxTotal/TaxSubtotal/TaxCategory`).
    pub fn check_breakdown(&self, category: Node<'_>, family: &Family, sheet: &mut Sheet) {
        let [.., eighth, ninth, tenth] = family.rules;
        let Some(subtotal) = category.parent() else { return };
        let rated = matches!(family.code, "S" | "L" | "M");
        sheet.compare(eighth, subtotal.shown(&[TaxableAmount]), |_| {
            self.answer(true)?;
            if rated {
                self.taxable_by_rate(category, subtotal, family.code)
            } else {
                self.taxable(subtotal, family.code)
            }
        });
        sheet.compare(ninth, subtotal.shown(&[TaxAmount]), |_| {
            let tax = subtotal.decimal_of(&[TaxAmount])?;
            if !rated {
                return Ok(Compared::same(Some(Decimal::ZERO), tax));
            }
            let (taxable, rate) = (subtotal.decimal_of(&[TaxableAmount])?, category.decimal_of(&[Percent])?);
            let (Some(tax), Some(taxable), Some(rate)) = (tax, taxable, rate) else {
                return Ok(Compared::kept(false));
            };
            let kept = near(tax, taxable, rate).ok_or_else(|| subtotal.stop(Why::Number))?;
            Ok(Compared { kept, expected: tax_of(taxable, rate), written: Some(tax) })
        });
        let exempt = category.has(TaxExemptionReason) || category.has(TaxExemptionReasonCode);
        let wants_reason = !matches!(family.code, "S" | "L" | "M" | "Z");
        sheet.keep(tenth, category, exempt == wants_reason);
    }

    /// The taxable amount is what the lines, charges and allowances of the category come to.
    fn taxable(&self, subtotal: Node<'_>, code: &str) -> Result<Compared, Stop> {
        let taxable = subtotal.decimal_of(&[TaxableAmount])?;
        let sum = self.uses.get(code).map(|uses| uses.sum).unwrap_or_default();
        let is = |lines: Decimal| taxable == Some(lines + sum.charges - sum.allowances);
        let kept = (self.invoice_lines && is(sum.invoice_lines)) || (self.credit_lines && is(sum.credit_lines));
        Ok(Compared { kept, expected: Some(sum.total()), written: taxable })
    }

    /// The same by rate, within one unit of currency.
    fn taxable_by_rate(&self, category: Node<'_>, subtotal: Node<'_>, code: &str) -> Result<Compared, Stop> {
        let Some(rate) = category.decimal_of(&[Percent])? else { return Ok(Compared::kept(true)) };
        let found = self.uses.get(code).and_then(|uses| uses.by_rate.get(&rate.normalize()).copied());
        let sum = found.unwrap_or_default();
        let Some(amount) = subtotal.one(&[TaxableAmount])? else { return Ok(Compared::kept(false)) };
        let taxable = amount.double()?;
        let within = |lines: Decimal| {
            let sum = lines + sum.charges - sum.allowances;
            super::number::less(taxable - 1.0, sum) && super::number::greater(taxable + 1.0, sum)
        };
        let (invoice, credit) = match code {
            "S" => {
                (sum.on_invoice_line || sum.on_allowance_or_charge, sum.on_credit_line || sum.on_allowance_or_charge)
            }
            _ => (self.invoice_lines, self.credit_lines),
        };
        let kept = (invoice && within(sum.invoice_lines)) || (credit && within(sum.credit_lines));
        Ok(Compared { kept, expected: Some(sum.total()), written: amount.decimal().ok() })
    }
}

/// A count of what carries a category.
type Pick = fn(&Uses) -> usize;

/// Whether a category that is used stands in the VAT breakdown, once where the family says so.
fn is_broken_down(code: &str, uses: &Uses) -> bool {
    match code {
        "S" => {
            let used = uses.allowances.any + uses.charges.any + uses.lines.any > 0;
            used == (uses.breakdown.any > 0)
        }
        "L" | "M" => {
            let used = uses.allowances.vat + uses.charges.vat + uses.lines.vat > 0;
            let exact = if code == "L" { uses.breakdown_exact.any } else { uses.breakdown_exact.vat };
            if used { exact > 0 } else { uses.breakdown.vat == 0 }
        }
        _ => uses.categories.vat + uses.lines.vat == 0 || uses.breakdown.vat == 1,
    }
}

/// `/*/TaxTotal/TaxSubtotal/TaxCategory`.
pub fn is_breakdown(category: Node<'_>) -> bool {
    category.under(&[TaxSubtotal, TaxTotal])
        && category.parent().and_then(Node::parent).and_then(Node::parent).is_some_and(Node::is_root)
}

/// The tax of an amount at a rate, in cents; `None` beyond all measure.
pub fn tax_of(taxable: Decimal, rate: Decimal) -> Option<Decimal> {
    Some(super::number::cents(taxable.checked_mul(rate)?.checked_div(Decimal::ONE_HUNDRED)?))
}

/// `|tax| ± 1` holds the tax computed from amount and rate (BR-S-09, BR-CO-17); `None` beyond all measure.
pub fn near(tax: Decimal, taxable: Decimal, rate: Decimal) -> Option<bool> {
    let computed = tax_of(taxable.abs(), rate)?;
    let tax = tax.abs();
    Some(tax - Decimal::ONE < computed && tax + Decimal::ONE > computed)
}

/// The rate that a line, an allowance or a charge of a category may have (BR-…-05 to -07).
pub fn check_rate(rule: &'static str, category: Node<'_>, code: &str, sheet: &mut Sheet) {
    sheet.rule(rule, category, |category| match code {
        "O" => Ok(!category.has(Percent)),
        "S" => any_double(&category.path(&[Percent]), is_positive),
        "L" | "M" => any_double(&category.path(&[Percent]), is_not_negative),
        _ => Ok(category.decimal_of(&[Percent])?.is_some_and(|rate| rate.is_zero())),
    });
}

/// `[cac:TaxScheme/normalize-space(upper-case(cbc:ID)) = 'VAT']`.
pub fn is_vat(node: Node<'_>) -> Answer {
    for scheme in node.kids(TaxScheme) {
        let Some(id) = scheme.one(&[ID])? else { continue };
        if id.plain().eq_ignore_ascii_case("VAT") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `[cac:TaxScheme/(normalize-space(upper-case(cbc:ID)) = 'VAT')]`: two schemes stop the official engine.
pub fn is_vat_alone(node: Node<'_>) -> Answer {
    match node.kids(TaxScheme).nth(1) {
        Some(second) => Err(second.stop(Why::Several)),
        None => is_vat(node),
    }
}

/// `normalize-space(cbc:ID)` of a category.
fn code(category: Node<'_>) -> Result<std::borrow::Cow<'_, str>, Stop> {
    category.plain_of(&[ID])
}

/// `[cbc:ChargeIndicator = true()]` or `false()`.
pub fn indicates(node: Node<'_>, charge: bool) -> Answer {
    for indicator in node.kids(ChargeIndicator) {
        if indicator.boolean()? == charge {
            return Ok(true);
        }
    }
    Ok(false)
}
