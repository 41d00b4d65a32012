//! Core's socket for commands on the same machine: `fluxgate user` while core runs, since only core may write its
//! store. One line of JSON each way; only this user can open the socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;
use crate::store::{Store, StoreError};

/// The socket, in `run_dir`.
pub const CONTROL_SOCKET: &str = "control.sock";
/// A request or an answer, in bytes.
const LINE_LIMIT: u64 = 256 * 1024;
/// For one exchange.
const EXCHANGE_LONGEST: Duration = Duration::from_secs(10);
/// After `accept` failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a command asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Request {
    People,
    /// A new person.
    Enrol {
        name: String,
        password_hash: String,
    },
    /// Another password for a known person.
    SetPassword {
        name: String,
        password_hash: String,
    },
}

/// What core answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    People(Vec<String>),
    Done,
    AlreadyThere,
    Unknown,
    Failed(String),
}

/// Does what is asked. Blocks until it is durable.
pub fn obey(store: &Store, request: Request) -> Answer {
    let people = match store.reader().and_then(|reader| reader.people()) {
        Ok(people) => people,
        Err(error) => return Answer::Failed(error.to_string()),
    };
    let done = |step: Result<(), StoreError>| step.map_or_else(|e| Answer::Failed(e.to_string()), |()| Answer::Done);
    match request {
        Request::People => Answer::People(people),
        Request::Enrol { name, .. } if people.contains(&name) => Answer::AlreadyThere,
        Request::SetPassword { name, .. } if !people.contains(&name) => Answer::Unknown,
        Request::Enrol { name, password_hash } | Request::SetPassword { name, password_hash } => {
            done(store.enrol(&name, &password_hash, "console", Timestamp::now()).wait())
        }
    }
}

/// Answers on `listener` for as long as the process lives, one exchange at a time.
pub fn serve(listener: UnixListener, store: Store) -> io::Result<()> {
    let store = Arc::new(store);
    std::thread::Builder::new().name("control".to_owned()).spawn(move || {
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    if let Err(error) = exchange(&stream, &store) {
                        log::debug!(error = error.to_string().as_str(); "A command's exchange with core broke off");
                    }
                }
                Err(_) => std::thread::sleep(ACCEPT_PAUSE),
            }
        }
    })?;
    Ok(())
}

fn exchange(stream: &UnixStream, store: &Store) -> io::Result<()> {
    bound(stream)?;
    let answer = match read_line(stream) {
        Ok(line) => match serde_json::from_str(&line) {
            Ok(request) => obey(store, request),
            Err(error) => Answer::Failed(error.to_string()),
        },
        Err(error) => return Err(error),
    };
    write_line(stream, &answer)
}

/// Asks the core that runs; `None` when none does.
pub fn ask(run_dir: &Path, request: &Request) -> io::Result<Option<Answer>> {
    let stream = match UnixStream::connect(run_dir.join(CONTROL_SOCKET)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    bound(&stream)?;
    write_line(&stream, request)?;
    Ok(Some(serde_json::from_str(&read_line(&stream)?)?))
}

fn bound(stream: &UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(EXCHANGE_LONGEST))?;
    stream.set_write_timeout(Some(EXCHANGE_LONGEST))
}

fn read_line(stream: &UnixStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(LINE_LIMIT)).read_line(&mut line)?;
    Ok(line)
}

fn write_line(mut stream: &UnixStream, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line)
}
