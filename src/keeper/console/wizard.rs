//! The network's settings at the console: one question after the other, pure. Card, DHCP or address, gateway and name servers of
//! a side; what else is set (VLAN, IPv6, routes) stays, and is changed on the page.

use std::net::{IpAddr, Ipv4Addr};

use super::keys::Key;
use crate::fault::Text;
use crate::gate::{Draft, NetworkSettings, NetworkStatus, SettingsSide, SideDraft};

/// Characters of an answer, at most: three addresses of name servers.
const TYPED_LIMIT: usize = 60;
/// Digits that confirm.
const DIGITS: usize = 2;
/// Cards that can be chosen by a digit.
const CARDS_LIMIT: usize = 9;

/// What came of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// More is to be asked.
    Open,
    Closed,
    Change(Box<NetworkSettings>),
    Confirm,
    /// What was typed makes no settings.
    Said(Text),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Which,
    Card,
    Mode,
    Address,
    Gateway,
    Dns,
    /// These settings, or the word that keeps those on trial.
    Sure {
        confirms: bool,
    },
}

/// The questions, and what was answered so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wizard {
    step: Step,
    side: SettingsSide,
    draft: Draft,
    cards: Vec<String>,
    on_trial: bool,
    digits: String,
    typed: String,
    wrong: bool,
}

impl Wizard {
    /// Begins with the settings in force. `draw` gives as many random digits.
    pub fn new(status: &NetworkStatus, mut cards: Vec<String>, draw: impl FnOnce(usize) -> String) -> Self {
        cards.truncate(CARDS_LIMIT);
        Self {
            step: Step::Which,
            side: SettingsSide::Inside,
            draft: Draft::from(status.in_force()),
            cards,
            on_trial: status.trial.is_some(),
            digits: draw(DIGITS),
            typed: String::new(),
            wrong: false,
        }
    }

    pub fn key(&mut self, key: Key) -> Outcome {
        match (key, self.step) {
            (Key::Escape, _) => return Outcome::Closed,
            (Key::Char(digit), Step::Which | Step::Card | Step::Mode) => self.chosen(digit),
            (_, Step::Which | Step::Card | Step::Mode) => {}
            (Key::Char(letter), _) if self.typed.len() < TYPED_LIMIT => {
                self.typed.push(self.meant(letter));
                self.wrong = false;
            }
            (Key::Char(_), _) => {}
            (Key::Backspace, _) => drop(self.typed.pop()),
            (Key::Enter, step) => return self.entered(step),
        }
        Outcome::Open
    }

    /// Of a French keyboard, which is read as an American one, the full stop and the slash come as other characters; no address
    /// has those.
    fn meant(&self, letter: char) -> char {
        match letter {
            '<' | ',' | ';' => '.',
            '>' | ':' => '/',
            other => other,
        }
    }

    fn side(&mut self) -> &mut SideDraft {
        match self.side {
            SettingsSide::Outside => self.draft.outside.get_or_insert_default(),
            SettingsSide::Inside | SettingsSide::Time => &mut self.draft.inside,
        }
    }

    fn chosen(&mut self, digit: char) {
        match (self.step, digit) {
            (Step::Which, '1' | '2') => {
                self.side = if digit == '1' { SettingsSide::Inside } else { SettingsSide::Outside };
                self.step = Step::Card;
            }
            (Step::Which, '3') => {
                self.draft = Draft { time_servers: std::mem::take(&mut self.draft.time_servers), ..Draft::default() };
                self.step = Step::Sure { confirms: false };
            }
            (Step::Which, '4') if self.on_trial => self.step = Step::Sure { confirms: true },
            (Step::Card, digit) => {
                let at = digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok()?.checked_sub(1));
                if let Some(card) = at.and_then(|at| self.cards.get(at)).cloned() {
                    self.side().card = card;
                    self.step = Step::Mode;
                }
            }
            (Step::Mode, '1') => {
                let side = self.side();
                (side.ipv4, side.dns) = ("dhcp".to_owned(), String::new());
                self.step = Step::Sure { confirms: false };
            }
            (Step::Mode, '2') => {
                self.side().ipv4 = "static".to_owned();
                self.step = Step::Address;
            }
            _ => {}
        }
    }

    fn entered(&mut self, step: Step) -> Outcome {
        let typed = std::mem::take(&mut self.typed);
        let typed = typed.trim();
        let next = match step {
            Step::Address if is_address(typed) => {
                self.side().address4 = typed.to_owned();
                // With two sides the gateway is the outside's.
                let has_gateway = self.side == SettingsSide::Outside || self.draft.outside.is_none();
                self.side().gateway4.clear();
                if has_gateway { Step::Gateway } else { Step::Dns }
            }
            Step::Gateway if typed.is_empty() || typed.parse::<Ipv4Addr>().is_ok() => {
                self.side().gateway4 = typed.to_owned();
                Step::Dns
            }
            Step::Dns if typed.split(' ').all(|word| word.is_empty() || word.parse::<IpAddr>().is_ok()) => {
                self.side().dns = typed.to_owned();
                Step::Sure { confirms: false }
            }
            Step::Sure { confirms } if typed == self.digits => {
                return match self.draft.read() {
                    _ if confirms => Outcome::Confirm,
                    Ok(settings) => Outcome::Change(Box::new(settings)),
                    Err(problem) => Outcome::Said(problem.text()),
                };
            }
            step => {
                self.wrong = !typed.is_empty() || step == Step::Address;
                step
            }
        };
        if next != step {
            self.wrong = false;
        }
        self.step = next;
        Outcome::Open
    }

    /// The question, and what is typed.
    pub fn shown(&self) -> (Text, String) {
        let side = self.side.text();
        let asked = match self.step {
            Step::Which => {
                let confirm = if self.on_trial {
                    ("   4 confirmer le réseau à l'essai", "   4 confirm the network on trial")
                } else {
                    ("", "")
                };
                Text::new(
                    format!(
                        "RÉSEAU : 1 côté intérieur   2 côté extérieur   3 DHCP sur toutes les cartes{}   Échap annule",
                        confirm.0
                    ),
                    format!("NETWORK: 1 inside   2 outside   3 DHCP on every card{}   Esc cancels", confirm.1),
                )
            }
            Step::Card => {
                let cards = self.cards.iter().enumerate().map(|(at, name)| format!("{} {name}", at.saturating_add(1)));
                let cards = cards.collect::<Vec<_>>().join("   ");
                Text::new(format!("Carte du {} : {cards}", side.fr), format!("Card of the {}: {cards}", side.en))
            }
            Step::Mode => Text::new(
                format!("IPv4, {} : 1 DHCP   2 adresse fixe", side.fr),
                format!("IPv4, {}: 1 DHCP   2 fixed address", side.en),
            ),
            Step::Address => Text::new(
                "Adresse et préfixe, comme 192.0.2.7/24, puis Entrée (le pavé numérique a le point et la barre)",
                "Address and prefix, such as 192.0.2.7/24, then Enter",
            ),
            Step::Gateway => Text::new("Passerelle, ou rien, puis Entrée", "Gateway, or nothing, then Enter"),
            Step::Dns => Text::new(
                "Serveurs de noms, par adresse, séparés par une espace, ou rien, puis Entrée",
                "Name servers, by address, with a space between them, or nothing, then Enter",
            ),
            Step::Sure { confirms } => self.last_question(confirms),
        };
        let wrong = if self.wrong { " ? " } else { "" };
        (asked, format!("{wrong} > {}", self.typed))
    }

    fn last_question(&self, confirms: bool) -> Text {
        let digits = &self.digits;
        if confirms {
            return Text::new(
                format!("Le réseau à l'essai reste. Tapez {digits} puis Entrée ; Échap annule."),
                format!("The network on trial stays. Type {digits} then Enter; Esc cancels."),
            );
        }
        let side = match self.side {
            SettingsSide::Outside => self.draft.outside.clone().unwrap_or_default(),
            SettingsSide::Inside | SettingsSide::Time => self.draft.inside.clone(),
        };
        let what = match side.ipv4.as_str() {
            "static" => [side.card, side.address4, side.gateway4].join(" "),
            _ => format!("{} DHCP", side.card),
        };
        let what = what.trim();
        Text::new(
            format!("{what}, à l'essai cinq minutes. Tapez {digits} puis Entrée ; Échap annule."),
            format!("{what}, on trial for five minutes. Type {digits} then Enter; Esc cancels."),
        )
    }
}

fn is_address(text: &str) -> bool {
    let parts = text.split_once('/');
    parts.is_some_and(|(ip, prefix)| ip.parse::<Ipv4Addr>().is_ok() && prefix.parse::<u8>().is_ok_and(|bits| bits < 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(wizard: &mut Wizard, keys: &str) -> Outcome {
        let key = |letter| match letter {
            '\r' => Key::Enter,
            '\x1b' => Key::Escape,
            '\x08' => Key::Backspace,
            other => Key::Char(other),
        };
        keys.chars().map(|letter| wizard.key(key(letter))).last().unwrap()
    }

    fn wizard(status: &NetworkStatus) -> Wizard {
        Wizard::new(status, vec!["enp0s2".to_owned(), "enp0s3".to_owned()], |count| "9".repeat(count))
    }

    fn change(keys: &str) -> NetworkSettings {
        let mut wizard = wizard(&NetworkStatus::default());
        match typed(&mut wizard, keys) {
            Outcome::Change(settings) => *settings,
            other => panic!("{other:?}: {:?}", wizard.shown()),
        }
    }

    #[test]
    fn a_fixed_address_is_asked_for_step_by_step() {
        let settings = change("112192.0.2.7/24\r192.0.2.1\r192.0.2.53 192.0.2.54\r99\r");
        let draft = Draft::from(&settings).inside;
        assert_eq!((draft.card.as_str(), draft.address4.as_str()), ("enp0s2", "192.0.2.7/24"));
        assert_eq!((draft.gateway4.as_str(), draft.dns.as_str()), ("192.0.2.1", "192.0.2.53 192.0.2.54"));
        // A French keyboard's full stop and slash; nothing behind Enter.
        let french = change("122198<51<100<7>24\r\r\r99\r");
        assert_eq!(Draft::from(&french).inside.address4, "198.51.100.7/24");
        assert_eq!(change("12199\r").inside.card.to_string(), "enp0s3");
        assert_eq!(change("399\r"), NetworkSettings::default());
    }

    #[test]
    fn what_is_wrong_is_asked_again_and_nothing_is_done_without_the_digits() {
        let mut wizard = wizard(&NetworkStatus::default());
        assert_eq!(typed(&mut wizard, "112192.0.2.7\r"), Outcome::Open);
        assert!(wizard.shown().1.starts_with(" ?"));
        assert_eq!(typed(&mut wizard, "192.0.2.7/24\r"), Outcome::Open);
        assert_eq!(typed(&mut wizard, "x\r\r"), Outcome::Open, "the gateway is left out at last");
        assert_eq!(typed(&mut wizard, "\r98\r\r"), Outcome::Open);
        assert!(matches!(typed(&mut wizard, "99\r"), Outcome::Change(_)));
        assert_eq!(typed(&mut wizard, "\x1b"), Outcome::Closed);
        // The network's own address is no machine's: that is said.
        let mut again = super::tests::wizard(&NetworkStatus::default());
        assert!(matches!(typed(&mut again, "112192.0.2.0/24\r\r\r99\r"), Outcome::Said(_)));
        // Nothing is on trial: there is nothing to confirm.
        let mut none = super::tests::wizard(&NetworkStatus::default());
        assert_eq!(typed(&mut none, "499\r"), Outcome::Open);
    }

    #[test]
    fn the_other_side_stays_and_has_the_gateway() {
        let inside = SideDraft { card: "enp0s2".to_owned(), ..SideDraft::default() };
        let outside = SideDraft { card: "enp0s3".to_owned(), vlan: "7".to_owned(), ..SideDraft::default() };
        let settings = Draft { inside, outside: Some(outside), ..Draft::default() }.read().unwrap();
        let trial = Some(crate::gate::NetworkTrial { settings: settings.clone(), seconds_left: 9 });
        let status = NetworkStatus { settings: NetworkSettings::default(), trial };
        let mut wizard = wizard(&status);
        let Outcome::Change(changed) = typed(&mut wizard, "112192.0.2.7/24\r\r99\r") else { panic!() };
        assert_eq!(changed.outside, settings.outside);
        assert_eq!(typed(&mut super::tests::wizard(&status), "499\r"), Outcome::Confirm);
    }
}
