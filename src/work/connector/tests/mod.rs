//! Against a real HTTPS server on loopback, written by hand so that it can break off anywhere and count what arrives.
//! This file has the server and the client; the tests are beside it.

mod loss;
mod pace;
mod realm;
mod refusal;
mod settings;
mod token;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::chorus::{ConsulterHistorique, DeposerFlux, Deposited, FluxFileName, FluxSyntax};
use crate::domain::ChorusInvoiceId;
use crate::net::tls;

/// A request as it arrived.
#[derive(Debug, Clone)]
struct Seen {
    /// Which connection it came by; 1 is the first.
    connection: usize,
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// What the server does with a request.
enum Act {
    /// Answers, and keeps the connection.
    Answer(u16, &'static str, String),
    /// Answers, then closes the connection without having said so.
    AnswerAndClose(String),
    /// Closes without a byte.
    Close,
    /// Promises `body`, sends half of it, closes.
    Cut(u16, String),
    /// Sends these bytes and closes.
    Bytes(&'static [u8]),
    /// Answers after a while.
    Late(Duration, String),
}

type Script = Box<dyn FnMut(&Seen) -> Act + Send>;

struct Server {
    address: SocketAddr,
    ca_pem: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Most requests that were being answered at once.
    crowd: Arc<AtomicUsize>,
}

const TOKEN: &str = "/api/oauth/token";

fn ok(body: Value) -> Act {
    Act::Answer(200, "", body.to_string())
}

fn token_answer(n: usize, lifetime: u64) -> Act {
    ok(json!({"access_token": format!("token-{n}"), "token_type": "Bearer", "expires_in": lifetime}))
}

fn deposited() -> String {
    json!({"codeRetour": 0, "libelle": "GCU_MSG_01_000", "numeroFluxDepot": "CPP0011117000000000000001"}).to_string()
}

impl Server {
    /// `script` answers the services; tokens are given by the server, numbered.
    async fn start(mut script: impl FnMut(&Seen) -> Act + Send + 'static) -> Self {
        let mut tokens = 0;
        Self::start_scripted(Box::new(move |seen| {
            if seen.path == TOKEN {
                tokens += 1;
                return token_answer(tokens, 3600);
            }
            script(seen)
        }))
        .await
    }

    async fn start_scripted(script: Script) -> Self {
        let made = tls::self_signed(&["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let config =
            tls::server_config(made.cert_pem.as_bytes(), made.key_pem.expose_secret().as_bytes(), &["http/1.1"]);
        let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (crowd, present) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let script = Arc::new(Mutex::new(script));
        let server = Self { address, ca_pem: made.cert_pem, seen: seen.clone(), crowd: crowd.clone() };
        tokio::spawn(async move {
            for connection in 1.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, script, seen) = (acceptor.clone(), script.clone(), seen.clone());
                let (crowd, present) = (crowd.clone(), present.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    while let Some(request) = read_request(&mut stream, connection).await {
                        seen.lock().unwrap().push(request.clone());
                        crowd.fetch_max(present.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        let act = (script.lock().unwrap())(&request);
                        let go_on = play(act, &mut stream, &present).await;
                        if !go_on {
                            break;
                        }
                    }
                });
            }
        });
        server
    }

    fn arrived(&self, path: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|s| s.path == path).cloned().collect()
    }

    fn count(&self, path: &str) -> usize {
        self.arrived(path).len()
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin), connection: usize) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: BTreeMap<String, String> =
        lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).collect();
    let mut body = vec![0; headers.get("content-length").map_or(0, |l| l.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen { connection, path, headers, body })
}

/// Plays an act; `false` when the connection is to be closed.
async fn play(act: Act, stream: &mut (impl AsyncWrite + Unpin), present: &AtomicUsize) -> bool {
    let answer = |status: u16, headers: &str, body: &str| {
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
    };
    let (bytes, go_on) = match act {
        Act::Answer(status, headers, body) => (answer(status, headers, &body), true),
        Act::AnswerAndClose(body) => (answer(200, "", &body), false),
        Act::Close => (Vec::new(), false),
        Act::Cut(status, body) => {
            let whole = answer(status, "", &body);
            (whole[..whole.len() - body.len().div_ceil(2)].to_vec(), false)
        }
        Act::Bytes(bytes) => (bytes.to_vec(), false),
        Act::Late(wait, body) => {
            tokio::time::sleep(wait).await;
            (answer(200, "", &body), true)
        }
    };
    present.fetch_sub(1, Ordering::SeqCst);
    let sent = stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok();
    if !go_on {
        let _ = stream.shutdown().await;
    }
    sent && go_on
}

/// A connector and the folder of its secrets.
struct Client {
    connector: Connector,
    folder: tempfile::TempDir,
}

fn section(address: SocketAddr) -> ApiSection {
    ApiSection {
        token_url: format!("https://{address}{TOKEN}"),
        base_url: format!("https://{address}/"),
        client_id: "client-1".to_owned(),
        client_secret_file: "piste.secret".into(),
        ca_file: Some("ca.pem".into()),
        calls_per_second: 1_000,
        calls_in_flight: 64,
        timeout: crate::domain::Duration::from_millis(2_000),
        token_margin: crate::domain::Duration::from_secs(300),
    }
}

fn account(environment: Environment) -> TechnicalAccountSection {
    let login = "TECH_1_00000@cpro.fr".to_owned();
    TechnicalAccountSection { environment, login, password_file: "account.password".into() }
}

fn realm(establishment: &str) -> Realm {
    Realm { establishment: establishment.parse().unwrap(), environment: Environment::Practice }
}

/// With a resolver that knows no name server: the tests leave this machine alone.
fn client_with(section: &ApiSection, ca_pem: &str) -> Client {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("piste.secret"), "s3cret\n").unwrap();
    fs::write(folder.path().join("account.password"), "mot de passé\n").unwrap();
    fs::write(folder.path().join("ca.pem"), ca_pem).unwrap();
    let resolver = Resolver::with_files("/nonexistent/resolv.conf", "/nonexistent/hosts");
    let api = Api::new(Environment::Practice, section, folder.path(), resolver).unwrap();
    let connector = Connector::on(Arc::new(api), realm("univ"), &account(Environment::Practice), folder.path());
    Client { connector, folder }
}

fn client(server: &Server) -> Client {
    client_with(&section(server.address), &server.ca_pem)
}

fn deposit() -> DeposerFlux {
    let syntax = FluxSyntax::E1UblInvoice;
    let file_name = FluxFileName::from_dropped("facture.xml", syntax);
    DeposerFlux { content: b"<Invoice/>".as_slice().into(), file_name, syntax }
}

const HISTORY: ConsulterHistorique = ConsulterHistorique { invoice: ChorusInvoiceId(9001), page: 1 };

fn history_ok() -> Act {
    ok(json!({"codeRetour": 0, "libelle": "GCU_MSG_01_000", "idFacture": 9001}))
}

fn error<T: fmt::Debug>(result: Result<T, CallError>) -> CallError {
    result.expect_err("the call must fail")
}

/// The variant and the fault's code in one word.
fn kind(error: &CallError) -> (CallOutcome, Code) {
    (CallOutcome::of::<()>(&Err(error.clone())), error.fault().code)
}
