//! The local page: what is stuck, since when, who must act; the flows, the configuration, the journal.
//!
//! Promises: nobody enters without a claim or a password; every change needs a form of ours (token and origin) and is
//! journalled with its person; everything shown is escaped; secrets go in and never come out; it works without
//! scripts. It listens on a Unix socket only, behind the door.
//!
//! Refuses to know: TLS, Chorus Pro's calls, SQL.

mod answer;
mod appliance;
mod ask;
mod asset;
mod background;
mod claim;
mod complement;
mod configuration;
pub mod damage;
mod decision;
mod diagnostic;
mod diff;
mod directory;
mod doubt;
mod entry;
mod error;
mod flow;
mod flows;
mod guide;
mod headline;
mod help;
mod home;
mod journal;
pub mod multipart;
mod network;
mod page;
mod password;
mod pdf_form;
mod pdf_form_fields;
mod pdf_form_words;
mod people;
mod received;
mod recovery_key;
mod secrets;
mod server;
mod session;
mod sight;
mod site;
mod throttle;
mod treatment;
mod typed_amount;
mod updates;
mod validator;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

pub use answer::CONTENT_SECURITY_POLICY;
pub use claim::{Claim, ClaimError};
pub use entry::{unfit_name, unfit_password};
pub use server::{ServeError, WORKERS};
pub use words::Tongue;

use crate::config::ConfigFile;
use crate::fault::{Fault, Language};
use crate::invoice::Tables;
use crate::store::Store;
use crate::work::releases::Releases;

/// What the page is told at start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Unix socket to listen on: `<run_dir>/web.sock`.
    pub socket: PathBuf,
    /// `[store] dir`: receipts are read from its `folders/`, secrets are written to its `secrets/`.
    pub data_dir: PathBuf,
    /// `[web] session_idle`.
    pub session_idle: Duration,
    /// `[web] language`: spoken until a person chooses.
    pub language: Language,
    /// The file that the configuration page edits.
    pub configuration: ConfigFile,
    /// What boot found wrong with the configuration (FG-902, FG-903): shown on the first screen.
    pub fault: Option<Fault>,
    /// The journal's public key, as a C2SP verifier key.
    pub journal_key: String,
    /// The tables of the rules in force in core, as they change.
    pub tables: Arc<ArcSwap<Tables>>,
    /// How releases are looked for, where they are.
    pub releases: Option<Releases>,
}

/// The page while it is served. Dropping it leaves it running; see [`Running::stop`].
pub struct Running {
    server: server::Running,
    site: Arc<site::Site>,
}

impl Running {
    /// Takes no more requests, waits for those under way (at most five seconds), and hands who is logged in on to the
    /// next process. Blocks: not on an async worker.
    pub fn stop(self) {
        self.server.stop();
        self.site.hand_over();
    }
}

/// Serves the page until [`Running::stop`]. `reload` is called after a configuration was accepted or a secret
/// replaced; it must not block, and may end this process's core so that it starts anew.
pub fn serve(
    settings: Settings,
    store: Store,
    claim: Arc<Claim>,
    reload: impl Fn() + Send + Sync + 'static,
) -> Result<Running, ServeError> {
    let socket = settings.socket.clone();
    let site = Arc::new(site::Site::new(settings, store, claim, Box::new(reload))?);
    site.take_over();
    let mine = site.clone();
    let server = server::listen(&socket, Box::new(move |request| site::answer(&mine, request)), error::excuse)?;
    Ok(Running { server, site })
}
