//! Places a downloaded invoice into its account's `/recues/`: one folder, complete from the first instant it is seen.
//!
//! Promise: the folder is built apart, every file synced, and renamed into place; a crash leaves all of it or nothing, and
//! the same delivery made twice is one folder. Where a route wants files side by side, `NUMBER_ID_facture.json` is what is
//! renamed last: with it a delivery is whole, and taken once it goes. Names from outside never leave it. A pivot that cannot be read is delivered
//! as it came, with the fault.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::chorus::{DownloadedFile, downloaded_files};
use crate::domain::{AccountName, ChorusInvoiceId, DocumentHash, Role};
use crate::fault::{Code, Fault, Language, Text};
use crate::flow::reception::{Event, State};
use crate::invoice::pivot::{self, AttachmentKind, Limits, PivotInvoice};
use crate::os::durable;
use crate::store::{ComplementRecord, FlowRecord, InvoiceRecord, Lease, ReceptionFacts};
use crate::work::core::{Core, JobError};
use crate::work::fetch::chorus_id;
use crate::work::folders::{DeliveryId, Shelf, remove_whatever, safe_file_name, slug};
use crate::work::readable::{self, Copy};
use crate::work::receipts::fault_json;
use crate::work::received_complement;
use crate::work::seal::{self, Purpose};
use crate::work::settings::Layout;

/// Bytes of the invoice's number in the folder's name.
const NUMBER_BYTES: usize = 60;
/// Bytes of an attachment's name.
const ATTACHMENT_NAME_BYTES: usize = 120;
/// Behind the name of what is to be validated, and never to be paid.
const TO_VALIDATE: &str = "_a-valider";
/// The document that describes a delivery.
const DESCRIPTION: &str = "facture.json";
/// The copy that people read.
const READABLE: &str = "lisible.pdf";
/// The longest `facture.json` that is read back.
const DESCRIPTION_LIMIT_BYTES: u64 = 4 << 20;
/// What the file work is about, for errors.
const WHAT: &str = "the folder of received invoices";

pub(super) async fn run(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    let reader = core.store.reader()?;
    let flow = core.flow(&reader, lease)?;
    drop(reader);
    if flow.state != State::Fetched.as_str() {
        return received_complement::run(core, lease, flow).await;
    }
    let mut opened = {
        let flow = flow.clone();
        core.apart(move |core| open(core, &flow)).await?
    };
    if opened.read.as_ref().is_ok_and(|(_, pivot)| pivot.readable().is_none()) {
        match readable::fetch(core, lease, opened.id).await? {
            Copy::Pdf(pdf) => opened.copy = Some(Ok(pdf)),
            Copy::Missing(why) => {
                log::warn!(flow = flow.id.as_str(), chorus_id = opened.id.0, reason = why.en.as_str(); "A received invoice has no readable copy");
                opened.copy = Some(Err(why));
            }
            Copy::Later(at) => return Ok(core.store.retry(lease, at).await?),
        }
    }
    let placed = {
        let flow = flow.clone();
        core.apart(move |core| place(core, &flow, &opened)).await
    };
    let now = core.now();
    let (event, facts) = match placed {
        Ok(Placed { folder, fault }) => {
            log::info!(flow = flow.id.as_str(), folder = folder.as_str(); "A received invoice is delivered");
            (Event::Placed, ReceptionFacts { folder: Some(folder), fault, ..ReceptionFacts::default() })
        }
        Err(JobError::Files { what, error }) => {
            log::error!(flow = flow.id.as_str(), error = error.to_string().as_str(); "A received invoice cannot be placed into {what}");
            (Event::PlacingFailed, not_placed(core, &flow, error)?)
        }
        Err(other) => return Err(other),
    };
    let placed = facts.folder.clone();
    core.record(|| core.store.advance(&flow.id, event, facts.clone(), Some(lease), now)).await?;
    if let Some(folder) = placed {
        settle(core, &flow, &folder).await?;
    }
    Ok(())
}

/// What a delivery that came to nothing shows.
pub(super) fn not_placed(core: &Core, flow: &FlowRecord, error: std::io::Error) -> Result<ReceptionFacts, JobError> {
    let id = chorus_id(&core.store.reader()?, &flow.id)?;
    let fault = Fault::new(Code::DeliveryFailed).with("chorus_id", id).with("detail", error);
    Ok(ReceptionFacts { fault: Some(fault), ..ReceptionFacts::default() })
}

/// The delivery is journalled: an application that was faster than the journal has taken it, and its mark goes.
async fn settle(core: &Arc<Core>, flow: &FlowRecord, folder: &str) -> Result<(), JobError> {
    let delivery = DeliveryId { flow: flow.id.clone(), complement: 0 };
    let mark = core.folders.delivery_mark(&flow.account, &delivery).map_err(JobError::files(WHAT))?;
    let (own, folder) = (flow.clone(), folder.to_owned());
    let taken = core
        .apart(move |core| {
            let shelf = core.folders.shelf(&own.account, Shelf::Received).map_err(JobError::files(WHAT))?;
            let placed = shelf.join(folder);
            // The description of files that lie side by side stands for them.
            Ok(!placed.is_file() && std::fs::read_dir(placed).map_or(true, |mut files| files.next().is_none()))
        })
        .await?;
    let still_delivered =
        core.store.reader()?.flow(&flow.id)?.is_some_and(|flow| flow.state == State::Delivered.as_str());
    if taken && still_delivered {
        core.store.advance(&flow.id, Event::Taken, ReceptionFacts::default(), None, core.now()).await?;
    }
    core.apart(move |_| durable::remove_durably(&mark).map_err(JobError::files(WHAT))).await
}

/// What a former process journalled as delivered and did not settle any more. Before any delivery of this one.
pub(super) async fn settle_former(core: &Arc<Core>) {
    if let Err(error) = settle_marked(core).await {
        log::error!(error = error.to_string().as_str(); "Deliveries of a former process cannot be settled");
    }
}

async fn settle_marked(core: &Arc<Core>) -> Result<(), JobError> {
    let accounts: BTreeSet<AccountName> = core.options.load().routes.iter().map(|r| r.account.clone()).collect();
    for account in accounts {
        for delivery in core.folders.marked(&account).map_err(JobError::files(WHAT))? {
            let Some(flow) = core.store.reader()?.flow(&delivery.flow)? else { continue };
            if delivery.complement > 0 {
                received_complement::settle(core, &flow, &delivery).await?;
                continue;
            }
            // Without a folder it was placed and not journalled: its job is due, and needs the mark.
            if let Some(folder) = flow.delivered_as.clone() {
                settle(core, &flow, &folder).await?;
            }
        }
    }
    Ok(())
}

/// A download as it was read.
struct Opened {
    id: ChorusInvoiceId,
    invoice: InvoiceRecord,
    hash: DocumentHash,
    bytes: Vec<u8>,
    /// The pivot's XML, where it could be found.
    xml: Option<Vec<u8>>,
    /// The pivot's version and the invoice, or why it cannot be read.
    read: Read,
    /// The readable copy that was asked for because the pivot has none, or why there is none.
    copy: Option<Result<Vec<u8>, Text>>,
    /// What came beside the readable copy in place of a pivot.
    beside: Option<Vec<DownloadedFile>>,
}

struct Placed {
    /// The name under `/recues`: of the folder, or of the description of files that lie side by side.
    folder: String,
    fault: Option<Fault>,
}

/// A file of the delivery.
pub(super) struct Part<'a> {
    pub role: &'static str,
    pub name: String,
    /// The name it had, when that differs.
    pub given: Option<&'a str>,
    pub mime: &'a str,
    pub content: &'a [u8],
    /// The attachment it is.
    pub attachment: Option<&'a pivot::Attachment>,
}

fn open(core: &Core, flow: &FlowRecord) -> Result<Opened, JobError> {
    let reader = core.store.reader()?;
    let id = chorus_id(&reader, &flow.id)?;
    let invoice = reader.invoices(&flow.id)?.into_iter().next().ok_or(JobError::Missing("the invoice"))?;
    let hash = flow.sha256.ok_or(JobError::Missing("the download's hash"))?;
    let bytes = reader.document(&hash)?.ok_or(JobError::Missing("the download"))?;
    drop(reader);

    let (xml, read) = read(&bytes, &invoice);
    let xml = xml.map(Cow::into_owned);
    let instead = if flow.role == Role::Validator && read.is_err() { copy_instead(&bytes) } else { None };
    let (copy, beside) = instead.map(|(copy, beside)| (Ok(copy), beside)).unzip();
    Ok(Opened { id, invoice, hash, bytes, xml, read, copy, beside })
}

/// A download that is no pivot but the readable copy, and the files beside it.
fn copy_instead(bytes: &[u8]) -> Option<(Vec<u8>, Vec<DownloadedFile>)> {
    let mut files = downloaded_files(bytes, readable::COPY_LIMIT).ok()?;
    let at = files.iter().position(|file| file.content.starts_with(b"%PDF-"))?;
    Some((files.remove(at).content, files))
}

fn place(core: &Core, flow: &FlowRecord, opened: &Opened) -> Result<Placed, JobError> {
    let Opened { id, invoice, hash, bytes, xml, read, copy, beside } = opened;
    let (id, hash) = (*id, *hash);
    let fault = read.as_ref().err().filter(|_| beside.is_none()).map(|detail| unreadable(flow, id, detail));
    let mut parts = match (read, xml, beside) {
        (Ok((_, pivot)), Some(xml), _) => parts(xml, pivot),
        (_, _, Some(beside)) => pieces(beside),
        _ => vec![raw(bytes)],
    };
    if let Some(Ok(pdf)) = copy {
        parts.push(Part { mime: "application/pdf", ..Part::new("readable", READABLE.to_owned(), pdf) });
    }
    let layout = core.options.load().layout(&flow.realm, &flow.account);
    let copy = copy.as_ref();
    let delivery = Delivery { core, flow, invoice, id, hash, fault: fault.as_ref(), layout, copy, complement: None };
    let folder = delivery.put(parts, read.as_ref().ok())?;
    Ok(Placed { folder, fault })
}

/// What a download holds of an invoice, with the pivot's version.
pub(super) type Read = Result<(Option<String>, PivotInvoice), String>;

/// The pivot inside a download, and what it says of the invoice.
pub(super) fn read<'a>(bytes: &'a [u8], invoice: &InvoiceRecord) -> (Option<Cow<'a, [u8]>>, Read) {
    let limits = Limits::default();
    let xml = pivot::unwrap_download(bytes, &limits);
    let read = xml.as_ref().map_err(Clone::clone).and_then(|xml| pivot::read(xml, &limits)).map_err(|e| e.to_string());
    let read = read.and_then(|pivot| ours(pivot, invoice));
    (xml.ok(), read)
}

pub(super) fn unreadable(flow: &FlowRecord, id: ChorusInvoiceId, detail: &str) -> Fault {
    log::warn!(flow = flow.id.as_str(), chorus_id = id.0, detail = detail; "A received invoice's pivot cannot be read; it is delivered as it came");
    Fault::new(Code::PivotUnreadable).with("chorus_id", id).with("detail", detail)
}

/// A download that nobody understood, as it came.
pub(super) fn raw(bytes: &[u8]) -> Part<'_> {
    Part::new("pivot", raw_name(bytes).to_owned(), bytes)
}

/// The pivot's invoice that was asked for, with the pivot's version.
fn ours(pivot: pivot::Pivot, invoice: &InvoiceRecord) -> Result<(Option<String>, PivotInvoice), String> {
    let number = invoice.facts.number.as_str().trim();
    let version = pivot.version;
    let found = pivot.invoices.into_iter().find(|read| read.number == number);
    found.map(|read| (version, read)).ok_or_else(|| "it holds another invoice".to_owned())
}

/// A name for bytes nobody understood.
fn raw_name(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(b"PK") {
        "pivot.zip"
    } else if bytes.trim_ascii_start().starts_with(b"<") {
        "pivot.xml"
    } else {
        "pivot.bin"
    }
}

impl<'a> Part<'a> {
    fn new(role: &'static str, name: String, content: &'a [u8]) -> Self {
        Self { role, name, given: None, mime: "", content, attachment: None }
    }

    fn attached(role: &'static str, name: String, attachment: &'a pivot::Attachment, content: &'a [u8]) -> Self {
        let (given, mime) = (Some(attachment.name.as_str()), attachment.mime.as_str());
        Self { role, name, given, mime, content, attachment: Some(attachment) }
    }
}

/// The files beside a readable copy that came in place of a pivot.
fn pieces(files: &[DownloadedFile]) -> Vec<Part<'_>> {
    let piece = |(place, file): (usize, &'_ DownloadedFile)| {
        format!("piece-{:02}_{}", place + 1, safe_file_name(&file.name, ATTACHMENT_NAME_BYTES))
    };
    let named = files.iter().enumerate().map(|at| (piece(at), at.1));
    named.map(|(name, file)| Part { given: Some(&file.name), ..Part::new("attachment", name, &file.content) }).collect()
}

/// The files of a delivery whose pivot was read.
pub(super) fn parts<'a>(xml: &'a [u8], pivot: &'a PivotInvoice) -> Vec<Part<'a>> {
    let mut parts = vec![Part { mime: "application/xml", ..Part::new("pivot", "pivot.xml".to_owned(), xml) }];
    let principal = pivot.principal();
    if let Some(original) = principal
        && let Some(content) = &original.content
    {
        let name = format!("original{}", extension(&original.name, content));
        parts.push(Part::attached("original", name, original, content));
    }
    if let Some(readable) = pivot.readable()
        && let Some(content) = &readable.content
    {
        let part = Part::attached("readable", READABLE.to_owned(), readable, content);
        parts.push(Part { mime: "application/pdf", ..part });
    }
    let readable = pivot.readable();
    let others = pivot.attachments.iter().filter(|attachment| {
        let is = |other: Option<&pivot::Attachment>| other.is_some_and(|o| std::ptr::eq(o, *attachment));
        !is(principal) && (!is(readable) || attachment.kind == AttachmentKind::Principal)
    });
    for (place, attachment) in others.enumerate() {
        if let Some(content) = &attachment.content {
            let safe = safe_file_name(told_name(attachment), ATTACHMENT_NAME_BYTES);
            let name = format!("piece-{:02}_{safe}", place + 1);
            parts.push(Part::attached("attachment", name, attachment, content));
        }
    }
    parts
}

/// The name the supplier gave, which says more than the one in Chorus Pro's archive; unless only that one has an extension.
fn told_name(attachment: &pivot::Attachment) -> &str {
    match &attachment.inner_name {
        Some(inner) if !attachment.name.contains('.') && inner.contains('.') => inner,
        _ => &attachment.name,
    }
}

/// The extension of the name it was given, or one that its first bytes tell.
fn extension(name: &str, content: &[u8]) -> String {
    let safe = safe_file_name(name, ATTACHMENT_NAME_BYTES);
    match safe.rfind('.') {
        Some(dot)
            if dot > 0
                && (2..=6).contains(&(safe.len() - dot))
                && safe[dot + 1..].bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            safe[dot..].to_ascii_lowercase()
        }
        _ if content.starts_with(b"%PDF-") => ".pdf".to_owned(),
        _ if content.trim_ascii_start().starts_with(b"<") => ".xml".to_owned(),
        _ => ".bin".to_owned(),
    }
}

pub(super) struct Delivery<'a> {
    pub core: &'a Core,
    pub flow: &'a FlowRecord,
    pub invoice: &'a InvoiceRecord,
    pub id: ChorusInvoiceId,
    /// Of the download.
    pub hash: DocumentHash,
    pub fault: Option<&'a Fault>,
    pub layout: Layout,
    /// The readable copy that was asked for, or why there is none; `None`: none was asked for.
    pub copy: Option<&'a Result<Vec<u8>, Text>>,
    /// What it completes; `None`: it is the invoice itself.
    pub complement: Option<Complement<'a>>,
}

/// Which delivery is completed, by which complement.
pub(super) struct Complement<'a> {
    pub of: &'a str,
    pub record: &'a ComplementRecord,
}

fn build(draft: &Path, parts: &[Part<'_>], document: &[u8]) -> std::io::Result<()> {
    remove_whatever(draft)?;
    std::fs::create_dir(draft)?;
    for part in parts {
        durable::write_synced(&draft.join(&part.name), part.content)?;
    }
    durable::write_synced(&draft.join(DESCRIPTION), document)?;
    durable::sync_dir(draft)
}

impl Delivery<'_> {
    /// Builds the delivery apart and renames it into place; answers the name that stands for it.
    pub fn put(
        &self,
        mut parts: Vec<Part<'_>>,
        read: Option<&(Option<String>, PivotInvoice)>,
    ) -> Result<String, JobError> {
        let shelf = self.core.folders.shelf(&self.flow.account, Shelf::Received).map_err(JobError::files(WHAT))?;
        let base = self.base_name(&shelf);
        let name = self.placed_name(&base);
        let target = shelf.join(&name);
        let whole = match self.layout {
            Layout::Folder => target.is_dir(),
            Layout::Flat => target.is_file(),
        };
        if whole {
            // Ours and complete, from before a crash: it was renamed into place as a whole.
            durable::sync_dir(&shelf).map_err(JobError::files(WHAT))?;
            return Ok(name);
        }
        let (account, folders) = (&self.flow.account, &self.core.folders);
        let complement = self.complement.as_ref().map_or(0, |complement| complement.record.n);
        let delivery = DeliveryId { flow: self.flow.id.clone(), complement };
        let draft = folders.delivery_draft(account, &delivery).map_err(JobError::files(WHAT))?;
        let mark = folders.delivery_mark(account, &delivery).map_err(JobError::files(WHAT))?;
        if mark.exists() && !draft.exists() {
            // Placed before a crash, and taken since, wholly or in part: never delivered twice.
            return std::fs::read_to_string(&mark).map_err(JobError::files(WHAT));
        }
        // The former try's rename did not happen. Its mark goes before its draft does: a mark without a draft means taken.
        durable::remove_durably(&mark).map_err(JobError::files(WHAT))?;
        if self.layout == Layout::Flat {
            parts.iter_mut().for_each(|part| part.name = format!("{base}_{}", part.name));
        }
        let document = self.description(&parts, read)?;
        match self.layout {
            Layout::Folder => build(&draft, &parts, &document),
            Layout::Flat => self.lay_out(&draft, &shelf, &parts, &document),
        }
        .map_err(JobError::files(WHAT))?;
        durable::write_atomically(&mark, name.as_bytes()).map_err(JobError::files(WHAT))?;
        durable::rename_durably(&draft, &target).map_err(JobError::files(WHAT))?;
        Ok(name)
    }

    /// Everything but the description goes to its place; the draft is the description alone, so that the rename which
    /// makes the delivery is one, as with a folder. What a broken try has laid out is replaced by the next one.
    fn lay_out(&self, draft: &Path, shelf: &Path, parts: &[Part<'_>], document: &[u8]) -> std::io::Result<()> {
        let bench = self.core.folders.delivery_parts(&self.flow.account, &self.flow.id)?;
        remove_whatever(&bench)?;
        remove_whatever(draft)?;
        std::fs::create_dir(&bench)?;
        for part in parts {
            durable::write_synced(&bench.join(&part.name), part.content)?;
        }
        for part in parts {
            std::fs::rename(bench.join(&part.name), shelf.join(&part.name))?;
        }
        durable::sync_dir(shelf)?;
        remove_whatever(&bench)?;
        durable::write_synced(draft, document)?;
        durable::sync_dir(draft.parent().unwrap_or(shelf))
    }

    /// `<date>_<number>_<chorusid>`; the date is that of our sighting, so that folders sort as they came. Of files side by
    /// side `<number>_<chorusid>`. What is to be validated says so behind it. With the flow behind it when another environment's invoice has the same. A complement's
    /// is named after what it completes.
    fn base_name(&self, shelf: &Path) -> String {
        if let Some(Complement { of, record }) = &self.complement {
            let of = of.strip_suffix(DESCRIPTION).and_then(|of| of.strip_suffix('_')).unwrap_or(of);
            return format!("{of}-complement-{}", record.n);
        }
        let number = slug(self.invoice.facts.number.as_str(), NUMBER_BYTES);
        let purpose = if self.flow.role == Role::Validator { TO_VALIDATE } else { "" };
        let base = match self.layout {
            Layout::Folder => format!("{}_{number}_{}{purpose}", self.flow.received_at.paris_date(), self.id),
            Layout::Flat => format!("{number}_{}{purpose}", self.id),
        };
        if self.is_free_or_ours(&shelf.join(self.placed_name(&base))) {
            return base;
        }
        format!("{base}_{}", self.flow.id)
    }

    /// What stands for the delivery in `/recues`, and is taken.
    fn placed_name(&self, base: &str) -> String {
        match self.layout {
            Layout::Folder => base.to_owned(),
            Layout::Flat => format!("{base}_{DESCRIPTION}"),
        }
    }

    fn is_free_or_ours(&self, placed: &Path) -> bool {
        if !placed.exists() {
            return true;
        }
        let path = match self.layout {
            Layout::Folder => placed.join(DESCRIPTION),
            Layout::Flat => placed.to_owned(),
        };
        let small = std::fs::metadata(&path).is_ok_and(|m| m.len() <= DESCRIPTION_LIMIT_BYTES);
        let document: Option<Value> =
            small.then(|| std::fs::read(&path).ok()).flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        document.is_some_and(|d| d["flow"] == self.flow.id.as_str())
    }

    /// `facture.json`, sealed.
    fn description(
        &self,
        parts: &[Part<'_>],
        read: Option<&(Option<String>, PivotInvoice)>,
    ) -> Result<Vec<u8>, JobError> {
        let (flow, facts) = (self.flow, &self.invoice.facts);
        let mut document = Map::new();
        let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
        put("flow", flow.id.as_str().into());
        put("account", flow.account.as_str().into());
        put("establishment", flow.realm.establishment.as_str().into());
        put("environment", flow.realm.environment.as_str().into());
        put("found_at", flow.received_at.to_string().into());
        put("chorus_id", self.id.0.into());
        put("role", flow.role.as_str().into());
        put("number", facts.number.as_str().into());
        put("status", self.invoice.status.as_ref().map(|s| s.as_str()).into());
        put("status_at", self.invoice.status_at.as_deref().filter(|at| !at.is_empty()).into());
        put(
            "complement",
            self.complement.as_ref().map_or(Value::Null, |complement| {
                json!({
                    "of": complement.of,
                    "n": complement.record.n,
                    "completed_at": complement.record.completed_at.as_str(),
                })
            }),
        );
        match read {
            Some((_, pivot)) => described(pivot, &mut put),
            None => searched(self.invoice, &mut put),
        }
        put(
            "pivot",
            json!({
                "version": read.and_then(|(version, _)| version.as_deref()),
                "sha256": self.hash.to_string(),
            }),
        );
        put("readable", self.readable_json(read));
        put("files", parts.iter().map(|part| file_json(part, self.language())).collect());
        put("fault", self.fault.map_or(Value::Null, |f| fault_json(f, self.language())));
        let checkpoint = self.core.store.checkpoint(self.core.now()).wait()?;
        put("checkpoint", checkpoint.into());
        seal::seal(&self.core.signer, Purpose::Invoice, &mut document)?;
        Ok(serde_json::to_vec_pretty(&document).unwrap_or_default())
    }

    /// Where the readable copy is from, or why there is none.
    fn readable_json(&self, read: Option<&(Option<String>, PivotInvoice)>) -> Value {
        let (source, remark) = match self.copy {
            Some(Ok(_)) => (Some("chorus_pro"), None),
            Some(Err(why)) => {
                let said = Text::new(
                    format!("Ni le pivot ni Chorus Pro n'ont donné de copie lisible : {}", why.fr),
                    format!("Neither the pivot nor Chorus Pro gave a readable copy: {}", why.en),
                );
                (None, Some(said.get(self.language()).to_owned()))
            }
            None => (read.and_then(|(_, pivot)| pivot.readable()).map(|_| "pivot"), None),
        };
        json!({"source": source, "remark": remark})
    }

    fn language(&self) -> Language {
        self.core.options.load().language
    }
}

/// What the pivot says of the invoice.
fn described(pivot: &PivotInvoice, put: &mut impl FnMut(&str, Value)) {
    let filled = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    put("type", filled(&pivot.type_code));
    put("frame", filled(&pivot.frame));
    put("issued_on", filled(&pivot.issued_on));
    put("received_on", filled(&pivot.received_on));
    let supplier = &pivot.supplier;
    put("supplier", json!({"id": filled(&supplier.id), "name": filled(&supplier.name), "country": supplier.country}));
    let recipient = &pivot.recipient;
    put(
        "recipient",
        json!({
            "id": filled(&recipient.id), "name": filled(&recipient.name), "service": pivot.service_code,
        }),
    );
    put("engagement", pivot.engagement.as_deref().into());
    put("market", pivot.market.as_deref().into());
    put("currency", filled(&pivot.currency));
    put(
        "amounts",
        json!({
            "without_tax": filled(&pivot.without_tax),
            "with_tax": filled(&pivot.with_tax),
            "payable": filled(&pivot.payable),
        }),
    );
}

/// What the search said of it, where the pivot cannot be read.
fn searched(invoice: &InvoiceRecord, put: &mut impl FnMut(&str, Value)) {
    let facts = &invoice.facts;
    let filled = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let (payable, currency) = match facts.payable.as_deref().map(|text| text.split_once(' ').unwrap_or((text, ""))) {
        Some((payable, currency)) => (filled(payable), filled(currency)),
        None => (Value::Null, Value::Null),
    };
    put("type", filled(&facts.type_code));
    put("frame", Value::Null);
    put("issued_on", facts.issued_on.as_deref().into());
    put("received_on", Value::Null);
    put("supplier", json!({"id": filled(&facts.supplier), "name": filled(&facts.supplier_name), "country": null}));
    put("recipient", json!({"id": filled(&facts.recipient), "name": filled(&facts.recipient_name), "service": null}));
    put("engagement", Value::Null);
    put("market", Value::Null);
    put("currency", currency);
    put("amounts", json!({"without_tax": null, "with_tax": null, "payable": payable}));
}

fn file_json(part: &Part<'_>, language: Language) -> Value {
    let members = part.attachment.map(|attachment| &attachment.members).filter(|members| !members.is_empty());
    let remark = part.attachment.and_then(|attachment| attachment.unopened.as_ref()).map(|reason| {
        Text::technical("Archive livrée telle quelle", "The archive is delivered as it came", reason)
            .get(language)
            .to_owned()
    });
    let hash: [u8; 32] = Sha256::digest(part.content).into();
    json!({
        "role": part.role,
        "name": part.name,
        "given_name": part.given.filter(|name| !name.is_empty()),
        "mime": Some(part.mime).filter(|mime| !mime.is_empty()),
        "size": part.content.len(),
        "sha256": DocumentHash(hash).to_string(),
        "members": members.map(|members| {
            members.iter().map(|member| json!({"name": member.name, "size": member.size})).collect::<Vec<_>>()
        }),
        "remark": remark,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoice::pivot::Attachment;

    fn attachment(name: &str, kind: AttachmentKind, content: &[u8]) -> Attachment {
        Attachment { name: name.to_owned(), kind, content: Some(content.to_vec()), ..Attachment::default() }
    }

    #[test]
    fn files_have_predictable_names_that_stay_in_their_folder() {
        let pivot = PivotInvoice {
            attachments: vec![
                attachment("FA/../1.PDF", AttachmentKind::Principal, b"%PDF-1.4"),
                attachment("../../etc/cron.d/x", AttachmentKind::Complementary, b"a"),
                attachment("bon.txt", AttachmentKind::Complementary, b"b"),
                attachment("bon.txt", AttachmentKind::Complementary, b"c"),
            ],
            ..PivotInvoice::default()
        };
        let names: Vec<String> = parts(b"<x/>", &pivot).into_iter().map(|p| p.name).collect();
        assert_eq!(names[..3], ["pivot.xml", "original.pdf", "lisible.pdf"]);
        assert_eq!(names[4..], ["piece-02_bon.txt", "piece-03_bon.txt"]);
        assert!(names.iter().all(|name| !name.contains('/')), "{names:?}");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert_eq!(extension("facture", b"<Invoice/>"), ".xml");
        assert_eq!(extension("x.é", b"?"), ".bin");
        assert_eq!(raw_name(b"PK.."), "pivot.zip");
    }
}
