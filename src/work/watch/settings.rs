//! `[notify]`: who is told of alarms, and how.

use std::path::PathBuf;

use reqwest::Url;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::domain::{Environment, EstablishmentId, Siret};
use crate::fault::{Gravity, Language, Text};
use crate::net::mail::{Mailbox, Security};
use crate::net::proxy::{ProxySection, is_this_machine};
use crate::work::connector::SettingsError;
use crate::work::releases::{Releases, Waiting};
use crate::work::remote_log::RemoteLog;

/// The most recipients of an e-mail.
const RECIPIENTS_LIMIT: usize = 50;

/// `[notify]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifySection {
    /// Of e-mails and of the texts in a webhook.
    pub language: Language,
    /// Alarms below this are shown on the page only.
    pub level: Gravity,
    /// Where the page is, for the link in a notice.
    pub page: Option<String>,
    pub mail: Option<MailSection>,
    pub webhook: Option<WebhookSection>,
    /// Retired: `limits.delivery_deadline` says it. Configurations of before have it, so it is read and ignored.
    #[serde(deserialize_with = "retired")]
    pub untaken_after: (),
}

/// Whatever stands there.
fn retired<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    IgnoredAny::deserialize(deserializer).map(drop)
}

impl Default for NotifySection {
    fn default() -> Self {
        Self {
            language: Language::Fr,
            level: Gravity::Warning,
            page: None,
            mail: None,
            webhook: None,
            untaken_after: (),
        }
    }
}

/// `[notify.mail]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSection {
    /// `host:port`
    pub server: String,
    #[serde(default)]
    pub security: MailSecurity,
    pub from: String,
    pub to: Vec<String>,
    /// With `password_file`; without the two, the server takes mail from this machine's address.
    pub login: Option<String>,
    pub password_file: Option<PathBuf>,
    /// Extra authorities, PEM.
    pub ca_file: Option<PathBuf>,
}

/// How the way to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    #[default]
    StartTls,
    Tls,
    None,
}

impl From<MailSecurity> for Security {
    fn from(security: MailSecurity) -> Self {
        match security {
            MailSecurity::StartTls => Security::StartTls,
            MailSecurity::Tls => Security::Tls,
            MailSecurity::None => Security::None,
        }
    }
}

/// `[notify.webhook]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSection {
    pub url: String,
    /// The key of the signature in the header `Fluxgate-Signature`; without it there is none.
    pub secret_file: Option<PathBuf>,
    /// Extra authorities, PEM.
    pub ca_file: Option<PathBuf>,
}

fn wrong(key: &'static str, fr: &str, en: &str) -> SettingsError {
    SettingsError { key, reason: Text::new(fr, en) }
}

impl NotifySection {
    /// Everything that is wrong with the values, for `config check`.
    pub fn problems(&self) -> Vec<SettingsError> {
        let mut problems = Vec::new();
        if let Some(page) = &self.page {
            let sound = page.parse::<Url>().is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
            problems.extend((!sound).then(|| {
                wrong(
                    "page",
                    "doit être une adresse comme https://machine/",
                    "must be an address such as https://host/",
                )
            }));
        }
        problems
    }
}

impl MailSection {
    /// Everything that is wrong with the values, for `config check`.
    pub fn problems(&self) -> Vec<SettingsError> {
        let mut problems = Vec::new();
        if self.host_and_port().is_none() {
            problems.push(wrong(
                "server",
                "doit être une machine et un port, comme smtp.univ.fr:587",
                "must be a host and a port, such as smtp.univ.fr:587",
            ));
        }
        problems.extend(self.sender().err().map(|reason| SettingsError { key: "from", reason }));
        problems.extend(self.recipients().err().map(|reason| SettingsError { key: "to", reason }));
        if self.to.is_empty() || self.to.len() > RECIPIENTS_LIMIT {
            let (fr, en) = ("doit nommer de 1 à {} adresses", "must be 1 to {} addresses");
            let count = RECIPIENTS_LIMIT.to_string();
            problems.push(wrong("to", &fr.replace("{}", &count), &en.replace("{}", &count)));
        }
        match (&self.login, &self.password_file) {
            (Some(_), None) => problems.push(wrong("login", "demande password_file", "needs password_file")),
            (None, Some(_)) => problems.push(wrong("password_file", "demande login", "needs login")),
            _ => {}
        }
        let here = self.host_and_port().is_some_and(|(host, _)| is_this_machine(&host));
        if self.login.is_some() && self.security == MailSecurity::None && !here {
            problems.push(wrong(
                "security",
                "un mot de passe ne doit pas passer en clair sur un réseau : starttls ou tls",
                "a password must not cross a network in the clear: starttls or tls",
            ));
        }
        problems
    }

    /// The two parts of `server`; an IPv6 address stands in brackets.
    pub(super) fn host_and_port(&self) -> Option<(String, u16)> {
        let (host, port) = self.server.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let sound = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:".contains(c));
        sound.then(|| (host.to_owned(), port))
    }

    pub(super) fn sender(&self) -> Result<Mailbox, Text> {
        mailbox(&self.from)
    }

    pub(super) fn recipients(&self) -> Result<Vec<Mailbox>, Text> {
        self.to.iter().map(|to| mailbox(to)).collect()
    }
}

fn mailbox(text: &str) -> Result<Mailbox, Text> {
    text.parse().map_err(|e| {
        let (fr, en) =
            (format!("« {text} » n'est pas une adresse de courriel"), format!("{text:?} is not an e-mail address"));
        Text::technical(&fr, &en, e)
    })
}

impl WebhookSection {
    /// Everything that is wrong with the values, for `config check`.
    pub fn problems(&self) -> Vec<SettingsError> {
        self.address().err().map(|reason| SettingsError { key: "url", reason }).into_iter().collect()
    }

    /// HTTPS; plain HTTP only to this machine.
    pub(super) fn address(&self) -> Result<Url, Text> {
        // The address may hold a token, so it is not repeated.
        let url: Url = self.url.parse().map_err(|e| Text::technical("n'est pas une URL", "is not a URL", e))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        match url.scheme() {
            _ if host.is_empty() => Err(Text::new("ne nomme pas de machine", "has no host")),
            "https" => Ok(url),
            "http" if is_this_machine(&host) => Ok(url),
            _ => Err(Text::new("doit commencer par https://", "must begin with https://")),
        }
    }
}

/// Whom the watch knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    pub id: EstablishmentId,
    pub name: String,
    pub siret: Siret,
}

/// Whose certificate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertificateRole {
    Door,
    Chorus(Environment),
    Mail,
    Webhook,
}

/// A certificate's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFile {
    pub role: CertificateRole,
    pub path: PathBuf,
    /// Named in the configuration, so that it must be there.
    pub named: bool,
}

/// The waits of the watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks at everything.
    pub look: std::time::Duration,
    /// What is raised within this goes into one notice.
    pub gather: std::time::Duration,
    /// What is over is told after it has stayed so for this long.
    pub over_after: std::time::Duration,
    /// What stays critical is told again after.
    pub repeat: std::time::Duration,
    /// Before a notice that did not leave is tried again; doubled each time, up to `retry_longest`.
    pub retry: std::time::Duration,
    pub retry_longest: std::time::Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let seconds = std::time::Duration::from_secs;
        Self {
            look: seconds(10),
            gather: seconds(60),
            over_after: seconds(10 * 60),
            repeat: seconds(24 * 3600),
            retry: seconds(60),
            retry_longest: seconds(3600),
        }
    }
}

impl Pace {
    /// The wait after so many failures in a row before this one.
    pub(super) fn retry_after(&self, failures: u32) -> std::time::Duration {
        self.retry.saturating_mul(1 << failures.min(16)).min(self.retry_longest)
    }
}

/// What the watch needs of the configuration.
#[derive(Debug, Clone, Default)]
pub struct WatchOptions {
    pub notify: NotifySection,
    /// What the webhook passes on its way.
    pub proxy: ProxySection,
    /// Where relative paths start; the file system that is watched.
    pub dir: PathBuf,
    pub establishments: Vec<Watched>,
    pub certificates: Vec<CertificateFile>,
    /// A checkpoint is signed this long after a leaf at the latest.
    pub checkpoint_every: std::time::Duration,
    pub pace: Pace,
    /// How log lines leave, where they do.
    pub remote_log: Option<RemoteLog>,
    /// How releases are looked for, where they are.
    pub releases: Option<Releases>,
    /// The release that waits on the page.
    pub waiting: Waiting,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(problems: &[SettingsError]) -> Vec<&str> {
        problems.iter().map(|p| p.key).collect()
    }

    #[test]
    fn what_cannot_be_sent_with_is_told_by_its_key() {
        let mail = |text: &str| toml::from_str::<MailSection>(text).unwrap().problems();
        let sound = "server = \"smtp.univ.fr:587\"\nfrom = \"Fluxgate <a@univ.fr>\"\nto = [\"b@univ.fr\"]\n";
        assert_eq!(keys(&mail(sound)), [""; 0]);
        assert_eq!(keys(&mail(&sound.replace(":587", ""))), ["server"]);
        assert_eq!(keys(&mail(&sound.replace("a@univ.fr", "a"))), ["from"]);
        assert_eq!(keys(&mail(&sound.replace("b@univ.fr", "b"))), ["to"]);
        assert_eq!(keys(&mail(&sound.replace("\"b@univ.fr\"", ""))), ["to"]);
        assert_eq!(keys(&mail(&format!("{sound}login = \"x\""))), ["login"]);
        let clear = format!("{sound}login = \"x\"\npassword_file = \"p\"\nsecurity = \"none\"");
        assert_eq!(keys(&mail(&clear)), ["security"]);
        assert_eq!(keys(&mail(&clear.replace("smtp.univ.fr", "127.0.0.1"))), [""; 0]);
        assert_eq!(
            toml::from_str::<MailSection>(&sound.replace("smtp.univ.fr", "[::1]")).unwrap().host_and_port(),
            Some(("::1".into(), 587))
        );
        let hook = |url: &str| WebhookSection { url: url.into(), secret_file: None, ca_file: None }.problems();
        assert_eq!(keys(&hook("https://chat.univ.fr/hooks/x?token=y")), [""; 0]);
        assert_eq!(keys(&hook("http://chat.univ.fr/")), ["url"]);
        assert_eq!(keys(&hook("http://127.0.0.1:1/")), [""; 0]);
        let told = hook("htp://secret-token/").remove(0).to_string();
        assert!(!told.contains("secret-token"), "{told}");
    }
}
