//! The Merkle tree of RFC 9162 §2.1 (the same as RFC 6962 §2.1), grown leaf by leaf.
//!
//! Only complete subtrees are ever named: a node `(level, index)` covers the leaves `index << level` up to, and
//! without, `(index + 1) << level`. Once made, a node never changes, so it can be stored for ever.

use sha2::{Digest, Sha256};

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// The hash of a leaf's exact bytes: SHA-256(0x00 ‖ bytes).
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update([0u8]).chain_update(bytes).finalize().into()
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1u8]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// A complete subtree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// 0 is a leaf.
    pub level: u8,
    pub index: u64,
    pub hash: Hash,
}

/// The right edge of a tree: all that is needed to add leaves and to compute the root. At most 64 hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The largest complete subtrees, from the left: one per bit set in `size`.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Which nodes make up the frontier of a tree of `size` leaves, from the left: `(level, index)`.
    pub fn places(size: u64) -> impl Iterator<Item = (u8, u64)> {
        (0..64u8).rev().filter(move |level| size >> level & 1 == 1).map(move |level| (level, (size >> level) - 1))
    }

    /// The frontier of a tree of `size` leaves whose nodes at [`Frontier::places`] are `peaks`.
    /// `None` when their number does not fit.
    pub fn resume(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (peaks.len() == usize::try_from(size.count_ones()).ok()?).then_some(Self { size, peaks })
    }

    /// Adds a leaf's hash; `made` is given every inner node that became complete, lowest first.
    pub fn append(&mut self, leaf: Hash, mut made: impl FnMut(Node)) {
        let mut hash = leaf;
        let mut level = 0u8;
        while self.size >> level & 1 == 1 {
            let left = self.peaks.pop().expect("a peak stands for every bit set in the size");
            hash = node_hash(&left, &hash);
            level += 1;
            made(Node { level, index: self.size >> level, hash });
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root over all leaves so far.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => empty_root(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;

    use super::*;

    fn hex(hash: &Hash) -> String {
        hash.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The eight leaves and roots published with Certificate Transparency's own implementation.
    #[test]
    fn published_roots() {
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut frontier = Frontier::default();
        assert_eq!(hex(&frontier.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (leaf, root) in leaves.iter().zip(roots) {
            frontier.append(leaf_hash(leaf), |_| {});
            assert_eq!(hex(&frontier.root()), root);
        }
    }

    proptest! {
        #[test]
        fn roots_and_nodes_agree_with_another_implementation(leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..200)) {
            let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
            let mut frontier = Frontier::default();
            let mut nodes = BTreeMap::new();
            for (n, leaf) in leaves.into_iter().enumerate() {
                let hash = leaf_hash(&leaf);
                nodes.insert((0u8, n as u64), hash);
                frontier.append(hash, |node| assert!(nodes.insert((node.level, node.index), node.hash).is_none()));
                oracle.push(leaf);
                let theirs: Hash = (*oracle.root().as_bytes()).into();
                prop_assert_eq!(frontier.root(), theirs);
                // What a restart does: the stored nodes alone give the same frontier.
                let peaks = Frontier::places(frontier.size()).map(|place| nodes[&place]).collect();
                prop_assert_eq!(Frontier::resume(frontier.size(), peaks), Some(frontier.clone()));
            }
            for ((level, index), hash) in &nodes {
                if *level > 0 {
                    prop_assert_eq!(*hash, node_hash(&nodes[&(level - 1, index * 2)], &nodes[&(level - 1, index * 2 + 1)]));
                }
            }
        }
    }
}
