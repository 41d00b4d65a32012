//! A received invoice as the head of a form shows it: what it is, from whom, over how much; and its documents to download.

use sha2::{Digest, Sha256};

use crate::domain::{DocumentHash, FlowId};
use crate::flow::FlowKind;
use crate::store::{FlowRecord, InvoiceRecord, Reader};
use crate::web::answer::Answer;
use crate::web::error::Trouble;
use crate::web::flow::journal_download;
use crate::web::page::Visit;
use crate::web::site::Site;
use crate::web::words::Tongue;
use crate::work::ReceivedDocument;

/// What stands at the head of a form about a received invoice. What is not known is empty.
pub struct Head {
    pub number: String,
    pub supplier: String,
    pub supplier_name: String,
    /// Who pays it, where the establishment only validates it.
    pub recipient: String,
    pub recipient_name: String,
    pub issued: String,
    pub payable: String,
    pub documents: Documents,
}

/// Which documents there are to download.
#[derive(Default)]
pub struct Documents {
    pub readable: bool,
    pub pivot: bool,
}

impl Head {
    /// By the list that the invoice was found in; what that did not tell, by the pivot.
    pub fn of(t: Tongue, reader: &Reader, flow: &FlowRecord, invoice: &InvoiceRecord) -> Result<Self, Trouble> {
        let document = ReceivedDocument::of(reader, flow, invoice)?;
        let facts = &invoice.facts;
        let told = document.told.as_ref();
        let payable = facts.payable.clone().or_else(|| told.map(|told| format!("{} {}", told.payable, told.currency)));
        let issued = facts.issued_on.clone().or_else(|| told.map(|told| told.issued_on.clone()));
        let or_told = |known: &str, told: Option<&String>| match known.is_empty() {
            true => told.cloned().unwrap_or_default(),
            false => known.to_owned(),
        };
        Ok(Self {
            number: facts.number.to_string(),
            supplier: or_told(&facts.supplier, told.map(|told| &told.supplier.id)),
            supplier_name: or_told(&facts.supplier_name, told.map(|told| &told.supplier.name)),
            recipient: or_told(&facts.recipient, told.map(|told| &told.recipient.id)),
            recipient_name: or_told(&facts.recipient_name, told.map(|told| &told.recipient.name)),
            issued: issued.map(|day| t.day(&day)).unwrap_or_default(),
            payable: payable.map(|payable| t.amount(payable.trim())).unwrap_or_default(),
            documents: Documents::in_it(&document),
        })
    }
}

impl Documents {
    /// Of a flow: a received invoice's, or none.
    pub fn of(reader: &Reader, flow: &FlowRecord, invoices: &[InvoiceRecord]) -> Result<Self, Trouble> {
        match invoices.first().filter(|_| flow.kind == FlowKind::Reception) {
            Some(invoice) => Ok(Self::in_it(&ReceivedDocument::of(reader, flow, invoice)?)),
            None => Ok(Self::default()),
        }
    }

    fn in_it(document: &ReceivedDocument) -> Self {
        Self { readable: document.readable.is_some(), pivot: document.pivot.is_some() }
    }
}

/// The copy that people read.
pub fn readable(site: &Site, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    handed_out(site, visit, id, "readable", |document, number| Some((document.readable?, format!("{number}.pdf"))))
}

pub fn pivot(site: &Site, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    handed_out(site, visit, id, "pivot", |document, number| Some((document.pivot?, format!("{number}-pivot.xml"))))
}

fn handed_out(
    site: &Site,
    visit: &Visit,
    id: &str,
    what: &str,
    part: impl FnOnce(ReceivedDocument, &str) -> Option<(Vec<u8>, String)>,
) -> Result<Answer, Trouble> {
    let id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let reader = site.reader()?;
    let flow = reader.flow(&id)?.filter(|flow| flow.kind == FlowKind::Reception).ok_or(Trouble::NotFound)?;
    let invoice = reader.invoices(&id)?.into_iter().next().ok_or(Trouble::NotFound)?;
    let document = ReceivedDocument::of(&reader, &flow, &invoice)?;
    let (bytes, name) = part(document, invoice.facts.number.as_str()).ok_or(Trouble::NotFound)?;
    journal_download(site, visit, &id, what, Some(DocumentHash(Sha256::digest(&bytes).into())))?;
    let size = u64::try_from(bytes.len()).ok();
    Ok(Answer::download(&name, size, Box::new(std::io::Cursor::new(bytes))))
}
