//! The PISTE token and the `cpro-account` header (PROTOCOL §1).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::chorus::{field, reply};

/// Assumed when the answer does not say how long a token lives.
pub const TOKEN_LIFETIME_DEFAULT: Duration = Duration::from_secs(60);
/// No token is trusted longer, whatever the answer says.
const TOKEN_LIFETIME_LIMIT: Duration = Duration::from_secs(24 * 3600);
/// The longest token accepted, in bytes; 54 were seen.
const TOKEN_LIMIT: usize = 8 << 10;

/// The form of a token request: `application/x-www-form-urlencoded`.
pub fn token_form(client_id: &str, client_secret: &SecretString) -> SecretString {
    let mut form = Zeroizing::new(String::with_capacity(512));
    form.push_str("grant_type=client_credentials&client_id=");
    encode(client_id, &mut form);
    form.push_str("&client_secret=");
    encode(client_secret.expose_secret(), &mut form);
    form.push_str("&scope=openid");
    SecretString::from(form.as_str())
}

/// Percent-encoding of a form's value: everything but letters, digits and `-._*`.
fn encode(value: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._*".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// The value of the `cpro-account` header: base64 of `login:password`, UTF-8.
pub fn account_header(login: &str, password: &SecretString) -> SecretString {
    let pair = Zeroizing::new(format!("{login}:{}", password.expose_secret()));
    SecretString::from(STANDARD.encode(pair.as_bytes()))
}

/// A token in force.
#[derive(Debug, Clone)]
pub struct Token {
    /// What follows `Bearer `: visible ASCII, not empty.
    pub access: SecretString,
    /// From the moment the answer came.
    pub lifetime: Duration,
}

/// What the token service said.
#[derive(Debug, Clone)]
pub enum TokenReply {
    Token(Token),
    /// Id or secret refused: the answer is identical for both (PROTOCOL §1).
    ClientRefused,
    /// 403 at the token service.
    Forbidden,
    TooFast,
    /// 5xx, 408, 404, redirection.
    Failing {
        status: u16,
    },
    /// 200 with an empty or garbled answer (seen: PROTOCOL §1).
    Unreadable,
}

/// Reads the token service's answer.
pub fn read_token(status: u16, body: &[u8]) -> TokenReply {
    match status {
        200..=299 => parse(body).map_or(TokenReply::Unreadable, TokenReply::Token),
        400 | 401 => TokenReply::ClientRefused,
        403 => TokenReply::Forbidden,
        429 => TokenReply::TooFast,
        _ => TokenReply::Failing { status },
    }
}

fn parse(body: &[u8]) -> Option<Token> {
    let answer = reply::parse(body).ok()?;
    let access = answer.get("access_token")?.as_str()?;
    if access.is_empty() || access.len() > TOKEN_LIMIT || !access.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    let lifetime = match field::integer(&answer, "expires_in") {
        Some(seconds) => Duration::from_secs(u64::try_from(seconds).ok()?),
        None => TOKEN_LIFETIME_DEFAULT,
    };
    Some(Token { access: SecretString::from(access), lifetime: lifetime.min(TOKEN_LIFETIME_LIMIT) })
}
