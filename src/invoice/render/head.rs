//! The image's head: what it is and of what, the invoice's key facts, who sells and who buys, and every reference.

use en16931::invoice::{Code, Contact, Delivery, Party, Payee, PostalAddress, TaxRepresentative};
use en16931::{DocumentKind, Identifier, Invoice};

use super::figures;
use super::letters::{Ink, Weight};
use super::phrases::{blocks, coded, fact, in_two_columns, labelled, one, plain, said, section};
use super::sheet::{Align, Branch, Cell, Column, Look, MARGIN, Paragraph, ROOM, Role, Sheet};
use super::unsaid::NOTHING;
use super::{Extra, labels, pdf};

/// The words that the image must bear.
const WORDS: &str = "Image reconstituée, l'original fait foi";

pub fn lay(sheet: &mut Sheet, invoice: &Invoice, extra: &Extra<'_>) {
    banner(sheet, extra);
    title(sheet, invoice);
    facts(sheet, invoice, extra);
    parties(sheet, invoice);
    others(sheet, invoice);
    references(sheet, invoice);
}

/// « Facture », « Avoir » and so on.
pub fn kind(invoice: &Invoice) -> &str {
    let code = invoice.type_code.as_ref().map(Code::as_str);
    code.and_then(labels::document).unwrap_or(match invoice.kind {
        DocumentKind::CreditNote => "Avoir",
        DocumentKind::Invoice => "Facture",
    })
}

pub fn currency(invoice: &Invoice) -> &str {
    invoice.currency.as_ref().map(Code::as_str).unwrap_or_default()
}

/// The title of a column of amounts.
pub fn titled(title: &str, invoice: &Invoice) -> String {
    match figures::sign(currency(invoice).trim()) {
        "" => title.to_owned(),
        sign => format!("{title} ({sign})"),
    }
}

pub fn titles(invoice: &Invoice, extra: &Extra<'_>) -> pdf::Titles {
    let clean = |text: &str| super::letters::clean(text).0.replace('\n', " ");
    let number = clean(said(invoice.number.as_deref()).unwrap_or("sans numéro"));
    let kind = kind(invoice);
    let seller = said(invoice.seller.name.as_deref()).map(clean);
    let from = seller.as_ref().map(|seller| format!(" · {seller}")).unwrap_or_default();
    pdf::Titles {
        title: shortened(&format!("{kind} {number}{from}")),
        description: format!("{WORDS}. SHA-256 de l'original : {}", extra.original.sha256()),
        author: seller.as_deref().map(shortened),
        foot: format!("{WORDS} · {kind} {number}{from}"),
    }
}

/// Titles longer than this are not shown by any viewer, and a PDF/A string has an end.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

fn banner(sheet: &mut Sheet, extra: &Extra<'_>) {
    let original = &extra.original;
    let words = one(sheet, WORDS, Weight::Bold, 9.5, Ink::Accent);
    let under = original.carried_as.map(|name| format!(" sous le nom {name}")).unwrap_or_default();
    let file = format!("{} ({}), joint à ce document{under}", original.name, figures::size(original.bytes.len()));
    let mut file = labelled(sheet, "Original", &file);
    file.before = 2.5;
    let hash = labelled(sheet, "SHA-256", &original.sha256());
    let made = format!("Image faite le {} par {}", figures::date(extra.made_on), extra.maker);
    let made = super::phrases::small(sheet, &made);
    let column = Column { x: MARGIN, width: ROOM, align: Align::Left };
    let branches = sheet.side_by_side(&[column], &[vec![words, file, hash, made]], Look::BOXES);
    branches.into_iter().for_each(|branch| sheet.push(branch));
    sheet.space(14.0);
}

fn title(sheet: &mut Sheet, invoice: &Invoice) {
    const LONG: usize = 70;
    let kind = kind(invoice);
    let number = said(invoice.number.as_deref()).unwrap_or("sans numéro");
    let title = format!("{kind} {number}");
    let size = if title.chars().count() > LONG { 10.5 } else { 17.0 };
    let heading = sheet.heading(&title, 1, size);
    sheet.push(heading);
    sheet.space(2.0);
}

fn facts(sheet: &mut Sheet, invoice: &Invoice, extra: &Extra<'_>) {
    let date = |date: Option<en16931::Date>| date.map(figures::date);
    let reference =
        |reference: &Option<en16931::DocumentReference>| reference.as_ref().map(|found| found.as_str().to_owned());
    let typed = invoice.type_code.as_ref().map(|code| coded(code.as_str(), labels::document(code.as_str())));
    let due = extra.unsaid.or(("BT-115", 0, 0), || figures::money(invoice.totals.due, currency(invoice)));
    let frame = said(invoice.business_process.as_deref()).map(|code| coded(code, labels::frame(code)));
    let above: [(&str, Option<String>); 4] = [
        ("Numéro", invoice.number.clone()),
        ("Émise le", date(invoice.issue_date)),
        ("Échéance", date(invoice.due_date)),
        ("Net à payer", Some(due).filter(|due| due != NOTHING)),
    ];
    let below: [(&str, Option<String>); 4] = [
        ("N° d'engagement", reference(&invoice.purchase_order_reference)),
        ("N° de marché", reference(&invoice.contract_reference)),
        ("Code service", invoice.buyer_reference.clone()),
        ("Devise", invoice.currency.as_ref().map(|code| code.as_str().to_owned())),
    ];
    let last: [(&str, Option<String>); 2] = [("Type", typed), ("Cadre de facturation", frame)];
    for (row, columns) in [(&above[..], blocks(4)), (&below[..], blocks(4)), (&last[..], blocks(2))] {
        let cells: Vec<Cell> = row.iter().map(|(name, value)| fact(sheet, name, value.as_deref())).collect();
        let branches = sheet.side_by_side(&columns, &cells, Look { below: 7.0, ..Look::PLAIN });
        branches.into_iter().for_each(|branch| sheet.push(branch));
    }
    sheet.space(4.0);
}

fn parties(sheet: &mut Sheet, invoice: &Invoice) {
    let seller = party(sheet, "Vendeur (fournisseur)", &invoice.seller);
    let buyer = party(sheet, "Acheteur (destinataire)", &invoice.buyer);
    let branches = sheet.side_by_side(&blocks(2), &[seller, buyer], Look::BOXES);
    sheet.push(Branch::Group(Role::Section, branches));
    sheet.space(10.0);
}

/// Who else has a part in it, side by side.
fn others(sheet: &mut Sheet, invoice: &Invoice) {
    let mut cells: Vec<Cell> = Vec::new();
    if let Some(payee) = &invoice.payee {
        cells.push(self::payee(sheet, payee));
    }
    if let Some(representative) = &invoice.tax_representative {
        cells.push(self::representative(sheet, representative));
    }
    if let Some(delivery) = &invoice.delivery {
        cells.push(self::delivery(sheet, delivery));
    }
    let columns = blocks(if cells.len() > 2 { 3 } else { 2 });
    for row in cells.chunks(columns.len()) {
        let branches = sheet.side_by_side(&columns, row, Look::BOXES);
        sheet.push(Branch::Group(Role::Section, branches));
        sheet.space(10.0);
    }
}

fn caption(sheet: &mut Sheet, title: &str) -> Paragraph {
    one(sheet, title, Weight::Bold, 7.2, Ink::Accent)
}

fn name(sheet: &mut Sheet, name: Option<&str>) -> Paragraph {
    let mut name = match said(name) {
        Some(name) => one(sheet, name, Weight::Bold, 9.5, Ink::Dark),
        None => one(sheet, "nom non indiqué", Weight::Regular, 9.5, Ink::Muted),
    };
    name.before = 3.0;
    name
}

fn party(sheet: &mut Sheet, title: &str, party: &Party) -> Cell {
    let mut cell = vec![caption(sheet, title), name(sheet, party.name.as_deref())];
    if let Some(trading) = said(party.trading_name.as_deref()) {
        cell.push(labelled(sheet, "Nom commercial", trading));
    }
    address(sheet, &mut cell, &party.address);
    let mut is_first = true;
    let mut add = |sheet: &mut Sheet, cell: &mut Cell, label: &str, value: &str| {
        let mut line = labelled(sheet, label, value);
        line.before = if std::mem::take(&mut is_first) { 4.0 } else { 1.0 };
        cell.push(line);
    };
    // The SIRET first: it is what people look for.
    let known = party.identifiers.iter().chain(&party.legal_registration).filter(|id| !id.is_blank());
    let (establishment, rest): (Vec<&Identifier>, Vec<&Identifier>) = known.partition(|id| id.scheme() == Some("0009"));
    for id in establishment.into_iter().chain(rest) {
        let is_legal = party.legal_registration.as_ref() == Some(id);
        let (label, value) = identified(id, if is_legal { "Immatriculation" } else { "Identifiant" });
        add(sheet, &mut cell, &label, &value);
    }
    if let Some(vat) = said(party.vat_identifier.as_deref()) {
        add(sheet, &mut cell, "N° de TVA", vat);
    }
    if let Some(tax) = said(party.tax_registration.as_deref()) {
        add(sheet, &mut cell, "Identifiant fiscal", tax);
    }
    if let Some(id) = &party.electronic_address {
        let scheme = id.scheme().map(|scheme| format!("{scheme}:")).unwrap_or_default();
        add(sheet, &mut cell, "Adresse électronique", &format!("{scheme}{}", id.content()));
    }
    contact(sheet, &mut cell, &party.contact);
    if let Some(legal) = said(party.additional_legal_information.as_deref()) {
        let mut legal = super::phrases::small(sheet, legal);
        legal.before = 4.0;
        cell.push(legal);
    }
    cell
}

/// What an identifier is called, and how it is shown.
pub fn identified(id: &Identifier, otherwise: &str) -> (String, String) {
    match id.scheme() {
        Some("0009") => ("SIRET".to_owned(), id.content().to_owned()),
        Some("0002") => ("SIREN".to_owned(), id.content().to_owned()),
        Some(code) => (otherwise.to_owned(), format!("{} ({})", id.content(), coded(code, labels::scheme(code)))),
        None => (otherwise.to_owned(), id.content().to_owned()),
    }
}

fn address(sheet: &mut Sheet, cell: &mut Cell, address: &PostalAddress) {
    let PostalAddress { line1, line2, line3, city, post_code, subdivision, country } = address;
    let town: Vec<&str> = [post_code, city].into_iter().filter_map(|part| said(part.as_deref())).collect();
    let town = town.join(" ");
    let country = country.as_ref().map(Code::as_str);
    let country = country.map(|code| labels::country(code).map_or(code.to_owned(), |name| format!("{name} ({code})")));
    let land: Vec<&str> = [subdivision.as_deref(), country.as_deref()].into_iter().filter_map(said).collect();
    let land = land.join(", ");
    let lines = [line1.as_deref(), line2.as_deref(), line3.as_deref(), Some(town.as_str()), Some(land.as_str())];
    for line in lines.into_iter().filter_map(said) {
        cell.push(plain(sheet, line));
    }
}

fn contact(sheet: &mut Sheet, cell: &mut Cell, contact: &Contact) {
    let parts = [&contact.name, &contact.phone, &contact.email];
    let parts: Vec<&str> = parts.into_iter().filter_map(|part| said(part.as_deref())).collect();
    if !parts.is_empty() {
        cell.push(labelled(sheet, "Contact", &parts.join(", ")));
    }
}

fn payee(sheet: &mut Sheet, payee: &Payee) -> Cell {
    let mut cell = vec![caption(sheet, "Bénéficiaire du paiement"), name(sheet, payee.name.as_deref())];
    for id in payee.identifier.iter().chain(&payee.legal_registration).filter(|id| !id.is_blank()) {
        let (label, value) = identified(id, "Identifiant");
        cell.push(labelled(sheet, &label, &value));
    }
    cell
}

fn representative(sheet: &mut Sheet, representative: &TaxRepresentative) -> Cell {
    let title = caption(sheet, "Représentant fiscal du vendeur");
    let mut cell = vec![title, name(sheet, representative.name.as_deref())];
    address(sheet, &mut cell, &representative.address);
    if let Some(vat) = said(representative.vat_identifier.as_deref()) {
        cell.push(labelled(sheet, "N° de TVA", vat));
    }
    cell
}

fn delivery(sheet: &mut Sheet, delivery: &Delivery) -> Cell {
    let mut cell = vec![caption(sheet, "Livraison")];
    if let Some(party) = said(delivery.party_name.as_deref()) {
        cell.push(name(sheet, Some(party)));
    }
    if let Some(found) = &delivery.address {
        address(sheet, &mut cell, found);
    }
    if let Some(date) = delivery.date {
        cell.push(labelled(sheet, "Livré le", &figures::date(date)));
    }
    if let Some(location) = delivery.location.as_ref().filter(|id| !id.is_blank()) {
        let (label, value) = identified(location, "Lieu");
        cell.push(labelled(sheet, &label, &value));
    }
    cell
}

fn references(sheet: &mut Sheet, invoice: &Invoice) {
    let mut found: Vec<(&str, String)> = Vec::new();
    for preceding in &invoice.preceding_invoices {
        let on = preceding.issue_date.map(|date| format!(" du {}", figures::date(date))).unwrap_or_default();
        found.push(("Facture antérieure", format!("{}{on}", preceding.reference.as_str())));
    }
    if let Some(period) = invoice.invoicing_period.as_ref().and_then(figures::period) {
        found.push(("Période facturée", period));
    }
    let documents = [
        ("Projet", &invoice.project_reference),
        ("Commande du vendeur", &invoice.sales_order_reference),
        ("Avis de réception", &invoice.receiving_advice_reference),
        ("Bon de livraison", &invoice.despatch_advice_reference),
        ("Appel d'offres ou lot", &invoice.tender_reference),
    ];
    for (label, reference) in documents {
        found.extend(reference.as_ref().map(|reference| (label, reference.as_str().to_owned())));
    }
    if let Some(id) = &invoice.object_identifier {
        let scheme = id.scheme().map(|scheme| format!(" ({scheme})")).unwrap_or_default();
        found.push(("Objet facturé", format!("{}{scheme}", id.content())));
    }
    found.extend(said(invoice.accounting_reference.as_deref()).map(|text| ("Imputation comptable", text.to_owned())));
    found.extend(invoice.vat_point_date.map(|date| ("TVA exigible le", figures::date(date))));
    let code = invoice.vat_point_date_code.as_ref().map(Code::as_str);
    found.extend(code.map(|code| ("Exigibilité de la TVA", coded(code, labels::vat_point(code)))));
    let vat_currency = invoice.vat_accounting_currency.as_ref();
    found.extend(vat_currency.map(|code| ("Devise de comptabilisation de la TVA", code.as_str().to_owned())));
    found.extend(said(invoice.specification_id.as_deref()).map(|text| ("Spécification suivie", text.to_owned())));
    if found.is_empty() {
        return;
    }
    section(sheet, "Références", |sheet| {
        let lines = found.iter().filter(|(_, value)| !value.trim().is_empty());
        let lines: Vec<Paragraph> = lines.map(|(label, value)| labelled(sheet, label, value)).collect();
        in_two_columns(sheet, lines)
    });
}
