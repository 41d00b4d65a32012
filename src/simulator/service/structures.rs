//! Who is who: `structures`, the directory, commitments, works and what the technical account is attached to.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Job, NO_ROW, OK_LABEL, Outcome, done, given, parse, refused, unknown};
use crate::simulator::directory;
use crate::simulator::fault::Subject;
use crate::simulator::readings::{Gaps, ListShape, StructureId};
use crate::simulator::search::{Paging, number};
use crate::simulator::structure::Structure;
use crate::simulator::world::World;

fn no_row() -> Outcome {
    refused(NO_ROW.0, NO_ROW.1)
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct StructureSearchBody {
    structure: Option<Criteria>,
    restreindre_structures_privees: Option<bool>,
    #[serde(alias = "parametresRechercherStructure")]
    parametres: Option<Paging>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Criteria {
    identifiant_structure: Option<String>,
    type_identifiant_structure: Option<String>,
    raison_sociale_structure: Option<String>,
    libelle_structure: Option<String>,
    statut_structure: Option<String>,
}

/// `structures/rechercher`.
pub struct StructureSearch(StructureSearchBody);

impl StructureSearch {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Ok(Box::new(StructureSearch(parse(bytes)?)))
    }
}

impl Job for StructureSearch {
    fn subject(&self, _world: &World) -> Subject {
        let siret = self.0.structure.as_ref().and_then(|criteria| criteria.identifiant_structure.clone());
        Subject::default().with("structure", siret)
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let criteria = self.0.structure.unwrap_or_default();
        let part = |wanted: &Option<String>, text: &str| {
            wanted.as_ref().is_none_or(|wanted| text.to_lowercase().contains(&wanted.to_lowercase()))
        };
        let rows: Vec<Value> = world
            .structures
            .iter()
            .filter(|one| {
                let identifier = criteria.identifiant_structure.as_deref().unwrap_or_default();
                criteria.type_identifiant_structure.as_deref().is_none_or(|kind| kind == "SIRET")
                    && (identifier.is_empty() || one.siret == identifier)
                    && part(&criteria.raison_sociale_structure, &one.name)
                    && part(&criteria.libelle_structure, &one.name)
                    && criteria.statut_structure.as_deref().is_none_or(|wanted| wanted.starts_with(state(one)))
                    && !(self.0.restreindre_structures_privees == Some(true) && one.private)
            })
            .map(|one| {
                json!({
                    "idStructureCPP": one.id(),
                    "typeIdentifiantStructure": "SIRET",
                    "identifiantStructure": one.siret,
                    "designationStructure": one.name,
                    "statut": state(one),
                })
            })
            .collect();
        if rows.is_empty() {
            return no_row();
        }
        let page = self.0.parametres.unwrap_or_default().of(rows);
        let told = page.nested();
        let mut rows = page.rows;
        let rows = match (world.scenario.readings.structure_list, rows.len()) {
            (ListShape::Object, 1) => rows.remove(0),
            _ => Value::Array(rows),
        };
        done(json!({"parametresRetour": told, "listeStructures": rows}))
    }
}

fn state(structure: &Structure) -> &'static str {
    if structure.active { "ACTIF" } else { "INACTIF" }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct StructureBody {
    #[serde(rename = "idStructureCPP")]
    id_structure_cpp: Option<i64>,
    id_structure: Option<i64>,
    id_service: Option<i64>,
}

/// `structures/consulter`: what it demands, and when the technical account's password ends.
pub struct StructureConsultation(StructureBody);

impl StructureConsultation {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Ok(Box::new(StructureConsultation(parse(bytes)?)))
    }
}

impl Job for StructureConsultation {
    fn subject(&self, world: &World) -> Subject {
        let id = self.0.id_structure_cpp.or(self.0.id_structure);
        let siret = id.and_then(|id| world.structure_of(id)).map(|one| one.siret.clone());
        Subject::default().with("structure", siret)
    }

    /// PROTOCOL §8: the documents give the id two names.
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let (first, second) = (self.0.id_structure_cpp, self.0.id_structure);
        let (id, name) = match world.scenario.readings.structure_id {
            StructureId::IdStructureCpp => (first, "idStructureCPP"),
            StructureId::IdStructure => (second, "idStructure"),
            StructureId::Either => (first.or(second), "idStructureCPP"),
        };
        let Some(id) = id else { return Outcome::Malformed(format!("{name} est obligatoire")) };
        let Some(one) = world.structure_of(id) else { return unknown() };
        let own = one.siret == world.scenario.establishment.as_str();
        done(json!({
            "informationGenerales": {
                "idStructureCPP": one.id(),
                "typeIdentifiantStructure": "SIRET",
                "identifiantStructure": one.siret,
                "raisonSocialeStructure": one.name,
                "libelleStructure": one.name,
                "structurePriveePublique": if one.private { "PRIVEE" } else { "PUBLIQUE" },
                // Told of one's own account only.
                "dateExpirationMotPasseCompteTech": own.then(|| world.password_end()),
            },
            "parametres": {
                "numeroEJDoitEtreRenseigne": one.commitment,
                "codeServiceDoitEtreRenseigne": one.service,
                "gestionNumeroEJOuCodeService": one.either,
                "statutMiseEnPaiementNestPasRemonte": one.payment_untold,
                "recevoirDonneesViaEDI": false,
                "connexionEDI": false,
                "estMoaUniquement": false,
                "nonDiffusibleInsee": false,
            },
            "adressePostaleDuSiege": {
                "adresse": "1 place de l'Exemple", "codePostal": "75000", "ville": "PARIS", "pays": "FRANCE",
            },
        }))
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ServicesBody {
    id_structure: Option<i64>,
    #[serde(alias = "parametres")]
    parametres_rechercher_services_structure: Option<Paging>,
}

/// `structures/rechercher/services`.
pub struct ServiceSearch(ServicesBody);

impl ServiceSearch {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: ServicesBody = parse(bytes)?;
        if body.id_structure.is_none() {
            return Err("idStructure est obligatoire".to_owned());
        }
        Ok(Box::new(ServiceSearch(body)))
    }
}

impl Job for ServiceSearch {
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let Some(one) = self.0.id_structure.and_then(|id| world.structure_of(id)) else { return unknown() };
        if one.services.is_empty() {
            return no_row();
        }
        let rows: Vec<Value> = one
            .services
            .iter()
            .map(|unit| {
                json!({
                    "idService": one.service_id(&unit.code),
                    "codeService": unit.code,
                    "libelleService": if unit.name.is_empty() { &unit.code } else { &unit.name },
                    "estActif": unit.active,
                    "statutService": if unit.active { "ACTIF" } else { "INACTIF" },
                })
            })
            .collect();
        // Ten thousand in one page are asked for, and given (PROTOCOL §2.2).
        let page = self.0.parametres_rechercher_services_structure.unwrap_or_default().of_up_to(rows, 10_000);
        done(json!({"parametresRetour": page.nested(), "listeServices": page.rows}))
    }
}

/// `structures/consulter/service`.
pub struct ServiceConsultation {
    structure: i64,
    service: i64,
}

impl ServiceConsultation {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: StructureBody = parse(bytes)?;
        Ok(Box::new(ServiceConsultation {
            structure: body.id_structure.or(body.id_structure_cpp).ok_or("idStructure est obligatoire")?,
            service: body.id_service.ok_or("idService est obligatoire")?,
        }))
    }
}

impl Job for ServiceConsultation {
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let Some(one) = world.structure_of(self.structure) else { return unknown() };
        let Some(unit) = one.services.iter().find(|unit| one.service_id(&unit.code) == self.service) else {
            return unknown();
        };
        done(json!({
            "informationsGenerales": {
                "codeService": unit.code,
                "nomService": if unit.name.is_empty() { &unit.code } else { &unit.name },
                "descriptionService": given(&unit.name),
            },
            "parametres": {
                "dateCreation": "2017-01-01 00:00",
                "dateDebutValidite": "2017-01-01 00:00",
                "dateFinValidite": (!unit.active).then_some("2025-12-31 00:00"),
                "miseEnPaiement": !one.payment_untold,
                "numeroEngagement": unit.commitment || one.commitment,
            },
        }))
    }
}

/// What the technical account is attached to: its structure and all its services.
pub struct Attachments {
    paging: Paging,
    services: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct AttachmentsBody {
    #[serde(alias = "parametresListerRattachementsStructureUtilisateur")]
    parametres_recherche: Option<Paging>,
}

impl Attachments {
    fn read(bytes: &[u8], services: bool) -> Result<Box<dyn Job>, String> {
        let body: AttachmentsBody = parse(bytes)?;
        Ok(Box::new(Attachments { paging: body.parametres_recherche.unwrap_or_default(), services }))
    }

    /// `structures/lister/rattachementsutilisateur`.
    pub fn read_services(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Self::read(bytes, true)
    }

    /// `utilisateurs/monCompte/recuperer/rattachements`.
    pub fn read_structures(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Self::read(bytes, false)
    }
}

impl Job for Attachments {
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let own = world.own_structure();
        let units = own.services.iter();
        if self.services {
            let rows: Vec<Value> = units
                .map(|unit| {
                    json!({
                        "idRattachement": own.service_id(&format!("R{}", unit.code)),
                        "idService": own.service_id(&unit.code),
                        "codeService": unit.code,
                        "nomService": unit.name,
                        "statutRattachement": "VALIDE",
                    })
                })
                .collect();
            let page = self.paging.of(rows);
            return done(json!({
                "idStructure": own.id(), "identifiantStructure": own.siret, "designationStructure": own.name,
                "premierService": false, "parametresRetour": page.nested(), "listeServices": page.rows,
            }));
        }
        let services: Vec<Value> = units
            .map(|unit| {
                json!({
                    "idService": own.service_id(&unit.code),
                    "codeService": unit.code,
                    "libelleService": unit.name,
                    "estActif": unit.active,
                    "statutService": if unit.active { "ACTIF" } else { "INACTIF" },
                    "statutRattachementService": "VALIDE",
                })
            })
            .collect();
        let page = self.paging.of(vec![json!({
            "idStructure": own.id(),
            "typeIdentifiantStructure": "SIRET",
            "identifiantStructure": own.siret,
            "designationStructure": own.name,
            "roleUtilisateur": "GESTIONNAIRE",
            "statutRattachementStructure": "VALIDE",
            "statutUtilisateur": "ACTIF",
            "listeServicesRattache": services,
        })]);
        done(json!({"parametresRetour": page.nested(), "listeStructureRattachement": page.rows}))
    }
}

/// `recuperer/structures/actives/*`: the one structure of the technical account.
pub struct ActiveStructures;

impl ActiveStructures {
    /// Understands a request; the error says what is wrong with it.
    pub fn read_own(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let _object: Map<String, Value> = parse(bytes)?;
        Ok(Box::new(ActiveStructures))
    }
}

impl Job for ActiveStructures {
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let own = world.own_structure();
        done(json!({"listeStructures": [
            {"idStructureCPP": own.id(), "identifiant": own.siret, "designationStructure": own.name},
        ]}))
    }
}

/// `telecharger/annuaire/destinataire`: everybody who may receive an invoice.
pub struct DirectoryDownload;

impl DirectoryDownload {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let _object: Map<String, Value> = parse(bytes)?;
        Ok(Box::new(DirectoryDownload))
    }
}

impl Job for DirectoryDownload {
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let archive = directory::archive(&world.structures, world.scenario.readings.directory_form);
        Outcome::Done(json!({"codeRetour": 0, "libelle": OK_LABEL, "fichierResultat": STANDARD.encode(archive)}))
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct RecipientSearchBody {
    identifiant: Option<String>,
    nom_ville_code_postal: Option<String>,
    parametres_recherche: Option<Paging>,
}

/// `rechercher/destinataire`.
pub struct RecipientSearch(RecipientSearchBody);

impl RecipientSearch {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Ok(Box::new(RecipientSearch(parse(bytes)?)))
    }
}

impl Job for RecipientSearch {
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let identifier = self.0.identifiant.as_deref().unwrap_or_default();
        let words = self.0.nom_ville_code_postal.as_deref().unwrap_or_default().to_lowercase();
        let rows: Vec<Value> = world
            .structures
            .iter()
            .filter(|one| one.active && !one.private)
            .filter(|one| identifier.is_empty() || one.siret == identifier)
            .filter(|one| one.name.to_lowercase().contains(&words))
            .map(|one| {
                json!({
                    "idStructureCPP": one.id(), "siret": one.siret, "nomDestinataire": one.name,
                    "adresseCodePostal": "75000", "adresseVille": "PARIS",
                })
            })
            .collect();
        if rows.is_empty() {
            return no_row();
        }
        let page = self.0.parametres_recherche.unwrap_or_default().of(rows);
        done(json!({"parametresRetour": page.nested(), "listeDestinataires": page.rows}))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SiretBody {
    siret_structure: Option<String>,
}

/// `consulter/information/siret`, which the qualification portal does not have.
pub struct SiretInformation(String);

impl SiretInformation {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: SiretBody = parse(bytes)?;
        Ok(Box::new(SiretInformation(body.siret_structure.ok_or("siretStructure est obligatoire")?)))
    }
}

impl Job for SiretInformation {
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        if world.scenario.readings.sandbox_gaps == Gaps::Missing {
            return Outcome::Status(404);
        }
        let Some(one) = world.structure(&self.0) else { return unknown() };
        done(json!({
            "siret": one.siret, "siren": one.siret.get(..9), "raisonSociale": one.name, "estActif": one.active,
            "adresse": "1 place de l'Exemple 75000 PARIS", "nonDiffusibleInsee": false,
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommitmentBody {
    structure_receptrice_engagement_juridique: Option<Value>,
    numero_engagement_juridique: Option<String>,
    etat_courant_engagement_juridique: Option<String>,
}

/// `engagementsJuridiques/rechercher`.
pub struct CommitmentSearch(CommitmentBody);

impl CommitmentSearch {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Ok(Box::new(CommitmentSearch(parse(bytes)?)))
    }
}

impl Job for CommitmentSearch {
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let body = self.0;
        // By its SIRET or its id: clients do both.
        let asked = match body.structure_receptrice_engagement_juridique {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let wanted = body.numero_engagement_juridique.unwrap_or_default();
        let ordered = body.etat_courant_engagement_juridique.is_none_or(|state| state == "COMMANDE");
        let rows: Vec<Value> = world
            .structures
            .iter()
            .filter(|one| ordered && (asked.is_empty() || one.siret == asked || one.id().to_string() == asked))
            .flat_map(|one| one.commitments.iter().map(move |commitment| (one, commitment)))
            .filter(|(_, commitment)| wanted.is_empty() || **commitment == wanted)
            .map(|(one, commitment)| {
                json!({
                    "numeroEngagementJuridique": commitment,
                    "etatCourantEngagementJuridique": "COMMANDE",
                    "structureReceptriceEngagementJuridique": one.siret,
                    "designationStructureReceptriceEngagementJuridique": one.name,
                })
            })
            .collect();
        if rows.is_empty() {
            return no_row();
        }
        done(json!({"listeEngagementJuridique": rows}))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorksBody {
    role_utilisateur: Option<String>,
    numero_facture: Option<String>,
}

/// `facturesTravaux/rechercher`: the establishment has works done (MOA); it manages none for others (MOE).
pub struct WorksSearch(WorksBody);

impl WorksSearch {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: WorksBody = parse(bytes)?;
        match body.role_utilisateur.as_deref() {
            Some("MOE" | "MOA") => Ok(Box::new(WorksSearch(body))),
            _ => Err("roleUtilisateur : MOE ou MOA".to_owned()),
        }
    }
}

impl Job for WorksSearch {
    fn subject(&self, _world: &World) -> Subject {
        Subject::of_number(self.0.numero_facture.clone())
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        let wanted = self.0.numero_facture.as_deref().unwrap_or_default();
        let is_moa = self.0.role_utilisateur.as_deref() == Some("MOA");
        let rows: Vec<Value> = world
            .invoices
            .iter()
            .filter(|invoice| is_moa && invoice.is_received() && invoice.works.is_some())
            .filter(|invoice| wanted.is_empty() || invoice.number == wanted)
            .map(|invoice| {
                let status = invoice.status(now);
                json!({
                    "idFacture": invoice.id,
                    "numeroFacture": invoice.number,
                    "typeFactureTravaux": invoice.works,
                    "statut": status.status,
                    "dateHeureEtatCourant": world.told(status.at).paris_iso(),
                    "codeFournisseur": invoice.supplier.identifier,
                    "designationFournisseur": invoice.supplier.name,
                    "codeMOA": invoice.recipient.identifier,
                    "dateFacture": invoice.date,
                    "montantHT": number(invoice.net),
                    "montantTTC": number(invoice.gross),
                })
            })
            .collect();
        if rows.is_empty() {
            return refused(20_007, "GFT_MSG_01.075");
        }
        done(json!({"listeFacturesTravaux": rows}))
    }
}

impl World {
    /// dateExpirationMotPasseCompteTech, `yyyy-mm-dd`.
    pub fn password_end(&self) -> String {
        const DAY: u64 = 86_400;
        let days = self.scenario.password_days;
        let by = Duration::from_secs(days.unsigned_abs() * DAY);
        let started = self.clock.told(Duration::ZERO);
        let end = if days < 0 { started.minus(by) } else { started.plus(by) };
        end.paris_date()
    }
}
