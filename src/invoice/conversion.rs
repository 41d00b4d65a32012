//! One form of an invoice -> another, through the semantic model: UBL, CII, Factur-X, what a PDF carries, pivots.
//!
//! Promises: the result passes our own verdict; what has no place in it is named, all of it; nothing is invented, and what
//! the source does not say in so many words is told with how it was read. Refuses to know files, and whether a loss matters.

use std::borrow::Cow;

use en16931::invoice::InvoiceLine;
use en16931_formats::Syntax as Binding;

use crate::fault::{Code, Fault, Language, Text};

use super::container::{self, Container};
use super::facturx::{self, Payload};
use super::image::{self, Making};
use super::outline::{Id, Outline};
use super::pivot_conversion::Incomplete;
use super::pivot_writing::{self, Original};
use super::semantic::{self, Lost};
use super::{Examined, Limits, Options, Profile, Verdict, encoding, examine, guard, pivot_conversion, sniff};

/// Who made the pages of a Factur-X that has none of its own.
const MAKER: &str = concat!("Fluxgate ", env!("CARGO_PKG_VERSION"));

/// What an invoice can be made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Ubl,
    Cii,
    /// Chorus Pro's own, V2_02, with the source inside as the original.
    Pivot,
    /// A CII in a PDF/A-3.
    FacturX,
}

impl Target {
    /// As on the command line.
    pub const ALL: [(Target, &str); 4] =
        [(Target::Ubl, "ubl"), (Target::Cii, "cii"), (Target::Pivot, "pivot"), (Target::FacturX, "facturx")];
}

/// What is converted.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// As a pivot would call it.
    pub name: &'a str,
    pub bytes: &'a [u8],
}

/// An invoice in its new form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// The supplier's number (BT-1).
    pub number: String,
    pub bytes: Vec<u8>,
    /// What has no place in the new form, each once.
    pub lost: Vec<Lost>,
    /// What is left out without loss, each once: it is of how the source travelled, or is the invoice once more.
    pub left_out: Vec<Lost>,
    /// What the source does not say in so many words, and how it was read.
    pub readings: Vec<Text>,
}

/// Converts every invoice of a file: a pivot may hold several. `day` (`yyyy-mm-dd`) is written as that of receipt where the
/// target has one, and as that on which a PDF was made. Of `options` the limits and the tables count. The fault is the file's, or the invoice's that cannot be converted.
pub fn convert(source: Source<'_>, target: Target, day: &str, options: &Options) -> Result<Vec<Converted>, Fault> {
    let made = each(source, target, day, options)?;
    match target {
        Target::Ubl | Target::Cii | Target::Pivot => Ok(made),
        Target::FacturX => in_pdf(made, source, None, day, options),
    }
}

/// Converts to Factur-X around given pages, a PDF/A-3: every invoice of the file would have the same.
pub fn convert_around(source: Source<'_>, pages: &[u8], day: &str, options: &Options) -> Result<Vec<Converted>, Fault> {
    let mut made = each(source, Target::FacturX, day, options)?;
    // The given pages do not hold the source.
    if sniff::is_pdf(source.bytes) {
        let (_, container) = container::open(source.bytes, &options.limits)?;
        made.iter_mut().for_each(|one| one.leave_attachments(&container));
    }
    in_pdf(made, source, Some(pages), day, options)
}

fn each(source: Source<'_>, target: Target, day: &str, options: &Options) -> Result<Vec<Converted>, Fault> {
    if pivot_conversion::is_pivot(source.bytes) {
        if target == Target::Pivot {
            return Err(already(target));
        }
        let invoices = pivot_conversion::convert(source.bytes, &options.limits)?;
        return invoices.into_iter().map(|made| of_pivot(made.map_err(|none| none.fault)?, target, options)).collect();
    }
    let wish = Wish { target, profile: Profile::En16931, received: day };
    if !sniff::is_pdf(source.bytes) {
        return one(source.bytes, source, wish, options).map(|converted| vec![converted]);
    }
    let (xml, container) = container::open(source.bytes, &options.limits)?;
    let mut made = one(&xml, source, wish, options)?;
    // A pivot holds the PDF itself as its original, and so does a PDF of our own pages.
    if matches!(target, Target::Ubl | Target::Cii) {
        made.leave_attachments(&container);
    }
    made.readings.splice(0..0, container.doubts);
    Ok(vec![made])
}

impl Converted {
    fn new(number: String, bytes: Vec<u8>, lost: Vec<Lost>, readings: Vec<Text>) -> Self {
        let (left_out, lost) = lost.into_iter().partition(Lost::is_of_the_transport);
        Self { number, bytes, lost, left_out, readings }
    }

    /// The other files of a PDF have no place in an XML, nor in a PDF of other pages.
    fn leave_attachments(&mut self, container: &Container) {
        for (at, file) in container.attachments.iter().enumerate() {
            let list = if container.originals.contains(&at) { &mut self.left_out } else { &mut self.lost };
            list.push(Lost { place: "PDF/EmbeddedFiles".to_owned(), value: file.name.clone() });
        }
    }
}

/// What was made into CII, each in its PDF: the given one, or the readable image of what it was made of, attached to it.
fn in_pdf(
    made: Vec<Converted>,
    source: Source<'_>,
    given: Option<&[u8]>,
    day: &str,
    options: &Options,
) -> Result<Vec<Converted>, Fault> {
    let date = en16931::Date::parse(day)
        .map_err(|error| impossible(&Text::technical("le jour n'en est pas un", "the day is none", error)))?;
    let profile = if pivot_conversion::is_pivot(source.bytes) { Profile::Chorus } else { Profile::En16931 };
    let mut payloads = Vec::with_capacity(made.len());
    for one in &made {
        payloads.push(Payload::of(&one.bytes, &options.limits).map_err(|why| impossible(&why))?);
    }
    let mut drawn = match given {
        Some(_) => Vec::new(),
        None => drawn(&made, &payloads, source, day, &judging(profile, options))?,
    }
    .into_iter();
    let mut pdfs = Vec::with_capacity(made.len());
    for payload in &payloads {
        let pages = given.map_or_else(|| Cow::Owned(drawn.next().unwrap_or_default()), Cow::Borrowed);
        let pdf = facturx::embed(&pages, payload, date, &options.limits).map_err(|why| match given {
            Some(_) => Fault::new(Code::PagesUnfit).with_text("why", &why),
            None => impossible(&why),
        })?;
        accepted(&pdf, profile, options).map_err(|fault| would_be_refused(&fault))?;
        pdfs.push(pdf);
    }
    Ok(made.into_iter().zip(pdfs).map(|(one, bytes)| Converted { bytes, ..one }).collect())
}

/// The readable image of each invoice. An original that is the invoice itself, byte for byte, is not attached twice.
fn drawn(
    made: &[Converted],
    payloads: &[Payload<'_>],
    source: Source<'_>,
    day: &str,
    options: &Options,
) -> Result<Vec<Vec<u8>>, Fault> {
    let is_it = made.first().is_some_and(|one| one.bytes == source.bytes);
    let carried_as = payloads.first().filter(|_| is_it).map(Payload::file_name);
    // By such a name a reader would take the original for the invoice.
    let renamed = format!("original-{}", source.name);
    let name = if facturx::is_taken_for_the_invoice(source.name) && !is_it { &renamed } else { source.name };
    let making = Making { day, maker: MAKER };
    let images = image::pages(Source { name, bytes: source.bytes }, carried_as, making, options)?;
    images.into_iter().map(|image| image.map(|image| image.pdf).map_err(|none| none.fault)).collect()
}

fn of_pivot(made: pivot_conversion::Converted, target: Target, options: &Options) -> Result<Converted, Fault> {
    if target == Target::Ubl {
        accepted(&made.ubl, Profile::Chorus, options)?;
        return Ok(Converted::new(made.number, made.ubl, made.lost, made.readings));
    }
    let source = Source { name: &made.number, bytes: &made.ubl };
    let converted = one(&made.ubl, source, Wish { target, profile: Profile::Chorus, received: "" }, options)?;
    let lost = made.lost.into_iter().chain(converted.lost).collect();
    let readings = made.readings.into_iter().chain(converted.readings).collect();
    Ok(Converted::new(converted.number, converted.bytes, lost, readings))
}

fn already(target: Target) -> Fault {
    let name = Target::ALL.iter().find(|(t, _)| *t == target).map_or("", |(_, name)| name);
    Fault::new(Code::ConversionNeedless).with("form", name)
}

fn impossible(why: &Text) -> Fault {
    Fault::new(Code::ConversionImpossible).with_text("why", why)
}

/// Whether our own verdict lets it pass; the fault is the verdict's. An invoice of Chorus Pro's own form lacks what the
/// European rules demand (nobody's VAT number stands in a pivot): it is judged as Chorus Pro judges it.
fn accepted(bytes: &[u8], profile: Profile, options: &Options) -> Result<(), Fault> {
    match examine(bytes, &judging(profile, options)) {
        Examined { verdict: Verdict::Reject, fault: Some(fault), .. } => Err(fault),
        _ => Ok(()),
    }
}

fn judging(profile: Profile, options: &Options) -> Options {
    Options { profile, block: true, sandbox: true, ..*options }
}

fn would_be_refused(fault: &Fault) -> Fault {
    let (fr, en) = (fault.title(Language::Fr), fault.title(Language::En));
    impossible(&Text::new(format!("le résultat serait refusé. {fr}"), format!("the result would be refused. {en}")))
}

/// What is to be made.
#[derive(Debug, Clone, Copy)]
struct Wish<'a> {
    target: Target,
    /// By which rules source and result are judged.
    profile: Profile,
    received: &'a str,
}

fn one(xml: &[u8], source: Source<'_>, wish: Wish<'_>, options: &Options) -> Result<Converted, Fault> {
    let Wish { target, profile, received } = wish;
    // First: of an invoice that lacks what it must have, the model would hold made-up zeros.
    accepted(xml, profile, options)?;
    let decoded = encoding::decode(xml)?;
    let outline = guard::outline(&decoded.text, &options.limits)?;
    sniff::vocabulary(&outline).map_err(|kind| kind.fault())?;
    let read = semantic::read(&outline, &decoded.text, &options.limits)
        .map_err(|error| impossible(&Text::technical("elle ne se lit pas", "it cannot be read", error)))?;
    let number = read.invoice.number.clone().unwrap_or_default();
    if is_already(&outline, target, source.bytes != xml) {
        return Err(already(target));
    }
    // What is in the right syntax already is taken out, or put in, as it is.
    match (target, is_cii(&outline)) {
        (Target::FacturX, true) => {
            let (bytes, readings) = as_it_is(xml, &decoded);
            return Ok(Converted::new(number, bytes, Vec::new(), readings));
        }
        (Target::Cii, true) | (Target::Ubl, false) => {
            return Ok(Converted::new(number, xml.to_vec(), Vec::new(), Vec::new()));
        }
        _ => {}
    }
    let (bytes, mut lost, readings) = match target {
        Target::Ubl | Target::Cii | Target::FacturX => {
            let binding = if target == Target::Ubl { Binding::Ubl } else { Binding::Cii };
            let written = semantic::write(&read.invoice, binding).map_err(|terms| lacking(&terms.join(", ")))?;
            faithful(&read.invoice, &written, binding, &options.limits)?;
            let readings = stated_discount(&read.invoice, binding).into_iter().collect();
            (written.xml.into_bytes(), written.lost, readings)
        }
        Target::Pivot => {
            let is_pdf = sniff::is_pdf(source.bytes);
            let mime = if is_pdf { "application/pdf" } else { "application/xml" };
            let original = Original { name: source.name, mime, content: source.bytes };
            let pivot = pivot_writing::write(&read.invoice, original, received).map_err(|missing| {
                let words = |pick: fn(&Text) -> &str| missing.iter().map(pick).collect::<Vec<_>>().join(" ; ");
                let (fr, en) = (words(|text| &text.fr), words(|text| &text.en));
                impossible(&Text::new(format!("il manque {fr}"), format!("it lacks {en}")))
            })?;
            let lost = semantic::uncarried(&read.invoice, &pivot.carried, &options.limits)
                .map_err(|terms| lacking(&terms.join(", ")))?;
            (pivot.xml.into_bytes(), lost, pivot.readings)
        }
    };
    lost.splice(0..0, read.lost);
    if target == Target::Pivot {
        held(&bytes, options)?;
    } else {
        // A rule that only warns in one syntax may block in the other (BR-51).
        accepted(&bytes, profile, options).map_err(|fault| would_be_refused(&fault))?;
    }
    Ok(Converted::new(number, bytes, lost, readings))
}

/// Whether a pivot holds enough of the invoice to be one again: what it came to would else be no invoice.
fn held(pivot: &[u8], options: &Options) -> Result<(), Fault> {
    for again in pivot_conversion::convert(pivot, &options.limits)? {
        let again = again.map_err(|Incomplete { missing, .. }| {
            impossible(&Text::new(
                format!("un pivot ne peut pas la porter : relu, il y manquerait {}", missing.fr),
                format!("a pivot cannot hold it: read again, it would lack {}", missing.en),
            ))
        })?;
        accepted(&again.ubl, Profile::Chorus, options).map_err(|fault| would_be_refused(&fault))?;
    }
    Ok(())
}

/// In UBL a gross price has a discount beside it, be it none (BT-147).
fn stated_discount(invoice: &en16931::Invoice, binding: Binding) -> Option<Text> {
    let is_derived = |line: &InvoiceLine| line.price.gross_price.is_some() && line.price.price_discount.is_none();
    (binding == Binding::Ubl && invoice.lines.iter().any(is_derived)).then(|| {
        Text::new(
            "prix brut sans rabais (BT-148 sans BT-147) : un rabais de 0 est écrit, qu'UBL demande",
            "gross price without a discount (BT-148 without BT-147): a discount of 0 is written, which UBL demands",
        )
    })
}

fn is_cii(outline: &Outline<'_>) -> bool {
    outline.name(Id::ROOT) == "CrossIndustryInvoice"
}

fn is_already(outline: &Outline<'_>, target: Target, is_in_pdf: bool) -> bool {
    match target {
        Target::Ubl => !is_cii(outline) && !is_in_pdf,
        Target::Cii => is_cii(outline) && !is_in_pdf,
        Target::FacturX => is_cii(outline) && is_in_pdf,
        Target::Pivot => false,
    }
}

/// A CII as a PDF carries it: its own bytes, unless they are in a coding that readers of Factur-X refuse.
fn as_it_is(xml: &[u8], decoded: &encoding::Decoded<'_>) -> (Vec<u8>, Vec<Text>) {
    let Some(coding) = decoded.transcoded else { return (xml.to_vec(), Vec::new()) };
    let declared = decoded.text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    let body = declared.map_or(decoded.text.as_ref(), |(_, body)| body);
    let told = Text::new(
        format!("la facture, écrite en {coding}, est jointe en UTF-8"),
        format!("the invoice, written in {coding}, is attached in UTF-8"),
    );
    (format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{body}").into_bytes(), vec![told])
}

fn lacking(terms: &str) -> Fault {
    impossible(&Text::new(format!("il manque {terms}"), format!("it lacks {terms}")))
}

/// What was written is read again, and must say what was meant; where something is told as lost, it must at least be what
/// would be written again.
fn faithful(
    meant: &en16931::Invoice,
    written: &semantic::Writing,
    binding: Binding,
    limits: &Limits,
) -> Result<(), Fault> {
    let outline = guard::outline(&written.xml, limits)?;
    let mut read = semantic::read(&outline, &written.xml, limits).map_err(|error| {
        impossible(&Text::technical("le résultat ne se lit pas", "the result cannot be read", error))
    })?;
    if binding == Binding::Ubl {
        for (line, meant) in read.invoice.lines.iter_mut().zip(&meant.lines) {
            // As `stated_discount` has it.
            let stated = line.price.price_discount.take();
            let is_none = meant.price.price_discount.is_none()
                && stated.is_some_and(|discount| discount.into_decimal().is_zero());
            line.price.price_discount = stated.filter(|_| !is_none);
        }
    }
    let same = match written.lost.is_empty() {
        true => read.invoice == *meant,
        false => semantic::write(&read.invoice, binding).is_ok_and(|again| again.xml == written.xml),
    };
    match same {
        true => Ok(()),
        false => Err(impossible(&Text::new(
            "le résultat, relu, ne dit pas la même chose : c'est un défaut de Fluxgate, signalez-le",
            "the result, read again, does not say the same: this is a defect of Fluxgate, report it",
        ))),
    }
}
