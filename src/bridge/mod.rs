//! Front: the SFTP server and the folders that a business application sees.
//!
//! Promises that OK on a close (or a rename) means durable and journalled, that every refusal comes before an OK with
//! a message and a receipt, and that an account sees only its own tree. Strangers' bytes end here: limits on all of
//! them have names. Refuses to know: the store, invoices, Chorus Pro; it asks core through [`crate::gate`].

pub mod client;
mod caretaker;
mod desk;
mod drops;
mod guarded;
mod host_key;
mod listing;
mod server;
mod settings;
pub mod sftp_codec;
mod sftp_session;
mod staging;
mod taken;
pub mod tree;
mod upload;

pub use host_key::{HostKey, HostKeyError};
pub use server::{Bridge, Settings};
pub use settings::Section;
