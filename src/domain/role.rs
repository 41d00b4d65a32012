//! What the establishment has to do with an invoice of others that Chorus Pro shows it.

use std::fmt;
use std::str::FromStr;

use super::InvalidIdentifier;

/// Two things that must never be mistaken for each other: what is to be paid, and what another one will pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Role {
    /// It is invoiced: it treats the invoice and pays it.
    #[default]
    Recipient,
    /// It holds the contract, or is a partner in it: it validates or refuses what a sub- or co-contractor sends to
    /// somebody else, who pays.
    Validator,
}

impl Role {
    pub const ALL: [Role; 2] = [Role::Recipient, Role::Validator];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Recipient => "recipient",
            Role::Validator => "validator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = InvalidIdentifier;
    fn from_str(value: &str) -> Result<Self, InvalidIdentifier> {
        Role::ALL.into_iter().find(|role| role.as_str() == value).ok_or_else(|| InvalidIdentifier {
            kind: "Role",
            reason: "must be recipient or validator",
            value: value.chars().take(80).collect(),
        })
    }
}
