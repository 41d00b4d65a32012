//! The status of an invoice at Chorus Pro: recorded, never decided by us (PROTOCOL §3).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($($name:ident = $wire:literal),* $(,)?) => {
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
    Brouillon = "BROUILLON",
    AValider1 = "A_VALIDER_1",
    ErreurFournisseurSurValideur = "ERREUR_FOURNISSEUR_SUR_VALIDEUR",
    Refusee1 = "REFUSEE_1",
    Validee1 = "VALIDEE_1",
    AbsenceValidation1HorsDelai = "ABSENCE_VALIDATION_1_HORS_DELAI",
    AValider2 = "A_VALIDER_2",
    ErreurCotraitantSurValideur = "ERREUR_COTRAITANT_SUR_VALIDEUR",
    Refusee2 = "REFUSEE_2",
    Validee2 = "VALIDEE_2",
    AbsenceValidation2HorsDelai = "ABSENCE_VALIDATION_2_HORS_DELAI",
    Deposee = "DEPOSEE",
    ErreurFournisseurSurMoe = "ERREUR_FOURNISSEUR_SUR_MOE",
    EnCoursAcheminement = "EN_COURS_ACHEMINEMENT",
    MiseADisposition = "MISE_A_DISPOSITION",
    ARecycler = "A_RECYCLER",
    Suspendue = "SUSPENDUE",
    Rejetee = "REJETEE",
    Mandatee = "MANDATEE",
    MiseEnPaiement = "MISE_EN_PAIEMENT",
    Comptabilisee = "COMPTABILISEE",
    MiseADispositionComptable = "MISE_A_DISPOSITION_COMPTABLE",
    Abandonnee = "ABANDONNEE",
    Supprimee = "SUPPRIMEE",
    Associee = "ASSOCIEE",
    EnCoursTraitementPivotS = "EN_COURS_TRAITEMENT_PIVOT_S",
    AValiderMoe = "A_VALIDER_MOE",
    RefuseeMoe = "REFUSEE_MOE",
    EnAttenteRecyclageFournisseur = "EN_ATTENTE_RECYCLAGE_FOURNISSEUR",
    ErreurMoeSurFournisseur = "ERREUR_MOE_SUR_FOURNISSEUR",
    ErreurMoaSurFournisseur = "ERREUR_MOA_SUR_FOURNISSEUR",
    InterpreteeOcr = "INTERPRETEE_OCR",
    Completee = "COMPLETEE",
    ErreurFournisseurSurMoa = "ERREUR_FOURNISSEUR_SUR_MOA",
    ErreurMoeSurMoa = "ERREUR_MOE_SUR_MOA",
    ErreurDestinatairePd = "ERREUR_DESTINATAIRE_PD",
    ErreurDestinataireEa = "ERREUR_DESTINATAIRE_EA",
    ServiceFait = "SERVICE_FAIT",
    NonConforme = "NON_CONFORME",
    AAssocierMoe = "A_ASSOCIER_MOE",
    ErreurDeMoe = "ERREUR_DE_MOE",
    MiseADispositionMoe = "MISE_A_DISPOSITION_MOE",
    PriseEnCompteMoe = "PRISE_EN_COMPTE_MOE",
    AAssocierMoa = "A_ASSOCIER_MOA",
    ErreurDeMoa = "ERREUR_DE_MOA",
    RefuseeMoa = "REFUSEE_MOA",
    AAssocierFournisseur = "A_ASSOCIER_FOURNISSEUR",
    RefuseeFournisseur = "REFUSEE_FOURNISSEUR",
    ACompleter = "A_COMPLETER",
    TransmiseMoa = "TRANSMISE_MOA",
    PriseEnCompteDestinataire = "PRISE_EN_COMPTE_DESTINATAIRE",
    RemplaceeParA22 = "REMPLACEE_PAR_A22",
    DupliqueApresRefus = "DUPLIQUE_APRES_REFUS",
    MiseADispositionMoa = "MISE_A_DISPOSITION_MOA",
    PriseEnCompteMoa = "PRISE_EN_COMPTE_MOA",
    TechniqueInconnu = "TECHNIQUE_INCONNU",
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
        for status in InvoiceStatus::KNOWN {
            assert_eq!(&InvoiceStatus::of(status.as_str()), status);
            assert!(status.is_known());
        }
        let new: InvoiceStatus = "ENCAISSEE".parse().unwrap();
        assert!(!new.is_known() && !new.is_final());
        assert_eq!(new.as_str(), "ENCAISSEE");
    }
}
