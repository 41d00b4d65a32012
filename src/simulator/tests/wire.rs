//! Who may call, and what a request and an answer must look like.

use super::*;

#[tokio::test]
async fn a_token_is_given_for_the_right_form_and_secret_only() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let answer = client.ask_token(None).await.json();
    assert_eq!(answer["access_token"].as_str().unwrap().len(), 54);
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(answer["scope"], "openid");

    let wrong_secret = client.ask_token(Some("wrong")).await;
    let url = format!("{}/api/oauth/token", client.credentials.url);
    let form = |fields: &[(&str, &str)]| super::answer(client.http.post(&url).form(fields));
    let unknown = form(&[("grant_type", "client_credentials"), ("client_id", "nobody"), ("client_secret", "x")]);
    let unknown = unknown.await.unwrap();
    assert_eq!((wrong_secret.status, unknown.status), (400, 400));
    assert_eq!(wrong_secret.body, unknown.body, "they must not be told apart");
    assert_eq!(unknown.json()["error"], "invalid_client");
    assert_eq!(form(&[("grant_type", "password")]).await.unwrap().json()["error"], "unsupported_grant_type");
    let as_json = client.http.post(&url).header("content-type", "application/json").body("{}");
    assert_eq!(super::answer(as_json).await.unwrap().status, 400);
    assert_eq!(simulator.ledger().tokens_given, 2);
}

#[tokio::test]
async fn a_call_needs_token_and_account() {
    let simulator = start(Scenario::default()).await;
    let mut client = Client::of(&simulator).await;
    let probe = |client: &Client| client.request("recuperer/tauxtva").json(&json!({}));
    assert_eq!(super::answer(probe(&client)).await.unwrap().status, 200);

    let url = format!("{}/cpro/transverses/v1/recuperer/tauxtva", client.credentials.url);
    let bare = super::answer(client.http.post(&url).json(&json!({}))).await.unwrap();
    assert_eq!(bare.status, 400);
    assert_eq!(bare.headers["www-authenticate"], "Bearer realm=\"PISTE\"");
    assert_eq!(bare.json()["error_description"], "Unable to find token in the message");

    let no_account = client.http.post(&url).bearer_auth(&client.token).json(&json!({}));
    assert_eq!(super::answer(no_account).await.unwrap().status, 401);

    simulator.control().set_account_password("another");
    assert_eq!(super::answer(probe(&client)).await.unwrap().status, 401, "the account's password changed");
    client.credentials.account_password = "another".to_owned();
    assert_eq!(super::answer(probe(&client)).await.unwrap().status, 200);

    simulator.control().expire_tokens();
    let expired = super::answer(probe(&client)).await.unwrap();
    assert_eq!(expired.status, 401);
    assert!(expired.headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));

    simulator.control().set_client_secret("changed");
    assert_eq!(client.ask_token(None).await.status, 400);
    assert_eq!(client.ask_token(Some("changed")).await.status, 200);
}

#[tokio::test]
async fn a_short_token_ends_by_itself() {
    let scenario = Scenario { token_lifetime: crate::domain::Duration::from_secs(1), ..Scenario::default() };
    let simulator = start(scenario).await;
    let client = Client::of(&simulator).await;
    assert_eq!(client.call("recuperer/tauxtva", json!({})).await.status, 200);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(client.call("recuperer/tauxtva", json!({})).await.status, 401);
}

#[tokio::test]
async fn a_request_must_be_one() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let send = |service: &'static str, kind: &'static str, body: &'static str| {
        super::answer(client.request(service).header("content-type", kind).body(body))
    };
    let json = "application/json";
    for (service, kind, body, expected) in [
        ("recuperer/tauxtva", json, "{}", 200),
        ("recuperer/tauxtva", json, "", 400),
        ("recuperer/tauxtva", json, "[]", 400),
        ("recuperer/tauxtva", "text/xml", "{}", 415),
        ("deposer/flux", json, "{}", 400),
        ("deposer/flux", json, r#"{"fichierFlux":1}"#, 400),
        ("deposer/flux", json, r#"{"fichierFlux":"*","nomFichier":"a","syntaxeFlux":"IN_DP_E1_CII"}"#, 400),
        ("deposer/flux", json, r#"{"fichierFlux":"YQ==","nomFichier":"a","syntaxeFlux":"IN_DP_E1_UBL_201"}"#, 400),
        ("consulterCRDetaille", json, r#"{"numeroFluxDepot":12}"#, 400),
        ("rechercher/recipiendaire", json, r#"{"typeDemandePaiement":"NOTE"}"#, 400),
        ("rechercher/recipiendaire", json, r#"{"periodeDateDepotDu":"hier"}"#, 400),
        ("rechercher/fournisseur", json, r#"{"numeroFacture":7}"#, 400),
        ("rechercher/fournisseur", json, r#"{"numeroFacture":null,"neverHeardOf":{"a":[1]}}"#, 200),
        ("consulter/historique", json, "{}", 400),
        ("telecharger/groupe", json, r#"{"listeFacture":[],"format":"PIVOT"}"#, 400),
        ("soumettre", json, "{}", 400),
    ] {
        let answer = send(service, kind, body).await.unwrap();
        assert_eq!(answer.status, expected, "{service} {body}");
    }
    let get = client.http.get(format!("{}/cpro/factures/v1/deposer/flux", client.credentials.url));
    assert_eq!(super::answer(get).await.unwrap().status, 404);
    let health = super::answer(client.request("health-check")).await.unwrap();
    assert_eq!((health.status, &health.json()["statusCodeValue"]), (200, &json!(200)));
    assert!(simulator.ledger().deposits.is_empty());
}

#[tokio::test]
async fn every_answer_conforms_to_the_official_definitions() {
    let simulator = start(Scenario { received: 3, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    let answer = client.good("deposer/flux", flux("a.xml", &ubl("FA-1"))).await;
    conforms("WsRetourDeposerFluxFacture", &answer);
    let facturx = content::tests::pdf_with(&content::tests::cii("FX-1"));
    conforms("WsRetourDeposerFluxFacture", &client.good("deposer/flux", flux("a.pdf", &facturx)).await);
    simulator.control().advance(VERDICT + Duration::from_secs(86_400));

    let found = client.good("rechercher/fournisseur", json!({"recupererTaille": true})).await;
    assert_eq!(found["listeFactures"].as_array().unwrap().len(), 2);
    conforms("WsRetourRechercherFactureParFournisseur", &found);
    let id = &found["listeFactures"][0]["identifiantFactureCPP"];
    conforms(
        "WsRetourConsulterHistoriqueFacture",
        &client.good("consulter/historique", json!({"idFacture": id})).await,
    );
    let consulted = client.good("consulter/fournisseur", json!({"identifiantFactureCPP": id})).await;
    conforms("WsRetourFacturesEmises", &consulted);

    let waiting = client.good("rechercher/recipiendaire", json!({"typeDemandePaiement": "FACTURE"})).await;
    assert_eq!(waiting["total"], 3);
    conforms("WsRetourRechercheFactureRecipiendaireRest", &waiting);
    let id = &waiting["listeFactures"][0]["idFacture"];
    let order = json!({"listeFacture": [{"idFacture": id}], "format": "PIVOT"});
    conforms("WsRetourTelechargerGroupeFacture", &client.good("telecharger/groupe", order).await);
    conforms(
        "WsRetourConsulterHistoriqueFacture",
        &client.good("consulter/historique", json!({"idFacture": id})).await,
    );
    let consulted = client.good("consulter/recipiendaire", json!({"identifiantFactureCPP": id})).await;
    conforms("WsRetourFacturesRecues", &consulted);

    // Zero rows: the observed answer has nulls (examples/08), which the swagger does not foresee; but for them it
    // conforms.
    for (service, name) in [
        ("rechercher/fournisseur", "WsRetourRechercherFactureParFournisseur"),
        ("rechercher/recipiendaire", "WsRetourRechercheFactureRecipiendaireRest"),
    ] {
        let none = client.call(service, json!({"numeroFacture": "NONE"})).await.json();
        assert_eq!((&none["codeRetour"], &none["libelle"]), (&json!(20000), &json!("TRA_MSG_00.015")));
        assert_eq!(none["listeFactures"], Value::Null);
        conforms(name, &service::without_nulls(none));
    }
}

/// The swagger's operations: path, request and answer definitions.
fn operations(swagger: &Value) -> Vec<(String, String, String)> {
    let name = |schema: &Value| schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let of = |(path, operation): (&String, &Value)| {
        let parameters = operation["post"]["parameters"].as_array().unwrap();
        let body = parameters.iter().find(|one| one["in"] == "body").unwrap();
        let answer = &operation["post"]["responses"]["200"]["schema"];
        (path.trim_start_matches("/v1/").to_owned(), name(&body["schema"]), name(answer))
    };
    swagger["paths"].as_object().unwrap().iter().map(of).collect()
}

fn swagger() -> Option<Value> {
    let file = std::fs::read(reference("chorus-pro/swagger/factures.json")?).unwrap();
    Some(serde_json::from_slice(&file).unwrap())
}

/// Every operation of the swagger is served, and the definition of its answer is one that some test compares.
#[test]
fn every_operation_is_served_and_its_answer_compared() {
    let Some(swagger) = swagger() else { return };
    let tests = [include_str!("wire.rs"), include_str!("treat.rs"), include_str!("form.rs")].concat();
    let operations = operations(&swagger);
    assert_eq!(operations.len(), 22);
    for (path, _, answer) in operations {
        assert!(service::paths().any(|(name, ..)| name == path), "{path} is not served");
        assert!(tests.contains(&format!("\"{answer}\"")), "no test compares {answer}");
    }
}

/// The services of the other APIs, whose official swaggers were not found, answer with the fields of a client that works.
#[tokio::test]
async fn every_other_answer_has_the_fields_of_a_client_that_works() {
    let simulator = start(Scenario { received: 1, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    let flux = client.deposit("a.xml", &content::tests::ubl("FA-1", "99999999999999", "")).await;
    simulator.control().advance(VERDICT);
    let (own, piece) =
        (&client.good("structures/rechercher", json!({})).await["listeStructures"], STANDARD.encode("%PDF-1.4"));
    let structure = own.get(0).unwrap_or(own)["idStructureCPP"].clone();
    let waiting = client.good("rechercher/recipiendaire", json!({"typeDemandePaiement": "FACTURE"})).await;
    let received = &waiting["listeFactures"][0]["idFacture"];
    let services = client.good("structures/rechercher/services", json!({"idStructure": structure})).await;
    let unit = services["listeServices"][0]["idService"].clone();
    let bodies = [
        ("consulterCR", json!({"numeroFluxDepot": flux})),
        ("consulterCRDetaille", json!({"numeroFluxDepot": flux})),
        (
            "ajouter/fichier",
            json!({"pieceJointeFichier": piece, "pieceJointeNom": "b.pdf", "pieceJointeTypeMime": "application/pdf", "pieceJointeExtension": "PDF"}),
        ),
        (
            "telecharger/pieceJointe",
            json!({"objetPieceJointe": "DEMANDE_PAIEMENT", "demandePaiement": {"listeFacture": [{"idFacture": received}], "format": "PDF"}}),
        ),
        ("recuperer/etat/typedp", json!({"typeDemandePaiement": "FACTURE"})),
        ("consulter/information/siret", json!({"siretStructure": STATE})),
        ("structures/consulter", json!({"idStructure": structure})),
        ("structures/rechercher/services", json!({"idStructure": structure})),
        ("structures/consulter/service", json!({"idStructure": structure, "idService": unit})),
        ("recuperer/etats/traitement", json!({"statutCourant": "MISE_A_DISPOSITION"})),
    ];
    let Some(endpoints) = reference("chorus-pro/endpoints.json") else { return };
    let endpoints: Value = serde_json::from_slice(&std::fs::read(endpoints).unwrap()).unwrap();
    let described = |path: &str| endpoints["endpoints"].as_array().unwrap().iter().any(|e| e["path"] == path);
    let (mut wrong, mut undescribed) = (Vec::new(), Vec::new());
    for (service, path, _) in service::paths().filter(|(_, path, _)| !path.starts_with("/cpro/factures/")) {
        if !described(&path) {
            undescribed.push(service);
            continue;
        }
        let body = bodies.iter().find(|(name, _)| *name == service).map_or(json!({}), |(_, body)| body.clone());
        let answer = client.call(service, body).await.json();
        if service != "health-check" && answer["codeRetour"] != 0 {
            wrong.push(format!("{service}: {answer}"));
        }
        wrong.extend(strange_in_answer(&path, &answer).unwrap_or_default());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        undescribed,
        ["engagementsJuridiques/rechercher", "facturesTravaux/rechercher"],
        "nobody describes these"
    );
}

/// A value of a definition, every field filled in.
fn filled(swagger: &Value, schema: &Value, field: &str) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        let fields = swagger["definitions"][name]["properties"].as_object();
        return fields.into_iter().flatten().map(|(key, of)| (key.clone(), filled(swagger, of, key))).collect();
    }
    if let Some(first) = schema["enum"][0].as_str() {
        return json!(first);
    }
    match (schema["type"].as_str().unwrap(), field) {
        ("array", _) => json!([filled(swagger, &schema["items"], field)]),
        ("boolean", _) => json!(true),
        ("integer", _) => json!(9001),
        ("number", _) => json!(12.5),
        (_, "fichierFlux" | "fichierFacture") => json!(STANDARD.encode("%PDF-1.4")),
        (_, "format") => json!("PDF"),
        (_, "avecPiecesJointesComplementaires") => json!("NON"),
        (_, "action") => json!("VALIDER"),
        _ if schema["format"] == "date-time" => json!("2026-11-20"),
        _ => json!("x"),
    }
}

/// A request with every field of its official definition is understood, whatever becomes of it.
#[tokio::test]
async fn every_field_of_an_official_request_is_understood() {
    let Some(swagger) = swagger() else { return };
    let simulator = start(Scenario { received: 1, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    for (path, request, _) in operations(&swagger) {
        let body = filled(&swagger, &json!({"$ref": format!("#/definitions/{request}")}), "");
        let known = service::paths().find(|(name, ..)| *name == path).unwrap().0;
        let answer = client.call(known, body.clone()).await;
        assert_eq!(answer.status, 200, "{path}: {} {body}", String::from_utf8_lossy(&answer.body));
        assert!(answer.json()["codeRetour"].is_i64(), "{path}");
    }
}

#[tokio::test]
async fn answers_have_the_shape_of_the_examples() {
    let Some(first) = reference("chorus-pro/examples/01_token_ok.json") else { return };
    let simulator = start(Scenario { received: 1, error_list: ErrorList::Object, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    let example =
        |name: &str| -> Value { serde_json::from_slice(&std::fs::read(first.with_file_name(name)).unwrap()).unwrap() };
    let keys = |value: &Value| {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let refused = content::tests::ubl("FA-1", "99999999999999", "");
    let number = client.deposit("a.xml", &refused).await;
    let waiting = client.report(&number).await;
    assert_eq!(keys(&waiting), keys(&example("05_crdetaille_en_attente.json")));
    simulator.control().advance(VERDICT);
    let rejected = client.report(&number).await;
    assert_eq!(keys(&rejected["listeErreurDP"]), keys(&example("06_crdetaille_rejete.json")["listeErreurDP"]));
    assert_eq!(keys(&client.ask_token(None).await.json()), keys(&example("01_token_ok.json")));
    assert_eq!(client.ask_token(Some("no")).await.json(), example("02_token_ko_400.json"));
    let request = example("07_rechercher_recipiendaire_req.json");
    let none = client.call("rechercher/recipiendaire", request).await;
    let paths = keys(&example("08_rechercher_recipiendaire_vide.json"));
    assert!(none.status == 200 && (keys(&none.json()) == paths), "{}", none.json());
}

#[tokio::test]
async fn business_errors_travel_both_ways() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let mut seen = Vec::new();
    for transport in [ErrorTransport::Http200, ErrorTransport::Http400] {
        simulator.control().set_errors(transport);
        let answer = client.call("consulter/historique", json!({"idFacture": 1})).await;
        assert_eq!(answer.json()["codeRetour"], 20000);
        seen.push(answer.status);
    }
    simulator.control().set_errors(ErrorTransport::Alternate);
    for _ in 0..2 {
        seen.push(client.call("consulter/historique", json!({"idFacture": 1})).await.status);
    }
    assert_eq!(seen, [200, 400, 400, 200]);
}

#[tokio::test]
async fn another_process_reads_the_ledger_and_scripts_faults() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let order = |body: Value| {
        super::answer(client.http.post(format!("{}/simulator/control", client.credentials.url)).json(&body))
    };
    let fault = json!({"service": "deposer/flux", "effect": "status_500", "accepted": true});
    let added = order(json!({"action": "add_fault", "fault": fault})).await.unwrap();
    assert_eq!((added.status, &added.json()["id"]), (200, &json!(1)));
    assert_eq!(client.call("deposer/flux", flux("a.xml", &ubl("FA-1"))).await.status, 500);
    for good in [
        json!({"action": "advance", "by": "1h"}),
        json!({"action": "send_invoice", "invoice": {"number": "R-1", "net": "12.50"}}),
        json!({"action": "send_samples", "count": 2}),
        json!({"action": "move_invoice", "number": "FA-1", "status": "SUSPENDUE", "comment": "pièce manquante"}),
        json!({"action": "add_verdict", "verdict": {"state": "IN_INCIDENTE"}}),
        json!({"action": "set_speed", "speed": 100}),
        json!({"action": "freeze"}),
        json!({"action": "resume"}),
        json!({"action": "remove_fault", "id": 1}),
    ] {
        let answer = order(good.clone()).await.unwrap();
        assert_eq!((answer.status, &answer.json()["ok"]), (200, &json!(true)), "{good}");
    }
    for bad in [
        json!({"action": "explode"}),
        json!({"action": "advance", "by": "soon"}),
        json!({"action": "set_speed", "speed": -1}),
        json!({"action": "send_invoice", "invoice": {"number": "123456789012345678901"}}),
        json!({"action": "add_fault", "fault": {"service": "nowhere", "effect": "cut"}}),
    ] {
        assert_eq!(order(bad.clone()).await.unwrap().status, 400, "{bad}");
    }
    let read = super::answer(client.http.get(format!("{}/simulator/ledger", client.credentials.url))).await.unwrap();
    let ledger: Ledger = serde_json::from_slice(&read.body).unwrap();
    assert_eq!(ledger.deposits[0].answer, Answered::Hidden);
    assert_eq!(ledger.invoice("FA-1").unwrap().status, "SUSPENDUE");
    assert_eq!(ledger.invoices.len(), 4);
    assert_eq!(ledger.deposits, simulator.ledger().deposits);
    let url = format!("{}/simulator/control", client.credentials.url);
    let as_form = client.http.post(url).header("content-type", "text/plain").body(r#"{"action":"clear_faults"}"#);
    assert_eq!(super::answer(as_form).await.unwrap().status, 403, "what a foreign web page could send");
}

#[tokio::test]
async fn it_ends_when_told_and_tidies_up() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let ca = PathBuf::from(&client.credentials.ca_file);
    assert!(ca.is_file());
    simulator.stop().await;
    assert!(client.try_call("recuperer/tauxtva", &json!({})).await.is_err());
    assert!(!ca.exists());
}

#[tokio::test]
async fn plain_is_for_loopback_and_tls_for_its_own_authority() {
    let options = Options { plain: true, listen: ([0, 0, 0, 0], 0).into(), ..Options::default() };
    assert!(matches!(Simulator::start(options).await, Err(SimulatorError::PlainBeyondLoopback(_))));
    let simulator = Simulator::start(Options { plain: true, ..Options::default() }).await.unwrap();
    let client = Client::of(&simulator).await;
    assert!(client.credentials.url.starts_with("http://127.0.0.1:") && client.credentials.ca_file.is_empty());
    let keys = serde_json::to_value(simulator.credentials()).unwrap();
    let keys: Vec<&String> = keys.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["url", "ca_file", "client_id", "client_secret", "account_login", "account_password"]);

    let [one, other] = [start(Scenario::default()).await, start(Scenario::default()).await];
    let mixed = Credentials { ca_file: other.credentials().ca_file.clone(), ..one.credentials().clone() };
    let probe = http(&mixed).get(format!("{}/simulator/ledger", mixed.url));
    assert!(super::answer(probe).await.unwrap_err().is_connect(), "another authority is not trusted");
}
