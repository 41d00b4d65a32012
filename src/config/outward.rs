//! What the configuration says of the ways out of this box, as those need it who try them: the watch and the doctor.

use std::path::PathBuf;

use super::{Config, EstablishmentSection};
use crate::domain::Realm;
use crate::work::doctor::Patient;
use crate::work::watch::{CertificateFile, CertificateRole, Pace, WatchOptions, Watched};

impl Config {
    /// What the watch needs to know.
    pub fn watched(&self) -> WatchOptions {
        let file = |role, path: &PathBuf, named| CertificateFile { role, path: self.path(path), named };
        let own_door = PathBuf::from("secrets/door.pem");
        let door = self.door.certificate_file.as_ref();
        let mut certificates = vec![file(CertificateRole::Door, door.unwrap_or(&own_door), door.is_some())];
        let apis = self.chorus.api.iter();
        certificates.extend(apis.filter_map(|(environment, api)| {
            Some(file(CertificateRole::Chorus(*environment), api.ca_file.as_ref()?, true))
        }));
        let mail = self.notify.mail.as_ref().and_then(|mail| mail.ca_file.as_ref());
        certificates.extend(mail.map(|path| file(CertificateRole::Mail, path, true)));
        let webhook = self.notify.webhook.as_ref().and_then(|webhook| webhook.ca_file.as_ref());
        certificates.extend(webhook.map(|path| file(CertificateRole::Webhook, path, true)));
        let known = |establishment: &EstablishmentSection| Watched {
            id: establishment.id.clone(),
            name: establishment.name.clone(),
            siret: establishment.siret.clone(),
        };
        WatchOptions {
            notify: self.notify.clone(),
            proxy: self.proxy.clone(),
            dir: self.store.dir.clone(),
            establishments: self.establishments.iter().map(known).collect(),
            certificates,
            checkpoint_every: self.journal.checkpoint_every.get(),
            pace: Pace::default(),
        }
    }

    /// Whom the doctor examines: each establishment in each environment that it has a technical account for.
    pub fn patients(&self) -> Vec<Patient<'_>> {
        let accounts = self.establishments.iter().flat_map(|one| one.technical_account.iter().map(move |a| (one, a)));
        accounts
            .filter_map(|(establishment, account)| {
                Some(Patient {
                    realm: Realm { establishment: establishment.id.clone(), environment: account.environment },
                    name: &establishment.name,
                    siret: &establishment.siret,
                    api: self.chorus.api.get(&account.environment)?,
                    account,
                    proxy: &self.proxy,
                    dir: &self.store.dir,
                })
            })
            .collect()
    }
}
