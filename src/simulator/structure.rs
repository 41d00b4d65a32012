//! The structures Chorus Pro knows: the qualification data set (PROTOCOL §1) and the scenario's `[[recipient]]`.
//!
//! One description serves the judge of deposits, the services of `structures`, the directory archive and the page:
//! what one of them demands, all of them say.

use serde::{Deserialize, Serialize};

use super::scenario::{Directory, Recipient, Scenario};
use super::world::party_id;
use crate::domain::Siret;

/// The service every structure has and no invoice is for (PROTOCOL §2.2).
pub(super) const PUBLIC_INVOICES: &str = "FACTURES_PUBLIQUES";

/// A service of a structure (BT-10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceUnit {
    /// codeService.
    pub code: String,
    #[serde(default)]
    pub name: String,
    /// An invoice for an inactive service is rejected.
    #[serde(default = "yes")]
    pub active: bool,
    /// An invoice for this service needs a commitment number.
    #[serde(default)]
    pub commitment: bool,
}

fn yes() -> bool {
    true
}

/// A structure: who it is and what it demands of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Structure {
    pub siret: String,
    pub name: String,
    /// A commitment number must be given.
    pub commitment: bool,
    /// A service code must be given.
    pub service: bool,
    /// One of the two must be given.
    pub either: bool,
    /// An invoice for an inactive one is rejected.
    pub active: bool,
    /// A firm: no recipient of invoices.
    pub private: bool,
    /// statutMiseEnPaiementNestPasRemonte.
    pub payment_untold: bool,
    /// Its services; with a demanded code, one of these.
    pub services: Vec<ServiceUnit>,
    /// Legal commitments in state COMMANDE.
    pub commitments: Vec<String>,
}

impl Structure {
    /// idStructureCPP, idDestinataire, idFournisseur.
    pub fn id(&self) -> i64 {
        party_id(&self.siret)
    }

    /// idService of one of its services.
    pub fn service_id(&self, code: &str) -> i64 {
        party_id(&format!("{}/{code}", self.siret))
    }

    /// Its service of this code, FACTURES_PUBLIQUES aside.
    pub fn unit(&self, code: &str) -> Option<&ServiceUnit> {
        self.services.iter().find(|unit| unit.code == code && unit.code != PUBLIC_INVOICES)
    }

    /// Services an invoice may be for are known.
    pub fn lists_services(&self) -> bool {
        self.services.iter().any(|unit| unit.code != PUBLIC_INVOICES)
    }

    /// Why an invoice for this structure is refused, in the words of the compte rendu. `known`: a commitment number
    /// must be one of those listed.
    pub fn refusal(&self, service: &str, commitment: &str, known: bool) -> Option<String> {
        if !self.active || self.private {
            return Some(format!("Le destinataire {} n'est pas actif", self.siret));
        }
        let unit = self.unit(service);
        if service.is_empty() {
            if self.service {
                return Some("Le code service est obligatoire pour ce destinataire".to_owned());
            }
        } else if self.service && self.lists_services() && unit.is_none_or(|unit| !unit.active) {
            return Some(format!("Le code service {service} n'est pas référencé ou n'est pas actif"));
        }
        if commitment.is_empty() {
            if self.commitment || unit.is_some_and(|unit| unit.commitment) {
                return Some("Le numéro d'engagement est obligatoire pour ce destinataire".to_owned());
            }
            if self.either && service.is_empty() {
                return Some(
                    "Le code service ou le numéro d'engagement est obligatoire pour ce destinataire".to_owned(),
                );
            }
        } else if known && !self.commitments.is_empty() && !self.commitments.iter().any(|one| one == commitment) {
            return Some(format!("Le numéro d'engagement {commitment} n'existe pas"));
        }
        None
    }
}

fn unit(code: &str, name: &str, active: bool, commitment: bool) -> ServiceUnit {
    ServiceUnit { code: code.to_owned(), name: name.to_owned(), active, commitment }
}

fn public(siret: &str, name: &str, (commitment, service): (bool, bool)) -> Structure {
    Structure {
        siret: siret.to_owned(),
        name: name.to_owned(),
        commitment,
        service,
        either: false,
        active: true,
        private: false,
        payment_untold: false,
        services: vec![unit(PUBLIC_INVOICES, "Factures publiques", true, false)],
        commitments: Vec::new(),
    }
}

/// The fictitious structures of the qualification portal; their SIRETs fail the Luhn check on purpose.
fn qualification() -> Vec<Structure> {
    let mut open = public("12345678200051", "Université Exemple", (false, false));
    open.services.push(unit("BIBLIO", "Bibliothèque universitaire", true, false));
    open.services.push(unit("SCOLARITE", "Scolarité et vie étudiante", true, false));
    let mut laboratories = public("12345678200036", "Université Exemple - laboratoires", (true, false));
    laboratories.commitments = ["4500001", "4500002", "4500098765"].map(str::to_owned).to_vec();
    let mut libraries = public("12345678200028", "Université Exemple - bibliothèques", (false, true));
    libraries.services.extend([
        unit("SRV1", "Acquisitions", true, false),
        unit("SRV2", "Conservation (engagement obligatoire)", true, true),
        unit("SRV9", "Ancienne annexe", false, false),
        unit("LABO-CHIMIE", "Laboratoire de chimie", true, false),
        unit("SERVICE-1", "Service général", true, false),
    ]);
    libraries.commitments = vec!["4500010".to_owned()];
    let mut works = public("12345678200044", "Université Exemple - travaux", (true, true));
    works.services.extend([
        unit("SRV1", "Patrimoine", true, true),
        unit("SRV2", "Maintenance", true, true),
        unit("LABO-CHIMIE", "Laboratoire de chimie", true, true),
        unit("SERVICE-1", "Service général", true, true),
    ]);
    works.commitments = ["4500001", "4500020"].map(str::to_owned).to_vec();
    works.payment_untold = true;
    let mut state = public("11000201100044", "État", (false, false));
    state.services.push(unit("SERVICE-1", "Direction des achats de l'État", true, false));
    let mut supplier = public("33254021516357", "Fournisseur fictif", (false, false));
    supplier.services.clear();
    vec![open, laboratories, libraries, works, state, supplier]
}

impl Recipient {
    fn structure(&self) -> Structure {
        let mut structure = public(self.siret.as_str(), &self.name, (self.commitment, self.service));
        structure.either = self.either;
        structure.active = self.active;
        structure.services.extend(self.services.iter().cloned());
        structure.commitments.clone_from(&self.commitments);
        structure
    }
}

/// Everybody: the scenario's recipients before the built-in ones of the same SIRET, and the establishment itself.
pub(super) fn known(scenario: &Scenario) -> Vec<Structure> {
    let mut all: Vec<Structure> = scenario.recipient.iter().map(Recipient::structure).collect();
    let establishment = public(scenario.establishment.as_str(), "Établissement", (false, false));
    for one in qualification().into_iter().chain([establishment]) {
        if !all.iter().any(|known| known.siret == one.siret) {
            all.push(one);
        }
    }
    all
}

/// Whether everybody may receive an invoice.
pub(super) fn open(scenario: &Scenario) -> bool {
    scenario.directory == Directory::Open
}

/// A recipient for tests and the page: nothing demanded.
impl Default for Recipient {
    fn default() -> Self {
        Self {
            siret: "19999999900017".parse::<Siret>().expect("fourteen digits"),
            name: String::new(),
            commitment: false,
            service: false,
            either: false,
            active: true,
            services: Vec::new(),
            commitments: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_obligation_of_the_data_set_is_demanded() {
        let all = known(&Scenario::default());
        let of = |siret: &str| all.iter().find(|one| one.siret == siret).unwrap();
        for (siret, service, commitment, fine) in [
            ("12345678200051", "", "", true),
            ("12345678200036", "", "", false),
            ("12345678200036", "", "X", true),
            ("12345678200028", "", "", false),
            ("12345678200028", "SRV1", "", true),
            ("12345678200028", "SRV9", "", false),
            ("12345678200028", "SRV7", "", false),
            ("12345678200028", "SRV2", "", false),
            ("12345678200028", "SRV2", "4500010", true),
            ("12345678200028", "FACTURES_PUBLIQUES", "", false),
            ("12345678200044", "SRV1", "", false),
            ("12345678200044", "", "4500001", false),
            ("12345678200044", "SRV1", "4500001", true),
            ("11000201100044", "", "", true),
        ] {
            assert_eq!(of(siret).refusal(service, commitment, false).is_none(), fine, "{siret} {service} {commitment}");
        }
        assert!(of("12345678200036").refusal("", "X", true).unwrap().contains("n'existe pas"));
        assert!(of("12345678200036").refusal("", "4500001", true).is_none());
    }

    #[test]
    fn the_scenario_adds_and_replaces() {
        let scenario = Scenario {
            recipient: vec![
                Recipient { either: true, ..Recipient::default() },
                Recipient {
                    siret: "12345678200051".parse().unwrap(),
                    name: "La nôtre".to_owned(),
                    service: true,
                    ..Recipient::default()
                },
            ],
            ..Scenario::default()
        };
        let all = known(&scenario);
        assert_eq!(all.iter().filter(|one| one.siret == "12345678200051").count(), 1);
        assert!(all[0].refusal("", "", false).unwrap().contains("ou le numéro"));
        assert!(all[0].refusal("S", "", false).is_none() && all[0].refusal("", "E", false).is_none());
        assert!(all[1].service && all[1].name == "La nôtre");
    }
}
