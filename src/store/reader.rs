//! Reads of one thing: a flow with all it has, an arrival, a document, a piece of the journal.

use std::fs::File;
use std::io::{Cursor, Read};
use std::ops::Range;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::columns::{count, integer, maybe_fault, maybe_hash, maybe_instant, maybe_read, maybe_word, realm, word};
use super::writer::Writer;
use super::{
    AcceptedTables, ArrivalRecord, AskedChange, AttemptRecord, ChangeRecord, CheckpointRecord, ComplementRecord,
    FindingRecord, InvoiceFacts, InvoiceRecord, LeafRecord, PdfDataRecord, Received, StagedDrop, StatusRecord,
    StepRecord, StoreError, arrivals, documents, parts,
};
use crate::audit::{Leaf, LeafRead};
use crate::domain::{
    AccountName, ChorusInvoiceId, DepositNumber, DocumentHash, FlowId, InvoiceNumber, InvoiceStatus, Realm, Timestamp,
};
use crate::fault::Fault;
use crate::invoice::tables::Versions;

/// Bytes of a document that [`Reader::document`] holds in memory at most.
pub const IN_MEMORY_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

/// Leaves that one call of [`Reader::journal`] answers at most.
const LEAVES_AT_ONCE: u64 = 10_000;

/// Steps in one timeline; the newest ones are shown.
const TIMELINE_LIMIT: i64 = 5000;

pub(super) const PEOPLE: &str = "SELECT name FROM person ORDER BY name";
pub(super) const ACCEPTED_TABLES: &str = "SELECT version, sha256 FROM tables_accepted";

/// Reads, each call on a snapshot of its own. Not shared between threads; its connection goes back to the pool when it
/// is dropped. It keeps the store open like a [`super::Store`] handle does.
pub struct Reader {
    connection: Option<Connection>,
    writer: Arc<Writer>,
}

pub(super) fn accepted_tables(row: &Row<'_>) -> rusqlite::Result<AcceptedTables> {
    Ok(AcceptedTables { version: row.get("version")?, sha256: DocumentHash(row.get("sha256")?) })
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.writer.put_back(connection);
        }
    }
}

impl Reader {
    pub(super) fn take(writer: &Arc<Writer>) -> Result<Self, StoreError> {
        Ok(Self { connection: Some(writer.connection()?), writer: Arc::clone(writer) })
    }

    pub(super) fn db(&self) -> &Connection {
        self.connection.as_ref().expect("taken only when dropped")
    }

    /// How long a deposit may be without a verdict.
    pub(super) fn deadline(&self) -> std::time::Duration {
        self.writer.settings().policy.integration_deadline
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        Ok(self.db().prepare_cached(sql)?.query_map(params, read)?.collect::<Result<_, _>>()?)
    }

    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.db().prepare_cached(sql)?.query_row(params, read).optional()?)
    }

    /// Reads every page of the database; what is wrong with the first that is damaged. Takes as long as the disk needs for it.
    pub fn damage(&self) -> Result<Option<String>, StoreError> {
        let found = self.one("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))?;
        Ok(found.filter(|found| found != "ok"))
    }

    pub fn invoices(&self, flow: &FlowId) -> Result<Vec<InvoiceRecord>, StoreError> {
        self.all(
            "SELECT invoice.* FROM flow JOIN invoice ON invoice.realm = flow.realm AND invoice.flow = flow.id
             WHERE flow.id = ?1 ORDER BY ordinal",
            [flow.as_str()],
            |r| {
                Ok(InvoiceRecord {
                    ordinal: r.get("ordinal")?,
                    facts: facts(r)?,
                    chorus_id: r.get::<_, Option<i64>>("chorus_id")?.map(ChorusInvoiceId),
                    status: maybe_word(r, "status")?,
                    status_at: r.get("status_at")?,
                    refused: r.get("refused")?,
                    repeatable: r.get("repeatable")?,
                    seen: r.get::<_, Option<String>>("seen")?.as_deref().and_then(seen),
                    replaces: maybe_word(r, "replaces")?,
                    told_out: r.get("told_out")?,
                })
            },
        )
    }

    /// What completed a received invoice, in order.
    pub fn complements(&self, flow: &FlowId) -> Result<Vec<ComplementRecord>, StoreError> {
        self.all(
            "SELECT complement.* FROM flow JOIN complement ON complement.realm = flow.realm AND complement.flow = flow.id
             WHERE flow.id = ?1 ORDER BY n",
            [flow.as_str()],
            |r| {
                Ok(ComplementRecord {
                    n: r.get("n")?,
                    completed_at: r.get("completed_at")?,
                    document: maybe_hash(r, "sha256")?,
                    placed: r.get("placed")?,
                    delivered_as: r.get("delivered_as")?,
                })
            },
        )
    }

    /// The flows that correct an invoice of this one.
    pub fn replaced_by(&self, flow: &FlowId) -> Result<Vec<FlowId>, StoreError> {
        self.all(
            "SELECT DISTINCT flow FROM invoice WHERE replaces = ?1 AND realm = (SELECT realm FROM flow WHERE id = ?1) ORDER BY flow",
            [flow.as_str()],
            |r| word(r, "flow"),
        )
    }

    /// The status changes asked for a received invoice, oldest first.
    pub fn changes_of(&self, place: &Realm, invoice: ChorusInvoiceId) -> Result<Vec<FlowId>, StoreError> {
        let Some(realm) = self.realm(place)? else { return Ok(Vec::new()) };
        self.all(
            "SELECT flow FROM change WHERE realm = ?1 AND chorus_id = ?2 ORDER BY flow LIMIT 500",
            (realm, invoice.0),
            |r| word(r, "flow"),
        )
    }

    /// What a plain PDF is submitted with, or what data that wait for their PDF say.
    pub fn pdf_data(&self, flow: &FlowId) -> Result<Option<PdfDataRecord>, StoreError> {
        let Some(mut record) = self.one(
            "SELECT pdf_data.* FROM flow JOIN pdf_data ON pdf_data.realm = flow.realm AND pdf_data.flow = flow.id
             WHERE flow.id = ?1",
            [flow.as_str()],
            |r| {
                Ok(PdfDataRecord {
                    pdf: r.get("pdf")?,
                    data: r.get("data")?,
                    proposal: r.get("proposal")?,
                    joined: maybe_word(r, "joined")?,
                    enclosures: Vec::new(),
                })
            },
        )?
        else {
            return Ok(None);
        };
        record.enclosures = self.all(
            "SELECT name, enclosure.sha256 AS sha256 FROM flow
             JOIN enclosure ON enclosure.realm = flow.realm AND enclosure.flow = flow.id WHERE flow.id = ?1 ORDER BY ordinal",
            [flow.as_str()],
            |r| Ok((r.get("name")?, crate::domain::DocumentHash(r.get("sha256")?))),
        )?;
        Ok(Some(record))
    }

    /// What a status change is about.
    pub fn change(&self, flow: &FlowId) -> Result<Option<ChangeRecord>, StoreError> {
        self.one(
            "SELECT change.*, EXISTS (
                 SELECT 1 FROM change AS earlier JOIN flow ON flow.realm = earlier.realm AND flow.id = earlier.flow
                 WHERE earlier.realm = change.realm AND earlier.chorus_id = change.chorus_id
                 AND earlier.flow < change.flow AND flow.is_final = 0) AS waits
             FROM change WHERE change.flow = ?1 AND change.realm = (SELECT realm FROM flow WHERE id = ?1)",
            [flow.as_str()],
            |r| {
                Ok(ChangeRecord {
                    asked: AskedChange {
                        chorus_id: ChorusInvoiceId(r.get("chorus_id")?),
                        number: word(r, "number")?,
                        supplier: r.get("supplier")?,
                        target: word(r, "target")?,
                        motif: r.get("motif")?,
                        mandate: r.get("mandate")?,
                    },
                    waits_for_earlier: r.get("waits")?,
                    had: r.get("had")?,
                })
            },
        )
    }

    /// The other flow, on its way or done, that holds the invoice (for Chorus Pro one of its kind is taken once).
    pub fn flow_with(&self, place: &Realm, own: &FlowId, invoice: &InvoiceFacts) -> Result<Option<FlowId>, StoreError> {
        let Some(realm) = self.realm(place)? else { return Ok(None) };
        let rows =
            self.all(parts::HOLDERS, (realm, invoice.number.as_str(), own.as_str()), |r| parts::holder(r, invoice))?;
        Ok(rows.into_iter().flatten().next())
    }

    /// Whether another flow's deposit has this number at Chorus Pro, or had it in one of its tries.
    pub fn is_deposit_of_another(
        &self,
        place: &Realm,
        own: &FlowId,
        number: &DepositNumber,
    ) -> Result<bool, StoreError> {
        let Some(realm) = self.realm(place)? else { return Ok(false) };
        let found = self.one(
            "SELECT 1 FROM attempt WHERE deposit_number = ?2 AND realm = ?1 AND flow <> ?3
             UNION ALL SELECT 1 FROM flow WHERE deposit_number = ?2 AND realm = ?1 AND id <> ?3 AND kind = 'deposit' LIMIT 1",
            (realm, number.as_str(), own.as_str()),
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Whether another flow that holds an invoice of this number, supplier and year may have sent it, whatever became of
    /// it: then a row at Chorus Pro that does not say how it came may be that one's. Of the very same bytes that a person gave
    /// up, it is ours all the same: nobody else claims it, and it says what ours says. Not where both may be there (direct payment).
    pub fn was_sent_by_another(&self, place: &Realm, own: &FlowId, invoice: &InvoiceFacts) -> Result<bool, StoreError> {
        let Some(realm) = self.realm(place)? else { return Ok(false) };
        let rows = self.all(
            "SELECT invoice.flow AS flow, supplier, issued_on FROM invoice WHERE realm = ?1 AND number = ?2 AND flow <> ?3
             AND EXISTS (SELECT 1 FROM attempt WHERE attempt.realm = invoice.realm AND attempt.flow = invoice.flow
                 AND coalesce(outcome, '') NOT IN ('not_sent', 'deposit_refused'))
             AND NOT EXISTS (SELECT 1 FROM flow AS theirs JOIN flow AS ours ON ours.id = ?3 AND ours.sha256 = theirs.sha256
                 WHERE theirs.id = invoice.flow AND theirs.state = 'abandoned' AND ours.syntax <> 'pdf'
                     AND invoice.repeatable = 0)",
            (realm, invoice.number.as_str(), own.as_str()),
            |r| parts::holder(r, invoice),
        )?;
        Ok(rows.into_iter().flatten().next().is_some())
    }

    /// The other deposit, on its way or done, that is these bytes. The file `own` does not count.
    pub fn flow_of_content(
        &self,
        place: &Realm,
        own: &FlowId,
        hash: DocumentHash,
    ) -> Result<Option<FlowId>, StoreError> {
        let Some(realm) = self.realm(place)? else { return Ok(None) };
        parts::twin_of(self, realm, hash, own)
    }

    /// When the first invoice that a realm has received was found.
    pub fn first_received(&self, place: &Realm) -> Result<Option<Timestamp>, StoreError> {
        let Some(realm) = self.realm(place)? else { return Ok(None) };
        self.one(
            "SELECT received_at FROM flow WHERE kind = 'reception' AND realm = ?1 ORDER BY received_at LIMIT 1",
            [realm],
            |r| Ok(Timestamp::from_millis(r.get(0)?)),
        )
    }

    /// The received invoices that are meant by Chorus Pro's number, or by the supplier's.
    pub fn received(
        &self,
        place: &Realm,
        id: Option<ChorusInvoiceId>,
        number: Option<&InvoiceNumber>,
    ) -> Result<Vec<(ChorusInvoiceId, InvoiceFacts)>, StoreError> {
        let Some(realm) = self.realm(place)? else { return Ok(Vec::new()) };
        self.all(
            "SELECT invoice.*, flow.chorus_id AS id FROM flow
             JOIN invoice ON invoice.realm = flow.realm AND invoice.flow = flow.id AND ordinal = 0
             WHERE flow.realm = ?1 AND kind = 'reception' AND role = 'recipient' AND (?2 IS NULL OR flow.chorus_id = ?2)
             AND (?3 IS NULL OR ?2 IS NOT NULL OR invoice.number = ?3) AND (?2 IS NOT NULL OR ?3 IS NOT NULL)
             ORDER BY flow.id LIMIT 100",
            (realm, id.map(|id| id.0), number.map(InvoiceNumber::as_str)),
            |r| Ok((ChorusInvoiceId(r.get("id")?), facts(r)?)),
        )
    }

    /// The sent invoices that are meant by Chorus Pro's number, or by their own; those whose number at Chorus Pro is known.
    pub fn sent(
        &self,
        place: &Realm,
        id: Option<ChorusInvoiceId>,
        number: Option<&InvoiceNumber>,
    ) -> Result<Vec<(ChorusInvoiceId, InvoiceFacts)>, StoreError> {
        let Some(realm) = self.realm(place)? else { return Ok(Vec::new()) };
        self.all(
            "SELECT invoice.* FROM invoice JOIN flow ON flow.realm = invoice.realm AND flow.id = invoice.flow
             WHERE invoice.realm = ?1 AND flow.kind = 'deposit' AND invoice.chorus_id IS NOT NULL
             AND (?2 IS NULL OR invoice.chorus_id = ?2) AND (?3 IS NULL OR invoice.number = ?3)
             AND (?2 IS NOT NULL OR ?3 IS NOT NULL)
             GROUP BY invoice.chorus_id ORDER BY flow.id DESC LIMIT 100",
            (realm, id.map(|id| id.0), number.map(InvoiceNumber::as_str)),
            |r| Ok((ChorusInvoiceId(r.get("chorus_id")?), facts(r)?)),
        )
    }

    pub(super) fn realm(&self, place: &Realm) -> Result<Option<i64>, StoreError> {
        let key = (place.establishment.as_str(), place.environment.as_str());
        self.one("SELECT id FROM realm WHERE establishment = ?1 AND environment = ?2", key, |r| r.get(0))
    }

    /// What a dropped file was held against; its parts were with it.
    pub fn rules(&self, flow: &FlowId) -> Result<Option<Versions>, StoreError> {
        let read = |r: &Row<'_>| maybe_read(r, "rules");
        let sql = "SELECT COALESCE(flow.rules, file.rules) AS rules FROM flow
             LEFT JOIN flow AS file ON file.realm = flow.realm AND file.id = flow.parent WHERE flow.id = ?1";
        Ok(self.one(sql, [flow.as_str()], read)?.flatten())
    }

    pub fn findings(&self, flow: &FlowId) -> Result<Vec<FindingRecord>, StoreError> {
        self.all(
            "SELECT finding.* FROM flow JOIN finding ON finding.realm = flow.realm AND finding.flow = flow.id
             WHERE flow.id = ?1 ORDER BY ordinal",
            [flow.as_str()],
            |r| {
                Ok(FindingRecord {
                    rule: r.get("rule")?,
                    severity: r.get("severity")?,
                    place: r.get("place")?,
                    message: r.get("message")?,
                    remedy: r.get("remedy")?,
                })
            },
        )
    }

    pub fn attempts(&self, flow: &FlowId) -> Result<Vec<AttemptRecord>, StoreError> {
        self.all(
            "SELECT attempt.* FROM flow JOIN attempt ON attempt.realm = flow.realm AND attempt.flow = flow.id
             WHERE flow.id = ?1 ORDER BY n",
            [flow.as_str()],
            |r| {
                Ok(AttemptRecord {
                    n: r.get("n")?,
                    intent_at: super::columns::instant(r, "intent_at")?,
                    ended_at: maybe_instant(r, "ended_at")?,
                    deposit_number: maybe_word(r, "deposit_number")?,
                    outcome: r.get("outcome")?,
                    detail: r.get("detail")?,
                })
            },
        )
    }

    /// The statuses of a flow's invoices: ordinal and status, in the order they became known.
    pub fn statuses(&self, flow: &FlowId) -> Result<Vec<(u32, StatusRecord)>, StoreError> {
        self.all(
            "SELECT status.* FROM flow JOIN status ON status.realm = flow.realm AND status.flow = flow.id
             WHERE flow.id = ?1 ORDER BY ordinal, n",
            [flow.as_str()],
            |r| {
                Ok((
                    r.get("ordinal")?,
                    StatusRecord {
                        status: word(r, "status")?,
                        at: r.get("at")?,
                        author: r.get("author")?,
                        comment: r.get("comment")?,
                        others: serde_json::Map::new(),
                    },
                ))
            },
        )
    }

    /// A flow's newest steps, in order: its timeline. `actor` is a person's name, `detail` a text, as long as their salts were
    /// not erased; then `person` and nothing.
    pub fn steps(&self, flow: &FlowId) -> Result<Vec<StepRecord>, StoreError> {
        let rows = self.all(
            "SELECT seq, bytes,
                 (SELECT value FROM salt WHERE salt.seq = leaf.seq AND field = 'actor') AS person,
                 (SELECT value FROM salt WHERE salt.seq = leaf.seq AND field = 'detail') AS detail
             FROM leaf WHERE flow = ?1 ORDER BY seq DESC LIMIT ?2",
            (flow.as_str(), TIMELINE_LIMIT),
            |r| {
                let seq: i64 = r.get("seq")?;
                let bytes: Vec<u8> = r.get("bytes")?;
                Ok((count(seq), bytes, r.get::<_, Option<String>>("person")?, r.get::<_, Option<String>>("detail")?))
            },
        )?;
        let step = |(seq, bytes, person, detail): (u64, Vec<u8>, Option<String>, Option<String>)| {
            let Ok(LeafRead::V1(leaf)) = Leaf::read(&bytes) else { return None };
            let word = |name: &str| leaf.objects.get(name).cloned();
            Some(StepRecord {
                seq,
                at: Timestamp::from_millis(leaf.time),
                state: word("state"),
                actor: person.unwrap_or(leaf.actor),
                detail: detail.or_else(|| word("status")).or_else(|| word("fault")).or_else(|| word("arrival")),
                kind: leaf.kind,
            })
        };
        Ok(rows.into_iter().rev().filter_map(step).collect())
    }

    /// What a receipt is written from: the arrival, and its flow when it became one.
    pub fn arrival(&self, id: &FlowId) -> Result<Option<ArrivalRecord>, StoreError> {
        self.one(
            "SELECT arrival.*, establishment, environment FROM arrival LEFT JOIN realm ON realm.id = arrival.realm
             WHERE arrival.id = ?1",
            [id.as_str()],
            |r| {
                Ok(ArrivalRecord {
                    id: word(r, "id")?,
                    account: word(r, "account")?,
                    realm: r.get::<_, Option<i64>>("realm")?.map(|_| realm(r)).transpose()?,
                    folder: r.get("folder")?,
                    file: r.get("file")?,
                    sha256: maybe_hash(r, "sha256")?,
                    size: r.get::<_, Option<i64>>("size")?.map(count),
                    at: super::columns::instant(r, "at")?,
                    flow: maybe_word(r, "flow")?,
                    fault: maybe_fault(r, "fault")?,
                })
            },
        )
    }

    /// A document's bytes. Only for documents that may be held in memory; see [`Reader::open_document`].
    pub fn document(&self, hash: &DocumentHash) -> Result<Option<Vec<u8>>, StoreError> {
        let size = self.one("SELECT size FROM document WHERE sha256 = ?1", [hash.0], |r| r.get(0))?.map(count);
        if size.is_some_and(|size| size > IN_MEMORY_LIMIT_BYTES) {
            return Err(StoreError::DocumentTooLarge { limit: IN_MEMORY_LIMIT_BYTES });
        }
        let Some(mut stream) = self.open_document(hash)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let path = || documents::path(&self.writer.settings().dir, hash);
        stream.read_to_end(&mut bytes).map_err(|e| StoreError::io(&path())(e))?;
        Ok(Some(bytes))
    }

    /// A document as a stream, whatever its size.
    pub fn open_document(&self, hash: &DocumentHash) -> Result<Option<Box<dyn Read + Send>>, StoreError> {
        let row =
            self.one("SELECT content FROM document WHERE sha256 = ?1", [hash.0], |r| r.get::<_, Option<Vec<u8>>>(0))?;
        match row {
            None => Ok(None),
            Some(Some(bytes)) => Ok(Some(Box::new(Cursor::new(bytes)))),
            Some(None) => {
                let path = documents::path(&self.writer.settings().dir, hash);
                Ok(Some(Box::new(File::open(&path).map_err(StoreError::io(&path))?)))
            }
        }
    }

    pub fn halts(&self) -> Result<Vec<(Realm, Fault, Timestamp)>, StoreError> {
        self.all(
            "SELECT establishment, environment, fault, at FROM halt JOIN realm ON realm.id = halt.realm ORDER BY at",
            [],
            |r| {
                let fault = maybe_fault(r, "fault")?.ok_or(rusqlite::Error::InvalidQuery)?;
                Ok((realm(r)?, fault, super::columns::instant(r, "at")?))
            },
        )
    }

    /// What became of a drop of a staged file that was handed over before; `None` when it was not.
    pub fn known_drop(&self, drop: &StagedDrop<'_>) -> Result<Option<Received>, StoreError> {
        let key = (drop.staged, drop.account.as_str(), drop.folder, drop.file, drop.sha256.0);
        self.one(arrivals::KNOWN_STAGED, key, arrivals::known)
    }

    /// Whether a staged file of the account was handed over under any name.
    pub fn is_handed_over(&self, account: &AccountName, staged: &str) -> Result<bool, StoreError> {
        let found = self.one(
            "SELECT 1 FROM arrival WHERE staged = ?1 AND account = ?2 LIMIT 1",
            (staged, account.as_str()),
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Whether this very file was taken (or found to be a duplicate) since `since`.
    pub fn is_taken(
        &self,
        account: &AccountName,
        folder: &str,
        file: &str,
        sha256: DocumentHash,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let found = self.one(
            "SELECT 1 FROM arrival INDEXED BY arrival_at
             WHERE at >= ?1 AND account = ?2 AND folder = ?3 AND file = ?4 AND sha256 = ?5 LIMIT 1",
            (since.millis(), account.as_str(), folder, file, sha256.0),
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Whether a realm has work that needs Chorus Pro, now or later.
    pub fn waits_for_chorus(&self, place: &Realm) -> Result<bool, StoreError> {
        let waits = self.one(
            "SELECT EXISTS (SELECT 1 FROM work JOIN realm ON realm.id = work.realm
             WHERE establishment = ?1 AND environment = ?2 AND job NOT IN ('intake', 'receipt', 'deliver')) AS waits",
            (place.establishment.as_str(), place.environment.as_str()),
            |r| r.get(0),
        )?;
        Ok(waits.unwrap_or(false))
    }

    /// Bytes and files of an account that wait to be processed (its quota): dropped and not yet deposited, those that wait
    /// for their other half among them.
    pub fn pending(&self, account: &AccountName) -> Result<(u64, u64), StoreError> {
        let pending = self.one(
            "SELECT coalesce(sum(size), 0), count(*) FROM (
                 SELECT size FROM flow INDEXED BY flow_pending
                 WHERE account = ?1 AND kind = 'deposit' AND state IN ('received', 'ready', 'sending', 'doubtful') UNION ALL
                 SELECT size FROM flow INDEXED BY flow_half
                 WHERE account = ?1 AND kind = 'deposit' AND state IN ('incomplete', 'unmatched'))",
            [account.as_str()],
            |r| Ok((count(r.get(0)?), count(r.get(1)?))),
        )?;
        Ok(pending.unwrap_or_default())
    }

    pub fn remembered(&self, place: &Realm, name: &str) -> Result<Option<String>, StoreError> {
        self.one(
            "SELECT value FROM memory JOIN realm ON realm.id = memory.realm
             WHERE establishment = ?1 AND environment = ?2 AND name = ?3",
            (place.establishment.as_str(), place.environment.as_str(), name),
            |r| r.get(0),
        )
    }

    /// A named value in every realm that has it.
    pub fn remembered_everywhere(&self, name: &str) -> Result<Vec<(Realm, String)>, StoreError> {
        self.all(
            "SELECT establishment, environment, value FROM memory JOIN realm ON realm.id = memory.realm WHERE name = ?1",
            [name],
            |r| Ok((realm(r)?, r.get("value")?)),
        )
    }

    /// The last signed file of tables that was accepted.
    pub fn accepted_tables(&self) -> Result<Option<AcceptedTables>, StoreError> {
        self.one(ACCEPTED_TABLES, [], accepted_tables)
    }

    /// The password hash of a person of the page.
    pub fn person(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.one("SELECT password FROM person WHERE name = ?1", [name], |r| r.get(0))
    }

    pub fn people(&self) -> Result<Vec<String>, StoreError> {
        self.all(PEOPLE, [], |r| r.get(0))
    }

    /// Leaves of a range, in order; at most 10,000.
    pub fn journal(&self, range: Range<u64>) -> Result<Vec<LeafRecord>, StoreError> {
        let end = range.end.min(range.start.saturating_add(LEAVES_AT_ONCE));
        self.all(
            "SELECT seq, bytes, hash FROM leaf WHERE seq >= ?1 AND seq < ?2 ORDER BY seq",
            (integer(range.start), integer(end)),
            |r| Ok(LeafRecord { seq: count(r.get(0)?), bytes: r.get(1)?, hash: r.get(2)? }),
        )
    }

    /// The newest signed checkpoint.
    pub fn checkpoint(&self) -> Result<Option<CheckpointRecord>, StoreError> {
        self.one("SELECT size, root, note, at FROM checkpoint ORDER BY n DESC LIMIT 1", [], |r| {
            Ok(CheckpointRecord {
                size: count(r.get(0)?),
                root: r.get(1)?,
                note: r.get(2)?,
                at: super::columns::instant(r, "at")?,
            })
        })
    }
}

/// A sight as it was written: status, space, date.
pub(super) fn seen(text: &str) -> Option<(InvoiceStatus, String)> {
    let (status, at) = text.split_once(' ')?;
    Some((InvoiceStatus::from(status.to_owned()), at.to_owned()))
}

pub(super) fn facts(r: &Row<'_>) -> rusqlite::Result<InvoiceFacts> {
    Ok(InvoiceFacts {
        number: word(r, "number")?,
        supplier: r.get("supplier")?,
        supplier_name: r.get("supplier_name")?,
        recipient: r.get("recipient")?,
        recipient_name: r.get("recipient_name")?,
        issued_on: r.get("issued_on")?,
        payable: r.get("payable")?,
        type_code: r.get("type_code")?,
        preceding: r.get_ref("preceding")?.as_str()?.lines().filter_map(|number| number.parse().ok()).collect(),
    })
}
