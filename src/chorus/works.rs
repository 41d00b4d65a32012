//! `facturesTravaux/rechercher`: works invoices, seen by the project manager (MOE) or the project owner (MOA). They have
//! names of their own for everything, and a code of their own for "no row".

use serde_json::{Map, Value};

use crate::chorus::{Page, Period, ResultPage, Service, Unreadable, WireDate, field, listing};
use crate::domain::{ChorusInvoiceId, InvoiceNumber, InvoiceStatus};

/// GFT_MSG_01.075: no row (PROTOCOL §2.1).
const NO_WORKS: i64 = 20_007;
/// The most rows a page may be asked for.
const ROWS_LIMIT: u32 = 200;

/// As whom one searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorksRole {
    /// maître d'œuvre
    ProjectManager,
    /// maître d'ouvrage
    ProjectOwner,
}

impl WorksRole {
    pub const ALL: [WorksRole; 2] = [WorksRole::ProjectManager, WorksRole::ProjectOwner];

    fn as_str(self) -> &'static str {
        match self {
            WorksRole::ProjectManager => "MOE",
            WorksRole::ProjectOwner => "MOA",
        }
    }
}

/// Searches works invoices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RechercherTravaux {
    pub role: WorksRole,
    pub state_changed: Option<Period>,
    pub page: Page,
}

/// A works invoice as a search shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorksInvoice {
    pub id: ChorusInvoiceId,
    pub number: Option<InvoiceNumber>,
    pub status: Option<InvoiceStatus>,
    pub status_at: Option<WireDate>,
    /// PROJET_DECOMPTE_MENSUEL, ETAT_ACOMPTE ...
    pub kind: Option<String>,
    pub supplier: Option<String>,
    pub supplier_name: Option<String>,
    pub recipient: Option<String>,
    pub recipient_name: Option<String>,
    pub issued_on: Option<WireDate>,
    pub deposited_on: Option<WireDate>,
    pub payable: Option<String>,
    pub currency: Option<String>,
    pub downloaded: Option<bool>,
}

impl Service for RechercherTravaux {
    const NAME: &'static str = "facturesTravaux/rechercher";
    const PATH: &'static str = "/cpro/facturesTravaux/v1/rechercher";
    const SUCCESS_CODES: &'static [i64] = &[NO_WORKS, listing::NO_ROWS];
    type Answer = ResultPage<WorksInvoice>;

    fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("roleUtilisateur".to_owned(), self.role.as_str().into());
        if let Some(period) = &self.state_changed {
            period.write(&mut body, "periodeDateHeureEtatCourant");
        }
        body.insert("paramRecherche".to_owned(), listing::paging(self.page, ROWS_LIMIT, None));
        Value::Object(body)
    }

    fn read(answer: &Value) -> Result<Self::Answer, Unreadable> {
        listing::read(answer, "listeFacturesTravaux", Self::SUCCESS_CODES, |row, place| {
            let either = |a: &str, b: &str| field::text(row, a).or_else(|| field::text(row, b));
            let id = field::integer(row, "idFactureTravaux").or_else(|| field::integer(row, "idFacture"));
            let id = id.map_or_else(|| field::needed_integer(row, place, "idFactureTravaux"), Ok)?;
            Ok(WorksInvoice {
                id: ChorusInvoiceId(id),
                number: either("numeroFactureTravaux", "numeroFacture").and_then(|n| n.parse().ok()),
                status: either("statutFactureTravaux", "statut").map(InvoiceStatus::from),
                status_at: field::date(row, "dateHeureEtatCourant"),
                kind: field::text(row, "typeFactureTravaux"),
                supplier: either("identifiantFournisseur", "codeFournisseur"),
                supplier_name: field::text(row, "designationFournisseur"),
                recipient: either("identifiantDestinataire", "codeMOA"),
                recipient_name: field::text(row, "designationDestinataire"),
                issued_on: either("dateFactureTravaux", "dateFacture").map(WireDate::new),
                deposited_on: field::date(row, "dateDepot"),
                payable: field::text(row, "montantAPayer"),
                currency: field::text(row, "devise"),
                downloaded: field::truth(row, "factureTelechargeeParDestinataire"),
            })
        })
    }
}
