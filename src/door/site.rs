//! Which upstream a request is for: by host name, then by the longest path prefix.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;

/// A text of `[[door.site]]` that cannot be what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {wanted}")]
pub struct InvalidSite {
    pub wanted: &'static str,
    /// Cut to 80 characters.
    pub value: String,
}

fn invalid(wanted: &'static str, value: &str) -> InvalidSite {
    InvalidSite { wanted, value: value.chars().take(80).collect() }
}

/// A site's host name: lower case, without port and without a dot at its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Host(String);

impl Host {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = InvalidSite;
    fn from_str(value: &str) -> Result<Self, InvalidSite> {
        let wanted = "a host name without port, such as \"sifac.univ-exemple.fr\"";
        let name = value.strip_suffix('.').unwrap_or(value).to_ascii_lowercase();
        let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_literal = literal.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if is_literal || (name.len() <= 253 && name.split('.').all(label)) {
            Ok(Self(name))
        } else {
            Err(invalid(wanted, value))
        }
    }
}

impl TryFrom<String> for Host {
    type Error = InvalidSite;
    fn try_from(value: String) -> Result<Self, InvalidSite> {
        value.parse()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The beginning of a path: `/`, `/app` (which also matches `/app/…`, never `/apple`) or `/app/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct PathPrefix(String);

impl Default for PathPrefix {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl PathPrefix {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a request's path is this one or below it.
    pub fn matches(&self, path: &str) -> bool {
        match path.strip_prefix(self.0.as_str()) {
            Some(rest) => self.0.ends_with('/') || rest.is_empty() || rest.starts_with('/'),
            None => false,
        }
    }
}

impl FromStr for PathPrefix {
    type Err = InvalidSite;
    fn from_str(value: &str) -> Result<Self, InvalidSite> {
        let legal = |b: u8| b.is_ascii_graphic() && !b"?#\\%\"<>".contains(&b);
        if value.starts_with('/') && value.len() <= 256 && value.bytes().all(legal) && !climbs(value) {
            Ok(Self(value.to_owned()))
        } else {
            Err(invalid("a path that begins with /, such as \"/\" or \"/sap\"", value))
        }
    }
}

impl TryFrom<String> for PathPrefix {
    type Error = InvalidSite;
    fn try_from(value: String) -> Result<Self, InvalidSite> {
        value.parse()
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a site's requests go: `http://host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Upstream {
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    host: String,
    port: u16,
}

impl Upstream {
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Upstream {
    type Err = InvalidSite;
    fn from_str(value: &str) -> Result<Self, InvalidSite> {
        let wrong = || invalid("an address such as \"http://10.0.0.12:8080\" (http only, no path)", value);
        let authority = value.strip_prefix("http://").ok_or_else(wrong)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (authority, 80),
        };
        let host: Host = host.parse().map_err(|_| wrong())?;
        if port == 0 {
            return Err(wrong());
        }
        Ok(Self { host: host.as_str().trim_matches(['[', ']']).to_owned(), port })
    }
}

impl TryFrom<String> for Upstream {
    type Error = InvalidSite;
    fn try_from(value: String) -> Result<Self, InvalidSite> {
        value.parse()
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The sites of a door. `T` is what stands behind a site.
#[derive(Debug)]
pub struct Sites<T> {
    /// By host; the prefixes of a host, the longest first.
    by_host: BTreeMap<String, Vec<(PathPrefix, Arc<T>)>>,
}

impl<T> Sites<T> {
    pub fn new(sites: impl IntoIterator<Item = (Host, PathPrefix, Arc<T>)>) -> Self {
        let mut by_host: BTreeMap<String, Vec<(PathPrefix, Arc<T>)>> = BTreeMap::new();
        for (host, path, behind) in sites {
            by_host.entry(host.0).or_default().push((path, behind));
        }
        for prefixes in by_host.values_mut() {
            prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.0.len()));
        }
        Self { by_host }
    }

    /// Shows every site's what-stands-behind.
    pub fn each(&self, mut look: impl FnMut(&Arc<T>)) {
        self.by_host.values().flatten().for_each(|(_, behind)| look(behind));
    }

    /// What stands behind `host` (as a `Host` header writes it, port and all) and `path`; `None`: the page.
    pub fn find(&self, host: &str, path: &str) -> Option<&Arc<T>> {
        let name = without_port(host);
        let name = name.strip_suffix('.').unwrap_or(name);
        let prefixes = if name.bytes().any(|b| b.is_ascii_uppercase()) {
            self.by_host.get(name.to_ascii_lowercase().as_str())
        } else {
            self.by_host.get(name)
        }?;
        prefixes.iter().find(|(prefix, _)| prefix.matches(path)).map(|(_, behind)| behind)
    }
}

/// The host of a `Host` header or authority.
fn without_port(authority: &str) -> &str {
    match authority.rfind(':') {
        Some(colon) if authority[colon..].bytes().skip(1).all(|b| b.is_ascii_digit()) => &authority[..colon],
        _ => authority,
    }
}

/// Whether a path has a `.` or `..` segment, also a percent-encoded one: after it a prefix says nothing about what
/// an upstream would serve.
pub fn climbs(path: &str) -> bool {
    path.split(['/', '\\']).any(|segment| {
        if segment.len() > 6 || !segment.starts_with(['.', '%']) {
            return false;
        }
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    }) || has_encoded_slash_climb(path)
}

/// `..%2f` and `%2f..`: a slash that only some servers see.
fn has_encoded_slash_climb(path: &str) -> bool {
    if !path.contains('%') {
        return false;
    }
    let plain = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    plain.split(['/', '\\']).any(|segment| segment == "." || segment == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(list: &[(&str, &str, &'static str)]) -> Sites<&'static str> {
        Sites::new(
            list.iter().map(|(host, path, name)| (host.parse().unwrap(), path.parse().unwrap(), Arc::new(*name))),
        )
    }

    #[test]
    fn the_longest_prefix_of_the_host_wins_and_the_rest_is_the_page() {
        let sites = sites(&[
            ("a.fr", "/", "root"),
            ("a.fr", "/app", "app"),
            ("a.fr", "/app/deep/", "deep"),
            ("b.fr", "/only", "only"),
            ("[::1]", "/", "six"),
        ]);
        let find = |host, path| sites.find(host, path).map(|found| **found);
        assert_eq!(find("a.fr", "/"), Some("root"));
        assert_eq!(find("A.FR:8443", "/app"), Some("app"));
        assert_eq!(find("a.fr.", "/app/x"), Some("app"));
        assert_eq!(find("a.fr", "/apple"), Some("root"));
        assert_eq!(find("a.fr", "/app/deep/er"), Some("deep"));
        assert_eq!(find("a.fr", "/app/deep"), Some("app"));
        assert_eq!(find("b.fr", "/"), None);
        assert_eq!(find("c.fr", "/"), None);
        assert_eq!(find("[::1]:443", "/"), Some("six"));
        assert_eq!(find("", "/"), None);
    }

    #[test]
    fn upstreams_are_http_origins() {
        let read = |text: &str| text.parse::<Upstream>().map(|u| u.to_string()).ok();
        assert_eq!(read("http://10.0.0.12:8080").as_deref(), Some("10.0.0.12:8080"));
        assert_eq!(read("http://sap.univ.fr/").as_deref(), Some("sap.univ.fr:80"));
        assert_eq!(read("http://[fd00::1]:81").as_deref(), Some("[fd00::1]:81"));
        assert_eq!(read("http://[fd00::1]").as_deref(), Some("[fd00::1]:80"));
        for bad in
            ["https://a", "http://a/b", "http://", "http://a:0", "http://a:99999", "a:80", "http://u@a", "http://a b"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn paths_that_climb_are_told() {
        for bad in
            ["/a/../b", "/..", "/a/%2e%2E/b", "/a/.%2e", "/a/..%2fb", "/a%2f..%2fb", "/a\\..\\b", "/./a", "/a/%2e"]
        {
            assert!(climbs(bad), "{bad}");
        }
        for good in ["/", "/a/..b", "/a...", "/.well-known/x", "/a/%2ewell", "/%20"] {
            assert!(!climbs(good), "{good}");
        }
    }
}
