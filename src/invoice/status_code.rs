//! The three vocabularies of an invoice's status, and how they answer each other: the API's codes ([`InvoiceStatus`]), the
//! numbers of status files (XSD CPPStatut V1_19) and those that Chorus Pro exchanges with the suppliers' platforms (AFNOR).
//!
//! Promises: one table, total in both directions where the documents say something, and `None` where they say nothing. The
//! documents contradict each other (PROTOCOL §8); which one is believed is a [`Reading`] that the caller names.
//! Refuses to know: who may set a status, and when (Chorus Pro says so: `recuperer/etats/traitement`).

use std::fmt;
use std::str::FromStr;

use crate::domain::InvoiceStatus;

/// `IdStatut` of an invoice in a status file: 1 to 41. Written with two digits, read with one too (PROTOCOL §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EdiStatus(u8);

/// A number that is no invoice status of the schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 01 to 41: {0:?}")]
pub struct NoEdiStatus(pub String);

impl EdiStatus {
    /// The schema's highest number.
    pub const LAST: u8 = 41;

    pub fn number(self) -> u8 {
        self.0
    }
}

impl FromStr for EdiStatus {
    type Err = NoEdiStatus;
    fn from_str(text: &str) -> Result<Self, NoEdiStatus> {
        let wrong = || NoEdiStatus(text.chars().take(40).collect());
        if text.is_empty() || text.len() > 6 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        match text.parse() {
            Ok(number @ 1..=Self::LAST) => Ok(Self(number)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for EdiStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

/// Under which number status files know COMPLETEE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CompletedAs {
    /// 12: the schema (XSD V1_19).
    #[default]
    Twelve,
    /// 32: DSE-CP §4.2.2.1, table 12.
    ThirtyTwo,
}

/// Under which number status files know REJETEE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RejectedAs {
    /// 05: the schema, and DSE-CP table 8.
    #[default]
    Five,
    /// 17: DSE-CP §2.4.2.2, for a recycling turned into a rejection; 17 then no longer says REFUSEE_2 (table 9).
    Seventeen,
}

/// Which of two contradicting documents is believed (PROTOCOL §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    pub completed: CompletedAs,
    pub rejected: RejectedAs,
}

impl Reading {
    /// Every combination.
    pub const ALL: [Reading; 4] = [
        Reading { completed: CompletedAs::Twelve, rejected: RejectedAs::Five },
        Reading { completed: CompletedAs::Twelve, rejected: RejectedAs::Seventeen },
        Reading { completed: CompletedAs::ThirtyTwo, rejected: RejectedAs::Five },
        Reading { completed: CompletedAs::ThirtyTwo, rejected: RejectedAs::Seventeen },
    ];
}

/// The numbers on which all documents agree.
const AGREED: &[(InvoiceStatus, u8)] = &[
    (InvoiceStatus::Deposee, 1),
    (InvoiceStatus::EnCoursAcheminement, 2),
    (InvoiceStatus::MiseADisposition, 3),
    (InvoiceStatus::ARecycler, 4),
    (InvoiceStatus::Suspendue, 6),
    (InvoiceStatus::ServiceFait, 7),
    (InvoiceStatus::Mandatee, 8),
    (InvoiceStatus::MiseADispositionComptable, 9),
    (InvoiceStatus::Comptabilisee, 10),
    (InvoiceStatus::MiseEnPaiement, 11),
    (InvoiceStatus::Validee1, 13),
    (InvoiceStatus::Refusee1, 14),
    (InvoiceStatus::Validee2, 18),
];

/// The number a status has in a status file; `None` where no document gives one.
pub fn edi_of(status: &InvoiceStatus, reading: Reading) -> Option<EdiStatus> {
    let number = match (status, reading.completed, reading.rejected) {
        (InvoiceStatus::Completee, CompletedAs::Twelve, _) => 12,
        (InvoiceStatus::Completee, CompletedAs::ThirtyTwo, _) => 32,
        (InvoiceStatus::Rejetee, _, RejectedAs::Five) => 5,
        (InvoiceStatus::Rejetee, _, RejectedAs::Seventeen) => 17,
        (InvoiceStatus::Refusee2, _, RejectedAs::Five) => 17,
        (InvoiceStatus::Refusee2, _, RejectedAs::Seventeen) => return None,
        (other, _, _) => AGREED.iter().find(|(listed, _)| listed == other)?.1,
    };
    Some(EdiStatus(number))
}

/// The status a number of a status file stands for; `None` where no document says. 05 and 12 are the schema's own and mean
/// REJETEE and COMPLETEE under every reading.
pub fn status_of(edi: EdiStatus, reading: Reading) -> Option<InvoiceStatus> {
    match (edi.0, reading.completed, reading.rejected) {
        (5, _, _) | (17, _, RejectedAs::Seventeen) => Some(InvoiceStatus::Rejetee),
        (17, _, RejectedAs::Five) => Some(InvoiceStatus::Refusee2),
        (12, _, _) | (32, CompletedAs::ThirtyTwo, _) => Some(InvoiceStatus::Completee),
        (number, _, _) => AGREED.iter().find(|(_, listed)| *listed == number).map(|(status, _)| status.clone()),
    }
}

/// In which frame (cadre de facturation) a validator's status was set: the same status is passed on differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// A9: a subcontractor's invoice, validated by the holder or a co-contractor.
    Subcontractor,
    /// A12: a co-contractor's invoice, validated by the agent.
    CoContractor,
    /// A1, A2 and all others.
    Other,
}

impl Frame {
    /// From the code of the API (`A9_FACTURE_SOUSTRAITANT`) or of the pivot (`A9`).
    pub fn of(code: &str) -> Self {
        match code.split('_').next() {
            Some("A9") => Frame::Subcontractor,
            Some("A12") => Frame::CoContractor,
            _ => Frame::Other,
        }
    }
}

/// The AFNOR code that Chorus Pro sends to the supplier's platform for a status (DSE-CP tables 8 to 11); `None`: nothing
/// is sent, or no document says.
pub fn afnor_of(status: &InvoiceStatus, frame: Frame) -> Option<u16> {
    use InvoiceStatus as S;
    match (status, frame) {
        (S::Deposee, _) => Some(202),
        (S::MiseADisposition, _) => Some(203),
        (S::ServiceFait | S::Mandatee | S::MiseADispositionComptable | S::Comptabilisee, _) => Some(204),
        (S::Suspendue, _) => Some(208),
        (S::Rejetee | S::ARecycler, _) => Some(210),
        (S::MiseEnPaiement, _) => Some(211),
        (S::Validee1 | S::Validee2, Frame::Subcontractor) => Some(205),
        (S::Refusee1 | S::Refusee2, Frame::Subcontractor) => Some(206),
        (S::Validee1, Frame::CoContractor) => Some(214),
        (S::Refusee1, Frame::CoContractor) => Some(210),
        _ => None,
    }
}

/// What becomes of a supplier's life-cycle message at Chorus Pro (DSE-CP table 12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// The recipient sees this status. After 227 too, and then only its attachments arrive.
    On(InvoiceStatus),
    /// The recipient hears nothing of it.
    NotPassedOn,
    /// A code that the table does not list.
    Unknown,
}

/// What the recipient sees of an AFNOR status that the supplier set.
pub fn passed_on(afnor: u16) -> Passed {
    match afnor {
        209 | 227 => Passed::On(InvoiceStatus::Completee),
        212 | 220 | 224 | 225 | 228 => Passed::NotPassedOn,
        _ => Passed::Unknown,
    }
}

/// What people call an AFNOR status, in French.
pub fn afnor_label(code: u16) -> Option<&'static str> {
    Some(match code {
        200 => "Déposée",
        201 => "Émise par la plateforme",
        202 => "Reçue de la plateforme",
        203 => "Mise à disposition",
        204 => "Prise en charge",
        205 => "Approuvée",
        206 => "Approuvée partiellement",
        207 => "En litige",
        208 => "Suspendue",
        209 => "Complétée",
        210 => "Refusée",
        211 => "Paiement transmis",
        212 => "Encaissée",
        213 => "Rejetée",
        214 => "Visée",
        220 => "Annulée",
        221 => "Erreur de routage",
        224 => "Demande de paiement direct",
        225 => "Affacturée",
        227 => "Changement de compte à payer",
        228 => "Non affacturée",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_with_one_digit_or_two_and_are_written_with_two() {
        for text in ["7", "07", "007"] {
            assert_eq!(text.parse::<EdiStatus>().unwrap().to_string(), "07");
        }
        for wrong in ["", "0", "42", "-1", "+7", "7 ", "x", "0000007", "90"] {
            assert!(wrong.parse::<EdiStatus>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn whatever_is_written_reads_back_under_the_same_reading() {
        for reading in Reading::ALL {
            let mut seen = Vec::new();
            for status in InvoiceStatus::KNOWN {
                let Some(edi) = edi_of(status, reading) else { continue };
                assert_eq!(status_of(edi, reading).as_ref(), Some(status), "{reading:?}");
                assert!(!seen.contains(&edi), "{edi} stands for two statuses");
                seen.push(edi);
            }
            assert_eq!(seen.len(), if reading.rejected == RejectedAs::Five { 16 } else { 15 });
        }
    }

    #[test]
    fn each_contradiction_has_both_readings() {
        let edi = |text: &str| text.parse::<EdiStatus>().unwrap();
        let read = |text: &str, reading| status_of(edi(text), reading);
        let [schema, _, _, later] = Reading::ALL;
        assert_eq!(edi_of(&InvoiceStatus::Completee, schema), Some(edi("12")));
        assert_eq!(edi_of(&InvoiceStatus::Completee, later), Some(edi("32")));
        assert_eq!((read("32", schema), read("32", later)), (None, Some(InvoiceStatus::Completee)));
        assert_eq!(edi_of(&InvoiceStatus::Rejetee, schema), Some(edi("05")));
        assert_eq!(edi_of(&InvoiceStatus::Rejetee, later), Some(edi("17")));
        assert_eq!(read("17", schema), Some(InvoiceStatus::Refusee2));
        assert_eq!(read("17", later), Some(InvoiceStatus::Rejetee));
        for reading in Reading::ALL {
            assert_eq!(read("05", reading), Some(InvoiceStatus::Rejetee));
            assert_eq!(read("12", reading), Some(InvoiceStatus::Completee));
            assert_eq!(read("41", reading), None, "a number without a documented meaning is not guessed");
        }
    }

    #[test]
    fn platforms_hear_what_the_tables_say() {
        use InvoiceStatus as S;
        let other = |status| afnor_of(&status, Frame::Other);
        assert_eq!(
            [S::Deposee, S::MiseADisposition, S::Suspendue, S::Rejetee, S::MiseEnPaiement].map(other),
            [Some(202), Some(203), Some(208), Some(210), Some(211)]
        );
        for status in [S::ServiceFait, S::Mandatee, S::MiseADispositionComptable, S::Comptabilisee] {
            assert_eq!(other(status), Some(204));
        }
        assert_eq!(other(S::Validee1), None);
        let (a9, a12) = (Frame::of("A9_FACTURE_SOUSTRAITANT"), Frame::of("A12"));
        assert_eq!((afnor_of(&S::Validee1, a9), afnor_of(&S::Validee1, a12)), (Some(205), Some(214)));
        assert_eq!((afnor_of(&S::Refusee1, a9), afnor_of(&S::Refusee1, a12)), (Some(206), Some(210)));
        assert_eq!(Frame::of("A1_FACTURE_FOURNISSEUR"), Frame::Other);
        assert_eq!(passed_on(227), Passed::On(S::Completee));
        assert_eq!(passed_on(220), Passed::NotPassedOn);
        assert_eq!(passed_on(999), Passed::Unknown);
        for status in InvoiceStatus::KNOWN {
            for frame in [Frame::Subcontractor, Frame::CoContractor, Frame::Other] {
                assert!(afnor_of(status, frame).is_none_or(|code| afnor_label(code).is_some()));
            }
        }
    }
}
