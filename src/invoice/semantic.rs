//! What an invoice says as the European standard's semantic model (EN 16931-1): out of UBL and CII, and into them.
//!
//! The two bindings are a library's. What it leaves out is put right here: of a UBL credit note the due date (BT-9) and the
//! project (BT-11), and in both syntaxes the version of a classification's scheme (BT-158-2).
//!
//! Promises that nothing is dropped in silence, whatever the library thinks of it: what was read is written again in its own
//! syntax, and every value of the source that is not found there is told. Refuses to know rules and files.

use std::collections::{HashMap, HashSet};

use en16931::{Date, DocumentKind, DocumentReference, Invoice};
use en16931_formats::Syntax as Binding;
use en16931_formats::report::{Entry, Kind};
use quick_xml::escape::escape;

use crate::fault::Language;

use super::official::number::decimal;
use super::official::terms;
use super::outline::{Id, Outline};
use super::{Limits, guard};

/// Attributes that only name a code list or its keeper: they say nothing of the invoice.
const OF_CODE_LISTS: [&str; 8] = [
    "listID",
    "listVersionID",
    "listAgencyID",
    "listAgencyName",
    "listName",
    "schemeAgencyID",
    "schemeAgencyName",
    "languageID",
];
/// Elements whose values only say which kind of thing stands beside them, and the values that do: the bindings may put one
/// for another (EN 16931-3-2, 16931-3-3). Any other value there is somebody's own word.
const WORDED_ANEW: [(&str, &[&str]); 3] = [
    // A tax registration that is not for VAT (BT-32).
    ("PartyTaxScheme/TaxScheme/ID", &["FC", "TAX"]),
    ("SpecifiedProcuringProject/Name", &["Project reference"]),
    // Whose network a card is of has no term, and UBL's schema demands it.
    ("CardAccount/NetworkID", &["NA", "mapped-from-cii"]),
];
/// Attributes of UBL that are a term of their own.
const OWN_ATTRIBUTES: [(&str, &str, &str); 4] = [
    ("InvoicedQuantity", "unitCode", "BT-130"),
    ("CreditedQuantity", "unitCode", "BT-130"),
    ("BaseQuantity", "unitCode", "BT-150"),
    ("EmbeddedDocumentBinaryObject", "filename", "BT-125"),
];
/// Terms that speak of the form an invoice has, not of what is charged: which specification it follows (BT-24).
const OF_THE_FORM: [&str; 1] = ["BT-24"];
/// DocumentTypeCode of a supporting document, of an invoiced object (BT-18) and of a credit note's project (BT-11).
const SUPPORTING: &str = "916";
const PROJECT: &str = "50";
const INVOICED_OBJECT: &str = "130";

/// Something that has no place where it should go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lost {
    /// The business term where it has one, and the element's path: `BT-9 CreditNote/DueDate`.
    pub place: String,
    /// What is written there, when it is short.
    pub value: String,
}

/// Places that say how an invoice travels or which schema it is written by, and nothing of the invoice itself.
const OF_THE_TRANSPORT: [&str; 6] = [
    "Invoice/UBLVersionID",
    "CreditNote/UBLVersionID",
    "Fournisseur/ModeEmission",
    "DonneesFacture/IdCPRO",
    "DonneesFacture/Renvoi",
    "DonneesFacture/DateReception",
];

impl Lost {
    /// Whether the invoice is whole without it.
    pub fn is_of_the_transport(&self) -> bool {
        OF_THE_TRANSPORT.contains(&self.place.as_str())
    }
}

/// What was read.
#[derive(Debug)]
pub struct Reading {
    pub invoice: Invoice,
    /// What the semantic model has no place for, each once, in the order of the document.
    pub lost: Vec<Lost>,
}

/// What was written.
#[derive(Debug)]
pub struct Writing {
    pub xml: String,
    /// What this syntax has no place for.
    pub lost: Vec<Lost>,
}

/// Reads a UBL or CII document that passed the guard. `text` is what `outline` is of. The error is the library's word for
/// why it cannot be read.
pub fn read(outline: &Outline<'_>, text: &str, limits: &Limits) -> Result<Reading, String> {
    // The text is decoded: what it declares of its former encoding no longer holds.
    let body = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map_or(text, |(_, body)| body);
    let read = en16931_formats::read(body.trim_start().as_bytes()).map_err(|error| error.to_string())?;
    let binding = read.syntax;
    let mut invoice = read.invoice;
    if outline.name(Id::ROOT) == "CreditNote" {
        complete_credit_note(outline, &mut invoice);
    }
    complete_classifications(outline, &mut invoice);
    // An empty reference says nothing.
    invoice.preceding_invoices.retain(|one| !one.reference.as_str().is_empty() || one.issue_date.is_some());
    // Where it cannot be written again, for want of what a document of this kind must have, the library's own list is left.
    let again = write(&invoice, binding).ok();
    let lost = again.and_then(|again| missing(outline, &again.xml, limits));
    let own = || read.entries.iter().filter(|entry| is_loss(entry)).map(of_entry).collect();
    Ok(Reading { invoice, lost: lost.unwrap_or_else(own) })
}

/// Writes the model as UBL or CII. The error lists the terms that the syntax demands and the model lacks.
pub fn write(invoice: &Invoice, binding: Binding) -> Result<Writing, Vec<String>> {
    let is_credit_note = invoice.kind == DocumentKind::CreditNote && binding == Binding::Ubl;
    let mut given = invoice.clone();
    let (due, project) = match is_credit_note {
        true => (given.due_date.take(), given.project_reference.take()),
        false => (None, None),
    };
    let dates = if binding == Binding::Cii { unnamed(&mut given) } else { Vec::new() };
    let written = en16931_formats::write_unchecked(&given, binding).map_err(|error| {
        let term = |entry: &Entry| entry.term.clone().unwrap_or_else(|| entry.path.clone());
        error.entries.iter().filter(|entry| entry.kind == Kind::Schema).map(term).collect::<Vec<_>>()
    })?;
    let mut lost: Vec<Lost> = written.entries.iter().filter(|entry| is_loss(entry)).map(of_entry).collect();
    lost.extend(dates);
    let mut xml = written.xml;
    if let Some(due) = due
        && !add_due_date(&mut xml, due)
    {
        lost.push(Lost { place: "BT-9 CreditNote/PaymentMeans/PaymentDueDate".to_owned(), value: due.to_string() });
    }
    if let Some(project) = project {
        add_project(&mut xml, &project);
    }
    if binding == Binding::Cii {
        add_classification_versions(&mut xml, invoice);
    }
    Ok(Writing { xml, lost })
}

/// Takes out the preceding invoices that have a date only: in CII there is none without its number.
fn unnamed(invoice: &mut Invoice) -> Vec<Lost> {
    let (named, unnamed): (Vec<_>, Vec<_>) =
        invoice.preceding_invoices.drain(..).partition(|one| !one.reference.as_str().is_empty());
    invoice.preceding_invoices = named;
    let date = |date: Date| Lost {
        place: "BT-26 BillingReference/InvoiceDocumentReference/IssueDate".to_owned(),
        value: date.to_string(),
    };
    unnamed.into_iter().filter_map(|one| one.issue_date).map(date).collect()
}

fn is_loss(entry: &Entry) -> bool {
    !matches!(entry.kind, Kind::Derived | Kind::Container)
}

fn of_entry(entry: &Entry) -> Lost {
    let place = match &entry.term {
        Some(term) => format!("{term} {}", entry.path),
        None => entry.path.clone(),
    };
    Lost { place, value: short(entry.value.as_deref().unwrap_or_default()) }
}

/// As much of a value as a message has room for.
pub(super) fn short(value: &str) -> String {
    const CHARACTERS: usize = 60;
    let mut short: String = value.trim().chars().take(CHARACTERS).collect();
    if value.trim().chars().count() > CHARACTERS {
        short.push('…');
    }
    short
}

/// BT-9 and BT-11 have other places in a UBL credit note than in an invoice (EN 16931-3-2).
fn complete_credit_note(outline: &Outline<'_>, invoice: &mut Invoice) {
    let due = outline.each(Id::ROOT, &["PaymentMeans", "PaymentDueDate"]).into_iter().next();
    if let Some(due) = due.and_then(|id| outline.text(id)).and_then(|text| text.parse::<Date>().ok()) {
        invoice.due_date = invoice.due_date.take().or(Some(due));
    }
    // The library takes the project for a supporting document; of those it knows only the invoiced object.
    let mut place = 0;
    for id in outline.each(Id::ROOT, &["AdditionalDocumentReference"]) {
        match outline.text_at(id, &["DocumentTypeCode"]).as_deref() {
            Some(INVOICED_OBJECT) => {}
            Some(PROJECT) if place < invoice.attachments.len() && invoice.project_reference.is_none() => {
                invoice.project_reference = Some(invoice.attachments.remove(place).reference);
            }
            _ => place += 1,
        }
    }
}

/// BT-158-2 is not read by the library.
fn complete_classifications(outline: &Outline<'_>, invoice: &mut Invoice) {
    const LINES: [&str; 3] = ["InvoiceLine", "CreditNoteLine", "IncludedSupplyChainTradeLineItem"];
    let lines = outline.all().filter(|id| LINES.contains(&outline.name(*id)));
    for (line, id) in invoice.lines.iter_mut().zip(lines) {
        let classes = outline.each(id, &["Item", "CommodityClassification", "ItemClassificationCode"]);
        let classes = match classes.is_empty() {
            true => outline.each(id, &["SpecifiedTradeProduct", "DesignatedProductClassification", "ClassCode"]),
            false => classes,
        };
        for (class, id) in line.item.classification_identifiers.iter_mut().zip(classes) {
            if let Some(version) = outline.attribute(id, "listVersionID") {
                *class = class.clone().with_scheme_version(version.into_owned());
            }
        }
    }
}

/// Whether there is a means of payment for it to stand in.
fn add_due_date(xml: &mut String, due: Date) -> bool {
    const AFTER: &str = "</cbc:PaymentMeansCode>";
    let Some(at) = xml.find(AFTER) else { return false };
    xml.insert_str(at + AFTER.len(), &format!("<cbc:PaymentDueDate>{due}</cbc:PaymentDueDate>"));
    true
}

fn add_project(xml: &mut String, project: &DocumentReference) {
    // The order of the schema's elements (UBL 2.1, CreditNoteType).
    const BEFORE: [&str; 3] =
        ["<cac:AdditionalDocumentReference>", "<cac:OriginatorDocumentReference>", "<cac:AccountingSupplierParty>"];
    let at = BEFORE.iter().filter_map(|element| xml.find(element)).min().unwrap_or(xml.len());
    let id = escape(project.as_str());
    let element = format!(
        "<cac:AdditionalDocumentReference><cbc:ID>{id}</cbc:ID><cbc:DocumentTypeCode>{PROJECT}</cbc:DocumentTypeCode>\
         </cac:AdditionalDocumentReference>"
    );
    xml.insert_str(at, &element);
}

/// BT-158-2 is not written by the library as CII.
fn add_classification_versions(xml: &mut String, invoice: &Invoice) {
    const CODE: &str = "<ram:ClassCode";
    let classes = || invoice.lines.iter().flat_map(|line| &line.item.classification_identifiers);
    if classes().all(|class| class.scheme_version().is_none()) {
        return;
    }
    let mut classes = classes();
    let mut pieces = xml.split(CODE);
    let mut made = String::with_capacity(xml.len() + xml.len() / 8);
    made.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        made.push_str(CODE);
        let version = classes.next().and_then(|class| class.scheme_version());
        match (version, piece.split_once('>')) {
            (Some(version), Some((attributes, rest))) => {
                made.push_str(&format!("{attributes} listVersionID=\"{}\">{rest}", escape(version)));
            }
            _ => made.push_str(piece),
        }
    }
    *xml = made;
}

/// The values of the source that are not in what was written again; `None` if that cannot be read.
fn missing(source: &Outline<'_>, again: &str, limits: &Limits) -> Option<Vec<Lost>> {
    let written = guard::outline(again, limits).ok()?;
    let mut there: HashMap<(String, String), usize> = HashMap::new();
    for (_, path, value) in values(&written) {
        *there.entry((path, value)).or_default() += 1;
    }
    let is_cii = source.name(Id::ROOT) == "CrossIndustryInvoice";
    let missing = values(source).filter(|(_, path, value)| {
        let left = there.get_mut(&(path.clone(), value.clone())).filter(|left| **left > 0);
        let is_there = left.map(|left| *left -= 1).is_some();
        !is_there && !is_worded_anew(path, value)
    });
    Some(each_once(missing.map(|(id, path, value)| {
        let place = match term_of(source, id, is_cii) {
            Some(term) => format!("{term} {path}"),
            None => path,
        };
        Lost { place, value: short(&value) }
    })))
}

fn is_worded_anew(path: &str, value: &str) -> bool {
    WORDED_ANEW.iter().any(|(end, values)| path.ends_with(end) && values.contains(&value))
}

/// The terms of the model that `carried` does not hold, in UBL's order. The error lists the terms that UBL demands and the
/// model lacks: then what is carried cannot be told.
pub fn uncarried(
    invoice: &Invoice,
    carried: &HashSet<(&'static str, String)>,
    limits: &Limits,
) -> Result<Vec<Lost>, Vec<String>> {
    let written = write(invoice, Binding::Ubl)?;
    let outline = guard::outline(&written.xml, limits).map_err(|fault| vec![fault.title(Language::En)])?;
    let carried: HashSet<(&str, String)> = carried.iter().map(|(term, value)| (*term, alike(value))).collect();
    Ok(each_once(values(&outline).filter_map(|(id, path, value)| {
        let (terms, is_told) = match path.rsplit_once("/@") {
            None => {
                let terms = term_of(&outline, id, false)?;
                // A place may be that of several terms: UBL writes BT-29 and BT-90 alike.
                let is_carried = |term: &str| OF_THE_FORM.contains(&term) || carried.contains(&(term, value.clone()));
                (terms, terms.split(", ").any(is_carried))
            }
            // The others only say how a term is written: its currency, its scheme.
            Some((_, attribute)) => {
                let (.., term) = OWN_ATTRIBUTES
                    .iter()
                    .find(|(element, own, _)| outline.name(id) == *element && attribute == *own)?;
                (*term, carried.contains(&(*term, value.clone())))
            }
        };
        (!is_told).then(|| Lost { place: format!("{terms} {path}"), value: short(&value) })
    })))
}

/// The business term of an element.
fn term_of(outline: &Outline<'_>, id: Id, is_cii: bool) -> Option<&'static str> {
    let path = outline.path(id);
    let below = path.split_once('/').map_or("", |(_, below)| below).replace("CreditNoteLine", "InvoiceLine");
    terms::term(is_cii, &below)
}

/// In their order, without those that are there already.
pub(super) fn each_once(lost: impl Iterator<Item = Lost>) -> Vec<Lost> {
    let mut seen = HashSet::new();
    lost.filter(|one| seen.insert(one.clone())).collect()
}

/// Every value of a document that says something: its element, its path (an attribute's with `@`), and the value so that
/// two ways to write the same are equal.
pub(super) fn values<'o>(outline: &'o Outline<'_>) -> impl Iterator<Item = (Id, String, String)> + 'o {
    outline.all().filter(|id| outline.is_leaf(*id)).flat_map(|id| {
        let path = outline.path(id);
        let written = outline.text(id).filter(|text| !is_said_anyway(&path, text));
        let own = written.map(|text| (id, path.clone(), alike(&text)));
        let is_class = ["ItemClassificationCode", "ClassCode"].contains(&outline.name(id));
        let attributes: Vec<_> = outline
            .attributes(id)
            .filter(|(name, _)| !name.contains("xmlns") && !name.contains(':'))
            .filter(|(name, _)| !OF_CODE_LISTS.contains(name) || (is_class && *name == "listVersionID"))
            .map(|(name, value)| (id, format!("{path}/@{name}"), value.trim().to_owned()))
            .collect();
        own.into_iter().chain(attributes)
    })
}

/// What the bindings say by leaving it out.
fn is_said_anyway(path: &str, text: &str) -> bool {
    let is_supporting = path.ends_with("AdditionalDocumentReference/DocumentTypeCode") && text == SUPPORTING;
    // A price knows allowances only.
    let is_allowance = path.ends_with("AppliedTradeAllowanceCharge/ChargeIndicator/Indicator") && text == "false";
    is_supporting || is_allowance
}

/// The same for two ways to write a number, or to break the lines of an attachment.
fn alike(text: &str) -> String {
    match decimal(text) {
        Some(number) => number.normalize().to_string(),
        None => text.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}
