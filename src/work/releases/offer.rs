//! Handing a file to keeper, journalled before.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use crate::domain::{DocumentHash, Timestamp};
use crate::gate::{KeeperClient, KeeperError};
use crate::store::{Note, Store, StoreError};

/// A whole file that may be a release.
pub struct Offering {
    pub file: OwnedFd,
    /// Of all of it.
    pub bytes: u64,
    pub sha256: DocumentHash,
    /// `system`, or `account:NAME`.
    pub actor: String,
    /// Where it comes from: an address, or a file's name.
    pub from: String,
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    #[error("the journal cannot be written or read: {0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keeper(#[from] KeeperError),
}

/// Hands it over. Blocks until keeper's copy is durable.
pub fn offer(store: &Store, keeper: &KeeperClient, offering: Offering) -> Result<(), OfferError> {
    let Offering { file, bytes, sha256, actor, from } = offering;
    let note = |kind, actor: &str| Note {
        kind,
        actor: actor.to_owned(),
        realm: None,
        objects: BTreeMap::new(),
        hashes: BTreeMap::from([("release".to_owned(), sha256)]),
        private: BTreeMap::new(),
        at: Timestamp::now(),
    };
    let mut offered = note("update_offered", &actor);
    offered.objects.insert("size".to_owned(), bytes.to_string());
    offered.private.insert("file".to_owned(), from);
    store.note(offered).wait()?;
    match keeper.offer(file, 0, bytes, latest_known(store)?) {
        Ok(()) => Ok(()),
        Err(error) => {
            // What was journalled as asked for did not come about: that is journalled too.
            let mut refused = note("machine_refused", &actor);
            refused.objects.insert("asked".to_owned(), "update_offered".to_owned());
            store.note(refused).wait()?;
            Err(error.into())
        }
    }
}

/// The latest instant that the journal knows of: a clock may stand in 1970.
pub fn latest_known(store: &Store) -> Result<Timestamp, StoreError> {
    let last = store.reader()?.checkpoint()?.map(|checkpoint| checkpoint.at);
    Ok(last.unwrap_or(Timestamp::from_millis(0)))
}
