//! `fluxgate doctor` as an IT admin runs it: is each known mistake told for what it looks like, does everything that does
//! not need the broken link go on, and is no secret shown?

use std::fs;
use std::path::Path;
use std::process::Output;

use fluxgate::simulator::{Effect, FaultRule, Simulator};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::commands::{code, listing, program, stderr, stdout};
use crate::gateway::write_secret;
use crate::proxy::{LOGIN, Manner, NAME, Proxy, simulator};

const SIRET: &str = "12345678200051";

/// A configuration that is right, as text; each case alters it.
pub struct Bench {
    dir: tempfile::TempDir,
    pub simulator: Simulator,
    pub sound: String,
}

impl Bench {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let simulator = simulator(dir.path()).await;
        let credentials = simulator.credentials();
        write_secret(&dir.path().join("secret"), &credentials.client_secret);
        write_secret(&dir.path().join("password"), &credentials.account_password);
        let sound = format!(
            "version = 1\n[[establishment]]\nid = \"univ\"\nname = \"Université\"\nsiret = \"{SIRET}\"\n\
             [[establishment.technical_account]]\nenvironment = \"practice\"\nlogin = \"{login}\"\n\
             password_file = \"password\"\n[chorus.api.practice]\ntoken_url = \"{url}/api/oauth/token\"\n\
             base_url = \"{url}\"\nclient_id = \"{id}\"\nclient_secret_file = \"secret\"\nca_file = \"ca.pem\"\n\
             calls_per_second = 1000\ntimeout = \"5s\"\n[proxy]\n[store]\ndir = \"{dir}\"\nrun_dir = \"{dir}/run\"\n",
            login = credentials.account_login,
            url = credentials.url,
            id = credentials.client_id,
            dir = dir.path().display(),
        );
        Self { dir, simulator, sound }
    }

    async fn run(&self, config: &str, words: &[&str]) -> Output {
        let file = self.dir.path().join("fluxgate.toml");
        fs::write(&file, config).unwrap();
        let mut command = program();
        command.args(["doctor", "--config"]).arg(&file).args(words);
        let before = listing(self.dir.path());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(listing(self.dir.path()), before, "nothing is written");
        let credentials = self.simulator.credentials();
        for secret in [&credentials.client_secret, &credentials.account_password] {
            assert!(!format!("{}{}", stdout(&output), stderr(&output)).contains(secret.as_str()), "a secret is shown");
        }
        output
    }

    /// The first finding's word, the exit code, and the document.
    async fn diagnose(&self, config: &str) -> (String, i32, Value) {
        let output = self.run(config, &["--json", "--language", "fr"]).await;
        let document: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|e| panic!("{e}: {output:?}"));
        assert_eq!(document["exit"], code(&output));
        let mistake = document["realms"][0]["findings"][0]["mistake"].as_str().unwrap_or("-").to_owned();
        (mistake, code(&output), document)
    }

    fn altered(&self, from: &str, to: &str) -> String {
        assert!(self.sound.contains(from), "{from}");
        self.sound.replacen(from, to, 1)
    }

    fn with_proxy(&self, address: std::net::SocketAddr) -> String {
        let proxy = format!("[proxy]\nurl = \"http://localhost:{}\"\nexcept = []\n", address.port());
        self.altered("[proxy]\n", &proxy).replace("https://127.0.0.1:", &format!("https://{NAME}:"))
    }
}

/// The links of a kind, with their outcomes.
fn outcomes(document: &Value, kind: &str) -> Vec<String> {
    let links = document["realms"][0]["links"].as_array().unwrap();
    let of_kind = links.iter().filter(|link| link["link"] == kind);
    of_kind.map(|link| link["outcome"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_chain_is_walked_link_by_link() {
    let bench = Bench::start().await;
    let (_, exit, document) = bench.diagnose(&bench.sound).await;
    assert_eq!(exit, 0, "{document:#}");
    let links = document["realms"][0]["links"].as_array().unwrap();
    let kinds: Vec<&str> = links.iter().map(|link| link["link"].as_str().unwrap()).collect();
    let expected = [
        "configuration",
        "name",
        "tcp",
        "tls",
        "clock",
        "token",
        "api",
        "api",
        "api",
        "api",
        "api",
        "account",
        "structure",
        "password",
        "attachment",
    ];
    assert_eq!(kinds, expected);
    assert!(links.iter().all(|link| link["outcome"] == "good"), "{document:#}");
    let said =
        |kind: &str| links.iter().find(|link| link["link"] == kind).unwrap()["said"].as_str().unwrap().to_owned();
    assert!(said("tls").contains("TLSv1.3") && said("tls").contains("émis par"), "{}", said("tls"));
    assert!(said("structure").contains(SIRET) && said("password").contains("expire le"));
    let text = stdout(&bench.run(&bench.sound, &["--language", "fr"]).await);
    assert!(text.contains("✓ jeton PISTE") && text.contains("Tout est en ordre."), "{text}");
    let text = stdout(&bench.run(&bench.sound, &[]).await);
    assert!(text.contains("✓ PISTE token") && text.contains("All is well."), "an English session: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_known_mistake_at_piste_and_chorus_pro_is_told() {
    let bench = Bench::start().await;
    let control = bench.simulator.control();
    let cases: [(&str, Effect, &str, i32, &str); 10] = [
        ("token", Effect::Empty200, "token_empty", 69, ""),
        ("token", Effect::Status500, "chorus_failing", 69, ""),
        ("*", Effect::Status403Empty, "connection_not_declared", 78, "Raccordement EDI et API"),
        ("rechercher/fournisseur", Effect::Status403Empty, "api_not_subscribed", 78, "Factures (403)"),
        ("recuperer/tauxtva", Effect::Status403Empty, "api_not_subscribed", 78, "Transverses (403)"),
        (
            "utilisateurs/monCompte/recuperer/rattachements",
            Effect::Status403Empty,
            "api_not_subscribed",
            0,
            "Utilisateurs",
        ),
        ("engagementsJuridiques/rechercher", Effect::Status403Empty, "api_not_subscribed", 0, "EngagementsJuridiques"),
        ("*", Effect::Status401, "account_refused", 78, "30 minutes"),
        ("*", Effect::Status429, "throttled", 69, ""),
        ("rechercher/fournisseur", Effect::Status500, "chorus_failing", 69, ""),
    ];
    for (service, effect, mistake, exit, words) in cases {
        control.clear_faults();
        control.add_fault(FaultRule::new(service, effect).always()).unwrap();
        let (found, ended, document) = bench.diagnose(&bench.sound).await;
        assert_eq!((found.as_str(), ended), (mistake, exit), "{service} {effect:?}: {document:#}");
        assert!(document["realms"][0]["findings"].to_string().contains(words), "{document:#}");
        assert_eq!(outcomes(&document, "tls"), ["good"], "{service}: what stands before it is not blamed");
    }
    control.clear_faults();

    control.set_account_password("autre");
    let (found, exit, document) = bench.diagnose(&bench.sound).await;
    assert_eq!((found.as_str(), exit), ("account_refused", 78), "{document:#}");
    assert_eq!(outcomes(&document, "api"), ["good"; 5], "the subscriptions are not blamed");
    // A wrong password is one mistake, told once; what hangs on it was not tried, and says why.
    assert_eq!(document["realms"][0]["findings"].as_array().unwrap().len(), 1, "{document:#}");
    assert_eq!(outcomes(&document, "account"), ["broken"]);
    for link in ["structure", "attachment", "password"] {
        assert_eq!(outcomes(&document, link), ["untried"], "{document:#}");
    }
    assert!(document.to_string().contains("non essayé : le compte technique est refusé"));
    control.set_account_password(&bench.simulator.credentials().account_password);

    for (days, mistake, exit) in [(10, "password_expires_soon", 0), (-3, "password_expired", 78)] {
        control.set_password_days(days).unwrap();
        let (found, ended, document) = bench.diagnose(&bench.sound).await;
        assert_eq!((found.as_str(), ended), (mistake, exit), "{document:#}");
    }
    control.set_password_days(424).unwrap();

    let url = &bench.simulator.credentials().url;
    let others = [
        (SIRET, "99999999999999", "structure_unknown"),
        (SIRET, "12345678200036", "account_not_attached"),
        (&format!("base_url = \"{url}\""), &format!("base_url = \"{url}/faux\""), "wrong_address"),
    ];
    for (from, to, mistake) in others {
        let (found, exit, document) = bench.diagnose(&bench.altered(from, to)).await;
        assert_eq!((found.as_str(), exit), (mistake, 78), "{document:#}");
    }

    control.set_client_secret("neuf");
    let output = bench.run(&bench.sound, &["--language", "fr"]).await;
    let text = stdout(&output);
    assert_eq!(code(&output), 78);
    assert_eq!(
        text.matches("non essayé : pas de jeton").count(),
        5,
        "what a wrong secret keeps from being tried: {text}"
    );
    for words in
        ["✗ jeton PISTE", "À quoi cela ressemble", "« API Keys » au lieu de « OAuth Credentials »", "– souscription"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_known_mistake_on_the_way_is_told() {
    let bench = Bench::start().await;
    let url = bench.simulator.credentials().url.clone();
    let base = format!("base_url = \"{url}\"");
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain_address = plain.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 302 Found\r\n\r\n").await;
        }
    });
    let cases = [
        (bench.altered(&base, &format!("base_url = \"https://{dead}\"")), "unreachable", 69),
        (bench.altered(&base, "base_url = \"https://api..piste.gouv.fr\""), "name_unknown", 78),
        (bench.altered(&base, &format!("base_url = \"https://{plain_address}\"")), "no_tls", 78),
        (bench.altered("ca_file = \"ca.pem\"\n", ""), "tls_inspected", 78),
        (bench.altered("ca_file = \"ca.pem\"", "ca_file = \"password\""), "authority_unusable", 78),
        (bench.altered("\"secret\"", "\"absent\""), "secret_missing", 78),
    ];
    for (config, mistake, exit) in cases {
        let (found, ended, document) = bench.diagnose(&config).await;
        assert_eq!((found.as_str(), ended), (mistake, exit), "{document:#}");
        assert_eq!(outcomes(&document, "token"), ["untried"]);
        assert_eq!(outcomes(&document, "tcp")[0], "good", "the token's host is reached all the same: {document:#}");
    }
    let (_, _, document) = bench.diagnose(&bench.altered("ca_file = \"ca.pem\"\n", "")).await;
    assert!(document.to_string().contains("Fluxgate simulator CA"), "who issued it: {document:#}");

    fs::set_permissions(bench.dir.path().join("secret"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let (found, exit, _) = bench.diagnose(&bench.sound).await;
    assert_eq!((found.as_str(), exit), ("secret_open", 0), "it works, and deserves a look");
    let named = url.replace("127.0.0.1", NAME);
    let mixed = bench
        .with_proxy(dead)
        .replace("practice", "production")
        .replace(&format!("{named}/api"), "https://sandbox-oauth.piste.gouv.fr/api")
        .replace(&format!("base_url = \"{named}\""), "base_url = \"https://api.piste.gouv.fr\"");
    let (found, exit, document) = bench.diagnose(&mixed).await;
    assert_eq!((found.as_str(), exit), ("environments_mixed", 78), "{document:#}");
    assert!(document.to_string().contains("https://oauth.piste.gouv.fr"), "{document:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_proxy_does_is_told_with_its_own_words() {
    let bench = Bench::start().await;
    let forbidden = "HTTP/1.1 403 Forbidden\r\nServer: squid/6.6\r\n\r\n";
    let ntlm = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: NTLM\r\n\r\n";
    let cases = [
        (Manner::Open, "-", 0, "→"),
        (Manner::Basic(LOGIN), "proxy_login", 78, "407"),
        (Manner::Refuse(ntlm), "proxy_login", 78, "« NTLM »"),
        (Manner::Refuse(forbidden), "proxy_refuses", 78, "squid/6.6"),
        (Manner::Refuse("HTTP/1.1 504 Gateway Timeout\r\n\r\n"), "proxy_refuses", 69, "504"),
        (Manner::Refuse("SSH-2.0-OpenSSH_9.2\r\n"), "proxy_wrong", 78, ""),
        (Manner::Refuse(""), "proxy_silent", 69, ""),
        (Manner::Inspect, "tls_inspected", 78, "exemption d'inspection"),
    ];
    for (n, (manner, mistake, exit, words)) in cases.into_iter().enumerate() {
        let proxy = Proxy::start(manner).await;
        let (found, ended, document) = bench.diagnose(&bench.with_proxy(proxy.address)).await;
        assert_eq!((found.as_str(), ended), (mistake, exit), "{n}: {document:#}");
        assert!(document.to_string().contains(words), "{n}: {document:#}");
        assert!(proxy.targets() >= 1);
    }
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (found, exit, _) = bench.diagnose(&bench.with_proxy(dead)).await;
    assert_eq!((found.as_str(), exit), ("proxy_unreachable", 69));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_examined_says_why() {
    let bench = Bench::start().await;
    let broken = bench.run(&bench.altered("siret", "sirte"), &[]).await;
    assert_eq!(code(&broken), 78);
    assert!(
        stderr(&broken).contains("establishment[1].siret") && stderr(&broken).contains("config check"),
        "{broken:?}"
    );
    let nobody = bench.run(&bench.sound, &["--environment", "production"]).await;
    assert_eq!(code(&nobody), 78);
    assert!(stderr(&nobody).contains("technical_account"), "{nobody:?}");
    let missing = program().args(["doctor", "--config"]).arg(Path::new("/nonexistent/f.toml")).output().unwrap();
    assert_eq!(code(&missing), 66);
    let wrong = program().args(["doctor", "--language", "de"]).output().unwrap();
    assert_eq!(code(&wrong), 64);
}
