//! The key by which clients know this box: read from a file, or made at first start.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{Algorithm, HashAlg, PrivateKey};

/// The server's private key; its Debug form shows the fingerprint only.
#[derive(Clone)]
pub struct HostKey(PrivateKey);

/// Why there is no host key.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    #[error("host key {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("host key {path}: {source} (an OpenSSH private key without a passphrase is wanted)")]
    Unreadable { path: PathBuf, source: russh::keys::ssh_key::Error },
    #[error("host key {path}: {kind} is not accepted: ed25519, ECDSA or RSA are")]
    Kind { path: PathBuf, kind: String },
}

impl HostKey {
    /// The key in `path`; if there is no such file, a new Ed25519 key is made there (mode 0600).
    pub fn load_or_make(path: &Path) -> Result<Self, HostKeyError> {
        let io = |source| HostKeyError::Io { path: path.to_owned(), source };
        match fs::read(path) {
            Ok(text) => Self::read(path, &text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let mut seed = [0u8; 32];
                getrandom::fill(&mut seed).map_err(|e| io(io::Error::other(e)))?;
                let key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
                zeroize::Zeroize::zeroize(&mut seed);
                let text = key
                    .to_openssh(LineEnding::LF)
                    .map_err(|source| HostKeyError::Unreadable { path: path.to_owned(), source })?;
                write_new(path, text.as_bytes()).map_err(io)?;
                let made = Self(key);
                log::info!(fingerprint = made.fingerprint().as_str(); "SSH host key made");
                Ok(made)
            }
            Err(e) => Err(io(e)),
        }
    }

    fn read(path: &Path, text: &[u8]) -> Result<Self, HostKeyError> {
        let key = PrivateKey::from_openssh(text)
            .map_err(|source| HostKeyError::Unreadable { path: path.to_owned(), source })?;
        match key.algorithm() {
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. } if !key.is_encrypted() => {
                Ok(Self(key))
            }
            other => Err(HostKeyError::Kind { path: path.to_owned(), kind: other.to_string() }),
        }
    }

    /// `SHA256:…`, as OpenSSH shows it.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// The public half as an OpenSSH line, for clients' known_hosts.
    pub fn public_line(&self) -> String {
        self.0.public_key().to_openssh().unwrap_or_default()
    }

    pub(super) fn private(&self) -> PrivateKey {
        self.0.clone()
    }
}

impl std::fmt::Debug for HostKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HostKey({})", self.fingerprint())
    }
}

/// Whole or not at all: a temporary name in the same folder, synced, renamed, the folder synced.
fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_then_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets/ssh_host_ed25519");
        let first = HostKey::load_or_make(&path).unwrap();
        let again = HostKey::load_or_make(&path).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        assert!(first.fingerprint().starts_with("SHA256:"));
        assert!(first.public_line().starts_with("ssh-ed25519 "));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "nonsense").unwrap();
        assert!(matches!(HostKey::load_or_make(&path), Err(HostKeyError::Unreadable { .. })));
    }
}
