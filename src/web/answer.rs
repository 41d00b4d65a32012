//! What goes back to the browser: a status, headers that close every door the page does not use, and a body.

use std::io::Read;

use tiny_http::{Header, Response, StatusCode};

/// Nothing is loaded, framed or sent elsewhere; no script and no style but our two files.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Headers on every answer. `same-origin` (not `no-referrer`) keeps the Origin header of our own forms.
const HARDENING: &[(&str, &str)] = &[
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("Server", "fluxgate"),
];

enum Body {
    Bytes(Vec<u8>),
    /// A document of known length, read as it leaves.
    Stream(Box<dyn Read + Send>, Option<usize>),
}

/// An answer on its way out.
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    cached: bool,
    body: Body,
}

impl Answer {
    pub fn html(text: String) -> Self {
        Self::bytes("text/html; charset=utf-8", text.into_bytes())
    }

    pub fn bytes(kind: &'static str, bytes: Vec<u8>) -> Self {
        Self { status: 200, headers: vec![("Content-Type", kind.to_owned())], cached: false, body: Body::Bytes(bytes) }
    }

    /// The browser goes on to `path` with a GET.
    pub fn see_other(path: &str) -> Self {
        let mut answer = Self::bytes("text/plain; charset=utf-8", Vec::new()).with("Location", path.to_owned());
        answer.status = 303;
        answer
    }

    /// A file to keep, never to show: `application/octet-stream`, whatever it is.
    pub fn download(name: &str, size: Option<u64>, content: Box<dyn Read + Send>) -> Self {
        let size = size.and_then(|s| usize::try_from(s).ok());
        let mut answer =
            Self::bytes("application/octet-stream", Vec::new()).with("Content-Disposition", attachment(name));
        answer.body = Body::Stream(content, size);
        answer
    }

    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// May be kept by the browser for ever: its address changes with its content.
    #[must_use]
    pub fn immutable(mut self) -> Self {
        self.cached = true;
        self
    }

    /// Sends the answer. What cannot be sent any more is the client's loss.
    pub fn send(self, request: tiny_http::Request) -> std::io::Result<()> {
        let mut headers: Vec<Header> = HARDENING.iter().filter_map(|(n, v)| header(n, v)).collect();
        headers.extend(header(
            "Cache-Control",
            if self.cached { "public, max-age=31536000, immutable" } else { "no-store" },
        ));
        headers.extend(self.headers.iter().filter_map(|(n, v)| header(n, v)));
        let status = StatusCode(self.status);
        let (content, length): (Box<dyn Read>, _) = match self.body {
            Body::Bytes(bytes) => {
                let length = bytes.len();
                (Box::new(std::io::Cursor::new(bytes)), Some(length))
            }
            Body::Stream(content, length) => (content, length),
        };
        // A length that is known is told, so that browsers show progress and notice a cut.
        let response = Response::new(status, headers, content, length, None).with_chunked_threshold(usize::MAX);
        request.respond(response)
    }
}

/// A header, unless its value could not stand in one.
fn header(name: &str, value: &str) -> Option<Header> {
    if value.bytes().any(|b| b.is_ascii_control() || !b.is_ascii()) {
        log::warn!(header = name; "A header's value was not sendable and was left out");
        return None;
    }
    Header::from_bytes(name.as_bytes(), value.as_bytes()).ok()
}

/// `attachment` with a name for old browsers (ASCII) and the whole name for others (RFC 6266, RFC 8187).
fn attachment(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' })
        .take(150)
        .collect();
    let mut whole = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~') {
            whole.push(char::from(byte));
        } else {
            whole.push_str(&format!("%{byte:02X}"));
        }
    }
    let plain = if plain.trim_matches(['.', '_']).is_empty() { "document".to_owned() } else { plain };
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leaves_its_header() {
        assert_eq!(attachment("facture.xml"), "attachment; filename=\"facture.xml\"; filename*=UTF-8''facture.xml");
        let evil = attachment("é\"; x=\"\r\nSet-Cookie: a=b.xml");
        assert!(!evil.contains(['\r', '\n']) && evil.matches('"').count() == 2, "{evil}");
        assert!(evil.contains("filename*=UTF-8''%C3%A9%22%3B%20x%3D%22%0D%0ASet-Cookie%3A%20a%3Db.xml"), "{evil}");
        assert!(attachment("..").contains("filename=\"document\""));
    }

    #[test]
    fn headers_that_would_split_an_answer_are_left_out() {
        assert!(header("Location", "/flux\r\nSet-Cookie: a=b").is_none());
        assert!(header("Location", "/flux?q=%C3%A9").is_some());
    }
}
