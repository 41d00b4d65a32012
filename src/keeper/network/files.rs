//! Settings as systemd-networkd reads them: pure. Every value comes from a type that was parsed, so that no text of anybody's
//! stands in a file.

use std::fmt::Write;
use std::net::IpAddr;

use crate::gate::{Card, Ipv4, Ipv6, NetworkSettings, SettingsSide, SideSettings};

/// What every file of ours begins with: before what the image has for a box without settings.
pub const OURS: &str = "10-fluxgate-";

/// Name and content of every file.
pub fn files(settings: &NetworkSettings) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let sides: Vec<_> = settings.sides().collect();
    let mut cards: Vec<&Card> = Vec::new();
    for (_, side, _) in &sides {
        if !cards.contains(&&side.card) {
            cards.push(&side.card);
        }
    }
    for (at, card) in cards.iter().enumerate() {
        let mut text = format!("[Match]\nType=ether\n{}", matching(card));
        let own = sides.iter().find(|(_, side, _)| side.card == **card && side.vlan.is_none());
        let vlans = sides.iter().filter(|(_, side, _)| side.card == **card);
        let vlans: String =
            vlans.filter_map(|(_, side, _)| Some(format!("VLAN={}\n", vlan_name(card, side.vlan?)))).collect();
        match own {
            Some((name, side, default)) => text += &network(*name, side, *default, &settings.time_servers, &vlans),
            None => {
                let _ = write!(text, "\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nLLDP=no\n{vlans}");
            }
        }
        files.push((format!("{OURS}{at}.network"), text));
    }
    for (name, side, default) in &sides {
        let Some(vlan) = side.vlan else { continue };
        let device = vlan_name(&side.card, vlan);
        let netdev = format!("[NetDev]\nName={device}\nKind=vlan\n\n[VLAN]\nId={vlan}\n");
        files.push((format!("{OURS}{device}.netdev"), netdev));
        let text = format!("[Match]\nName={device}\n");
        let text = text + &network(*name, side, *default, &settings.time_servers, "");
        files.push((format!("{OURS}{device}.network"), text));
    }
    // A card that is none of ours stays dark, and so does a VLAN of former settings, which nobody removes.
    let types = if cards.contains(&&Card::Any) { "vlan" } else { "ether vlan" };
    let rest = format!(
        "[Match]\nType={types}\n\n[Link]\nActivationPolicy=always-down\nRequiredForOnline=no\n\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
    );
    files.push(("19-fluxgate-rest.network".to_owned(), rest));
    files
}

/// The name of a VLAN's interface: it tells card and number, so that another card's is another one.
pub fn vlan_name(card: &Card, vlan: u16) -> String {
    let short = match card {
        Card::Mac(mac) => format!("v{}", mac.split(':').skip(3).collect::<String>()),
        other => other.to_string(),
    };
    let name = format!("{short}.{vlan}");
    // The kernel's limit; the end of a name tells more than its beginning.
    let over = name.len().saturating_sub(15);
    name.get(over..).map_or_else(|| name.clone(), |end| end.trim_start_matches(['-', '.', '_']).to_owned())
}

fn matching(card: &Card) -> String {
    match card {
        Card::Any => String::new(),
        Card::Name(name) => format!("Name={name}\n"),
        Card::Mac(mac) => format!("MACAddress={mac}\n"),
    }
}

/// Everything after [Match].
fn network(name: SettingsSide, side: &SideSettings, default: bool, time_servers: &[IpAddr], vlans: &str) -> String {
    let yes = |is: bool| if is { "yes" } else { "no" };
    let mut text = String::new();
    let mut line = |words: std::fmt::Arguments<'_>| {
        let _ = text.write_fmt(words);
        text.push('\n');
    };
    let six = side.ipv6 != Ipv6::Off;
    line(format_args!("\n[Network]\nDescription={}", name.text().en));
    line(format_args!("DHCP={}", if side.ipv4 == Ipv4::Dhcp { "ipv4" } else { "no" }));
    line(format_args!("LinkLocalAddressing={}", if six { "ipv6" } else { "no" }));
    line(format_args!("IPv6AcceptRA={}", yes(side.ipv6 == Ipv6::Router)));
    line(format_args!("LLMNR=no\nMulticastDNS=no\nLLDP=no"));
    if let Ipv4::Static { address, prefix, gateway } = &side.ipv4 {
        line(format_args!("Address={address}/{prefix}"));
        gateway.iter().for_each(|gateway| line(format_args!("Gateway={gateway}")));
    }
    if let Ipv6::Static { address, prefix, gateway } = &side.ipv6 {
        line(format_args!("Address={address}/{prefix}"));
        gateway.iter().for_each(|gateway| line(format_args!("Gateway={gateway}")));
    }
    side.dns.iter().for_each(|server| line(format_args!("DNS={server}")));
    time_servers.iter().for_each(|server| line(format_args!("NTP={server}")));
    let vlans = vlans.trim_end();
    if !vlans.is_empty() {
        line(format_args!("{vlans}"));
    }
    if side.ipv4 == Ipv4::Dhcp {
        line(format_args!("\n[DHCPv4]\nUseGateway={0}\nUseRoutes={0}", yes(default)));
        line(format_args!("UseDNS={}\nUseNTP={}", yes(side.dns.is_empty()), yes(time_servers.is_empty())));
        line(format_args!("UseHostname=no\nUseDomains=no\nSendHostname=no"));
    }
    if side.ipv6 == Ipv6::Router {
        line(format_args!("\n[IPv6AcceptRA]\nUseGateway={0}\nUseRoutePrefix={0}", yes(default)));
        line(format_args!("UseDNS={}\nUseDomains=no\nDHCPv6Client=no", yes(side.dns.is_empty())));
    }
    for route in &side.routes {
        line(format_args!("\n[Route]\nDestination={}/{}\nGateway={}", route.to, route.prefix, route.via));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gate::{Draft, SideDraft};

    fn fixed(card: &str, address: &str, gateway: &str) -> SideDraft {
        let [card, address4, gateway4] = [card, address, gateway].map(str::to_owned);
        SideDraft { card, ipv4: "static".to_owned(), address4, gateway4, ..SideDraft::default() }
    }

    fn of(draft: &Draft, name: &str) -> String {
        let files = files(&draft.read().unwrap());
        let names: Vec<_> = files.iter().map(|(name, _)| name.clone()).collect();
        let found = files.into_iter().find(|(file, _)| file == name);
        found.unwrap_or_else(|| panic!("no {name} among {names:?}")).1
    }

    fn has(text: &str, lines: &[&str]) {
        lines.iter().for_each(|line| assert!(text.lines().any(|one| one == *line), "no {line} in:\n{text}"));
    }

    #[test]
    fn without_settings_every_card_asks_dhcp_as_ever() {
        let text = of(&Draft::default(), "10-fluxgate-0.network");
        has(&text, &["Type=ether", "DHCP=ipv4", "UseGateway=yes", "UseDNS=yes", "UseNTP=yes", "IPv6AcceptRA=no"]);
        assert!(!text.contains("Name="), "{text}");
        has(&of(&Draft::default(), "19-fluxgate-rest.network"), &["Type=vlan", "ActivationPolicy=always-down"]);
    }

    #[test]
    fn the_outside_alone_has_the_default_route() {
        let inside = SideDraft { routes: "10.0.0.0/8 192.0.2.1".to_owned(), ..fixed("enp1s0", "192.0.2.7/24", "") };
        let outside =
            SideDraft { card: "52:54:00:F1:00:02".to_owned(), ipv6: "router".to_owned(), ..SideDraft::default() };
        let draft = Draft { inside, outside: Some(outside), time_servers: "192.0.2.123".to_owned() };
        let inside = of(&draft, "10-fluxgate-0.network");
        has(&inside, &["Name=enp1s0", "Address=192.0.2.7/24", "Destination=10.0.0.0/8", "NTP=192.0.2.123", "DHCP=no"]);
        assert_eq!(inside.matches("Gateway=").count(), 1, "its route's alone: {inside}");
        let outside = of(&draft, "10-fluxgate-1.network");
        has(&outside, &["MACAddress=52:54:00:f1:00:02", "UseGateway=yes", "UseNTP=no", "IPv6AcceptRA=yes"]);
        has(&of(&draft, "19-fluxgate-rest.network"), &["Type=ether vlan"]);
        let by_dhcp = Draft {
            inside: SideDraft { card: "a".to_owned(), ipv6: "router".to_owned(), ..SideDraft::default() },
            outside: Some(SideDraft { card: "b".to_owned(), ..SideDraft::default() }),
            ..Draft::default()
        };
        let inside = of(&by_dhcp, "10-fluxgate-0.network");
        assert_eq!(
            (inside.matches("UseGateway=no").count(), inside.matches("UseRoutes=no").count()),
            (2, 1),
            "{inside}"
        );
    }

    #[test]
    fn a_vlan_is_a_device_on_its_card() {
        let inside = SideDraft { vlan: "42".to_owned(), ..fixed("enp0s2", "192.0.2.7/24", "") };
        let outside = SideDraft { ipv6: "router".to_owned(), ..fixed("enp0s2", "198.51.100.7/24", "198.51.100.1") };
        let draft = Draft { inside, outside: Some(outside), ..Draft::default() };
        let card = of(&draft, "10-fluxgate-0.network");
        has(&card, &["VLAN=enp0s2.42", "Address=198.51.100.7/24", "[IPv6AcceptRA]"]);
        assert!(card.find("VLAN=").unwrap() < card.find("[IPv6AcceptRA]").unwrap(), "in [Network]: {card}");
        has(&of(&draft, "10-fluxgate-enp0s2.42.netdev"), &["Name=enp0s2.42", "Kind=vlan", "Id=42"]);
        has(&of(&draft, "10-fluxgate-enp0s2.42.network"), &["Name=enp0s2.42", "Address=192.0.2.7/24"]);
        // A card that carries VLANs alone has no address.
        let alone = Draft { inside: draft.inside.clone(), ..Draft::default() };
        let card = of(&alone, "10-fluxgate-0.network");
        has(&card, &["VLAN=enp0s2.42", "LinkLocalAddressing=no"]);
        assert!(!card.contains("Address="), "{card}");
    }

    #[test]
    fn a_vlan_s_name_is_one_that_the_kernel_takes() {
        let name = |card: &str, vlan| vlan_name(&card.parse().unwrap(), vlan);
        assert_eq!(name("enp0s3", 7), "enp0s3.7");
        assert_eq!(name("52:54:00:f1:00:02", 4094), "vf10002.4094");
        assert_eq!(name("enp129s0f0np0", 4094), "129s0f0np0.4094");
    }

    proptest! {
        /// Whatever is typed: what passes gives files of lines that networkd's format has, and nothing else.
        #[test]
        fn nothing_hostile_reaches_a_file(card in "\\PC{0,20}|[a-z0-9]{1,8}", address in "\\PC{0,30}|192\\.0\\.2\\.[0-9]{1,3}/24", dns in "\\PC{0,40}|[0-9. ]{0,20}", vlan in "[0-9\\n]{0,5}") {
            let inside = SideDraft { dns, vlan, ..fixed(&card, &address, "") };
            if let Ok(settings) = (Draft { inside, ..Draft::default() }).read() {
                for (name, text) in files(&settings) {
                    prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)), "{}", name);
                    for line in text.lines().filter(|line| !line.is_empty()) {
                        prop_assert!(line.starts_with('[') || line.contains('='), "{}", line);
                    }
                    prop_assert!(text.bytes().all(|b| matches!(b, b'\n' | b' '..=b'~')));
                }
            }
        }
    }
}
