//! The journal's mathematics: leaves, the Merkle tree over them, and signed checkpoints. `FORMAT.md` is the specification.
//!
//! Promise: pure (bytes in, bytes out), so that an auditor can read all of it in one sitting and run it without the
//! product. What is written here never changes its meaning: a new leaf version gets a new number, and the tree takes
//! leaves of every version as opaque bytes.
//!
//! Refuses to know: files, SQL, the clock, randomness, the words of the trade. The store feeds it.

mod cbor;
mod checkpoint;
mod leaf;
mod note;
mod tree;

pub use checkpoint::{Checkpoint, InvalidCheckpoint};
pub use leaf::{Leaf, LeafRead, MalformedLeaf, SALT_BYTES, commitment};
pub use note::{InvalidKey, InvalidNote, NOTE_LIMIT_BYTES, Signer, Verifier};
pub use tree::{Frontier, Hash, Node, empty_root, leaf_hash, node_hash};
