//! Does the page keep its promises? A real store, a real Unix socket, HTTP spoken by hand as the door would. This file has
//! the house and its browser; the tests are beside it.

mod alarms;
mod complement;
mod configuration;
mod diagnostic;
mod directory;
mod entry;
mod flows;
mod home;
mod hostile;
mod journal;
mod pdf_form;
mod treatment;
mod validator;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fluxgate::audit::{Leaf, LeafRead, Signer};
use fluxgate::config::ConfigFile;
use fluxgate::domain::{ChorusInvoiceId, FlowId, InvoiceStatus, Realm, Timestamp};
use fluxgate::fault::{Code, Fault, Language};
use fluxgate::flow::{Job, deposit};
use fluxgate::store::{self, Arrival, Content, Facts, InvoiceFacts, Received, StatusRecord, Store};
use fluxgate::web;

const PERSON: &str = "Camille Durand";
pub const PASSWORD: &str = "une phrase de passe assez longue";
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
        let signer = Signer::from_seed("fluxgate/test", &[7; 32]).unwrap();
        let store = Store::open(store::Settings::new(dir.path()), signer).unwrap();
        Self::over(dir, store)
    }

    /// A page over somebody's store.
    fn over(dir: tempfile::TempDir, store: Store) -> Self {
        std::fs::create_dir_all(dir.path().join("config")).unwrap();
        std::fs::write(dir.path().join("config/fluxgate.toml"), configuration()).unwrap();
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
            tables: Arc::default(),
            releases: None,
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
        Browser::at(self.path("web.sock"))
    }

    fn claim_code(&self) -> String {
        std::fs::read_to_string(self.path("claim")).unwrap().trim().to_owned()
    }

    /// Claimed, with its first person logged in.
    fn inside(&self) -> Browser {
        let mut browser = self.browser();
        browser.claim(&self.claim_code());
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
            staged: None,
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
            preceding: Vec::new(),
        };
        let facts = Facts { invoices: Some(vec![invoice]), syntax: Some("ubl-invoice".into()), ..Facts::default() };
        self.store.decide(flow, deposit::Event::CheckPassed, facts, None, Timestamp::now()).wait().unwrap();
    }

    /// A flow whose sent invoice has a status, with a hostile comment.
    fn sent(&self, number: &str, status: InvoiceStatus) -> FlowId {
        let flow = self.receive("envoyee.xml", b"envoyee");
        self.checked(&flow, number);
        let now = Timestamp::now();
        self.store.identify(&flow, 0, ChorusInvoiceId(77), now).wait().unwrap();
        let status = StatusRecord {
            status,
            at: "2026-11-20T08:01:02.000+01:00".into(),
            author: None,
            comment: Some(XSS.into()),
            others: serde_json::Map::new(),
        };
        self.store.record_statuses(&flow, 0, vec![status], now).wait().unwrap();
        flow
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

    fn leaves(&self) -> Vec<Leaf> {
        let leaves = self.store.reader().unwrap().journal(0..10_000).unwrap().into_iter();
        let read = |bytes: &[u8]| match Leaf::read(bytes).unwrap() {
            LeafRead::V1(leaf) => leaf,
            other => panic!("{other:?}"),
        };
        leaves.map(|leaf| read(&leaf.bytes)).collect()
    }

    fn kinds(&self) -> Vec<String> {
        self.leaves().into_iter().map(|leaf| leaf.kind).collect()
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

pub struct Reply {
    pub status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Something was saved, and the browser is led on to `path` once the services answer again.
    fn leads_to(&self, path: &str) {
        assert_eq!(self.status, 200, "{}", self.text());
        self.says(&format!("data-next=\"{path}\""));
        self.says(&format!("url={path}\""));
    }

    pub fn says(&self, text: &str) {
        assert!(self.text().contains(text), "{text:?} is not said with {}:\n{}", self.status, self.text());
    }

    pub fn hides(&self, text: &str) {
        assert!(!self.text().contains(text), "{text:?} is said:\n{}", self.text());
    }
}

/// Cookies and the last form's token, as a browser keeps them.
#[derive(Clone)]
pub struct Browser {
    socket: PathBuf,
    cookies: BTreeMap<String, String>,
    csrf: String,
    peer: String,
}

impl Browser {
    /// At a page's socket, without anything yet.
    pub fn at(socket: PathBuf) -> Self {
        Self { socket, cookies: BTreeMap::new(), csrf: String::new(), peer: "10.1.2.3".into() }
    }

    /// Claims the box with its code.
    pub fn claim(&mut self, code: &str) {
        self.claim_leads_to(code, "/?fait=reclame");
    }

    pub fn claim_leads_to(&mut self, code: &str, page: &str) {
        self.get("/claim");
        let done = self.post("/claim", &claim_form(code));
        assert_eq!((done.status, done.header("location")), (303, Some(page)), "{}", done.text());
    }

    /// Logs the person in who claimed the box.
    pub fn log_in(&mut self) {
        self.cookies.clear();
        self.get("/login");
        let done = self.post("/login", &[("name", PERSON.to_owned()), ("password", PASSWORD.to_owned())]);
        assert_eq!(done.status, 303, "{}", done.text());
    }

    pub fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    /// Sends a form with the token of the page last seen.
    pub fn post(&mut self, path: &str, fields: &[(&str, String)]) -> Reply {
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

    /// Sends a form with files, as browsers do.
    fn upload(&mut self, path: &str, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Reply {
        let csrf = self.csrf.clone();
        let mut body = Vec::new();
        for (name, value) in fields.iter().chain(&[("csrf", csrf.as_str())]) {
            let head = "--b0\r\nContent-Disposition: form-data; name=";
            body.extend(format!("{head}\"{name}\"\r\n\r\n{value}\r\n").bytes());
        }
        for (name, content) in files {
            let head = "--b0\r\nContent-Disposition: form-data; name=\"files\"; filename=";
            body.extend(format!("{head}\"{name}\"\r\nContent-Type: application/pdf\r\n\r\n").bytes());
            body.extend(*content);
            body.extend(b"\r\n");
        }
        body.extend(b"--b0--\r\n");
        let kind = ("Content-Type", "multipart/form-data; boundary=b0");
        self.send("POST", path, &[kind, ("Origin", "https://box.example")], &body)
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

/// Saves a text as the configuration.
pub fn edit(browser: &mut Browser, text: &str) -> Reply {
    let page = browser.get("/configuration").text();
    let base = page.split("name=\"base\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    browser.post("/configuration", &[("text", text.replace('\n', "\r\n")), ("base", base)])
}
