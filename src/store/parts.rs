//! Steps of split files: an archive becomes fluxes, a status file becomes changes; the file ends as its parts end.

use std::collections::BTreeSet;

use rusqlite::Row;
use sha2::{Digest, Sha256};

use super::columns::{fault_text, integer, maybe_fault, word};
use super::documents::{self, Prepared as Document};
use super::flows::{self, Loaded};
use super::journal::Entry;
use super::standing::{ELSEWHERE, not_confirmed};
use super::writer::Writing;
use super::{
    AskedChange, Decided, Facts, FluxPart, InvoiceFacts, Lease, Piece, StoreError, changes, deposits, pairs, queue,
    sending,
};
use crate::domain::{DocumentHash, FlowId, Timestamp};
use crate::fault::{Code, Fault, Text};
use crate::flow::deposit::{Event, Part, State, of_parts};
use crate::flow::{FlowKind, Job, status_change};

/// Parts on their way into a step.
pub enum Prepared {
    Fluxes(Vec<PreparedFlux>),
    Changes(Vec<AskedChange>),
    Complement(AskedChange, Vec<Piece>),
}

/// A flux with its bytes, and those of what goes with it.
pub struct PreparedFlux {
    pub flux: FluxPart,
    pub content: Document,
    pub enclosures: Vec<(String, Document)>,
}

/// *split*: see [`super::Store::split`].
pub fn split(
    w: &mut Writing<'_>,
    id: &FlowId,
    parts: &Prepared,
    facts: &Facts,
    lease: &Lease,
    at: Timestamp,
) -> Result<Decided<State>, StoreError> {
    let decided = deposits::decide(w, id, Event::Split, facts, Some(lease), at)?;
    if matches!(decided, Decided::Impossible { .. }) {
        return Ok(decided);
    }
    w.run("UPDATE flow SET is_split = 1, refused_parts = ?2 WHERE id = ?1", (id.as_str(), facts.refused_parts))?;
    let file = flows::load(w, id)?;
    let account: String = w
        .one("SELECT account FROM flow WHERE realm = ?1 AND id = ?2", (file.realm, id.as_str()), |r| r.get(0))?
        .ok_or_else(|| StoreError::UnknownFlow(id.clone()))?;
    match parts {
        Prepared::Fluxes(fluxes) => {
            for flux in fluxes {
                enter_flux(w, &file, &account, flux, at)?;
            }
        }
        Prepared::Changes(asked) => {
            for (place, asked) in asked.iter().enumerate() {
                let name = format!("{} ({})", asked.number, place + 1);
                enter_change(w, &file, &account, &name, asked, &[], at)?;
            }
        }
        Prepared::Complement(asked, pieces) => {
            enter_change(w, &file, &account, asked.number.as_str(), asked, pieces, at)?;
        }
    }
    // A split without a part has ended already.
    end_if_all_ended(w, &file, at)?;
    Ok(decided)
}

/// A status that the file asks for; `name` is what people see of it.
fn enter_change(
    w: &mut Writing<'_>,
    file: &Loaded,
    account: &str,
    name: &str,
    asked: &AskedChange,
    pieces: &[Piece],
    at: Timestamp,
) -> Result<FlowId, StoreError> {
    let actor = format!("account:{account}");
    let asking = changes::Asking {
        realm: file.realm,
        place: &file.place,
        account,
        file: name,
        parent: Some(&file.id),
        actor: &actor,
        pieces,
    };
    changes::ask(w, &asking, asked, at)
}

/// A flux of the file: checked already, it waits for its deposit.
fn enter_flux(
    w: &mut Writing<'_>,
    file: &Loaded,
    account: &str,
    prepared: &PreparedFlux,
    at: Timestamp,
) -> Result<(), StoreError> {
    let PreparedFlux { flux, content: document, enclosures } = prepared;
    if let Some(flow) = twin(w, file.realm, document.sha256, file.id.as_str())? {
        return Err(StoreError::AlreadyOnItsWay { what: flux.file.clone(), flow });
    }
    let id = flows::new_id();
    let state = State::Ready;
    documents::enter(w, document, at)?;
    w.run(
        "INSERT INTO flow (realm, id, kind, account, state, is_final, file, sha256, size, syntax, received_at, changed_at,
                           since, parent, search)
         VALUES (?1, ?2, 'deposit', ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, ?9, ?9, ?10, '')",
        (
            file.realm,
            id.as_str(),
            account,
            state.as_str(),
            &flux.file,
            document.sha256.0,
            integer(document.size),
            &flux.syntax,
            at.millis(),
            file.id.as_str(),
        ),
    )?;
    let part = flows::load(w, &id)?;
    let mut former = BTreeSet::new();
    for (ordinal, invoice) in flux.invoices.iter().enumerate() {
        if !flux.repeatable
            && let Some(flow) = flow_with(w, &part, invoice)?
        {
            return Err(StoreError::AlreadyOnItsWay { what: invoice.number.to_string(), flow });
        }
        deposits::enter_invoice(w, file.realm, &id, ordinal, invoice, flux.repeatable)?;
        former.append(&mut deposits::corrected(w, &part, ordinal, invoice)?);
    }
    deposits::settle_corrected(w, file.realm, &former, at)?;
    if let Some(announced) = &flux.announced {
        sending::announce(w, &part, announced)?;
    }
    if let Some(conversion) = &flux.conversion {
        sending::convert(w, &part, conversion, at)?;
    }
    part.refresh_search(w)?;
    let replaces = deposits::replaced(w, &part)?;
    let mut entry = Entry::new("part", at, Some(&file.place))
        .object("flow", &id)
        .object("parent", &file.id)
        .object("state", state)
        .object("syntax", &flux.syntax)
        .maybe("announced", flux.announced.as_ref().map(|announced| &announced.syntax))
        .maybe("signed", flux.announced.as_ref().filter(|announced| announced.signed).map(|_| "yes"))
        .object("invoices", flux.invoices.len())
        .object("size", document.size)
        .maybe("replaces", replaces)
        .hash("document", document.sha256)
        .private("file", &flux.file);
    if let Some(pdf) = &flux.pdf {
        for (place, (_, enclosure)) in enclosures.iter().enumerate() {
            documents::enter(w, enclosure, at)?;
            entry = entry.hash(&format!("enclosure_{}", place + 1), enclosure.sha256);
        }
        let named: Vec<_> = enclosures.iter().map(|(name, document)| (name.clone(), document.sha256)).collect();
        pairs::keep_part(w, &part, &pdf.data, &named)?;
        entry = entry.hash("data", DocumentHash(Sha256::digest(&pdf.data).into()));
    }
    entry.append(w)?;
    queue::add(w, Some(file.realm), Job::Deposit, &id, at)
}

/// The deposit, on its way or done, that is the same bytes, or is sent as them: `?1` realm, `?2` hash, `?3` the file that
/// asks. Its own bytes may be those of its only part. What was made of these bytes does not count: of a pivot of several
/// one may have gone and another not, so each is known by what was made of it. For the same reason such a pivot that was
/// taken in part may come again whole: nobody can drop one of its invoices alone. Unless it holds what Chorus Pro takes
/// more than once, for that is known by its bytes only, and they are made anew. The states left out are those that free
/// the content: `State::frees_the_content`.
const TWIN: &str = "SELECT id FROM flow WHERE realm = ?1 AND kind = 'deposit' AND id <> ?3
     AND state NOT IN ('joined', 'rejected', 'refused', 'abandoned')
     AND NOT (state = 'partly_integrated' AND syntax IS 'pivot'
         AND EXISTS (SELECT 1 FROM flow AS part WHERE part.realm = ?1 AND part.parent = flow.id)
         AND NOT EXISTS (SELECT 1 FROM flow AS part JOIN invoice ON invoice.realm = part.realm AND invoice.flow = part.id
                         WHERE part.realm = ?1 AND part.parent = flow.id AND invoice.repeatable = 1))
     AND id IN (SELECT id FROM flow WHERE realm = ?1 AND sha256 = ?2 AND kind = 'deposit'
                UNION SELECT flow FROM conversion WHERE realm = ?1 AND document = ?2) ORDER BY id LIMIT 1";

/// The other deposit, on its way or done, that is this content: see [`TWIN`]. `own` is empty when nobody is left out.
pub fn twin(w: &Writing<'_>, realm: i64, hash: DocumentHash, own: &str) -> Result<Option<FlowId>, StoreError> {
    w.one(TWIN, (realm, hash.0, own), |r| word(r, "id"))
}

/// The same for a reader.
pub fn twin_of(
    reader: &super::Reader,
    realm: i64,
    hash: DocumentHash,
    own: &FlowId,
) -> Result<Option<FlowId>, StoreError> {
    reader.one(TWIN, (realm, hash.0, own.as_str()), |r| word(r, "id"))
}

/// The other flow, on its way or done, that holds the invoice.
pub fn flow_with(w: &Writing<'_>, own: &Loaded, invoice: &InvoiceFacts) -> Result<Option<FlowId>, StoreError> {
    let key = (own.realm, invoice.number.as_str(), own.id.as_str());
    let rows = w.all(HOLDERS, key, |r| holder(r, invoice))?;
    Ok(rows.into_iter().flatten().next())
}

/// The flows, on their way or done, that hold an invoice of that number. One that was recalled for recycling may come
/// again under its number. `?1` realm, `?2` number, `?3` the flow that asks.
pub const HOLDERS: &str = "SELECT invoice.flow AS flow, supplier, issued_on FROM invoice
     JOIN flow ON flow.realm = invoice.realm AND flow.id = invoice.flow
     WHERE invoice.realm = ?1 AND number = ?2 AND flow.kind = 'deposit' AND flow.id <> ?3
     AND state NOT IN ('received', 'unmatched', 'split', 'joined', 'rejected', 'refused', 'abandoned') AND refused IS NULL
     AND coalesce(status, '') <> 'A_RECYCLER' ORDER BY flow.id";

/// A row of [`HOLDERS`], if its invoice is the same.
pub fn holder(row: &Row<'_>, invoice: &InvoiceFacts) -> rusqlite::Result<Option<FlowId>> {
    let theirs = InvoiceFacts { supplier: row.get("supplier")?, issued_on: row.get("issued_on")?, ..invoice.clone() };
    theirs.is_same_invoice(invoice).then(|| word(row, "flow")).transpose()
}

/// A part has ended: its file ends when it was the last.
pub fn settle(w: &mut Writing<'_>, part: &Loaded, at: Timestamp) -> Result<(), StoreError> {
    let Some(parent) = &part.parent else { return Ok(()) };
    let file = flows::load(w, parent)?;
    end_if_all_ended(w, &file, at)
}

/// A file that was taken in part is told anew when a part of it is: what was not confirmed there, or not.
fn end_if_all_ended(w: &mut Writing<'_>, file: &Loaded, at: Timestamp) -> Result<(), StoreError> {
    let again = file.state == State::PartlyIntegrated.as_str();
    if file.kind != FlowKind::Deposit.as_str() || !(again || file.state == State::Split.as_str()) {
        return Ok(());
    }
    let parts = w.all(
        "SELECT kind, state, (SELECT count(*) FROM invoice WHERE realm = ?1 AND flow = flow.id) AS invoices,
             (SELECT count(*) FROM invoice WHERE realm = ?1 AND flow = flow.id AND refused IS NULL) AS unrefused
         FROM flow WHERE realm = ?1 AND parent = ?2",
        (file.realm, file.id.as_str()),
        |r| {
            let outcome = outcome(&r.get::<_, String>("kind")?, &r.get::<_, String>("state")?);
            Ok((outcome, r.get::<_, u32>("invoices")?, r.get::<_, u32>("unrefused")?))
        },
    )?;
    let (refused, syntax): (u32, Option<String>) = w
        .one(
            "SELECT refused_parts, syntax FROM flow WHERE realm = ?1 AND id = ?2",
            (file.realm, file.id.as_str()),
            |r| Ok((r.get(0)?, r.get(1)?)),
        )?
        .unwrap_or_default();
    let outcomes = parts.iter().map(|(outcome, ..)| *outcome);
    let Some(event) = of_parts(outcomes.chain((0..refused).map(|_| Part::Refused))) else { return Ok(()) };
    // A status asked for has no invoice of its own, and counts as one.
    let total: u32 = parts.iter().map(|(_, invoices, _)| (*invoices).max(1)).sum();
    let taken: u32 = parts
        .iter()
        .map(|(outcome, invoices, unrefused)| match outcome {
            Part::Taken => (*invoices).max(1),
            Part::PartlyTaken => *unrefused,
            Part::Open | Part::Refused | Part::Lost => 0,
        })
        .sum();
    let fault = match (event, total - taken + refused) {
        (Event::Integrated, _) => None,
        (_, 0) => Some(unconfirmed(w, file, syntax.as_deref(), total)?),
        (_, missing) => Some(not_taken(syntax.as_deref(), missing, total + refused)),
    };
    if again && event != Event::Integrated {
        return tell_again(w, file, fault, at);
    }
    deposits::decide(w, &file.id, event, &Facts { fault, ..Facts::default() }, None, at)?;
    let elsewhere: u32 = w
        .one(
            &format!("SELECT count(*) FROM invoice WHERE realm = ?1 AND flow = ?2 AND {ELSEWHERE}"),
            (file.realm, file.id.as_str()),
            |r| r.get(0),
        )?
        .unwrap_or_default();
    if refused <= elsewhere {
        // Each part shows what it waits for; the file would only say so once more. What is on its way by another file
        // waits for nobody.
        w.run("UPDATE flow SET waits = 0 WHERE realm = ?1 AND id = ?2", (file.realm, file.id.as_str()))?;
    }
    Ok(())
}

/// Nothing of the file is known to be missing, and a part was not taken whole: what no search shows of it is named, or, where
/// Chorus Pro did not say which it refused, that there is one.
fn unconfirmed(w: &Writing<'_>, file: &Loaded, syntax: Option<&str>, total: u32) -> Result<Fault, StoreError> {
    let numbers: Vec<String> = w.all(
        "SELECT invoice.number FROM invoice JOIN flow ON flow.realm = invoice.realm AND flow.id = invoice.flow
         WHERE flow.realm = ?1 AND flow.parent = ?2 AND flow.state = 'partly_integrated' AND invoice.chorus_id IS NULL AND invoice.refused IS NULL
         AND flow.verdict ->> 'code' = ?3 ORDER BY flow.id, invoice.ordinal",
        (file.realm, file.id.as_str(), Code::NotConfirmed.as_str()),
        |r| r.get(0),
    )?;
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    Ok(match numbers.is_empty() {
        false => not_confirmed(&numbers),
        true => not_taken(syntax, 0, total).with_text("missing", &Text::new("au moins 1", "at least 1")),
    })
}

/// What a file that has ended shows of its parts, if it still shows anything of them.
fn tell_again(w: &mut Writing<'_>, file: &Loaded, fault: Option<Fault>, at: Timestamp) -> Result<(), StoreError> {
    let key = (file.realm, file.id.as_str());
    let shown = w.one("SELECT fault FROM flow WHERE realm = ?1 AND id = ?2", key, |r| maybe_fault(r, "fault"))?;
    let Some(shown) = shown.flatten() else { return Ok(()) };
    let of_parts = [Code::PartsNotTaken, Code::NotConfirmed].contains(&shown.code);
    let Some(fault) = fault.filter(|fault| of_parts && *fault != shown) else { return Ok(()) };
    Entry::new("trouble", at, Some(&file.place))
        .object("flow", &file.id)
        .object("fault", fault.code.as_str())
        .fault(Some(&fault))
        .append(w)?;
    w.run(
        "UPDATE flow SET fault_code = ?3, fault = ?4, verdict = ?4, changed_at = ?5 WHERE realm = ?1 AND id = ?2",
        (key.0, key.1, fault.code.as_str(), fault_text(&fault), at.millis()),
    )?;
    file.queue_receipt(w, at)
}

/// That `missing` of the `total` invoices of a file, or statuses it asks for, were not taken; `syntax` is what it is called.
pub fn not_taken(syntax: Option<&str>, missing: u32, total: u32) -> Fault {
    let (fr, en) = match (syntax, total) {
        (Some("statuses"), 0 | 1) => ("statut", "status"),
        (Some("statuses"), _) => ("statuts", "statuses"),
        (Some("complement"), _) => ("complément", "complement"),
        (_, 0 | 1) => ("facture", "invoice"),
        _ => ("factures", "invoices"),
    };
    let total = Text::new(format!("{total} {fr}"), format!("{total} {en}"));
    Fault::new(Code::PartsNotTaken).with("missing", missing).with_text("total", &total)
}

/// A state that this version does not know has not ended.
fn outcome(kind: &str, state: &str) -> Part {
    if kind == FlowKind::StatusChange.as_str() {
        match state.parse() {
            Ok(status_change::State::Done) => Part::Taken,
            Ok(status_change::State::Refused) => Part::Refused,
            _ => Part::Open,
        }
    } else {
        state.parse::<State>().map_or(Part::Open, Part::from)
    }
}
