//! One form of an invoice -> another, through the semantic model: UBL, CII, what a PDF carries, pivots.
//!
//! Promises: the result passes our own verdict; what has no place in it is named, all of it; nothing is invented, and what
//! the source does not say in so many words is told with how it was read. Refuses to know files, and whether a loss matters.

use en16931_formats::Syntax as Binding;

use crate::fault::{Code, Fault, Language, Text};

use super::outline::{Id, Outline};
use super::pivot_writing::{self, Original};
use super::semantic::{self, Lost};
use super::{
    Examined, Limits, Options, Profile, Verdict, container, encoding, examine, guard, pivot_conversion, sniff,
};

/// What an invoice can be made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Ubl,
    Cii,
    /// Chorus Pro's own, V2_02, with the source inside as the original.
    Pivot,
}

impl Target {
    /// As on the command line.
    pub const ALL: [(Target, &str); 3] = [(Target::Ubl, "ubl"), (Target::Cii, "cii"), (Target::Pivot, "pivot")];
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

/// Converts every invoice of a file: a pivot may hold several. `received` is the day to write as that of receipt where the
/// target has one, `yyyy-mm-dd`. The fault is the file's, or the invoice's that cannot be converted.
pub fn convert(source: Source<'_>, target: Target, received: &str, limits: &Limits) -> Result<Vec<Converted>, Fault> {
    if pivot_conversion::is_pivot(source.bytes) {
        if target == Target::Pivot {
            return Err(already(target));
        }
        let invoices = pivot_conversion::convert(source.bytes, limits)?;
        return invoices.into_iter().map(|made| of_pivot(made.map_err(|none| none.fault)?, target, limits)).collect();
    }
    let xml = match sniff::is_pdf(source.bytes) {
        true => container::open(source.bytes, limits)?.0,
        false => source.bytes.to_vec(),
    };
    one(&xml, source, Wish { target, profile: Profile::En16931, received }, limits).map(|converted| vec![converted])
}

fn of_pivot(made: pivot_conversion::Converted, target: Target, limits: &Limits) -> Result<Converted, Fault> {
    let lost: Vec<Lost> = made.lost.into_iter().map(|place| Lost { place, value: String::new() }).collect();
    if target == Target::Ubl {
        accepted(&made.ubl, Profile::Chorus, limits)?;
        return Ok(Converted { number: made.number, bytes: made.ubl, lost, readings: made.readings });
    }
    let source = Source { name: &made.number, bytes: &made.ubl };
    let converted = one(&made.ubl, source, Wish { target, profile: Profile::Chorus, received: "" }, limits)?;
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
fn accepted(bytes: &[u8], profile: Profile, limits: &Limits) -> Result<(), Fault> {
    let options = Options { profile, block: true, sandbox: true, limits: *limits, ..Options::default() };
    match examine(bytes, &options) {
        Examined { verdict: Verdict::Reject, fault: Some(fault), .. } => Err(fault),
        _ => Ok(()),
    }
}

/// What is to be made.
#[derive(Debug, Clone, Copy)]
struct Wish<'a> {
    target: Target,
    /// By which rules source and result are judged.
    profile: Profile,
    received: &'a str,
}

fn one(xml: &[u8], source: Source<'_>, wish: Wish<'_>, limits: &Limits) -> Result<Converted, Fault> {
    let Wish { target, profile, received } = wish;
    // First: of an invoice that lacks what it must have, the model would hold made-up zeros.
    accepted(xml, profile, limits)?;
    let decoded = encoding::decode(xml)?;
    let outline = guard::outline(&decoded.text, limits)?;
    sniff::vocabulary(&outline).map_err(|kind| kind.fault())?;
    let read = semantic::read(&outline, &decoded.text, limits)
        .map_err(|error| impossible(&Text::technical("elle ne se lit pas", "it cannot be read", error)))?;
    let number = read.invoice.number.clone().unwrap_or_default();
    let (bytes, mut lost, readings) = match target {
        Target::Ubl | Target::Cii => {
            if is_already(&outline, target) && source.bytes == xml {
                return Err(already(target));
            }
            let binding = if target == Target::Ubl { Binding::Ubl } else { Binding::Cii };
            let written = semantic::write(&read.invoice, binding).map_err(|terms| lacking(&terms.join(", ")))?;
            faithful(&read.invoice, &written, binding, limits)?;
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
            let lost = semantic::uncarried(&read.invoice, &pivot.carried, limits)
                .map_err(|terms| lacking(&terms.join(", ")))?;
            (pivot.xml.into_bytes(), lost, pivot.readings)
        }
    };
    lost.splice(0..0, read.lost);
    if target != Target::Pivot {
        // A rule that only warns in one syntax may block in the other (BR-51).
        accepted(&bytes, profile, limits).map_err(|fault| {
            let (fr, en) = (fault.title(Language::Fr), fault.title(Language::En));
            impossible(&Text::new(
                format!("le résultat serait refusé. {fr}"),
                format!("the result would be refused. {en}"),
            ))
        })?;
    }
    Ok(Converted { number, bytes, lost, readings })
}

fn is_already(outline: &Outline<'_>, target: Target) -> bool {
    let is_cii = outline.name(Id::ROOT) == "CrossIndustryInvoice";
    (target == Target::Cii) == is_cii
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
