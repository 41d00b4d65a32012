//! Is this file a release for us? Who signed it, until when it counts, for which box, and what it holds.
//!
//! Promises: nothing of it is believed before the keys of the trusted root signed it; `now` and the root are arguments, and
//! nothing is written. The order is The Update Framework's (§5.3 to §5.6); the tests hold every verdict against its library's own.
//! Refuses to know: slots, the disk, the network.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tough::schema::{Metafile, Snapshot, Targets};

use super::archive::Archive;
use super::metadata::{self, METADATA_BYTES_LIMIT};
use super::trust::{NewRoot, Trust};
use super::{Slot, UpdateError, Version};
use crate::domain::{DocumentHash, Timestamp};
use crate::fault::{Language, Text};

/// The root image: a file system with its verity tree.
pub const ROOT_IMAGE: &str = "root.img";
/// The longest root image, in bytes: a slot keeps [`super::slot::KERNEL_REGION_BYTES`] for the kernel's copy.
pub const ROOT_IMAGE_BYTES_LIMIT: u64 = 448 * 1024 * 1024;
/// The longest kernel, in bytes.
pub const KERNEL_BYTES_LIMIT: u64 = 48 * 1024 * 1024;
/// The longest change log, in bytes.
pub const CHANGELOG_BYTES_LIMIT: u64 = 256 * 1024;
/// The longest of what comes with a release for people (list of parts, lock of packages), in bytes.
pub const BESIDE_BYTES_LIMIT: u64 = 16 * 1024 * 1024;

/// Bytes copied and hashed at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// What a release must hold.
pub const REQUIRED: [&str; 5] = [ROOT_IMAGE, "kernel-a.efi", "kernel-b.efi", "changelog.fr.md", "changelog.en.md"];

/// A file's length and hash, as they were signed or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    pub bytes: u64,
    pub sha256: DocumentHash,
}

/// What the signers say of a release: stands as `custom` beside its root image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub version: Version,
    /// What it runs on, as [`super::BOARD`].
    pub board: String,
    /// The oldest version that may be installed once this one proved healthy.
    pub floor: Version,
    /// The oldest version whose data it takes over.
    pub upgrades_from: Version,
}

/// A release whose signatures hold and whose time has not passed. Its files are listed, not yet read.
#[derive(Debug, Clone)]
pub struct Release {
    pub about: About,
    /// When the first of its signatures stops counting.
    pub expires: Timestamp,
    /// The version of the root that speaks for it.
    pub root: u64,
    files: BTreeMap<String, Digest>,
    pub(super) new_roots: Vec<NewRoot>,
}

/// What a release is held against.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'t> {
    pub board: &'t str,
    pub running: Version,
    pub floor: Version,
}

impl Release {
    /// Holds a file against the trusted root. `now`: see [`super::now`].
    pub fn verify(archive: &Archive, trust: &Trust, now: Timestamp) -> Result<Self, UpdateError> {
        let named = |name: &str| archive.bytes_of(&format!("metadata/{name}")).is_some();
        if !["timestamp.json", "snapshot.json", "targets.json"].iter().all(|name| named(name)) {
            return Err(UpdateError::not_a_release(
                "il lui manque les métadonnées d'une version",
                "it lacks the metadata of a release",
            ));
        }
        let (trust, new_roots) = trust.with(archive)?;
        let root = trust.root();
        if root.consistent_snapshot {
            return Err(UpdateError::not_a_release(
                "sa racine nomme ses fichiers par leur empreinte",
                "its root names its files by their hashes",
            ));
        }
        let file = |role: &'static str| {
            let bytes = archive.read(&format!("metadata/{role}.json"), METADATA_BYTES_LIMIT)?;
            bytes.ok_or_else(|| UpdateError::not_a_release("des métadonnées manquent", "metadata is missing"))
        };
        let timestamp = metadata::read::<tough::schema::Timestamp>("timestamp", &file("timestamp")?)?;
        metadata::signed_enough(root, &timestamp, "timestamp")?;
        let bytes = file("snapshot")?;
        let snapshot = metadata::read::<Snapshot>("snapshot", &bytes)?;
        follows(&timestamp.signed.meta, "snapshot", snapshot.signed.version.get(), &bytes)?;
        metadata::signed_enough(root, &snapshot, "snapshot")?;
        let bytes = file("targets")?;
        let targets = metadata::read::<Targets>("targets", &bytes)?;
        follows(&snapshot.signed.meta, "targets", targets.signed.version.get(), &bytes)?;
        metadata::signed_enough(root, &targets, "targets")?;

        let whole = trust.signed();
        let times = [
            metadata::in_time(whole, "root", now)?,
            metadata::in_time(&timestamp, "timestamp", now)?,
            metadata::in_time(&snapshot, "snapshot", now)?,
            metadata::in_time(&targets, "targets", now)?,
        ];
        let expires = times.into_iter().min().unwrap_or(now);
        let (about, files) = contents(targets.signed, archive)?;
        Ok(Self { about, expires, root: root.version.get(), files, new_roots })
    }

    /// Is it for this box, and newer? The first thing that speaks against it.
    pub fn admit(&self, terms: &Terms<'_>) -> Result<(), UpdateError> {
        let About { version: offered, board, upgrades_from: oldest, .. } = &self.about;
        let offered = *offered;
        if board != terms.board {
            return Err(UpdateError::WrongBoard { offered: board.clone(), ours: terms.board.to_owned() });
        }
        if offered <= terms.running {
            return Err(UpdateError::NotNewer { offered, running: terms.running });
        }
        if offered < terms.floor {
            return Err(UpdateError::BelowFloor { offered, floor: terms.floor });
        }
        if terms.running < *oldest {
            return Err(UpdateError::TooFarAhead { offered, oldest: *oldest, running: terms.running });
        }
        Ok(())
    }

    /// A file of the release.
    pub fn file(&self, name: &str) -> Option<Digest> {
        self.files.get(name).copied()
    }

    /// Every file, by name.
    pub fn files(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.files.iter().map(|(name, digest)| (name.as_str(), *digest))
    }

    /// Reads every file and holds it against its hash: before anything is written, so that a release whose file was
    /// damaged costs nothing.
    pub fn check_files(&self, archive: &Archive) -> Result<(), UpdateError> {
        self.files.keys().try_for_each(|name| self.copy(archive, name, &mut io::sink()).map(drop))
    }

    /// What changes, in a person's language; its hash was checked.
    pub fn changelog(&self, archive: &Archive, language: Language) -> Result<String, UpdateError> {
        let name = match language {
            Language::Fr => "changelog.fr.md",
            Language::En => "changelog.en.md",
        };
        let mut bytes = Vec::new();
        self.copy(archive, name, &mut bytes)?;
        let wrong = |_| UpdateError::altered(name, "ce n'est pas du texte en UTF-8", "it is no UTF-8 text");
        String::from_utf8(bytes).map_err(wrong)
    }

    /// Copies a file as it is hashed. What was written is worth nothing where this fails.
    pub(super) fn copy(&self, archive: &Archive, name: &str, to: &mut dyn Write) -> Result<Digest, UpdateError> {
        let lacks = || UpdateError::not_a_release(format!("{name} manque"), format!("{name} is missing"));
        let expected = self.file(name).ok_or_else(lacks)?;
        let mut from = archive.reader(&format!("targets/{name}")).ok_or_else(lacks)?;
        let found = copied(&mut from, to).map_err(UpdateError::io(name))?;
        if found == expected {
            Ok(found)
        } else {
            Err(UpdateError::altered(
                name,
                "son contenu n'est pas celui qui a été signé",
                "its content is not what was signed",
            ))
        }
    }
}

/// The kernel of a slot.
pub fn kernel_of(slot: Slot) -> &'static str {
    match slot {
        Slot::A => "kernel-a.efi",
        Slot::B => "kernel-b.efi",
    }
}

/// Copies a stream to its end; its length and hash.
pub fn copied(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<Digest> {
    let (mut hash, mut bytes) = (Sha256::new(), 0u64);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
            Err(cause) => return Err(cause),
        };
        hash.update(&chunk[..read]);
        to.write_all(&chunk[..read])?;
        bytes += u64::try_from(read).unwrap_or(0);
    }
    Ok(Digest { bytes, sha256: DocumentHash(hash.finalize().into()) })
}

/// Whether a file is the one that the metadata above it names.
fn follows(
    above: &std::collections::HashMap<String, Metafile>,
    role: &'static str,
    version: u64,
    bytes: &[u8],
) -> Result<(), UpdateError> {
    let other = || UpdateError::altered(role, "les métadonnées en nomment un autre", "the metadata names another one");
    let [(name, meta)] = above.iter().collect::<Vec<_>>()[..] else { return Err(other()) };
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let same = meta.length.is_none_or(|expected| expected == length)
        && meta.hashes.as_ref().is_none_or(|hashes| hashes.sha256 == Sha256::digest(bytes)[..]);
    if *name == format!("{role}.json") && meta.version.get() == version && same { Ok(()) } else { Err(other()) }
}

/// What the signed list says, held against the entries of the file.
fn contents(targets: Targets, archive: &Archive) -> Result<(About, BTreeMap<String, Digest>), UpdateError> {
    if targets.delegations.is_some_and(|delegations| !delegations.roles.is_empty()) {
        return Err(UpdateError::not_a_release("il délègue ses signatures", "it delegates its signatures"));
    }
    let mut about = None;
    let mut files = BTreeMap::new();
    for (name, target) in targets.targets {
        let name = name.raw().to_owned();
        let wrong = || UpdateError::altered(&name, "son empreinte n'est pas un SHA-256", "its hash is no SHA-256");
        let sha256 = <[u8; 32]>::try_from(&target.hashes.sha256[..]).map_err(|_| wrong())?;
        if name == ROOT_IMAGE {
            about = Some(told(target.custom.into_iter().collect())?);
        }
        let (bytes, limit) = (target.length, limit_of(&name));
        if bytes > limit {
            return Err(UpdateError::TooLarge { what: name, bytes, limit });
        }
        match archive.bytes_of(&format!("targets/{name}")) {
            Some(found) if found == bytes => {}
            Some(_) => {
                return Err(UpdateError::altered(
                    &name,
                    "sa longueur n'est pas celle qui a été signée",
                    "its length is not what was signed",
                ));
            }
            None => return Err(UpdateError::altered(&name, "il est signé mais absent", "it is signed but not there")),
        }
        files.insert(name, Digest { bytes, sha256: DocumentHash(sha256) });
    }
    if let Some((stray, _)) = archive.names("targets").find(|(name, _)| !files.contains_key(*name)) {
        return Err(UpdateError::altered(stray, "personne ne l'a signé", "nobody signed it"));
    }
    if let Some(lacking) = REQUIRED.into_iter().find(|name| !files.contains_key(*name)) {
        return Err(UpdateError::not_a_release(format!("{lacking} manque"), format!("{lacking} is missing")));
    }
    let about =
        about.ok_or_else(|| UpdateError::not_a_release("sa version n'est pas dite", "its version is not told"))?;
    Ok((about, files))
}

fn told(custom: Map<String, Value>) -> Result<About, UpdateError> {
    let about: About = serde_json::from_value(Value::Object(custom)).map_err(|cause| {
        let (fr, en) = ("ce qu'il dit de lui-même est incomplet", "what it says of itself is incomplete");
        UpdateError::NotARelease(Text::technical(fr, en, cause))
    })?;
    // A slip of the publisher's that would close every later release below it, for good.
    if about.floor > about.version || about.upgrades_from > about.version {
        return Err(UpdateError::not_a_release(
            "il demande une version plus récente que lui-même",
            "it asks for a version newer than itself",
        ));
    }
    Ok(about)
}

fn limit_of(name: &str) -> u64 {
    match name {
        ROOT_IMAGE => ROOT_IMAGE_BYTES_LIMIT,
        "kernel-a.efi" | "kernel-b.efi" => KERNEL_BYTES_LIMIT,
        "changelog.fr.md" | "changelog.en.md" => CHANGELOG_BYTES_LIMIT,
        _ => BESIDE_BYTES_LIMIT,
    }
}
