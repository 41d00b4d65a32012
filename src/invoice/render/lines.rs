//! The invoice lines, one row each: what was bought above, all that is known of it below in small print.

use en16931::extensions::SubInvoiceLine;
use en16931::invoice::{Code, InvoiceLine, Item, LineAllowanceCharge, LineVat, PriceDetails};
use en16931::{Identifier, Invoice};
use rust_decimal::Decimal;

use super::figures::{self, THIN};
use super::letters::{self, Ink, Weight};
use super::phrases::{Row, close, coded, columns, heading, plain, remark, said, section, small, table};
use super::sheet::{Align, BODY, Carried, Cell, Look, Paragraph, Sheet};
use super::unsaid::{NOTHING, Unsaid};
use super::{head, labels};

/// Of the table, and the place among them of what was bought.
const COLUMNS: usize = 6;
const DESCRIPTION: usize = 1;

pub fn lay(sheet: &mut Sheet, invoice: &Invoice, unsaid: &Unsaid) {
    let count = invoice.lines.len();
    let whose = if head::kind(invoice).starts_with("Avoir") { "de l'avoir" } else { "de la facture" };
    let title = match count {
        0 => format!("Lignes {whose}"),
        1 => format!("Ligne {whose}"),
        _ => format!("Lignes {whose} ({})", figures::number(Decimal::from(count), 0)),
    };
    if invoice.lines.is_empty() {
        section(sheet, &title, |sheet| {
            let words = plain(sheet, "L'original ne contient aucune ligne.");
            vec![sheet.paragraph(words, Look::PLAIN)]
        });
        return;
    }
    use Align::{Left, Right};
    let amount = head::titled("Montant HT", invoice);
    let head = ["N°", "Désignation", "Quantité", "Prix unit. HT", "TVA", amount.as_str()];
    let listed = listed(invoice);
    let columns = columns(&widths(sheet, &head, &listed, unsaid), &[Left, Left, Right, Right, Right, Right]);
    let mut sum = Some(Decimal::ZERO);
    let rows = listed.iter().enumerate().map(|(at, line)| {
        sum = sum.and_then(|sum| with(sum, line, at, unsaid));
        move |sheet: &mut Sheet| Row {
            cells: row(sheet, line, at, unsaid),
            carried: sum.map(|sum| carried(sheet, sum)),
        }
    });
    let parts = table(sheet, &title, &columns, &head, rows);
    close(sheet, parts);
}

/// The columns in points: those of short texts as wide as these, and what that leaves is the description's.
fn widths(sheet: &mut Sheet, head: &[&str; COLUMNS], listed: &[Listed<'_>], unsaid: &Unsaid) -> [f32; COLUMNS] {
    /// A column is no wider than this; together they fill the page.
    const AT_MOST: [f32; COLUMNS] = [36.0, 212.0, 70.0, 70.0, 48.0, 75.0];
    const GAP: f32 = 4.0;
    let mut widest: [f32; COLUMNS] = [0.0; COLUMNS];
    let mut measure = |cells: &[Cell]| {
        for (widest, cell) in widest.iter_mut().zip(cells) {
            *widest = cell.iter().map(natural).fold(*widest, f32::max);
        }
    };
    measure(&head.map(|title| vec![heading(sheet, title)]));
    for (at, line) in listed.iter().enumerate() {
        measure(&cells(sheet, line, at, unsaid, Vec::new()));
    }
    let mut widths = AT_MOST;
    for ((width, widest), at_most) in widths.iter_mut().zip(widest).zip(AT_MOST) {
        *width = (widest + 2.0 * Look::TABLE.inset + GAP).min(at_most);
    }
    let others: f32 = widths.iter().sum::<f32>() - widths[DESCRIPTION];
    widths[DESCRIPTION] = AT_MOST.iter().sum::<f32>() - others;
    widths
}

/// How wide a paragraph is on one line.
fn natural(paragraph: &Paragraph) -> f32 {
    paragraph.runs.iter().map(|run| letters::width(&run.text, run.style)).sum()
}

/// What the lines come to with this one, if its amount can be read.
fn with(sum: Decimal, listed: &Listed<'_>, at: usize, unsaid: &Unsaid) -> Option<Decimal> {
    match unsaid.instead(("BT-131", at, 0)) {
        // What a line is made of is in its amount already.
        _ if listed.is_part => Some(sum),
        None => sum.checked_add(listed.line.net_amount.into_decimal()),
        Some(_) => None,
    }
}

fn carried(sheet: &mut Sheet, sum: Decimal) -> Carried {
    let mut said = |label: &str| {
        let mut label = sheet.run(label, Weight::Regular, BODY, Ink::Muted);
        label.text.push_str("\u{A0}: ");
        let sum = sheet.run(&figures::number(sum, 2), Weight::Bold, BODY, Ink::Dark);
        Paragraph { runs: vec![label, sum], before: 0.0 }
    };
    Carried { foot: said("À reporter"), head: said("Report") }
}

/// A line of the invoice, or one that a line is made of.
pub struct Listed<'i> {
    pub line: &'i InvoiceLine,
    vat: &'i LineVat,
    is_part: bool,
}

/// The lines in order, each followed by those it is made of (BG-DEX-01).
pub fn listed(invoice: &Invoice) -> Vec<Listed<'_>> {
    let mut listed = Vec::new();
    for (at, line) in invoice.lines.iter().enumerate() {
        listed.push(Listed { line, vat: &line.vat, is_part: false });
        parts(invoice.extensions.sub_lines(at), &mut listed);
    }
    listed
}

fn parts<'i>(lines: &'i [SubInvoiceLine], listed: &mut Vec<Listed<'i>>) {
    for part in lines {
        let vat = part.vat.as_ref().unwrap_or(&part.line.vat);
        listed.push(Listed { line: &part.line, vat, is_part: true });
        parts(&part.children, listed);
    }
}

/// How many rows the table has.
pub fn count(invoice: &Invoice) -> usize {
    listed(invoice).len()
}

fn row(sheet: &mut Sheet, listed: &Listed<'_>, at: usize, unsaid: &Unsaid) -> Vec<Cell> {
    let description = description(sheet, listed, at, unsaid);
    cells(sheet, listed, at, unsaid, description).into()
}

fn cells(sheet: &mut Sheet, listed: &Listed<'_>, at: usize, unsaid: &Unsaid, description: Cell) -> [Cell; COLUMNS] {
    let line = listed.line;
    let number = plain(sheet, &line.id);
    let counted = || quantity(line.quantity.into_decimal(), line.unit_code.as_str());
    let quantity = plain(sheet, &unsaid.or(("BT-129", at, 0), counted));
    let amount = unsaid.or(("BT-131", at, 0), || figures::amount(line.net_amount));
    // What a line is made of is in its amount already.
    let amount = if listed.is_part { small(sheet, &format!("dont {amount}")) } else { plain(sheet, &amount) };
    [
        vec![number],
        description,
        vec![quantity],
        price(sheet, line, unsaid.instead(("BT-146", at, 0))),
        vat(sheet, listed.vat),
        vec![amount],
    ]
}

/// `3 heures`.
fn quantity(value: Decimal, unit: &str) -> String {
    let number = figures::number(value, 0);
    match labels::unit(unit) {
        Some((one, _)) if value.abs() < Decimal::TWO => format!("{number} {one}"),
        Some((_, several)) => format!("{number} {several}"),
        None => format!("{number} {unit}"),
    }
}

fn price(sheet: &mut Sheet, line: &InvoiceLine, instead: Option<&str>) -> Cell {
    let PriceDetails { net_price, price_discount, gross_price, base_quantity, base_quantity_code } = &line.price;
    let net = instead.map_or_else(|| figures::number(net_price.into_decimal(), 2), str::to_owned);
    let mut cell = vec![plain(sheet, &net)];
    if let Some(base) = base_quantity.map(|base| base.into_decimal()).filter(|base| *base != Decimal::ONE) {
        let unit = base_quantity_code.as_ref().unwrap_or(&line.unit_code);
        cell.push(small(sheet, &format!("pour {}", quantity(base, unit.as_str()))));
    }
    if let Some(gross) = gross_price {
        cell.push(remark(sheet, "brut", &figures::number(gross.into_decimal(), 2)));
    }
    if let Some(discount) = price_discount {
        cell.push(remark(sheet, "rabais", &figures::number(discount.into_decimal(), 2)));
    }
    cell
}

/// The rate; for all that is not taxed as usual, the category too.
pub fn vat(sheet: &mut Sheet, vat: &LineVat) -> Cell {
    let mut cell = Vec::new();
    if let Some(rate) = vat.rate {
        cell.push(plain(sheet, &figures::percent(rate.into_decimal())));
    }
    let category = vat.category.as_str();
    if category != "S" || cell.is_empty() {
        cell.push(small(sheet, if category.trim().is_empty() { NOTHING } else { category }));
    }
    cell
}

fn description(sheet: &mut Sheet, listed: &Listed<'_>, at: usize, unsaid: &Unsaid) -> Cell {
    let line = listed.line;
    let Item { name, description, .. } = &line.item;
    let name = said(name.as_deref()).unwrap_or("sans désignation");
    let mut cell = vec![match listed.is_part {
        true => plain(sheet, &format!("↳ {name}")),
        false => plain(sheet, name),
    }];
    if let Some(text) = said(description.as_deref()).filter(|text| *text != name) {
        cell.push(small(sheet, text));
    }
    if let Some(note) = said(line.note.as_deref()) {
        cell.push(remark(sheet, "Note", note));
    }
    if let Some(period) = line.period.as_ref().and_then(figures::period) {
        cell.push(remark(sheet, "Période", &period));
    }
    identifiers(sheet, &mut cell, line);
    for attribute in &line.item.attributes {
        let name = said(attribute.name.as_deref()).unwrap_or("Attribut");
        cell.push(remark(sheet, name, attribute.value.as_deref().unwrap_or_default()));
    }
    for (nth, allowance) in line.allowances.iter().enumerate() {
        let text = change(allowance, labels::allowance, true, unsaid.instead(("BT-136", at, nth)));
        cell.push(remark(sheet, "Remise", &text));
    }
    for (nth, charge) in line.charges.iter().enumerate() {
        let text = change(charge, labels::charge, false, unsaid.instead(("BT-141", at, nth)));
        cell.push(remark(sheet, "Frais", &text));
    }
    cell
}

/// References of the item and of the line, in one small paragraph.
fn identifiers(sheet: &mut Sheet, cell: &mut Cell, line: &InvoiceLine) {
    let item = &line.item;
    let schemed = |id: &Identifier| match id.scheme() {
        Some(scheme) => format!("{} ({}{})", id.content(), coded(scheme, labels::scheme(scheme)), version(id)),
        None => id.content().to_owned(),
    };
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut add = |label, value: Option<&str>| found.extend(said(value).map(|value| (label, value.to_owned())));
    add("Réf. vendeur", item.seller_identifier.as_deref());
    add("Réf. acheteur", item.buyer_identifier.as_deref());
    add("Ligne de commande", line.order_line_reference.as_ref().map(|reference| reference.as_str()));
    add("Imputation", line.accounting_reference.as_deref());
    found.extend(item.standard_identifier.iter().map(|id| ("Code article", schemed(id))));
    found.extend(item.classification_identifiers.iter().map(|id| ("Classification", schemed(id))));
    found.extend(line.object_identifier.iter().map(|id| ("Objet", schemed(id))));
    let origin = item.origin_country.as_ref().map(Code::as_str);
    found.extend(origin.map(|code| ("Origine", labels::country(code).unwrap_or(code).to_owned())));
    if !found.is_empty() {
        let parts: Vec<String> = found.into_iter().map(|(label, value)| format!("{label} {value}")).collect();
        cell.push(small(sheet, &parts.join(" · ")));
    }
}

fn version(id: &Identifier) -> String {
    id.scheme_version().map(|version| format!(", version {version}")).unwrap_or_default()
}

/// `-1,50 · Remise fidélité · 10 % de 15,00`.
fn change(
    change: &LineAllowanceCharge,
    label: fn(&str) -> Option<&'static str>,
    is_less: bool,
    instead: Option<&str>,
) -> String {
    let LineAllowanceCharge { amount, base_amount, percentage, reason, reason_code } = change;
    let signed = if is_less { -amount.into_decimal() } else { amount.into_decimal() };
    let mut parts = vec![instead.map_or_else(|| figures::number(signed, 2), str::to_owned)];
    parts.extend(why(reason.as_deref(), reason_code.as_ref(), label));
    parts.extend(share(percentage.map(|found| found.into_decimal()), base_amount.map(|found| found.into_decimal())));
    parts.join(" · ")
}

/// The reason in words, and its code or what that means.
pub fn why(text: Option<&str>, code: Option<&Code>, label: fn(&str) -> Option<&'static str>) -> Option<String> {
    match (said(text), code.map(Code::as_str)) {
        (Some(text), Some(code)) => Some(format!("{text} ({code})")),
        (Some(text), None) => Some(text.to_owned()),
        (None, Some(code)) => Some(coded(code, label(code))),
        (None, None) => None,
    }
}

/// `10 % de 15,00`.
pub fn share(percentage: Option<Decimal>, base: Option<Decimal>) -> Option<String> {
    match (percentage, base) {
        (Some(percentage), Some(base)) => {
            Some(format!("{} de {}", figures::percent(percentage), figures::number(base, 2)))
        }
        (Some(percentage), None) => Some(figures::percent(percentage)),
        (None, Some(base)) => Some(format!("base{THIN}{}", figures::number(base, 2))),
        (None, None) => None,
    }
}
