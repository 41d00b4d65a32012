//! Calls to Chorus Pro for one realm: token, account header, pacing, both error transports.

use crate::domain::Timestamp;
use crate::fault::Fault;

/// Why a call gave no answer. What it means for a deposit is the variant, not a guess.
#[derive(Debug, Clone)]
pub enum CallError {
    /// The call certainly changed nothing: no connection, name or TLS failed before the first byte of the request.
    NotSent(Fault),
    /// Token, account or subscription refused: the realm's queue must stop (and resumes when a probe passes).
    Stopped(Fault),
    /// 429: nothing was changed; not before `until`.
    SlowDown { fault: Fault, until: Timestamp },
    /// Sent, and no answer we can trust: time-out, cut, 5xx, garbage with 200. For a deposit: doubt.
    Lost(Fault),
    /// Chorus Pro's own refusal: `codeRetour` other than 0, by either transport.
    Refused { code: i64, label: String, fault: Fault },
}

/// The calls of one realm (establishment and environment). Cheap to clone.
#[derive(Clone)]
pub struct Connector;

impl Connector {
    /// One call: waits for its turn under the ceiling, sees to the token, sends, reads.
    pub async fn call<S: crate::chorus::Service>(&self, service: &S) -> Result<S::Answer, CallError> {
        let _ = service;
        todo!()
    }
}
