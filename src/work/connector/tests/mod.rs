//! Against a real HTTPS server on loopback, written by hand so that it can break off anywhere and count what arrives.

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

#[tokio::test]
async fn a_call_carries_token_account_and_body_and_the_token_is_kept() {
    let server = Server::start(|_| Act::Answer(200, "", deposited())).await;
    let client = client(&server);
    let Deposited { number, .. } = client.connector.call(&deposit()).await.unwrap();
    assert_eq!(number.as_str(), "CPP0011117000000000000001");
    client.connector.call(&deposit()).await.unwrap();
    let tokens = server.arrived(TOKEN);
    assert_eq!(tokens.len(), 1, "the second call uses the same token");
    let form = String::from_utf8(tokens[0].body.clone()).unwrap();
    assert_eq!(form, "grant_type=client_credentials&client_id=client-1&client_secret=s3cret&scope=openid");
    assert_eq!(tokens[0].headers["content-type"], "application/x-www-form-urlencoded");
    for call in server.arrived(DeposerFlux::PATH) {
        assert_eq!(call.headers["authorization"], "Bearer token-1");
        let account = STANDARD.decode(&call.headers["cpro-account"]).unwrap();
        assert_eq!(account, "TECH_1_00000@cpro.fr:mot de passé".as_bytes());
        assert_eq!(call.headers["content-type"], "application/json;charset=utf-8");
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        assert_eq!(body, deposit().body());
    }
    let tally = client.connector.tally();
    assert_eq!((tally.in_flight, tally.waiting), (0, 0));
    assert!(tally.calls.contains(&("deposer/flux", CallOutcome::Answered, 2)), "{:?}", tally.calls);
    assert!(tally.calls.contains(&("oauth/token", CallOutcome::Answered, 1)));
}

#[tokio::test]
async fn fifty_calls_at_once_ask_for_one_token() {
    let server = Server::start_scripted(Box::new(|seen| match seen.path.as_str() {
        TOKEN => Act::Late(Duration::from_millis(150), json!({"access_token": "t", "expires_in": 3600}).to_string()),
        _ => history_ok(),
    }))
    .await;
    let client = client(&server);
    let calls = (0..50).map(|_| client.connector.call(&HISTORY));
    let results = futures_util::future::join_all(calls).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!((server.count(TOKEN), server.count(ConsulterHistorique::PATH)), (1, 50));
}

#[tokio::test]
async fn fifty_calls_at_once_share_one_refusal_of_the_client() {
    let server = Server::start_scripted(Box::new(|_| {
        std::thread::sleep(Duration::from_millis(100));
        Act::Answer(400, "", json!({"error": "invalid_client"}).to_string())
    }))
    .await;
    let client = client(&server);
    let deposit = deposit();
    let calls = (0..50).map(|_| client.connector.call(&deposit));
    for result in futures_util::future::join_all(calls).await {
        assert_eq!(kind(&error(result)), (CallOutcome::Stopped, Code::ClientRefused));
    }
    assert_eq!((server.count(TOKEN), server.count(DeposerFlux::PATH)), (1, 0));
    error(client.connector.call(&deposit).await);
    assert_eq!(server.count(TOKEN), 2, "a later call asks again");
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_but_used_at_least_half_its_life() {
    let mut tokens = 0;
    let server = Server::start_scripted(Box::new(move |seen| match seen.path.as_str() {
        TOKEN => {
            tokens += 1;
            token_answer(tokens, 1)
        }
        _ => history_ok(),
    }))
    .await;
    let client = client(&server);
    for _ in 0..3 {
        client.connector.call(&HISTORY).await.unwrap();
    }
    assert_eq!(server.count(TOKEN), 1, "a margin longer than the token's life does not make it useless");
    tokio::time::sleep(Duration::from_millis(600)).await;
    client.connector.call(&HISTORY).await.unwrap();
    assert_eq!(server.arrived(ConsulterHistorique::PATH)[3].headers["authorization"], "Bearer token-2");
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once_and_the_call_goes_through() {
    let revoked = Arc::new(Mutex::new("Bearer none".to_owned()));
    let refused = revoked.clone();
    let server = Server::start(move |seen| {
        if seen.headers["authorization"] == *refused.lock().unwrap() {
            return Act::Answer(401, "", String::new());
        }
        Act::Answer(200, "", deposited())
    })
    .await;
    let client = client(&server);
    client.connector.call(&deposit()).await.unwrap();
    "Bearer token-1".clone_into(&mut revoked.lock().unwrap());
    let deposit = deposit();
    let calls = (0..10).map(|_| client.connector.call(&deposit));
    let results = futures_util::future::join_all(calls).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(server.count(TOKEN), 2, "one new token for all of them");
    let accepted = server.arrived(DeposerFlux::PATH);
    let accepted = accepted.iter().filter(|s| s.headers["authorization"] == "Bearer token-2").count();
    assert_eq!(accepted, 10, "each deposit was accepted once");
}

#[tokio::test]
async fn a_refused_account_stops_and_is_not_hammered() {
    let server = Server::start(|_| Act::Answer(401, "", String::new())).await;
    let client = client(&server);
    let first = error(client.connector.call(&deposit()).await);
    assert_eq!(kind(&first), (CallOutcome::Stopped, Code::AccountRefused));
    assert_eq!(first.fault().details["login"], "TECH_1_00000@cpro.fr");
    assert_eq!((server.count(TOKEN), server.count(DeposerFlux::PATH)), (1, 1), "a token of this very call is not old");
    error(client.connector.call(&deposit()).await);
    assert_eq!((server.count(TOKEN), server.count(DeposerFlux::PATH)), (2, 3), "an older one is replaced once");
}

#[tokio::test]
async fn a_forbidden_service_and_a_missing_one_stop_with_their_name() {
    let server = Server::start(|seen| match seen.path.as_str() {
        DeposerFlux::PATH => Act::Answer(403, "", String::new()),
        _ => Act::Answer(404, "", "<html/>".to_owned()),
    })
    .await;
    let client = client(&server);
    let forbidden = error(client.connector.call(&deposit()).await);
    assert_eq!(kind(&forbidden), (CallOutcome::Stopped, Code::AccessForbidden));
    assert_eq!(forbidden.fault().details["service"], "deposer/flux");
    let missing = error(client.connector.call(&HISTORY).await);
    assert_eq!(kind(&missing), (CallOutcome::Stopped, Code::ServiceMissing));
    assert!(!missing.fault().title(crate::fault::Language::En).contains('?'), "every blank is filled");
}

#[tokio::test]
async fn after_a_429_nothing_leaves_before_its_time() {
    for (header, least, most) in [("retry-after: 7\r\n", 5, 7), ("", 58, 60)] {
        let server = Server::start(move |_| Act::Answer(429, header, String::new())).await;
        let client = client(&server);
        for _ in 0..5 {
            let error = error(client.connector.call(&deposit()).await);
            let CallError::SlowDown { fault, until } = error else { panic!("{error:?}") };
            let wait = until.since(Timestamp::now()).as_secs();
            assert!((least..=most).contains(&wait), "{header:?}: {wait} s");
            assert_eq!(fault.code, Code::Throttled);
        }
        assert_eq!(server.count(DeposerFlux::PATH), 1, "only the first call left");
    }
    let server = Server::start(|_| Act::Answer(429, "retry-after: 1\r\n", String::new())).await;
    let client = client(&server);
    error(client.connector.call(&HISTORY).await);
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    error(client.connector.call(&HISTORY).await);
    assert_eq!(server.count(ConsulterHistorique::PATH), 2, "then calls leave again");
}

/// A trouble's name, how the server makes it, and the fault a deposit gets, and a read (`None`: it is no trouble for
/// one).
type Trouble = (&'static str, fn() -> Act, Code, Option<Code>);

#[tokio::test]
async fn an_answer_that_cannot_be_trusted_is_lost_and_the_deposit_arrived_once() {
    const LOST: (Code, Option<Code>) = (Code::AnswerLost, Some(Code::ChorusFailing));
    const FAILING: (Code, Option<Code>) = (Code::ChorusFailing, Some(Code::ChorusFailing));
    const UNREADABLE: (Code, Option<Code>) = (Code::AnswerUnreadable, Some(Code::AnswerUnreadable));
    let late = || Act::Late(Duration::from_millis(3_000), deposited());
    let troubles: &[Trouble] = &[
        ("closed", || Act::Close, LOST.0, LOST.1),
        ("cut in the body", || Act::Cut(200, deposited()), LOST.0, LOST.1),
        ("cut in the head", || Act::Bytes(b"HTTP/1.1 200 O"), LOST.0, LOST.1),
        ("no HTTP", || Act::Bytes(b"SSH-2.0-x\r\n\r\n"), LOST.0, LOST.1),
        ("late", late, LOST.0, LOST.1),
        ("500", || Act::Answer(500, "", deposited()), FAILING.0, FAILING.1),
        ("503 cut", || Act::Cut(503, "<html>down</html>".into()), FAILING.0, FAILING.1),
        ("408", || Act::Answer(408, "", String::new()), FAILING.0, FAILING.1),
        ("redirected", || Act::Answer(307, "location: /elsewhere\r\n", String::new()), FAILING.0, FAILING.1),
        ("garbage", || Act::Answer(200, "", "<html>ok</html>".into()), UNREADABLE.0, UNREADABLE.1),
        ("empty", || Act::Answer(200, "", String::new()), UNREADABLE.0, UNREADABLE.1),
        ("no number", || ok(json!({"codeRetour": 0, "libelle": "OK"})), Code::AnswerUnreadable, None),
        ("too long", || Act::Answer(200, "", " ".repeat(DeposerFlux::ANSWER_LIMIT + 1)), LOST.0, UNREADABLE.1),
    ];
    for (name, act, of_deposit, of_read) in troubles {
        let act = *act;
        let server = Server::start(move |_| act()).await;
        let client = client(&server);
        let said = error(client.connector.call(&deposit()).await);
        assert_eq!(kind(&said), (CallOutcome::Lost, *of_deposit), "{name}: {said}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(server.count(DeposerFlux::PATH), 1, "{name}: the deposit arrived once");
        assert_eq!(server.count("/elsewhere"), 0, "{name}: a redirection is not followed");
        let read = client.connector.call(&HISTORY).await.err().map(|e| kind(&e));
        assert_eq!(read, of_read.map(|code| (CallOutcome::Lost, code)), "{name}: a read speaks of no invoice");
    }
}

#[tokio::test]
async fn a_stale_connection_never_makes_a_deposit_arrive_twice() {
    // The server closes every connection after its first answer, without saying so, and any that carries a deposit.
    let server = Server::start(|seen| match seen.path.as_str() {
        DeposerFlux::PATH => Act::Close,
        _ => Act::AnswerAndClose(json!({"codeRetour": 0}).to_string()),
    })
    .await;
    let client = client(&server);
    for n in 1..=5 {
        client.connector.call(&HISTORY).await.unwrap();
        let error = error(client.connector.call(&deposit()).await);
        assert_eq!(kind(&error), (CallOutcome::Lost, Code::AnswerLost));
        assert_eq!(server.count(DeposerFlux::PATH), n);
    }
    let seen = server.seen.lock().unwrap().clone();
    for deposit in seen.iter().filter(|s| s.path == DeposerFlux::PATH) {
        let shared = seen.iter().filter(|s| s.connection == deposit.connection).count();
        assert_eq!(shared, 1, "a deposit has a connection of its own");
    }
}

#[tokio::test]
async fn reads_share_connections_and_survive_one_that_went_stale() {
    let server = Server::start(|_| history_ok()).await;
    let client = client(&server);
    for _ in 0..4 {
        client.connector.call(&HISTORY).await.unwrap();
    }
    let deposit = error(client.connector.call(&deposit()).await);
    assert_eq!(kind(&deposit), (CallOutcome::Lost, Code::AnswerUnreadable));
    client.connector.call(&HISTORY).await.unwrap();
    let connections = |path| server.arrived(path).iter().map(|s| s.connection).collect::<Vec<_>>();
    assert_eq!(connections(ConsulterHistorique::PATH), [1; 5], "token and reads share one connection");
    assert_eq!(connections(DeposerFlux::PATH), [2], "a deposit has one of its own even while another stands idle");

    let closing = Server::start(|_| Act::AnswerAndClose(json!({"codeRetour": 0}).to_string())).await;
    let client = self::client(&closing);
    for n in 1..=4 {
        client.connector.call(&HISTORY).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(closing.count(ConsulterHistorique::PATH), n);
    }
}

#[tokio::test]
async fn what_fails_before_the_request_is_not_sent() {
    let server = Server::start(|_| history_ok()).await;
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let refused = client_with(&section(nobody), &server.ca_pem);
    let error_of = async |client: &Client| error(client.connector.call(&deposit()).await);
    let said = error_of(&refused).await;
    assert_eq!(kind(&said), (CallOutcome::NotSent, Code::Unreachable), "{said}");
    assert_eq!(said.fault().details["host"], "127.0.0.1");
    assert!(said.fault().details["detail"].contains("refused"), "{said}");

    let mut unnamed = section(server.address);
    unnamed.token_url = format!("https://piste.example{TOKEN}");
    let said = error_of(&client_with(&unnamed, &server.ca_pem)).await;
    assert_eq!(kind(&said), (CallOutcome::NotSent, Code::Unreachable), "{said}");
    assert!(said.fault().details["detail"].contains("/nonexistent/resolv.conf"), "{said}");

    let other = tls::self_signed(&["127.0.0.1".to_owned()]).unwrap();
    let said = error_of(&client_with(&section(server.address), &other.cert_pem)).await;
    assert_eq!(kind(&said), (CallOutcome::NotSent, Code::TlsFailed), "{said}");
    assert!(said.fault().details["detail"].contains("certificate"), "{said}");
    assert!(server.seen.lock().unwrap().is_empty(), "nothing arrived");
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_after_a_token_is_not_sent() {
    let tokens = Server::start(|_| history_ok()).await;
    // Accepts connections and never says a word: the handshake's own time-out ends it, not the call's.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut section = section(tokens.address);
    section.base_url = format!("https://{}", silent.local_addr().unwrap());
    let client = client_with(&section, &tokens.ca_pem);
    let said = error(client.connector.call(&deposit()).await);
    assert_eq!(kind(&said), (CallOutcome::NotSent, Code::Unreachable), "{said}");

    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    section.base_url = format!("https://{}", plain.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let client = client_with(&section, &tokens.ca_pem);
    let said = error(client.connector.call(&deposit()).await);
    assert_eq!(kind(&said), (CallOutcome::NotSent, Code::TlsFailed), "{said}");
    assert_eq!(tokens.count(TOKEN), 2);
}

#[tokio::test]
async fn a_token_service_in_trouble_means_that_nothing_was_sent() {
    type Case = (&'static str, fn() -> Act, CallOutcome, Code);
    let cases: &[Case] = &[
        ("empty 200", || Act::Answer(200, "", String::new()), CallOutcome::NotSent, Code::TokenUnreadable),
        ("page 200", || Act::Answer(200, "", "<html>".into()), CallOutcome::NotSent, Code::TokenUnreadable),
        ("cut", || Act::Cut(200, "{\"access_token\":\"t\"}".into()), CallOutcome::NotSent, Code::TokenUnreadable),
        ("closed", || Act::Close, CallOutcome::NotSent, Code::ChorusFailing),
        ("500", || Act::Answer(500, "", String::new()), CallOutcome::NotSent, Code::ChorusFailing),
        ("429", || Act::Answer(429, "", String::new()), CallOutcome::SlowDown, Code::Throttled),
        ("403", || Act::Answer(403, "", String::new()), CallOutcome::Stopped, Code::AccessForbidden),
    ];
    for (name, act, outcome, code) in cases {
        let act = *act;
        let server = Server::start_scripted(Box::new(move |_| act())).await;
        let client = client(&server);
        let said = error(client.connector.call(&deposit()).await);
        assert_eq!(kind(&said), (*outcome, *code), "{name}: {said}");
        assert_eq!(server.count(DeposerFlux::PATH), 0, "{name}");
    }
}

#[tokio::test]
async fn chorus_pros_own_refusal_comes_by_both_transports() {
    for status in [200, 400] {
        let body = json!({"codeRetour": 20001, "libelle": "GDP_MSG_11.022"});
        let server = Server::start(move |_| Act::Answer(status, "", body.to_string())).await;
        let client = client(&server);
        let said = error(client.connector.call(&deposit()).await);
        let CallError::Refused { code, label, fault } = said else { panic!("{said:?}") };
        assert_eq!((code, label.as_str(), fault.code), (20001, "GDP_MSG_11.022", Code::DepositRefused));
        assert_eq!(client.connector.tally().calls[0], ("deposer/flux", CallOutcome::Refused, 1));
    }
}

#[tokio::test]
async fn repaired_secrets_and_authorities_work_without_a_restart() {
    let server = Server::start(|_| history_ok()).await;
    let client = client(&server);
    let file = |name: &str| client.folder.path().join(name);
    for (name, code) in
        [("ca.pem", Code::TlsFailed), ("piste.secret", Code::NotConnected), ("account.password", Code::NotConnected)]
    {
        let client = client_with(&section(server.address), &server.ca_pem);
        let path = client.folder.path().join(name);
        let content = fs::read(&path).unwrap();
        let sound = client.connector.secrets_version();
        fs::remove_file(&path).unwrap();
        let said = error(client.connector.call(&HISTORY).await);
        assert_eq!(kind(&said), (CallOutcome::Stopped, code), "{name}: {said}");
        assert!(!said.fault().title(crate::fault::Language::Fr).ends_with('?'), "every blank is filled");
        assert_ne!(client.connector.secrets_version(), sound, "{name}: a stopped queue sees the change");
        fs::write(&path, content).unwrap();
        client.connector.call(&HISTORY).await.unwrap();
    }
    client.connector.call(&HISTORY).await.unwrap();
    fs::write(file("account.password"), "neuf").unwrap();
    client.connector.call(&HISTORY).await.unwrap();
    let last = server.arrived(ConsulterHistorique::PATH).pop().unwrap();
    assert_eq!(STANDARD.decode(&last.headers["cpro-account"]).unwrap(), b"TECH_1_00000@cpro.fr:neuf");
}

#[tokio::test]
async fn the_ceiling_holds_under_a_crowd() {
    let server = Server::start(|_| Act::Late(Duration::from_millis(30), json!({"codeRetour": 0}).to_string())).await;
    let mut section = section(server.address);
    (section.calls_per_second, section.calls_in_flight) = (50, 2);
    let client = client_with(&section, &server.ca_pem);
    client.connector.call(&HISTORY).await.unwrap();
    let begun = Instant::now();
    let calls = (0..20).map(|_| client.connector.call(&HISTORY));
    assert!(futures_util::future::join_all(calls).await.iter().all(Result::is_ok));
    assert!(server.crowd.load(Ordering::SeqCst) <= 2);
    assert!(begun.elapsed() >= Duration::from_millis(19 * 20), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_call_that_is_dropped_frees_its_turn() {
    let server = Server::start(|_| Act::Late(Duration::from_millis(500), json!({"codeRetour": 0}).to_string())).await;
    let mut section = section(server.address);
    section.calls_in_flight = 1;
    let client = client_with(&section, &server.ca_pem);
    for _ in 0..3 {
        let dropped = tokio::time::timeout(Duration::from_millis(100), client.connector.call(&HISTORY)).await;
        assert!(dropped.is_err());
    }
    assert_eq!((client.connector.tally().in_flight, client.connector.tally().waiting), (0, 0));
    client.connector.call(&HISTORY).await.unwrap();
}

#[tokio::test]
async fn a_probe_passes_through_every_layer_of_both_apis() {
    let closed: Arc<Mutex<&str>> = Arc::default();
    let forbidden = closed.clone();
    let server = Server::start(move |seen| match seen.path.as_str() {
        path if path == *forbidden.lock().unwrap() => Act::Answer(403, "", String::new()),
        RechercherFournisseur::PATH => ok(json!({"codeRetour": 20000, "libelle": "TRA_MSG_00.015"})),
        RecupererTauxTva::PATH => ok(json!({"codeRetour": 99, "libelle": "refusé, mais tout est ouvert"})),
        other => panic!("{other}"),
    })
    .await;
    let client = client(&server);
    client.connector.probe().await.unwrap();
    assert_eq!(server.arrived(RecupererTauxTva::PATH)[0].body, b"{}");
    for path in [RecupererTauxTva::PATH, RechercherFournisseur::PATH] {
        *closed.lock().unwrap() = path;
        let said = error(client.connector.probe().await);
        assert_eq!(kind(&said), (CallOutcome::Stopped, Code::AccessForbidden), "{path}");
    }
}

#[tokio::test]
async fn realms_of_one_environment_share_token_and_ceiling_and_others_are_not_connected() {
    let server = Server::start(|_| history_ok()).await;
    let folder = client(&server).folder;
    let apis = BTreeMap::from([
        (Environment::Practice, section(server.address)),
        (Environment::Production, ApiSection { base_url: "ftp://x".into(), ..section(server.address) }),
    ]);
    let ids: Vec<EstablishmentId> = ["univ", "ecole"].iter().map(|id| id.parse().unwrap()).collect();
    let (practice, production) = (account(Environment::Practice), account(Environment::Production));
    let accounts = [(&ids[0], &practice), (&ids[1], &practice), (&ids[0], &production)];
    let connectors = Connectors::new(folder.path(), &apis, accounts);
    let names: Vec<String> = connectors.iter().map(|c| c.realm().to_string()).collect();
    assert_eq!(names, ["ecole/practice", "univ/practice"], "the unusable section connects nobody, the others go on");
    for establishment in ["univ", "ecole"] {
        connectors.get(&realm(establishment)).unwrap().call(&HISTORY).await.unwrap();
    }
    assert_eq!(server.count(TOKEN), 1);
    assert_eq!(connectors.tallies().len(), 2);
    let fault = connectors.get(&realm("autre")).err().unwrap();
    assert_eq!((fault.code, fault.details["establishment"].as_str()), (Code::NotConnected, "autre"));
}

#[test]
fn the_sample_configuration_holds_these_sections_and_every_key_of_them() {
    let sample = include_str!("../../../config/fluxgate.toml");
    let sample: toml::Table = sample.replace("# ca_file", "ca_file").parse().unwrap();
    let api = sample["chorus"]["api"]["qualification"].clone();
    let section: ApiSection = api.clone().try_into().unwrap();
    assert_eq!(section.problems(), []);
    assert_eq!(toml::Value::try_from(&section).unwrap(), api_as_written(&api), "every key is documented");
    let account = sample["establishment"][0]["technical_account"][0].clone();
    let account: TechnicalAccountSection = account.try_into().unwrap();
    assert_eq!((account.environment, account.problems()), (Environment::Qualification, vec![]));

    let mut misspelt = api.as_table().unwrap().clone();
    misspelt.insert("calls_per_minute".into(), 1.into());
    assert!(misspelt.try_into::<ApiSection>().unwrap_err().to_string().contains("calls_per_minute"));
}

/// Durations read back in their largest unit.
fn api_as_written(api: &toml::Value) -> toml::Value {
    let mut api = api.clone();
    for key in ["timeout", "token_margin"] {
        let duration: crate::domain::Duration = api[key].as_str().unwrap().parse().unwrap();
        api[key] = duration.to_string().into();
    }
    api
}

#[test]
fn settings_that_cannot_work_are_named() {
    let sound = section("127.0.0.1:1".parse().unwrap());
    let problems = |section: ApiSection| section.problems().iter().map(|p| p.key).collect::<Vec<_>>();
    for url in ["http://api.piste.gouv.fr", "api.piste.gouv.fr", "https://u:p@x/", "https://x/?a=b", "ftp://x", ""] {
        assert_eq!(problems(ApiSection { base_url: url.into(), ..sound.clone() }), ["base_url"], "{url}");
    }
    for url in ["http://127.0.0.1:8080", "http://[::1]:1", "http://localhost/x", "https://api.piste.gouv.fr"] {
        assert!(problems(ApiSection { token_url: url.into(), ..sound.clone() }).is_empty(), "{url}");
    }
    let many = ApiSection {
        client_id: " ".into(),
        calls_per_second: 0,
        calls_in_flight: 65,
        timeout: crate::domain::Duration::ZERO,
        ..sound
    };
    assert_eq!(problems(many), ["client_id", "calls_per_second", "calls_in_flight", "timeout"]);
    let account = TechnicalAccountSection { login: "a:b".into(), ..account(Environment::Practice) };
    assert_eq!(account.problems().len(), 1);
}
