//! Settings as somebody types them, on the page or at the console.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::problem::{Field, NetworkProblem, Side, Wrong};
use super::{Card, Ipv4, Ipv6, NetworkSettings, Route, SideSettings};

/// Characters of a field, at most.
const FIELD_LIMIT: usize = 2000;

/// One side as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SideDraft {
    pub card: String,
    pub vlan: String,
    /// `dhcp`, `static` or `off`.
    pub ipv4: String,
    pub address4: String,
    pub gateway4: String,
    /// `off`, `router` or `static`.
    pub ipv6: String,
    pub address6: String,
    pub gateway6: String,
    pub dns: String,
    pub routes: String,
}

/// Everything as it was typed. Without a card there is no outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    pub inside: SideDraft,
    pub outside: Option<SideDraft>,
    pub time_servers: String,
}

impl Draft {
    /// The settings that were meant, checked; or the first thing that is wrong.
    pub fn read(&self) -> Result<NetworkSettings, NetworkProblem> {
        let inside = self.inside.read(Side::Inside)?;
        let outside = self.outside.as_ref().map(|outside| outside.read(Side::Outside)).transpose()?;
        let wrong = NetworkProblem { side: Side::Time, field: Field::Servers, wrong: Wrong::Unreadable };
        let settings = NetworkSettings { inside, outside, time_servers: list(&self.time_servers).ok_or(wrong)? };
        settings.check()?;
        Ok(settings)
    }
}

impl From<&NetworkSettings> for Draft {
    fn from(settings: &NetworkSettings) -> Self {
        Self {
            inside: (&settings.inside).into(),
            outside: settings.outside.as_ref().map(Into::into),
            time_servers: joined(&settings.time_servers, " "),
        }
    }
}

impl From<&SideSettings> for SideDraft {
    fn from(side: &SideSettings) -> Self {
        let (ipv4, address4, gateway4) = match &side.ipv4 {
            Ipv4::Off => ("off", String::new(), String::new()),
            Ipv4::Dhcp => ("dhcp", String::new(), String::new()),
            Ipv4::Static { address, prefix, gateway } => ("static", format!("{address}/{prefix}"), optional(gateway)),
        };
        let (ipv6, address6, gateway6) = match &side.ipv6 {
            Ipv6::Off => ("off", String::new(), String::new()),
            Ipv6::Router => ("router", String::new(), String::new()),
            Ipv6::Static { address, prefix, gateway } => ("static", format!("{address}/{prefix}"), optional(gateway)),
        };
        Self {
            card: side.card.to_string(),
            vlan: optional(&side.vlan),
            ipv4: ipv4.to_owned(),
            address4,
            gateway4,
            ipv6: ipv6.to_owned(),
            address6,
            gateway6,
            dns: joined(&side.dns, " "),
            routes: joined(&side.routes, "\n"),
        }
    }
}

fn optional<T: ToString>(value: &Option<T>) -> String {
    value.as_ref().map(T::to_string).unwrap_or_default()
}

fn joined<T: ToString>(values: &[T], between: &str) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(between)
}

impl SideDraft {
    fn read(&self, side: Side) -> Result<SideSettings, NetworkProblem> {
        let unreadable = |field| NetworkProblem { side, field, wrong: Wrong::Unreadable };
        let texts = [&self.card, &self.vlan, &self.address4, &self.address6, &self.dns, &self.routes];
        if texts.iter().any(|text| text.len() > FIELD_LIMIT) {
            return Err(unreadable(Field::Address));
        }
        Ok(SideSettings {
            card: self.card.trim().parse::<Card>().map_err(|_| unreadable(Field::Card))?,
            vlan: typed(&self.vlan, number).ok_or(unreadable(Field::Vlan))?,
            ipv4: self.ipv4(unreadable)?,
            ipv6: self.ipv6(unreadable)?,
            dns: list(&self.dns).ok_or(unreadable(Field::Dns))?,
            routes: routes(&self.routes).ok_or(unreadable(Field::Routes))?,
        })
    }

    fn ipv4(&self, unreadable: impl Fn(Field) -> NetworkProblem) -> Result<Ipv4, NetworkProblem> {
        match self.ipv4.as_str() {
            "off" => Ok(Ipv4::Off),
            "" | "dhcp" => Ok(Ipv4::Dhcp),
            "static" => {
                let (address, prefix) = prefixed(&self.address4).ok_or(unreadable(Field::Address))?;
                let IpAddr::V4(address) = address else { return Err(unreadable(Field::Address)) };
                let gateway = typed(&self.gateway4, |text| text.parse::<Ipv4Addr>().ok());
                Ok(Ipv4::Static { address, prefix, gateway: gateway.ok_or(unreadable(Field::Gateway))? })
            }
            _ => Err(unreadable(Field::Address)),
        }
    }

    fn ipv6(&self, unreadable: impl Fn(Field) -> NetworkProblem) -> Result<Ipv6, NetworkProblem> {
        match self.ipv6.as_str() {
            "" | "off" => Ok(Ipv6::Off),
            "router" => Ok(Ipv6::Router),
            "static" => {
                let (address, prefix) = prefixed(&self.address6).ok_or(unreadable(Field::Address))?;
                let IpAddr::V6(address) = address else { return Err(unreadable(Field::Address)) };
                let gateway = typed(&self.gateway6, |text| text.parse::<Ipv6Addr>().ok());
                Ok(Ipv6::Static { address, prefix, gateway: gateway.ok_or(unreadable(Field::Gateway))? })
            }
            _ => Err(unreadable(Field::Address)),
        }
    }
}

/// A field that may be empty: `Some(None)`; `None` for what is no such thing.
fn typed<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    let text = text.trim();
    if text.is_empty() { Some(None) } else { read(text).map(Some) }
}

/// Digits alone: no sign, no spaces.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// `192.0.2.7/24`.
fn prefixed(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.trim().split_once('/')?;
    Some((address.parse().ok()?, number(prefix)?))
}

/// Addresses with spaces, commas or semicolons between them.
fn list(text: &str) -> Option<Vec<IpAddr>> {
    if text.len() > FIELD_LIMIT {
        return None;
    }
    let words = text.split([' ', '\t', '\r', '\n', ',', ';']).filter(|word| !word.is_empty());
    words.map(|word| word.parse().ok()).collect()
}

/// A network and its gateway on each line; `via` may stand between them.
fn routes(text: &str) -> Option<Vec<Route>> {
    let route = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().filter(|word| *word != "via").collect();
        let [network, via] = words[..] else { return None };
        let (to, prefix) = prefixed(network)?;
        Some(Route { to, prefix, via: via.parse().ok()? })
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(route).collect()
}
