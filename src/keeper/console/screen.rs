//! The picture of a [`View`]: rows of a screen of 80x25 with the QR code beside, or plain lines for a terminal that knows
//! nothing but the end of a line. Pure. Only characters that such a terminal has come out, whatever went in.

use super::letters::{Letters, cut, padded, shown, wrapped};
use super::menu::{Deed, Dialog, Menu};
use super::qr;
use super::view::{State, View};
use crate::fault::Language;
use crate::gate::{Clock, Sealing};

/// A screen's columns and rows.
const COLUMNS: usize = 80;
const ROWS: usize = 25;
/// Rows of the menu or of a question, at the bottom.
const MENU_ROWS: usize = 3;
/// Rows of the head.
const HEAD_ROWS: usize = 2;
/// Columns of what stands before a value.
const LABEL: usize = 12;
/// Rows that a trouble takes, at most.
const TROUBLE_ROWS: usize = 4;
/// Rows that a list of addresses takes, at most.
const ADDRESS_ROWS: usize = 6;

/// What a terminal shows, in a language.
struct Painter {
    language: Language,
    letters: Letters,
}

/// What is written to draw the whole screen anew, from its upper left corner.
pub fn screen(view: &View, menu: &Menu) -> String {
    let painter = Painter { language: menu.language, letters: Letters::Font };
    let code = view.claim_link().and_then(|link| qr::half_blocks(&link)).unwrap_or_default();
    let beside = code.first().map_or(0, |row| row.chars().count());
    let width = COLUMNS - if beside == 0 { 0 } else { beside + 2 };
    let mut rows = painter.body(view, width);
    if rows.len() > ROWS - HEAD_ROWS - MENU_ROWS {
        rows.retain(|row| !row.is_empty());
    }
    rows.truncate(ROWS - HEAD_ROWS - MENU_ROWS);
    rows.resize(ROWS - HEAD_ROWS - MENU_ROWS, String::new());
    let mut out = String::from("\x1b[?25l\x1b[0m\x1b[H\x1b[7m");
    out.push_str(&padded(&painter.head(view), COLUMNS));
    out.push_str("\x1b[0m\r\n\x1b[K\r\n");
    for (at, row) in rows.iter().enumerate() {
        match code.get(at) {
            Some(modules) => {
                out.push_str(&padded(row, width + 1));
                // Dark on light, as readers expect it.
                out.push_str("\x1b[30;47m");
                out.push_str(modules);
                out.push_str("\x1b[0m");
            }
            None => out.push_str(row),
        }
        out.push_str("\x1b[K\r\n");
    }
    let mut menu = painter.menu(view, menu, COLUMNS);
    menu.resize(MENU_ROWS, String::new());
    for (at, row) in menu.iter().enumerate() {
        out.push_str(if at + 1 < MENU_ROWS { "" } else { "\x1b[1m" });
        out.push_str(row);
        // No line end after the last row: the screen would move.
        out.push_str(if at + 1 < MENU_ROWS { "\x1b[K\r\n" } else { "\x1b[0m\x1b[K" });
    }
    out
}

/// What a terminal of lines shows: everything above, ended; and the row where is typed, which is not.
pub fn lines(view: &View, menu: &Menu) -> (String, String) {
    let painter = Painter { language: menu.language, letters: Letters::Ascii };
    let width = COLUMNS - 1;
    let mut rows = vec![String::new(), "-".repeat(width), cut(&painter.head(view), width)];
    rows.extend(painter.body(view, width));
    let mut menu = painter.menu(view, menu, width);
    let last = menu.pop().unwrap_or_default();
    rows.extend(menu.into_iter().filter(|row| !row.is_empty()));
    (rows.join("\r\n") + "\r\n", last)
}

/// What is written to replace the row where is typed.
pub fn retyped(row: &str) -> String {
    format!("\r{}\r{row}", padded(row, COLUMNS - 1))
}

/// The claim link as a QR code for a terminal of lines; empty while there is none.
pub fn code_lines(view: &View) -> String {
    let rows = view.claim_link().and_then(|link| qr::ascii(&link)).unwrap_or_default();
    rows.iter().map(|row| format!("{row}\r\n")).collect()
}

impl Painter {
    fn say<'t>(&self, fr: &'t str, en: &'t str) -> &'t str {
        match self.language {
            Language::Fr => fr,
            Language::En => en,
        }
    }

    /// Only what the terminal has: no control character, nothing that turns a line's direction.
    fn plain(&self, text: &str) -> String {
        text.chars().map(|letter| shown(letter, self.letters)).collect()
    }

    fn head(&self, view: &View) -> String {
        let slot =
            view.slot.map(|slot| format!(" - {} {}", self.say("emplacement", "slot"), slot.to_ascii_uppercase()));
        let state = match view.state {
            State::Starting => self.say("Démarrage", "Starting"),
            State::Unclaimed => self.say("À prendre en main", "To be claimed"),
            State::Well => self.say("En service", "In service"),
            State::Trouble(_) => self.say("Problème", "Trouble"),
            State::Restarting => self.say("Redémarrage", "Restarting"),
        };
        let name = format!(" Fluxgate {}{}", view.version, slot.unwrap_or_default());
        let room = COLUMNS.saturating_sub(state.chars().count() + 2);
        let name: String = name.chars().take(room).collect();
        self.plain(&format!("{name:<room$}{state} "))
    }

    /// Each value behind its label, wrapped to the width.
    fn body(&self, view: &View, width: usize) -> Vec<String> {
        let mut rows = Rows { painter: self, width, rows: Vec::new() };
        if let State::Trouble(trouble) = &view.state {
            rows.add(self.say("Problème", "Trouble"), trouble.get(self.language));
            rows.rows.truncate(TROUBLE_ROWS);
        }
        if view.reset_asked {
            rows.add(
                self.say("Remise", "Reset"),
                self.say("tout sera effacé au prochain démarrage", "everything is wiped at the next start"),
            );
        }
        let pending = self.say("(pas encore d'adresse)", "(no address yet)");
        rows.add("Page", view.page.as_deref().unwrap_or(pending));
        if let Some(claim) = &view.claim {
            rows.add(self.say("Code", "Code"), claim);
            let how = self.say(
                "Ouvrez la page et tapez ce code, ou visez l'image avec un téléphone.",
                "Open the page and type this code, or point a telephone at the picture.",
            );
            rows.add("", how);
        }
        rows.gap();
        if view.on_trial {
            let trial = self.say("à l'essai : à confirmer (5)", "on trial: to be confirmed (5)");
            rows.add(self.say("Réseau", "Network"), trial);
        }
        self.network(view, &mut rows);
        rows.gap();
        if let Some(fingerprint) = &view.door_fingerprint {
            rows.add_whole(self.say("Certificat, SHA-256", "Certificate, SHA-256"), fingerprint);
        }
        if let Some(fingerprint) = &view.sftp_fingerprint {
            rows.add_whole(self.say("Clé SSH de SFTP", "SSH key of SFTP"), fingerprint);
        }
        rows.gap();
        let sealing = match view.sealing {
            Sealing::Sealed => self.say("scellées à cette machine", "sealed to this machine"),
            Sealing::Unsealed => {
                self.say("NON SCELLÉES : qui prend le disque les lit", "NOT SEALED: who takes the disk reads it")
            }
            Sealing::Missing => {
                self.say("ABSENTES : la partition ne s'ouvre pas", "MISSING: the partition does not open")
            }
        };
        rows.add(self.say("Données", "Data"), sealing);
        // What is closed stands above, as the trouble that it is.
        if let Some(cause) = view.seal.cause.filter(|cause| !cause.is_closed()) {
            rows.add("", cause.text().get(self.language));
        }
        let clock = match view.clock {
            Clock::Synchronised { .. } => self.say("synchronisée", "synchronised").to_owned(),
            Clock::Lost { at } => {
                format!("{} {}", self.say("serveur perdu depuis le", "server lost since"), at.paris_text())
            }
            Clock::Never => self.say("non synchronisée", "not synchronised").to_owned(),
        };
        rows.add(self.say("Horloge", "Clock"), &clock);
        rows.rows
    }

    fn network(&self, view: &View, rows: &mut Rows<'_>) {
        let label = self.say("Réseau", "Network");
        let mut said = Vec::new();
        for interface in &view.interfaces {
            let name = &interface.name;
            match (interface.carrier, interface.addresses.is_empty()) {
                (Some(false), _) => said.push(format!("{name} {}", self.say("sans câble", "no cable"))),
                (None, _) => said.push(format!("{name} {}", self.say("éteint", "down"))),
                (Some(true), true) => said.push(format!("{name} {}", self.say("sans adresse", "no address"))),
                (Some(true), false) => {
                    said.extend(interface.addresses.iter().map(|address| format!("{name} {address}")))
                }
            }
        }
        if said.is_empty() {
            said.push(self.say("aucune interface", "no interface").to_owned());
        }
        if said.len() > ADDRESS_ROWS {
            said.truncate(ADDRESS_ROWS - 1);
            said.push("...".to_owned());
        }
        for (at, line) in said.iter().enumerate() {
            rows.add(if at == 0 { label } else { "" }, line);
        }
    }

    /// The menu, or what stands in its place; the last row is where is typed.
    fn menu(&self, view: &View, menu: &Menu, width: usize) -> Vec<String> {
        let (text, last) = match &menu.dialog {
            Dialog::Closed => {
                let code = if self.letters == Letters::Ascii && view.claim.is_some() { "   Q QR" } else { "" };
                // While what is kept is closed no settings can be.
                let key = if view.wants_key {
                    self.say("   4 Clé de secours", "   4 Recovery key")
                } else {
                    self.say("   5 Réseau", "   5 Network")
                };
                let (items, language) = (
                    self.say("2 Redémarrer   3 Remise à l'état d'usine", "2 Restart   3 Factory reset"),
                    self.say("L English", "L Français"),
                );
                (String::new(), format!(" {items}{key}   {language}{code}"))
            }
            Dialog::Key { typed, short } => {
                let how = if *short {
                    self.say(
                        "Il en manque : la clé a 64 lettres, en huit groupes.",
                        "Some are missing: the key has 64 letters, in eight groups.",
                    )
                } else {
                    self.say(
                        "Tapez la clé de secours (les tirets viennent d'eux-mêmes), puis Entrée ; Échap annule.",
                        "Type the recovery key (its hyphens come by themselves), then Enter; Esc cancels.",
                    )
                };
                let letters: Vec<char> = typed.chars().collect();
                let groups: Vec<String> = letters.chunks(8).map(|group| group.iter().collect()).collect();
                (how.to_owned(), format!(" > {}", groups.join("-")))
            }
            Dialog::Question { deed, digits, typed, wrong } => {
                let deed = match deed {
                    Deed::Restart => self.say("Redémarrer la machine.", "Restart the machine."),
                    Deed::FactoryReset => self.say(
                        "REMISE À L'ÉTAT D'USINE : la machine redémarre et efface factures, journal, clés et configuration.",
                        "FACTORY RESET: the machine restarts and wipes invoices, journal, keys and configuration.",
                    ),
                };
                let how = format!(
                    "{} {digits} {}",
                    self.say("Tapez", "Type"),
                    self.say("puis Entrée ; Échap annule.", "then Enter; Esc cancels.")
                );
                let wrong = if *wrong { self.say(" Ce n'est pas ce code.", " That is not the code.") } else { "" };
                (format!("{deed} {how}"), format!("{wrong} > {typed}"))
            }
            Dialog::Network(wizard) => {
                let (asked, typed) = wizard.shown();
                (asked.get(self.language).to_owned(), typed)
            }
            Dialog::Said(text) => (text.get(self.language).to_owned(), String::new()),
        };
        let mut rows: Vec<String> =
            wrapped(&self.plain(&text), width - 2).into_iter().map(|row| format!(" {row}")).collect();
        rows.truncate(MENU_ROWS - 1);
        rows.resize(MENU_ROWS - 1, String::new());
        rows.push(cut(&self.plain(&last), width));
        rows
    }
}

/// Rows in the making.
struct Rows<'p> {
    painter: &'p Painter,
    width: usize,
    rows: Vec<String>,
}

impl Rows<'_> {
    /// A value behind its label.
    fn add(&mut self, label: &str, value: &str) {
        let value = self.painter.plain(value);
        for (at, part) in wrapped(&value, self.width.saturating_sub(LABEL)).iter().enumerate() {
            let label = if at == 0 { self.painter.plain(label) } else { String::new() };
            let room = LABEL - 2;
            self.rows.push(format!(" {label:<room$} {part}"));
        }
    }

    /// A value on rows of its own below its label, for what is long and read in pieces.
    fn add_whole(&mut self, label: &str, value: &str) {
        self.rows.push(format!(" {}", self.painter.plain(label)));
        let value = self.painter.plain(value);
        self.rows.extend(wrapped(&value, self.width.saturating_sub(3)).iter().map(|part| format!("   {part}")));
    }

    /// An empty row, never two.
    fn gap(&mut self) {
        if self.rows.last().is_some_and(|row| !row.is_empty()) {
            self.rows.push(String::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::keys::Key;
    use super::super::view::tests::{signs, status};
    use super::*;
    use crate::fault::Text;

    fn view() -> View {
        View::new(status(&["192.0.2.7/24", "2001:db8:1234:5678:9abc:def0:1234:5678/64", "fe80::1/64"]), signs())
    }

    /// What a terminal would show: rows of characters, escape sequences followed.
    fn picture(written: &str) -> Vec<String> {
        let mut rows = vec![String::new()];
        let mut letters = written.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\x1b' => {
                    assert_eq!(letters.next(), Some('['));
                    for next in letters.by_ref() {
                        if next.is_ascii_alphabetic() {
                            break;
                        }
                        assert!(next.is_ascii_digit() || ";?".contains(next), "{next:?}");
                    }
                }
                '\r' => assert_eq!(letters.next(), Some('\n')),
                '\n' => panic!("a line end alone"),
                letter => {
                    assert!(!letter.is_control(), "{letter:?}");
                    rows.last_mut().unwrap().push(letter);
                    continue;
                }
            }
            if letter == '\r' {
                rows.push(String::new());
            }
        }
        rows
    }

    #[test]
    fn the_screen_shows_everything_within_80_by_25() {
        let mut menu = Menu::new();
        for language in [Language::Fr, Language::En] {
            menu.language = language;
            let rows = picture(&screen(&view(), &menu));
            assert_eq!(rows.len(), ROWS);
            assert!(rows.iter().all(|row| row.chars().count() <= COLUMNS), "{rows:#?}");
            let all = rows.join("\n");
            for shown in [
                "Fluxgate 1.4.0",
                "192.0.2.7/24",
                "0123-4567-89ab-cdef",
                "https://192.0.2.7/",
                "AB:AB:AB",
                "SHA256:kkk",
                "▀",
            ] {
                assert!(all.contains(shown), "{shown} is missing:\n{all}");
            }
        }
        let all = picture(&screen(&view(), &menu)).join("\n");
        assert_eq!(all.matches("AB").count(), 32, "the whole fingerprint:\n{all}");
    }

    #[test]
    fn lines_are_ascii_without_any_sequence() {
        let menu = Menu::new();
        let (above, last) = lines(&view(), &menu);
        let written = above + &last;
        assert!(written.is_ascii() && !written.contains('\x1b'), "{written}");
        assert!(written.contains("Redemarrer") && written.contains("0123-4567-89ab-cdef") && written.contains("Q QR"));
        assert!(written.split("\r\n").all(|row| row.len() < COLUMNS), "{written}");
        assert!(code_lines(&view()).split("\r\n").all(|row| row.len() < COLUMNS));
    }

    #[test]
    fn a_question_and_its_answer_are_on_the_screen() {
        let mut menu = Menu::new();
        menu.key(Key::Char('3'), Duration::ZERO, |count| "7".repeat(count));
        menu.key(Key::Char('1'), Duration::ZERO, |_| String::new());
        let rows = picture(&screen(&view(), &menu));
        let question = rows[ROWS - MENU_ROWS..].join("\n");
        assert!(question.contains("777777") && question.contains("> 1") && question.contains("efface"), "{question}");
        menu.key(Key::Enter, Duration::ZERO, |_| String::new());
        assert!(picture(&screen(&view(), &menu)).join("\n").contains("Ce n'est pas ce code"));
    }

    #[test]
    fn parts_end_where_they_can_be_read_on() {
        assert_eq!(wrapped("AA:BB:CC:DD", 6), ["AA:BB:", "CC:DD"]);
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("SHA256:abcdefghijklm", 16), ["SHA256:abcdefghi", "jklm"]);
        assert!(wrapped("", 4).is_empty());
    }

    proptest! {
        /// Whatever core or the network say, the screen keeps its form.
        #[test]
        fn nothing_hostile_reaches_a_terminal(noise in "\\PC{0,200}|[\\x00-\\x9f\u{202e}]{0,200}", claim in "\\PC{0,60}") {
            let mut view = view();
            view.state = State::Trouble(Text::same(noise.clone()));
            view.interfaces[0].name.clone_from(&noise);
            view.door_fingerprint = Some(noise.clone());
            view.claim = Some(claim);
            view.version = noise;
            let rows = picture(&screen(&view, &Menu::new()));
            prop_assert_eq!(rows.len(), ROWS);
            prop_assert!(rows.iter().all(|row| row.chars().count() <= COLUMNS));
            let (above, last) = lines(&view, &Menu::new());
            prop_assert!(above.chars().all(|c| matches!(c, ' '..='~' | '\r' | '\n')));
            prop_assert!(retyped(&last).chars().all(|c| matches!(c, ' '..='~' | '\r')));
        }
    }
}
