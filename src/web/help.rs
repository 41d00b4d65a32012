//! The page's own manual: folders, receipts, faults.

use askama::Template;

use crate::fault::CATALOGUE;
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::page::{Chrome, Visit};
use crate::web::site::Site;

struct Row {
    code: &'static str,
    who: &'static str,
    retry: &'static str,
    title: String,
    remedy: String,
}

#[derive(Template)]
#[template(path = "help.html", config = "src/web/askama.toml")]
struct HelpPage<'a> {
    c: &'a Chrome,
    faults: Vec<Row>,
    version: &'static str,
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let t = visit.t;
    let c = visit.chrome(site, ask, "help", t.say("Aide", "Help"));
    let faults = CATALOGUE
        .iter()
        .map(|entry| Row {
            code: entry.text,
            who: t.actor(entry.actor),
            retry: t.retry(entry.retry),
            title: t.typeset(&blanks(entry.title(t.0))),
            remedy: t.typeset(&blanks(entry.remedy(t.0))),
        })
        .collect();
    Ok(Answer::html(HelpPage { c: &c, faults, version: env!("CARGO_PKG_VERSION") }.render()?))
}

/// `{name}` in a text of the catalogue stands for what the case fills in: `…` for people.
fn blanks(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        shown.push_str(before);
        shown.push('…');
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_is_shown_as_one() {
        assert_eq!(
            blanks("Fichier trop volumineux : {size} pour {limit} au plus"),
            "Fichier trop volumineux : … pour … au plus"
        );
        assert_eq!(blanks("Fichier vide"), "Fichier vide");
    }
}
