//! Which of the files attached to a PDF is its invoice.
//!
//! Promises: a name that Factur-X agreed on goes before any other; of several invoices none is chosen in silence. Refuses to
//! know how a PDF holds its files, and what an invoice says beside its number.

use en16931_formats::zugferd::FILENAMES;

use crate::fault::{Code, Fault, Text};

use super::complaint::over;
use super::limits::Limits;
use super::outline::Id;
use super::pdf_file::{Attached, Attachments, PdfFile, Trouble, Undecoded, Want, at_most};
use super::sniff::{self, Content, Kind};
use super::{Syntax, encoding, guard, pivot, pivot_conversion};

/// The name of what is an order and no invoice.
pub const ORDER: &str = "order-x.xml";

/// The invoice of a PDF.
pub struct Enclosed {
    pub xml: Vec<u8>,
    /// Which of the files it is.
    pub chosen: usize,
    /// Which of the others are its source (`/AFRelationship /Source`), and an invoice of the same number.
    pub originals: Vec<usize>,
    /// What else could have been meant, each said.
    pub doubts: Vec<Text>,
}

/// Chooses among the files of a PDF. Only those are read that could be an invoice.
pub fn choose(pdf: &mut PdfFile<'_>, carried: &Attachments, limits: &Limits) -> Result<Enclosed, Fault> {
    let files = &carried.files;
    let mut contents = Contents { pdf, left: limits.pdf_attachments_bytes, limits };
    let mut doubts = Vec::new();
    let named = |want: &str| positions(files, want);
    let agreed = FILENAMES.iter().filter(|name| **name != ORDER);
    let mut candidates: Vec<usize> = agreed.flat_map(|want| named(want)).collect();
    if candidates.is_empty() {
        candidates = contents.by_content(files)?;
    }
    let Some(chosen) = candidates.first().copied() else {
        let is_order = !named(ORDER).is_empty();
        return Err(match carried.unread {
            _ if is_order => Kind::OrderX.fault(),
            0 => Fault::new(Code::PdfWithoutInvoice),
            // What leads nowhere may have been the invoice.
            _ => Kind::BrokenPdf.fault(),
        });
    };
    let xml = contents.whole(&files[chosen])?.map_err(|undecoded| match undecoded {
        Undecoded::TooLarge => over("pièces jointes du PDF", "attachments of the PDF", limits.pdf_attachment_bytes),
        Undecoded::Broken => Kind::BrokenPdf.fault(),
    })?;
    let name = &files[chosen].name;
    if !is_ubl(&xml) && !is_agreed(name) {
        doubts.push(Text::new(
            format!("la facture s'y appelle « {name} » et non factur-x.xml : d'autres lecteurs ne la trouveront pas"),
            format!("the invoice in it is called \"{name}\" and not factur-x.xml: other readers will not find it"),
        ));
    }
    if carried.unread > 0 {
        let count = carried.unread;
        doubts.push(Text::new(
            format!("entrées de ses listes de fichiers joints qui ne mènent à aucun fichier : {count}"),
            format!("entries of its lists of attached files that lead to no file: {count}"),
        ));
    }
    // Asked only where there is something to compare with, which most PDFs have not.
    let (mut chosen_number, mut originals) = (None, Vec::new());
    for (at, file) in files.iter().enumerate().filter(|(at, file)| *at != chosen && file.stream != files[chosen].stream)
    {
        let rivals = candidates.contains(&at);
        let content = match contents.head(file)? {
            Ok(head) if rivals || matches!(sniff::sniff(&head), Content::Xml) => contents.whole(file)?,
            Ok(_) => continue,
            Err(undecoded) => Err(undecoded),
        };
        match content {
            Ok(content) if content == xml => originals.push(at),
            Ok(content) => {
                let number = chosen_number.get_or_insert_with(|| number(&xml, limits));
                if file.relationship.as_deref() == Some("Source") && is_of(number.as_deref(), &content, limits) {
                    originals.push(at);
                }
                doubts.extend(doubt((name, number.as_deref()), (&file.name, &content), rivals, limits)?);
            }
            Err(_) => doubts.push(only(
                (name, &file.name),
                "dont le contenu est endommagé, trop gros ou codé autrement",
                "whose content is damaged, too large or in another coding",
            )),
        }
    }
    Ok(Enclosed { xml, chosen, originals, doubts })
}

fn positions(files: &[Attached], name: &str) -> Vec<usize> {
    files.iter().enumerate().filter(|(_, file)| file.name.eq_ignore_ascii_case(name)).map(|(at, _)| at).collect()
}

/// A name that Factur-X agreed on, for an invoice.
fn is_agreed(name: &str) -> bool {
    FILENAMES.iter().any(|agreed| *agreed != ORDER && agreed.eq_ignore_ascii_case(name))
}

/// The contents of the files, within what may be inflated of all of them.
struct Contents<'p, 'b, 'l> {
    pdf: &'p mut PdfFile<'b>,
    left: usize,
    limits: &'l Limits,
}

impl Contents<'_, '_, '_> {
    fn read(&mut self, file: &Attached, want: Want) -> Result<Result<Vec<u8>, Undecoded>, Fault> {
        let Some(stream) = self.pdf.object(file.stream).map_err(Trouble::fault)? else {
            return Ok(Err(Undecoded::Broken));
        };
        let content = self.pdf.content(&stream, want).map_err(Trouble::fault)?;
        let used = match (&content, want) {
            (Ok(content), _) => content.len(),
            (Err(_), Want::Whole(cap) | Want::Head(cap)) => {
                at_most(self.pdf.raw(&stream).map_err(Trouble::fault)?.map_or(0, |range| range.len()), cap)
            }
        };
        self.left = self.left.saturating_sub(used);
        Ok(content)
    }

    fn whole(&mut self, file: &Attached) -> Result<Result<Vec<u8>, Undecoded>, Fault> {
        let cap = self.limits.pdf_attachment_bytes.min(self.left);
        self.read(file, Want::Whole(cap))
    }

    /// As much as tells what a file is.
    fn head(&mut self, file: &Attached) -> Result<Result<Vec<u8>, Undecoded>, Fault> {
        self.read(file, Want::Head(sniff::HEAD_BYTES))
    }

    /// Invoices under names of their own: what is inside counts. A PDF archive of UBL has no name that is agreed on.
    fn by_content(&mut self, files: &[Attached]) -> Result<Vec<usize>, Fault> {
        let (mut ubl, mut cii) = (Vec::new(), Vec::new());
        for (at, file) in files.iter().enumerate().filter(|(_, file)| !file.name.eq_ignore_ascii_case(ORDER)) {
            match self.head(file)? {
                Ok(head) if is_ubl(&head) => ubl.push(at),
                Ok(head) if is_cii(&head) => cii.push(at),
                _ => {}
            }
        }
        Ok([ubl, cii].concat())
    }
}

/// Another file than the chosen one is left aside: what it is.
fn only((chosen, name): (&str, &str), fr: &str, en: &str) -> Text {
    Text::new(
        format!("il contient aussi « {name} », {fr} : seul « {chosen} » est lu"),
        format!("it also holds \"{name}\", {en}: only \"{chosen}\" is read"),
    )
}

/// What another attached file makes doubtful. The fault: it could be meant as much as the chosen one (`rivals`), and is
/// another invoice.
fn doubt(
    (chosen, chosen_number): (&str, Option<&str>),
    (name, content): (&str, &[u8]),
    rivals: bool,
    limits: &Limits,
) -> Result<Option<Text>, Fault> {
    let only = |fr: String, en: String| only((chosen, name), &fr, &en);
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

/// Whether it is an invoice of this number, or a pivot that holds one.
fn is_of(wanted: Option<&str>, content: &[u8], limits: &Limits) -> bool {
    let Some(wanted) = wanted else { return false };
    if !pivot_conversion::is_pivot(content) {
        return number(content, limits).as_deref() == Some(wanted);
    }
    let bounds =
        pivot::Limits { pivot_bytes: limits.pdf_attachment_bytes, attachment_bytes: limits.pdf_attachment_bytes };
    pivot::read(content, &bounds).is_ok_and(|pivot| pivot.invoices.iter().any(|invoice| invoice.number == wanted))
}

/// Whether the beginning of a file is that of a UBL invoice.
pub fn is_ubl(content: &[u8]) -> bool {
    let head = head(content);
    let named = |kind: &str| head.contains(&format!("urn:oasis:names:specification:ubl:schema:xsd:{kind}-2"));
    head.starts_with('<') && (named("Invoice") || named("CreditNote"))
}

/// Whether the beginning of a file is that of a CII: its first element says so.
fn is_cii(content: &[u8]) -> bool {
    let head = head(content);
    let element = head.match_indices('<').map(|(at, _)| &head[at + 1..]).find(|rest| !rest.starts_with(['?', '!']));
    let name = element.and_then(|rest| rest.split([' ', '>', '/', '\t', '\r', '\n']).next()).unwrap_or_default();
    name.rsplit(':').next() == Some("CrossIndustryInvoice")
}

fn head(content: &[u8]) -> String {
    let head = String::from_utf8_lossy(&content[..content.len().min(sniff::HEAD_BYTES)]);
    head.trim_start_matches('\u{feff}').trim_start().to_owned()
}
