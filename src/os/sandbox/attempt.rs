//! Trying the walls from inside: each attempt is what an intruder would do, and harmless should it succeed.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::calls;

/// For a connection that nothing refuses.
const CONNECT_LONGEST: Duration = Duration::from_secs(5);
/// One page.
const PAGE_BYTES: usize = 4096;

/// What is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// `read:PATH`: a file's content.
    Read(PathBuf),
    /// `write:PATH`: a new file.
    Write(PathBuf),
    /// `execute:PATH`: another program in this one's place.
    Execute(PathBuf),
    /// `connect:ADDRESS:PORT`
    Connect(SocketAddr),
    /// `listen`: on a TCP port.
    Listen,
    /// `raw-socket`: packets as they are on the wire.
    RawSocket,
    /// `fork`: another process.
    Fork,
    /// `executable-memory`: code that was data.
    ExecutableMemory,
    /// `call:NAME`: a call of the kernel, all of its arguments zero.
    Call(i64),
}

/// What was asked is no attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no attempt")]
pub struct UnknownAttempt(String);

impl FromStr for Attempt {
    type Err = UnknownAttempt;

    fn from_str(text: &str) -> Result<Self, UnknownAttempt> {
        let unknown = || UnknownAttempt(text.to_owned());
        let (what, on) = text.split_once(':').unwrap_or((text, ""));
        Ok(match what {
            "read" => Attempt::Read(on.into()),
            "write" => Attempt::Write(on.into()),
            "execute" => Attempt::Execute(on.into()),
            "connect" => Attempt::Connect(on.parse().map_err(|_| unknown())?),
            "listen" => Attempt::Listen,
            "raw-socket" => Attempt::RawSocket,
            "fork" => Attempt::Fork,
            "executable-memory" => Attempt::ExecutableMemory,
            "call" => Attempt::Call(calls::number_of(on).ok_or_else(unknown)?),
            _ => return Err(unknown()),
        })
    }
}

/// As it was asked for.
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attempt::Read(path) => write!(f, "read:{}", path.display()),
            Attempt::Write(path) => write!(f, "write:{}", path.display()),
            Attempt::Execute(path) => write!(f, "execute:{}", path.display()),
            Attempt::Connect(address) => write!(f, "connect:{address}"),
            Attempt::Listen => f.write_str("listen"),
            Attempt::RawSocket => f.write_str("raw-socket"),
            Attempt::Fork => f.write_str("fork"),
            Attempt::ExecutableMemory => f.write_str("executable-memory"),
            Attempt::Call(number) => {
                write!(f, "call:{}", u16::try_from(*number).map_or_else(|_| number.to_string(), calls::name_of))
            }
        }
    }
}

impl Attempt {
    /// Tries it. `Ok`: nothing stood in the way.
    pub fn make(&self) -> io::Result<()> {
        match self {
            Attempt::Read(path) => {
                std::fs::File::open(path).and_then(|mut file| io::Read::read(&mut file, &mut [0]).map(drop))
            }
            Attempt::Write(path) => std::fs::File::create_new(path).map(drop),
            Attempt::Execute(path) => Err(Command::new(path).exec()),
            Attempt::Connect(address) => TcpStream::connect_timeout(address, CONNECT_LONGEST).map(drop),
            Attempt::Listen => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop),
            Attempt::RawSocket => {
                socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).map(drop).map_err(Into::into)
            }
            Attempt::Fork => fork(),
            Attempt::ExecutableMemory => executable_memory(),
            Attempt::Call(number) => call(*number),
        }
    }
}

fn fork() -> io::Result<()> {
    // SAFETY: the child ends at once and touches nothing.
    #[expect(unsafe_code, reason = "no safe way to fork")]
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => unsafe { libc::_exit(0) },
        _ => Ok(()),
    }
}

fn executable_memory() -> io::Result<()> {
    let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, at a place of the kernel's choice, that nobody uses.
    #[expect(unsafe_code, reason = "no safe way to map memory")]
    let mapped = unsafe { libc::mmap(std::ptr::null_mut(), PAGE_BYTES, protection, flags, -1, 0) };
    if mapped == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn call(number: i64) -> io::Result<()> {
    // SAFETY: with null pointers and zeros the calls named here fail, or change nothing of this process's memory.
    #[expect(unsafe_code, reason = "calls that have no wrapper")]
    match unsafe { libc::syscall(number, 0, 0, 0, 0, 0, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_read_and_made_where_no_wall_stands() {
        assert_eq!("call:ptrace".parse(), Ok(Attempt::Call(libc::SYS_ptrace)));
        for text in ["read:/a:b", "connect:[::1]:25", "raw-socket", "call:io_uring_setup", "execute:/bin/true"] {
            assert_eq!(text.parse::<Attempt>().unwrap().to_string(), text);
        }
        for unknown in ["", "call:", "call:nonsense", "connect:nowhere", "jump"] {
            assert_eq!(unknown.parse::<Attempt>(), Err(UnknownAttempt(unknown.to_owned())));
        }
        // Without walls none of these is refused: what refuses them in the tests of a walled process is its walls.
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("new");
        for free in [format!("write:{}", file.display()), format!("read:{}", file.display())] {
            free.parse::<Attempt>().unwrap().make().unwrap();
        }
        for free in ["listen", "fork", "executable-memory", "call:getppid"] {
            free.parse::<Attempt>().unwrap().make().unwrap();
        }
        assert_eq!(Attempt::Execute(dir.path().join("none")).make().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
