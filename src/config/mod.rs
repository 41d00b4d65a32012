//! One TOML file, one parser: used by boot, `config check`, the page and the tests.
//!
//! Promises: every key is known or reported with its line and the nearest key; every problem is reported and not only
//! the first; what is accepted is durable, and the versions before it are kept. Secrets are files named here, never
//! values. What stops no configuration but deserves a look is a *remark*. Refuses to know: sockets, the store, whether a
//! secret is right.

mod checks;
mod file;
mod outward;
mod problem;
mod read;
mod remarks;
mod sections;
pub mod signed_tables;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

pub use file::{AcceptError, Accepted, Boot, ConfigFile, Source, VERSION_LIMIT, Version, hash};
pub use problem::{Problem, nearest};
pub use read::{PROBLEM_LIMIT, TEXT_LIMIT};
pub use sections::{
    ChorusSection, Day, EstablishmentSection, JournalSection, LogSection, RulesSection, StoreSection, WebSection,
};

use crate::bridge::Section as SftpSection;
use crate::door::DoorSection;
use crate::fault::Text;
use crate::gate::AccountSection;
use crate::net::proxy::ProxySection;
use crate::work::releases::UpdateSection;
use crate::work::remote_log::SyslogSection;
use crate::work::watch::NotifySection;
use crate::work::{LimitsSection, RouteSection};
use read::Document;

/// The version of the file's form that this program reads.
pub const FORM: u32 = 1;

/// The top-level keys.
const SECTIONS: &[&str] = &[
    "version",
    "establishment",
    "chorus",
    "proxy",
    "account",
    "route",
    "door",
    "sftp",
    "web",
    "journal",
    "store",
    "limits",
    "rules",
    "notify",
    "log",
    "syslog",
    "update",
];

/// The whole configuration, typed and checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    pub establishments: Vec<EstablishmentSection>,
    pub chorus: ChorusSection,
    pub proxy: ProxySection,
    pub accounts: Vec<AccountSection>,
    pub routes: Vec<RouteSection>,
    pub door: DoorSection,
    pub sftp: SftpSection,
    pub web: WebSection,
    pub journal: JournalSection,
    pub store: StoreSection,
    pub limits: LimitsSection,
    pub rules: RulesSection,
    pub notify: NotifySection,
    pub log: LogSection,
    pub syslog: Option<SyslogSection>,
    pub update: UpdateSection,
}

impl Config {
    /// Reads and checks a configuration text. Every problem found, in the order of the lines.
    pub fn parse(text: &str) -> Result<Config, Vec<Problem>> {
        let mut document = Document::parse(text);
        // What could not be read is not checked: one slip, one problem.
        let config = Self::read(&mut document);
        checks::check(&config, &mut document);
        let mut problems = document.problems;
        if problems.is_empty() {
            return Ok(config.into_config());
        }
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Err(problems)
    }

    /// What does not stop a configuration but will be noticed when it is in force: files it names that are missing or
    /// of no use, keys that nothing reads any more, a SIRET that only the test platform knows. Looks at those files.
    pub fn remarks(text: &str) -> Vec<Problem> {
        let mut document = Document::parse(text);
        let config = Self::read(&mut document);
        document.problems.clear();
        remarks::look(&config, &mut document);
        let mut remarks = document.problems;
        remarks.sort_by_key(|remark| (remark.line, remark.column));
        remarks
    }

    /// What of a new text would shut the door or SFTP, and with them the way to put it right again: a certificate or a host key that is
    /// of no use; on an appliance, whose addresses `here` are, also what its firewall lets nobody through to, and another place
    /// for what is kept. What stands there `now` counts as open. Looks at the files.
    pub fn shut_out(text: &str, now: &Config, here: Option<&[IpAddr]>) -> Vec<Problem> {
        let mut document = Document::parse(text);
        let config = Self::read(&mut document);
        document.problems.clear();
        remarks::shut_out(&config, now, here, &mut document);
        let mut problems = document.problems;
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }

    /// What a box can run on while its configuration is unusable: door, page, journal and store as far as they can
    /// be read, and no flows.
    pub fn paused(text: &str) -> Config {
        let mut document = Document::parse(text);
        let read = Self::read(&mut document).into_config();
        let mut door = read.door;
        door.site.clear();
        Config {
            door,
            sftp: read.sftp,
            web: read.web,
            journal: read.journal,
            store: read.store,
            limits: read.limits,
            rules: read.rules,
            log: read.log,
            syslog: read.syslog,
            update: read.update,
            ..Config::default()
        }
    }

    /// A path of the configuration: a relative one starts at `[store] dir`.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.store.dir.join(path)
    }

    fn read(document: &mut Document<'_>) -> Numbered {
        document.only_keys(SECTIONS);
        match document.section::<u32>("version") {
            Some(FORM) => {}
            Some(other) => document.object(
                "version",
                Text::new(format!("version {other} inconnue"), format!("version {other} is unknown")),
                Text::new(format!("Ce programme lit la version {FORM}"), format!("This program reads version {FORM}")),
            ),
            // A value that is there and unreadable is a problem already.
            None if document.problems.iter().any(|problem| problem.key == "version") => {}
            None => document.object(
                "version",
                Text::new("cette clé est obligatoire", "this key is required"),
                Text::new("Écrivez « version = 1 » en tête", "Write `version = 1` at the top"),
            ),
        }
        let mut chorus = ChorusSection::default();
        for key in document.keys_of(&["chorus"]) {
            match key.as_str() {
                "api" => {}
                "recycling_until" => chorus.recycling_until = document.nested(&["chorus", &key]),
                "motive_codes" => chorus.motive_codes = document.nested(&["chorus", &key]).unwrap_or_default(),
                _ => document.object(
                    &format!("chorus.{key}"),
                    Text::new("clé inconnue", "unknown key"),
                    Text::new(
                        "Écrivez [chorus.api.<environnement>], ou recycling_until ou motive_codes sous [chorus]",
                        "Write [chorus.api.<environment>], or recycling_until or motive_codes below [chorus]",
                    ),
                ),
            }
        }
        for key in document.keys_of(&["chorus", "api"]) {
            match key.parse() {
                Ok(environment) => {
                    chorus.api.extend(document.nested(&["chorus", "api", &key]).map(|section| (environment, section)));
                }
                Err(_) => document.object(
                    &format!("chorus.api.{key}"),
                    Text::new("environnement inconnu", "unknown environment"),
                    Text::new(
                        "Écrivez production, qualification ou practice",
                        "Write production, qualification or practice",
                    ),
                ),
            }
        }
        Numbered {
            establishments: document.list("establishment"),
            accounts: document.list("account"),
            routes: document.list("route"),
            plain: Config {
                chorus,
                proxy: document.section("proxy").unwrap_or_default(),
                door: document.section("door").unwrap_or_default(),
                sftp: document.section("sftp").unwrap_or_default(),
                web: document.section("web").unwrap_or_default(),
                journal: document.section("journal").unwrap_or_default(),
                store: document.section("store").unwrap_or_default(),
                limits: document.section("limits").unwrap_or_default(),
                rules: document.section("rules").unwrap_or_default(),
                notify: document.section("notify").unwrap_or_default(),
                log: document.section("log").unwrap_or_default(),
                syslog: document.section("syslog"),
                update: document.section("update").unwrap_or_default(),
                ..Config::default()
            },
        }
    }
}

/// A configuration whose listed tables still know their 1-based places, for [`Problem::key`].
struct Numbered {
    establishments: Vec<(usize, EstablishmentSection)>,
    accounts: Vec<(usize, AccountSection)>,
    routes: Vec<(usize, RouteSection)>,
    plain: Config,
}

impl Numbered {
    fn into_config(self) -> Config {
        fn bare<T>(list: Vec<(usize, T)>) -> Vec<T> {
            list.into_iter().map(|(_, section)| section).collect()
        }
        Config {
            establishments: bare(self.establishments),
            accounts: bare(self.accounts),
            routes: bare(self.routes),
            ..self.plain
        }
    }
}
