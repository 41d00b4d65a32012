//! `rechercher/demandePaiement`: everything a role sees, in one list without pages. Missing on the qualification portal.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Common, CommonBody, number, service_id};
use crate::simulator::fault::Subject;
use crate::simulator::invoice::{Invoice, Side, framework_code};
use crate::simulator::readings::Gaps;
use crate::simulator::service::{Job, NO_ROW, OK_LABEL, Outcome, given, parse, without_nulls};
use crate::simulator::world::World;

/// Rows of the answer.
const ROWS_LIMIT: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(flatten)]
    common: CommonBody,
    role_utilisateur: Option<String>,
    type_demande_paiement: Option<String>,
    type_facture: Option<String>,
    numero_dp_mandat: Option<String>,
    structure_fournisseur: Option<SupplierFilter>,
    structure_destinataire: Option<RecipientFilter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SupplierFilter {
    id_structure_fournisseur: Option<i64>,
    identifiant_structure_fournisseur: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecipientFilter {
    id_structure_destinataire: Option<i64>,
    identifiant_structure_destinataire: Option<String>,
}

/// `rechercher/demandePaiement`.
pub struct PaymentRequests {
    common: Common,
    body: Body,
}

impl PaymentRequests {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let mut body: Body = parse(bytes)?;
        match body.role_utilisateur.as_deref() {
            None | Some("FOURNISSEUR" | "DESTINATAIRE" | "VALIDEUR" | "MOE" | "MOA") => {}
            Some(_) => return Err("roleUtilisateur : FOURNISSEUR, MOE, MOA, VALIDEUR ou DESTINATAIRE".to_owned()),
        }
        Ok(Box::new(PaymentRequests { common: body.common.read()?, body }))
    }

    fn fits(&self, world: &World, invoice: &Invoice, now: Duration) -> bool {
        let body = &self.body;
        let seen = match body.role_utilisateur.as_deref() {
            Some("DESTINATAIRE") => invoice.is_received(),
            Some("MOA") => invoice.is_received() && invoice.works.is_some(),
            Some("MOE") => false,
            Some("VALIDEUR") => matches!(invoice.side, Side::ToValidate { .. }),
            _ => invoice.is_sent(),
        };
        let party = |id: Option<i64>, identifier: Option<&String>, party: &super::super::invoice::Party| {
            id.is_none_or(|id| id == 0 || id == party.id)
                && identifier.is_none_or(|one| one.is_empty() || *one == party.identifier)
        };
        let supplier = body.structure_fournisseur.as_ref();
        let recipient = body.structure_destinataire.as_ref();
        seen && body.type_demande_paiement.as_deref().is_none_or(|kind| kind == invoice.request_kind())
            && body.type_facture.as_deref().is_none_or(|kind| kind == invoice.kind())
            && body.numero_dp_mandat.as_deref().is_none_or(|number| number.is_empty() || number == invoice.mandate)
            && party(
                supplier.and_then(|one| one.id_structure_fournisseur),
                supplier.and_then(|one| one.identifiant_structure_fournisseur.as_ref()),
                &invoice.supplier,
            )
            && party(
                recipient.and_then(|one| one.id_structure_destinataire),
                recipient.and_then(|one| one.identifiant_structure_destinataire.as_ref()),
                &invoice.recipient,
            )
            && self.common.fits(world, invoice, now)
    }
}

impl Job for PaymentRequests {
    fn subject(&self, _world: &World) -> Subject {
        Subject::of_number(self.common.number.clone())
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        if world.scenario.readings.sandbox_gaps == Gaps::Missing {
            return Outcome::Status(404);
        }
        let now = world.settle();
        let fitting = world.invoices.iter().filter(|invoice| self.fits(world, invoice, now));
        let rows: Vec<Value> = fitting.map(|invoice| row(world, invoice, now)).collect();
        if rows.is_empty() {
            return Outcome::Done(json!({"codeRetour": NO_ROW.0, "libelle": NO_ROW.1, "listeDemandePaiement": null}));
        }
        let total = rows.len();
        let rows: Vec<Value> = rows.into_iter().take(ROWS_LIMIT).collect();
        Outcome::Done(without_nulls(json!({
            "codeRetour": 0, "libelle": OK_LABEL, "listeDemandePaiement": rows, "total": total,
        })))
    }
}

fn row(world: &World, invoice: &Invoice, now: Duration) -> Value {
    let status = invoice.status(now);
    json!({
        "idDemandePaiement": invoice.id,
        "numeroDemandePaiement": invoice.number,
        "typeDemandePaiement": invoice.request_kind(),
        "typeFacture": invoice.kind(),
        "typeFactureTravaux": invoice.works,
        "cadreFacturation": framework_code(&invoice.framework),
        "etatCourant": status.status,
        "dateHeureEtatCourant": world.scenario.readings.status_dates.write(world.told(status.at)),
        "dateFournisseur": given(&invoice.date),
        "dateDepot": world.told(invoice.deposited).paris_date(),
        "montantHT": number(invoice.net),
        "montantTTC": number(invoice.gross),
        "montantAPayer": number(invoice.payable),
        "numeroMarche": given(&invoice.market),
        "numeroBonCommande": given(&invoice.commitment),
        "idStructureFournisseur": invoice.supplier.id,
        "identifiantStructureFournisseur": invoice.supplier.identifier,
        "idStructureDestinataire": invoice.recipient.id,
        "identifiantStructureDestinataire": invoice.recipient.identifier,
        "idServiceDestinataire": service_id(world, invoice),
        "codeServiceDestinataire": given(&invoice.service),
        "idStructureValideur1": invoice.validator.as_ref().map(|one| one.id),
        "dpOuDpArchive": "DEMANDE_PAIEMENT",
        "commentaireEtatCourant": given(&status.comment),
        "numeroDpMandat": given(&invoice.mandate),
    })
}
