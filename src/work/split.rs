//! A dropped file that holds several things: an archive of invoices, or a file of statuses.
//!
//! Promises: every member and every line gets its own outcome; what is good goes its way, what is not is refused by name,
//! with its findings, and delays nothing. Invoices of one syntax travel together, in as few fluxes as Chorus Pro's limits
//! allow; those that Chorus Pro takes more than once travel alone, so that each is known by its own bytes. Whoever drops
//! the same thing twice within a file is told so.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::chorus::{Batch, BatchFile, FluxSyntax, split_batch};
use crate::domain::{DocumentHash, FlowId};
use crate::fault::{Code, Fault, Language};
use crate::invoice::archive::{self, Member};
use crate::invoice::{self, Examined, Verdict, pdf_data};
use crate::store::{
    Announcement, Content, Facts, FindingRecord, FlowRecord, FluxPart, InvoiceFacts, PDF, Parts, PdfPart, Reader,
    RefusedMember, not_taken,
};
use crate::work::announce::Wish;
use crate::work::complement;
use crate::work::core::{Core, JobError};
use crate::work::dropped::Dropped;
use crate::work::intake::{finding_record, invoice_facts, is_repeatable};
use crate::work::paired_members::{Pair, PairedMembers};
use crate::work::pairing::invoice_facts as invoice_facts_of;
use crate::work::pivot::{self, Good};
use crate::work::recipients::Recipients;
use crate::work::status_requests;

/// Documents up to this size go into the step itself; larger ones are made durable before it.
const INLINE_BYTES: usize = 64 * 1024;
/// Findings kept of one file, of all its members.
pub(super) const FINDINGS_LIMIT: usize = 1_000;
/// What an archive is called beside the syntaxes of invoices.
const ARCHIVE: &str = "archive";

/// What is to be done with a file that holds several things.
pub(super) enum Outcome {
    /// Nothing of it is good.
    Refused(Facts),
    /// It holds one thing, which goes as another than it came.
    One(Facts),
    Split(Parts, Facts),
}

/// Splits the file, if it is one that holds several things.
pub(super) fn read(
    core: &Core,
    flow: &FlowRecord,
    (dropped, bytes): (Dropped, &[u8]),
    options: &invoice::Options,
    wish: Wish,
    recipients: &Recipients<'_>,
) -> Result<Option<Outcome>, JobError> {
    Ok(Some(match dropped {
        Dropped::Complement => complement::read(core, flow, bytes, options)?,
        Dropped::Archive => archive_of_invoices(core, flow, bytes, options, wish, recipients)?,
        Dropped::Pivot => pivot::read(core, flow, bytes, options, wish, recipients)?,
        Dropped::Statuses => status_requests::read(core, flow, bytes, options.language)?,
        Dropped::PdfData | Dropped::Invoice => return Ok(None),
    }))
}

/// What is gathered while an archive, or a pivot of several, is gone through.
pub(super) struct Gathered {
    pub(super) wish: Wish,
    pub(super) language: Language,
    /// What the file is called beside the syntaxes of invoices.
    kind: &'static str,
    good: BTreeMap<Kind, Group>,
    /// What was made of pivots: each goes by itself.
    pub(super) converted: Vec<(String, DocumentHash, Good)>,
    refused: Vec<InvoiceFacts>,
    labels: Vec<(u32, String)>,
    refused_parts: u32,
    members: Vec<RefusedMember>,
    findings: Vec<FindingRecord>,
    /// Their contents so far: the same bytes twice are one invoice.
    contents: BTreeSet<DocumentHash>,
    /// Plain PDFs whose data lie in the archive, each with its data.
    pdfs: Vec<FluxPart>,
    /// Members seen so far.
    pub(super) seen: usize,
}

/// What goes together in a flux: one syntax, announced one way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    syntax: &'static str,
    announced: String,
    signed: bool,
    /// Chorus Pro takes invoices of this kind more than once: a doubt about those is a person's, so they travel apart.
    repeatable: bool,
}

/// Files of one kind.
#[derive(Default)]
struct Group {
    members: Vec<Taken>,
}

/// A member that goes its way.
struct Taken {
    /// Among the archive's members.
    place: usize,
    name: String,
    content: Vec<u8>,
    invoices: Vec<InvoiceFacts>,
}

impl Gathered {
    pub(super) fn new(kind: &'static str, wish: Wish, language: Language) -> Self {
        Self {
            wish,
            language,
            kind,
            good: BTreeMap::new(),
            converted: Vec::new(),
            refused: Vec::new(),
            labels: Vec::new(),
            refused_parts: 0,
            members: Vec::new(),
            findings: Vec::new(),
            contents: BTreeSet::new(),
            pdfs: Vec::new(),
            seen: 0,
        }
    }

    /// A member that goes nowhere: why, and which invoices it holds where that is known.
    pub(super) fn refuse(
        &mut self,
        name: &str,
        fault: &Fault,
        invoices: impl IntoIterator<Item = InvoiceFacts>,
        findings: Vec<FindingRecord>,
    ) {
        self.refuse_at(self.seen.saturating_sub(1), name, fault, invoices, findings);
    }

    /// The same of one that was good when it was looked at; `place` is its own.
    pub(super) fn refuse_at(
        &mut self,
        place: usize,
        name: &str,
        fault: &Fault,
        invoices: impl IntoIterator<Item = InvoiceFacts>,
        findings: Vec<FindingRecord>,
    ) {
        let language = self.language;
        let told = RefusedMember { place, name: name.to_owned(), fault: fault.clone(), findings: findings.clone() };
        // A pivot of several has no members of its own; one of an archive is one file, however many go wrong in it.
        if self.kind == ARCHIVE && self.members.last().is_none_or(|last| last.place != place) {
            self.members.push(told);
        }
        let title = format!("{} {}", fault.code, fault.title(language));
        let known = self.refused.len();
        for facts in invoices {
            self.labels.push((u32::try_from(self.refused.len()).unwrap_or(u32::MAX), title.clone()));
            self.refused.push(facts);
        }
        // People count invoices: what cannot be read is one.
        let count = u32::try_from(self.refused.len() - known).unwrap_or(u32::MAX).max(1);
        self.refused_parts = self.refused_parts.saturating_add(count);
        self.find(FindingRecord {
            rule: fault.code.to_string(),
            severity: "fatal".to_owned(),
            place: name.to_owned(),
            message: fault.title(language),
            remedy: fault.remedy(language),
        });
        for finding in findings {
            self.find(within(name, finding));
        }
    }

    pub(super) fn find(&mut self, finding: FindingRecord) {
        if self.findings.len() < FINDINGS_LIMIT {
            self.findings.push(finding);
        }
    }

    fn facts(self) -> Facts {
        Facts {
            findings: Some(self.findings),
            invoices: Some(self.refused),
            refused_invoices: self.labels,
            refused_parts: self.refused_parts,
            refused_members: self.members,
            syntax: Some(self.kind.to_owned()),
            ..Facts::default()
        }
    }
}

/// A finding's place, with the member it is in.
pub(super) fn within(name: &str, finding: FindingRecord) -> FindingRecord {
    let place = if finding.place.is_empty() { name.to_owned() } else { format!("{name} : {}", finding.place) };
    FindingRecord { place, ..finding }
}

fn archive_of_invoices(
    core: &Core,
    flow: &FlowRecord,
    bytes: &[u8],
    options: &invoice::Options,
    wish: Wish,
    recipients: &Recipients<'_>,
) -> Result<Outcome, JobError> {
    let reader = core.store.reader()?;
    let mut gathered = Gathered::new(ARCHIVE, wish, options.language);
    let mut failed: Option<JobError> = None;
    // Data first, wherever in the archive they lie: they say what the other members are for.
    let mut paired = PairedMembers::find(bytes, options);
    let whole = archive::read(bytes, &options.limits, &mut |member| {
        if failed.is_none() {
            gathered.seen += 1;
            if let Some(member) = paired.take(member, gathered.seen - 1, options) {
                failed = take_member((&reader, recipients), flow, member, options, &mut gathered).err();
            }
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    for pair in paired.settle(&mut gathered) {
        take_pair(core, (&reader, recipients), flow, pair, options, &mut gathered)?;
    }
    // Half of an archive that is broken further on is nobody's wish.
    if let Err(fault) = whole {
        return Ok(refused_whole(fault, gathered));
    }
    outcome(core, flow, gathered)
}

/// The file is refused as a whole: it stands among the refused files itself, not its members.
fn refused_whole(fault: Fault, gathered: Gathered) -> Outcome {
    Outcome::Refused(Facts { fault: Some(fault), refused_members: Vec::new(), ..gathered.facts() })
}

/// The parts of what was gathered, if anything of it is good.
pub(super) fn outcome(core: &Core, flow: &FlowRecord, mut gathered: Gathered) -> Result<Outcome, JobError> {
    let groups = std::mem::take(&mut gathered.good);
    let converted = std::mem::take(&mut gathered.converted);
    let mut parts = std::mem::take(&mut gathered.pdfs);
    for (kind, group) in groups {
        pack(core, flow, &kind, &group, &mut parts, &mut gathered)?;
    }
    for (file, source, good) in converted {
        parts.push(pivot::part(core, file, source, good, &mut gathered)?);
    }
    if parts.is_empty() {
        let total = gathered.refused_parts;
        let fault = if total == 0 { archive::empty() } else { not_taken(Some(gathered.kind), total, total) };
        return Ok(refused_whole(fault, gathered));
    }
    Ok(Outcome::Split(Parts::Fluxes(parts), gathered.facts()))
}

/// Judges one member.
fn take_member(
    (reader, recipients): (&Reader, &Recipients<'_>),
    flow: &FlowRecord,
    member: Member,
    options: &invoice::Options,
    gathered: &mut Gathered,
) -> Result<(), JobError> {
    let Member { name, content } = member;
    let content = match content {
        Ok(content) => content,
        Err(fault) => {
            gathered.refuse(&name, &fault, None, Vec::new());
            return Ok(());
        }
    };
    let dropped = match Dropped::of_member(&content, &name) {
        Ok(dropped) => dropped,
        Err(fault) => {
            gathered.refuse(&name, &fault, None, Vec::new());
            return Ok(());
        }
    };
    if dropped == Dropped::Pivot {
        let source = DocumentHash(Sha256::digest(&content).into());
        match pivot::convert(&content, options, flow, recipients) {
            Err(fault) => gathered.refuse(&name, &fault, None, Vec::new()),
            Ok(all) => {
                for made in all {
                    pivot::take(reader, flow, Some(&name), source, made, gathered)?;
                }
            }
        }
        return Ok(());
    }
    let Examined { syntax, facts, others, signed, verdict, findings, fault } =
        super::intake::examine_guarded(&content, options, flow, recipients).of_name(&name, options);
    let repeatable = facts.as_ref().is_some_and(is_repeatable);
    let invoices: Vec<InvoiceFacts> = facts.into_iter().chain(others).filter_map(invoice_facts).collect();
    let findings: Vec<FindingRecord> = findings.iter().map(finding_record).collect();
    let announced = syntax.and_then(|syntax| {
        let (announced, ignored) = gathered.wish.announce(syntax.as_str(), signed, gathered.language)?;
        Some((syntax, announced, ignored))
    });
    // Without a number nothing could be asked about it afterwards.
    let (Verdict::Accept, Some((syntax, announced, ignored)), false) = (verdict, announced, invoices.is_empty()) else {
        let fault = fault.unwrap_or_else(|| super::intake::rules_failed(&findings));
        gathered.refuse(&name, &fault, invoices, findings);
        return Ok(());
    };
    if let Some(fault) = on_its_way(reader, flow, &content, &invoices, repeatable, gathered)? {
        gathered.refuse(&name, &fault, invoices, Vec::new());
        return Ok(());
    }
    for finding in findings.into_iter().chain(ignored) {
        gathered.find(within(&name, finding));
    }
    let kind = Kind { syntax: syntax.as_str(), announced: announced.syntax, signed: announced.signed, repeatable };
    let place = gathered.seen.saturating_sub(1);
    gathered.good.entry(kind).or_default().members.push(Taken { place, name, content, invoices });
    Ok(())
}

/// A plain PDF with its data becomes a part of its own, unless it or its number is on its way.
fn take_pair(
    core: &Core,
    (reader, recipients): (&Reader, &Recipients<'_>),
    flow: &FlowRecord,
    pair: Pair,
    options: &invoice::Options,
    gathered: &mut Gathered,
) -> Result<(), JobError> {
    let invoices = vec![invoice_facts_of(&pair.invoice)];
    let checked = pdf_data::check(&pair.invoice, options, &|facts| recipients.listing(facts));
    let findings: Vec<FindingRecord> = checked.findings.iter().map(finding_record).collect();
    if let Some(fault) = checked.fault {
        gathered.refuse_at(pair.place, &pair.pdf, &fault, invoices, findings);
        return Ok(());
    }
    if let Some(fault) = on_its_way(reader, flow, &pair.content, &invoices, false, gathered)? {
        gathered.refuse_at(pair.place, &pair.pdf, &fault, invoices, Vec::new());
        return Ok(());
    }
    for finding in findings {
        gathered.find(within(&pair.pdf, finding));
    }
    let mut enclosures = Vec::new();
    for (name, content) in pair.enclosures {
        enclosures.push((name, kept(core, content)?));
    }
    gathered.pdfs.push(FluxPart {
        file: part_of(&flow.file, &pair.pdf),
        content: kept(core, pair.content)?,
        syntax: PDF.to_owned(),
        announced: None,
        conversion: None,
        invoices,
        repeatable: false,
        pdf: Some(PdfPart { data: pair.json, enclosures }),
    });
    Ok(())
}

/// A document on its way into the step: large ones are made durable before it.
fn kept(core: &Core, content: Vec<u8>) -> Result<Content, JobError> {
    Ok(if content.len() <= INLINE_BYTES {
        Content::Inline(content)
    } else {
        Content::Kept(core.store.keep_document(&mut content.as_slice())?)
    })
}

/// Why what is sound goes nowhere all the same: `content` is on its way as another flow or is
/// already in this very file, or so is an invoice of it whose number Chorus Pro takes once only.
pub(super) fn on_its_way(
    reader: &Reader,
    flow: &FlowRecord,
    content: &[u8],
    invoices: &[InvoiceFacts],
    repeatable: bool,
    gathered: &mut Gathered,
) -> Result<Option<Fault>, JobError> {
    let hash = DocumentHash(Sha256::digest(content).into());
    let twin: Option<FlowId> = match gathered.contents.insert(hash) {
        true => reader.flow_of_content(&flow.realm, &flow.id, hash)?,
        false => Some(flow.id.clone()),
    };
    if let Some(first) = twin {
        return Ok(Some(Fault::new(Code::Duplicate).with("first", first)));
    }
    if repeatable {
        return Ok(None);
    }
    for facts in invoices {
        if let Some(first) = already(reader, flow, facts, gathered)? {
            return Ok(Some(Fault::new(Code::NumberTaken).with("number", &facts.number).with("first", first)));
        }
    }
    Ok(None)
}

/// The flow that holds this invoice already, or this very archive.
fn already(
    reader: &Reader,
    flow: &FlowRecord,
    facts: &InvoiceFacts,
    gathered: &Gathered,
) -> Result<Option<String>, JobError> {
    let packed = gathered.good.values().flat_map(|group| &group.members).flat_map(|member| &member.invoices);
    let converted = gathered.converted.iter().map(|(.., good)| &good.facts);
    let of_pdfs = gathered.pdfs.iter().flat_map(|pdf| &pdf.invoices);
    let here = packed.chain(converted).chain(of_pdfs).any(|other| other.is_same_invoice(facts));
    if here {
        return Ok(Some(flow.id.to_string()));
    }
    Ok(reader.flow_with(&flow.realm, &flow.id, facts)?.map(|id| id.to_string()))
}

/// The fluxes of one kind, as few as the limits allow.
fn pack(
    core: &Core,
    flow: &FlowRecord,
    kind: &Kind,
    group: &Group,
    parts: &mut Vec<FluxPart>,
    gathered: &mut Gathered,
) -> Result<(), JobError> {
    let syntax = FluxSyntax::of(&kind.announced).ok_or(JobError::Missing("the syntax"))?;
    let sizes: Vec<usize> = group.members.iter().map(|member| member.content.len()).collect();
    // What has no number of its own is known by its bytes: packed with others it would be known by nothing.
    let ranges = if kind.repeatable { (0..sizes.len()).map(|at| at..at + 1).collect() } else { split_batch(&sizes) };
    for range in ranges {
        let members = &group.members[range];
        let (content, file) = match members {
            [one] => (one.content.clone(), part_of(&flow.file, &one.name)),
            _ => {
                let files: Vec<BatchFile<'_>> =
                    members.iter().map(|one| BatchFile { name: &one.name, content: &one.content }).collect();
                match Batch::pack(&files, syntax) {
                    Ok(batch) => {
                        let what = format!("{}, {}", kind.syntax, members.len());
                        (batch.content.to_vec(), part_of(&flow.file, &what))
                    }
                    Err(error) => {
                        let fault = Fault::new(Code::ArchiveUnreadable).with_text("detail", &error.text());
                        for Taken { place, name, invoices, .. } in members {
                            gathered.refuse_at(*place, name, &fault, invoices.clone(), Vec::new());
                        }
                        continue;
                    }
                }
            }
        };
        let content = kept(core, content)?;
        parts.push(FluxPart {
            file,
            content,
            syntax: kind.syntax.to_owned(),
            announced: Some(Announcement { syntax: kind.announced.clone(), signed: kind.signed }),
            conversion: None,
            invoices: members.iter().flat_map(|member| &member.invoices).cloned().collect(),
            repeatable: kind.repeatable,
            pdf: None,
        });
    }
    Ok(())
}

/// Between an archive's name and a part's: what no path has.
const PART_MARK: &str = " » ";

/// What people see of a part.
pub(super) fn part_of(file: &str, part: &str) -> String {
    format!("{file}{PART_MARK}{part}")
}

/// What Chorus Pro sees as the name of a flow's file: the member's own, or the archive's.
pub(super) fn name_to_send(file: &str) -> &str {
    match file.rsplit_once(PART_MARK) {
        Some((archive, part)) if !part.contains('.') => archive,
        Some((_, member)) => member.rsplit(['/', '\\']).next().unwrap_or(member),
        None => file,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoice::Syntax;

    #[test]
    fn chorus_pro_sees_the_members_name_or_the_archives() {
        assert_eq!(name_to_send("facture.xml"), "facture.xml");
        assert_eq!(name_to_send(&part_of("lot.zip", "mai/facture 1.xml")), "facture 1.xml");
        assert_eq!(name_to_send(&part_of("lot.zip", "ubl-invoice, 12")), "lot.zip");
    }

    #[test]
    fn every_syntax_that_the_check_knows_can_be_announced() {
        for syntax in Syntax::ALL {
            assert!(Wish::default().announce(syntax.as_str(), false, Language::Fr).is_some(), "{syntax}");
        }
    }
}
