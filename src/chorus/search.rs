//! `rechercher/fournisseur` and `rechercher/recipiendaire`: the invoices we sent, and those we received.
//!
//! No row is code 20000, which both take for success (PROTOCOL §2.2).

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::chorus::{Page, Period, ResultPage, Service, Unreadable, WireDate, field, listing};
use crate::domain::{ChorusInvoiceId, DepositNumber, InvoiceNumber, InvoiceStatus};

/// The most rows a page may be asked for (PROTOCOL §2.2).
const PAGE_LIMIT: u32 = 200;
/// Rows come oldest first.
const SORT: Option<&str> = Some("DateDepot");

/// What the swagger has in the row of a received invoice (FactureRechercheRecipiendaire).
const RECEIVED_FIELDS: &[&str] = &[
    "idFacture",
    "devise",
    "typeDemandePaiement",
    "codeFournisseur",
    "typeIdentifiantFournisseur",
    "designationFournisseur",
    "codeServiceFournisseur",
    "nomServiceFournisseur",
    "idDestinataire",
    "codeDestinataire",
    "designationDestinataire",
    "idServiceExecutant",
    "codeServiceExecutant",
    "nomServiceExecutant",
    "typeFacture",
    "typeFactureTravaux",
    "numeroFacture",
    "dateFacture",
    "dateDepot",
    "montantHT",
    "montantTTC",
    "montantAPayer",
    "statut",
    "numeroMarche",
    "numeroBonCommande",
    "taille",
    "factureTelechargeeParDestinataire",
    "codeMOE",
    "typeIdentifiantMOE",
    "designationMOE",
    "codeMOA",
    "typeIdentifiantMOA",
    "designationMOA",
    "dateHeureEtatCourant",
    "commentaireEtatCourant",
];

/// Writes what both searches may be narrowed by.
fn narrow(
    body: &mut Map<String, Value>,
    number: Option<&InvoiceNumber>,
    deposited: Option<&Period>,
    state_changed: Option<&Period>,
) {
    if let Some(number) = number {
        body.insert("numeroFacture".to_owned(), number.as_str().into());
    }
    if let Some(period) = deposited {
        period.write(body, "periodeDateDepot");
    }
    if let Some(period) = state_changed {
        period.write(body, "periodeDateHeureEtatCourant");
    }
}

/// An invoice as a search shows it: what both searches show, and what only this one does.
macro_rules! shown_invoice {
    ($(#[$about:meta])* $name:ident, id in $id:literal, and { $($(#[$doc:meta])* $field:ident: $type:ty = $read:expr,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            pub id: ChorusInvoiceId,
            pub number: InvoiceNumber,
            pub status: InvoiceStatus,
            pub status_at: Option<WireDate>,
            pub comment: Option<String>,
            pub supplier: Option<String>,
            pub supplier_name: Option<String>,
            pub recipient: Option<String>,
            pub recipient_name: Option<String>,
            pub issued_on: Option<WireDate>,
            pub deposited_on: Option<WireDate>,
            /// FACTURE, AVOIR, ACOMPTE.
            pub kind: Option<String>,
            /// Amount and currency: `120.00 EUR`.
            pub payable: Option<String>,
            $($(#[$doc])* pub $field: $type,)*
        }

        impl $name {
            fn read(row: &Value, place: &str) -> Result<Self, Unreadable> {
                Ok(Self {
                    id: ChorusInvoiceId(field::needed_integer(row, place, $id)?),
                    number: field::needed(row, place, "numeroFacture")?,
                    status: field::needed(row, place, "statut")?,
                    status_at: field::date(row, "dateHeureEtatCourant"),
                    comment: field::text(row, "commentaireEtatCourant"),
                    supplier: field::text(row, "codeFournisseur"),
                    supplier_name: field::text(row, "designationFournisseur"),
                    recipient: field::text(row, "codeDestinataire"),
                    recipient_name: field::text(row, "designationDestinataire"),
                    issued_on: field::date(row, "dateFacture"),
                    deposited_on: field::date(row, "dateDepot"),
                    kind: field::text(row, "typeFacture"),
                    payable: payable(row),
                    $($field: $read(row),)*
                })
            }
        }
    };
}

shown_invoice! {
    /// A sent invoice, as a search shows it.
    SentInvoice, id in "identifiantFactureCPP", and {
        /// The flux it came by, when the row says.
        deposit: Option<DepositNumber> = |row| field::text(row, "numeroFluxDepot").and_then(|n| n.parse().ok()),
    }
}

shown_invoice! {
    /// A received invoice, as a search shows it.
    ReceivedInvoice, id in "idFacture", and {
        /// The recipient's service.
        service: Option<String> = |row| field::text(row, "codeServiceExecutant"),
        downloaded: Option<bool> = |row| field::truth(row, "factureTelechargeeParDestinataire"),
        /// Fields that the swagger does not have, as they came.
        others: Map<String, Value> = |row| field::others(row, RECEIVED_FIELDS),
    }
}

/// Searches the invoices we sent, as supplier.
#[derive(Debug, Clone)]
pub struct RechercherFournisseur {
    pub number: Option<InvoiceNumber>,
    pub deposit: Option<DepositNumber>,
    pub deposited: Option<Period>,
    pub state_changed: Option<Period>,
    pub page: Page,
}

impl Service for RechercherFournisseur {
    const NAME: &'static str = "rechercher/fournisseur";
    const PATH: &'static str = "/cpro/factures/v1/rechercher/fournisseur";
    const SUCCESS_CODES: &'static [i64] = &[listing::NO_ROWS];
    type Answer = ResultPage<SentInvoice>;

    fn body(&self) -> Value {
        let mut body = Map::new();
        narrow(&mut body, self.number.as_ref(), self.deposited.as_ref(), self.state_changed.as_ref());
        if let Some(deposit) = &self.deposit {
            body.insert("numeroFluxDepot".to_owned(), deposit.as_str().into());
        }
        body.insert("rechercheFactureParFournisseur".to_owned(), listing::paging(self.page, PAGE_LIMIT, SORT));
        Value::Object(body)
    }

    fn read(answer: &Value) -> Result<Self::Answer, Unreadable> {
        listing::read(answer, "listeFactures", Self::SUCCESS_CODES, SentInvoice::read)
    }
}

/// Which kind of request for payment is searched: one per call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentRequest {
    Invoice,
    WorksInvoice,
}

impl PaymentRequest {
    pub const ALL: [PaymentRequest; 2] = [PaymentRequest::Invoice, PaymentRequest::WorksInvoice];

    fn as_str(self) -> &'static str {
        match self {
            PaymentRequest::Invoice => "FACTURE",
            PaymentRequest::WorksInvoice => "FACTURE_TRAVAUX",
        }
    }
}

/// Searches the invoices we received, as recipient.
#[derive(Debug, Clone)]
pub struct RechercherRecipiendaire {
    pub kind: PaymentRequest,
    pub number: Option<InvoiceNumber>,
    pub deposited: Option<Period>,
    pub state_changed: Option<Period>,
    /// Whether the recipient has downloaded it.
    pub downloaded: Option<bool>,
    /// Only these statuses; empty: any. Unknown ones cannot be asked for and are left out.
    pub statuses: Vec<InvoiceStatus>,
    pub page: Page,
}

impl Service for RechercherRecipiendaire {
    const NAME: &'static str = "rechercher/recipiendaire";
    const PATH: &'static str = "/cpro/factures/v1/rechercher/recipiendaire";
    const SUCCESS_CODES: &'static [i64] = &[listing::NO_ROWS];
    type Answer = ResultPage<ReceivedInvoice>;

    fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("typeDemandePaiement".to_owned(), self.kind.as_str().into());
        narrow(&mut body, self.number.as_ref(), self.deposited.as_ref(), self.state_changed.as_ref());
        if let Some(downloaded) = self.downloaded {
            body.insert("factureTelechargeeParDestinataire".to_owned(), downloaded.into());
        }
        let known = self.statuses.iter().filter(|s| s.is_known());
        let statuses: Vec<Value> = known.map(|s| s.as_str().into()).collect();
        if !statuses.is_empty() {
            body.insert("statutCourant".to_owned(), statuses.into());
        }
        body.insert("paramRecherche".to_owned(), listing::paging(self.page, PAGE_LIMIT, SORT));
        Value::Object(body)
    }

    fn read(answer: &Value) -> Result<Self::Answer, Unreadable> {
        listing::read(answer, "listeFactures", Self::SUCCESS_CODES, ReceivedInvoice::read)
    }
}

/// `montantAPayer` with at least two decimals, and the currency.
fn payable(row: &Value) -> Option<String> {
    let text = field::text(row, "montantAPayer")?;
    let mut amount = text.parse().or_else(|_| Decimal::from_scientific(&text)).ok()?;
    if amount.scale() < 2 {
        amount.rescale(2);
    }
    let currency = field::text(row, "devise").unwrap_or_default();
    Some(format!("{amount} {currency}").trim_end().to_owned())
}
