use super::*;
use crate::gate::{Draft, SideDraft};

struct Box {
    dir: tempfile::TempDir,
}

impl Box {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in [FILES_DIR, STATE_DIR, "run/fluxgate-keeper"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for (card, mac) in [("eth0", "52:54:00:f1:00:01\n"), ("eth1", "52:54:00:f1:00:02\n")] {
            fs::create_dir_all(dir.path().join("sys/class/net").join(card).join("device")).unwrap();
            fs::write(dir.path().join("sys/class/net").join(card).join("address"), mac).unwrap();
        }
        Self { dir }
    }

    fn network(&self) -> (Network, Option<Happening>) {
        Network::open(&Machine::at(self.dir.path()))
    }

    /// What networkd would read of the first card.
    fn written(&self) -> String {
        fs::read_to_string(self.dir.path().join(FILES_DIR).join("10-fluxgate-0.network")).unwrap()
    }

    fn is_marked(&self) -> bool {
        let mark = self.dir.path().join(MARK);
        let marked = mark.exists();
        let _ = fs::remove_file(mark);
        marked
    }
}

fn fixed(address: &str) -> NetworkSettings {
    let inside = SideDraft {
        card: "eth0".to_owned(),
        ipv4: "static".to_owned(),
        address4: address.to_owned(),
        ..SideDraft::default()
    };
    Draft { inside, ..Draft::default() }.read().unwrap()
}

#[test]
fn a_change_that_is_confirmed_stays() {
    let here = Box::new();
    let (mut network, told) = here.network();
    assert_eq!((told, network.confirm()), (None, Err(Refusal::NothingToConfirm)));
    let now = Instant::now();
    network.propose(fixed("192.0.2.7/24"), now).unwrap();
    assert!(here.is_marked() && here.written().contains("Address=192.0.2.7/24"));
    let status = network.status(now + Duration::from_secs(10));
    assert_eq!((status.settings, status.trial.unwrap().seconds_left), (NetworkSettings::default(), 290));
    network.confirm().unwrap();
    assert_eq!(network.tick(now + TRIAL * 2), None);
    let (network, told) = here.network();
    assert_eq!((network.in_force(), told), (&fixed("192.0.2.7/24"), None));
    // networkd is another user.
    let path = here.dir.path().join(FILES_DIR).join("10-fluxgate-0.network");
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn a_change_that_nobody_confirms_goes_by_itself() {
    let here = Box::new();
    let (mut network, _) = here.network();
    let now = Instant::now();
    network.propose(fixed("192.0.2.7/24"), now).unwrap();
    network.confirm().unwrap();
    network.propose(fixed("198.51.100.7/24"), now).unwrap();
    here.is_marked();
    assert_eq!(network.tick(now + TRIAL - Duration::from_secs(1)), None);
    assert_eq!(network.tick(now + TRIAL), Some(Happening::NetworkReverted));
    assert!(here.is_marked() && here.written().contains("Address=192.0.2.7/24"));
    assert_eq!((network.tick(now + TRIAL * 2), network.confirm()), (None, Err(Refusal::NothingToConfirm)));
}

/// The machine's files are written before systemd-networkd starts; keeper tells of it when it comes.
#[test]
fn a_power_cut_during_a_trial_ends_it() {
    let here = Box::new();
    let (mut network, _) = here.network();
    network.propose(fixed("198.51.100.7/24"), Instant::now()).unwrap();
    drop(network);
    for entry in fs::read_dir(here.dir.path().join(FILES_DIR)).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    write_confirmed(here.dir.path()).unwrap();
    assert!(here.written().contains("DHCP=ipv4"));
    let (network, told) = here.network();
    assert_eq!((told, network.in_force()), (Some(Happening::NetworkReverted), &NetworkSettings::default()));
    assert_eq!(here.network().1, None, "told once");
}

#[test]
fn a_trial_of_a_trial_goes_back_to_what_was_confirmed() {
    let here = Box::new();
    let (mut network, _) = here.network();
    let now = Instant::now();
    network.propose(fixed("192.0.2.7/24"), now).unwrap();
    network.propose(fixed("198.51.100.7/24"), now + TRIAL / 2).unwrap();
    assert_eq!(network.tick(now + TRIAL), None, "its own time counts");
    // Back by hand: nothing waits for a word any more.
    network.propose(NetworkSettings::default(), now + TRIAL).unwrap();
    assert_eq!((network.status(now).trial, network.tick(now + TRIAL * 3)), (None, None));
    assert!(here.written().contains("DHCP=ipv4"));
    here.is_marked();
    network.propose(NetworkSettings::default(), now).unwrap();
    assert!(!here.is_marked(), "nothing changed");
}

#[test]
fn what_makes_no_sense_is_put_aside_and_told() {
    let here = Box::new();
    for bad in ["", "{", "{\"settings\":{\"inside\":{\"card\":\"\",\"vlan\":7,\"ipv4\":\"dhcp\",\"ipv6\":\"off\"}}}"] {
        let path = here.dir.path().join(STATE_DIR).join("network.json");
        fs::write(&path, bad).unwrap();
        write_confirmed(here.dir.path()).unwrap();
        assert!(here.written().contains("DHCP=ipv4"));
        let (network, told) = here.network();
        assert_eq!((told, network.in_force()), (Some(Happening::NetworkDamaged), &NetworkSettings::default()));
        assert_eq!(here.network().1, None, "told once");
        assert!(path.with_extension("damaged").exists());
    }
}

#[test]
fn a_card_is_one_that_the_machine_has() {
    let here = Box::new();
    let (mut network, _) = here.network();
    let mut settings = fixed("192.0.2.7/24");
    settings.inside.card = "eth7".parse().unwrap();
    let refused = network.propose(settings.clone(), Instant::now()).unwrap_err();
    assert!(matches!(refused, Refusal::Network(NetworkProblem { wrong: Wrong::NoSuchCard, .. })), "{refused:?}");
    settings.inside.card = "lo".parse().unwrap();
    assert!(network.propose(settings.clone(), Instant::now()).is_err());
    // The same card by its name and by its address.
    settings.inside.card = "eth1".parse().unwrap();
    let mut outside = fixed("198.51.100.7/24").inside;
    outside.card = "52:54:00:F1:00:02".parse().unwrap();
    settings.outside = Some(outside.clone());
    let refused = network.propose(settings.clone(), Instant::now()).unwrap_err();
    assert!(matches!(refused, Refusal::Network(NetworkProblem { wrong: Wrong::SameWire, .. })), "{refused:?}");
    outside.card = "52:54:00:f1:00:01".parse().unwrap();
    settings.outside = Some(outside);
    network.propose(settings, Instant::now()).unwrap();
}

#[test]
fn what_cannot_be_kept_is_not_taken_into_force() {
    let here = Box::new();
    let (mut network, _) = here.network();
    fs::remove_dir_all(here.dir.path().join(STATE_DIR)).unwrap();
    assert!(matches!(network.propose(fixed("192.0.2.7/24"), Instant::now()), Err(Refusal::System { .. })));
    assert_eq!(network.in_force(), &NetworkSettings::default());
    assert!(!here.is_marked());
}
