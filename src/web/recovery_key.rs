//! The recovery key of a sealed appliance: shown once, to who asked for it, after the claim or when somebody asks for a new one. Keeper
//! has it made; it is never stored here. Where nothing is sealed the page says that instead.

use std::sync::PoisonError;
use std::thread::sleep;
use std::time::{Duration, Instant};

use askama::Template;

use crate::gate::{KEY_WAITS, KeeperClient, KeeperError, KeyAnswer, RecoveryKey, Refusal, Seal, SealRefusal};
use crate::web::answer::Answer;
use crate::web::appliance::said;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::page::{Chrome, Visit};
use crate::web::password;
use crate::web::site::{Site, note};

/// A browser that asks for the key waits for it so long, between looks of `LOOK`.
const MADE_WITHIN: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(300);

/// Where the page stands.
pub const PATH: &str = "/cle-de-secours";

#[derive(Template)]
#[template(path = "recovery_key.html", config = "src/web/askama.toml")]
struct KeyPage<'a> {
    c: &'a Chrome,
    problem: Option<&'a str>,
    /// Why nothing is sealed; there is no key then.
    unsealed: Option<String>,
    key: Option<&'a str>,
    /// One was asked for by who looks, and not shown yet.
    waits: bool,
}

/// After the claim: has the first key made, and leads to where it is shown. `None` on a machine that is no appliance.
pub fn after_claim(site: &Site, person: &str) -> Result<Option<&'static str>, Trouble> {
    let Some(keeper) = site.keeper() else { return Ok(None) };
    match keeper.make_key(false) {
        Ok(()) => {
            asked(site, person);
            site.note(note("recovery_key_asked", person))?;
        }
        // The page says why.
        Err(KeeperError::Refused(Refusal::Seal(SealRefusal::NotSealed))) => {}
        Err(error) => log::warn!(error = error.to_string().as_str(); "No recovery key is being made"),
    }
    Ok(Some("/cle-de-secours?fait=reclame"))
}

fn asked(site: &Site, person: &str) {
    *site.key_asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((person.to_owned(), Instant::now()));
}

/// Whether a key waits for this person.
fn waits_for(site: &Site, person: &str) -> bool {
    let asked = site.key_asked.lock().unwrap_or_else(PoisonError::into_inner);
    asked.as_ref().is_some_and(|(asker, at)| asker == person && at.elapsed() < KEY_WAITS)
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    shown(site, ask, visit, None, None)
}

fn shown(
    site: &Site,
    ask: &Ask,
    visit: &Visit,
    problem: Option<&str>,
    key: Option<&RecoveryKey>,
) -> Result<Answer, Trouble> {
    let t = visit.t;
    let status = keeper(site)?.status();
    let silent = status.as_ref().err().map(|error| said(t, error));
    let mut c = visit.chrome(site, ask, "configuration", t.say("Clé de secours", "Recovery key"));
    c.path = PATH.to_owned();
    let page = KeyPage {
        c: &c,
        problem: problem.or(silent.as_deref()),
        unsealed: status.ok().filter(|status| !status.seal.sealed).map(|status| why(visit, status.seal)),
        key: key.map(RecoveryKey::as_str),
        waits: waits_for(site, visit.person()),
    };
    let answer = Answer::html(page.render()?);
    Ok(if problem.is_some() { answer.status(422) } else { answer })
}

/// Why what is kept is not sealed.
fn why(visit: &Visit, seal: Seal) -> String {
    let t = visit.t;
    let unknown = || t.say("non scellées", "not sealed").to_owned();
    seal.cause.map_or_else(unknown, |cause| t.typeset(cause.text().get(t.0)))
}

fn keeper(site: &Site) -> Result<KeeperClient, Trouble> {
    site.keeper().ok_or(Trouble::NotFound)
}

/// Shows the key that was made, once: keeper forgets it with this answer.
pub fn reveal(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let (t, keeper, begun) = (visit.t, keeper(site)?, Instant::now());
    if !waits_for(site, visit.person()) {
        return shown(site, ask, visit, Some(&t.typeset(SealRefusal::NoKey.text().get(t.0))), None);
    }
    loop {
        match keeper.take_key() {
            Ok(KeyAnswer::Key(key)) => {
                site.key_asked.lock().unwrap_or_else(PoisonError::into_inner).take();
                site.note(note("recovery_key_shown", visit.person()))?;
                return shown(site, ask, visit, None, Some(&key));
            }
            Ok(KeyAnswer::Making) if begun.elapsed() < MADE_WITHIN => sleep(LOOK),
            Ok(KeyAnswer::Making) => {
                let problem = t.say(
                    "La clé est encore en cours de création : réessayez dans un instant.",
                    "The key is still being made: try again in a moment.",
                );
                return shown(site, ask, visit, Some(problem), None);
            }
            Err(error) => return shown(site, ask, visit, Some(&said(t, &error)), None),
        }
    }
}

/// A new key in place of the former one, which opens nothing from then on. Who asks gives the password anew: a browser left open is
/// not enough.
pub fn renew(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let (t, me) = (visit.t, visit.person());
    let keeper = keeper(site)?;
    if !site.gives_password(ask.form.get("password"), me)? {
        return shown(site, ask, visit, Some(password::wrong(t)), None);
    }
    site.note(note("recovery_key_renewed", me))?;
    if let Err(error) = keeper.make_key(true) {
        return shown(site, ask, visit, Some(&said(t, &error)), None);
    }
    asked(site, me);
    Ok(Answer::see_other(PATH))
}
