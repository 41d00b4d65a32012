//! One record of the journal and its exact bytes. `FORMAT.md` describes them field by field.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::cbor::{Decoder, Encoder};
use super::tree::Hash;

/// The version written today.
const VERSION: u64 = 1;

/// Bytes of a commitment's salt.
pub const SALT_BYTES: usize = 32;

/// A record of version 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leaf {
    /// 0-based place in the journal.
    pub seq: u64,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// The establishment's short name; empty for what concerns the box itself.
    pub establishment: String,
    /// `production`, `qualification`, `practice`; empty for what concerns the box itself.
    pub environment: String,
    /// 0-based place among the leaves of the same establishment (all its environments together).
    pub establishment_seq: u64,
    /// Who did it: `system`, `front`, `account:NAME`, or `person` (whose name is a commitment).
    pub actor: String,
    /// What happened.
    pub kind: String,
    /// Ids and words of closed lists. Never a name, a comment, a log-in or a file name.
    pub objects: BTreeMap<String, String>,
    /// SHA-256 of documents.
    pub hashes: BTreeMap<String, Hash>,
    /// See [`commitment`].
    pub commitments: BTreeMap<String, Hash>,
}

/// A leaf's bytes, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeafRead {
    V1(Leaf),
    /// A version this program does not know: its bytes count in the tree, its content is opaque.
    Unknown(u64),
}

/// Bytes that are no leaf, or not in their one deterministic form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the deterministic CBOR of a leaf")]
pub struct MalformedLeaf;

/// What stands in a leaf for a private value: SHA-256(salt ‖ value). Once the salt is erased, nothing can be learned
/// from it, not even by trying every name.
pub fn commitment(salt: &[u8; SALT_BYTES], value: &str) -> Hash {
    Sha256::new().chain_update(salt).chain_update(value.as_bytes()).finalize().into()
}

impl Leaf {
    /// The leaf's exact bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut e = Encoder::default();
        e.map(11);
        e.unsigned(0);
        e.unsigned(VERSION);
        e.unsigned(1);
        e.unsigned(self.seq);
        e.unsigned(2);
        e.signed(self.time);
        e.unsigned(3);
        e.text(&self.establishment);
        e.unsigned(4);
        e.text(&self.environment);
        e.unsigned(5);
        e.unsigned(self.establishment_seq);
        e.unsigned(6);
        e.text(&self.actor);
        e.unsigned(7);
        e.text(&self.kind);
        e.unsigned(8);
        e.text_map(&self.objects, |e, v| e.text(v));
        e.unsigned(9);
        e.text_map(&self.hashes, |e, v| e.bytes(v));
        e.unsigned(10);
        e.text_map(&self.commitments, |e, v| e.bytes(v));
        e.finish()
    }

    /// Reads a leaf's bytes; refuses any that [`Leaf::encode`] would not have written.
    pub fn read(bytes: &[u8]) -> Result<LeafRead, MalformedLeaf> {
        let mut d = Decoder(bytes);
        let (pairs, key, version) = (d.map(), d.unsigned(), d.unsigned());
        match (pairs, key, version) {
            (Some(11), Some(0), Some(VERSION)) => {}
            (Some(_), Some(0), Some(version)) if version != VERSION => return Ok(LeafRead::Unknown(version)),
            _ => return Err(MalformedLeaf),
        }
        let leaf = Self::fields(&mut d).ok_or(MalformedLeaf)?;
        (d.is_at_end() && leaf.encode() == bytes).then_some(LeafRead::V1(leaf)).ok_or(MalformedLeaf)
    }

    fn fields(d: &mut Decoder<'_>) -> Option<Leaf> {
        fn key(d: &mut Decoder<'_>, wanted: u64) -> Option<()> {
            (d.unsigned()? == wanted).then_some(())
        }
        fn hash(d: &mut Decoder<'_>) -> Option<Hash> {
            d.bytes()?.try_into().ok()
        }
        key(d, 1)?;
        let seq = d.unsigned()?;
        key(d, 2)?;
        let time = d.signed()?;
        key(d, 3)?;
        let establishment = d.text()?;
        key(d, 4)?;
        let environment = d.text()?;
        key(d, 5)?;
        let establishment_seq = d.unsigned()?;
        key(d, 6)?;
        let actor = d.text()?;
        key(d, 7)?;
        let kind = d.text()?;
        key(d, 8)?;
        let objects = d.text_map(Decoder::text)?;
        key(d, 9)?;
        let hashes = d.text_map(hash)?;
        key(d, 10)?;
        let commitments = d.text_map(hash)?;
        Some(Leaf {
            seq,
            time,
            establishment,
            environment,
            establishment_seq,
            actor,
            kind,
            objects,
            hashes,
            commitments,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of `FORMAT.md`: its hexadecimal lines, in their order.
    #[test]
    fn format_md_shows_the_bytes_we_write() {
        let salt = [0x5a; SALT_BYTES];
        let leaf = Leaf {
            seq: 41,
            time: 1_795_428_902_007,
            establishment: "univ-exemple".into(),
            environment: "qualification".into(),
            establishment_seq: 17,
            actor: "account:sifac".into(),
            kind: "receive".into(),
            objects: BTreeMap::from([
                ("flow".into(), "01kaqv4q1p8z3v5m6n7r8s9t0w".into()),
                ("state".into(), "received".into()),
                ("size".into(), "5120".into()),
            ]),
            hashes: BTreeMap::from([("document".into(), [0xa5; 32])]),
            commitments: BTreeMap::from([("file".into(), commitment(&salt, "facture.xml"))]),
        };
        let page = include_str!("FORMAT.md");
        let example = page.split("```hex").nth(1).unwrap().split("```").next().unwrap();
        let shown: String = example
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default())
            .flat_map(|line| line.chars().filter(char::is_ascii_hexdigit))
            .collect();
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let bytes = leaf.encode();
        assert_eq!(shown, hex(&bytes));
        assert_eq!(Leaf::read(&bytes), Ok(LeafRead::V1(leaf)));
        assert!(
            page.contains(&hex(&super::super::tree::leaf_hash(&bytes))),
            "{}",
            hex(&super::super::tree::leaf_hash(&bytes))
        );
    }

    #[test]
    fn an_unknown_version_is_opaque_and_a_longer_head_is_refused() {
        let bytes = Leaf::default().encode();
        assert_eq!(Leaf::read(&bytes), Ok(LeafRead::V1(Leaf::default())));
        let mut newer = bytes.clone();
        newer[2] = 2;
        newer.push(0xff);
        assert_eq!(Leaf::read(&newer), Ok(LeafRead::Unknown(2)));
        // seq 0 as a two-byte head: the same value, not the deterministic form.
        let mut longer = bytes.clone();
        longer.splice(4..5, [0x18, 0x00]);
        assert_eq!(Leaf::read(&longer), Err(MalformedLeaf));
        assert_eq!(Leaf::read(&[&bytes[..], &[0]].concat()), Err(MalformedLeaf));
        assert_eq!(Leaf::read(&[]), Err(MalformedLeaf));
    }

    fn words() -> impl Strategy<Value = BTreeMap<String, String>> {
        prop::collection::btree_map(".{0,30}", ".{0,300}", 0..6)
    }

    proptest! {
        #[test]
        fn every_leaf_reads_back_and_no_damage_is_taken_for_the_same_leaf(
            seq: u64, time: i64, establishment in "[a-z]{0,32}", actor in ".{0,40}", objects in words(),
            hashes in prop::collection::btree_map("[a-z]{1,30}", any::<[u8; 32]>(), 0..3),
            place: prop::sample::Index, flip in 1u8..,
        ) {
            let leaf = Leaf { seq, time, establishment, actor, objects, hashes: hashes.clone(), commitments: hashes, ..Leaf::default() };
            let bytes = leaf.encode();
            prop_assert_eq!(Leaf::read(&bytes), Ok(LeafRead::V1(leaf.clone())));
            let mut damaged = bytes.clone();
            damaged[place.index(bytes.len())] ^= flip;
            prop_assert_ne!(Leaf::read(&damaged), Ok(LeafRead::V1(leaf)));
        }
    }
}
