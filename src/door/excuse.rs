//! The door's own answers: what happened and what to do, in French and English, and nothing about what lies behind.

use std::sync::LazyLock;

use base64::Engine;
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use sha2::{Digest, Sha256};

use super::body::Answer;
use crate::fault::{Fault, Language};

const STYLE: &str = "body{font:17px/1.55 system-ui,sans-serif;color:#1d2433;background:#f4f6f9;margin:0}\
main{max-width:38rem;margin:12vh auto;padding:2rem 2.4rem;background:#fff;border-radius:14px;\
box-shadow:0 2px 18px rgba(20,30,60,.09)}h1{font-size:1.35rem;margin:.2rem 0 .6rem}p{margin:.4rem 0}\
.c{color:#5b6475;font-size:.85rem;letter-spacing:.04em}section+section{margin-top:1.5rem;padding-top:1.3rem;\
border-top:1px solid #e3e7ee}@media(prefers-color-scheme:dark){body{background:#141821;color:#e6e9f0}\
main{background:#1e2430;box-shadow:none}.c{color:#9aa4b6}section+section{border-color:#333c4d}}";

/// Nothing may be loaded or run but the style above, known by its hash.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'");
    HeaderValue::try_from(policy).expect("base64 and these words are legal in a header")
});

/// What the door says instead of an upstream's answer.
#[derive(Debug, Clone)]
pub struct Excuse {
    pub status: StatusCode,
    /// The fault's code, or the status.
    code: String,
    /// Title and remedy, in French then English.
    texts: Box<[(String, String); 2]>,
}

impl Excuse {
    /// From the catalogue.
    pub fn fault(status: StatusCode, fault: &Fault) -> Self {
        let text = |language| (fault.title(language), fault.remedy(language));
        Self { status, code: fault.code.to_string(), texts: Box::new([text(Language::Fr), text(Language::En)]) }
    }

    /// About the request itself: (title, remedy) in French and in English.
    pub fn request(status: StatusCode, french: (&str, &str), english: (&str, &str)) -> Self {
        let own = |(title, remedy): (&str, &str)| (title.to_owned(), remedy.to_owned());
        Self { status, code: status.as_str().to_owned(), texts: Box::new([own(french), own(english)]) }
    }

    /// As HTML for browsers and as plain text for everything else.
    pub fn answer(&self, asked: &HeaderMap) -> Response<Answer> {
        let accept = asked.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
        let (kind, body) = if accept.contains("text/html") {
            ("text/html; charset=utf-8", self.html())
        } else {
            ("text/plain; charset=utf-8", self.plain())
        };
        let mut response = Response::new(Answer::whole(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
        }
        response
    }

    fn plain(&self) -> String {
        let [(title_fr, remedy_fr), (title_en, remedy_en)] = &*self.texts;
        format!("{} {}\n\n{title_fr}\n{remedy_fr}\n\n{title_en}\n{remedy_en}\n", self.status.as_u16(), self.code)
    }

    fn html(&self) -> String {
        let [(title_fr, remedy_fr), (title_en, remedy_en)] = &*self.texts;
        let section = |language, title: &str, remedy: &str| {
            format!("<section lang={language}><h1>{}</h1><p>{}</p></section>", escape(title), escape(remedy))
        };
        format!(
            "<!doctype html><html lang=fr><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
             <title>{}</title><style>{STYLE}</style><main><p class=c>{} · {}</p>{}{}</main></html>\n",
            escape(title_fr),
            self.status.as_u16(),
            escape(&self.code),
            section("fr", title_fr, remedy_fr),
            section("en", title_en, remedy_en),
        )
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Code;

    #[test]
    fn both_languages_are_there_and_nothing_is_executed() {
        let fault = Fault::new(Code::UpstreamUnavailable).with("upstream", "<script>").with("detail", "x");
        let excuse = Excuse::fault(StatusCode::BAD_GATEWAY, &fault);
        let html = excuse.html();
        assert!(html.contains("FG-905") && html.contains("ne répond pas") && html.contains("does not answer"));
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script"));
        assert!(excuse.plain().starts_with("502 FG-905\n"));
    }
}
