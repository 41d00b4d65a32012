//! A box for one test: store, gatehouse, gate, bridge, each real, in a folder of its own.

use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use argon2::password_hash::PasswordHasher;
use fluxgate::audit::{Leaf, LeafRead, Signer};
use fluxgate::bridge::client::{Client, ClientError, Credential};
use fluxgate::bridge::{Bridge, HostKey, Section, Settings};
use fluxgate::domain::{ByteSize, FlowId, Realm, Timestamp};
use fluxgate::fault::Code;
use fluxgate::flow::Job;
use fluxgate::gate::{self, AccountSection, Network};
use fluxgate::store::{self, ArrivalRecord, FlowQuery, FlowRecord, Store};
use fluxgate::work::gatehouse::{DropLimits, DropRoute, Gatehouse, Rules};
use russh::keys::{Algorithm, PrivateKey};

pub const PASSWORD: &str = "un mot de passe assez long";

/// What a test wants different.
#[derive(Clone)]
pub struct Scene {
    pub file_limit: u64,
    pub pending_bytes: u64,
    pub pending_files: u64,
    pub disk_reserve: u64,
    pub connections_per_address: u32,
    pub login_timeout: u64,
    /// Where the box's folder is made; the system's temporary folder if not said.
    pub inside: Option<PathBuf>,
    /// More keys that open `sifac`.
    pub keys: Vec<String>,
    /// Where front finds core, when something stands between.
    pub gate: Option<PathBuf>,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            file_limit: 120 << 20,
            pending_bytes: 2 << 30,
            pending_files: 100_000,
            disk_reserve: 0,
            connections_per_address: 32,
            login_timeout: 30,
            inside: None,
            keys: Vec::new(),
            gate: None,
        }
    }
}

pub struct Place {
    pub dir: tempfile::TempDir,
    scene: Scene,
    store: Store,
    gatehouse: Arc<Gatehouse>,
    core: Option<gate::Server>,
    front: Option<Front>,
    key: PrivateKey,
    host_key: String,
}

struct Front {
    address: SocketAddr,
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
    bridge: Arc<Bridge>,
}

fn realm(environment: &str) -> Realm {
    Realm { establishment: "univ".parse().unwrap(), environment: environment.parse().unwrap() }
}

impl Place {
    pub async fn open(scene: Scene) -> Self {
        let dir = match &scene.inside {
            Some(inside) => tempfile::tempdir_in(inside).unwrap(),
            None => tempfile::tempdir().unwrap(),
        };
        let signer = Signer::from_seed("fluxgate/test", &[7; 32]).unwrap();
        let store = Store::open(store::Settings::new(dir.path()), signer).unwrap();
        let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap();
        let rules = rules(&scene, &key);
        let gatehouse = Gatehouse::new(
            store.clone(),
            dir.path(),
            rules,
            Box::new(|| "fluxgate_test 1\n".to_owned()),
            Box::new(|_| false),
            Default::default(),
        )
        .unwrap();
        let mut place = Self {
            dir,
            scene,
            store,
            gatehouse: Arc::new(gatehouse),
            core: None,
            front: None,
            key,
            host_key: String::new(),
        };
        place.start_core();
        place.start_bridge().await;
        place
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("gate.sock")
    }

    pub fn start_core(&mut self) {
        let _ = std::fs::remove_file(self.socket());
        let listener = UnixListener::bind(self.socket()).unwrap();
        self.core = Some(gate::serve(listener, self.gatehouse.clone()).unwrap());
    }

    pub fn stop_core(&mut self) {
        self.core.take().unwrap().stop();
    }

    async fn start_bridge(&mut self) {
        let host_key = HostKey::load_or_make(&self.dir.path().join("secrets/ssh_host_ed25519")).unwrap();
        self.host_key = host_key.fingerprint();
        let section = Section {
            connections_per_address: self.scene.connections_per_address,
            login_timeout: fluxgate::domain::Duration::from_secs(self.scene.login_timeout),
            ..Section::default()
        };
        let settings = Settings { section, staging: self.dir.path().join("staging") };
        let gate = self.scene.gate.clone().unwrap_or_else(|| self.socket());
        let bridge = Bridge::new(gate::Client::new(gate), settings).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn({
            let bridge = bridge.clone();
            async move {
                bridge
                    .serve(listener, &host_key, async {
                        let _ = stopped.await;
                    })
                    .await;
            }
        });
        self.front = Some(Front { address, stop, task, bridge });
    }

    async fn stop_bridge(&mut self) {
        let Front { stop, task, .. } = self.front.take().unwrap();
        let _ = stop.send(());
        tokio::time::timeout(Duration::from_secs(10), task).await.expect("the bridge stops in time").unwrap();
    }

    pub async fn restart_bridge(&mut self) {
        self.stop_bridge().await;
        self.start_bridge().await;
    }

    /// Ends everything in order: nothing may hang.
    pub async fn close(mut self) {
        self.stop_bridge().await;
        self.stop_core();
        drop(self.gatehouse);
        self.store.close().unwrap();
    }

    pub fn address(&self) -> SocketAddr {
        self.front.as_ref().unwrap().address
    }

    pub fn metrics(&self) -> String {
        self.front.as_ref().unwrap().bridge.metrics()
    }

    pub fn gate(&self) -> gate::Client {
        gate::Client::new(self.socket())
    }

    pub fn gate_socket(&self) -> PathBuf {
        self.socket()
    }

    pub fn host_key(&self) -> &str {
        &self.host_key
    }

    pub fn host_key_line(&self) -> String {
        HostKey::load_or_make(&self.dir.path().join("secrets/ssh_host_ed25519")).unwrap().public_line()
    }

    pub fn key(&self) -> PrivateKey {
        self.key.clone()
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub async fn connect(&self, login: &str, password: &str) -> Result<Client, ClientError> {
        Client::connect(self.address(), login, Credential::Password(password.into()), &self.host_key).await
    }

    pub async fn client(&self) -> Client {
        self.connect("sifac", PASSWORD).await.unwrap()
    }

    pub async fn client_with_key(&self) -> Client {
        let credential = Credential::Key(Box::new(self.key()));
        Client::connect(self.address(), "sifac", credential, &self.host_key).await.unwrap()
    }

    pub fn flows(&self) -> Vec<FlowRecord> {
        let query = FlowQuery { most: 1000, ..FlowQuery::default() };
        self.store.reader().unwrap().flows(&query).unwrap()
    }

    pub fn flow_named(&self, name: &str) -> FlowRecord {
        self.flows().into_iter().find(|f| f.file == name).unwrap_or_else(|| panic!("no flow of {name}"))
    }

    pub fn document(&self, flow: &FlowRecord) -> Vec<u8> {
        let mut document = self.store.reader().unwrap().open_document(&flow.sha256.unwrap()).unwrap().unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut document, &mut bytes).unwrap();
        bytes
    }

    /// Receipts that are due since the last look.
    pub fn receipts(&self) -> Vec<ArrivalRecord> {
        tokio::task::block_in_place(|| self.receipts_blocking())
    }

    fn receipts_blocking(&self) -> Vec<ArrivalRecord> {
        let hour = Duration::from_secs(3600);
        let leases = self.store.lease(&[Job::Receipt], 10_000, Timestamp::now(), hour).wait().unwrap();
        let reader = self.store.reader().unwrap();
        leases
            .into_iter()
            .map(|lease| {
                self.store.finish(&lease).wait().unwrap();
                reader.arrival(&lease.flow).unwrap().unwrap()
            })
            .collect()
    }

    pub fn codes(&self) -> Vec<Code> {
        self.receipts().into_iter().filter_map(|r| r.fault).map(|f| f.code).collect()
    }

    pub fn journal_kinds(&self) -> Vec<String> {
        let leaves = self.store.reader().unwrap().journal(0..10_000).unwrap();
        let kind = |bytes: &[u8]| match Leaf::read(bytes).unwrap() {
            LeafRead::V1(leaf) => leaf.kind,
            LeafRead::Unknown(version) => panic!("leaf of version {version}"),
        };
        leaves.into_iter().map(|leaf| kind(&leaf.bytes)).collect()
    }

    /// Files in staging: names only, hidden ones too.
    pub fn staging_files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.dir.path().join("staging")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    found.push(entry.file_name().into_string().unwrap());
                }
            }
        }
        found.sort();
        found
    }

    pub fn age_staged(&self, name: &str, by: Duration) {
        let path = self.dir.path().join("staging/sifac/depot").join(name);
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - by).unwrap();
    }

    pub fn results(&self) -> PathBuf {
        self.dir.path().join("folders/sifac")
    }

    /// A received invoice whose folder stands in `/recues`.
    pub fn delivered(&self, folder: &str) -> FlowId {
        tokio::task::block_in_place(|| self.delivered_blocking(folder))
    }

    /// What completes a delivered invoice stands in a folder of its own.
    pub fn completed(&self, flow: &FlowId, folder: &str) {
        use fluxgate::flow::reception::Event;
        use fluxgate::store::{Content, ReceptionFacts, StatusRecord};
        let at = Timestamp::now();
        let status = StatusRecord {
            status: fluxgate::domain::InvoiceStatus::Completee,
            at: at.to_string(),
            author: None,
            comment: None,
            others: serde_json::Map::new(),
        };
        let document = Some(Content::Inline(folder.into()));
        let downloaded = ReceptionFacts { document, ..ReceptionFacts::default() };
        let placed = ReceptionFacts { folder: Some(folder.into()), ..ReceptionFacts::default() };
        tokio::task::block_in_place(|| {
            self.store.record_statuses(flow, 0, vec![status], at).wait().unwrap();
            self.store.advance(flow, Event::ComplementDownloaded, downloaded, None, at).wait().unwrap();
            self.store.advance(flow, Event::ComplementPlaced, placed, None, at).wait().unwrap();
        });
        let place = self.results().join("recues").join(folder);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("facture.json"), "{}").unwrap();
    }

    fn delivered_blocking(&self, folder: &str) -> FlowId {
        use fluxgate::flow::reception::Event;
        use fluxgate::store::{Content, Found, FoundInvoice, ReceptionFacts};
        let at = Timestamp::now();
        let found = FoundInvoice {
            chorus_id: fluxgate::domain::ChorusInvoiceId(i64::try_from(folder.len()).unwrap() + at.millis()),
            number: "F1".parse().unwrap(),
            supplier: "73282932000074".into(),
            supplier_name: "Fournisseur".into(),
            recipient: "12345678200051".into(),
            recipient_name: "Université".into(),
            status: fluxgate::domain::InvoiceStatus::MiseADisposition,
            status_at: "2026-11-23".into(),
            issued_on: None,
            payable: None,
            type_code: "380".into(),
            account: "sifac".parse().unwrap(),
        };
        let Found::New(flow) = self.store.find(&realm("qualification"), found, at).wait().unwrap() else {
            panic!("the reception is new")
        };
        let facts = ReceptionFacts { document: Some(Content::Inline(folder.into())), ..ReceptionFacts::default() };
        self.store.advance(&flow, Event::Downloaded, facts, None, at).wait().unwrap();
        let place = self.results().join("recues").join(folder);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("pivot.xml"), "<pivot/>").unwrap();
        std::fs::write(place.join("facture.json"), "{}").unwrap();
        let facts = ReceptionFacts { folder: Some(folder.into()), ..ReceptionFacts::default() };
        self.store.advance(&flow, Event::Placed, facts, None, at).wait().unwrap();
        flow
    }
}

fn rules(scene: &Scene, key: &PrivateKey) -> Rules {
    let own = key.public_key().to_openssh().unwrap();
    let hash = argon2::Argon2::default().hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    let account = |name: &str, hash: Option<&String>, keys: &[String], from: &[&str]| AccountSection {
        name: name.parse().unwrap(),
        password_hash: hash.map(|h| h.clone().try_into().unwrap()),
        authorized_keys: keys.iter().map(|k| k.parse().unwrap()).collect(),
        allow_from: from.iter().map(|n| n.parse::<Network>().unwrap()).collect(),
    };
    let mut keys = scene.keys.clone();
    keys.push(own.clone());
    let route = |account: &str, folder: &str, environment: &str| DropRoute {
        account: account.parse().unwrap(),
        folder: folder.into(),
        realm: realm(environment),
    };
    Rules {
        accounts: vec![
            account("sifac", Some(&hash), &keys, &["127.0.0.0/8"]),
            account("keys-only", None, &[own], &[]),
            account("elsewhere", Some(&hash), &[], &["10.0.0.0/8"]),
        ],
        releases: Some("keys-only".parse().unwrap()),
        routes: vec![route("sifac", "depot", "qualification"), route("sifac", "depot/prod", "production")],
        limits: DropLimits {
            file: ByteSize::from_bytes(scene.file_limit),
            pending_bytes: ByteSize::from_bytes(scene.pending_bytes),
            pending_files: scene.pending_files,
            disk_reserve: ByteSize::from_bytes(scene.disk_reserve),
        },
    }
}

/// Bytes that are the same for the same seed and no other.
pub fn content(size: usize, seed: u8) -> Vec<u8> {
    let mut state = u64::from(seed) + 0x9e37_79b9_7f4a_7c15;
    (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

/// Waits up to twenty seconds for something to become true.
pub async fn soon<T>(mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not happen within twenty seconds")
}
