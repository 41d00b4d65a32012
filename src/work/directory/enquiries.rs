//! Questions about single recipients, asked after an invoice for them came by: for the next one.

use std::time::Duration;

use tokio::sync::watch;

use crate::chorus::{
    ConsulterStructure, FoundService, FoundStructure as Row, IdName, Page, RechercherEngagement, RechercherServices,
    RechercherStructure, Structure,
};
use crate::domain::{Realm, StructureEntry, StructureService, Timestamp};
use crate::store::{Enquiry, EnquiryRecord, FoundStructure, StoreError};
use crate::work::connector::Connector;
use crate::work::core::Core;
use crate::work::directory::{Silence, Why, ask, callable, halted};
use crate::work::recipients::Question;

/// Questions answered in one round.
const AT_ONCE: u32 = 20;
/// Services asked for on one page (PROTOCOL §2.2: clients ask for 10,000).
const SERVICES_ROWS: u32 = 10_000;
/// Pages of services that are followed.
const PAGES_LIMIT: u32 = 3;
/// Before a question that got no answer is asked again; doubled each time.
const RETRY_FIRST: Duration = Duration::from_secs(60);
/// Before a service that the account may not call is tried again.
const STOPPED_WAIT: Duration = Duration::from_secs(3600);
/// Between two tries, and before a question that Chorus Pro refuses is asked again.
const RETRY_LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Notes what is to be asked. It is asked at the next chance; nobody waits for it.
pub(in crate::work) async fn note(core: &Core, realm: &Realm, questions: Vec<Question>, every: Duration) {
    let now = core.now();
    let noted = async {
        let mut steps = Vec::new();
        {
            let reader = core.store.reader()?;
            for Question { siret, number } in &questions {
                let (directory, number) = (reader.directory(), number.as_deref());
                let known = directory.enquiry(realm.environment, siret, number)?;
                if known.is_none_or(|known| is_stale(known, every, now)) {
                    steps.push(core.store.enquire(realm, siret, number, every, now));
                }
            }
        }
        for step in steps {
            step.await?;
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = noted.await {
        log::warn!(error = error.to_string().as_str(); "A question about a recipient could not be noted");
    }
}

fn is_stale(known: EnquiryRecord, every: Duration, now: Timestamp) -> bool {
    !known.waits && known.answered_at.is_none_or(|at| now.since(at) >= every)
}

/// Asks what is due.
pub(super) async fn answer_due(core: &Core, stop: &watch::Receiver<bool>) -> Result<(), StoreError> {
    let due = core.store.reader()?.directory().enquiries_due(core.now(), AT_ONCE)?;
    if due.is_empty() {
        return Ok(());
    }
    let halted = halted(core)?;
    for enquiry in due {
        if *stop.borrow() {
            return Ok(());
        }
        // First put off, then asked: where nothing can be written down, nobody is asked again and again.
        let connector = callable(core, &halted, &enquiry.realm);
        let wait = if connector.is_some() { again(enquiry.tries) } else { RETRY_FIRST };
        core.store.put_off_enquiry(&enquiry, core.now().plus(wait)).await?;
        let Some(connector) = connector else { continue };
        if let Err(wait) = answer(core, &connector, &enquiry).await? {
            core.store.put_off_enquiry(&enquiry, core.now().plus(wait)).await?;
        }
    }
    Ok(())
}

/// How long a question waits that got no answer so often.
fn again(tries: u32) -> Duration {
    RETRY_FIRST.saturating_mul(1 << tries.min(16)).min(RETRY_LONGEST)
}

/// Asks one question; when it is to be put off for longer than it is: how long.
async fn answer(core: &Core, connector: &Connector, enquiry: &Enquiry) -> Result<Result<(), Duration>, StoreError> {
    let (environment, siret) = (enquiry.realm.environment, enquiry.siret.as_str());
    let silence = match &enquiry.number {
        Some(number) => {
            let question = RechercherEngagement { recipient_siret: siret.to_owned(), number: number.clone() };
            match ask(core, connector, &question).await {
                Ok(found) => {
                    core.store.enter_commitment(environment, siret, number, !found.is_empty(), core.now()).await?;
                    return Ok(Ok(()));
                }
                Err(silence) => silence,
            }
        }
        None => match consult(core, connector, siret).await {
            Ok(found) => {
                core.store.enter_consulted(environment, siret, found, core.now()).await?;
                return Ok(Ok(()));
            }
            Err(silence) => silence,
        },
    };
    Ok(match silence.why {
        Why::Refused => Err(RETRY_LONGEST),
        Why::Stopped => Err(STOPPED_WAIT),
        // As it is put off already.
        Why::Passing => Ok(()),
    })
}

/// Everything about one structure; `None`: Chorus Pro knows none of this SIRET.
async fn consult(core: &Core, connector: &Connector, siret: &str) -> Result<Option<FoundStructure>, Silence> {
    let search = RechercherStructure { siret: siret.to_owned(), page: Page::FIRST };
    let rows = ask(core, connector, &search).await?.rows;
    let Some(row) = rows.into_iter().find(|row| row.siret.as_deref().is_none_or(|found| found == siret)) else {
        return Ok(None);
    };
    let structure = obligations(core, connector, &row).await?;
    let services = services(core, connector, &row).await?;
    let entry = StructureEntry {
        siret: siret.to_owned(),
        active: row.is_active(),
        name: row.name.or(structure.name),
        service_required: structure.service_required,
        commitment_required: structure.commitment_required,
        commitment_or_service: structure.commitment_or_service,
        payment_reported: structure.payment_not_reported.map(|not| !not),
        services,
    };
    Ok(Some(FoundStructure { chorus_id: row.id.0, entry }))
}

/// The documents disagree on the number's name: the other one is tried when Chorus Pro refuses the first (PROTOCOL §8).
async fn obligations(core: &Core, connector: &Connector, row: &Row) -> Result<Structure, Silence> {
    let mut id_name = IdName::default();
    loop {
        match ask(core, connector, &ConsulterStructure { structure: row.id, id_name }).await {
            Err(silence) if silence.why == Why::Refused => match id_name.fallback() {
                Some(other) => id_name = other,
                None => return Err(silence),
            },
            answered => return answered,
        }
    }
}

async fn services(core: &Core, connector: &Connector, row: &Row) -> Result<Vec<StructureService>, Silence> {
    let mut question = RechercherServices { structure: row.id, page: Page { number: 1, rows: SERVICES_ROWS } };
    let mut services = Vec::new();
    for _ in 0..PAGES_LIMIT {
        let page = ask(core, connector, &question).await?;
        let more = page.has_more(question.page);
        let found = page.rows.into_iter().filter(|service| !FoundService::is_placeholder(service));
        services.extend(found.map(|service| StructureService {
            code: service.code,
            name: service.name,
            active: service.active,
            commitment_required: None,
        }));
        if !more {
            break;
        }
        question.page = question.page.next();
    }
    Ok(services)
}
