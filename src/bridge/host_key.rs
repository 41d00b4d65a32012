//! The key by which clients know this box: read from a file, or made at first start.

use std::path::{Path, PathBuf};

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{Algorithm, HashAlg, PrivateKey};

use crate::os::random;
use crate::os::secret::{self, SecretError};

/// The server's private key; its Debug form shows the fingerprint only.
#[derive(Clone)]
pub struct HostKey(PrivateKey);

/// Why there is no host key.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    #[error("host key: {0}")]
    Secret(#[from] SecretError),
    #[error("host key {path}: {source} (an OpenSSH private key without a passphrase is wanted)")]
    Unreadable { path: PathBuf, source: russh::keys::ssh_key::Error },
    #[error("host key {path}: {kind} is not accepted: ed25519, ECDSA or RSA without a passphrase are")]
    Kind { path: PathBuf, kind: String },
}

impl HostKey {
    /// The key in `path`; if there is no such file, a new Ed25519 key is made there (mode 0600).
    pub fn load_or_make(path: &Path) -> Result<Self, HostKeyError> {
        if !path.exists() {
            let seed = zeroize::Zeroizing::new(random::bytes::<32>());
            let key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
            let text = key
                .to_openssh(LineEnding::LF)
                .map_err(|source| HostKeyError::Unreadable { path: path.to_owned(), source })?;
            if secret::create(path, text.as_bytes())? {
                log::info!(fingerprint = Self(key).fingerprint().as_str(); "SSH host key made");
            }
        }
        let text = zeroize::Zeroizing::new(secret::read(path)?);
        Self::read(path, &text)
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
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "nonsense").unwrap();
        assert!(matches!(HostKey::load_or_make(&path), Err(HostKeyError::Unreadable { .. })));
    }
}
