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
}

/// The fields Chorus Pro judges by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct InvoiceRead {
    pub syntax: Syntax,
    /// BT-1.
    pub number: String,
    pub credit_note: bool,
    /// BT-2 as `yyyy-mm-dd`.
    pub date: String,
    /// BT-23.
    pub process: String,
    /// SIRET where there is one, else SIREN or whatever identifies (BT-29, BT-30, BT-34).
    pub supplier: String,
    pub supplier_name: String,
    /// SIRET where there is one (BT-46, BT-47, BT-49).
    pub recipient: String,
    pub recipient_name: String,
    /// BT-10.
    pub service: String,
    /// BT-13.
    pub commitment: String,
    /// BT-12.
    pub market: String,
    pub currency: String,
    pub net: Option<Decimal>,
    pub gross: Option<Decimal>,
    pub payable: Option<Decimal>,
}

/// Every invoice of a deposited file, or why it has none.
pub(super) fn read(bytes: &[u8]) -> Vec<Result<InvoiceRead, Unreadable>> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return match members(bytes) {
            Ok(files) if files.is_empty() => vec![Err(Unreadable("archive vide".into()))],
            Ok(files) => files.iter().map(|file| read_one(file)).collect(),
            Err(reason) => vec![Err(reason)],
        };
    }
    vec![read_one(bytes)]
}

fn read_one(bytes: &[u8]) -> Result<InvoiceRead, Unreadable> {
    if bytes.starts_with(b"%PDF-") {
        let xml = embedded(bytes).ok_or_else(|| Unreadable("PDF sans facture XML embarquée".into()))?;
        let mut invoice = read_xml(&xml)?;
        invoice.syntax = Syntax::FacturX;
        return Ok(invoice);
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
    text.starts_with(b"<") && find(text, b"CrossIndustryInvoice").is_some()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
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

struct Collector {
    invoice: InvoiceRead,
    supplier: Party,
    recipient: Party,
}

/// Latin encodings by their declaration; UTF-8 and UTF-16 are the reader's own business.
fn latin(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).to_ascii_lowercase();
    let declaration = head.strip_prefix("<?xml")?.split("?>").next()?;
    let declared = ["iso-8859-1", "iso-8859-15", "windows-1252"].iter().any(|name| declaration.contains(name));
    declared.then(|| bytes.iter().map(|byte| char::from(*byte)).collect())
}

fn read_xml(bytes: &[u8]) -> Result<InvoiceRead, Unreadable> {
    match latin(bytes) {
        Some(text) => read_unicode(text.as_bytes()),
        None => read_unicode(bytes),
    }
}

fn read_unicode(bytes: &[u8]) -> Result<InvoiceRead, Unreadable> {
    let malformed = |reason: String| Unreadable(format!("XML illisible : {reason}"));
    let mut reader = Reader::from_reader(DecodingReader::new(bytes));
    reader.config_mut().check_end_names = true;
    let mut collector =
        Collector { invoice: InvoiceRead::default(), supplier: Party::default(), recipient: Party::default() };
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
                    collector.root(&path[0], closed)?;
                }
                scheme = scheme_of(&start);
                text.clear();
            }
            Event::Empty(start) => {
                elements += 1;
                if path.is_empty() {
                    collector.root(start.local_name().as_ref(), closed)?;
                    closed = true;
                }
            }
            Event::End(_) => {
                collector.take(&path, text.trim(), &scheme);
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
    fn root(&mut self, name: &str, closed: bool) -> Result<(), Unreadable> {
        if closed {
            return Err(Unreadable("XML illisible : plusieurs éléments racines".into()));
        }
        self.invoice.syntax = match name {
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

    fn finish(mut self) -> Result<InvoiceRead, Unreadable> {
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
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// A UBL invoice as a gateway would drop it; whole enough for the simulator's reader.
    pub fn ubl(number: &str, recipient: &str, extra: &str) -> Vec<u8> {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" xmlns:cac="urn:c:cac" xmlns:cbc="urn:c:cbc">
<cbc:ProfileID>A1</cbc:ProfileID><cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-11-20</cbc:IssueDate>{extra}
<cac:AccountingSupplierParty><cac:Party><cbc:EndpointID schemeID="0225">332540215</cbc:EndpointID>
<cac:PartyLegalEntity><cbc:RegistrationName>Œuvres &amp; C&#233;</cbc:RegistrationName>
<cbc:CompanyID schemeID="0002">33254021516357</cbc:CompanyID></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cac:PartyIdentification><cbc:ID schemeID="0009">{recipient}</cbc:ID>
</cac:PartyIdentification></cac:Party></cac:AccountingCustomerParty>
<cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount currencyID="EUR">100.00</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount currencyID="EUR">120.00</cbc:TaxInclusiveAmount>
<cbc:PayableAmount currencyID="EUR">120.00</cbc:PayableAmount></cac:LegalMonetaryTotal></Invoice>"#
        )
        .into_bytes()
    }

    pub fn cii(number: &str) -> Vec<u8> {
        format!(
            r#"<rsm:CrossIndustryInvoice xmlns:rsm="r" xmlns:ram="a" xmlns:udt="u"><rsm:ExchangedDocument><ram:ID>{number}</ram:ID>
<ram:TypeCode>381</ram:TypeCode><ram:IssueDateTime><udt:DateTimeString format="102">20261120</udt:DateTimeString></ram:IssueDateTime>
</rsm:ExchangedDocument><rsm:SupplyChainTradeTransaction><ram:IncludedSupplyChainTradeLineItem><ram:ID>9</ram:ID></ram:IncludedSupplyChainTradeLineItem>
<ram:ApplicableHeaderTradeAgreement><ram:SellerTradeParty><ram:GlobalID schemeID="0009">33254021516357</ram:GlobalID></ram:SellerTradeParty>
<ram:BuyerTradeParty><ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">110002011</ram:ID></ram:SpecifiedLegalOrganization>
<ram:URIUniversalCommunication><ram:URIID schemeID="0225">11000201100044</ram:URIID></ram:URIUniversalCommunication></ram:BuyerTradeParty>
</ram:ApplicableHeaderTradeAgreement></rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>"#
        )
        .into_bytes()
    }

    pub fn pdf_with(xml: &[u8]) -> Vec<u8> {
        let mut flate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        flate.write_all(xml).unwrap();
        let flate = flate.finish().unwrap();
        let mut pdf = b"%PDF-1.7\n1 0 obj <</Length 9>> stream\r\n<notxml/>\nendstream endobj\n".to_vec();
        pdf.extend_from_slice(b"2 0 obj <</Type/EmbeddedFile/Filter/FlateDecode>> stream\n");
        pdf.extend_from_slice(&flate);
        pdf.extend_from_slice(b"\nendstream endobj\n%%EOF");
        pdf
    }

    pub fn tar_gz(files: &[&[u8]]) -> Vec<u8> {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for file in files {
            let mut header = [0u8; 512];
            header[..5].copy_from_slice(b"f.xml");
            header[124..135].copy_from_slice(format!("{:011o}", file.len()).as_bytes());
            header[156] = b'0';
            gz.write_all(&header).unwrap();
            gz.write_all(file).unwrap();
            gz.write_all(&vec![0; file.len().next_multiple_of(512) - file.len()]).unwrap();
        }
        gz.write_all(&[0; 1024]).unwrap();
        gz.finish().unwrap()
    }

    fn one(bytes: &[u8]) -> Result<InvoiceRead, Unreadable> {
        let mut all = read(bytes);
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    #[test]
    fn reads_ubl() {
        let invoice = one(&ubl("FA-1", "11000201100044", "<cbc:BuyerReference>SRV</cbc:BuyerReference>")).unwrap();
        assert_eq!((invoice.number.as_str(), invoice.date.as_str()), ("FA-1", "2026-11-20"));
        assert_eq!((invoice.supplier.as_str(), invoice.supplier_name.as_str()), ("33254021516357", "Œuvres & Cé"));
        assert_eq!((invoice.recipient.as_str(), invoice.service.as_str()), ("11000201100044", "SRV"));
        assert_eq!(invoice.gross, Some("120.00".parse().unwrap()));
        assert!(!invoice.credit_note);
    }

    #[test]
    fn reads_cii_alone_and_in_a_pdf() {
        let plain = one(&cii("C-1")).unwrap();
        assert!(plain.credit_note && plain.syntax == Syntax::Cii);
        assert_eq!((plain.date.as_str(), plain.supplier.as_str()), ("2026-11-20", "33254021516357"));
        assert_eq!(plain.recipient, "11000201100044", "a SIRET anywhere before a SIREN");
        let within = one(&pdf_with(&cii("C-1"))).unwrap();
        assert_eq!(within, InvoiceRead { syntax: Syntax::FacturX, ..plain });
        assert!(one(&pdf_with(b"<other/>")).is_err());
    }

    #[test]
    fn reads_every_member_of_an_archive() {
        let files = tar_gz(&[&ubl("FA-1", "11000201100044", ""), b"<oops", &cii("C-2")]);
        let numbers: Vec<_> = read(&files).into_iter().map(|r| r.map(|i| i.number).ok()).collect();
        assert_eq!(numbers, [Some("FA-1".to_owned()), None, Some("C-2".to_owned())]);
        assert!(one(&[0x1f, 0x8b, 1, 2, 3]).is_err());
    }

    #[test]
    fn unreadable_things_are_told() {
        let whole = ubl("FA-1", "11000201100044", "");
        let doctype = b"<!DOCTYPE x [<!ENTITY a \"b\">]><Invoice><ID>&a;</ID></Invoice>";
        for bad in [&b""[..], b"\x00\x01\x02", b"<html/>", &whole[..whole.len() - 30], doctype, b"<Invoice/>"] {
            assert!(one(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let latin: Vec<u8> =
            b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><Invoice><ID>\xe9</ID></Invoice>".to_vec();
        assert_eq!(one(&latin).unwrap().number, "é");
    }

    #[test]
    fn the_mini_corpus_reads() {
        let Some(corpus) = crate::reference::reference("invoices/mini.tgz") else { return };
        let packed = std::fs::read(corpus).unwrap();
        let mut read_well = 0;
        for invoice in read(&packed).into_iter().flatten() {
            read_well += 1;
            assert!(!invoice.number.is_empty());
        }
        assert!(read_well > 900, "{read_well}");
    }
}
