//! The one network stack: names, TLS, the HTTP client of outgoing calls, and outgoing e-mail.
//!
//! Promises: names are resolved here and nowhere else (a static binary has no NSS); one rustls with one crypto provider;
//! every wait and body is bounded; a failed call says whether its request can have left.
//!
//! Refuses to know: Chorus Pro, tokens, the store, what a request means.

pub mod http;
pub mod mail;
pub mod proxy;
pub mod resolver;
pub mod syslog;
pub mod tls;
pub mod trace;
