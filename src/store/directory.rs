//! Who may be invoiced: the local copy of Chorus Pro's directory, and what was asked about single structures.
//!
//! Promises: a whole directory is replaced in many small steps, so that the one writer is never held for long; until the
//! last of them everything known before stays known; what was consulted lately is newer than the archive and is kept.
//! Nothing here is journalled row by row: it is public, and a copy.

use rusqlite::Row;

use super::columns::{count, fault_text, integer};
use super::writer::Writing;
use super::{Step, Store, StoreError};
use crate::domain::{Environment, Realm, StructureEntry, StructureService, Timestamp};
use crate::fault::Fault;
use crate::os::durable;

/// Structures that one pruning step looks at.
const PRUNED_AT_ONCE: i64 = 1_000;
/// What was consulted so short before an archive was downloaded is newer than the archive, which is made at night.
const CONSULTED_IS_NEWER: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// How long a structure that no directory names is kept after it was consulted.
const CONSULTED_KEPT: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3600);
/// Enquiries that wait at once; more are not noted: the next drop asks again.
const ENQUIRIES_WAITING: i64 = 10_000;
/// How long an answer is kept that nobody asked for again.
const ANSWERS_KEPT: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3600);
/// Old answers forgotten in one step.
const ANSWERS_FORGOTTEN: i64 = 2_000;
/// The folder of downloaded archives, in the data folder.
const ARCHIVES: &str = "directory";

/// A structure that was consulted by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundStructure {
    pub chorus_id: i64,
    pub entry: StructureEntry,
}

/// Where the word about a structure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructureSource {
    /// The whole directory's archive.
    Directory,
    /// Chorus Pro was asked about this one.
    Consulted,
}

impl StructureSource {
    pub fn as_str(self) -> &'static str {
        match self {
            StructureSource::Directory => "directory",
            StructureSource::Consulted => "consulted",
        }
    }
}

/// A structure as it is known here; its services are asked for apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StructureRecord {
    pub siret: String,
    pub chorus_id: Option<i64>,
    pub name: Option<String>,
    pub active: Option<bool>,
    pub service_required: Option<bool>,
    pub commitment_required: Option<bool>,
    pub commitment_or_service: Option<bool>,
    pub payment_reported: Option<bool>,
    pub source: StructureSource,
    pub fetched_at: Timestamp,
}

/// How far an environment's directory is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryState {
    pub environment: Environment,
    pub edition: u64,
    /// When the edition in use was downloaded; `None`: none was read to its end.
    pub fetched_at: Option<Timestamp>,
    pub structures: u64,
    /// When the archive was downloaded that waits to be read.
    pub unread_at: Option<Timestamp>,
    pub tries: u32,
    pub fault: Option<Fault>,
    pub retry_at: Option<Timestamp>,
    pub wanted_at: Option<Timestamp>,
}

/// Something to be asked of Chorus Pro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enquiry {
    pub realm: Realm,
    pub siret: String,
    /// `None`: about the structure itself.
    pub number: Option<String>,
    pub tries: u32,
}

/// What is known of an enquiry: when it was answered, and whether Chorus Pro knew what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnquiryRecord {
    pub answered_at: Option<Timestamp>,
    pub found: Option<bool>,
    pub waits: bool,
}

/// How far pruning is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// Where the next step begins; `None` after the last one.
    pub next: Option<String>,
    pub removed: u64,
}

impl Store {
    /// *want directory*: a person wants an environment's directory refreshed now.
    pub fn want_directory(&self, environment: Environment, at: Timestamp) -> Step<()> {
        self.step(move |w| {
            w.run(
                "INSERT INTO directory (environment, wanted_at) VALUES (?1, ?2)
                 ON CONFLICT (environment) DO UPDATE SET wanted_at = excluded.wanted_at, retry_at = NULL",
                (environment.as_str(), at.millis()),
            )?;
            Ok(())
        })
    }

    /// Makes a downloaded archive durable, in place of the former one. Blocks.
    pub fn keep_directory(&self, environment: Environment, archive: &[u8]) -> Result<(), StoreError> {
        let folder = self.writer.settings().dir.join(ARCHIVES);
        durable::make_dir_durably(&folder).map_err(StoreError::io(&folder))?;
        let path = folder.join(environment.as_str());
        durable::write_atomically(&path, archive).map_err(StoreError::io(&path))
    }

    /// The archive that was kept. Blocks.
    pub fn kept_directory(&self, environment: Environment) -> Result<Vec<u8>, StoreError> {
        let path = self.writer.settings().dir.join(ARCHIVES).join(environment.as_str());
        std::fs::read(&path).map_err(StoreError::io(&path))
    }

    /// Forgets the archive: its edition is read. Blocks.
    pub fn drop_directory(&self, environment: Environment) -> Result<(), StoreError> {
        let path = self.writer.settings().dir.join(ARCHIVES).join(environment.as_str());
        durable::remove_durably(&path).map_err(StoreError::io(&path))
    }

    /// *directory downloaded*: an archive lies there, durable, and waits to be read.
    pub fn directory_downloaded(&self, environment: Environment, at: Timestamp) -> Step<()> {
        self.step(move |w| {
            w.run(
                "INSERT INTO directory (environment, unread_at) VALUES (?1, ?2)
                 ON CONFLICT (environment) DO UPDATE SET unread_at = excluded.unread_at, retry_at = NULL",
                (environment.as_str(), at.millis()),
            )?;
            Ok(())
        })
    }

    /// *begin edition*: answers the number that the rows of this reading bear.
    pub fn begin_edition(&self, environment: Environment) -> Step<u64> {
        self.step(move |w| {
            w.run("UPDATE directory SET edition = edition + 1 WHERE environment = ?1", [environment.as_str()])?;
            let edition =
                w.one("SELECT edition FROM directory WHERE environment = ?1", [environment.as_str()], |r| r.get(0))?;
            edition.map(count).ok_or(StoreError::Misuse("an edition without a downloaded archive"))
        })
    }

    /// *enter structures*: a few structures of an edition whose archive was downloaded at `at`. The caller keeps them few.
    pub fn enter_structures(
        &self,
        environment: Environment,
        edition: u64,
        entries: Vec<StructureEntry>,
        at: Timestamp,
    ) -> Step<()> {
        self.step(move |w| entries.iter().try_for_each(|entry| enter(w, environment, edition, entry, at)))
    }

    /// *prune*: of the structures after `after`, the next thousand lose those that the edition does not name any more.
    pub fn prune_directory(&self, environment: Environment, edition: u64, after: &str, at: Timestamp) -> Step<Pruned> {
        let after = after.to_owned();
        self.step(move |w| prune(w, environment, edition, &after, at))
    }

    /// *conclude edition*: it was read to its end and is the directory from now on.
    pub fn conclude_edition(&self, environment: Environment, structures: u64, at: Timestamp) -> Step<()> {
        self.step(move |w| {
            w.run(
                "UPDATE directory SET fetched_at = ?2, structures = ?3, unread_at = NULL, tries = 0, fault = NULL,
                 retry_at = NULL, wanted_at = iif(wanted_at <= ?2, NULL, wanted_at) WHERE environment = ?1",
                (environment.as_str(), at.millis(), integer(structures)),
            )?;
            w.run(
                "DELETE FROM enquiry WHERE (environment, siret, number) IN (
                     SELECT environment, siret, number FROM enquiry
                     WHERE environment = ?1 AND due IS NULL AND answered_at < ?2 LIMIT ?3)",
                (environment.as_str(), at.minus(ANSWERS_KEPT).millis(), ANSWERS_FORGOTTEN),
            )?;
            Ok(())
        })
    }

    /// *directory failed*: why, and not before when the next try. What is known stays known.
    pub fn directory_failed(&self, environment: Environment, fault: Fault, retry_at: Timestamp) -> Step<()> {
        self.step(move |w| {
            w.run(
                "INSERT INTO directory (environment, tries, fault, retry_at) VALUES (?1, 1, ?2, ?3)
                 ON CONFLICT (environment) DO UPDATE SET tries = tries + 1, fault = excluded.fault,
                     retry_at = excluded.retry_at, unread_at = NULL, wanted_at = NULL",
                (environment.as_str(), fault_text(&fault), retry_at.millis()),
            )?;
            Ok(())
        })
    }

    /// *enter consulted*: what Chorus Pro said of one structure replaces what was known of it; its enquiry is answered.
    /// `None`: Chorus Pro does not know it; what is known of it otherwise stays.
    pub fn enter_consulted(
        &self,
        environment: Environment,
        siret: &str,
        found: Option<FoundStructure>,
        at: Timestamp,
    ) -> Step<()> {
        let siret = siret.to_owned();
        self.step(move |w| {
            if let Some(found) = &found {
                consulted(w, environment, &siret, found, at)?;
            }
            answered(w, environment, &siret, "", found.is_some(), at)
        })
    }

    /// *enter commitment*: whether the structure knows a commitment number.
    pub fn enter_commitment(
        &self,
        environment: Environment,
        siret: &str,
        number: &str,
        known: bool,
        at: Timestamp,
    ) -> Step<()> {
        let (siret, number) = (siret.to_owned(), number.to_owned());
        self.step(move |w| answered(w, environment, &siret, &number, known, at))
    }

    /// *enquire*: notes what is to be asked of Chorus Pro, unless it waits already, or was answered within `every`.
    pub fn enquire(
        &self,
        realm: &Realm,
        siret: &str,
        number: Option<&str>,
        every: std::time::Duration,
        at: Timestamp,
    ) -> Step<()> {
        let (realm, siret, number) = (realm.clone(), siret.to_owned(), number.unwrap_or_default().to_owned());
        self.step(move |w| {
            let waiting = w.one("SELECT count(*) FROM enquiry WHERE due IS NOT NULL", [], |r| r.get::<_, i64>(0))?;
            if waiting.is_some_and(|waiting| waiting >= ENQUIRIES_WAITING) {
                return Ok(());
            }
            w.run(
                "INSERT INTO enquiry (environment, siret, number, establishment, due) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (environment, siret, number) DO UPDATE SET due = excluded.due, tries = 0,
                     establishment = excluded.establishment
                 WHERE due IS NULL AND answered_at <= ?6",
                (
                    realm.environment.as_str(),
                    &siret,
                    &number,
                    realm.establishment.as_str(),
                    at.millis(),
                    at.minus(every).millis(),
                ),
            )?;
            Ok(())
        })
    }

    /// *put off*: an enquiry that got no answer is due again.
    pub fn put_off_enquiry(&self, enquiry: &Enquiry, due: Timestamp) -> Step<()> {
        let enquiry = enquiry.clone();
        self.step(move |w| {
            w.run(
                "UPDATE enquiry SET due = ?4, tries = tries + 1
                 WHERE environment = ?1 AND siret = ?2 AND number = ?3 AND due IS NOT NULL",
                (
                    enquiry.realm.environment.as_str(),
                    &enquiry.siret,
                    enquiry.number.as_deref().unwrap_or_default(),
                    due.millis(),
                ),
            )?;
            Ok(())
        })
    }
}

/// A structure that the edition has not named yet begins anew; one that it has is added to.
fn enter(
    w: &mut Writing<'_>,
    environment: Environment,
    edition: u64,
    entry: &StructureEntry,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (place, edition) = (environment.as_str(), integer(edition));
    let newer = w.run(
        "UPDATE structure SET edition = ?3
         WHERE environment = ?1 AND siret = ?2 AND source = 'consulted' AND fetched_at > ?4",
        (place, &entry.siret, edition, at.minus(CONSULTED_IS_NEWER).millis()),
    )?;
    if newer > 0 {
        return Ok(());
    }
    w.run(
        "INSERT INTO structure (environment, siret, name, active, service_required, commitment_required,
             commitment_or_service, payment_reported, source, fetched_at, edition)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'directory', ?9, ?10)
         ON CONFLICT (environment, siret) DO UPDATE SET
             name = iif(edition = excluded.edition, coalesce(excluded.name, name), excluded.name),
             active = iif(edition = excluded.edition, coalesce(excluded.active, active), excluded.active),
             service_required = iif(edition = excluded.edition,
                 coalesce(excluded.service_required, service_required), excluded.service_required),
             commitment_required = iif(edition = excluded.edition,
                 coalesce(excluded.commitment_required, commitment_required), excluded.commitment_required),
             commitment_or_service = iif(edition = excluded.edition,
                 coalesce(excluded.commitment_or_service, commitment_or_service), excluded.commitment_or_service),
             payment_reported = iif(edition = excluded.edition,
                 coalesce(excluded.payment_reported, payment_reported), excluded.payment_reported),
             source = 'directory', fetched_at = excluded.fetched_at, edition = excluded.edition",
        (
            place,
            &entry.siret,
            &entry.name,
            entry.active,
            entry.service_required,
            entry.commitment_required,
            entry.commitment_or_service,
            entry.payment_reported,
            at.millis(),
            edition,
        ),
    )?;
    entry.services.iter().try_for_each(|service| enter_service(w, place, &entry.siret, service, edition))
}

fn enter_service(
    w: &mut Writing<'_>,
    environment: &str,
    siret: &str,
    service: &StructureService,
    edition: i64,
) -> Result<(), StoreError> {
    w.run(
        "INSERT INTO structure_service (environment, siret, code, name, active, commitment_required, edition)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (environment, siret, code) DO UPDATE SET
             name = iif(edition = excluded.edition, coalesce(excluded.name, name), excluded.name),
             active = iif(edition = excluded.edition, coalesce(excluded.active, active), excluded.active),
             commitment_required = iif(edition = excluded.edition,
                 coalesce(excluded.commitment_required, commitment_required), excluded.commitment_required),
             edition = excluded.edition",
        (environment, siret, &service.code, &service.name, service.active, service.commitment_required, edition),
    )?;
    Ok(())
}

fn prune(
    w: &mut Writing<'_>,
    environment: Environment,
    edition: u64,
    after: &str,
    at: Timestamp,
) -> Result<Pruned, StoreError> {
    let (place, edition) = (environment.as_str(), integer(edition));
    let next: Option<String> = w
        .one(
            "SELECT max(siret) FROM (SELECT siret FROM structure WHERE environment = ?1 AND siret > ?2
                 ORDER BY siret LIMIT ?3)",
            (place, after, PRUNED_AT_ONCE),
            |r| r.get(0),
        )?
        .flatten();
    let Some(last) = next else { return Ok(Pruned { next: None, removed: 0 }) };
    let removed = w.run(
        "DELETE FROM structure WHERE environment = ?1 AND siret > ?2 AND siret <= ?3
         AND ((edition > 0 AND edition < ?4 AND (source = 'directory' OR fetched_at <= ?5))
              OR (edition = 0 AND fetched_at < ?6))",
        (place, after, &last, edition, at.minus(CONSULTED_IS_NEWER).millis(), at.minus(CONSULTED_KEPT).millis()),
    )?;
    w.run(
        "DELETE FROM structure_service WHERE environment = ?1 AND siret > ?2 AND siret <= ?3 AND edition < ?4
         AND EXISTS (SELECT 1 FROM structure AS s WHERE s.environment = structure_service.environment
                     AND s.siret = structure_service.siret AND s.source = 'directory')",
        (place, after, &last, edition),
    )?;
    Ok(Pruned { next: Some(last), removed: removed as u64 })
}

fn consulted(
    w: &mut Writing<'_>,
    environment: Environment,
    siret: &str,
    found: &FoundStructure,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (place, entry) = (environment.as_str(), &found.entry);
    w.run(
        "INSERT INTO structure (environment, siret, chorus_id, name, active, service_required, commitment_required,
             commitment_or_service, payment_reported, source, fetched_at, edition)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'consulted', ?10, 0)
         ON CONFLICT (environment, siret) DO UPDATE SET chorus_id = excluded.chorus_id,
             name = coalesce(excluded.name, name), active = coalesce(excluded.active, active),
             service_required = coalesce(excluded.service_required, service_required),
             commitment_required = coalesce(excluded.commitment_required, commitment_required),
             commitment_or_service = coalesce(excluded.commitment_or_service, commitment_or_service),
             payment_reported = coalesce(excluded.payment_reported, payment_reported),
             source = 'consulted', fetched_at = excluded.fetched_at",
        (
            place,
            siret,
            found.chorus_id,
            &entry.name,
            entry.active,
            entry.service_required,
            entry.commitment_required,
            entry.commitment_or_service,
            entry.payment_reported,
            at.millis(),
        ),
    )?;
    // What a service demands stands in the directory alone: it is kept of those that are still there.
    let mut known = w.all(
        "SELECT code, name, active, commitment_required FROM structure_service WHERE environment = ?1 AND siret = ?2",
        (place, siret),
        service_row,
    )?;
    w.run("DELETE FROM structure_service WHERE environment = ?1 AND siret = ?2", (place, siret))?;
    for service in &entry.services {
        let former = known.iter_mut().find(|former| former.code == service.code).map(std::mem::take);
        let demanded = service.commitment_required.or(former.and_then(|former| former.commitment_required));
        enter_service(w, place, siret, &StructureService { commitment_required: demanded, ..service.clone() }, 0)?;
    }
    Ok(())
}

fn answered(
    w: &mut Writing<'_>,
    environment: Environment,
    siret: &str,
    number: &str,
    found: bool,
    at: Timestamp,
) -> Result<(), StoreError> {
    w.run(
        "UPDATE enquiry SET due = NULL, tries = 0, answered_at = ?4, found = ?5
         WHERE environment = ?1 AND siret = ?2 AND number = ?3",
        (environment.as_str(), siret, number, at.millis(), found),
    )?;
    Ok(())
}

pub(super) fn service_row(r: &Row<'_>) -> rusqlite::Result<StructureService> {
    Ok(StructureService {
        code: r.get("code")?,
        name: r.get("name")?,
        active: r.get("active")?,
        commitment_required: r.get("commitment_required")?,
    })
}
