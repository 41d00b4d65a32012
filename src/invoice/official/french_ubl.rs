//! The French rules (BR-FR) in UBL: what the standard for the reform's invoices adds to the European one.

use std::borrow::Cow;
use std::collections::HashSet;

use super::Sheet;
use super::document::{Answer, Node, Stop, Why};
use super::french::{self, Special};
use super::french_ubl_groups as groups;
use super::lists::{self, Which};
use super::names::Name::{self, *};

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
        let frame = root.plain_of(&[ProfileID]);
        let stop = frame.as_ref().err().copied();
        let special = Special::of(&frame.unwrap_or_default());
        Self { root, special, stop, numbers: root.kids(ID).map(Node::text).collect() }
    }

    /// Whether a text is the invoice's number.
    pub fn is_own(&self, text: &str) -> bool {
        self.numbers.iter().any(|number| number == text)
    }
}

/// A party of the document, by the place it has there.
struct Role {
    /// Its identifiers, its SIRET within its SIREN, its address in form and length.
    identifiers: [&'static str; 2],
    siret: &'static str,
    address: &'static str,
    length: &'static str,
}

const fn role(
    identifiers: [&'static str; 2],
    siret: &'static str,
    address: &'static str,
    length: &'static str,
) -> Role {
    Role { identifiers, siret, address, length }
}

const SELLER: Role =
    role(["BR-FR-CO-10_BT-29-1", "BR-FR-CO-10_BT-29-2"], "BR-FR-09_BT-29", "BR-FR-23_BT-34", "BR-FR-25_BT-34");
const BUYER: Role =
    role(["BR-FR-CO-10_BT-46-1", "BR-FR-CO-10_BT-46-2"], "BR-FR-09_BT-46", "BR-FR-23_BT-49", "BR-FR-25_BT-49");
const PAYEE: Role = role(
    ["BR-FR-CO-10_BT-60-1", "BR-FR-CO-10_BT-60-2"],
    "BR-FR-09_BT-60",
    "BR-FR-23_EXT-FR-FE-29",
    "BR-FR-25_EXT-FR-FE-29",
);
const BUYER_AGENT: Role = role(
    ["BR-FR-CO-10_EXT-FR-FE-06-1", "BR-FR-CO-10_EXT-FR-FE-06-2"],
    "BR-FR-09_EXT-FR-FE-06",
    "BR-FR-23_EXT-FR-FE-12",
    "BR-FR-25_EXT-FR-FE-12",
);
const PAYER: Role = role(
    ["BR-FR-CO-10_EXT-FR-FE-46-1", "BR-FR-CO-10_EXT-FR-FE-46-2"],
    "BR-FR-09_EXT-FR-FE-46",
    "BR-FR-23_EXT-FR-FE-52",
    "BR-FR-25_EXT-FR-FE-52",
);
const SELLER_AGENT: Role = role(
    ["BR-FR-CO-10_EXT-FR-FE-69-1", "BR-FR-CO-10_EXT-FR-FE-69-2"],
    "BR-FR-09_EXT-FR-FE-69",
    "BR-FR-23_EXT-FR-FE-75",
    "BR-FR-25_EXT-FR-FE-75",
);
const INVOICEE: Role = role(
    ["BR-FR-CO-10_EXT-FR-FE-92-1", "BR-FR-CO-10_EXT-FR-FE-92-2"],
    "BR-FR-09_EXT-FR-FE-92",
    "BR-FR-23_EXT-FR-FE-98",
    "BR-FR-25_EXT-FR-FE-98",
);
const INVOICER: Role = role(
    ["BR-FR-CO-10_EXT-FR-FE-115-1", "BR-FR-CO-10_EXT-FR-FE-115-2"],
    "BR-FR-09_EXT-FR-FE-115",
    "BR-FR-23_EXT-FR-FE-121",
    "BR-FR-25_EXT-FR-FE-121",
);

/// The role of a party's element; the second: whether the path to it begins at the document's element.
fn role_of(party: Node<'_>) -> Option<(&'static Role, bool)> {
    let (role, top) = match party.name() {
        PayeeParty => (&PAYEE, party),
        PayerParty if party.under(&[PaymentMandate, PaymentMeans]) => (&PAYER, up(party, 2)?),
        AgentParty if party.under(&[Party, AccountingCustomerParty]) => (&BUYER_AGENT, up(party, 2)?),
        AgentParty if party.under(&[Party, AccountingSupplierParty]) => (&SELLER_AGENT, up(party, 2)?),
        Party => match party.above() {
            AccountingSupplierParty => (&SELLER, up(party, 1)?),
            AccountingCustomerParty => (&BUYER, up(party, 1)?),
            ServiceProviderParty if party.under(&[ServiceProviderParty, Party, AccountingCustomerParty]) => {
                (&INVOICEE, up(party, 3)?)
            }
            ServiceProviderParty if party.under(&[ServiceProviderParty, Party, AccountingSupplierParty]) => {
                (&INVOICER, up(party, 3)?)
            }
            _ => return None,
        },
        _ => return None,
    };
    Some((role, is_top(top)))
}

fn up(node: Node<'_>, levels: usize) -> Option<Node<'_>> {
    (0..levels).try_fold(node, |at, _| at.parent())
}

/// A child of the document's element.
fn is_top(node: Node<'_>) -> bool {
    node.parent().is_some_and(|root| root.is_root() && matches!(root.name(), Invoice | CreditNote))
}

/// A line of the document, of its own kind.
fn is_line(node: Node<'_>) -> bool {
    is_top(node) && matches!((node.name(), node.above()), (InvoiceLine, Invoice) | (CreditNoteLine, CreditNote))
}

/// Whether the elements above are these, the nearest first, and then a line.
fn on_line(node: Node<'_>, names: &[Name]) -> bool {
    node.under(names) && up(node, names.len() + 1).is_some_and(is_line)
}

/// Whether the elements above are these, and then the document's element.
fn on_top(node: Node<'_>, names: &[Name]) -> bool {
    if names.is_empty() {
        return is_top(node);
    }
    node.under(names) && up(node, names.len()).is_some_and(is_top)
}

/// Holds an element against the French rules.
pub fn check(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    match node.name() {
        Invoice | CreditNote if node.is_root() => document(node, sheet),
        ID => identifier(node, sheet),
        IssueDate | TaxPointDate | DueDate | ActualDeliveryDate | StartDate | EndDate => date(node, sheet),
        InvoiceTypeCode | CreditNoteTypeCode if is_top(node) => {
            let own =
                matches!((node.name(), node.above()), (InvoiceTypeCode, Invoice) | (CreditNoteTypeCode, CreditNote));
            if own {
                sheet.keep("BR-FR-04_BT-3", node, node.list(lists::FR_TYPES).has(&node.text()));
            }
        }
        DocumentTypeCode if node.under(&[InvoiceDocumentReference, BillingReference]) => {
            let rule = if on_top(node, &[InvoiceDocumentReference, BillingReference]) {
                "BR-FR-04_EXT-FR-FE-02"
            } else if on_line(node, &[InvoiceDocumentReference, BillingReference]) {
                "BR-FR-04_EXT-FR-FE-137"
            } else {
                return;
            };
            sheet.keep(rule, node, node.list(lists::FR_TYPES).has(&node.text()));
        }
        Party | PayeeParty | PayerParty | AgentParty => party(node, sheet),
        EndpointID => address(node, sheet),
        PartyLegalEntity if node.under(&[Party, AccountingSupplierParty]) => {
            sheet.rule("BR-FR-10_BT-30", node, |n| {
                Ok(only_schemed(n, &[CompanyID], "0002")?.is_some_and(|siren| french::is_siren(&siren.plain())))
            });
        }
        CompanyID if node.above() == PartyLegalEntity && is_schemed(node, "0002") => {
            sheet.keep("BR-FR-32-LEGALID", node, french::is_siren(&node.plain()));
        }
        Delivery if is_top(node) => delivery(node, sheet),
        DeliveryLocation if on_top(node, &[Delivery]) => {
            schemes(node, &[ID], ["BR-FR-CO-10_BT-71-1", "BR-FR-CO-10_BT-71-2"], sheet);
        }
        DeliveryLocation if on_line(node, &[Delivery]) => {
            schemes(node, &[ID], ["BR-FR-CO-10_EXT-FR-FE-146-1", "BR-FR-CO-10_EXT-FR-FE-146-2"], sheet);
        }
        TaxCategory | ClassifiedTaxCategory => category(node, sheet),
        AdditionalDocumentReference => attachment(node, sheet),
        DocumentReference if is_line(node.parent().unwrap_or(node)) => schemed_once("BR-FR-30_BT-128", node, sheet),
        AdditionalItemProperty => property(node, sheet),
        Name::Name if on_top(node, &[AdditionalItemProperty, Item]) => {
            sheet.keep("BR-FR-27_BT-160", node, !node.plain().is_empty());
        }
        NameCode if on_top(node, &[AdditionalItemProperty, Item]) => {
            sheet.keep("BR-FR-27_EXT-FR-FE-159", node, !node.plain().is_empty());
        }
        InvoicedQuantity | CreditedQuantity if node.parent().is_some_and(is_line) => {
            let own = matches!(
                (node.name(), node.above()),
                (InvoicedQuantity, InvoiceLine) | (CreditedQuantity, CreditNoteLine)
            );
            if own {
                sheet.keep("BR-FR-DEC-02_BT-129", node, french::is_quantity(&node.plain()));
            }
        }
        AllowanceCharge if on_line(node, &[Price]) => {
            sheet.rule("BR-FR-DEC-03_BT-147", node, |n| price(n, &[Amount], context.special));
        }
        Percent => percent(node, sheet),
        _ => amount(node, context, sheet),
    }
    if is_line(node) {
        sheet.rule("BR-FR-DEC-02_BT-149", node, |n| {
            let quantity = n.plain_of(&[Price, BaseQuantity])?;
            Ok(quantity.is_empty() || french::is_quantity(&quantity))
        });
        sheet.rule("BR-FR-DEC-03_BT-146", node, |n| price(n, &[Price, PriceAmount], context.special));
    }
    if context.special != Special::No {
        groups::check(node, context, sheet);
    }
}

fn price(node: Node<'_>, path: &[Name], special: Special) -> Answer {
    let amount = node.plain_of(path)?;
    Ok(amount.is_empty() || french::is_price(&amount, special))
}

pub fn is_schemed(node: Node<'_>, scheme: &str) -> bool {
    node.attribute("schemeID").is_some_and(|s| s == scheme)
}

/// The elements down the path with that scheme.
pub fn schemed<'d>(node: Node<'d>, path: &[Name], scheme: &str) -> Vec<Node<'d>> {
    node.path(path).into_iter().filter(|id| is_schemed(*id, scheme)).collect()
}

/// The only one of them: two stop the official engine.
pub fn only_schemed<'d>(node: Node<'d>, path: &[Name], scheme: &str) -> Result<Option<Node<'d>>, Stop> {
    match schemed(node, path, scheme)[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        [_, second, ..] => Err(second.stop(Why::Several)),
    }
}

fn identifier(node: Node<'_>, sheet: &mut Sheet) {
    let Some(parent) = node.parent() else { return };
    match parent.name() {
        Invoice | CreditNote if parent.is_root() => {
            number(node, ["BR-FR-01_BT-1-1", "BR-FR-01_BT-1-2", "BR-FR-02_BT-1"], sheet);
        }
        InvoiceDocumentReference if on_top(node, &[InvoiceDocumentReference, BillingReference]) => {
            number(node, ["BR-FR-01_BT-25-1", "BR-FR-01_BT-25-2", "BR-FR-02_BT-25"], sheet);
        }
        InvoiceDocumentReference if on_line(node, &[InvoiceDocumentReference, BillingReference]) => {
            number(node, ["BR-FR-01_EXT-FR-FE-136-1", "BR-FR-01_EXT-FR-FE-136-2", "BR-FR-02_EXT-FR-FE-136"], sheet);
        }
        DocumentReference if on_line(node, &[DocumentReference]) => {
            filled_where(node, "AFL", "BR-FR-30_AFL", sheet);
            filled_where(node, "AVV", "BR-FR-30_AVV", sheet);
        }
        AdditionalDocumentReference if on_top(node, &[AdditionalDocumentReference]) => {
            filled_where(node, "AFL", "BR-FR-29_AFL", sheet);
            filled_where(node, "AVV", "BR-FR-29_AVV", sheet);
        }
        PartyIdentification => {
            if is_schemed(node, "0002") || is_schemed(node, "0231") {
                sheet.keep("BR-FR-32-ID", node, french::is_siren(&node.plain()));
            }
            let rules = if on_top(node, &[PartyIdentification, Party, AccountingSupplierParty]) {
                ["BR-FR-24_BT-29", "BR-FR-26_BT-29"]
            } else if on_top(node, &[PartyIdentification, Party, AccountingCustomerParty]) {
                ["BR-FR-24_BT-46", "BR-FR-26_BT-46"]
            } else {
                return;
            };
            if is_schemed(node, "0224") {
                sheet.keep(rules[0], node, french::is_address(&node.text()));
                sheet.keep(rules[1], node, node.text().chars().count() <= 100);
            }
        }
        _ => {}
    }
}

fn filled_where(node: Node<'_>, scheme: &str, rule: &'static str, sheet: &mut Sheet) {
    if is_schemed(node, scheme) {
        sheet.keep(rule, node, !node.plain().is_empty());
    }
}

/// A document's number: its length, and twice its characters.
fn number(node: Node<'_>, [length, form, again]: [&'static str; 3], sheet: &mut Sheet) {
    let text = node.text();
    let kept = french::is_number(&text);
    sheet.keep(length, node, text.chars().count() <= 35);
    sheet.keep(form, node, kept);
    sheet.keep(again, node, kept);
}

fn date(node: Node<'_>, sheet: &mut Sheet) {
    let rule = match node.name() {
        IssueDate if is_top(node) => "BR-FR-03_BT-2",
        TaxPointDate if is_top(node) => "BR-FR-03_BT-7",
        DueDate if is_top(node) => "BR-FR-03_BT-9",
        IssueDate if on_top(node, &[InvoiceDocumentReference, BillingReference]) => "BR-FR-03_BT-26",
        ActualDeliveryDate if on_top(node, &[Delivery]) => "BR-FR-03_BT-72",
        StartDate if on_top(node, &[InvoicePeriod]) => "BR-FR-03_BT-73",
        EndDate if on_top(node, &[InvoicePeriod]) => "BR-FR-03_BT-74",
        IssueDate if on_line(node, &[InvoiceDocumentReference, BillingReference]) => "BR-FR-03_EXT-FR-FE-138",
        ActualDeliveryDate if on_line(node, &[Delivery]) => "BR-FR-03_EXT-FR-FE-158",
        StartDate if on_line(node, &[InvoicePeriod]) => "BR-FR-03_BT-134",
        EndDate if on_line(node, &[InvoicePeriod]) => "BR-FR-03_BT-135",
        _ => return,
    };
    sheet.keep(rule, node, french::is_date(&node.text()));
}

fn party(node: Node<'_>, sheet: &mut Sheet) {
    let Some((role, top)) = role_of(node) else { return };
    schemes(node, &[PartyIdentification, ID], role.identifiers, sheet);
    if !top {
        return;
    }
    let own = matches!(node.above(), AccountingSupplierParty | AccountingCustomerParty);
    sheet.rule(role.siret, node, |party| {
        let Some(siret) = schemed(party, &[PartyIdentification, ID], "0009").first().map(|id| id.text()) else {
            return Ok(true);
        };
        let siren = only_schemed(party, &[PartyLegalEntity, CompanyID], "0002")?.map(Node::text);
        if own {
            return Ok(french::is_of(&siret, siren.as_deref()));
        }
        // Without a SIREN of its own it is the SIRET's.
        let written = siren.filter(|siren| !siren.is_empty());
        Ok(french::is_of(&siret, Some(&written.unwrap_or_else(|| siret.chars().take(9).collect()))))
    });
}

/// Identifiers that each say their scheme, none of them twice.
fn schemes(node: Node<'_>, path: &[Name], [named, once]: [&'static str; 2], sheet: &mut Sheet) {
    let ids = node.path(path);
    let schemes: Vec<_> = ids.iter().filter_map(|id| id.attribute("schemeID")).collect();
    sheet.keep(named, node, schemes.len() == ids.len());
    sheet.keep(once, node, schemes.iter().collect::<HashSet<_>>().len() == schemes.len());
}

fn address(node: Node<'_>, sheet: &mut Sheet) {
    let Some((role, true)) = node.parent().and_then(role_of) else { return };
    if is_schemed(node, "0225") {
        sheet.keep(role.address, node, french::is_address(&node.text()));
    }
    sheet.keep(role.length, node, node.text().chars().count() <= 125);
}

fn delivery(node: Node<'_>, sheet: &mut Sheet) {
    sheet.rule("BR-FR-09_BT-71", node, |node| {
        let Some(siret) = schemed(node, &[DeliveryLocation, ID], "0009").first().map(|id| id.text()) else {
            return Ok(true);
        };
        let siren = only_schemed(node, &[DeliveryParty, PartyLegalEntity, CompanyID], "0002")?.map(Node::text);
        let written = siren.filter(|siren| !siren.is_empty());
        Ok(french::is_of(&siret, Some(&written.unwrap_or_else(|| siret.chars().take(9).collect()))))
    });
}

fn category(node: Node<'_>, sheet: &mut Sheet) {
    let in_allowance = node.above() == AllowanceCharge;
    let in_breakdown = node.under(&[TaxSubtotal, TaxTotal]);
    let [known, french_rate, taken] = match node.name() {
        TaxCategory if in_allowance => ["BR-FR-15_BT-95_BT-102-1", "BR-FR-16_BT-96", "BR-FR-15_BT-95_BT-102-2"],
        TaxCategory if in_breakdown => ["BR-FR-15_BT-118-1", "BR-FR-16_BT-119", "BR-FR-15_BT-118-2"],
        ClassifiedTaxCategory if node.above() == Item => ["BR-FR-15_BT-151-1", "BR-FR-16_BT-152", "BR-FR-08_BT-151-2"],
        _ => return,
    };
    sheet.rule(known, node, |n| is_one_of(n, ID, lists::FR_VAT_CATEGORIES));
    sheet.keep(taken, node, !node.kids(ID).any(|id| matches!(&*id.text(), "L" | "M")));
    // The rates of a credit note's lines are not looked at.
    if node.name() == TaxCategory || node.under(&[Item, InvoiceLine]) {
        sheet.rule(french_rate, node, |n| is_one_of(n, Percent, lists::RATES_FR_VAT));
    }
}

/// `not(name) or name` is one of the codes.
fn is_one_of(node: Node<'_>, name: Name, list: Which) -> Answer {
    Ok(node.one(&[name])?.is_none_or(|value| node.list(list).has(&value.text())))
}

fn attachment(node: Node<'_>, sheet: &mut Sheet) {
    sheet.rule("BR-FR-17_BT-123", node, |n| is_one_of(n, DocumentDescription, lists::FR_ATTACHMENTS));
    if is_top(node) {
        schemed_once("BR-FR-29_BT-18", node, sheet);
    }
}

fn schemed_once(rule: &'static str, node: Node<'_>, sheet: &mut Sheet) {
    let count = |scheme| schemed(node, &[ID], scheme).len();
    sheet.keep(rule, node, count("AFL") <= 1 && count("AVV") <= 1);
}

fn property(node: Node<'_>, sheet: &mut Sheet) {
    if on_top(node, &[Item]) {
        sheet.keep("BR-FR-27_BG-32", node, node.has(Name::Name) || node.has(NameCode));
    } else if on_line(node, &[Item]) {
        let measured = node.kids(ValueQuantity).any(|v| v.attribute("unitCode").is_some_and(|unit| !unit.is_empty()));
        let kept = if node.has(Value) { !node.has(ValueQuantity) } else { measured };
        sheet.keep("BR-FR-28-Value", node, kept);
    }
}

fn percent(node: Node<'_>, sheet: &mut Sheet) {
    let rule = if node.under(&[TaxCategory, AllowanceCharge]) {
        "BR-FR-DEC-04_BT-96_BT-103"
    } else if node.under(&[TaxCategory, TaxSubtotal, TaxTotal]) {
        "BR-FR-DEC-04_BT-119"
    } else if node.under(&[ClassifiedTaxCategory, Item]) {
        "BR-FR-DEC-04_BT-152"
    } else {
        return;
    };
    sheet.keep(rule, node, french::is_rate(&node.plain()));
}

/// Amounts by their place (BR-FR-DEC-01, and the gross price of -03).
fn amount(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let rule = match (node.name(), node.above()) {
        (BaseAmount, AllowanceCharge) if on_top(node, &[AllowanceCharge]) => "BR-FR-DEC-01_BT-93_BT-100",
        (Amount, AllowanceCharge) if on_top(node, &[AllowanceCharge]) => "BR-FR-DEC-01_BT-92_BT-99",
        (LineExtensionAmount, LegalMonetaryTotal) => "BR-FR-DEC-01_BT-106",
        (AllowanceTotalAmount, LegalMonetaryTotal) => "BR-FR-DEC-01_BT-107",
        (ChargeTotalAmount, LegalMonetaryTotal) => "BR-FR-DEC-01_BT-108",
        (TaxExclusiveAmount, LegalMonetaryTotal) => "BR-FR-DEC-01_BT-109",
        (TaxAmount, TaxTotal) => "BR-FR-DEC-01_BT-110",
        (TaxInclusiveAmount, LegalMonetaryTotal) => "BR-FR-DEC-01_BT-112",
        (PrepaidAmount, LegalMonetaryTotal) => "BR-FR-DEC-01_BT-113",
        (PayableRoundingAmount, LegalMonetaryTotal) => "BR-FR-DEC-01_BT-114",
        (PayableAmount, LegalMonetaryTotal) => "BR-FR-DEC-01_BT-115",
        (TaxableAmount, TaxSubtotal) if node.under(&[TaxSubtotal, TaxTotal]) => "BR-FR-DEC-01_BT-116",
        (TaxAmount, TaxSubtotal) if node.under(&[TaxSubtotal, TaxTotal]) => "BR-FR-DEC-01_BT-117",
        (LineExtensionAmount, InvoiceLine | CreditNoteLine) if node.parent().is_some_and(is_line) => {
            "BR-FR-DEC-01_BT-131"
        }
        (Amount, AllowanceCharge) if on_line(node, &[AllowanceCharge]) => "BR-FR-DEC-01_BT-136_BT-141",
        (BaseAmount, AllowanceCharge) if on_line(node, &[AllowanceCharge]) => "BR-FR-DEC-01_BT-137_BT-142",
        (BaseAmount, AllowanceCharge) if on_line(node, &[AllowanceCharge, Price]) => {
            let text = node.plain();
            let kept = text.is_empty() || french::is_price(&text, context.special);
            return sheet.keep("BR-FR-DEC-03_BT-148", node, kept);
        }
        _ => return,
    };
    sheet.keep(rule, node, french::is_amount(&node.plain()));
}

/// The rules on the document as a whole.
fn document(root: Node<'_>, sheet: &mut Sheet) {
    let notes: String = root.kids(Note).map(Node::text).collect();
    for (rule, marker) in [("BR-FR-05_BT-22-1", "#PMT#"), ("BR-FR-05_BT-22-2", "#PMD#"), ("BR-FR-05_BT-22-3", "#AAB#")]
    {
        sheet.keep(rule, root, notes.contains(marker));
    }
    for (rule, marker) in [
        ("BR-FR-06_BT-21-1", "#PMT#"),
        ("BR-FR-06_BT-21-2", "#PMD#"),
        ("BR-FR-06_BT-21-3", "#AAB#"),
        ("BR-FR-06_BT-21-4", "#TXD#"),
    ] {
        sheet.keep(rule, root, notes.matches(marker).count() <= 1);
    }
    sheet.rule("BR-FR-08_BT-23", root, |r| {
        Ok(r.one(&[ProfileID])?.is_some_and(|frame| r.list(lists::FR_FRAMES).has(&frame.text())))
    });
    let treatment = french::behind(&notes, "#BAR#");
    addressing(root, treatment, sheet);
    let legible = root.kids(AdditionalDocumentReference).filter(|d| d.any_is(&[DocumentDescription], "LISIBLE"));
    sheet.keep("BR-FR-18_BT-123", root, legible.count() <= 1);
    sheet.keep("BR-FR-20_BT-21", root, treatment.is_empty() || root.list(lists::FR_TREATMENTS).has(treatment));
    let asked: String = root.kids(Note).map(Node::text).filter(|note| note.contains("#BAR#")).collect::<String>() + "#";
    let treatments = root.list(lists::FR_COUNTED_TREATMENTS).codes();
    let counted = treatments.map(|t| asked.matches(&format!("BAR#{t}#")).count());
    sheet.keep("BR-FR-30_BT-21", root, counted.sum::<usize>() <= 1);
    references(root, sheet);
    payment(root, sheet);
    sheet.rule("BR-FR-CO-12_BT-5", root, |r| {
        if !r.kids(DocumentCurrencyCode).any(|currency| currency.text() != "EUR") {
            return Ok(true);
        }
        let mut euro = Vec::new();
        for amount in r.path(&[TaxTotal, TaxAmount]) {
            if amount.attribute("currencyID").is_some_and(|c| c == "EUR") {
                euro.push(amount);
            }
        }
        if !r.any_is(&[TaxCurrencyCode], "EUR") {
            return Ok(false);
        }
        match euro[..] {
            [] => Ok(false),
            [one] => Ok(!one.text().is_empty()),
            [_, second, ..] => Err(second.stop(Why::Several)),
        }
    });
    let supplier = [AccountingSupplierParty, Party, PartyIdentification, ID];
    if !schemed(root, &supplier, "0231").is_empty() {
        let member = french::behind(&notes, "#TXD#") == "MEMBRE_ASSUJETTI_UNIQUE";
        sheet.keep("BR-FR-CO-14_BT-29-1", root, member);
        sheet.rule("BR-FR-CO-15_BT-29-1", root, |r| {
            let number = r.one(&[TaxRepresentativeParty, PartyTaxScheme, CompanyID])?;
            Ok(number.is_some_and(|number| !number.text().is_empty()))
        });
    }
}

/// Who the invoice is addressed to and from, and by which scheme.
fn addressing(root: Node<'_>, treatment: &str, sheet: &mut Sheet) {
    let siren = |party| only_schemed(root, &[party, Party, PartyLegalEntity, CompanyID], "0002");
    let endpoint = |party| root.one(&[party, Party, EndpointID]);
    sheet.rule("BR-FR-11_BT-47", root, |_| {
        if treatment != "B2B" {
            return Ok(true);
        }
        Ok(siren(AccountingCustomerParty)?.is_some_and(|siren| french::is_siren(&siren.plain())))
    });
    for (rule, party) in [("BR-FR-12_BT-49", AccountingCustomerParty), ("BR-FR-13_BT-34", AccountingSupplierParty)] {
        sheet.rule(rule, root, |_| Ok(endpoint(party)?.is_some_and(|e| !e.plain().is_empty())));
    }
    let types = root.kids(InvoiceTypeCode).chain(root.kids(CreditNoteTypeCode));
    let types: Vec<_> = types.map(Node::text).collect();
    let self_billed = types.iter().any(|code| root.list(lists::FR_SELF_BILLED).has(code));
    let by_siren = |party| -> Answer {
        let (endpoint, siren) = (endpoint(party)?, siren(party)?);
        let address = endpoint.map(Node::text).unwrap_or_default();
        let begins = address.starts_with(&*siren.map(Node::text).unwrap_or_default());
        Ok(begins && endpoint.is_some_and(|e| is_schemed(e, "0225")))
    };
    sheet.rule("BR-FR-21_BT-49", root, |_| Ok(treatment != "B2B" || self_billed || by_siren(AccountingCustomerParty)?));
    sheet.rule("BR-FR-22_BT-34", root, |_| {
        Ok(treatment.is_empty() || !self_billed || by_siren(AccountingSupplierParty)?)
    });
}

/// What corrective invoices and credit notes name.
fn references(root: Node<'_>, sheet: &mut Sheet) {
    if root.name() == CreditNote {
        if root.any_is(&[CreditNoteTypeCode], "262") {
            sheet.rule("BR-FR-CO-03_BT-3", root, |r| {
                let filled = |path: &[Name]| Ok(r.one(path)?.is_some_and(|node| !node.text().is_empty()));
                Ok(filled(&[ContractDocumentReference, ID])?
                    && filled(&[InvoicePeriod, StartDate])?
                    && filled(&[InvoicePeriod, EndDate])?)
            });
        }
        let credits = root.kids(CreditNoteTypeCode).any(|code| root.list(lists::FR_CREDITS).has(&code.text()));
        sheet.keep("BR-FR-CO-05_BT-3", root, !credits || names_what_it_credits(root));
    }
    let corrective = root.kids(InvoiceTypeCode).any(|code| root.list(lists::FR_CORRECTIVE).has(&code.text()));
    sheet.keep("BR-FR-CO-04_BT-3", root, !corrective || root.count(BillingReference) == 1);
}

/// An invoice and its date at the head, or on every line that is a line of its own.
fn names_what_it_credits(root: Node<'_>) -> bool {
    let dated = |reference: Node<'_>| reference.has(ID) && reference.has(IssueDate);
    if root.walk(&[BillingReference, InvoiceDocumentReference], &mut |r| dated(r)) {
        return true;
    }
    let numbers: Vec<_> = root.kids(ID).map(Node::text).collect();
    let is_own = |reference: Node<'_>| {
        reference.path(&[InvoiceDocumentReference, ID]).iter().any(|id| numbers.contains(&id.text()))
    };
    let is_other = |reference: Node<'_>| {
        let ids = reference.path(&[InvoiceDocumentReference, ID]);
        ids.iter().any(|id| numbers.iter().any(|number| *number != id.text()))
    };
    let counted = root.kids(CreditNoteLine).filter(|line| {
        let own: Vec<_> = line.kids(BillingReference).filter(|r| is_own(*r)).collect();
        own.is_empty() || own.iter().any(|r| r.any_is(&[InvoiceDocumentReference, DocumentStatusCode], "DETAIL"))
    });
    counted.into_iter().all(|line| {
        line.kids(BillingReference)
            .filter(|r| is_other(*r))
            .any(|r| r.walk(&[InvoiceDocumentReference], &mut |reference| dated(reference)))
    })
}

/// When the invoice is due, and whether it is already paid.
fn payment(root: Node<'_>, sheet: &mut Sheet) {
    let types = root.kids(InvoiceTypeCode).chain(root.kids(CreditNoteTypeCode));
    let types: Vec<_> = types.map(Node::text).collect();
    let frames: Vec<_> = root.kids(ProfileID).map(Node::text).collect();
    let has = |texts: &[Cow<'_, str>], list: Which| texts.iter().any(|text| root.list(list).has(text));
    let (prepaid, paid) = (has(&types, lists::FR_PREPAID), has(&frames, lists::FR_PAID_FRAMES));
    let early = root.kids(DueDate).any(|due| root.kids(IssueDate).any(|issue| due.text() < issue.text()));
    sheet.keep("BR-FR-CO-07_BT-9", root, prepaid || paid || !early);
    sheet.keep("BR-FR-CO-08_BT-23", root, !(has(&frames, lists::FR_FINAL_FRAMES) && prepaid));
    if !paid {
        return;
    }
    let number = |name| -> Result<f64, Stop> {
        let amount = root.one(&[LegalMonetaryTotal, name])?;
        Ok(amount.and_then(|a| super::number::double(&a.text())).unwrap_or(f64::NAN))
    };
    sheet.rule("BR-FR-CO-09_BT-23-1", root, |_| {
        let (paid, total) = (number(PrepaidAmount)?, number(TaxInclusiveAmount)?);
        Ok(super::number::same(paid, total))
    });
    sheet.rule("BR-FR-CO-09_BT-23-2", root, |_| Ok(number(PayableAmount)? == 0.0));
    sheet.rule("BR-FR-CO-09_BT-23-3", root, |r| {
        let dates: Vec<_> = r.kids(DueDate).chain(r.path(&[PaymentMeans, PaymentDueDate])).collect();
        match dates[..] {
            [] => Ok(false),
            [date] => Ok(!date.text().is_empty()),
            [_, second, ..] => Err(second.stop(Why::Several)),
        }
    });
}
