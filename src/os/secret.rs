//! Files that hold secrets: who may read them, and how they are made.

use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::fault::Text;

/// The longest secret file that is read, in bytes: a PEM chain with its key fits many times.
pub const SECRET_LIMIT: u64 = 256 * 1024;

/// Why a secret could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("secret file {}: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
    #[error("secret file {} can be read by others (mode {mode:04o}): chmod 600 it", path.display())]
    OpenToOthers { path: PathBuf, mode: u32 },
    #[error("secret file {} is larger than {SECRET_LIMIT} bytes", path.display())]
    TooLarge { path: PathBuf },
}

impl SecretError {
    /// For people.
    pub fn text(&self) -> Text {
        match self {
            SecretError::Io { path, cause } => {
                let (path, why) = (path.display(), Text::from(cause));
                Text::new(format!("fichier du secret {path} : {}", why.fr), format!("secret file {path}: {}", why.en))
            }
            SecretError::OpenToOthers { path, mode } => {
                let path = path.display();
                Text::new(
                    format!("fichier du secret {path} lisible par d'autres (droits {mode:04o}) : chmod 600 {path}"),
                    format!("secret file {path} can be read by others (mode {mode:04o}): chmod 600 {path}"),
                )
            }
            SecretError::TooLarge { path } => {
                let path = path.display();
                Text::new(
                    format!("fichier du secret {path} de plus de {SECRET_LIMIT} octets"),
                    format!("secret file {path} is larger than {SECRET_LIMIT} bytes"),
                )
            }
        }
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> SecretError + '_ {
    move |cause| SecretError::Io { path: path.to_owned(), cause }
}

/// Whether only the owner may read the file (mode `0600` or stricter).
pub fn check_permissions(path: &Path) -> Result<(), SecretError> {
    let mode = std::fs::metadata(path).map_err(io_error(path))?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(SecretError::OpenToOthers { path: path.to_owned(), mode }) }
}

/// The file's bytes, when only its owner may read it and it is no larger than [`SECRET_LIMIT`].
pub fn read(path: &Path) -> Result<Vec<u8>, SecretError> {
    check_permissions(path)?;
    let file = std::fs::File::open(path).map_err(io_error(path))?;
    let mut bytes = Vec::new();
    file.take(SECRET_LIMIT + 1).read_to_end(&mut bytes).map_err(io_error(path))?;
    if u64::try_from(bytes.len()).is_ok_and(|n| n <= SECRET_LIMIT) {
        Ok(bytes)
    } else {
        Err(SecretError::TooLarge { path: path.to_owned() })
    }
}

/// Makes the file with mode `0600`, durably (file and folder synced), unless it is there already; then says `false`.
/// Of several processes that try at once, one wins and the others are told.
pub fn create(path: &Path, bytes: &[u8]) -> Result<bool, SecretError> {
    let folder = super::durable::folder_of(path);
    make_private_dir(folder).map_err(io_error(folder))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}", super::random::hex::<8>()));
    let made = (|| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // A link instead of a rename: it fails when the name is taken, so a secret is never overwritten.
        match std::fs::hard_link(&temporary, path) {
            Ok(()) => Ok(true),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(cause) => Err(cause),
        }
    })();
    let _ = std::fs::remove_file(&temporary);
    let synced = made.and_then(|made| std::fs::File::open(folder)?.sync_all().map(|()| made));
    synced.map_err(io_error(path))
}

/// Makes a folder (and those above it) that only its owner may enter; one that is there keeps its mode.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_private_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets/door.key");
        assert!(create(&path, b"first").unwrap());
        assert!(!create(&path, b"second").unwrap());
        assert_eq!(read(&path).unwrap(), b"first");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let open = read(&path).unwrap_err();
        assert!(matches!(open, SecretError::OpenToOthers { mode: 0o640, .. }));
        assert!(open.text().fr.contains("lisible par d'autres (droits 0640)"), "{:?}", open.text());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(read(&path).unwrap(), b"x");
    }

    #[test]
    fn a_huge_secret_is_refused_instead_of_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("huge");
        assert!(create(&path, &vec![b'x'; usize::try_from(SECRET_LIMIT).unwrap() + 1]).unwrap());
        assert!(matches!(read(&path), Err(SecretError::TooLarge { .. })));
    }
}
