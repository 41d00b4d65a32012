//! A corporate proxy between connector and simulator: a real one, that speaks CONNECT, wants a log-in, refuses, keeps silent
//! or breaks TLS open. Is everything sent through it, what it does told for what it is, and the token never shown to it?

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use fluxgate::chorus::{RechercherStructure, RecupererTauxTva};
use fluxgate::domain::{Environment, Realm};
use fluxgate::fault::{Code, Language};
use fluxgate::net::proxy::ProxySection;
use fluxgate::net::tls;
use fluxgate::simulator::{Options, Simulator};
use fluxgate::work::connector::{ApiSection, CallError, Connector, ConnectorSettings, TechnicalAccountSection};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What the proxy does with a CONNECT.
#[derive(Clone)]
pub enum Manner {
    Open,
    /// Opens with this `Proxy-Authorization` only.
    Basic(&'static str),
    /// Answers so.
    Refuse(&'static str),
    Silent,
    /// Opens, and answers TLS itself with a certificate that nobody knows.
    Inspect,
}

/// A proxy on loopback.
pub struct Proxy {
    pub address: SocketAddr,
    /// Targets of each CONNECT.
    pub asked: Arc<Mutex<Vec<String>>>,
    /// Every byte it could read, both ways.
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, heard) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let proxy = Self { address, asked: asked.clone(), heard: heard.clone() };
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { return };
                tokio::spawn(serve(client, manner.clone(), asked.clone(), heard.clone()));
            }
        });
        proxy
    }

    pub fn targets(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }
}

async fn serve(mut client: TcpStream, manner: Manner, asked: Arc<Mutex<Vec<String>>>, heard: Arc<Mutex<Vec<u8>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    heard.lock().unwrap().extend_from_slice(&head);
    let head = String::from_utf8(head).unwrap();
    let target =
        head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).expect("only CONNECT").to_owned();
    asked.lock().unwrap().push(target.clone());
    let login = |expected: &str| {
        head.lines().any(|line| {
            line == format!("Proxy-Authorization: {expected}") || line == format!("proxy-authorization: {expected}")
        })
    };
    let refusal = match &manner {
        Manner::Silent => return std::future::pending().await,
        Manner::Refuse(answer) => Some(*answer),
        Manner::Basic(expected) if !login(expected) => Some(
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"univ\"\r\nContent-Length: 0\r\n\r\n",
        ),
        _ => None,
    };
    if let Some(refusal) = refusal {
        let _ = client.write_all(refusal.as_bytes()).await;
        return;
    }
    client.write_all(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n").await.unwrap();
    if matches!(manner, Manner::Inspect) {
        let own = tls::self_signed(&["127.0.0.1".to_owned()]).unwrap();
        let config = tls::server_config(own.cert_pem.as_bytes(), own.key_pem.expose_secret().as_bytes(), &[]).unwrap();
        let _ = TlsAcceptor::from(Arc::new(config)).accept(client).await;
        return;
    }
    // The simulator's name, which the proxy alone can find.
    let Ok(server) = TcpStream::connect(target.replace(NAME, "127.0.0.1")).await else { return };
    let (mut client, mut server) = (Tap(client, heard.clone()), Tap(server, heard));
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

/// A connection whose bytes are written down as they are read.
struct Tap(TcpStream, Arc<Mutex<Vec<u8>>>);

impl tokio::io::AsyncRead for Tap {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = std::pin::Pin::new(&mut self.0).poll_read(cx, buffer);
        self.1.lock().unwrap().extend_from_slice(&buffer.filled()[before..]);
        polled
    }
}

impl tokio::io::AsyncWrite for Tap {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.0).poll_write(cx, bytes)
    }
    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// `login` of "fluxgate" with the password in `proxy.password`; nothing is called directly.
pub fn section(address: SocketAddr, dir: &Path, password: Option<&str>) -> ProxySection {
    let mut section = ProxySection {
        // By name: it is resolved like every other.
        url: Some(format!("http://localhost:{}", address.port())),
        except: Vec::new(),
        ..ProxySection::default()
    };
    if let Some(password) = password {
        fs::write(dir.join("proxy.password"), password).unwrap();
        section.login = Some("fluxgate".to_owned());
        section.password_file = Some("proxy.password".into());
    }
    section
}

/// The simulator as it is called by clients that reach it through a proxy only: what is on this machine they call directly.
pub const NAME: &str = "chorus-pro.test";

/// `fluxgate:mot de passé`
pub const LOGIN: &str = "Basic Zmx1eGdhdGU6bW90IGRlIHBhc3PDqQ==";

pub async fn simulator(dir: &Path) -> Simulator {
    let simulator = Simulator::start(Options { dir: Some(dir.to_owned()), ..Options::default() }).await.unwrap();
    fs::write(dir.join("secret"), &simulator.credentials().client_secret).unwrap();
    fs::write(dir.join("password"), &simulator.credentials().account_password).unwrap();
    simulator
}

fn connector(simulator: &Simulator, dir: &Path, proxy: &ProxySection) -> Connector {
    connector_to(&simulator.credentials().url.replace("127.0.0.1", NAME), simulator, dir, proxy)
}

fn connector_to(url: &str, simulator: &Simulator, dir: &Path, proxy: &ProxySection) -> Connector {
    let credentials = simulator.credentials();
    let api: ApiSection = toml::from_str(&format!(
        "token_url = \"{url}/api/oauth/token\"\nbase_url = \"{url}\"\nclient_id = \"{id}\"\n\
         client_secret_file = \"secret\"\nca_file = \"ca.pem\"\ncalls_per_second = 1000\ntimeout = \"3s\"",
        id = credentials.client_id
    ))
    .unwrap();
    let login = credentials.account_login.clone();
    let account =
        TechnicalAccountSection { environment: Environment::Practice, login, password_file: "password".into() };
    let realm = Realm { establishment: "univ-exemple".parse().unwrap(), environment: Environment::Practice };
    Connector::through(ConnectorSettings { realm, api, account, dir: dir.to_owned() }, proxy).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_passes_through_the_proxy_which_never_sees_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = simulator(dir.path()).await;
    let proxy = Proxy::start(Manner::Basic(LOGIN)).await;
    let connector = connector(&simulator, dir.path(), &section(proxy.address, dir.path(), Some("mot de passé\n")));
    connector.probe().await.unwrap();
    let page = fluxgate::chorus::Page::FIRST;
    let siret = "12345678200051".to_owned();
    assert_eq!(connector.call(&RechercherStructure { siret, page }).await.unwrap().rows.len(), 1);
    assert!(proxy.targets() >= 1);
    let expected = format!("{NAME}:{}", simulator.address().port());
    assert!(proxy.asked.lock().unwrap().iter().all(|target| *target == expected), "every host goes through it");
    let heard = proxy.heard();
    assert!(heard.len() > 4_000, "the whole conversation passed: {} bytes", heard.len());
    let credentials = simulator.credentials();
    for secret in ["Bearer", "cpro-account", "oauth", &credentials.client_secret, &credentials.account_password] {
        assert!(!heard.contains(secret), "{secret} was in the clear");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_does_is_told_apart_from_chorus_pro() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = simulator(dir.path()).await;
    let forbidden = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    let cases = [
        (Manner::Basic(LOGIN), None, Code::ProxyLogin),
        (Manner::Basic(LOGIN), Some("faux"), Code::ProxyLogin),
        (Manner::Refuse(forbidden), None, Code::ProxyRefusal),
        (Manner::Refuse("HTTP/1.1 502 Bad Gateway\r\n\r\n"), None, Code::ProxyRefusal),
        (Manner::Refuse("SSH-2.0-OpenSSH_9.2\r\n"), None, Code::ProxyRefusal),
        (Manner::Refuse(""), None, Code::ProxyUnreachable),
        (Manner::Silent, None, Code::ProxyUnreachable),
        (Manner::Inspect, None, Code::TlsFailed),
    ];
    for (n, (manner, password, code)) in cases.into_iter().enumerate() {
        let proxy = Proxy::start(manner).await;
        let connector = connector(&simulator, dir.path(), &section(proxy.address, dir.path(), password));
        let error = connector.call(&RecupererTauxTva).await.unwrap_err();
        assert_eq!(error.fault().code, code, "{n}: {error}");
        assert_eq!(matches!(error, CallError::Stopped(_)), code == Code::ProxyLogin, "{n}: {error}");
        assert_eq!(proxy.targets(), 1, "{n}: asked once, and nothing went around it");
        assert!(!error.fault().title(Language::Fr).contains('?'), "{n}: {}", error.fault().title(Language::Fr));
        assert!(!error.fault().remedy(Language::Fr).contains('?'), "{n}: {}", error.fault().remedy(Language::Fr));
    }
    assert_eq!(simulator.ledger().calls.len(), 0, "nothing has arrived");

    let gone = Proxy::start(Manner::Open).await.address;
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let unresolved =
        ProxySection { url: Some("http://a..b:3128".to_owned()), except: Vec::new(), ..ProxySection::default() };
    for proxy in [section(dead, dir.path(), None), unresolved] {
        let error = connector(&simulator, dir.path(), &proxy).call(&RecupererTauxTva).await.unwrap_err();
        assert_eq!(error.fault().code, Code::ProxyUnreachable, "{error}");
    }
    // A password that is repaired works at once, and a host that is excepted is called directly.
    let repaired = section(gone, dir.path(), Some("x"));
    fs::remove_file(dir.path().join("proxy.password")).unwrap();
    let connector = connector(&simulator, dir.path(), &repaired);
    let error = connector.call(&RecupererTauxTva).await.unwrap_err();
    assert!(matches!(&error, CallError::Stopped(fault) if fault.code == Code::ProxyLogin), "{error}");
    let before = connector.secrets_version();
    fs::write(dir.path().join("proxy.password"), "y").unwrap();
    assert_ne!(connector.secrets_version(), before, "a halt need not wait for its next probe");
    connector.call(&RecupererTauxTva).await.unwrap();
}

/// Seen: exceptions of one's own took this machine from the list, and what it says to itself in the clear left by the proxy.
#[tokio::test(flavor = "multi_thread")]
async fn excepted_hosts_and_this_machine_are_called_directly() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = simulator(dir.path()).await;
    let url = &simulator.credentials().url;
    let proxy = Proxy::start(Manner::Refuse("")).await;
    let own = section(proxy.address, dir.path(), None);
    for url in [url, &url.replace("127.0.0.1", "localhost")] {
        connector_to(url, &simulator, dir.path(), &own).probe().await.unwrap();
    }
    let excepted = ProxySection { except: vec![NAME.parse().unwrap()], ..own };
    let error = connector(&simulator, dir.path(), &excepted).probe().await.unwrap_err();
    assert_eq!(error.fault().code, Code::Unreachable, "asked directly, where nothing knows it: {error}");
    assert_eq!(proxy.targets(), 0);
}
