//! A folder in which a simulator keeps over its restarts what clients must know: its authority, its certificate, and
//! the two secrets, each in a file that a gateway's configuration can name.
//!
//! Promise: what is there and usable stays as it is. Refuses to repair what somebody has damaged: it says which file.

use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use x509_parser::extensions::GeneralName;

use super::SimulatorError;
use super::identity::{self, Pair};
use crate::os::{durable, secret};

/// The authority that clients trust: what a `ca_file` names.
pub const CA_FILE: &str = "ca.pem";
const CA_KEY_FILE: &str = "ca.key";
const SERVER_FILE: &str = "server.pem";
const SERVER_KEY_FILE: &str = "server.key";
/// What a `client_secret_file` names.
pub const CLIENT_SECRET_FILE: &str = "client.secret";
/// What a technical account's `password_file` names.
pub const ACCOUNT_PASSWORD_FILE: &str = "account.password";

/// The authority and the server's certificate; made where they are missing.
pub(super) fn certificates(dir: &Path, address: IpAddr) -> Result<(Pair, Pair), SimulatorError> {
    secret::make_private_dir(dir).map_err(written(dir))?;
    let (ca, is_new) = match read_pair(dir, CA_FILE, CA_KEY_FILE)? {
        Some(ca) => (ca, false),
        None => (identity::authority()?, true),
    };
    if is_new {
        write_pair(dir, CA_FILE, CA_KEY_FILE, &ca)?;
    }
    let kept = if is_new { None } else { read_pair(dir, SERVER_FILE, SERVER_KEY_FILE)? };
    if let Some(server) = kept.filter(|server| names_address(&server.certificate, address)) {
        return Ok((ca, server));
    }
    let server = identity::leaf(&ca, address)?;
    write_pair(dir, SERVER_FILE, SERVER_KEY_FILE, &server)?;
    Ok((ca, server))
}

/// The secret kept in a file; the one `given`, or a new one, where there is none.
pub(super) fn secret(dir: &Path, name: &str, given: Option<&str>) -> Result<String, SimulatorError> {
    secret::make_private_dir(dir).map_err(written(dir))?;
    let path = dir.join(name);
    let kept = match secret::read(&path) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).trim().to_owned()).filter(|kept| !kept.is_empty()),
        Err(_) if !path.exists() => None,
        Err(error) => return Err(SimulatorError::Kept { path, reason: error.to_string() }),
    };
    let wanted = match (given, &kept) {
        (Some(given), _) => given.to_owned(),
        (None, Some(kept)) => return Ok(kept.clone()),
        (None, None) => identity::random(16)?,
    };
    if kept.as_ref() != Some(&wanted) {
        write_secret(&path, &format!("{wanted}\n"))?;
    }
    Ok(wanted)
}

/// `None` where there is no certificate. The key is written first: a certificate without one was damaged.
fn read_pair(dir: &Path, certificate: &str, key: &str) -> Result<Option<Pair>, SimulatorError> {
    let path = dir.join(certificate);
    let certificate = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(SimulatorError::Kept { path, reason: error.to_string() }),
    };
    let path = dir.join(key);
    let unusable = |reason: String| SimulatorError::Kept { path: path.clone(), reason };
    let key = secret::read(&path).map_err(|error| unusable(error.to_string()))?;
    let key = String::from_utf8(key).map_err(|error| unusable(error.to_string()))?;
    Ok(Some(Pair { certificate, key: key.into() }))
}

fn write_pair(dir: &Path, certificate: &str, key: &str, pair: &Pair) -> Result<(), SimulatorError> {
    let path = dir.join(certificate);
    remove(&path)?;
    write_secret(&dir.join(key), pair.key.expose())?;
    durable::write_atomically(&path, pair.certificate.as_bytes()).map_err(written(&path))
}

fn write_secret(path: &Path, text: &str) -> Result<(), SimulatorError> {
    remove(path)?;
    let made = secret::create(path, text.as_bytes());
    made.map(drop).map_err(|error| SimulatorError::Kept { path: path.to_owned(), reason: error.to_string() })
}

fn remove(path: &Path) -> Result<(), SimulatorError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(written(path)(error)),
        _ => Ok(()),
    }
}

fn written(path: &Path) -> impl FnOnce(std::io::Error) -> SimulatorError {
    let path: PathBuf = path.to_owned();
    move |source| SimulatorError::Write { path, source }
}

/// Whether a client that connects to `address` finds it in the certificate. One that cannot be read has no names.
fn names_address(certificate: &str, address: IpAddr) -> bool {
    if address.is_unspecified() {
        return true;
    }
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(certificate.as_bytes()) else { return false };
    let Ok(certificate) = pem.parse_x509() else { return false };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
    names.value.general_names.iter().any(|name| matches!(name, GeneralName::IPAddress(ip) if **ip == octets[..]))
}
