//! The nine VAT categories have ten rules each, which read alike (EN 16931-1 §6.4.3): their words are made, not listed.

use crate::fault::Text;

/// What tells a category's rules from another's. Texts are French, then English.
struct Category {
    /// As in `BR-S-08`.
    family: &'static str,
    name: [&'static str; 2],
    /// Which tax numbers must be there: rules 02 to 04.
    numbers: [&'static str; 2],
    /// What the rate must be: rules 05 to 07.
    rate: [&'static str; 2],
    /// Whether the tax is computed from the base, or is zero: rule 09.
    taxed: bool,
    /// Whether the breakdown must say why there is no tax, or must not: rule 10.
    reason: bool,
}

const ANY_NUMBER: [&str; 2] = ["celui du vendeur (BT-31, BT-32 ou BT-63)", "the seller's (BT-31, BT-32 or BT-63)"];
const ABOVE_ZERO: [&str; 2] = ["supérieur à zéro", "above zero"];
const ZERO: [&str; 2] = ["zéro", "zero"];
const ZERO_OR_MORE: [&str; 2] = ["zéro ou plus", "zero or more"];

const CATEGORIES: &[Category] = &[
    Category {
        family: "S",
        name: ["taux normal (S)", "standard rate (S)"],
        numbers: ANY_NUMBER,
        rate: ABOVE_ZERO,
        taxed: true,
        reason: false,
    },
    Category {
        family: "Z",
        name: ["taux zéro (Z)", "zero rate (Z)"],
        numbers: ANY_NUMBER,
        rate: ZERO,
        taxed: false,
        reason: false,
    },
    Category {
        family: "E",
        name: ["exonération (E)", "exempt (E)"],
        numbers: ANY_NUMBER,
        rate: ZERO,
        taxed: false,
        reason: true,
    },
    Category {
        family: "AE",
        name: ["autoliquidation (AE)", "reverse charge (AE)"],
        numbers: [
            "celui du vendeur (BT-31, BT-32 ou BT-63) et celui de l'acheteur (BT-48 ou BT-47)",
            "the seller's (BT-31, BT-32 or BT-63) and the buyer's (BT-48 or BT-47)",
        ],
        rate: ZERO,
        taxed: false,
        reason: true,
    },
    Category {
        family: "IC",
        name: ["livraison intracommunautaire (K)", "intra-community supply (K)"],
        numbers: [
            "le numéro de TVA du vendeur (BT-31 ou BT-63) et celui de l'acheteur (BT-48)",
            "the seller's VAT number (BT-31 or BT-63) and the buyer's (BT-48)",
        ],
        rate: ZERO,
        taxed: false,
        reason: true,
    },
    Category {
        family: "G",
        name: ["exportation (G)", "export (G)"],
        numbers: ["le numéro de TVA du vendeur (BT-31 ou BT-63)", "the seller's VAT number (BT-31 or BT-63)"],
        rate: ZERO,
        taxed: false,
        reason: true,
    },
    Category {
        family: "O",
        name: ["hors champ de la TVA (O)", "outside VAT (O)"],
        numbers: ["aucun (ni BT-31, ni BT-48, ni BT-63)", "none (neither BT-31 nor BT-48 nor BT-63)"],
        rate: ["absent", "absent"],
        taxed: false,
        reason: true,
    },
    Category {
        family: "AF",
        name: ["Canaries, IGIC (L)", "Canary Islands, IGIC (L)"],
        numbers: ANY_NUMBER,
        rate: ZERO_OR_MORE,
        taxed: true,
        reason: false,
    },
    Category {
        family: "AG",
        name: ["Ceuta et Melilla, IPSI (M)", "Ceuta and Melilla, IPSI (M)"],
        numbers: ANY_NUMBER,
        rate: ZERO_OR_MORE,
        taxed: true,
        reason: false,
    },
];

/// The rules that have words here.
pub fn rules() -> impl Iterator<Item = String> {
    let numbers = || (1..=10).map(|number| format!("{number:02}"));
    CATEGORIES.iter().flat_map(move |category| numbers().map(move |number| format!("BR-{}-{number}", category.family)))
}

/// Message and remedy of a category's rule; `None` when `rule` is none of the ten of a category.
pub fn words(rule: &str) -> Option<(Text, Text)> {
    let (family, number) = rule.strip_prefix("BR-")?.split_once('-')?;
    let category = CATEGORIES.iter().find(|c| c.family == family)?;
    let ([fr, en], remedy) = match number {
        "01" => (
            breakdown(),
            [
                "Donnez à cette catégorie son groupe dans la ventilation, un seul par taux.",
                "Give this category its group in the breakdown, one only for each rate.",
            ],
        ),
        "02" => (numbers(category, ["pour une ligne", "for a line"]), numbers_remedy(category)),
        "03" => (
            numbers(category, ["pour une remise de pied de facture", "for a document allowance"]),
            numbers_remedy(category),
        ),
        "04" => (
            numbers(category, ["pour des frais de pied de facture", "for a document charge"]),
            numbers_remedy(category),
        ),
        "05" => (rate(category, ["d'une ligne (BT-152)", "of a line (BT-152)"]), RATE_REMEDY),
        "06" => (rate(category, ["d'une remise (BT-96)", "of an allowance (BT-96)"]), RATE_REMEDY),
        "07" => (rate(category, ["de frais (BT-103)", "of a charge (BT-103)"]), RATE_REMEDY),
        "08" => (
            base(),
            [
                "Recalculez cette base, ou corrigez la catégorie ou le taux de la ligne concernée.",
                "Compute this base again, or correct the category or the rate of the line concerned.",
            ],
        ),
        "09" => (
            tax(category),
            [
                "Recalculez ce montant de TVA, ou corrigez la catégorie.",
                "Compute this VAT amount again, or correct the category.",
            ],
        ),
        "10" => (reason(category), reason_remedy(category)),
        _ => return None,
    };
    let message = Text::new(format!("TVA, {} : {fr}.", category.name[0]), format!("VAT, {}: {en}.", category.name[1]));
    Some((message, Text::new(remedy[0], remedy[1])))
}

const RATE_REMEDY: [&str; 2] = ["Corrigez ce taux, ou la catégorie de TVA.", "Correct this rate, or the VAT category."];

fn breakdown() -> [String; 2] {
    [
        "la ventilation (BG-23) n'a pas de groupe pour cette catégorie, ou en a trop".to_owned(),
        "the breakdown (BG-23) has no group for this category, or too many".to_owned(),
    ]
}

fn numbers(category: &Category, [fr, en]: [&str; 2]) -> [String; 2] {
    let [numbers_fr, numbers_en] = category.numbers;
    [
        format!("{fr}, les numéros de TVA ou fiscaux doivent être : {numbers_fr}"),
        format!("{en}, the VAT or tax numbers must be: {numbers_en}"),
    ]
}

fn numbers_remedy(category: &Category) -> [&'static str; 2] {
    if category.family == "O" {
        ["Retirez ces numéros, ou corrigez la catégorie de TVA.", "Remove these numbers, or correct the VAT category."]
    } else {
        [
            "Ajoutez le numéro qui manque, ou corrigez la catégorie de TVA.",
            "Add the number that is missing, or correct the VAT category.",
        ]
    }
}

fn rate(category: &Category, [fr, en]: [&str; 2]) -> [String; 2] {
    let [rate_fr, rate_en] = category.rate;
    [format!("le taux {fr} doit être {rate_fr}"), format!("the rate {en} must be {rate_en}")]
}

fn base() -> [String; 2] {
    [
        "la base (BT-116) n'est pas la somme des lignes et frais, moins les remises, de cette catégorie et de ce taux"
            .to_owned(),
        "the base (BT-116) is not the sum of lines and charges, less allowances, of this category and rate".to_owned(),
    ]
}

fn tax(category: &Category) -> [String; 2] {
    let [fr, en] = if category.taxed {
        ["la base (BT-116) multipliée par le taux (BT-119)", "the base (BT-116) times the rate (BT-119)"]
    } else {
        ZERO
    };
    [format!("le montant de TVA (BT-117) n'est pas {fr}"), format!("the VAT amount (BT-117) is not {en}")]
}

fn reason(category: &Category) -> [String; 2] {
    let [fr, en] = if category.reason {
        ["le motif d'exonération manque", "the exemption reason is missing"]
    } else {
        [
            "un motif d'exonération est écrit, alors qu'il n'y en a pas",
            "an exemption reason is written where there is none",
        ]
    };
    [format!("{fr} (BT-120, BT-121)"), format!("{en} (BT-120, BT-121)")]
}

fn reason_remedy(category: &Category) -> [&'static str; 2] {
    if category.reason {
        [
            "Écrivez le motif d'exonération, par exemple l'article du code général des impôts.",
            "Write the exemption reason, for example the article of the tax code.",
        ]
    } else {
        [
            "Retirez le motif d'exonération, ou corrigez la catégorie de TVA.",
            "Remove the exemption reason, or correct the VAT category.",
        ]
    }
}
