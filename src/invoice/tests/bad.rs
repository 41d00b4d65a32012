//! Each bad fixture: the code it gets, the place it names, and that nothing else is claimed of it.

use super::{fixture, sample};
use crate::fault::{Code, Language};
use crate::invoice::{Examined, Options, Profile, Severity, Verdict, examine};

fn examined(name: &str) -> Examined {
    examine(&fixture(name), &Options { sandbox: true, ..Options::default() })
}

/// The fault of a file that cannot be read as an invoice, its texts complete in both languages.
pub(super) fn fault(bytes: &[u8]) -> (Code, String) {
    let mut title = String::new();
    let mut code = None;
    for language in [Language::En, Language::Fr] {
        let examined = examine(bytes, &Options { language, block: false, ..Options::default() });
        assert_eq!(examined.verdict, Verdict::Reject, "what cannot be read is rejected, blocking or not");
        assert!(examined.facts.is_none() && examined.findings.is_empty());
        let fault = examined.fault.unwrap();
        title = fault.title(language);
        assert!(!title.contains('?'), "a blank was not filled: {title}");
        assert!(code.is_none_or(|c| c == fault.code));
        code = Some(fault.code);
    }
    (code.unwrap(), title)
}

#[test]
fn each_unreadable_file_gets_its_code_and_place() {
    let cases = [
        ("empty.xml", Code::EmptyFile, ""),
        ("blank.xml", Code::EmptyFile, ""),
        ("truncated.xml", Code::XmlMalformed, "fichier coupé au milieu d'une balise (ligne 78, colonne 5)"),
        ("crossed-tags.xml", Code::XmlMalformed, "attendu, ouvert ligne 11 (ligne 11, colonne"),
        (
            "two-roots.xml",
            Code::XmlMalformed,
            "second élément racine : une seule facture par fichier (ligne 115, colonne 1)",
        ),
        ("undeclared-prefix.xml", Code::XmlMalformed, "n'est pas déclaré : xmlns:"),
        ("unclosed-comment.xml", Code::XmlMalformed, "ligne 9"),
        ("control-character.xml", Code::XmlMalformed, "U+0008 interdit en XML (ligne 11, colonne 23)"),
        ("control-reference.xml", Code::XmlMalformed, "ligne 11, colonne 23"),
        ("latin1-declared-utf8.xml", Code::EncodingWrong, "0xE9 n'en est pas (ligne 33, colonne 40, octet 1409)"),
        ("utf8-declared-utf16.xml", Code::EncodingWrong, "UTF-16"),
        ("utf16-declared-utf8.xml", Code::EncodingWrong, "se déclare en UTF-8"),
        ("utf16-cut.xml", Code::EncodingWrong, "coupé au milieu d'un caractère (ligne 119, colonne "),
        ("unknown-encoding.xml", Code::EncodingWrong, "EBCDIC-FR"),
        ("billion-laughs.xml", Code::XmlForbidden, "DOCTYPE (ligne 2, colonne 1)"),
        ("xxe.xml", Code::XmlForbidden, "DOCTYPE (ligne 2, colonne 1)"),
        ("entity-without-doctype.xml", Code::XmlForbidden, "entité inconnue &bonus; (ligne 11, colonne"),
        ("deep.xml", Code::ContentOverLimit, "profondeur des éléments (au plus 100), ligne 2"),
        ("html-error-page.xml", Code::NotAnInvoice, "page web (HTML)"),
        ("table.csv", Code::NotAnInvoice, "tableau CSV"),
        ("data.json", Code::NotAnInvoice, "JSON"),
        ("letter.txt", Code::NotAnInvoice, "texte simple"),
        ("order.xml", Code::NotAnInvoice, "commande UBL"),
        ("other.xml", Code::NotAnInvoice, "<catalogue>"),
        ("no-namespace.xml", Code::NotAnInvoice, "sans espace de noms"),
        ("wrong-namespace.xml", Code::NotAnInvoice, "xsd:Invoice-1"),
        ("pivot.xml", Code::KindNotHandled, "CPPFacturePivot"),
        ("status.xml", Code::KindNotHandled, "CPPStatut"),
    ];
    for (name, code, text) in cases {
        let (found, title) = fault(&fixture(name));
        assert_eq!(found, code, "{name}: {title}");
        assert!(title.contains(text), "{name}: {title}");
    }
}

/// What a reader of XML may stumble over has a sentence of ours in each language, with line and column: no library's words.
#[test]
fn broken_xml_is_explained_in_the_readers_language() {
    const HEAD: &str = "<Invoice xmlns=\"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2\">\n";
    let cases = [
        (
            "<a></b>",
            "</b> alors que </a> était attendu, ouvert ligne 2",
            "</b> where </a> was expected, opened on line 2",
        ),
        ("<a>", "le fichier s'arrête avant la fin de <a>, ouvert ligne 2", "the file ends before the end of <a>"),
        ("<a", "fichier coupé au milieu d'une balise", "file cut in the middle of a tag"),
        ("<a b=\"c>", "un guillemet manque", "a quote is missing"),
        ("<a b=c/>", "valeur d'attribut sans guillemets", "attribute value without quotes"),
        ("<a b/>", "attribut sans « = »", "attribute without \"=\""),
        ("<a b=\"1\" b=\"2\"/>", "attribut b en double", "attribute b twice"),
        (
            "<x:a/>",
            "le préfixe « x » de x:a n'est pas déclaré : xmlns:x manque",
            "the prefix \"x\" of x:a is not declared",
        ),
        ("<a x:b=\"1\"/>", "le préfixe « x » de x:b n'est pas déclaré", "the prefix \"x\" of x:b is not declared"),
        ("<y><a xmlns:x=\"u\"/><x:b/></y>", "le préfixe « x » de x:b n'est pas déclaré", "xmlns:x is missing"),
        ("&eacute;", "entité inconnue &eacute;", "unknown entity &eacute;"),
        ("Dupont & fils</Invoice>", "« & » isolé : il s'écrit &amp;", "a lone \"&\": it is written &amp;"),
        ("<!-- a -- b -->", "« -- » dans un commentaire", "\"--\" inside a comment"),
        ("<!-- a", "commentaire jamais fermé", "comment never closed"),
        ("<![CDATA[ a", "section CDATA jamais fermée", "CDATA section never closed"),
        ("<? a", "instruction « <? » jamais fermée", "instruction \"<?\" never closed"),
        ("</Invoice></c>", "</c> sans élément ouvert", "</c> without an open element"),
        ("<!DOCTYPE a>", "déclaration DOCTYPE", "DOCTYPE declaration"),
    ];
    for (body, fr, en) in cases {
        let examined = examine(format!("{HEAD}{body}").as_bytes(), &Options::default());
        let fault = examined.fault.unwrap_or_else(|| panic!("{body} was read"));
        let (french, english) = (fault.title(Language::Fr), fault.title(Language::En));
        assert!(french.contains(fr) && french.contains("(ligne 2, colonne "), "{body}: {french}");
        assert!(english.contains(en) && english.contains("(line 2, column "), "{body}: {english}");
        assert!(!french.contains("détail technique") && !english.contains("technical"), "{body}: {french}");
    }
}

/// A prefix holds inside the element that declares it, and again where another one does.
#[test]
fn prefixes_are_in_force_where_they_are_declared() {
    let text = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    let nested = text.replacen("<cbc:Note>", "<cbc:Note xmlns:z=\"urn:z\" z:kind=\"a\">", 1);
    assert_ne!(nested, text);
    let examined = examine(nested.as_bytes(), &Options { sandbox: true, ..Options::default() });
    assert!(examined.facts.is_some(), "{:?}", examined.fault);
}

/// A file that reads as an invoice but is refused for `rule`.
fn refused(name: &str, profile: Profile, rule: &str, place: &str) {
    let examined = examine(&fixture(name), &Options { profile, sandbox: true, ..Options::default() });
    let finding = examined.findings.iter().find(|f| f.rule == rule);
    let finding = finding.unwrap_or_else(|| panic!("{name}: {rule} is missing: {:?}", examined.findings));
    assert_eq!(finding.severity, Severity::Fatal, "{name}");
    assert!(finding.place.contains(place), "{name}: {}", finding.place);
    assert!(!finding.message.contains('?') && !finding.remedy.is_empty());
    assert_eq!(examined.verdict, Verdict::Reject);
    let fault = examined.fault.unwrap();
    assert_eq!(fault.code, Code::RulesFailed);
    assert!(fault.title(Language::Fr).contains("anomalie"), "{}", fault.title(Language::Fr));
}

#[test]
fn each_unacceptable_invoice_names_its_rule_and_place() {
    for profile in Profile::ALL {
        refused("comma-amounts.xml", profile, "FG-DECIMAL", "Invoice/TaxTotal/TaxSubtotal/TaxableAmount (ligne 66)");
        refused("exponent-amount.xml", profile, "FG-DECIMAL", "DuePayableAmount (ligne ");
        refused("no-number.xml", profile, "BR-02", "BT-1");
    }
    refused("number-of-40.xml", Profile::Chorus, "CPRO-NUMBER-LENGTH", "BT-1");
    refused("number-of-40.xml", Profile::G2b, "G2B-NUMBER-LENGTH", "BT-1");
    refused("number-with-accent.xml", Profile::Chorus, "CPRO-NUMBER-CHARACTERS", "BT-1");
    let standard = examine(&fixture("number-of-40.xml"), &Options { profile: Profile::En16931, ..Options::default() });
    assert_eq!((standard.verdict, standard.findings.len()), (Verdict::Accept, 0), "the standard sets no length");
}

#[test]
fn facts_are_read_even_of_a_refused_invoice() {
    let facts = examined("comma-amounts.xml").facts.unwrap();
    assert_eq!(facts.number.unwrap().as_str(), "FA-2026-0101");
    assert_eq!(facts.payable.as_deref(), Some("3420,00"), "as written");
    assert_eq!(examined("no-number.xml").facts.unwrap().number, None);
}

#[test]
fn encodings_that_agree_with_themselves_are_read() {
    let utf8 = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    let facts = |bytes: &[u8]| {
        let examined = examine(bytes, &Options { sandbox: true, ..Options::default() });
        assert_eq!(examined.verdict, Verdict::Accept, "{:?} {:?}", examined.fault, examined.findings);
        let encoding = examined.findings.iter().filter(|f| f.rule == "FG-ENCODING").count();
        (examined.facts.unwrap(), encoding)
    };
    let (wanted, 0) = facts(utf8.as_bytes()) else { panic!("UTF-8 needs no remark") };
    assert_eq!(wanted.supplier_name, "Université Exemple");
    assert_eq!(facts(format!("\u{feff}{utf8}").as_bytes()), (wanted.clone(), 0), "byte order mark");

    let latin = utf8.replace("UTF-8", "ISO-8859-1");
    let latin: Vec<u8> = latin.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert_eq!(facts(&latin), (wanted.clone(), 1));

    // With a mark or without one, UTF-32 is called by its name.
    for order in [u32::to_le_bytes, u32::to_be_bytes] {
        for mark in ["", "\u{feff}"] {
            let bytes: Vec<u8> = format!("{mark}{utf8}").chars().flat_map(|c| order(u32::from(c))).collect();
            let fault = examine(&bytes, &Options::default()).fault.unwrap();
            assert!(fault.code == Code::EncodingWrong && fault.title(Language::En).contains("UTF-32"), "{fault:?}");
        }
    }

    let declared = utf8.replace("UTF-8", "UTF-16");
    let units = || declared.encode_utf16();
    let little: Vec<u8> = [0xFF, 0xFE].into_iter().chain(units().flat_map(u16::to_le_bytes)).collect();
    let big: Vec<u8> = [0xFE, 0xFF].into_iter().chain(units().flat_map(u16::to_be_bytes)).collect();
    assert_eq!(facts(&little), (wanted.clone(), 1));
    assert_eq!(facts(&big), (wanted, 1));
}

#[test]
fn other_files_say_what_they_look_like() {
    let cases: [(&[u8], Code, &str); 14] = [
        (b"PK\x03\x04\x14\0\0\0\x08\0facture.xml", Code::KindNotHandled, "archive ZIP"),
        (b"PK\x03\x04\x14\0\0\0\x08\0[Content_Types].xml", Code::NotAnInvoice, "Word, Excel"),
        (b"PK\x03\x04\x14\0\0\0\0\0mimetypeapplication/vnd.oasis.opendocument.text", Code::NotAnInvoice, "LibreOffice"),
        (b"\x1F\x8B\x08\0\0\0", Code::KindNotHandled, "gzip"),
        (b"\xFF\xD8\xFF\xE0\0\x10JFIF", Code::NotAnInvoice, "JPEG"),
        (b"\x89PNG\r\n\x1A\n", Code::NotAnInvoice, "PNG"),
        (b"II*\0\x08\0\0\0", Code::NotAnInvoice, "TIFF"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Code::NotAnInvoice, "ancien format"),
        (b"7z\xBC\xAF\x27\x1C", Code::NotAnInvoice, "7z ou RAR"),
        (b"UNB+UNOC:3+5412345678908+8798765432106+020102:1000+12345'", Code::NotAnInvoice, "EDIFACT"),
        (b"\x01\x02\x03\xFE\xDC\0\0\x99", Code::NotAnInvoice, "binaires"),
        (b"%PDF-1.7\n%cut", Code::NotAnInvoice, "PDF endommagé"),
        (b"<html><body>erreur", Code::NotAnInvoice, "HTML"),
        (b"date,nom\n2026,x\n2027,y\n", Code::NotAnInvoice, "CSV"),
    ];
    for (bytes, code, text) in cases {
        let (found, title) = fault(bytes);
        assert_eq!(found, code, "{title}");
        assert!(title.contains(text), "{title}");
    }
    let mut tar = vec![0_u8; 1024];
    tar[..11].copy_from_slice(b"facture.xml");
    tar[257..262].copy_from_slice(b"ustar");
    assert_eq!(fault(&tar).0, Code::KindNotHandled);
}
