//! The list of flows: search, filter, page by page.

use askama::Template;

use crate::domain::{FlowId, Timestamp};
use crate::fault::{CATALOGUE, Code};
use crate::flow::FlowKind;
use crate::store::{FlowQuery, Subset};
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
    subset: &'static str,
    /// The only fault that is shown, when one was asked for.
    fault: &'static str,
    subsets: Vec<(&'static str, &'static str)>,
    kinds: Vec<(&'static str, &'static str)>,
    flows: Vec<FlowLine>,
    /// The address of the next page.
    older: Option<String>,
    /// The address of the first page, when this is not it.
    newest: Option<String>,
    filtered: bool,
    /// The address of this page.
    here: String,
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let t = visit.t;
    let text: String = ask.query.trimmed("q").chars().take(SEARCH_LIMIT).collect();
    let kind = FlowKind::ALL.into_iter().find(|k| k.as_str() == ask.query.get("sorte"));
    let subset = Subset::ALL.into_iter().find(|subset| subset.as_str() == ask.query.get("etat"));
    let fault = CATALOGUE.iter().map(|entry| entry.code).find(|code| code.as_str() == ask.query.get("faute"));
    let before: Option<FlowId> = ask.query.get("avant").parse().ok();
    let query = FlowQuery {
        text: (!text.is_empty()).then(|| text.clone()),
        kind,
        subset,
        fault,
        before: before.clone(),
        most: PAGE + 1,
    };
    let mut flows = site.reader()?.flows(&query)?;
    let more = flows.len() > PAGE;
    flows.truncate(PAGE);
    let (kind, fault) = (kind.map_or("", FlowKind::as_str), fault.map_or("", Code::as_str));
    let subset = subset.map_or("", Subset::as_str);
    let address = |before: Option<&str>| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let fields = [("q", text.as_str()), ("sorte", kind), ("etat", subset), ("faute", fault)];
        for (name, value) in fields.into_iter().chain(before.map(|id| ("avant", id))).filter(|(_, v)| !v.is_empty()) {
            query.append_pair(name, value);
        }
        let query = query.finish();
        if query.is_empty() { "/flux".to_owned() } else { format!("/flux?{query}") }
    };
    let now = Timestamp::now();
    let c = visit.chrome(site, ask, "flows", t.say("Flux", "Flows"));
    let page = FlowsPage {
        c: &c,
        kind,
        subset,
        subsets: Subset::ALL.into_iter().map(|subset| (subset.as_str(), t.subset(subset))).collect(),
        fault,
        kinds: FlowKind::ALL.into_iter().map(|k| (k.as_str(), t.kind(k))).collect(),
        older: flows.last().filter(|_| more).map(|last| address(Some(last.id.as_str()))),
        newest: before.as_ref().map(|_| address(None)),
        here: address(before.as_ref().map(FlowId::as_str)),
        flows: flows.iter().map(|f| FlowLine::new(f, t, now)).collect(),
        filtered: [text.as_str(), kind, fault, subset].iter().any(|filter| !filter.is_empty()),
        text: text.clone(),
    };
    Ok(Answer::html(page.render()?))
}
