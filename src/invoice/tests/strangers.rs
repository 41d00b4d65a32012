//! Files that are several things, or another thing than their sender thinks: each is told by its content, in words that
//! name what it is and what to do.

use std::io::Write as _;

use super::bad::fault;
use super::hostile::{pdf, stream};
use super::{fixture, sample};
use crate::fault::{Code, Language};
use crate::invoice::conversion::{self, Source, Target};
use crate::invoice::{Examined, Limits, Options, Profile, Syntax, Verdict, archive, examine, pivot_conversion};

fn read(bytes: &[u8]) -> Examined {
    examine(bytes, &Options { sandbox: true, language: Language::Fr, ..Options::default() })
}

/// A PDF with these files attached.
fn pdf_with(files: &[(&str, &[u8])]) -> Vec<u8> {
    let names: String = files.iter().enumerate().map(|(i, (name, _))| format!("({name}) {} 0 R ", 2 * i + 2)).collect();
    let mut objects = vec![format!("<</Type/Catalog /Names<</EmbeddedFiles<</Names[{names}]>>>>>>").into_bytes()];
    for (index, (name, content)) in files.iter().enumerate() {
        let at = 2 * index + 3;
        objects.push(format!("<</Type/Filespec /F({name}) /UF({name}) /EF<</F {at} 0 R>>>>").into_bytes());
        objects.push(stream("/Type/EmbeddedFile", content));
    }
    pdf(&objects, "")
}

fn replaced(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(file.to_vec()).unwrap();
    assert!(text.contains(from), "{from}");
    text.replace(from, to).into_bytes()
}

/// The number of a sample.
fn number(bytes: &[u8]) -> String {
    read(bytes).facts.unwrap().number.unwrap().as_str().to_owned()
}

/// What is said of the other invoice in a PDF.
fn doubts(bytes: &[u8]) -> Vec<String> {
    let examined = read(bytes);
    assert_eq!(examined.verdict, Verdict::Accept, "{:?} {:?}", examined.fault, examined.findings);
    let also = examined.findings.into_iter().filter(|f| f.rule == "FG-PDF" && f.message.contains("il contient aussi"));
    also.map(|finding| finding.message).collect()
}

#[test]
fn of_two_different_invoices_in_a_pdf_none_is_chosen() {
    let cii = sample("facture-cii.xml");
    let one = number(cii);
    let other = replaced(cii, &format!(">{one}<"), ">AUTRE-7<");
    let ubl = sample("facture-ubl.xml");
    let second = replaced(ubl, &number(ubl), "AUTRE-8");
    for files in [[("factur-x.xml", cii), ("zugferd-invoice.xml", &other)], [("a.xml", ubl), ("b.xml", &second)]] {
        let bytes = pdf_with(&files);
        let (code, title) = fault(&bytes);
        assert_eq!(code, Code::PdfWithSeveralInvoices, "{title}");
        assert!(title.contains(files[0].0) && title.contains(files[1].0) && title.contains("AUTRE-"), "{title}");
        let remedy = read(&bytes).fault.unwrap().remedy(Language::Fr);
        assert!(remedy.contains("une seule facture") && remedy.contains("factur-x.xml"), "{remedy}");
        let source = Source { name: "f.pdf", bytes: &bytes };
        let refused = conversion::convert(source, Target::Ubl, "2026-11-26", &Options::default()).unwrap_err();
        assert_eq!(refused.code, Code::PdfWithSeveralInvoices);
    }
}

#[test]
fn what_a_pdf_holds_beside_its_invoice_is_said() {
    let cii = sample("facture-cii.xml");
    let one = number(cii);
    // The same bytes under two names, and files that are no invoice, leave no doubt.
    assert_eq!(doubts(&pdf_with(&[("factur-x.xml", cii), ("ZUGFeRD-invoice.xml", cii)])), [""; 0]);
    assert_eq!(doubts(&pdf_with(&[("factur-x.xml", cii), ("journal.xml", b"<log/>")])), [""; 0]);
    // The same invoice in another form.
    let spaced = replaced(cii, "</rsm:CrossIndustryInvoice>", "\n</rsm:CrossIndustryInvoice>");
    let said = doubts(&pdf_with(&[("factur-x.xml", cii), ("xrechnung.xml", &spaced)]));
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("« xrechnung.xml », autre forme de la même facture"), "{said:?}");
    assert!(said[0].contains(&one) && said[0].contains("seul « factur-x.xml » est lu"), "{said:?}");
    // Another invoice under a name of its own: the agreed name counts.
    let ubl = replaced(sample("facture-ubl.xml"), &number(sample("facture-ubl.xml")), "AUTRE-8");
    let said = doubts(&pdf_with(&[("a-part.xml", &ubl), ("factur-x.xml", cii)]));
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("« a-part.xml », une autre facture (n° AUTRE-8)"), "{said:?}");
    // A name that promises an invoice and holds none.
    let said = doubts(&pdf_with(&[("factur-x.xml", cii), ("xrechnung.xml", b"<log/>")]));
    assert!(said[0].contains("« xrechnung.xml », qui ne se lit pas comme une facture"), "{said:?}");
}

/// Bytes before a PDF's signature are allowed; an XML that speaks of PDFs is none.
#[test]
fn a_pdf_is_told_from_an_xml_by_content_everywhere() {
    let pdf = [b"\r\nX-Header: y\r\n\r\n", sample("facture-facturx.pdf")].concat();
    assert_eq!(read(&pdf).syntax, Some(Syntax::FacturX));
    let source = Source { name: "facture.xml", bytes: &pdf };
    let made = conversion::convert(source, Target::Ubl, "2026-11-26", &Options::default()).unwrap();
    assert_eq!(read(&made[0].bytes).syntax, Some(Syntax::UblInvoice));
    let ubl = replaced(sample("facture-ubl.xml"), "<cbc:Note>", "<cbc:Note>%PDF-1.7 ");
    let start = String::from_utf8(ubl.clone()).unwrap().find("%PDF-").unwrap();
    assert!(start < 1024, "within what is searched");
    assert_eq!(read(&ubl).syntax, Some(Syntax::UblInvoice));
}

fn ubl_root(root: &str) -> Vec<u8> {
    format!("<{root} xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:{root}-2\"/>").into_bytes()
}

#[test]
fn documents_of_the_neighbourhood_are_called_by_their_names() {
    let cases: [(Vec<u8>, &str); 12] = [
        (ubl_root("Order"), "une commande UBL"),
        (ubl_root("OrderResponse"), "une réponse à commande UBL"),
        (ubl_root("DespatchAdvice"), "un bon de livraison UBL"),
        (ubl_root("Catalogue"), "un catalogue UBL"),
        (ubl_root("ApplicationResponse"), "un accusé UBL"),
        (ubl_root("Statement"), "un XML d'une autre sorte (élément racine <Statement>)"),
        (b"<a:SCRDMCCBDACIOMessageStructure xmlns:a='u'/>".to_vec(), "une commande Order-X"),
        (b"<r:CrossDomainAcknowledgementAndResponse xmlns:r='u'/>".to_vec(), "cycle de vie (CDAR)"),
        (
            b"<rsm:CrossIndustryDocument xmlns:rsm='urn:ferd:CrossIndustryDocument:invoice:1p0'/>".to_vec(),
            "ZUGFeRD 1.0",
        ),
        (b"<p:FatturaElettronica versione='FPR12' xmlns:p='u'/>".to_vec(), "une facture italienne (FatturaPA)"),
        (b"<fe:Facturae xmlns:fe='http://www.facturae.es/'/>".to_vec(), "une facture espagnole (Facturae)"),
        (
            b"<StandardBusinessDocument xmlns='u'><a/></StandardBusinessDocument>".to_vec(),
            "la facture qu'elle contient",
        ),
    ];
    for (bytes, text) in cases {
        let (code, title) = fault(&bytes);
        assert_eq!(code, Code::NotAnInvoice, "{title}");
        assert!(
            title.starts_with("Ce fichier n'est pas une facture : il ressemble à ") && title.contains(text),
            "{title}"
        );
        let remedy = read(&bytes).fault.unwrap().remedy(Language::Fr);
        assert!(
            remedy.starts_with("Déposez une facture UBL, CII ou Factur-X.") && remedy.contains("éditeur"),
            "{remedy}"
        );
    }
}

/// Whatever its name says: names are never asked.
#[test]
fn archives_and_blanks_in_disguise() {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("facture.xml", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(sample("facture-ubl.xml")).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    let (code, title) = fault(&zip);
    assert_eq!((code, title.contains("une archive ZIP")), (Code::KindNotHandled, true), "{title}");
    for blank in [&b"\xEF\xBB\xBF"[..], b"\xEF\xBB\xBF \r\n", b" \t\n"] {
        assert_eq!(fault(blank), (Code::EmptyFile, "Fichier vide".to_owned()));
    }
    let twice = [sample("facture-ubl.xml"), sample("facture-ubl.xml")].concat();
    let (code, title) = fault(&twice);
    assert_eq!(code, Code::XmlMalformed);
    assert!(title.contains("un second document XML commence ici : une seule facture par fichier"), "{title}");
}

/// However a transfer was cut, it is said that the file is cut, and where.
#[test]
fn a_file_cut_anywhere_is_called_cut() {
    for name in ["facture-ubl.xml", "avoir-ubl.xml", "facture-cii.xml"] {
        let whole = sample(name);
        for tenth in 1..10 {
            let (code, title) = fault(&whole[..whole.len() * tenth / 10]);
            let cut = ["coupé", "s'arrête avant la fin", "jamais fermé"].iter().any(|word| title.contains(word));
            assert!(code == Code::XmlMalformed && cut && title.contains("ligne "), "{name} {tenth}: {code} {title}");
        }
    }
    let whole = sample("facture-facturx.pdf");
    for tenth in 1..10 {
        let (code, title) = fault(&whole[..whole.len() * tenth / 10]);
        assert_eq!((code, title.contains("un PDF endommagé ou coupé")), (Code::NotAnInvoice, true), "{tenth}: {title}");
    }
}

/// A decimal comma is no number anywhere, and is shown as it is written.
#[test]
fn an_amount_with_a_comma_is_named_where_it_stands() {
    let examined = read(&fixture("comma-amounts.xml"));
    let found = examined.findings.iter().find(|f| f.rule == "FG-DECIMAL").unwrap();
    assert!(found.message.contains(','), "the value is shown: {}", found.message);
    assert!(found.place.contains("ligne ") && found.remedy.contains("point"), "{found:?}");
    let title = examined.fault.unwrap().title(Language::Fr);
    assert!(title.contains("FG-DECIMAL"), "{title}");
}

/// Profiles of other countries are UBL all the same: they are read, and what has no place elsewhere is told, not dropped.
#[test]
fn profiles_of_other_countries_are_read_as_what_they_are() {
    let ubl = sample("facture-ubl.xml");
    let text = String::from_utf8(ubl.to_vec()).unwrap();
    let start = text.find("<cbc:CustomizationID>").unwrap() + "<cbc:CustomizationID>".len();
    let end = start + text[start..].find('<').unwrap();
    let declared = &text[start..end];
    for profile in [
        "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
        "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0",
        "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0",
    ] {
        let examined = read(&replaced(ubl, declared, profile));
        assert_eq!((examined.syntax, examined.verdict), (Some(Syntax::UblInvoice), Verdict::Accept), "{profile}");
        assert!(examined.facts.is_some());
        let told = examined.findings.iter().find(|finding| finding.rule == "FG-PROFILE").unwrap();
        assert!(told.message.contains(&profile[..50]), "{told:?}");
    }
    assert!(read(ubl).findings.iter().all(|finding| finding.rule != "FG-PROFILE"));
    // The extension's lines within lines.
    let inner = "<cac:SubInvoiceLine><cbc:ID>1.1</cbc:ID></cac:SubInvoiceLine><cac:Price>";
    let extended = replaced(ubl, "<cac:Price>", inner);
    assert!(read(&extended).facts.is_some());
    let source = Source { name: "facture.xml", bytes: &extended };
    let made = conversion::convert(source, Target::Cii, "2026-11-26", &Options::default()).unwrap();
    assert!(made[0].lost.iter().any(|lost| lost.place.contains("SubInvoiceLine")), "{:?}", made[0].lost);
}

#[test]
fn a_name_that_says_something_else_is_told() {
    let options = Options { sandbox: true, ..Options::default() };
    let told = |name: &str, bytes: &[u8]| {
        let examined = examine(bytes, &options).of_name(name, &options);
        assert_eq!(examined.verdict, Verdict::Accept);
        examined.findings.into_iter().find(|finding| finding.rule == "FG-NAME").map(|finding| finding.message)
    };
    let (xml, pdf) = (sample("facture-ubl.xml"), sample("facture-facturx.pdf"));
    for name in ["facture.xml", "FACTURE.XML", "facture", "FA.2026.11"] {
        assert_eq!(told(name, xml), None, "{name}");
    }
    assert_eq!(told("facture.pdf", pdf), None);
    assert!(told("facture.PDF", xml).unwrap().contains(".pdf"), "an XML named as a PDF");
    assert!(told("facture.docx", xml).unwrap().contains(".docx"));
    assert!(told("facture.xml", pdf).unwrap().contains(".xml"), "a PDF named as an XML");
}

const PIVOT: &str = include_str!("../../../tests/fuzz/seeds/pivot/v2_02.xml");

/// A pivot whose attachment is a ZIP with a pivot inside: the outer one is the invoice, what is attached stays attached.
#[test]
fn a_pivot_in_a_zip_in_a_pivot_is_one_invoice() {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("dedans.xml", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(PIVOT.replace("2026-R00002", "DEDANS-1").as_bytes()).unwrap();
    let zip = zip.finish().unwrap().into_inner();
    let content = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &zip);
    let piece = format!(
        "<PJ NumOrdre=\"9\"><NomPJ>dedans.zip</NomPJ><Contenu>{content}</Contenu><TypePJ>02</TypePJ>\
         <MimeTypePJ>application/zip</MimeTypePJ></PJ></CPPFacturePivotUnitaire>"
    );
    let outer = PIVOT.replace("</CPPFacturePivotUnitaire>", &piece);
    let made = pivot_conversion::convert(outer.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(made.len(), 1);
    let made = made[0].as_ref().unwrap();
    assert_eq!(made.number, "2026-R00002");
    let ubl = String::from_utf8(made.ubl.clone()).unwrap();
    let told = made.lost.iter().any(|lost| lost.place.contains("PJ"));
    assert!(ubl.contains("dedans.zip") || told, "the attachment is carried or told: {:?}", made.lost);
    // In an archive: its member is an archive, which is not opened, and says so.
    let mut nested = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    nested.start_file("dedans.zip", zip::write::SimpleFileOptions::default()).unwrap();
    nested.write_all(&zip).unwrap();
    let nested = nested.finish().unwrap().into_inner();
    let mut members = Vec::new();
    archive::read(&nested, &Limits::default(), &mut |member| members.push(member)).unwrap();
    let inner = members.remove(0).content.unwrap();
    let (code, title) = fault(&inner);
    assert_eq!((code, title.contains("archive ZIP")), (Code::KindNotHandled, true), "{title}");
}

/// The right words in a wrong namespace: what was found and what is wanted stand in the message.
#[test]
fn a_namespace_that_is_missing_or_wrong_is_spelt_out() {
    let wanted = "attendu : urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100";
    let cii = sample("facture-cii.xml");
    let wrong = replaced(cii, "data:standard:CrossIndustryInvoice:100", "data:standard:CrossIndustryInvoice:13");
    let (code, title) = fault(&wrong);
    assert_eq!(code, Code::NotAnInvoice);
    assert!(title.contains("CrossIndustryInvoice:13 ;") && title.contains(wanted), "{title}");
    let (code, title) = fault(b"<CrossIndustryInvoice><a/></CrossIndustryInvoice>");
    assert_eq!(code, Code::NotAnInvoice);
    assert!(title.contains("sans espace de noms") && title.contains(wanted), "{title}");
    // A part of the document in another namespace is not read as what it looks like.
    let ubl = sample("facture-ubl.xml");
    let strange = replaced(ubl, "xsd:CommonBasicComponents-2", "xsd:CommonBasicComponents-1");
    let options = Options { sandbox: true, profile: Profile::En16931, ..Options::default() };
    assert_eq!(examine(&strange, &options).verdict, Verdict::Reject);
}
