//! The French rules on invoices of many sellers (frameworks 8) or of both directions (frameworks 9), in UBL: lines form
//! groups, each an invoice within the invoice.

use super::Sheet;
use super::document::{Node, Stop, Why};
use super::french::Special;
use super::french_ubl::{Context, schemed};
use super::lists;
use super::names::Name::{self, *};

const MANUFACTURER: [Name; 4] = [Item, ManufacturerParty, PartyLegalEntity, CompanyID];

/// Holds an element of such an invoice against the rules.
pub fn check(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let both_ways = context.special == Special::BothWays;
    match node.name() {
        Invoice | CreditNote if node.is_root() => document(node, context, sheet),
        InvoiceTypeCode | CreditNoteTypeCode if node.parent().is_some_and(Node::is_root) => {
            let code = node.plain();
            let self_billed = node.list(lists::FR_SELF_BILLED).has(&code);
            if both_ways {
                sheet.keep("BR-FR-MV-BD_BT-3", node, self_billed);
            } else {
                sheet.keep("BR-FR-MV-13_BT-3", node, !code.is_empty() && !self_billed);
            }
        }
        InvoiceLine | CreditNoteLine => {
            sheet.rule("BR-FR-MV-01_EXT-FR-FE-163", node, |line| {
                let own: Vec<_> = line.kids(BillingReference).filter(|r| is_own(*r, context)).collect();
                Ok(!own.is_empty() && !plain(&down(&own, &[InvoiceDocumentReference, DocumentStatusCode]))?.is_empty())
            });
            if node.parent().is_some_and(Node::is_root) {
                line(node, context, sheet);
            }
        }
        BillingReference if is_group(node, context) && is_on_line(node) => group(node, context, sheet),
        _ => {}
    }
}

fn is_on_line(node: Node<'_>) -> bool {
    node.parent().is_some_and(|line| {
        matches!(line.name(), InvoiceLine | CreditNoteLine) && line.parent().is_some_and(Node::is_root)
    })
}

/// `[cac:InvoiceDocumentReference/cbc:ID = $invoiceID]`.
fn is_own(reference: Node<'_>, context: &Context<'_>) -> bool {
    reference.walk(&[InvoiceDocumentReference, ID], &mut |id| context.is_own(&id.text()))
}

/// A line's reference that makes it the head of a group.
fn is_group(reference: Node<'_>, context: &Context<'_>) -> bool {
    is_own(reference, context)
        && reference.any_is(&[InvoiceDocumentReference, DocumentStatusCode], "GROUP")
        && !reference.exists(&[BillingReferenceLine, ID])
}

fn lines(root: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    root.children().filter(|child| matches!(child.name(), InvoiceLine | CreditNoteLine))
}

fn down<'d>(nodes: &[Node<'d>], path: &[Name]) -> Vec<Node<'d>> {
    nodes.iter().flat_map(|node| node.path(path)).collect()
}

/// `normalize-space(a)` of elements of which there is at most one.
fn plain(nodes: &[Node<'_>]) -> Result<String, Stop> {
    match nodes {
        [] => Ok(String::new()),
        [one] => Ok(one.plain().into_owned()),
        [_, second, ..] => Err(second.stop(Why::Several)),
    }
}

/// The invoice number a line states for its group.
fn group_number(line: Node<'_>) -> Result<String, Stop> {
    plain(&stated(&[line], "AFL"))
}

/// `cac:DocumentReference[cbc:DocumentTypeCode = '130']/cbc:ID[@schemeID = …]`.
fn stated<'d>(lines: &[Node<'d>], scheme: &str) -> Vec<Node<'d>> {
    let references = lines.iter().flat_map(|line| line.kids(DocumentReference));
    let objects = references.filter(|reference| reference.any_is(&[DocumentTypeCode], "130"));
    objects.flat_map(|object| schemed(object, &[ID], scheme)).collect()
}

fn document(root: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let groups: Vec<Node<'_>> =
        lines(root).flat_map(|line| line.kids(BillingReference)).filter(|r| is_group(*r, context)).collect();
    if context.special == Special::ManySellers {
        sheet.keep("BR-FR-MV-02_EXT-FR-FE-163", root, !groups.is_empty());
    } else {
        let of = |party: Name| {
            let own = root.path(&[party, Party, PartyLegalEntity, CompanyID]);
            let is_theirs = |group: &&Node<'_>| {
                group.parent().is_some_and(|line| {
                    line.walk(&MANUFACTURER, &mut |maker| own.iter().any(|id| id.text() == maker.text()))
                })
            };
            groups.iter().filter(is_theirs).count()
        };
        sheet.keep("BR-FR-BD-02_EXT-FR-FE-163", root, groups.len() == 2);
        sheet.keep("BR-FR-BD-02_BT-30", root, of(AccountingSupplierParty) == 1);
        sheet.keep("BR-FR-BD-02_BT-47", root, of(AccountingCustomerParty) == 1);
    }
    let heads: Vec<Node<'_>> =
        lines(root).filter(|line| line.kids(BillingReference).any(|r| is_group(r, context))).collect();
    let all: Vec<Node<'_>> = root
        .document()
        .all(DocumentReference)
        .filter(|reference| reference.any_is(&[DocumentTypeCode], "130"))
        .flat_map(|object| schemed(object, &[ID], "AFL"))
        .collect();
    let twice = stated(&heads, "AFL")
        .iter()
        .any(|number| all.iter().any(|earlier| earlier.id < number.id && earlier.text() == number.text()));
    sheet.keep("BR-FR-MV-12_BT-128", root, !twice);
}

fn line(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let root = context.root;
    let own: Vec<_> = node.kids(BillingReference).filter(|r| is_own(*r, context)).collect();
    let parents: Vec<_> = down(&own, &[BillingReferenceLine, ID]).iter().map(|id| id.text()).collect();
    let above: Vec<_> = lines(root).filter(|l| l.kids(ID).any(|id| parents.contains(&id.text()))).collect();
    sheet.rule("BR-FR-MV-06_EXT-FR-FE-167", node, |line| {
        let (maker, theirs) = (plain(&line.path(&MANUFACTURER))?, plain(&down(&above, &MANUFACTURER)));
        Ok(!maker.is_empty() && (parents.is_empty() || maker == theirs?))
    });
    sheet.rule("BR-FR-MV-07_BT-128", node, |line| {
        let (number, theirs) = (group_number(line)?, plain(&stated(&above, "AFL")));
        Ok(!number.is_empty() && (parents.is_empty() || number == theirs?))
    });
    let detail = |r: &Node<'_>| r.any_is(&[InvoiceDocumentReference, DocumentStatusCode], "DETAIL");
    if own.iter().any(detail) {
        sheet.rule("BR-FR-MV-08_BT-128", node, |line| {
            let number = group_number(line)?;
            let reason = line.one(&[Item, ClassifiedTaxCategory, TaxExemptionReason])?;
            let begins = reason.is_some_and(|r| !r.plain().is_empty() && r.text().starts_with(&format!("#{number}#")));
            Ok(!number.is_empty() && begins)
        });
    }
}

/// The head of a group.
fn group(node: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let Some(line) = node.parent() else { return };
    let root = context.root;
    let filled = |path: &[Name]| Ok(!plain(&line.path(path))?.is_empty());
    sheet.rule("BR-FR-MV-03_EXT-FR-FE-164", node, |_| {
        filled(&[Item, ManufacturerParty, PartyLegalEntity, RegistrationName])
    });
    sheet.rule("BR-FR-MV-03_EXT-FR-FE-167", node, |_| filled(&MANUFACTURER));
    sheet.rule("BR-FR-MV-03_EXT-FR-FE-177", node, |_| {
        filled(&[Item, ManufacturerParty, PostalAddress, Country, IdentificationCode])
    });
    sheet.rule(
        "BR-FR-MV-03_EXT-FR-FE-181",
        node,
        |_| Ok(!plain(&tax_in(line, root, DocumentCurrencyCode))?.is_empty()),
    );
    sheet.rule("BR-FR-MV-03_EXT-FR-FE-182", node, |_| {
        let accounting = root.document().all(TaxCurrencyCode).any(|code| !code.text().is_empty());
        let none = root.document().all(TaxCurrencyCode).len() == 0;
        Ok(none || (accounting && !plain(&tax_in(line, root, TaxCurrencyCode))?.is_empty()))
    });
    sheet.rule("BR-FR-MV-03_BT-128_AFL", node, |_| Ok(!group_number(line)?.is_empty()));
    sheet.rule("BR-FR-MV-03_BT-128_AVV", node, |_| {
        let frames = stated(&[line], "AVV");
        Ok(!plain(&frames)?.is_empty() && !frames.iter().any(|f| matches!(&*f.text(), "M8" | "S8" | "B8")))
    });
    amounts(node, line, context, sheet);
    sheet.rule("BR-FR-MV-11_BT-128", node, |_| {
        let sellers = root.path(&[AccountingSupplierParty, Party, PartyLegalEntity, CompanyID]);
        let is_seller = |line: Node<'_>| -> Result<bool, Stop> {
            let maker = plain(&line.path(&MANUFACTURER))?;
            Ok(sellers.iter().any(|seller| seller.text() == maker))
        };
        if !is_seller(line)? {
            return Ok(true);
        }
        let mut own = 0;
        for other in lines(root) {
            if is_seller(other)?
                && other.kids(BillingReference).any(|r| is_group(r, context))
                && stated(&[other], "AFL").iter().any(|number| context.is_own(&number.text()))
            {
                own += 1;
            }
        }
        let number = group_number(line)?;
        let is_own = context.is_own(&number);
        let is_other = context.numbers.iter().any(|n| *n != number);
        Ok(own == 1 || (own == 0 && is_own) || (own > 1 && is_other))
    });
    corrections(node, line, context, sheet);
}

/// A line's tax amounts in one of the document's currencies.
fn tax_in<'d>(line: Node<'d>, root: Node<'d>, currency: Name) -> Vec<Node<'d>> {
    let codes: Vec<_> = match currency {
        DocumentCurrencyCode => root.kids(currency).map(Node::text).collect(),
        _ => root.document().all(currency).map(Node::text).collect(),
    };
    let amounts = line.path(&[TaxTotal, TaxAmount]).into_iter();
    amounts.filter(|a| a.attribute("currencyID").is_some_and(|c| codes.contains(&c))).collect()
}

/// `number(a)` of elements of which there is at most one.
fn number(nodes: &[Node<'_>]) -> Result<f64, Stop> {
    match nodes {
        [] => Ok(f64::NAN),
        [one] => Ok(super::number::double(&one.text()).unwrap_or(f64::NAN)),
        [_, second, ..] => Err(second.stop(Why::Several)),
    }
}

fn amounts(node: Node<'_>, line: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let root = context.root;
    sheet.rule("BR-FR-MV-05_EXT-FR-FE-BG-12", node, |_| {
        let head = plain(&line.path(&[ID]))?;
        let (mut sum, mut count) = (0.0, 0.0);
        for other in lines(root) {
            let part = other.kids(BillingReference).any(|r| {
                let status = r.path(&[InvoiceDocumentReference, DocumentStatusCode]);
                is_own(r, context)
                    && status.iter().any(|s| s.text() != "INFORMATION")
                    && r.any_is(&[BillingReferenceLine, ID], &head)
            });
            for amount in other.kids(LineExtensionAmount).filter(|_| part) {
                sum += amount.double()?;
                count += 1.0;
            }
        }
        Ok((number(&line.path(&[LineExtensionAmount]))? - sum).abs() <= 0.01 * count)
    });
    sheet.rule("BR-FR-MV-09_EXT-FR-FE-181", node, |_| {
        let marker = format!("#{}#", group_number(line)?);
        let mut sum = 0.0;
        for subtotal in root.path(&[TaxTotal, TaxSubtotal]) {
            let vat = subtotal.any_is(&[TaxCategory, TaxScheme, ID], "VAT");
            if !vat {
                continue;
            }
            let reason = subtotal.one(&[TaxCategory, TaxExemptionReason])?;
            if reason.is_some_and(|r| r.text().starts_with(&marker)) {
                for amount in subtotal.kids(TaxAmount) {
                    sum += amount.double()?;
                }
            }
        }
        Ok((number(&tax_in(line, root, DocumentCurrencyCode))? - sum).abs() <= 0.01)
    });
    sheet.rule("BR-FR-MV-10_EXT-FR-FE-184", node, |_| {
        let with_tax = line.path(&[TaxInclusiveLineExtensionAmount]);
        if with_tax.is_empty() {
            return Ok(true);
        }
        let heads: Vec<_> = line.kids(ID).map(Node::text).collect();
        let details = lines(root).flat_map(|l| l.kids(BillingReference)).filter(|r| {
            is_own(*r, context)
                && r.any_is(&[InvoiceDocumentReference, DocumentStatusCode], "DETAIL")
                && r.walk(&[BillingReferenceLine, ID], &mut |id| heads.contains(&id.text()))
        });
        let details = u32::try_from(details.count()).unwrap_or(u32::MAX);
        let net = number(&line.path(&[LineExtensionAmount]))?;
        let tax = number(&tax_in(line, root, DocumentCurrencyCode))?;
        let difference = (number(&with_tax)? - net - tax).abs();
        Ok(!plain(&with_tax)?.is_empty() && difference <= 0.01 * f64::from(details))
    });
}

/// Corrections of such invoices name the invoice each group corrects.
fn corrections(node: Node<'_>, line: Node<'_>, context: &Context<'_>, sheet: &mut Sheet) {
    let root = context.root;
    let (list, rules) = match context.special {
        Special::BothWays => {
            (lists::FR_GROUP_SELF_BILLED_CORRECTIONS, ["BR-FR-BD-14-EXT-FR-FE-136", "BR-FR-BD-14-EXT-FR-FE-138"])
        }
        _ => (lists::FR_GROUP_CORRECTIONS, ["BR-FR-MV-14-EXT-FR-FE-136", "BR-FR-MV-14-EXT-FR-FE-138"]),
    };
    let types = root.kids(InvoiceTypeCode).chain(root.kids(CreditNoteTypeCode));
    if !types.into_iter().any(|code| node.list(list).has(&code.text())) {
        return;
    }
    let others = line.kids(BillingReference).filter(|r| {
        let ids = r.path(&[InvoiceDocumentReference, ID]);
        ids.iter().any(|id| context.numbers.iter().any(|number| *number != id.text()))
    });
    let others: Vec<_> = others.collect();
    sheet.keep(rules[0], node, !down(&others, &[InvoiceDocumentReference, ID]).is_empty());
    sheet.keep(rules[1], node, !down(&others, &[InvoiceDocumentReference, IssueDate]).is_empty());
}
