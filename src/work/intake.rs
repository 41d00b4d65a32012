//! Reads and checks a dropped file and decides whether it goes to Chorus Pro.
//!
//! Promise: every file gets a verdict with all its findings, whatever its bytes; a file whose reading breaks is refused
//! with a fault of ours and delays nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::chorus::PDF_LIMIT;
use crate::domain::{Environment, InvoiceNumber};
use crate::fault::{Code, Fault, Language};
use crate::flow::deposit::{Event, State};
use crate::invoice::tables::Versions;
use crate::invoice::{self, Examined, Limits, Preflight, Profile, Verdict};
use crate::store::{Facts, FindingRecord, FlowRecord, InvoiceFacts, Lease, Parts, PdfData, StoreError};
use crate::work::announce::Wish;
use crate::work::core::{Core, JobError};
use crate::work::directory;
use crate::work::dropped::Dropped;
use crate::work::recipients::{ASKED_AFTER_REFUSAL, ASKED_EVERY, Question, Recipients};
use crate::work::settings::{Check, Options, RouteSection};
use crate::work::{pairing, split};

/// Cadres de facturation whose invoices Chorus Pro takes more than once: direct payment of a subcontractor (DSE-CP §6.13).
const EXEMPT_FRAMES: [&str; 1] = ["S3"];

/// Before a file is read again because something of it came on its way meanwhile.
const OVERTAKEN_WAIT: std::time::Duration = std::time::Duration::from_millis(200);
/// How long after its arrival a file is read again for that reason.
const OVERTAKEN_LONGEST: std::time::Duration = std::time::Duration::from_secs(30);

pub(super) async fn run(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    let reader = core.store.reader()?;
    let flow = core.flow(&reader, lease)?;
    if flow.state == State::Unmatched.as_str() {
        return pairing::still_alone(core, lease, &flow).await;
    }
    if flow.state == State::Incomplete.as_str() {
        return pairing::still_incomplete(core, lease, &flow).await;
    }
    if flow.state != State::Received.as_str() {
        return Ok(core.store.finish(lease).await?);
    }
    let folder = reader.arrival(&flow.id)?.map(|arrival| arrival.folder);
    drop(reader);
    let settings = core.options.load();
    let options = examination(&settings, &flow, folder.as_deref());
    let wish = Wish::of(route(&settings, &flow, folder.as_deref()));
    let (outcome, questions) = {
        let flow = flow.clone();
        core.apart(move |core| look(core, &flow, &options, wish)).await?
    };
    let every = if outcome.is_refused_by_directory() { ASKED_AFTER_REFUSAL } else { ASKED_EVERY };
    settle(core, lease, &flow, outcome).await?;
    // After the verdict is durable: it never waits for what may be known of the next file's recipient.
    directory::note(core, &flow.realm, questions, every).await;
    Ok(())
}

/// Makes the verdict durable.
async fn settle(core: &Core, lease: &Lease, flow: &FlowRecord, outcome: Outcome) -> Result<(), JobError> {
    let now = core.now();
    match outcome {
        Outcome::One(event, facts) => {
            log::info!(flow = flow.id.as_str(), event = event.as_str(),
                findings = facts.findings.as_ref().map_or(0, Vec::len); "A dropped file is checked");
            core.store.decide(&flow.id, event, *facts, Some(lease), now).await?;
        }
        Outcome::PlainPdf => pairing::await_data(core, lease, flow).await?,
        Outcome::Data(data, facts) => pairing::offer_data(core, lease, flow, *data, *facts).await?,
        Outcome::Many(parts, facts) => {
            let count = match &parts {
                Parts::Fluxes(fluxes) => fluxes.len(),
                Parts::Changes(changes) => changes.len(),
                Parts::Complement(..) => 1,
            };
            log::info!(flow = flow.id.as_str(), parts = count, refused = facts.refused_parts; "A dropped file is split");
            match core.store.split(&flow.id, parts, *facts, lease, now).await {
                // Something of it came on its way meanwhile: read again, it is refused by name.
                Err(StoreError::AlreadyOnItsWay { flow: first, .. })
                    if first != flow.id && now.since(flow.received_at) < OVERTAKEN_LONGEST =>
                {
                    core.store.postpone(lease, now.plus(OVERTAKEN_WAIT)).await?;
                }
                // It stays so: refused as a whole.
                Err(StoreError::AlreadyOnItsWay { what, flow: first }) => {
                    let fault = Fault::new(Code::NumberTaken).with("number", what).with("first", first);
                    let facts = Facts { fault: Some(fault), ..Facts::default() };
                    core.store.decide(&flow.id, Event::CheckFailed, facts, Some(lease), now).await?;
                }
                done => {
                    done?;
                }
            }
        }
    }
    Ok(())
}

/// What a dropped file is.
pub(super) enum Outcome {
    One(Event, Box<Facts>),
    Many(Parts, Box<Facts>),
    /// A PDF that says nothing to a machine.
    PlainPdf,
    /// What such a PDF says.
    Data(Box<PdfData>, Box<Facts>),
}

impl Outcome {
    /// What the file was held against.
    fn note_rules(&mut self, versions: Option<Versions>) {
        if let Outcome::One(_, facts) | Outcome::Many(_, facts) | Outcome::Data(_, facts) = self {
            facts.rules = versions;
        }
    }

    /// Whether what the directory says of a recipient refused something.
    fn is_refused_by_directory(&self) -> bool {
        let (Outcome::One(_, facts) | Outcome::Many(_, facts) | Outcome::Data(_, facts)) = self else { return false };
        let mut findings = facts.findings.iter().flatten();
        findings.any(|finding| finding.severity == "fatal" && finding.rule.starts_with("FLUX-DIR-"))
    }
}

/// What the file is, and what is to be asked about its recipients for the next one.
fn look(
    core: &Core,
    flow: &FlowRecord,
    options: &invoice::Options,
    wish: Wish,
) -> Result<(Outcome, Vec<Question>), JobError> {
    let bytes = document(core, flow)?;
    let (reader, environment) = (core.store.reader()?, flow.realm.environment);
    let recipients = if directory::is_on(core) {
        Recipients::new(reader.directory(), environment, core.now())
    } else {
        Recipients::unknown(environment, core.now())
    };
    let dropped = Dropped::of(&bytes, &flow.file, &options.limits);
    // An archive and a pivot hold invoices.
    let mut rules = match dropped {
        Dropped::Statuses | Dropped::Complement => None,
        Dropped::PdfData => Some(options.versions_beside_the_standard()),
        Dropped::Archive | Dropped::Pivot | Dropped::Invoice => Some(options.versions()),
    };
    let mut outcome = match split::read(core, flow, (dropped, &bytes), options, wish, &recipients)? {
        None if dropped == Dropped::PdfData => pairing::read_data(flow, &bytes, options, &recipients),
        None => {
            let examined = examine_guarded(&bytes, options, flow, &recipients).of_name(&flow.file, options);
            rules = examined.rules(options);
            if pairing::is_plain_pdf(&examined) && bytes.len() <= PDF_LIMIT {
                Outcome::PlainPdf
            } else {
                let (event, facts) = verdict(examined, wish, options.language);
                Outcome::One(event, Box::new(facts))
            }
        }
        Some(split::Outcome::Refused(facts)) => {
            // Where it is the file itself that is wrong, nothing in it was held against a rule.
            rules = rules.filter(|_| facts.refused_parts > 0 || facts.findings.iter().flatten().next().is_some());
            Outcome::One(Event::CheckFailed, Box::new(facts))
        }
        Some(split::Outcome::One(facts)) => Outcome::One(Event::CheckPassed, Box::new(facts)),
        Some(split::Outcome::Split(parts, facts)) => Outcome::Many(parts, Box::new(facts)),
    };
    outcome.note_rules(rules);
    Ok((outcome, recipients.questions()))
}

/// Whether Chorus Pro takes the flow's invoice more than once, so that sending it again could double it.
pub(super) async fn is_exempt_from_uniqueness(core: &Arc<Core>, flow: &FlowRecord) -> Result<bool, JobError> {
    let options = examination(&core.options.load(), flow, None);
    let flow = flow.clone();
    let look = move |core: &Core| {
        let recipients = Recipients::unknown(flow.realm.environment, core.now());
        Ok(examine_guarded(&sent_document(core, &flow)?, &options, &flow, &recipients))
    };
    let examined = core.apart(look).await?;
    Ok(examined.facts.is_some_and(|facts| is_repeatable(&facts)))
}

/// Whether Chorus Pro takes an invoice of this kind more than once.
pub(super) fn is_repeatable(facts: &invoice::Facts) -> bool {
    facts.frame.as_ref().is_some_and(|frame| EXEMPT_FRAMES.contains(&frame.trim()))
}

/// How the route wants the file examined; without a route (it may have gone since) in the strictest historic way.
pub fn examination(options: &Options, flow: &FlowRecord, folder: Option<&str>) -> invoice::Options {
    let route = route(options, flow, folder);
    invoice::Options {
        profile: route.map_or(Profile::Chorus, |route| route.profile),
        block: route.is_none_or(|route| route.check == Check::Block),
        preflight: route.map_or(Preflight::default(), |route| route.preflight),
        sandbox: flow.realm.environment != Environment::Production,
        language: options.language,
        limits: Limits::default(),
        tables: options.tables,
    }
}

fn route<'o>(options: &'o Options, flow: &FlowRecord, folder: Option<&str>) -> Option<&'o RouteSection> {
    folder.and_then(|folder| options.route(&flow.account, folder))
}

/// What is sent, or was: the dropped file itself, or what was made of it.
pub(super) fn sent_document(core: &Core, flow: &FlowRecord) -> Result<Vec<u8>, JobError> {
    let reader = core.store.reader()?;
    match reader.conversion(&flow.id)? {
        Some(conversion) => {
            reader.document(&conversion.content.sha256)?.ok_or(JobError::Missing("the converted document"))
        }
        None => document(core, flow),
    }
}

fn document(core: &Core, flow: &FlowRecord) -> Result<Vec<u8>, JobError> {
    let hash = flow.sha256.ok_or(JobError::Missing("the document's hash"))?;
    core.store.reader()?.document(&hash)?.ok_or(JobError::Missing("the document"))
}

/// The reader promises never to panic; if it breaks that promise, one file is refused and the next one is read.
pub(super) fn examine_guarded(
    bytes: &[u8],
    options: &invoice::Options,
    flow: &FlowRecord,
    recipients: &Recipients<'_>,
) -> Examined {
    let examine = || invoice::examine_with(bytes, options, &|facts| recipients.listing(facts));
    catch_unwind(AssertUnwindSafe(examine)).unwrap_or_else(|_| {
        log::error!(flow = flow.id.as_str(); "Reading a dropped file broke off; the file is refused");
        Examined {
            syntax: None,
            facts: None,
            others: Vec::new(),
            signed: false,
            verdict: Verdict::Reject,
            findings: Vec::new(),
            fault: Some(Fault::new(Code::ReadingFailed)),
        }
    })
}

fn verdict(examined: Examined, wish: Wish, language: Language) -> (Event, Facts) {
    let event = match examined.verdict {
        Verdict::Accept => Event::CheckPassed,
        Verdict::Reject => Event::CheckFailed,
    };
    let mut findings: Vec<FindingRecord> = examined.findings.iter().map(finding_record).collect();
    let syntax = examined.syntax.filter(|_| event == Event::CheckPassed);
    let announced = syntax.and_then(|syntax| wish.announce(syntax.as_str(), examined.signed, language));
    let announced = announced.map(|(announced, ignored)| {
        findings.extend(ignored);
        announced
    });
    let repeatable = examined.facts.as_ref().is_some_and(is_repeatable);
    let fault = match event {
        Event::CheckFailed => Some(examined.fault.unwrap_or_else(|| rules_failed(&findings))),
        _ => None,
    };
    let facts = Facts {
        fault,
        findings: Some(findings),
        invoices: Some(examined.facts.into_iter().chain(examined.others).filter_map(invoice_facts).collect()),
        syntax: examined.syntax.map(|syntax| syntax.as_str().to_owned()),
        repeatable,
        announced,
        ..Facts::default()
    };
    (event, facts)
}

pub fn finding_record(finding: &invoice::Finding) -> FindingRecord {
    FindingRecord {
        rule: finding.rule.clone(),
        severity: finding.severity.as_str().to_owned(),
        place: finding.place.clone(),
        message: finding.message.clone(),
        remedy: finding.remedy.clone(),
    }
}

pub(super) fn rules_failed(findings: &[FindingRecord]) -> Fault {
    let mut fatal = findings.iter().filter(|finding| finding.severity == "fatal");
    let first = fatal.next().map_or("?", |finding| finding.rule.as_str());
    Fault::new(Code::RulesFailed).with("count", fatal.count() + 1).with("first", first)
}

/// An invoice without a number has no row of its own: nothing can be asked about it.
pub(super) fn invoice_facts(facts: invoice::Facts) -> Option<InvoiceFacts> {
    let payable = facts.payable_text();
    let number: InvoiceNumber = facts.number?;
    Some(InvoiceFacts {
        number,
        supplier: facts.supplier,
        supplier_name: facts.supplier_name,
        recipient: facts.recipient,
        recipient_name: facts.recipient_name,
        issued_on: facts.issue_date,
        payable,
        type_code: facts.type_code,
        preceding: facts.preceding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_invoice_are_refused_with_their_own_fault() {
        let options = invoice::Options::default();
        let verdict = |bytes: &[u8]| verdict(invoice::examine(bytes, &options), Wish::default(), Language::Fr);
        let (event, facts) = verdict(b"\x89PNG\r\n\x1a\n");
        assert_eq!(event, Event::CheckFailed);
        assert_eq!(facts.fault.map(|f| f.code), Some(Code::NotAnInvoice));
        assert_eq!(facts.invoices.map(|i| i.len()), Some(0));
        let (_, facts) = verdict(b"");
        assert_eq!(facts.fault.map(|f| f.title(Language::Fr)), Some("Fichier vide".to_owned()));
    }
}
