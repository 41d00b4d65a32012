//! The connector's sections of the configuration.

use std::fmt;
use std::path::PathBuf;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::domain::{Duration, Environment, Realm};
use crate::fault::Text;
use crate::net::proxy::is_this_machine;

/// `[chorus.api.<environment>]`: Chorus Pro's API of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiSection {
    /// Where PISTE gives tokens.
    pub token_url: String,
    /// What the services' paths (`/cpro/...`) are appended to.
    pub base_url: String,
    pub client_id: String,
    pub client_secret_file: PathBuf,
    /// Extra authorities, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    #[serde(default = "defaults::calls_per_second")]
    pub calls_per_second: u32,
    #[serde(default = "defaults::calls_in_flight")]
    pub calls_in_flight: u32,
    /// For a whole call, its turn not counted.
    #[serde(default = "defaults::timeout")]
    pub timeout: Duration,
    /// A token is renewed this long before it expires, but never before half of its life.
    #[serde(default = "defaults::token_margin")]
    pub token_margin: Duration,
}

mod defaults {
    use crate::domain::Duration;

    pub(super) fn calls_per_second() -> u32 {
        1
    }
    pub(super) fn calls_in_flight() -> u32 {
        4
    }
    pub(super) fn timeout() -> Duration {
        Duration::from_secs(60)
    }
    pub(super) fn token_margin() -> Duration {
        Duration::from_secs(300)
    }
}

/// `[[establishment.technical_account]]`: the account `TECH_n_xxxx@cpro.fr` of an establishment in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TechnicalAccountSection {
    pub environment: Environment,
    pub login: String,
    pub password_file: PathBuf,
}

/// What one connector is made of.
#[derive(Debug, Clone)]
pub struct ConnectorSettings {
    pub realm: Realm,
    pub api: ApiSection,
    pub account: TechnicalAccountSection,
    /// Where relative paths of the two sections start.
    pub dir: PathBuf,
}

/// A key of a section whose value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct SettingsError {
    /// The key within its section.
    pub key: &'static str,
    pub reason: Text,
}

/// The most calls per second and calls in flight that may be configured.
const CALLS_PER_SECOND_LIMIT: u32 = 10_000;
const CALLS_IN_FLIGHT_LIMIT: u32 = 64;
const TIMEOUT_LIMIT: Duration = Duration::from_secs(3600);

fn between(least: impl fmt::Display, most: impl fmt::Display) -> Text {
    Text::new(format!("doit être de {least} à {most}"), format!("must be {least} to {most}"))
}

impl ApiSection {
    /// Everything that is wrong with the values, for `config check`.
    pub fn problems(&self) -> Vec<SettingsError> {
        let mut problems = Vec::new();
        for (key, text) in [("token_url", &self.token_url), ("base_url", &self.base_url)] {
            problems.extend(parse_url(key, text).err());
        }
        let mut check = |key, sound: bool, reason: Text| {
            if !sound {
                problems.push(SettingsError { key, reason });
            }
        };
        check("client_id", !self.client_id.trim().is_empty(), Text::new("ne doit pas être vide", "must not be empty"));
        check(
            "calls_per_second",
            (1..=CALLS_PER_SECOND_LIMIT).contains(&self.calls_per_second),
            between(1, CALLS_PER_SECOND_LIMIT),
        );
        check(
            "calls_in_flight",
            (1..=CALLS_IN_FLIGHT_LIMIT).contains(&self.calls_in_flight),
            between(1, CALLS_IN_FLIGHT_LIMIT),
        );
        let least = Duration::from_millis(100);
        check("timeout", (least..=TIMEOUT_LIMIT).contains(&self.timeout), between(least, TIMEOUT_LIMIT));
        problems
    }
}

impl TechnicalAccountSection {
    /// Everything that is wrong with the values, for `config check`.
    pub fn problems(&self) -> Vec<SettingsError> {
        let sound = !self.login.is_empty() && !self.login.contains(':') && !self.login.chars().any(char::is_control);
        let reason =
            || Text::new("doit être le nom du compte, sans deux-points", "must be the account's name, without a colon");
        (!sound).then(|| SettingsError { key: "login", reason: reason() }).into_iter().collect()
    }
}

/// HTTPS; plain HTTP only to this machine (the simulator's `--plain`): tokens and passwords must not cross a network
/// in the clear.
pub(super) fn parse_url(key: &'static str, text: &str) -> Result<Url, SettingsError> {
    let wrong = |fr: &str, en: &str| SettingsError {
        key,
        reason: Text::new(format!("« {text} » {fr}"), format!("{text:?} {en}")),
    };
    let url: Url = text.parse().map_err(|e| {
        let Text { fr, en } = Text::technical("n'est pas une URL", "is not a URL", e);
        wrong(&fr, &en)
    })?;
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(wrong(
            "doit n'avoir qu'un schéma, une machine et un chemin",
            "must be a scheme, a host and a path only",
        ));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_this_machine(host) => Ok(url),
        _ => Err(wrong("doit commencer par https://", "must begin with https://")),
    }
}
