//! Names to addresses: IP literals and `localhost` by themselves, then `/etc/hosts`, then the name servers of
//! `/etc/resolv.conf` (which may be what systemd-networkd writes of its state). Both files are read again when they change (DHCP); neither has to exist: in an empty root
//! literals and `localhost` work, and any other name fails with an error that says which file is missing.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::parse_resolv_conf;
use tokio::net::TcpStream;

/// A lookup that takes longer has failed, whatever `resolv.conf` says.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait for one name server.
const QUERY_TIMEOUT: Duration = Duration::from_secs(3);
/// Tries per name server after the first.
const QUERY_RETRIES: usize = 2;
/// Addresses kept of one name.
const ADDRESSES_LIMIT: usize = 16;
/// The longest `resolv.conf` or `hosts` that is read, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// Why a name has no address.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ResolveError {
    #[error("no name server: {path}: {reason}")]
    NoNameServer { path: String, reason: String },
    #[error("{0:?} is not a host name")]
    NotAName(String),
    #[error("host name {0:?} does not exist")]
    NotFound(String),
    #[error("name servers did not answer for {0:?}")]
    TimedOut(String),
    #[error("looking up {name:?} failed: {detail}")]
    Failed { name: String, detail: String },
}

/// Where a host's addresses come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameSource {
    /// It is an address, or this machine.
    Itself,
    /// The hosts file.
    File(PathBuf),
    /// The name servers, as `resolv.conf` writes them.
    Servers(Vec<String>),
}

/// Resolves names. Cheap to clone; clones share one cache. Its queries run on the runtime that looks up first, so a
/// process with several runtimes keeps one resolver for each.
#[derive(Clone)]
pub struct Resolver(Arc<Inner>);

struct Inner {
    resolv_conf: PathBuf,
    hosts: PathBuf,
    /// The name servers in use, and the state of `resolv.conf` they were read from.
    servers: Mutex<Option<(Stamp, TokioResolver)>>,
}

/// What tells one state of a file from the next.
type Stamp = Option<(SystemTime, u64)>;

impl Default for Resolver {
    fn default() -> Self {
        Self::system()
    }
}

impl Resolver {
    /// With the system's two files.
    pub fn system() -> Self {
        Self::with_files("/etc/resolv.conf", "/etc/hosts")
    }

    /// With other files of the same formats.
    pub fn with_files(resolv_conf: impl Into<PathBuf>, hosts: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Inner { resolv_conf: resolv_conf.into(), hosts: hosts.into(), servers: Mutex::new(None) }))
    }

    /// The addresses of a host: at least one, at most 16, in the order to try them. `host` may be an IP literal, with
    /// or without the brackets of a URL.
    pub async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return Ok(vec![address]);
        }
        let name = bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase();
        if name == "localhost" || name.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        if !is_host_name(&name) {
            return Err(ResolveError::NotAName(host.chars().take(80).collect()));
        }
        let listed = listed_addresses(&self.0.hosts, &name);
        if !listed.is_empty() {
            return Ok(listed);
        }
        let servers = self.servers()?;
        // A closing dot means: exactly this name, no search domain.
        let asked = if bare.ends_with('.') { format!("{name}.") } else { name.clone() };
        match tokio::time::timeout(LOOKUP_TIMEOUT, servers.lookup_ip(asked.as_str())).await {
            Err(_) => Err(ResolveError::TimedOut(name)),
            Ok(Err(error)) => Err(describe(name, &error)),
            Ok(Ok(found)) => {
                let addresses: Vec<IpAddr> = found.iter().take(ADDRESSES_LIMIT).collect();
                if addresses.is_empty() { Err(ResolveError::NotFound(name)) } else { Ok(addresses) }
            }
        }
    }

    /// Who would tell the addresses of a host, in words: a file, or the name servers.
    pub fn source(&self, host: &str) -> NameSource {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let name = bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase();
        if bare.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost") {
            return NameSource::Itself;
        }
        if !listed_addresses(&self.0.hosts, &name).is_empty() {
            return NameSource::File(self.0.hosts.clone());
        }
        let text = read_servers(&self.0.resolv_conf).unwrap_or_default();
        let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver").map(str::trim));
        NameSource::Servers(servers.take(ADDRESSES_LIMIT).map(str::to_owned).collect())
    }

    /// A TCP connection to the first address of `host` that takes one; `timeout` is for each address.
    pub async fn connect(&self, host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
        let addresses = self.lookup(host).await.map_err(|e| io::Error::new(io::ErrorKind::NotFound, e))?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            match tokio::time::timeout(timeout, TcpStream::connect(SocketAddr::new(address, port))).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("{address} did not answer")),
            }
        }
        Err(last)
    }

    /// The name servers of `resolv.conf` as it stands now.
    fn servers(&self) -> Result<TokioResolver, ResolveError> {
        let stamp = stamp(&self.0.resolv_conf);
        let mut servers = self.0.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, resolver)) = servers.as_ref().filter(|(of, _)| *of == stamp) {
            return Ok(resolver.clone());
        }
        let failed =
            |reason: String| ResolveError::NoNameServer { path: self.0.resolv_conf.display().to_string(), reason };
        let text = match (read_servers(&self.0.resolv_conf), servers.as_mut()) {
            // Replaced by a file that this process may not open (its walls): the servers known before are asked.
            (Err(error), Some((of, resolver))) if error.kind() == io::ErrorKind::PermissionDenied => {
                log::warn!(file:display = self.0.resolv_conf.display(); "The name servers' file was replaced and cannot be read: those known before are asked");
                *of = stamp;
                return Ok(resolver.clone());
            }
            (text, _) => text.map_err(|e| failed(e.to_string()))?,
        };
        let (config, options) = parse_resolv_conf(text).map_err(|e| failed(e.to_string()))?;
        let resolver = build(config, options).map_err(|e| failed(e.to_string()))?;
        *servers = Some((stamp, resolver.clone()));
        Ok(resolver)
    }
}

fn build(config: ResolverConfig, mut options: ResolverOpts) -> Result<TokioResolver, NetError> {
    options.timeout = options.timeout.min(QUERY_TIMEOUT);
    options.attempts = options.attempts.min(QUERY_RETRIES);
    // Read by `listed_addresses`, which works without a name server too.
    options.use_hosts_file = ResolveHosts::Never;
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    builder.build()
}

fn describe(name: String, error: &NetError) -> ResolveError {
    if error.is_nx_domain() || error.is_no_records_found() {
        return ResolveError::NotFound(name);
    }
    match error {
        NetError::Timeout => ResolveError::TimedOut(name),
        other => ResolveError::Failed { name, detail: other.to_string() },
    }
}

/// Letters, digits, `-`, `_` and dots, no empty label, at most 253 bytes (international names come as `xn--`).
fn is_host_name(name: &str) -> bool {
    let label =
        |l: &str| (1..=63).contains(&l.len()) && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    name.len() <= 253 && name.split('.').all(label)
}

/// The addresses a `hosts` file gives a name; none when there is no such file.
fn listed_addresses(hosts: &Path, name: &str) -> Vec<IpAddr> {
    let Ok(text) = read_bounded(hosts) else { return Vec::new() };
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let listed = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    });
    listed.take(ADDRESSES_LIMIT).collect()
}

fn stamp(path: &Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

/// What a `resolv.conf` says. Where it leads to the state that systemd-networkd keeps (`/run/systemd/netif/state`,
/// sd_network_get_dns(3)), as it does on a machine without systemd-resolved, its `DNS=` and `DOMAINS=` say so.
fn read_servers(path: &Path) -> io::Result<String> {
    let text = read_bounded(path)?;
    if !text.lines().any(|line| line.starts_with("OPER_STATE=")) {
        return Ok(text);
    }
    let words = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    // "9.9.9.9#dns.quad9.net", "fe80::1%2": no port of its own and no interface can be said in a resolv.conf.
    let servers = words("DNS=").into_iter().filter_map(|word| word.split('#').next()?.parse::<IpAddr>().ok());
    let mut said: String = servers.map(|server| format!("nameserver {server}\n")).collect();
    let domains: Vec<String> = words("DOMAINS=").into_iter().filter(|domain| is_host_name(domain)).collect();
    if !domains.is_empty() {
        said.push_str(&format!("search {}\n", domains.join(" ")));
    }
    Ok(said)
}

fn read_bounded(path: &Path) -> io::Result<String> {
    use std::io::Read as _;
    let mut text = Vec::new();
    fs::File::open(path)?.take(FILE_LIMIT).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.lookup(name.as_str()).await?;
            // Port 0: the URL's port is filled in.
            let addresses: reqwest::dns::Addrs = Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig};
    use tokio::net::UdpSocket;

    use super::*;

    fn without_files() -> Resolver {
        Resolver::with_files("/nonexistent/resolv.conf", "/nonexistent/hosts")
    }

    /// A name server on loopback that answers `known.example` with 192.0.2.7 and 2001:db8::7, counts, and knows no
    /// other name.
    async fn name_server(asked: Arc<AtomicUsize>) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut query = [0; 512];
            loop {
                let (length, peer) = socket.recv_from(&mut query).await.unwrap();
                let query = &query[..length];
                asked.fetch_add(1, Ordering::SeqCst);
                let name_end = 12 + query[12..].iter().position(|b| *b == 0).unwrap() + 1;
                let question = &query[12..name_end + 4];
                let known = question.to_ascii_lowercase().starts_with(b"\x05known\x07example\x00");
                let is_a = question[question.len() - 3] == 1;
                let mut answer = query[..2].to_vec();
                let (code, count) = if known { (0, 1) } else { (3, 0) };
                answer.extend([0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
                answer.extend(question);
                if known && is_a {
                    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
                } else if known {
                    answer.extend([0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 0x20, 1, 0xd, 0xb8]);
                    answer.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
                }
                socket.send_to(&answer, peer).await.unwrap();
            }
        });
        address
    }

    /// A resolver whose only name server is at `address`; `resolv.conf` cannot name a port.
    fn asking(address: SocketAddr) -> Resolver {
        let mut udp = ConnectionConfig::new(ProtocolConfig::Udp);
        udp.port = address.port();
        let server = NameServerConfig::new(address.ip(), true, vec![udp]);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let mut options = ResolverOpts::default();
        options.timeout = Duration::from_millis(300);
        options.attempts = 1;
        let resolver = without_files();
        *resolver.0.servers.lock().unwrap() = Some((None, build(config, options).unwrap()));
        resolver
    }

    #[tokio::test]
    async fn literals_and_localhost_need_no_file() {
        let resolver = without_files();
        assert_eq!(resolver.lookup("192.0.2.1").await.unwrap(), ["192.0.2.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(resolver.lookup("[::1]").await.unwrap(), ["::1".parse::<IpAddr>().unwrap()]);
        for name in ["localhost", "LOCALHOST", "localhost.", "a.localhost"] {
            assert_eq!(resolver.lookup(name).await.unwrap()[0], IpAddr::from([127, 0, 0, 1]), "{name}");
        }
    }

    #[tokio::test]
    async fn without_name_servers_the_error_names_the_missing_file() {
        let said = without_files().lookup("api.piste.gouv.fr").await.unwrap_err().to_string();
        assert!(said.contains("/nonexistent/resolv.conf"), "{said}");
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("resolv.conf");
        fs::write(&empty, "# none\n").unwrap();
        let resolver = Resolver::with_files(&empty, "/nonexistent/hosts");
        let said = resolver.lookup("api.piste.gouv.fr").await.unwrap_err().to_string();
        assert!(said.contains("no nameservers"), "{said}");
    }

    #[test]
    fn name_servers_are_read_from_the_state_of_networkd_too() {
        let folder = tempfile::tempdir().unwrap();
        let (state, conf) = (folder.path().join("state"), folder.path().join("resolv.conf"));
        std::os::unix::fs::symlink(&state, &conf).unwrap();
        let known = "# This is private data. Do not parse.\nADMIN_STATE=configured\nOPER_STATE=routable\nCARRIER_STATE=carrier\n\
                     DNS=192.0.2.53 2001:db8::53 9.9.9.9#dns.example fe80::1%2 nonsense\nDOMAINS=univ.example ~.\n";
        fs::write(&state, known).unwrap();
        assert_eq!(
            read_servers(&conf).unwrap(),
            "nameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver 9.9.9.9\nsearch univ.example\n"
        );
        parse_resolv_conf(read_servers(&conf).unwrap()).unwrap();
        let resolver = Resolver::with_files(&conf, "/nonexistent/hosts");
        let named = ["192.0.2.53", "2001:db8::53", "9.9.9.9"].map(str::to_owned).to_vec();
        assert_eq!(resolver.source("api.piste.gouv.fr"), NameSource::Servers(named));
        // Not a line of an ordinary file is another's.
        fs::write(&state, "nameserver 192.0.2.54\noptions edns0\n").unwrap();
        assert_eq!(read_servers(&conf).unwrap(), "nameserver 192.0.2.54\noptions edns0\n");
    }

    #[tokio::test]
    async fn hosts_are_read_even_without_name_servers_and_again_when_they_change() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join("hosts");
        fs::write(&hosts, "# 192.0.2.9 sifac\n192.0.2.8\tSifac.univ sifac # old\n2001:db8::1 sifac\nbad sifac\n")
            .unwrap();
        let resolver = Resolver::with_files("/nonexistent/resolv.conf", &hosts);
        let texts = |found: Vec<IpAddr>| found.iter().map(IpAddr::to_string).collect::<Vec<_>>();
        assert_eq!(texts(resolver.lookup("SIFAC").await.unwrap()), ["192.0.2.8", "2001:db8::1"]);
        fs::write(&hosts, "192.0.2.10 sifac\n").unwrap();
        assert_eq!(texts(resolver.lookup("sifac").await.unwrap()), ["192.0.2.10"]);
    }

    #[tokio::test]
    async fn names_are_asked_once_and_kept_and_an_unknown_one_is_told_from_a_dead_server() {
        let asked = Arc::new(AtomicUsize::new(0));
        let resolver = asking(name_server(asked.clone()).await);
        let mut found = resolver.lookup("known.example").await.unwrap();
        found.sort();
        assert_eq!(found, ["192.0.2.7".parse::<IpAddr>().unwrap(), "2001:db8::7".parse().unwrap()]);
        let queries = asked.load(Ordering::SeqCst);
        resolver.lookup("known.example").await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), queries, "the second lookup comes from the cache");
        let unknown = resolver.lookup("unknown.example").await;
        assert!(matches!(unknown, Err(ResolveError::NotFound(_))), "{unknown:?}");

        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let dead = asking(silent.local_addr().unwrap()).lookup("known.example").await;
        assert!(matches!(dead, Err(ResolveError::TimedOut(_) | ResolveError::Failed { .. })), "{dead:?}");
    }

    #[tokio::test]
    async fn what_is_no_host_name_is_not_asked_for() {
        for bad in ["", "a b", "a..b", "é.fr", "a/b", &"a".repeat(64), &"a.".repeat(200)] {
            let answer = without_files().lookup(bad).await;
            assert!(matches!(answer, Err(ResolveError::NotAName(_))), "{bad:?}: {answer:?}");
        }
    }
}
