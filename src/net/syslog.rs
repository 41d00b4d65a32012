//! Log lines to a server: RFC 5424 messages, each with its length before it (RFC 5425), over TLS and nothing else. The server's
//! certificate is checked against the public roots and the establishment's own authority.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use log::Level;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::fault::Text;
use crate::net::resolver::Resolver;
use crate::net::tls::{self, TlsError};
use crate::os::log_copy::Line;

/// The port of syslog over TLS.
pub const PORT: u16 = 6514;
/// Connecting to one address of the server, and its handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Facility "system daemons" (RFC 5424 §6.2.1).
const FACILITY: u8 = 3;
/// Bytes of a name in the header, at most (RFC 5424 §6: HOSTNAME 255, APP-NAME 48).
const HOST_LIMIT: usize = 255;
const APP_LIMIT: usize = 48;
/// Bytes of a message's text, at most: with its header a receiver that takes 8 KiB takes it.
const TEXT_LIMIT: usize = 6 * 1024;

/// Where lines go.
#[derive(Debug, Clone)]
pub struct Collector {
    pub host: String,
    pub port: u16,
    /// Authorities beside the public ones, PEM.
    pub extra_ca: Option<Vec<u8>>,
}

/// Why the server could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum SyslogError {
    #[error("connection: {0}")]
    Connection(io::Error),
    #[error("TLS: {0}")]
    Handshake(io::Error),
    #[error("no answer to the handshake within {} s", CONNECT_TIMEOUT.as_secs())]
    Silent,
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl SyslogError {
    /// For people.
    pub fn text(&self) -> Text {
        match self {
            SyslogError::Connection(error) => Text::technical("connexion impossible", "no connection", error),
            SyslogError::Handshake(error) => Text::technical(
                "TLS refusé : vérifiez le certificat du serveur",
                "TLS refused: check the server's certificate",
                error,
            ),
            SyslogError::Silent => Text::new("le serveur ne répond pas en TLS", "the server does not answer with TLS"),
            SyslogError::Tls(error) => error.text(),
        }
    }
}

/// A connection whose certificate was found good.
pub async fn connect(collector: &Collector, resolver: &Resolver) -> Result<TlsStream<TcpStream>, SyslogError> {
    let config = tls::client_config(collector.extra_ca.as_deref())?;
    let name = ServerName::try_from(collector.host.clone()).map_err(|_| TlsError::BadName(collector.host.clone()))?;
    let stream = resolver.connect(&collector.host, collector.port, CONNECT_TIMEOUT).await;
    let stream = stream.map_err(SyslogError::Connection)?;
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let shaken = tokio::time::timeout(CONNECT_TIMEOUT, shaken).await.map_err(|_| SyslogError::Silent)?;
    shaken.map_err(SyslogError::Handshake)
}

/// A line as it crosses the wire: `LENGTH <PRI>1 TIME HOST APP - - - TEXT`.
pub fn framed(line: &Line, host: &str) -> Vec<u8> {
    let severity: u8 = match line.level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    let priority = FACILITY.saturating_mul(8).saturating_add(severity);
    let at = line.at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
    let (host, app) = (word(host, HOST_LIMIT), word(&line.identifier, APP_LIMIT));
    let mut text: String = line.text.chars().filter(|letter| !letter.is_control()).collect();
    if text.len() > TEXT_LIMIT {
        let cut = (0..=TEXT_LIMIT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
        text.push('…');
    }
    let message = format!("<{priority}>1 {at} {host} {app} - - - {text}");
    let mut frame = format!("{} ", message.len()).into_bytes();
    frame.extend_from_slice(message.as_bytes());
    frame
}

/// Printable ASCII without spaces, or the sign for nothing.
fn word(text: &str, limit: usize) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(limit).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(level: Level, text: &str) -> Line {
        Line { at: jiff::Timestamp::UNIX_EPOCH, level, identifier: "fluxgate core".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_line_is_a_message_with_its_length_in_bytes() {
        let frame = String::from_utf8(framed(&line(Level::Warn, "Été\n<1>forged"), "boîte")).unwrap();
        let (length, message) = frame.split_once(' ').unwrap();
        assert_eq!(message, "<28>1 1970-01-01T00:00:00.000Z bote fluxgatecore - - - Été<1>forged");
        assert_eq!(length.parse(), Ok(message.len()));
        assert!(
            framed(&line(Level::Error, ""), "").starts_with(b"52 <27>1 1970-01-01T00:00:00.000Z - fluxgatecore - - - ")
        );
    }

    #[test]
    fn a_long_line_is_cut_on_a_character() {
        let frame = framed(&line(Level::Info, &"é".repeat(TEXT_LIMIT)), "h");
        assert!(frame.len() < 8 * 1024);
        assert!(String::from_utf8(frame).unwrap().ends_with('…'));
    }
}
