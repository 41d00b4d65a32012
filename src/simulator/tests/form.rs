//! Invoices without a flux, and fluxes of every syntax.

use super::*;

fn submission(number: &str, extra: Value) -> Value {
    let mut body = json!({
        "modeDepot": "SAISIE_API", "numeroFactureSaisi": number, "dateFacture": "2026-11-20",
        "destinataire": {"codeDestinataire": STATE, "codeServiceExecutant": ""},
        "fournisseur": {"idFournisseur": world::party_id("33254021516357")},
        "cadreDeFacturation": {"codeCadreFacturation": "A1_FACTURE_FOURNISSEUR"},
        "references": {"deviseFacture": "EUR", "typeFacture": "FACTURE", "typeTva": "TVA_SUR_DEBIT",
                       "modePaiement": "VIREMENT"},
        "montantTotal": {"montantHtTotal": 100.0, "montantTVA": 20.0, "montantTtcTotal": 120.0, "montantAPayer": 120.0},
        "commentaire": "Œuvre livrée",
    });
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_pdf_is_read_then_submitted_and_lives_as_any_invoice() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let page = pivot::pdf(&["Facture PDF-1", "20/11/2026", "33254021516357", "11000201100044", "Total TTC : 120,00"]);
    let put = |content: &[u8], format: &str| json!({"fichierFacture": STANDARD.encode(content), "nomFichier": "f.pdf", "formatDepot": format});
    let read = client.good("deposer/pdf", put(&page, "PDF_NON_SIGNE")).await;
    // The definition of this one answer lacks the two fields that every answer has.
    let mut bare = read.clone();
    for field in ["codeRetour", "libelle"] {
        bare.as_object_mut().unwrap().remove(field);
    }
    conforms("WsRetourDeposerPdfFacture", &bare);
    assert_eq!((&read["numeroFacture"], &read["codeDestinataire"]), (&json!("PDF-1"), &json!(STATE)));
    assert_eq!((&read["dateFacture"], &read["montantAPayer"]), (&json!("2026-11-20"), &json!(120.0)));
    assert!(simulator.ledger().invoices.is_empty(), "a proposal is no invoice");
    assert_eq!(client.call("deposer/pdf", put(&page, "WORD")).await.status, 400);
    assert_eq!(client.call("deposer/pdf", put(b"no pdf", "PDF_NON_SIGNE")).await.status, 400);
    let huge = [b"%PDF-".to_vec(), vec![b' '; 10 << 20]].concat();
    assert_eq!(client.call("deposer/pdf", put(&huge, "PDF_NON_SIGNE")).await.status, 413);

    // An array, as clients send it, and an object, as the swagger says.
    let id = &read["pieceJointeId"];
    let with = |principal: Value| json!({"modeDepot": "DEPOT_PDF_API", "pieceJointePrincipale": principal});
    let first = submission("PDF-1", with(json!([{"pieceJointePrincipaleId": id}])));
    let answer = client.good("soumettre", first.clone()).await;
    conforms("WsRetourSoumettreFacture", &answer);
    assert_eq!((&answer["statutFacture"], &answer["numeroFacture"]), (&json!("DEPOSEE"), &json!("PDF-1")));
    assert_eq!(client.code("soumettre", first).await, 20013, "the same number again");
    let second = submission("PDF-2", with(json!({"pieceJointePrincipaleId": id})));
    assert_eq!(client.code("soumettre", second).await, 0);
    let lost = submission("PDF-3", with(json!({"pieceJointePrincipaleId": 1})));
    assert_eq!(client.code("soumettre", lost).await, 20303, "a file nobody handed over");
    let without = submission("PDF-4", json!({"modeDepot": "DEPOT_PDF_API"}));
    assert_eq!(client.call("soumettre", without).await.status, 400);

    simulator.control().advance(Duration::from_secs(7 * 600));
    let row =
        client.good("rechercher/fournisseur", json!({"numeroFacture": "PDF-1"})).await["listeFactures"][0].clone();
    assert_eq!((&row["statut"], &row["modeDepot"]), (&json!("MISE_EN_PAIEMENT"), &json!("DEPOT_PDF_API")));
    assert!(row.get("numeroFluxDepot").is_none(), "it came in no flux");
    let again = client.deposit("a.xml", &ubl("PDF-1")).await;
    simulator.control().advance(VERDICT);
    assert_eq!(client.report(&again).await["etatCourantDepotFlux"], "IN_REJETE", "one number, one supplier, one year");
}

#[tokio::test]
async fn a_submission_is_judged_as_a_flux_is() {
    const CLOSED: &str = "12345678200093";
    let closed = crate::simulator::Recipient {
        siret: CLOSED.parse().unwrap(),
        active: false,
        ..crate::simulator::Recipient::default()
    };
    let simulator = start(Scenario { recipient: vec![closed], ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    let to = |siret: &str, service: &str| json!({"destinataire": {"codeDestinataire": siret, "codeServiceExecutant": service}});
    for (extra, expected) in [
        (to("99999999999999", ""), 20013),
        (to("12345678200028", ""), 20013),
        (to("12345678200028", "SRV1"), 0),
        (json!({"cadreDeFacturation": {"codeCadreFacturation": "A9_FACTURE_SOUSTRAITANT"}}), 20013),
        (json!({"fournisseur": {"idFournisseur": 1}}), 20013),
        (json!({"numeroFactureSaisi": "N°1"}), 20013),
    ] {
        let answer = client.call("soumettre", submission("S-1", extra.clone())).await.json();
        assert_eq!(answer["codeRetour"], expected, "{extra}: {answer}");
    }
    let travaux = json!({"cadreDeFacturation": {"codeCadreFacturation": "A4_PROJET_DECOMPTE_MENSUEL_FOURNISSEUR"}});
    assert_eq!(client.call("soumettre", submission("S-2", travaux)).await.status, 400);
    let shared = json!({"cadreDeFacturation":
        {"codeCadreFacturation": "A12_FACTURE_COTRAITANT", "codeStructureValideur": "33254021516357"}});
    let id = client.good("soumettre", submission("S-3", shared)).await["identifiantFactureCPP"].clone();
    simulator.control().advance(Duration::from_secs(601));
    let whole = client.good("consulter/fournisseur", json!({"identifiantFactureCPP": id})).await;
    conforms("WsRetourFacturesEmises", &whole);
    assert_eq!(whole["facture"]["statutFacture"], "A_VALIDER_1");
    assert_eq!(whole["facture"]["cadreDeFacturation"]["codeValideur1"], "33254021516357");
    simulator.control().move_invoice("S-3", "REFUSEE_1", "prestation non faite");
    let to = |siret: &str| json!({"idFacture": id, "typeIdentifiantStructure": "SIRET", "identifiantStructure": siret});
    let correct = to("12345678200036");
    assert_eq!(client.code("corriger/valideur/facture", correct.clone()).await, 20002, "refused for another reason");
    simulator.control().move_invoice("S-3", "ERREUR_FOURNISSEUR_SUR_VALIDEUR", "Mauvais titulaire");
    assert_eq!(client.code("corriger/valideur/facture", to("99999999999999")).await, 20000, "nobody");
    assert_eq!(client.code("corriger/valideur/facture", to(CLOSED)).await, 20013, "inactive");
    conforms("WsRetourCorrigerValideurFacture", &client.good("corriger/valideur/facture", correct.clone()).await);
    assert_eq!(client.code("corriger/valideur/facture", correct).await, 20002, "once");
    let row = client.good("rechercher/fournisseur", json!({"numeroFacture": "S-3"})).await["listeFactures"][0].clone();
    assert_eq!((&row["statut"], &row["codeValideur1"]), (&json!("A_VALIDER_1"), &json!("12345678200036")));
    let seen = client.good("rechercher/demandePaiement", json!({"roleUtilisateur": "FOURNISSEUR"})).await;
    conforms("WsRetourRechercherDemandePaiement", &seen);
    assert_eq!(seen["total"], 2);
}

/// A CPPFactureMixte of some invoices; the last one for nobody.
fn mixed(numbers: &[&str]) -> Vec<u8> {
    let units: String = numbers
        .iter()
        .enumerate()
        .map(|(at, number)| {
            let to = if at + 1 == numbers.len() && at > 0 { "99999999999999" } else { STATE };
            format!(
                "<CPPFactureMixteUnitaire><Fournisseur><Identifiant>33254021516357</Identifiant></Fournisseur><Debiteur>\
                 <Identifiant>{to}</Identifiant></Debiteur><DonneesFacture><Id>{number}</Id><Type>380</Type><Cadre>A9</Cadre>\
                 <DateEmissionFacture>2026-11-20</DateEmissionFacture><Montants><MontantHT>10</MontantHT></Montants>\
                 </DonneesFacture></CPPFactureMixteUnitaire>"
            )
        })
        .collect();
    format!("<CPPFactureMixte><CPPFactures Compteur=\"{}\">{units}</CPPFactures></CPPFactureMixte>", numbers.len())
        .into_bytes()
}

fn xcbl(number: &str) -> Vec<u8> {
    format!(
        "<Invoice xmlns=\"rrn:org.xcbl:schemas/xcbl/v4_0/financial/v1_0/financial.xsd\"><InvoiceHeader>\
         <InvoiceNumber>{number}</InvoiceNumber><InvoiceIssueDate>2026-11-20T00:00:00</InvoiceIssueDate><InvoiceParty>\
         <BuyerParty><PartyID><Ident>{STATE}</Ident></PartyID></BuyerParty>\
         <SellerParty><PartyID><Ident>33254021516357</Ident></PartyID></SellerParty></InvoiceParty></InvoiceHeader></Invoice>"
    )
    .into_bytes()
}

#[tokio::test]
async fn every_syntax_of_the_list_is_received_and_only_with_its_content() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let cii = |number: &str| content::tests::cii(number);
    let facturx = content::tests::pdf_with(&cii("X-11"));
    let archive = content::tests::pdf_with(&cii("X-12"));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("IN_DP_E1_UBL_INVOICE", ubl("X-1"), "IN_INTEGRE"),
        ("IN_DP_E1_CII", cii("X-2"), "IN_INTEGRE"),
        ("IN_DP_E1_CII_16B", cii("X-3"), "IN_INTEGRE"),
        ("IN_DP_E1_XCBL", xcbl("X-4"), "IN_INTEGRE"),
        ("IN_DP_E1_PES_FACTURE", b"<PES_Facture/>".to_vec(), "IN_REJETE"),
        ("IN_DP_E2_UBL_INVOICE_MIN", ubl("X-5"), "IN_INTEGRE"),
        ("IN_DP_E2_CII_MIN", cii("X-6"), "IN_INTEGRE"),
        ("IN_DP_E2_CII_MIN_16B", cii("X-7"), "IN_INTEGRE"),
        ("IN_DP_E2_PES_FACTURE_MIN", b"<PES_Facture/>".to_vec(), "IN_REJETE"),
        ("IN_DP_E2_CPP_FACTURE_MIN", mixed(&["X-8"]), "IN_INTEGRE"),
        ("IN_DP_E2_CPP_FACTURE_MIN", mixed(&["X-9", "X-10"]), "IN_INTEGRE_PARTIEL"),
        ("IN_DP_E2_CII_FACTURX", facturx, "IN_INTEGRE"),
        ("IN_DP_PDFARCHIVE_UBL_INVOICE_MUG", archive.clone(), "IN_INTEGRE"),
        ("IN_DP_PDFARCHIVE_CII_MUG", archive, "IN_REJETE"), // the same invoice again
        ("IN_DP_E1_XCBL", ubl("X-20"), "IN_REJETE"),
        ("IN_DP_E1_UBL_INVOICE", xcbl("X-21"), "IN_REJETE"),
    ];
    let mut numbers = Vec::new();
    for (syntax, bytes, _) in &cases {
        let body = json!({"fichierFlux": STANDARD.encode(bytes), "nomFichier": "f", "syntaxeFlux": syntax, "avecSignature": true});
        let answer = client.good("deposer/flux", body).await;
        conforms("WsRetourDeposerFluxFacture", &answer);
        numbers.push(answer["numeroFluxDepot"].as_str().unwrap().to_owned());
    }
    simulator.control().advance(VERDICT);
    for ((syntax, _, state), number) in cases.iter().zip(&numbers) {
        let report = client.report(number).await;
        assert_eq!(report["etatCourantDepotFlux"], *state, "{syntax}: {report}");
    }
    assert!(simulator.ledger().deposits.iter().all(|deposit| deposit.signed));
    let formats = client.good("recuperer/formatflux", json!({})).await;
    let known: Vec<&str> =
        formats["listeFormatFlux"].as_array().unwrap().iter().map(|row| row["formatFlux"].as_str().unwrap()).collect();
    assert!(cases.iter().all(|(syntax, ..)| known.contains(syntax)));
    for invented in ["IN_DP_E1_UBL_201", "IN_DP_E3_FACTUR_X_10", "IN_DP_E3_UBL_INVOICE", ""] {
        let body = json!({"fichierFlux": "YQ==", "nomFichier": "f", "syntaxeFlux": invented});
        assert_eq!(client.call("deposer/flux", body).await.status, 400, "{invented}");
    }
    let row = client.good("rechercher/fournisseur", json!({"numeroFacture": "X-8"})).await["listeFactures"][0].clone();
    assert_eq!(row["codeValideur1"], "33254021516357", "A9 has a validator");
}

#[tokio::test]
async fn the_printed_report_is_a_pdf_that_says_why() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let number = client.deposit("a.xml", &content::tests::ubl("FA-1", "99999999999999", "")).await;
    simulator.control().advance(VERDICT);
    let printed = client.good("consulterCR", json!({"numeroFluxDepot": number})).await;
    assert_eq!((&printed["etatCourantFlux"], &printed["numeroFluxDepot"]), (&json!("IN_REJETE"), &json!(number)));
    let file = STANDARD.decode(printed["fichierCR"].as_str().unwrap()).unwrap();
    assert!(file.starts_with(b"%PDF-1.4") && String::from_utf8_lossy(&file).contains("99999999999999"));
    assert_eq!(client.code("consulterCR", json!({"numeroFluxDepot": "nowhere"})).await, 20000);
}
