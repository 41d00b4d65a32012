//! From a client's request to an upstream's, and back: which host, which path, which headers.

use std::net::IpAddr;

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri, Version};

use super::body::Upload;
use super::excuse::Excuse;
use super::site::climbs;

/// Connection-bound headers (RFC 9110 §7.6.1), and those that the upstream's own connection decides.
const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
];
/// Headers by which somebody in front of an upstream tells it who asks: only this door's word counts. (`proxy`:
/// becomes HTTP_PROXY in CGI programs.)
const CLAIMS: [&str; 5] = ["forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "proxy"];

/// What a well-formed request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// As the client wrote it, with its port.
    pub host: String,
    pub path: PathAndQuery,
}

/// Reads host and path; a request that could mean two things is refused.
pub fn target(parts: &Parts) -> Result<Target, Excuse> {
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(Excuse::request(
            StatusCode::METHOD_NOT_ALLOWED,
            ("Méthode refusée", "Ce serveur ne relaie ni CONNECT ni TRACE."),
            ("Method refused", "This server relays neither CONNECT nor TRACE."),
        ));
    }
    let host = host(parts)?;
    let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    if !path.path().starts_with('/') || climbs(path.path()) {
        return Err(malformed("le chemin est ambigu", "the path is ambiguous"));
    }
    Ok(Target { host, path })
}

fn host(parts: &Parts) -> Result<String, Excuse> {
    let mut named = parts.headers.get_all(header::HOST).iter();
    let header = named.next().map(HeaderValue::to_str);
    if named.next().is_some() {
        return Err(malformed("plusieurs en-têtes Host", "several Host headers"));
    }
    let header = header.transpose().map_err(|_| malformed("en-tête Host illisible", "unreadable Host header"))?;
    let host = match (parts.uri.authority(), header) {
        (Some(authority), Some(header)) if parts.version == Version::HTTP_2 => {
            if !authority.as_str().eq_ignore_ascii_case(header) {
                return Err(malformed("deux hôtes différents", "two different hosts"));
            }
            header
        }
        // RFC 9112 §3.2.2: the absolute form counts, whatever Host says.
        (Some(authority), _) => authority.as_str(),
        (None, Some(header)) => header,
        (None, None) if parts.version == Version::HTTP_10 => "",
        (None, None) => return Err(malformed("en-tête Host absent", "no Host header")),
    };
    let legal = host.is_empty() || (host.parse::<Authority>().is_ok() && !host.contains('@'));
    if legal { Ok(host.to_owned()) } else { Err(malformed("en-tête Host illisible", "unreadable Host header")) }
}

/// 400, with the reason.
pub fn malformed(french: &str, english: &str) -> Excuse {
    Excuse::request(
        StatusCode::BAD_REQUEST,
        ("Requête mal formée", &format!("Raison : {french}.")),
        ("Malformed request", &format!("Reason: {english}.")),
    )
}

/// What the upstream is sent: the same request from this door, saying for whom.
pub fn outgoing(parts: &Parts, target: &Target, client: IpAddr, body: Upload) -> Request<Upload> {
    let mut headers = parts.headers.clone();
    strip_hop_by_hop(&mut headers);
    let claims: Vec<HeaderName> = headers
        .keys()
        .filter(|name| CLAIMS.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-"))
        .cloned()
        .collect();
    for name in claims {
        headers.remove(name);
    }
    join_cookies(&mut headers);
    // What is not a legal header value was not a legal host either; see `host`.
    let value = |text: &str| HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    headers.insert(header::HOST, value(&target.host));
    headers.insert("x-forwarded-for", value(&client.to_string()));
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    headers.insert("x-forwarded-host", value(&target.host));
    headers.insert(header::FORWARDED, value(&forwarded(client, &target.host)));
    let mut request = Request::new(body);
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = Uri::from(target.path.clone());
    *request.headers_mut() = headers;
    request
}

/// RFC 7239: an IPv6 address stands in brackets and quotes; a host may hold a colon, so it is quoted.
fn forwarded(client: IpAddr, host: &str) -> String {
    let client = match client {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    };
    if host.is_empty() {
        format!("for={client};proto=https")
    } else {
        format!("for={client};host=\"{host}\";proto=https")
    }
}

/// Removes what was meant for the last connection only; also from an upstream's answer.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // A peer cannot have these forgotten by calling them connection-bound.
        .filter(|name| *name != header::HOST && *name != header::CONTENT_LENGTH)
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// RFC 9113 §8.2.3: HTTP/2 may split cookies into several fields; HTTP/1.1 may not.
fn join_cookies(headers: &mut HeaderMap) {
    let pieces: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if pieces.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&pieces.join(&b"; "[..]))
    {
        headers.insert(header::COOKIE, joined);
    }
}

/// Whether a request may be sent again when its connection broke: it changes nothing, and has no body.
pub fn may_repeat(parts: &Parts, has_body: bool) -> bool {
    !has_body && (parts.method == Method::GET || parts.method == Method::HEAD || parts.method == Method::OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(version: Version, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().version(version).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn read(version: Version, uri: &str, headers: &[(&str, &str)]) -> Result<String, StatusCode> {
        target(&parts(version, uri, headers)).map(|t| format!("{}|{}", t.host, t.path)).map_err(|e| e.status)
    }

    #[test]
    fn one_host_and_one_meaning_or_a_refusal() {
        let bad = Err(StatusCode::BAD_REQUEST);
        let h11 = Version::HTTP_11;
        assert_eq!(read(h11, "/a?b=%2F..", &[("host", "x.fr:1")]), Ok("x.fr:1|/a?b=%2F..".into()));
        assert_eq!(read(h11, "http://abs.fr/a", &[("host", "x.fr")]), Ok("abs.fr|/a".into()));
        assert_eq!(read(h11, "/", &[]), bad);
        assert_eq!(read(Version::HTTP_10, "/", &[]), Ok("|/".into()));
        assert_eq!(read(h11, "/", &[("host", "a"), ("host", "a")]), bad);
        assert_eq!(read(h11, "/", &[("host", "u@a")]), bad);
        assert_eq!(read(h11, "/", &[("host", "a b")]), bad);
        assert_eq!(read(h11, "/a/../b", &[("host", "a")]), bad);
        assert_eq!(read(Version::HTTP_2, "https://a/", &[("host", "b")]), bad);
        assert_eq!(read(Version::HTTP_2, "https://a/x", &[("host", "A")]), Ok("A|/x".into()));
        assert_eq!(read(Version::HTTP_2, "https://a/x", &[]), Ok("a|/x".into()));
    }

    #[test]
    fn the_upstream_hears_only_this_doors_word_about_the_client() {
        let asked = parts(
            Version::HTTP_2,
            "https://a:8443/x?y",
            &[
                ("x-forwarded-for", "6.6.6.6"),
                ("forwarded", "for=6.6.6.6"),
                ("x-forwarded-anything", "1"),
                ("x-real-ip", "6.6.6.6"),
                ("proxy", "evil"),
                ("connection", "x-secret, host"),
                ("x-secret", "1"),
                ("te", "trailers"),
                ("expect", "100-continue"),
                ("cookie", "a=1"),
                ("cookie", "b=2"),
                ("accept", "*/*"),
            ],
        );
        let target = target(&asked).unwrap();
        let body = || Upload::whole(bytes::Bytes::new());
        let sent = outgoing(&asked, &target, "fd00::7".parse().unwrap(), body());
        let mut seen: Vec<String> =
            sent.headers().iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())).collect();
        seen.sort();
        assert_eq!(
            seen,
            [
                "accept: */*",
                "cookie: a=1; b=2",
                "forwarded: for=\"[fd00::7]\";host=\"a:8443\";proto=https",
                "host: a:8443",
                "x-forwarded-for: fd00::7",
                "x-forwarded-host: a:8443",
                "x-forwarded-proto: https",
            ]
        );
        assert_eq!((sent.version(), sent.uri().to_string().as_str()), (Version::HTTP_11, "/x?y"));
        let sent = outgoing(&asked, &target, "10.1.2.3".parse().unwrap(), body());
        assert_eq!(sent.headers()["forwarded"], "for=10.1.2.3;host=\"a:8443\";proto=https");
    }
}
