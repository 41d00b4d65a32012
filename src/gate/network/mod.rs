//! The appliance's network as it is set: two sides, each on a card; and what is wrong with such settings, for people.
//!
//! With one side everything is *inside*. With two, *outside* alone has the default route, so that what comes in by a card has to
//! be of that card's networks (strict reverse path); inside has a route to each network behind it.
//!
//! Refuses to know: who writes them where (`keeper::network`).

mod draft;
mod problem;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use draft::{Draft, SideDraft};
pub use problem::{Field, NetworkProblem, Side, Wrong};

/// Name servers of a side, routes of a side, and time servers, at most.
pub const DNS_LIMIT: usize = 3;
pub const ROUTES_LIMIT: usize = 8;
pub const TIME_SERVERS_LIMIT: usize = 4;
/// Characters of a card's name, as the kernel has it.
const NAME_LIMIT: usize = 15;
/// Numbers that a VLAN may have: 0 and 4095 mean something else (IEEE 802.1Q).
const VLANS: std::ops::RangeInclusive<u16> = 1..=4094;

/// The whole network, and whose clock counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSettings {
    /// The establishment's side; the only one with one card.
    pub inside: SideSettings,
    /// Towards Chorus Pro.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<SideSettings>,
    /// Addresses of time servers; without any, those that DHCP names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub time_servers: Vec<IpAddr>,
}

/// One side.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideSettings {
    pub card: Card,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    pub ipv4: Ipv4,
    pub ipv6: Ipv6,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// Which card a side is on. As text: empty, a name, or a MAC address.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Card {
    /// Every card that is there.
    #[default]
    Any,
    Name(String),
    /// `52:54:00:f1:00:01`, in small letters.
    Mac(String),
}

/// How a side gets its IPv4 address.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ipv4 {
    Off,
    #[default]
    Dhcp,
    Static {
        address: Ipv4Addr,
        prefix: u8,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gateway: Option<Ipv4Addr>,
    },
}

/// How a side gets its IPv6 address.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ipv6 {
    #[default]
    Off,
    /// From what a router announces.
    Router,
    Static {
        address: Ipv6Addr,
        prefix: u8,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gateway: Option<Ipv6Addr>,
    },
}

/// A way to a network that is behind a side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    pub to: IpAddr,
    pub prefix: u8,
    pub via: IpAddr,
}

impl TryFrom<String> for Card {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Card> for String {
    fn from(card: Card) -> Self {
        card.to_string()
    }
}

impl FromStr for Card {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |text: &str| {
            text.len() <= NAME_LIMIT
                && text.starts_with(|first: char| first.is_ascii_alphanumeric())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        };
        let is_mac = |text: &str| {
            text.split(':').count() == 6
                && text.split(':').all(|byte| byte.len() == 2 && byte.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        match text {
            "" => Ok(Card::Any),
            name if is_name(name) => Ok(Card::Name(name.to_owned())),
            mac if is_mac(mac) => Ok(Card::Mac(mac.to_ascii_lowercase())),
            _ => Err("neither a card's name nor a MAC address"),
        }
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Card::Any => Ok(()),
            Card::Name(text) | Card::Mac(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} {}", self.to, self.prefix, self.via)
    }
}

/// The bits of a network's prefix that an address has; `None` for a prefix longer than the address.
fn network(ip: IpAddr, prefix: u8) -> Option<u128> {
    let (bits, width) = match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32_u32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    };
    let host = width.checked_sub(u32::from(prefix))?;
    Some(bits.checked_shr(host).unwrap_or(0))
}

/// Whether two networks have addresses in common.
fn overlap(a: (IpAddr, u8), b: (IpAddr, u8)) -> bool {
    let prefix = a.1.min(b.1);
    a.0.is_ipv4() == b.0.is_ipv4() && network(a.0, prefix) == network(b.0, prefix)
}

/// Whether a machine may have this address: not one of many, of nobody, or of the machine itself.
fn is_host(ip: IpAddr) -> bool {
    let own = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast() || ip.octets()[0] == 0 || ip.octets()[0] >= 240,
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.to_ipv4_mapped().is_some(),
    };
    !(own || ip.is_unspecified() || ip.is_loopback() || ip.is_multicast())
}

impl NetworkSettings {
    /// Everything that can be said without looking at the machine. The first thing that is wrong.
    pub fn check(&self) -> Result<(), NetworkProblem> {
        self.inside.check(Side::Inside, self.outside.is_some())?;
        if let Some(outside) = &self.outside {
            outside.check(Side::Outside, true)?;
            let wrong = |field, wrong| NetworkProblem { side: Side::Outside, field, wrong };
            if outside.card == self.inside.card && outside.vlan == self.inside.vlan {
                return Err(wrong(Field::Card, Wrong::SameWire));
            }
            let inside = self.inside.networks();
            if outside.networks().iter().any(|one| inside.iter().any(|other| overlap(*one, *other))) {
                return Err(wrong(Field::Address, Wrong::Overlap));
            }
        }
        let wrong = |wrong| NetworkProblem { side: Side::Time, field: Field::Servers, wrong };
        if self.time_servers.len() > TIME_SERVERS_LIMIT {
            return Err(wrong(Wrong::TooMany(TIME_SERVERS_LIMIT)));
        }
        if self.time_servers.iter().any(|ip| !is_host(*ip)) {
            return Err(wrong(Wrong::NotAHost));
        }
        Ok(())
    }

    /// Whether no list is longer than settings may have: what is longer was not made by us.
    pub fn is_bounded(&self) -> bool {
        let side = |side: &SideSettings| side.dns.len() <= DNS_LIMIT && side.routes.len() <= ROUTES_LIMIT;
        let sides = side(&self.inside) && self.outside.iter().all(side);
        sides && self.time_servers.len() <= TIME_SERVERS_LIMIT
    }

    /// The sides, with whether they have the default route.
    pub fn sides(&self) -> impl Iterator<Item = (Side, &SideSettings, bool)> {
        let inside = (Side::Inside, &self.inside, self.outside.is_none());
        std::iter::once(inside).chain(self.outside.iter().map(|outside| (Side::Outside, outside, true)))
    }
}

impl SideSettings {
    /// The networks that it is in by addresses of its own.
    fn networks(&self) -> Vec<(IpAddr, u8)> {
        let four = match self.ipv4 {
            Ipv4::Static { address, prefix, .. } => Some((IpAddr::V4(address), prefix)),
            Ipv4::Off | Ipv4::Dhcp => None,
        };
        let six = match self.ipv6 {
            Ipv6::Static { address, prefix, .. } => Some((IpAddr::V6(address), prefix)),
            Ipv6::Off | Ipv6::Router => None,
        };
        four.into_iter().chain(six).collect()
    }

    fn check(&self, side: Side, two: bool) -> Result<(), NetworkProblem> {
        let wrong = |field, wrong| Err(NetworkProblem { side, field, wrong });
        if self.card == Card::Any && (two || self.vlan.is_some()) {
            return wrong(Field::Card, Wrong::NeedsCard);
        }
        if self.vlan.is_some_and(|vlan| !VLANS.contains(&vlan)) {
            return wrong(Field::Vlan, Wrong::Unreadable);
        }
        if self.ipv4 == Ipv4::Off && self.ipv6 == Ipv6::Off {
            return wrong(Field::Address, Wrong::NoAddress);
        }
        if self.card == Card::Any && !self.networks().is_empty() {
            return wrong(Field::Card, Wrong::NeedsCard);
        }
        let (mut own, default_route) = (Vec::new(), side == Side::Outside || !two);
        if let Ipv4::Static { address, prefix, gateway } = self.ipv4 {
            own.push((IpAddr::V4(address), prefix, gateway.map(IpAddr::V4), 31));
        }
        if let Ipv6::Static { address, prefix, gateway } = self.ipv6 {
            own.push((IpAddr::V6(address), prefix, gateway.map(IpAddr::V6), 128));
        }
        for (address, prefix, gateway, longest) in own {
            check_address(address, prefix, longest).or_else(|error| wrong(Field::Address, error))?;
            let Some(gateway) = gateway else { continue };
            if !default_route {
                return wrong(Field::Gateway, Wrong::GatewayInside);
            }
            self.check_neighbour(gateway).or_else(|error| wrong(Field::Gateway, error))?;
        }
        if self.dns.len() > DNS_LIMIT {
            return wrong(Field::Dns, Wrong::TooMany(DNS_LIMIT));
        }
        if self.dns.iter().any(|ip| !is_host(*ip)) {
            return wrong(Field::Dns, Wrong::NotAHost);
        }
        if self.routes.len() > ROUTES_LIMIT {
            return wrong(Field::Routes, Wrong::TooMany(ROUTES_LIMIT));
        }
        self.routes.iter().try_for_each(|route| self.check_route(route)).or_else(|error| wrong(Field::Routes, error))
    }

    fn check_route(&self, route: &Route) -> Result<(), Wrong> {
        if route.prefix == 0 {
            return Err(Wrong::DefaultRoute);
        }
        let width = if route.to.is_ipv4() { 32 } else { 128 };
        if route.to.is_ipv4() != route.via.is_ipv4() || route.prefix > width {
            return Err(Wrong::Unreadable);
        }
        if !is_network(route.to, route.prefix) {
            return Err(Wrong::HostBits);
        }
        self.check_neighbour(route.via)
    }

    /// Whether a gateway can be reached: where the side's own address is known, it has to be in its network.
    fn check_neighbour(&self, gateway: IpAddr) -> Result<(), Wrong> {
        if matches!(gateway, IpAddr::V6(ip) if ip.is_unicast_link_local()) {
            return if self.ipv6 == Ipv6::Off { Err(Wrong::NotNear) } else { Ok(()) };
        }
        if !is_host(gateway) {
            return Err(Wrong::NotAHost);
        }
        let (own, known) = match gateway {
            IpAddr::V4(_) => (self.networks().into_iter().find(|(ip, _)| ip.is_ipv4()), self.ipv4 != Ipv4::Dhcp),
            IpAddr::V6(_) => (self.networks().into_iter().find(|(ip, _)| ip.is_ipv6()), self.ipv6 != Ipv6::Router),
        };
        match own {
            Some((address, _)) if address == gateway => Err(Wrong::NotNear),
            Some((address, prefix)) if network(address, prefix) == network(gateway, prefix) => Ok(()),
            Some(_) => Err(Wrong::NotNear),
            None if known => Err(Wrong::NotNear),
            None => Ok(()),
        }
    }
}

/// Whether an address is a network's own: its host part is zero.
fn is_network(ip: IpAddr, prefix: u8) -> bool {
    let (bits, width) = match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32_u32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    };
    let host = width.saturating_sub(u32::from(prefix));
    let mask = 1_u128.checked_shl(host).map_or(u128::MAX, |bit| bit.wrapping_sub(1));
    bits & mask == 0
}

fn check_address(ip: IpAddr, prefix: u8, longest: u8) -> Result<(), Wrong> {
    if prefix == 0 || prefix > longest {
        return Err(Wrong::Prefix);
    }
    if !is_host(ip) {
        return Err(Wrong::NotAHost);
    }
    if let IpAddr::V4(four) = ip {
        let host = 32_u32.saturating_sub(u32::from(prefix));
        let mask = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
        let part = four.to_bits() & mask;
        // A network of two (RFC 3021) has neither its own address nor one of all.
        if host > 1 && (part == 0 || part == mask) {
            return Err(Wrong::NetworkItself);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
