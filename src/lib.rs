//! Fluxgate: the gateway between an establishment's finance systems and Chorus Pro.
//!
//! The order below is the architecture: **a module imports only modules above it in this list**.
//! `tests/it/floors.rs` checks it, together with the walls between the two processes:
//! what runs in front (`door`, `bridge`) never imports `store`, `work`, `web`, `chorus`; what runs in
//! core never imports `door`, `bridge`; `simulator` never imports `chorus` or `invoice`; `keeper` and `installer`,
//! which are root, import nothing of what front or core are made of but the gate;
//! neighbours marked `∥` do not import each other.

pub mod domain;
pub mod fault;
pub mod invoice;
pub mod flow;
pub mod chorus;
pub mod audit;
pub mod os;
pub mod update;
pub mod store; // ∥ net
pub mod net; // ∥ store
pub mod gate;
pub mod door; // front
pub mod bridge; // front
pub mod work; // core
pub mod config;
pub mod web; // core
pub mod keeper; // the appliance's root process
pub mod installer; // the first process of its installer
pub mod simulator;
pub mod app;

#[cfg(test)]
#[path = "../tests/reference.rs"]
mod reference;
