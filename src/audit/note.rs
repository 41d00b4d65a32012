//! Signed notes as C2SP specifies them (c2sp.org/signed-note): a text, an empty line, and lines of signatures, with
//! Ed25519 keys. Also the signatures under receipts, which are kept apart from notes by what they sign.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The signature type of Ed25519 in keys and key ids.
const ED25519: u8 = 0x01;

/// What begins a signature line: an em dash and a space.
const SIGNATURE_MARK: &str = "\u{2014} ";

/// What begins the text form of a secret key.
const SECRET_MARK: &str = "PRIVATE+KEY+";

/// A longer note is refused unread.
pub const NOTE_LIMIT_BYTES: usize = 64 * 1024;

/// More signature lines than this are refused.
const SIGNATURE_LINES_LIMIT: usize = 100;

/// A key, or a name of a key, that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    #[error("the journal's origin must not be empty nor contain spaces, control characters or +")]
    Origin,
    #[error("a verifier key reads NAME+HASH+KEY")]
    Form,
    #[error("the key's hash does not fit its name and bytes")]
    Hash,
    #[error("not an Ed25519 key")]
    Algorithm,
}

/// Why a note proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNote {
    #[error("not a signed note")]
    Form,
    #[error("no signature by the key asked for")]
    OtherKey,
    #[error("the signature is wrong")]
    Signature,
}

/// The key id: the first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key).
fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let hash =
        Sha256::new().chain_update(name).chain_update(b"\n").chain_update([ED25519]).chain_update(public).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

fn check_name(name: &str) -> Result<(), InvalidKey> {
    let bad = name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+');
    if bad { Err(InvalidKey::Origin) } else { Ok(()) }
}

/// What is signed for a purpose that is no note. A note's text never begins with a zero byte.
fn purposeful(purpose: &str, message: &[u8]) -> Vec<u8> {
    [b"\0", purpose.as_bytes(), b"\0", message].concat()
}

/// Signs the journal's checkpoints and, for a named purpose, other bytes. Shows its public half only.
#[derive(Clone)]
pub struct Signer {
    origin: String,
    key: SigningKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier().text())
    }
}

impl Signer {
    /// From the journal's origin (`fluxgate/univ-exemple`) and an Ed25519 seed, which the caller keeps secret.
    pub fn from_seed(origin: &str, seed: &[u8; 32]) -> Result<Self, InvalidKey> {
        check_name(origin)?;
        Ok(Self { origin: origin.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// From the text form that [`Signer::secret`] writes, which the Go checksum database's note package reads and writes
    /// too.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let rest = text.strip_prefix(SECRET_MARK).ok_or(InvalidKey::Form)?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidKey::Form);
        };
        let key = Zeroizing::new(STANDARD.decode(key).map_err(|_| InvalidKey::Form)?);
        let (&kind, seed) = key.split_first().ok_or(InvalidKey::Form)?;
        let seed: &[u8; 32] = seed.try_into().map_err(|_| InvalidKey::Algorithm)?;
        if kind != ED25519 {
            return Err(InvalidKey::Algorithm);
        }
        let signer = Self::from_seed(name, seed)?;
        if hex(key_id(name, signer.key.verifying_key().as_bytes())) != id {
            return Err(InvalidKey::Hash);
        }
        Ok(signer)
    }

    /// The secret key with its name: what a file that holds it says.
    pub fn secret(&self) -> Zeroizing<String> {
        let id = hex(key_id(&self.origin, self.key.verifying_key().as_bytes()));
        let key = Zeroizing::new([&[ED25519][..], self.key.as_bytes()].concat());
        let key = Zeroizing::new(STANDARD.encode(&*key));
        Zeroizing::new(format!("{SECRET_MARK}{}+{id}+{}\n", self.origin, *key))
    }

    /// The name in every checkpoint.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The public half.
    pub fn verifier(&self) -> Verifier {
        Verifier { name: self.origin.clone(), key: self.key.verifying_key() }
    }

    /// The signed note over `text`, whose last character must be a newline.
    pub fn sign_note(&self, text: &str) -> Result<String, InvalidNote> {
        check_text(text)?;
        let id = key_id(&self.origin, self.key.verifying_key().as_bytes());
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let encoded = STANDARD.encode([&id[..], &signature].concat());
        Ok(format!("{text}\n{SIGNATURE_MARK}{} {encoded}\n", self.origin))
    }

    /// Signs `message` for `purpose` (`receipt`): the signature counts for no other purpose, and for no note.
    pub fn sign(&self, purpose: &str, message: &[u8]) -> [u8; 64] {
        self.key.sign(&purposeful(purpose, message)).to_bytes()
    }
}

/// Checks what a [`Signer`] signed: the public key with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: VerifyingKey,
}

impl Verifier {
    /// From the text form `NAME+HASH+KEY` (a "vkey"): the key's id in hexadecimal, type and public key in base64.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let (name, rest) = text.split_once('+').ok_or(InvalidKey::Form)?;
        let (id, key) = rest.split_once('+').ok_or(InvalidKey::Form)?;
        check_name(name)?;
        let key = STANDARD.decode(key).map_err(|_| InvalidKey::Form)?;
        let (&kind, key) = key.split_first().ok_or(InvalidKey::Form)?;
        let public: &[u8; 32] = key.try_into().map_err(|_| InvalidKey::Algorithm)?;
        if kind != ED25519 {
            return Err(InvalidKey::Algorithm);
        }
        if hex(key_id(name, public)) != id {
            return Err(InvalidKey::Hash);
        }
        let key = VerifyingKey::from_bytes(public).map_err(|_| InvalidKey::Algorithm)?;
        Ok(Self { name: name.to_owned(), key })
    }

    /// The text form that [`Verifier::parse`] reads: what an auditor is given.
    pub fn text(&self) -> String {
        let id = hex(key_id(&self.name, self.key.as_bytes()));
        format!("{}+{id}+{}", self.name, STANDARD.encode([&[ED25519][..], self.key.as_bytes()].concat()))
    }

    /// The journal's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The note's text, when this key signed it. Signatures of other keys are passed over.
    pub fn verify_note<'a>(&self, note: &'a str) -> Result<&'a str, InvalidNote> {
        self.verify_note_within(note, NOTE_LIMIT_BYTES)
    }

    /// The same of a note that may be so long.
    pub fn verify_note_within<'a>(&self, note: &'a str, limit: usize) -> Result<&'a str, InvalidNote> {
        if note.len() > limit {
            return Err(InvalidNote::Form);
        }
        let split = note.rfind("\n\n").ok_or(InvalidNote::Form)?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        check_text(text)?;
        let lines = lines.strip_suffix('\n').ok_or(InvalidNote::Form)?;
        if lines.split('\n').count() > SIGNATURE_LINES_LIMIT {
            return Err(InvalidNote::Form);
        }
        let own_id = key_id(&self.name, self.key.as_bytes());
        let mut signed = false;
        for line in lines.split('\n') {
            let (name, encoded) =
                line.strip_prefix(SIGNATURE_MARK).and_then(|l| l.split_once(' ')).ok_or(InvalidNote::Form)?;
            check_name(name).map_err(|_| InvalidNote::Form)?;
            let bytes = STANDARD.decode(encoded).map_err(|_| InvalidNote::Form)?;
            let (id, signature) = bytes.split_first_chunk::<4>().ok_or(InvalidNote::Form)?;
            if name == self.name && *id == own_id {
                let signature = Signature::from_slice(signature).map_err(|_| InvalidNote::Signature)?;
                self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| InvalidNote::Signature)?;
                signed = true;
            }
        }
        if signed { Ok(text) } else { Err(InvalidNote::OtherKey) }
    }

    /// Whether `signature` is this key's for `purpose` over `message`: see [`Signer::sign`].
    pub fn verify(&self, purpose: &str, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(&purposeful(purpose, message), &Signature::from_bytes(signature)).is_ok()
    }
}

/// A note's text ends with a newline and has no other control character.
fn check_text(text: &str) -> Result<(), InvalidNote> {
    let bad = !text.ends_with('\n') || text.chars().any(|c| c < ' ' && c != '\n');
    if bad { Err(InvalidNote::Form) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example published with the Go checksum database's note package (golang.org/x/mod/sumdb/note).
    const SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\
        \n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn peter() -> Signer {
        let secret = STANDARD.decode(SECRET).unwrap();
        Signer::from_seed("PeterNeumann", secret[1..].try_into().unwrap()).unwrap()
    }

    #[test]
    fn the_published_note_is_made_and_read() {
        let verifier = Verifier::parse(PUBLIC).unwrap();
        let text = verifier.verify_note(NOTE).unwrap();
        assert_eq!(peter().sign_note(text).unwrap(), NOTE);
        assert_eq!(peter().verifier().text(), PUBLIC);
        assert_eq!(peter().verifier(), verifier);
    }

    #[test]
    fn a_secret_key_is_written_and_read_as_published() {
        let text = format!("PRIVATE+KEY+PeterNeumann+c74f20a3+{SECRET}");
        assert_eq!(peter().secret().trim_end(), text);
        assert_eq!(Signer::parse(&text).unwrap().verifier(), peter().verifier());
        let wrong = |text: &str| Signer::parse(text).map(|_| ());
        assert_eq!(wrong(&text.replace("c74f20a3", "c74f20a4")), Err(InvalidKey::Hash));
        assert_eq!(wrong(PUBLIC), Err(InvalidKey::Form));
        assert_eq!(wrong(&text[..text.len() - 8]), Err(InvalidKey::Algorithm));
    }

    #[test]
    fn a_changed_note_proves_nothing() {
        let verifier = Verifier::parse(PUBLIC).unwrap();
        assert_eq!(verifier.verify_note(&NOTE.replace("the answer", "an answer")), Err(InvalidNote::Signature));
        assert_eq!(verifier.verify_note(&NOTE.replace("Peter", "Petra")), Err(InvalidNote::OtherKey));
        assert_eq!(verifier.verify_note(NOTE.trim_end()), Err(InvalidNote::Form));
        assert_eq!(verifier.verify_note(&NOTE.replace("\u{2014} ", "- ")), Err(InvalidNote::Form));
        assert_eq!(verifier.verify_note("text\n"), Err(InvalidNote::Form));
        let other = Signer::from_seed("PeterNeumann", &[7; 32]).unwrap();
        assert_eq!(verifier.verify_note(&other.sign_note("text\n").unwrap()), Err(InvalidNote::OtherKey));
        // Another's signature beside ours is passed over.
        let stranger = other.sign_note("If\n").unwrap();
        let line = stranger.split_once("\n\n").unwrap().1;
        assert!(verifier.verify_note(&format!("{NOTE}{line}")).is_ok());
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        assert_eq!(Verifier::parse(&PUBLIC.replace("c74f20a3", "c74f20a4")), Err(InvalidKey::Hash));
        assert_eq!(Verifier::parse("PeterNeumann"), Err(InvalidKey::Form));
        assert_eq!(Verifier::parse("PeterNeumann+c74f20a3+Alpc"), Err(InvalidKey::Algorithm));
        for origin in ["", "a b", "a+b", "a\nb"] {
            assert!(Signer::from_seed(origin, &[0; 32]).is_err(), "{origin:?}");
        }
        assert!(!format!("{:?}", peter()).contains("KFALVFGyNhPJ"));
    }

    #[test]
    fn a_signature_counts_for_its_purpose_only() {
        let (signer, verifier) = (peter(), peter().verifier());
        let signature = signer.sign("receipt", b"{}");
        assert!(verifier.verify("receipt", b"{}", &signature));
        assert!(!verifier.verify("receipt", b"{ }", &signature));
        assert!(!verifier.verify("dossier", b"{}", &signature));
    }
}
