//! The way to an HTTPS server, one link after the other, for whoever asks where it breaks: TCP, the proxy's CONNECT, TLS.
//!
//! Promise: a certificate that is not trusted is told all the same, with who issued it, and nothing is ever sent over such a
//! connection. Refuses to know: tokens, and what the server is for.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::domain::Timestamp;
use crate::net::proxy::Proxy;
use crate::net::tls::{self, TlsError};

/// The longest head of an answer that is read, in bytes.
const HEAD_LIMIT: usize = 8 << 10;
/// Characters of what a server said of itself.
const SAID_CHARACTERS: usize = 120;

/// Why a proxy opened no way.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the connection was closed without an answer")]
    Closed,
    #[error("what answers is no HTTP proxy")]
    NotHttp,
    /// `by`: what the answer says of who wrote it (Via, Server, Proxy-Authenticate).
    #[error("HTTP {status} {said}")]
    Status { status: u16, said: String, by: Option<String> },
    #[error("no answer in time")]
    TimedOut,
}

/// Asks the proxy at the other end of `stream` for a way to `host`.
pub async fn tunnel(
    stream: TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
    timeout: Duration,
) -> Result<TcpStream, TunnelError> {
    tokio::time::timeout(timeout, ask_for_tunnel(stream, proxy, host, port)).await.unwrap_or(Err(TunnelError::TimedOut))
}

async fn ask_for_tunnel(mut stream: TcpStream, proxy: &Proxy, host: &str, port: u16) -> Result<TcpStream, TunnelError> {
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
    if let Some(value) = proxy.authorization() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await?;
    // Byte by byte: what follows the head belongs to TLS.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD_LIMIT {
            return Err(TunnelError::NotHttp);
        }
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return Err(if head.is_empty() { TunnelError::Closed } else { TunnelError::NotHttp });
        }
        head.push(byte[0]);
    }
    let head = Head::parse(&head).ok_or(TunnelError::NotHttp)?;
    if head.status == 200 {
        return Ok(stream);
    }
    let by = ["proxy-authenticate", "via", "server"].iter().find_map(|name| head.value(name));
    Err(TunnelError::Status { status: head.status, said: head.said.clone(), by })
}

/// A certificate, as far as a person asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// What a certificate is objected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// Nobody we trust issued it.
    UnknownIssuer,
    /// Its time has not come, by this machine's clock.
    NotYet,
    /// Its time is over, by this machine's clock.
    Expired,
    /// It is another host's.
    OtherName,
    Other,
}

/// A handshake's outcome.
pub struct Handshake {
    /// What the server showed, leaf first; empty when it came to no certificate.
    pub chain: Vec<Certificate>,
    /// Whether only the extra authorities vouch for it: the simulator, or a proxy that inspects TLS.
    pub by_extra_authority: bool,
    pub outcome: Result<Established, Broken>,
}

/// A TLS connection.
pub struct Established {
    /// `TLSv1.3`
    pub version: String,
    stream: TlsStream<TcpStream>,
}

/// A handshake that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub objection: Option<Objection>,
    /// Whether what answered does not speak TLS at all.
    pub no_tls: bool,
    pub detail: String,
}

/// Shakes hands with `host` at the other end of `stream`.
pub async fn handshake(
    stream: TcpStream,
    host: &str,
    extra_ca: Option<&[u8]>,
    timeout: Duration,
) -> Result<Handshake, TlsError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::BadName(host.to_owned()))?;
    let witness = Arc::new(Witness::new(extra_ca)?);
    let config = ClientConfig::builder_with_provider(tls::provider()).with_safe_default_protocol_versions();
    let mut config = config
        .map_err(TlsError::Unusable)?
        .dangerous()
        .with_custom_certificate_verifier(witness.clone())
        .with_no_client_auth();
    config.enable_early_data = false;
    let shaken = tokio::time::timeout(timeout, TlsConnector::from(Arc::new(config)).connect(name, stream)).await;
    let outcome = match shaken {
        Err(_) => Err(Broken { objection: None, no_tls: false, detail: "no answer in time".to_owned() }),
        Ok(Err(error)) => Err(broken(&error)),
        Ok(Ok(stream)) => {
            let version = stream.get_ref().1.protocol_version();
            let version = version.map_or_else(String::new, |v| format!("{v:?}").replace("v1_", "v1."));
            Ok(Established { version, stream })
        }
    };
    let seen = witness.seen.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Handshake { chain: seen.chain.clone(), by_extra_authority: seen.by_extra_authority, outcome })
}

fn broken(error: &io::Error) -> Broken {
    use rustls::Error as E;
    let cause = error.get_ref().and_then(|held| held.downcast_ref::<E>());
    let objection = cause.and_then(|cause| match cause {
        E::InvalidCertificate(objection) => Some(match objection {
            CertificateError::UnknownIssuer => Objection::UnknownIssuer,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Objection::NotYet,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Objection::Expired,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Objection::OtherName,
            _ => Objection::Other,
        }),
        _ => None,
    });
    let no_tls = matches!(cause, Some(E::InvalidMessage(_)));
    Broken { objection, no_tls, detail: error.to_string().chars().take(SAID_CHARACTERS * 2).collect() }
}

impl Established {
    /// Asks for the head of `path` without a token, which no service answers with anything but a refusal: the time by the
    /// server's clock, where it says so.
    pub async fn clock(self, host: &str, path: &str, timeout: Duration) -> Option<Timestamp> {
        let asking = async {
            let mut stream = self.stream;
            let request = format!("HEAD {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut head = Vec::new();
            let mut bytes = [0; 1024];
            while !head.windows(4).any(|w| w == b"\r\n\r\n") && head.len() < HEAD_LIMIT {
                let read = stream.read(&mut bytes).await.ok()?;
                if read == 0 {
                    break;
                }
                head.extend_from_slice(&bytes[..read]);
            }
            let date = Head::parse(&head)?.value("date")?;
            let at = jiff::fmt::rfc2822::parse(&date).ok()?.timestamp();
            Some(Timestamp::from_millis(at.as_millisecond()))
        };
        tokio::time::timeout(timeout, asking).await.ok()?
    }
}

/// Judges as the calls do, and remembers what it was shown.
#[derive(Debug)]
struct Witness {
    public: Arc<WebPkiServerVerifier>,
    all: Arc<WebPkiServerVerifier>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    chain: Vec<Certificate>,
    by_extra_authority: bool,
}

impl Witness {
    fn new(extra_ca: Option<&[u8]>) -> Result<Self, TlsError> {
        let verifier = |ca: Option<&[u8]>| {
            let roots = Arc::new(tls::roots(ca)?);
            WebPkiServerVerifier::builder_with_provider(roots, tls::provider())
                .build()
                .map_err(|e| TlsError::Unusable(rustls::Error::General(e.to_string())))
        };
        Ok(Self { public: verifier(None)?, all: verifier(extra_ca)?, seen: Mutex::default() })
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let by_public = self.public.verify_server_cert(leaf, others, name, ocsp, now).is_ok();
        let judged = self.all.verify_server_cert(leaf, others, name, ocsp, now);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.chain = std::iter::once(leaf).chain(others).filter_map(|der| described(der)).collect();
        seen.by_extra_authority = !by_public && judged.is_ok();
        judged
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.all.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.all.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.all.supported_verify_schemes()
    }
}

fn described(der: &[u8]) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let name = |name: &x509_parser::x509::X509Name<'_>| printable(&name.to_string());
    let at = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1_000));
    Some(Certificate {
        subject: name(certificate.subject()),
        issuer: name(certificate.issuer()),
        from: at(certificate.validity().not_before.timestamp()),
        to: at(certificate.validity().not_after.timestamp()),
    })
}

/// What a stranger wrote, fit for a terminal.
fn printable(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_CHARACTERS).collect()
}

/// The head of an HTTP answer.
struct Head {
    status: u16,
    said: String,
    fields: Vec<(String, String)>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split("\r\n");
        let mut words = lines.next()?.splitn(3, ' ');
        if !words.next()?.starts_with("HTTP/1.") {
            return None;
        }
        let status = words.next()?.parse().ok()?;
        let said = printable(words.next().unwrap_or_default());
        let fields = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_ascii_lowercase(), printable(value)))
        });
        Some(Self { status, said, fields: fields.collect() })
    }

    fn value(&self, name: &str) -> Option<String> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
    }
}
