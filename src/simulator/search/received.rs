//! What the establishment received: `rechercher/recipiendaire`, flat paging, and `rechercher/atraiter/recipiendaire`,
//! nested.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Common, CommonBody, Paging, no_row_nested, number, service_id, sort};
use crate::simulator::fault::Subject;
use crate::simulator::invoice::Invoice;
use crate::simulator::service::{Job, NO_ROW, OK_LABEL, Outcome, given, parse, without_nulls};
use crate::simulator::status::TO_TREAT;
use crate::simulator::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(flatten)]
    common: CommonBody,
    type_demande_paiement: Option<String>,
    id_destinataire: Option<i64>,
    liste_type_facture: Option<Vec<String>>,
    liste_type_facture_travaux: Option<Vec<String>>,
    liste_fournisseurs: Option<Vec<SupplierFilter>>,
    facture_telechargee_par_destinataire: Option<bool>,
    param_recherche: Option<Paging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SupplierFilter {
    id_fournisseur: Option<i64>,
}

/// `rechercher/recipiendaire`.
pub struct Received {
    common: Common,
    body: Body,
}

impl Received {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let mut body: Body = parse(bytes)?;
        match body.type_demande_paiement.as_deref() {
            None | Some("FACTURE" | "FACTURE_TRAVAUX") => {}
            Some(_) => return Err("typeDemandePaiement : FACTURE ou FACTURE_TRAVAUX".to_owned()),
        }
        Ok(Box::new(Received { common: body.common.read()?, body }))
    }

    fn fits(&self, world: &World, invoice: &Invoice, now: Duration) -> bool {
        let body = &self.body;
        let mut suppliers = body.liste_fournisseurs.iter().flatten().filter_map(|one| one.id_fournisseur).peekable();
        let among = |wanted: &Option<Vec<String>>, value: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.is_empty() || wanted.iter().any(|one| one == value))
        };
        // One kind a call; without it, plain invoices (PROTOCOL §2.2).
        let kind = body.type_demande_paiement.as_deref().unwrap_or("FACTURE");
        invoice.is_received()
            && invoice.request_kind() == kind
            && among(&body.liste_type_facture, invoice.kind())
            && among(&body.liste_type_facture_travaux, invoice.works.as_deref().unwrap_or_default())
            && body.id_destinataire.is_none_or(|id| id == 0 || id == invoice.recipient.id)
            && body.facture_telechargee_par_destinataire.is_none_or(|wanted| wanted == invoice.is_downloaded())
            && (suppliers.peek().is_none() || suppliers.any(|id| id == invoice.supplier.id))
            && self.common.fits(world, invoice, now)
    }
}

impl Job for Received {
    fn subject(&self, _world: &World) -> Subject {
        let paging = self.body.param_recherche.as_ref();
        Subject::of_number(self.common.number.clone()).with("page", paging.and_then(|p| p.page_resultat_demandee))
    }

    /// No row is 20000 with nulls (PROTOCOL §2.2).
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        let mut rows: Vec<&Invoice> = world.invoices.iter().filter(|invoice| self.fits(world, invoice, now)).collect();
        let default = Paging::default();
        let paging = self.body.param_recherche.as_ref().unwrap_or(&default);
        sort(&mut rows, paging);
        if rows.is_empty() {
            return Outcome::Done(json!({
                "codeRetour": NO_ROW.0, "libelle": NO_ROW.1, "pageCourante": null, "pages": null,
                "nbResultatsParPage": null, "total": null, "listeFactures": null,
            }));
        }
        let page = paging.of_up_to(rows, world.scenario.page_limit);
        let rows: Vec<Value> =
            page.rows.iter().map(|invoice| row(world, invoice, self.common.with_size, now)).collect();
        Outcome::Done(without_nulls(json!({
            "codeRetour": 0, "libelle": OK_LABEL, "pageCourante": page.current, "pages": page.pages,
            "nbResultatsParPage": page.size, "total": page.total, "listeFactures": rows,
        })))
    }
}

fn row(world: &World, invoice: &Invoice, with_size: bool, now: Duration) -> Value {
    let status = invoice.status(now);
    let mut row = json!({
        "idFacture": invoice.id,
        "numeroFacture": invoice.number,
        "typeDemandePaiement": invoice.request_kind(),
        "typeFacture": invoice.works.is_none().then(|| invoice.kind()),
        "typeFactureTravaux": invoice.works,
        "devise": invoice.currency,
        "codeFournisseur": invoice.supplier.identifier,
        "typeIdentifiantFournisseur": "SIRET",
        "designationFournisseur": invoice.supplier.name,
        "idDestinataire": invoice.recipient.id,
        "codeDestinataire": invoice.recipient.identifier,
        "designationDestinataire": given(&invoice.recipient.name),
        "idServiceExecutant": service_id(world, invoice),
        "codeServiceExecutant": given(&invoice.service),
        "dateDepot": world.told(invoice.deposited).paris_date(),
        "dateFacture": given(&invoice.date),
        "dateHeureEtatCourant": world.scenario.readings.status_dates.write(world.told(status.at)),
        "commentaireEtatCourant": given(&status.comment),
        "montantHT": number(invoice.net),
        "montantTTC": number(invoice.gross),
        "montantAPayer": number(invoice.payable),
        "numeroBonCommande": given(&invoice.commitment),
        "statut": status.status,
        "factureTelechargeeParDestinataire": invoice.is_downloaded(),
        "taille": with_size.then_some(1),
    });
    if world.scenario.new_fields {
        row["nouveauChamp"] = json!({"code": "N1", "libelle": invoice.number});
    }
    if invoice.works.is_some() {
        // The establishment has its works done itself: it is the client of the works.
        row["codeMOA"] = json!(invoice.recipient.identifier);
        row["typeIdentifiantMOA"] = json!("SIRET");
        row["designationMOA"] = json!(given(&invoice.recipient.name));
    }
    row
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ToTreatBody {
    id_structure: Option<i64>,
    recuperer_taille: Option<bool>,
    parametre_recherche_facture_a_traiter_par_recipiendaire: Option<Paging>,
}

/// `rechercher/atraiter/recipiendaire`: what waits for the buyer, of both kinds.
pub struct ReceivedToTreat(ToTreatBody);

impl ReceivedToTreat {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Ok(Box::new(ReceivedToTreat(parse(bytes)?)))
    }
}

impl Job for ReceivedToTreat {
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        let body = &self.0;
        let mut rows: Vec<&Invoice> = world
            .invoices
            .iter()
            .filter(|invoice| {
                invoice.is_received()
                    && TO_TREAT.contains(&invoice.status(now).status.as_str())
                    && body.id_structure.is_none_or(|id| id == 0 || id == invoice.recipient.id)
            })
            .collect();
        let default = Paging::default();
        let paging = body.parametre_recherche_facture_a_traiter_par_recipiendaire.as_ref().unwrap_or(&default);
        sort(&mut rows, paging);
        if rows.is_empty() {
            return Outcome::Done(no_row_nested());
        }
        let page = paging.of_up_to(rows, world.scenario.page_limit);
        let with_size = body.recuperer_taille == Some(true);
        let rows: Vec<Value> = page.rows.iter().map(|invoice| row(world, invoice, with_size, now)).collect();
        Outcome::Done(without_nulls(json!({
            "codeRetour": 0, "libelle": OK_LABEL, "parametresRetour": page.nested(), "listeFactures": rows,
        })))
    }
}
