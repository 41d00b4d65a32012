//! Steps of status changes: every event goes through [`status_change::decide`]; state, leaf, attempt and next work change
//! together. Changes of one invoice go to Chorus Pro in the order they were asked for.

use super::columns::word;
use super::flows::{self, Loaded};
use super::journal::{Entry, SYSTEM};
use super::queue::Hold;
use super::reader::Reader;
use super::writer::Writing;
use super::{
    Asked, AskedChange, ChangeFacts, Decided, Lease, Piece, Step, Store, StoreError, parts, people, queue, receptions,
    sending,
};
use crate::domain::{AccountName, ChorusInvoiceId, FlowId, Realm, Role, Timestamp};
use crate::fault::{Code, Fault};
use crate::flow::status_change::{Event, State};
use crate::flow::{Decision, FlowKind, Job, deposit, status_change};

/// Characters of a motif that are kept; Chorus Pro takes 255.
const MOTIF_LIMIT_CHARS: usize = 2000;

/// What is remembered of where following a deposit is: this and the flow. It begins with the moment (UTC milliseconds) before
/// which only those of its invoices are looked at that no search has shown.
pub const FOLLOWING: &str = "following:";

/// Who asks, and by what.
pub struct Asking<'a> {
    pub realm: i64,
    pub place: &'a Realm,
    pub account: &'a str,
    /// What people see: the file and the line.
    pub file: &'a str,
    pub parent: Option<&'a FlowId>,
    pub actor: &'a str,
    /// The files of a complement.
    pub pieces: &'a [Piece],
}

impl Store {
    /// *name validator*: a person names another validator of the invoice of that `ordinal` in the flow `of`, whose SIRET is
    /// the motif of what is `asked`; answers the status change's flow. As [`Store::complete_sent`].
    pub fn name_validator(
        &self,
        (of, ordinal): (&FlowId, u32),
        asked: AskedChange,
        person: &str,
        at: Timestamp,
    ) -> Step<Asked> {
        let (of, person) = (of.clone(), person.to_owned());
        self.step(move |w| ask_of_sent(w, "validator", (&of, ordinal), &asked, &[], &person, at))
    }

    /// *complete*: a person completes a suspended invoice of the flow `of`, of that `ordinal` in it, with a comment and files;
    /// answers the status change's flow. It stands in both flows' history. What was given for this suspension and did not
    /// fail is answered instead, and nothing is done: a form may be sent twice.
    pub fn complete_sent(
        &self,
        (of, ordinal): (&FlowId, u32),
        asked: AskedChange,
        pieces: Vec<Piece>,
        person: &str,
        at: Timestamp,
    ) -> Step<Asked> {
        let (of, person) = (of.clone(), person.to_owned());
        self.step(move |w| ask_of_sent(w, "complement", (&of, ordinal), &asked, &pieces, &person, at))
    }
}

impl Reader {
    /// The flows of a kind that hold the invoice of a change, oldest first.
    pub fn holders(
        &self,
        place: &Realm,
        asked: &AskedChange,
        kind: FlowKind,
    ) -> Result<Vec<(FlowId, Role)>, StoreError> {
        let Some(realm) = self.realm(place)? else { return Ok(Vec::new()) };
        let key = (realm, asked.number.as_str(), asked.chorus_id.0, kind.as_str());
        self.all(HOLDING, key, |r| Ok((word(r, "id")?, word(r, "role")?)))
    }
}

/// The flows of the realm `?1` that hold the invoice of number `?2`, which Chorus Pro knows as `?3`; `?4` is their kind.
const HOLDING: &str = "SELECT DISTINCT flow.id AS id, role, state FROM invoice
     JOIN flow ON flow.realm = invoice.realm AND flow.id = invoice.flow
     WHERE invoice.realm = ?1 AND number = ?2 AND invoice.chorus_id = ?3 AND kind = ?4 ORDER BY flow.id LIMIT 100";

/// A person asks for a change of a sent invoice: `kind` is what the invoice's own history calls it.
fn ask_of_sent(
    w: &mut Writing<'_>,
    kind: &str,
    (of, ordinal): (&FlowId, u32),
    asked: &AskedChange,
    pieces: &[Piece],
    person: &str,
    at: Timestamp,
) -> Result<Asked, StoreError> {
    let flow = flows::load(w, of)?;
    if let Some(given) = given_already(w, &flow, ordinal, asked)? {
        return Ok(Asked::UnderWay(given));
    }
    let account: String = w
        .one("SELECT account FROM flow WHERE realm = ?1 AND id = ?2", (flow.realm, of.as_str()), |r| r.get(0))?
        .ok_or_else(|| StoreError::UnknownFlow(of.clone()))?;
    let asking = Asking {
        realm: flow.realm,
        place: &flow.place,
        account: &account,
        file: asked.number.as_str(),
        parent: None,
        actor: person,
        pieces,
    };
    let change = ask(w, &asking, asked, at)?;
    Entry::new(kind, at, Some(&flow.place))
        .actor(person)
        .object("flow", of)
        .object("invoice", ordinal)
        .object("change", &change)
        .append(w)?;
    Ok(Asked::New(change))
}

/// The change to this status that is under way; or was taken, while what is known of the invoice's history does not tell so yet.
fn given_already(
    w: &Writing<'_>,
    flow: &Loaded,
    ordinal: u32,
    asked: &AskedChange,
) -> Result<Option<FlowId>, StoreError> {
    w.one(
        "SELECT change.flow AS flow FROM change JOIN flow ON flow.realm = change.realm AND flow.id = change.flow
         WHERE change.realm = ?1 AND change.chorus_id = ?2 AND target = ?3
         AND (is_final = 0 OR state = 'done' AND had >=
              (SELECT count(*) FROM status WHERE realm = ?1 AND status.flow = ?4 AND ordinal = ?5 AND status = ?3))
         ORDER BY change.flow DESC LIMIT 1",
        (flow.realm, asked.chorus_id.0, asked.target.as_str(), flow.id.as_str(), ordinal),
        |r| word(r, "flow"),
    )
}

/// *ask*: see [`super::Store::ask_change`].
pub fn ask_by_person(
    w: &mut Writing<'_>,
    place: &Realm,
    account: &AccountName,
    asked: &AskedChange,
    person: &str,
    at: Timestamp,
) -> Result<Asked, StoreError> {
    let realm = queue::numbered(w, place)?;
    let under_way = w.one(
        "SELECT change.flow AS flow FROM change JOIN flow ON flow.realm = change.realm AND flow.id = change.flow
         WHERE change.realm = ?1 AND change.chorus_id = ?2 AND target = ?3 AND is_final = 0 ORDER BY change.flow LIMIT 1",
        (realm, asked.chorus_id.0, asked.target.as_str()),
        |r| word(r, "flow"),
    )?;
    if let Some(under_way) = under_way {
        return Ok(Asked::UnderWay(under_way));
    }
    let asking = Asking {
        realm,
        place,
        account: account.as_str(),
        file: asked.number.as_str(),
        parent: None,
        actor: person,
        pieces: &[],
    };
    ask(w, &asking, asked, at).map(Asked::New)
}

/// A change is durable with its leaf and its work.
pub fn ask(w: &mut Writing<'_>, asking: &Asking<'_>, asked: &AskedChange, at: Timestamp) -> Result<FlowId, StoreError> {
    let id = flows::new_id();
    let state = State::Asked;
    let motif: String = asked.motif.chars().take(MOTIF_LIMIT_CHARS).collect();
    let search = format!("{id} {} {} {} {}", asking.file, asked.number, asked.supplier, asked.target);
    w.run(
        "INSERT INTO flow (realm, id, kind, account, state, is_final, file, received_at, changed_at, since, parent, search)
         VALUES (?1, ?2, 'status_change', ?3, ?4, 0, ?5, ?6, ?6, ?6, ?7, ?8)",
        (
            asking.realm,
            id.as_str(),
            asking.account,
            state.as_str(),
            asking.file,
            at.millis(),
            asking.parent.map(FlowId::as_str),
            flows::searchable(&search),
        ),
    )?;
    w.run(
        "INSERT INTO change (realm, flow, chorus_id, number, supplier, target, motif, mandate)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            asking.realm,
            id.as_str(),
            asked.chorus_id.0,
            asked.number.as_str(),
            &asked.supplier,
            asked.target.as_str(),
            &motif,
            &asked.mandate,
        ),
    )?;
    let mut entry = Entry::new("ask", at, Some(asking.place))
        .actor(asking.actor)
        .object("flow", &id)
        .object("state", state)
        .object("chorus_id", asked.chorus_id)
        .object("status", &asked.target)
        .maybe("parent", asking.parent)
        .maybe("mandate", asked.mandate.as_ref());
    if !motif.is_empty() {
        entry = entry.private("comment", &motif);
    }
    for (place, piece) in asking.pieces.iter().enumerate() {
        entry = entry.hash(&format!("piece_{}", place + 1), piece.content.sha256);
    }
    entry.append(w)?;
    sending::enter_pieces(w, asking.realm, &id, asking.pieces, at)?;
    queue::add(w, Some(asking.realm), Job::Change, &id, at)?;
    Ok(id)
}

/// *decide change*: see [`super::Store::decide_change`].
pub fn decide(
    w: &mut Writing<'_>,
    id: &FlowId,
    event: Event,
    facts: &ChangeFacts,
    lease: Option<&Lease>,
    at: Timestamp,
) -> Result<Decided<State>, StoreError> {
    if event == Event::Sending {
        return Err(StoreError::Misuse("sending is an intent: see intend_change"));
    }
    let hold = Hold::ends(w, lease)?;
    apply(w, id, event, facts, hold, at)
}

/// *intend change*: see [`super::Store::intend_change`].
pub fn intend(
    w: &mut Writing<'_>,
    id: &FlowId,
    lease: &Lease,
    had: u32,
    at: Timestamp,
) -> Result<Decided<State>, StoreError> {
    let hold = Hold::goes(w, lease, Job::Change, id)?;
    let decided = apply(w, id, Event::Sending, &ChangeFacts::default(), hold, at)?;
    if matches!(decided, Decided::Moved { .. }) {
        w.run("UPDATE change SET had = coalesce(had, ?2) WHERE flow = ?1", (id.as_str(), had))?;
    }
    Ok(decided)
}

/// What we do ourselves when a change ended without an answer: doubt.
pub fn lose(w: &mut Writing<'_>, id: &FlowId, why: &str, at: Timestamp) -> Result<(), StoreError> {
    let facts = ChangeFacts {
        fault: Some(Fault::new(Code::ChangeLost).with("detail", why)),
        detail: Some(why.to_owned()),
        ..ChangeFacts::default()
    };
    apply(w, id, Event::AnswerLost, &facts, Hold::Free, at)?;
    Ok(())
}

fn apply(
    w: &mut Writing<'_>,
    id: &FlowId,
    event: Event,
    facts: &ChangeFacts,
    hold: Hold<'_>,
    at: Timestamp,
) -> Result<Decided<State>, StoreError> {
    let flow = flows::load(w, id)?;
    let from: State = flow.state(FlowKind::StatusChange)?;
    let Decision::Move { to, work } = status_change::decide(from, event, at, w.policy) else {
        flow.impossible(w, event.as_str(), at)?;
        return Ok(Decided::Impossible { state: from });
    };
    hold.settle(w, id, from != to)?;
    attempt(w, &flow, event, facts, at)?;
    flow.enter_state(w, to.as_str(), to.is_final(), at)?;
    flow.show_fault(w, facts.fault.as_ref(), event == Event::AbandonedByPerson)?;
    let kind = format!("status_change.{event}");
    let mut entry = Entry::new(&kind, at, Some(&flow.place))
        .actor(facts.person.as_deref().unwrap_or(SYSTEM))
        .object("flow", id)
        .object("from", from)
        .object("state", to)
        .fault(facts.fault.as_ref());
    if let Some(detail) = &facts.detail {
        entry = entry.private("detail", detail);
    }
    entry.append(w)?;
    flow.queue_work(w, &work, facts.not_before, at)?;
    if to.is_final() {
        next_of_invoice(w, &flow, at)?;
        parts::settle(w, &flow, at)?;
    }
    if to == State::Done {
        told_at_once(w, &flow, at)?;
    }
    Ok(Decided::Moved { from, to })
}

/// The invoice has the status now: whoever shows the invoice reads its history at once.
fn told_at_once(w: &mut Writing<'_>, change: &Loaded, at: Timestamp) -> Result<(), StoreError> {
    let key = (change.realm, change.id.as_str());
    let asked = w.one("SELECT chorus_id, number FROM change WHERE realm = ?1 AND flow = ?2", key, |r| {
        Ok((r.get("chorus_id")?, r.get::<_, String>("number")?))
    })?;
    let Some((invoice, number)) = asked else { return Ok(()) };
    receptions::changed(w, change.realm, ChorusInvoiceId(invoice), at)?;
    let holding = (change.realm, number.as_str(), invoice, FlowKind::Deposit.as_str());
    for (id, state) in w.all(HOLDING, holding, |r| Ok((word::<FlowId>(r, "id")?, r.get::<_, String>("state")?)))? {
        if state.parse().is_ok_and(deposit::State::is_followed) {
            // Every invoice, not only those that are missing; the change's name tells it from a place that was kept before.
            let anew = format!("0 0 0 0 - - {}", change.id);
            people::remember(w, &change.place, &format!("{FOLLOWING}{id}"), &anew)?;
            queue::add(w, Some(change.realm), Job::Statuses, &id, at)?;
        }
    }
    Ok(())
}

/// The attempt's row: begun before the first byte leaves, closed by what came of it.
fn attempt(w: &Writing<'_>, flow: &Loaded, event: Event, facts: &ChangeFacts, at: Timestamp) -> Result<(), StoreError> {
    match event {
        Event::Sending => flow.begin_attempt(w, at),
        Event::NotSent | Event::Accepted | Event::Refused | Event::AnswerLost => {
            flow.close_attempt(w, event.as_str(), None, facts.detail.as_deref(), at)
        }
        Event::NotAllowed
        | Event::FoundAtChorus
        | Event::AbsentAtChorus
        | Event::StillDoubtful
        | Event::AbandonedByPerson => Ok(()),
    }
}

/// The end of a change is the turn of the invoice's next one.
fn next_of_invoice(w: &mut Writing<'_>, flow: &Loaded, at: Timestamp) -> Result<(), StoreError> {
    let next = w.one(
        "SELECT later.flow AS flow FROM change AS ended
         JOIN change AS later ON later.realm = ended.realm AND later.chorus_id = ended.chorus_id AND later.flow > ended.flow
         JOIN flow ON flow.realm = later.realm AND flow.id = later.flow
         WHERE ended.realm = ?1 AND ended.flow = ?2 AND flow.state = 'asked' ORDER BY later.flow LIMIT 1",
        (flow.realm, flow.id.as_str()),
        |r| word::<FlowId>(r, "flow"),
    )?;
    match next {
        Some(next) => queue::add(w, Some(flow.realm), Job::Change, &next, at),
        None => Ok(()),
    }
}
