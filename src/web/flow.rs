//! One flow: its state, its fault and who must act, its invoices, findings, attempts, statuses and timeline; its
//! original and receipt to download; and, where a person must decide, the decision.

use std::io::Read;
use std::path::PathBuf;

use askama::Template;

use crate::chorus::{VALIDATOR_TARGETS, explained};
use crate::domain::{FlowId, InvoiceStatus, Role, Timestamp};
use crate::fault::Code;
use crate::flow::FlowKind;
use crate::invoice::reworded;
use crate::store::{Announcement, ArrivalRecord, AskedChange, Conversion, FlowRecord, InvoiceRecord, Reader};
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::complement::{self, Suspended};
use crate::web::decision::{self, Choice};
use crate::web::doubt::Facing;
use crate::web::error::Trouble;
use crate::web::home::{FaultView, FlowLine};
use crate::web::page::{Chrome, Visit};
use crate::web::pdf_form;
use crate::web::received::Documents;
use crate::web::site::{Site, note};
use crate::web::treatment::{self, ChangeLine};
use crate::web::validator::{self, Misnamed};
use crate::web::words::{TROUBLE_OVER, Tongue};
use crate::work::{Folders, Shelf, receipt_name};

/// A receipt shown on the page, in bytes; a larger one is downloaded only.
const RECEIPT_LIMIT: u64 = 256 * 1024;

/// Characters of a flow's number that are said back to who asked for it.
const ASKED_LIMIT: usize = 60;

struct InvoiceView {
    number: String,
    supplier: String,
    supplier_name: String,
    recipient: String,
    recipient_name: String,
    issued: String,
    payable: String,
    /// The amount as the invoice writes it.
    payable_written: String,
    chorus_id: String,
    status: Option<(String, &'static str)>,
    status_at: String,
    refused: String,
    /// The flow whose invoice it corrects.
    replaces: String,
}

struct StepView {
    seq: u64,
    at: String,
    what: String,
    state: Option<(String, &'static str)>,
    actor: String,
    /// A fault's code, which the help page explains.
    code: Option<String>,
    detail: String,
}

struct AttemptView {
    n: u32,
    intent: String,
    ended: String,
    deposit: String,
    outcome: String,
    detail: String,
}

struct FindingView {
    rule: String,
    fatal: bool,
    place: String,
    message: String,
    remedy: String,
}

struct StatusView {
    invoice: String,
    status: String,
    tone: &'static str,
    at: String,
    author: String,
    comment: String,
}

/// What a status change is about.
struct AskedView {
    number: String,
    supplier: String,
    chorus_id: String,
    status: String,
    tone: &'static str,
    motif: String,
    mandate: String,
    /// The flow that shows the invoice.
    invoice: Option<String>,
    is_complement: bool,
    /// Whether it names another validator.
    is_naming: bool,
    /// Of a complement: names and sizes of its files.
    pieces: Vec<(String, String)>,
}

/// What was made of a file to be sent in its place.
struct ConvertedView {
    from: String,
    to: String,
    sha256: String,
    lost: String,
}

#[derive(Template)]
#[template(path = "flow.html", config = "src/web/askama.toml")]
struct FlowPage<'a> {
    c: &'a Chrome,
    line: FlowLine,
    size: String,
    sha256: String,
    syntax: String,
    /// syntaxeFlux, with a word where it goes as signed.
    announced: String,
    converted: Option<ConvertedView>,
    folder: String,
    delivered_as: String,
    choices: Vec<Choice>,
    /// Of a doubtful deposit: what we sent, and what Chorus Pro shows.
    facing: Option<Facing>,
    /// Its sent invoices that wait for a complement.
    suspended: Vec<Suspended>,
    /// Its sent invoices that wait for another validator.
    misnamed: Vec<Misnamed>,
    /// Those that were named.
    namings: Vec<ChangeLine>,
    /// Whether a person may enter its data.
    awaits_data: bool,
    /// Of data that went to their PDF: its flow.
    joined: Option<String>,
    /// The split file this flow is a part of: id and name.
    parent: Option<(String, String)>,
    /// Of a split file.
    parts: Vec<FlowLine>,
    asked: Option<AskedView>,
    /// Of a received invoice: that a person may give it a status, and the ones asked for.
    may_ask: bool,
    /// That the establishment is its validator only, and does not pay it.
    to_validate: bool,
    /// And that nothing is left to validate.
    is_decided: bool,
    /// Of sent ones: their complements.
    changes: Vec<ChangeLine>,
    documents: Documents,
    /// Of a status that no file asked for: who did.
    asker: String,
    is_change: bool,
    /// Folders of what completed it.
    complements: Vec<String>,
    /// Of a dropped file: the flows that correct it.
    replaced_by: Vec<String>,
    invoices: Vec<InvoiceView>,
    findings: Vec<FindingView>,
    /// What the file was held against.
    rules: String,
    steps: Vec<StepView>,
    attempts: Vec<AttemptView>,
    statuses: Vec<StatusView>,
    receipt: Option<String>,
    has_original: bool,
}

#[derive(Template)]
#[template(path = "arrival.html", config = "src/web/askama.toml")]
struct ArrivalPage<'a> {
    c: &'a Chrome,
    arrival: &'a ArrivalRecord,
    at: String,
    size: String,
    fault: Option<FaultView>,
    first: Option<String>,
    receipt: Option<String>,
}

/// The flow of that id; or the arrival of that id, which a refused or double file has instead.
pub fn show(site: &Site, ask: &Ask, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let (t, reader) = (visit.t, site.reader()?);
    let Some(flow) = reader.flow(&id)? else { return show_arrival(site, ask, visit, &id) };
    let arrival = reader.arrival(&id)?;
    let c = visit.chrome(site, ask, "flows", if flow.file.is_empty() { t.kind(flow.kind) } else { &flow.file });
    let invoices = reader.invoices(&id)?;
    let number_of = |ordinal: u32| {
        invoices.iter().find(|i| i.ordinal == ordinal).map(|i| i.facts.number.to_string()).unwrap_or_default()
    };
    let steps = steps(t, &reader, &flow)?;
    let is_change = flow.kind == FlowKind::StatusChange;
    let page = FlowPage {
        c: &c,
        asker: steps
            .first()
            .filter(|_| is_change && flow.parent.is_none())
            .map(|s| s.actor.clone())
            .unwrap_or_default(),
        is_change,
        documents: Documents::of(&reader, &flow, &invoices)?,
        line: FlowLine::new(&flow, t, Timestamp::now()),
        size: flow.size.map(|s| t.size(s)).unwrap_or_default(),
        sha256: flow.sha256.map(|h| h.to_string()).unwrap_or_default(),
        syntax: flow.syntax.as_deref().map(|syntax| t.syntax(syntax).to_owned()).unwrap_or_default(),
        announced: reader.announcement(&id)?.map(|a| announced(t, a)).unwrap_or_default(),
        converted: reader.conversion(&id)?.map(|c| converted(t, &c)),
        folder: arrival.as_ref().map(|a| a.folder.clone()).unwrap_or_default(),
        delivered_as: flow.delivered_as.clone().unwrap_or_default(),
        choices: decision::choices(t, &flow, &invoices),
        facing: Facing::of(t, &reader, &flow, &invoices)?,
        suspended: complement::suspended(&reader, &flow, &invoices)?,
        misnamed: validator::misnamed(&reader, &flow, &invoices)?,
        namings: treatment::namings(t, &reader, &flow, &invoices)?,
        awaits_data: pdf_form::is_waiting(&flow),
        joined: reader.pdf_data(&id)?.and_then(|data| data.joined).map(|pdf| pdf.to_string()),
        parent: match &flow.parent {
            Some(file) => reader.flow(file)?.map(|file| (file.id.to_string(), file.file)),
            None => None,
        },
        parts: reader.parts(&id)?.iter().map(|part| FlowLine::new(part, t, Timestamp::now())).collect(),
        asked: match reader.change(&id)? {
            Some(change) => Some(asked(t, &reader, &flow, change.asked)?),
            None => None,
        },
        may_ask: treatment::may_ask(&flow, &invoices),
        to_validate: flow.role == Role::Validator,
        is_decided: treatment::is_decided(&flow, &invoices),
        changes: treatment::changes(t, &reader, &flow, &invoices)?,
        complements: reader.complements(&id)?.into_iter().filter_map(|complement| complement.delivered_as).collect(),
        replaced_by: reader.replaced_by(&id)?.iter().map(ToString::to_string).collect(),
        findings: findings(t, &reader, &id)?,
        rules: reader.rules(&id)?.map(|versions| versions.told(t.0)).unwrap_or_default(),
        steps,
        attempts: attempts(t, &reader, &flow)?,
        statuses: statuses(t, &reader, &id, number_of)?,
        receipt: arrival.as_ref().and_then(|a| receipt_text(site, a)),
        has_original: flow.sha256.is_some(),
        invoices: invoices.iter().map(|i| invoice(t, i)).collect(),
    };
    Ok(Answer::html(page.render()?))
}

/// Why a page of a flow is not there: the flow is not, or only the page.
pub fn missing(site: &Site, asked: &str) -> Result<Trouble, Trouble> {
    let reader = site.reader()?;
    Ok(match asked.parse::<FlowId>() {
        Ok(id) if reader.flow(&id)?.is_some() || reader.arrival(&id)?.is_some() => Trouble::NotOfFlow(id),
        _ => Trouble::NoFlow(asked.chars().take(ASKED_LIMIT).collect()),
    })
}

fn show_arrival(site: &Site, ask: &Ask, visit: &Visit, id: &FlowId) -> Result<Answer, Trouble> {
    let arrival = site.reader()?.arrival(id)?.ok_or(Trouble::NotFound)?;
    let c = visit.chrome(site, ask, "flows", &arrival.file);
    let page = ArrivalPage {
        c: &c,
        at: arrival.at.paris_text(),
        size: arrival.size.map(|s| visit.t.size(s)).unwrap_or_default(),
        fault: arrival.fault.as_ref().map(|f| FaultView::new(f, visit.t)),
        first: arrival.flow.as_ref().map(ToString::to_string),
        receipt: receipt_text(site, &arrival),
        arrival: &arrival,
    };
    Ok(Answer::html(page.render()?))
}

fn invoice(t: Tongue, invoice: &InvoiceRecord) -> InvoiceView {
    let facts = &invoice.facts;
    InvoiceView {
        number: facts.number.to_string(),
        supplier: facts.supplier.clone(),
        supplier_name: facts.supplier_name.clone(),
        recipient: facts.recipient.clone(),
        recipient_name: facts.recipient_name.clone(),
        issued: facts.issued_on.as_deref().map(|day| t.day(day)).unwrap_or_default(),
        payable: facts.payable.as_deref().map(|amount| t.amount(amount)).unwrap_or_default(),
        payable_written: facts.payable.clone().unwrap_or_default(),
        chorus_id: invoice.chorus_id.map(|id| id.to_string()).unwrap_or_default(),
        status: invoice.status.as_ref().map(|s| t.status(s)).map(|(label, tone)| (label, tone.class())),
        status_at: invoice.status_at.as_deref().map(chorus_date).unwrap_or_default(),
        refused: invoice.why_refused(t.0).unwrap_or_default(),
        replaces: invoice.replaces.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

fn asked(t: Tongue, reader: &Reader, flow: &FlowRecord, asked: AskedChange) -> Result<AskedView, Trouble> {
    let (status, tone) = t.status(&asked.target);
    let role = if VALIDATOR_TARGETS.contains(&asked.target) { Role::Validator } else { Role::Recipient };
    let is_of_sent = [InvoiceStatus::Completee, InvoiceStatus::AValider1].contains(&asked.target);
    let place = if is_of_sent { FlowKind::Deposit } else { FlowKind::Reception };
    let holders = reader.holders(&flow.realm, &asked, place)?;
    let shows = holders.iter().rev().find(|(_, of)| *of == role);
    let pieces = reader.pieces(&flow.id)?.into_iter();
    Ok(AskedView {
        is_complement: asked.target == InvoiceStatus::Completee,
        is_naming: asked.target == InvoiceStatus::AValider1,
        invoice: shows.map(|(id, ..)| id.to_string()),
        pieces: pieces.map(|(piece, _)| (piece.name, t.size(piece.content.size))).collect(),
        number: asked.number.to_string(),
        supplier: asked.supplier,
        chorus_id: asked.chorus_id.to_string(),
        status,
        tone: tone.class(),
        motif: asked.motif,
        mandate: asked.mandate.unwrap_or_default(),
    })
}

fn announced(t: Tongue, announced: Announcement) -> String {
    match announced.signed {
        true => format!("{} ({})", announced.syntax, t.say("signé", "signed")),
        false => announced.syntax,
    }
}

fn converted(t: Tongue, conversion: &Conversion) -> ConvertedView {
    ConvertedView {
        from: t.syntax(&conversion.from).to_owned(),
        to: t.syntax(&conversion.to).to_owned(),
        sha256: conversion.content.sha256.to_string(),
        lost: conversion.lost.join(", "),
    }
}

/// An instant as Chorus Pro writes it, for people; as it came when it is none.
fn chorus_date(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), Timestamp::paris_text)
}

/// They were written in the language of receipts.
fn findings(t: Tongue, reader: &Reader, id: &FlowId) -> Result<Vec<FindingView>, Trouble> {
    let findings = reader.findings(id)?.into_iter();
    Ok(findings
        .map(|f| {
            let [message, remedy, place] = reworded(&f.rule, [&f.message, &f.remedy, &f.place], t.0);
            FindingView {
                fatal: f.severity == "fatal",
                rule: f.rule,
                place,
                message: t.typeset(&message),
                remedy: t.typeset(&remedy),
            }
        })
        .collect())
}

fn steps(t: Tongue, reader: &Reader, flow: &FlowRecord) -> Result<Vec<StepView>, Trouble> {
    let steps = reader.steps(&flow.id)?.into_iter();
    Ok(steps
        .map(|s| {
            let detail = s.detail.unwrap_or_default();
            let (state, detail) = if s.kind == "status" {
                (Some(t.status(&InvoiceStatus::from(detail))), String::new())
            } else {
                (s.state.map(|state| t.state(flow.kind, &state)), detail)
            };
            // What is asked for is told by its name.
            let asked_for = (s.kind == "ask").then(|| t.status(&InvoiceStatus::from(detail.clone())).0);
            // A trouble that is over is written down as none.
            let (kind, detail) = match (s.kind.as_str(), detail.as_str()) {
                ("trouble", "none") => (TROUBLE_OVER, String::new()),
                (kind, _) => (kind, detail),
            };
            StepView {
                seq: s.seq,
                at: s.at.paris_text(),
                what: t.step(kind),
                state: state.map(|(label, tone)| (label, tone.class())),
                actor: actor(t, &s.actor),
                code: Some(detail.clone()).filter(|d| d.parse::<Code>().is_ok()),
                detail: asked_for.unwrap_or_else(|| t.detail(kind, &detail)),
            }
        })
        .collect())
}

/// Who did a step: nobody is named for what the box does by itself.
fn actor(t: Tongue, actor: &str) -> String {
    match (actor, actor.strip_prefix("account:")) {
        ("system" | "front" | "core", _) => String::new(),
        (_, Some(account)) => format!("{} {account}", t.say("compte", "account")),
        _ => actor.to_owned(),
    }
}

fn attempts(t: Tongue, reader: &Reader, flow: &FlowRecord) -> Result<Vec<AttemptView>, Trouble> {
    let attempts = reader.attempts(&flow.id)?.into_iter();
    Ok(attempts
        .map(|a| AttemptView {
            n: a.n,
            intent: a.intent_at.paris_text(),
            ended: a.ended_at.map(|end| time_after(a.intent_at, end)).unwrap_or_default(),
            deposit: a.deposit_number.map(|d| d.to_string()).unwrap_or_default(),
            outcome: a.outcome.map(|event| t.step(&format!("{}.{event}", flow.kind.as_str()))).unwrap_or_default(),
            detail: t.detail("", &a.detail.unwrap_or_default()),
        })
        .collect())
}

/// The end of a span: its day only when it is another one.
fn time_after(begin: Timestamp, end: Timestamp) -> String {
    let (day, text) = (begin.paris_date() == end.paris_date(), end.paris_text());
    text.split_once(' ').filter(|_| day).map_or(text.clone(), |(_, time)| time.to_owned())
}

fn statuses(
    t: Tongue,
    reader: &Reader,
    id: &FlowId,
    number_of: impl Fn(u32) -> String,
) -> Result<Vec<StatusView>, Trouble> {
    let statuses = reader.statuses(id)?.into_iter();
    Ok(statuses
        .map(|(ordinal, s)| {
            let (status, tone) = t.status(&s.status);
            StatusView {
                invoice: number_of(ordinal),
                status,
                tone: tone.class(),
                at: chorus_date(&s.at),
                author: s.author.unwrap_or_default(),
                comment: s.comment.as_deref().map(explained).unwrap_or_default(),
            }
        })
        .collect())
}

/// Where the receipt of an arrival stands, or would.
fn receipt_path(site: &Site, arrival: &ArrivalRecord) -> PathBuf {
    let folders = Folders::new(site.settings.data_dir.join("folders"));
    folders.path(&arrival.account, Shelf::Receipts).join(receipt_name(&arrival.file, &arrival.id))
}

fn receipt_text(site: &Site, arrival: &ArrivalRecord) -> Option<String> {
    let file = std::fs::File::open(receipt_path(site, arrival)).ok()?;
    let mut text = String::new();
    file.take(RECEIPT_LIMIT + 1).read_to_string(&mut text).ok()?;
    (u64::try_from(text.len()).ok()? <= RECEIPT_LIMIT).then_some(text)
}

/// The receipt as the business application finds it.
pub fn receipt(site: &Site, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let arrival = site.reader()?.arrival(&id)?.ok_or(Trouble::NotFound)?;
    let file = std::fs::File::open(receipt_path(site, &arrival)).map_err(|_| Trouble::NotFound)?;
    let size = file.metadata().map_err(|source| Trouble::Io { what: "receipt", source })?.len();
    journal_download(site, visit, &id, "receipt", None)?;
    Ok(Answer::download(&receipt_name(&arrival.file, &id), Some(size), Box::new(file.take(size))))
}

/// The bytes that were dropped or downloaded, as they came.
pub fn original(site: &Site, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let reader = site.reader()?;
    let flow = reader.flow(&id)?.ok_or(Trouble::NotFound)?;
    let hash = flow.sha256.ok_or(Trouble::NotFound)?;
    let content = reader.open_document(&hash)?.ok_or(Trouble::NotFound)?;
    journal_download(site, visit, &id, "original", Some(hash))?;
    let name = if flow.file.is_empty() { format!("{id}.xml") } else { flow.file };
    Ok(Answer::download(&name, flow.size, content))
}

/// The bytes that are sent in place of those that were dropped.
pub fn sent(site: &Site, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let reader = site.reader()?;
    let kept = reader.conversion(&id)?.ok_or(Trouble::NotFound)?.content;
    let content = reader.open_document(&kept.sha256)?.ok_or(Trouble::NotFound)?;
    journal_download(site, visit, &id, "sent", Some(kept.sha256))?;
    Ok(Answer::download(&format!("{id}.xml"), Some(kept.size), content))
}

/// A file of a complement, by its place.
pub fn piece(site: &Site, visit: &Visit, id: &str, place: &str) -> Result<Answer, Trouble> {
    let id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let place: usize = place.parse().map_err(|_| Trouble::NotFound)?;
    let reader = site.reader()?;
    let (piece, _) = reader.pieces(&id)?.into_iter().nth(place).ok_or(Trouble::NotFound)?;
    let content = reader.open_document(&piece.content.sha256)?.ok_or(Trouble::NotFound)?;
    journal_download(site, visit, &id, "piece", Some(piece.content.sha256))?;
    Ok(Answer::download(&piece.name, Some(piece.content.size), content))
}

pub fn journal_download(
    site: &Site,
    visit: &Visit,
    id: &FlowId,
    what: &str,
    hash: Option<crate::domain::DocumentHash>,
) -> Result<(), Trouble> {
    let mut noted = note("download", visit.person());
    noted.objects.insert("flow".to_owned(), id.to_string());
    noted.objects.insert("what".to_owned(), what.to_owned());
    noted.hashes.extend(hash.map(|hash| ("document".to_owned(), hash)));
    site.note(noted)
}
