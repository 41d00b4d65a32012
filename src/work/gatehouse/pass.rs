//! Passes: what front shows for an account that logged in. Only core can make one, and it forgets nothing by
//! restarting: the pass itself says whose it is and since when, under a key only core has.

use std::io;
use std::path::Path;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::{AccountName, Timestamp};
use crate::gate::Pass;
use crate::os::{random, secret};

/// A log-in lasts this long; the session must then log in again.
const PASS_TIME: Duration = Duration::from_secs(24 * 3600);

/// The key of passes.
pub struct PassKey(zeroize::Zeroizing<[u8; 32]>);

impl PassKey {
    /// Reads the key, or makes it (mode 0600) at first start.
    pub fn load_or_make(path: &Path) -> io::Result<Self> {
        if !path.exists() {
            let fresh = zeroize::Zeroizing::new(random::bytes::<32>());
            secret::create(path, &*fresh).map_err(io::Error::other)?;
        }
        let bytes = zeroize::Zeroizing::new(secret::read(path).map_err(io::Error::other)?);
        let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{} is not a key of 32 bytes", path.display()))
        })?;
        Ok(Self(zeroize::Zeroizing::new(key)))
    }

    pub fn issue(&self, account: &AccountName, now: Timestamp) -> Pass {
        let body = format!("{account}.{}", now.millis());
        let seal: String = self.seal(&body).finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
        Pass(format!("{body}.{seal}"))
    }

    /// Whose pass it is; `None` when it is not ours, too old, or from the future.
    pub fn holder(&self, pass: &Pass, now: Timestamp) -> Option<AccountName> {
        let (body, seal) = pass.0.rsplit_once('.')?;
        let seal: Vec<u8> = seal
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect::<Option<_>>()?;
        // In constant time.
        self.seal(body).verify_slice(&seal).ok()?;
        let (account, issued) = body.rsplit_once('.')?;
        let issued = Timestamp::from_millis(issued.parse().ok()?);
        if issued > now.plus(PASS_TIME) || now.since(issued) > PASS_TIME {
            return None;
        }
        account.parse().ok()
    }

    fn seal(&self, body: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes a key of any length");
        mac.update(b"fluxgate gate pass v1\0");
        mac.update(body.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_opens_for_its_holder_for_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets/gate.key");
        let key = PassKey::load_or_make(&path).unwrap();
        let again = PassKey::load_or_make(&path).unwrap();
        let account: AccountName = "sifac".parse().unwrap();
        let now = Timestamp::from_millis(1_795_428_902_007);
        let pass = key.issue(&account, now);
        assert_eq!(again.holder(&pass, now), Some(account.clone()));
        assert_eq!(key.holder(&pass, now.plus(PASS_TIME + Duration::from_secs(1))), None);
        for forged in [
            pass.0.replacen("sifac", "other", 1),
            pass.0.replace("007", "008"),
            pass.0[..pass.0.len() - 2].to_owned(),
            format!("{}00", pass.0),
            String::new(),
            "..".to_owned(),
            "sifac.1.é".to_owned(),
        ] {
            assert_eq!(key.holder(&Pass(forged.clone()), now), None, "{forged}");
        }
        let other = PassKey::load_or_make(&dir.path().join("other.key")).unwrap();
        assert_eq!(other.holder(&pass, now), None);
    }
}
