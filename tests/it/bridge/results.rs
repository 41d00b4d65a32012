//! Results: what core placed is listed, read, removed and renamed by its own account only.

use fluxgate::bridge::client::ClientError;

use super::place::{Place, Scene, content};
use super::status;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_are_listed_read_and_removed() {
    let place = Place::open(Scene::default()).await;
    let accuses = place.results().join("accuses");
    std::fs::write(accuses.join("a.xml.json"), "{\"final\":true}").unwrap();
    std::fs::write(accuses.join(".a.xml.json.half"), "half").unwrap();
    let big = content(3 << 20, 8);
    std::fs::write(accuses.join("big.json"), &big).unwrap();
    let mut client = place.client().await;
    let names = |listed: Vec<fluxgate::bridge::client::Listed>| {
        let mut names: Vec<String> = listed.into_iter().map(|e| e.name).collect();
        names.sort();
        names
    };
    assert_eq!(names(client.list("/").await.unwrap()), ["accuses", "depot", "recues", "rejets", "statuts"]);
    assert_eq!(names(client.list("/depot").await.unwrap()), ["prod"]);
    assert_eq!(names(client.list("/accuses").await.unwrap()), ["a.xml.json", "big.json"], "half-written is hidden");
    assert_eq!(client.get("/accuses/a.xml.json").await.unwrap(), b"{\"final\":true}");
    assert_eq!(client.get("/accuses/big.json").await.unwrap(), big);
    assert!(client.get("/accuses/.a.xml.json.half").await.is_err());
    client.rename("/accuses/a.xml.json", "/accuses/done.json").await.unwrap();
    assert_eq!(status(client.rename("/accuses/done.json", "/accuses/big.json").await).0, 3, "nothing is overwritten");
    assert_eq!(status(client.rename("/accuses/done.json", "/recues/done.json").await).0, 3);
    client.remove("/accuses/done.json").await.unwrap();
    assert_eq!(status(client.remove("/accuses/done.json").await).0, 2);
    assert_eq!(status(client.remove_folder("/accuses").await).0, 3);
    for n in 0..3000 {
        std::fs::write(accuses.join(format!("many-{n:0>180}.json")), "{}").unwrap();
    }
    assert_eq!(client.list("/accuses").await.unwrap().len(), 3001);
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_received_invoice_is_taken_when_its_folder_goes() {
    let place = Place::open(Scene::default()).await;
    let state = |flow: &fluxgate::domain::FlowId| place.store().reader().unwrap().flow(flow).unwrap().unwrap().state;
    let (emptied, removed, renamed) = (place.delivered("a"), place.delivered("bb"), place.delivered("ccc"));
    let mut client = place.client().await;
    assert_eq!(client.list("/recues").await.unwrap().len(), 3);
    assert_eq!(client.get("/recues/a/pivot.xml").await.unwrap(), b"<pivot/>");
    client.remove("/recues/a/pivot.xml").await.unwrap();
    assert_eq!(state(&emptied), "delivered", "something of it is still there");
    client.remove("/recues/a/facture.json").await.unwrap();
    assert_eq!(state(&emptied), "taken");
    assert_eq!(status(client.remove_folder("/recues/bb").await).0, 3, "not empty");
    assert_eq!(state(&removed), "delivered");
    client.remove("/recues/bb/pivot.xml").await.unwrap();
    client.remove("/recues/bb/facture.json").await.unwrap();
    client.remove_folder("/recues/bb").await.unwrap();
    assert_eq!(state(&removed), "taken");
    client.rename("/recues/ccc", "/recues/fait-ccc").await.unwrap();
    assert_eq!(state(&renamed), "taken");
    place.completed(&renamed, "ccc-complement-1");
    let standing = || place.store().reader().unwrap().delivered(&"sifac".parse().unwrap()).unwrap();
    assert_eq!(standing().len(), 1);
    client.rename("/recues/ccc-complement-1", "/recues/fait-ccc-complement-1").await.unwrap();
    assert_eq!(standing(), [], "a complement is taken like an invoice");
    std::fs::write(place.results().join("statuts/0001.json"), "{}").unwrap();
    client.remove("/statuts/0001.json").await.unwrap();
    assert!(place.journal_kinds().iter().any(|kind| kind == "status_taken"));
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_whose_files_lie_side_by_side_is_taken_when_its_description_goes() {
    let place = Place::open(Scene::default()).await;
    let state = |flow: &fluxgate::domain::FlowId| place.store().reader().unwrap().flow(flow).unwrap().unwrap().state;
    let recues = place.results().join("recues");
    let names = ["F1_9_facture.json", "F1_10_facture.json"];
    let flows = names.map(|name| {
        let flow = place.delivered(name);
        std::fs::remove_dir_all(recues.join(name)).unwrap();
        std::fs::write(recues.join(name), "{}").unwrap();
        std::fs::write(recues.join(name.replace("facture.json", "original.xml")), "<Invoice/>").unwrap();
        flow
    });
    let mut client = place.client().await;
    client.remove("/recues/F1_9_original.xml").await.unwrap();
    assert_eq!(state(&flows[0]), "delivered", "its description is still there");
    client.remove("/recues/F1_9_facture.json").await.unwrap();
    assert_eq!((state(&flows[0]).as_str(), state(&flows[1]).as_str()), ("taken", "delivered"));
    client.rename("/recues/F1_10_facture.json", "/recues/F1_10_facture.json.lu").await.unwrap();
    assert_eq!(state(&flows[1]), "taken");
    client.remove("/recues/F1_10_original.xml").await.unwrap();
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_outside_the_account_can_be_reached() {
    let place = Place::open(Scene::default()).await;
    let results = place.results();
    std::fs::write(place.dir.path().join("secret"), "secret").unwrap();
    std::fs::create_dir_all(place.dir.path().join("folders/keys-only/accuses")).unwrap();
    std::fs::write(place.dir.path().join("folders/keys-only/accuses/hers.json"), "hers").unwrap();
    std::os::unix::fs::symlink(place.dir.path().join("secret"), results.join("accuses/link")).unwrap();
    std::os::unix::fs::symlink("../../keys-only/accuses", results.join("accuses/other")).unwrap();
    std::fs::create_dir_all(results.join(".travail")).unwrap();
    std::fs::write(results.join(".travail/half"), "half").unwrap();
    let mut client = place.client().await;
    assert_eq!(client.list("/accuses").await.unwrap(), [], "links are not shown");
    for path in [
        "/accuses/link",
        "/accuses/other/hers.json",
        "/accuses/../../keys-only/accuses/hers.json",
        "/../keys-only/accuses/hers.json",
        "/.travail/half",
        "/accuses/../.travail/half",
        "/secret",
        "/etc/passwd",
    ] {
        assert!(matches!(client.get(path).await, Err(ClientError::Status { .. })), "{path}");
        assert!(client.remove(path).await.is_err(), "{path}");
    }
    assert_eq!(std::fs::read_to_string(place.dir.path().join("secret")).unwrap(), "secret");
    place.close().await;
}
