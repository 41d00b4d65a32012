//! A pivot that was dropped to be sent: each of its invoices goes as the UBL made of it, after our own check of that.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::domain::DocumentHash;
use crate::fault::{Code, Fault, Language};
use crate::invoice::pivot_conversion::{self, Converted, Incomplete};
use crate::invoice::{self, Finding, Verdict, archive};
use crate::store::{
    Announcement, Content, Conversion, Facts, FindingRecord, FlowRecord, FluxPart, InvoiceFacts, Reader,
};
use crate::work::announce::{Wish, warning};
use crate::work::core::{Core, JobError};
use crate::work::intake::{examine_guarded, finding_record, invoice_facts, is_repeatable, rules_failed};
use crate::work::recipients::Recipients;
use crate::work::split::{self, Gathered, Outcome};

/// How a pivot is called beside the syntaxes of invoices.
pub(super) const PIVOT: &str = "pivot";

/// An invoice of a pivot.
pub(super) enum Made {
    Good(Good),
    Refused { number: String, fault: Fault, facts: Option<InvoiceFacts>, findings: Vec<FindingRecord> },
}

/// One that can be sent.
pub(super) struct Good {
    pub number: String,
    pub ubl: Vec<u8>,
    pub syntax: invoice::Syntax,
    pub facts: InvoiceFacts,
    pub repeatable: bool,
    /// What the check found in the UBL, after what was lost on the way to it.
    pub findings: Vec<FindingRecord>,
    lost: Vec<String>,
}

impl Good {
    /// Makes the UBL durable; what is to be remembered of it. `source` is the hash of the pivot.
    pub(super) fn keep(&self, core: &Core, source: DocumentHash) -> Result<Conversion, JobError> {
        Ok(Conversion {
            source,
            content: core.store.keep_document(&mut self.ubl.as_slice())?,
            from: PIVOT.to_owned(),
            to: self.syntax.as_str().to_owned(),
            lost: self.lost.clone(),
        })
    }
}

/// A pivot: one invoice goes as the file's own flow, several as parts.
pub(super) fn read(
    core: &Core,
    flow: &FlowRecord,
    bytes: &[u8],
    options: &invoice::Options,
    wish: Wish,
    recipients: &Recipients<'_>,
) -> Result<Outcome, JobError> {
    let source = flow.sha256.ok_or(JobError::Missing("the document's hash"))?;
    let syntax = || Some(PIVOT.to_owned());
    let mut all = match convert(bytes, options, flow, recipients) {
        Ok(all) => all,
        Err(fault) => {
            return Ok(Outcome::Refused(Facts { fault: Some(fault), syntax: syntax(), ..Facts::default() }));
        }
    };
    if all.len() > 1 {
        let reader = core.store.reader()?;
        let mut gathered = Gathered::new(PIVOT, wish, options.language);
        for made in all {
            gathered.seen += 1;
            take(&reader, flow, None, source, made, &mut gathered)?;
        }
        return split::outcome(core, flow, gathered);
    }
    Ok(match all.pop() {
        Some(Made::Good(good)) => {
            let (announced, ignored) = announced(&good, wish, options.language)?;
            let conversion = Some(good.keep(core, source)?);
            let findings = Some(good.findings.into_iter().chain(ignored).collect());
            let (invoices, repeatable) = (Some(vec![good.facts]), good.repeatable);
            let announced = Some(announced);
            Outcome::One(Facts {
                findings,
                invoices,
                repeatable,
                announced,
                conversion,
                syntax: syntax(),
                ..Facts::default()
            })
        }
        Some(Made::Refused { fault, facts, findings, .. }) => {
            let (findings, invoices) = (Some(findings), Some(facts.into_iter().collect()));
            Outcome::Refused(Facts { fault: Some(fault), findings, invoices, syntax: syntax(), ..Facts::default() })
        }
        None => Outcome::Refused(Facts { fault: Some(archive::empty()), syntax: syntax(), ..Facts::default() }),
    })
}

/// How what was made of a pivot is announced: a signature of the pivot is none of the UBL's.
fn announced(good: &Good, wish: Wish, language: Language) -> Result<(Announcement, Option<FindingRecord>), JobError> {
    let (announced, ignored) =
        wish.announce(good.syntax.as_str(), false, language).ok_or(JobError::Missing("the syntax"))?;
    Ok((Announcement { signed: false, ..announced }, ignored))
}

/// Judges what was made of an invoice of a pivot; `member` is the pivot's name in its archive.
pub(super) fn take(
    reader: &Reader,
    flow: &FlowRecord,
    member: Option<&str>,
    source: DocumentHash,
    made: Made,
    gathered: &mut Gathered,
) -> Result<(), JobError> {
    let shown = |number: &str| member.map_or_else(|| number.to_owned(), |member| format!("{member} : {number}"));
    let good = match made {
        Made::Good(good) => good,
        Made::Refused { number, fault, facts, findings } => {
            gathered.refuse(&shown(&number), &fault, facts, findings);
            return Ok(());
        }
    };
    let invoices = std::slice::from_ref(&good.facts);
    if let Some(fault) = split::on_its_way(reader, flow, &good.ubl, invoices, good.repeatable, gathered)? {
        gathered.refuse(&shown(&good.number), &fault, [good.facts], Vec::new());
        return Ok(());
    }
    for finding in &good.findings {
        gathered.find(split::within(&shown(&good.number), finding.clone()));
    }
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
    let name: String = good.number.chars().map(safe).collect();
    gathered.converted.push((split::part_of(&flow.file, &format!("{name}.xml")), source, good));
    Ok(())
}

pub(super) fn part(
    core: &Core,
    file: String,
    source: DocumentHash,
    good: Good,
    gathered: &mut Gathered,
) -> Result<FluxPart, JobError> {
    let (announced, ignored) = announced(&good, gathered.wish, gathered.language)?;
    if let Some(ignored) = ignored {
        gathered.find(split::within(&good.number, ignored));
    }
    let conversion = good.keep(core, source)?;
    Ok(FluxPart {
        file,
        content: Content::Kept(conversion.content),
        syntax: good.syntax.as_str().to_owned(),
        announced: Some(announced),
        conversion: Some(conversion),
        invoices: vec![good.facts],
        repeatable: good.repeatable,
        pdf: None,
    })
}

/// What becomes of each invoice of the pivot; or why nothing does.
pub(super) fn convert(
    bytes: &[u8],
    options: &invoice::Options,
    flow: &FlowRecord,
    recipients: &Recipients<'_>,
) -> Result<Vec<Made>, Fault> {
    let converted = catch_unwind(AssertUnwindSafe(|| pivot_conversion::convert(bytes, &options.limits)));
    let all = converted.unwrap_or_else(|_| {
        log::error!(flow = flow.id.as_str(); "Converting a pivot broke off; it is refused");
        Err(Fault::new(Code::ReadingFailed))
    })?;
    Ok(all.into_iter().map(|one| checked(one, options, flow, recipients)).collect())
}

/// The converted invoice passes the same check as a dropped one.
fn checked(
    one: Result<Converted, Incomplete>,
    options: &invoice::Options,
    flow: &FlowRecord,
    recipients: &Recipients<'_>,
) -> Made {
    let converted = match one {
        Ok(converted) => converted,
        Err(Incomplete { number, fault, .. }) => {
            return Made::Refused { number, fault, facts: None, findings: Vec::new() };
        }
    };
    let mut examined = examine_guarded(&converted.ubl, options, flow, recipients);
    examined.findings.iter_mut().for_each(Finding::forget_line);
    let repeatable = examined.facts.as_ref().is_some_and(is_repeatable);
    let facts = examined.facts.and_then(invoice_facts);
    let mut findings: Vec<FindingRecord> = examined.findings.iter().map(finding_record).collect();
    match (examined.verdict, examined.syntax, facts) {
        (Verdict::Accept, Some(syntax), Some(facts)) => {
            let told = converted.told(syntax);
            findings.splice(0..0, told.iter().map(|fault| warning(fault, &converted.number, options.language)));
            let Converted { number, ubl, lost, .. } = converted;
            let mut lost: Vec<String> = lost.into_iter().map(|lost| lost.place).collect();
            lost.dedup();
            Made::Good(Good { number, ubl, syntax, facts, repeatable, findings, lost })
        }
        (_, _, facts) => {
            let fault = examined.fault.unwrap_or_else(|| rules_failed(&findings));
            Made::Refused { number: converted.number, fault, facts, findings }
        }
    }
}
