//! Numbers, dates and their rounding as XPath 2.0 defines them, for the rules that are written in it.
//!
//! The official rules compute with `xs:decimal` where they say so and with `xs:double` elsewhere: a verdict at the edge of
//! a tolerance depends on which, so both are here.

use std::cmp::Ordering;

pub use rust_decimal::Decimal;
use rust_decimal::RoundingStrategy;

use super::document::trimmed;

/// Digits before the point: more is no amount, and sums of what is allowed stay within a [`Decimal`].
const INTEGER_DIGITS: usize = 20;

/// The lexical form of `xs:decimal`; `None` also beyond what a [`Decimal`] holds (28 digits).
pub fn decimal(text: &str) -> Option<Decimal> {
    let text = trimmed(text);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if integer.is_empty() && fraction.is_empty() {
        return None;
    }
    if integer.trim_start_matches('0').len() > INTEGER_DIGITS {
        return None;
    }
    let mut value: i128 = 0;
    for byte in integer.bytes().chain(fraction.bytes()) {
        let digit = byte.checked_sub(b'0').filter(|d| *d <= 9)?;
        value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
    }
    if text.starts_with('-') {
        value = -value;
    }
    Decimal::try_from_i128_with_scale(value, u32::try_from(fraction.len()).ok()?).ok()
}

/// The lexical form of `xs:double`.
pub fn double(text: &str) -> Option<f64> {
    let text = trimmed(text);
    match text {
        "INF" | "+INF" => return Some(f64::INFINITY),
        "-INF" => return Some(f64::NEG_INFINITY),
        "NaN" => return Some(f64::NAN),
        _ => {}
    }
    let known = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    if text.bytes().all(known) { text.parse().ok() } else { None }
}

/// The lexical form of `xs:date`, as seconds; dates without a zone are in UTC.
pub fn date(text: &str) -> Option<i64> {
    let text = trimmed(text);
    let (text, before_christ) = text.strip_prefix('-').map_or((text, false), |text| (text, true));
    let (day, zone) = match text.get(10..) {
        Some("" | "Z") => (text.get(..10)?, 0),
        Some(zone) => (text.get(..10)?, zone_seconds(zone)?),
        None => return None,
    };
    let mut date: jiff::civil::Date = digits_and_dashes(day).then(|| day.parse().ok()).flatten()?;
    if before_christ {
        date = jiff::civil::Date::new(-date.year(), date.month(), date.day()).ok()?;
    }
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(start.timestamp().as_second() - zone)
}

/// A date of either syntax as `yyyy-mm-dd`, if it is a day of the calendar.
pub fn day(text: &str) -> Option<String> {
    let text = trimmed(text);
    let dashed = match text.len() {
        8 if text.bytes().all(|b| b.is_ascii_digit()) => format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]),
        _ => text.get(..10)?.to_owned(),
    };
    date(&dashed).map(|_| dashed)
}

fn digits_and_dashes(day: &str) -> bool {
    day.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() })
}

fn zone_seconds(zone: &str) -> Option<i64> {
    let bytes = zone.as_bytes();
    if bytes.len() != 6 || bytes[3] != b':' {
        return None;
    }
    let sign = match bytes[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes): (i64, i64) = (zone[1..3].parse().ok()?, zone[4..6].parse().ok()?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// `round(x * 100) div 100`: half up, towards plus infinity.
pub fn cents(value: Decimal) -> Decimal {
    // Half up means away from zero above it and towards zero below.
    let strategy = if value.is_sign_negative() {
        RoundingStrategy::MidpointTowardZero
    } else {
        RoundingStrategy::MidpointAwayFromZero
    };
    value.round_dp_with_strategy(2, strategy)
}

/// `round(x)`.
pub fn whole(value: Decimal) -> Decimal {
    let strategy = if value.is_sign_negative() {
        RoundingStrategy::MidpointTowardZero
    } else {
        RoundingStrategy::MidpointAwayFromZero
    };
    value.round_dp_with_strategy(0, strategy)
}

/// `round(x)` of a double.
pub fn whole_double(value: f64) -> f64 {
    if value.fract() == 0.0 { value } else { (value + 0.5).floor() }
}

/// Whether a double, taken as the decimal it is to the last digit, is less than a decimal.
pub fn less(left: f64, right: Decimal) -> bool {
    exactly(left, right) == Some(Ordering::Less)
}

/// Whether it is greater.
pub fn greater(left: f64, right: Decimal) -> bool {
    exactly(left, right) == Some(Ordering::Greater)
}

/// Compares `m * 2^e` with `n / 10^s` in whole numbers; where those are too large, as doubles.
fn exactly(left: f64, right: Decimal) -> Option<Ordering> {
    if !left.is_finite() {
        return None;
    }
    let scaled = || {
        let bits = left.to_bits();
        let exponent = i32::try_from((bits >> 52) & 0x7ff).ok()?;
        let fraction = i128::from(bits & ((1 << 52) - 1));
        let (mantissa, exponent) =
            if exponent == 0 { (fraction, -1074) } else { (fraction | (1 << 52), exponent - 1075) };
        let mantissa = if left.is_sign_negative() { -mantissa } else { mantissa };
        let mut double = mantissa.checked_mul(10_i128.checked_pow(right.scale())?)?;
        let mut decimal = right.mantissa();
        let zeros = i32::try_from(mantissa.trailing_zeros().min(52)).ok()?;
        if exponent >= 0 {
            double = double.checked_mul(1_i128.checked_shl(u32::try_from(exponent).ok()?)?)?;
        } else if exponent + zeros >= 0 {
            // A whole number: nothing is lost by halving it.
            double >>= u32::try_from(-exponent).ok()?;
        } else {
            double >>= u32::try_from(zeros).ok()?;
            let shift = u32::try_from(-exponent - zeros).ok().filter(|shift| *shift < 100)?;
            decimal = decimal.checked_mul(1_i128 << shift)?;
        }
        Some(double.cmp(&decimal))
    };
    scaled().or_else(|| left.partial_cmp(&f64::try_from(right).ok()?))
}

/// A decimal as the nearest double.
pub fn as_double(value: Decimal) -> f64 {
    // By way of its digits: the crate's own conversion is not always the nearest.
    value.to_string().parse().unwrap_or(f64::NAN)
}

/// `round(xs:decimal(x) * 100) div 100` of a double taken to its last digit; `None` beyond what a [`Decimal`] holds.
pub fn exact_cents(value: f64) -> Option<Decimal> {
    if !value.is_finite() || value.abs() > 1e20 {
        return None;
    }
    // The nearest hundredth below, by doubles, is right but for one: the comparison is exact.
    let guess = Decimal::try_from((value * 100.0).floor()).ok()?;
    let mut hundredths = guess.checked_div(Decimal::ONE_HUNDRED)?;
    let half = Decimal::new(5, 3);
    while less(value, hundredths - half) {
        hundredths -= Decimal::new(1, 2);
    }
    while !less(value, hundredths + half) {
        hundredths += Decimal::new(1, 2);
    }
    Some(hundredths)
}

/// `=` of doubles, as the official rules compare them.
#[expect(clippy::float_cmp, reason = "the official rules compare doubles so")]
pub fn same(left: f64, right: f64) -> bool {
    left == right
}
