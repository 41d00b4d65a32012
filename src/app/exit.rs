//! Exit codes (sysexits.h), the language of what the command line says, and how a command ends early.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::fault::Language;
use crate::fault::Text;

/// An exit code with its meaning in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub u8);

/// Wrong arguments.
pub const USAGE: Exit = Exit(64);
/// What was given is wrong: a rejected invoice, a journal that does not verify.
pub const DATA: Exit = Exit(65);
/// A file that was named is not there or cannot be read.
pub const NO_INPUT: Exit = Exit(66);
/// A service this command needs cannot be reached.
pub const UNAVAILABLE: Exit = Exit(69);
/// A defect of this program.
pub const SOFTWARE: Exit = Exit(70);
/// The system refuses something: an address that is taken, a file that cannot be made.
pub const SYSTEM: Exit = Exit(71);
/// Reading or writing failed.
pub const IO: Exit = Exit(74);
/// Another process has what this one needs for itself.
pub const IN_USE: Exit = Exit(75);
/// This user may not.
pub const NO_PERMISSION: Exit = Exit(77);
/// The configuration, or what it names, cannot be used.
pub const CONFIG: Exit = Exit(78);

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.0)
    }
}

/// What ends a command early: its exit code, and what it says.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    said: Text,
}

impl Failure {
    pub fn new(exit: Exit, fr: impl Into<String>, en: impl Into<String>) -> Self {
        Self::said(exit, Text::new(fr, en))
    }

    pub fn said(exit: Exit, said: Text) -> Self {
        Self { exit, said }
    }

    /// Reading or writing `what` went wrong.
    pub fn io(exit: Exit, what: impl fmt::Display, error: &io::Error) -> Self {
        let why = Text::from(error);
        Self::new(exit, format!("{what} : {}", why.fr), format!("{what}: {}", why.en))
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, fr: &str, en: &str) -> Self {
        self.said = Text::new(format!("{}. {fr}", self.said.fr), format!("{}. {en}", self.said.en));
        self
    }

    /// Says it on standard error, in the session's language.
    pub fn tell(&self, command: &str) -> ExitCode {
        eprintln!("fluxgate {command}: {self}");
        self.exit.into()
    }
}

/// In the session's language.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.said.get(language()))
    }
}

/// English when the session's locale is English; else French, which the users speak.
pub fn language() -> Language {
    // The first that is set decides. `C` and `POSIX` name no language.
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    if locale.is_some_and(|locale| locale.starts_with("en")) { Language::En } else { Language::Fr }
}
