//! What no single key can tell: names that must exist, ids that must differ, values that do not go together.
//!
//! Names and environments are read from the text itself: a table with a slip elsewhere is checked all the same, so that
//! one look shows every problem. What a slip has made unknown is not held against anything else.

use std::collections::{BTreeMap, BTreeSet};

use super::Numbered;
use super::problem::nearest;
use super::read::{Document, correct_the_value};
use crate::audit::Verifier;
use crate::domain::{Environment, Siret, SiretForm};
use crate::fault::Text;
use crate::work::connector::TechnicalAccountSection;
use crate::work::remote_log::SyslogSection;
use crate::work::watch::{MailSection, WebhookSection};

/// A request's head can be configured between these, in bytes.
const HEADER_LIMITS: std::ops::RangeInclusive<u64> = 8 << 10..=1 << 20;
/// The longest name of a journal, in bytes.
const ORIGIN_LIMIT: usize = 100;
/// Where a route's files are dropped unless it says otherwise, and what every other drop folder is below.
const DROP_FOLDER: &str = "depot";
/// The most folders below each other in a route.
const FOLDER_DEPTH: usize = 4;

/// Notes every contradiction in `document`.
pub(super) fn check(config: &Numbered, document: &mut Document<'_>) {
    unique(document, "establishment", "id");
    unique(document, "account", "name");
    establishments(document);
    sirets(document);
    routes(document);
    receivers(document);
    receivers_of_one_siret(document);
    door(config, document);
    journal(config, document);
    chorus(config, document);
    notify(config, document);
    update(document);
    proxy(config, document);
    rules(config, document);
    positive_numbers(config, document);
}

/// Says so when two tables of a list give `key` the same text. Reads the text itself: tables with other problems count.
fn unique(document: &mut Document<'_>, list: &str, key: &str) {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for (n, value) in document.listed(list, key) {
        if let Some(before) = first.get(&value) {
            document.object(
                &format!("{list}[{n}].{key}"),
                Text::new(
                    format!("« {value} » est déjà le nom de {list}[{before}]"),
                    format!("\"{value}\" is already the {key} of {list}[{before}]"),
                ),
                Text::new("Donnez un autre nom", "Choose another one"),
            );
        } else {
            first.insert(value, n);
        }
    }
}

fn establishments(document: &mut Document<'_>) {
    let environments = document.keys_of(&["chorus", "api"]);
    for n in 1..=document.count("establishment") {
        let mut seen = BTreeSet::new();
        for (m, environment) in document.listed(&format!("establishment[{n}].technical_account"), "environment") {
            let key = format!("establishment[{n}].technical_account[{m}].environment");
            if !environments.contains(&environment) {
                document.object(
                    &key,
                    Text::new(
                        format!("l'environnement « {environment} » n'a pas d'API"),
                        format!("environment \"{environment}\" has no API"),
                    ),
                    Text::new(format!("Ajoutez [chorus.api.{environment}]"), format!("Add [chorus.api.{environment}]")),
                );
            }
            if !seen.insert(environment.clone()) {
                document.object(
                    &key,
                    Text::new(
                        format!("deux comptes techniques pour « {environment} »"),
                        format!("two technical accounts for \"{environment}\""),
                    ),
                    Text::new("N'en gardez qu'un", "Keep only one"),
                );
            }
        }
    }
}

/// A SIRET whose check digit is wrong is a slip of the hand, except on Chorus Pro's test platform (PROTOCOL §1).
fn sirets(document: &mut Document<'_>) {
    for n in mistyped_sirets(document) {
        let id = document.text_at(&format!("establishment[{n}].id")).unwrap_or_default().to_owned();
        if let Some(route) = production_route(document, &id) {
            document.object(
                &format!("establishment[{n}].siret"),
                Text::new(
                    format!("la clé de contrôle de ce SIRET est fausse, et route[{route}] est en production"),
                    format!("the check digit of this SIRET is wrong, and route[{route}] is in production"),
                ),
                Text::new(
                    "Corrigez le SIRET : 14 chiffres, tels que dans Chorus Pro",
                    "Correct the SIRET: 14 digits, as in Chorus Pro",
                ),
            );
        }
    }
}

/// The places of the establishments whose SIRET fails its check digit.
pub(super) fn mistyped_sirets(document: &Document<'_>) -> Vec<usize> {
    let mistyped = |siret: &str| siret.parse::<Siret>().is_ok_and(|siret| siret.form() == SiretForm::CheckDigitWrong);
    let sirets = document.listed("establishment", "siret").into_iter();
    sirets.filter(|(_, siret)| mistyped(siret)).map(|(n, _)| n).collect()
}

/// The first route of an establishment towards production.
pub(super) fn production_route(document: &Document<'_>, establishment: &str) -> Option<usize> {
    let text = |n: usize, key: &str| document.text_at(&format!("route[{n}].{key}"));
    (1..=document.count("route")).find(|n| {
        text(*n, "establishment") == Some(establishment)
            && text(*n, "environment") == Some(Environment::Production.as_str())
    })
}

fn routes(document: &mut Document<'_>) {
    let accounts = document.listed("account", "name");
    let establishments = document.listed("establishment", "id");
    let mut folders: BTreeMap<(String, String), usize> = BTreeMap::new();
    for n in 1..=document.count("route") {
        let text = |key: &str| document.text_at(&format!("route[{n}].{key}")).map(str::to_owned);
        let (account, establishment, environment) = (text("account"), text("establishment"), text("environment"));
        let folder = match text("folder") {
            None if !document.has(&format!("route[{n}].folder")) => Some(DROP_FOLDER.to_owned()),
            given => given,
        };
        if let Some(account) = &account {
            named(document, &format!("route[{n}].account"), account, &accounts, "[[account]]");
        }
        if let Some(establishment) = &establishment {
            named(document, &format!("route[{n}].establishment"), establishment, &establishments, "[[establishment]]");
            let owner = establishments.iter().find(|(_, id)| id == establishment);
            if let (Some((owner, _)), Some(environment)) = (owner, &environment) {
                has_technical_account(document, n, (*owner, establishment), environment);
            }
        }
        let Some(folder) = folder else { continue };
        if !folder_is_sound(&folder) {
            document.object(
                &format!("route[{n}].folder"),
                Text::new("ce dossier n'est pas un dossier de dépôt", "this is no drop folder"),
                Text::new(
                    "Écrivez depot ou un sous-dossier, par exemple depot/qualif (a-z 0-9 - _)",
                    "Write depot or a folder below it, such as depot/qualif (a-z 0-9 - _)",
                ),
            );
        }
        let Some(account) = account else { continue };
        if let Some(before) = folders.insert((account, folder), n) {
            document.object(
                &format!("route[{n}].folder"),
                Text::new(
                    format!("route[{before}] a déjà ce compte et ce dossier"),
                    format!("route[{before}] already has this account and folder"),
                ),
                Text::new("Donnez un autre dossier à l'une des deux", "Give one of the two another folder"),
            );
        }
    }
}

/// The establishment of route `n` must be known to that environment's Chorus Pro.
fn has_technical_account(document: &mut Document<'_>, n: usize, owner: (usize, &str), environment: &str) {
    let (place, establishment) = owner;
    let list = format!("establishment[{place}].technical_account");
    let known = document.listed(&list, "environment");
    // One that cannot be read may be the one that is wanted.
    let all_known = known.len() == document.count(&list)
        && known.iter().all(|(_, environment)| environment.parse::<Environment>().is_ok());
    if all_known && !known.iter().any(|(_, known)| known == environment) {
        document.object(
            &format!("route[{n}].environment"),
            Text::new(
                format!("« {establishment} » n'a pas de compte technique pour « {environment} »"),
                format!("\"{establishment}\" has no technical account for \"{environment}\""),
            ),
            Text::new(
                "Ajoutez [[establishment.technical_account]] avec cet environnement",
                "Add [[establishment.technical_account]] with this environment",
            ),
        );
    }
}

fn named(document: &mut Document<'_>, key: &str, name: &str, known: &[(usize, String)], list: &str) {
    if known.iter().any(|(_, other)| other == name) {
        return;
    }
    let remedy = match nearest(name, known.iter().map(|(_, name)| name.as_str())) {
        Some(near) => Text::new(format!("Vouliez-vous dire « {near} » ?"), format!("Did you mean \"{near}\"?")),
        None => Text::new(format!("Ajoutez un tel {list}"), format!("Add such an {list}")),
    };
    document.object(
        key,
        Text::new(format!("aucun {list} ne s'appelle « {name} »"), format!("no {list} is called \"{name}\"")),
        remedy,
    );
}

/// `depot`, or `depot/` and names of `[a-z0-9-_]`.
fn folder_is_sound(folder: &str) -> bool {
    let mut parts = folder.split('/');
    parts.next() == Some(DROP_FOLDER)
        && parts.all(|part| part.parse::<crate::domain::AccountName>().is_ok())
        && folder.split('/').count() <= FOLDER_DEPTH
}

/// Invoices received for an establishment and environment go to one account.
fn receivers(document: &mut Document<'_>) {
    let mut first = BTreeMap::new();
    for n in 1..=document.count("route") {
        if document.flag_at(&format!("route[{n}].receive")) != Some(true) {
            continue;
        }
        let text = |key: &str| document.text_at(&format!("route[{n}].{key}")).map(str::to_owned);
        let (Some(account), Some(establishment), Some(environment)) =
            (text("account"), text("establishment"), text("environment"))
        else {
            continue;
        };
        match first.get(&(establishment.clone(), environment.clone())) {
            Some((_, receiver)) if *receiver == account => {}
            Some((before, _)) => document.object(
                &format!("route[{n}].receive"),
                Text::new(
                    format!("route[{before}] reçoit déjà les factures de cet établissement pour un autre compte"),
                    format!("route[{before}] already receives this establishment's invoices for another account"),
                ),
                Text::new("Mettez receive = false sur l'une des deux", "Set receive = false on one of the two"),
            ),
            None => {
                first.insert((establishment, environment), (n, account));
            }
        }
    }
}

/// Two establishments of one SIRET that both receive: each invoice would be delivered twice. (Of two SIRETs, with the same
/// technical account, each takes its own.)
fn receivers_of_one_siret(document: &mut Document<'_>) {
    let ids: BTreeMap<usize, String> = document.listed("establishment", "id").into_iter().collect();
    let sirets: BTreeMap<String, String> = document
        .listed("establishment", "siret")
        .into_iter()
        .filter_map(|(n, siret)| Some((ids.get(&n)?.clone(), siret)))
        .collect();
    let mut first: BTreeMap<(String, String), String> = BTreeMap::new();
    for n in 1..=document.count("route") {
        if document.flag_at(&format!("route[{n}].receive")) != Some(true) {
            continue;
        }
        let text = |key: &str| document.text_at(&format!("route[{n}].{key}")).map(str::to_owned);
        let (Some(establishment), Some(environment)) = (text("establishment"), text("environment")) else { continue };
        let Some(siret) = sirets.get(&establishment) else { continue };
        match first.get(&(siret.clone(), environment.clone())) {
            Some(other) if *other != establishment => document.object(
                &format!("route[{n}].receive"),
                Text::new(
                    format!("« {other} » reçoit déjà les factures du SIRET {siret} : chacune arriverait deux fois"),
                    format!("\"{other}\" already receives the invoices of SIRET {siret}: each would arrive twice"),
                ),
                Text::new(
                    "Donnez à chaque établissement son propre SIRET, ou mettez receive = false",
                    "Give each establishment its own SIRET, or set receive = false",
                ),
            ),
            Some(_) => {}
            None => {
                first.insert((siret.clone(), environment), establishment);
            }
        }
    }
}

fn door(config: &Numbered, document: &mut Document<'_>) {
    let door = &config.plain.door;
    if door.certificate_file.is_some() != door.key_file.is_some() {
        let (given, wanted) =
            if door.key_file.is_some() { ("key_file", "certificate_file") } else { ("certificate_file", "key_file") };
        document.object(
            &format!("door.{given}"),
            Text::new(format!("{given} sans {wanted}"), format!("{given} without {wanted}")),
            Text::new("Donnez les deux, ou aucun", "Give both, or none"),
        );
    }
    if !HEADER_LIMITS.contains(&door.header_limit.bytes()) {
        document.object(
            "door.header_limit",
            Text::new("limite hors bornes", "limit out of bounds"),
            Text::new("De 8KiB à 1MiB", "Between 8KiB and 1MiB"),
        );
    }
    let listeners = [
        ("door.listen", door.listen),
        ("door.metrics_listen", door.metrics_listen),
        ("sftp.listen", config.plain.sftp.listen),
    ];
    for (i, (key, address)) in listeners.iter().enumerate() {
        let taken = listeners[..i].iter().find(|(_, other)| other == address && address.port() != 0);
        let taken = taken.filter(|(other, _)| !document.is_doubted(other));
        if let Some((other, _)) = taken {
            document.object(
                key,
                Text::new(format!("{address} est déjà {other}"), format!("{address} is already {other}")),
                Text::new("Choisissez un autre port", "Choose another port"),
            );
        }
    }
    let mut seen = BTreeMap::new();
    for (n, site) in (1..).zip(&door.site) {
        if let Some(before) = seen.insert((&site.host, &site.path), n) {
            document.object(
                &format!("door.site[{n}].host"),
                Text::new(
                    format!("door.site[{before}] a déjà cet hôte et ce chemin"),
                    format!("door.site[{before}] already has this host and path"),
                ),
                Text::new("Changez l'un des deux", "Change one of the two"),
            );
        }
    }
}

/// The name becomes a line of a signed note and part of its key's name: C2SP signed-note forbids spaces and `+`.
fn journal(config: &Numbered, document: &mut Document<'_>) {
    let Some(origin) = &config.plain.journal.origin else { return };
    let legal = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    if origin.is_empty() || origin.len() > ORIGIN_LIMIT || !origin.chars().all(legal) {
        document.object(
            "journal.origin",
            Text::new("nom de journal impossible", "impossible name of a journal"),
            Text::new(
                format!("1 à {ORIGIN_LIMIT} octets, sans espace ni +"),
                format!("1 to {ORIGIN_LIMIT} bytes, no space and no +"),
            ),
        );
    }
}

/// What the connector says of its own sections.
fn chorus(config: &Numbered, document: &mut Document<'_>) {
    let apis = config.plain.chorus.api.iter().flat_map(|(environment, api)| {
        api.problems().into_iter().map(move |problem| (format!("chorus.api.{environment}"), problem))
    });
    let mut accounts = Vec::new();
    for n in 1..=document.count("establishment") {
        for m in 1..=document.count(&format!("establishment[{n}].technical_account")) {
            let name = format!("establishment[{n}].technical_account[{m}]");
            let account: Option<TechnicalAccountSection> = document.peek(&name);
            let problems = account.iter().flat_map(TechnicalAccountSection::problems);
            accounts.extend(problems.map(|problem| (name.clone(), problem)));
        }
    }
    for (name, problem) in apis.chain(accounts) {
        document.object(
            &format!("{name}.{}", problem.key),
            Text::new(
                format!("valeur refusée : {}", problem.reason.fr),
                format!("value refused: {}", problem.reason.en),
            ),
            correct_the_value(),
        );
    }
}

/// What is said of the ways by which alarms and log lines leave, and releases come.
fn notify(config: &Numbered, document: &mut Document<'_>) {
    let notify = &config.plain.notify;
    let own = notify.problems().into_iter().map(|problem| ("notify", problem));
    let mail = notify.mail.iter().flat_map(MailSection::problems).map(|problem| ("notify.mail", problem));
    let webhook = notify.webhook.iter().flat_map(WebhookSection::problems).map(|problem| ("notify.webhook", problem));
    let syslog = config.plain.syslog.iter().flat_map(SyslogSection::problems).map(|problem| ("syslog", problem));
    let update = config.plain.update.problems().into_iter().map(|problem| ("update", problem));
    for (name, problem) in own.chain(mail).chain(webhook).chain(syslog).chain(update) {
        document.object(
            &format!("{name}.{}", problem.key),
            Text::new(
                format!("valeur refusée : {}", problem.reason.fr),
                format!("value refused: {}", problem.reason.en),
            ),
            correct_the_value(),
        );
    }
}

/// Who drops releases is an account.
fn update(document: &mut Document<'_>) {
    if let Some(account) = document.text_at("update.account").map(str::to_owned) {
        let accounts = document.listed("account", "name");
        named(document, "update.account", &account, &accounts, "[[account]]");
    }
}

/// A file of tables counts by its signature alone.
fn rules(config: &Numbered, document: &mut Document<'_>) {
    let rules = &config.plain.rules;
    for key in &rules.keys {
        if let Err(error) = Verifier::parse(key) {
            document.object(
                "rules.keys",
                Text::technical(
                    &format!("« {key} » n'est pas une clé publique"),
                    &format!("\"{key}\" is no public key"),
                    error,
                ),
                Text::new(
                    "Écrivez la ligne que « fluxgate tables key » a affichée (NOM+EMPREINTE+CLÉ)",
                    "Write the line that `fluxgate tables key` showed (NAME+HASH+KEY)",
                ),
            );
        }
    }
    if rules.tables.is_some() && rules.keys.is_empty() && !document.is_doubted("rules.keys") {
        document.object(
            "rules.tables",
            Text::new("aucune clé ne vérifierait ce fichier", "no key would verify this file"),
            Text::new(
                "Ajoutez rules.keys avec la clé publique de son signataire",
                "Add rules.keys with its signer's public key",
            ),
        );
    }
}

/// What the proxy's section says of itself.
fn proxy(config: &Numbered, document: &mut Document<'_>) {
    for (key, message, remedy) in config.plain.proxy.problems() {
        document.object(&format!("proxy.{key}"), message, remedy);
    }
}

/// Limits and waits that mean "never" or "at once, for ever" when they are zero.
fn positive_numbers(config: &Numbered, document: &mut Document<'_>) {
    let Numbered { plain: c, .. } = config;
    let long = |duration: crate::domain::Duration| u64::try_from(duration.get().as_millis()).unwrap_or(u64::MAX);
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let values = [
        ("door.header_timeout".to_owned(), long(c.door.header_timeout)),
        ("door.idle_timeout".to_owned(), long(c.door.idle_timeout)),
        ("door.upstream_timeout".to_owned(), long(c.door.upstream_timeout)),
        ("door.connections".to_owned(), count(c.door.connections)),
        ("door.connections_per_address".to_owned(), count(c.door.connections_per_address)),
        ("sftp.connections".to_owned(), u64::from(c.sftp.connections)),
        ("sftp.connections_per_address".to_owned(), u64::from(c.sftp.connections_per_address)),
        ("sftp.login_timeout".to_owned(), long(c.sftp.login_timeout)),
        ("sftp.idle_timeout".to_owned(), long(c.sftp.idle_timeout)),
        ("web.session_idle".to_owned(), long(c.web.session_idle)),
        ("journal.checkpoint_every".to_owned(), long(c.journal.checkpoint_every)),
        ("limits.file".to_owned(), c.limits.file.bytes()),
        ("limits.pending_bytes".to_owned(), c.limits.pending_bytes.bytes()),
        ("limits.pending_files".to_owned(), c.limits.pending_files),
        ("limits.integration_poll".to_owned(), long(c.limits.integration_poll)),
        ("limits.doubt_poll".to_owned(), long(c.limits.doubt_poll)),
        ("limits.deposit_retry".to_owned(), long(c.limits.deposit_retry)),
        ("limits.status_poll".to_owned(), long(c.limits.status_poll)),
        ("limits.reception_poll".to_owned(), long(c.limits.reception_poll)),
        ("limits.delivery_deadline".to_owned(), long(c.limits.delivery_deadline)),
        ("limits.jobs".to_owned(), count(c.limits.jobs)),
    ];
    if c.limits.file.bytes() > crate::store::IN_MEMORY_LIMIT_BYTES {
        document.object(
            "limits.file",
            Text::new("plus grand que ce que le contrôle peut lire", "larger than the check can read"),
            Text::new("Donnez au plus 256MiB", "Give at most 256MiB"),
        );
    }
    for (key, _) in values.iter().filter(|(_, value)| *value == 0) {
        document.object(
            key,
            Text::new("zéro n'a pas de sens ici", "zero makes no sense here"),
            Text::new("Donnez une valeur d'au moins un", "Give a value of at least one"),
        );
    }
}
