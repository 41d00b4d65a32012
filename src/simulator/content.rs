//! What the simulator reads in a deposited file: a few header fields of UBL, CII or Factur-X, alone or in a `.tar.gz`.
//!
//! Its own reader on purpose: a mistake of the gateway's reader must not be repeated by its judge.

use std::io::Read;

use flate2::read::{GzDecoder, ZlibDecoder};
use quick_xml::Reader;
use quick_xml::encoding::DecodingReader;
use quick_xml::events::{BytesStart, Event};
use rust_decimal::Decimal;

/// Nested elements.
const DEPTH_LIMIT: usize = 100;
/// Elements of one document.
const ELEMENTS_LIMIT: usize = 2_000_000;
/// Bytes of a text that is kept.
const TEXT_LIMIT_BYTES: usize = 2_000;
/// Bytes a stream or an archive may inflate to.
const INFLATED_LIMIT_BYTES: u64 = 128 << 20;
/// Streams of a PDF looked into.
const STREAMS_LIMIT: usize = 10_000;
/// Bytes of a stream that must show what it is.
const HEAD_BYTES: u64 = 4_096;
/// Files in one `.tar.gz`.
const MEMBERS_LIMIT: usize = 1_000;

/// Why a file is no invoice; French, as the compte rendu says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable(pub String);

/// The syntax found, which the declared one must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Syntax {
    #[default]
    Ubl,
    Cii,
    FacturX,
    /// CPPFactureMixte, of IN_DP_E2_CPP_FACTURE_MIN.
    Mixed,
    Xcbl,
}

/// The fields Chorus Pro judges by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct InvoiceRead {
    pub syntax: Syntax,
    /// BT-1.
    pub number: String,
    /// By BT-3.
    pub credit_note: bool,
    /// BT-2 as `yyyy-mm-dd`.
    pub date: String,
    /// BT-23.
    pub process: String,
    /// SIRET where there is one, else SIREN or whatever identifies (BT-29, BT-30, BT-34).
    pub supplier: String,
    /// BT-27.
    pub supplier_name: String,
    /// SIRET where there is one (BT-46, BT-47, BT-49).
    pub recipient: String,
    /// BT-44.
    pub recipient_name: String,
    /// BT-10.
    pub service: String,
    /// BT-13.
    pub commitment: String,
    /// BT-12.
    pub market: String,
    /// BT-5.
    pub currency: String,
    /// Before VAT (BT-109).
    pub net: Option<Decimal>,
    /// With VAT (BT-112).
    pub gross: Option<Decimal>,
    /// BT-115.
    pub payable: Option<Decimal>,
}

/// Every invoice of a deposited file, or why it has none.
pub(super) fn read(bytes: &[u8]) -> Vec<Result<InvoiceRead, Unreadable>> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return match members(bytes) {
            Ok(files) if files.is_empty() => vec![Err(Unreadable("archive vide".into()))],
            Ok(files) => files.iter().flat_map(|file| read_file(file)).collect(),
            Err(reason) => vec![Err(reason)],
        };
    }
    read_file(bytes)
}

fn read_file(bytes: &[u8]) -> Vec<Result<InvoiceRead, Unreadable>> {
    match read_one(bytes) {
        Ok(all) => all.into_iter().map(Ok).collect(),
        Err(reason) => vec![Err(reason)],
    }
}

fn read_one(bytes: &[u8]) -> Result<Vec<InvoiceRead>, Unreadable> {
    if bytes.starts_with(b"%PDF-") {
        let xml = embedded(bytes).ok_or_else(|| Unreadable("PDF sans facture XML embarquée".into()))?;
        let mut invoices = read_xml(&xml)?;
        invoices.iter_mut().for_each(|invoice| invoice.syntax = Syntax::FacturX);
        return Ok(invoices);
    }
    read_xml(bytes)
}

/// The files of a `.tar.gz` (ustar), in order.
fn members(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Unreadable> {
    let broken = || Unreadable("archive illisible".into());
    let mut tar = Vec::new();
    let mut inflated = GzDecoder::new(bytes).take(INFLATED_LIMIT_BYTES + 1);
    inflated.read_to_end(&mut tar).map_err(|_| broken())?;
    if tar.len() as u64 > INFLATED_LIMIT_BYTES {
        return Err(Unreadable("archive trop volumineuse".into()));
    }
    let mut files = Vec::new();
    let mut rest = tar.as_slice();
    while let Some((header, after)) = rest.split_at_checked(512) {
        if header.iter().all(|b| *b == 0) {
            break;
        }
        let size = std::str::from_utf8(&header[124..136]).map_err(|_| broken())?;
        let size = size.trim_matches(['\0', ' ']);
        let size = usize::from_str_radix(size, 8).map_err(|_| broken())?;
        let content = after.get(..size).ok_or_else(broken)?;
        if matches!(header[156], b'0' | 0) {
            files.push(content.to_vec());
        }
        if files.len() > MEMBERS_LIMIT {
            return Err(Unreadable("archive de plus de 1000 fichiers".into()));
        }
        rest = after.get(size.next_multiple_of(512)..).unwrap_or_default();
    }
    Ok(files)
}

/// The invoice XML among the embedded streams of a PDF: a scan for `stream` … `endstream`, plain or FlateDecode.
fn embedded(pdf: &[u8]) -> Option<Vec<u8>> {
    let mut rest = pdf;
    for _ in 0..STREAMS_LIMIT {
        let start = find(rest, b"stream")? + b"stream".len();
        let body = &rest[start..];
        let body = body.strip_prefix(b"\r\n").or_else(|| body.strip_prefix(b"\n")).unwrap_or(body);
        let end = find(body, b"endstream")?;
        let content = &body[..end];
        if is_invoice_xml(content) {
            return Some(content.to_vec());
        }
        let mut head = Vec::new();
        // A damaged tail does not matter for the head; the whole is inflated below.
        let _ = ZlibDecoder::new(content).take(HEAD_BYTES).read_to_end(&mut head);
        if is_invoice_xml(&head) {
            let mut whole = Vec::new();
            ZlibDecoder::new(content).take(INFLATED_LIMIT_BYTES).read_to_end(&mut whole).ok()?;
            return Some(whole);
        }
        rest = &body[end + b"endstream".len()..];
    }
    None
}

fn is_invoice_xml(content: &[u8]) -> bool {
    let head = &content[..content.len().min(4_096)];
    let text = head.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(head).trim_ascii_start();
    let named = |root: &[u8]| find(text, root).is_some();
    text.starts_with(b"<") && (named(b"CrossIndustryInvoice") || named(b"ubl:schema:xsd:Invoice-2"))
}

pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(step) = haystack[from..].iter().position(|b| *b == first) {
        let at = from + step;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// Candidates for a party's identifier, the best one wins at the end.
#[derive(Default)]
struct Party {
    candidates: Vec<(String, String)>,
    name: String,
}

impl Party {
    /// A SIRET before a SIREN before anything.
    fn identifier(&self) -> String {
        let digits = |length: usize| {
            let fits = |value: &str| value.len() == length && value.bytes().all(|b| b.is_ascii_digit());
            let of = |scheme: Option<&str>| {
                self.candidates.iter().find(|(s, v)| fits(v) && scheme.is_none_or(|wanted| wanted == s)).map(|(_, v)| v)
            };
            let scheme = if length == 14 { "0009" } else { "0002" };
            of(Some(scheme)).or_else(|| of(None)).cloned()
        };
        digits(14)
            .or_else(|| digits(9))
            .or_else(|| self.candidates.first().map(|(_, value)| value.clone()))
            .unwrap_or_default()
    }
}

#[derive(Default)]
struct Collector {
    invoice: InvoiceRead,
    supplier: Party,
    recipient: Party,
    /// A CPPFactureMixte holds as many as it likes.
    done: Vec<InvoiceRead>,
}

/// Latin encodings by their declaration; UTF-8 and UTF-16 are the reader's own business.
fn latin(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).to_ascii_lowercase();
    let declaration = head.strip_prefix("<?xml")?.split("?>").next()?;
    let declared = ["iso-8859-1", "iso-8859-15", "windows-1252"].iter().any(|name| declaration.contains(name));
    declared.then(|| bytes.iter().map(|byte| char::from(*byte)).collect())
}

fn read_xml(bytes: &[u8]) -> Result<Vec<InvoiceRead>, Unreadable> {
    match latin(bytes) {
        Some(text) => read_unicode(text.as_bytes()),
        None => read_unicode(bytes),
    }
}

fn read_unicode(bytes: &[u8]) -> Result<Vec<InvoiceRead>, Unreadable> {
    let malformed = |reason: String| Unreadable(format!("XML illisible : {reason}"));
    let mut reader = Reader::from_reader(DecodingReader::new(bytes));
    reader.config_mut().check_end_names = true;
    let mut collector = Collector::default();
    let mut path: Vec<String> = Vec::new();
    let mut text = String::new();
    let mut scheme = String::new();
    let (mut elements, mut closed) = (0usize, false);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|e| malformed(e.to_string()))? {
            Event::Start(start) => {
                elements += 1;
                path.push(start.local_name().as_ref().to_owned());
                if path.len() == 1 {
                    collector.root(&path[0], &start, closed)?;
                }
                scheme = scheme_of(&start);
                text.clear();
            }
            Event::Empty(start) => {
                elements += 1;
                if path.is_empty() {
                    collector.root(start.local_name().as_ref(), &start, closed)?;
                    closed = true;
                }
            }
            Event::End(_) => {
                collector.take(&path, text.trim(), &scheme);
                collector.close(&path)?;
                text.clear();
                scheme.clear();
                path.pop();
                closed = path.is_empty();
            }
            Event::Text(piece) if text.len() < TEXT_LIMIT_BYTES => text.push_str(&piece.xml10_content()),
            Event::CData(piece) if text.len() < TEXT_LIMIT_BYTES => text.push_str(&piece.xml10_content()),
            Event::GeneralRef(reference) => {
                text.push_str(&resolve(&reference).ok_or_else(|| malformed("entité".into()))?)
            }
            Event::DocType(_) => return Err(Unreadable("XML refusé : DOCTYPE interdit".into())),
            Event::Eof => break,
            _ => {}
        }
        if elements > ELEMENTS_LIMIT || path.len() > DEPTH_LIMIT {
            return Err(Unreadable("XML refusé : document démesuré".into()));
        }
    }
    if !closed {
        return Err(malformed("document incomplet".into()));
    }
    collector.finish()
}

fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> Option<String> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Some(character.to_string());
    }
    quick_xml::escape::resolve_predefined_entity(&reference.xml10_content()).map(str::to_owned)
}

fn scheme_of(start: &BytesStart<'_>) -> String {
    match start.try_get_attribute("schemeID") {
        Ok(Some(attribute)) => attribute.value.to_string(),
        _ => String::new(),
    }
}

impl Collector {
    fn root(&mut self, name: &str, start: &BytesStart<'_>, closed: bool) -> Result<(), Unreadable> {
        if closed {
            return Err(Unreadable("XML illisible : plusieurs éléments racines".into()));
        }
        self.invoice.syntax = match name {
            "Invoice" if in_xcbl(start) => Syntax::Xcbl,
            "CPPFactureMixte" => Syntax::Mixed,
            "PES_Aller" | "PES_Facture" | "PES_FACTURE" => {
                return Err(Unreadable("PES retiré : la syntaxe n'est plus reçue depuis l'annexe EDI V4.21".into()));
            }
            "Invoice" => Syntax::Ubl,
            "CreditNote" => {
                self.invoice.credit_note = true;
                Syntax::Ubl
            }
            "CrossIndustryInvoice" => Syntax::Cii,
            other => return Err(Unreadable(format!("élément racine inattendu : {}", cut(other, 60)))),
        };
        Ok(())
    }

    fn take(&mut self, path: &[String], text: &str, scheme: &str) {
        if text.is_empty() || path.len() < 2 {
            return;
        }
        let below: Vec<&str> = path[1..].iter().map(String::as_str).collect();
        match self.invoice.syntax {
            Syntax::Ubl => self.take_ubl(&below, text, scheme),
            Syntax::Cii | Syntax::FacturX => self.take_cii(&below, text, scheme),
            Syntax::Mixed => self.take_mixed(&below, text),
            Syntax::Xcbl => self.take_xcbl(&below, text),
        }
    }

    /// An element ended: with it, one invoice of several.
    fn close(&mut self, path: &[String]) -> Result<(), Unreadable> {
        if self.invoice.syntax == Syntax::Mixed && path.last().is_some_and(|name| name == "CPPFactureMixteUnitaire") {
            let mut ended = Collector::default();
            ended.invoice.syntax = Syntax::Mixed;
            ended.done = std::mem::take(&mut self.done);
            if ended.done.len() >= MEMBERS_LIMIT {
                return Err(Unreadable("flux de plus de 1000 factures".into()));
            }
            let invoice = std::mem::replace(self, ended).whole()?;
            self.done.push(invoice);
        }
        Ok(())
    }

    /// The same names as in a pivot (PROTOCOL §4), in CPPFactureMixteUnitaire.
    fn take_mixed(&mut self, path: &[&str], text: &str) {
        let ["CPPFactures", "CPPFactureMixteUnitaire", within @ ..] = path else { return };
        let invoice = &mut self.invoice;
        match within {
            ["Fournisseur", "Identifiant"] => candidate(&mut self.supplier, text, ""),
            ["Fournisseur", "RaisonSociale"] => put(&mut self.supplier.name, text),
            ["Debiteur", "Identifiant"] => candidate(&mut self.recipient, text, ""),
            ["Debiteur", "Nom"] => put(&mut self.recipient.name, text),
            ["Debiteur", "CodeService"] => put(&mut invoice.service, text),
            ["DonneesFacture", of @ ..] => match of {
                ["Id"] => put(&mut invoice.number, text),
                ["Type"] => invoice.credit_note = text == "381",
                ["Cadre"] => put(&mut invoice.process, text),
                ["DateEmissionFacture"] => put(&mut invoice.date, text),
                ["Devise"] => put(&mut invoice.currency, text),
                ["Engagement", "NumeroMarche"] => put(&mut invoice.market, text),
                ["Engagement", "NumeroEngagement"] => put(&mut invoice.commitment, text),
                ["Montants", "MontantHT"] => invoice.net = text.parse().ok(),
                ["Montants", "MontantTTC"] => invoice.gross = text.parse().ok(),
                ["Montants", "MontantNetAPayer"] => invoice.payable = text.parse().ok(),
                _ => {}
            },
            _ => {}
        }
    }

    /// xCBL 4.0, as far as it is needed: header, parties and totals.
    fn take_xcbl(&mut self, path: &[&str], text: &str) {
        let invoice = &mut self.invoice;
        match path {
            ["InvoiceHeader", "InvoiceNumber"] => put(&mut invoice.number, text),
            ["InvoiceHeader", "InvoiceIssueDate"] => put(&mut invoice.date, &cut(text, 10)),
            ["InvoiceHeader", "InvoiceCurrency", .., "CurrencyCoded"] => put(&mut invoice.currency, text),
            ["InvoiceHeader", "InvoiceType", "InvoiceTypeCoded"] => invoice.credit_note = text == "CreditInvoice",
            ["InvoiceHeader", "InvoiceReferences", "PurchaseOrderReference", .., "BuyerOrderNumber"] => {
                put(&mut invoice.commitment, text);
            }
            ["InvoiceHeader", "InvoiceParty", party, within @ ..] => {
                let party = match *party {
                    "SellerParty" => &mut self.supplier,
                    "BuyerParty" => &mut self.recipient,
                    _ => return,
                };
                match within {
                    ["PartyID", "Ident"] | ["ListOfIdentifier", .., "Ident"] => candidate(party, text, ""),
                    ["NameAddress", "Name1"] => put(&mut party.name, text),
                    _ => {}
                }
            }
            ["InvoiceSummary", "InvoiceTotals", total, "MonetaryAmount"] => match *total {
                "InvoiceSubTotal" | "TaxableValue" => invoice.net = text.parse().ok(),
                "InvoiceTotal" => invoice.gross = text.parse().ok(),
                "TotalAmountPayable" => invoice.payable = text.parse().ok(),
                _ => {}
            },
            _ => {}
        }
    }

    fn take_ubl(&mut self, path: &[&str], text: &str, scheme: &str) {
        let invoice = &mut self.invoice;
        match path {
            ["ID"] => put(&mut invoice.number, text),
            ["IssueDate"] => put(&mut invoice.date, text),
            ["ProfileID"] => put(&mut invoice.process, text),
            ["DocumentCurrencyCode"] => put(&mut invoice.currency, text),
            ["BuyerReference"] => put(&mut invoice.service, text),
            ["OrderReference", "ID"] => put(&mut invoice.commitment, text),
            ["ContractDocumentReference", "ID"] => put(&mut invoice.market, text),
            ["LegalMonetaryTotal", "TaxExclusiveAmount"] => invoice.net = text.parse().ok(),
            ["LegalMonetaryTotal", "TaxInclusiveAmount"] => invoice.gross = text.parse().ok(),
            ["LegalMonetaryTotal", "PayableAmount"] => invoice.payable = text.parse().ok(),
            ["AccountingSupplierParty", "Party", within @ ..] => ubl_party(&mut self.supplier, within, text, scheme),
            ["AccountingCustomerParty", "Party", within @ ..] => ubl_party(&mut self.recipient, within, text, scheme),
            _ => {}
        }
    }

    fn take_cii(&mut self, path: &[&str], text: &str, scheme: &str) {
        let invoice = &mut self.invoice;
        match path {
            ["ExchangedDocumentContext", "BusinessProcessSpecifiedDocumentContextParameter", "ID"] => {
                put(&mut invoice.process, text);
            }
            ["ExchangedDocument", "ID"] => put(&mut invoice.number, text),
            ["ExchangedDocument", "TypeCode"] => invoice.credit_note = matches!(text, "381" | "396" | "261" | "503"),
            ["ExchangedDocument", "IssueDateTime", "DateTimeString"] => put(&mut invoice.date, &dashed(text)),
            ["SupplyChainTradeTransaction", "ApplicableHeaderTradeAgreement", within @ ..] => match within {
                ["BuyerReference"] => put(&mut invoice.service, text),
                ["BuyerOrderReferencedDocument", "IssuerAssignedID"] => put(&mut invoice.commitment, text),
                ["ContractReferencedDocument", "IssuerAssignedID"] => put(&mut invoice.market, text),
                ["SellerTradeParty", of @ ..] => cii_party(&mut self.supplier, of, text, scheme),
                ["BuyerTradeParty", of @ ..] => cii_party(&mut self.recipient, of, text, scheme),
                _ => {}
            },
            ["SupplyChainTradeTransaction", "ApplicableHeaderTradeSettlement", within @ ..] => match within {
                ["InvoiceCurrencyCode"] => put(&mut invoice.currency, text),
                ["SpecifiedTradeSettlementHeaderMonetarySummation", amount] => match *amount {
                    "TaxBasisTotalAmount" => invoice.net = text.parse().ok(),
                    "GrandTotalAmount" => invoice.gross = text.parse().ok(),
                    "DuePayableAmount" => invoice.payable = text.parse().ok(),
                    _ => {}
                },
                _ => {}
            },
            _ => {}
        }
    }

    /// Every invoice there was.
    fn finish(mut self) -> Result<Vec<InvoiceRead>, Unreadable> {
        if self.invoice.syntax != Syntax::Mixed {
            return Ok(vec![self.whole()?]);
        }
        match std::mem::take(&mut self.done) {
            none if none.is_empty() => Err(Unreadable("CPPFactureMixte sans facture".into())),
            some => Ok(some),
        }
    }

    fn whole(mut self) -> Result<InvoiceRead, Unreadable> {
        if self.invoice.number.is_empty() {
            return Err(Unreadable("numéro de facture absent".into()));
        }
        self.invoice.supplier = self.supplier.identifier();
        self.invoice.supplier_name = self.supplier.name;
        self.invoice.recipient = self.recipient.identifier();
        self.invoice.recipient_name = self.recipient.name;
        Ok(self.invoice)
    }
}

/// xCBL's invoice has the name of UBL's, in a namespace of its own.
fn in_xcbl(start: &BytesStart<'_>) -> bool {
    start.attributes().flatten().any(|attribute| attribute.value.to_ascii_lowercase().contains("xcbl"))
}

fn ubl_party(party: &mut Party, path: &[&str], text: &str, scheme: &str) {
    match path {
        ["PartyLegalEntity", "CompanyID"] | ["PartyIdentification", "ID"] | ["EndpointID"] => {
            candidate(party, text, scheme)
        }
        ["PartyLegalEntity", "RegistrationName"] | ["PartyName", "Name"] => put(&mut party.name, text),
        _ => {}
    }
}

fn cii_party(party: &mut Party, path: &[&str], text: &str, scheme: &str) {
    match path {
        ["SpecifiedLegalOrganization", "ID"] | ["GlobalID" | "ID"] | ["URIUniversalCommunication", "URIID"] => {
            candidate(party, text, scheme)
        }
        ["Name"] => put(&mut party.name, text),
        _ => {}
    }
}

fn candidate(party: &mut Party, text: &str, scheme: &str) {
    const CANDIDATES_LIMIT: usize = 20;
    if party.candidates.len() < CANDIDATES_LIMIT {
        party.candidates.push((scheme.to_owned(), cut(text, 100)));
    }
}

/// The first value counts.
fn put(field: &mut String, text: &str) {
    if field.is_empty() {
        *field = cut(text, 200);
    }
}

fn dashed(date: &str) -> String {
    match date.len() {
        8 if date.is_ascii() => format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]),
        _ => date.to_owned(),
    }
}

/// At most `longest` characters.
pub(super) fn cut(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}

#[cfg(test)]
pub(super) mod tests;
