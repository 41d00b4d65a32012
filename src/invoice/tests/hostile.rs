//! Bytes made to hurt: each must end soon, in bounded memory, with the right fault; and random ones must never panic.

use std::io::Write as _;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;

use super::{SAMPLES, sample};
use crate::fault::{Code, Language};
use crate::invoice::conversion::Source;
use crate::invoice::image::{self, Making};
use crate::invoice::{Examined, Limits, Options, Profile, Verdict, examine, guard, pivot_conversion, status_file};

/// What any file here may take: generous, since tests run unoptimised and side by side.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn soon(bytes: &[u8], options: &Options) -> Examined {
    let started = Instant::now();
    let examined = examine(bytes, options);
    println!("{} bytes: {:?} in {:?}", bytes.len(), examined.fault.as_ref().map(|f| f.code), started.elapsed());
    assert!(started.elapsed() < PATIENCE, "took {:?}", started.elapsed());
    assert_eq!(examined.fault.is_some(), examined.verdict == Verdict::Reject);
    examined
}

fn code(bytes: &[u8]) -> Code {
    soon(bytes, &Options::default()).fault.unwrap().code
}

fn ubl(body: &str) -> Vec<u8> {
    format!(
        "<Invoice xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2\" \
         xmlns:cbc=\"urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2\" \
         xmlns:cac=\"urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2\">{body}</Invoice>"
    )
    .into_bytes()
}

#[test]
fn a_million_nested_elements() {
    let deep = ubl(&format!("{}{}", "<a>".repeat(1_000_000), "</a>".repeat(1_000_000)));
    assert_eq!(code(&deep), Code::ContentOverLimit);
    assert_eq!(code(&"<a>".repeat(1_000_000).into_bytes()), Code::ContentOverLimit);
}

#[test]
fn counts_over_their_limits() {
    assert_eq!(code(&ubl(&"<cbc:Note/>".repeat(1_000_001))), Code::ContentOverLimit, "elements");
    let repeats = Limits::default().xml_repeats + 2;
    assert_eq!(code(&ubl(&"<cbc:ID>x</cbc:ID>".repeat(repeats))), Code::ContentOverLimit, "repeats");
    let vat = "<cac:TaxSubtotal/>".repeat(Limits::default().vat_entries + 1);
    assert_eq!(code(&ubl(&format!("<cac:TaxTotal>{vat}</cac:TaxTotal>"))), Code::ContentOverLimit, "VAT");
    let attributes: String = (0..50_000).map(|i| format!(" a{i}=\"\"")).collect();
    assert_eq!(code(&ubl(&format!("<cbc:ID{attributes}/>"))), Code::ContentOverLimit, "attributes");
    let namespaces: String = (0..1000).map(|i| format!("<a xmlns:n{i}=\"u\"/>")).collect();
    assert_eq!(code(&ubl(&namespaces)), Code::ContentOverLimit, "namespaces");
    let value = "v".repeat(Limits::default().xml_attribute_bytes + 1);
    assert_eq!(code(&ubl(&format!("<cbc:ID schemeID=\"{value}\"/>"))), Code::ContentOverLimit, "attribute");
    let text = "t".repeat(Limits::default().xml_text_bytes + 1);
    assert_eq!(code(&ubl(&format!("<cbc:Note>{text}</cbc:Note>"))), Code::ContentOverLimit, "text");
    assert_eq!(code(&vec![b' '; Limits::default().file_bytes + 1]), Code::ContentOverLimit, "file");
}

/// The lines of a pivot, too.
#[test]
fn a_pivot_has_as_many_lines_as_an_invoice_may() {
    let pivot = |lines: usize, line: &str| {
        let lines = line.repeat(lines);
        format!("<CPPFacturePivot><DonneesFacture><Lignes>{lines}</Lignes></DonneesFacture></CPPFacturePivot>")
    };
    let limits = Limits::default();
    let line = "<Ligne><Quantite>1</Quantite></Ligne>";
    assert!(guard::outline(&pivot(limits.lines, line), &limits).is_ok());
    let repeats = limits.xml_repeats + 2;
    let elsewhere = pivot(repeats, "<Ligne/>").replace("CPPFacturePivot", "Invoice");
    // One more is too many, and anything else that repeats is bounded as before.
    for text in [pivot(limits.lines + 1, line), pivot(repeats, "<Autre/>"), elsewhere] {
        assert_eq!(guard::outline(&text, &limits).err().map(|fault| fault.code), Some(Code::ContentOverLimit));
    }
}

/// What no rule refuses passes: a document that declares many prefixes at its head, extensions inside extensions.
#[test]
fn unusual_is_not_too_much() {
    let plain = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    let prefixes: String = (0..200).map(|i| format!(" xmlns:n{i}=\"urn:{i}\"")).collect();
    let declaring = plain.replacen("<Invoice ", &format!("<Invoice{prefixes} "), 1);
    let namespace = "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2";
    let (open, close) = ("<x>".repeat(60), "</x>".repeat(60));
    let extension = format!(
        "<e:UBLExtensions xmlns:e=\"{namespace}\"><e:UBLExtension><e:ExtensionContent>{open}{close}</e:ExtensionContent>\
         </e:UBLExtension></e:UBLExtensions><cbc:CustomizationID>"
    );
    let extended = plain.replacen("<cbc:CustomizationID>", &extension, 1);
    for text in [declaring, extended] {
        assert!(text != plain);
        let examined = examine(text.as_bytes(), &Options { sandbox: true, ..Options::default() });
        assert_eq!(examined.verdict, Verdict::Accept, "{:?}", examined.fault);
    }
}

/// The reader of XML skips one mark by itself, so every place would be read three bytes beside.
#[test]
fn a_second_byte_order_mark_is_refused() {
    for text in ["\u{feff}<Invoice/>", "\u{feff}."] {
        assert_eq!(guard::outline(text, &Limits::default()).err().unwrap().code, Code::XmlMalformed, "{text:?}");
        let twice = format!("\u{feff}{text}");
        let wide: Vec<u8> = twice.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [twice.as_bytes(), &wide] {
            assert!(status_file::read_xml(bytes, Language::En).is_err(), "{text:?}");
            assert!(matches!(code(bytes), Code::NotAnInvoice | Code::XmlMalformed), "{text:?}");
        }
    }
}

#[test]
fn the_worst_that_passes_the_guard_ends_soon() {
    let limits = Limits::default();
    // As many true duplicates as may be, which readers compare pair by pair.
    soon(&ubl(&"<cbc:ID>x</cbc:ID>".repeat(limits.xml_repeats)), &Options::default());
    let line = "<cac:InvoiceLine><cbc:ID>1</cbc:ID><cac:Price><cbc:PriceAmount>-1</cbc:PriceAmount></cac:Price></cac:InvoiceLine>";
    let vat = "<cac:TaxSubtotal><cac:TaxCategory><cbc:ID>S</cbc:ID></cac:TaxCategory></cac:TaxSubtotal>"
        .repeat(limits.vat_entries);
    let examined = soon(
        &ubl(&format!("<cac:TaxTotal>{vat}</cac:TaxTotal>{}", line.repeat(limits.lines))),
        &Options { profile: Profile::En16931, ..Options::default() },
    );
    assert_eq!(examined.verdict, Verdict::Reject);
    assert_eq!(examined.findings.len(), limits.findings + 1, "findings are cut, and the cut is said");
    assert!(examined.findings.iter().any(|f| f.rule == "FG-MORE"));
    // So are numbers that are none, where no rule reads them and where one does: each place costs a walk.
    let line = "<cac:InvoiceLine><cbc:InvoicedQuantity>x</cbc:InvoicedQuantity><cbc:LineExtensionAmount>x</cbc:LineExtensionAmount></cac:InvoiceLine>";
    for profile in Profile::ALL {
        let examined = soon(&ubl(&line.repeat(limits.lines)), &Options { profile, ..Options::default() });
        assert_eq!((examined.verdict, examined.findings.len()), (Verdict::Reject, limits.findings + 1));
    }
}

#[test]
fn an_amount_beyond_all_measure_is_a_finding() {
    let text = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    for amount in ["79228162514264337593543950335", "999999999999999", "-999999999999999.99", "1e400", "NaN", "0x10"] {
        let examined = soon(text.replace(">850.00<", &format!(">{amount}<")).as_bytes(), &Options::default());
        assert!(
            examined.findings.iter().any(|f| f.rule == "FG-DECIMAL" || f.rule.starts_with("BR-")) || amount.len() < 20,
            "{amount}"
        );
    }
}

#[test]
fn noise_and_large_blobs() {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(1 << 17)
    .flatten()
    .collect();
    assert_eq!(code(&noise), Code::NotAnInvoice);
    let mut zeros = vec![0_u8; 64 << 20];
    assert_eq!(code(&zeros), Code::NotAnInvoice);
    zeros[0] = b'<';
    assert_eq!(code(&zeros), Code::EncodingWrong, "UTF-16 without its mark");
    zeros[1] = b'a';
    assert_eq!(code(&zeros), Code::XmlMalformed);
    assert_eq!(code(&vec![b'<'; 8 << 20]), Code::XmlMalformed);
    assert_eq!(code(&[b"<a ".to_vec(), vec![b'b'; 8 << 20]].concat()), Code::XmlMalformed);
    assert_eq!(code(&[b"<!--".to_vec(), vec![b'-'; 8 << 20]].concat()), Code::XmlMalformed);
    let limits = Limits { xml_text_bytes: 1 << 20, ..Limits::default() };
    let references = soon(&ubl(&"&amp;".repeat(1 << 18)), &Options { limits, ..Options::default() });
    assert_eq!(references.fault.unwrap().code, Code::ContentOverLimit, "text made of references counts as text");
}

#[test]
fn a_zip_bomb_is_not_even_opened() {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    zip.start_file("facture.xml", options).unwrap();
    for _ in 0..256 {
        zip.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = zip.finish().unwrap().into_inner();
    assert!(bomb.len() < 2 << 20);
    assert_eq!(code(&bomb), Code::KindNotHandled);
}

/// A PDF from its objects, with a classic cross-reference table.
pub(super) fn pdf(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut table = String::from("0000000000 65535 f \n");
    for (index, object) in objects.iter().enumerate() {
        table += &format!("{:010} 00000 n \n", out.len());
        out.extend(format!("{} 0 obj\n", index + 1).into_bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let start = out.len();
    let size = objects.len() + 1;
    out.extend(
        format!("xref\n0 {size}\n{table}trailer\n<</Size {size} /Root 1 0 R {trailer}>>\nstartxref\n{start}\n%%EOF")
            .into_bytes(),
    );
    out
}

pub(super) fn stream(dictionary: &str, content: &[u8]) -> Vec<u8> {
    let mut out = format!("<<{dictionary} /Length {}>>\nstream\n", content.len()).into_bytes();
    out.extend(content);
    out.extend(b"\nendstream");
    out
}

fn squeezed(byte: u8, megabytes: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    for _ in 0..megabytes {
        encoder.write_all(&vec![byte; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap()
}

const CATALOG: &[u8] = b"<</Type/Catalog /Names<</EmbeddedFiles<</Names[(factur-x.xml) 2 0 R]>>>> /AF[2 0 R]>>";
const FILESPEC: &[u8] =
    b"<</Type/Filespec /F(factur-x.xml) /UF(factur-x.xml) /AFRelationship/Alternative /EF<</F 3 0 R>>>>";

#[test]
fn pdfs_without_an_invoice_or_with_a_bad_one() {
    let plain = pdf(&[b"<</Type/Catalog>>".to_vec()], "");
    assert_eq!(code(&plain), Code::PdfWithoutInvoice);
    let with = |content: &[u8]| pdf(&[CATALOG.to_vec(), FILESPEC.to_vec(), stream("/Type/EmbeddedFile", content)], "");
    assert_eq!(code(&with(b"<Invoice>")), Code::XmlMalformed);
    assert_eq!(code(&with(b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>")), Code::XmlForbidden);
    assert_eq!(code(&with(&ubl(&"<a>".repeat(500)))), Code::ContentOverLimit);
    // The right content by our own hand: read, although nothing else of Factur-X is there.
    let examined = soon(&with(sample("facture-cii.xml")), &Options { sandbox: true, ..Options::default() });
    assert_eq!(examined.verdict, Verdict::Accept, "{:?} {:?}", examined.fault, examined.findings);
    assert!(examined.findings.iter().any(|f| f.rule == "FG-PDF"), "a PDF without XMP is worth a word");
    let encrypted = pdf(&[b"<</Type/Catalog>>".to_vec(), b"<</Filter/Standard>>".to_vec()], "/Encrypt 2 0 R");
    assert_eq!(code(&encrypted), Code::NotAnInvoice);
    let good = sample("facture-facturx.pdf");
    assert_eq!(code(&good[..good.len() / 8]), Code::NotAnInvoice, "cut before its first table");
    assert_eq!(code(&good[..good.len() - 60]), Code::NotAnInvoice, "cut in its last table");
}

#[test]
fn pdf_bombs() {
    let bomb = stream("/Type/EmbeddedFile /Filter/FlateDecode", &squeezed(b' ', 256));
    assert!(bomb.len() < 1 << 20);
    assert_eq!(code(&pdf(&[CATALOG.to_vec(), FILESPEC.to_vec(), bomb], "")), Code::ContentOverLimit);

    let twice = stream("/Type/EmbeddedFile /Filter[/FlateDecode/FlateDecode]", &{
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&squeezed(b' ', 1024)).unwrap();
        encoder.finish().unwrap()
    });
    let found = code(&pdf(&[CATALOG.to_vec(), FILESPEC.to_vec(), twice], ""));
    assert!(matches!(found, Code::ContentOverLimit | Code::NotAnInvoice), "{found}");

    // What nobody asks for is not looked at; `hostile_pdf` has those that are asked for.
    let objects = stream("/Type/ObjStm /N 1 /First 4 /Filter/FlateDecode", &squeezed(b' ', 256));
    assert_eq!(code(&pdf(&[CATALOG.to_vec(), objects], "")), Code::PdfWithoutInvoice);

    // A hundred thousand names for one array of a hundred thousand numbers.
    let index: String = (0..100_000).map(|i| format!("{} 0 ", i + 10)).collect();
    let body = format!("{index}[{}]", "1 ".repeat(100_000));
    let shared = stream(&format!("/Type/ObjStm /N 100000 /First {}", index.len()), body.as_bytes());
    assert_eq!(code(&pdf(&[CATALOG.to_vec(), shared], "")), Code::PdfWithoutInvoice);

    // Every entry of the cross-reference table names the same large stream, the catalogue's too.
    let mut many = pdf(&[CATALOG.to_vec(), stream("", &vec![b'x'; 1 << 20])], "");
    let table = many.windows(5).rposition(|w| w == b"xref\n").unwrap();
    let table = many[..table].windows(5).rposition(|w| w == b"xref\n").unwrap_or(table);
    let second = many.windows(8).position(|w| w == b"\n2 0 obj").unwrap() + 1;
    many.truncate(table);
    let rows = format!("{second:010} 00000 n \n").repeat(20_000);
    many.extend(
        format!("xref\n0 20000\n{rows}trailer\n<</Size 20000 /Root 1 0 R>>\nstartxref\n{table}\n%%EOF").into_bytes(),
    );
    assert_eq!(code(&many), Code::NotAnInvoice);

    let nested = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000)).into_bytes();
    let found = code(&pdf(&[CATALOG.to_vec(), nested], ""));
    assert!(matches!(found, Code::PdfWithoutInvoice | Code::NotAnInvoice), "{found}");

    let wide = format!("[{}]", "1 ".repeat(5 << 20)).into_bytes();
    assert_eq!(code(&pdf(&[CATALOG.to_vec(), wide], "")), Code::ContentOverLimit);
}

#[test]
fn time_of_one_invoice_is_printed() {
    let text = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    let (head, lines) = text.split_at(text.find("  <cac:InvoiceLine>").unwrap());
    let lines = lines.strip_suffix("</Invoice>\n").unwrap();
    let large = format!("{head}{}</Invoice>\n", lines.repeat(7));
    let options = Options { profile: Profile::En16931, ..Options::default() };
    let started = Instant::now();
    for _ in 0..100 {
        examine(large.as_bytes(), &options);
    }
    println!("examine: {} bytes of UBL in {:?} (mean of 100, development build)", large.len(), started.elapsed() / 100);
    let facturx = sample("facture-facturx.pdf");
    let started = Instant::now();
    for _ in 0..100 {
        examine(facturx, &options);
    }
    println!("examine: {} bytes of Factur-X in {:?}", facturx.len(), started.elapsed() / 100);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let examined = examine(&bytes, &Options::default());
        prop_assert_eq!(examined.verdict, Verdict::Reject);
    }

    #[test]
    fn random_xml_never_panics(text in "(<|>|/|a|b:c| |=|\"|'|&|;|#|!|\\[|\\]|-|\\?|xml|é|CDATA){0,200}") {
        examine(format!("<a{text}").as_bytes(), &Options::default());
    }

    #[test]
    fn mutated_samples_never_panic(
        which in 0..SAMPLES.len(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..12),
        profile in 0..3_usize,
    ) {
        let mut bytes = SAMPLES[which].1.to_vec();
        for (place, byte, kind) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => {
                    let end = (at + usize::from(byte)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
        }
        let options = Options { profile: Profile::ALL[profile], ..Options::default() };
        let examined = examine(&bytes, &options);
        prop_assert_eq!(examined.fault.is_some(), examined.verdict == Verdict::Reject);
        prop_assert_eq!(examined.clone(), examine(&bytes, &options));
    }
}

/// As many different elements as may be: what is told of them is found in one pass, and the image lists the first of them.
#[test]
fn many_unknown_elements_are_told_in_time_with_their_number() {
    let strange = |count: usize| (0..count).map(|i| format!("<e{i}>x</e{i}>")).collect::<String>();
    let pivot = include_str!("../../../tests/fuzz/seeds/pivot/v2_02.xml");
    let told = |count: usize| {
        let text =
            pivot.replace("</CPPFacturePivotUnitaire>", &format!("{}</CPPFacturePivotUnitaire>", strange(count)));
        let started = Instant::now();
        let made = pivot_conversion::convert(text.as_bytes(), &Limits::default()).unwrap().remove(0).unwrap();
        let last = made.lost.last().unwrap().clone();
        (started.elapsed(), last)
    };
    let ((few, _), (many, last)) = (told(5_000), told(80_000));
    println!("5,000 unknown elements: {few:?}; 80,000: {many:?}");
    assert!(last.place.starts_with("… (+"), "{last:?}");
    // Sixteen times as many: quadratic would be 256 times as long.
    assert!(many < few * 80 + Duration::from_millis(500), "{few:?} -> {many:?}");

    let text = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    let text = text.replace("</Invoice>", &format!("{}</Invoice>", strange(3_000)));
    let making = Making { day: "2026-11-26", maker: "Fluxgate" };
    let source = Source { name: "facture.xml", bytes: text.as_bytes() };
    let image =
        image::images(source, making, &Options { sandbox: true, ..Options::default() }).unwrap().remove(0).unwrap();
    println!("3,000 unknown elements: an image of {} bytes", image.pdf.len());
    assert!(image.pdf.len() < 2 << 20, "the list is cut");
}
