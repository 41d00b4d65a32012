//! Coming in and going out: the claim of a new box, log-in, log-out.

use std::time::Instant;

use askama::Template;
use zeroize::Zeroizing;

use crate::domain::Timestamp;
use crate::fault::Language;
use crate::web::answer::Answer;
use crate::web::ask::{Ask, Method};
use crate::web::error::Trouble;
use crate::web::page::{Chrome, Visit};
use crate::web::password;
use crate::web::recovery_key;
use crate::web::session::{self, gone_cookie, strict_cookie};
use crate::web::site::{Site, local_path, note};
use crate::web::throttle::address_key;
use crate::web::words::Tongue;

/// Characters of a person's name.
const NAME_LIMIT: usize = 64;

#[derive(Template)]
#[template(path = "claim.html", config = "src/web/askama.toml")]
struct ClaimPage<'a> {
    c: &'a Chrome,
    name: &'a str,
    problem: Option<&'a str>,
    shortest: usize,
}

#[derive(Template)]
#[template(path = "login.html", config = "src/web/askama.toml")]
struct LoginPage<'a> {
    c: &'a Chrome,
    name: &'a str,
    /// Where to go once inside.
    next: &'a str,
    problem: Option<&'a str>,
}

pub fn claim_form(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    claim_page(site, ask, visit, None)
}

fn claim_page(site: &Site, ask: &Ask, visit: &Visit, problem: Option<&str>) -> Result<Answer, Trouble> {
    let c = visit.chrome(site, ask, "", visit.t.say("Prendre possession de la machine", "Claim this box"));
    let page = ClaimPage { c: &c, name: ask.form.trimmed("name"), problem, shortest: password::SHORTEST };
    let answer = Answer::html(page.render()?);
    Ok(if problem.is_some() { answer.status(422) } else { answer })
}

/// The first person: whoever reads the code on the console.
pub fn claim(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let now = Instant::now();
    let address = address_key(&ask.peer);
    if let Some(wait) = site.by_address.wait(&address, now).or_else(|| site.by_claim.wait("", now)) {
        return Err(Trouble::TooMany(wait));
    }
    let (name, password) = (ask.form.trimmed("name"), Zeroizing::new(ask.form.get("password").to_owned()));
    if let Some(problem) = unfit(visit.t, name, &password, ask.form.get("repeat")) {
        return claim_page(site, ask, visit, Some(problem));
    }
    site.by_address.count(&address, now);
    site.by_claim.count("", now);
    let enrolled = site.claim.redeem(ask.form.get("code"), || -> Result<(), Trouble> {
        let hash = password::hash(&password)?;
        Ok(site.store.enrol(name, &hash, "console", Timestamp::now()).wait()?)
    });
    match enrolled {
        None => {
            site.note(note("claim_refused", "system"))?;
            log::warn!("A wrong claim code was given");
            let problem = visit.t.say(
                "Ce code n’est pas le bon. Il est affiché sur la console de la machine et change à chaque démarrage.",
                "This code is wrong. It is shown on the box's console and changes at every start.",
            );
            claim_page(site, ask, visit, Some(problem))
        }
        Some(Err(trouble)) => Err(trouble),
        Some(Ok(())) => {
            site.by_address.forgive(&address);
            site.note(note("claim", name))?;
            log::info!("The box was claimed by its first person");
            begin_session(site, name, recovery_key::after_claim(site, name)?.unwrap_or("/?fait=reclame"))
        }
    }
}

/// What is wrong with a name and password to be enrolled.
pub fn unfit(t: Tongue, name: &str, password: &str, repeat: &str) -> Option<&'static str> {
    unfit_name(t.0, name).or_else(|| unfit_password(t.0, name, password)).or_else(|| {
        (password != repeat).then(|| t.say("Les deux mots de passe diffèrent.", "The two passwords differ."))
    })
}

/// What is wrong with the name of a person to be enrolled, here or on the console.
pub fn unfit_name(language: Language, name: &str) -> Option<&'static str> {
    let t = Tongue(language);
    if name.is_empty() || name.chars().count() > NAME_LIMIT || name.chars().any(char::is_control) {
        Some(t.say("Indiquez un nom de 1 à 64 caractères.", "Give a name of 1 to 64 characters."))
    } else if is_machine_s(name) {
        Some(t.say("Ce nom est réservé à la machine.", "This name is reserved for the box."))
    } else {
        None
    }
}

/// What is wrong with the password of a person, here or on the console.
pub fn unfit_password(language: Language, name: &str, password: &str) -> Option<&'static str> {
    let t = Tongue(language);
    let length = password.chars().count();
    if length < password::SHORTEST {
        Some(t.say(
            "Le mot de passe doit avoir au moins 12 caractères. Une phrase convient très bien.",
            "The password must have at least 12 characters. A sentence does well.",
        ))
    } else if length > password::LONGEST {
        Some(t.say("Le mot de passe dépasse 256 caractères.", "The password is longer than 256 characters."))
    } else if is_guessable(name, password) {
        Some(t.say(
            "Ce mot de passe se devine trop facilement (nom, répétition ou suite).",
            "This password is too easy to guess (name, repetition or sequence).",
        ))
    } else {
        None
    }
}

/// A name that the journal writes in clear, because it takes it for a part of this box.
fn is_machine_s(name: &str) -> bool {
    name.starts_with("account:") || ["system", "front", "core", "keeper", "console", "person"].contains(&name)
}

/// Made of fewer than five different characters, of the name, or of a known start.
fn is_guessable(name: &str, password: &str) -> bool {
    let lower = password.to_lowercase();
    let different: std::collections::BTreeSet<char> = lower.chars().collect();
    let rest = lower.replace(&name.to_lowercase(), "");
    different.len() < 5
        || rest.chars().count() < 4
        || ["123456789012", "motdepasse", "password1", "azertyuiop", "qwertyuiop"].iter().any(|w| lower.starts_with(w))
}

pub fn login_form(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    if visit.session.is_some() {
        return Ok(Answer::see_other("/"));
    }
    login_page(site, ask, visit, None)
}

fn login_page(site: &Site, ask: &Ask, visit: &Visit, problem: Option<&str>) -> Result<Answer, Trouble> {
    let c = visit.chrome(site, ask, "", visit.t.say("Connexion", "Log in"));
    let fields = if ask.method == Method::Post { &ask.form } else { &ask.query };
    let next = local_path(fields.get("vers")).unwrap_or("/");
    let answer = Answer::html(LoginPage { c: &c, name: ask.form.trimmed("name"), next, problem }.render()?);
    Ok(if problem.is_some() { answer.status(422) } else { answer })
}

pub fn login(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let now = Instant::now();
    let address = address_key(&ask.peer);
    let name: String = ask.form.trimmed("name").chars().take(NAME_LIMIT).collect();
    if let Some(wait) = site.by_address.wait(&address, now).or_else(|| site.by_name.wait(&name, now)) {
        log::warn!(peer = ask.peer.as_str(); "Log-ins are refused for a while after too many failures");
        return Err(Trouble::TooMany(wait));
    }
    // Counted before the work, so that a hundred tries at once are a hundred tries.
    site.by_address.count(&address, now);
    site.by_name.count(&name, now);
    let hash = site.reader()?.person(&name)?;
    let mut noted = note("login", "system");
    noted.private.insert("person".to_owned(), name.clone());
    noted.private.insert("peer".to_owned(), ask.peer.clone());
    if !password::verify(ask.form.get("password"), hash.as_deref()) {
        noted.kind = "login_refused";
        site.note(noted)?;
        log::warn!(peer = ask.peer.as_str(); "A log-in to the page was refused");
        let problem = visit.t.say("Nom ou mot de passe incorrect.", "Wrong name or password.");
        return login_page(site, ask, visit, Some(problem));
    }
    site.by_address.forgive(&address);
    site.by_name.forgive(&name);
    noted.actor.clone_from(&name);
    site.note(noted)?;
    if let Some(former) = ask.cookie(session::COOKIE) {
        site.sessions.end(former);
    }
    begin_session(site, &name, local_path(ask.form.get("vers")).unwrap_or("/"))
}

fn begin_session(site: &Site, person: &str, next: &str) -> Result<Answer, Trouble> {
    let token = site.sessions.begin(person, Instant::now())?;
    Ok(Answer::see_other(next).with("Set-Cookie", strict_cookie(session::COOKIE, &token)))
}

pub fn logout(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    if let Some(token) = ask.cookie(session::COOKIE) {
        site.sessions.end(token);
    }
    site.note(note("logout", visit.person()))?;
    Ok(Answer::see_other("/login?fait=sorti").with("Set-Cookie", gone_cookie(session::COOKIE)))
}

/// Nobody is logged in. A link from elsewhere (a mail) comes without the strict cookie although somebody is: the
/// browser is asked once more, from here.
pub fn ask_to_log_in(ask: &Ask) -> Result<Answer, Trouble> {
    let here = local_path(&ask.path).unwrap_or("/");
    if ask.method == Method::Get && ask.fetch_site.as_deref() == Some("cross-site") {
        let again = format!("<!DOCTYPE html><meta http-equiv=\"refresh\" content=\"0; url={}\">", escape(here));
        return Ok(Answer::html(again));
    }
    let next: String = form_urlencoded::byte_serialize(here.as_bytes()).collect();
    Ok(Answer::see_other(&format!("/login?vers={next}")))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Language;

    #[test]
    fn weak_passwords_are_told_what_is_wrong() {
        let t = Tongue(Language::En);
        let fit = |name, password: &str| unfit(t, name, password, password);
        assert_eq!(fit("Camille Durand", "une phrase de passe assez longue"), None);
        assert!(fit("system", "une phrase de passe assez longue").is_some(), "the journal would not hide it");
        assert!(fit("", "une phrase de passe assez longue").is_some());
        assert!(fit("anna", "elevenchars").unwrap().contains("12"));
        for weak in ["aaaaaaaaaaaaa", "123456789012", "annaannaanna", "motdepasse2026"] {
            assert!(fit("anna", weak).is_some(), "{weak}");
        }
        assert!(unfit(t, "anna", "une phrase de passe", "une phrase de pass").unwrap().contains("differ"));
    }
}
