//! What the French rules (BR-FR, AFNOR XP Z12-012, artefacts 1.4.0) ask of a value, the same in both syntaxes.

use super::document::trimmed;

/// Invoice types of the reform (BR-FR-04).
pub const TYPES: [&str; 16] =
    ["380", "389", "393", "501", "386", "500", "384", "471", "472", "473", "261", "262", "381", "396", "502", "503"];
/// Types a buyer issues for its supplier.
pub const SELF_BILLED: [&str; 7] = ["389", "501", "500", "471", "473", "261", "502"];
/// Corrective types, which name what they correct (BR-FR-CO-04).
pub const CORRECTIVE: [&str; 4] = ["384", "471", "472", "473"];
/// Credit notes, which name what they credit (BR-FR-CO-05).
pub const CREDITS: [&str; 5] = ["261", "381", "396", "502", "503"];
/// Prepayments.
pub const PREPAID: [&str; 3] = ["386", "500", "503"];
/// Billing frameworks of the reform (BR-FR-08).
pub const FRAMES: [&str; 20] = [
    "B1", "S1", "M1", "B2", "S2", "M2", "S3", "B4", "S4", "M4", "S5", "S6", "B7", "S7", "B8", "S8", "M8", "B9", "S9",
    "M9",
];
/// Frameworks of invoices already paid.
pub const PAID_FRAMES: [&str; 3] = ["B2", "S2", "M2"];
/// Frameworks of final invoices after prepayments.
pub const FINAL_FRAMES: [&str; 3] = ["B4", "S4", "M4"];
/// VAT categories (BR-FR-15).
pub const CATEGORIES: [&str; 7] = ["S", "E", "AE", "K", "G", "O", "Z"];
/// VAT rates as they may be written (BR-FR-16).
pub const RATES: [&str; 33] = [
    "0", "0.0", "0.00", "10", "10.0", "10.00", "13", "13.0", "13.00", "20", "20.0", "20.00", "8.5", "8.50", "19.6",
    "19.60", "2.1", "2.10", "5.5", "5.50", "7", "7.0", "7.00", "20.6", "20.60", "1.05", "0.9", "0.90", "1.75", "9.2",
    "9.20", "9.6", "9.60",
];
/// Kinds of attachments (BR-FR-17).
pub const ATTACHMENTS: [&str; 12] = [
    "RIB",
    "LISIBLE",
    "FEUILLE_DE_STYLE",
    "PJA",
    "BORDEREAU_SUIVI",
    "DOCUMENT_ANNEXE",
    "BON_LIVRAISON",
    "BON_COMMANDE",
    "BORDEREAU_SUIVI_VALIDATION",
    "ETAT_ACOMPTE",
    "FACTURE_PAIEMENT_DIRECT",
    "RECAPITULATIF_COTRAITANCE",
];
/// Treatments a note may ask for behind `#BAR#` (BR-FR-20).
pub const TREATMENTS: [&str; 5] = ["B2B", "B2BINT", "B2C", "OUTOFSCOPE", "ARCHIVEONLY"];
/// The same with the one that BR-FR-30 counts besides.
pub const COUNTED_TREATMENTS: [&str; 6] = ["B2B", "B2BINT", "B2C", "B2CINT", "OUTOFSCOPE", "ARCHIVEONLY"];

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
