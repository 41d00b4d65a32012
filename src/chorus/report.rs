//! `consulterCRDetaille`: Chorus Pro's verdict on a deposited flux, minutes or hours later.

use serde_json::{Map, Value};

use crate::chorus::{FluxSyntax, Service, Unreadable, WireDate, field};
use crate::domain::DepositNumber;

macro_rules! flux_states {
    ($($name:ident = $wire:literal => $verdict:ident),* $(,)?) => {
        /// `etatCourantDepotFlux`: the states seen (PROTOCOL §2.2: no enumeration is published), and a place for others.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum FluxState {
            $($name,)*
            /// A code nobody listed: kept as it came, never taken for success.
            Unknown(String),
        }

        impl FluxState {
            pub const KNOWN: &[FluxState] = &[$(FluxState::$name,)*];

            /// The code as Chorus Pro writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(FluxState::$name => $wire,)*
                    FluxState::Unknown(code) => code,
                }
            }

            /// What the state means for the deposit.
            pub fn verdict(&self) -> Verdict {
                match self {
                    $(FluxState::$name => Verdict::$verdict,)*
                    FluxState::Unknown(_) => Verdict::Unknown,
                }
            }

            fn of(code: &str) -> Self {
                match code {
                    $($wire => FluxState::$name,)*
                    other => FluxState::Unknown(other.chars().take(80).collect()),
                }
            }
        }
    };
}

flux_states! {
    AwaitsPortalTreatment = "IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP" => InHand,
    Received = "IN_RECU" => InHand,
    TreatedByExchange = "IN_TRAITE_SE_CPP" => InHand,
    AwaitsTreatment = "IN_EN_ATTENTE_TRAITEMENT_CPP" => InHand,
    UnderTreatment = "IN_EN_COURS_TRAITEMENT_CPP" => InHand,
    AwaitsNewTreatment = "IN_EN_ATTENTE_RETRAITEMENT_CPP" => InHand,
    Admissible = "QP_RECEVABLE" => InHand,
    AdmissibleWithError = "QP_RECEVABLE_AVEC_ERREUR" => InHand,
    Integrated = "IN_INTEGRE" => Integrated,
    PartlyIntegrated = "IN_INTEGRE_PARTIEL" => PartlyIntegrated,
    Rejected = "IN_REJETE" => Rejected,
    Inadmissible = "QP_IRRECEVABLE" => Rejected,
    Incident = "IN_INCIDENTE" => Incident,
}

/// A flux state's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No verdict yet: ask again later.
    InHand,
    Integrated,
    /// Some invoices were refused: see [`Report::invoices`].
    PartlyIntegrated,
    Rejected,
    /// Lost at Chorus Pro: the whole flux is to be sent again.
    Incident,
    /// A code we do not know: an alarm, never "fine".
    Unknown,
}

impl FluxState {
    /// Whether Chorus Pro has given its last word. An unknown state is never final.
    pub fn is_final(&self) -> bool {
        !matches!(self.verdict(), Verdict::InHand | Verdict::Unknown)
    }
}

impl From<&str> for FluxState {
    fn from(code: &str) -> Self {
        Self::of(code)
    }
}

/// Asks for the detailed report of a deposit.
#[derive(Debug, Clone)]
pub struct ConsulterCrDetaille {
    pub deposit: DepositNumber,
    pub syntax: Option<FluxSyntax>,
}

/// The detailed report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub state: FluxState,
    pub state_at: Option<WireDate>,
    pub deposited_on: Option<WireDate>,
    /// `codeInterfaceDepotFlux`, such as FSO1117A: read, never computed.
    pub interface: Option<String>,
    /// Chorus Pro's own name for the file.
    pub file: Option<String>,
    /// Errors on single invoices (listeErreurDP).
    pub invoices: Vec<ReportedInvoice>,
    /// Errors on the flux as a whole (listeErreurTechnique).
    pub errors: Vec<ReportedError>,
}

/// An invoice that Chorus Pro refused. The label is cut by Chorus Pro near 200 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedInvoice {
    pub number: Option<String>,
    pub supplier: Option<String>,
    pub recipient: Option<String>,
    pub label: String,
}

/// A technical error on the flux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedError {
    pub code: Option<String>,
    pub label: String,
    pub nature: Option<String>,
}

impl Report {
    /// The errors in one line for a person; `None` when the report gives none.
    pub fn summary(&self) -> Option<String> {
        let technical = self.errors.iter().map(|e| match &e.code {
            Some(code) => format!("{code} {}", e.label).trim().to_owned(),
            None => e.label.clone(),
        });
        let lines: Vec<String> = self.invoices.iter().map(|i| i.label.clone()).chain(technical).collect();
        (!lines.is_empty()).then(|| lines.join(" ; "))
    }
}

impl Service for ConsulterCrDetaille {
    const NAME: &'static str = "consulterCRDetaille";
    const PATH: &'static str = "/cpro/transverses/v1/consulterCRDetaille";
    type Answer = Report;

    fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("numeroFluxDepot".to_owned(), self.deposit.as_str().into());
        if let Some(syntax) = self.syntax {
            body.insert("syntaxeFlux".to_owned(), syntax.as_str().into());
        }
        Value::Object(body)
    }

    fn read(answer: &Value) -> Result<Report, Unreadable> {
        let state: String = field::needed(answer, "", "etatCourantDepotFlux")?;
        let invoices = field::list(answer, "listeErreurDP").into_iter().map(|row| ReportedInvoice {
            number: field::text(row, "numeroDP"),
            supplier: field::text(row, "identifiantFournisseur"),
            recipient: field::text(row, "identifiantDestinataire"),
            label: field::text(row, "libelleErreurDP").unwrap_or_default(),
        });
        let errors = field::list(answer, "listeErreurTechnique").into_iter().map(|row| ReportedError {
            code: field::text(row, "codeErreur"),
            label: field::text(row, "libelleErreur").unwrap_or_default(),
            nature: field::text(row, "natureErreur"),
        });
        Ok(Report {
            state: FluxState::of(&state),
            state_at: field::date(answer, "dateHeureEtatCourantFlux"),
            deposited_on: field::date(answer, "dateDepotFlux"),
            interface: field::text(answer, "codeInterfaceDepotFlux"),
            file: field::text(answer, "nomFichier"),
            invoices: invoices.collect(),
            errors: errors.collect(),
        })
    }
}
