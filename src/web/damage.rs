//! What a verification of the journal found wrong, for an auditor: what it is, where, and what it means.
//!
//! The names of the records, columns and checkpoints stay as the database has them: whoever looks closer searches for them.

use crate::fault::Text;
use crate::store::verify::{Bad, Which, Wrong};

/// One sentence or two; the record is named first.
pub fn told(bad: &Bad) -> Text {
    let Text { fr, en } = wrong(&bad.wrong);
    match bad.seq {
        Some(seq) => Text::new(format!("Enregistrement n° {seq} : {fr}"), format!("Record {seq}: {en}")),
        None => Text::new(capital(&fr), capital(&en)),
    }
}

/// What it means for who must judge, and what to do next.
pub fn meaning(bad: &Bad) -> Text {
    let (fr, en) = match kind(&bad.wrong) {
        Kind::Journal => (
            "Ce qui précède est intact ; ce qui suit n'a pas été examiné. Le journal a été modifié hors de Fluxgate, ou le disque est endommagé : gardez une copie du dossier tel quel et comparez-le à une sauvegarde.",
            "What stands before is whole; what stands behind was not looked at. The journal was changed outside Fluxgate, or the disk is damaged: keep a copy of the folder as it is and compare it with a backup.",
        ),
        Kind::Signature => (
            "Les enregistrements peuvent être justes, mais rien ne le prouve plus depuis le dernier point de contrôle valable. Vérifiez avec la clé publique reçue à part (--key) et avec un point de contrôle gardé ailleurs (--seen).",
            "The records may be right, but nothing proves it any more since the last checkpoint that holds. Verify with the public key you were given apart (--key) and with a checkpoint kept elsewhere (--seen).",
        ),
        Kind::Rows => (
            "Le journal lui-même est intact ; ce que la page montre a été changé à côté de lui. C'est le journal qui fait foi.",
            "The journal itself is whole; what the page shows was changed beside it. The journal is what counts.",
        ),
        Kind::Documents => (
            "Le journal est intact et donne l'empreinte du document d'origine : remettez ce document d'après une sauvegarde ou d'après son expéditeur, puis vérifiez de nouveau.",
            "The journal is whole and gives the hash of the original document: put it back from a backup or from its sender, then verify again.",
        ),
    };
    Text::new(fr, en)
}

enum Kind {
    Journal,
    Signature,
    Rows,
    Documents,
}

fn kind(wrong: &Wrong) -> Kind {
    match wrong {
        Wrong::CheckpointMissing(_)
        | Wrong::CheckpointsMissing { .. }
        | Wrong::CheckpointInvalid { .. }
        | Wrong::CheckpointColumns(_)
        | Wrong::Key(_) => Kind::Signature,
        Wrong::FlowMissing(_) | Wrong::FlowUnknown(_) | Wrong::Flow { .. } => Kind::Rows,
        Wrong::DocumentMissing(_) | Wrong::DocumentChanged(_) => Kind::Documents,
        _ => Kind::Journal,
    }
}

fn wrong(wrong: &Wrong) -> Text {
    records(wrong).or_else(|| checkpoints(wrong)).unwrap_or_else(|| rows(wrong))
}

fn records(wrong: &Wrong) -> Option<Text> {
    Some(match wrong {
        Wrong::LeafMissing => Text::new("il manque.", "it is missing."),
        Wrong::LeafChanged => Text::new(
            "son contenu a été changé : il n'a plus l'empreinte calculée quand il a été écrit.",
            "its content was changed: it no longer has the hash computed when it was written.",
        ),
        Wrong::LeafMalformed => Text::new(
            "son contenu n'est pas celui d'un enregistrement du journal.",
            "its content is not that of a record of the journal.",
        ),
        Wrong::LeafElsewhere { says } => Text::new(
            format!(
                "son contenu dit qu'il est le n° {says} : des enregistrements ont été ajoutés, retirés ou déplacés."
            ),
            format!("its content says that it is record {says}: records were inserted, removed or moved."),
        ),
        Wrong::EstablishmentCount { establishment, says, expected } => Text::new(
            format!(
                "il est compté {says} pour l'établissement {establishment}, où {expected} est attendu : un enregistrement de cet établissement manque ou est en trop."
            ),
            format!(
                "it counts as {says} of establishment {establishment}, where {expected} comes next: a record of this establishment is missing or one too many."
            ),
        ),
        Wrong::Column(column) => Text::new(
            format!("la colonne « {column} » de la base ne dit pas ce que dit son contenu scellé."),
            format!("the database's column \"{column}\" does not say what its sealed content says."),
        ),
        Wrong::Subtree { first, last } => Text::new(
            format!(
                "l'un des enregistrements {first} à {last} a été remplacé avec son empreinte : l'arbre calculé sur eux ne correspond plus."
            ),
            format!(
                "one of the records {first} to {last} was replaced together with its hash: the tree computed over them no longer fits."
            ),
        ),
        Wrong::SubtreeMissing { first, last } => Text::new(
            format!("la partie de l'arbre calculée sur les enregistrements {first} à {last} manque dans la base."),
            format!("the part of the tree computed over the records {first} to {last} is missing in the database."),
        ),
        Wrong::SubtreeBeyond => Text::new(
            "la base garde une partie d'arbre au-delà du dernier enregistrement : la fin du journal a pu être coupée.",
            "the database keeps a part of the tree beyond the last record: the journal's end may have been cut off.",
        ),
        Wrong::Commitment(field) => Text::new(
            format!("le nom gardé pour le champ « {field} » n'est pas celui qui a été scellé."),
            format!("the name kept for the field \"{field}\" is not the one that was sealed."),
        ),
        Wrong::CommitmentBeyond => Text::new(
            "un nom est gardé pour un enregistrement qui n'existe pas.",
            "a name is kept for a record that is not there.",
        ),
        Wrong::EndMissing { present, written } => Text::new(
            format!(
                "le journal a {present} enregistrements alors que {written} ont été écrits : sa fin a été coupée, ou des enregistrements ajoutés."
            ),
            format!(
                "the journal has {present} records and {written} were written: its end was cut off, or records were added."
            ),
        ),
        _ => return None,
    })
}

fn checkpoints(wrong: &Wrong) -> Option<Text> {
    Some(match wrong {
        Wrong::CheckpointMissing(n) => {
            Text::new(format!("le point de contrôle n° {n} manque."), format!("checkpoint {n} is missing."))
        }
        Wrong::CheckpointsMissing { present, written } => Text::new(
            format!(
                "la base a {present} points de contrôle alors que {written} ont été écrits : les derniers ont été retirés."
            ),
            format!("the database has {present} checkpoints and {written} were written: the last were removed."),
        ),
        Wrong::CheckpointInvalid { which, why } => {
            let name = named(*which);
            Text::technical(
                &format!("{} ne prouve rien : il n'est pas signé par la clé attendue, ou a été changé", name.fr),
                &format!("{} proves nothing: it is not signed by the key expected, or was changed", name.en),
                why,
            )
        }
        Wrong::CheckpointColumns(which) => {
            let name = named(*which);
            Text::new(
                format!("{} n'est pas ce que disent les colonnes de la base.", name.fr),
                format!("{} is not what the database's columns say.", name.en),
            )
        }
        Wrong::CheckpointBeyond { which, size, present } => {
            let name = named(*which);
            Text::new(
                format!(
                    "{} couvre {size} enregistrements, et il n'y en a que {present} : la fin du journal a été coupée.",
                    name.fr
                ),
                format!(
                    "{} covers {size} records, and there are only {present}: the journal's end was cut off.",
                    name.en
                ),
            )
        }
        Wrong::CheckpointRoot { which, first, last } => {
            let name = named(*which);
            Text::new(
                format!(
                    "{} n'a pas été signé pour ces enregistrements : l'un d'eux, de {first} à {last}, a été changé après la signature.",
                    name.fr
                ),
                format!(
                    "{} was not signed for these records: one of them, from {first} to {last}, was changed after it was signed.",
                    name.en
                ),
            )
        }
        Wrong::Key(key) => Text::new(
            format!("la base nomme une clé de signature que le journal ne connaît pas ({key})."),
            format!("the database names a signing key that the journal does not know ({key})."),
        ),
        _ => return None,
    })
}

fn rows(wrong: &Wrong) -> Text {
    match wrong {
        Wrong::FlowMissing(flow) => Text::new(
            format!("son flux {flow} n'est plus dans la base."),
            format!("its flow {flow} is no longer in the database."),
        ),
        Wrong::FlowUnknown(flow) => Text::new(
            format!("le flux {flow} est dans la base, mais le journal ne le connaît pas."),
            format!("flow {flow} is in the database, but the journal does not know it."),
        ),
        Wrong::Flow { flow, what, shown, journalled } => {
            let french = match *what {
                "state" => "l'état",
                "establishment" => "l'établissement",
                "environment" => "l'environnement",
                "deposit number" => "le numéro de dépôt",
                "document" => "l'empreinte du document",
                other => other,
            };
            Text::new(
                format!("pour {french} du flux {flow}, la base dit « {shown} » et le journal « {journalled} »."),
                format!(
                    "for the {what} of flow {flow}, the database says \"{shown}\" and the journal \"{journalled}\"."
                ),
            )
        }
        Wrong::DocumentMissing(hash) => Text::new(
            format!("le document d'empreinte SHA-256 {hash} manque."),
            format!("the document of SHA-256 {hash} is missing."),
        ),
        Wrong::DocumentChanged(hash) => Text::new(
            format!("le document d'empreinte SHA-256 {hash} a été changé : son contenu n'a plus cette empreinte."),
            format!("the document of SHA-256 {hash} was changed: its content no longer has that hash."),
        ),
        other => Text::technical("quelque chose ne va pas", "something is wrong", other),
    }
}

fn named(which: Which) -> Text {
    match which {
        Which::Stored(n) => Text::new(format!("le point de contrôle n° {n}"), format!("checkpoint {n}")),
        Which::Seen(n) => Text::new(
            format!("le point de contrôle présenté en n° {} (--seen)", n + 1),
            format!("the checkpoint shown as number {} (--seen)", n + 1),
        ),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{InvalidCheckpoint, InvalidNote};
    use crate::domain::DocumentHash;

    /// One of each: a new kind of damage must be told too.
    fn every_wrong() -> Vec<Wrong> {
        let (which, flow) = (Which::Stored(3), || "0198".to_owned());
        vec![
            Wrong::LeafMissing,
            Wrong::LeafChanged,
            Wrong::LeafMalformed,
            Wrong::LeafElsewhere { says: 5 },
            Wrong::EstablishmentCount { establishment: "univ".into(), says: 4, expected: 3 },
            Wrong::Column("flow"),
            Wrong::Subtree { first: 4, last: 7 },
            Wrong::SubtreeMissing { first: 4, last: 7 },
            Wrong::SubtreeBeyond,
            Wrong::Commitment("file".into()),
            Wrong::CommitmentBeyond,
            Wrong::EndMissing { present: 4, written: 5 },
            Wrong::CheckpointMissing(2),
            Wrong::CheckpointsMissing { present: 1, written: 2 },
            Wrong::CheckpointInvalid { which, why: InvalidCheckpoint::Note(InvalidNote::Signature) },
            Wrong::CheckpointColumns(which),
            Wrong::CheckpointBeyond { which: Which::Seen(0), size: 9, present: 4 },
            Wrong::CheckpointRoot { which, first: 1, last: 2 },
            Wrong::Key("autre+00".into()),
            Wrong::FlowMissing(flow()),
            Wrong::FlowUnknown(flow()),
            Wrong::Flow { flow: flow(), what: "state", shown: "integrated".into(), journalled: "rejected".into() },
            Wrong::DocumentMissing(DocumentHash([1; 32])),
            Wrong::DocumentChanged(DocumentHash([1; 32])),
        ]
    }

    #[test]
    fn each_damage_is_told_in_both_languages() {
        let mut seen = std::collections::BTreeSet::new();
        for wrong in every_wrong() {
            for seq in [None, Some(12)] {
                let bad = Bad { seq, wrong: wrong.clone() };
                let (told, meaning) = (told(&bad), meaning(&bad));
                assert!(told.fr.ends_with(['.', ')']) && told.en.ends_with(['.', ')']), "{}", told.fr);
                let ours = told.fr.split("(détail technique").next().unwrap_or_default();
                assert!(!ours.contains(" is ") && !ours.contains(" was "), "{}", told.fr);
                assert!(ours == told.fr || matches!(wrong, Wrong::CheckpointInvalid { .. }), "{}", told.fr);
                assert_eq!(
                    seq.is_some(),
                    told.fr.starts_with("Enregistrement n° 12 : ") && told.en.starts_with("Record 12: ")
                );
                assert!(meaning.fr.len() > 60 && meaning.en.len() > 60 && meaning.fr != meaning.en);
                seen.insert(told.fr);
            }
        }
        assert_eq!(seen.len(), 2 * every_wrong().len(), "each reads differently");
    }
}
