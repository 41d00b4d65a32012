//! `[sftp]` of the configuration.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::Duration;

/// `[sftp]`: what the network sees of the bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Section {
    pub listen: SocketAddr,
    /// OpenSSH private key; without it one is made at first start. Relative to the store's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_key_file: Option<PathBuf>,
    /// At once.
    pub connections: u32,
    /// At once, from one address (one /64 of IPv6).
    pub connections_per_address: u32,
    /// Whoever has not logged in after this is cut off.
    pub login_timeout: Duration,
    /// A connection on which nothing comes for this long is cut off.
    pub idle_timeout: Duration,
}

impl Default for Section {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 22),
            host_key_file: None,
            connections: 256,
            connections_per_address: 32,
            login_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(15 * 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_read_and_unknown_keys_are_not() {
        let section: Section = toml::from_str(
            r#"
            listen = "0.0.0.0:22"
            connections = 256
            connections_per_address = 32
            login_timeout = "30s"
            idle_timeout = "15min"
            "#,
        )
        .unwrap();
        assert_eq!(section, Section::default());
        assert_eq!(toml::from_str::<Section>("").unwrap(), Section::default());
        assert!(toml::from_str::<Section>("port = 22").is_err());
    }
}
