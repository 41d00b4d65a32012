//! What a recipient does with a received invoice, a validator with one to validate, and a supplier who named the wrong
//! validator: `traiter/recue`, `traiter/factureAValider`, `corriger/valideur/facture`; and which statuses may follow (`recuperer/etats/traitement`), which is asked, never hard-coded
//! (PROTOCOL §2.2). `traiterRejet`, by which a supplier acknowledges a rejection, is not called: what it changes is not
//! documented, and who has read a rejection here ("Vu") is this box's own matter.

use serde_json::{Value, json};

use crate::chorus::{Motive, MotiveCode, Service, Unreadable, WireDate, field};
use crate::domain::{ChorusInvoiceId, InvoiceNumber, InvoiceStatus, Siret};

/// The statuses that a recipient gives to a received invoice (PROTOCOL §3: the nine that clients send).
pub const RECIPIENT_TARGETS: [InvoiceStatus; 9] = [
    InvoiceStatus::MiseADisposition,
    InvoiceStatus::ARecycler,
    InvoiceStatus::Suspendue,
    InvoiceStatus::Rejetee,
    InvoiceStatus::ServiceFait,
    InvoiceStatus::Mandatee,
    InvoiceStatus::MiseADispositionComptable,
    InvoiceStatus::Comptabilisee,
    InvoiceStatus::MiseEnPaiement,
];

/// Whether Chorus Pro demands a motif for this target.
pub fn demands_motive(target: &InvoiceStatus) -> bool {
    matches!(target, InvoiceStatus::Rejetee | InvoiceStatus::Suspendue)
}

/// Whether the target carries a payment order's number (`numeroDPMandat`).
pub fn demands_mandate(target: &InvoiceStatus) -> bool {
    matches!(target, InvoiceStatus::Mandatee)
}

/// Why a status cannot be asked for: said before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreatmentError {
    #[error("{0} is no status that a recipient gives")]
    NoTarget(InvoiceStatus),
    #[error("{0} needs a motif")]
    MotiveMissing(InvoiceStatus),
    #[error("{0} needs the number of the payment order")]
    MandateMissing(InvoiceStatus),
    #[error("the number of the payment order is longer than {limit} characters", limit = MANDATE_LIMIT)]
    MandateTooLong,
}

impl TreatmentError {
    /// What to do, in French.
    pub fn remedy(&self) -> String {
        let label = |status: &InvoiceStatus| status.labels().map_or(status.as_str(), |(french, _)| french).to_owned();
        match self {
            TreatmentError::NoTarget(status) => {
                let known: Vec<&str> = RECIPIENT_TARGETS.iter().map(InvoiceStatus::as_str).collect();
                format!("« {} » ne se donne pas par le destinataire. Statuts possibles : {}.", status, known.join(", "))
            }
            TreatmentError::MotiveMissing(status) => {
                format!("Le statut « {} » exige un motif : écrivez-le et recommencez.", label(status))
            }
            TreatmentError::MandateMissing(status) => {
                format!("Le statut « {} » exige le numéro du mandat ou de la demande de paiement.", label(status))
            }
            TreatmentError::MandateTooLong => {
                format!("Le numéro de mandat a plus de {MANDATE_LIMIT} caractères : corrigez-le.")
            }
        }
    }
}

/// No limit is documented; a number beyond this is a mistake of columns.
const MANDATE_LIMIT: usize = 100;

/// Gives a status to a received invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraiterRecue {
    invoice: ChorusInvoiceId,
    target: InvoiceStatus,
    motive: Motive,
    mandate: String,
}

impl TraiterRecue {
    /// The request, or why it cannot be made. The number of the payment order is sent with MANDATEE only: an application
    /// may go on naming it with the statuses that follow.
    pub fn new(
        invoice: ChorusInvoiceId,
        target: InvoiceStatus,
        motive: Motive,
        mandate: Option<&str>,
    ) -> Result<Self, TreatmentError> {
        if !RECIPIENT_TARGETS.contains(&target) {
            return Err(TreatmentError::NoTarget(target));
        }
        if demands_motive(&target) && motive.is_empty() {
            return Err(TreatmentError::MotiveMissing(target));
        }
        let mandate = mandate.map(str::trim).unwrap_or_default();
        if mandate.chars().count() > MANDATE_LIMIT {
            return Err(TreatmentError::MandateTooLong);
        }
        if demands_mandate(&target) && mandate.is_empty() {
            return Err(TreatmentError::MandateMissing(target));
        }
        let mandate = if demands_mandate(&target) { mandate.to_owned() } else { String::new() };
        Ok(Self { invoice, target, motive, mandate })
    }

    pub fn invoice(&self) -> ChorusInvoiceId {
        self.invoice
    }

    pub fn target(&self) -> &InvoiceStatus {
        &self.target
    }

    /// The whole motif, for the journal: what is sent of it may be cut.
    pub fn motive(&self) -> &Motive {
        &self.motive
    }
}

/// What Chorus Pro says of a status it has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Treated {
    pub invoice: Option<ChorusInvoiceId>,
    pub number: Option<InvoiceNumber>,
    /// The status the invoice has now; `None` when the answer does not say.
    pub status: Option<InvoiceStatus>,
    pub at: Option<WireDate>,
}

impl Treated {
    fn read(answer: &Value, status: &str) -> Self {
        Self {
            invoice: field::integer(answer, "idFacture").map(ChorusInvoiceId),
            number: field::text(answer, "numeroFacture").and_then(|n| n.parse().ok()),
            status: field::text(answer, status).map(InvoiceStatus::from),
            at: field::date(answer, "dateTraitement"),
        }
    }
}

impl Service for TraiterRecue {
    const NAME: &'static str = "traiter/recue";
    const PATH: &'static str = "/cpro/factures/v1/traiter/recue";
    const CHANGES: bool = true;
    const ANSWER_LIMIT: usize = 1 << 20;
    type Answer = Treated;

    /// `motif` and `numeroDPMandat` are always texts: null is refused (PROTOCOL §7).
    fn body(&self) -> Value {
        json!({
            "idFacture": self.invoice.0,
            "nouveauStatut": self.target.as_str(),
            "motif": self.motive.sent(),
            "numeroDPMandat": self.mandate,
        })
    }

    fn read(answer: &Value) -> Result<Treated, Unreadable> {
        Ok(Treated::read(answer, "nouveauStatut"))
    }
}

/// Which statuses may follow one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecupererEtatsTraitement {
    pub current: InvoiceStatus,
}

impl Service for RecupererEtatsTraitement {
    const NAME: &'static str = "recuperer/etats/traitement";
    const PATH: &'static str = "/cpro/transverses/v1/recuperer/etats/traitement";
    const SUCCESS_CODES: &'static [i64] = &[super::listing::NO_ROWS];
    const ANSWER_LIMIT: usize = 1 << 20;
    type Answer = Vec<InvoiceStatus>;

    fn body(&self) -> Value {
        json!({"statutCourant": self.current.as_str()})
    }

    /// A list without any status says that nothing may follow; an answer without the list says nothing.
    fn read(answer: &Value) -> Result<Vec<InvoiceStatus>, Unreadable> {
        const LIST: &str = "listeStatutsPossiblesPourTraitement";
        let none_found = field::integer(answer, "codeRetour") == Some(super::listing::NO_ROWS);
        if answer.get(LIST).is_none_or(Value::is_null) && !none_found {
            return Err(Unreadable::new(LIST, "is missing"));
        }
        let rows = field::list(answer, LIST).into_iter().enumerate();
        rows.map(|(n, row)| match row {
            Value::String(code) => Ok(InvoiceStatus::from(code.trim().to_owned())),
            _ => field::needed(row, &format!("{LIST}[{n}]"), "statutPossiblePourTraitement"),
        })
        .collect()
    }
}

/// The statuses by which a validator decides (PROTOCOL §3: set by "valideurs"): the first one, or the second.
pub const VALIDATOR_TARGETS: [InvoiceStatus; 4] =
    [InvoiceStatus::Validee1, InvoiceStatus::Refusee1, InvoiceStatus::Validee2, InvoiceStatus::Refusee2];

/// The status in which an invoice waits for a validator's decision; `None` for what no validator decides.
pub fn awaited(target: &InvoiceStatus) -> Option<InvoiceStatus> {
    match target {
        InvoiceStatus::Validee1 | InvoiceStatus::Refusee1 => Some(InvoiceStatus::AValider1),
        InvoiceStatus::Validee2 | InvoiceStatus::Refusee2 => Some(InvoiceStatus::AValider2),
        _ => None,
    }
}

/// A validator's decision as the one that the invoice waits for: whether first or second validator, it is that one who was
/// `asked`.
pub fn decision(target: InvoiceStatus, asked: Option<&InvoiceStatus>) -> InvoiceStatus {
    match (target, asked) {
        (InvoiceStatus::Validee1, Some(InvoiceStatus::AValider2)) => InvoiceStatus::Validee2,
        (InvoiceStatus::Refusee1, Some(InvoiceStatus::AValider2)) => InvoiceStatus::Refusee2,
        (InvoiceStatus::Validee2, Some(InvoiceStatus::AValider1)) => InvoiceStatus::Validee1,
        (InvoiceStatus::Refusee2, Some(InvoiceStatus::AValider1)) => InvoiceStatus::Refusee1,
        (target, _) => target,
    }
}

/// The statuses that an invoice has once it was given `target`: a refusal because somebody else should validate has one of
/// its own.
pub fn outcomes(target: &InvoiceStatus) -> Vec<InvoiceStatus> {
    match target {
        InvoiceStatus::Refusee1 => vec![target.clone(), InvoiceStatus::ErreurFournisseurSurValideur],
        InvoiceStatus::Refusee2 => vec![target.clone(), InvoiceStatus::ErreurCotraitantSurValideur],
        _ => vec![target.clone()],
    }
}

/// What a validator decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValidatorAction {
    Validate,
    /// With the code of `recuperer/motifs/refus/Facture/AValider`, and a word of one's own.
    Refuse {
        motive: String,
        more: String,
    },
}

/// Validates or refuses an invoice of a sub- or co-contractor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraiterFactureAValider {
    pub invoice: ChorusInvoiceId,
    pub action: ValidatorAction,
    /// `typeValideur`, when it must be said; its codes were not found.
    pub role: Option<String>,
    /// The validator's structure.
    pub validator: Option<i64>,
}

impl TraiterFactureAValider {
    /// The request for one of [`VALIDATOR_TARGETS`], or why it cannot be made. A refusal's code is the one at the head of
    /// the motif; without one, that it is not for a wrong validator.
    pub fn new(invoice: ChorusInvoiceId, target: &InvoiceStatus, motive: &Motive) -> Result<Self, TreatmentError> {
        let action = match target {
            InvoiceStatus::Validee1 | InvoiceStatus::Validee2 => ValidatorAction::Validate,
            InvoiceStatus::Refusee1 | InvoiceStatus::Refusee2 if motive.is_empty() => {
                return Err(TreatmentError::MotiveMissing(target.clone()));
            }
            InvoiceStatus::Refusee1 | InvoiceStatus::Refusee2 => {
                let text = motive.full();
                let coded = MotiveCode::leading(text).map(|code| (code, &text[code.as_str().len()..]));
                let (code, more) = coded.unwrap_or((MotiveCode::OtherThanValidator, text));
                let more = Motive::new(more.trim_start_matches([' ', '-', ':', ';', ',']));
                ValidatorAction::Refuse { motive: code.as_str().to_owned(), more: more.sent().to_owned() }
            }
            other => return Err(TreatmentError::NoTarget(other.clone())),
        };
        Ok(Self { invoice, action, role: None, validator: None })
    }
}

impl Service for TraiterFactureAValider {
    const NAME: &'static str = "traiter/factureAValider";
    const PATH: &'static str = "/cpro/factures/v1/traiter/factureAValider";
    const CHANGES: bool = true;
    const ANSWER_LIMIT: usize = 1 << 20;
    type Answer = Treated;

    fn body(&self) -> Value {
        let mut body = json!({"idFacture": self.invoice.0});
        match &self.action {
            ValidatorAction::Validate => body["action"] = "VALIDATION".into(),
            ValidatorAction::Refuse { motive, more } => {
                body["action"] = "REFUS".into();
                body["motifRefus"] = motive.as_str().into();
                body["complementInfo"] = more.as_str().into();
            }
        }
        if let Some(role) = &self.role {
            body["typeValideur"] = role.as_str().into();
        }
        if let Some(validator) = self.validator {
            body["idValideur"] = validator.into();
        }
        body
    }

    fn read(answer: &Value) -> Result<Treated, Unreadable> {
        Ok(Treated::read(answer, "statutFacture"))
    }
}

/// Names another validator on an invoice we sent, which the one it named refused as not the right one (factures.json,
/// corrigerValideurFacture). It waits for the new one then: A_VALIDER_1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrigerValideur {
    pub invoice: ChorusInvoiceId,
    pub validator: Siret,
}

impl Service for CorrigerValideur {
    const NAME: &'static str = "corriger/valideur/facture";
    const PATH: &'static str = "/cpro/factures/v1/corriger/valideur/facture";
    const CHANGES: bool = true;
    const ANSWER_LIMIT: usize = 1 << 20;
    type Answer = Treated;

    /// By the SIRET alone: `idStructure` would have to be asked for first.
    fn body(&self) -> Value {
        json!({
            "idFacture": self.invoice.0,
            "typeIdentifiantStructure": "SIRET",
            "identifiantStructure": self.validator.as_str(),
        })
    }

    /// The answer names the invoice only.
    fn read(answer: &Value) -> Result<Treated, Unreadable> {
        Ok(Treated::read(answer, "statutFacture"))
    }
}
