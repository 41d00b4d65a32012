//! The journal's mathematics. (Contract for the first build.)
/// Signs checkpoints.
pub struct Signer;
