//! A mail server and a webhook receiver on loopback, written by hand: what they say is the test's choice, and what they hear
//! is kept.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluxgate::net::tls;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

const PATIENCE: Duration = Duration::from_secs(20);

/// How the server behaves.
#[derive(Debug, Clone, Default)]
pub struct Say {
    /// TLS from the first byte.
    pub tls: bool,
    pub no_starttls: bool,
    /// Demands a log-in with it.
    pub password: Option<&'static str>,
    /// So many letters are put off (451) before one is taken.
    pub later: usize,
    /// Refuses every sender (550).
    pub refuse_all: bool,
    /// A recipient it does not know (550).
    pub unknown: Option<&'static str>,
}

/// A letter that was taken.
#[derive(Debug)]
pub struct Mail {
    pub encrypted: bool,
    pub to: Vec<String>,
    pub data: String,
}

impl Mail {
    pub fn subject(&self) -> String {
        let head = self.data.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let line = head.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
        // RFC 2047: encoded words, with nothing between two of them.
        let mut subject = String::new();
        for word in line.split(' ') {
            match word.strip_prefix("=?utf-8?b?").and_then(|w| w.strip_suffix("?=")) {
                Some(base64) => subject.push_str(&String::from_utf8(STANDARD.decode(base64).unwrap()).unwrap()),
                None => {
                    subject.push_str(if subject.is_empty() { "" } else { " " });
                    subject.push_str(word);
                }
            }
        }
        subject
    }

    /// The text, decoded from quoted-printable or base64.
    pub fn text(&self) -> String {
        let (head, body) = self.data.split_once("\r\n\r\n").unwrap();
        if head.contains("base64") {
            let bare: String = body.split_whitespace().collect();
            return String::from_utf8(STANDARD.decode(bare).unwrap()).unwrap();
        }
        if !head.contains("quoted-printable") {
            return body.to_owned();
        }
        let mut bytes = Vec::new();
        let joined = body.replace("=\r\n", "");
        let mut rest = joined.bytes();
        while let Some(b) = rest.next() {
            if b == b'=' {
                let pair: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&pair, 16).unwrap());
            } else {
                bytes.push(b);
            }
        }
        String::from_utf8(bytes).unwrap()
    }
}

pub struct Postbox {
    pub port: u16,
    pub ca_pem: String,
    mails: mpsc::UnboundedReceiver<Mail>,
    refused: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<String>>>,
}

struct Desk {
    say: Say,
    acceptor: TlsAcceptor,
    mails: mpsc::UnboundedSender<Mail>,
    refused: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Postbox {
    pub async fn start(say: Say) -> Self {
        let made = tls::self_signed(&["localhost".to_owned()]).unwrap();
        let config =
            tls::server_config(made.cert_pem.as_bytes(), made.key_pem.expose_secret().as_bytes(), &[]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (taken, mails) = mpsc::unbounded_channel();
        let (refused, heard) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let desk = Arc::new(Desk {
            say,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            mails: taken,
            refused: refused.clone(),
            heard: heard.clone(),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let desk = desk.clone();
                tokio::spawn(async move {
                    if desk.say.tls {
                        let Ok(stream) = desk.acceptor.accept(stream).await else { return };
                        let _ = desk.speak(stream, true, true).await;
                    } else if let Ok(Some(stream)) = desk.speak(stream, true, false).await {
                        let Ok(stream) = desk.acceptor.accept(stream).await else { return };
                        let _ = desk.speak(stream, false, true).await;
                    }
                });
            }
        });
        Self { port, ca_pem: made.cert_pem, mails, refused, heard }
    }

    /// An authority that vouches for no server here.
    pub fn other_ca() -> String {
        tls::self_signed(&["localhost".to_owned()]).unwrap().cert_pem
    }

    pub async fn next(&mut self) -> Mail {
        tokio::time::timeout(PATIENCE, self.mails.recv()).await.expect("a letter should have come").unwrap()
    }

    /// The next letter whose text has `words`; others before it are dropped.
    pub async fn matching(&mut self, words: &str) -> Mail {
        loop {
            let mail = self.next().await;
            if mail.text().contains(words) {
                return mail;
            }
        }
    }

    pub fn drain(&mut self) -> Vec<Mail> {
        std::iter::from_fn(|| self.mails.try_recv().ok()).collect()
    }

    pub fn waiting(&self) -> usize {
        self.mails.len()
    }

    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    pub fn heard(&self, word: &str) -> bool {
        self.heard.lock().unwrap().iter().any(|line| line.to_uppercase().starts_with(word))
    }
}

impl Desk {
    /// One conversation; gives the stream back when the client asks for TLS.
    async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        greet: bool,
        encrypted: bool,
    ) -> std::io::Result<Option<S>> {
        let mut stream = BufReader::new(stream);
        if greet {
            stream.write_all(b"220 localhost ESMTP\r\n").await?;
        }
        let (mut known, mut to) = (self.say.password.is_none(), Vec::new());
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(None);
            }
            let line = line.trim_end().to_owned();
            self.heard.lock().unwrap().push(line.clone());
            let upper = line.to_uppercase();
            let answer = if upper.starts_with("EHLO") {
                let starttls = if encrypted || self.say.no_starttls { "" } else { "250-STARTTLS\r\n" };
                let auth = if self.say.password.is_some() { "250-AUTH PLAIN LOGIN\r\n" } else { "" };
                format!("250-localhost\r\n{starttls}{auth}250 8BITMIME\r\n")
            } else if upper == "STARTTLS" && !encrypted {
                stream.write_all(b"220 go on\r\n").await?;
                return Ok(Some(stream.into_inner()));
            } else if let Some(given) = line.strip_prefix("AUTH PLAIN ") {
                let given = String::from_utf8(STANDARD.decode(given).unwrap()).unwrap();
                known = encrypted && given == format!("\0fluxgate\0{}", self.say.password.unwrap_or_default());
                if known { "235 welcome\r\n".into() } else { "535 5.7.8 wrong user or password\r\n".into() }
            } else if upper.starts_with("MAIL FROM") {
                self.sender(known)
            } else if upper.starts_with("RCPT TO:") {
                let address = line[8..].trim_matches(['<', '>', ' ']).to_owned();
                if self.say.unknown == Some(address.as_str()) {
                    format!("550 5.1.1 <{address}>: no such person as {}\r\n", address.split('@').next().unwrap())
                } else {
                    to.push(address);
                    "250 ok\r\n".into()
                }
            } else if upper == "DATA" {
                stream.write_all(b"354 go on\r\n").await?;
                let data = letter(&mut stream).await?;
                let _ = self.mails.send(Mail { encrypted, to: std::mem::take(&mut to), data });
                "250 taken\r\n".into()
            } else if upper == "QUIT" {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(None);
            } else {
                "502 what?\r\n".to_owned()
            };
            stream.write_all(answer.as_bytes()).await?;
        }
    }

    fn sender(&self, known: bool) -> String {
        if !known {
            return "530 log in first\r\n".to_owned();
        }
        if self.say.refuse_all {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return "550 5.7.1 this machine may not send\r\n".to_owned();
        }
        if self.refused.load(Ordering::SeqCst) < self.say.later {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return "451 4.7.1 later, please\r\n".to_owned();
        }
        "250 ok\r\n".to_owned()
    }
}

async fn letter<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> std::io::Result<String> {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        if line == ".\r\n" || line.is_empty() {
            return Ok(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

/// A call as the webhook's receiver got it.
#[derive(Debug)]
pub struct Call {
    pub target: String,
    head: String,
    pub body: Vec<u8>,
}

impl Call {
    pub fn header(&self, name: &str) -> String {
        let found = self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        });
        found.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The signature as a receiver computes it from the manual.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256={hex}")
}

/// Answers each call with the next status, then with the last.
pub struct Hook {
    pub port: u16,
    calls: mpsc::UnboundedReceiver<Call>,
}

impl Hook {
    pub async fn start(statuses: impl IntoIterator<Item = u16>) -> Self {
        let mut statuses: std::collections::VecDeque<u16> = statuses.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (made, calls) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).await.unwrap_or(0) > 0 {}
                let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let mut call = Call { target, head, body: Vec::new() };
                call.body = vec![0; call.header("content-length").parse().unwrap()];
                stream.read_exact(&mut call.body).await.unwrap();
                let status = if statuses.len() > 1 { statuses.pop_front().unwrap() } else { statuses[0] };
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = made.send(call);
            }
        });
        Self { port, calls }
    }

    pub async fn next(&mut self) -> Call {
        tokio::time::timeout(PATIENCE, self.calls.recv()).await.expect("a call should have come").unwrap()
    }
}
