//! `consulter/historique`: statuses, events and actions, each list paged on its own.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Order, PAGE_LIMIT, Page, page};
use crate::simulator::fault::Subject;
use crate::simulator::invoice::{Invoice, Step};
use crate::simulator::readings::StatusDates;
use crate::simulator::service::{Job, OK_LABEL, Outcome, given, parse, told_to_supplier, unknown, without_nulls};
use crate::simulator::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    id_facture: Option<i64>,
    #[serde(rename = "idEspace")]
    _space: Option<i64>,
    #[serde(rename = "nbResultatsMaximum")]
    _longest: Option<i32>,
    param_recherche_histo_statuts: Option<StatusPaging>,
    param_recherche_histo_evenements_complementaires: Option<EventPaging>,
    param_recherche_histo_actions_utilisateurs: Option<ActionPaging>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct StatusPaging {
    page_resultat_demandee_liste_histo_statut: Option<i32>,
    nb_resultats_par_page_liste_histo_statut: Option<i32>,
    tri_sens_liste_histo_statut: Option<Order>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct EventPaging {
    page_resultat_demandee_liste_histo_evenement: Option<i32>,
    nb_resultats_par_page_liste_histo_evenement: Option<i32>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ActionPaging {
    page_resultat_demandee_liste_histo_action: Option<i32>,
    nb_resultats_par_page_liste_histo_action: Option<i32>,
}

/// `consulter/historique`.
pub struct History(Body);

impl History {
    /// Reads a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: Body = parse(bytes)?;
        if body.id_facture.is_none() {
            return Err("idFacture est obligatoire".to_owned());
        }
        Ok(Box::new(History(body)))
    }
}

impl Job for History {
    fn subject(&self, world: &World) -> Subject {
        Subject::of_ids(world, self.0.id_facture)
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        history(world, &self.0)
    }
}

fn history(world: &mut World, query: &Body) -> Outcome {
    let now = world.settle();
    let Some(id) = query.id_facture else { return Outcome::Malformed("idFacture est obligatoire".to_owned()) };
    let Some(invoice) = world.invoice(id) else { return unknown() };
    let statuses = history_statuses(world, invoice, query, now);
    let events = query.param_recherche_histo_evenements_complementaires.as_ref();
    let events = page(
        Vec::<Value>::new(),
        events.and_then(|p| p.page_resultat_demandee_liste_histo_evenement).map(i64::from),
        (events.and_then(|p| p.nb_resultats_par_page_liste_histo_evenement).map(i64::from), PAGE_LIMIT),
        None,
    );
    let rows: Vec<Value> = invoice
        .actions
        .iter()
        .filter(|(when, _)| *when <= now)
        .enumerate()
        .map(|(at, (when, action))| {
            json!({
                "histoActionId": at + 1, "histoActionCode": action.code(),
                "histoActionDateHeure": world.told(*when).paris_iso(), "histoActionUtilisateurNom": "Compte technique",
            })
        })
        .collect();
    let last_action = rows
        .last()
        .map(|row| json!({"derniereActionId": row["histoActionId"], "derniereActionCode": row["histoActionCode"]}));
    let actions = query.param_recherche_histo_actions_utilisateurs.as_ref();
    let actions = page(
        rows,
        actions.and_then(|p| p.page_resultat_demandee_liste_histo_action).map(i64::from),
        (actions.and_then(|p| p.nb_resultats_par_page_liste_histo_action).map(i64::from), PAGE_LIMIT),
        None,
    );
    Outcome::Done(without_nulls(json!({
        "codeRetour": 0,
        "libelle": OK_LABEL,
        "idFacture": invoice.id,
        "numeroFacture": invoice.number,
        "modeDepot": invoice.mode,
        "statutCourantCode": invoice.status(now).status,
        "historiquesDesStatuts": {
            "histoStatut": statuses.rows,
            "pageCouranteHistoStatut": statuses.current, "pagesHistoStatut": statuses.pages,
            "nbResultatsParPageHistoStatut": statuses.size, "totalHistoStatut": statuses.total,
        },
        "historiquesDesEvenementsComplementaires": {
            "evenement": events.rows,
            "pageCouranteEvenement": events.current, "pagesEvenement": events.pages,
            "nbResultatsParPageEvenement": events.size, "totalEvenement": events.total,
        },
        "historiquesDesActionsUtilisateurs": {
            "histoAction": actions.rows,
            "pageCouranteHistoAction": actions.current, "pagesHistoAction": actions.pages,
            "nbResultatsParPageHistoAction": actions.size, "totalHistoAction": actions.total,
        },
        "derniereAction": last_action,
    })))
}

fn history_statuses(world: &World, invoice: &Invoice, query: &Body, now: Duration) -> Page<Value> {
    let row = |(at, step): (usize, &Step)| {
        json!({
            "histoStatutId": at + 1,
            "histoStatutCode": step.status,
            "histoStatutDatePassage": world.told(step.at).paris_iso(),
            "histoStatutCommentaire": match invoice.is_sent() {
                true => told_to_supplier(world, &step.comment),
                false => step.comment.clone(),
            },
            "histoStatutUtilisateurPrenom": given(&step.first_name),
            "histoStatutUtilisateurNom": given(&step.last_name),
            "nouveauChamp": world.scenario.new_fields.then_some("H1"),
        })
    };
    let mut rows: Vec<Value> = invoice.history(now).iter().enumerate().map(row).collect();
    if world.scenario.readings.status_dates == StatusDates::Nowhere {
        rows.clear();
    }
    let paging = query.param_recherche_histo_statuts.as_ref();
    if paging.and_then(|p| p.tri_sens_liste_histo_statut) == Some(Order::Descendant) {
        rows.reverse();
    }
    page(
        rows,
        paging.and_then(|p| p.page_resultat_demandee_liste_histo_statut).map(i64::from),
        (paging.and_then(|p| p.nb_resultats_par_page_liste_histo_statut).map(i64::from), PAGE_LIMIT),
        None,
    )
}
