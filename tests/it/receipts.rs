//! What does an application read under the bare name? `NAME.json` is the newest word about the file of that name.

use fluxgate::domain::{FlowId, Timestamp};
use fluxgate::fault::{Code, Fault};
use fluxgate::store::Refusal;

use crate::gateway::{Gateway, hurried, invoice, quick_limits, realm};

/// A refusal before anything was taken, as the gate journals it.
async fn refused(gateway: &Gateway, name: &str, folder: &str, fault: Fault) -> FlowId {
    let refusal = Refusal {
        account: "sifac".parse().unwrap(),
        realm: (folder == "depot").then(realm),
        folder: folder.to_owned(),
        name: name.to_owned(),
        peer: "127.0.0.1".to_owned(),
        at: Timestamp::now(),
        happened: None,
        fault,
    };
    gateway.store().refuse(refusal).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_that_missed_the_drop_folders_does_not_hide_the_receipt_of_that_name() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    let flow = gateway.drop_flow("a.xml", invoice("FA-NOM-1")).await;
    gateway.await_final("a.xml.json").await;
    let strays = [
        ("ailleurs", Fault::new(Code::UnknownFolder).with("folder", "/ailleurs")),
        ("accuses", Fault::new(Code::UnknownFolder).with("folder", "/accuses")),
        ("depot/qualif", Fault::new(Code::NoRoute).with("account", "sifac").with("folder", "/depot/qualif")),
        // Dropped as "a\n.xml" or so: the name in its receipt is not the one that was dropped.
        ("depot", Fault::new(Code::NameNotAllowed).with("name", "a.xml").with("reason", "control character")),
    ];
    for (folder, fault) in strays {
        let code = fault.code;
        let stray = refused(&gateway, "a.xml", folder, fault).await;
        // Receipts are written in their order: once the next one stands, this one is done with.
        refused(&gateway, "apres.xml", "depot", Fault::new(Code::FileTooLarge)).await;
        let receipt = gateway.await_final(&format!("a.xml.{stray}.json")).await;
        assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"refused".into(), &code.as_str().into()));
        gateway.await_final("apres.xml.json").await;
        std::fs::remove_file(gateway.folder("accuses").join("apres.xml.json")).unwrap();
        let shown = gateway.receipt("a.xml.json").unwrap();
        assert_eq!((&shown["flow"], &shown["state"]), (&flow.as_str().into(), &"integrated".into()), "{code}");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_a_drop_folder_is_the_newest_word_about_its_name() {
    let gateway = Gateway::start(hurried(), quick_limits()).await;
    gateway.drop_flow("a.xml", invoice("FA-NOM-2")).await;
    gateway.await_final("a.xml.json").await;
    for code in
        [Code::FileTooLarge, Code::QuotaExceeded, Code::DiskNearlyFull, Code::UploadInterrupted, Code::NeverRenamed]
    {
        let newest = refused(&gateway, "a.xml", "depot", Fault::new(code)).await;
        let receipt = gateway.await_receipt("a.xml.json", |r| r["flow"] == newest.as_str()).await;
        assert_eq!(receipt["fault"]["code"], code.as_str());
    }
    // And a good drop of that name is again.
    let flow = gateway.drop_flow("a.xml", invoice("FA-NOM-3")).await;
    let receipt = gateway.await_receipt("a.xml.json", |r| r["flow"] == flow.as_str() && r["final"] == true).await;
    assert_eq!(receipt["state"], "integrated");
    gateway.stop().await;
}
