//! The operating system, once: durable files, signals, the service manager, logs, processes, random numbers, disk
//! space, secrets' files. The only `unsafe` of the house is here (where there is any).
//!
//! Refuses to know: sockets on the network, the configuration, invoices; decides no policy.

pub mod descriptor;
pub mod durable;
