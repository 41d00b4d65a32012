//! The words of the trade as types: parsed once at the door, then trusted. No I/O, no clock, no randomness.
//!
//! Refuses to know: files, sockets, SQL, Chorus Pro's wire format.

/// What is stored and sent as a text: read by `FromStr`, written by `Display`.
macro_rules! written_as_text {
    ($name:ident, $error:ident) => {
        impl TryFrom<String> for $name {
            type Error = $error;
            fn try_from(value: String) -> Result<Self, $error> {
                value.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    };
}

mod identifier;
mod quantity;
mod role;
mod status;
mod structure;
mod time;
mod written;

pub use identifier::{
    AccountName, ChorusInvoiceId, DepositNumber, DocumentHash, Environment, EstablishmentId, FlowId, InvalidIdentifier,
    InvoiceNumber, Siret, SiretForm, siren,
};
pub use quantity::{ByteSize, Duration, InvalidQuantity};
pub use role::Role;
pub use status::InvoiceStatus;
pub use structure::{StructureEntry, StructureService};
pub use time::{Clock, InvalidTimestamp, Timestamp};
pub use written::same_moment;

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
