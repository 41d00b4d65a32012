//! The page's own files, inside the binary: one style sheet, one script, one icon. Nothing is loaded from elsewhere.

use std::fmt::Write;
use std::sync::LazyLock;

use rust_embed::Embed;

use crate::web::answer::Answer;

#[derive(Embed)]
#[folder = "src/web/assets"]
struct Assets;

/// Stands behind each asset's address and changes with any of them, so that browsers may keep them for ever.
pub static MARK: LazyLock<String> = LazyLock::new(|| {
    let mut mark = String::new();
    for hash in Assets::iter().filter_map(|name| Assets::get(&name)).map(|file| file.metadata.sha256_hash()) {
        for byte in hash.iter().take(4) {
            let _ = write!(mark, "{byte:02x}");
        }
    }
    mark
});

/// The asset of that name.
pub fn answer(name: &str) -> Option<Answer> {
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => return None,
    };
    Some(Answer::bytes(kind, Assets::get(name)?.data.into_owned()).immutable())
}
