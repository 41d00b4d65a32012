//! A sent invoice that its recipient suspended is completed from the page: a comment and files become the very archive that
//! an application would drop, and go its way.

use askama::Template;

use crate::config::Config;
use crate::domain::{FlowId, InvoiceStatus, Timestamp};
use crate::fault::Fault;
use crate::flow::FlowKind;
use crate::os::disk;
use crate::store::{Arrival, Content, FlowRecord, InvoiceRecord, Kept, Reader, Received, StoreError};
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::home::FlowLine;
use crate::web::page::{Chrome, Visit};
use crate::web::site::{Site, note};
use crate::work::ComplementSheet;
use crate::work::gatehouse::DropLimits;

/// Characters of a comment.
const COMMENT_LIMIT: usize = 2000;

/// An invoice that may be completed.
pub struct Suspended {
    pub ordinal: u32,
    pub number: String,
    /// What the recipient said with the suspension.
    pub comment: String,
    /// When that was, as Chorus Pro wrote it.
    pub since: String,
}

#[derive(Template)]
#[template(path = "complement.html", config = "src/web/askama.toml")]
struct ComplementPage<'a> {
    c: &'a Chrome,
    line: FlowLine,
    invoices: Vec<Suspended>,
    chosen: u32,
    comment: &'a str,
    comment_limit: usize,
    problem: Option<&'a str>,
}

/// The flow's sent invoices that are suspended.
pub fn suspended(reader: &Reader, flow: &FlowRecord, invoices: &[InvoiceRecord]) -> Result<Vec<Suspended>, Trouble> {
    if flow.kind != FlowKind::Deposit {
        return Ok(Vec::new());
    }
    let is_suspended = |i: &&InvoiceRecord| i.chorus_id.is_some() && i.status == Some(InvoiceStatus::Suspendue);
    let suspended: Vec<&InvoiceRecord> = invoices.iter().filter(is_suspended).collect();
    let history = if suspended.is_empty() { Vec::new() } else { reader.statuses(&flow.id)? };
    let own = |ordinal| {
        let own = history.iter().rev().map(|(of, status)| (*of, status));
        own.filter(move |(of, status)| *of == ordinal && status.status == InvoiceStatus::Suspendue).map(|(_, own)| own)
    };
    let since = |i: &InvoiceRecord| match own(i.ordinal).find(|status| !status.at.is_empty()) {
        Some(status) => status.at.clone(),
        None => i.status_at.clone().unwrap_or_default(),
    };
    Ok(suspended
        .into_iter()
        .map(|i| Suspended {
            ordinal: i.ordinal,
            number: i.facts.number.to_string(),
            comment: own(i.ordinal).find_map(|status| status.comment.clone()).unwrap_or_default(),
            since: since(i),
        })
        .collect())
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit, id: &str, problem: Option<&str>) -> Result<Answer, Trouble> {
    let id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let reader = site.reader()?;
    let flow = reader.flow(&id)?.ok_or(Trouble::NotFound)?;
    let invoices = suspended(&reader, &flow, &reader.invoices(&id)?)?;
    if invoices.is_empty() && problem.is_none() {
        return Ok(Answer::see_other(&format!("/flux/{id}?fait=impossible")));
    }
    let chosen = if problem.is_some() { ask.form.get("facture") } else { ask.query.get("facture") };
    let title = visit.t.say("Compléter la facture", "Complete the invoice");
    let c = visit.chrome(site, ask, "flows", title);
    let page = ComplementPage {
        c: &c,
        line: FlowLine::new(&flow, visit.t, Timestamp::now()),
        chosen: chosen.parse().unwrap_or_else(|_| invoices.first().map_or(0, |first| first.ordinal)),
        invoices,
        comment: ask.form.get("comment"),
        comment_limit: COMMENT_LIMIT,
        problem,
    };
    let answer = Answer::html(page.render()?);
    Ok(if problem.is_some() { answer.status(422) } else { answer })
}

/// The archive, kept; or what stands against it, as against one that is dropped.
fn kept(site: &Site, reader: &Reader, flow: &FlowRecord, archive: &[u8]) -> Result<Result<Kept, Fault>, Trouble> {
    let config = site.settings.configuration.text().ok().and_then(|text| Config::parse(&text).ok());
    let limits = DropLimits::from(&config.map(|config| config.limits).unwrap_or_default());
    let free = || {
        let free = disk::free_bytes(&site.settings.data_dir);
        free.map_err(|source| Trouble::Io { what: "the data disk's free space", source })
    };
    let size = u64::try_from(archive.len()).unwrap_or(u64::MAX);
    if let Some(fault) = limits.objection(&flow.account, size, free()?, reader.pending(&flow.account)?) {
        return Ok(Err(fault));
    }
    match site.store.keep_document(&mut &*archive) {
        Ok(kept) => Ok(Ok(kept)),
        Err(StoreError::DiskFull) => Ok(Err(limits.disk_nearly_full(free()?))),
        Err(error) => Err(error.into()),
    }
}

/// Makes the archive and lets it go the way of one that was dropped. Who it was is journalled before: with the archive's
/// hash, so that nothing goes without its person.
pub fn hand_in(site: &Site, ask: &Ask, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let flow_id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let reader = site.reader()?;
    let flow = reader.flow(&flow_id)?.ok_or(Trouble::NotFound)?;
    let invoices = reader.invoices(&flow_id)?;
    let may = suspended(&reader, &flow, &invoices)?;
    let chosen = may.iter().find(|one| one.ordinal.to_string() == ask.form.get("facture"));
    let invoice = chosen.and_then(|chosen| invoices.iter().find(|i| i.ordinal == chosen.ordinal));
    let invoice = invoice.and_then(|invoice| Some((invoice, invoice.chorus_id?, chosen?.since.clone())));
    let Some((invoice, chorus_id, suspended_at)) = invoice else {
        return Ok(Answer::see_other(&format!("/flux/{flow_id}?fait=impossible")));
    };
    let sheet = ComplementSheet {
        number: invoice.facts.number.clone(),
        chorus_id,
        suspended_at,
        comment: ask.form.get("comment").replace("\r\n", "\n"),
        files: ask.files.iter().map(|file| (file.name.as_str(), file.content.as_slice())).collect(),
    };
    let content = match sheet.archive() {
        Ok(archive) => kept(site, &reader, &flow, &archive)?.map_err(|fault| {
            let (title, remedy) = (fault.title(visit.t.0), fault.remedy(visit.t.0));
            visit.t.typeset(&format!("{} : {title} {remedy}", fault.code.as_str()))
        }),
        Err(fault) => Err(visit.t.typeset(&fault.title(visit.t.0))),
    };
    let content = match content {
        Ok(content) => content,
        Err(said) => return show(site, ask, visit, id, Some(&said)),
    };
    let mut noted = note("complement", visit.person());
    noted.realm = Some(flow.realm.clone());
    noted.objects.insert("flow".to_owned(), flow_id.to_string());
    noted.objects.insert("invoice".to_owned(), invoice.ordinal.to_string());
    noted.hashes.insert("archive".to_owned(), content.sha256);
    site.note(noted)?;
    let folder = match &flow.parent {
        Some(file) => reader.arrival(file)?,
        None => reader.arrival(&flow_id)?,
    };
    let arrival = Arrival {
        account: flow.account.clone(),
        realm: flow.realm.clone(),
        folder: folder.map_or_else(|| "depot".to_owned(), |arrival| arrival.folder),
        name: format!("complement-{chorus_id}.zip"),
        peer: ask.peer.clone(),
        at: Timestamp::now(),
        content: Content::Kept(content),
        staged: None,
    };
    let (made, said) = match site.store.receive(arrival).wait()? {
        Received::Flow(made) => (made, "complement"),
        Received::Duplicate { first, .. } => (first, "deja-complete"),
    };
    log::info!(flow = made.as_str(), completes = flow_id.as_str(), said = said; "A person hands in a complement");
    Ok(Answer::see_other(&format!("/flux/{made}?fait={said}")))
}
