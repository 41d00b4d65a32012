//! Steps of receptions: an invoice found at Chorus Pro, downloaded, placed, taken.

use std::collections::HashSet;

use super::columns::{integer, maybe_word, word};
use super::documents::Prepared;
use super::flows::Loaded;
use super::journal::Entry;
use super::queue::Hold;
use super::reader::{Reader, facts, seen};
use super::writer::Writing;
use super::{
    Decided, Found, FoundInvoice, InvoiceFacts, Lease, ReceptionFacts, Step, Store, StoreError, deposits, documents,
    flows, queue, statuses,
};
use crate::domain::{ChorusInvoiceId, FlowId, InvoiceNumber, InvoiceStatus, Realm, Role, Timestamp};
use crate::fault::{Code, Fault, Text};
use crate::flow::reception::{Event, State};
use crate::flow::{Decision, FlowKind, Job, reception};

/// *find*: see [`super::Store::find`].
pub fn find(
    w: &mut Writing<'_>,
    place: &Realm,
    role: Role,
    found: &FoundInvoice,
    at: Timestamp,
) -> Result<Found, StoreError> {
    let realm = queue::numbered(w, place)?;
    let known = of_invoice(w, realm, found.chorus_id)?.into_iter().find(|(.., of)| *of == role);
    if let Some((known, ..)) = known {
        see(w, &flows::load(w, &known)?, found, at)?;
        return Ok(Found::Known(known));
    }
    let id = flows::new_id();
    let state = State::Found;
    w.run(
        "INSERT INTO flow (realm, id, kind, account, state, is_final, file, received_at, changed_at, since, chorus_id, role, search)
         VALUES (?1, ?2, 'reception', ?3, ?4, 0, ?5, ?6, ?6, ?6, ?7, ?8, '')",
        (
            realm,
            id.as_str(),
            found.account.as_str(),
            state.as_str(),
            found.number.as_str(),
            at.millis(),
            found.chorus_id.0,
            role.as_str(),
        ),
    )?;
    let facts = InvoiceFacts {
        number: found.number.clone(),
        supplier: found.supplier.clone(),
        supplier_name: found.supplier_name.clone(),
        recipient: found.recipient.clone(),
        recipient_name: found.recipient_name.clone(),
        issued_on: found.issued_on.clone(),
        payable: found.payable.clone(),
        type_code: found.type_code.clone(),
        preceding: Vec::new(),
    };
    deposits::enter_invoice(w, realm, &id, 0, &facts, false)?;
    w.run(
        "UPDATE invoice SET chorus_id = ?3, status = ?4, status_at = ?5, seen = ?6
         WHERE realm = ?1 AND flow = ?2 AND ordinal = 0",
        (realm, id.as_str(), found.chorus_id.0, found.status.as_str(), &found.status_at, sight(found)),
    )?;
    Entry::new("find", at, Some(place))
        .object("flow", &id)
        .object("state", state)
        .object("chorus_id", found.chorus_id)
        .object("account", &found.account)
        .maybe("role", Some(role).filter(|role| *role == Role::Validator))
        .append(w)?;
    flows::load(w, &id)?.refresh_search(w)?;
    queue::add(w, Some(realm), Job::Fetch, &id, at)?;
    Ok(Found::New(id))
}

/// What a search shows of an invoice, as one text.
fn sight(found: &FoundInvoice) -> String {
    format!("{} {}", found.status, found.status_at)
}

/// The receptions of an invoice, at most one for each role, and their states.
fn of_invoice(w: &Writing<'_>, realm: i64, invoice: ChorusInvoiceId) -> Result<Vec<(FlowId, State, Role)>, StoreError> {
    w.all(
        "SELECT id, state, role FROM flow WHERE realm = ?1 AND chorus_id = ?2 AND kind = 'reception'",
        (realm, invoice.0),
        |r| Ok((word(r, "id")?, word(r, "state")?, word(r, "role")?)),
    )
}

/// *miss to validate*: see [`Store::miss_to_validate`].
fn miss_to_validate(
    w: &mut Writing<'_>,
    place: &Realm,
    listed: &HashSet<ChorusInvoiceId>,
    at: Timestamp,
) -> Result<usize, StoreError> {
    let realm = queue::numbered(w, place)?;
    let awaited = w.all(
        "SELECT id, flow.chorus_id AS chorus_id FROM flow
         JOIN invoice ON invoice.realm = flow.realm AND invoice.flow = flow.id AND ordinal = 0
         WHERE flow.realm = ?1 AND kind = 'reception' AND role = 'validator' AND seen IS NOT NULL
         AND flow.state IN ('delivered', 'taken')",
        [realm],
        |r| Ok((word::<FlowId>(r, "id")?, ChorusInvoiceId(r.get("chorus_id")?))),
    )?;
    let mut missed = 0;
    for (id, _) in awaited.into_iter().filter(|(_, invoice)| !listed.contains(invoice)) {
        // Listed again, it is news again.
        w.run("UPDATE invoice SET seen = NULL WHERE realm = ?1 AND flow = ?2 AND ordinal = 0", (realm, id.as_str()))?;
        queue::add(w, Some(realm), Job::Statuses, &id, at)?;
        missed += 1;
    }
    Ok(missed)
}

/// A search shows a known invoice: what is new of it is shown at once, and its history is to be read. Whatever is not
/// delivered yet has its history read then.
fn see(w: &mut Writing<'_>, flow: &Loaded, found: &FoundInvoice, at: Timestamp) -> Result<(), StoreError> {
    let key = (flow.realm, flow.id.as_str());
    let news = w.run(
        "UPDATE invoice SET seen = ?3 WHERE realm = ?1 AND flow = ?2 AND ordinal = 0 AND seen IS NOT ?3",
        (key.0, key.1, sight(found)),
    )?;
    if news == 0 || statuses::is_known(w, flow, 0, &found.status, &found.status_at)? {
        return Ok(());
    }
    w.run(
        "UPDATE invoice SET status = ?3, status_at = ?4 WHERE realm = ?1 AND flow = ?2 AND ordinal = 0",
        (key.0, key.1, found.status.as_str(), &found.status_at),
    )?;
    follow(w, flow, flow.state(FlowKind::Reception)?, at)
}

fn follow(w: &mut Writing<'_>, flow: &Loaded, state: State, at: Timestamp) -> Result<(), StoreError> {
    match state {
        State::Found | State::Fetched => Ok(()),
        State::Delivered | State::Taken => queue::add(w, Some(flow.realm), Job::Statuses, &flow.id, at),
    }
}

/// We gave a received invoice a status ourselves: its history tells so.
pub fn changed(w: &mut Writing<'_>, realm: i64, invoice: ChorusInvoiceId, at: Timestamp) -> Result<(), StoreError> {
    for (id, state, _) in of_invoice(w, realm, invoice)? {
        follow(w, &flows::load(w, &id)?, state, at)?;
    }
    Ok(())
}

/// What came of asking for the readable copy: see [`super::Store::keep_copy`].
pub fn keep_copy(
    w: &mut Writing<'_>,
    id: &FlowId,
    copy: &Result<Prepared, Text>,
    lease: &Lease,
    at: Timestamp,
) -> Result<(), StoreError> {
    queue::check_held(w, lease)?;
    let flow = flows::load(w, id)?;
    let mut entry = Entry::new("copy", at, Some(&flow.place)).object("flow", id);
    let (sha256, missing) = match copy {
        Ok(document) => {
            documents::enter(w, document, at)?;
            entry = entry.hash("copy", document.sha256).object("size", document.size);
            (Some(document.sha256.0), None)
        }
        Err(missing) => (None, Some(missing)),
    };
    w.run(
        "INSERT INTO readable_copy (realm, flow, sha256, missing_fr, missing_en) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (realm, flow) DO NOTHING",
        (flow.realm, id.as_str(), sha256, missing.map(|text| &text.fr), missing.map(|text| &text.en)),
    )?;
    entry.append(w)?;
    Ok(())
}

/// The supplier completed the invoice: what it added is to be fetched. A complement whose download is still to come will
/// hold it; one whose download may be under way may not.
pub fn completed(w: &mut Writing<'_>, id: &FlowId, completed_at: &str, at: Timestamp) -> Result<(), StoreError> {
    let flow = flows::load(w, id)?;
    // What completes an invoice is for its recipient; who validated it has nothing to do with it any more.
    let role: Option<Role> =
        w.one("SELECT role FROM flow WHERE realm = ?1 AND id = ?2", (flow.realm, id.as_str()), |r| word(r, "role"))?;
    if role == Some(Role::Validator) {
        return Ok(());
    }
    let holds_it = w.one(
        "SELECT 1 FROM complement WHERE realm = ?1 AND flow = ?2 AND sha256 IS NULL
         AND NOT EXISTS (SELECT 1 FROM work WHERE subject = ?2 AND job = ?3 AND token IS NOT NULL)",
        (flow.realm, id.as_str(), Job::Fetch.as_str()),
        |_| Ok(()),
    )?;
    if holds_it.is_none() {
        w.run(
            "INSERT INTO complement (realm, flow, n, completed_at)
             SELECT ?1, ?2, coalesce(max(n), 0) + 1, ?3 FROM complement WHERE realm = ?1 AND flow = ?2",
            (flow.realm, id.as_str(), completed_at),
        )?;
    }
    advance(w, id, Event::Completed, &ReceptionFacts::default(), None, None, at)?;
    Ok(())
}

/// What an event of a complement writes into its row: the oldest that waits for it.
fn complement(
    w: &Writing<'_>,
    flow: &Loaded,
    event: Event,
    facts: &ReceptionFacts,
    document: Option<&Prepared>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let key = (flow.realm, flow.id.as_str());
    let written = match (event, document) {
        (Event::ComplementDownloaded, Some(document)) => w.run(
            "UPDATE complement SET sha256 = ?3 WHERE realm = ?1 AND flow = ?2 AND n =
                 (SELECT min(n) FROM complement WHERE realm = ?1 AND flow = ?2 AND sha256 IS NULL)",
            (key.0, key.1, document.sha256.0),
        )?,
        (Event::ComplementPlaced, _) => w.run(
            "UPDATE complement SET placed = 1, delivered_as = ?3, placed_at = iif(?3 IS NULL, NULL, ?4)
             WHERE realm = ?1 AND flow = ?2 AND n =
                 (SELECT min(n) FROM complement WHERE realm = ?1 AND flow = ?2 AND sha256 IS NOT NULL AND placed = 0)",
            (key.0, key.1, &facts.folder, at.millis()),
        )?,
        (Event::ComplementTaken, _) => {
            // Told twice, as a delivery may be.
            w.run(
                "UPDATE complement SET taken_at = ?4 WHERE realm = ?1 AND flow = ?2 AND delivered_as = ?3
                 AND placed_at IS NOT NULL AND taken_at IS NULL",
                (key.0, key.1, &facts.folder, at.millis()),
            )?;
            return Ok(());
        }
        _ => return Ok(()),
    };
    if written == 1 { Ok(()) } else { Err(StoreError::Misuse("an event of a complement that nobody awaits")) }
}

/// Work stands once for each flow: what did one complement is asked for again while another waits for it.
fn next_complement(w: &mut Writing<'_>, flow: &Loaded, event: Event, at: Timestamp) -> Result<(), StoreError> {
    let (job, waiting) = match event {
        Event::ComplementDownloaded => (Job::Fetch, "sha256 IS NULL"),
        Event::ComplementPlaced => (Job::Deliver, "sha256 IS NOT NULL AND placed = 0"),
        _ => return Ok(()),
    };
    let sql = format!("SELECT 1 FROM complement WHERE realm = ?1 AND flow = ?2 AND {waiting} LIMIT 1");
    match w.one(&sql, (flow.realm, flow.id.as_str()), |_| Ok(()))? {
        Some(()) => queue::add(w, Some(flow.realm), job, &flow.id, at),
        None => Ok(()),
    }
}

/// What is shown of a flow after an event: the event's fault, or none; `None`: what is shown stays.
fn shown<'a>(flow: &Loaded, from: State, event: Event, fault: Option<&'a Fault>) -> Option<Option<&'a Fault>> {
    let stands = flow.fault_code.as_deref();
    let is = |codes: &[Code]| codes.iter().any(|code| stands == Some(code.as_str()));
    match (event, fault) {
        // These two tell nothing of what is wrong with the flow.
        (Event::Completed | Event::ComplementDownloaded, _) => None,
        // A complement is not all there is to a flow: what is wrong with the rest is graver than its waiting.
        (Event::PlacingFailed, Some(_)) if from != State::Fetched => {
            (stands.is_none() || is(&[Code::NotTaken, Code::DeliveryFailed])).then_some(fault)
        }
        (Event::ComplementPlaced, None) => {
            is(&[Code::DeliveryFailed, Code::JobFails, Code::DownloadFails]).then_some(None)
        }
        (Event::Taken | Event::ComplementTaken, None) => is(&[Code::NotTaken]).then_some(None),
        _ => Some(fault),
    }
}

/// Complements that nobody works at, found at start.
pub fn recover(w: &mut Writing<'_>, now: Timestamp) -> Result<(), StoreError> {
    for (job, missing) in [(Job::Fetch, "sha256 IS NULL"), (Job::Deliver, "sha256 IS NOT NULL")] {
        let sql = format!(
            "INSERT INTO work (realm, job, subject, due) SELECT DISTINCT realm, ?1, flow, ?2 FROM complement
             WHERE placed = 0 AND {missing} AND NOT EXISTS (SELECT 1 FROM work WHERE subject = complement.flow AND job = ?1)"
        );
        let forgotten = w.run(&sql, (job.as_str(), now.millis()))?;
        if forgotten > 0 {
            log::warn!(complements = forgotten, job = job.as_str(); "Complements without their next work were found at start: it is due again");
        }
    }
    Ok(())
}

/// *advance*: see [`super::Store::advance`].
pub fn advance(
    w: &mut Writing<'_>,
    id: &FlowId,
    event: Event,
    facts: &ReceptionFacts,
    document: Option<&Prepared>,
    lease: Option<&Lease>,
    at: Timestamp,
) -> Result<Decided<State>, StoreError> {
    let hold = Hold::ends(w, lease)?;
    let flow = flows::load(w, id)?;
    let from: State = flow.state(FlowKind::Reception)?;
    let Decision::Move { to, work } = reception::decide(from, event, at, w.policy) else {
        flow.impossible(w, event.as_str(), at)?;
        return Ok(Decided::Impossible { state: from });
    };
    let downloaded = matches!(event, Event::Downloaded | Event::ComplementDownloaded);
    if downloaded && document.is_none() {
        return Err(StoreError::Misuse("downloaded without a document"));
    }
    // What follows a delivery goes on when the application takes it.
    hold.settle(w, id, from != to && from != State::Delivered)?;
    let kind = format!("reception.{event}");
    let mut entry = Entry::new(&kind, at, Some(&flow.place))
        .object("flow", id)
        .object("from", from)
        .object("state", to)
        .fault(facts.fault.as_ref());
    if let Some(document) = document {
        documents::enter(w, document, at)?;
    }
    complement(w, &flow, event, facts, document, at)?;
    if let (Event::ComplementDownloaded, Some(document)) = (event, document) {
        entry = entry.hash("complement", document.sha256).object("size", document.size);
    } else if let Some(document) = document {
        w.run(
            "UPDATE flow SET sha256 = ?3, size = ?4 WHERE realm = ?1 AND id = ?2",
            (flow.realm, id.as_str(), document.sha256.0, integer(document.size)),
        )?;
        entry = entry.hash("document", document.sha256).object("size", document.size);
    }
    if let Some(folder) = &facts.folder {
        if event == Event::Placed {
            w.run("UPDATE flow SET delivered_as = ?3 WHERE realm = ?1 AND id = ?2", (flow.realm, id.as_str(), folder))?;
        }
        entry = entry.private("folder", folder);
    }
    flow.enter_state(w, to.as_str(), to.is_final(), at)?;
    if let Some(fault) = shown(&flow, from, event, facts.fault.as_ref()) {
        flow.show_fault(w, fault, false)?;
    }
    entry.append(w)?;
    flow.queue_work(w, &work, facts.not_before, at)?;
    next_complement(w, &flow, event, at)?;
    Ok(Decided::Moved { from, to })
}

impl Store {
    /// *find to validate*: the same of an invoice that the establishment must validate for somebody else.
    pub fn find_to_validate(&self, realm: &Realm, found: FoundInvoice, at: Timestamp) -> Step<Found> {
        let realm = realm.clone();
        self.step(move |w| find(w, &realm, Role::Validator, &found, at))
    }

    /// *miss to validate*: invoices that waited for the establishment's validation and are not among those `listed` any
    /// more were decided: their history is to be read, once. Answers how many.
    pub fn miss_to_validate(&self, realm: &Realm, listed: HashSet<ChorusInvoiceId>, at: Timestamp) -> Step<usize> {
        let realm = realm.clone();
        self.step(move |w| miss_to_validate(w, &realm, &listed, at))
    }
}

impl Reader {
    /// Whether a realm was ever asked to validate an invoice.
    pub fn has_to_validate(&self, place: &Realm) -> Result<bool, StoreError> {
        let Some(realm) = self.realm(place)? else { return Ok(false) };
        let found = self.one(
            "SELECT 1 FROM flow WHERE realm = ?1 AND kind = 'reception' AND role = 'validator' LIMIT 1",
            [realm],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// The invoices to validate that are meant by Chorus Pro's number, or by the supplier's; each with the status in which
    /// the establishment was asked.
    pub fn to_validate(
        &self,
        place: &Realm,
        id: Option<ChorusInvoiceId>,
        number: Option<&InvoiceNumber>,
    ) -> Result<Vec<(ChorusInvoiceId, InvoiceFacts, Option<InvoiceStatus>)>, StoreError> {
        let Some(realm) = self.realm(place)? else { return Ok(Vec::new()) };
        self.all(
            "SELECT invoice.*, flow.chorus_id AS id FROM flow
             JOIN invoice ON invoice.realm = flow.realm AND invoice.flow = flow.id AND ordinal = 0
             WHERE flow.realm = ?1 AND kind = 'reception' AND role = 'validator' AND (?2 IS NULL OR flow.chorus_id = ?2)
             AND (?3 IS NULL OR ?2 IS NOT NULL OR invoice.number = ?3) AND (?2 IS NOT NULL OR ?3 IS NOT NULL)
             ORDER BY flow.id LIMIT 100",
            (realm, id.map(|id| id.0), number.map(InvoiceNumber::as_str)),
            |r| {
                let asked = r.get::<_, Option<String>>("seen")?.as_deref().and_then(seen).map(|(status, _)| status);
                let status = match asked {
                    Some(status) => Some(status),
                    None => maybe_word(r, "status")?,
                };
                Ok((ChorusInvoiceId(r.get("id")?), facts(r)?, status))
            },
        )
    }
}
