//! The rows that people see, against the leaves: states, numbers and documents of flows.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use super::{Report, Stop, Wrong, bad};
use crate::audit::{Hash, Leaf, LeafRead};
use crate::domain::DocumentHash;
use crate::store::StoreError;
use crate::store::columns::count;
use crate::store::documents::path;

/// Bytes of a document hashed at a time.
const CHUNK_BYTES: usize = 128 * 1024;

/// Every flow's row against what its leaves say.
pub fn flows(db: &Connection, report: &mut Report) -> Result<(), Stop> {
    let mut statement = db.prepare(
        "SELECT flow.id, state, establishment, environment, sha256, deposit_number FROM flow JOIN realm ON realm.id = flow.realm
         ORDER BY flow.id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        flow(db, row)?;
        report.flows += 1;
    }
    Ok(())
}

/// What the leaves of a flow say last.
#[derive(Default)]
struct Told {
    seq: Option<u64>,
    state: Option<String>,
    place: Option<(String, String)>,
    document: Option<DocumentHash>,
    deposit_number: Option<String>,
    opaque: bool,
}

fn flow(db: &Connection, row: &Row<'_>) -> Result<(), Stop> {
    let id: String = row.get("id")?;
    let told = told(db, &id)?;
    if told.opaque {
        // A newer program has written of it; what it wrote cannot be read here.
        return Ok(());
    }
    let Some(state) = told.state else { return bad(None, Wrong::FlowUnknown(id)) };
    let differs = |what, shown: Option<String>, journalled: Option<String>| {
        if shown == journalled {
            return Ok(());
        }
        let said = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
        bad(told.seq, Wrong::Flow { flow: id.clone(), what, shown: said(shown), journalled: said(journalled) })
    };
    let (establishment, environment) = told.place.unzip();
    differs("state", row.get("state")?, Some(state))?;
    differs("establishment", row.get("establishment")?, establishment)?;
    differs("environment", row.get("environment")?, environment)?;
    differs("deposit number", row.get("deposit_number")?, told.deposit_number)?;
    let document = row.get::<_, Option<Hash>>("sha256")?.map(DocumentHash);
    differs("document", document.map(|d| d.to_string()), told.document.map(|d| d.to_string()))
}

fn told(db: &Connection, flow: &str) -> Result<Told, Stop> {
    let mut statement = db.prepare_cached("SELECT seq, bytes FROM leaf WHERE flow = ?1 ORDER BY seq")?;
    let mut rows = statement.query([flow])?;
    let mut told = Told::default();
    while let Some(row) = rows.next()? {
        let leaf = match Leaf::read(&row.get::<_, Vec<u8>>(1)?) {
            Ok(LeafRead::V1(leaf)) => leaf,
            _ => {
                told.opaque = true;
                continue;
            }
        };
        let mut objects = leaf.objects;
        if let Some(state) = objects.remove("state") {
            told.seq = Some(leaf.seq);
            told.state = Some(state);
            told.place = Some((leaf.establishment, leaf.environment));
        }
        // A new try has no number yet, whatever became of the one before.
        if leaf.kind == "deposit.sending" {
            told.deposit_number = None;
        }
        told.deposit_number = objects.remove("deposit_number").or(told.deposit_number);
        if leaf.kind != "duplicate" {
            told.document = leaf.hashes.get("document").copied().map(DocumentHash).or(told.document);
        }
    }
    Ok(told)
}

/// Every document of a flow, read and hashed: what came, what was made of it to be sent, and the files of a complement.
/// (The journal names no others but those of duplicates, which are the same.)
pub fn documents(dir: &Path, db: &Connection, report: &mut Report) -> Result<(), Stop> {
    // A database that an older program wrote has no complements of received invoices, and no copies of them.
    let mut received = String::new();
    for table in ["complement", "readable_copy"] {
        if db.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?1")?.exists([table])? {
            received.push_str(&format!("UNION SELECT sha256, flow FROM {table} WHERE sha256 IS NOT NULL "));
        }
    }
    let mut statement = db.prepare(&format!(
        "SELECT named.sha256 AS sha256, document.sha256 IS NOT NULL AS entered, content,
             (SELECT min(seq) FROM leaf WHERE leaf.flow = named.flow) AS seq
         FROM (SELECT sha256, id AS flow FROM flow WHERE sha256 IS NOT NULL
               UNION SELECT document, flow FROM conversion UNION SELECT document, flow FROM piece {received}) AS named
         LEFT JOIN document ON document.sha256 = named.sha256 ORDER BY named.flow"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let hash = DocumentHash(row.get("sha256")?);
        let seq = row.get::<_, Option<i64>>("seq")?.map(count);
        let found = match (row.get("entered")?, row.get::<_, Option<Vec<u8>>>("content")?) {
            (false, _) => None,
            (true, Some(content)) => Some(Sha256::digest(&content).into()),
            (true, None) => hash_of_file(&path(dir, &hash))?,
        };
        match found {
            None => return bad(seq, Wrong::DocumentMissing(hash)),
            Some(found) if found != hash.0 => return bad(seq, Wrong::DocumentChanged(hash)),
            Some(_) => report.documents += 1,
        }
    }
    Ok(())
}

fn hash_of_file(path: &Path) -> Result<Option<Hash>, StoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io(path)(error)),
    };
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk).map_err(StoreError::io(path))? {
            0 => return Ok(Some(hasher.finalize().into())),
            n => hasher.update(&chunk[..n]),
        }
    }
}
