//! What a person types as an amount or a rate: a comma or a point before the cents, thousands apart, a euro or percent sign
//! behind. What can be read in one way is taken; what has two readings is not guessed.

/// What an amount may have been meant as: without cents, or with three decimals.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// As a machine writes it: `-1234.56`.
    Plain(String),
    /// `1,234` or `1.234`: thousands, or three decimals.
    Ambiguous { whole: String, decimals: String },
    /// No number.
    Unreadable,
}

/// An amount. `in_euros`: whether a euro sign behind it says nothing new.
pub fn amount(text: &str, in_euros: bool) -> Typed {
    let text = text.trim();
    let bare = text.strip_suffix('€').or_else(|| {
        let at = text.len().checked_sub(3)?;
        let (number, unit) = text.split_at_checked(at)?;
        unit.eq_ignore_ascii_case("EUR").then_some(number)
    });
    match bare.filter(|_| in_euros).unwrap_or(text) {
        "" => Typed::Unreadable,
        number => read(number, true),
    }
}

/// A rate in percent.
pub fn rate(text: &str) -> Typed {
    let text = text.trim();
    read(text.strip_suffix('%').unwrap_or(text), false)
}

fn read(text: &str, may_be_thousands: bool) -> Typed {
    let text = text.trim().replace('\u{2212}', "-");
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest.trim_start()));
    let marks: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| matches!(c, ',' | '.')).collect();
    let apart = match marks.as_slice() {
        [] => (text, "", None),
        [(at, _)] => (&text[..*at], &text[at + 1..], None),
        [first, others @ .., last] if others.iter().all(|other| other.1 == first.1) => match last.1 == first.1 {
            true => (text, "", Some(first.1)),
            false => (&text[..last.0], &text[last.0 + 1..], Some(first.1)),
        },
        _ => return Typed::Unreadable,
    };
    let (whole, decimals, thousands) = (apart.0.trim(), apart.1.trim(), apart.2);
    let are_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let Some(digits) = joined(whole, thousands).filter(|_| are_digits(decimals)) else { return Typed::Unreadable };
    if digits.is_empty() && decimals.is_empty() {
        return Typed::Unreadable;
    }
    let two_readings = marks.len() == 1 && decimals.len() == 3 && (1..=3).contains(&whole.len()) && whole != "0";
    if may_be_thousands && two_readings {
        return Typed::Ambiguous { whole: format!("{sign}{digits}"), decimals: decimals.to_owned() };
    }
    let whole = if digits.is_empty() { "0" } else { digits.as_str() };
    let point = if decimals.is_empty() { "" } else { "." };
    Typed::Plain(format!("{sign}{whole}{point}{decimals}"))
}

/// The digits of a whole number whose thousands stand apart, by blanks or by `mark`: three by three, if at all.
fn joined(text: &str, mark: Option<char>) -> Option<String> {
    let groups: Vec<&str> = match mark {
        Some(mark) => text.split(mark).collect(),
        None => text.split(char::is_whitespace).collect(),
    };
    let in_threes = match groups.as_slice() {
        [_] => true,
        [first, others @ ..] => (1..=3).contains(&first.len()) && others.iter().all(|group| group.len() == 3),
        [] => false,
    };
    let digits = groups.concat();
    (in_threes && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_french_people_type_is_read_and_what_has_two_readings_is_not_guessed() {
        for (typed, plain) in [
            ("1 234,56", "1234.56"),
            ("1\u{202f}234\u{a0}567,8 €", "1234567.8"),
            ("1234,56 eur", "1234.56"),
            ("1.234,56", "1234.56"),
            ("1,234.56", "1234.56"),
            ("1.234.567", "1234567"),
            ("1 234,567", "1234.567"),
            ("0,125", "0.125"),
            ("1234.567", "1234.567"),
            ("\u{2212}12,5", "-12.5"),
            (",5", "0.5"),
            ("120.00", "120.00"),
            ("0", "0"),
        ] {
            assert_eq!(amount(typed, true), Typed::Plain(plain.to_owned()), "{typed}");
        }
        for (typed, plain) in [("20 %", "20"), ("20,0", "20.0"), ("5,5%", "5.5"), ("0.2", "0.2"), ("2,100", "2.100")] {
            assert_eq!(rate(typed), Typed::Plain(plain.to_owned()), "{typed}");
        }
        for typed in ["1,234", "1.234", "-12.500"] {
            assert!(matches!(amount(typed, true), Typed::Ambiguous { .. }), "{typed}");
        }
        for typed in
            ["", "€", "sept", "12 34", "1.23.456", "1,2,3", "1.234,567.8", "1e3", "12-3", "--1", ".", "12 $", "%"]
        {
            assert_eq!(amount(typed, true), Typed::Unreadable, "{typed}");
        }
        assert_eq!(amount("12 €", false), Typed::Unreadable, "another currency is written beside it");
        assert_eq!(rate("20 €"), Typed::Unreadable);
    }

    proptest! {
        #[test]
        fn what_is_taken_is_a_number(typed in "[-−0-9., \u{a0}€%EURx]{0,12}") {
            for read in [amount(&typed, true), rate(&typed)] {
                if let Typed::Plain(plain) = read {
                    prop_assert!(plain.parse::<rust_decimal::Decimal>().is_ok(), "{plain}");
                }
            }
        }
    }
}
