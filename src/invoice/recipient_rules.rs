//! What a recipient demands, held against an invoice for it (PROTOCOL §2.2, `structures/consulter`).
//!
//! Whoever calls knows the directory and says through [`Listing`] what it says; here nothing is looked up. A copy of the
//! directory is older than Chorus Pro's own word, so only what Chorus Pro would certainly reject blocks, and only while the
//! copy is recent: everything else warns. Which rules block is said in [`super::rules`].

use crate::fault::Text;

use super::rules::Findings;
use super::{Facts, Severity};

/// What the directory says about an invoice's recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Listing {
    /// Nothing: there is no directory, or it is too old for its silence to mean anything.
    #[default]
    Silent,
    /// The recipient is not in it.
    Absent {
        as_of: Text,
    },
    Listed(Box<Listed>),
}

/// A recipient that the directory knows. `None`: not said, which is not "no".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: Option<String>,
    pub active: Option<bool>,
    pub service_required: Option<bool>,
    pub commitment_required: Option<bool>,
    /// One of the two is enough.
    pub commitment_or_service: Option<bool>,
    /// What is known of the service that the invoice names.
    pub service: ServiceListing,
    /// Whether the recipient knows the commitment number that the invoice names.
    pub commitment_known: Option<bool>,
    /// The day of this word.
    pub as_of: Text,
    /// Whether the word is recent enough to refuse an invoice.
    pub recent: bool,
}

/// What the directory says about the service that an invoice names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ServiceListing {
    /// The invoice names none, or no service of this recipient is known.
    #[default]
    Silent,
    /// Others of this recipient are known.
    Absent,
    Listed {
        active: Option<bool>,
        commitment_required: Option<bool>,
    },
}

/// Where a document says what the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    pub recipient: &'static str,
    pub service: &'static str,
    pub commitment: &'static str,
    pub service_or_commitment: &'static str,
}

/// The business terms of an invoice.
pub const TERMS: Places =
    Places { recipient: "BT-46", service: "BT-10", commitment: "BT-13", service_or_commitment: "BT-10, BT-13" };
/// The keys of a plain PDF's data.
pub const KEYS: Places = Places {
    recipient: "recipient.siret",
    service: "recipient.service",
    commitment: "commitment",
    service_or_commitment: "recipient.service, commitment",
};

/// Adds what the recipient would have Chorus Pro reject.
pub fn check(facts: &Facts, listing: &Listing, at: Places, findings: &mut Findings<'_, '_>) {
    match listing {
        Listing::Silent => {}
        Listing::Absent { as_of } => {
            let values = [("siret", facts.recipient.as_str()), ("date", &as_of.fr), ("date.en", &as_of.en)];
            findings.own("FLUX-DIR-01", Severity::Warning, at.recipient.to_owned(), &values);
        }
        Listing::Listed(listed) => Recipient { facts, listed, at, findings }.check(),
    }
}

struct Recipient<'a, 'f, 'o, 't> {
    facts: &'a Facts,
    listed: &'a Listed,
    at: Places,
    findings: &'f mut Findings<'o, 't>,
}

impl Recipient<'_, '_, '_, '_> {
    fn check(mut self) {
        let (listed, at) = (self.listed, self.at);
        if listed.active == Some(false) {
            self.certain("FLUX-DIR-02", at.recipient);
            return;
        }
        let service = given(self.facts.service_code.as_deref());
        let commitment = given(self.facts.engagement.as_deref());
        let demands = |flag: Option<bool>| flag == Some(true);
        let mut commitment_demanded = demands(listed.commitment_required);
        match (service, listed.service) {
            (None, _) if demands(listed.service_required) => self.certain("FLUX-DIR-03", at.service),
            (Some(_), ServiceListing::Absent) => self.doubtful("FLUX-DIR-04", at.service),
            (Some(_), ServiceListing::Listed { active: Some(false), .. }) if demands(listed.service_required) => {
                self.certain("FLUX-DIR-05", at.service);
            }
            (Some(_), ServiceListing::Listed { active: Some(false), .. }) => self.doubtful("FLUX-DIR-05", at.service),
            (Some(_), ServiceListing::Listed { commitment_required, .. }) => {
                commitment_demanded |= demands(commitment_required);
            }
            (None, _) | (Some(_), ServiceListing::Silent) => {}
        }
        match commitment {
            None if commitment_demanded => self.certain("FLUX-DIR-06", at.commitment),
            None if demands(listed.commitment_or_service) && service.is_none() && !demands(listed.service_required) => {
                self.certain("FLUX-DIR-07", at.service_or_commitment);
            }
            Some(_) if listed.commitment_known == Some(false) => self.doubtful("FLUX-DIR-08", at.commitment),
            _ => {}
        }
    }

    /// Chorus Pro rejects this, if our copy is right.
    fn certain(&mut self, rule: &str, place: &str) {
        let severity = if self.listed.recent { Severity::Fatal } else { Severity::Warning };
        self.find(rule, severity, place);
    }

    fn doubtful(&mut self, rule: &str, place: &str) {
        self.find(rule, Severity::Warning, place);
    }

    fn find(&mut self, rule: &str, severity: Severity, place: &str) {
        let (facts, listed) = (self.facts, self.listed);
        let name = listed.name.as_deref().unwrap_or(&facts.recipient_name);
        let values = [
            ("siret", facts.recipient.as_str()),
            ("name", name),
            ("date", &listed.as_of.fr),
            ("date.en", &listed.as_of.en),
            ("service", facts.service_code.as_deref().unwrap_or_default()),
            ("commitment", facts.engagement.as_deref().unwrap_or_default()),
        ];
        self.findings.own(rule, severity, place.to_owned(), &values);
    }
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}
