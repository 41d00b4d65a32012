//! What the simulator is told to play: one TOML file (or JSON, for `POST /simulator/control`), every key optional.
//!
//! `config/simulate.toml` shows every key with its meaning. Where PROTOCOL.md has two readings, a key chooses.

use serde::{Deserialize, Serialize};

use super::fault::FaultRule;
use super::readings::Readings;
use super::structure::ServiceUnit;
use super::weather::{Latency, OutageRule};
use crate::domain::{Duration, Siret};

/// The largest scenario file, in bytes.
pub const SCENARIO_LIMIT_BYTES: u64 = 1 << 20;
/// The most rules of one kind.
pub const RULES_LIMIT: usize = 1_000;
/// Room kept for the rules of the catalogue of tests.
const CATALOGUE_RULES: usize = 20;
/// The most received invoices made at start.
pub const RECEIVED_LIMIT: usize = 10_000;
/// The longest page there is (PROTOCOL §2.2).
pub(super) const PAGE_LIMIT: i64 = 200;
/// The farthest end of a password, in days.
pub(super) const DAYS_LIMIT: i64 = 36_500;
/// The fastest clock: simulated seconds in a real second.
pub const SPEED_LIMIT: f64 = 1_000_000.0;

/// Why a scenario is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    #[error("scenario: {0}")]
    Toml(String),
    #[error("scenario: {key}: {reason}")]
    Value { key: &'static str, reason: String },
}

pub(super) fn wrong(key: &'static str, reason: impl Into<String>) -> ScenarioError {
    ScenarioError::Value { key, reason: reason.into() }
}

/// Whether a list may hold that many rules.
pub(super) fn at_most(key: &'static str, rules: usize) -> Result<(), ScenarioError> {
    if rules > RULES_LIMIT { Err(wrong(key, format!("must be at most {RULES_LIMIT} rules"))) } else { Ok(()) }
}

/// The whole scenario. `Scenario::default()` is a Chorus Pro where everything goes well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Simulated seconds per real second; read by the command, which passes it on as an option.
    pub speed: f64,
    /// Seed of the faults that strike by chance; read by the command as well.
    pub seed: u64,
    /// Real time a token lives (the client counts it on its own clock). Told as `expires_in`, whole seconds.
    pub token_lifetime: Duration,
    /// The establishment that invoices are received for.
    pub establishment: Siret,
    /// Who is known as a recipient.
    pub directory: Directory,
    /// Further recipients.
    pub recipient: Vec<Recipient>,
    /// Invoices waiting for the establishment at start.
    pub received: usize,
    /// Works invoices (FACTURE_TRAVAUX) waiting for it at start.
    pub received_works: usize,
    /// Sub-contractors' invoices it must validate at start.
    pub to_validate: usize,
    /// Rows of a page, at most.
    pub page_limit: i64,
    /// Whether received invoices and statuses of histories have a field, `nouveauChamp`, that no description has.
    pub new_fields: bool,
    /// Plays the catalogue of tests: watches the client, and prepares what its scenarios need.
    pub catalogue: bool,
    /// Days until the technical account's password ends, at start (PROTOCOL §1: 424 when new); less than 0: it has.
    pub password_days: i64,
    /// How a business error travels.
    pub errors: ErrorTransport,
    /// How a compte rendu lists a single refused invoice.
    pub error_list: ErrorList,
    /// How `telecharger/groupe` hands a pivot over.
    pub pivot: PivotForm,
    /// Where the documents disagree.
    pub readings: Readings,
    /// How long each stage takes, in simulated time.
    pub timing: Timing,
    /// Simulated time from the suspension of a received invoice to its completion by the supplier; without it, the
    /// supplier waits for the tester.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_after: Option<Duration>,
    /// How long each call takes; without it, no time.
    pub latency: Option<Latency>,
    /// When nothing works at all.
    pub outage: Vec<OutageRule>,
    /// Fixed names and secrets; without them, new ones at every start.
    pub credentials: Option<FixedCredentials>,
    /// What disturbs single calls; the first that fits strikes.
    pub fault: Vec<FaultRule>,
    /// How deposits end, otherwise than by their content; the first that fits counts.
    pub verdict: Vec<VerdictRule>,
    /// The ways of integrated invoices; the first that fits counts.
    pub path: Vec<PathRule>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            speed: 1.0,
            seed: 0,
            token_lifetime: Duration::from_secs(3600),
            establishment: "12345678200051".parse().expect("fourteen digits"),
            directory: Directory::default(),
            recipient: Vec::new(),
            received: 0,
            received_works: 0,
            to_validate: 0,
            page_limit: PAGE_LIMIT,
            new_fields: false,
            catalogue: false,
            password_days: 424,
            errors: ErrorTransport::default(),
            error_list: ErrorList::default(),
            pivot: PivotForm::default(),
            readings: Readings::default(),
            timing: Timing::default(),
            completed_after: None,
            latency: None,
            outage: Vec::new(),
            credentials: None,
            fault: Vec::new(),
            verdict: Vec::new(),
            path: Vec::new(),
        }
    }
}

/// Who may receive an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Directory {
    /// Chorus Pro's fictitious qualification set (PROTOCOL §1), and `[[recipient]]`.
    #[default]
    Qualification,
    /// Everybody, without further demands; a supplier without identifier passes too.
    Open,
}

/// A recipient and what it demands of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    pub siret: Siret,
    #[serde(default)]
    pub name: String,
    /// The commitment number (BT-13) must be given.
    #[serde(default)]
    pub commitment: bool,
    /// The service code (BT-10) must be given.
    #[serde(default)]
    pub service: bool,
    /// One of the two must be given.
    #[serde(default)]
    pub either: bool,
    /// An invoice for an inactive recipient is rejected.
    #[serde(default = "active")]
    pub active: bool,
    /// With a demanded service code: one of these, active.
    #[serde(default)]
    pub services: Vec<ServiceUnit>,
    /// Its legal commitments, which `engagementsJuridiques/rechercher` finds.
    #[serde(default)]
    pub commitments: Vec<String>,
}

fn active() -> bool {
    true
}

/// PROTOCOL §2: business errors arrive both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorTransport {
    #[default]
    Http200,
    Http400,
    /// One after the other.
    Alternate,
}

/// PROTOCOL §2.2: AIFE's own example shows one object where an array is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorList {
    #[default]
    Array,
    /// A single error is the object itself; several are an array.
    Object,
    Alternate,
    /// An array whose errors say neither number nor parties: which invoices they are about is not told.
    Unnamed,
}

/// PROTOCOL §2.2: a pivot is XML, or a ZIP that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PivotForm {
    Xml,
    Zip,
    #[default]
    Alternate,
}

/// Simulated time that things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// From deposit to IN_RECU.
    pub received_after: Duration,
    /// From deposit to IN_TRAITE_SE_CPP.
    pub processed_after: Duration,
    /// From deposit to the verdict; an accepted invoice is found by searches from then on.
    pub verdict_after: Duration,
    /// Between two statuses of an integrated invoice.
    pub status_step: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            received_after: Duration::from_secs(20),
            processed_after: Duration::from_secs(60),
            verdict_after: Duration::from_secs(120),
            status_step: Duration::from_secs(600),
        }
    }
}

/// Names and secrets that stay the same over restarts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedCredentials {
    /// Of the token service.
    pub client_id: String,
    pub client_secret: String,
    /// The technical account's name.
    pub account_login: String,
    pub account_password: String,
}

impl std::fmt::Debug for FixedCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FixedCredentials").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// A verdict on deposits other than the one their content deserves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictRule {
    /// Invoice number, `*` for any characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
    /// File name (nomFichier), `*` for any characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The state the flux ends in. IN_INTEGRE integrates its readable invoices whatever they deserve; every other
    /// state, one that nobody knows included, integrates nothing.
    pub state: String,
    /// What listeErreurDP says, cut to 200 characters.
    #[serde(default)]
    pub label: String,
    /// How many deposits it strikes; 0: all.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// Another way of an integrated invoice than the one to its payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathRule {
    /// Invoice number, `*` for any characters.
    pub invoice: String,
    /// The statuses, in order, one `status_step` apart.
    pub statuses: Vec<String>,
    /// The comment of the last of them.
    #[serde(default)]
    pub comment: String,
}

impl Scenario {
    /// Reads and checks a TOML scenario.
    pub fn from_toml(text: &str) -> Result<Scenario, ScenarioError> {
        let scenario: Scenario = toml::from_str(text).map_err(|e| ScenarioError::Toml(e.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// What types alone do not say.
    pub fn check(&self) -> Result<(), ScenarioError> {
        check_speed(self.speed)?;
        if self.token_lifetime.get().as_secs() == 0 {
            return Err(wrong("token_lifetime", "must be at least 1s"));
        }
        for (key, count) in
            [("received", self.received), ("received_works", self.received_works), ("to_validate", self.to_validate)]
        {
            if count > RECEIVED_LIMIT {
                return Err(wrong(key, format!("must be at most {RECEIVED_LIMIT}")));
            }
        }
        if self.password_days.abs() > DAYS_LIMIT {
            return Err(wrong("password_days", format!("must be at most {DAYS_LIMIT} days away")));
        }
        if !(1..=PAGE_LIMIT).contains(&self.page_limit) {
            return Err(wrong("page_limit", format!("must be 1 to {PAGE_LIMIT}")));
        }
        self.readings.check()?;
        if let Some(latency) = &self.latency {
            latency.check()?;
        }
        self.outage.iter().try_for_each(OutageRule::check)?;
        let timing = &self.timing;
        if timing.received_after > timing.processed_after || timing.processed_after > timing.verdict_after {
            return Err(wrong("timing", "received_after <= processed_after <= verdict_after must hold"));
        }
        for (key, length) in [
            ("fault", self.fault.len()),
            ("verdict", self.verdict.len()),
            ("path", self.path.len()),
            ("recipient", self.recipient.len()),
            ("outage", self.outage.len()),
        ] {
            // The catalogue adds its own.
            let limit = if self.catalogue { RULES_LIMIT - CATALOGUE_RULES } else { RULES_LIMIT };
            if length > limit {
                return Err(wrong(key, format!("must be at most {limit} rules")));
            }
        }
        self.fault.iter().try_for_each(FaultRule::check)?;
        self.verdict.iter().try_for_each(VerdictRule::check)?;
        self.path.iter().try_for_each(PathRule::check)
    }
}

pub(super) fn check_speed(speed: f64) -> Result<(), ScenarioError> {
    if speed.is_finite() && (0.0..=SPEED_LIMIT).contains(&speed) {
        Ok(())
    } else {
        Err(wrong("speed", format!("must be between 0 and {SPEED_LIMIT}")))
    }
}

impl VerdictRule {
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        if self.state.trim().is_empty() { Err(wrong("verdict.state", "must not be empty")) } else { Ok(()) }
    }
}

impl PathRule {
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        if self.statuses.is_empty() || self.statuses.len() > 100 {
            return Err(wrong("path.statuses", "must name 1 to 100 statuses"));
        }
        Ok(())
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any characters.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, text, expected) in [
            ("FA-1", "FA-1", true),
            ("FA-1", "FA-10", false),
            ("FA-*", "FA-10", true),
            ("*-10", "FA-10", true),
            ("F*-*0", "FA-10", true),
            ("F*-*1", "FA-10", false),
            ("*", "", true),
            ("", "x", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// Every key there is, written out: a new one does not compile until it stands here, and fails until it is shown.
    fn everything() -> Scenario {
        let text = || Some("x".to_owned());
        let day = Duration::from_secs(86_400);
        let service = || ServiceUnit { code: "A".to_owned(), name: String::new(), active: true, commitment: false };
        Scenario {
            speed: 1.0,
            seed: 0,
            token_lifetime: day,
            establishment: "12345678200051".parse().unwrap(),
            directory: Directory::Open,
            recipient: vec![Recipient {
                siret: "19999999900017".parse().unwrap(),
                name: String::new(),
                commitment: true,
                service: true,
                either: true,
                active: true,
                services: vec![service()],
                commitments: vec!["A".to_owned()],
            }],
            received: 1,
            received_works: 1,
            to_validate: 1,
            page_limit: 1,
            new_fields: true,
            catalogue: true,
            password_days: 1,
            errors: ErrorTransport::Http400,
            error_list: ErrorList::Object,
            pivot: PivotForm::Xml,
            readings: Readings { recycling_until: text(), ..Readings::default() },
            timing: Timing { received_after: day, processed_after: day, verdict_after: day, status_step: day },
            completed_after: Some(day),
            latency: Some(Latency { median: day, p99: day }),
            outage: vec![OutageRule { after: day, lasts: day, kind: Default::default() }],
            credentials: Some(FixedCredentials {
                client_id: String::new(),
                client_secret: String::new(),
                account_login: String::new(),
                account_password: String::new(),
            }),
            fault: vec![FaultRule {
                service: String::new(),
                effect: super::super::fault::Effect::Any,
                nth: Some(1),
                invoice: text(),
                file: text(),
                probability: Some(0.1),
                times: Some(1),
                accepted: Some(true),
                ms: Some(1),
                retry_after: Some(1),
                code: Some(1),
                label: text(),
                among: Some(Vec::new()),
            }],
            verdict: vec![VerdictRule {
                invoice: text(),
                file: text(),
                state: String::new(),
                label: String::new(),
                times: 1,
            }],
            path: vec![PathRule { invoice: String::new(), statuses: vec!["A".to_owned()], comment: String::new() }],
        }
    }

    fn keys(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    found.push(key.clone());
                    keys(value, found);
                }
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| keys(value, found)),
            _ => {}
        }
    }

    #[test]
    fn the_sample_shows_every_key() {
        let text = include_str!("../../config/simulate.toml");
        Scenario::from_toml(text).unwrap();
        let mut all = Vec::new();
        keys(&serde_json::to_value(everything()).unwrap(), &mut all);
        assert!(all.len() > 60, "{}", all.len());
        for key in all {
            let named = text.lines().any(|line| {
                let line = line.trim_start_matches(['#', ' ']);
                line.starts_with(&format!("{key} ="))
                    || line.starts_with(&format!("[{key}]"))
                    || line.starts_with(&format!("[[{key}]]"))
                    || line.contains(&format!("{{ {key} ="))
                    || line.contains(&format!(", {key} ="))
            });
            assert!(named, "config/simulate.toml does not show {key}");
        }
        for effect in super::super::fault::Effect::ALL {
            let name = serde_json::to_value(effect).unwrap();
            assert!(text.contains(name.as_str().unwrap()), "config/simulate.toml does not show {name}");
        }
    }

    #[test]
    fn the_most_rules_there_may_be_leave_room_for_the_catalogues() {
        let full = |count, catalogue| Scenario {
            fault: vec![FaultRule::new("token", super::super::fault::Effect::Status500); count],
            catalogue,
            ..Scenario::default()
        };
        assert!(full(RULES_LIMIT, false).check().is_ok() && full(RULES_LIMIT, true).check().is_err());
        let mut most = full(RULES_LIMIT - CATALOGUE_RULES, true);
        most.check().unwrap();
        super::super::catalogue::prepare(&mut most);
        assert!(most.fault.len() <= RULES_LIMIT && most.verdict.len() + most.path.len() <= CATALOGUE_RULES);
    }

    #[test]
    fn mistakes_are_refused_with_their_key() {
        for (text, expected) in [
            ("spede = 1", "spede"),
            ("speed = -1", "speed"),
            ("token_lifetime = \"10ms\"", "token_lifetime"),
            ("timing = { received_after = \"10min\" }", "timing"),
            ("[[fault]]\nservice = \"deposer/flu\"\neffect = \"cut\"", "deposer/flu"),
            ("[[fault]]\nservice = \"token\"\neffect = \"slow\"", "ms"),
            ("[[path]]\ninvoice = \"*\"\nstatuses = []", "statuses"),
            ("[readings]\nstatus_order = \"random\"", "random"),
            ("[readings]\nrecycling_until = \"soon\"", "recycling_until"),
            ("latency = { median = \"2s\", p99 = \"1s\" }", "latency"),
            ("[[outage]]\nafter = \"1s\"\nlasts = \"0s\"", "lasts"),
            ("password_days = 99999999", "password_days"),
        ] {
            let error = Scenario::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
