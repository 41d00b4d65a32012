//! Reads the JSON of a sidecar into [`PdfInvoice`], gathering every problem with its path.

use std::str::FromStr;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::domain::{InvoiceNumber, Siret, SiretForm};

use super::pdf_data::{
    DataOptions, DataProblem, Enclosure, Expected, Frame, Line, PROBLEMS_LIMIT, Party, Payment, PdfInvoice, Signature,
    Totals, Vat, VatKind,
};

/// The longest number of an invoice at Chorus Pro, in characters (PROTOCOL §5).
const NUMBER_LIMIT: usize = 20;
/// Codes and references, in characters.
const REFERENCE_LIMIT: usize = 100;
/// Free texts, in characters.
const TEXT_LIMIT: usize = 2_000;
/// What one file may hold of each list.
const LINES_LIMIT: usize = 500;
const VAT_LIMIT: usize = 50;
const ENCLOSURES_LIMIT: usize = 20;
const PRECEDING_LIMIT: usize = 20;
/// Characters of a found value that are shown.
const SHOWN_LIMIT: usize = 80;

const KEYS: &[&str] = &[
    "$schema",
    "attachments",
    "bank_details",
    "comment",
    "commitment",
    "currency",
    "date",
    "exemption",
    "file",
    "frame",
    "lines",
    "market",
    "number",
    "origin",
    "payment",
    "preceding",
    "recipient",
    "sha256",
    "signature",
    "supplier",
    "totals",
    "type",
    "validator",
    "vat",
    "vat_kind",
];

const FRAMES: &[(&str, FrameKind)] =
    &[("A1", FrameKind::A1), ("A2", FrameKind::A2), ("A9", FrameKind::A9), ("A12", FrameKind::A12)];
const TYPES: &[(&str, bool)] = &[("invoice", false), ("credit_note", true)];
const VAT_KINDS: &[(&str, VatWord)] = &[
    ("on_debit", VatWord::OnDebit),
    ("on_receipt", VatWord::OnReceipt),
    ("exempt", VatWord::Exempt),
    ("none", VatWord::Without),
];
const PAYMENTS: &[(&str, Payment)] = &[
    ("transfer", Payment::Transfer),
    ("direct_debit", Payment::DirectDebit),
    ("cheque", Payment::Cheque),
    ("cash", Payment::Cash),
    ("other", Payment::Other),
    ("carried_over", Payment::CarriedOver),
];
const SIGNATURES: &[(&str, Signature)] =
    &[("none", Signature::None), ("pades", Signature::Pades), ("xades", Signature::Xades)];

#[derive(Clone, Copy, PartialEq, Eq)]
enum FrameKind {
    A1,
    A2,
    A9,
    A12,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum VatWord {
    OnDebit,
    OnReceipt,
    Exempt,
    Without,
}

/// A value as people are shown it.
pub(super) fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).take(SHOWN_LIMIT).collect()
}

pub(super) fn read(value: &Value, options: DataOptions) -> Result<PdfInvoice, Vec<DataProblem>> {
    let mut reading = Reading { problems: Vec::new(), options };
    let root = Place { path: String::new(), value: Some(value) };
    match reading.invoice(&root) {
        Some(invoice) if reading.problems.is_empty() => Ok(invoice),
        _ => Err(reading.problems),
    }
}

/// A value and where it stands.
struct Place<'v> {
    path: String,
    value: Option<&'v Value>,
}

impl<'v> Place<'v> {
    fn member(&self, map: Option<&'v Map<String, Value>>, name: &str) -> Place<'v> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        // Nothing, said in one of the three ways that applications have.
        let value = map.and_then(|map| map.get(name)).filter(|v| !v.is_null() && v.as_str() != Some(""));
        Place { path, value }
    }

    fn item(&self, at: usize, value: &'v Value) -> Place<'v> {
        Place { path: format!("{}[{at}]", self.path), value: Some(value) }
    }

    fn is_there(&self) -> bool {
        self.value.is_some()
    }

    fn found(&self) -> Option<String> {
        self.value.map(|value| match value {
            Value::String(text) => shown(text),
            Value::Object(_) => "{…}".to_owned(),
            Value::Array(_) => "[…]".to_owned(),
            other => shown(&other.to_string()),
        })
    }
}

struct Reading {
    problems: Vec<DataProblem>,
    options: DataOptions,
}

impl Reading {
    fn invoice(&mut self, root: &Place<'_>) -> Option<PdfInvoice> {
        let map = self.object(root, KEYS)?;
        let at = |name: &str| root.member(Some(map), name);
        let file = self.text(&at("file"), REFERENCE_LIMIT * 2);
        let sha256 = at("sha256");
        let sha256 = if sha256.is_there() { self.parsed(&sha256, Expected::Hash, |t| t.parse().ok()) } else { None };
        let number = self.number(&at("number"));
        let issued_on = self.parsed(&at("date"), Expected::Day, |text| {
            (text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()).then(|| text.to_owned())
        });
        let supplier = self.party(&at("supplier"), "siret");
        let bank_details = self.integer(&at("bank_details"));
        let recipient = self.party(&at("recipient"), "siret");
        let frame = self.frame(&at("frame"), &at("validator"));
        let credit_note = self.word(&at("type"), TYPES);
        let origin = at("origin");
        let origin = if origin.is_there() { self.number(&origin) } else { None };
        let preceding = self.preceding(&at("preceding"));
        let currency = self.parsed(&at("currency"), Expected::Currency, |text| {
            (text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())).then(|| text.to_owned())
        });
        let vat_word = self.word(&at("vat_kind"), VAT_KINDS);
        let vat_kind = self.vat_kind(vat_word, &at("exemption"));
        let payment = self.word(&at("payment"), PAYMENTS);
        let market = self.text(&at("market"), REFERENCE_LIMIT);
        let commitment = self.text(&at("commitment"), REFERENCE_LIMIT);
        let lines = self.list(&at("lines"), LINES_LIMIT, Self::line);
        let vat = self.list(&at("vat"), VAT_LIMIT, Self::vat);
        let totals = self.totals(&at("totals"));
        let comment = self.text(&at("comment"), TEXT_LIMIT).unwrap_or_default();
        let attachments = self.list(&at("attachments"), ENCLOSURES_LIMIT, Self::enclosure);
        let signature = at("signature");
        let signature = if signature.is_there() { self.word(&signature, SIGNATURES) } else { None };
        if let (Some(word), Some(totals)) = (vat_word, &totals) {
            self.coherent(word, &at("vat"), &vat, totals);
        }
        Some(PdfInvoice {
            file,
            sha256,
            number: number?,
            issued_on: issued_on?,
            supplier: supplier?,
            bank_details,
            recipient: recipient?,
            frame: frame?,
            credit_note: credit_note?,
            origin,
            preceding,
            currency: currency?,
            vat_kind: vat_kind?,
            payment: payment?,
            market,
            commitment,
            lines,
            vat,
            totals: totals?,
            comment,
            attachments,
            signature,
        })
    }

    fn problem(&mut self, place: &Place<'_>, expected: Expected) {
        self.found_instead(&place.path, place.found(), expected);
    }

    fn found_instead(&mut self, path: &str, found: Option<String>, expected: Expected) {
        if self.problems.len() < PROBLEMS_LIMIT {
            let path = if path.is_empty() { "JSON" } else { path };
            self.problems.push(DataProblem { path: path.to_owned(), found, expected });
        }
    }

    /// An object with no other keys than `keys`.
    fn object<'v>(&mut self, place: &Place<'v>, keys: &[&str]) -> Option<&'v Map<String, Value>> {
        let listed = keys.iter().filter(|key| **key != "$schema").copied().collect::<Vec<_>>().join(", ");
        let Some(Value::Object(map)) = place.value else {
            self.problem(place, Expected::Object(listed));
            return None;
        };
        for unknown in map.keys().filter(|key| !keys.contains(&key.as_str())) {
            let path = place.member(None, &shown(unknown)).path;
            self.found_instead(&path, Some(shown(unknown)), Expected::OneOfKeys(listed.clone()));
        }
        Some(map)
    }

    /// What must be there, as a text that `parse` takes.
    fn parsed<T>(&mut self, place: &Place<'_>, expected: Expected, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let parsed = place.value.and_then(Value::as_str).and_then(parse);
        if parsed.is_none() {
            self.problem(place, expected);
        }
        parsed
    }

    fn word<T: Copy>(&mut self, place: &Place<'_>, words: &[(&'static str, T)]) -> Option<T> {
        let listed = Expected::Word(words.iter().map(|(word, _)| *word).collect());
        self.parsed(place, listed, |text| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value))
    }

    /// A text that may be left out.
    fn text(&mut self, place: &Place<'_>, longest: usize) -> Option<String> {
        if !place.is_there() {
            return None;
        }
        self.needed_text(place, longest)
    }

    fn needed_text(&mut self, place: &Place<'_>, longest: usize) -> Option<String> {
        self.parsed(place, Expected::Text(longest), |text| {
            let fits = !text.trim().is_empty() && text.chars().count() <= longest;
            let plain = !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
            (fits && plain).then(|| text.trim().to_owned())
        })
    }

    fn number(&mut self, place: &Place<'_>) -> Option<InvoiceNumber> {
        self.parsed(place, Expected::Number(NUMBER_LIMIT), |text| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || " -_/+".contains(c);
            let fits = text.chars().count() <= NUMBER_LIMIT && text.chars().all(allowed);
            text.parse().ok().filter(|_| fits)
        })
    }

    /// One number, or a list of them. They may be such as Chorus Pro refused.
    fn preceding(&mut self, place: &Place<'_>) -> Vec<InvoiceNumber> {
        if let Some(Value::String(_)) = place.value {
            return self.earlier(place).into_iter().collect();
        }
        self.list(place, PRECEDING_LIMIT, |reading, place| reading.earlier(place))
    }

    fn earlier(&mut self, place: &Place<'_>) -> Option<InvoiceNumber> {
        self.parsed(place, Expected::EarlierNumber, |text| {
            let fits = text.chars().count() <= REFERENCE_LIMIT;
            text.trim().parse().ok().filter(|_| fits)
        })
    }

    fn integer(&mut self, place: &Place<'_>) -> Option<i64> {
        let value = place.value?;
        let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        if number.is_none() {
            self.problem(place, Expected::Integer);
        }
        number
    }

    fn siret(&mut self, place: &Place<'_>) -> Option<Siret> {
        let siret: Siret = self.parsed(place, Expected::Siret, |text| text.parse().ok())?;
        if !self.options.sandbox && siret.form() == SiretForm::CheckDigitWrong {
            self.problem(place, Expected::SiretCheckDigit);
            return None;
        }
        Some(siret)
    }

    /// `id`: under which key its SIRET stands.
    fn party(&mut self, place: &Place<'_>, id: &str) -> Option<Party> {
        let map = self.object(place, &[id, "service"])?;
        let siret = self.siret(&place.member(Some(map), id));
        let service = self.text(&place.member(Some(map), "service"), REFERENCE_LIMIT);
        Some(Party { siret: siret?, service })
    }

    fn frame(&mut self, frame: &Place<'_>, validator: &Place<'_>) -> Option<Frame> {
        let kind = self.word(frame, FRAMES)?;
        match kind {
            FrameKind::A9 => self.party(validator, "structure").map(Frame::A9),
            FrameKind::A12 => self.party(validator, "structure").map(Frame::A12),
            FrameKind::A1 | FrameKind::A2 if validator.is_there() => {
                self.problem(validator, Expected::NoValidator);
                None
            }
            FrameKind::A1 => Some(Frame::A1),
            FrameKind::A2 => Some(Frame::A2),
        }
    }

    fn vat_kind(&mut self, word: Option<VatWord>, exemption: &Place<'_>) -> Option<VatKind> {
        let word = word?;
        if word == VatWord::Exempt {
            return self.needed_text(exemption, REFERENCE_LIMIT).map(VatKind::Exempt);
        }
        if exemption.is_there() {
            self.problem(exemption, Expected::NoExemption);
        }
        match word {
            VatWord::OnDebit => Some(VatKind::OnDebit),
            VatWord::OnReceipt => Some(VatKind::OnReceipt),
            VatWord::Exempt => None,
            VatWord::Without => Some(VatKind::Without),
        }
    }

    /// An amount as text or number, a point before its cents.
    fn amount(&mut self, place: &Place<'_>) -> Option<Decimal> {
        let amount = number_at(place);
        if amount.is_none() {
            self.problem(place, Expected::Amount);
        }
        amount
    }

    /// A rate in percent.
    fn rate(&mut self, place: &Place<'_>) -> Option<Decimal> {
        let rate = number_at(place).filter(|rate| (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(rate));
        if rate.is_none() {
            self.problem(place, Expected::Rate);
        }
        rate
    }

    fn maybe_amount(&mut self, place: &Place<'_>) -> Option<Decimal> {
        if place.is_there() { self.amount(place) } else { None }
    }

    fn list<'v, T>(
        &mut self,
        place: &Place<'v>,
        most: usize,
        mut item: impl FnMut(&mut Self, &Place<'v>) -> Option<T>,
    ) -> Vec<T> {
        let list = match place.value {
            None => return Vec::new(),
            Some(Value::Array(list)) if list.len() <= most => list,
            Some(_) => {
                self.problem(place, Expected::Items(most));
                return Vec::new();
            }
        };
        list.iter().enumerate().filter_map(|(at, value)| item(self, &place.item(at, value))).collect()
    }

    fn line(&mut self, place: &Place<'_>) -> Option<Line> {
        let map = self.object(place, &["reference", "name", "quantity", "unit", "price", "discount", "vat_rate"])?;
        let at = |name: &str| place.member(Some(map), name);
        let reference = self.text(&at("reference"), REFERENCE_LIMIT);
        let name = self.needed_text(&at("name"), TEXT_LIMIT);
        let quantity = self.amount(&at("quantity"));
        let unit = self.text(&at("unit"), REFERENCE_LIMIT);
        let price = self.amount(&at("price"));
        let discount = self.maybe_amount(&at("discount"));
        let vat_rate = at("vat_rate");
        let vat_rate = if vat_rate.is_there() { self.rate(&vat_rate) } else { None };
        Some(Line { reference, name: name?, quantity: quantity?, unit, price: price?, discount, vat_rate })
    }

    fn vat(&mut self, place: &Place<'_>) -> Option<Vat> {
        let map = self.object(place, &["rate", "base", "tax"])?;
        let at_rate = place.member(Some(map), "rate");
        let rate = self.rate(&at_rate);
        let base = self.amount(&place.member(Some(map), "base"));
        let tax = self.amount(&place.member(Some(map), "tax"));
        let (rate, base, tax) = (rate?, base?, tax?);
        if let Some(percent) = percent_meant(rate, base, tax) {
            self.problem(&at_rate, Expected::Percent(percent));
        }
        Some(Vat { rate, base, tax })
    }

    fn totals(&mut self, place: &Place<'_>) -> Option<Totals> {
        let keys = ["without_tax", "tax", "with_tax", "discount", "discount_reason", "payable"];
        let map = self.object(place, &keys)?;
        let at = |name: &str| place.member(Some(map), name);
        let without_tax = self.amount(&at("without_tax"));
        let tax = self.amount(&at("tax"));
        let with_tax = self.amount(&at("with_tax"));
        let payable = self.amount(&at("payable"));
        let discount = match self.maybe_amount(&at("discount")) {
            Some(discount) => self.needed_text(&at("discount_reason"), REFERENCE_LIMIT).map(|why| (discount, why)),
            None => None,
        };
        Some(Totals { without_tax: without_tax?, tax: tax?, with_tax: with_tax?, discount, payable: payable? })
    }

    fn enclosure(&mut self, place: &Place<'_>) -> Option<Enclosure> {
        if let Some(Value::String(_)) = place.value {
            let file = self.needed_text(place, REFERENCE_LIMIT * 2)?;
            return Some(Enclosure { file, designation: None, kind: None });
        }
        let map = self.object(place, &["file", "designation", "kind"])?;
        let file = self.needed_text(&place.member(Some(map), "file"), REFERENCE_LIMIT * 2);
        let designation = self.text(&place.member(Some(map), "designation"), REFERENCE_LIMIT);
        let kind = self.text(&place.member(Some(map), "kind"), REFERENCE_LIMIT);
        Some(Enclosure { file: file?, designation, kind })
    }

    /// What must add up. With a discount on the whole the documents do not say on which side of it the total stands.
    fn coherent(&mut self, word: VatWord, place: &Place<'_>, vat: &[Vat], totals: &Totals) {
        let sum = totals.without_tax + totals.tax;
        if totals.discount.is_none() && sum != totals.with_tax {
            self.found_instead("totals.with_tax", Some(totals.with_tax.to_string()), Expected::Sum(sum));
        }
        let taxed = matches!(word, VatWord::OnDebit | VatWord::OnReceipt);
        if !taxed && !totals.tax.is_zero() {
            self.found_instead("totals.tax", Some(totals.tax.to_string()), Expected::NoTax);
        }
        let nothing = place.value.is_none_or(|value| value.as_array().is_some_and(Vec::is_empty));
        if taxed && nothing {
            self.problem(place, Expected::Rates);
        }
        let tax: Decimal = vat.iter().map(|line| line.tax).sum();
        // Where a line could not be read its own problem is told.
        let whole = place.value.and_then(Value::as_array).is_some_and(|list| list.len() == vat.len());
        if whole && !vat.is_empty() && tax != totals.tax {
            self.found_instead("totals.tax", Some(totals.tax.to_string()), Expected::SumOfTax(tax));
        }
    }
}

/// A number as text or as number, a point before its decimals.
fn number_at(place: &Place<'_>) -> Option<Decimal> {
    let text = match place.value {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return None,
    };
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
    let number = Decimal::from_str(&text).ok().filter(|_| plain)?;
    let whole = Decimal::from(10_000_000_000_000_i64);
    (number.normalize().scale() <= 6 && number.abs() < whole).then_some(number)
}

/// The rate in percent, where a fraction of one was written for it: 0.2 whose tax is a fifth of the base.
fn percent_meant(rate: Decimal, base: Decimal, tax: Decimal) -> Option<Decimal> {
    let cent = Decimal::new(1, 2);
    let is_fraction = rate > Decimal::ZERO && rate < Decimal::ONE && !tax.is_zero();
    // A true rate of less than one percent gives such a tax only where both are about nothing.
    let (as_fraction, as_percent) = (base * rate, base * rate / Decimal::ONE_HUNDRED);
    let gives = |reckoned: Decimal| (reckoned - tax).abs() <= cent;
    (is_fraction && gives(as_fraction) && !gives(as_percent)).then(|| (rate * Decimal::ONE_HUNDRED).normalize())
}
