//! Is a realm connected? Repairs without a restart, the probe, what realms share.

use super::*;

#[tokio::test]
async fn repaired_secrets_and_authorities_work_without_a_restart() {
    let server = Server::start(|_| history_ok()).await;
    let client = client(&server);
    let file = |name: &str| client.folder.path().join(name);
    for (name, code) in [
        ("ca.pem", Code::AuthorityUnusable),
        ("piste.secret", Code::NotConnected),
        ("account.password", Code::NotConnected),
    ] {
        let client = client_with(&section(server.address), &server.ca_pem);
        let path = client.folder.path().join(name);
        let content = fs::read(&path).unwrap();
        let sound = client.connector.secrets_version();
        fs::remove_file(&path).unwrap();
        let said = error(client.connector.call(&HISTORY).await);
        assert_eq!(kind(&said), (CallOutcome::Stopped, code), "{name}: {said}");
        let title = said.fault().title(crate::fault::Language::Fr);
        assert!(!title.contains('?'), "every blank is filled: {title}");
        assert!(name != "ca.pem" || title.contains(path.to_str().unwrap()), "what to look at: {title}");
        assert_ne!(client.connector.secrets_version(), sound, "{name}: a stopped queue sees the change");
        fs::write(&path, content).unwrap();
        client.connector.call(&HISTORY).await.unwrap();
    }
    client.connector.call(&HISTORY).await.unwrap();
    fs::write(file("account.password"), "neuf").unwrap();
    client.connector.call(&HISTORY).await.unwrap();
    let last = server.arrived(ConsulterHistorique::PATH).pop().unwrap();
    assert_eq!(STANDARD.decode(&last.headers["cpro-account"]).unwrap(), b"TECH_1_00000@cpro.fr:neuf");
}

#[tokio::test]
async fn a_probe_passes_through_every_layer_of_both_apis() {
    let closed: Arc<Mutex<&str>> = Arc::default();
    let forbidden = closed.clone();
    let server = Server::start(move |seen| match seen.path.as_str() {
        path if path == *forbidden.lock().unwrap() => Act::Answer(403, "", String::new()),
        RechercherFournisseur::PATH => ok(json!({"codeRetour": 20000, "libelle": "TRA_MSG_00.015"})),
        RecupererTauxTva::PATH => ok(json!({"codeRetour": 99, "libelle": "refusé, mais tout est ouvert"})),
        other => panic!("{other}"),
    })
    .await;
    let client = client(&server);
    client.connector.probe().await.unwrap();
    assert_eq!(server.arrived(RecupererTauxTva::PATH)[0].body, b"{}");
    for path in [RecupererTauxTva::PATH, RechercherFournisseur::PATH] {
        *closed.lock().unwrap() = path;
        let said = error(client.connector.probe().await);
        assert_eq!(kind(&said), (CallOutcome::Stopped, Code::AccessForbidden), "{path}");
    }
}

#[tokio::test]
async fn realms_of_one_environment_share_token_and_ceiling_and_others_are_not_connected() {
    let server = Server::start(|_| history_ok()).await;
    let folder = client(&server).folder;
    let apis = BTreeMap::from([
        (Environment::Practice, section(server.address)),
        (Environment::Production, ApiSection { base_url: "ftp://x".into(), ..section(server.address) }),
    ]);
    let ids: Vec<EstablishmentId> = ["univ", "ecole"].iter().map(|id| id.parse().unwrap()).collect();
    let (practice, production) = (account(Environment::Practice), account(Environment::Production));
    let accounts = [(&ids[0], &practice), (&ids[1], &practice), (&ids[0], &production)];
    let connectors = Connectors::new(folder.path(), &apis, accounts);
    let names: Vec<String> = connectors.iter().map(|c| c.realm().to_string()).collect();
    assert_eq!(names, ["ecole/practice", "univ/practice"], "the unusable section connects nobody, the others go on");
    for establishment in ["univ", "ecole"] {
        connectors.get(&realm(establishment)).unwrap().call(&HISTORY).await.unwrap();
    }
    assert_eq!(server.count(TOKEN), 1);
    assert_eq!(connectors.tallies().len(), 2);
    let fault = connectors.get(&realm("autre")).err().unwrap();
    assert_eq!((fault.code, fault.details["establishment"].as_str()), (Code::NotConnected, "autre"));
}
