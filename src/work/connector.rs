//! Calls to Chorus Pro for one realm: token, account header, pacing, both error transports.
//!
//! Promises: every failure is classified by what it means for a call that changes something ([`CallError`]); a request
//! leaves at most once, except that the gateway's 401 about an old token, which changed nothing, is followed by one
//! more try with a new one; never more calls than the ceiling; after a 429 nothing leaves before its time.
//!
//! A [`Connector::call`] that is dropped half-way may have been sent: its attempt is doubtful.
//!
//! Refuses to know: flows, the store, what is done about a failure.

mod clock;
mod desk;
mod pace;
mod secret;
mod settings;
mod tally;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) mod wire;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;

use self::desk::{Api, HeldToken};
use self::pace::Turn;
pub(super) use self::secret::SecretFile;
pub use self::settings::{ApiSection, ConnectorSettings, SettingsError, TechnicalAccountSection};
use self::tally::Tally;
pub use self::tally::{CallOutcome, CallTally, ServiceHealth};
use crate::chorus::{self, Page, Period, RechercherFournisseur, RecupererTauxTva, Reply, Service};
use crate::domain::{Environment, EstablishmentId, Realm, Timestamp};
use crate::fault::{Code, Fault};
use crate::net::http::{Answer, Request};
use crate::net::proxy::ProxySection;
use crate::net::resolver::Resolver;

/// Why a call gave no answer. What it means for a deposit is the variant, not a guess.
#[derive(Debug, Clone)]
pub enum CallError {
    /// The call certainly changed nothing: no connection, name or TLS failed before the first byte of the request.
    NotSent(Fault),
    /// Token, account or subscription refused: the realm's queue must stop (and resumes when a probe passes).
    Stopped(Fault),
    /// 429: nothing was changed; not before `until`.
    SlowDown { fault: Fault, until: Timestamp },
    /// Sent, and no answer we can trust: time-out, cut, 5xx, garbage with 200. For a deposit: doubt.
    Lost(Fault),
    /// Chorus Pro's own refusal: `codeRetour` other than 0, by either transport.
    Refused { code: i64, label: String, fault: Fault },
}

impl CallError {
    /// What to show.
    pub fn fault(&self) -> &Fault {
        match self {
            CallError::NotSent(fault)
            | CallError::Stopped(fault)
            | CallError::SlowDown { fault, .. }
            | CallError::Lost(fault)
            | CallError::Refused { fault, .. } => fault,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            CallError::NotSent(_) => "not sent",
            CallError::Stopped(_) => "stopped",
            CallError::SlowDown { .. } => "slow down",
            CallError::Lost(_) => "answer lost",
            CallError::Refused { .. } => "refused",
        };
        write!(f, "{kind}: {}", self.fault())
    }
}

impl std::error::Error for CallError {}

/// The header of the technical account (PROTOCOL §1).
const ACCOUNT_HEADER: HeaderName = HeaderName::from_static("cpro-account");
/// The body's type as the swagger demands it.
const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=utf-8");
/// A call whose answer may be longer, or whose body is, may take long as long as bytes pass.
const BULKY_ANSWER: usize = 16 << 20;
const BULKY_BODY: usize = 1 << 20;
/// How far back the probe's search looks.
const PROBE_PERIOD: Duration = Duration::from_secs(24 * 3600);

/// The calls of one realm (establishment and environment). Cheap to clone.
#[derive(Clone)]
pub struct Connector(Arc<Inner>);

struct Inner {
    realm: Realm,
    login: String,
    password: SecretFile,
    /// Shared by the establishments of one environment: token, ceiling and HTTP client.
    api: Arc<Api>,
    tally: Tally,
    /// In tests, what stands where sockets do: bytes go in, bytes come out.
    #[cfg(test)]
    wire: Option<Arc<dyn wire::Wire>>,
}

impl Connector {
    /// A connector with an API of its own. Realms of one environment share theirs: see [`Connectors`].
    pub fn new(settings: ConnectorSettings) -> Result<Self, SettingsError> {
        Self::through(settings, &ProxySection::default())
    }

    /// The same, by way of the establishment's proxy.
    pub fn through(settings: ConnectorSettings, proxy: &ProxySection) -> Result<Self, SettingsError> {
        let ConnectorSettings { realm, api, account, dir } = settings;
        let api = Api::new(realm.environment, &api, &dir, Resolver::system())?.through(proxy, &dir);
        Ok(Self::on(Arc::new(api), realm, &account, &dir))
    }

    fn on(api: Arc<Api>, realm: Realm, account: &TechnicalAccountSection, dir: &Path) -> Self {
        let password = SecretFile::new(dir.join(&account.password_file));
        Self(Arc::new(Inner {
            realm,
            login: account.login.clone(),
            password,
            api,
            tally: Tally::default(),
            #[cfg(test)]
            wire: None,
        }))
    }

    pub fn realm(&self) -> &Realm {
        &self.0.realm
    }

    /// One call: waits for its turn under the ceiling, sees to the token, sends, reads.
    pub async fn call<S: Service>(&self, service: &S) -> Result<S::Answer, CallError> {
        match self.call_after(service, std::future::ready(Ok::<(), Infallible>(()))).await {
            Ok(result) => result,
            Err(never) => match never {},
        }
    }

    /// As [`Connector::call`], with something to be done when turn and token are in hand, right before the request
    /// leaves: making the intent of a call that changes something durable. A call that fails before that leaves `before`
    /// undone, and an error of `before` ends the call unsent.
    pub async fn call_after<S: Service, E>(
        &self,
        service: &S,
        before: impl Future<Output = Result<(), E>>,
    ) -> Result<Result<S::Answer, CallError>, E> {
        let begun = Instant::now();
        let result = self.call_uncounted(service, before).await?;
        let outcome = CallOutcome::of(&result);
        self.0.tally.count(S::NAME, outcome);
        log::debug!(
            service = S::NAME, outcome = outcome.as_str(), establishment = self.0.realm.establishment.as_str(),
            environment = self.0.realm.environment.as_str(), elapsed_ms = millis(begun.elapsed());
            "Called Chorus Pro"
        );
        Ok(result)
    }

    /// Tests all layers that a flow needs: token, account and the subscriptions to both APIs in use (Transverses and
    /// Factures), with two calls that change nothing. A refusal by the service itself has passed every layer.
    pub async fn probe(&self) -> Result<(), CallError> {
        match self.call(&RecupererTauxTva).await {
            Ok(()) | Err(CallError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        let now = Timestamp::now();
        let search = RechercherFournisseur {
            number: None,
            deposit: None,
            deposited: Some(Period { from: now.minus(PROBE_PERIOD), to: now }),
            state_changed: None,
            page: Page { number: 1, rows: 1 },
        };
        match self.call(&search).await {
            Ok(_) | Err(CallError::Refused { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks for a token, or has one in force already; no service is called.
    pub async fn log_in(&self) -> Result<(), CallError> {
        self.token(None).await.map(|_| ())
    }

    /// Changes when a file of this realm's secrets (client secret, password, extra authority) appears, disappears or
    /// is written: a stopped queue need not wait for its next probe then.
    pub fn secrets_version(&self) -> u64 {
        self.0.api.secrets_version() ^ self.0.password.version().rotate_left(1)
    }

    /// Calls so far by service and outcome, and how many are under way.
    pub fn tally(&self) -> CallTally {
        self.0.tally.snapshot(&self.0.realm)
    }

    /// What was known of the services when this process, or this configuration, began.
    pub fn recall(&self, past: Vec<ServiceHealth>) {
        self.0.tally.recall(past);
    }

    /// How each service has fared lately.
    pub fn health(&self) -> Vec<ServiceHealth> {
        self.0.tally.health()
    }

    /// The technical account's name.
    pub fn login(&self) -> &str {
        &self.0.login
    }

    /// By how many milliseconds this machine's clock is ahead of Chorus Pro's, by the last answer that told its time, and
    /// how long ago that was.
    pub fn clock_ahead(&self) -> Option<(i64, Duration)> {
        self.0.api.clock.ahead()
    }

    async fn call_uncounted<S: Service, E>(
        &self,
        service: &S,
        before: impl Future<Output = Result<(), E>>,
    ) -> Result<Result<S::Answer, CallError>, E> {
        let begun = Instant::now();
        let body = Bytes::from(service.body().to_string());
        #[cfg(test)]
        if let Some(wire) = &self.0.wire {
            before.await?;
            return Ok(self.call_by_wire::<S>(wire.as_ref(), body).await);
        }
        let (turn, token) = match self.make_ready().await {
            Ok(ready) => ready,
            Err(error) => return Ok(Err(error)),
        };
        let _in_flight = self.0.tally.in_flight();
        before.await?;
        Ok(self.send_in_turn::<S>(turn, token, body, begun).await)
    }

    /// Everything that can fail before the request leaves.
    async fn make_ready(&self) -> Result<(Turn<'_>, HeldToken), CallError> {
        let api = &self.0.api;
        let turn = {
            let _waiting = self.0.tally.waiting();
            api.turns.take().await?
        };
        let token = self.token(None).await?;
        api.slow.check()?;
        api.client()?;
        self.headers(&token)?;
        Ok((turn, token))
    }

    async fn send_in_turn<S: Service>(
        &self,
        turn: Turn<'_>,
        mut token: HeldToken,
        body: Bytes,
        begun: Instant,
    ) -> Result<S::Answer, CallError> {
        let mut reply = self.send::<S>(&token, body.clone()).await?;
        // A token from before this call may have been revoked: the gateway refused it, so nothing was changed.
        if matches!(reply, Reply::Unauthorised) && token.obtained < begun {
            token = self.token(Some(&token)).await?;
            turn.again().await;
            reply = self.send::<S>(&token, body).await?;
        }
        self.judge::<S>(reply)
    }

    async fn token(&self, refused: Option<&HeldToken>) -> Result<HeldToken, CallError> {
        let token = self.0.api.token(refused, &self.0.tally).await;
        token.map_err(|error| match error {
            // The API does not know for which of its establishments it was asked.
            CallError::Stopped(fault) if fault.code == Code::NotConnected => CallError::Stopped(self.not_connected()),
            other => other,
        })
    }

    fn not_connected(&self) -> Fault {
        let Realm { establishment, environment } = &self.0.realm;
        Fault::new(Code::NotConnected).with("establishment", establishment).with("environment", environment)
    }

    /// Sends the request once.
    async fn send<S: Service>(&self, token: &HeldToken, body: Bytes) -> Result<Reply<S::Answer>, CallError> {
        let api = &self.0.api;
        api.slow.check()?;
        let url = api.service_url(S::PATH);
        let request = Request {
            url: &url,
            headers: self.headers(token)?,
            bulky: S::ANSWER_LIMIT > BULKY_ANSWER || body.len() > BULKY_BODY,
            body,
            answer_limit: S::ANSWER_LIMIT,
            alone: S::CHANGES,
        };
        let answer = api.client()?.post(request).await.map_err(|e| api.send_error(&url, e, S::CHANGES))?;
        api.clock.told(answer.date.as_deref(), Timestamp::now());
        self.read_answer::<S>(answer)
    }

    fn read_answer<S: Service>(&self, answer: Answer) -> Result<Reply<S::Answer>, CallError> {
        let Answer { status, retry_after, body, .. } = answer;
        if status == 429 {
            return Err(self.0.api.slow.down(retry_after.as_deref()));
        }
        self.0.api.slow.recovered(status);
        match body {
            Ok(body) => Ok(chorus::read_reply::<S>(status, &body)),
            // Where the status says it all, a body that broke off changes nothing.
            Err(_) if matches!(status, 401 | 403 | 408 | 500..) => Ok(chorus::read_reply::<S>(status, b"")),
            Err(detail) => Err(desk::lost(detail, S::CHANGES)),
        }
    }

    fn headers(&self, token: &HeldToken) -> Result<HeaderMap, CallError> {
        let password = self.0.password.read().map_err(|e| {
            log::error!(
                establishment = self.0.realm.establishment.as_str(), environment = self.0.realm.environment.as_str(),
                reason:display = e;
                "The technical account's password file is not usable"
            );
            CallError::Stopped(self.not_connected().with("detail", e))
        })?;
        let account = chorus::account_header(&self.0.login, &password);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, sensitive(&format!("Bearer {}", token.access.expose_secret())));
        headers.insert(ACCOUNT_HEADER, sensitive(account.expose_secret()));
        headers.insert(CONTENT_TYPE, JSON);
        Ok(headers)
    }

    fn judge<S: Service>(&self, reply: Reply<S::Answer>) -> Result<S::Answer, CallError> {
        match reply {
            Reply::Answer(answer) => Ok(answer),
            Reply::Refused { code, label } => {
                let fault = chorus::refusal_fault(S::NAME, code, &label);
                Err(CallError::Refused { code, label, fault })
            }
            Reply::Unauthorised => {
                Err(CallError::Stopped(Fault::new(Code::AccountRefused).with("login", &self.0.login)))
            }
            Reply::Forbidden => Err(CallError::Stopped(Fault::new(Code::AccessForbidden).with("service", S::NAME))),
            Reply::NotThere { status } => {
                let fault = Fault::new(Code::ServiceMissing).with("service", S::NAME).with("status", status);
                Err(CallError::Stopped(fault.with("environment", self.0.realm.environment)))
            }
            Reply::TooFast => Err(self.0.api.slow.down(None)),
            Reply::Failing { status } => {
                Err(CallError::Lost(Fault::new(Code::ChorusFailing).with("detail", format!("HTTP {status}"))))
            }
            Reply::Unreadable(why) => {
                let fault = Fault::new(Code::AnswerUnreadable).with("service", S::NAME);
                Err(CallError::Lost(fault.with("detail", why)))
            }
        }
    }
}

/// A header's value that never prints. Tokens are visible ASCII and accounts base64, so both are legal values.
fn sensitive(value: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The connectors of every realm that the configuration connects. Cheap to clone; made anew when it changes.
#[derive(Clone, Default)]
pub struct Connectors(Arc<BTreeMap<Realm, Connector>>);

impl Connectors {
    /// From `[chorus.api.<environment>]` and the technical accounts of each establishment; relative paths start at
    /// `dir`. A section that cannot be used is logged and leaves its realms unconnected: the others go on.
    pub fn new<'a>(
        dir: &Path,
        apis: &BTreeMap<Environment, ApiSection>,
        accounts: impl IntoIterator<Item = (&'a EstablishmentId, &'a TechnicalAccountSection)>,
    ) -> Self {
        Self::through(&ProxySection::default(), dir, apis, accounts)
    }

    /// The same, by way of the establishment's proxy.
    pub fn through<'a>(
        proxy: &ProxySection,
        dir: &Path,
        apis: &BTreeMap<Environment, ApiSection>,
        accounts: impl IntoIterator<Item = (&'a EstablishmentId, &'a TechnicalAccountSection)>,
    ) -> Self {
        let resolver = Resolver::system();
        let mut ready: BTreeMap<Environment, Arc<Api>> = BTreeMap::new();
        for (environment, section) in apis {
            match Api::new(*environment, section, dir, resolver.clone()) {
                Ok(api) => {
                    ready.insert(*environment, Arc::new(api.through(proxy, dir)));
                }
                Err(error) => log::error!(
                    environment = environment.as_str(), reason:display = error;
                    "The API section of this environment cannot be used"
                ),
            }
        }
        let mut connectors = BTreeMap::new();
        for (establishment, account) in accounts {
            if let Some(api) = ready.get(&account.environment) {
                let realm = Realm { establishment: establishment.clone(), environment: account.environment };
                connectors.insert(realm.clone(), Connector::on(api.clone(), realm, account, dir));
            }
        }
        Self(Arc::new(connectors))
    }

    /// The realm's connector, or the fault that says it is not connected.
    pub fn get(&self, realm: &Realm) -> Result<Connector, Fault> {
        let Realm { establishment, environment } = realm;
        let missing =
            || Fault::new(Code::NotConnected).with("establishment", establishment).with("environment", environment);
        self.0.get(realm).cloned().ok_or_else(missing)
    }

    /// Every connected realm, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Connector> {
        self.0.values()
    }

    /// The counters of every connected realm, for `/metrics`.
    pub fn tallies(&self) -> Vec<CallTally> {
        self.iter().map(Connector::tally).collect()
    }
}
