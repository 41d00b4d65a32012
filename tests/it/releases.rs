//! Releases that nobody brings to the page: a real HTTPS server, core and keeper as their units run them, and releases that a real
//! publisher signed, or did not.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use fluxgate::app::front::Addresses;
use fluxgate::bridge::client::{Client, Credential};
use fluxgate::gate::Work;
use fluxgate::net::tls;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::commands::program;
use crate::keeper::{Core, Machine, claimed, until};
use crate::update::publisher::Publisher;
use crate::web::Browser;

/// What the server does with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    /// Gives the file, with its validators, unless they are those asked with.
    Plain,
    /// The same without a length, and without validators.
    Chunked,
    Redirect,
    Missing,
    /// Ends the connection in the middle.
    Cut,
    /// Says that more comes than a release can be.
    Huge,
}

struct Shelf {
    manner: Manner,
    file: Vec<u8>,
    /// Heads of the requests that came.
    asked: Vec<String>,
}

/// An HTTPS server on loopback with one file.
struct Server {
    address: SocketAddr,
    ca: String,
    shelf: Arc<Mutex<Shelf>>,
}

impl Server {
    fn start(file: Vec<u8>) -> Self {
        let own = tls::self_signed(&["127.0.0.1".to_owned()]).unwrap();
        let config = tls::server_config(own.cert_pem.as_bytes(), own.key_pem.expose_secret().as_bytes(), &[]).unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
        let shelf = Arc::new(Mutex::new(Shelf { manner: Manner::Plain, file, asked: Vec::new() }));
        let server = Self { address: listener.local_addr().unwrap(), ca: own.cert_pem.clone(), shelf: shelf.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (shelf, tls) = (shelf.clone(), rustls::ServerConnection::new(config.clone()).unwrap());
                std::thread::spawn(move || answer(rustls::StreamOwned::new(tls, stream.unwrap()), &shelf));
            }
        });
        server
    }

    fn is(&self, manner: Manner) {
        self.shelf.lock().unwrap().manner = manner;
    }

    fn has(&self, file: Vec<u8>) {
        self.shelf.lock().unwrap().file = file;
    }

    fn asked(&self) -> Vec<String> {
        self.shelf.lock().unwrap().asked.clone()
    }

    /// The section that leads there.
    fn section(&self, machine: &Machine) -> String {
        let ca = machine.root().join("update-ca.pem");
        fs::write(&ca, &self.ca).unwrap();
        format!("[update]\nurl = \"https://{}/fluxgate.update\"\nca_file = {ca:?}\n", self.address)
    }
}

fn answer(mut stream: rustls::StreamOwned<rustls::ServerConnection, TcpStream>, shelf: &Mutex<Shelf>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read_exact(&mut byte).is_err() {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let (manner, file) = {
        let mut shelf = shelf.lock().unwrap();
        shelf.asked.push(head.clone());
        (shelf.manner, shelf.file.clone())
    };
    let etag = format!("\"{:x}\"", file.iter().fold(7u64, |sum, byte| sum.wrapping_mul(31) ^ u64::from(*byte)));
    let (said, body): (String, &[u8]) = match manner {
        Manner::Plain if head.contains(&format!("if-none-match: {etag}")) => ("304 Not Modified\r\n".to_owned(), b""),
        Manner::Plain => (format!("200 OK\r\nETag: {etag}\r\nContent-Length: {}\r\n", file.len()), &file),
        Manner::Chunked => ("200 OK\r\nTransfer-Encoding: chunked\r\n".to_owned(), b""),
        Manner::Redirect => {
            ("302 Found\r\nLocation: https://elsewhere.example/x\r\nContent-Length: 0\r\n".to_owned(), b"")
        }
        Manner::Missing => ("404 Not Found\r\nContent-Length: 0\r\n".to_owned(), b""),
        Manner::Cut => (format!("200 OK\r\nContent-Length: {}\r\n", file.len()), &file[..file.len() / 2]),
        Manner::Huge => ("200 OK\r\nContent-Length: 1099511627776\r\n".to_owned(), b"x"),
    };
    let _ = stream.write_all(format!("HTTP/1.1 {said}Connection: close\r\n\r\n").as_bytes());
    let _ = stream.write_all(body);
    if manner == Manner::Chunked {
        for piece in file.chunks(100_000) {
            let _ = stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes());
            let _ = stream.write_all(piece).and_then(|()| stream.write_all(b"\r\n"));
        }
        let _ = stream.write_all(b"0\r\n\r\n");
    }
    if manner != Manner::Cut {
        stream.conn.send_close_notify();
    }
    let _ = stream.flush();
}

/// The image's places, seen by keeper alone: files for its slots, and a device whose number is that of the mounted boot partition.
const IMAGE: &str = r#"
mount --bind "$1/var/lib" /var/lib
mount --bind "$1/usr/share" /usr/share
mount --bind "$1/run" /run
mkdir -p /run/fluxgate-keeper/esp
mount -t tmpfs esp /run/fluxgate-keeper/esp
mkdir -p /run/fluxgate-keeper/esp/EFI/Linux
mount -t tmpfs dev /dev/shm
number=$(stat -c %d /run/fluxgate-keeper/esp)
mknod /dev/shm/esp b $(( (number >> 8) & 0xfff )) $(( (number & 0xff) | ((number >> 12) & 0xfff00) ))
truncate -s 128M /dev/shm/root-a /dev/shm/root-b
"#;

/// An appliance that runs 1.3.2 of the publisher's.
fn appliance(publisher: &Publisher) -> Option<Machine> {
    let mut machine = Machine::off()?;
    let put = |path: &str, bytes: &[u8]| {
        let path = machine.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    put("usr/share/fluxgate/update/root.json", &fs::read(publisher.anchor()).unwrap());
    put("etc/os-release", b"IMAGE_ID=fluxgate\nIMAGE_VERSION=1.3.2\n");
    put("sys/block/dm-0/slaves/none", b"");
    fs::remove_file(machine.root().join("sys/block/dm-0/slaves/none")).unwrap();
    for name in ["esp", "root-a", "root-b"] {
        put(&format!("sys/devices/shm/{name}/uevent"), format!("DEVNAME=shm/{name}\nPARTNAME={name}\n").as_bytes());
    }
    let slave = machine.root().join("sys/devices/shm/root-b");
    std::os::unix::fs::symlink(slave, machine.root().join("sys/block/dm-0/slaves/root-b")).unwrap();
    machine.before = IMAGE;
    machine.boot();
    Some(machine)
}

/// Waits for the end of a look, and gives the page.
fn looked(browser: &mut Browser) -> String {
    until("the end of a search", || {
        let page = browser.get("/appliance/mises-a-jour").text();
        let is_over = page.contains("Chercher maintenant") && !page.contains("aucune encore");
        is_over.then_some(page)
    })
}

fn look_again(browser: &mut Browser) -> String {
    let done = browser.post("/appliance/mises-a-jour/chercher", &[]);
    assert_eq!((done.status, done.header("location")), (303, Some("/appliance/mises-a-jour")), "{}", done.text());
    looked(browser)
}

/// Waits until keeper is idle.
fn examined(machine: &Machine) -> fluxgate::gate::Updates {
    until("the examination", || machine.core().updates().ok().filter(|updates| updates.work == Work::Idle))
}

#[test]
fn a_release_at_the_address_is_fetched_once_examined_and_waits_for_a_person() {
    let publisher = Publisher::new();
    let Some(machine) = appliance(&publisher) else { return };
    let server = Server::start(fs::read(publisher.good("1.4.0")).unwrap());
    let core = Core::start_with(&machine, &server.section(&machine));
    let mut browser = claimed(&machine);
    // It looks by itself.
    let page = looked(&mut browser);
    assert!(page.contains("un fichier nouveau"), "{page}");
    let updates = examined(&machine);
    let offered = updates.offered.unwrap_or_else(|| panic!("{:?}", updates.failed));
    assert_eq!(offered.version.to_string(), "1.4.0");
    let page = browser.get("/appliance/mises-a-jour");
    page.says("Version proposée 1.4.0");
    page.says("Ce qui change.");
    assert_eq!((core.leaves("update_offered"), server.asked().len()), (1, 1));

    // The server says that it is the same file.
    assert!(look_again(&mut browser).contains("rien de nouveau"));
    let asked = server.asked();
    assert!(asked.len() == 2 && asked[1].contains("if-none-match: \""), "{asked:?}");
    assert_eq!((core.leaves("update_offered"), core.leaves("update_looked_for")), (1, 1));
    // A person does not want it: it does not come back, also where the server gives it again, and after a restart.
    browser.post("/appliance/mises-a-jour/retirer", &[]);
    server.is(Manner::Chunked);
    assert!(look_again(&mut browser).contains("rien de nouveau"));
    drop(core);
    let core = Core::start_with(&machine, &server.section(&machine));
    let mut browser = claimed_again(&machine, &mut browser);
    assert!(looked(&mut browser).contains("rien de nouveau"), "the last search is remembered");
    assert!(look_again(&mut browser).contains("rien de nouveau"));
    assert_eq!((core.leaves("update_offered"), server.asked().len()), (1, 4));
    assert_eq!(examined(&machine).offered, None);

    // A newer one is offered, without a length or validators too; and a newer one yet takes its place.
    for of in ["1.5.0", "1.6.0"] {
        server.has(fs::read(publisher.good(of)).unwrap());
        assert!(look_again(&mut browser).contains("un fichier nouveau"));
        assert_eq!(examined(&machine).offered.unwrap().version.to_string(), of);
    }
    let left: Vec<_> = fs::read_dir(core.dir.join("data")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == "release"), "{left:?}");
}

/// The page of a core that was started anew knows its sessions no more: the person logs in.
fn claimed_again(machine: &Machine, browser: &mut Browser) -> Browser {
    let socket = machine.root().join("run/fluxgate/web.sock");
    until("the page", || std::os::unix::net::UnixStream::connect(&socket).ok());
    browser.log_in();
    browser.clone()
}

#[test]
fn a_release_that_is_refused_is_one_attempt_and_not_one_a_day() {
    let publisher = Publisher::new();
    let Some(machine) = appliance(&publisher) else { return };
    let mut wish = publisher.wish("1.4.0");
    wish.signers = 1;
    let server = Server::start(fs::read(publisher.release(&wish)).unwrap());
    let core = Core::start_with(&machine, &server.section(&machine));
    let mut browser = claimed(&machine);
    looked(&mut browser);
    assert_eq!(examined(&machine).failed.unwrap().code.to_string(), "FG-924");
    browser.get("/appliance/mises-a-jour").says("FG-924");
    until("the leaf of the refusal", || (core.leaves("FG-924") == 1).then_some(()));
    server.is(Manner::Chunked);
    look_again(&mut browser);
    examined(&machine);
    assert_eq!((core.leaves("update_offered"), server.asked().len()), (1, 2));
}

#[test]
fn a_file_that_is_refused_before_it_is_examined_is_an_attempt_too() {
    let publisher = Publisher::new();
    let Some(machine) = appliance(&publisher) else { return };
    let core = Core::start_with(&machine, "");
    let mut browser = claimed(&machine);
    let file = fs::File::open(publisher.good("1.4.0")).unwrap();
    let bytes = file.metadata().unwrap().len() + 7;
    machine.core().offer(file.into(), 0, bytes, fluxgate::domain::Timestamp::EPOCH).unwrap_err();
    let page = browser.get("/appliance/mises-a-jour").text();
    let attempts = page.split("Mises à jour tentées").nth(1).unwrap_or_default();
    assert!(attempts.contains("refusée") && attempts.contains("coupé"), "{page}");
    until("the leaf of the refusal", || (core.leaves("FG-921") == 1).then_some(()));
}

#[test]
fn what_a_person_handed_in_is_not_replaced_by_what_is_only_found() {
    let publisher = Publisher::new();
    let Some(machine) = appliance(&publisher) else { return };
    let file = fs::File::open(publisher.good("1.9.0")).unwrap();
    let bytes = file.metadata().unwrap().len();
    machine.core().offer(file.into(), 0, bytes, fluxgate::domain::Timestamp::EPOCH).unwrap();
    assert_eq!(examined(&machine).offered.unwrap().version.to_string(), "1.9.0");
    let server = Server::start(fs::read(publisher.good("1.4.0")).unwrap());
    let _core = Core::start_with(&machine, &server.section(&machine));
    let mut browser = claimed(&machine);
    assert!(looked(&mut browser).contains("un autre fichier est en cours ou attend"));
    assert_eq!((examined(&machine).offered.unwrap().version.to_string().as_str(), server.asked().len()), ("1.9.0", 0));
    browser.post("/appliance/mises-a-jour/retirer", &[]);
    assert!(look_again(&mut browser).contains("un fichier nouveau"));
    assert_eq!(examined(&machine).offered.unwrap().version.to_string(), "1.4.0");
}

#[test]
fn an_address_that_gives_no_file_is_told_for_what_it_is() {
    let publisher = Publisher::new();
    let Some(machine) = appliance(&publisher) else { return };
    let server = Server::start(fs::read(publisher.good("1.4.0")).unwrap());
    server.is(Manner::Missing);
    let core = Core::start_with(&machine, &server.section(&machine));
    let mut browser = claimed(&machine);
    assert!(looked(&mut browser).contains("HTTP 404"));
    for (manner, said) in [
        (Manner::Redirect, "https://elsewhere.example/x"),
        (Manner::Cut, "s&#39;interrompt après"),
        (Manner::Huge, "plus de 671088640 octets"),
        (Manner::Missing, "HTTP 404"),
    ] {
        server.is(manner);
        let page = look_again(&mut browser);
        assert!(page.contains(said), "{manner:?}: {page}");
    }
    assert_eq!((core.leaves("update_offered"), server.asked().len()), (0, 5));
    assert_eq!(examined(&machine).offered, None);
    let log = fs::read_to_string(core.dir.join("log")).unwrap();
    assert!(log.contains("The releases' address could not be read") && log.contains("breaks off after"), "{log}");
    // Another authority's certificate.
    let stranger = Server::start(Vec::new());
    fs::write(machine.root().join("update-ca.pem"), &stranger.ca).unwrap();
    assert!(look_again(&mut browser).contains("n&#39;est pas sûre"));
    assert_eq!(server.asked().len(), 5);
    // A certificate that is none at all.
    fs::write(machine.root().join("update-ca.pem"), "nothing").unwrap();
    assert!(look_again(&mut browser).contains("update.ca_file"));
}

const WORD: &str = "une phrase assez longue";

/// Front beside core, as a unit of its own runs it, and two accounts of which the first may drop releases.
struct Bridge {
    front: Child,
    core: Core,
    runtime: tokio::runtime::Runtime,
}

impl Bridge {
    fn start(machine: &Machine) -> Self {
        let mut hash = program().args(["user", "hash"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        hash.stdin.take().unwrap().write_all(format!("{WORD}\n").as_bytes()).unwrap();
        let hash = String::from_utf8(hash.wait_with_output().unwrap().stdout).unwrap();
        let account = |name: &str| format!("[[account]]\nname = \"{name}\"\npassword_hash = \"{}\"\n", hash.trim());
        let more = format!("[update]\naccount = \"parc\"\n{}{}", account("parc"), account("sifac"));
        let core = Core::start_with(machine, &more);
        let log = fs::File::create(core.dir.join("front.log")).unwrap();
        let front = program()
            .args(["serve", "--role", "front", "--config"])
            .arg(core.dir.join("fluxgate.toml"))
            .stderr(log)
            .spawn()
            .unwrap();
        Self { front, core, runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap() }
    }

    fn client(&self, machine: &Machine, name: &str) -> Client {
        let addresses = machine.root().join("run/fluxgate/addresses.json");
        until("a log-in", || {
            let Addresses { sftp, sftp_fingerprint, .. } = serde_json::from_slice(&fs::read(&addresses).ok()?).ok()?;
            let word = Credential::Password(WORD.to_owned());
            self.runtime.block_on(Client::connect(sftp, name, word, &sftp_fingerprint)).ok()
        })
    }

    /// What the account finds in `/accuses`.
    fn receipt(&self, client: &mut Client, name: &str) -> Value {
        let path = format!("/accuses/{name}.json");
        let bytes = until("a receipt", || self.runtime.block_on(client.get(&path)).ok());
        serde_json::from_slice(&bytes).unwrap()
    }

    fn verify(&self, schema: &str, receipt: &Value) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/schema/{schema}.schema.json"));
        let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let found: Vec<String> = jsonschema::draft202012::new(&schema)
            .unwrap()
            .iter_errors(receipt)
            .map(|error| error.to_string())
            .collect();
        assert!(found.is_empty(), "{found:?} {receipt}");
        let key = fs::read_to_string(self.core.dir.join("data/journal.vkey")).unwrap();
        let key = fluxgate::audit::Verifier::parse(key.trim()).unwrap();
        fluxgate::work::verify(&key, fluxgate::work::Purpose::Receipt, receipt).unwrap();
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.front.kill();
        let _ = self.front.wait();
    }
}

#[test]
fn a_release_dropped_into_its_folder_waits_for_a_person_or_is_refused_with_a_receipt() {
    let publisher = Publisher::new();
    let Some(machine) = appliance(&publisher) else { return };
    let bridge = Bridge::start(&machine);
    let mut parc = bridge.client(&machine, "parc");
    let names = |client: &mut Client, path: &str| {
        let listed = bridge.runtime.block_on(client.list(path)).unwrap();
        listed.into_iter().map(|entry| entry.name).collect::<Vec<_>>()
    };
    assert!(names(&mut parc, "/").contains(&"mise-a-jour".to_owned()));
    let good = fs::read(publisher.good("1.4.0")).unwrap();
    bridge.runtime.block_on(parc.put("/mise-a-jour/fluxgate-1.4.0.update", &good)).unwrap();
    let receipt = bridge.receipt(&mut parc, "fluxgate-1.4.0.update");
    bridge.verify("release-receipt", &receipt);
    let own = format!("fluxgate-1.4.0.update.{}", &receipt["sha256"].as_str().unwrap()[..16]);
    assert_eq!(bridge.receipt(&mut parc, &own), receipt, "a later file of that name leaves it alone");
    assert_eq!(
        (&receipt["state"], &receipt["version"], &receipt["final"]),
        (&"offered".into(), &"1.4.0".into(), &true.into())
    );
    assert_eq!(examined(&machine).offered.unwrap().version.to_string(), "1.4.0");
    assert_eq!(bridge.core.leaves("account:parc"), 1);
    assert_eq!(bridge.core.leaves("update_offered"), 1);
    assert_eq!(names(&mut parc, "/mise-a-jour"), [""; 0], "what was taken vanishes");

    // Under a temporary name, then renamed: a newer one takes the former's place.
    let newer = fs::read(publisher.good("1.5.0")).unwrap();
    bridge.runtime.block_on(parc.put("/mise-a-jour/x.part", &newer)).unwrap();
    assert_eq!(
        (examined(&machine).offered.unwrap().version.to_string().as_str(), bridge.core.leaves("update_offered")),
        ("1.4.0", 1)
    );
    bridge.runtime.block_on(parc.rename("/mise-a-jour/x.part", "/mise-a-jour/fluxgate.update")).unwrap();
    assert_eq!(bridge.receipt(&mut parc, "fluxgate.update")["version"], "1.5.0");
    assert_eq!(examined(&machine).offered.unwrap().version.to_string(), "1.5.0");

    // One that too few signed, and what is no release: the close says why, and so does the receipt.
    let mut wish = publisher.wish("1.6.0");
    wish.signers = 1;
    let under_signed = fs::read(publisher.release(&wish)).unwrap();
    for (name, content, code) in
        [("weak.update", &under_signed[..], "FG-924"), ("small.update", b"not a release", "FG-920")]
    {
        let refused = bridge.runtime.block_on(parc.put(&format!("/mise-a-jour/{name}"), content)).unwrap_err();
        assert!(refused.to_string().contains(code), "{refused}");
        let receipt = bridge.receipt(&mut parc, name);
        bridge.verify("receipt", &receipt);
        assert_eq!((&receipt["state"], &receipt["fault"]["code"]), (&"refused".into(), &code.into()), "{receipt}");
        assert!(!receipt["fault"]["remedy"].as_str().unwrap().is_empty());
    }

    // Nobody else has that folder, and in `/depot` it is no release.
    let mut sifac = bridge.client(&machine, "sifac");
    assert!(!names(&mut sifac, "/").contains(&"mise-a-jour".to_owned()));
    for (client, path, code) in
        [(&mut sifac, "/mise-a-jour/x.update", "FG-104"), (&mut parc, "/depot/x.update", "FG-108")]
    {
        let refused = bridge.runtime.block_on(client.put(path, &good)).unwrap_err();
        assert!(refused.to_string().contains(code), "{path}: {refused}");
    }
    assert_eq!(bridge.core.leaves("update_offered"), 4);
    let left: Vec<_> =
        fs::read_dir(bridge.core.dir.join("data")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("release")), "{left:?}");
}

#[test]
fn a_release_dropped_where_nobody_takes_it_is_refused_and_says_so() {
    // Its system is no image of ours.
    let Some(machine) = Machine::start() else { return };
    let bridge = Bridge::start(&machine);
    let mut parc = bridge.client(&machine, "parc");
    let refused = bridge.runtime.block_on(parc.put("/mise-a-jour/a.update", &[7; 100_000])).unwrap_err();
    assert!(refused.to_string().contains("FG-936"), "{refused}");
    let receipt = bridge.receipt(&mut parc, "a.update");
    bridge.verify("receipt", &receipt);
    assert_eq!(receipt["fault"]["code"], "FG-936");
    assert_eq!(bridge.core.leaves("machine_refused"), 1);
}

#[test]
fn a_keeper_that_takes_no_release_is_told_on_the_page_and_in_the_journal() {
    // Its system is no image of ours.
    let Some(machine) = Machine::start() else { return };
    let server = Server::start(b"a file".to_vec());
    let core = Core::start_with(&machine, &server.section(&machine));
    let mut browser = claimed(&machine);
    let page = looked(&mut browser);
    assert!(page.contains("FG-936"), "{page}");
    assert_eq!((core.leaves("update_offered"), core.leaves("machine_refused")), (2, 1));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn elsewhere_the_section_has_no_effect_and_the_check_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (data, run, config) = (dir.path().join("data"), dir.path().join("run"), dir.path().join("fluxgate.toml"));
    let check = |update: &str| {
        let text = format!("version = 1\n[store]\ndir = {data:?}\nrun_dir = {run:?}\n[update]\n{update}\n");
        fs::write(&config, text).unwrap();
        let output = program().args(["config", "check"]).arg(&config).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said)
    };
    let (code, said) = check("url = \"https://mirror.example/fluxgate.update\"");
    assert!(code == Some(0) && said.contains("of no effect here"), "{code:?} {said}");
    for (bad, key) in [
        ("url = \"http://mirror.example/x\"", "update.url"),
        ("url = \"https://me:pass@mirror.example/x\"", "update.url"),
        ("every = \"5min\"", "update.every"),
        ("account = \"sifac\"", "update.account"),
        ("adress = \"x\"", "update.adress"),
    ] {
        let (code, said) = check(bad);
        assert!(code != Some(0) && said.contains(key) && !said.contains("pass@"), "{bad}: {code:?} {said}");
    }
}
