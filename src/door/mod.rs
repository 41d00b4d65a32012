//! Front: the reverse proxy. TLS, HTTP/1.1 and HTTP/2 in, HTTP/1.1 to the upstreams, everything bounded.
//!
//! Refuses to know: Chorus Pro, the store, accounts, what an upstream serves.

pub mod settings;
pub mod site;

pub use settings::{DoorSection, SiteSection};
