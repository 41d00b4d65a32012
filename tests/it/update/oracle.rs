//! The verdicts of `update/release.rs` beside those of the library's own loader, over the same releases, good and bad.

use std::fs;
use std::path::Path;

use fluxgate::update::make::SecretKey;
use fluxgate::update::{Archive, Release, Trust, UpdateError};
use reqwest::Url;

use super::publisher::{DAY, Publisher, Wish, packed};

/// What the library says of a folder: it is asked to load the metadata and to read every file.
async fn library(folder: &Path, anchor: &Path) -> Result<(), tough::error::Error> {
    use futures_util::StreamExt as _;
    let root = fs::read(anchor).unwrap();
    let url = |part: &str| Url::from_directory_path(folder.join(part)).unwrap();
    let repository = tough::RepositoryLoader::new(&root, url("metadata"), url("targets")).load().await?;
    for name in repository.targets().signed.targets.keys() {
        let mut bytes = Box::pin(repository.read_target(name).await?.expect("it is listed"));
        while let Some(piece) = bytes.next().await {
            piece?;
        }
    }
    Ok(())
}

fn ours(folder: &Path, publisher: &Publisher) -> Result<(), UpdateError> {
    let trust = Trust::read(publisher.anchor(), None)?;
    let archive = Archive::open(&packed(folder))?;
    Release::verify(&archive, &trust, publisher.now)?.check_files(&archive)
}

async fn agree(what: &str, folder: &Path, publisher: &Publisher, expected: bool) {
    let (theirs, ours) = (library(folder, publisher.anchor()).await, ours(folder, publisher));
    assert_eq!((theirs.is_ok(), ours.is_ok()), (expected, expected), "{what}: the library: {theirs:?}; ours: {ours:?}");
}

#[tokio::test]
async fn the_library_gives_the_same_verdicts() {
    let mut publisher = Publisher::new();
    let wish = |change: fn(&mut Wish, &Publisher), publisher: &Publisher| {
        let mut wish = publisher.wish("1.4.0");
        change(&mut wish, publisher);
        publisher.draft(&wish)
    };
    agree("good", &wish(|_, _| {}, &publisher), &publisher, true).await;
    agree("three signers", &wish(|wish, _| wish.signers = 3, &publisher), &publisher, true).await;
    agree("one signer", &wish(|wish, _| wish.signers = 1, &publisher), &publisher, false).await;
    agree("no signer", &wish(|wish, _| wish.signers = 0, &publisher), &publisher, false).await;
    agree("foreign", &wish(|wish, _| wish.foreign = true, &publisher), &publisher, false).await;
    let expired = wish(|wish, publisher| wish.fresh_until = publisher.now.minus(DAY), &publisher);
    agree("expired timestamp", &expired, &publisher, false).await;
    let expired = wish(|wish, publisher| wish.expires = publisher.now.minus(DAY), &publisher);
    agree("expired snapshot and targets", &expired, &publisher, false).await;

    type Change = fn(&Path);
    let changes: [(&str, Change); 8] = [
        ("a file changed", |folder| fs::write(folder.join("targets/root.img"), vec![1; 300_000]).unwrap()),
        ("a file longer", |folder| {
            let path = folder.join("targets/changelog.en.md");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text + "more").unwrap();
        }),
        ("a file missing", |folder| fs::remove_file(folder.join("targets/kernel-a.efi")).unwrap()),
        ("metadata missing", |folder| fs::remove_file(folder.join("metadata/snapshot.json")).unwrap()),
        ("a version changed", |folder| edit(folder, "targets", |value| value["signed"]["version"] = 7.into())),
        ("a date changed", |folder| {
            edit(folder, "timestamp", |value| value["signed"]["expires"] = "2099-01-01T00:00:00Z".into())
        }),
        ("something added", |folder| edit(folder, "targets", |value| value["signed"]["more"] = 1.into())),
        ("one key twice", |folder| {
            edit(folder, "snapshot", |value| value["signatures"][1] = value["signatures"][0].clone());
        }),
    ];
    for (what, change) in changes {
        let folder = wish(|_, _| {}, &publisher);
        change(&folder);
        agree(what, &folder, &publisher, false).await;
    }
    // Outside of what is signed anybody may write; neither minds.
    let folder = wish(|_, _| {}, &publisher);
    edit(&folder, "targets", |value| value["comment"] = "unsigned".into());
    agree("a comment", &folder, &publisher, true).await;

    let second = |publisher: &Publisher, signers: &[usize]| {
        let root = publisher.root(2, &publisher.root_keys, &publisher.keys);
        publisher.sign(root, signers.iter().map(|n| &publisher.root_keys[*n]))
    };
    for (signers, expected) in [(&[0, 1, 4][..], true), (&[0, 1], false)] {
        let root = second(&publisher, signers);
        publisher.add_root(&root);
        agree("a second root", &wish(|_, _| {}, &publisher), &publisher, expected).await;
        publisher.roots.pop();
    }
    // Named as the second, and is the third.
    let third = publisher.sign(publisher.root(3, &publisher.root_keys, &publisher.keys), &publisher.root_keys);
    let folder = wish(|_, _| {}, &publisher);
    fs::write(folder.join("metadata/2.root.json"), third).unwrap();
    agree("a root left out", &folder, &publisher, false).await;
    // New keys for releases, under a root that the former keys signed.
    let keys: Vec<SecretKey> = (0..3).map(|_| SecretKey::from_seed(&fluxgate::os::random::bytes())).collect();
    let root = publisher.sign(publisher.root(2, &publisher.root_keys, &keys), &publisher.root_keys[2..]);
    publisher.add_root(&root);
    agree("former keys", &wish(|_, _| {}, &publisher), &publisher, false).await;
    publisher.keys = keys;
    agree("new keys", &wish(|_, _| {}, &publisher), &publisher, true).await;
}

fn edit(folder: &Path, role: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let path = folder.join(format!("metadata/{role}.json"));
    let mut value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}
