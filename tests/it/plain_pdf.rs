//! A PDF without an invoice inside: it meets its data, from a file or a person, and is submitted as Chorus Pro's form.

use std::sync::atomic::Ordering;
use std::time::Duration;

use fluxgate::domain::{FlowId, Timestamp};
use fluxgate::flow::deposit::Event;
use fluxgate::simulator::{Effect, ErrorTransport, FaultRule};
use fluxgate::store::Facts;
use fluxgate::work::LimitsSection;
use serde_json::{Value, json};

use crate::batch::zip;
use crate::clock::with_clock;
use crate::gateway::{Gateway, hurried, invoice, quick_limits, realm};

/// A one-page PDF that shows these lines.
pub fn pdf(lines: &[&str]) -> Vec<u8> {
    let text: String = lines.iter().map(|line| format!("({line}) Tj T*\n")).collect();
    let page = format!("BT /F1 16 Tf 72 760 Td 24 TL\n{text}ET\n");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{page}endstream", page.len()),
    ];
    whole(&objects)
}

/// The same with a signature's dictionary, as a signing program leaves it.
fn signed_pdf(line: &str) -> Vec<u8> {
    whole(&[
        format!("<< /Type /Catalog /Title ({line}) >>"),
        "<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /ByteRange [0 10 20 30] /Contents <00> >>"
            .to_owned(),
    ])
}

fn whole(objects: &[String]) -> Vec<u8> {
    let mut file = String::from("%PDF-1.4\n");
    let mut table = String::from("0000000000 65535 f \n");
    for (at, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", at + 1));
    }
    let (start, size) = (file.len(), objects.len() + 1);
    file.push_str(&format!(
        "xref\n0 {size}\n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    ));
    file.into_bytes()
}

pub fn data(number: &str, extra: Value) -> Value {
    let mut data = json!({
        "number": number, "date": "2026-11-20",
        "supplier": {"siret": "12345678200051"}, "recipient": {"siret": "11000201100044"},
        "frame": "A1", "type": "invoice", "currency": "EUR", "vat_kind": "on_debit", "payment": "transfer",
        "vat": [{"rate": "20", "base": "100.00", "tax": "20.00"}],
        "totals": {"without_tax": "100.00", "tax": "20.00", "with_tax": "120.00", "payable": "120.00"},
        "comment": "Œuvre livrée"
    });
    for (key, value) in extra.as_object().unwrap() {
        data[key] = value.clone();
    }
    data
}

pub fn json_of(number: &str, extra: Value) -> Vec<u8> {
    data(number, extra).to_string().into_bytes()
}

/// Drops data, waits until they wait, and then their PDF; answers the PDF's flow.
pub async fn drop_pair(gateway: &Gateway, name: &str, data: Vec<u8>, page: Vec<u8>) -> FlowId {
    let sidecar = format!("{name}.json");
    let data = gateway.drop_flow(&sidecar, data).await;
    gateway.await_state(&format!("{sidecar}.{data}.json"), "unmatched").await;
    gateway.drop_flow(name, page).await
}

pub fn states(receipt: &Value) -> Vec<&str> {
    receipt["history"].as_array().unwrap().iter().map(|line| line["state"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pdf_waits_for_its_data_and_is_submitted_with_them() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let page = gateway.drop_flow("facture.pdf", pdf(&["Facture PDF-1"])).await;
    let waits = gateway.await_state("facture.pdf.json", "incomplete").await;
    assert_eq!((&waits["fault"]["code"], &waits["final"]), (&"FG-212".into(), &false.into()), "{waits:#}");
    assert!(waits["fault"]["remedy"].as_str().unwrap().contains("facture.pdf.json"), "{waits:#}");
    // Wrong data first: they are refused, every problem by its path, and the PDF goes on waiting.
    let wrong =
        json!({"date": "20/11/2026", "totals": {"without_tax": "100", "tax": "20", "with_tax": "130", "payable": "1"}});
    let refused = gateway.drop_flow("facture.pdf.json", json_of("PDF-1", wrong)).await;
    let receipt = gateway.await_final(&format!("facture.pdf.json.{refused}.json")).await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"refused".into(), &"FG-214".into()), "{receipt:#}");
    let told: Vec<&str> =
        receipt["findings"].as_array().unwrap().iter().map(|f| f["where"].as_str().unwrap()).collect();
    assert_eq!(told, ["date", "totals.with_tax"]);
    assert_eq!(gateway.store().reader().unwrap().flow(&page).unwrap().unwrap().state, "incomplete");

    let data = gateway.drop_flow("facture.pdf.json", json_of("PDF-1", json!({"commitment": "EJ-7"}))).await;
    let receipt = gateway.await_final(&format!("facture.pdf.{page}.json")).await;
    assert_eq!(states(&receipt), ["received", "incomplete", "ready", "sending", "integrated"], "{receipt:#}");
    assert_eq!((&receipt["deposit_number"], &receipt["fault"]), (&Value::Null, &Value::Null));
    let sent = &receipt["invoices"][0];
    assert_eq!((&sent["number"], &sent["status"]), (&"PDF-1".into(), &"MISE_EN_PAIEMENT".into()));
    let ledger = gateway.simulator.ledger();
    let held = ledger.invoice("PDF-1").unwrap();
    assert_eq!(sent["chorus_id"], held.id.0);
    assert_eq!((held.mode.as_str(), held.framework.as_str(), &held.validator), ("DEPOT_PDF_API", "A1", &None));
    assert_eq!(
        (held.supplier.as_str(), held.attachments.as_slice()),
        ("12345678200051", &["facture.pdf".to_owned()][..])
    );
    assert_eq!(held.history[0].comment, "Œuvre livrée");
    assert_eq!((ledger.calls_of("soumettre"), ledger.calls_of("deposer/flux")), (1, 0));
    let receipt = gateway.await_final(&format!("facture.pdf.json.{data}.json")).await;
    assert_eq!((&receipt["state"], &receipt["joined_to"]), (&"joined".into(), &page.as_str().into()), "{receipt:#}");
    // The same number again, in any form: taken.
    gateway.drop_flow("autre.xml", invoice("PDF-1")).await;
    assert_eq!(gateway.await_final("autre.xml.json").await["fault"]["code"], "FG-110");
    let again = gateway.drop_flow("autre.pdf.json", json_of("PDF-1", json!({"comment": "bis"}))).await;
    let receipt = gateway.await_final(&format!("autre.pdf.json.{again}.json")).await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"refused".into(), &"FG-110".into()));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_come_first_wait_for_their_pdf() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let first = gateway.drop_flow("a.pdf.json", json_of("AVANT-0", json!({}))).await;
    gateway.await_state(&format!("a.pdf.json.{first}.json"), "unmatched").await;
    // Corrected before the PDF came: the newest word counts.
    let data = gateway.drop_flow("a.pdf.json", json_of("AVANT-1", json!({}))).await;
    let waits = gateway.await_state(&format!("a.pdf.json.{data}.json"), "unmatched").await;
    assert_eq!((&waits["fault"]["code"], &waits["fault"]["retry"]), (&"FG-213".into(), &"Later".into()), "{waits:#}");
    let replaced = gateway.await_final(&format!("a.pdf.json.{first}.json")).await;
    assert_eq!((&replaced["state"], &replaced["fault"]["code"]), (&"refused".into(), &"FG-215".into()));
    assert!(replaced["fault"]["title"].as_str().unwrap().contains(data.as_str()), "{replaced:#}");
    gateway.drop_flow("b.pdf", pdf(&["another"])).await;
    gateway.await_state("b.pdf.json", "incomplete").await;

    let page = gateway.drop_flow("a.pdf", pdf(&["Facture AVANT-1"])).await;
    let receipt = gateway.await_final(&format!("a.pdf.{page}.json")).await;
    assert_eq!(states(&receipt), ["received", "ready", "sending", "integrated"], "{receipt:#}");
    assert_eq!(receipt["invoices"][0]["number"], "AVANT-1");
    assert_eq!(gateway.await_final(&format!("a.pdf.json.{data}.json")).await["joined_to"], page.as_str());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_name_their_pdf_by_its_hash_and_two_of_one_name_are_told_apart_by_nothing_else() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let one = gateway.drop_flow("scan.pdf", pdf(&["one"])).await;
    let two = gateway.drop_flow("scan.pdf", pdf(&["two"])).await;
    for page in [&one, &two] {
        gateway.await_state(&format!("scan.pdf.{page}.json"), "incomplete").await;
    }
    let lone = gateway.drop_flow("scan.pdf.json", json_of("H-1", json!({}))).await;
    let receipt = gateway.await_final(&format!("scan.pdf.json.{lone}.json")).await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"refused".into(), &"FG-215".into()), "{receipt:#}");
    assert!(receipt["fault"]["title"].as_str().unwrap().contains("sha256"), "{receipt:#}");
    let hash = gateway.store().reader().unwrap().flow(&two).unwrap().unwrap().sha256.unwrap().to_string();
    let named = json!({"sha256": hash, "file": "whatever.pdf"});
    gateway.drop_flow("donnees.json", json_of("H-2", named)).await;
    let receipt = gateway.await_final(&format!("scan.pdf.{two}.json")).await;
    assert_eq!(receipt["invoices"][0]["number"], "H-2", "{receipt:#}");
    assert_eq!(gateway.store().reader().unwrap().flow(&one).unwrap().unwrap().state, "incomplete");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_whose_pdf_never_comes_are_told() {
    let limits = LimitsSection { pair_wait: fluxgate::domain::Duration::from_millis(300), ..quick_limits() };
    let gateway = Gateway::start(hurried(), limits).await;
    gateway.drop_flow("seul.pdf.json", json_of("SEUL-1", json!({}))).await;
    let receipt = gateway.await_final("seul.pdf.json.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"refused".into(), &"FG-215".into()), "{receipt:#}");
    assert!(receipt["fault"]["title"].as_str().unwrap().contains("« seul.pdf »"), "{receipt:#}");
    assert_eq!(states(&receipt), ["received", "unmatched", "refused"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_holds_pdfs_with_their_data_and_attachments() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let with = json!({"attachments": ["bon.docx", {"file": "plan.pdf", "designation": "Plan", "kind": "02"}]});
    let lacking = json!({"attachments": ["absent.png"]});
    let archive = zip(&[
        ("mai/f1.pdf", pdf(&["one"])),
        ("mai/bon.docx", b"PK not really".to_vec()),
        ("mai/f1.pdf.json", json_of("LOT-PDF-1", with)),
        ("mai/plan.pdf", pdf(&["plan"])),
        ("f2.pdf.json", json_of("LOT-PDF-2", lacking)),
        ("f2.pdf", pdf(&["two"])),
        ("f3.pdf.json", json_of("LOT-PDF-3", json!({"frame": "Z"}))),
        ("seul.pdf", pdf(&["alone"])),
        ("u.xml", invoice("LOT-UBL-1")),
    ]);
    gateway.drop_flow("lot.zip", archive).await;
    let receipt = gateway.await_final("lot.zip.json").await;
    assert_eq!(receipt["state"], "partly_integrated", "{receipt:#}");
    let invoices: Vec<&str> =
        receipt["invoices"].as_array().unwrap().iter().map(|i| i["number"].as_str().unwrap()).collect();
    assert_eq!(invoices, ["LOT-PDF-1", "LOT-UBL-1"], "{receipt:#}");
    let held = gateway.simulator.ledger().invoice("LOT-PDF-1").unwrap().clone();
    assert_eq!(held.attachments, ["f1.pdf", "bon.docx", "plan.pdf"], "the PDF, then what goes with it");
    let findings = receipt["findings"].as_array().unwrap();
    let of = |place: &str| findings.iter().filter(|f| f["where"].as_str().unwrap().starts_with(place)).count();
    assert_eq!((of("f2.pdf.json : attachments[0]"), of("f3.pdf.json : frame")), (1, 1), "{findings:#?}");
    let alone = findings.iter().find(|f| f["where"] == "seul.pdf").unwrap();
    assert_eq!(alone["rule"], "FG-207");
    assert!(alone["remedy"].as_str().unwrap().contains(".pdf.json"), "{alone}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_sub_and_co_contractors_arrive_with_their_validator() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    for (number, frame) in [("CADRE-9", "A9"), ("CADRE-12", "A12")] {
        let validator = json!({"frame": frame, "validator": {"structure": "12345678200036"},
                               "supplier": {"siret": "12345678200051", "service": "BIBLIO"}});
        gateway.drop_flow(&format!("{number}.pdf.json"), json_of(number, validator)).await;
        let page = gateway.drop_flow(&format!("{number}.pdf"), pdf(&[number])).await;
        gateway.await_state(&format!("{number}.pdf.{page}.json"), "integrated").await;
        let held = gateway.simulator.ledger().invoice(number).unwrap().clone();
        assert_eq!((held.framework.as_str(), held.validator.as_deref()), (frame, Some("12345678200036")));
    }
    let ledger = gateway.simulator.ledger();
    assert_eq!(ledger.calls_of("structures/rechercher"), 1, "asked for once: {:#?}", ledger.calls);
    // A service the supplier does not have, and a supplier Chorus Pro does not know, are told before anything is submitted.
    for (number, supplier, code) in [
        ("CADRE-S", json!({"siret": "12345678200051", "service": "NULLE-PART"}), "FG-430"),
        ("CADRE-F", json!({"siret": "99999999999999"}), "FG-429"),
    ] {
        gateway.drop_flow(&format!("{number}.pdf.json"), json_of(number, json!({"supplier": supplier}))).await;
        let page = gateway.drop_flow(&format!("{number}.pdf"), pdf(&[number])).await;
        let receipt = gateway.await_final(&format!("{number}.pdf.{page}.json")).await;
        assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"refused".into(), &code.into()), "{receipt:#}");
    }
    assert_eq!(gateway.simulator.ledger().calls_of("soumettre"), 2);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_pdf_is_submitted_as_signed() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let page = gateway.drop_flow("signee.pdf", signed_pdf("s")).await;
    gateway.drop_flow("signee.pdf.json", json_of("SIGNE-1", json!({}))).await;
    gateway.await_final(&format!("signee.pdf.{page}.json")).await;
    assert_eq!(gateway.simulator.ledger().invoice("SIGNE-1").unwrap().mode, "DEPOT_PDF_SIGNE_API");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_whose_answer_is_lost_is_looked_up_and_never_sent_again() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    // An upload's lost answer is no doubt: the PDF is simply handed in again.
    control.add_fault(FaultRule::new("deposer/pdf", Effect::LoseAnswer)).unwrap();
    control.add_fault(FaultRule::new("soumettre", Effect::LoseAnswer)).unwrap();
    let page = drop_pair(&gateway, "perdue.pdf", json_of("PERDU-1", json!({})), pdf(&["lost"])).await;
    let receipt = gateway.await_final(&format!("perdue.pdf.{page}.json")).await;
    assert_eq!(states(&receipt), ["received", "ready", "sending", "doubtful", "integrated"], "{receipt:#}");
    let ledger = gateway.simulator.ledger();
    assert_eq!((ledger.calls_of("soumettre"), ledger.calls_of("deposer/pdf")), (1, 2));
    assert_eq!(receipt["invoices"][0]["chorus_id"], ledger.invoice("PERDU-1").unwrap().id.0);

    // Cut half-way is as lost; never taken at all, it is sent again once its absence is proved.
    control.add_fault(FaultRule::new("soumettre", Effect::Cut)).unwrap();
    let page = drop_pair(&gateway, "coupee.pdf", json_of("COUPE-1", json!({})), pdf(&["cut"])).await;
    let receipt = gateway.await_final(&format!("coupee.pdf.{page}.json")).await;
    assert!(states(&receipt).contains(&"doubtful"), "{receipt:#}");
    assert_eq!(gateway.simulator.ledger().calls_of("soumettre"), 2);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_was_never_taken_is_sent_again_once_that_is_proved() {
    let limits = LimitsSection { integration_delay: fluxgate::domain::Duration::from_millis(600), ..quick_limits() };
    let gateway = Gateway::start(hurried(), limits).await;
    gateway.simulator.control().add_fault(FaultRule::new("soumettre", Effect::Status500)).unwrap();
    let page = drop_pair(&gateway, "f.pdf", json_of("ABSENT-1", json!({})), pdf(&["absent"])).await;
    let receipt = gateway.await_final(&format!("f.pdf.{page}.json")).await;
    assert_eq!(
        states(&receipt),
        ["received", "ready", "sending", "doubtful", "ready", "sending", "integrated"],
        "{receipt:#}"
    );
    assert_eq!(gateway.simulator.ledger().calls_of("soumettre"), 2);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_submission_says_why_by_either_transport_and_may_be_corrected() {
    for transport in [ErrorTransport::Http200, ErrorTransport::Http400] {
        let mut scenario = hurried();
        scenario.errors = transport;
        let gateway = Gateway::start(scenario, quick_limits()).await;
        let (bad, page) = (json!({"recipient": {"siret": "12345678200028"}}), pdf(&["refused"]));
        gateway.drop_flow("f.pdf.json", json_of("REFUS-1", bad)).await;
        let first = gateway.drop_flow("f.pdf", page.clone()).await;
        let receipt = gateway.await_final(&format!("f.pdf.{first}.json")).await;
        assert_eq!(
            (&receipt["state"], &receipt["fault"]["code"]),
            (&"refused".into(), &"FG-401".into()),
            "{receipt:#}"
        );
        assert!(receipt["fault"]["title"].as_str().unwrap().contains("code service est obligatoire"), "{receipt:#}");
        // The same PDF with corrected data: both may be dropped again.
        let right = json!({"recipient": {"siret": "12345678200028", "service": "SRV1"}});
        gateway.drop_flow("f.pdf.json", json_of("REFUS-1", right)).await;
        let second = gateway.drop_flow("f.pdf", page).await;
        let receipt = gateway.await_final(&format!("f.pdf.{second}.json")).await;
        assert_eq!(receipt["state"], "integrated", "{receipt:#}");
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pdf_that_waits_is_read_by_chorus_pro_for_whoever_completes_it() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let lines = ["Facture LUE-1", "20/11/2026", "12345678200051", "11000201100044", "Total TTC : 120,00"];
    let page = gateway.drop_flow("lue.pdf", pdf(&lines)).await;
    gateway.await_state("lue.pdf.json", "incomplete").await;
    let read = || gateway.store().reader().unwrap().pdf_data(&page).unwrap().and_then(|data| data.proposal);
    gateway.await_until("the reading", || read().is_some()).await;
    let proposal: Value = serde_json::from_str(&read().unwrap()).unwrap();
    assert_eq!((&proposal["number"], &proposal["date"]), (&"LUE-1".into(), &"2026-11-20".into()), "{proposal}");
    assert_eq!(proposal["recipient"]["siret"], "11000201100044");
    let record = gateway.store().reader().unwrap().flow(&page).unwrap().unwrap();
    assert_eq!(record.state, "incomplete", "a reading decides nothing");
    // After a crash nothing is lost, and the data still find it.
    let mut gateway = gateway;
    gateway.crash().await;
    gateway.boot();
    gateway.drop_flow("lue.pdf.json", json_of("LUE-1", json!({}))).await;
    let receipt = gateway.await_final(&format!("lue.pdf.{page}.json")).await;
    assert_eq!(receipt["state"], "integrated");
    assert!(Timestamp::now().since(record.received_at) < Duration::from_secs(60));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_pdf_whose_supplier_may_not_be_asked_for_stops_nobody_else() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    control.add_fault(FaultRule::new("structures/rechercher", Effect::Status403Empty).always()).unwrap();
    control.add_fault(FaultRule::new("recuperer/etats/traitement", Effect::Status403Empty).always()).unwrap();
    drop_pair(&gateway, "interdite.pdf", json_of("INTERDITE", json!({})), pdf(&["Facture"])).await;
    let waits = gateway.await_receipt("interdite.pdf.json", |r| r["fault"]["code"] == "FG-303").await;
    assert_eq!((&waits["state"], &waits["fault"]["actor"]), (&"ready".into(), &"Establishment".into()), "{waits:#}");
    assert!(waits["fault"]["title"].as_str().unwrap().contains("structures/rechercher"), "{waits:#}");
    // Others go their way meanwhile, received ones too.
    control.send_samples(1);
    for n in 0..3 {
        let name = format!("autre-{n}.xml");
        gateway.drop_flow(&name, invoice(&format!("AUTRE-{n}"))).await;
        gateway.await_state(&format!("{name}.json"), "integrated").await;
    }
    let received = || gateway.folder("recues").read_dir().is_ok_and(|mut folder| folder.next().is_some());
    gateway.await_until("the delivery", received).await;
    let asked = || gateway.simulator.ledger().calls_of("recuperer/etats/traitement");
    gateway.await_until("the question of what may follow", || asked() > 0).await;
    let overview = gateway.store().reader().unwrap().overview(Timestamp::now()).unwrap();
    assert!(overview.halts.is_empty(), "{:?}", overview.halts);
    let halted = gateway.store().reader().unwrap().alarms().unwrap();
    assert!(halted.iter().all(|record| !record.alarm.subject.starts_with("halt:")), "not for a moment");

    control.clear_faults();
    // What was put off is due at once when somebody has changed something.
    gateway.reload();
    let receipt = gateway.await_final("interdite.pdf.json").await;
    assert_eq!((&receipt["state"], &receipt["fault"]), (&"integrated".into(), &Value::Null), "{receipt:#}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_chorus_pro_took_of_a_pdf_and_its_enclosures_is_not_handed_in_again() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    // Each file is handed in, and the next one fails once: a slow line, where all of them never pass in one go.
    let lost = |name: &str| FaultRule::new("ajouter/fichier", Effect::Status500).file(name);
    for name in ["un.docx", "deux.docx"] {
        gateway.simulator.control().add_fault(lost(name)).unwrap();
    }
    // Nor where the form itself certainly never left.
    gateway.simulator.control().add_fault(FaultRule::new("soumettre", Effect::Status429).retry_after(1)).unwrap();
    let with = json!({"attachments": ["un.docx", "deux.docx"]});
    let archive = zip(&[
        ("f.pdf", pdf(&["one"])),
        ("un.docx", b"PK one".to_vec()),
        ("deux.docx", b"PK two".to_vec()),
        ("f.pdf.json", json_of("LENT-1", with)),
    ]);
    gateway.drop_flow("lot.zip", archive).await;
    let receipt = gateway.await_final("lot.zip.json").await;
    assert_eq!(receipt["state"], "integrated", "{receipt:#}");
    let ledger = gateway.simulator.ledger();
    assert_eq!(ledger.invoice("LENT-1").unwrap().attachments, ["f.pdf", "un.docx", "deux.docx"]);
    assert_eq!((ledger.calls_of("deposer/pdf"), ledger.calls_of("ajouter/fichier")), (1, 4), "{:#?}", ledger.calls);
    gateway.stop().await;
}

/// An archive of a PDF with two files that go with it, whose data are numbered so.
fn with_two(number: &str, files: [&str; 2]) -> Vec<u8> {
    let with = json!({"attachments": files});
    zip(&[
        ("f.pdf", pdf(&[number])),
        (files[0], b"PK one".to_vec()),
        (files[1], b"PK one".to_vec()),
        ("f.pdf.json", json_of(number, with)),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn two_enclosures_of_one_name_and_content_are_two() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.drop_flow("lot.zip", with_two("PAIRE-1", ["a/annexe.docx", "b/annexe.docx"])).await;
    let receipt = gateway.await_final("lot.zip.json").await;
    assert_eq!(receipt["state"], "integrated", "{receipt:#}");
    let ledger = gateway.simulator.ledger();
    assert_eq!(ledger.invoice("PAIRE-1").unwrap().attachments, ["f.pdf", "annexe.docx", "annexe.docx"]);
    assert_eq!(ledger.calls_of("ajouter/fichier"), 2, "{:#?}", ledger.calls);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_refused_with_files_of_an_earlier_job_goes_once_more_with_new_ones() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    // (how often the form is refused, what becomes of it)
    for (number, times, state) in [("OUBLI-1", 1, "integrated"), ("OUBLI-2", 0, "refused")] {
        let before = gateway.simulator.ledger();
        control.add_fault(FaultRule::new("ajouter/fichier", Effect::Status500).file("deux.docx")).unwrap();
        let refused = FaultRule::new("soumettre", Effect::Refuse).refusal(20007, "piece jointe inconnue");
        let rule = control.add_fault(refused.times(times)).unwrap();
        let file = format!("{number}.zip");
        gateway.drop_flow(&file, with_two(number, ["un.docx", "deux.docx"])).await;
        let receipt = gateway.await_final(&format!("{file}.json")).await;
        assert_eq!(receipt["state"], state, "{receipt:#}");
        control.remove_fault(rule);
        let ledger = gateway.simulator.ledger();
        let calls = |service: &str| ledger.calls_of(service) - before.calls_of(service);
        let all = (calls("deposer/pdf"), calls("ajouter/fichier"), calls("soumettre"));
        assert_eq!(all, (2, 5, 2), "everything anew, and once: {:#?}", ledger.calls);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_in_is_forgotten_with_the_intent_and_at_the_end() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let control = gateway.simulator.control();
    let kept = |flow: &FlowId| {
        let name = format!("upload:{flow}:probe");
        gateway.store().reader().unwrap().remembered(&realm(), &name).unwrap().is_some()
    };
    let state = |flow: &FlowId| gateway.store().reader().unwrap().flow(flow).unwrap().unwrap().state;
    for number in ["INTENTION-1", "ABANDON-1"] {
        // It waits, with something that was handed in.
        let rule = FaultRule::new("deposer/pdf", Effect::Status500).always();
        let closed = control.add_fault(rule).unwrap();
        let name = format!("{number}.pdf");
        let flow = drop_pair(&gateway, &name, json_of(number, json!({})), pdf(&[number])).await;
        gateway.await_until("it is ready", || state(&flow) == "ready").await;
        let remember = format!("upload:{flow}:probe");
        gateway.store().remember(&realm(), &remember, "1 1").await.unwrap();
        if number == "ABANDON-1" {
            let facts = Facts { person: Some("Camille Durand".into()), ..Facts::default() };
            gateway.store().decide(&flow, Event::AbandonedByPerson, facts, None, Timestamp::now()).await.unwrap();
            assert!(!kept(&flow), "nothing is kept of an abandoned one");
            continue;
        }
        control.add_fault(FaultRule::new("soumettre", Effect::Slow).ms(1_500)).unwrap();
        control.remove_fault(closed);
        gateway.await_until("the form", || ["sending", "integrated"].contains(&state(&flow).as_str())).await;
        assert!(!kept(&flow), "a crash now leaves nothing to be used twice");
        gateway.await_final(&format!("{name}.json")).await;
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_does_not_leave_late_in_the_job_that_handed_its_files_in() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    let ahead = with_clock(&mut gateway).await;
    let calls = |service: &str| gateway.simulator.ledger().calls_of(service);
    // While a file is handed in time passes, and what was handed in before is forgotten: a job that begins anew hands that in
    // again, one that goes on does not. On a busy machine that may come too late: then another is tried.
    let mut is_anew = false;
    for n in 0..5 {
        let (pdfs, files, forms) = (calls("deposer/pdf"), calls("ajouter/fichier"), calls("soumettre"));
        let slow = FaultRule::new("ajouter/fichier", Effect::Slow).ms(1_500).file("deux.docx");
        gateway.simulator.control().add_fault(slow).unwrap();
        let (number, file) = (format!("TARD-{n}"), format!("tard-{n}.zip"));
        gateway.drop_flow(&file, with_two(&number, ["un.docx", "deux.docx"])).await;
        // A call is counted once it was answered.
        gateway.await_until("the last file is on its way", || calls("ajouter/fichier") > files).await;
        ahead.fetch_add(100_000, Ordering::SeqCst);
        gateway.store().forget(&realm(), vec!["upload:".to_owned()]).await.unwrap();
        let receipt = gateway.await_final(&format!("{file}.json")).await;
        assert_eq!(receipt["state"], "integrated", "{receipt:#}");
        assert_eq!(calls("soumettre"), forms + 1);
        is_anew = calls("deposer/pdf") == pdfs + 2;
        if is_anew {
            break;
        }
    }
    assert!(is_anew, "the form left in the job that had handed its files in");
    gateway.stop().await;
}
