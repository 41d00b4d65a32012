//! The status of an invoice at Chorus Pro: recorded, never decided by us (PROTOCOL §3).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($($name:ident = $wire:literal ($french:literal, $english:literal)),* $(,)?) => {
        /// The 56 statuses of the official swagger, and a place for one nobody has seen yet.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum InvoiceStatus {
            $($name,)*
            /// A code the swagger does not list: kept as it came, and always an alarm.
            Unknown(String),
        }

        impl InvoiceStatus {
            /// Every status the swagger lists.
            pub const KNOWN: &[InvoiceStatus] = &[$(InvoiceStatus::$name,)*];

            /// The code as Chorus Pro writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(InvoiceStatus::$name => $wire,)*
                    InvoiceStatus::Unknown(code) => code,
                }
            }

            /// What people call it, in French and in English; `None` for a code nobody listed.
            pub fn labels(&self) -> Option<(&'static str, &'static str)> {
                match self {
                    $(InvoiceStatus::$name => Some(($french, $english)),)*
                    InvoiceStatus::Unknown(_) => None,
                }
            }

            fn of(code: &str) -> Self {
                match code {
                    $($wire => InvoiceStatus::$name,)*
                    other => InvoiceStatus::Unknown(other.chars().take(80).collect()),
                }
            }
        }
    };
}

statuses! {
    Brouillon = "BROUILLON" ("Brouillon", "Draft"),
    AValider1 = "A_VALIDER_1" ("À valider par le premier valideur", "To be validated by the first validator"),
    ErreurFournisseurSurValideur = "ERREUR_FOURNISSEUR_SUR_VALIDEUR"
        ("Erreur du fournisseur sur le valideur", "Supplier named the wrong validator"),
    Refusee1 = "REFUSEE_1" ("Refusée par le premier valideur", "Refused by the first validator"),
    Validee1 = "VALIDEE_1" ("Validée par le premier valideur", "Validated by the first validator"),
    AbsenceValidation1HorsDelai = "ABSENCE_VALIDATION_1_HORS_DELAI"
        ("Non validée à temps par le premier valideur", "Not validated in time by the first validator"),
    AValider2 = "A_VALIDER_2" ("À valider par le second valideur", "To be validated by the second validator"),
    ErreurCotraitantSurValideur = "ERREUR_COTRAITANT_SUR_VALIDEUR"
        ("Erreur du cotraitant sur le valideur", "Co-contractor named the wrong validator"),
    Refusee2 = "REFUSEE_2" ("Refusée par le second valideur", "Refused by the second validator"),
    Validee2 = "VALIDEE_2" ("Validée par le second valideur", "Validated by the second validator"),
    AbsenceValidation2HorsDelai = "ABSENCE_VALIDATION_2_HORS_DELAI"
        ("Non validée à temps par le second valideur", "Not validated in time by the second validator"),
    Deposee = "DEPOSEE" ("Déposée", "Deposited"),
    ErreurFournisseurSurMoe = "ERREUR_FOURNISSEUR_SUR_MOE"
        ("Erreur du fournisseur sur la maîtrise d’œuvre", "Supplier named the wrong project manager"),
    EnCoursAcheminement = "EN_COURS_ACHEMINEMENT" ("En cours d’acheminement", "On its way"),
    MiseADisposition = "MISE_A_DISPOSITION" ("Mise à disposition", "Made available"),
    ARecycler = "A_RECYCLER" ("À recycler", "To be redirected"),
    Suspendue = "SUSPENDUE" ("Suspendue", "Suspended"),
    Rejetee = "REJETEE" ("Rejetée", "Rejected"),
    Mandatee = "MANDATEE" ("Mandatée", "Payment ordered"),
    MiseEnPaiement = "MISE_EN_PAIEMENT" ("Mise en paiement", "Paid"),
    Comptabilisee = "COMPTABILISEE" ("Comptabilisée", "Booked"),
    MiseADispositionComptable = "MISE_A_DISPOSITION_COMPTABLE"
        ("Mise à disposition du comptable", "Made available to the accountant"),
    Abandonnee = "ABANDONNEE" ("Abandonnée", "Given up"),
    Supprimee = "SUPPRIMEE" ("Supprimée", "Deleted"),
    Associee = "ASSOCIEE" ("Associée", "Linked"),
    EnCoursTraitementPivotS = "EN_COURS_TRAITEMENT_PIVOT_S" ("Pivot en cours de traitement", "Pivot being processed"),
    AValiderMoe = "A_VALIDER_MOE" ("À valider par la maîtrise d’œuvre", "To be validated by the project manager"),
    RefuseeMoe = "REFUSEE_MOE" ("Refusée par la maîtrise d’œuvre", "Refused by the project manager"),
    EnAttenteRecyclageFournisseur = "EN_ATTENTE_RECYCLAGE_FOURNISSEUR"
        ("En attente de recyclage par le fournisseur", "Waits for the supplier to redirect it"),
    ErreurMoeSurFournisseur = "ERREUR_MOE_SUR_FOURNISSEUR"
        ("Erreur de la maîtrise d’œuvre sur le fournisseur", "Project manager named the wrong supplier"),
    ErreurMoaSurFournisseur = "ERREUR_MOA_SUR_FOURNISSEUR"
        ("Erreur de la maîtrise d’ouvrage sur le fournisseur", "Project owner named the wrong supplier"),
    InterpreteeOcr = "INTERPRETEE_OCR" ("Interprétée par lecture optique", "Read by optical recognition"),
    Completee = "COMPLETEE" ("Complétée", "Completed"),
    ErreurFournisseurSurMoa = "ERREUR_FOURNISSEUR_SUR_MOA"
        ("Erreur du fournisseur sur la maîtrise d’ouvrage", "Supplier named the wrong project owner"),
    ErreurMoeSurMoa = "ERREUR_MOE_SUR_MOA"
        ("Erreur de la maîtrise d’œuvre sur la maîtrise d’ouvrage", "Project manager named the wrong project owner"),
    ErreurDestinatairePd = "ERREUR_DESTINATAIRE_PD"
        ("Destinataire erroné du projet de décompte", "Wrong recipient of the draft account"),
    ErreurDestinataireEa = "ERREUR_DESTINATAIRE_EA"
        ("Destinataire erroné de l’état d’acompte", "Wrong recipient of the instalment statement"),
    ServiceFait = "SERVICE_FAIT" ("Service fait", "Service done"),
    NonConforme = "NON_CONFORME" ("Non conforme", "Not compliant"),
    AAssocierMoe = "A_ASSOCIER_MOE" ("À associer par la maîtrise d’œuvre", "To be linked by the project manager"),
    ErreurDeMoe = "ERREUR_DE_MOE" ("Maîtrise d’œuvre erronée", "Wrong project manager"),
    MiseADispositionMoe = "MISE_A_DISPOSITION_MOE"
        ("Mise à disposition de la maîtrise d’œuvre", "Made available to the project manager"),
    PriseEnCompteMoe = "PRISE_EN_COMPTE_MOE"
        ("Prise en compte par la maîtrise d’œuvre", "Taken into account by the project manager"),
    AAssocierMoa = "A_ASSOCIER_MOA" ("À associer par la maîtrise d’ouvrage", "To be linked by the project owner"),
    ErreurDeMoa = "ERREUR_DE_MOA" ("Maîtrise d’ouvrage erronée", "Wrong project owner"),
    RefuseeMoa = "REFUSEE_MOA" ("Refusée par la maîtrise d’ouvrage", "Refused by the project owner"),
    AAssocierFournisseur = "A_ASSOCIER_FOURNISSEUR" ("À associer par le fournisseur", "To be linked by the supplier"),
    RefuseeFournisseur = "REFUSEE_FOURNISSEUR" ("Refusée par le fournisseur", "Refused by the supplier"),
    ACompleter = "A_COMPLETER" ("À compléter", "To be completed"),
    TransmiseMoa = "TRANSMISE_MOA" ("Transmise à la maîtrise d’ouvrage", "Passed on to the project owner"),
    PriseEnCompteDestinataire = "PRISE_EN_COMPTE_DESTINATAIRE"
        ("Prise en compte par le destinataire", "Taken into account by the recipient"),
    RemplaceeParA22 = "REMPLACEE_PAR_A22" ("Remplacée par une pièce A22", "Replaced by an A22 document"),
    DupliqueApresRefus = "DUPLIQUE_APRES_REFUS" ("Dupliquée après refus", "Duplicated after a refusal"),
    MiseADispositionMoa = "MISE_A_DISPOSITION_MOA"
        ("Mise à disposition de la maîtrise d’ouvrage", "Made available to the project owner"),
    PriseEnCompteMoa = "PRISE_EN_COMPTE_MOA"
        ("Prise en compte par la maîtrise d’ouvrage", "Taken into account by the project owner"),
    TechniqueInconnu = "TECHNIQUE_INCONNU" ("Statut technique inconnu", "Unknown technical status"),
}

impl InvoiceStatus {
    /// Whether nothing more is expected at Chorus Pro: paid, rejected, abandoned, deleted or replaced.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            InvoiceStatus::MiseEnPaiement
                | InvoiceStatus::Rejetee
                | InvoiceStatus::Abandonnee
                | InvoiceStatus::Supprimee
                | InvoiceStatus::RemplaceeParA22
        )
    }

    /// Whether the code is one the swagger lists.
    pub fn is_known(&self) -> bool {
        !matches!(self, InvoiceStatus::Unknown(_))
    }
}

impl fmt::Display for InvoiceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for InvoiceStatus {
    type Err = std::convert::Infallible;
    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Ok(Self::of(code))
    }
}

impl From<String> for InvoiceStatus {
    fn from(code: String) -> Self {
        Self::of(&code)
    }
}

impl From<InvoiceStatus> for String {
    fn from(status: InvoiceStatus) -> String {
        status.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_code_reads_back_and_an_unknown_one_is_kept() {
        assert_eq!(InvoiceStatus::KNOWN.len(), 56);
        let labels: std::collections::BTreeSet<_> = InvoiceStatus::KNOWN.iter().map(|s| s.labels().unwrap()).collect();
        assert_eq!(labels.len(), 56, "no two statuses have the same label");
        assert_eq!(InvoiceStatus::ARecycler.labels(), Some(("À recycler", "To be redirected")));
        for status in InvoiceStatus::KNOWN {
            assert_eq!(&InvoiceStatus::of(status.as_str()), status);
            assert!(status.is_known());
        }
        let new: InvoiceStatus = "ENCAISSEE".parse().unwrap();
        assert!(!new.is_known() && !new.is_final());
        assert_eq!((new.as_str(), new.labels()), ("ENCAISSEE", None));
    }
}
