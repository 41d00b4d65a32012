//! The metadata's files: read within limits, held against their signatures, and told apart where these do not suffice.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tough::schema::{Error, Role, Root, Signed};

use super::UpdateError;
use super::error;
use crate::domain::Timestamp;
use crate::fault::Text;

/// The longest file of metadata, in bytes.
pub const METADATA_BYTES_LIMIT: u64 = 256 * 1024;

/// The most signatures under one file; each costs a verification.
pub const SIGNATURES_LIMIT: usize = 32;

/// A signed file, not yet believed.
pub fn read<T: DeserializeOwned>(role: error::Role, bytes: &[u8]) -> Result<Signed<T>, UpdateError> {
    let read: Result<Signed<T>, _> = serde_json::from_slice(bytes);
    let why = |detail: &dyn std::fmt::Display| {
        Text::technical("ces métadonnées sont illisibles", "this metadata cannot be read", detail)
    };
    match read {
        Ok(signed) if signed.signatures.len() > SIGNATURES_LIMIT => {
            Err(UpdateError::Altered { what: role.into(), why: why(&"too many signatures") })
        }
        Ok(signed) => Ok(signed),
        Err(cause) => Err(UpdateError::Altered { what: role.into(), why: why(&cause) }),
    }
}

/// As much of a file as fits a limit and one byte.
pub fn file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(METADATA_BYTES_LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether as many keys as a root asks of a role signed a file of it.
pub fn signed_enough<T: Role + Serialize>(
    root: &Root,
    signed: &Signed<T>,
    role: error::Role,
) -> Result<(), UpdateError> {
    let Err(refusal) = root.verify_role(signed) else { return Ok(()) };
    let keys = root.roles.get(&T::TYPE);
    let named = |id| keys.is_some_and(|keys| keys.keyids.contains(id));
    let known = signed.signatures.iter().filter(|signature| named(&signature.keyid)).count();
    let known = u64::try_from(known).unwrap_or(u64::MAX);
    Err(match refusal {
        _ if known == 0 => UpdateError::Foreign { role },
        Error::SignatureThreshold { threshold, valid, .. } if known < threshold => {
            UpdateError::UnderSigned { role, valid, threshold }
        }
        // Enough keys are named, yet what they signed is something else.
        Error::SignatureThreshold { .. } => UpdateError::altered(
            role,
            "des clés de confiance sont nommées, mais leurs signatures ne valent pas",
            "trusted keys are named, but their signatures do not hold",
        ),
        Error::DuplicateKeyId { .. } => {
            UpdateError::altered(role, "une clé y est nommée deux fois", "a key is named there twice")
        }
        other => UpdateError::Altered {
            what: role.into(),
            why: Text::technical("ses signatures sont illisibles", "its signatures cannot be read", other),
        },
    })
}

/// Whether a file of metadata still counts.
pub fn in_time<T: Role>(signed: &Signed<T>, role: error::Role, now: Timestamp) -> Result<Timestamp, UpdateError> {
    let at = Timestamp::from_millis(signed.signed.expires().as_millisecond());
    if at <= now { Err(UpdateError::Expired { role, at }) } else { Ok(at) }
}
