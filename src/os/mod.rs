//! The operating system, once: durable files, descriptors, locks, signals, the service manager, logs, processes, random
//! numbers, disk space, mounts, secrets' files, terminals, the network's interfaces, the firmware's variables. The only `unsafe` of the house is here.
//!
//! Refuses to know: sockets on the network, the configuration, invoices; decides no policy.

pub mod descriptor;
pub mod disk;
pub mod durable;
pub mod firmware;
pub mod interfaces;
pub mod lock;
pub mod log_copy;
pub mod logging;
pub mod mounts;
pub mod process;
pub mod random;
pub mod sandbox;
pub mod secret;
pub mod service;
pub mod signals;
pub mod terminal;
pub mod tpm;
