//! The life of an invoice: which status may follow which, and who sets it (PROTOCOL §3).

/// PROTOCOL §3, nominal path: status, comment, first and last name of who set it.
pub(super) const WAY_TO_PAYMENT: &[(&str, &str, &str, &str)] = &[
    ("DEPOSEE", "Facture déposée et contrôlée", "", "Chorus Pro"),
    ("EN_COURS_ACHEMINEMENT", "", "", "Chorus Pro"),
    ("MISE_A_DISPOSITION", "Facture mise à disposition du destinataire", "", "Chorus Pro"),
    ("SERVICE_FAIT", "Service fait constaté : œuvre livrée, conforme à la commande", "Zoé", "LEBŒUF"),
    ("MANDATEE", "Demande de paiement émise", "Zoé", "LEBŒUF"),
    ("MISE_A_DISPOSITION_COMPTABLE", "", "Zoé", "LEBŒUF"),
    ("COMPTABILISEE", "Visa de l'agent comptable", "Hélène", "GARÇON"),
    ("MISE_EN_PAIEMENT", "Virement émis en €, délai respecté", "Hélène", "GARÇON"),
];

/// What a buyer may set by `traiter/recue`: the eight of the swagger's texts and SERVICE_FAIT (PROTOCOL §3).
pub(super) const TARGETS: &[&str] = &[
    "MISE_A_DISPOSITION",
    "A_RECYCLER",
    "REJETEE",
    "SUSPENDUE",
    "SERVICE_FAIT",
    "MANDATEE",
    "MISE_A_DISPOSITION_COMPTABLE",
    "COMPTABILISEE",
    "MISE_EN_PAIEMENT",
];

/// Targets that need a motif.
pub(super) const MOTIVATED: &[&str] = &["REJETEE", "SUSPENDUE", "A_RECYCLER"];

/// Statuses a recipient has something to do in (PROTOCOL §2.2, `rechercher/atraiter/recipiendaire`).
pub(super) const TO_TREAT: &[&str] = &["MISE_A_DISPOSITION", "COMPLETEE"];

/// Statuses a supplier has something to do in: complete, recycle, correct the validator, take note of a rejection.
pub(super) const TO_TREAT_BY_SUPPLIER: &[&str] =
    &["SUSPENDUE", "A_RECYCLER", "REJETEE", "ERREUR_FOURNISSEUR_SUR_VALIDEUR", "REFUSEE_1", "REFUSEE_2"];

/// Statuses a validator has something to do in, as the first or the second one.
pub(super) const TO_VALIDATE: &[&str] = &["A_VALIDER_1", "A_VALIDER_2"];

/// What a validator sees of the invoices of co- and sub-contractors.
pub(super) const VISIBLE_TO_VALIDATOR: &[&str] = &[
    "A_VALIDER_1",
    "VALIDEE_1",
    "REFUSEE_1",
    "ERREUR_FOURNISSEUR_SUR_VALIDEUR",
    "A_VALIDER_2",
    "VALIDEE_2",
    "REFUSEE_2",
    "DEPOSEE",
    "EN_COURS_ACHEMINEMENT",
    "MISE_A_DISPOSITION",
    "SUSPENDUE",
    "COMPLETEE",
    "REJETEE",
    "SERVICE_FAIT",
    "MANDATEE",
    "MISE_A_DISPOSITION_COMPTABLE",
    "COMPTABILISEE",
    "MISE_EN_PAIEMENT",
];

/// The statuses a buyer may set from this one, as `recuperer/etats/traitement` says them. Our inference from PROTOCOL
/// §3: forward along the nominal path, suspension and rejection before MANDATEE, nothing after a final status.
pub(super) fn next(status: &str, recycling: bool) -> Vec<&'static str> {
    let mut targets: Vec<&'static str> = match status {
        "MISE_A_DISPOSITION" => vec!["SERVICE_FAIT", "MANDATEE", "SUSPENDUE", "REJETEE", "A_RECYCLER"],
        "COMPLETEE" => vec!["MISE_A_DISPOSITION", "SERVICE_FAIT", "MANDATEE", "SUSPENDUE", "REJETEE", "A_RECYCLER"],
        "SUSPENDUE" => vec!["MISE_A_DISPOSITION", "REJETEE"],
        "SERVICE_FAIT" => vec!["MANDATEE", "SUSPENDUE", "REJETEE", "A_RECYCLER"],
        "MANDATEE" => vec!["MISE_A_DISPOSITION_COMPTABLE", "COMPTABILISEE", "MISE_EN_PAIEMENT"],
        "MISE_A_DISPOSITION_COMPTABLE" => vec!["COMPTABILISEE", "MISE_EN_PAIEMENT"],
        "COMPTABILISEE" => vec!["MISE_EN_PAIEMENT"],
        _ => Vec::new(),
    };
    if !recycling {
        targets.retain(|target| *target != "A_RECYCLER");
    }
    targets
}

/// What follows on the nominal path after a status, when nothing is scripted.
pub(super) fn way_after(status: &str) -> &'static [(&'static str, &'static str, &'static str, &'static str)] {
    let from = match status {
        "COMPLETEE" => "MISE_A_DISPOSITION",
        "VALIDEE_1" | "VALIDEE_2" => "DEPOSEE",
        other => other,
    };
    match WAY_TO_PAYMENT.iter().position(|step| step.0 == from) {
        Some(at) => &WAY_TO_PAYMENT[at + 1..],
        None => &[],
    }
}

/// The EDI code of a status (XSD CPPStatut V1_19, PROTOCOL §3), where it has one.
pub(super) fn edi_code(status: &str, completed: &'static str, rejected: &'static str) -> Option<&'static str> {
    Some(match status {
        "DEPOSEE" => "01",
        "EN_COURS_ACHEMINEMENT" => "02",
        "MISE_A_DISPOSITION" => "03",
        "A_RECYCLER" => "04",
        "REJETEE" => rejected,
        "SUSPENDUE" => "06",
        "SERVICE_FAIT" => "07",
        "MANDATEE" => "08",
        "MISE_A_DISPOSITION_COMPTABLE" => "09",
        "COMPTABILISEE" => "10",
        "MISE_EN_PAIEMENT" => "11",
        "COMPLETEE" => completed,
        "VALIDEE_1" => "13",
        "REFUSEE_1" => "14",
        "VALIDEE_2" => "18",
        "REFUSEE_2" if rejected != "17" => "17",
        _ => return None,
    })
}

/// Every motif code of DSE-CP tables 3 and 4 with its French words, abbreviations spelt out.
pub const MOTIFS: &[(&str, &str)] = &[
    ("AUT_MOTIF_ERR_VALIDEUR", "Autre motif qu’une erreur de valideur"),
    ("RETRAIT_MAN_SERV", "Retraitement manuel par les services"),
    ("SUPPR_MASSE", "Suppression en masse"),
    ("AUTRE", "Autre"),
    ("CONTACT_ACHTR", "Autres : contacter votre acheteur"),
    ("COORD_BANC_ERR", "Erreur de coordonnées bancaires"),
    ("CREANCIER_ERR", "Créancier inconnu ou différent de celui de l’engagement"),
    ("DOUBLE_FACT", "Double facturation"),
    ("ERREUR_DONNEE_EJ", "Erreur dans les données de l’engagement"),
    ("EJ_ERR", "Engagement incorrect ou inexistant"),
    ("ERR_VALIDEUR", "Mauvais valideur"),
    ("FACT_NON_CONFORME", "Facture non conforme à la commande"),
    ("HONORER_LA_COMMANDE", "Impossibilité d’honorer la commande"),
    ("LIVR_INCOMP", "Livraison incomplète ou non effectuée"),
    ("MARCHE_TERM", "Marché terminé"),
    ("MONTANT_ERR", "Montant de la facture erroné"),
    ("SE_ERR", "Service exécutant incorrect"),
    ("ST_CT_NON_DECLAR", "Sous-traitant ou cotraitant non déclaré"),
    ("SUPPR_COMP_AVOIR", "Suppression pour compensation d’avoirs"),
    ("TRANSF_PMNT_REGIE", "Transfert pour paiement en régie"),
    ("TX_TVA_ERR", "Taux de TVA erroné"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nominal_path_can_be_walked_and_ends() {
        let mut status = "MISE_A_DISPOSITION";
        for target in ["SERVICE_FAIT", "MANDATEE", "MISE_A_DISPOSITION_COMPTABLE", "COMPTABILISEE", "MISE_EN_PAIEMENT"]
        {
            assert!(next(status, false).contains(&target), "{status} to {target}");
            status = target;
        }
        assert!(next(status, true).is_empty() && next("REJETEE", true).is_empty());
        assert!(next("MISE_A_DISPOSITION", true).contains(&"A_RECYCLER"));
        assert!(!next("MISE_A_DISPOSITION", false).contains(&"A_RECYCLER"));
        for status in ["MISE_A_DISPOSITION", "COMPLETEE", "SUSPENDUE", "SERVICE_FAIT"] {
            assert!(next(status, false).contains(&"REJETEE"), "before MANDATEE: {status}");
            assert!(next(status, true).iter().all(|target| TARGETS.contains(target)));
        }
        assert!(!next("MANDATEE", true).contains(&"REJETEE"));
    }

    #[test]
    fn after_completion_the_buyer_works_again() {
        assert_eq!(way_after("COMPLETEE")[0].0, "SERVICE_FAIT");
        assert!(way_after("MISE_EN_PAIEMENT").is_empty() && way_after("REJETEE").is_empty());
    }
}
