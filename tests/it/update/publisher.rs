//! A publisher with keys made for the test, and releases as good or as bad as a test asks.

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fluxgate::domain::Timestamp;
use fluxgate::os::random;
use fluxgate::update::make::{self, Draft, Holders, RootTerms, SecretKey};
use fluxgate::update::release::About;
use fluxgate::update::{BOARD, Version};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

pub const DAY: Duration = Duration::from_secs(24 * 3600);

pub fn version(text: &str) -> Version {
    text.parse().unwrap()
}

/// Keys, and a root of trust that they signed: 3 of 5 for the root, 2 of 3 for what is in a release.
pub struct Publisher {
    pub dir: TempDir,
    pub root_keys: Vec<SecretKey>,
    pub keys: Vec<SecretKey>,
    pub roots: Vec<PathBuf>,
    pub now: Timestamp,
}

/// What a release is to be, before it is spoilt.
pub struct Wish {
    pub about: About,
    pub signers: usize,
    pub expires: Timestamp,
    pub fresh_until: Timestamp,
    pub root_bytes: usize,
    /// `true`: signed by keys that nobody trusts.
    pub foreign: bool,
}

impl Publisher {
    pub fn new() -> Self {
        let key = || SecretKey::from_seed(&random::bytes());
        let mut publisher = Self {
            dir: tempfile::tempdir().unwrap(),
            root_keys: (0..5).map(|_| key()).collect(),
            keys: (0..3).map(|_| key()).collect(),
            roots: Vec::new(),
            now: Timestamp::now(),
        };
        let root = publisher.sign(publisher.root(1, &publisher.root_keys, &publisher.keys), &publisher.root_keys[..3]);
        publisher.add_root(&root);
        publisher
    }

    pub fn root(&self, version: u64, root_keys: &[SecretKey], keys: &[SecretKey]) -> Vec<u8> {
        self.root_until(version, root_keys, keys, self.now.plus(365 * DAY))
    }

    pub fn root_until(&self, version: u64, root_keys: &[SecretKey], keys: &[SecretKey], expires: Timestamp) -> Vec<u8> {
        let holders =
            |keys: &[SecretKey], threshold| Holders { keys: keys.iter().map(SecretKey::public).collect(), threshold };
        let terms = RootTerms {
            version: NonZeroU64::new(version).unwrap(),
            expires,
            root: holders(root_keys, 3),
            targets: holders(keys, 2),
            snapshot: holders(keys, 2),
            timestamp: holders(keys, 1),
        };
        make::root(&terms).unwrap()
    }

    pub fn sign<'k>(&self, file: Vec<u8>, keys: impl IntoIterator<Item = &'k SecretKey>) -> Vec<u8> {
        keys.into_iter().fold(file, |file, key| make::sign("root", &file, key).unwrap())
    }

    pub fn add_root(&mut self, bytes: &[u8]) {
        let path = self.dir.path().join(format!("{}.root.json", self.roots.len() + 1));
        fs::write(&path, bytes).unwrap();
        self.roots.push(path);
    }

    /// The root that a box brings.
    pub fn anchor(&self) -> &Path {
        &self.roots[0]
    }

    pub fn wish(&self, of: &str) -> Wish {
        Wish {
            about: About {
                version: version(of),
                board: BOARD.into(),
                floor: Version::ZERO,
                upgrades_from: Version::ZERO,
            },
            signers: 2,
            expires: self.now.plus(90 * DAY),
            fresh_until: self.now.plus(30 * DAY),
            root_bytes: 300_000,
            foreign: false,
        }
    }

    /// The folder of a release, signed by as many as wished.
    pub fn draft(&self, wish: &Wish) -> PathBuf {
        let folder = self.dir.path().join(random::hex::<8>());
        let parts = folder.join("parts");
        fs::create_dir_all(&parts).unwrap();
        let root = root_image(wish.about.version, wish.root_bytes);
        fs::write(parts.join("root.img"), &root).unwrap();
        for slot in ["a", "b"] {
            fs::write(parts.join(format!("kernel-{slot}.efi")), kernel(slot, wish.about.version, &root)).unwrap();
        }
        fs::write(parts.join("changelog.fr.md"), format!("# {}\nCe qui change.\n", wish.about.version)).unwrap();
        fs::write(parts.join("changelog.en.md"), format!("# {}\nWhat changes.\n", wish.about.version)).unwrap();
        fs::write(parts.join("sbom.cdx.json"), "{\"bomFormat\":\"CycloneDX\"}\n").unwrap();
        let made = folder.join("release");
        let roots: Vec<&Path> = self.roots.iter().map(PathBuf::as_path).collect();
        let draft = Draft {
            parts: &parts,
            roots: &roots,
            about: wish.about.clone(),
            expires: wish.expires,
            fresh_until: wish.fresh_until,
        };
        make::draft(&draft, &made).unwrap();
        let strangers: Vec<SecretKey> = (0..3).map(|_| SecretKey::from_seed(&random::bytes())).collect();
        for key in if wish.foreign { &strangers } else { &self.keys }.iter().take(wish.signers) {
            for name in ["timestamp.json", "snapshot.json", "targets.json"] {
                let path = made.join("metadata").join(name);
                fs::write(&path, make::sign(name, &fs::read(&path).unwrap(), key).unwrap()).unwrap();
            }
        }
        made
    }

    /// The file of a release, packed without asking whether a box would take it.
    pub fn release(&self, wish: &Wish) -> PathBuf {
        packed(&self.draft(wish))
    }

    pub fn good(&self, of: &str) -> PathBuf {
        self.release(&self.wish(of))
    }
}

/// What stands in for a root image: bytes that only this version has.
pub fn root_image(of: Version, bytes: usize) -> Vec<u8> {
    let mut word = of.serial().get().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut image = Vec::with_capacity(bytes + 8);
    while image.len() < bytes {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        image.extend(word.to_be_bytes());
    }
    image.truncate(bytes);
    image
}

/// What stands in for a kernel: as a real one it knows its slot and the whole root image it boots.
pub fn kernel(slot: &str, of: Version, root: &[u8]) -> Vec<u8> {
    use sha2::Digest as _;
    let hash: String = sha2::Sha256::digest(root).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut kernel = format!("{slot} {of} {} {hash}\n", root.len()).into_bytes();
    kernel.resize(50_000, b'k');
    kernel
}

/// A folder of a release as a tar, whatever is in it.
pub fn packed(folder: &Path) -> PathBuf {
    let mut names = Vec::new();
    for part in ["metadata", "targets"] {
        for entry in fs::read_dir(folder.join(part)).unwrap() {
            names.push(format!("{part}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    names.sort();
    let output = folder.with_extension(format!("{}.fluxgate", random::hex::<4>()));
    let mut tar = Builder::new(fs::File::create(&output).unwrap());
    for name in names {
        let bytes = fs::read(folder.join(&name)).unwrap();
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_path(&name).unwrap();
        header.set_cksum();
        tar.append(&header, &bytes[..]).unwrap();
    }
    tar.into_inner().unwrap();
    output
}
