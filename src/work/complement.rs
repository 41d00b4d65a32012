//! Completes a sent invoice that its recipient suspended: by an archive with `complement.json` and the files to add, or by
//! what a person gives on the page.
//!
//! It is a status change to COMPLETEE with files: the intent is durable before the first of its calls, a lost answer is
//! looked up in the invoice's history, and changes of one invoice go in their order. Handing a file in (`ajouter/fichier`)
//! ties it to nothing, so a lost answer to that is no doubt: it is handed in once more, and what Chorus Pro has under a
//! number already is not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::chorus::{AjouterFichier, AttachmentError, AttachmentId, AttachmentReference, Completer, Service};
use crate::domain::{ChorusInvoiceId, InvoiceNumber, InvoiceStatus};
use crate::fault::{Code, Fault, Text};
use crate::flow::status_change::{Event, State};
use crate::invoice::archive;
use crate::invoice::{self, Limits};
use crate::store::{AskedChange, ChangeFacts, Decided, Facts, FlowRecord, Kept, Parts, Piece, Reader, StoreError};
use crate::work::change::Job;
use crate::work::connector::{CallError, Connector};
use crate::work::core::{Core, JobError};
use crate::work::split::Outcome;

/// What says what an archive completes, at its root.
const SHEET: &str = "complement.json";
/// What a complement is called beside the syntaxes of invoices.
const COMPLEMENT: &str = "complement";
/// Characters of a comment: as many as are kept of one. Chorus Pro documents no limit.
const COMMENT_LIMIT_CHARS: usize = 2000;
/// Characters of a date as Chorus Pro writes it.
const DATE_LIMIT_CHARS: usize = 64;
/// Files of one complement: their calls must end within one lease.
const FILES_LIMIT: usize = 20;

/// `complement.json`: see `config/schema/complement.schema.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    #[serde(default)]
    invoice: Option<String>,
    #[serde(default)]
    chorus_id: Option<i64>,
    /// Which suspension it answers: nothing is done with it, but the same comment for the next one is another archive.
    #[serde(default)]
    suspended_at: Option<String>,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    files: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    /// The type's code at Chorus Pro (`recuperer/typespj`).
    #[serde(default)]
    kind: Option<String>,
}

/// What a person gives on the page.
pub struct GivenComplement<'a> {
    pub comment: &'a str,
    /// Names and contents.
    pub files: Vec<(&'a str, &'a [u8])>,
}

impl GivenComplement<'_> {
    /// Why it cannot be sent, in the words of the form that it was given in.
    pub fn objection(&self) -> Option<Text> {
        if self.files.is_empty() && self.comment.trim().is_empty() {
            return Some(Text::new(
                "Rien à envoyer : écrivez un commentaire ou joignez au moins un fichier.",
                "Nothing to send: write a comment or add at least one file.",
            ));
        }
        let chars = self.comment.chars().count();
        if chars > COMMENT_LIMIT_CHARS {
            return Some(Text::new(
                format!(
                    "Le commentaire a {chars} caractères ; Chorus Pro le reçoit jusqu'à {COMMENT_LIMIT_CHARS} : raccourcissez-le."
                ),
                format!("The comment has {chars} characters; at most {COMMENT_LIMIT_CHARS} are sent: shorten it."),
            ));
        }
        if self.files.len() > FILES_LIMIT {
            let count = self.files.len();
            return Some(Text::new(
                format!("{count} fichiers, c'est trop : {FILES_LIMIT} au plus. Réunissez-en dans une archive .zip."),
                format!("{count} files are too many: at most {FILES_LIMIT}. Put some into one .zip archive."),
            ));
        }
        let mut seen = BTreeSet::new();
        self.files.iter().find_map(|(name, content)| {
            if !seen.insert(*name) {
                return Some(Text::new(
                    format!("Deux fichiers s'appellent « {name} » : renommez l'un d'eux."),
                    format!("Two files are called \"{name}\": rename one of them."),
                ));
            }
            unfit(name, content)
        })
    }
}

/// Why Chorus Pro does not take a file, to whoever chose it.
fn unfit(name: &str, content: &[u8]) -> Option<Text> {
    if content.len() > Limits::default().archive_member_bytes {
        return Some(Text::new(
            format!("« {name} » dépasse 10 Mo, la limite de Chorus Pro : allégez-le ou partagez-le."),
            format!("\"{name}\" is over 10 MB, Chorus Pro's limit: make it smaller or divide it."),
        ));
    }
    match AjouterFichier::new(name, content.to_vec().into()) {
        Ok(_) => None,
        Err(AttachmentError::Empty) => Some(Text::new(
            format!("« {name} » est vide : choisissez le bon fichier."),
            format!("\"{name}\" is empty: choose the right file."),
        )),
        Err(error) => Some(Text::new(format!("« {name} » : {}", error.remedy()), format!("\"{name}\": {error}."))),
    }
}

/// The listed files with their contents.
type Files = Vec<(Listed, Vec<u8>)>;

/// Whether the archive completes an invoice.
pub(super) fn is_complement(bytes: &[u8], limits: &Limits) -> bool {
    archive::holds(bytes, SHEET, limits)
}

/// What is wrong with the archive, as far as it can be told without knowing which invoices were sent.
pub fn examine(bytes: &[u8], limits: &Limits) -> Option<Fault> {
    opened(bytes, limits).err()
}

/// The change that the archive asks for, or everything that is wrong with it.
pub(super) fn read(
    core: &Core,
    flow: &FlowRecord,
    bytes: &[u8],
    options: &invoice::Options,
) -> Result<Outcome, JobError> {
    let refused = |fault: Fault| {
        Ok(Outcome::Refused(Facts { fault: Some(fault), syntax: Some(COMPLEMENT.to_owned()), ..Facts::default() }))
    };
    let (sheet, files) = match opened(bytes, &options.limits) {
        Ok(opened) => opened,
        Err(fault) => return refused(fault),
    };
    let asked = match asked(&core.store.reader()?, flow, &sheet)? {
        Ok(asked) => asked,
        Err(fault) => return refused(fault),
    };
    let mut pieces = Vec::new();
    for (listed, content) in files {
        let content: Kept = core.store.keep_document(&mut content.as_slice())?;
        pieces.push(Piece { name: listed.name, kind: listed.kind, content });
    }
    let facts = Facts { syntax: Some(COMPLEMENT.to_owned()), findings: Some(Vec::new()), ..Facts::default() };
    Ok(Outcome::Split(Parts::Complement(asked, pieces), facts))
}

/// The sheet, and the content of each file it lists.
fn opened(bytes: &[u8], limits: &Limits) -> Result<(Sheet, Files), Fault> {
    let mut members: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut broken = None;
    archive::read(bytes, limits, &mut |member| match member.content {
        Ok(content) => {
            let name = member.name.strip_prefix("./").unwrap_or(&member.name).to_owned();
            if members.insert(name.clone(), content).is_some() {
                broken = Some(wrong(&format!("« {name} » y est deux fois"), &format!("\"{name}\" is in it twice")));
            }
        }
        Err(fault) => broken = Some(fault),
    })?;
    if let Some(fault) = broken {
        return Err(fault);
    }
    let sheet = members.remove(SHEET).ok_or_else(|| {
        wrong(
            &format!("« {SHEET} » manque à la racine de l'archive"),
            &format!("\"{SHEET}\" is not at the archive's root"),
        )
    })?;
    let mut sheet: Sheet = serde_json::from_slice(&sheet).map_err(|error| {
        let detail = Text::technical(&format!("{SHEET} mal écrit"), &format!("{SHEET} badly written"), error);
        Fault::new(Code::ComplementWrong).with_text("detail", &detail)
    })?;
    check(&sheet)?;
    let mut files = Vec::new();
    for listed in std::mem::take(&mut sheet.files) {
        let content = members.remove(&listed.name).ok_or_else(|| {
            let name = &listed.name;
            wrong(
                &format!("{SHEET} nomme « {name} », qui n'est pas dans l'archive (ou y est nommé deux fois)"),
                &format!("{SHEET} names \"{name}\", which is not in the archive (or is named twice)"),
            )
        })?;
        fits(&listed.name, &content)?;
        files.push((listed, content));
    }
    if let Some(name) = members.keys().next() {
        return Err(wrong(
            &format!("« {name} » est dans l'archive et {SHEET} ne le nomme pas"),
            &format!("\"{name}\" is in the archive and {SHEET} does not name it"),
        ));
    }
    Ok((sheet, files))
}

/// Whether Chorus Pro takes such a file.
fn fits(name: &str, content: &[u8]) -> Result<(), Fault> {
    let fits = AjouterFichier::new(name, content.to_vec().into()).map(drop);
    fits.map_err(|error| wrong(&format!("« {name} » : {}", error.remedy()), &format!("\"{name}\": {error}")))
}

fn check(sheet: &Sheet) -> Result<(), Fault> {
    if sheet.invoice.is_none() && sheet.chorus_id.is_none() {
        return Err(wrong(
            &format!("{SHEET} ne dit pas quelle facture compléter (invoice ou chorus_id)"),
            &format!("{SHEET} does not say which invoice to complete (invoice or chorus_id)"),
        ));
    }
    if sheet.files.is_empty() && sheet.comment.trim().is_empty() {
        return Err(wrong(
            &format!("{SHEET} n'apporte ni fichier (files) ni commentaire (comment)"),
            &format!("{SHEET} brings neither a file (files) nor a comment (comment)"),
        ));
    }
    let chars = |text: &str| text.chars().count();
    let over = [
        (sheet.files.len(), FILES_LIMIT, "files"),
        (chars(&sheet.comment), COMMENT_LIMIT_CHARS, "comment"),
        (chars(sheet.suspended_at.as_deref().unwrap_or_default()), DATE_LIMIT_CHARS, "suspended_at"),
    ];
    match over.into_iter().find(|(count, limit, _)| count > limit) {
        Some((count, limit, key)) => Err(wrong(
            &format!("{key} dépasse la limite ({count}, au plus {limit})"),
            &format!("{key} is over its limit ({count}, at most {limit})"),
        )),
        None => Ok(()),
    }
}

fn wrong(fr: &str, en: &str) -> Fault {
    Fault::new(Code::ComplementWrong).with_text("detail", &Text::new(fr, en))
}

/// The sent invoice that is meant.
fn asked(reader: &Reader, flow: &FlowRecord, sheet: &Sheet) -> Result<Result<AskedChange, Fault>, JobError> {
    let number: Option<InvoiceNumber> = match sheet.invoice.as_deref().map(str::parse) {
        None => None,
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => {
            return Ok(Err(wrong("invoice n'est pas un numéro de facture", "invoice is no invoice number")));
        }
    };
    let id = sheet.chorus_id.map(ChorusInvoiceId);
    let shown = number.as_ref().map(ToString::to_string).or(id.map(|id| id.to_string())).unwrap_or_default();
    let found = reader.sent(&flow.realm, id, number.as_ref())?;
    Ok(match <[_; 1]>::try_from(found) {
        Ok([(chorus_id, facts)]) => Ok(AskedChange {
            chorus_id,
            number: facts.number,
            supplier: facts.supplier,
            target: InvoiceStatus::Completee,
            motif: sheet.comment.trim().to_owned(),
            mandate: None,
        }),
        Err(many) if many.is_empty() => Err(Fault::new(Code::InvoiceNotSent).with("number", shown)),
        Err(_) => Err(wrong(
            &format!("plusieurs factures envoyées portent le numéro {shown} : donnez chorus_id (accusé de la facture)"),
            &format!("several sent invoices have the number {shown}: give chorus_id (the invoice's receipt)"),
        )),
    })
}

/// How one of the calls ended.
enum Ended<A> {
    Answered(A),
    /// Before the first of them was intended: nothing has begun.
    NotBegun(CallError),
    Failed(CallError),
    /// Somebody gave the change up meanwhile: nothing is called, and what is left of the lease runs out.
    GivenUp,
}

/// The calls of one complement, with what must be durable before the first.
struct Calls<'a> {
    job: &'a Job<'a>,
    connector: Connector,
    /// How often the invoice has been completed so far.
    had: u32,
    begun: bool,
}

impl Calls<'_> {
    async fn call<S: Service>(&mut self, service: &S) -> Result<Ended<S::Answer>, JobError> {
        if self.begun {
            return Ok(match self.connector.call(service).await {
                Ok(answer) => Ended::Answered(answer),
                Err(error) => Ended::Failed(error),
            });
        }
        let (job, had) = (self.job, self.had);
        let begun = &mut self.begun;
        let before = async {
            match job.core.store.intend_change(&job.flow.id, job.lease, had, job.core.now()).await {
                Ok(Decided::Moved { to: State::Sending, .. }) => {
                    *begun = true;
                    Ok(())
                }
                Ok(_) => Err(None),
                Err(error) => Err(Some(error)),
            }
        };
        let called: Result<_, Option<StoreError>> = self.connector.call_after(service, before).await;
        match called {
            Ok(Ok(answer)) => Ok(Ended::Answered(answer)),
            Ok(Err(error)) if self.begun => Ok(Ended::Failed(error)),
            Ok(Err(error)) => Ok(Ended::NotBegun(error)),
            Err(None) => Ok(Ended::GivenUp),
            Err(Some(error)) => Err(error.into()),
        }
    }
}

/// Sends the complement of `job`, a change to COMPLETEE.
pub(super) async fn run(job: &Job<'_>) -> Result<(), JobError> {
    let core = job.core;
    let history = match job.history().await {
        Ok(history) => history,
        Err(setback) => return job.put_off(setback).await,
    };
    if job.has_happened(&history) {
        return job.decide(Event::FoundAtChorus, None).await;
    }
    let had = history.times(&InvoiceStatus::Completee);
    if let Some(current) = history.current.filter(|current| *current != InvoiceStatus::Suspendue) {
        let fault = Fault::new(Code::NotSuspended).with("number", &job.asked.number).with("current", &current);
        return job.decide(Event::NotAllowed, Some(fault)).await;
    }
    let connector = match core.connector(&job.lease.realm).await {
        Ok(connector) => connector,
        Err(setback) => return job.put_off(setback).await,
    };
    let mut calls = Calls { job, connector, had, begun: false };
    let Some(attachments) = hand_in(&mut calls).await? else { return Ok(()) };
    let completer = Completer { invoice: job.asked.chorus_id, attachments, comment: job.asked.motif.clone() };
    match calls.call(&completer).await? {
        Ended::Answered(_) => job.settle(Ok(None), had).await,
        Ended::Failed(error) => job.settle(Err(error), had).await,
        Ended::NotBegun(error) => job.put_off(core.setback(&job.lease.realm, error).await).await,
        Ended::GivenUp => Ok(()),
    }
}

/// Hands in every file that Chorus Pro does not have yet; `None` when the change is settled or put off by that.
async fn hand_in(calls: &mut Calls<'_>) -> Result<Option<Vec<AttachmentReference>>, JobError> {
    let job = calls.job;
    let pieces = job.core.store.reader()?.pieces(&job.flow.id)?;
    let mut attachments = Vec::new();
    for (ordinal, (piece, known)) in pieces.into_iter().enumerate() {
        let hash = piece.content.sha256;
        let content = job
            .core
            .apart(move |core| core.store.reader()?.document(&hash)?.ok_or(JobError::Missing("a file of a complement")))
            .await?;
        let service = match AjouterFichier::new(&piece.name, content.into()) {
            Ok(service) => service,
            Err(error) => {
                let fault =
                    wrong(&format!("« {} » : {}", piece.name, error.remedy()), &format!("\"{}\": {error}", piece.name));
                // Once a call was intended, what cannot be sent is no longer kept from being asked for: it is refused.
                let event = if calls.begun { Event::Refused } else { Event::NotAllowed };
                end(job, event, fault, None).await?;
                return Ok(None);
            }
        };
        let id = match known {
            Some(id) => id,
            None => match calls.call(&service).await? {
                Ended::Answered(AttachmentId(id)) => {
                    job.core.store.handed_in(&job.flow.id, ordinal, id).await?;
                    id
                }
                Ended::GivenUp => return Ok(None),
                Ended::NotBegun(error) => {
                    job.put_off(job.core.setback(&job.lease.realm, error).await).await?;
                    return Ok(None);
                }
                Ended::Failed(error) => {
                    not_handed_in(job, &piece, error).await?;
                    return Ok(None);
                }
            },
        };
        let designation = service.name().to_owned();
        attachments.push(AttachmentReference { id: AttachmentId(id), designation, kind: piece.kind, line: None });
    }
    Ok(Some(attachments))
}

/// A file that Chorus Pro has not taken: the invoice is as it was, whatever became of the file.
async fn not_handed_in(job: &Job<'_>, piece: &Piece, error: CallError) -> Result<(), JobError> {
    log::warn!(flow = job.flow.id.as_str(), error = error.to_string().as_str(); "A file of a complement was not handed in");
    if let CallError::Refused { code, label, .. } = &error {
        let fault = refused(job.asked, &Text::same(&piece.name), *code, label);
        return end(job, Event::Refused, fault, Some(error.to_string())).await;
    }
    let (fault, detail, now) = (error.fault().clone(), error.to_string(), job.core.now());
    let at = match job.core.setback(&job.lease.realm, error).await {
        crate::work::reach::Setback::Later { at, .. } => at,
        crate::work::reach::Setback::Refused { .. } => now,
    };
    let not_before = Some(at.max(now.plus(job.retry_wait())));
    let facts = ChangeFacts { fault: Some(fault), detail: Some(detail), not_before, ..ChangeFacts::default() };
    record(job, Event::NotSent, facts).await
}

async fn end(job: &Job<'_>, event: Event, fault: Fault, detail: Option<String>) -> Result<(), JobError> {
    record(job, event, ChangeFacts { fault: Some(fault), detail, ..ChangeFacts::default() }).await
}

async fn record(job: &Job<'_>, event: Event, facts: ChangeFacts) -> Result<(), JobError> {
    let (store, now) = (&job.core.store, job.core.now());
    job.core.record(|| store.decide_change(&job.flow.id, event, facts.clone(), Some(job.lease), now)).await?;
    Ok(())
}

/// What Chorus Pro's refusal of `completer` means (PROTOCOL §2.2).
pub(super) fn refusal(asked: &AskedChange, code: i64, label: &str) -> Fault {
    let (fr, en) = match code {
        20_000 => ("elle lui est inconnue", "it does not know it"),
        20_001 => (
            "ce compte technique n'a pas le droit de la compléter",
            "this technical account is not entitled to complete it",
        ),
        20_002 => ("elle n'est pas suspendue", "it is not suspended"),
        _ => ("appel completer", "call completer"),
    };
    refused(asked, &Text::new(fr, en), code, label)
}

fn refused(asked: &AskedChange, what: &Text, code: i64, label: &str) -> Fault {
    Fault::new(Code::PieceRefused)
        .with("number", &asked.number)
        .with_text("what", what)
        .with("code", code)
        .with("label", label)
}
