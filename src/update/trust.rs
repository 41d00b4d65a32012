//! Whom this box trusts: the root that its image brought, and those that followed it, each signed by the one before.
//!
//! Promises: a root counts only when enough keys of the former one and of itself signed it, and when it is the very next.
//! What is kept on the data partition is believed for its signatures alone: it is held against the image's root each time.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tough::schema::{Root, Signed};

use super::UpdateError;
use super::archive::Archive;
use super::metadata;
use crate::fault::Text;
use crate::os::durable;

/// The most roots that follow the image's: one a year for a century.
pub const ROOTS_LIMIT: u64 = 100;

/// A root in force, and where roots that follow are kept.
#[derive(Debug, Clone)]
pub struct Trust {
    root: Signed<Root>,
    kept: Option<PathBuf>,
}

/// A root that a release brought, as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRoot {
    pub version: u64,
    pub bytes: Vec<u8>,
}

impl Trust {
    /// Reads the root of the image, then those that were kept in a folder. One of these that does not follow (a damaged
    /// file, another's) is passed over with all behind it: the release at hand brings them again.
    pub fn read(anchor: &Path, kept: Option<&Path>) -> Result<Self, UpdateError> {
        let untrusted = |why| UpdateError::Untrusted { path: anchor.to_owned(), why };
        let bytes = metadata::file(anchor).map_err(|cause| untrusted(Text::from(&cause)))?;
        let root: Signed<Root> = serde_json::from_slice(&bytes).map_err(|cause| {
            untrusted(Text::technical("ce n'est pas une racine de confiance", "it is no trusted root", cause))
        })?;
        metadata::signed_enough(&root.signed, &root, "root").map_err(|error| {
            untrusted(Text::technical("ses propres clés ne l'ont pas signée", "its own keys did not sign it", error))
        })?;
        let mut trust = Self { root, kept: kept.map(Path::to_owned) };
        if let Some(folder) = kept {
            let follow = |next| match metadata::file(&folder.join(name(next))) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
                Err(cause) => Err(cause),
            };
            while let Some(next) = trust.next() {
                let followed = match follow(next) {
                    Ok(None) => break,
                    Ok(Some(bytes)) => trust.follow(&bytes),
                    Err(cause) => Err(UpdateError::Io { what: name(next), cause }),
                };
                if let Err(error) = followed {
                    log::warn!(root = next; "A kept root of trust does not follow the one before: {error}");
                    break;
                }
            }
        }
        Ok(trust)
    }

    /// The root in force.
    pub fn root(&self) -> &Root {
        &self.root.signed
    }

    /// The root in force, with its signatures.
    pub(super) fn signed(&self) -> &Signed<Root> {
        &self.root
    }

    /// The version that would follow, up to a limit.
    fn next(&self) -> Option<u64> {
        self.root().version.get().checked_add(1).filter(|next| *next <= ROOTS_LIMIT)
    }

    /// The same with the roots that a release brings, and these.
    pub(super) fn with(&self, archive: &Archive) -> Result<(Self, Vec<NewRoot>), UpdateError> {
        let mut trust = self.clone();
        let mut new = Vec::new();
        while let Some(version) = trust.next() {
            let entry = format!("metadata/{}", name(version));
            let Some(bytes) = archive.read(&entry, metadata::METADATA_BYTES_LIMIT)? else { break };
            trust.follow(&bytes)?;
            new.push(NewRoot { version, bytes });
        }
        Ok((trust, new))
    }

    fn follow(&mut self, bytes: &[u8]) -> Result<(), UpdateError> {
        let next: Signed<Root> = metadata::read("root", bytes)?;
        metadata::signed_enough(self.root(), &next, "root")?;
        metadata::signed_enough(&next.signed, &next, "root")?;
        if Some(next.signed.version.get()) != self.next() {
            return Err(UpdateError::altered(
                "root",
                "sa version n'est pas celle de son nom",
                "its version is not that of its name",
            ));
        }
        self.root = next;
        Ok(())
    }

    /// Keeps roots that a release brought, durably. Asked after the release was accepted.
    pub(super) fn keep(&self, roots: &[NewRoot]) -> Result<(), UpdateError> {
        let Some(folder) = &self.kept else { return Ok(()) };
        if roots.is_empty() {
            return Ok(());
        }
        durable::make_dir_durably(folder).map_err(UpdateError::io(folder.display()))?;
        for root in roots {
            let path = folder.join(name(root.version));
            durable::write_atomically(&path, &root.bytes).map_err(UpdateError::io(path.display()))?;
        }
        Ok(())
    }
}

/// As the metadata calls it.
pub(super) fn name(version: u64) -> String {
    format!("{version}.root.json")
}
