//! What is wrong in a plain PDF's form, at which field, in the words of its labels: of JSON nobody has heard there.

use rust_decimal::Decimal;

use crate::fault::{Fault, Language};
use crate::invoice::Finding;
use crate::invoice::pdf_data::{DataProblem, Expected};
use crate::web::pdf_form_fields::Entered;
use crate::web::typed_amount::{self, Typed};
use crate::web::words::Tongue;

/// Something that is to be corrected.
pub struct Wrong {
    /// The field it stands at; `None`: it is about the whole.
    pub field: Option<String>,
    pub said: String,
}

/// What the reader found wrong.
pub fn of_problem(t: Tongue, entered: &Entered, problem: &DataProblem) -> Wrong {
    let field = entered.field_at(&problem.path);
    let typed = entered.typed.get(&field).map_or("", String::as_str);
    let said = match missing(t, &field, &problem.expected).filter(|_| typed.is_empty()) {
        Some(said) => said,
        None => instead(t, typed, &problem.expected),
    };
    Wrong { field: Some(field), said: t.typeset(&said) }
}

/// What the recipient demands. The rule's number is for whoever asks for help; the business terms say nothing here.
pub fn of_finding(t: Tongue, finding: &Finding) -> Wrong {
    let field = finding.place.split(", ").next().filter(|place| !place.is_empty()).map(str::to_owned);
    let said = format!("{} {} ({})", without_terms(&finding.message), without_terms(&finding.remedy), finding.rule);
    Wrong { field, said: t.typeset(&said) }
}

/// Why the store did not take the data: it knows the invoice's number already.
pub fn of_fault(t: Tongue, fault: &Fault) -> Wrong {
    let said = format!("{} {}. {}", fault.code, fault.title(t.0), fault.remedy(t.0));
    Wrong { field: Some("number".to_owned()), said: t.typeset(&said) }
}

/// An amount as the form's examples write it.
fn amount(t: Tongue, amount: &Decimal) -> String {
    t.amount(&amount.to_string())
}

/// What is said of a field that is empty.
fn missing(t: Tongue, field: &str, expected: &Expected) -> Option<String> {
    let (fr, en) = match (expected, field) {
        (Expected::Number(_), _) => {
            ("le numéro de la facture, tel que sur le PDF", "the invoice’s number, as on the PDF")
        }
        (Expected::Day, _) => ("la date de la facture", "the invoice’s date"),
        (Expected::Currency, _) => (
            "le code de la devise en trois lettres, EUR pour l’euro",
            "the currency’s code of three letters, EUR for the euro",
        ),
        (Expected::Siret | Expected::Object(_), _) => ("les 14 chiffres du SIRET", "the 14 digits of the SIRET"),
        (Expected::Text(_), "exemption") => {
            ("le régime « Exonération » demande le code de son motif", "kind “Exempt” needs the code of its reason")
        }
        (Expected::Text(_), "totals.discount_reason") => {
            ("une remise demande son motif", "a discount needs its reason")
        }
        (Expected::Amount, "totals.tax") => (
            "le total de la TVA, tel que 1 234,56, ou 0 s’il n’y en a pas",
            "the total tax, such as 1234.56, or 0 where there is none",
        ),
        (Expected::Amount, _) => ("un montant, tel que 1 234,56", "an amount, such as 1234.56"),
        (Expected::Rate, _) => (
            "le taux de TVA en pour cent, tel que 20 ou 5,5 (0 pour ce qui n’est pas taxé)",
            "the rate of VAT in percent, such as 20 or 5.5 (0 for what is not taxed)",
        ),
        (Expected::Rates, _) => (
            "une ligne pour chaque taux de TVA de la facture, avec sa base et sa TVA",
            "a row for each rate of VAT of the invoice, with its base and its tax",
        ),
        _ => return None,
    };
    Some(format!("{}{}.", t.say("À remplir : ", "To be filled in: "), t.say(fr, en)))
}

/// What is said of what was typed.
fn instead(t: Tongue, typed: &str, expected: &Expected) -> String {
    let count = typed.chars().count();
    let (fr, en) = match expected {
        Expected::Siret => return siret_problem(t, typed),
        Expected::Amount => return unread_amount(t, typed),
        Expected::Number(most) => (
            format!(
                "{most} caractères au plus : lettres sans accent, chiffres, espace et - _ / +. Rien d’autre ne passe chez Chorus Pro."
            ),
            format!(
                "At most {most} characters: letters without accents, digits, space and - _ / +. Chorus Pro takes nothing else."
            ),
        ),
        Expected::Text(most) if count > *most => (
            format!("{most} caractères au plus ; il y en a {count}."),
            format!("At most {most} characters; these are {count}."),
        ),
        Expected::Rate => (
            format!("« {typed} » n’est pas un taux de TVA : écrivez un pourcentage de 0 à 100, tel que 20 ou 5,5."),
            format!("“{typed}” is no rate of VAT: write a percentage from 0 to 100, such as 20 or 5.5."),
        ),
        Expected::Percent(percent) => {
            let percent = amount(t, percent);
            (
                format!(
                    "Le taux s’écrit en pour cent : {percent} et non {typed}, puisque la TVA de cette ligne fait {percent} % de sa base."
                ),
                format!(
                    "The rate is written in percent: {percent} and not {typed}, since this row’s tax is {percent} % of its base."
                ),
            )
        }
        Expected::Sum(sum) => {
            let sum = amount(t, sum);
            (
                format!("Total HT et Total TVA font ensemble {sum} : corrigez celui des trois qui diffère du PDF."),
                format!(
                    "Total without tax and Total tax are {sum} together: correct whichever of the three differs from the PDF."
                ),
            )
        }
        Expected::SumOfTax(sum) => {
            let sum = amount(t, sum);
            (
                format!("Les TVA par taux, plus bas, font {sum} en tout : corrigez ce qui diffère du PDF."),
                format!("The tax of all rates, below, is {sum}: correct what differs from the PDF."),
            )
        }
        other => return always(t, other).to_owned(),
    };
    match t.0 {
        Language::Fr => fr,
        Language::En => en,
    }
}

/// What is said whatever was typed.
fn always(t: Tongue, expected: &Expected) -> &'static str {
    let (fr, en) = match expected {
        Expected::EarlierNumber => (
            "Le numéro d’une seule facture, de 100 caractères au plus.",
            "The number of one invoice, at most 100 characters.",
        ),
        Expected::Day => ("Ce n’est pas une date : choisissez un jour.", "This is no date: choose a day."),
        Expected::Currency => (
            "Le code de la devise a trois lettres : EUR pour l’euro.",
            "A currency’s code has three letters: EUR for the euro.",
        ),
        Expected::SiretCheckDigit => (
            "Ce SIRET n’existe pas, sa clé est fausse : relisez-le sur le PDF.",
            "This SIRET does not exist, its check digit is wrong: read it again on the PDF.",
        ),
        Expected::Text(_) => (
            "Un caractère invisible s’y trouve, que Chorus Pro refuse : retapez ce texte.",
            "There is an invisible character in it that Chorus Pro refuses: type this text again.",
        ),
        Expected::Integer => ("Un numéro, en chiffres seulement.", "A number, digits only."),
        Expected::Word(_) => ("Choisissez dans la liste.", "Choose from the list."),
        Expected::NoValidator => (
            "Laissez vides le SIRET et le service du valideur : seuls les cadres A9 et A12 en ont un.",
            "Leave the validator’s SIRET and service empty: only frames A9 and A12 have one.",
        ),
        Expected::NoExemption => (
            "Laissez vide : seul le régime « Exonération » a un motif.",
            "Leave it empty: only kind “Exempt” has a reason.",
        ),
        Expected::NoTax => (
            "Le régime de TVA choisi est sans TVA : mettez 0, ou choisissez un autre régime.",
            "The VAT kind that was chosen has no tax: put 0, or choose another kind.",
        ),
        // What the form cannot get wrong, or what is said where its values are at hand.
        Expected::Siret
        | Expected::Amount
        | Expected::Number(_)
        | Expected::Rate
        | Expected::Percent(_)
        | Expected::Sum(_)
        | Expected::SumOfTax(_)
        | Expected::Rates
        | Expected::Bytes(_)
        | Expected::Json(_)
        | Expected::Object(_)
        | Expected::OneOfKeys(_)
        | Expected::Items(_)
        | Expected::Hash
        | Expected::OfFiles(_) => ("Relisez cette valeur sur le PDF.", "Read this value again on the PDF."),
    };
    t.say(fr, en)
}

/// What keeps a text from being a SIRET.
pub fn siret_problem(t: Tongue, typed: &str) -> String {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let count = digits.chars().count();
    match (digits.bytes().all(|b| b.is_ascii_digit()), t.0) {
        (true, Language::Fr) => format!("Un SIRET a 14 chiffres ; celui-ci en a {count}."),
        (true, Language::En) => format!("A SIRET has 14 digits; this one has {count}."),
        (false, Language::Fr) => "Un SIRET est fait de 14 chiffres, sans lettre ni signe.".to_owned(),
        (false, Language::En) => "A SIRET is made of 14 digits, without letters or signs.".to_owned(),
    }
}

fn unread_amount(t: Tongue, typed: &str) -> String {
    if let Typed::Ambiguous { whole, decimals } = typed_amount::amount(typed, true) {
        let comma = t.say(",", ".");
        return match t.0 {
            Language::Fr => {
                format!("« {typed} » a deux lectures : écrivez {whole}{decimals}, ou {whole}{comma}{decimals}0.")
            }
            Language::En => {
                format!("“{typed}” can be read in two ways: write {whole}{decimals}, or {whole}{comma}{decimals}0.")
            }
        };
    }
    match t.0 {
        Language::Fr => format!(
            "« {typed} » n’est pas un montant : écrivez-le en chiffres, tel que 1 234,56 (au plus 13 chiffres avant la virgule et 6 après, sans autre monnaie que la devise choisie)."
        ),
        Language::En => format!(
            "“{typed}” is no amount: write it in digits, such as 1234.56 (at most 13 digits before the point and 6 after, no other money than the currency chosen)."
        ),
    }
}

/// A sentence without the business terms that it names in brackets.
fn without_terms(text: &str) -> String {
    let mut left = String::new();
    let mut rest = text;
    while let Some((before, inside, after)) = bracketed(rest) {
        left.push_str(before);
        match inside.find("BT-").map(|at| inside[..at].trim_end_matches([' ', ','])) {
            None => left.push_str(&format!("({inside})")),
            Some(kept) if kept.is_empty() || inside.matches("BT-").count() > 1 => {
                left.truncate(left.trim_end().len());
            }
            Some(kept) => left.push_str(&format!("({kept})")),
        }
        rest = after;
    }
    left.push_str(rest);
    left
}

fn bracketed(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('(')?;
    let (inside, after) = rest.split_once(')')?;
    Some((before, inside, after))
}

#[cfg(test)]
mod tests {
    use super::without_terms;

    #[test]
    fn business_terms_are_left_out_of_sentences() {
        assert_eq!(without_terms("demandez-le et indiquez-le (BT-10)."), "demandez-le et indiquez-le.");
        assert_eq!(without_terms("(Nom) inactif (annuaire du 3, BT-46)."), "(Nom) inactif (annuaire du 3).");
        assert_eq!(without_terms("l'un (code service : BT-10 ; engagement : BT-13)."), "l'un.");
    }
}
