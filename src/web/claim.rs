//! How the first person comes in: no default password, but a code that only somebody at the console can read.
//!
//! The code lives in memory and in `<run_dir>/claim` (0600); it dies with its first use, and a restart makes another.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::store::{Reader, StoreError};
use crate::web::session::same;

/// Characters of a code: 80 bits of Crockford base32.
const LENGTH: usize = 16;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Why no claim code could be made or shown.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    #[error("people could not be read: {0}")]
    Store(#[from] StoreError),
    #[error("no random bits: {0}")]
    Random(#[from] getrandom::Error),
    #[error("claim file {path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
}

/// The claim of this box: open until its first person is enrolled.
pub struct Claim {
    code: Mutex<Option<String>>,
    file: Mutex<Option<PathBuf>>,
}

impl Claim {
    /// Makes a code when nobody is enrolled yet.
    pub fn at_start(reader: &Reader) -> Result<Self, ClaimError> {
        let code = if reader.people()?.is_empty() { Some(new_code()?) } else { None };
        Ok(Self { code: Mutex::new(code), file: Mutex::new(None) })
    }

    /// The code to show on the console, as `xxxx-xxxx-xxxx-xxxx`; `None` when the box has been claimed.
    pub fn code(&self) -> Option<String> {
        let code = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        code.as_ref().map(|c| c.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-"))
    }

    /// Whether a first person is still awaited.
    pub fn is_open(&self) -> bool {
        self.code.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Writes the code to `<run_dir>/claim` (0600) for who can read this folder; removes a former start's.
    pub fn write(&self, run_dir: &Path) -> Result<(), ClaimError> {
        let path = run_dir.join("claim");
        let failed = |source| ClaimError::File { path: path.clone(), source };
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let Some(code) = self.code() else { return Ok(()) };
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        writeln!(file, "{code}").map_err(failed)?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(path);
        Ok(())
    }

    /// Runs `enrol` if `typed` is the code. The code dies when `enrol` succeeds; nobody else can use it meanwhile.
    /// `None`: the code was wrong, or the box has been claimed.
    pub(crate) fn redeem<E>(&self, typed: &str, enrol: impl FnOnce() -> Result<(), E>) -> Option<Result<(), E>> {
        let mut code = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        if !code.as_deref().is_some_and(|code| same(code, &normal(typed))) {
            return None;
        }
        let outcome = enrol();
        if outcome.is_ok() {
            *code = None;
            self.remove_file();
        }
        Some(outcome)
    }

    /// Somebody is enrolled: the code dies.
    pub(crate) fn close(&self) {
        *self.code.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.remove_file();
    }

    fn remove_file(&self) {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = file.map(std::fs::remove_file) {
            log::warn!(error = error.to_string().as_str(); "The dead claim code's file could not be removed");
        }
    }
}

fn new_code() -> Result<String, getrandom::Error> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|b| char::from(ALPHABET[usize::from(b & 31)])).collect())
}

/// As a person may type it: capitals, spaces, dashes, and letters that look like digits (Crockford).
fn normal(typed: &str) -> String {
    typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .take(LENGTH + 1)
        .map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn open() -> Claim {
        Claim { code: Mutex::new(Some(new_code().unwrap())), file: Mutex::new(None) }
    }

    #[test]
    fn a_code_works_once_however_it_is_typed() {
        let claim = open();
        let dir = tempfile::tempdir().unwrap();
        claim.write(dir.path()).unwrap();
        let file = dir.path().join("claim");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let code = std::fs::read_to_string(&file).unwrap();
        assert!(claim.redeem("0000-0000-0000-0000", || Ok::<_, ()>(())).is_none());
        assert_eq!(claim.redeem(&code, || Err("disk")), Some(Err("disk")), "a failed enrolment keeps the code");
        assert!(claim.is_open());
        let typed = format!(" {} ", code.to_uppercase().replace('0', "O").replace('-', " "));
        assert_eq!(claim.redeem(&typed, || Ok::<_, ()>(())), Some(Ok(())));
        assert!(claim.redeem(&code, || Ok::<_, ()>(())).is_none(), "it died");
        assert!(!claim.is_open() && !file.exists() && claim.code().is_none());
    }

    #[test]
    fn codes_differ() {
        assert_ne!(open().code(), open().code());
        assert_eq!(open().code().unwrap().len(), LENGTH + 3);
    }
}
