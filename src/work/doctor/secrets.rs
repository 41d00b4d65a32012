//! The first link: what the configuration names and what it says, before anything leaves.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use secrecy::{ExposeSecret as _, SecretString};

use super::{Diagnosis, Gear, LinkKind, Outcome, Patient, finding};
use crate::domain::Environment;
use crate::fault::Text;
use crate::net::resolver::Resolver;
use crate::net::tls;
use crate::os::secret as file;
use crate::work::connector::SecretFile;

/// The longest file of authorities, in bytes.
const CA_FILE_LIMIT: u64 = 1 << 20;

/// Reads everything that is named; answers with what the next links need.
pub(super) fn examine(diagnosis: &mut Diagnosis, patient: &Patient<'_>, resolver: Resolver) -> Gear {
    let begun = Instant::now();
    let mut complete = true;
    let mut read = |diagnosis: &mut Diagnosis, key: &str, path: &Path| -> Option<SecretString> {
        let path = patient.dir.join(path);
        match SecretFile::new(path.clone()).read() {
            Ok(secret) => {
                look(diagnosis, key, &path, &secret);
                Some(secret)
            }
            Err(error) => {
                complete = false;
                let said = error.text().about(key);
                diagnosis.broken(LinkKind::Configuration, said, begun, finding::secret_missing(key, &path));
                None
            }
        }
    };
    read(diagnosis, "client_secret_file", &patient.api.client_secret_file);
    read(diagnosis, "password_file", &patient.account.password_file);
    let password = match &patient.proxy.password_file {
        Some(path) if patient.proxy.url.is_some() => read(diagnosis, "[proxy] password_file", path),
        _ => None,
    };
    let extra_ca = patient.api.ca_file.as_ref().and_then(|path| {
        let path = patient.dir.join(path);
        match authority(&path) {
            Ok(pem) => Some(Arc::new(pem)),
            Err(why) => {
                complete = false;
                let said = why.about("ca_file");
                diagnosis.broken(LinkKind::Configuration, said, begun, finding::authority_unusable(&path));
                None
            }
        }
    });
    mixed(diagnosis, patient, begun);
    if diagnosis.links.is_empty() {
        let api = patient.api;
        let said = format!("{} ; {} ; {}", api.token_url, api.base_url, patient.account.login);
        diagnosis.good(LinkKind::Configuration, Text::same(said), begun);
    }
    Gear {
        resolver,
        proxy: patient.proxy.proxy(password.as_ref()),
        extra_ca,
        environment: patient.realm.environment,
        complete,
    }
}

/// What a secret that was copied wrongly looks like. White space around it is cut off by ourselves.
fn look(diagnosis: &mut Diagnosis, key: &str, path: &Path, secret: &SecretString) {
    let begun = Instant::now();
    if secret.expose_secret().chars().any(|c| c.is_whitespace() || c.is_control()) && key == "client_secret_file" {
        let said = Text::new(
            format!("{key} : le secret contient un espace ou plusieurs lignes"),
            format!("{key}: the secret holds a space or several lines"),
        );
        diagnosis.doubtful(LinkKind::Configuration, said, begun, finding::secret_odd(path));
    }
    if let Err(error @ file::SecretError::OpenToOthers { .. }) = file::check_permissions(path) {
        let said = error.text().about(key);
        diagnosis.doubtful(LinkKind::Configuration, said, begun, finding::secret_open(path));
    }
}

fn authority(path: &Path) -> Result<Vec<u8>, Text> {
    let said = |error: std::io::Error| Text::from(&error).about(path.display());
    let mut pem = Vec::new();
    let file = File::open(path).map_err(said)?;
    file.take(CA_FILE_LIMIT).read_to_end(&mut pem).map_err(said)?;
    tls::client_config(Some(&pem)).map_err(|error| error.text().about(path.display()))?;
    Ok(pem)
}

/// Addresses of one environment under the name of another (PROTOCOL §1). Only PISTE's own are judged.
fn mixed(diagnosis: &mut Diagnosis, patient: &Patient<'_>, begun: Instant) {
    let sandbox = match patient.realm.environment {
        Environment::Production => false,
        Environment::Qualification => true,
        Environment::Practice => return,
    };
    for (key, text) in [("token_url", &patient.api.token_url), ("base_url", &patient.api.base_url)] {
        if text.contains(".piste.gouv.fr") && text.contains("sandbox-") != sandbox {
            let said = Text::new(
                format!("{key} = {text} n'est pas une adresse de cet environnement"),
                format!("{key} = {text} is no address of this environment"),
            );
            let finding = finding::environments_mixed(patient.realm.environment, key);
            diagnosis.add(LinkKind::Configuration, Outcome::Broken, said, Some(begun));
            diagnosis.find(finding);
        }
    }
}
