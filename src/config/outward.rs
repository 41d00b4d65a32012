//! What the configuration says of the ways out of this box, as those need it who try them: the watch and the doctor; and
//! what core's walls must leave open for them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use reqwest::Url;

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
            remote_log: None,
            releases: None,
            waiting: Default::default(),
        }
    }

    /// TCP ports that core calls: of Chorus Pro, the proxy, the mail server, the webhook, the server of log lines and that of releases.
    pub fn ports_called(&self) -> BTreeSet<u16> {
        let apis = self.chorus.api.values().flat_map(|api| [&api.token_url, &api.base_url]);
        let urls = apis
            .chain(&self.proxy.url)
            .chain(self.notify.webhook.iter().map(|webhook| &webhook.url))
            .chain(&self.update.url);
        let port = |url: &String| url.parse::<Url>().ok()?.port_or_known_default();
        let mail = self.notify.mail.iter().filter_map(|mail| mail.server.rsplit_once(':')?.1.parse().ok());
        let syslog = self.syslog.iter().filter_map(|syslog| Some(syslog.host_and_port()?.1));
        urls.filter_map(port).chain(mail).chain(syslog).collect()
    }

    /// Files that core reads by the configuration's word, wherever they are.
    pub fn files_read(&self) -> BTreeSet<PathBuf> {
        let apis = self.chorus.api.values().flat_map(|api| [Some(&api.client_secret_file), api.ca_file.as_ref()]);
        let accounts = self.establishments.iter().flat_map(|one| &one.technical_account);
        let mail = self.notify.mail.iter().flat_map(|mail| [mail.password_file.as_ref(), mail.ca_file.as_ref()]);
        let webhook = self.notify.webhook.iter().flat_map(|hook| [hook.secret_file.as_ref(), hook.ca_file.as_ref()]);
        let others =
            [&self.proxy.password_file, &self.journal.key_file, &self.rules.tables, &self.door.certificate_file];
        let named = apis.chain(accounts.map(|account| Some(&account.password_file))).chain(mail).chain(webhook);
        let syslog = self.syslog.iter().map(|syslog| syslog.ca_file.as_ref());
        let named = named.chain(syslog).chain([self.update.ca_file.as_ref()]);
        named.chain(others.map(Option::as_ref)).flatten().map(|path| self.path(path)).collect()
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
