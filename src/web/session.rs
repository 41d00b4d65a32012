//! Who is logged in: a table in memory. A planned restart (a configuration was saved) hands it on through a file in
//! the run folder, read once and removed; it holds hashes of tokens, no token. Anything else logs everybody out.

use std::collections::HashMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::{DocumentHash, Timestamp};

/// The session's cookie.
pub const COOKIE: &str = crate::gate::SESSION_COOKIE;
/// The cookie that binds a form shown before log-in to its browser.
pub const VISITOR_COOKIE: &str = "__Host-visitor";
/// A session ends after this, however busy.
const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// Sessions at once; the one idle longest makes room.
const SESSION_LIMIT: usize = 1000;

/// The largest hand-over that is read, in bytes.
const HANDED_LIMIT: u64 = 1024 * 1024;

/// A session on its way to the next process. Ages in milliseconds.
#[derive(Serialize, Deserialize)]
struct Handed {
    /// Hash of the token.
    key: DocumentHash,
    person: String,
    csrf: String,
    age: u64,
    idle: u64,
}

/// The sessions on their way to the next process.
#[derive(Serialize, Deserialize)]
struct HandOver {
    at: Timestamp,
    sessions: Vec<Handed>,
}

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

    /// Writes the sessions for the next process (mode 0600).
    pub fn hand_over(&self, path: &Path, now: Instant, at: Timestamp) -> std::io::Result<()> {
        let millis =
            |since: Instant| u64::try_from(now.saturating_duration_since(since).as_millis()).unwrap_or(u64::MAX);
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = table
            .iter()
            .filter(|(_, s)| self.is_alive(s, now))
            .map(|(key, s)| Handed {
                key: DocumentHash(*key),
                person: s.person.clone(),
                csrf: s.csrf.clone(),
                age: millis(s.began),
                idle: millis(s.seen),
            })
            .collect();
        drop(std::fs::remove_file(path));
        let text = serde_json::to_vec(&HandOver { at, sessions })?;
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(&text)
    }

    /// Takes over what the process before handed on, once. Nothing there, or nothing readable: nobody is logged in.
    pub fn take_over(&self, path: &Path, now: Instant, at: Timestamp) {
        let Ok(meta) = std::fs::metadata(path) else { return };
        let text = if meta.len() <= HANDED_LIMIT { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
        drop(std::fs::remove_file(path));
        let Ok(handed) = serde_json::from_slice::<HandOver>(&text) else { return };
        let gap = at.since(handed.at);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        for handed in handed.sessions.into_iter().take(SESSION_LIMIT) {
            let then = |millis| now.checked_sub(Duration::from_millis(millis).saturating_add(gap));
            let (Some(began), Some(seen)) = (then(handed.age), then(handed.idle)) else { continue };
            let session = Session { person: handed.person, csrf: handed.csrf, began, seen };
            if self.is_alive(&session, now) {
                table.insert(handed.key.0, session);
            }
        }
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
    fn a_planned_restart_keeps_people_logged_in_and_their_clocks_running() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sessions");
        let before = Sessions::new(Duration::from_secs(60)).unwrap();
        let start = Instant::now();
        let now = start + Duration::from_secs(100);
        let at = Timestamp::from_millis(1_795_428_902_007);
        let token = before.begin("anna", start + Duration::from_secs(70)).unwrap();
        let csrf = before.find(&token, false, now).unwrap().csrf;
        before.hand_over(&file, now, at).unwrap();
        assert!(!std::fs::read_to_string(&file).unwrap().contains(&token), "no token is on disk");
        let meta = std::fs::metadata(&file).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777, 0o600);

        let after = Sessions::new(Duration::from_secs(60)).unwrap();
        after.take_over(&file, now, at.plus(Duration::from_secs(10)));
        assert!(!file.exists(), "once");
        assert_eq!(after.find(&token, false, now).unwrap().csrf, csrf);
        assert!(
            after.find(&token, false, now + Duration::from_secs(21)).is_none(),
            "30 s before, 10 s between, 21 s after"
        );

        before.hand_over(&file, now, at).unwrap();
        let late = Sessions::new(Duration::from_secs(60)).unwrap();
        late.take_over(&file, now, at.plus(Duration::from_secs(31)));
        assert!(late.table.lock().unwrap().is_empty());
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
