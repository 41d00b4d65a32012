//! The tables as a file: what a person starts from.

use std::fmt::Write as _;

use super::reading::FORM;
use super::{BLOCKING, Data, LIMITS, LISTS};
use crate::invoice::texts;

/// Where a line of codes is broken.
const WIDTH: usize = 110;

const HEAD: &str = "\
# Tables de Fluxgate : listes de codes, taux, limites, sévérités, ce qui bloque, messages.
# Tables of Fluxgate: code lists, rates, limits, severities, what blocks, messages.
#
# Ce qui manque ici garde la valeur du programme. Une table changée a une version plus récente que celle du programme.
# What is left out keeps the program's value. Changed tables have a newer version than the program's.
#
#   fluxgate tables print > tables.toml
#   fluxgate tables sign tables.toml --key KEYFILE -o tables.signed

";

pub(super) fn print(data: &Data) -> String {
    let mut page = HEAD.to_owned();
    let _ = writeln!(page, "form = {FORM}\nversion = {}", quoted(&data.version));
    for section in ["lists", "rates"] {
        let _ = writeln!(page, "\n[{section}]");
        for (named, list) in LISTS.iter().zip(&data.lists).filter(|(named, _)| named.section() == section) {
            let _ = write!(page, "# {}\n{} = ", named.rules, named.key());
            codes(&mut page, list.codes());
        }
    }
    page.push_str("\n[limits]\n");
    for (named, value) in LIMITS.iter().zip(&data.limits) {
        let _ = writeln!(page, "# {}\n{} = {value}", named.about, named.key());
    }
    page.push_str(
        "\n# La sévérité d'une règle, là où elle n'est pas celle du programme : \"fatal\" ou \"warning\".\n\
         # A rule's severity where it is not the program's: \"fatal\" or \"warning\".\n\
         [severities]\n",
    );
    for (rule, severity) in &data.severities {
        let _ = writeln!(page, "{} = {}", quoted(rule), quoted(severity.as_str()));
    }
    page.push_str(
        "\n# Les règles qui refusent une facture, par profil, quand leur sévérité est \"fatal\" ; les autres avertissent.\n\
         # The rules that refuse an invoice, by profile, where their severity is \"fatal\"; the others warn.\n\
         [blocking]\n",
    );
    for ((profile, _), patterns) in BLOCKING.iter().zip(&data.blocking) {
        let _ = write!(page, "{profile} = ");
        codes(&mut page, patterns.iter().map(String::as_str));
    }
    page.push_str(
        "\n# Une clé finissant par * vaut pour toutes les règles qui commencent ainsi.\n\
         # A key that ends with * stands for all rules that begin so.\n",
    );
    for (rule, built_in) in texts::templates() {
        let words = data.messages.get(&rule).unwrap_or(&built_in);
        message(&mut page, &rule, words);
    }
    // Of a single rule among those that a row stands for.
    for (rule, words) in &data.messages {
        if texts::templates().all(|(known, _)| known != *rule) {
            message(&mut page, rule, words);
        }
    }
    page
}

fn message(page: &mut String, rule: &str, words: &[String; 4]) {
    let _ = writeln!(page, "\n[messages.{}]", quoted(rule));
    for (key, text) in texts::TEMPLATE_KEYS.iter().zip(words) {
        let _ = writeln!(page, "{key} = {}", quoted(text));
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn codes<'c>(page: &mut String, codes: impl Iterator<Item = &'c str>) {
    page.push_str("[\n");
    let mut line = String::from("   ");
    for code in codes {
        let code = quoted(code);
        if line.chars().count() + code.chars().count() + 2 > WIDTH {
            page.push_str(&line);
            page.push('\n');
            line = String::from("   ");
        }
        let _ = write!(line, " {code},");
    }
    page.push_str(&line);
    page.push_str("\n]\n");
}
