//! What the local directory says of an invoice's recipient, and what is to be asked about it.
//!
//! Promise: nobody is called here and nothing waits; a directory that cannot be read is silent. What is missing or old is
//! noted, to be asked for by [`crate::work::directory`] once the file has had its verdict: the next file knows it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::domain::{Environment, Siret, Timestamp};
use crate::fault::Text;
use crate::invoice::{Facts, Listed, Listing, ServiceListing};
use crate::store::{Directory, StoreError, StructureRecord};

/// A word that is older warns where it would have refused: the weekly directory may have failed once.
pub(super) const RECENT: Duration = Duration::from_secs(15 * 24 * 3600);
/// How long an answer counts before the same is asked again.
pub(super) const ASKED_EVERY: Duration = Duration::from_secs(24 * 3600);
/// After a refusal the word that it stands on is looked at again sooner: the next drop may be right.
pub(super) const ASKED_AFTER_REFUSAL: Duration = Duration::from_secs(10 * 60);
/// Questions of one file: an archive may name as many recipients as it has invoices.
const QUESTIONS_LIMIT: usize = 500;
/// The longest commitment number that is asked about, in characters (BR-FR-CPRO-15).
const NUMBER_CHARACTERS: usize = 50;

/// Something to be asked of Chorus Pro.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    pub siret: String,
    /// `None`: about the structure itself.
    pub number: Option<String>,
}

/// The recipients of one file's invoices, by the directory of an environment.
pub struct Recipients<'d> {
    directory: Option<Directory<'d>>,
    environment: Environment,
    now: Timestamp,
    questions: RefCell<BTreeSet<Question>>,
}

impl<'d> Recipients<'d> {
    pub fn new(directory: Directory<'d>, environment: Environment, now: Timestamp) -> Self {
        Self { directory: Some(directory), environment, now, questions: RefCell::default() }
    }

    /// Knows nobody and wants to know nothing: the directory is switched off, or of no use here.
    pub fn unknown(environment: Environment, now: Timestamp) -> Self {
        Self { directory: None, environment, now, questions: RefCell::default() }
    }

    /// What is known of an invoice's recipient.
    pub fn listing(&self, facts: &Facts) -> Listing {
        let Some(directory) = self.directory else { return Listing::Silent };
        // Whatever else identifies it is complained about already.
        let Ok(siret) = facts.recipient.parse::<Siret>() else { return Listing::Silent };
        self.look(directory, siret.as_str(), facts).unwrap_or_else(|error| {
            log::error!(error = error.to_string().as_str(); "The local directory cannot be read; the check goes on without");
            Listing::Silent
        })
    }

    /// What is to be asked, of the recipients that were looked up.
    pub(super) fn questions(self) -> Vec<Question> {
        self.questions.into_inner().into_iter().collect()
    }

    fn ask(&self, siret: &str, number: Option<&str>) {
        let mut questions = self.questions.borrow_mut();
        if questions.len() < QUESTIONS_LIMIT {
            questions.insert(Question { siret: siret.to_owned(), number: number.map(str::to_owned) });
        }
    }

    fn look(&self, directory: Directory<'_>, siret: &str, facts: &Facts) -> Result<Listing, StoreError> {
        self.ask(siret, None);
        let Some(structure) = directory.structure(self.environment, siret)? else {
            return self.unlisted(directory, siret);
        };
        let service = self.service(directory, siret, facts)?;
        let by_service = matches!(service, ServiceListing::Listed { commitment_required: Some(true), .. });
        let demanded = structure.commitment_required == Some(true) || by_service;
        let commitment_known = match facts.engagement.as_deref().map(str::trim).filter(|number| !number.is_empty()) {
            Some(number) if demanded && number.chars().count() <= NUMBER_CHARACTERS => {
                self.ask(siret, Some(number));
                self.commitment(directory, siret, number)?
            }
            _ => None,
        };
        Ok(Listing::Listed(Box::new(self.listed(structure, service, commitment_known))))
    }

    fn listed(&self, s: StructureRecord, service: ServiceListing, commitment_known: Option<bool>) -> Listed {
        Listed {
            name: s.name,
            active: s.active,
            service_required: s.service_required,
            commitment_required: s.commitment_required,
            commitment_or_service: s.commitment_or_service,
            service,
            commitment_known,
            as_of: day(s.fetched_at),
            recent: self.is_recent(s.fetched_at),
        }
    }

    fn is_recent(&self, at: Timestamp) -> bool {
        self.now.since(at) <= RECENT
    }

    /// Somebody who is not here is told as absent only on a recent word: a whole directory, or Chorus Pro's own answer.
    fn unlisted(&self, directory: Directory<'_>, siret: &str) -> Result<Listing, StoreError> {
        let asked = directory.enquiry(self.environment, siret, None)?;
        let denied = asked.filter(|asked| asked.found == Some(false)).and_then(|asked| asked.answered_at);
        let whole = directory.state(self.environment)?.and_then(|state| state.fetched_at);
        let newest = denied.max(whole).filter(|at| self.is_recent(*at));
        Ok(newest.map_or(Listing::Silent, |at| Listing::Absent { as_of: day(at) }))
    }

    fn service(&self, directory: Directory<'_>, siret: &str, facts: &Facts) -> Result<ServiceListing, StoreError> {
        let code = facts.service_code.as_deref().map(str::trim).filter(|code| !code.is_empty());
        let Some(code) = code else { return Ok(ServiceListing::Silent) };
        Ok(match directory.service(self.environment, siret, code)? {
            Some(row) => ServiceListing::Listed { active: row.active, commitment_required: row.commitment_required },
            None if directory.services(self.environment, siret, 1)?.is_empty() => ServiceListing::Silent,
            None => ServiceListing::Absent,
        })
    }

    /// Most recipients keep their commitments elsewhere: "unknown" means something only where another one is known.
    fn commitment(&self, directory: Directory<'_>, siret: &str, number: &str) -> Result<Option<bool>, StoreError> {
        let known = directory.enquiry(self.environment, siret, Some(number))?;
        let known = known.filter(|k| k.answered_at.is_some_and(|at| self.is_recent(at))).and_then(|k| k.found);
        match known {
            Some(false) if !directory.registers_commitments(self.environment, siret)? => Ok(None),
            known => Ok(known),
        }
    }
}

/// A day as people write it, in Paris.
fn day(at: Timestamp) -> Text {
    let text = at.paris_text();
    Text::new(text.split(' ').next().unwrap_or_default(), at.paris_date())
}
