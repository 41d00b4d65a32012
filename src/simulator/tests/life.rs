//! Deposits: accepted first, judged later, followed to their payment.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn states(report: &Value) -> &str {
    report["etatCourantDepotFlux"].as_str().unwrap()
}

async fn by_number(client: &Client, number: &str) -> Value {
    client.call("rechercher/fournisseur", json!({"numeroFacture": number})).await.json()
}

#[tokio::test]
async fn a_good_invoice_is_integrated_found_and_paid() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let control = simulator.control();
    let number = client.deposit("facture é.xml", &ubl("FA-1")).await;
    assert_eq!((number.len(), &number[..6]), (25, "CPP001"));
    let mut seen = Vec::new();
    for _ in 0..13 {
        let report = client.report(&number).await;
        if seen.last().map(String::as_str) != Some(states(&report)) {
            seen.push(states(&report).to_owned());
        }
        let found = by_number(&client, "FA-1").await["codeRetour"] == 0;
        assert_eq!(found, states(&report) == "IN_INTEGRE", "found once integrated, not before");
        control.advance(Duration::from_secs(10));
    }
    assert_eq!(seen, ["IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP", "IN_RECU", "IN_TRAITE_SE_CPP", "IN_INTEGRE"]);
    let row = by_number(&client, "FA-1").await["listeFactures"][0].clone();
    assert_eq!((&row["numeroFluxDepot"], &row["statut"]), (&json!(number), &json!("DEPOSEE")));
    assert_eq!((&row["montantTTC"], &row["designationFournisseur"]), (&json!(120.0), &json!("Œuvres & Cé")));
    assert_eq!((&row["codeFournisseur"], &row["codeDestinataire"]), (&json!("33254021516357"), &json!(STATE)));

    let history = |body: Value| client.good("consulter/historique", body);
    let id = row["identifiantFactureCPP"].clone();
    control.advance(7 * 10 * MINUTE);
    let all =
        history(json!({"idFacture": id, "paramRechercheHistoStatuts": {"nbResultatsParPageListeHistoStatut": 50}}))
            .await;
    let codes: Vec<&str> = all["historiquesDesStatuts"]["histoStatut"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["histoStatutCode"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        [
            "DEPOSEE",
            "EN_COURS_ACHEMINEMENT",
            "MISE_A_DISPOSITION",
            "SERVICE_FAIT",
            "MANDATEE",
            "MISE_A_DISPOSITION_COMPTABLE",
            "COMPTABILISEE",
            "MISE_EN_PAIEMENT"
        ]
    );
    assert_eq!(all["statutCourantCode"], "MISE_EN_PAIEMENT");
    let comments = all.to_string();
    assert!(comments.contains("œuvre") && comments.contains('€') && comments.contains("Hélène"), "{comments}");
    let second = history(json!({"idFacture": id, "paramRechercheHistoStatuts": {
        "nbResultatsParPageListeHistoStatut": 3, "pageResultatDemandeeListeHistoStatut": 3,
        "triSensListeHistoStatut": "Descendant"}}))
    .await;
    let page = &second["historiquesDesStatuts"];
    assert_eq!((&page["pagesHistoStatut"], &page["totalHistoStatut"]), (&json!(3), &json!(8)));
    assert_eq!(page["histoStatut"][1]["histoStatutCode"], "DEPOSEE", "the last page of a descending order");

    let ledger = simulator.ledger();
    let deposit = &ledger.deposits[0];
    assert_eq!(
        (deposit.file_name.as_str(), deposit.answer, deposit.states.len()),
        ("facture é.xml", Answered::Given, 4)
    );
    assert_eq!(deposit.size, ubl("FA-1").len() as u64);
    assert_eq!(deposit.sha256.to_string().len(), 64);
    assert_eq!(ledger.invoice("FA-1").unwrap().history.len(), 8);
    assert_eq!(ledger.deposits_of("FA-1").len(), 1);
}

#[tokio::test]
async fn what_does_not_deserve_it_is_rejected_with_a_reason() {
    let simulator = start(Scenario { error_list: ErrorList::Alternate, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    let to = |number: &str, recipient: &str, extra: &str| content::tests::ubl(number, recipient, extra);
    let order = "<cac:OrderReference><cbc:ID>4500001</cbc:ID></cac:OrderReference>";
    let service = "<cbc:BuyerReference>SRV1</cbc:BuyerReference>";
    let both = format!("{service}{order}");
    let cases: Vec<(&str, Vec<u8>, Option<&str>)> = vec![
        ("state", to("S-1", STATE, ""), None),
        ("nobody", to("S-2", "99999999999999", ""), Some("99999999999999")),
        ("no commitment", to("S-3", "12345678200036", service), Some("engagement")),
        ("commitment", to("S-4", "12345678200036", order), None),
        ("no service", to("S-5", "12345678200028", order), Some("service")),
        ("service", to("S-6", "12345678200028", service), None),
        ("half of both", to("S-7", "12345678200044", order), Some("service")),
        ("both", to("S-8", "12345678200044", &both), None),
        ("establishment", to("S-9", "12345678200051", ""), None),
        ("long number", to("A-NUMBER-OF-21-LETTRE", STATE, ""), Some("20")),
        ("odd number", to("N°12", STATE, ""), Some("interdit")),
        ("same again", to("S-1", STATE, ""), Some("existe déjà")),
        ("next year", String::from_utf8(ubl("S-1")).unwrap().replace("2026-11-20", "2027-01-02").into_bytes(), None),
        ("cut", ubl("S-10")[..400].to_vec(), Some("XML illisible")),
        ("empty", Vec::new(), Some("XML illisible")),
        ("other syntax", content::tests::cii("S-11"), Some("syntaxe")),
    ];
    let mut numbers = Vec::new();
    for (name, bytes, _) in &cases {
        numbers.push(client.deposit(&format!("{name}.xml"), bytes).await);
    }
    simulator.control().advance(VERDICT);
    let mut shapes = std::collections::BTreeSet::new();
    for ((name, _, expected), number) in cases.iter().zip(&numbers) {
        let report = client.report(number).await;
        let state = states(&report);
        let Some(expected) = expected else {
            assert_eq!(state, "IN_INTEGRE", "{name}: {report}");
            continue;
        };
        assert_eq!(state, "IN_REJETE", "{name}");
        let (refused, technical) = (&report["listeErreurDP"], &report["listeErreurTechnique"]);
        let label = match (refused, technical[0].is_null()) {
            (Value::Object(one), _) => {
                shapes.insert("object");
                one["libelleErreurDP"].clone()
            }
            (Value::Array(list), true) => {
                shapes.insert("array");
                list[0]["libelleErreurDP"].clone()
            }
            _ => technical[0]["libelleErreur"].clone(),
        };
        let label = label.as_str().unwrap();
        assert!(label.contains(expected) && label.chars().count() <= 200, "{name}: {label}");
    }
    assert_eq!(shapes.len(), 2, "listeErreurDP is seen in both shapes");
    assert_eq!(by_number(&client, "S-2").await["codeRetour"], 20000);
    let rows = client.good("rechercher/fournisseur", json!({"numeroFacture": "S-1"})).await;
    assert_eq!(rows["parametresRetour"]["total"], 2, "two years, two invoices");
}

#[tokio::test]
async fn an_unknown_flux_is_refused_not_invented() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let known = client.deposit("a.xml", &ubl("FA-1")).await;
    for unknown in
        ["", "é", "CPP0011100000000000000002", "CPP0011100000000000000000", &known.replace("CPP001", "CPP002")]
    {
        let answer = client.call("consulterCRDetaille", json!({"numeroFluxDepot": unknown})).await.json();
        assert_eq!(answer["codeRetour"], 20000, "{unknown}");
    }
    assert_eq!(client.report(&known).await["codeRetour"], 0);
}

#[tokio::test]
async fn the_first_of_two_deposits_of_one_invoice_wins() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let first = client.deposit("a.xml", &ubl("FA-1")).await;
    simulator.control().advance(Duration::from_secs(1));
    let second = client.deposit("b.xml", &ubl("FA-1")).await;
    simulator.control().advance(VERDICT);
    assert_eq!(states(&client.report(&first).await), "IN_INTEGRE");
    assert_eq!(states(&client.report(&second).await), "IN_REJETE");
    let ledger = simulator.ledger();
    assert_eq!(ledger.deposits_of("FA-1").len(), 2);
    assert_eq!(ledger.invoices.len(), 1);
}

#[tokio::test]
async fn an_archive_may_be_integrated_in_part() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let bad = content::tests::ubl("T-2", "99999999999999", "");
    let number = client.deposit("lot.tar.gz", &content::tests::tar_gz(&[&ubl("T-1"), &bad, b"<oops"])).await;
    simulator.control().advance(VERDICT);
    let report = client.report(&number).await;
    assert_eq!(states(&report), "IN_INTEGRE_PARTIEL");
    assert_eq!(report["listeErreurDP"][0]["numeroDP"], "T-2");
    assert_eq!(report["listeErreurTechnique"].as_array().unwrap().len(), 1);
    assert_eq!(by_number(&client, "T-1").await["codeRetour"], 0);
}

#[tokio::test]
async fn a_script_gives_other_verdicts_and_ways() {
    let scenario = Scenario::from_toml(
        r#"
        [[verdict]]
        invoice = "V-1"
        state = "IN_INCIDENTE"
        label = "Incident technique"
        [[verdict]]
        file = "*.odd"
        state = "IN_QUELQUE_CHOSE_DE_NEUF"
        [[path]]
        invoice = "V-*"
        statuses = ["DEPOSEE", "MISE_A_DISPOSITION", "REJETEE"]
        comment = "Montant erroné : 1 250,00 €"
        "#,
    );
    let simulator = start(scenario.unwrap()).await;
    let client = Client::of(&simulator).await;
    let struck = client.deposit("a.xml", &ubl("V-1")).await;
    let odd = client.deposit("a.odd", &ubl("V-2")).await;
    simulator.control().advance(VERDICT);
    let report = client.report(&struck).await;
    assert_eq!((states(&report), &report["listeErreurDP"][0]["numeroDP"]), ("IN_INCIDENTE", &json!("V-1")));
    assert_eq!(states(&client.report(&odd).await), "IN_QUELQUE_CHOSE_DE_NEUF");
    assert!(simulator.ledger().invoices.is_empty());
    let again = client.deposit("a.xml", &ubl("V-1")).await;
    simulator.control().advance(VERDICT + 20 * MINUTE);
    assert_eq!(states(&client.report(&again).await), "IN_INTEGRE", "the whole flux again");
    let row = by_number(&client, "V-1").await["listeFactures"][0].clone();
    assert_eq!(
        (&row["statut"], &row["commentaireEtatCourant"]),
        (&json!("REJETEE"), &json!("Montant erroné : 1 250,00 €"))
    );
    assert!(simulator.control().move_invoice("V-1", "A_RECYCLER", ""));
    assert!(!simulator.control().move_invoice("V-9", "A_RECYCLER", ""));
    assert_eq!(by_number(&client, "V-1").await["listeFactures"][0]["statut"], "A_RECYCLER");
}

#[tokio::test]
async fn searches_of_sent_invoices_filter_sort_and_page() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let mut numbers = Vec::new();
    for n in 0..25 {
        numbers.push(client.deposit("a.xml", &ubl(&format!("P-{n:02}"))).await);
    }
    simulator.control().advance(VERDICT);
    let today = crate::domain::Timestamp::now().paris_date();
    let total = |body: Value| {
        let client = &client;
        async move {
            let found = client.call("rechercher/fournisseur", body).await.json();
            found["parametresRetour"]["total"].as_i64().unwrap_or(0)
        }
    };
    assert_eq!(total(json!({})).await, 25);
    assert_eq!(total(json!({"numeroFluxDepot": numbers[7]})).await, 1);
    assert_eq!(total(json!({"idFournisseur": world::party_id("33254021516357")})).await, 25);
    assert_eq!(total(json!({"idFournisseur": 1})).await, 0);
    assert_eq!(total(json!({"periodeDateDepotDu": today, "periodeDateDepotAu": today})).await, 25);
    assert_eq!(total(json!({"periodeDateDepotAu": "2020-01-01"})).await, 0);
    assert_eq!(total(json!({"periodeDateFactureDu": "2026-11-20", "periodeDateFactureAu": "2026-11-20"})).await, 25);
    assert_eq!(total(json!({"statutCourant": ["REJETEE"]})).await, 0);
    assert_eq!(total(json!({"statutCourant": ["REJETEE", "DEPOSEE"]})).await, 25);
    assert_eq!(total(json!({"listeDestinataire": [{"idDestinataire": world::party_id(STATE)}]})).await, 25);
    let paging = json!({"rechercheFactureParFournisseur":
        {"pageResultatDemandee": 2, "nbResultatsParPage": 10, "triColonne": "NumeroFacture", "triSens": "Descendant"}});
    let found = client.good("rechercher/fournisseur", paging).await;
    let page: Vec<&str> =
        found["listeFactures"].as_array().unwrap().iter().map(|r| r["numeroFacture"].as_str().unwrap()).collect();
    assert_eq!((page[0], page[9], page.len()), ("P-14", "P-05", 10));
    let default = client.good("rechercher/fournisseur", json!({})).await;
    assert_eq!(
        (&default["parametresRetour"]["pages"], default["listeFactures"].as_array().unwrap().len()),
        (&json!(3), 10)
    );
}

#[tokio::test]
async fn a_hurried_clock_tells_instants_the_client_can_search_by() {
    let simulator = Simulator::start(Options { speed: 100_000.0, ..Options::default() }).await.unwrap();
    let client = Client::of(&simulator).await;
    let number = client.deposit("a.xml", &ubl("H-1")).await;
    let mut state = String::new();
    for _ in 0..200 {
        state = client.report(&number).await["etatCourantDepotFlux"].as_str().unwrap().to_owned();
        if state == "IN_INTEGRE" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(state, "IN_INTEGRE");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let now = crate::domain::Timestamp::now().to_string();
    let found = client.good("rechercher/fournisseur", json!({"periodeDateHeureEtatCourantAu": now})).await;
    assert_eq!(found["listeFactures"][0]["statut"], "MISE_EN_PAIEMENT");
    let history = simulator.ledger().invoices[0].history.clone();
    assert!(history.is_sorted_by_key(|moment| moment.at) && history[7].at.to_string() <= now);
}

#[tokio::test]
async fn too_big_a_file_is_refused_by_its_code() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let answer = client.call("deposer/flux", flux("a.xml", &vec![b' '; (10 << 20) + 1])).await.json();
    assert_eq!((&answer["codeRetour"], &answer["libelle"]), (&json!(20001), &json!("GDP_MSG_11.022")));
    assert!(simulator.ledger().deposits.is_empty());
}
