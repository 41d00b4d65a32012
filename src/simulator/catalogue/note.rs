//! What the catalogue keeps of each call: about what it was, and what the client was told.

use std::time::Instant;

use serde_json::Value;

use crate::simulator::fault::{Effect, Subject};

/// Calls kept.
const NOTES_LIMIT: usize = 20_000;

/// All notes of a run.
#[derive(Debug, Default)]
pub struct Notes {
    pub calls: Vec<Note>,
    pub tokens_given: usize,
    /// Calls that were answered with success.
    pub good_calls: usize,
    /// All tokens were forgotten, once.
    pub forgot: bool,
    /// The overtaken invoice was moved.
    pub overtaken: bool,
    /// The tester says that the client itself stopped the second deposit of `CAT-DOUBLE`.
    pub double_stopped: bool,
}

/// One call.
#[derive(Debug)]
pub struct Note {
    pub at: Instant,
    pub service: &'static str,
    pub subject: Subject,
    /// The HTTP status answered; 0 where none was.
    pub http: u16,
    /// codeRetour, where there was one.
    pub code: Option<i64>,
    /// What a script made of it.
    pub fault: Option<Effect>,
    pub told: Told,
}

/// The part of an answer that arrived and matters.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// etatCourantDepotFlux.
    pub flux_state: Option<String>,
    /// pageCourante.
    pub page: i64,
    pub pages: i64,
    /// numeroFacture and its status, of every invoice named.
    pub statuses: Vec<(String, String)>,
}

impl Notes {
    /// Keeps a call, as long as there is room.
    pub fn add(&mut self, note: Note) {
        if self.calls.len() < NOTES_LIMIT {
            self.calls.push(note);
        }
    }
}

impl Note {
    /// Whether it succeeded and its client learnt so.
    pub fn is_good(&self) -> bool {
        self.http == 200 && self.code.unwrap_or(0) == 0 && self.fault.is_none_or(|fault| fault == Effect::Slow)
    }

    /// Whether it names an invoice whose number begins so.
    pub fn is_about(&self, prefix: &str) -> bool {
        self.subject.invoices.iter().any(|number| number.starts_with(prefix))
    }

    /// What else was noted of it under this key.
    pub fn detail(&self, key: &str) -> Option<&str> {
        self.subject.details.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str())
    }

    /// Whether the answer named this invoice in this status.
    pub fn tells(&self, number: &str, status: &str) -> bool {
        self.told.statuses.iter().any(|(known, its)| known == number && its == status)
    }
}

impl Told {
    /// Reads an answer of ours.
    pub fn of(answer: &Value) -> Told {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let paging = answer.get("parametresRetour").filter(|value| value.is_object()).unwrap_or(answer);
        let mut statuses = Vec::new();
        let mut add = |number: &Value, status: &Value| {
            if let (Some(number), Some(status)) = (text(number), text(status)) {
                statuses.push((number, status));
            }
        };
        for row in answer["listeFactures"].as_array().into_iter().flatten() {
            add(&row["numeroFacture"], &row["statut"]);
        }
        add(&answer["facture"]["numeroFacture"], &answer["facture"]["statutFacture"]);
        for row in answer["historiquesDesStatuts"]["histoStatut"].as_array().into_iter().flatten() {
            add(&answer["numeroFacture"], &row["histoStatutCode"]);
        }
        Told {
            flux_state: text(&answer["etatCourantDepotFlux"]).or_else(|| text(&answer["etatCourantFlux"])),
            page: paging["pageCourante"].as_i64().unwrap_or(0),
            pages: paging["pages"].as_i64().unwrap_or(0),
            statuses,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_of_every_shape_tell_what_matters() {
        let nested = json!({"parametresRetour": {"pageCourante": 2, "pages": 3},
                            "listeFactures": [{"numeroFacture": "A", "statut": "DEPOSEE"}]});
        let told = Told::of(&nested);
        assert_eq!((told.page, told.pages, told.statuses), (2, 3, vec![("A".to_owned(), "DEPOSEE".to_owned())]));
        let flat = json!({"pageCourante": 1, "pages": 1, "listeFactures": null});
        assert_eq!((Told::of(&flat).page, Told::of(&flat).statuses.len()), (1, 0));
        let history = json!({"numeroFacture": "A", "historiquesDesStatuts":
            {"histoStatut": [{"histoStatutCode": "X"}, {"histoStatutCode": "Y"}]}});
        assert_eq!(Told::of(&history).statuses.len(), 2);
        assert_eq!(Told::of(&json!({"etatCourantDepotFlux": "IN_RECU"})).flux_state.as_deref(), Some("IN_RECU"));
        assert_eq!(Told::of(&Value::Null), Told::default());
    }
}
