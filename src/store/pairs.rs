//! Steps of plain PDFs and their data: whichever comes first waits, in the journal as in the database, for the other.
//!
//! Both looks (is the other half there?) happen inside the one writer's transaction, so two halves that arrive together
//! never miss each other.

use sha2::{Digest, Sha256};

use super::columns::word;
use super::flows::{self, Loaded};
use super::journal::Entry;
use super::queue::Hold;
use super::writer::Writing;
use super::{Facts, InvoiceFacts, Lease, Paired, PdfData, StoreError, deposits, queue};
use crate::domain::{DocumentHash, FlowId, Timestamp};
use crate::fault::{Code, Fault, Text};
use crate::flow::FlowKind;
use crate::flow::deposit::{Event, State};

/// What the flow of a plain PDF is written in, for the store and the page.
pub const PDF: &str = "pdf";
/// What the flow of a PDF's data is written in.
pub const PDF_DATA: &str = "pdf-data";

/// Bytes of the JSON that is kept.
const DATA_LIMIT_BYTES: usize = 1 << 20;

/// Waiting halves of the same account, folder and realm as the flow `?2`. `?1` realm, `?3` state.
macro_rules! waiting {
    ($more:literal) => {
        concat!(
            "SELECT flow.id AS id FROM flow INDEXED BY flow_state JOIN arrival ON arrival.id = flow.id
             JOIN arrival AS own ON own.id = ?2 AND own.account = arrival.account
                 AND trim(own.folder, '/') = trim(arrival.folder, '/')
             LEFT JOIN pdf_data ON pdf_data.realm = flow.realm AND pdf_data.flow = flow.id
             WHERE flow.realm = ?1 AND flow.kind = 'deposit' AND flow.state = ?3 AND flow.id <> ?2 AND ",
            $more,
            " ORDER BY flow.id"
        )
    };
}

/// *await data*: see [`super::Store::await_data`].
pub fn await_data(
    w: &mut Writing<'_>,
    id: &FlowId,
    facts: &Facts,
    lease: &Lease,
    at: Timestamp,
) -> Result<Paired, StoreError> {
    let Some(pdf) = begin(w, id, Some(lease), (State::Received, Event::DataAwaited), at)? else {
        return Ok(Paired::Impossible);
    };
    let key = (pdf.realm, id.as_str(), State::Unmatched.as_str(), pair_wait(w));
    let sql = waiting!(
        "(pdf_data.pdf_sha256 = own.sha256
          OR (pdf_data.pdf_sha256 IS NULL AND pdf_data.pdf = own.file AND abs(arrival.at - own.at) <= ?4))"
    );
    // The newest word counts; a former one was refused when it came.
    for data in w.all(sql, key, |r| word::<FlowId>(r, "id"))?.into_iter().rev() {
        let (json, invoice) = kept(w, &data)?;
        // Taken meanwhile: these data can go nowhere, the PDF waits for others.
        if let Some(fault) = deposits::number_taken(w, &data, std::slice::from_ref(&invoice))? {
            let facts = Facts { fault: Some(fault), ..Facts::default() };
            deposits::apply(w, &data, Event::CheckFailed, &facts, Hold::Free, at)?;
            continue;
        }
        join(w, &pdf, &data, (&json, &invoice), (Facts::default(), facts), at)?;
        return Ok(Paired::Completed(id.clone()));
    }
    deposits::apply(w, id, Event::DataAwaited, facts, Hold::Free, at)?;
    Ok(Paired::Waits)
}

/// *offer data*: see [`super::Store::offer_data`].
pub fn offer_data(
    w: &mut Writing<'_>,
    id: &FlowId,
    offered: &PdfData,
    facts: &Facts,
    lease: &Lease,
    at: Timestamp,
) -> Result<Paired, StoreError> {
    let Some(own) = begin(w, id, Some(lease), (State::Received, Event::PdfAwaited), at)? else {
        return Ok(Paired::Impossible);
    };
    let facts = Facts { invoices: Some(vec![offered.invoice.clone()]), ..facts.clone() };
    if let Some(fault) = deposits::number_taken(w, id, std::slice::from_ref(&offered.invoice))? {
        return refuse(w, id, fault, &facts, at);
    }
    keep(w, &own, Some(offered), &offered.json)?;
    match meant(w, &own, offered)?.as_slice() {
        [] => {
            supersede(w, &own, offered, at)?;
            let fault = older(w, &own, offered)?.or_else(|| facts.fault.clone());
            deposits::apply(w, id, Event::PdfAwaited, &Facts { fault, ..facts }, Hold::Free, at)?;
            Ok(Paired::Waits)
        }
        [pdf] => {
            let pdf = flows::load(w, pdf)?;
            let pdf_facts = Facts { syntax: Some(PDF.to_owned()), ..Facts::default() };
            join(w, &pdf, id, (&offered.json, &offered.invoice), (facts, &pdf_facts), at)?;
            Ok(Paired::Completed(pdf.id))
        }
        several => {
            let why = Text::new(
                format!(
                    "{} PDF de ce nom attendent leurs données ; ajoutez \"sha256\" pour dire lequel",
                    several.len()
                ),
                format!("{} PDFs of that name await their data; add \"sha256\" to say which", several.len()),
            );
            refuse(w, id, Fault::new(Code::PdfDataUnmatched).with_text("why", &why), &facts, at)
        }
    }
}

/// *complete by a person*: see [`super::Store::complete_pdf`].
pub fn complete_by_person(
    w: &mut Writing<'_>,
    id: &FlowId,
    offered: &PdfData,
    person: &str,
    at: Timestamp,
) -> Result<Paired, StoreError> {
    let Some(pdf) = begin(w, id, None, (State::Incomplete, Event::Completed), at)? else {
        return Ok(Paired::Impossible);
    };
    if let Some(fault) = deposits::number_taken(w, id, std::slice::from_ref(&offered.invoice))? {
        return Ok(Paired::Refused(fault));
    }
    let findings = Some(offered.findings.clone());
    let rules = offered.rules.clone();
    let facts = Facts { person: Some(person.to_owned()), findings, rules, ..Facts::default() };
    complete(w, &pdf, None, &offered.json, &offered.invoice, &facts, at)?;
    Ok(Paired::Completed(id.clone()))
}

/// *data overdue*: see [`super::Store::data_overdue`].
pub fn data_overdue(
    w: &mut Writing<'_>,
    id: &FlowId,
    fault: &Fault,
    lease: &Lease,
    at: Timestamp,
) -> Result<(), StoreError> {
    queue::check_held(w, lease)?;
    queue::end(w, lease)?;
    if flows::load(w, id)?.state != State::Incomplete.as_str() {
        return Ok(());
    }
    flows::trouble(w, id, Some(fault), at)
}

/// Ends the lease and loads the flow, if it is in the state that `event` is for: any other is impossible.
fn begin(
    w: &mut Writing<'_>,
    id: &FlowId,
    lease: Option<&Lease>,
    (state, event): (State, Event),
    at: Timestamp,
) -> Result<Option<Loaded>, StoreError> {
    if let Some(lease) = lease {
        queue::check_held(w, lease)?;
    }
    let flow = flows::load(w, id)?;
    if flow.state::<State>(FlowKind::Deposit)? != state {
        flow.impossible(w, event.as_str(), at)?;
        return Ok(None);
    }
    if let Some(lease) = lease {
        queue::end(w, lease)?;
    }
    Ok(Some(flow))
}

/// How far apart two halves may come that are told by their name alone, in milliseconds: next year's invoice may have the
/// name of this one's.
fn pair_wait(w: &Writing<'_>) -> i64 {
    i64::try_from(w.policy.pair_wait.as_millis()).unwrap_or(i64::MAX)
}

/// *propose*: see [`super::Store::propose`].
pub fn propose(
    w: &mut Writing<'_>,
    id: &FlowId,
    proposal: &str,
    lease: &Lease,
    at: Timestamp,
) -> Result<(), StoreError> {
    queue::check_held(w, lease)?;
    queue::end(w, lease)?;
    let pdf = flows::load(w, id)?;
    if pdf.state != State::Incomplete.as_str() {
        return Ok(());
    }
    if proposal.len() > DATA_LIMIT_BYTES {
        return Err(StoreError::Misuse("a proposal larger than data may be"));
    }
    w.run(
        "INSERT INTO pdf_data (realm, flow, proposal) VALUES (?1, ?2, ?3)
         ON CONFLICT (realm, flow) DO UPDATE SET proposal = excluded.proposal",
        (pdf.realm, id.as_str(), proposal),
    )?;
    Entry::new("propose", at, Some(&pdf.place))
        .object("flow", id)
        .hash("proposal", DocumentHash(Sha256::digest(proposal).into()))
        .append(w)?;
    Ok(())
}

/// The PDFs that wait and are meant: by their bytes, or by their name if they came within [`pair_wait`] of the data.
fn meant(w: &Writing<'_>, own: &Loaded, offered: &PdfData) -> Result<Vec<FlowId>, StoreError> {
    let (realm, id, state) = (own.realm, own.id.as_str(), State::Incomplete.as_str());
    match offered.sha256 {
        Some(hash) => w.all(waiting!("flow.sha256 = ?4"), (realm, id, state, hash.0), |r| word(r, "id")),
        None => {
            let sql = waiting!("flow.file = ?4 AND abs(arrival.at - own.at) <= ?5");
            w.all(sql, (realm, id, state, &offered.pdf, pair_wait(w)), |r| word(r, "id"))
        }
    }
}

/// What data wait with when only PDFs that came long before them have that name: the newest of those may be meant, which
/// the name alone does not say.
fn older(w: &Writing<'_>, own: &Loaded, offered: &PdfData) -> Result<Option<Fault>, StoreError> {
    if offered.sha256.is_some() {
        return Ok(None);
    }
    let key = (own.realm, own.id.as_str(), State::Incomplete.as_str(), &offered.pdf);
    let named = w.all(waiting!("flow.file = ?4"), key, |r| word::<FlowId>(r, "id"))?;
    let hours = w.policy.pair_wait.as_secs().div_ceil(3600);
    let fault = |older| Fault::new(Code::DataAwaitNewerPdf).with("pdf", &offered.pdf).with("older", older);
    Ok(named.last().map(|older| fault(older).with("hours", hours)))
}

/// Data that wait already for the same PDF are refused: the newest word counts.
fn supersede(w: &mut Writing<'_>, own: &Loaded, offered: &PdfData, at: Timestamp) -> Result<(), StoreError> {
    let key = (own.realm, own.id.as_str(), State::Unmatched.as_str(), &offered.pdf, offered.sha256.map(|hash| hash.0));
    let sql = waiting!("pdf_data.pdf_sha256 IS ?5 AND (?5 IS NOT NULL OR pdf_data.pdf = ?4)");
    for former in w.all(sql, key, |r| word::<FlowId>(r, "id"))? {
        let why = Text::new(
            format!("remplacées par celles du flux {}", own.id),
            format!("replaced by those of flow {}", own.id),
        );
        let fault = Fault::new(Code::PdfDataUnmatched).with_text("why", &why);
        deposits::apply(
            w,
            &former,
            Event::CheckFailed,
            &Facts { fault: Some(fault), ..Facts::default() },
            Hold::Free,
            at,
        )?;
        // Nobody waits for what was replaced.
        w.run("UPDATE flow SET waits = 0 WHERE realm = ?1 AND id = ?2", (own.realm, former.as_str()))?;
    }
    Ok(())
}

fn refuse(w: &mut Writing<'_>, id: &FlowId, fault: Fault, facts: &Facts, at: Timestamp) -> Result<Paired, StoreError> {
    let facts = Facts { fault: Some(fault.clone()), ..facts.clone() };
    deposits::apply(w, id, Event::CheckFailed, &facts, Hold::Free, at)?;
    Ok(Paired::Refused(fault))
}

/// Data meet their PDF: first they go, and their invoice's row with them, then the PDF has both.
fn join(
    w: &mut Writing<'_>,
    pdf: &Loaded,
    data: &FlowId,
    (json, invoice): (&str, &InvoiceFacts),
    (data_facts, pdf_facts): (Facts, &Facts),
    at: Timestamp,
) -> Result<(), StoreError> {
    let gone = Facts { fault: None, companion: Some(pdf.id.clone()), ..data_facts };
    deposits::apply(w, data, Event::Joined, &gone, Hold::Free, at)?;
    let facts = Facts { fault: None, ..pdf_facts.clone() };
    complete(w, pdf, Some(data), json, invoice, &facts, at)?;
    let key = (pdf.realm, data.as_str(), pdf.id.as_str());
    w.run("UPDATE pdf_data SET joined = ?3 WHERE realm = ?1 AND flow = ?2", key)?;
    Ok(())
}

/// The PDF has its data.
fn complete(
    w: &mut Writing<'_>,
    pdf: &Loaded,
    data: Option<&FlowId>,
    json: &str,
    invoice: &InvoiceFacts,
    facts: &Facts,
    at: Timestamp,
) -> Result<(), StoreError> {
    keep(w, pdf, None, json)?;
    let facts = Facts {
        invoices: Some(vec![invoice.clone()]),
        companion: data.cloned(),
        data: Some(DocumentHash(Sha256::digest(json).into())),
        ..facts.clone()
    };
    deposits::apply(w, &pdf.id, Event::Completed, &facts, Hold::Free, at)?;
    Ok(())
}

/// The data's row of a PDF, or of data that are `offered`.
fn keep(w: &Writing<'_>, flow: &Loaded, offered: Option<&PdfData>, json: &str) -> Result<(), StoreError> {
    if json.len() > DATA_LIMIT_BYTES {
        return Err(StoreError::Misuse("data of a PDF larger than their limit"));
    }
    let hash = offered.and_then(|offered| offered.sha256).map(|hash| hash.0);
    w.run(
        "INSERT INTO pdf_data (realm, flow, pdf, pdf_sha256, data) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (realm, flow) DO UPDATE SET data = excluded.data",
        (flow.realm, flow.id.as_str(), offered.map(|offered| &offered.pdf), hash, json),
    )?;
    Ok(())
}

/// What a plain PDF in an archive comes with.
pub fn keep_part(
    w: &Writing<'_>,
    part: &Loaded,
    json: &str,
    enclosures: &[(String, DocumentHash)],
) -> Result<(), StoreError> {
    keep(w, part, None, json)?;
    for (ordinal, (name, hash)) in (0i64..).zip(enclosures) {
        w.run(
            "INSERT INTO enclosure (realm, flow, ordinal, name, sha256) VALUES (?1, ?2, ?3, ?4, ?5)",
            (part.realm, part.id.as_str(), ordinal, name, hash.0),
        )?;
    }
    Ok(())
}

/// What data that wait say.
fn kept(w: &Writing<'_>, data: &FlowId) -> Result<(String, InvoiceFacts), StoreError> {
    let missing = || StoreError::Misuse("data that wait and say nothing");
    let json = w.one("SELECT data FROM pdf_data WHERE flow = ?1 AND data IS NOT NULL", [data.as_str()], |r| {
        r.get::<_, String>(0)
    })?;
    let invoice =
        w.one("SELECT * FROM invoice WHERE flow = ?1 AND ordinal = 0", [data.as_str()], super::reader::facts)?;
    Ok((json.ok_or_else(missing)?, invoice.ok_or_else(missing)?))
}
