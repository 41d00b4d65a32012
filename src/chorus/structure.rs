//! Structures (who may be invoiced), their services and obligations, and what the technical account is attached to.

use serde_json::{Value, json};

use crate::chorus::{Page, ResultPage, Service, Unreadable, WireDate, field, listing};

/// Chorus Pro's own number of a structure: `idStructureCPP`, elsewhere `idStructure` (PROTOCOL §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StructureId(pub i64);

/// Rows that a list of structures may be asked for at once.
const ROWS_LIMIT: u32 = 200;
/// Rows that a list of services may be asked for at once (PROTOCOL §2.2: clients ask for 10,000).
const SERVICES_LIMIT: u32 = 10_000;
/// The service that stands for none (PROTOCOL §2.2).
const NO_SERVICE: &str = "FACTURES_PUBLIQUES";

/// Searches a structure by its SIRET.
#[derive(Debug, Clone)]
pub struct RechercherStructure {
    pub siret: String,
    pub page: Page,
}

/// A structure as a search shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundStructure {
    pub id: StructureId,
    pub siret: Option<String>,
    pub name: Option<String>,
    /// ACTIF, INACTIF ..., as written; `None`: the answer does not say.
    pub status: Option<String>,
}

impl FoundStructure {
    /// Whether it may be invoiced; `None`: the answer does not say.
    pub fn is_active(&self) -> Option<bool> {
        self.status.as_deref().map(|s| s.eq_ignore_ascii_case("ACTIF") || s.eq_ignore_ascii_case("ACTIVE"))
    }
}

impl Service for RechercherStructure {
    const NAME: &'static str = "structures/rechercher";
    const PATH: &'static str = "/cpro/structures/v1/rechercher";
    const SUCCESS_CODES: &'static [i64] = &[listing::NO_ROWS];
    type Answer = ResultPage<FoundStructure>;

    fn body(&self) -> Value {
        json!({
            "structure": {"identifiantStructure": self.siret, "typeIdentifiantStructure": "SIRET"},
            "restreindreStructuresPrivees": false,
            "parametres": listing::paging(self.page, ROWS_LIMIT, None),
        })
    }

    fn read(answer: &Value) -> Result<Self::Answer, Unreadable> {
        listing::read(answer, "listeStructures", Self::SUCCESS_CODES, |row, place| {
            Ok(FoundStructure {
                id: id_of(row, place)?,
                siret: field::text(row, "identifiantStructure"),
                name: field::text(row, "designationStructure"),
                status: field::text(row, "statut"),
            })
        })
    }
}

/// The number under either of its names.
fn id_of(row: &Value, place: &str) -> Result<StructureId, Unreadable> {
    let id = field::integer(row, "idStructureCPP").or_else(|| field::integer(row, "idStructure"));
    id.map_or_else(|| field::needed_integer(row, place, "idStructureCPP"), Ok).map(StructureId)
}

/// Under which name `structures/consulter` takes the number: the documents disagree (PROTOCOL §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdName {
    /// The swagger's text.
    #[default]
    IdStructureCpp,
    /// A client that works.
    IdStructure,
}

impl IdName {
    /// What to try when Chorus Pro refuses this one; `None` after the last.
    pub fn fallback(self) -> Option<Self> {
        match self {
            IdName::IdStructureCpp => Some(IdName::IdStructure),
            IdName::IdStructure => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            IdName::IdStructureCpp => "idStructureCPP",
            IdName::IdStructure => "idStructure",
        }
    }
}

/// Asks for a structure's obligations and, of one's own, the technical account's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsulterStructure {
    pub structure: StructureId,
    /// Begin with the default; on a refusal ask again with its [`IdName::fallback`].
    pub id_name: IdName,
}

/// What a structure demands of those who invoice it. `None`: the answer does not say, which is not "no".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Structure {
    pub id: Option<StructureId>,
    pub siret: Option<String>,
    pub name: Option<String>,
    /// numeroEJDoitEtreRenseigne
    pub commitment_required: Option<bool>,
    /// codeServiceDoitEtreRenseigne
    pub service_required: Option<bool>,
    /// gestionNumeroEJOuCodeService: one of the two is enough.
    pub commitment_or_service: Option<bool>,
    /// statutMiseEnPaiementNestPasRemonte: the status MISE_EN_PAIEMENT will never come.
    pub payment_not_reported: Option<bool>,
    /// recevoirDonneesViaEDI
    pub receives_by_edi: Option<bool>,
    /// When the technical account's password expires; only of one's own structure.
    pub technical_account_expires: Option<WireDate>,
}

impl Service for ConsulterStructure {
    const NAME: &'static str = "structures/consulter";
    const PATH: &'static str = "/cpro/structures/v1/consulter";
    type Answer = Structure;

    fn body(&self) -> Value {
        json!({self.id_name.as_str(): self.structure.0, "codeLangue": "fr"})
    }

    fn read(answer: &Value) -> Result<Structure, Unreadable> {
        let none = Value::Null;
        let parameters = answer.get("parametres").unwrap_or(&none);
        let general = answer.get("informationGenerales").or_else(|| answer.get("informationsGenerales"));
        let general = general.unwrap_or(&none);
        // Neither block: another service's answer, or the number was not understood.
        if !parameters.is_object() && !general.is_object() {
            return Err(Unreadable::new("parametres", "is missing"));
        }
        Ok(Structure {
            id: id_of(general, "").ok(),
            siret: field::text(general, "identifiantStructure"),
            name: ["raisonSocialeStructure", "libelleStructure", "nomStructure"]
                .iter()
                .find_map(|name| field::text(general, name)),
            commitment_required: field::truth(parameters, "numeroEJDoitEtreRenseigne"),
            service_required: field::truth(parameters, "codeServiceDoitEtreRenseigne"),
            commitment_or_service: field::truth(parameters, "gestionNumeroEJOuCodeService"),
            payment_not_reported: field::truth(parameters, "statutMiseEnPaiementNestPasRemonte"),
            receives_by_edi: field::truth(parameters, "recevoirDonneesViaEDI"),
            technical_account_expires: field::date(general, "dateExpirationMotPasseCompteTech"),
        })
    }
}

/// Lists the services of a structure.
#[derive(Debug, Clone, Copy)]
pub struct RechercherServices {
    pub structure: StructureId,
    pub page: Page,
}

/// A service of a structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundService {
    pub id: i64,
    pub code: String,
    pub name: Option<String>,
    pub active: Option<bool>,
}

impl FoundService {
    /// Chorus Pro's placeholder for "no service": never to be offered or demanded.
    pub fn is_placeholder(&self) -> bool {
        Self::is_placeholder_code(&self.code)
    }

    /// [`Self::is_placeholder`] of a code alone.
    pub fn is_placeholder_code(code: &str) -> bool {
        code == NO_SERVICE
    }
}

impl Service for RechercherServices {
    const NAME: &'static str = "structures/rechercher/services";
    const PATH: &'static str = "/cpro/structures/v1/rechercher/services";
    const SUCCESS_CODES: &'static [i64] = &[listing::NO_ROWS];
    type Answer = ResultPage<FoundService>;

    fn body(&self) -> Value {
        json!({
            "idStructure": self.structure.0,
            "parametresRechercherServicesStructure": listing::paging(self.page, SERVICES_LIMIT, None),
        })
    }

    fn read(answer: &Value) -> Result<Self::Answer, Unreadable> {
        listing::read(answer, "listeServices", Self::SUCCESS_CODES, |row, place| {
            Ok(FoundService {
                id: field::needed_integer(row, place, "idService")?,
                code: field::needed(row, place, "codeService")?,
                name: field::text(row, "libelleService"),
                active: field::truth(row, "estActif"),
            })
        })
    }
}

/// Something a user, or the technical account, is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub structure: Option<StructureId>,
    pub siret: Option<String>,
    pub name: Option<String>,
    /// As written: VALIDE, EN_ATTENTE ...
    pub status: Option<String>,
    pub services: Vec<AttachedService>,
}

/// A service the account is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedService {
    pub id: Option<i64>,
    pub code: Option<String>,
    pub name: Option<String>,
    pub status: Option<String>,
}

fn attached_services(object: &Value, list: &str) -> Vec<AttachedService> {
    let rows = field::list(object, list).into_iter();
    rows.map(|row| AttachedService {
        id: field::integer(row, "idService"),
        code: field::text(row, "codeService"),
        name: field::text(row, "libelleService").or_else(|| field::text(row, "nomService")),
        status: field::text(row, "statutRattachement").or_else(|| field::text(row, "statutRattachementService")),
    })
    .collect()
}

/// Which structures the calling account is attached to: is it the right one?
#[derive(Debug, Clone, Copy)]
pub struct RecupererRattachements {
    pub page: Page,
}

impl Service for RecupererRattachements {
    const NAME: &'static str = "monCompte/recuperer/rattachements";
    const PATH: &'static str = "/cpro/utilisateurs/v1/monCompte/recuperer/rattachements";
    const SUCCESS_CODES: &'static [i64] = &[listing::NO_ROWS];
    type Answer = ResultPage<Attachment>;

    fn body(&self) -> Value {
        json!({"parametresRecherche": listing::paging(self.page, ROWS_LIMIT, None)})
    }

    fn read(answer: &Value) -> Result<Self::Answer, Unreadable> {
        listing::read(answer, "listeStructureRattachement", Self::SUCCESS_CODES, |row, place| {
            Ok(Attachment {
                structure: Some(id_of(row, place)?),
                siret: field::text(row, "identifiantStructure"),
                name: field::text(row, "designationStructure"),
                status: field::text(row, "statutRattachementStructure"),
                services: attached_services(row, "listeServicesRattache"),
            })
        })
    }
}
