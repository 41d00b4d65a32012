//! Factur-X written, read again as anybody's, and with tools of others: qpdf and poppler.

use std::path::Path;
use std::process::Command;

use super::corpus::{Official, mini};
use super::render::{replaced, tool, ubl};
use super::sample;
use crate::fault::{Code, Fault, Language};
use crate::invoice::conversion::{Converted, Source, Target, convert, convert_around};
use crate::invoice::image::{Making, images};
use crate::invoice::{Limits, Options, Profile, Syntax, Verdict, container, examine};

const DAY: &str = "2026-11-26";

fn to(target: Target, name: &str, bytes: &[u8]) -> Result<Converted, Fault> {
    convert(Source { name, bytes }, target, DAY, &Options::default()).map(|mut all| all.remove(0))
}

pub(super) fn facturx(name: &str, bytes: &[u8]) -> Converted {
    to(Target::FacturX, name, bytes).unwrap_or_else(|fault| panic!("{name}: {fault:?}"))
}

fn around(pages: &[u8]) -> Result<Vec<u8>, Fault> {
    let source = Source { name: "facture-ubl.xml", bytes: sample("facture-ubl.xml") };
    convert_around(source, pages, DAY, &Options::default()).map(|mut all| all.remove(0).bytes)
}

/// The readable image of the UBL sample, as `render` makes it.
fn pages() -> Vec<u8> {
    let making = Making { day: DAY, maker: "Fluxgate" };
    let source = Source { name: "facture-ubl.xml", bytes: sample("facture-ubl.xml") };
    images(source, making, &Options::default()).unwrap().remove(0).unwrap().pdf
}

/// The PDF with the bytes replaced by as many others.
fn patched(pdf: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = pdf.windows(from.len()).position(|window| window == from.as_bytes()).expect("it is there");
    [&pdf[..at], to.as_bytes(), &pdf[at + from.len()..]].concat()
}

/// The pages with a file of that name attached.
fn with_order(pages: &[u8]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let order = dir.path().join("order-x.xml");
    std::fs::write(&order, b"<a/>").unwrap();
    by_qpdf(pages, &["--add-attachment", order.to_str().unwrap(), "--"])
}

/// What qpdf makes of a PDF.
pub(super) fn by_qpdf(pdf: &[u8], words: &[&str]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("in.pdf"), dir.path().join("out.pdf"));
    std::fs::write(&from, pdf).unwrap();
    let made = Command::new("qpdf").args(words).args([&from, &to]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    std::fs::read(to).unwrap()
}

fn inside(pdf: &[u8], name: &str) -> Vec<u8> {
    let (xml, container) = container::open(pdf, &Limits::default()).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
    assert_eq!((container.doubts, container.divergences), (vec![], vec![]), "{name}");
    xml
}

/// Sound for qpdf; poppler finds these files, and in the first one the payload.
fn is_sound(pdf: &[u8], payload: &[u8], files: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("facturx.pdf");
    std::fs::write(&file, pdf).unwrap();
    let checked = tool("qpdf", &["--check"], &file);
    assert!(checked.contains("No syntax or stream encoding errors found"), "{checked}");
    let listed = tool("pdfdetach", &["-list"], &file);
    assert!(listed.starts_with(&format!("{} embedded files", files.len())), "{files:?}: {listed}");
    for name in files {
        assert!(listed.contains(&format!(": {name}\n")), "{name}: {listed}");
    }
    let out = dir.path().join("out.xml");
    tool("pdfdetach", &["-savefile", files[0], "-o", out.to_str().unwrap()], &file);
    assert!(std::fs::read(&out).unwrap() == payload, "byte for byte");
}

fn text_of(pdf: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.pdf");
    std::fs::write(&file, pdf).unwrap();
    tool("pdftotext", &["-enc", "UTF-8"], &file)
}

fn meta_of(pdf: &[u8], dir: &Path) -> String {
    let file = dir.join("x.pdf");
    std::fs::write(&file, pdf).unwrap();
    tool("pdfinfo", &["-meta"], &file)
}

/// Which rules have something to say, but for the one that towards firms a CII goes in a PDF.
fn remarks(bytes: &[u8], profile: Profile) -> Vec<String> {
    let examined = examine(bytes, &Options { profile, sandbox: true, ..Options::default() });
    examined.findings.into_iter().map(|finding| finding.rule).filter(|rule| rule != "G2B-SYNTAX").collect()
}

#[test]
fn the_bases_become_factur_x_that_says_the_same_and_contradicts_itself_in_nothing() {
    const HELD_AGAINST_TOOLS: usize = 8;
    let Some(files) = mini() else { return };
    let verdicts = String::from_utf8(files["verdicts.jsonl"].clone()).unwrap();
    let bases = verdicts.lines().map(|line| serde_json::from_str::<Official>(line).unwrap());
    let bases: Vec<Official> = bases.filter(|official| official.kind == "base").collect();
    assert!(bases.len() >= 56, "{}", bases.len());
    for (at, base) in bases.iter().enumerate() {
        let (name, bytes) = (&base.file, &files[&base.file]);
        let made = facturx(name, bytes);
        assert_eq!((&made.lost, &made.readings), (&vec![], &vec![]), "{name}");
        let payload = match base.syntax.as_str() {
            "cii" => bytes.clone(),
            _ => to(Target::Cii, name, bytes).unwrap().bytes,
        };
        assert!(inside(&made.bytes, name) == payload, "{name}");
        for profile in [Profile::En16931, Profile::G2b] {
            assert_eq!(remarks(&made.bytes, profile), remarks(&payload, profile), "{name} by {profile}");
        }
        let examined = examine(&made.bytes, &Options { profile: Profile::En16931, ..Options::default() });
        assert_eq!((examined.syntax, examined.verdict), (Some(Syntax::FacturX), Verdict::Accept), "{name}");
        if at % HELD_AGAINST_TOOLS < 2 {
            let attached: &[&str] = if base.syntax == "cii" { &["factur-x.xml"] } else { &["factur-x.xml", name] };
            is_sound(&made.bytes, &payload, attached);
        }
    }
}

#[test]
fn the_pages_are_the_readable_image_and_the_same_makes_the_same_bytes() {
    let (of_ubl, of_cii) = (sample("facture-ubl.xml"), sample("facture-cii.xml"));
    let made = facturx("facture-ubl.xml", of_ubl);
    assert!(made.bytes == facturx("facture-ubl.xml", of_ubl).bytes, "the same makes the same bytes");
    let source = Source { name: "facture-ubl.xml", bytes: of_ubl };
    let later = convert(source, Target::FacturX, "2026-11-27", &Options::default()).unwrap().remove(0);
    assert!(later.bytes != made.bytes, "the day is in it");
    let read = text_of(&made.bytes);
    assert!(read.contains("l'original fait foi") && read.contains("facture-ubl.xml ("), "{read}");
    // A CII is in it once: as the invoice.
    let made = facturx("facture-cii.xml", of_cii);
    is_sound(&made.bytes, of_cii, &["factur-x.xml"]);
    let read = text_of(&made.bytes).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(read.contains("joint à ce document sous le nom factur-x.xml"), "{read}");
    let again = to(Target::FacturX, "f.pdf", &made.bytes).unwrap_err();
    assert_eq!(again.code, Code::ConversionNeedless);
    assert!(again.title(Language::Fr).contains("déjà en facturx"), "{again:?}");
    assert!(to(Target::Cii, "f.pdf", &made.bytes).unwrap().bytes == of_cii, "and out again");
}

#[test]
fn a_given_pdfa_3_carries_the_invoice_behind_its_own_bytes() {
    let pages = pages();
    let payload = to(Target::Cii, "f", sample("facture-ubl.xml")).unwrap().bytes;
    // With a table of references and with a stream of them; metadata compressed; bytes before the signature.
    let streams = by_qpdf(&pages, &["--object-streams=generate"]);
    assert!(!streams.windows(5).any(|window| window == b"\nxref"), "a stream of references");
    let squeezed = by_qpdf(&pages, &["--recompress-flate", "--compress-streams=y", "--linearize"]);
    for given in [&pages, &streams, &squeezed] {
        let made = around(given).unwrap_or_else(|fault| panic!("{}", fault.title(Language::En)));
        assert!(made.starts_with(given), "its bytes are unchanged");
        assert!(inside(&made, "given") == payload);
        is_sound(&made, &payload, &["factur-x.xml", "facture-ubl.xml"]);
        assert_eq!(text_of(&made), text_of(given), "its pages are what they were");
        // Once, and nothing more.
        let fault = around(&made).unwrap_err();
        assert!(fault.title(Language::Fr).contains("porte déjà une facture, « factur-x.xml »"), "{fault:?}");
    }
    let made = around(&[b"\n\n", &pages[..]].concat()).unwrap();
    assert!(made.starts_with(b"%PDF-"), "a PDF/A begins with its first byte");
    is_sound(&made, &payload, &["factur-x.xml", "facture-ubl.xml"]);
}

#[test]
fn pages_that_cannot_carry_an_invoice_are_refused_and_say_why() {
    let pages = pages();
    let signed = [&pages[..], b"\n%/ByteRange [0 20 40 60]\n"].concat();
    for (given, why) in [
        (b"<Invoice/>".to_vec(), "it is no PDF"),
        (Vec::new(), "it is no PDF"),
        (pages[..pages.len() / 2].to_vec(), "damaged or cut"),
        (patched(&pages, "/Metadata ", "/Metadatx "), "does not claim to be a PDF/A-3"),
        (patched(&pages, "<pdfaid:part>3<", "<pdfaid:part>1<"), "claims PDF/A-1"),
        (patched(&pages, "http://www.aiim.org/pdfa/ns/id/", "http://www.aiim.org/pdfa/ns/ie/"), "does not claim"),
        (by_qpdf(&pages, &["--encrypt", "", "owner", "256", "--"]), "encrypted"),
        (signed, "it is signed"),
        (sample("facture-facturx.pdf").to_vec(), "carries an invoice already, \"factur-x.xml\""),
        (patched(sample("facture-facturx.pdf"), "/EmbeddedFiles", "/EmbeddedFilex"), "already"),
        (with_order(&pages), "it carries an Order-X order already, \"order-x.xml\""),
    ] {
        let fault = around(&given).expect_err(why);
        assert_eq!(fault.code, Code::PagesUnfit, "{why}: {fault:?}");
        assert!(fault.title(Language::En).contains(why), "{why}: {}", fault.title(Language::En));
    }
    let limits = Limits { pdf_bytes: 1000, ..Limits::default() };
    let small = Options { limits, ..Options::default() };
    let source = Source { name: "f.xml", bytes: sample("facture-ubl.xml") };
    let fault = convert_around(source, &pages, DAY, &small).unwrap_err();
    let title = fault.title(Language::En);
    assert!(title.ends_with(": content over a limit: PDF size (at most 1000)"), "{title}");
}

#[test]
fn damaged_pages_end_in_a_word_or_in_a_sound_factur_x() {
    const CHANGES: usize = 40;
    let pages = pages();
    let (mut made, mut refused) = (0, 0);
    for nth in 0..CHANGES {
        // Most of them where the structure is, at the end.
        let mut damaged = pages.clone();
        let at = damaged.len() - 1 - (nth * 7919) % (damaged.len() / 4);
        damaged[at] = damaged[at].wrapping_add(1 + u8::try_from(nth).unwrap());
        match around(&damaged) {
            Ok(pdf) => {
                inside(&pdf, &format!("change {nth}"));
                made += 1;
            }
            Err(fault) => {
                assert_eq!(fault.code, Code::PagesUnfit, "change {nth}: {fault:?}");
                refused += 1;
            }
        }
    }
    println!("made: {made}, refused: {refused}");
    assert!(made > 0 && refused > 0, "made: {made}, refused: {refused}");
}

#[test]
fn the_level_is_what_the_invoice_says_and_a_strange_one_is_refused() {
    let cii = String::from_utf8(sample("facture-cii.xml").to_vec()).unwrap();
    let start = cii.find("urn:cen.eu:en16931:2017").unwrap();
    let end = start + cii[start..].find('<').unwrap();
    let of = |specification: &str| replaced(&cii, &cii[start..end], specification);
    let dir = tempfile::tempdir().unwrap();
    for (specification, level, relationship, name) in [
        ("urn:cen.eu:en16931:2017 ", "EN 16931", "Alternative", "factur-x.xml"),
        ("urn:cen.eu:en16931:2017#compliant#urn:factur-x.eu:1p0:basic", "BASIC", "Alternative", "factur-x.xml"),
        ("urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended", "EXTENDED", "Alternative", "factur-x.xml"),
        ("urn:factur-x.eu:1p0:basicwl", "BASIC WL", "Data", "factur-x.xml"),
        ("urn:factur-x.eu:1p0:minimum", "MINIMUM", "Data", "factur-x.xml"),
        (
            "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0",
            "XRECHNUNG",
            "Alternative",
            "xrechnung.xml",
        ),
    ] {
        let text = of(specification);
        let made = facturx("f.xml", text.as_bytes());
        is_sound(&made.bytes, text.as_bytes(), &[name]);
        let meta = meta_of(&made.bytes, dir.path());
        assert!(
            meta.contains(&format!("<fx:ConformanceLevel>{level}</fx:ConformanceLevel>")),
            "{specification}: {meta}"
        );
        assert!(meta.contains(&format!("<fx:DocumentFileName>{name}<")), "{specification}: {meta}");
        assert_eq!(meta.matches("<pdfaExtension:schemas>").count(), 1, "{meta}");
        let tail = String::from_utf8_lossy(&made.bytes[made.bytes.len() / 2..]).into_owned();
        assert!(tail.contains(&format!("/AFRelationship/{relationship}")), "{specification}");
        assert!(
            tail.contains("/Subtype/text#2Fxml") && tail.contains("/ModDate(D:20261126000000Z)"),
            "{specification}"
        );
    }
    let fault = to(Target::FacturX, "f.xml", of("urn:other").as_bytes()).unwrap_err();
    assert!(fault.title(Language::Fr).contains("« urn:other » (BT-24)"), "{fault:?}");
}

#[test]
fn an_original_of_another_coding_or_name_is_not_taken_for_the_invoice() {
    let made = facturx("Factur-X.xml", ubl().as_bytes());
    let payload = to(Target::Cii, "f", ubl().as_bytes()).unwrap().bytes;
    is_sound(&made.bytes, &payload, &["factur-x.xml", "original-Factur-X.xml"]);
    let cii = String::from_utf8(sample("facture-cii.xml").to_vec()).unwrap();
    let body = cii.split_once("?>").map_or(cii.as_str(), |(_, body)| body);
    let text = format!("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>{body}");
    let (latin, _, lossy) = encoding_rs::WINDOWS_1252.encode(&text);
    assert!(!lossy && latin.len() < text.len(), "it has letters beyond ASCII");
    let made = facturx("facture.xml", &latin);
    let payload = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{body}");
    is_sound(&made.bytes, payload.as_bytes(), &["factur-x.xml", "facture.xml"]);
    assert!(made.lost.is_empty() && made.readings[0].en.contains("attached in UTF-8"), "{:?}", made.readings);
}

#[test]
fn a_pivot_becomes_factur_x_with_the_pivot_beside_the_invoice() {
    let pivot = to(Target::Pivot, "facture.xml", sample("facture-ubl.xml")).unwrap().bytes;
    let made = facturx("pivot.xml", &pivot);
    let payload = to(Target::Cii, "pivot.xml", &pivot).unwrap();
    assert_eq!((&made.number, &made.lost, &made.readings), (&payload.number, &payload.lost, &payload.readings));
    is_sound(&made.bytes, &payload.bytes, &["factur-x.xml", "pivot.xml"]);
    assert!(text_of(&made.bytes).contains("pivot.xml ("));
    let wrong = to(Target::FacturX, "f.xml", sample("facture-totaux-faux.xml")).unwrap_err();
    assert_eq!(wrong.code, Code::RulesFailed, "what is refused is not converted: {wrong:?}");
}
