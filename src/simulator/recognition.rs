//! What the optical reading of `deposer/pdf` makes of a PDF: an embedded invoice, or words on its pages.
//!
//! As with any such reading, the result is a proposal that the client confirms by `soumettre`; what is not found is
//! empty.

use std::io::Read;

use flate2::read::ZlibDecoder;
use rust_decimal::Decimal;

use super::content::{self, cut};

/// Bytes of one inflated page.
const PAGE_LIMIT_BYTES: u64 = 4 << 20;
/// Streams looked into.
const STREAMS_LIMIT: usize = 2_000;

/// A proposal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recognised {
    pub number: String,
    /// `yyyy-mm-dd`.
    pub date: String,
    /// SIRET; empty when none was seen, as the others.
    pub supplier: String,
    pub recipient: String,
    /// codeServiceExecutant.
    pub service: String,
    pub commitment: String,
    pub credit_note: bool,
    /// Before VAT; 0 when it was not seen, as the others.
    pub net: Decimal,
    pub vat: Decimal,
    /// With VAT.
    pub gross: Decimal,
}

/// Reads a PDF.
pub(super) fn recognise(pdf: &[u8]) -> Recognised {
    if let Some(Ok(read)) = content::read(pdf).into_iter().next() {
        let amount = |value: Option<Decimal>| value.unwrap_or_default();
        let (net, gross) = (amount(read.net), amount(read.gross));
        return Recognised {
            number: read.number,
            date: read.date,
            supplier: read.supplier,
            recipient: read.recipient,
            service: read.service,
            commitment: read.commitment,
            credit_note: read.credit_note,
            net,
            vat: gross - net,
            gross,
        };
    }
    of_lines(&lines(pdf))
}

fn of_lines(lines: &[String]) -> Recognised {
    let mut found = Recognised::default();
    let mut sirets = Vec::new();
    let mut named = false;
    for line in lines {
        let lower = line.to_lowercase();
        for word in line.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() == 14) {
            if word.bytes().all(|byte| byte.is_ascii_digit()) {
                sirets.push(word.to_owned());
            }
        }
        if found.date.is_empty() {
            found.date = date(line).unwrap_or_default();
        }
        if lower.starts_with("avoir") {
            found.credit_note = true;
        }
        // The number stands after the title: on its line, or on the next.
        let title = lower.starts_with("facture") || lower.starts_with("avoir");
        if found.number.is_empty() && (title || named) {
            let rest = if title { line.split_once(' ').map_or("", |(_, rest)| rest) } else { line.as_str() };
            let number = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            let number = number.strip_prefix("n°").unwrap_or(number).trim();
            found.number = cut(number.split_whitespace().next().unwrap_or_default(), 20);
            named = title && found.number.is_empty();
        }
        let amount = || line.rsplit([':', ' ']).find_map(decimal);
        if lower.contains("ttc") || lower.contains("net à payer") {
            found.gross = amount().unwrap_or(found.gross);
        } else if lower.contains("ht") && lower.contains("total") {
            found.net = amount().unwrap_or(found.net);
        } else if lower.contains("tva") {
            found.vat = amount().unwrap_or(found.vat);
        } else if lower.contains("engagement") || lower.contains("commande") {
            found.commitment = line.rsplit([' ', ':']).next().unwrap_or_default().to_owned();
        } else if lower.contains("service") && line.contains(':') {
            found.service = line.rsplit([' ', ':']).next().unwrap_or_default().to_owned();
        }
    }
    let mut sirets = sirets.into_iter();
    found.supplier = sirets.next().unwrap_or_default();
    found.recipient = sirets.next().unwrap_or_default();
    found
}

fn decimal(word: &str) -> Option<Decimal> {
    let word = word.trim_matches(|c: char| !c.is_ascii_digit());
    (!word.is_empty()).then(|| word.replace(',', ".").parse().ok()).flatten()
}

/// A day written as `23/11/2026` or `2026-11-23`.
fn date(line: &str) -> Option<String> {
    line.split(|c: char| c.is_whitespace() || c == ':').find_map(|word| {
        let parts: Vec<&str> = word.split(['/', '-']).collect();
        let [first, month, last] = parts.as_slice() else { return None };
        let (year, day) = if first.len() == 4 { (first, last) } else { (last, first) };
        let text = format!("{year}-{month:0>2}-{day:0>2}");
        text.parse::<jiff::civil::Date>().is_ok().then_some(text)
    })
}

/// The lines shown by the pages' streams, plain or FlateDecode.
fn lines(pdf: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = pdf;
    for _ in 0..STREAMS_LIMIT {
        let Some(start) = content::find(rest, b"stream") else { break };
        let body = &rest[start + b"stream".len()..];
        let body = body.strip_prefix(b"\r\n").or_else(|| body.strip_prefix(b"\n")).unwrap_or(body);
        let Some(end) = content::find(body, b"endstream") else { break };
        let mut inflated = Vec::new();
        let is_deflated = ZlibDecoder::new(&body[..end]).take(PAGE_LIMIT_BYTES).read_to_end(&mut inflated).is_ok();
        let page = if is_deflated { inflated.as_slice() } else { &body[..end] };
        if content::find(page, b"Tj").is_some() {
            strings(page, &mut lines);
        }
        rest = &body[end + b"endstream".len()..];
    }
    lines
}

/// Every `(…)` of a content stream, decoded.
fn strings(page: &[u8], lines: &mut Vec<String>) {
    let mut bytes = page.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'(' {
            continue;
        }
        let mut text = String::new();
        let mut depth = 1;
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' => match bytes.next() {
                    Some(digit @ b'0'..=b'7') => {
                        let mut code = u32::from(digit - b'0');
                        for _ in 0..2 {
                            if let Some(next @ b'0'..=b'7') = bytes.peek().copied() {
                                code = code * 8 + u32::from(next - b'0');
                                bytes.next();
                            }
                        }
                        text.push(win_ansi(code));
                    }
                    Some(other) => text.push(char::from(other)),
                    None => {}
                },
                b'(' => {
                    depth += 1;
                    text.push('(');
                }
                b')' if depth == 1 => break,
                b')' => {
                    depth -= 1;
                    text.push(')');
                }
                other => text.push(win_ansi(u32::from(other))),
            }
        }
        lines.push(text.trim().to_owned());
    }
}

fn win_ansi(code: u32) -> char {
    match code {
        0x80 => '€',
        0x8c => 'Œ',
        0x9c => 'œ',
        other => char::from_u32(other).unwrap_or('?'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::pivot::pdf;

    #[test]
    fn words_of_a_page_become_a_proposal() {
        let page = pdf(&[
            "Facture FA-2026-07",
            "Date : 20/11/2026",
            "SIRET 33254021516357",
            "Pour 12345678200044, service : SRV1",
            "Engagement : 4500001",
            "Total HT : 100,00",
            "TVA : 20,00",
            "Total TTC : 120,00 €",
        ]);
        let found = recognise(&page);
        assert_eq!((found.number.as_str(), found.date.as_str()), ("FA-2026-07", "2026-11-20"));
        assert_eq!((found.supplier.as_str(), found.recipient.as_str()), ("33254021516357", "12345678200044"));
        assert_eq!((found.service.as_str(), found.commitment.as_str()), ("SRV1", "4500001"));
        let amounts = (found.net.to_string(), found.vat.to_string(), found.gross.to_string());
        assert_eq!(amounts, ("100.00".to_owned(), "20.00".to_owned(), "120.00".to_owned()));
        assert_eq!(recognise(&pdf(&["Avoir", "AV-1"])).number, "AV-1");
        assert!(recognise(&pdf(&["Avoir", "AV-1"])).credit_note);
    }

    #[test]
    fn an_embedded_invoice_is_read_and_nothing_is_invented() {
        let embedded = content::tests::pdf_with(&content::tests::cii("C-1"));
        assert_eq!(recognise(&embedded).number, "C-1");
        assert_eq!(recognise(b"%PDF-1.4 nothing"), Recognised::default());
    }
}
