//! What somebody in front of the installer may do: a small machine of keys, pure. A disk is wiped for who typed the digits that only
//! the screen shows.

use crate::fault::{Language, Text};
use crate::keeper::console::keys::Key;

/// Digits that confirm the wiping of a disk.
const DIGITS: usize = 6;
/// Characters that are taken as an answer, at most.
const TYPED_LIMIT: usize = 12;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The disk of this place in the list is wiped and installed on.
    Install(usize),
    /// The disks are looked at anew.
    Look,
    Restart,
    /// Everything is shown in the other language.
    Redraw,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    /// Which disk.
    Disk,
    /// Whether it is really wiped.
    Digits {
        disk: usize,
        digits: String,
    },
    Restart {
        digits: String,
    },
}

/// The dialogue. Disks are counted from 0, as the list has them.
#[derive(Debug)]
pub struct Dialog {
    pub language: Language,
    question: Question,
    typed: String,
    wrong: Option<Text>,
}

/// A row of the list, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub text: Text,
    pub fits: bool,
}

impl Dialog {
    pub fn new(language: Language) -> Self {
        Self { language, question: Question::Disk, typed: String::new(), wrong: None }
    }

    /// Begins anew: the list may be another one.
    pub fn reset(&mut self) {
        *self = Self::new(self.language);
    }

    /// Takes a key. `draw` gives as many random digits.
    pub fn key(&mut self, key: Key, choices: &[Choice], draw: impl FnOnce(usize) -> String) -> Option<Action> {
        match key {
            Key::Escape => {
                self.reset();
                Some(Action::Look)
            }
            Key::Backspace => {
                self.typed.pop();
                None
            }
            Key::Enter => self.answer(choices, draw),
            Key::Char('l' | 'L') => {
                self.language = match self.language {
                    Language::Fr => Language::En,
                    Language::En => Language::Fr,
                };
                Some(Action::Redraw)
            }
            Key::Char('r' | 'R') if self.question == Question::Disk => {
                self.question = Question::Restart { digits: draw(2) };
                self.typed.clear();
                Some(Action::Redraw)
            }
            Key::Char(character) => {
                if self.typed.len() < TYPED_LIMIT {
                    self.typed.push(character);
                }
                self.wrong = None;
                None
            }
        }
    }

    fn answer(&mut self, choices: &[Choice], draw: impl FnOnce(usize) -> String) -> Option<Action> {
        let typed = std::mem::take(&mut self.typed);
        match &self.question {
            Question::Disk if typed.is_empty() => Some(Action::Look),
            Question::Disk => {
                let number = typed.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                match number.and_then(|number| Some((number, choices.get(number)?))) {
                    Some((disk, choice)) if choice.fits => {
                        self.question = Question::Digits { disk, digits: draw(DIGITS) };
                        return Some(Action::Redraw);
                    }
                    Some((_, choice)) => self.wrong = Some(choice.text.clone()),
                    None => {
                        self.wrong =
                            Some(Text::new("ce n'est pas un numéro de la liste", "that is no number of the list"));
                    }
                }
                None
            }
            Question::Digits { digits, .. } | Question::Restart { digits } if typed != *digits => {
                self.wrong = (!typed.is_empty()).then(|| Text::new("ce n'est pas ce code", "that is not the code"));
                None
            }
            Question::Digits { disk, .. } => Some(Action::Install(*disk)),
            Question::Restart { .. } => Some(Action::Restart),
        }
    }

    /// What is asked, and the row where is typed.
    pub fn shown(&self, choices: &[Choice]) -> (Vec<Text>, Text) {
        let confirm = |digits: &str| {
            Text::new(
                format!("Tapez {digits} puis Entrée ; Échap annule."),
                format!("Type {digits}, then Enter; Esc cancels."),
            )
        };
        let asked = match &self.question {
            Question::Disk => vec![
                Text::new(
                    "Tapez le numéro du disque à effacer, puis Entrée (seule, elle relit la liste).",
                    "Type the number of the disk to be wiped, then Enter (alone, it reads the list anew).",
                ),
                Text::new("L English   R Redémarrer", "L Français   R Restart"),
            ],
            Question::Digits { disk, digits } => {
                let disk = choices.get(*disk).map_or_else(|| Text::same("?"), |choice| choice.text.clone());
                vec![
                    Text::new("TOUT ce que porte ce disque sera EFFACÉ :", "EVERYTHING on this disk will be WIPED:"),
                    disk.map(|line| format!("   {line}")),
                    confirm(digits),
                ]
            }
            Question::Restart { digits } => {
                vec![Text::new("Redémarrer sans rien installer.", "Restart and install nothing."), confirm(digits)]
            }
        };
        let wrong = self.wrong.clone().map_or_else(|| Text::same(""), |wrong| wrong.map(|text| format!(" {text}")));
        (asked, wrong.map(|wrong| format!("{wrong} > {}", self.typed)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keeper::console::keys::Keys;

    fn choices() -> Vec<Choice> {
        let choice = |text, fits| Choice { text: Text::same(text), fits };
        vec![choice("vda", true), choice("vdb too small", false)]
    }

    fn typed(dialog: &mut Dialog, keys: &str) -> Option<Action> {
        let keys = Keys::default().read(keys.as_bytes());
        keys.into_iter().filter_map(|key| dialog.key(key, &choices(), |count| "7".repeat(count))).last()
    }

    #[test]
    fn a_disk_is_wiped_for_who_typed_what_the_screen_shows() {
        let mut dialog = Dialog::new(Language::Fr);
        assert_eq!(typed(&mut dialog, "2\r"), None, "it does not fit");
        assert!(dialog.shown(&choices()).1.fr.contains("too small"));
        for none in ["3\r", "0\r", "-1\r", "x\r"] {
            assert_eq!(typed(&mut dialog, none), None, "{none}");
        }
        assert_eq!(typed(&mut dialog, "1\r"), Some(Action::Redraw));
        assert!(dialog.shown(&choices()).0[2].en.contains("777777"));
        assert_eq!(typed(&mut dialog, "77777\r"), None);
        assert_eq!(typed(&mut dialog, "\r"), None);
        assert_eq!(typed(&mut dialog, "777777\r"), Some(Action::Install(0)));
        assert_eq!(typed(&mut dialog, "\x1b"), Some(Action::Look));
        assert_eq!(typed(&mut dialog, "777777\r"), None, "Escape forgot it");
    }

    #[test]
    fn a_restart_is_confirmed_too_and_the_language_changes() {
        let mut dialog = Dialog::new(Language::Fr);
        typed(&mut dialog, "l");
        assert_eq!(dialog.language, Language::En);
        assert_eq!(typed(&mut dialog, "r"), Some(Action::Redraw));
        assert_eq!(typed(&mut dialog, "7\r"), None);
        assert_eq!(typed(&mut dialog, "77\r"), Some(Action::Restart));
    }

    proptest! {
        /// Keys without the digits that are shown install nothing: here they are letters, which nobody types by chance.
        #[test]
        fn noise_installs_nothing(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut dialog = Dialog::new(Language::Fr);
            for key in Keys::of_keyboard().read(&noise) {
                let action = dialog.key(key, &choices(), |count| "\u{e9}".repeat(count));
                prop_assert!(matches!(action, None | Some(Action::Look | Action::Redraw)));
            }
        }
    }
}
