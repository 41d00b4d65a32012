//! `CPPStatut` -> what it says. Leniently: `7` or `07`, elements in any order, unknown ones kept, both kinds of statuses.

use std::str::FromStr;

use crate::domain::InvoiceNumber;
use crate::fault::{Code, Fault, Language};

use super::outline::{Id, Outline};
use super::status_code::EdiStatus;
use super::status_file::{
    FluxError, FluxStatus, InvoiceFileStatus, LineProblem, PROBLEMS_LIMIT, STATUSES_LIMIT, StatusFile, StatusFileError,
    StatusParty, limits,
};
use super::{complaint, encoding, guard};

/// Unknown elements kept of one unit.
const UNKNOWN_LIMIT: usize = 50;
/// The longest text kept of one, in characters.
const UNKNOWN_TEXT: usize = 2_000;

/// Reads a file.
pub(super) fn read(bytes: &[u8], language: Language) -> Result<StatusFile, StatusFileError> {
    if bytes.trim_ascii().is_empty() {
        return Err(StatusFileError::Unreadable(Fault::new(Code::EmptyFile)));
    }
    let limits = limits();
    if bytes.len() > limits.file_bytes {
        let fault = complaint::over("taille du fichier", "file size", limits.file_bytes);
        return Err(StatusFileError::Unreadable(fault));
    }
    let decoded = encoding::decode(bytes).map_err(StatusFileError::Unreadable)?;
    let outline = guard::outline(&decoded.text, &limits).map_err(StatusFileError::Unreadable)?;
    if outline.name(Id::ROOT) != "CPPStatut" {
        return Err(StatusFileError::OtherRoot(outline.name(Id::ROOT).chars().take(60).collect()));
    }
    Reader { outline: &outline, language, file: StatusFile::default() }.read()
}

struct Reader<'o, 't> {
    outline: &'o Outline<'t>,
    language: Language,
    file: StatusFile,
}

impl Reader<'_, '_> {
    fn read(mut self) -> Result<StatusFile, StatusFileError> {
        self.file.version = self.outline.attribute(Id::ROOT, "Version").map(|v| v.chars().take(40).collect());
        self.envelope();
        for child in self.outline.children(Id::ROOT).collect::<Vec<_>>() {
            let (unit, invoices) = match self.outline.name(child) {
                "CPPFactureStatuts" => ("CPPFactureStatutUnitaire", true),
                "CPPFluxStatuts" => ("CPPFluxStatutUnitaire", false),
                _ => continue,
            };
            let units: Vec<Id> = self.outline.named(child, unit).collect();
            if units.len() + self.file.invoices.len() + self.file.fluxes.len() > STATUSES_LIMIT {
                return Err(StatusFileError::TooMany);
            }
            for id in units {
                if invoices {
                    self.invoice(id);
                } else {
                    self.flux(id);
                }
            }
        }
        if self.file.invoices.is_empty() && self.file.fluxes.is_empty() && self.file.problems.is_empty() {
            let message = match self.language {
                Language::Fr => "le fichier ne contient aucun statut",
                Language::En => "the file holds no status",
            };
            self.problem(Id::ROOT, None, message.to_owned());
        }
        Ok(self.file)
    }

    fn envelope(&mut self) {
        let Some(unit) = self.outline.find(Id::ROOT, &["Enveloppe", "EnveloppeUnitaire"]) else { return };
        self.file.sender = self.outline.text_at(unit, &["Partenaires", "Emetteur", "Id"]);
        self.file.receiver = self.outline.text_at(unit, &["Partenaires", "Recepteur", "Id"]);
        let Some(parameters) = self.outline.find(unit, &["Parametres"]) else { return };
        for parameter in self.outline.named(parameters, "ParametreIndiv") {
            let value = self.outline.text_at(parameter, &["Valeurparametre"]);
            match self.outline.text_at(parameter, &["Code"]).as_deref() {
                Some("IdFlx") => self.file.flux_id = value,
                Some("DtPrd") => self.file.produced = value,
                _ => {}
            }
        }
    }

    fn invoice(&mut self, unit: Id) {
        let Some(data) = self.data(unit) else { return };
        let status = self.needed::<EdiStatus>(data, "IdStatut");
        let invoice = self.needed::<InvoiceNumber>(data, "IdFacture");
        let (Some(status), Some(invoice)) = (status, invoice) else { return };
        let text = |name: &str| self.outline.text_at(data, &[name]);
        let producer = self.outline.find(data, &["Producteur"]);
        let read = InvoiceFileStatus {
            line: self.outline.line(unit),
            supplier: self.party(unit, "Fournisseur"),
            recipient: self.party(unit, "Debiteur"),
            status,
            complement: text("ComplementStatut"),
            comment: text("Commentaire"),
            stamped: text("Horodatage"),
            producer: producer.and_then(|p| self.outline.attribute(p, "Id")).map(|id| id.trim().to_owned()),
            invoice,
            issued_on: text("DateFacture"),
            mandate: text("IdMandatDP"),
            unknown: self.unknown(unit, INVOICE_ELEMENTS),
        };
        self.file.invoices.push(read);
    }

    fn flux(&mut self, unit: Id) {
        let Some(data) = self.data(unit) else { return };
        let status = self.needed::<FluxNumber>(data, "IdStatut");
        let flux = self.needed::<String>(data, "IdFlux");
        let (Some(FluxNumber(status)), Some(flux)) = (status, flux) else { return };
        let text = |name: &str| self.outline.text_at(data, &[name]);
        let mut errors = Vec::new();
        if let Some(details) = self.outline.find(data, &["Details"]) {
            errors.extend(self.outline.named(details, "LigneErreurDetail").map(|line| FluxError {
                nature: self.outline.text_at(line, &["NatureErreur"]).unwrap_or_default(),
                code: self.outline.text_at(line, &["CodeErreur"]).unwrap_or_default(),
                label: self.outline.text_at(line, &["LibelleErreur"]).unwrap_or_default(),
                description: self.outline.text_at(line, &["DescriptionErreur"]),
            }));
        }
        let read = FluxStatus {
            line: self.outline.line(unit),
            status,
            complement: text("ComplementStatut"),
            comment: text("Commentaire"),
            note: text("Note"),
            stamped: text("Horodatage"),
            producer: text("IdProducteur"),
            flux,
            errors,
            unknown: self.unknown(unit, FLUX_ELEMENTS),
        };
        self.file.fluxes.push(read);
    }

    fn data(&mut self, unit: Id) -> Option<Id> {
        let data = self.outline.find(unit, &["DonneesStatut"]);
        if data.is_none() {
            self.missing(unit, "DonneesStatut");
        }
        data
    }

    /// A text that must be there and read as `T`; otherwise the unit is a problem.
    fn needed<T: FromStr>(&mut self, data: Id, name: &str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        let Some(element) = self.outline.find(data, &[name]) else {
            self.missing(data, name);
            return None;
        };
        let Some(text) = self.outline.text(element) else {
            self.missing(element, name);
            return None;
        };
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let shown: String = text.chars().take(40).collect();
                let message = match self.language {
                    Language::Fr => format!("valeur « {shown} » impossible"),
                    Language::En => format!("impossible value \"{shown}\": {error}"),
                };
                self.problem(element, Some(name), message);
                None
            }
        }
    }

    fn party(&self, unit: Id, name: &str) -> StatusParty {
        let Some(party) = self.outline.find(unit, &[name]) else { return StatusParty::default() };
        let text = |name: &str| self.outline.text_at(party, &[name]);
        StatusParty {
            kind: text("TypeIdentifiant").unwrap_or_default(),
            id: text("Identifiant").unwrap_or_default(),
            name: text("RaisonSociale").or_else(|| text("Nom")),
            country: text("CodePays"),
            service: text("CodeService"),
            service_name: text("NomService"),
        }
    }

    /// The leaves below a unit that are not among the schema's.
    fn unknown(&self, unit: Id, known: &[&str]) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut waiting: Vec<(Id, String)> = self.outline.children(unit).map(|c| (c, String::new())).collect();
        waiting.reverse();
        while let Some((id, above)) = waiting.pop() {
            let path = if above.is_empty() {
                self.outline.name(id).to_owned()
            } else {
                format!("{above}/{}", self.outline.name(id))
            };
            if !self.outline.is_leaf(id) {
                let mut below: Vec<(Id, String)> = self.outline.children(id).map(|c| (c, path.clone())).collect();
                below.reverse();
                waiting.extend(below);
            } else if !known.contains(&path.as_str()) && found.len() < UNKNOWN_LIMIT {
                found.push((path, self.outline.value(id).trim().chars().take(UNKNOWN_TEXT).collect()));
            }
        }
        found
    }

    fn missing(&mut self, at: Id, name: &str) {
        let message = match self.language {
            Language::Fr => format!("<{name}> manque"),
            Language::En => format!("<{name}> is missing"),
        };
        self.problem(at, Some(name), message);
    }

    fn problem(&mut self, at: Id, column: Option<&str>, message: String) {
        if self.file.problems.len() < PROBLEMS_LIMIT {
            let problem = LineProblem { line: self.outline.line(at), column: column.map(str::to_owned), message };
            self.file.problems.push(problem);
        } else {
            self.file.further_problems += 1;
        }
    }
}

/// `IdStatut` of a flux: 90 to 96.
struct FluxNumber(u8);

impl FromStr for FluxNumber {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(number @ 90..=96) => Ok(Self(number)),
            _ => Err("must be 90 to 96"),
        }
    }
}

/// The schema's elements below a unit, as paths.
const INVOICE_ELEMENTS: &[&str] = &[
    "Fournisseur/TypeIdentifiant",
    "Fournisseur/Identifiant",
    "Fournisseur/RaisonSociale",
    "Fournisseur/CodePays",
    "Debiteur/TypeIdentifiant",
    "Debiteur/Identifiant",
    "Debiteur/Nom",
    "Debiteur/CodeService",
    "Debiteur/NomService",
    "DonneesStatut/IdStatut",
    "DonneesStatut/ComplementStatut",
    "DonneesStatut/Commentaire",
    "DonneesStatut/Horodatage",
    "DonneesStatut/Producteur",
    "DonneesStatut/IdFacture",
    "DonneesStatut/DateFacture",
    "DonneesStatut/IdMandatDP",
];
const FLUX_ELEMENTS: &[&str] = &[
    "DonneesStatut/IdStatut",
    "DonneesStatut/ComplementStatut",
    "DonneesStatut/Commentaire",
    "DonneesStatut/Note",
    "DonneesStatut/Horodatage",
    "DonneesStatut/IdProducteur",
    "DonneesStatut/Producteur",
    "DonneesStatut/IdFlux",
    "DonneesStatut/Details/LigneErreurDetail/NatureErreur",
    "DonneesStatut/Details/LigneErreurDetail/CodeErreur",
    "DonneesStatut/Details/LigneErreurDetail/LibelleErreur",
    "DonneesStatut/Details/LigneErreurDetail/DescriptionErreur",
];
