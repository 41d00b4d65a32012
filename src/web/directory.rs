//! Chorus Pro's directory on the page: how old the local copy is, whom it lists, and what each of them demands.

use askama::Template;

use crate::config::Config;
use crate::domain::{Environment, StructureService, Timestamp};
use crate::store::{Directory, DirectoryState, StoreError, StructureRecord, StructureSource};
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::home::FaultView;
use crate::web::page::{Chrome, REFRESH_SECONDS, Visit};
use crate::web::site::{Site, note};
use crate::web::words::Tongue;

/// Structures that a search shows.
const SHOWN: u32 = 50;
/// Services of a structure that are shown.
const SERVICES_SHOWN: u32 = 200;
/// Structures whose services are shown: a narrow search means one of them.
const WITH_SERVICES: usize = 3;
/// Characters of a search.
const SEARCH_LIMIT: usize = 100;

#[derive(Template)]
#[template(path = "directory.html", config = "src/web/askama.toml")]
struct DirectoryPage<'a> {
    c: &'a Chrome,
    /// Whether the configuration wants a local directory.
    on: bool,
    copies: Vec<CopyView>,
    text: String,
    environment: &'static str,
    found: Vec<StructureView>,
    /// More were found than are shown.
    more: bool,
}

/// An environment's copy.
struct CopyView {
    environment: &'static str,
    /// The environment, for people.
    name: &'static str,
    structures: String,
    /// Since when, and how long ago; `None`: there is none yet.
    fetched: Option<(String, String)>,
    running: bool,
    fault: Option<FaultView>,
    next_try: Option<String>,
}

impl CopyView {
    fn new(environment: Environment, state: Option<DirectoryState>, t: Tongue, now: Timestamp) -> Self {
        let Some(state) = state else {
            return Self {
                environment: environment.as_str(),
                name: t.environment(environment),
                structures: t.number(0),
                fetched: None,
                running: false,
                fault: None,
                next_try: None,
            };
        };
        Self {
            environment: environment.as_str(),
            name: t.environment(environment),
            structures: t.number(state.structures),
            fetched: state.fetched_at.map(|at| (at.paris_text(), t.ago(at, now))),
            running: state.wanted_at.is_some() || state.unread_at.is_some(),
            fault: state.fault.as_ref().map(|fault| FaultView::new(fault, t)),
            next_try: state.retry_at.filter(|at| *at > now).map(Timestamp::paris_text),
        }
    }
}

struct StructureView {
    siret: String,
    name: String,
    inactive: bool,
    demands: Vec<&'static str>,
    source: String,
    services: Vec<ServiceView>,
    /// More services than are shown.
    more: bool,
}

struct ServiceView {
    code: String,
    name: String,
    inactive: bool,
    commitment: bool,
}

impl StructureView {
    fn new(s: StructureRecord, services: Vec<StructureService>, t: Tongue) -> Self {
        let from = match s.source {
            StructureSource::Directory => t.say("annuaire du", "directory of"),
            StructureSource::Consulted => t.say("consultée le", "consulted on"),
        };
        let demands = [
            (s.service_required, t.say("code service", "service code")),
            (s.commitment_required, t.say("numéro d’engagement", "commitment number")),
            (s.commitment_or_service, t.say("code service ou engagement", "service code or commitment")),
        ];
        Self {
            siret: s.siret,
            name: s.name.unwrap_or_default(),
            inactive: s.active == Some(false),
            demands: demands.into_iter().filter(|(flag, _)| *flag == Some(true)).map(|(_, text)| text).collect(),
            source: format!("{from} {}", s.fetched_at.paris_text()),
            more: services.len() > SERVICES_SHOWN as usize,
            services: services
                .into_iter()
                .take(SERVICES_SHOWN as usize)
                .map(|service| ServiceView {
                    code: service.code,
                    name: service.name.unwrap_or_default(),
                    inactive: service.active == Some(false),
                    commitment: service.commitment_required == Some(true),
                })
                .collect(),
        }
    }
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let (t, now) = (visit.t, Timestamp::now());
    let reader = site.reader()?;
    let directory = reader.directory();
    let config = configured(site);
    let mut copies = Vec::new();
    for environment in Environment::ALL {
        let state = directory.state(environment)?;
        if state.is_some() || config.as_ref().is_some_and(|config| config.chorus.api.contains_key(&environment)) {
            copies.push((environment, CopyView::new(environment, state, t, now)));
        }
    }
    let wanted = ask.query.get("environnement");
    let chosen = copies.iter().map(|(environment, _)| *environment).find(|e| e.as_str() == wanted);
    let environment = chosen.or(copies.first().map(|(first, _)| *first)).unwrap_or(Environment::Production);
    let text: String = ask.query.trimmed("q").chars().take(SEARCH_LIMIT).collect();
    let mut found = if text.is_empty() { Vec::new() } else { directory.search(environment, &text, SHOWN + 1)? };
    let more = found.len() > SHOWN as usize;
    found.truncate(SHOWN as usize);
    let mut c = visit.chrome(site, ask, "directory", t.say("Annuaire", "Directory"));
    c.refresh = (text.is_empty() && copies.iter().any(|(_, copy)| copy.running)).then_some(REFRESH_SECONDS);
    let page = DirectoryPage {
        c: &c,
        on: config.is_none_or(|config| !config.limits.directory_refresh.get().is_zero()),
        copies: copies.into_iter().map(|(_, copy)| copy).collect(),
        environment: environment.as_str(),
        found: views(directory, environment, found, t)?,
        more,
        text,
    };
    Ok(Answer::html(page.render()?))
}

/// The configuration as its file has it now; `None`: it cannot be used.
fn configured(site: &Site) -> Option<Config> {
    Config::parse(&site.settings.configuration.text().ok()?).ok()
}

fn views(
    directory: Directory<'_>,
    environment: Environment,
    found: Vec<StructureRecord>,
    t: Tongue,
) -> Result<Vec<StructureView>, StoreError> {
    let with_services = found.len() <= WITH_SERVICES;
    let view = |structure: StructureRecord| {
        let services = if with_services {
            directory.services(environment, &structure.siret, SERVICES_SHOWN + 1)?
        } else {
            Vec::new()
        };
        Ok(StructureView::new(structure, services, t))
    };
    found.into_iter().map(view).collect()
}

/// Wants an environment's directory refreshed; the core fetches it at the next look.
pub fn refresh(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let wanted = ask.form.get("environnement");
    let environment = Environment::ALL.into_iter().find(|e| e.as_str() == wanted).ok_or(Trouble::NotFound)?;
    let mut noted = note("directory_wanted", visit.person());
    noted.objects.insert("environment".to_owned(), environment.to_string());
    site.note(noted)?;
    site.store.want_directory(environment, Timestamp::now()).wait()?;
    Ok(Answer::see_other("/annuaire?fait=annuaire"))
}
