//! What core and keeper say to each other of updates: what runs, what is done, what waits to be installed.

use serde::{Deserialize, Serialize};

use crate::domain::{DocumentHash, Timestamp};
use crate::fault::Fault;
use crate::update::{self, Version};

/// How updates stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Updates {
    /// What runs, what will be booted, what was attempted; an error where that cannot be told.
    pub status: Result<update::Status, Fault>,
    /// What of the running version is not well now, in [`update::record::unwell_text`]'s words.
    pub lacks: Vec<String>,
    pub work: Work,
    /// Why what ran last in the background did not come to its end.
    pub failed: Option<Fault>,
    pub offered: Option<Offered>,
}

/// What is being done, in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Work {
    Idle,
    /// An offered file is read and held against its signatures.
    Examining,
    /// The running version is blessed, or the former one made the next boot.
    Settling,
    /// A release is written; the last step that was done.
    Installing(Option<update::Step>),
}

/// A release that this box would take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offered {
    /// Of the whole file: names it.
    pub sha256: DocumentHash,
    pub bytes: u64,
    pub version: Version,
    /// Installed before then, or not at all.
    pub expires: Timestamp,
    /// What changes, in French and English; cut at [`CHANGELOG_LIMIT`].
    pub changelog: [String; 2],
}

/// Characters of a changelog that are shown, at most.
pub const CHANGELOG_LIMIT: usize = 6000;
