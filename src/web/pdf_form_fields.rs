//! The fields of a plain PDF's form, what is typed into them, and the JSON of a sidecar file that becomes of it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::web::ask::Fields;
use crate::web::typed_amount::{self, Typed};
use crate::web::words::Tongue;

/// Rates of VAT that the form has room for; a sidecar file has room for more.
pub const VAT_ROWS: usize = 4;

/// How a field is entered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    Text,
    /// Digits alone: blanks that people put between them are dropped.
    Digits,
    Day,
    /// As a person types it.
    Amount,
    /// In percent, as a person types it.
    Rate,
    /// Three letters, in capitals or not.
    Currency,
    Choice(&'static [(&'static str, &'static str, &'static str)]),
    Long,
}

/// A field of the form: its name is the path in the data.
pub struct Field(pub &'static str, pub Entry, pub &'static str, pub &'static str);

const TYPES: &[(&str, &str, &str)] = &[("invoice", "Facture", "Invoice"), ("credit_note", "Avoir", "Credit note")];
const FRAMES: &[(&str, &str, &str)] = &[
    ("A1", "A1 · Fournisseur", "A1 · Supplier"),
    ("A2", "A2 · Fournisseur, déjà payée", "A2 · Supplier, already paid"),
    ("A9", "A9 · Sous-traitant", "A9 · Subcontractor"),
    ("A12", "A12 · Cotraitant", "A12 · Co-contractor"),
];
const VAT_KINDS: &[(&str, &str, &str)] = &[
    ("on_debit", "TVA sur les débits", "VAT on debits"),
    ("on_receipt", "TVA sur les encaissements", "VAT on receipts"),
    ("exempt", "Exonération", "Exempt"),
    ("none", "Sans TVA", "Without VAT"),
];
const PAYMENTS: &[(&str, &str, &str)] = &[
    ("transfer", "Virement", "Transfer"),
    ("direct_debit", "Prélèvement", "Direct debit"),
    ("cheque", "Chèque", "Cheque"),
    ("cash", "Espèces", "Cash"),
    ("other", "Autre", "Other"),
    ("carried_over", "Report", "Carried over"),
];

/// The form's parts.
pub const GROUPS: &[(&str, &str, &[Field])] = &[
    (
        "Facture",
        "Invoice",
        &[
            Field("number", Entry::Text, "Numéro", "Number"),
            Field("date", Entry::Day, "Date de facture", "Date of issue"),
            Field("type", Entry::Choice(TYPES), "Type", "Type"),
            Field(
                "origin",
                Entry::Text,
                "Facture d’origine (d’un avoir, facultatif)",
                "Original invoice (of a credit note, optional)",
            ),
            Field(
                "preceding",
                Entry::Text,
                "Facture antérieure qu’elle corrige (facultatif)",
                "Earlier invoice that it corrects (optional)",
            ),
            Field("currency", Entry::Currency, "Devise", "Currency"),
        ],
    ),
    (
        "Fournisseur",
        "Supplier",
        &[
            Field("supplier.siret", Entry::Digits, "SIRET du fournisseur", "Supplier’s SIRET"),
            Field(
                "supplier.service",
                Entry::Text,
                "Code de son service (facultatif)",
                "Code of its service (optional)",
            ),
            Field(
                "bank_details",
                Entry::Digits,
                "Numéro de ses coordonnées bancaires chez Chorus Pro (facultatif)",
                "Number of its bank details at Chorus Pro (optional)",
            ),
        ],
    ),
    (
        "Destinataire",
        "Recipient",
        &[
            Field("recipient.siret", Entry::Digits, "SIRET du destinataire", "Recipient’s SIRET"),
            Field("recipient.service", Entry::Text, "Code du service", "Service code"),
            Field("commitment", Entry::Text, "Numéro d’engagement ou de commande", "Commitment or order number"),
            Field("market", Entry::Text, "Numéro de marché", "Market number"),
        ],
    ),
    (
        "Cadre de facturation",
        "Frame",
        &[
            Field("frame", Entry::Choice(FRAMES), "Cadre", "Frame"),
            Field("validator.structure", Entry::Digits, "SIRET du valideur (A9, A12)", "Validator’s SIRET (A9, A12)"),
            Field(
                "validator.service",
                Entry::Text,
                "Service du valideur (facultatif)",
                "Validator’s service (optional)",
            ),
        ],
    ),
    (
        "TVA et paiement",
        "VAT and payment",
        &[
            Field("vat_kind", Entry::Choice(VAT_KINDS), "Régime de TVA", "VAT kind"),
            Field("exemption", Entry::Text, "Code du motif d’exonération", "Code of the reason of exemption"),
            Field("payment", Entry::Choice(PAYMENTS), "Mode de paiement", "Payment"),
        ],
    ),
    (
        "Montants",
        "Amounts",
        &[
            Field("totals.without_tax", Entry::Amount, "Total HT", "Total without tax"),
            Field("totals.tax", Entry::Amount, "Total TVA", "Total tax"),
            Field("totals.with_tax", Entry::Amount, "Total TTC", "Total with tax"),
            Field(
                "totals.discount",
                Entry::Amount,
                "Remise globale TTC (facultatif)",
                "Discount on the whole (optional)",
            ),
            Field("totals.discount_reason", Entry::Text, "Motif de la remise", "Reason of the discount"),
            Field("totals.payable", Entry::Amount, "Net à payer", "Payable"),
        ],
    ),
    ("Commentaire", "Comment", &[Field("comment", Entry::Long, "Commentaire (facultatif)", "Comment (optional)")]),
];

/// A rate of VAT.
pub const VAT_FIELDS: [Field; 3] = [
    Field("rate", Entry::Rate, "Taux (%)", "Rate (%)"),
    Field("base", Entry::Amount, "Base HT", "Base without tax"),
    Field("tax", Entry::Amount, "TVA", "Tax"),
];
/// What the form always says, if only that nothing is in it: so each of their fields is missed by its own name.
const WHOLES: [&str; 3] = ["supplier", "recipient", "totals"];

/// Texts by the field that they stand in.
pub type Values = BTreeMap<String, String>;

/// What was entered: as it was typed, and as the reader takes it.
pub struct Entered {
    pub typed: Values,
    plain: Values,
    /// The rows of VAT that have anything in them.
    pub rows: Vec<usize>,
}

fn all_fields() -> impl Iterator<Item = &'static Field> {
    GROUPS.iter().flat_map(|(_, _, fields)| fields.iter())
}

pub fn in_row(row: usize, name: &str) -> String {
    format!("vat[{row}].{name}")
}

/// What the form shows at first: what Chorus Pro read, and the most usual choices.
pub fn proposed(t: Tongue, proposal: Option<&Value>) -> Values {
    let usual =
        [("type", "invoice"), ("currency", "EUR"), ("frame", "A1"), ("vat_kind", "on_debit"), ("payment", "transfer")];
    let mut values: Values = usual.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let Some(proposal) = proposal else { return values };
    for Field(name, entry, ..) in all_fields() {
        let read = proposal.pointer(&format!("/{}", name.replace('.', "/"))).and_then(Value::as_str);
        // An amount of nothing was not recognised.
        let nothing = |text: &str| *entry == Entry::Amount && text.trim_matches(['0', '.']).is_empty();
        if let Some(read) = read.filter(|text| !text.is_empty() && !nothing(text)) {
            let shown = if *entry == Entry::Amount { as_typed(t, read) } else { read.to_owned() };
            values.insert((*name).to_owned(), shown);
        }
    }
    for (field, total) in [("vat[0].base", "totals.without_tax"), ("vat[0].tax", "totals.tax")] {
        if let Some(total) = values.get(total).cloned() {
            values.insert(field.to_owned(), total);
        }
    }
    values
}

/// An amount that a machine wrote, as a person would: never with three decimals, which have two readings.
fn as_typed(t: Tongue, written: &str) -> String {
    let Ok(amount) = written.parse::<Decimal>() else { return written.to_owned() };
    let decimals = match amount.normalize().scale() {
        few @ 0..=2 => few.max(2),
        3 => 4,
        many => many,
    };
    let mut amount = amount;
    amount.rescale(decimals);
    amount.to_string().replace('.', t.say(",", "."))
}

impl Entered {
    pub fn of(form: &Fields) -> Self {
        let in_euros = matches!(plain(form.trimmed("currency"), Entry::Currency, false).as_str(), "EUR" | "");
        let mut entered = Self { typed: Values::new(), plain: Values::new(), rows: Vec::new() };
        let mut take = |name: String, entry: Entry| {
            let typed = form.trimmed(&name);
            entered.plain.insert(name.clone(), plain(typed, entry, in_euros));
            entered.typed.insert(name, typed.to_owned());
        };
        for Field(name, entry, ..) in all_fields() {
            take((*name).to_owned(), *entry);
        }
        for row in 0..VAT_ROWS {
            for Field(name, entry, ..) in VAT_FIELDS {
                take(in_row(row, name), entry);
            }
        }
        let is_begun = |row: &usize| VAT_FIELDS.iter().any(|field| !form.trimmed(&in_row(*row, field.0)).is_empty());
        entered.rows = (0..VAT_ROWS).filter(is_begun).collect();
        entered
    }

    fn given(&self, name: &str) -> Option<Value> {
        self.plain.get(name).filter(|text| !text.is_empty()).map(|text| text.as_str().into())
    }

    /// The JSON of a sidecar file.
    pub fn assembled(&self) -> Value {
        let object = || Value::Object(Map::new());
        let mut data: Map<String, Value> = WHOLES.iter().map(|name| ((*name).to_owned(), object())).collect();
        if self.plain.get("frame").is_some_and(|frame| matches!(frame.as_str(), "A9" | "A12")) {
            data.insert("validator".to_owned(), object());
        }
        for Field(name, ..) in all_fields() {
            let Some(value) = self.given(name) else { continue };
            match name.split_once('.') {
                Some((whole, key)) => data.entry(whole).or_insert_with(object)[key] = value,
                None => drop(data.insert((*name).to_owned(), value)),
            }
        }
        if !self.rows.is_empty() {
            let cell = |row: usize, name: &str| (name.to_owned(), self.given(&in_row(row, name)).unwrap_or_default());
            let row = |row: &usize| Value::Object(VAT_FIELDS.iter().map(|field| cell(*row, field.0)).collect());
            data.insert("vat".to_owned(), self.rows.iter().map(row).collect());
        }
        Value::Object(data)
    }

    /// The field that a path in the data means. The reader counts the rows that were filled in, the form all of them; what
    /// a whole object lacks is told at its first field.
    pub fn field_at(&self, path: &str) -> String {
        let in_its_row = || {
            let (number, rest) = path.strip_prefix("vat[")?.split_once(']')?;
            let row = self.rows.get(number.parse::<usize>().ok()?)?;
            Some(format!("vat[{row}]{rest}"))
        };
        match path {
            "supplier" | "recipient" => format!("{path}.siret"),
            "validator" => "validator.structure".to_owned(),
            "totals" => "totals.without_tax".to_owned(),
            "vat" => in_row(0, "rate"),
            path => in_its_row().unwrap_or_else(|| path.to_owned()),
        }
    }
}

/// As the reader takes it; what cannot be read is left for it to refuse.
fn plain(typed: &str, entry: Entry, in_euros: bool) -> String {
    let number = |read: Typed| match read {
        Typed::Plain(number) => number,
        // With a comma no reader takes it.
        Typed::Ambiguous { .. } => typed.replace('.', ","),
        Typed::Unreadable => typed.to_owned(),
    };
    match entry {
        Entry::Digits => typed.chars().filter(|c| !c.is_whitespace()).collect(),
        Entry::Amount => number(typed_amount::amount(typed, in_euros)),
        Entry::Rate => number(typed_amount::rate(typed)),
        Entry::Currency if typed == "€" => "EUR".to_owned(),
        Entry::Currency => typed.to_ascii_uppercase(),
        Entry::Text | Entry::Day | Entry::Choice(_) | Entry::Long => typed.to_owned(),
    }
}
