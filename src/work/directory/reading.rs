//! A downloaded directory becomes the local one: read as a stream, entered a few structures at a time, the rest of the
//! former edition removed at the end.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::chorus::{DirectoryError, DirectoryReader, FoundService};
use crate::domain::{DocumentHash, Environment, StructureEntry, StructureService, Timestamp};
use crate::fault::{Code, Fault};
use crate::store::{DirectoryState, StoreError};
use crate::work::core::{Core, JobError};
use crate::work::directory::{failed, taken, unreadable};

/// Rows, structures and services together, that one step enters: a few milliseconds of the writer.
const ROWS_AT_ONCE: usize = 500;
/// Entries of one directory that are read: public structures are some 150,000, services a few times as many.
const ENTRIES_LIMIT: u64 = 10_000_000;
/// The longest SIRET or other number that is kept, in characters.
const SIRET_CHARACTERS: usize = 40;
/// Below so many structures a directory may shrink as it likes: it is a test platform's.
const SHRINKS_FREELY: u64 = 50;

/// What reading an archive came to.
enum Read {
    Whole {
        structures: u64,
    },
    /// The former directory stays; why.
    Failed(Fault),
    /// The box stops: it is read again at the next start.
    Stopped,
}

/// Reads the archive that was kept. One that is gone or broken is a failure of the directory, not of the lane.
pub(super) async fn read_kept(
    core: &Arc<Core>,
    environment: Environment,
    stop: &watch::Receiver<bool>,
) -> Result<(), JobError> {
    let state = core.store.reader()?.directory().state(environment)?;
    let state = state.ok_or(JobError::Missing("the directory's state"))?;
    let at = state.unread_at.unwrap_or_else(|| core.now());
    let edition = core.store.begin_edition(environment).await?;
    let (stop, former) = (stop.clone(), state.clone());
    let (read, sha256) = core
        .apart(move |core| {
            let archive = match core.store.kept_directory(environment) {
                Ok(archive) => archive,
                Err(error) => return Ok((Read::Failed(unreadable(environment, error)), DocumentHash([0; 32]))),
            };
            let sha256 = DocumentHash(Sha256::digest(&archive).into());
            Ok((read(core, &former, edition, &archive, at, &stop)?, sha256))
        })
        .await?;
    match read {
        Read::Whole { structures } => {
            core.store.note(taken(environment, structures, sha256, core.now())).await?;
            core.store.conclude_edition(environment, structures, at).await?;
            core.apart(move |core| Ok(core.store.drop_directory(environment)?)).await?;
            log::info!(environment = environment.as_str(), structures = structures; "Chorus Pro's directory is read");
            Ok(())
        }
        Read::Failed(fault) => failed(core, environment, Some(&state), fault).await,
        Read::Stopped => Ok(()),
    }
}

/// Enters every structure, then removes those that are gone. Blocks.
fn read(
    core: &Core,
    former: &DirectoryState,
    edition: u64,
    archive: &[u8],
    at: Timestamp,
    stop: &watch::Receiver<bool>,
) -> Result<Read, StoreError> {
    let environment = former.environment;
    let reader = match DirectoryReader::open(archive) {
        Ok(reader) => reader,
        Err(error) => return Ok(Read::Failed(unreadable(environment, error))),
    };
    let mut batch = Batch::default();
    let mut lost = 0u64;
    let mut broken: Option<DirectoryError> = None;
    for (n, entry) in (1..).zip(reader) {
        match entry {
            Ok(entry) => batch.add(entry),
            Err(error) if error.is_one_line() => {
                if lost == 0 {
                    log::warn!(error = error.to_string().as_str(); "A line of the directory cannot be read");
                }
                lost += 1;
            }
            // A file of the archive that lists no structures: a legend, a licence.
            Err(error @ DirectoryError::NoIdentifier { .. }) => {
                log::info!(reason = error.to_string().as_str(); "A file of the directory's archive is passed over");
            }
            // Further files of the archive count all the same.
            Err(error) => broken = broken.or(Some(error)),
        }
        if batch.rows >= ROWS_AT_ONCE {
            core.store.enter_structures(environment, edition, batch.take(), at).wait()?;
            if *stop.borrow() {
                return Ok(Read::Stopped);
            }
        }
        if n >= ENTRIES_LIMIT {
            return Ok(Read::Failed(unreadable(environment, format!("more than {ENTRIES_LIMIT} entries"))));
        }
    }
    core.store.enter_structures(environment, edition, batch.take(), at).wait()?;
    if let Some(error) = broken {
        return Ok(Read::Failed(unreadable(environment, error)));
    }
    let structures = core.store.reader()?.directory().count(environment, edition)?;
    if structures == 0 {
        return Ok(Read::Failed(unreadable(environment, format!("no structure, {lost} unreadable lines"))));
    }
    if former.structures > SHRINKS_FREELY && structures < former.structures / 2 && former.wanted_at.is_none() {
        let fault = Fault::new(Code::DirectoryShrunk).with("environment", environment);
        return Ok(Read::Failed(fault.with("now", structures).with("before", former.structures)));
    }
    if lost > 0 {
        log::warn!(environment = environment.as_str(), lines = lost;
            "Lines of the directory cannot be read: no structure that it does not name is removed this time");
        return Ok(Read::Whole { structures });
    }
    prune(core, environment, edition, at, stop)
        .map(|done| if done { Read::Whole { structures } } else { Read::Stopped })
}

/// Removes what the edition does not name; whether it came to the end. Blocks.
fn prune(
    core: &Core,
    environment: Environment,
    edition: u64,
    at: Timestamp,
    stop: &watch::Receiver<bool>,
) -> Result<bool, StoreError> {
    let (mut after, mut removed) = (String::new(), 0);
    while !*stop.borrow() {
        let pruned = core.store.prune_directory(environment, edition, &after, at).wait()?;
        removed += pruned.removed;
        match pruned.next {
            Some(next) => after = next,
            None => {
                if removed > 0 {
                    log::info!(environment = environment.as_str(), structures = removed;
                        "Structures that Chorus Pro's directory does not name any more are removed");
                }
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Structures that wait for the next step.
#[derive(Default)]
struct Batch {
    entries: Vec<StructureEntry>,
    rows: usize,
}

impl Batch {
    /// One with very many services comes in pieces: entries of one edition add up.
    fn add(&mut self, mut entry: StructureEntry) {
        let StructureEntry { siret, services, .. } = &mut entry;
        if siret.is_empty() || siret.chars().count() > SIRET_CHARACTERS {
            return;
        }
        let (siret, services) = (siret.clone(), std::mem::take(services));
        let mut services = services.into_iter().filter(|s| !FoundService::is_placeholder_code(&s.code));
        let first: Vec<StructureService> = services.by_ref().take(ROWS_AT_ONCE).collect();
        let mut piece = StructureEntry { services: first, ..entry };
        loop {
            self.rows += 1 + piece.services.len();
            self.entries.push(piece);
            let further: Vec<StructureService> = services.by_ref().take(ROWS_AT_ONCE).collect();
            if further.is_empty() {
                return;
            }
            piece = StructureEntry { siret: siret.clone(), services: further, ..StructureEntry::default() };
        }
    }

    fn take(&mut self) -> Vec<StructureEntry> {
        self.rows = 0;
        std::mem::take(&mut self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_with_very_many_services_comes_in_pieces() {
        let service = |n: usize| StructureService { code: format!("S{n}"), ..StructureService::default() };
        let mut services: Vec<StructureService> = (0..2 * ROWS_AT_ONCE + 1).map(service).collect();
        services.push(StructureService { code: "FACTURES_PUBLIQUES".to_owned(), ..StructureService::default() });
        let entry = StructureEntry {
            siret: "1".to_owned(),
            service_required: Some(true),
            services,
            ..StructureEntry::default()
        };
        let mut batch = Batch::default();
        batch.add(entry);
        let pieces = batch.take();
        assert_eq!(pieces.iter().map(|p| p.services.len()).collect::<Vec<_>>(), [ROWS_AT_ONCE, ROWS_AT_ONCE, 1]);
        assert_eq!((pieces[0].service_required, pieces[1].service_required), (Some(true), None), "they add up");
        batch.add(StructureEntry { siret: "9".repeat(41), ..StructureEntry::default() });
        assert!(batch.take().is_empty(), "that is no structure's number");
    }
}
