//! The list of flows: search, filter, page by page.

use askama::Template;

use crate::domain::Timestamp;
use crate::fault::{CATALOGUE, Code};
use crate::flow::{FlowKind, deposit};
use crate::store::FlowQuery;
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::home::FlowLine;
use crate::web::page::{Chrome, Visit};
use crate::web::site::Site;

/// Flows on a page.
const PAGE: usize = 50;
/// Characters of a search.
const SEARCH_LIMIT: usize = 200;

#[derive(Template)]
#[template(path = "flows.html", config = "src/web/askama.toml")]
struct FlowsPage<'a> {
    c: &'a Chrome,
    text: String,
    kind: &'a str,
    stuck: bool,
    /// The only fault that is shown, when one was asked for.
    fault: &'static str,
    /// The one state that is shown, and its name.
    state: Option<(&'static str, String)>,
    kinds: Vec<(&'static str, &'static str)>,
    flows: Vec<FlowLine>,
    /// The address of the next page.
    older: Option<String>,
    /// The address of the first page, when this is not it.
    newest: Option<String>,
    filtered: bool,
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let t = visit.t;
    let text: String = ask.query.trimmed("q").chars().take(SEARCH_LIMIT).collect();
    let kind = FlowKind::ALL.into_iter().find(|k| k.as_str() == ask.query.get("sorte"));
    let stuck = ask.query.get("bloque") == "1";
    let fault = CATALOGUE.iter().map(|entry| entry.code).find(|code| code.as_str() == ask.query.get("faute"));
    // The first screen's tiles lead to one state of drops.
    let state = deposit::State::ALL.iter().map(|s| s.as_str()).find(|s| *s == ask.query.get("etat"));
    let before = ask.query.get("avant").parse().ok();
    let query = FlowQuery {
        text: (!text.is_empty()).then(|| text.clone()),
        kind,
        state: state.map(str::to_owned),
        stuck,
        fault,
        before: before.clone(),
        most: PAGE + 1,
    };
    let mut flows = site.reader()?.flows(&query)?;
    let more = flows.len() > PAGE;
    flows.truncate(PAGE);
    let (kind, fault) = (kind.map_or("", FlowKind::as_str), fault.map_or("", Code::as_str));
    let address = |before: Option<&str>| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let fields = [
            ("q", text.as_str()),
            ("sorte", kind),
            ("etat", state.unwrap_or_default()),
            ("faute", fault),
            ("bloque", if stuck { "1" } else { "" }),
        ];
        for (name, value) in fields.into_iter().chain(before.map(|id| ("avant", id))).filter(|(_, v)| !v.is_empty()) {
            query.append_pair(name, value);
        }
        format!("/flux?{}", query.finish())
    };
    let now = Timestamp::now();
    let c = visit.chrome(site, ask, "flows", t.say("Flux", "Flows"));
    let page = FlowsPage {
        c: &c,
        kind,
        stuck,
        fault,
        kinds: FlowKind::ALL.into_iter().map(|k| (k.as_str(), t.kind(k))).collect(),
        older: flows.last().filter(|_| more).map(|last| address(Some(last.id.as_str()))),
        newest: before.map(|_| address(None)),
        flows: flows.iter().map(|f| FlowLine::new(f, t, now)).collect(),
        filtered: !text.is_empty() || !kind.is_empty() || !fault.is_empty() || state.is_some() || stuck,
        state: state.map(|state| (state, t.state(FlowKind::Deposit, state).0)),
        text: text.clone(),
    };
    Ok(Answer::html(page.render()?))
}
