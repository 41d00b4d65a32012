//! Steps that are no flow's: people of the page, halted realms, notes, remembered values.

use super::columns::fault_text;
use super::journal::{Entry, is_machine};
use super::writer::Writing;
use super::{AcceptedTables, Note, StoreError, queue};
use crate::domain::{Realm, Timestamp};
use crate::fault::Fault;

/// Bytes of a remembered value.
const MEMORY_LIMIT_BYTES: usize = 64 * 1024;

/// *halt*: see [`super::Store::halt`].
pub fn halt(w: &mut Writing<'_>, place: &Realm, fault: &Fault, at: Timestamp) -> Result<bool, StoreError> {
    let realm = queue::numbered(w, place)?;
    let before = w.one("SELECT code FROM halt WHERE realm = ?1", [realm], |r| r.get::<_, String>(0))?;
    if before.as_deref() == Some(fault.code.as_str()) {
        return Ok(false);
    }
    w.run(
        "INSERT INTO halt (realm, code, fault, at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (realm) DO UPDATE SET code = excluded.code, fault = excluded.fault, at = excluded.at",
        (realm, fault.code.as_str(), fault_text(fault), at.millis()),
    )?;
    Entry::new("halt", at, Some(place)).fault(Some(fault)).append(w)?;
    queue::add_receipts(w, realm, at)?;
    Ok(true)
}

/// *resume*: see [`super::Store::resume`].
pub fn resume(w: &mut Writing<'_>, place: &Realm, at: Timestamp) -> Result<bool, StoreError> {
    let realm = queue::numbered(w, place)?;
    if w.run("DELETE FROM halt WHERE realm = ?1", [realm])? == 0 {
        return Ok(false);
    }
    Entry::new("resume", at, Some(place)).append(w)?;
    queue::add_receipts(w, realm, at)?;
    queue::hurry(w, realm, at)?;
    w.woke = true;
    Ok(true)
}

/// *hurry*: see [`super::Store::hurry`].
pub fn hurry(w: &mut Writing<'_>, place: &Realm, at: Timestamp) -> Result<(), StoreError> {
    let realm = queue::numbered(w, place)?;
    queue::hurry(w, realm, at)
}

/// *note*: see [`super::Store::note`].
pub fn note(w: &mut Writing<'_>, note: &Note) -> Result<(), StoreError> {
    let mut entry = Entry::new(note.kind, note.at, note.realm.as_ref()).actor(&note.actor);
    for (name, value) in &note.objects {
        if name == "state" {
            return Err(StoreError::Misuse("a note that names a state"));
        }
        entry = entry.object(name, value);
    }
    for (name, hash) in &note.hashes {
        entry = entry.hash(name, *hash);
    }
    for (name, value) in &note.private {
        entry = entry.private(name, value);
    }
    entry.append(w)?;
    Ok(())
}

/// *remember*: see [`super::Store::remember`].
pub fn remember(w: &mut Writing<'_>, place: &Realm, name: &str, value: &str) -> Result<(), StoreError> {
    if value.len() > MEMORY_LIMIT_BYTES {
        return Err(StoreError::Misuse("a remembered value of more than 64 KiB"));
    }
    let realm = queue::numbered(w, place)?;
    w.run(
        "INSERT INTO memory (realm, name, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (realm, name) DO UPDATE SET value = excluded.value",
        (realm, name, value),
    )?;
    Ok(())
}

/// *tables*: see [`super::Store::tables_in_force`].
pub fn tables_in_force(w: &mut Writing<'_>, accepted: Option<&AcceptedTables>, told: &Note) -> Result<(), StoreError> {
    match accepted {
        None => w.run("DELETE FROM tables_accepted", [])?,
        Some(file) => w.run(
            "INSERT INTO tables_accepted (one, version, sha256) VALUES (1, ?1, ?2)
             ON CONFLICT (one) DO UPDATE SET version = excluded.version, sha256 = excluded.sha256",
            (&file.version, file.sha256.0),
        )?,
    };
    note(w, told)
}

/// *forget*: see [`super::Store::forget`].
pub fn forget(w: &mut Writing<'_>, place: &Realm, names: &[String]) -> Result<(), StoreError> {
    let realm = queue::numbered(w, place)?;
    names.iter().try_for_each(|name| forget_of(w, realm, name))
}

/// The same of one name, in a realm whose number is known.
pub fn forget_of(w: &Writing<'_>, realm: i64, name: &str) -> Result<(), StoreError> {
    let past = format!("{name}{}", char::MAX);
    w.run("DELETE FROM memory WHERE realm = ?1 AND name >= ?2 AND name < ?3", (realm, name, past))?;
    Ok(())
}

/// What is remembered under names that begin so is remembered under names that begin otherwise.
pub fn rename_of(w: &Writing<'_>, realm: i64, from: &str, to: &str) -> Result<(), StoreError> {
    let past = format!("{from}{}", char::MAX);
    w.run(
        "UPDATE OR REPLACE memory SET name = ?4 || substr(name, length(?2) + 1)
         WHERE realm = ?1 AND name >= ?2 AND name < ?3",
        (realm, from, past, to),
    )?;
    Ok(())
}

/// *enrol* / *set password*: see [`super::Store::enrol`].
pub fn enrol(w: &mut Writing<'_>, name: &str, hash: &str, actor: &str, at: Timestamp) -> Result<(), StoreError> {
    if name.is_empty() || name == "person" || is_machine(name) {
        return Err(StoreError::Misuse("a name that the journal keeps for machines"));
    }
    let known = w.one("SELECT 1 FROM person WHERE name = ?1", [name], |_| Ok(()))?.is_some();
    w.run(
        "INSERT INTO person (name, password, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET password = excluded.password, at = excluded.at",
        (name, hash, at.millis()),
    )?;
    Entry::new(if known { "password" } else { "enrol" }, at, None).actor(actor).private("person", name).append(w)?;
    Ok(())
}
