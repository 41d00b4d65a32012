//! What moves an invoice along, from either side.

use super::*;

fn strict() -> Scenario {
    Scenario { received: 2, ..Scenario::default() }
}

async fn treat(client: &Client, id: i64, status: &str, motif: &str) -> Value {
    let body = json!({"idFacture": id, "nouveauStatut": status, "motif": motif, "numeroDPMandat": "DP-42"});
    client.call("traiter/recue", body).await.json()
}

async fn next(client: &Client, status: &str) -> Vec<String> {
    let found = client.call("recuperer/etats/traitement", json!({"statutCourant": status})).await.json();
    let rows = found["listeStatutsPossiblesPourTraitement"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["statutPossiblePourTraitement"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_buyer_walks_an_invoice_to_its_payment_by_what_the_service_allows() {
    let simulator = start(strict()).await;
    let client = Client::of(&simulator).await;
    let mut status = "MISE_A_DISPOSITION".to_owned();
    let mut walked = vec![status.clone()];
    // Whatever is allowed, the first of it: that way leads to the payment.
    while let Some(target) = next(&client, &status).await.first().cloned() {
        let done = treat(&client, 9001, &target, "Bon à payer : œuvre reçue, 12 €").await;
        assert_eq!((&done["codeRetour"], &done["nouveauStatut"]), (&json!(0), &json!(target)), "{done}");
        conforms("WsRetourTraiterFacture", &done);
        status = target;
        walked.push(status.clone());
    }
    assert_eq!(
        walked,
        [
            "MISE_A_DISPOSITION",
            "SERVICE_FAIT",
            "MANDATEE",
            "MISE_A_DISPOSITION_COMPTABLE",
            "COMPTABILISEE",
            "MISE_EN_PAIEMENT"
        ]
    );
    let history = client.good("consulter/historique", json!({"idFacture": 9001})).await;
    let last = history["historiquesDesStatuts"]["histoStatut"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["histoStatutCommentaire"], "Bon à payer : œuvre reçue, 12 €");
    assert_eq!(last["histoStatutUtilisateurNom"], "TECHNIQUE");
    let consulted = client.good("consulter/recipiendaire", json!({"identifiantFactureCPP": 9001})).await;
    assert_eq!(consulted["facture"]["references"]["numeroDpMandat"], "DP-42");
    assert_eq!(simulator.ledger().invoices[0].mandate, "DP-42");
}

#[tokio::test]
async fn what_may_not_follow_is_20002_and_changes_nothing() {
    let simulator = start(strict()).await;
    let client = Client::of(&simulator).await;
    for target in ["MISE_EN_PAIEMENT", "DEPOSEE", "COMPLETEE", "A_RECYCLER", "N_IMPORTE_QUOI"] {
        let answer = treat(&client, 9001, target, "x").await;
        assert_eq!(answer["codeRetour"], 20002, "{target}");
        assert_eq!(answer["libelle"], "Incohérence au niveau du statut d'origine ou de destination de la facture.");
    }
    assert_eq!(treat(&client, 1, "SUSPENDUE", "x").await["libelle"], "GDP_MSG_11.008");
    assert_eq!(treat(&client, 9001, "SUSPENDUE", " ").await["codeRetour"], 20003, "a motif is due");
    assert_eq!(simulator.ledger().invoices[0].status, "MISE_A_DISPOSITION");

    let nulled = json!({"idFacture": 9001, "nouveauStatut": "SERVICE_FAIT", "motif": null});
    assert_eq!(client.call("traiter/recue", nulled).await.status, 400, "null is no motif");
    let long = json!({"idFacture": 9001, "nouveauStatut": "REJETEE", "motif": "é".repeat(256)});
    assert_eq!(client.call("traiter/recue", long).await.status, 400);
    assert_eq!(treat(&client, 9001, "REJETEE", &"é".repeat(255)).await["codeRetour"], 0);
    assert!(next(&client, "REJETEE").await.is_empty());
}

#[tokio::test]
async fn a_suspended_invoice_is_completed_by_its_supplier_and_comes_back() {
    let simulator = start(Scenario {
        completed_after: Some(crate::domain::Duration::from_secs(3600)),
        pivot: PivotForm::Xml,
        ..strict()
    })
    .await;
    let client = Client::of(&simulator).await;
    let to_treat = || async {
        let found = client.call("rechercher/atraiter/recipiendaire", json!({})).await.json();
        found["parametresRetour"]["total"].as_i64().unwrap_or(0)
    };
    assert_eq!(to_treat().await, 2);
    for id in [9001, 9002] {
        assert_eq!(treat(&client, id, "SUSPENDUE", "Bon de commande manquant").await["codeRetour"], 0);
    }
    assert_eq!(to_treat().await, 0);
    let number = simulator.ledger().invoices[1].number.clone();
    let slip = json!({"name": "bc.pdf", "mime": "application/pdf", "content": "JVBERi0="});
    let order = json!({"action": "complete_invoice", "number": number, "comment": "Voici", "attachments": [slip]});
    assert_eq!(client.order(order.clone()).await.json()["ok"], true);
    assert_eq!(client.order(order).await.json()["ok"], false, "it is no longer suspended");
    assert_eq!(simulator.ledger().invoices[0].status, "SUSPENDUE");
    simulator.control().advance(Duration::from_secs(3601));
    let found = client
        .good("rechercher/recipiendaire", json!({"typeDemandePaiement": "FACTURE", "statutCourant": ["COMPLETEE"]}))
        .await;
    assert_eq!(found["total"], 2, "one by hand, one by itself");
    assert_eq!(to_treat().await, 2);
    let body = json!({"listeFacture": [{"idFacture": 9002}], "format": "PIVOT"});
    let pivot = client.good("telecharger/groupe", body).await["fichierResultat"].as_str().unwrap().to_owned();
    let pivot = String::from_utf8(STANDARD.decode(pivot).unwrap()).unwrap();
    assert!(pivot.contains("<Renvoi>Complétée</Renvoi>") && pivot.contains("<NomPJ>bc.pdf</NomPJ>"), "{pivot}");
    assert_eq!(treat(&client, 9002, "SERVICE_FAIT", "").await["codeRetour"], 0);
}

#[tokio::test]
async fn a_sent_invoice_that_is_suspended_is_completed_with_a_file() {
    let simulator = start(Scenario { received: 1, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    client.deposit("a.xml", &ubl("FA-1")).await;
    simulator.control().advance(VERDICT);
    let id = simulator.ledger().invoice("FA-1").unwrap().id.0;
    let complete = |id: i64, file: i64| {
        json!({"identifiantFactureCPP": id, "commentaire": "Devis signé : œuvre n° 1", "pieceJointeComplementaire": [
            {"pieceJointeComplementaireId": file, "pieceJointeComplementaireType": "04",
             "pieceJointeComplementaireDesignation": "Devis"}]})
    };
    let add = |name: &str, extension: &str, bytes: usize| {
        json!({"pieceJointeFichier": STANDARD.encode(vec![b'x'; bytes]), "pieceJointeNom": name,
               "pieceJointeTypeMime": "application/pdf", "pieceJointeExtension": extension})
    };
    let added = client.good("ajouter/fichier", add("devis.pdf", "PDF", 10)).await;
    let file = added["pieceJointeId"].as_i64().unwrap();
    for (name, extension, bytes, code) in
        [("a.exe", "EXE", 1, 20002), (&"x".repeat(51), "PDF", 1, 20002), ("a.pdf", "PDF", (10 << 20) + 1, 20003)]
    {
        assert_eq!(client.code("ajouter/fichier", add(name, extension, bytes)).await, code, "{name}");
    }
    assert_eq!(client.call("completer", complete(id, file)).await.json()["libelle"], "GDP_MSG_11.033");
    assert_eq!(client.call("completer", complete(9001, file)).await.json()["libelle"], "GDP_MSG_11.005");
    assert_eq!(client.call("completer", complete(77, file)).await.json()["libelle"], "GDP_MSG_11.008");
    simulator.control().move_invoice("FA-1", "SUSPENDUE", "Devis manquant");
    let waiting = client.good("rechercher/atraiter/fournisseur", json!({})).await;
    conforms("WsRetourRechercherFactureATraiterParFournisseur", &waiting);
    assert_eq!(waiting["listeFactures"][0]["numeroFacture"], "FA-1");
    assert_eq!(client.code("completer", complete(id, 1)).await, 20303, "a file nobody handed over");
    conforms("WsRetourCompleterFacture", &client.good("completer", complete(id, file)).await);
    let invoice = simulator.ledger().invoice("FA-1").unwrap().clone();
    assert_eq!((invoice.status.as_str(), invoice.attachments), ("COMPLETEE", vec!["devis.pdf".to_owned()]));
    simulator.control().advance(Duration::from_secs(5 * 600));
    assert_eq!(simulator.ledger().invoice("FA-1").unwrap().status, "MISE_EN_PAIEMENT", "the buyer works on");
    let consulted = client.good("consulter/fournisseur", json!({"identifiantFactureCPP": id})).await;
    assert_eq!(consulted["facture"]["listeDesPiecesJointes"]["pieceJointe"][0]["pieceJointeDesignation"], "Devis");
    conforms("WsRetourFacturesEmises", &consulted);
    let listed = client.good("rechercher/pj/structure", json!({})).await;
    assert_eq!(listed["listePiecesJointes"][0]["pieceJointeId"], file);
    let body = json!({"objetPieceJointe": "DEMANDE_PAIEMENT", "demandePaiement":
        {"listeFacture": [{"idFacture": id}], "format": "PDF", "avecPiecesJointesComplementaires": "OUI"}});
    let got = client.good("telecharger/pieceJointe", body).await;
    assert!(STANDARD.decode(got["pieceJointe"].as_str().unwrap()).unwrap().starts_with(b"PK"));
}

#[tokio::test]
async fn recycling_ends_by_date_and_what_is_open_may_finish() {
    let scenario = Scenario::from_toml("received = 1\nreadings = { recycling_until = \"2999-12-31\" }").unwrap();
    let simulator = start(scenario).await;
    let client = Client::of(&simulator).await;
    assert!(next(&client, "MISE_A_DISPOSITION").await.contains(&"A_RECYCLER".to_owned()));
    client.deposit("a.xml", &ubl("FA-1")).await;
    simulator.control().advance(VERDICT);
    let id = simulator.ledger().invoice("FA-1").unwrap().id.0;
    let recycle = |buyer: &str, service: &str| {
        json!({"identifiantFactureCPP": id, "commentaire": "Service corrigé", "reference": {},
               "destinataire": {"codeDestinataire": buyer, "codeServiceExecutant": service}})
    };
    assert_eq!(client.code("recycler", recycle(STATE, "")).await, 20004, "nobody asked for it");
    simulator.control().move_invoice("FA-1", "A_RECYCLER", "Mauvais service");
    assert_eq!(
        client.order(json!({"action": "set_readings", "readings": {"recycling_until": null}})).await.status,
        200
    );
    assert!(!next(&client, "MISE_A_DISPOSITION").await.contains(&"A_RECYCLER".to_owned()));
    assert_eq!(treat(&client, 9001, "A_RECYCLER", "x").await["codeRetour"], 20002, "it is over");
    assert_eq!(client.code("recycler", recycle("12345678200028", "SRV9")).await, 20005);
    conforms("WsRetourRecyclerFacture", &client.good("recycler", recycle("12345678200028", "SRV1")).await);
    let row = client.good("rechercher/fournisseur", json!({"numeroFacture": "FA-1"})).await["listeFactures"][0].clone();
    assert_eq!((&row["statut"], &row["codeServiceExecutant"]), (&json!("DEPOSEE"), &json!("SRV1")));
}

#[tokio::test]
async fn a_rejection_is_taken_note_of() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    client.deposit("a.xml", &ubl("FA-1")).await;
    simulator.control().advance(VERDICT);
    let id = simulator.ledger().invoice("FA-1").unwrap().id.0;
    let note = json!({"listeDemandePaiement": [{"idDemandePaiement": id}]});
    assert_eq!(client.code("traiterRejet", note.clone()).await, 20002, "it is not rejected");
    simulator.control().move_invoice("FA-1", "REJETEE", "RETRAIT_MAN_SERV - erreur de service");
    let to_treat = || async { client.code("rechercher/atraiter/fournisseur", json!({})).await };
    assert_eq!(to_treat().await, 0);
    conforms("WsRetour", &client.good("traiterRejet", note).await);
    assert_eq!(to_treat().await, 20000, "no row");
    let row = client.good("rechercher/fournisseur", json!({"rejetTraite": true})).await;
    assert_eq!(row["listeFactures"][0]["rejetTraite"], true);
    let history = client.good("consulter/historique", json!({"idFacture": id})).await;
    assert_eq!(history["derniereAction"]["derniereActionCode"], "TRAITEMENT_REJET");
    conforms("WsRetourConsulterHistoriqueFacture", &history);
}

#[tokio::test]
async fn a_subcontractors_invoice_is_validated_by_the_main_contractor() {
    let simulator = start(Scenario { to_validate: 2, received: 1, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    let found = client.good("rechercher/aTraiter/valideur", json!({})).await;
    conforms("WsRetourRechercherFactureATraiterParValideur", &found);
    assert_eq!(found["parametresRetour"]["total"], 2);
    let ids: Vec<i64> =
        found["listeFactures"].as_array().unwrap().iter().map(|row| row["idFacture"].as_i64().unwrap()).collect();
    conforms(
        "WsRetourFacturesEmises",
        &client.good("consulter/valideur", json!({"identifiantFactureCPP": ids[0]})).await,
    );
    let act = |id: i64, action: &str, motif: &str| json!({"idFacture": id, "action": action, "motifRefus": motif});
    let accepted = client.good("traiter/factureAValider", act(ids[0], "VALIDER", "")).await;
    conforms("WsRetourTraiterFactureAValider", &accepted);
    assert_eq!(client.code("traiter/factureAValider", act(ids[0], "VALIDER", "")).await, 20002, "once");
    assert_eq!(client.code("traiter/factureAValider", act(ids[1], "REFUSER", "")).await, 20003, "a motif is due");
    assert_eq!(client.code("traiter/factureAValider", act(ids[1], "REFUSER", "ERR_VALIDEUR")).await, 0);
    assert_eq!(client.code("rechercher/aTraiter/valideur", json!({})).await, 20000);
    let seen = client.good("rechercher/valideur", json!({"typeDemandePaiement": "FACTURE"})).await;
    conforms("WsRetourRechercherFactureParValideur", &seen);
    assert_eq!(seen["listeFactures"][1]["statut"], "REFUSEE_1");
    simulator.control().advance(Duration::from_secs(7 * 600));
    let paid = client.good("rechercher/valideur", json!({})).await;
    assert_eq!(paid["listeFactures"][0]["statut"], "MISE_EN_PAIEMENT", "its buyer went on");
    let visible = client.good("recuperer/statutsFactureVisibles/valideur", json!({})).await;
    conforms("WsRetourRecupererStatutsFactureVisiblesParValideur", &visible);
    let received = client.call("rechercher/recipiendaire", json!({"typeDemandePaiement": "FACTURE"})).await.json();
    assert_eq!(received["total"], 1, "they are nobody's to receive here");
}

#[tokio::test]
async fn works_invoices_are_a_kind_of_their_own() {
    let simulator = start(Scenario { received: 1, received_works: 2, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    let of = |kind: &str| json!({"typeDemandePaiement": kind});
    let works = client.good("rechercher/recipiendaire", of("FACTURE_TRAVAUX")).await;
    conforms("WsRetourRechercheFactureRecipiendaireRest", &works);
    assert_eq!(
        (&works["total"], &works["listeFactures"][0]["typeFactureTravaux"]),
        (&json!(2), &json!("PROJET_DECOMPTE_MENSUEL"))
    );
    assert_eq!(client.good("rechercher/recipiendaire", of("FACTURE")).await["total"], 1);
    let id = works["listeFactures"][0]["idFacture"].clone();
    conforms(
        "WsRetourFacturesRecues",
        &client.good("consulter/recipiendaire", json!({"identifiantFactureCPP": id})).await,
    );
    let moa = client.good("facturesTravaux/rechercher", json!({"roleUtilisateur": "MOA"})).await;
    assert_eq!(moa["listeFacturesTravaux"].as_array().unwrap().len(), 2);
    let moe = client.call("facturesTravaux/rechercher", json!({"roleUtilisateur": "MOE"})).await.json();
    assert_eq!((&moe["codeRetour"], &moe["libelle"]), (&json!(20007), &json!("GFT_MSG_01.075")));
    let all = client.good("rechercher/atraiter/recipiendaire", json!({})).await;
    conforms("WsRetourRechercheFactureRecipiendaire", &all);
    assert_eq!(all["parametresRetour"]["total"], 3);
}
