//! The French rules (BR-FR) in CII: what the standard for the reform's invoices adds to the European one.

use std::borrow::Cow;
use std::collections::HashSet;

use super::Sheet;
use super::document::{Answer, Node, Stop, Why};
use super::french::{self, Special};
use super::french_cii_groups as groups;
use super::lists::{self, Which};
use super::names::Name::{self, *};

const AGREEMENT: [Name; 2] = [SupplyChainTradeTransaction, ApplicableHeaderTradeAgreement];
const SETTLEMENT: [Name; 2] = [SupplyChainTradeTransaction, ApplicableHeaderTradeSettlement];
const TOTALS: [Name; 3] = [SETTLEMENT[0], SETTLEMENT[1], SpecifiedTradeSettlementHeaderMonetarySummation];
const FRAME: [Name; 3] = [ExchangedDocumentContext, BusinessProcessSpecifiedDocumentContextParameter, ID];

/// What the rules ask of the whole document, gathered once.
pub struct Context<'d> {
    pub root: Node<'d>,
    pub special: Special,
    /// Two frameworks, which nothing can be asked of.
    pub stop: Option<Stop>,
    /// BT-1, all of them.
    pub numbers: Vec<Cow<'d, str>>,
}

impl<'d> Context<'d> {
    pub fn of(root: Node<'d>) -> Self {
        let frame = root.plain_of(&FRAME);
        let stop = frame.as_ref().err().copied();
        let special = Special::of(&frame.unwrap_or_default());
        let numbers = root.path(&[ExchangedDocument, ID]).into_iter().map(Node::text).collect();
        Self { root, special, stop, numbers }
    }

    /// Whether a text is the invoice's number.
    pub fn is_own(&self, text: &str) -> bool {
        self.numbers.iter().any(|number| number == text)
    }
}

/// The rules on a party: its identifiers, its SIRET within its SIREN, its address in form and length.
struct Role {
    identifiers: [&'static str; 2],
    siret: &'static str,
    address: Option<[&'static str; 2]>,
    /// Whether it must have a SIREN of its own.
    own: bool,
}

macro_rules! role {
    ($term:literal, $own:literal, $address:expr) => {
        Role {
            identifiers: [concat!("BR-FR-CO-10_", $term, "-1"), concat!("BR-FR-CO-10_", $term, "-2")],
            siret: concat!("BR-FR-09_", $term),
            address: $address,
            own: $own,
        }
    };
}

const SELLER: Role = role!("BT-29", true, Some(["BR-FR-23_BT-34", "BR-FR-25_BT-34"]));
const BUYER: Role = role!("BT-46", true, Some(["BR-FR-23_BT-49", "BR-FR-25_BT-49"]));
const PAYEE: Role = role!("BT-60", false, Some(["BR-FR-23_EXT-FR-FE-29", "BR-FR-25_EXT-FR-FE-29"]));
const BUYER_AGENT: Role = role!("EXT-FR-FE-06", false, Some(["BR-FR-23_EXT-FR-FE-12", "BR-FR-25_EXT-FR-FE-12"]));
const PAYER: Role = role!("EXT-FR-FE-46", false, Some(["BR-FR-23_EXT-FR-FE-52", "BR-FR-25_EXT-FR-FE-52"]));
const SALES_AGENT: Role = role!("EXT-FR-FE-69", false, Some(["BR-FR-23_EXT-FR-FE-75", "BR-FR-25_EXT-FR-FE-75"]));
const INVOICEE: Role = role!("EXT-FR-FE-92", false, Some(["BR-FR-23_EXT-FR-FE-98", "BR-FR-25_EXT-FR-FE-98"]));
const INVOICER: Role = role!("EXT-FR-FE-115", false, Some(["BR-FR-23_EXT-FR-FE-121", "BR-FR-25_EXT-FR-FE-121"]));
const DELIVERED: Role = role!("BT-71", false, None);
const LINE_DELIVERED: Role = role!("EXT-FR-FE-146", false, None);

fn role_of(party: Node<'_>) -> Option<&'static Role> {
    let agreement = in_header(party, ApplicableHeaderTradeAgreement);
    let settlement = in_header(party, ApplicableHeaderTradeSettlement);
    Some(match party.name() {
        SellerTradeParty if agreement => &SELLER,
        BuyerTradeParty if agreement => &BUYER,
        BuyerAgentTradeParty if agreement => &BUYER_AGENT,
        SalesAgentTradeParty if agreement => &SALES_AGENT,
        PayeeTradeParty if settlement => &PAYEE,
        PayerTradeParty if settlement => &PAYER,
        InvoiceeTradeParty if settlement => &INVOICEE,
        InvoicerTradeParty if settlement => &INVOICER,
        ShipToTradeParty if in_header(party, ApplicableHeaderTradeDelivery) => &DELIVERED,
        ShipToTradeParty if on_line(party, &[SpecifiedLineTradeDelivery]) => &LINE_DELIVERED,
        _ => return None,
    })
}

/// Whether the elements above are these, the nearest first, and then the transaction of the document.
fn below(node: Node<'_>, names: &[Name]) -> bool {
    let mut at = node;
    for name in names {
        match at.parent().filter(|parent| parent.name() == *name) {
            Some(parent) => at = parent,
            None => return false,
        }
    }
    at.parent().is_some_and(|t| t.name() == SupplyChainTradeTransaction && t.parent().is_some_and(is_root))
}

fn is_root(node: Node<'_>) -> bool {
    node.is_root() && node.name() == CrossIndustryInvoice
}

fn in_header(node: Node<'_>, group: Name) -> bool {
    below(node, &[group])
}

/// Whether the elements above are these, and then a line of the document.
fn on_line(node: Node<'_>, names: &[Name]) -> bool {
    match names {
        [] => below(node, &[IncludedSupplyChainTradeLineItem]),
        [a] => below(node, &[*a, IncludedSupplyChainTradeLineItem]),
        [a, b] => below(node, &[*a, *b, IncludedSupplyChainTradeLineItem]),
        [a, b, c] => below(node, &[*a, *b, *c, IncludedSupplyChainTradeLineItem]),
        _ => false,
    }
}

/// A child of the document's own part.
fn in_document(node: Node<'_>) -> bool {
    node.parent().is_some_and(|d| d.name() == ExchangedDocument && d.parent().is_some_and(is_root))
}

/// Holds an element against the French rules.
pub fn check(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    match node.name() {
        CrossIndustryInvoice if node.is_root() => document(node, sheet),
        ExchangedDocument if node.parent().is_some_and(is_root) => notes(node, sheet),
        ExchangedDocumentContext if node.parent().is_some_and(is_root) => {
            sheet.rule("BR-FR-08_BT-23", node, |n| {
                Ok(n.one(&FRAME[1..])?.is_some_and(|frame| n.list(lists::FR_FRAMES).has(&frame.text())))
            });
        }
        ID => {
            if in_document(node) {
                number(node, ["BR-FR-01_BT-1", "BR-FR-02_BT-1"], sheet);
            } else if node.above() == SpecifiedLegalOrganization && is_schemed(node, "0002") {
                sheet.keep("BR-FR-32-LEGALID", node, french::is_siren(&node.plain()));
            }
        }
        GlobalID => global_identifier(node, sheet),
        IssuerAssignedID => issued(node, sheet),
        DateTimeString | QualifiedDateTimeString | DateString => date(node, sheet),
        TypeCode => type_code(node, sheet),
        IncludedNote if in_document(node) && node.any_is(&[SubjectCode], "BAR") => {
            sheet.rule("BR-FR-20_BT-21", node, |n| {
                let content = n.one(&[Content])?;
                Ok(content.is_some_and(|c| n.list(lists::FR_COUNTED_TREATMENTS).has(&c.text())))
            });
        }
        URIID if node.above() == URIUniversalCommunication => {
            let role = node.parent().and_then(Node::parent).and_then(role_of);
            let Some([form, length]) = role.and_then(|role| role.address) else { return };
            if is_schemed(node, "0225") {
                sheet.keep(form, node, french::is_address(&node.text()));
            }
            sheet.keep(length, node, node.text().chars().count() <= 125);
        }
        CategoryTradeTax | ApplicableTradeTax => tax(node, sheet),
        AdditionalReferencedDocument if in_header(node, ApplicableHeaderTradeAgreement) => {
            if node.any_is(&[TypeCode], "916") {
                sheet.rule("BR-FR-17_BT-123", node, |n| {
                    let code = n.plain_of(&[Name::Name])?;
                    Ok(code.is_empty() || node.list(lists::FR_ATTACHMENTS).has(&code))
                });
            }
        }
        ApplicableProductCharacteristic if on_line(node, &[SpecifiedTradeProduct]) => {
            sheet.keep("BR-FR-27_BG-32", node, node.has(Description) || node.has(TypeCode));
            let measured = node.kids(ValueMeasure).any(|v| v.attribute("unitCode").is_some_and(|u| !u.is_empty()));
            let kept = if node.has(Value) { !node.has(ValueMeasure) } else { measured };
            sheet.keep("BR-FR-28-Value", node, kept);
        }
        Description if on_line(node, &[ApplicableProductCharacteristic, SpecifiedTradeProduct]) => {
            sheet.keep("BR-FR-27_BT-160", node, !node.plain().is_empty());
        }
        ApplicableHeaderTradeAgreement if below(node, &[]) => references_once("BR-FR-29_BT-18", node, sheet),
        IncludedSupplyChainTradeLineItem if below(node, &[]) => references_once("BR-FR-30_BT-128", node, sheet),
        RateApplicablePercent => rate(node, sheet),
        _ => amount(node, context, sheet),
    }
    if let Some(role) = role_of(node) {
        party(node, role, sheet);
    }
    if context.special != Special::No {
        groups::check(node, context, sheet);
    }
}

pub fn is_schemed(node: Node<'_>, scheme: &str) -> bool {
    node.attribute("schemeID").is_some_and(|s| s == scheme)
}

/// The only element down the path with that scheme: two stop the official engine.
fn only_schemed<'d>(node: Node<'d>, path: &[Name], scheme: &str) -> Result<Option<Node<'d>>, Stop> {
    let found: Vec<_> = node.path(path).into_iter().filter(|id| is_schemed(*id, scheme)).collect();
    match found[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        [_, second, ..] => Err(second.stop(Why::Several)),
    }
}

fn number(node: Node<'_>, [length, form]: [&'static str; 2], sheet: &mut Sheet) {
    let text = node.text();
    sheet.keep(length, node, text.chars().count() <= 35);
    sheet.keep(form, node, french::is_number(&text));
}

fn global_identifier(node: Node<'_>, sheet: &mut Sheet) {
    if is_schemed(node, "0002") || is_schemed(node, "0231") {
        sheet.keep("BR-FR-32-GLOBALID", node, french::is_siren(&node.plain()));
    }
    if !is_schemed(node, "0224") {
        return;
    }
    let rules = if below(node, &[SellerTradeParty, ApplicableHeaderTradeAgreement]) {
        ["BR-FR-24_BT-29", "BR-FR-26_BT-29"]
    } else if below(node, &[BuyerTradeParty, ApplicableHeaderTradeAgreement]) {
        ["BR-FR-24_BT-46", "BR-FR-26_BT-46"]
    } else {
        return;
    };
    sheet.keep(rules[0], node, french::is_address(&node.text()));
    sheet.keep(rules[1], node, node.text().chars().count() <= 100);
}

/// The number of a document referred to.
fn issued(node: Node<'_>, sheet: &mut Sheet) {
    if below(node, &[InvoiceReferencedDocument, ApplicableHeaderTradeSettlement]) {
        number(node, ["BR-FR-01_BT-25", "BR-FR-02_BT-25"], sheet);
    } else if on_line(node, &[InvoiceReferencedDocument, SpecifiedLineTradeSettlement]) {
        number(node, ["BR-FR-01_EXT-FR-FE-136", "BR-FR-02_EXT-FR-FE-136"], sheet);
    }
    let Some(reference) = node.parent().filter(|r| r.name() == AdditionalReferencedDocument) else { return };
    let rules = if in_header(reference, ApplicableHeaderTradeAgreement) {
        ["BR-FR-29_AFL", "BR-FR-29_AVV"]
    } else if on_line(reference, &[]) {
        ["BR-FR-30_AFL", "BR-FR-30_AVV"]
    } else {
        return;
    };
    for (rule, code) in rules.into_iter().zip(["AFL", "AVV"]) {
        if reference.any_is(&[ReferenceTypeCode], code) {
            sheet.keep(rule, node, !node.plain().is_empty());
        }
    }
}

fn references_once(rule: &'static str, node: Node<'_>, sheet: &mut Sheet) {
    let count = |code| node.kids(AdditionalReferencedDocument).filter(|r| r.any_is(&[ReferenceTypeCode], code)).count();
    sheet.keep(rule, node, count("AFL") <= 1 && count("AVV") <= 1);
}

fn date(node: Node<'_>, sheet: &mut Sheet) {
    let qualified = node.name() == QualifiedDateTimeString;
    let rule = match node.name() {
        DateString if below(node, &[TaxPointDate, ApplicableTradeTax, ApplicableHeaderTradeSettlement]) => {
            "BR-FR-03_BT-7"
        }
        DateString => return,
        _ => match node.above() {
            IssueDateTime if !qualified && node.parent().is_some_and(in_document) => "BR-FR-03_BT-2",
            DueDateDateTime
                if !qualified
                    && below(node, &[DueDateDateTime, SpecifiedTradePaymentTerms, ApplicableHeaderTradeSettlement]) =>
            {
                "BR-FR-03_BT-9"
            }
            FormattedIssueDateTime if qualified => {
                let reference = [FormattedIssueDateTime, InvoiceReferencedDocument];
                if below(node, &[reference[0], reference[1], ApplicableHeaderTradeSettlement]) {
                    "BR-FR-03_BT-26"
                } else if on_line(node, &[reference[0], reference[1], SpecifiedLineTradeSettlement]) {
                    "BR-FR-03_EXT-FR-FE-138"
                } else {
                    return;
                }
            }
            OccurrenceDateTime if !qualified => {
                let event = [OccurrenceDateTime, ActualDeliverySupplyChainEvent];
                if below(node, &[event[0], event[1], ApplicableHeaderTradeDelivery]) {
                    "BR-FR-03_BT-72"
                } else if on_line(node, &[event[0], event[1], SpecifiedLineTradeDelivery]) {
                    "BR-FR-03_EXT-FR-FE-158"
                } else {
                    return;
                }
            }
            end @ (StartDateTime | EndDateTime) if !qualified => {
                let start = end == StartDateTime;
                if below(node, &[end, BillingSpecifiedPeriod, ApplicableHeaderTradeSettlement]) {
                    if start { "BR-FR-03_BT-73" } else { "BR-FR-03_BT-74" }
                } else if on_line(node, &[end, BillingSpecifiedPeriod, SpecifiedLineTradeSettlement]) {
                    if start { "BR-FR-03_EXT-FR-FE-134" } else { "BR-FR-03_EXT-FR-FE-135" }
                } else {
                    return;
                }
            }
            _ => return,
        },
    };
    let text = node.text();
    sheet.keep(rule, node, text.get(..8).is_some_and(french::is_day));
}

fn type_code(node: Node<'_>, sheet: &mut Sheet) {
    let rule = if in_document(node) {
        "BR-FR-04_BT-3"
    } else if below(node, &[InvoiceReferencedDocument, ApplicableHeaderTradeSettlement]) {
        "BR-FR-04_EXT-FR-FE-02"
    } else if on_line(node, &[InvoiceReferencedDocument, SpecifiedLineTradeSettlement]) {
        "BR-FR-04_EXT-FR-FE-137"
    } else {
        if on_line(node, &[ApplicableProductCharacteristic, SpecifiedTradeProduct]) {
            sheet.keep("BR-FR-27_EXT-FR-FE-159", node, !node.plain().is_empty());
        }
        return;
    };
    sheet.keep(rule, node, node.list(lists::FR_TYPES).has(&node.text()));
}

fn party(node: Node<'_>, role: &Role, sheet: &mut Sheet) {
    let ids: Vec<_> = node.kids(GlobalID).collect();
    let schemes: Vec<_> = ids.iter().filter_map(|id| id.attribute("schemeID")).collect();
    sheet.keep(role.identifiers[0], node, schemes.len() == ids.len());
    sheet.keep(role.identifiers[1], node, schemes.iter().collect::<HashSet<_>>().len() == schemes.len());
    sheet.rule(role.siret, node, |party| {
        let Some(siret) = party.kids(GlobalID).find(|id| is_schemed(*id, "0009")).map(Node::text) else {
            return Ok(true);
        };
        let siren = only_schemed(party, &[SpecifiedLegalOrganization, ID], "0002")?.map(Node::text);
        if role.own {
            return Ok(french::is_of(&siret, siren.as_deref()));
        }
        // Without a SIREN of its own it is the SIRET's.
        match siren.filter(|siren| !siren.is_empty()) {
            Some(siren) => Ok(french::is_of(&siret, Some(&siren))),
            None => {
                only_schemed(party, &[GlobalID], "0009")?;
                Ok(french::is_of(&siret, siret.get(..9)))
            }
        }
    });
}

fn tax(node: Node<'_>, sheet: &mut Sheet) {
    let line = on_line(node, &[SpecifiedLineTradeSettlement]);
    let [known, taken, french_rate] = match node.name() {
        CategoryTradeTax if below(node, &[SpecifiedTradeAllowanceCharge, ApplicableHeaderTradeSettlement]) => {
            ["BR-FR-15_BT-95_BT-102", "BR-FR-15_BT-95_BT-102_LM", "BR-FR-16_BT-96_BT-103"]
        }
        ApplicableTradeTax if in_header(node, ApplicableHeaderTradeSettlement) => {
            ["BR-FR-15_BT-95_BT-118", "BR-FR-15_BT-95_BT-118_LM", "BR-FR-16_BT-119"]
        }
        ApplicableTradeTax if line => ["BR-FR-15_BT-95_BT-151", "BR-FR-15_BT-95_BT-151_LM", "BR-FR-16_BT-152"],
        _ => return,
    };
    sheet.rule(known, node, |n| {
        let Some(code) = n.one(&[CategoryCode])? else {
            let item = n.parent().and_then(Node::parent);
            let status = [AssociatedDocumentLineDocument, LineStatusReasonCode];
            let grouping = |l: Node<'_>| l.any_is(&status, "GROUP") || l.any_is(&status, "INFORMATION");
            return Ok(line && item.is_some_and(grouping));
        };
        Ok(node.list(lists::FR_VAT_CATEGORIES).has(&code.text()))
    });
    sheet.keep(taken, node, !node.kids(CategoryCode).any(|code| matches!(&*code.text(), "L" | "M")));
    sheet.rule(french_rate, node, |n| {
        let rate = n.one(&[RateApplicablePercent])?.map(Node::text).unwrap_or_default();
        Ok(rate.is_empty() || node.list(lists::RATES_FR_VAT).has(&rate))
    });
}

fn rate(node: Node<'_>, sheet: &mut Sheet) {
    let rule = if below(node, &[CategoryTradeTax, SpecifiedTradeAllowanceCharge, ApplicableHeaderTradeSettlement]) {
        "BR-FR-DEC-04_BT-96_BT-103"
    } else if below(node, &[ApplicableTradeTax, ApplicableHeaderTradeSettlement]) {
        "BR-FR-DEC-04_BT-119"
    } else if on_line(node, &[ApplicableTradeTax, SpecifiedLineTradeSettlement]) {
        "BR-FR-DEC-04_BT-152"
    } else {
        return;
    };
    sheet.keep(rule, node, french::is_rate(&node.plain()));
}

/// Amounts, quantities and prices by their place (BR-FR-DEC-01 to -03).
fn amount(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let head = |group| below(node, &[group, ApplicableHeaderTradeSettlement]);
    let line = |group| on_line(node, &[group, SpecifiedLineTradeSettlement]);
    let rule = match (node.name(), node.above()) {
        (name, SpecifiedTradeSettlementHeaderMonetarySummation)
            if head(SpecifiedTradeSettlementHeaderMonetarySummation) =>
        {
            match name {
                LineTotalAmount => "BR-FR-DEC-01_BT-106",
                AllowanceTotalAmount => "BR-FR-DEC-01_BT-107",
                ChargeTotalAmount => "BR-FR-DEC-01_BT-108",
                TaxBasisTotalAmount => "BR-FR-DEC-01_BT-109",
                TaxTotalAmount => "BR-FR-DEC-01_BT-110",
                GrandTotalAmount => "BR-FR-DEC-01_BT-112",
                TotalPrepaidAmount => "BR-FR-DEC-01_BT-113",
                RoundingAmount => "BR-FR-DEC-01_BT-114",
                DuePayableAmount => "BR-FR-DEC-01_BT-115",
                _ => return,
            }
        }
        (name @ (ActualAmount | BasisAmount), SpecifiedTradeAllowanceCharge) => {
            let basis = name == BasisAmount;
            if head(SpecifiedTradeAllowanceCharge) {
                if basis { "BR-FR-DEC-01_BT-93_BT-100" } else { "BR-FR-DEC-01_BT-92_BT-99" }
            } else if line(SpecifiedTradeAllowanceCharge) {
                if basis { "BR-FR-DEC-01_BT-137_BT-142" } else { "BR-FR-DEC-01_BT-136_BT-141" }
            } else {
                return;
            }
        }
        (BasisAmount, ApplicableTradeTax) if head(ApplicableTradeTax) => "BR-FR-DEC-01_BT-116",
        (CalculatedAmount, ApplicableTradeTax) if head(ApplicableTradeTax) => "BR-FR-DEC-01_BT-117",
        (LineTotalAmount, SpecifiedTradeSettlementLineMonetarySummation)
            if line(SpecifiedTradeSettlementLineMonetarySummation) =>
        {
            "BR-FR-DEC-01_BT-131"
        }
        _ => return price_or_quantity(node, context, sheet),
    };
    sheet.keep(rule, node, french::is_amount(&node.plain()));
}

fn price_or_quantity(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let agreed = |group| on_line(node, &[group, SpecifiedLineTradeAgreement]);
    let rule = match (node.name(), node.above()) {
        (BilledQuantity, _) if on_line(node, &[SpecifiedLineTradeDelivery]) => {
            return sheet.keep("BR-FR-DEC-02_BT-129", node, french::is_quantity(&node.plain()));
        }
        (BasisQuantity, NetPriceProductTradePrice) if agreed(NetPriceProductTradePrice) => {
            return sheet.keep("BR-FR-DEC-02_BT-149", node, french::is_quantity(&node.plain()));
        }
        (ChargeAmount, NetPriceProductTradePrice) if agreed(NetPriceProductTradePrice) => "BR-FR-DEC-03_BT-146",
        (ActualAmount, AppliedTradeAllowanceCharge)
            if on_line(
                node,
                &[AppliedTradeAllowanceCharge, GrossPriceProductTradePrice, SpecifiedLineTradeAgreement],
            ) =>
        {
            "BR-FR-DEC-03_BT-147"
        }
        (ChargeAmount, GrossPriceProductTradePrice) if agreed(GrossPriceProductTradePrice) => "BR-FR-DEC-03_BT-148",
        _ => return,
    };
    sheet.keep(rule, node, french::is_price(&node.plain(), context.special));
}

/// The notes the reform demands, and none of them twice.
fn notes(node: Node<'_>, sheet: &mut Sheet) {
    let count = |code| node.kids(IncludedNote).filter(|n| n.any_is(&[SubjectCode], code)).count();
    for (there, once, code) in [
        ("BR-FR-05_BT-22_PMT", "BR-FR-06_BT-21_PMT", "PMT"),
        ("BR-FR-05_BT-22_PMD", "BR-FR-06_BT-21_PMD", "PMD"),
        ("BR-FR-05_BT-22_AAB", "BR-FR-06_BT-21_AAB", "AAB"),
    ] {
        let count = count(code);
        sheet.keep(there, node, count > 0);
        sheet.keep(once, node, count <= 1);
    }
    sheet.keep("BR-FR-06_BT-21_TXD", node, count("TXD") <= 1);
    sheet.rule("BR-FR-31_BT-21", node, |n| {
        let mut asked = 0;
        for note in n.kids(IncludedNote).filter(|note| note.any_is(&[SubjectCode], "BAR")) {
            asked += usize::from(note.list(lists::FR_COUNTED_TREATMENTS).has(&note.plain_of(&[Content])?));
        }
        Ok(asked <= 1)
    });
}

/// The contents of the notes of a subject.
fn contents<'d>(root: Node<'d>, subject: &str) -> Vec<Cow<'d, str>> {
    let notes = root.path(&[ExchangedDocument, IncludedNote]).into_iter();
    notes.filter(|n| n.any_is(&[SubjectCode], subject)).flat_map(|n| n.path(&[Content])).map(Node::text).collect()
}

/// The rules on the document as a whole.
fn document(root: Node<'_>, sheet: &mut Sheet) {
    let party = |name, rest: &[Name]| [&[AGREEMENT[0], AGREEMENT[1], name], rest].concat();
    let legal = [SpecifiedLegalOrganization, ID];
    let siren = |name| only_schemed(root, &party(name, &legal), "0002");
    sheet.rule("BR-FR-10_BT-30", root, |_| Ok(siren(SellerTradeParty)?.is_some_and(|s| french::is_siren(&s.plain()))));
    let business = contents(root, "BAR").iter().any(|content| content == "B2B");
    sheet.rule("BR-FR-11_BT-47", root, |_| {
        let is_nine = |s: Node<'_>| s.text().len() == 9 && french::is_siren(&s.text());
        Ok(!business || siren(BuyerTradeParty)?.is_some_and(is_nine))
    });
    let address = |name| root.one(&party(name, &[URIUniversalCommunication, URIID]));
    for (rule, name) in [("BR-FR-12_BT-49", BuyerTradeParty), ("BR-FR-13_BT-34", SellerTradeParty)] {
        sheet.rule(rule, root, |_| Ok(address(name)?.is_some_and(|a| !a.text().is_empty())));
    }
    let legible = root.path(&[AGREEMENT[0], AGREEMENT[1], AdditionalReferencedDocument]).into_iter();
    let legible = legible.filter(|d| d.any_is(&[Name::Name], "LISIBLE")).count();
    sheet.keep("BR-FR-18_BT-123", root, legible <= 1);
    let types: Vec<_> = root.path(&[ExchangedDocument, TypeCode]).into_iter().map(Node::text).collect();
    let frames: Vec<_> = root.path(&FRAME).into_iter().map(Node::text).collect();
    let has = |texts: &[Cow<'_, str>], list: Which| texts.iter().any(|text| root.list(list).has(text));
    let by_siren = |name| -> Answer {
        let (address, siren) = (address(name)?, root.one(&party(name, &legal))?);
        let begins = address.map(Node::text).unwrap_or_default();
        let begins = begins.starts_with(&*siren.map(Node::text).unwrap_or_default());
        Ok(begins && address.is_some_and(|a| is_schemed(a, "0225")))
    };
    let self_billed = has(&types, lists::FR_SELF_BILLED);
    sheet.rule("BR-FR-21_BT-49", root, |_| Ok(!business || self_billed || by_siren(BuyerTradeParty)?));
    sheet.rule("BR-FR-22_BT-34", root, |_| Ok(!business || !self_billed || by_siren(SellerTradeParty)?));
    references(root, &types, sheet);
    let (prepaid, paid) = (has(&types, lists::FR_PREPAID), has(&frames, lists::FR_PAID_FRAMES));
    sheet.keep("BR-FR-CO-08_BT-23", root, !(has(&frames, lists::FR_FINAL_FRAMES) && prepaid));
    payment(root, prepaid, paid, sheet);
    tax_of_document(root, sheet);
}

/// The only text down the path: two stop the official engine.
fn only_text<'d>(root: Node<'d>, path: &[Name]) -> Result<Cow<'d, str>, Stop> {
    Ok(root.one(path)?.map(Node::text).unwrap_or_default())
}

/// What corrective invoices and credit notes name.
fn references(root: Node<'_>, types: &[Cow<'_, str>], sheet: &mut Sheet) {
    let is = |list: Which| types.iter().any(|code| root.list(list).has(code));
    if types.iter().any(|code| code == "262") {
        sheet.rule("BR-FR-CO-03_BT-3", root, |r| {
            let period = [SETTLEMENT[0], SETTLEMENT[1], BillingSpecifiedPeriod];
            let filled = |path: &[Name]| Ok(!only_text(r, path)?.is_empty());
            Ok(filled(&[AGREEMENT[0], AGREEMENT[1], ContractReferencedDocument, IssuerAssignedID])?
                && filled(&[period[0], period[1], period[2], StartDateTime, DateTimeString])?
                && filled(&[period[0], period[1], period[2], EndDateTime, DateTimeString])?)
        });
    }
    let preceding = root.path(&[SETTLEMENT[0], SETTLEMENT[1], InvoiceReferencedDocument]);
    sheet.keep("BR-FR-CO-04_BT-4", root, !is(lists::FR_CORRECTIVE) || preceding.len() == 1);
    let dated = |reference: Node<'_>| {
        reference.has(IssuerAssignedID) && reference.exists(&[FormattedIssueDateTime, QualifiedDateTimeString])
    };
    if is(lists::FR_CREDITS) && !preceding.iter().any(|r| dated(*r)) {
        let status = [AssociatedDocumentLineDocument, LineStatusReasonCode];
        let lines = root.path(&[SupplyChainTradeTransaction, IncludedSupplyChainTradeLineItem]).into_iter();
        let kept = lines
            .filter(|line| !line.exists(&status) || line.any_is(&status, "DETAIL"))
            .all(|line| line.walk(&[SpecifiedLineTradeSettlement, InvoiceReferencedDocument], &mut |r| dated(r)));
        sheet.keep("BR-FR-CO-05_BT-3", root, kept);
    }
}

/// When the invoice is due, and whether it is already paid.
fn payment(root: Node<'_>, prepaid: bool, paid: bool, sheet: &mut Sheet) {
    let due = [SETTLEMENT[0], SETTLEMENT[1], SpecifiedTradePaymentTerms, DueDateDateTime, DateTimeString];
    sheet.rule("BR-FR-CO-07_BT-9", root, |r| {
        let due = only_text(r, &due)?;
        if due.is_empty() || prepaid || paid {
            return Ok(true);
        }
        let issued = r.one(&[ExchangedDocument, IssueDateTime, DateTimeString])?;
        Ok(issued.is_some_and(|issued| due >= issued.text()))
    });
    if !paid {
        return;
    }
    let number = |name| -> Result<f64, Stop> {
        let amount = root.one(&[TOTALS[0], TOTALS[1], TOTALS[2], name])?;
        Ok(amount.and_then(|a| super::number::double(&a.text())).unwrap_or(f64::NAN))
    };
    sheet.rule("BR-FR-CO-09_BT-23-1", root, |_| {
        let (paid, total) = (number(TotalPrepaidAmount)?, number(GrandTotalAmount)?);
        Ok(super::number::same(paid, total))
    });
    sheet.rule("BR-FR-CO-09_BT-23-2", root, |_| Ok(number(DuePayableAmount)? == 0.0));
    sheet.rule("BR-FR-CO-09_BT-23-3", root, |r| Ok(!only_text(r, &due)?.is_empty()));
}

/// VAT in euro, and a seller that is a member of a VAT group.
fn tax_of_document(root: Node<'_>, sheet: &mut Sheet) {
    sheet.rule("BR-FR-CO-12_BT-5", root, |r| {
        let currencies = r.path(&[SETTLEMENT[0], SETTLEMENT[1], InvoiceCurrencyCode]);
        if !currencies.iter().any(|currency| currency.text() != "EUR") {
            return Ok(true);
        }
        if !r.any_is(&[SETTLEMENT[0], SETTLEMENT[1], TaxCurrencyCode], "EUR") {
            return Ok(false);
        }
        let amounts = r.path(&[TOTALS[0], TOTALS[1], TOTALS[2], TaxTotalAmount]).into_iter();
        let euro: Vec<_> = amounts.filter(|a| a.attribute("currencyID").is_some_and(|c| c == "EUR")).collect();
        match euro[..] {
            [] => Ok(false),
            [one] => Ok(!one.text().is_empty()),
            [_, second, ..] => Err(second.stop(Why::Several)),
        }
    });
    let seller = [AGREEMENT[0], AGREEMENT[1], SellerTradeParty, GlobalID];
    if root.walk(&seller, &mut |id| is_schemed(id, "0231")) {
        let member = root
            .path(&[ExchangedDocument, IncludedNote])
            .into_iter()
            .any(|note| note.any_is(&[SubjectCode], "TXD") && note.any_is(&[Content], "MEMBRE_ASSUJETTI_UNIQUE"));
        sheet.keep("BR-FR-CO-14_BT-29-1", root, member);
        let number = [AGREEMENT[0], AGREEMENT[1], SellerTaxRepresentativeTradeParty, SpecifiedTaxRegistration, ID];
        sheet.rule("BR-FR-CO-15_BT-29-1", root, |r| {
            Ok(only_schemed(r, &number, "VA")?.is_some_and(|n| !n.text().is_empty()))
        });
    }
}
