//! The sections of the configuration that core's jobs read: `[limits]` and `[[route]]`.

use std::time::Duration as StdDuration;

use serde::Deserialize;

use crate::chorus::{FluxSyntax, WireDate};
use crate::domain::{AccountName, ByteSize, Duration, Environment, EstablishmentId, Realm, Siret, Timestamp};
use crate::fault::{Fault, Language};
use crate::flow::{FlowKind, Policy};
use crate::invoice::{Preflight, Profile, Tables};
use crate::store::FlowRecord;
use crate::work::watch::WatchOptions;

/// `[limits]`: sizes, counts and waits. What a file leaves out has the default of `config/fluxgate.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// One dropped file.
    pub file: ByteSize,
    /// Dropped and not yet deposited, per account.
    pub pending_bytes: ByteSize,
    /// Dropped and not yet deposited, per account.
    pub pending_files: u64,
    /// Below this much free space nothing is accepted.
    pub disk_reserve: ByteSize,
    /// Between two looks at a deposited flux, to begin with.
    pub integration_poll: Duration,
    /// No verdict after this: a fault, still followed.
    pub integration_deadline: Duration,
    /// A doubtful deposit that cannot be found is not sent again before.
    pub integration_delay: Duration,
    pub doubt_poll: Duration,
    /// A deposit that is doubtful for longer waits for a person; it is looked at all the same.
    pub doubt_deadline: Duration,
    pub deposit_retry: Duration,
    /// Between two looks at a received invoice whose status change is doubtful.
    pub change_poll: Duration,
    /// How long data of a PDF wait for it.
    pub pair_wait: Duration,
    /// Between two looks at an invoice that is not final.
    pub status_poll: Duration,
    /// Between two looks for received invoices.
    pub reception_poll: Duration,
    /// A delivery that the application has not taken after this: a fault until it does.
    pub delivery_deadline: Duration,
    /// Between two downloads of Chorus Pro's directory; zero: no local directory.
    pub directory_refresh: Duration,
    /// Jobs of one kind worked on at once.
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
            doubt_deadline: Duration::from_secs(48 * 3600),
            deposit_retry: Duration::from_secs(60),
            change_poll: Duration::from_secs(5 * 60),
            pair_wait: Duration::from_secs(24 * 3600),
            status_poll: Duration::from_secs(4 * 3600),
            reception_poll: Duration::from_secs(15 * 60),
            delivery_deadline: Duration::from_secs(7 * 24 * 3600),
            directory_refresh: Duration::from_secs(7 * 24 * 3600),
            jobs: 8,
        }
    }
}

impl LimitsSection {
    /// The waits of the life cycle, as the store's steps take them.
    pub fn policy(&self) -> Policy {
        Policy {
            integration_poll: self.integration_poll.get(),
            status_poll: self.status_poll.get(),
            integration_delay: self.integration_delay.get(),
            doubt_poll: self.doubt_poll.get(),
            deposit_retry: self.deposit_retry.get(),
            change_poll: self.change_poll.get(),
            pair_wait: self.pair_wait.get(),
            integration_deadline: self.integration_deadline.get(),
        }
    }

    /// Between two looks for received invoices; never so short that it becomes a storm.
    pub(super) fn reception_wait(&self) -> StdDuration {
        self.reception_poll.get().max(StdDuration::from_millis(100))
    }
}

/// What a fatal finding does to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    /// Refuses it.
    #[default]
    Block,
    /// Only warns.
    Warn,
}

/// How an account is told of its invoices' statuses in `/statuts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusForm {
    /// One JSON per event.
    #[default]
    Json,
    /// One `CPPStatut` (XML) per event.
    Cppstatut,
    Both,
}

/// Whether the files of a route are announced as signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signed {
    /// Those that carry a signature (XAdES, PAdES) are.
    #[default]
    Auto,
    Yes,
    No,
}

/// How a received invoice is laid out in `/recues`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A folder for each.
    #[default]
    Folder,
    /// Files side by side, each with the invoice's number in front.
    Flat,
}

/// `[[route]]`: what becomes of a file, by the account and the folder it was dropped into.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSection {
    pub account: AccountName,
    /// The drop folder, or a sub-folder: `depot/qualif`.
    #[serde(default = "drop_folder")]
    pub folder: String,
    pub establishment: EstablishmentId,
    pub environment: Environment,
    /// Which rules are applied.
    #[serde(default = "historic_profile", deserialize_with = "read_profile")]
    pub profile: Profile,
    #[serde(default)]
    pub check: Check,
    /// What AFNOR's rules of invoices to public bodies (BR-FR-CPRO) do; of profile `chorus` only.
    #[serde(default)]
    pub preflight: Preflight,
    /// The syntax to announce its files under, where it fits what they are; without one, each has its own.
    #[serde(default, deserialize_with = "read_syntax")]
    pub syntax: Option<FluxSyntax>,
    #[serde(default)]
    pub signed: Signed,
    /// Whether invoices received for this establishment are placed in this account's `/recues`.
    #[serde(default)]
    pub receive: bool,
    /// Of one that receives: since which day of their deposit. Without it, the first look takes what has had a state in the
    /// last 35 days, and whatever older is open and was downloaded by nobody.
    #[serde(default, deserialize_with = "read_day")]
    pub receive_since: Option<Timestamp>,
    /// Of one that receives: whether invoices that the establishment must validate (sub- and co-contracting) are placed
    /// there too. Only where it says so: an application that does not know them would pay them.
    #[serde(default)]
    pub to_validate: bool,
    /// How this account is told of statuses of this establishment's invoices.
    #[serde(default)]
    pub statuses: StatusForm,
    /// How they are laid out there.
    #[serde(default)]
    pub layout: Layout,
}

impl RouteSection {
    pub fn realm(&self) -> Realm {
        Realm { establishment: self.establishment.clone(), environment: self.environment }
    }
}

fn drop_folder() -> String {
    "depot".to_owned()
}

fn historic_profile() -> Profile {
    Profile::Chorus
}

fn read_profile<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Profile, D::Error> {
    let text = String::deserialize(text)?;
    text.parse().map_err(|_| serde::de::Error::custom(format!("profile {text:?} is not en16931, chorus or g2b")))
}

/// `yyyy-mm-dd`, from its first instant in Paris; an empty one is none.
fn read_day<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(text)?;
    if text.is_empty() {
        return Ok(None);
    }
    let day = WireDate::new(text.as_str()).instant().filter(|_| text.len() == 10);
    day.map(Some).ok_or_else(|| serde::de::Error::custom(format!("receive_since {text:?} is not a day, yyyy-mm-dd")))
}

/// An empty wish is none.
fn read_syntax<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Option<FluxSyntax>, D::Error> {
    let text = String::deserialize(text)?;
    if text.is_empty() {
        return Ok(None);
    }
    let listed = FluxSyntax::of(&text).filter(|syntax| syntax.is_in_swagger() && text == syntax.as_str());
    listed.map(Some).ok_or_else(|| {
        let codes: Vec<&str> = FluxSyntax::listed().map(FluxSyntax::as_str).collect();
        serde::de::Error::custom(format!("syntax {text:?} is not in Chorus Pro's list: {}", codes.join(", ")))
    })
}

/// What the jobs need of the configuration. Replaced as a whole when that changes.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub routes: Vec<RouteSection>,
    /// The establishments' own structures.
    pub sirets: Vec<(EstablishmentId, Siret)>,
    pub limits: LimitsSection,
    /// Of receipts and findings.
    pub language: Language,
    /// The last day, `yyyy-mm-dd`, on which A_RECYCLER is passed on; without one it is not any more (DSE-CP §2.4.2).
    pub recycling_until: Option<String>,
    /// Whether a motif's code is sent as it is, before its text.
    pub motive_codes: bool,
    pub watch: WatchOptions,
    /// Code lists, limits, severities and messages of the rules.
    pub tables: Tables,
    /// Why the configured ones are not in force.
    pub tables_refused: Option<Fault>,
}

impl Options {
    /// Whether A_RECYCLER is still passed on.
    pub fn recycling(&self, now: Timestamp) -> bool {
        self.recycling_until.as_ref().is_some_and(|last| now.paris_date() <= *last)
    }

    /// The route of a drop.
    pub fn route(&self, account: &AccountName, folder: &str) -> Option<&RouteSection> {
        let folder = folder.trim_matches('/');
        self.routes.iter().find(|route| route.account == *account && route.folder.trim_matches('/') == folder)
    }

    /// How the account of a flow is told of statuses: as its first route to the flow's establishment and environment
    /// says; of received invoices, the first that receives them.
    pub fn status_form(&self, flow: &FlowRecord) -> StatusForm {
        let routes = || self.routes.iter().filter(|r| r.account == flow.account && r.realm() == flow.realm);
        let receiving = routes().find(|route| flow.kind == FlowKind::Reception && route.receive);
        receiving.or_else(|| routes().next()).map_or_else(StatusForm::default, |route| route.statuses)
    }

    /// How a realm's received invoices are laid out for an account.
    pub fn layout(&self, realm: &Realm, account: &AccountName) -> Layout {
        let receives = |route: &&RouteSection| route.receive && route.account == *account && route.realm() == *realm;
        self.routes.iter().find(receives).map_or_else(Layout::default, |route| route.layout)
    }

    /// Whether a realm's invoices to validate are looked for.
    pub fn validates(&self, realm: &Realm) -> bool {
        let receives = |route: &&RouteSection| route.receive && route.realm() == *realm;
        self.routes.iter().find(receives).is_some_and(|route| route.to_validate)
    }

    /// Since which deposit a realm's received invoices are looked for, where its first route that receives says so.
    pub fn received_since(&self, realm: &Realm) -> Option<Timestamp> {
        let receives = |route: &&RouteSection| route.receive && route.realm() == *realm;
        self.routes.iter().find(receives).and_then(|route| route.receive_since)
    }

    /// Realms whose received invoices are looked for, each with the account they are placed for (the first route that
    /// says `receive` wins).
    pub fn receivers(&self) -> Vec<(Realm, AccountName)> {
        let mut receivers: Vec<(Realm, AccountName)> = Vec::new();
        for route in self.routes.iter().filter(|route| route.receive) {
            let realm = route.realm();
            if receivers.iter().all(|(known, _)| *known != realm) {
                receivers.push((realm, route.account.clone()));
            }
        }
        receivers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        limits: LimitsSection,
        route: Vec<RouteSection>,
    }

    #[test]
    fn the_commented_configuration_says_the_defaults() {
        let text = include_str!("../../config/fluxgate.toml");
        let file: File = toml::from_str(text).unwrap();
        assert_eq!(file.limits, LimitsSection::default());
        let options = Options { routes: file.route, limits: file.limits, ..Options::default() };
        let account: AccountName = "sifac".parse().unwrap();
        assert!(options.route(&account, "depot").is_some());
        assert!(options.route(&account, "/depot/").is_some());
        assert!(options.route(&account, "depot/autre").is_none());
        assert_eq!(options.receivers().len(), 1);
        let realm = options.receivers()[0].0.clone();
        assert!(!options.validates(&realm), "only where it is wished");
    }

    #[test]
    fn a_route_that_does_not_ask_for_invoices_to_validate_gets_none() {
        let route = "account = \"a\"\nestablishment = \"e\"\nenvironment = \"practice\"\nreceive = true\n";
        let validates = |text: &str| {
            let route: RouteSection = toml::from_str(text).unwrap();
            let realm = route.realm();
            Options { routes: vec![route], ..Options::default() }.validates(&realm)
        };
        assert!(!validates(route));
        assert!(validates(&format!("{route}to_validate = true")));
    }

    #[test]
    fn a_misspelt_key_or_profile_is_refused() {
        let route = "account = \"a\"\nestablishment = \"e\"\nenvironment = \"practice\"\n";
        assert!(toml::from_str::<RouteSection>(route).is_ok());
        let error = toml::from_str::<RouteSection>(&format!("{route}recieve = true")).unwrap_err();
        assert!(error.to_string().contains("recieve"), "{error}");
        assert!(toml::from_str::<RouteSection>(&format!("{route}profile = \"x\"")).is_err());
        for wish in ["IN_DP_E1_UBL_201", "in_dp_e1_cii", "IN_DP_E3_UBL_INVOICE"] {
            let error = toml::from_str::<RouteSection>(&format!("{route}syntax = \"{wish}\"")).unwrap_err();
            assert!(error.to_string().contains("IN_DP_E2_CII_FACTURX"), "{error}");
        }
        assert!(toml::from_str::<RouteSection>(&format!("{route}signed = \"perhaps\"")).is_err());
        let since = |day: &str| toml::from_str::<RouteSection>(&format!("{route}receive_since = \"{day}\""));
        let midnight = "2026-11-19T23:00:00Z".parse().ok();
        assert_eq!((since("2026-11-20").unwrap().receive_since, since("").unwrap().receive_since), (midnight, None));
        assert!(since("20/11/2026").is_err() && since("2026-11-20T10:00:00Z").is_err());
    }
}
