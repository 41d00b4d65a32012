//! Statuses that the establishment gives to received invoices: asked for by a dropped file, passed on once, proved.

use fluxgate::simulator::{Effect, FaultRule, ReceivedInvoice};
use serde_json::Value;

use crate::gateway::{Gateway, hurried, quick_limits, realm};

/// A gateway that knows one received invoice, and that invoice's number at Chorus Pro.
async fn with_received(number: &str) -> (Gateway, i64) {
    let mut limits = quick_limits();
    limits.change_poll = fluxgate::domain::Duration::from_millis(400);
    let gateway = Gateway::start(hurried(), limits).await;
    let invoice = ReceivedInvoice { number: number.to_owned(), ..ReceivedInvoice::sample(1, "2026-11-20") };
    let id = gateway.simulator.control().send_invoice(invoice);
    gateway
        .await_until("the received invoice", || {
            gateway.store().reader().unwrap().received(&realm(), Some(id), None).unwrap().len() == 1
        })
        .await;
    (gateway, id.0)
}

fn history(gateway: &Gateway, number: &str) -> Vec<String> {
    let ledger = gateway.simulator.ledger();
    let invoice = ledger.invoices.iter().find(|i| i.number == number).unwrap();
    invoice.history.iter().map(|moment| moment.name.clone()).collect()
}

fn outcome(receipt: &Value, place: usize) -> (&str, &str) {
    let part = &receipt["parts"][place];
    (part["state"].as_str().unwrap(), part["fault"]["code"].as_str().unwrap_or("-"))
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_of_a_table_go_in_their_order_once_each() {
    let (gateway, id) = with_received("REC-1").await;
    let table = format!(
        "id_facture;statut;motif;numero_mandat\n{id};SERVICE_FAIT;;\n{id};MANDATEE;;M-2026-118\n{id};COMPTABILISEE;;\n"
    );
    gateway.drop_flow("statuts-1.csv", table.clone()).await;
    let receipt = gateway.await_final("statuts-1.csv.json").await;
    assert_eq!(receipt["state"], "integrated", "{receipt:#}");
    assert_eq!((0..3).map(|n| outcome(&receipt, n).0).collect::<Vec<_>>(), ["done"; 3]);
    let told = history(&gateway, "REC-1");
    assert_eq!(&told[told.len() - 3..], ["SERVICE_FAIT", "MANDATEE", "COMPTABILISEE"]);
    let ledger = gateway.simulator.ledger();
    assert_eq!(ledger.calls_of("traiter/recue"), 3);
    assert_eq!(ledger.invoices.iter().find(|i| i.number == "REC-1").unwrap().mandate, "M-2026-118");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cpp_statut_file_rejects_with_its_motif_whole_in_the_journal() {
    let (gateway, id) = with_received("REC-2").await;
    let motif = format!("Commande inconnue : {}", "œuvre non livrée, 1 250 € ".repeat(20));
    let supplier = {
        let received =
            gateway.store().reader().unwrap().received(&realm(), None, Some(&"REC-2".parse().unwrap())).unwrap();
        received[0].1.supplier.clone()
    };
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><CPPStatut><CPPFactureStatuts compteur=\"1\"><CPPFactureStatutUnitaire NumOrdre=\"1\">\
         <Fournisseur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>{supplier}</Identifiant></Fournisseur>\
         <DonneesStatut><IdStatut>05</IdStatut><ComplementStatut>{motif}</ComplementStatut><Horodatage>2026-11-23T10:00:00</Horodatage>\
         <IdFacture>REC-2</IdFacture></DonneesStatut></CPPFactureStatutUnitaire></CPPFactureStatuts></CPPStatut>"
    );
    gateway.drop_flow("CPPStatut.xml", xml).await;
    let receipt = gateway.await_final("CPPStatut.xml.json").await;
    assert_eq!(receipt["state"], "integrated", "{receipt:#}");
    assert_eq!(receipt["parts"][0]["change"]["chorus_id"], id);
    assert_eq!(history(&gateway, "REC-2").last().unwrap(), "REJETEE");
    let ledger = gateway.simulator.ledger();
    let moment = ledger.invoices.iter().find(|i| i.number == "REC-2").unwrap().history.last().unwrap().clone();
    assert_eq!(moment.comment.chars().count(), 255, "cut on a character: {}", moment.comment);
    assert!(moment.comment.starts_with("Commande inconnue : œuvre"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_are_told_one_by_one_and_the_good_ones_go_on() {
    let (gateway, id) = with_received("REC-3").await;
    let table = format!(
        "id_facture;statut;motif;numero_mandat\n{id};SUSPENDUE;;\n{id};MANDATEE;;\n999999999;SERVICE_FAIT;;\n{id};CHANTIER;;\n\
         {id};A_RECYCLER;à recycler;\n{id};SERVICE_FAIT;;\n"
    );
    gateway.drop_flow("statuts.csv", table).await;
    let receipt = gateway.await_final("statuts.csv.json").await;
    assert_eq!(
        (&receipt["state"], &receipt["fault"]["code"]),
        (&"partly_integrated".into(), &"FG-413".into()),
        "{receipt:#}"
    );
    let findings = receipt["findings"].as_array().unwrap();
    assert!(findings.iter().any(|f| f["where"] == "ligne 4" && f["rule"] == "FG-419"), "{findings:#?}");
    assert!(
        findings.iter().any(|f| f["where"] == "ligne 5"
            && f["rule"] == "FG-222"
            && !f["remedy"].as_str().unwrap().contains("aucun statut")),
        "{findings:#?}"
    );
    let faults: Vec<&str> = (0..4).map(|n| outcome(&receipt, n).1).collect();
    assert_eq!(faults, ["FG-417", "FG-417", "FG-418", "-"], "{receipt:#}");
    assert_eq!(history(&gateway, "REC-3").last().unwrap(), "SERVICE_FAIT");
    assert_eq!(gateway.simulator.ledger().calls_of("traiter/recue"), 1, "what can't be right is not sent");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transition_that_chorus_pro_does_not_list_is_refused_before_it_is_sent() {
    let (gateway, id) = with_received("REC-4").await;
    let drop = async |name: &str, status: &str, motif: &str| {
        gateway.drop_flow(name, format!("id_facture;statut;motif;commentaire\n{id};{status};{motif};{name}\n")).await;
        gateway.await_final(&format!("{name}.json")).await
    };
    let sent = |gateway: &Gateway| gateway.simulator.ledger().calls_of("traiter/recue");
    assert_eq!(drop("statuts-a.csv", "SERVICE_FAIT", "").await["state"], "integrated");
    let receipt = drop("statuts-b.csv", "COMPTABILISEE", "").await;
    assert_eq!((receipt["state"].as_str().unwrap(), outcome(&receipt, 0).1), ("refused", "FG-416"), "{receipt:#}");
    let title = receipt["parts"][0]["fault"]["title"].as_str().unwrap();
    assert!(title.contains("MANDATEE") && title.contains("SERVICE_FAIT"), "what is, and what is allowed: {title}");
    assert_eq!(sent(&gateway), 1);
    // Nothing may follow a rejection: Chorus Pro lists nothing and says so itself, once.
    assert_eq!(drop("statuts-c.csv", "REJETEE", "erreur").await["state"], "integrated");
    let receipt = drop("statuts-d.csv", "SERVICE_FAIT", "").await;
    assert_eq!((receipt["state"].as_str().unwrap(), outcome(&receipt, 0).1), ("refused", "FG-415"), "{receipt:#}");
    assert_eq!(sent(&gateway), 3, "asked once, never again");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_looked_up_and_the_status_is_never_given_twice() {
    for accepted in [true, false] {
        let (gateway, id) = with_received("REC-5").await;
        let rule = FaultRule::new("traiter/recue", Effect::LoseAnswer).accepted(accepted);
        gateway.simulator.control().add_fault(rule).unwrap();
        gateway.drop_flow("statuts.csv", format!("id_facture;statut;motif\n{id};SUSPENDUE;pièce manquante\n")).await;
        let receipt = gateway.await_final("statuts.csv.json").await;
        assert_eq!(outcome(&receipt, 0), ("done", "-"), "accepted: {accepted}: {receipt:#}");
        let times = history(&gateway, "REC-5").iter().filter(|status| *status == "SUSPENDUE").count();
        assert_eq!(times, 1, "accepted: {accepted}");
        let calls = gateway.simulator.ledger().calls_of("traiter/recue");
        assert_eq!(calls, if accepted { 1 } else { 2 });
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recycler_is_passed_on_until_its_day_and_refused_after_it() {
    let mut scenario = hurried();
    scenario.readings.recycling_until = Some("2999-12-31".to_owned());
    let mut gateway = Gateway::start(scenario, quick_limits()).await;
    let invoice = ReceivedInvoice { number: "REC-6".to_owned(), ..ReceivedInvoice::sample(1, "2026-11-20") };
    let id = gateway.simulator.control().send_invoice(invoice).0;
    gateway
        .await_until("the history", || gateway.folder("statuts").read_dir().is_ok_and(|mut d| d.next().is_some()))
        .await;
    for (day, name, state) in [("2000-01-01", "avant", "refused"), ("2999-12-31", "apres", "integrated")] {
        gateway.recycling_until = Some(day.to_owned());
        gateway.reload();
        let name = format!("statuts-{name}.csv");
        gateway
            .drop_flow(&name, format!("id_facture;statut;motif;commentaire\n{id};A_RECYCLER;mauvais service;{day}\n"))
            .await;
        let receipt = gateway.await_final(&format!("{name}.json")).await;
        assert_eq!(receipt["state"], state, "{receipt:#}");
        if state == "refused" {
            assert_eq!(outcome(&receipt, 0).1, "FG-418");
            let remedy = receipt["parts"][0]["fault"]["remedy"].as_str().unwrap();
            assert!(remedy.contains("REJETEE") && remedy.contains("nouveau numéro"), "{remedy}");
        }
    }
    assert_eq!(history(&gateway, "REC-6").last().unwrap(), "A_RECYCLER");
    gateway.stop().await;
}
