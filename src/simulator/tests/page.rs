//! The page for testers, from the browser's side of the socket.

use super::*;

/// A browser on the simulator's page; redirects are not followed, as the deeds are looked at.
struct Browser<'a> {
    client: &'a Client,
}

impl Browser<'_> {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.client.credentials.url)
    }

    async fn get(&self, path: &str) -> Answer {
        super::answer(self.client.http.get(self.url(path))).await.unwrap()
    }

    async fn html(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        String::from_utf8(answer.body).unwrap()
    }

    async fn csrf(&self) -> String {
        let page = self.html("/simulator/supplier").await;
        page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    async fn post(&self, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.http.post(self.url("/simulator/act")).form(fields);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        super::answer(request).await.unwrap()
    }

    /// Fills in a form; the page its reader comes back to.
    async fn act(&self, fields: &[(&str, &str)]) -> String {
        let csrf = self.csrf().await;
        let mut all = vec![("csrf", csrf.as_str()), ("lang", "en"), ("back", "chorus")];
        all.extend(fields);
        let answer = self.post(&all, &[]).await;
        // reqwest follows the 303 to the page.
        assert_eq!(answer.status, 200, "{fields:?}: {}", String::from_utf8_lossy(&answer.body));
        String::from_utf8(answer.body).unwrap()
    }
}

#[tokio::test]
async fn every_page_is_whole_in_both_languages_and_brings_nothing_from_elsewhere() {
    let simulator = start(Scenario { received: 3, catalogue: true, ..Scenario::default() }).await;
    let client = Client::of(&simulator).await;
    client.deposit("<script>alert(1)</script>.xml", &ubl("FA-1")).await;
    simulator.control().advance(VERDICT);
    simulator.control().add_fault(FaultRule::new("deposer/flux", Effect::Cut).nth(9)).unwrap();
    let browser = Browser { client: &client };
    for (page, french, english) in [
        ("", "Registre", "Ledger"),
        ("supplier", "En tant que fournisseur", "As a supplier"),
        ("chorus", "En tant que Chorus Pro", "As Chorus Pro"),
        ("accountant", "En tant que comptable", "As the recipient"),
        ("tests", "Catalogue de tests", "Catalogue of tests"),
    ] {
        for (lang, expected) in [("fr", french), ("en", english)] {
            let html = browser.html(&format!("/simulator/{page}?lang={lang}")).await;
            assert!(html.contains(expected) && html.contains(&format!("<html lang=\"{lang}\">")), "{page} {lang}");
            for foreign in ["http://", "https://", "<script", "//", "javascript:", "onclick"] {
                assert!(!html.contains(foreign), "{page} holds {foreign}");
            }
        }
    }
    let overview = browser.get("/simulator/").await;
    let policy = overview.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    let html = String::from_utf8(overview.body).unwrap();
    assert!(html.contains("FA-1") && (html.contains("&lt;script&gt;") || html.contains("&#60;script&#62;")), "{html}");
    let style = browser.get("/simulator/style.css").await;
    assert!(style.headers["content-type"].to_str().unwrap().starts_with("text/css"));
    assert!(!String::from_utf8(style.body).unwrap().contains("url("));
    assert!(browser.html("/").await.contains("<h1>"), "the bare address leads to the page");
    assert_eq!(browser.get("/simulator/nowhere").await.status, 404);
}

#[tokio::test]
async fn a_tester_acts_as_supplier_chorus_pro_and_accountant() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let browser = Browser { client: &client };
    let invoice = [
        ("action", "send"),
        ("number", "PAGE-1"),
        ("supplier", "33254021516357"),
        ("name", "Œuvres & Cie"),
        ("date", "2026-11-20"),
        ("net", "12,50"),
        ("vat", "20"),
        ("service", ""),
        ("commitment", "4500042"),
        ("kind", "invoice"),
        ("comment", "Bonjour"),
    ];
    assert!(browser.act(&invoice).await.contains("Invoice sent"));
    let works: Vec<(&str, &str)> = invoice
        .into_iter()
        .map(|(name, value)| match name {
            "number" => (name, "PAGE-2"),
            "kind" => (name, "works"),
            _ => (name, value),
        })
        .collect();
    browser.act(&works).await;
    let wrong: Vec<(&str, &str)> =
        invoice.into_iter().map(|(n, v)| if n == "supplier" { (n, "12") } else { (n, v) }).collect();
    assert!(browser.act(&wrong).await.contains("Not done: SIRET"));
    browser.act(&[("action", "samples"), ("count", "4")]).await;
    let ledger = simulator.ledger();
    assert_eq!(ledger.invoices.len(), 6);
    assert_eq!(ledger.invoice("PAGE-1").unwrap().supplier, "33254021516357");
    let works = client.good("rechercher/recipiendaire", json!({"typeDemandePaiement": "FACTURE_TRAVAUX"})).await;
    assert_eq!(works["listeFactures"][0]["numeroFacture"], "PAGE-2");

    let id = ledger.invoice("PAGE-1").unwrap().id.0;
    client
        .good("traiter/recue", json!({"idFacture": id, "nouveauStatut": "SUSPENDUE", "motif": "Devis <manquant>"}))
        .await;
    assert!(browser.html("/simulator/supplier").await.contains("Devis &#60;manquant&#62;"));
    assert!(browser.html("/simulator/supplier?lang=en").await.contains("The document you asked for is attached"));
    let complete = [("action", "complete"), ("number", "PAGE-1"), ("comment", "Voilà"), ("piece", "1")];
    assert!(browser.act(&complete).await.contains("Invoice completed"));
    assert!(browser.act(&complete).await.contains("Not done"), "once");
    assert_eq!(simulator.ledger().invoice("PAGE-1").unwrap().status, "COMPLETEE");
    let last_piece = || {
        let world = simulator.shared.world();
        let invoice = world.invoices.iter().find(|invoice| invoice.number == "PAGE-1")?;
        invoice.document()?.attachments.last().map(|piece| piece.name.clone())
    };
    assert_eq!(last_piece().as_deref(), Some("piece-demandee.pdf"), "what is said to be attached is");

    let verdict =
        [("action", "verdict"), ("invoice", "V-*"), ("state", "IN_INCIDENTE"), ("label", "x"), ("times", "1")];
    browser.act(&verdict).await;
    let flux = client.deposit("a.xml", &ubl("V-1")).await;
    client.deposit("b.xml", &ubl("FA-1")).await;
    assert!(browser.act(&[("action", "advance"), ("by", "2min")]).await.contains("Clock changed"));
    assert_eq!(client.report(&flux).await["etatCourantDepotFlux"], "IN_INCIDENTE");
    browser.act(&[("action", "speed"), ("speed", "2,5")]).await;
    assert!(browser.html("/simulator/chorus").await.contains("× 2.5"));

    let page = browser.act(&[("action", "outage"), ("kind", "status_503")]).await;
    assert!(page.contains("Outage under way"));
    assert_eq!(client.call("recuperer/tauxtva", json!({})).await.status, 503);
    browser.act(&[("action", "outage_end")]).await;
    let fault = [
        ("action", "fault"),
        ("service", "recuperer/tauxtva"),
        ("effect", "status_500"),
        ("times", "0"),
        ("percent", "100"),
    ];
    assert!(browser.act(&fault).await.contains("100 %"));
    assert_eq!(client.call("recuperer/tauxtva", json!({})).await.status, 500);
    browser.act(&[("action", "fault_remove"), ("id", "1")]).await;
    assert_eq!(client.call("recuperer/tauxtva", json!({})).await.status, 200);

    let readings = [("action", "readings"), ("status_order", "loose"), ("recycling_until", "2999-01-01")];
    browser.act(&readings).await;
    let now = simulator.control().readings();
    assert_eq!((now.status_order, now.recycling_until.as_deref()), (StatusOrder::Loose, Some("2999-01-01")));
    browser.act(&[("action", "password"), ("days", "15")]).await;
    browser.act(&[("action", "tokens")]).await;
    assert_eq!(client.call("recuperer/tauxtva", json!({})).await.status, 401);

    let moved = [("action", "move"), ("number", "FA-1"), ("status", "SUSPENDUE"), ("comment", "Pièce manquante")];
    assert!(browser.act(&moved).await.contains("Status set"));
    assert_eq!(simulator.ledger().invoice("FA-1").unwrap().status, "SUSPENDUE");
    let mandated =
        |status: &'static str| [("action", "move"), ("number", "FA-1"), ("status", status), ("mandate", "M-2026-7")];
    assert!(browser.act(&mandated("SERVICE_FAIT")).await.contains("for MANDATEE only"));
    assert!(browser.act(&mandated("MANDATEE")).await.contains("Status set"));
    let client = Client::of(&simulator).await;
    let found = client.good("rechercher/fournisseur", json!({"numeroFacture": "FA-1"})).await;
    let shown = client
        .good(
            "consulter/fournisseur",
            json!({"identifiantFactureCPP": found["listeFactures"][0]["identifiantFactureCPP"]}),
        )
        .await;
    assert!(shown.to_string().contains("\"M-2026-7\""), "{shown}");
}

/// Every reading has its control on the page, with every value it can have.
#[tokio::test]
async fn the_page_offers_every_reading() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let html = Browser { client: &client }.html("/simulator/chorus").await;
    let all = serde_json::to_value(Readings { recycling_until: Some(String::new()), ..Readings::default() }).unwrap();
    for (key, value) in all.as_object().unwrap() {
        assert!(html.contains(&format!("name=\"{key}\"")), "{key}");
        assert!(
            key == "recycling_until"
                || html.contains(&format!("<option selected>{}</option>", value.as_str().unwrap())),
            "{key}"
        );
    }
}

#[tokio::test]
async fn a_form_of_another_site_or_run_or_name_is_refused() {
    let simulator = start(Scenario::default()).await;
    let client = Client::of(&simulator).await;
    let browser = Browser { client: &client };
    let csrf = browser.csrf().await;
    let outage = [("csrf", csrf.as_str()), ("action", "outage"), ("kind", "status_503")];
    let own = client.credentials.url.clone();
    let host = own.strip_prefix("https://").unwrap();
    for (fields, headers) in [
        (&outage[1..], vec![]),
        (&[("csrf", "0123456789abcdef0123456789abcdef"), outage[1]][..], vec![]),
        (&outage[..], vec![("origin", "https://evil.example")]),
        (&outage[..], vec![("origin", "null")]),
        (&outage[..], vec![("sec-fetch-site", "cross-site")]),
        (&outage[..], vec![("host", "evil.example")]),
    ] {
        let answer = browser.post(fields, &headers).await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    let rebound = super::answer(client.http.get(browser.url("/simulator/")).header("host", "evil.example")).await;
    assert_eq!(rebound.unwrap().status, 403, "a rebound name reads nothing");
    let order = client.http.post(browser.url("/simulator/control")).header("host", "evil.example");
    let order = super::answer(order.json(&json!({"action": "begin_outage"}))).await;
    assert_eq!(order.unwrap().status, 403, "and gives no order");
    assert_eq!(browser.get("/favicon.ico").await.status, 204);
    assert_eq!(simulator.ledger().calls_of("/favicon.ico"), 0);
    assert_eq!(client.call("recuperer/tauxtva", json!({})).await.status, 200, "nothing was done");
    let good = browser.post(&outage, &[("origin", own.as_str()), ("host", host)]).await;
    assert_eq!(good.status, 200);
    assert_eq!(client.call("recuperer/tauxtva", json!({})).await.status, 503);
}
