//! The screen and each serial line that the kernel has a console on, as lines: all show the same, each key counts wherever it is
//! typed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::fault::{Language, Text};
use crate::keeper::console::keys::{Key, Keys};
use crate::keeper::console::letters::{Letters, cut, padded, shown, wrapped};
use crate::os::terminal::{RawTerminal, wait_for_keys};

/// Columns of a row; a terminal has one more.
const WIDTH: usize = 79;
/// For all bytes of one drawing: a serial line of 9600 baud takes three seconds for a screen.
const WRITE_LONGEST: Duration = Duration::from_secs(8);
/// Before a terminal that failed is opened again.
const REOPEN: Duration = Duration::from_secs(5);
/// Bytes that are read of a terminal at once.
const READ_AT_ONCE: usize = 64;

/// All of them.
pub struct Terminals {
    all: Vec<Terminal>,
    pub language: Language,
}

struct Terminal {
    device: PathBuf,
    letters: Letters,
    keys: Keys,
    opened: Option<RawTerminal>,
    tried: Option<Instant>,
}

impl Terminals {
    /// Those of the machine that has these consoles.
    pub fn new(root: &Path, consoles: &[String]) -> Self {
        let is_screen =
            |name: &String| name.strip_prefix("tty").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
        let lines = consoles.iter().filter(|name| !is_screen(name)).map(|name| (name.as_str(), Letters::Ascii));
        let all = std::iter::once(("tty1", Letters::Font)).chain(lines);
        let terminal = |(name, letters)| Terminal {
            device: root.join("dev").join(name),
            letters,
            keys: if letters == Letters::Font { Keys::of_keyboard() } else { Keys::default() },
            opened: None,
            tried: None,
        };
        Self { all: all.map(terminal).collect(), language: Language::Fr }
    }

    /// A picture of its own: these lines, and the row where is typed.
    pub fn page(&mut self, lines: &[Text], typed: &Text) {
        self.each(|terminal, language| {
            let begin = match terminal.letters {
                Letters::Font => "\x1b[0m\x1b[2J\x1b[H".to_owned(),
                Letters::Ascii => format!("\r\n{}\r\n", "-".repeat(WIDTH)),
            };
            let lines: String = lines.iter().map(|line| terminal.line(line.get(language))).collect();
            format!("{begin}{lines}{}", terminal.row(typed.get(language)))
        });
    }

    /// A line below what stands there.
    pub fn say(&mut self, text: &Text) {
        self.each(|terminal, language| format!("\r\n{}", terminal.line(text.get(language)).trim_end()));
    }

    /// The last row, anew.
    pub fn retype(&mut self, text: &Text) {
        self.each(|terminal, language| {
            let row = terminal.row(text.get(language));
            format!("\r{}\r{row}", padded(&row, WIDTH))
        });
    }

    fn each(&mut self, draw: impl Fn(&Terminal, Language) -> String) {
        let language = self.language;
        for terminal in &mut self.all {
            terminal.open();
            let text = draw(terminal, language);
            if let Some(opened) = &mut terminal.opened
                && opened.write(text.as_bytes(), WRITE_LONGEST).is_err()
            {
                terminal.opened = None;
            }
        }
    }

    /// What is typed within a time: as soon as there is something.
    pub fn keys(&mut self, longest: Duration) -> Vec<Key> {
        self.all.iter_mut().for_each(Terminal::open);
        wait_for_keys(self.all.iter().filter_map(|terminal| terminal.opened.as_ref()), longest);
        self.all.iter_mut().flat_map(Terminal::keys).collect()
    }
}

impl Terminal {
    fn open(&mut self) {
        if self.opened.is_none() && self.tried.is_none_or(|tried| tried.elapsed() >= REOPEN) {
            self.tried = Some(Instant::now());
            self.opened = RawTerminal::open(&self.device).ok();
        }
    }

    fn keys(&mut self) -> Vec<Key> {
        let Some(opened) = &mut self.opened else { return Vec::new() };
        let mut bytes = [0; READ_AT_ONCE];
        match opened.read(&mut bytes) {
            Ok(read) => self.keys.read(&bytes[..read]),
            Err(_) => {
                self.opened = None;
                Vec::new()
            }
        }
    }

    fn plain(&self, text: &str) -> String {
        text.chars().map(|letter| shown(letter, self.letters)).collect()
    }

    /// Text as rows, each ended.
    fn line(&self, text: &str) -> String {
        let rows = wrapped(&self.plain(text), WIDTH - 1);
        if rows.is_empty() { "\r\n".to_owned() } else { rows.iter().map(|row| format!(" {row}\r\n")).collect() }
    }

    fn row(&self, text: &str) -> String {
        cut(&self.plain(text), WIDTH)
    }
}
