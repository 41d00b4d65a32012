//! Invoices that wait for somebody: `rechercher/atraiter/recipiendaire`, `rechercher/aTraiter/valideur` (a capital T, and
//! only there), and what a validator may search (`rechercher/valideur`).

use serde_json::{Value, json};

use crate::chorus::structure::StructureId;
use crate::chorus::{Page, ResultPage, Service, Unreadable, WireDate, field, listing};
use crate::domain::{ChorusInvoiceId, InvoiceNumber, InvoiceStatus};

/// The most rows a page may be asked for (PROTOCOL §2.2).
const ROWS_LIMIT: u32 = 200;

/// An invoice that waits, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingInvoice {
    pub id: ChorusInvoiceId,
    pub number: InvoiceNumber,
    pub status: InvoiceStatus,
    /// FACTURE, FACTURE_TRAVAUX.
    pub request: Option<String>,
    /// FACTURE, AVOIR, ACOMPTE; `None` of a works invoice.
    pub kind: Option<String>,
    pub supplier: Option<String>,
    pub supplier_name: Option<String>,
    pub recipient: Option<String>,
    pub recipient_name: Option<String>,
    pub service: Option<String>,
    pub validator: Option<String>,
    pub issued_on: Option<WireDate>,
    pub deposited_on: Option<WireDate>,
    /// montantAPayer as it was written.
    pub payable: Option<String>,
    pub currency: Option<String>,
    pub downloaded: Option<bool>,
}

/// The two lists call the parties' numbers differently.
fn row(row: &Value, place: &str) -> Result<WaitingInvoice, Unreadable> {
    let either = |a: &str, b: &str| field::text(row, a).or_else(|| field::text(row, b));
    Ok(WaitingInvoice {
        id: ChorusInvoiceId(field::needed_integer(row, place, "idFacture")?),
        number: field::needed(row, place, "numeroFacture")?,
        status: field::needed(row, place, "statut")?,
        request: field::text(row, "typeDemandePaiement"),
        kind: field::text(row, "typeFacture"),
        supplier: either("codeFournisseur", "identifiantFournisseur"),
        supplier_name: field::text(row, "designationFournisseur"),
        recipient: either("codeDestinataire", "identifiantDestinataire"),
        recipient_name: field::text(row, "designationDestinataire"),
        service: field::text(row, "codeServiceExecutant"),
        validator: field::text(row, "identifiantValideur"),
        issued_on: field::date(row, "dateFacture"),
        deposited_on: field::date(row, "dateDepot"),
        payable: field::text(row, "montantAPayer"),
        currency: field::text(row, "devise"),
        downloaded: field::truth(row, "factureTelechargeeParDestinataire"),
    })
}

/// Invoices that a validator has to validate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RechercherATraiterValideur {
    pub structure: Option<StructureId>,
    pub page: Page,
}

impl Service for RechercherATraiterValideur {
    const NAME: &'static str = "rechercher/aTraiter/valideur";
    const PATH: &'static str = "/cpro/factures/v1/rechercher/aTraiter/valideur";
    const SUCCESS_CODES: &'static [i64] = &[listing::NO_ROWS];
    type Answer = ResultPage<WaitingInvoice>;

    fn body(&self) -> Value {
        let mut body = json!({"pagination": listing::paging(self.page, ROWS_LIMIT, Some("DateDepot"))});
        if let Some(structure) = self.structure {
            body["idStructure"] = structure.0.into();
        }
        body
    }

    fn read(answer: &Value) -> Result<Self::Answer, Unreadable> {
        listing::read(answer, "listeFactures", Self::SUCCESS_CODES, row)
    }
}
