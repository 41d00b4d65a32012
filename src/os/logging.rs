//! Logs: to journald with their fields where this process is connected to it, else to standard error, one line each.
//!
//! Messages read alone; fields are searchable. Secrets, bodies and names of people are never logged: that is the
//! caller's promise, this module cannot see them.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::sync::OnceLock;

use log::kv::{self, Key, Value};
use log::{LevelFilter, Log, Metadata, Record};

use super::log_copy;

/// The longest line written to standard error, in bytes; the rest is cut.
const LINE_LIMIT: usize = 4096;

/// Libraries that log strangers' bytes or far too much: their warnings count, the rest does not.
const NOISY: [&str; 7] = ["hickory_", "h2", "hyper", "rustls", "russh", "tiny_http", "reqwest"];

/// What this process calls itself.
static IDENTIFIER: OnceLock<String> = OnceLock::new();

/// Starts logging for this process; `identifier` names it (`fluxgate-core`). A second start only changes the level.
pub fn start(level: LevelFilter, identifier: &str) {
    log::set_max_level(level);
    let _ = IDENTIFIER.set(identifier.to_owned());
    let journal = systemd_journal_logger::connected_to_journal()
        .then(systemd_journal_logger::JournalLog::empty)
        .and_then(Result::ok)
        .map(|journal| journal.with_syslog_identifier(identifier.to_owned()));
    let destination = match journal {
        Some(journal) => Destination::Journal(journal),
        None => Destination::Stderr { identifier: identifier.to_owned() },
    };
    // An error means that a logger is installed already, by a test or an earlier call.
    let _ = log::set_boxed_logger(Box::new(destination));
}

enum Destination {
    Journal(systemd_journal_logger::JournalLog),
    Stderr { identifier: String },
}

impl Log for Destination {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn || !NOISY.iter().any(|noisy| metadata.target().starts_with(noisy))
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if log_copy::is_wanted() {
            log_copy::put(copy(record));
        }
        match self {
            Destination::Journal(journal) => {
                if journal.journal_send(record).is_err() {
                    write_line(&line("fluxgate", record));
                }
            }
            Destination::Stderr { identifier } => write_line(&line(identifier, record)),
        }
    }

    fn flush(&self) {}
}

fn write_line(line: &str) {
    // Nowhere is left to complain to when standard error is gone.
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// `2026-11-23T10:15:02.007Z INFO  fluxgate-core: Deposited flow=… wait_ms=3`. Control characters are escaped,
/// and what turns the direction of a text, so that one record is one line and reads as it is, whatever a stranger put into a
/// field.
fn line(identifier: &str, record: &Record<'_>) -> String {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
    let mut text = String::with_capacity(160);
    let _ = write!(text, "{now} {:5} {identifier}: ", record.level());
    push_record(&mut text, record);
    text.push('\n');
    text
}

/// A record for who sends it on.
fn copy(record: &Record<'_>) -> log_copy::Line {
    let mut text = String::with_capacity(120);
    push_record(&mut text, record);
    let identifier = IDENTIFIER.get().map_or("fluxgate", String::as_str).to_owned();
    log_copy::Line { at: jiff::Timestamp::now(), level: record.level(), identifier, text }
}

/// What was said, with its fields.
fn push_record(text: &mut String, record: &Record<'_>) {
    push_escaped(text, &record.args().to_string());
    let _ = record.key_values().visit(&mut Fields(text));
    if text.len() > LINE_LIMIT {
        let cut = (0..=LINE_LIMIT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
        text.push('…');
    }
}

struct Fields<'t>(&'t mut String);

impl<'kvs> kv::VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let value = value.to_string();
        let quoted = value.is_empty() || value.contains(|c: char| c.is_whitespace() || c == '"' || c == '=');
        self.0.push(' ');
        push_escaped(self.0, key.as_str());
        self.0.push('=');
        if quoted {
            let _ = write!(self.0, "{value:?}");
        } else {
            push_escaped(self.0, &value);
        }
        Ok(())
    }
}

fn push_escaped(text: &mut String, piece: &str) {
    for c in piece.chars() {
        if c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}') {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
}

/// A level as the configuration writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> LevelFilter {
        match level {
            Level::Error => LevelFilter::Error,
            Level::Warn => LevelFilter::Warn,
            Level::Info => LevelFilter::Info,
            Level::Debug => LevelFilter::Debug,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_record_is_one_line_with_its_fields() {
        let fields: [(&str, Value<'_>); 3] =
            [("flow", Value::from("01ab")), ("wait_ms", Value::from(3)), ("name", Value::from("a b\nINFO forged"))];
        let written = line(
            "fluxgate-core",
            &Record::builder()
                .level(log::Level::Info)
                .args(format_args!("Deposited\r\nforged"))
                .key_values(&fields)
                .build(),
        );
        assert_eq!(written.matches('\n').count(), 1);
        assert!(
            written.ends_with(
                "INFO  fluxgate-core: Deposited\\r\\nforged flow=01ab wait_ms=3 name=\"a b\\nINFO forged\"\n"
            ),
            "{written}"
        );
    }

    #[test]
    fn nothing_turns_the_direction_of_a_line() {
        let fields = [("file", Value::from("a\u{202E}lmx.fdp"))];
        let record = &Record::builder().args(format_args!("Read\u{2066}")).key_values(&fields).build();
        let written = line("x", record);
        assert!(written.ends_with("Read\\u{2066} file=a\\u{202e}lmx.fdp\n"), "{written}");
    }

    #[test]
    fn a_long_line_is_cut_on_a_character() {
        let text = "é".repeat(LINE_LIMIT);
        let written = line("x", &Record::builder().args(format_args!("{text}")).build());
        assert!(written.len() <= LINE_LIMIT + 4 && written.ends_with("…\n"));
    }

    #[test]
    fn libraries_are_heard_when_they_warn() {
        let destination = Destination::Stderr { identifier: String::new() };
        let about = |target, level| destination.enabled(&Metadata::builder().target(target).level(level).build());
        assert!(about("fluxgate::door", log::Level::Debug));
        assert!(about("rustls::conn", log::Level::Warn));
        assert!(!about("rustls::conn", log::Level::Debug));
    }
}
