//! The lists: one file for each side's searches, and the history; here their filters, orders and pages. Flat paging in
//! one search, nested in the others, as the swagger has it.

mod history;
mod received;
mod requests;
mod sent;
mod validator;

pub(super) use history::History;
pub(super) use received::{Received, ReceivedToTreat};
pub(super) use requests::PaymentRequests;
pub(super) use sent::{Sent, SentToTreat};
pub(super) use validator::{ToValidate, Validated};

use std::time::Duration;

use jiff::civil;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use serde_json::{Value, json};

use super::invoice::{Invoice, framework_of};
use super::scenario::PAGE_LIMIT;
use super::service::NO_ROW;
use super::world::World;
use crate::domain::Timestamp;

/// Rows of a page when nothing is asked (PROTOCOL §2.2).
const PAGE_DEFAULT: i64 = 10;

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
    #[serde(alias = "getnbResultatsMaximum")]
    nb_resultats_maximum: Option<i64>,
    /// From 1 on.
    pub page_resultat_demandee: Option<i64>,
    nb_resultats_par_page: Option<i64>,
    tri_sens: Option<Order>,
    tri_colonne: Option<String>,
}

impl Paging {
    /// From the two numbers of services that have their own names for them.
    pub fn at(current: Option<i64>, size: Option<i64>) -> Self {
        Self { page_resultat_demandee: current, nb_resultats_par_page: size, ..Self::default() }
    }

    /// The page asked for.
    pub fn of<T>(&self, rows: Vec<T>) -> Page<T> {
        self.of_up_to(rows, PAGE_LIMIT)
    }

    /// The same where a page may be longer.
    pub fn of_up_to<T>(&self, rows: Vec<T>, limit: i64) -> Page<T> {
        page(rows, self.page_resultat_demandee, (self.nb_resultats_par_page, limit), self.nb_resultats_maximum)
    }
}

/// What all searches filter by.
#[derive(Deserialize, Default)]
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
    #[serde(alias = "montantAPayerMin")]
    montant_apayer_min: Option<f64>,
    #[serde(alias = "montantAPayerMax")]
    montant_apayer_max: Option<f64>,
    numero_marche: Option<String>,
    #[serde(alias = "numeroEngagement")]
    numero_bon_commande: Option<String>,
    cadre_facturation: Option<String>,
    id_service_executant: Option<i64>,
    recuperer_taille: Option<bool>,
}

/// The common filters, read.
pub(super) struct Common {
    /// Only the invoices of this number.
    pub number: Option<String>,
    statuses: Vec<String>,
    deposited: Period,
    dated: Period,
    changed: Period,
    net: (Option<f64>, Option<f64>),
    gross: (Option<f64>, Option<f64>),
    payable: (Option<f64>, Option<f64>),
    market: Option<String>,
    commitment: Option<String>,
    framework: Option<String>,
    service: Option<i64>,
    with_size: bool,
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
            payable: (self.montant_apayer_min, self.montant_apayer_max),
            framework: self.cadre_facturation.take().map(|code| framework_of(&code)),
            service: self.id_service_executant.filter(|id| *id > 0),
            market: self.numero_marche.take().filter(|text| !text.is_empty()),
            commitment: self.numero_bon_commande.take().filter(|text| !text.is_empty()),
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
            && within(self.payable, invoice.payable)
            && same(&self.framework, &invoice.framework)
            && self.service.is_none_or(|id| service_id(world, invoice) == Some(id))
            && self.dated.holds_day(&invoice.date)
            && self.deposited.holds(world.told(invoice.deposited))
            && self.changed.holds(world.told(status.at))
    }
}

/// idService of the service an invoice is for.
fn service_id(world: &World, invoice: &Invoice) -> Option<i64> {
    if invoice.service.is_empty() {
        return None;
    }
    world.structure(&invoice.recipient.identifier).map(|structure| structure.service_id(&invoice.service))
}

/// One page out of many rows.
pub(super) struct Page<T> {
    /// The rows of the page asked for.
    pub rows: Vec<T>,
    current: i64,
    pages: i64,
    size: i64,
    total: i64,
}

impl<T> Page<T> {
    /// parametresRetour.
    pub fn nested(&self) -> Value {
        json!({
            "pageCourante": self.current, "pages": self.pages,
            "nbResultatsParPage": self.size, "total": self.total,
        })
    }
}

/// No row with nested paging: 20000 with nulls, as the flat one (PROTOCOL §2.2).
fn no_row_nested() -> Value {
    json!({"codeRetour": NO_ROW.0, "libelle": NO_ROW.1, "parametresRetour": null, "listeFactures": null})
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn page<T>(mut rows: Vec<T>, current: Option<i64>, (size, limit): (Option<i64>, i64), longest: Option<i64>) -> Page<T> {
    if let Some(longest) = longest.filter(|longest| *longest > 0) {
        rows.truncate(usize::try_from(longest).unwrap_or(usize::MAX));
    }
    let size = size.filter(|size| *size > 0).unwrap_or(PAGE_DEFAULT).min(limit);
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
            "TypeFacture" => a.kind().cmp(b.kind()),
            "NumeroMarche" => a.market.cmp(&b.market),
            "NumeroBonCommande" => a.commitment.cmp(&b.commitment),
            "FactureTelechargeeParDestinataire" => a.is_downloaded().cmp(&b.is_downloaded()),
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
        let of = |current, size| page((0..450).collect::<Vec<i32>>(), current, (size, PAGE_LIMIT), None);
        let default = of(None, None);
        assert_eq!((default.rows.len(), default.pages, default.total), (10, 45, 450));
        let last = of(Some(3), Some(999));
        assert_eq!((last.rows.len(), last.pages, last.size), (50, 3, 200));
        assert!(of(Some(4), Some(200)).rows.is_empty());
        assert!(of(Some(i64::MAX), Some(200)).rows.is_empty());
    }
}
