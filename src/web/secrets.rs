//! Secrets: put on the page, written as files that only this box reads, never shown again.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::UNIX_EPOCH;

use askama::Template;
use zeroize::Zeroizing;

use crate::domain::Timestamp;
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::configuration::{self, io};
use crate::web::error::Trouble;
use crate::web::page::{Chrome, Visit};
use crate::web::site::{Site, note};

/// The folder of secrets below the data folder, as the configuration names it.
pub const FOLDER: &str = "secrets";
/// Characters of a secret's name.
const NAME_LIMIT: usize = 64;
/// Bytes of a secret: a certificate with its chain fits.
const SECRET_LIMIT: usize = 64 * 1024;
/// Secrets listed, and kept.
const COUNT_LIMIT: usize = 500;

/// Keys that this box makes for itself at first start when the configuration names no other: file, section, key.
const MADE: &[(&str, &str, &str)] = &[
    ("door.pem", "door", "certificate_file"),
    ("door.key", "door", "key_file"),
    ("ssh_host_ed25519", "sftp", "host_key_file"),
    ("journal.key", "journal", "key_file"),
];
/// The key that front and core share: nobody else's.
const GATE_KEY: &str = "gate.key";

struct SecretView {
    name: String,
    /// When it was put; `None` when the configuration names it and it is not there.
    at: Option<String>,
    uses: Vec<String>,
    kept: bool,
}

#[derive(Template)]
#[template(path = "secrets.html", config = "src/web/askama.toml")]
struct SecretsPage<'a> {
    c: &'a Chrome,
    tab: &'static str,
    secrets: Vec<SecretView>,
    /// How many the configuration names in vain, as a sentence.
    missing: Option<String>,
    name: &'a str,
    problem: Option<&'a str>,
}

/// The secrets that the configuration names: file name below the folder, and the keys that name it.
pub fn named(text: &str) -> BTreeMap<String, Vec<String>> {
    fn walk(value: &toml::Value, path: &str, found: &mut BTreeMap<String, Vec<String>>) {
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match value {
            toml::Value::String(text) => {
                if let Some(name) = text.strip_prefix("secrets/").filter(|name| is_name(name)) {
                    found.entry(name.to_owned()).or_default().push(path.to_owned());
                }
            }
            toml::Value::Array(list) => {
                list.iter().enumerate().for_each(|(n, v)| walk(v, &format!("{path}[{}]", n + 1), found));
            }
            toml::Value::Table(table) => table.iter().for_each(|(key, v)| walk(v, &below(key), found)),
            _ => {}
        }
    }
    let mut found = BTreeMap::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        walk(&toml::Value::Table(table), "", &mut found);
    }
    found
}

/// The secrets in use: those named, and those made here in the place of a name.
fn used(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut used = named(text);
    let table = text.parse::<toml::Table>().unwrap_or_default();
    for (file, section, key) in MADE {
        if table.get(*section).and_then(|section| section.get(*key)).is_none() {
            used.entry((*file).to_owned()).or_default().push(format!("{section}.{key}"));
        }
    }
    used
}

/// Whether a text may name a secret: no folder, no hidden file, nothing to quote.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_LIMIT
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_'))
}

fn folder(site: &Site) -> PathBuf {
    site.settings.data_dir.join(FOLDER)
}

/// Whether a secret of that name is there.
pub fn is_there(site: &Site, name: &str) -> bool {
    folder(site).join(name).is_file()
}

/// The journal's key is never replaced: what it signed could not be verified any more. Nor is the gate's.
fn is_kept(name: &str, used: &BTreeMap<String, Vec<String>>) -> bool {
    name == GATE_KEY
        || name.starts_with("journal.")
        || used.get(name).is_some_and(|uses| uses.iter().any(|u| u == "journal.key_file"))
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit, problem: Option<&str>) -> Result<Answer, Trouble> {
    let text = configuration::text(site)?.unwrap_or_default();
    let (mut absent, used) = (named(&text), used(&text));
    let mut secrets = Vec::new();
    for (name, at) in present(&folder(site))? {
        absent.remove(&name);
        let uses = used.get(&name).cloned().unwrap_or_default();
        secrets.push(SecretView { uses, at: Some(at.paris_text()), kept: is_kept(&name, &used), name });
    }
    let t = visit.t;
    let lacking = u64::try_from(absent.len()).unwrap_or(u64::MAX);
    let missing = (lacking > 0).then(|| {
        let one = ["secret nommé par la configuration manque.", "secret that the configuration names is missing."];
        let many =
            ["secrets nommés par la configuration manquent.", "secrets that the configuration names are missing."];
        format!("{lacking} {}", t.plural(lacking, one, many))
    });
    let absent =
        absent.into_iter().map(|(name, uses)| SecretView { kept: is_kept(&name, &used), name, at: None, uses });
    secrets.splice(0..0, absent);
    let fields = if ask.form.has("name") { &ask.form } else { &ask.query };
    let c = visit.chrome(site, ask, "configuration", t.say("Secrets", "Secrets"));
    let page = SecretsPage { c: &c, tab: "secrets", secrets, missing, name: fields.trimmed("name"), problem };
    let answer = Answer::html(page.render()?);
    Ok(if problem.is_some() { answer.status(422) } else { answer })
}

fn present(folder: &Path) -> Result<BTreeMap<String, Timestamp>, Trouble> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(e) => return Err(io("secrets folder")(e)),
    };
    let mut found = BTreeMap::new();
    for entry in entries.take(COUNT_LIMIT * 2) {
        let entry = entry.map_err(io("secrets folder"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let meta = entry.metadata().map_err(io("secrets folder"))?;
        if !meta.is_file() || name.starts_with('.') {
            continue;
        }
        let since = meta.modified().ok().and_then(|m| m.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        found.insert(name, Timestamp::EPOCH.plus(since));
    }
    Ok(found)
}

pub fn put(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let t = visit.t;
    let name = ask.form.trimmed("name");
    let value = Zeroizing::new(ask.form.get("value").replace("\r\n", "\n"));
    let used = used(&configuration::text(site)?.unwrap_or_default());
    let problem = if !is_name(name) {
        Some(t.say(
            "Nom refusé : 1 à 64 caractères parmi a-z 0-9 . - _, sans point au début.",
            "Name refused: 1 to 64 characters of a-z 0-9 . - _, no dot at the beginning.",
        ))
    } else if value.trim().is_empty() {
        Some(t.say("Le secret est vide.", "The secret is empty."))
    } else if value.len() > SECRET_LIMIT {
        Some(t.say("Le secret dépasse 64 Kio.", "The secret is larger than 64 KiB."))
    } else if is_kept(name, &used) {
        Some(t.say(
            "Cette clé appartient à la machine et ne se remplace pas : ce qu’elle a signé ne pourrait plus être vérifié.",
            "This key is the box’s own and is never replaced: what it signed could not be verified any more.",
        ))
    } else if !is_there(site, name) && present(&folder(site))?.len() >= COUNT_LIMIT {
        Some(t.say("Trop de secrets : effacez-en.", "Too many secrets: delete some."))
    } else {
        None
    };
    if problem.is_some() {
        return show(site, ask, visit, problem);
    }
    keep(site, visit, name, &value)?;
    configuration::applied(site, ask, visit, "/configuration/secrets?fait=secret")
}

/// Journals that a secret is put (its name, never its value or hash), then writes it.
pub fn keep(site: &Site, visit: &Visit, name: &str, value: &str) -> Result<(), Trouble> {
    let _one_at_a_time = site.changing.lock().unwrap_or_else(PoisonError::into_inner);
    let mut noted = note("secret", visit.person());
    noted.objects.insert("name".to_owned(), name.to_owned());
    site.note(noted)?;
    // One line is a password: no line end belongs to it. Several are a file (PEM): it ends with one.
    let value = value.trim();
    let text = Zeroizing::new(if value.contains('\n') { format!("{value}\n") } else { value.to_owned() });
    write(&folder(site), name, text.as_bytes()).map_err(io("writing a secret"))?;
    log::info!(secret = name; "A secret was put on the page");
    Ok(())
}

/// Whole or not at all, and readable by nobody else from its first byte on.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    crate::os::secret::make_private_dir(folder)?;
    let half = folder.join(format!(".{name}.{}", crate::os::random::hex::<8>()));
    let written = (|| {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&half)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        crate::os::durable::rename_durably(&half, &folder.join(name))
    })();
    if written.is_err() {
        drop(std::fs::remove_file(&half));
    }
    written
}

pub fn delete(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let name = ask.form.trimmed("name");
    let used = used(&configuration::text(site)?.unwrap_or_default());
    if !is_name(name) || !is_there(site, name) {
        return Err(Trouble::NotFound);
    }
    if is_kept(name, &used) || used.contains_key(name) {
        let problem = visit.t.say("La configuration utilise ce secret.", "The configuration uses this secret.");
        return show(site, ask, visit, Some(problem));
    }
    let _one_at_a_time = site.changing.lock().unwrap_or_else(PoisonError::into_inner);
    let mut noted = note("secret_deleted", visit.person());
    noted.objects.insert("name".to_owned(), name.to_owned());
    site.note(noted)?;
    crate::os::durable::remove_durably(&folder(site).join(name)).map_err(io("deleting a secret"))?;
    Ok(Answer::see_other("/configuration/secrets?fait=secret-efface"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn names_never_leave_their_folder() {
        for bad in ["", ".", "..", "../x", "a/b", ".hidden", "A", "é", "a b", "a\n", &"a".repeat(65)] {
            assert!(!is_name(bad), "{bad:?}");
        }
        assert!(is_name("piste.qualification.secret"));
    }

    #[test]
    fn the_configuration_s_secrets_are_found_with_their_keys() {
        let found = named(include_str!("../../config/fluxgate.toml"));
        assert_eq!(found["piste.qualification.secret"], ["chorus.api.qualification.client_secret_file"]);
        assert_eq!(
            found["univ-exemple.qualification.password"],
            ["establishment[1].technical_account[1].password_file"]
        );
        assert_eq!(found.len(), 2, "commented keys name nothing: {found:?}");
        assert!(named("not toml").is_empty());
        let used = used("[door]\nkey_file = \"secrets/ours.key\"\n");
        assert_eq!(used["ours.key"], ["door.key_file"]);
        assert_eq!(used["door.pem"], ["door.certificate_file"], "made here, and in use");
        assert!(!used.contains_key("door.key"), "left behind: may be deleted");
        assert!(is_kept("journal.key", &used) && is_kept(GATE_KEY, &used) && !is_kept("door.pem", &used));
    }

    #[test]
    fn a_secret_is_replaced_whole_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("secrets");
        write(&folder, "a.key", b"one").unwrap();
        write(&folder, "a.key", b"two").unwrap();
        assert_eq!(std::fs::read(folder.join("a.key")).unwrap(), b"two");
        assert_eq!(std::fs::metadata(folder.join("a.key")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(present(&folder).unwrap().len(), 1, "no half file is left");
    }
}
