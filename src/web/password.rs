//! Passwords of the page's people: argon2id (m = 19 MiB, t = 2, p = 1), the same work whether a name exists or not.

use std::sync::{Condvar, LazyLock, Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::web::words::Tongue;

/// Characters a password has at least.
pub const SHORTEST: usize = 12;
/// Characters a password has at most: hashing is work that strangers ask for.
pub const LONGEST: usize = 256;
/// Hashings at once: each takes 19 MiB and a processor.
const AT_ONCE: usize = 2;

/// Why a hash could not be made.
#[derive(Debug, thiserror::Error)]
#[error("argon2: {0}")]
pub struct HashError(String);

/// The PHC string of a password.
pub fn hash(password: &str) -> Result<String, HashError> {
    let _turn = Turn::wait();
    let hash = argon2().hash_password(password.as_bytes()).map_err(|e| HashError(e.to_string()))?;
    Ok(hash.to_string())
}

/// What who gave another password is told.
pub fn wrong(t: Tongue) -> &'static str {
    t.say("Le mot de passe est incorrect.", "The password is wrong.")
}

/// Whether `password` belongs to `hash`. Without a hash (an unknown name) the same work is done for a refusal.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    /// A hash that no password belongs to, made once.
    static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| {
        let mut random = [0; 32];
        getrandom::fill(&mut random).ok()?;
        self::hash(&base64::Engine::encode(&base64::engine::general_purpose::STANDARD, random)).ok()
    });
    if password.chars().count() > LONGEST {
        return false;
    }
    let known = hash.is_some();
    let nobody = NOBODY.as_deref();
    let _turn = Turn::wait();
    let Some(parsed) = hash.or(nobody).and_then(|text| PasswordHash::new(text).ok()) else { return false };
    argon2().verify_password(password.as_bytes(), &parsed).is_ok() && known
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, None).expect("constants within argon2's ranges");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// One of [`AT_ONCE`] places to hash in, given back on drop.
struct Turn;

static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Turn {
    fn wait() -> Self {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken >= AT_ONCE {
            taken = FREED.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = taken.saturating_sub(1);
        FREED.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_password_and_no_other() {
        let phc = hash("correct horse battery").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_ne!(phc, hash("correct horse battery").unwrap(), "salted");
        assert!(verify("correct horse battery", Some(&phc)));
        assert!(!verify("correct horse batterY", Some(&phc)));
        assert!(!verify("anything", None));
        assert!(!verify("anything", Some("not a hash")));
    }
}
