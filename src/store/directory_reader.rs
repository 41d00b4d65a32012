//! Reads of the local directory: by a reader of the store, or beside whoever has it open.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::columns::{count, integer, maybe_fault, maybe_instant, word};
use super::directory::{DirectoryState, Enquiry, EnquiryRecord, StructureRecord, StructureSource, service_row};
use super::reader::Reader;
use super::{StoreError, beside};
use crate::domain::{Environment, EstablishmentId, Realm, StructureService, Timestamp};

fn structure_row(r: &Row<'_>) -> rusqlite::Result<StructureRecord> {
    let source = match r.get_ref("source")?.as_str()? {
        "consulted" => StructureSource::Consulted,
        _ => StructureSource::Directory,
    };
    Ok(StructureRecord {
        siret: r.get("siret")?,
        chorus_id: r.get("chorus_id")?,
        name: r.get("name")?,
        active: r.get("active")?,
        service_required: r.get("service_required")?,
        commitment_required: r.get("commitment_required")?,
        commitment_or_service: r.get("commitment_or_service")?,
        payment_reported: r.get("payment_reported")?,
        source,
        fetched_at: super::columns::instant(r, "fetched_at")?,
    })
}

fn environment(r: &Row<'_>) -> rusqlite::Result<Environment> {
    let text = r.get_ref("environment")?.as_str()?;
    Environment::ALL.into_iter().find(|e| e.as_str() == text).ok_or(rusqlite::Error::InvalidQuery)
}

fn state_row(r: &Row<'_>) -> rusqlite::Result<DirectoryState> {
    Ok(DirectoryState {
        environment: environment(r)?,
        edition: count(r.get("edition")?),
        fetched_at: maybe_instant(r, "fetched_at")?,
        structures: count(r.get("structures")?),
        unread_at: maybe_instant(r, "unread_at")?,
        tries: r.get("tries")?,
        fault: maybe_fault(r, "fault")?,
        retry_at: maybe_instant(r, "retry_at")?,
        wanted_at: maybe_instant(r, "wanted_at")?,
    })
}

/// The local directory, to be read.
#[derive(Clone, Copy)]
pub struct Directory<'a> {
    db: &'a Connection,
}

impl Reader {
    pub fn directory(&self) -> Directory<'_> {
        Directory { db: self.db() }
    }
}

/// The local directory for a command beside whoever may have the store open. Makes nothing, not even a file of SQLite's.
pub struct DirectoryBook {
    db: Connection,
}

impl DirectoryBook {
    /// `None`: there is no database, or one from before there was a directory.
    pub fn open(dir: &Path) -> Result<Option<Self>, StoreError> {
        let Some((db, _)) = beside::open(dir)? else { return Ok(None) };
        let has = beside::has_table(&db, "directory")?;
        Ok(Some(Self { db }).filter(|_| has))
    }

    pub fn directory(&self) -> Directory<'_> {
        Directory { db: &self.db }
    }
}

impl Directory<'_> {
    fn one<T>(
        self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.db.prepare_cached(sql)?.query_row(params, read).optional()?)
    }

    fn all<T>(
        self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        Ok(self.db.prepare_cached(sql)?.query_map(params, read)?.collect::<Result<_, _>>()?)
    }

    /// How far an environment's directory is; `None`: nothing was ever tried.
    pub fn state(self, environment: Environment) -> Result<Option<DirectoryState>, StoreError> {
        self.one("SELECT * FROM directory WHERE environment = ?1", [environment.as_str()], state_row)
    }

    pub fn structure(self, environment: Environment, siret: &str) -> Result<Option<StructureRecord>, StoreError> {
        let sql = "SELECT * FROM structure WHERE environment = ?1 AND siret = ?2";
        self.one(sql, (environment.as_str(), siret), structure_row)
    }

    /// A service by its code.
    pub fn service(
        self,
        environment: Environment,
        siret: &str,
        code: &str,
    ) -> Result<Option<StructureService>, StoreError> {
        let sql = "SELECT * FROM structure_service WHERE environment = ?1 AND siret = ?2 AND code = ?3";
        self.one(sql, (environment.as_str(), siret, code), service_row)
    }

    /// The services of a structure by their codes, `most` of them.
    pub fn services(
        self,
        environment: Environment,
        siret: &str,
        most: u32,
    ) -> Result<Vec<StructureService>, StoreError> {
        self.all(
            "SELECT * FROM structure_service WHERE environment = ?1 AND siret = ?2 ORDER BY code LIMIT ?3",
            (environment.as_str(), siret, most),
            service_row,
        )
    }

    /// Structures whose SIRET begins with `text`, or whose name holds it, in the order of their SIRETs.
    pub fn search(self, environment: Environment, text: &str, most: u32) -> Result<Vec<StructureRecord>, StoreError> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
            return self.all(
                "SELECT * FROM structure WHERE environment = ?1 AND siret >= ?2 AND siret < ?2 || 'A'
                 ORDER BY siret LIMIT ?3",
                (environment.as_str(), &digits, most),
                structure_row,
            );
        }
        // SQLite folds ASCII alone; the directory writes its names in capitals, accents rarely.
        self.all(
            "SELECT * FROM structure WHERE environment = ?1 AND (instr(upper(name), ?2) > 0 OR instr(lower(name), ?3) > 0)
             ORDER BY siret LIMIT ?4",
            (environment.as_str(), text.to_uppercase(), text.to_lowercase(), most),
            structure_row,
        )
    }

    /// Structures that an edition has named.
    pub fn count(self, environment: Environment, edition: u64) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM structure WHERE environment = ?1 AND edition = ?2";
        Ok(self.one(sql, (environment.as_str(), integer(edition)), |r| r.get(0))?.map_or(0, count))
    }

    /// What is known of an enquiry about a structure, or about a commitment number there.
    pub fn enquiry(
        self,
        environment: Environment,
        siret: &str,
        number: Option<&str>,
    ) -> Result<Option<EnquiryRecord>, StoreError> {
        self.one(
            "SELECT * FROM enquiry WHERE environment = ?1 AND siret = ?2 AND number = ?3",
            (environment.as_str(), siret, number.unwrap_or_default()),
            |r| {
                Ok(EnquiryRecord {
                    answered_at: maybe_instant(r, "answered_at")?,
                    found: r.get("found")?,
                    waits: r.get::<_, Option<i64>>("due")?.is_some(),
                })
            },
        )
    }

    /// Whether any commitment number of the structure is known: then it keeps its commitments at Chorus Pro.
    pub fn registers_commitments(self, environment: Environment, siret: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM enquiry WHERE environment = ?1 AND siret = ?2 AND number <> '' AND found = 1 LIMIT 1";
        Ok(self.one(sql, (environment.as_str(), siret), |_| Ok(()))?.is_some())
    }

    /// What is to be asked now, the longest due first.
    pub fn enquiries_due(self, now: Timestamp, most: u32) -> Result<Vec<Enquiry>, StoreError> {
        self.all(
            // Structures before their commitments: what they demand counts more.
            "SELECT * FROM enquiry WHERE due <= ?1 ORDER BY number <> '', due LIMIT ?2",
            (now.millis(), most),
            |r| {
                let number: String = r.get("number")?;
                let establishment: EstablishmentId = word(r, "establishment")?;
                Ok(Enquiry {
                    realm: Realm { establishment, environment: environment(r)? },
                    siret: r.get("siret")?,
                    number: Some(number).filter(|number| !number.is_empty()),
                    tries: r.get("tries")?,
                })
            },
        )
    }
}
