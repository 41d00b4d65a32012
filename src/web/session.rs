//! Who is logged in: a table in memory, so that a restart logs everybody out and nothing of it is on disk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The session's cookie: `__Host-` binds it to this host, https and the whole path.
pub const COOKIE: &str = "__Host-session";
/// The cookie that binds a form shown before log-in to its browser.
pub const VISITOR_COOKIE: &str = "__Host-visitor";
/// A session ends after this, however busy.
const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// Sessions at once; the one idle longest makes room.
const SESSION_LIMIT: usize = 1000;

/// 256 random bits as text.
pub fn random_token() -> Result<String, getrandom::Error> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits)?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}

/// A person who is logged in.
#[derive(Debug, Clone)]
pub struct Session {
    pub person: String,
    /// What every form of this session carries.
    pub csrf: String,
    began: Instant,
    seen: Instant,
}

/// The sessions, by the hash of their token: a look-up's time tells nothing about a token.
pub struct Sessions {
    idle: Duration,
    table: Mutex<HashMap<[u8; 32], Session>>,
    /// Makes the tokens of forms that are shown before log-in.
    visitor_key: [u8; 32],
}

impl Sessions {
    pub fn new(idle: Duration) -> Result<Self, getrandom::Error> {
        let mut visitor_key = [0; 32];
        getrandom::fill(&mut visitor_key)?;
        Ok(Self { idle, table: Mutex::new(HashMap::new()), visitor_key })
    }

    /// Begins a session; answers its token.
    pub fn begin(&self, person: &str, now: Instant) -> Result<String, getrandom::Error> {
        let token = random_token()?;
        let session = Session { person: person.to_owned(), csrf: random_token()?, began: now, seen: now };
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|_, s| self.is_alive(s, now));
        if table.len() >= SESSION_LIMIT {
            let idlest = table.iter().min_by_key(|(_, s)| s.seen).map(|(k, _)| *k);
            idlest.and_then(|key| table.remove(&key));
        }
        table.insert(key(&token), session);
        Ok(token)
    }

    /// The living session of a token. `by_person` is false for what a page asks for by itself: that keeps none alive.
    pub fn find(&self, token: &str, by_person: bool, now: Instant) -> Option<Session> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(token);
        let session = table.get_mut(&key)?;
        if !self.is_alive(session, now) {
            table.remove(&key);
            return None;
        }
        if by_person {
            session.seen = now;
        }
        Some(session.clone())
    }

    pub fn end(&self, token: &str) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(token));
    }

    /// Ends every session of a person but the one of `keep` (a changed password logs the others out).
    pub fn end_others(&self, person: &str, keep: &str) {
        let keep = key(keep);
        self.table.lock().unwrap_or_else(PoisonError::into_inner).retain(|k, s| s.person != person || *k == keep);
    }

    /// The form token of a visitor who is not logged in.
    pub fn visitor_csrf(&self, visitor: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.visitor_key);
        hash.update(visitor.as_bytes());
        hash.update(self.visitor_key);
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }

    fn is_alive(&self, session: &Session, now: Instant) -> bool {
        now.saturating_duration_since(session.seen) < self.idle
            && now.saturating_duration_since(session.began) < LONGEST
    }
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

fn key(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A cookie that scripts cannot read and other sites cannot send.
pub fn strict_cookie(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict")
}

/// Takes a cookie away.
pub fn gone_cookie(name: &str) -> String {
    format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_idleness_by_age_and_by_hand() {
        let sessions = Sessions::new(Duration::from_secs(60)).unwrap();
        let start = Instant::now();
        let after = |s| start + Duration::from_secs(s);
        let token = sessions.begin("anna", start).unwrap();
        assert_eq!(sessions.find(&token, true, after(50)).unwrap().person, "anna");
        assert!(sessions.find(&token, false, after(100)).is_some());
        assert!(sessions.find(&token, true, after(111)).is_none(), "a page's own refresh kept nobody logged in");

        let token = sessions.begin("anna", start).unwrap();
        assert!((0..720).all(|minute| sessions.find(&token, true, after(minute * 59)).is_some()));
        assert!((720..740).any(|minute| sessions.find(&token, true, after(minute * 59)).is_none()), "twelve hours");

        let token = sessions.begin("anna", start).unwrap();
        sessions.end(&token);
        assert!(sessions.find(&token, true, start).is_none());
        assert!(sessions.find("", true, start).is_none());
    }

    #[test]
    fn a_changed_password_logs_the_others_out() {
        let sessions = Sessions::new(Duration::from_secs(60)).unwrap();
        let now = Instant::now();
        let [here, there, other] = ["anna", "anna", "bert"].map(|p| sessions.begin(p, now).unwrap());
        sessions.end_others("anna", &here);
        assert!(sessions.find(&here, true, now).is_some() && sessions.find(&other, true, now).is_some());
        assert!(sessions.find(&there, true, now).is_none());
    }

    #[test]
    fn the_table_stays_bounded() {
        let sessions = Sessions::new(Duration::from_secs(3600)).unwrap();
        let now = Instant::now();
        for _ in 0..SESSION_LIMIT + 5 {
            sessions.begin("anna", now).unwrap();
        }
        assert_eq!(sessions.table.lock().unwrap().len(), SESSION_LIMIT);
    }
}
