//! Documents as a client would deposit them, and what is read in them.

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
    let latin: Vec<u8> = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><Invoice><ID>\xe9</ID></Invoice>".to_vec();
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
