//! The page for testers: the ledger, and what they do as supplier, as Chorus Pro and as accountant.
//!
//! Server-rendered, nothing from elsewhere. For the machine it runs on only: a caller, and the name it calls us by,
//! must be loopback; what changes something comes from a form of ours (a token of this run, and the browser's word for
//! where it was).

mod act;
mod views;

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::header::HeaderMap;
use subtle::ConstantTimeEq;

use super::server::Shared;

/// Latest rows of each list.
const ROWS: usize = 50;
/// Fields of a form.
const FIELDS_LIMIT: usize = 60;

const STYLE: &str = include_str!("../templates/style.css");

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tongue {
    French,
    English,
}

impl Tongue {
    fn of(asked: Option<&str>, headers: &HeaderMap) -> Tongue {
        let accepted = headers.get("accept-language").and_then(|value| value.to_str().ok()).unwrap_or_default();
        match asked {
            Some("en") => Tongue::English,
            Some("fr") => Tongue::French,
            _ if accepted.trim_start().starts_with("en") => Tongue::English,
            _ => Tongue::French,
        }
    }

    /// One text in this language.
    pub fn say<'a>(self, french: &'a str, english: &'a str) -> &'a str {
        match self {
            Tongue::French => french,
            Tongue::English => english,
        }
    }

    /// An amount as this language writes it.
    pub fn amount(self, amount: rust_decimal::Decimal) -> String {
        let text = format!("{:.2}", amount.round_dp(2));
        match self {
            Tongue::French => text.replace('.', ","),
            Tongue::English => text,
        }
    }

    /// A text as this language sets it: French puts a space that does not break before its high punctuation.
    pub fn set(self, text: &str) -> String {
        match self {
            Tongue::French => [" :", " ;", " !", " ?", " »"]
                .iter()
                .fold(text.replace("« ", "«\u{a0}"), |text, mark| text.replace(mark, &mark.replace(' ', "\u{a0}"))),
            Tongue::English => text.to_owned(),
        }
    }

    /// As HTML and addresses name it.
    pub fn code(self) -> &'static str {
        match self {
            Tongue::French => "fr",
            Tongue::English => "en",
        }
    }
}

/// What the page answers.
pub(super) enum Answer {
    Html(String),
    Style(&'static str),
    /// See other.
    Go(String),
    /// A status and a line for a person.
    Refused(u16, &'static str),
}

/// Answers a GET of the page; `None`: no address of ours.
pub(super) fn show(path: &str, query: &str, headers: &HeaderMap, peer: SocketAddr, shared: &Shared) -> Option<Answer> {
    let page = match path {
        "/" => "",
        _ => path.strip_prefix("/simulator/")?,
    };
    if !["", "supplier", "chorus", "accountant", "tests", "style.css"].contains(&page) {
        return None;
    }
    if let Some(refusal) = strange(headers, peer) {
        return Some(refusal);
    }
    if path == "/" {
        return Some(Answer::Go("/simulator/".to_owned()));
    }
    if page == "style.css" {
        return Some(Answer::Style(STYLE));
    }
    let fields = fields(query.as_bytes());
    let t = Tongue::of(field(&fields, "lang"), headers);
    let told = act::told(t, field(&fields, "told"), field(&fields, "what"));
    Some(match views::render(page, t, told, shared) {
        Ok(html) => Answer::Html(html),
        Err(error) => {
            log::error!(error:% = error; "Simulator page could not be rendered");
            Answer::Refused(500, "the page could not be rendered")
        }
    })
}

/// Obeys a form of the page, and sends its reader back.
pub(super) fn obey(body: &[u8], headers: &HeaderMap, peer: SocketAddr, shared: &Arc<Shared>) -> Answer {
    if let Some(refusal) = strange(headers, peer) {
        return refusal;
    }
    if !is_own(headers) {
        return Answer::Refused(403, "a form of another site");
    }
    let fields = fields(body);
    let given = field(&fields, "csrf").unwrap_or_default();
    if !bool::from(given.as_bytes().ct_eq(shared.csrf.as_bytes())) {
        return Answer::Refused(403, "a form of another run: reload the page");
    }
    let t = Tongue::of(field(&fields, "lang"), headers);
    let back = field(&fields, "back").filter(|back| ["supplier", "chorus", "accountant"].contains(back)).unwrap_or("");
    let (told, what) = match act::act(&fields, shared) {
        Ok(done) => (done, String::new()),
        Err(problem) => ("problem", problem),
    };
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("lang", t.code())
        .append_pair("told", told)
        .append_pair("what", &what)
        .finish();
    Answer::Go(format!("/simulator/{back}?{query}"))
}

/// A caller from elsewhere, or one who calls us by a name that is not this machine's (a rebound one).
fn strange(headers: &HeaderMap, peer: SocketAddr) -> Option<Answer> {
    if !peer.ip().to_canonical().is_loopback() {
        return Some(Answer::Refused(403, "the page is for the machine the simulator runs on"));
    }
    (!is_called_by_its_name(headers)).then_some(Answer::Refused(403, "call the page by 127.0.0.1 or localhost"))
}

/// Whether the caller used a name of this machine: one that somebody else's name server made up is not.
pub(super) fn is_called_by_its_name(headers: &HeaderMap) -> bool {
    is_loopback_name(headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or_default())
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The browser's word for where a form was: Origin, else Sec-Fetch-Site; a client without either is no browser.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host").unwrap_or_default();
    if let Some(origin) = text("origin") {
        return origin.split_once("://").is_some_and(|(_, authority)| authority == host);
    }
    text("sec-fetch-site").is_none_or(|site| site == "same-origin")
}

type Fields = Vec<(String, String)>;

fn fields(bytes: &[u8]) -> Fields {
    form_urlencoded::parse(bytes).into_owned().take(FIELDS_LIMIT).collect()
}

fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_ours() {
        for good in ["localhost:8443", "127.0.0.1:1", "[::1]:5", "LOCALHOST", "127.0.0.2"] {
            assert!(is_loopback_name(good), "{good}");
        }
        for bad in ["evil.example:443", "127.0.0.1.evil.example", "10.0.0.1:1", "", "localhost.evil.example:1"] {
            assert!(!is_loopback_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_form_of_another_site_is_not_ours() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            is_own(&headers)
        };
        assert!(of(&[("host", "127.0.0.1:1"), ("origin", "https://127.0.0.1:1")]));
        assert!(!of(&[("host", "127.0.0.1:1"), ("origin", "https://evil.example")]));
        assert!(!of(&[("host", "127.0.0.1:1"), ("origin", "null")]));
        assert!(!of(&[("host", "127.0.0.1:1"), ("origin", "https://127.0.0.1:2")]), "another port is another site");
        assert!(!of(&[("host", "127.0.0.1:1"), ("sec-fetch-site", "cross-site")]));
        assert!(of(&[("host", "127.0.0.1:1")]));
    }
}
