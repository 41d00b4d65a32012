//! Where sockets are, in tests with a clock of their own: a call's bytes go in, an answer's bytes come out, and everything
//! above (the services' bodies, the reading of answers, what a failure means) is the product's.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{ApiSection, CallError, Connector, ConnectorSettings, Connectors, TechnicalAccountSection, desk};
use crate::chorus::{self, Service};
use crate::domain::{Realm, Timestamp};
use crate::fault::{Code, Fault};

/// What came of one request.
pub enum Outcome {
    Answer {
        status: u16,
        body: Vec<u8>,
    },
    /// No connection: nothing left.
    NotSent,
    /// It left, and no whole answer came.
    Lost,
}

pub trait Wire: Send + Sync {
    fn post(&self, path: &'static str, body: Bytes) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>>;
}

impl Connector {
    pub(super) async fn call_by_wire<S: Service>(&self, wire: &dyn Wire, body: Bytes) -> Result<S::Answer, CallError> {
        match wire.post(S::PATH, body).await {
            Outcome::Answer { status: 429, .. } => {
                let until = Timestamp::now().plus(Duration::from_secs(60));
                Err(CallError::SlowDown { fault: Fault::new(Code::Throttled), until })
            }
            Outcome::Answer { status, body } => self.judge::<S>(chorus::read_reply::<S>(status, &body)),
            Outcome::NotSent => Err(CallError::NotSent(Fault::new(Code::Unreachable).with("detail", "refused"))),
            Outcome::Lost => Err(desk::lost("cut".to_owned(), S::CHANGES)),
        }
    }
}

/// The one realm's connector, over `wire`.
pub fn connectors(realm: &Realm, wire: Arc<dyn Wire>) -> Connectors {
    let api: ApiSection = toml::from_str(
        "token_url = \"https://piste.invalid/token\"\nbase_url = \"https://piste.invalid\"\nclient_id = \"c\"\nclient_secret_file = \"s\"",
    )
    .unwrap();
    let account = TechnicalAccountSection {
        environment: realm.environment,
        login: "TECH_1@cpro.fr".to_owned(),
        password_file: "p".into(),
    };
    let settings = ConnectorSettings { realm: realm.clone(), api, account, dir: Path::new("/").to_owned() };
    let mut connector = Connector::new(settings).unwrap();
    Arc::get_mut(&mut connector.0).expect("nobody else has it yet").wire = Some(wire);
    Connectors(Arc::new(BTreeMap::from([(realm.clone(), connector)])))
}
