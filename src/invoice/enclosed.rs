//! Which of the files attached to a PDF is its invoice.
//!
//! Promises: a name that Factur-X agreed on goes before any other; of several invoices none is chosen in silence. Refuses to
//! know how a PDF holds its files, and what an invoice says beside its number.

use std::collections::BTreeMap;

use en16931_formats::zugferd::FILENAMES;

use crate::fault::{Code, Fault, Text};

use super::limits::Limits;
use super::outline::Id;
use super::sniff::{self, Content, Kind};
use super::{Syntax, encoding, guard};

/// The name of what is an order and no invoice.
const ORDER: &str = "order-x.xml";

/// The invoice of a PDF.
pub struct Enclosed {
    pub xml: Vec<u8>,
    /// The other attached files, by name.
    pub others: BTreeMap<String, Vec<u8>>,
    /// What else could have been meant, each said.
    pub doubts: Vec<Text>,
}

/// Chooses among the files of a PDF.
pub fn choose(mut files: BTreeMap<String, Vec<u8>>, limits: &Limits) -> Result<Enclosed, Fault> {
    let named = |want: &str| files.keys().filter(|name| name.eq_ignore_ascii_case(want)).cloned().collect::<Vec<_>>();
    let mut candidates: Vec<String> =
        FILENAMES.iter().filter(|name| **name != ORDER).flat_map(|want| named(want)).collect();
    if candidates.is_empty() {
        // A PDF archive of UBL has no name that is agreed on: what is inside counts.
        candidates.extend(files.iter().filter(|(_, content)| is_ubl(content)).map(|(name, _)| name.clone()));
    }
    let Some(chosen) = candidates.first().cloned() else {
        let is_order = !named(ORDER).is_empty();
        return Err(if is_order { Kind::OrderX.fault() } else { Fault::new(Code::PdfWithoutInvoice) });
    };
    let Some(xml) = files.remove(&chosen) else { return Err(Fault::new(Code::PdfWithoutInvoice)) };
    let mut doubts = Vec::new();
    // Nothing to compare with, in most PDFs.
    if files.values().any(|content| matches!(sniff::sniff(content), Content::Xml)) {
        let number = number(&xml, limits);
        for (name, content) in files.iter().filter(|(_, content)| **content != xml) {
            let rivals = candidates.contains(name);
            doubts.extend(doubt((&chosen, number.as_deref()), (name, content), rivals, limits)?);
        }
    }
    Ok(Enclosed { xml, others: files, doubts })
}

/// What another attached file makes doubtful. The fault: it could be meant as much as the chosen one (`rivals`), and is
/// another invoice.
fn doubt(
    (chosen, chosen_number): (&str, Option<&str>),
    (name, content): (&str, &[u8]),
    rivals: bool,
    limits: &Limits,
) -> Result<Option<Text>, Fault> {
    let only = |fr: String, en: String| {
        Text::new(
            format!("il contient aussi « {name} », {fr} : seul « {chosen} » est lu"),
            format!("it also holds \"{name}\", {en}: only \"{chosen}\" is read"),
        )
    };
    Ok(match (chosen_number, number(content, limits)) {
        (Some(one), Some(other)) if one != other && rivals => {
            let files = Text::new(
                format!("« {chosen} » (n° {one}) et « {name} » (n° {other})"),
                format!("\"{chosen}\" (no. {one}) and \"{name}\" (no. {other})"),
            );
            return Err(Fault::new(Code::PdfWithSeveralInvoices).with_text("files", &files));
        }
        (Some(one), Some(other)) if one == other => rivals.then(|| {
            only(
                format!("autre forme de la même facture (n° {one})"),
                format!("another form of the same invoice (no. {one})"),
            )
        }),
        (_, Some(other)) => {
            Some(only(format!("une autre facture (n° {other})"), format!("another invoice (no. {other})")))
        }
        (_, None) => rivals.then(|| {
            only("qui ne se lit pas comme une facture".to_owned(), "which cannot be read as an invoice".to_owned())
        }),
    })
}

/// The number of what is an invoice in a syntax that PDFs carry.
fn number(content: &[u8], limits: &Limits) -> Option<String> {
    if !matches!(sniff::sniff(content), Content::Xml) {
        return None;
    }
    let decoded = encoding::decode(content).ok()?;
    let outline = guard::outline(&decoded.text, limits).ok()?;
    let path: &[&str] = match sniff::vocabulary(&outline).ok()? {
        Syntax::UblInvoice | Syntax::UblCreditNote => &["ID"],
        Syntax::Cii => &["ExchangedDocument", "ID"],
        _ => return None,
    };
    outline.text_at(Id::ROOT, path)
}

fn is_ubl(content: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&content[..content.len().min(4096)]);
    let head = head.trim_start_matches('\u{feff}').trim_start();
    let named = |kind: &str| head.contains(&format!("urn:oasis:names:specification:ubl:schema:xsd:{kind}-2"));
    head.starts_with('<') && (named("Invoice") || named("CreditNote"))
}
