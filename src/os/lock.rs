//! One holder at a time: the kernel's lock on a file, which ends with its process however that ends. The file holds the
//! holder's process id, for whoever comes second.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A process id in the file, in bytes.
const PID_LIMIT: u64 = 20;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Why a lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("{} is held by {}", path.display(), holder(*.pid))]
    Held { path: PathBuf, pid: Option<u32> },
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// A held lock; given back when it is dropped. The file stays: removing it would give two holders of two files.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a file, which is made when it is missing, or says who has it.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io = |cause| LockError::Io { path: path.to_owned(), cause };
        let open = File::options().create(true).truncate(false).read(true).write(true).mode(0o600).open(path);
        let mut file = open.map_err(io)?;
        match file.try_lock() {
            Ok(()) => {
                // The lock counts, the id is a courtesy: a full disk does not matter.
                let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.take(PID_LIMIT).read_to_string(&mut text);
                Err(LockError::Held { path: path.to_owned(), pid: text.trim().parse().ok() })
            }
            Err(TryLockError::Error(cause)) => Err(io(cause)),
        }
    }

    /// As [`Lock::take`], waiting for a holder that may be about to end. Blocks.
    pub fn take_within(path: &Path, longest: Duration) -> Result<Self, LockError> {
        let deadline = Instant::now() + longest;
        loop {
            match Self::take(path) {
                Err(LockError::Held { .. }) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                taken => return taken,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_has_it_until_it_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        std::fs::write(&path, "4000000000 of a former life").unwrap();
        let held = Lock::take(&path).unwrap();
        match Lock::take(&path) {
            Err(LockError::Held { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || Lock::take_within(&path, Duration::from_secs(60)).is_ok()
        });
        drop(held);
        assert!(waiting.join().unwrap());
        assert!(Lock::take(&path).is_ok());
        let nowhere = Lock::take(&dir.path().join("no/folder"));
        assert!(matches!(nowhere, Err(LockError::Io { .. })), "{nowhere:?}");
    }
}
