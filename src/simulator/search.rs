//! The lists: `rechercher/fournisseur`, `rechercher/recipiendaire`, `consulter/historique`, with their filters,
//! orders and pages. Flat paging in one, nested in the other, as the swagger has it.

use std::time::Duration;

use jiff::civil;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::service::{HistoryQuery, OK_LABEL, Outcome, given, kind, unknown, without_nulls};
use super::world::{Invoice, Side, Step, World};
use crate::domain::Timestamp;

/// Rows of a page when nothing is asked, and at most (PROTOCOL §2.2).
const PAGE_DEFAULT: i64 = 10;
const PAGE_LIMIT: i64 = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Order {
    Ascendant,
    Descendant,
}

/// A period: from and until, both included; a day without a time means the whole day, in Paris, and a time without
/// milliseconds the whole second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Period {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Period {
    fn read(from: Option<&str>, until: Option<&str>) -> Result<Period, String> {
        let start = from.map(|text| instant(text).map(|(at, _)| at)).transpose()?;
        let end = until
            .map(|text| {
                instant(text).map(|(at, whole_day)| match (whole_day, text.contains('.')) {
                    (true, _) => at.plus(Duration::from_millis(86_399_999)),
                    // Written to the second: the whole second.
                    (false, false) => at.plus(Duration::from_millis(999)),
                    (false, true) => at,
                })
            })
            .transpose()?;
        Ok(Period { from: start, until: end })
    }

    fn holds(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at <= until)
    }

    /// For an invoice's own date, which has no time.
    fn holds_day(self, date: &str) -> bool {
        if self.from.is_none() && self.until.is_none() {
            return true;
        }
        instant(date).is_ok_and(|(at, _)| self.holds(at))
    }
}

/// All forms of PROTOCOL §2.2, "Dates": a day, a day and a time in Paris, an instant with its offset. And whether it
/// was a day.
fn instant(text: &str) -> Result<(Timestamp, bool), String> {
    let wrong = || format!("date illisible : {}", super::content::cut(text, 40));
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok((at, false));
    }
    let moment: civil::DateTime = text.parse().map_err(|_| wrong())?;
    let paris = TimeZone::get("Europe/Paris").map_err(|_| wrong())?;
    let at = paris.to_zoned(moment).map_err(|_| wrong())?;
    Ok((Timestamp::from_millis(at.timestamp().as_millisecond()), text.trim().len() <= 10))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paging {
    nb_resultats_maximum: Option<i64>,
    page_resultat_demandee: Option<i64>,
    nb_resultats_par_page: Option<i64>,
    tri_sens: Option<Order>,
    tri_colonne: Option<String>,
}

/// What both searches filter by.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommonBody {
    numero_facture: Option<String>,
    statut_courant: Option<Vec<String>>,
    periode_date_depot_du: Option<String>,
    periode_date_depot_au: Option<String>,
    periode_date_facture_du: Option<String>,
    periode_date_facture_au: Option<String>,
    periode_date_heure_etat_courant_du: Option<String>,
    periode_date_heure_etat_courant_au: Option<String>,
    #[serde(rename = "montantHTMin")]
    net_min: Option<f64>,
    #[serde(rename = "montantHTMax")]
    net_max: Option<f64>,
    #[serde(rename = "montantTTCMin")]
    gross_min: Option<f64>,
    #[serde(rename = "montantTTCMax")]
    gross_max: Option<f64>,
    numero_marche: Option<String>,
    numero_bon_commande: Option<String>,
    recuperer_taille: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SentBody {
    #[serde(flatten)]
    common: CommonBody,
    numero_flux_depot: Option<String>,
    id_fournisseur: Option<i64>,
    type_facture: Option<String>,
    liste_destinataire: Option<Vec<RecipientFilter>>,
    recherche_facture_par_fournisseur: Option<Paging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecipientFilter {
    id_destinataire: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReceivedBody {
    #[serde(flatten)]
    common: CommonBody,
    type_demande_paiement: Option<String>,
    id_destinataire: Option<i64>,
    liste_fournisseurs: Option<Vec<SupplierFilter>>,
    facture_telechargee_par_destinataire: Option<bool>,
    param_recherche: Option<Paging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SupplierFilter {
    id_fournisseur: Option<i64>,
}

/// The common filters, read.
pub(super) struct Common {
    pub number: Option<String>,
    statuses: Vec<String>,
    deposited: Period,
    dated: Period,
    changed: Period,
    net: (Option<f64>, Option<f64>),
    gross: (Option<f64>, Option<f64>),
    market: Option<String>,
    commitment: Option<String>,
    with_size: bool,
}

pub(super) struct SentQuery {
    pub common: Common,
    body: SentBody,
}

pub(super) struct ReceivedQuery {
    pub common: Common,
    body: ReceivedBody,
}

impl SentBody {
    pub fn read(mut self) -> Result<SentQuery, String> {
        Ok(SentQuery { common: self.common.read()?, body: self })
    }
}

impl ReceivedBody {
    pub fn read(mut self) -> Result<ReceivedQuery, String> {
        match self.type_demande_paiement.as_deref() {
            None | Some("FACTURE" | "FACTURE_TRAVAUX") => {}
            Some(_) => return Err("typeDemandePaiement : FACTURE ou FACTURE_TRAVAUX".to_owned()),
        }
        Ok(ReceivedQuery { common: self.common.read()?, body: self })
    }
}

impl CommonBody {
    fn read(&mut self) -> Result<Common, String> {
        let period = |from: &Option<String>, until: &Option<String>| Period::read(from.as_deref(), until.as_deref());
        Ok(Common {
            number: self.numero_facture.take().filter(|number| !number.is_empty()),
            statuses: self.statut_courant.take().unwrap_or_default(),
            deposited: period(&self.periode_date_depot_du, &self.periode_date_depot_au)?,
            dated: period(&self.periode_date_facture_du, &self.periode_date_facture_au)?,
            changed: period(&self.periode_date_heure_etat_courant_du, &self.periode_date_heure_etat_courant_au)?,
            net: (self.net_min, self.net_max),
            gross: (self.gross_min, self.gross_max),
            market: self.numero_marche.take(),
            commitment: self.numero_bon_commande.take(),
            with_size: self.recuperer_taille.unwrap_or(false),
        })
    }
}

impl Common {
    fn fits(&self, world: &World, invoice: &Invoice, now: Duration) -> bool {
        let within = |bounds: (Option<f64>, Option<f64>), value: Decimal| {
            let value = value.to_f64().unwrap_or_default();
            bounds.0.is_none_or(|min| min <= value) && bounds.1.is_none_or(|max| value <= max)
        };
        let same = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        if !same(&self.number, &invoice.number) {
            return false;
        }
        let status = invoice.status(now);
        (self.statuses.is_empty() || self.statuses.contains(&status.status))
            && same(&self.market, &invoice.market)
            && same(&self.commitment, &invoice.commitment)
            && within(self.net, invoice.net)
            && within(self.gross, invoice.gross)
            && self.dated.holds_day(&invoice.date)
            && self.deposited.holds(world.told(invoice.deposited))
            && self.changed.holds(world.told(status.at))
    }
}

/// One page out of many rows.
struct Page<T> {
    rows: Vec<T>,
    current: i64,
    pages: i64,
    size: i64,
    total: i64,
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn page<T>(mut rows: Vec<T>, current: Option<i64>, size: Option<i64>, longest: Option<i64>) -> Page<T> {
    if let Some(longest) = longest.filter(|longest| *longest > 0) {
        rows.truncate(usize::try_from(longest).unwrap_or(usize::MAX));
    }
    let size = size.filter(|size| *size > 0).unwrap_or(PAGE_DEFAULT).min(PAGE_LIMIT);
    let current = current.filter(|current| *current > 0).unwrap_or(1);
    let total = count(rows.len());
    let skip = usize::try_from(current.saturating_sub(1).saturating_mul(size)).unwrap_or(usize::MAX);
    let rows = rows.into_iter().skip(skip).take(usize::try_from(size).unwrap_or(0)).collect();
    Page { rows, current, pages: (total + size - 1) / size, size, total }
}

/// By the column asked for; ties, and columns the simulator has no value for, by idFacture.
fn sort(rows: &mut [&Invoice], paging: &Paging) {
    let column = paging.tri_colonne.as_deref().unwrap_or("DateDepot");
    rows.sort_by(|a, b| {
        let by_column = match column {
            "NumeroFacture" => a.number.cmp(&b.number),
            "DateFacture" => a.date.cmp(&b.date),
            "MontantHT" => a.net.cmp(&b.net),
            "MontantTTC" => a.gross.cmp(&b.gross),
            "MontantAPayer" => a.payable.cmp(&b.payable),
            "CodeFournisseur" => a.supplier.identifier.cmp(&b.supplier.identifier),
            "CodeDestinataire" => a.recipient.identifier.cmp(&b.recipient.identifier),
            _ => a.deposited.cmp(&b.deposited),
        };
        by_column.then(a.id.cmp(&b.id))
    });
    if paging.tri_sens == Some(Order::Descendant) {
        rows.reverse();
    }
}

/// An amount as JSON writes it.
pub(super) fn number(amount: Decimal) -> f64 {
    amount.to_f64().unwrap_or_default()
}

/// The page asked for, in the order asked for; `None` when there is no row at all.
fn listed<'w>(mut rows: Vec<&'w Invoice>, paging: Option<&Paging>) -> Option<Page<&'w Invoice>> {
    let default = Paging::default();
    let paging = paging.unwrap_or(&default);
    sort(&mut rows, paging);
    let found = !rows.is_empty();
    let Paging { page_resultat_demandee, nb_resultats_par_page, nb_resultats_maximum, .. } = paging;
    found.then(|| page(rows, *page_resultat_demandee, *nb_resultats_par_page, *nb_resultats_maximum))
}

/// What the rows of both searches show.
fn row(world: &World, invoice: &Invoice, common: &Common, now: Duration) -> Map<String, Value> {
    let status = invoice.status(now);
    let shown = json!({
        "typeDemandePaiement": "FACTURE",
        "typeFacture": kind(invoice),
        "numeroFacture": invoice.number,
        "codeFournisseur": invoice.supplier.identifier,
        "typeIdentifiantFournisseur": "SIRET",
        "designationFournisseur": invoice.supplier.name,
        "idDestinataire": invoice.recipient.id,
        "codeDestinataire": invoice.recipient.identifier,
        "designationDestinataire": given(&invoice.recipient.name),
        "codeServiceExecutant": given(&invoice.service),
        "dateFacture": given(&invoice.date),
        "dateDepot": world.told(invoice.deposited).paris_date(),
        "montantHT": number(invoice.net),
        "montantTTC": number(invoice.gross),
        "montantAPayer": number(invoice.payable),
        "devise": invoice.currency,
        "statut": status.status,
        "numeroBonCommande": given(&invoice.commitment),
        "taille": common.with_size.then_some(1),
        "dateHeureEtatCourant": world.told(status.at).paris_iso(),
        "commentaireEtatCourant": given(&status.comment),
    });
    let Value::Object(shown) = shown else { unreachable!("json! of braces is an object") };
    shown
}

/// `rechercher/fournisseur`: rows beside a nested parametresRetour.
pub(super) fn sent(world: &mut World, query: &SentQuery) -> Value {
    let now = world.settle();
    let body = &query.body;
    let wanted: Vec<i64> = body.liste_destinataire.iter().flatten().filter_map(|one| one.id_destinataire).collect();
    let rows: Vec<&Invoice> = world
        .invoices
        .iter()
        .filter(|invoice| {
            let Side::Sent { flux } = invoice.side else { return false };
            body.numero_flux_depot.as_ref().is_none_or(|number| *number == world.fluxes[flux].number)
                && body.id_fournisseur.is_none_or(|id| id == invoice.supplier.id)
                && body.type_facture.as_deref().is_none_or(|wanted| wanted == kind(invoice))
                && (wanted.is_empty() || wanted.contains(&invoice.recipient.id))
                && query.common.fits(world, invoice, now)
        })
        .collect();
    let Some(page) = listed(rows, body.recherche_facture_par_fournisseur.as_ref()) else {
        return json!({"codeRetour": 20000, "libelle": "TRA_MSG_00.015", "parametresRetour": null, "listeFactures": null});
    };
    let rows: Vec<Value> = page.rows.iter().map(|invoice| sent_row(world, invoice, query, now)).collect();
    without_nulls(json!({
        "codeRetour": 0,
        "libelle": OK_LABEL,
        "parametresRetour": {
            "pageCourante": page.current, "pages": page.pages,
            "nbResultatsParPage": page.size, "total": page.total,
        },
        "listeFactures": rows,
    }))
}

fn sent_row(world: &World, invoice: &Invoice, query: &SentQuery, now: Duration) -> Value {
    let flux = match invoice.side {
        Side::Sent { flux } => Some(world.fluxes[flux].number.as_str()),
        Side::Received { .. } => None,
    };
    let mut row = row(world, invoice, &query.common, now);
    row.insert("identifiantFactureCPP".to_owned(), json!(invoice.id));
    row.insert("numeroMarche".to_owned(), json!(given(&invoice.market)));
    row.insert("numeroFluxDepot".to_owned(), json!(flux));
    row.insert("modeDepot".to_owned(), json!("UPLOAD_API"));
    Value::Object(row)
}

/// `rechercher/recipiendaire`: flat paging; no row is 20000 with nulls (PROTOCOL §2.2).
pub(super) fn received(world: &mut World, query: &ReceivedQuery) -> Value {
    let now = world.settle();
    let body = &query.body;
    let suppliers: Vec<i64> = body.liste_fournisseurs.iter().flatten().filter_map(|one| one.id_fournisseur).collect();
    let works = body.type_demande_paiement.as_deref() == Some("FACTURE_TRAVAUX");
    let rows: Vec<&Invoice> = world
        .invoices
        .iter()
        .filter(|invoice| {
            let Side::Received { downloads, .. } = &invoice.side else { return false };
            !works
                && body.id_destinataire.is_none_or(|id| id == invoice.recipient.id)
                && body.facture_telechargee_par_destinataire.is_none_or(|wanted| wanted != downloads.is_empty())
                && (suppliers.is_empty() || suppliers.contains(&invoice.supplier.id))
                && query.common.fits(world, invoice, now)
        })
        .collect();
    let Some(page) = listed(rows, body.param_recherche.as_ref()) else {
        return json!({
            "codeRetour": 20000, "libelle": "TRA_MSG_00.015", "pageCourante": null, "pages": null,
            "nbResultatsParPage": null, "total": null, "listeFactures": null,
        });
    };
    let rows: Vec<Value> = page.rows.iter().map(|invoice| received_row(world, invoice, query, now)).collect();
    without_nulls(json!({
        "codeRetour": 0, "libelle": OK_LABEL, "pageCourante": page.current, "pages": page.pages,
        "nbResultatsParPage": page.size, "total": page.total, "listeFactures": rows,
    }))
}

fn received_row(world: &World, invoice: &Invoice, query: &ReceivedQuery, now: Duration) -> Value {
    let downloaded = matches!(&invoice.side, Side::Received { downloads, .. } if !downloads.is_empty());
    let mut row = row(world, invoice, &query.common, now);
    row.insert("idFacture".to_owned(), json!(invoice.id));
    row.insert("factureTelechargeeParDestinataire".to_owned(), json!(downloaded));
    Value::Object(row)
}

/// `consulter/historique`: statuses, events and actions, each list paged on its own.
pub(super) fn history(world: &mut World, query: &HistoryQuery) -> Outcome {
    let now = world.settle();
    let Some(id) = query.id_facture else { return Outcome::Malformed("idFacture est obligatoire".to_owned()) };
    let Some(invoice) = world.invoice(id) else { return unknown() };
    let statuses = history_statuses(world, invoice, query, now);
    let events = query.param_recherche_histo_evenements_complementaires.as_ref();
    let events = page(
        Vec::<Value>::new(),
        events.and_then(|p| p.page_resultat_demandee_liste_histo_evenement).map(i64::from),
        events.and_then(|p| p.nb_resultats_par_page_liste_histo_evenement).map(i64::from),
        None,
    );
    let downloads: &[Duration] = match &invoice.side {
        Side::Received { downloads, .. } => downloads,
        Side::Sent { .. } => &[],
    };
    let rows: Vec<Value> = downloads
        .iter()
        .enumerate()
        .map(|(at, when)| {
            json!({
                "histoActionId": at + 1, "histoActionCode": "TELECHARGEMENT_FACTURE",
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
        actions.and_then(|p| p.nb_resultats_par_page_liste_histo_action).map(i64::from),
        None,
    );
    Outcome::Done(without_nulls(json!({
        "codeRetour": 0,
        "libelle": OK_LABEL,
        "idFacture": invoice.id,
        "numeroFacture": invoice.number,
        "modeDepot": "UPLOAD_API",
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

fn history_statuses(world: &World, invoice: &Invoice, query: &HistoryQuery, now: Duration) -> Page<Value> {
    let row = |(at, step): (usize, &Step)| {
        json!({
            "histoStatutId": at + 1,
            "histoStatutCode": step.status,
            "histoStatutDatePassage": world.told(step.at).paris_iso(),
            "histoStatutCommentaire": given(&step.comment),
            "histoStatutUtilisateurPrenom": given(&step.first_name),
            "histoStatutUtilisateurNom": given(&step.last_name),
        })
    };
    let mut rows: Vec<Value> = invoice.history(now).iter().enumerate().map(row).collect();
    let paging = query.param_recherche_histo_statuts.as_ref();
    if paging.and_then(|p| p.tri_sens_liste_histo_statut) == Some(Order::Descendant) {
        rows.reverse();
    }
    page(
        rows,
        paging.and_then(|p| p.page_resultat_demandee_liste_histo_statut).map(i64::from),
        paging.and_then(|p| p.nb_resultats_par_page_liste_histo_statut).map(i64::from),
        None,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_date_is_read() {
        for (text, expected, day) in [
            ("2026-11-23", "2026-11-22T23:00:00.000Z", true),
            ("2026-11-23T23:59:59", "2026-11-23T22:59:59.000Z", false),
            ("2016-10-25 17:42", "2016-10-25T15:42:00.000Z", false),
            ("2026-11-23T10:15:00.000+01:00", "2026-11-23T09:15:00.000Z", false),
            ("2026-11-23T10:15:00Z", "2026-11-23T10:15:00.000Z", false),
        ] {
            let (at, whole) = instant(text).unwrap();
            assert_eq!((at.to_string().as_str(), whole), (expected, day), "{text}");
        }
        assert!(instant("hier").is_err());
        let day = Period::read(Some("2026-11-23"), Some("2026-11-23")).unwrap();
        assert!(day.holds("2026-11-23T22:59:59.999Z".parse().unwrap()));
        assert!(!day.holds("2026-11-23T23:00:00Z".parse().unwrap()));
        let second = Period::read(None, Some("2026-11-23T10:00:00")).unwrap();
        assert!(second.holds("2026-11-23T09:00:00.999Z".parse().unwrap()));
        assert!(!second.holds("2026-11-23T09:00:01Z".parse().unwrap()));
    }

    #[test]
    fn pages_add_up_and_have_a_largest_size() {
        let of = |current, size| page((0..450).collect::<Vec<i32>>(), current, size, None);
        let default = of(None, None);
        assert_eq!((default.rows.len(), default.pages, default.total), (10, 45, 450));
        let last = of(Some(3), Some(999));
        assert_eq!((last.rows.len(), last.pages, last.size), (50, 3, 200));
        assert!(of(Some(4), Some(200)).rows.is_empty());
        assert!(of(Some(i64::MAX), Some(200)).rows.is_empty());
    }
}
