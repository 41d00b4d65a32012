//! What of the rules is a table and not a program: code lists, rates, limits, severities, what blocks, messages. They
//! carry a version, and a file may replace them without a new program ([`Tables::read`]; [`Tables::print`] writes one).
//!
//! Promises: a file is laid over the built-in tables as a whole or not at all, and everything wrong in it is refused with
//! its place; nothing is read while an invoice is examined. Refuses to know who signed the file and where it lies.

mod printing;
mod reading;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::chorus_rules::{LIMITS, Limit};
use super::official::lists::{LISTS, List, Which};
use super::official::{EUROPEAN_VERSION, FRENCH_VERSION};
use super::{Profile, Severity};
use crate::fault::Fault;

pub use reading::{TEXT_LIMIT, is_version};

/// The built-in tables' version: the day they were last changed, and a number within it.
pub const VERSION: &str = "2026-11-26.1";

/// What refuses a file under each profile, where the rule itself is fatal: exact ids, or prefixes ending with `*`.
///
/// The historic B2G channel is not known to apply the EN 16931 schematron, so there only what Chorus Pro itself cannot
/// do without blocks: its own limits, a number, a date, readable values.
pub const BLOCKING: [(Profile, &[&str]); 3] = [
    (Profile::En16931, &["BR-*", "UBL-*", "CII-*", "FG-*"]),
    (Profile::Chorus, &["CPRO-*", "FLUX-DIR-*", "FG-DECIMAL", "FG-VALUE", "FG-DUPLICATE", "BR-02", "BR-03", "BR-05"]),
    (Profile::G2b, &["BR-*", "UBL-*", "CII-*", "FG-*", "G2B-*"]),
];

/// Tables in force: a handle that costs nothing to copy. What was read from a file stays for the process's life, each
/// content once.
#[derive(Clone, Copy)]
pub struct Tables(&'static Data);

#[derive(PartialEq)]
struct Data {
    version: String,
    /// In the order of [`LISTS`].
    lists: Vec<List>,
    /// In the order of [`LIMITS`].
    limits: Vec<usize>,
    /// Of rules whose severity is another than the program's.
    severities: BTreeMap<String, Severity>,
    /// In the order of [`BLOCKING`].
    blocking: Vec<Vec<String>>,
    /// Of rules whose words are others than the program's, by the rule or row they replace: texts in the order of
    /// [`super::texts::TEMPLATE_KEYS`].
    messages: BTreeMap<String, [String; 4]>,
}

/// The versions of everything an invoice is held against, as reports show them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The validation artefacts of the European standard.
    pub en16931: String,
    /// Those of the French rules.
    pub br_fr: String,
    /// The tables.
    pub tables: String,
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EN 16931 {}, BR-FR {}, tables {}", self.en16931, self.br_fr, self.tables)
    }
}

impl Tables {
    /// Those of this program.
    pub fn built_in() -> Self {
        static BUILT_IN: LazyLock<Data> = LazyLock::new(Data::built_in);
        Self(&BUILT_IN)
    }

    /// The built-in tables with a file's entries over them. `text` is the file without its signature.
    pub fn read(text: &str) -> Result<Self, Fault> {
        static READ: Mutex<Vec<&'static Data>> = Mutex::new(Vec::new());
        let data = reading::read(text)?;
        if data == *Self::built_in().0 {
            return Ok(Self::built_in());
        }
        let mut known = READ.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.iter().find(|known| ***known == data) {
            return Ok(Self(known));
        }
        let kept: &'static Data = Box::leak(Box::new(data));
        known.push(kept);
        Ok(Self(kept))
    }

    /// The whole of them as a file that [`Tables::read`] takes, unsigned.
    pub fn print(self) -> String {
        printing::print(self.0)
    }

    /// Their version: `2026-11-26.1`.
    pub fn version(self) -> &'static str {
        &self.0.version
    }

    /// The versions that reports show.
    pub fn versions(self) -> Versions {
        Versions {
            en16931: EUROPEAN_VERSION.to_owned(),
            br_fr: FRENCH_VERSION.to_owned(),
            tables: self.version().to_owned(),
        }
    }

    pub(super) fn list(self, list: Which) -> &'static List {
        &self.0.lists[list.index()]
    }

    pub(super) fn limit(self, limit: Limit) -> usize {
        self.0.limits[limit.index()]
    }

    /// The words of a rule or row that a file replaced.
    pub(super) fn words(self, rule: &str) -> Option<&'static [String; 4]> {
        self.0.messages.get(rule)
    }

    /// How grave a rule is. `severity` is the program's own word.
    pub(super) fn severity(self, rule: &str, severity: Severity) -> Severity {
        self.0.severities.get(rule).copied().unwrap_or(severity)
    }

    /// Whether a finding refuses the file under a profile. `severity` is the program's own.
    pub(super) fn blocks(self, profile: Profile, rule: &str, severity: Severity) -> bool {
        if self.severity(rule, severity) != Severity::Fatal {
            return false;
        }
        let row = BLOCKING.iter().position(|(of, _)| *of == profile).map(|at| &self.0.blocking[at]);
        row.into_iter().flatten().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => rule.starts_with(prefix),
            None => rule == *pattern,
        })
    }
}

impl Data {
    fn built_in() -> Self {
        let owned = |patterns: &[&str]| patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        Self {
            version: VERSION.to_owned(),
            lists: LISTS.iter().map(|list| (list.built_in)()).collect(),
            limits: LIMITS.iter().map(|limit| limit.built_in).collect(),
            severities: BTreeMap::new(),
            blocking: BLOCKING.iter().map(|(_, patterns)| owned(patterns)).collect(),
            messages: BTreeMap::new(),
        }
    }
}

impl Default for Tables {
    fn default() -> Self {
        Self::built_in()
    }
}

/// Each content is kept once, so the same address is the same content.
impl PartialEq for Tables {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Tables {}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tables({})", self.0.version)
    }
}
