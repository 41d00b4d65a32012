//! What may be wrong with the data of a PDF: for whoever writes them as JSON in its words, and as what was expected for
//! the page, whose form has words of its own.

use rust_decimal::Decimal;

use crate::fault::{Language, Text};

/// One thing that is wrong with the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataProblem {
    /// `totals.with_tax`, `vat[0].rate`; `JSON` for the file as a whole.
    pub path: String,
    /// What stands there, cut for people; `None`: nothing.
    pub found: Option<String>,
    pub expected: Expected,
}

/// What should stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// A file of at most so many bytes.
    Bytes(usize),
    /// With why it is none.
    Json(String),
    /// An object with these keys.
    Object(String),
    OneOfKeys(String),
    /// A list of at most so many items.
    Items(usize),
    Word(Vec<&'static str>),
    /// A text of at most so many characters.
    Text(usize),
    /// An invoice's number of at most so many characters.
    Number(usize),
    EarlierNumber,
    Integer,
    Hash,
    Day,
    Currency,
    Siret,
    SiretCheckDigit,
    Amount,
    /// In percent.
    Rate,
    /// This rate in percent: what stands there is its fraction of one.
    Percent(Decimal),
    NoValidator,
    NoExemption,
    /// The total without tax and the tax.
    Sum(Decimal),
    NoTax,
    /// The tax of all rates.
    SumOfTax(Decimal),
    /// At least one rate.
    Rates,
    /// What only the files beside the data tell.
    OfFiles(Text),
}

impl Expected {
    /// For whoever writes JSON.
    pub fn text(&self) -> Text {
        let (fr, en) = match self {
            Self::OfFiles(text) => return text.clone(),
            Self::Json(error) => return Text::technical("du JSON bien formé", "well-formed JSON", error),
            Self::Bytes(most) => return Text::new(format!("au plus {most} octets"), format!("at most {most} bytes")),
            Self::Object(keys) => return Text::new(format!("un objet avec {keys}"), format!("an object with {keys}")),
            Self::OneOfKeys(keys) => {
                return Text::new(format!("une de ces clés : {keys}"), format!("one of these keys: {keys}"));
            }
            Self::Items(most) => {
                return Text::new(
                    format!("une liste de {most} éléments au plus"),
                    format!("a list of at most {most} items"),
                );
            }
            Self::Word(words) => return Text::same(words.join(" | ")),
            Self::Text(most) => {
                return Text::new(
                    format!("un texte de 1 à {most} caractères"),
                    format!("a text of 1 to {most} characters"),
                );
            }
            Self::Number(most) => {
                return Text::new(
                    format!("1 à {most} caractères parmi A-Z a-z 0-9 espace - _ / +"),
                    format!("1 to {most} characters of A-Z a-z 0-9 space - _ / +"),
                );
            }
            Self::Percent(rate) => {
                return Text::new(format!("{rate} (en pour cent)"), format!("{rate} (in percent)"));
            }
            Self::Sum(sum) => return Text::same(format!("{sum} (without_tax + tax)")),
            Self::SumOfTax(sum) => {
                return Text::new(format!("{sum} (somme de vat[].tax)"), format!("{sum} (the sum of vat[].tax)"));
            }
            Self::EarlierNumber => ("le numéro d'une facture antérieure", "the number of an earlier invoice"),
            Self::Integer => ("un nombre entier", "a whole number"),
            Self::Hash => ("64 chiffres hexadécimaux minuscules", "64 lower-case hexadecimal digits"),
            Self::Day => ("un jour écrit AAAA-MM-JJ", "a day written YYYY-MM-DD"),
            Self::Currency => ("trois lettres majuscules, EUR par exemple", "three capital letters, EUR for instance"),
            Self::Siret => ("un SIRET de 14 chiffres, entre guillemets", "a SIRET of 14 digits, in quotes"),
            Self::SiretCheckDigit => ("un SIRET dont la clé est juste", "a SIRET whose check digit holds"),
            Self::Amount => (
                "un montant tel que \"120.00\" (13 chiffres avant et 6 après le point au plus)",
                "an amount such as \"120.00\" (at most 13 digits before and 6 after the point)",
            ),
            Self::Rate => (
                "un taux en pour cent, de 0 à 100, tel que \"20\" ou \"5.5\"",
                "a rate in percent, from 0 to 100, such as \"20\" or \"5.5\"",
            ),
            Self::NoValidator => {
                ("rien : seuls A9 et A12 ont un valideur", "nothing: only A9 and A12 have a validator")
            }
            Self::NoExemption => (
                "rien : seul vat_kind = exempt a un motif d'exonération",
                "nothing: only vat_kind = exempt has a reason of exemption",
            ),
            Self::NoTax => ("0, puisqu'il n'y a pas de TVA", "0, since there is no VAT"),
            Self::Rates => ("une ligne par taux : rate, base, tax", "an item for each rate: rate, base, tax"),
        };
        Text::new(fr, en)
    }
}

impl DataProblem {
    pub fn text(&self, language: Language) -> String {
        let expected = self.expected.text();
        let expected = expected.get(language);
        let place = self.path.as_str();
        match (language, &self.found) {
            (Language::Fr, Some(found)) => format!("{place} : trouvé « {found} », attendu : {expected}"),
            (Language::Fr, None) => format!("{place} : absent, attendu : {expected}"),
            (Language::En, Some(found)) => format!("{place}: found \"{found}\", expected: {expected}"),
            (Language::En, None) => format!("{place}: missing, expected: {expected}"),
        }
    }
}
