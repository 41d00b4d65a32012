//! Whether a file carries an electronic signature inside it: XML-DSig or XAdES in an XML, PAdES in a PDF.
//!
//! Only that it is there: whether it counts is for whoever has the certificate to say. A signed file must reach Chorus Pro
//! byte for byte, and is announced as signed (`avecSignature`).

use super::outline::Outline;

/// A `ds:Signature` somewhere in the document. UBL has an element `cac:Signature` too, which only describes one: what
/// makes a signature is what it is over, and its value.
pub fn in_xml(outline: &Outline<'_>) -> bool {
    outline.all().any(|id| {
        outline.name(id) == "Signature"
            && outline.find(id, &["SignedInfo"]).is_some()
            && outline.find(id, &["SignatureValue"]).is_some()
    })
}

/// A signature dictionary: `/ByteRange [a b c d]` (ISO 32000-1 §12.8.1), whose ranges lie in the file with the
/// signature's own bytes between them. It is never in a compressed object, since its numbers are written last.
pub fn in_pdf(pdf: &[u8]) -> bool {
    const KEY: &[u8] = b"/ByteRange";
    let mut rest = pdf;
    while let Some(at) = rest.windows(KEY.len()).position(|window| window == KEY) {
        rest = &rest[at + KEY.len()..];
        if byte_range(rest).is_some_and(|range| spans(range, pdf.len())) {
            return true;
        }
    }
    false
}

/// The four numbers of `[a b c d]`.
fn byte_range(after_key: &[u8]) -> Option<[usize; 4]> {
    /// The array with the blanks that writers leave for its numbers.
    const LONGEST: usize = 256;
    let head = &after_key[..after_key.len().min(LONGEST)];
    let open = head.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let body = head[open..].strip_prefix(b"[")?;
    let close = body.iter().position(|byte| *byte == b']')?;
    let text = std::str::from_utf8(&body[..close]).ok()?;
    let numbers: Vec<usize> = text.split_ascii_whitespace().map_while(|number| number.parse().ok()).collect();
    numbers.try_into().ok()
}

fn spans([first, first_length, second, second_length]: [usize; 4], size: usize) -> bool {
    let first_end = first.saturating_add(first_length);
    first == 0 && first_length > 0 && first_end < second && second.saturating_add(second_length) <= size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoice::{Limits, guard};

    fn signed(xml: &str) -> bool {
        in_xml(&guard::outline(xml, &Limits::default()).unwrap())
    }

    #[test]
    fn a_signature_is_told_from_words_about_one() {
        let ds = r#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/><ds:SignatureValue>QQ==</ds:SignatureValue></ds:Signature>"#;
        assert!(signed(&format!("<Invoice><Ext><Content>{ds}</Content></Ext></Invoice>")));
        assert!(!signed("<Invoice><Signature><ID>s</ID><SignatureMethod>x</SignatureMethod></Signature></Invoice>"));
        assert!(!signed("<Invoice><!-- <Signature><SignedInfo/><SignatureValue/></Signature> --></Invoice>"));
    }

    #[test]
    fn a_pdf_is_signed_when_its_byte_range_lies_in_it() {
        let pdf =
            |range: &str| format!("%PDF-1.7 << /Type /Sig /ByteRange{range} /Contents <00> >> {}", " ".repeat(100));
        assert!(in_pdf(pdf(" [0 20 40 60      ]").as_bytes()));
        assert!(in_pdf(pdf("[0 20 40 60]").as_bytes()));
        for absent in
            ["[0 20 40 9999]", "[0 20 10 60]", "[1 20 40 60]", "[0 20 40]", " 0 20", "[0 20 40 18446744073709551615]"]
        {
            assert!(!in_pdf(pdf(absent).as_bytes()), "{absent}");
        }
        assert!(!in_pdf(b"%PDF-1.7 /ByteRange"));
    }
}
