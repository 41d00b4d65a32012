//! The page's addresses: who may ask for what, and which file answers.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use tiny_http::Request;

use crate::domain::Timestamp;
use crate::fault::{Fault, Language};
use crate::gate::{KeeperClient, RELEASE_PATH};
use crate::store::{Note, Reader, Store};
use crate::web::answer::Answer;
use crate::web::ask::{Ask, Method, Unread};
use crate::web::background::Background;
use crate::web::error::{Trouble, excuse};
use crate::web::page::Visit;
use crate::web::password;
use crate::web::server::ServeError;
use crate::web::session::{self, Sessions};
use crate::web::throttle::Throttle;
use crate::web::words::Tongue;
use crate::web::{
    Claim, Settings, appliance, asset, complement, configuration, decision, diagnostic, directory, entry, flow, flows,
    guide, help, home, journal, network, pdf_form, people, received, recovery_key, secrets, sight, treatment, updates,
    validator,
};

/// Wrong passwords for one name within [`FAILURE_SPAN`].
const NAME_FAILURES: u32 = 10;
/// Wrong passwords or claim codes from one address within [`FAILURE_SPAN`].
const ADDRESS_FAILURES: u32 = 30;
/// Wrong claim codes from everywhere within [`FAILURE_SPAN`].
const CLAIM_FAILURES: u32 = 60;
const FAILURE_SPAN: Duration = Duration::from_secs(300);
/// The cookie of the chosen language: no secret.
const LANGUAGE_COOKIE: &str = "langue";

/// Everything the page's files share.
pub struct Site {
    pub settings: Settings,
    pub store: Store,
    pub claim: Arc<Claim>,
    pub sessions: Sessions,
    pub reload: Box<dyn Fn() + Send + Sync>,
    pub by_name: Throttle,
    pub by_address: Throttle,
    pub by_claim: Throttle,
    /// What boot found wrong with the configuration, until a sound one is saved.
    fault: Mutex<Option<Fault>>,
    /// One change of configuration or secrets at a time.
    pub changing: Mutex<()>,
    /// One upload at a time: each is whole in memory.
    uploading: Mutex<()>,
    pub verification: Arc<journal::Verification>,
    pub examination: Arc<Background<diagnostic::Examined>>,
    pub notice_test: Arc<Background<diagnostic::Tested>>,
    /// Who asked for the recovery key that waits, and when: nobody else is shown it.
    pub key_asked: Mutex<Option<(String, Instant)>>,
}

impl Site {
    pub fn new(
        settings: Settings,
        store: Store,
        claim: Arc<Claim>,
        reload: Box<dyn Fn() + Send + Sync>,
    ) -> Result<Self, ServeError> {
        Ok(Self {
            sessions: Sessions::new(settings.session_idle)?,
            fault: Mutex::new(settings.fault.clone()),
            settings,
            store,
            claim,
            reload,
            by_name: Throttle::new(NAME_FAILURES, FAILURE_SPAN),
            by_address: Throttle::new(ADDRESS_FAILURES, FAILURE_SPAN),
            by_claim: Throttle::new(CLAIM_FAILURES, FAILURE_SPAN),
            changing: Mutex::new(()),
            uploading: Mutex::new(()),
            verification: Arc::default(),
            examination: Arc::default(),
            notice_test: Arc::default(),
            key_asked: Mutex::default(),
        })
    }

    /// Whether that is the password of who asks: a browser left open is not enough for some things.
    pub fn gives_password(&self, given: &str, me: &str) -> Result<bool, Trouble> {
        let now = Instant::now();
        if let Some(wait) = self.by_name.wait(me, now) {
            return Err(Trouble::TooMany(wait));
        }
        self.by_name.count(me, now);
        let hash = self.reader()?.person(me)?;
        let is_right = password::verify(given, hash.as_deref());
        if is_right {
            self.by_name.forgive(me);
        }
        Ok(is_right)
    }

    /// What is wrong with the configuration in force.
    pub fn fault(&self) -> Option<Fault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn configuration_is_sound(&self) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether a first person is awaited. Somebody enrolled on the console ends that too.
    fn is_unclaimed(&self) -> Result<bool, Trouble> {
        if !self.claim.is_open() {
            return Ok(false);
        }
        let nobody = self.reader()?.people()?.is_empty();
        if !nobody {
            self.claim.close();
        }
        Ok(nobody)
    }

    /// Where sessions stand between two processes: beside the socket, in the run folder.
    fn handed_over(&self) -> PathBuf {
        self.settings.socket.with_file_name("sessions")
    }

    pub fn take_over(&self) {
        self.sessions.take_over(&self.handed_over(), Instant::now(), Timestamp::now());
    }

    pub fn hand_over(&self) {
        if let Err(error) = self.sessions.hand_over(&self.handed_over(), Instant::now(), Timestamp::now()) {
            log::warn!(error = error.to_string().as_str(); "Sessions could not be handed on: people must log in again");
        }
    }

    /// Whoever looks after the machine, where it is an appliance.
    pub fn keeper(&self) -> Option<KeeperClient> {
        KeeperClient::beside(self.settings.socket.parent()?)
    }

    pub fn reader(&self) -> Result<Reader, Trouble> {
        Ok(self.store.reader()?)
    }

    /// Journals something; the request fails when it cannot be journalled.
    pub fn note(&self, note: Note) -> Result<(), Trouble> {
        Ok(self.store.note(note).wait()?)
    }
}

/// A note of the page, to be filled in.
pub fn note(kind: &'static str, actor: &str) -> Note {
    Note {
        kind,
        actor: actor.to_owned(),
        realm: None,
        objects: Default::default(),
        hashes: Default::default(),
        private: Default::default(),
        at: Timestamp::now(),
    }
}

/// Answers any request.
pub fn answer(site: &Site, request: &mut Request) -> Answer {
    let mut ask = match Ask::read(request) {
        Ok(ask) => ask,
        Err(unread) => return refuse_unread(site, unread),
    };
    let tongue = tongue(site, &ask);
    let session = ask.cookie(session::COOKIE).and_then(|token| {
        // A page that renews itself keeps nobody logged in.
        site.sessions.find(token, !ask.query.has("auto"), Instant::now())
    });
    let visit = match Visit::new(&ask, tongue, session) {
        Ok(visit) => visit,
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "A visit could not begin");
            return excuse();
        }
    };
    let answer = routed(site, &mut ask, &visit, request)
        .unwrap_or_else(|trouble| trouble.page(&visit.chrome(site, &ask, "", visit.t.say("Problème", "Problem"))));
    visit.finish(answer)
}

fn refuse_unread(site: &Site, unread: Unread) -> Answer {
    let chrome = crate::web::page::Chrome {
        t: Tongue(site.settings.language),
        title: "400".to_owned(),
        person: None,
        csrf: String::new(),
        here: "",
        path: "/".to_owned(),
        refresh: None,
        done: None,
        mark: &asset::MARK,
        is_appliance: false,
    };
    Trouble::Unread(unread).page(&chrome)
}

fn tongue(site: &Site, ask: &Ask) -> Tongue {
    Tongue(match ask.cookie(LANGUAGE_COOKIE) {
        Some("fr") => Language::Fr,
        Some("en") => Language::En,
        _ => site.settings.language,
    })
}

/// A form with files is read only of somebody who is logged in, only where one is awaited, and one at a time.
fn routed(site: &Site, ask: &mut Ask, visit: &Visit, request: &mut Request) -> Result<Answer, Trouble> {
    if !ask.is_upload() {
        return route(site, ask, visit);
    }
    let is_release = ask.path == RELEASE_PATH && site.keeper().is_some();
    if visit.session.is_none() || !(is_release || matches!(ask.segments().as_slice(), ["flux", _, "completer"])) {
        return Err(Trouble::Unread(Unread::NotAForm));
    }
    // Its headers say so much already: nothing of 40 MiB is read for another site's sake.
    if !ask.is_from_here() {
        return Err(Trouble::Forged);
    }
    let _one = match site.uploading.try_lock() {
        Ok(one) => one,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return Err(Trouble::Busy),
    };
    let read = if is_release { ask.read_large(request, &site.settings.data_dir) } else { ask.read_upload(request) };
    read.map_err(Trouble::Unread)?;
    route(site, ask, visit)
}

fn route(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    use Method::{Get, Post};
    let segments = ask.segments();
    if ask.method == Post && !(ask.is_from_here() && session::same(&visit.csrf(site), ask.form.get("csrf"))) {
        return Err(Trouble::Forged);
    }
    match (ask.method, segments.as_slice()) {
        (Get, ["assets", name]) => return asset::answer(name).ok_or(Trouble::NotFound),
        (Get, ["favicon.ico"]) => return Ok(Answer::see_other("/assets/icon.svg")),
        (Get, ["langue"]) => return Ok(choose_language(ask)),
        (Get, ["claim"]) if site.is_unclaimed()? => return entry::claim_form(site, ask, visit),
        (Post, ["claim"]) if site.is_unclaimed()? => return entry::claim(site, ask, visit),
        _ if site.is_unclaimed()? => return Ok(Answer::see_other("/claim")),
        (_, ["claim"]) => return Ok(Answer::see_other("/")),
        (Get, ["login"]) => return entry::login_form(site, ask, visit),
        (Post, ["login"]) => return entry::login(site, ask, visit),
        _ => {}
    }
    if visit.session.is_none() {
        return entry::ask_to_log_in(ask);
    }
    match (inside(site, ask, visit, &segments), segments.as_slice()) {
        (Err(Trouble::NotFound), ["flux", id, ..]) => Err(flow::missing(site, id)?),
        (answer, _) => answer,
    }
}

/// What only somebody who is logged in may ask for.
fn inside(site: &Site, ask: &Ask, visit: &Visit, segments: &[&str]) -> Result<Answer, Trouble> {
    use Method::{Get, Post};
    match (ask.method, segments) {
        (Get, []) => home::show(site, ask, visit),
        (Post, ["alarmes", "vue"]) => home::acknowledge(site, ask, visit),
        (Post, ["logout"]) => entry::logout(site, ask, visit),
        (Get, ["flux"]) => flows::show(site, ask, visit),
        (Get, ["flux", id]) => flow::show(site, ask, visit, id),
        (Post, ["flux", id, "vu"]) => sight::see(site, ask, visit, id),
        (Get, ["flux", id, "original"]) => flow::original(site, visit, id),
        (Get, ["flux", id, "lisible"]) => received::readable(site, visit, id),
        (Get, ["flux", id, "pivot"]) => received::pivot(site, visit, id),
        (Get, ["flux", id, "piece", place]) => flow::piece(site, visit, id, place),
        (Get, ["flux", id, "envoye"]) => flow::sent(site, visit, id),
        (Get, ["flux", id, "accuse"]) => flow::receipt(site, visit, id),
        (Get, ["flux", id, "decision"]) => decision::confirm(site, ask, visit, id, None),
        (Post, ["flux", id, "decision"]) => decision::decide(site, ask, visit, id),
        (Get, ["flux", id, "statut"]) => treatment::show(site, ask, visit, id, None),
        (Post, ["flux", id, "statut"]) => treatment::ask_for(site, ask, visit, id),
        (Get, ["flux", id, "completer"]) => complement::show(site, ask, visit, id, None),
        (Post, ["flux", id, "completer"]) => complement::hand_in(site, ask, visit, id),
        (Get, ["flux", id, "valideur"]) => validator::show(site, ask, visit, id),
        (Post, ["flux", id, "valideur"]) => validator::name(site, ask, visit, id),
        (Get, ["flux", id, "donnees"]) => pdf_form::show(site, ask, visit, id),
        (Post, ["flux", id, "donnees"]) => pdf_form::confirm(site, ask, visit, id),
        (Get, ["configuration"]) => configuration::show(site, ask, visit),
        (Post, ["configuration"]) => configuration::save(site, ask, visit),
        (Get, ["configuration", "assistant"]) => guide::show(site, ask, visit),
        (Post, ["configuration", "assistant", form]) => guide::apply(site, ask, visit, form),
        (Get, ["configuration", "secrets"]) => secrets::show(site, ask, visit, None),
        (Post, ["configuration", "secrets"]) => secrets::put(site, ask, visit),
        (Post, ["configuration", "secrets", "effacer"]) => secrets::delete(site, ask, visit),
        (Get, ["configuration", "versions"]) => configuration::versions(site, ask, visit),
        (Get, ["configuration", "versions", number]) => configuration::version(site, ask, visit, number),
        (Post, ["configuration", "versions", number]) => configuration::restore(site, ask, visit, number),
        (Get, ["diagnostic"]) => diagnostic::show(site, ask, visit),
        (Post, ["diagnostic", "lancer"]) => diagnostic::examine(site, visit),
        (Post, ["diagnostic", "essai"]) => diagnostic::test(site, visit),
        (Get, ["appliance"]) => appliance::show(site, ask, visit),
        (Post, ["appliance", "redemarrer"]) => appliance::restart(site, ask, visit),
        (Post, ["appliance", "usine"]) => appliance::reset(site, ask, visit),
        (Get, ["appliance", "mises-a-jour"]) => updates::show(site, ask, visit),
        (Post, ["appliance", "mises-a-jour"]) => updates::offer(site, ask, visit),
        (Post, ["appliance", "mises-a-jour", wish]) => updates::order(site, ask, visit, wish),
        (Post, ["appliance", "cle-de-secours"]) => recovery_key::renew(site, ask, visit),
        (Get, ["cle-de-secours"]) => recovery_key::show(site, ask, visit),
        (Post, ["cle-de-secours"]) => recovery_key::reveal(site, ask, visit),
        (Post, ["appliance", "reseau"]) => network::change(site, ask, visit, &appliance::keeper(site)?),
        (Post, ["appliance", "reseau", "confirmer"]) => network::confirm(site, ask, visit, &appliance::keeper(site)?),
        (Get, ["annuaire"]) => directory::show(site, ask, visit),
        (Post, ["annuaire", "actualiser"]) => directory::refresh(site, ask, visit),
        (Get, ["journal"]) => journal::show(site, ask, visit),
        (Post, ["journal", "verifier"]) => journal::verify(site, visit),
        (Get, ["aide"]) => help::show(site, ask, visit),
        (Get, ["personnes"]) => people::show(site, ask, visit, None),
        (Post, ["personnes", "mot-de-passe"]) => people::change_password(site, ask, visit),
        (Post, ["personnes"]) => people::add(site, ask, visit),
        _ => Err(Trouble::NotFound),
    }
}

fn choose_language(ask: &Ask) -> Answer {
    let chosen = if ask.query.get("vers") == "en" { "en" } else { "fr" };
    let back = local_path(ask.query.get("retour")).unwrap_or("/");
    let year = 365 * 24 * 3600;
    let cookie = format!("{LANGUAGE_COOKIE}={chosen}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={year}");
    Answer::see_other(back).with("Set-Cookie", cookie)
}

/// A path of this page, and nothing that a browser takes for another site.
pub fn local_path(text: &str) -> Option<&str> {
    let fine = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= 500
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    fine.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn only_our_own_paths_are_gone_back_to() {
        assert_eq!(local_path("/flux?q=a%20b"), Some("/flux?q=a%20b"));
        for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb", "", "flux", "/é"] {
            assert_eq!(local_path(elsewhere), None, "{elsewhere:?}");
        }
    }
}
