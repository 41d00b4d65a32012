//! The words of the trade as types: parsed once at the door, then trusted. No I/O, no clock, no randomness.
//!
//! Refuses to know: files, sockets, SQL, Chorus Pro's wire format.

mod identifier;
mod quantity;
mod status;
mod time;

pub use identifier::{
    AccountName, ChorusInvoiceId, DepositNumber, DocumentHash, Environment, EstablishmentId, FlowId, InvalidIdentifier,
    InvoiceNumber, Siret, SiretForm, siren,
};
pub use quantity::{ByteSize, Duration, InvalidQuantity};
pub use status::InvoiceStatus;
pub use time::{InvalidTimestamp, Timestamp};

/// Whose traffic a thing is, and on which Chorus Pro: part of every key, leaf, receipt and metric.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Realm {
    pub establishment: EstablishmentId,
    pub environment: Environment,
}

impl std::fmt::Display for Realm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.establishment, self.environment)
    }
}
