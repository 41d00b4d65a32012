//! A file -> the readable image of each invoice in it, whatever it is written in and whether it is right or not.
//!
//! Promises: what can be read at all has an image; it shows what the check found and what of the original the semantic
//! model has no place for; the original is attached as it came. Refuses to know files, and whether the invoice will do.

use crate::fault::{Code, Fault, Language, Text};

use super::conversion::Source;
use super::pivot_conversion::{Draft, Incomplete};
use super::render::{self, Extra, Original, Outside, Remark, Unsaid};
use super::semantic::{self, Lost};
use super::{Examined, Finding, Options, Severity, Site, container, encoding, examine, guard, pivot_conversion, sniff};

/// An invoice as a PDF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The supplier's number (BT-1); empty where the original gives none.
    pub number: String,
    pub pdf: Vec<u8>,
}

/// An invoice of a file with several that has no image, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoImage {
    pub number: String,
    pub fault: Fault,
}

/// Who makes the image, and when.
#[derive(Debug, Clone, Copy)]
pub struct Making<'a> {
    /// `yyyy-mm-dd`.
    pub day: &'a str,
    /// Name and version.
    pub maker: &'a str,
}

/// What is drawn, and what beside it.
struct Subject<'a> {
    /// The XML that is read, in UTF-8 or what it says it is.
    xml: &'a [u8],
    findings: &'a [Finding],
    /// What was converted to `xml` could not be carried there.
    lost: Vec<Lost>,
    /// How what the source does not say was read.
    readings: Vec<Text>,
    checked: Option<&'static str>,
    carried_as: Option<&'a str>,
}

/// Draws every invoice of a file: a pivot may hold several. `options` say by which rules the remarks are found; they are in
/// French, as the image is. The fault is the file's: it cannot be read.
pub fn images(source: Source<'_>, making: Making<'_>, options: &Options) -> Result<Vec<Result<Image, NoImage>>, Fault> {
    pages(source, None, making, options)
}

/// As [`images`]. With `carried_as`, the original is not attached: it will be in the PDF as the invoice, by that name.
pub(super) fn pages(
    source: Source<'_>,
    carried_as: Option<&str>,
    making: Making<'_>,
    options: &Options,
) -> Result<Vec<Result<Image, NoImage>>, Fault> {
    let options = &Options { language: Language::Fr, ..*options };
    if source.bytes.len() <= options.limits.file_bytes && pivot_conversion::is_pivot(source.bytes) {
        let drafts = pivot_conversion::drafts(source.bytes, &options.limits)?;
        return Ok(drafts.into_iter().map(|draft| of_pivot(draft, source, making, options)).collect());
    }
    let examined = examine(source.bytes, options);
    if let Examined { facts: None, fault: Some(fault), .. } = examined {
        return Err(fault);
    }
    if examined.syntax.is_some_and(super::Syntax::is_foreign) {
        let name = examined.syntax.map_or("", super::Syntax::as_str);
        return Err(impossible(&Text::new(
            format!("le modèle européen ne décrit pas ce format ({name})"),
            format!("the European model does not describe this form ({name})"),
        )));
    }
    let inside = match sniff::is_pdf(source.bytes) {
        true => Some(container::open(source.bytes, &options.limits)?.0),
        false => None,
    };
    let subject = Subject {
        xml: inside.as_deref().unwrap_or(source.bytes),
        findings: &examined.findings,
        lost: Vec::new(),
        readings: Vec::new(),
        checked: None,
        carried_as,
    };
    draw(subject, source, making, options).map(|image| vec![Ok(image)])
}

fn of_pivot(
    draft: Result<Draft, Incomplete>,
    source: Source<'_>,
    making: Making<'_>,
    options: &Options,
) -> Result<Image, NoImage> {
    let Draft { number, ubl, lost, mut readings, fault } =
        draft.map_err(|incomplete| NoImage { number: incomplete.number, fault: incomplete.fault })?;
    readings.insert(
        0,
        Text::new(
            "l'original est un pivot de Chorus Pro : l'image montre ce qu'il donne",
            "the original is a pivot of Chorus Pro: the image shows what it gives",
        ),
    );
    let mut findings = examine(&ubl, options).findings;
    for finding in &mut findings {
        finding.forget_line();
    }
    findings.splice(0..0, fault.map(|fault| of_fault(&fault)));
    let subject = Subject {
        xml: &ubl,
        findings: &findings,
        lost,
        readings,
        checked: Some("de l'UBL fait de ce pivot"),
        carried_as: None,
    };
    draw(subject, source, making, options).map_err(|fault| NoImage { number, fault })
}

/// What keeps the original from being an invoice, as a finding of its own.
fn of_fault(fault: &Fault) -> Finding {
    Finding {
        rule: fault.code.as_str().to_owned(),
        severity: Severity::Fatal,
        place: String::new(),
        message: fault.title(Language::Fr),
        remedy: fault.remedy(Language::Fr),
        site: Site::default(),
    }
}

fn draw(subject: Subject<'_>, source: Source<'_>, making: Making<'_>, options: &Options) -> Result<Image, Fault> {
    let decoded = encoding::decode(subject.xml)?;
    let outline = guard::outline(&decoded.text, &options.limits)?;
    let read = semantic::read(&outline, &decoded.text, &options.limits)
        .map_err(|error| impossible(&Text::technical("elle ne se lit pas", "it cannot be read", error)))?;
    let made_on = en16931::Date::parse(making.day)
        .map_err(|error| impossible(&Text::technical("le jour n'en est pas un", "the day is none", error)))?;
    let readings = subject.readings.iter().map(|text| Remark {
        rule: Code::PivotRead.as_str(),
        severity: Severity::Warning,
        place: "",
        message: &text.fr,
        remedy: "",
    });
    let remarks: Vec<Remark<'_>> = readings.chain(subject.findings.iter().map(remark)).collect();
    let lost = subject.lost.iter().chain(&read.lost);
    let outside: Vec<Outside<'_>> = lost.map(|lost| Outside { path: &lost.place, value: &lost.value }).collect();
    let mime = if sniff::is_pdf(source.bytes) { "application/pdf" } else { "text/xml" };
    let extra = Extra {
        original: Original { name: source.name, bytes: source.bytes, mime, carried_as: subject.carried_as },
        remarks: &remarks,
        outside: &outside,
        unsaid: &Unsaid::of(&read.invoice, &outline),
        checked: subject.checked,
        rules: &options.versions().told(Language::Fr),
        made_on,
        maker: making.maker,
    };
    let pdf = render::render(&read.invoice, &extra).map_err(|error| impossible(&error.told()))?;
    Ok(Image { number: read.invoice.number.unwrap_or_default(), pdf })
}

fn remark(finding: &Finding) -> Remark<'_> {
    Remark {
        rule: &finding.rule,
        severity: finding.severity,
        place: &finding.place,
        message: &finding.message,
        remedy: &finding.remedy,
    }
}

fn impossible(why: &Text) -> Fault {
    Fault::new(Code::ImageImpossible).with_text("why", why)
}
