//! What a flow's file is sent as: its announcement, its conversion, the files that complete an invoice; and the members
//! of an archive that are not sent at all.

use rusqlite::Row;

use super::columns::{integer, maybe_hash};
use super::documents::{self, Prepared};
use super::flows::{self, Loaded};
use super::reader::Reader;
use super::writer::Writing;
use super::{Announcement, Conversion, Kept, Piece, RefusedMember, StoreError};
use crate::domain::{DocumentHash, FlowId, Timestamp};

/// Members of one archive whose refusal is kept: as many as an archive may have.
const REFUSED_LIMIT: usize = 1_000;

/// *announce*: how the flow's file will be announced; the last word counts.
pub fn announce(w: &Writing<'_>, flow: &Loaded, announced: &Announcement) -> Result<(), StoreError> {
    w.run(
        "INSERT INTO announcement (realm, flow, syntax, signed) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET syntax = ?3, signed = ?4",
        (flow.realm, flow.id.as_str(), &announced.syntax, announced.signed),
    )?;
    Ok(())
}

/// The converted document, and where it comes from. Its bytes are durable already.
pub fn convert(w: &Writing<'_>, flow: &Loaded, conversion: &Conversion, at: Timestamp) -> Result<(), StoreError> {
    documents::enter(w, &Prepared::kept(conversion.content), at)?;
    let lost = serde_json::to_string(&conversion.lost).expect("texts always serialise");
    w.run(
        "INSERT INTO conversion (realm, flow, source, document, source_syntax, syntax, lost)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET source = ?3, document = ?4, source_syntax = ?5, syntax = ?6, lost = ?7",
        (
            flow.realm,
            flow.id.as_str(),
            conversion.source.0,
            conversion.content.sha256.0,
            &conversion.from,
            &conversion.to,
            lost,
        ),
    )?;
    Ok(())
}

/// The members of the archive that go nowhere.
pub fn refuse_members(w: &Writing<'_>, flow: &Loaded, members: &[RefusedMember]) -> Result<(), StoreError> {
    for (ordinal, member) in members.iter().take(REFUSED_LIMIT).enumerate() {
        let findings = serde_json::to_string(&member.findings).expect("texts always serialise");
        w.run(
            "INSERT INTO refused_member (realm, flow, ordinal, place, name, fault, findings)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
            (
                flow.realm,
                flow.id.as_str(),
                integer(ordinal as u64),
                integer(member.place as u64),
                &member.name,
                super::columns::fault_text(&member.fault),
                findings,
            ),
        )?;
    }
    Ok(())
}

/// *members placed*: see [`super::Store::members_placed`].
pub fn members_placed(w: &Writing<'_>, id: &FlowId) -> Result<(), StoreError> {
    let flow = flows::load(w, id)?;
    w.run("UPDATE refused_member SET placed = 1 WHERE realm = ?1 AND flow = ?2", (flow.realm, id.as_str()))?;
    Ok(())
}

/// The files of a complement, in their order.
pub fn enter_pieces(
    w: &Writing<'_>,
    realm: i64,
    flow: &FlowId,
    pieces: &[Piece],
    at: Timestamp,
) -> Result<(), StoreError> {
    for (ordinal, piece) in pieces.iter().enumerate() {
        documents::enter(w, &Prepared::kept(piece.content), at)?;
        w.run(
            "INSERT INTO piece (realm, flow, ordinal, name, kind, document) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (realm, flow.as_str(), integer(ordinal as u64), &piece.name, &piece.kind, piece.content.sha256.0),
        )?;
    }
    Ok(())
}

/// *handed in*: see [`super::Store::handed_in`].
pub fn handed_in(w: &Writing<'_>, id: &FlowId, ordinal: usize, attachment: i64) -> Result<(), StoreError> {
    let flow = flows::load(w, id)?;
    w.run(
        "UPDATE piece SET attachment = ?4 WHERE realm = ?1 AND flow = ?2 AND ordinal = ?3",
        (flow.realm, id.as_str(), integer(ordinal as u64), attachment),
    )?;
    Ok(())
}

impl Reader {
    /// How the flow's file is announced; `None` before its check.
    pub fn announcement(&self, flow: &FlowId) -> Result<Option<Announcement>, StoreError> {
        let sql = of_flow("announcement", "");
        self.one(&sql, [flow.as_str()], |r| Ok(Announcement { syntax: r.get("syntax")?, signed: r.get("signed")? }))
    }

    /// What the flow's file was converted into, if it was.
    pub fn conversion(&self, flow: &FlowId) -> Result<Option<Conversion>, StoreError> {
        let sql = of_flow("conversion", "");
        self.one(&sql, [flow.as_str()], |r| {
            Ok(Conversion {
                source: needed_hash(r, "source")?,
                content: kept(r)?,
                from: r.get("source_syntax")?,
                to: r.get("syntax")?,
                lost: listed(r, "lost")?,
            })
        })
    }

    /// The archive's members that were refused and do not stand among the refused files yet.
    pub fn unplaced_members(&self, flow: &FlowId) -> Result<Vec<RefusedMember>, StoreError> {
        let sql = of_flow("refused_member", "AND placed = 0 ORDER BY ordinal");
        self.all(&sql, [flow.as_str()], |r| {
            Ok(RefusedMember {
                place: usize::try_from(r.get::<_, i64>("place")?).unwrap_or(0),
                name: r.get("name")?,
                fault: super::columns::maybe_fault(r, "fault")?.ok_or(rusqlite::Error::InvalidQuery)?,
                findings: listed(r, "findings")?,
            })
        })
    }

    /// The files of a complement, in their order, each with Chorus Pro's number once it has one.
    pub fn pieces(&self, flow: &FlowId) -> Result<Vec<(Piece, Option<i64>)>, StoreError> {
        let sql = of_flow("piece", "ORDER BY ordinal");
        self.all(&sql, [flow.as_str()], |r| {
            let piece = Piece { name: r.get("name")?, kind: r.get("kind")?, content: kept(r)? };
            Ok((piece, r.get("attachment")?))
        })
    }
}

/// The rows of a table that belong to the flow `?1`; where a document is named, with its size.
fn of_flow(table: &str, rest: &str) -> String {
    let (size, join) = match table {
        "conversion" | "piece" => (", document.size AS size", "JOIN document ON document.sha256 = told.document"),
        _ => ("", ""),
    };
    format!(
        "SELECT told.*{size} FROM {table} AS told {join}
         WHERE told.flow = ?1 AND told.realm = (SELECT realm FROM flow WHERE id = ?1) {rest}"
    )
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept { sha256: needed_hash(row, "document")?, size: super::columns::count(row.get("size")?) })
}

fn needed_hash(row: &Row<'_>, column: &str) -> rusqlite::Result<DocumentHash> {
    maybe_hash(row, column)?.ok_or(rusqlite::Error::InvalidQuery)
}

fn listed<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<Vec<T>> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|_| rusqlite::Error::InvalidQuery)
}
