//! The code lists that the rules hold values against (EN 16931 code lists as of the artefacts 1.3.16), and where the
//! official rules of one syntax know a list by other codes.

use std::collections::HashSet;
use std::sync::LazyLock;

use en16931::codes::generated as published;

/// A list of codes.
pub struct List {
    codes: HashSet<&'static str>,
    /// ` A B C `, for the rules that look for a part of it.
    joined: String,
}

impl List {
    fn new(codes: impl IntoIterator<Item = &'static str>) -> Self {
        let mut ordered: Vec<&'static str> = codes.into_iter().collect();
        ordered.sort_unstable();
        ordered.dedup();
        let joined = format!(" {} ", ordered.join(" "));
        Self { codes: ordered.into_iter().collect(), joined }
    }

    /// Whether it has the code.
    pub fn has(&self, code: &str) -> bool {
        self.codes.contains(code)
    }

    /// `contains(' A B C ', part)`: how two rules of UBL look a code up.
    pub fn spells(&self, part: &str) -> bool {
        self.joined.contains(part)
    }
}

macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident = $codes:expr;)*) => {
        $($(#[$doc])* pub static $name: LazyLock<List> = LazyLock::new(|| List::new($codes));)*
    };
}

/// Text subjects that the UBL rules do not know yet.
const NOT_IN_UBL: [&str; 18] = [
    "BAT", "BAU", "BAV", "BAW", "BAX", "BAY", "BAZ", "BBA", "BBB", "BMF", "BMG", "BMH", "CCJ", "CCK", "CCL", "CCM",
    "CCN", "CCO",
];

lists! {
    INVOICE_TYPES = published::INVOICE_TYPE_CODES.iter().copied();
    CREDIT_NOTE_TYPES = published::CREDIT_NOTE_TYPE_CODES.iter().copied();
    /// CII has one list for both.
    CII_TYPES = published::INVOICE_TYPE_CODES.iter().chain(published::CREDIT_NOTE_TYPE_CODES).copied();
    CURRENCIES = published::CURRENCY_CODES.iter().copied();
    VAT_POINT_DATES = published::VAT_POINT_DATE_CODES.iter().copied();
    /// CII states them in UNTDID 2475.
    CII_VAT_POINT_DATES = ["5", "29", "72"];
    REFERENCE_QUALIFIERS = published::REFERENCE_QUALIFIERS.iter().copied();
    NOTE_SUBJECTS = published::NOTE_SUBJECT_CODES.iter().copied();
    UBL_NOTE_SUBJECTS =
        published::NOTE_SUBJECT_CODES.iter().copied().filter(|code| !NOT_IN_UBL.contains(code));
    /// Identifier schemes (ISO 6523).
    SCHEMES = published::ICD_SCHEMES.iter().copied();
    ITEM_CLASSES = published::ITEM_CLASSIFICATION_SCHEMES.iter().copied();
    COUNTRIES = published::COUNTRY_CODES.iter().copied();
    /// The CII rules still know the Netherlands Antilles, and South Sudan not yet.
    CII_COUNTRIES = published::COUNTRY_CODES.iter().copied().filter(|code| *code != "SS").chain(["AN"]);
    PAYMENT_MEANS = published::PAYMENT_MEANS_CODES.iter().copied();
    VAT_CATEGORIES = published::VAT_CATEGORY_CODES.iter().copied();
    ALLOWANCE_REASONS = published::ALLOWANCE_REASON_CODES.iter().copied();
    CHARGE_REASONS = published::CHARGE_REASON_CODES.iter().copied();
    EXEMPTIONS = published::VATEX_CODES.iter().copied();
    UNITS = published::UNIT_CODES.iter().copied();
    /// Electronic addresses (EAS).
    ADDRESS_SCHEMES = published::EAS_SCHEMES.iter().copied();
    /// What a VAT number begins with: a country, or EL for Greece.
    VAT_PREFIXES = published::COUNTRY_CODES.iter().copied().chain(["EL"]);
    CII_VAT_PREFIXES =
        published::COUNTRY_CODES.iter().copied().filter(|code| *code != "SS").chain(["AN", "EL"]);
    MIME_TYPES = [
        "application/pdf",
        "image/png",
        "image/jpeg",
        "text/csv",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.oasis.opendocument.spreadsheet",
    ];
}
