//! The simulator's certificate authority and leaf, made at each start, and its names and secrets.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::SimulatorError;
use super::scenario::FixedCredentials;
use super::world::Doors;

/// A server configuration and the authority that vouches for it.
pub(super) struct Tls {
    pub config: Arc<rustls::ServerConfig>,
    pub ca_pem: String,
}

/// A fresh authority, and a leaf for localhost and the address listened on.
pub(super) fn tls(listen: SocketAddr) -> Result<Tls, SimulatorError> {
    let made = certificates(listen.ip()).map_err(|e| SimulatorError::Certificate(e.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![made.leaf], made.key))
        .map_err(|e| SimulatorError::Certificate(e.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls { config: Arc::new(config), ca_pem: made.ca_pem })
}

struct Certificates {
    leaf: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    ca_pem: String,
}

fn certificates(address: IpAddr) -> Result<Certificates, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(DnType::CommonName, "Fluxgate simulator CA (practice only)");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_key = KeyPair::generate()?;
    let ca = params.self_signed(&ca_key)?;
    let issuer = Issuer::new(params, ca_key);

    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !address.is_unspecified() && !names.contains(&address.to_string()) {
        names.push(address.to_string());
    }
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "Fluxgate simulator");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let leaf = params.signed_by(&key, &issuer)?;
    Ok(Certificates {
        leaf: leaf.der().clone(),
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        ca_pem: ca.pem(),
    })
}

/// The names and secrets of this start: the scenario's, or new ones.
pub(super) fn doors(fixed: Option<&FixedCredentials>) -> Result<Doors, SimulatorError> {
    let (client_id, client_secret, account_login, account_password) = match fixed {
        Some(fixed) => (
            fixed.client_id.clone(),
            fixed.client_secret.clone(),
            fixed.account_login.clone(),
            fixed.account_password.clone(),
        ),
        None => (random(16)?, random(16)?, "TECH_1_00000@cpro.fr".to_owned(), random(12)?),
    };
    Ok(Doors { client_id, client_secret, account_login, account_password, tokens: Vec::new() })
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
