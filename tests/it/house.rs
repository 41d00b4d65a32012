//! Do the documents say what the program does?

use fluxgate::fault::{Actor, CATALOGUE, Language, Retry};

#[test]
fn the_manual_lists_every_fault() {
    let manual = include_str!("../../README.md");
    let table: String = CATALOGUE
        .iter()
        .map(|entry| {
            let who = match entry.actor {
                Actor::Supplier => "supplier",
                Actor::Establishment => "establishment",
                Actor::Chorus => "Chorus Pro",
                Actor::Network => "network",
                Actor::Appliance => "appliance",
            };
            let again = match entry.retry {
                Retry::Never => "never",
                Retry::Later => "by itself",
                Retry::AfterAction => "after the remedy",
            };
            format!(
                "| {} | {who} | {again} | {} | {} |\n",
                entry.text,
                entry.title(Language::En),
                entry.remedy(Language::En)
            )
        })
        .collect();
    assert!(manual.contains(&table), "README.md, \"Faults\", must hold exactly:\n{table}");
}
