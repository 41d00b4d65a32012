//! The establishment's HTTP proxy: what goes through it, and how it is asked to.
//!
//! Promise: HTTPS goes through CONNECT, so the proxy sees host and port and none of the request; its name is resolved by
//! [`super::resolver`] like every other; its password is shown nowhere. Refuses to know: who is called, and where secrets lie.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::fault::Text;

/// `[proxy]`: what stands between this box and the Internet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxySection {
    /// `http://proxy.univ.fr:3128`; absent: no proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Of Basic authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Hosts that are called directly.
    pub except: Vec<Exception>,
}

impl Default for ProxySection {
    fn default() -> Self {
        let here = ["localhost", "127.0.0.0/8", "::1"];
        let except = here.iter().map(|text| text.parse().expect("this machine's names are exceptions")).collect();
        Self { url: None, login: None, password_file: None, except }
    }
}

impl ProxySection {
    /// Everything that is wrong with the values: the key, what is wrong, what to do.
    pub fn problems(&self) -> Vec<(&'static str, Text, Text)> {
        let mut problems = Vec::new();
        if let Some(url) = &self.url
            && address(url).is_none()
        {
            problems.push((
                "url",
                Text::new(format!("{url:?} n'est pas l'adresse d'un proxy"), format!("{url:?} is no proxy's address")),
                Text::new(
                    "Écrivez http://hôte:port, sans chemin ni mot de passe",
                    "Write http://host:port, without a path or a password",
                ),
            ));
        }
        if let Some(login) = &self.login
            && (login.is_empty() || login.contains(':') || login.chars().any(char::is_control))
        {
            problems.push((
                "login",
                Text::new("nom de compte impossible", "impossible name of an account"),
                Text::new("Écrivez le nom seul, sans deux-points", "Write the name alone, without a colon"),
            ));
        }
        if self.login.is_some() != self.password_file.is_some() {
            let (given, wanted) =
                if self.login.is_some() { ("login", "password_file") } else { ("password_file", "login") };
            problems.push((
                given,
                Text::new(format!("{given} sans {wanted}"), format!("{given} without {wanted}")),
                Text::new("Donnez les deux, ou aucun", "Give both, or none"),
            ));
        }
        problems
    }

    /// The proxy that is to be used; `password` goes with the section's login. `None`: there is none.
    pub fn proxy(&self, password: Option<&SecretString>) -> Option<Proxy> {
        let (host, port) = address(self.url.as_deref()?)?;
        let login = self.login.as_ref().zip(password);
        let authorization = login.map(|(login, password)| {
            let pair = Zeroizing::new(format!("{login}:{}", password.expose_secret()));
            SecretString::from(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
        });
        Some(Proxy(Arc::new(Inner { host, port, authorization, except: self.except.clone() })))
    }
}

/// Host and port of a proxy's URL.
fn address(text: &str) -> Option<(String, u16)> {
    let url: Url = text.parse().ok()?;
    let bare = url.username().is_empty() && url.password().is_none() && matches!(url.path(), "" | "/");
    if url.scheme() != "http" || !bare || url.query().is_some() || url.fragment().is_some() {
        return None;
    }
    let host = url.host_str().filter(|host| !host.is_empty())?;
    Some((host.to_owned(), url.port_or_known_default()?))
}

/// Whether a host, as in a URL, is this very machine, so that nothing crosses a network.
pub fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// A proxy in use. Cheap to clone.
#[derive(Clone)]
pub struct Proxy(Arc<Inner>);

struct Inner {
    host: String,
    port: u16,
    /// The value of `Proxy-Authorization`.
    authorization: Option<SecretString>,
    except: Vec<Exception>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// `host:port`
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.host, self.0.port)
    }
}

impl Proxy {
    pub fn host(&self) -> &str {
        &self.0.host
    }

    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Whether calls to this host go through the proxy. Those to this machine never do: they may be in the clear.
    pub fn covers(&self, host: &str) -> bool {
        !is_this_machine(host) && !self.0.except.iter().any(|exception| exception.matches(host))
    }

    /// What proves to the proxy who we are.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(self.0.authorization.as_ref()?.expose_secret()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The same for the HTTP client.
    pub(super) fn for_client(&self) -> reqwest::Proxy {
        let own = self.clone();
        let proxy = reqwest::Proxy::custom(move |url| {
            own.covers(url.host_str().unwrap_or_default()).then(|| format!("http://{own}"))
        });
        match self.authorization() {
            Some(value) => proxy.custom_http_auth(value),
            None => proxy,
        }
    }
}

/// A host, the hosts below a name, or a network, that is called directly. A name is never resolved to be compared with a
/// network: behind a proxy it often cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Exception {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Host(String),
    /// `*.univ.fr`: with its leading dot.
    Below(String),
    Network(IpAddr, u32),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no exception of a proxy: write a host, *.univ.fr, an address or 10.0.0.0/8")]
pub struct InvalidException(String);

impl Exception {
    /// `host` as in a URL: a name, an address, an address in brackets.
    fn matches(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        match (&self.kind, bare.parse::<IpAddr>()) {
            (Kind::Network(own, prefix), Ok(other)) => shares_prefix(*own, other.to_canonical(), *prefix),
            (Kind::Host(name), _) => bare == *name,
            (Kind::Below(end), Err(_)) => bare.ends_with(end),
            (Kind::Below(_), Ok(_)) | (Kind::Network(..), Err(_)) => false,
        }
    }
}

fn shares_prefix(own: IpAddr, other: IpAddr, prefix: u32) -> bool {
    match (own, other) {
        (IpAddr::V4(own), IpAddr::V4(other)) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            Ipv4Addr::to_bits(own) & mask == Ipv4Addr::to_bits(other) & mask
        }
        (IpAddr::V6(own), IpAddr::V6(other)) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            Ipv6Addr::to_bits(own) & mask == Ipv6Addr::to_bits(other) & mask
        }
        _ => false,
    }
}

impl FromStr for Exception {
    type Err = InvalidException;

    fn from_str(text: &str) -> Result<Self, InvalidException> {
        let wrong = || InvalidException(text.chars().take(80).collect());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let kind = match (address.parse::<IpAddr>(), prefix) {
            (Ok(address), prefix) => {
                let longest = if address.is_ipv4() { 32 } else { 128 };
                let prefix = prefix.map_or(Ok(longest), str::parse).map_err(|_| wrong())?;
                if prefix > longest {
                    return Err(wrong());
                }
                Kind::Network(address, prefix)
            }
            (Err(_), Some(_)) => return Err(wrong()),
            (Err(_), None) => {
                let name = text.to_ascii_lowercase();
                let (below, bare) = name.strip_prefix("*.").map_or((false, name.as_str()), |bare| (true, bare));
                let label =
                    |l: &str| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
                if bare.len() > 253 || !bare.split('.').all(label) {
                    return Err(wrong());
                }
                if below { Kind::Below(format!(".{bare}")) } else { Kind::Host(bare.to_owned()) }
            }
        };
        Ok(Self { text: text.to_owned(), kind })
    }
}

impl TryFrom<String> for Exception {
    type Error = InvalidException;
    fn try_from(text: String) -> Result<Self, InvalidException> {
        text.parse()
    }
}

impl From<Exception> for String {
    fn from(exception: Exception) -> String {
        exception.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(url: &str, except: &[&str]) -> ProxySection {
        let except = except.iter().map(|text| text.parse().unwrap()).collect();
        ProxySection { url: Some(url.to_owned()), except, ..ProxySection::default() }
    }

    #[test]
    fn exceptions_are_hosts_names_below_and_networks() {
        let proxy = section("http://proxy.univ.fr:3128", &["*.univ.fr", "sifac", "10.0.0.0/8", "2001:db8::/32"]);
        let proxy = proxy.proxy(None).unwrap();
        for direct in ["sifac.univ.fr", "A.B.UNIV.FR.", "sifac", "10.1.2.3", "[2001:db8::7]"] {
            assert!(!proxy.covers(direct), "{direct}");
        }
        for here in ["127.0.0.1", "localhost", "LOCALHOST.", "[::1]", "127.9.9.9", "[::ffff:127.0.0.1]"] {
            assert!(!proxy.covers(here), "{here}: this machine needs no exception");
        }
        for through in ["univ.fr", "api.piste.gouv.fr", "11.0.0.1", "malveillant-univ.fr", "[2001:db9::7]"] {
            assert!(proxy.covers(through), "{through}");
        }
        let usual = ProxySection { url: Some("http://p".to_owned()), ..ProxySection::default() }.proxy(None).unwrap();
        assert!(["127.0.0.1", "localhost", "[::1]"].iter().all(|here| !usual.covers(here)), "not to oneself");
        assert_eq!(usual.to_string(), "p:80");
        for wrong in ["", "*", "a b", "10.0.0.0/33", "univ.fr/8", "*.*.fr", "http://x"] {
            assert!(wrong.parse::<Exception>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_section_says_what_is_wrong_and_its_password_never_shows() {
        for wrong in ["proxy:3128", "https://p:3128", "http://", "http://u:p@p:3128", "http://p:3128/x", "socks5://p"] {
            assert_eq!(section(wrong, &[]).problems()[0].0, "url", "{wrong}");
        }
        let half = ProxySection { login: Some("fluxgate".to_owned()), ..section("http://p:3128", &[]) };
        assert_eq!(half.problems().iter().map(|p| p.0).collect::<Vec<_>>(), ["login"]);
        let whole = ProxySection { password_file: Some("secrets/proxy".into()), ..half };
        assert!(whole.problems().is_empty());
        let proxy = whole.proxy(Some(&SecretString::from("s3cret"))).unwrap();
        assert_eq!(proxy.authorization().unwrap(), "Basic Zmx1eGdhdGU6czNjcmV0");
        assert!(!format!("{proxy:?} {:?} {:?}", proxy.authorization(), proxy.for_client()).contains("Zmx1"));
        assert!(ProxySection::default().proxy(None).is_none());
    }
}
