//! The simulator's certificate authority and leaf, and its names and secrets: made at each start, or kept in a folder.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};

use super::scenario::FixedCredentials;
use super::world::Doors;
use super::{SimulatorError, folder};

/// The client's name when a folder keeps its secret and no scenario names it; `config/practice.toml` has the same.
pub const KEPT_CLIENT_ID: &str = "00000000-0000-0000-0000-000000000001";
/// The technical account when no scenario names it.
const ACCOUNT_LOGIN: &str = "TECH_1_00000@cpro.fr";

/// A server configuration and the authority that vouches for it.
pub(super) struct Tls {
    pub config: Arc<rustls::ServerConfig>,
    /// The certificate of the authority that clients are to trust.
    pub ca_pem: String,
}

/// A certificate and its key, PEM.
pub(super) struct Pair {
    pub certificate: String,
    pub key: Key,
}

/// A private key that does not print.
pub(super) struct Key(SecretString);

impl Key {
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Key {
    fn from(pem: String) -> Self {
        Self(pem.into())
    }
}

/// An authority, and a leaf for localhost and the address listened on: those of `dir`, or fresh ones.
pub(super) fn tls(listen: SocketAddr, dir: Option<&Path>) -> Result<Tls, SimulatorError> {
    let (ca, server) = match dir {
        Some(dir) => folder::certificates(dir, listen.ip())?,
        None => {
            let ca = authority()?;
            let server = leaf(&ca, listen.ip())?;
            (ca, server)
        }
    };
    let wrong = |error: &dyn std::fmt::Display| SimulatorError::Certificate(error.to_string());
    let chain = CertificateDer::from_pem_slice(server.certificate.as_bytes()).map_err(|e| wrong(&e))?;
    let key = PrivateKeyDer::from_pem_slice(server.key.expose().as_bytes()).map_err(|e| wrong(&e))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![chain], key))
        .map_err(|e| wrong(&e))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls { config: Arc::new(config), ca_pem: ca.certificate })
}

/// A new authority.
pub(super) fn authority() -> Result<Pair, SimulatorError> {
    let key = KeyPair::generate().map_err(making)?;
    let certificate = authority_params().map_err(making)?.self_signed(&key).map_err(making)?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem().into() })
}

/// The same for every authority; its key tells one from another.
fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(DnType::CommonName, "Fluxgate simulator CA (practice only)");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// What the simulator is called behind a proxy, which no client uses towards its own machine. Nothing resolves it (RFC 6761).
pub const NAME: &str = "chorus-pro.test";

/// A new leaf of an authority, for localhost, its name and the address listened on.
pub(super) fn leaf(ca: &Pair, address: IpAddr) -> Result<Pair, SimulatorError> {
    let ca_key = KeyPair::from_pem(ca.key.expose()).map_err(making)?;
    let issuer = Issuer::new(authority_params().map_err(making)?, ca_key);
    let mut names = vec!["localhost".to_owned(), NAME.to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !address.is_unspecified() && !names.contains(&address.to_string()) {
        names.push(address.to_string());
    }
    let mut params = CertificateParams::new(names).map_err(making)?;
    params.distinguished_name.push(DnType::CommonName, "Fluxgate simulator");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(making)?;
    let leaf = params.signed_by(&key, &issuer).map_err(making)?;
    Ok(Pair { certificate: leaf.pem(), key: key.serialize_pem().into() })
}

fn making(error: rcgen::Error) -> SimulatorError {
    SimulatorError::Certificate(error.to_string())
}

/// The names and secrets of this start: the scenario's; else those kept in `dir`; else new ones.
pub(super) fn doors(fixed: Option<&FixedCredentials>, dir: Option<&Path>) -> Result<Doors, SimulatorError> {
    let secret = |name: &str, given: Option<&str>| match (dir, given) {
        (Some(dir), given) => folder::secret(dir, name, given),
        (None, Some(given)) => Ok(given.to_owned()),
        (None, None) => random(16),
    };
    Ok(Doors {
        client_id: match (fixed, dir) {
            (Some(fixed), _) => fixed.client_id.clone(),
            (None, Some(_)) => KEPT_CLIENT_ID.to_owned(),
            (None, None) => random(16)?,
        },
        client_secret: secret(folder::CLIENT_SECRET_FILE, fixed.map(|fixed| fixed.client_secret.as_str()))?,
        account_login: fixed.map_or_else(|| ACCOUNT_LOGIN.to_owned(), |fixed| fixed.account_login.clone()),
        account_password: secret(folder::ACCOUNT_PASSWORD_FILE, fixed.map(|fixed| fixed.account_password.as_str()))?,
        tokens: Vec::new(),
    })
}

/// A 54-character opaque token (PROTOCOL §1).
pub(super) fn token() -> Result<String, SimulatorError> {
    let mut text = format!("SIM{}", random(26)?);
    text.truncate(54);
    Ok(text)
}

/// Random bytes as lower-case hexadecimal.
pub(super) fn random(bytes: usize) -> Result<String, SimulatorError> {
    let mut raw = vec![0; bytes];
    getrandom::fill(&mut raw).map_err(|e| SimulatorError::Random(e.to_string()))?;
    Ok(raw.iter().map(|byte| format!("{byte:02x}")).collect())
}
