//! What the establishment validates for others, as main contractor: `rechercher/valideur` and
//! `rechercher/aTraiter/valideur`; nested paging.

use std::time::Duration;

use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Common, CommonBody, Paging, no_row_nested, service_id, sort};
use crate::simulator::fault::Subject;
use crate::simulator::invoice::Invoice;
use crate::simulator::service::{Job, OK_LABEL, Outcome, given, parse, without_nulls};
use crate::simulator::status::{TO_VALIDATE, VISIBLE_TO_VALIDATOR};
use crate::simulator::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(flatten)]
    common: CommonBody,
    type_demande_paiement: Option<String>,
    id_destinataire: Option<i64>,
    id_fournisseur: Option<i64>,
    liste_type_facture: Option<Vec<String>>,
    pagination: Option<Paging>,
}

/// `rechercher/valideur`.
pub struct Validated {
    common: Common,
    body: Body,
}

impl Validated {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let mut body: Body = parse(bytes)?;
        Ok(Box::new(Validated { common: body.common.read()?, body }))
    }
}

impl Job for Validated {
    fn subject(&self, _world: &World) -> Subject {
        Subject::of_number(self.common.number.clone())
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        let body = &self.body;
        let rows = of_validator(world)
            .filter(|invoice| {
                body.type_demande_paiement.as_deref().is_none_or(|kind| kind == invoice.request_kind())
                    && body.id_destinataire.is_none_or(|id| id == 0 || id == invoice.recipient.id)
                    && body.id_fournisseur.is_none_or(|id| id == 0 || id == invoice.supplier.id)
                    && body
                        .liste_type_facture
                        .as_ref()
                        .is_none_or(|kinds| kinds.is_empty() || kinds.iter().any(|kind| kind == invoice.kind()))
                    && VISIBLE_TO_VALIDATOR.contains(&invoice.status(now).status.as_str())
                    && self.common.fits(world, invoice, now)
            })
            .collect();
        answer(world, rows, body.pagination.as_ref(), now)
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ToValidateBody {
    id_structure: Option<i64>,
    identifiant_structure: Option<String>,
    pagination: Option<Paging>,
}

/// `rechercher/aTraiter/valideur`, with its capital T.
pub struct ToValidate(ToValidateBody);

impl ToValidate {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Ok(Box::new(ToValidate(parse(bytes)?)))
    }
}

impl Job for ToValidate {
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        let body = &self.0;
        let own = world.own_structure();
        let ours = body.id_structure.is_none_or(|id| id == 0 || id == own.id())
            && body.identifiant_structure.as_deref().is_none_or(|siret| siret.is_empty() || siret == own.siret);
        let rows = of_validator(world)
            .filter(|invoice| ours && TO_VALIDATE.contains(&invoice.status(now).status.as_str()))
            .collect();
        answer(world, rows, body.pagination.as_ref(), now)
    }
}

/// Every invoice the establishment is or was to validate.
fn of_validator(world: &World) -> impl Iterator<Item = &Invoice> {
    let own = world.own_structure().id();
    world.invoices.iter().filter(move |invoice| invoice.validator.as_ref().is_some_and(|one| one.id == own))
}

fn answer(world: &World, mut rows: Vec<&Invoice>, paging: Option<&Paging>, now: Duration) -> Outcome {
    let default = Paging::default();
    let paging = paging.unwrap_or(&default);
    sort(&mut rows, paging);
    if rows.is_empty() {
        return Outcome::Done(no_row_nested());
    }
    let page = paging.of_up_to(rows, world.scenario.page_limit);
    let rows: Vec<Value> = page.rows.iter().map(|invoice| row(world, invoice, now)).collect();
    Outcome::Done(without_nulls(json!({
        "codeRetour": 0, "libelle": OK_LABEL, "parametresRetour": page.nested(), "listeFactures": rows,
    })))
}

fn row(world: &World, invoice: &Invoice, now: Duration) -> Value {
    let status = invoice.status(now);
    let validator = invoice.validator.as_ref();
    // The swagger has whole numbers for the amounts of this list, and of no other.
    let whole = |amount: rust_decimal::Decimal| amount.round().to_i64();
    json!({
        "idFacture": invoice.id,
        "typeDemandePaiement": invoice.request_kind(),
        "idFournisseur": invoice.supplier.id,
        "identifiantFournisseur": invoice.supplier.identifier,
        "typeIdentifiantFournisseur": "SIRET",
        "designationFournisseur": given(&invoice.supplier.name),
        "idDestinataire": invoice.recipient.id,
        "typeIdentifiantDestinataire": "SIRET",
        "identifiantDestinataire": invoice.recipient.identifier,
        "designationDestinataire": given(&invoice.recipient.name),
        "idServiceExecutant": service_id(world, invoice),
        "codeServiceExecutant": given(&invoice.service),
        "idValideur": validator.map(|one| one.id),
        "typeIdentifiantValideur": validator.map(|_| "SIRET"),
        "identifiantValideur": validator.map(|one| one.identifier.as_str()),
        "designationValideur": validator.and_then(|one| given(&one.name)),
        "typeFacture": invoice.kind(),
        "numeroFacture": invoice.number,
        "dateFacture": given(&invoice.date),
        "dateDepot": world.told(invoice.deposited).paris_date(),
        "montantHT": whole(invoice.net),
        "montantTTC": whole(invoice.gross),
        "montantAPayer": whole(invoice.payable),
        "devise": invoice.currency,
        "statut": status.status,
        "numeroMarche": given(&invoice.market),
        "numeroEngagement": given(&invoice.commitment),
    })
}
