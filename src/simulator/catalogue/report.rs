//! The report for people, as text; `fluxgate simulate --catalogue`.

use std::fmt::Write;

use super::{ALL, CatalogueReport, Standing};

/// The list of scenarios: what to make a client do, and what is expected of it. French: its readers are.
pub fn list() -> String {
    let mut text = String::from(
        "Catalogue de tests d'un raccordement à Chorus Pro. « fluxgate simulate --catalogue run » le joue.\n",
    );
    for entry in ALL {
        let weight = if entry.required { "" } else { " (facultatif)" };
        let _ = write!(
            text,
            "\n{}{weight}\n  {}\n  À faire : {}\n  Attendu : {}\n",
            entry.id, entry.title.0, entry.play.0, entry.expected.0
        );
    }
    text
}

impl Standing {
    /// One word of each language.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Standing::Passed => ("réussi", "passed"),
            Standing::Failed => ("échoué", "failed"),
            Standing::Waiting => ("en cours", "begun"),
            Standing::NotPlayed => ("non joué", "not played"),
        }
    }
}

impl CatalogueReport {
    /// The report as text.
    pub fn text(&self) -> String {
        let mut text = format!("Catalogue de tests, {}\n\n", self.at.paris_text());
        for one in &self.scenarios {
            let weight = if one.required { "" } else { " (facultatif)" };
            let _ = writeln!(text, "{:9} {}{weight} : {}", one.standing.words().0, one.id, one.title.fr);
            if one.standing != Standing::Passed {
                let _ = writeln!(text, "          attendu : {}", one.expected.fr);
            }
            let _ = writeln!(text, "          constaté : {}", one.seen.fr);
        }
        let count = |standing| self.scenarios.iter().filter(|one| one.standing == standing).count();
        let _ = writeln!(
            text,
            "\n{} : {} réussis, {} échoués, {} en cours, {} non joués",
            if self.passed { "RÉUSSI" } else { "NON RÉUSSI" },
            count(Standing::Passed),
            count(Standing::Failed),
            count(Standing::Waiting),
            count(Standing::NotPlayed),
        );
        text
    }
}
