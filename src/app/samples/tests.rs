//! The samples are what they claim; the Factur-X one is made here, from `tests/fixtures/facturx-source.xml`.

use std::time::{Duration, SystemTime};

use en16931::profiles::En16931;
use en16931::validation::profile::Validated;
use en16931_formats::zugferd::{EmbedOptions, embed};
use lopdf::{Dictionary, Document, Object, Stream, StringFormat, dictionary};

use super::{Expect, SAMPLES};
use crate::domain::InvoiceNumber;
use crate::invoice::{Options, Profile, Severity, Syntax, Verdict, examine};

#[test]
fn samples_are_what_they_claim() {
    let mut numbers = std::collections::BTreeSet::new();
    for sample in SAMPLES {
        for profile in Profile::ALL {
            let options = Options { profile, sandbox: true, ..Options::default() };
            let examined = examine(sample.bytes, &options);
            let facts = examined.facts.unwrap_or_else(|| panic!("{}: {:?}", sample.name, examined.fault));
            // They go from a firm to a public body: towards firms the reform's own notices and addresses are missing.
            let wanted = if sample.expect == Expect::RefusedByCheck || profile == Profile::G2b {
                Verdict::Reject
            } else {
                Verdict::Accept
            };
            if sample.expect != Expect::RefusedByCheck && examined.syntax != Some(Syntax::Cii) {
                let fatal = examined.findings.iter().filter(|f| f.severity == Severity::Fatal);
                let other: Vec<_> = fatal.filter(|f| !f.rule.starts_with("BR-FR-")).collect();
                assert!(other.is_empty(), "{} {profile}: {other:?}", sample.name);
            }
            assert_eq!(examined.verdict, wanted, "{} {profile}: {:?}", sample.name, examined.findings);
            assert_eq!(facts.supplier, "12345678200051", "{}", sample.name);
            if wanted == Verdict::Accept {
                // Nothing but the qualification data set's check digits is to be said about a good sample.
                let other: Vec<_> = examined.findings.iter().filter(|f| !f.rule.ends_with("-SIRET-KEY")).collect();
                assert!(other.is_empty(), "{} {profile}: {other:?}", sample.name);
                assert_eq!(facts.recipient.len(), 14, "{}", sample.name);
            }
            numbers.insert(facts.number);
        }
    }
    assert_eq!(numbers.len(), SAMPLES.len(), "each sample has a number of its own");
    let number: InvoiceNumber = "FA-PERDUE-01".parse().unwrap();
    assert!(numbers.contains(&Some(number)));
}

#[test]
fn facts_of_the_samples() {
    let facts = |name: &str| {
        let sample = SAMPLES.iter().find(|s| s.name == name).unwrap();
        let examined = examine(sample.bytes, &Options { sandbox: true, ..Options::default() });
        (examined.syntax.unwrap(), examined.facts.unwrap())
    };
    let (syntax, ubl) = facts("facture-ubl.xml");
    assert_eq!(syntax, Syntax::UblInvoice);
    assert_eq!(ubl.number.unwrap().as_str(), "FA-2026-0101");
    assert_eq!((ubl.type_code.as_str(), ubl.issue_date.as_deref()), ("380", Some("2026-11-16")));
    assert_eq!(ubl.recipient, "11000201100044");
    assert_eq!((ubl.payable.as_deref(), ubl.currency.as_deref()), (Some("3420.00"), Some("EUR")));
    assert_eq!(ubl.frame.as_deref(), Some("A1"));
    let (syntax, credit) = facts("avoir-ubl.xml");
    assert_eq!((syntax, credit.type_code.as_str()), (Syntax::UblCreditNote, "381"));
    let (syntax, cii) = facts("facture-cii.xml");
    assert_eq!((syntax, cii.engagement.as_deref()), (Syntax::Cii, Some("4500098765")));
    assert_eq!((cii.recipient.as_str(), cii.payable_text().as_deref()), ("12345678200036", Some("1536.00 EUR")));
    let (syntax, facturx) = facts("facture-facturx.pdf");
    assert_eq!((syntax, facturx.service_code.as_deref()), (Syntax::FacturX, Some("LABO-CHIMIE")));
    assert_eq!(facturx.recipient, "12345678200028");
    assert!(facturx.attachments.is_empty(), "the invoice itself is no attachment");
}

#[test]
fn a_check_digit_blocks_in_production_only() {
    let sample = SAMPLES.iter().find(|s| s.expect == Expect::RejectedByChorus).unwrap();
    let key = |examined: &crate::invoice::Examined| {
        examined.findings.iter().find(|f| f.rule == "CPRO-BUYER-SIRET-KEY").map(|f| f.severity)
    };
    let production = examine(sample.bytes, &Options::default());
    assert_eq!((production.verdict, key(&production)), (Verdict::Reject, Some(Severity::Fatal)));
    let practice = examine(sample.bytes, &Options { sandbox: true, ..Options::default() });
    assert_eq!((practice.verdict, key(&practice)), (Verdict::Accept, Some(Severity::Warning)));
    let warned = examine(sample.bytes, &Options { block: false, ..Options::default() });
    assert_eq!((warned.verdict, &warned.fault), (Verdict::Accept, &None));
    assert_eq!(warned.findings, production.findings, "what is found does not depend on what it leads to");
}

/// 2026-11-16 08:00 UTC: the file must come out the same every time.
const MADE_AT_SECONDS: u64 = 1_794_816_000;

/// A page that says what the invoice says, tagged PDF/A-3. Its font is Helvetica by name, not embedded: a strict PDF/A
/// checker minds, readers of Factur-X do not.
fn page(lines: &[String]) -> Vec<u8> {
    let mut pdf = Document::with_version("1.7");
    let pages = pdf.new_object_id();
    let font = pdf.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding",
    });
    let mut content = b"BT /F1 11 Tf 60 780 Td 18 TL\n".to_vec();
    for line in lines {
        let (encoded, _, _) = encoding_rs::WINDOWS_1252.encode(line);
        content.push(b'<');
        content.extend(encoded.iter().flat_map(|b| format!("{b:02X}").into_bytes()));
        content.extend(b"> Tj T*\n");
    }
    content.extend(b"ET\n");
    let content = pdf.add_object(Stream::new(Dictionary::new(), content));
    let leaf = pdf.add_object(dictionary! {
        "Type" => "Page", "Parent" => pages, "Contents" => content,
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
        "Resources" => dictionary! { "Font" => dictionary! { "F1" => font } },
    });
    pdf.set_object(pages, dictionary! { "Type" => "Pages", "Count" => 1, "Kids" => vec![leaf.into()] });
    let xmp = concat!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n",
        "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n",
        "<rdf:Description rdf:about=\"\" xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\">",
        "<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance></rdf:Description>\n",
        "</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>",
    );
    let meta = dictionary! { "Type" => "Metadata", "Subtype" => "XML" };
    let meta = pdf.add_object(Stream::new(meta, xmp.as_bytes().to_vec()).with_compression(false));
    let catalog = pdf.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages, "Metadata" => meta });
    pdf.trailer.set("Root", catalog);
    let id = || Object::String(b"fluxgate-sample1".to_vec(), StringFormat::Hexadecimal);
    pdf.trailer.set("ID", vec![id(), id()]);
    let mut bytes = Vec::new();
    pdf.save_to(&mut bytes).unwrap();
    bytes
}

/// The committed file is what this makes; `FLUXGATE_WRITE_SAMPLES=1` writes it anew.
#[test]
fn the_facturx_sample_is_made_here() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read(root.join("tests/fixtures/facturx-source.xml")).unwrap();
    let invoice = en16931_formats::read(&source).unwrap().invoice;
    let totals = &invoice.totals;
    let lines = [
        format!("FACTURE {}", invoice.number.as_deref().unwrap()),
        format!("du {}", invoice.issue_date.unwrap()),
        format!("Vendeur : {}", invoice.seller.name.as_deref().unwrap()),
        format!("Client : {}", invoice.buyer.name.as_deref().unwrap()),
        format!("Total hors taxes : {} EUR", totals.taxable_total),
        format!("Total TTC : {} EUR", totals.gross_total),
        format!("Net à payer : {} EUR", totals.due),
    ];
    let validated = Validated::<En16931>::new(invoice).expect("the source is a valid invoice");
    let modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(MADE_AT_SECONDS));
    let made = embed(&page(&lines), &validated, &EmbedOptions { modified, ..EmbedOptions::default() }).unwrap();
    let path = root.join("src/app/samples/facture-facturx.pdf");
    if std::env::var_os("FLUXGATE_WRITE_SAMPLES").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert!(std::fs::read(&path).unwrap() == made, "run with FLUXGATE_WRITE_SAMPLES=1 and commit the PDF");
}
