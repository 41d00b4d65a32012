//! What *core* asks of *keeper*, the appliance's root process: a closed list of verbs, over a Unix socket of its own.
//!
//! One request per connection, one answer. Keeper parses what comes as hostile, since core may have been taken over, and
//! shows of it only printable characters. What somebody did at the console keeper hands over as [`Event`]s, which core
//! journals and then acknowledges; a verb that core asks for it is to journal itself.
//!
//! Refuses to know: how a verb is done (`keeper`).

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::frame::{Frame, FrameError};
use super::network::{NetworkProblem, NetworkSettings};
use super::sealing::{KeyAnswer, KeyAsk, Seal, SealRefusal};
use super::updating::Updates;
use crate::domain::{DocumentHash, Timestamp};
use crate::fault::{Fault, Language, Text};
use crate::update::Version;
use crate::update::record::Line;

/// The socket, in keeper's folder.
pub const SOCKET: &str = "keeper.sock";
/// For one exchange.
const EXCHANGE_LONGEST: Duration = Duration::from_secs(10);
/// For an exchange within which a release is copied.
const COPY_LONGEST: Duration = Duration::from_secs(300);
/// Characters of a fingerprint, at most: a SHA-256 in hexadecimal with colons has 95.
const FINGERPRINT_LIMIT: usize = 128;
/// Characters of a claim code, at most.
const CLAIM_LIMIT: usize = 40;
/// Bytes of a trouble's text, in each language, at most.
const TROUBLE_LIMIT: usize = 1024;

/// Keeper's folder beside core's `run_dir`: `/run/fluxgate` → `/run/fluxgate-keeper`. On no other machine than the
/// appliance is there one.
pub fn folder_beside(run_dir: &Path) -> PathBuf {
    let mut name = run_dir.file_name().unwrap_or_default().to_owned();
    name.push("-keeper");
    run_dir.with_file_name(name)
}

/// What core may ask. Unknown verbs and fields are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// What is known of the machine. → `Status`
    Status,
    /// What the console shows of core and front, until it is told anew or [`SIGHT_LIFE`] is over. → `Events`
    Show(Sight),
    /// The events up to this one are in the journal, and the lines of updates up to `updates`. → `Done`
    Recorded { through: u64, updates: u64 },
    /// The machine restarts at once. → `Done`
    Restart,
    /// The machine restarts at once, and everything that was kept is wiped then. → `Done`
    FactoryReset,
    /// What opens a sealed partition where the TPM does not. → `Done` or `RecoveryKey`
    RecoveryKey(KeyAsk),
    /// The network is as these say, until somebody confirms or the trial is over. → `Done`
    Network(NetworkSettings),
    /// The network stays as it was set. → `Done`
    ConfirmNetwork,
    /// How updates stand. → `Updates`
    Updates,
    /// A file that may be a release, as the descriptor that comes along: `bytes` of it from `from` on. It is copied before the answer
    /// and examined after it. `known`: the latest instant that the journal knows of. → `Done`
    Offer { from: u64, bytes: u64, known: Timestamp },
    /// The offered release is written to the other slot, after the answer; a restart then tries it. → `Done`
    Install { sha256: DocumentHash },
    /// The offered release is thrown away. → `Done`
    Withdraw,
    /// The former version is the next boot; or, where a new one waits to be tried, it is not. → `Done`
    GoBack,
}

impl Request {
    /// Whether a descriptor comes along.
    pub fn brings_file(&self) -> bool {
        matches!(self, Request::Offer { .. })
    }
}

/// What keeper answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    Done,
    Status(Box<Status>),
    RecoveryKey(KeyAnswer),
    Events(Events),
    /// In the frame's body, as JSON.
    Updates,
    /// Not done.
    Refused(Refusal),
}

/// Why a verb was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Refusal {
    /// The request made no sense, or was out of its limits.
    Malformed,
    /// Who asked is neither core nor root.
    NotYou,
    /// The machine has no place that outlives a restart to note the wish in: its firmware keeps no variables.
    NoFirmwareVariables,
    /// There is no recovery key, or none is to be had.
    Seal(SealRefusal),
    /// Settings that cannot be.
    Network(NetworkProblem),
    /// No changed settings wait for a word: the trial is over.
    NothingToConfirm,
    /// The system refused. `what` was tried.
    System { what: String, error: String },
    /// An update is refused, or did not work.
    Update(Fault),
    /// Another update is under way.
    Busy,
    /// Nothing of that kind was offered.
    NotOffered,
}

impl Refusal {
    /// For people, with what to do.
    pub fn text(&self) -> Text {
        match self {
            Refusal::Malformed => Text::new(
                "demande incomprise : mettez à jour l'appliance, ou redémarrez-la après une mise à jour",
                "request not understood: update the appliance, or restart it after an update",
            ),
            Refusal::NotYou => {
                Text::new("demande d'un processus qui n'y a pas droit", "asked by a process that has no right to it")
            }
            Refusal::NoFirmwareVariables => Text::new(
                "le micrologiciel de cette machine ne garde pas de variables (UEFI) : réinstallez l'appliance depuis \
                 son image",
                "this machine's firmware keeps no variables (UEFI): install the appliance anew from its image",
            ),
            Refusal::Seal(refusal) => refusal.text(),
            Refusal::Network(problem) => problem.text(),
            Refusal::NothingToConfirm => Text::new(
                "aucun réglage du réseau n'attend de confirmation : personne ne l'a confirmé à temps, ou quelqu'un l'a \
                 déjà fait",
                "no network settings wait to be confirmed: nobody confirmed them in time, or somebody did already",
            ),
            Refusal::System { what, error } => Text::new(
                format!("le système a refusé ({what} : {error}) : redémarrez la machine, puis réessayez"),
                format!("the system refused ({what}: {error}): restart the machine, then try again"),
            ),
            Refusal::Update(fault) => {
                let said = |language| format!("{} ({})", fault.title(language), fault.code);
                Text::new(said(Language::Fr), said(Language::En))
            }
            Refusal::Busy => Text::new(
                "une mise à jour est en cours de contrôle ou d'écriture : attendez qu'elle finisse",
                "an update is being checked or written: wait until it is done",
            ),
            Refusal::NotOffered => Text::new(
                "ce fichier n'est plus proposé : déposez-le de nouveau",
                "this file is not offered any more: hand it in again",
            ),
        }
    }
}

/// Without news from core for so long the console says so.
pub const SIGHT_LIFE: Duration = Duration::from_secs(30);

/// What core lets the console show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sight {
    /// The port of the page; `None` while front does not listen.
    pub door_port: Option<u16>,
    /// SHA-256 of the door's certificate, as browsers show it.
    pub door_fingerprint: Option<String>,
    /// SHA-256 of the SSH host key, as OpenSSH shows it.
    pub sftp_fingerprint: Option<String>,
    /// The claim code while nobody is enrolled.
    pub claim: Option<String>,
    /// What is wrong.
    pub trouble: Option<Trouble>,
    pub health: Health,
}

/// What core knows of its own health and of front's. Nothing of it needs the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// The database was opened, and every page of it that a new version is tried on was read.
    pub store: bool,
    /// Front listens, and speaks with core.
    pub front: bool,
    /// The configuration is one that this version takes, or there is none yet.
    pub connector: bool,
}

impl Health {
    /// What is missing, as [`update::record::unwell_text`] knows it.
    pub fn lacks(self) -> Vec<&'static str> {
        [(self.store, "database"), (self.front, "front"), (self.connector, "connector")]
            .into_iter()
            .filter_map(|(well, lack)| (!well).then_some(lack))
            .collect()
    }
}

/// What is wrong, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    pub fr: String,
    pub en: String,
}

impl Request {
    /// Whether every text is within its limit.
    pub fn is_bounded(&self) -> bool {
        let sight = match self {
            Request::Show(sight) => sight,
            Request::Network(settings) => return settings.is_bounded(),
            _ => return true,
        };
        let word = |text: &Option<String>, limit: usize| {
            text.as_ref().is_none_or(|text| text.len() <= limit && text.bytes().all(|b| b.is_ascii_graphic()))
        };
        let trouble = sight.trouble.as_ref();
        word(&sight.door_fingerprint, FINGERPRINT_LIMIT)
            && word(&sight.sftp_fingerprint, FINGERPRINT_LIMIT)
            && word(&sight.claim, CLAIM_LIMIT)
            && trouble.is_none_or(|trouble| trouble.fr.len() <= TROUBLE_LIMIT && trouble.en.len() <= TROUBLE_LIMIT)
    }
}

/// What keeper knows of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Of the image that runs.
    pub version: String,
    /// `a` or `b`.
    pub slot: Option<char>,
    pub sealing: Sealing,
    pub seal: Seal,
    pub interfaces: Vec<Interface>,
    /// A factory reset was asked for and comes with the next start.
    pub reset_asked: bool,
    pub network: NetworkStatus,
    pub clock: Clock,
    /// `None`: the kernel does not tell.
    pub memory: Option<Memory>,
}

impl Status {
    /// What its interfaces have.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let all = self.interfaces.iter().flat_map(|interface| &interface.addresses);
        all.filter_map(|address| address.split('/').next()?.parse().ok()).collect()
    }
}

/// The machine's memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    pub total: u64,
    /// What programs may still take, what the kernel keeps of files given up for it (proc_meminfo(5), `MemAvailable`).
    pub available: u64,
}

impl Memory {
    pub fn used(self) -> u64 {
        self.total.saturating_sub(self.available)
    }
}

/// The network as it is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkStatus {
    /// Confirmed.
    pub settings: NetworkSettings,
    /// In force, and awaiting a word.
    pub trial: Option<NetworkTrial>,
}

impl NetworkStatus {
    /// The settings in force.
    pub fn in_force(&self) -> &NetworkSettings {
        self.trial.as_ref().map_or(&self.settings, |trial| &trial.settings)
    }
}

/// Changed settings that nobody has confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkTrial {
    pub settings: NetworkSettings,
    /// Until the former ones come back.
    pub seconds_left: u64,
}

/// Whether the machine's clock follows a time server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// A server was last followed then.
    Synchronised { at: Timestamp },
    /// The last one followed was that long ago.
    Lost { at: Timestamp },
    /// None has answered since the machine started.
    Never,
}

/// How what is kept is protected while the machine is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sealing {
    /// Encrypted; the key is sealed to this machine.
    Sealed,
    /// Plain: who takes the disk reads it.
    Unsealed,
    /// There is nothing to look at: what is kept is not mounted.
    Missing,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    pub name: String,
    /// In small letters.
    pub mac: Option<String>,
    /// Whether something is plugged in; `None` while the interface is down.
    pub carrier: Option<bool>,
    /// `192.0.2.7/24`, link-local ones last.
    pub addresses: Vec<String>,
}

/// Events in one answer, at most.
pub const EVENTS_AT_ONCE: usize = 32;

/// Lines of updates in one answer, at most.
pub const UPDATES_AT_ONCE: usize = 5;
/// Their bytes in it, but for a first one that is longer: the texts of faults are bounded in characters, which may take six bytes.
pub const UPDATES_BYTES: usize = 8 * 1024;

/// What core has not journalled yet, oldest first, at most [`EVENTS_AT_ONCE`] and [`UPDATES_AT_ONCE`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    pub events: Vec<Event>,
    /// How many were lost because nobody took them.
    pub lost: u64,
    /// What happened with updates.
    pub updates: Vec<Line>,
    /// Whether the running version has yet to prove healthy.
    pub on_trial: bool,
    /// The release that waits to be installed.
    pub offered: Option<Version>,
}

/// Something that happened without core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Rises, and is never used twice.
    pub number: u64,
    pub at: Timestamp,
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// Somebody at the console restarted the machine.
    ConsoleRestart,
    /// Somebody at the console asked for a factory reset.
    ConsoleFactoryReset,
    /// What had been kept was wiped at this start.
    FactoryResetDone,
    /// Somebody at the console opened what is kept with its recovery key, and it was sealed anew.
    RecoveryKeyUsed,
    /// Somebody at the console changed the network's settings.
    ConsoleNetwork,
    /// Somebody at the console confirmed changed network settings.
    ConsoleNetworkConfirmed,
    /// Nobody confirmed changed network settings: the former ones are back.
    NetworkReverted,
    /// The network's settings could not be read: every card asks DHCP.
    NetworkDamaged,
    /// The box was installed by a provisioning file, which nobody watched.
    Provisioned,
    /// The provisioning file's network settings are those of the box.
    NetworkProvisioned,
    /// The provisioning file's network settings do not fit the box: every card asks DHCP.
    NetworkProvisionRefused,
}

impl Happening {
    /// As a word of the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Happening::ConsoleRestart => "console_restart",
            Happening::ConsoleFactoryReset => "console_factory_reset",
            Happening::FactoryResetDone => "factory_reset_done",
            Happening::RecoveryKeyUsed => "recovery_key_used",
            Happening::ConsoleNetwork => "console_network",
            Happening::ConsoleNetworkConfirmed => "console_network_confirmed",
            Happening::NetworkReverted => "network_reverted",
            Happening::NetworkDamaged => "network_damaged",
            Happening::Provisioned => "provisioned",
            Happening::NetworkProvisioned => "network_provisioned",
            Happening::NetworkProvisionRefused => "network_provision_refused",
        }
    }
}

/// Why keeper did not answer.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    #[error("keeper cannot be reached at {}: {cause}", path.display())]
    Unreachable { path: PathBuf, cause: io::Error },
    #[error("keeper's answer was lost: {0}")]
    Lost(#[from] FrameError),
    #[error("keeper refused: {}", .0.text().en)]
    Refused(Refusal),
    #[error("keeper answered something else")]
    Unexpected,
}

impl KeeperError {
    /// For people.
    pub fn text(&self) -> Text {
        match self {
            KeeperError::Refused(refusal) => refusal.text(),
            KeeperError::Unreachable { .. } | KeeperError::Lost(_) | KeeperError::Unexpected => Text::new(
                "Le gardien de la machine (keeper) ne répond pas : recommencez dans un instant ; si cela dure, \
                 redémarrez la machine à sa console.",
                "The machine's keeper does not answer: try again in a moment; if it lasts, restart the machine at its \
                 console.",
            ),
        }
    }
}

/// Core's side: asks keeper in its folder. Blocks, for [`EXCHANGE_LONGEST`] at most per read or write.
#[derive(Debug, Clone)]
pub struct KeeperClient {
    socket: PathBuf,
}

impl KeeperClient {
    /// The keeper of the machine that `run_dir` is on; `None` where there is none: it is no appliance.
    pub fn beside(run_dir: &Path) -> Option<Self> {
        let folder = folder_beside(run_dir);
        folder.is_dir().then(|| Self { socket: folder.join(SOCKET) })
    }

    /// Asks for something to be done.
    pub fn order(&self, request: Request) -> Result<(), KeeperError> {
        match self.ask(request)? {
            Answer::Done => Ok(()),
            _ => Err(KeeperError::Unexpected),
        }
    }

    pub fn status(&self) -> Result<Status, KeeperError> {
        match self.ask(Request::Status)? {
            Answer::Status(status) => Ok(*status),
            _ => Err(KeeperError::Unexpected),
        }
    }

    /// Has a recovery key made; [`Self::take_key`] has it then.
    pub fn make_key(&self, anew: bool) -> Result<(), KeeperError> {
        self.order(Request::RecoveryKey(if anew { KeyAsk::Renew } else { KeyAsk::Make }))
    }

    /// The recovery key that was made, once.
    pub fn take_key(&self) -> Result<KeyAnswer, KeeperError> {
        match self.ask(Request::RecoveryKey(KeyAsk::Take))? {
            Answer::RecoveryKey(key) => Ok(key),
            _ => Err(KeeperError::Unexpected),
        }
    }

    /// Tells the console what to show; answers what happened without core.
    pub fn show(&self, sight: Sight) -> Result<Events, KeeperError> {
        match self.ask(Request::Show(sight))? {
            Answer::Events(events) => Ok(events),
            _ => Err(KeeperError::Unexpected),
        }
    }

    pub fn updates(&self) -> Result<Updates, KeeperError> {
        let frame = self.exchange(Request::Updates, None)?;
        match frame.header {
            Answer::Updates => Ok(serde_json::from_slice(&frame.body).map_err(FrameError::from)?),
            _ => Err(KeeperError::Unexpected),
        }
    }

    /// Offers `bytes` of a file from `from` on as a release; `known`: the journal's latest instant. Blocks until it is copied.
    pub fn offer(&self, file: OwnedFd, from: u64, bytes: u64, known: Timestamp) -> Result<(), KeeperError> {
        match self.exchange(Request::Offer { from, bytes, known }, Some(file))?.header {
            Answer::Done => Ok(()),
            _ => Err(KeeperError::Unexpected),
        }
    }

    fn ask(&self, request: Request) -> Result<Answer, KeeperError> {
        Ok(self.exchange(request, None)?.header)
    }

    fn exchange(&self, request: Request, file: Option<OwnedFd>) -> Result<Frame<Answer>, KeeperError> {
        let longest = if request.brings_file() { COPY_LONGEST } else { EXCHANGE_LONGEST };
        let unreachable = |cause| KeeperError::Unreachable { path: self.socket.clone(), cause };
        let stream = UnixStream::connect(&self.socket).map_err(unreachable)?;
        stream.set_read_timeout(Some(longest)).map_err(unreachable)?;
        stream.set_write_timeout(Some(longest)).map_err(unreachable)?;
        Frame { header: request, body: Vec::new(), descriptor: file }.send(&stream)?;
        let frame = Frame::<Answer>::receive(&stream)?;
        match frame.header {
            Answer::Refused(refusal) => Err(KeeperError::Refused(refusal)),
            _ => Ok(frame),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::network::{DNS_LIMIT, Ipv4, Ipv6, ROUTES_LIMIT, Route, SideSettings, TIME_SERVERS_LIMIT};

    #[test]
    fn only_known_verbs_within_their_limits_pass() {
        let read = |text: &str| serde_json::from_str::<Request>(text);
        assert_eq!(read(r#""restart""#).unwrap(), Request::Restart);
        assert_eq!(
            read(r#"{"recorded":{"through":7,"updates":2}}"#).unwrap(),
            Request::Recorded { through: 7, updates: 2 }
        );
        for bad in [
            r#""shell""#,
            r#"{"restart":{"now":true}}"#,
            r#"{"recorded":{"through":1}}"#,
            r#"{"recorded":{"through":-1,"updates":0}}"#,
            r#"{"install":{"sha256":"../x"}}"#,
            r#"{"offer":{"from":0,"bytes":1}}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let show = |sight| Request::Show(sight).is_bounded();
        assert!(show(Sight { claim: Some("abcd-efgh".to_owned()), ..Sight::default() }));
        assert!(!show(Sight { claim: Some("a\x1b[2J".to_owned()), ..Sight::default() }));
        assert!(!show(Sight { claim: Some("x".repeat(CLAIM_LIMIT + 1)), ..Sight::default() }));
        let trouble = Trouble { fr: "x".repeat(TROUBLE_LIMIT + 1), en: String::new() };
        assert!(!show(Sight { trouble: Some(trouble), ..Sight::default() }));
    }

    #[test]
    fn keeper_s_folder_stands_beside_core_s() {
        assert_eq!(folder_beside(Path::new("/run/fluxgate")), Path::new("/run/fluxgate-keeper"));
        assert_eq!(folder_beside(Path::new("/run/fluxgate/")), Path::new("/run/fluxgate-keeper"));
        assert!(KeeperClient::beside(Path::new("/nowhere/at/all")).is_none());
    }

    #[test]
    fn the_longest_status_fits() {
        let ip = std::net::Ipv6Addr::from_bits(u128::MAX);
        let address = format!("{ip}/128");
        let interface = Interface {
            name: "n".repeat(15),
            mac: Some("ff:ff:ff:ff:ff:ff".to_owned()),
            carrier: Some(false),
            addresses: vec![address; 8],
        };
        let route = Route { to: ip.into(), prefix: 128, via: ip.into() };
        let side = SideSettings {
            card: "ff:ff:ff:ff:ff:ff".parse().unwrap(),
            vlan: Some(4094),
            ipv4: Ipv4::Static { address: [255; 4].into(), prefix: 31, gateway: Some([255; 4].into()) },
            ipv6: Ipv6::Static { address: ip, prefix: 128, gateway: Some(ip) },
            dns: vec![ip.into(); DNS_LIMIT],
            routes: vec![route; ROUTES_LIMIT],
        };
        let settings = NetworkSettings {
            inside: side.clone(),
            outside: Some(side),
            time_servers: vec![ip.into(); TIME_SERVERS_LIMIT],
        };
        let status = Status {
            version: "v".repeat(40),
            slot: Some('a'),
            sealing: Sealing::Unsealed,
            seal: Seal::default(),
            interfaces: vec![interface; 16],
            reset_asked: false,
            network: NetworkStatus {
                settings: settings.clone(),
                trial: Some(NetworkTrial { settings, seconds_left: u64::MAX }),
            },
            clock: Clock::Never,
            memory: Some(Memory { total: 481_012 << 10, available: 400_000 << 10 }),
        };
        let answer = Answer::Status(Box::new(status));
        let length = serde_json::to_vec(&answer).unwrap().len();
        assert!(length < super::super::frame::HEADER_LIMIT, "{length}");
    }

    /// The longest answer fits a frame.
    #[test]
    fn as_much_as_may_come_at_once_fits() {
        let event =
            Event { number: u64::MAX, at: Timestamp::from_millis(i64::MAX / 2), what: Happening::ConsoleFactoryReset };
        let line = Line {
            n: u64::MAX,
            attempt: u64::MAX,
            at: Timestamp::from_millis(i64::MAX / 2),
            event: crate::update::record::Event::Unrepairable,
            running: "9999.9999.9999".parse().unwrap(),
            version: Some("9999.9999.9999".parse().unwrap()),
            slot: Some(crate::update::Slot::B),
            boots: Some(u8::MAX),
            fault: Some(
                Fault::new(crate::fault::Code::UpdateAltered)
                    .with_text("why", &Text::new("\u{1}".repeat(400), "\u{2}".repeat(400))),
            ),
            detail: Some("é".repeat(300)),
        };
        // The first one may be this long; the others share their limit.
        let length = serde_json::to_vec(&line).unwrap().len();
        assert!(length < UPDATES_BYTES, "{length}");
        let events = Events {
            events: vec![event; EVENTS_AT_ONCE],
            lost: u64::MAX,
            updates: vec![line; UPDATES_BYTES / length],
            on_trial: true,
            offered: Some(Version { major: u16::MAX, minor: u16::MAX, patch: u16::MAX }),
        };
        assert!(serde_json::to_vec(&Answer::Events(events)).unwrap().len() < super::super::frame::HEADER_LIMIT);
    }

    #[test]
    fn what_is_not_well_is_named() {
        assert_eq!(Health { store: true, front: true, connector: true }.lacks(), Vec::<&str>::new());
        assert_eq!(Health { front: true, connector: true, store: false }.lacks(), ["database"]);
        assert_eq!(Health::default().lacks().len(), 3);
    }
}
