//! Readable images, read again with tools of others: qpdf and poppler.

use std::path::Path;
use std::process::{Command, Output};

use super::corpus::{Official, mini};
use super::sample;
use crate::fault::{Code, Fault, Language};
use crate::invoice::conversion::{Source, Target, convert};
use crate::invoice::image::{Image, Making, NoImage, images};
use crate::invoice::{Options, Profile};

const WORDS: &str = "Image reconstituée, l'original fait foi";

fn each(name: &str, bytes: &[u8]) -> Result<Vec<Result<Image, NoImage>>, Fault> {
    let making = Making { day: "2026-11-26", maker: "Fluxgate" };
    images(Source { name, bytes }, making, &Options::default())
}

fn image(name: &str, bytes: &[u8]) -> Image {
    let mut all = each(name, bytes).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
    assert_eq!(all.len(), 1, "{name}");
    all.remove(0).unwrap_or_else(|none| panic!("{name}: {none:?}"))
}

/// A tool on a file: what it said, once it says that all is well.
pub(super) fn tool(program: &str, words: &[&str], file: &Path) -> String {
    let mut command = Command::new(program);
    // What it writes about goes to standard output where the file's name is followed by a dash.
    match program {
        "pdftotext" => command.args(words).arg(file).arg("-"),
        _ => command.args(words).arg(file),
    };
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{program}: {error}: tests/run installs it"));
    let said = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{program} {}: {said}{}", file.display(), String::from_utf8_lossy(&stderr));
    said
}

/// The text as one line, whichever spaces stand in it: cell by cell, then again row by row.
fn text_of(pdf: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("image.pdf");
    std::fs::write(&file, pdf).unwrap();
    let cells = tool("pdftotext", &["-enc", "UTF-8"], &file);
    plain(&format!("{cells} {}", tool("pdftotext", &["-enc", "UTF-8", "-layout"], &file)))
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Sound, tagged, PDF/A-3, and with the original in it, byte for byte.
fn is_archivable(name: &str, original: &[u8], pdf: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("image.pdf");
    std::fs::write(&file, pdf).unwrap();
    let checked = tool("qpdf", &["--check"], &file);
    assert!(checked.contains("No syntax or stream encoding errors found"), "{name}: {checked}");
    let info = tool("pdfinfo", &[], &file);
    for line in ["Tagged: yes", "Page size: 595.28 x 841.89 pts (A4)", "JavaScript: no"] {
        assert!(plain(&info).contains(line), "{name}: {line}: {info}");
    }
    let meta = tool("pdfinfo", &["-meta"], &file);
    for claim in ["<pdfaid:part>3<", "<pdfaid:conformance>B<", "<pdfuaid:part>1<"] {
        assert!(meta.contains(claim), "{name}: {claim}: {meta}");
    }
    let out = dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    tool("pdfdetach", &["-saveall", "-o", out.to_str().unwrap()], &file);
    let found: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    assert_eq!(found[0].file_name().unwrap().to_str(), Some(name));
    assert!(std::fs::read(&found[0]).unwrap() == original, "{name}: the original is unchanged");
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn replaced(text: &str, from: &str, to: &str) -> String {
    let changed = text.replace(from, to);
    assert_ne!(text, changed, "{from} is there");
    changed
}

pub(super) fn ubl() -> String {
    String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap()
}

#[test]
fn an_image_says_what_the_invoice_says_and_holds_the_original() {
    let text = replaced(&ubl(), "Université Exemple", "Œuvres &amp; Cœur – 5 € l'été, SARL");
    let Image { number, pdf } = image("facture été.xml", text.as_bytes());
    assert_eq!(number, "FA-2026-0101");
    is_archivable("facture été.xml", text.as_bytes(), &pdf);
    let read = text_of(&pdf);
    for said in [
        WORDS,
        &sha256(text.as_bytes()),
        "Facture FA-2026-0101",
        "Œuvres & Cœur – 5 € l'été, SARL",
        "Services de l'État, comptabilité",
        "SIRET : 12345678200051",
        "SIRET : 11000201100044",
        "N° de TVA : FR11123456782",
        "16/11/2026",
        "16/12/2026",
        "A1 · Facture d'un fournisseur",
        "Formation « analyse de données », journée",
        "3 jours",
        "2 850,00 €",
        "570,00",
        "3 420,00 €",
        "FR76 3000 1007 9412 3456 7890 185",
        "Prestation de formation continue.",
        "Contrôle de l'original : aucune anomalie",
        "EN 16931 1.3.16, ",
        "page 1 / ",
    ] {
        assert!(read.contains(said), "{said}: {read}");
    }
    assert!(pdf == image("facture été.xml", text.as_bytes()).pdf, "the same makes the same bytes");
}

#[test]
fn what_comes_as_cii_credit_note_or_pdf_has_an_image_too() {
    for (name, kind) in [("facture-cii.xml", "Facture"), ("avoir-ubl.xml", "Avoir"), ("facture-facturx.pdf", "Facture")]
    {
        let Image { number, pdf } = image(name, sample(name));
        is_archivable(name, sample(name), &pdf);
        let read = text_of(&pdf);
        assert!(read.contains(&format!("{kind} {number}")) && read.contains(WORDS), "{name}: {read}");
        assert_eq!(read.contains("Ligne de l'avoir"), kind == "Avoir", "{name}: {read}");
        assert!(read.contains(&sha256(sample(name))), "{name}: the hash of what came");
    }
}

#[test]
fn a_rejected_invoice_has_an_image_that_says_what_is_wrong_and_what_the_model_has_no_place_for() {
    let wrong = sample("facture-totaux-faux.xml");
    let read = text_of(&image("f.xml", wrong).pdf);
    assert!(read.contains("Contrôle de l'original : ") && read.contains("BR-CO-15"), "{read}");
    assert!(read.contains(&format!("tables {}", crate::invoice::tables::VERSION)), "{read}");
    assert!(read.contains("Que faire : "), "{read}");
    let signed = replaced(
        &ubl(),
        "<cac:AccountingSupplierParty>",
        "<cac:Signature><cbc:ID>cachet n° 7</cbc:ID></cac:Signature><cac:AccountingSupplierParty>",
    );
    let read = text_of(&image("f.xml", signed.as_bytes()).pdf);
    assert!(read.contains("Dans l'original, hors du modèle de facture"), "{read}");
    assert!(read.contains("Invoice/Signature/ID") && read.contains("cachet n° 7"), "{read}");
    // The rules are those that were asked for.
    let options = Options { profile: Profile::G2b, ..Options::default() };
    let making = Making { day: "2026-11-26", maker: "Fluxgate" };
    let french = images(Source { name: "f.xml", bytes: signed.as_bytes() }, making, &options).unwrap().remove(0);
    assert!(text_of(&french.unwrap().pdf).contains("BR-FR-"), "the French rules are g2b's");
}

#[test]
fn a_figure_that_nobody_wrote_is_not_shown_as_zero() {
    let text = ubl();
    let due = "<cbc:PayableAmount currencyID=\"EUR\">3420.00</cbc:PayableAmount>";
    let read = text_of(&image("f.xml", replaced(&text, due, "").as_bytes()).pdf);
    assert!(read.contains("Net à payer non indiqué") && !read.contains(" 0,00"), "{read}");
    // Not an amount: as it stands there.
    for (from, to, shown) in [
        (due, "<cbc:PayableAmount currencyID=\"EUR\">3420,00</cbc:PayableAmount>", "3420,00 (tel qu'écrit)"),
        (
            "<cbc:TaxExclusiveAmount currencyID=\"EUR\">2850.00",
            "<cbc:TaxExclusiveAmount currencyID=\"EUR\">2850.001",
            "2850.001 (tel qu'écrit)",
        ),
        ("<cbc:TaxableAmount currencyID=\"EUR\">2850.00", "<cbc:TaxableAmount currencyID=\"EUR\">2 850", "2 850 (tel"),
        ("<cbc:PriceAmount currencyID=\"EUR\">850.00", "<cbc:PriceAmount currencyID=\"EUR\">huit", "huit (tel"),
        (
            "<cbc:LineExtensionAmount currencyID=\"EUR\">300.00",
            "<cbc:LineExtensionAmount currencyID=\"EUR\">",
            "non indiqué",
        ),
        ("<cbc:InvoicedQuantity unitCode=\"DAY\">3<", "<cbc:InvoicedQuantity unitCode=\"DAY\">trois<", "trois (tel"),
    ] {
        let read = text_of(&image("f.xml", replaced(&text, from, to).as_bytes()).pdf);
        assert!(read.contains(shown) && !read.contains(" 0,00"), "{to}: {read}");
    }
    // A zero that somebody wrote is one.
    let free = replaced(&text, due, "<cbc:PayableAmount currencyID=\"EUR\">0.00</cbc:PayableAmount>");
    assert!(text_of(&image("f.xml", free.as_bytes()).pdf).contains("Net à payer 0,00 €"));
    let cii = String::from_utf8(sample("facture-cii.xml").to_vec()).unwrap();
    let (start, rest) = cii.split_once("<ram:DuePayableAmount").unwrap();
    let without = format!("{start}{}", rest.split_once("</ram:DuePayableAmount>").unwrap().1);
    let read = text_of(&image("f.xml", without.as_bytes()).pdf);
    assert!(read.contains("Net à payer non indiqué"), "{read}");
}

/// Whole euros, where a page says what is carried over.
fn carried_in(page: &str, label: &str) -> Option<usize> {
    let (euros, _) = page.split_once(label)?.1.split_once(',')?;
    euros.replace(' ', "").parse().ok()
}

#[test]
fn a_thousand_lines_go_on_under_their_header() {
    let text = ubl();
    let at = text.find("<cac:InvoiceLine>").unwrap();
    let end = text.find("</cac:InvoiceLine>").unwrap() + "</cac:InvoiceLine>".len();
    let line = &text[at..end];
    let many: String =
        (3..=1000).map(|n| line.replace("<cbc:ID>1</cbc:ID>", &format!("<cbc:ID>{n}</cbc:ID>"))).collect();
    let long = replaced(&text, "</Invoice>", &format!("{many}</Invoice>"));
    let pdf = image("long.xml", long.as_bytes()).pdf;
    is_archivable("long.xml", long.as_bytes(), &pdf);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("image.pdf");
    std::fs::write(&file, &pdf).unwrap();
    let text = tool("pdftotext", &["-enc", "UTF-8", "-layout"], &file);
    let pages: Vec<&str> = text.split('\u{c}').filter(|page| !page.trim().is_empty()).collect();
    assert!(pages.len() > 15, "{}", pages.len());
    for (at, page) in pages.iter().enumerate() {
        let page = plain(page);
        assert!(page.contains(&format!("page {} / {}", at + 1, pages.len())), "{page}");
        assert!(page.contains("Désignation Quantité") || !page.contains("Formation « analyse"), "{page}");
    }
    // The sum of the lines so far stands where the table goes on overleaf: 2 550 each, but 300 of the second.
    let mut lines = 1;
    let mut carried = None;
    for page in pages.iter().map(|page| plain(page)) {
        assert_eq!(carried_in(&page, " Report : "), carried, "{page}");
        lines += page.matches("Formation « analyse").count();
        let goes_on = lines < 1000 && lines > 1;
        carried = goes_on.then(|| 2550 * (lines - 1) + 300);
        assert_eq!(carried_in(&page, " À reporter : "), carried, "{page}");
    }
    // From a line on whose amount is none there is no such sum.
    let odd = replaced(&long, "<cbc:ID>500</cbc:ID>", "<cbc:ID>500</cbc:ID><!-- -->");
    let (before, after) = odd.split_once("<!-- -->").unwrap();
    let odd = format!("{before}{}", after.replacen(">2550.00<", ">2550,00<", 1));
    let read = text_of(&image("long.xml", odd.as_bytes()).pdf);
    let [found, all] = [&read, &text].map(|read| read.matches("À reporter :").count());
    assert!(found > all / 4 && found < all * 2, "{found} of {all}");
    let cells = plain(&tool("pdftotext", &["-enc", "UTF-8"], &file));
    let text = plain(&text);
    assert_eq!(cells.matches("Formation « analyse de données », journée").count(), 999);
    for n in [3, 500, 1000] {
        assert!(text.contains(&format!(" {n} Formation")), "line {n}");
    }
}

#[test]
fn each_invoice_of_a_pivot_has_an_image_whole_or_not() {
    let source = Source { name: "facture.xml", bytes: sample("facture-ubl.xml") };
    let pivot = convert(source, Target::Pivot, "2026-11-26", &Options::default()).unwrap().remove(0).bytes;
    let text = replaced(&String::from_utf8(pivot).unwrap(), "</Fournisseur>", "<Sceau>rouge</Sceau></Fournisseur>");
    let start = text.find("<CPPFacturePivotUnitaire").unwrap();
    let end = text.find("</CPPFacturePivotUnitaire>").unwrap() + "</CPPFacturePivotUnitaire>".len();
    let second = replaced(&text[start..end], "FA-2026-0101", "FA-2026-0102");
    let second = replaced(&second, "<Devise>EUR</Devise>", "<Devise></Devise>");
    let two = format!("{}{second}{}", &text[..end], &text[end..]);
    let made = each("pivot.xml", two.as_bytes()).unwrap();
    assert_eq!(made.len(), 2);
    let first = made[0].as_ref().unwrap();
    assert_eq!(first.number, "FA-2026-0101");
    is_archivable("pivot.xml", two.as_bytes(), &first.pdf);
    let read = text_of(&first.pdf);
    assert!(read.contains("Université Exemple") && read.contains("Contrôle de l'UBL fait de ce pivot"), "{read}");
    // Findings are about lines of the UBL, which nobody has; what has no place is shown with its value.
    assert!(read.contains("l'original est un pivot de Chorus Pro"), "{read}");
    assert!(read.contains("Où : ") && !read.contains("(ligne "), "{read}");
    assert!(read.contains("Fournisseur/Sceau") && read.contains("rouge"), "{read}");
    let second = made[1].as_ref().unwrap();
    assert_eq!(second.number, "FA-2026-0102");
    assert!(text_of(&second.pdf).contains("FG-218"), "{}", text_of(&second.pdf));

    // What a pivot does not give is said not to be, and what is no amount stands as it is written.
    let unit = &text[start..end];
    let without = |element: &str| {
        let (from, to) = (unit.find(&format!("<{element}>")).unwrap(), unit.find(&format!("</{element}>")).unwrap());
        unit[from..to + element.len() + 3].to_owned()
    };
    for (from, with, said) in [
        (without("Lignes"), "", "la ventilation de la TVA"),
        (
            without("TVAs"),
            "<TVAs><TVA><Taux>20</Taux><BaseHt/><MontantTVA>1,5</MontantTVA></TVA></TVAs>",
            "1,5 (tel qu'écrit)",
        ),
        (without("Montants"), "<Montants/>", "non indiqué"),
        (without("MontantHT"), "<MontantHT>99.001</MontantHT>", "99.001 (tel qu'écrit)"),
        (without("PrixUnitaire"), "", "non indiqué"),
        (without("Quantite"), "<Quantite>trois</Quantite>", "trois (tel qu'écrit)"),
        (without("TauxTVA"), "", "Ligne n° 1/TauxTVA"),
        (without("DateEmissionFacture"), "", "DonneesFacture/DateEmissionFacture"),
        (without("Debiteur"), "<Debiteur/>", "Debiteur/Nom"),
        (without("Fournisseur"), "<Fournisseur/>", "Fournisseur/RaisonSociale"),
        (without("Type"), "<Type></Type>", "DonneesFacture/Type"),
    ] {
        let bare = replaced(&text, &from, with);
        // Without a breakdown nothing says what the rate of a line would be.
        let bare = if said.starts_with("la ventilation") || said.ends_with("TauxTVA") {
            replaced(&bare, &without("TVAs"), "")
        } else {
            bare
        };
        let read = text_of(&image("pivot.xml", bare.as_bytes()).pdf);
        assert!(read.contains(said) && read.contains("FG-218"), "{from} -> {with}: {said}: {read}");
    }
    let Some(least) = crate::reference::reference("chorus-pro/examples/pivot_min.xml") else { return };
    let least = std::fs::read(least).unwrap();
    let read = text_of(&image("pivot_min.xml", &least).pdf);
    assert!(read.contains("FG-218") && read.contains("les lignes de la facture"), "{read}");
    assert!(read.contains("Total des lignes HT non indiqué"), "{read}");
}

#[test]
fn what_cannot_be_read_has_no_image_and_says_why() {
    for (bytes, code) in
        [(&b""[..], Code::EmptyFile), (b"ABC", Code::NotAnInvoice), (b"<Order xmlns=\"urn:x\"/>", Code::NotAnInvoice)]
    {
        let fault = each("f", bytes).unwrap_err();
        assert_eq!(fault.code, code, "{}", fault.title(Language::En));
    }
}

/// Every file of the corpus, most of which are wrong in one way; held against other tools are a few of each kind.
#[test]
fn every_invoice_of_the_corpus_has_an_image() {
    const CHECKED: usize = 40;
    let Some(files) = mini() else { return };
    let (mut drawn, mut without) = (0, Vec::new());
    for (at, line) in String::from_utf8(files["verdicts.jsonl"].clone()).unwrap().lines().enumerate() {
        let official: Official = serde_json::from_str(line).unwrap();
        let bytes = &files[&official.file];
        match each(&official.file, bytes) {
            Ok(mut made) => {
                let made = made.remove(0).unwrap_or_else(|none| panic!("{}: {none:?}", official.file));
                if at % CHECKED == 0 {
                    is_archivable(&official.file, bytes, &made.pdf);
                }
                drawn += 1;
            }
            Err(fault) => without.push(format!("{}: {}", official.file, fault.title(Language::En))),
        }
    }
    println!("drawn: {drawn}; not: {without:#?}");
    assert!(drawn > 900, "{drawn}");
}
