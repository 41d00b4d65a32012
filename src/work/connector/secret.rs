//! A secret in a file, read when it is needed and again when the file has changed: a repaired secret works at once.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::fault::Text;

/// The longest secret, in bytes.
const SECRET_LIMIT: u64 = 4 << 10;

/// Why a secret cannot be had. Texts never hold any of it.
#[derive(Debug, thiserror::Error)]
pub(in crate::work) enum SecretError {
    #[error("{path}: {source}")]
    Read { path: String, source: io::Error },
    #[error("{path}: is empty")]
    Empty { path: String },
    #[error("{path}: is longer than 4096 bytes")]
    TooLong { path: String },
    #[error("{path}: is not UTF-8 text")]
    NotText { path: String },
}

impl SecretError {
    /// For people.
    pub(in crate::work) fn text(&self) -> Text {
        match self {
            SecretError::Read { path, source } => Text::from(source).about(path),
            SecretError::Empty { path } => Text::new("est vide", "is empty").about(path),
            SecretError::TooLong { path } => {
                let (fr, en) =
                    (format!("dépasse {SECRET_LIMIT} octets"), format!("is longer than {SECRET_LIMIT} bytes"));
                Text::new(fr, en).about(path)
            }
            SecretError::NotText { path } => Text::new("n'est pas du texte en UTF-8", "is not UTF-8 text").about(path),
        }
    }
}

/// What tells one state of a file from the next; `None` when it cannot be looked at.
type Stamp = Option<(i64, i64, u64, u64)>;

/// A file that holds one secret; white space around it is not part of it.
pub(in crate::work) struct SecretFile {
    path: PathBuf,
    held: Mutex<Option<(Stamp, SecretString)>>,
}

impl SecretFile {
    pub(in crate::work) fn new(path: PathBuf) -> Self {
        Self { path, held: Mutex::new(None) }
    }

    /// The secret as the file holds it now. One `stat`, and one small read after a change: short enough for an async
    /// worker.
    pub(in crate::work) fn read(&self) -> Result<SecretString, SecretError> {
        let now = stamp(&self.path);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, secret)) = held.as_ref().filter(|(of, _)| of.is_some() && *of == now) {
            return Ok(secret.clone());
        }
        *held = None;
        let secret = self.load()?;
        *held = Some((now, secret.clone()));
        Ok(secret)
    }

    /// Differs between states of the file.
    pub(in crate::work) fn version(&self) -> u64 {
        version(&self.path)
    }

    fn load(&self) -> Result<SecretString, SecretError> {
        let path = || self.path.display().to_string();
        let read = |source| SecretError::Read { path: path(), source };
        let mut bytes = Zeroizing::new(Vec::with_capacity(512));
        fs::File::open(&self.path).map_err(read)?.take(SECRET_LIMIT + 1).read_to_end(&mut bytes).map_err(read)?;
        if u64::try_from(bytes.len()).map_or(true, |length| length > SECRET_LIMIT) {
            return Err(SecretError::TooLong { path: path() });
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotText { path: path() })?.trim();
        if text.is_empty() {
            return Err(SecretError::Empty { path: path() });
        }
        Ok(SecretString::from(text))
    }
}

/// A number that differs between states of a file, readable or not.
pub(in crate::work) fn version(path: &std::path::Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    stamp(path).hash(&mut hasher);
    hasher.finish()
}

fn stamp(path: &std::path::Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((meta.mtime(), meta.mtime_nsec(), meta.ino(), meta.size()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_secret_is_read_again_when_its_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let file = SecretFile::new(path.clone());
        let missing = file.version();
        assert!(file.read().unwrap_err().to_string().contains("secret: No such file"));
        fs::write(&path, "  premier\r\n").unwrap();
        assert_eq!(file.read().unwrap().expose_secret(), "premier");
        assert_ne!(file.version(), missing);
        let first = file.version();
        fs::write(folder.path().join("new"), "second\n").unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert_eq!(file.read().unwrap().expose_secret(), "second");
        assert_ne!(file.version(), first);
        fs::remove_file(&path).unwrap();
        assert!(file.read().is_err(), "a withdrawn secret is not remembered");
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_shown() {
        let folder = tempfile::tempdir().unwrap();
        for (content, reason) in [(&b" \n"[..], "empty"), (&[b'x'; 5000][..], "longer"), (b"abc\xff", "UTF-8")] {
            let path = folder.path().join("secret");
            fs::write(&path, content).unwrap();
            let said = SecretFile::new(path).read().unwrap_err().to_string();
            assert!(said.contains(reason) && !said.contains("abc"), "{said}");
        }
    }
}
