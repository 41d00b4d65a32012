//! Through the door a client uses: real sockets, real TLS.

use std::path::PathBuf;

/// The reference folder beside the checkout; says so when it is absent.
pub(super) fn shared() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let found = std::env::var_os("FLUXGATE_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    if found.join("chorus-pro").is_dir() {
        return Some(found);
    }
    eprintln!("SKIPPED: no reference folder at {}", found.display());
    None
}
