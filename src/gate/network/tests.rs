use super::*;

fn side(card: &str) -> SideDraft {
    SideDraft { card: card.to_owned(), ..SideDraft::default() }
}

fn fixed(card: &str, address: &str, gateway: &str) -> SideDraft {
    SideDraft { ipv4: "static".to_owned(), address4: address.to_owned(), gateway4: gateway.to_owned(), ..side(card) }
}

fn one(inside: SideDraft) -> Result<NetworkSettings, NetworkProblem> {
    Draft { inside, ..Draft::default() }.read()
}

fn two(inside: SideDraft, outside: SideDraft) -> Result<NetworkSettings, NetworkProblem> {
    Draft { inside, outside: Some(outside), ..Draft::default() }.read()
}

fn is_wrong(result: Result<NetworkSettings, NetworkProblem>, side: Side, field: Field, wrong: Wrong) {
    let problem = result.expect_err("it is wrong");
    assert_eq!(problem, NetworkProblem { side, field, wrong }, "{}", problem.text().en);
    assert!(problem.text().fr.len() > 20 && problem.text().fr != problem.text().en);
}

#[test]
fn what_is_typed_is_read_and_typed_again_the_same() {
    assert_eq!(one(SideDraft::default()).unwrap(), NetworkSettings::default());
    let inside = SideDraft {
        vlan: "42".to_owned(),
        routes: "10.0.0.0/8 via 192.0.2.1\n\n172.16.0.0/12 192.0.2.2\n".to_owned(),
        dns: "192.0.2.53, 192.0.2.54".to_owned(),
        ..fixed("enp0s3", "192.0.2.7/24", "")
    };
    let outside = SideDraft {
        ipv6: "static".to_owned(),
        address6: "2001:db8::7/64".to_owned(),
        gateway6: "fe80::1".to_owned(),
        ..fixed("52:54:00:F1:00:01", "198.51.100.7/31", "198.51.100.6")
    };
    let draft = Draft { inside, outside: Some(outside), time_servers: "192.0.2.123".to_owned() };
    let settings = draft.read().unwrap();
    assert_eq!(settings.outside.as_ref().unwrap().card, Card::Mac("52:54:00:f1:00:01".to_owned()));
    assert_eq!(settings.inside.routes.len(), 2);
    assert_eq!(Draft::from(&settings).read().unwrap(), settings);
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<NetworkSettings>(&text).unwrap(), settings);
}

#[test]
fn each_mistake_is_said_where_it_is() {
    use Field::{Address, Dns, Gateway, Routes, Servers, Vlan};
    let good = || fixed("eth0", "192.0.2.7/24", "192.0.2.1");
    let inside = |field, wrong, draft| is_wrong(one(draft), Side::Inside, field, wrong);
    for card in ["eth0\nDHCP=yes", "../x", "a b", "é", "[Match]", "sixteen_letters_", "52:54:00:f1:00", ".", "-x"] {
        inside(Field::Card, Wrong::Unreadable, fixed(card, "192.0.2.7/24", ""));
    }
    for vlan in ["0", "4095", "x", "+5", "65537"] {
        inside(Vlan, Wrong::Unreadable, SideDraft { vlan: vlan.to_owned(), ..good() });
    }
    for address in
        ["", "192.0.2.7", "192.0.2.7/", "192.0.2.7/+24", "192.0.2.7/24/1", "192.0.2.256/24", "::1/64", "x/24"]
    {
        inside(Address, Wrong::Unreadable, fixed("eth0", address, ""));
    }
    for (address, wrong) in [
        ("192.0.2.7/0", Wrong::Prefix),
        ("192.0.2.7/32", Wrong::Prefix),
        ("192.0.2.7/33", Wrong::Prefix),
        ("127.0.0.1/8", Wrong::NotAHost),
        ("224.0.0.1/24", Wrong::NotAHost),
        ("169.254.1.1/16", Wrong::NotAHost),
        ("0.0.0.1/8", Wrong::NotAHost),
        ("255.255.255.255/24", Wrong::NotAHost),
        ("192.0.2.0/24", Wrong::NetworkItself),
        ("192.0.2.255/24", Wrong::NetworkItself),
    ] {
        inside(Address, wrong, fixed("eth0", address, ""));
    }
    for (gateway, wrong) in [
        ("x", Wrong::Unreadable),
        ("198.51.100.1", Wrong::NotNear),
        ("192.0.2.7", Wrong::NotNear),
        ("127.0.0.1", Wrong::NotAHost),
    ] {
        inside(Gateway, wrong, fixed("eth0", "192.0.2.7/24", gateway));
    }
    inside(Address, Wrong::NoAddress, SideDraft { ipv4: "off".to_owned(), ..side("eth0") });
    inside(Address, Wrong::Unreadable, SideDraft { ipv4: "bootp".to_owned(), ..side("eth0") });
    inside(Field::Card, Wrong::NeedsCard, SideDraft { vlan: "7".to_owned(), ..side("") });
    inside(Field::Card, Wrong::NeedsCard, fixed("", "192.0.2.7/24", ""));
    for (dns, wrong) in [
        ("ns.example", Wrong::Unreadable),
        ("0.0.0.0", Wrong::NotAHost),
        ("192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4", Wrong::TooMany(DNS_LIMIT)),
    ] {
        inside(Dns, wrong, SideDraft { dns: dns.to_owned(), ..good() });
    }
    for (routes, wrong) in [
        ("10.0.0.0/8", Wrong::Unreadable),
        ("10.0.0.0/8 192.0.2.1 metric 5", Wrong::Unreadable),
        ("10.0.0.0/33 192.0.2.1", Wrong::Unreadable),
        ("10.0.0.0/8 2001:db8::1", Wrong::Unreadable),
        ("0.0.0.0/0 192.0.2.1", Wrong::DefaultRoute),
        ("10.1.2.3/8 192.0.2.1", Wrong::HostBits),
        ("10.0.0.0/8 198.51.100.1", Wrong::NotNear),
        ("2001:db8:1::/48 2001:db8::1", Wrong::NotNear),
    ] {
        inside(Routes, wrong, SideDraft { routes: routes.to_owned(), ..good() });
    }
    let many = "10.0.0.0/8 192.0.2.1\n".repeat(ROUTES_LIMIT + 1);
    inside(Routes, Wrong::TooMany(ROUTES_LIMIT), SideDraft { routes: many, ..good() });
    for (servers, wrong) in [
        ("ntp.example", Wrong::Unreadable),
        ("127.0.0.1", Wrong::NotAHost),
        ("1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5", Wrong::TooMany(TIME_SERVERS_LIMIT)),
    ] {
        let draft = Draft { inside: good(), time_servers: servers.to_owned(), ..Draft::default() };
        is_wrong(draft.read(), Side::Time, Servers, wrong);
    }
}

#[test]
fn two_sides_are_apart_and_one_has_the_default_route() {
    let inside = || fixed("eth0", "192.0.2.7/24", "");
    let outside = || fixed("eth1", "198.51.100.7/24", "198.51.100.1");
    two(inside(), outside()).unwrap();
    two(inside(), SideDraft { vlan: "7".to_owned(), card: "eth0".to_owned(), ..outside() }).unwrap();
    let wrong = |inside, outside, side, field, wrong| is_wrong(two(inside, outside), side, field, wrong);
    wrong(fixed("eth0", "192.0.2.7/24", "192.0.2.1"), outside(), Side::Inside, Field::Gateway, Wrong::GatewayInside);
    wrong(inside(), fixed("eth0", "198.51.100.7/24", ""), Side::Outside, Field::Card, Wrong::SameWire);
    wrong(inside(), fixed("eth1", "192.0.2.130/25", ""), Side::Outside, Field::Address, Wrong::Overlap);
    wrong(inside(), side(""), Side::Outside, Field::Card, Wrong::NeedsCard);
    wrong(side(""), outside(), Side::Inside, Field::Card, Wrong::NeedsCard);
    let defaults: Vec<bool> = two(inside(), outside()).unwrap().sides().map(|(_, _, default)| default).collect();
    assert_eq!(defaults, [false, true]);
}

#[test]
fn hostile_settings_on_the_wire_are_no_settings() {
    for bad in [
        r#"{"inside":{"card":"eth0\nx","ipv4":"dhcp","ipv6":"off"}}"#,
        r#"{"inside":{"card":"eth0","ipv4":"dhcp","ipv6":"off","mtu":9000}}"#,
        r#"{"inside":{"card":"eth0","ipv4":{"static":{"address":"192.0.2.7\n","prefix":24}},"ipv6":"off"}}"#,
        r#"{"inside":{"card":"eth0","vlan":70000,"ipv4":"dhcp","ipv6":"off"}}"#,
        r#"{"inside":{"card":"eth0","ipv4":"dhcp","ipv6":"off"},"time_servers":["pool.ntp.org"]}"#,
    ] {
        assert!(serde_json::from_str::<NetworkSettings>(bad).is_err(), "{bad}");
    }
}
