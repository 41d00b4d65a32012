//! PDFs whose structure is made to hurt or to mislead, and those that are only unusual; each was once fatal, read wrongly or
//! refused. Sound ones are held against another reader.

use std::collections::BTreeMap;
use std::io::Write as _;

use en16931_formats::zugferd;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;

use super::facturx::{by_qpdf, facturx};
use super::hostile::{pdf, soon, stream};
use super::render::{replaced, ubl};
use super::sample;
use crate::fault::{Code, Language};
use crate::invoice::conversion::{Source, Target, convert};
use crate::invoice::pdf_file::{PdfFile, Want};
use crate::invoice::semantic;
use crate::invoice::{Examined, Limits, Options, Verdict, container, examine};

fn read(bytes: &[u8]) -> Examined {
    soon(bytes, &Options { sandbox: true, language: Language::Fr, ..Options::default() })
}

fn code(bytes: &[u8]) -> Code {
    read(bytes).fault.unwrap().code
}

/// The number of the invoice that is read, with what is said of the PDF.
fn accepted(bytes: &[u8]) -> (String, Vec<String>) {
    let examined = read(bytes);
    assert_eq!(examined.verdict, Verdict::Accept, "{:?} {:?}", examined.fault, examined.findings);
    let said = examined.findings.into_iter().filter(|finding| finding.rule == "FG-PDF").map(|finding| finding.message);
    (examined.facts.unwrap().number.unwrap().as_str().to_owned(), said.collect())
}

fn squeezed(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn cii() -> Vec<u8> {
    sample("facture-cii.xml").to_vec()
}

fn number() -> String {
    accepted(&carrying(&[("factur-x.xml", cii())])).0
}

/// The same invoice with another number.
fn other_cii() -> Vec<u8> {
    let text = String::from_utf8(cii()).unwrap();
    replaced(&text, &format!(">{}<", number()), ">AUTRE-9<").into_bytes()
}

fn specification(name: &str, stream: usize) -> Vec<u8> {
    format!("<</Type/Filespec/F({name})/UF({name})/AFRelationship/Alternative/EF<</F {stream} 0 R>>>>").into_bytes()
}

/// A PDF that carries these files, listed and associated.
fn carrying(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let content: Vec<Vec<u8>> = files.iter().map(|(_, content)| stream("/Type/EmbeddedFile", content)).collect();
    carrying_streams(&files.iter().map(|(name, _)| *name).collect::<Vec<_>>(), &content)
}

fn carrying_streams(names: &[&str], streams: &[Vec<u8>]) -> Vec<u8> {
    let (mut listed, mut associated, mut objects) = (String::new(), String::new(), vec![Vec::new()]);
    for (at, (name, content)) in names.iter().zip(streams).enumerate() {
        listed += &format!("({at}){} 0 R", 2 * at + 2);
        associated += &format!("{} 0 R ", 2 * at + 2);
        objects.push(specification(name, 2 * at + 3));
        objects.push(content.clone());
    }
    objects[0] = format!("<</Type/Catalog/AF[{associated}]/Names<</EmbeddedFiles<</Names[{listed}]>>>>>>").into_bytes();
    pdf(&objects, "")
}

/// A PDF whose cross-reference is a stream.
#[derive(Default)]
struct Streamed {
    out: Vec<u8>,
    rows: BTreeMap<u32, (u8, usize)>,
}

impl Streamed {
    fn new() -> Self {
        Self { out: b"%PDF-1.7\n".to_vec(), ..Self::default() }
    }

    fn object(&mut self, number: u32, body: &[u8]) {
        self.rows.insert(number, (1, self.out.len()));
        self.out.extend(format!("{number} 0 obj\n").into_bytes());
        self.out.extend(body);
        self.out.extend(b"\nendobj\n");
    }

    fn packed(&mut self, number: u32, stream: usize) {
        self.rows.insert(number, (2, stream));
    }

    fn finish(mut self) -> Vec<u8> {
        let size = self.rows.keys().max().unwrap() + 2;
        let (number, start) = (size - 1, self.out.len());
        self.rows.insert(number, (1, start));
        let mut rows = Vec::new();
        for number in 0..size {
            let (kind, place) = self.rows.get(&number).copied().unwrap_or_default();
            rows.push(kind);
            rows.extend(u32::try_from(place).unwrap().to_be_bytes());
            rows.extend([0, 0]);
        }
        let head = format!("/Type/XRef/Size {size}/W[1 4 2]/Root 1 0 R/Filter/FlateDecode");
        self.object(number, &stream(&head, &squeezed(&rows)));
        self.out.extend(format!("startxref\n{start}\n%%EOF\n").into_bytes());
        self.out
    }
}

#[test]
fn numbers_in_cross_reference_streams_are_not_believed() {
    let of = |words: &str, content: &[u8]| {
        let mut out = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n".to_vec();
        let start = out.len();
        out.extend(b"3 0 obj\n");
        out.extend(stream(&format!("/Type/XRef/Root 1 0 R{words}"), content));
        out.extend(format!("\nendobj\nstartxref\n{start}\n%%EOF\n").into_bytes());
        out
    };
    for words in [
        "/Size 1/W[1 8796093022208 1]/Index[0 1]",
        "/Size 4000000000/W[0 0 0]/Index[0 4000000000]",
        "/Size 4000000000/W[1 1 1]",
        "/Size 1/W[1 1 1]/Index[4294967296 1]",
        "/Size 1/W[1 1 1]/Index[-1 1]",
        "/Size 1/W[]",
        "/Size 1/W[9 9 9]",
        "/W[1 1 1]",
        "/Size 1/W[1 1 1]/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 9999999999>>",
    ] {
        assert_eq!(code(&of(words, b"abc")), Code::NotAnInvoice, "{words}");
    }
    let encrypted = of("/Size 1/W[1 1 1]/Encrypt 9 0 R", &[0, 0, 0]);
    assert!(read(&encrypted).fault.unwrap().title(Language::Fr).contains("chiffré"));
    // In the data of a stream, where no look at the file's own words would find it.
    let hidden = of("/Size 10/W[1 8796093022208 1]", b"abc");
    let inside = String::from_utf8(hidden).unwrap().replace("<</Type/Catalog>>", "<</Length 9>>\nstream\n");
    assert_eq!(code(inside.as_bytes()), Code::NotAnInvoice);
}

#[test]
fn a_length_that_leads_to_lengths_is_not_followed() {
    const LONG: usize = 8_000;
    let mut objects = vec![
        b"<</Type/Catalog/AF[2 0 R]/Names<</EmbeddedFiles<</Names[(a)2 0 R]>>>>>>".to_vec(),
        specification("factur-x.xml", 3),
    ];
    objects.push([b"<</Length 4 0 R>>stream\n", &cii()[..], b"\nendstream"].concat());
    for number in 4..LONG {
        objects.push(format!("<</Length {} 0 R>>stream\n\nendstream", number + 1).into_bytes());
    }
    objects.push(b"0".to_vec());
    assert_eq!(accepted(&pdf(&objects, "")).0, number());
    // Streams whose length stands in an object stream, whose length stands in itself.
    let mut streamed = Streamed::new();
    streamed.object(1, &objects[0]);
    streamed.object(2, &objects[1]);
    streamed.object(3, &objects[2]);
    streamed.packed(4, 5);
    streamed.object(5, b"<</Type/ObjStm/N 1/First 4/Length 4 0 R>>stream\n4 0 7\nendstream");
    assert_eq!(accepted(&streamed.finish()).0, number());
}

#[test]
fn an_object_stream_is_inflated_once_for_all_who_ask() {
    let large = 7_000_000;
    let index = "9 0 10 2 ";
    let content = [index.as_bytes(), b"0 (", &vec![b'a'; large], b")"].concat();
    let packed = squeezed(&content);
    let mut streamed = Streamed::new();
    let files: Vec<u32> = (0..90).map(|at| 20 + 2 * at).collect();
    let listed: String = files.iter().map(|number| format!("{number} 0 R ")).collect();
    streamed.object(1, format!("<</Type/Catalog/AF[{listed}]>>").as_bytes());
    streamed.object(4, &stream(&format!("/Type/ObjStm/N 2/First {}/Filter/FlateDecode", index.len()), &packed));
    streamed.packed(9, 4);
    for number in files {
        streamed.object(number, &specification("a.txt", usize::try_from(number).unwrap() + 1));
        streamed.object(number + 1, b"<</Length 9 0 R>>stream\n\nendstream");
    }
    assert_eq!(code(&streamed.finish()), Code::PdfWithoutInvoice);
    // Too large, and asked for.
    let mut streamed = Streamed::new();
    let bomb = squeezed(&vec![b' '; 64 << 20]);
    streamed.packed(1, 2);
    streamed.object(2, &stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", &bomb));
    assert_eq!(code(&streamed.finish()), Code::ContentOverLimit);
}

/// Many numbers for one place: read again and again, it is too much.
#[test]
fn objects_that_share_their_bytes_are_bounded_together() {
    let many: u32 = 1_000;
    let listed: String = (3..many).map(|number| format!("{number} 0 R ")).collect();
    for body in [format!("({})", "a".repeat(1 << 20)), format!("[{}]", "1 ".repeat(1 << 18))] {
        let mut streamed = Streamed::new();
        streamed.object(1, format!("<</Type/Catalog/AF[{listed}]>>").as_bytes());
        streamed.object(2, body.as_bytes());
        let (_, place) = streamed.rows[&2];
        for number in 3..many {
            streamed.rows.insert(number, (1, place));
        }
        assert_eq!(code(&streamed.finish()), Code::ContentOverLimit);
        // In an object stream, all at the same place of it; blanks that are none of PDF's, and comments, change nothing.
        for (blank, first) in [(" ", ""), ("%[\n", ""), (" ", "%)(\n")] {
            let index: String = (3..many).map(|number| format!("{number}{blank}0{blank}")).collect();
            let mut streamed = Streamed::new();
            streamed.object(1, format!("<</Type/Catalog/AF[{listed}]>>").as_bytes());
            let content = format!("{index}{first}{body}");
            streamed.object(2, &stream(&format!("/Type/ObjStm/N {many}/First {}", index.len()), content.as_bytes()));
            (3..many).for_each(|number| streamed.packed(number, 2));
            assert_eq!(code(&streamed.finish()), Code::ContentOverLimit, "{blank:?}");
        }
    }
    let index: String = (3..many).map(|number| format!("{number}\u{2003}0\u{2003}")).collect();
    let mut streamed = Streamed::new();
    streamed.packed(1, 2);
    let content = format!("{index}[]");
    streamed.object(2, &stream(&format!("/Type/ObjStm/N {many}/First {}", index.len()), content.as_bytes()));
    assert_eq!(code(&streamed.finish()), Code::NotAnInvoice);
}

#[test]
fn chains_of_sections_are_bounded_together() {
    let rows = squeezed(&[1, 0, 0, 0, 1, 0, 0].repeat(190_000));
    let mut out = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n".to_vec();
    let mut start = 0;
    for number in 10..30 {
        let previous = if start > 0 { format!("/Prev {start}") } else { String::new() };
        start = out.len();
        out.extend(format!("{number} 0 obj\n").into_bytes());
        let head = format!("/Type/XRef/Size 190000/W[1 4 2]/Root 1 0 R/Filter/FlateDecode{previous}");
        out.extend(stream(&head, &rows));
        out.extend(b"\nendobj\n");
    }
    out.extend(format!("startxref\n{start}\n%%EOF\n").into_bytes());
    assert_eq!(code(&out), Code::ContentOverLimit);
    // A section that comes before itself, by its own place and by blanks before it.
    for back in [0, 1] {
        let mut out = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n\n".to_vec();
        let start = out.len();
        let trailer = format!("trailer\n<</Size 1/Root 1 0 R/Prev {}>>\n", start - back);
        out.extend(format!("xref\n0 1\n0000000000 65535 f \n{trailer}startxref\n{start}\n%%EOF\n").into_bytes());
        assert_eq!(code(&out), Code::NotAnInvoice);
    }
}

/// Values take many times the memory of their bytes.
#[test]
fn an_object_of_very_many_values_is_too_much_and_many_pages_are_not() {
    let catalog = b"<</Type/Catalog/Pages 2 0 R>>".to_vec();
    let wide = |count: usize| format!("<<{}>>", "/A 1".repeat(count)).into_bytes();
    assert_eq!(code(&pdf(&[catalog.clone(), wide(400_000)], "")), Code::ContentOverLimit);
    assert_eq!(code(&pdf(&[catalog, wide(250_000)], "")), Code::PdfWithoutInvoice);
    let pages = 3_000;
    let kids: String = (0..pages).map(|page| format!("{} 0 R ", page + 5)).collect();
    let link = "<</Subtype/Link/Rect[1 2 3 4]/Border[0 0 0]/A<</S/URI/URI(https://example.org)>>>>".repeat(20);
    let mut objects = vec![
        b"<</Type/Catalog/Pages 4 0 R/AF[2 0 R]/Names<</EmbeddedFiles<</Names[(a)2 0 R]>>>>>>".to_vec(),
        specification("factur-x.xml", 3),
        stream("", &cii()),
        format!("<</Type/Pages/Kids[{kids}]>>").into_bytes(),
    ];
    objects.extend((0..pages).map(|_| format!("<</Type/Page/Parent 4 0 R/Annots[{link}]>>").into_bytes()));
    assert_eq!(accepted(&pdf(&objects, "")).0, number());
}

#[test]
fn nodes_that_share_one_list_are_bounded_together() {
    let nodes = 1_000;
    let kids: String = (0..nodes).map(|at| format!("{} 0 R ", at + 6)).collect();
    let mut objects = vec![
        b"<</Type/Catalog/Names<</EmbeddedFiles 5 0 R>>>>".to_vec(),
        specification("a.txt", 3),
        stream("", b"a"),
        format!("[{}]", "(a)2 0 R".repeat(1_000)).into_bytes(),
        format!("<</Kids[{kids}]>>").into_bytes(),
    ];
    objects.extend((0..nodes).map(|_| b"<</Names 4 0 R>>".to_vec()));
    assert_eq!(code(&pdf(&objects, "")), Code::ContentOverLimit);
    // One large thing, taken by many: a name, a list of names, what holds the file, what is pinned, how it is coded.
    let large = "a".repeat(1 << 18);
    let wide = "/A 1".repeat(100_000);
    let many = |each: &str, of: usize| (0..of).map(|_| each).collect::<String>();
    let listed = |entries: &str| format!("<</Type/Catalog/Names<</EmbeddedFiles<</Names[{entries}]>>>>>>");
    for [catalog, second, third, fourth] in [
        [listed(&many("(a)2 0 R", 9_000)), format!("<</UF({large})/EF<</F 3 0 R>>>>"), String::new(), String::new()],
        [listed(&many("(a)2 0 R", 9_000)), "<</F(a)/EF 4 0 R>>".to_owned(), String::new(), format!("<<{wide}>>")],
        [
            format!("<</Type/Catalog/Names<</EmbeddedFiles<</Kids[{}]>>>>>>", many("<</Names 2 0 R>>", 9_000)),
            format!("[(a)<</UF({large})>>]"),
            String::new(),
            String::new(),
        ],
        [
            format!("<</Type/Catalog/Pages<</Kids[{}]>>>>", many("<</Annots 2 0 R>>", 9_000)),
            format!("[<</Contents({large})>>]"),
            String::new(),
            String::new(),
        ],
        [
            listed(&(0..90).map(|at| format!("({at})<</F({at}.xml)/EF<</F 3 0 R>>>>")).collect::<String>()),
            String::new(),
            "/Filter[/FlateDecode/FlateDecode/FlateDecode]/DecodeParms[4 0 R 4 0 R 4 0 R]".to_owned(),
            format!("<<{wide}>>"),
        ],
    ] {
        let objects = [catalog.into_bytes(), second.into_bytes(), stream(&third, b"abc"), fourth.into_bytes()];
        // Soon, whether it is looked through without a copy or found to be too much.
        let said = code(&pdf(&objects, ""));
        assert!(matches!(said, Code::ContentOverLimit | Code::PdfWithoutInvoice), "{said:?}");
    }
    // A tree that bites its own tail says nothing more at the second turn.
    let circle: [&[u8]; 2] = [b"<</Type/Catalog/Names<</EmbeddedFiles 2 0 R>>>>", b"<</Kids[2 0 R 2 0 R]>>"];
    assert_eq!(code(&pdf(&circle.map(<[u8]>::to_vec), "")), Code::PdfWithoutInvoice);
    let too_many = Limits::default().pdf_attachments + 1;
    let names: Vec<String> = (0..too_many).map(|at| format!("{at}.txt")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(code(&carrying_streams(&names, &vec![stream("", b"a"); too_many])), Code::ContentOverLimit);
}

#[test]
fn of_two_invoices_of_one_name_none_is_chosen_and_what_is_not_listed_is_none() {
    let twins = carrying(&[("factur-x.xml", cii()), ("factur-x.xml", other_cii())]);
    assert_eq!(code(&twins), Code::PdfWithSeveralInvoices);
    let objects = |listed: usize| {
        let catalog = format!("<</Type/Catalog/AF[{listed} 0 R]/Names<</EmbeddedFiles<</Names[(a){listed} 0 R]>>>>>>");
        let streams = [stream("/Type/EmbeddedFile", &cii()), stream("/Type/EmbeddedFile", &other_cii())];
        let [one, other] = streams;
        let specifications = [specification("factur-x.xml", 3), specification("factur-x.xml", 5)];
        let [its, others] = specifications;
        pdf(&[catalog.into_bytes(), its, one, others, other], "")
    };
    assert_eq!(accepted(&objects(2)).0, number());
    assert_eq!(accepted(&objects(4)).0, "AUTRE-9");
}

#[test]
fn a_file_specification_may_be_direct_untyped_or_pinned_to_a_page() {
    let untyped = String::from_utf8(specification("factur-x.xml", 2)).unwrap().replace("/Type/Filespec", "");
    let content = stream("/Type/EmbeddedFile", &cii());
    let catalogs = [
        format!("<</Type/Catalog/AF[{untyped}]/Names<</EmbeddedFiles<</Names[(factur-x.xml){untyped}]>>>>>>"),
        "<</Type/Catalog/AF 3 0 R/Names<</EmbeddedFiles<</Names[(factur-x.xml)4 0 R]>>>>>>".to_owned(),
        "<</Type/Catalog/Pages<</Kids[<</Annots[<</Subtype/FileAttachment/FS 4 0 R>>]>>]>>>>".to_owned(),
    ];
    for (catalog, divergences) in catalogs.into_iter().zip([1, 1, 3]) {
        let objects = [catalog.into_bytes(), content.clone(), b"[4 0 R]".to_vec(), untyped.clone().into_bytes()];
        let (found, said) = accepted(&pdf(&objects, ""));
        assert_eq!((found, said.len()), (number(), divergences), "{said:?}");
    }
}

#[test]
fn a_bad_or_large_attachment_does_not_refuse_a_sound_invoice() {
    let invoice = stream("/Type/EmbeddedFile", &cii());
    let flate = |content: &[u8]| stream("/Type/EmbeddedFile/Filter/FlateDecode", content);
    let cut = squeezed(&b"plan ".repeat(1000));
    let xml = squeezed(&[b"<a>".to_vec(), vec![b' '; 100_000]].concat());
    for (beside, said) in [
        (flate(&cut[..cut.len() - 6]), false),
        (flate(&squeezed(&vec![0; 25 << 20])), false),
        (stream("/Type/EmbeddedFile/Filter/JBIG2Decode", b"abc"), true),
        (flate(b"nothing of the kind"), true),
        (flate(&xml[..xml.len() - 6]), true),
        (b"<</Length 1 0 R>>stream\nabc".to_vec(), true),
    ] {
        let pdf = carrying_streams(&["factur-x.xml", "bon.pdf"], &[invoice.clone(), beside]);
        let (found, told) = accepted(&pdf);
        assert_eq!(found, number());
        assert_eq!(
            told.iter().any(|told| told.contains("« bon.pdf », dont le contenu est endommagé")),
            said,
            "{told:?}"
        );
        let attachments = read(&pdf).facts.unwrap().attachments;
        assert_eq!((attachments.len(), attachments[0].name.as_str()), (1, "bon.pdf"));
    }
    // The same for the invoice is a refusal.
    let damaged = flate(&squeezed(&cii())[..500]);
    assert_eq!(code(&carrying_streams(&["factur-x.xml"], &[damaged])), Code::NotAnInvoice);
    let ascii = cii().iter().map(|byte| format!("{byte:02x}")).collect::<String>() + ">";
    let coded = stream(
        "/Filter[/ASCIIHexDecode/FlateDecode]",
        squeezed(&cii()).iter().map(|b| format!("{b:02x} ")).collect::<String>().as_bytes(),
    );
    for coded in [coded, stream("/Filter/ASCIIHexDecode", ascii.as_bytes())] {
        assert_eq!(accepted(&carrying_streams(&["factur-x.xml"], &[coded])).0, number());
    }
}

#[test]
fn a_cii_of_a_free_name_is_read_and_its_name_is_told() {
    let (found, said) = accepted(&carrying(&[("facture.xml", cii()), ("bon.txt", b"bon".to_vec())]));
    assert_eq!(found, number());
    assert!(said.iter().any(|said| said.contains("« facture.xml » et non factur-x.xml")), "{said:?}");
    assert_eq!(code(&carrying(&[("a.xml", cii()), ("b.xml", other_cii())])), Code::PdfWithSeveralInvoices);
    assert_eq!(code(&carrying(&[("order-x.xml", b"<a/>".to_vec())])), Code::NotAnInvoice);
}

/// Inflated in vain is inflated too.
#[test]
fn broken_streams_are_counted_as_if_they_were_whole() {
    let large = squeezed(&vec![b' '; 7 << 20]);
    let broken = &large[..large.len() - 6];
    let mut streamed = Streamed::new();
    let listed: String = (100..200).map(|number| format!("{number} 0 R ")).collect();
    streamed.object(1, format!("<</Type/Catalog/AF[{listed}]>>").as_bytes());
    for number in 100..200 {
        streamed.packed(number, usize::try_from(number).unwrap() + 100);
        streamed.object(number + 100, &stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", broken));
    }
    assert_eq!(code(&streamed.finish()), Code::ContentOverLimit);
    // What is inflated between two filters, of which little comes out at the end.
    let mut stored = ZlibEncoder::new(Vec::new(), Compression::none());
    stored.write_all(&vec![b' '; 20 << 20]).unwrap();
    let twice = squeezed(&stored.finish().unwrap());
    let filters = "/Filter[/FlateDecode/FlateDecode]";
    let names: Vec<String> = (0..90).map(|at| format!("{at}.xml")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.push("factur-x.xml");
    let mut streams = vec![stream(filters, &twice); 90];
    streams.push(stream("", &cii()));
    let (found, said) = accepted(&carrying_streams(&names, &streams));
    assert_eq!(found, number());
    assert!(said.iter().any(|said| said.contains("trop gros")), "{said:?}");
}

#[test]
fn what_leads_nowhere_is_told_and_may_have_been_the_invoice() {
    let catalog =
        |entries: &str| format!("<</Type/Catalog/Names<</EmbeddedFiles<</Names[{entries}]>>>>>>").into_bytes();
    let rest = [specification("factur-x.xml", 3), stream("", &cii())];
    let of = |entries: &str| pdf(&[&[catalog(entries)], &rest[..]].concat(), "");
    let (found, said) = accepted(&of("(a)2 0 R(b)99 0 R"));
    assert!(found == number() && said.iter().any(|said| said.contains("aucun fichier : 1")), "{said:?}");
    assert_eq!(code(&of("(b)99 0 R")), Code::NotAnInvoice);
    assert_eq!(code(&pdf(&[b"<</Type/Catalog/Names 99 0 R>>".to_vec()], "")), Code::NotAnInvoice);
}

/// A revision that was never ended does not bring back the one before.
#[test]
fn a_file_cut_in_its_last_revision_is_cut() {
    let whole = facturx("facture-ubl.xml", ubl().as_bytes()).bytes;
    let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at..].starts_with(b"%%EOF")).collect();
    let [first, last] = ends[..] else { panic!("{ends:?}") };
    for cut in (first + 8..last).step_by(7) {
        assert_eq!(code(&whole[..cut]), Code::NotAnInvoice, "{cut} of {}", whole.len());
    }
    assert!(accepted(&[&whole[..], b"\r\n-- \r\nsent by a gateway\r\n"].concat()).1.is_empty());
}

const SEEDS: [&[u8]; 6] = [
    include_bytes!("../../../tests/fuzz/seeds/pdf/hybrid.pdf"),
    include_bytes!("../../../tests/fuzz/seeds/pdf/linearized.pdf"),
    include_bytes!("../../../tests/fuzz/seeds/pdf/object-stream.pdf"),
    include_bytes!("../../../tests/fuzz/seeds/pdf/two.pdf"),
    include_bytes!("../../../tests/fuzz/seeds/pdf/bad-attachment.pdf"),
    include_bytes!("../../../tests/fuzz/seeds/pdf/wide-row.pdf"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Numbers above all: places, lengths, counts.
    #[test]
    fn changed_pdfs_never_panic(
        which in 0..SEEDS.len(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), "[0-9]{1,12}|<<|>>|\\[|\\]|/Prev 9|0 R|[ %()/]"), 1..6),
    ) {
        let mut bytes = SEEDS[which].to_vec();
        for (place, word) in edits {
            let digits: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
            let at = digits[place.index(digits.len())];
            bytes.splice(at..=at, word.into_bytes());
        }
        let options = Options { sandbox: true, ..Options::default() };
        let examined = examine(&bytes, &options);
        prop_assert_eq!(examined.fault.is_some(), examined.verdict == Verdict::Reject);
    }
}

/// Each way in which files are laid out, against the reader of the library.
#[test]
fn sound_pdfs_are_read_as_another_reader_reads_them() {
    let given = [sample("facture-facturx.pdf").to_vec(), facturx("facture-ubl.xml", ubl().as_bytes()).bytes];
    let ways: [&[&str]; 6] = [
        &[],
        &["--object-streams=generate"],
        &["--object-streams=disable"],
        &["--object-streams=generate", "--linearize"],
        &["--object-streams=disable", "--linearize"],
        &["--qdf"],
    ];
    for pdf in &given {
        for words in ways {
            let pdf = if words.is_empty() { pdf.clone() } else { by_qpdf(pdf, words) };
            let theirs = zugferd::embedded_files(&pdf, &zugferd::Limits::default()).unwrap();
            let mut file = PdfFile::open(&pdf, &Limits::default()).unwrap();
            let mut ours = BTreeMap::new();
            for attached in file.attachments(100).unwrap().files {
                let stream = file.object(attached.stream).unwrap().unwrap();
                let content = file.content(&stream, Want::Whole(1 << 24)).unwrap().unwrap();
                assert_eq!(attached.size, content.len());
                ours.insert(attached.name, content);
            }
            assert!(ours == theirs && !ours.is_empty(), "{words:?}: {:?}", ours.keys());
            let (_, container) = container::open(&pdf, &Limits::default()).unwrap();
            assert_eq!((container.doubts, container.divergences), (vec![], vec![]), "{words:?}");
        }
    }
}

/// A table for old readers and a stream for new ones.
#[test]
fn a_hybrid_file_shows_what_its_stream_lists() {
    let index = "8 0 ";
    let names = format!("{index}<</EmbeddedFiles<</Names[(factur-x.xml)2 0 R]>>>>");
    let objects = [
        b"<</Type/Catalog/Names 8 0 R/AF[2 0 R]>>".to_vec(),
        specification("factur-x.xml", 3),
        stream("", &cii()),
        stream("/Type/ObjStm/N 1/First 4", names.as_bytes()),
        stream("/Type/XRef/Size 9/W[1 1 1]/Index[8 1]/Root 1 0 R", &[2, 4, 0]),
    ];
    let plain = pdf(&objects, "");
    let hidden = plain.windows(7).position(|window| window == b"5 0 obj").unwrap();
    let hybrid = pdf(&objects, &format!("/XRefStm {hidden}"));
    let (found, said) = accepted(&hybrid);
    assert_eq!((found, said.len()), (number(), 1), "listed and associated, but for the metadata: {said:?}");
    let (_, said) = accepted(&plain);
    assert_eq!(said.len(), 3, "not listed without it, and the list leads nowhere: {said:?}");
}

/// What a PDF carries besides its invoice has no place in an XML, and nothing of it goes in silence.
#[test]
fn a_conversion_names_what_else_the_pdf_carried() {
    let other = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap().replacen("<cbc:ID>", "<cbc:ID>ZZ", 1);
    let another = other.into_bytes();
    let bytes = carrying(&[("factur-x.xml", cii()), ("bon.pdf", b"bon".to_vec()), ("a.xml", another.clone())]);
    let source = Source { name: "f.pdf", bytes: &bytes };
    let to = |target| convert(source, target, "2026-11-26", &Options::default()).unwrap().remove(0);
    for target in [Target::Ubl, Target::Cii] {
        let made = to(target);
        let lost: Vec<&str> = made.lost.iter().map(|lost| lost.value.as_str()).collect();
        assert!(lost.contains(&"bon.pdf") && lost.contains(&"a.xml"), "{:?}", made.lost);
        assert!(
            made.readings.iter().any(|reading| reading.fr.contains("« a.xml », une autre facture")),
            "{:?}",
            made.readings
        );
    }
    // What the invoice was made of is the invoice once more, and so are its own bytes; by its number, not by its word.
    let same = [cii(), b"\n".to_vec()].concat();
    let files =
        [("factur-x.xml", cii()), ("bon.pdf", b"bon".to_vec()), ("a.xml", another), ("b.xml", same), ("c.xml", cii())];
    for (relationship, lost) in
        [("Alternative", &["bon.pdf", "a.xml", "b.xml"][..]), ("Source     ", &["bon.pdf", "a.xml"])]
    {
        // As long as the other word: what the PDF says of its offsets stays true.
        let text = String::from_utf8(carrying(&files)).unwrap().replace("/Alternative", &format!("/{relationship}"));
        let source = Source { name: "f.pdf", bytes: text.as_bytes() };
        let made = convert(source, Target::Ubl, "2026-11-26", &Options::default()).unwrap().remove(0);
        let names = |list: &[semantic::Lost]| list.iter().map(|lost| lost.value.clone()).collect::<Vec<_>>();
        assert_eq!(names(&made.lost), lost, "{relationship}");
        let left: Vec<_> = files[1..].iter().map(|(name, _)| *name).filter(|name| !lost.contains(name)).collect();
        assert_eq!(names(&made.left_out), left, "{relationship}");
    }
    // The pivot holds the PDF as it is.
    let made = to(Target::Pivot);
    assert!(!made.lost.iter().any(|lost| lost.value == "bon.pdf"), "{:?}", made.lost);
    assert!(
        made.readings.iter().any(|reading| reading.en.contains("\"a.xml\", another invoice")),
        "{:?}",
        made.readings
    );
}

/// What costs work beyond the bytes that are taken: nodes that multiply, blanks that are looked through, wide dictionaries.
#[test]
fn what_multiplies_or_is_looked_through_in_vain_is_bounded() {
    // A node that is no object of its own, and names itself.
    let mut again = Streamed::new();
    again.object(1, b"<</Type/Catalog/Names<</EmbeddedFiles<</Kids 4 0 R>>>>>>");
    let kids = format!("[<</Kids 4 0 R>> {}]", "9 0 R ".repeat(250_000));
    let head = "4 0 ";
    let packed = format!("{head}{kids}");
    let dictionary = format!("/Type/ObjStm/N 1/First {}/Filter/FlateDecode", head.len());
    again.object(5, &stream(&dictionary, &squeezed(packed.as_bytes())));
    again.packed(4, 5);
    assert_eq!(code(&again.finish()), Code::ContentOverLimit);

    // A number with blanks behind it may be the first of a reference; many objects that stand in one place.
    let mut blanks = b"%PDF-1.7\n".to_vec();
    let place = blanks.len();
    blanks.extend(b"3 0 obj\n1");
    blanks.extend(vec![b' '; 1 << 20]);
    blanks.extend(b"\nendobj\n");
    let catalog = blanks.len();
    let many: String = (10..2_010).map(|number| format!("{number} 0 R ")).collect();
    blanks.extend(format!("1 0 obj\n<</Type/Catalog/AF[{many}]>>\nendobj\n").into_bytes());
    let start = blanks.len();
    let rows = format!("{place:010} 00000 n \n").repeat(2_000);
    let table = format!("xref\n1 1\n{catalog:010} 00000 n \n10 2000\n{rows}");
    blanks.extend(format!("{table}trailer\n<</Size 2010/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").into_bytes());
    assert_eq!(code(&blanks), Code::ContentOverLimit);

    // One wide annotation on many pages.
    let wide = format!("<<{}>>", "/A 1".repeat(200_000)).into_bytes();
    let pages: String = (4..64).map(|number| format!("{number} 0 R ")).collect();
    let mut objects =
        vec![b"<</Type/Catalog/Pages 2 0 R>>".to_vec(), format!("<</Kids[{pages}]/Annots 64 0 R>>").into_bytes(), wide];
    objects.extend((4..64).map(|_| b"<</Annots 64 0 R>>".to_vec()));
    objects.push(format!("[{}]", "3 0 R ".repeat(10_000)).into_bytes());
    assert_eq!(code(&pdf(&objects, "")), Code::ContentOverLimit);
}

/// Bytes with one text replaced, of the same length: offsets stay.
fn patched(pdf: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = pdf.windows(from.len()).position(|window| window == from).unwrap();
    [&pdf[..at], to, &pdf[at + from.len()..]].concat()
}

/// What writers of PDFs do that the specification does not foresee, and other readers read.
#[test]
fn habits_of_writers_are_read() {
    let good = carrying(&[("factur-x.xml", cii())]);
    let own = number();
    let reads = |what: &str, bytes: &[u8]| assert_eq!(accepted(bytes).0, own, "{what}");

    // The end of the line behind "stream".
    let with = |end: &str| {
        let length = squeezed(&cii()).len();
        let object = format!("<</Type/EmbeddedFile/Filter/FlateDecode/Length {length}>>\nstream{end}");
        [object.into_bytes(), squeezed(&cii()), b"\nendstream".to_vec()].concat()
    };
    for end in ["\n", "\r\n", " \r\n", " \n"] {
        reads(end.escape_debug().to_string().as_str(), &carrying_streams(&["factur-x.xml"], &[with(end)]));
    }

    // A check sum that is none; and one whose last byte is taken for the end of a line, where the length is wrong.
    let mut wrong = squeezed(&cii());
    let last = wrong.len() - 1;
    wrong[last] ^= 1;
    reads("a wrong check sum", &carrying_streams(&["factur-x.xml"], &[stream("/Filter/FlateDecode", &wrong)]));
    let cut = squeezed(&cii());
    let cut = stream("/Filter/FlateDecode", &cut[..cut.len() - 20]);
    assert_eq!(code(&carrying_streams(&["factur-x.xml"], &[cut])), Code::NotAnInvoice, "its end is not there");

    // What others put behind a file.
    let behind = |text: &str| [&good[..], text.as_bytes()].concat();
    for text in
        ["\n0\r\n\r\n", "\nCet objet a été transmis par le portail.\n", "\n<html>2 0 objets</html>", "\n\0\0\0\0"]
    {
        reads(text, &behind(text));
    }
    reads("kilobytes of nothing", &behind(&"\0".repeat(100_000)));
    reads("a page behind it", &behind(&format!("\n<p>{}</p>", "x".repeat(40_000))));
    for text in ["\n12", "\n12 0 ob", "\n12 0 obj", "\n% saved\n12 0 obj\n<</A"] {
        assert_eq!(code(&behind(text)), Code::NotAnInvoice, "{text}: a revision that was cut");
    }

    // The table: counts that are not true, and a list that begins at 1.
    for (from, to) in [("xref\n0 4", "xref\n0 3"), ("xref\n0 4", "xref\n0 5"), ("xref\n0 4", "xref\n1 4")] {
        reads(to, &patched(&good, from.as_bytes(), to.as_bytes()));
    }
    // Offsets that count from what stands before the signature.
    let begin = b"HTTP header\n";
    let shifted = |number: usize| number + begin.len();
    let mut moved = String::from_utf8(good.clone()).unwrap();
    let table = moved.rfind("\nxref\n").unwrap() + 1;
    let rows: String = moved[table..]
        .lines()
        .map(|line| match line.strip_suffix(" 00000 n ") {
            Some(offset) => format!("{:010} 00000 n \n", shifted(offset.parse().unwrap())),
            None if line == table.to_string() => format!("{}\n", shifted(table)),
            None => format!("{line}\n"),
        })
        .collect();
    moved.replace_range(table.., &rows);
    reads("offsets from the first byte", &[&begin[..], moved.as_bytes()].concat());

    // A revision whose trailer leads back to itself.
    let circle = patched(&good, b"/Root 1 0 R ", format!("/Root 1 0 R /Prev {table} ").as_bytes());
    reads("a circle", &circle);
}
