//! Bytes -> UTF-8 text of an XML document, or where and why not.
//!
//! Promises that the text is what the bytes say *and* what the declaration says: a contradiction is refused, never guessed.

use std::borrow::Cow;

use crate::fault::{Code, Fault, Text};

use super::complaint;

/// A document as text, its byte order mark and XML declaration kept out of `body`'s way.
#[derive(Debug)]
pub struct Decoded<'a> {
    /// The whole text without byte order mark; the XML declaration, if any, still leads it.
    pub text: Cow<'a, str>,
    /// What it was written in, when that is not UTF-8: `UTF-16LE`, `ISO-8859-1` ...
    pub transcoded: Option<&'static str>,
}

/// The longest XML declaration looked at, in bytes.
const DECLARATION_BYTES: usize = 1024;

/// How UTF-32 begins, with a byte order mark or without.
const UTF_32: [&[u8]; 4] = [b"\xFF\xFE\0\0", b"\0\0\xFE\xFF", b"<\0\0\0", b"\0\0\0<"];

/// Decodes an XML document (XML 1.0 §4.3.3): UTF-8 with or without mark, UTF-16 with mark, and the single-byte
/// encodings French applications still write when the declaration names them.
pub fn decode(bytes: &[u8]) -> Result<Decoded<'_>, Fault> {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return utf8(rest, 3, true);
    }
    // Before UTF-16, whose mark begins UTF-32's.
    if UTF_32.iter().any(|begin| bytes.starts_with(begin)) {
        let detail = Text::new("UTF-32, qui ne se lit pas ici", "UTF-32, which is not read here");
        return Err(wrong(&detail, 0, ""));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        return utf16(rest, "UTF-16LE", u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        return utf16(rest, "UTF-16BE", u16::from_be_bytes);
    }
    if bytes.starts_with(b"<\0") || bytes.starts_with(b"\0<") {
        let detail = Text::new("UTF-16 sans marque d'ordre des octets (BOM)", "UTF-16 without a byte order mark");
        return Err(wrong(&detail, 0, ""));
    }
    utf8(bytes, 0, false)
}

fn utf8(bytes: &[u8], offset: usize, marked: bool) -> Result<Decoded<'_>, Fault> {
    let declared = declared(bytes);
    let name = declared.as_deref().unwrap_or("UTF-8");
    match family(name) {
        Family::Utf8 => {}
        Family::SingleByte(encoding) if !marked => {
            let (text, had_errors) = encoding.decode_without_bom_handling(bytes);
            if had_errors {
                return Err(contradiction(name));
            }
            return Ok(Decoded { text, transcoded: Some(encoding.name()) });
        }
        Family::Utf16 => {
            let detail = Text::new(
                format!("le fichier se déclare en {name} mais n'est pas en UTF-16"),
                format!("the file declares {name} but is not UTF-16"),
            );
            return Err(wrong(&detail, offset, ""));
        }
        Family::SingleByte(_) | Family::Unknown => return Err(contradiction(name)),
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Decoded { text: Cow::Borrowed(text), transcoded: None }),
        Err(error) => {
            let at = error.valid_up_to();
            // What stands before is UTF-8: that is how the place was found.
            let before = String::from_utf8_lossy(&bytes[..at]);
            let byte = bytes.get(at).copied().unwrap_or_default();
            let (fr, en) = match declared {
                Some(_) => (format!("déclaré en {name}"), format!("declared as {name}")),
                None => ("sans déclaration, donc UTF-8".to_owned(), "undeclared, hence UTF-8".to_owned()),
            };
            let detail = Text::new(
                format!("{fr}, mais l'octet 0x{byte:02X} n'en est pas"),
                format!("{en}, but byte 0x{byte:02X} is none of it"),
            );
            Err(wrong(&detail, offset + at, &before))
        }
    }
}

fn utf16<'a>(bytes: &'a [u8], name: &'static str, unit: fn([u8; 2]) -> u16) -> Result<Decoded<'a>, Fault> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(pairs.len());
    for (index, decoded) in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).enumerate() {
        let Ok(character) = decoded else {
            let detail = Text::new("UTF-16 invalide (substitut isolé)", "invalid UTF-16 (lone surrogate)");
            return Err(wrong(&detail, 2 + index * 2, &text));
        };
        text.push(character);
    }
    if !rest.is_empty() {
        let detail = Text::new("UTF-16 coupé au milieu d'un caractère", "UTF-16 cut in the middle of a character");
        return Err(wrong(&detail, bytes.len() + 1, &text));
    }
    match declared(text.as_bytes()).as_deref().map(family) {
        None | Some(Family::Utf16) => Ok(Decoded { text: Cow::Owned(text), transcoded: Some(name) }),
        Some(_) => {
            let said = declared(text.as_bytes()).unwrap_or_default();
            let detail = Text::new(
                format!("le fichier est en UTF-16 mais se déclare en {said}"),
                format!("the file is UTF-16 but declares {said}"),
            );
            Err(wrong(&detail, 2, ""))
        }
    }
}

enum Family {
    Utf8,
    Utf16,
    SingleByte(&'static encoding_rs::Encoding),
    Unknown,
}

fn family(name: &str) -> Family {
    let upper = name.to_ascii_uppercase();
    match upper.as_str() {
        "UTF-8" | "UTF8" | "US-ASCII" | "ASCII" => Family::Utf8,
        "UTF-16" | "UTF-16LE" | "UTF-16BE" => Family::Utf16,
        // ISO-8859-1 is read as windows-1252 by everybody (WHATWG), which only differs in control characters.
        "ISO-8859-1" | "LATIN1" | "ISO8859-1" | "WINDOWS-1252" | "CP1252" => {
            Family::SingleByte(encoding_rs::WINDOWS_1252)
        }
        "ISO-8859-15" | "LATIN9" => Family::SingleByte(encoding_rs::ISO_8859_15),
        _ => Family::Unknown,
    }
}

/// The `encoding` of the XML declaration, read as ASCII and cut to 40 characters.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(DECLARATION_BYTES)];
    let rest = head.strip_prefix(b"<?xml")?;
    let end = rest.windows(2).position(|w| w == b"?>").unwrap_or(rest.len());
    let declaration = String::from_utf8_lossy(&rest[..end]).into_owned();
    let (_, after) = declaration.split_once("encoding")?;
    let after = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let name = after[1..].split(quote).next()?;
    Some(name.chars().take(40).collect())
}

fn contradiction(name: &str) -> Fault {
    let detail = Text::new(
        format!("encodage « {name} » inconnu ici, ou contredit par le contenu"),
        format!("encoding \"{name}\" is unknown here, or the content contradicts it"),
    );
    wrong(&detail, 0, "")
}

/// `before` is the text that could be read before the byte at `offset`.
fn wrong(detail: &Text, offset: usize, before: &str) -> Fault {
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count();
    let place = complaint::place(line, column);
    let place = Text::new(format!("{}, octet {offset}", place.fr), format!("{}, byte {offset}", place.en));
    Fault::new(Code::EncodingWrong).with_text("detail", detail).with_text("place", &place)
}
