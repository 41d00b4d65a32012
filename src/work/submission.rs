//! Deposits a plain PDF: has Chorus Pro keep it (`deposer/pdf`) and what goes with it (`ajouter/fichier`), then submits the
//! data as a form (`soumettre`).
//!
//! Promise: the uploads come before the intent, because they make no invoice: Chorus Pro keeps a file that nothing refers
//! to and shows it to nobody, so one whose answer was lost is simply handed in again; one that it took is not, so that many
//! large files get through on a slow line, one after the other. What a form may have used is not used again, and a form that
//! is refused with files of an earlier job goes once more with new ones. Only `soumettre` makes an invoice:
//! its intent is durable before it leaves, and a lost answer is a doubt that `work/doubt` looks up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chorus::{
    AjouterFichier, AttachmentId, AttachmentReference, DeposerPdf, FoundService, Page, PdfSignature,
    RechercherServices, RechercherStructure, References, Service, Soumettre, StructureId, Submission, Submitted,
};
use crate::domain::{Environment, Siret, Timestamp};
use crate::fault::{Code, Fault, Text};
use crate::flow::deposit::Event;
use crate::invoice::pdf_data::{self, DataOptions, Party, PdfInvoice, Signature};
use crate::store::{AttemptRecord, Facts, FlowRecord, Lease, PdfDataRecord, UPLOADED};
use crate::work::connector::{CallError, Connector};
use crate::work::core::{Core, JobError};
use crate::work::deposit::{self, Taken};
use crate::work::reach::{PAGES_LIMIT, Setback};
use crate::work::split;

/// No upload is begun later in a job, and no form after one: the longest that either may take (`net/http`) then ends before
/// the job's own limit.
const UPLOADS_BEGIN: Duration = Duration::from_secs(90);
/// How long a file that Chorus Pro took, and nothing refers to, is relied on.
const UPLOAD_LASTS: Duration = Duration::from_secs(24 * 3600);

impl Taken for Submitted {
    fn settled(self) -> (Event, Facts) {
        (Event::Submitted, Facts { chorus_id: Some(self.invoice), ..Facts::default() })
    }
}

/// Why nothing was submitted.
enum Stop {
    /// Chorus Pro, or what the data say, rules it out: the flow is refused.
    Refused(Fault),
    /// The way to Chorus Pro, or a question that it does not answer: later.
    Later(Setback),
    /// A call's own failure: later.
    Call(CallError),
    /// What was handed in took this job's time: the rest goes on at once, in another.
    Again,
    Job(JobError),
}

impl<E: Into<JobError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Job(error.into())
    }
}

pub(super) async fn run(core: &Arc<Core>, lease: &Lease, flow: FlowRecord) -> Result<(), JobError> {
    let connector = match core.connector(&lease.realm).await {
        Ok(connector) => connector,
        Err(Setback::Later { at, .. }) => return deposit::wait(core, lease, &flow, at).await,
        Err(Setback::Refused { .. }) => return Ok(core.store.finish(lease).await?),
    };
    let reader = core.store.reader()?;
    let attempts = reader.attempts(&flow.id)?;
    let kept = reader.pdf_data(&flow.id)?.ok_or(JobError::Missing("the PDF's data"))?;
    drop(reader);
    let desk = Desk {
        core,
        lease,
        connector: &connector,
        begun: (Instant::now(), core.now()),
        has_handed_in: false,
        relies: false,
    };
    match prepare(core, lease, &flow, &kept, desk).await {
        Ok((service, relies)) => {
            let relies = relies && !attempts.iter().any(relied);
            deposit::send(core, lease, &flow, (&attempts, relies), &connector, &service).await
        }
        Err(Stop::Again) => Ok(core.store.postpone(lease, core.now()).await?),
        Err(Stop::Job(error)) => Err(error),
        Err(Stop::Call(error)) => deposit::put_off(core, lease, &flow, error).await,
        Err(Stop::Later(setback)) => {
            let (now, retry) = (core.now(), core.options.load().limits.deposit_retry.get());
            let (fault, at) = match setback {
                Setback::Later { fault, at } => (fault, at.max(now.plus(retry))),
                // A question that is refused says nothing about the invoice. An account that may not ask it stops this flow
                // alone: nothing else needs the API of structures.
                Setback::Refused { fault } => (fault, now.plus(refused_wait(retry, now.since(flow.since)))),
            };
            core.store.trouble(&flow.id, Some(fault), now).await?;
            Ok(core.store.postpone(lease, at).await?)
        }
        Err(Stop::Refused(fault)) => refused(core, lease, &flow, fault).await,
    }
}

/// Before a question that was refused is asked again: as long as the form has waited already, which doubles each time.
fn refused_wait(first: Duration, age: Duration) -> Duration {
    age.clamp(first, deposit::RETRY_LONGEST.max(first))
}

/// Nothing was submitted and nothing will be. Where an earlier form may have made the invoice all the same, that is a doubt
/// first, as after a form that is refused.
async fn refused(core: &Core, lease: &Lease, flow: &FlowRecord, fault: Fault) -> Result<(), JobError> {
    log::warn!(flow = flow.id.as_str(), fault = fault.code.as_str(); "A plain PDF cannot be submitted");
    let (event, fault, detail) = match deposit::in_doubt(core, flow, &fault)? {
        Some((fault, kept)) => (Event::RefusedInDoubt, fault, Some(kept)),
        None => (Event::UploadRefused, fault, None),
    };
    let facts = Facts { fault: Some(fault), detail, ..Facts::default() };
    core.store.decide(&flow.id, event, facts, Some(lease), core.now()).await?;
    Ok(())
}

/// Whether a try was refused with files of an earlier job: they were handed in anew since, which helps once.
fn relied(attempt: &AttemptRecord) -> bool {
    attempt.detail.as_deref().is_some_and(|detail| detail.starts_with(deposit::RELIED))
}

/// Everything before the form: whose it is, the PDF, what goes with it; and whether that was handed in by an earlier job.
async fn prepare(
    core: &Arc<Core>,
    lease: &Lease,
    flow: &FlowRecord,
    kept: &PdfDataRecord,
    mut desk: Desk<'_>,
) -> Result<(Soumettre, bool), Stop> {
    let options = DataOptions { sandbox: lease.realm.environment != Environment::Production };
    let json = kept.data.as_deref().ok_or(JobError::Missing("the PDF's data"))?;
    let invoice =
        pdf_data::read(json.as_bytes(), options).map_err(|problems| Stop::Refused(pdf_data::fault_of(&problems)))?;
    let (supplier, supplier_service) = supplier(core, lease, &invoice.supplier).await?;
    let hash = flow.sha256.ok_or(JobError::Missing("the document's hash"))?;
    let content =
        core.apart(move |core| core.store.reader()?.document(&hash)?.ok_or(JobError::Missing("the document"))).await?;
    let signature = match invoice.signature {
        Some(Signature::None) => PdfSignature::None,
        Some(Signature::Pades) => PdfSignature::Pades,
        Some(Signature::Xades) => PdfSignature::Xades,
        None if crate::invoice::is_signed(&content) => PdfSignature::Pades,
        None => PdfSignature::None,
    };
    let name = split::name_to_send(&flow.file);
    let upload = DeposerPdf { content: content.into(), file_name: DeposerPdf::file_name(name), signature };
    let principal_name = upload.file_name.as_str().to_owned();
    let kind = format!("{hash}:pdf:{signature:?}:{principal_name}");
    let principal = desk.hand_in(&kind, &upload, |answer| answer.attachment).await?;
    let mut attachments = Vec::new();
    for (place, enclosure) in invoice.attachments.iter().enumerate() {
        let hash = kept.enclosures.iter().find(|(name, _)| *name == enclosure.file).map(|(_, hash)| *hash);
        let hash = hash.ok_or(JobError::Missing("a file that goes with the PDF"))?;
        let content = core
            .apart(move |core| core.store.reader()?.document(&hash)?.ok_or(JobError::Missing("the document")))
            .await?;
        let upload = AjouterFichier::new(last_of(&enclosure.file), content.into())
            .map_err(|error| Stop::Refused(unfit(&enclosure.file, &error)))?;
        // By its place: two of one name and content are two.
        let id = desk.hand_in(&format!("{hash}:file:{place}:{}", upload.name()), &upload, |id| id).await?;
        attachments.push(AttachmentReference {
            id,
            designation: enclosure.designation.clone().unwrap_or_else(|| upload.name().to_owned()),
            kind: enclosure.kind.clone(),
            line: None,
        });
    }
    // What was handed in is remembered: the form has a job's whole time.
    if desk.is_late() && desk.has_handed_in {
        return Err(Stop::Again);
    }
    let signed = signature != PdfSignature::None;
    let own = Own { supplier, supplier_service, signed, principal, principal_name, attachments };
    let form = Soumettre::new(submission(invoice, own)).map_err(|error| {
        let remedy = Text::new(error.remedy(), error.to_string());
        Stop::Refused(Fault::new(Code::PdfDataWrong).with("count", 1).with_text("first", &remedy))
    })?;
    Ok((form, desk.relies))
}

/// An attachment that Chorus Pro does not take, by its name, size or kind.
pub(super) fn unfit(name: &str, error: &crate::chorus::AttachmentError) -> Fault {
    let first = Text::new(format!("{name} : {}", error.remedy()), format!("{name}: {error}"));
    Fault::new(Code::PdfDataWrong).with("count", 1).with_text("first", &first)
}

/// A member's own name, without the folders it stands in.
fn last_of(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// Where a form's files are handed in.
struct Desk<'a> {
    core: &'a Core,
    lease: &'a Lease,
    connector: &'a Connector,
    /// When the job began, by the steady clock and by the one that leases go by.
    begun: (Instant, Timestamp),
    /// Whether this job has handed in a file.
    has_handed_in: bool,
    /// Whether the form refers to one that an earlier job handed in.
    relies: bool,
}

impl Desk<'_> {
    /// Whether nothing long may begin any more in this job.
    fn is_late(&self) -> bool {
        let (begun, begun_at) = self.begun;
        begun.elapsed().max(self.core.now().since(begun_at)) >= UPLOADS_BEGIN
    }

    /// An upload, unless Chorus Pro took this very file of the flow already.
    async fn hand_in<S: Service>(
        &mut self,
        file: &str,
        upload: &S,
        id: impl FnOnce(S::Answer) -> AttachmentId,
    ) -> Result<AttachmentId, Stop> {
        let (core, lease) = (self.core, self.lease);
        let name = format!("{UPLOADED}{}:{file}", lease.flow);
        if let Some((id, at)) = core.store.reader()?.remembered(&lease.realm, &name)?.as_deref().and_then(taken)
            && core.now().since(at) < UPLOAD_LASTS
        {
            self.relies = true;
            return Ok(id);
        }
        if self.is_late() {
            return Err(Stop::Again);
        }
        let id = id(call(core, lease, self.connector, upload).await?);
        core.store.remember(&lease.realm, &name, &format!("{} {}", id.0, core.now().millis())).await?;
        self.has_handed_in = true;
        Ok(id)
    }
}

/// Chorus Pro's number of a file that it took, and when.
fn taken(text: &str) -> Option<(AttachmentId, Timestamp)> {
    let (id, at) = text.split_once(' ')?;
    Some((AttachmentId(id.parse().ok()?), Timestamp::from_millis(at.parse().ok()?)))
}

/// An upload: handed in again when its answer was lost.
async fn call<S: Service>(core: &Core, lease: &Lease, connector: &Connector, service: &S) -> Result<S::Answer, Stop> {
    match connector.call(service).await {
        Ok(answer) => {
            core.pauses.passed(&lease.realm);
            Ok(answer)
        }
        Err(error @ CallError::Refused { .. }) => Err(Stop::Refused(deposit::fault_of(&error))),
        Err(error) => Err(Stop::Call(error)),
    }
}

/// Chorus Pro's numbers of the supplier and its service: asked for once, then remembered.
async fn supplier(core: &Core, lease: &Lease, party: &Party) -> Result<(StructureId, Option<i64>), Stop> {
    let name = format!("structure:{}", party.siret);
    let structure = match remembered(core, lease, &name)? {
        Some(id) => StructureId(id),
        None => {
            let found = structure(core, lease, &party.siret).await?;
            core.store.remember(&lease.realm, &name, &found.0.to_string()).await?;
            found
        }
    };
    let Some(code) = &party.service else { return Ok((structure, None)) };
    let name = format!("service:{}:{code}", structure.0);
    if let Some(id) = remembered(core, lease, &name)? {
        return Ok((structure, Some(id)));
    }
    let service = service(core, lease, structure, code).await?.ok_or_else(|| {
        let fault = Fault::new(Code::SupplierServiceNotAtChorus);
        Stop::Refused(fault.with("service", code).with("siret", &party.siret))
    })?;
    core.store.remember(&lease.realm, &name, &service.id.to_string()).await?;
    Ok((structure, Some(service.id)))
}

fn remembered(core: &Core, lease: &Lease, name: &str) -> Result<Option<i64>, Stop> {
    Ok(core.store.reader()?.remembered(&lease.realm, name)?.and_then(|id| id.parse().ok()))
}

async fn structure(core: &Core, lease: &Lease, siret: &Siret) -> Result<StructureId, Stop> {
    let question = RechercherStructure { siret: siret.to_string(), page: Page::FIRST };
    let found = core.ask_optional(&lease.realm, &question).await.map_err(Stop::Later)?;
    let ours = |siret: &Siret| {
        found.rows.iter().find(|row| row.siret.as_deref().is_none_or(|found| found.trim() == siret.as_str()))
    };
    let row = ours(siret).filter(|row| row.is_active() != Some(false));
    row.map(|row| row.id).ok_or_else(|| Stop::Refused(Fault::new(Code::SupplierNotAtChorus).with("siret", siret)))
}

async fn service(core: &Core, lease: &Lease, structure: StructureId, code: &str) -> Result<Option<FoundService>, Stop> {
    let mut question = RechercherServices { structure, page: Page::FIRST };
    for _ in 0..PAGES_LIMIT {
        let page = core.ask_optional(&lease.realm, &question).await.map_err(Stop::Later)?;
        let more = page.has_more(question.page);
        let ours = page.rows.into_iter().find(|service| service.code == code && service.active != Some(false));
        if ours.is_some() || !more {
            return Ok(ours);
        }
        question.page = question.page.next();
    }
    Ok(None)
}

/// What Chorus Pro gave, for the form.
struct Own {
    supplier: StructureId,
    supplier_service: Option<i64>,
    signed: bool,
    principal: AttachmentId,
    principal_name: String,
    attachments: Vec<AttachmentReference>,
}

fn submission(invoice: PdfInvoice, own: Own) -> Submission {
    Submission {
        signed: own.signed,
        number: invoice.number,
        issued_on: invoice.issued_on,
        recipient: invoice.recipient,
        supplier: own.supplier,
        supplier_service: own.supplier_service,
        bank_details: invoice.bank_details,
        frame: invoice.frame,
        references: References {
            currency: invoice.currency,
            credit_note: invoice.credit_note,
            vat: invoice.vat_kind,
            payment: invoice.payment,
            market: invoice.market,
            order: invoice.commitment,
            origin: invoice.origin,
        },
        lines: invoice.lines,
        vat: invoice.vat,
        totals: invoice.totals,
        principal: own.principal,
        principal_name: own.principal_name,
        attachments: own.attachments,
        comment: invoice.comment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_question_is_asked_later_each_time_within_bounds() {
        let minute = Duration::from_secs(60);
        assert_eq!(refused_wait(minute, Duration::ZERO), minute);
        assert_eq!(refused_wait(minute, minute * 4), minute * 4, "asked at 4 minutes, again at 8");
        assert_eq!(refused_wait(minute, minute * 60 * 24), deposit::RETRY_LONGEST);
        assert_eq!(refused_wait(minute * 60, minute), minute * 60, "a configured wait is never shortened");
    }
}
