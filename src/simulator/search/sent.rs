//! What the client sent: `rechercher/fournisseur` and `rechercher/atraiter/fournisseur`; nested paging.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Common, CommonBody, Paging, no_row_nested, number, service_id, sort};
use crate::simulator::fault::Subject;
use crate::simulator::invoice::{Action, Invoice, Side};
use crate::simulator::service::{Job, OK_LABEL, Outcome, given, parse, told_to_supplier, without_nulls};
use crate::simulator::status::TO_TREAT_BY_SUPPLIER;
use crate::simulator::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(flatten)]
    common: CommonBody,
    numero_flux_depot: Option<String>,
    id_fournisseur: Option<i64>,
    type_facture: Option<String>,
    mode_depot: Option<String>,
    rejet_traite: Option<bool>,
    id_structure_valideur: Option<i64>,
    liste_destinataire: Option<Vec<RecipientFilter>>,
    recherche_facture_par_fournisseur: Option<Paging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecipientFilter {
    id_destinataire: Option<i64>,
}

/// `rechercher/fournisseur`.
pub struct Sent {
    common: Common,
    body: Body,
}

impl Sent {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let mut body: Body = parse(bytes)?;
        Ok(Box::new(Sent { common: body.common.read()?, body }))
    }

    fn fits(&self, world: &World, invoice: &Invoice, now: Duration) -> bool {
        let Side::Sent { flux } = invoice.side else { return false };
        let body = &self.body;
        let mut wanted = body.liste_destinataire.iter().flatten().filter_map(|one| one.id_destinataire).peekable();
        let flux = flux.map(|at| world.fluxes[at].number.as_str());
        body.numero_flux_depot.as_deref().is_none_or(|number| number.is_empty() || Some(number) == flux)
            && body.id_fournisseur.is_none_or(|id| id == 0 || id == invoice.supplier.id)
            && body.type_facture.as_deref().is_none_or(|wanted| wanted == invoice.kind())
            && body.mode_depot.as_deref().is_none_or(|wanted| wanted == invoice.mode)
            && body.rejet_traite.is_none_or(|wanted| wanted == is_treated(invoice))
            && body
                .id_structure_valideur
                .is_none_or(|id| id == 0 || invoice.validator.as_ref().is_some_and(|validator| validator.id == id))
            && (wanted.peek().is_none() || wanted.any(|id| id == invoice.recipient.id))
            && self.common.fits(world, invoice, now)
    }
}

fn is_treated(invoice: &Invoice) -> bool {
    invoice.actions.iter().any(|(_, action)| *action == Action::RejectionTreated)
}

impl Job for Sent {
    fn subject(&self, _world: &World) -> Subject {
        let paging = self.body.recherche_facture_par_fournisseur.as_ref();
        Subject::of_number(self.common.number.clone()).with("page", paging.and_then(|p| p.page_resultat_demandee))
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        let mut rows: Vec<&Invoice> = world.invoices.iter().filter(|invoice| self.fits(world, invoice, now)).collect();
        let default = Paging::default();
        let paging = self.body.recherche_facture_par_fournisseur.as_ref().unwrap_or(&default);
        sort(&mut rows, paging);
        if rows.is_empty() {
            return Outcome::Done(no_row_nested());
        }
        let page = paging.of_up_to(rows, world.scenario.page_limit);
        let rows: Vec<Value> =
            page.rows.iter().map(|invoice| row(world, invoice, self.common.with_size, now)).collect();
        Outcome::Done(without_nulls(json!({
            "codeRetour": 0, "libelle": OK_LABEL, "parametresRetour": page.nested(), "listeFactures": rows,
        })))
    }
}

/// What both lists say of an invoice.
fn common_row(world: &World, invoice: &Invoice, with_size: bool, now: Duration) -> Value {
    let status = invoice.status(now);
    json!({
        "identifiantFactureCPP": invoice.id,
        "typeDemandePaiement": invoice.request_kind(),
        "codeFournisseur": invoice.supplier.identifier,
        "typeIdentifiantFournisseur": "SIRET",
        "designationFournisseur": invoice.supplier.name,
        "idDestinataire": invoice.recipient.id,
        "codeDestinataire": invoice.recipient.identifier,
        "designationDestinataire": given(&invoice.recipient.name),
        "idServiceExecutant": service_id(world, invoice),
        "codeServiceExecutant": given(&invoice.service),
        "typeFacture": invoice.kind(),
        "numeroFacture": invoice.number,
        "dateFacture": given(&invoice.date),
        "dateDepot": world.told(invoice.deposited).paris_date(),
        "montantHT": number(invoice.net),
        "montantTTC": number(invoice.gross),
        "montantAPayer": number(invoice.payable),
        "devise": invoice.currency,
        "statut": status.status,
        "numeroMarche": given(&invoice.market),
        "numeroBonCommande": given(&invoice.commitment),
        "taille": with_size.then_some(1),
    })
}

fn row(world: &World, invoice: &Invoice, with_size: bool, now: Duration) -> Value {
    let status = invoice.status(now);
    let flux = match invoice.side {
        Side::Sent { flux: Some(flux) } => Some(world.fluxes[flux].number.as_str()),
        _ => None,
    };
    let mut row = common_row(world, invoice, with_size, now);
    row["numeroFluxDepot"] = json!(flux);
    row["modeDepot"] = json!(invoice.mode);
    row["dateHeureEtatCourant"] = json!(world.scenario.readings.status_dates.write(world.told(status.at)));
    row["commentaireEtatCourant"] = json!(given(&told_to_supplier(world, &status.comment)));
    if status.status == "REJETEE" {
        row["rejetTraite"] = json!(is_treated(invoice));
    }
    if let Some(validator) = &invoice.validator {
        row["typeIdentifiantValideur1"] = json!("SIRET");
        row["codeValideur1"] = json!(validator.identifier);
        row["raisonSocialeValideur1"] = json!(given(&validator.name));
    }
    row
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ToTreatBody {
    id_structure: Option<i64>,
    masquer_rejetee: Option<bool>,
    recherche_facture_a_traiter_par_fournisseur: Option<Paging>,
    recuperer_taille: Option<bool>,
}

/// `rechercher/atraiter/fournisseur`: what waits for its supplier.
pub struct SentToTreat(ToTreatBody);

impl SentToTreat {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Ok(Box::new(SentToTreat(parse(bytes)?)))
    }
}

impl Job for SentToTreat {
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        let body = &self.0;
        let mut rows: Vec<&Invoice> = world
            .invoices
            .iter()
            .filter(|invoice| {
                let status = invoice.status(now).status.as_str();
                invoice.is_sent()
                    && TO_TREAT_BY_SUPPLIER.contains(&status)
                    && !(status == "REJETEE" && (body.masquer_rejetee == Some(true) || is_treated(invoice)))
                    && body.id_structure.is_none_or(|id| id == 0 || id == invoice.supplier.id)
            })
            .collect();
        let default = Paging::default();
        let paging = body.recherche_facture_a_traiter_par_fournisseur.as_ref().unwrap_or(&default);
        sort(&mut rows, paging);
        if rows.is_empty() {
            return Outcome::Done(no_row_nested());
        }
        let page = paging.of_up_to(rows, world.scenario.page_limit);
        let with_size = body.recuperer_taille == Some(true);
        let rows: Vec<Value> = page.rows.iter().map(|invoice| common_row(world, invoice, with_size, now)).collect();
        Outcome::Done(without_nulls(json!({
            "codeRetour": 0, "libelle": OK_LABEL, "parametresRetour": page.nested(), "listeFactures": rows,
        })))
    }
}
