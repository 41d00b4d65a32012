//! Core's jobs, one file each: what a flow's state asks for is done here, and nothing else decides.
//!
//! [`Workshop`] leases due work from the store and runs it; a job may run twice, die anywhere and be resumed. Steps are
//! the store's, decisions are `flow`'s, the wire is `chorus`'s: a job only carries things between them.
//!
//! Refuses to know: SFTP and HTTP clients, SQL, wire words.

mod announce;
mod change;
mod codes;
mod complement;
pub mod connector;
mod core;
mod deliver;
mod delivery;
mod delivery_description;
mod delivery_files;
mod deposit;
mod directory;
pub mod doctor;
mod doubt;
mod driver;
mod dropped;
mod fetch;
mod folders;
mod front_walls;
pub mod gatehouse;
mod halts;
mod intake;
mod integration;
#[cfg(test)]
mod ledger;
mod naming;
mod others;
mod overdue;
mod paired_members;
mod pairing;
mod pivot;
mod reach;
mod readable;
mod reading;
mod receipts;
mod received_complement;
mod received_document;
mod received_statuses;
mod reception;
mod recipients;
mod rejection;
mod rejects;
pub mod releases;
pub mod remote_log;
mod seal;
mod settings;
mod split;
mod status_events;
mod status_requests;
mod status_subject;
mod statuses;
mod submission;
mod sweep;
mod transitions;
mod validation;
pub mod watch;
mod worklist;

pub use self::core::{Clock, Parts};
pub use complement::{GivenComplement, examine as examine_complement};
pub use driver::Workshop;
pub use dropped::Dropped;
pub use folders::{Folders, Shelf, newest_receipt_name, receipt_name, receipt_stem};
pub use front_walls::FrontWalls;
pub use intake::{examination, finding_record};
pub use pairing::invoice_facts as pdf_invoice_facts;
pub use received_document::ReceivedDocument;
pub use reception::CURSOR as RECEPTION_CURSOR;
pub use recipients::Recipients;
pub use rejection::IN_QUESTION as REJECTION_IN_QUESTION;
pub use seal::{Purpose, SealError, canonical, seal, verify};
pub use settings::{Check, Layout, LimitsSection, Options, RouteSection, StatusForm};
pub use status_requests::examine as examine_statuses;
pub use transitions::kept_transitions;
