//! `[[account]]`: a business application that may log in, and how it proves who it is. Front never sees this part
//! of the configuration: it asks core.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use argon2::password_hash::phc;
use base64::Engine;
use serde::{Deserialize, Serialize};

use crate::domain::AccountName;

/// One `[[account]]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSection {
    pub name: AccountName,
    /// argon2id, in PHC form; without it only keys open the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<PasswordHash>,
    /// OpenSSH public keys.
    #[serde(default)]
    pub authorized_keys: Vec<KeyLine>,
    /// Networks the account may come from; empty: anywhere.
    #[serde(default)]
    pub allow_from: Vec<Network>,
}

impl AccountSection {
    /// Whether the account may come from `peer`.
    pub fn allows(&self, peer: IpAddr) -> bool {
        self.allow_from.is_empty() || self.allow_from.iter().any(|network| network.contains(peer))
    }
}

/// An argon2id hash in PHC form whose cost this box can afford.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PasswordHash(String);

/// Memory of one verification in KiB, at most.
const MOST_MEMORY: u32 = 256 * 1024;
/// Passes of one verification, at most.
const MOST_PASSES: u32 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("password_hash: {0}; make one with: fluxgate user hash")]
pub struct InvalidHash(&'static str);

impl PasswordHash {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PasswordHash {
    type Error = InvalidHash;
    fn try_from(text: String) -> Result<Self, InvalidHash> {
        let hash = phc::PasswordHash::new(&text).map_err(|_| InvalidHash("not a PHC string"))?;
        if hash.algorithm.as_str() != "argon2id" || hash.hash.is_none() || hash.salt.is_none() {
            return Err(InvalidHash("not an argon2id hash"));
        }
        let cost = argon2::Params::try_from(&hash).map_err(|_| InvalidHash("unknown parameters"))?;
        if cost.m_cost() > MOST_MEMORY || cost.t_cost() > MOST_PASSES {
            return Err(InvalidHash("costs too much: at most m=262144, t=16"));
        }
        Ok(Self(text))
    }
}

impl From<PasswordHash> for String {
    fn from(hash: PasswordHash) -> String {
        hash.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// An OpenSSH public key line: type, base64 and comment. Options before the type are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyLine {
    text: String,
    blob: Vec<u8>,
}

/// Why a key line is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    #[error("authorized_keys: write the key as in an OpenSSH .pub file: type, base64, comment")]
    Form,
    #[error("authorized_keys: only ssh-ed25519, ecdsa-sha2-nistp256/384/521 and ssh-rsa keys are accepted")]
    Type,
    #[error("authorized_keys: an RSA key needs at least 2048 bits")]
    ShortRsa,
}

/// Bits of an RSA modulus, at least.
const RSA_BITS: usize = 2048;

impl KeyLine {
    /// The key in SSH wire form (RFC 4253 §6.6), to compare with what a client offers.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }
}

impl FromStr for KeyLine {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        const TYPES: [&str; 5] =
            ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];
        let mut words = text.split_whitespace();
        let (kind, base64) = (words.next().ok_or(InvalidKey::Form)?, words.next().ok_or(InvalidKey::Form)?);
        if !TYPES.contains(&kind) {
            return Err(InvalidKey::Type);
        }
        let blob = base64::engine::general_purpose::STANDARD.decode(base64).map_err(|_| InvalidKey::Form)?;
        let mut rest = blob.as_slice();
        if take_string(&mut rest).ok_or(InvalidKey::Form)? != kind.as_bytes() {
            return Err(InvalidKey::Form);
        }
        let first = take_string(&mut rest).ok_or(InvalidKey::Form)?;
        if kind == "ssh-rsa" {
            let modulus = take_string(&mut rest).ok_or(InvalidKey::Form)?;
            let significant = modulus.iter().position(|b| *b != 0).map_or(&[][..], |at| &modulus[at..]);
            let top = significant.first().map_or(0, |b| b.leading_zeros() as usize);
            if significant.len() * 8 - top < RSA_BITS {
                return Err(InvalidKey::ShortRsa);
            }
        } else if kind == "ssh-ed25519" {
            if first.len() != 32 {
                return Err(InvalidKey::Form);
            }
        } else {
            // ECDSA: the curve's name, then the point.
            take_string(&mut rest).ok_or(InvalidKey::Form)?;
        }
        if rest.is_empty() { Ok(Self { text: text.to_owned(), blob }) } else { Err(InvalidKey::Form) }
    }
}

/// An SSH string: `u32` length and bytes.
fn take_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let (string, tail) = tail.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = tail;
    Some(string)
}

impl TryFrom<String> for KeyLine {
    type Error = InvalidKey;
    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}

impl From<KeyLine> for String {
    fn from(line: KeyLine) -> String {
        line.text
    }
}

/// A network in CIDR form, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("allow_from: {0:?} is no network: write 10.0.0.0/8, 2001:db8::/32 or one address")]
pub struct InvalidNetwork(String);

impl Network {
    /// Whether the address lies in the network; an IPv4 address that came over an IPv6 socket counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                Ipv4Addr::to_bits(own) & mask == Ipv4Addr::to_bits(other) & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                Ipv6Addr::to_bits(own) & mask == Ipv6Addr::to_bits(other) & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let wrong = || InvalidNetwork(text.chars().take(60).collect());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        if prefix > longest { Err(wrong()) } else { Ok(Self { address, prefix }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;
    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        network.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let within = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse::<IpAddr>().unwrap())
        };
        assert!(within("10.0.0.0/8", "10.255.1.2"));
        assert!(within("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(!within("10.0.0.0/8", "11.0.0.1"));
        assert!(within("192.168.1.7", "192.168.1.7"));
        assert!(!within("192.168.1.7", "192.168.1.6"));
        assert!(within("0.0.0.0/0", "8.8.8.8"));
        assert!(!within("0.0.0.0/0", "2001:db8::1"));
        assert!(within("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(within("::/0", "2001:db8::1"));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "a", "10.0.0.0/-1", "::/129", "10.0.0.0/8/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    fn ssh_string(parts: &[&[u8]]) -> Vec<u8> {
        let mut blob = Vec::new();
        for part in parts {
            blob.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
            blob.extend_from_slice(part);
        }
        blob
    }

    fn line(kind: &str, parts: &[&[u8]]) -> String {
        let all: Vec<&[u8]> = [kind.as_bytes()].into_iter().chain(parts.iter().copied()).collect();
        format!("{kind} {} someone@somewhere", base64::engine::general_purpose::STANDARD.encode(ssh_string(&all)))
    }

    #[test]
    fn key_lines() {
        assert!(line("ssh-ed25519", &[&[1; 32]]).parse::<KeyLine>().is_ok());
        assert_eq!(line("ssh-ed25519", &[&[1; 31]]).parse::<KeyLine>(), Err(InvalidKey::Form));
        assert!(line("ssh-rsa", &[&[1, 0, 1], &[0x80; 256]]).parse::<KeyLine>().is_ok());
        assert_eq!(line("ssh-rsa", &[&[1, 0, 1], &[0x80; 128]]).parse::<KeyLine>(), Err(InvalidKey::ShortRsa));
        assert_eq!(line("ssh-rsa", &[&[1, 0, 1], &[0x7f; 256]]).parse::<KeyLine>(), Err(InvalidKey::ShortRsa));
        assert!(line("ecdsa-sha2-nistp256", &[b"nistp256", &[4; 65]]).parse::<KeyLine>().is_ok());
        assert_eq!(line("ssh-dss", &[&[1; 32]]).parse::<KeyLine>(), Err(InvalidKey::Type));
        assert_eq!("ssh-ed25519".parse::<KeyLine>(), Err(InvalidKey::Form));
        assert_eq!("ssh-ed25519 !!!!".parse::<KeyLine>(), Err(InvalidKey::Form));
    }

    #[test]
    fn hashes_are_argon2id_of_an_affordable_cost() {
        let hash = |text: &str| PasswordHash::try_from(text.to_owned());
        let tail = "c2FsdHNhbHRzYWx0$bmV2ZXJtaW5kbmV2ZXJtaW5kbmV2ZXJtaW5kbmV2ZXI";
        assert!(hash(&format!("$argon2id$v=19$m=19456,t=2,p=1${tail}")).is_ok());
        assert!(hash(&format!("$argon2id$v=19$m=4194304,t=2,p=1${tail}")).is_err());
        assert!(hash(&format!("$argon2i$v=19$m=19456,t=2,p=1${tail}")).is_err());
        assert!(hash("secret").is_err());
        assert!(!format!("{:?}", hash(&format!("$argon2id$v=19$m=19456,t=2,p=1${tail}"))).contains("argon2"));
    }
}
