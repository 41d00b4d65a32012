//! The French rules on invoices of many sellers (frameworks 8) or of both directions (frameworks 9), in CII: lines form
//! groups, each an invoice within the invoice.

use super::Sheet;
use super::document::{Node, Stop, Why};
use super::french::Special;
use super::french_cii::Context;
use super::lists;
use super::names::Name::{self, *};

const STATUS: [Name; 2] = [AssociatedDocumentLineDocument, LineStatusReasonCode];
const PARENT: [Name; 2] = [AssociatedDocumentLineDocument, ParentLineID];
const SELLER: [Name; 4] = [SpecifiedLineTradeAgreement, ItemSellerTradeParty, SpecifiedLegalOrganization, ID];
const TOTALS: [Name; 2] = [SpecifiedLineTradeSettlement, SpecifiedTradeSettlementLineMonetarySummation];

/// Holds an element of such an invoice against the rules.
pub fn check(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let both_ways = context.special == Special::BothWays;
    match node.name() {
        SupplyChainTradeTransaction if node.parent().is_some_and(Node::is_root) => transaction(node, context, sheet),
        LineStatusReasonCode if node.under(&[AssociatedDocumentLineDocument, IncludedSupplyChainTradeLineItem]) => {
            sheet.keep("BR-FR-MV-01_EXT-FR-FE-163", node, !node.plain().is_empty());
        }
        TypeCode if node.under(&[ExchangedDocument, CrossIndustryInvoice]) => {
            let plain = node.plain();
            if both_ways {
                sheet.keep("BR-FR-BD-13_BT-3", node, node.list(lists::FR_SELF_BILLED).has(&plain));
            } else {
                let self_billed = node.list(lists::FR_SELF_BILLED).has(&node.text());
                sheet.keep("BR-FR-MV-13_BT-3", node, !plain.is_empty() && !self_billed);
            }
        }
        IncludedSupplyChainTradeLineItem if node.above() == SupplyChainTradeTransaction => {
            line(node, context, sheet);
            if is_group(node) {
                group(node, context, sheet);
            }
        }
        AdditionalReferencedDocument if node.above() == SpecifiedLineTradeSettlement => {
            let head = node.parent().and_then(Node::parent).is_some_and(is_group);
            let typed = node.any_is(&[TypeCode], "130");
            if head && node.any_is(&[ReferenceTypeCode], "AFL") {
                sheet.rule("BR-FR-MV-03_BT-128_AFL", node, |n| Ok(typed && n.filled(&[IssuerAssignedID])?));
            } else if head && node.any_is(&[ReferenceTypeCode], "AVV") {
                let many = ["M8", "S8", "B8"].iter().any(|frame| node.any_is(&[IssuerAssignedID], frame));
                sheet.rule("BR-FR-MV-03_BT-128_AVV", node, |n| Ok(typed && n.filled(&[IssuerAssignedID])? && !many));
            }
        }
        _ => {}
    }
}

/// A line that heads a group.
fn is_group(line: Node<'_>) -> bool {
    line.any_is(&STATUS, "GROUP") && !line.exists(&PARENT)
}

fn lines<'d>(context: &Context<'d>) -> Vec<Node<'d>> {
    context.root.path(&[SupplyChainTradeTransaction, IncludedSupplyChainTradeLineItem])
}

/// `normalize-space(a)` of elements of which there is at most one.
fn plain(nodes: &[Node<'_>]) -> Result<String, Stop> {
    match nodes {
        [] => Ok(String::new()),
        [one] => Ok(one.plain().into_owned()),
        [_, second, ..] => Err(second.stop(Why::Several)),
    }
}

/// `number(a)` of elements of which there is at most one.
fn number(nodes: &[Node<'_>]) -> Result<f64, Stop> {
    match nodes {
        [] => Ok(f64::NAN),
        [one] => Ok(super::number::double(&one.text()).unwrap_or(f64::NAN)),
        [_, second, ..] => Err(second.stop(Why::Several)),
    }
}

/// The invoice numbers that lines state for their group.
fn stated<'d>(lines: &[Node<'d>]) -> Vec<Node<'d>> {
    let references = lines.iter().flat_map(|l| l.path(&[SpecifiedLineTradeSettlement, AdditionalReferencedDocument]));
    let objects = references.filter(|r| r.any_is(&[ReferenceTypeCode], "AFL") && r.any_is(&[TypeCode], "130"));
    objects.flat_map(|object| object.path(&[IssuerAssignedID])).collect()
}

fn down<'d>(nodes: &[Node<'d>], path: &[Name]) -> Vec<Node<'d>> {
    nodes.iter().flat_map(|node| node.path(path)).collect()
}

fn transaction(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let groups: Vec<Node<'_>> = node.kids(IncludedSupplyChainTradeLineItem).filter(|line| is_group(*line)).collect();
    if context.special == Special::ManySellers {
        sheet.keep("BR-FR-MV-02_EXT-FR-FE-163", node, !groups.is_empty());
    } else {
        let of = |party: Name| {
            let own = node.path(&[ApplicableHeaderTradeAgreement, party, SpecifiedLegalOrganization, ID]);
            let is_theirs =
                |line: &&Node<'_>| line.walk(&SELLER, &mut |seller| own.iter().any(|id| id.text() == seller.text()));
            groups.iter().filter(is_theirs).count()
        };
        sheet.keep("BR-FR-BD-02_EXT-FR-FE-163", node, groups.len() == 2);
        sheet.keep("BR-FR-BD-02_BT-31", node, of(SellerTradeParty) == 1);
        sheet.keep("BR-FR-BD-02_BT-47", node, of(BuyerTradeParty) == 1);
    }
    let all: Vec<Node<'_>> = node.document().all(IssuerAssignedID).collect();
    let twice = stated(&groups)
        .iter()
        .any(|number| all.iter().any(|earlier| earlier.id < number.id && earlier.text() == number.text()));
    sheet.keep("BR-FR-MV-12_BT-128", node, !twice);
}

fn line(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let parents: Vec<_> = node.path(&PARENT).into_iter().map(Node::text).collect();
    let number_of = [AssociatedDocumentLineDocument, LineID];
    let above: Vec<_> =
        lines(context).into_iter().filter(|l| l.walk(&number_of, &mut |id| parents.contains(&id.text()))).collect();
    sheet.rule("BR-FR-MV-06_EXT-FR-FE-167", node, |line| {
        let (seller, theirs) = (plain(&line.path(&SELLER))?, plain(&down(&above, &SELLER)));
        Ok(!seller.is_empty() && (parents.is_empty() || seller == theirs?))
    });
    sheet.rule("BR-FR-MV-07_BT-128", node, |line| {
        let (number, theirs) = (plain(&stated(&[line]))?, plain(&stated(&above)));
        Ok(!number.is_empty() && (parents.is_empty() || number == theirs?))
    });
    if node.any_is(&STATUS, "DETAIL") {
        sheet.rule("BR-FR-MV-08_BT-128", node, |line| {
            let number = plain(&stated(&[line]))?;
            let reason = line.one(&[SpecifiedLineTradeSettlement, ApplicableTradeTax, ExemptionReason])?;
            let begins = reason.is_some_and(|r| !r.plain().is_empty() && r.text().starts_with(&format!("#{number}#")));
            Ok(!number.is_empty() && begins)
        });
    }
}

/// A line's tax amounts in one of the document's currencies.
fn tax_in<'d>(line: Node<'d>, context: &Context<'d>, currency: Name) -> Vec<Node<'d>> {
    let codes: Vec<_> = currencies(context, currency).into_iter().map(Node::text).collect();
    let amounts = line.path(&[TOTALS[0], TOTALS[1], TaxTotalAmount]).into_iter();
    amounts.filter(|a| a.attribute("currencyID").is_some_and(|c| codes.contains(&c))).collect()
}

fn currencies<'d>(context: &Context<'d>, currency: Name) -> Vec<Node<'d>> {
    context.root.path(&[SupplyChainTradeTransaction, ApplicableHeaderTradeSettlement, currency])
}

/// The head of a group.
fn group(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let seller = [SpecifiedLineTradeAgreement, ItemSellerTradeParty];
    sheet.rule("BR-FR-MV-03_EXT-FR-FE-164", node, |n| n.filled(&[seller[0], seller[1], Name::Name]));
    sheet.rule("BR-FR-MV-03_EXT-FR-FE-167", node, |n| n.filled(&SELLER));
    sheet.rule("BR-FR-MV-03_EXT-FR-FE-177", node, |n| n.filled(&[seller[0], seller[1], PostalTradeAddress, CountryID]));
    sheet.rule("BR-FR-MV-03_EXT-FR-FE-181", node, |n| Ok(!plain(&tax_in(n, context, InvoiceCurrencyCode))?.is_empty()));
    sheet.rule("BR-FR-MV-03_EXT-FR-FE-182", node, |n| {
        let accounting = currencies(context, TaxCurrencyCode);
        let stated = accounting.iter().any(|code| !code.text().is_empty());
        Ok(accounting.is_empty() || (stated && !plain(&tax_in(n, context, TaxCurrencyCode))?.is_empty()))
    });
    amounts(node, context, sheet);
    let sellers = context.root.path(&[
        SupplyChainTradeTransaction,
        ApplicableHeaderTradeAgreement,
        SellerTradeParty,
        SpecifiedLegalOrganization,
        ID,
    ]);
    let is_seller =
        |line: Node<'_>| line.walk(&SELLER, &mut |id| sellers.iter().any(|seller| seller.text() == id.text()));
    if is_seller(node) {
        sheet.rule("BR-FR-MV-11_BT-128", node, |n| {
            let heads: Vec<_> = lines(context).into_iter().filter(|l| is_group(*l) && is_seller(*l)).collect();
            let own = stated(&heads).iter().filter(|number| context.is_own(&number.text())).count();
            let number = plain(&stated(&[n]))?;
            let is_own = context.is_own(&number);
            let is_other = context.numbers.iter().any(|n| *n != number);
            Ok(own == 1 || (own == 0 && is_own) || (own > 1 && is_other))
        });
    }
    corrections(node, context, sheet);
}

fn amounts(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let total = [TOTALS[0], TOTALS[1], LineTotalAmount];
    sheet.rule("BR-FR-MV-05_EXT-FR-FE-BG-12", node, |n| {
        let head = n.plain_of(&[AssociatedDocumentLineDocument, LineID])?;
        let (mut sum, mut count) = (0.0, 0.0);
        for other in lines(context) {
            let status = other.path(&STATUS);
            if other.any_is(&PARENT, &head) && status.iter().any(|s| s.text() != "INFORMATION") {
                for amount in other.path(&total) {
                    sum += amount.double()?;
                    count += 1.0;
                }
            }
        }
        Ok((number(&n.path(&total))? - sum).abs() <= 0.01 * count)
    });
    sheet.rule("BR-FR-MV-09_EXT-FR-FE-181", node, |n| {
        let marker = format!("#{}#", plain(&stated(&[n]))?);
        let mut sum = 0.0;
        let entries = [SupplyChainTradeTransaction, ApplicableHeaderTradeSettlement, ApplicableTradeTax];
        for entry in context.root.path(&entries).into_iter().filter(|e| e.any_is(&[TypeCode], "VAT")) {
            if entry.one(&[ExemptionReason])?.is_some_and(|r| r.text().starts_with(&marker)) {
                for amount in entry.kids(CalculatedAmount) {
                    sum += amount.double()?;
                }
            }
        }
        Ok((number(&tax_in(n, context, InvoiceCurrencyCode))? - sum).abs() <= 0.01)
    });
    sheet.rule("BR-FR-MV-10_EXT-FR-FE-184", node, |n| {
        let with_tax = n.path(&[TOTALS[0], TOTALS[1], GrandTotalAmount]);
        if with_tax.is_empty() {
            return Ok(true);
        }
        let heads: Vec<_> = n.path(&[AssociatedDocumentLineDocument, LineID]).into_iter().map(Node::text).collect();
        let details = lines(context)
            .into_iter()
            .filter(|line| line.any_is(&STATUS, "DETAIL") && line.walk(&PARENT, &mut |id| heads.contains(&id.text())));
        let details = u32::try_from(details.count()).unwrap_or(u32::MAX);
        let net = number(&n.path(&total))?;
        let tax = number(&tax_in(n, context, InvoiceCurrencyCode))?;
        let difference = (number(&with_tax)? - net - tax).abs();
        Ok(!plain(&with_tax)?.is_empty() && difference <= 0.01 * f64::from(details))
    });
}

/// Corrections of such invoices name the invoice each group corrects.
fn corrections(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let (list, rules) = match context.special {
        Special::BothWays => {
            (lists::FR_GROUP_SELF_BILLED_CORRECTIONS, ["BR-FR-BD-14-EXT-FR-FE-136", "BR-FR-BD-14-EXT-FR-FE-138"])
        }
        _ => (lists::FR_GROUP_CORRECTIONS, ["BR-FR-MV-14-EXT-FR-FE-136", "BR-FR-MV-14-EXT-FR-FE-138"]),
    };
    let types = context.root.path(&[ExchangedDocument, TypeCode]);
    if !types.iter().any(|code| node.list(list).has(&code.text())) {
        return;
    }
    let reference = [SpecifiedLineTradeSettlement, InvoiceReferencedDocument];
    let dated = [reference[0], reference[1], FormattedIssueDateTime, QualifiedDateTimeString];
    sheet.keep(rules[0], node, node.exists(&[reference[0], reference[1], IssuerAssignedID]));
    sheet.keep(rules[1], node, node.exists(&dated));
}
