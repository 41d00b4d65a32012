//! A request as the page sees it: method, path, fields, cookies, where it came from. Every part is bounded.

use std::fs::File;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::os::{disk, durable};
use crate::web::multipart;

/// A request's body, in bytes: the largest form is the configuration.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// The body of a form with files, in bytes: four files as large as Chorus Pro takes them. The door's limit is a little above.
pub const UPLOAD_LIMIT: usize = 40 * 1024 * 1024;
/// The body of a form with a release, in bytes.
pub const RELEASE_LIMIT: u64 = 96 * 1024 * 1024;
/// Bytes that stay free beside it and keeper's copy of it.
const LARGE_RESERVE: u64 = 64 * 1024 * 1024;
/// Its fields and the file's head, in bytes.
const LARGE_HEAD: usize = 16 * 1024;
/// Fields in one query or form.
pub const FIELD_LIMIT: usize = 200;
/// A request's target, in bytes.
const TARGET_LIMIT: usize = 4096;

/// What the client wants done. HEAD is read as GET: the server leaves the body out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// Why a request was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// Neither GET, HEAD nor POST.
    Method,
    /// Path, query or a field count over its limit, or not text.
    Malformed,
    /// Body over [`BODY_LIMIT`].
    TooLarge,
    /// A form with files over [`UPLOAD_LIMIT`].
    UploadTooLarge,
    /// A form with a release over [`RELEASE_LIMIT`].
    ReleaseTooLarge,
    /// The data disk took no more.
    NotKept,
    /// A POST that is no URL-encoded form.
    NotAForm,
    /// The connection ended within the body.
    Cut,
}

/// Decoded name and value pairs, in order.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    fn parse(bytes: &[u8]) -> Result<Self, Unread> {
        let pairs: Vec<_> = form_urlencoded::parse(bytes).into_owned().take(FIELD_LIMIT + 1).collect();
        if pairs.len() > FIELD_LIMIT { Err(Unread::Malformed) } else { Ok(Self(pairs)) }
    }

    #[cfg(test)]
    pub fn of(text: &str) -> Self {
        Self::parse(text.as_bytes()).unwrap()
    }

    /// The first value of that name; empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// The first value of that name without surrounding white space.
    pub fn trimmed(&self, name: &str) -> &str {
        self.get(name).trim()
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }
}

impl Drop for Fields {
    /// Fields carry passwords and secrets: none stays behind in freed memory.
    fn drop(&mut self) {
        use zeroize::Zeroize;
        for (_, value) in &mut self.0 {
            value.zeroize();
        }
    }
}

/// A file that came with a form.
#[derive(Debug)]
pub struct Upload {
    /// As the browser calls it, without folders.
    pub name: String,
    pub content: Vec<u8>,
}

/// A file that came with a form and lies in a file without a name, which goes with it.
#[derive(Debug)]
pub struct LargeUpload {
    /// As the browser calls it, without folders.
    pub name: String,
    pub file: File,
    /// Where its content is, in bytes.
    pub content: std::ops::Range<u64>,
}

/// A request that was understood.
#[derive(Debug)]
pub struct Ask {
    pub method: Method,
    /// The path as it came, without the query.
    pub path: String,
    pub query: Fields,
    pub form: Fields,
    /// The address that the door saw, as text; `-` when it told none.
    pub peer: String,
    pub host: String,
    pub origin: Option<String>,
    /// `Sec-Fetch-Site`, which browsers set and scripts cannot.
    pub fetch_site: Option<String>,
    cookies: Vec<(String, String)>,
    /// Of a form with files, once they are read.
    pub files: Vec<Upload>,
    /// Of a form with a release, once it is read.
    pub large: Option<LargeUpload>,
    /// Of a form with files whose body waits to be read: only that of somebody who may send one is.
    boundary: Option<String>,
}

impl Ask {
    /// Reads a request; the body only of a POST.
    pub fn read(request: &mut tiny_http::Request) -> Result<Self, Unread> {
        let method = match request.method() {
            tiny_http::Method::Get | tiny_http::Method::Head => Method::Get,
            tiny_http::Method::Post => Method::Post,
            _ => return Err(Unread::Method),
        };
        let target = request.url();
        if target.len() > TARGET_LIMIT || !target.starts_with('/') {
            return Err(Unread::Malformed);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (path.to_owned(), Fields::parse(query.as_bytes())?);
        let boundary = header(request, "Content-Type").and_then(multipart::boundary).map(str::to_owned);
        let boundary = boundary.filter(|_| method == Method::Post);
        let is_form = method == Method::Post && boundary.is_none();
        let form = if is_form { read_form(request)? } else { Fields::default() };
        let cookies = headers(request, "Cookie").flat_map(split_cookies).take(FIELD_LIMIT).collect();
        Ok(Self {
            method,
            path,
            query,
            form,
            peer: header(request, "X-Forwarded-For").map_or_else(|| "-".to_owned(), peer),
            host: header(request, "Host").unwrap_or_default().to_owned(),
            origin: header(request, "Origin").map(str::to_owned),
            fetch_site: header(request, "Sec-Fetch-Site").map(str::to_owned),
            cookies,
            files: Vec::new(),
            large: None,
            boundary,
        })
    }

    /// Whether it is a form with files that is not read yet.
    pub fn is_upload(&self) -> bool {
        self.boundary.is_some()
    }

    /// Reads a form with files.
    pub fn read_upload(&mut self, request: &mut tiny_http::Request) -> Result<(), Unread> {
        let Some(boundary) = self.boundary.take() else { return Ok(()) };
        if request.body_length().is_some_and(|length| length > UPLOAD_LIMIT) {
            return Err(Unread::UploadTooLarge);
        }
        let mut body = Vec::new();
        let limit = u64::try_from(UPLOAD_LIMIT).unwrap_or(u64::MAX).saturating_add(1);
        request.as_reader().take(limit).read_to_end(&mut body).map_err(|_| Unread::Cut)?;
        if body.len() > UPLOAD_LIMIT {
            return Err(Unread::UploadTooLarge);
        }
        for part in multipart::parts(&body, &boundary).ok_or(Unread::Malformed)? {
            match part.file {
                Some(name) if name.is_empty() => {}
                Some(name) => {
                    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
                    self.files.push(Upload { name, content: part.content.to_vec() });
                }
                None => {
                    let value = std::str::from_utf8(part.content).map_err(|_| Unread::Malformed)?.to_owned();
                    self.form.0.push((part.name, value));
                }
            }
        }
        Ok(())
    }

    /// Reads a form with one large file into a file without a name below `folder`. Needs little memory.
    pub fn read_large(&mut self, request: &mut tiny_http::Request, folder: &Path) -> Result<(), Unread> {
        let Some(boundary) = self.boundary.take() else { return Ok(()) };
        if request.body_length().is_some_and(|length| u64::try_from(length).is_ok_and(|length| length > RELEASE_LIMIT))
        {
            return Err(Unread::ReleaseTooLarge);
        }
        let failed = |error: std::io::Error| {
            log::error!(error = error.to_string().as_str(); "An upload could not be kept");
            Unread::NotKept
        };
        // Keeper copies it on the same disk, which also takes in invoices.
        let length = request.body_length().and_then(|length| u64::try_from(length).ok()).unwrap_or(RELEASE_LIMIT);
        if disk::free_bytes(folder).map_err(failed)? < length.saturating_mul(2).saturating_add(LARGE_RESERVE) {
            return Err(Unread::NotKept);
        }
        // One upload at a time is read.
        let mut file = durable::nameless(folder, "upload").map_err(failed)?;
        let mut body = request.as_reader().take(RELEASE_LIMIT + 1);
        let (mut chunk, mut length) = (vec![0; 256 * 1024], 0u64);
        loop {
            let read = body.read(&mut chunk).map_err(|_| Unread::Cut)?;
            if read == 0 {
                break;
            }
            file.write_all(&chunk[..read]).map_err(failed)?;
            length += u64::try_from(read).unwrap_or(0);
        }
        if length > RELEASE_LIMIT {
            return Err(Unread::ReleaseTooLarge);
        }
        let mut beginning = vec![0; LARGE_HEAD.min(usize::try_from(length).unwrap_or(LARGE_HEAD))];
        file.read_exact_at(&mut beginning, 0).map_err(failed)?;
        let form = multipart::large(&beginning, &boundary).ok_or(Unread::Malformed)?;
        let from = u64::try_from(form.from).unwrap_or(u64::MAX);
        let mut last = vec![0; usize::try_from(length - from).unwrap_or(usize::MAX).min(multipart::END_LIMIT)];
        let last_from = length - u64::try_from(last.len()).unwrap_or(0);
        file.read_exact_at(&mut last, last_from).map_err(failed)?;
        let end = multipart::end_of(&last, &boundary).ok_or(Unread::Malformed)?;
        for part in form.fields {
            let value = std::str::from_utf8(part.content).map_err(|_| Unread::Malformed)?.to_owned();
            self.form.0.push((part.name, value));
        }
        let name = form.file.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        let content = from..length - u64::try_from(end).unwrap_or(0);
        self.large = Some(LargeUpload { name, file, content });
        Ok(())
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The path's parts between slashes: `/` has none.
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|s| !s.is_empty()).collect()
    }

    /// Whether a POST comes from a page of ours: browsers tell, and a browser that does not tell is none of today's.
    /// The form's token is checked besides.
    pub fn is_from_here(&self) -> bool {
        let by_site = self.fetch_site.as_deref().is_none_or(|site| site == "same-origin");
        let by_origin = self.origin.as_deref().is_none_or(|origin| {
            origin.split_once("://").is_some_and(|(_, host)| host.eq_ignore_ascii_case(&self.host))
        });
        by_site && by_origin
    }
}

fn headers<'r>(request: &'r tiny_http::Request, name: &'static str) -> impl Iterator<Item = &'r str> {
    request.headers().iter().filter(move |h| h.field.equiv(name)).map(|h| h.value.as_str())
}

fn header<'r>(request: &'r tiny_http::Request, name: &'static str) -> Option<&'r str> {
    headers(request, name).next()
}

fn split_cookies(line: &str) -> impl Iterator<Item = (String, String)> {
    line.split(';').filter_map(|pair| pair.trim().split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned()))
}

/// The first address the door wrote; anything else than an address is not repeated.
fn peer(value: &str) -> String {
    let first = value.split(',').next().unwrap_or_default().trim();
    first.parse::<IpAddr>().map_or_else(|_| "-".to_owned(), |address| address.to_string())
}

fn read_form(request: &mut tiny_http::Request) -> Result<Fields, Unread> {
    let kind = header(request, "Content-Type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if request.body_length().is_some_and(|length| length > BODY_LIMIT) {
        return Err(Unread::TooLarge);
    }
    if kind != "application/x-www-form-urlencoded" {
        return Err(Unread::NotAForm);
    }
    let mut body = zeroize::Zeroizing::new(Vec::new());
    let limit = u64::try_from(BODY_LIMIT).unwrap_or(u64::MAX).saturating_add(1);
    request.as_reader().take(limit).read_to_end(&mut body).map_err(|_| Unread::Cut)?;
    if body.len() > BODY_LIMIT {
        return Err(Unread::TooLarge);
    }
    Fields::parse(&body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(host: &str, origin: Option<&str>, site: Option<&str>) -> Ask {
        Ask {
            method: Method::Post,
            path: "/".to_owned(),
            query: Fields::default(),
            form: Fields::default(),
            peer: "-".to_owned(),
            host: host.to_owned(),
            origin: origin.map(str::to_owned),
            fetch_site: site.map(str::to_owned),
            cookies: Vec::new(),
            files: Vec::new(),
            large: None,
            boundary: None,
        }
    }

    #[test]
    fn posts_of_other_sites_are_told_apart() {
        assert!(ask("box.univ.fr", Some("https://box.univ.fr"), Some("same-origin")).is_from_here());
        assert!(ask("box.univ.fr:8443", Some("https://box.univ.fr:8443"), None).is_from_here());
        assert!(ask("box.univ.fr", None, None).is_from_here(), "curl: the token alone decides");
        assert!(!ask("box.univ.fr", Some("https://evil.example"), None).is_from_here());
        assert!(!ask("box.univ.fr", Some("https://box.univ.fr.evil.example"), None).is_from_here());
        assert!(!ask("box.univ.fr", Some("null"), None).is_from_here());
        assert!(!ask("box.univ.fr", None, Some("cross-site")).is_from_here());
    }

    #[test]
    fn fields_are_bounded_and_addresses_are_addresses() {
        assert_eq!(Fields::parse(b"a=1&b=%C3%A9+x&a=2").unwrap().get("b"), "é x");
        assert_eq!(Fields::parse("a=1&".repeat(FIELD_LIMIT + 1).as_bytes()).unwrap_err(), Unread::Malformed);
        assert_eq!(peer("10.1.2.3, 9.9.9.9"), "10.1.2.3");
        assert_eq!(peer("<script>"), "-");
    }
}
