//! The ways a notice leaves: e-mail and webhook. Each is tried by itself, and says why it could not.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use sha2::Sha256;

use crate::domain::Timestamp;
use crate::fault::Text;
use crate::net::http::{Client, Request, SendError, Settings, Stage};
use crate::net::mail::{self, Letter, MailError, Relay};
use crate::net::resolver::Resolver;
use crate::os::secret;
use crate::store::NoticeItem;
use crate::work::watch::notice::Voice;
use crate::work::watch::settings::{MailSection, NotifySection, WatchOptions, WebhookSection};

/// The e-mail's name in the store, in alarms and metrics.
pub(super) const MAIL: &str = "mail";
/// The webhook's.
pub(super) const WEBHOOK: &str = "webhook";
/// HMAC-SHA256 of the body under the secret, `sha256=` and 64 hexadecimal digits.
const SIGNATURE: HeaderName = HeaderName::from_static("fluxgate-signature");
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer of a webhook that is read, in bytes.
const ANSWER_LIMIT: usize = 64 << 10;
/// The longest file of authorities, in bytes.
const CA_FILE_LIMIT: u64 = 1 << 20;

/// Why a notice did not leave. Texts hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// A later try may succeed by itself.
    #[error("{0}")]
    Passing(Text),
    /// Somebody must change something.
    #[error("{0}")]
    Lasting(Text),
}

impl From<MailError> for ChannelError {
    fn from(error: MailError) -> Self {
        match error {
            MailError::Passing(detail) => ChannelError::Passing(detail),
            MailError::Lasting(detail) => ChannelError::Lasting(detail),
        }
    }
}

impl ChannelError {
    /// For people.
    pub fn text(&self) -> &Text {
        let (ChannelError::Passing(said) | ChannelError::Lasting(said)) = self;
        said
    }
}

fn lasting(fr: &str, en: &str) -> ChannelError {
    ChannelError::Lasting(Text::new(fr, en))
}

/// The channels that the configuration has.
pub(super) fn names(notify: &NotifySection) -> Vec<&'static str> {
    let mail = notify.mail.is_some().then_some(MAIL);
    mail.into_iter().chain(notify.webhook.is_some().then_some(WEBHOOK)).collect()
}

/// What leaves: its name outside, and what it tells; nothing: a test.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outgoing<'a> {
    pub mark: &'a str,
    pub items: &'a [NoticeItem],
    pub now: Timestamp,
}

/// Sends by one channel. `Ok`: it left, and who did not get it all the same.
pub(super) async fn send(
    options: &WatchOptions,
    channel: &str,
    outgoing: Outgoing<'_>,
    resolver: &Resolver,
) -> Result<Vec<Text>, ChannelError> {
    let machine = machine_name();
    let voice = Voice { notify: &options.notify, establishments: &options.establishments, machine: &machine };
    match (channel, &options.notify.mail, &options.notify.webhook) {
        (MAIL, Some(section), _) => {
            let relay = relay(section, &options.dir, &machine)?;
            let letter = Letter {
                from: section.sender().map_err(ChannelError::Lasting)?,
                to: section.recipients().map_err(ChannelError::Lasting)?,
                subject: voice.subject(outgoing.items),
                text: voice.text(outgoing.items, outgoing.now),
                mark: outgoing.mark.to_owned(),
            };
            Ok(mail::send(&relay, &letter, resolver).await?)
        }
        (WEBHOOK, _, Some(section)) => {
            let body = voice.json(outgoing.mark, outgoing.items, outgoing.now).to_string();
            post(section, options, body, resolver).await.map(|()| Vec::new())
        }
        _ => Err(lasting("cette voie n'est pas configurée", "this channel is not configured")),
    }
}

fn relay(section: &MailSection, dir: &Path, machine: &str) -> Result<Relay, ChannelError> {
    let (host, port) =
        section.host_and_port().ok_or_else(|| lasting("server n'est pas machine:port", "server is not host:port"))?;
    let login = match (&section.login, &section.password_file) {
        (Some(login), Some(file)) => Some((login.clone(), text_secret(&dir.join(file))?)),
        _ => None,
    };
    let extra_ca = section.ca_file.as_ref().map(|file| authorities(dir.join(file))).transpose()?;
    Ok(Relay { host, port, security: section.security.into(), extra_ca, login, own_name: machine.to_owned() })
}

async fn post(
    section: &WebhookSection,
    options: &WatchOptions,
    body: String,
    resolver: &Resolver,
) -> Result<(), ChannelError> {
    let dir = &options.dir;
    let url = section.address().map_err(ChannelError::Lasting)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let extra_ca = section.ca_file.as_ref().map(|file| authorities(dir.join(file))).transpose()?;
    let password = options.proxy.password_file.as_ref().map(|file| text_secret(&dir.join(file))).transpose()?;
    let proxy = options.proxy.proxy(password.as_ref());
    let settings = Settings { extra_ca, connect_timeout: CONNECT_TIMEOUT, timeout: WEBHOOK_TIMEOUT, proxy };
    let client = Client::new(&settings, resolver).map_err(|error| ChannelError::Lasting(error.text()))?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(file) = &section.secret_file {
        let seal = signature(&secret_bytes(&dir.join(file))?, body.as_bytes());
        headers.insert(
            SIGNATURE,
            HeaderValue::from_str(&seal).map_err(|error| ChannelError::Lasting(Text::same(error.to_string())))?,
        );
    }
    let request =
        Request { url: &url, headers, body: Bytes::from(body), answer_limit: ANSWER_LIMIT, alone: true, bulky: false };
    let answer = client.post(request).await.map_err(|error| match error {
        SendError::NotSent { stage: Stage::Tls, detail } => ChannelError::Lasting(Text::same(detail).about(&host)),
        SendError::NotSent { stage: Stage::ProxyLogin, .. } => {
            let (fr, en) = (
                "le proxy de [proxy] refuse l'identification de cette machine (407)",
                "the proxy of [proxy] refuses this machine's log-in (407)",
            );
            ChannelError::Lasting(Text::new(fr, en).about(&host))
        }
        SendError::NotSent { stage: Stage::ProxyRefusal, .. } => {
            let (fr, en) =
                ("le proxy de [proxy] n'ouvre pas la connexion", "the proxy of [proxy] does not open the connection");
            ChannelError::Lasting(Text::new(fr, en).about(&host))
        }
        SendError::NotSent { stage: Stage::Proxy, detail } => {
            let said = Text::new(format!("le proxy de [proxy] : {detail}"), format!("the proxy of [proxy]: {detail}"));
            ChannelError::Passing(said.about(&host))
        }
        SendError::NotSent { detail, .. } | SendError::Lost { detail, .. } => {
            ChannelError::Passing(Text::same(detail).about(&host))
        }
    })?;
    let status_said = |status: u16| Text::same(format!("HTTP {status}")).about(&host);
    match answer.status {
        200..300 => Ok(()),
        // Asked to wait, or broken over there.
        status @ (408 | 425 | 429 | 500..) => Err(ChannelError::Passing(status_said(status))),
        status => Err(ChannelError::Lasting(status_said(status))),
    }
}

/// The header's value.
pub(super) fn signature(secret: &[u8], body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256={hex}")
}

/// A secret without the white space around it.
fn secret_bytes(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, ChannelError> {
    let bytes = zeroize::Zeroizing::new(secret::read(path).map_err(|error| ChannelError::Lasting(error.text()))?);
    let trimmed = bytes.trim_ascii();
    if trimmed.is_empty() {
        let path = path.display();
        return Err(lasting(&format!("fichier du secret {path} vide"), &format!("secret file {path} is empty")));
    }
    Ok(zeroize::Zeroizing::new(trimmed.to_vec()))
}

fn text_secret(path: &Path) -> Result<SecretString, ChannelError> {
    let bytes = secret_bytes(path)?;
    let no_text = |_| {
        let path = path.display();
        let (fr, en) =
            (format!("fichier du secret {path} : ce n'est pas du texte"), format!("secret file {path} is not text"));
        lasting(&fr, &en)
    };
    let text = std::str::from_utf8(&bytes).map_err(no_text)?;
    Ok(SecretString::from(text))
}

fn authorities(path: PathBuf) -> Result<Vec<u8>, ChannelError> {
    let said = |e: std::io::Error| ChannelError::Lasting(Text::from(&e).about(path.display()));
    let mut pem = Vec::new();
    File::open(&path).map_err(said)?.take(CA_FILE_LIMIT).read_to_end(&mut pem).map_err(said)?;
    Ok(pem)
}

/// What this machine is called, for EHLO and for people.
fn machine_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let sound = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    if sound { name } else { "fluxgate".to_owned() }
}
