use proptest::prelude::*;

use super::*;
use crate::fault::Language;
use crate::invoice::{self, Options, Syntax, Verdict};

const LINES: &str = "<Lignes><Ligne NumOrdre=\"7\"><ReferenceProduit>Étude</ReferenceProduit><PrixUnitaire>50.000000</PrixUnitaire>\
    <Quantite>2</Quantite><MontantHT>100</MontantHT><TauxTVA>20.0</TauxTVA></Ligne></Lignes>";
const TAXES: &str = "<TVAs><TVA><Taux>20</Taux><BaseHt>100.00</BaseHt><MontantTVA>20.00</MontantTVA></TVA></TVAs>";

/// A pivot of one invoice, as the XSD V2_02 orders it.
fn unit(number: &str, kind: &str, taxes: &str, lines: &str, rest: &str) -> String {
    format!(
        "<CPPFacturePivotUnitaire NumOrdre=\"1\"><Fournisseur><TypeIdentifiant>1</TypeIdentifiant>\
         <Identifiant>12345678200051</Identifiant><RaisonSociale>Université œ &amp; Cie</RaisonSociale><CodePays>FR</CodePays>\
         <ReferenceBancaire Type=\"IBAN\"><Compte>FR76 3000 6000 0112 3456 7890 189</Compte></ReferenceBancaire>\
         <ModeEmission>flux</ModeEmission></Fournisseur><Debiteur><TypeIdentifiant>1</TypeIdentifiant>\
         <Identifiant>11000201100044</Identifiant><Nom>Service de l'État</Nom><CodeService>COMPTA</CodeService></Debiteur>\
         <DonneesFacture><Id>{number}</Id><Type>{kind}</Type><Cadre>A1</Cadre><DateEmissionFacture>2026-11-19</DateEmissionFacture>\
         <ModePaiement><Code>30</Code></ModePaiement><DateReception>2026-11-20</DateReception><Devise>EUR</Devise>\
         <Montants><MontantHT>100.00</MontantHT><MontantTTC>120.00</MontantTTC><MontantNetAPayer>110.00</MontantNetAPayer></Montants>\
         {taxes}<Engagement><NumeroEngagement>4500001</NumeroEngagement></Engagement>{lines}</DonneesFacture>{rest}\
         </CPPFacturePivotUnitaire>"
    )
}

fn pivot_of(units: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CPPFacturePivot Version=\"V2_02\"><Enveloppe/>\
         <CPPFactures Compteur=\"1\">{units}</CPPFactures></CPPFacturePivot>"
    )
}

fn one(unit: &str) -> Result<Converted, Incomplete> {
    let mut all = convert(pivot_of(unit).as_bytes(), &Limits::default()).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn missing(unit: &str) -> String {
    one(unit).unwrap_err().fault.title(Language::En)
}

#[test]
fn a_full_pivot_becomes_an_invoice_that_our_own_check_accepts() {
    let piece = "<PJ NumOrdre=\"1\"><Contenu>JVBERi0xLjcK</Contenu><NomPJ>facture.pdf</NomPJ><TypePJ>01</TypePJ>\
                 <MimeTypePJ>application/pdf</MimeTypePJ></PJ><CycleDeValidation><Etape>x</Etape></CycleDeValidation>";
    let converted = one(&unit("P-1", "380", TAXES, LINES, piece)).unwrap();
    let options = Options { sandbox: true, ..Options::default() };
    let examined = invoice::examine(&converted.ubl, &options);
    assert_eq!((examined.verdict, examined.syntax), (Verdict::Accept, Some(Syntax::UblInvoice)), "{examined:#?}");
    let facts = examined.facts.unwrap();
    assert_eq!(facts.number.unwrap().as_str(), "P-1");
    assert_eq!((facts.supplier.as_str(), facts.recipient.as_str()), ("12345678200051", "11000201100044"));
    assert_eq!(facts.supplier_name, "Université œ & Cie");
    assert_eq!((facts.payable.as_deref(), facts.currency.as_deref()), (Some("110.00"), Some("EUR")));
    assert_eq!((facts.engagement.as_deref(), facts.service_code.as_deref()), (Some("4500001"), Some("COMPTA")));
    assert_eq!((facts.frame.as_deref(), facts.issue_date.as_deref()), (Some("A1"), Some("2026-11-19")));
    assert_eq!(facts.attachments.len(), 1);
    let text = String::from_utf8(converted.ubl).unwrap();
    assert!(text.contains("FR7630006000011234567890189") && text.contains(">Étude<") && text.contains(">10.00<"));
    let lost: Vec<_> = converted.lost.iter().map(|lost| (lost.place.as_str(), lost.value.as_str())).collect();
    let (mode, day) = (("Fournisseur/ModeEmission", "flux"), ("DonneesFacture/DateReception", "2026-11-20"));
    assert_eq!(lost, [mode, day, ("CycleDeValidation/Etape", "x")]);
    // Sums hold: the standard has nothing to say about them (a pivot has no date on which payment is due).
    assert!(!examined.findings.iter().any(|f| f.rule.starts_with("BR-CO-1")), "{:#?}", examined.findings);
}

#[test]
fn a_credit_note_goes_without_means_of_payment_and_says_so() {
    let converted = one(&unit("P-2", "381", TAXES, LINES, "")).unwrap();
    assert!(String::from_utf8_lossy(&converted.ubl).contains("<CreditNote"));
    let lost = converted.lost.iter().map(|lost| lost.place.as_str()).collect::<Vec<_>>().join(" ");
    assert!(lost.contains("ModePaiement/Code") && lost.contains("ReferenceBancaire/Compte"), "{lost}");
}

#[test]
fn everything_that_is_missing_is_named() {
    let bare = missing(&unit("P-3", "380", "", "", ""));
    assert!(bare.contains("VAT breakdown") && bare.contains("the invoice's lines"), "{bare}");
    let nameless =
        unit("P-5", "380", TAXES, &LINES.replace("Étude", ""), "").replace("<Nom>Service de l'État</Nom>", "");
    let said = missing(&nameless);
    assert!(said.contains("Debiteur/Nom") && said.contains("Ligne n° 1/ReferenceProduit"), "{said}");
    let said = missing(&unit("P-6", "380", TAXES, &LINES.replace("<MontantHT>100<", "<MontantHT>90<"), ""));
    assert!(said.contains("sum to 90.00") && said.contains("100.00"), "{said}");
    let said = missing(&unit("P-7", "380", TAXES, &LINES.replace("<MontantHT>100<", "<MontantHT>100.001<"), ""));
    assert!(said.contains("to the cent (100.001)"), "{said}");
}

/// The same without tax: its totals, and a line of these words.
fn untaxed(number: &str, taxes: &str, words: &str) -> String {
    let lines = LINES.replace("20.0<", "0<").replace("Étude", words);
    unit(number, "380", taxes, &lines, "").replace("120.00", "100.00").replace("110.00", "100.00")
}

const NO_TAX: &str = "<TVAs><TVA><Taux>0.00</Taux><BaseHt>100.00</BaseHt><MontantTVA>0</MontantTVA></TVA></TVAs>";

/// What our own check says of it under the profile that pivots are dropped with.
fn examined(converted: &Converted) -> invoice::Examined {
    invoice::examine(&converted.ubl, &Options { sandbox: true, ..Options::default() })
}

fn readings(converted: &Converted) -> Vec<&str> {
    converted.readings.iter().map(|text| text.en.as_str()).collect()
}

#[test]
fn a_rate_of_zero_has_the_category_that_the_pivots_own_words_give_it() {
    for (number, words, category, reason) in [
        ("P-10", "Formation exonérée de TVA, art. 261-4-4° CGI", "E", true),
        ("P-11", "TVA non applicable, art. 293 B du CGI", "E", true),
        ("P-12", "Travaux, autoliquidation de la taxe par le preneur", "AE", true),
        ("P-13", "Étude", "Z", false),
    ] {
        for taxes in [NO_TAX, ""] {
            let converted = one(&untaxed(number, taxes, words)).unwrap();
            let examined = examined(&converted);
            assert_eq!(
                (examined.verdict, examined.syntax),
                (Verdict::Accept, Some(Syntax::UblInvoice)),
                "{examined:#?}"
            );
            let wrong = examined.findings.iter().find(|f| {
                ["BR-S-", "BR-Z-", "BR-E-", "BR-AE-"].iter().any(|rule| f.rule.starts_with(rule))
                    // A pivot has nobody's VAT number.
                    && !["-02", "-03", "-04"].iter().any(|rule| f.rule.ends_with(rule))
            });
            assert_eq!(wrong, None, "{number}");
            let text = String::from_utf8(converted.ubl.clone()).unwrap();
            assert_eq!(text.matches(&format!("<cbc:ID>{category}</cbc:ID>")).count(), 2, "breakdown and line: {text}");
            assert_eq!(text.contains(&format!("<cbc:TaxExemptionReason>{words}<")), reason, "{text}");
            assert!(readings(&converted).iter().any(|said| said.contains(&format!("({category})"))), "{number}");
        }
    }
    let line = "<Ligne NumOrdre=\"8\"><ReferenceProduit>autoliquidation</ReferenceProduit><PrixUnitaire>0</PrixUnitaire>\
                <Quantite>1</Quantite><MontantHT>0</MontantHT></Ligne></Lignes>";
    assert!(missing(&untaxed("P-14", NO_TAX, "exonéré").replace("</Lignes>", line)).contains("which rate of zero"));
    assert!(missing(&untaxed("P-15", NO_TAX, "Livraison intracommunautaire")).contains("a supply abroad"));
}

#[test]
fn a_breakdown_that_is_missing_is_the_sum_of_the_lines_where_it_agrees_with_the_totals() {
    let converted = one(&unit("P-16", "380", "", LINES, "")).unwrap();
    let examined = examined(&converted);
    assert_eq!(examined.verdict, Verdict::Accept);
    assert!(
        !examined
            .findings
            .iter()
            .any(|f| f.rule.starts_with("BR-CO-1") || ["BR-S-08", "BR-S-09"].contains(&f.rule.as_str())),
        "{examined:#?}"
    );
    assert_eq!(readings(&converted), ["VAT broken down by the lines and the totals"]);
    let other = LINES.replace("20.0<", "10<");
    assert!(
        missing(&unit("P-17", "380", "", &other, "")).contains("by its lines the VAT is 10.00, by its totals 20.00")
    );
    let silent = LINES.replace("<TauxTVA>20.0</TauxTVA>", "");
    assert!(missing(&unit("P-18", "380", "", &silent, "")).contains("the VAT breakdown"));
}

#[test]
fn an_invoice_without_lines_goes_in_the_mixed_kind_where_its_pdf_is_there_and_not_otherwise() {
    let piece = |content: &str| {
        format!(
            "<PJ NumOrdre=\"1\"><Contenu>{content}</Contenu><NomPJ>facture.pdf</NomPJ><TypePJ>01</TypePJ>\
             <MimeTypePJ>application/pdf</MimeTypePJ></PJ>"
        )
    };
    let converted = one(&unit("P-19", "380", TAXES, "", &piece("JVBERi0xLjcK"))).unwrap();
    let examined = examined(&converted);
    assert_eq!((examined.verdict, examined.syntax), (Verdict::Accept, Some(Syntax::UblMin)), "{examined:#?}");
    assert_eq!(readings(&converted), ["no lines: the mixed kind, whose invoice is the PDF \"facture.pdf\""]);
    assert!(!String::from_utf8_lossy(&converted.ubl).contains("InvoiceLine"));
    assert!(missing(&unit("P-21", "381", TAXES, "", &piece("JVBERi0xLjcK"))).contains("the credit note's lines"));
    for other in ["", "PEludm9pY2UvPg=="] {
        let fault = one(&unit("P-20", "380", TAXES, "", &piece(other))).unwrap_err().fault;
        assert!(fault.title(Language::En).contains("the invoice's lines"), "{other}");
        assert!(fault.remedy(Language::En).contains("facture.pdf.json"), "the way that is left is named");
    }
}

#[test]
fn each_invoice_of_a_pivot_has_its_own_outcome() {
    let units = unit("P-8", "380", TAXES, LINES, "") + &unit("P-9", "380", TAXES, "", "");
    let all = convert(pivot_of(&units).as_bytes(), &Limits::default()).unwrap();
    assert_eq!(all[0].as_ref().unwrap().number, "P-8");
    assert_eq!(all[1].as_ref().unwrap_err().number, "P-9");
    assert!(!String::from_utf8_lossy(&all[0].as_ref().unwrap().ubl).contains("P-9"));
}

#[test]
fn what_is_no_pivot_is_told_apart() {
    assert!(is_pivot(pivot_of("").as_bytes()));
    assert!(!is_pivot(b"<Invoice/>") && !is_pivot(b"CPPFacturePivot") && !is_pivot(b"%PDF-"));
    let error = convert(pivot_of("").as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!(error.code, FaultCode::PivotNotRead);
}

proptest! {
    #[test]
    fn never_panics(at in 0usize..3000, byte in any::<u8>(), cut in 0usize..3000) {
        let mut bytes = pivot_of(&unit("P-1", "380", TAXES, LINES, "")).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = convert(&bytes, &Limits::default());
        let _ = convert(&bytes[..cut % bytes.len()], &Limits::default());
    }
}

#[test]
fn the_preceding_invoice_and_the_whole_account_are_taken_over() {
    let whole = unit("P-20", "380", TAXES, LINES, "")
        .replace("</Compte>", "</Compte><Etablissement>BNPAFRPPXXX</Etablissement><RaisonSocialeEncaisseur>Régie</RaisonSocialeEncaisseur>")
        .replace("</Id><Type>", "</Id><IdFactureOrigine>P-19</IdFactureOrigine><Type>");
    let converted = one(&whole).unwrap();
    let text = String::from_utf8(converted.ubl).unwrap();
    assert!(text.contains("<cac:BillingReference>") && text.contains(">P-19<"), "{text}");
    assert!(text.contains(">BNPAFRPPXXX<") && text.contains(">Régie<"), "{text}");
    let lost = |converted: &Converted| converted.lost.iter().map(|lost| lost.value.clone()).collect::<Vec<_>>();
    let transport = ["flux", "2026-11-20"];
    assert_eq!(one(&whole).map(|converted| lost(&converted)).unwrap(), transport);
    // The name of a bank is no BIC; a scanned invoice names itself as its origin.
    let scanned = whole.replace("BNPAFRPPXXX", "Banque").replace(">flux<", ">numérisation<");
    let converted = one(&scanned).unwrap();
    assert_eq!(lost(&converted), ["Banque", "numérisation", "P-19", "2026-11-20"]);
    assert!(!String::from_utf8(converted.ubl).unwrap().contains("P-19"));
}

/// Each line of a pivot may leave several holes; they are made in one go.
#[test]
fn as_many_holes_as_there_may_be_lines_are_made_soon() {
    let started = std::time::Instant::now();
    let line = |n: usize| {
        format!("<Ligne NumOrdre=\"{n}\"><ReferenceProduit>A{n}</ReferenceProduit><MontantHT>x{n}</MontantHT></Ligne>")
    };
    let lines: String = (1..=3_900).map(line).collect();
    let whole = unit("P-21", "380", TAXES, &format!("<Lignes>{lines}</Lignes>"), "");
    let draft = drafts(pivot_of(&whole).as_bytes(), &Limits::default()).unwrap().remove(0).unwrap();
    let text = String::from_utf8(draft.ubl).unwrap();
    assert_eq!(text.matches("<cac:InvoiceLine>").count(), 3_900);
    assert!(text.contains(">x1<") && text.contains(">x3900<"), "what is no amount stands as it is written");
    assert!(!text.contains("<cbc:PriceAmount") && !text.contains("<cbc:InvoicedQuantity"), "nothing is made up");
    assert!(text.contains(">A3900<") && draft.fault.is_some());
    assert!(started.elapsed() < std::time::Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn a_pivot_of_a_version_nobody_knows_is_read_as_the_newest_and_that_is_said() {
    let known = pivot_of(&unit("P-1", "380", TAXES, LINES, ""));
    let told = |version: &str| {
        let text = known.replace("Version=\"V2_02\"", version);
        let made = convert(text.as_bytes(), &Limits::default()).unwrap().remove(0).unwrap();
        made.told(Syntax::UblInvoice).iter().map(|fault| fault.title(Language::En)).collect::<Vec<_>>()
    };
    for silent in ["Version=\"V2_02\"", "Version=\"V1_20\"", ""] {
        assert!(!told(silent).iter().any(|told| told.contains("unknown here")), "{silent}");
    }
    let told = told("Version=\"V3_00\"");
    assert!(told.iter().any(|told| told.contains("version \"V3_00\", unknown here, as V2_02")), "{told:?}");
}

/// A line is read without a look at all the others: ten times the lines take no hundred times as long.
#[test]
fn many_lines_at_a_rate_of_zero_cost_no_more_each_than_few() {
    let taken = |lines: usize| {
        let line = "<Ligne><ReferenceProduit>Heure de cours</ReferenceProduit><PrixUnitaire>1</PrixUnitaire>\
                    <Quantite>1</Quantite><MontantHT>1</MontantHT><TauxTVA>0</TauxTVA></Ligne>";
        let text = pivot_of(&unit("P-1", "380", "", &format!("<Lignes>{}</Lignes>", line.repeat(lines)), ""))
            .replace("<MontantHT>100.00<", &format!("<MontantHT>{lines}.00<"))
            .replace("<MontantTTC>120.00<", &format!("<MontantTTC>{lines}.00<"));
        let begun = std::time::Instant::now();
        let made = convert(text.as_bytes(), &Limits::default()).unwrap().remove(0);
        assert_eq!(made.unwrap().number, "P-1");
        begun.elapsed()
    };
    let few = (0..3).map(|_| taken(2_000)).min().unwrap();
    let many = taken(20_000);
    assert!(many < few * 40, "2,000 lines: {few:?}, 20,000: {many:?}");
}
