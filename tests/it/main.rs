//! The one integration-test binary. Each module answers one question about the house or the product.

#![allow(clippy::unwrap_used, reason = "a test stops where it breaks")]

mod audit;
mod bridge;
mod config;
mod connector;
mod deposit;
mod door;
mod floors;
mod flow;
mod gateway;
mod house;
mod reception;
mod serve;
mod simulator;
mod web;

/// Asks Chorus Pro for the sent invoice of that number.
pub fn sent(number: &str) -> fluxgate::chorus::RechercherFournisseur {
    fluxgate::chorus::RechercherFournisseur {
        number: Some(number.parse().unwrap()),
        deposit: None,
        deposited: None,
        state_changed: None,
        page: fluxgate::chorus::Page::FIRST,
    }
}

/// The reference folder beside the checkout; tests that need it say so aloud when it is not there.
pub fn shared() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("FLUXGATE_SHARED")
        .map_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), Into::into);
    path.join("chorus-pro/PROTOCOL.md").is_file().then_some(path)
}
