//! Chorus Pro's wire, pure. (Contract for the first build.)

/// One service of the API: a request that knows its path, its body and how its answer reads.
pub trait Service: Send + Sync {
    /// For logs, metrics and faults: `deposer/flux`.
    const NAME: &'static str;
    /// Below the API base: `/cpro/factures/v1/deposer/flux`.
    const PATH: &'static str;
    type Answer: Send;
    /// The JSON body.
    fn body(&self) -> serde_json::Value;
    /// Reads the JSON of an answer whose `codeRetour` is 0 (or is one this service takes for success).
    fn read(answer: &serde_json::Value) -> Result<Self::Answer, Unreadable>;
}

/// An answer that does not have the shape the service promises.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Unreadable {
    pub field: String,
    pub reason: String,
}
