//! `[door]` and `[[door.site]]`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use super::site::{Host, PathPrefix, Upstream};
use crate::domain::{ByteSize, Duration};

/// `[door]`: what the network sees.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DoorSection {
    /// HTTPS: the page and the sites. Port 0: any free one.
    pub listen: SocketAddr,
    /// PEM chain; without it a certificate is made at first start.
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    /// `/healthz` and `/metrics`, plain HTTP.
    pub metrics_listen: SocketAddr,
    /// A request's head.
    pub header_limit: ByteSize,
    /// A request's body; zero: no limit.
    pub body_limit: ByteSize,
    /// For the TLS handshake, and for a request's head from its first byte.
    pub header_timeout: Duration,
    /// Without a byte in either direction.
    pub idle_timeout: Duration,
    /// Until an upstream's first answer byte.
    pub upstream_timeout: Duration,
    /// At once.
    pub connections: usize,
    /// At once from one address (IPv4) or one /64 (IPv6).
    pub connections_per_address: usize,
    /// `[[door.site]]`
    pub site: Vec<SiteSection>,
}

impl Default for DoorSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 443),
            certificate_file: None,
            key_file: None,
            metrics_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464),
            header_limit: ByteSize::from_bytes(64 << 10),
            body_limit: ByteSize::from_bytes(64 << 20),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            upstream_timeout: Duration::from_secs(60),
            connections: 1024,
            connections_per_address: 128,
            site: Vec::new(),
        }
    }
}

/// `[[door.site]]`: a site behind the door.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteSection {
    pub host: Host,
    /// The longest matching prefix of a host wins.
    #[serde(default)]
    pub path: PathPrefix,
    pub upstream: Upstream,
}
