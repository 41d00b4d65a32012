//! Signs the JSON documents a business application is given: receipts, `facture.json`, status events.
//!
//! Promise: whoever has the journal's public key can check a document without this product. `signature` is
//! `{"key": NAME+HASH, "ed25519": BASE64}`; it covers the document without `signature`, as canonical JSON (RFC 8785), after
//! the purpose's prefix: a zero byte, the purpose (`receipt`, `invoice`, `status`), a zero byte.
//! Refuses to know: what the documents say.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

use crate::audit::{Signer, Verifier};

/// The largest whole number that every JSON reader keeps exactly (RFC 8785 §3.2.2.3).
const EXACT_INTEGER_LIMIT: u64 = (1 << 53) - 1;

/// What a document is: its signature counts for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Receipt,
    Invoice,
    Status,
}

impl Purpose {
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Receipt => "receipt",
            Purpose::Invoice => "invoice",
            Purpose::Status => "status",
        }
    }
}

/// A document that has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("numbers must be whole and within ±(2^53 - 1)")]
    Number,
    #[error("not a JSON object with a readable signature")]
    Form,
    #[error("signed by another key")]
    OtherKey,
    #[error("the signature is wrong")]
    Wrong,
}

/// Puts `signature` at the end of the document.
pub fn seal(signer: &Signer, purpose: Purpose, document: &mut Map<String, Value>) -> Result<(), SealError> {
    document.remove("signature");
    let signature = signer.sign(purpose.as_str(), &canonical_object(document)?);
    let mut field = Map::new();
    field.insert("key".to_owned(), key_name(&signer.verifier()).into());
    field.insert("ed25519".to_owned(), BASE64_STANDARD.encode(signature).into());
    document.insert("signature".to_owned(), Value::Object(field));
    Ok(())
}

/// Checks a document against the journal's public key.
pub fn verify(verifier: &Verifier, purpose: Purpose, document: &Value) -> Result<(), SealError> {
    let mut document = document.as_object().ok_or(SealError::Form)?.clone();
    let signature = document.shift_remove("signature").ok_or(SealError::Form)?;
    let text = |name: &str| signature.get(name).and_then(Value::as_str).ok_or(SealError::Form);
    if text("key")? != key_name(verifier) {
        return Err(SealError::OtherKey);
    }
    let bytes = BASE64_STANDARD.decode(text("ed25519")?).map_err(|_| SealError::Form)?;
    let bytes: [u8; 64] = bytes.try_into().map_err(|_| SealError::Form)?;
    if verifier.verify(purpose.as_str(), &canonical_object(&document)?, &bytes) {
        Ok(())
    } else {
        Err(SealError::Wrong)
    }
}

/// The key's name and hash: its text form (`NAME+HASH+KEY`) without the key itself.
fn key_name(verifier: &Verifier) -> String {
    // The key's base64 may hold a + as well.
    verifier.text().splitn(3, '+').take(2).collect::<Vec<_>>().join("+")
}

/// Canonical JSON (RFC 8785) of a value without fractions: no white space, members ordered by the UTF-16 code units of
/// their names, strings escaped as ECMAScript does.
pub fn canonical(value: &Value) -> Result<Vec<u8>, SealError> {
    let mut out = Vec::new();
    write(value, &mut out)?;
    Ok(out)
}

fn canonical_object(object: &Map<String, Value>) -> Result<Vec<u8>, SealError> {
    let mut out = Vec::new();
    write_object(object, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), SealError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => {
            let small = number.as_i64().is_some_and(|n| n.unsigned_abs() <= EXACT_INTEGER_LIMIT);
            if !small {
                return Err(SealError::Number);
            }
            out.extend_from_slice(number.to_string().as_bytes());
        }
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(object) => write_object(object, out)?,
    }
    Ok(())
}

fn write_object(object: &Map<String, Value>, out: &mut Vec<u8>) -> Result<(), SealError> {
    let mut members: Vec<(&String, &Value)> = object.iter().collect();
    members.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
    out.push(b'{');
    for (place, (name, value)) in members.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_text(name, out);
        out.push(b':');
        write(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// serde_json escapes exactly as RFC 8785 §3.2.2.2 asks: the short forms, and lower-case `\u00xx` for other controls.
fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(Value::from(text).to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_form_is_that_of_the_rfc() {
        // The sorting example of RFC 8785 §3.2.3: the order is by UTF-16 code units.
        let value: Value = serde_json::from_str(
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
                "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
        )
        .unwrap();
        let order: Vec<String> = serde_json::from_slice::<Value>(&canonical(&value).unwrap())
            .unwrap()
            .as_object()
            .unwrap()
            .values()
            .map(|v| v.as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            order,
            [
                "Carriage Return",
                "One",
                "Control",
                "Latin Small Letter O With Diaeresis",
                "Euro Sign",
                "Emoji: Grinning Face",
                "Hebrew Letter Dalet With Dagesh"
            ]
        );
        // §3.2.2.2: the string example.
        let text = json!({"string": "\u{20ac}$\u{f}\nA'B\"\\\\\"/", "b": [1, -2, true, null]});
        let expected = "{\"b\":[1,-2,true,null],\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(String::from_utf8(canonical(&text).unwrap()).unwrap(), expected);
        assert_eq!(canonical(&json!(1.5)), Err(SealError::Number));
        assert_eq!(canonical(&json!(1u64 << 53)), Err(SealError::Number));
    }

    #[test]
    fn a_changed_document_another_purpose_and_another_key_are_found() {
        let signer = Signer::from_seed("fluxgate/test", &[7; 32]).unwrap();
        let mut document = json!({"b": 1, "a": "é", "signature": "old"}).as_object().unwrap().clone();
        seal(&signer, Purpose::Receipt, &mut document).unwrap();
        let mut document = Value::Object(document);
        let verifier = signer.verifier();
        assert_eq!(verify(&verifier, Purpose::Receipt, &document), Ok(()));
        let text = serde_json::to_string_pretty(&document).unwrap();
        let reread: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(verify(&verifier, Purpose::Receipt, &reread), Ok(()), "white space does not matter");
        assert_eq!(verify(&verifier, Purpose::Status, &document), Err(SealError::Wrong));
        let other = Signer::from_seed("fluxgate/test", &[8; 32]).unwrap().verifier();
        assert_eq!(verify(&other, Purpose::Receipt, &document), Err(SealError::OtherKey));
        document["b"] = json!(2);
        assert_eq!(verify(&verifier, Purpose::Receipt, &document), Err(SealError::Wrong));
        assert_eq!(verify(&verifier, Purpose::Receipt, &json!({})), Err(SealError::Form));
    }
}
