//! TLS settings for both sides: aws-lc-rs, TLS 1.2 and 1.3, post-quantum key exchange preferred.
//!
//! Refuses to know: where certificates lie on disk and who reloads them.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use crate::fault::Text;

/// Certificates read from one PEM text at most.
const CERTIFICATES_LIMIT: usize = 512;

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the PEM text holds no certificate")]
    NoCertificate,
    #[error("the PEM text holds more than 512 certificates")]
    TooManyCertificates,
    #[error("certificate number {number} cannot be read: {reason}")]
    BadCertificate { number: usize, reason: String },
    #[error("the PEM text holds no usable private key: {0}")]
    BadKey(String),
    #[error("certificate and key do not go together or are not usable: {0}")]
    Unusable(rustls::Error),
    #[error("{0:?} is neither a host name nor an IP address")]
    BadName(String),
    #[error("making a certificate failed: {0}")]
    Making(rcgen::Error),
}

impl TlsError {
    /// For people.
    pub fn text(&self) -> Text {
        match self {
            TlsError::NoCertificate => Text::new("ce PEM ne contient aucun certificat", self.to_string()),
            TlsError::TooManyCertificates => {
                Text::new(format!("ce PEM contient plus de {CERTIFICATES_LIMIT} certificats"), self.to_string())
            }
            TlsError::BadCertificate { number, reason } => Text::technical(
                &format!("le certificat n° {number} est illisible"),
                &format!("certificate number {number} cannot be read"),
                reason,
            ),
            TlsError::BadKey(reason) => Text::technical(
                "ce PEM ne contient pas de clé privée utilisable",
                "the PEM text holds no usable private key",
                reason,
            ),
            TlsError::Unusable(error) => Text::technical(
                "le certificat et la clé ne vont pas ensemble ou ne sont pas utilisables",
                "certificate and key do not go together or are not usable",
                error,
            ),
            TlsError::BadName(name) => {
                Text::new(format!("« {name} » n'est ni un nom de machine ni une adresse IP"), self.to_string())
            }
            TlsError::Making(error) => {
                Text::technical("le certificat n'a pas pu être fait", "making a certificate failed", error)
            }
        }
    }
}

/// The one crypto provider of the house.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// For outgoing connections: Mozilla's roots, and the authorities of `extra_ca` (PEM) beside them when the
/// establishment's proxy inspects TLS, or for the simulator. Early data stays off: a replayed request is a second one.
pub fn client_config(extra_ca: Option<&[u8]>) -> Result<ClientConfig, TlsError> {
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    Ok(config.map_err(TlsError::Unusable)?.with_root_certificates(roots(extra_ca)?).with_no_client_auth())
}

/// The authorities that are trusted.
pub(super) fn roots(extra_ca: Option<&[u8]>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = extra_ca {
        for (n, certificate) in certificates(pem)?.into_iter().enumerate() {
            let reason = |e: rustls::Error| TlsError::BadCertificate { number: n + 1, reason: e.to_string() };
            roots.add(certificate).map_err(reason)?;
        }
    }
    Ok(roots)
}

/// For a listener: `cert_pem` is the chain, leaf first; `alpn` the protocols offered, preferred first (`h2`,
/// `http/1.1`). Clients are not asked for certificates.
pub fn server_config(cert_pem: &[u8], key_pem: &[u8], alpn: &[&str]) -> Result<ServerConfig, TlsError> {
    let chain = certificates(cert_pem)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|e| TlsError::BadKey(e.to_string()))?;
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let config = config.map_err(TlsError::Unusable)?.with_no_client_auth();
    let mut config = config.with_single_cert(chain, key).map_err(TlsError::Unusable)?;
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    Ok(config)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut chain = Vec::new();
    for (n, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        if n == CERTIFICATES_LIMIT {
            return Err(TlsError::TooManyCertificates);
        }
        let reason =
            |e: rustls::pki_types::pem::Error| TlsError::BadCertificate { number: n + 1, reason: e.to_string() };
        chain.push(certificate.map_err(reason)?);
    }
    if chain.is_empty() { Err(TlsError::NoCertificate) } else { Ok(chain) }
}

/// The SHA-256 of the first certificate of a PEM text, as browsers show it: `AB:CD:...`, 32 pairs.
pub fn fingerprint(cert_pem: &[u8]) -> Result<String, TlsError> {
    let leaf = certificates(cert_pem)?.swap_remove(0);
    let pairs: Vec<String> = Sha256::digest(&leaf).iter().map(|byte| format!("{byte:02X}")).collect();
    Ok(pairs.join(":"))
}

/// A certificate made on this box, which people check by its fingerprint.
#[derive(Debug)]
pub struct SelfSigned {
    pub cert_pem: String,
    /// PKCS#8.
    pub key_pem: SecretString,
    /// As [`fingerprint`] gives it.
    pub fingerprint: String,
}

/// Makes a self-signed certificate (ECDSA P-256) for host names and IP addresses; the first is its common name. Valid
/// from 2020 to 2049 whatever the clock says: a box whose clock is wrong at first start must not make itself a
/// certificate that is refused once the clock is right.
pub fn self_signed(names: &[String]) -> Result<SelfSigned, TlsError> {
    let mut params = CertificateParams::default();
    for name in names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => {
                let name = name.as_str().try_into().map_err(|_| TlsError::BadName(name.clone()))?;
                SanType::DnsName(name)
            }
        });
    }
    let first = names.first().ok_or_else(|| TlsError::BadName(String::new()))?;
    params.distinguished_name.push(DnType::CommonName, first.as_str());
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2049, 12, 31);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(TlsError::Making)?;
    let cert_pem = params.self_signed(&key).map_err(TlsError::Making)?.pem();
    let fingerprint = fingerprint(cert_pem.as_bytes())?;
    let key_pem = SecretString::from(key.serialize_pem());
    // Proves that the pair can be served before anybody keeps it.
    server_config(cert_pem.as_bytes(), key_pem.expose_secret().as_bytes(), &[])?;
    Ok(SelfSigned { cert_pem, key_pem, fingerprint })
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    fn made(names: &[&str]) -> SelfSigned {
        self_signed(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    /// A handshake and one exchanged byte over a pipe; the negotiated version and ALPN protocol.
    async fn shake(client: ClientConfig, server: ServerConfig, name: &str) -> Result<(String, Vec<u8>), String> {
        let (near, far) = duplex(64 << 10);
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let serving = tokio::spawn(async move {
            let mut stream = acceptor.accept(far).await?;
            stream.write_all(b"x").await?;
            stream.shutdown().await
        });
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut stream = connector.connect(name, near).await.map_err(|e| e.to_string())?;
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"x");
        serving.await.unwrap().unwrap();
        let (_, state) = stream.get_ref();
        Ok((format!("{:?}", state.protocol_version().unwrap()), state.alpn_protocol().unwrap_or_default().to_vec()))
    }

    #[tokio::test]
    async fn a_made_certificate_serves_its_names_and_no_other() {
        let made = made(&["boite.univ.fr", "192.0.2.4", "::1"]);
        let server = || {
            server_config(made.cert_pem.as_bytes(), made.key_pem.expose_secret().as_bytes(), &["h2", "http/1.1"])
                .unwrap()
        };
        let mut trusting = client_config(Some(made.cert_pem.as_bytes())).unwrap();
        trusting.alpn_protocols = vec![b"http/1.1".to_vec()];
        for name in ["boite.univ.fr", "192.0.2.4", "::1"] {
            let negotiated = shake(trusting.clone(), server(), name).await.unwrap();
            assert_eq!(negotiated, ("TLSv1_3".to_owned(), b"http/1.1".to_vec()), "{name}");
        }
        assert!(shake(trusting, server(), "autre.fr").await.unwrap_err().contains("not valid for name"));
        let stranger = client_config(None).unwrap();
        let said = shake(stranger, server(), "boite.univ.fr").await.unwrap_err();
        assert!(said.contains("invalid peer certificate"), "{said}");
    }

    #[test]
    fn fingerprints_are_those_of_the_der() {
        let made = made(&["localhost"]);
        assert_eq!(made.fingerprint.len(), 95);
        let der = CertificateDer::from_pem_slice(made.cert_pem.as_bytes()).unwrap();
        let hex: String = Sha256::digest(&der).iter().map(|b| format!("{b:02X}")).collect();
        assert_eq!(made.fingerprint.replace(':', ""), hex);
        assert!(!format!("{made:?}").contains("PRIVATE"), "the key does not print");
    }

    #[test]
    fn unusable_texts_are_refused_with_the_reason() {
        let made = made(&["localhost"]);
        let (cert, key) = (made.cert_pem.as_bytes(), made.key_pem.expose_secret().as_bytes());
        let other = super::self_signed(&["localhost".to_owned()]).unwrap();
        assert!(matches!(server_config(b"", key, &[]), Err(TlsError::NoCertificate)));
        assert!(matches!(server_config(cert, cert, &[]), Err(TlsError::BadKey(_))));
        let mixed = server_config(other.cert_pem.as_bytes(), key, &[]);
        assert!(matches!(mixed, Err(TlsError::Unusable(_))), "{mixed:?}");
        let broken = b"-----BEGIN CERTIFICATE-----\n@@@\n-----END CERTIFICATE-----\n";
        assert!(matches!(client_config(Some(broken)), Err(TlsError::BadCertificate { number: 1, .. })));
        assert!(matches!(client_config(Some(b"no pem")), Err(TlsError::NoCertificate)));
        assert!(matches!(self_signed(&["é".to_owned()]), Err(TlsError::BadName(_))));
        assert!(matches!(self_signed(&[]), Err(TlsError::BadName(_))));
    }
}
