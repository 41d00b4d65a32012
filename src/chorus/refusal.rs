//! What a refusal's code means. Codes mean different things in different services (20000 is "no row" in a search and
//! "unknown" in `completer`), so the table is keyed by both (PROTOCOL §5).

use crate::fault::{Code, Fault, Language};

/// A refusal that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    service: &'static str,
    code: i64,
    /// What it is to the operator.
    pub fault: Code,
    meaning: [&'static str; 2],
}

impl Refusal {
    /// What happened and what to do, in one or two sentences.
    pub fn meaning(&self, language: Language) -> &'static str {
        self.meaning[language as usize]
    }
}

macro_rules! refusals {
    ($($service:literal $code:literal $fault:ident { $french:literal $english:literal })*) => {
        /// A pair that is not listed stops the item with the label shown and is never repeated by itself.
        const TABLE: &[Refusal] = &[$(Refusal {
            service: $service, code: $code, fault: Code::$fault, meaning: [$french, $english],
        },)*];
    };
}

refusals! {
    // GDP_MSG_11.022
    "deposer/flux" 20001 DepositRefused {
        "Flux trop volumineux : allégez les pièces jointes ou partagez l’archive (10 Mo par fichier, 30 Mo compressés)."
        "The flux is too large: lighter attachments, or split the archive (10 MB a file, 30 MB compressed)."
    }
    // HTTP 413 of the gateway, which has no codeRetour: same meaning.
    "deposer/flux" 413 DepositRefused {
        "Flux trop volumineux : allégez les pièces jointes ou partagez l’archive (10 Mo par fichier, 30 Mo compressés)."
        "The flux is too large: lighter attachments, or split the archive (10 MB a file, 30 MB compressed)."
    }
    "deposer/pdf" 413 DepositRefused {
        "PDF de plus de 10 Mo : allégez-le."
        "The PDF has more than 10 MB: make it lighter."
    }
    // Above 120 MB (PROTOCOL §2).
    "telecharger/groupe" 413 CallRefused {
        "Dossier de plus de 120 Mo : téléchargez la facture et ses pièces jointes sur le portail."
        "The dossier has more than 120 MB: download the invoice and its attachments on the portal."
    }
    "ajouter/fichier" 20003 CallRefused {
        "Pièce jointe de plus de 10 Mo : allégez-la ou partagez-la."
        "The attachment has more than 10 MB: make it lighter or split it."
    }
    // Not published for this service: as the other services say that they do not know an object.
    "consulterCRDetaille" 20000 FluxUnknown {
        "Chorus Pro ne connaît pas ce flux : vérifiez le numéro et l’environnement."
        "Chorus Pro does not know this flux: check its number and the environment."
    }
    // GDP_MSG_11.008
    "completer" 20000 CallRefused {
        "Facture inconnue de Chorus Pro : vérifiez son identifiant et l’environnement."
        "Chorus Pro does not know the invoice: check its id and the environment."
    }
    // GDP_MSG_11.005
    "completer" 20001 CallRefused {
        "Le compte technique n’a pas le droit de compléter cette facture : rattachez-le à la structure du fournisseur."
        "The technical account may not complete this invoice: attach it to the supplier's structure."
    }
    // GDP_MSG_11.033
    "completer" 20002 CallRefused {
        "La facture n’est pas suspendue : seule une facture suspendue se complète. Relisez son statut."
        "The invoice is not suspended: only a suspended one can be completed. Read its status again."
    }
    "traiter/recue" 20002 CallRefused {
        "Ce statut ne peut pas suivre le statut actuel de la facture : relisez-le et choisissez un statut autorisé."
        "This status cannot follow the invoice's present one: read it again and choose one that is allowed."
    }
}

/// Labels that say the same whatever service sends them (PROTOCOL §2.2).
const LABELS: &[(&str, [&str; 2])] = &[
    (
        "GDP_MSG_11.005",
        [
            "Le compte technique n’en a pas le droit : vérifiez ses rattachements et ses espaces.",
            "The technical account may not do that: check its attachments and spaces.",
        ],
    ),
    (
        "GDP_MSG_11.008",
        [
            "Facture inconnue de Chorus Pro : vérifiez son identifiant et l’environnement.",
            "Chorus Pro does not know the invoice: check its id and the environment.",
        ],
    ),
];

/// The refusal's row, when the pair is known.
pub fn refusal(service: &str, code: i64) -> Option<&'static Refusal> {
    TABLE.iter().find(|row| row.service == service && row.code == code)
}

/// What a refusal means and what to do about it; `None` when neither its code nor its label is known.
pub fn refusal_meaning(service: &str, code: i64, label: &str, language: Language) -> Option<&'static str> {
    let by_label = || LABELS.iter().find(|(known, _)| label.contains(known)).map(|(_, texts)| texts[language as usize]);
    refusal(service, code).map(|row| row.meaning(language)).or_else(by_label)
}

/// The fault of a refused call, its blanks filled: a known code is explained behind Chorus Pro's own label, which is often
/// no more than a message number.
pub fn refusal_fault(service: &str, code: i64, label: &str) -> Fault {
    let is_deposit = matches!(service, "deposer/flux" | "deposer/pdf" | "soumettre");
    let default = if is_deposit { Code::DepositRefused } else { Code::CallRefused };
    let text = match refusal_meaning(service, code, label, Language::Fr) {
        Some(meaning) => format!("{label}. {meaning}").replace(".. ", ". "),
        None => label.to_owned(),
    };
    Fault::new(refusal(service, code).map_or(default, |row| row.fault))
        .with("service", service)
        .with("code", code)
        .with("label", text)
}
