//! Is the journal whole, and does the database say what the journal says? Reads only, on one snapshot, while the
//! process that owns the store goes on writing.
//!
//! Everything is recomputed from the leaves' bytes; what the database stores beside them (hashes, subtrees, columns,
//! checkpoints, states of flows) is compared. The first record that is wrong is named.

mod rows;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, Rows, Statement};

use super::columns::{count, integer};
use super::{DATABASE_FILE, StoreError, schema};
use crate::audit::{Checkpoint, Frontier, Hash, InvalidCheckpoint, Leaf, LeafRead, Verifier, commitment, leaf_hash};
use crate::domain::DocumentHash;

/// Leaves between two calls of a progress function.
const PROGRESS_LEAVES: u64 = 4096;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The public keys that may have signed checkpoints, as the auditor got them. Empty: the keys that the database
    /// itself names are believed, which proves less.
    pub keys: Vec<Verifier>,
    /// Whether every document that a leaf names is read and hashed.
    pub documents: bool,
    /// Signed checkpoints kept elsewhere (in receipts, by an auditor): the journal must contain what they cover.
    pub seen: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Leaves that are whole.
    pub leaves: u64,
    /// Leaves of a version this program does not know.
    pub opaque: u64,
    /// Checkpoints that are whole, those of [`Options::seen`] not counted.
    pub checkpoints: u64,
    /// Leaves behind the last checkpoint: nobody has signed for them yet.
    pub unsigned: u64,
    /// Flows whose row agrees with the journal.
    pub flows: u64,
    /// Documents read and found right.
    pub documents: u64,
    /// The keys that checkpoints were checked with, in their text form.
    pub keys: Vec<String>,
    /// The root over all leaves, when they are whole.
    pub root: Option<Hash>,
    /// The first thing that is wrong. What comes behind it was not looked at.
    pub bad: Option<Bad>,
}

/// A record that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// The leaf; `None` when no single one is meant.
    pub seq: Option<u64>,
    pub wrong: Wrong,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "record {seq}: {}", self.wrong),
            None => self.wrong.fmt(f),
        }
    }
}

/// In what way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("is missing")]
    LeafMissing,
    #[error("its bytes are not those that were hashed when it was written")]
    LeafChanged,
    #[error("its bytes are no leaf")]
    LeafMalformed,
    #[error("its bytes say that it is record {says}: records were inserted, removed or reordered")]
    LeafElsewhere { says: u64 },
    #[error("establishment {establishment:?} counts it as {says} where {expected} comes next")]
    EstablishmentCount { establishment: String, says: u64, expected: u64 },
    #[error("the column {0} does not say what its bytes say")]
    Column(&'static str),
    #[error("one of the records {first} to {last} was replaced, with its hash: the stored subtree over them differs")]
    Subtree { first: u64, last: u64 },
    #[error("the stored subtree over the records {first} to {last} is missing")]
    SubtreeMissing { first: u64, last: u64 },
    #[error("there is a stored subtree beyond the last record")]
    SubtreeBeyond,
    #[error("the value kept for its commitment {0:?} is not the one committed to")]
    Commitment(String),
    #[error("a value is kept for a record that is not there")]
    CommitmentBeyond,
    #[error("{present} records are there and {written} were written: the end was cut off")]
    EndMissing { present: u64, written: u64 },
    #[error("checkpoint {0} is missing")]
    CheckpointMissing(u64),
    #[error("{present} checkpoints are there and {written} were written: the end was cut off")]
    CheckpointsMissing { present: u64, written: u64 },
    #[error("{which} proves nothing: {why}")]
    CheckpointInvalid { which: Which, why: InvalidCheckpoint },
    #[error("{0} is not what its columns say")]
    CheckpointColumns(Which),
    #[error("{which} covers {size} records and there are {present}: the end was cut off")]
    CheckpointBeyond { which: Which, size: u64, present: u64 },
    #[error("{which} does not sign for these records: one of {first} to {last} was changed after it was signed")]
    CheckpointRoot { which: Which, first: u64, last: u64 },
    #[error("the database names a signing key that the journal does not: {0}")]
    Key(String),
    #[error("its flow {0} is not in the database")]
    FlowMissing(String),
    #[error("flow {0} is in the database and not in the journal")]
    FlowUnknown(String),
    #[error("the database says {shown:?} is the {what} of flow {flow}, the journal says {journalled:?}")]
    Flow { flow: String, what: &'static str, shown: String, journalled: String },
    #[error("document {0} is missing")]
    DocumentMissing(DocumentHash),
    #[error("document {0} was changed")]
    DocumentChanged(DocumentHash),
}

/// Which checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// By its number in the database.
    Stored(u64),
    /// By its place in [`Options::seen`], from 0.
    Seen(usize),
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Which::Stored(n) => write!(f, "checkpoint {n}"),
            Which::Seen(n) => write!(f, "the checkpoint shown as number {}", n + 1),
        }
    }
}

/// Either something is wrong with the journal, or it could not be read.
enum Stop {
    Bad(Bad),
    Error(StoreError),
}

impl<E: Into<StoreError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Error(error.into())
    }
}

fn bad<T>(seq: impl Into<Option<u64>>, wrong: Wrong) -> Result<T, Stop> {
    Err(Stop::Bad(Bad { seq: seq.into(), wrong }))
}

/// Checks the store in `dir`.
pub fn verify(dir: &Path, options: &Options) -> Result<Report, StoreError> {
    verify_showing(dir, options, &mut |_, _| {})
}

/// [`verify`], telling `progress` now and then how many leaves of how many were read.
pub fn verify_showing(dir: &Path, options: &Options, progress: &mut dyn FnMut(u64, u64)) -> Result<Report, StoreError> {
    let db = schema::open_reader(&dir.join(DATABASE_FILE))?;
    schema::check_readable(&db)?;
    let snapshot = db.unchecked_transaction()?;
    let mut report = Report::default();
    let mut run = || -> Result<(), Stop> {
        let written = written(&db)?;
        let keys = keys(&db, options, &mut report)?;
        journal(&db, options, &keys, written, &mut report, progress)?;
        rows::flows(&db, &mut report)?;
        if options.documents {
            rows::documents(dir, &db, &mut report)?;
        }
        Ok(())
    };
    let outcome = run();
    drop(snapshot);
    match outcome {
        Ok(()) => {}
        Err(Stop::Bad(bad)) => report.bad = Some(bad),
        Err(Stop::Error(error)) => return Err(error),
    }
    Ok(report)
}

/// How many leaves and checkpoints there must be.
#[derive(Clone, Copy)]
struct Written {
    leaves: u64,
    checkpoints: u64,
}

fn written(db: &Connection) -> Result<Written, StoreError> {
    Ok(db.query_row("SELECT leaves, checkpoints FROM journal", [], |r| {
        Ok(Written { leaves: count(r.get(0)?), checkpoints: count(r.get(1)?) })
    })?)
}

fn keys(db: &Connection, options: &Options, report: &mut Report) -> Result<Vec<Verifier>, Stop> {
    let keys = if options.keys.is_empty() {
        let mut statement = db.prepare("SELECT vkey FROM journal_key ORDER BY n")?;
        let texts: Vec<String> = statement.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
        let mut keys = Vec::new();
        for text in texts {
            match Verifier::parse(&text) {
                Ok(key) => keys.push(key),
                Err(_) => return bad(None, Wrong::Key(text)),
            }
        }
        keys
    } else {
        options.keys.clone()
    };
    report.keys = keys.iter().map(Verifier::text).collect();
    Ok(keys)
}

/// A checkpoint whose signature holds.
struct Signed {
    which: Which,
    size: u64,
    root: Hash,
}

fn open(which: Which, note: &str, keys: &[Verifier]) -> Result<Signed, Stop> {
    let mut why = InvalidCheckpoint::Form;
    for key in keys.iter().rev() {
        match Checkpoint::open(note, key) {
            Ok(checkpoint) => return Ok(Signed { which, size: checkpoint.size, root: checkpoint.root }),
            // A wrong signature by a key we know says more than that another key did not sign.
            Err(error) if !matches!(why, InvalidCheckpoint::Note(crate::audit::InvalidNote::Signature)) => why = error,
            Err(_) => {}
        }
    }
    bad(None, Wrong::CheckpointInvalid { which, why })
}

/// The stored checkpoints, one at a time, in order.
struct Checkpoints<'a> {
    rows: Rows<'a>,
    keys: &'a [Verifier],
    next: Option<Signed>,
    /// Whole ones so far.
    n: u64,
}

impl<'a> Checkpoints<'a> {
    fn begin(statement: &'a mut Statement<'_>, keys: &'a [Verifier]) -> Result<Self, Stop> {
        let mut checkpoints = Self { rows: statement.query([])?, keys, next: None, n: 0 };
        checkpoints.advance()?;
        Ok(checkpoints)
    }

    fn advance(&mut self) -> Result<(), Stop> {
        let Some(row) = self.rows.next()? else {
            self.next = None;
            return Ok(());
        };
        let (n, size, root, note) =
            (count(row.get(0)?), count(row.get(1)?), row.get::<_, Hash>(2)?, row.get::<_, String>(3)?);
        if n != self.n + 1 {
            return bad(None, Wrong::CheckpointMissing(self.n + 1));
        }
        let signed = open(Which::Stored(n), &note, self.keys)?;
        let behind = self.next.as_ref().is_some_and(|before| before.size >= signed.size);
        if signed.size != size || signed.root != root || behind {
            return bad(None, Wrong::CheckpointColumns(signed.which));
        }
        self.n = n;
        self.next = Some(signed);
        Ok(())
    }
}

/// What the walk over the leaves carries along.
struct Walk<'a> {
    db: &'a Connection,
    tree: Frontier,
    checkpoints: Checkpoints<'a>,
    salts: Rows<'a>,
    salt: Option<(u64, String, Vec<u8>, String)>,
    seen: Vec<Signed>,
    /// Leaves that a checkpoint which holds has signed for.
    signed: u64,
    establishments: HashMap<String, u64>,
    vkeys: Vec<String>,
}

fn journal(
    db: &Connection,
    options: &Options,
    keys: &[Verifier],
    written: Written,
    report: &mut Report,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), Stop> {
    let mut seen = Vec::new();
    for (n, note) in options.seen.iter().enumerate() {
        seen.push(open(Which::Seen(n), note, keys)?);
    }
    let mut checkpoints = db.prepare("SELECT n, size, root, note FROM checkpoint ORDER BY n")?;
    let mut salts = db.prepare("SELECT seq, field, salt, value FROM salt ORDER BY seq, field")?;
    let mut leaves =
        db.prepare("SELECT seq, bytes, hash, establishment, establishment_seq, flow FROM leaf ORDER BY seq")?;
    let mut walk = Walk {
        db,
        tree: Frontier::default(),
        checkpoints: Checkpoints::begin(&mut checkpoints, keys)?,
        salts: salts.query([])?,
        salt: None,
        seen,
        signed: 0,
        establishments: HashMap::new(),
        vkeys: Vec::new(),
    };
    walk.next_salt()?;
    walk.checkpoints_here()?;
    let mut rows = leaves.query([])?;
    while let Some(row) = rows.next()? {
        let opaque = walk.leaf(row)?;
        walk.checkpoints_here()?;
        report.leaves += 1;
        report.opaque += u64::from(opaque);
        report.checkpoints = walk.checkpoints_held();
        if report.leaves.is_multiple_of(PROGRESS_LEAVES) {
            progress(report.leaves, written.leaves);
        }
    }
    progress(report.leaves, written.leaves);
    walk.end(written, options)?;
    report.checkpoints = walk.checkpoints.n;
    report.unsigned = walk.tree.size() - walk.signed;
    report.root = Some(walk.tree.root());
    Ok(())
}

impl Walk<'_> {
    /// Checks one leaf against everything that is stored about it; answers whether it is opaque.
    fn leaf(&mut self, row: &Row<'_>) -> Result<bool, Stop> {
        let seq = self.tree.size();
        if count(row.get(0)?) != seq {
            return bad(seq, Wrong::LeafMissing);
        }
        let bytes: Vec<u8> = row.get(1)?;
        let hash = leaf_hash(&bytes);
        if row.get::<_, Hash>(2)? != hash {
            return bad(seq, Wrong::LeafChanged);
        }
        let leaf = match Leaf::read(&bytes) {
            Ok(LeafRead::V1(leaf)) => Some(leaf),
            Ok(LeafRead::Unknown(_)) => None,
            Err(_) => return bad(seq, Wrong::LeafMalformed),
        };
        match &leaf {
            Some(leaf) => self.content(seq, leaf, row)?,
            // Counted as its columns say: nothing else can be known of it here.
            None => drop(self.establishments.insert(row.get(3)?, count(row.get(4)?) + 1)),
        }
        self.commitments(seq, leaf.as_ref())?;
        self.grow(seq, hash)?;
        Ok(leaf.is_none())
    }

    fn content(&mut self, seq: u64, leaf: &Leaf, row: &Row<'_>) -> Result<(), Stop> {
        if leaf.seq != seq {
            return bad(seq, Wrong::LeafElsewhere { says: leaf.seq });
        }
        let next = self.establishments.entry(leaf.establishment.clone()).or_default();
        if leaf.establishment_seq != *next {
            let (establishment, says) = (leaf.establishment.clone(), leaf.establishment_seq);
            return bad(seq, Wrong::EstablishmentCount { establishment, says, expected: *next });
        }
        *next += 1;
        if row.get::<_, String>(3)? != leaf.establishment {
            return bad(seq, Wrong::Column("establishment"));
        }
        if count(row.get(4)?) != leaf.establishment_seq {
            return bad(seq, Wrong::Column("establishment_seq"));
        }
        let flow: Option<String> = row.get(5)?;
        if flow.as_ref() != leaf.objects.get("flow") {
            return bad(seq, Wrong::Column("flow"));
        }
        if leaf.kind == "journal_key" {
            self.vkeys.extend(leaf.objects.get("vkey").cloned());
        }
        if matches!(leaf.kind.as_str(), "receive" | "find")
            && let Some(flow) = flow
        {
            let there = self.db.prepare_cached("SELECT 1 FROM flow WHERE id = ?1")?.exists([&flow])?;
            if !there {
                return bad(seq, Wrong::FlowMissing(flow));
            }
        }
        Ok(())
    }

    /// The leaf's kept values, as far as they were not erased.
    fn commitments(&mut self, seq: u64, leaf: Option<&Leaf>) -> Result<(), Stop> {
        while let Some((of, field, salt, value)) = &self.salt {
            if *of != seq {
                break;
            }
            if let Some(leaf) = leaf {
                let salt: Option<&[u8; crate::audit::SALT_BYTES]> = salt.as_slice().try_into().ok();
                let committed = salt.map(|salt| commitment(salt, value));
                if committed.is_none() || leaf.commitments.get(field) != committed.as_ref() {
                    return bad(seq, Wrong::Commitment(field.clone()));
                }
            }
            self.next_salt()?;
        }
        Ok(())
    }

    fn next_salt(&mut self) -> Result<(), Stop> {
        self.salt = match self.salts.next()? {
            None => None,
            Some(row) => Some((count(row.get(0)?), row.get(1)?, row.get(2)?, row.get(3)?)),
        };
        Ok(())
    }

    /// Adds the leaf to the tree and compares the subtrees it completes.
    fn grow(&mut self, seq: u64, hash: Hash) -> Result<(), Stop> {
        let mut made = Vec::new();
        self.tree.append(hash, |node| made.push(node));
        for node in made {
            let first = node.index << node.level;
            let stored: Option<Hash> = self
                .db
                .prepare_cached("SELECT hash FROM node WHERE level = ?1 AND place = ?2")?
                .query_row((node.level, integer(node.index)), |r| r.get(0))
                .optional()?;
            match stored {
                Some(stored) if stored == node.hash => {}
                Some(_) => return bad(first, Wrong::Subtree { first, last: seq }),
                None => return bad(first, Wrong::SubtreeMissing { first, last: seq }),
            }
        }
        Ok(())
    }

    /// Stored checkpoints that stand for the next leaf and later.
    fn checkpoints_held(&self) -> u64 {
        self.checkpoints.n - u64::from(self.checkpoints.next.is_some())
    }

    /// Compares every checkpoint that covers exactly the leaves so far.
    fn checkpoints_here(&mut self) -> Result<(), Stop> {
        let (size, root) = (self.tree.size(), self.tree.root());
        let signed = self.signed;
        let differs = |checkpoint: &Signed| {
            let (which, last) = (checkpoint.which, size.saturating_sub(1));
            let first = if checkpoint.root == root { None } else { Some(signed.min(last)) };
            first.map(|first| Bad { seq: Some(first), wrong: Wrong::CheckpointRoot { which, first, last } })
        };
        for seen in self.seen.iter().filter(|s| s.size == size) {
            if let Some(bad) = differs(seen) {
                return Err(Stop::Bad(bad));
            }
        }
        while let Some(checkpoint) = self.checkpoints.next.as_ref().filter(|c| c.size == size) {
            if let Some(bad) = differs(checkpoint) {
                return Err(Stop::Bad(bad));
            }
            self.signed = size;
            self.checkpoints.advance()?;
        }
        Ok(())
    }

    /// Nothing may stand behind the last leaf, and nothing be missing there.
    fn end(&mut self, written: Written, options: &Options) -> Result<(), Stop> {
        let present = self.tree.size();
        let beyond = self.checkpoints.next.iter().chain(&self.seen).find(|c| c.size > present);
        if let Some(&Signed { which, size, .. }) = beyond {
            return bad(present, Wrong::CheckpointBeyond { which, size, present });
        }
        if present != written.leaves {
            return bad(present.min(written.leaves), Wrong::EndMissing { present, written: written.leaves });
        }
        if self.checkpoints.n != written.checkpoints {
            let (present, written) = (self.checkpoints.n, written.checkpoints);
            return bad(None, Wrong::CheckpointsMissing { present, written });
        }
        if self.salt.is_some() {
            return bad(None, Wrong::CommitmentBeyond);
        }
        let nodes: i64 = self.db.query_row("SELECT count(*) FROM node", [], |r| r.get(0))?;
        if count(nodes) != present - u64::from(present.count_ones()) {
            return bad(None, Wrong::SubtreeBeyond);
        }
        if options.keys.is_empty() {
            let mut statement = self.db.prepare("SELECT vkey FROM journal_key ORDER BY n")?;
            let named: Vec<String> = statement.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
            if let Some(stranger) = named.iter().find(|key| !self.vkeys.contains(key)) {
                return bad(None, Wrong::Key(stranger.clone()));
            }
        }
        Ok(())
    }
}
