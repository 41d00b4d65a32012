//! A plain PDF and its data, dropped one after the other: whichever comes first waits for the other.
//!
//! Promises: each of both has its own receipt; data that are wrong are refused with every problem and the PDF goes on
//! waiting; data without a PDF are told when they have waited long enough.

use crate::fault::{Code, Fault, Language, Text};
use crate::flow::deposit::{Event, State};
use crate::invoice::pdf_data::{self, DataOptions, DataProblem, Expected, PdfInvoice};
use crate::invoice::{self, Examined, Verdict};
use crate::store::{Facts, FindingRecord, FlowRecord, InvoiceFacts, Lease, PDF, PDF_DATA, Paired, PdfData};
use crate::work::core::{Core, JobError};
use crate::work::intake::{Outcome, finding_record};
use crate::work::recipients::Recipients;

/// Whether the file is a PDF, sound as far as we read it, without an invoice inside.
pub(super) fn is_plain_pdf(examined: &Examined) -> bool {
    examined.fault.as_ref().is_some_and(|fault| fault.code == Code::PdfWithoutInvoice)
}

/// Reads a sidecar file: data that can be offered, or why not.
pub(super) fn read_data(
    flow: &FlowRecord,
    bytes: &[u8],
    options: &invoice::Options,
    recipients: &Recipients<'_>,
) -> Outcome {
    let said = |fault: Option<Fault>, findings: Vec<FindingRecord>| Facts {
        fault,
        findings: Some(findings),
        syntax: Some(PDF_DATA.to_owned()),
        ..Facts::default()
    };
    let refused = |problems: &[DataProblem]| {
        let facts = said(Some(pdf_data::fault_of(problems)), findings(problems, options.language));
        Outcome::One(Event::CheckFailed, Box::new(facts))
    };
    let invoice = match pdf_data::read(bytes, DataOptions { sandbox: options.sandbox }) {
        Ok(invoice) => invoice,
        Err(problems) => return refused(&problems),
    };
    let Some(pdf) = invoice.file.as_deref().or_else(|| pdf_data::pdf_named_by(&flow.file)) else {
        let expected = Text::new("le nom du PDF, facture.pdf par exemple", "the PDF's name, facture.pdf for instance");
        return refused(&[DataProblem { path: "file".to_owned(), found: None, expected: Expected::OfFiles(expected) }]);
    };
    if let Some(enclosure) = invoice.attachments.first() {
        let expected = Text::new(
            "rien hors d'une archive : déposez le PDF, ses données et leurs pièces jointes dans une même archive .zip",
            "nothing outside an archive: drop the PDF, its data and their attachments in one .zip archive",
        );
        let found = Some(enclosure.file.clone());
        return refused(&[DataProblem {
            path: "attachments".to_owned(),
            found,
            expected: Expected::OfFiles(expected),
        }]);
    }
    let checked = pdf_data::check(&invoice, options, &|facts| recipients.listing(facts));
    let found: Vec<FindingRecord> = checked.findings.iter().map(finding_record).collect();
    if checked.verdict == Verdict::Reject {
        let invoices = Some(vec![invoice_facts(&invoice)]);
        return Outcome::One(Event::CheckFailed, Box::new(Facts { invoices, ..said(checked.fault, found) }));
    }
    let data = PdfData {
        pdf: pdf.to_owned(),
        sha256: invoice.sha256,
        json: String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned(),
        invoice: invoice_facts(&invoice),
        findings: Vec::new(),
        rules: None,
    };
    Outcome::Data(Box::new(data), Box::new(said(None, found)))
}

/// What lists and searches know of the invoice.
pub fn invoice_facts(invoice: &PdfInvoice) -> InvoiceFacts {
    InvoiceFacts {
        number: invoice.number.clone(),
        supplier: invoice.supplier.siret.to_string(),
        supplier_name: String::new(),
        recipient: invoice.recipient.siret.to_string(),
        recipient_name: String::new(),
        issued_on: Some(invoice.issued_on.clone()),
        payable: Some(invoice.payable_text()),
        type_code: invoice.type_code().to_owned(),
        preceding: invoice.refers_to(),
    }
}

/// Each problem as a finding.
pub(super) fn findings(problems: &[DataProblem], language: Language) -> Vec<FindingRecord> {
    pdf_data::findings_of(problems, language).iter().map(finding_record).collect()
}

/// A plain PDF meets its data, or waits for them.
pub(super) async fn await_data(core: &Core, lease: &Lease, flow: &FlowRecord) -> Result<(), JobError> {
    let fault = Fault::new(Code::PdfAwaitsData).with("sidecar", format!("{}.json", flow.file));
    let facts = Facts { fault: Some(fault), syntax: Some(PDF.to_owned()), ..Facts::default() };
    let paired = core.store.await_data(&flow.id, facts, lease, core.now()).await?;
    log::info!(flow = flow.id.as_str(), completed = matches!(paired, Paired::Completed(_)); "A plain PDF was dropped");
    Ok(())
}

/// Data meet their PDF, or wait for it.
pub(super) async fn offer_data(
    core: &Core,
    lease: &Lease,
    flow: &FlowRecord,
    data: PdfData,
    facts: Facts,
) -> Result<(), JobError> {
    let hours = core.options.load().limits.pair_wait.get().as_secs().div_ceil(3600);
    let fault = Fault::new(Code::DataAwaitPdf).with("pdf", &data.pdf).with("hours", hours);
    let facts = Facts { fault: Some(fault), ..facts };
    let paired = core.store.offer_data(&flow.id, data, facts, lease, core.now()).await?;
    log::info!(flow = flow.id.as_str(), completed = matches!(paired, Paired::Completed(_)); "Data of a plain PDF were dropped");
    Ok(())
}

/// A PDF that waits: named as late when its data have had their time.
pub(super) async fn still_incomplete(core: &Core, lease: &Lease, flow: &FlowRecord) -> Result<(), JobError> {
    let (now, wait) = (core.now(), core.options.load().limits.pair_wait.get());
    let until = flow.since.plus(wait);
    if now < until {
        return Ok(core.store.postpone(lease, until).await?);
    }
    let hash = flow.sha256.ok_or(JobError::Missing("the document's hash"))?;
    let fault = Fault::new(Code::DataOverdue).with("hours", wait.as_secs().div_ceil(3600)).with("sha256", hash);
    log::warn!(flow = flow.id.as_str(), state = State::Incomplete.as_str(); "The data of a PDF have not come");
    Ok(core.store.data_overdue(&flow.id, fault, lease, now).await?)
}

/// Data that wait: refused when they have waited long enough.
pub(super) async fn still_alone(core: &Core, lease: &Lease, flow: &FlowRecord) -> Result<(), JobError> {
    let now = core.now();
    let until = flow.since.plus(core.options.load().limits.pair_wait.get());
    if now < until {
        return Ok(core.store.postpone(lease, until).await?);
    }
    let pdf = core.store.reader()?.pdf_data(&flow.id)?.and_then(|data| data.pdf).unwrap_or_default();
    let why = Text::new(format!("« {pdf} » n'est pas venu"), format!("\"{pdf}\" has not come"));
    let fault = Fault::new(Code::PdfDataUnmatched).with_text("why", &why);
    log::warn!(flow = flow.id.as_str(), state = State::Unmatched.as_str(); "The PDF of data has not come");
    let facts = Facts { fault: Some(fault), ..Facts::default() };
    core.store.decide(&flow.id, Event::CheckFailed, facts, Some(lease), now).await?;
    Ok(())
}
