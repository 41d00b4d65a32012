//! The person at the keyboard: a line that is not shown while it is typed.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
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
