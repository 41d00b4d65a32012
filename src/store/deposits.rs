//! Steps of deposits: every event goes through [`deposit::decide`]; state, leaf, attempt and next work change together.

use std::collections::BTreeSet;

use super::columns::{fault_text, integer, maybe_fault, word};
use super::flows::{self, Loaded};
use super::journal::{Entry, SYSTEM};
use super::queue::Hold;
use super::standing::ELSEWHERE;
use super::writer::Writing;
use super::{
    Decided, Facts, FindingRecord, InvoiceFacts, Lease, Passing, StoreError, parts, people, sending, standing, statuses,
};
use crate::domain::{FlowId, InvoiceNumber, Timestamp};
use crate::fault::{Code, Fault};
use crate::flow::deposit::{Event, State};
use crate::flow::{Decision, FlowKind, Job, deposit};

/// Findings kept of one flow; the check's own limit is far lower.
const FINDINGS_KEPT: usize = 1000;

/// Invoices kept of one flow: Chorus Pro's own limit of a flux is 500.
const INVOICES_LIMIT: usize = 10_000;

/// What is remembered of a file that Chorus Pro took for a form: this, the flow and the file.
pub const UPLOADED: &str = "upload:";
/// The same while a form is under way that may use it up.
const IN_USE: &str = "upload in use:";

/// *decide*: see [`super::Store::decide`].
pub fn decide(
    w: &mut Writing<'_>,
    id: &FlowId,
    event: Event,
    facts: &Facts,
    lease: Option<&Lease>,
    at: Timestamp,
) -> Result<Decided<State>, StoreError> {
    if event == Event::Sending {
        return intend(w, id, lease.ok_or(StoreError::Misuse("sending without a lease: see intend"))?, at);
    }
    let hold = Hold::ends(w, lease)?;
    match taken(w, id, event, facts)? {
        Some(fault) => apply(w, id, Event::CheckFailed, &Facts { fault: Some(fault), ..facts.clone() }, hold, at),
        None => apply(w, id, event, facts, hold, at),
    }
}

/// Why a file that passed its check is not sent all the same: Chorus Pro takes a number of a supplier once a year; and what
/// was made of a pivot may be on its way already, as it is or made of another pivot.
fn taken(w: &Writing<'_>, id: &FlowId, event: Event, facts: &Facts) -> Result<Option<Fault>, StoreError> {
    if event != Event::CheckPassed {
        return Ok(None);
    }
    if let (false, Some(invoices)) = (facts.repeatable, &facts.invoices)
        && let Some(fault) = number_taken(w, id, invoices)?
    {
        return Ok(Some(fault));
    }
    let Some(conversion) = &facts.conversion else { return Ok(None) };
    let realm = flows::load(w, id)?.realm;
    let first = parts::twin(w, realm, conversion.content.sha256, id.as_str())?;
    Ok(first.map(|first| Fault::new(Code::Duplicate).with("first", first)))
}

/// The fault of the first invoice that another flow, on its way or done, holds already.
pub fn number_taken(w: &Writing<'_>, id: &FlowId, invoices: &[InvoiceFacts]) -> Result<Option<Fault>, StoreError> {
    let own = flows::load(w, id)?;
    for invoice in invoices {
        if let Some(first) = parts::flow_with(w, &own, invoice)? {
            return Ok(Some(Fault::new(Code::NumberTaken).with("number", &invoice.number).with("first", &first)));
        }
    }
    Ok(None)
}

/// *intend*: see [`super::Store::intend`].
pub fn intend(w: &mut Writing<'_>, id: &FlowId, lease: &Lease, at: Timestamp) -> Result<Decided<State>, StoreError> {
    let hold = Hold::goes(w, lease, Job::Deposit, id)?;
    apply(w, id, Event::Sending, &Facts::default(), hold, at)
}

/// What we do ourselves when a deposit ended without an answer: doubt.
pub fn lose(w: &mut Writing<'_>, id: &FlowId, why: &str, at: Timestamp) -> Result<(), StoreError> {
    let facts = Facts {
        fault: Some(Fault::new(Code::AnswerLost).with("detail", why)),
        detail: Some(why.to_owned()),
        ..Facts::default()
    };
    apply(w, id, Event::AnswerLost, &facts, Hold::Free, at)?;
    Ok(())
}

/// An event of the flow, in a step that has seen to leases, or says what becomes of one.
pub fn apply(
    w: &mut Writing<'_>,
    id: &FlowId,
    event: Event,
    facts: &Facts,
    hold: Hold<'_>,
    at: Timestamp,
) -> Result<Decided<State>, StoreError> {
    let flow = flows::load(w, id)?;
    let from: State = flow.state(FlowKind::Deposit)?;
    let Decision::Move { to, work } = deposit::decide(from, event, at, w.policy) else {
        flow.impossible(w, event.as_str(), at)?;
        return Ok(Decided::Impossible { state: from });
    };
    hold.settle(w, id, from != to)?;
    attempt(w, &flow, event, facts, at)?;
    settle_uploads(w, &flow, event, (from, to), facts)?;
    // A look that told nothing new is no step of its own.
    let news = from != to || event != Event::InHand || facts.fault.is_some();
    if news {
        flow.enter_state(w, to.as_str(), to.is_final(), at)?;
        flow.show_fault(w, facts.fault.as_ref(), to == State::Abandoned)?;
        let verdict = facts.fault.as_ref().filter(|_| to.is_followed()).map(fault_text);
        w.run("UPDATE flow SET verdict = ?3 WHERE realm = ?1 AND id = ?2", (flow.realm, flow.id.as_str(), verdict))?;
        details(w, &flow, facts, at)?;
        leaf(w, &flow, event, (from, to), facts, at)?;
        if let Some((ordinal, id)) = facts.chorus_id.map(|id| (0, id)).or(facts.chosen) {
            let actor = facts.person.as_deref().unwrap_or(SYSTEM);
            statuses::identify(w, &flow.id, (ordinal, id), actor, at)?;
        }
    }
    flow.queue_work(w, &work, facts.not_before, at)?;
    if news && event == Event::InHand {
        flow.queue_receipt(w, at)?;
    }
    if to.is_final() {
        parts::settle(w, &flow, at)?;
    }
    Ok(Decided::Moved { from, to })
}

/// What was not confirmed of a flux is all there after all: nothing of it is missing. Its invoices are followed as before,
/// under whoever's lease, so its work stays.
pub fn confirm(w: &mut Writing<'_>, flow: &Loaded, at: Timestamp) -> Result<(), StoreError> {
    let key = (flow.realm, flow.id.as_str());
    if flow.kind != FlowKind::Deposit.as_str() || flow.state != State::PartlyIntegrated.as_str() {
        return Ok(());
    }
    let verdict = w.one("SELECT verdict FROM flow WHERE realm = ?1 AND id = ?2", key, |r| maybe_fault(r, "verdict"))?;
    let open = "SELECT 1 FROM invoice WHERE realm = ?1 AND flow = ?2 AND (refused IS NOT NULL OR chorus_id IS NULL)";
    if verdict.flatten().is_none_or(|v| v.code != Code::NotConfirmed) || w.one(open, key, |_| Ok(()))?.is_some() {
        return Ok(());
    }
    let (from, event) = (State::PartlyIntegrated, Event::Integrated);
    let Decision::Move { to, work } = deposit::decide(from, event, at, w.policy) else { return Ok(()) };
    flow.enter_state(w, to.as_str(), to.is_final(), at)?;
    w.run("UPDATE flow SET verdict = NULL WHERE realm = ?1 AND id = ?2", key)?;
    leaf(w, flow, event, (from, to), &Facts::default(), at)?;
    flow.queue_work(w, &work, None, at)?;
    standing::stand(w, &flow.id, Passing::Kept, at)?;
    parts::settle(w, flow, at)
}

/// What was handed in for a form is out of reach from the intent on: it is there again only if the form certainly never left,
/// and gone if it may have used it up, or was refused perhaps for it, and at the flow's end.
fn settle_uploads(
    w: &Writing<'_>,
    flow: &Loaded,
    event: Event,
    (from, to): (State, State),
    facts: &Facts,
) -> Result<(), StoreError> {
    let (kept, in_use) = (format!("{UPLOADED}{}:", flow.id), format!("{IN_USE}{}:", flow.id));
    let is_refused = facts.fault.as_ref().is_some_and(|fault| fault.code == Code::UploadsRefused);
    if event == Event::Sending {
        people::rename_of(w, flow.realm, &kept, &in_use)?;
    } else if event == Event::NotSent && !is_refused {
        people::rename_of(w, flow.realm, &in_use, &kept)?;
    } else if from == State::Sending {
        people::forget_of(w, flow.realm, &in_use)?;
    }
    if to.is_final() {
        people::forget_of(w, flow.realm, &kept)?;
    }
    Ok(())
}

fn leaf(
    w: &mut Writing<'_>,
    flow: &Loaded,
    event: Event,
    (from, to): (State, State),
    facts: &Facts,
    at: Timestamp,
) -> Result<(), StoreError> {
    let kind = format!("deposit.{event}");
    let replaces = if facts.invoices.is_some() { replaced(w, flow)? } else { None };
    let mut entry = Entry::new(&kind, at, Some(&flow.place))
        .actor(facts.person.as_deref().unwrap_or(SYSTEM))
        .object("flow", &flow.id)
        .object("from", from)
        .object("state", to)
        .maybe("deposit_number", facts.deposit_number.as_ref())
        .maybe("rejected_number", facts.rejected_number.as_ref())
        .maybe("syntax", facts.syntax.as_ref())
        .maybe("announced", facts.announced.as_ref().map(|announced| &announced.syntax))
        .maybe("signed", facts.announced.as_ref().filter(|announced| announced.signed).map(|_| "yes"))
        .maybe("invoices", facts.invoices.as_ref().map(Vec::len))
        .maybe("findings", facts.findings.as_ref().map(Vec::len))
        .maybe("rules", facts.rules.as_ref())
        .maybe("replaces", replaces)
        .maybe("companion", facts.companion.as_ref())
        .fault(facts.fault.as_ref());
    if let Some(data) = facts.data {
        entry = entry.hash("data", data);
    }
    if let Some(detail) = &facts.detail {
        entry = entry.private("detail", detail);
    }
    if let Some(conversion) = &facts.conversion {
        entry = entry.hash("sent", conversion.content.sha256);
    }
    entry.append(w)?;
    Ok(())
}

/// The attempt's row: begun before the first byte leaves, closed by what came of it.
fn attempt(w: &Writing<'_>, flow: &Loaded, event: Event, facts: &Facts, at: Timestamp) -> Result<(), StoreError> {
    let number = facts.deposit_number.as_ref().map(|n| n.as_str());
    match event {
        Event::Sending => {
            flow.begin_attempt(w, at)?;
            // A former attempt's number (of a flux that Chorus Pro lost) is not this one's; the attempt's row keeps it.
            w.run(
                "UPDATE flow SET deposit_number = NULL WHERE realm = ?1 AND id = ?2",
                (flow.realm, flow.id.as_str()),
            )?;
        }
        Event::NotSent | Event::DepositAccepted | Event::DepositRefused | Event::AnswerLost => {
            flow.close_attempt(w, event.as_str(), number, facts.detail.as_deref(), at)?;
        }
        // Nobody knows it: what is found of the flow is found without it. The attempt's row keeps it.
        Event::FluxUnknown => {
            w.run(
                "UPDATE flow SET deposit_number = NULL WHERE realm = ?1 AND id = ?2",
                (flow.realm, flow.id.as_str()),
            )?;
        }
        // The try itself was refused: the doubt is about an earlier one.
        Event::RefusedInDoubt => {
            let outcome = Event::DepositRefused.as_str();
            flow.close_attempt(w, outcome, number, facts.detail.as_deref(), at)?;
        }
        // Of a doubtful one the attempt is closed already.
        Event::Submitted => {
            if flow.state == State::Sending.as_str() {
                flow.close_attempt(w, event.as_str(), number, facts.detail.as_deref(), at)?;
            }
        }
        Event::FoundAtChorus | Event::ConfirmedByPerson => {
            w.run(
                "UPDATE attempt SET deposit_number = coalesce(deposit_number, ?3)
                 WHERE realm = ?1 AND flow = ?2 AND n = (SELECT max(n) FROM attempt WHERE realm = ?1 AND flow = ?2
                     AND outcome NOT IN ('not_sent', 'deposit_refused'))",
                (flow.realm, flow.id.as_str(), number),
            )?;
        }
        Event::CheckPassed
        | Event::CheckFailed
        | Event::Split
        | Event::DataAwaited
        | Event::PdfAwaited
        | Event::Completed
        | Event::Joined
        | Event::UploadRefused
        | Event::AbsentAtChorus
        | Event::StillDoubtful
        | Event::InHand
        | Event::Integrated
        | Event::DuplicateOfOurs
        | Event::PartlyIntegrated
        | Event::Rejected
        | Event::RejectionStands
        | Event::TakenBefore
        | Event::Incident
        | Event::ResendByPerson
        | Event::AbandonedByPerson => {}
    }
    Ok(())
}

/// What came with the event: syntax, numbers, findings, invoices.
fn details(w: &mut Writing<'_>, flow: &Loaded, facts: &Facts, at: Timestamp) -> Result<(), StoreError> {
    let key = (flow.realm, flow.id.as_str());
    if let Some(announced) = &facts.announced {
        sending::announce(w, flow, announced)?;
    }
    if let Some(conversion) = &facts.conversion {
        sending::convert(w, flow, conversion, at)?;
    }
    sending::refuse_members(w, flow, &facts.refused_members)?;
    if facts.syntax.is_some() || facts.deposit_number.is_some() {
        w.run(
            "UPDATE flow SET syntax = coalesce(?3, syntax), deposit_number = coalesce(?4, deposit_number)
             WHERE realm = ?1 AND id = ?2",
            (key.0, key.1, &facts.syntax, facts.deposit_number.as_ref().map(|n| n.as_str())),
        )?;
    }
    if let Some(rules) = &facts.rules {
        let rules = serde_json::to_string(rules).expect("texts always serialise");
        w.run("UPDATE flow SET rules = ?3 WHERE realm = ?1 AND id = ?2", (key.0, key.1, rules))?;
    }
    if let Some(findings) = &facts.findings {
        w.run("DELETE FROM finding WHERE realm = ?1 AND flow = ?2", key)?;
        for (ordinal, finding) in findings.iter().take(FINDINGS_KEPT).enumerate() {
            enter_finding(w, flow, ordinal, finding)?;
        }
    }
    if let Some(invoices) = &facts.invoices {
        if invoices.len() > INVOICES_LIMIT {
            return Err(StoreError::Misuse("more invoices in a file than a flow may have"));
        }
        w.run("DELETE FROM status WHERE realm = ?1 AND flow = ?2", key)?;
        w.run("DELETE FROM invoice WHERE realm = ?1 AND flow = ?2", key)?;
        let mut former = BTreeSet::new();
        for (ordinal, invoice) in invoices.iter().enumerate() {
            enter_invoice(w, flow.realm, &flow.id, ordinal, invoice, facts.repeatable)?;
            former.append(&mut corrected(w, flow, ordinal, invoice)?);
        }
        settle_corrected(w, flow.realm, &former, at)?;
    }
    for (ordinal, label) in &facts.refused_invoices {
        w.run(
            "UPDATE invoice SET refused = ?4 WHERE realm = ?1 AND flow = ?2 AND ordinal = ?3",
            (key.0, key.1, ordinal, label),
        )?;
    }
    if facts.invoices.is_some() || facts.deposit_number.is_some() {
        flow.refresh_search(w)?;
    }
    Ok(())
}

/// An invoice that was not taken, or was rejected or recalled: whoever made it must act. Of `invoice` and its `flow`.
const ENDED: &str = "(state IN ('refused', 'rejected') OR refused IS NOT NULL
     OR coalesce(status, '') IN ('REJETEE', 'A_RECYCLER', 'REFUSEE_1', 'REFUSEE_2'))";

/// The refused or rejected invoices that this one corrects: every earlier one of its number, and of the newest flow that
/// has one of its number, or of a number that it refers to, those with these numbers. Answers their flows.
pub fn corrected(
    w: &Writing<'_>,
    flow: &Loaded,
    ordinal: usize,
    invoice: &InvoiceFacts,
) -> Result<BTreeSet<FlowId>, StoreError> {
    let mut places = w.all(
        &format!(
            "SELECT invoice.flow AS flow, ordinal FROM invoice
             JOIN flow ON flow.realm = invoice.realm AND flow.id = invoice.flow
             WHERE invoice.realm = ?1 AND number = ?3 AND supplier = ?4 AND kind = 'deposit' AND flow.id < ?2
             AND flow.id IS NOT ?5 AND corrected_by IS NULL AND {ENDED}"
        ),
        (
            flow.realm,
            flow.id.as_str(),
            invoice.number.as_str(),
            &invoice.supplier,
            flow.parent.as_ref().map(FlowId::as_str),
        ),
        |r| Ok((word::<FlowId>(r, "flow")?, r.get::<_, u32>("ordinal")?)),
    )?;
    if let Some(former) = former(w, flow, invoice)? {
        let key = (flow.realm, flow.id.as_str(), integer(ordinal as u64), former.as_str());
        w.run("UPDATE invoice SET replaces = ?4 WHERE realm = ?1 AND flow = ?2 AND ordinal = ?3", key)?;
        for number in invoice.corrects() {
            let of_number = w.all(
                "SELECT ordinal, supplier FROM invoice WHERE realm = ?1 AND flow = ?2 AND number = ?3",
                (flow.realm, former.as_str(), number.as_str()),
                |r| Ok((r.get::<_, u32>("ordinal")?, r.get::<_, String>("supplier")?)),
            )?;
            let meant = of_number.into_iter().filter(|(_, supplier)| invoice.is_of(supplier));
            places.extend(meant.map(|(place, _)| (former.clone(), place)));
        }
    }
    for (former, place) in &places {
        w.run(
            "UPDATE invoice SET corrected_by = ?4 WHERE realm = ?1 AND flow = ?2 AND ordinal = ?3 AND corrected_by IS NULL",
            (flow.realm, former.as_str(), place, flow.id.as_str()),
        )?;
    }
    Ok(places.into_iter().map(|(former, _)| former).collect())
}

/// What these flows wait for, now that some of their invoices were dropped anew: nothing, once each of them was. A member that
/// was refused because it is on its way already ([`ELSEWHERE`]) is dropped again by nobody.
pub fn settle_corrected(
    w: &mut Writing<'_>,
    realm: i64,
    former: &BTreeSet<FlowId>,
    at: Timestamp,
) -> Result<(), StoreError> {
    for id in former {
        w.run(
            &format!(
                "UPDATE flow SET waits = 0 WHERE realm = ?1 AND id = ?2 AND waits = 1 AND is_final = 1
                 AND NOT EXISTS (SELECT 1 FROM invoice WHERE invoice.realm = flow.realm AND invoice.flow = flow.id
                     AND corrected_by IS NULL AND {ENDED} AND NOT {ELSEWHERE})"
            ),
            (realm, id.as_str()),
        )?;
        standing::stand(w, id, Passing::Kept, at)?;
    }
    Ok(())
}

/// What a correction corrects. Of the numbers it may mean, its own comes first; one that is alive in another flow is
/// corrected by nobody.
fn former(w: &Writing<'_>, flow: &Loaded, invoice: &InvoiceFacts) -> Result<Option<FlowId>, StoreError> {
    for number in invoice.corrects() {
        let rows = w.all(
            &format!(
                "SELECT invoice.flow AS flow, supplier, {ENDED} AS ended
             FROM invoice JOIN flow ON flow.realm = invoice.realm AND flow.id = invoice.flow
             WHERE invoice.realm = ?1 AND number = ?2 AND flow.kind = 'deposit' AND flow.id < ?3 AND flow.id IS NOT ?4
             AND (state NOT IN ('received', 'unmatched', 'split', 'joined', 'abandoned') OR refused IS NOT NULL) ORDER BY flow.id DESC"
            ),
            (flow.realm, number.as_str(), flow.id.as_str(), flow.parent.as_ref().map(FlowId::as_str)),
            |r| Ok((word::<FlowId>(r, "flow")?, r.get::<_, String>("supplier")?, r.get::<_, bool>("ended")?)),
        )?;
        let of_supplier: Vec<_> = rows.into_iter().filter(|(_, supplier, _)| invoice.is_of(supplier)).collect();
        if of_supplier.iter().all(|(.., ended)| *ended)
            && let Some((former, ..)) = of_supplier.into_iter().next()
        {
            return Ok(Some(former));
        }
    }
    Ok(None)
}

/// The flow that the first of a flow's corrections corrects: what its leaf names.
pub fn replaced(w: &Writing<'_>, flow: &Loaded) -> Result<Option<FlowId>, StoreError> {
    w.one(
        "SELECT replaces FROM invoice WHERE realm = ?1 AND flow = ?2 AND replaces IS NOT NULL ORDER BY ordinal LIMIT 1",
        (flow.realm, flow.id.as_str()),
        |r| word(r, "replaces"),
    )
}

fn enter_finding(w: &Writing<'_>, flow: &Loaded, ordinal: usize, f: &FindingRecord) -> Result<(), StoreError> {
    w.run(
        "INSERT INTO finding (realm, flow, ordinal, rule, severity, place, message, remedy)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (flow.realm, flow.id.as_str(), integer(ordinal as u64), &f.rule, &f.severity, &f.place, &f.message, &f.remedy),
    )?;
    Ok(())
}

/// An invoice's row, without status yet.
pub fn enter_invoice(
    w: &Writing<'_>,
    realm: i64,
    flow: &FlowId,
    ordinal: usize,
    i: &InvoiceFacts,
    repeatable: bool,
) -> Result<(), StoreError> {
    w.run(
        "INSERT INTO invoice (realm, flow, ordinal, number, supplier, supplier_name, recipient, recipient_name,
                              issued_on, payable, type_code, repeatable, preceding)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        (
            realm,
            flow.as_str(),
            integer(ordinal as u64),
            i.number.as_str(),
            &i.supplier,
            &i.supplier_name,
            &i.recipient,
            &i.recipient_name,
            &i.issued_on,
            &i.payable,
            &i.type_code,
            repeatable,
            i.preceding.iter().map(InvoiceNumber::as_str).collect::<Vec<_>>().join("\n"),
        ),
    )?;
    Ok(())
}
