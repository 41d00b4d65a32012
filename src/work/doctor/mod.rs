//! Why does it not connect? Walks every link between this box and Chorus Pro, in the order in which one needs the other, and
//! says which of the known mistakes it looks like.
//!
//! Promise: whatever does not need a broken link is tried all the same; nothing is changed, neither here nor at Chorus Pro;
//! no secret is told. It works from the configuration alone, beside a gateway that runs. Refuses to know: flows, the store.

mod finding;
mod rights;
mod secrets;
mod way;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Url;

pub use self::finding::{Blame, Finding};
use crate::domain::{Environment, Realm, Siret};
use crate::fault::Text;
use crate::net::proxy::ProxySection;
use crate::net::resolver::Resolver;
use crate::work::connector::{ApiSection, Connector, ConnectorSettings, TechnicalAccountSection};

/// The longest wait for one link.
const LINK_TIMEOUT: Duration = Duration::from_secs(20);

/// What is to be examined: one establishment in one environment.
#[derive(Debug, Clone)]
pub struct Patient<'a> {
    pub realm: Realm,
    pub name: &'a str,
    pub siret: &'a Siret,
    pub api: &'a ApiSection,
    pub account: &'a TechnicalAccountSection,
    pub proxy: &'a ProxySection,
    /// Where relative paths start.
    pub dir: &'a Path,
}

/// How a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Good,
    /// It holds, and deserves a look.
    Doubtful,
    Broken,
    /// It needs one that is broken.
    Untried,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Good => "good",
            Outcome::Doubtful => "doubtful",
            Outcome::Broken => "broken",
            Outcome::Untried => "untried",
        }
    }
}

/// The links of the chain, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkKind {
    Configuration,
    Name,
    Tcp,
    Proxy,
    Tls,
    Clock,
    Token,
    Api,
    Account,
    Structure,
    Attachment,
    Password,
}

impl LinkKind {
    /// What stands at PISTE and Chorus Pro, in its order.
    const RIGHTS: [LinkKind; 6] = [
        LinkKind::Token,
        LinkKind::Api,
        LinkKind::Account,
        LinkKind::Structure,
        LinkKind::Attachment,
        LinkKind::Password,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            LinkKind::Configuration => "configuration",
            LinkKind::Name => "name",
            LinkKind::Tcp => "tcp",
            LinkKind::Proxy => "proxy",
            LinkKind::Tls => "tls",
            LinkKind::Clock => "clock",
            LinkKind::Token => "token",
            LinkKind::Api => "api",
            LinkKind::Account => "account",
            LinkKind::Structure => "structure",
            LinkKind::Attachment => "attachment",
            LinkKind::Password => "password",
        }
    }

    /// For people.
    pub fn title(self) -> Text {
        let (fr, en) = match self {
            LinkKind::Configuration => ("configuration et secrets", "configuration and secrets"),
            LinkKind::Name => ("nom (DNS)", "name (DNS)"),
            LinkKind::Tcp => ("connexion (TCP)", "connection (TCP)"),
            LinkKind::Proxy => ("passage du proxy", "way through the proxy"),
            LinkKind::Tls => ("chiffrement (TLS)", "encryption (TLS)"),
            LinkKind::Clock => ("horloge", "clock"),
            LinkKind::Token => ("jeton PISTE", "PISTE token"),
            LinkKind::Api => ("souscription", "subscription"),
            LinkKind::Account => ("compte technique", "technical account"),
            LinkKind::Structure => ("structure", "structure"),
            LinkKind::Attachment => ("rattachement", "attachment"),
            LinkKind::Password => ("mot de passe", "password"),
        };
        Text::new(fr, en)
    }
}

/// One link as it was found.
#[derive(Debug, Clone)]
pub struct Link {
    pub kind: LinkKind,
    pub outcome: Outcome,
    /// What was tried, and what came of it.
    pub said: Text,
    /// `None`: nothing was waited for.
    pub took: Option<Duration>,
}

/// What the examination of one realm has shown.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    pub realm: Realm,
    pub name: String,
    pub links: Vec<Link>,
    /// What it looks like; the first is the likeliest.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    fn of(patient: &Patient<'_>) -> Self {
        Self { realm: patient.realm.clone(), name: patient.name.to_owned(), links: Vec::new(), findings: Vec::new() }
    }

    /// Whether no link is broken.
    pub fn is_sound(&self) -> bool {
        self.links.iter().all(|link| link.outcome != Outcome::Broken)
    }

    /// Whose the broken links are; `None` when none is. What the establishment can repair comes first.
    pub fn blame(&self) -> Option<Blame> {
        if self.is_sound() {
            return None;
        }
        let ours = self.findings.iter().any(|finding| finding.blame == Blame::Configuration && finding.breaks);
        Some(if ours { Blame::Configuration } else { Blame::Unavailable })
    }

    fn add(&mut self, kind: LinkKind, outcome: Outcome, said: Text, begun: Option<Instant>) {
        self.links.push(Link { kind, outcome, said, took: begun.map(|begun| begun.elapsed()) });
    }

    fn good(&mut self, kind: LinkKind, said: Text, begun: Instant) {
        self.add(kind, Outcome::Good, said, Some(begun));
    }

    fn doubtful(&mut self, kind: LinkKind, said: Text, begun: Instant, finding: Finding) {
        self.add(kind, Outcome::Doubtful, said, Some(begun));
        self.find(Finding { breaks: false, ..finding });
    }

    fn broken(&mut self, kind: LinkKind, said: Text, begun: Instant, finding: Finding) {
        self.add(kind, Outcome::Broken, said, Some(begun));
        self.find(finding);
    }

    fn untried(&mut self, kind: LinkKind, said: Text) {
        self.add(kind, Outcome::Untried, said, None);
    }

    /// What could not be tried any more, for one reason.
    fn rest_untried(&mut self, why: &Text) {
        for kind in LinkKind::RIGHTS {
            if self.links.iter().all(|link| link.kind != kind) {
                self.untried(kind, why.clone());
            }
        }
    }

    /// The same mistake shows on several links: it is told once.
    fn find(&mut self, finding: Finding) {
        if !self.findings.iter().any(|known| known.mistake == finding.mistake && known.cause == finding.cause) {
            self.findings.push(finding);
        }
    }
}

/// Walks the chain of one realm.
pub async fn examine(patient: &Patient<'_>) -> Diagnosis {
    let mut diagnosis = Diagnosis::of(patient);
    let gear = secrets::examine(&mut diagnosis, patient, Resolver::system());
    let urls = [&patient.api.token_url, &patient.api.base_url];
    let hosts: Vec<Url> = urls.iter().filter_map(|text| text.parse().ok()).collect();
    let mut open = true;
    for (place, url) in hosts.iter().enumerate() {
        let known = hosts[..place].iter().any(|other| way::is_same_place(other, url));
        // Whether one host is reached says nothing about the other.
        open &= known || way::walk(&mut diagnosis, url, &gear).await;
    }
    if !open || !gear.complete {
        let why = if open {
            Text::new("non essayé : un secret manque", "not tried: a secret is missing")
        } else {
            Text::new("non essayé : le serveur n'est pas joint", "not tried: the server is not reached")
        };
        diagnosis.rest_untried(&why);
        return diagnosis.sorted();
    }
    match connector(patient) {
        Ok(connector) => rights::examine(&mut diagnosis, patient, &connector).await,
        Err(error) => {
            diagnosis.broken(
                LinkKind::Token,
                error.reason.clone().about(error.key),
                Instant::now(),
                finding::unusable(&error),
            );
        }
    }
    diagnosis.sorted()
}

/// The very client of the gateway, with a shorter patience.
fn connector(patient: &Patient<'_>) -> Result<Connector, crate::work::connector::SettingsError> {
    let mut api = patient.api.clone();
    api.timeout = api.timeout.min(crate::domain::Duration::from_secs(LINK_TIMEOUT.as_secs()));
    let settings = ConnectorSettings {
        realm: patient.realm.clone(),
        api,
        account: patient.account.clone(),
        dir: patient.dir.to_owned(),
    };
    Connector::through(settings, patient.proxy)
}

impl Diagnosis {
    /// What breaks the chain first; within it, as it was found.
    fn sorted(mut self) -> Self {
        self.findings.sort_by_key(|finding| !finding.breaks);
        self
    }
}

/// What the links of the way need.
struct Gear {
    resolver: Resolver,
    proxy: Option<crate::net::proxy::Proxy>,
    extra_ca: Option<Arc<Vec<u8>>>,
    environment: Environment,
    /// Whether every secret could be read.
    complete: bool,
}
