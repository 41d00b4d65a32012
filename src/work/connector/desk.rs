//! What the realms of one environment share: the HTTP client, the ceiling, and the token, which is asked for once
//! however many calls need it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::chorus::{self, Token, TokenReply};
use crate::domain::Environment;
use crate::fault::{Code, Fault};
use crate::net::http::{Client, Request, SendError, Settings, Stage};
use crate::net::proxy::ProxySection;
use crate::net::resolver::Resolver;
use crate::work::connector::clock::Comparison;
use crate::work::connector::pace::{SlowDown, Turns};
use crate::work::connector::secret::{self, SecretFile};
use crate::work::connector::settings::{ApiSection, SettingsError, parse_url};
use crate::work::connector::tally::Tally;
use crate::work::connector::{CallError, CallOutcome};

/// The token service's name in faults and metrics.
const TOKEN_SERVICE: &str = "oauth/token";
/// The longest answer of the token service that is read, in bytes.
const TOKEN_ANSWER_LIMIT: usize = 64 << 10;
/// Name, connection and TLS of one call, together; at most half of the call's own time-out.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest file of extra authorities, in bytes.
const CA_FILE_LIMIT: u64 = 1 << 20;

/// One environment's API.
pub(super) struct Api {
    environment: Environment,
    token_url: Url,
    base_url: String,
    client_id: String,
    client_secret: SecretFile,
    ca_file: Option<PathBuf>,
    proxy: ProxySection,
    proxy_password: Option<SecretFile>,
    timeout: Duration,
    token_margin: Duration,
    resolver: Resolver,
    /// Made at the first call, and again when the file of extra authorities or the proxy's password changes.
    client: Mutex<Option<(u64, Client)>>,
    pub(super) turns: Turns,
    pub(super) slow: SlowDown,
    pub(super) clock: Comparison,
    /// Held while a token is asked for: whoever needs one meanwhile waits and takes the outcome.
    desk: tokio::sync::Mutex<Desk>,
}

#[derive(Default)]
struct Desk {
    token: Option<HeldToken>,
    /// The last failure: whoever was already waiting shares it instead of asking again.
    failed: Option<(Instant, CallError)>,
}

/// A token in force.
#[derive(Clone)]
pub(super) struct HeldToken {
    pub(super) access: Arc<SecretString>,
    pub(super) obtained: Instant,
    renew_at: Instant,
}

impl Api {
    pub(super) fn new(
        environment: Environment,
        section: &ApiSection,
        dir: &Path,
        resolver: Resolver,
    ) -> Result<Self, SettingsError> {
        if let Some(problem) = section.problems().into_iter().next() {
            return Err(problem);
        }
        parse_url("base_url", &section.base_url)?;
        Ok(Self {
            environment,
            token_url: parse_url("token_url", &section.token_url)?,
            base_url: section.base_url.trim_end_matches('/').to_owned(),
            client_id: section.client_id.clone(),
            client_secret: SecretFile::new(dir.join(&section.client_secret_file)),
            ca_file: section.ca_file.as_ref().map(|file| dir.join(file)),
            proxy: ProxySection::default(),
            proxy_password: None,
            timeout: section.timeout.get(),
            token_margin: section.token_margin.get(),
            resolver,
            client: Mutex::new(None),
            turns: Turns::new(section.calls_per_second, section.calls_in_flight),
            slow: SlowDown::default(),
            clock: Comparison::default(),
            desk: tokio::sync::Mutex::default(),
        })
    }

    /// By way of the establishment's proxy.
    pub(super) fn through(mut self, proxy: &ProxySection, dir: &Path) -> Self {
        self.proxy_password = proxy.password_file.as_ref().map(|file| SecretFile::new(dir.join(file)));
        self.proxy = proxy.clone();
        self
    }

    /// Where a service is.
    pub(super) fn service_url(&self, path: &str) -> Url {
        format!("{}{path}", self.base_url).parse().expect("the base was parsed before, and paths are constants")
    }

    pub(super) fn secrets_version(&self) -> u64 {
        self.client_secret.version() ^ self.client_version().rotate_left(2)
    }

    /// Differs between states of the files that the HTTP client is made of.
    fn client_version(&self) -> u64 {
        let password = self.proxy_password.as_ref().map_or(0, SecretFile::version);
        self.ca_version() ^ password.rotate_left(3)
    }

    fn ca_version(&self) -> u64 {
        self.ca_file.as_deref().map_or(0, secret::version)
    }

    /// The HTTP client. Fails only on the file of extra authorities or the proxy's password, which somebody must repair.
    pub(super) fn client(&self) -> Result<Client, CallError> {
        let version = self.client_version();
        let mut held = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = held.as_ref().filter(|(of, _)| *of == version) {
            return Ok(client.clone());
        }
        let client = self.make_client().map_err(|(code, detail)| {
            log::error!(environment = self.environment.as_str(), reason = detail.as_str(); "No HTTP client for Chorus Pro");
            let fault = self.fault(code).with("proxy", self.proxy.url.as_deref().unwrap_or_default());
            CallError::Stopped(fault.with("detail", detail))
        })?;
        *held = Some((version, client.clone()));
        Ok(client)
    }

    fn make_client(&self) -> Result<Client, (Code, String)> {
        let password = self.proxy_password.as_ref().map(SecretFile::read).transpose();
        let password = password.map_err(|e| (Code::ProxyLogin, e.to_string()))?;
        let extra_ca = match &self.ca_file {
            None => None,
            Some(path) => {
                let said = |e: std::io::Error| (Code::AuthorityUnusable, format!("{}: {e}", path.display()));
                let mut pem = Vec::new();
                fs::File::open(path).map_err(said)?.take(CA_FILE_LIMIT).read_to_end(&mut pem).map_err(said)?;
                Some(pem)
            }
        };
        let connect_timeout = CONNECT_TIMEOUT.min(self.timeout / 2);
        let proxy = self.proxy.proxy(password.as_ref());
        let settings = Settings { extra_ca, connect_timeout, timeout: self.timeout, proxy };
        Client::new(&settings, &self.resolver).map_err(|e| match &self.ca_file {
            Some(path) => (Code::AuthorityUnusable, format!("{}: {e}", path.display())),
            None => (Code::AuthorityUnusable, e.to_string()),
        })
    }

    /// The token in force, or a new one: when there is none, when it is due for renewal, or when it is the one that
    /// was `refused`. Calls that come while one is asked for wait, and share the token or the failure.
    pub(super) async fn token(&self, refused: Option<&HeldToken>, tally: &Tally) -> Result<HeldToken, CallError> {
        let asked = Instant::now();
        let mut desk = self.desk.lock().await;
        let usable = |held: &&HeldToken| {
            let is_refused = refused.is_some_and(|r| Arc::ptr_eq(&r.access, &held.access));
            !is_refused && Instant::now() < held.renew_at
        };
        if let Some(held) = desk.token.as_ref().filter(usable) {
            return Ok(held.clone());
        }
        if let Some((_, error)) = desk.failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(error.clone());
        }
        let result = self.ask_for_token().await;
        tally.count(TOKEN_SERVICE, CallOutcome::of(&result));
        match result {
            Ok(token) => {
                *desk = Desk { token: Some(token.clone()), failed: None };
                Ok(token)
            }
            Err(error) => {
                desk.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn ask_for_token(&self) -> Result<HeldToken, CallError> {
        self.slow.check()?;
        let client = self.client()?;
        let secret = self.client_secret.read().map_err(|e| {
            log::error!(environment = self.environment.as_str(), reason:display = e; "The PISTE secret file is not usable");
            CallError::Stopped(self.fault(Code::NotConnected))
        })?;
        let form = chorus::token_form(&self.client_id, &secret);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let request = Request {
            url: &self.token_url,
            headers,
            body: Bytes::copy_from_slice(form.expose_secret().as_bytes()),
            answer_limit: TOKEN_ANSWER_LIMIT,
            alone: false,
            bulky: false,
        };
        // Whatever goes wrong here, the service itself was not called.
        let answer = client.post(request).await.map_err(|e| match self.send_error(&self.token_url, e, false) {
            CallError::Lost(fault) => CallError::NotSent(fault),
            other => other,
        })?;
        let body = answer.body.unwrap_or_default();
        let obtained = Instant::now();
        match chorus::read_token(answer.status, &body) {
            TokenReply::Token(token) => Ok(self.hold(token, obtained)),
            TokenReply::ClientRefused => Err(CallError::Stopped(self.fault(Code::ClientRefused))),
            TokenReply::Forbidden => {
                Err(CallError::Stopped(self.fault(Code::AccessForbidden).with("service", TOKEN_SERVICE)))
            }
            TokenReply::TooFast => Err(self.slow.down(answer.retry_after.as_deref())),
            TokenReply::Failing { status } => {
                let detail = format!("{TOKEN_SERVICE}: HTTP {status}");
                Err(CallError::NotSent(self.fault(Code::ChorusFailing).with("detail", detail)))
            }
            TokenReply::Unreadable => Err(CallError::NotSent(self.fault(Code::TokenUnreadable))),
        }
    }

    /// A token is renewed `token_margin` before its end, but not before half of its life: a token that lives five
    /// seconds is still used.
    fn hold(&self, token: Token, obtained: Instant) -> HeldToken {
        let margin = self.token_margin.min(token.lifetime / 2);
        log::info!(
            environment = self.environment.as_str(), lifetime_s = token.lifetime.as_secs();
            "PISTE gave a token"
        );
        HeldToken {
            access: Arc::new(token.access),
            obtained,
            renew_at: obtained + token.lifetime.saturating_sub(margin),
        }
    }

    fn fault(&self, code: Code) -> Fault {
        Fault::new(code).with("environment", self.environment)
    }

    /// What a request without an answer means.
    pub(super) fn send_error(&self, url: &Url, error: SendError, changes: bool) -> CallError {
        match error {
            SendError::NotSent { stage, detail } => {
                let code = match stage {
                    Stage::Tls => Code::TlsFailed,
                    Stage::Name | Stage::Connect | Stage::Request => Code::Unreachable,
                    Stage::Proxy => Code::ProxyUnreachable,
                    Stage::ProxyLogin => Code::ProxyLogin,
                    Stage::ProxyRefusal => Code::ProxyRefusal,
                };
                let host = url.host_str().unwrap_or_default();
                let fault = self.fault(code).with("host", host).with("detail", detail);
                match self.proxy.proxy(None) {
                    // Asked again and again, many a proxy locks the account: somebody must act first.
                    Some(proxy) if code == Code::ProxyLogin => CallError::Stopped(fault.with("proxy", proxy)),
                    Some(proxy) => CallError::NotSent(fault.with("proxy", proxy)),
                    None => CallError::NotSent(fault),
                }
            }
            SendError::Lost { detail } => lost(detail, changes),
        }
    }
}

/// A request whose answer is lost: a doubt where it changes something, a failed read otherwise.
pub(super) fn lost(detail: String, changes: bool) -> CallError {
    let code = if changes { Code::AnswerLost } else { Code::ChorusFailing };
    CallError::Lost(Fault::new(code).with("detail", detail))
}
