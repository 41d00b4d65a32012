//! Whether a recipient knows a commitment (`engagementsJuridiques/rechercher`).

use serde_json::{Value, json};

use crate::chorus::{Service, Unreadable, field, listing};

/// Looks whether a recipient knows a commitment number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RechercherEngagement {
    pub recipient_siret: String,
    pub number: String,
}

/// A commitment that the recipient has registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    pub number: Option<String>,
    pub state: Option<String>,
}

impl Service for RechercherEngagement {
    const NAME: &'static str = "engagementsJuridiques/rechercher";
    const PATH: &'static str = "/cpro/engagementsJuridiques/v1/rechercher";
    const SUCCESS_CODES: &'static [i64] = &[listing::NO_ROWS];
    /// Empty: the recipient does not know the number.
    type Answer = Vec<Commitment>;

    /// Only commitments that are ordered can be invoiced: `COMMANDE`.
    fn body(&self) -> Value {
        json!({
            "structureReceptriceEngagementJuridique": self.recipient_siret,
            "numeroEngagementJuridique": self.number,
            "etatCourantEngagementJuridique": "COMMANDE",
        })
    }

    fn read(answer: &Value) -> Result<Vec<Commitment>, Unreadable> {
        const LIST: &str = "listeEngagementJuridique";
        let none_found = field::integer(answer, "codeRetour") == Some(listing::NO_ROWS);
        // null is how "none" is written; an answer that lacks the list proves nothing.
        if answer.get(LIST).is_none() && !none_found {
            return Err(Unreadable::new(LIST, "is missing"));
        }
        let rows = field::list(answer, LIST).into_iter();
        Ok(rows
            .map(|row| Commitment {
                number: field::text(row, "numeroEngagementJuridique"),
                state: field::text(row, "etatCourantEngagementJuridique"),
            })
            .collect())
    }
}
