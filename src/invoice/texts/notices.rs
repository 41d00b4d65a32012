//! The legal notices that the reform wants among the notes, each once (BR-FR-05, BR-FR-06): their words are made.

use crate::fault::Text;

/// A notice.
struct Notice {
    subject: &'static str,
    name: [&'static str; 2],
    /// Its rules, in UBL and CII: that it is there, and that it is there once.
    missing: Option<[&'static str; 2]>,
    several: [&'static str; 2],
}

const NOTICES: [Notice; 4] = [
    Notice {
        subject: "PMT",
        name: ["les frais de recouvrement", "recovery costs"],
        missing: Some(["BR-FR-05_BT-22-1", "BR-FR-05_BT-22_PMT"]),
        several: ["BR-FR-06_BT-21-1", "BR-FR-06_BT-21_PMT"],
    },
    Notice {
        subject: "PMD",
        name: ["les pénalités de retard", "late payment penalties"],
        missing: Some(["BR-FR-05_BT-22-2", "BR-FR-05_BT-22_PMD"]),
        several: ["BR-FR-06_BT-21-2", "BR-FR-06_BT-21_PMD"],
    },
    Notice {
        subject: "AAB",
        name: ["l'escompte", "the discount for early payment"],
        missing: Some(["BR-FR-05_BT-22-3", "BR-FR-05_BT-22_AAB"]),
        several: ["BR-FR-06_BT-21-3", "BR-FR-06_BT-21_AAB"],
    },
    Notice {
        subject: "TXD",
        name: ["l'assujetti unique", "the VAT group"],
        missing: None,
        several: ["BR-FR-06_BT-21-4", "BR-FR-06_BT-21_TXD"],
    },
];

/// The rules that have words here.
pub fn rules() -> impl Iterator<Item = String> {
    NOTICES.iter().flat_map(|n| n.missing.into_iter().flatten().chain(n.several)).map(str::to_owned)
}

/// Message and remedy of such a rule; `None` when it has none here.
pub fn words(rule: &str) -> Option<(Text, Text)> {
    for Notice { subject, name: [fr, en], missing, several } in &NOTICES {
        if missing.is_some_and(|rules| rules.contains(&rule)) {
            return Some((
                Text::new(
                    format!("La mention légale sur {fr} ({subject}) manque dans les notes (BT-22)."),
                    format!("The legal notice about {en} ({subject}) is missing among the notes (BT-22)."),
                ),
                Text::new(
                    format!("Ajoutez cette note : en UBL « #{subject}#... », en CII une note de code sujet {subject}."),
                    format!("Add this note: in UBL \"#{subject}#...\", in CII a note of subject code {subject}."),
                ),
            ));
        }
        if several.contains(&rule) {
            return Some((
                Text::new(
                    format!("La mention légale sur {fr} ({subject}) se trouve plus d'une fois dans les notes (BT-21)."),
                    format!("The legal notice about {en} ({subject}) stands more than once among the notes (BT-21)."),
                ),
                Text::new(
                    format!("Ne laissez qu'une note de code sujet {subject}."),
                    format!("Leave only one note of subject code {subject}."),
                ),
            ));
        }
    }
    None
}
