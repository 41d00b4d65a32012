//! A structure that may be invoiced, and what it demands of those who invoice it.

/// A structure as Chorus Pro's directory, or Chorus Pro itself, describes it. `None`: not said here, which is not "no". One
/// structure may come in several entries (a line per service, a file of services): they add up, and what an entry does not
/// say is left as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StructureEntry {
    /// SIRET; of structures overseas also RIDET or Tahiti numbers.
    pub siret: String,
    pub name: Option<String>,
    pub active: Option<bool>,
    pub service_required: Option<bool>,
    pub commitment_required: Option<bool>,
    /// One of the two is enough.
    pub commitment_or_service: Option<bool>,
    /// Whether MISE_EN_PAIEMENT is told to suppliers.
    pub payment_reported: Option<bool>,
    pub services: Vec<StructureService>,
}

/// A service of a structure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StructureService {
    pub code: String,
    pub name: Option<String>,
    pub active: Option<bool>,
    pub commitment_required: Option<bool>,
}
