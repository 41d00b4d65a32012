//! The sections that belong to no other module.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::{AccountName, ByteSize, Duration, Environment, EstablishmentId, Siret};
use crate::fault::Language;
use crate::os::logging::Level;

/// `[[establishment]]`: whom this box serves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstablishmentSection {
    /// In receipts, metrics and the journal for ever.
    pub id: EstablishmentId,
    pub name: String,
    pub siret: Siret,
    /// `[[establishment.technical_account]]`: one per environment.
    #[serde(default)]
    pub technical_account: Vec<TechnicalAccountSection>,
}

/// `[web]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebSection {
    /// A person is logged out after this long without a click.
    pub session_idle: Duration,
    /// Of the page before a person chooses, and of receipts.
    pub language: Language,
}

impl Default for WebSection {
    fn default() -> Self {
        Self { session_idle: Duration::from_secs(30 * 60), language: Language::Fr }
    }
}

/// `[journal]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalSection {
    /// Names this box's journal in checkpoints; absent: a name made from the journal's key. The first one used stays.
    pub origin: Option<String>,
    /// Ed25519 seed; absent: one is made at first start.
    pub key_file: Option<PathBuf>,
    /// A checkpoint is signed this long after a step at the latest.
    pub checkpoint_every: Duration,
}

impl Default for JournalSection {
    fn default() -> Self {
        Self { origin: None, key_file: None, checkpoint_every: Duration::from_secs(60) }
    }
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSection {
    /// Database, documents, folders, secrets, staging.
    pub dir: PathBuf,
    /// Sockets between the two processes.
    pub run_dir: PathBuf,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self { dir: PathBuf::from("/var/lib/fluxgate"), run_dir: PathBuf::from("/run/fluxgate") }
    }
}

/// `[log]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    pub level: Level,
}

/// `[[establishment.technical_account]]`: the account Chorus Pro gave.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TechnicalAccountSection {
    pub environment: Environment,
    pub login: String,
    pub password_file: PathBuf,
}

/// `[chorus.api.<environment>]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiSection {
    pub token_url: String,
    pub base_url: String,
    pub client_id: String,
    pub client_secret_file: PathBuf,
    pub ca_file: Option<PathBuf>,
    #[serde(default = "one")]
    pub calls_per_second: u32,
    #[serde(default = "four")]
    pub calls_in_flight: u32,
    #[serde(default = "minute")]
    pub timeout: Duration,
    #[serde(default = "five_minutes")]
    pub token_margin: Duration,
}

fn one() -> u32 {
    1
}
fn four() -> u32 {
    4
}
fn minute() -> Duration {
    Duration::from_secs(60)
}
fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

/// `[[account]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSection {
    pub name: AccountName,
    pub password_hash: Option<String>,
    #[serde(default)]
    pub authorized_keys: Vec<String>,
    #[serde(default)]
    pub allow_from: Vec<String>,
}

/// `[sftp]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SftpSection {
    pub listen: std::net::SocketAddr,
    pub host_key_file: Option<PathBuf>,
    pub connections: usize,
    pub connections_per_address: usize,
    pub login_timeout: Duration,
    pub idle_timeout: Duration,
}

impl Default for SftpSection {
    fn default() -> Self {
        Self {
            listen: std::net::SocketAddr::from(([0, 0, 0, 0], 22)),
            host_key_file: None,
            connections: 256,
            connections_per_address: 32,
            login_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(15 * 60),
        }
    }
}

/// Which rules are applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    En16931,
    #[default]
    Chorus,
    G2b,
}

/// What a fatal finding does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    #[default]
    Block,
    Warn,
}

/// `[[route]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSection {
    pub account: AccountName,
    #[serde(default = "depot")]
    pub folder: String,
    pub establishment: EstablishmentId,
    pub environment: Environment,
    #[serde(default)]
    pub profile: Profile,
    #[serde(default)]
    pub check: Check,
    #[serde(default)]
    pub receive: bool,
}

fn depot() -> String {
    "depot".to_owned()
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    pub file: ByteSize,
    pub pending_bytes: ByteSize,
    pub pending_files: u64,
    pub disk_reserve: ByteSize,
    pub integration_poll: Duration,
    pub integration_deadline: Duration,
    pub integration_delay: Duration,
    pub doubt_poll: Duration,
    pub deposit_retry: Duration,
    pub status_poll: Duration,
    pub reception_poll: Duration,
    pub jobs: usize,
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            file: ByteSize::from_bytes(120 << 20),
            pending_bytes: ByteSize::from_bytes(2 << 30),
            pending_files: 100_000,
            disk_reserve: ByteSize::from_bytes(512 << 20),
            integration_poll: Duration::from_secs(60),
            integration_deadline: Duration::from_secs(4 * 3600),
            integration_delay: Duration::from_secs(24 * 3600),
            doubt_poll: Duration::from_secs(15 * 60),
            deposit_retry: Duration::from_secs(60),
            status_poll: Duration::from_secs(4 * 3600),
            reception_poll: Duration::from_secs(15 * 60),
            jobs: 8,
        }
    }
}

/// `[chorus]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChorusSection {
    /// `[chorus.api.<environment>]`
    pub api: BTreeMap<Environment, ApiSection>,
}
