//! What an invoice says that others need: read once here, in one shape for all syntaxes.

use crate::domain::InvoiceNumber;

use super::container::Container;
use super::official::number::day;
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
pub(super) const SIRET_SCHEMES: [&str; 3] = ["0009", "1", "SIRET"];
/// Scheme of a code of routing: the service (BR-FR-CPRO-11).
const SERVICE_SCHEME: &str = "0224";

/// Where a syntax says what others ask for. Elements go by their local names: the rules speak of their namespaces.
struct Paths {
    number: &'static [&'static str],
    types: &'static [&'static [&'static str]],
    issued: &'static [&'static str],
    currency: &'static [&'static str],
    payable: &'static [&'static str],
    engagement: &'static [&'static str],
    contract: &'static [&'static str],
    buyer_reference: &'static [&'static str],
    frame: &'static [&'static str],
    preceding: &'static [&'static str],
    /// A supporting document, and the file within it.
    document: &'static [&'static str],
    file: &'static [&'static str],
    seller: &'static [&'static str],
    buyer: &'static [&'static str],
    line: &'static [&'static str],
    payment: &'static [&'static str],
    name: &'static [&'static str],
    /// Identifiers, the registration, the address and the tax numbers of a party.
    identifiers: &'static [&'static [&'static str]],
    legal: &'static [&'static str],
    address: &'static [&'static str],
    tax: &'static [&'static str],
}

const UBL: Paths = Paths {
    number: &["ID"],
    types: &[&["InvoiceTypeCode"], &["CreditNoteTypeCode"]],
    issued: &["IssueDate"],
    currency: &["DocumentCurrencyCode"],
    payable: &["LegalMonetaryTotal", "PayableAmount"],
    engagement: &["OrderReference", "ID"],
    contract: &["ContractDocumentReference", "ID"],
    buyer_reference: &["BuyerReference"],
    frame: &["ProfileID"],
    preceding: &["BillingReference", "InvoiceDocumentReference", "ID"],
    document: &["AdditionalDocumentReference"],
    file: &["Attachment", "EmbeddedDocumentBinaryObject"],
    seller: &["AccountingSupplierParty", "Party"],
    buyer: &["AccountingCustomerParty", "Party"],
    line: &["InvoiceLine"],
    payment: &["PaymentMeans"],
    name: &["PartyLegalEntity", "RegistrationName"],
    identifiers: &[&["PartyIdentification", "ID"]],
    legal: &["PartyLegalEntity", "CompanyID"],
    address: &["EndpointID"],
    tax: &["PartyTaxScheme"],
};

const AGREEMENT: [&str; 2] = ["SupplyChainTradeTransaction", "ApplicableHeaderTradeAgreement"];
const SETTLEMENT: [&str; 2] = ["SupplyChainTradeTransaction", "ApplicableHeaderTradeSettlement"];

const CII: Paths = Paths {
    number: &["ExchangedDocument", "ID"],
    types: &[&["ExchangedDocument", "TypeCode"]],
    issued: &["ExchangedDocument", "IssueDateTime", "DateTimeString"],
    currency: &[SETTLEMENT[0], SETTLEMENT[1], "InvoiceCurrencyCode"],
    payable: &[SETTLEMENT[0], SETTLEMENT[1], "SpecifiedTradeSettlementHeaderMonetarySummation", "DuePayableAmount"],
    engagement: &[AGREEMENT[0], AGREEMENT[1], "BuyerOrderReferencedDocument", "IssuerAssignedID"],
    contract: &[AGREEMENT[0], AGREEMENT[1], "ContractReferencedDocument", "IssuerAssignedID"],
    buyer_reference: &[AGREEMENT[0], AGREEMENT[1], "BuyerReference"],
    frame: &["ExchangedDocumentContext", "BusinessProcessSpecifiedDocumentContextParameter", "ID"],
    preceding: &[SETTLEMENT[0], SETTLEMENT[1], "InvoiceReferencedDocument", "IssuerAssignedID"],
    document: &[AGREEMENT[0], AGREEMENT[1], "AdditionalReferencedDocument"],
    file: &["AttachmentBinaryObject"],
    seller: &[AGREEMENT[0], AGREEMENT[1], "SellerTradeParty"],
    buyer: &[AGREEMENT[0], AGREEMENT[1], "BuyerTradeParty"],
    line: &["SupplyChainTradeTransaction", "IncludedSupplyChainTradeLineItem"],
    payment: &[SETTLEMENT[0], SETTLEMENT[1], "SpecifiedTradeSettlementPaymentMeans"],
    name: &["Name"],
    identifiers: &[&["GlobalID"], &["ID"]],
    legal: &["SpecifiedLegalOrganization", "ID"],
    address: &["URIUniversalCommunication", "URIID"],
    tax: &["SpecifiedTaxRegistration"],
};

fn paths(outline: &Outline<'_>) -> &'static Paths {
    if outline.name(Id::ROOT) == "CrossIndustryInvoice" { &CII } else { &UBL }
}

pub(super) fn gather(outline: &Outline<'_>, container: Option<&Container>) -> Facts {
    let paths = paths(outline);
    let text = |path: &[&str]| outline.text_at(Id::ROOT, path);
    let party =
        |path: &[&str]| outline.find(Id::ROOT, path).map(|id| Party::read(outline, id, paths)).unwrap_or_default();
    let (seller, buyer) = (party(paths.seller), party(paths.buyer));
    let mut attachments: Vec<AttachmentFacts> = outline
        .each(Id::ROOT, paths.document)
        .into_iter()
        .filter_map(|document| outline.find(document, paths.file))
        .map(|file| AttachmentFacts {
            name: outline.attribute(file, "filename").unwrap_or_default().into_owned(),
            mime: outline.attribute(file, "mimeCode").unwrap_or_default().into_owned(),
            size: decoded(&outline.value(file)),
        })
        .collect();
    if let Some(container) = container {
        attachments.extend(container.attachments.iter().cloned());
    }
    Facts {
        number: text(paths.number).and_then(|n| n.parse().ok()),
        type_code: paths.types.iter().find_map(|path| text(path)).unwrap_or_default(),
        issue_date: text(paths.issued).and_then(|date| day(&date)),
        supplier: seller.identifier(),
        recipient: buyer.identifier(),
        service_code: buyer.service().or_else(|| text(paths.buyer_reference)),
        supplier_name: seller.name,
        recipient_name: buyer.name,
        payable: text(paths.payable),
        currency: text(paths.currency),
        engagement: text(paths.engagement),
        contract: text(paths.contract),
        frame: text(paths.frame),
        preceding: preceding(outline).iter().filter_map(|number| number.parse().ok()).collect(),
        attachments,
    }
}

/// The numbers of the invoices it refers to, as written.
pub(super) fn preceding(outline: &Outline<'_>) -> Vec<String> {
    let references = outline.each(Id::ROOT, paths(outline).preceding);
    references.into_iter().filter_map(|id| outline.text(id)).collect()
}

/// The element that says a term others ask for, by what a finding about it is filled with: of several the one that says the same,
/// of a party the whole where nothing in it does. What is attached goes by its file's name.
pub(super) fn element(outline: &Outline<'_>, term: &str, values: &[(&str, &str)]) -> Option<Id> {
    if outline.is_empty() {
        return None;
    }
    let paths = paths(outline);
    let each = |path: &[&str]| outline.each(Id::ROOT, path);
    let party = |path: &[&str]| {
        let Some(party) = outline.find(Id::ROOT, path) else { return Vec::new() };
        let inside = paths.identifiers.iter().chain([&paths.legal, &paths.address]);
        let inside = inside.flat_map(|path| outline.each(party, path));
        [party].into_iter().chain(inside).collect()
    };
    let (found, blank): (Vec<Id>, &str) = match term {
        "BT-1" => (each(paths.number), "value"),
        "BT-10" => {
            let buyer = party(paths.buyer).into_iter().skip(1);
            (each(paths.buyer_reference).into_iter().chain(buyer).collect(), "service")
        }
        "BT-12" => (each(paths.contract), "value"),
        "BT-13" => (each(paths.engagement), "commitment"),
        "BT-23" => (each(paths.frame), "value"),
        "BT-25" => (each(paths.preceding), "value"),
        "BT-29" | "BG-4" => (party(paths.seller), "value"),
        "BT-46" => (party(paths.buyer), "siret"),
        "BG-16" => (each(paths.payment), ""),
        "BG-24" => {
            let files = each(paths.document).into_iter().filter_map(|document| outline.find(document, paths.file));
            (files.collect(), "name")
        }
        _ => return None,
    };
    let named =
        |blank: &str| values.iter().find(|(name, text)| *name == blank && !text.is_empty()).map(|(_, text)| *text);
    let text = named(blank).or_else(|| named("value").filter(|_| term != "BG-24"));
    let says = |id: &&Id| match term {
        // Its content may be long, and is nobody's name.
        "BG-24" => text.is_some() && outline.attribute(**id, "filename").as_deref() == text,
        _ => text.is_some_and(|text| outline.value(**id).trim() == text),
    };
    let first = || found.first().filter(|_| term != "BG-24" && term != "BT-10");
    found.iter().find(says).or_else(first).copied()
}

/// Whether it says how it is paid (BG-16).
pub(super) fn has_payment(outline: &Outline<'_>) -> bool {
    outline.find(Id::ROOT, paths(outline).payment).is_some()
}

/// Whether it has a line at all.
pub(super) fn has_lines(outline: &Outline<'_>) -> bool {
    outline.find(Id::ROOT, paths(outline).line).is_some() || outline.named(Id::ROOT, "CreditNoteLine").next().is_some()
}

/// The bytes that base64 stands for.
fn decoded(text: &str) -> usize {
    let characters = text.bytes().filter(|b| !b.is_ascii_whitespace());
    let (mut count, mut padding) = (0_usize, 0);
    for byte in characters {
        count += 1;
        padding += usize::from(byte == b'=');
    }
    (count / 4 * 3 + (count % 4) * 3 / 4).saturating_sub(padding)
}

/// A party's names for itself.
#[derive(Default)]
struct Party {
    name: String,
    /// Scheme and content.
    identifiers: Vec<(Option<String>, String)>,
    legal: Option<(Option<String>, String)>,
    address: Option<(Option<String>, String)>,
    vat: Option<String>,
    other_tax: Option<String>,
}

impl Party {
    fn read(outline: &Outline<'_>, party: Id, paths: &Paths) -> Self {
        let identifier = |id: Id| {
            let scheme = outline.attribute(id, "schemeID").map(|scheme| scheme.into_owned());
            outline.text(id).map(|content| (scheme, content))
        };
        let first = |path: &[&str]| outline.find(party, path).and_then(identifier);
        let mut read = Self {
            name: outline.text_at(party, paths.name).unwrap_or_default(),
            identifiers: paths
                .identifiers
                .iter()
                .flat_map(|path| outline.each(party, path))
                .filter_map(identifier)
                .filter(|(scheme, _)| scheme.as_deref() != Some("SEPA"))
                .collect(),
            legal: first(paths.legal),
            address: first(paths.address),
            ..Self::default()
        };
        for tax in outline.each(party, paths.tax) {
            // UBL names the tax beside the number, CII as the number's scheme.
            let number = outline.text_at(tax, &["CompanyID"]).or_else(|| outline.text_at(tax, &["ID"]));
            let vat = outline.text_at(tax, &["TaxScheme", "ID"]).is_some_and(|id| id.eq_ignore_ascii_case("VAT"))
                || outline
                    .find(tax, &["ID"])
                    .is_some_and(|id| outline.attribute(id, "schemeID").as_deref() == Some("VA"));
            let place = if vat { &mut read.vat } else { &mut read.other_tax };
            *place = place.take().or(number);
        }
        read
    }

    fn service(&self) -> Option<String> {
        let routed = self.identifiers.iter().find(|(scheme, _)| scheme.as_deref() == Some(SERVICE_SCHEME));
        routed.map(|(_, content)| content.clone())
    }

    /// The party's SIRET, else what identifies it best.
    fn identifier(&self) -> String {
        let is_siret_scheme = |scheme: &Option<String>| scheme.as_deref().is_some_and(|s| SIRET_SCHEMES.contains(&s));
        let all = || self.identifiers.iter().chain(&self.legal).chain(&self.address);
        let schemed = || all().filter(|(scheme, _)| is_siret_scheme(scheme)).map(|(_, content)| content.as_str());
        let plain = || self.identifiers.iter().chain(&self.legal).map(|(_, content)| content.as_str());
        schemed()
            .chain(plain())
            .find(|content| is_siret(content))
            .or_else(|| self.address.as_ref().and_then(|(_, address)| siret_of_address(address)))
            .or_else(|| schemed().next())
            .or_else(|| {
                let rest = self.legal.iter().chain(&self.identifiers);
                rest.filter(|(s, _)| s.as_deref() != Some(SERVICE_SCHEME)).map(|(_, c)| c.as_str()).next()
            })
            .or(self.vat.as_deref())
            .or(self.other_tax.as_deref())
            .unwrap_or_default()
            .to_owned()
    }
}

pub(super) fn is_siret(text: &str) -> bool {
    text.len() == 14 && text.bytes().all(|b| b.is_ascii_digit())
}

/// The SIRET inside an address `SIREN_SIRET` or `SIREN_SIRET_Routage` (PROTOCOL §6).
fn siret_of_address(address: &str) -> Option<&str> {
    address.split('_').find(|part| is_siret(part))
}
