//! Figures as French readers write them: 1 234,56 · 11/02/2026 · FR76 3000 6000.

use en16931::invoice::Period;
use en16931::{Date, InvoiceAmount};
use rust_decimal::Decimal;

/// Between thousands, and before a unit: narrow, and no line breaks there.
pub const THIN: char = '\u{202F}';

/// Two decimals, no currency.
pub fn amount(amount: InvoiceAmount) -> String {
    number(amount.into_decimal(), 2)
}

/// With the currency's sign.
pub fn money(value: InvoiceAmount, currency: &str) -> String {
    with_sign(&amount(value), currency)
}

/// A figure with the currency's sign, where there is one.
pub fn with_sign(figure: &str, currency: &str) -> String {
    match sign(currency.trim()) {
        "" => figure.to_owned(),
        sign => format!("{figure}{THIN}{sign}"),
    }
}

/// `€`, or the code where the sign is not known to everyone.
pub fn sign(currency: &str) -> &str {
    if currency == "EUR" { "€" } else { currency }
}

/// At least `decimals` of them, and all that are not zero.
pub fn number(value: Decimal, decimals: usize) -> String {
    let plain = value.abs().normalize().to_string();
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut text = String::new();
    if value.is_sign_negative() && !value.is_zero() {
        text.push('-');
    }
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(THIN);
        }
        text.push(digit);
    }
    if !fraction.is_empty() || decimals > 0 {
        text.push(',');
        text.push_str(fraction);
        text.extend(std::iter::repeat_n('0', decimals.saturating_sub(fraction.len())));
    }
    text
}

pub fn percent(value: Decimal) -> String {
    format!("{}{THIN}%", number(value, 0))
}

pub fn date(date: Date) -> String {
    format!("{:02}/{:02}/{:04}", date.day(), date.month(), date.year())
}

/// `None` when neither end is said.
pub fn period(period: &Period) -> Option<String> {
    match (period.start, period.end) {
        (Some(start), Some(end)) => Some(format!("du {} au {}", date(start), date(end))),
        (Some(start), None) => Some(format!("à partir du {}", date(start))),
        (None, Some(end)) => Some(format!("jusqu'au {}", date(end))),
        (None, None) => None,
    }
}

/// An IBAN in groups of four; any other account number as it stands.
pub fn account(number: &str) -> String {
    let bare: String = number.chars().filter(|character| !character.is_whitespace()).collect();
    let is_iban = (15..=34).contains(&bare.len())
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && bare.bytes().take(2).all(|byte| byte.is_ascii_alphabetic())
        && bare.bytes().skip(2).take(2).all(|byte| byte.is_ascii_digit());
    if !is_iban {
        return number.trim().to_owned();
    }
    let groups: Vec<&str> = (0..bare.len()).step_by(4).map(|at| &bare[at..(at + 4).min(bare.len())]).collect();
    groups.join(" ")
}

/// `12,3 Ko`.
pub fn size(bytes: usize) -> String {
    const STEP: usize = 1024;
    let tenths = |unit: usize| {
        let tenths = bytes.saturating_mul(10) / unit;
        let fraction = if tenths.is_multiple_of(10) { String::new() } else { format!(",{}", tenths % 10) };
        format!("{}{fraction}", tenths / 10)
    };
    match bytes {
        0..STEP => format!("{bytes}{THIN}octets"),
        _ if bytes < STEP * STEP => format!("{}{THIN}Ko", tenths(STEP)),
        _ => format!("{}{THIN}Mo", tenths(STEP * STEP)),
    }
}
