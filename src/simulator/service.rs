//! The services but the searches: what a valid request is, and the JSON it is answered with (PROTOCOL §2.2, swagger).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::fault::Subject;
use super::pivot::{Leaving, pdf, pivot, zipped};
use super::scenario::{ErrorList, ErrorTransport, PivotForm};
use super::search;
use super::world::{Arrival, DEPOSITS_LIMIT, Flux, Invoice, Side, Turn, World};

/// Bytes of one XML or PDF (PROTOCOL §2.2).
const FILE_LIMIT_BYTES: usize = 10 << 20;
/// Bytes of a `.tar.gz`.
const ARCHIVE_LIMIT_BYTES: usize = 30 << 20;
/// Characters of nomFichier.
const FILE_NAME_LIMIT_CHARS: usize = 200;
/// Invoices of one download.
const DOWNLOADS_LIMIT: usize = 10;
/// Bytes of one download's files; above, 413.
const DOWNLOAD_LIMIT_BYTES: usize = 120 << 20;

pub(super) const OK_LABEL: &str = "TRA_MSG_00.000";
/// Unknown object, as `completer` and `traiter/recue` say it; that the others do too is our inference.
const UNKNOWN: Refusal = Refusal { code: 20_000, label: "GDP_MSG_11.008" };

/// PROTOCOL §2.2, syntaxes of `deposer/flux`; everything else is refused.
const SYNTAXES: &[&str] = &[
    "IN_DP_E1_UBL_INVOICE",
    "IN_DP_E1_CII",
    "IN_DP_E1_CII_16B",
    "IN_DP_E1_XCBL",
    "IN_DP_E1_PES_FACTURE",
    "IN_DP_E2_UBL_INVOICE_MIN",
    "IN_DP_E2_CII_MIN",
    "IN_DP_E2_CII_MIN_16B",
    "IN_DP_E2_PES_FACTURE_MIN",
    "IN_DP_E2_CPP_FACTURE_MIN",
    "IN_DP_E2_CII_FACTURX",
    "IN_DP_PDFARCHIVE_UBL_INVOICE_MUG",
    "IN_DP_PDFARCHIVE_CII_MUG",
];

/// The services of the API, by the path's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Deposit,
    Report,
    SearchSent,
    SearchReceived,
    History,
    ConsultSent,
    ConsultReceived,
    Download,
    VatRates,
    Health,
}

impl Service {
    const ALL: [Service; 10] = [
        Service::Deposit,
        Service::Report,
        Service::SearchSent,
        Service::SearchReceived,
        Service::History,
        Service::ConsultSent,
        Service::ConsultReceived,
        Service::Download,
        Service::VatRates,
        Service::Health,
    ];

    /// As faults and the ledger name it.
    pub fn name(self) -> &'static str {
        match self {
            Service::Deposit => "deposer/flux",
            Service::Report => "consulterCRDetaille",
            Service::SearchSent => "rechercher/fournisseur",
            Service::SearchReceived => "rechercher/recipiendaire",
            Service::History => "consulter/historique",
            Service::ConsultSent => "consulter/fournisseur",
            Service::ConsultReceived => "consulter/recipiendaire",
            Service::Download => "telecharger/groupe",
            Service::VatRates => "recuperer/tauxtva",
            Service::Health => "health-check",
        }
    }

    /// The service behind a method and a path.
    pub fn at(method: &hyper::Method, path: &str) -> Option<Service> {
        let (api, name) = match (path.strip_prefix("/cpro/factures/v1/"), path.strip_prefix("/cpro/transverses/v1/")) {
            (Some(name), _) => ("factures", name),
            (_, Some(name)) => ("transverses", name),
            _ => return None,
        };
        Service::ALL.into_iter().find(|service| {
            let (its_api, its_method) = match service {
                Service::Report | Service::VatRates => ("transverses", hyper::Method::POST),
                Service::Health => ("transverses", hyper::Method::GET),
                _ => ("factures", hyper::Method::POST),
            };
            service.name() == name && its_api == api && its_method == *method
        })
    }
}

/// A business error: codeRetour and libelle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: i64,
    pub label: &'static str,
}

/// What a request comes to.
pub(super) enum Outcome {
    Done(Value),
    /// An accepted deposit and its place among the fluxes.
    Deposited(Value, usize),
    Refused(Refusal),
    /// No request of this service: HTTP 400.
    Malformed(String),
    /// Another HTTP status, without a body worth reading.
    Status(u16),
}

/// A request that was understood.
pub(super) enum Request {
    Deposit(Box<Arrival>),
    TooBig,
    Report(String),
    SearchSent(Box<search::SentQuery>),
    SearchReceived(Box<search::ReceivedQuery>),
    History(HistoryQuery),
    Consult { id: i64, received: bool },
    Download(DownloadQuery),
    VatRates,
    Health,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DepositBody {
    fichier_flux: Option<String>,
    nom_fichier: Option<String>,
    syntaxe_flux: Option<String>,
    #[serde(rename = "avecSignature")]
    _signed: Option<bool>,
    #[serde(rename = "idUtilisateurCourant")]
    _user: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReportBody {
    numero_flux_depot: Option<String>,
    #[serde(rename = "syntaxeFlux")]
    _syntax: Option<String>,
    #[serde(rename = "dateDepot")]
    _date: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConsultBody {
    #[serde(rename = "identifiantFactureCPP")]
    id: Option<i64>,
    #[serde(rename = "codeLangue")]
    _language: Option<String>,
}

/// `consulter/historique`: three lists, each with pages of its own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HistoryQuery {
    pub id_facture: Option<i64>,
    #[serde(rename = "idEspace")]
    pub _space: Option<i64>,
    #[serde(rename = "nbResultatsMaximum")]
    pub _longest: Option<i32>,
    pub param_recherche_histo_statuts: Option<StatusPaging>,
    pub param_recherche_histo_evenements_complementaires: Option<EventPaging>,
    pub param_recherche_histo_actions_utilisateurs: Option<ActionPaging>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusPaging {
    pub page_resultat_demandee_liste_histo_statut: Option<i32>,
    pub nb_resultats_par_page_liste_histo_statut: Option<i32>,
    pub tri_sens_liste_histo_statut: Option<search::Order>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventPaging {
    pub page_resultat_demandee_liste_histo_evenement: Option<i32>,
    pub nb_resultats_par_page_liste_histo_evenement: Option<i32>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActionPaging {
    pub page_resultat_demandee_liste_histo_action: Option<i32>,
    pub nb_resultats_par_page_liste_histo_action: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DownloadQuery {
    liste_facture: Option<Vec<DownloadId>>,
    format: Option<String>,
    avec_pieces_jointes_complementaires: Option<String>,
    #[serde(rename = "idEspace")]
    _space: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DownloadId {
    id_facture: i64,
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|e| e.to_string())
}

impl Request {
    /// Reads a body; the heavy part of a deposit (decoding, reading the invoice) is done here, before the world is
    /// locked. The error is for a person.
    pub fn read(service: Service, body: &[u8]) -> Result<Request, String> {
        Ok(match service {
            Service::Health => Request::Health,
            Service::VatRates => {
                let _object: serde_json::Map<String, Value> = parse(body)?;
                Request::VatRates
            }
            Service::Deposit => read_deposit(parse(body)?)?,
            Service::Report => {
                let body: ReportBody = parse(body)?;
                Request::Report(body.numero_flux_depot.ok_or("numeroFluxDepot est obligatoire")?)
            }
            Service::SearchSent => Request::SearchSent(Box::new(parse::<search::SentBody>(body)?.read()?)),
            Service::SearchReceived => Request::SearchReceived(Box::new(parse::<search::ReceivedBody>(body)?.read()?)),
            Service::History => Request::History(parse(body)?),
            Service::ConsultSent | Service::ConsultReceived => {
                let body: ConsultBody = parse(body)?;
                let id = body.id.ok_or("identifiantFactureCPP est obligatoire")?;
                Request::Consult { id, received: service == Service::ConsultReceived }
            }
            Service::Download => Request::Download(parse(body)?),
        })
    }

    /// What scripted faults may ask about.
    pub fn subject(&self, world: &World) -> Subject {
        let of_id = |id: i64| world.invoice(id).map(|invoice| invoice.number.clone());
        let mut subject = Subject::default();
        match self {
            Request::Deposit(arrival) => {
                subject.file = Some(arrival.file_name.clone());
                subject.invoices = arrival.content.iter().flatten().map(|invoice| invoice.number.clone()).collect();
            }
            Request::Report(number) => {
                if let Some(flux) = world.flux(number).map(|at| &world.fluxes[at]) {
                    subject.file = Some(flux.file_name.clone());
                    subject.invoices = flux.numbers().map(str::to_owned).collect();
                }
            }
            Request::SearchSent(query) => subject.invoices.extend(query.common.number.clone()),
            Request::SearchReceived(query) => subject.invoices.extend(query.common.number.clone()),
            Request::History(query) => subject.invoices.extend(query.id_facture.and_then(of_id)),
            Request::Consult { id, .. } => subject.invoices.extend(of_id(*id)),
            Request::Download(query) => {
                let ids = query.liste_facture.iter().flatten();
                subject.invoices.extend(ids.filter_map(|one| of_id(one.id_facture)));
            }
            Request::TooBig | Request::VatRates | Request::Health => {}
        }
        subject
    }

    /// Works on it.
    pub fn work(self, world: &mut World) -> Outcome {
        match self {
            Request::Deposit(arrival) => deposit(world, *arrival),
            Request::TooBig => Outcome::Refused(Refusal { code: 20_001, label: "GDP_MSG_11.022" }),
            Request::Report(number) => report(world, &number),
            Request::SearchSent(query) => Outcome::Done(search::sent(world, &query)),
            Request::SearchReceived(query) => Outcome::Done(search::received(world, &query)),
            Request::History(query) => search::history(world, &query),
            Request::Consult { id, received } => consult(world, id, received),
            Request::Download(query) => download(world, &query),
            Request::VatRates => Outcome::Done(json!({
                "codeRetour": 0, "libelle": OK_LABEL,
                "listeTauxTva": [
                    {"codeTauxTva": "TVA1", "libelleTauxTva": "20%", "valeurTauxTva": 20.0},
                    {"codeTauxTva": "TVA2", "libelleTauxTva": "10%", "valeurTauxTva": 10.0},
                    {"codeTauxTva": "TVA4", "libelleTauxTva": "5,5%", "valeurTauxTva": 5.5},
                    {"codeTauxTva": "TVA5", "libelleTauxTva": "2,1%", "valeurTauxTva": 2.1},
                ],
            })),
            Request::Health => Outcome::Done(json!({"body": "UP", "statusCodeValue": 200, "statusCode": "OK"})),
        }
    }
}

/// Whether a business error leaves by HTTP 400 this time.
pub(super) fn by_400(world: &mut World) -> bool {
    match world.scenario.errors {
        ErrorTransport::Http200 => false,
        ErrorTransport::Http400 => true,
        ErrorTransport::Alternate => world.turn(Turn::Errors),
    }
}

pub(super) fn unknown() -> Outcome {
    Outcome::Refused(UNKNOWN)
}

/// Absent instead of null, at every depth: the swagger lets fields be absent, not null.
pub(super) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect()
        }
        Value::Array(list) => list.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// Absent when empty.
pub(super) fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn read_deposit(body: DepositBody) -> Result<Request, String> {
    let file = body.fichier_flux.ok_or("fichierFlux est obligatoire")?;
    let name = body.nom_fichier.ok_or("nomFichier est obligatoire")?;
    let syntax = body.syntaxe_flux.ok_or("syntaxeFlux est obligatoire")?;
    if name.is_empty() || name.chars().count() > FILE_NAME_LIMIT_CHARS {
        return Err(format!("nomFichier : 1 à {FILE_NAME_LIMIT_CHARS} caractères"));
    }
    if !SYNTAXES.contains(&syntax.as_str()) {
        return Err(format!("syntaxeFlux inconnue : {}", super::content::cut(&syntax, 60)));
    }
    let bytes = STANDARD.decode(file).map_err(|_| "fichierFlux n'est pas en base64")?;
    let limit = if bytes.starts_with(&[0x1f, 0x8b]) { ARCHIVE_LIMIT_BYTES } else { FILE_LIMIT_BYTES };
    if bytes.len() > limit {
        return Ok(Request::TooBig);
    }
    Ok(Request::Deposit(Box::new(Arrival::new(name, syntax, &bytes))))
}

fn deposit(world: &mut World, arrival: Arrival) -> Outcome {
    if world.fluxes.len() >= DEPOSITS_LIMIT {
        return Outcome::Status(503);
    }
    let index = world.deposit(arrival);
    let flux = &world.fluxes[index];
    let answer = json!({
        "codeRetour": 0,
        "libelle": "GCU_MSG_01_000",
        "numeroFluxDepot": flux.number,
        "dateDepot": world.told(flux.at).paris_date(),
        // The swagger's list of answered syntaxes lacks the PDF archives; they are left out.
        "syntaxeFlux": (!flux.syntax.starts_with("IN_DP_PDFARCHIVE")).then_some(&flux.syntax),
    });
    Outcome::Deposited(without_nulls(answer), index)
}

fn report(world: &mut World, number: &str) -> Outcome {
    let now = world.settle();
    let Some(at) = world.flux(number) else { return unknown() };
    let as_object = match world.scenario.error_list {
        ErrorList::Array => false,
        ErrorList::Object => true,
        ErrorList::Alternate => world.turn(Turn::ErrorList),
    };
    let flux = &world.fluxes[at];
    let states = flux.states(now, &world.scenario);
    let (since, state) = *states.last().expect("a flux begins in a state");
    let judged = now >= flux.at + world.scenario.timing.verdict_after.get();
    let errors = if judged { flux.errors.as_slice() } else { &[] };
    let mut refused: Vec<Value> = Vec::new();
    let mut technical: Vec<Value> = Vec::new();
    for error in errors {
        match &error.key {
            Some(key) => refused.push(json!({
                "numeroDP": key.number, "identifiantFournisseur": key.supplier,
                "identifiantDestinataire": key.recipient, "libelleErreurDP": error.label,
            })),
            None => technical.push(json!({
                "codeErreur": "IRR_SYNTAX", "libelleErreur": error.label, "natureErreur": "TECHNIQUE",
            })),
        }
    }
    let refused = match refused.len() {
        1 if as_object => refused.remove(0),
        _ => Value::Array(refused),
    };
    Outcome::Done(json!({
        "codeRetour": 0,
        "libelle": OK_LABEL,
        "codeInterfaceDepotFlux": flux.interface,
        "dateDepotFlux": world.told(flux.at).paris_date(),
        "dateHeureEtatCourantFlux": world.told(since).paris_iso(),
        "etatCourantDepotFlux": state,
        "nomFichier": wire_name(flux),
        "listeErreurDP": refused,
        "listeErreurTechnique": technical,
    }))
}

/// `FSO1117A_CPP001_CPP0011117000000000000001`.
fn wire_name(flux: &Flux) -> String {
    format!("{}_CPP001_{}", flux.interface, flux.number)
}

/// The fields of a whole invoice that the simulator knows; the lists it has nothing for are left out.
fn consult(world: &mut World, id: i64, received: bool) -> Outcome {
    let now = world.settle();
    let Some(invoice) = world.invoice(id) else { return unknown() };
    if received != matches!(invoice.side, Side::Received { .. }) {
        return unknown();
    }
    let status = invoice.status(now);
    Outcome::Done(without_nulls(json!({
        "codeRetour": 0,
        "libelle": OK_LABEL,
        "facture": {
            "identifiantFactureCPP": invoice.id,
            "numeroFacture": invoice.number,
            "statutFacture": status.status,
            "modeDepot": "UPLOAD_API",
            "destinataire": {
                "idDestinataire": invoice.recipient.id,
                "codeDestinataire": invoice.recipient.identifier,
                "libelleDestinataire": given(&invoice.recipient.name),
                "codeServiceExecutant": given(&invoice.service),
            },
            "fournisseur": {
                "idFournisseur": invoice.supplier.id,
                "typeIdentifiantFournisseur": "SIRET",
                "codeFournisseur": invoice.supplier.identifier,
                "designationFournisseur": invoice.supplier.name,
            },
            "cadreDeFacturation": {"codeCadreFacturation": "A1_FACTURE_FOURNISSEUR"},
            "references": {
                "dateFacture": given(&invoice.date),
                "dateDepot": world.told(invoice.deposited).paris_date(),
                "codeDeviseFacture": invoice.currency,
                "typeFacture": kind(invoice),
                "numeroMarche": given(&invoice.market),
                "numeroBonCommande": given(&invoice.commitment),
            },
            "montantTotal": {
                "montantHtTotal": search::number(invoice.net),
                "montantTVA": search::number(invoice.gross - invoice.net),
                "montantTtcTotal": search::number(invoice.gross),
                "montantAPayer": search::number(invoice.payable),
            },
            "commentaire": given(&status.comment),
        },
    })))
}

pub(super) fn kind(invoice: &Invoice) -> &'static str {
    if invoice.credit_note { "AVOIR" } else { "FACTURE" }
}

fn download(world: &mut World, query: &DownloadQuery) -> Outcome {
    let now = world.settle();
    let ids: Vec<i64> = query.liste_facture.iter().flatten().map(|one| one.id_facture).collect();
    if ids.is_empty() || ids.len() > DOWNLOADS_LIMIT {
        return Outcome::Malformed(format!("listeFacture : 1 à {DOWNLOADS_LIMIT} factures"));
    }
    let with_attachments = match query.avec_pieces_jointes_complementaires.as_deref() {
        Some("OUI") => true,
        None | Some("NON") => false,
        Some(_) => return Outcome::Malformed("avecPiecesJointesComplementaires : OUI ou NON".to_owned()),
    };
    let as_zip = match world.scenario.pivot {
        PivotForm::Xml => false,
        PivotForm::Zip => true,
        PivotForm::Alternate => query.format.as_deref() == Some("PIVOT") && world.turn(Turn::Pivot),
    };
    let mut leaving = Vec::new();
    for id in &ids {
        let Some(invoice) = world.invoice(*id) else { return unknown() };
        // What was sent is no longer held in full: only received invoices can be downloaded here.
        let Side::Received { document, .. } = &invoice.side else { return unknown() };
        leaving.push(Leaving {
            id: invoice.id,
            recipient: &invoice.recipient.identifier,
            recipient_name: &invoice.recipient.name,
            received: world.told(invoice.deposited).paris_date(),
            document,
        });
    }
    let file = match query.format.as_deref() {
        Some("PIVOT") => {
            let number = u64::try_from(now.as_millis()).unwrap_or(0);
            let xml = pivot(&leaving, &world.clock.today().paris_date(), number);
            if as_zip { zipped(&[("FEN0036A_pivot.xml", xml.as_bytes())]) } else { xml.into_bytes() }
        }
        Some("PDF") => readable(&leaving, with_attachments),
        _ => return Outcome::Malformed("format : PDF ou PIVOT".to_owned()),
    };
    if file.len() > DOWNLOAD_LIMIT_BYTES {
        return Outcome::Status(413);
    }
    let answer = json!({"codeRetour": 0, "libelle": OK_LABEL, "fichierResultat": STANDARD.encode(file)});
    for id in ids {
        world.downloaded(id);
    }
    Outcome::Done(answer)
}

/// One invoice without attachments: its PDF; else a ZIP with a folder for each.
fn readable(leaving: &[Leaving<'_>], with_attachments: bool) -> Vec<u8> {
    let page = |one: &Leaving<'_>| {
        let total = format!("Total TTC : {} EUR", one.document.gross());
        pdf(&["Facture", &one.document.number, &one.document.supplier_name, &total])
    };
    if let ([one], false) = (leaving, with_attachments) {
        return page(one);
    }
    let mut files = Vec::new();
    for one in leaving {
        files.push((format!("{}/{}.pdf", one.id, one.document.number.replace('/', "_")), page(one)));
        if with_attachments {
            let attached = one.document.attachments.iter();
            files.extend(attached.map(|file| (format!("{}/{}", one.id, file.name), file.content.clone())));
        }
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    zipped(&files)
}
