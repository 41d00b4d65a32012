//! Can the box be configured without a shell? The text, the secrets, the assistant.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;

use super::{House, configuration, edit};

/// What core cannot see until it starts anew with it is not judged; what lies in its own folder is.
#[test]
fn a_certificate_that_is_of_no_use_is_refused_unless_it_may_be_hidden() {
    let house = House::open();
    let mut browser = house.inside();
    let with = |file: &str| {
        configuration().replace("[door]\n", &format!("[door]\ncertificate_file = {file:?}\nkey_file = {file:?}\n"))
    };
    let refused = edit(&mut browser, &with("secrets/none.pem"));
    assert_eq!(refused.status, 422);
    refused.says("la porte ne s");
    edit(&mut browser, &with("/etc/letsencrypt/live/none.pem")).leads_to("/configuration?fait=enregistre");
}

#[test]
fn a_bad_configuration_names_its_line_and_a_good_one_is_kept() {
    let house = House::open();
    let mut browser = house.inside();
    let file = house.path("config/fluxgate.toml");
    browser.get("/configuration").says("univ-exemple");

    let bad = configuration().replace("[limits]", "[limits]\nfiel = \"1MiB\"");
    let line = bad.lines().position(|l| l.starts_with("fiel")).unwrap() + 1;
    let refused = edit(&mut browser, &bad);
    assert_eq!(refused.status, 422);
    refused.says(&format!("data-line=\"{line}\""));
    refused.says(&format!("class=\"wrong\">{line}<"));
    refused.says("fiel = &#34;1MiB&#34;");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), configuration());
    assert_eq!(house.reloads.load(Ordering::SeqCst), 0);

    let good = configuration().replace("Université Exemple", "Université Nouvelle");
    edit(&mut browser, &good).leads_to("/configuration?fait=enregistre");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), good, "line ends as they were");
    assert_eq!(house.reloads.load(Ordering::SeqCst), 1);
    let good2 = good.replace("Université Nouvelle", "Université Dernière");
    edit(&mut browser, &good2);
    assert_eq!(edit(&mut browser, &good2).header("location"), Some("/configuration?fait=inchange"));
    assert_eq!(house.kinds().iter().filter(|k| *k == "configuration").count(), 2);

    let versions = browser.get("/configuration/versions");
    versions.says("en vigueur");
    let version = browser.get("/configuration/versions/1");
    version.says("− name = &#34;Université Dernière&#34;");
    version.says("+ name = &#34;Université Nouvelle&#34;");
    browser.post("/configuration/versions/1", &[]).leads_to("/configuration?fait=restaure");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), good);
    assert_eq!(browser.get("/configuration/versions/99").status, 404);

    // Two people at once: the second is told, and nothing is overwritten.
    let base = [("text", good2.clone()), ("base", "0".repeat(64))];
    let late = browser.post("/configuration", &base);
    assert_eq!(late.status, 422);
    late.says("a changé depuis");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), good);
}

#[test]
fn secrets_go_in_and_never_come_out() {
    let house = House::open();
    let mut browser = house.inside();
    let page = browser.get("/configuration/secrets");
    page.says("piste.qualification.secret");
    page.says("à fournir");
    let secret = "un-secret-tres-secret";
    let put = |name: &str, value: &str| vec![("name", name.to_owned()), ("value", value.to_owned())];
    let done = browser.post("/configuration/secrets", &put("piste.qualification.secret", &format!("{secret}\r\n")));
    done.leads_to("/configuration/secrets?fait=secret");
    let file = house.path("secrets/piste.qualification.secret");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), secret, "a password has no line end");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(house.path("secrets")).unwrap().permissions().mode() & 0o777, 0o700);
    let pem = "-----BEGIN X-----\r\nabc\r\n-----END X-----";
    browser.post("/configuration/secrets", &put("ours.pem", pem));
    assert_eq!(std::fs::read_to_string(house.path("secrets/ours.pem")).unwrap(), pem.replace("\r\n", "\n") + "\n");
    for path in ["/configuration/secrets", "/configuration", "/configuration/assistant", "/journal"] {
        browser.get(path).hides(secret);
    }
    let journal = house.journal_bytes();
    assert!(!journal.windows(secret.len()).any(|w| w == secret.as_bytes()));
    for bad in ["../evil", ".hidden", "", "a/b", "journal.key", "gate.key"] {
        assert_eq!(browser.post("/configuration/secrets", &put(bad, "x")).status, 422, "{bad:?}");
    }
    assert!(!house.path("evil").exists() && !house.path("secrets/journal.key").exists());
    let name = |name: &str| vec![("name", name.to_owned())];
    let used = browser.post("/configuration/secrets/effacer", &name("piste.qualification.secret"));
    assert_eq!(used.status, 422, "the configuration uses it");
    browser.post("/configuration/secrets/effacer", &name("ours.pem"));
    assert!(!house.path("secrets/ours.pem").exists());
    assert_eq!(browser.post("/configuration/secrets/effacer", &name("../web.sock")).status, 404);
    assert_eq!(house.kinds().iter().filter(|k| *k == "secret").count(), 2);
}

#[test]
fn the_assistant_connects_an_establishment_without_a_shell() {
    let house = House::open();
    std::fs::write(house.path("config/fluxgate.toml"), "version = 1 # début\n").unwrap();
    let mut browser = house.inside();
    browser.get("/configuration/assistant").says("à faire");
    let forms: [(&str, &[(&str, &str)]); 5] = [
        ("etablissement", &[("id", "univ-nord"), ("name", "Université du Nord"), ("siret", "732 829 320 00074")]),
        ("api", &[("environment", "qualification"), ("client_id", "abc"), ("secret", "piste-secret")]),
        (
            "technique",
            &[
                ("establishment", "univ-nord"),
                ("environment", "qualification"),
                ("login", "TECH_1_2@cpro.fr"),
                ("secret", "tech-secret"),
            ],
        ),
        ("compte", &[("name", "sifac"), ("password", "une longue phrase"), ("repeat", "une longue phrase")]),
        (
            "route",
            &[
                ("account", "sifac"),
                ("folder", "/depot/"),
                ("establishment", "univ-nord"),
                ("environment", "qualification"),
                ("check", "block"),
                ("receive", "1"),
            ],
        ),
    ];
    for (form, fields) in forms {
        let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
        let done = browser.post(&format!("/configuration/assistant/{form}"), &fields);
        done.leads_to("/configuration/assistant?fait=enregistre");
    }
    let text = std::fs::read_to_string(house.path("config/fluxgate.toml")).unwrap();
    assert!(text.starts_with("version = 1 # début\n"), "{text}");
    for hidden in ["piste-secret", "tech-secret", "une longue phrase"] {
        assert!(!text.contains(hidden), "{text}");
    }
    fluxgate::config::Config::parse(&text).unwrap();
    assert_eq!(std::fs::read_to_string(house.path("secrets/piste.qualification.secret")).unwrap(), "piste-secret");
    assert_eq!(std::fs::read_to_string(house.path("secrets/univ-nord.qualification.password")).unwrap(), "tech-secret");
    let page = browser.get("/configuration/assistant");
    page.hides("à faire");
    page.says("Université du Nord");
    let wrong = browser.post("/configuration/assistant/etablissement", &[("id", "Univ".into()), ("name", "N".into())]);
    assert_eq!(wrong.status, 422);
    wrong.says("a-z 0-9");
}
