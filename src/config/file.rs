//! The file on disk: what boot makes of it, how a new text is accepted, the versions kept beside it.
//!
//! `versions/NNNN-<time>.toml` holds every text that was accepted; the newest that this program can read is what a
//! box falls back on when the file itself cannot be read.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sha2::{Digest, Sha256};

use super::{Config, Problem, TEXT_LIMIT};
use crate::domain::{DocumentHash, Timestamp};
use crate::fault::{Code, Fault, Text};
use crate::os::{durable, secret};

/// Versions that are kept; the oldest go first.
pub const VERSION_LIMIT: usize = 500;

/// One accept at a time in this process; only core accepts.
static ACCEPTING: Mutex<()> = Mutex::new(());

/// Where a configuration lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    path: PathBuf,
}

/// A text that was accepted, now or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Counts from 1.
    pub number: u32,
    /// When it was accepted, as its file name says: `20261123T101502Z`.
    pub at: String,
    pub path: PathBuf,
}

/// What accepting a text changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub config: Config,
    pub version: u32,
    /// Of the new text.
    pub sha256: DocumentHash,
    /// Of the file before, when there was one.
    pub before: Option<DocumentHash>,
}

/// Why a text was not accepted. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    #[error("problems of the configuration: {}", .0.len())]
    Problems(Vec<Problem>),
    #[error("keeping the configuration: {0}")]
    Io(#[from] io::Error),
}

/// Where a boot's configuration came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The file.
    File,
    /// A kept version: the file is missing or has problems.
    Version(u32),
    /// Neither: flows are paused.
    Nothing,
}

/// What a process starts with.
#[derive(Debug, Clone)]
pub struct Boot {
    pub config: Config,
    pub source: Source,
    /// FG-902 or FG-903, to be journalled and shown.
    pub fault: Option<Fault>,
    /// What is wrong with the file.
    pub problems: Vec<Problem>,
    /// Of the text in force.
    pub sha256: Option<DocumentHash>,
}

impl ConfigFile {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's text.
    pub fn text(&self) -> io::Result<String> {
        read_bounded(&self.path)
    }

    /// Parses the text and, when it has no problem, makes it the file: the version first, then the file, each whole
    /// and durable. The caller journals the two hashes and who it was.
    pub fn accept(&self, text: &str) -> Result<Accepted, AcceptError> {
        let config = Config::parse(text).map_err(AcceptError::Problems)?;
        let _one_at_a_time = ACCEPTING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = self.text().ok().map(|text| hash(&text));
        let version = self.keep(text)?;
        durable::write_atomically(&self.path, text.as_bytes())?;
        Ok(Accepted { config, version, sha256: hash(text), before })
    }

    /// The kept versions, the newest first.
    pub fn versions(&self) -> io::Result<Vec<Version>> {
        let entries = match std::fs::read_dir(self.folder()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut versions = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let parts = name.strip_suffix(".toml").and_then(|stem| stem.split_once('-'));
            if let Some((number, at)) = parts
                && let Ok(number) = number.parse()
            {
                versions.push(Version { number, at: at.to_owned(), path });
            }
        }
        versions.sort_by_key(|version| std::cmp::Reverse(version.number));
        Ok(versions)
    }

    /// A kept version's text.
    pub fn version_text(&self, number: u32) -> io::Result<String> {
        let version = self.versions()?.into_iter().find(|version| version.number == number);
        read_bounded(&version.ok_or(io::ErrorKind::NotFound)?.path)
    }

    /// What to start with: the file; else the newest version that this program reads; else no flows.
    /// The file is left as it is, for a person to correct. `keep`: a sound file that is no version yet becomes one
    /// (core does that, once).
    pub fn boot(&self, keep: bool) -> Boot {
        let text = self.text();
        let problems = match text.as_deref().map(Config::parse) {
            Ok(Ok(config)) => {
                let text = text.as_deref().unwrap_or_default();
                if keep && let Err(error) = self.keep(text) {
                    log::warn!(error = error.to_string().as_str(); "The configuration's version could not be kept");
                }
                let sha256 = Some(hash(text));
                return Boot { config, source: Source::File, fault: None, problems: Vec::new(), sha256 };
            }
            Ok(Err(problems)) => problems,
            Err(_) => Vec::new(),
        };
        let detail = match (&text, problems.first()) {
            (Ok(_), Some(problem)) => problem.text(),
            (Err(error), _) => {
                let (path, why) = (self.path.display(), Text::from(error));
                Text::new(format!("{path} : {}", why.fr), format!("{path}: {}", why.en))
            }
            (Ok(_), None) => Text::same(""),
        };
        for version in self.versions().unwrap_or_default() {
            let Ok(kept) = read_bounded(&version.path) else { continue };
            if let Ok(config) = Config::parse(&kept) {
                let fault = Some(Fault::new(Code::ConfigurationRestored).with_text("detail", &detail));
                let source = Source::Version(version.number);
                return Boot { config, source, fault, problems, sha256: Some(hash(&kept)) };
            }
        }
        Boot {
            config: Config::paused(text.as_deref().unwrap_or_default()),
            source: Source::Nothing,
            fault: Some(Fault::new(Code::ConfigurationMissing).with_text("detail", &detail)),
            problems,
            sha256: None,
        }
    }

    fn folder(&self) -> PathBuf {
        self.path.parent().unwrap_or(Path::new(".")).join("versions")
    }

    /// Keeps a text as the newest version, unless it is that already. Answers its number.
    fn keep(&self, text: &str) -> io::Result<u32> {
        let versions = self.versions()?;
        if let Some(newest) = versions.first()
            && read_bounded(&newest.path).is_ok_and(|kept| kept == text)
        {
            return Ok(newest.number);
        }
        secret::make_private_dir(&self.folder())?;
        let number = versions.first().map_or(0, |newest| newest.number).saturating_add(1);
        let time: String = Timestamp::now().to_string().chars().filter(|c| !"-:.".contains(*c)).collect();
        let time = format!("{}Z", time.get(..15).unwrap_or(&time));
        durable::write_atomically(&self.folder().join(format!("{number:04}-{time}.toml")), text.as_bytes())?;
        for old in versions.iter().skip(VERSION_LIMIT - 1) {
            std::fs::remove_file(&old.path)?;
        }
        Ok(number)
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let file = std::fs::File::open(path)?;
    let limit = u64::try_from(TEXT_LIMIT).unwrap_or(u64::MAX);
    let mut text = String::new();
    file.take(limit + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Names a configuration's text.
pub fn hash(text: &str) -> DocumentHash {
    DocumentHash(Sha256::digest(text.as_bytes()).into())
}
