//! What stops no configuration and yet deserves a look: a secret may be uploaded later, and a file may be missing only on
//! the machine where the configuration is written.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::checks::{mistyped_sirets, production_route};
use super::read::Document;
use super::{Config, Numbered};
use crate::fault::{Language, Text};
use crate::gate;
use crate::net::tls;
use crate::os::secret::{self, SecretError};
use crate::work::connector::TechnicalAccountSection;

/// The longest certificate file that is read, in bytes.
const PEM_LIMIT: u64 = 1 << 20;

/// Notes every remark in `document`.
pub(super) fn look(config: &Numbered, document: &mut Document<'_>) {
    sirets(document);
    chorus(config, document);
    door(config, document);
    own_keys(config, document);
    notify(config, document);
    tables(config, document);
    update(config, document);
    retired(document);
}

/// The file of tables, which only its signature and its content make one. With keys that are none it is the keys that are
/// to be corrected.
fn tables(config: &Numbered, document: &mut Document<'_>) {
    let keys = &config.plain.rules.keys;
    if keys.is_empty() || config.plain.rules.verifiers().len() != keys.len() {
        return;
    }
    if let Err(fault) = config.plain.signed_tables() {
        let told = |language| format!("{} {}", fault.code, fault.title(language));
        let remedy = |language| fault.remedy(language).trim_end_matches('.').to_owned();
        document.object(
            "rules.tables",
            Text::new(told(Language::Fr), told(Language::En)),
            Text::new(remedy(Language::Fr), remedy(Language::En)),
        );
    }
}

/// Where releases come from is of no effect but on the appliance, which has somebody to hand them to.
fn update(config: &Numbered, document: &mut Document<'_>) {
    if document.has("update") && !gate::folder_beside(&config.plain.store.run_dir).is_dir() {
        document.object(
            "update",
            Text::new(
                "sans effet ici : cette machine ne fonctionne pas avec l'image de Fluxgate",
                "of no effect here: this machine does not run Fluxgate's image",
            ),
            Text::new(
                "Sur une appliance, rien à faire ; ailleurs, retirez la section et remplacez le programme lui-même",
                "On an appliance nothing is to be done; elsewhere remove the section and replace the program itself",
            ),
        );
    }
}

/// Keys that nothing reads any more.
fn retired(document: &mut Document<'_>) {
    let key = "notify.untaken_after";
    if document.has(key) {
        document.object(
            key,
            Text::new("cette clé ne sert plus : elle est ignorée", "this key is no longer used: it is ignored"),
            Text::new(
                "Retirez la ligne ; limits.delivery_deadline dit après combien de temps une livraison non prise est une alarme",
                "Remove the line; limits.delivery_deadline says after how long a delivery that is not taken is an alarm",
            ),
        );
    }
}

/// One towards production is a problem.
fn sirets(document: &mut Document<'_>) {
    for n in mistyped_sirets(document) {
        let id = document.text_at(&format!("establishment[{n}].id")).unwrap_or_default().to_owned();
        if production_route(document, &id).is_none() {
            document.object(
                &format!("establishment[{n}].siret"),
                Text::new("la clé de contrôle de ce SIRET est fausse", "the check digit of this SIRET is wrong"),
                Text::new(
                    "Les SIRET de la plateforme de qualification sont ainsi ; sinon, corrigez-le",
                    "Those of the qualification platform are like that; else correct it",
                ),
            );
        }
    }
}

fn chorus(config: &Numbered, document: &mut Document<'_>) {
    for n in 1..=document.count("establishment") {
        for m in 1..=document.count(&format!("establishment[{n}].technical_account")) {
            let key = format!("establishment[{n}].technical_account[{m}]");
            if let Some(account) = document.peek::<TechnicalAccountSection>(&key) {
                secret_file(config, document, &format!("{key}.password_file"), &account.password_file);
            }
        }
    }
    if let Some(file) = &config.plain.proxy.password_file {
        secret_file(config, document, "proxy.password_file", file);
    }
    for (environment, api) in &config.plain.chorus.api {
        let key = format!("chorus.api.{environment}");
        secret_file(config, document, &format!("{key}.client_secret_file"), &api.client_secret_file);
        let Some(ca_file) = &api.ca_file else { continue };
        let remedy = Text::new(
            "Mettez-y l'autorité de confiance (PEM), ou retirez la clé ; d'ici là aucun appel ne part",
            "Put the trusted authority (PEM) there, or remove the key; until then no call leaves",
        );
        authority(config, document, &format!("{key}.ca_file"), ca_file, remedy);
    }
}

fn authority(config: &Numbered, document: &mut Document<'_>, key: &str, file: &Path, remedy: Text) {
    let path = config.path(file);
    let sound = read(&path).map_err(|error| Text::from(&error));
    let sound = sound.and_then(|pem| tls::client_config(Some(&pem)).map_err(|error| error.text()));
    if let Err(why) = sound {
        useless(document, key, &path, &why, remedy);
    }
}

/// Secrets and authorities of the ways by which alarms leave and releases come.
fn notify(config: &Numbered, document: &mut Document<'_>) {
    let (mail, webhook) = (&config.plain.notify.mail, &config.plain.notify.webhook);
    let secrets = [
        ("notify.mail.password_file", mail.as_ref().and_then(|m| m.password_file.as_ref())),
        ("notify.webhook.secret_file", webhook.as_ref().and_then(|w| w.secret_file.as_ref())),
    ];
    for (key, file) in secrets {
        if let Some(file) = file {
            secret_file(config, document, key, file);
        }
    }
    let authorities = [
        ("notify.mail.ca_file", mail.as_ref().and_then(|m| m.ca_file.as_ref())),
        ("notify.webhook.ca_file", webhook.as_ref().and_then(|w| w.ca_file.as_ref())),
        ("syslog.ca_file", config.plain.syslog.as_ref().and_then(|s| s.ca_file.as_ref())),
        ("update.ca_file", config.plain.update.ca_file.as_ref()),
    ];
    for (key, file) in authorities {
        let remedy = Text::new(
            "Mettez-y l'autorité de confiance (PEM), ou retirez la clé ; d'ici là rien ne passe par cette voie",
            "Put the trusted authority (PEM) there, or remove the key; until then nothing passes this way",
        );
        if let Some(file) = file {
            authority(config, document, key, file, remedy);
        }
    }
}

fn door(config: &Numbered, document: &mut Document<'_>) {
    let door = &config.plain.door;
    let mut pem = None;
    if let Some(file) = &door.certificate_file {
        let path = config.path(file);
        let sound = read(&path).map_err(|error| Text::from(&error));
        match sound.and_then(|pem| tls::fingerprint(&pem).map(|_| pem).map_err(|error| error.text())) {
            Ok(read) => pem = Some(read),
            Err(why) => {
                let remedy = Text::new(
                    "Mettez-y la chaîne de certificats (PEM) ; d'ici là la porte ne s'ouvre pas. Sans certificate_file \
                     ni key_file, la machine fait son propre certificat",
                    "Put the chain of certificates (PEM) there; until then the door does not open. Without \
                     certificate_file and key_file the box makes its own",
                );
                useless(document, "door.certificate_file", &path, &why, remedy);
            }
        }
    }
    if let Some(file) = &door.key_file {
        secret_file(config, document, "door.key_file", file);
        let path = config.path(file);
        if let (Some(pem), Ok(key)) = (pem, secret::read(&path))
            && let Err(error) = tls::server_config(&pem, &key, &[])
        {
            let remedy = Text::new(
                "Mettez-y la clé privée (PEM) de ce certificat ; d'ici là la porte ne s'ouvre pas",
                "Put the private key (PEM) of this certificate there; until then the door does not open",
            );
            useless(document, "door.key_file", &path, &error.text(), remedy);
        }
    }
}

/// Ports that an appliance's firewall lets through (`image/rootfs/etc/nftables.conf`).
const DOOR_PORT: u16 = 443;
const SFTP_PORT: u16 = 22;

/// Notes what would shut door or SFTP.
pub(super) fn shut_out(config: &Numbered, now: &Config, here: Option<&[IpAddr]>, document: &mut Document<'_>) {
    // Elsewhere than on an appliance a file may stand where core's walls hide it until it starts anew: that is not judged here.
    let kept = &config.plain.store.dir;
    let seen =
        |file: &Option<PathBuf>| here.is_some() || file.as_ref().is_none_or(|file| config.path(file).starts_with(kept));
    if seen(&config.plain.door.certificate_file) && seen(&config.plain.door.key_file) {
        door(config, document);
    }
    if seen(&config.plain.sftp.host_key_file) {
        own_keys(config, document);
    }
    document.problems.retain(|problem| problem.key != "journal.key_file");
    let Some(here) = here else { return };
    let plain = &config.plain;
    for (key, before, wanted, port) in [
        ("door.listen", now.door.listen, plain.door.listen, DOOR_PORT),
        ("sftp.listen", now.sftp.listen, plain.sftp.listen, SFTP_PORT),
    ] {
        if wanted == before {
            continue;
        }
        if wanted.port() != port {
            document.object(
                key,
                Text::new(
                    format!("le pare-feu de l'appliance ne laisse entrer là que le port {port}"),
                    format!("the appliance's firewall lets in port {port} alone there"),
                ),
                Text::new(format!("Écrivez le port {port}"), format!("Write port {port}")),
            );
        } else if !wanted.ip().is_unspecified() && !here.contains(&wanted.ip()) {
            document.object(
                key,
                Text::new(
                    format!("cette machine n'a pas l'adresse {}", wanted.ip()),
                    format!("this machine does not have the address {}", wanted.ip()),
                ),
                Text::new(
                    "Prenez une adresse de la page Appliance, ou 0.0.0.0 pour toutes",
                    "Take an address of the page Appliance, or 0.0.0.0 for all",
                ),
            );
        }
    }
    for (key, is_moved) in
        [("store.dir", plain.store.dir != now.store.dir), ("store.run_dir", plain.store.run_dir != now.store.run_dir)]
    {
        if is_moved {
            document.object(
                key,
                Text::new(
                    "ce que garde une appliance ne se déplace pas",
                    "what an appliance keeps is not moved to another place",
                ),
                Text::new("Retirez la ligne", "Remove the line"),
            );
        }
    }
}

/// Keys that the box makes at first start: missing they will be made, open to others they are refused.
fn own_keys(config: &Numbered, document: &mut Document<'_>) {
    let named = [
        ("sftp.host_key_file", &config.plain.sftp.host_key_file),
        ("journal.key_file", &config.plain.journal.key_file),
    ];
    for (key, file) in named {
        if let Some(file) = file.as_ref().filter(|file| config.path(file).exists()) {
            secret_file(config, document, key, file);
        }
    }
}

fn secret_file(config: &Numbered, document: &mut Document<'_>, key: &str, file: &Path) {
    let path = config.path(file);
    match secret::check_permissions(&path) {
        Ok(()) => {}
        Err(SecretError::Io { cause, .. }) => {
            let remedy = match cause.kind() {
                ErrorKind::NotFound => Text::new(
                    "Mettez-y le secret (droits 0600), ou envoyez-le sur la page",
                    "Put the secret there (mode 0600), or upload it on the page",
                ),
                _ => Text::new("Vérifiez le chemin et les droits", "Check the path and its permissions"),
            };
            useless(document, key, &path, &Text::from(&cause), remedy);
        }
        Err(SecretError::OpenToOthers { mode, .. }) => {
            let why = Text::new(
                format!("d'autres peuvent le lire (droits {mode:04o})"),
                format!("others can read it (mode {mode:04o})"),
            );
            let command = format!("chmod 600 {}", path.display());
            useless(document, key, &path, &why, Text::new(command.clone(), command));
        }
        Err(SecretError::TooLarge { .. }) => {
            let remedy = Text::new("Vérifiez le chemin", "Check the path");
            let limit = secret::SECRET_LIMIT;
            let why = Text::new(format!("plus de {limit} octets"), format!("larger than {limit} bytes"));
            useless(document, key, &path, &why, remedy);
        }
    }
}

fn useless(document: &mut Document<'_>, key: &str, path: &Path, why: &Text, remedy: Text) {
    let path = path.display();
    document.object(key, Text::new(format!("{path} : {}", why.fr), format!("{path}: {}", why.en)), remedy);
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(PEM_LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Numbered {
    fn path(&self, file: &Path) -> PathBuf {
        self.plain.path(file)
    }
}
