//! One e-mail over SMTP: the name is resolved here, the certificate is checked against the public roots and the
//! establishment's own authority, and the whole exchange has a bound.
//!
//! With `starttls` nothing but greetings crosses in the clear: a server that does not offer it gets no word of the message
//! and no password.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// A name and an address, or an address alone.
pub use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::fault::Text;
use crate::net::resolver::Resolver;
use crate::net::tls;

/// Connecting to one address of the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The whole exchange, from the name to the server's last word.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);
/// For the farewell: the letter is taken or refused by then.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest text of an error's detail, in characters.
const DETAIL_LIMIT: usize = 200;

/// How the way to the server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Greeted in the clear, then TLS, or nothing.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// In the clear.
    None,
}

/// Where mail is handed over.
#[derive(Debug, Clone)]
pub struct Relay {
    /// Host name or IP address.
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// Authorities beside the public ones, PEM.
    pub extra_ca: Option<Vec<u8>>,
    pub login: Option<(String, SecretString)>,
    /// What this machine calls itself in EHLO.
    pub own_name: String,
}

/// One e-mail of plain text.
#[derive(Debug, Clone)]
pub struct Letter {
    pub from: Mailbox,
    pub to: Vec<Mailbox>,
    pub subject: String,
    pub text: String,
    /// The part of `Message-ID` before the `@`: the same letter sent twice is known by it.
    pub mark: String,
}

/// Why a letter was not taken. Texts hold no password and nothing of the letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// A later try may succeed: no connection, or an answer 4xx.
    #[error("{0}")]
    Passing(Text),
    /// The same try would fail again: certificate, log-in, an answer 5xx, an address.
    #[error("{0}")]
    Lasting(Text),
}

impl MailError {
    fn told(self, tell: impl FnOnce(Text) -> Text) -> Self {
        match self {
            MailError::Passing(detail) => MailError::Passing(tell(detail)),
            MailError::Lasting(detail) => MailError::Lasting(tell(detail)),
        }
    }

    fn of_recipient(self, place: usize, all: usize) -> Self {
        self.told(|said| {
            Text::new(
                format!("destinataire {place} sur {all} : {}", said.fr),
                format!("recipient {place} of {all}: {}", said.en),
            )
        })
    }

    fn into_text(self) -> Text {
        let (MailError::Passing(said) | MailError::Lasting(said)) = self;
        said
    }
}

/// Hands a letter over. `Ok`: the server took it for at least one recipient, with what it said about those it refused.
pub async fn send(relay: &Relay, letter: &Letter, resolver: &Resolver) -> Result<Vec<Text>, MailError> {
    let bare = |said: Text| said.map(|said| without_addresses(&said, letter));
    match exchange(relay, letter, resolver).await {
        Ok(refused) => Ok(refused.into_iter().map(bare).collect()),
        Err(error) => Err(error.told(bare)),
    }
}

async fn exchange(relay: &Relay, letter: &Letter, resolver: &Resolver) -> Result<Vec<Text>, MailError> {
    let exchange = async {
        let message = compose(relay, letter)?;
        let stream = resolver.connect(&relay.host, relay.port, CONNECT_TIMEOUT).await;
        let stream = stream.map_err(|e| MailError::Passing(no_connection(relay, &e)))?;
        let mut connection = greet(relay, stream).await?;
        let sent = hand_over(&mut connection, relay, letter, &message).await;
        Ok((sent, connection))
    };
    let seconds = EXCHANGE_TIMEOUT.as_secs();
    let late = || {
        let (fr, en) = (format!("pas de fin en {seconds} s"), format!("no end within {seconds} s"));
        MailError::Passing(Text::new(fr, en).about(format!("{}:{}", relay.host, relay.port)))
    };
    let (sent, mut connection) =
        tokio::time::timeout(EXCHANGE_TIMEOUT, exchange).await.unwrap_or_else(|_| Err(late()))?;
    // The letter is taken or refused: whatever becomes of the farewell.
    let farewell = async {
        match &sent {
            Ok(_) => drop(connection.quit().await),
            Err(_) => connection.abort().await,
        }
    };
    let _ = tokio::time::timeout(FAREWELL_TIMEOUT, farewell).await;
    sent
}

/// A server's words without the addresses that it likes to quote: they end up in alarms, the journal and logs. What names
/// a recipient otherwise is the part of its address before the `@`.
fn without_addresses(said: &str, letter: &Letter) -> String {
    let own: Vec<&str> = letter.to.iter().chain([&letter.from]).map(|mailbox| mailbox.email.user()).collect();
    let is_name = |word: &str| word.contains('@') || own.iter().any(|user| user.eq_ignore_ascii_case(word));
    let parted = |c: char| c.is_whitespace() || "<>()[]{}\"'`,;:=".contains(c);
    let words = said.split_inclusive(parted).map(|piece| {
        let word = piece.trim_end_matches(parted);
        if is_name(word.trim_end_matches(['.', '!', '?'])) {
            format!("…{}", &piece[word.len()..])
        } else {
            piece.to_owned()
        }
    });
    words.collect()
}

fn compose(relay: &Relay, letter: &Letter) -> Result<Vec<u8>, MailError> {
    let domain: String = if relay.own_name.is_empty() { "fluxgate.invalid".into() } else { relay.own_name.clone() };
    let mut builder = Message::builder()
        .from(letter.from.clone())
        .subject(letter.subject.clone())
        .message_id(Some(format!("<{}@{domain}>", letter.mark)))
        .header(ContentType::TEXT_PLAIN);
    for to in &letter.to {
        builder = builder.to(to.clone());
    }
    let message = builder.body(letter.text.clone()).map_err(|e| MailError::Lasting(theirs(e)))?;
    Ok(message.formatted())
}

/// From the connection to the point where log-in and letter may follow.
async fn greet(relay: &Relay, stream: TcpStream) -> Result<AsyncSmtpConnection, MailError> {
    let own = ClientId::Domain(relay.own_name.clone());
    match relay.security {
        Security::Tls => {
            let stream = encrypt(relay, stream).await?;
            AsyncSmtpConnection::connect_with_transport(Box::new(stream), &own).await.map_err(said)
        }
        Security::None => AsyncSmtpConnection::connect_with_transport(Box::new(stream), &own).await.map_err(said),
        Security::StartTls => {
            let mut connection =
                AsyncSmtpConnection::connect_with_transport(Box::new(stream), &own).await.map_err(said)?;
            if !connection.can_starttls() {
                let _ = tokio::time::timeout(FAREWELL_TIMEOUT, connection.abort()).await;
                let none = Text::new("le serveur ne propose pas STARTTLS", "the server does not offer STARTTLS");
                return Err(MailError::Lasting(none.about(&relay.host)));
            }
            connection.starttls(parameters(relay)?, &own).await.map_err(said)?;
            Ok(connection)
        }
    }
}

async fn encrypt(relay: &Relay, stream: TcpStream) -> Result<Encrypted, MailError> {
    let lasting = |e: &dyn std::fmt::Display| MailError::Lasting(theirs(e).about(&relay.host));
    let config = tls::client_config(relay.extra_ca.as_deref()).map_err(|e| MailError::Lasting(e.text()))?;
    let name = ServerName::try_from(relay.host.clone()).map_err(|e| lasting(&e))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    connected.map(Encrypted).map_err(|e| if is_tls(&e) { lasting(&e) } else { MailError::Passing(theirs(e)) })
}

/// The same roots and authorities as everywhere, in lettre's form: only it can go on in the middle of a conversation.
fn parameters(relay: &Relay) -> Result<TlsParameters, MailError> {
    let lasting = |e: lettre::transport::smtp::Error| MailError::Lasting(theirs(e));
    let mut builder = TlsParameters::builder(relay.host.clone()).certificate_store(CertificateStore::WebpkiRoots);
    if let Some(pem) = &relay.extra_ca {
        // Says which certificate of the file is of no use.
        tls::client_config(Some(pem)).map_err(|e| MailError::Lasting(e.text()))?;
        builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(lasting)?);
    }
    builder.build_rustls().map_err(lasting)
}

/// Log-in, envelope and letter. A recipient that is refused does not keep the letter from the others.
async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    relay: &Relay,
    letter: &Letter,
    message: &[u8],
) -> Result<Vec<Text>, MailError> {
    if let Some((login, password)) = &relay.login {
        let credentials = Credentials::new(login.clone(), password.expose_secret().to_owned());
        connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(said)?;
    }
    let sender: Address = letter.from.email.clone();
    connection.command(MailFrom::new(Some(sender), Vec::new())).await.map_err(said)?;
    let (mut taken, mut refused) = (0, Vec::new());
    let mut last = MailError::Lasting(Text::new("aucun destinataire", "no recipient"));
    let all = letter.to.len();
    for (place, to) in letter.to.iter().enumerate() {
        match connection.command(Rcpt::new(to.email.clone(), Vec::new())).await {
            Ok(_) => taken += 1,
            Err(error) if error.status().is_some() => {
                // Which one is said by its place in the list.
                last = said(error).of_recipient(place + 1, all);
                refused.push(last.clone().into_text());
            }
            Err(error) => return Err(said(error)),
        }
    }
    if taken == 0 {
        return Err(last);
    }
    connection.command(Data).await.map_err(said)?;
    connection.message(message).await.map_err(said)?;
    Ok(refused)
}

fn said(error: lettre::transport::smtp::Error) -> MailError {
    let detail = theirs(innermost(&error));
    let lasting = error.is_permanent() || error.is_client() || error.is_tls() || is_tls(&error);
    if lasting { MailError::Lasting(detail) } else { MailError::Passing(detail) }
}

/// Whether rustls refused the other side, however deep that stands.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    chain(error).any(|e| {
        e.is::<rustls::Error>()
            || e.downcast_ref::<io::Error>().and_then(io::Error::get_ref).is_some_and(|held| is_tls(held))
    })
}

fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |e: &&'a (dyn std::error::Error + 'static)| (*e).source())
}

/// The outer message, and the innermost cause where the outer one does not tell it.
fn innermost(error: &lettre::transport::smtp::Error) -> String {
    let outer = error.to_string();
    let inner = chain(error).last().map(ToString::to_string).unwrap_or_default();
    cut(if outer.contains(&inner) { outer } else { format!("{outer}: {inner}") })
}

/// What the server, or a library, says: it stands as a technical detail where people read it.
fn theirs(said: impl std::fmt::Display) -> Text {
    Text::same(cut(said.to_string()))
}

fn no_connection(relay: &Relay, error: &impl std::fmt::Display) -> Text {
    theirs(error).about(format!("{}:{}", relay.host, relay.port))
}

fn cut(text: impl Into<String>) -> String {
    text.into().chars().map(|c| if c.is_control() { ' ' } else { c }).take(DETAIL_LIMIT).collect()
}

/// A TLS connection as lettre takes it.
#[derive(Debug)]
struct Encrypted(TlsStream<TcpStream>);

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_told_without_the_addresses_it_quotes() {
        let letter = Letter {
            from: "Fluxgate <boite@univ.fr>".parse().unwrap(),
            to: vec!["camille.durand@univ.fr".parse().unwrap()],
            subject: String::new(),
            text: String::new(),
            mark: String::new(),
        };
        let told = |said: &str| without_addresses(said, &letter);
        for (said, expected) in [
            (
                "550 5.1.1 <camille.durand@univ.fr>: Recipient address rejected",
                "550 5.1.1 <…>: Recipient address rejected",
            ),
            ("553 sender boite@univ.fr not owned by user Camille.Durand.", "553 sender … not owned by user …"),
            ("550 rcpt=\"x@y\"; see https://help.univ.fr/553", "550 rcpt=\"…\"; see https://help.univ.fr/553"),
            ("451 later", "451 later"),
        ] {
            assert_eq!(told(said), expected);
        }
    }
}
