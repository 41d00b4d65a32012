//! The code lists that the rules hold values against: those of the European standard (EN 16931 code lists as of the
//! artefacts 1.3.16, with where the official rules of one syntax know a list by other codes) and those of the French rules
//! (BR-FR 1.4.0.03). These are the built-in ones; a file of tables may bring others ([`crate::invoice::tables`]).

use std::borrow::Cow;
use std::collections::HashSet;

use en16931::codes::generated as published;

/// A list of codes.
#[derive(Debug, PartialEq, Eq)]
pub struct List {
    codes: HashSet<Cow<'static, str>>,
    /// ` A B C `, for the rules that look for a part of it.
    joined: String,
}

impl List {
    pub fn new(codes: impl IntoIterator<Item = impl Into<Cow<'static, str>>>) -> Self {
        let mut ordered: Vec<Cow<'static, str>> = codes.into_iter().map(Into::into).collect();
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

    /// Its codes, sorted.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.joined.split_ascii_whitespace()
    }
}

/// Which of the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Which(usize);

impl Which {
    /// Its place among [`LISTS`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// A list as a file of tables names it.
pub struct Named {
    /// The constant's name; see [`Named::section`] and [`Named::key`].
    constant: &'static str,
    /// The rules that use it.
    pub rules: &'static str,
    pub built_in: fn() -> List,
}

impl Named {
    /// `RATES_…` stand apart: they are figures.
    fn split(&self) -> (&'static str, &'static str) {
        self.constant.strip_prefix("RATES_").map_or(("lists", self.constant), |rate| ("rates", rate))
    }

    /// The table of the file it stands in.
    pub fn section(&self) -> &'static str {
        self.split().0
    }

    pub fn key(&self) -> String {
        self.split().1.to_ascii_lowercase()
    }
}

macro_rules! lists {
    ($(#[doc = $rules:literal] $name:ident = $codes:expr;)*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "counts the constants below")]
        enum Place { $($name,)* }
        $(#[doc = $rules] pub const $name: Which = Which(Place::$name as usize);)*
        /// Every list, in the order of [`Which`].
        pub const LISTS: &[Named] = &[$(
            Named { constant: stringify!($name), rules: $rules, built_in: || List::new($codes) },
        )*];
    };
}

/// Text subjects that the UBL rules do not know yet.
const NOT_IN_UBL: [&str; 18] = [
    "BAT", "BAU", "BAV", "BAW", "BAX", "BAY", "BAZ", "BBA", "BBB", "BMF", "BMG", "BMH", "CCJ", "CCK", "CCL", "CCM",
    "CCN", "CCO",
];

/// Countries as the CII rules know them: still the Netherlands Antilles, and South Sudan not yet.
fn cii_countries() -> impl Iterator<Item = &'static str> {
    published::COUNTRY_CODES.iter().copied().filter(|code| *code != "SS").chain(["AN"])
}

lists! {
    #[doc = "BR-CL-01 (UBL)"]
    INVOICE_TYPES = published::INVOICE_TYPE_CODES.iter().copied();
    #[doc = "BR-CL-01 (UBL)"]
    CREDIT_NOTE_TYPES = published::CREDIT_NOTE_TYPE_CODES.iter().copied();
    #[doc = "BR-CL-01 (CII)"]
    CII_TYPES = published::INVOICE_TYPE_CODES.iter().chain(published::CREDIT_NOTE_TYPE_CODES).copied();
    #[doc = "BR-CL-03, -04, -05"]
    CURRENCIES = published::CURRENCY_CODES.iter().copied();
    #[doc = "BR-CL-06 (UBL)"]
    VAT_POINT_DATES = published::VAT_POINT_DATE_CODES.iter().copied();
    #[doc = "BR-CL-06 (CII, UNTDID 2475)"]
    CII_VAT_POINT_DATES = ["5", "29", "72"];
    #[doc = "BR-CL-07"]
    REFERENCE_QUALIFIERS = published::REFERENCE_QUALIFIERS.iter().copied();
    #[doc = "BR-CL-08 (CII)"]
    NOTE_SUBJECTS = published::NOTE_SUBJECT_CODES.iter().copied();
    #[doc = "BR-CL-08 (UBL)"]
    UBL_NOTE_SUBJECTS = published::NOTE_SUBJECT_CODES.iter().copied().filter(|code| !NOT_IN_UBL.contains(code));
    #[doc = "BR-CL-10, -11, -21, -26 (ISO 6523)"]
    SCHEMES = published::ICD_SCHEMES.iter().copied();
    #[doc = "BR-CL-13"]
    ITEM_CLASSES = published::ITEM_CLASSIFICATION_SCHEMES.iter().copied();
    #[doc = "BR-CL-14, -15 (UBL)"]
    COUNTRIES = published::COUNTRY_CODES.iter().copied();
    #[doc = "BR-CL-14, -15 (CII)"]
    CII_COUNTRIES = cii_countries();
    #[doc = "BR-CL-16"]
    PAYMENT_MEANS = published::PAYMENT_MEANS_CODES.iter().copied();
    #[doc = "BR-CL-17, -18"]
    VAT_CATEGORIES = published::VAT_CATEGORY_CODES.iter().copied();
    #[doc = "BR-CL-19"]
    ALLOWANCE_REASONS = published::ALLOWANCE_REASON_CODES.iter().copied();
    #[doc = "BR-CL-20"]
    CHARGE_REASONS = published::CHARGE_REASON_CODES.iter().copied();
    #[doc = "BR-CL-22 (VATEX)"]
    EXEMPTIONS = published::VATEX_CODES.iter().copied();
    #[doc = "BR-CL-23"]
    UNITS = published::UNIT_CODES.iter().copied();
    #[doc = "BR-CL-25 (EAS)"]
    ADDRESS_SCHEMES = published::EAS_SCHEMES.iter().copied();
    #[doc = "BR-CO-09 (UBL)"]
    VAT_PREFIXES = published::COUNTRY_CODES.iter().copied().chain(["EL"]);
    #[doc = "BR-CO-09 (CII)"]
    CII_VAT_PREFIXES = cii_countries().chain(["EL"]);
    #[doc = "BR-CL-24"]
    MIME_TYPES = [
        "application/pdf",
        "image/png",
        "image/jpeg",
        "text/csv",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.oasis.opendocument.spreadsheet",
    ];
    #[doc = "BR-FR-04"]
    FR_TYPES = [
        "380", "389", "393", "501", "386", "500", "384", "471", "472", "473", "261", "262", "381", "396", "502", "503",
    ];
    #[doc = "BR-FR-21, -22, BR-FR-BD-13, BR-FR-MV-13"]
    FR_SELF_BILLED = ["389", "501", "500", "471", "473", "261", "502"];
    #[doc = "BR-FR-CO-04"]
    FR_CORRECTIVE = ["384", "471", "472", "473"];
    #[doc = "BR-FR-CO-05"]
    FR_CREDITS = ["261", "381", "396", "502", "503"];
    #[doc = "BR-FR-CO-07, -08"]
    FR_PREPAID = ["386", "500", "503"];
    #[doc = "BR-FR-MV-14"]
    FR_GROUP_CORRECTIONS = ["384", "472", "381", "396", "503"];
    #[doc = "BR-FR-BD-14"]
    FR_GROUP_SELF_BILLED_CORRECTIONS = ["261", "471", "473", "502"];
    #[doc = "BR-FR-08"]
    FR_FRAMES = [
        "B1", "S1", "M1", "B2", "S2", "M2", "S3", "B4", "S4", "M4", "S5", "S6", "B7", "S7", "B8", "S8", "M8", "B9",
        "S9", "M9",
    ];
    #[doc = "BR-FR-CO-07, -09"]
    FR_PAID_FRAMES = ["B2", "S2", "M2"];
    #[doc = "BR-FR-CO-08"]
    FR_FINAL_FRAMES = ["B4", "S4", "M4"];
    #[doc = "BR-FR-15"]
    FR_VAT_CATEGORIES = ["S", "E", "AE", "K", "G", "O", "Z"];
    #[doc = "BR-FR-16"]
    RATES_FR_VAT = [
        "0", "0.0", "0.00", "10", "10.0", "10.00", "13", "13.0", "13.00", "20", "20.0", "20.00", "8.5", "8.50", "19.6",
        "19.60", "2.1", "2.10", "5.5", "5.50", "7", "7.0", "7.00", "20.6", "20.60", "1.05", "0.9", "0.90", "1.75",
        "9.2", "9.20", "9.6", "9.60",
    ];
    #[doc = "BR-FR-17"]
    FR_ATTACHMENTS = [
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
    #[doc = "BR-FR-20 (UBL)"]
    FR_TREATMENTS = ["B2B", "B2BINT", "B2C", "OUTOFSCOPE", "ARCHIVEONLY"];
    #[doc = "BR-FR-20 (CII), BR-FR-30"]
    FR_COUNTED_TREATMENTS = ["B2B", "B2BINT", "B2C", "B2CINT", "OUTOFSCOPE", "ARCHIVEONLY"];
    #[doc = "CPRO-FRAME (A…)"]
    CHORUS_FRAMES = [
        "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11", "A12", "A13", "A14", "A15", "A16", "A17",
        "A18", "A19", "A20", "A21", "A22", "A23", "A24", "A25",
    ];
    #[doc = "CPRO-ATTACHMENT-EXTENSION"]
    CHORUS_EXTENSIONS = [
        "bmp", "bz2", "csv", "doc", "docx", "fax", "gif", "gz", "gzip", "htm", "html", "jpeg", "jpg", "odp", "ods",
        "odt", "p7s", "pdf", "png", "ppt", "pptx", "rtf", "svg", "tgz", "tif", "tiff", "txt", "xhtml", "xlc", "xls",
        "xlsx", "xml", "zip",
    ];
    #[doc = "CPRO-ATTACHMENT-NAME (DSE-CP §3.2.1.4.1)"]
    CHORUS_FORBIDDEN_IN_NAMES = ["%", "$", "!", "&", "/", "\\", ":", ";", "«", "»", "#", "@"];
}
