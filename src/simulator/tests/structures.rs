//! Who is who: structures, services, commitments, the directory; and that the judge says the same.

use std::io::Read;

use super::*;

async fn structure(client: &Client, siret: &str) -> i64 {
    let body = json!({"structure": {"identifiantStructure": siret, "typeIdentifiantStructure": "SIRET"}});
    let found = client.good("structures/rechercher", body).await;
    found["listeStructures"][0]["idStructureCPP"].as_i64().unwrap()
}

/// What a buyer demands is the same in its structure, in the directory, and in what becomes of a deposit.
#[tokio::test]
async fn structures_directory_and_judge_agree() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let archive = client.good("telecharger/annuaire/destinataire", json!({})).await;
    let archive = STANDARD.decode(archive["fichierResultat"].as_str().unwrap()).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    let mut directory = String::new();
    archive.by_name("ChorusStructures.csv").unwrap().read_to_string(&mut directory).unwrap();
    let header: Vec<&str> = directory.lines().next().unwrap().split(';').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let buyers = ["12345678200051", "12345678200036", "12345678200028", "12345678200044", "11000201100044"];
    for (at, siret) in buyers.into_iter().enumerate() {
        let id = structure(&client, siret).await;
        let whole = client.good("structures/consulter", json!({"idStructureCPP": id, "codeLangue": "fr"})).await;
        let (commitment, service) = (
            whole["parametres"]["numeroEJDoitEtreRenseigne"].as_bool().unwrap(),
            whole["parametres"]["codeServiceDoitEtreRenseigne"].as_bool().unwrap(),
        );
        let row: Vec<&str> = directory.lines().find(|line| line.contains(siret)).unwrap().split(';').collect();
        assert_eq!(row[column("GestionEngagement")], commitment.to_string(), "{siret}");
        assert_eq!(row[column("GestionService")], service.to_string(), "{siret}");

        let services = client.good("structures/rechercher/services", json!({"idStructure": id})).await;
        let listed = services["listeServices"].as_array().unwrap().clone();
        let usable = listed.iter().find(|row| row["estActif"] == true && row["codeService"] != "FACTURES_PUBLIQUES");
        let code = usable.map_or("", |row| row["codeService"].as_str().unwrap());
        if service {
            let id_service = usable.unwrap()["idService"].clone();
            let one = json!({"idStructure": id, "idService": id_service});
            let told = client.good("structures/consulter/service", one).await;
            assert_eq!(told["informationsGenerales"]["codeService"], code);
        }
        let found =
            json!({"structureReceptriceEngagementJuridique": siret, "etatCourantEngagementJuridique": "COMMANDE"});
        let known = client.call("engagementsJuridiques/rechercher", found).await.json();
        let order =
            known["listeEngagementJuridique"][0]["numeroEngagementJuridique"].as_str().unwrap_or_default().to_owned();
        assert!(!commitment || !order.is_empty(), "{siret}: a commitment is demanded and none exists");

        let with = |service: &str, order: &str| {
            let mut extra = String::new();
            if !service.is_empty() {
                extra.push_str(&format!("<cbc:BuyerReference>{service}</cbc:BuyerReference>"));
            }
            if !order.is_empty() {
                extra.push_str(&format!("<cac:OrderReference><cbc:ID>{order}</cbc:ID></cac:OrderReference>"));
            }
            extra
        };
        for (n, (has_service, has_order)) in
            [(false, false), (true, false), (false, true), (true, true)].into_iter().enumerate()
        {
            let extra = with(if has_service { code } else { "" }, if has_order { &order } else { "" });
            let number = client.deposit("a.xml", &content::tests::ubl(&format!("A-{at}-{n}"), siret, &extra)).await;
            simulator.control().advance(VERDICT);
            let fine = (!service || has_service) && (!commitment || has_order);
            let state = client.report(&number).await["etatCourantDepotFlux"].clone();
            assert_eq!(state == "IN_INTEGRE", fine, "{siret} service {has_service} commitment {has_order}: {state}");
        }
    }
}

#[tokio::test]
async fn the_password_of_the_technical_account_has_an_end_that_can_be_moved() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let id = structure(&client, "12345678200051").await;
    let end = || async {
        let whole = client.good("structures/consulter", json!({"idStructureCPP": id})).await;
        whole["informationGenerales"]["dateExpirationMotPasseCompteTech"].as_str().unwrap().to_owned()
    };
    let today = crate::domain::Timestamp::now();
    let day = |n: u64| Duration::from_secs(n * 86_400);
    assert_eq!(end().await, today.plus(day(424)).paris_date());
    assert_eq!(client.order(json!({"action": "set_password_days", "days": 7})).await.status, 200);
    assert_eq!(end().await, today.plus(day(7)).paris_date());
    simulator.control().set_password_days(-1).unwrap();
    assert_eq!(end().await, today.minus(day(1)).paris_date());
    let other = structure(&client, "12345678200036").await;
    let whole = client.good("structures/consulter", json!({"idStructureCPP": other})).await;
    assert!(whole["informationGenerales"].get("dateExpirationMotPasseCompteTech").is_none(), "one's own only");
}

#[tokio::test]
async fn what_the_scenario_adds_is_found_everywhere() {
    let scenario = Scenario::from_toml(include_str!("../../../config/simulate.toml")).unwrap();
    let simulator = start(Scenario { fault: Vec::new(), outage: Vec::new(), latency: None, ..scenario }).await;
    let client = Client::of(&simulator).await;
    let id = structure(&client, "19999999900017").await;
    let services = client.good("structures/rechercher/services", json!({"idStructure": id})).await;
    assert!(services.to_string().contains("CANTINE"));
    let found = client.good("rechercher/destinataire", json!({"nomVilleCodePostal": "lycée"})).await;
    assert_eq!(found["listeDestinataires"][0]["siret"], "19999999900017");
    let known =
        client.good("engagementsJuridiques/rechercher", json!({"numeroEngagementJuridique": "450000777"})).await;
    assert_eq!(known["listeEngagementJuridique"].as_array().unwrap().len(), 1);
    assert_eq!(client.code("consulter/information/siret", json!({"siretStructure": "19999999900017"})).await, 0);
    assert_eq!(client.code("consulter/information/siret", json!({"siretStructure": "00000000000000"})).await, 20000);
    for (service, list) in [
        ("structures/lister/rattachementsutilisateur", "listeServices"),
        ("utilisateurs/monCompte/recuperer/rattachements", "listeStructureRattachement"),
        ("recuperer/structures/actives/fournisseur", "listeStructures"),
        ("recuperer/structures/actives/destinataire", "listeStructures"),
        ("recuperer/structures/actives/facturetravaux", "listeStructures"),
    ] {
        assert!(!client.good(service, json!({})).await[list].as_array().unwrap().is_empty(), "{service}");
    }
    assert_eq!(client.code("structures/rechercher", json!({"structure": {"identifiantStructure": "1"}})).await, 20000);
}

#[tokio::test]
async fn every_list_has_rows_and_wants_an_object() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let lists: Vec<&str> =
        service::paths().map(|(name, ..)| name).filter(|name| name.starts_with("recuperer/")).collect();
    assert!(lists.len() > 15);
    for name in lists {
        let body = match name {
            "recuperer/etat/typedp" => json!({"typeDemandePaiement": "FACTURE"}),
            "recuperer/etats/traitement" => json!({"statutCourant": "MISE_A_DISPOSITION"}),
            _ => json!({}),
        };
        let answer = client.good(name, body).await;
        let list = answer.as_object().unwrap().values().find_map(Value::as_array);
        assert!(list.is_some_and(|rows| !rows.is_empty()), "{name}: {answer}");
        assert_eq!(client.call(name, json!([])).await.status, 400, "{name}");
    }
}
