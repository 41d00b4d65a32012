//! The configuration file on the page: edited through the one parser, kept in versions, journalled, restored.

use std::fmt::Write;
use std::sync::PoisonError;

use askama::Template;
use sha2::{Digest, Sha256};

use crate::config::{AcceptError, Config, Problem};
use crate::domain::DocumentHash;
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::diff;
use crate::web::error::Trouble;
use crate::web::page::{Chrome, Visit};
use crate::web::site::{Site, note};
use crate::web::words::Tongue;

/// Versions listed on the page.
const LISTED: usize = 100;
/// Characters of a line quoted beside its problem.
const QUOTE: usize = 160;

/// A problem in words, beside its line.
pub struct ProblemView {
    pub line: usize,
    pub key: String,
    pub message: String,
    pub remedy: String,
    pub quote: String,
}

impl ProblemView {
    pub fn all(problems: &[Problem], text: &str, t: Tongue) -> Vec<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let quote =
            |line: usize| lines.get(line.wrapping_sub(1)).map_or("", |l| l.trim()).chars().take(QUOTE).collect();
        problems
            .iter()
            .map(|p| Self {
                line: p.line,
                key: p.key.clone(),
                message: t.typeset(p.message.get(t.0)),
                remedy: t.typeset(p.remedy.get(t.0)),
                quote: quote(p.line),
            })
            .collect()
    }
}

/// A number in the editor's margin.
struct Margin {
    number: usize,
    wrong: bool,
}

#[derive(Template)]
#[template(path = "configuration.html", config = "src/web/askama.toml")]
struct ConfigurationPage<'a> {
    c: &'a Chrome,
    tab: &'static str,
    text: &'a str,
    margin: Vec<Margin>,
    rows: usize,
    /// The hash of the file that this edit began with.
    base: String,
    problems: Vec<ProblemView>,
    changed_meanwhile: bool,
    version: Option<(u32, String)>,
    path: String,
    missing_file: bool,
}

struct VersionView {
    number: u32,
    at: String,
    current: bool,
}

#[derive(Template)]
#[template(path = "applied.html", config = "src/web/askama.toml")]
struct AppliedPage<'a> {
    c: &'a Chrome,
    next: &'a str,
}

#[derive(Template)]
#[template(path = "versions.html", config = "src/web/askama.toml")]
struct VersionsPage<'a> {
    c: &'a Chrome,
    tab: &'static str,
    versions: Vec<VersionView>,
}

#[derive(Template)]
#[template(path = "version.html", config = "src/web/askama.toml")]
struct VersionPage<'a> {
    c: &'a Chrome,
    tab: &'static str,
    number: u32,
    at: String,
    current: bool,
    lines: Vec<diff::Line<'a>>,
    text: &'a str,
    problems: Vec<ProblemView>,
}

pub fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> Trouble {
    move |source| Trouble::Io { what, source }
}

/// The file's text; empty when there is none yet.
pub fn text(site: &Site) -> Result<Option<String>, Trouble> {
    match site.settings.configuration.text() {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io("configuration file")(e)),
    }
}

fn hash(text: &str) -> DocumentHash {
    DocumentHash(Sha256::digest(text.as_bytes()).into())
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let text = text(site)?;
    let missing = text.is_none();
    let text = text.unwrap_or_default();
    let problems = if missing { Vec::new() } else { Config::parse(&text).err().unwrap_or_default() };
    editor(site, ask, visit, &text, &hash(&text).to_string(), &problems, false)
}

fn editor(
    site: &Site,
    ask: &Ask,
    visit: &Visit,
    text: &str,
    base: &str,
    problems: &[Problem],
    changed_meanwhile: bool,
) -> Result<Answer, Trouble> {
    let t = visit.t;
    let c = visit.chrome(site, ask, "configuration", "Configuration");
    let rows = text.lines().count() + 2;
    let version = site.settings.configuration.versions().map_err(io("configuration versions"))?;
    let page = ConfigurationPage {
        c: &c,
        tab: "file",
        text,
        margin: (1..=rows).map(|n| Margin { number: n, wrong: problems.iter().any(|p| p.line == n) }).collect(),
        rows,
        base: base.to_owned(),
        problems: ProblemView::all(problems, text, t),
        changed_meanwhile,
        version: version.first().map(|v| (v.number, version_time(&v.at))),
        path: site.settings.configuration.path().display().to_string(),
        missing_file: text.is_empty(),
    };
    let refused = changed_meanwhile || (!problems.is_empty() && ask.method == crate::web::ask::Method::Post);
    let answer = Answer::html(page.render()?);
    Ok(if refused { answer.status(422) } else { answer })
}

/// `20261123T101502Z` in Paris time.
fn version_time(at: &str) -> String {
    let mut iso = String::new();
    for (place, c) in at.chars().enumerate() {
        match place {
            4 | 6 => iso.push('-'),
            11 | 13 => iso.push(':'),
            _ => {}
        }
        iso.push(c);
    }
    iso.parse::<crate::domain::Timestamp>().map_or_else(|_| at.to_owned(), crate::domain::Timestamp::paris_text)
}

/// Takes an edited text, unless the file changed since the edit began.
pub fn save(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let typed = ask.form.get("text").replace("\r\n", "\n");
    let base = ask.form.get("base");
    let now = hash(&text(site)?.unwrap_or_default()).to_string();
    if base != now {
        return editor(site, ask, visit, &typed, &now, &[], true);
    }
    match accept(site, visit, &typed)? {
        Ok(said) => applied(site, ask, visit, &format!("/configuration?fait={said}")),
        Err(problems) => editor(site, ask, visit, &typed, base, &problems, false),
    }
}

/// Puts what was saved into force. Services may restart, and with them the way to this page: the browser is told to
/// wait for them, then goes on to `next`.
pub fn applied(site: &Site, ask: &Ask, visit: &Visit, next: &str) -> Result<Answer, Trouble> {
    if next.ends_with("=inchange") {
        return Ok(Answer::see_other(next));
    }
    let c = visit.chrome(site, ask, "configuration", visit.t.say("Enregistré", "Saved"));
    let page = AppliedPage { c: &c, next }.render()?;
    (site.reload)();
    Ok(Answer::html(page))
}

/// Makes a text the configuration: parsed, journalled, kept; [`applied`] is next. Answers what to say, or what is wrong with it.
/// It is journalled before it counts, so that no change goes without its record.
pub fn accept(site: &Site, visit: &Visit, new: &str) -> Result<Result<&'static str, Vec<Problem>>, Trouble> {
    let _one_at_a_time = site.changing.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(problems) = Config::parse(new) {
        return Ok(Err(problems));
    }
    let old = text(site)?;
    if old.as_deref() == Some(new) {
        return Ok(Ok("inchange"));
    }
    let shut = shut_out(site, new, old.as_deref());
    if !shut.is_empty() {
        return Ok(Err(shut));
    }
    let mut noted = note("configuration", visit.person());
    noted.hashes.extend(old.as_deref().map(|old| ("before".to_owned(), hash(old))));
    noted.hashes.insert("after".to_owned(), hash(new));
    site.note(noted.clone())?;
    match site.settings.configuration.accept(new) {
        Ok(accepted) => {
            log::info!(version = accepted.version; "A new configuration was accepted");
            site.configuration_is_sound();
            Ok(Ok("enregistre"))
        }
        Err(error) => {
            noted.kind = "configuration_failed";
            site.note(noted)?;
            match error {
                AcceptError::Problems(problems) => Ok(Err(problems)),
                AcceptError::Io(source) => Err(io("keeping the configuration")(source)),
            }
        }
    }
}

/// What of a new text would keep people from this page, who could not put it right any more.
fn shut_out(site: &Site, new: &str, old: Option<&str>) -> Vec<Problem> {
    // An address that keeper does not tell is none of the machine's.
    let here = site.keeper().map(|keeper| keeper.status().map_or_else(|_| Vec::new(), |status| status.addresses()));
    Config::shut_out(new, &Config::paused(old.unwrap_or_default()), here.as_deref())
}

/// What is wrong with a text that would be the configuration.
fn problems(site: &Site, new: &str, old: &str) -> Vec<Problem> {
    Config::parse(new).err().unwrap_or_else(|| shut_out(site, new, Some(old)))
}

pub fn versions(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let c = visit.chrome(site, ask, "configuration", visit.t.say("Versions", "Versions"));
    let current = text(site)?;
    let kept = site.settings.configuration.versions().map_err(io("configuration versions"))?;
    let mut versions = Vec::new();
    for version in kept.iter().take(LISTED) {
        let same = || site.settings.configuration.version_text(version.number).ok() == current;
        versions.push(VersionView {
            number: version.number,
            at: version_time(&version.at),
            // The newest that is the file; older ones may say the same again.
            current: versions.iter().all(|v: &VersionView| !v.current) && same(),
        });
    }
    Ok(Answer::html(VersionsPage { c: &c, tab: "versions", versions }.render()?))
}

fn version_text(site: &Site, number: &str) -> Result<(u32, String), Trouble> {
    let number = number.parse().map_err(|_| Trouble::NotFound)?;
    let text = site.settings.configuration.version_text(number).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Trouble::NotFound,
        _ => io("configuration version")(e),
    })?;
    Ok((number, text))
}

/// A version beside the file: what restoring it would change.
pub fn version(site: &Site, ask: &Ask, visit: &Visit, number: &str) -> Result<Answer, Trouble> {
    let (number, kept) = version_text(site, number)?;
    let current = text(site)?.unwrap_or_default();
    let mut title = String::new();
    let _ = write!(title, "Version {number}");
    let c = visit.chrome(site, ask, "configuration", &title);
    let at = site.settings.configuration.versions().map_err(io("configuration versions"))?;
    let page = VersionPage {
        c: &c,
        tab: "versions",
        number,
        at: at.iter().find(|v| v.number == number).map(|v| version_time(&v.at)).unwrap_or_default(),
        current: kept == current,
        lines: diff::lines(&current, &kept),
        text: &kept,
        problems: ProblemView::all(&problems(site, &kept, &current), &kept, visit.t),
    };
    Ok(Answer::html(page.render()?))
}

/// Makes a kept version the configuration again, as a new version.
pub fn restore(site: &Site, ask: &Ask, visit: &Visit, number: &str) -> Result<Answer, Trouble> {
    let (number, kept) = version_text(site, number)?;
    match accept(site, visit, &kept)? {
        Ok("inchange") => applied(site, ask, visit, "/configuration?fait=inchange"),
        Ok(_) => applied(site, ask, visit, "/configuration?fait=restaure"),
        // A version that this program no longer reads: its page says why.
        Err(_) => Ok(Answer::see_other(&format!("/configuration/versions/{number}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_s_time_is_told_in_paris_time() {
        assert_eq!(version_time("20261123T101502Z"), "23/11/2026 11:15:02");
        assert_eq!(version_time("odd"), "odd");
    }
}
