//! `consulter/historique`: the past of one invoice. Its three lists are paged apart; the status list leads.

use serde_json::{Map, Value, json};

use crate::chorus::{Service, Unreadable, WireDate, field};
use crate::domain::{ChorusInvoiceId, InvoiceNumber, InvoiceStatus};

/// What the swagger has in a status of the history (HistoriqueStatus).
const STATUS_FIELDS: &[&str] = &[
    "histoStatutId",
    "histoStatutCode",
    "histoStatutDatePassage",
    "histoStatutCommentaire",
    "histoStatutUtilisateurPrenom",
    "histoStatutUtilisateurNom",
    "histoStatutUtilisateurEmail",
    "histoStatutUtilisateurTelephone",
];
/// Rows of each list on a page.
const ROWS: u32 = 100;

/// Asks for an invoice's history.
#[derive(Debug, Clone, Copy)]
pub struct ConsulterHistorique {
    pub invoice: ChorusInvoiceId,
    /// Page of all three lists; 1 is the first.
    pub page: u32,
}

/// A page of an invoice's history; lists as they came, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub number: Option<InvoiceNumber>,
    pub current: Option<InvoiceStatus>,
    pub statuses: Vec<HistoryStatus>,
    pub events: Vec<HistoryEvent>,
    pub actions: Vec<HistoryAction>,
    /// Pages of the list of statuses, the only one that is read to its end.
    pub pages: u32,
}

impl History {
    /// Whether there are further statuses after the page that was `asked` for.
    pub fn has_more(&self, asked: u32) -> bool {
        asked < self.pages
    }
}

/// A status the invoice has had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryStatus {
    pub status: InvoiceStatus,
    pub at: WireDate,
    pub comment: Option<String>,
    /// First name and name, or address, of whoever set it.
    pub author: Option<String>,
    /// The whole entry as it came, with whatever this reader does not know.
    pub original: Value,
}

impl HistoryStatus {
    /// Fields that the swagger does not have, as they came.
    pub fn others(&self) -> Map<String, Value> {
        field::others(&self.original, STATUS_FIELDS)
    }
}

/// Something else that happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEvent {
    pub label: String,
    pub at: Option<WireDate>,
    pub author: Option<String>,
    /// The whole entry as it came.
    pub original: Value,
}

/// Something a user did with it: TELECHARGEMENT_FACTURE, ACQUITTEMENT_REJET ...
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryAction {
    pub code: String,
    pub at: Option<WireDate>,
    pub author: Option<String>,
    /// The whole entry as it came.
    pub original: Value,
}

impl Service for ConsulterHistorique {
    const NAME: &'static str = "consulter/historique";
    const PATH: &'static str = "/cpro/factures/v1/consulter/historique";
    type Answer = History;

    fn body(&self) -> Value {
        let page = self.page.max(1);
        json!({
            "idFacture": self.invoice.0,
            "paramRechercheHistoStatuts": {
                "pageResultatDemandeeListeHistoStatut": page,
                "nbResultatsParPageListeHistoStatut": ROWS,
                "triColonneListeHistoStatut": "HistoStatutDatePassage",
                "triSensListeHistoStatut": "Ascendant",
            },
            "paramRechercheHistoEvenementsComplementaires": {
                "pageResultatDemandeeListeHistoEvenement": page,
                "nbResultatsParPageListeHistoEvenement": ROWS,
                "triColonneListeHistoEvenement": "EvenementDateHeure",
                "triSensListeHistoEvenement": "Ascendant",
            },
            "paramRechercheHistoActionsUtilisateurs": {
                "pageResultatDemandeeListeHistoAction": page,
                "nbResultatsParPageListeHistoAction": ROWS,
                "triColonneListeHistoAction": "HistoActionDateHeure",
                "triSensListeHistoAction": "Ascendant",
            },
        })
    }

    fn read(answer: &Value) -> Result<History, Unreadable> {
        let none = Value::Null;
        let statuses = answer.get("historiquesDesStatuts").unwrap_or(&none);
        let events = answer.get("historiquesDesEvenementsComplementaires").unwrap_or(&none);
        let actions = answer.get("historiquesDesActionsUtilisateurs").unwrap_or(&none);
        let pages = field::integer(statuses, "pagesHistoStatut").and_then(|n| u32::try_from(n).ok());
        Ok(History {
            number: field::text(answer, "numeroFacture").and_then(|n| n.parse().ok()),
            current: field::text(answer, "statutCourantCode").map(InvoiceStatus::from),
            statuses: read_statuses(statuses)?,
            events: read_events(events),
            actions: read_actions(actions),
            pages: pages.unwrap_or(1),
        })
    }
}

fn read_statuses(list: &Value) -> Result<Vec<HistoryStatus>, Unreadable> {
    let rows = field::list(list, "histoStatut").into_iter().enumerate();
    rows.map(|(n, row)| {
        let place = format!("historiquesDesStatuts.histoStatut[{n}]");
        Ok(HistoryStatus {
            status: field::needed(row, &place, "histoStatutCode")?,
            at: WireDate::new(field::needed::<String>(row, &place, "histoStatutDatePassage")?),
            comment: field::text(row, "histoStatutCommentaire"),
            author: author(row, "histoStatutUtilisateur"),
            original: row.clone(),
        })
    })
    .collect()
}

/// Whoever did it, from the fields that begin with `prefix`.
fn author(row: &Value, prefix: &str) -> Option<String> {
    let names = ["Prenom", "Nom"].into_iter();
    let parts: Vec<String> = names.filter_map(|name| field::text(row, &format!("{prefix}{name}"))).collect();
    if parts.is_empty() { field::text(row, &format!("{prefix}Email")) } else { Some(parts.join(" ")) }
}

fn read_events(list: &Value) -> Vec<HistoryEvent> {
    let rows = field::list(list, "evenement").into_iter();
    rows.map(|row| HistoryEvent {
        label: field::text(row, "evenementLibelle").unwrap_or_default(),
        at: field::date(row, "evenementDateHeure"),
        author: field::text(row, "evenementQui"),
        original: row.clone(),
    })
    .collect()
}

fn read_actions(list: &Value) -> Vec<HistoryAction> {
    let rows = field::list(list, "histoAction").into_iter();
    rows.map(|row| HistoryAction {
        code: field::text(row, "histoActionCode").unwrap_or_default(),
        at: field::date(row, "histoActionDateHeure"),
        author: author(row, "histoActionUtilisateur"),
        original: row.clone(),
    })
    .collect()
}
