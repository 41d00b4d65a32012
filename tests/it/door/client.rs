//! A door of its own for each test, and clients that speak to it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fluxgate::door::site::{Host, PathPrefix};
use fluxgate::door::{self, Certificate, CertificateFiles, Counters, Door, DoorSection, SiteSection};
use fluxgate::net::resolver::Resolver;
use fluxgate::net::tls;
use fluxgate::os::signals::{Shutdown, ShutdownTrigger};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longer than anything here should take.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Running {
    pub address: SocketAddr,
    pub counters: Arc<Counters>,
    pub dir: tempfile::TempDir,
    certificate: Vec<u8>,
    trigger: ShutdownTrigger,
    serving: JoinHandle<()>,
}

pub fn files(dir: &Path) -> CertificateFiles {
    CertificateFiles { certificate: dir.join("door.pem"), key: dir.join("door.key"), own: true }
}

pub fn names() -> Vec<String> {
    ["localhost", "127.0.0.1"].map(str::to_owned).to_vec()
}

pub fn site(host: &str, path: &str, upstream: SocketAddr) -> SiteSection {
    SiteSection {
        host: host.parse::<Host>().unwrap(),
        path: path.parse::<PathPrefix>().unwrap(),
        upstream: format!("http://{upstream}").parse().unwrap(),
    }
}

/// A door with the given sites, its section adjusted.
pub async fn door(sites: Vec<SiteSection>, adjust: impl FnOnce(&mut DoorSection)) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let certificate = Arc::new(Certificate::load(files(dir.path()), &names()).unwrap());
    let mut section = DoorSection { site: sites, ..DoorSection::default() };
    adjust(&mut section);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let counters = Arc::new(Counters::default());
    let (trigger, shutdown) = Shutdown::pair();
    let pem = std::fs::read(files(dir.path()).certificate).unwrap();
    let door = Door {
        section,
        certificate,
        page_socket: dir.path().join("web.sock"),
        resolver: Resolver::system(),
        counters: counters.clone(),
    };
    let serving = tokio::spawn(door::serve(listener, door, shutdown));
    Running { address, counters, dir, certificate: pem, trigger, serving }
}

impl Running {
    /// Tells the door to stop and waits for it.
    pub async fn stop(self) {
        self.trigger.tell();
        tokio::time::timeout(PATIENCE, self.serving).await.unwrap().unwrap();
    }

    pub async fn tls(&self, alpn: &str) -> TlsStream<TcpStream> {
        let mut config = tls::client_config(Some(&self.certificate)).unwrap();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    pub async fn h1<B>(&self) -> hyper::client::conn::http1::SendRequest<B>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(self.tls("http/1.1").await)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    pub async fn h2<B>(&self) -> hyper::client::conn::http2::SendRequest<B>
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let stream = TokioIo::new(self.tls("h2").await);
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// One GET over HTTP/1.1 on a connection of its own.
    pub async fn get(&self, host: &str, path: &str) -> (StatusCode, String) {
        let answer = self.h1().await.send_request(get(host, path)).await.unwrap();
        let status = answer.status();
        (status, text(answer).await)
    }

    /// Sends raw bytes and reads whatever comes until the door closes.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.tls("http/1.1").await;
        stream.write_all(bytes).await.unwrap();
        read_out(&mut stream).await
    }
}

/// Everything until the other side closes, cleanly or not.
pub async fn read_out(stream: &mut TlsStream<TcpStream>) -> String {
    let mut all = Vec::new();
    let mut chunk = [0; 4096];
    let reading = async {
        while let Ok(n @ 1..) = stream.read(&mut chunk).await {
            all.extend_from_slice(&chunk[..n]);
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the door closes the connection");
    String::from_utf8_lossy(&all).into_owned()
}

pub fn get(host: &str, path: &str) -> Request<Full<Bytes>> {
    Request::get(path).header("host", host).body(Full::default()).unwrap()
}

/// For HTTP/2: the absolute form.
pub fn get2(host: &str, path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("https://{host}{path}")).body(Full::default()).unwrap()
}

pub async fn text(answer: Response<Incoming>) -> String {
    let bytes = tokio::time::timeout(PATIENCE, answer.into_body().collect()).await.unwrap().unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}
