//! What of the rules is a table and not a program: code lists, rates, limits, severities, what blocks, messages. They
//! carry a version, and a file may replace them without a new program ([`Tables::read`]; [`Tables::print`] writes one).
//!
//! Promises: a file is laid over the built-in tables as a whole or not at all, and everything wrong in it is refused with
//! its place; nothing is read while an invoice is examined. Refuses to know who signed the file and where it lies.

mod printing;
mod reading;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::chorus_rules::{LIMITS, Limit};
use super::official::lists::{LISTS, List, Which};
use super::official::{EUROPEAN_VERSION, FRENCH_VERSION};
use super::{Examined, Options, Preflight, Profile, Severity};
use crate::fault::{Fault, Language};

pub use reading::{TEXT_LIMIT, is_older, is_version};

/// The built-in tables' version: the day they were last changed, and a number within it.
pub const VERSION: &str = "2026-11-27.1";

/// Bytes of the hash of tables that reports show.
const HASH_BYTES: usize = 6;

/// What refuses a file under each profile, where the rule itself is fatal: exact ids, or prefixes ending with `*`.
///
/// The historic B2G channel is not known to apply the EN 16931 schematron, so there only what Chorus Pro itself cannot
/// do without blocks: its own limits, a number, a date, readable values.
pub const BLOCKING: [(Profile, &[&str]); 3] = [
    (Profile::En16931, &["BR-*", "UBL-*", "CII-*", "FG-*"]),
    (Profile::Chorus, &["CPRO-*", "FLUX-DIR-*", "FG-DECIMAL", "FG-VALUE", "FG-DUPLICATE", "BR-02", "BR-03", "BR-05"]),
    // In which syntax Chorus Pro takes invoices to firms (G2B-SYNTAX) is no rule of AFNOR's: it is told.
    (Profile::G2b, &["BR-*", "UBL-*", "CII-*", "FG-*", "G2B-NUMBER-LENGTH"]),
];

/// Tables in force: a handle that costs nothing to copy. What was read from a file stays for the process's life, each
/// content once.
#[derive(Clone, Copy)]
pub struct Tables(&'static Kept);

struct Kept {
    data: Data,
    /// Of what [`Tables::print`] prints; made when it is asked for first.
    sha256: OnceLock<[u8; 32]>,
}

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

/// The versions of what a file was held against, as reports show them: only of what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The validation artefacts of the European standard.
    #[serde(default)]
    pub en16931: Option<String>,
    /// Those of the French rules, of profile `g2b`.
    #[serde(default)]
    pub br_fr: Option<String>,
    /// What AFNOR's rules of invoices to public bodies do, where they were asked: `warn` or `block`.
    #[serde(default)]
    pub br_fr_cpro: Option<String>,
    /// The tables.
    pub tables: String,
    /// The start of their content's SHA-256 ([`Tables::hash`]); empty where it was not kept yet.
    #[serde(default)]
    pub tables_hash: String,
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, version) in [("EN 16931", &self.en16931), ("BR-FR", &self.br_fr), ("BR-FR-CPRO", &self.br_fr_cpro)] {
            if let Some(version) = version {
                write!(f, "{name} {version}, ")?;
            }
        }
        write!(f, "tables {}", self.tables)?;
        if self.tables_hash.is_empty() { Ok(()) } else { write!(f, " ({})", self.tables_hash) }
    }
}

impl Versions {
    /// The same in a person's words.
    pub fn told(&self, language: Language) -> String {
        let does = self.br_fr_cpro.as_deref().map(|does| match (does, language) {
            ("block", Language::Fr) => "(bloque)",
            ("block", Language::En) => "(blocks)",
            (_, Language::Fr) => "(avertit)",
            (_, Language::En) => "(warns)",
        });
        Versions { br_fr_cpro: does.map(str::to_owned), ..self.clone() }.to_string()
    }
}

impl Options {
    /// What an invoice is held against.
    pub fn versions(&self) -> Versions {
        let preflight = (self.profile == Profile::Chorus && self.preflight != Preflight::Off).then_some(self.preflight);
        Versions {
            en16931: Some(EUROPEAN_VERSION.to_owned()),
            br_fr: (self.profile == Profile::G2b).then(|| FRENCH_VERSION.to_owned()),
            br_fr_cpro: preflight.map(|effect| effect.as_str().to_owned()),
            ..self.versions_beside_the_standard()
        }
    }

    /// What that is held against which the standard says nothing about: the data of PDFs, and foreign syntaxes.
    pub fn versions_beside_the_standard(&self) -> Versions {
        let (tables, tables_hash) = (self.tables.version().to_owned(), self.tables.hash());
        Versions { en16931: None, br_fr: None, br_fr_cpro: None, tables, tables_hash }
    }
}

impl Examined {
    /// What the file was held against; `None` where none of it could be read, or it is no invoice nor a PDF's data.
    pub fn rules(&self, options: &Options) -> Option<Versions> {
        self.facts.as_ref()?;
        let by_the_standard = self.syntax.is_some_and(|syntax| !syntax.is_foreign());
        Some(if by_the_standard { options.versions() } else { options.versions_beside_the_standard() })
    }
}

impl Tables {
    /// Those of this program.
    pub fn built_in() -> Self {
        static BUILT_IN: LazyLock<Kept> = LazyLock::new(|| Kept::new(Data::built_in()));
        Self(&BUILT_IN)
    }

    /// The built-in tables with a file's entries over them. `text` is the file without its signature.
    pub fn read(text: &str) -> Result<Self, Fault> {
        static READ: Mutex<Vec<&'static Kept>> = Mutex::new(Vec::new());
        let data = reading::read(text)?;
        if data == Self::built_in().0.data {
            return Ok(Self::built_in());
        }
        let mut known = READ.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.iter().find(|known| known.data == data) {
            return Ok(Self(known));
        }
        let kept: &'static Kept = Box::leak(Box::new(Kept::new(data)));
        known.push(kept);
        Ok(Self(kept))
    }

    /// The whole of them as a file that [`Tables::read`] takes, unsigned.
    pub fn print(self) -> String {
        printing::print(&self.0.data)
    }

    /// Their version: `2026-11-26.1`.
    pub fn version(self) -> &'static str {
        &self.0.data.version
    }

    /// SHA-256 of the whole of them as a file: tells two contents of one version apart.
    pub fn sha256(self) -> [u8; 32] {
        *self.0.sha256.get_or_init(|| Sha256::digest(self.print()).into())
    }

    /// The start of [`Tables::sha256`], as reports show it.
    pub fn hash(self) -> String {
        self.sha256()[..HASH_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn list(self, list: Which) -> &'static List {
        &self.0.data.lists[list.index()]
    }

    pub(super) fn limit(self, limit: Limit) -> usize {
        self.0.data.limits[limit.index()]
    }

    /// The words of a rule or row that a file replaced.
    pub(super) fn words(self, rule: &str) -> Option<&'static [String; 4]> {
        self.0.data.messages.get(rule)
    }

    /// How grave a rule is. `severity` is the program's own word.
    pub(super) fn severity(self, rule: &str, severity: Severity) -> Severity {
        self.0.data.severities.get(rule).copied().unwrap_or(severity)
    }

    /// Whether a finding refuses the file under a profile. `severity` is the program's own.
    pub(super) fn blocks(self, profile: Profile, rule: &str, severity: Severity) -> bool {
        if self.severity(rule, severity) != Severity::Fatal {
            return false;
        }
        let row = BLOCKING.iter().position(|(of, _)| *of == profile).map(|at| &self.0.data.blocking[at]);
        row.into_iter().flatten().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => rule.starts_with(prefix),
            None => rule == *pattern,
        })
    }
}

impl Kept {
    fn new(data: Data) -> Self {
        Self { data, sha256: OnceLock::new() }
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
        write!(f, "Tables({} {})", self.version(), self.hash())
    }
}
