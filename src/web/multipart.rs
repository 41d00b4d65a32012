//! A form with files (`multipart/form-data`, RFC 7578, as browsers write it): its fields and files, out of a body that is
//! whole and bounded. What a browser does not write is refused, not guessed at.

/// Parts of one form.
const PARTS_LIMIT: usize = 64;
/// A part's head, in bytes.
const HEAD_LIMIT: usize = 4096;
/// A boundary, in characters (RFC 2046 §5.1.1).
const BOUNDARY_LIMIT: usize = 70;

/// The end of a body, in bytes: [`end_of`] needs no more of it.
pub const END_LIMIT: usize = BOUNDARY_LIMIT + 8;

/// One part.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<'a> {
    pub name: String,
    /// Of a file; empty where none was chosen.
    pub file: Option<String>,
    pub content: &'a [u8],
}

/// The boundary that a `Content-Type` names.
pub fn boundary(content_type: &str) -> Option<&str> {
    let mut pieces = content_type.split(';').map(str::trim);
    if !pieces.next()?.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let (_, value) =
        pieces.filter_map(|piece| piece.split_once('=')).find(|(k, _)| k.eq_ignore_ascii_case("boundary"))?;
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let fine = |c: char| c.is_ascii_alphanumeric() || "'()+_,-./:=?".contains(c);
    ((1..=BOUNDARY_LIMIT).contains(&value.len()) && value.chars().all(fine)).then_some(value)
}

/// The parts in their order; `None`: it is no such form, or its end is missing.
pub fn parts<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<Part<'a>>> {
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(&delimiter.as_bytes()[2..])?;
    let mut parts = Vec::new();
    loop {
        if rest.strip_prefix(b"--").is_some_and(|end| matches!(end, b"" | b"\r\n")) {
            return Some(parts);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let end = find(&rest[..rest.len().min(HEAD_LIMIT)], b"\r\n\r\n")?;
        let (name, file) = disposition(std::str::from_utf8(&rest[..end]).ok()?)?;
        rest = &rest[end + 4..];
        let length = find(rest, delimiter.as_bytes())?;
        if parts.len() == PARTS_LIMIT {
            return None;
        }
        parts.push(Part { name, file, content: &rest[..length] });
        rest = &rest[length + delimiter.len()..];
    }
}

/// A form whose last part is a file that need not fit into memory: the fields before it, and where its content is.
#[derive(Debug, PartialEq, Eq)]
pub struct Large<'a> {
    pub fields: Vec<Part<'a>>,
    /// As the browser calls it; empty where none was chosen.
    pub file: String,
    /// Where the content begins, in bytes from the body's beginning.
    pub from: usize,
}

/// The same of the beginning of a body, all fields and the file's head among it. `None`: it is no such form.
pub fn large<'a>(beginning: &'a [u8], boundary: &str) -> Option<Large<'a>> {
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = beginning.strip_prefix(&delimiter.as_bytes()[2..])?;
    let mut fields = Vec::new();
    loop {
        rest = rest.strip_prefix(b"\r\n")?;
        let end = find(&rest[..rest.len().min(HEAD_LIMIT)], b"\r\n\r\n")?;
        let (name, file) = disposition(std::str::from_utf8(&rest[..end]).ok()?)?;
        rest = &rest[end + 4..];
        if let Some(file) = file {
            return Some(Large { fields, file, from: beginning.len() - rest.len() });
        }
        let length = find(rest, delimiter.as_bytes())?;
        if fields.len() == PARTS_LIMIT {
            return None;
        }
        fields.push(Part { name, file: None, content: &rest[..length] });
        rest = &rest[length + delimiter.len()..];
    }
}

/// How long the end of such a body is, in bytes, by its last bytes. `None`: it does not end as a browser ends it.
pub fn end_of(last: &[u8], boundary: &str) -> Option<usize> {
    let end = format!("\r\n--{boundary}--");
    let length = if last.ends_with(format!("{end}\r\n").as_bytes()) { end.len() + 2 } else { end.len() };
    (length > end.len() || last.ends_with(end.as_bytes())).then_some(length)
}

/// Where `wanted` begins first.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|b| *b == wanted[0]) {
        if bytes[from + at..].starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// Name and file name of a part's head.
fn disposition(head: &str) -> Option<(String, Option<String>)> {
    let line = head.split("\r\n").find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case("content-disposition").then(|| value.trim())
    })?;
    let mut rest = line.strip_prefix("form-data")?;
    let (mut name, mut file) = (None, None);
    while let Some(next) = rest.trim_start().strip_prefix(';') {
        let (key, after) = next.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        // Browsers write a quote and a line's end so, and nothing else of their own.
        let value = value.replace("%22", "\"").replace("%0D", "_").replace("%0A", "_");
        match key.trim() {
            "name" if name.is_none() => name = Some(value),
            "filename" if file.is_none() => file = Some(value),
            _ => return None,
        }
        rest = after;
    }
    rest.trim().is_empty().then_some(())?;
    Some((name?, file))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, file, content) in parts {
            let file = file.map(|f| format!("; filename=\"{f}\"\r\nContent-Type: application/pdf")).unwrap_or_default();
            body.extend(format!("--xY\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").bytes());
            body.extend(*content);
            body.extend(b"\r\n");
        }
        body.extend(b"--xY--\r\n");
        body
    }

    #[test]
    fn what_browsers_write_is_read() {
        let body = form(&[
            ("csrf", None, b"a1"),
            ("comment", None, "Voici : é\r\n--x".as_bytes()),
            ("files", Some("b\u{e9}; name=\u{e0}%22.pdf"), b"%PDF\r\n--x\r\n-- \0\xff\r"),
            ("files", Some(""), b""),
        ]);
        let parts = parts(&body, "xY").unwrap();
        assert_eq!((parts[0].name.as_str(), &parts[0].file, parts[0].content), ("csrf", &None, &b"a1"[..]));
        assert_eq!(parts[1].content, "Voici : é\r\n--x".as_bytes());
        assert_eq!(parts[2].file.as_deref(), Some("b\u{e9}; name=\u{e0}\".pdf"));
        assert_eq!(parts[2].content, b"%PDF\r\n--x\r\n-- \0\xff\r");
        assert_eq!((parts[3].file.as_deref(), parts.len()), (Some(""), 4));
        assert_eq!(boundary("multipart/form-data; charset=x; boundary=\"a b\""), None);
        assert_eq!(boundary("Multipart/Form-Data;boundary=----WebKitFormBoundaryA1"), Some("----WebKitFormBoundaryA1"));
        for wrong in ["multipart/mixed; boundary=a", "multipart/form-data", "multipart/form-data; boundary="] {
            assert_eq!(boundary(wrong), None, "{wrong}");
        }
        assert_eq!(boundary(&format!("multipart/form-data; boundary={}", "a".repeat(71))), None);
    }

    #[test]
    fn what_no_browser_writes_is_refused() {
        let whole = form(&[("a", Some("b"), b"content")]);
        for cut in 0..whole.len() - 4 {
            assert_eq!(parts(&whole[..cut], "xY"), None, "cut at {cut}");
        }
        let head = |head: &str| parts(format!("--xY\r\n{head}\r\n\r\nc\r\n--xY--").as_bytes(), "xY").is_some();
        assert!(head("content-DISPOSITION: form-data; name=\"a\""));
        for wrong in [
            "Content-Type: text/plain",
            "Content-Disposition: attachment; name=\"a\"",
            "Content-Disposition: form-data; filename=\"a\"",
            "Content-Disposition: form-data; name=a",
            "Content-Disposition: form-data; name=\"a\"; name=\"b\"",
            "Content-Disposition: form-data; name=\"a",
            "Content-Disposition: form-data; name=\"a\" x",
        ] {
            assert!(!head(wrong), "{wrong}");
        }
        assert!(!head(&format!("X: {}\r\nContent-Disposition: form-data; name=\"a\"", "x".repeat(HEAD_LIMIT))));
        let many = form(&vec![("a", None, &b"1"[..]); PARTS_LIMIT + 1]);
        assert_eq!(parts(&many, "xY"), None);
        assert_eq!(parts(&[b"preamble\r\n", &whole[..]].concat(), "xY"), None);
        assert_eq!(parts(&[&whole[..], b"epilogue"].concat(), "xY"), None);
    }

    #[test]
    fn a_large_file_is_found_without_being_read() {
        let body = form(&[("csrf", None, b"a1"), ("file", Some("fluxgate-1.4.0.update"), b"con\r\ntent")]);
        let large_one = large(&body[..body.len() - 14], "xY").unwrap();
        assert_eq!((large_one.fields[0].name.as_str(), large_one.fields[0].content), ("csrf", &b"a1"[..]));
        assert_eq!(large_one.file, "fluxgate-1.4.0.update");
        let end = end_of(&body, "xY").unwrap();
        assert_eq!(&body[large_one.from..body.len() - end], b"con\r\ntent");
        assert_eq!(end_of(&body[..body.len() - 2], "xY"), Some(end - 2));
        for cut in 3..8 {
            assert_eq!(end_of(&body[..body.len() - cut], "xY"), None, "cut by {cut}");
        }
        assert_eq!(end_of(&body, "xZ"), None);
        // No file, another form, a head that is cut.
        assert_eq!(large(&form(&[("csrf", None, b"a1")]), "xY"), None);
        assert_eq!(large(&body, "xZ"), None);
        assert_eq!(large(&body[..large_one.from - 1], "xY"), None);
    }

    const PIECES: &[&str] = &[
        "--xY",
        "\r\n",
        "--",
        "\r",
        "\0é",
        ";",
        "\"",
        "Content-Disposition: form-data; name=\"a\"",
        "; filename=\"",
        "\r\n\r\n",
    ];

    proptest! {
        #[test]
        fn hostile_bytes_are_read_or_refused(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
            let body = pieces.concat().into_bytes();
            if let Some(parts) = parts(&body, "xY") {
                prop_assert!(parts.len() <= PARTS_LIMIT);
                prop_assert!(parts.iter().all(|part| find(part.content, b"\r\n--xY").is_none()));
            }
            if let Some(large) = large(&body, "xY") {
                prop_assert!(large.from <= body.len() && large.fields.len() <= PARTS_LIMIT);
            }
        }
    }
}
