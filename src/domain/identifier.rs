//! Identifiers. Three that look alike are three types: [`DepositNumber`] (numeroFluxDepot),
//! [`ChorusInvoiceId`] (idFacture, identifiantFactureCPP) and [`InvoiceNumber`] (BT-1, numeroFacture).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an identifier could not be read from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {reason}: {value:?}")]
pub struct InvalidIdentifier {
    /// Which identifier was wanted.
    pub kind: &'static str,
    /// What is wrong with the value.
    pub reason: &'static str,
    /// The value, cut to 80 characters.
    pub value: String,
}

fn invalid(kind: &'static str, reason: &'static str, value: &str) -> InvalidIdentifier {
    InvalidIdentifier { kind, reason, value: value.chars().take(80).collect() }
}

/// Declares a text identifier: construction only through `FromStr`, so an illegal value cannot be built.
macro_rules! text_identifier {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidIdentifier;
            fn from_str(value: &str) -> Result<Self, InvalidIdentifier> {
                let check: fn(&str) -> Result<(), &'static str> = $check;
                check(value).map_err(|reason| invalid(stringify!($name), reason, value))?;
                Ok(Self(value.to_owned()))
            }
        }

        written_as_text!($name, InvalidIdentifier);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn slug(value: &str, longest: usize) -> Result<(), &'static str> {
    if value.is_empty() || value.len() > longest {
        return Err("must be 1 to 32 characters");
    }
    if !value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_') {
        return Err("only a-z, 0-9, - and _ are allowed");
    }
    if value.starts_with('-') || value.starts_with('_') {
        return Err("must begin with a letter or a digit");
    }
    Ok(())
}

text_identifier!(
    /// The short name an establishment has on this box: `[a-z0-9-_]`, 1 to 32 characters.
    EstablishmentId,
    |v| slug(v, 32)
);

text_identifier!(
    /// The name of an SFTP account; also the name of its folder on disk: `[a-z0-9-_]`, 1 to 32 characters.
    AccountName,
    |v| slug(v, 32)
);

text_identifier!(
    /// A flow's name: a UUID version 7 in lower-case Crockford base32, 26 characters, ordered by time.
    FlowId,
    |v| {
        if v.len() != 26 || !v.bytes().all(|b| CROCKFORD.contains(&b)) || v.as_bytes()[0] > b'7' {
            return Err("must be 26 characters of lower-case Crockford base32");
        }
        Ok(())
    }
);

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl FlowId {
    /// From the 128 bits of a UUID version 7, made by the caller (this module has no clock and no randomness).
    pub fn from_u128(bits: u128) -> Self {
        let text = (0..26u32)
            .map(|i| char::from(CROCKFORD[usize::try_from((bits >> (125 - 5 * i)) & 31).expect("five bits fit")]))
            .collect();
        Self(text)
    }
}

text_identifier!(
    /// Chorus Pro's number of a deposited flux: numeroFluxDepot, at most 25 printable characters (PROTOCOL §2.2).
    DepositNumber,
    |v| {
        if v.is_empty() || v.len() > 25 {
            return Err("must be 1 to 25 characters");
        }
        if !v.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("must be printable ASCII without spaces");
        }
        Ok(())
    }
);

text_identifier!(
    /// The supplier's number of an invoice (BT-1, numeroFacture): not empty, at most 1,024 characters, no control
    /// characters. What Chorus Pro demands of it beyond that is a check, not a type.
    InvoiceNumber,
    |v| {
        if v.trim().is_empty() {
            return Err("must not be empty");
        }
        if v.chars().count() > 1024 {
            return Err("must be at most 1,024 characters");
        }
        if v.chars().any(char::is_control) {
            return Err("must not contain control characters");
        }
        Ok(())
    }
);

/// Chorus Pro's own number of an invoice: `idFacture` in searches and downloads, `identifiantFactureCPP` elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChorusInvoiceId(pub i64);

impl fmt::Display for ChorusInvoiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which Chorus Pro a thing belongs to. Practice is the built-in simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    Production,
    Qualification,
    Practice,
}

impl Environment {
    pub const ALL: [Environment; 3] = [Environment::Production, Environment::Qualification, Environment::Practice];

    pub fn as_str(self) -> &'static str {
        match self {
            Environment::Production => "production",
            Environment::Qualification => "qualification",
            Environment::Practice => "practice",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = InvalidIdentifier;
    fn from_str(value: &str) -> Result<Self, InvalidIdentifier> {
        Environment::ALL
            .into_iter()
            .find(|e| e.as_str() == value)
            .ok_or_else(|| invalid("Environment", "must be production, qualification or practice", value))
    }
}

/// A SIRET: fourteen digits. Whether its check digit holds is told by [`Siret::form`], never refused here:
/// Chorus Pro's qualification data set fails it on purpose (PROTOCOL §1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Siret(String);

/// What a SIRET's check digit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiretForm {
    /// The Luhn sum holds, or the number is one of La Poste's (SIREN 356000000), whose digits add up to a multiple of 5.
    Sound,
    /// The check digit is wrong: a typing error, or one of the qualification data set.
    CheckDigitWrong,
}

impl Siret {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first nine digits.
    pub fn siren(&self) -> &str {
        &self.0[..9]
    }

    pub fn form(&self) -> SiretForm {
        let digits = self.0.bytes().map(|b| u32::from(b - b'0'));
        let luhn: u32 = digits
            .clone()
            .rev()
            .enumerate()
            .map(|(i, d)| {
                if i % 2 == 0 {
                    d
                } else if d * 2 > 9 {
                    d * 2 - 9
                } else {
                    d * 2
                }
            })
            .sum();
        if luhn.is_multiple_of(10) || (self.siren() == "356000000" && digits.sum::<u32>().is_multiple_of(5)) {
            SiretForm::Sound
        } else {
            SiretForm::CheckDigitWrong
        }
    }
}

impl FromStr for Siret {
    type Err = InvalidIdentifier;
    fn from_str(value: &str) -> Result<Self, InvalidIdentifier> {
        if value.len() == 14 && value.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(value.to_owned()))
        } else {
            Err(invalid("Siret", "must be 14 digits", value))
        }
    }
}

written_as_text!(Siret, InvalidIdentifier);

impl fmt::Display for Siret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The SHA-256 of a document's bytes: its name in the store. Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocumentHash(pub [u8; 32]);

impl fmt::Display for DocumentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for DocumentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentHash({self})")
    }
}

impl FromStr for DocumentHash {
    type Err = InvalidIdentifier;
    fn from_str(value: &str) -> Result<Self, InvalidIdentifier> {
        let wrong = || invalid("DocumentHash", "must be 64 lower-case hexadecimal digits", value);
        if value.len() != 64 || !value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(wrong());
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(value.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(hash))
    }
}

written_as_text!(DocumentHash, InvalidIdentifier);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flow_ids_keep_the_order_of_their_bits() {
        let low = FlowId::from_u128(1);
        let high = FlowId::from_u128(u128::MAX);
        assert_eq!(low.as_str(), "00000000000000000000000001");
        assert_eq!(high.as_str(), "7zzzzzzzzzzzzzzzzzzzzzzzzz");
        assert!(low < high);
        assert_eq!(high.as_str().parse::<FlowId>().unwrap(), high);
        assert!("8zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<FlowId>().is_err());
    }

    #[test]
    fn siret_check_digits() {
        let form = |s: &str| s.parse::<Siret>().unwrap().form();
        assert_eq!(form("73282932000074"), SiretForm::Sound);
        assert_eq!(form("73282932000075"), SiretForm::CheckDigitWrong);
        assert_eq!(form("33254021516357"), SiretForm::CheckDigitWrong, "qualification data set");
        assert_eq!(form("35600000049837"), SiretForm::Sound, "La Poste: Luhn fails, the plain sum is a multiple of 5");
        assert!("7328293200007".parse::<Siret>().is_err());
        assert!("7328293200007x".parse::<Siret>().is_err());
    }

    #[test]
    fn hashes_read_what_they_write() {
        let hash = DocumentHash([0xa5; 32]);
        assert_eq!(hash.to_string().parse::<DocumentHash>().unwrap(), hash);
        assert!("A5".repeat(32).parse::<DocumentHash>().is_err());
    }

    #[test]
    fn slugs_refuse_what_could_leave_a_folder() {
        for bad in ["", ".", "..", "a/b", "é", "-a", "A", "a b", &"a".repeat(33)] {
            assert!(bad.parse::<AccountName>().is_err(), "{bad:?}");
        }
        assert!("sifac-recettes_2".parse::<AccountName>().is_ok());
    }
}
