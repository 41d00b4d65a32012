//! The person at the keyboard: a line that is not shown while it is typed, and terminals that are drawn on.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, LocalFlags, SetArg, cfmakeraw, tcflush, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// The longest line that is read, in bytes.
const LINE_LIMIT: u64 = 4096;

/// Whether a person types standard input.
pub fn is_there() -> bool {
    io::stdin().is_terminal()
}

/// Reads one line from standard input, without its end. On a terminal the `prompt` is shown (on standard error) and
/// what is typed is not.
pub fn secret_line(prompt: &str) -> io::Result<Zeroizing<String>> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line(&mut stdin.lock());
    }
    eprint!("{prompt}");
    io::stderr().flush()?;
    let before = tcgetattr(&stdin)?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    silent.local_flags.insert(LocalFlags::ECHONL);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &silent)?;
    let read = line(&mut stdin.lock());
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &before)?;
    read
}

fn line(input: &mut dyn BufRead) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    if input.take(LINE_LIMIT).read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

/// A terminal that gives each key at once and shows nothing by itself. It is never waited for: neither to be read nor,
/// beyond a limit, to be written.
#[derive(Debug)]
pub struct RawTerminal {
    file: File,
}

impl RawTerminal {
    /// Opens a terminal's device. It does not become this process's controlling terminal: no key is a signal.
    pub fn open(device: &Path) -> io::Result<Self> {
        let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
        let file = File::options().read(true).write(true).custom_flags(flags.bits()).open(device)?;
        let mut mode = tcgetattr(&file)?;
        cfmakeraw(&mut mode);
        tcsetattr(&file, SetArg::TCSANOW, &mode)?;
        // What was typed before anything was there to read it is nobody's wish.
        tcflush(&file, FlushArg::TCIFLUSH)?;
        Ok(Self { file })
    }

    /// What was typed since; 0 when nothing was.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.file.read(buffer) {
            // A terminal that hung up.
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    /// Writes all of `bytes`, or fails when that takes longer than `longest`: a line that nobody reads must not hold
    /// anything up.
    pub fn write(&mut self, mut bytes: &[u8], longest: Duration) -> io::Result<()> {
        let end = Instant::now() + longest;
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left = end.saturating_duration_since(Instant::now());
                    let mut wanted = [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)];
                    if left.is_zero() || poll(&mut wanted, timeout(left))? == 0 {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Waits until something is typed on one of these, or for `longest`.
pub fn wait_for_keys<'t>(terminals: impl Iterator<Item = &'t RawTerminal>, longest: Duration) {
    let mut wanted: Vec<PollFd<'_>> =
        terminals.map(|terminal| PollFd::new(terminal.file.as_fd(), PollFlags::POLLIN)).collect();
    // A failed wait is a short one: whoever reads next meets the reason.
    if poll(&mut wanted, timeout(longest)).is_err() || wanted.is_empty() {
        std::thread::sleep(longest);
    }
}

fn timeout(duration: Duration) -> PollTimeout {
    PollTimeout::try_from(duration).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_loses_its_end_only_and_nothing_is_an_error() {
        assert_eq!(*line(&mut " a b \r\nnext\n".as_bytes()).unwrap(), " a b ");
        assert_eq!(*line(&mut "no end".as_bytes()).unwrap(), "no end");
        assert!(line(&mut "".as_bytes()).is_err());
    }
}
