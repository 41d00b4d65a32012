//! The door's certificate: from the files that the configuration names, or made at first start; taken into use anew
//! when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use secrecy::ExposeSecret;

use super::counters::Counters;
use crate::net::tls::{self, TlsError};
use crate::os::secret::{self, SecretError};
use crate::os::signals::Shutdown;

/// Between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Offered by ALPN, the preferred first.
const PROTOCOLS: [&str; 2] = ["h2", "http/1.1"];

/// Where certificate and key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Made by this box when they are missing.
    pub own: bool,
}

/// Why there is no certificate to serve.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("certificate file {}: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: std::io::Error },
    #[error(transparent)]
    Key(#[from] SecretError),
    #[error("certificate {}: {cause}", path.display())]
    Unusable { path: PathBuf, cause: TlsError },
}

/// A certificate in use.
pub struct Certificate {
    files: CertificateFiles,
    /// What new connections are served with.
    pub config: ArcSwap<ServerConfig>,
    /// SHA-256, as browsers show it; of the one loaded at start.
    pub fingerprint: String,
}

impl Certificate {
    /// Loads the files; makes them first when they are this box's own and missing. `names`: host names and addresses.
    pub fn load(files: CertificateFiles, names: &[String]) -> Result<Self, CertificateError> {
        if files.own && !(files.certificate.exists() && files.key.exists()) {
            make(&files, names)?;
        }
        let (config, fingerprint) = read(&files)?;
        Ok(Self { files, config: ArcSwap::from_pointee(config), fingerprint })
    }

    /// Looks at the files until told to stop; a change that cannot be used is said once and changes nothing.
    pub async fn follow(self: Arc<Self>, counters: Arc<Counters>, shutdown: Shutdown) {
        let mut seen = self.stamp();
        loop {
            tokio::select! {
                () = shutdown.told() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now = self.stamp();
            if now == seen {
                continue;
            }
            seen = now;
            match read(&self.files) {
                Ok((config, fingerprint)) => {
                    self.config.store(Arc::new(config));
                    counters.certificate_reloads.up();
                    log::info!(fingerprint = fingerprint.as_str(); "The door's certificate changed and is in use");
                }
                Err(error) => log::error!(
                    error = error.to_string().as_str();
                    "The door's new certificate cannot be used; the one before stays in use"
                ),
            }
        }
    }

    fn stamp(&self) -> [Option<(SystemTime, u64)>; 2] {
        let of = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        [of(&self.files.certificate), of(&self.files.key)]
    }
}

fn read(files: &CertificateFiles) -> Result<(ServerConfig, String), CertificateError> {
    let path = files.certificate.clone();
    let certificate =
        std::fs::read(&path).map_err(|cause| CertificateError::Unreadable { path: path.clone(), cause })?;
    let key = zeroize::Zeroizing::new(secret::read(&files.key)?);
    let unusable = |cause| CertificateError::Unusable { path: path.clone(), cause };
    let mut config = tls::server_config(&certificate, &key, &PROTOCOLS).map_err(unusable)?;
    match rustls::crypto::aws_lc_rs::Ticketer::new() {
        Ok(ticketer) => config.ticketer = ticketer,
        Err(error) => log::warn!(error = error.to_string().as_str(); "TLS sessions cannot be resumed"),
    }
    let fingerprint = tls::fingerprint(&certificate).map_err(|cause| CertificateError::Unusable { path, cause })?;
    Ok((config, fingerprint))
}

/// Makes a pair. The key is written first and never overwritten: a certificate without its key would be useless.
fn make(files: &CertificateFiles, names: &[String]) -> Result<(), CertificateError> {
    let unusable = |cause| CertificateError::Unusable { path: files.certificate.clone(), cause };
    let unreadable = |cause| CertificateError::Unreadable { path: files.certificate.clone(), cause };
    for half in [&files.certificate, &files.key] {
        // One half alone serves nobody: power failed between the two, or somebody removed the other.
        match std::fs::remove_file(half) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(unreadable(cause)),
            _ => {}
        }
    }
    let made = tls::self_signed(names).map_err(unusable)?;
    secret::create(&files.key, made.key_pem.expose_secret().as_bytes())?;
    secret::create(&files.certificate, made.cert_pem.as_bytes())?;
    log::info!(fingerprint = made.fingerprint.as_str(); "A certificate was made for the door");
    Ok(())
}
