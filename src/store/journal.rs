//! The journal's rows: each step's leaf with its place in the Merkle tree, private values beside it, checkpoints.

use std::collections::BTreeMap;
use std::fmt::Display;

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use super::columns::integer;
use super::writer::Writing;
use crate::audit::{Checkpoint, Frontier, Hash, Leaf, SALT_BYTES, commitment, leaf_hash};
use crate::domain::{AccountName, DocumentHash, FlowId, Realm, Timestamp};
use crate::fault::Fault;

/// Characters of an object's value or a leaf's kind; the rest is cut.
const WORD_LIMIT_CHARS: usize = 200;

/// Characters of a private value; the rest is cut before it is committed to.
const PRIVATE_LIMIT_CHARS: usize = 2000;

/// Fields of each sort in a leaf; further ones are left out.
const FIELDS_LIMIT: usize = 64;

/// Actors that are no person. An account of a business application is `account:NAME`.
const MACHINES: &[&str] = &["system", "front", "core", "keeper", "console"];

/// The actor of what this process does by itself.
pub const SYSTEM: &str = "system";

/// A leaf in the making.
pub struct Entry<'a> {
    kind: &'a str,
    at: Timestamp,
    realm: Option<&'a Realm>,
    actor: String,
    objects: BTreeMap<String, String>,
    hashes: BTreeMap<String, Hash>,
    private: BTreeMap<String, String>,
}

/// Whether a name means a machine, so that no person may have it.
pub fn is_machine(actor: &str) -> bool {
    MACHINES.contains(&actor) || actor.strip_prefix("account:").is_some_and(|name| name.parse::<AccountName>().is_ok())
}

impl<'a> Entry<'a> {
    pub fn new(kind: &'a str, at: Timestamp, realm: Option<&'a Realm>) -> Self {
        Self {
            kind,
            at,
            realm,
            actor: SYSTEM.to_owned(),
            objects: BTreeMap::new(),
            hashes: BTreeMap::new(),
            private: BTreeMap::new(),
        }
    }

    /// Who did it. A person's name enters the leaf only as a commitment.
    pub fn actor(mut self, actor: &str) -> Self {
        if is_machine(actor) {
            self.actor = actor.to_owned();
        } else {
            self.actor = "person".to_owned();
            self = self.private("actor", actor);
        }
        self
    }

    pub fn account(mut self, account: &AccountName) -> Self {
        self.actor = format!("account:{account}");
        self.object("account", account)
    }

    pub fn object(mut self, name: &str, value: impl Display) -> Self {
        if self.objects.len() < FIELDS_LIMIT {
            self.objects.insert(cut(name, WORD_LIMIT_CHARS), cut(&value.to_string(), WORD_LIMIT_CHARS));
        }
        self
    }

    pub fn maybe(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.object(name, value),
            None => self,
        }
    }

    pub fn hash(mut self, name: &str, hash: DocumentHash) -> Self {
        if self.hashes.len() < FIELDS_LIMIT {
            self.hashes.insert(cut(name, WORD_LIMIT_CHARS), hash.0);
        }
        self
    }

    pub fn private(mut self, name: &str, value: &str) -> Self {
        if self.private.len() < FIELDS_LIMIT {
            self.private.insert(cut(name, WORD_LIMIT_CHARS), cut(value, PRIVATE_LIMIT_CHARS));
        }
        self
    }

    /// A fault: its code is plain, what fills its texts is private (labels and comments of others).
    pub fn fault(self, fault: Option<&Fault>) -> Self {
        match fault {
            None => self,
            Some(fault) => self.object("fault", fault.code).private("fault", &super::columns::fault_text(fault)),
        }
    }

    /// Adds the leaf to the journal.
    pub fn append(self, w: &mut Writing<'_>) -> Result<u64, StoreError> {
        let seq = w.tree.size();
        let establishment = self.realm.map_or("", |r| r.establishment.as_str());
        let establishment_seq = w
            .one("SELECT max(establishment_seq) FROM leaf WHERE establishment = ?1", [establishment], |r| {
                r.get::<_, Option<i64>>(0)
            })?
            .flatten()
            .map_or(0, |last| super::columns::count(last) + 1);
        let mut commitments = BTreeMap::new();
        for (field, value) in &self.private {
            let mut salt = [0; SALT_BYTES];
            getrandom::fill(&mut salt).map_err(|e| StoreError::NotCommitted(format!("no randomness: {e}")))?;
            commitments.insert(field.clone(), commitment(&salt, value));
            w.run(
                "INSERT INTO salt (seq, field, salt, value) VALUES (?1, ?2, ?3, ?4)",
                (integer(seq), field, salt, value),
            )?;
        }
        let flow = self.objects.get("flow").filter(|id| id.parse::<FlowId>().is_ok()).cloned();
        let leaf = Leaf {
            seq,
            time: self.at.millis(),
            establishment: establishment.to_owned(),
            environment: self.realm.map_or(String::new(), |r| r.environment.as_str().to_owned()),
            establishment_seq,
            actor: self.actor,
            kind: cut(self.kind, WORD_LIMIT_CHARS),
            objects: self.objects,
            hashes: self.hashes,
            commitments,
        };
        let bytes = leaf.encode();
        let hash = leaf_hash(&bytes);
        w.run(
            "INSERT INTO leaf (seq, bytes, hash, establishment, establishment_seq, flow) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (integer(seq), bytes, hash, establishment, integer(establishment_seq), flow),
        )?;
        grow(w, hash)?;
        Ok(seq)
    }
}

fn cut(value: &str, chars: usize) -> String {
    value.chars().take(chars).collect()
}

fn grow(w: &mut Writing<'_>, leaf: Hash) -> Result<(), StoreError> {
    let mut made = Vec::new();
    w.tree.append(leaf, |node| made.push(node));
    for node in made {
        w.run(
            "INSERT INTO node (level, place, hash) VALUES (?1, ?2, ?3)",
            (node.level, integer(node.index), node.hash),
        )?;
    }
    Ok(())
}

/// The tree's right edge from its stored nodes.
pub fn load(db: &Connection) -> Result<Frontier, StoreError> {
    let damaged = |what: &str| StoreError::JournalDamaged(what.to_owned());
    let leaves: i64 = db.query_row("SELECT leaves FROM journal", [], |r| r.get(0))?;
    let last: Option<i64> = db.query_row("SELECT max(seq) FROM leaf", [], |r| r.get(0))?;
    if last.map_or(0, |last| last + 1) != leaves {
        return Err(damaged("the last leaf is not the one that was written last"));
    }
    let size = super::columns::count(leaves);
    let mut peaks = Vec::new();
    for (level, place) in Frontier::places(size) {
        let (sql, level) = if level == 0 {
            ("SELECT hash FROM leaf WHERE seq = ?2 AND ?1 = 0", 0)
        } else {
            ("SELECT hash FROM node WHERE level = ?1 AND place = ?2", level)
        };
        let hash = db.query_row(sql, (level, integer(place)), |r| r.get(0)).optional()?;
        peaks.push(hash.ok_or_else(|| damaged("a node of the tree is missing"))?);
    }
    Frontier::resume(size, peaks).ok_or_else(|| damaged("the tree's nodes do not fit its size"))
}

/// Enters the key that signs from now on, when it is not the one that signed before.
pub fn enter_key(w: &mut Writing<'_>, at: Timestamp) -> Result<(), StoreError> {
    let vkey = w.signer.verifier().text();
    let known = w.one("SELECT vkey FROM journal_key ORDER BY n DESC LIMIT 1", [], |r| r.get::<_, String>(0))?;
    if known.as_deref() == Some(vkey.as_str()) {
        return Ok(());
    }
    w.run("INSERT INTO journal_key (vkey, at) VALUES (?1, ?2)", (&vkey, at.millis()))?;
    Entry::new("journal_key", at, None).object("vkey", &vkey).append(w)?;
    Ok(())
}

/// Writes down how many leaves there must be, once per transaction.
pub fn close_group(w: &Writing<'_>, leaves_before: u64) -> Result<(), StoreError> {
    if w.tree.size() != leaves_before {
        w.run("UPDATE journal SET leaves = ?1", [integer(w.tree.size())])?;
    }
    Ok(())
}

/// Whether a leaf stands behind the last checkpoint.
pub fn unsigned(db: &Connection, leaves: u64) -> Result<bool, StoreError> {
    let signed: Option<i64> = db.prepare_cached("SELECT max(size) FROM checkpoint")?.query_row([], |r| r.get(0))?;
    Ok(integer(leaves) > signed.unwrap_or(0))
}

/// Signs a checkpoint over the tree, or answers the one that covers it.
pub fn checkpoint(w: &mut Writing<'_>, at: Timestamp) -> Result<String, StoreError> {
    let size = integer(w.tree.size());
    if let Some(note) = w.one("SELECT note FROM checkpoint WHERE size = ?1", [size], |r| r.get(0))? {
        return Ok(note);
    }
    let note = Checkpoint::sign(w.tree, w.signer);
    w.run(
        "INSERT INTO checkpoint (n, size, root, note, at) VALUES ((SELECT checkpoints + 1 FROM journal), ?1, ?2, ?3, ?4)",
        (size, w.tree.root(), &note, at.millis()),
    )?;
    w.run("UPDATE journal SET checkpoints = checkpoints + 1", [])?;
    Ok(note)
}
