//! Log lines on their way to the establishment's own server: `[syslog]`. Nothing waits for them; what cannot be kept until the
//! server answers again is counted, and the server is told how many are missing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc::Receiver;
use tokio_rustls::client::TlsStream;

use crate::fault::Text;
use crate::net::resolver::Resolver;
use crate::net::syslog::{self, Collector};
use crate::os::log_copy::{self, Line};
use crate::os::signals::Shutdown;
use crate::work::connector::SettingsError;

/// Before the first try after a failure; doubled each time, up to the longest.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(60);
/// For one line to leave this machine.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// At a stop, for what still waits.
const FAREWELL: Duration = Duration::from_secs(2);
/// Bytes of a file of authorities, at most.
const PEM_LIMIT: u64 = 1 << 20;

/// `[syslog]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogSection {
    /// `host:port`; the port is 6514 where none is named.
    pub server: String,
    /// Extra authorities, PEM.
    pub ca_file: Option<PathBuf>,
}

impl SyslogSection {
    /// Everything that is wrong with the values, for `config check`.
    pub fn problems(&self) -> Vec<SettingsError> {
        let reason = || {
            Text::new(
                "doit être une machine et un port, comme journaux.univ.fr:6514",
                "must be a host and a port, such as logs.univ.fr:6514",
            )
        };
        self.host_and_port().is_none().then(|| SettingsError { key: "server", reason: reason() }).into_iter().collect()
    }

    /// The two parts of `server`; an IPv6 address stands in brackets.
    pub fn host_and_port(&self) -> Option<(String, u16)> {
        let bracketed = self.server.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (host, port) = match bracketed {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':')?)),
            None => match self.server.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (self.server.as_str(), None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0)?,
            None => syslog::PORT,
        };
        let colons = bracketed.is_some();
        let fits = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c) || (colons && c == ':');
        (!host.is_empty() && host.chars().all(fits)).then(|| (host.to_owned(), port))
    }
}

/// How the way to the server fares, for the watch. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct RemoteLog(Arc<Mutex<Standing>>);

#[derive(Debug, Default)]
struct Standing {
    /// Since when no line has left, and why.
    failing: Option<(Instant, Text)>,
    /// Lines lost since the process began.
    lost: u64,
}

/// What the watch is told: how long nothing has left, why, and how many lines are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    pub span: Duration,
    pub why: Text,
    pub lost: u64,
}

impl RemoteLog {
    fn with<T>(&self, act: impl FnOnce(&mut Standing) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `None` while lines leave.
    pub fn silence(&self) -> Option<Silence> {
        self.with(|standing| {
            let (since, why) = standing.failing.clone()?;
            Some(Silence { span: since.elapsed(), why, lost: standing.lost })
        })
    }

    /// Lines that the server never got.
    pub fn lost(&self) -> u64 {
        self.with(|standing| standing.lost)
    }

    fn fails(&self, why: Text) {
        self.with(|standing| {
            let since = standing.failing.as_ref().map_or_else(Instant::now, |(since, _)| *since);
            standing.failing = Some((since, why));
        });
    }

    fn works(&self) {
        self.with(|standing| standing.failing = None);
    }

    /// Lines that were lost, added to those before.
    fn count(&self, lost: u64) {
        self.with(|standing| standing.lost = standing.lost.saturating_add(lost));
    }
}

/// Sends what comes until told to stop. `dir`: where a relative `ca_file` starts.
pub async fn send_over(
    section: SyslogSection,
    dir: PathBuf,
    host: String,
    mut lines: Receiver<Line>,
    standing: RemoteLog,
    shutdown: Shutdown,
) {
    let resolver = Resolver::system();
    let (mut pending, mut wait) = (None, RETRY_FIRST);
    while !shutdown.is_told() {
        let begun = Instant::now();
        let ended = match connect(&section, &dir, &resolver).await {
            Ok(stream) => {
                log::info!(server = section.server.as_str(); "Log lines leave for the server");
                pass(stream, &mut lines, &mut pending, &host, &standing, &shutdown).await
            }
            Err(why) => Some(why),
        };
        let Some(why) = ended else { return };
        log::warn!(server = section.server.as_str(), error = why.en.as_str(); "Log lines do not leave for the server; tried again");
        standing.fails(why);
        standing.count(log_copy::lost());
        wait = if begun.elapsed() > RETRY_LONGEST { RETRY_FIRST } else { wait };
        tokio::select! {
            () = shutdown.told() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = wait.saturating_mul(2).min(RETRY_LONGEST);
    }
}

async fn connect(section: &SyslogSection, dir: &Path, resolver: &Resolver) -> Result<TlsStream<TcpStream>, Text> {
    let (host, port) = section.host_and_port().ok_or_else(|| Text::new("server illisible", "server cannot be read"))?;
    let extra_ca = match &section.ca_file {
        Some(file) => Some(authorities(dir.join(file)).await?),
        None => None,
    };
    let collector = Collector { host, port, extra_ca };
    syslog::connect(&collector, resolver).await.map_err(|error| error.text())
}

async fn authorities(path: PathBuf) -> Result<Vec<u8>, Text> {
    let unread = |error: std::io::Error| {
        let (fr, en) = ("ca_file ne peut pas être lu", "ca_file cannot be read");
        Text::technical(fr, en, format!("{}: {error}", path.display()))
    };
    let read = {
        let path = path.clone();
        move || {
            if std::fs::metadata(&path)?.len() > PEM_LIMIT {
                return Err(std::io::ErrorKind::FileTooLarge.into());
            }
            std::fs::read(&path)
        }
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(unread)
}

/// Passes lines on over one connection; why it ended, or `None` at a stop. The line that could not be written is the first of the
/// next connection.
async fn pass(
    stream: TlsStream<TcpStream>,
    lines: &mut Receiver<Line>,
    pending: &mut Option<Line>,
    host: &str,
    standing: &RemoteLog,
    shutdown: &Shutdown,
) -> Option<Text> {
    let (mut ended, mut out) = tokio::io::split(stream);
    loop {
        let line = match pending.clone() {
            Some(line) => line,
            None => tokio::select! {
                () = shutdown.told() => {
                    farewell(&mut out, lines, host).await;
                    return None;
                }
                why = closed(&mut ended) => return Some(why),
                line = lines.recv() => line?,
            },
        };
        *pending = Some(line.clone());
        let lost = log_copy::lost();
        if lost > 0 {
            standing.count(lost);
            log::warn!(lines = lost; "Log lines were lost: the server did not take them in time");
        }
        if let Err(why) = write(&mut out, &syslog::framed(&line, host)).await {
            return Some(why);
        }
        *pending = None;
        standing.works();
    }
}

/// The server says nothing, ever: what comes of it is the end.
async fn closed(stream: &mut ReadHalf<TlsStream<TcpStream>>) -> Text {
    let mut said = [0; 256];
    loop {
        match stream.read(&mut said).await {
            Ok(0) => return Text::new("le serveur a fermé la connexion", "the server closed the connection"),
            Ok(_) => {}
            Err(error) => return Text::technical("connexion rompue", "the connection broke", error),
        }
    }
}

async fn write(out: &mut WriteHalf<TlsStream<TcpStream>>, frame: &[u8]) -> Result<(), Text> {
    let written = async {
        out.write_all(frame).await?;
        out.flush().await
    };
    match tokio::time::timeout(WRITE_TIMEOUT, written).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Text::technical("connexion rompue", "the connection broke", error)),
        Err(_) => Err(Text::new("le serveur ne prend plus rien", "the server takes nothing any more")),
    }
}

/// What waits at a stop, as far as it leaves at once.
async fn farewell(out: &mut WriteHalf<TlsStream<TcpStream>>, lines: &mut Receiver<Line>, host: &str) {
    let rest = async {
        while let Ok(line) = lines.try_recv() {
            if write(out, &syslog::framed(&line, host)).await.is_err() {
                return;
            }
        }
        let _ = out.shutdown().await;
    };
    let _ = tokio::time::timeout(FAREWELL, rest).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_a_port_or_a_host_alone() {
        let read = |server: &str| SyslogSection { server: server.to_owned(), ca_file: None }.host_and_port();
        assert_eq!(read("logs.univ.fr"), Some(("logs.univ.fr".to_owned(), 6514)));
        assert_eq!(read("logs.univ.fr:10514"), Some(("logs.univ.fr".to_owned(), 10514)));
        assert_eq!(read("[2001:db8::7]:6514"), Some(("2001:db8::7".to_owned(), 6514)));
        assert_eq!(read("[2001:db8::7]"), Some(("2001:db8::7".to_owned(), 6514)));
        for bad in
            ["", ":6514", "logs:0", "logs:x", "logs:99999", "2001:db8::7", "https://logs:6514", "a b:1", "[::1]6514"]
        {
            assert_eq!(read(bad), None, "{bad}");
            let section = SyslogSection { server: bad.to_owned(), ca_file: None };
            assert_eq!(section.problems().first().map(|problem| problem.key), Some("server"));
        }
    }

    #[test]
    fn a_silence_counts_from_its_first_failure_and_ends_with_a_line() {
        let standing = RemoteLog::default();
        assert_eq!(standing.silence(), None);
        standing.fails(Text::same("a"));
        let since = standing.with(|standing| standing.failing.clone().unwrap().0);
        standing.fails(Text::same("b"));
        standing.count(3);
        assert_eq!(standing.with(|standing| standing.failing.clone()), Some((since, Text::same("b"))));
        assert_eq!(standing.silence().unwrap().lost, 3);
        standing.works();
        assert_eq!((standing.silence(), standing.lost()), (None, 3));
    }
}
