//! One form of an invoice -> another, through the semantic model: UBL, CII, Factur-X, what a PDF carries, pivots.
//!
//! Promises: the result passes our own verdict; what has no place in it is named, all of it; nothing is invented, and what
//! the source does not say in so many words is told with how it was read. Refuses to know files, and whether a loss matters.

use std::borrow::Cow;

use en16931_formats::Syntax as Binding;

use crate::fault::{Code, Fault, Language, Text};

use super::container::{self, Container};
use super::facturx::{self, Payload};
use super::image::{self, Making};
use super::outline::{Id, Outline};
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
        made.iter_mut().for_each(|one| one.lost.extend(attachments(&container)));
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
        made.lost.extend(attachments(&container));
    }
    made.readings.splice(0..0, container.doubts);
    Ok(vec![made])
}

/// The other files of a PDF, which have no place in an XML.
fn attachments(container: &Container) -> impl Iterator<Item = Lost> {
    let named = container.attachments.iter().map(|file| file.name.clone());
    named.map(|value| Lost { place: "PDF/EmbeddedFiles".to_owned(), value })
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
    let lost: Vec<Lost> = made.lost.into_iter().map(|place| Lost { place, value: String::new() }).collect();
    if target == Target::Ubl {
        accepted(&made.ubl, Profile::Chorus, options)?;
        return Ok(Converted { number: made.number, bytes: made.ubl, lost, readings: made.readings });
    }
    let source = Source { name: &made.number, bytes: &made.ubl };
    let converted = one(&made.ubl, source, Wish { target, profile: Profile::Chorus, received: "" }, options)?;
    let lost = lost.into_iter().chain(converted.lost).collect();
    Ok(Converted { lost, readings: made.readings, ..converted })
}

fn already(target: Target) -> Fault {
    let name = Target::ALL.iter().find(|(t, _)| *t == target).map_or("", |(_, name)| name);
    impossible(&Text::new(format!("il est déjà en {name}"), format!("it is {name} already")))
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
            return Ok(Converted { number, bytes, lost: Vec::new(), readings });
        }
        (Target::Cii, true) | (Target::Ubl, false) => {
            return Ok(Converted { number, bytes: xml.to_vec(), lost: Vec::new(), readings: Vec::new() });
        }
        _ => {}
    }
    let (bytes, mut lost, readings) = match target {
        Target::Ubl | Target::Cii | Target::FacturX => {
            let binding = if target == Target::Ubl { Binding::Ubl } else { Binding::Cii };
            let written = semantic::write(&read.invoice, binding).map_err(|terms| lacking(&terms.join(", ")))?;
            faithful(&read.invoice, &written, binding, &options.limits)?;
            (written.xml.into_bytes(), written.lost, Vec::new())
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
    if target != Target::Pivot {
        // A rule that only warns in one syntax may block in the other (BR-51).
        accepted(&bytes, profile, options).map_err(|fault| would_be_refused(&fault))?;
    }
    Ok(Converted { number, bytes, lost, readings })
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
    let read = semantic::read(&outline, &written.xml, limits).map_err(|error| {
        impossible(&Text::technical("le résultat ne se lit pas", "the result cannot be read", error))
    })?;
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
