//! The services: which there are, what a valid request is, and the JSON it is answered with (PROTOCOL §2, swagger).
//!
//! A service reads its request into a job before the world is locked, so that the heavy part (decoding, reading an
//! invoice) keeps nobody waiting; the job then does its work in the world. A file per family.

mod consult;
mod deposit;
mod download;
mod files;
mod form;
mod lists;
mod report;
mod structures;
mod treat;

use std::borrow::Cow;

use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::fault::Subject;
use super::readings::WithdrawnMotif;
use super::scenario::ErrorTransport;
use super::search;
use super::world::{Turn, World};

pub(super) use deposit::{ARCHIVE_LIMIT_BYTES, EDI_FLUX_LIMIT_BYTES};

pub(super) const OK_LABEL: &str = "TRA_MSG_00.000";
/// No row: a success without result (PROTOCOL §2.2).
pub(super) const NO_ROW: (i64, &str) = (20_000, "TRA_MSG_00.015");

/// A business error: codeRetour and libelle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// codeRetour.
    pub code: i64,
    /// libelle.
    pub label: Cow<'static, str>,
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
pub(super) trait Job: Send {
    /// What scripted faults may ask about, and the catalogue looks at.
    fn subject(&self, _world: &World) -> Subject {
        Subject::default()
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome;
}

/// Reads a body; the error is for a person.
type Reader = fn(&[u8]) -> Result<Box<dyn Job>, String>;

/// One service.
#[derive(Clone, Copy)]
pub(super) struct Service {
    /// As faults and the ledger name it: the end of its path, with the API in front where two have the same.
    pub name: &'static str,
    api: &'static str,
    read: Reader,
}

const fn service(api: &'static str, name: &'static str, read: Reader) -> Service {
    Service { name, api, read }
}

/// Every service, in the order of PROTOCOL §2.1.
static ALL: &[Service] = &[
    service("factures", "soumettre", form::Submission::read),
    service("factures", "deposer/flux", deposit::Deposit::read),
    service("factures", "deposer/pdf", form::PdfDeposit::read),
    service("factures", "completer", treat::Completion::read),
    service("factures", "recycler", treat::Recycling::read),
    service("factures", "consulter/recipiendaire", consult::Consultation::read_received),
    service("factures", "consulter/fournisseur", consult::Consultation::read_sent),
    service("factures", "consulter/valideur", consult::Consultation::read_validated),
    service("factures", "consulter/historique", search::History::read),
    service("factures", "rechercher/recipiendaire", search::Received::read),
    service("factures", "rechercher/fournisseur", search::Sent::read),
    service("factures", "rechercher/valideur", search::Validated::read),
    service("factures", "rechercher/demandePaiement", search::PaymentRequests::read),
    service("factures", "rechercher/atraiter/recipiendaire", search::ReceivedToTreat::read),
    service("factures", "rechercher/atraiter/fournisseur", search::SentToTreat::read),
    service("factures", "rechercher/aTraiter/valideur", search::ToValidate::read),
    service("factures", "telecharger/groupe", download::Download::read),
    service("factures", "traiter/recue", treat::Treatment::read),
    service("factures", "traiter/factureAValider", treat::Validation::read),
    service("factures", "traiterRejet", treat::RejectionsTreated::read),
    service("factures", "corriger/valideur/facture", treat::ValidatorCorrection::read),
    service("factures", "recuperer/statutsFactureVisibles/valideur", lists::visible_statuses),
    service("transverses", "consulterCR", report::Report::read_printed),
    service("transverses", "consulterCRDetaille", report::Report::read_detailed),
    service("transverses", "ajouter/fichier", files::NewFile::read),
    service("transverses", "telecharger/pieceJointe", download::AttachmentDownload::read),
    service("transverses", "telecharger/annuaire/destinataire", structures::DirectoryDownload::read),
    service("transverses", "rechercher/destinataire", structures::RecipientSearch::read),
    service("transverses", "rechercher/pj/structure", files::FileSearch::read_of_structure),
    service("transverses", "rechercher/pj/moncompte", files::FileSearch::read_of_account),
    service("transverses", "recuperer/etat/typedp", lists::states_of_kind),
    service("transverses", "recuperer/etats/traitement", treat::NextStatuses::read),
    service("transverses", "recuperer/formatflux", lists::flux_formats),
    service("transverses", "recuperer/devises", lists::currencies),
    service("transverses", "recuperer/modedepot", lists::deposit_modes),
    service("transverses", "recuperer/pays", lists::countries),
    service("transverses", "recuperer/modereglements", lists::payment_modes),
    service("transverses", "recuperer/cadrefacturation", lists::frameworks),
    service("transverses", "recuperer/coordbanc/valides", lists::bank_accounts),
    service("transverses", "recuperer/typespj", lists::attachment_kinds),
    service("transverses", "recuperer/tauxtva", lists::vat_rates),
    service("transverses", "recuperer/motifs/exonerationtva", lists::exemptions),
    service("transverses", "recuperer/motifs/refus/Facture/AValider", lists::validator_motifs),
    service("transverses", "recuperer/typedp", lists::request_kinds),
    service("transverses", "recuperer/typefacturetravaux", lists::works_kinds),
    service("transverses", "recuperer/typeidentifiant/structure", lists::identifier_kinds),
    service("transverses", "recuperer/structures/actives/fournisseur", structures::ActiveStructures::read_own),
    service("transverses", "recuperer/structures/actives/destinataire", structures::ActiveStructures::read_own),
    service("transverses", "recuperer/structures/actives/facturetravaux", structures::ActiveStructures::read_own),
    service("transverses", "consulter/information/siret", structures::SiretInformation::read),
    service("transverses", "health-check", lists::health),
    service("structures", "structures/rechercher", structures::StructureSearch::read),
    service("structures", "structures/consulter", structures::StructureConsultation::read),
    service("structures", "structures/rechercher/services", structures::ServiceSearch::read),
    service("structures", "structures/consulter/service", structures::ServiceConsultation::read),
    service("structures", "structures/lister/rattachementsutilisateur", structures::Attachments::read_services),
    service("utilisateurs", "utilisateurs/monCompte/recuperer/rattachements", structures::Attachments::read_structures),
    service("engagementsJuridiques", "engagementsJuridiques/rechercher", structures::CommitmentSearch::read),
    service("facturesTravaux", "facturesTravaux/rechercher", structures::WorksSearch::read),
];

impl Service {
    /// The service behind a method and a path.
    pub fn at(method: &Method, path: &str) -> Option<&'static Service> {
        let (api, end) = path.strip_prefix("/cpro/")?.split_once("/v1/")?;
        ALL.iter().find(|service| service.api == api && service.end() == end && service.method() == *method)
    }

    /// The path's end.
    fn end(&self) -> &'static str {
        match self.api {
            "factures" | "transverses" => self.name,
            api => self.name.strip_prefix(api).map_or(self.name, |end| end.trim_start_matches('/')),
        }
    }

    /// `/cpro/factures/v1/deposer/flux`.
    #[cfg(test)]
    pub fn path(&self) -> String {
        format!("/cpro/{}/v1/{}", self.api, self.end())
    }

    /// How it is called: all by POST, but for one.
    pub fn method(&self) -> Method {
        if self.is_health() { Method::GET } else { Method::POST }
    }

    /// The one without a body.
    pub fn is_health(&self) -> bool {
        self.name == "health-check"
    }

    /// Understands a request before anything is locked; the error says what is wrong with it.
    pub fn read(&self, body: &[u8]) -> Result<Box<dyn Job>, String> {
        (self.read)(body)
    }
}

/// Path and method of every service, for whoever documents them.
#[cfg(test)]
pub(super) fn paths() -> impl Iterator<Item = (&'static str, String, Method)> {
    ALL.iter().map(|service| (service.name, service.path(), service.method()))
}

/// Whether a business error leaves by HTTP 400 this time.
pub(super) fn by_400(world: &mut World) -> bool {
    match world.scenario.errors {
        ErrorTransport::Http200 => false,
        ErrorTransport::Http400 => true,
        ErrorTransport::Alternate => world.turn(Turn::Errors),
    }
}

pub(super) fn refused(code: i64, label: impl Into<Cow<'static, str>>) -> Outcome {
    Outcome::Refused(Refusal { code, label: label.into() })
}

/// Unknown object, as `completer` and `traiter/recue` say it; that the others do too is our inference.
pub(super) fn unknown() -> Outcome {
    refused(20_000, "GDP_MSG_11.008")
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

/// A comment as the supplier reads it: one motif has two readings (PROTOCOL §8).
pub(super) fn told_to_supplier(world: &World, comment: &str) -> String {
    match world.scenario.readings.withdrawn_motif {
        WithdrawnMotif::AsIs => comment.to_owned(),
        WithdrawnMotif::Other => match comment.strip_prefix("RETRAIT_MAN_SERV") {
            Some(rest) => format!("AUTRE{rest}"),
            None => comment.to_owned(),
        },
    }
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|e| e.to_string())
}

/// A success with these fields beside codeRetour and libelle.
pub(super) fn done(fields: Value) -> Outcome {
    let mut answer = json!({"codeRetour": 0, "libelle": OK_LABEL});
    if let (Some(answer), Value::Object(fields)) = (answer.as_object_mut(), without_nulls(fields)) {
        answer.extend(fields);
    }
    Outcome::Done(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_can_be_put_on_every_service_and_on_nothing_else() {
        let served: Vec<&str> = ALL.iter().map(|service| service.name).collect();
        let mut named: Vec<&str> = super::super::fault::SERVICES.to_vec();
        named.retain(|name| !["connect", "token"].contains(name));
        for name in &served {
            assert!(named.contains(name), "{name} is served and no fault can be put on it");
        }
        assert_eq!(served.len(), named.len(), "a fault can be put on a service that is not served");
    }

    #[test]
    fn a_path_leads_to_its_service_only() {
        for service in ALL {
            let found = Service::at(&service.method(), &service.path()).unwrap();
            assert_eq!(found.name, service.name);
        }
        let at = |path: &str| Service::at(&Method::POST, path).map(|service| service.name);
        assert_eq!(at("/cpro/structures/v1/consulter"), Some("structures/consulter"));
        assert_eq!(at("/cpro/facturesTravaux/v1/rechercher"), Some("facturesTravaux/rechercher"));
        assert_eq!(at("/cpro/factures/v1/rechercher/atraiter/valideur"), None, "its T is a capital one");
        assert_eq!(at("/cpro/transverses/v1/deposer/flux"), None);
        assert_eq!(at("/cpro/transverses/v1/health-check"), None, "GET only");
    }
}
