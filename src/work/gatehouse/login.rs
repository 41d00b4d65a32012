//! Log-ins of business applications: as much work for an unknown name as for a wrong password, and never more of it
//! at once than the box can carry.

use std::net::IpAddr;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;

use super::Rules;
use crate::domain::{AccountName, Timestamp};
use crate::gate::{AccountSection, Proof};
use crate::store::{Note, Store};

/// Password checks at once: each takes 19 MiB and a core for some 30 ms.
const CHECKS: usize = 2;
/// A check that does not get its turn within this time is refused.
const TURN_TIME: Duration = Duration::from_secs(10);
/// Refused log-ins journalled in a minute; the rest is counted and told with the next one that is.
const REFUSALS_NOTED: u32 = 30;
const MINUTE: Duration = Duration::from_secs(60);
/// Bytes of a password, at most.
const PASSWORD_LIMIT: usize = 1024;

pub struct Logins {
    store: Store,
    /// Verified for names that do not exist.
    dummy: String,
    running: Mutex<usize>,
    freed: Condvar,
    noted: Mutex<Noted>,
}

/// Refused log-ins of the present minute.
struct Noted {
    since: Instant,
    noted: u32,
    not_noted: u64,
}

/// What the product makes hashes with; configured hashes may cost otherwise.
fn hasher() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, None).expect("the recommended parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

impl Logins {
    pub fn new(store: Store) -> Self {
        let dummy = hasher().hash_password(b"nobody's password").map(|hash| hash.to_string()).unwrap_or_default();
        let noted = Noted { since: Instant::now(), noted: 0, not_noted: 0 };
        Self { store, dummy, running: Mutex::new(0), freed: Condvar::new(), noted: Mutex::new(noted) }
    }

    /// The account, if the log-in is let in. Journalled, except for a key that is only offered.
    pub fn check(
        &self,
        rules: &Rules,
        login: &str,
        proof: Proof,
        secret: &[u8],
        peer: IpAddr,
        now: Timestamp,
    ) -> Option<AccountName> {
        let account = login.parse().ok().and_then(|name| rules.account(&name));
        let proven = match proof {
            Proof::Password => self.password_opens(account, secret),
            Proof::OfferedKey | Proof::VerifiedKey => key_opens(account, secret),
        };
        let let_in = account.filter(|account| proven && account.allows(peer)).map(|account| account.name.clone());
        match (&let_in, proof) {
            (_, Proof::OfferedKey) => {}
            (Some(account), _) => self.note("login", Some(account), login, proof, peer, 0, now),
            (None, _) => {
                if let Some(not_noted) = self.may_note_refusal(Instant::now()) {
                    self.note("login_refused", None, login, proof, peer, not_noted, now);
                }
            }
        }
        let_in
    }

    fn password_opens(&self, account: Option<&AccountSection>, password: &[u8]) -> bool {
        let hash = account.and_then(|account| account.password_hash.as_ref());
        let Some(_turn) = self.turn() else {
            log::warn!("A password was not checked: too many log-ins at once");
            return false;
        };
        let checked = &password[..password.len().min(PASSWORD_LIMIT)];
        let text = hash.map_or(self.dummy.as_str(), |hash| hash.as_str());
        let matches = hasher().verify_password(checked, text).is_ok();
        matches && hash.is_some() && password.len() <= PASSWORD_LIMIT
    }

    fn turn(&self) -> Option<Turn<'_>> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut running, waited) = self
            .freed
            .wait_timeout_while(running, TURN_TIME, |running| *running >= CHECKS)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return None;
        }
        *running += 1;
        Some(Turn(self))
    }

    /// `Some(n)`: this refusal may be journalled, and `n` before it were not.
    fn may_note_refusal(&self, now: Instant) -> Option<u64> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(noted.since) > MINUTE {
            noted.since = now;
            noted.noted = 0;
        }
        if noted.noted >= REFUSALS_NOTED {
            noted.not_noted += 1;
            return None;
        }
        noted.noted += 1;
        Some(std::mem::take(&mut noted.not_noted))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one note")]
    fn note(
        &self,
        kind: &'static str,
        account: Option<&AccountName>,
        login: &str,
        proof: Proof,
        peer: IpAddr,
        not_noted: u64,
        at: Timestamp,
    ) {
        let method = if proof == Proof::Password { "password" } else { "publickey" };
        let mut objects = std::collections::BTreeMap::from([("method".to_owned(), method.to_owned())]);
        if let Some(account) = account {
            objects.insert("account".to_owned(), account.to_string());
        }
        if not_noted > 0 {
            objects.insert("not_journalled".to_owned(), not_noted.to_string());
        }
        let private = [("login", login.to_owned()), ("peer", peer.to_string())];
        let note = Note {
            kind,
            actor: "front".to_owned(),
            realm: None,
            objects,
            hashes: std::collections::BTreeMap::new(),
            private: private.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            at,
        };
        if let Err(e) = self.store.note(note).wait() {
            log::error!(error = e.to_string().as_str(); "A log-in could not be journalled");
        }
    }
}

/// A check under way.
struct Turn<'a>(&'a Logins);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.running.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.freed.notify_one();
    }
}

/// Every key is compared, each in constant time: which one fits is not told by how long it takes.
fn key_opens(account: Option<&AccountSection>, blob: &[u8]) -> bool {
    let Some(account) = account else { return false };
    account.authorized_keys.iter().fold(false, |opens, line| opens | bool::from(line.blob().ct_eq(blob)))
}
