//! A sent invoice that its recipient suspended is completed from the page: a comment and files become a change of status to
//! COMPLETEE, as the archive does that an application drops. It is a person's: no application gets a receipt of it.

use askama::Template;

use crate::chorus::explained;
use crate::config::Config;
use crate::domain::{FlowId, InvoiceStatus, Timestamp};
use crate::fault::Fault;
use crate::flow::FlowKind;
use crate::os::disk;
use crate::store::{Asked, AskedChange, FlowRecord, InvoiceRecord, Piece, Reader, StoreError};
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::home::FlowLine;
use crate::web::page::{Chrome, Visit};
use crate::web::site::Site;
use crate::web::words::Tongue;
use crate::work::GivenComplement;
use crate::work::gatehouse::DropLimits;

/// Characters of a comment.
const COMMENT_LIMIT: usize = 2000;

/// An invoice that may be completed.
pub struct Suspended {
    pub ordinal: u32,
    pub number: String,
    /// What the recipient said with the suspension.
    pub comment: String,
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
    /// Whether files are to be chosen anew.
    had_files: bool,
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
    Ok(suspended
        .into_iter()
        .map(|i| Suspended {
            ordinal: i.ordinal,
            number: i.facts.number.to_string(),
            comment: own(i.ordinal).find_map(|status| status.comment.as_deref().map(explained)).unwrap_or_default(),
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
        had_files: !ask.files.is_empty(),
    };
    let answer = Answer::html(page.render()?);
    Ok(if problem.is_some() { answer.status(422) } else { answer })
}

/// What was given, kept; or what stands against it, as against a file that is dropped.
fn kept(
    t: Tongue,
    site: &Site,
    flow: &FlowRecord,
    given: &GivenComplement<'_>,
) -> Result<Result<Vec<Piece>, String>, Trouble> {
    if let Some(objection) = given.objection() {
        return Ok(Err(t.typeset(objection.get(t.0))));
    }
    let told = |fault: &Fault| format!("{} : {} {}", fault.code.as_str(), fault.title(t.0), fault.remedy(t.0));
    let config = site.settings.configuration.text().ok().and_then(|text| Config::parse(&text).ok());
    let limits = DropLimits::from(&config.map(|config| config.limits).unwrap_or_default());
    let free = || {
        let free = disk::free_bytes(&site.settings.data_dir);
        free.map_err(|source| Trouble::Io { what: "the data disk's free space", source })
    };
    let size = given.files.iter().map(|(_, content)| content.len()).sum::<usize>() + given.comment.len();
    let size = u64::try_from(size).unwrap_or(u64::MAX);
    if let Some(fault) = limits.objection(&flow.account, size, free()?, site.reader()?.pending(&flow.account)?) {
        return Ok(Err(t.typeset(&told(&fault))));
    }
    let mut pieces = Vec::new();
    for (name, mut content) in given.files.iter().copied() {
        match site.store.keep_document(&mut content) {
            Ok(content) => pieces.push(Piece { name: name.to_owned(), kind: None, content }),
            Err(StoreError::DiskFull) => {
                return Ok(Err(t.typeset(&told(&limits.disk_nearly_full(free()?)))));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Ok(pieces))
}

/// Makes a change of status of what was given, as of a status that a person gives: it is theirs, and stands in the invoice's
/// history and in its own.
pub fn hand_in(site: &Site, ask: &Ask, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let t = visit.t;
    let flow_id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let reader = site.reader()?;
    let flow = reader.flow(&flow_id)?.ok_or(Trouble::NotFound)?;
    let invoices = reader.invoices(&flow_id)?;
    let may = suspended(&reader, &flow, &invoices)?;
    let chosen = may.iter().find(|one| one.ordinal.to_string() == ask.form.get("facture"));
    let invoice = chosen.and_then(|chosen| invoices.iter().find(|i| i.ordinal == chosen.ordinal));
    let Some((invoice, chorus_id)) = invoice.and_then(|invoice| Some((invoice, invoice.chorus_id?))) else {
        return Ok(Answer::see_other(&format!("/flux/{flow_id}?fait=impossible")));
    };
    let comment = ask.form.get("comment").replace("\r\n", "\n");
    let given = GivenComplement {
        comment: &comment,
        files: ask.files.iter().map(|file| (file.name.as_str(), file.content.as_slice())).collect(),
    };
    let pieces = match kept(t, site, &flow, &given)? {
        Ok(pieces) => pieces,
        Err(said) => return show(site, ask, visit, id, Some(&said)),
    };
    let asked = AskedChange {
        chorus_id,
        number: invoice.facts.number.clone(),
        supplier: invoice.facts.supplier.clone(),
        target: InvoiceStatus::Completee,
        motif: comment.trim().to_owned(),
        mandate: None,
    };
    let same = (asked.motif.clone(), pieces.clone());
    let of = (&flow_id, invoice.ordinal);
    match site.store.complete_sent(of, asked, pieces, visit.person(), Timestamp::now()).wait()? {
        Asked::New(change) => {
            log::info!(flow = change.as_str(), completes = flow_id.as_str(); "A person hands in a complement");
            Ok(Answer::see_other(&format!("/flux/{change}?fait=complement")))
        }
        Asked::UnderWay(change) if is_same(&site.reader()?, &change, &same)? => {
            Ok(Answer::see_other(&format!("/flux/{change}?fait=deja-complete")))
        }
        Asked::UnderWay(_) => {
            let said = t.say(
                "Un autre complément de cette facture est déjà en route pour cette suspension : attendez ce qu’il devient (il se lit sur la page du flux).",
                "Another complement of this invoice is under way for this suspension: wait for what becomes of it (it stands on the flow’s page).",
            );
            show(site, ask, visit, id, Some(&t.typeset(said)))
        }
    }
}

/// Whether a change is the complement of this comment and these files.
fn is_same(reader: &Reader, change: &FlowId, (comment, files): &(String, Vec<Piece>)) -> Result<bool, Trouble> {
    let pieces = reader.pieces(change)?;
    let of = |piece: &Piece| (piece.name.clone(), piece.content.sha256);
    let same_comment = reader.change(change)?.is_some_and(|change| change.asked.motif == *comment);
    Ok(same_comment && pieces.iter().map(|(piece, _)| of(piece)).eq(files.iter().map(of)))
}
