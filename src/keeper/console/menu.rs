//! What somebody at the console may do: a small machine of keys, pure. Whatever does harm is confirmed by digits that only the
//! screen shows, so that neither a cat on the keyboard nor noise on a serial line does it.

use std::time::Duration;

use zeroize::Zeroizing;

use super::keys::Key;
use super::wizard::{Outcome, Wizard};
use crate::fault::{Language, Text};
use crate::gate::{KEY_LETTERS, NetworkSettings, RecoveryKey, is_key_letter};

/// Digits that confirm a restart, and a factory reset.
const RESTART_DIGITS: usize = 2;
const RESET_DIGITS: usize = 6;
/// A question that nobody answers goes away after this, and so does a word that was said.
const QUESTION_LIFE: Duration = Duration::from_secs(60);
/// Characters that are taken as an answer, at most.
const TYPED_LIMIT: usize = 12;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Restart,
    FactoryReset,
    /// This recovery key is to be tried.
    TryKey(RecoveryKey),
    /// The claim code as a QR, on a terminal that cannot draw it beside the text.
    ShowCode,
    /// The network's settings are asked for: [`Menu::ask_network`].
    AskNetwork,
    Network(Box<NetworkSettings>),
    ConfirmNetwork,
}

/// What may be confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Restart,
    FactoryReset,
}

/// What stands in the menu's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialog {
    /// The menu itself.
    Closed,
    /// These digits confirm the deed; what has been typed of them.
    Question { deed: Deed, digits: String, typed: String, wrong: bool },
    /// The recovery key as far as it was typed; whether it was too short.
    Key { typed: Zeroizing<String>, short: bool },
    /// The network's settings, one question after the other.
    Network(Box<Wizard>),
    /// Something to read; any key goes on.
    Said(Text),
}

/// The menu of one terminal.
#[derive(Debug)]
pub struct Menu {
    pub dialog: Dialog,
    pub language: Language,
    /// A recovery key is awaited.
    pub wants_key: bool,
    /// When the last key came.
    touched: Duration,
}

impl Menu {
    pub fn new() -> Self {
        Self { dialog: Dialog::Closed, language: Language::Fr, wants_key: false, touched: Duration::ZERO }
    }

    /// Takes a key at an instant of a clock that only goes forward. `draw` gives as many random digits.
    pub fn key(&mut self, key: Key, now: Duration, draw: impl FnOnce(usize) -> String) -> Option<Action> {
        self.touched = now;
        match &mut self.dialog {
            Dialog::Closed => self.choose(key, draw),
            Dialog::Said(_) => {
                self.dialog = Dialog::Closed;
                None
            }
            Dialog::Key { typed, short } => match key {
                Key::Char(letter) => {
                    // What no key has, hyphens among it, is nobody's letter.
                    if is_key_letter(letter) && typed.len() < KEY_LETTERS {
                        typed.push(letter.to_ascii_lowercase());
                    }
                    *short = false;
                    None
                }
                Key::Backspace => {
                    typed.pop();
                    None
                }
                Key::Escape => {
                    self.dialog = Dialog::Closed;
                    None
                }
                Key::Enter => match RecoveryKey::parse(typed) {
                    Some(key) => {
                        self.dialog = Dialog::Closed;
                        Some(Action::TryKey(key))
                    }
                    None => {
                        *short = true;
                        None
                    }
                },
            },
            Dialog::Network(wizard) => {
                let outcome = wizard.key(key);
                self.network(outcome)
            }
            Dialog::Question { deed, digits, typed, wrong } => match key {
                Key::Char(character) if typed.len() < TYPED_LIMIT => {
                    typed.push(character);
                    *wrong = false;
                    None
                }
                Key::Char(_) => None,
                Key::Backspace => {
                    typed.pop();
                    None
                }
                Key::Escape => {
                    self.dialog = Dialog::Closed;
                    None
                }
                Key::Enter if typed == digits => {
                    let action = match deed {
                        Deed::Restart => Action::Restart,
                        Deed::FactoryReset => Action::FactoryReset,
                    };
                    self.dialog = Dialog::Closed;
                    Some(action)
                }
                Key::Enter => {
                    *wrong = !typed.is_empty();
                    typed.clear();
                    None
                }
            },
        }
    }

    fn network(&mut self, outcome: Outcome) -> Option<Action> {
        let (dialog, action) = match outcome {
            Outcome::Open => return None,
            Outcome::Closed => (Dialog::Closed, None),
            Outcome::Change(settings) => (Dialog::Closed, Some(Action::Network(settings))),
            Outcome::Confirm => (Dialog::Closed, Some(Action::ConfirmNetwork)),
            Outcome::Said(text) => (Dialog::Said(text), None),
        };
        self.dialog = dialog;
        action
    }

    /// Begins with the network's questions.
    pub fn ask_network(&mut self, wizard: Wizard, now: Duration) {
        self.touched = now;
        self.dialog = Dialog::Network(Box::new(wizard));
    }

    fn choose(&mut self, key: Key, draw: impl FnOnce(usize) -> String) -> Option<Action> {
        let (deed, count) = match key {
            Key::Char('2') => (Deed::Restart, RESTART_DIGITS),
            Key::Char('3') => (Deed::FactoryReset, RESET_DIGITS),
            Key::Char('4') if self.wants_key => {
                self.dialog = Dialog::Key { typed: Zeroizing::default(), short: false };
                return None;
            }
            Key::Char('5') if !self.wants_key => return Some(Action::AskNetwork),
            Key::Char('l' | 'L') => {
                self.language = match self.language {
                    Language::Fr => Language::En,
                    Language::En => Language::Fr,
                };
                return None;
            }
            Key::Char('q' | 'Q') => return Some(Action::ShowCode),
            _ => return None,
        };
        self.dialog = Dialog::Question { deed, digits: draw(count), typed: String::new(), wrong: false };
        None
    }

    /// Says something in the menu's place.
    pub fn say(&mut self, text: Text, now: Duration) {
        self.touched = now;
        self.dialog = Dialog::Said(text);
    }

    /// Time passes.
    pub fn tick(&mut self, now: Duration) {
        if now.saturating_sub(self.touched) > QUESTION_LIFE {
            self.dialog = Dialog::Closed;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    fn nine(count: usize) -> String {
        "9".repeat(count)
    }

    fn typed(menu: &mut Menu, keys: &str) -> Option<Action> {
        let key = |character| match character {
            '\r' => Key::Enter,
            '\x1b' => Key::Escape,
            '\x08' => Key::Backspace,
            other => Key::Char(other),
        };
        keys.chars().map(|character| menu.key(key(character), NOW, nine)).fold(None, Option::or)
    }

    #[test]
    fn a_deed_needs_the_digits_that_are_shown() {
        let mut menu = Menu::new();
        assert_eq!(typed(&mut menu, "2\r"), None, "nothing was typed");
        assert_eq!(typed(&mut menu, "98\r"), None);
        assert!(matches!(menu.dialog, Dialog::Question { wrong: true, .. }));
        assert_eq!(typed(&mut menu, "98\x089\r"), Some(Action::Restart));
        assert_eq!(menu.dialog, Dialog::Closed);
        assert_eq!(typed(&mut menu, "399\r"), None, "the digits of a restart are not enough");
        assert_eq!(typed(&mut menu, "\x1b999999\r"), None, "Escape closes");
        assert_eq!(typed(&mut menu, "3999999\r"), Some(Action::FactoryReset));
    }

    #[test]
    fn a_recovery_key_is_typed_where_one_is_awaited() {
        let mut menu = Menu::new();
        typed(&mut menu, "4");
        assert_eq!(menu.dialog, Dialog::Closed);
        menu.wants_key = true;
        assert_eq!(typed(&mut menu, "4cbd-\r"), None);
        assert!(matches!(&menu.dialog, Dialog::Key { short: true, typed } if **typed == "cbd"));
        // The hyphen of another keyboard's map is another letter.
        let rest = format!("EFGHI6{}", "cbdefghi)".repeat(7));
        assert_eq!(
            typed(&mut menu, &format!("{rest}\r")),
            RecoveryKey::parse(&"cbdefghi".repeat(8)).map(Action::TryKey)
        );
        assert_eq!(typed(&mut menu, "4cb\x1b"), None);
        assert_eq!(menu.dialog, Dialog::Closed);
    }

    #[test]
    fn a_question_goes_away_by_itself() {
        let mut menu = Menu::new();
        typed(&mut menu, "39999");
        menu.tick(NOW + QUESTION_LIFE);
        assert_ne!(menu.dialog, Dialog::Closed);
        menu.tick(NOW + QUESTION_LIFE + Duration::from_millis(1));
        assert_eq!(menu.dialog, Dialog::Closed);
        assert_eq!(typed(&mut menu, "99\r"), None);
    }

    #[test]
    fn the_language_changes_and_a_word_goes_with_any_key() {
        let mut menu = Menu::new();
        typed(&mut menu, "l");
        assert_eq!(menu.language, Language::En);
        menu.say(Text::same("x"), NOW);
        assert_eq!(typed(&mut menu, "2"), None);
        assert_eq!(menu.dialog, Dialog::Closed);
    }

    proptest! {
        /// Keys without the digits that are shown do nothing: here they are letters, which nobody types by chance.
        #[test]
        fn noise_does_nothing(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut menu = Menu::new();
            let mut keys = super::super::keys::Keys::of_keyboard();
            for key in keys.read(&noise) {
                let action = menu.key(key, NOW, |count| "\u{e9}".repeat(count));
                prop_assert!(matches!(action, None | Some(Action::ShowCode | Action::AskNetwork)));
            }
        }
    }
}
