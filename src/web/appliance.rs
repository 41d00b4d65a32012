//! The machine itself, where it is an appliance: how it is, restart, factory reset. Keeper does it; what is asked for is
//! journalled first, with who asked.

use askama::Template;

use crate::domain::Timestamp;
use crate::gate::{Clock, Draft, KeeperClient, KeeperError, KeeperRequest, Sealing, Status};
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::network::NetworkView;
use crate::web::page::{Chrome, Visit};
use crate::web::password;
use crate::web::site::{Site, note};
use crate::web::words::{Tone, Tongue};

/// What is typed to confirm a restart, and a factory reset: in either language.
const RESTART_WORDS: [&str; 2] = ["redemarrer", "restart"];
const RESET_WORDS: [&str; 2] = ["tout effacer", "wipe everything"];

/// What keeper said of the machine, as the page shows it.
struct MachineView {
    version: String,
    slot: Option<char>,
    sealing: (&'static str, &'static str),
    /// What weakens the seal, or why there is none.
    seal_cause: Option<String>,
    is_sealed: bool,
    has_recovery_key: bool,
    interfaces: Vec<InterfaceView>,
    clock: (&'static str, String),
    memory: Option<String>,
    reset_asked: bool,
}

struct InterfaceView {
    name: String,
    tone: &'static str,
    state: &'static str,
    addresses: Vec<String>,
}

#[derive(Template)]
#[template(path = "appliance.html", config = "src/web/askama.toml")]
struct AppliancePage<'a> {
    c: &'a Chrome,
    tab: &'static str,
    problem: Option<String>,
    machine: Option<MachineView>,
    network: Option<NetworkView>,
    restart_word: &'static str,
    reset_word: &'static str,
}

/// What a page has beside what the machine says.
#[derive(Default)]
pub struct Shown {
    /// What went wrong.
    pub problem: Option<String>,
    /// The network's form as it was sent.
    pub typed: Option<Draft>,
    pub done: Option<&'static str>,
}

/// The keeper of this machine; the page is not there where there is none.
pub fn keeper(site: &Site) -> Result<KeeperClient, Trouble> {
    site.keeper().ok_or(Trouble::NotFound)
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    shown(site, ask, visit, Shown::default())
}

/// The page, with what went wrong or what was done.
pub fn shown(site: &Site, ask: &Ask, visit: &Visit, shown: Shown) -> Result<Answer, Trouble> {
    let t = visit.t;
    let status = keeper(site)?.status();
    let silent = status.as_ref().err().map(|error| said(t, error));
    let mut c = visit.chrome(site, ask, "configuration", "Appliance");
    c.path = "/appliance".to_owned();
    c.done = shown.done.or(c.done);
    let is_wrong = shown.problem.is_some();
    let status = status.ok();
    let page = AppliancePage {
        c: &c,
        tab: "appliance",
        problem: shown.problem.or(silent),
        network: status.as_ref().map(|status| NetworkView::new(t, status, shown.typed)),
        machine: status.map(|status| machine(t, status)),
        restart_word: t.say(RESTART_WORDS[0], RESTART_WORDS[1]),
        reset_word: t.say(RESET_WORDS[0], RESET_WORDS[1]),
    };
    let answer = Answer::html(page.render()?);
    Ok(if is_wrong { answer.status(422) } else { answer })
}

fn machine(t: Tongue, status: Status) -> MachineView {
    let sealing = match status.sealing {
        Sealing::Sealed => {
            (Tone::Good, t.say("chiffrées, scellées à cette machine", "encrypted, sealed to this machine"))
        }
        Sealing::Unsealed => {
            (Tone::Warn, t.say("en clair : qui prend le disque les lit", "plain: who takes the disk reads them"))
        }
        Sealing::Missing => {
            (Tone::Bad, t.say("absentes : la partition n’est pas montée", "missing: the partition is not mounted"))
        }
    };
    let interface = |interface: crate::gate::Interface| {
        let (tone, state) = match interface.carrier {
            Some(true) => (Tone::Good, t.say("branchée", "plugged in")),
            Some(false) => (Tone::Warn, t.say("sans câble", "no cable")),
            None => (Tone::Quiet, t.say("éteinte", "down")),
        };
        InterfaceView { name: interface.name, tone: tone.class(), state, addresses: interface.addresses }
    };
    MachineView {
        version: status.version,
        slot: status.slot.map(|slot| slot.to_ascii_uppercase()),
        sealing: (sealing.0.class(), sealing.1),
        seal_cause: status.seal.cause.map(|cause| t.typeset(cause.text().get(t.0))),
        is_sealed: status.seal.sealed,
        has_recovery_key: status.seal.has_recovery_key,
        interfaces: status.interfaces.into_iter().map(interface).collect(),
        clock: clock(t, status.clock),
        memory: status.memory.map(|memory| {
            format!("{} {} {}", t.size(memory.used()), t.say("occupés sur", "in use of"), t.size(memory.total))
        }),
        reset_asked: status.reset_asked,
    }
}

/// The clock's time, and whether it follows a server.
fn clock(t: Tongue, clock: Clock) -> (&'static str, String) {
    let now = Timestamp::now();
    let (tone, said) = match clock {
        Clock::Synchronised { at } => {
            (Tone::Good, format!("{} {}", t.say("synchronisée,", "synchronised,"), t.ago(at, now)))
        }
        Clock::Lost { at } => (
            Tone::Warn,
            format!(
                "{} {}",
                t.say("serveur de temps perdu, suivi pour la dernière fois", "time server lost, last followed"),
                t.ago(at, now)
            ),
        ),
        Clock::Never => (
            Tone::Warn,
            t.say(
                "non synchronisée : aucun serveur de temps n’a répondu",
                "not synchronised: no time server has answered",
            )
            .to_owned(),
        ),
    };
    (tone.class(), format!("{} · {said}", now.paris_text()))
}

/// What a person is told of keeper's refusal or silence.
pub fn said(t: Tongue, error: &KeeperError) -> String {
    if !matches!(error, KeeperError::Refused(_)) {
        log::warn!(error = error.to_string().as_str(); "Keeper could not be asked");
    }
    t.typeset(error.text().get(t.0))
}

/// Whether the word of confirmation was typed.
fn is_confirmed(ask: &Ask, words: [&str; 2]) -> bool {
    let typed = ask.form.trimmed("confirmation").to_lowercase().replace('é', "e");
    words.contains(&typed.as_str())
}

fn unconfirmed(t: Tongue) -> &'static str {
    t.say(
        "Rien n’a été fait : le mot de confirmation n’est pas celui qui est demandé.",
        "Nothing was done: the word of confirmation is not the one asked for.",
    )
}

/// Restarts the machine.
pub fn restart(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let (t, keeper) = (visit.t, keeper(site)?);
    if !is_confirmed(ask, RESTART_WORDS) {
        return shown(site, ask, visit, Shown { problem: Some(unconfirmed(t).to_owned()), ..Shown::default() });
    }
    site.note(note("machine_restart", visit.person()))?;
    if let Err(error) = keeper.order(KeeperRequest::Restart) {
        let problem = refused(site, visit, "machine_restart", &error)?;
        return shown(site, ask, visit, Shown { problem: Some(problem), ..Shown::default() });
    }
    let done = t.say(
        "La machine redémarre : rechargez cette page dans une minute.",
        "The machine restarts: reload this page in a minute.",
    );
    shown(site, ask, visit, Shown { done: Some(done), ..Shown::default() })
}

/// Sets the machine back to the factory's state, with the restart that does it. Who asks gives the password anew.
pub fn reset(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let (t, keeper) = (visit.t, keeper(site)?);
    if !is_confirmed(ask, RESET_WORDS) {
        return shown(site, ask, visit, Shown { problem: Some(unconfirmed(t).to_owned()), ..Shown::default() });
    }
    if !site.gives_password(ask.form.get("password"), visit.person())? {
        let problem = password::wrong(t).to_owned();
        return shown(site, ask, visit, Shown { problem: Some(problem), ..Shown::default() });
    }
    site.note(note("machine_reset", visit.person()))?;
    if let Err(error) = keeper.order(KeeperRequest::FactoryReset) {
        let problem = refused(site, visit, "machine_reset", &error)?;
        return shown(site, ask, visit, Shown { problem: Some(problem), ..Shown::default() });
    }
    let done = t.say(
        "La machine redémarre et efface tout : elle sera à prendre en main de nouveau, avec le code de sa console.",
        "The machine restarts and wipes everything: it is to be claimed anew, with the code of its console.",
    );
    shown(site, ask, visit, Shown { done: Some(done), ..Shown::default() })
}

/// What was journalled as asked for did not come about: that is journalled too. What the person is told.
pub fn refused(site: &Site, visit: &Visit, asked: &str, error: &KeeperError) -> Result<String, Trouble> {
    let mut note = note("machine_refused", visit.person());
    note.objects.insert("asked".to_owned(), asked.to_owned());
    site.note(note)?;
    Ok(said(visit.t, error))
}
