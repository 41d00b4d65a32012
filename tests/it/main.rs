//! The one integration-test binary. Each module answers one question about the house or the product.

#![allow(clippy::unwrap_used, reason = "a test stops where it breaks")]

mod appliance;
mod audit;
mod batch;
mod bridge;
mod catalogue;
mod clock;
mod commands;
mod complement;
mod config;
mod connector;
mod contract;
mod correction;
mod delivery;
mod deposit;
mod directory;
mod disk;
mod doctor;
mod door;
mod floors;
mod flow;
mod following;
mod fuzz;
mod gateway;
mod halts;
mod house;
mod keeper;
mod proxy;
mod pdf_pairs;
mod plain_pdf;
mod receipts;
mod received_statuses;
mod reception;
#[path = "../reference.rs"]
mod reference;
mod releases;
mod serve;
mod simulator;
mod status_change;
mod suffered;
mod syntaxes;
mod tables;
mod update;
mod validator;
mod walls;
mod watch;
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
