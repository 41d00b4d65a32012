//! What a pivot's VAT becomes in UBL: the category, which a pivot has no place for, and a breakdown where it gives none.
//!
//! A rate above zero is the standard category. A rate of zero is what the pivot's own words say (reverse charge, exempt);
//! without a word it is a zero rate and no more, and that it was read so is told. A breakdown that is missing is the sum of
//! the lines, where it agrees with the totals to the cent.

use en16931::invoice::{Code, VatBreakdown};
use en16931::{InvoiceAmount, Percentage};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::fault::Text;
use crate::invoice::outline::Id;

use super::Conversion;
use super::draft::Hole;

/// Characters of the words that are passed on as a reason (BT-120: BR-FR-CPRO-29 bounds it).
const REASON_CHARACTERS: usize = 255;
/// What words mean for a rate of zero, in lower case, and the category.
const REASONS: [(&str, &str); 8] = [
    ("autoliquid", "AE"),
    ("auto-liquid", "AE"),
    ("reverse charge", "AE"),
    ("exonér", "E"),
    ("exoner", "E"),
    ("exempt", "E"),
    ("tva non applicable", "E"),
    ("293 b", "E"),
];
/// What no reading of ours is right for: such an invoice owes more than a category.
const FOREIGN: [&str; 3] = ["intracom", "intra-com", "export"];

/// Why a rate is zero.
pub(super) struct Zero {
    pub category: Code,
    pub reason: Option<String>,
}

impl Conversion<'_, '_> {
    /// The lines as the pivot has them.
    pub(super) fn line_ids(&self) -> Vec<Id> {
        let list = self.outline.find(self.unit, &["DonneesFacture", "Lignes"]);
        list.map(|id| self.outline.named(id, "Ligne").collect()).unwrap_or_default()
    }

    /// The VAT breakdown: the pivot's, else what its lines and totals say.
    pub(super) fn taxes(&mut self) -> Vec<VatBreakdown> {
        let list = self.outline.find(self.unit, &["DonneesFacture", "TVAs"]);
        let each: Vec<Id> = list.map(|id| self.outline.named(id, "TVA").collect()).unwrap_or_default();
        if each.is_empty() {
            return self.taxes_of_lines();
        }
        let mut taxes = Vec::new();
        for (place, id) in each.into_iter().enumerate() {
            let at = format!("TVA n° {}", place + 1);
            let rate = self.decimal(id, "Taux", &at);
            let figures = [("BaseHt", "cbc:TaxableAmount"), ("MontantTVA", "cbc:TaxAmount")];
            let [taxable_amount, tax_amount] = figures.map(|(name, element)| {
                let amount = self.amount_at(id, name, &at).filter(|_| rate.is_some());
                let written = self.outline.text_at(id, &[name]);
                let hole = Hole { within: ("cac:TaxSubtotal", taxes.len()), element, written };
                if rate.is_some() { self.or_hole(amount, InvoiceAmount::ZERO, hole) } else { None }
            });
            if let (Some(rate), Some(taxable_amount), Some(tax_amount)) = (rate, taxable_amount, tax_amount) {
                taxes.push(self.breakdown(rate, taxable_amount, tax_amount));
            }
        }
        taxes
    }

    fn breakdown(&mut self, rate: Decimal, taxable_amount: InvoiceAmount, tax_amount: InvoiceAmount) -> VatBreakdown {
        let zero = self.zero_at(rate);
        VatBreakdown {
            taxable_amount,
            tax_amount,
            category: self.category(rate),
            rate: Some(Percentage::new(rate.normalize())),
            exemption_reason: zero.then(|| self.zero().reason.clone()).flatten(),
            exemption_reason_code: None,
        }
    }

    /// Notes that a rate of zero was read, if this is one.
    fn zero_at(&mut self, rate: Decimal) -> bool {
        if rate.is_zero() && !self.zero_told {
            self.zero_told = true;
            self.tell_zero();
        }
        rate.is_zero()
    }

    /// BT-118 or BT-151 of a rate.
    pub(super) fn category(&self, rate: Decimal) -> Code {
        if rate.is_zero() { self.zero().category.clone() } else { Code::new("S") }
    }

    /// What is said of a rate of zero: how it was read, or that it cannot be.
    fn tell_zero(&mut self) {
        let words = self.words();
        if let Some(word) = words.iter().find(|word| holds(word, &FOREIGN)) {
            self.lacks(
                &format!("ce qu'UBL demande d'une livraison hors de France (« {word} », taux zéro)"),
                &format!("what UBL demands of a supply abroad (\"{word}\", a rate of zero)"),
            );
            return;
        }
        let kinds = |category: &str| words.iter().any(|word| kind_of(word) == Some(category));
        if kinds("AE") && kinds("E") {
            self.lacks(
                "lequel des taux zéro est une autoliquidation et lequel une exonération",
                "which rate of zero is a reverse charge and which an exemption",
            );
            return;
        }
        let Zero { category, reason } = self.zero();
        let (category, reason) = (category.as_str().to_owned(), reason.clone().unwrap_or_default());
        self.readings.push(match category.as_str() {
            "AE" => Text::new(
                format!("taux zéro : autoliquidation (AE), d'après « {reason} »"),
                format!("rate of zero: reverse charge (AE), by \"{reason}\""),
            ),
            "E" => Text::new(
                format!("taux zéro : exonération (E), d'après « {reason} »"),
                format!("rate of zero: exempt (E), by \"{reason}\""),
            ),
            _ => Text::new(
                "taux zéro sans motif (Z) : le pivot ne dit ni exonération ni autoliquidation",
                "rate of zero without a reason (Z): the pivot tells neither an exemption nor a reverse charge",
            ),
        });
    }

    /// Why rates of zero are zero, as the pivot's own words say it: looked for once, and every line asks.
    pub(super) fn zero(&self) -> &Zero {
        self.zero.get_or_init(|| {
            let said = self.words().into_iter().find_map(|word| Some((kind_of(&word)?, word)));
            match said {
                Some((category, word)) => {
                    let reason = word.chars().take(REASON_CHARACTERS).collect();
                    Zero { category: Code::new(category), reason: Some(reason) }
                }
                None => Zero { category: Code::new("Z"), reason: None },
            }
        })
    }

    /// The pivot's free texts, where a reason may stand: of its lines, and of the means of payment.
    fn words(&self) -> Vec<String> {
        let lines = self.line_ids().into_iter().filter_map(|id| self.outline.text_at(id, &["ReferenceProduit"]));
        lines.chain(self.text(&["DonneesFacture", "ModePaiement", "Libelle"])).collect()
    }

    /// The breakdown that the lines sum up to, where each gives its rate; none is due where nothing is charged.
    fn taxes_of_lines(&mut self) -> Vec<VatBreakdown> {
        let total = |name: &str| {
            let text = self.text(&["DonneesFacture", "Montants", name])?;
            text.parse::<Decimal>().ok()
        };
        let (net, gross) = (total("MontantHT"), total("MontantTTC"));
        let mut sums: Vec<(Decimal, Decimal)> = Vec::new();
        let mut whole = true;
        for id in self.line_ids() {
            let number = |name: &str| self.outline.text_at(id, &[name])?.parse::<Decimal>().ok();
            let (Some(rate), Some(amount)) = (number("TauxTVA"), number("MontantHT")) else {
                whole = false;
                continue;
            };
            match sums.iter_mut().find(|(known, _)| *known == rate) {
                Some((_, sum)) => *sum = sum.saturating_add(amount),
                None => sums.push((rate, amount)),
            }
        }
        // Without any rate: what is charged without tax is charged at zero.
        if sums.is_empty() && net.is_some() && net == gross {
            sums = net.map(|net| (Decimal::ZERO, net)).into_iter().collect();
            whole = true;
        }
        let taxed = sums.iter().map(|(rate, sum)| (*rate, *sum, tax_of(*rate, *sum)));
        let taxed: Option<Vec<_>> = taxed.map(|(rate, sum, tax)| Some((rate, sum, tax?))).collect();
        let (Some(taxed), true, false) = (taxed, whole, sums.is_empty()) else {
            self.lacks("DonneesFacture/TVAs (la ventilation de la TVA)", "DonneesFacture/TVAs (the VAT breakdown)");
            return Vec::new();
        };
        let tax = taxed.iter().fold(Decimal::ZERO, |sum, (.., tax)| sum.saturating_add(*tax));
        if let (Some(net), Some(gross)) = (net, gross)
            && net.saturating_add(tax) != gross
        {
            let told = gross.saturating_sub(net);
            self.lacks(
                &format!("DonneesFacture/TVAs : d'après ses lignes la TVA fait {tax:.2}, d'après ses montants {told}"),
                &format!("DonneesFacture/TVAs: by its lines the VAT is {tax:.2}, by its totals {told}"),
            );
            return Vec::new();
        }
        self.readings.push(Text::new(
            "TVA ventilée d'après les lignes et les montants",
            "VAT broken down by the lines and the totals",
        ));
        let exact = |value: Decimal| InvoiceAmount::from_decimal_exact(value.normalize()).ok();
        let all: Vec<_> = taxed.into_iter().map(|(rate, sum, tax)| Some((rate, exact(sum)?, exact(tax)?))).collect();
        // A line that is not to the cent is named where the lines are read.
        all.into_iter().flatten().map(|(rate, sum, tax)| self.breakdown(rate, sum, tax)).collect()
    }
}

/// The tax to the cent.
fn tax_of(rate: Decimal, sum: Decimal) -> Option<Decimal> {
    let tax = sum.checked_mul(rate)?.checked_div(Decimal::ONE_HUNDRED)?;
    Some(tax.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero))
}

fn holds(word: &str, needles: &[&str]) -> bool {
    let word = word.to_lowercase();
    needles.iter().any(|needle| word.contains(needle))
}

fn kind_of(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    REASONS.iter().find(|(needle, _)| word.contains(needle)).map(|(_, category)| *category)
}
