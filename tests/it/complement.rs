//! A sent invoice that its recipient suspended is completed by a dropped archive, once, or it is said why not.

use fluxgate::simulator::{Effect, FaultRule};
use serde_json::{Value, json};

use crate::batch::zip;
use crate::gateway::{Gateway, hurried, invoice, quick_limits};

/// A gateway whose sent invoice has the status.
pub async fn with_sent(number: &str, status: &str) -> Gateway {
    let mut limits = quick_limits();
    limits.change_poll = fluxgate::domain::Duration::from_millis(400);
    let gateway = Gateway::start(hurried(), limits).await;
    gateway.drop_flow("facture.xml", invoice(number)).await;
    gateway.await_receipt("facture.xml.json", |receipt| receipt["invoices"][0]["chorus_id"].is_i64()).await;
    assert!(gateway.simulator.control().move_invoice(number, status, "Bon de livraison manquant"));
    gateway
}

fn complement(sheet: &Value, files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    if sheet["files"].is_array() {
        let schema = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/schema/complement.schema.json");
        let schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
        assert!(jsonschema::draft202012::new(&schema).unwrap().is_valid(sheet), "{sheet}");
    }
    let mut members = vec![("complement.json", sheet.to_string().into_bytes())];
    members.extend(files.iter().cloned());
    zip(&members)
}

fn bon(number: &str) -> Vec<u8> {
    let sheet = json!({"invoice": number, "comment": "Voici le bon signé (œ, €).",
        "files": [{"name": "bon de livraison.pdf", "kind": "02"}, {"name": "annexes/plan.png"}]});
    complement(&sheet, &[("bon de livraison.pdf", b"%PDF-1.4 bon".to_vec()), ("annexes/plan.png", b"\x89PNG".to_vec())])
}

pub fn completed(gateway: &Gateway, number: &str) -> usize {
    let ledger = gateway.simulator.ledger();
    let invoice = ledger.invoices.iter().find(|invoice| invoice.number == number).unwrap();
    invoice.history.iter().filter(|moment| moment.name == "COMPLETEE").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_invoice_is_completed_with_its_files_and_goes_on() {
    let gateway = with_sent("COMP-1", "SUSPENDUE").await;
    gateway.drop_flow("complement.zip", bon("COMP-1")).await;
    let receipt = gateway.await_final("complement.zip.json").await;
    assert_eq!(receipt["state"], "integrated", "{receipt:#}");
    assert_eq!(receipt["parts"][0]["change"]["status"], "COMPLETEE");
    let ledger = gateway.simulator.ledger();
    let invoice = ledger.invoices.iter().find(|invoice| invoice.number == "COMP-1").unwrap();
    assert_eq!(invoice.attachments, ["bon de livraison.pdf", "annexes_plan.png"]);
    let moment = invoice.history.iter().find(|moment| moment.name == "COMPLETEE").unwrap();
    assert_eq!(moment.comment, "Voici le bon signé (œ, €).");
    assert_eq!((ledger.calls_of("ajouter/fichier"), ledger.calls_of("completer")), (2, 1));
    // The sent invoice's own receipt follows: it is completed, and paid in the end.
    gateway.await_receipt("facture.xml.json", |receipt| receipt["invoices"][0]["status"] == "MISE_EN_PAIEMENT").await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_complement_is_looked_up_and_it_is_never_given_twice() {
    for accepted in [true, false] {
        let gateway = with_sent("COMP-2", "SUSPENDUE").await;
        let rule = FaultRule::new("completer", Effect::LoseAnswer).accepted(accepted);
        gateway.simulator.control().add_fault(rule).unwrap();
        gateway.drop_flow("complement.zip", bon("COMP-2")).await;
        let receipt = gateway.await_final("complement.zip.json").await;
        assert_eq!(receipt["parts"][0]["state"], "done", "accepted: {accepted}: {receipt:#}");
        assert_eq!(completed(&gateway, "COMP-2"), 1, "accepted: {accepted}");
        let ledger = gateway.simulator.ledger();
        assert_eq!(ledger.calls_of("completer"), if accepted { 1 } else { 2 });
        assert_eq!(ledger.calls_of("ajouter/fichier"), 2, "what Chorus Pro has is not handed in again");
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_answer_is_lost_is_handed_in_once_more() {
    let gateway = with_sent("COMP-3", "SUSPENDUE").await;
    gateway.simulator.control().add_fault(FaultRule::new("ajouter/fichier", Effect::LoseAnswer)).unwrap();
    gateway.drop_flow("complement.zip", bon("COMP-3")).await;
    let receipt = gateway.await_final("complement.zip.json").await;
    assert_eq!(receipt["state"], "integrated", "{receipt:#}");
    assert_eq!(completed(&gateway, "COMP-3"), 1);
    let ledger = gateway.simulator.ledger();
    assert_eq!((ledger.calls_of("ajouter/fichier"), ledger.calls_of("completer")), (3, 1));
    let invoice = ledger.invoices.iter().find(|invoice| invoice.number == "COMP-3").unwrap();
    assert_eq!(invoice.attachments.len(), 2);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_between_the_calls_completes_once() {
    let mut gateway = with_sent("COMP-4", "SUSPENDUE").await;
    let rule = FaultRule::new("completer", Effect::LoseAnswer).accepted(true);
    gateway.simulator.control().add_fault(rule).unwrap();
    gateway.drop_flow("complement.zip", bon("COMP-4")).await;
    gateway.await_until("the call", || gateway.simulator.ledger().calls_of("completer") == 1).await;
    gateway.crash().await;
    gateway.boot();
    let receipt = gateway.await_final("complement.zip.json").await;
    assert_eq!(receipt["parts"][0]["state"], "done", "{receipt:#}");
    assert_eq!((completed(&gateway, "COMP-4"), gateway.simulator.ledger().calls_of("completer")), (1, 1));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_handed_in_after_the_first_was_ends_the_complement() {
    let gateway = with_sent("COMP-6", "SUSPENDUE").await;
    let control = gateway.simulator.control();
    // The first file is not taken yet, so the complement has begun and waits.
    let busy = control.add_fault(FaultRule::new("ajouter/fichier", Effect::Status429).retry_after(1).always()).unwrap();
    let file = gateway.drop_flow("complement.zip", bon("COMP-6")).await;
    let parts = || gateway.store().reader().unwrap().parts(&file).unwrap();
    let waits = || parts().first().is_some_and(|part| part.state == "asked" && part.fault.is_some());
    gateway.await_until("the wait", waits).await;
    // A name that an earlier version let through.
    let db = rusqlite::Connection::open(gateway.dir.path().join("fluxgate.db")).unwrap();
    db.execute("UPDATE piece SET name = 'plan.exe' WHERE ordinal = 1", []).unwrap();
    control.remove_fault(busy);
    let receipt = gateway.await_final("complement.zip.json").await;
    let part = &receipt["parts"][0];
    assert_eq!((&part["state"], &part["fault"]["code"]), (&"refused".into(), &"FG-425".into()), "{receipt:#}");
    assert!(part["fault"]["title"].as_str().unwrap().contains("plan.exe"), "{part}");
    assert_eq!(gateway.simulator.ledger().calls_of("completer"), 0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_that_cannot_be_completed_is_told_before_anything_is_sent() {
    let gateway = with_sent("COMP-5", "MISE_A_DISPOSITION").await;
    gateway.drop_flow("pas-suspendue.zip", bon("COMP-5")).await;
    let receipt = gateway.await_final("pas-suspendue.zip.json").await;
    assert_eq!(
        (&receipt["state"], &receipt["parts"][0]["fault"]["code"]),
        (&"refused".into(), &"FG-427".into()),
        "{receipt:#}"
    );
    let title = receipt["parts"][0]["fault"]["title"].as_str().unwrap();
    assert!(title.contains("MISE_A_DISPOSITION"), "{title}");

    let pdf = || ("a.pdf", b"%PDF-1.4".to_vec());
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("inconnue.zip", bon("COMP-AUTRE"), "FG-426", "COMP-AUTRE"),
        ("mal-ecrit.zip", zip(&[("complement.json", b"{\"invoice\": ".to_vec())]), "FG-425", "mal écrit"),
        ("cle.zip", complement(&json!({"facture": "COMP-5", "comment": "x"}), &[]), "FG-425", "facture"),
        ("laquelle.zip", complement(&json!({"comment": "x"}), &[]), "FG-425", "quelle facture"),
        ("rien.zip", complement(&json!({"invoice": "COMP-5"}), &[]), "FG-425", "ni fichier"),
        (
            "absente.zip",
            complement(&json!({"invoice": "COMP-5", "files": [{"name": "b.pdf"}]}), &[pdf()]),
            "FG-425",
            "b.pdf",
        ),
        ("de-trop.zip", complement(&json!({"invoice": "COMP-5", "comment": "x"}), &[pdf()]), "FG-425", "a.pdf"),
        (
            "extension.zip",
            complement(&json!({"invoice": "COMP-5", "files": [{"name": "a.exe"}]}), &[("a.exe", b"MZ".to_vec())]),
            "FG-425",
            "extension",
        ),
    ];
    for (name, bytes, code, said) in cases {
        gateway.drop_flow(name, bytes).await;
        let receipt = gateway.await_final(&format!("{name}.json")).await;
        assert_eq!(
            (&receipt["state"], &receipt["fault"]["code"]),
            (&"refused".into(), &code.into()),
            "{name}: {receipt:#}"
        );
        let title = receipt["fault"]["title"].as_str().unwrap();
        assert!(title.contains(said), "{name}: {title}");
    }
    let ledger = gateway.simulator.ledger();
    assert_eq!((ledger.calls_of("ajouter/fichier"), ledger.calls_of("completer")), (0, 0));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_chorus_pro_refuses_is_said_in_words_and_the_invoice_stays_suspended() {
    let gateway = with_sent("COMP-6", "SUSPENDUE").await;
    let rule = toml::from_str::<FaultRule>(
        "service = \"completer\"\neffect = \"refuse\"\ncode = 20001\nlabel = \"GDP_MSG_11.005\"\ntimes = 1",
    );
    gateway.simulator.control().add_fault(rule.unwrap()).unwrap();
    gateway.drop_flow("complement.zip", bon("COMP-6")).await;
    let receipt = gateway.await_final("complement.zip.json").await;
    let fault = &receipt["parts"][0]["fault"];
    assert_eq!(fault["code"], "FG-428", "{receipt:#}");
    let title = fault["title"].as_str().unwrap();
    assert!(title.contains("n'a pas le droit") && title.contains("20001 « GDP_MSG_11.005 »"), "{title}");
    assert_eq!(completed(&gateway, "COMP-6"), 0);
    // Dropped again, it is no duplicate: the first was refused.
    gateway.drop_flow("complement.zip", bon("COMP-6")).await;
    gateway.await_receipt("complement.zip.json", |receipt| receipt["state"] == "integrated").await;
    assert_eq!(completed(&gateway, "COMP-6"), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_chorus_pro_refuses_is_named_and_nothing_is_completed() {
    let gateway = with_sent("COMP-7", "SUSPENDUE").await;
    let rule = "service = \"ajouter/fichier\"\neffect = \"refuse\"\ncode = 20003\nlabel = \"Trop grand\"\ntimes = 1";
    gateway.simulator.control().add_fault(toml::from_str::<FaultRule>(rule).unwrap()).unwrap();
    gateway.drop_flow("complement.zip", bon("COMP-7")).await;
    let receipt = gateway.await_final("complement.zip.json").await;
    let title = receipt["parts"][0]["fault"]["title"].as_str().unwrap();
    assert!(title.contains("bon de livraison.pdf") && title.contains("20003 « Trop grand »"), "{title}");
    assert_eq!((completed(&gateway, "COMP-7"), gateway.simulator.ledger().calls_of("completer")), (0, 0));
    gateway.stop().await;
}
