//! How a dropped file is announced to Chorus Pro, as content and route say; signed files; pivots, which are converted.

use std::collections::BTreeSet;

use fluxgate::chorus::FluxSyntax;
use fluxgate::domain::{DocumentHash, FlowId};
use lopdf::{Object, Stream, dictionary};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::batch::zip;
use crate::gateway::{Gateway, hurried, invoice, invoice_to, quick_limits};

const SUPPLIER: &str = "12345678200051";
pub const STATE: &str = "11000201100044";

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// UBL's head alone, with the invoice as a PDF inside.
fn ubl_min(number: &str) -> Vec<u8> {
    let whole = text(invoice(number));
    let (head, _) = whole.split_once("<cac:InvoiceLine>").unwrap();
    let pdf = "</cbc:DocumentCurrencyCode><cac:AdditionalDocumentReference><cbc:ID>facture</cbc:ID><cac:Attachment>\
        <cbc:EmbeddedDocumentBinaryObject mimeCode=\"application/pdf\" filename=\"facture.pdf\">JVBERi0=</cbc:EmbeddedDocumentBinaryObject>\
        </cac:Attachment></cac:AdditionalDocumentReference>";
    (head.replacen("</cbc:DocumentCurrencyCode>", pdf, 1) + "</Invoice>").into_bytes()
}

fn cii(number: &str) -> String {
    let sample = include_str!("../../src/app/samples/facture-cii.xml");
    let (before, rest) = sample.split_once("<rsm:ExchangedDocument>").unwrap();
    let (_, rest) = rest.split_once("</ram:ID>").unwrap();
    format!("{before}<rsm:ExchangedDocument><ram:ID>{number}</ram:ID>{rest}")
}

fn cii_min(number: &str) -> Vec<u8> {
    let whole = cii(number);
    let (before, _) = whole.split_once("<ram:IncludedSupplyChainTradeLineItem>").unwrap();
    let (_, after) = whole.rsplit_once("</ram:IncludedSupplyChainTradeLineItem>").unwrap();
    let pdf = "<ram:AdditionalReferencedDocument><ram:IssuerAssignedID>facture</ram:IssuerAssignedID><ram:TypeCode>916</ram:TypeCode>\
        <ram:AttachmentBinaryObject mimeCode=\"application/pdf\" filename=\"facture.pdf\">JVBERi0=</ram:AttachmentBinaryObject>\
        </ram:AdditionalReferencedDocument></ram:ApplicableHeaderTradeAgreement>";
    format!("{before}{}", after.replacen("</ram:ApplicableHeaderTradeAgreement>", pdf, 1)).into_bytes()
}

fn xcbl(number: &str) -> Vec<u8> {
    format!(
        "<Invoice xmlns=\"rrn:org.xcbl:schemas/xcbl/v4_0/financial/v1_0/financial.xsd\"><InvoiceHeader>\
         <InvoiceNumber>{number}</InvoiceNumber><InvoiceIssueDate>2026-11-20T00:00:00</InvoiceIssueDate><InvoiceParty>\
         <BuyerParty><PartyID><Ident>{STATE}</Ident></PartyID></BuyerParty>\
         <SellerParty><PartyID><Ident>{SUPPLIER}</Ident></PartyID></SellerParty></InvoiceParty></InvoiceHeader></Invoice>"
    )
    .into_bytes()
}

/// A CPPFactureMixte of several invoices.
pub fn mixed(numbers: &[&str]) -> Vec<u8> {
    let unit = |number: &&str| {
        format!(
            "<CPPFactureMixteUnitaire><Fournisseur><Identifiant>{SUPPLIER}</Identifiant></Fournisseur><Debiteur>\
             <Identifiant>{STATE}</Identifiant></Debiteur><DonneesFacture><Id>{number}</Id><Type>380</Type><Cadre>A1</Cadre>\
             <DateEmissionFacture>2026-11-20</DateEmissionFacture></DonneesFacture></CPPFactureMixteUnitaire>"
        )
    };
    let units: String = numbers.iter().map(unit).collect();
    format!("<CPPFactureMixte><CPPFactures Compteur=\"1\">{units}</CPPFactures></CPPFactureMixte>").into_bytes()
}

/// A PDF that carries a file; with a signature's dictionary when it is to be signed.
fn pdf_with(name: &str, xml: &[u8], signed: bool) -> Vec<u8> {
    let mut pdf = lopdf::Document::with_version("1.7");
    let embedded = pdf.add_object(Stream::new(dictionary! {"Type" => "EmbeddedFile"}, xml.to_vec()));
    let specification = pdf.add_object(dictionary! {
        "Type" => "Filespec",
        "F" => Object::string_literal(name),
        "UF" => Object::string_literal(name),
        "AFRelationship" => "Alternative",
        "EF" => dictionary! {"F" => embedded},
    });
    let names = dictionary! {"Names" => vec![Object::string_literal(name), specification.into()]};
    let pages = pdf.add_object(dictionary! {"Type" => "Pages", "Kids" => Vec::<Object>::new(), "Count" => 0});
    let mut catalog = dictionary! {
        "Type" => "Catalog",
        "Pages" => pages,
        "Names" => dictionary! {"EmbeddedFiles" => names},
        "AF" => vec![specification.into()],
    };
    if signed {
        let range: Vec<Object> = vec![0.into(), 20.into(), 40.into(), 60.into()];
        let signature = pdf.add_object(dictionary! {
            "Type" => "Sig",
            "SubFilter" => "ETSI.CAdES.detached",
            "ByteRange" => range,
            "Contents" => Object::string_literal("signature"),
        });
        catalog.set("Perms", dictionary! {"DocMDP" => signature});
    }
    let catalog = pdf.add_object(catalog);
    pdf.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    pdf.save_to(&mut bytes).unwrap();
    bytes
}

/// What the simulator got in a flux of that name.
fn deposited(gateway: &Gateway, name: &str) -> fluxgate::simulator::Deposit {
    let ledger = gateway.simulator.ledger();
    ledger
        .deposits
        .iter()
        .find(|deposit| deposit.file_name == name)
        .unwrap_or_else(|| panic!("{name}: {ledger:#?}"))
        .clone()
}

fn sha256(bytes: &[u8]) -> DocumentHash {
    DocumentHash(Sha256::digest(bytes).into())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_the_swaggers_syntaxes_is_reached_by_content_and_route() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    let cases: Vec<(&str, &str, Vec<u8>, &str, &str)> = vec![
        ("1.xml", "", invoice("SYN-1"), "IN_DP_E1_UBL_INVOICE", "integrated"),
        ("2.xml", "", cii("SYN-2").into_bytes(), "IN_DP_E1_CII_16B", "integrated"),
        ("3.xml", "IN_DP_E1_CII", cii("SYN-3").into_bytes(), "IN_DP_E1_CII", "integrated"),
        ("4.xml", "IN_DP_E2_CII_MIN", cii("SYN-4").into_bytes(), "IN_DP_E2_CII_MIN", "integrated"),
        ("5.xml", "", cii_min("SYN-5"), "IN_DP_E2_CII_MIN_16B", "integrated"),
        ("6.xml", "", ubl_min("SYN-6"), "IN_DP_E2_UBL_INVOICE_MIN", "integrated"),
        ("7.xml", "", xcbl("SYN-7"), "IN_DP_E1_XCBL", "integrated"),
        ("8.xml", "", b"<PES_Facture/>".to_vec(), "IN_DP_E1_PES_FACTURE", "rejected"),
        ("9.xml", "IN_DP_E2_PES_FACTURE_MIN", b"<PES_Aller/>".to_vec(), "IN_DP_E2_PES_FACTURE_MIN", "rejected"),
        ("10.xml", "", mixed(&["SYN-10", "SYN-11"]), "IN_DP_E2_CPP_FACTURE_MIN", "integrated"),
        ("12.pdf", "", pdf_with("factur-x.xml", cii("SYN-12").as_bytes(), false), "IN_DP_E2_CII_FACTURX", "integrated"),
        (
            "13.pdf",
            "IN_DP_PDFARCHIVE_CII_MUG",
            pdf_with("factur-x.xml", cii("SYN-13").as_bytes(), false),
            "IN_DP_PDFARCHIVE_CII_MUG",
            "integrated",
        ),
        (
            "14.pdf",
            "",
            pdf_with("archive.xml", &invoice("SYN-14"), false),
            "IN_DP_PDFARCHIVE_UBL_INVOICE_MUG",
            "integrated",
        ),
    ];
    let reached: BTreeSet<&str> = cases.iter().map(|(.., code, _)| *code).collect();
    assert_eq!(reached, FluxSyntax::listed().map(FluxSyntax::as_str).collect());
    for (name, wish, bytes, code, state) in cases {
        gateway.route_keys = format!("syntax = \"{wish}\"");
        gateway.reload();
        gateway.drop_flow(name, bytes.clone()).await;
        let receipt = gateway.await_state(&format!("{name}.json"), state).await;
        assert_eq!(receipt["announced"], serde_json::json!({"syntax": code, "signed": false}), "{name}");
        let deposit = deposited(&gateway, name);
        assert_eq!((deposit.syntax.as_str(), deposit.sha256), (code, sha256(&bytes)), "{name}");
        assert!(receipt["findings"].as_array().unwrap().iter().all(|f| f["rule"] != "FG-216"), "{name}: {receipt:#}");
    }
    let receipt = gateway.await_final("10.xml.json").await;
    assert_eq!(receipt["invoices"].as_array().unwrap().len(), 2, "each invoice of the file is followed: {receipt:#}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_does_not_fit_the_file_is_told_and_delays_nothing() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.route_keys = "syntax = \"IN_DP_PDFARCHIVE_CII_MUG\"".to_owned();
    gateway.reload();
    gateway.drop_flow("a.xml", invoice("WISH-1")).await;
    gateway.drop_flow("lot.zip", zip(&[("b.xml", invoice("WISH-2")), ("c.xml", invoice("WISH-3"))])).await;
    for (name, receipt) in [("a.xml", "a.xml.json"), ("lot.tar.gz", "lot.zip.json")] {
        let receipt = gateway.await_state(receipt, "integrated").await;
        let told = receipt["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "FG-216").unwrap();
        assert_eq!(told["severity"], "warning");
        assert!(told["message"].as_str().unwrap().contains("IN_DP_E1_UBL_INVOICE"), "{told}");
        assert_eq!(deposited(&gateway, name).syntax, "IN_DP_E1_UBL_INVOICE");
    }
    gateway.stop().await;
}

const SIGNATURE: &str =
    "<cac:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><cbc:ID>s</cbc:ID></cac:Signature>";

/// XAdES as UBL has it: in an extension.
fn signed_ubl(number: &str) -> Vec<u8> {
    let extension = "<ext:UBLExtensions xmlns:ext=\"urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2\">\
        <ext:UBLExtension><ext:ExtensionContent><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo/>\
        <ds:SignatureValue>QUJD</ds:SignatureValue></ds:Signature></ext:ExtensionContent></ext:UBLExtension></ext:UBLExtensions>\r\n";
    text(invoice(number))
        .replacen("<cbc:CustomizationID>", &format!("{extension}<cbc:CustomizationID>"), 1)
        .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_file_is_announced_as_signed_and_not_a_byte_of_it_changes() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    let only_described = text(invoice("SIG-4")).replacen(
        "<cac:AccountingSupplierParty>",
        &format!("{SIGNATURE}<cac:AccountingSupplierParty>"),
        1,
    );
    let cases: Vec<(&str, &str, Vec<u8>, bool)> = vec![
        ("1.xml", "auto", signed_ubl("SIG-1"), true),
        ("2.pdf", "auto", pdf_with("factur-x.xml", cii("SIG-2").as_bytes(), true), true),
        ("3.xml", "auto", invoice("SIG-3"), false),
        ("4.xml", "auto", only_described.into_bytes(), false),
        ("5.xml", "no", signed_ubl("SIG-5"), false),
        ("6.xml", "yes", invoice("SIG-6"), true),
    ];
    for (name, wish, bytes, signed) in cases {
        gateway.route_keys = format!("signed = \"{wish}\"");
        gateway.reload();
        gateway.drop_flow(name, bytes.clone()).await;
        let receipt = gateway.await_state(&format!("{name}.json"), "integrated").await;
        assert_eq!(receipt["announced"]["signed"], signed, "{name}");
        let deposit = deposited(&gateway, name);
        assert_eq!((deposit.signed, deposit.sha256), (signed, sha256(&bytes)), "{name}");
    }
    // In an archive the signed ones travel apart.
    gateway.route_keys = String::new();
    gateway.reload();
    gateway.drop_flow("lot.zip", zip(&[("a.xml", signed_ubl("SIG-7")), ("b.xml", invoice("SIG-8"))])).await;
    gateway.await_state("lot.zip.json", "integrated").await;
    assert_eq!((deposited(&gateway, "a.xml").signed, deposited(&gateway, "b.xml").signed), (true, false));
    assert_eq!(deposited(&gateway, "a.xml").sha256, sha256(&signed_ubl("SIG-7")));
    // A signature beside the file, or an envelope around it, has no way through deposer/flux.
    let envelope =
        [&[0x30, 0x82, 0x10, 0x00, 6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 2][..], &[0; 300]].concat();
    gateway.drop_flow("facture.xml.p7m", envelope).await;
    let receipt = gateway.await_final("facture.xml.p7m.json").await;
    assert_eq!(receipt["fault"]["code"], "FG-202");
    assert!(receipt["fault"]["title"].as_str().unwrap().contains("PKCS#7"), "{receipt:#}");
    gateway.stop().await;
}

/// One invoice of a pivot; `lines` as the XSD has them.
pub fn unit(number: &str, recipient: &str, lines: &str) -> String {
    format!(
        "<CPPFacturePivotUnitaire NumOrdre=\"1\"><Fournisseur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>{SUPPLIER}</Identifiant>\
         <RaisonSociale>Université Exemple</RaisonSociale><CodePays>FR</CodePays><ModeEmission>flux</ModeEmission></Fournisseur>\
         <Debiteur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>{recipient}</Identifiant><Nom>Service de l'État</Nom></Debiteur>\
         <DonneesFacture><Id>{number}</Id><Type>380</Type><Cadre>A1</Cadre><DateEmissionFacture>2026-11-19</DateEmissionFacture>\
         <ModePaiement><Code>30</Code></ModePaiement><DateReception>2026-11-20</DateReception><Devise>EUR</Devise><Montants>\
         <MontantHT>100.00</MontantHT><MontantTTC>120.00</MontantTTC><MontantNetAPayer>120.00</MontantNetAPayer></Montants>\
         <TVAs><TVA><Taux>20</Taux><BaseHt>100.00</BaseHt><MontantTVA>20.00</MontantTVA></TVA></TVAs>{lines}</DonneesFacture>\
         </CPPFacturePivotUnitaire>"
    )
}

pub const LINES: &str = "<Lignes><Ligne NumOrdre=\"1\"><ReferenceProduit>Étude</ReferenceProduit><PrixUnitaire>100</PrixUnitaire>\
    <Quantite>1</Quantite><MontantHT>100.00</MontantHT></Ligne></Lignes>";

pub fn pivot(units: &[String]) -> Vec<u8> {
    let units = units.concat();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CPPFacturePivot><Enveloppe/><CPPFactures Compteur=\"1\">{units}</CPPFactures></CPPFacturePivot>")
        .into_bytes()
}

pub fn sent(gateway: &Gateway, flow: &Value) -> Vec<u8> {
    let flow: FlowId = flow.as_str().unwrap().parse().unwrap();
    let reader = gateway.store().reader().unwrap();
    let kept = reader.conversion(&flow).unwrap().unwrap().content;
    reader.document(&kept.sha256).unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_pivot_goes_as_the_ubl_made_of_it_and_the_receipt_says_what_is_lost() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    let dropped = pivot(&[unit("PIV-1", STATE, LINES)]);
    gateway.drop_flow("pivot.xml", dropped.clone()).await;
    let receipt = gateway.await_final("pivot.xml.json").await;
    assert_eq!(receipt["state"], "integrated", "{receipt:#}");
    let converted = &receipt["converted"];
    assert_eq!((&converted["from"], &converted["to"]), (&"pivot".into(), &"ubl-invoice".into()));
    assert_eq!(receipt["sha256"], sha256(&dropped).to_string());
    assert_eq!(converted["source_sha256"], receipt["sha256"]);
    let made = sent(&gateway, &receipt["flow"]);
    assert_eq!(converted["sha256"], sha256(&made).to_string());
    let lost: Vec<&str> = converted["lost"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    assert_eq!(lost, ["Fournisseur/ModeEmission", "DonneesFacture/DateReception"]);
    let deposit = deposited(&gateway, "pivot.xml");
    assert_eq!((deposit.syntax.as_str(), deposit.sha256), ("IN_DP_E1_UBL_INVOICE", sha256(&made)));
    assert_eq!(deposit.invoices[0].number, "PIV-1");
    let told = receipt["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "FG-217").unwrap();
    assert!(told["message"].as_str().unwrap().contains("DateReception"), "{told}");
    // The same invoice as UBL is the same invoice.
    gateway.drop_flow("encore.xml", pivot(&[unit("PIV-1", STATE, LINES) + " "])).await;
    assert_eq!(gateway.await_final("encore.xml.json").await["fault"]["code"], "FG-110");
    // A crash changes nothing about what is sent.
    gateway.crash().await;
    gateway.boot();
    assert_eq!(sent(&gateway, &receipt["flow"]), made);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pivot_of_which_one_invoice_was_not_taken_can_be_dropped_again_by_itself_and_that_one_goes() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let rejected = "invoice = \"PIV-M2\"\nstate = \"IN_REJETE\"\nlabel = \"service inconnu\"\ntimes = 1";
    gateway.simulator.control().add_verdict(toml::from_str(rejected).unwrap()).unwrap();
    let several = pivot(&[unit("PIV-M1", STATE, LINES), unit("PIV-M2", STATE, LINES)]);
    gateway.drop_flow("lot.zip", zip(&[("plusieurs.xml", several.clone())])).await;
    assert_eq!(gateway.await_final("lot.zip.json").await["state"], "partly_integrated");
    let taken = || gateway.simulator.ledger().deposits_of("PIV-M2").len();
    assert_eq!(taken(), 1, "rejected");
    // What was wrong is put right elsewhere: the very same bytes.
    gateway.drop_flow("plusieurs.xml", several).await;
    let receipt = gateway.await_final("plusieurs.xml.json").await;
    assert_eq!(receipt["state"], "partly_integrated", "{receipt:#}");
    let findings = receipt["findings"].as_array().unwrap();
    assert!(findings.iter().any(|f| f["rule"] == "FG-106" && f["where"] == "PIV-M1"), "{receipt:#}");
    assert_eq!((gateway.simulator.ledger().deposits_of("PIV-M1").len(), taken()), (1, 2));
    gateway.stop().await;
}

/// Seen: the very bytes of a pivot that came by itself were a duplicate, and its rejected invoice could not go again.
#[tokio::test(flavor = "multi_thread")]
async fn a_pivot_that_came_by_itself_and_was_taken_in_part_can_be_dropped_again() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let rejected = "invoice = \"PIV-S2\"\nstate = \"IN_REJETE\"\nlabel = \"service inconnu\"\ntimes = 1";
    gateway.simulator.control().add_verdict(toml::from_str(rejected).unwrap()).unwrap();
    let several = pivot(&[unit("PIV-S1", STATE, LINES), unit("PIV-S2", STATE, LINES)]);
    gateway.drop_flow("seul.xml", several.clone()).await;
    let first = gateway.await_final("seul.xml.json").await;
    assert_eq!((&first["state"], &first["fault"]["code"]), (&"partly_integrated".into(), &"FG-413".into()));
    assert!(first["fault"]["title"].as_str().unwrap().ends_with(": 1 sur 2 factures"), "{first:#}");
    gateway.drop_flow("encore.xml", several.clone()).await;
    let again = gateway.await_final("encore.xml.json").await;
    assert_eq!((&again["state"], &again["duplicate_of"]), (&"partly_integrated".into(), &Value::Null), "{again:#}");
    let findings = again["findings"].as_array().unwrap();
    assert!(findings.iter().any(|f| f["rule"] == "FG-106" && f["where"] == "PIV-S1"), "{again:#}");
    let part: FlowId = first["parts"][1]["flow"].as_str().unwrap().parse().unwrap();
    assert_eq!(again["replaces"], part.as_str(), "{again:#}");
    // Now each is taken: nothing goes a third time, and each says by which flow.
    gateway.drop_flow("encore-2.xml", several).await;
    let third = gateway.await_final("encore-2.xml.json").await;
    assert_eq!((&third["state"], &third["fault"]["code"]), (&"refused".into(), &"FG-413".into()), "{third:#}");
    let deposits = |number: &str| gateway.simulator.ledger().deposits_of(number).len();
    assert_eq!((deposits("PIV-S1"), deposits("PIV-S2")), (1, 2));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pivot_lacks_is_named_and_nothing_is_sent() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    for (name, bytes, code, said) in [
        ("sans-lignes.xml", pivot(&[unit("PIV-2", STATE, "")]), "FG-218", "DonneesFacture/Lignes"),
        ("vide.xml", pivot(&[]), "FG-219", "CPPFacturePivotUnitaire"),
        ("long.xml", pivot(&[unit("PIV-much-too-long-for-chorus", STATE, LINES)]), "FG-209", "CPRO-NUMBER-LENGTH"),
    ] {
        gateway.drop_flow(name, bytes).await;
        let receipt = gateway.await_final(&format!("{name}.json")).await;
        assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"refused".into(), &code.into()), "{receipt:#}");
        assert!(receipt["fault"]["title"].as_str().unwrap().contains(said), "{receipt:#}");
        assert_eq!(receipt["converted"], Value::Null);
    }
    assert_eq!(gateway.simulator.ledger().calls_of("deposer/flux"), 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pivot_that_is_exempt_or_has_no_breakdown_or_no_lines_goes_and_how_it_was_read_is_told() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let breakdown = |text: &str| {
        let (before, rest) = text.split_once("<TVAs>").unwrap();
        (before.to_owned(), rest.split_once("</TVAs>").unwrap().1.to_owned())
    };
    let exempt = LINES.replace("Étude", "Formation exonérée de TVA, art. 261-4-4° du CGI");
    let (before, after) = breakdown(&unit("PIV-E1", STATE, &exempt));
    let untaxed = format!("{before}{after}").replace("120.00", "100.00");
    let rated = LINES.replace("</MontantHT></Ligne>", "</MontantHT><TauxTVA>20</TauxTVA></Ligne>");
    let (before, after) = breakdown(&unit("PIV-E2", STATE, &rated));
    let lineless = unit("PIV-E3", STATE, "").replace("</DonneesFacture>", "</DonneesFacture><PJ NumOrdre=\"1\">\
        <Contenu>JVBERi0xLjcK</Contenu><NomPJ>facture.pdf</NomPJ><TypePJ>01</TypePJ><MimeTypePJ>application/pdf</MimeTypePJ></PJ>");
    for (name, unit, syntax, said) in [
        ("exo.xml", untaxed, "IN_DP_E1_UBL_INVOICE", "exonération (E)"),
        ("lignes.xml", format!("{before}{after}"), "IN_DP_E1_UBL_INVOICE", "TVA ventilée"),
        ("mixte.xml", lineless, "IN_DP_E2_UBL_INVOICE_MIN", "format mixte"),
    ] {
        gateway.drop_flow(name, pivot(&[unit])).await;
        let receipt = gateway.await_final(&format!("{name}.json")).await;
        assert_eq!(receipt["state"], "integrated", "{receipt:#}");
        assert_eq!(deposited(&gateway, name).syntax, syntax);
        let read = receipt["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "FG-226").unwrap();
        assert!(read["message"].as_str().unwrap().contains(said), "{read}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pivot_of_several_invoices_is_split_and_one_in_an_archive_is_converted_too() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let several = [unit("PIV-3", STATE, LINES), unit("PIV-4", STATE, ""), unit("PIV-5", "99999999999999", LINES)];
    gateway.drop_flow("pivots.xml", pivot(&several)).await;
    let receipt = gateway.await_final("pivots.xml.json").await;
    assert_eq!(
        (&receipt["state"], &receipt["fault"]["code"]),
        (&"partly_integrated".into(), &"FG-413".into()),
        "{receipt:#}"
    );
    let parts = receipt["parts"].as_array().unwrap();
    assert_eq!(
        parts.iter().map(|part| part["state"].as_str().unwrap()).collect::<Vec<_>>(),
        ["integrated", "rejected"]
    );
    for part in parts {
        assert_eq!(part["converted"]["source_sha256"], receipt["sha256"], "{part:#}");
        assert_eq!(part["converted"]["sha256"], sha256(&sent(&gateway, &part["flow"])).to_string());
    }
    let missing = receipt["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "FG-218").unwrap();
    assert_eq!(missing["where"], "PIV-4");
    assert_eq!(deposited(&gateway, "PIV-3.xml").invoices[0].number, "PIV-3");

    let member = pivot(&[unit("PIV-6", STATE, LINES)]);
    let members = [("p.xml", member.clone()), ("u.xml", invoice("PIV-7")), ("v.xml", invoice_to("PIV-8", STATE))];
    gateway.drop_flow("lot.zip", zip(&members)).await;
    let receipt = gateway.await_final("lot.zip.json").await;
    assert_eq!(receipt["state"], "integrated", "{receipt:#}");
    let parts = receipt["parts"].as_array().unwrap();
    let converted: Vec<&Value> = parts.iter().filter(|part| part["converted"].is_object()).collect();
    assert_eq!((parts.len(), converted.len()), (2, 1), "{receipt:#}");
    assert_eq!(converted[0]["converted"]["source_sha256"], sha256(&member).to_string());
    gateway.stop().await;
}
