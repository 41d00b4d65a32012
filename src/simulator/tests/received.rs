//! Received invoices: found, downloaded, flagged.

use std::io::Read;

use super::*;

fn ids(found: &Value) -> Vec<i64> {
    found["listeFactures"].as_array().unwrap().iter().map(|row| row["idFacture"].as_i64().unwrap()).collect()
}

async fn search(client: &Client, mut body: Value) -> Value {
    body["typeDemandePaiement"] = json!("FACTURE");
    client.call("rechercher/recipiendaire", body).await.json()
}

async fn download(client: &Client, ids: &[i64], format: &str) -> Answer {
    let list: Vec<Value> = ids.iter().map(|id| json!({"idFacture": id})).collect();
    let body = json!({"listeFacture": list, "format": format, "avecPiecesJointesComplementaires": "OUI"});
    client.call("telecharger/groupe", body).await
}

fn file(answer: &Answer) -> Vec<u8> {
    STANDARD.decode(answer.json()["fichierResultat"].as_str().unwrap()).unwrap()
}

fn unzip(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|at| {
            let mut member = archive.by_index(at).unwrap();
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap();
            (member.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

#[tokio::test]
async fn pages_are_flat_and_filters_hold() {
    let simulator = start(Scenario { received: 23, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    let mut seen = Vec::new();
    for page in 1..=3 {
        let found =
            search(&client, json!({"paramRecherche": {"pageResultatDemandee": page, "nbResultatsParPage": 9}})).await;
        assert_eq!((&found["pageCourante"], &found["pages"], &found["total"]), (&json!(page), &json!(3), &json!(23)));
        seen.extend(ids(&found));
    }
    assert_eq!(seen, (9001..9024).collect::<Vec<i64>>());
    let total = |body: Value| {
        let client = &client;
        async move { search(client, body).await["total"].as_i64().unwrap_or(0) }
    };
    let today = crate::domain::Timestamp::now().paris_date();
    let period = json!({"periodeDateHeureEtatCourantDu": today, "periodeDateHeureEtatCourantAu": today});
    assert_eq!(total(period).await, 23);
    assert_eq!(total(json!({"periodeDateHeureEtatCourantDu": "2099-01-01"})).await, 0);
    assert_eq!(total(json!({"statutCourant": ["MISE_A_DISPOSITION"]})).await, 23);
    assert_eq!(total(json!({"statutCourant": ["SUSPENDUE"]})).await, 0);
    assert_eq!(total(json!({"idDestinataire": world::party_id("12345678200051")})).await, 23);
    let works = client.call("rechercher/recipiendaire", json!({"typeDemandePaiement": "FACTURE_TRAVAUX"})).await.json();
    assert_eq!(works["codeRetour"], 20000);
}

#[tokio::test]
async fn a_download_sets_the_flag_and_is_in_the_history() {
    let simulator = start(Scenario { received: 2, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    let fresh = json!({"factureTelechargeeParDestinataire": false});
    assert_eq!(ids(&search(&client, fresh.clone()).await), [9001, 9002]);
    assert_eq!(download(&client, &[9001], "PIVOT").await.status, 200);
    assert_eq!(ids(&search(&client, fresh.clone()).await), [9002]);
    let done = search(&client, json!({"factureTelechargeeParDestinataire": true})).await;
    assert_eq!(
        (ids(&done), &done["listeFactures"][0]["factureTelechargeeParDestinataire"]),
        (vec![9001], &json!(true))
    );
    let history = client.good("consulter/historique", json!({"idFacture": 9001})).await;
    assert_eq!(
        history["historiquesDesActionsUtilisateurs"]["histoAction"][0]["histoActionCode"],
        "TELECHARGEMENT_FACTURE"
    );
    assert_eq!(history["derniereAction"]["derniereActionCode"], "TELECHARGEMENT_FACTURE");

    let lost = FaultRule::new("telecharger/groupe", Effect::LoseAnswer);
    simulator.control().add_fault(lost).unwrap();
    let body = json!({"listeFacture": [{"idFacture": 9002}], "format": "PIVOT"});
    assert!(client.try_call("telecharger/groupe", &body).await.is_err());
    assert_eq!(search(&client, fresh).await["codeRetour"], 20000, "the flag is set although nothing arrived");
    assert_eq!(simulator.ledger().invoices[1].downloads.len(), 1);
    assert_eq!(download(&client, &[9002], "PIVOT").await.status, 200, "it can be fetched again");
}

#[tokio::test]
async fn the_pivot_is_xml_and_zip_by_turns_with_all_its_files() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let invoice = ReceivedInvoice {
        number: "É-2026/07".to_owned(),
        net: "1234.56".parse().unwrap(),
        commitment: Some("4500042".to_owned()),
        attachments: vec![
            Attachment {
                name: "détail.txt".to_owned(),
                mime: "text/plain".to_owned(),
                content: "œuvre à 12 €".into(),
                category: String::new(),
                zipped: true,
            },
            Attachment {
                name: "bl.csv".to_owned(),
                mime: "text/csv".to_owned(),
                content: b"a;b".to_vec(),
                category: "Bon de livraison".to_owned(),
                zipped: false,
            },
        ],
        ..ReceivedInvoice::default()
    };
    let id = simulator.control().send_invoice(invoice).0;
    let first = file(&download(&client, &[id], "PIVOT").await);
    let second = file(&download(&client, &[id], "PIVOT").await);
    let (zip, xml) = if first.starts_with(b"PK") { (first, second) } else { (second, first) };
    let members = unzip(&zip);
    assert_eq!(members.len(), 1);
    for pivot in [&xml, &members[0].1] {
        let text = std::str::from_utf8(pivot).unwrap();
        let contents: Vec<Vec<u8>> = text
            .split("<Contenu>")
            .skip(1)
            .map(|part| STANDARD.decode(part.split("</Contenu>").next().unwrap()).unwrap())
            .collect();
        assert!(contents[0].starts_with(b"%PDF-1.4") && contents.len() == 3);
        let inner = unzip(&contents[1]);
        assert_eq!((inner[0].0.as_str(), inner[0].1.as_slice()), ("contenu_détail.txt", "œuvre à 12 €".as_bytes()));
        assert_eq!(contents[2], b"a;b");
        assert!(text.contains("<Id>É-2026/07</Id>") && text.contains("<MontantTTC>1481.47</MontantTTC>"), "{text}");
        assert!(text.contains("<NumeroEngagement>4500042</NumeroEngagement>"));
        assert!(text.contains("<NomPJ>É-2026_07.pdf</NomPJ>"));
    }
    simulator.control().set_pivot(PivotForm::Zip);
    assert!(file(&download(&client, &[id], "PIVOT").await).starts_with(b"PK"));
    simulator.control().set_pivot(PivotForm::Xml);
    assert!(file(&download(&client, &[id], "PIVOT").await).starts_with(b"<?xml"));
    let folder = file(&download(&client, &[id], "PDF").await);
    let names: Vec<String> = unzip(&folder).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [format!("{id}/É-2026_07.pdf"), format!("{id}/détail.txt"), format!("{id}/bl.csv")]);
}

#[tokio::test]
async fn only_known_received_invoices_and_at_most_ten() {
    let simulator = start(Scenario { received: 11, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    let all: Vec<i64> = (9001..9012).collect();
    assert_eq!(download(&client, &all, "PIVOT").await.status, 400);
    let ten = file(&download(&client, &all[..10], "PDF").await);
    assert!(unzip(&ten).len() >= 20);
    let unknown = download(&client, &[9001, 1], "PIVOT").await.json();
    assert_eq!((&unknown["codeRetour"], &unknown["libelle"]), (&json!(20000), &json!("GDP_MSG_11.008")));
    assert_eq!(download(&client, &[9001], "DOCX").await.status, 400);
    let downloads: usize = simulator.ledger().invoices.iter().map(|invoice| invoice.downloads.len()).sum();
    assert_eq!(downloads, 10, "a refused download sets no flag");
}
