//! What is wrong with network settings: where, what, and what to do.

use serde::{Deserialize, Serialize};

use crate::fault::Text;

/// Whose settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Inside,
    Outside,
    /// The time servers, which belong to no side.
    Time,
}

impl Side {
    pub fn text(self) -> Text {
        match self {
            Side::Inside => Text::new("côté intérieur", "inside"),
            Side::Outside => Text::new("côté extérieur", "outside"),
            Side::Time => Text::new("heure", "time"),
        }
    }
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Card,
    Vlan,
    Address,
    Gateway,
    Dns,
    Routes,
    Servers,
}

impl Field {
    pub fn text(self) -> Text {
        match self {
            Field::Card => Text::new("carte", "card"),
            Field::Vlan => Text::same("VLAN"),
            Field::Address => Text::new("adresse", "address"),
            Field::Gateway => Text::new("passerelle", "gateway"),
            Field::Dns => Text::new("serveurs de noms", "name servers"),
            Field::Routes => Text::same("routes"),
            Field::Servers => Text::new("serveurs de temps", "time servers"),
        }
    }

    /// How it is written.
    fn form(self) -> Text {
        match self {
            Field::Card => Text::new(
                "choisissez une carte de la liste, ou tapez son adresse MAC (52:54:00:12:34:56)",
                "choose a card of the list, or type its MAC address (52:54:00:12:34:56)",
            ),
            Field::Vlan => {
                Text::new("tapez un numéro de 1 à 4094, ou rien", "type a number from 1 to 4094, or nothing")
            }
            Field::Address => Text::new(
                "tapez une adresse et la longueur du préfixe, comme 192.0.2.7/24 ou 2001:db8::7/64",
                "type an address and the length of its prefix, such as 192.0.2.7/24 or 2001:db8::7/64",
            ),
            Field::Gateway => Text::new("tapez une adresse, comme 192.0.2.1", "type an address, such as 192.0.2.1"),
            Field::Dns | Field::Servers => Text::new(
                "tapez des adresses, non des noms, séparées par des espaces",
                "type addresses, not names, with spaces between them",
            ),
            Field::Routes => Text::new(
                "tapez une route par ligne, réseau puis passerelle : 10.0.0.0/8 192.0.2.1",
                "type one route a line, network and then gateway: 10.0.0.0/8 192.0.2.1",
            ),
        }
    }
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// Not of the form that is asked for.
    Unreadable,
    Prefix,
    /// No machine can have this address.
    NotAHost,
    /// The first or last address of its network.
    NetworkItself,
    /// A gateway that is not in the side's network.
    NotNear,
    /// The inside has no default route beside an outside.
    GatewayInside,
    /// Neither IPv4 nor IPv6.
    NoAddress,
    /// A card has to be named.
    NeedsCard,
    /// The machine has no such card.
    NoSuchCard,
    /// Both sides on one card without VLANs that tell them apart.
    SameWire,
    /// Both sides in one network.
    Overlap,
    /// A route to everywhere.
    DefaultRoute,
    /// A route's network with bits of a host.
    HostBits,
    TooMany(usize),
}

/// Something wrong, with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkProblem {
    pub side: Side,
    pub field: Field,
    pub wrong: Wrong,
}

impl NetworkProblem {
    /// For people: where, what, what to do.
    pub fn text(&self) -> Text {
        let (side, field, what) = (self.side.text(), self.field.text(), self.what());
        Text::new(format!("{}, {} : {}", side.fr, field.fr, what.fr), format!("{}, {}: {}", side.en, field.en, what.en))
    }

    fn what(&self) -> Text {
        match self.wrong {
            Wrong::Unreadable => {
                let form = self.field.form();
                Text::new(format!("illisible ; {}", form.fr), format!("cannot be read; {}", form.en))
            }
            Wrong::Prefix => Text::new(
                "longueur de préfixe impossible : 1 à 31 en IPv4, 1 à 128 en IPv6",
                "impossible length of the prefix: 1 to 31 for IPv4, 1 to 128 for IPv6",
            ),
            Wrong::NotAHost => Text::new(
                "aucune machine ne peut avoir cette adresse (boucle locale, diffusion, lien local …) : corrigez-la",
                "no machine can have this address (loopback, broadcast, link-local ...): correct it",
            ),
            Wrong::NetworkItself => Text::new(
                "c'est l'adresse du réseau ou celle de diffusion : prenez-en une entre les deux",
                "this is the network's own address or that of its broadcast: take one between them",
            ),
            Wrong::NotNear => Text::new(
                "elle n'est pas dans le réseau de cette carte, ou c'est l'adresse de la machine même : corrigez l'une \
                 ou l'autre",
                "it is not in this card's network, or is the machine's own address: correct either",
            ),
            Wrong::GatewayInside => Text::new(
                "avec un côté extérieur, la route par défaut est la sienne : laissez vide, et donnez à l'intérieur une \
                 route par réseau",
                "with an outside the default route is its own: leave it empty, and give the inside one route per network",
            ),
            Wrong::NoAddress => Text::new(
                "ni IPv4 ni IPv6 : choisissez au moins l'un des deux",
                "neither IPv4 nor IPv6: choose one of them at least",
            ),
            Wrong::NeedsCard => Text::new(
                "choisissez une carte : une adresse fixe, un VLAN ou deux côtés ne vont pas avec « toutes »",
                "choose a card: a fixed address, a VLAN or two sides do not go with \"all\"",
            ),
            Wrong::NoSuchCard => Text::new(
                "la machine n'a pas cette carte : choisissez-en une de la liste",
                "the machine has no such card: choose one of the list",
            ),
            Wrong::SameWire => Text::new(
                "c'est la carte (et le VLAN) de l'intérieur : choisissez une autre carte ou un autre VLAN",
                "this is the inside's card (and VLAN): choose another card or another VLAN",
            ),
            Wrong::Overlap => Text::new(
                "c'est un réseau de l'intérieur : deux côtés ne peuvent être dans un même réseau",
                "this is a network of the inside: two sides cannot be in one network",
            ),
            Wrong::DefaultRoute => Text::new(
                "la route par défaut est la passerelle : ôtez-la de la liste",
                "the default route is the gateway: take it off the list",
            ),
            Wrong::HostBits => Text::new(
                "ce n'est pas l'adresse d'un réseau : 10.1.0.0/16, non 10.1.2.3/16",
                "this is not the address of a network: 10.1.0.0/16, not 10.1.2.3/16",
            ),
            Wrong::TooMany(most) => {
                Text::new(format!("{most} au plus : ôtez-en"), format!("{most} at most: take some off"))
            }
        }
    }
}
