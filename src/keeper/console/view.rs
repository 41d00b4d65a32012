//! What the console has to show, and how the box is: pure, from what the machine and core say.

use std::net::IpAddr;
use std::time::Duration;

use crate::fault::Text;
use crate::gate::{Clock, Interface, SIGHT_LIFE, Seal, SealCause, Sealing, Sight, Status};
use crate::keeper::machine::{Running, is_link_local};
use crate::keeper::recovery::Trial;

/// A start takes no longer; a large database that is upgraded shows as trouble from then on until it is done.
const START_LONGEST: Duration = Duration::from_secs(180);
/// The port that a page's address need not name.
const HTTPS: u16 = 443;

/// Everything on the screen but the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub version: String,
    pub slot: Option<char>,
    pub state: State,
    pub interfaces: Vec<Interface>,
    /// The page's address, once there is one.
    pub page: Option<String>,
    pub door_fingerprint: Option<String>,
    pub sftp_fingerprint: Option<String>,
    pub claim: Option<String>,
    pub sealing: Sealing,
    pub seal: Seal,
    /// A recovery key is awaited: what is kept is closed.
    pub wants_key: bool,
    pub reset_asked: bool,
    pub clock: Clock,
    /// Changed network settings await a word.
    pub on_trial: bool,
}

/// How the box is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Starting,
    /// Nobody has claimed the box.
    Unclaimed,
    Well,
    /// What is wrong.
    Trouble(Text),
    Restarting,
}

/// What is known of core and front.
#[derive(Debug, Clone)]
pub struct Signs {
    pub uptime: Duration,
    pub core: Running,
    pub front: Running,
    /// What core told last, and how long ago.
    pub sight: Option<(Duration, Sight)>,
    pub restarting: bool,
    /// Of a recovery key that somebody typed.
    pub trial: Trial,
}

impl View {
    pub fn new(status: Status, signs: Signs) -> Self {
        let closed = status.seal.cause.filter(|cause| cause.is_closed());
        let state = match closed {
            Some(cause) if !signs.restarting => State::Trouble(closed_text(cause, &signs.trial)),
            _ => state(&signs, &status.interfaces),
        };
        // What core told stays true of the certificate and the key; the code may have been used since.
        let fresh = signs.sight.as_ref().is_some_and(|(age, _)| *age <= SIGHT_LIFE);
        let sight = signs.sight.map(|(_, sight)| sight).unwrap_or_default();
        Self {
            version: status.version,
            slot: status.slot,
            state,
            page: sight.door_port.and_then(|port| page(&status.interfaces, port)),
            interfaces: status.interfaces,
            door_fingerprint: sight.door_fingerprint,
            sftp_fingerprint: sight.sftp_fingerprint,
            claim: sight.claim.filter(|_| fresh),
            sealing: status.sealing,
            seal: status.seal,
            wants_key: closed.is_some_and(SealCause::opens_by_key),
            reset_asked: status.reset_asked,
            clock: status.clock,
            on_trial: status.network.trial.is_some(),
        }
    }

    /// What a telephone reads: the claim page with the code. Behind `#` it stays in the browser: no log has it.
    pub fn claim_link(&self) -> Option<String> {
        Some(format!("{}claim#{}", self.page.as_ref()?, self.claim.as_ref()?))
    }
}

/// What is said while what is kept is closed.
fn closed_text(cause: SealCause, trial: &Trial) -> Text {
    match trial {
        Trial::None => cause.text(),
        Trial::Running => {
            Text::new("la clé de secours est essayée : patientez", "the recovery key is being tried: please wait")
        }
        Trial::Wrong(wait) if wait.is_zero() => Text::new(
            "cette clé de secours n'ouvre pas les données : vérifiez chaque lettre, tapez 4 et la clé",
            "this recovery key does not open the data: check each letter, press 4 and type the key",
        ),
        Trial::Wrong(wait) => {
            // In whole tens, so that a serial line is not drawn anew each second.
            let seconds = wait.as_secs() / 10 * 10 + 10;
            Text::new(
                format!("cette clé de secours n'ouvre pas les données : nouvel essai dans {seconds} s"),
                format!("this recovery key does not open the data: another try in {seconds} s"),
            )
        }
        Trial::Failed(error) => Text::new(
            format!("la clé de secours n'a pu être essayée ({error}) : redémarrez, puis réessayez"),
            format!("the recovery key could not be tried ({error}): restart, then try again"),
        ),
    }
}

fn state(signs: &Signs, interfaces: &[Interface]) -> State {
    let starting = signs.uptime < START_LONGEST;
    let missing = |fr: &str, en: &str| if starting { State::Starting } else { State::Trouble(Text::new(fr, en)) };
    if signs.restarting {
        return State::Restarting;
    }
    if signs.core == Running::No {
        return missing(
            "le cœur du service ne tourne pas : redémarrez ; s'il ne revient pas, appelez l'assistance",
            "the service's core does not run: restart; if it does not come back, call support",
        );
    }
    let Some((age, sight)) = &signs.sight else {
        return missing("le cœur du service ne répond pas encore", "the service's core does not answer yet");
    };
    if *age > SIGHT_LIFE {
        return State::Trouble(Text::new(
            "le cœur du service ne répond plus : redémarrez s'il ne revient pas",
            "the service's core does not answer any more: restart if it does not come back",
        ));
    }
    if signs.front == Running::No || sight.door_port.is_none() {
        return missing(
            "la page et SFTP ne répondent pas : redémarrez ; s'ils ne reviennent pas, appelez l'assistance",
            "the page and SFTP do not answer: restart; if they do not come back, call support",
        );
    }
    if let Some(trouble) = &sight.trouble {
        return State::Trouble(Text::new(trouble.fr.clone(), trouble.en.clone()));
    }
    if best(interfaces).is_none() {
        return missing(
            "aucune adresse sur le réseau : vérifiez le câble et le serveur DHCP",
            "no address on the network: check the cable and the DHCP server",
        );
    }
    if sight.claim.is_some() { State::Unclaimed } else { State::Well }
}

/// The address by which people reach the page: IPv4 before IPv6, one that is valid beyond the cable before one that is not.
fn best(interfaces: &[Interface]) -> Option<IpAddr> {
    let addresses = interfaces.iter().flat_map(|interface| &interface.addresses);
    let ips = addresses.filter_map(|address| address.split('/').next()?.parse().ok());
    ips.filter(|ip| !is_link_local(*ip)).min_by_key(IpAddr::is_ipv6)
}

fn page(interfaces: &[Interface], port: u16) -> Option<String> {
    let host = match best(interfaces)? {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    Some(if port == HTTPS { format!("https://{host}/") } else { format!("https://{host}:{port}/") })
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::gate::{Health, NetworkStatus, Trouble};

    pub fn status(addresses: &[&str]) -> Status {
        Status {
            version: "1.4.0".to_owned(),
            slot: Some('a'),
            sealing: Sealing::Unsealed,
            seal: Seal::default(),
            interfaces: vec![Interface {
                name: "eth0".to_owned(),
                mac: None,
                carrier: Some(true),
                addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
            }],
            reset_asked: false,
            network: NetworkStatus::default(),
            clock: Clock::Never,
            memory: None,
        }
    }

    pub fn signs() -> Signs {
        let sight = Sight {
            door_port: Some(443),
            door_fingerprint: Some(["AB"; 32].join(":")),
            sftp_fingerprint: Some(format!("SHA256:{}", "k".repeat(43))),
            claim: Some("0123-4567-89ab-cdef".to_owned()),
            trouble: None,
            health: Health::default(),
        };
        Signs {
            uptime: Duration::from_secs(600),
            core: Running::Yes,
            front: Running::Yes,
            sight: Some((Duration::from_secs(1), sight)),
            restarting: false,
            trial: Trial::None,
        }
    }

    fn shown(addresses: &[&str], change: impl FnOnce(&mut Signs)) -> View {
        let mut signs = signs();
        change(&mut signs);
        View::new(status(addresses), signs)
    }

    fn sight(signs: &mut Signs) -> &mut Sight {
        &mut signs.sight.as_mut().unwrap().1
    }

    #[test]
    fn a_sound_box_shows_where_its_page_is() {
        let view = shown(&["fe80::1/64", "2001:db8::7/64", "192.0.2.7/24"], |_| ());
        assert_eq!(view.state, State::Unclaimed);
        assert_eq!(view.claim_link().unwrap(), "https://192.0.2.7/claim#0123-4567-89ab-cdef");
        let view = shown(&["2001:db8::7/64"], |signs| sight(signs).door_port = Some(8443));
        assert_eq!(view.page.unwrap(), "https://[2001:db8::7]:8443/");
        let view = shown(&["192.0.2.7/24"], |signs| sight(signs).claim = None);
        assert_eq!((view.claim_link(), view.state), (None, State::Well));
    }

    #[test]
    fn what_is_missing_is_a_start_at_first_and_trouble_then() {
        let cases: [fn(&mut Signs); 4] = [
            |signs| signs.core = Running::No,
            |signs| signs.sight = None,
            |signs| signs.front = Running::No,
            |signs| sight(signs).door_port = None,
        ];
        for case in cases {
            let late = shown(&["192.0.2.7/24"], case);
            assert!(matches!(late.state, State::Trouble(_)), "{:?}", late.state);
            let early = shown(&["192.0.2.7/24"], |signs| {
                case(signs);
                signs.uptime = Duration::from_secs(20);
            });
            assert_eq!(early.state, State::Starting);
        }
        assert!(matches!(shown(&["fe80::1/64"], |_| ()).state, State::Trouble(_)), "no address");
        assert_eq!(shown(&[], |signs| signs.restarting = true).state, State::Restarting);
    }

    #[test]
    fn what_is_closed_is_told_before_anything_else() {
        let closed = |cause, change: fn(&mut Signs)| {
            let (mut signs, mut status) = (signs(), status(&[]));
            status.seal.cause = Some(cause);
            signs.core = Running::No;
            change(&mut signs);
            let view = View::new(status, signs);
            let State::Trouble(text) = view.state else { panic!("{:?}", view.state) };
            (text.en, view.wants_key)
        };
        let (text, wants_key) = closed(SealCause::Elsewhere, |_| ());
        assert!(text.contains("another machine") && wants_key, "{text}");
        let (text, wants_key) = closed(SealCause::TpmGone, |_| ());
        assert!(text.contains("no TPM 2") && !wants_key, "{text}");
        let (text, _) = closed(SealCause::Elsewhere, |signs| signs.trial = Trial::Wrong(Duration::from_secs(19)));
        assert!(text.contains("another try in 20 s"), "{text}");
        let mut status = status(&["192.0.2.7/24"]);
        status.seal.cause = Some(SealCause::NoTpm);
        assert_eq!(View::new(status, signs()).state, State::Unclaimed, "plain is no trouble");
    }

    #[test]
    fn an_old_word_of_core_s_shows_no_code_any_more() {
        let view = shown(&["192.0.2.7/24"], |signs| signs.sight.as_mut().unwrap().0 = SIGHT_LIFE * 2);
        assert!(matches!(view.state, State::Trouble(_)));
        assert_eq!((view.claim, view.door_fingerprint.is_some()), (None, true));
        let trouble = Trouble { fr: "disque plein".to_owned(), en: "disk full".to_owned() };
        let view = shown(&["192.0.2.7/24"], |signs| sight(signs).trouble = Some(trouble));
        assert_eq!(view.state, State::Trouble(Text::new("disque plein", "disk full")));
    }
}
