//! The journal's key and the store, as core and `fluxgate user` open them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::audit::{InvalidKey, Signer, Verifier};
use crate::config::Config;
use crate::os::{durable, random, secret};
use crate::store::{Settings, Store, StoreError};

/// The journal's public key, in the data folder: what an auditor is given. Its name is the journal's, for ever.
pub const PUBLIC_KEY_FILE: &str = "journal.vkey";

/// A former process may still be closing the store.
const IN_USE_LONGEST: Duration = Duration::from_secs(15);
const IN_USE_PAUSE: Duration = Duration::from_millis(100);

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("data folder {}: {cause}", path.display())]
    Folder { path: PathBuf, cause: std::io::Error },
    #[error("journal key: {0}")]
    Secret(#[from] secret::SecretError),
    #[error("journal key {}: 64 hexadecimal digits are wanted", path.display())]
    KeyForm { path: PathBuf },
    #[error("journal: {0}")]
    Key(#[from] InvalidKey),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A store with the key that signs its journal.
pub struct Opened {
    pub store: Store,
    pub signer: Signer,
}

/// Opens the store of a configuration; makes folder, key and database when they are missing. Blocks.
pub fn open(config: &Config) -> Result<Opened, OpenError> {
    let dir = &config.store.dir;
    secret::make_private_dir(dir).map_err(folder(dir))?;
    let signer = signer(config)?;
    let settings = Settings {
        policy: config.limits.policy(),
        checkpoint_every: config.journal.checkpoint_every.get(),
        ..Settings::new(dir)
    };
    let deadline = Instant::now() + IN_USE_LONGEST;
    loop {
        match Store::open(settings.clone(), signer.clone()) {
            Err(StoreError::InUse(_)) if Instant::now() < deadline => std::thread::sleep(IN_USE_PAUSE),
            opened => return Ok(Opened { store: opened?, signer }),
        }
    }
}

fn folder(path: &Path) -> impl FnOnce(std::io::Error) -> OpenError {
    let path = path.to_owned();
    move |cause| OpenError::Folder { path, cause }
}

/// The signer: its key made at first start, its name fixed by then.
fn signer(config: &Config) -> Result<Signer, OpenError> {
    let default_key = PathBuf::from("secrets/journal.key");
    let path = config.path(config.journal.key_file.as_ref().unwrap_or(&default_key));
    if !path.exists() {
        let made = Zeroizing::new(random::hex::<32>() + "\n");
        if secret::create(&path, made.as_bytes())? {
            log::info!("The journal's key was made");
        }
    }
    let text = Zeroizing::new(secret::read(&path)?);
    let seed = Zeroizing::new(seed(&text).ok_or_else(|| OpenError::KeyForm { path: path.clone() })?);
    let known = config.path(Path::new(PUBLIC_KEY_FILE));
    let before = std::fs::read_to_string(&known).ok();
    let origin = match (before.as_deref().map(str::trim).map(Verifier::parse), &config.journal.origin) {
        (Some(Ok(before)), wanted) => {
            if wanted.as_ref().is_some_and(|wanted| wanted != before.name()) {
                log::warn!(
                    origin = before.name();
                    "The journal keeps the name it has: journal.origin names another, which counts only at first start"
                );
            }
            before.name().to_owned()
        }
        (_, Some(wanted)) => wanted.clone(),
        (_, None) => {
            let key = Signer::from_seed("x", &seed)?.verifier().text();
            let id = key.split('+').nth(1).unwrap_or_default();
            format!("fluxgate/{id}")
        }
    };
    let signer = Signer::from_seed(&origin, &seed)?;
    let text = signer.verifier().text() + "\n";
    if before.as_deref() != Some(&text) {
        durable::write_atomically(&known, text.as_bytes()).map_err(folder(&known))?;
    }
    Ok(signer)
}

/// 64 hexadecimal digits; white space around them is forgiven.
fn seed(text: &[u8]) -> Option<[u8; 32]> {
    let digits = text.trim_ascii();
    if digits.len() != 64 {
        return None;
    }
    let mut seed = [0; 32];
    for (byte, pair) in seed.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &Path, origin: Option<&str>) -> Config {
        let mut config = Config::default();
        config.store.dir = dir.to_owned();
        config.journal.origin = origin.map(str::to_owned);
        config
    }

    #[test]
    fn the_key_is_made_once_and_the_first_name_stays() {
        let dir = tempfile::tempdir().unwrap();
        let first = signer(&config(dir.path(), None)).unwrap().verifier().text();
        assert!(first.starts_with("fluxgate/"));
        assert_eq!(signer(&config(dir.path(), Some("other"))).unwrap().verifier().text(), first);
        assert_eq!(std::fs::read_to_string(dir.path().join(PUBLIC_KEY_FILE)).unwrap().trim(), first);

        let named = tempfile::tempdir().unwrap();
        assert_eq!(signer(&config(named.path(), Some("fluxgate/x"))).unwrap().origin(), "fluxgate/x");
    }

    #[test]
    fn a_key_of_another_form_is_refused_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets/journal.key");
        assert!(secret::create(&path, b"not a key").unwrap());
        assert!(matches!(signer(&config(dir.path(), None)), Err(OpenError::KeyForm { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"not a key");
    }
}
