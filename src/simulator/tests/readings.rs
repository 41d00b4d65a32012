//! Both sides of what the documents disagree about (PROTOCOL §8), by scenario and while it runs.

use super::*;

async fn set(client: &Client, readings: Value) -> u16 {
    client.order(json!({"action": "set_readings", "readings": readings})).await.status
}

#[tokio::test]
async fn the_order_of_statuses_is_strict_or_loose() {
    let simulator = start(Scenario { received: 1, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    let pay = json!({"idFacture": 9001, "nouveauStatut": "MISE_EN_PAIEMENT", "motif": ""});
    assert_eq!(client.code("traiter/recue", pay.clone()).await, 20002);
    assert_eq!(set(&client, json!({"status_order": "loose"})).await, 200);
    assert_eq!(client.code("traiter/recue", pay).await, 0);
    let back = json!({"idFacture": 9001, "nouveauStatut": "SERVICE_FAIT", "motif": ""});
    assert_eq!(client.code("traiter/recue", back).await, 0, "any may follow any");
    let next = client.good("recuperer/etats/traitement", json!({"statutCourant": "MISE_EN_PAIEMENT"})).await;
    assert_eq!(next["listeStatutsPossiblesPourTraitement"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn a_structure_is_asked_for_by_either_name_or_by_one() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let id = world::party_id(STATE);
    let by = |name: &str| client.call("structures/consulter", json!({name: id}));
    let (first, second) = ("idStructureCPP", "idStructure");
    for (reading, one, other) in [("either", 200, 200), ("idStructureCPP", 200, 400), ("idStructure", 400, 200)] {
        assert_eq!(set(&client, json!({"structure_id": reading})).await, 200);
        assert_eq!((by(first).await.status, by(second).await.status), (one, other), "{reading}");
    }
}

#[tokio::test]
async fn one_structure_is_listed_in_an_array_or_as_itself() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let body = json!({"structure": {"identifiantStructure": STATE}});
    assert!(client.good("structures/rechercher", body.clone()).await["listeStructures"].is_array());
    set(&client, json!({"structure_list": "object"})).await;
    assert!(client.good("structures/rechercher", body).await["listeStructures"].is_object());
    assert!(client.good("structures/rechercher", json!({})).await["listeStructures"].is_array(), "several stay a list");
}

#[tokio::test]
async fn the_largest_flux_is_that_of_the_api_or_of_edi() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let big = flux("a.xml", &[ubl("FA-1"), vec![b' '; 11 << 20]].concat());
    assert_eq!(client.code("deposer/flux", big.clone()).await, 20001);
    set(&client, json!({"flux_limit": "edi"})).await;
    assert_eq!(client.code("deposer/flux", big).await, 0);
}

#[tokio::test]
async fn a_flux_nobody_can_read_is_rejected_or_inadmissible() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let files: [(&[u8], &str); 5] = [
        (b"<html/>", "IRR_TYPE"),
        (b"<Invoice", "IRR_SYNTAX"),
        (&[0x1f, 0x8b, 1, 2], "IRR_EXTRAC"),
        (&content::tests::tar_gz(&[]), "IRR_VIDE"),
        (b"%PDF-1.4 nothing", "IRR_TYPE"),
    ];
    for reading in ["IN_REJETE", "QP_IRRECEVABLE"] {
        set(&client, json!({"unreadable": reading})).await;
        for (file, code) in &files {
            let number = client.deposit("f", file).await;
            simulator.control().advance(VERDICT);
            let report = client.report(&number).await;
            assert_eq!(
                (&report["etatCourantDepotFlux"], &report["listeErreurTechnique"][0]["codeErreur"]),
                (&json!(reading), &json!(code))
            );
        }
        let refused = client.deposit("f", &content::tests::ubl("FA-1", "99999999999999", "")).await;
        simulator.control().advance(VERDICT);
        assert_eq!(client.report(&refused).await["etatCourantDepotFlux"], "IN_REJETE", "it could be read");
    }
}

#[tokio::test]
async fn a_commitment_must_be_there_or_be_known() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let order = |number: &str| format!("<cac:OrderReference><cbc:ID>{number}</cbc:ID></cac:OrderReference>");
    let state_of = |number: &'static str, commitment: &'static str| {
        let (simulator, client) = (&simulator, &client);
        async move {
            let file = content::tests::ubl(number, "12345678200036", &order(commitment));
            let flux = client.deposit("a.xml", &file).await;
            simulator.control().advance(VERDICT);
            client.report(&flux).await["etatCourantDepotFlux"].as_str().unwrap().to_owned()
        }
    };
    assert_eq!(state_of("E-1", "999").await, "IN_INTEGRE");
    set(&client, json!({"commitments": "known"})).await;
    assert_eq!(state_of("E-2", "999").await, "IN_REJETE");
    assert_eq!(state_of("E-3", "4500001").await, "IN_INTEGRE");
}

#[tokio::test]
async fn pivots_are_of_the_version_and_in_the_files_that_are_asked_for() {
    let simulator = start(Scenario { received: 2, pivot: PivotForm::Xml, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    let get = || async {
        let body = json!({"listeFacture": [{"idFacture": 9001}, {"idFacture": 9002}], "format": "PIVOT"});
        let file = client.good("telecharger/groupe", body).await["fichierResultat"].as_str().unwrap().to_owned();
        STANDARD.decode(file).unwrap()
    };
    let text = String::from_utf8(get().await).unwrap();
    assert!(text.contains("Version=\"V2_02\"") && text.contains("<IdCPRO>9001</IdCPRO>"));
    set(&client, json!({"pivot_version": "V1_20", "pivot_version_told": "no"})).await;
    let text = String::from_utf8(get().await).unwrap();
    assert!(text.contains("<CPPFacturePivot><Enveloppe>") && !text.contains("IdCPRO") && !text.contains("Renvoi"));
    set(&client, json!({"group_pivot": "one_each"})).await;
    let archive = zip::ZipArchive::new(std::io::Cursor::new(get().await)).unwrap();
    assert_eq!(archive.len(), 2);
}

#[tokio::test]
async fn the_gaps_of_the_qualification_portal_can_be_played() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let siret = json!({"siretStructure": STATE});
    assert_eq!(client.call("consulter/information/siret", siret.clone()).await.status, 200);
    set(&client, json!({"sandbox_gaps": "missing"})).await;
    assert_eq!(client.call("consulter/information/siret", siret).await.status, 404);
    assert_eq!(client.call("rechercher/demandePaiement", json!({})).await.status, 404);
}

#[tokio::test]
async fn the_directory_is_csv_or_xml() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let names = || async {
        let file = client.good("telecharger/annuaire/destinataire", json!({})).await["fichierResultat"]
            .as_str()
            .unwrap()
            .to_owned();
        let archive = zip::ZipArchive::new(std::io::Cursor::new(STANDARD.decode(file).unwrap())).unwrap();
        archive.file_names().map(|name| name.unwrap().into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["ChorusStructures.csv", "ChorusServices.csv"]);
    set(&client, json!({"directory_form": "xml"})).await;
    assert_eq!(names().await, ["AnnuaireDestinataire.xml"]);
}

/// Complétée 12 or 32, Rejetée 05 or 17, RETRAIT_MAN_SERV or AUTRE: what EDI would tell, valid against its schema.
#[tokio::test]
async fn the_status_file_has_both_readings_of_its_codes() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let file = || super::answer(client.http.get(format!("{}/simulator/statuts.xml", client.credentials.url)));
    assert_eq!(file().await.unwrap().status, 404, "nothing to tell yet");
    client.deposit("a.xml", &ubl("FA-1")).await;
    client.deposit("b.xml", &ubl("FA-2")).await;
    simulator.control().advance(VERDICT);
    simulator.control().move_invoice("FA-1", "SUSPENDUE", "Pièce manquante");
    let id = simulator.ledger().invoice("FA-1").unwrap().id.0;
    client.good("completer", json!({"identifiantFactureCPP": id, "commentaire": "voilà"})).await;
    simulator.control().move_invoice("FA-2", "REJETEE", "RETRAIT_MAN_SERV - service fermé");
    let first = String::from_utf8(file().await.unwrap().body).unwrap();
    for part in ["<IdStatut>12<", "<IdStatut>05<", "<IdStatut>06<", "RETRAIT_MAN_SERV - service"] {
        assert!(first.contains(part), "{part}: {first}");
    }
    set(&client, json!({"completed_code": "32", "rejected_code": "17", "withdrawn_motif": "other"})).await;
    let second = String::from_utf8(file().await.unwrap().body).unwrap();
    for part in ["<IdStatut>32<", "<IdStatut>17<", "AUTRE - service"] {
        assert!(second.contains(part), "{part}: {second}");
    }
    let row = client.good("rechercher/fournisseur", json!({"numeroFacture": "FA-2"})).await["listeFactures"][0].clone();
    assert_eq!(row["commentaireEtatCourant"], "AUTRE - service fermé", "the supplier's API says the same");
    let Some(schema) = reference("chorus-pro/xsd/CPPStatutPivot_V1_19.xsd") else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("1.xml", &first), ("2.xml", &second)] {
        std::fs::write(folder.path().join(name), text).unwrap();
        let lint = std::process::Command::new("xmllint")
            .args(["--noout", "--schema"])
            .arg(&schema)
            .arg(folder.path().join(name))
            .output();
        let Ok(verdict) = lint else {
            eprintln!("SKIPPED: xmllint is not installed");
            return;
        };
        assert!(verdict.status.success(), "{}", String::from_utf8_lossy(&verdict.stderr));
    }
}

#[tokio::test]
async fn an_unknown_reading_is_refused_and_a_known_one_kept() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    assert_eq!(set(&client, json!({"structure_list": "object"})).await, 200);
    for wrong in
        [json!({"status_ordre": "loose"}), json!({"status_order": "random"}), json!({"recycling_until": "soon"})]
    {
        assert_eq!(set(&client, wrong.clone()).await, 400, "{wrong}");
    }
    assert_eq!(simulator.control().readings().structure_list, ListShape::Object);
    assert_eq!(set(&client, json!({"structure_list": null})).await, 200);
    assert_eq!(simulator.control().readings(), Readings::default(), "null is the default again");
}
