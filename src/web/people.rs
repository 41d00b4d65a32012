//! The people of the page: their list, a new one, one's own password.

use askama::Template;
use zeroize::Zeroizing;

use crate::domain::Timestamp;
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::entry::unfit;
use crate::web::error::Trouble;
use crate::web::page::{Chrome, Visit};
use crate::web::password;
use crate::web::session;
use crate::web::site::Site;
use crate::web::words::Tongue;

#[derive(Template)]
#[template(path = "people.html", config = "src/web/askama.toml")]
struct PeoplePage<'a> {
    c: &'a Chrome,
    people: Vec<String>,
    me: &'a str,
    problem: Option<&'a str>,
    shortest: usize,
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit, problem: Option<&str>) -> Result<Answer, Trouble> {
    let c = visit.chrome(site, ask, "people", visit.t.say("Personnes", "People"));
    let people = site.reader()?.people()?;
    let page = PeoplePage { c: &c, people, me: visit.person(), problem, shortest: password::SHORTEST };
    let answer = Answer::html(page.render()?);
    Ok(if problem.is_some() { answer.status(422) } else { answer })
}

fn wrong_present(t: Tongue) -> &'static str {
    t.say("Le mot de passe actuel est incorrect.", "The present password is wrong.")
}

/// Another person, with a first password to be handed over and changed.
pub fn add(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let t = visit.t;
    // Whoever is enrolled may do what wants a password.
    if !site.gives_password(ask.form.get("present"), visit.person())? {
        return show(site, ask, visit, Some(wrong_present(t)));
    }
    let (name, password) = (ask.form.trimmed("name"), Zeroizing::new(ask.form.get("password").to_owned()));
    if let Some(problem) = unfit(t, name, &password, ask.form.get("repeat")) {
        return show(site, ask, visit, Some(problem));
    }
    if site.reader()?.person(name)?.is_some() {
        let problem = t.say("Ce nom est déjà pris.", "This name is taken.");
        return show(site, ask, visit, Some(problem));
    }
    let hash = password::hash(&password)?;
    site.store.enrol(name, &hash, visit.person(), Timestamp::now()).wait()?;
    log::info!("A person of the page was enrolled");
    Ok(Answer::see_other("/personnes?fait=personne"))
}

/// One's own password: the present one is asked for, and every other session of that person ends.
pub fn change_password(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let (t, me) = (visit.t, visit.person());
    if !site.gives_password(ask.form.get("present"), me)? {
        return show(site, ask, visit, Some(wrong_present(t)));
    }
    let password = Zeroizing::new(ask.form.get("password").to_owned());
    if let Some(problem) = unfit(t, me, &password, ask.form.get("repeat")) {
        return show(site, ask, visit, Some(problem));
    }
    let hash = password::hash(&password)?;
    site.store.enrol(me, &hash, me, Timestamp::now()).wait()?;
    site.sessions.end_others(me, ask.cookie(session::COOKIE).unwrap_or_default());
    Ok(Answer::see_other("/personnes?fait=mot-de-passe"))
}
