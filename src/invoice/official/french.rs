//! What the French rules (BR-FR, AFNOR XP Z12-012, artefacts 1.4.0) ask of a value, the same in both syntaxes.

use super::document::trimmed;

/// Several sellers or both directions in one invoice (frameworks 8 and 9), which have rules of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    No,
    /// B8, S8, M8: many sellers.
    ManySellers,
    /// B9, S9, M9: both directions.
    BothWays,
}

impl Special {
    pub fn of(frame: &str) -> Self {
        match frame {
            "S8" | "B8" | "M8" => Self::ManySellers,
            "S9" | "B9" | "M9" => Self::BothWays,
            _ => Self::No,
        }
    }
}

/// A document's number (BR-FR-01, -02).
pub fn is_number(text: &str) -> bool {
    let inner = trimmed(text);
    !text.contains(' ') && !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-_/".contains(&b))
}

/// A code of routing or an address without its scheme (BR-FR-23, -24).
pub fn is_address(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-_.".contains(&b))
}

/// `yyyy-mm-dd` of this century, a day that exists (BR-FR-03).
pub fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-' && is_day(&[&text[..4], &text[5..7], &text[8..]].concat())
}

/// `yyyymmdd` of this century, a day that exists.
pub fn is_day(text: &str) -> bool {
    if text.len() != 8 || !text.starts_with("20") || !text.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap_or(0);
    let (year, month, day) = (number(0..4), number(4..6), number(6..8));
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Nine digits.
pub fn is_siren(text: &str) -> bool {
    let text = trimmed(text);
    text.len() == 9 && text.bytes().all(|b| b.is_ascii_digit())
}

/// A SIRET that begins with that SIREN (BR-FR-09).
pub fn is_of(siret: &str, siren: Option<&str>) -> bool {
    siret.len() == 14 && siret.bytes().all(|b| b.is_ascii_digit()) && siren == Some(&siret[..9])
}

/// Up to `digits` digits in all, `decimals` of them behind the point.
pub fn is_decimal(text: &str, digits: usize, decimals: usize, negative: bool) -> bool {
    let unsigned = if negative { text.strip_prefix('-').unwrap_or(text) } else { text };
    let (integer, fraction) = match unsigned.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (unsigned, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    all_digits(integer)
        && integer.len() <= digits
        && fraction.is_none_or(|f| all_digits(f) && f.len() <= decimals)
        // The sign counts, the point does not.
        && text.len() - usize::from(fraction.is_some()) <= digits
}

/// An amount (BR-FR-DEC-01).
pub fn is_amount(text: &str) -> bool {
    is_decimal(text, 19, 2, true)
}

/// A quantity (BR-FR-DEC-02).
pub fn is_quantity(text: &str) -> bool {
    is_decimal(text, 19, 4, true)
}

/// A unit price (BR-FR-DEC-03), negative only where an invoice goes both ways.
pub fn is_price(text: &str, special: Special) -> bool {
    is_decimal(text, 19, 6, special == Special::BothWays)
}

/// A VAT rate (BR-FR-DEC-04).
pub fn is_rate(text: &str) -> bool {
    is_decimal(text, 4, 2, false)
}

/// What stands behind `marker` in the notes, up to the next `#`.
pub fn behind<'n>(notes: &'n str, marker: &str) -> &'n str {
    match notes.split_once(marker) {
        Some((_, after)) => after.split_once('#').map_or(after, |(value, _)| value),
        None => "",
    }
}
