//! The reference folder beside the checkout: examples, swagger and schemas of Chorus Pro, the corpus of invoices. None of
//! it is copied into the repository; what is compared with it says aloud when it is not there.

use std::path::{Path, PathBuf};

/// A file of the reference folder: `../shared`, or wherever `FLUXGATE_SHARED` says. `None` when it is absent.
pub fn reference(file: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let path = std::env::var_os("FLUXGATE_SHARED").map_or_else(beside, PathBuf::from).join(file);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is absent (FLUXGATE_SHARED names the reference folder)", path.display());
    None
}
