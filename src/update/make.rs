//! The publisher's side: keys, roots of trust, signatures that are added one after the other, and the file in the end.
//!
//! A release is prepared as a folder (`metadata/`, `targets/`), goes from one holder of a key to the next, each of whom signs
//! with their own key on their own machine, and is packed once enough have signed. What is packed was verified as a box
//! verifies it. No secret key is ever part of a folder.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::num::NonZeroU64;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tar::{Builder, EntryType, Header};
use tough::TargetName;
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::key::Key;
use tough::schema::{
    Hashes, Metafile, Role, RoleKeys, RoleType, Root, Signature, Signed, Snapshot, Target, Targets, Timestamp as Fresh,
};
use zeroize::Zeroizing;

use super::metadata::METADATA_BYTES_LIMIT;
use super::release::{About, REQUIRED, ROOT_IMAGE, copied};
use super::{Archive, Release, Trust, UpdateError, Version, metadata, trust};
use crate::domain::Timestamp;
use crate::fault::Text;
use crate::os::durable;

/// The specification that the metadata follows.
const SPECIFICATION: &str = "1.0.0";

/// What comes before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410 §7).
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// The files that speak for a release, in the order in which each names the next.
const SIGNED: [&str; 3] = ["timestamp.json", "snapshot.json", "targets.json"];

/// Why something could not be made or signed.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error("no secret Ed25519 key in PEM")]
    NoSecretKey,
    #[error("no public Ed25519 key: {0:?}")]
    NoPublicKey(String),
    #[error("{role}: {threshold} signatures of {keys} keys")]
    Threshold { role: &'static str, threshold: u64, keys: usize },
    #[error("{what} is no metadata: {why}")]
    NotMetadata { what: String, why: String },
    #[error("the key speaks for nothing in {what}")]
    NoPart { what: String },
    #[error("{what} is there already")]
    InTheWay { what: String },
    #[error("{what} is missing")]
    Missing { what: String },
    #[error("{what} tells version {told}, the release is {release}")]
    OtherVersion { what: String, told: Version, release: Version },
    #[error("{what}: {cause}")]
    Io { what: String, cause: io::Error },
    #[error("a box would refuse it: {0}")]
    Refused(#[from] UpdateError),
}

impl MakeError {
    fn io(what: impl ToString) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { what: what.to_string(), cause }
    }

    /// For people.
    pub fn text(&self) -> Text {
        match self {
            Self::NoSecretKey => {
                Text::new("ce n'est pas une clé secrète Ed25519 en PEM", "it is no secret Ed25519 key in PEM")
            }
            Self::NoPublicKey(key) => Text::new(
                format!("« {key} » n'est pas une clé publique Ed25519 (64 chiffres hexadécimaux)"),
                format!("\"{key}\" is no public Ed25519 key (64 hexadecimal digits)"),
            ),
            Self::Threshold { role, threshold, keys } => Text::new(
                format!("{role} : {threshold} signatures demandées pour {keys} clés"),
                format!("{role}: {threshold} signatures are asked of {keys} keys"),
            ),
            Self::NotMetadata { what, why } => {
                Text::technical("ce ne sont pas des métadonnées", "it is no metadata", why).about(what)
            }
            Self::NoPart { what } => {
                Text::new(format!("{what} : cette clé n'y a aucun rôle"), format!("{what}: this key has no part in it"))
            }
            Self::InTheWay { what } => Text::new(format!("{what} existe déjà"), format!("{what} is there already")),
            Self::Missing { what } => Text::new(format!("{what} manque"), format!("{what} is missing")),
            Self::OtherVersion { what, told, release } => Text::new(
                format!(
                    "{what} est de la version {told}, la publication de la {release} : prenez --release {told}, ou l'image qui convient"
                ),
                format!(
                    "{what} is of version {told}, the release of {release}: take --release {told}, or the image that fits"
                ),
            ),
            Self::Io { what, cause } => Text::from(cause).about(what),
            Self::Refused(error) => {
                let fault = error.fault();
                Text::new(fault.title(crate::fault::Language::Fr), fault.title(crate::fault::Language::En))
            }
        }
    }
}

/// The key of one holder.
pub struct SecretKey(SigningKey);

impl SecretKey {
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a key in PEM: our own, or `openssl genpkey -algorithm ed25519`'s.
    pub fn parse(pem: &str) -> Result<Self, MakeError> {
        let lines: Vec<&str> = pem.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let ["-----BEGIN PRIVATE KEY-----", body @ .., "-----END PRIVATE KEY-----"] = &lines[..] else {
            return Err(MakeError::NoSecretKey);
        };
        let der = Zeroizing::new(STANDARD.decode(body.concat()).map_err(|_| MakeError::NoSecretKey)?);
        let seed = der.strip_prefix(&PKCS8).and_then(|seed| seed.try_into().ok()).ok_or(MakeError::NoSecretKey)?;
        Ok(Self::from_seed(seed))
    }

    pub fn pem(&self) -> Zeroizing<String> {
        let der = Zeroizing::new([&PKCS8[..], &self.0.to_bytes()].concat());
        let body = Zeroizing::new(STANDARD.encode(&*der));
        Zeroizing::new(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", *body))
    }

    /// 64 hexadecimal digits: what roots are made of.
    pub fn public(&self) -> String {
        self.0.verifying_key().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn key(&self) -> Result<Key, MakeError> {
        public(&self.public())
    }
}

fn public(hex: &str) -> Result<Key, MakeError> {
    let key: Key = hex.parse().map_err(|_| MakeError::NoPublicKey(hex.chars().take(80).collect()))?;
    if matches!(key, Key::Ed25519 { .. }) {
        Ok(key)
    } else {
        Err(MakeError::NoPublicKey(hex.chars().take(80).collect()))
    }
}

fn id(key: &Key) -> Result<Decoded<Hex>, MakeError> {
    key.key_id().map_err(|why| MakeError::NotMetadata { what: "key".into(), why: why.to_string() })
}

/// Who may sign something, and how many of them must.
#[derive(Debug, Clone)]
pub struct Holders {
    /// Public keys, in hexadecimal digits.
    pub keys: Vec<String>,
    pub threshold: u64,
}

/// What a root of trust says.
#[derive(Debug, Clone)]
pub struct RootTerms {
    /// One more than the root it follows; the first is 1.
    pub version: NonZeroU64,
    pub expires: Timestamp,
    pub root: Holders,
    /// Who signs what is in a release.
    pub targets: Holders,
    /// Who says that a release is whole.
    pub snapshot: Holders,
    /// Who says that a release still counts.
    pub timestamp: Holders,
}

/// A root, unsigned.
pub fn root(terms: &RootTerms) -> Result<Vec<u8>, MakeError> {
    let mut keys = HashMap::new();
    let mut roles = HashMap::new();
    let all = [
        (RoleType::Root, "root", &terms.root),
        (RoleType::Targets, "targets", &terms.targets),
        (RoleType::Snapshot, "snapshot", &terms.snapshot),
        (RoleType::Timestamp, "timestamp", &terms.timestamp),
    ];
    for (role, name, holders) in all {
        let mut named = BTreeMap::new();
        for hex in &holders.keys {
            let key = public(hex)?;
            named.insert(id(&key)?, key);
        }
        let enough = NonZeroU64::new(holders.threshold)
            .filter(|threshold| usize::try_from(threshold.get()).is_ok_and(|threshold| threshold <= named.len()));
        // A key that is named twice is one key.
        let threshold =
            enough.ok_or(MakeError::Threshold { role: name, threshold: holders.threshold, keys: named.len() })?;
        roles.insert(role, RoleKeys { keyids: named.keys().cloned().collect(), threshold, _extra: HashMap::new() });
        keys.extend(named);
    }
    written(&Signed {
        signed: Root {
            spec_version: SPECIFICATION.into(),
            consistent_snapshot: false,
            version: terms.version,
            expires: instant(terms.expires),
            keys,
            roles,
            _extra: HashMap::new(),
        },
        signatures: Vec::new(),
    })
}

/// To the second, as the specification writes them.
fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(at.millis().div_euclid(1000)).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// Readable, and the same bytes at each writing.
fn written<T: Serialize>(signed: &T) -> Result<Vec<u8>, MakeError> {
    let wrong = |cause: serde_json::Error| MakeError::Io { what: "metadata".into(), cause: cause.into() };
    let mut value = serde_json::to_value(signed).map_err(wrong)?;
    value.sort_all_objects();
    let mut bytes = serde_json::to_vec_pretty(&value).map_err(wrong)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Adds a key's signature to a file of metadata; one that the key made before is replaced.
pub fn sign(what: &str, bytes: &[u8], key: &SecretKey) -> Result<Vec<u8>, MakeError> {
    let wrong = |why: &dyn ToString| MakeError::NotMetadata { what: what.to_owned(), why: why.to_string() };
    let value: Value = serde_json::from_slice(bytes).map_err(|error| wrong(&error))?;
    match value["signed"]["_type"].as_str() {
        Some("root") => signed::<Root>(value, key).map_err(|why| wrong(&why)),
        Some("targets") => signed::<Targets>(value, key).map_err(|why| wrong(&why)),
        Some("snapshot") => signed::<Snapshot>(value, key).map_err(|why| wrong(&why)),
        Some("timestamp") => signed::<Fresh>(value, key).map_err(|why| wrong(&why)),
        _ => Err(wrong(&"no role")),
    }
}

fn signed<T: Role + Serialize + DeserializeOwned>(value: Value, key: &SecretKey) -> Result<Vec<u8>, MakeError> {
    let wrong = |why: String| MakeError::NotMetadata { what: T::TYPE.to_string(), why };
    let mut file: Signed<T> = serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
    let canonical = file.signed.canonical_form().map_err(|error| wrong(error.to_string()))?;
    let keyid = id(&key.key()?)?;
    file.signatures.retain(|signature| signature.keyid != keyid);
    file.signatures.push(Signature { keyid, sig: key.0.sign(&canonical).to_bytes().to_vec().into() });
    written(&file)
}

/// What a folder of a release is made of.
#[derive(Debug, Clone)]
pub struct Draft<'d> {
    /// Holds at least [`REQUIRED`]; every file of it goes into the release.
    pub parts: &'d Path,
    /// Every root, oldest first: a box follows them from the one it knows.
    pub roots: &'d [&'d Path],
    pub about: About,
    /// Until when the signers vouch for it.
    pub expires: Timestamp,
    /// Until when it may be installed; may be signed anew for longer.
    pub fresh_until: Timestamp,
}

/// Makes the folder of a release, unsigned.
pub fn draft(draft: &Draft<'_>, folder: &Path) -> Result<(), MakeError> {
    if folder.exists() {
        return Err(MakeError::InTheWay { what: folder.display().to_string() });
    }
    if let Some(missing) = REQUIRED.into_iter().find(|name| !draft.parts.join(name).is_file()) {
        return Err(MakeError::Missing { what: draft.parts.join(missing).display().to_string() });
    }
    // A box goes by the version that a kernel tells of itself: under another one it would never be blessed.
    for name in REQUIRED.into_iter().filter(|name| name.ends_with(".efi")) {
        let path = draft.parts.join(name);
        let release = draft.about.version;
        let kernel = fs::read(&path).map_err(MakeError::io(path.display()))?;
        if let Some(told) = told_version(&kernel).filter(|told| *told != release) {
            return Err(MakeError::OtherVersion { what: path.display().to_string(), told, release });
        }
    }
    let (metadata, into) = (folder.join("metadata"), folder.join("targets"));
    for made in [&metadata, &into] {
        durable::make_dir_durably(made).map_err(MakeError::io(made.display()))?;
    }
    for path in draft.roots {
        let bytes = bounded(path)?;
        let root: Signed<Root> = read(path, &bytes)?;
        put(&metadata.join(trust::name(root.signed.version.get())), &bytes)?;
    }
    let version = draft.about.version.serial();
    let mut targets = Targets::new(SPECIFICATION.into(), version, instant(draft.expires));
    targets.delegations = None;
    for name in files(draft.parts)? {
        let target = target(&draft.parts.join(&name), &into.join(&name), &draft.about)?;
        let named = TargetName::new(name.clone());
        let named = named.map_err(|why| MakeError::NotMetadata { what: name, why: why.to_string() })?;
        targets.targets.insert(named, target);
    }
    let mut snapshot = Snapshot::new(SPECIFICATION.into(), version, instant(draft.expires));
    snapshot.meta.insert("targets.json".into(), meta(version));
    let mut fresh = Fresh::new(SPECIFICATION.into(), version, instant(draft.fresh_until));
    fresh.meta.insert("snapshot.json".into(), meta(version));
    put(&metadata.join("targets.json"), &written(&Signed { signed: targets, signatures: vec![] })?)?;
    put(&metadata.join("snapshot.json"), &written(&Signed { signed: snapshot, signatures: vec![] })?)?;
    put(&metadata.join("timestamp.json"), &written(&Signed { signed: fresh, signatures: vec![] })?)
}

/// The version that a kernel tells of itself: in the `os-release` that it carries (UAPI.5, section `.osrel`).
fn told_version(kernel: &[u8]) -> Option<Version> {
    const KEY: &[u8] = b"\nIMAGE_VERSION=";
    let places = kernel.windows(KEY.len()).enumerate().filter(|(_, part)| *part == KEY);
    let mut told = places.filter_map(|(at, _)| {
        let rest = &kernel[at + KEY.len()..];
        let line = rest.split(|byte| *byte == b'\n').next()?;
        std::str::from_utf8(line.get(..line.len().min(60))?).ok()?.trim_matches('"').parse().ok()
    });
    told.next()
}

/// By its version alone (§4.4 allows it, as long as one version is one file), so that holders sign all three in one go.
fn meta(version: NonZeroU64) -> Metafile {
    Metafile { length: None, hashes: None, version, _extra: HashMap::new() }
}

fn target(from: &Path, to: &Path, about: &About) -> Result<Target, MakeError> {
    let mut source = File::open(from).map_err(MakeError::io(from.display()))?;
    let mut copy = File::create_new(to).map_err(MakeError::io(to.display()))?;
    let digest = copied(&mut source, &mut copy).and_then(|digest| copy.sync_all().map(|()| digest));
    let digest = digest.map_err(MakeError::io(to.display()))?;
    let custom = match serde_json::to_value(about) {
        Ok(Value::Object(told)) if from.ends_with(ROOT_IMAGE) => told.into_iter().collect(),
        _ => HashMap::new(),
    };
    let hashes = Hashes { sha256: digest.sha256.0.to_vec().into(), _extra: HashMap::new() };
    Ok(Target { length: digest.bytes, hashes, custom, _extra: HashMap::new() })
}

/// The names of a folder's files, sorted.
fn files(folder: &Path) -> Result<Vec<String>, MakeError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(MakeError::io(folder.display()))? {
        let entry = entry.map_err(MakeError::io(folder.display()))?;
        if entry.path().is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Signs what a key speaks for in the folder of a release; the names of the files it signed.
pub fn sign_draft(folder: &Path, key: &SecretKey) -> Result<Vec<&'static str>, MakeError> {
    let metadata = folder.join("metadata");
    let (_, path) = roots(&metadata)?
        .pop()
        .ok_or_else(|| MakeError::Missing { what: metadata.join("1.root.json").display().to_string() })?;
    let root: Signed<Root> = read(&path, &bounded(&path)?)?;
    let keyid = id(&key.key()?)?;
    let mut done = Vec::new();
    for (name, role) in SIGNED.into_iter().zip([RoleType::Timestamp, RoleType::Snapshot, RoleType::Targets]) {
        if root.signed.roles.get(&role).is_some_and(|keys| keys.keyids.contains(&keyid)) {
            let path = metadata.join(name);
            put(&path, &sign(name, &bounded(&path)?, key)?)?;
            done.push(name);
        }
    }
    if done.is_empty() { Err(MakeError::NoPart { what: folder.display().to_string() }) } else { Ok(done) }
}

/// The roots of a folder, oldest first.
fn roots(metadata: &Path) -> Result<Vec<(u64, std::path::PathBuf)>, MakeError> {
    let number = |name: String| Some((name.strip_suffix(".root.json")?.parse().ok()?, metadata.join(&name)));
    let mut roots: Vec<_> = files(metadata)?.into_iter().filter_map(number).collect();
    roots.sort();
    Ok(roots)
}

/// Packs a folder that enough have signed into the one file, and verifies it as a box that knows only the first root.
pub fn pack(folder: &Path, output: &Path, now: Timestamp) -> Result<Release, MakeError> {
    if output.exists() {
        return Err(MakeError::InTheWay { what: output.display().to_string() });
    }
    let (metadata, targets) = (folder.join("metadata"), folder.join("targets"));
    let roots = roots(&metadata)?;
    let mut entries = Vec::new();
    for (_, path) in &roots {
        entries.push(path.clone());
    }
    entries.extend(SIGNED.iter().map(|name| metadata.join(name)));
    entries.extend(files(&targets)?.iter().map(|name| targets.join(name)));
    let mut temporary = output.as_os_str().to_owned();
    temporary.push(".part");
    let temporary = Path::new(&temporary);
    let file = File::create_new(temporary).map_err(MakeError::io(temporary.display()))?;
    let packed = tar(folder, &entries, file).map_err(MakeError::io(temporary.display())).and_then(|()| {
        let archive = Archive::open(temporary)?;
        let (_, first) = roots.first().ok_or_else(|| MakeError::Missing { what: "1.root.json".into() })?;
        let release = Release::verify(&archive, &Trust::read(first, None)?, now)?;
        release.check_files(&archive)?;
        durable::rename_durably(temporary, output).map_err(MakeError::io(output.display()))?;
        Ok(release)
    });
    packed.inspect_err(|_| drop(fs::remove_file(temporary)))
}

/// The same bytes from the same files.
fn tar(folder: &Path, entries: &[std::path::PathBuf], output: File) -> io::Result<()> {
    let mut tar = Builder::new(io::BufWriter::new(output));
    for path in entries {
        let mut file = File::open(path)?;
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(file.metadata()?.len());
        header.set_mode(0o644);
        header.set_path(path.strip_prefix(folder).unwrap_or(path))?;
        header.set_cksum();
        tar.append(&header, &mut file)?;
    }
    let mut file = tar.into_inner()?;
    file.flush()?;
    file.get_ref().sync_all()
}

fn bounded(path: &Path) -> Result<Vec<u8>, MakeError> {
    let bytes = metadata::file(path).map_err(MakeError::io(path.display()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= METADATA_BYTES_LIMIT) {
        return Ok(bytes);
    }
    Err(MakeError::NotMetadata { what: path.display().to_string(), why: "too long".into() })
}

fn read<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, MakeError> {
    serde_json::from_slice(bytes)
        .map_err(|error| MakeError::NotMetadata { what: path.display().to_string(), why: error.to_string() })
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), MakeError> {
    durable::write_atomically(path, bytes).map_err(MakeError::io(path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_openssl_writes_it_and_read_again() {
        // RFC 8410 §10.3.
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let key = SecretKey::parse(pem).unwrap();
        assert_eq!(*key.pem(), pem);
        assert_eq!(key.public(), "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
        for wrong in
            ["", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", &pem[..60], &pem.replace("MC4C", "MC4D")]
        {
            assert!(matches!(SecretKey::parse(wrong), Err(MakeError::NoSecretKey)), "{wrong}");
        }
        for wrong in ["", "19bf", "zz", &"0".repeat(63)] {
            assert!(matches!(public(wrong), Err(MakeError::NoPublicKey(_))), "{wrong}");
        }
    }

    #[test]
    fn a_root_whose_threshold_its_keys_cannot_reach_is_not_made() {
        let one = Holders { keys: vec![SecretKey::from_seed(&[1; 32]).public()], threshold: 1 };
        let expires = Timestamp::from_millis(4_000_000_000_000);
        let terms = |root: Holders| RootTerms {
            version: NonZeroU64::MIN,
            expires,
            root,
            targets: one.clone(),
            snapshot: one.clone(),
            timestamp: one.clone(),
        };
        assert!(root(&terms(one.clone())).is_ok());
        let twice = Holders { keys: [&one.keys[..], &one.keys[..]].concat(), threshold: 2 };
        assert!(matches!(root(&terms(twice)), Err(MakeError::Threshold { keys: 1, .. })), "one key named twice");
        let none = Holders { threshold: 0, ..one.clone() };
        assert!(matches!(root(&terms(none)), Err(MakeError::Threshold { .. })));
    }
}
