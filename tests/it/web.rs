//! Does the page keep its promises? A real store, a real Unix socket, HTTP spoken by hand as the door would.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fluxgate::audit::Signer;
use fluxgate::config::ConfigFile;
use fluxgate::domain::{FlowId, Realm, Timestamp};
use fluxgate::fault::{Code, Fault, Language};
use fluxgate::flow::{Job, deposit};
use fluxgate::store::{self, Arrival, Content, Facts, FindingRecord, InvoiceFacts, Received, Refusal, Store};
use fluxgate::web;

const PERSON: &str = "Camille Durand";
const PASSWORD: &str = "une phrase de passe assez longue";
const XSS: &str = "<script>alert('1')</script>&\".xml";

/// A page being served over a store of its own.
struct House {
    dir: tempfile::TempDir,
    store: Store,
    running: Option<web::Running>,
    reloads: Arc<AtomicUsize>,
}

impl House {
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("config")).unwrap();
        std::fs::write(dir.path().join("config/fluxgate.toml"), configuration()).unwrap();
        let signer = Signer::from_seed("fluxgate/test", &[7; 32]).unwrap();
        let store = Store::open(store::Settings::new(dir.path()), signer).unwrap();
        let mut house = Self { dir, store, running: None, reloads: Arc::default() };
        house.serve(None, Duration::from_secs(1800));
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn serve(&mut self, fault: Option<Fault>, session_idle: Duration) {
        let claim = web::Claim::at_start(&self.store.reader().unwrap()).unwrap();
        claim.write(self.dir.path()).unwrap();
        let settings = web::Settings {
            socket: self.path("web.sock"),
            data_dir: self.dir.path().to_owned(),
            session_idle,
            language: Language::Fr,
            configuration: ConfigFile::new(self.path("config/fluxgate.toml")),
            fault,
            journal_key: Signer::from_seed("fluxgate/test", &[7; 32]).unwrap().verifier().text(),
        };
        let reloads = self.reloads.clone();
        let reload = move || {
            reloads.fetch_add(1, Ordering::SeqCst);
        };
        self.running = Some(web::serve(settings, self.store.clone(), Arc::new(claim), reload).unwrap());
    }

    fn stop(&mut self) {
        self.running.take().unwrap().stop();
    }

    fn browser(&self) -> Browser {
        Browser {
            socket: self.path("web.sock"),
            cookies: BTreeMap::new(),
            csrf: String::new(),
            peer: "10.1.2.3".into(),
        }
    }

    fn claim_code(&self) -> String {
        std::fs::read_to_string(self.path("claim")).unwrap().trim().to_owned()
    }

    /// Claimed, with its first person logged in.
    fn inside(&self) -> Browser {
        let mut browser = self.browser();
        browser.get("/claim");
        let code = self.claim_code();
        let done = browser.post("/claim", &claim_form(&code));
        assert_eq!((done.status, done.header("location")), (303, Some("/?fait=reclame")), "{}", done.text());
        browser
    }

    fn receive(&self, name: &str, content: &[u8]) -> FlowId {
        let arrival = Arrival {
            account: "sifac".parse().unwrap(),
            realm: realm(),
            folder: "depot".into(),
            name: name.into(),
            peer: "127.0.0.1".into(),
            at: Timestamp::now(),
            content: Content::Inline(content.to_vec()),
        };
        match self.store.receive(arrival).wait().unwrap() {
            Received::Flow(flow) => flow,
            Received::Duplicate { arrival, .. } => arrival,
        }
    }

    fn checked(&self, flow: &FlowId, number: &str) {
        let invoice = InvoiceFacts {
            number: number.parse().unwrap(),
            supplier: "12345678200051".into(),
            supplier_name: "Papeterie du Port".into(),
            recipient: "11000201100044".into(),
            recipient_name: "Université Exemple".into(),
            issued_on: Some("2026-11-20".into()),
            payable: Some("1234.50 EUR".into()),
            type_code: "380".into(),
        };
        let facts = Facts { invoices: Some(vec![invoice]), syntax: Some("ubl-invoice".into()), ..Facts::default() };
        self.store.decide(flow, deposit::Event::CheckPassed, facts, None, Timestamp::now()).wait().unwrap();
    }

    fn doubtful(&self, name: &str, number: &str) -> FlowId {
        let flow = self.receive(name, name.as_bytes());
        self.checked(&flow, number);
        let now = Timestamp::now();
        let leases = self.store.lease(&[Job::Deposit], 100, now, Duration::from_secs(60)).wait().unwrap();
        let lease = leases.iter().find(|l| l.flow == flow).unwrap();
        self.store.intend(&flow, lease, now).wait().unwrap();
        let facts =
            Facts { fault: Some(Fault::new(Code::DoubtNeedsPerson).with("number", number)), ..Facts::default() };
        self.store.decide(&flow, deposit::Event::AnswerLost, facts, Some(lease), now).wait().unwrap();
        flow
    }

    fn kinds(&self) -> Vec<String> {
        use fluxgate::audit::{Leaf, LeafRead};
        let leaves = self.store.reader().unwrap().journal(0..10_000).unwrap();
        let kind = |bytes: &[u8]| match Leaf::read(bytes).unwrap() {
            LeafRead::V1(leaf) => leaf.kind,
            _ => String::new(),
        };
        leaves.iter().map(|leaf| kind(&leaf.bytes)).collect()
    }

    fn journal_bytes(&self) -> Vec<u8> {
        self.store.reader().unwrap().journal(0..10_000).unwrap().into_iter().flat_map(|leaf| leaf.bytes).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

fn realm() -> Realm {
    Realm { establishment: "univ-exemple".parse().unwrap(), environment: "practice".parse().unwrap() }
}

fn configuration() -> String {
    include_str!("../../config/fluxgate.toml").to_owned()
}

fn claim_form(code: &str) -> Vec<(&'static str, String)> {
    vec![
        ("code", code.to_owned()),
        ("name", PERSON.to_owned()),
        ("password", PASSWORD.to_owned()),
        ("repeat", PASSWORD.to_owned()),
    ]
}

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Something was saved, and the browser is led on to `path` once the services answer again.
    fn leads_to(&self, path: &str) {
        assert_eq!(self.status, 200, "{}", self.text());
        self.says(&format!("data-next=\"{path}\""));
        self.says(&format!("url={path}\""));
    }

    fn says(&self, text: &str) {
        assert!(self.text().contains(text), "{text:?} is not said with {}:\n{}", self.status, self.text());
    }

    fn hides(&self, text: &str) {
        assert!(!self.text().contains(text), "{text:?} is said:\n{}", self.text());
    }
}

/// Cookies and the last form's token, as a browser keeps them.
struct Browser {
    socket: PathBuf,
    cookies: BTreeMap<String, String>,
    csrf: String,
    peer: String,
}

impl Browser {
    fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    /// Sends a form with the token of the page last seen.
    fn post(&mut self, path: &str, fields: &[(&str, String)]) -> Reply {
        let csrf = self.csrf.clone();
        self.post_raw(path, fields, &csrf, &[("Origin", "https://box.example")])
    }

    fn post_raw(&mut self, path: &str, fields: &[(&str, String)], csrf: &str, headers: &[(&str, &str)]) -> Reply {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", csrf);
        form.extend_pairs(fields);
        let mut headers = headers.to_vec();
        headers.push(("Content-Type", "application/x-www-form-urlencoded"));
        self.send("POST", path, &headers, form.finish().as_bytes())
    }

    fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: box.example\r\nConnection: close\r\n");
        head += &format!("X-Forwarded-For: {}\r\nContent-Length: {}\r\n", self.peer, body.len());
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
            head += &format!("Cookie: {}\r\n", pairs.join("; "));
        }
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        let mut socket = UnixStream::connect(&self.socket).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(b"\r\n").unwrap();
        // A refused body is not read to its end.
        let _ = socket.write_all(body);
        let mut bytes = Vec::new();
        let _ = socket.read_to_end(&mut bytes);
        let reply = parse(&bytes);
        self.remember(&reply);
        reply
    }

    fn remember(&mut self, reply: &Reply) {
        for (_, cookie) in reply.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(attributes.contains("Secure") && attributes.contains("Path=/"), "{cookie}");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let body = String::from_utf8_lossy(&reply.body);
        if let Some((_, rest)) = body.split_once("name=\"csrf\" value=\"") {
            self.csrf = rest.split('"').next().unwrap().to_owned();
        }
    }
}

fn parse(bytes: &[u8]) -> Reply {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer has a head");
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> =
        lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.to_owned())).collect();
    let body = bytes[end + 4..].to_vec();
    if let Some((_, length)) = headers.iter().find(|(n, _)| n == "content-length") {
        assert!(body.is_empty() || length.parse() == Ok(body.len()), "{head}");
    }
    assert!(!headers.iter().any(|(n, _)| n == "transfer-encoding"), "every length is known: {head}");
    Reply { status, headers, body }
}

#[test]
fn an_unclaimed_box_lets_nobody_in_but_who_reads_its_console() {
    let house = House::open();
    let mut browser = house.browser();
    for path in ["/", "/flux", "/configuration", "/login", "/nothing"] {
        let reply = browser.get(path);
        assert_eq!((reply.status, reply.header("location")), (303, Some("/claim")), "{path}");
    }
    assert_eq!(std::fs::metadata(house.path("web.sock")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(house.path("claim")).unwrap().permissions().mode() & 0o777, 0o600);
    browser.get("/claim").says("Code affiché sur la console");

    let wrong = browser.post("/claim", &claim_form("0000-0000-0000-0000"));
    assert_eq!(wrong.status, 422);
    wrong.says("Ce code n’est pas le bon");
    wrong.says("value=\"Camille Durand\"");
    wrong.hides(PASSWORD);
    let code = house.claim_code();
    let mut short = claim_form(&code);
    short[2].1 = "court".into();
    browser.post("/claim", &short).says("au moins 12 caractères");
    assert!(house.store.reader().unwrap().people().unwrap().is_empty());

    let done = browser.post("/claim", &claim_form(&code));
    assert_eq!(done.status, 303, "{}", done.text());
    assert!(!house.path("claim").exists(), "the code died with its file");
    assert_eq!(house.store.reader().unwrap().people().unwrap(), [PERSON]);
    let stored = house.store.reader().unwrap().person(PERSON).unwrap().unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    browser.get("/").says("en attente du premier fichier");

    let mut other = house.browser();
    assert_eq!(other.get("/claim").header("location"), Some("/"), "a box is claimed once");
    other.get("/login");
    assert_eq!(other.post("/claim", &claim_form(&code)).header("location"), Some("/"));
    let kinds = house.kinds();
    assert!(kinds.contains(&"claim_refused".to_owned()) && kinds.contains(&"claim".to_owned()), "{kinds:?}");
    let journal = house.journal_bytes();
    assert!(!journal.windows(PERSON.len()).any(|w| w == PERSON.as_bytes()), "names enter leaves as commitments only");
}

#[test]
fn somebody_enrolled_on_the_console_ends_the_claim() {
    let house = House::open();
    let mut browser = house.browser();
    browser.get("/claim");
    let code = house.claim_code();
    house.store.enrol("Dominique", "$argon2id$x", "console", Timestamp::now()).wait().unwrap();
    assert_eq!(browser.post("/claim", &claim_form(&code)).header("location"), Some("/"));
    assert_eq!(browser.get("/").header("location"), Some("/login?vers=%2F"));
    assert!(!house.path("claim").exists());
    assert_eq!(house.store.reader().unwrap().people().unwrap(), ["Dominique"]);
}

#[test]
fn log_in_needs_the_right_password_and_patience_after_wrong_ones() {
    let house = House::open();
    drop(house.inside());
    let mut browser = house.browser();
    assert_eq!(browser.get("/flux?q=a").header("location"), Some("/login?vers=%2Fflux"));
    let page = browser.get("/login?vers=/flux");
    page.says("name=\"vers\" value=\"/flux\"");
    let form = |name: &str, password: &str| {
        vec![("name", name.to_owned()), ("password", password.to_owned()), ("vers", "/flux".to_owned())]
    };
    assert_eq!(browser.post("/login", &form(PERSON, "not the password")).status, 422);
    assert_eq!(browser.post("/login", &form("nobody", PASSWORD)).status, 422);
    let elsewhere = [("vers", "https://evil.example".to_owned())];
    assert_eq!(browser.post("/login", &[&form("x", "y")[..2], &elsewhere].concat()).status, 422);

    let done = browser.post("/login", &form(PERSON, PASSWORD));
    assert_eq!((done.status, done.header("location")), (303, Some("/flux")));
    let cookie = done.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-session=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    browser.get("/flux").says("Aucun flux pour l’instant");
    assert_eq!(browser.post("/logout", &[]).header("location"), Some("/login?fait=sorti"));
    assert_eq!(browser.get("/flux").status, 303);

    // The eleventh try for a name waits, whoever asks, even with the right password.
    browser.get("/login");
    for n in 0..10 {
        browser.peer = format!("10.9.0.{n}");
        assert_eq!(browser.post("/login", &form(PERSON, "wrong wrong wrong")).status, 422);
    }
    let wait = browser.post("/login", &form(PERSON, PASSWORD));
    assert_eq!(wait.status, 429);
    assert!(wait.header("retry-after").unwrap().parse::<u64>().unwrap() > 200);
    let kinds = house.kinds();
    assert_eq!(kinds.iter().filter(|k| *k == "login_refused").count(), 13);
    assert_eq!(kinds.iter().filter(|k| *k == "login").count(), 1);
    let journal = house.journal_bytes();
    for secret in ["nobody", "10.1.2.3", PASSWORD] {
        assert!(!journal.windows(secret.len()).any(|w| w == secret.as_bytes()), "{secret} is in the journal");
    }
}

#[test]
fn a_form_that_is_not_ours_changes_nothing() {
    let house = House::open();
    let mut browser = house.inside();
    browser.get("/configuration");
    let csrf = browser.csrf.clone();
    let fields = [("text", "version = 1\n".to_owned()), ("base", String::new())];
    for (token, headers) in [
        ("", vec![]),
        ("wrong", vec![("Origin", "https://box.example")]),
        (csrf.as_str(), vec![("Origin", "https://evil.example")]),
        (csrf.as_str(), vec![("Origin", "null")]),
        (csrf.as_str(), vec![("Sec-Fetch-Site", "cross-site")]),
        (csrf.as_str(), vec![("Origin", "https://box.example"), ("Sec-Fetch-Site", "same-site")]),
    ] {
        let reply = browser.post_raw("/configuration", &fields, token, &headers);
        assert_eq!(reply.status, 403, "{token} {headers:?}");
    }
    // Another session's token is not this one's.
    let mut visitor = house.browser();
    visitor.get("/login");
    let theirs = visitor.csrf.clone();
    assert_eq!(browser.post_raw("/logout", &[], &theirs, &[]).status, 403);
    assert_eq!(browser.send("POST", "/logout", &[("Content-Type", "text/plain")], b"csrf").status, 400);
    let big = vec![b'a'; 1024 * 1024 + 1];
    assert_eq!(
        browser.send("POST", "/configuration", &[("Content-Type", "application/x-www-form-urlencoded")], &big).status,
        413
    );
    assert_eq!(browser.send("DELETE", "/", &[], b"").status, 405);
    assert_eq!(browser.get("/nothing").status, 404);
    assert_eq!(browser.get("/flux/00000000000000000000000001").status, 404);
    assert_eq!(browser.get("/flux/..%2f..%2fetc").status, 404);
    assert_eq!(std::fs::read_to_string(house.path("config/fluxgate.toml")).unwrap(), configuration());
    assert_eq!(house.reloads.load(Ordering::SeqCst), 0);
}

#[test]
fn every_answer_closes_the_doors_it_does_not_use() {
    let house = House::open();
    let mut browser = house.inside();
    for path in [
        "/",
        "/flux",
        "/aide",
        "/journal",
        "/configuration",
        "/configuration/assistant",
        "/personnes",
        "/x",
        "/assets/style.css",
    ] {
        let reply = browser.get(path);
        assert_eq!(reply.header("content-security-policy"), Some(web::CONTENT_SECURITY_POLICY), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(reply.header("server"), Some("fluxgate"), "{path}");
        let cache = if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-store" };
        assert_eq!(reply.header("cache-control"), Some(cache), "{path}");
        let text = reply.text();
        assert!(!text.contains("style=\"") && !text.contains("onclick"), "{path}");
        assert!(!text.contains("=\"http") && !text.contains("=\"//"), "{path} loads from elsewhere");
        if !path.starts_with("/assets/") {
            assert!(text.contains("<html lang=\"fr\">") && text.matches("<h1").count() == 1, "{path}");
        }
    }
    let head = browser.send("HEAD", "/aide", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    browser.get("/aide").says("FG-406");
    let english = browser.get("/langue?vers=en&retour=/aide");
    assert_eq!(english.header("location"), Some("/aide"));
    browser.get("/aide").says("<html lang=\"en\">");
    assert_eq!(browser.get("/langue?vers=fr&retour=//evil.example").header("location"), Some("/"));
}

#[test]
fn flows_are_listed_found_and_told_whole() {
    let house = House::open();
    let content = b"<Invoice>\xff binary \x00 too</Invoice>".repeat(5000);
    let flow = house.receive(XSS, &content);
    house.checked(&flow, "F-2026-001");
    let bad = house.receive("mauvaise.xml", b"mauvaise");
    let finding = FindingRecord {
        rule: "BR-CO-15".into(),
        severity: "fatal".into(),
        place: "ligne 12".into(),
        message: "Le total <b>ne tombe pas juste</b>".into(),
        remedy: "Corrigez le total".into(),
    };
    let fault = Fault::new(Code::NotAnInvoice).with("looks_like", "<i>du texte</i>");
    let facts = Facts { findings: Some(vec![finding]), fault: Some(fault), ..Facts::default() };
    house.store.decide(&bad, deposit::Event::CheckFailed, facts, None, Timestamp::now()).wait().unwrap();
    for n in 0..60 {
        house.receive(&format!("autre-{n}.xml"), format!("autre {n}").as_bytes());
    }
    let mut browser = house.inside();

    let page = browser.get("/flux");
    assert_eq!(page.text().matches("<tr>").count(), 51, "fifty and a heading");
    page.hides("mauvaise.xml");
    let text = page.text();
    let older = text.split("class=\"button quiet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    browser.get(&older.replace("&#38;", "&").replace("&amp;", "&")).says("mauvaise.xml");

    for query in ["F-2026-001", "alert", "papeterie", flow.as_str(), "%3Cscript%3E"] {
        let found = browser.get(&format!("/flux?q={query}"));
        found.says(&format!("/flux/{flow}"));
        found.hides("autre-");
        found.hides("<script>alert");
    }
    browser.get("/flux?q=%22%3E%3Cscript%3Ealert(2)").hides("<script>alert");
    let stuck = browser.get("/flux?bloque=1");
    stuck.says("mauvaise.xml");
    stuck.hides("autre-");
    browser.get("/flux?sorte=reception").says("Aucun flux ne correspond");

    let page = browser.get(&format!("/flux/{flow}"));
    page.says("&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;");
    page.hides("<script>alert");
    for said in
        ["F-2026-001", "Papeterie du Port", "1234.50 EUR", "Prêt à déposer", "Fichier reçu", "compte sifac", "n° "]
    {
        page.says(said);
    }
    let page = browser.get(&format!("/flux/{bad}"));
    for said in ["FG-202", "Le fournisseur", "BR-CO-15", "Corrigez le total", "Refusé"] {
        page.says(said);
    }
    page.hides("<b>ne tombe");
    page.hides("<i>du texte");

    let original = browser.get(&format!("/flux/{flow}/original"));
    assert_eq!(original.body, content, "the bytes as they came");
    assert_eq!(original.header("content-type"), Some("application/octet-stream"));
    let disposition = original.header("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment; filename=\"_script_alert"), "{disposition}");
    assert!(disposition.contains("filename*=UTF-8''%3Cscript%3E"), "{disposition}");
    assert!(house.kinds().contains(&"download".to_owned()));
    browser.cookies.clear();
    assert_eq!(browser.get(&format!("/flux/{flow}/original")).status, 303, "nobody downloads without a session");
}

#[test]
fn the_first_screen_says_what_is_stuck_and_who_must_act() {
    let house = House::open();
    let mut browser = house.inside();
    house.receive("bonne.xml", b"bonne");
    let page = browser.get("/");
    page.says("Tout va bien");
    page.says("data-refresh");
    house.doubtful("douteuse.xml", "D-1");
    let page = browser.get("/");
    for said in ["1 flux attend une action", "FG-406", "L’établissement", "douteuse.xml", "portail Chorus Pro"] {
        page.says(said);
    }
    let fault = Fault::new(Code::AccountRefused).with("login", "TECH_1@cpro.fr");
    house.store.halt(&realm(), fault, Timestamp::now()).wait().unwrap();
    let page = browser.get("/");
    page.says("La liaison avec Chorus Pro est arrêtée");
    page.says("424 jours");
}

#[test]
fn a_doubtful_flow_is_decided_by_a_person_once() {
    let house = House::open();
    let mut browser = house.inside();
    let flow = house.doubtful("douteuse.xml", "D-1");
    let page = browser.get(&format!("/flux/{flow}"));
    for said in ["Elle y est", "La renvoyer", "Abandonner"] {
        page.says(said);
    }
    let asked = browser.get(&format!("/flux/{flow}/decision?choix=confirme"));
    asked.says("Numéro de flux lu sur le portail");
    let form = |choice: &str, number: &str| {
        vec![("choix", choice.to_owned()), ("number", number.to_owned()), ("remark", "vu à 9 h".to_owned())]
    };
    let path = format!("/flux/{flow}/decision");
    assert_eq!(browser.post(&path, &form("confirme", "pas un numéro")).status, 422);
    let done = browser.post(&path, &form("confirme", "CPP2600012345"));
    assert_eq!(done.header("location"), Some(format!("/flux/{flow}?fait=decide").as_str()));
    let record = house.store.reader().unwrap().flow(&flow).unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.fault), ("deposited", None));
    assert_eq!(record.deposit_number.unwrap().as_str(), "CPP2600012345");
    let page = browser.get(&format!("/flux/{flow}?fait=decide"));
    for said in ["Décision enregistrée", "Confirmé par une personne", PERSON, "vu à 9 h", "CPP2600012345"] {
        page.says(said);
    }
    page.hides("La renvoyer");
    let again = browser.post(&path, &form("renvoyer", ""));
    assert_eq!(again.header("location"), Some(format!("/flux/{flow}?fait=impossible").as_str()));
    assert_eq!(browser.get(&format!("/flux/{flow}/decision?choix=renvoyer")).status, 404);

    let waiting = house.receive("attente.xml", b"attente");
    let page = browser.get(&format!("/flux/{waiting}"));
    page.says("Abandonner");
    page.hides("Elle y est");
    browser.get(&format!("/flux/{waiting}/decision?choix=abandonner"));
    browser.post(&format!("/flux/{waiting}/decision"), &form("abandonner", ""));
    let record = house.store.reader().unwrap().flow(&waiting).unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.fault.unwrap().code), ("abandoned", Code::Abandoned));
}

#[test]
fn a_refused_file_and_a_double_one_have_their_page_and_receipt() {
    let house = House::open();
    let mut browser = house.inside();
    let refusal = Refusal {
        account: "sifac".parse().unwrap(),
        realm: Some(realm()),
        folder: "ailleurs".into(),
        name: "perdue.xml".into(),
        peer: "127.0.0.1".into(),
        at: Timestamp::now(),
        fault: Fault::new(Code::UnknownFolder).with("folder", "ailleurs"),
    };
    let refused = house.store.refuse(refusal).wait().unwrap();
    browser.get(&format!("/flux/{refused}")).says("FG-104");
    let first = house.receive("une.xml", b"une");
    let second = house.receive("deux.xml", b"une");
    assert_ne!(first, second);
    let page = browser.get(&format!("/flux/{second}"));
    page.says("FG-106");
    page.says(&format!("/flux/{first}"));
    assert_eq!(browser.get(&format!("/flux/{second}/accuse")).status, 404, "not written yet");
    let folder = house.path("folders/sifac/accuses");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("deux.xml.{second}.json")), "{\"file\": \"deux.xml <b>\"}\n").unwrap();
    browser.get(&format!("/flux/{second}")).says("deux.xml &#60;b&#62;");
    assert_eq!(browser.get(&format!("/flux/{second}/accuse")).body, b"{\"file\": \"deux.xml <b>\"}\n");
}

fn edit(browser: &mut Browser, text: &str) -> Reply {
    let page = browser.get("/configuration").text();
    let base = page.split("name=\"base\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    browser.post("/configuration", &[("text", text.replace('\n', "\r\n")), ("base", base)])
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

#[test]
fn people_change_their_password_and_enrol_others() {
    let house = House::open();
    let mut browser = house.inside();
    browser.get("/personnes").says(PERSON);
    let add = |name: &str| {
        let second = "une autre phrase secrète";
        vec![("name", name.to_owned()), ("password", second.to_owned()), ("repeat", second.to_owned())]
    };
    assert_eq!(browser.post("/personnes", &add("Dominique")).header("location"), Some("/personnes?fait=personne"));
    assert_eq!(browser.post("/personnes", &add("Dominique")).status, 422, "the name is taken");
    assert_eq!(browser.post("/personnes", &add("system")).status, 422, "the journal would not hide it");
    let mut elsewhere = house.browser();
    elsewhere.get("/login");
    elsewhere.post("/login", &[("name", PERSON.to_owned()), ("password", PASSWORD.to_owned())]);
    assert_eq!(elsewhere.get("/flux").status, 200);
    let change = |present: &str| {
        let new = "encore une phrase bien longue";
        vec![("present", present.to_owned()), ("password", new.to_owned()), ("repeat", new.to_owned())]
    };
    assert_eq!(browser.post("/personnes/mot-de-passe", &change("wrong")).status, 422);
    let done = browser.post("/personnes/mot-de-passe", &change(PASSWORD));
    assert_eq!(done.header("location"), Some("/personnes?fait=mot-de-passe"));
    assert_eq!(browser.get("/flux").status, 200, "this session stays");
    assert_eq!(elsewhere.get("/flux").status, 303, "the others end");
}

#[test]
fn the_journal_is_verified_from_the_page() {
    let house = House::open();
    let mut browser = house.inside();
    house.receive("une.xml", b"une");
    house.store.checkpoint(Timestamp::now()).wait().unwrap();
    let page = browser.get("/journal");
    page.says("fluxgate/test+");
    page.says("Vérifier maintenant");
    assert_eq!(browser.post("/journal/verifier", &[]).status, 303);
    let sound = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        browser.get("/journal").text().contains("Journal intact")
    });
    assert!(sound, "{}", browser.get("/journal").text());
    assert!(house.kinds().contains(&"verify".to_owned()));
}

#[test]
fn a_restart_keeps_people_logged_in_and_an_idle_one_is_out() {
    let mut house = House::open();
    let mut browser = house.inside();
    house.stop();
    assert!(!house.path("web.sock").exists(), "nothing is left to connect to");
    let fault = Fault::new(Code::ConfigurationRestored).with("detail", "ligne 3");
    house.serve(Some(fault), Duration::from_secs(1800));
    let page = browser.get("/");
    assert_eq!(page.status, 200);
    page.says("La configuration doit être corrigée");
    page.says("FG-902");
    let good = configuration().replace("Université Exemple", "Université Nouvelle");
    edit(&mut browser, &good).leads_to("/configuration?fait=enregistre");
    browser.get("/").hides("FG-902");
    house.stop();
    house.serve(None, Duration::from_millis(300));
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(browser.get("/").status, 303);
}

#[test]
fn slow_and_broken_clients_do_not_stop_the_page() {
    let house = House::open();
    let mut browser = house.inside();
    let mut idle = Vec::new();
    for half in ["", "GET / HT", "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nab"].repeat(30) {
        let mut socket = UnixStream::connect(house.path("web.sock")).unwrap();
        socket.write_all(half.as_bytes()).unwrap();
        idle.push(socket);
    }
    assert_eq!(browser.get("/flux").status, 200);
    let threads: Vec<_> = (0..64)
        .map(|_| {
            let mut browser = Browser { cookies: browser.cookies.clone(), ..house.browser() };
            std::thread::spawn(move || browser.get("/").status)
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 200));
    drop(idle);
    let mut garbage = UnixStream::connect(house.path("web.sock")).unwrap();
    garbage.write_all(b"\x00\xff\r\n\r\n").unwrap();
    assert_eq!(browser.get("/flux").status, 200);
}
