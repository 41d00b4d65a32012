//! The syntaxes that Chorus Pro lists and the European standard does not know: xCBL, PES, and its own CPPFactureMixte.
//!
//! They are passed on as they came. What is read of them is only what the gateway needs to follow an invoice and to look
//! it up after a lost answer (number, date, parties, amount); everything else is for Chorus Pro to judge, and the finding
//! `FG-UNCHECKED` says so. No schema of theirs is public any more: names are those of the pivot (PROTOCOL §4) and of
//! xCBL 4.0.

use super::outline::{Id, Outline};
use super::rules::Findings;
use super::{Examined, Facts, Options, Severity, Syntax, chorus_rules};

/// Says what there is to say about such a document.
pub fn examine(syntax: Syntax, outline: &Outline<'_>, size: usize, signed: bool, options: &Options) -> Examined {
    let mut all = match syntax {
        Syntax::Xcbl => vec![xcbl(outline)],
        Syntax::CppMixed => mixed(outline),
        _ => Vec::new(),
    };
    let mut findings = Findings::new(outline, options);
    let root = outline.name(Id::ROOT);
    findings.own("FG-UNCHECKED", Severity::Warning, root.to_owned(), &[("value", root)]);
    if syntax == Syntax::Pes {
        findings.own("FG-WITHDRAWN", Severity::Warning, root.to_owned(), &[]);
    } else if all.is_empty() || all.iter().any(|facts| facts.number.is_none()) {
        // Without a number nothing could be asked about it afterwards.
        findings.own("CPRO-NUMBER", Severity::Fatal, root.to_owned(), &[]);
    }
    for facts in &all {
        chorus_rules::check_numbers(facts, options.profile, &mut findings);
    }
    chorus_rules::check_file_size(size, options.profile, &mut findings);
    chorus_rules::check_size(size, &mut findings);
    let others = all.split_off(all.len().min(1));
    let facts = all.pop().unwrap_or_default();
    Examined { others, signed, ..findings.conclude(Some(syntax), facts) }
}

fn xcbl(outline: &Outline<'_>) -> Facts {
    let header = |path: &[&str]| {
        let start = outline.find(Id::ROOT, &["InvoiceHeader"])?;
        outline.text_at(start, path)
    };
    let party = |name: &'static str, path: &[&str]| {
        let whole: Vec<&str> = ["InvoiceParty", name].into_iter().chain(path.iter().copied()).collect();
        header(&whole).unwrap_or_default()
    };
    let total =
        |name: &'static str| outline.text_at(Id::ROOT, &["InvoiceSummary", "InvoiceTotals", name, "MonetaryAmount"]);
    let credit = header(&["InvoiceType", "InvoiceTypeCoded"]).is_some_and(|code| code == "CreditInvoice");
    Facts {
        number: header(&["InvoiceNumber"]).and_then(|number| number.parse().ok()),
        type_code: if credit { "381" } else { "380" }.to_owned(),
        issue_date: header(&["InvoiceIssueDate"]).map(|date| date.chars().take(10).collect()),
        supplier: party("SellerParty", &["PartyID", "Ident"]),
        supplier_name: party("SellerParty", &["NameAddress", "Name1"]),
        recipient: party("BuyerParty", &["PartyID", "Ident"]),
        recipient_name: party("BuyerParty", &["NameAddress", "Name1"]),
        payable: total("TotalAmountPayable").or_else(|| total("InvoiceTotal")),
        currency: header(&["InvoiceCurrency", "Currency", "CurrencyCoded"]),
        ..Facts::default()
    }
}

/// Every invoice of a CPPFactureMixte.
fn mixed(outline: &Outline<'_>) -> Vec<Facts> {
    let Some(list) = outline.find(Id::ROOT, &["CPPFactures"]) else { return Vec::new() };
    let units = outline.named(list, "CPPFactureMixteUnitaire");
    units
        .map(|unit| {
            let text = |path: &[&str]| outline.text_at(unit, path);
            let data = |name: &'static str| text(&["DonneesFacture", name]);
            Facts {
                number: data("Id").and_then(|number| number.parse().ok()),
                type_code: data("Type").unwrap_or_default(),
                issue_date: data("DateEmissionFacture"),
                supplier: text(&["Fournisseur", "Identifiant"]).unwrap_or_default(),
                supplier_name: text(&["Fournisseur", "RaisonSociale"]).unwrap_or_default(),
                recipient: text(&["Debiteur", "Identifiant"]).unwrap_or_default(),
                recipient_name: text(&["Debiteur", "Nom"]).unwrap_or_default(),
                payable: text(&["DonneesFacture", "Montants", "MontantNetAPayer"]),
                currency: data("Devise"),
                engagement: text(&["DonneesFacture", "Engagement", "NumeroEngagement"]),
                contract: text(&["DonneesFacture", "Engagement", "NumeroMarche"]),
                service_code: text(&["Debiteur", "CodeService"]),
                frame: data("Cadre"),
                preceding: Vec::new(),
                attachments: Vec::new(),
            }
        })
        .collect()
}
