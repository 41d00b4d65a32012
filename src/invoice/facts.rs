//! What an invoice says that others need: read once here, in one shape for all syntaxes.

use en16931::Invoice;
use en16931::invoice::Party;

use crate::domain::InvoiceNumber;

use super::container::Container;
use super::outline::{Id, Outline};

/// The facts of an invoice, as written. Absent terms are empty or `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// BT-1; `None` when it is missing or cannot be an invoice number.
    pub number: Option<InvoiceNumber>,
    /// BT-3: 380, 381 ...
    pub type_code: String,
    /// BT-2, `yyyy-mm-dd`.
    pub issue_date: Option<String>,
    /// The seller's SIRET where the file gives one, else whatever identifier it gives, else nothing.
    pub supplier: String,
    /// BT-27.
    pub supplier_name: String,
    /// The buyer's SIRET where the file gives one, else whatever identifier it gives, else nothing.
    pub recipient: String,
    /// BT-44.
    pub recipient_name: String,
    /// BT-115 as written: `120.00`.
    pub payable: Option<String>,
    /// BT-5.
    pub currency: Option<String>,
    /// BT-13: the commitment (engagement juridique, bon de commande).
    pub engagement: Option<String>,
    /// BT-12: the contract (marché).
    pub contract: Option<String>,
    /// BT-46 with scheme 0224, else BT-10: the service (code service).
    pub service_code: Option<String>,
    /// BT-23: the framework (cadre de facturation).
    pub frame: Option<String>,
    /// BT-25: the numbers of the invoices it refers to.
    pub preceding: Vec<InvoiceNumber>,
    /// Files carried inside: of the invoice itself, and of the PDF around it.
    pub attachments: Vec<AttachmentFacts>,
}

impl Facts {
    /// The payable amount with its currency: `120.00 EUR`.
    pub fn payable_text(&self) -> Option<String> {
        let payable = self.payable.as_deref()?;
        Some(self.currency.as_deref().map_or_else(|| payable.to_owned(), |currency| format!("{payable} {currency}")))
    }
}

/// A file carried by an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentFacts {
    pub name: String,
    /// As declared: `application/pdf`.
    pub mime: String,
    /// Decoded, in bytes.
    pub size: usize,
}

/// Scheme of a SIRET (ISO 6523), and how Chorus Pro's historic UBL writes it.
const SIRET_SCHEMES: [&str; 3] = ["0009", "1", "SIRET"];
/// Scheme of a code of routing: the service (BR-FR-CPRO-11).
const SERVICE_SCHEME: &str = "0224";

pub(super) fn gather(invoice: &Invoice, outline: &Outline<'_>, container: Option<&Container>) -> Facts {
    let mut attachments: Vec<AttachmentFacts> = invoice
        .attachments
        .iter()
        .filter_map(|document| document.attachment.as_ref())
        .map(|attachment| AttachmentFacts {
            name: attachment.filename().to_owned(),
            mime: attachment.mime_code().to_owned(),
            size: attachment.content().len(),
        })
        .collect();
    if let Some(container) = container {
        attachments.extend(container.attachments.iter().cloned());
    }
    Facts {
        number: invoice.number.as_deref().and_then(|n| n.trim().parse().ok()),
        type_code: invoice.type_code.as_ref().map(|c| c.as_str().to_owned()).unwrap_or_default(),
        issue_date: invoice.issue_date.map(|d| d.to_string()),
        supplier: identifier(&invoice.seller),
        supplier_name: invoice.seller.name.clone().unwrap_or_default(),
        recipient: identifier(&invoice.buyer),
        recipient_name: invoice.buyer.name.clone().unwrap_or_default(),
        payable: payable(outline),
        currency: invoice.currency.as_ref().map(|c| c.as_str().to_owned()),
        engagement: invoice.purchase_order_reference.as_ref().map(|r| r.as_str().to_owned()),
        contract: invoice.contract_reference.as_ref().map(|r| r.as_str().to_owned()),
        service_code: service(invoice),
        frame: invoice.business_process.clone(),
        preceding: invoice.preceding_invoices.iter().filter_map(|p| p.reference.as_str().trim().parse().ok()).collect(),
        attachments,
    }
}

/// The amount due as the document writes it, in either syntax.
fn payable(outline: &Outline<'_>) -> Option<String> {
    outline.text_at(Id::ROOT, &["LegalMonetaryTotal", "PayableAmount"]).or_else(|| {
        outline.text_at(
            Id::ROOT,
            &[
                "SupplyChainTradeTransaction",
                "ApplicableHeaderTradeSettlement",
                "SpecifiedTradeSettlementHeaderMonetarySummation",
                "DuePayableAmount",
            ],
        )
    })
}

fn service(invoice: &Invoice) -> Option<String> {
    let routed = invoice.buyer.identifiers.iter().find(|i| i.scheme() == Some(SERVICE_SCHEME));
    routed.map(|i| i.content().to_owned()).or_else(|| invoice.buyer_reference.clone()).filter(|s| !s.is_empty())
}

/// The party's SIRET, else what identifies it best.
fn identifier(party: &Party) -> String {
    let all = || party.identifiers.iter().chain(&party.legal_registration).chain(&party.electronic_address);
    let schemed = || all().filter(|i| i.scheme().is_some_and(|s| SIRET_SCHEMES.contains(&s)));
    let siret = schemed()
        .chain(party.identifiers.iter().chain(&party.legal_registration))
        .map(|i| i.content().trim())
        .find(|content| is_siret(content))
        .or_else(|| party.electronic_address.as_ref().and_then(|a| siret_of_address(a.content())));
    siret
        .or_else(|| schemed().map(|i| i.content().trim()).next())
        .or_else(|| {
            let rest = party.legal_registration.iter().chain(&party.identifiers);
            rest.filter(|i| i.scheme() != Some(SERVICE_SCHEME)).map(|i| i.content().trim()).next()
        })
        .or(party.vat_identifier.as_deref())
        .or(party.tax_registration.as_deref())
        .unwrap_or_default()
        .to_owned()
}

pub(super) fn is_siret(text: &str) -> bool {
    text.len() == 14 && text.bytes().all(|b| b.is_ascii_digit())
}

/// The SIRET inside an address `SIREN_SIRET` or `SIREN_SIRET_Routage` (PROTOCOL §6).
fn siret_of_address(address: &str) -> Option<&str> {
    address.split('_').find(|part| is_siret(part))
}
