//! Updates of the appliance: what runs, what was attempted, a release handed in, its changelog before it is installed. Keeper does
//! it and judges it; what a person asks for is journalled first.

use std::os::fd::OwnedFd;
use std::time::Duration;

use askama::Template;

use crate::domain::DocumentHash;
use crate::fault::Fault;
use crate::gate::{KeeperError, KeeperRequest, Offered, RELEASE_PATH, Updates, Work};
use crate::update::record::{Attempt, Outcome, SlotRecord, State, unwell_text};
use crate::update::{Slot, Status, Step};
use crate::web::answer::Answer;
use crate::web::appliance::{keeper, said};
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::page::{Chrome, Visit};
use crate::web::site::{Site, note};
use crate::web::words::{Tone, Tongue};
use crate::work::releases::{Found, Standing, latest_known};

/// After what an offer is given back its time: the page renews itself while something is under way.
const REFRESH: Duration = Duration::from_secs(2);

/// What runs and what comes, as the page shows it.
struct BoxView {
    version: String,
    is_proved: bool,
    slot: String,
    /// What the next start takes, where it is another version; whether that one is yet to prove healthy.
    next: Option<(String, bool)>,
    floor: String,
    /// What can be gone back to.
    former: Option<String>,
    attempts: Vec<AttemptView>,
}

struct AttemptView {
    at: String,
    version: String,
    tone: &'static str,
    said: String,
    remedy: Option<String>,
}

struct OfferView {
    /// Why it cannot be installed yet.
    not_yet: Option<String>,
    sha256: String,
    version: String,
    size: String,
    until: String,
    changelog: String,
}

/// The address that is looked at.
struct SearchView {
    url: String,
    is_looking: bool,
    /// When, and what came of it; whether that is well.
    last: Option<(String, String, &'static str)>,
}

#[derive(Template)]
#[template(path = "updates.html", config = "src/web/askama.toml")]
struct UpdatesPage<'a> {
    c: &'a Chrome,
    tab: &'static str,
    path: &'static str,
    problem: Option<(String, String)>,
    running: Option<&'static str>,
    step: Option<String>,
    machine: Option<BoxView>,
    offer: Option<OfferView>,
    search: Option<SearchView>,
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    shown(site, ask, visit, None)
}

/// The page, with what a wish came to.
fn shown(site: &Site, ask: &Ask, visit: &Visit, refused: Option<String>) -> Result<Answer, Trouble> {
    let t = visit.t;
    let asked = keeper(site)?.updates();
    let was_refused = refused.is_some();
    let search = site.settings.releases.as_ref().map(|releases| search_view(t, releases.standing()));
    let mut c = visit.chrome(site, ask, "configuration", t.say("Mises à jour", "Updates"));
    c.path = RELEASE_PATH.to_owned();
    let page = match asked {
        Ok(updates) => {
            let waits = updates.offered.is_some() && updates.status.as_ref().is_ok_and(|status| !status.is_proved);
            // While somebody may be choosing a file, nothing of the page is taken away.
            let has_form = updates.work == Work::Idle && updates.offered.is_none();
            let is_looking = search.as_ref().is_some_and(|search| search.is_looking);
            if updates.work != Work::Idle || waits || is_looking && !has_form {
                c.refresh = u32::try_from(REFRESH.as_secs()).ok();
            }
            UpdatesPage { search, ..page(t, &c, updates, refused) }
        }
        Err(error) => UpdatesPage {
            c: &c,
            tab: "updates",
            path: RELEASE_PATH,
            problem: Some((refused.unwrap_or_else(|| said(t, &error)), String::new())),
            running: None,
            step: None,
            machine: None,
            offer: None,
            search,
        },
    };
    let answer = Answer::html(page.render()?);
    Ok(if was_refused { answer.status(422) } else { answer })
}

fn page<'a>(t: Tongue, c: &'a Chrome, updates: Updates, refused: Option<String>) -> UpdatesPage<'a> {
    let Updates { status, lacks, work, failed, offered } = updates;
    let told = |fault: &Fault| {
        let title = format!("{} : {}", fault.code.as_str(), fault.title(t.0));
        (t.typeset(&title), t.typeset(&fault.remedy(t.0)))
    };
    let problem = refused.map(|said| (said, String::new())).or_else(|| failed.as_ref().map(told));
    let problem = problem.or_else(|| status.as_ref().err().map(told));
    let (running, step) = match work {
        Work::Idle => (None, None),
        Work::Settling => {
            (Some(t.say("Les versions sont mises en ordre", "The versions are being put in order")), None)
        }
        Work::Examining => (Some(t.say("Le fichier est contrôlé", "The file is being checked")), None),
        Work::Installing(step) => (
            Some(t.say("La mise à jour s’installe", "The update is being installed")),
            step.map(|step: Step| step.text().get(t.0).to_owned()),
        ),
    };
    let not_yet = status.as_ref().ok().and_then(|status| not_yet(t, status, &lacks));
    UpdatesPage {
        c,
        tab: "updates",
        path: RELEASE_PATH,
        problem,
        running,
        step,
        machine: status.ok().map(|status| machine(t, status)),
        offer: offered.map(|offered| offer_view(t, offered, not_yet)),
        search: None,
    }
}

fn machine(t: Tongue, status: Status) -> BoxView {
    let Status { running, floor, next, attempts, .. } = status;
    let (own, other) = match running.slot {
        Slot::A => (status.a, status.b),
        Slot::B => (status.b, status.a),
    };
    let is_left = own.is_some_and(|own| own.version == running.version && own.state == State::Retired);
    let is_on_trial = other.is_some_and(|other| other.state == State::Trying);
    let may_be_taken = |other: &SlotRecord| match other.state {
        State::Good => !is_left && other.version >= floor,
        State::Trying => true,
        State::Writing | State::Bad | State::Retired => false,
    };
    let former = other.filter(may_be_taken);
    BoxView {
        is_proved: status.is_proved,
        version: running.version.to_string(),
        slot: running.slot.to_string().to_uppercase(),
        next: next.filter(|next| next.slot != running.slot).map(|next| (next.version.to_string(), is_on_trial)),
        floor: floor.to_string(),
        former: former.map(|former| former.version.to_string()),
        attempts: attempts.iter().rev().map(|attempt| attempt_view(t, attempt)).collect(),
    }
}

fn attempt_view(t: Tongue, attempt: &Attempt) -> AttemptView {
    let tone = match attempt.outcome {
        Outcome::Healthy => Tone::Good,
        Outcome::Writing | Outcome::Waiting | Outcome::Trying => Tone::Busy,
        Outcome::PassedOver | Outcome::EntryLost => Tone::Warn,
        Outcome::Refused | Outcome::Interrupted | Outcome::WentBack | Outcome::Superseded => Tone::Quiet,
        Outcome::Failed | Outcome::FellBack => Tone::Bad,
    };
    AttemptView {
        at: attempt.changed.paris_text(),
        version: attempt.version.map(|version| version.to_string()).unwrap_or_default(),
        tone: tone.class(),
        said: t.typeset(attempt.text().get(t.0)),
        remedy: attempt.fault.as_ref().map(|fault| t.typeset(&fault.remedy(t.0))),
    }
}

/// Why nothing is written beside the running version, where there is a reason.
fn not_yet(t: Tongue, status: &Status, lacks: &[String]) -> Option<String> {
    if status.is_proved {
        return None;
    }
    let own = match status.running.slot {
        Slot::A => status.a,
        Slot::B => status.b,
    };
    if own.is_some_and(|own| own.state == State::Retired) {
        let said = "Cette version a été quittée : redémarrez d’abord, la machine reprend l’autre.";
        return Some(t.say(said, "This version was left: restart first, the box takes the other one.").to_owned());
    }
    let said = t.say(
        "La version en service fait encore ses preuves : celle-ci s’installe ensuite, dans une minute d’ordinaire.",
        "The version in service is still proving itself: this one is installed afterwards, usually in a minute.",
    );
    if lacks.is_empty() {
        return Some(said.to_owned());
    }
    Some(format!("{said} {}.", t.typeset(unwell_text(&lacks.join(",")).get(t.0))))
}

fn offer_view(t: Tongue, offered: Offered, not_yet: Option<String>) -> OfferView {
    let Offered { sha256, bytes, version, expires, changelog: [fr, en] } = offered;
    OfferView {
        not_yet,
        sha256: sha256.to_string(),
        version: version.to_string(),
        size: t.size(bytes),
        until: expires.paris_day_text(),
        changelog: t.say(&fr, &en).to_owned(),
    }
}

fn search_view(t: Tongue, standing: Standing) -> SearchView {
    let Standing { url, is_looking, last } = standing;
    let last = last.map(|(at, found)| {
        let (said, tone) = match found {
            Found::Same => (t.say("rien de nouveau", "nothing new").to_owned(), Tone::Good),
            Found::Offered => (
                t.say("un fichier nouveau, remis au contrôle", "a new file, handed in to be checked").to_owned(),
                Tone::Good,
            ),
            Found::Waiting => (
                t.say(
                    "remis à plus tard : un autre fichier est en cours ou attend",
                    "put off: another file is at work or waits",
                )
                .to_owned(),
                Tone::Quiet,
            ),
            Found::Refused { fr, en } | Found::Failed { fr, en } => (t.typeset(t.say(&fr, &en)), Tone::Bad),
        };
        (at.paris_text(), said, tone.class())
    });
    SearchView { url, is_looking, last }
}

/// Has the address looked at now.
fn look_now(site: &Site, visit: &Visit) -> Result<Answer, Trouble> {
    let releases = site.settings.releases.as_ref().ok_or(Trouble::NotFound)?;
    site.note(note("update_looked_for", visit.person()))?;
    releases.look_now();
    Ok(Answer::see_other(RELEASE_PATH))
}

/// Hands the uploaded file to keeper.
pub fn offer(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let (t, keeper) = (visit.t, keeper(site)?);
    let nothing = || {
        let said =
            t.say("Choisissez le fichier de la mise à jour (.update).", "Choose the file of the update (.update).");
        Some(said.to_owned())
    };
    let Some(upload) = ask.large.as_ref().filter(|upload| !upload.content.is_empty()) else {
        return shown(site, ask, visit, nothing());
    };
    let mut note = note("update_offered", visit.person());
    note.private.insert("file".to_owned(), upload.name.clone());
    site.note(note)?;
    let file = upload.file.try_clone().map_err(|source| Trouble::Io { what: "uploaded file", source })?;
    let bytes = upload.content.end - upload.content.start;
    let known = latest_known(&site.store)?;
    answered(site, ask, visit, "update_offered", keeper.offer(OwnedFd::from(file), upload.content.start, bytes, known))
}

/// Has keeper do something with updates, or restart.
pub fn order(site: &Site, ask: &Ask, visit: &Visit, wish: &str) -> Result<Answer, Trouble> {
    let keeper = keeper(site)?;
    let (kind, request) = match wish {
        "chercher" => return look_now(site, visit),
        "installer" => {
            let sha256: DocumentHash = ask.form.get("sha256").parse().map_err(|_| Trouble::NotFound)?;
            ("update_install", KeeperRequest::Install { sha256 })
        }
        "retirer" => ("update_withdrawn", KeeperRequest::Withdraw),
        "revenir" => ("update_go_back", KeeperRequest::GoBack),
        "redemarrer" => ("machine_restart", KeeperRequest::Restart),
        _ => return Err(Trouble::NotFound),
    };
    site.note(note(kind, visit.person()))?;
    answered(site, ask, visit, kind, keeper.order(request))
}

/// What was journalled as asked for did not come about: that is journalled too.
fn answered(
    site: &Site,
    ask: &Ask,
    visit: &Visit,
    asked: &str,
    answer: Result<(), KeeperError>,
) -> Result<Answer, Trouble> {
    match answer {
        Ok(()) if asked == "machine_restart" => Ok(Answer::see_other(&format!("{RELEASE_PATH}?fait=redemarre"))),
        Ok(()) => Ok(Answer::see_other(RELEASE_PATH)),
        Err(error) => {
            let mut note = note("machine_refused", visit.person());
            note.objects.insert("asked".to_owned(), asked.to_owned());
            site.note(note)?;
            shown(site, ask, visit, Some(said(visit.t, &error)))
        }
    }
}
