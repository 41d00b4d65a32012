//! What is owed: allowances and charges on the whole, VAT by category and rate, the totals, and how to pay.

use en16931::invoice::{
    Code, CreditTransfer, DirectDebit, DocumentAllowanceCharge, DocumentTotals, PaymentCard, PaymentInstructions,
    PaymentMeans, VatBreakdown,
};
use en16931::{DocumentKind, Invoice, InvoiceAmount};

use super::figures;
use super::letters::{Ink, Weight};
use super::lines;
use super::phrases::{TITLE, close, coded, columns, labelled, one, plain, said, section, small, table};
use super::sheet::{Align, Branch, Cell, Column, Look, MARGIN, Paint, Paragraph, ROOM, Role, Sheet};
use super::unsaid::{NOTHING, Unsaid};
use super::{head, labels};

pub fn lay(sheet: &mut Sheet, invoice: &Invoice, unsaid: &Unsaid) {
    changes(sheet, invoice, unsaid);
    vat(sheet, invoice, unsaid);
    totals(sheet, invoice, unsaid);
    paid(sheet, invoice);
    if let Some(payment) = &invoice.payment {
        self::payment(sheet, payment, invoice.payment_terms.as_deref());
    } else if let Some(terms) = said(invoice.payment_terms.as_deref()) {
        section(sheet, "Paiement", |sheet| {
            let line = labelled(sheet, "Conditions", terms);
            vec![sheet.paragraph(line, Look::PLAIN)]
        });
    }
}

fn changes(sheet: &mut Sheet, invoice: &Invoice, unsaid: &Unsaid) {
    if invoice.allowances.is_empty() && invoice.charges.is_empty() {
        return;
    }
    use Align::{Left, Right};
    let columns = columns(&[70.0, 190.0, 128.0, 48.0, 75.0], &[Left, Left, Left, Right, Right]);
    let amount = head::titled("Montant HT", invoice);
    let instead = |term, nth| unsaid.instead((term, 0, nth));
    let allowances = invoice.allowances.iter().enumerate().map(|(nth, one)| (one, true, instead("BT-92", nth)));
    let charges = invoice.charges.iter().enumerate().map(|(nth, one)| (one, false, instead("BT-99", nth)));
    let rows = allowances
        .chain(charges)
        .map(|(change, is_less, instead)| move |sheet: &mut Sheet| self::change(sheet, change, is_less, instead));
    let head = ["Nature", "Motif", "Calcul", "TVA", &amount];
    let parts = table(sheet, "Remises et frais sur l'ensemble", &columns, &head, rows);
    close(sheet, parts);
}

fn change(sheet: &mut Sheet, change: &DocumentAllowanceCharge, is_less: bool, instead: Option<&str>) -> Vec<Cell> {
    let DocumentAllowanceCharge { amount, base_amount, percentage, vat, reason, reason_code } = change;
    let (kind, label, signed) = match is_less {
        true => ("Remise", labels::allowance as fn(&str) -> Option<&'static str>, -amount.into_decimal()),
        false => ("Frais", labels::charge as fn(&str) -> Option<&'static str>, amount.into_decimal()),
    };
    let why = lines::why(reason.as_deref(), reason_code.as_ref(), label).unwrap_or_default();
    let share =
        lines::share(percentage.map(|found| found.into_decimal()), base_amount.map(|found| found.into_decimal()));
    let texts = [kind, &why, &share.unwrap_or_default()].map(|text| vec![plain(sheet, text)]);
    let mut cells: Vec<Cell> = texts.into();
    cells.push(lines::vat(sheet, vat));
    let amount = instead.map_or_else(|| figures::number(signed, 2), str::to_owned);
    cells.push(vec![plain(sheet, &amount)]);
    cells
}

fn vat(sheet: &mut Sheet, invoice: &Invoice, unsaid: &Unsaid) {
    if invoice.vat_breakdown.is_empty() {
        return;
    }
    use Align::{Left, Right};
    let columns = columns(&[298.0, 55.0, 79.0, 79.0], &[Left, Right, Right, Right]);
    let (base, tax) = (head::titled("Base HT", invoice), head::titled("TVA", invoice));
    let parts = invoice.vat_breakdown.iter().enumerate();
    let rows = parts.map(|(at, part)| move |sheet: &mut Sheet| vat_row(sheet, part, at, unsaid));
    let head = ["Catégorie", "Taux", &base, &tax];
    let parts = table(sheet, "TVA par catégorie et par taux", &columns, &head, rows);
    close(sheet, parts);
}

fn vat_row(sheet: &mut Sheet, part: &VatBreakdown, at: usize, unsaid: &Unsaid) -> Vec<Cell> {
    let code = part.category.as_str();
    let category = coded(code, labels::vat_category(code));
    let mut category = vec![plain(sheet, &category)];
    if let Some(reason) = said(part.exemption_reason.as_deref()) {
        category.push(small(sheet, reason));
    }
    if let Some(code) = part.exemption_reason_code.as_ref().map(Code::as_str) {
        category.push(small(sheet, &coded(code, labels::exemption(code).as_deref())));
    }
    // What is not subject to VAT (O) has no rate.
    let without = if code == "O" { "sans" } else { NOTHING };
    let rate = part.rate.map(|rate| figures::percent(rate.into_decimal())).unwrap_or_else(|| without.to_owned());
    let base = unsaid.or(("BT-116", at, 0), || figures::amount(part.taxable_amount));
    let tax = unsaid.or(("BT-117", at, 0), || figures::amount(part.tax_amount));
    let figures = [rate, base, tax];
    let mut cells = vec![category];
    cells.extend(figures.map(|figure| vec![plain(sheet, &figure)]));
    cells
}

/// On the right, so that the figures stand below those of the tables.
fn totals(sheet: &mut Sheet, invoice: &Invoice, unsaid: &Unsaid) {
    const WIDTH: f32 = 268.0;
    const FIGURES: f32 = 110.0;
    let x = MARGIN + ROOM - WIDTH;
    let columns = [
        Column { x, width: WIDTH - FIGURES, align: Align::Left },
        Column { x: x + WIDTH - FIGURES, width: FIGURES, align: Align::Right },
    ];
    let currency = head::currency(invoice);
    let rows = total_rows(invoice, unsaid);
    let height = 20.0;
    sheet.need(f32::from(u8::try_from(rows.len()).unwrap_or(u8::MAX)) * 18.0 + 40.0 + height);
    let mut parts = vec![sheet.heading("Totaux", 2, TITLE)];
    let mut body = Vec::new();
    for (label, value, is_strong) in rows {
        let weight = if is_strong { Weight::Bold } else { Weight::Regular };
        let cells = [label, value.as_str()].map(|text| vec![one(sheet, text, weight, 8.6, Ink::Dark)]);
        body.push(sheet.table_row(&columns, &cells, Look::TABLE, true));
    }
    let due = unsaid.or(("BT-115", 0, 0), || figures::money(invoice.totals.due, currency));
    let mut cells: Vec<Cell> = vec![vec![one(sheet, "Net à payer", Weight::Bold, 12.0, Ink::White)]];
    cells.push(vec![one(sheet, &due, Weight::Bold, 13.0, Ink::White)]);
    let look = Look { above: 6.0, below: 6.5, fill: Some(Paint::Accent), rule: false, ..Look::TABLE };
    body.push(sheet.table_row(&columns, &cells, look, true));
    parts.push(Branch::Group(Role::Table, vec![Branch::Group(Role::TableBody, body)]));
    if is_credit(invoice) {
        let words = "Avoir : ce net est dû par le vendeur ou vient en déduction.";
        let mut words = small(sheet, words);
        words.before = 0.0;
        let column = Column { x, width: WIDTH, align: Align::Right };
        sheet.space(3.0);
        parts.extend(sheet.side_by_side(&[column], &[vec![words]], Look::PLAIN));
    }
    sheet.push(Branch::Group(Role::Section, parts));
    sheet.space(10.0);
}

fn is_credit(invoice: &Invoice) -> bool {
    let code = invoice.type_code.as_ref().map(Code::as_str);
    invoice.kind == DocumentKind::CreditNote || code.is_some_and(labels::is_credit)
}

/// Label, value, whether it stands out. What may be left out, and is, has no row.
fn total_rows(invoice: &Invoice, unsaid: &Unsaid) -> Vec<(&'static str, String, bool)> {
    let DocumentTotals {
        line_total,
        allowance_total,
        charge_total,
        taxable_total,
        vat_total,
        vat_total_accounting,
        gross_total,
        paid,
        rounding,
        ..
    } = invoice.totals;
    let currency = head::currency(invoice);
    let vat_currency = invoice.vat_accounting_currency.as_ref().map(Code::as_str).unwrap_or_default();
    let more = |amount: InvoiceAmount| figures::money(amount, currency);
    let less = |amount: InvoiceAmount| figures::with_sign(&figures::number(-amount.into_decimal(), 2), currency);
    let accounted = |amount: InvoiceAmount| figures::money(amount, vat_currency);
    let rows = [
        ("BT-106", "Total des lignes HT", Some(more(line_total)), false),
        ("BT-107", "Remises", allowance_total.map(less), false),
        ("BT-108", "Frais", charge_total.map(more), false),
        ("BT-109", "Total HT", Some(more(taxable_total)), true),
        ("BT-110", "TVA", vat_total.map(more), false),
        ("BT-111", "TVA en devise de comptabilisation", vat_total_accounting.map(accounted), false),
        ("BT-112", "Total TTC", Some(more(gross_total)), true),
        ("BT-113", "Déjà payé", paid.map(less), false),
        ("BT-114", "Arrondi", rounding.map(more), false),
    ];
    let said = |(term, label, value, is_strong)| {
        let value = unsaid.instead((term, 0, 0)).map(str::to_owned).or(value)?;
        Some((label, value, is_strong))
    };
    rows.into_iter().filter_map(said).collect()
}

/// What was paid before, and what others pay: beyond the core model.
fn paid(sheet: &mut Sheet, invoice: &Invoice) {
    let mut payments: Vec<[String; 3]> = Vec::new();
    for advance in &invoice.extensions.advance_payments {
        let reference = advance.reference.as_ref().map(|found| format!("facture {}", found.as_str()));
        let of = advance.reference_date.map(|date| format!("du {}", figures::date(date)));
        let on = advance.received_on.map(|date| format!("reçu le {}", figures::date(date)));
        let tax = advance.tax.iter().map(|part| {
            let rate =
                part.rate.map(|rate| format!(" à {}", figures::percent(rate.into_decimal()))).unwrap_or_default();
            format!("dont TVA{rate} : {}", figures::amount(part.tax_amount))
        });
        let parts: Vec<String> = reference.into_iter().chain(of).chain(on).chain(tax).collect();
        payments.push(["Acompte".to_owned(), parts.join(", "), figures::amount(advance.gross)]);
    }
    for third in &invoice.extensions.third_party_payments {
        let parts = [&third.payment_type, &third.description];
        let parts: Vec<&str> = parts.into_iter().filter_map(|part| said(part.as_deref())).collect();
        let amount = third.amount.map(figures::amount).unwrap_or_default();
        payments.push(["Paiement d'un tiers".to_owned(), parts.join(", "), amount]);
    }
    if payments.is_empty() {
        return;
    }
    use Align::{Left, Right};
    let columns = columns(&[120.0, 301.0, 90.0], &[Left, Left, Right]);
    let amount = head::titled("Montant", invoice);
    let rows = payments
        .iter()
        .map(|payment| |sheet: &mut Sheet| payment.iter().map(|text| vec![plain(sheet, text)]).collect::<Vec<Cell>>());
    let parts = table(sheet, "Acomptes et paiements de tiers", &columns, &["Nature", "Détail", &amount], rows);
    close(sheet, parts);
}

fn payment(sheet: &mut Sheet, payment: &PaymentInstructions, terms: Option<&str>) {
    section(sheet, "Paiement", |sheet| {
        let mut lines: Vec<Paragraph> = Vec::new();
        let code = payment.means_code.as_ref().map(Code::as_str);
        let known = code.map(|code| coded(code, labels::means(code)));
        let text = said(payment.means_text.as_deref());
        let means = match (known, text) {
            (Some(known), Some(text)) if !known.contains(text) => Some(format!("{known} ({text})")),
            (known, text) => known.or(text.map(str::to_owned)),
        };
        let remittance = said(payment.remittance_information.as_deref());
        let facts = [("Moyen", means.as_deref()), ("Conditions", said(terms)), ("Référence à rappeler", remittance)];
        for (label, value) in facts {
            lines.extend(value.map(|value| labelled(sheet, label, value)));
        }
        match &payment.means {
            Some(PaymentMeans::CreditTransfer(transfers)) => {
                transfers.iter().for_each(|transfer| account(sheet, &mut lines, transfer));
            }
            Some(PaymentMeans::Card(card)) => self::card(sheet, &mut lines, card),
            Some(PaymentMeans::DirectDebit(debit)) => self::debit(sheet, &mut lines, debit),
            None => {}
        }
        let column = Column { x: MARGIN, width: ROOM, align: Align::Left };
        sheet.side_by_side(&[column], &[lines], Look::PLAIN)
    });
}

fn account(sheet: &mut Sheet, lines: &mut Vec<Paragraph>, transfer: &CreditTransfer) {
    let number = transfer.account_identifier.as_deref().map(figures::account);
    if let Some(number) = said(number.as_deref()) {
        let mut line = labelled(sheet, "IBAN", number);
        line.runs[1].style.weight = Weight::Bold;
        line.before = 3.0;
        lines.push(line);
    }
    let facts = [("BIC", &transfer.provider_identifier), ("Titulaire du compte", &transfer.account_name)];
    for (label, value) in facts {
        lines.extend(said(value.as_deref()).map(|value| labelled(sheet, label, value)));
    }
}

fn card(sheet: &mut Sheet, lines: &mut Vec<Paragraph>, card: &PaymentCard) {
    let facts = [("N° de carte", &card.primary_account_number), ("Porteur", &card.holder_name)];
    for (label, value) in facts {
        lines.extend(said(value.as_deref()).map(|value| labelled(sheet, label, value)));
    }
}

fn debit(sheet: &mut Sheet, lines: &mut Vec<Paragraph>, debit: &DirectDebit) {
    let account = debit.debited_account.as_deref().map(figures::account);
    let facts = [
        ("Mandat", debit.mandate_reference.as_deref()),
        ("Identifiant créancier", debit.creditor_identifier.as_deref()),
        ("Compte débité", account.as_deref()),
    ];
    for (label, value) in facts {
        lines.extend(said(value).map(|value| labelled(sheet, label, value)));
    }
}
