//! The sections that belong to no other module.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::audit::Verifier;
use crate::domain::{Duration, Environment, EstablishmentId, Siret};
use crate::fault::Language;
use crate::os::logging::Level;
use crate::work::connector::{ApiSection, TechnicalAccountSection};

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

/// `[rules]`: what an invoice is held against.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesSection {
    /// A signed file of code lists, rates, limits, severities and messages, instead of the program's own.
    pub tables: Option<PathBuf>,
    /// Whose signature under it is trusted.
    pub keys: Vec<String>,
}

impl RulesSection {
    /// The keys that can be read; what cannot is a problem of the configuration.
    pub fn verifiers(&self) -> Vec<Verifier> {
        self.keys.iter().filter_map(|key| Verifier::parse(key).ok()).collect()
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

/// `[chorus]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChorusSection {
    /// `[chorus.api.<environment>]`
    pub api: BTreeMap<Environment, ApiSection>,
    /// The last day on which A_RECYCLER is passed on; without one it is not any more (DSE-CP §2.4.2).
    pub recycling_until: Option<Day>,
    /// Whether a motif's code is sent as it is; whether Chorus Pro reads codes there is not known (PROTOCOL §9).
    pub motive_codes: bool,
}

/// A day of the calendar, `yyyy-mm-dd`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Day(String);

impl Day {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Day {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let is_day = text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
        if is_day { Ok(Self(text)) } else { Err(format!("{text:?}: yyyy-mm-dd")) }
    }
}
